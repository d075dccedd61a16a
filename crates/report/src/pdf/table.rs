//! The table of a document: widths by what the columns hold, cells in as many lines as they need.

use std::io::Write;

use super::{
    MARGIN, WIDTH,
    legible::wrapped,
    sheet::{Sheet, Type},
};
use crate::{
    ReportError,
    chart::Colour,
    document::{Document, Heading, Kind, Shape},
};

/// Between the text of a cell and the edges of its column.
const PADDING: f32 = 4.0;
/// Right of a number, so that the text of the next column does not look like a part of it.
const NUMBER_PADDING: f32 = 12.0;
/// A column gives up width for others down to this, however long its words are.
const WORD: f32 = 74.0;
/// No column is wider for a long text while others need room.
const LONG: f32 = 240.0;
/// Characters of a cell that its width is measured by.
const MEASURED: usize = 120;

/// A table whose columns have their widths.
pub(super) struct TableLayout {
    headings: Vec<Heading>,
    /// Columns side by side: place among the cells, and width.
    columns: Vec<(usize, f32)>,
    /// Columns under the row.
    below: Vec<usize>,
    omitted: Vec<String>,
    size: f32,
    is_odd: bool,
    cut: u64,
}

/// How wide the texts of a column are.
#[derive(Clone, Copy, Default)]
struct Measure {
    longest: f32,
    longest_word: f32,
    is_filled: bool,
}

/// Lines of a row: the texts of the columns side by side, or one text across.
enum Line {
    Cells(Vec<String>),
    Across(String),
}

impl TableLayout {
    /// Looks at all cells for widths.
    pub(super) fn measured<W: Write>(
        document: &mut Document<'_>,
        sheet: &mut Sheet<W>,
    ) -> Result<Self, ReportError> {
        let headings = document.headings.clone();
        let beside = headings.iter().filter(|heading| heading.shape != Shape::Below).count();
        let size = match beside {
            0..=9 => 7.5,
            10..=13 => 7.0,
            _ => 6.5,
        };
        let mut measures: Vec<_> =
            headings.iter().map(|heading| Measure::of(&heading.text, size, true, sheet)).collect();
        for measure in &mut measures {
            measure.is_filled = false;
        }
        document.lines.rewind()?;
        while let Some((kind, cells)) = document.lines.next()? {
            for (measure, cell) in measures.iter_mut().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
                measure.include(Measure::of(cell, size, kind != Kind::Row, sheet));
            }
        }
        for (measure, heading) in measures.iter_mut().zip(&headings) {
            if heading.shape == Shape::Number {
                measure.longest += NUMBER_PADDING - PADDING;
                measure.longest_word += NUMBER_PADDING - PADDING;
            }
        }
        let is_kept = |place: usize| !document.omits_empty || measures[place].is_filled;
        let places = || 0..headings.len();
        let omitted = places().filter(|place| !is_kept(*place)).map(|place| headings[place].text.clone());
        let omitted = omitted.collect();
        let of_shape = |is_below: bool| {
            let headings = &headings;
            places().filter(move |place| (headings[*place].shape == Shape::Below) == is_below)
        };
        let below = of_shape(true).filter(|place| is_kept(*place)).collect();
        let beside: Vec<_> = of_shape(false).filter(|place| is_kept(*place)).collect();
        let widths = widths(&beside.iter().map(|place| measures[*place]).collect::<Vec<_>>());
        let columns = beside.into_iter().zip(widths).collect();
        Ok(Self { headings, columns, below, omitted, size, is_odd: false, cut: 0 })
    }

    /// Names of columns that hold nothing and are not there.
    pub(super) fn omitted(&self) -> Option<String> {
        (!self.omitted.is_empty()).then(|| self.omitted.join(", "))
    }

    /// Cells that were cut.
    pub(super) fn cut(&self) -> u64 {
        self.cut
    }

    fn leading(&self) -> f32 {
        self.size * 1.28
    }

    /// Puts what stands above the columns on the page.
    pub(super) fn begin<W: Write>(&self, sheet: &mut Sheet<W>) -> Result<(), ReportError> {
        let lines = self.columns.iter().map(|(place, width)| {
            let (text, _) = sheet.legible(&self.headings[*place].text, true);
            wrapped(&text, sheet.face(true), self.size, width - 2.0 * PADDING)
        });
        let lines: Vec<Vec<String>> = lines.collect();
        let deep = lines.iter().map(Vec::len).max().unwrap_or(0).min(6);
        let height = deep as f32 * self.leading() + 8.0;
        if sheet.room() < height + 3.0 * self.leading() {
            sheet.turn()?;
        }
        sheet.area(MARGIN, sheet.y, WIDTH, height, [0xe9, 0xed, 0xf2]);
        sheet.area(MARGIN, sheet.y + height - 0.8, WIDTH, 0.8, [0x8a, 0x96, 0xa3]);
        let style = Type::new(self.size, Colour::Ink).bold();
        let mut x = MARGIN;
        for ((place, width), lines) in self.columns.iter().zip(&lines) {
            for (row, line) in lines.iter().take(deep).enumerate() {
                let y = sheet.y + 4.0 + self.size + row as f32 * self.leading();
                let x = self.aligned(*place, x, *width, line, true, sheet);
                sheet.text(x, y, style, line);
            }
            x += width;
        }
        sheet.y += height;
        Ok(())
    }

    fn aligned<W: Write>(
        &self,
        place: usize,
        x: f32,
        width: f32,
        line: &str,
        is_bold: bool,
        sheet: &mut Sheet<W>,
    ) -> f32 {
        if self.headings[place].shape == Shape::Number {
            x + width - NUMBER_PADDING - sheet.face(is_bold).width(line, self.size)
        } else {
            x + PADDING
        }
    }

    pub(super) fn row<W: Write>(
        &mut self,
        kind: Kind,
        cells: &[String],
        sheet: &mut Sheet<W>,
    ) -> Result<(), ReportError> {
        let lines = self.lines(kind, cells, sheet);
        self.is_odd = kind == Kind::Row && !self.is_odd;
        let whole = lines.len() as f32 * self.leading() + 6.0;
        let mut left = lines.as_slice();
        let mut is_fresh = false;
        while !left.is_empty() {
            let fits = ((sheet.room() - 6.0) / self.leading()).floor().max(0.0) as usize;
            // A row stays together where a page can hold it.
            if left.len() > fits && !is_fresh && (whole < 420.0 || fits < 4) {
                sheet.turn()?;
                self.begin(sheet)?;
                is_fresh = true;
                continue;
            }
            let (part, rest) = left.split_at(left.len().min(fits.max(1)));
            self.part(kind, part, sheet);
            left = rest;
            if !left.is_empty() {
                sheet.turn()?;
                self.begin(sheet)?;
                is_fresh = true;
            }
        }
        Ok(())
    }

    fn lines<W: Write>(&mut self, kind: Kind, cells: &[String], sheet: &mut Sheet<W>) -> Vec<Line> {
        let is_bold = kind != Kind::Row;
        let mut columns = Vec::with_capacity(self.columns.len());
        for (place, width) in &self.columns {
            let (text, is_cut) = sheet.legible(cells.get(*place).map_or("", String::as_str), is_bold);
            self.cut += u64::from(is_cut);
            columns.push(wrapped(&text, sheet.face(is_bold), self.size, width - 2.0 * PADDING));
        }
        let deep = columns.iter().map(Vec::len).max().unwrap_or(0);
        let line = |row: usize| {
            Line::Cells(columns.iter().map(|lines| lines.get(row).cloned().unwrap_or_default()).collect())
        };
        let mut lines: Vec<_> = (0..deep).map(line).collect();
        let mut below = Vec::new();
        for place in &self.below {
            let Some(cell) = cells.get(*place).filter(|cell| !cell.is_empty()) else { continue };
            let text = format!("{}: {cell}", self.headings[*place].text);
            let (text, is_cut) = sheet.legible(&text, false);
            self.cut += u64::from(is_cut);
            below.push(text.into_owned());
        }
        if !below.is_empty() {
            let across = below.join("  ·  ");
            let across = wrapped(&across, sheet.face(false), self.size, WIDTH - 4.0 * PADDING);
            lines.extend(across.into_iter().map(Line::Across));
        }
        lines
    }

    /// Puts some lines of a row on the page.
    fn part<W: Write>(&self, kind: Kind, lines: &[Line], sheet: &mut Sheet<W>) {
        let height = lines.len() as f32 * self.leading() + 6.0;
        match kind {
            Kind::Row if self.is_odd => {}
            Kind::Row => sheet.area(MARGIN, sheet.y, WIDTH, height, [0xf6, 0xf8, 0xfa]),
            Kind::Subtotal => sheet.area(MARGIN, sheet.y, WIDTH, height, [0xee, 0xf1, 0xf5]),
            Kind::Total => {
                sheet.area(MARGIN, sheet.y, WIDTH, height, [0xe9, 0xed, 0xf2]);
                sheet.area(MARGIN, sheet.y, WIDTH, 0.8, [0x8a, 0x96, 0xa3]);
            }
        }
        sheet.area(MARGIN, sheet.y + height - 0.4, WIDTH, 0.4, Colour::Line.rgb());
        let is_bold = kind != Kind::Row;
        let mut y = sheet.y + 3.0 + self.size * 0.95;
        for line in lines {
            match line {
                Line::Cells(cells) => {
                    let style = Type { is_bold, ..Type::new(self.size, Colour::Ink) };
                    let mut x = MARGIN;
                    for ((place, width), text) in self.columns.iter().zip(cells) {
                        let at = self.aligned(*place, x, *width, text, is_bold, sheet);
                        sheet.text(at, y, style, text);
                        x += width;
                    }
                }
                Line::Across(text) => {
                    sheet.text(MARGIN + 3.0 * PADDING, y, Type::new(self.size, Colour::Faint), text);
                }
            }
            y += self.leading();
        }
        sheet.y += height;
    }
}

impl Measure {
    fn of<W: Write>(text: &str, size: f32, is_bold: bool, sheet: &mut Sheet<W>) -> Self {
        let face = sheet.face(is_bold);
        let (mut line, mut word) = (0.0_f32, 0.0_f32);
        let mut measure = Self { is_filled: true, ..Self::default() };
        for character in text.chars().take(MEASURED) {
            let wide = face.width_of(character, size);
            (line, word) = (line + wide, word + wide);
            match character {
                '\n' => (line, word) = (0.0, 0.0),
                ' ' => word = 0.0,
                _ => {}
            }
            measure.longest = measure.longest.max(line);
            measure.longest_word = measure.longest_word.max(word);
        }
        measure
    }

    fn include(&mut self, other: Self) {
        self.longest = self.longest.max(other.longest);
        self.longest_word = self.longest_word.max(other.longest_word);
        self.is_filled |= other.is_filled;
    }
}

/// The widths of columns, which fill the page.
fn widths(measures: &[Measure]) -> Vec<f32> {
    // Half a point more, so that sums of widths in another order fit too.
    let room = |width: f32| width + 2.0 * PADDING + 0.5;
    let least: Vec<_> = measures.iter().map(|measure| room(measure.longest_word.min(WORD))).collect();
    let best: Vec<_> = measures.iter().map(|measure| room(measure.longest.min(LONG))).collect();
    let (all_least, all_best): (f32, f32) = (least.iter().sum(), best.iter().sum());
    if all_best <= WIDTH {
        // What is left over goes to all alike, by their widths.
        best.iter().map(|best| best * WIDTH / all_best.max(1.0)).collect()
    } else if all_least <= WIDTH {
        let share = (WIDTH - all_least) / (all_best - all_least);
        least.iter().zip(&best).map(|(least, best)| least + (best - least) * share).collect()
    } else {
        least.iter().map(|least| least * WIDTH / all_least).collect()
    }
}
