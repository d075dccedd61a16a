//! Signing in through an OpenID provider: which there are, the way there and back, and who somebody is here then.
//!
//! A provider's subject is bound to one user for ever. Nobody is taken for a user because a name is the same: a provider
//! that lets people choose their names would hand over accounts.

use axum::{
    Json,
    body::Body,
    extract::Query,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use indelible_control::{Change, Profile, Reach, Role, RoleGrant, StoredProvider, User, UserState};
use indelible_event::Code;
use indelible_identity::Purpose;
use indelible_openid::{Callback, Claims, ClientSecret, GroupRole, OpenIdError, PENDING_SECONDS, Provider};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    input::{checked_text, deceives, is_locale, read_json},
    sign_in::{begin_session, unusable},
    uncancelled,
    users::{
        Account, GROUPS_MAX, TEXT_MAX, checked_email, checked_username, described_changes, given_roles,
        is_last_administrator, touched_by_roles,
    },
};
use crate::{
    app::App,
    cookies::CookieName,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
    recorder::{Origin, OwnEvent},
};

/// A group at the provider that gives a role here.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupRoleConfig {
    /// The group as the provider spells it.
    group: String,
    /// The role's name here.
    role: String,
    /// The territory, for a role that reaches over those given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    territory: Option<String>,
}

/// What a provider is configured with.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderConfig {
    /// The name on the button.
    name: String,
    /// The issuer exactly as the provider spells it.
    issuer: String,
    /// What the provider knows this installation as.
    client_id: String,
    /// What is asked for beside `openid`. Default profile and email.
    #[serde(default = "scopes_default")]
    scopes: Vec<String>,
    /// The claim that is the username. Default preferred_username.
    #[serde(default = "username_claim_default")]
    username_claim: String,
    /// The claim that is the e-mail address. Default email.
    #[serde(default = "email_claim_default")]
    email_claim: String,
    /// The claim that holds the groups; absent: groups give no roles.
    #[serde(default)]
    groups_claim: Option<String>,
    /// Which groups give which roles. Where the provider tells groups, a user has at each sign-in the roles of these
    /// and no others.
    #[serde(default)]
    group_roles: Vec<GroupRoleConfig>,
    /// Whether somebody who is not known here gets an account at the first sign-in. Default false.
    #[serde(default)]
    create_users: bool,
    /// The tenant of accounts that are made so; absent: the installation's own people.
    #[serde(default)]
    tenant: Option<String>,
    /// Only users with a verified address in one of these domains may sign in; empty: all.
    #[serde(default)]
    email_domains: Vec<String>,
    /// Whether an address counts as verified where the provider does not say. Default false.
    #[serde(default)]
    trust_emails: bool,
    /// The secret of the client; absent: the one before stays, or there is none. Never given back.
    #[serde(default, skip_serializing)]
    client_secret: Option<String>,
}

fn scopes_default() -> Vec<String> {
    vec!["profile".into(), "email".into()]
}

fn username_claim_default() -> String {
    "preferred_username".into()
}

fn email_claim_default() -> String {
    "email".into()
}

/// A provider, without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderView {
    id: String,
    #[serde(flatten)]
    config: ProviderConfig,
    /// Whether there is a client secret.
    has_secret: bool,
    /// The address that the provider must send browsers back to.
    redirect_uri: String,
}

/// The providers.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderList {
    data: Vec<ProviderView>,
}

/// A button of the sign-in page.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderButton {
    id: String,
    name: String,
}

/// The buttons of the sign-in page.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderButtons {
    data: Vec<ProviderButton>,
    /// Whether whoever forgot their password can have a link sent by mail.
    password_reset: bool,
}

fn config_of(stored: &StoredProvider) -> Result<ProviderConfig, ApiError> {
    serde_json::from_str(&stored.body)
        .map_err(|error| ApiError::internal(format!("provider {} does not read back: {error}", stored.id)))
}

/// A provider as sign-ins use it.
fn provider(app: &App, stored: &StoredProvider) -> Result<Provider, ApiError> {
    let config = config_of(stored)?;
    let secret = stored.secret.as_ref().map(|sealed| {
        let plain = app.authentication.seal.open(Purpose::ClientSecret, &stored.id, sealed);
        let plain = plain.map_err(|error| ApiError::internal(error.to_string()))?;
        let text = String::from_utf8(plain.to_vec())
            .map_err(|_| ApiError::internal("a client secret is not UTF-8"))?;
        Ok::<_, ApiError>(ClientSecret::new(text))
    });
    let roles = config.group_roles.iter().map(|given| GroupRole {
        group: given.group.clone(),
        role: given.role.clone(),
        territory: given.territory.clone(),
    });
    Ok(Provider {
        name: stored.id.clone(),
        issuer: config.issuer,
        client_id: config.client_id,
        client_secret: secret.transpose()?,
        scopes: config.scopes,
        username_claim: config.username_claim,
        groups_claim: config.groups_claim,
        email_claim: config.email_claim,
        group_roles: roles.collect(),
        create_users: config.create_users,
        email_domains: config.email_domains,
        trust_emails: config.trust_emails,
    })
}

fn redirect_uri(app: &App, id: &str) -> String {
    app.link(&format!("/v1/sign-in/providers/{id}/callback"))
}

fn no_such_provider() -> ApiError {
    ApiError::new(Code::NotFound, "no such provider")
}

async fn stored(app: &App, id: &str) -> Result<StoredProvider, ApiError> {
    let all = app.control.providers().await?;
    all.into_iter().find(|provider| provider.id == id).ok_or_else(no_such_provider)
}

fn view(app: &App, stored: &StoredProvider) -> Result<ProviderView, ApiError> {
    Ok(ProviderView {
        id: stored.id.clone(),
        config: config_of(stored)?,
        has_secret: stored.secret.is_some(),
        redirect_uri: redirect_uri(app, &stored.id),
    })
}

/// Lists the providers with their configuration; needs complete user management.
#[utoipa::path(get, path = "/v1/providers", operation_id = "list_providers", tag = "providers", responses((status = 200, body = ProviderList), (status = 403, body = ProblemDetails)))]
pub(crate) async fn list(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<ProviderList>, ApiError> {
    params.finish()?;
    caller.needs_complete_user_management()?;
    let all = app.control.providers().await?;
    let data = all.iter().map(|stored| view(&app, stored)).collect::<Result<_, _>>()?;
    Ok(Json(ProviderList { data }))
}

/// Names the providers through which people can sign in, and says whether a forgotten password can be replaced.
#[utoipa::path(get, path = "/v1/sign-in/providers", operation_id = "list_sign_in_providers", tag = "session", security(()), responses((status = 200, body = ProviderButtons)))]
pub(crate) async fn buttons(Ready(app): Ready, params: Params) -> Result<Json<ProviderButtons>, ApiError> {
    params.finish()?;
    let all = app.control.providers().await?;
    let button = |stored: &StoredProvider| {
        Ok::<_, ApiError>(ProviderButton { id: stored.id.clone(), name: config_of(stored)?.name })
    };
    let data = all.iter().map(button).collect::<Result<_, _>>()?;
    Ok(Json(ProviderButtons { data, password_reset: app.mailing.is_set_up() }))
}

/// Characters of a provider's id.
const ID_MAX: usize = 40;

/// Ids that stand for other ways to sign in, in sessions and events.
const RESERVED: [&str; 2] = ["password", "set-up"];

/// Sets up a provider, or changes one, after it was asked whether it is there; needs every permission with reach over
/// everything, since it decides who comes in as whom.
#[utoipa::path(
    put, path = "/v1/providers/{id}", operation_id = "put_provider", tag = "providers", params(("id" = String, Path)), request_body = ProviderConfig,
    responses((status = 200, body = ProviderView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails), (status = 503, body = ProblemDetails))
)]
pub(crate) async fn put(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ProviderView>, ApiError> {
    params.finish()?;
    caller.needs_everything(&app.control.directory())?;
    let config: ProviderConfig = read_json(&app, &headers, body).await?;
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if id.is_empty() || id.len() > ID_MAX || !id.bytes().all(good) || RESERVED.contains(&id.as_str()) {
        let message = "a provider's id has 1 to 40 of a-z 0-9 - and is neither password nor set-up";
        return Err(ApiError::field(Code::InvalidId, "id", message));
    }
    let stored = uncancelled(async move {
        let stored = set(&app, &caller, id, config).await?;
        view(&app, &stored)
    });
    Ok(Json(stored.await?))
}

async fn set(
    app: &App,
    caller: &Caller,
    id: String,
    mut config: ProviderConfig,
) -> Result<StoredProvider, ApiError> {
    config.name = checked_text("/name", &config.name, 100)?;
    check_names(app, &config)?;
    let secret = match config.client_secret.take() {
        Some(secret) => {
            let sealed = app.authentication.seal.seal(Purpose::ClientSecret, &id, secret.as_bytes());
            Some(sealed.map_err(|error| ApiError::internal(error.to_string()))?)
        }
        None => None,
    };
    let body = serde_json::to_string(&config).map_err(|error| ApiError::internal(error.to_string()))?;
    let mut new = StoredProvider { id, body, secret };
    // Before the turn: a provider that does not answer must not keep others from signing in.
    app.openid.check(&provider(app, &new)?, app.now()).await.map_err(|error| refused_setup(&error))?;
    let _turn = caller.turn(app).await?;
    check_names(app, &config)?;
    let all = app.control.providers().await?;
    let old = all.into_iter().find(|provider| provider.id == new.id);
    if new.secret.is_none() {
        new.secret = old.as_ref().and_then(|old| old.secret.clone());
    }
    let (action, code, kind) = match &old {
        Some(_) => ("Change provider", "provider.change", "update"),
        None => ("Set up provider", "provider.create", "create"),
    };
    let shown = |body: &str| serde_json::from_str::<serde_json::Value>(body).unwrap_or_default();
    let before = old.as_ref().map_or(serde_json::Value::Null, |old| shown(&old.body));
    let told = OwnEvent::new(action, code, kind)
        .to("provider", &new.id, &config.name)
        .by(&caller.principal, &caller.origin, &app.control.directory())
        .changed("configuration", before, shown(&new.body))
        .parameter("secret_changed", old.as_ref().and_then(|old| old.secret.as_ref()) != new.secret.as_ref());
    app.record(&told).await?;
    app.control.put_provider(&new).await?;
    Ok(new)
}

/// The tenants and roles that are named must be there.
fn check_names(app: &App, config: &ProviderConfig) -> Result<(), ApiError> {
    let directory = app.control.directory();
    let missing = |field: &str, what: &str| {
        ApiError::field(Code::InvalidEnum, field, format!("there is no {what} of this name"))
    };
    if config.tenant.as_ref().is_some_and(|name| directory.tenant_named(name).is_none()) {
        return Err(missing("/tenant", "tenant"));
    }
    for (at, given) in config.group_roles.iter().enumerate() {
        if directory.role_named(&given.role).is_none() {
            return Err(missing(&format!("/group_roles/{at}/role"), "role"));
        }
        if given.territory.as_ref().is_some_and(|name| directory.tenant_named(name).is_none()) {
            return Err(missing(&format!("/group_roles/{at}/territory"), "tenant"));
        }
    }
    Ok(())
}

fn refused_setup(error: &OpenIdError) -> ApiError {
    if error.retryable() {
        return ApiError::unavailable(format!("the provider can't be used now: {error}"), 5);
    }
    ApiError::field(Code::InvalidString, "/issuer", error.to_string())
}

/// Removes a provider. Who signed in through it stays a user.
#[utoipa::path(
    delete, path = "/v1/providers/{id}", operation_id = "delete_provider", tag = "providers", params(("id" = String, Path)),
    responses((status = 204, description = "removed"), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn delete(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    caller.needs_complete_user_management()?;
    uncancelled(async move {
        let _turn = caller.turn(&app).await?;
        let old = stored(&app, &id).await?;
        let told = OwnEvent::new("Remove provider", "provider.delete", "delete")
            .to("provider", &id, &config_of(&old)?.name)
            .by(&caller.principal, &caller.origin, &app.control.directory());
        app.record(&told).await?;
        Ok(app.control.remove_provider(&id).await?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The cookie that holds what a sign-in on its way needs to come back.
const PENDING_COOKIE: CookieName =
    CookieName { plain: "indelible_sign_in", secure: "__Host-indelible_sign_in" };

fn pending_cookie(value: &str, seconds: i64, secure: bool) -> Result<HeaderValue, ApiError> {
    let flag = if secure { "; Secure" } else { "" };
    let name = PENDING_COOKIE.of(secure);
    let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{flag}");
    let mut cookie =
        HeaderValue::from_str(&cookie).map_err(|_| ApiError::internal("a cookie is no header"))?;
    cookie.set_sensitive(true);
    Ok(cookie)
}

fn see_other(to: &str) -> Result<[(header::HeaderName, HeaderValue); 2], ApiError> {
    let to = HeaderValue::from_str(to).map_err(|_| ApiError::internal("an address is no header"))?;
    Ok([(header::LOCATION, to), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))])
}

/// Sends the browser to the provider.
#[utoipa::path(
    get, path = "/v1/sign-in/providers/{id}", operation_id = "begin_provider_sign_in", tag = "session", security(()),
    params(("id" = String, Path), ("return_to" = Option<String>, Query, description = "a path of this server")),
    responses((status = 303, description = "to the provider"), (status = 404, body = ProblemDetails), (status = 503, body = ProblemDetails))
)]
pub(crate) async fn begin(
    Ready(app): Ready,
    origin: Origin,
    PathPart(id): PathPart,
    mut params: Params,
) -> Result<Response, ApiError> {
    let return_to = params.one("return_to")?.unwrap_or_else(|| "/".into());
    params.finish()?;
    let stored = stored(&app, &id).await?;
    let provider = provider(&app, &stored)?;
    let begun = app.openid.begin(&provider, &redirect_uri(&app, &id), &return_to, app.now()).await;
    let begun = begun.map_err(|error| match error {
        OpenIdError::ReturnTo => ApiError::field(Code::InvalidFilter, "return_to", error.to_string()),
        error if error.retryable() => ApiError::unavailable("the provider does not answer; try again", 5),
        error => ApiError::internal(error.to_string()),
    })?;
    let cookie = pending_cookie(&begun.pending, PENDING_SECONDS, origin.secure)?;
    Ok((StatusCode::SEE_OTHER, see_other(&begun.url)?, [(header::SET_COOKIE, cookie)]).into_response())
}

/// Takes the browser back from the provider: begins the session, or says on the sign-in page why there is none.
#[utoipa::path(
    get, path = "/v1/sign-in/providers/{id}/callback", operation_id = "finish_provider_sign_in", tag = "session", security(()), params(("id" = String, Path)),
    responses((status = 303, description = "to the page"), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn callback(
    Ready(app): Ready,
    origin: Origin,
    PathPart(id): PathPart,
    Query(callback): Query<Callback>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let stored = stored(&app, &id).await?;
    let pending = PENDING_COOKIE.value(&headers, origin.secure).unwrap_or_default().to_owned();
    let secure = origin.secure;
    let answer = uncancelled(async move {
        match finish(&app, &origin, &stored, callback, &pending).await {
            Ok((session, return_to)) => {
                Ok((session.headers().get(header::SET_COOKIE).cloned(), app.path(&return_to)))
            }
            Err(Refusal { reason, who, user }) => {
                match &who {
                    Some(username) => {
                        let told = OwnEvent::new("Sign in", "session.begin", "login");
                        let directory = app.control.directory();
                        let told = match user.and_then(|user| directory.user(user)) {
                            Some(user) => told.by_user(user, &directory),
                            None => told.by_unknown(username),
                        };
                        let told = told.from(&origin).parameter("provider", stored.id.clone());
                        let what = format!("GET /v1/sign-in/providers/{}/callback {reason}", stored.id);
                        app.record_unproven(&told.refused("failure", reason), &what).await?;
                    }
                    // Whom no provider vouches for can come as often as they like.
                    None => {
                        let what = format!("GET /v1/sign-in/providers/{}/callback {reason}", stored.id);
                        app.note_refusal(None, &origin, &what).await?;
                    }
                }
                Ok((None, app.path(&format!("/?sign_in_refused={reason}"))))
            }
        }
    });
    let (session, to) = answer.await?;
    let mut response = (StatusCode::SEE_OTHER, see_other(&to)?).into_response();
    response.headers_mut().append(header::SET_COOKIE, pending_cookie("", 0, secure)?);
    if let Some(session) = session {
        response.headers_mut().append(header::SET_COOKIE, session);
    }
    Ok(response)
}

/// Why somebody whom a provider knows can't sign in here.
struct Refusal {
    reason: &'static str,
    /// The username, as the provider says.
    who: Option<String>,
    /// Who it is here, where that is known.
    user: Option<Uuid>,
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        tracing::error!(cause = error.cause(), "a sign-in through a provider failed");
        Self { reason: "internal", who: None, user: None }
    }
}

async fn finish(
    app: &App,
    origin: &Origin,
    stored: &StoredProvider,
    callback: Callback,
    pending: &str,
) -> Result<(Response, String), Refusal> {
    let provider = provider(app, stored)?;
    let signed_in = app.openid.finish(&provider, callback, pending, app.now()).await.map_err(|error| {
        tracing::info!(%error, provider = stored.id, "a sign-in through a provider was refused");
        Refusal { reason: error.reason(), who: None, user: None }
    })?;
    let claims = signed_in.claims;
    // To the end: whoever is locked meanwhile must not get a session that stays.
    let _turn = app.control_turn.lock().await;
    let bound =
        app.control.user_of_identity(&claims.issuer, &claims.subject).await.map_err(ApiError::from)?;
    let refuse = |reason| Refusal { reason, who: Some(claims.username.clone()), user: bound };
    app.check_sign_in_network(origin).map_err(|_| refuse("address_not_allowed"))?;
    let id = match bound {
        Some(id) => id,
        None => welcome(app, origin, stored, &claims).await?,
    };
    let refuse = |reason| Refusal { user: Some(id), ..refuse(reason) };
    let user = app.control.directory().user(id).cloned().ok_or_else(|| refuse("unknown_user"))?;
    if let Some(reason) = unusable(app, &user) {
        return Err(refuse(reason));
    }
    give_roles(app, origin, &provider, &user, &claims).await?;
    Ok((begin_session(app, origin, &user, &stored.id).await?, signed_in.return_to))
}

/// Somebody's first sign-in: they were invited under a verified address, or get an account where the provider may make
/// them.
async fn welcome(
    app: &App,
    origin: &Origin,
    stored: &StoredProvider,
    claims: &Claims,
) -> Result<Uuid, Refusal> {
    let config = config_of(stored)?;
    let refuse = |reason| Refusal { reason, who: Some(claims.username.clone()), user: None };
    let directory = app.control.directory();
    let verified = claims.email.as_deref().filter(|_| claims.email_verified);
    // A tenant's provider vouches for people of that tenant, and for nobody above or beside it.
    let own = config.tenant.as_ref().map(|name| {
        Reach::Tenants(directory.tenant_named(name).map(|tenant| tenant.number).into_iter().collect())
    });
    let is_own = |user: &User| {
        own.as_ref().is_none_or(|own| user.tenant.is_some_and(|tenant| directory.is_within(tenant, own)))
    };
    let mut invited = verified
        .into_iter()
        .flat_map(|email| directory.users_with_email(email))
        .filter(|user| user.state == UserState::Invited && is_own(user));
    let (id, told, new) = match (invited.next(), invited.next()) {
        (Some(user), None) => {
            let told = Account::from(user)
                .touched_by(OwnEvent::new("Change user", "user.change", "update"))
                .changed("state", user.state.as_str(), UserState::Active.as_str());
            (user.id, told, None)
        }
        _ if !config.create_users => return Err(refuse("unknown_user")),
        _ => {
            if deceives(&claims.username) || checked_username(&claims.username).is_err() {
                return Err(refuse("no_username"));
            }
            let (id, profile) = (Uuid::new_v4(), profile_of(app, &config, claims));
            if app.control.check_profile(id, &profile).is_err() {
                return Err(refuse("username_taken"));
            }
            let account = Account { id, username: &profile.username, tenant: profile.tenant };
            let told = account.touched_by(OwnEvent::new("Create user", "user.create", "create"));
            let told = described_changes(told, &Profile::default(), &profile, &directory);
            (id, told, Some(profile))
        }
    };
    let told = told
        .by_unknown(&claims.username)
        .from(origin)
        .parameter("provider", stored.id.clone())
        .parameter("subject", claims.subject.clone());
    app.record(&told).await?;
    if let Some(profile) = new {
        let created = app.control.create_user(id, &profile, UserState::Invited, app.now()).await;
        created.map_err(ApiError::from)?;
    }
    let bound =
        app.control.bind_identity(&claims.issuer, &claims.subject, id).await.map_err(ApiError::from)?;
    if bound { Ok(id) } else { Err(refuse("identity_taken")) }
}

fn profile_of(app: &App, config: &ProviderConfig, claims: &Claims) -> Profile {
    let directory = app.control.directory();
    let tenant =
        config.tenant.as_ref().and_then(|name| directory.tenant_named(name)).map(|tenant| tenant.number);
    let zone = claims.zoneinfo.as_ref().filter(|zone| jiff::tz::TimeZone::get(zone).is_ok());
    // What an administrator could not set, a provider does not set either.
    let fits = |text: &String| checked_text("", text, TEXT_MAX).is_ok();
    let email = claims.email.clone().filter(|email| claims.email_verified && fits(email));
    let groups = claims.groups.iter().flatten().filter(|group| fits(group));
    Profile {
        username: claims.username.clone(),
        first_name: claims.first_name.clone().or_else(|| claims.name.clone()).filter(fits),
        last_name: claims.last_name.clone().filter(fits),
        email: email.and_then(|email| checked_email("/email", email).ok()),
        // Some providers write the parts with an underscore between.
        locale: claims.locale.as_ref().map(|tag| tag.replace('_', "-")).filter(|tag| is_locale(tag)),
        zone: zone.cloned(),
        tenant,
        groups: groups.take(GROUPS_MAX).cloned().collect(),
    }
}

/// Where the provider tells groups, the user has the roles of these and no others.
async fn give_roles(
    app: &App,
    origin: &Origin,
    provider: &Provider,
    user: &User,
    claims: &Claims,
) -> Result<(), Refusal> {
    let Some(groups) = claims.groups.as_ref().filter(|_| !provider.group_roles.is_empty()) else {
        return Ok(());
    };
    let directory = app.control.directory();
    let mut grants: Vec<RoleGrant> = Vec::new();
    for given in provider.roles_of(groups) {
        // A role or tenant that was removed since gives nothing.
        let Some(role) = directory.role_named(&given.role) else { continue };
        let territory = match &given.territory {
            Some(name) => match directory.tenant_named(name) {
                Some(tenant) => Some(tenant.number),
                None => continue,
            },
            None => None,
        };
        match grants.iter_mut().find(|grant| grant.role == role.id) {
            Some(grant) => grant.territories.extend(territory),
            None => grants.push(RoleGrant { role: role.id, territories: territory.into_iter().collect() }),
        }
    }
    for grant in &mut grants {
        grant.territories.sort_unstable();
        grant.territories.dedup();
    }
    grants.sort();
    if grants == user.grants {
        return Ok(());
    }
    let refuse =
        || Refusal { reason: "roles_do_not_fit", who: Some(claims.username.clone()), user: Some(user.id) };
    let administers = |grants: &[RoleGrant]| grants.iter().any(|grant| grant.role == Role::ADMINISTRATOR);
    if administers(&user.grants) && !administers(&grants) && is_last_administrator(app, user.id) {
        tracing::warn!(
            provider = provider.name,
            "a provider's groups would take away the last administrator"
        );
        return Err(refuse());
    }
    let shown = |grants: &[RoleGrant]| {
        serde_json::to_value(given_roles(grants, &directory)).unwrap_or(serde_json::Value::Null)
    };
    let told = OwnEvent::new("Change roles", "user.roles", "update")
        .by_user(user, &directory)
        .from(origin)
        .to("user", &user.id.to_string(), &user.username)
        .parameter("provider", provider.name.clone())
        .changed("roles", shown(&user.grants), shown(&grants));
    let told = touched_by_roles(told, user.grants.iter().chain(&grants), &directory);
    app.make_change(Change::GrantsSet { user: user.id, grants }, &told).await.map_err(|error| {
        tracing::warn!(
            cause = error.cause(),
            provider = provider.name,
            "a provider's groups give roles that don't fit"
        );
        refuse()
    })
}
