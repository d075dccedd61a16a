//! Small JSON bodies of requests that change settings, and the texts in them.

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use indelible_event::{Code, excerpt};
use serde::{Deserialize, Deserializer};

use crate::{app::App, body::receive, error::ApiError};

/// Largest body of a request that changes settings.
const SMALL_BODY_MAX: usize = 64 << 10;

/// Reads a small JSON body into `T`.
pub(crate) async fn read_json<T: for<'de> Deserialize<'de>>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, ApiError> {
    needs_json(headers)?;
    let body = receive(&app.small_budget, headers, body, SMALL_BODY_MAX).await?;
    parse(&body.bytes)
}

/// The same, and what `T` is by default where the request has no body.
pub(crate) async fn read_json_or_nothing<T: for<'de> Deserialize<'de> + Default>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, ApiError> {
    let body = receive(&app.small_budget, headers, body, SMALL_BODY_MAX).await?;
    if body.bytes.is_empty() {
        return Ok(T::default());
    }
    needs_json(headers)?;
    parse(&body.bytes)
}

fn needs_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if media.is_some_and(|media| media.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    Err(ApiError::new(Code::UnsupportedMediaType, "send application/json"))
}

fn parse<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, ApiError> {
    if bytes.is_empty() {
        return Err(ApiError::new(Code::EmptyBody, "the request has no body"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        ApiError::new(Code::InvalidUtf8, format!("byte {} is not UTF-8", error.valid_up_to()))
    })?;
    // Duplicate keys and the like are found by the same reader that events go through.
    indelible_event::parse_json(text, SMALL_BODY_DEPTH)?;
    serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let code = match error.classify() {
            serde_json::error::Category::Data if message.starts_with("missing field") => Code::MissingField,
            serde_json::error::Category::Data if message.starts_with("unknown field") => {
                Code::UnknownParameter
            }
            serde_json::error::Category::Data => Code::WrongType,
            _ => Code::MalformedJson,
        };
        // serde quotes the name of the field first.
        let named = matches!(code, Code::MissingField | Code::UnknownParameter);
        let field = message.split('`').nth(1).filter(|_| named);
        let field = field.map(|name| {
            format!("/{}", excerpt(&name.replace('~', "~0").replace('/', "~1")).trim_matches('"'))
        });
        let message: String = message.chars().take(200).flat_map(shown).collect();
        ApiError::field(code, &field.unwrap_or_default(), message)
    })
}

/// Levels of nesting in a body that changes settings.
const SMALL_BODY_DEPTH: usize = 8;

/// A character of a message that may hold a part of the input.
fn shown(c: char) -> Vec<char> {
    if c.is_ascii_graphic() || c == ' ' { vec![c] } else { c.escape_unicode().collect() }
}

/// Whether a name could deceive whoever reads it: control characters, and marks that turn the direction of text.
pub(crate) fn deceives(name: &str) -> bool {
    let turns = |c: char| matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    name.chars().any(|c| c.is_control() || turns(c))
}

/// Tells a field that is null from one that is absent.
pub(crate) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A text for people: not blank, at most `chars_max` characters, none that deceives. It is kept without the blanks
/// around it.
pub(crate) fn checked_text(field: &str, text: &str, chars_max: usize) -> Result<String, ApiError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > chars_max || deceives(text) {
        let message = format!("expected 1 to {chars_max} characters, none of them a control character");
        return Err(ApiError::field(Code::InvalidString, field, message));
    }
    Ok(text.to_owned())
}

/// The same for a field that may be removed.
pub(crate) fn checked_optional(
    field: &str,
    text: Option<Option<String>>,
    chars_max: usize,
) -> Result<Option<Option<String>>, ApiError> {
    text.map(|text| text.map(|text| checked_text(field, &text, chars_max)).transpose()).transpose()
}

/// Characters of a BCP 47 tag without extensions (RFC 5646, 4.4.1).
const LOCALE_LEN_MAX: usize = 35;

/// Whether this has the form of a BCP 47 tag: a language of 2 to 8 letters, then parts of 1 to 8 letters and digits, of
/// which the last is no single one, since that begins something. Whether the parts are registered is not asked.
pub(crate) fn is_locale(tag: &str) -> bool {
    let parts: Vec<_> = tag.split('-').collect();
    let [language, rest @ ..] = parts.as_slice() else { return false };
    tag.len() <= LOCALE_LEN_MAX
        && (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && rest.iter().all(|part| (1..=8).contains(&part.len()))
        && rest.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        && rest.last().is_none_or(|last| last.len() > 1)
}

/// A tag as [`is_locale`] has it.
pub(crate) fn checked_locale(field: &str, tag: String) -> Result<String, ApiError> {
    if is_locale(&tag) {
        return Ok(tag);
    }
    let message = "expected a BCP 47 tag of at most 35 characters, such as en or de-AT";
    Err(ApiError::field(Code::InvalidString, field, message))
}

/// An IANA zone's name.
pub(crate) fn checked_zone(field: &str, zone: &str) -> Result<String, ApiError> {
    let found = jiff::tz::TimeZone::get(zone).ok();
    let name = found.as_ref().and_then(|zone| zone.iana_name());
    name.map(str::to_owned).ok_or_else(|| {
        ApiError::field(Code::InvalidEnum, field, "expected an IANA zone, such as Europe/Berlin or UTC")
    })
}

#[cfg(test)]
mod tests {
    use super::is_locale;

    #[test]
    fn a_locale_has_the_form_of_a_tag() {
        let good = "en de-AT zh-Hant-TW es-419 sl-rozaj-biske de-u-co-phonebk en-x-own DE-at haw Language";
        for tag in good.split(' ') {
            assert!(is_locale(tag), "{tag}");
        }
        let long = format!("en-{}", "abcdefgh-".repeat(4).trim_end_matches('-'));
        let wrong =
            "e en_GB en- -en en--GB en-u en-abcdefghi abcdefghi e1 x-own en.UTF-8 \u{e4}\u{f6} en-\u{e4}";
        for tag in wrong.split(' ').chain(["", " en", "en GB", &long]) {
            assert!(!is_locale(tag), "{tag}");
        }
    }
}
