//! The ledger's own account of itself, for health pages and metrics.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use crate::clock::ClockStep;
use crate::shared::Shared;

/// What the ledger is doing. Totals count from the opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerStatus {
    /// Durable entries.
    pub size: u64,
    /// Entries covered by what is written down as released.
    pub released_size: u64,
    /// Entries in content segments; the others are in the WAL.
    pub sealed_size: u64,
    /// Content segments.
    pub content_segments: u64,
    /// Bytes of the content segments.
    pub content_segment_bytes: u64,
    /// WAL segments that hold entries not sealed yet.
    pub wal_segments: u64,
    /// Bytes of those segments.
    pub wal_bytes: u64,
    /// Unpacked content waiting to be sealed, in bytes.
    pub unsealed_bytes: u64,
    /// Bytes of requests waiting to be sequenced.
    pub queue_bytes: u64,
    /// Ids waiting for the id index.
    pub id_backlog: u64,
    /// Frames written.
    pub frames_total: u64,
    /// Entries written.
    pub entries_total: u64,
    /// Events answered as duplicates.
    pub duplicates_total: u64,
    /// Bytes of the frames written.
    pub frame_bytes_total: u64,
    /// Bytes of the envelopes and bodies in them.
    pub content_bytes_total: u64,
    /// Time spent writing and syncing frames, in microseconds.
    pub sync_us_total: u64,
    /// Seals done.
    pub seals_total: u64,
    /// Requests refused because the queue or the id index was behind.
    pub refused_busy_total: u64,
    /// Requests refused because the disk is nearly full.
    pub refused_full_total: u64,
    /// The last step of the clock since the opening: an alarm, and retention has to pause.
    pub clock_step: Option<ClockStep>,
    /// What does not work although the ledger goes on, by part: empty when all is well.
    pub degraded: BTreeMap<String, String>,
    /// The WAL could not be written: nothing is stored any more.
    pub failed: bool,
}

impl LedgerStatus {
    pub(crate) fn of(shared: &Shared, queue_bytes: u64) -> Self {
        let total = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &shared.counters;
        let troubles =
            shared.troubles.lock().iter().map(|(part, text)| ((*part).to_owned(), text.clone())).collect();
        let view = shared.view.read();
        let mut segments: Vec<_> = view.frames.iter().map(|frame| &frame.segment).collect();
        segments.dedup_by_key(|segment| segment.id);
        Self {
            size: view.checkpoint.size,
            released_size: shared.released.load(Ordering::Acquire),
            sealed_size: view.sealed,
            content_segments: view.segments.len() as u64,
            content_segment_bytes: view.segments.iter().map(|segment| segment.entry.bytes).sum(),
            wal_segments: segments.len() as u64,
            wal_bytes: segments.iter().map(|segment| segment.bytes).sum(),
            unsealed_bytes: view.frames.iter().map(|frame| u64::from(frame.raw_len)).sum(),
            queue_bytes,
            id_backlog: shared.id_work.lock().entries as u64,
            frames_total: total(&counters.frames),
            entries_total: total(&counters.entries),
            duplicates_total: total(&counters.duplicates),
            frame_bytes_total: total(&counters.frame_bytes),
            content_bytes_total: total(&counters.content_bytes),
            sync_us_total: total(&counters.sync_us),
            seals_total: total(&counters.seals),
            refused_busy_total: total(&counters.refused_busy),
            refused_full_total: total(&counters.refused_full),
            clock_step: *shared.clock_step.lock(),
            degraded: troubles,
            failed: shared.dead.load(Ordering::Acquire),
        }
    }
}
