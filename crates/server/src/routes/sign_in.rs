//! Signing in and out, the first set-up, choosing a password by a link.
//!
//! Whoever can't sign in is told the same, whether there is such a user or not, and it takes the same time.

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use indelible_control::{
    Change, Credentials, LinkPurpose, Profile, Role, RoleGrant, Session, User, UserState, fold_username,
};
use indelible_event::{Code, Timestamp};
use indelible_identity::{
    Digest, Factor, LinkToken, Password, PasswordHash, Purpose, SessionToken, TotpSecret, TotpStep,
    find_recovery_code,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    input::{checked_optional, read_json},
    uncancelled,
    users::{TEXT_MAX, checked_email, checked_username, described_changes},
};
use crate::{
    app::App,
    cookies::{refuse_other_sites, set_cookie},
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, Ready},
    recorder::{Origin, OwnEvent},
};

/// Who somebody says they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    username: String,
    password: String,
    /// A code of the authenticator app, or a recovery code; asked for with `second_factor_required`.
    #[serde(default)]
    code: Option<String>,
}

/// A session that began. Its secret is in the cookie.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedIn {
    #[schema(value_type = String)]
    user: Uuid,
    username: String,
    /// To be sent as `X-CSRF-Token` with every change.
    csrf: String,
    /// When the session ends at the latest.
    expires_at: String,
}

/// Signs a user in by password, and second factor where the user has one.
#[utoipa::path(
    post, path = "/v1/sign-in", tag = "session", request_body = SignIn, security(()),
    responses((status = 200, body = SignedIn), (status = 401, body = ProblemDetails, description = "unauthorized, second_factor_required"), (status = 429, body = ProblemDetails))
)]
pub(crate) async fn sign_in(
    Ready(app): Ready,
    origin: Origin,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    params.finish()?;
    refuse_other_sites(&headers)?;
    let given: SignIn = read_json(&app, &headers, body).await?;
    uncancelled(async move {
        let proven = prove(&app, &origin, &given).await?;
        // Whoever was locked, or has another password, since that was looked at must not get a session that stays.
        let _turn = app.control_turn.lock().await;
        let user = app.control.directory().user(proven.user).cloned().ok_or_else(refused)?;
        let password = app.control.credentials(user.id).await?.password;
        if unusable(&app, &user).is_some() || password != proven.password {
            return Err(refused());
        }
        begin_session(&app, &origin, &user, proven.method).await
    })
    .await
}

/// What whoever can't sign in is told.
fn refused() -> ApiError {
    ApiError::new(Code::Unauthorized, "username or password is wrong, or the account can't be used")
}

/// Who signs in, by which password's hash, and how.
struct Proven {
    user: Uuid,
    password: Option<String>,
    method: &'static str,
}

async fn prove(app: &App, origin: &Origin, given: &SignIn) -> Result<Proven, ApiError> {
    let user = app.control.directory().user_named(&given.username).cloned();
    // A name that is nobody's counts under what it was looked up by: names that count as one here but are two there
    // would tell which of them is somebody's.
    let account = match &user {
        Some(user) => user.id.to_string(),
        None => hex::encode(Sha256::digest(fold_username(&given.username))),
    };
    app.authentication.begin(&account, Factor::Password, origin)?;
    if let Err(elsewhere) = app.check_sign_in_network(origin) {
        let told = OwnEvent::new("Sign in", "session.begin", "login").from(origin);
        let told = match &user {
            Some(user) => told.by_user(user, &app.control.directory()),
            None => told.by_unknown(&given.username),
        };
        let told = told.refused("failure", "address_not_allowed");
        app.record_unproven(&told, "POST /v1/sign-in address_not_allowed").await?;
        return Err(elsewhere);
    }
    let credentials = match &user {
        Some(user) => app.control.credentials(user.id).await?,
        None => Credentials::default(),
    };
    let password = Password::new(&given.password);
    let good = app.authentication.verify(password.clone(), credentials.password.clone()).await?;
    let failure = match &user {
        None => Some("unknown_user"),
        Some(_) if !good => Some("bad_password"),
        Some(user) => unusable(app, user),
    };
    let directory = app.control.directory();
    let attempt = || OwnEvent::new("Sign in", "session.begin", "login").from(origin);
    let (Some(user), None) = (&user, failure) else {
        app.authentication.failed(&account, Factor::Password, origin);
        let told = match &user {
            Some(user) => attempt().by_user(user, &directory),
            None => attempt().by_unknown(&given.username),
        };
        app.record(&told.refused("failure", failure.unwrap_or("unknown_user"))).await?;
        return Err(refused());
    };
    app.authentication.succeeded(&account, Factor::Password, origin);
    let hash = rehash(app, user, password, &credentials).await?;
    let proven = |method| Proven { user: user.id, password: hash, method };
    let Some(sealed) = &credentials.totp else { return Ok(proven("password")) };
    let Some(code) = given.code.as_deref().filter(|code| !code.trim().is_empty()) else {
        let message = "enter the code of your authenticator app, or a recovery code";
        return Err(ApiError::new(Code::SecondFactorRequired, message));
    };
    app.authentication.begin(&account, Factor::Second, origin)?;
    let method = second_factor(app, user, &credentials, sealed, code).await?;
    match method {
        Some(method) => {
            app.authentication.succeeded(&account, Factor::Second, origin);
            Ok(proven(method))
        }
        None => {
            app.authentication.failed(&account, Factor::Second, origin);
            app.record(&attempt().by_user(user, &directory).refused("failure", "second_factor")).await?;
            Err(ApiError::new(Code::SecondFactorRequired, "the code is wrong or was used before"))
        }
    }
}

/// Why an account can't be used, if it can't.
pub(crate) fn unusable(app: &App, user: &User) -> Option<&'static str> {
    let suspended = user.tenant.is_some_and(|tenant| app.control.directory().is_suspended(tenant));
    match user.state {
        UserState::Active if suspended => Some("tenant_suspended"),
        UserState::Active => None,
        UserState::Invited => Some("invited"),
        UserState::Locked => Some("locked"),
        UserState::Disabled => Some("disabled"),
    }
}

/// Hashes a password that was right anew where the parameters are others today; returns the hash that holds.
async fn rehash(
    app: &App,
    user: &User,
    password: Password,
    credentials: &Credentials,
) -> Result<Option<String>, ApiError> {
    let Some(old) = &credentials.password else { return Ok(None) };
    let stale = PasswordHash::from_phc(old).is_ok_and(|hash| hash.needs_rehash());
    if !stale {
        return Ok(Some(old.clone()));
    }
    let new = app.authentication.hash(password).await?;
    app.control.rehash_password(user.id, old, &new).await?;
    Ok(Some(new))
}

/// Whether a code is good, and of which kind; a code that is, is good no longer.
pub(crate) async fn second_factor(
    app: &App,
    user: &User,
    credentials: &Credentials,
    sealed: &[u8],
    code: &str,
) -> Result<Option<&'static str>, ApiError> {
    let internal = |error: indelible_identity::IdentityError| ApiError::internal(error.to_string());
    let secret =
        app.authentication.seal.open(Purpose::TotpSecret, &user.id.to_string(), sealed).map_err(internal)?;
    let secret = TotpSecret::from_bytes(&secret).map_err(internal)?;
    let last = credentials.totp_last_step.map(TotpStep::from_number);
    if let Some(step) = secret.check(code, app.now(), last) {
        let first = app.control.take_totp_step(user.id, step.number()).await?;
        return Ok(first.then_some("password+totp"));
    }
    let stored: Vec<_> = credentials.recovery_codes.iter().copied().map(Digest::from_bytes).collect();
    let Some(place) = find_recovery_code(code, &stored) else { return Ok(None) };
    let first = app.control.take_recovery_code(user.id, stored[place].as_bytes()).await?;
    Ok(first.then_some("password+recovery"))
}

/// Begins a session, tells the trail of it, and gives the browser its cookie.
pub(crate) async fn begin_session(
    app: &App,
    origin: &Origin,
    user: &User,
    method: &str,
) -> Result<Response, ApiError> {
    let token = SessionToken::generate().map_err(|error| ApiError::internal(error.to_string()))?;
    let seconds = app.config.session_hours * 3_600;
    let (now, lifetime) = (app.now(), i64::try_from(seconds * 1_000_000).unwrap_or(i64::MAX));
    let session = Session {
        id: Uuid::new_v4(),
        user: user.id,
        method: method.to_owned(),
        address: origin.ip.map_or_else(String::new, |ip| ip.to_string()),
        user_agent: origin.user_agent.clone().unwrap_or_default().chars().take(200).collect(),
        created_at: now,
        last_seen_at: now,
        expires_at: Timestamp::from_micros(now.as_micros().saturating_add(lifetime)),
    };
    let told = OwnEvent::new("Sign in", "session.begin", "login")
        .by_user(user, &app.control.directory())
        .from(origin)
        .in_session(session.id)
        .parameter("method", method);
    // Recorded first: a session that the trail does not know must not be.
    app.record(&told).await?;
    let expires_at = session.expires_at.to_rfc3339();
    app.control.begin_session(*token.digest().as_bytes(), session).await?;
    let body = SignedIn {
        user: user.id,
        username: user.username.clone(),
        csrf: token.csrf().expose().to_owned(),
        expires_at,
    };
    let cookie = set_cookie(Some(&token), origin.secure, seconds);
    Ok(([(header::SET_COOKIE, cookie), no_store()], Json(body)).into_response())
}

fn no_store() -> (header::HeaderName, header::HeaderValue) {
    (header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"))
}

/// Signs out: the session ends.
#[utoipa::path(
    post, path = "/v1/sign-out", tag = "session",
    responses((status = 204, description = "signed out"), (status = 401, body = ProblemDetails))
)]
pub(crate) async fn sign_out(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Response, ApiError> {
    params.finish()?;
    let Some((session, user)) = caller.session.as_ref().map(|session| (session.id, session.user)) else {
        return Err(ApiError::new(Code::Forbidden, "an API key has no session to end; it can be revoked"));
    };
    let secure = caller.origin.secure;
    let work = async move {
        let directory = app.control.directory();
        let told = OwnEvent::new("Sign out", "session.end", "logout")
            .touching_of(directory.user(user).and_then(|user| user.tenant))
            .by(&caller.principal, &caller.origin, &directory)
            .in_session(session);
        // A session that is to end ends, whether that can be recorded or not.
        app.control.end_session(session).await?;
        app.record(&told).await
    };
    uncancelled(work).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, set_cookie(None, secure, 0))]).into_response())
}

/// The first administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetUp {
    /// The secret at the end of the link that the server printed.
    link: String,
    username: String,
    password: String,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
    #[serde(default)]
    email: Option<String>,
}

/// Whether the server waits for its first administrator.
#[derive(Serialize, ToSchema)]
pub(crate) struct SetUpState {
    /// Whether nobody can sign in yet; then the server has printed a link.
    needed: bool,
}

/// Tells whether the server waits for its first administrator.
#[utoipa::path(get, path = "/v1/set-up", operation_id = "get_set_up_state", tag = "session", security(()), responses((status = 200, body = SetUpState)))]
pub(crate) async fn set_up_state(Ready(app): Ready, params: Params) -> Result<Json<SetUpState>, ApiError> {
    params.finish()?;
    Ok(Json(SetUpState { needed: app.needs_set_up() }))
}

/// Makes the first administrator and signs them in. The link is good once.
#[utoipa::path(
    post, path = "/v1/set-up", tag = "session", request_body = SetUp, security(()),
    responses((status = 200, body = SignedIn), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn set_up(
    Ready(app): Ready,
    origin: Origin,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    params.finish()?;
    refuse_other_sites(&headers)?;
    app.check_sign_in_network(&origin)?;
    let given: SetUp = read_json(&app, &headers, body).await?;
    let text = |field, text: Option<String>| {
        Ok::<_, ApiError>(checked_optional(field, Some(text), TEXT_MAX)?.flatten())
    };
    let profile = Profile {
        username: checked_username(&given.username)?,
        first_name: text("/first_name", given.first_name)?,
        last_name: text("/last_name", given.last_name)?,
        email: text("/email", given.email)?.map(|email| checked_email("/email", email)).transpose()?,
        ..Profile::default()
    };
    let hash = link_digest(&given.link)?;
    let password = checked_password(&given.password, &profile)?;
    uncancelled(async move {
        if app.control.link(&hash, LinkPurpose::Setup, app.now()).await?.is_none() {
            return Err(no_such_link());
        }
        let password = app.authentication.hash(password).await?;
        let _turn = app.control_turn.lock().await;
        // Somebody may have been made with a key since the link was printed.
        if !app.needs_set_up() {
            return Err(no_such_link());
        }
        app.control.check_profile(Uuid::nil(), &profile)?;
        // From here on the link is used up: of two at one time, one goes on.
        if app.control.take_link(&hash, LinkPurpose::Setup, app.now()).await?.is_none() {
            return Err(no_such_link());
        }
        let user = first_administrator(&app, &origin, &profile, &password).await?;
        begin_session(&app, &origin, &user, "set-up").await
    })
    .await
}

/// Whoever calls holds `control_turn`.
async fn first_administrator(
    app: &App,
    origin: &Origin,
    profile: &Profile,
    password: &str,
) -> Result<User, ApiError> {
    let id = Uuid::new_v4();
    let about = |event: OwnEvent| {
        event.by_unknown(&profile.username).from(origin).to("user", &id.to_string(), &profile.username)
    };
    let told = about(OwnEvent::new("Create user", "user.create", "create"));
    let told = described_changes(told, &Profile::default(), profile, &app.control.directory());
    app.record(&told).await?;
    app.control.create_user(id, profile, UserState::Invited, app.now()).await?;
    let grants = vec![RoleGrant { role: Role::ADMINISTRATOR, territories: Vec::new() }];
    let told = about(OwnEvent::new("Set up", "installation.set_up", "create")).changed(
        "roles",
        serde_json::Value::Null,
        vec!["Administrator"],
    );
    app.make_change(Change::GrantsSet { user: id, grants }, &told).await?;
    // Last, since it opens the account: a set-up that breaks off before can be done again after a restart.
    app.control.set_password(id, password, None, app.now()).await?;
    let user = app.control.directory().user(id).cloned();
    user.ok_or_else(|| ApiError::internal("a user disappeared"))
}

fn no_such_link() -> ApiError {
    ApiError::new(Code::NotFound, "the link is not good, or not any more; ask for another one")
}

fn link_digest(link: &str) -> Result<[u8; 32], ApiError> {
    LinkToken::parse(link.trim()).map(|token| *token.digest().as_bytes()).ok_or_else(no_such_link)
}

/// A password that this user may choose.
pub(crate) fn checked_password(typed: &str, profile: &Profile) -> Result<Password, ApiError> {
    let password = Password::new(typed);
    let names = [
        Some(&profile.username),
        profile.email.as_ref(),
        profile.first_name.as_ref(),
        profile.last_name.as_ref(),
    ];
    let names: Vec<_> = names.into_iter().flatten().map(String::as_str).collect();
    password
        .check(&names)
        .map_err(|error| ApiError::field(Code::WeakPassword, "/password", error.to_string()))?;
    Ok(password)
}

/// A password to be chosen by a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordByLink {
    /// The secret at the end of the link of an invitation or of a reset.
    link: String,
    password: String,
}

/// Chooses a password by the link of an invitation or a reset. The link is good once; every session of the user ends.
#[utoipa::path(
    post, path = "/v1/password", tag = "session", request_body = PasswordByLink, security(()),
    responses((status = 204, description = "chosen"), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn choose_password(
    Ready(app): Ready,
    origin: Origin,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    refuse_other_sites(&headers)?;
    app.check_sign_in_network(&origin)?;
    let given: PasswordByLink = read_json(&app, &headers, body).await?;
    let hash = link_digest(&given.link)?;
    uncancelled(async move {
        let (purpose, user) = user_of_link(&app, &hash).await?.ok_or_else(no_such_link)?;
        let password = checked_password(&given.password, &Profile::from(&user))?;
        let password = app.authentication.hash(password).await?;
        let _turn = app.control_turn.lock().await;
        // The account may have been closed meanwhile.
        if user_of_link(&app, &hash).await?.is_none() {
            return Err(no_such_link());
        }
        if app.control.take_link(&hash, purpose, app.now()).await?.is_none() {
            return Err(no_such_link());
        }
        let told = OwnEvent::new("Choose password", "user.password", "update")
            .by_user(&user, &app.control.directory())
            .from(&origin)
            .to("user", &user.id.to_string(), &user.username)
            .parameter("by", if purpose == LinkPurpose::Invitation { "invitation" } else { "reset" });
        app.record(&told).await?;
        app.control.set_password(user.id, &password, None, app.now()).await?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// The user of a link that is good, unless the account is closed; an invitation is good until the account is opened.
async fn user_of_link(app: &App, hash: &[u8; 32]) -> Result<Option<(LinkPurpose, User)>, ApiError> {
    let purposes =
        [(LinkPurpose::Invitation, UserState::Invited), (LinkPurpose::Password, UserState::Active)];
    for (purpose, state) in purposes {
        if let Some(Some(user)) = app.control.link(hash, purpose, app.now()).await? {
            let directory = app.control.directory();
            let open = directory.user(user).filter(|user| user.state == state);
            return Ok(open.map(|user| (purpose, user.clone())));
        }
    }
    Ok(None)
}
