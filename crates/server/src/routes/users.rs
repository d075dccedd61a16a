//! Users: list, create, describe, lock, invite; their roles and sessions.
//!
//! Whoever manages users manages those whose tenant lies within their reach, and whose roles they could give: nobody
//! gets hold of an account that may do more than they may.

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, StatusCode},
};
use indelible_access::Principal;
use indelible_control::{
    Change, Directory, LinkPurpose, Permission, Profile, Reach, Role, RoleGrant, RoleReach, Session,
    TenantNumber, User, UserState,
};
use indelible_event::{Code, Timestamp};
use indelible_identity::LinkToken;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    input::{checked_optional, checked_text, given, read_json, read_json_or_nothing},
    profile::ProfileChange,
    uncancelled,
};
use crate::{
    app::App,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
    mailing::{self, LinkMail},
    recorder::OwnEvent,
};

/// A role that a user has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GivenRole {
    /// The role's name.
    role: String,
    /// The territories, for a role that reaches over those given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    territories: Vec<String>,
}

/// A user.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserView {
    #[schema(value_type = String)]
    id: Uuid,
    username: String,
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
    /// BCP 47 tag.
    locale: Option<String>,
    /// IANA zone.
    zone: Option<String>,
    /// The tenant that the user belongs to; null: the installation's own people.
    tenant: Option<String>,
    groups: Vec<String>,
    roles: Vec<GivenRole>,
    /// `invited`, `active`, `locked` or `disabled`.
    state: &'static str,
    /// Whether there is a password.
    has_password: bool,
    /// Whether a second factor is asked for.
    has_second_factor: bool,
    created_at: String,
    /// Sessions that are open.
    sessions: usize,
}

impl UserView {
    pub(crate) fn new(app: &App, user: &User, directory: &Directory) -> Self {
        let name = |number| directory.tenant(number).map(|tenant| tenant.name.clone());
        Self {
            id: user.id,
            username: user.username.clone(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            email: user.email.clone(),
            locale: user.locale.clone(),
            zone: user.zone.clone(),
            tenant: user.tenant.and_then(name),
            groups: user.groups.clone(),
            roles: given_roles(&user.grants, directory),
            state: user.state.as_str(),
            has_password: user.has_password,
            has_second_factor: user.has_second_factor,
            created_at: user.created_at.to_rfc3339(),
            sessions: sessions_of(app, user.id, None).data.len(),
        }
    }
}

pub(crate) fn given_roles(grants: &[RoleGrant], directory: &Directory) -> Vec<GivenRole> {
    let name = |number: &u64| directory.tenant(*number).map(|tenant| tenant.name.clone());
    let given = grants.iter().filter_map(|grant| {
        let role = directory.role(grant.role)?.name.clone();
        Some(GivenRole { role, territories: grant.territories.iter().filter_map(name).collect() })
    });
    given.collect()
}

/// Whether the caller manages a user: its tenant lies within the reach, and so does all that it may do.
pub(crate) fn manages(caller: &Principal, user: &User, directory: &Directory) -> bool {
    places(caller, user.tenant, directory)
        && user.grants.iter().all(|grant| gives(caller, grant, user.tenant, directory))
}

/// Whether the caller manages the people of a tenant.
fn places(caller: &Principal, tenant: Option<u64>, directory: &Directory) -> bool {
    match tenant {
        Some(tenant) => directory.is_within(tenant, &caller.reach(Permission::UsersManage)),
        None => caller.manages_users_completely(),
    }
}

/// Whether the caller has all that a role permits, over all that it reaches, and as far back.
fn gives(caller: &Principal, grant: &RoleGrant, tenant: Option<u64>, directory: &Directory) -> bool {
    let Some(role) = directory.role(grant.role) else { return true };
    let reach = match role.reach {
        RoleReach::Everything => Reach::Everything,
        RoleReach::Territories => Reach::Tenants(grant.territories.clone()),
        RoleReach::Tenant => Reach::Tenants(tenant.into_iter().collect()),
        RoleReach::Oneself => {
            return role.permissions.is_within(caller.permissions())
                && caller.covers_range(role.permissions, role.range.as_ref());
        }
    };
    caller.covers(role.permissions, &reach, role.range.as_ref(), directory)
}

fn no_such_user() -> ApiError {
    ApiError::new(Code::NotFound, "no such user within your reach")
}

/// The user of an id, if the caller manages it.
fn managed(app: &App, caller: &Caller, id: &str) -> Result<User, ApiError> {
    caller.needs(Permission::UsersManage)?;
    let id = Uuid::parse_str(id).map_err(|_| no_such_user())?;
    let directory = app.control.directory();
    let user = directory.user(id).filter(|user| manages(&caller.principal, user, &directory));
    user.cloned().ok_or_else(no_such_user)
}

/// Refuses what gives an account away, to whoever is signed in to it: an open page knows no password.
fn needs_another(caller: &Caller, user: &User) -> Result<(), ApiError> {
    if caller.session.as_ref().is_none_or(|session| session.user != user.id) {
        return Ok(());
    }
    let message = "this is your own account: use the profile, which asks for your password, or ask another administrator";
    Err(ApiError::new(Code::Forbidden, message))
}

/// The users whom the caller manages.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserList {
    data: Vec<UserView>,
}

/// Lists the users whom the caller manages, by username.
#[utoipa::path(get, path = "/v1/users", operation_id = "list_users", tag = "users", responses((status = 200, body = UserList), (status = 403, body = ProblemDetails)))]
pub(crate) async fn list(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<UserList>, ApiError> {
    params.finish()?;
    caller.needs(Permission::UsersManage)?;
    let directory = app.control.directory();
    let mut users: Vec<_> =
        directory.users().filter(|user| manages(&caller.principal, user, &directory)).collect();
    users.sort_by_key(|user| user.username.to_lowercase());
    let data = users.into_iter().map(|user| UserView::new(&app, user, &directory)).collect();
    Ok(Json(UserList { data }))
}

/// One user.
#[utoipa::path(
    get, path = "/v1/users/{id}", operation_id = "get_user", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = UserView), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn one(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<UserView>, ApiError> {
    params.finish()?;
    let user = managed(&app, &caller, &id)?;
    Ok(Json(UserView::new(&app, &user, &app.control.directory())))
}

/// A user to be created, or what is to be other about one; of the latter, absent fields stay.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserRequest {
    /// 1 to 150 characters without blanks, unique without regard to case.
    #[serde(default)]
    username: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    first_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    last_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// BCP 47 tag.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    locale: Option<Option<String>>,
    /// IANA zone.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    zone: Option<Option<String>>,
    /// The tenant that the user belongs to; null: the installation's own people.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    tenant: Option<Option<String>>,
    /// At most 100 names of groups.
    #[serde(default)]
    groups: Option<Vec<String>>,
    /// The roles; they replace those before.
    #[serde(default)]
    roles: Option<Vec<GivenRole>>,
    /// `active`, `locked` or `disabled`.
    #[serde(default)]
    state: Option<String>,
}

/// Characters of a username, and of other texts about a user.
const USERNAME_MAX: usize = 150;
pub(crate) const TEXT_MAX: usize = 200;
/// Groups of one user.
pub(crate) const GROUPS_MAX: usize = 100;

/// A username as it may be.
pub(crate) fn checked_username(username: &str) -> Result<String, ApiError> {
    let username = checked_text("/username", username, USERNAME_MAX)?;
    if username.contains(char::is_whitespace) {
        return Err(ApiError::field(Code::InvalidString, "/username", "a username has no blanks"));
    }
    Ok(username)
}

/// An address that mail can be sent to, as far as can be told.
pub(crate) fn checked_email(field: &str, email: String) -> Result<String, ApiError> {
    let parts = email.split_once('@');
    let good =
        parts.is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'));
    if good && email.is_ascii() && !email.contains(|c: char| c.is_whitespace() || "<>,;\"".contains(c)) {
        return Ok(email);
    }
    Err(ApiError::field(Code::InvalidString, field, "expected an address such as ada@example.com"))
}

/// What a user is to be described as.
fn described(
    app: &App,
    caller: &Caller,
    old: Option<&User>,
    request: &mut UserRequest,
) -> Result<Profile, ApiError> {
    let mut profile = old.map(Profile::from).unwrap_or_default();
    match request.username.take() {
        Some(username) => profile.username = checked_username(&username)?,
        None if old.is_none() => {
            return Err(ApiError::field(Code::MissingField, "/username", "give a username"));
        }
        None => {}
    }
    let as_by_oneself = ProfileChange {
        first_name: request.first_name.take(),
        last_name: request.last_name.take(),
        locale: request.locale.take(),
        zone: request.zone.take(),
    };
    as_by_oneself.apply(&mut profile)?;
    if let Some(email) = checked_optional("/email", request.email.take(), TEXT_MAX)? {
        profile.email = email.map(|email| checked_email("/email", email)).transpose()?;
    }
    if let Some(groups) = request.groups.take() {
        profile.groups = checked_groups(&groups)?;
    }
    let reach = caller.principal.reach(Permission::UsersManage);
    match request.tenant.take() {
        Some(Some(name)) => profile.tenant = Some(app.tenant_within(&reach, &name)?.number),
        Some(None) => profile.tenant = None,
        None => {}
    }
    if !places(&caller.principal, profile.tenant, &app.control.directory()) {
        let message = "name a tenant within your reach";
        return Err(ApiError::field(Code::TenantForbidden, "/tenant", message));
    }
    Ok(profile)
}

fn checked_groups(groups: &[String]) -> Result<Vec<String>, ApiError> {
    if groups.len() > GROUPS_MAX {
        return Err(ApiError::field(Code::TooManyItems, "/groups", "a user has at most 100 groups"));
    }
    let checked = groups.iter().enumerate();
    let checked = checked.map(|(at, group)| checked_text(&format!("/groups/{at}"), group, TEXT_MAX));
    let mut groups: Vec<_> = checked.collect::<Result<_, _>>()?;
    groups.sort();
    groups.dedup();
    Ok(groups)
}

/// Roles by their names, which the caller could give to a user of this tenant.
fn checked_roles(
    app: &App,
    caller: &Caller,
    tenant: Option<u64>,
    roles: &[GivenRole],
) -> Result<Vec<RoleGrant>, ApiError> {
    let directory = app.control.directory();
    let reach = caller.principal.reach(Permission::UsersManage);
    let mut grants = Vec::new();
    for (at, given) in roles.iter().enumerate() {
        let field = format!("/roles/{at}");
        let role = directory.role_named(&given.role).ok_or_else(|| {
            ApiError::field(Code::InvalidEnum, &field, "no role has this name; GET /v1/roles lists them")
        })?;
        let territories =
            given.territories.iter().map(|name| app.tenant_within(&reach, name).map(|tenant| tenant.number));
        let mut territories = territories.collect::<Result<Vec<_>, _>>()?;
        territories.sort_unstable();
        territories.dedup();
        grants.push(RoleGrant { role: role.id, territories });
    }
    check_roles(app, caller, tenant, &grants)?;
    grants.sort();
    Ok(grants)
}

/// Refuses roles that a user of this tenant can't have, or that the caller can't give there.
fn check_roles(
    app: &App,
    caller: &Caller,
    tenant: Option<u64>,
    grants: &[RoleGrant],
) -> Result<(), ApiError> {
    app.control.check_grants(tenant, grants)?;
    let directory = app.control.directory();
    match grants.iter().position(|grant| !gives(&caller.principal, grant, tenant, &directory)) {
        None => Ok(()),
        Some(at) => {
            let message = "nobody gives a role that may do more, or reaches further, than they";
            Err(ApiError::field(Code::Forbidden, &format!("/roles/{at}"), message))
        }
    }
}

/// Creates a user, who is invited: a link lets them choose a password.
#[utoipa::path(
    post, path = "/v1/users", operation_id = "create_user", tag = "users", request_body = UserRequest,
    responses((status = 201, body = UserView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails), (status = 409, body = ProblemDetails))
)]
pub(crate) async fn create(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<UserView>), ApiError> {
    params.finish()?;
    caller.needs(Permission::UsersManage)?;
    let mut request: UserRequest = read_json(&app, &headers, body).await?;
    let work = async move {
        let _turn = caller.turn(&app).await?;
        if request.state.is_some() {
            let message = "a new user is invited; lock or disable it later";
            return Err(ApiError::field(Code::UnknownField, "/state", message));
        }
        let profile = described(&app, &caller, None, &mut request)?;
        let grants = checked_roles(&app, &caller, profile.tenant, &request.roles.unwrap_or_default())?;
        let id = Uuid::new_v4();
        app.control.check_profile(id, &profile)?;
        let directory = app.control.directory();
        let who = Account { id, username: &profile.username, tenant: profile.tenant };
        let told = told(&app, &caller, "Create user", "user.create", "create", who);
        let told = described_changes(told, &Profile::default(), &profile, &directory);
        app.record(&told).await?;
        app.control.create_user(id, &profile, UserState::Invited, app.now()).await?;
        set_roles(&app, &caller, id, &[], grants).await?;
        let directory = app.control.directory();
        let user = directory.user(id).ok_or_else(no_such_user)?;
        Ok(UserView::new(&app, user, &directory))
    };
    Ok((StatusCode::CREATED, Json(uncancelled(work).await?)))
}

/// An event about a user, by the caller.
pub(crate) fn told(
    app: &App,
    caller: &Caller,
    action: &str,
    code: &str,
    kind: &str,
    account: Account<'_>,
) -> OwnEvent {
    account.touched_by(OwnEvent::new(action, code, kind)).by(
        &caller.principal,
        &caller.origin,
        &app.control.directory(),
    )
}

/// The account that an event is about.
pub(crate) struct Account<'u> {
    pub(crate) id: Uuid,
    pub(crate) username: &'u str,
    pub(crate) tenant: Option<TenantNumber>,
}

impl<'u> From<&'u User> for Account<'u> {
    fn from(user: &'u User) -> Self {
        Self { id: user.id, username: &user.username, tenant: user.tenant }
    }
}

impl Account<'_> {
    /// An event about it, which belongs to its tenant's chain unless it touches others too.
    pub(crate) fn touched_by(&self, event: OwnEvent) -> OwnEvent {
        event.touching_of(self.tenant).to("user", &self.id.to_string(), self.username)
    }
}

/// An event about roles that somebody is given, which touches all that these reach over beside their own tenant.
pub(crate) fn touched_by_roles<'g>(
    event: OwnEvent,
    grants: impl IntoIterator<Item = &'g RoleGrant>,
    directory: &Directory,
) -> OwnEvent {
    grants.into_iter().fold(event, |event, grant| match directory.role(grant.role).map(|role| role.reach) {
        Some(RoleReach::Territories) => {
            grant.territories.iter().fold(event, |event, territory| event.touching(*territory))
        }
        Some(RoleReach::Tenant | RoleReach::Oneself) => event,
        Some(RoleReach::Everything) | None => event.touching_installation(),
    })
}

/// Adds what is other about a user, old and new.
pub(crate) fn described_changes(
    told: OwnEvent,
    old: &Profile,
    new: &Profile,
    directory: &Directory,
) -> OwnEvent {
    let tenant = |profile: &Profile| {
        profile.tenant.and_then(|number| directory.tenant(number)).map(|tenant| tenant.name.clone())
    };
    let username = |profile: &Profile| (!profile.username.is_empty()).then(|| profile.username.clone());
    told.changed("username", username(old), username(new))
        .changed("first_name", old.first_name.clone(), new.first_name.clone())
        .changed("last_name", old.last_name.clone(), new.last_name.clone())
        .changed("email", old.email.clone(), new.email.clone())
        .changed("locale", old.locale.clone(), new.locale.clone())
        .changed("zone", old.zone.clone(), new.zone.clone())
        .changed("tenant", tenant(old), tenant(new))
        .changed("groups", old.groups.clone(), new.groups.clone())
}

async fn set_roles(
    app: &App,
    caller: &Caller,
    id: Uuid,
    old: &[RoleGrant],
    grants: Vec<RoleGrant>,
) -> Result<(), ApiError> {
    if old == grants {
        return Ok(());
    }
    let directory = app.control.directory();
    let user = directory.user(id).ok_or_else(no_such_user)?;
    let shown =
        |grants: &[RoleGrant]| serde_json::to_value(given_roles(grants, &directory)).unwrap_or(Value::Null);
    let told = told(app, caller, "Change roles", "user.roles", "update", user.into());
    let told = touched_by_roles(told, old.iter().chain(&grants), &directory).changed(
        "roles",
        shown(old),
        shown(&grants),
    );
    app.make_change(Change::GrantsSet { user: id, grants }, &told).await
}

/// Describes a user otherwise, gives other roles, locks or opens the account.
#[utoipa::path(
    patch, path = "/v1/users/{id}", operation_id = "change_user", tag = "users", params(("id" = String, Path)), request_body = UserRequest,
    responses((status = 200, body = UserView), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails))
)]
pub(crate) async fn change(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<UserView>, ApiError> {
    params.finish()?;
    caller.needs(Permission::UsersManage)?;
    let mut request: UserRequest = read_json(&app, &headers, body).await?;
    let work = async move {
        let _turn = caller.turn(&app).await?;
        let user = managed(&app, &caller, &id)?;
        change_one(&app, &caller, &user, &mut request).await?;
        let directory = app.control.directory();
        let user = directory.user(user.id).ok_or_else(no_such_user)?;
        Ok(UserView::new(&app, user, &directory))
    };
    Ok(Json(uncancelled(work).await?))
}

async fn change_one(
    app: &App,
    caller: &Caller,
    user: &User,
    request: &mut UserRequest,
) -> Result<(), ApiError> {
    let state = request.state.take().map(|state| checked_state(user, &state)).transpose()?;
    let state = state.unwrap_or(user.state);
    let profile = described(app, caller, Some(user), request)?;
    if profile.email != user.email {
        needs_another(caller, user)?;
    }
    let grants = match &request.roles {
        Some(roles) => checked_roles(app, caller, profile.tenant, roles)?,
        // The roles that stay may reach further in another tenant.
        None => {
            check_roles(app, caller, profile.tenant, &user.grants)?;
            user.grants.clone()
        }
    };
    if is_administrator(user.state, &user.grants)
        && !is_administrator(state, &grants)
        && is_last_administrator(app, user.id)
    {
        let message = "this is the last administrator; make another one first";
        return Err(ApiError::new(Code::Forbidden, message));
    }
    app.control.check_profile(user.id, &profile)?;
    let directory = app.control.directory();
    let told = told(app, caller, "Change user", "user.change", "update", user.into());
    let told = told.touching_of(profile.tenant);
    let told = described_changes(told, &Profile::from(user), &profile, &directory).changed(
        "state",
        user.state.as_str(),
        state.as_str(),
    );
    // Fewer roles before another place in the tree, more of them after it: if only one of the two is made, it must not
    // reach further than both.
    let moves = profile.tenant != user.tenant || state != user.state;
    let mut old = user.grants.clone();
    if moves {
        let kept: Vec<_> = grants.iter().filter(|grant| old.contains(grant)).cloned().collect();
        set_roles(app, caller, user.id, &old, kept.clone()).await?;
        old = kept;
    }
    if told.has_changes() {
        app.record(&told).await?;
        app.control.change_user(user.id, &profile, state).await?;
    }
    set_roles(app, caller, user.id, &old, grants).await
}

fn is_administrator(state: UserState, grants: &[RoleGrant]) -> bool {
    state == UserState::Active && grants.iter().any(|grant| grant.role == Role::ADMINISTRATOR)
}

/// Whether nobody else could do what this administrator can.
pub(crate) fn is_last_administrator(app: &App, id: Uuid) -> bool {
    app.control.directory().administrators().all(|user| user.id == id)
}

/// Whether whoever could do what an administrator can belongs to this tenant or one below it.
pub(crate) fn is_last_administrator_in(app: &App, tenant: TenantNumber) -> bool {
    let (directory, below) = (app.control.directory(), Reach::Tenants(vec![tenant]));
    let is_below = |user: &User| user.tenant.is_some_and(|tenant| directory.is_within(tenant, &below));
    directory.administrators().next().is_some() && directory.administrators().all(is_below)
}

/// A state that an administrator can give: an account that nobody opened yet stays invited.
fn checked_state(user: &User, state: &str) -> Result<UserState, ApiError> {
    match UserState::parse(state) {
        Some(UserState::Active) if !user.has_password && user.state == UserState::Invited => Err(
            ApiError::field(Code::InvalidEnum, "/state", "the user becomes active by choosing a password"),
        ),
        Some(UserState::Invited) if user.state != UserState::Invited => {
            Err(ApiError::field(Code::InvalidEnum, "/state", "expected active, locked or disabled"))
        }
        Some(state) => Ok(state),
        None => Err(ApiError::field(Code::InvalidEnum, "/state", "expected active, locked or disabled")),
    }
}

/// How a link gets to its user.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkRequest {
    /// By a mail to the user's address: then nobody else sees the link. Default false: who manages the user hands it over.
    #[serde(default)]
    by_mail: bool,
}

/// A link for a user.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserLink {
    /// The secret at its end, shown here and never again: for who manages the user to hand over. Absent where it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// When it ends.
    expires_at: String,
    /// The address that a mail with the link was sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_to: Option<String>,
}

/// Hours for which an invitation or a reset is good.
const LINK_HOURS: i64 = 72;

/// Makes a link by which a user chooses a first or a new password. Links made before are good no longer.
#[utoipa::path(
    post, path = "/v1/users/{id}/link", operation_id = "make_user_link", tag = "users", params(("id" = String, Path)), request_body = Option<LinkRequest>,
    responses(
        (status = 201, body = UserLink), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails),
        (status = 409, body = ProblemDetails, description = "mail_not_set_up"), (status = 502, body = ProblemDetails, description = "mail_failed")
    )
)]
pub(crate) async fn link(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<UserLink>), ApiError> {
    params.finish()?;
    caller.needs(Permission::UsersManage)?;
    let LinkRequest { by_mail } = read_json_or_nothing(&app, &headers, body).await?;
    let token = LinkToken::generate().map_err(|error| ApiError::internal(error.to_string()))?;
    let expires_at = Timestamp::from_micros(app.now().as_micros() + LINK_HOURS * 3_600_000_000);
    let work = async move {
        let (purpose, user) = make_link(&app, &caller, &id, by_mail, &token, expires_at).await?;
        let expires = expires_at.to_rfc3339();
        let Some(to) = user.email.as_deref().filter(|_| by_mail) else {
            let link = Some(token.expose().to_owned());
            return Ok(UserLink { link, expires_at: expires, sent_to: None });
        };
        let directory = app.control.directory();
        let by = caller.session.as_ref().and_then(|session| directory.user(session.user));
        let by = by.map_or_else(|| "An administrator".to_owned(), User::shown_name);
        let mail = LinkMail { purpose, user: &user, to, token: &token, expires_at, by: &by };
        let (kind, message) = app.link_message(&mail)?;
        let told = Account::from(&user).touched_by(mailing::told()).by(
            &caller.principal,
            &caller.origin,
            &directory,
        );
        app.send_mail(kind, &message, told).await?;
        Ok(UserLink { link: None, expires_at: expires, sent_to: Some(message.to) })
    };
    Ok((StatusCode::CREATED, Json(uncancelled(work).await?)))
}

/// Makes the link of a user whom the caller manages, and records it.
async fn make_link(
    app: &App,
    caller: &Caller,
    id: &str,
    by_mail: bool,
    token: &LinkToken,
    expires_at: Timestamp,
) -> Result<(LinkPurpose, User), ApiError> {
    let _turn = caller.turn(app).await?;
    let user = managed(app, caller, id)?;
    needs_another(caller, &user)?;
    let purpose = match user.state {
        UserState::Invited => LinkPurpose::Invitation,
        UserState::Active => LinkPurpose::Password,
        UserState::Locked | UserState::Disabled => {
            return Err(ApiError::new(Code::Forbidden, "the account is closed; open it first"));
        }
    };
    if by_mail {
        app.mailing.mailer()?;
        if user.email.is_none() {
            return Err(ApiError::field(Code::MissingField, "/email", "the user has no e-mail address"));
        }
    }
    let what = if purpose == LinkPurpose::Invitation { "invitation" } else { "password" };
    let told = told(app, caller, "Make link", "user.link", "create", (&user).into())
        .parameter("for", what)
        .parameter("delivery", if by_mail { "mail" } else { "caller" });
    app.record(&told).await?;
    app.control.make_link(*token.digest().as_bytes(), purpose, Some(user.id), expires_at).await?;
    Ok((purpose, user))
}

/// Removes a user's second factor, for somebody who lost it; recorded like everything else.
#[utoipa::path(
    delete, path = "/v1/users/{id}/second-factor", operation_id = "remove_user_second_factor", tag = "users", params(("id" = String, Path)),
    responses((status = 204, description = "removed"), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn remove_second_factor(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    uncancelled(async move {
        let _turn = caller.turn(&app).await?;
        let user = managed(&app, &caller, &id)?;
        needs_another(&caller, &user)?;
        let told =
            told(&app, &caller, "Remove second factor", "user.second_factor", "update", (&user).into())
                .changed("second_factor", user.has_second_factor, false);
        if told.has_changes() {
            app.record(&told).await?;
            app.control.set_second_factor(user.id, None).await?;
            app.control.end_sessions_of(user.id, None).await?;
        }
        Ok(())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A session.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionView {
    #[schema(value_type = String)]
    id: Uuid,
    /// `password`, `password+totp`, `password+recovery`, `set-up`, or the name of a provider.
    method: String,
    /// The address that it began from.
    address: String,
    user_agent: String,
    created_at: String,
    last_seen_at: String,
    expires_at: String,
    /// Whether it is the one that asks.
    current: bool,
}

impl SessionView {
    pub(crate) fn new(session: &Session, current: Option<Uuid>) -> Self {
        Self {
            id: session.id,
            method: session.method.clone(),
            address: session.address.clone(),
            user_agent: session.user_agent.clone(),
            created_at: session.created_at.to_rfc3339(),
            last_seen_at: session.last_seen_at.to_rfc3339(),
            expires_at: session.expires_at.to_rfc3339(),
            current: current == Some(session.id),
        }
    }
}

/// Sessions, the one used last first.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionList {
    data: Vec<SessionView>,
}

pub(crate) fn sessions_of(app: &App, user: Uuid, current: Option<Uuid>) -> SessionList {
    let now = app.now();
    let mut sessions = app.control.sessions_of(user);
    sessions.retain(|session| session.is_valid_at(now, app.config.session_idle()));
    sessions.sort_by_key(|session| std::cmp::Reverse(session.last_seen_at));
    SessionList { data: sessions.iter().map(|session| SessionView::new(session, current)).collect() }
}

/// The sessions of a user.
#[utoipa::path(
    get, path = "/v1/users/{id}/sessions", operation_id = "list_user_sessions", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = SessionList), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn sessions(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<SessionList>, ApiError> {
    params.finish()?;
    let user = managed(&app, &caller, &id)?;
    Ok(Json(sessions_of(&app, user.id, caller.session.as_ref().map(|session| session.id))))
}

/// Ends every session of a user.
#[utoipa::path(
    delete, path = "/v1/users/{id}/sessions", operation_id = "end_user_sessions", tag = "users", params(("id" = String, Path)),
    responses((status = 204, description = "ended"), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn end_sessions(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    uncancelled(async move {
        let _turn = caller.turn(&app).await?;
        let user = managed(&app, &caller, &id)?;
        let told = told(&app, &caller, "End sessions", "user.sessions", "delete", (&user).into())
            .parameter("sessions", sessions_of(&app, user.id, None).data.len());
        app.control.end_sessions_of(user.id, None).await?;
        app.record(&told).await
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
