//! What an operator can set about the ledger.

/// Sizes and limits of one ledger. All sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerConfig {
    /// First part of the checkpoint origin `<name>/<log id>` of a new ledger; an existing one keeps its own.
    pub origin_name: String,
    /// Size of a WAL segment, pre-written with zeros.
    pub wal_segment_bytes: u64,
    /// Envelopes and bodies that gather in the WAL before they are sealed into a content segment.
    pub seal_bytes: u64,
    /// Requests waiting to be sequenced; beyond it senders are told to come back.
    pub queue_bytes_max: u64,
    /// Envelopes and bodies in one frame. A single larger request still is one frame.
    pub group_bytes_max: u64,
    /// Committed records kept in memory for those who follow the log.
    pub ring_bytes: u64,
    /// Unpacked content kept in memory for readers.
    pub cache_bytes: u64,
    /// Disk space below which nothing is accepted any more.
    pub min_free_bytes: u64,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            origin_name: "indelible".to_owned(),
            wal_segment_bytes: 256 * MIB,
            seal_bytes: 64 * MIB,
            queue_bytes_max: 256 * MIB,
            group_bytes_max: 8 * MIB,
            ring_bytes: 32 * MIB,
            // A whole unpacked content segment with its row heads, so that reading in order unpacks each block once.
            cache_bytes: 96 * MIB,
            min_free_bytes: 512 * MIB,
        }
    }
}
