//! Finding events.

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use indelible_access::{EventPage, ListRequest};
use indelible_event::{Code, RuleSet};
use indelible_search::KNOWN_PARAMETERS;
use serde::Serialize;
use utoipa::ToSchema;

use super::blocking;
use crate::{
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
};

/// Events a page at most.
const LIMIT_MAX: usize = 1_000;
/// Bytes of the `Link` header.
const LINK_BYTES_MAX: usize = 4 << 10;
/// Events a page unless asked otherwise.
const LIMIT_DEFAULT: usize = 25;

/// A page of events, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Page {
    /// The events: the fields as sent, and what the server adds.
    #[schema(value_type = Vec<Object>)]
    data: Vec<Box<serde_json::value::RawValue>>,
    /// How many match, exactly, as of the first page; with `total=true` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// Everything received up to then is searchable.
    complete_through: String,
    /// Present while the index is being built from the ledger: pages and totals do not have everything yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    rebuilding: bool,
    /// Cursor for `after`: the next (older) page.
    next: Option<String>,
    /// Cursor for `before`: the previous (newer) page.
    prev: Option<String>,
}

/// Lists events, newest first.
#[utoipa::path(
    get, path = "/v1/events", tag = "events",
    params(
        ("since" = Option<String>, Query, description = "included; RFC 3339 or a duration back from now such as PT24H, P7D"),
        ("until" = Option<String>, Query, description = "excluded; as since"),
        ("q" = Option<String>, Query, description = "words, \"phrases\", prefix*, -not"),
        ("tenant" = Option<String>, Query, description = "the tenant and everything below it"),
        ("action" = Option<String>, Query, description = "like every filter: repeated = or, ! before a value = not"),
        ("action_type" = Option<String>, Query),
        ("ip" = Option<String>, Query, description = "address or CIDR"),
        ("user" = Option<String>, Query, description = "actor or target: id, username or alias"),
        ("outcome" = Option<String>, Query),
        ("limit" = Option<usize>, Query, description = "1 to 1000, default 25"),
        ("after" = Option<String>, Query, description = "cursor: older"),
        ("before" = Option<String>, Query, description = "cursor: newer"),
        ("total" = Option<bool>, Query, description = "count all that match"),
    ),
    responses((status = 200, body = Page), (status = 400, body = ProblemDetails), (status = 401, body = ProblemDetails))
)]
pub(crate) async fn list(
    Ready(app): Ready,
    caller: Caller,
    mut params: Params,
) -> Result<Response, ApiError> {
    let reader = app.trail.reader(&caller.0)?;
    let limit = match params.one("limit")? {
        None => LIMIT_DEFAULT,
        Some(text) => text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit)).ok_or_else(|| {
            ApiError::field(Code::InvalidFilter, "limit", "limit is a number from 1 to 1000")
        })?,
    };
    let after = params.one("after")?;
    let before = params.one("before")?;
    let total = params.flag("total", false)?;
    let mut filters = params.all_of(&KNOWN_PARAMETERS);
    filters.extend(params.one("tz")?.map(|zone| ("tz".to_owned(), zone)));
    params.finish()?;
    check_catalogue_names(&app.rules.current(), &mut filters)?;
    let request = ListRequest { filters: filters.clone(), limit, after, before, total };
    let now = app.now();
    let page = blocking(move || Ok(reader.list(&request, now)?)).await?;
    let links = links(&filters, limit, total, &page);
    let body = render(page)?;
    let mut response = ([(header::CONTENT_TYPE, "application/json")], body).into_response();
    if let Some(links) = links.and_then(|links| links.parse().ok()) {
        response.headers_mut().insert(header::LINK, links);
    }
    Ok(response)
}

/// Turns labels of the catalogue into ids, and refuses what is neither: a misspelt type must not look like "none".
fn check_catalogue_names(rules: &RuleSet, filters: &mut [(String, String)]) -> Result<(), ApiError> {
    for (name, value) in filters {
        let (negation, given) = value.strip_prefix('!').map_or(("", value.as_str()), |rest| ("!", rest));
        let is = |id: &str, label: &str| given.eq_ignore_ascii_case(id) || given.eq_ignore_ascii_case(label);
        let found = match name.as_str() {
            "action_type" => {
                rules.action_types().iter().find(|kind| is(&kind.id, &kind.label)).map(|kind| &kind.id)
            }
            "object_category" => rules
                .categories()
                .iter()
                .find(|category| is(&category.id, &category.label))
                .map(|category| &category.id),
            _ => continue,
        };
        let Some(id) = found else {
            let message = format!(
                "{name} is an id or a label of the catalogue, which /v1/actions and /v1/objects list"
            );
            return Err(ApiError::field(Code::InvalidFilter, name, message));
        };
        *value = format!("{negation}{id}");
    }
    Ok(())
}

fn render(page: EventPage) -> Result<String, ApiError> {
    let data = page
        .events
        .iter()
        .map(|event| serde_json::value::RawValue::from_string(event.to_json()))
        .collect::<Result<_, _>>()
        .map_err(|error| ApiError::internal(format!("an event does not serialise: {error}")))?;
    let page = Page {
        data,
        total: page.total,
        complete_through: page.complete_through.to_rfc3339(),
        rebuilding: page.rebuilding,
        next: page.next,
        prev: page.prev,
    };
    serde_json::to_string(&page).map_err(|error| ApiError::internal(error.to_string()))
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

/// One event, whatever the filters.
#[utoipa::path(
    get, path = "/v1/events/{id}", tag = "events",
    params(
        ("id" = String, Path),
        ("tenant" = Option<String>, Query, description = "needed where events of several tenants have the id"),
    ),
    responses((status = 200, body = Object), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn one(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    mut params: Params,
) -> Result<Response, ApiError> {
    let reader = app.trail.reader(&caller.0)?;
    let tenant = params.one("tenant")?;
    params.finish()?;
    let event = blocking(move || Ok(reader.event(&id, tenant.as_deref())?)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], event.to_json()).into_response())
}

/// The event's bytes exactly as they were sent.
#[utoipa::path(
    get, path = "/v1/events/{id}/original", tag = "events",
    params(("id" = String, Path), ("tenant" = Option<String>, Query)),
    responses((status = 200, description = "the bytes as sent"), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn original(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    mut params: Params,
) -> Result<Response, ApiError> {
    let reader = app.trail.reader(&caller.0)?;
    let tenant = params.one("tenant")?;
    params.finish()?;
    let (bytes, media_type) = blocking(move || Ok(reader.original(&id, tenant.as_deref())?)).await?;
    let headers = [
        // A sender's bytes must never run as a page of ours.
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"event.json\"".to_owned()),
        (header::HeaderName::from_static("x-media-type"), media_type),
    ];
    Ok((headers, bytes).into_response())
}

/// The proof that the event is in the trail: a C2SP tlog-proof, or as JSON with envelope and salt.
#[utoipa::path(
    get, path = "/v1/events/{id}/proof", tag = "events",
    params(("id" = String, Path), ("tenant" = Option<String>, Query)),
    responses(
        (status = 200, description = "text/plain: the tlog-proof alone; application/json, when accepted: the bundle"),
        (status = 404, body = ProblemDetails)
    )
)]
pub(crate) async fn proof(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, ApiError> {
    let reader = app.trail.reader(&caller.0)?;
    let tenant = params.one("tenant")?;
    params.finish()?;
    let proof = blocking(move || Ok(reader.proof(&id, tenant.as_deref())?)).await?;
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (kind, body) = if accepts.contains("application/json") {
        ("application/json", proof.to_json())
    } else {
        ("text/plain; charset=utf-8", proof.proof)
    };
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}
