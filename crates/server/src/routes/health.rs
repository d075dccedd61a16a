//! Liveness, readiness (ingest and search apart), metrics.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use indelible_control::Permission;
use indelible_ledger::LedgerStatus;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::{App, Gate},
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, Ready},
    metrics,
};

/// Whether the process answers at all.
#[utoipa::path(get, path = "/healthz", operation_id = "get_health", tag = "operation", security(()), responses((status = 200, description = "the process answers")))]
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

/// What the server can do now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether events are taken.
    ingest: bool,
    /// Whether the index has caught up with what was on disk when it was last asked.
    search: bool,
    /// What is going on, where not both are true.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// 200 when events are taken and found; 503 says what is missing.
#[utoipa::path(
    get, path = "/readyz", operation_id = "get_readiness", tag = "operation", security(()),
    responses((status = 200, body = Readiness), (status = 503, body = Readiness))
)]
pub(crate) async fn ready(State(gate): State<Arc<Gate>>) -> Response {
    let readiness = match gate.app() {
        None => Readiness { ingest: false, search: false, detail: Some(gate.opening()) },
        Some(app) => {
            let progress = app.trail.progress();
            let ledger = app.writer.status();
            let refusing = refusing(app, &ledger);
            // While events stream in the index is always a few behind; only a rebuild or a fault makes it unready.
            let search = !progress.rebuilding && progress.error.is_none();
            let detail = refusing
                .clone()
                .or_else(|| {
                    progress.error.as_ref().map(|_| "the index has trouble; the log says which".to_owned())
                })
                .or_else(|| {
                    // How many there are is not for everybody who can reach this address.
                    let done =
                        (progress.indexed_size * 100).checked_div(progress.durable_size).unwrap_or(100);
                    progress.rebuilding.then(|| format!("the index is being rebuilt: {done} % done"))
                });
            Readiness { ingest: refusing.is_none(), search, detail }
        }
    };
    let status =
        if readiness.ingest && readiness.search { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// Why events are not taken, if they are not.
fn refusing(app: &App, ledger: &LedgerStatus) -> Option<String> {
    if ledger.failed {
        return Some("the ledger has failed; the log says why".into());
    }
    match rustix::fs::statvfs(&app.config.data) {
        Ok(disk) if disk.f_bavail.saturating_mul(disk.f_frsize) < app.config.free_bytes_min => {
            Some("the disk is nearly full: events are refused".into())
        }
        Ok(_) => None,
        Err(error) => Some(format!("the data directory can't be asked for its free space: {error}")),
    }
}

/// Prometheus metrics; needs `settings.manage` and reach over everything, since they tell how much is sent.
#[utoipa::path(
    get, path = "/metrics", operation_id = "get_metrics", tag = "operation",
    responses((status = 200, description = "Prometheus text format"), (status = 401, body = ProblemDetails))
)]
pub(crate) async fn metrics(
    State(gate): State<Arc<Gate>>,
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Response, ApiError> {
    params.finish()?;
    caller.needs_everywhere(Permission::SettingsManage)?;
    metrics::observe(&app);
    let headers = [(axum::http::header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((headers, gate.metrics.render()).into_response())
}
