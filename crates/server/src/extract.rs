//! What handlers take: the open server, the caller, and query parameters of which none may be unknown.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use indelible_access::{Principal, PrincipalId};
use indelible_control::{Directory, Permission, PermissionSet, Reach, Session};
use indelible_event::Code;
use indelible_identity::CsrfToken;
use indelible_search::KNOWN_PARAMETERS;
use tokio::sync::MutexGuard;

use crate::{
    app::{App, Gate},
    client::Client,
    cookies::{check_csrf, session_token},
    error::{ApiError, Known, REQUEST},
    public_url::PublicUrl,
    recorder::Origin,
};

/// The open server, or 503 while it opens.
pub(crate) struct Ready(pub(crate) Arc<App>);

impl FromRequestParts<Arc<Gate>> for Ready {
    type Rejection = ApiError;

    async fn from_request_parts(_parts: &mut Parts, gate: &Arc<Gate>) -> Result<Self, ApiError> {
        let app = gate.app().ok_or_else(|| {
            ApiError::unavailable(format!("the server is opening its stores: {}", gate.opening()), 2)
        })?;
        Ok(Self(app.clone()))
    }
}

/// The authenticated caller.
#[derive(Clone)]
pub(crate) struct Caller {
    /// Who it is, and what it may do.
    pub(crate) principal: Principal,
    /// Where the request came from.
    pub(crate) origin: Origin,
    /// The session, of a user who signed in.
    pub(crate) session: Option<Session>,
    /// What changes of the page have to bear.
    pub(crate) csrf: Option<CsrfToken>,
}

impl Caller {
    pub(crate) fn needs(&self, permission: Permission) -> Result<&Principal, ApiError> {
        if self.principal.may(permission) {
            Ok(&self.principal)
        } else {
            Err(ApiError::new(Code::Forbidden, format!("this needs the permission {permission}")))
        }
    }

    /// Refuses whoever may not send events. People never do: what a person did is for a program to say.
    pub(crate) fn needs_key_to_send(&self) -> Result<(), ApiError> {
        self.needs(Permission::EventsSend)?;
        match self.session {
            None => Ok(()),
            Some(_) => Err(ApiError::new(Code::Forbidden, "events are sent with an API key")),
        }
    }

    /// Refuses callers who have the permission not at all, or not over the whole installation.
    pub(crate) fn needs_everywhere(&self, permission: Permission) -> Result<(), ApiError> {
        if self.needs(permission)?.may_everywhere(permission) {
            Ok(())
        } else {
            let message = "this concerns the whole installation and needs reach over everything";
            Err(ApiError::new(Code::Forbidden, message))
        }
    }

    /// Refuses all but complete user management: no finer permission is enough for the Audit Trail's administration.
    pub(crate) fn needs_complete_user_management(&self) -> Result<(), ApiError> {
        if self.principal.manages_users_completely() {
            Ok(())
        } else {
            let message = "this needs complete user management: users.manage with reach over everything";
            Err(ApiError::new(Code::Forbidden, message))
        }
    }

    /// Refuses all who could not do everything themselves: what they set up may be anybody.
    pub(crate) fn needs_everything(&self, directory: &Directory) -> Result<(), ApiError> {
        if self.principal.covers(PermissionSet::all(), &Reach::Everything, None, directory) {
            Ok(())
        } else {
            let message =
                "this needs every permission with reach over everything: it decides who is let in as whom";
            Err(ApiError::new(Code::Forbidden, message))
        }
    }

    /// Refuses if the key or session ended, or may do other things, since the request began: a body takes its time.
    pub(crate) fn still_valid(&self, app: &App) -> Result<(), ApiError> {
        let now = app.auth.renew(&self.principal, app.now()).ok_or_else(|| {
            let message = "the API key or session ended while the request was being received";
            ApiError::new(Code::Unauthorized, message)
        })?;
        if now.grants == self.principal.grants {
            return Ok(());
        }
        let message = "what you may do has changed while the request was being received; send it again";
        Err(ApiError::unavailable(message, 1))
    }

    /// The turn to change who may do what, for a caller who still may.
    ///
    /// # Errors
    /// As [`Self::still_valid`].
    pub(crate) async fn turn<'a>(&self, app: &'a App) -> Result<MutexGuard<'a, ()>, ApiError> {
        let turn = app.control_turn.lock().await;
        self.still_valid(app)?;
        Ok(turn)
    }
}

impl FromRequestParts<Arc<Gate>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gate: &Arc<Gate>) -> Result<Self, ApiError> {
        let Ready(app) = Ready::from_request_parts(parts, gate).await?;
        let origin = Origin::of(parts, app.config.public_url.as_ref());
        let unauthorized = || {
            ApiError::new(Code::Unauthorized, "send a valid API key as Authorization: Bearer KEY, or sign in")
        };
        // A key that is given is what counts, good or not: a page never sends one beside its cookie.
        if parts.headers.contains_key(header::AUTHORIZATION) {
            let found = bearer(&parts.headers).and_then(|secret| app.auth.authenticate(secret, app.now()));
            let principal = found.ok_or_else(unauthorized)?;
            known(&principal, &origin);
            if let PrincipalId::Key(id) = principal.id {
                app.keys_used.lock().insert(id, app.now());
            }
            return Ok(Self { principal, origin, session: None, csrf: None });
        }
        let token = session_token(&parts.headers, origin.secure).ok_or_else(unauthorized)?;
        // A session that is carried elsewhere is none there, and good again where it began.
        app.check_sign_in_network(&origin).map_err(|_| unauthorized())?;
        let found = app.auth.authenticate_session(token.expose(), app.now());
        let (principal, session) = found.ok_or_else(unauthorized)?;
        known(&principal, &origin);
        check_csrf(&parts.method, &parts.headers, &token)?;
        app.control.session_seen(token.digest().as_bytes(), app.now()).await?;
        Ok(Self { principal, origin, session: Some(session), csrf: Some(token.csrf()) })
    }
}

/// Tells the middleware who the caller is, should the request be refused.
fn known(principal: &Principal, origin: &Origin) {
    let known = || Known { principal: principal.clone(), origin: origin.clone() };
    // A request has one caller; outside of one, in tests, nobody is told.
    let _ = REQUEST.try_with(|request| {
        request.caller.get_or_init(known);
    });
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, secret) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
}

impl Origin {
    /// Where a request came from.
    pub(crate) fn of(parts: &Parts, public_url: Option<&PublicUrl>) -> Self {
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let request = REQUEST.try_with(|request| request.id.clone()).ok();
        let client = parts.extensions.get::<Client>();
        Self {
            ip: client.map(|client| client.ip),
            user_agent: user_agent.map(str::to_owned),
            request,
            secure: client.is_some_and(|client| client.wants_secure_cookies(public_url)),
        }
    }
}

impl FromRequestParts<Arc<Gate>> for Origin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gate: &Arc<Gate>) -> Result<Self, ApiError> {
        Ok(Self::of(parts, gate.app().and_then(|app| app.config.public_url.as_ref())))
    }
}

/// The part of the path that a route names, decoded.
pub(crate) struct PathPart(pub(crate) String);

impl FromRequestParts<Arc<Gate>> for PathPart {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gate: &Arc<Gate>) -> Result<Self, ApiError> {
        // What is no UTF-8 names nothing here.
        let part = axum::extract::Path::<String>::from_request_parts(parts, gate).await;
        part.map(|part| Self(part.0)).map_err(|_| ApiError::new(Code::NotFound, "nothing has this address"))
    }
}

/// The query parameters, taken one by one; what is left over is refused.
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl FromRequestParts<Arc<Gate>> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _gate: &Arc<Gate>) -> Result<Self, ApiError> {
        let axum::extract::Query(pairs) = axum::extract::Query::try_from_uri(&parts.uri).map_err(|_| {
            ApiError::new(Code::InvalidFilter, "the query string is not valid percent-encoded UTF-8")
        })?;
        Ok(Self { pairs, known: Vec::new() })
    }
}

/// Names and values of an address's query; `None` where they are not valid percent-encoded UTF-8.
pub(crate) fn query_pairs(query: &str) -> Option<Vec<(String, String)>> {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    // What is no UTF-8 is read as this sign: then there are more of them than somebody meant.
    let signs = |text: &str| text.matches('\u{fffd}').count();
    let meant = signs(query) + query.to_ascii_uppercase().matches("%EF%BF%BD").count();
    let read: usize = pairs.iter().map(|(name, value)| signs(name) + signs(value)).sum();
    (read == meant).then_some(pairs)
}

impl Params {
    /// The parameters of an address's query that somebody gives as a text, with or without its question mark.
    ///
    /// # Errors
    /// `invalid_filter` for what is not percent-encoded UTF-8.
    pub(crate) fn of_text(query: &str) -> Result<Self, ApiError> {
        let query = query.strip_prefix('?').unwrap_or(query);
        let wrong = |message| Err(ApiError::field(Code::InvalidFilter, "/query", message));
        // A browser would end the query there, and whatever stands behind it would be no filter.
        if query.contains('#') {
            return wrong("the query has a #; write %23 where one is meant");
        }
        match query_pairs(query) {
            Some(pairs) => Ok(Self { pairs, known: Vec::new() }),
            None => wrong("the query is not valid percent-encoded UTF-8"),
        }
    }

    /// The value of a parameter that may be given once.
    pub(crate) fn one(&mut self, name: &'static str) -> Result<Option<String>, ApiError> {
        self.known.push(name);
        let mut found = None;
        let mut index = 0;
        while index < self.pairs.len() {
            if self.pairs[index].0 == name {
                let (_, value) = self.pairs.remove(index);
                if found.replace(value).is_some() {
                    return Err(ApiError::field(
                        Code::InvalidFilter,
                        name,
                        format!("{name} may be given once only"),
                    ));
                }
            } else {
                index += 1;
            }
        }
        Ok(found)
    }

    /// `true` or `false`, `default` when absent.
    pub(crate) fn flag(&mut self, name: &'static str, default: bool) -> Result<bool, ApiError> {
        match self.one(name)?.as_deref() {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(ApiError::field(Code::InvalidFilter, name, format!("{name} is true or false"))),
        }
    }

    /// All pairs whose names are in `names`, in order.
    pub(crate) fn all_of(&mut self, names: &[&'static str]) -> Vec<(String, String)> {
        self.known.extend(names);
        let (taken, left) =
            std::mem::take(&mut self.pairs).into_iter().partition(|(name, _)| names.contains(&name.as_str()));
        self.pairs = left;
        taken
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        match self.pairs.first() {
            None => Ok(()),
            Some((name, _)) => Err(unknown_parameter(name, &self.known)),
        }
    }
}

/// Names the nearest parameter that this address takes, so that a slip of the pen is mended at once.
fn unknown_parameter(name: &str, known: &[&'static str]) -> ApiError {
    let shown: String = name.chars().take(40).flat_map(char::escape_default).collect();
    let message = match indelible_search::nearest_parameter(name, known) {
        Some(nearest) => format!("unknown parameter {shown}; did you mean {nearest}?"),
        None if KNOWN_PARAMETERS.contains(&name) => {
            format!("unknown parameter {shown}; it is a filter, and this address takes none")
        }
        None => format!("unknown parameter {shown}"),
    };
    ApiError::field(Code::UnknownParameter, &shown, message)
}
