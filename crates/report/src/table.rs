//! Rows of cells, with or without a column for each parameter.

use std::{
    borrow::Cow,
    collections::HashMap,
    io::{self, Write},
};

use indelible_access::EventView;

use crate::{
    ReportError,
    cell::harmless,
    column::{Column, Columns},
    shown::{Shown, object, parameter_text},
    spool::{Row, Spool},
};

/// Parameters that get a column of their own: the ones seen first. The values of the rest share the last column, as a
/// JSON object, so that events with ever new names make no table of ever more columns.
const PARAMETER_COLUMNS: usize = 2_000;

/// What stands above the last of them.
const OTHER_PARAMETERS: &str = "Other Parameters";

/// The columns of a table while its rows come in.
pub(crate) struct Table {
    fixed: Vec<(Column, &'static str)>,
    with_parameters: bool,
    /// Names of parameters with their places, in first-seen order.
    places: HashMap<String, u32>,
    names: Vec<String>,
    others: bool,
}

impl Table {
    pub(crate) fn new(columns: &Columns) -> Self {
        Self {
            fixed: columns.fixed(),
            with_parameters: columns.with_parameters(),
            places: HashMap::new(),
            names: Vec::new(),
            others: false,
        }
    }

    /// Whether the columns are known before the last row is.
    pub(crate) fn is_settled(&self) -> bool {
        !self.with_parameters
    }

    /// Puts the row of an event into a file of rows that have all the same columns.
    pub(crate) fn add_to_csv<W: Write>(
        &self,
        view: &EventView,
        shown: &mut Shown,
        csv: &mut CsvFile<W>,
    ) -> Result<(), ReportError> {
        for (column, _) in &self.fixed {
            csv.cell(&shown.cell(*column, view).unwrap_or_default())?;
        }
        csv.end_row()
    }

    /// Puts the row of an event into the spool.
    pub(crate) fn add_to_spool(
        &mut self,
        view: &EventView,
        shown: &mut Shown,
        spool: &mut Spool,
    ) -> io::Result<()> {
        spool.begin(self.fixed.len())?;
        for (column, _) in &self.fixed {
            spool.cell(&shown.cell(*column, view).unwrap_or_default())?;
        }
        let others = if self.with_parameters { self.parameters(view) } else { Vec::new() };
        spool.others(&others)
    }

    fn parameters<'e>(&mut self, view: &'e EventView) -> Vec<(u32, Cow<'e, str>)> {
        let mut cells: Vec<(u32, Cow<'e, str>)> = Vec::with_capacity(view.event.parameters.len());
        let mut rest = Vec::new();
        for parameter @ (name, value) in &view.event.parameters {
            match self.place(name) {
                Some(place) => cells.push((place, parameter_text(value))),
                None => rest.push(parameter),
            }
        }
        if !rest.is_empty() {
            self.others = true;
            let place = u32::try_from(PARAMETER_COLUMNS).unwrap_or(u32::MAX);
            cells.push((place, object(rest.into_iter()).into()));
        }
        // An event may have a name twice: its cell has the last one, as a JSON reader would.
        cells.sort_by_key(|(place, _)| *place);
        cells.reverse();
        cells.dedup_by_key(|(place, _)| *place);
        cells.reverse();
        cells
    }

    fn place(&mut self, name: &str) -> Option<u32> {
        if let Some(place) = self.places.get(name) {
            return Some(*place);
        }
        if self.names.len() == PARAMETER_COLUMNS {
            return None;
        }
        let place = u32::try_from(self.names.len()).ok()?;
        self.places.insert(name.to_owned(), place);
        self.names.push(name.to_owned());
        Some(place)
    }

    /// What stands above the columns that there are by now.
    pub(crate) fn headings(&self) -> Vec<String> {
        let fixed = self.fixed.iter().map(|(_, heading)| (*heading).to_owned());
        let names = self.names.iter().map(|name| format!("Parameter: {name}"));
        fixed.chain(names).chain(self.others.then(|| OTHER_PARAMETERS.to_owned())).collect()
    }
}

/// The cells of a row in a table of so many columns, empty ones included.
pub(crate) fn cells(row: &Row, columns: usize) -> impl Iterator<Item = &str> {
    let fixed = row.fixed.len();
    let mut others = row.others.iter().peekable();
    let rest = (fixed..columns).map(move |place| {
        match others.next_if(|(other, _)| fixed + usize::try_from(*other).unwrap_or(usize::MAX) == place) {
            Some((_, cell)) => cell.as_str(),
            None => "",
        }
    });
    row.fixed.iter().map(String::as_str).chain(rest)
}

/// Rows as CSV.
pub(crate) struct CsvFile<W: Write> {
    writer: csv::Writer<W>,
}

/// What tells a spreadsheet that the text is UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl<W: Write> CsvFile<W> {
    pub(crate) fn new(mut out: W, mark: bool) -> io::Result<Self> {
        if mark {
            out.write_all(BYTE_ORDER_MARK)?;
        }
        let writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        Ok(Self { writer })
    }

    pub(crate) fn add<'c>(&mut self, cells: impl Iterator<Item = &'c str>) -> Result<(), ReportError> {
        for cell in cells {
            self.cell(cell)?;
        }
        self.end_row()
    }

    pub(crate) fn cell(&mut self, cell: &str) -> Result<(), ReportError> {
        Ok(self.writer.write_field(harmless(cell).as_bytes())?)
    }

    pub(crate) fn end_row(&mut self) -> Result<(), ReportError> {
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }

    pub(crate) fn finish(self) -> Result<W, ReportError> {
        self.writer.into_inner().map_err(|error| ReportError::Disk(error.into_error()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(rows: &[Vec<String>], mark: bool) -> Vec<u8> {
        let mut file = CsvFile::new(Vec::new(), mark).unwrap();
        rows.iter().try_for_each(|row| file.add(row.iter().map(String::as_str))).unwrap();
        file.finish().unwrap()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again_and_no_cell_is_a_formula(
            rows in (1_usize..4).prop_flat_map(|width| {
                let cell = "[=+@\t\r\n\0-][ -~]{0,6}|[-+]?[0-9]{1,3}(\\.[0-9]{0,2})?|\\PC{0,12}|[\",;\r\n']{0,6}";
                prop::collection::vec(prop::collection::vec(cell, width), 1..12)
            }),
            mark in any::<bool>(),
        ) {
            let csv = written(&rows, mark);
            let text = csv.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&csv);
            prop_assert_eq!(text.len() < csv.len(), mark);
            let reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text);
            let found: Vec<_> = reader.into_records().map(Result::unwrap).collect();
            prop_assert_eq!(found.len(), rows.len());
            for (found, row) in found.iter().zip(&rows) {
                for (found, cell) in found.iter().zip(row) {
                    prop_assert!(found == cell || found.strip_prefix('\'') == Some(cell), "{:?} {:?}", found, cell);
                    let is_number = found.parse::<f64>().is_ok();
                    prop_assert!(is_number || !found.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0']));
                }
            }
        }
    }
}
