//! Charts of a few numbers: bars that lie, with a name each, or columns that stand, one after the other in time.
//!
//! A chart is laid out once, as rectangles and texts; the formats draw these.

/// How a chart shows its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartKind {
    /// None is drawn.
    None,
    /// Lying bars, the longest first.
    Bars,
    /// Standing columns, in order.
    Columns,
}

impl ChartKind {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bars => "bars",
            Self::Columns => "columns",
        }
    }
}

/// A chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chart {
    pub(crate) kind: ChartKind,
    pub(crate) title: String,
    /// What the parts of a bar are, with their colours.
    pub(crate) series: Vec<(&'static str, Colour)>,
    pub(crate) bars: Vec<Bar>,
}

/// A bar: its name and its parts, one for each series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) parts: Vec<u64>,
}

/// What is drawn with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Ink,
    Faint,
    Line,
    Blue,
    Green,
    Red,
    Orange,
}

impl Colour {
    /// Red, green and blue.
    pub(crate) const fn rgb(self) -> [u8; 3] {
        match self {
            Self::Ink => [0x1f, 0x29, 0x33],
            Self::Faint => [0x5f, 0x6b, 0x7a],
            Self::Line => [0xd5, 0xda, 0xe1],
            Self::Blue => [0x2f, 0x6f, 0xb5],
            Self::Green => [0x3b, 0x8f, 0x5a],
            Self::Red => [0xc2, 0x4a, 0x43],
            Self::Orange => [0xc7, 0x7d, 0x1e],
        }
    }
}

/// Where a text stands from its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A part of a drawing, in points from its upper left corner.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mark {
    Area { x: f32, y: f32, width: f32, height: f32, colour: Colour },
    Text { x: f32, y: f32, size: f32, anchor: Anchor, colour: Colour, is_bold: bool, text: String },
}

/// A chart laid out.
pub(crate) struct Drawing {
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) marks: Vec<Mark>,
}

/// Bars of a chart; more are counted together in the last of them.
pub(crate) const BARS: usize = 12;
/// Columns of a chart, which is a quarter of days.
pub(crate) const COLUMNS: usize = 92;

const SIZE: f32 = 7.5;
const TITLE: f32 = 26.0;
const BAR: f32 = 15.0;
const NAMES: f32 = 150.0;
const NUMBERS: f32 = 70.0;
const COLUMN_HEIGHT: f32 = 120.0;

impl Chart {
    /// Lays it out; `measure` tells how wide a text is at a size.
    pub(crate) fn drawing(&self, width: f32, measure: &mut dyn FnMut(&str, f32) -> f32) -> Drawing {
        let mut marks = Vec::new();
        let mut pen = Pen { marks: &mut marks, measure };
        pen.text((0.0, 10.0), 9.0, Anchor::Start, Colour::Ink, true, &self.title);
        self.legend(width, &mut pen);
        let below = match self.kind {
            ChartKind::None => 0.0,
            ChartKind::Bars => self.lying(width, &mut pen),
            ChartKind::Columns => self.standing(width, &mut pen),
        };
        Drawing { width, height: TITLE + below, marks }
    }

    fn legend(&self, width: f32, pen: &mut Pen<'_>) {
        if self.series.len() < 2 {
            return;
        }
        let mut x = width;
        for (name, colour) in self.series.iter().rev() {
            x -= (pen.measure)(name, SIZE);
            pen.text((x, 10.0), SIZE, Anchor::Start, Colour::Faint, false, name);
            x -= 10.0;
            pen.area((x, 4.0), (6.0, 6.0), *colour);
            x -= 12.0;
        }
    }

    fn largest(&self) -> u64 {
        self.bars.iter().map(|bar| bar.parts.iter().sum()).max().unwrap_or(0).max(1)
    }

    fn lying(&self, width: f32, pen: &mut Pen<'_>) -> f32 {
        let (largest, room) = (self.largest(), width - NAMES - NUMBERS);
        for (row, bar) in self.bars.iter().enumerate() {
            let y = TITLE + row as f32 * BAR;
            let name = shortened(&bar.name, NAMES - 8.0, pen.measure);
            pen.text((NAMES - 8.0, y + 8.5), SIZE, Anchor::End, Colour::Ink, false, &name);
            let mut x = NAMES;
            for (part, (_, colour)) in bar.parts.iter().zip(&self.series) {
                let length = room * *part as f32 / largest as f32;
                pen.area((x, y), (length, BAR - 4.0), *colour);
                x += length;
            }
            let sum: u64 = bar.parts.iter().sum();
            pen.text((x + 5.0, y + 8.5), SIZE, Anchor::Start, Colour::Faint, false, &grouped(sum));
        }
        self.bars.len() as f32 * BAR + 4.0
    }

    fn standing(&self, width: f32, pen: &mut Pen<'_>) -> f32 {
        let largest = round_up(self.largest());
        let left = (pen.measure)(&grouped(largest), SIZE) + 8.0;
        let (bottom, room) = (TITLE + COLUMN_HEIGHT, width - left);
        for (share, number) in [(0.0, 0), (0.5, largest / 2), (1.0, largest)] {
            if share == 0.5 && !largest.is_multiple_of(2) {
                continue;
            }
            let y = bottom - COLUMN_HEIGHT * share;
            pen.area((left, y), (room, 0.5), Colour::Line);
            pen.text((left - 6.0, y + 2.5), SIZE, Anchor::End, Colour::Faint, false, &grouped(number));
        }
        let step = room / self.bars.len().max(1) as f32;
        let wide = (step * 0.7).min(48.0);
        let name_width = self.bars.iter().map(|bar| (pen.measure)(&bar.name, SIZE)).fold(0.0, f32::max) + 8.0;
        let every = (name_width / step).ceil().max(1.0) as usize;
        for (place, bar) in self.bars.iter().enumerate() {
            let middle = left + step * (place as f32 + 0.5);
            let mut y = bottom;
            for (part, (_, colour)) in bar.parts.iter().zip(&self.series) {
                let height = COLUMN_HEIGHT * *part as f32 / largest as f32;
                y -= height;
                pen.area((middle - wide / 2.0, y), (wide, height), *colour);
            }
            if place % every == 0 {
                pen.text((middle, bottom + 11.0), SIZE, Anchor::Middle, Colour::Faint, false, &bar.name);
            }
        }
        COLUMN_HEIGHT + 18.0
    }
}

struct Pen<'m> {
    marks: &'m mut Vec<Mark>,
    measure: &'m mut dyn FnMut(&str, f32) -> f32,
}

impl Pen<'_> {
    fn area(&mut self, (x, y): (f32, f32), (width, height): (f32, f32), colour: Colour) {
        if width > 0.0 && height > 0.0 {
            self.marks.push(Mark::Area { x, y, width, height, colour });
        }
    }

    fn text(
        &mut self,
        (x, y): (f32, f32),
        size: f32,
        anchor: Anchor,
        colour: Colour,
        is_bold: bool,
        text: &str,
    ) {
        self.marks.push(Mark::Text { x, y, size, anchor, colour, is_bold, text: text.to_owned() });
    }
}

/// The name as far as it fits.
fn shortened(name: &str, width: f32, measure: &mut dyn FnMut(&str, f32) -> f32) -> String {
    // A name of a megabyte is not measured to its end.
    let mut short: String = name.chars().take(100).collect();
    let is_whole = short.len() == name.len();
    if is_whole && measure(&short, SIZE) <= width {
        return short;
    }
    while short.pop().is_some() && measure(&short, SIZE) > width - measure("…", SIZE) {}
    short + "…"
}

/// The number with a space between thousands that no line breaks at.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

/// A round number not below this one, with one or two digits that are not zero.
fn round_up(number: u64) -> u64 {
    let mut unit = 1;
    while number / unit >= 10 {
        unit *= 10;
    }
    let steps = [1, 2, 3, 4, 5, 6, 8, 10];
    steps.into_iter().map(|step| unit.saturating_mul(step)).find(|round| *round >= number).unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1\u{a0}000"), (1_234_567, "1\u{a0}234\u{a0}567")]
        {
            assert_eq!(grouped(number), text);
        }
        for (number, round) in
            [(1, 1), (7, 8), (9, 10), (11, 20), (42, 50), (999, 1000), (u64::MAX, u64::MAX)]
        {
            assert_eq!(round_up(number), round);
        }
    }
}
