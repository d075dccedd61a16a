//! What every record must be before it is taken, whatever reads it.

use indelible_event::{Code, Limits, Problem};

/// Checks that `json` is one object within the limits that a ledger may keep: the rules of [`indelible_event::parse`]
/// without its fields.
pub(crate) fn object(json: &str, limits: &Limits) -> Result<(), Vec<Problem>> {
    if json.len() > limits.event_bytes_max {
        let message = format!("the record has {} bytes; the limit is {}", json.len(), limits.event_bytes_max);
        return Err(vec![Problem::new(Code::EventTooLarge, "", message)]);
    }
    indelible_event::parse_json(json, limits.depth_max).map_err(|problem| vec![problem])?;
    match json.trim_start_matches([' ', '\t', '\n', '\r']).as_bytes().first() {
        Some(b'{') => Ok(()),
        _ => Err(vec![Problem::new(Code::WrongType, "", "expected an object")]),
    }
}

/// Text that passed [`object`] and can't be read after all; no known text does.
pub(crate) fn unreadable() -> Problem {
    Problem::new(Code::MalformedJson, "", "the record can't be read")
}

/// Escapes one reference token of a JSON pointer (RFC 6901) and appends it.
pub(crate) fn push_pointer(pointer: &mut String, token: &str) {
    pointer.push('/');
    for c in token.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}
