//! `/metrics`: what the server counts, in Prometheus' text format. Names are listed in `docs/operate/metrics.md`.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use uuid::Uuid;

use crate::{
    app::{App, Gate},
    client::Client,
    error::{Instance, REQUEST},
    recorder::Origin,
};

/// Upper bounds of the request-time buckets, in seconds: 0.5 ms (an fsync on a good disk) to 10 s.
const SECONDS: [f64; 10] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

/// Upper bounds of the buckets for zones of a search: one (1,024 events) to all of 100 million events.
const ZONES: [f64; 6] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];

/// Upper bounds of the buckets for bytes that a search read: a block to a gigabyte.
const READ_BYTES: [f64; 6] = [4e3, 64e3, 1e6, 16e6, 128e6, 1e9];

/// Installs the recorder of this process. A second server in one process (tests) shares it.
pub(crate) fn install() -> Result<PrometheusHandle, BuildError> {
    static HANDLE: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_zones".into()), &ZONES)?
        .set_buckets_for_metric(Matcher::Suffix("_read_bytes".into()), &READ_BYTES)?
        .build_recorder();
    let handle = HANDLE.get_or_init(|| recorder.handle()).clone();
    // Losing this race means that another thread's recorder, whose handle everyone shares, is installed.
    let _ = metrics::set_global_recorder(recorder);
    describe_counter!("indelible_http_requests_total", "HTTP requests by route, method and status");
    describe_counter!("indelible_http_errors_total", "HTTP errors by code");
    describe_histogram!("indelible_http_request_seconds", "time to answer, by route");
    describe_counter!("indelible_events_total", "events in requests, by what became of them");
    describe_gauge!("indelible_jobs_running", "jobs that run, by kind");
    describe_counter!("indelible_jobs_total", "jobs that ended or were put back, by kind and outcome");
    describe_gauge!("indelible_ledger_size", "leaves in the tree that are on disk");
    describe_gauge!("indelible_ledger_wal_bytes", "bytes of WAL segments on disk");
    describe_gauge!("indelible_ledger_unsealed_bytes", "event bytes that are in the WAL only");
    describe_gauge!("indelible_ledger_queue_bytes", "event bytes waiting for the sequencer");
    describe_gauge!("indelible_ledger_syncs", "WAL frames written and synced since start");
    describe_gauge!("indelible_search_size", "leaves that the index has caught up with");
    describe_gauge!("indelible_search_behind", "leaves that the index is behind the ledger");
    describe_gauge!("indelible_tenants", "tenants");
    describe_histogram!("indelible_search_seconds", "time that searches ran, by kind");
    describe_histogram!("indelible_search_zones", "zones of 1,024 events that searches evaluated, by kind");
    describe_histogram!("indelible_search_read_bytes", "bytes that searches read from the index, by kind");
    describe_counter!("indelible_search_stopped_total", "searches without an answer, by kind and why");
    describe_gauge!("indelible_streams", "streams and waiting feeds that are open");
    describe_counter!("indelible_tail_dropped_total", "events passed over for slow clients of streams");
    describe_gauge!("indelible_connections", "connections that are open");
    describe_counter!(
        "indelible_connections_refused_total",
        "connections closed at once, since their address had too many"
    );
    describe_counter!("indelible_tls_handshakes_failed_total", "connections that did not become TLS, by why");
    describe_gauge!(
        "indelible_tls_certificate_expiry_timestamp_seconds",
        "when the TLS certificate ends, as Unix time"
    );
    Ok(handle)
}

/// A method as a label. Any token can be sent as a method, and each label is kept for ever.
fn known(method: &Method) -> &'static str {
    const KNOWN: [Method; 6] =
        [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD];
    const NAMES: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
    KNOWN.iter().position(|known| known == method).map_or("other", |at| NAMES[at])
}

/// Sets the gauges from the stores' state, at each scrape.
pub(crate) fn observe(app: &App) {
    #[allow(clippy::cast_precision_loss, reason = "gauges are floats; the loss begins at 2^53")]
    let set = |name: &'static str, value: u64| gauge!(name).set(value as f64);
    let ledger = app.writer.status();
    let search = app.trail.progress();
    set("indelible_ledger_size", ledger.size);
    set("indelible_ledger_wal_bytes", ledger.wal_bytes);
    set("indelible_ledger_unsealed_bytes", ledger.unsealed_bytes);
    set("indelible_ledger_queue_bytes", ledger.queue_bytes);
    set("indelible_ledger_syncs", ledger.frames_total);
    set("indelible_search_size", search.indexed_size);
    set("indelible_search_behind", search.durable_size.saturating_sub(search.indexed_size));
    set("indelible_tenants", app.control.directory().tenants().len() as u64);
}

/// Routes at which somebody can guess: being told to wait there is worth an event.
const GUESSED_AT: [&str; 4] =
    ["/v1/sign-in", "/v1/password/reset", "/v1/profile/password", "/v1/profile/second-factor"];

/// Gives each request an id, counts and times it, and logs it without contents.
pub(crate) async fn track(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = Uuid::now_v7().to_string();
    let method = request.method().clone();
    // The route's pattern, never the path: ids and names stay out of labels and logs.
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let caller = Arc::new(OnceLock::new());
    let instance =
        Instance { id: format!("urn:uuid:{id}"), prefix: gate.prefix.clone(), caller: caller.clone() };
    let ip = request.extensions().get::<Client>().map(|client| client.ip);
    let user_agent = request.headers().get(header::USER_AGENT).cloned();
    let mut response = REQUEST.scope(instance, next.run(request)).await;
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    let headers = response.headers_mut();
    let code = headers.remove("x-error-code").and_then(|code| code.to_str().ok().map(str::to_owned));
    if let Ok(id) = id.parse() {
        headers.insert("x-request-id", id);
    }
    counter!("indelible_http_requests_total", "route" => route.clone(), "method" => known(&method), "status" => status.to_string())
        .increment(1);
    // What becomes of sign-ins is told by events of their own, unless they come too often to be looked at.
    let refused = match response.status() {
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => route != "/v1/sign-in",
        // Outside the reach and not there are the same: whoever tries addresses leaves a trace.
        StatusCode::NOT_FOUND => route.starts_with("/v1/") && route.contains('{') && caller.get().is_some(),
        StatusCode::TOO_MANY_REQUESTS => GUESSED_AT.contains(&route.as_str()),
        _ => false,
    };
    if let Some(app) = gate.app().filter(|_| refused) {
        let what = format!("{} {route} {}", known(&method), code.as_deref().unwrap_or_default());
        let user_agent = user_agent.and_then(|agent| agent.to_str().ok().map(str::to_owned));
        let origin = Origin { ip, user_agent, request: Some(format!("urn:uuid:{id}")), secure: false };
        if let Err(error) = app.note_refusal(caller.get(), &origin, &what).await {
            tracing::error!(cause = error.cause(), "a refusal could not be recorded");
        }
    }
    if let Some(code) = code {
        counter!("indelible_http_errors_total", "code" => code).increment(1);
    }
    histogram!("indelible_http_request_seconds", "route" => route.clone()).record(elapsed.as_secs_f64());
    tracing::debug!(request = id, %method, route, status, elapsed_ms = elapsed.as_secs_f64() * 1e3, "request");
    response
}
