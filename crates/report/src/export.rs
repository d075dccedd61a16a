//! Events into one file.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufWriter, Read, Seek, Write},
    path::{Path, PathBuf},
};

use indelible_access::EventView;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::{
    Column, Columns, Format, Head, ReportError,
    chart::grouped,
    clock::{Clock, Precision},
    document::{Document, Heading, Kind, LineSpool},
    parquet::ParquetFile,
    pdf,
    shown::Shown,
    spool::{Row, Spool},
    table::{CsvFile, Table, cells},
    xlsx::XlsxFile,
};

/// What a file is to be.
#[derive(Clone)]
pub struct Plan {
    /// Its format.
    pub format: Format,
    /// Its columns, where the format has some.
    pub columns: Columns,
    /// The zone of times in columns. JSON has them as the API does, in UTC.
    pub zone: TimeZone,
    /// Whether CSV begins with a byte order mark, which old spreadsheets need to read UTF-8.
    pub byte_order_mark: bool,
    /// Labels of action types by their ids.
    pub action_labels: HashMap<String, String>,
    /// What stands at the head of a PDF.
    pub head: Head,
    /// Rows of a PDF; those beyond are counted and left out.
    pub rows_max: u64,
}

/// Rows of a PDF that nobody chose a number for: 2,000 pages and more.
pub const ROWS_MAX: u64 = 100_000;

impl Plan {
    /// A complete file in UTC, with nothing at its head.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            columns: Columns::Complete,
            zone: TimeZone::UTC,
            byte_order_mark: false,
            action_labels: HashMap::new(),
            head: Head::default(),
            rows_max: ROWS_MAX,
        }
    }
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Events in it.
    pub rows: u64,
    /// Events that were given and are not in it, since the format holds no more; it says so itself.
    pub left_out: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// Cells that the format could not hold whole; what they end with says so.
    pub cut_cells: u64,
}

/// Writes one file, event by event.
pub struct Exporter {
    plan: Plan,
    dir: PathBuf,
    shown: Shown,
    rows: u64,
    left_out: u64,
    /// An event as JSON; here to use its memory again.
    json: Vec<u8>,
    body: Body,
}

enum Body {
    /// Lines of JSON, as they come.
    Json(Sink),
    /// Row groups, as they fill.
    Parquet(Box<ParquetFile<Sink>>),
    /// Pages, whose columns get their widths at the end.
    Pdf(Box<Pages>),
    /// A table whose columns are known: rows as they come.
    Csv(Box<CsvFile<Sink>>, Table),
    /// A table whose columns are known at the end, or whose file is made at the end.
    Spooled(Box<(File, Spool, Table)>),
}

struct Pages {
    file: File,
    columns: Vec<(Column, Heading)>,
    lines: LineSpool,
}

pub(crate) type Sink = BufWriter<Counted>;

/// A file that counts and hashes what goes into it.
pub(crate) struct Counted {
    file: File,
    bytes: u64,
    hash: Sha256,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

const BUFFER: usize = 1 << 18;

pub(crate) fn sink(file: File) -> Sink {
    BufWriter::with_capacity(BUFFER, Counted { file, bytes: 0, hash: Sha256::new() })
}

impl Exporter {
    /// Begins the file `path`, which must not be there. What is in the way of it goes into unnamed files beside it.
    ///
    /// # Errors
    /// The disk's, and [`ReportError::Format`].
    pub fn create(path: &Path, plan: Plan) -> Result<Self, ReportError> {
        if !Format::OF_EXPORTS.contains(&plan.format) {
            return Err(ReportError::Format(plan.format));
        }
        let file = File::create_new(path)?;
        let dir = path.parent().unwrap_or(Path::new(".")).to_owned();
        let table = Table::new(&plan.columns);
        let body = match plan.format {
            Format::Json | Format::Ndjson => Body::Json(sink(file)),
            Format::Csv if table.is_settled() => {
                let mut csv = CsvFile::new(sink(file), plan.byte_order_mark)?;
                csv.add(table.headings().iter().map(String::as_str))?;
                Body::Csv(Box::new(csv), table)
            }
            Format::Csv | Format::Xlsx => Body::Spooled(Box::new((file, Spool::create(&dir)?, table))),
            Format::Parquet => Body::Parquet(Box::new(ParquetFile::new(sink(file), &plan.columns)?)),
            Format::Pdf => {
                let (columns, lines) = (plan.columns.of_pages(), LineSpool::create(&dir)?);
                Body::Pdf(Box::new(Pages { file, columns, lines }))
            }
            Format::Html => return Err(ReportError::Format(plan.format)),
        };
        let precision = match plan.columns {
            Columns::Basic => Precision::TenthsOfMicroseconds,
            _ => Precision::Microseconds,
        };
        let shown = Shown::new(Clock::new(plan.zone.clone()), precision, plan.action_labels.clone());
        Ok(Self { plan, dir, shown, rows: 0, left_out: 0, json: Vec::new(), body })
    }

    /// Adds an event.
    ///
    /// # Errors
    /// The disk's; the file is none then.
    pub fn add(&mut self, view: &EventView) -> Result<(), ReportError> {
        match &mut self.body {
            Body::Json(out) => {
                let before = match (self.plan.format, self.rows) {
                    (Format::Ndjson, _) => "",
                    (_, 0) => "[\n",
                    _ => ",\n",
                };
                out.write_all(before.as_bytes())?;
                self.json.clear();
                view.write_json(&mut self.json);
                out.write_all(&self.json)?;
                if self.plan.format == Format::Ndjson {
                    out.write_all(b"\n")?;
                }
            }
            Body::Csv(csv, table) => table.add_to_csv(view, &mut self.shown, csv)?,
            Body::Parquet(parquet) => parquet.add(view, &mut self.shown)?,
            Body::Pdf(_) if self.rows >= self.plan.rows_max => {
                self.left_out += 1;
                return Ok(());
            }
            Body::Pdf(pages) => {
                pages.lines.begin(Kind::Row, pages.columns.len())?;
                for (column, _) in &pages.columns {
                    pages.lines.cell(&self.shown.cell(*column, view).unwrap_or_default())?;
                }
                pages.lines.end()?;
            }
            Body::Spooled(spooled) => {
                let (_, spool, table) = &mut **spooled;
                table.add_to_spool(view, &mut self.shown, spool)?;
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// How many events are in it by now.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the file; it is on disk when this returns.
    ///
    /// # Errors
    /// The disk's; the file is none then.
    pub fn finish(self) -> Result<Written, ReportError> {
        self.finish_while(&mut || true)
    }

    /// The same; where the events are gone through once more, it is asked now and then whether to go on.
    ///
    /// # Errors
    /// As [`Self::finish`], also where it does not go on.
    pub fn finish_while(self, goes_on: &mut dyn FnMut() -> bool) -> Result<Written, ReportError> {
        let Self { plan, dir, rows, left_out, body, .. } = self;
        let (out, cut_cells) = match body {
            Body::Json(mut out) => {
                if plan.format == Format::Json {
                    out.write_all(if rows == 0 { b"[]\n" } else { b"\n]\n" })?;
                }
                (out, 0)
            }
            Body::Csv(csv, _) => (csv.finish()?, 0),
            Body::Parquet(parquet) => (parquet.finish()?, 0),
            Body::Pdf(pages) => {
                let Pages { file, columns, lines } = *pages;
                let mut head = plan.head;
                if head.title.is_empty() {
                    head.title = "Events".to_owned();
                }
                let mut document = Document {
                    head,
                    notices: left_out_notice(left_out, rows).into_iter().collect(),
                    chart: None,
                    headings: columns.into_iter().map(|(_, heading)| heading).collect(),
                    lines: lines.into_lines(goes_on)?,
                    notes: Vec::new(),
                    omits_empty: plan.columns == Columns::Complete,
                };
                pdf::write(&mut document, sink(file))?
            }
            Body::Spooled(spooled) if plan.format == Format::Csv => {
                let (file, spool, table) = *spooled;
                let headings = table.headings();
                let mut csv = CsvFile::new(sink(file), plan.byte_order_mark)?;
                csv.add(headings.iter().map(String::as_str))?;
                let (mut spooled, mut row) = (spool.into_rows(goes_on)?, Row::default());
                while spooled.next_into(&mut row)? {
                    csv.add(cells(&row, headings.len()))?;
                }
                (csv.finish()?, 0)
            }
            Body::Spooled(spooled) => {
                let (file, spool, table) = *spooled;
                let columns = table.headings().len();
                let mut workbook = XlsxFile::new(&dir, table.headings())?;
                let (mut spooled, mut row) = (spool.into_rows(goes_on)?, Row::default());
                while spooled.next_into(&mut row)? {
                    workbook.add(cells(&row, columns))?;
                }
                let cut_cells = workbook.finish(&file)?;
                return hashed(file, Written { rows, cut_cells, ..Written::default() });
            }
        };
        written(out, Written { rows, left_out, cut_cells, ..Written::default() })
    }
}

/// What a reader of pages has to know first, where there were more rows.
pub(crate) fn left_out_notice(left_out: u64, rows: u64) -> Option<String> {
    let (left_out_text, rows) = (grouped(left_out), grouped(rows));
    (left_out > 0).then(|| {
        format!("Not complete: this document holds the first {rows} rows; {left_out_text} more were found and left out.")
    })
}

/// Puts a file on disk that was written from its beginning to its end.
pub(crate) fn written(out: Sink, written: Written) -> Result<Written, ReportError> {
    let Counted { file, bytes, hash } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(Written { bytes, sha256: hash.finalize().into(), ..written })
}

/// The same of a file that was written in another order.
pub(crate) fn hashed(mut file: File, written: Written) -> Result<Written, ReportError> {
    file.sync_all()?;
    file.rewind()?;
    let (mut hash, mut bytes, mut part) = (Sha256::new(), 0, vec![0; BUFFER]);
    loop {
        let read = file.read(&mut part)?;
        if read == 0 {
            break;
        }
        hash.update(&part[..read]);
        bytes += read as u64;
    }
    Ok(Written { bytes, sha256: hash.finalize().into(), ..written })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::view;

    fn made(plan: Plan, events: &[EventView]) -> (Vec<u8>, Written) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut exporter = Exporter::create(&path, plan).unwrap();
        events.iter().try_for_each(|event| exporter.add(event)).unwrap();
        let written = exporter.finish().unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
        let file = std::fs::read(path).unwrap();
        assert_eq!(written.bytes, file.len() as u64);
        assert_eq!(written.sha256, <[u8; 32]>::from(Sha256::digest(&file)));
        (file, written)
    }

    fn csv_rows(file: &[u8]) -> Vec<Vec<String>> {
        let reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file);
        let row = |row: Result<csv::StringRecord, _>| row.unwrap().iter().map(str::to_owned).collect();
        reader.into_records().map(row).collect()
    }

    /// Two events of every sort of text that did harm somewhere.
    fn hostile() -> [EventView; 2] {
        let many: serde_json::Map<String, Value> = (0..10_000).map(|n| (format!("p{n}"), json!(n))).collect();
        let event = |details: String, parameters: Value| {
            let json = json!({
                "action": "=1+1", "details": details, "parameters": parameters,
                "time": "2026-03-01T00:00:00Z", "actor": {"username": "nul\0 \u{202e}bidi", "id": "\t@x"},
                "targets": [{"name": "a,\"b\"\r\nc", "type": "\u{feff}"}], "client": {"host": "-2+3"},
            });
            view(&json.to_string())
        };
        [
            event("x".repeat(1 << 20), Value::Object(many)),
            event("<script>".into(), json!({"=p": "=q", "": null})),
        ]
    }

    #[test]
    fn hostile_texts_come_through_every_format() {
        let events = hostile();
        for format in Format::OF_EXPORTS {
            for columns in [
                Columns::Complete,
                Columns::Basic,
                Columns::Chosen(vec![]),
                Columns::Chosen(Column::ALL.to_vec()),
            ] {
                let plan = Plan { columns: columns.clone(), ..Plan::new(format) };
                let (file, written) = made(plan, &events);
                assert_eq!((written.rows, written.left_out), (2, 0));
                match format {
                    Format::Csv if columns == Columns::Basic => {
                        let rows = csv_rows(&file);
                        assert_eq!(rows[1][6], "'=1+1");
                        assert_eq!(
                            (rows[1][2].as_str(), rows[1][7].as_str()),
                            ("nul\0 \u{202e}bidi", "'-2+3")
                        );
                        assert_eq!(rows[1][9].len(), 1 << 20);
                    }
                    Format::Csv if columns == Columns::Complete => {
                        let rows = csv_rows(&file);
                        assert_eq!(rows[0].len(), 16 + 2_001);
                        assert_eq!(
                            (&*rows[0][16], &*rows[0][16 + 2_000]),
                            ("Parameter: p0", "Other Parameters")
                        );
                        assert_eq!(rows[2][16 + 2_000], r#"{"=p":"=q","":null}"#);
                    }
                    Format::Ndjson => {
                        let lines: Vec<_> = std::str::from_utf8(&file).unwrap().lines().collect();
                        assert_eq!(lines, events.each_ref().map(EventView::to_json));
                    }
                    Format::Json => {
                        let all: Vec<Value> = serde_json::from_slice(&file).unwrap();
                        assert_eq!(all.len(), 2);
                    }
                    Format::Xlsx if columns == Columns::Basic => assert_eq!(written.cut_cells, 1),
                    Format::Pdf if columns == Columns::Basic => assert_eq!(written.cut_cells, 1),
                    _ => assert!(!file.is_empty()),
                }
            }
        }
    }

    #[test]
    fn a_pdf_holds_so_many_rows_and_counts_the_rest() {
        let events = vec![view(r#"{"action":"a"}"#); 5];
        let plan = Plan { rows_max: 2, ..Plan::new(Format::Pdf) };
        let (_, written) = made(plan, &events);
        assert_eq!((written.rows, written.left_out), (2, 3));
        assert_eq!(
            left_out_notice(3_000, 2_000).unwrap(),
            "Not complete: this document holds the first 2\u{a0}000 rows; 3\u{a0}000 more were found and left out."
        );
    }

    #[test]
    fn a_file_in_the_making_may_go_to_another_thread() {
        fn is_send<T: Send>() {}
        is_send::<Exporter>();
        is_send::<crate::ReportBuilder>();
    }

    #[test]
    fn whoever_says_stop_while_a_file_is_put_together_is_heard() {
        let event = view(r#"{"action":"a","parameters":{"p":1}}"#);
        for format in [Format::Csv, Format::Xlsx, Format::Pdf] {
            let dir = tempfile::tempdir().unwrap();
            let mut exporter = Exporter::create(&dir.path().join("file"), Plan::new(format)).unwrap();
            (0..1_000).for_each(|_| exporter.add(&event).unwrap());
            let mut asked = 0;
            let stopped = exporter.finish_while(&mut || {
                asked += 1;
                asked < 3
            });
            let stopped = stopped.unwrap_err();
            assert!(
                matches!(&stopped, ReportError::Disk(error) if error.kind() == io::ErrorKind::Interrupted)
            );
            assert_eq!(asked, 3, "{format:?}");
        }
    }

    #[test]
    fn html_is_for_reports_only_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let error = Exporter::create(&path, Plan::new(Format::Html)).err();
        assert!(matches!(error, Some(ReportError::Format(Format::Html))) && !path.exists());
    }
}
