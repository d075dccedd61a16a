//! What is made of counts: rows, sums and charts.

use std::path::Path;

use indelible_access::EventView;
use indelible_event::Timestamp;
use jiff::civil::DateTime;

use super::{
    Definition, ReportColumn, ReportKind,
    build::Cell,
    chart,
    column::{date, date_time, local},
    count::{Count, GROUPS_MAX, OTHERS},
    tally::{Tallies, Tally},
};
use crate::{
    ReportError,
    chart::{Chart, Colour, grouped},
    clock::Clock,
    document::{Heading, Kind, LineSpool, Shape},
};

/// What was made of the rows.
pub(super) struct Made {
    pub(super) headings: Vec<Heading>,
    pub(super) lines: LineSpool,
    pub(super) chart: Option<Chart>,
    pub(super) notices: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) rows: u64,
    pub(super) left_out: u64,
}

/// The name under which nobody's events are counted.
pub(super) fn named(name: String) -> String {
    if name.is_empty() { "(none)".to_owned() } else { name }
}

fn others_notice(others: u64) -> Option<String> {
    let (most, others_text) = (grouped(GROUPS_MAX as u64), grouped(others));
    (others > 0).then(|| {
        format!(
            "There are more distinct rows than the {most} (or 64 MiB) that are counted apart: \
             {others_text} events are counted together as {OTHERS}."
        )
    })
}

pub(super) fn text_heading(text: &str) -> Heading {
    Heading { text: text.to_owned(), shape: Shape::Text }
}

pub(super) fn number_heading(text: &str) -> Heading {
    Heading { text: text.to_owned(), shape: Shape::Number }
}

/// `Nov 17, 2021, 2:07 PM` in the report's zone.
pub(super) fn moment(at: Option<Timestamp>, clock: &mut Clock) -> Option<String> {
    let (local, _) = clock.local(at?.as_micros())?;
    Some(date_time(local))
}

/// What an event is counted by in this column. A day is written so that it sorts.
pub(super) fn key(
    column: ReportColumn,
    view: &EventView,
    original: Option<&str>,
    clock: &mut Clock,
) -> Box<str> {
    match column {
        ReportColumn::Date => {
            local(&view.event, clock).map_or_else(Box::default, |at| at.date().to_string().into())
        }
        _ => column.cell(view, original, clock).into(),
    }
}

/// The key as the report shows it.
pub(super) fn shown_key(column: ReportColumn, key: &str) -> String {
    match (column, key.parse::<jiff::civil::Date>()) {
        (ReportColumn::Date, Ok(day)) => date(DateTime::from(day)),
        _ => key.to_owned(),
    }
}

/// Rows of events that are alike, with sums where their first columns change.
pub(super) fn counted(
    definition: &Definition,
    dir: &Path,
    rows_max: u64,
    (groups, shown, keys): (usize, &[(Cell, &'static str)], &[ReportColumn]),
    count: Count,
) -> Result<Made, ReportError> {
    let heading = |(cell, text): &(Cell, &'static str)| match cell {
        Cell::Key(_) => text_heading(text),
        Cell::Number => number_heading(text),
    };
    let mut made = Made {
        headings: shown.iter().map(heading).collect(),
        lines: LineSpool::create(dir)?,
        chart: None,
        notices: others_notice(count.others()).into_iter().collect(),
        notes: vec![],
        rows: 0,
        left_out: 0,
    };
    let (total, others) = (count.total(), count.others());
    if groups > 0 {
        let (first, by_first) = (keys[0], count.by_first());
        let title = format!("Events by {}", shown_name(first));
        made.chart = match first {
            ReportColumn::Date => chart::columns(&title, &by_first),
            _ => {
                let bars = by_first.into_iter().map(|(name, count)| (named(name), vec![count]));
                chart::bars(&title, &[("Events", Colour::Blue)], bars, vec![others])
            }
        };
    }
    // The first column of texts has the words for sums.
    let words_at = shown.iter().position(|(cell, _)| *cell != Cell::Number);
    let sum_line = |words: &str, number: u64| -> Vec<String> {
        let cell = |(place, (cell, _)): (usize, &(Cell, &str))| match cell {
            Cell::Number => number.to_string(),
            Cell::Key(_) if Some(place) == words_at => words.to_owned(),
            Cell::Key(_) => String::new(),
        };
        shown.iter().enumerate().map(cell).collect()
    };
    // A group of the last column is its row: it needs no sum beside it.
    let levels = if definition.totals { groups.min(keys.len().saturating_sub(1)) } else { 0 };
    let rows = count.into_rows();
    let mut begun = vec![0; levels];
    for (at, (key, number)) in rows.iter().enumerate() {
        let cell = |(cell, _): &(Cell, &str)| match cell {
            Cell::Key(place) => shown_key(keys[*place], &key[*place]),
            Cell::Number => number.to_string(),
        };
        let is_shown = made.rows < rows_max;
        made.left_out += u64::from(!is_shown);
        made.rows += u64::from(is_shown);
        if is_shown {
            made.lines.add(Kind::Row, &shown.iter().map(cell).collect::<Vec<_>>())?;
        }
        for level in (0..levels).rev() {
            let next = rows.get(at + 1).map(|(key, _)| &key[..=level]);
            if next == Some(&key[..=level]) {
                continue;
            }
            let from = std::mem::replace(&mut begun[level], at + 1);
            let sum = rows[from..=at].iter().map(|(_, count)| count).sum();
            // The sum of one row is the row.
            if is_shown && from < at {
                let name = named(shown_key(keys[level], &key[level]));
                made.lines.add(Kind::Subtotal, &sum_line(&format!("Subtotal: {name}"), sum))?;
            }
        }
    }
    if others > 0 {
        made.lines.add(Kind::Row, &sum_line(OTHERS, others))?;
    }
    if definition.totals && !keys.is_empty() {
        made.lines.add(Kind::Total, &sum_line("Total", total))?;
    }
    Ok(made)
}

/// The column in the title of a chart.
fn shown_name(column: ReportColumn) -> &'static str {
    match column {
        ReportColumn::Date => "day",
        column => column.as_str(),
    }
}

const SERIES: [(&str, Colour); 3] =
    [("Successes", Colour::Green), ("Failures", Colour::Red), ("Neither", Colour::Line)];

/// Rows of people or tenants.
pub(super) fn tallied(
    kind: ReportKind,
    totals: bool,
    dir: &Path,
    rows_max: u64,
    tallies: Tallies,
    clock: &mut Clock,
) -> Result<Made, ReportError> {
    let is_of_people = kind == ReportKind::SignIns;
    let (all, others) = tallies.into_sorted();
    let numbers = ["Events", "Successes", "Failures", "Neither"].map(number_heading);
    let texts = if is_of_people {
        vec!["Last success", "Last failure", "Addresses"]
    } else {
        vec!["First event", "Last event"]
    };
    let mut headings = vec![text_heading(if is_of_people { "Person" } else { "Tenant" })];
    headings.extend(numbers);
    headings.extend(texts.into_iter().map(text_heading));
    let mut moment = |at: Option<i64>| moment(at.map(Timestamp::from_micros), clock).unwrap_or_default();
    let mut line = |name: &str, tally: &Tally| {
        let numbers = [tally.total(), tally.successes, tally.failures, tally.unclear];
        let mut cells = vec![name.to_owned()];
        cells.extend(numbers.map(|number| number.to_string()));
        if is_of_people {
            cells.extend([moment(tally.last_success), moment(tally.last_failure), tally.addresses()]);
        } else {
            cells.extend([moment(tally.first), moment(tally.last)]);
        }
        cells
    };
    let (mut lines, mut sum) = (LineSpool::create(dir)?, Tally::default());
    let (mut rows, mut left_out) = (0, 0);
    for (name, tally) in &all {
        sum.include(tally);
        if rows >= rows_max {
            left_out += 1;
            continue;
        }
        rows += 1;
        lines.add(Kind::Row, &line(&named(name.to_string()), tally))?;
    }
    if others.total() > 0 {
        sum.include(&others);
        lines.add(Kind::Row, &line(OTHERS, &others))?;
    }
    if totals {
        lines.add(Kind::Total, &line("Total", &sum))?;
    }
    let parts = |tally: &Tally| vec![tally.successes, tally.failures, tally.unclear];
    let bars = all.iter().map(|(name, tally)| (named(name.to_string()), parts(tally)));
    let title = if is_of_people { "Sign-ins by person" } else { "Events by tenant" };
    let chart = chart::bars(title, &SERIES, bars, parts(&others));
    let notices = others_notice(others.total()).into_iter().collect();
    Ok(Made { headings, lines, chart, notices, notes: vec![], rows, left_out })
}
