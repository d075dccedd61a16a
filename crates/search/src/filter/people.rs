//! The people whom a filter names, for whoever records what was asked.

use std::collections::BTreeSet;

use indelible_event::Timestamp;
use jiff::tz::TimeZone;

use crate::field::{Field, PATH_END};
use crate::filter::{AnyName, Context, parse};
use crate::path::Path;
use crate::predicate::Predicate;
use crate::query::Expr;

/// Paths whose values identify somebody.
const OF_PEOPLE: [Path; 14] = [
    Path::ActorId,
    Path::ActorUsername,
    Path::ActorAliases,
    Path::ActorFirstName,
    Path::ActorLastName,
    Path::BehalfId,
    Path::BehalfUsername,
    Path::BehalfAliases,
    Path::BehalfFirstName,
    Path::BehalfLastName,
    Path::TargetsId,
    Path::TargetsUsername,
    Path::TargetsAliases,
    Path::TargetsName,
];

/// The values that the text of a filter compares people with, and the e-mail addresses in the rest of it, in order and
/// folded as the index has them. None of a text that is no filter.
pub fn people_named(filter: &str) -> BTreeSet<String> {
    let context = Context { now: Timestamp::from_micros(0), zone: &TimeZone::UTC, catalogue: &AnyName };
    let mut named = BTreeSet::new();
    if let Ok(expression) = parse(filter, &context) {
        collect(&expression, &mut named);
    }
    named
}

fn collect(expression: &Expr, named: &mut BTreeSet<String>) {
    match expression {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| collect(part, named)),
        Expr::Not(part) => collect(part, named),
        Expr::Term(field, text) => named.extend(value_of(*field, text).map(str::to_owned)),
        Expr::Matching(field, prefix, predicate) => {
            let Some(prefix) = value_of(*field, prefix) else { return };
            match predicate {
                Predicate::Any => named.extend((!prefix.is_empty()).then(|| prefix.to_owned())),
                Predicate::Contains(part) | Predicate::EndsWith(part) => {
                    named.insert(format!("{prefix}{part}"));
                }
                // An order names nobody.
                Predicate::Text(..) | Predicate::Number(..) => {}
            }
        }
        _ => {}
    }
}

/// What a term says of a person, if it is about one.
fn value_of(field: Field, term: &str) -> Option<&str> {
    match field {
        Field::Actor | Field::Affected => Some(term),
        Field::Whole => term.contains('@').then_some(term),
        Field::Attribute => {
            let (path, value) = term.split_once(PATH_END)?;
            OF_PEOPLE.iter().any(|known| known.name() == path).then_some(value)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_whom_a_filter_compares_people_with() {
        for (filter, expected) in [
            (r#"user eq "Ada@X.org""#, &["ada@x.org"][..]),
            (r#"actor in ("bob", "cy") and not (affected eq "1041")"#, &["1041", "bob", "cy"]),
            (r#"actor.username sw "ad" or targets.name co "love""#, &["ad", "love"]),
            (r#"on_behalf_of.id ew "41" and actor pr"#, &["41"]),
            (r#"actor.last_name eq "Lovelace" and actor.groups eq "Support""#, &["lovelace"]),
            (r#"action eq "ada" and reason eq "bob" and parameters.user eq "cy""#, &[]),
            (r#"actor gt "m""#, &[]),
            (r#"whole eq "ada@x.org" and whole eq "10.0.0.1""#, &["ada@x.org"]),
            (r#"actor eq"#, &[]),
            ("", &[]),
        ] {
            assert_eq!(people_named(filter).into_iter().collect::<Vec<_>>(), expected, "{filter}");
        }
    }
}
