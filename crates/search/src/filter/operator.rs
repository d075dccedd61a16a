//! Operators and values of the filter language, and which attribute takes which.

use Operator as O;

use crate::decimal::Decimal;
use crate::filter::attribute::Kind;
use crate::predicate::Comparison;

/// What is between an attribute and a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    AtLeast,
    Less,
    AtMost,
    In,
    Cidr,
    Present,
}

impl Operator {
    pub(crate) const ALL: [Operator; 12] = [
        Operator::Equal,
        Operator::NotEqual,
        Operator::Contains,
        Operator::StartsWith,
        Operator::EndsWith,
        Operator::Greater,
        Operator::AtLeast,
        Operator::Less,
        Operator::AtMost,
        Operator::In,
        Operator::Cidr,
        Operator::Present,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Operator::Equal => "eq",
            Operator::NotEqual => "ne",
            Operator::Contains => "co",
            Operator::StartsWith => "sw",
            Operator::EndsWith => "ew",
            Operator::Greater => "gt",
            Operator::AtLeast => "ge",
            Operator::Less => "lt",
            Operator::AtMost => "le",
            Operator::In => "in",
            Operator::Cidr => "cidr",
            Operator::Present => "pr",
        }
    }

    pub(crate) fn of(name: &str) -> Option<Operator> {
        Operator::ALL.into_iter().find(|operator| operator.name().eq_ignore_ascii_case(name))
    }

    pub(super) fn comparison(self) -> Option<Comparison> {
        Some(match self {
            Operator::Greater => Comparison::Greater,
            Operator::AtLeast => Comparison::AtLeast,
            Operator::Less => Comparison::Less,
            Operator::AtMost => Comparison::AtMost,
            _ => return None,
        })
    }
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    /// A number, with its text.
    Number(Decimal, String),
    Bool(bool),
    Null,
}

impl Value {
    /// What a word without quotes means.
    pub(crate) fn bare(word: &str) -> Value {
        match word {
            _ if word.eq_ignore_ascii_case("true") => Value::Bool(true),
            _ if word.eq_ignore_ascii_case("false") => Value::Bool(false),
            _ if word.eq_ignore_ascii_case("null") => Value::Null,
            _ => match Decimal::parse(word) {
                Some(number) => Value::Number(number, word.to_owned()),
                None => Value::Text(word.to_owned()),
            },
        }
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Value::Text(text) | Value::Number(_, text) => text,
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            Value::Null => "null",
        }
    }
}

/// What text takes.
pub(super) const TEXT: &[O] = &[
    O::Equal,
    O::NotEqual,
    O::Contains,
    O::StartsWith,
    O::EndsWith,
    O::Greater,
    O::AtLeast,
    O::Less,
    O::AtMost,
    O::In,
    O::Present,
];
const NUMBER: &[O] = &[O::Equal, O::NotEqual, O::Greater, O::AtLeast, O::Less, O::AtMost, O::In, O::Present];
const NAME: &[O] = &[O::Equal, O::NotEqual, O::In, O::Present];
const OBJECT: &[O] = &[O::Equal, O::NotEqual, O::Contains, O::StartsWith, O::EndsWith, O::In, O::Present];
const ADDRESS: &[O] = &[O::Equal, O::NotEqual, O::In, O::Cidr, O::Present];
const MARK: &[O] = &[O::Equal, O::NotEqual];
const WORDS: &[O] = &[O::Contains, O::StartsWith];
const PHRASE: &[O] = &[O::Equal, O::NotEqual, O::StartsWith];
const TOKEN: &[O] = &[O::Equal, O::NotEqual, O::Contains, O::StartsWith, O::EndsWith, O::In];
const PRESENCE: &[O] = &[O::Present];

impl Kind {
    /// The operators that it takes.
    pub(crate) fn operators(self) -> &'static [Operator] {
        match self {
            Kind::Id | Kind::Keyword(..) | Kind::Value(_) | Kind::Either(_) => TEXT,
            Kind::Choice(..) | Kind::ActorType(_) | Kind::ActionType | Kind::ObjectCategory => NAME,
            Kind::Object => OBJECT,
            Kind::Severity | Kind::Number(_) | Kind::Instant(_) | Kind::Time | Kind::Received => NUMBER,
            Kind::Ip | Kind::ClientIp | Kind::Address(_) => ADDRESS,
            Kind::Tenant | Kind::Below(_) => NAME,
            Kind::Mark(_) => MARK,
            Kind::Text => WORDS,
            Kind::Phrase => PHRASE,
            Kind::Word | Kind::Whole => TOKEN,
            Kind::Exists(_) => PRESENCE,
        }
    }
}
