//! The one form of an expression: flat, without repeats, negations before conditions only.
//!
//! What is decided by that form alone falls out: contradicting times, repeated conditions, everything and nothing.
//! Invariant: the same events match before and after; an expression in this form stays as it is.

use std::collections::HashSet;

use crate::query::{Expr, TimeRange};

/// The first and the last instant that can be written, 0000-01-01 and 9999-12-31: no event is outside.
const FIRST: i64 = -62_167_219_200_000_000;
const LAST: i64 = 253_402_300_799_999_999;

/// Brings an expression into its one form.
pub(crate) fn normalise(expr: Expr) -> Expr {
    positive(expr, false)
}

/// The form of the expression, or of its opposite.
fn positive(expr: Expr, negated: bool) -> Expr {
    match expr {
        Expr::Not(part) => positive(*part, !negated),
        Expr::And(parts) | Expr::Or(parts) if parts.is_empty() => Expr::None,
        Expr::And(parts) => join(parts, negated, !negated),
        Expr::Or(parts) => join(parts, negated, negated),
        Expr::All if negated => Expr::None,
        Expr::None if negated => Expr::All,
        Expr::Time(range) => during(range, negated, Expr::Time),
        Expr::Received(range) => during(range, negated, Expr::Received),
        leaf if negated => Expr::Not(Box::new(leaf)),
        leaf => leaf,
    }
}

fn during(range: TimeRange, negated: bool, expr: fn(TimeRange) -> Expr) -> Expr {
    let bounded = |since: i64, until: i64| {
        let since = if since <= FIRST { i64::MIN } else { since };
        let until = if until > LAST { i64::MAX } else { until };
        match (since, until) {
            (i64::MIN, i64::MAX) => Expr::All,
            _ if since >= until || since > LAST || until <= FIRST => Expr::None,
            _ => expr(TimeRange { since, until }),
        }
    };
    match (bounded(range.since, range.until), negated) {
        (found, false) => found,
        (Expr::All, true) => Expr::None,
        (Expr::None, true) => Expr::All,
        (_, true) => {
            let before = bounded(i64::MIN, range.since);
            let after = bounded(range.until, i64::MAX);
            Expr::or(vec![before, after])
        }
    }
}

/// All (`conjunction`) or any of the parts.
fn join(parts: Vec<Expr>, negated: bool, conjunction: bool) -> Expr {
    let (neutral, absorbing) = if conjunction { (Expr::All, Expr::None) } else { (Expr::None, Expr::All) };
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match (positive(part, negated), conjunction) {
            (Expr::And(inner), true) | (Expr::Or(inner), false) => flat.extend(inner),
            (part, _) => flat.push(part),
        }
    }
    if conjunction {
        flat = within_one_time(flat);
    }
    let mut seen = HashSet::new();
    let mut kept = Vec::with_capacity(flat.len());
    for part in flat {
        if part == absorbing {
            return absorbing;
        }
        if part != neutral && seen.insert(part.clone()) {
            kept.push(part);
        }
    }
    match kept.len() {
        0 => neutral,
        1 => kept.remove(0),
        _ if conjunction => Expr::And(kept),
        _ => Expr::Or(kept),
    }
}

/// Several ranges of time that must all hold are one, which comes first.
fn within_one_time(parts: Vec<Expr>) -> Vec<Expr> {
    let (mut time, mut received) = (None, None);
    let mut others = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Expr::Time(range) => {
                time = Some(time.map_or(range, |before: TimeRange| before.intersection(range)))
            }
            Expr::Received(range) => {
                received = Some(received.map_or(range, |before: TimeRange| before.intersection(range)));
            }
            other => others.push(other),
        }
    }
    let time = time.map(|range| during(range, false, Expr::Time));
    let received = received.map(|range| during(range, false, Expr::Received));
    time.into_iter().chain(received).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Field;

    fn term(name: &str) -> Expr {
        Expr::Term(Field::Action, name.into())
    }

    fn not(expr: Expr) -> Expr {
        Expr::Not(Box::new(expr))
    }

    fn time(since: i64, until: i64) -> Expr {
        Expr::Time(TimeRange { since, until })
    }

    #[test]
    fn every_form_becomes_the_one() {
        let (a, b, c) = (|| term("a"), || term("b"), || term("c"));
        for (expr, expected) in [
            (Expr::And(vec![a(), Expr::And(vec![b(), c()])]), Expr::And(vec![a(), b(), c()])),
            (Expr::Or(vec![a(), Expr::Or(vec![b(), a()])]), Expr::Or(vec![a(), b()])),
            (not(not(a())), a()),
            (not(Expr::Or(vec![a(), not(b())])), Expr::And(vec![not(a()), b()])),
            (not(Expr::And(vec![a(), b()])), Expr::Or(vec![not(a()), not(b())])),
            (Expr::And(vec![a(), Expr::All]), a()),
            (Expr::And(vec![a(), Expr::None]), Expr::None),
            (Expr::Or(vec![a(), not(Expr::None)]), Expr::All),
            (Expr::And(vec![a(), time(5, i64::MAX), time(i64::MIN, 9)]), Expr::And(vec![time(5, 9), a()])),
            (Expr::And(vec![time(5, 9), time(9, 12)]), Expr::None),
            (not(time(5, 9)), Expr::Or(vec![time(i64::MIN, 5), time(9, i64::MAX)])),
            (not(time(5, i64::MAX)), time(i64::MIN, 5)),
            (not(time(FIRST - 9, 5)), time(5, i64::MAX)),
            (not(time(5, LAST + 9)), time(i64::MIN, 5)),
            (time(i64::MIN, i64::MAX), Expr::All),
            (time(i64::MIN, LAST + 1), Expr::All),
            (time(9, 5), Expr::None),
            (not(time(9, 5)), Expr::All),
            (Expr::Or(vec![time(1, 2), time(3, 4)]), Expr::Or(vec![time(1, 2), time(3, 4)])),
        ] {
            assert_eq!(normalise(expr.clone()), expected, "{expr:?}");
            assert_eq!(normalise(expected.clone()), expected);
        }
    }
}
