//! Content segments: sealed envelopes, bodies and salts, packed in blocks.
//!
//! Bytes: `docs/protocol/storage.md`, "Content segment". A segment holds a contiguous range of indexes; inside,
//! rows are clustered by (expiry bucket, tenant, index), so that one tenant's page unpacks few blocks and
//! retention can drop whole blocks.

mod block;
mod read;
mod rewrite;
mod write;

pub(crate) use block::{Block, Content, Kept, Removed};
pub(crate) use read::ContentSegment;
pub(crate) use rewrite::rewrite_segment;
pub(crate) use write::{SealRow, write_segment};

use crate::files::SegmentEntry;

/// The name of a segment: of its indexes, and how often it was written again.
pub(crate) fn segment_name(entry: &SegmentEntry) -> String {
    let SegmentEntry { first, end, generation, .. } = entry;
    match generation {
        0 => format!("{first:012x}-{end:012x}.seg"),
        _ => format!("{first:012x}-{end:012x}.{generation:x}.seg"),
    }
}
