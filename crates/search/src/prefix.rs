//! Beginnings of addresses and ids, as `prefix*` asks for them: `10.0.*`, `2001:db8:*`, `c333d58a-7b*`, `00:1a:2b*`.
//!
//! Words have no place for these; the tokens and fields that have them are looked up by their beginning. Part of the
//! text form of `q`, see [`crate::text`].

use ipnet::Ipv4Subnets;

use crate::field::{Field, ip_term};
use crate::predicate::Predicate;
use crate::query::Expr;
use crate::text::{ID_FIELDS, ids_beginning};
use crate::wholes::UUID_LEN;

/// Shortest beginning of an id; shorter ones are words that too many ids begin with.
const ID_CHARS: usize = 8;

/// What else than words may begin with `text`.
pub(crate) fn beginnings(text: &str) -> Vec<Expr> {
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric() && c != ':').to_ascii_lowercase();
    let whole = |text: &str| Expr::Matching(Field::Whole, text.to_owned(), Predicate::Any);
    if is_uuid_beginning(&text) {
        return ids_beginning(&text).collect();
    }
    let digit = text.bytes().any(|b| b.is_ascii_digit());
    if text.len() >= ID_CHARS && digit && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        let begins = |field| Expr::Matching(field, text.clone(), Predicate::Any);
        return ID_FIELDS.into_iter().map(begins).collect();
    }
    if let Some(ranges) = v4(&text) {
        return std::iter::once(whole(&text)).chain(ranges).collect();
    }
    if let Some(mac) = mac(&text) {
        return vec![whole(&mac)];
    }
    match v6(&text) {
        Some(ranges) => std::iter::once(whole(&text)).chain(ranges).collect(),
        None => Vec::new(),
    }
}

fn is_uuid_beginning(text: &str) -> bool {
    (ID_CHARS..=UUID_LEN).contains(&text.len())
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// The addresses that begin with these octets; the last one may be cut short.
fn v4(text: &str) -> Option<Vec<Expr>> {
    let (head, last) = text.rsplit_once('.')?;
    let mut fixed = 0_u32;
    let mut left = 4_u32;
    for octet in head.split('.') {
        left = left.checked_sub(1)?;
        fixed = fixed << 8 | number(octet, 10).filter(|&octet| octet < 256)?;
    }
    if left == 0 {
        return None;
    }
    let spans = match last {
        "" => vec![(0, 255)],
        digits => spans(number(digits, 10)?, 10, 255),
    };
    let below = 8 * (left - 1);
    let part = |octet: u32| ((u64::from(fixed) << 8 | u64::from(octet)) << below) as u32;
    let networks = spans.into_iter().flat_map(|(low, high)| {
        Ipv4Subnets::new(part(low).into(), (part(high) | (((1_u64 << below) - 1) as u32)).into(), 0)
    });
    let found = networks.map(|net| match (ip_term(net.network().into()), ip_term(net.broadcast().into())) {
        (first, last) if first == last => Expr::Term(Field::Ip, first),
        (first, last) => Expr::Range(Field::Ip, first, last),
    });
    Some(found.collect())
}

/// The addresses that begin with these groups; the last one may be cut short. Groups left out by `::` are not counted
/// on: such a beginning is only looked for in text.
fn v6(text: &str) -> Option<Vec<Expr>> {
    let (head, last) = text.rsplit_once(':')?;
    if text.contains("::") {
        let hex = |group: &str| group.len() <= 4 && group.bytes().all(|b| b.is_ascii_hexdigit());
        return text.split(':').all(hex).then(Vec::new);
    }
    let mut fixed = 0_u128;
    let mut left = 8_u32;
    for group in head.split(':') {
        left = left.checked_sub(1)?;
        fixed = fixed << 16 | u128::from(number(group, 16).filter(|_| group.len() <= 4)?);
    }
    if left == 0 {
        return None;
    }
    let spans = match last {
        "" => vec![(0, 0xffff)],
        digits => spans(number(digits, 16).filter(|_| digits.len() <= 4)?, 16, 0xffff),
    };
    let below = 16 * (left - 1);
    let range = |(low, high): (u32, u32)| {
        let part = |group: u32| (fixed << 16 | u128::from(group)) << below;
        // Written out, since the terms of mapped addresses are those of IPv4.
        let term = |bits: u128| format!("6{bits:032x}");
        Expr::Range(Field::Ip, term(part(low)), term(part(high) | ((1 << below) - 1)))
    };
    Some(spans.into_iter().map(range).collect())
}

fn number(digits: &str, base: u32) -> Option<u32> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| char::from(b).is_digit(base));
    if plain { u32::from_str_radix(digits, base).ok() } else { None }
}

/// The numbers up to `max` whose digits begin with those of `number`, as spans.
fn spans(number: u32, base: u32, max: u32) -> Vec<(u32, u32)> {
    let mut spans = Vec::new();
    let (mut low, mut width) = (number, 1);
    while low <= max {
        spans.push((low, (low + width - 1).min(max)));
        if number == 0 {
            break;
        }
        low *= base;
        width *= base;
    }
    spans
}

/// A beginning of a MAC address of two pairs and more, in the form of its token.
fn mac(text: &str) -> Option<String> {
    let divider = match text.as_bytes().get(2)? {
        b'-' => '-',
        b':' => ':',
        _ => return None,
    };
    let groups: Vec<&str> = text.split(divider).collect();
    let (last, pairs) = groups.split_last()?;
    let hex = |group: &&str| group.bytes().all(|b| b.is_ascii_hexdigit());
    let fits = pairs.len() < 6 && pairs.iter().all(|pair| pair.len() == 2) && last.len() <= 2;
    (fits && groups.len() > 1 && groups.iter().all(hex)).then(|| groups.join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::print::text_of;

    #[test]
    fn beginnings_of_addresses_and_ids() {
        for (text, expected) in [
            ("10.0.", "whole sw \"10.0.\" or ip cidr \"10.0.0.0/16\""),
            (
                "10.0.0.7",
                "whole sw \"10.0.0.7\" or ip eq \"10.0.0.7\" or ip cidr \"10.0.0.70/31\" or ip cidr \"10.0.0.72/29\"",
            ),
            ("10.0", "whole sw \"10.0\" or ip cidr \"10.0.0.0/16\""),
            ("2001:db8:", "whole sw \"2001:db8:\" or ip cidr \"2001:db8::/32\""),
            ("fe80::", "whole sw \"fe80::\""),
            ("00:1A:2b", "whole sw \"00:1a:2b\""),
            ("00-1a-", "whole sw \"00:1a:\""),
            ("login", ""),
            ("256.1", ""),
            ("a1", ""),
        ] {
            let found = beginnings(text);
            let shown = if found.is_empty() { String::new() } else { text_of(&Expr::or(found)) };
            assert_eq!(shown, expected, "{text}");
        }
        assert_eq!(beginnings("c333d58a-7b").len(), 5);
        assert_eq!(beginnings("order2024x").len(), 4);
    }

    #[test]
    fn spans_cover_what_begins_so() {
        for number in 0..=300 {
            let covered: Vec<u32> =
                (0..=255).filter(|n| spans(number, 10, 255).iter().any(|(a, b)| a <= n && n <= b)).collect();
            let wanted: Vec<u32> =
                (0_u32..=255).filter(|n| n.to_string().starts_with(&number.to_string())).collect();
            assert_eq!(covered, wanted, "{number}");
        }
    }
}
