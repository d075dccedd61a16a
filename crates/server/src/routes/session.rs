//! Who the caller is and what it may do, for pages and tools.

use axum::Json;
use indelible_control::Reach;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::roles::RangeView;
use crate::{
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, Ready},
};

/// The caller.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    /// `api_key` or `user`.
    kind: &'static str,
    /// The key's name, or the username.
    name: String,
    /// The user's id, of a user who signed in.
    #[schema(value_type = Option<String>)]
    user: Option<Uuid>,
    /// The name that people read, of a user who signed in.
    shown_name: Option<String>,
    /// To be sent as `X-CSRF-Token` with every change, by a page with a session.
    csrf: Option<String>,
    /// When the session, or the key, ends at the latest.
    expires_at: Option<String>,
    /// Whether nothing but one's own account is open before a second factor is set up.
    second_factor_due: bool,
    /// Whether the Audit Trail's administration is open to it.
    complete_user_management: bool,
    /// The permissions, in the order of the documentation.
    permissions: Vec<&'static str>,
    /// `"everything"`, or the names of the tenants that it was given.
    #[schema(value_type = Object)]
    reach: SessionReach,
    /// How many tenants that is now, with all below them.
    tenants: usize,
    /// What of time may be asked about: of its roles with `audit.read` whichever allows most; null: all.
    range: Option<RangeView>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum SessionReach {
    Everything,
    #[serde(untagged)]
    Tenants(Vec<String>),
}

/// Who am I.
#[utoipa::path(
    get, path = "/v1/session", operation_id = "get_session", tag = "session",
    responses((status = 200, body = Session), (status = 401, body = ProblemDetails))
)]
pub(crate) async fn session(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<Session>, ApiError> {
    params.finish()?;
    let directory = app.control.directory();
    let (reach, tenants) = match &caller.principal.reach_of_any() {
        Reach::Everything => (SessionReach::Everything, directory.tenants().len()),
        Reach::Tenants(roots) => {
            let names =
                roots.iter().filter_map(|root| directory.tenant(*root)).map(|tenant| tenant.name.clone());
            (SessionReach::Tenants(names.collect()), directory.subtree(roots).len())
        }
    };
    let user = caller.session.as_ref().and_then(|session| directory.user(session.user));
    let ends = caller.session.as_ref().map(|session| session.expires_at).or(caller.principal.expires_at);
    Ok(Json(Session {
        kind: if caller.session.is_some() { "user" } else { "api_key" },
        name: caller.principal.name.clone(),
        user: user.map(|user| user.id),
        shown_name: user.map(indelible_control::User::shown_name),
        csrf: caller.csrf.as_ref().map(|csrf| csrf.expose().to_owned()),
        expires_at: ends.map(|at| at.to_rfc3339()),
        second_factor_due: user
            .zip(caller.session.as_ref())
            .is_some_and(|(user, session)| app.auth.second_factor_due(user, session)),
        complete_user_management: caller.principal.manages_users_completely(),
        permissions: caller.principal.permissions().names(),
        reach,
        tenants,
        range: caller.principal.range().widest().as_ref().map(RangeView::new),
    }))
}
