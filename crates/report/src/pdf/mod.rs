//! A document as PDF: landscape A4, for auditors and for paper.
//!
//! Invariant: whatever texts hold, a page shows it or shows that it cannot; no text is an instruction of the format.

mod face;
mod file;
mod legible;
mod sheet;
mod table;

use std::io::Write;

use crate::{ReportError, document::Document};

use sheet::Sheet;
use table::TableLayout;

/// Width and height of a page: A4 on its side, in points.
const PAGE: (f32, f32) = (841.89, 595.28);
/// What is left free at the sides, at the top, and at the bottom, where the foot stands.
const MARGIN: f32 = 36.0;
const BOTTOM: f32 = 44.0;
/// How wide a table is.
const WIDTH: f32 = PAGE.0 - 2.0 * MARGIN;

/// How wide a text is in the font of documents, in points: near enough to what other fonts make of it.
pub(crate) fn text_width(text: &str, size: f32) -> f32 {
    thread_local!(static FACE: std::cell::RefCell<face::Face> = std::cell::RefCell::new(face::Face::regular()));
    FACE.with_borrow_mut(|face| face.width(text, size))
}

/// Writes the document; returns where to, and how many cells were cut.
pub(crate) fn write<W: Write>(document: &mut Document<'_>, out: W) -> Result<(W, u64), ReportError> {
    document.settle();
    let mut sheet = Sheet::new(&document.head, out)?;
    sheet.head(&document.head);
    for notice in &document.notices {
        sheet.notice(notice)?;
    }
    if let Some(chart) = &document.chart {
        sheet.chart(chart)?;
    }
    let mut table = TableLayout::measured(document, &mut sheet)?;
    table.begin(&mut sheet)?;
    document.lines.rewind()?;
    let mut is_empty = true;
    while let Some((kind, cells)) = document.lines.next()? {
        table.row(kind, cells, &mut sheet)?;
        is_empty = false;
    }
    if is_empty {
        sheet.paragraph("Nothing was found.")?;
    }
    let omitted = table.omitted().map(|names| format!("Columns without any value are left out: {names}."));
    for note in document.notes.iter().chain(&omitted) {
        sheet.paragraph(note)?;
    }
    let cut = table.cut();
    if cut > 0 {
        sheet.paragraph(&format!("Texts that are cut, as they say at their ends: {cut}."))?;
    }
    Ok((sheet.finish(&document.head)?, cut))
}

#[cfg(test)]
mod tests;
