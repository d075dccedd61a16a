//! Tenants: list, create, move, switch auditing on.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, StatusCode},
};
use indelible_access::Principal;
use indelible_control::{ControlError, Directory, Permission, Tenant, TenantNumber};
use indelible_event::{Code, excerpt};
use indelible_ledger::{ChainOpen, Outcome};
use indelible_verify::{ChainId, Kind};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::uncancelled;
use crate::{
    app::App,
    body::receive,
    error::{ApiError, ProblemDetails, chain},
    extract::{Caller, Params, PathPart, Ready},
    reconcile::{AUDITING, ChainDetails, SettingChange, adopt_chains},
};

/// A tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct TenantView {
    /// The name that senders use.
    name: String,
    /// Immutable id.
    #[schema(value_type = String)]
    uuid: Uuid,
    /// The name shown, where it differs.
    display_name: Option<String>,
    /// The tenant above, if it is within the caller's reach.
    parent: Option<String>,
    /// Whether events are taken.
    auditing: bool,
    /// When it was created.
    created_at: String,
}

impl TenantView {
    fn new(tenant: &Tenant, directory: &Directory, principal: &Principal) -> Self {
        let parent = tenant.parent.filter(|parent| directory.is_within(*parent, &principal.reach));
        Self {
            name: tenant.name.clone(),
            uuid: tenant.uuid,
            display_name: tenant.display_name.clone(),
            parent: parent.and_then(|parent| directory.tenant(parent)).map(|parent| parent.name.clone()),
            auditing: tenant.auditing,
            created_at: tenant.created_at.to_rfc3339(),
        }
    }
}

/// The tenants within the caller's reach.
#[derive(Serialize, ToSchema)]
pub(crate) struct TenantList {
    data: Vec<TenantView>,
}

/// Lists the tenants within the caller's reach, by name.
#[utoipa::path(get, path = "/v1/tenants", tag = "tenants", responses((status = 200, body = TenantList)))]
pub(crate) async fn list(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<TenantList>, ApiError> {
    params.finish()?;
    let directory = app.control.directory();
    let mut tenants: Vec<_> =
        directory.tenants().filter(|tenant| directory.is_within(tenant.number, &caller.0.reach)).collect();
    tenants.sort_by(|a, b| a.name.cmp(&b.name));
    let data = tenants.into_iter().map(|tenant| TenantView::new(tenant, &directory, &caller.0)).collect();
    Ok(Json(TenantList { data }))
}

/// One tenant.
#[utoipa::path(
    get, path = "/v1/tenants/{name}", tag = "tenants", params(("name" = String, Path)),
    responses((status = 200, body = TenantView), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn one(
    Ready(app): Ready,
    caller: Caller,
    PathPart(name): PathPart,
    params: Params,
) -> Result<Json<TenantView>, ApiError> {
    params.finish()?;
    let tenant = app.tenant_within(&caller.0, &name)?;
    Ok(Json(TenantView::new(&tenant, &app.control.directory(), &caller.0)))
}

/// A tenant to be created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTenant {
    /// 1 to 253 of A-Z a-z 0-9 . _ - @ : +, unique without regard to case.
    name: String,
    /// The tenant above; null or absent: directly below the installation.
    #[serde(default)]
    parent: Option<String>,
    /// Whether events are taken. Once on it stays on.
    #[serde(default)]
    auditing: bool,
    /// The name shown, where it differs.
    #[serde(default)]
    display_name: Option<String>,
}

/// Creates a tenant.
#[utoipa::path(
    post, path = "/v1/tenants", tag = "tenants", request_body = NewTenant,
    responses((status = 201, body = TenantView), (status = 400, body = ProblemDetails), (status = 409, body = ProblemDetails))
)]
pub(crate) async fn create(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<TenantView>), ApiError> {
    params.finish()?;
    caller.needs(Permission::TenantsManage)?;
    let new: NewTenant = read_json(&app, &headers, body).await?;
    let parent = match &new.parent {
        Some(name) => Some(app.tenant_within(&caller.0, name)?.number),
        None if caller.0.sees_everything() => None,
        None => return Err(ApiError::field(Code::Forbidden, "/parent", "name a parent within your reach")),
    };
    check_display_name(new.display_name.as_deref())?;
    let tenant = uncancelled(create_tenant(app.clone(), new, parent)).await?;
    let view = TenantView::new(&tenant, &app.control.directory(), &caller.0);
    Ok((StatusCode::CREATED, Json(view)))
}

/// Opens the chain and stores the row.
async fn create_tenant(
    app: Arc<App>,
    new: NewTenant,
    parent: Option<TenantNumber>,
) -> Result<Tenant, ApiError> {
    let _turn = app.tenant_turn.lock().await;
    let own = app.trail.own_entries();
    // An earlier call may have opened a chain and failed to store its row; its name is taken.
    adopt_chains(&app.control, &own).await.map_err(|error| ApiError::internal(chain(&error)))?;
    app.control.check_new_tenant(&new.name, parent)?;
    // Above every number that either store knows: a number is never used twice, even after a lost database.
    let in_control = app.control.directory().tenants().map(|tenant| tenant.number).max();
    let in_ledger = own.chains().iter().map(|chain| chain.tenant_number).max();
    let number = in_control.max(in_ledger).unwrap_or(0) + 1;
    let uuid = Uuid::new_v4();
    let details = ChainDetails { display_name: new.display_name.clone(), parent, auditing: new.auditing };
    let body = serde_json::to_vec(&details).map_err(|error| ApiError::internal(error.to_string()))?;
    // The ledger first, the row second; a crash between them is mended at the next start.
    let (chain_id, receipt) = app
        .writer
        .open_chain(ChainOpen {
            tenant_number: number,
            tenant_name: new.name.clone(),
            tenant_uuid: *uuid.as_bytes(),
            body,
        })
        .await?;
    let placed = receipt.outcomes.first().and_then(Outcome::placed);
    let tenant = Tenant {
        number,
        uuid,
        name: new.name,
        display_name: new.display_name,
        parent,
        auditing: new.auditing,
        chain_id: chain_id.0,
        created_at: placed.map_or_else(|| app.now(), |place| place.received_at),
    };
    app.control.insert_tenant(&tenant).await?;
    tracing::info!(tenant = tenant.name, auditing = tenant.auditing, "tenant created");
    Ok(tenant)
}

/// What to change; absent fields stay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantChange {
    /// The new tenant above; null: directly below the installation.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    parent: Option<Option<String>>,
    /// true switches auditing on. It can't be switched off.
    #[serde(default)]
    auditing: Option<bool>,
    /// The name shown; null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    display_name: Option<Option<String>>,
}

/// Tells a field that is null from one that is absent.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

/// Moves a tenant, switches its auditing on, changes the name shown.
#[utoipa::path(
    patch, path = "/v1/tenants/{name}", tag = "tenants", params(("name" = String, Path)), request_body = TenantChange,
    responses((status = 200, body = TenantView), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn change(
    Ready(app): Ready,
    caller: Caller,
    PathPart(name): PathPart,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<TenantView>, ApiError> {
    params.finish()?;
    caller.needs(Permission::TenantsManage)?;
    let change: TenantChange = read_json(&app, &headers, body).await?;
    let principal = caller.0.clone();
    let number = uncancelled(change_tenant(app.clone(), principal, name, change)).await?;
    let directory = app.control.directory();
    let tenant = directory.tenant(number).ok_or_else(|| ApiError::internal("a tenant disappeared"))?;
    Ok(Json(TenantView::new(tenant, &directory, &caller.0)))
}

/// Checks everything, then writes the ledger, then the row; returns the tenant's number.
async fn change_tenant(
    app: Arc<App>,
    principal: Principal,
    name: String,
    change: TenantChange,
) -> Result<TenantNumber, ApiError> {
    let _turn = app.tenant_turn.lock().await;
    let tenant = app.tenant_within(&principal, &name)?;
    let parent = match &change.parent {
        None => None,
        Some(Some(parent)) => Some(Some(app.tenant_within(&principal, parent)?.number)),
        Some(None) if principal.sees_everything() => Some(None),
        Some(None) => {
            return Err(ApiError::field(Code::Forbidden, "/parent", "name a parent within your reach"));
        }
    };
    if let Some(parent) = parent {
        // Whoever moves a tenant away takes it from those above: they must be within the reach too.
        let directory = app.control.directory();
        let above = tenant.parent;
        let may = principal.sees_everything()
            || above.is_some_and(|above| directory.is_within(above, &principal.reach));
        if !may {
            let message = "a tenant is moved by somebody whose reach covers where it is now";
            return Err(ApiError::field(Code::Forbidden, "/parent", message));
        }
        app.control.check_move(tenant.number, parent)?;
    }
    check_display_name(change.display_name.as_ref().and_then(Option::as_deref))?;
    if change.auditing == Some(false) && tenant.auditing {
        tracing::warn!(tenant = tenant.name, key = principal.name, "refused to switch auditing off");
        return Err(ControlError::AuditingStaysOn.into());
    }
    let switch_auditing_on = change.auditing == Some(true) && !tenant.auditing;
    if switch_auditing_on {
        let body = SettingChange { setting: AUDITING.into(), new: true, key: hex::encode(principal.key_id) };
        let body = serde_json::to_vec(&body).map_err(|error| ApiError::internal(error.to_string()))?;
        app.writer.append_system(Kind::SETTINGS, ChainId(tenant.chain_id), body).await?;
        tracing::info!(tenant = tenant.name, "auditing switched on");
    }
    let change =
        indelible_control::TenantChange { parent, display_name: change.display_name, switch_auditing_on };
    app.control.change_tenant(tenant.number, &change).await?;
    Ok(tenant.number)
}

/// Characters of a name shown.
const DISPLAY_NAME_MAX: usize = 200;

fn check_display_name(shown: Option<&str>) -> Result<(), ApiError> {
    match shown {
        Some(shown)
            if shown.trim().is_empty() || shown.chars().count() > DISPLAY_NAME_MAX || deceives(shown) =>
        {
            Err(ApiError::field(
                Code::InvalidString,
                "/display_name",
                "a display name has 1 to 200 characters and no control characters",
            ))
        }
        _ => Ok(()),
    }
}

/// Largest body of a request that changes settings.
const SMALL_BODY_MAX: usize = 64 << 10;

/// Reads a small JSON body into `T`.
pub(crate) async fn read_json<T: for<'de> Deserialize<'de>>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, ApiError> {
    let kind = headers.get(axum::http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if !media.is_some_and(|media| media.eq_ignore_ascii_case("application/json")) {
        return Err(ApiError::new(Code::UnsupportedMediaType, "send application/json"));
    }
    let body = receive(&app.small_budget, headers, body, SMALL_BODY_MAX).await?;
    if body.bytes.is_empty() {
        return Err(ApiError::new(Code::EmptyBody, "the request has no body"));
    }
    let text = std::str::from_utf8(&body.bytes).map_err(|error| {
        ApiError::new(Code::InvalidUtf8, format!("byte {} is not UTF-8", error.valid_up_to()))
    })?;
    // Duplicate keys and the like are found by the same reader that events go through.
    indelible_event::parse_json(text, SMALL_BODY_DEPTH)?;
    serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let code = match error.classify() {
            serde_json::error::Category::Data if message.starts_with("missing field") => Code::MissingField,
            serde_json::error::Category::Data if message.starts_with("unknown field") => {
                Code::UnknownParameter
            }
            serde_json::error::Category::Data => Code::WrongType,
            _ => Code::MalformedJson,
        };
        // serde quotes the name of the field first.
        let named = matches!(code, Code::MissingField | Code::UnknownParameter);
        let field = message.split('`').nth(1).filter(|_| named);
        let field = field.map(|name| format!("/{}", excerpt(&name.replace('~', "~0").replace('/', "~1"))));
        let message: String = message.chars().take(200).flat_map(shown).collect();
        ApiError::field(code, &field.unwrap_or_default(), message)
    })
}

/// Levels of nesting in a body that changes settings.
const SMALL_BODY_DEPTH: usize = 8;

/// A character of a message that may hold a part of the input.
fn shown(c: char) -> Vec<char> {
    if c.is_ascii_graphic() || c == ' ' { vec![c] } else { c.escape_unicode().collect() }
}

/// Whether a name could deceive whoever reads it: control characters, and marks that turn the direction of text.
pub(crate) fn deceives(name: &str) -> bool {
    let turns = |c: char| matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    name.chars().any(|c| c.is_control() || turns(c))
}
