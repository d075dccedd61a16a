//! A document as one HTML page that is whole in itself: no scripts, nothing to load, drawings inside.
//!
//! Invariant: texts become texts. The page's own policy lets a browser apply its one style sheet and nothing else, so
//! that even a mistake here would run nothing.

use std::{
    fmt,
    io::{self, Write},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use crate::{
    ReportError,
    chart::{Anchor, Chart, Mark},
    document::{Document, Heading, Kind, Shape},
    pdf::text_width,
};

/// The page's style sheet. Who shows the page inside another one lets it apply by its hash, [`style_hash`].
const STYLE: &str = include_str!("report.css");

/// The style sheet's hash as a content security policy names it: `sha256-...`.
pub fn style_hash() -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(STYLE)))
}

/// How wide a chart is laid out, and how much larger it is shown.
const CHART_WIDTH: f32 = 720.0;
const CHART_SCALE: f32 = 1.5;
/// How much wider the fonts of browsers are than the one that texts are measured with, at most.
const WIDER: f32 = 1.2;

/// Writes the document; returns where to.
pub(crate) fn write<W: Write>(document: &mut Document<'_>, mut out: W) -> Result<W, ReportError> {
    document.settle();
    let head = &document.head;
    let title = Escaped(&head.title);
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{}'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n<main>\n<h1>{title}</h1>\n",
        style_hash()
    )?;
    if !head.lines.is_empty() {
        writeln!(out, "<dl>")?;
        for (label, text) in &head.lines {
            writeln!(out, "<dt>{}</dt><dd>{}</dd>", Escaped(label), Escaped(text))?;
        }
        writeln!(out, "</dl>")?;
    }
    for notice in &document.notices {
        writeln!(out, "<p class=\"notice\" role=\"note\">{}</p>", Escaped(notice))?;
    }
    if let Some(chart) = &document.chart {
        draw(&mut out, chart)?;
    }
    table(&mut out, document)?;
    for note in &document.notes {
        writeln!(out, "<p class=\"note\">{}</p>", Escaped(note))?;
    }
    if !document.head.footer.is_empty() {
        writeln!(out, "<footer>{}</footer>", Escaped(&document.head.footer))?;
    }
    out.write_all(b"</main>\n</body>\n</html>\n")?;
    Ok(out)
}

fn table<W: Write>(out: &mut W, document: &mut Document<'_>) -> Result<(), ReportError> {
    let headings = &document.headings;
    write!(
        out,
        "<div class=\"table\">\n<table>\n<caption>{}</caption>\n<thead>\n<tr>",
        Escaped(&document.head.title)
    )?;
    for heading in headings.iter().filter(|heading| heading.shape != Shape::Below) {
        write!(out, "<th scope=\"col\"{}>{}</th>", class(heading), Escaped(&heading.text))?;
    }
    out.write_all(b"</tr>\n</thead>\n<tbody>\n")?;
    document.lines.rewind()?;
    let mut rows = 0_u64;
    while let Some((kind, cells)) = document.lines.next()? {
        rows += 1;
        row(out, headings, (kind, rows.is_multiple_of(2)), cells)?;
    }
    if rows == 0 {
        writeln!(out, "<tr><td colspan=\"{}\">Nothing was found.</td></tr>", headings.len().max(1))?;
    }
    out.write_all(b"</tbody>\n</table>\n</div>\n")?;
    Ok(())
}

fn row<W: Write>(
    out: &mut W,
    headings: &[Heading],
    (kind, is_even): (Kind, bool),
    cells: &[String],
) -> io::Result<()> {
    let line = match (kind, is_even) {
        (Kind::Row, false) => "",
        (Kind::Row, true) => " even",
        (Kind::Subtotal, _) => " sum",
        (Kind::Total, _) => " sum total",
    };
    // Sums of a table without numbers are words in its first columns: a row may have fewer cells than the table.
    let cells = || headings.iter().zip(cells.iter().map(String::as_str).chain(std::iter::repeat("")));
    // Long texts stand under their row, all across the table.
    let below = || cells().filter(|(heading, cell)| heading.shape == Shape::Below && !cell.is_empty());
    let has_below = below().next().is_some();
    write!(out, "<tr class=\"{}{line}\">", if has_below { "row with" } else { "row" })?;
    let beside = cells().filter(|(heading, _)| heading.shape != Shape::Below);
    let mut columns = 0;
    for (place, (heading, cell)) in beside.enumerate() {
        columns += 1;
        if kind != Kind::Row && place == 0 {
            write!(out, "<th scope=\"row\"{}>{}</th>", class(heading), Escaped(cell))?;
        } else {
            write!(out, "<td{}>{}</td>", class(heading), Escaped(cell))?;
        }
    }
    out.write_all(b"</tr>\n")?;
    if has_below {
        write!(out, "<tr class=\"row{line}\"><td class=\"below\" colspan=\"{}\">", columns.max(1))?;
        for (heading, cell) in below() {
            write!(out, "<div><b>{}</b> {}</div>", Escaped(&heading.text), Escaped(cell))?;
        }
        out.write_all(b"</td></tr>\n")?;
    }
    Ok(())
}

fn class(heading: &Heading) -> &'static str {
    if heading.shape == Shape::Number { " class=\"number\"" } else { "" }
}

fn draw<W: Write>(out: &mut W, chart: &Chart) -> io::Result<()> {
    let drawing = chart.drawing(CHART_WIDTH, &mut |text, size| WIDER * text_width(text, size));
    let (width, height) = (drawing.width, drawing.height);
    let title = Escaped(&chart.title);
    write!(
        out,
        "<figure>\n<svg viewBox=\"0 0 {width} {height}\" width=\"{}\" height=\"{}\" role=\"img\" \
         aria-label=\"{title}\" font-family=\"system-ui, sans-serif\">\n<title>{title}</title>\n",
        width * CHART_SCALE,
        height * CHART_SCALE
    )?;
    for mark in &drawing.marks {
        match mark {
            Mark::Area { x, y, width, height, colour } => {
                let [red, green, blue] = colour.rgb();
                writeln!(
                    out,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
                     fill=\"#{red:02x}{green:02x}{blue:02x}\"/>"
                )?;
            }
            Mark::Text { x, y, size, anchor, colour, is_bold, text } => {
                let [red, green, blue] = colour.rgb();
                let anchor = match anchor {
                    Anchor::Start => "start",
                    Anchor::Middle => "middle",
                    Anchor::End => "end",
                };
                let weight = if *is_bold { " font-weight=\"600\"" } else { "" };
                writeln!(
                    out,
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{anchor}\"{weight} \
                     fill=\"#{red:02x}{green:02x}{blue:02x}\">{}</text>",
                    Escaped(text)
                )?;
            }
        }
    }
    out.write_all(b"</svg>\n</figure>\n")
}

/// A text in HTML, between tags or in an attribute: what would be invisible, and what would turn the text around, is
/// written out.
struct Escaped<'t>(&'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plain = 0;
        for (at, character) in self.0.char_indices() {
            let name = match character {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                '\n' | '\t' => continue,
                '\r' if self.0[at..].starts_with("\r\n") => "",
                '\r' => "\n",
                _ if character.is_control() || turns(character) => {
                    f.write_str(&self.0[plain..at])?;
                    write!(f, "‹U+{:04X}›", u32::from(character))?;
                    plain = at + character.len_utf8();
                    continue;
                }
                _ => continue,
            };
            f.write_str(&self.0[plain..at])?;
            f.write_str(name)?;
            plain = at + character.len_utf8();
        }
        f.write_str(&self.0[plain..])
    }
}

/// Characters that change the direction of what follows, and those that take no room at all.
fn turns(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        for (text, html) in [
            ("a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;"),
            ("nul\0 \u{202e}x\u{2066}", "nul‹U+0000› ‹U+202E›x‹U+2066›"),
            ("a\r\nb\rc\n\td", "a\nb\nc\n\td"),
            ("Ж 漢 👩\u{200d}💻", "Ж 漢 👩\u{200d}💻"),
            ("", ""),
        ] {
            assert_eq!(Escaped(text).to_string(), html);
        }
    }
}
