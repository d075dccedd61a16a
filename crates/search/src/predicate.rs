//! Conditions on the text of a term, tried on the terms of a dictionary: what a lookup alone can't answer.

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::field::uncut;

/// Which side of a bound is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Comparison {
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparison {
    fn holds<T: Ord + ?Sized>(self, value: &T, bound: &T) -> bool {
        match self {
            Comparison::Less => value < bound,
            Comparison::AtMost => value <= bound,
            Comparison::Greater => value > bound,
            Comparison::AtLeast => value >= bound,
        }
    }
}

/// A condition on a term, or on what follows the prefix of [`Expr::Matching`](crate::query::Expr::Matching) in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Predicate {
    /// Every term.
    Any,
    Contains(String),
    EndsWith(String),
    /// By Unicode code points, which is the order of the dictionary.
    Text(Comparison, String),
    /// Terms that are no number never hold.
    Number(Comparison, Decimal),
}

impl Predicate {
    /// Whether it holds for `text`, a term without the prefix.
    ///
    /// Of a value that was too long to be kept whole, `Contains` sees the beginning, and `EndsWith` nothing.
    pub(crate) fn holds(&self, text: &str) -> bool {
        match self {
            Predicate::Any => true,
            Predicate::Contains(part) => uncut(text).0.contains(part.as_str()),
            Predicate::EndsWith(end) => {
                let (kept, whole) = uncut(text);
                whole && kept.ends_with(end.as_str())
            }
            Predicate::Text(comparison, bound) => comparison.holds(text, bound.as_str()),
            Predicate::Number(comparison, bound) => {
                Decimal::parse(text).is_some_and(|number| comparison.holds(&number, bound))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::keyword;

    #[test]
    fn holds_for_what_it_says() {
        let number = |text: &str| Decimal::parse(text).unwrap();
        let long = keyword(&"abc ".repeat(100)).into_owned();
        for (predicate, text, expected) in [
            (Predicate::Any, "", true),
            (Predicate::Contains("gin".into()), "login failed", true),
            (Predicate::Contains("gin".into()), "logout", false),
            (Predicate::EndsWith("led".into()), "failed", true),
            (Predicate::EndsWith("failed ".into()), "failed", false),
            (Predicate::Contains("c abc".into()), &long, true),
            (Predicate::Contains("\0".into()), &long, false),
            (Predicate::EndsWith("abc ".into()), &long, false),
            (Predicate::EndsWith(long[long.len() - 3..].into()), &long, false),
            (Predicate::Text(Comparison::Less, "b".into()), "a", true),
            (Predicate::Text(Comparison::AtMost, "b".into()), "b", true),
            (Predicate::Text(Comparison::Greater, "b".into()), "b", false),
            (Predicate::Number(Comparison::Greater, number("9")), "10", true),
            (Predicate::Number(Comparison::AtLeast, number("1e1")), "10.0", true),
            (Predicate::Number(Comparison::Less, number("9")), "8.999999999999999999999", true),
            (Predicate::Number(Comparison::Less, number("9")), "ten", false),
        ] {
            assert_eq!(predicate.holds(text), expected, "{predicate:?} {text}");
        }
    }
}
