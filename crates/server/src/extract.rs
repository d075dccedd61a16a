//! What handlers take: the open server, the caller, and query parameters of which none may be unknown.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use indelible_access::Principal;
use indelible_control::Permission;
use indelible_event::Code;
use indelible_search::KNOWN_PARAMETERS;

use crate::{
    app::{App, Gate},
    error::ApiError,
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
pub(crate) struct Caller(pub(crate) Principal);

impl Caller {
    /// Refuses callers whose reach is not the whole installation.
    pub(crate) fn needs_everything(&self) -> Result<(), ApiError> {
        if self.0.sees_everything() {
            Ok(())
        } else {
            Err(ApiError::new(
                Code::Forbidden,
                "this concerns the whole installation and needs reach over everything",
            ))
        }
    }

    /// Refuses if the key was revoked or has expired since the request began.
    pub(crate) fn still_valid(&self, app: &App) -> Result<(), ApiError> {
        if app.auth.is_valid(&self.0, app.now()) {
            Ok(())
        } else {
            Err(ApiError::new(Code::Unauthorized, "the API key ended while the request was being received"))
        }
    }

    pub(crate) fn needs(&self, permission: Permission) -> Result<&Principal, ApiError> {
        if self.0.may(permission) {
            Ok(&self.0)
        } else {
            Err(ApiError::new(Code::Forbidden, format!("this needs the permission {permission}")))
        }
    }
}

impl FromRequestParts<Arc<Gate>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, gate: &Arc<Gate>) -> Result<Self, ApiError> {
        let Ready(app) = Ready::from_request_parts(parts, gate).await?;
        let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let secret = given.and_then(|value| {
            let (scheme, secret) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
        });
        secret.and_then(|secret| app.auth.authenticate(secret, app.now())).map(Self).ok_or_else(|| {
            ApiError::new(Code::Unauthorized, "send a valid API key as Authorization: Bearer KEY")
        })
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

impl Params {
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
