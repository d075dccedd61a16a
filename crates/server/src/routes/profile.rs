//! What users do with their own account: sessions, password, second factor, how things are shown to them.

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, StatusCode},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use indelible_control::{Profile, User};
use indelible_event::Code;
use indelible_identity::{Factor, Password, Purpose, TotpSecret, new_recovery_codes};
use serde::{Deserialize, Serialize};
use tokio::sync::MutexGuard;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    input::{checked_locale, checked_optional, checked_zone, given, read_json},
    sign_in::checked_password,
    uncancelled,
    users::{self, SessionList, TEXT_MAX, UserView, described_changes, sessions_of},
};
use crate::{
    SecondFactorRule,
    app::App,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
    recorder::OwnEvent,
};

/// The user who is signed in, and the session.
fn own(app: &App, caller: &Caller) -> Result<(User, Uuid), ApiError> {
    let session = caller.session.as_ref();
    let found = session.and_then(|session| {
        let user = app.control.directory().user(session.user).cloned()?;
        Some((user, session.id))
    });
    found.ok_or_else(|| {
        ApiError::new(Code::Forbidden, "this is for people who signed in; an API key has no account")
    })
}

fn told(app: &App, caller: &Caller, action: &str, code: &str, user: &User) -> OwnEvent {
    users::told(app, caller, action, code, "update", user.into())
}

/// The account of whoever is signed in.
#[utoipa::path(get, path = "/v1/profile", operation_id = "get_profile", tag = "profile", responses((status = 200, body = UserView), (status = 403, body = ProblemDetails)))]
pub(crate) async fn profile(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<UserView>, ApiError> {
    params.finish()?;
    let (user, _) = own(&app, &caller)?;
    Ok(Json(UserView::new(&app, &user, &app.control.directory())))
}

/// What users may change about themselves; absent fields stay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileChange {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(crate) first_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(crate) last_name: Option<Option<String>>,
    /// BCP 47 tag.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(crate) locale: Option<Option<String>>,
    /// IANA zone.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(crate) zone: Option<Option<String>>,
}

impl ProfileChange {
    /// Makes `profile` say what is given here.
    pub(crate) fn apply(self, profile: &mut Profile) -> Result<(), ApiError> {
        for (field, given, kept) in [
            ("/first_name", self.first_name, &mut profile.first_name),
            ("/last_name", self.last_name, &mut profile.last_name),
        ] {
            if let Some(text) = checked_optional(field, given, TEXT_MAX)? {
                *kept = text;
            }
        }
        if let Some(locale) = self.locale {
            profile.locale = locale.map(|tag| checked_locale("/locale", tag)).transpose()?;
        }
        if let Some(zone) = self.zone {
            profile.zone = zone.map(|zone| checked_zone("/zone", &zone)).transpose()?;
        }
        Ok(())
    }
}

/// Changes names, language and zone of whoever is signed in. Username, e-mail and tenant are for administrators.
#[utoipa::path(
    patch, path = "/v1/profile", operation_id = "change_profile", tag = "profile", request_body = ProfileChange,
    responses((status = 200, body = UserView), (status = 400, body = ProblemDetails))
)]
pub(crate) async fn change(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<UserView>, ApiError> {
    params.finish()?;
    let change: ProfileChange = read_json(&app, &headers, body).await?;
    let work = async move {
        let _turn = caller.turn(&app).await?;
        let (user, _) = own(&app, &caller)?;
        let old = Profile::from(&user);
        let mut new = old.clone();
        change.apply(&mut new)?;
        let told = told(&app, &caller, "Change profile", "profile.change", &user);
        let told = described_changes(told, &old, &new, &app.control.directory());
        if told.has_changes() {
            app.record(&told).await?;
            app.control.change_user(user.id, &new, user.state).await?;
        }
        let directory = app.control.directory();
        Ok(UserView::new(&app, directory.user(user.id).unwrap_or(&user), &directory))
    };
    Ok(Json(uncancelled(work).await?))
}

/// The sessions of whoever is signed in.
#[utoipa::path(get, path = "/v1/sessions", operation_id = "list_sessions", tag = "profile", responses((status = 200, body = SessionList)))]
pub(crate) async fn sessions(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<SessionList>, ApiError> {
    params.finish()?;
    let (user, session) = own(&app, &caller)?;
    Ok(Json(sessions_of(&app, user.id, Some(session))))
}

/// Ends one of one's own sessions.
#[utoipa::path(
    delete, path = "/v1/sessions/{id}", tag = "profile", params(("id" = String, Path)),
    responses((status = 204, description = "ended"), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn end_session(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    let (user, _) = own(&app, &caller)?;
    let not_found = || ApiError::new(Code::NotFound, "no such session of yours");
    let id = Uuid::parse_str(&id).map_err(|_| not_found())?;
    let session = app.control.session_by_id(id).filter(|session| session.user == user.id);
    let session = session.ok_or_else(not_found)?.id;
    uncancelled(async move {
        app.control.end_session(session).await?;
        let told = told(&app, &caller, "End session", "profile.session", &user);
        app.record(&told.parameter("session", session.to_string())).await
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    /// The password of today.
    current: String,
    password: String,
}

/// Changes the password of whoever is signed in; the other sessions end.
#[utoipa::path(
    put, path = "/v1/profile/password", tag = "profile", request_body = PasswordChange,
    responses((status = 204, description = "changed"), (status = 400, body = ProblemDetails), (status = 429, body = ProblemDetails))
)]
pub(crate) async fn change_password(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    let change: PasswordChange = read_json(&app, &headers, body).await?;
    let work = async move {
        let proven = proven_own(&app, &caller, &change.current).await?;
        let user = &proven.user;
        let password = checked_password(&change.password, &Profile::from(user))?;
        let hash = app.authentication.hash(password).await?;
        let _turn = proven.turn(&app, &caller).await?;
        app.record(&told(&app, &caller, "Change password", "profile.password", user)).await?;
        app.control.set_password(user.id, &hash, Some(proven.session), app.now()).await?;
        Ok(())
    };
    uncancelled(work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A user who knew the password, and which one that was.
struct Proven {
    user: User,
    session: Uuid,
    hash: Option<String>,
}

impl Proven {
    /// The turn to change what protects the account, unless somebody else did meanwhile.
    async fn turn<'a>(&self, app: &'a App, caller: &Caller) -> Result<MutexGuard<'a, ()>, ApiError> {
        let turn = caller.turn(app).await?;
        if app.control.credentials(self.user.id).await?.password == self.hash {
            return Ok(turn);
        }
        Err(ApiError::field(Code::Forbidden, "/current", "this is not your password any more"))
    }
}

/// As [`own`], for what protects the account: whoever changes that proves by the password that it is not just an open
/// page.
async fn proven_own(app: &App, caller: &Caller, typed: &str) -> Result<Proven, ApiError> {
    let (user, session) = own(app, caller)?;
    let account = user.id.to_string();
    app.authentication.begin(&account, Factor::Password, &caller.origin)?;
    let credentials = app.control.credentials(user.id).await?;
    if app.authentication.verify(Password::new(typed), credentials.password.clone()).await? {
        app.authentication.succeeded(&account, Factor::Password, &caller.origin);
        return Ok(Proven { user, session, hash: credentials.password });
    }
    app.authentication.failed(&account, Factor::Password, &caller.origin);
    let told = told(app, caller, "Prove password", "profile.password", &user);
    app.record(&told.refused("failure", "bad_password")).await?;
    Err(ApiError::field(Code::Forbidden, "/current", "this is not your password"))
}

/// A second factor on its way.
#[derive(Serialize, ToSchema)]
pub(crate) struct FactorOffer {
    /// The secret, for typing it in.
    secret: String,
    /// `otpauth:` address.
    uri: String,
    /// The address as a QR code, an SVG element.
    svg: String,
    /// To be sent back with the first code; nothing is stored before.
    pending: String,
}

/// Offers a second factor; it is in force once its first code was sent.
#[utoipa::path(
    post, path = "/v1/profile/second-factor", tag = "profile",
    responses((status = 200, body = FactorOffer), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn offer_second_factor(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<FactorOffer>, ApiError> {
    params.finish()?;
    let (user, _) = own(&app, &caller)?;
    let internal = |error: indelible_identity::IdentityError| ApiError::internal(error.to_string());
    let secret = TotpSecret::generate().map_err(internal)?;
    let pending = app
        .authentication
        .seal
        .seal(Purpose::TotpSecret, &pending_of(&user), secret.as_bytes())
        .map_err(internal)?;
    Ok(Json(FactorOffer {
        secret: secret.to_base32().expose().to_owned(),
        uri: secret.provisioning_uri("Indelible", &user.username).expose().to_owned(),
        svg: secret.provisioning_svg("Indelible", &user.username).expose().to_owned(),
        pending: URL_SAFE_NO_PAD.encode(pending),
    }))
}

/// What an offered secret is sealed for; it can't stand for one in force.
fn pending_of(user: &User) -> String {
    format!("{} pending", user.id)
}

/// The first code of a second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FactorProof {
    /// What the offer gave.
    pending: String,
    /// The code that the app shows.
    code: String,
    /// The password of today.
    current: String,
}

/// What helps when the second factor is lost.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    /// Each is good once; shown here and never again.
    recovery_codes: Vec<String>,
}

/// Puts the offered second factor in force.
#[utoipa::path(
    put, path = "/v1/profile/second-factor", tag = "profile", request_body = FactorProof,
    responses((status = 200, body = RecoveryCodes), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn take_second_factor(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RecoveryCodes>, ApiError> {
    params.finish()?;
    let proof: FactorProof = read_json(&app, &headers, body).await?;
    let work = async move {
        let proven = proven_own(&app, &caller, &proof.current).await?;
        let user = &proven.user;
        let internal = |error: indelible_identity::IdentityError| ApiError::internal(error.to_string());
        let wrong = || ApiError::field(Code::InvalidString, "/pending", "expected what the offer gave");
        let pending = URL_SAFE_NO_PAD.decode(&proof.pending).map_err(|_| wrong())?;
        let secret = app
            .authentication
            .seal
            .open(Purpose::TotpSecret, &pending_of(user), &pending)
            .map_err(|_| wrong())?;
        let secret = TotpSecret::from_bytes(&secret).map_err(internal)?;
        let Some(step) = secret.check(&proof.code, app.now(), None) else {
            return Err(ApiError::field(
                Code::InvalidString,
                "/code",
                "this is not the code that the app shows now",
            ));
        };
        let sealed = app
            .authentication
            .seal
            .seal(Purpose::TotpSecret, &user.id.to_string(), secret.as_bytes())
            .map_err(internal)?;
        let codes = new_recovery_codes().map_err(internal)?;
        let hashes: Vec<_> = codes.iter().map(|code| *code.digest.as_bytes()).collect();
        let _turn = proven.turn(&app, &caller).await?;
        let told = told(&app, &caller, "Set second factor", "profile.second_factor", user).changed(
            "second_factor",
            user.has_second_factor,
            true,
        );
        app.record(&told).await?;
        app.control.set_second_factor(user.id, Some((&sealed, &hashes))).await?;
        app.control.take_totp_step(user.id, step.number()).await?;
        app.control.end_sessions_of(user.id, Some(proven.session)).await?;
        Ok(codes.iter().map(|code| code.text.expose().to_owned()).collect())
    };
    Ok(Json(RecoveryCodes { recovery_codes: uncancelled(work).await? }))
}

/// The password of today.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CurrentPassword {
    current: String,
}

/// Removes one's own second factor.
#[utoipa::path(
    delete, path = "/v1/profile/second-factor", tag = "profile", request_body = CurrentPassword,
    responses((status = 204, description = "removed"), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn remove_second_factor(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    if app.config.second_factor == SecondFactorRule::Required {
        return Err(ApiError::new(Code::Forbidden, "this installation asks everybody for a second factor"));
    }
    let given: CurrentPassword = read_json(&app, &headers, body).await?;
    let work = async move {
        let proven = proven_own(&app, &caller, &given.current).await?;
        let user = &proven.user;
        let _turn = proven.turn(&app, &caller).await?;
        let told = told(&app, &caller, "Remove second factor", "profile.second_factor", user).changed(
            "second_factor",
            user.has_second_factor,
            false,
        );
        if told.has_changes() {
            app.record(&told).await?;
            app.control.set_second_factor(user.id, None).await?;
            app.control.end_sessions_of(user.id, Some(proven.session)).await?;
        }
        Ok(())
    };
    uncancelled(work).await?;
    Ok(StatusCode::NO_CONTENT)
}
