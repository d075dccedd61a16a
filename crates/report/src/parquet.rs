//! Rows as Parquet, for the tools of analysts: times are instants, numbers are numbers, the rest is text.
//!
//! Format: <https://parquet.apache.org/docs/file-format/>. Columns bear the API's names. What was not captured is null.
//! Invariant: no more than a row group is in memory, and its size has a limit in rows as in bytes.

use std::{io::Write, sync::Arc};

use bytes::Bytes;
use indelible_access::EventView;
use parquet::{
    basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel},
    data_type::{ByteArray, ByteArrayType, Int64Type},
    file::{
        properties::{EnabledStatistics, WriterProperties},
        writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::{ColumnPath, Type},
};

use crate::{
    Column, Columns, ReportError,
    shown::{Shown, time},
};

/// Rows of a group: readers skip whole groups, so they should not be too large.
const GROUP_ROWS: usize = 1 << 17;
/// Bytes of a group's cells, before compression. Twice as much is in memory while the group is written.
const GROUP_BYTES: usize = 32 << 20;
/// Bytes that a cell is counted with beside its text.
const CELL_BYTES: usize = 8;

/// Takes events.
pub(crate) struct ParquetFile<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Vec<(Column, Cells)>,
    rows: usize,
    bytes: usize,
}

/// The cells of a column in a group, nulls left out.
enum Cells {
    Texts { texts: Vec<u8>, ends: Vec<usize>, present: Vec<i16> },
    Numbers { numbers: Vec<i64>, present: Vec<i16> },
}

impl<W: Write + Send> ParquetFile<W> {
    pub(crate) fn new(out: W, columns: &Columns) -> Result<Self, ReportError> {
        let mut columns: Vec<Column> = columns.of_events();
        // A column has one name and a name one column.
        let mut seen = Vec::new();
        columns.retain(|column| {
            !seen.contains(column) && {
                seen.push(*column);
                true
            }
        });
        let fields = columns.iter().map(|column| field(*column).map(Arc::new));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        let schema = Type::group_type_builder("events").with_fields(fields).build()?;
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties(&columns)?))?;
        let columns = columns.into_iter().map(|column| (column, Cells::of(column))).collect();
        Ok(Self { writer, columns, rows: 0, bytes: 0 })
    }

    pub(crate) fn add(&mut self, view: &EventView, shown: &mut Shown) -> Result<(), ReportError> {
        for (column, cells) in &mut self.columns {
            self.bytes += CELL_BYTES + cells.add(*column, view, shown);
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS || self.bytes >= GROUP_BYTES { self.end_group() } else { Ok(()) }
    }

    fn end_group(&mut self) -> Result<(), ReportError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for (_, cells) in &mut self.columns {
            cells.write(&mut group)?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<W, ReportError> {
        self.end_group()?;
        Ok(self.writer.into_inner()?)
    }
}

impl Cells {
    fn of(column: Column) -> Self {
        match column {
            Column::Time | Column::ReceivedAt | Column::TenantSeq => {
                Self::Numbers { numbers: Vec::new(), present: Vec::new() }
            }
            _ => Self::Texts { texts: Vec::new(), ends: Vec::new(), present: Vec::new() },
        }
    }

    /// Returns the bytes of the cell's text.
    fn add(&mut self, column: Column, view: &EventView, shown: &mut Shown) -> usize {
        match self {
            Self::Numbers { numbers, present } => {
                let number = match column {
                    // Beyond 2^63 there is none: a chain would have to grow for 30,000 years at 10 million a second.
                    Column::TenantSeq => i64::try_from(view.added.tenant_seq).ok(),
                    _ => time(column, view).map(|time| time.as_micros()),
                };
                present.push(i16::from(number.is_some()));
                numbers.extend(number);
                0
            }
            Self::Texts { texts, ends, present } => {
                let text = shown.cell(column, view);
                present.push(i16::from(text.is_some()));
                let Some(text) = text else { return 0 };
                texts.extend_from_slice(text.as_bytes());
                ends.push(texts.len());
                text.len()
            }
        }
    }

    fn write<W: Write + Send>(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ReportError> {
        let mut column: SerializedColumnWriter<'_> =
            group.next_column()?.expect("the group has as many columns as the file");
        match self {
            Self::Numbers { numbers, present } => {
                column.typed::<Int64Type>().write_batch(numbers, Some(present), None)?;
                numbers.clear();
                present.clear();
            }
            Self::Texts { texts, ends, present } => {
                let texts = Bytes::from(std::mem::take(texts));
                let starts = std::iter::once(0).chain(ends.iter().copied());
                let cells = starts.zip(ends.iter()).map(|(from, to)| ByteArray::from(texts.slice(from..*to)));
                let cells: Vec<_> = cells.collect();
                column.typed::<ByteArrayType>().write_batch(&cells, Some(present), None)?;
                ends.clear();
                present.clear();
            }
        }
        Ok(column.close()?)
    }
}

fn field(column: Column) -> Result<Type, ReportError> {
    let (physical, logical) = match column {
        Column::Time | Column::ReceivedAt => {
            (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS)))
        }
        Column::TenantSeq => (Physical::INT64, None),

        _ => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let field = Type::primitive_type_builder(column.as_str(), physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical);
    Ok(field.build()?)
}

fn properties(columns: &[Column]) -> Result<WriterProperties, ReportError> {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("Indelible ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        // Those of pages would stay in memory up to the end of the file.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    for column in columns.iter().filter(|column| is_unlike(**column)) {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column.as_str()), false);
    }
    Ok(properties.build())
}

/// Whether hardly two events have the same in it, so that a dictionary of its values would be in vain.
fn is_unlike(column: Column) -> bool {
    matches!(
        column,
        Column::Time
            | Column::ReceivedAt
            | Column::Id
            | Column::TenantSeq
            | Column::Parameters
            | Column::Changes
            | Column::Event
            | Column::RequestId
            | Column::TraceId
    )
}

#[cfg(test)]
mod tests {
    use parquet::{
        file::reader::{FileReader, SerializedFileReader},
        record::{Field, Row},
    };

    use super::*;
    use crate::{
        clock::{Clock, Precision},
        testing::view,
    };

    fn file(columns: &Columns, events: &[EventView]) -> SerializedFileReader<Bytes> {
        let zone = jiff::tz::TimeZone::get("Europe/Rome").unwrap();
        let mut shown = Shown::new(Clock::new(zone), Precision::Microseconds, Default::default());
        let mut file = ParquetFile::new(Vec::new(), columns).unwrap();
        for event in events {
            file.add(event, &mut shown).unwrap();
        }
        SerializedFileReader::new(Bytes::from(file.finish().unwrap())).unwrap()
    }

    fn rows(file: &SerializedFileReader<Bytes>) -> Vec<Row> {
        file.get_row_iter(None).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn gives_back_times_as_instants_numbers_as_numbers_and_nulls_for_what_was_not_captured() {
        let columns = [
            Column::Time,
            Column::TenantSeq,
            Column::Actor,
            Column::Reason,
            Column::Time,
            Column::ReceivedAt,
        ];
        let event = view(
            r#"{"action":"a","time":"2026-03-01T01:00:00.5+01:00","actor":{"username":"=ada\u0000\u202e"}}"#,
        );
        let rows =
            rows(&file(&Columns::Chosen(columns.to_vec()), &[event.clone(), view(r#"{"action":"b"}"#)]));
        let texts = |row: &Row| row.get_column_iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&rows[0]), ["time", "tenant_seq", "actor", "reason", "received_at"]);
        let fields = |row: &Row| row.get_column_iter().map(|(_, field)| field.clone()).collect::<Vec<_>>();
        let received = Field::TimestampMicros(1_772_368_496_123_456);
        let first = [
            Field::TimestampMicros(1_772_323_200_500_000),
            Field::Long(3),
            Field::Str("=ada\0\u{202e}".into()),
            Field::Null,
            received.clone(),
        ];
        assert_eq!(fields(&rows[0]), first);
        assert_eq!(fields(&rows[1]), [Field::Null, Field::Long(3), Field::Null, Field::Null, received]);
    }

    #[test]
    fn a_complete_file_holds_parameters_and_the_whole_event() {
        let event = view(r#"{"action":"a","parameters":{"p":"1","q":[2]}}"#);
        let row = rows(&file(&Columns::Complete, std::slice::from_ref(&event))).remove(0);
        let cells: Vec<_> = row.get_column_iter().map(|(_, field)| field.clone()).collect();
        assert_eq!(cells.len(), 18);
        assert_eq!(cells[16], Field::Str(r#"{"p":"1","q":[2]}"#.into()));
        assert_eq!(cells[17], Field::Str(event.to_json()));
    }

    #[test]
    fn a_group_ends_before_large_events_fill_the_memory() {
        let large = format!(r#"{{"action":"a","details":"{}"}}"#, "x".repeat(GROUP_BYTES / 3));
        let events = vec![view(&large); 7];
        let file = file(&Columns::Chosen(vec![Column::Details]), &events);
        let groups: Vec<_> = file.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(groups, [3, 3, 1]);
        assert_eq!(rows(&file).len(), 7);
    }

    #[test]
    fn a_file_without_rows_is_a_file() {
        assert_eq!(rows(&file(&Columns::Basic, &[])).len(), 0);
    }
}
