//! Pages as they are filled, from the top down.

use std::io::Write;

use pdf_writer::{Content, Name, Str};

use super::{
    BOTTOM, MARGIN, PAGE, WIDTH,
    face::Face,
    file::{COUNT, PdfFile},
    legible::{legible, wrapped},
};
use crate::{
    Head, ReportError,
    chart::{Anchor, Chart, Colour, Mark},
};

/// A page on its way into the file. Heights are counted from its top.
pub(super) struct Sheet<W: Write> {
    file: PdfFile<W>,
    regular: Face,
    bold: Face,
    content: Content,
    /// Where the next thing is put.
    pub(super) y: f32,
    title: String,
    foot: String,
    /// Characters that the fonts lack.
    missing: u64,
}

/// How a text is set.
#[derive(Clone, Copy)]
pub(super) struct Type {
    pub(super) size: f32,
    pub(super) colour: Colour,
    pub(super) is_bold: bool,
}

impl Type {
    pub(super) const fn new(size: f32, colour: Colour) -> Self {
        Self { size, colour, is_bold: false }
    }

    pub(super) const fn bold(self) -> Self {
        Self { is_bold: true, ..self }
    }
}

const TITLE: Type = Type::new(17.0, Colour::Ink).bold();
const LABEL: Type = Type::new(8.0, Colour::Faint);
const VALUE: Type = Type::new(8.0, Colour::Ink);
const FOOT: Type = Type::new(7.0, Colour::Faint);
/// Where the number of pages begins, from the right margin.
const COUNT_ROOM: f32 = 17.0;

impl<W: Write> Sheet<W> {
    pub(super) fn new(head: &Head, out: W) -> Result<Self, ReportError> {
        let (regular, bold) = (Face::regular(), Face::bold());
        let (title, foot) = (String::new(), String::new());
        let file = PdfFile::new(out)?;
        let mut sheet =
            Self { file, regular, bold, content: Content::new(), y: MARGIN, title, foot, missing: 0 };
        sheet.title = sheet.one_line(&head.title, FOOT, WIDTH);
        sheet.foot = sheet.one_line(&head.footer, FOOT, WIDTH - 120.0);
        Ok(sheet)
    }

    pub(super) fn face(&mut self, is_bold: bool) -> &mut Face {
        if is_bold { &mut self.bold } else { &mut self.regular }
    }

    /// The text as a page shows it, and whether it had to be cut.
    pub(super) fn legible<'t>(&mut self, text: &'t str, is_bold: bool) -> (std::borrow::Cow<'t, str>, bool) {
        let (text, missing, is_cut) = legible(text, self.face(is_bold));
        self.missing += missing;
        (text, is_cut)
    }

    /// As much of a text as fits into one line.
    fn one_line(&mut self, text: &str, style: Type, width: f32) -> String {
        let (text, _) = self.legible(text, style.is_bold);
        let mut lines = wrapped(&text.replace('\n', " "), self.face(style.is_bold), style.size, width - 8.0);
        let more = lines.len() > 1;
        let first = lines.swap_remove(0);
        if more { first + "…" } else { first }
    }

    /// Puts a line of text on the page, its base line at `y`.
    pub(super) fn text(&mut self, x: f32, y: f32, style: Type, text: &str) {
        if text.is_empty() {
            return;
        }
        let face = if style.is_bold { &mut self.bold } else { &mut self.regular };
        let (name, bytes) = (face.name, face.encode(text));
        fill(&mut self.content, style.colour);
        self.content.begin_text().set_font(Name(name.as_bytes()), style.size);
        self.content.set_text_matrix([1.0, 0.0, 0.0, 1.0, x, PAGE.1 - y]);
        self.content.show(Str(&bytes)).end_text();
    }

    pub(super) fn area(&mut self, x: f32, y: f32, width: f32, height: f32, rgb: [u8; 3]) {
        let [red, green, blue] = rgb.map(|part| f32::from(part) / 255.0);
        self.content.set_fill_rgb(red, green, blue);
        self.content.rect(x, PAGE.1 - y - height, width, height).fill_nonzero();
    }

    /// What is left of the page, in points.
    pub(super) fn room(&self) -> f32 {
        PAGE.1 - BOTTOM - self.y
    }

    /// Title and lines, which stand on the first page.
    pub(super) fn head(&mut self, head: &Head) {
        let (title, _) = self.legible(&head.title, true);
        for line in wrapped(&title, &mut self.bold, TITLE.size, WIDTH).iter().take(3) {
            self.y += 17.0;
            self.text(MARGIN, self.y, TITLE, line);
            self.y += 4.0;
        }
        self.y += 6.0;
        let labels: Vec<_> =
            head.lines.iter().map(|(label, _)| self.one_line(label, LABEL, WIDTH / 4.0)).collect();
        let indent =
            labels.iter().map(|label| self.regular.width(label, LABEL.size)).fold(0.0, f32::max) + 14.0;
        for (label, (_, value)) in labels.iter().zip(&head.lines) {
            let (value, _) = self.legible(value, false);
            let lines = wrapped(&value, &mut self.regular, VALUE.size, WIDTH - indent);
            self.text(MARGIN, self.y + 9.0, LABEL, label);
            // A question of a megabyte does not push the table off the page.
            for line in lines.iter().take(6) {
                self.y += 11.5;
                self.text(MARGIN + indent, self.y - 2.5, VALUE, line);
            }
            if lines.len() > 6 {
                self.y += 11.5;
                self.text(MARGIN + indent, self.y - 2.5, LABEL, "[…]");
            }
        }
        self.y += 12.0;
    }

    /// What the reader has to know first, in a box.
    pub(super) fn notice(&mut self, text: &str) -> Result<(), ReportError> {
        let (text, _) = self.legible(text, true);
        let lines = wrapped(&text, &mut self.bold, 8.5, WIDTH - 24.0);
        let height = lines.len() as f32 * 12.0 + 10.0;
        if self.room() < height {
            self.turn()?;
        }
        self.area(MARGIN, self.y, WIDTH, height, [0xfd, 0xf3, 0xdc]);
        self.area(MARGIN, self.y, 3.0, height, Colour::Orange.rgb());
        for (place, line) in (0_u16..).zip(&lines) {
            let y = self.y + 14.0 + f32::from(place) * 12.0;
            self.text(MARGIN + 12.0, y, Type::new(8.5, Colour::Ink).bold(), line);
        }
        self.y += height + 12.0;
        Ok(())
    }

    pub(super) fn chart(&mut self, chart: &Chart) -> Result<(), ReportError> {
        let mut readable = chart.clone();
        readable.title = self.legible(&chart.title, true).0.into_owned();
        for bar in &mut readable.bars {
            let (name, _) = self.legible(&bar.name, false);
            let name = name.replace('\n', " ");
            bar.name = name;
        }
        let regular = &mut self.regular;
        let drawing = readable.drawing(WIDTH, &mut |text, size| regular.width(text, size));
        if self.room() < drawing.height {
            self.turn()?;
        }
        let top = self.y;
        for mark in &drawing.marks {
            match mark {
                Mark::Area { x, y, width, height, colour } => {
                    self.area(MARGIN + x, top + y, *width, *height, colour.rgb());
                }
                Mark::Text { x, y, size, anchor, colour, is_bold, text } => {
                    let wide = self.face(*is_bold).width(text, *size);
                    let x = match anchor {
                        Anchor::Start => *x,
                        Anchor::Middle => x - wide / 2.0,
                        Anchor::End => x - wide,
                    };
                    let style = Type { size: *size, colour: *colour, is_bold: *is_bold };
                    self.text(MARGIN + x, top + y, style, text);
                }
            }
        }
        self.y += drawing.height + 12.0;
        Ok(())
    }

    /// A text across the page.
    pub(super) fn paragraph(&mut self, text: &str) -> Result<(), ReportError> {
        let (text, _) = self.legible(text, false);
        self.y += 6.0;
        for line in wrapped(&text, &mut self.regular, LABEL.size, WIDTH) {
            if self.room() < 12.0 {
                self.turn()?;
            }
            self.y += 11.5;
            self.text(MARGIN, self.y - 2.5, LABEL, &line);
        }
        Ok(())
    }

    /// Ends the page and begins the next one.
    pub(super) fn turn(&mut self) -> Result<(), ReportError> {
        self.end_page()?;
        let title = self.title.clone();
        self.text(MARGIN, MARGIN - 6.0, FOOT, &title);
        self.y = MARGIN + 4.0;
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), ReportError> {
        let (y, right) = (PAGE.1 - 24.0, MARGIN + WIDTH - COUNT_ROOM);
        self.area(MARGIN, y - 11.0, WIDTH, 0.5, Colour::Line.rgb());
        let foot = self.foot.clone();
        self.text(MARGIN, y, FOOT, &foot);
        let page = format!("Page {} of ", self.file.pages() + 1);
        let wide = self.regular.width(&page, FOOT.size);
        self.text(right - wide, y, FOOT, &page);
        self.content.save_state().transform([1.0, 0.0, 0.0, 1.0, right, PAGE.1 - y]);
        self.content.x_object(COUNT).restore_state();
        let content = std::mem::replace(&mut self.content, Content::new());
        Ok(self.file.add_page(content)?)
    }

    /// Ends the document; returns where it was written to.
    pub(super) fn finish(mut self, head: &Head) -> Result<W, ReportError> {
        if self.missing > 0 {
            let note = format!(
                "Characters that this document's font lacks, shown as \u{fffd}: {}. The CSV, XLSX and HTML forms have them.",
                self.missing
            );
            self.paragraph(&note)?;
        }
        self.end_page()?;
        let count = self.regular.encode(&self.file.pages().to_string());
        let mut drawing = Content::new();
        fill(&mut drawing, FOOT.colour);
        drawing.begin_text().set_font(Name(self.regular.name.as_bytes()), FOOT.size);
        drawing.show(Str(&count)).end_text();
        Ok(self.file.finish(head, [&self.regular, &self.bold], drawing)?)
    }
}

fn fill(content: &mut Content, colour: Colour) {
    let [red, green, blue] = colour.rgb().map(|part| f32::from(part) / 255.0);
    content.set_fill_rgb(red, green, blue);
}
