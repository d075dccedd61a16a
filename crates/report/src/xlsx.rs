//! Rows as a workbook: every cell a text, so that nothing in it is ever a formula.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use rust_xlsxwriter::{ChartFormat, ChartSolidFill, ChartType, Color, Format, Workbook, Worksheet};

use crate::{
    ReportError,
    chart::{Chart, ChartKind},
    document::{Document, Heading, Kind, Shape},
};

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
    name: &'static str,
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
        let mut file = Self::empty(dir, "Events", headings, sheet_rows)?;
        file.add_sheet(&[])?;
        Ok(file)
    }

    fn empty(
        dir: &Path,
        name: &'static str,
        headings: Vec<String>,
        sheet_rows: u32,
    ) -> Result<Self, ReportError> {
        let mut workbook = Workbook::new();
        workbook.set_tempdir(dir)?;
        Ok(Self { workbook, name, headings, sheet_rows, sheets: 0, row: 0, cut: 0 })
    }

    /// Begins a sheet with some lines above its headings.
    fn add_sheet(&mut self, above: &[(Kind, String, String)]) -> Result<(), ReportError> {
        self.sheets += 1;
        let name = match self.sheets {
            1 => self.name.to_owned(),
            number => format!("{} {number}", self.name),
        };
        let (bold, title) = (Format::new().set_bold(), Format::new().set_bold().set_font_size(16));
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?;
        for column in (0_u16..).take(self.headings.len()) {
            sheet.set_column_width(column, WIDTH)?;
        }
        let mut row = 0;
        for (kind, label, text) in above {
            let format = if *kind == Kind::Total { &title } else { &bold };
            sheet.write_string_with_format(row, 0, fitting(label).0, format)?;
            if !text.is_empty() {
                sheet.write_string(row, 1, fitting(text).0)?;
            }
            row += 1;
        }
        // An empty row tells programs and people where the table begins.
        row += u32::from(!above.is_empty());
        for (column, heading) in (0_u16..).zip(&self.headings) {
            let (heading, _) = fitting(heading);
            sheet.write_string_with_format(row, column, heading, &bold)?;
        }
        row += 1;
        sheet.set_freeze_panes(row, 0)?;
        sheet.set_landscape().set_print_fit_to_pages(1, 0).set_repeat_rows(row - 1, row - 1)?;
        self.row = row;
        Ok(())
    }

    pub(crate) fn add<'c>(&mut self, cells: impl Iterator<Item = &'c str>) -> Result<(), ReportError> {
        self.add_line(Kind::Row, cells.map(|cell| (cell, None)))
    }

    /// A row of texts, some of which are numbers.
    fn add_line<'c>(
        &mut self,
        kind: Kind,
        cells: impl Iterator<Item = (&'c str, Option<f64>)>,
    ) -> Result<(), ReportError> {
        if self.row == self.sheet_rows {
            self.add_sheet(&[])?;
        }
        let place = usize::try_from(self.sheets - 1).unwrap_or(usize::MAX);
        let sheet: &mut Worksheet = self.workbook.worksheet_from_index(place)?;
        let bold = (kind != Kind::Row).then(|| Format::new().set_bold());
        for (column, (cell, number)) in (0_u16..).zip(cells) {
            if cell.is_empty() {
                continue;
            }
            let (cell, cut) = fitting(cell);
            self.cut += u64::from(cut);
            match (number, &bold) {
                (Some(number), Some(bold)) => {
                    sheet.write_number_with_format(self.row, column, number, bold)?
                }
                (Some(number), None) => sheet.write_number(self.row, column, number)?,
                (None, Some(bold)) => sheet.write_string_with_format(self.row, column, cell, bold)?,
                (None, None) => sheet.write_string(self.row, column, cell)?,
            };
        }
        self.row += 1;
        Ok(())
    }

    /// A sheet with a chart and what it is of.
    fn add_chart(&mut self, chart: &Chart) -> Result<(), ReportError> {
        let kind = match chart.kind {
            ChartKind::Columns => ChartType::ColumnStacked,
            _ => ChartType::BarStacked,
        };
        let mut drawn = rust_xlsxwriter::Chart::new(kind);
        drawn.title().set_name(&chart.title);
        let last = u32::try_from(chart.bars.len()).unwrap_or(u32::MAX);
        for (column, (name, colour)) in (1_u16..).zip(&chart.series) {
            let [red, green, blue] = colour.rgb().map(u32::from);
            let colour = Color::RGB(red << 16 | green << 8 | blue);
            drawn
                .add_series()
                .set_name(*name)
                .set_categories((CHART, 1, 0, last, 0))
                .set_values((CHART, 1, column, last, column))
                .set_format(ChartFormat::new().set_solid_fill(ChartSolidFill::new().set_color(colour)));
        }
        // Lying bars are drawn from the bottom up, and the first of ours is the longest.
        if chart.kind == ChartKind::Bars {
            drawn.y_axis().set_reverse();
        }
        if chart.series.len() < 2 {
            drawn.legend().set_hidden();
        }
        drawn.set_width(900).set_height(420);
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(CHART)?;
        sheet.set_column_width(0, WIDTH * 1.5)?;
        for (column, (name, _)) in (1_u16..).zip(&chart.series) {
            sheet.write_string(0, column, *name)?;
        }
        for (row, bar) in (1_u32..).zip(&chart.bars) {
            sheet.write_string(row, 0, fitting(&bar.name).0)?;
            for (column, part) in (1_u16..).zip(&bar.parts) {
                // Exact up to 2^53, which no count of events reaches.
                sheet.write_number(row, column, *part as f64)?;
            }
        }
        sheet.set_landscape().set_print_fit_to_pages(1, 0);
        sheet.insert_chart(1, 5, &drawn)?;
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

/// The name of the sheet with the chart.
const CHART: &str = "Chart";

/// Writes a document; returns how many cells had to be cut.
pub(crate) fn write(document: &mut Document<'_>, file: &File, dir: &Path) -> Result<u64, ReportError> {
    let headings = &document.headings;
    let texts = headings.iter().map(|heading| heading.text.clone()).collect();
    let mut workbook = XlsxFile::empty(dir, "Report", texts, SHEET_ROWS)?;
    let head = &document.head;
    let mut above = vec![(Kind::Total, head.title.clone(), String::new())];
    above.extend(head.lines.iter().map(|(label, text)| (Kind::Row, label.clone(), text.clone())));
    let footer = Some(&head.footer).filter(|text| !text.is_empty());
    let single = document.notices.iter().chain(&document.notes).chain(footer);
    above.extend(single.map(|text| (Kind::Row, text.clone(), String::new())));
    workbook.add_sheet(&above)?;
    document.lines.rewind()?;
    while let Some((kind, cells)) = document.lines.next()? {
        let number = |(cell, heading): (&String, &Heading)| match heading.shape {
            Shape::Number => cell.parse::<u32>().ok().map(f64::from),
            _ => None,
        };
        let cells = cells.iter().zip(headings).map(|pair| (pair.0.as_str(), number(pair)));
        workbook.add_line(kind, cells)?;
    }
    if let Some(chart) = &document.chart {
        workbook.add_chart(chart)?;
    }
    workbook.finish(file)
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
