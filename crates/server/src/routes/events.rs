//! Finding events: pages, and single ones.

use std::sync::Arc;

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use indelible_access::{EventPage, EventView, ListRequest, ReadError, ScopedReader};
use indelible_control::TenantNumber;
use indelible_event::Timestamp;
use indelible_search::{Budget, Cost};
use indelible_verify::ProofBundle;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::ask::{About, filters, limit, plan, respond, timed};
use crate::{
    app::App,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
    looking::{LookKind, only_looks},
    queries::{Done, Kind},
    recorder::OwnEvent,
};

/// Events a page at most.
pub(crate) const LIMIT_MAX: usize = 1_000;
/// Bytes of the `Link` header.
const LINK_BYTES_MAX: usize = 4 << 10;
/// Events a page unless asked otherwise.
const LIMIT_DEFAULT: usize = 25;

/// A page of events, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Page {
    /// The events: the fields as sent, and what the server adds.
    #[schema(value_type = Vec<Object>)]
    data: Vec<Box<RawValue>>,
    /// How many match, exactly, as of the first page; with `total=true` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// Cursor for `after`: the next (older) page.
    next: Option<String>,
    /// Cursor for `before`: the previous (newer) page.
    prev: Option<String>,
    #[serde(flatten)]
    about: About,
}

/// Lists events, newest first.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "list_events", tag = "events",
    params(
        ("limit" = Option<usize>, Query, description = "1 to 1000, default 25"),
        ("after" = Option<String>, Query, description = "cursor: older"),
        ("before" = Option<String>, Query, description = "cursor: newer"),
        ("total" = Option<bool>, Query, description = "count all that match"),
        ("as_of" = Option<String>, Query, description = "the as_of of another answer: as of the same moment"),
        ("explain" = Option<bool>, Query, description = "also how the question is understood, and what it cost"),
    ),
    responses(
        (status = 200, body = Page),
        (status = 400, body = ProblemDetails),
        (status = 401, body = ProblemDetails),
        (status = 403, body = ProblemDetails),
        (status = 503, body = ProblemDetails, description = "too many searches, or it took longer than query_timeout_seconds"),
    )
)]
pub(crate) async fn list(
    Ready(app): Ready,
    caller: Caller,
    mut params: Params,
) -> Result<Response, ApiError> {
    let reader = app.trail.reader(&caller.principal)?;
    let limit = limit(&mut params, LIMIT_DEFAULT, LIMIT_MAX)?;
    let after = params.one("after")?;
    let before = params.one("before")?;
    let as_of = params.one("as_of")?;
    let total = params.flag("total", false)?;
    let explain = params.flag("explain", false)?;
    let filters = filters(&mut params)?;
    params.finish()?;
    let request = ListRequest { filters: filters.clone(), limit, after, before, as_of, total };
    let now = app.now();
    let kind = if total { Kind::Count } else { Kind::Page };
    let reading = reader.clone();
    let work = move |budget: &_| {
        let page = reading.list(&request, now, budget)?;
        let explain = plan(&reading, explain, &request.filters, &page.standing, now, budget)?;
        Ok((page, explain))
    };
    let done = app.queries.run(kind, &filters, work).await?;
    let (page, explain) = &done.answer;
    // A total, or a cost, tells of events that are not on the page.
    if total || explain.is_some() || !only_looks(&page.events) {
        app.look(&caller, &reader, LookKind::Search, &filters).await?;
    }
    let links = links(&filters, limit, total, page);
    let body = Page {
        data: raw(&page.events)?,
        total: page.total,
        next: page.next.clone(),
        prev: page.prev.clone(),
        about: About::new(&page.standing, explain.clone(), &reader),
    };
    let mut response = respond(kind, &reader, &done, &page.standing, &body)?;
    if let Some(links) = links.and_then(|links| links.parse().ok()) {
        response.headers_mut().insert(header::LINK, links);
    }
    Ok(response)
}

/// Events as they stand in an answer.
pub(crate) fn raw<'e>(
    events: impl IntoIterator<Item = &'e EventView>,
) -> Result<Vec<Box<RawValue>>, ApiError> {
    let events = events.into_iter().map(|event| RawValue::from_string(event.to_json()));
    events
        .collect::<Result<_, _>>()
        .map_err(|error| ApiError::internal(format!("an event does not serialise: {error}")))
}

/// RFC 8288 links, relative to the request's own address so that they hold behind any prefix.
fn links(filters: &[(String, String)], limit: usize, total: bool, page: &EventPage) -> Option<String> {
    let link = |cursor: &Option<String>, name: &str, relation: &str| {
        let cursor = cursor.as_ref()?;
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(filters).append_pair("limit", &limit.to_string()).append_pair(name, cursor);
        if total {
            query.append_pair("total", "true");
        }
        Some(format!("<?{}>; rel=\"{relation}\"", query.finish()))
    };
    let links = [link(&page.next, "after", "next"), link(&page.prev, "before", "prev")];
    let links: Vec<_> = links.into_iter().flatten().collect();
    let links = links.join(", ");
    // Clients and proxies refuse long headers; the cursors stand in the body too.
    (!links.is_empty() && links.len() <= LINK_BYTES_MAX).then_some(links)
}

/// What of an event somebody opens.
#[derive(Clone, Copy)]
enum Opened {
    Event,
    Original,
    Proof,
}

impl Opened {
    /// Records it in the chain of the event's tenant, before anything of it is shown.
    async fn record(
        self,
        app: &App,
        caller: &Caller,
        tenant: TenantNumber,
        id: &str,
    ) -> Result<(), ApiError> {
        let (action, code) = match self {
            Self::Event => ("Open event", "event.open"),
            Self::Original => ("Read original", "event.original"),
            Self::Proof => return app.look_at_proof(caller, tenant, id).await,
        };
        let told = OwnEvent::new(action, code, "view")
            .touching(tenant)
            .by(&caller.principal, &caller.origin, &app.control.directory())
            .to("event", id, id);
        app.record(&told).await
    }
}

/// One event's id, and who asks for it.
struct Single<'c> {
    app: Arc<App>,
    caller: &'c Caller,
    reader: ScopedReader,
    id: String,
    tenant: Option<String>,
}

impl<'c> Single<'c> {
    fn read(app: Arc<App>, caller: &'c Caller, id: String, mut params: Params) -> Result<Self, ApiError> {
        let reader = app.trail.reader(&caller.principal)?;
        let tenant = params.one("tenant")?;
        params.finish()?;
        Ok(Self { app, caller, reader, id, tenant })
    }

    /// Runs a search for the event when its turn comes, and makes the response of what it found.
    async fn answer<T: Send + 'static>(
        self,
        what: Opened,
        find: impl FnOnce(
            &ScopedReader,
            &str,
            Option<&str>,
            Timestamp,
            &Budget,
        ) -> Result<(T, Cost, TenantNumber), ReadError>
        + Send
        + 'static,
        show: impl FnOnce(T) -> Response,
    ) -> Result<Response, ApiError> {
        let Self { app, caller, reader, id, tenant } = self;
        let (reading, opened) = (reader.clone(), id.clone());
        // All that can narrow it.
        let filters: Vec<_> = tenant.iter().map(|tenant| ("tenant".to_owned(), tenant.clone())).collect();
        let now = app.now();
        let work = move |budget: &_| find(&reading, &id, tenant.as_deref(), now, budget);
        let Done { answer: (found, cost, tenant), waited } =
            app.queries.run(Kind::Event, &filters, work).await?;
        what.record(&app, caller, tenant, &opened).await?;
        let done = Done { answer: (), waited };
        Ok(timed(Kind::Event, &reader, &done, &cost, show(found)))
    }
}

/// One event, whatever the filters.
#[utoipa::path(
    get, path = "/v1/events/{id}", operation_id = "get_event", tag = "events",
    params(
        ("id" = String, Path),
        ("tenant" = Option<String>, Query, description = "needed where events of several tenants have the id"),
    ),
    responses(
        (status = 200, body = Object),
        (status = 404, body = ProblemDetails),
        (status = 503, body = ProblemDetails)
    )
)]
pub(crate) async fn one(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Response, ApiError> {
    let single = Single::read(app, &caller, id, params)?;
    let show =
        |event: EventView| ([(header::CONTENT_TYPE, "application/json")], event.to_json()).into_response();
    single.answer(Opened::Event, ScopedReader::event, show).await
}

/// The event's bytes exactly as they were sent.
#[utoipa::path(
    get, path = "/v1/events/{id}/original", operation_id = "get_original", tag = "events",
    params(("id" = String, Path), ("tenant" = Option<String>, Query)),
    responses(
        (status = 200, description = "the bytes as sent"),
        (status = 404, body = ProblemDetails),
        (status = 503, body = ProblemDetails)
    )
)]
pub(crate) async fn original(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Response, ApiError> {
    let single = Single::read(app, &caller, id, params)?;
    let show = |(bytes, media_type): (Vec<u8>, String)| {
        let headers = [
            // A sender's bytes must never run as a page of ours.
            (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
            (header::CONTENT_DISPOSITION, "attachment; filename=\"event.json\"".to_owned()),
            (header::HeaderName::from_static("x-media-type"), media_type),
        ];
        (headers, bytes).into_response()
    };
    single.answer(Opened::Original, ScopedReader::original, show).await
}

/// The proof that the event is in the trail: a C2SP tlog-proof, or as JSON with envelope and salt.
#[utoipa::path(
    get, path = "/v1/events/{id}/proof", operation_id = "prove_event", tag = "events",
    params(("id" = String, Path), ("tenant" = Option<String>, Query)),
    responses(
        (status = 200, description = "text/plain: the tlog-proof alone; application/json, when accepted: the bundle"),
        (status = 404, body = ProblemDetails),
        (status = 503, body = ProblemDetails)
    )
)]
pub(crate) async fn proof(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let single = Single::read(app, &caller, id, params)?;
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bundled = accepts.contains("application/json");
    let show = |proof: ProofBundle| {
        let (kind, body) = if bundled {
            ("application/json", proof.to_json())
        } else {
            ("text/plain; charset=utf-8", proof.proof)
        };
        ([(header::CONTENT_TYPE, kind)], body).into_response()
    };
    single.answer(Opened::Proof, ScopedReader::proof, show).await
}
