//! Writes columns: items of documents in order, cut into zones.

use super::sink::Sink;
use crate::error::SearchError;
use crate::lists::Lists;
use crate::split::columns::{put_leaves, put_lists, put_times};
use crate::split::format::{Column, HashColumn};
use crate::zone::{ZONE_DOCS, Zone};

/// A column while it is being written.
#[derive(Debug)]
pub(super) struct ColumnWriter {
    column: Column,
    bytes: Vec<u8>,
}

impl ColumnWriter {
    pub(super) fn new(sink: &Sink) -> ColumnWriter {
        ColumnWriter { column: Column { bounds: vec![sink.at()] }, bytes: Vec::new() }
    }

    /// Adds a zone whose bytes `put` makes.
    fn zone(&mut self, sink: &mut Sink, put: impl FnOnce(&mut Vec<u8>)) -> Result<(), SearchError> {
        self.bytes.clear();
        put(&mut self.bytes);
        sink.put(&self.bytes)?;
        self.column.bounds.push(sink.at());
        Ok(())
    }
}

/// A column of instants while it is being written.
#[derive(Debug)]
pub(super) struct InstantWriter {
    writer: ColumnWriter,
    zone: Vec<i64>,
    /// The earliest and the latest of each zone.
    spans: Vec<(i64, i64)>,
}

impl InstantWriter {
    pub(super) fn new(sink: &Sink) -> InstantWriter {
        InstantWriter {
            writer: ColumnWriter::new(sink),
            zone: Vec::with_capacity(ZONE_DOCS),
            spans: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, sink: &mut Sink, at: i64) -> Result<(), SearchError> {
        self.zone.push(at);
        if self.zone.len() == ZONE_DOCS { self.flush(sink) } else { Ok(()) }
    }

    fn flush(&mut self, sink: &mut Sink) -> Result<(), SearchError> {
        if let (Some(min), Some(max)) = (self.zone.iter().min(), self.zone.iter().max()) {
            self.spans.push((*min, *max));
            self.writer.zone(sink, |bytes| put_times(bytes, &self.zone))?;
            self.zone.clear();
        }
        Ok(())
    }

    /// The column, and the earliest and the latest of each zone.
    pub(super) fn finish(mut self, sink: &mut Sink) -> Result<(Column, Vec<(i64, i64)>), SearchError> {
        self.flush(sink)?;
        Ok((self.writer.column, self.spans))
    }
}

/// The column of leaf indices while it is being written.
#[derive(Debug)]
pub(super) struct LeafWriter {
    writer: ColumnWriter,
    zone: Vec<u64>,
    firsts: Vec<u64>,
}

impl LeafWriter {
    pub(super) fn new(sink: &Sink) -> LeafWriter {
        LeafWriter {
            writer: ColumnWriter::new(sink),
            zone: Vec::with_capacity(ZONE_DOCS),
            firsts: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, sink: &mut Sink, leaf: u64) -> Result<(), SearchError> {
        self.zone.push(leaf);
        if self.zone.len() == ZONE_DOCS { self.flush(sink) } else { Ok(()) }
    }

    fn flush(&mut self, sink: &mut Sink) -> Result<(), SearchError> {
        if let Some(first) = self.zone.first() {
            self.firsts.push(*first);
            self.writer.zone(sink, |bytes| put_leaves(bytes, &self.zone))?;
            self.zone.clear();
        }
        Ok(())
    }

    /// The column, and the first leaf index of each zone.
    pub(super) fn finish(mut self, sink: &mut Sink) -> Result<(Column, Vec<u64>), SearchError> {
        self.flush(sink)?;
        Ok((self.writer.column, self.firsts))
    }
}

/// Zones from the spans of their two times.
pub(super) fn zones(times: &[(i64, i64)], received: &[(i64, i64)]) -> Vec<Zone> {
    let zone = |(time, received): (&(i64, i64), &(i64, i64))| Zone {
        time_min: time.0,
        time_max: time.1,
        received_min: received.0,
        received_max: received.1,
    };
    times.iter().zip(received).map(zone).collect()
}

/// A column of lists while it is being written, document by document.
#[derive(Debug)]
pub(super) struct ListWriter {
    writer: ColumnWriter,
    zone: Lists<u32>,
}

impl ListWriter {
    pub(super) fn new(sink: &Sink) -> ListWriter {
        ListWriter { writer: ColumnWriter::new(sink), zone: Lists::default() }
    }

    /// Adds an item to the document that comes next.
    pub(super) fn item(&mut self, item: u32) {
        self.zone.items.push(item);
    }

    /// Ends the list of that document.
    pub(super) fn close(&mut self, sink: &mut Sink) -> Result<(), SearchError> {
        self.zone.close();
        if self.zone.len() == ZONE_DOCS { self.flush(sink) } else { Ok(()) }
    }

    fn flush(&mut self, sink: &mut Sink) -> Result<(), SearchError> {
        self.writer.zone(sink, |bytes| put_lists(bytes, &self.zone))?;
        self.zone.clear();
        Ok(())
    }

    pub(super) fn finish(mut self, sink: &mut Sink) -> Result<Column, SearchError> {
        if self.zone.len() > 0 {
            self.flush(sink)?;
        }
        Ok(self.writer.column)
    }
}

/// Writes a table of distinct hashes, ascending; the column over it comes from elsewhere.
pub(super) fn write_hashes(
    sink: &mut Sink,
    hashes: &[u64],
    column: Column,
) -> Result<HashColumn, SearchError> {
    let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
    let table = sink.put_checked(&bytes)?.start;
    Ok(HashColumn { count: hashes.len() as u32, table, column })
}
