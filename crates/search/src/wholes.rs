//! What is one thing although it has punctuation in it: e-mail, IP and MAC addresses, UUIDs.
//!
//! Looked for in a run of text without blanks, and given back in the one form in which they are compared.

use std::net::IpAddr;
use std::ops::Range;

use crate::field::{canonical_ip, read_address, shorten};
use crate::fold::fold_text;
use crate::words::{WORD_HEAD, WORD_MAX};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Email,
    Uuid,
    Ip,
    Mac,
}

/// Characters of a UUID.
pub(crate) const UUID_LEN: usize = 36;

/// Calls `each` with the place and the token of every e-mail address in a run.
pub(crate) fn emails(run: &str, mut each: impl FnMut(Range<usize>, &str)) {
    for (at, _) in run.match_indices('@') {
        let local = run[..at].rsplit([':', '@']).next().unwrap_or("").trim_start_matches(['.', '-']);
        let domain = run[at + 1..].split([':', '@', '_', '%', '+']).next().unwrap_or("");
        let domain = domain.trim_end_matches(['.', '-']);
        if !local.is_empty() && domain.starts_with(char::is_alphanumeric) {
            let place = at - local.len()..at + 1 + domain.len();
            let piece = &run[place.clone()];
            if piece.is_ascii() && piece.len() <= WORD_MAX {
                each(place, &piece.to_ascii_lowercase());
            } else {
                each(place, &shorten(&fold_text(piece), WORD_MAX, WORD_HEAD));
            }
        }
    }
}

/// The IP or MAC address that the run is, but for labels before it (`ip:`), and a port or punctuation after it.
///
/// A run can be as long as an event, all of it labels: so it is gone through once, and without recursion.
pub(crate) fn address(run: &str) -> Option<(Range<usize>, Kind, String)> {
    let end = run.trim_end_matches(['.', '-', ':', '_']).len();
    let mut start = 0;
    loop {
        let rest = &run[start..];
        let found = ip(rest).map(|(len, ip)| (len, Kind::Ip, canonical_ip(ip).to_string()));
        let found =
            found.or_else(|| mac(&run[start..end.max(start)]).map(|(len, mac)| (len, Kind::Mac, mac)));
        if let Some((len, kind, token)) = found {
            return Some((start..start + len, kind, token));
        }
        let (label, _) = rest.split_once(':')?;
        if !label.bytes().any(|b| b.is_ascii_alphabetic() && !b.is_ascii_hexdigit()) {
            return None;
        }
        start += label.len() + 1;
    }
}

/// The address that the run begins with, with its length in bytes.
fn ip(run: &str) -> Option<(usize, IpAddr)> {
    // The longest has 45 characters, and may have brackets and a port.
    if run.len() > 64 {
        return None;
    }
    let stop = run.trim_end_matches(['.', '-', '_']);
    let colon = stop.strip_suffix(':').filter(|rest| !rest.ends_with(':'));
    let (piece, address) =
        [Some(stop), colon].into_iter().flatten().find_map(|piece| Some((piece, read_address(piece)?.0)))?;
    // A port is a word of its own.
    let end = match piece.rsplit_once(':') {
        Some((v4, _)) if address.is_ipv4() && !v4.contains(':') => v4.len(),
        _ => piece.len(),
    };
    Some((end, address))
}

/// Six pairs of hex digits divided by `:` or `-`, or three groups of four divided by `.`; with their length in bytes.
fn mac(run: &str) -> Option<(usize, String)> {
    let bytes = run.as_bytes();
    let (group, divider) = match bytes.len() {
        17 => (2, bytes[2]),
        14 => (4, bytes[4]),
        _ => return None,
    };
    let divided = match divider {
        b':' | b'-' => group == 2,
        b'.' => group == 4,
        _ => false,
    };
    let fits = |(at, b): (usize, &u8)| {
        if at % (group + 1) == group { *b == divider } else { b.is_ascii_hexdigit() }
    };
    (divided && bytes.iter().enumerate().all(fits)).then(|| {
        let digits = bytes.iter().filter(|b| b.is_ascii_hexdigit());
        let digits: String = digits.map(|b| char::from(b.to_ascii_lowercase())).collect();
        (bytes.len(), pairs(&digits))
    })
}

/// The digits two by two, with colons between them: the token of a MAC address.
pub(crate) fn pairs(digits: &str) -> String {
    let mut pairs = String::with_capacity(digits.len() * 3 / 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 2 == 0 {
            pairs.push(':');
        }
        pairs.push(digit);
    }
    pairs
}

/// The places of the UUIDs in a run.
pub(crate) fn uuids(run: &str) -> Vec<usize> {
    let bytes = run.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at + UUID_LEN <= bytes.len() {
        let alone = (at == 0 || !bytes[at - 1].is_ascii_alphanumeric())
            && bytes.get(at + UUID_LEN).is_none_or(|b| !b.is_ascii_alphanumeric());
        if alone && is_uuid(&bytes[at..at + UUID_LEN]) {
            found.push(at);
            at += UUID_LEN;
        } else {
            at += 1;
        }
    }
    found
}

/// Whether it is a UUID with its dashes, and nothing else.
pub(crate) fn is_uuid(text: &[u8]) -> bool {
    text.len() == UUID_LEN
        && text.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Whether the text has the form of a generated id: a UUID, or 16 and more letters and digits with a digit among them.
///
/// As the id of an event, session, request or trace such a text is found in its own field, and is no word beside it.
pub(crate) fn is_generated_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    let long = (16..=WORD_MAX).contains(&bytes.len())
        && bytes.iter().all(u8::is_ascii_alphanumeric)
        && bytes.iter().any(u8::is_ascii_digit);
    long || is_uuid(bytes)
}
