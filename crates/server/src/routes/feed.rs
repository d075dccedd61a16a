//! The feed: everything within the caller's reach in the order of the ledger, for collectors.

use std::time::Duration;

use axum::{http::header, response::Response};
use indelible_access::{FeedPage, ScopedReader};
use indelible_event::Code;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::{
    ask::{limit, respond},
    events::{LIMIT_MAX, raw},
};
use crate::{
    app::App,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, Ready},
    looking::{LookKind, only_looks},
    queries::{Done, Kind},
};

/// Events a page unless asked otherwise.
const LIMIT_DEFAULT: usize = 100;
/// Longest wait: under the idle time-out of usual proxies.
const WAIT_SECONDS_MAX: u64 = 60;

/// The next events of the feed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Feed {
    /// In the order of the ledger, each once.
    #[schema(value_type = Vec<Object>)]
    data: Vec<Box<RawValue>>,
    /// Cursor for `after`: behind these events. Always there; keep it, also over restarts of either side.
    next: String,
    /// Whether more is there already.
    more: bool,
    /// Present where the cursor was made under another reach: of tenants that came within it since, what they received
    /// before this place is not in the feed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    reach_changed: bool,
    /// Everything received up to then is considered.
    complete_through: String,
    /// Present while the index is being built from the ledger: the feed waits for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    rebuilding: bool,
}

/// The feed: every event within the reach in the order of the ledger, none missing, none twice.
#[utoipa::path(
    get, path = "/v1/feed", operation_id = "read_feed", tag = "events",
    params(
        ("after" = Option<String>, Query, description = "cursor; absent: from the beginning"),
        ("limit" = Option<usize>, Query, description = "1 to 1000, default 100"),
        ("wait" = Option<u64>, Query, description = "seconds to wait for the first event, 0 (default) to 60"),
    ),
    responses(
        (status = 200, body = Feed, description = "`Link` has `rel=\"next\"`, always"),
        (status = 400, body = ProblemDetails),
        (status = 401, body = ProblemDetails, description = "also where the key ended while the feed waited"),
        (status = 403, body = ProblemDetails),
        (status = 429, body = ProblemDetails, description = "too many wait"),
        (status = 503, body = ProblemDetails),
    )
)]
pub(crate) async fn feed(
    Ready(app): Ready,
    caller: Caller,
    mut params: Params,
) -> Result<Response, ApiError> {
    let mut reader = app.trail.reader(&caller.principal)?;
    let after = params.one("after")?;
    let limit = limit(&mut params, LIMIT_DEFAULT, LIMIT_MAX)?;
    let wait = params.one("wait")?;
    params.finish()?;
    let seconds = match &wait {
        None => 0,
        Some(text) => text.parse().ok().filter(|wait| *wait <= WAIT_SECONDS_MAX).ok_or_else(|| {
            let message = format!("wait is a number of seconds from 0 to {WAIT_SECONDS_MAX}");
            ApiError::field(Code::InvalidFilter, "wait", message)
        })?,
    };
    let mut position = reader.feed_from(after.as_deref())?;
    let _place = if seconds > 0 { Some(app.streams.enter(&caller.principal)?) } else { None };
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut searchable = app.trail.searchable();
    let mut stop = app.stopped.clone();
    loop {
        // Before looking, so that what comes meanwhile ends the wait.
        searchable.borrow_and_update();
        let last = Instant::now() >= deadline || *stop.borrow();
        if last || reader.may_follow(position) {
            let (reading, now) = (reader.clone(), app.now());
            let work = move |budget: &_| reading.feed(position, limit, now, budget);
            let done = app.queries.run(Kind::Feed, &[], work).await?;
            if last || !done.answer.events.is_empty() {
                let events = &done.answer.events;
                if !events.is_empty() && !only_looks(events) {
                    app.look(&caller, &reader, LookKind::Feed, &[]).await?;
                }
                return render(&reader, &done, limit, wait.as_deref());
            }
            position = done.answer.position;
        }
        app.streams.wait(&mut searchable, &mut stop, deadline).await;
        reader = reader_of_today(&app, &caller)?;
    }
}

/// The caller's reader, if its key is still good, with what it may do now.
fn reader_of_today(app: &App, caller: &Caller) -> Result<ScopedReader, ApiError> {
    let principal = app.auth.renew(&caller.principal, app.now());
    let principal = principal
        .ok_or_else(|| ApiError::new(Code::Unauthorized, "the API key ended while the feed waited"))?;
    Ok(app.trail.reader(&principal)?)
}

fn render(
    reader: &ScopedReader,
    done: &Done<FeedPage>,
    limit: usize,
    wait: Option<&str>,
) -> Result<Response, ApiError> {
    let page = &done.answer;
    let body = Feed {
        data: raw(&page.events)?,
        next: page.next.clone(),
        more: page.more,
        reach_changed: page.reach_changed,
        complete_through: page.standing.complete_through.to_rfc3339(),
        rebuilding: page.standing.rebuilding,
    };
    let mut response = respond(Kind::Feed, reader, done, &page.standing, &body)?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("after", &page.next).append_pair("limit", &limit.to_string());
    if let Some(wait) = wait {
        query.append_pair("wait", wait);
    }
    let link = format!("<?{}>; rel=\"next\"", query.finish());
    let link = link.parse().map_err(|_| ApiError::internal("a cursor does not fit into a header"))?;
    response.headers_mut().insert(header::LINK, link);
    Ok(response)
}
