//! `search`: pages of events as a table, JSON lines or CSV.

use std::io::{self, IsTerminal, Write};

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    args::{Format, SearchArgs},
    client::{Client, query},
    exit::{Done, Exit},
    output::{Patience, counted, csv_cell, harmless, harmless_json, print_table, written},
    rows::{COLUMNS, CSV_ONLY, Row, tz, zone},
};

/// Events a request: the most that the API gives.
const PAGE: usize = 1_000;
/// Parameters that are no filters, and the flags that set them.
const OWN: [(&str, &str); 2] = [("limit", "--limit"), ("explain", "--explain")];

#[derive(Deserialize)]
struct Page {
    /// As they stand in the answer: numbers that no machine type holds come out as they were sent.
    data: Vec<Box<RawValue>>,
    next: Option<String>,
    complete_through: String,
    #[serde(default)]
    rebuilding: bool,
    explain: Option<Value>,
    cost: Option<Value>,
}

pub(crate) fn run(args: SearchArgs) -> Done {
    let zone = zone(&args.zone)?;
    let format = if args.json { Format::Json } else { args.format };
    let client = Client::new(&args.remote);
    let mut pairs = args.filters.pairs(&OWN)?;
    pairs.extend(tz(&zone));
    let mut writer = Writer::new(format, zone)?;
    // Events that appear on the terminal are sign enough.
    let quiet = format != Format::Table && io::stdout().is_terminal();
    let patience = (!quiet).then(|| Patience::new("searching"));
    let mut left = if args.all { usize::MAX } else { args.limit };
    let mut found = 0;
    let mut after = None;
    let mut explain = args.explain;
    while left > 0 {
        let mut pairs = pairs.clone();
        pairs.push(("limit".into(), left.min(PAGE).to_string()));
        pairs.extend(after.take().map(|cursor| ("after".to_owned(), cursor)));
        if std::mem::take(&mut explain) {
            pairs.push(("explain".into(), "true".into()));
        }
        let page: Page = client.get_json(&format!("/v1/events?{}", query(&pairs)))?;
        say_explained(page.explain.as_ref(), page.cost.as_ref());
        warn_if_incomplete(page.rebuilding, &page.complete_through);
        left -= page.data.len().min(left);
        found += page.data.len();
        if let Some(patience) = &patience {
            patience.say(format!("{found} events so far"));
        }
        writer.events(&page.data)?;
        match page.next {
            Some(next) => after = Some(next),
            None => {
                drop(patience);
                return writer.finish(false);
            }
        }
    }
    drop(patience);
    writer.finish(true)
}

/// An answer of an unfinished index must not look like the whole.
pub(crate) fn warn_if_incomplete(rebuilding: bool, complete_through: &str) {
    if rebuilding {
        eprintln!(
            "note: the index is being built; it has what was received up to {} only",
            harmless(complete_through)
        );
    }
}

/// The server's plan and its cost, for people.
pub(crate) fn say_explained(explain: Option<&Value>, cost: Option<&Value>) {
    for (what, value) in [("plan", explain), ("cost", cost)] {
        if let Some(value) = value {
            eprintln!("{what}: {}", harmless_json(&format!("{value:#}")));
        }
    }
}

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
                let count = counted(count as u64, "event");
                eprintln!("{count}{}", if more { "; there are more (--limit, --all)" } else { "" });
            }
            Self::Json { .. } => {}
            Self::Csv { mut csv, .. } => written(csv.flush())?,
        }
        Ok(())
    }
}

fn csv_written(result: Result<(), csv::Error>) -> Done {
    result.map_err(io::Error::from).or_else(|error| written(Err(error)))
}
