//! Roles: the ready-made ones, and the installation's own.

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, StatusCode},
};
use indelible_control::{
    CalendarSpan, Change, Directory, Permission, PermissionSet, RangeLimit, Reach, Role, RoleReach,
};
use indelible_event::Code;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    input::{checked_text, given, read_json},
    uncancelled,
};
use crate::{
    app::App,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
    recorder::OwnEvent,
};

/// Limits of the ranges that may be asked about, as ISO 8601 durations of years, months, weeks, days and hours.
#[derive(Serialize, ToSchema)]
pub(crate) struct RangeView {
    /// How far back from now, such as `P1Y`; null: not limited.
    back: Option<String>,
    /// How much at a time, such as `P3M`; null: not limited.
    span: Option<String>,
}

impl RangeView {
    pub(crate) fn new(limit: &RangeLimit) -> Self {
        let text = |span: Option<CalendarSpan>| span.map(|span| span.to_string());
        Self { back: text(limit.back), span: text(limit.span) }
    }
}

/// A role.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleView {
    #[schema(value_type = String)]
    id: Uuid,
    name: String,
    /// What it permits.
    permissions: Vec<&'static str>,
    /// `everything`, `territories` (those given with the role), `tenant` (the user's own) or `oneself`.
    reach: &'static str,
    /// What of time whoever has it may ask about; null: all.
    range: Option<RangeView>,
    /// Whether it came with the program; then it can't be changed.
    ready_made: bool,
    /// How many users have it.
    users: usize,
}

impl RoleView {
    fn new(role: &Role, directory: &Directory) -> Self {
        Self {
            id: role.id,
            name: role.name.clone(),
            permissions: role.permissions.names(),
            reach: role.reach.as_str(),
            range: role.range.as_ref().map(RangeView::new),
            ready_made: role.is_ready_made(),
            users: directory.users().filter(|user| user.has_role(role.id)).count(),
        }
    }
}

/// Every role.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleList {
    data: Vec<RoleView>,
}

/// Lists the roles, the ready-made ones first; needs `users.manage` over everything.
#[utoipa::path(get, path = "/v1/roles", operation_id = "list_roles", tag = "roles", responses((status = 200, body = RoleList), (status = 403, body = ProblemDetails)))]
pub(crate) async fn list(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<RoleList>, ApiError> {
    params.finish()?;
    caller.needs_everywhere(Permission::UsersManage)?;
    let directory = app.control.directory();
    let data = directory.roles().map(|role| RoleView::new(role, &directory)).collect();
    Ok(Json(RoleList { data }))
}

/// A role as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleRequest {
    /// 1 to 100 characters, unique without regard to case.
    name: String,
    /// What it permits, such as `audit.read`.
    permissions: Vec<String>,
    /// `everything`, `territories`, `tenant` or `oneself`.
    reach: String,
    /// What of time whoever has it may ask about; null: all. Absent, of a role that is there: as before.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<RangeRequest>)]
    range: Option<Option<RangeRequest>>,
}

/// Limits of the ranges that may be asked about, as ISO 8601 durations of years, months, weeks, days and hours.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RangeRequest {
    /// How far back from now, such as `P1Y`; absent or null: not limited.
    #[serde(default)]
    back: Option<String>,
    /// How much at a time, such as `P3M`; absent or null: not limited.
    #[serde(default)]
    span: Option<String>,
}

/// The limits that are asked for; none where nothing is limited.
fn checked_range(request: Option<&RangeRequest>) -> Result<Option<RangeLimit>, ApiError> {
    let Some(request) = request else { return Ok(None) };
    let span = |field: &str, text: &Option<String>| {
        let parsed = text.as_deref().map(str::parse::<CalendarSpan>).transpose();
        parsed.map_err(|error| ApiError::field(Code::InvalidTime, field, error.to_string()))
    };
    let limit =
        RangeLimit { back: span("/range/back", &request.back)?, span: span("/range/span", &request.span)? };
    Ok(Some(limit).filter(|limit| !limit.is_unlimited()))
}

/// Makes a role, with at most the caller's own permissions.
#[utoipa::path(
    post, path = "/v1/roles", operation_id = "create_role", tag = "roles", request_body = RoleRequest,
    responses((status = 201, body = RoleView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails), (status = 409, body = ProblemDetails))
)]
pub(crate) async fn create(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<RoleView>), ApiError> {
    params.finish()?;
    caller.needs_everywhere(Permission::UsersManage)?;
    let request: RoleRequest = read_json(&app, &headers, body).await?;
    let view = uncancelled(async move { set(&app, &caller, None, request).await }).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Replaces a role of the installation's own; whoever has it may do what it permits from then on.
#[utoipa::path(
    put, path = "/v1/roles/{id}", operation_id = "change_role", tag = "roles", params(("id" = String, Path)), request_body = RoleRequest,
    responses((status = 200, body = RoleView), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails))
)]
pub(crate) async fn change(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RoleView>, ApiError> {
    params.finish()?;
    caller.needs_everywhere(Permission::UsersManage)?;
    let request: RoleRequest = read_json(&app, &headers, body).await?;
    let id = Uuid::parse_str(&id).map_err(|_| no_such_role())?;
    Ok(Json(uncancelled(async move { set(&app, &caller, Some(id), request).await }).await?))
}

fn no_such_role() -> ApiError {
    ApiError::new(Code::NotFound, "no such role")
}

/// Characters of a role's name.
const NAME_MAX: usize = 100;

async fn set(
    app: &App,
    caller: &Caller,
    id: Option<Uuid>,
    request: RoleRequest,
) -> Result<RoleView, ApiError> {
    let _turn = caller.turn(app).await?;
    let directory = app.control.directory();
    let old = match id {
        Some(id) => Some(directory.role(id).ok_or_else(no_such_role)?),
        None => None,
    };
    let reach = RoleReach::parse(&request.reach).ok_or_else(|| {
        let message = "expected everything, territories, tenant or oneself";
        ApiError::field(Code::InvalidEnum, "/reach", message)
    })?;
    let role = Role {
        id: id.unwrap_or_else(Uuid::new_v4),
        name: checked_text("/name", &request.name, NAME_MAX)?,
        permissions: checked_permissions(&request.permissions)?,
        reach,
        // A client that knows nothing of limits must not take them away.
        range: match &request.range {
            Some(range) => checked_range(range.as_ref())?,
            None => old.and_then(|old| old.range),
        },
    };
    for given in old.into_iter().chain([&role]) {
        if !caller.principal.covers(given.permissions, &Reach::Everything, given.range.as_ref(), &directory) {
            let message = "nobody gives more permissions, or takes others, than they have";
            return Err(ApiError::field(Code::Forbidden, "/permissions", message));
        }
    }
    let (action, code, kind) = match old {
        Some(_) => ("Change role", "role.change", "update"),
        None => ("Create role", "role.create", "create"),
    };
    let was = |value: fn(&Role) -> Value| old.map_or(Value::Null, value);
    let told = OwnEvent::new(action, code, kind)
        .to("role", &role.id.to_string(), &role.name)
        .by(&caller.principal, &caller.origin, &directory)
        .changed("name", was(|role| role.name.clone().into()), role.name.clone())
        .changed("permissions", was(|role| role.permissions.names().into()), role.permissions.names())
        .changed("reach", was(|role| role.reach.as_str().into()), role.reach.as_str())
        .changed("range", was(range_told), range_told(&role));
    if told.has_changes() {
        app.make_change(Change::RoleSet { role: role.clone() }, &told).await?;
    }
    Ok(RoleView::new(&role, &app.control.directory()))
}

/// The limits of a role as own events tell of them.
fn range_told(role: &Role) -> Value {
    role.range.as_ref().map_or(Value::Null, |range| json!(RangeView::new(range)))
}

/// Permissions by their names, at least one.
pub(crate) fn checked_permissions(names: &[String]) -> Result<PermissionSet, ApiError> {
    if names.is_empty() {
        return Err(ApiError::field(Code::MissingField, "/permissions", "give at least one permission"));
    }
    let parsed = names.iter().enumerate().map(|(index, name)| {
        name.parse::<Permission>().map_err(|error| {
            ApiError::field(Code::InvalidEnum, &format!("/permissions/{index}"), error.to_string())
        })
    });
    parsed.collect()
}

/// Deletes a role of the installation's own; nobody has it from then on.
#[utoipa::path(
    delete, path = "/v1/roles/{id}", operation_id = "delete_role", tag = "roles", params(("id" = String, Path)),
    responses((status = 204, description = "deleted"), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn delete(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    caller.needs_everywhere(Permission::UsersManage)?;
    let id = Uuid::parse_str(&id).map_err(|_| no_such_role())?;
    let work = async move {
        let _turn = caller.turn(&app).await?;
        let directory = app.control.directory();
        let role = directory.role(id).ok_or_else(no_such_role)?;
        if !caller.principal.covers(role.permissions, &Reach::Everything, role.range.as_ref(), &directory) {
            let message = "nobody takes other permissions than they have";
            return Err(ApiError::new(Code::Forbidden, message));
        }
        let told = OwnEvent::new("Delete role", "role.delete", "delete")
            .to("role", &id.to_string(), &role.name)
            .by(&caller.principal, &caller.origin, &directory)
            .changed("permissions", role.permissions.names(), Value::Null)
            .changed("reach", role.reach.as_str(), Value::Null)
            .changed("range", range_told(role), Value::Null);
        app.make_change(Change::RoleRemoved { role: id }, &told).await
    };
    uncancelled(work).await?;
    Ok(StatusCode::NO_CONTENT)
}
