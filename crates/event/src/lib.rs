//! The audit event: fields, validation, catalogue of actions and objects, rules, summary sentence.
//!
//! Pure: time and limits come in as arguments, nothing here reads a clock, a file or a socket. The contract
//! is the API reference in `docs/api.md`; what it leaves open is settled in `docs/events.md`.

mod json;
mod model;
mod nearest_name;
mod parse;
mod problem;
mod rules;
mod serialize;
mod time;

pub use json::parse_json;
pub use model::{
    Actor, ActorType, Change, Client, Event, EventTime, Extra, Occurrences, Outcome, OutcomeResult, Related,
    Severity, Source, Target,
};
pub use nearest_name::nearest_name;
pub use parse::{Limits, Parsed, parse};
pub use problem::{Code, Problem, UnknownCode, excerpt};
pub use rules::{ActionType, Category, Colour, Derived, ObjectType, RuleSet, RuleSetError};
pub use time::{TimeProblem, TimeSource, Timestamp};
