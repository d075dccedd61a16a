//! Reports with a row for each event, or for each person whom the caller gives.

use std::path::Path;

use indelible_access::EventView;

use super::{
    Definition, ReportColumn, ReportKind, chart,
    count::{Count, Order},
    made::{Made, key, named},
};
use crate::{
    ReportError,
    chart::Colour,
    clock::Clock,
    document::{Heading, Kind, LineSpool},
};

/// The columns of [`ReportKind::Deletions`].
pub(super) const DELETIONS: [(ReportColumn, &str); 7] = [
    (ReportColumn::DateTime, "When"),
    (ReportColumn::Initiator, "By"),
    (ReportColumn::Action, "Action"),
    (ReportColumn::Resource, "Resource"),
    (ReportColumn::Target, "What"),
    (ReportColumn::Tenant, "Tenant"),
    (ReportColumn::Details, "Details"),
];

/// The columns of [`ReportKind::NewUsers`].
pub(super) const NEW_USERS: [(ReportColumn, &str); 6] = [
    (ReportColumn::DateTime, "When"),
    (ReportColumn::Target, "New user"),
    (ReportColumn::Resource, "Kind"),
    (ReportColumn::Initiator, "Added by"),
    (ReportColumn::Tenant, "Tenant"),
    (ReportColumn::Application, "Application"),
];

/// Rows on their way into a report.
pub(super) struct Rows {
    columns: Vec<(ReportColumn, &'static str)>,
    lines: LineSpool,
    rows: u64,
    left_out: u64,
    /// What its chart is of, and its numbers.
    charted: Option<(ReportColumn, Count)>,
}

impl Rows {
    pub(super) fn new(
        dir: &Path,
        columns: Vec<(ReportColumn, &'static str)>,
        charted: Option<ReportColumn>,
    ) -> Result<Self, ReportError> {
        let charted = charted.map(|column| (column, Count::new(vec![Order::of(column)])));
        Ok(Self { columns, lines: LineSpool::create(dir)?, rows: 0, left_out: 0, charted })
    }

    pub(super) fn line(&mut self, cells: &[&str], rows_max: u64) -> Result<(), ReportError> {
        if self.rows >= rows_max {
            self.left_out += 1;
            return Ok(());
        }
        self.rows += 1;
        Ok(self.lines.add(Kind::Row, cells)?)
    }

    pub(super) fn add(
        &mut self,
        view: &EventView,
        original: Option<&str>,
        rows_max: u64,
        clock: &mut Clock,
    ) -> Result<(), ReportError> {
        if let Some((column, count)) = &mut self.charted {
            count.add(vec![key(*column, view, original, clock)]);
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

    pub(super) fn made(mut self, definition: &Definition) -> Result<Made, ReportError> {
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
        let others = self.charted.as_ref().map_or(0, |(_, count)| count.others());
        let parts = self.charted.map(|(_, count)| count.by_first()).unwrap_or_default();
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
