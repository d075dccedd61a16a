//! What can be wrong with a request: stable codes, the field they are about, and words for people.
//!
//! Invariant: a message repeats at most a short, escaped part of the input, so that it is safe in a terminal, a log
//! line and an error body whatever was sent.

use std::fmt;
use std::str::FromStr;

/// Most characters of the input that a message repeats.
const EXCERPT_CHARS_MAX: usize = 40;

macro_rules! codes {
    ($($variant:ident $name:literal $status:literal,)*) => {
        /// A stable error code of the API; `as_str` is what programs see.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the names are the API's and documented in docs/api.md")]
        pub enum Code {
            $($variant,)*
        }

        impl Code {
            /// Every code, in the order of the API reference.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The name in the API, such as `missing_field`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Code::$variant => $name,)*
                }
            }

            /// The HTTP status of an answer whose first problem has this code.
            pub const fn status(self) -> u16 {
                match self {
                    $(Code::$variant => $status,)*
                }
            }
        }
    };
}

codes! {
    EmptyBody "empty_body" 400,
    EmptyBatch "empty_batch" 400,
    MalformedJson "malformed_json" 400,
    WrongType "wrong_type" 400,
    MissingField "missing_field" 400,
    InvalidUtf8 "invalid_utf8" 400,
    InvalidString "invalid_string" 400,
    DuplicateKey "duplicate_key" 400,
    TooDeep "too_deep" 400,
    InvalidTime "invalid_time" 400,
    TimeOutOfRange "time_out_of_range" 400,
    NumberOutOfRange "number_out_of_range" 400,
    TooManyItems "too_many_items" 400,
    InvalidIp "invalid_ip" 400,
    InvalidEnum "invalid_enum" 400,
    InvalidId "invalid_id" 400,
    InvalidEvent "invalid_event" 400,
    IdConflict "id_conflict" 409,
    IdReused "id_reused" 400,
    TenantForbidden "tenant_forbidden" 403,
    AuditingOff "auditing_off" 403,
    EventTooLarge "event_too_large" 413,
    BatchTooLarge "batch_too_large" 413,
    UnsupportedMediaType "unsupported_media_type" 415,
    UnsupportedEncoding "unsupported_encoding" 415,
    InvalidEncoding "invalid_encoding" 400,
    Unauthorized "unauthorized" 401,
    SecondFactorRequired "second_factor_required" 401,
    WeakPassword "weak_password" 400,
    Forbidden "forbidden" 403,
    NotFound "not_found" 404,
    UnknownParameter "unknown_parameter" 400,
    UnknownField "unknown_field" 400,
    InvalidFilter "invalid_filter" 400,
    InvalidCursor "invalid_cursor" 400,
    RangeNotAllowed "range_not_allowed" 403,
    IdempotencyConflict "idempotency_conflict" 409,
    MailNotSetUp "mail_not_set_up" 409,
    MailFailed "mail_failed" 502,
    RateLimited "rate_limited" 429,
    Unavailable "unavailable" 503,
    Internal "internal" 500,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is the name of no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown error code")]
pub struct UnknownCode;

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(name: &str) -> Result<Self, UnknownCode> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name).ok_or(UnknownCode)
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One thing that is wrong (or, as a warning, noteworthy) with one event or parameter.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// What is wrong, for programs.
    pub code: Code,
    /// JSON pointer (RFC 6901) of the culprit within the event; empty for the event itself. Names that the sender
    /// chose are cut after 128 characters.
    pub field: String,
    /// What is wrong and what was expected, for people; repeats at most a short, escaped part of the input.
    pub message: String,
}

impl Problem {
    /// A problem with `field`, a JSON pointer.
    pub fn new(code: Code, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, field: field.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(f, "{}: {}", self.code, self.message)
        } else {
            write!(f, "{} at {}: {}", self.code, self.field, self.message)
        }
    }
}

/// Returns the beginning of `text` in quotes, escaped to printable ASCII, for use in a [`Problem::message`].
pub fn excerpt(text: &str) -> String {
    let mut out = String::with_capacity(EXCERPT_CHARS_MAX + 2);
    out.push('"');
    for (n, c) in text.chars().enumerate() {
        if n == EXCERPT_CHARS_MAX {
            out.push_str("\"...");
            return out;
        }
        out.extend(c.escape_default());
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_and_has_a_refusing_status() {
        for code in Code::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert!((400..600).contains(&code.status()), "{code}");
        }
        assert_eq!("Missing_Field".parse::<Code>(), Err(UnknownCode));
    }

    #[test]
    fn an_excerpt_is_short_and_printable() {
        for text in ["", "plain", "\u{1b}[31mred\u{202e}\0\r\n", &"\u{1f600}".repeat(1000), &"\"".repeat(100)]
        {
            let shown = excerpt(text);
            assert!(shown.len() <= EXCERPT_CHARS_MAX * 10 + 5, "{shown}");
            assert!(shown.bytes().all(|b| (0x20..0x7f).contains(&b)), "{shown}");
        }
        assert_eq!(excerpt(&"a".repeat(41)), format!("\"{}\"...", "a".repeat(40)));
    }
}
