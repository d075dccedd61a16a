//! Writing a content segment: sort, pack, sync, then give it its name.

use std::path::Path;

use super::block::{BlockBuilder, BlockHeader, Content};
use super::segment_name;
use crate::StoreError;
use crate::codec::checked;
use crate::disk::{Access, Disk, remove_if_there};
use crate::files::SegmentEntry;

/// First bytes of a segment.
pub(crate) const MAGIC: [u8; 8] = *b"IDLSEG\0\x01";
/// Bytes before the first block: magic, log id, first index, end index, CRC.
pub(crate) const SEGMENT_HEADER_LEN: usize = 8 + 16 + 8 + 8 + 4;
/// Bytes of a block's line in the block index: offset, stored length with header, rows, tenant, expiry day.
pub(crate) const BLOCK_LINE_LEN: usize = 8 + 4 + 4 + 8 + 4;
/// Last bytes: index offset, blocks, CRC of the block index, CRC of the locator, magic, CRC.
pub(crate) const FOOTER_LEN: usize = 8 + 4 + 4 + 4 + 8 + 4;
/// Most blocks in a segment, since the locator names them in 16 bits.
pub(crate) const BLOCKS_MAX: usize = u16::MAX as usize;

/// One row to be sealed.
pub(crate) struct SealRow<'a> {
    pub(crate) index: u64,
    pub(crate) expiry_day: u32,
    pub(crate) tenant_number: u64,
    pub(crate) content: Content<'a>,
}

/// Writes the segment of the contiguous indexes `first..first + rows.len()`, durable and named when this returns.
pub(crate) fn write_segment(
    disk: &dyn Disk,
    dir: &Path,
    log_id: &[u8; 16],
    first: u64,
    rows: &mut [SealRow<'_>],
) -> Result<SegmentEntry, StoreError> {
    let end = first + rows.len() as u64;
    let entry = SegmentEntry { first, end, bytes: 0, footer_crc: 0, generation: 0 };
    let packed = encode(log_id, first, rows);
    let bytes = packed.map_err(|e| StoreError::io("pack", &dir.join(segment_name(&entry)), e))?;
    store(disk, dir, entry, &bytes)
}

/// Gives the bytes of a segment its name, durable when this returns.
pub(super) fn store(
    disk: &dyn Disk,
    dir: &Path,
    entry: SegmentEntry,
    packed: &(Vec<u8>, u32),
) -> Result<SegmentEntry, StoreError> {
    let (bytes, footer_crc) = packed;
    let path = dir.join(segment_name(&entry));
    let fresh = path.with_extension("tmp");
    let write = || {
        remove_if_there(disk, &fresh)?;
        let file = disk.open(&fresh, Access::Create)?;
        file.write_all_at(bytes, 0)?;
        file.sync()?;
        disk.rename(&fresh, &path)?;
        disk.sync_dir(dir)
    };
    write().map_err(|source| StoreError::io("write", &fresh, source))?;
    Ok(SegmentEntry { bytes: bytes.len() as u64, footer_crc: *footer_crc, ..entry })
}

/// The whole file and the CRC at its end.
fn encode(log_id: &[u8; 16], first: u64, rows: &mut [SealRow<'_>]) -> std::io::Result<(Vec<u8>, u32)> {
    rows.sort_unstable_by_key(|row| (row.expiry_day, row.tenant_number, row.index));
    let mut file = SegmentBuilder::new(log_id, first, rows.len());
    let mut builder = BlockBuilder::default();
    let mut rest = &*rows;
    while let Some(head) = rest.first() {
        // A block holds one expiry day only, so that it can go as a whole.
        let mut taken = 0;
        for row in rest.iter().take_while(|row| row.expiry_day == head.expiry_day) {
            if builder.is_full() && file.blocks() + 1 < BLOCKS_MAX {
                break;
            }
            builder.push(row.index, &row.content);
            taken += 1;
        }
        let (header, block) = builder.pack(head.expiry_day, head.tenant_number)?;
        debug_assert!(builder.is_empty());
        file.push(&header, &block, rest[..taken].iter().map(|row| row.index));
        rest = &rest[taken..];
    }
    Ok(file.finish())
}

/// Puts the file together: header, blocks, block index, locator, footer.
pub(super) struct SegmentBuilder {
    first: u64,
    out: Vec<u8>,
    lines: Vec<u8>,
    locator: Vec<u8>,
    blocks: u32,
}

impl SegmentBuilder {
    pub(super) fn new(log_id: &[u8; 16], first: u64, rows: usize) -> Self {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(log_id);
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&(first + rows as u64).to_be_bytes());
        seal(&mut out);
        Self { first, out, lines: Vec::new(), locator: vec![0; rows * 2], blocks: 0 }
    }

    /// Blocks so far.
    pub(super) fn blocks(&self) -> usize {
        self.blocks as usize
    }

    /// Adds a block with the rows of these indexes. There must be fewer than [`BLOCKS_MAX`].
    pub(super) fn push(&mut self, header: &BlockHeader, block: &[u8], indices: impl Iterator<Item = u64>) {
        let number = u16::try_from(self.blocks).expect("blocks are bounded by BLOCKS_MAX").to_be_bytes();
        for index in indices {
            let at = usize::try_from(index - self.first).expect("rows are in memory") * 2;
            self.locator[at..at + 2].copy_from_slice(&number);
        }
        self.lines.extend_from_slice(&(self.out.len() as u64).to_be_bytes());
        let len = u32::try_from(block.len()).expect("far below 4 GiB");
        self.lines.extend_from_slice(&len.to_be_bytes());
        self.lines.extend_from_slice(&header.rows.to_be_bytes());
        self.lines.extend_from_slice(&header.tenant_number.to_be_bytes());
        self.lines.extend_from_slice(&header.expiry_day.to_be_bytes());
        self.out.extend_from_slice(block);
        self.blocks += 1;
    }

    /// The whole file and the CRC at its end.
    pub(super) fn finish(self) -> (Vec<u8>, u32) {
        let Self { mut out, lines, locator, blocks, .. } = self;
        let mut footer = (out.len() as u64).to_be_bytes().to_vec();
        footer.extend_from_slice(&blocks.to_be_bytes());
        footer.extend_from_slice(&crc32fast::hash(&lines).to_be_bytes());
        footer.extend_from_slice(&crc32fast::hash(&locator).to_be_bytes());
        footer.extend_from_slice(&MAGIC);
        let crc = seal(&mut footer);
        for part in [lines, locator, footer] {
            out.extend_from_slice(&part);
        }
        (out, crc)
    }
}

/// Appends the CRC of what is there and returns it.
fn seal(bytes: &mut Vec<u8>) -> u32 {
    let crc = crc32fast::hash(bytes);
    bytes.extend_from_slice(&crc.to_be_bytes());
    debug_assert!(checked(bytes).is_some());
    crc
}
