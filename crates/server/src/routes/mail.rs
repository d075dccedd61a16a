//! Mail: whether it is set up, a mail that tests it, and links for people who forgot their password.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, StatusCode},
};
use indelible_control::{LinkPurpose, Permission, User, UserState};
use indelible_event::Timestamp;
use indelible_identity::LinkToken;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    input::{checked_text, read_json},
    sign_in::unusable,
    uncancelled,
    users::{Account, TEXT_MAX, checked_email},
};
use crate::{
    app::App,
    cookies::refuse_other_sites,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, Ready},
    mailing::{self, LinkMail, MailKind},
    recorder::{Origin, OwnEvent},
};

/// How mails are sent.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct MailView {
    /// Whether mails are sent at all; if not, the rest is null.
    configured: bool,
    host: Option<String>,
    port: Option<u16>,
    /// `starttls`, `implicit` or `none`.
    tls: Option<&'static str>,
    /// The account at the server, if it wants one.
    username: Option<String>,
    /// The sender.
    from: Option<String>,
}

/// Tells how mails are sent; never the password.
#[utoipa::path(
    get, path = "/v1/mail", operation_id = "get_mail", tag = "operation",
    responses((status = 200, body = MailView), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn settings(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<MailView>, ApiError> {
    params.finish()?;
    caller.needs_everywhere(Permission::SettingsManage)?;
    Ok(Json(app.config.mail.as_ref().map_or_else(MailView::default, |mail| MailView {
        configured: true,
        host: Some(mail.host.clone()),
        port: Some(mail.port),
        tls: Some(mail.tls.name()),
        username: mail.username.clone(),
        from: Some(mail.from.clone()),
    })))
}

/// Where a mail goes that tests the settings.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestMailRequest {
    to: String,
}

/// Sends a mail, and says what the mail server said.
#[utoipa::path(
    post, path = "/v1/mail/test", operation_id = "send_test_mail", tag = "operation", request_body = TestMailRequest,
    responses(
        (status = 204, description = "the mail server has taken it"), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails),
        (status = 409, body = ProblemDetails, description = "mail_not_set_up"), (status = 502, body = ProblemDetails, description = "mail_failed")
    )
)]
pub(crate) async fn test(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    caller.needs_everywhere(Permission::SettingsManage)?;
    let given: TestMailRequest = read_json(&app, &headers, body).await?;
    let to = checked_email("/to", checked_text("/to", &given.to, TEXT_MAX)?)?;
    let work = async move {
        let told = mailing::told().by(&caller.principal, &caller.origin, &app.control.directory());
        app.send_mail(MailKind::Test, &app.test_message(&to)?, told).await
    };
    uncancelled(work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody who forgot their password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetRequest {
    /// The username, or the e-mail address of the account.
    user: String,
}

/// Minutes for which a link that somebody asked for themselves is good.
const RESET_MINUTES: i64 = 60;
/// Accounts of one e-mail address that get a mail each.
const ACCOUNTS_MAX: usize = 5;

/// Sends whoever forgot their password a mail with a link for a new one. The answer is the same whether there is such an
/// account or not.
#[utoipa::path(
    post, path = "/v1/password/reset", operation_id = "reset_password", tag = "session", request_body = ResetRequest, security(()),
    responses(
        (status = 202, description = "if there is such an account, a mail is on its way"), (status = 400, body = ProblemDetails),
        (status = 409, body = ProblemDetails, description = "mail_not_set_up"), (status = 429, body = ProblemDetails)
    )
)]
pub(crate) async fn reset(
    Ready(app): Ready,
    origin: Origin,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    refuse_other_sites(&headers)?;
    app.check_sign_in_network(&origin)?;
    let given: ResetRequest = read_json(&app, &headers, body).await?;
    let name = checked_text("/user", &given.user, TEXT_MAX)?;
    let place = app.mailing.ask(&name, &origin)?;
    // Whoever asks learns nothing from how long it takes.
    tokio::spawn(async move {
        if let Err(error) = answer(&app, &origin, &name).await {
            // The mail server's words hold the address; they are in the trail.
            tracing::warn!(code = %error.code, "somebody who asked for a new password got no mail");
        }
        drop(place);
    });
    Ok(StatusCode::ACCEPTED)
}

/// Sends a link to each account of a name.
async fn answer(app: &Arc<App>, origin: &Origin, name: &str) -> Result<(), ApiError> {
    let directory = app.control.directory();
    let called = directory.user_named(name).into_iter().chain(directory.users_with_email(name));
    let users: BTreeMap<_, _> = called.map(|user| (user.id, user.clone())).collect();
    let asked =
        || OwnEvent::new("Ask for a new password", "password.reset", "other").by_unknown(name).from(origin);
    if users.is_empty() {
        return refused(app, &asked(), "unknown_user").await;
    }
    let mut all = Ok(());
    for user in users.values().take(ACCOUNTS_MAX) {
        let told = Account::from(user).touched_by(asked());
        // One that gets no mail must not keep the others from theirs.
        all = all.and(answer_one(app, origin, user, told).await);
    }
    all
}

async fn refused(app: &App, told: &OwnEvent, reason: &'static str) -> Result<(), ApiError> {
    let told = told.clone().refused("failure", reason);
    app.record_unproven(&told, &format!("POST /v1/password/reset {reason}")).await
}

async fn answer_one(app: &App, origin: &Origin, user: &User, told: OwnEvent) -> Result<(), ApiError> {
    let to = match may_reset(app, user) {
        Ok(_) if !app.mailing.takes_unasked(user.id) => Err("too_often"),
        other => other,
    };
    let to = match to {
        Ok(to) => to,
        Err(reason) => return refused(app, &told, reason).await,
    };
    let token = LinkToken::generate().map_err(|error| ApiError::internal(error.to_string()))?;
    let expires_at = Timestamp::from_micros(app.now().as_micros() + RESET_MINUTES * 60_000_000);
    {
        let _turn = app.control_turn.lock().await;
        // The account may have been closed, or been given another address, meanwhile.
        let is_as_before =
            app.control.directory().user(user.id).is_some_and(|now| may_reset(app, now) == Ok(to));
        if !is_as_before {
            return app.record(&told.refused("failure", "not_active")).await;
        }
        app.record(&told).await?;
        // Whoever asks must not end a link that an administrator handed over.
        app.control
            .make_another_link(*token.digest().as_bytes(), LinkPurpose::Password, Some(user.id), expires_at)
            .await?;
    }
    let mail =
        LinkMail { purpose: LinkPurpose::Password, user, to, token: &token, expires_at, by: &user.username };
    let (kind, message) = app.link_message(&mail)?;
    let told = Account::from(user).touched_by(mailing::told()).from(origin);
    app.send_mail_patiently(kind, &message, told).await
}

/// The address that a link for a new password may go to, or why there is none.
fn may_reset<'u>(app: &App, user: &'u User) -> Result<&'u str, &'static str> {
    if user.state != UserState::Active || unusable(app, user).is_some() {
        return Err("not_active");
    }
    // Who signs in through a provider must not get a way around it.
    if !user.has_password {
        return Err("no_password");
    }
    user.email.as_deref().ok_or("no_address")
}
