//! Saved views, and short links to long addresses.

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, StatusCode},
};
use indelible_control::{Directory, Owner, Permission, Sharing, View, new_slug};
use indelible_event::Code;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    ask,
    input::{checked_text, given, read_json},
    uncancelled,
};
use crate::{
    app::App,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
    looking::kept,
    page_query::{KeptFor, PageQuery},
    recorder::OwnEvent,
    sharing::{self, OwnerView, SharingRequest, SharingView},
};

/// A saved view.
#[derive(Serialize, ToSchema)]
pub(crate) struct SavedView {
    #[schema(value_type = String)]
    id: Uuid,
    /// Its name in addresses.
    slug: String,
    name: String,
    /// The query of the page's address.
    query: String,
    /// The columns of the table; null: the reader's own.
    columns: Option<Vec<String>>,
    owner: OwnerView,
    /// Whether it is the caller's own.
    mine: bool,
    shared_with: SharingView,
    /// Whether the caller's page opens with it.
    default: bool,
    created_at: String,
    changed_at: String,
}

impl SavedView {
    fn new(view: View, caller: &Caller, default: Option<Uuid>, directory: &Directory) -> Self {
        Self {
            id: view.id,
            slug: view.slug,
            name: view.name,
            query: view.query,
            columns: view.columns,
            owner: OwnerView::new(view.owner, directory),
            mine: view.owner == caller.owner(directory),
            shared_with: SharingView::shown_to(caller, view.shared_with, directory),
            default: default == Some(view.id),
            created_at: view.created_at.to_rfc3339(),
            changed_at: view.changed_at.to_rfc3339(),
        }
    }
}

/// Views, by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct SavedViews {
    data: Vec<SavedView>,
    /// Cursor for `after`; null at the end.
    next: Option<String>,
}

/// A view as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ViewRequest {
    /// 1 to 100 characters, unique among one's own without regard to case.
    name: String,
    /// The query of the page's address, without cursors: the filters of `GET /v1/events`, and `tz` `limit` `view` `columns`
    /// `live` `open` `in`.
    query: String,
    /// Up to 100 names; absent or null: the reader's own.
    #[serde(default)]
    columns: Option<Vec<String>>,
    /// Absent: nobody.
    #[serde(default)]
    shared_with: Option<SharingRequest>,
}

/// What is to be other about a view; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ViewChange {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    query: Option<String>,
    /// Null: the reader's own.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    columns: Option<Option<Vec<String>>>,
    #[serde(default)]
    shared_with: Option<SharingRequest>,
}

/// Views a page unless asked otherwise, and at most.
const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;
/// Characters of a view's name.
const NAME_MAX: usize = 100;
/// Columns of a view, and characters of one's name.
const COLUMNS_MAX: usize = 100;
const COLUMN_CHARS_MAX: usize = 100;

/// Lists the caller's views and those that are shared with it, by name.
#[utoipa::path(
    get, path = "/v1/views", operation_id = "list_views", tag = "views",
    params(
        ("owner" = Option<String>, Query, description = "me: one's own; all: every view that is shared, for complete user management; absent: one's own and what is shared with one"),
        ("limit" = Option<usize>, Query, description = "1 to 200, default 50"),
        ("after" = Option<String>, Query, description = "the next of the page before"),
    ),
    responses((status = 200, body = SavedViews), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn list(
    Ready(app): Ready,
    caller: Caller,
    mut params: Params,
) -> Result<Json<SavedViews>, ApiError> {
    let owner = params.one("owner")?;
    let limit = ask::limit(&mut params, LIMIT_DEFAULT, LIMIT_MAX)?;
    let after = params.one("after")?.map(|cursor| read_cursor(&cursor)).transpose()?;
    params.finish()?;
    caller.needs(Permission::AuditRead)?;
    let directory = app.control.directory();
    let own = caller.owner(&directory);
    let wanted: fn(&Caller, Owner, &View, &Directory) -> bool = match owner.as_deref() {
        None => |caller, own, view, directory| view.owner == own || shares(caller, view, directory),
        Some("me") => |_, own, view, _| view.owner == own,
        Some("all") => {
            caller.needs_complete_user_management()?;
            |_, own, view, _| view.owner == own || view.shared_with != Sharing::Nobody
        }
        Some(_) => return Err(ApiError::field(Code::InvalidFilter, "owner", "owner is me or all")),
    };
    let mut found: Vec<_> =
        app.control.views(own).await?.into_iter().map(|view| (place(&view), view)).collect();
    found.retain(|(place, view)| {
        after.as_ref().is_none_or(|after| place > after) && wanted(&caller, own, view, &directory)
    });
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(place, _)| cursor(place));
    let default = app.control.default_view(own).await?;
    let data = found.into_iter().map(|(_, view)| SavedView::new(view, &caller, default, &directory));
    Ok(Json(SavedViews { data: data.collect(), next }))
}

/// Where a view stands in a list.
type Place = (String, [u8; 16]);

fn place(view: &View) -> Place {
    (view.name.to_lowercase(), view.id.into_bytes())
}

/// A place that its reader has seen, so nothing of it is a secret.
fn cursor((name, id): &Place) -> String {
    hex::encode([&id[..], name.as_bytes()].concat())
}

fn read_cursor(text: &str) -> Result<Place, ApiError> {
    let read = || {
        let bytes = hex::decode(text).ok()?;
        let (id, name) = bytes.split_first_chunk::<16>()?;
        Some((String::from_utf8(name.to_vec()).ok()?, *id))
    };
    let message = "the cursor is not one of this list; start again without it";
    read().ok_or_else(|| ApiError::field(Code::InvalidCursor, "after", message))
}

/// What of a view is read by those with whom it is shared.
fn text_of(name: &str, query: &PageQuery, columns: Option<&[String]>) -> Vec<(String, String)> {
    let said = |what: &str, text: &str| (what.to_owned(), text.to_owned());
    let columns = columns.unwrap_or_default().iter().map(|column| said("columns", column));
    query.pairs.iter().cloned().chain([said("name", name)]).chain(columns).collect()
}

fn shares(caller: &Caller, view: &View, directory: &Directory) -> bool {
    let text = || text_of(&view.name, &PageQuery::kept(&view.query), view.columns.as_deref());
    view.shared_with != Sharing::Nobody && caller.shares(view.shared_with, &text(), directory)
}

fn no_such_view() -> ApiError {
    ApiError::new(Code::NotFound, "no such view is yours or shared with you")
}

/// The view of an id or slug, as far as the caller may know it: its own, one that is shared with it, and for complete user
/// management every one that is shared at all.
async fn known(app: &App, caller: &Caller, id: &str) -> Result<View, ApiError> {
    caller.needs(Permission::AuditRead)?;
    let view = app.control.view(id).await?.ok_or_else(no_such_view)?;
    let directory = app.control.directory();
    let is_open = view.owner == caller.owner(&directory)
        || shares(caller, &view, &directory)
        || view.shared_with != Sharing::Nobody && caller.principal.manages_users_completely();
    if is_open { Ok(view) } else { Err(no_such_view()) }
}

/// As [`known`], of a view that the caller may change.
async fn managed(app: &App, caller: &Caller, id: &str) -> Result<View, ApiError> {
    let view = known(app, caller, id).await?;
    if view.owner == caller.owner(&app.control.directory()) || caller.principal.manages_users_completely() {
        return Ok(view);
    }
    let message = "a view is changed and deleted by its owner, or by complete user management";
    Err(ApiError::new(Code::Forbidden, message))
}

async fn shown(app: &App, caller: &Caller, view: View) -> Result<Json<SavedView>, ApiError> {
    let directory = app.control.directory();
    let default = app.control.default_view(caller.owner(&directory)).await?;
    Ok(Json(SavedView::new(view, caller, default, &directory)))
}

/// One view.
#[utoipa::path(
    get, path = "/v1/views/{id}", operation_id = "get_view", tag = "views",
    params(("id" = String, Path, description = "id or slug")),
    responses((status = 200, body = SavedView), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn one(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<SavedView>, ApiError> {
    params.finish()?;
    let view = known(&app, &caller, &id).await?;
    shown(&app, &caller, view).await
}

/// Saves a view. Sharing with a role or everybody needs complete user management, with a tenant that it is within the
/// reach.
#[utoipa::path(
    post, path = "/v1/views", operation_id = "create_view", tag = "views", request_body = ViewRequest,
    responses((status = 201, body = SavedView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails), (status = 409, body = ProblemDetails))
)]
pub(crate) async fn create(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<SavedView>), ApiError> {
    params.finish()?;
    caller.needs(Permission::AuditRead)?;
    let request: ViewRequest = read_json(&app, &headers, body).await?;
    let work = async move {
        let _turn = caller.turn(&app).await?;
        let name = checked_text("/name", &request.name, NAME_MAX)?;
        let query = checked_query(&app, &caller, &request.query)?;
        let columns = request.columns.map(checked_columns).transpose()?;
        let text = text_of(&name, &query, columns.as_deref());
        let shared_with = match &request.shared_with {
            Some(sharing) => sharing.check(&app, &caller, &text)?,
            None => Sharing::Nobody,
        };
        let now = app.now();
        let view = View {
            id: Uuid::now_v7(),
            slug: new_slug()?,
            owner: caller.owner(&app.control.directory()),
            name,
            query: query.text,
            columns,
            shared_with,
            created_at: now,
            changed_at: now,
        };
        put(&app, &caller, None, &view).await?;
        shown(&app, &caller, view).await
    };
    Ok((StatusCode::CREATED, uncancelled(work).await?))
}

fn checked_query(app: &App, caller: &Caller, query: &str) -> Result<PageQuery, ApiError> {
    let reader = app.trail.reader(&caller.principal)?;
    PageQuery::check("/query", query, KeptFor::View, &reader, app.now())
}

fn checked_columns(columns: Vec<String>) -> Result<Vec<String>, ApiError> {
    if columns.len() > COLUMNS_MAX {
        let message = format!("expected at most {COLUMNS_MAX} columns");
        return Err(ApiError::field(Code::TooManyItems, "/columns", message));
    }
    let columns = columns.iter().enumerate();
    columns.map(|(at, name)| checked_text(&format!("/columns/{at}"), name, COLUMN_CHARS_MAX)).collect()
}

/// Stores a view, and tells of it before. Whoever calls holds the turn.
async fn put(app: &App, caller: &Caller, old: Option<&View>, view: &View) -> Result<(), ApiError> {
    app.control.check_view(view).await?;
    let (action, code, kind) = match old {
        Some(_) => ("Change view", "view.change", "update"),
        None => ("Create view", "view.create", "create"),
    };
    let told = told(app, caller, (action, code, kind), old, Some(view));
    // The same again is no change; without sharing or columns one that is new has changes all the same.
    if told.has_changes() {
        app.record(&told).await?;
        app.control.put_view(view).await?;
    }
    Ok(())
}

/// The event that tells what became of a view.
fn told(
    app: &App,
    caller: &Caller,
    (action, code, kind): (&str, &str, &str),
    old: Option<&View>,
    new: Option<&View>,
) -> OwnEvent {
    let directory = app.control.directory();
    let views: Vec<_> = old.into_iter().chain(new).collect();
    let mut told = OwnEvent::new(action, code, kind).by(&caller.principal, &caller.origin, &directory);
    for view in &views {
        let text = text_of(&view.name, &PageQuery::kept(&view.query), view.columns.as_deref());
        told = told.touching_saved(view.owner, &[view.shared_with], &text, &directory);
    }
    if let Some(view) = views.last() {
        told = told.to("view", &view.id.to_string(), &view.name);
    }
    let sharing = |view: &View| json!(SharingView::whole(view.shared_with, &directory));
    let member =
        |member: &dyn Fn(&View) -> Value| (old.map_or(Value::Null, member), new.map_or(Value::Null, member));
    let (name, query) = (member(&|view| view.name.clone().into()), member(&|view| kept(&view.query).into()));
    let (columns, shared) = (member(&|view| json!(view.columns)), member(&sharing));
    told.changed("name", name.0, name.1)
        .changed("query", query.0, query.1)
        .changed("columns", columns.0, columns.1)
        .changed("shared_with", shared.0, shared.1)
}

/// Changes a view; for its owner and for complete user management. What is shared already is shared anew with what is
/// other about it, and needs what sharing needs.
#[utoipa::path(
    patch, path = "/v1/views/{id}", operation_id = "change_view", tag = "views",
    params(("id" = String, Path, description = "id or slug")), request_body = ViewChange,
    responses((status = 200, body = SavedView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails))
)]
pub(crate) async fn change(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SavedView>, ApiError> {
    params.finish()?;
    caller.needs(Permission::AuditRead)?;
    let request: ViewChange = read_json(&app, &headers, body).await?;
    let work = async move {
        let _turn = caller.turn(&app).await?;
        let old = managed(&app, &caller, &id).await?;
        let mut view = View { changed_at: app.now(), ..old.clone() };
        if let Some(name) = &request.name {
            view.name = checked_text("/name", name, NAME_MAX)?;
        }
        if let Some(query) = &request.query {
            view.query = checked_query(&app, &caller, query)?.text;
        }
        if let Some(columns) = request.columns {
            view.columns = columns.map(checked_columns).transpose()?;
        }
        let text = text_of(&view.name, &PageQuery::kept(&view.query), view.columns.as_deref());
        match &request.shared_with {
            Some(sharing) => view.shared_with = sharing.check(&app, &caller, &text)?,
            None => sharing::check(&caller, view.shared_with, &text, &app.control.directory())?,
        }
        put(&app, &caller, Some(&old), &view).await?;
        let stored = app.control.view(&view.id.to_string()).await?.ok_or_else(no_such_view)?;
        shown(&app, &caller, stored).await
    };
    uncancelled(work).await
}

/// Deletes a view; for its owner and for complete user management.
#[utoipa::path(
    delete, path = "/v1/views/{id}", operation_id = "delete_view", tag = "views",
    params(("id" = String, Path, description = "id or slug")),
    responses((status = 204, description = "deleted"), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn delete(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    caller.needs(Permission::AuditRead)?;
    let work = async move {
        let _turn = caller.turn(&app).await?;
        let view = managed(&app, &caller, &id).await?;
        app.record(&told(&app, &caller, ("Delete view", "view.delete", "delete"), Some(&view), None)).await?;
        Ok(app.control.remove_view(view.id).await?)
    };
    uncancelled(work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets the caller's page open with a view.
#[utoipa::path(
    put, path = "/v1/views/{id}/default", operation_id = "set_default_view", tag = "views",
    params(("id" = String, Path, description = "id or slug")),
    responses((status = 200, body = SavedView), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn set_default(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<SavedView>, ApiError> {
    params.finish()?;
    caller.needs(Permission::AuditRead)?;
    let work = async move {
        let _turn = caller.turn(&app).await?;
        let view = known(&app, &caller, &id).await?;
        app.control.set_default_view(caller.owner(&app.control.directory()), view.id).await?;
        shown(&app, &caller, view).await
    };
    uncancelled(work).await
}

/// Lets the caller's page open no longer with a view, if it does.
#[utoipa::path(
    delete, path = "/v1/views/{id}/default", operation_id = "unset_default_view", tag = "views",
    params(("id" = String, Path, description = "id or slug")),
    responses((status = 204, description = "it does not"), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn unset_default(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    caller.needs(Permission::AuditRead)?;
    let work = async move {
        let _turn = caller.turn(&app).await?;
        let view = known(&app, &caller, &id).await?;
        Ok(app.control.unset_default_view(caller.owner(&app.control.directory()), view.id).await?)
    };
    uncancelled(work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A query that is too long to hand on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShortLinkRequest {
    /// The whole query of the page's address, cursors included.
    query: String,
}

/// A short link.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShortLink {
    /// Its name in addresses.
    slug: String,
    /// The address that the page opens it at.
    url: String,
}

/// What a short link stands for.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkedQuery {
    /// The query of the page's address.
    query: String,
}

/// Makes a short link that keeps a whole query; the same query of the same caller has the same one.
#[utoipa::path(
    post, path = "/v1/links", operation_id = "create_link", tag = "views", request_body = ShortLinkRequest,
    responses((status = 201, body = ShortLink), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn make_link(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<ShortLink>), ApiError> {
    params.finish()?;
    caller.needs(Permission::AuditRead)?;
    let request: ShortLinkRequest = read_json(&app, &headers, body).await?;
    let work = async move {
        caller.still_valid(&app)?;
        let reader = app.trail.reader(&caller.principal)?;
        let query = PageQuery::check("/query", &request.query, KeptFor::Link, &reader, app.now())?;
        let owner = caller.owner(&app.control.directory());
        let slug = app.control.short_link(owner, &query.text, new_slug()?, app.now()).await?;
        Ok(ShortLink { url: app.link(&format!("/s/{slug}")), slug })
    };
    Ok((StatusCode::CREATED, Json(uncancelled(work).await?)))
}

/// What a short link stands for, to whoever was given it.
#[utoipa::path(
    get, path = "/v1/links/{slug}", operation_id = "get_link", tag = "views", params(("slug" = String, Path)),
    responses((status = 200, body = LinkedQuery), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn link(
    Ready(app): Ready,
    caller: Caller,
    PathPart(slug): PathPart,
    params: Params,
) -> Result<Json<LinkedQuery>, ApiError> {
    params.finish()?;
    caller.needs(Permission::AuditRead)?;
    let query = app.control.linked_query(&slug).await?;
    let query = query.ok_or_else(|| ApiError::new(Code::NotFound, "there is no such short link"))?;
    Ok(Json(LinkedQuery { query }))
}
