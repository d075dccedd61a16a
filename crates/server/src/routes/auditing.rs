//! The installation's auditing: whether tenants begin with it. Only complete user management sees and switches it.

use axum::{Json, body::Body, http::HeaderMap};
use indelible_control::{Change, ControlError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{input::read_json, uncancelled};
use crate::{
    app::App,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, Ready},
    recorder::OwnEvent,
};

/// How the installation is audited.
#[derive(Serialize, ToSchema)]
pub(crate) struct Auditing {
    /// Whether a tenant that is made begins with auditing on.
    auditing: bool,
    /// Since when.
    audited_since: Option<String>,
    /// How many tenants there are.
    tenants: usize,
    /// How many of them are audited.
    audited_tenants: usize,
}

impl Auditing {
    fn of(app: &App) -> Self {
        let directory = app.control.directory();
        let since = directory.installation_audited_since();
        Self {
            auditing: since.is_some(),
            audited_since: since.map(|at| at.to_rfc3339()),
            tenants: directory.tenants().len(),
            audited_tenants: directory.tenants().filter(|tenant| tenant.auditing).count(),
        }
    }
}

/// Tells whether the installation is audited; needs complete user management.
#[utoipa::path(
    get, path = "/v1/auditing", operation_id = "get_auditing", tag = "auditing",
    responses((status = 200, body = Auditing), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn auditing(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<Auditing>, ApiError> {
    params.finish()?;
    caller.needs_complete_user_management()?;
    Ok(Json(Auditing::of(&app)))
}

/// The switch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditingSwitch {
    /// true switches it on. Once on it can't be switched off.
    auditing: bool,
}

/// Switches the installation's auditing on; needs complete user management. Tenants that exist are switched one by
/// one.
#[utoipa::path(
    put, path = "/v1/auditing", operation_id = "switch_auditing", tag = "auditing", request_body = AuditingSwitch,
    responses((status = 200, body = Auditing), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn switch(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Auditing>, ApiError> {
    params.finish()?;
    caller.needs_complete_user_management()?;
    let wanted: AuditingSwitch = read_json(&app, &headers, body).await?;
    let switching = app.clone();
    uncancelled(async move { switch_to(&switching, &caller, wanted.auditing).await }).await?;
    Ok(Json(Auditing::of(&app)))
}

async fn switch_to(app: &App, caller: &Caller, wanted: bool) -> Result<(), ApiError> {
    let _turn = caller.turn(app).await?;
    let directory = app.control.directory();
    let on = directory.installation_audited_since().is_some();
    let told = OwnEvent::new("Switch auditing", "installation.auditing", "update")
        .to("installation", "installation", "installation")
        .by(&caller.principal, &caller.origin, &directory)
        .changed("auditing", on, wanted);
    match (on, wanted) {
        (true, false) => {
            app.record(&told.refused("denied", "auditing_stays_on")).await?;
            Err(ControlError::AuditingStaysOn.into())
        }
        (false, true) => app.make_change(Change::InstallationAuditing, &told).await,
        _ => Ok(()),
    }
}
