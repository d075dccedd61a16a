//! A report in the making: events or people go in, a document comes out.
//!
//! Rows of single events wait on disk, counts in memory that has a limit. Invariant: whoever is in no row is counted,
//! and the report says so.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use indelible_access::EventView;
use indelible_event::{ActorType, Timestamp};
use jiff::{civil::DateTime, tz::TimeZone};

use super::{
    Definition, Group, ReportColumn, ReportKind, ReviewedPerson, chart,
    column::{date, date_time, local},
    count::{Count, GROUPS_MAX, OTHERS, Order},
    tally::{Tallies, Tally},
};
use crate::{
    Format, Head, ROWS_MAX, ReportError, Written,
    chart::{Chart, ChartKind, Colour, grouped},
    clock::Clock,
    document::{Document, Heading, Kind, LineSpool, Shape},
    export::left_out_notice,
    html, render,
};

/// What a report is to be.
#[derive(Clone)]
pub struct ReportPlan {
    /// What it shows.
    pub definition: Definition,
    /// What stands at its head; without a title the kind's stands there.
    pub head: Head,
    /// The zone of its times.
    pub zone: TimeZone,
    /// Its format: one of [`Format::OF_REPORTS`].
    pub format: Format,
    /// Rows of a PDF or an HTML page; those beyond are counted and left out. Tables for programs have all.
    pub rows_max: u64,
}

impl ReportPlan {
    /// In UTC, with nothing at its head.
    pub fn new(definition: Definition, format: Format) -> Self {
        Self { definition, head: Head::default(), zone: TimeZone::UTC, format, rows_max: ROWS_MAX }
    }
}

/// Makes one report.
pub struct ReportBuilder {
    plan: ReportPlan,
    /// Where it goes; `None`: into a text.
    file: Option<File>,
    dir: PathBuf,
    clock: Clock,
    body: Body,
}

enum Body {
    /// A row for each event.
    Rows(Rows),
    /// A row for all events that are alike.
    Counts { keys: Vec<ReportColumn>, groups: usize, shown: Vec<(Cell, &'static str)>, count: Count },
    /// A row for each person or tenant.
    Tallies(Tallies),
    /// A row for each person whom the caller gives.
    People { rows: Rows, roles: Count, never: u64 },
}

struct Rows {
    columns: Vec<(ReportColumn, &'static str)>,
    lines: LineSpool,
    rows: u64,
    left_out: u64,
    /// What its chart is of.
    charted: Option<Count>,
}

/// What stands in a cell of a row of counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// The key of this place.
    Key(usize),
    Number,
}

const BY: &str = "By";

impl ReportBuilder {
    /// Begins the file `path`, which must not be there. What is in the way of it goes into unnamed files beside it.
    ///
    /// # Errors
    /// [`ReportError::Definition`], [`ReportError::Format`], and the disk's.
    pub fn create(path: &Path, plan: ReportPlan) -> Result<Self, ReportError> {
        if !Format::OF_REPORTS.contains(&plan.format) {
            return Err(ReportError::Format(plan.format));
        }
        plan.definition.check()?;
        let file = File::create_new(path)?;
        Self::new(plan, Some(file), path.parent().unwrap_or(Path::new(".")).to_owned())
    }

    fn new(mut plan: ReportPlan, file: Option<File>, dir: PathBuf) -> Result<Self, ReportError> {
        let kind = plan.definition.kind;
        if plan.head.title.is_empty() {
            plan.head.title = kind.title().to_owned();
        }
        let body = match kind {
            ReportKind::SignIns | ReportKind::Activity => Body::Tallies(Tallies::default()),
            ReportKind::AccessReview => Body::People {
                rows: Rows::new(&dir, vec![], None)?,
                roles: Count::new(vec![Order::Frequency]),
                never: 0,
            },
            ReportKind::Changes => counts(
                &[Group::Initiator],
                &[
                    (ReportColumn::Initiator, BY),
                    (ReportColumn::Action, "Action"),
                    (ReportColumn::Resource, "Resource"),
                    (ReportColumn::Rows, "Changes"),
                ],
            ),
            ReportKind::Deletions => Body::Rows(Rows::new(&dir, DELETIONS.to_vec(), Some(Order::Frequency))?),
            ReportKind::NewUsers => Body::Rows(Rows::new(&dir, NEW_USERS.to_vec(), Some(Order::Text))?),
            ReportKind::Details => details(&plan.definition, &dir)?,
        };
        let clock = Clock::new(plan.zone.clone());
        Ok(Self { plan, file, dir, clock, body })
    }

    /// Adds an event. `original`: what was received, where the caller has it; the column of the full message shows it.
    ///
    /// # Errors
    /// The disk's, and [`ReportError::People`] where the report is of people.
    pub fn add(&mut self, view: &EventView, original: Option<&str>) -> Result<(), ReportError> {
        let rows_max = rows_max(&self.plan);
        match &mut self.body {
            Body::Rows(rows) => rows.add(view, original, rows_max, &mut self.clock),
            Body::Counts { keys, count, .. } => {
                let key = keys.iter().map(|column| key(*column, view, original, &mut self.clock));
                count.add(key.collect());
                Ok(())
            }
            Body::Tallies(tallies) => {
                let column = match self.plan.definition.kind {
                    ReportKind::Activity => ReportColumn::Tenant,
                    _ => ReportColumn::Initiator,
                };
                let name = match column {
                    // What happened in a tenant, whoever it was that did it.
                    ReportColumn::Tenant => view.event.tenant.as_deref().unwrap_or_default().into(),
                    _ => person(view, &mut self.clock),
                };
                tallies.add(&name, view);
                Ok(())
            }
            Body::People { .. } => Err(ReportError::People),
        }
    }

    /// Adds somebody to a review of access; they stand in it in the order in which they come.
    ///
    /// # Errors
    /// The disk's, and [`ReportError::People`] where the report is of events.
    pub fn add_person(&mut self, person: &ReviewedPerson) -> Result<(), ReportError> {
        let rows_max = rows_max(&self.plan);
        let Body::People { rows, roles, never } = &mut self.body else { return Err(ReportError::People) };
        match &person.roles[..] {
            [] => roles.add(vec!["no role".into()]),
            all => all.iter().for_each(|role| roles.add(vec![role.as_str().into()])),
        }
        *never += u64::from(person.last_sign_in.is_none());
        let last = person.last_sign_in.and_then(|at| moment(Some(at), &mut self.clock));
        let cells = [
            person.username.as_str(),
            &person.name,
            &person.roles.join("\n"),
            &person.groups.join(", "),
            &person.state,
            last.as_deref().unwrap_or("never"),
        ];
        rows.line(&cells, rows_max)
    }

    /// Ends the report; it is on disk when this returns.
    ///
    /// # Errors
    /// The disk's; the file is none then.
    pub fn finish(mut self) -> Result<Written, ReportError> {
        let file = self.file.take();
        let (format, dir) = (self.plan.format, self.dir.clone());
        let (mut document, counted) = self.document()?;
        // Only a preview has none, and does not come here.
        let file = file.ok_or(ReportError::Format(format))?;
        render::render(&mut document, format, file, &dir, counted)
    }

    /// The document, and how many rows are in it.
    fn document(self) -> Result<(Document, Written), ReportError> {
        let Self { plan, dir, mut clock, body, .. } = self;
        let most = rows_max(&plan);
        let mut made = match body {
            Body::Rows(rows) => rows.made(&plan.definition)?,
            Body::Counts { groups, shown, keys, count } => {
                counted(&plan.definition, &dir, most, (groups, &shown, &keys), count)?
            }
            Body::Tallies(tallies) => {
                let kind = plan.definition.kind;
                tallied(kind, plan.definition.totals, &dir, most, tallies, &mut clock)?
            }
            Body::People { rows, roles, never } => {
                let mut made = rows.made(&plan.definition)?;
                made.headings = ["Username", "Name", "Roles", "Groups", "State", "Last sign-in"]
                    .map(text_heading)
                    .to_vec();
                let bars = roles.by_first().into_iter().map(|(role, count)| (role, vec![count]));
                made.chart =
                    chart::bars("People by role", &[("People", Colour::Blue)], bars, vec![roles.others()]);
                if never > 0 {
                    made.notes.push(format!("Never signed in: {}.", grouped(never)));
                }
                made
            }
        };
        let notice = left_out_notice(made.left_out, made.rows);
        made.notices.splice(0..0, notice);
        let document = Document {
            head: plan.head,
            notices: made.notices,
            chart: made.chart,
            headings: made.headings,
            lines: made.lines.into_lines()?,
            notes: made.notes,
            omits_empty: false,
        };
        Ok((document, Written { rows: made.rows, left_out: made.left_out, ..Written::default() }))
    }
}

/// A report of these events as an HTML page in a text: what it will look like. `dir` is for what is in the way of it.
///
/// # Errors
/// [`ReportError::Definition`], and the disk's.
pub fn preview<'e>(
    dir: &Path,
    plan: ReportPlan,
    events: impl IntoIterator<Item = (&'e EventView, Option<&'e str>)>,
    people: &[ReviewedPerson],
) -> Result<String, ReportError> {
    plan.definition.check()?;
    let mut builder = ReportBuilder::new(ReportPlan { format: Format::Html, ..plan }, None, dir.to_owned())?;
    if builder.plan.definition.kind.is_of_people() {
        people.iter().try_for_each(|person| builder.add_person(person))?;
    } else {
        events.into_iter().try_for_each(|(view, original)| builder.add(view, original))?;
    }
    let (mut document, _) = builder.document()?;
    let page = html::write(&mut document, Vec::new())?;
    // Put together of texts, so that nothing is ever replaced.
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// What was made of the rows.
struct Made {
    headings: Vec<Heading>,
    lines: LineSpool,
    chart: Option<Chart>,
    notices: Vec<String>,
    notes: Vec<String>,
    rows: u64,
    left_out: u64,
}

const DELETIONS: [(ReportColumn, &str); 7] = [
    (ReportColumn::DateTime, "When"),
    (ReportColumn::Initiator, BY),
    (ReportColumn::Action, "Action"),
    (ReportColumn::Resource, "Resource"),
    (ReportColumn::Target, "What"),
    (ReportColumn::Tenant, "Tenant"),
    (ReportColumn::Details, "Details"),
];

const NEW_USERS: [(ReportColumn, &str); 6] = [
    (ReportColumn::DateTime, "When"),
    (ReportColumn::Target, "New user"),
    (ReportColumn::Resource, "Kind"),
    (ReportColumn::Initiator, "Added by"),
    (ReportColumn::Tenant, "Tenant"),
    (ReportColumn::Application, "Application"),
];

/// Pages have a limit of rows, tables for programs have none.
fn rows_max(plan: &ReportPlan) -> u64 {
    match plan.format {
        Format::Pdf | Format::Html => plan.rows_max,
        _ => u64::MAX,
    }
}

fn text_heading(text: &str) -> Heading {
    Heading { text: text.to_owned(), shape: Shape::Text }
}

fn number_heading(text: &str) -> Heading {
    Heading { text: text.to_owned(), shape: Shape::Number }
}

/// `Nov 17, 2021, 2:07 PM` in the report's zone.
fn moment(at: Option<Timestamp>, clock: &mut Clock) -> Option<String> {
    let (local, _) = clock.local(at?.as_micros())?;
    Some(date_time(local))
}

/// Whom an event is of; somebody who named nobody is not "System".
fn person<'v>(view: &'v EventView, clock: &mut Clock) -> std::borrow::Cow<'v, str> {
    let name = ReportColumn::Initiator.cell(view, None, clock);
    let is_anonymous =
        view.event.actor.as_ref().is_some_and(|actor| actor.kind == Some(ActorType::Anonymous));
    if name.is_empty() && is_anonymous { "(anonymous)".into() } else { name }
}

/// What an event is counted by in this column. A day is written so that it sorts.
fn key(column: ReportColumn, view: &EventView, original: Option<&str>, clock: &mut Clock) -> Box<str> {
    match column {
        ReportColumn::Date => {
            local(&view.event, clock).map_or_else(Box::default, |at| at.date().to_string().into())
        }
        _ => column.cell(view, original, clock).into(),
    }
}

/// The key as the report shows it.
fn shown_key(column: ReportColumn, key: &str) -> String {
    match (column, key.parse::<jiff::civil::Date>()) {
        (ReportColumn::Date, Ok(day)) => date(DateTime::from(day)),
        _ => key.to_owned(),
    }
}

fn details(definition: &Definition, dir: &Path) -> Result<Body, ReportError> {
    let named = |column: ReportColumn| (column, column.heading());
    let chosen = definition.columns.as_ref().map(|columns| columns.iter().copied().map(named));
    if definition.is_counted() {
        let chosen: Vec<_> = chosen.into_iter().flatten().collect();
        return Ok(counts(&definition.group_by, &chosen));
    }
    let all = ReportColumn::OF_DETAILS.iter().copied().filter(|column| *column != ReportColumn::Rows);
    let columns = chosen.map_or_else(|| all.map(named).collect(), Iterator::collect);
    Ok(Body::Rows(Rows::new(dir, columns, None)?))
}

/// Counts by the groups, then by the columns; groups that were not chosen as columns stand before them.
fn counts(groups: &[Group], columns: &[(ReportColumn, &'static str)]) -> Body {
    let mut keys: Vec<_> = groups.iter().map(|group| group.column()).collect();
    let rest = columns.iter().map(|(column, _)| *column);
    let rest: Vec<_> =
        rest.filter(|column| *column != ReportColumn::Rows && !keys.contains(column)).collect();
    keys.extend(rest);
    let is_chosen = |wanted: ReportColumn| columns.iter().any(|(column, _)| *column == wanted);
    let place = |wanted: ReportColumn| keys.iter().position(|key| *key == wanted);
    let cell = |column: ReportColumn, heading| (place(column).map_or(Cell::Number, Cell::Key), heading);
    let before = groups.iter().map(|group| group.column()).filter(|column| !is_chosen(*column));
    let mut shown: Vec<_> = before.map(|column| cell(column, column.heading())).collect();
    shown.extend(columns.iter().map(|(column, heading)| cell(*column, *heading)));
    if !is_chosen(ReportColumn::Rows) {
        shown.push((Cell::Number, ReportColumn::Rows.heading()));
    }
    let order = |column: &ReportColumn| match column {
        ReportColumn::Date => Order::Text,
        _ => Order::Frequency,
    };
    let count = Count::new(keys.iter().map(order).collect());
    Body::Counts { groups: groups.len(), shown, count, keys }
}

impl Rows {
    fn new(
        dir: &Path,
        columns: Vec<(ReportColumn, &'static str)>,
        charted: Option<Order>,
    ) -> Result<Self, ReportError> {
        let charted = charted.map(|order| Count::new(vec![order]));
        Ok(Self { columns, lines: LineSpool::create(dir)?, rows: 0, left_out: 0, charted })
    }

    fn line(&mut self, cells: &[&str], rows_max: u64) -> Result<(), ReportError> {
        if self.rows >= rows_max {
            self.left_out += 1;
            return Ok(());
        }
        self.rows += 1;
        Ok(self.lines.add(Kind::Row, cells)?)
    }

    fn add(
        &mut self,
        view: &EventView,
        original: Option<&str>,
        rows_max: u64,
        clock: &mut Clock,
    ) -> Result<(), ReportError> {
        if let Some(count) = &mut self.charted {
            // A chart of days is in their order, one of people has the most active first.
            let by_day = self.columns.first() == NEW_USERS.first() && self.columns.get(1) == NEW_USERS.get(1);
            let column = if by_day { ReportColumn::Date } else { ReportColumn::Initiator };
            count.add(vec![key(column, view, original, clock)]);
        }
        if self.rows >= rows_max {
            self.left_out += 1;
            return Ok(());
        }
        self.rows += 1;
        self.lines.begin(Kind::Row, self.columns.len())?;
        for (column, _) in &self.columns {
            self.lines.cell(&column.cell(view, original, clock))?;
        }
        Ok(self.lines.end()?)
    }

    fn made(mut self, definition: &Definition) -> Result<Made, ReportError> {
        let heading = |(column, text): &(ReportColumn, &'static str)| Heading {
            text: (*text).to_owned(),
            shape: column.shape(),
        };
        let headings: Vec<_> = self.columns.iter().map(heading).collect();
        if definition.totals {
            let (label, all) = (ReportColumn::Rows.heading(), self.rows + self.left_out);
            match headings.len() {
                1 => self.lines.add(Kind::Total, &[format!("{label}: {all}")])?,
                _ => self.lines.add(Kind::Total, &[label.to_owned(), all.to_string()])?,
            }
        }
        let others = self.charted.as_ref().map_or(0, Count::others);
        let parts = self.charted.map(|count| count.by_first()).unwrap_or_default();
        let chart = match definition.kind {
            ReportKind::NewUsers => chart::columns("New users by day", &parts),
            ReportKind::Deletions => {
                let bars = parts.into_iter().map(|(name, count)| (named(name), vec![count]));
                chart::bars("Deletions by person", &[("Deletions", Colour::Red)], bars, vec![others])
            }
            _ => None,
        };
        let (lines, rows, left_out) = (self.lines, self.rows, self.left_out);
        Ok(Made { headings, lines, chart, notices: vec![], notes: vec![], rows, left_out })
    }
}

/// The name under which nobody's events are counted.
fn named(name: String) -> String {
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

fn counted(
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

fn tallied(
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
    debug_assert_eq!(kind.chart(), ChartKind::Bars, "the kind says what chart it has");
    Ok(Made { headings, lines, chart, notices, notes: vec![], rows, left_out })
}
