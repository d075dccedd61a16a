//! A report in the making: events or people go in, a document comes out.
//!
//! Rows of single events wait on disk, counts in memory that has a limit. Invariant: whoever is in no row is counted,
//! and the report says so.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use indelible_access::EventView;
use indelible_event::ActorType;
use jiff::tz::TimeZone;

use super::{
    Definition, Group, ReportColumn, ReportKind, ReviewedPerson, chart,
    count::{Count, Order},
    made::{counted, key, moment, tallied, text_heading},
    rows::{DELETIONS, NEW_USERS, Rows},
    tally::Tallies,
};
use crate::{
    Format, Head, ROWS_MAX, ReportError, Written,
    chart::{Colour, grouped},
    clock::Clock,
    document::Document,
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

/// What stands in a cell of a row of counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// The key of this place.
    Key(usize),
    Number,
}

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
                    (ReportColumn::Initiator, "By"),
                    (ReportColumn::Action, "Action"),
                    (ReportColumn::Resource, "Resource"),
                    (ReportColumn::Rows, "Changes"),
                ],
            ),
            ReportKind::Deletions => {
                Body::Rows(Rows::new(&dir, DELETIONS.to_vec(), Some(ReportColumn::Initiator))?)
            }
            ReportKind::NewUsers => {
                Body::Rows(Rows::new(&dir, NEW_USERS.to_vec(), Some(ReportColumn::Date))?)
            }
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
    pub fn finish(self) -> Result<Written, ReportError> {
        self.finish_while(&mut || true)
    }

    /// The same; while its rows are put onto pages it is asked now and then whether to go on.
    ///
    /// # Errors
    /// As [`Self::finish`], also where it does not go on.
    pub fn finish_while(mut self, goes_on: &mut dyn FnMut() -> bool) -> Result<Written, ReportError> {
        let file = self.file.take();
        let (format, dir) = (self.plan.format, self.dir.clone());
        let (mut document, counted) = self.document(goes_on)?;
        // Only a preview has none, and does not come here.
        let file = file.ok_or(ReportError::Format(format))?;
        render::render(&mut document, format, file, &dir, counted)
    }

    /// The document, and how many rows are in it.
    fn document(self, goes_on: &mut dyn FnMut() -> bool) -> Result<(Document<'_>, Written), ReportError> {
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
            lines: made.lines.into_lines(goes_on)?,
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
    let mut goes_on = || true;
    let (mut document, _) = builder.document(&mut goes_on)?;
    let page = html::write(&mut document, Vec::new())?;
    // Put together of texts, so that nothing is ever replaced.
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// Pages have a limit of rows, tables for programs have none.
fn rows_max(plan: &ReportPlan) -> u64 {
    match plan.format {
        Format::Pdf | Format::Html => plan.rows_max,
        _ => u64::MAX,
    }
}

/// Whom an event is of; somebody who named nobody is not "System".
fn person<'v>(view: &'v EventView, clock: &mut Clock) -> std::borrow::Cow<'v, str> {
    let name = ReportColumn::Initiator.cell(view, None, clock);
    let is_anonymous =
        view.event.actor.as_ref().is_some_and(|actor| actor.kind == Some(ActorType::Anonymous));
    if name.is_empty() && is_anonymous { "(anonymous)".into() } else { name }
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
    let count = Count::new(keys.iter().copied().map(Order::of).collect());
    Body::Counts { groups: groups.len(), shown, count, keys }
}
