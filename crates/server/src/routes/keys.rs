//! API keys: list, create, revoke. Nobody gives more than they have.

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, StatusCode},
};
use indelible_control::{ApiKey, Directory, NewKey, Permission, PermissionSet, Reach};
use indelible_event::{Code, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    tenants::{deceives, read_json},
    uncancelled,
};
use crate::{
    app::App,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
};

/// Which tenants a key is for.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReachGiven {
    /// The whole installation: `"everything"`.
    Everything,
    /// These tenants and everything below them: `{"tenants": ["acme"]}`.
    Tenants(Vec<String>),
}

/// A key, without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyView {
    #[schema(value_type = String)]
    id: Uuid,
    name: String,
    /// The first characters, to recognise it by.
    prefix: String,
    permissions: Vec<&'static str>,
    reach: ReachGiven,
    default_tenant: Option<String>,
    tenant_from_target: bool,
    expires: Option<String>,
    created_at: String,
    revoked_at: Option<String>,
    /// Whether it is accepted now.
    valid: bool,
}

impl KeyView {
    fn new(key: &ApiKey, directory: &Directory, now: Timestamp) -> Self {
        let name = |number: u64| directory.tenant(number).map(|tenant| tenant.name.clone());
        Self {
            id: Uuid::from_bytes(key.id),
            name: key.name.clone(),
            prefix: key.prefix.clone(),
            permissions: key.permissions.names(),
            reach: match &key.reach {
                Reach::Everything => ReachGiven::Everything,
                Reach::Tenants(roots) => {
                    ReachGiven::Tenants(roots.iter().filter_map(|root| name(*root)).collect())
                }
            },
            default_tenant: key.default_tenant.and_then(name),
            tenant_from_target: key.tenant_from_target,
            expires: key.expires_at.map(Timestamp::to_rfc3339),
            created_at: key.created_at.to_rfc3339(),
            revoked_at: key.revoked_at.map(Timestamp::to_rfc3339),
            valid: key.is_valid_at(now),
        }
    }
}

/// The keys within the caller's reach.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    data: Vec<KeyView>,
}

/// Lists the keys whose whole reach lies within the caller's.
#[utoipa::path(get, path = "/v1/keys", tag = "keys", responses((status = 200, body = KeyList), (status = 403, body = ProblemDetails)))]
pub(crate) async fn list(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<KeyList>, ApiError> {
    params.finish()?;
    caller.needs(Permission::KeysManage)?;
    let directory = app.control.directory();
    let now = app.now();
    let mut keys: Vec<_> = directory.keys().filter(|key| within(&caller, key, &directory)).collect();
    keys.sort_by_key(|key| key.created_at);
    Ok(Json(KeyList { data: keys.into_iter().map(|key| KeyView::new(key, &directory, now)).collect() }))
}

fn within(caller: &Caller, key: &ApiKey, directory: &Directory) -> bool {
    caller.0.covers(PermissionSet::default(), &key.reach, directory)
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRequest {
    /// A name for people.
    name: String,
    /// What it may do, such as `events.send` and `audit.read`.
    permissions: Vec<String>,
    /// For which tenants.
    reach: ReachGiven,
    /// The tenant of events that name none.
    #[serde(default)]
    default_tenant: Option<String>,
    /// Whether an event that names no tenant belongs to its first target's tenant.
    #[serde(default)]
    tenant_from_target: bool,
    /// From when on it is refused; RFC 3339.
    #[serde(default)]
    expires: Option<String>,
}

/// A new key; the secret is shown here and never again.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyMade {
    #[schema(value_type = String)]
    id: Uuid,
    /// The secret.
    key: String,
    name: String,
    prefix: String,
}

/// Makes a key, with at most the caller's own permissions and reach.
#[utoipa::path(
    post, path = "/v1/keys", tag = "keys", request_body = KeyRequest,
    responses((status = 201, body = KeyMade), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn create(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<KeyMade>), ApiError> {
    params.finish()?;
    caller.needs(Permission::KeysManage)?;
    let request: KeyRequest = read_json(&app, &headers, body).await?;
    let new = check(&app, &caller, request)?;
    let work = {
        let app = app.clone();
        async move { Ok(app.control.create_key(new, app.now()).await?) }
    };
    let (key, secret) = uncancelled(work).await?;
    tracing::info!(name = key.name, prefix = key.prefix, "key created");
    let made = KeyMade { id: Uuid::from_bytes(key.id), key: secret, name: key.name, prefix: key.prefix };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Characters of a key's name.
const NAME_MAX: usize = 100;

fn check(app: &App, caller: &Caller, request: KeyRequest) -> Result<NewKey, ApiError> {
    let name = request.name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || deceives(name) {
        let message = "a key's name has 1 to 100 characters and no control characters";
        return Err(ApiError::field(Code::InvalidString, "/name", message));
    }
    let mut permissions = Vec::new();
    for (index, text) in request.permissions.iter().enumerate() {
        let field = format!("/permissions/{index}");
        let parsed = text.parse::<Permission>();
        permissions
            .push(parsed.map_err(|error| ApiError::field(Code::InvalidEnum, &field, error.to_string()))?);
    }
    if permissions.is_empty() {
        return Err(ApiError::field(Code::MissingField, "/permissions", "give at least one permission"));
    }
    let directory = app.control.directory();
    let number = |field: &str, name: &str| {
        app.tenant_within(&caller.0, name)
            .map(|tenant| tenant.number)
            .map_err(|_| ApiError::field(Code::TenantForbidden, field, "no such tenant within your reach"))
    };
    let reach = match &request.reach {
        ReachGiven::Everything => Reach::Everything,
        ReachGiven::Tenants(names) if names.is_empty() => {
            return Err(ApiError::field(Code::MissingField, "/reach/tenants", "name at least one tenant"));
        }
        ReachGiven::Tenants(names) => {
            let numbers = names
                .iter()
                .enumerate()
                .map(|(index, name)| number(&format!("/reach/tenants/{index}"), name));
            Reach::Tenants(numbers.collect::<Result<_, _>>()?)
        }
    };
    let permissions: PermissionSet = permissions.into_iter().collect();
    if !caller.0.covers(permissions, &reach, &directory) {
        return Err(ApiError::new(
            Code::Forbidden,
            "a key can't have more permissions or reach than the one that makes it",
        ));
    }
    let default_tenant =
        request.default_tenant.as_deref().map(|name| number("/default_tenant", name)).transpose()?;
    if default_tenant.is_some_and(|tenant| !directory.is_within(tenant, &reach)) {
        let message = "the default tenant must lie within the key's reach";
        return Err(ApiError::field(Code::TenantForbidden, "/default_tenant", message));
    }
    let expires_at = request
        .expires
        .as_deref()
        .map(|text| {
            Timestamp::parse_rfc3339(text).map(|time| time.at).map_err(|_| {
                ApiError::field(
                    Code::InvalidTime,
                    "/expires",
                    "expected RFC 3339, such as 2027-01-01T00:00:00Z",
                )
            })
        })
        .transpose()?;
    if expires_at.is_some_and(|expiry| expiry <= app.now()) {
        return Err(ApiError::field(Code::TimeOutOfRange, "/expires", "the expiry lies in the past"));
    }
    // A key that ends must not leave one behind that does not.
    let expires_at = match (expires_at, caller.0.expires_at) {
        (Some(wanted), Some(own)) => Some(wanted.min(own)),
        (wanted, own) => wanted.or(own),
    };
    Ok(NewKey {
        name: name.to_owned(),
        permissions,
        reach,
        default_tenant,
        tenant_from_target: request.tenant_from_target,
        expires_at,
    })
}

/// Revokes a key at once.
#[utoipa::path(
    delete, path = "/v1/keys/{id}", tag = "keys", params(("id" = String, Path)),
    responses((status = 204, description = "revoked"), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn revoke(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    caller.needs(Permission::KeysManage)?;
    let not_found = || ApiError::new(Code::NotFound, "no such key within your reach");
    let id = Uuid::parse_str(&id).map_err(|_| not_found())?;
    let directory = app.control.directory();
    let key =
        directory.key(id.as_bytes()).filter(|key| within(&caller, key, &directory)).ok_or_else(not_found)?;
    let (id, revoking) = (key.id, app.clone());
    uncancelled(async move { Ok(revoking.control.revoke_key(&id, revoking.now()).await?) }).await?;
    tracing::info!(name = key.name, prefix = key.prefix, "key revoked");
    Ok(StatusCode::NO_CONTENT)
}
