//! Errors as RFC 9457 problem details: a public message for the client, a private one for the log.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use indelible_access::{OutOfRange, Principal, ReadError};
use indelible_control::ControlError;
use indelible_event::{Code, Problem};
use indelible_ledger::AppendError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::recorder::Origin;

/// An error on its way to the client.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) code: Code,
    pub(crate) detail: String,
    pub(crate) errors: Vec<ItemError>,
    /// Errors that are not listed, so that the answer stays short.
    pub(crate) omitted: usize,
    pub(crate) retry_after_seconds: Option<u64>,
    /// For the log only.
    pub(crate) private: Option<String>,
    /// The range that is allowed instead; boxed, since hardly any error has it and all are as large.
    allowed: Option<Box<AllowedRange>>,
    /// Where HTTP has a better status than the code's own.
    status: Option<StatusCode>,
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct ItemError {
    /// 0-based ordinal of the event in the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) index: Option<usize>,
    /// 1-based line, for NDJSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u64>,
    /// What is wrong, for programs.
    pub(crate) code: Cow<'static, str>,
    /// JSON pointer of the culprit in the event, or the name of the query parameter.
    pub(crate) field: String,
    /// What is wrong and what was expected.
    pub(crate) message: String,
}

/// The body of every error, as RFC 9457 has it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemDetails {
    /// Documentation of the code.
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    detail: String,
    /// The request's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    /// What is wrong, for programs.
    code: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ItemError>,
    /// How many further errors are not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors_omitted: Option<usize>,
    /// With `range_not_allowed`: the largest range that is allowed, as near as possible to what was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<AllowedRange>,
}

/// A range that may be asked about.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AllowedRange {
    /// Included.
    since: String,
    /// Excluded.
    until: String,
}

/// An error answer lists so many errors; each is at most about 300 bytes, so the body stays under 20 kB.
const ERRORS_LISTED_MAX: usize = 50;

impl ItemError {
    pub(crate) fn of(problem: &Problem, index: Option<usize>, line: Option<u64>) -> Self {
        Self {
            index,
            line,
            code: problem.code.as_str().into(),
            field: problem.field.clone(),
            message: problem.message.clone(),
        }
    }
}

impl ApiError {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            omitted: 0,
            retry_after_seconds: None,
            private: None,
            allowed: None,
            status: None,
        }
    }

    /// What went wrong, for the log.
    pub(crate) fn cause(&self) -> &str {
        self.private.as_deref().unwrap_or(&self.detail)
    }

    /// Answers with another status than the code's own.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status: Some(status), ..self }
    }

    /// An error about one field or parameter.
    pub(crate) fn field(code: Code, field: &str, message: impl Into<String>) -> Self {
        Self::from(Problem { code, field: field.to_owned(), message: message.into() })
    }

    /// The same of a part of the body: fields that are pointers into it are pointers into the whole.
    pub(crate) fn of_part(mut self, part: &str) -> Self {
        for error in self.errors.iter_mut().filter(|error| error.field.starts_with('/')) {
            error.field.insert_str(0, part);
        }
        self
    }

    /// Many errors; the first one names the whole.
    pub(crate) fn items(first: Code, detail: impl Into<String>, mut errors: Vec<ItemError>) -> Self {
        let omitted = errors.len().saturating_sub(ERRORS_LISTED_MAX);
        errors.truncate(ERRORS_LISTED_MAX);
        Self { errors, omitted, ..Self::new(first, detail) }
    }

    /// "Try again later": nothing was stored.
    pub(crate) fn unavailable(detail: impl Into<String>, retry_after_seconds: u64) -> Self {
        Self { retry_after_seconds: Some(retry_after_seconds), ..Self::new(Code::Unavailable, detail) }
    }

    /// "As many as there may be are open": one that ends makes room.
    pub(crate) fn rate_limited(detail: impl Into<String>, retry_after_seconds: u64) -> Self {
        Self { retry_after_seconds: Some(retry_after_seconds), ..Self::new(Code::RateLimited, detail) }
    }

    /// The same in other words.
    pub(crate) fn with_detail(self, detail: &str) -> Self {
        Self { detail: detail.to_owned(), ..self }
    }

    /// What the log is told, else what the client is.
    pub(crate) fn into_private(self) -> String {
        self.private.unwrap_or(self.detail)
    }

    /// A fault of ours; `private` goes to the log.
    pub(crate) fn internal(private: impl Into<String>) -> Self {
        Self {
            private: Some(private.into()),
            ..Self::new(Code::Internal, "the server met an error; its log says more")
        }
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        let detail = problem.message.clone();
        Self { errors: vec![ItemError::of(&problem, None, None)], ..Self::new(problem.code, detail) }
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Forbidden(permission) => {
                Self::new(Code::Forbidden, format!("this needs the permission {permission}"))
            }
            ReadError::RangeNotAllowed(OutOfRange { since, until, words }) => Self {
                allowed: Some(Box::new(AllowedRange {
                    since: since.to_rfc3339(),
                    until: until.to_rfc3339(),
                })),
                ..Self::new(
                    Code::RangeNotAllowed,
                    format!("your roles allow {words}; give since and until within that"),
                )
            },
            ReadError::NotFound => Self::new(Code::NotFound, "no such event within your reach"),
            ReadError::Ambiguous => Self::field(
                Code::InvalidFilter,
                "tenant",
                "events of several tenants have this id; name one with tenant=",
            ),
            ReadError::Invalid(problems) => {
                let code = problems.first().map_or(Code::InvalidFilter, |problem| problem.code);
                let detail = problems.first().map_or_else(String::new, |problem| problem.message.clone());
                Self::items(
                    code,
                    detail,
                    problems.iter().map(|problem| ItemError::of(problem, None, None)).collect(),
                )
            }
            ReadError::TooSlow => Self::unavailable("the search took too long and was stopped; narrow it", 1),
            ReadError::Cancelled => {
                Self::unavailable("the search was stopped, since nobody waited for it", 1)
            }
            ReadError::TooManyValues { .. } => {
                Self::new(Code::InvalidFilter, format!("{error}; ask for a shorter time or name a prefix"))
            }
            ReadError::Ledger(error) => Self::internal(chain(&error)),
            ReadError::Search(error) => Self::internal(chain(&error)),
            ReadError::Format(error) => Self::internal(chain(&error)),
            ReadError::Randomness(error) => Self::internal(error.to_string()),
        }
    }
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        match &error {
            ControlError::TenantName(_) => Self::field(Code::InvalidId, "/name", error.to_string()),
            ControlError::NameTaken => Self::field(Code::IdConflict, "/name", error.to_string()),
            ControlError::UsernameTaken => Self::field(Code::IdConflict, "/username", error.to_string()),
            ControlError::NoSuchTenant
            | ControlError::NoSuchKey
            | ControlError::NoSuchRole
            | ControlError::NoSuchUser => Self::new(Code::NotFound, error.to_string()),
            ControlError::Cycle | ControlError::BelowDomain => {
                Self::field(Code::InvalidFilter, "/parent", error.to_string())
            }
            ControlError::AuditingStaysOn => Self::field(Code::Forbidden, "/auditing", error.to_string()),
            ControlError::AuditedStays | ControlError::ReadyMadeRole => {
                Self::new(Code::Forbidden, error.to_string())
            }
            ControlError::TooMany { .. } => Self::new(Code::TooManyItems, error.to_string()),
            ControlError::TenantInUse | ControlError::ReportInUse => {
                Self::new(Code::IdConflict, error.to_string())
            }
            ControlError::WrongRetention { .. } => {
                Self::field(Code::NumberOutOfRange, "/period", error.to_string())
            }
            ControlError::WrongGrant { .. } => Self::field(Code::InvalidFilter, "/roles", error.to_string()),
            _ => Self::internal(chain(&error)),
        }
    }
}

impl From<AppendError> for ApiError {
    fn from(error: AppendError) -> Self {
        match &error {
            AppendError::Busy { .. } => {
                Self::unavailable("too much is waiting for the disk; nothing was stored", 1)
            }
            AppendError::Full { .. } => {
                Self::unavailable("the server's disk is nearly full; nothing was stored", 60)
            }
            AppendError::ReplayConflict => Self::new(
                Code::IdempotencyConflict,
                "this Idempotency-Key was used with another request in the last 24 hours",
            ),
            AppendError::TooLarge { bytes_max, .. } => Self::new(
                Code::BatchTooLarge,
                format!("the request is larger than the {bytes_max} bytes that the ledger takes at one time"),
            ),
            AppendError::Closed => Self::unavailable("the server is stopping; nothing was stored", 5),
            _ => Self {
                private: Some(chain(&error)),
                ..Self::unavailable("the ledger can't take events now", 5)
            },
        }
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// A caller as far as the record of a refusal needs it.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) principal: Principal,
    pub(crate) origin: Origin,
}

/// What error bodies say of the request, carried from the middleware.
#[derive(Clone)]
pub(crate) struct Instance {
    /// The request's id as a URN.
    pub(crate) id: String,
    /// Path under which the server is reached.
    pub(crate) prefix: Arc<str>,
    /// Who the caller turned out to be.
    pub(crate) caller: Arc<OnceLock<Known>>,
}

tokio::task_local! {
    /// The id of the request that this task answers.
    pub(crate) static REQUEST: Instance;
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let own = || StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let status = self.status.unwrap_or_else(own);
        let (instance, prefix) =
            REQUEST.try_with(|request| (request.id.clone(), request.prefix.clone())).ok().unzip();
        if let Some(private) = &self.private {
            tracing::error!(instance, code = self.code.as_str(), cause = private, "request failed");
        }
        let body = ProblemDetails {
            kind: format!("{}/docs/errors#{}", prefix.unwrap_or_default(), self.code.as_str()),
            title: self.code.as_str().replace('_', " "),
            status: status.as_u16(),
            detail: self.detail,
            instance,
            code: self.code.as_str(),
            errors: self.errors,
            errors_omitted: (self.omitted > 0).then_some(self.omitted),
            allowed: self.allowed.map(|allowed| *allowed),
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // Read by the metrics middleware, which can't see into bodies.
        if let Ok(code) = HeaderValue::from_str(self.code.as_str()) {
            headers.insert(HeaderName::from_static("x-error-code"), code);
        }
        response
    }
}
