//! API keys: list, create, revoke. Nobody gives more than they have.

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, StatusCode},
};
use indelible_access::Principal;
use indelible_control::{
    ApiKey, Change, ControlError, Directory, KeyRecord, NewKey, Permission, PermissionSet, Reach,
};
use indelible_event::{Code, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    input::{checked_text, read_json},
    roles::checked_permissions,
    uncancelled,
};
use crate::{
    app::App,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
    recorder::{OwnEvent, shown},
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
    create_tenants: bool,
    /// The key that it is there to replace.
    #[schema(value_type = Option<String>)]
    replaces: Option<Uuid>,
    expires: Option<String>,
    created_at: String,
    revoked_at: Option<String>,
    /// When it was last used.
    last_used_at: Option<String>,
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
            create_tenants: key.create_tenants,
            replaces: key.replaces.map(Uuid::from_bytes),
            expires: key.expires_at.map(Timestamp::to_rfc3339),
            created_at: key.created_at.to_rfc3339(),
            revoked_at: key.revoked_at.map(Timestamp::to_rfc3339),
            last_used_at: None,
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
#[utoipa::path(get, path = "/v1/keys", operation_id = "list_keys", tag = "keys", responses((status = 200, body = KeyList), (status = 403, body = ProblemDetails)))]
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
    let used = app.keys_used.lock();
    let view = |key: &ApiKey| {
        let last_used_at = used.get(&key.id).copied().or(key.last_used_at).map(Timestamp::to_rfc3339);
        KeyView { last_used_at, ..KeyView::new(key, &directory, now) }
    };
    Ok(Json(KeyList { data: keys.into_iter().map(view).collect() }))
}

fn within(caller: &Caller, key: &ApiKey, directory: &Directory) -> bool {
    directory.covers(&caller.principal.reach(Permission::KeysManage), &key.reach)
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
    /// Whether a tenant that does not exist is made when an event names it, where `tenants_on_first_use` is set. Needs
    /// `tenants.manage`.
    #[serde(default)]
    create_tenants: bool,
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
    post, path = "/v1/keys", operation_id = "create_key", tag = "keys", request_body = KeyRequest,
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
    let work = async move {
        let _turn = caller.turn(&app).await?;
        let new = check(&app, &caller, request)?;
        make_key(&app, &caller, new).await
    };
    Ok((StatusCode::CREATED, Json(uncancelled(work).await?)))
}

/// Whoever calls holds `control_turn`.
async fn make_key(app: &App, caller: &Caller, new: NewKey) -> Result<KeyMade, ApiError> {
    let (key, secret) = ApiKey::make(new, app.now()).map_err(ControlError::Randomness)?;
    let directory = app.control.directory();
    let told = told(caller, &key, &directory, "Create API key", "key.create", "create")
        .changed("permissions", serde_json::Value::Null, key.permissions.names())
        .changed("reach", serde_json::Value::Null, reach_names(&key.reach, &directory))
        .parameter("expires", shown(key.expires_at))
        .parameter("replaces", key.replaces.map(|id| Uuid::from_bytes(id).to_string()));
    app.make_change(Change::KeyMade { key: KeyRecord::from(&key) }, &told).await?;
    tracing::info!(name = key.name, prefix = key.prefix, "key created");
    Ok(KeyMade { id: Uuid::from_bytes(key.id), key: secret, name: key.name, prefix: key.prefix })
}

fn told(
    caller: &Caller,
    key: &ApiKey,
    directory: &Directory,
    action: &str,
    code: &str,
    kind: &str,
) -> OwnEvent {
    let told = OwnEvent::new(action, code, kind);
    let told = match &key.reach {
        Reach::Everything => told.touching_installation(),
        Reach::Tenants(roots) => roots.iter().fold(told, |told, root| told.touching(*root)),
    };
    told.to("api_key", &Uuid::from_bytes(key.id).to_string(), &key.name)
        .by(&caller.principal, &caller.origin, directory)
        .parameter("prefix", key.prefix.clone())
}

fn reach_names(reach: &Reach, directory: &Directory) -> Vec<String> {
    match reach {
        Reach::Everything => vec!["everything".to_owned()],
        Reach::Tenants(roots) => roots
            .iter()
            .filter_map(|root| directory.tenant(*root))
            .map(|tenant| tenant.name.clone())
            .collect(),
    }
}

/// Characters of a key's name.
const NAME_MAX: usize = 100;

fn check(app: &App, caller: &Caller, request: KeyRequest) -> Result<NewKey, ApiError> {
    let name = checked_text("/name", &request.name, NAME_MAX)?;
    let permissions = checked_permissions(&request.permissions)?;
    let directory = app.control.directory();
    let number = |field: &str, name: &str| {
        app.tenant_within(&caller.principal.reach(Permission::KeysManage), name)
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
    may_hand_out(&caller.principal, permissions, &reach, request.create_tenants, &directory)?;
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
    Ok(NewKey {
        name,
        permissions,
        reach,
        default_tenant,
        tenant_from_target: request.tenant_from_target,
        create_tenants: request.create_tenants,
        replaces: None,
        expires_at: no_later_than(expires_at, &caller.principal),
    })
}

/// Nobody gives more than they have, permission by permission.
fn may_hand_out(
    principal: &Principal,
    permissions: PermissionSet,
    reach: &Reach,
    create_tenants: bool,
    directory: &Directory,
) -> Result<(), ApiError> {
    let managing = [Permission::TenantsManage].into_iter().filter(|_| create_tenants).collect();
    if principal.covers(permissions.with(managing), reach, None, directory) {
        Ok(())
    } else {
        let message =
            "a key can't have more permissions or reach, nor read older events, than the one that makes it";
        Err(ApiError::new(Code::Forbidden, message))
    }
}

/// A key that ends must not leave one behind that does not.
fn no_later_than(expires_at: Option<Timestamp>, principal: &Principal) -> Option<Timestamp> {
    match (expires_at, principal.expires_at) {
        (Some(wanted), Some(own)) => Some(wanted.min(own)),
        (wanted, own) => wanted.or(own),
    }
}

/// Revokes a key at once.
#[utoipa::path(
    delete, path = "/v1/keys/{id}", operation_id = "revoke_key", tag = "keys", params(("id" = String, Path)),
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
    let work = async move {
        let _turn = caller.turn(&app).await?;
        let directory = app.control.directory();
        let key = directory
            .key(id.as_bytes())
            .filter(|key| within(&caller, key, &directory))
            .ok_or_else(not_found)?;
        let told = told(&caller, key, &directory, "Revoke API key", "key.revoke", "delete");
        let change = Change::KeyEnds { key: id, at: app.now().as_micros(), revoked: true };
        app.make_change(change, &told).await?;
        tracing::info!(name = key.name, prefix = key.prefix, "key revoked");
        Ok(())
    };
    uncancelled(work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How long the key before goes on.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// Seconds that the old key stays good beside the new one; 0 to 2592000 (30 days), absent: a day.
    #[serde(default)]
    overlap_seconds: Option<u64>,
}

/// An overlap where none is asked for: a day, to bring the new secret everywhere.
const OVERLAP_SECONDS: u64 = 86_400;
/// The longest overlap: 30 days.
const OVERLAP_SECONDS_MAX: u64 = 30 * 86_400;

/// Makes a key like this one with another secret; this one ends after an overlap.
#[utoipa::path(
    post, path = "/v1/keys/{id}/rotation", operation_id = "rotate_key", tag = "keys", params(("id" = String, Path)), request_body = Rotation,
    responses((status = 201, body = KeyMade), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn rotate(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<KeyMade>), ApiError> {
    params.finish()?;
    caller.needs(Permission::KeysManage)?;
    let rotation: Rotation = read_json(&app, &headers, body).await?;
    let overlap = rotation.overlap_seconds.unwrap_or(OVERLAP_SECONDS);
    if overlap > OVERLAP_SECONDS_MAX {
        let message = format!("expected 0 to {OVERLAP_SECONDS_MAX} seconds");
        return Err(ApiError::field(Code::NumberOutOfRange, "/overlap_seconds", message));
    }
    let not_found = || ApiError::new(Code::NotFound, "no such key within your reach");
    let id = Uuid::parse_str(&id).map_err(|_| not_found())?;
    let work = async move {
        let _turn = caller.turn(&app).await?;
        let directory = app.control.directory();
        let good = |key: &&ApiKey| within(&caller, key, &directory) && key.is_valid_at(app.now());
        let old = directory.key(id.as_bytes()).filter(good).ok_or_else(not_found)?;
        may_hand_out(&caller.principal, old.permissions, &old.reach, old.create_tenants, &directory)?;
        make_successor(&app, &caller, old, overlap).await
    };
    Ok((StatusCode::CREATED, Json(uncancelled(work).await?)))
}

/// Whoever calls holds `control_turn`.
async fn make_successor(app: &App, caller: &Caller, old: &ApiKey, overlap: u64) -> Result<KeyMade, ApiError> {
    let new = NewKey {
        name: old.name.clone(),
        permissions: old.permissions,
        reach: old.reach.clone(),
        default_tenant: old.default_tenant,
        tenant_from_target: old.tenant_from_target,
        create_tenants: old.create_tenants,
        replaces: Some(old.id),
        expires_at: no_later_than(old.expires_at, &caller.principal),
    };
    let made = make_key(app, caller, new).await?;
    let overlap = i64::try_from(overlap * 1_000_000).unwrap_or(i64::MAX);
    let end = app.now().as_micros().saturating_add(overlap);
    let end = old.expires_at.map_or(end, |expiry| expiry.as_micros().min(end));
    let told = told(caller, old, &app.control.directory(), "Rotate API key", "key.rotate", "update")
        .changed("expires", shown(old.expires_at), shown(Some(Timestamp::from_micros(end))))
        .parameter("replaced_by", made.id.to_string());
    let change = Change::KeyEnds { key: Uuid::from_bytes(old.id), at: end, revoked: false };
    app.make_change(change, &told).await?;
    Ok(made)
}
