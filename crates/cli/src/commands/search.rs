//! `search` and `count`.

use std::io::{self, IsTerminal, Write};

use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;
use serde_json::Value;

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
    data: Vec<Value>,
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

/// The columns of table and CSV, and where their values are in an event.
const COLUMNS: [(&str, &[&str]); 10] = [
    ("Time", &["/time"]),
    ("Tenant", &["/tenant"]),
    ("Actor", &["/actor/username", "/actor/id"]),
    ("Action", &["/action"]),
    ("Type", &["/action_type"]),
    ("Outcome", &["/outcome/result"]),
    ("Target", &["/targets/0/name", "/targets/0/username", "/targets/0/id", "/targets/0/type"]),
    ("Address", &["/client/ip", "/client/host"]),
    ("Details", &["/details", "/summary"]),
    ("Id", &["/id"]),
];

/// Columns that a terminal has no room for.
const CSV_ONLY: [&str; 2] = ["Type", "Id"];

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
                csv_written(csv.write_record(COLUMNS.map(|(name, _)| name)))?;
                Self::Csv { zone, csv, terminal }
            }
        })
    }

    fn events(&mut self, events: &[Value]) -> Done {
        match self {
            Self::Table { zone, rows } => {
                rows.extend(events.iter().map(|event| {
                    let cells = COLUMNS.iter().filter(|(name, _)| !CSV_ONLY.contains(name));
                    cells.map(|column| cell(event, column, zone).unwrap_or_else(|| "-".into())).collect()
                }));
                Ok(())
            }
            Self::Json { terminal } => {
                let mut out = io::stdout().lock();
                events.iter().try_for_each(|event| {
                    let line = event.to_string();
                    let line = if *terminal { harmless_json(&line) } else { line };
                    written(writeln!(out, "{line}"))
                })
            }
            Self::Csv { zone, csv, terminal } => events.iter().try_for_each(|event| {
                let row =
                    COLUMNS.iter().map(|column| csv_cell(&cell(event, column, zone).unwrap_or_default()));
                let row = row.map(|cell| if *terminal { harmless(&cell) } else { cell });
                csv_written(csv.write_record(row))
            }),
        }
    }

    fn finish(self, more: bool) -> Done {
        match self {
            Self::Table { rows, .. } => {
                let count = rows.len();
                let header: Vec<_> =
                    COLUMNS.iter().map(|(name, _)| *name).filter(|name| !CSV_ONLY.contains(name)).collect();
                print_table(&header, rows)?;
                eprintln!("{count} events{}", if more { "; there are more (--limit, --all)" } else { "" });
            }
            Self::Json { .. } => {}
            Self::Csv { mut csv, .. } => written(csv.flush())?,
        }
        Ok(())
    }
}

fn cell(event: &Value, (name, pointers): &(&str, &[&str]), zone: &TimeZone) -> Option<String> {
    let text = pointers.iter().find_map(|pointer| event.pointer(pointer)?.as_str())?;
    if *name != "Time" {
        return Some(text.to_owned());
    }
    let time: Timestamp = text.parse().ok()?;
    Some(time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.6f %:z").to_string())
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
    fn what_was_not_captured_is_empty() {
        let event = serde_json::json!({"time": "2026-03-01T12:34:56.123456Z", "targets": [{"type": "user"}]});
        let utc = TimeZone::UTC;
        assert_eq!(cell(&event, &COLUMNS[0], &utc).unwrap(), "2026-03-01 12:34:56.123456 +00:00");
        assert_eq!(cell(&event, &COLUMNS[6], &utc).unwrap(), "user");
        assert_eq!(cell(&event, &COLUMNS[2], &utc), None);
    }
}
