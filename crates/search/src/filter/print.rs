//! An expression as the text of a filter, for people who want to see what runs.
//!
//! Invariant: what a filter compiled to, printed and compiled again, is the same expression. Numbers of tenants have no
//! form in the language; they are printed in its style, for [`name_tenants`] to put names in their place.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use indelible_event::Timestamp;
use serde_json::{Value, json};

use crate::decimal::Decimal;
use crate::field::{Field, PATH_END};
use crate::filter::attribute::{Attribute, Kind};
use crate::marks::Mark;
use crate::path::{CHANGES, PARAMETER_NAMES, PARAMETERS, PROFILE, Path};
use crate::predicate::{Comparison, Predicate};
use crate::query::{Expr, TimeRange};

/// Tenants that are listed; of more, the number is told.
const TENANTS_SHOWN: usize = 20;
/// What stands before the numbers of tenants. No path of the language is followed by a list, and all text of a caller's
/// stands in quotes, so nothing else outside of quotes has it.
const TENANT_NUMBERS: &str = "tenant.number in (";

/// Puts `tenant in ("name", ...)` in the place of every list of tenant numbers in an explanation, and `?` where there is
/// no name.
pub fn name_tenants(explanation: &mut Value, name: &dyn Fn(u64) -> Option<String>) {
    match explanation {
        Value::String(text) if text.contains(TENANT_NUMBERS) => *text = with_names(text, name),
        Value::Array(items) => items.iter_mut().for_each(|item| name_tenants(item, name)),
        Value::Object(members) => members.values_mut().for_each(|member| name_tenants(member, name)),
        _ => {}
    }
}

fn with_names(text: &str, name: &dyn Fn(u64) -> Option<String>) -> String {
    let mut named = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', 't']) {
        named.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix(TENANT_NUMBERS) {
            let (numbers, after) = after.split_once(')').unwrap_or((after, ""));
            let shown = |number: &str| match number.parse() {
                Ok(number) => {
                    name(number).map_or_else(|| "?".to_owned(), |name| Value::from(name).to_string())
                }
                // How many more there are.
                Err(_) => number.to_owned(),
            };
            let names: Vec<String> = numbers.split(", ").map(shown).collect();
            let _ = write!(named, "tenant in ({})", names.join(", "));
            rest = after;
        } else {
            let end = if rest.starts_with('"') { string_end(rest) } else { 1 };
            named.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    named.push_str(rest);
    named
}

/// The byte after the string in quotes that the text begins with.
fn string_end(text: &str) -> usize {
    let mut escaped = true;
    let closing = text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    closing.map_or(text.len(), |at| at + 1)
}

/// The expression as text.
pub(crate) fn text_of(expr: &Expr) -> String {
    let mut text = String::new();
    write(expr, Around::Nothing, &mut text);
    text
}

/// The expression as a tree: `{"and": [...]}`, `{"or": [...]}`, `{"not": ...}`, and conditions as text.
pub(crate) fn json_of(expr: &Expr) -> Value {
    match expr {
        Expr::And(parts) => json!({ "and": parts.iter().map(json_of).collect::<Vec<_>>() }),
        Expr::Or(parts) => json!({ "or": parts.iter().map(json_of).collect::<Vec<_>>() }),
        Expr::Not(part) => json!({ "not": json_of(part) }),
        leaf => Value::String(text_of(leaf)),
    }
}

/// What an expression stands in, which decides whether it needs parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Around {
    Nothing,
    Or,
    And,
    Not,
}

fn write(expr: &Expr, around: Around, to: &mut String) {
    match expr {
        Expr::And(parts) => list(parts, " and ", Around::And, around, to),
        Expr::Or(parts) => list(parts, " or ", Around::Or, around, to),
        Expr::Not(part) => {
            to.push_str("not ");
            write(part, Around::Not, to);
        }
        Expr::Time(range) => times("time", *range, around, to),
        Expr::Received(range) => times("received_at", *range, around, to),
        leaf => condition(leaf, to),
    }
}

fn list(parts: &[Expr], between: &str, own: Around, around: Around, to: &mut String) {
    let nested = around >= own && around != Around::Nothing;
    if nested {
        to.push('(');
    }
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            to.push_str(between);
        }
        write(part, own, to);
    }
    if nested {
        to.push(')');
    }
}

/// Times in a range, as one or two conditions.
fn times(name: &str, range: TimeRange, around: Around, to: &mut String) {
    let at = |us: i64| Timestamp::from_micros(us).to_rfc3339();
    match (range.since, range.until) {
        (i64::MIN, until) => {
            let _ = write!(to, "{name} lt \"{}\"", at(until));
        }
        (since, i64::MAX) => {
            let _ = write!(to, "{name} ge \"{}\"", at(since));
        }
        (since, until) => {
            let nested = around == Around::Not;
            to.push_str(if nested { "(" } else { "" });
            let _ = write!(to, "{name} ge \"{}\" and {name} lt \"{}\"", at(since), at(until));
            to.push_str(if nested { ")" } else { "" });
        }
    }
}

fn condition(leaf: &Expr, to: &mut String) {
    match leaf {
        // Every event has an id.
        Expr::All => to.push_str("id pr"),
        Expr::None => to.push_str("not id pr"),
        Expr::Term(field, term) => term_is(*field, term, to),
        Expr::Range(field, first, last) => network(*field, first, last, to),
        Expr::Prefix(word) => put(to, "word", "sw", word),
        Expr::Phrase(words) => put(to, "phrase", "eq", &words.join(" ")),
        Expr::PhrasePrefix(words, last) => put(to, "phrase", "sw", &format!("{} {last}", words.join(" "))),
        Expr::Matching(field, prefix, predicate) => matching(*field, prefix, predicate, to),
        Expr::Marked(mark) => {
            let _ = write!(to, "{} eq true", mark_name(*mark));
        }
        Expr::Tenants(set) => {
            let numbers = set.as_slice();
            let shown: Vec<String> = numbers.iter().take(TENANTS_SHOWN).map(u64::to_string).collect();
            let _ = write!(to, "{TENANT_NUMBERS}{}", shown.join(", "));
            if numbers.len() > TENANTS_SHOWN {
                let _ = write!(to, ", ... {} more", numbers.len() - TENANTS_SHOWN);
            }
            to.push(')');
        }
        Expr::TenantNamed(name) => put(to, "tenant", "eq", name),
        Expr::TenantText(Field::ActorTenant, name) => put(to, "actor.tenant.below", "eq", name),
        Expr::TenantText(_, name) => put(to, "targets.tenant.below", "eq", name),
        Expr::And(_) | Expr::Or(_) | Expr::Not(_) | Expr::Time(_) | Expr::Received(_) => {
            write(leaf, Around::Not, to);
        }
    }
}

fn mark_name(mark: Mark) -> &'static str {
    match mark {
        Mark::Hidden => "hidden",
        Mark::Erased => "erased",
        Mark::Held => "held",
        Mark::Anomalous => "anomalous",
    }
}

/// `name operator "value"`, the value as JSON writes it.
fn put(to: &mut String, name: &str, operator: &str, value: &str) {
    let _ = write!(to, "{name} {operator} {}", Value::from(value));
}

/// The attribute whose terms a field has.
fn field_name(field: Field) -> &'static str {
    match field {
        Field::Application => "source.application",
        Field::Component => "source.component",
        Field::Node => "source.node",
        Field::DataSource => "source.data_source",
        Field::ActorTenant => "actor.tenant",
        Field::AffectedTenant => "targets.tenant",
        Field::Host => "client.host",
        Field::Channel => "client.channel",
        Field::Outcome => "outcome.result",
        Field::Reason => "outcome.reason",
        // `object` means all names of the catalogue's.
        Field::Object => "targets.type",
        Field::Changed => "changes.field",
        Field::IpZone => "ip",
        other => other.name(),
    }
}

/// Path and value of a term of an attribute, the path as it is written.
fn parted(term: &str) -> (Cow<'_, str>, &str) {
    let (path, value) = term.split_once(PATH_END).unwrap_or((term, ""));
    let fixed = Attribute::of(path).is_some() || !(path.starts_with(PARAMETERS) || path.starts_with(CHANGES));
    (if fixed { Cow::Borrowed(path) } else { Cow::Owned(written(path)) }, value)
}

/// A path with names of the sender's: what is no plain name stands in quotes.
fn written(path: &str) -> String {
    let plain =
        |step: &str| !step.is_empty() && step.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    let steps =
        path.split('.').map(|step| if plain(step) { step.to_owned() } else { Value::from(step).to_string() });
    steps.collect::<Vec<_>>().join(".")
}

fn term_is(field: Field, term: &str, to: &mut String) {
    match field {
        Field::Ip | Field::IpZone => {
            put(to, "ip", "eq", &address_of(term).unwrap_or_else(|| term.to_owned()))
        }
        Field::Attribute => {
            let (path, value) = parted(term);
            match Attribute::of(&path).map(|attribute| attribute.kind) {
                Some(Kind::Number(_)) => {
                    let _ = write!(to, "{path} eq {value}");
                }
                Some(Kind::Instant(_)) => put(to, &path, "eq", &time_of(value)),
                Some(Kind::Address(_)) => {
                    put(to, &path, "eq", &address_of(value).unwrap_or_else(|| value.to_owned()))
                }
                _ => put(to, &path, "eq", value),
            }
        }
        field => put(to, field_name(field), "eq", term),
    }
}

fn time_of(micros: &str) -> String {
    micros.parse().map_or_else(|_| micros.to_owned(), |us| Timestamp::from_micros(us).to_rfc3339())
}

fn matching(field: Field, prefix: &str, predicate: &Predicate, to: &mut String) {
    if field == Field::Present {
        return present(prefix, predicate, to);
    }
    let (name, begins) = match field {
        Field::Attribute => parted(prefix),
        field => (Cow::Borrowed(field_name(field)), prefix),
    };
    match predicate {
        Predicate::Any if begins.is_empty() => {
            let _ = write!(to, "{name} pr");
        }
        Predicate::Any => put(to, &name, "sw", begins),
        Predicate::Contains(part) => put(to, &name, "co", part),
        Predicate::EndsWith(end) => put(to, &name, "ew", end),
        Predicate::Text(comparison, bound) => put(to, &name, operator(*comparison), bound),
        Predicate::Number(comparison, bound) => {
            number(&name, operator(*comparison), bound, to);
        }
    }
}

fn number(name: &str, operator: &str, bound: &Decimal, to: &mut String) {
    let text = bound.to_string();
    match Attribute::of(name).map(|attribute| attribute.kind) {
        Some(Kind::Instant(_)) => put(to, name, operator, &time_of(&text)),
        _ => {
            let _ = write!(to, "{name} {operator} {text}");
        }
    }
}

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Less => "lt",
        Comparison::AtMost => "le",
        Comparison::Greater => "gt",
        Comparison::AtLeast => "ge",
    }
}

fn present(prefix: &str, predicate: &Predicate, to: &mut String) {
    let part = match predicate {
        Predicate::Contains(part) => part.as_str(),
        _ => "",
    };
    match prefix {
        PROFILE => {
            let path = part.chars().next().and_then(Path::of_letter);
            let _ = write!(to, "{} pr", path.map_or("id", Path::name));
        }
        PARAMETER_NAMES => {
            let name = part.trim_matches(PATH_END);
            let _ = write!(to, "{} pr", written(&format!("{PARAMETERS}{name}")));
        }
        _ => to.push_str("id pr"),
    }
}

/// A range of addresses is one network.
fn network(field: Field, first: &str, last: &str, to: &mut String) {
    let (name, low, high) = match field {
        Field::Attribute => {
            let (name, low) = parted(first);
            (name, low, parted(last).1)
        }
        field => (Cow::Borrowed(field_name(field)), first, last),
    };
    match network_of(low, high) {
        Some(network) => put(to, &name, "cidr", &network),
        // No query has such a range.
        None => put(to, &name, "cidr", &format!("{low}-{high}")),
    }
}

fn network_of(low: &str, high: &str) -> Option<String> {
    let (family, low) = low.split_at_checked(1)?;
    let (other, high) = high.split_at_checked(1)?;
    let (first, last) = (u128::from_str_radix(low, 16).ok()?, u128::from_str_radix(high, 16).ok()?);
    let differing = 128 - (first ^ last).leading_zeros();
    let is_network =
        family == other && (first ^ last).count_ones() == differing && first & (first ^ last) == 0;
    if !is_network {
        return None;
    }
    match family {
        "4" => Some(format!("{}/{}", Ipv4Addr::from(u32::try_from(first).ok()?), 32 - differing)),
        _ => Some(format!("{}/{}", Ipv6Addr::from(first), 128 - differing)),
    }
}

/// The address of a term, with its zone.
fn address_of(term: &str) -> Option<String> {
    let (digits, zone) = term.split_once('%').map_or((term, None), |(digits, zone)| (digits, Some(zone)));
    let (family, digits) = digits.split_at_checked(1)?;
    let ip = match family {
        "4" => IpAddr::from(u32::from_str_radix(digits, 16).ok()?.to_be_bytes()),
        "6" => IpAddr::from(u128::from_str_radix(digits, 16).ok()?.to_be_bytes()),
        _ => return None,
    };
    Some(match zone {
        Some(zone) => format!("{ip}%{zone}"),
        None => ip.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::TenantSet;

    #[test]
    fn tenants_are_named_but_not_within_text_that_a_caller_gave() {
        let tenants = |numbers: std::ops::Range<u64>| Expr::Tenants(TenantSet::new(numbers));
        let text = |text: &str| Expr::Term(Field::Action, text.to_owned());
        let name = |number: u64| (number != 3).then(|| format!("n \"{number}"));
        for (expr, expected) in [
            (tenants(1..2), r#"tenant in ("n \"1")"#.to_owned()),
            (tenants(2..4), r#"tenant in ("n \"2", ?)"#.to_owned()),
            (text("\\\"tenant.number in (1)"), text_of(&text("\\\"tenant.number in (1)"))),
            (
                Expr::And(vec![tenants(7..8), text("it\\"), Expr::Not(Box::new(tenants(8..9)))]),
                r#"tenant in ("n \"7") and action eq "it\\" and not tenant in ("n \"8")"#.to_owned(),
            ),
        ] {
            let mut shown = json!({ "and": [text_of(&expr)] });
            name_tenants(&mut shown, &name);
            assert_eq!(shown["and"][0], expected);
        }
        let mut many = Value::from(text_of(&tenants(10..50)));
        name_tenants(&mut many, &|_| Some("n".to_owned()));
        let shown = many.as_str().unwrap();
        assert_eq!(shown.matches("\"n\"").count(), 20, "{shown}");
        assert!(shown.ends_with("\"n\", ... 20 more)"), "{shown}");
    }
}
