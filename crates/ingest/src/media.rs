//! What a request's `Content-Type` says the body is.
//!
//! Grammar: RFC 9110 section 8.3. Only the media types of the API reference are taken; of the parameters only
//! `charset` means something to us, and its only value is UTF-8 (RFC 8259 section 8.1). Other parameters are
//! skipped, as the media types define none.

use indelible_event::{Code, Problem, excerpt};

/// The form of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Media {
    /// `application/json`: one event or an array of events.
    Json,
    /// `application/x-ndjson`: one event a line.
    Ndjson,
    /// `application/cloudevents+json`: one CloudEvent.
    CloudEvent,
    /// `application/cloudevents-batch+json`: an array of CloudEvents.
    CloudEventBatch,
}

/// How an event came to the server: the number that its envelope keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Protocol {
    /// One event or an array in the API's own shape.
    Json = 1,
    /// Lines in the API's own shape.
    Ndjson = 2,
    /// CloudEvents 1.0.
    CloudEvents = 3,
    /// A vendor's record, read by a mapping.
    Import = 4,
    /// The server's own statement.
    Server = 5,
}

impl Media {
    pub(crate) const ALL: [Self; 4] = [Self::Json, Self::Ndjson, Self::CloudEvent, Self::CloudEventBatch];

    /// The media type without parameters, as it stands in envelopes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::CloudEvent => "application/cloudevents+json",
            Self::CloudEventBatch => "application/cloudevents-batch+json",
        }
    }

    /// How an event in a body of this form came in, where no mapping is named.
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Json => Protocol::Json,
            Self::Ndjson => Protocol::Ndjson,
            Self::CloudEvent | Self::CloudEventBatch => Protocol::CloudEvents,
        }
    }
}

impl Protocol {
    /// The protocol with this number, if it is one that this version knows.
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Json,
            2 => Self::Ndjson,
            3 => Self::CloudEvents,
            4 => Self::Import,
            5 => Self::Server,
            _ => return None,
        })
    }

    /// The number that an envelope keeps.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// Returns the form that a `Content-Type` header names.
///
/// # Errors
/// `unsupported_media_type` for a missing or empty header, a media type that is not [`Media`], a charset other
/// than UTF-8, and a header that is not well formed.
pub fn parse_media(content_type: Option<&str>) -> Result<Media, Problem> {
    let header = content_type.unwrap_or("").trim();
    if header.is_empty() {
        return Err(unsupported("the Content-Type header is missing; send application/json".to_owned()));
    }
    let (essence, parameters) = header.split_once(';').unwrap_or((header, ""));
    let essence = essence.trim();
    let Some(media) = Media::ALL.into_iter().find(|media| media.as_str().eq_ignore_ascii_case(essence))
    else {
        let known = Media::ALL.map(Media::as_str).join(", ");
        return Err(unsupported(format!("media type {} is not one of {known}", excerpt(essence))));
    };
    for parameter in split_parameters(parameters) {
        let Some((name, value)) = parameter.split_once('=') else {
            return Err(unsupported(format!("Content-Type parameter {} has no value", excerpt(parameter))));
        };
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        if name.trim().eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8") {
            return Err(unsupported(format!("charset {} is not supported; send UTF-8", excerpt(value))));
        }
    }
    Ok(media)
}

/// Splits at `;` outside quoted strings; empty parameters are allowed (RFC 9110 section 5.6.6).
fn split_parameters(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(move |c| {
        let literal = std::mem::take(&mut escaped);
        match c {
            _ if literal => {}
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ => {}
        }
        c == ';' && !quoted
    });
    parts.map(str::trim).filter(|parameter| !parameter.is_empty())
}

fn unsupported(message: String) -> Problem {
    Problem::new(Code::UnsupportedMediaType, "", message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_the_four_media_types_and_only_utf_8() {
        for (header, media) in [
            ("application/json", Media::Json),
            ("Application/JSON; Charset=UTF-8", Media::Json),
            (" application/json ;charset=\"utf-8\";; x=\"a;b\\\";\"", Media::Json),
            ("application/x-ndjson", Media::Ndjson),
            ("application/cloudevents+json; charset=utf-8", Media::CloudEvent),
            ("application/cloudevents-batch+json", Media::CloudEventBatch),
        ] {
            assert_eq!(parse_media(Some(header)), Ok(media), "{header}");
        }
        for header in [
            "",
            " ",
            "text/plain",
            "application/xml",
            "application/jsonx",
            "application/json charset=utf-8",
            "application/json; charset=iso-8859-1",
            "application/json; charset=utf-8; charset=utf-16",
            "application/json; charset",
        ] {
            let problem = parse_media(Some(header)).unwrap_err();
            assert_eq!(problem.code, Code::UnsupportedMediaType, "{header}");
        }
        assert_eq!(parse_media(None).unwrap_err().code, Code::UnsupportedMediaType);
    }

    #[test]
    fn protocol_numbers_come_back() {
        for number in 0..=u8::MAX {
            assert!(Protocol::from_number(number).is_none_or(|protocol| protocol.number() == number));
        }
        assert_eq!(Protocol::from_number(4), Some(Protocol::Import));
    }

    proptest! {
        #[test]
        fn no_header_panics_and_what_is_taken_is_named(header in "\\PC*", odd in "(application/json|[;=\"\\\\ ]|charset|utf-8|é){0,12}") {
            for header in [header, odd] {
                match parse_media(Some(&header)) {
                    Ok(media) => prop_assert!(header.to_ascii_lowercase().contains(media.as_str())),
                    Err(problem) => prop_assert_eq!(problem.code, Code::UnsupportedMediaType),
                }
            }
        }
    }
}
