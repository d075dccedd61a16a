//! The mapping language as a whole, and every built-in mapping on real records.

mod budget;
mod builtin;
mod detection;
mod fuzz;
mod golden;
mod language;
mod trace;
mod vendors;

use indelible_event::{Limits, Timestamp};

use super::*;

/// 2026-01-01T00:00:00Z: after every record of the samples.
const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// A mapping called `t` of version 1 with this rest.
fn mapping(text: &str) -> Mapping {
    let text = format!("name = \"t\"\nversion = 1\n{text}");
    Mapping::parse("t.toml", &text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn apply(mapping: &Mapping, record: &str) -> Mapped {
    mapping.apply(record, &Limits::default(), NOW).unwrap_or_else(|problems| panic!("{problems:?}: {record}"))
}

/// The event as JSON, without `data`.
fn without_data(mut event: Event) -> serde_json::Value {
    event.data = None;
    serde_json::from_str(&event.to_json()).unwrap()
}
