//! Content segments: sealed envelopes, bodies and salts, packed in blocks.
//!
//! Bytes: `docs/protocol/storage.md`, "Content segment". A segment holds a contiguous range of indexes; inside,
//! rows are clustered by (expiry bucket, tenant, index), so that one tenant's page unpacks few blocks and
//! retention can drop whole blocks.

mod block;
mod read;
mod write;

pub(crate) use block::{Block, Content};
pub(crate) use read::ContentSegment;
pub(crate) use write::{SealRow, write_segment};

/// The name of the segment with these indexes.
pub(crate) fn segment_name(first: u64, end: u64) -> String {
    format!("{first:012x}-{end:012x}.seg")
}
