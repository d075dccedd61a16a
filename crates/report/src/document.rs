//! A document that people read: what stands at its head, perhaps a chart, a table, what was counted, and notes.
//!
//! Its rows wait on disk until all of them are there: widths of columns, and what had to be left out, stand before them.

use std::{
    io::{self},
    path::Path,
};

use crate::{
    chart::Chart,
    spool::{Row, Rows, Spool},
};

/// What stands at the head of a document, besides its table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The title.
    pub title: String,
    /// What was asked for, in which range and zone, when, by whom, on which state of the ledger: a label and a text each.
    pub lines: Vec<(String, String)>,
    /// What stands at the foot of every page, as the state of the ledger.
    pub footer: String,
    /// When it was made.
    pub made_at: Option<jiff::Timestamp>,
}

/// What a row of a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Row,
    Subtotal,
    Total,
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Number,
    /// Long texts, which a page shows under their row and all across it.
    Below,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heading {
    pub(crate) text: String,
    pub(crate) shape: Shape,
}

/// A document, all of its rows known.
pub(crate) struct Document<'a> {
    pub(crate) head: Head,
    /// What its reader has to know first, as that rows were left out.
    pub(crate) notices: Vec<String>,
    pub(crate) chart: Option<Chart>,
    pub(crate) headings: Vec<Heading>,
    pub(crate) lines: Lines<'a>,
    pub(crate) notes: Vec<String>,
    /// Whether columns without any value are left out.
    pub(crate) omits_empty: bool,
}

impl Document<'_> {
    /// Columns that would stand under a row stand beside each other where there is nothing to be under.
    pub(crate) fn settle(&mut self) {
        if self.headings.iter().all(|heading| heading.shape == Shape::Below) {
            self.headings.iter_mut().for_each(|heading| heading.shape = Shape::Text);
        }
    }
}

/// Takes the rows of a table.
pub(crate) struct LineSpool(Spool);

impl LineSpool {
    pub(crate) fn create(dir: &Path) -> io::Result<Self> {
        Ok(Self(Spool::create(dir)?))
    }

    /// Begins a row of so many cells.
    pub(crate) fn begin(&mut self, kind: Kind, cells: usize) -> io::Result<()> {
        self.0.begin(cells + 1)?;
        self.0.cell(match kind {
            Kind::Row => "",
            Kind::Subtotal => "s",
            Kind::Total => "t",
        })
    }

    pub(crate) fn cell(&mut self, cell: &str) -> io::Result<()> {
        self.0.cell(cell)
    }

    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.0.others::<&str>(&[])
    }

    pub(crate) fn add<T: AsRef<str>>(&mut self, kind: Kind, cells: &[T]) -> io::Result<()> {
        self.begin(kind, cells.len())?;
        cells.iter().try_for_each(|cell| self.cell(cell.as_ref()))?;
        self.end()
    }

    /// As [`Spool::into_rows`].
    pub(crate) fn into_lines(self, goes_on: &mut dyn FnMut() -> bool) -> io::Result<Lines<'_>> {
        Ok(Lines { rows: self.0.into_rows(goes_on)?, row: Row::default() })
    }
}

/// Gives the rows of a table.
pub(crate) struct Lines<'a> {
    rows: Rows<'a>,
    row: Row,
}

impl Lines<'_> {
    /// The next row: what it is, and its cells.
    pub(crate) fn next(&mut self) -> io::Result<Option<(Kind, &[String])>> {
        if !self.rows.next_into(&mut self.row)? {
            return Ok(None);
        }
        let (kind, cells) = self.row.fixed.split_first().ok_or(io::ErrorKind::InvalidData)?;
        let kind = match kind.as_str() {
            "" => Kind::Row,
            "s" => Kind::Subtotal,
            _ => Kind::Total,
        };
        Ok(Some((kind, cells)))
    }

    /// Goes back before the first one.
    pub(crate) fn rewind(&mut self) -> io::Result<()> {
        self.rows.rewind()
    }
}
