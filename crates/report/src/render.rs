//! A document in one of the formats of reports.

use std::{fs::File, path::Path};

use crate::{
    Format, ReportError, Written,
    document::Document,
    export::{hashed, sink, written},
    html, pdf,
    table::CsvFile,
    xlsx,
};

/// Writes the document; `counted` says how many rows are in it.
pub(crate) fn render(
    document: &mut Document<'_>,
    format: Format,
    file: File,
    dir: &Path,
    counted: Written,
) -> Result<Written, ReportError> {
    match format {
        Format::Csv => {
            let mut csv = CsvFile::new(sink(file), false)?;
            csv.add(document.headings.iter().map(|heading| heading.text.as_str()))?;
            while let Some((_, cells)) = document.lines.next()? {
                // A row of sums has fewer cells; in a table all rows have as many.
                let width = document.headings.len();
                let empty = width.saturating_sub(cells.len());
                csv.add(cells.iter().map(String::as_str).chain(std::iter::repeat_n("", empty)))?;
            }
            written(csv.finish()?, counted)
        }
        Format::Pdf => {
            let (out, cut_cells) = pdf::write(document, sink(file))?;
            written(out, Written { cut_cells, ..counted })
        }
        Format::Html => written(html::write(document, sink(file))?, counted),
        Format::Xlsx => {
            let cut_cells = xlsx::write(document, &file, dir)?;
            hashed(file, Written { cut_cells, ..counted })
        }
        Format::Json | Format::Ndjson | Format::Parquet => Err(ReportError::Format(format)),
    }
}
