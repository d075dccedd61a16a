//! Writing a content segment again without some of its contents.
//!
//! Blocks that keep all their rows are copied as they are. What stays of removed rows (index, commitment, and the entry
//! that tells why) goes into blocks of its own at the end.

use std::collections::BTreeSet;
use std::path::Path;

use super::block::{Block, BlockBuilder, Content, Holds, REMOVED_ROWS_TARGET, Removed, pack_removed};
use super::read::ContentSegment;
use super::write::{BLOCKS_MAX, SegmentBuilder, store};
use crate::StoreError;
use crate::disk::Disk;
use crate::files::SegmentEntry;

/// A segment that was written again.
pub(crate) struct Rewritten {
    pub(crate) entry: SegmentEntry,
    /// Bytes of envelopes and bodies that are not in it any more.
    pub(crate) content_bytes: u64,
}

/// Writes the segment again, durable and named when this returns; the old file stays. `generation` was never used before.
/// `removed` are the rows that lose their content now, ascending by index.
pub(crate) fn rewrite_segment(
    disk: &dyn Disk,
    dir: &Path,
    log_id: &[u8; 16],
    old: &ContentSegment,
    generation: u32,
    removed: &[Removed],
) -> Result<Rewritten, StoreError> {
    let rows = usize::try_from(old.entry.end - old.entry.first).expect("a segment's rows fit memory");
    let locator = old.locator()?;
    let mut indices_of = vec![Vec::new(); old.block_count()];
    for (number, index) in locator.iter().zip(old.entry.first..) {
        let number = usize::from(*number);
        let block = indices_of.get_mut(number);
        block
            .ok_or_else(|| StoreError::corrupt(&old.path, 0, format!("there is no block {number}")))?
            .push(index);
    }
    let place = |index: u64| usize::try_from(index - old.entry.first).expect("rows are in memory");
    let touched: BTreeSet<u16> = removed.iter().map(|row| locator[place(row.index)]).collect();
    let pack = |error| StoreError::io("pack", &old.path, error);
    let mut file = SegmentBuilder::new(log_id, old.entry.first, rows);
    let (mut gone, mut content_bytes) = (removed.to_vec(), 0);
    for (number, indices) in (0u16..).zip(&indices_of) {
        let (header, bytes) = old.read_packed(number.into())?;
        if header.holds == Holds::Content && !touched.contains(&number) {
            file.push(&header, &bytes, indices.iter().copied());
            continue;
        }
        let block = old.read_block(number.into())?;
        gone.extend_from_slice(block.removed());
        let (kept, bytes) = keep(&block, removed);
        content_bytes += bytes;
        let mut builder = BlockBuilder::default();
        kept.iter().for_each(|(index, content)| builder.push(*index, content));
        if !builder.is_empty() {
            let (header, packed) = builder.pack(header.expiry_day, header.tenant_number).map_err(pack)?;
            file.push(&header, &packed, kept.iter().map(|(index, _)| *index));
        }
    }
    gone.sort_unstable_by_key(|row| row.index);
    // Where block numbers run out, blocks are larger; there is room for as many as there were contents in.
    let room = (BLOCKS_MAX - file.blocks()).max(1);
    for rows in gone.chunks(gone.len().div_ceil(room).max(REMOVED_ROWS_TARGET)) {
        let (header, packed) = pack_removed(rows, 0).map_err(pack)?;
        file.push(&header, &packed, rows.iter().map(|row| row.index));
    }
    let entry = SegmentEntry { generation, ..old.entry };
    let entry = store(disk, dir, entry, &file.finish())?;
    Ok(Rewritten { entry, content_bytes })
}

/// The rows of a block that keep their content, and the bytes of the others.
fn keep<'a>(block: &'a Block, removed: &[Removed]) -> (Vec<(u64, Content<'a>)>, u64) {
    let goes = |index: u64| removed.binary_search_by_key(&index, |row| row.index).is_ok();
    let (gone, kept): (Vec<_>, Vec<_>) = block.iter().partition(|(index, _)| goes(*index));
    let bytes = gone.iter().map(|(_, content)| (content.envelope.len() + content.body.len()) as u64).sum();
    (kept, bytes)
}
