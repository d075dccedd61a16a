//! An event as a row of a table, a line of a stream, or a record of CSV.

use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::exit::Exit;

/// A zone by its IANA name, or the system's.
///
/// # Errors
/// A name that is none.
pub(crate) fn zone(name: &str) -> Result<TimeZone, Exit> {
    match name {
        "local" => Ok(TimeZone::system()),
        name => TimeZone::get(name).map_err(|_| Exit::usage(format!("{name:?} is no time zone"))),
    }
}

/// The parameter that asks for calendar units in this zone, where the zone has a name.
pub(crate) fn tz(zone: &TimeZone) -> Option<(String, String)> {
    let name = zone.iana_name().filter(|name| *name != "UTC")?;
    Some(("tz".to_owned(), name.to_owned()))
}

/// The columns of table and CSV.
pub(crate) const COLUMNS: [&str; 10] =
    ["Time", "Tenant", "Actor", "Action", "Type", "Outcome", "Target", "Address", "Details", "Id"];

/// Columns that a terminal has no room for.
pub(crate) const CSV_ONLY: [&str; 2] = ["Type", "Id"];

/// The fields of an event that a row shows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Row {
    time: Option<String>,
    tenant: Option<String>,
    actor: Option<Party>,
    action: Option<String>,
    action_type: Option<String>,
    outcome: Option<Outcome>,
    targets: Option<Vec<Party>>,
    client: Option<Origin>,
    details: Option<String>,
    summary: Option<String>,
    id: Option<String>,
}

/// An actor or a target.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Party {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
    username: Option<String>,
    name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Outcome {
    result: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Origin {
    ip: Option<String>,
    host: Option<String>,
}

impl Row {
    pub(crate) fn read(event: &RawValue) -> Result<Self, Exit> {
        serde_json::from_str(event.get()).map_err(|error| {
            Exit::unknown(format!("an event of the answer is not in the expected form: {error}"))
        })
    }

    /// In the order of [`COLUMNS`]; `None` is what was not captured.
    pub(crate) fn cells(self, zone: &TimeZone) -> [Option<String>; COLUMNS.len()] {
        let time = self.time.and_then(|time| time.parse::<Timestamp>().ok());
        let time =
            time.map(|time| time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.6f %:z").to_string());
        let actor = self.actor.unwrap_or_default();
        let target = self.targets.unwrap_or_default().into_iter().next().unwrap_or_default();
        let client = self.client.unwrap_or_default();
        [
            time,
            self.tenant,
            actor.username.or(actor.id),
            self.action,
            self.action_type,
            self.outcome.unwrap_or_default().result,
            target.name.or(target.username).or(target.id).or(target.kind),
            client.ip.or(client.host),
            self.details.or(self.summary),
            self.id,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_captured_is_empty() {
        let event =
            r#"{"time":"2026-03-01T12:34:56.123456Z","targets":[{"type":"user"}],"data":[1e400,-0,1.50]}"#;
        let event = RawValue::from_string(event.to_owned()).unwrap();
        let cells = Row::read(&event).unwrap().cells(&TimeZone::UTC);
        assert_eq!(cells[0].as_deref(), Some("2026-03-01 12:34:56.123456 +00:00"));
        assert_eq!(cells[6].as_deref(), Some("user"));
        assert_eq!(cells[2], None);
    }

    #[test]
    fn a_zone_is_sent_by_its_name() {
        assert_eq!(tz(&zone("UTC").unwrap()), None);
        assert_eq!(tz(&zone("Europe/Rome").unwrap()), Some(("tz".into(), "Europe/Rome".into())));
        assert!(zone("Mars/Olympus").is_err());
    }
}
