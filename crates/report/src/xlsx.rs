//! Rows as a workbook: every cell a text, so that nothing in it is ever a formula.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use rust_xlsxwriter::{Format, Workbook, Worksheet};

use crate::ReportError;

/// Rows of a sheet, of Office Open XML.
const SHEET_ROWS: u32 = 1_048_576;
/// Characters of a cell, counted as UTF-16 does.
const CELL_UNITS: usize = 32_767;
/// What a longer one ends with.
const CUT: &str = " [cut: a cell holds no more]";
/// Column widths, in characters.
const WIDTH: f64 = 22.0;

/// Takes rows.
pub(crate) struct XlsxFile {
    workbook: Workbook,
    headings: Vec<String>,
    sheet_rows: u32,
    sheets: u32,
    row: u32,
    cut: u64,
}

impl XlsxFile {
    /// `dir`: for what does not fit into memory.
    pub(crate) fn new(dir: &Path, headings: Vec<String>) -> Result<Self, ReportError> {
        Self::with_rows(dir, headings, SHEET_ROWS)
    }

    fn with_rows(dir: &Path, headings: Vec<String>, sheet_rows: u32) -> Result<Self, ReportError> {
        let mut workbook = Workbook::new();
        workbook.set_tempdir(dir)?;
        let mut file = Self { workbook, headings, sheet_rows, sheets: 0, row: 0, cut: 0 };
        file.add_sheet()?;
        Ok(file)
    }

    fn add_sheet(&mut self) -> Result<(), ReportError> {
        self.sheets += 1;
        let name = if self.sheets == 1 { "Events".to_owned() } else { format!("Events {}", self.sheets) };
        let bold = Format::new().set_bold();
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?;
        sheet.set_freeze_panes(1, 0)?;
        for (column, heading) in (0_u16..).zip(&self.headings) {
            sheet.set_column_width(column, WIDTH)?;
            let (heading, _) = fitting(heading);
            sheet.write_string_with_format(0, column, heading, &bold)?;
        }
        self.row = 1;
        Ok(())
    }

    pub(crate) fn add<'c>(&mut self, cells: impl Iterator<Item = &'c str>) -> Result<(), ReportError> {
        if self.row == self.sheet_rows {
            self.add_sheet()?;
        }
        let place = usize::try_from(self.sheets - 1).unwrap_or(usize::MAX);
        let sheet: &mut Worksheet = self.workbook.worksheet_from_index(place)?;
        for (column, cell) in (0_u16..).zip(cells) {
            if cell.is_empty() {
                continue;
            }
            let (cell, cut) = fitting(cell);
            self.cut += u64::from(cut);
            sheet.write_string(self.row, column, cell)?;
        }
        self.row += 1;
        Ok(())
    }

    /// Puts the workbook into the file; returns how many cells had to be cut.
    pub(crate) fn finish(mut self, file: &File) -> Result<u64, ReportError> {
        let mut out = BufWriter::new(file);
        self.workbook.save_to_writer(&mut out)?;
        out.flush()?;
        Ok(self.cut)
    }
}

/// The text as far as a cell holds it, and whether it had to be cut.
fn fitting(text: &str) -> (std::borrow::Cow<'_, str>, bool) {
    // No character takes more units than bytes.
    if text.len() <= CELL_UNITS {
        return (text.into(), false);
    }
    let mut units = 0;
    let room = CELL_UNITS - CUT.len();
    let mut end = 0;
    for (at, character) in text.char_indices() {
        units += character.len_utf16();
        if units <= room {
            end = at + character.len_utf8();
        }
    }
    if units <= CELL_UNITS { (text.into(), false) } else { (format!("{}{CUT}", &text[..end]).into(), true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_holds_what_it_can_and_says_what_it_can_not() {
        let whole = "é".repeat(CELL_UNITS);
        assert_eq!(fitting(&whole), (whole.as_str().into(), false));
        let long = "😀".repeat(CELL_UNITS);
        let (cut, was_cut) = fitting(&long);
        assert!(was_cut && cut.ends_with(CUT) && cut.encode_utf16().count() <= CELL_UNITS);
    }

    #[test]
    fn rows_beyond_a_sheet_go_on_in_the_next_under_the_same_headings() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = XlsxFile::with_rows(dir.path(), vec!["A".into()], 3).unwrap();
        for n in 0..5 {
            file.add([n.to_string().as_str()].into_iter()).unwrap();
        }
        assert_eq!((file.sheets, file.row), (3, 2));
    }
}
