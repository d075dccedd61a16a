//! The fields of the index, and the form in which their values are kept and compared.
//!
//! Every value but an event's own id is compared without case. Long values keep their beginning and a hash of the
//! whole, so that equality stays exact and a megabyte of text can't become a megabyte of term.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use indelible_verify::UserId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Longest keyword, in bytes; longer ones are kept as `KEYWORD_HEAD` bytes and a hash.
pub(crate) const KEYWORD_MAX: usize = 256;
pub(crate) const KEYWORD_HEAD: usize = 192;

/// The same for values of parameters and changes, which are as often long as they are different.
pub(crate) const VALUE_MAX: usize = 128;
pub(crate) const VALUE_HEAD: usize = 95;

/// A field of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub(crate) enum Field {
    /// The event's id, byte for byte.
    Id,
    Action,
    ActionType,
    Object,
    ObjectCategory,
    Application,
    Component,
    Node,
    DataSource,
    /// Id, username and aliases of the actor.
    Actor,
    ActorTenant,
    /// Id, username, aliases and name of every target.
    Affected,
    AffectedTenant,
    /// Groups of the actor and of every target.
    Group,
    Role,
    /// Addresses of the client and of its chain, see [`ip_term`].
    Ip,
    /// The same with an IPv6 zone.
    IpZone,
    Host,
    Channel,
    Outcome,
    Reason,
    Severity,
    SessionId,
    RequestId,
    TraceId,
    /// E-mail, IP and MAC addresses, UUIDs and phone numbers found in text.
    Whole,
    /// Words of text, with positions.
    Word,
    /// Values of what has no field of its own: the path, [`PATH_END`], and the value as a keyword.
    Attribute,
    /// Which paths the event has, see [`crate::path`].
    Present,
    /// Names of changed fields.
    Changed,
    /// Users of the installation that the server recognised as actor or target, see [`person_term`].
    Person,
}

/// Ends the path in a term of [`Field::Attribute`].
pub(crate) const PATH_END: char = '\u{1f}';

impl Field {
    /// All fields, in the order of their numbers.
    pub(crate) const ALL: [Field; 31] = [
        Field::Id,
        Field::Action,
        Field::ActionType,
        Field::Object,
        Field::ObjectCategory,
        Field::Application,
        Field::Component,
        Field::Node,
        Field::DataSource,
        Field::Actor,
        Field::ActorTenant,
        Field::Affected,
        Field::AffectedTenant,
        Field::Group,
        Field::Role,
        Field::Ip,
        Field::IpZone,
        Field::Host,
        Field::Channel,
        Field::Outcome,
        Field::Reason,
        Field::Severity,
        Field::SessionId,
        Field::RequestId,
        Field::TraceId,
        Field::Whole,
        Field::Word,
        Field::Attribute,
        Field::Present,
        Field::Changed,
        Field::Person,
    ];

    /// The field's name in the index's schema.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Field::Id => "id",
            Field::Action => "action",
            Field::ActionType => "action_type",
            Field::Object => "object",
            Field::ObjectCategory => "object_category",
            Field::Application => "application",
            Field::Component => "component",
            Field::Node => "node",
            Field::DataSource => "data_source",
            Field::Actor => "actor",
            Field::ActorTenant => "actor_tenant",
            Field::Affected => "affected",
            Field::AffectedTenant => "affected_tenant",
            Field::Group => "group",
            Field::Role => "role",
            Field::Ip => "ip",
            Field::IpZone => "ip_zone",
            Field::Host => "host",
            Field::Channel => "channel",
            Field::Outcome => "outcome",
            Field::Reason => "reason",
            Field::Severity => "severity",
            Field::SessionId => "session_id",
            Field::RequestId => "request_id",
            Field::TraceId => "trace_id",
            Field::Whole => "whole",
            Field::Word => "word",
            Field::Attribute => "attribute",
            Field::Present => "present",
            Field::Changed => "changed",
            Field::Person => "person",
        }
    }
}

/// The value without case: NFC, then full case folding by way of upper case, so that `STRASSE` equals `straße`.
pub(crate) fn fold_case(value: &str) -> Cow<'_, str> {
    if value.is_ascii() {
        return if value.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(value.to_ascii_lowercase())
        } else {
            Cow::Borrowed(value)
        };
    }
    let normal: Cow<'_, str> =
        if is_nfc(value) { Cow::Borrowed(value) } else { Cow::Owned(value.nfc().collect()) };
    Cow::Owned(normal.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect())
}

/// A value as the index has it in a field that is compared without case: folded, and shortened if it is long.
pub fn fold_keyword(value: &str) -> Cow<'_, str> {
    keyword(value)
}

/// The term under which a value is indexed and looked up in a field that is compared without case.
pub(crate) fn keyword(value: &str) -> Cow<'_, str> {
    match fold_case(value) {
        Cow::Borrowed(folded) => shorten(folded, KEYWORD_MAX, KEYWORD_HEAD),
        Cow::Owned(folded) => Cow::Owned(shorten(&folded, KEYWORD_MAX, KEYWORD_HEAD).into_owned()),
    }
}

/// Keeps a term of at most `max` bytes as it is, and of a longer one the first `head` bytes and 128 bits of its hash.
pub(crate) fn shorten(term: &str, max: usize, head: usize) -> Cow<'_, str> {
    if term.len() <= max {
        return Cow::Borrowed(term);
    }
    let cut = (0..=head).rev().find(|&at| term.is_char_boundary(at)).unwrap_or(0);
    let digest = Sha256::digest(term.as_bytes());
    let mut short = String::with_capacity(cut + 33);
    short.push_str(&term[..cut]);
    short.push('\0');
    for byte in &digest[..16] {
        let _ = write!(short, "{byte:02x}");
    }
    Cow::Owned(short)
}

/// What is readable of a term, and whether that is all of it: the reverse of [`shorten`], as far as there is one.
pub(crate) fn uncut(term: &str) -> (&str, bool) {
    const HASH: usize = 32;
    if let Some(at) = term.len().checked_sub(HASH + 1)
        && term.as_bytes()[at] == 0
        && term.as_bytes()[at + 1..].iter().all(|b| b.is_ascii_hexdigit())
    {
        return (&term[..at], false);
    }
    (term, true)
}

/// The address as IPv4 where it is one, mapped into IPv6 or not.
pub(crate) fn canonical_ip(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

/// The term of an address: its family and its bytes in hex, so that a network is a range of terms.
pub(crate) fn ip_term(ip: IpAddr) -> String {
    match canonical_ip(ip) {
        IpAddr::V4(v4) => format!("4{:08x}", u32::from(v4)),
        IpAddr::V6(v6) => format!("6{:032x}", u128::from(v6)),
    }
}

/// The term of an address with a zone.
pub(crate) fn ip_zone_term(ip: IpAddr, zone: &str) -> String {
    format!("{}%{}", ip_term(ip), keyword(zone))
}

/// Reads an address as it stands in a client chain: bare, in brackets, with a zone, with a port.
pub(crate) fn read_address(text: &str) -> Option<(IpAddr, Option<&str>)> {
    let text = text.trim();
    let bare = match text.strip_prefix('[') {
        Some(rest) => {
            let (inside, port) = rest.split_once(']')?;
            if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
                return None;
            }
            inside
        }
        None => match text.rsplit_once(':') {
            Some((v4, port)) if is_port(port) && v4.parse::<Ipv4Addr>().is_ok() => v4,
            _ => text,
        },
    };
    match bare.split_once('%') {
        Some((v6, zone)) if !zone.is_empty() => Some((IpAddr::V6(v6.parse::<Ipv6Addr>().ok()?), Some(zone))),
        Some(_) => None,
        None => Some((bare.parse().ok()?, None)),
    }
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// The term of a user: the UUID in its usual form.
pub(crate) fn person_term(user: UserId) -> String {
    user.to_string()
}

/// A stable 64-bit hash of parts, for distinct counts: an adversary can't make two users collide at will.
pub(crate) fn hash64(domain: &str, parts: &[&str]) -> u64 {
    let mut sha = Sha256::new();
    for part in std::iter::once(&domain).chain(parts) {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part.as_bytes());
    }
    let digest = sha.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_those_of_the_list() {
        for (at, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field as usize, at, "{field:?}");
        }
        let mut names: Vec<_> = Field::ALL.iter().map(|f| f.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Field::ALL.len());
    }

    #[test]
    fn folds_case_in_every_script() {
        for (a, b) in [
            ("Admin1", "aDMIN1"),
            ("STRASSE", "straße"),
            ("ΟΔΥΣΣΕΎΣ", "οδυσσεύς"),
            ("É", "e\u{301}"),
            ("ДОМ", "дом"),
            ("", ""),
        ] {
            assert_eq!(fold_case(a), fold_case(b), "{a} {b}");
        }
        assert_ne!(fold_case("e"), fold_case("é"), "keywords keep accents");
    }

    #[test]
    fn long_values_stay_exact_and_bounded() {
        let (a, b) = ("é".repeat(4000), "é".repeat(4001));
        assert_ne!(keyword(&a), keyword(&b));
        assert_eq!(keyword(&a), keyword(&a.to_uppercase()));
        assert!(keyword(&a).len() <= KEYWORD_MAX, "{}", keyword(&a).len());
        let short = "x".repeat(KEYWORD_MAX);
        assert_eq!(keyword(&short), short);
        assert_eq!(shorten("aaaa", 3, 2), format!("aa\0{}", hex_of_sha("aaaa")));
    }

    fn hex_of_sha(text: &str) -> String {
        Sha256::digest(text.as_bytes())[..16].iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn reads_addresses_as_chains_have_them() {
        for (text, term, zone) in [
            ("10.0.0.1", "40a000001", None),
            (" 10.0.0.1:443", "40a000001", None),
            ("::ffff:10.0.0.1", "40a000001", None),
            ("0:0:0:0:0:FFFF:0a00:0001", "40a000001", None),
            ("[2001:db8::1]:8080", "620010db8000000000000000000000001", None),
            ("fe80::1%eth0", "6fe800000000000000000000000000001", Some("eth0")),
        ] {
            let (ip, found) = read_address(text).unwrap();
            assert_eq!((ip_term(ip).as_str(), found), (term, zone), "{text}");
        }
        for text in
            ["", "-", "unknown", "10.0.0", "10.0.0.1:99999", "10.0.0.1%eth0", "[::1", "[::1]x", "fe80::1%"]
        {
            assert_eq!(read_address(text), None, "{text}");
        }
    }
}
