//! Tenants: list, create, describe, move, suspend, delete, switch auditing on.

use std::sync::atomic::Ordering;

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, StatusCode},
};
use indelible_access::Principal;
use indelible_control::{
    Change, ControlError, Directory, Permission, Reach, Tenant, TenantKind, TenantNumber, TenantSet,
    TenantState,
};
use indelible_event::Code;
use indelible_ledger::{ChainOpen, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    input::{checked_optional, checked_zone, given, read_json},
    uncancelled,
    users::is_last_administrator_in,
};
use crate::{
    app::App,
    changes::{Told, recorded_only},
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
    names::confusable_with,
    reconcile::ChainDetails,
    recorder::{OwnEvent, shown},
};

/// A tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct TenantView {
    /// The name that senders use.
    name: String,
    /// Immutable id.
    #[schema(value_type = String)]
    uuid: Uuid,
    /// Immutable number; only with reach over everything, since it tells how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<TenantNumber>,
    /// The name shown, where it differs.
    display_name: Option<String>,
    /// The id in another system.
    external_id: Option<String>,
    /// The tenant above, if it is within the caller's reach.
    parent: Option<String>,
    /// `territory`: has others below it; `domain`: has none.
    kind: &'static str,
    /// IANA zone; the viewer's default for its people.
    zone: Option<String>,
    /// `active`, or `suspended`: its people can't sign in and its keys can't read. Events are taken all the same.
    state: &'static str,
    /// Whether events are taken.
    auditing: bool,
    /// Since when.
    audited_since: Option<String>,
    /// Names that it had; they stay its own.
    former_names: Vec<String>,
    /// When it was created.
    created_at: String,
    /// What is noteworthy about a change; beside it the change was made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl TenantView {
    fn new(tenant: &Tenant, directory: &Directory, reach: &Reach) -> Self {
        let parent = tenant.parent.filter(|parent| directory.is_within(*parent, reach));
        Self {
            name: tenant.name.clone(),
            uuid: tenant.uuid,
            number: (*reach == Reach::Everything).then_some(tenant.number),
            display_name: tenant.display_name.clone(),
            external_id: tenant.external_id.clone(),
            parent: parent.and_then(|parent| directory.tenant(parent)).map(|parent| parent.name.clone()),
            kind: directory.kind_of(tenant).as_str(),
            zone: tenant.zone.clone(),
            state: tenant.state.as_str(),
            auditing: tenant.auditing,
            audited_since: tenant.audited_since.map(|at| at.to_rfc3339()),
            former_names: directory.former_names(tenant.number).into_iter().map(str::to_owned).collect(),
            created_at: tenant.created_at.to_rfc3339(),
            warnings: Vec::new(),
        }
    }

    /// Says that the tenant's names look like those of others. Only others within the reach are told of.
    fn warned(mut self, tenant: &Tenant, directory: &Directory, reach: &Reach) -> Self {
        let others = directory.tenants().filter(|other| directory.is_within(other.number, reach));
        let alike = confusable_with(tenant, others);
        self.warnings.extend(alike.map(|other| format!("its name can be taken for that of {other}")));
        self
    }
}

/// The tenants within the caller's reach.
#[derive(Serialize, ToSchema)]
pub(crate) struct TenantList {
    data: Vec<TenantView>,
}

/// Lists the tenants within the caller's reach, by name.
#[utoipa::path(
    get, path = "/v1/tenants", operation_id = "list_tenants", tag = "tenants",
    params(("external_id" = Option<String>, Query, description = "only those with this id in another system")),
    responses((status = 200, body = TenantList))
)]
pub(crate) async fn list(
    Ready(app): Ready,
    caller: Caller,
    mut params: Params,
) -> Result<Json<TenantList>, ApiError> {
    let external_id = params.one("external_id")?;
    params.finish()?;
    let directory = app.control.directory();
    let reach = caller.principal.reach_of_any();
    let wanted = |tenant: &&Tenant| external_id.is_none() || tenant.external_id == external_id;
    let within = |tenant: &&Tenant| directory.is_within(tenant.number, &reach);
    let mut tenants: Vec<_> = directory.tenants().filter(wanted).filter(within).collect();
    tenants.sort_by(|a, b| a.name.cmp(&b.name));
    let data = tenants.into_iter().map(|tenant| TenantView::new(tenant, &directory, &reach)).collect();
    Ok(Json(TenantList { data }))
}

/// One tenant.
#[utoipa::path(
    get, path = "/v1/tenants/{name}", operation_id = "get_tenant", tag = "tenants", params(("name" = String, Path)),
    responses((status = 200, body = TenantView), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn one(
    Ready(app): Ready,
    caller: Caller,
    PathPart(name): PathPart,
    params: Params,
) -> Result<Json<TenantView>, ApiError> {
    params.finish()?;
    let reach = caller.principal.reach_of_any();
    let tenant = app.tenant_within(&reach, &name)?;
    Ok(Json(TenantView::new(&tenant, &app.control.directory(), &reach)))
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
    /// Whether events are taken. Once on it stays on. Absent: as the installation's auditing is.
    #[serde(default)]
    auditing: Option<bool>,
    /// The name shown, where it differs.
    #[serde(default)]
    display_name: Option<String>,
    /// `territory` or `domain`; absent: a domain until there is a tenant below it.
    #[serde(default)]
    kind: Option<String>,
    /// The id in another system.
    #[serde(default)]
    external_id: Option<String>,
    /// IANA zone.
    #[serde(default)]
    zone: Option<String>,
}

/// A tenant that passed its checks.
pub(crate) struct CheckedTenant {
    pub(crate) name: String,
    pub(crate) parent: Option<TenantNumber>,
    pub(crate) details: ChainDetails,
}

/// Creates a tenant.
#[utoipa::path(
    post, path = "/v1/tenants", operation_id = "create_tenant", tag = "tenants", request_body = NewTenant,
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
    let reach = caller.needs(Permission::TenantsManage)?.reach(Permission::TenantsManage);
    let new: NewTenant = read_json(&app, &headers, body).await?;
    let event = OwnEvent::new("Create tenant", "tenant.create", "create");
    let event = event.by(&caller.principal, &caller.origin, &app.control.directory());
    let creating = app.clone();
    let work = async move {
        // First, so that nothing moves between the checks and what they allow.
        let _turn = caller.turn(&creating).await?;
        refuse_bypass(&creating, &caller, &new, &event).await?;
        let new = check_new(&creating, &caller, &reach, new)?;
        create_tenant(&creating, new, event).await.map(|tenant| (tenant, reach))
    };
    let (tenant, reach) = uncancelled(work).await?;
    let directory = app.control.directory();
    let view = TenantView::new(&tenant, &directory, &reach).warned(&tenant, &directory, &reach);
    Ok((StatusCode::CREATED, Json(view)))
}

/// Refuses, and records, what would make a tenant without the auditing that it must have: one that is to begin without
/// it although the installation's is on, one that takes the name of a tenant that is audited, and a switch by somebody
/// who may not.
async fn refuse_bypass(
    app: &App,
    caller: &Caller,
    new: &NewTenant,
    event: &OwnEvent,
) -> Result<(), ApiError> {
    let directory = app.control.directory();
    let by_default = directory.installation_audited_since().is_some();
    let owner = directory.tenant_named(&new.name).filter(|owner| owner.auditing);
    let permission = caller.needs_complete_user_management();
    let (reason, error) = match new.auditing {
        Some(false) if by_default => ("auditing_stays_on", ControlError::AuditingStaysOn.into()),
        Some(true) if !by_default && let Err(error) = permission => ("not_permitted", error),
        _ if owner.is_some() => ("name_taken", ControlError::NameTaken.into()),
        _ => return Ok(()),
    };
    tracing::warn!(by = caller.principal.name, reason, "refused to create a tenant");
    let attempt = event
        .clone()
        .parameter("name", new.name.chars().take(NAME_TOLD_MAX).collect::<String>())
        .parameter("auditing", new.auditing);
    app.record(&attempt.refused("denied", reason)).await?;
    Err(error)
}

/// Characters of a refused name that are recorded.
const NAME_TOLD_MAX: usize = 253;

fn check_new(app: &App, caller: &Caller, reach: &Reach, new: NewTenant) -> Result<CheckedTenant, ApiError> {
    let parent = match &new.parent {
        Some(name) => Some(app.tenant_within(reach, name)?.number),
        None if *reach == Reach::Everything => None,
        None => return Err(ApiError::field(Code::Forbidden, "/parent", "name a parent within your reach")),
    };
    let by_default = app.control.directory().installation_audited_since().is_some();
    let auditing = new.auditing.unwrap_or(by_default);
    if auditing && !by_default {
        caller.needs_complete_user_management()?;
    }
    let optional = |field, text, chars| checked_optional(field, Some(text), chars).map(Option::flatten);
    Ok(CheckedTenant {
        name: new.name,
        parent,
        details: ChainDetails {
            display_name: optional("/display_name", new.display_name, DISPLAY_NAME_MAX)?,
            parent,
            auditing,
            kind: new.kind.as_deref().map(checked_kind).transpose()?,
            external_id: optional("/external_id", new.external_id, EXTERNAL_ID_MAX)?,
            zone: new.zone.as_deref().map(|zone| checked_zone("/zone", zone)).transpose()?,
        },
    })
}

fn checked_kind(kind: &str) -> Result<TenantKind, ApiError> {
    TenantKind::parse(kind)
        .ok_or_else(|| ApiError::field(Code::InvalidEnum, "/kind", "expected territory or domain"))
}

/// Opens the chain and stores the row. Whoever calls holds `control_turn`.
pub(crate) async fn create_tenant(app: &App, new: CheckedTenant, told: OwnEvent) -> Result<Tenant, ApiError> {
    let CheckedTenant { name, parent, mut details } = new;
    let own = app.trail.own_entries();
    // An earlier call may have opened a chain and failed to store its row; its name is taken.
    app.catch_up_if_behind().await?;
    app.control.check_new_tenant(&name, parent)?;
    // Where the installation's auditing is on, no tenant begins without.
    details.auditing |= app.control.directory().installation_audited_since().is_some();
    // Above every number that either store knows: a number is never used twice, even after a lost database.
    let in_control = app.control.directory().tenants().map(|tenant| tenant.number).max();
    let in_ledger = own.chains().iter().map(|chain| chain.tenant_number).max();
    let number = in_control.max(in_ledger).unwrap_or(0) + 1;
    let uuid = Uuid::new_v4();
    let directory = app.control.directory();
    let above = parent.and_then(|parent| directory.tenant(parent)).map(|parent| parent.name.clone());
    let told = told
        .to("tenant", &uuid.to_string(), &name)
        .changed("parent", Value::Null, above)
        .changed("auditing", Value::Null, details.auditing)
        .changed("kind", Value::Null, json!(details.kind))
        .changed("display_name", Value::Null, details.display_name.clone())
        .changed("external_id", Value::Null, details.external_id.clone())
        .changed("zone", Value::Null, details.zone.clone());
    let told = Told::new(&told, &directory)?;
    let body = details.with_told(&told).map_err(|error| ApiError::internal(error.to_string()))?;
    app.behind.store(true, Ordering::Release);
    // The ledger first, the row second; a crash between them is mended at the next start.
    let (chain_id, receipt) = app
        .writer
        .open_chain(ChainOpen {
            tenant_number: number,
            tenant_name: name.clone(),
            tenant_uuid: *uuid.as_bytes(),
            body,
        })
        .await?;
    let placed = receipt.outcomes.first().and_then(Outcome::placed);
    let created_at = placed.map_or_else(|| app.now(), |place| place.received_at);
    let tenant = Tenant {
        number,
        uuid,
        name,
        display_name: details.display_name,
        parent,
        kind: details.kind,
        external_id: details.external_id,
        zone: details.zone,
        state: TenantState::Active,
        auditing: details.auditing,
        audited_since: details.auditing.then_some(created_at),
        chain_id: chain_id.0,
        created_at,
    };
    app.control.insert_tenant(&tenant).await.map_err(|error| recorded_only(error.into()))?;
    app.tell(&told).await.map_err(recorded_only)?;
    app.behind.store(false, Ordering::Release);
    tracing::info!(tenant = tenant.name, auditing = tenant.auditing, "tenant created");
    Ok(tenant)
}

fn target(event: OwnEvent, tenant: &Tenant) -> OwnEvent {
    event.touching(tenant.number).to("tenant", &tenant.uuid.to_string(), &tenant.name)
}

/// What to change; absent fields stay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantChange {
    /// The new name; the old one stays the tenant's own.
    #[serde(default)]
    name: Option<String>,
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
    /// The id in another system; null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    external_id: Option<Option<String>>,
    /// IANA zone; null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    zone: Option<Option<String>>,
    /// `territory` or `domain`; null: as it turns out.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    kind: Option<Option<String>>,
    /// `active` or `suspended`.
    #[serde(default)]
    state: Option<String>,
}

/// Renames, moves, describes, suspends a tenant; switches its auditing on.
#[utoipa::path(
    patch, path = "/v1/tenants/{name}", operation_id = "change_tenant", tag = "tenants", params(("name" = String, Path)), request_body = TenantChange,
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
    if !caller.principal.manages_users_completely() {
        caller.needs(Permission::TenantsManage)?;
    }
    let reach = managed(&caller.principal);
    let change: TenantChange = read_json(&app, &headers, body).await?;
    let changing = app.clone();
    let number = uncancelled(async move { change_tenant(&changing, &caller, &name, change).await }).await?;
    let directory = app.control.directory();
    let tenant = directory.tenant(number).ok_or_else(|| ApiError::internal("a tenant disappeared"))?;
    Ok(Json(TenantView::new(tenant, &directory, &reach).warned(tenant, &directory, &reach)))
}

/// The tenants that a caller may change something about.
fn managed(principal: &Principal) -> Reach {
    if principal.manages_users_completely() {
        Reach::Everything
    } else {
        principal.reach(Permission::TenantsManage)
    }
}

/// Checks everything, then writes the ledger, then the row; returns the tenant's number.
async fn change_tenant(
    app: &App,
    caller: &Caller,
    name: &str,
    change: TenantChange,
) -> Result<TenantNumber, ApiError> {
    let _turn = caller.turn(app).await?;
    let tenant = app.tenant_within(&managed(&caller.principal), name)?;
    let directory = app.control.directory();
    let event = |action, code| {
        target(OwnEvent::new(action, code, "update"), &tenant).by(
            &caller.principal,
            &caller.origin,
            &directory,
        )
    };
    let switching = match change.auditing {
        Some(false) if tenant.auditing => {
            tracing::warn!(
                tenant = tenant.name,
                by = caller.principal.name,
                "refused to switch auditing off"
            );
            let attempt = event("Switch auditing", "tenant.auditing").changed("auditing", true, false);
            app.record(&attempt.refused("denied", "auditing_stays_on")).await?;
            return Err(ControlError::AuditingStaysOn.into());
        }
        Some(wanted) => wanted && !tenant.auditing,
        None => false,
    };
    let told = event("Switch auditing", "tenant.auditing").changed("auditing", false, true);
    if switching && let Err(error) = caller.needs_complete_user_management() {
        app.record(&told.refused("denied", "not_permitted")).await?;
        return Err(error);
    }
    let set = check_set(app, &caller.principal, &tenant, change)?;
    let changed = Change::TenantSet { tenant: tenant.number, set: set.clone() };
    if !set.is_empty() {
        let reach = caller.needs(Permission::TenantsManage)?.reach(Permission::TenantsManage);
        app.tenant_within(&reach, name)?;
        app.control.check(&changed)?;
        let below_suspended =
            set.parent.flatten().is_some_and(|parent| app.control.directory().is_suspended(parent));
        let closes = set.state == Some(TenantState::Suspended) || below_suspended;
        if closes && is_last_administrator_in(app, tenant.number) {
            let message = "the last administrator belongs to this tenant; make another one elsewhere first";
            return Err(ApiError::field(Code::Forbidden, "/state", message));
        }
    }
    if switching {
        app.make_change(Change::TenantAuditing { tenant: tenant.number }, &told.beginning_auditing()).await?;
        tracing::info!(tenant = tenant.name, "auditing switched on");
    }
    let told = told_of(event("Change tenant", "tenant.change"), &tenant, &set, &directory);
    if told.has_changes() {
        app.make_change(changed, &told).await?;
    }
    Ok(tenant.number)
}

/// What a request sets, checked as far as it can be without the tree.
fn check_set(
    app: &App,
    principal: &Principal,
    tenant: &Tenant,
    change: TenantChange,
) -> Result<TenantSet, ApiError> {
    let zone =
        change.zone.map(|zone| zone.map(|zone| checked_zone("/zone", &zone)).transpose()).transpose()?;
    let kind = change.kind.map(|kind| kind.as_deref().map(checked_kind).transpose()).transpose()?;
    let state = change.state.as_deref().map(|state| {
        TenantState::parse(state)
            .ok_or_else(|| ApiError::field(Code::InvalidEnum, "/state", "expected active or suspended"))
    });
    Ok(TenantSet {
        name: change.name,
        parent: change.parent.map(|parent| new_parent(app, principal, tenant, parent)).transpose()?,
        display_name: checked_optional("/display_name", change.display_name, DISPLAY_NAME_MAX)?,
        external_id: checked_optional("/external_id", change.external_id, EXTERNAL_ID_MAX)?,
        zone,
        kind,
        state: state.transpose()?,
    })
}

/// Whoever moves a tenant away takes it from those above: they must be within the reach too.
fn new_parent(
    app: &App,
    principal: &Principal,
    tenant: &Tenant,
    parent: Option<String>,
) -> Result<Option<TenantNumber>, ApiError> {
    let reach = principal.reach(Permission::TenantsManage);
    let number = match parent {
        Some(parent) => Some(app.tenant_within(&reach, &parent)?.number),
        None if reach == Reach::Everything => None,
        None => return Err(ApiError::field(Code::Forbidden, "/parent", "name a parent within your reach")),
    };
    let directory = app.control.directory();
    let above = tenant.parent.is_some_and(|above| directory.is_within(above, &reach));
    if reach == Reach::Everything || above {
        Ok(number)
    } else {
        let message = "a tenant is moved by somebody whose reach covers where it is now";
        Err(ApiError::field(Code::Forbidden, "/parent", message))
    }
}

/// Old and new values of what is other.
fn told_of(mut event: OwnEvent, tenant: &Tenant, set: &TenantSet, directory: &Directory) -> OwnEvent {
    let name = |number: Option<TenantNumber>| {
        number.and_then(|number| directory.tenant(number)).map(|tenant| tenant.name.clone())
    };
    if let Some(new) = &set.name {
        event = event.changed("name", tenant.name.clone(), new.clone());
    }
    if let Some(new) = set.parent {
        if new != tenant.parent {
            event = event.touching_of(tenant.parent).touching_of(new);
        }
        event = event.changed("parent", name(tenant.parent), name(new));
    }
    if let Some(new) = set.kind {
        event = event.changed("kind", json!(tenant.kind), json!(new));
    }
    if let Some(new) = set.state {
        event = event.changed("state", tenant.state.as_str(), new.as_str());
    }
    for (field, old, new) in [
        ("display_name", &tenant.display_name, &set.display_name),
        ("external_id", &tenant.external_id, &set.external_id),
        ("zone", &tenant.zone, &set.zone),
    ] {
        if let Some(new) = new {
            event = event.changed(field, old.clone(), new.clone());
        }
    }
    event
}

/// Deletes a tenant that was never audited. One that is can't be deleted, whatever else was done to it.
#[utoipa::path(
    delete, path = "/v1/tenants/{name}", operation_id = "delete_tenant", tag = "tenants", params(("name" = String, Path)),
    responses((status = 204, description = "deleted"), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails))
)]
pub(crate) async fn delete(
    Ready(app): Ready,
    caller: Caller,
    PathPart(name): PathPart,
    params: Params,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    let reach = caller.needs(Permission::TenantsManage)?.reach(Permission::TenantsManage);
    let work = async move {
        let _turn = caller.turn(&app).await?;
        let tenant = app.tenant_within(&reach, &name)?;
        let directory = app.control.directory();
        let told = target(OwnEvent::new("Delete tenant", "tenant.delete", "delete"), &tenant)
            .by(&caller.principal, &caller.origin, &directory)
            .parameter("audited_since", shown(tenant.audited_since));
        let removed = app.make_change(Change::TenantRemoved { tenant: tenant.number }, &told).await;
        if tenant.auditing && removed.is_err() {
            app.record(&told.refused("denied", "auditing_stays_on")).await?;
        }
        removed
    };
    uncancelled(work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Characters of a name shown.
const DISPLAY_NAME_MAX: usize = 200;
/// Characters of an id in another system.
const EXTERNAL_ID_MAX: usize = 200;
