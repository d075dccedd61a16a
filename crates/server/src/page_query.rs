//! Queries of the page's address, as views and short links keep them: the filters of `GET /v1/events`, and what the page
//! itself keeps there (`web/src/lib/url.ts`).
//!
//! What neither of them knows is refused by its name: a view whose misspelt filter is passed over would show more than
//! its owner meant. A range is not judged here but when somebody asks, with whoever's limits they have then.

use indelible_access::ScopedReader;
use indelible_event::{Code, Timestamp};
use indelible_search::{KNOWN_PARAMETERS, nearest_parameter};

use crate::{error::ApiError, extract::query_pairs, routes::input::deceives};

/// What a query is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeptFor {
    /// A view, which shows what is there when it is opened.
    View,
    /// A link to exactly what somebody sees, the place in the list included.
    Link,
}

/// Bytes of a query: more than any list of filters that people read.
const QUERY_BYTES_MAX: usize = 16 << 10;
/// What the page keeps in its address beside filters.
const OF_PAGE: [&str; 7] = ["tz", "limit", "view", "columns", "live", "open", "in"];
/// Where in the list the page is.
const OF_PLACE: [&str; 4] = ["after", "before", "page", "at"];
/// Filters that are moments, in the page's own words too.
const MOMENTS: [&str; 4] = ["since", "until", "received_since", "received_until"];
/// The page's words for moments.
const NAMED_MOMENTS: [&str; 4] = ["today", "week", "month", "now"];
/// Its word for a range without a beginning.
const EVER: &str = "ever";

/// A query as it is kept, and its parameters.
#[derive(Clone, Debug)]
pub(crate) struct PageQuery {
    pub(crate) text: String,
    pub(crate) pairs: Vec<(String, String)>,
}

impl PageQuery {
    /// Reads a query that was kept, and so was checked then.
    pub(crate) fn kept(text: &str) -> Self {
        Self { text: text.to_owned(), pairs: form_urlencoded::parse(text.as_bytes()).into_owned().collect() }
    }

    /// Checks a query that is to be kept; `field` names it in errors.
    ///
    /// # Errors
    /// `invalid_string` for what is no query or too long, `unknown_parameter` for what nobody knows, `invalid_filter` for
    /// values that can't be understood.
    pub(crate) fn check(
        field: &str,
        text: &str,
        kept_for: KeptFor,
        reader: &ScopedReader,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let text = text.strip_prefix('?').unwrap_or(text).trim();
        let query = Self::kept(text);
        let is_read = query_pairs(text).is_some();
        if text.len() > QUERY_BYTES_MAX || deceives(text) || !is_read {
            let message = format!(
                "expected the query of an address: percent-encoded UTF-8 of at most {QUERY_BYTES_MAX} bytes"
            );
            return Err(ApiError::field(Code::InvalidString, field, message));
        }
        for (at, (name, _)) in query.pairs.iter().enumerate() {
            check_name(field, name, kept_for)?;
            let is_once = [&MOMENTS[..], &OF_PAGE, &OF_PLACE].concat().contains(&name.as_str());
            if is_once && query.pairs[..at].iter().any(|(other, _)| other == name) {
                let message = format!("{name} may be given once only");
                return Err(ApiError::field(Code::InvalidFilter, field, message));
            }
        }
        let filters = query.pairs.iter().filter_map(as_filter).collect::<Vec<_>>();
        reader.check(&filters, now)?;
        Ok(query)
    }
}

fn check_name(field: &str, name: &str, kept_for: KeptFor) -> Result<(), ApiError> {
    let of_place = if kept_for == KeptFor::Link { &OF_PLACE[..] } else { &[] };
    let known: Vec<&str> = [&KNOWN_PARAMETERS[..], &OF_PAGE, of_place].concat();
    if known.contains(&name) {
        return Ok(());
    }
    let shown: String = name.chars().take(40).flat_map(char::escape_default).collect();
    let message = match nearest_parameter(name, &known) {
        _ if OF_PLACE.contains(&name) => {
            format!("{shown} is a place in a list, which a view has none of; leave it out")
        }
        Some(nearest) => format!("unknown parameter {shown}; did you mean {nearest}?"),
        None => format!("unknown parameter {shown}"),
    };
    Err(ApiError::field(Code::UnknownParameter, field, message))
}

/// A parameter as the filters are read by; `None` for one that is the page's alone.
fn as_filter((name, value): &(String, String)) -> Option<(String, String)> {
    let filter = |value: &str| Some((name.clone(), value.to_owned()));
    match name.as_str() {
        moment if MOMENTS.contains(&moment) => filter(value).filter(|_| !is_moment_of_page(name, value)),
        // Elsewhere "!" is part of the value; here the page puts "not" in front of the whole.
        "filter" => filter(value.strip_prefix('!').unwrap_or(value)),
        "tz" => filter(value),
        known if KNOWN_PARAMETERS.contains(&known) => filter(value),
        _ => None,
    }
}

/// Whether the page reads this as a moment: `today`, `-1mo2d`, or `ever` for no beginning.
fn is_moment_of_page(name: &str, value: &str) -> bool {
    let is_span = || {
        let Some(mut rest) = value.strip_prefix('-').filter(|rest| !rest.is_empty()) else { return false };
        for unit in ["y", "mo", "w", "d", "h", "m", "s"] {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if (1..=6).contains(&digits)
                && let Some(after) = rest[digits..].strip_prefix(unit)
            {
                rest = after;
            }
        }
        rest.is_empty()
    };
    NAMED_MOMENTS.contains(&value) || name == "since" && value == EVER || is_span()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_own_moments_are_told_from_those_of_filters() {
        for (value, is) in [
            ("-24h", true),
            ("-1y2mo3w4d5h6m7s", true),
            ("-1mo", true),
            ("-15m", true),
            ("today", true),
            ("now", true),
            ("ever", true),
            ("-", false),
            ("24h", false),
            ("-24", false),
            ("-h", false),
            ("-24h1d", false),
            ("-1234567d", false),
            ("-P1D", false),
            ("Today", false),
            ("2026-11-20T09:00:00Z", false),
            ("", false),
        ] {
            assert_eq!(is_moment_of_page("since", value), is, "{value}");
        }
        assert!(!is_moment_of_page("until", "ever"));
    }

    #[test]
    fn only_a_link_has_a_place_in_a_list_and_nobody_has_what_is_unknown() {
        for (name, view, link) in [
            ("action_type", true, true),
            ("tz", true, true),
            ("columns", true, true),
            ("open", true, true),
            ("after", false, true),
            ("at", false, true),
            ("as_of", false, false),
            ("total", false, false),
            ("colour", false, false),
            ("actoin_type", false, false),
            ("", false, false),
        ] {
            let is = |kept_for| check_name("/query", name, kept_for).is_ok();
            assert_eq!((is(KeptFor::View), is(KeptFor::Link)), (view, link), "{name}");
        }
        let error = check_name("/query", "actoin_type", KeptFor::View).unwrap_err();
        assert!(error.detail.ends_with("did you mean action_type?"), "{}", error.detail);
    }
}
