//! Where events come from: the ledger, as little of it as the index needs.
//!
//! The ledger is the truth. The index follows it, and asks it again for whatever it lost.

use std::ops::Range;

use indelible_event::{Derived, Event};
use indelible_ledger::{LedgerReader, Stored};
use indelible_verify::Envelope;
use tokio::sync::watch;

use crate::error::SearchError;

/// Why records could not be read, as the source puts it.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// The ledger as the index sees it; promises that what it gives is durable and never changes.
pub trait EventSource: Send + Sync + 'static {
    /// The log's random id, so that the index of another log is never taken for its own.
    fn log_id(&self) -> [u8; 16];

    /// The number of durable entries, and notice of every change.
    fn subscribe(&self) -> watch::Receiver<u64>;

    /// Consecutive records from the beginning of `range`; at least one if the range has any, maybe fewer than all.
    ///
    /// # Errors
    /// When they can't be read; never an empty answer instead.
    fn records(&self, range: Range<u64>) -> Result<Vec<Stored>, SourceError>;
}

impl EventSource for LedgerReader {
    fn log_id(&self) -> [u8; 16] {
        LedgerReader::log_id(self)
    }

    fn subscribe(&self) -> watch::Receiver<u64> {
        LedgerReader::subscribe(self)
    }

    fn records(&self, range: Range<u64>) -> Result<Vec<Stored>, SourceError> {
        Ok(LedgerReader::records(self, range)?)
    }
}

/// Turns what the ledger keeps into an event. It knows importers' mappings and rule versions.
pub trait Decode: Send + Sync + 'static {
    /// The event and what the rules derive from it, the same for the same input, always.
    fn decode(&self, envelope: &Envelope, body: &[u8]) -> Decoded;
}

/// An event and what the rules derive from it.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The event.
    pub event: Event,
    /// What the rules derive.
    pub derived: Derived,
}

/// Records read at once, while they are small.
const BATCH_RECORDS: u64 = 1_024;
/// Bytes of bodies that a batch should not exceed: with 1 MiB an event, 1,024 records would be 1 GiB.
const BATCH_BYTES: usize = 16 << 20;

/// Reads a source in batches that are few when records are small, and small when records are large.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batches {
    records: u64,
}

impl Batches {
    pub(crate) fn new() -> Self {
        Self { records: BATCH_RECORDS }
    }

    /// The next records of `range`, which is not empty; at least one.
    pub(crate) fn next(
        &mut self,
        source: &dyn EventSource,
        range: Range<u64>,
    ) -> Result<Vec<Stored>, SearchError> {
        let until = range.end.min(range.start + self.records);
        let records = source.records(range.start..until).map_err(SearchError::Source)?;
        if records.is_empty() {
            return Err(SearchError::Source("it gave no records though it has some".into()));
        }
        if records.iter().zip(range.start..).any(|(record, index)| record.index() != index) {
            return Err(SearchError::Source("it gave records out of order".into()));
        }
        let body = |stored: &Stored| match stored {
            Stored::Whole(record) => record.body.len(),
            Stored::Removed(_) => 0,
        };
        let bytes: usize = records.iter().map(body).sum();
        self.records = match bytes {
            _ if bytes > BATCH_BYTES => (self.records / 2).max(1),
            _ if bytes < BATCH_BYTES / 4 => (self.records * 2).min(BATCH_RECORDS),
            _ => self.records,
        };
        Ok(records)
    }
}
