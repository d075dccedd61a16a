//! `search` and `count`.

use std::io::{self, IsTerminal, Write};

use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    args::{CountArgs, Filters, Format, SearchArgs},
    client::{Client, query},
    exit::{Done, Exit},
    output::{csv_cell, harmless, harmless_json, print_json, print_line, print_table, written},
};

/// Events a request: the most that the API gives.
const PAGE: usize = 1_000;

#[derive(Deserialize)]
struct Page {
    /// As they stand in the answer: numbers that no machine type holds come out as they were sent.
    data: Vec<Box<RawValue>>,
    next: Option<String>,
    total: Option<u64>,
    complete_through: String,
    #[serde(default)]
    rebuilding: bool,
}

pub(crate) fn run(args: SearchArgs) -> Done {
    let zone = match args.zone.as_str() {
        "local" => TimeZone::system(),
        name => TimeZone::get(name).map_err(|_| Exit::usage(format!("{name:?} is no time zone")))?,
    };
    let format = if args.json { Format::Json } else { args.format };
    let client = Client::new(&args.remote);
    let pairs = pairs(&args.filters)?;
    let mut writer = Writer::new(format, zone)?;
    let mut left = if args.all { usize::MAX } else { args.limit };
    let mut after = None;
    while left > 0 {
        let mut pairs = pairs.clone();
        pairs.push(("limit".into(), left.min(PAGE).to_string()));
        pairs.extend(after.take().map(|cursor| ("after".to_owned(), cursor)));
        let page: Page = client.get_json(&format!("/v1/events?{}", query(&pairs)))?;
        warn_if_incomplete(&page);
        left -= page.data.len().min(left);
        writer.events(&page.data)?;
        match page.next {
            Some(next) => after = Some(next),
            None => return writer.finish(false),
        }
    }
    writer.finish(true)
}

pub(crate) fn count(args: CountArgs) -> Done {
    let mut pairs = pairs(&args.filters)?;
    pairs.push(("limit".into(), "1".into()));
    pairs.push(("total".into(), "true".into()));
    let page: Page = Client::new(&args.remote).get_json(&format!("/v1/events?{}", query(&pairs)))?;
    warn_if_incomplete(&page);
    let total = page.total.ok_or_else(|| Exit::unknown("the server's answer has no total"))?;
    if args.json {
        let complete_through = page.complete_through;
        return print_json(&serde_json::json!({
            "total": total, "complete_through": complete_through, "rebuilding": page.rebuilding,
        }));
    }
    print_line(&total.to_string())
}

/// A page or total of an unfinished index must not look like the whole.
fn warn_if_incomplete(page: &Page) {
    if page.rebuilding {
        eprintln!(
            "note: the index is being built; it has what was received up to {} only",
            harmless(&page.complete_through)
        );
    }
}

/// The filters as query parameters; a text without `=` is searched for.
fn pairs(filters: &Filters) -> Result<Vec<(String, String)>, Exit> {
    let mut pairs = Vec::new();
    let mut words = Vec::new();
    for filter in &filters.filters {
        match filter.split_once('=') {
            Some(("", _)) => return Err(Exit::usage(format!("{filter:?} has no name before ="))),
            Some((name, value)) => pairs.push((name.to_owned(), value.to_owned())),
            None => words.push(filter.as_str()),
        }
    }
    if !words.is_empty() {
        pairs.push(("q".into(), words.join(" ")));
    }
    pairs.extend(filters.since.iter().map(|since| ("since".to_owned(), since.clone())));
    pairs.extend(filters.until.iter().map(|until| ("until".to_owned(), until.clone())));
    Ok(pairs)
}

/// The columns of table and CSV.
const COLUMNS: [&str; 10] =
    ["Time", "Tenant", "Actor", "Action", "Type", "Outcome", "Target", "Address", "Details", "Id"];

/// Columns that a terminal has no room for.
const CSV_ONLY: [&str; 2] = ["Type", "Id"];

#[expect(clippy::large_enum_variant, reason = "one value for the life of the command")]
enum Writer {
    Table { zone: TimeZone, rows: Vec<Vec<String>> },
    Json { terminal: bool },
    Csv { zone: TimeZone, csv: csv::Writer<io::Stdout>, terminal: bool },
}

impl Writer {
    fn new(format: Format, zone: TimeZone) -> Result<Self, Exit> {
        // What goes to a file or a program is exact.
        let terminal = io::stdout().is_terminal();
        Ok(match format {
            Format::Table => Self::Table { zone, rows: vec![] },
            Format::Json => Self::Json { terminal },
            Format::Csv => {
                let terminator = csv::Terminator::CRLF;
                let mut csv = csv::WriterBuilder::new().terminator(terminator).from_writer(io::stdout());
                csv_written(csv.write_record(COLUMNS))?;
                Self::Csv { zone, csv, terminal }
            }
        })
    }

    fn events(&mut self, events: &[Box<RawValue>]) -> Done {
        match self {
            Self::Table { zone, rows } => {
                for event in events {
                    let cells = COLUMNS.iter().zip(Row::read(event)?.cells(zone));
                    let shown = cells.filter(|(name, _)| !CSV_ONLY.contains(name));
                    rows.push(shown.map(|(_, cell)| cell.unwrap_or_else(|| "-".into())).collect());
                }
                Ok(())
            }
            Self::Json { terminal } => {
                let mut out = io::stdout().lock();
                events.iter().try_for_each(|event| {
                    let line = if *terminal { harmless_json(event.get()) } else { event.get().to_owned() };
                    written(writeln!(out, "{line}"))
                })
            }
            Self::Csv { zone, csv, terminal } => events.iter().try_for_each(|event| {
                let cells = Row::read(event)?.cells(zone).map(|cell| csv_cell(&cell.unwrap_or_default()));
                let row = cells.map(|cell| if *terminal { harmless(&cell) } else { cell });
                csv_written(csv.write_record(row))
            }),
        }
    }

    fn finish(self, more: bool) -> Done {
        match self {
            Self::Table { rows, .. } => {
                let count = rows.len();
                let header: Vec<_> = COLUMNS.into_iter().filter(|name| !CSV_ONLY.contains(name)).collect();
                print_table(&header, rows)?;
                eprintln!("{count} events{}", if more { "; there are more (--limit, --all)" } else { "" });
            }
            Self::Json { .. } => {}
            Self::Csv { mut csv, .. } => written(csv.flush())?,
        }
        Ok(())
    }
}

/// The fields of an event that a row shows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Row {
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
    fn read(event: &RawValue) -> Result<Self, Exit> {
        serde_json::from_str(event.get()).map_err(|error| {
            Exit::unknown(format!("an event of the answer is not in the expected form: {error}"))
        })
    }

    /// In the order of [`COLUMNS`]; `None` is what was not captured.
    fn cells(self, zone: &TimeZone) -> [Option<String>; COLUMNS.len()] {
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

fn csv_written(result: Result<(), csv::Error>) -> Done {
    result.map_err(io::Error::from).or_else(|error| written(Err(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_filters_become_parameters() {
        let filters = |list: &[&str]| Filters {
            since: Some("P7D".into()),
            until: None,
            filters: list.iter().map(ToString::to_string).collect(),
        };
        let made = pairs(&filters(&["action=delete", "call", "action=!create", "queue"])).unwrap();
        assert_eq!(query(&made), "action=delete&action=%21create&q=call%20queue&since=P7D");
        assert!(pairs(&filters(&["=x"])).is_err());
    }

    #[test]
    fn what_was_not_captured_is_empty_and_no_number_is_too_large() {
        let event =
            r#"{"time":"2026-03-01T12:34:56.123456Z","targets":[{"type":"user"}],"data":[1e400,-0,1.50]}"#;
        let page: Page =
            serde_json::from_str(&format!(r#"{{"data":[{event}],"next":null,"complete_through":""}}"#))
                .unwrap();
        assert_eq!(page.data[0].get(), event);
        let cells = Row::read(&page.data[0]).unwrap().cells(&TimeZone::UTC);
        assert_eq!(cells[0].as_deref(), Some("2026-03-01 12:34:56.123456 +00:00"));
        assert_eq!(cells[6].as_deref(), Some("user"));
        assert_eq!(cells[2], None);
    }
}
