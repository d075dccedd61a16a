//! Reading a content segment: which block holds an index, and the block itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::block::{BLOCK_HEADER_LEN, Block, BlockHeader};
use super::segment_name;
use super::write::{BLOCK_LINE_LEN, FOOTER_LEN, MAGIC, SEGMENT_HEADER_LEN};
use crate::StoreError;
use crate::codec::{Fields, Short, checked};
use crate::disk::{Access, Disk, DiskFile, read_at};
use crate::files::SegmentEntry;

/// An open content segment.
pub(crate) struct ContentSegment {
    pub(crate) path: PathBuf,
    pub(crate) entry: SegmentEntry,
    file: Arc<dyn DiskFile>,
    blocks: Vec<BlockLine>,
    /// Where the locator starts: for each index the number of its block, in two bytes.
    locator_offset: u64,
    locator_crc: u32,
}

struct BlockLine {
    offset: u64,
    len: u32,
    rows: u32,
}

impl ContentSegment {
    /// Opens the segment that the manifest names, checking everything but the blocks.
    pub(crate) fn open(
        disk: &dyn Disk,
        dir: &Path,
        log_id: &[u8; 16],
        entry: SegmentEntry,
    ) -> Result<Self, StoreError> {
        let path = dir.join(segment_name(&entry));
        let file = disk.open(&path, Access::Read).map_err(|source| StoreError::io("open", &path, source))?;
        let len = file.len().map_err(|source| StoreError::io("measure", &path, source))?;
        if len != entry.bytes || len < (SEGMENT_HEADER_LEN + FOOTER_LEN) as u64 {
            return Err(StoreError::corrupt(&path, len, format!("the manifest says {} bytes", entry.bytes)));
        }
        let head = read_at(&*file, &path, 0, SEGMENT_HEADER_LEN)?;
        if !is_header(&head, log_id, &entry) {
            return Err(StoreError::corrupt(&path, 0, "the segment header is damaged or another's"));
        }
        let at = len - FOOTER_LEN as u64;
        let footer = read_at(&*file, &path, at, FOOTER_LEN)?;
        let footer = footer_fields(&footer, &entry)
            .filter(|footer| footer.locator_offset() + 2 * (entry.end - entry.first) == at)
            .ok_or_else(|| StoreError::corrupt(&path, at, "the segment footer is damaged"))?;
        let lines = read_at(&*file, &path, footer.index_offset, footer.blocks as usize * BLOCK_LINE_LEN)?;
        if crc32fast::hash(&lines) != footer.index_crc {
            let what = "the block index does not match its CRC";
            return Err(StoreError::corrupt(&path, footer.index_offset, what));
        }
        let blocks = lines.chunks_exact(BLOCK_LINE_LEN).map(|line| {
            let mut f = Fields::new(line);
            Ok(BlockLine { offset: f.u64()?, len: f.u32()?, rows: f.u32()? })
        });
        let blocks = blocks.collect::<Result<_, Short>>().expect("a line has the length of its fields");
        let (locator_offset, locator_crc) = (footer.locator_offset(), footer.locator_crc);
        Ok(Self { path, entry, file, blocks, locator_offset, locator_crc })
    }

    /// Number of the block that should hold `index`, which must be in this segment. The block itself tells
    /// whether it does: the locator's CRC is only looked at by [`ContentSegment::check_locator`].
    pub(crate) fn block_of(&self, index: u64) -> Result<usize, StoreError> {
        let offset = self.locator_offset + 2 * (index - self.entry.first);
        let bytes = read_at(&*self.file, &self.path, offset, 2)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// Reads the whole locator and compares it with its CRC and with the blocks' rows.
    pub(crate) fn check_locator(&self, block_of: &[u16]) -> Result<(), StoreError> {
        let bytes = read_at(&*self.file, &self.path, self.locator_offset, block_of.len() * 2)?;
        let expected: Vec<u8> = block_of.iter().flat_map(|number| number.to_be_bytes()).collect();
        if crc32fast::hash(&bytes) != self.locator_crc || bytes != expected {
            return Err(StoreError::corrupt(&self.path, self.locator_offset, "the locator is damaged"));
        }
        Ok(())
    }

    /// How many blocks there are.
    pub(crate) fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// Where a block starts in the file.
    pub(crate) fn block_offset(&self, number: usize) -> u64 {
        self.blocks.get(number).map_or(0, |line| line.offset)
    }

    /// Reads the whole locator: for each index the number of its block.
    pub(super) fn locator(&self) -> Result<Vec<u16>, StoreError> {
        let rows = usize::try_from(self.entry.end - self.entry.first).expect("a segment's rows fit memory");
        let bytes = read_at(&*self.file, &self.path, self.locator_offset, rows * 2)?;
        if crc32fast::hash(&bytes) != self.locator_crc {
            return Err(StoreError::corrupt(&self.path, self.locator_offset, "the locator is damaged"));
        }
        let (pairs, _) = bytes.as_chunks::<2>();
        Ok(pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect())
    }

    /// Reads and unpacks one block.
    pub(crate) fn read_block(&self, number: usize) -> Result<Block, StoreError> {
        let (header, bytes) = self.read_packed(number)?;
        let damaged = |what: String| StoreError::corrupt(&self.path, self.block_offset(number), what);
        Block::unpack(&header, &bytes[BLOCK_HEADER_LEN..]).map_err(damaged)
    }

    /// Reads one block as it is, header included; whether its data is whole shows when it is unpacked.
    pub(super) fn read_packed(&self, number: usize) -> Result<(BlockHeader, Vec<u8>), StoreError> {
        let line = self
            .blocks
            .get(number)
            .ok_or_else(|| StoreError::corrupt(&self.path, 0, format!("there is no block {number}")))?;
        let damaged = |what: String| StoreError::corrupt(&self.path, line.offset, what);
        let bytes = read_at(&*self.file, &self.path, line.offset, line.len as usize)?;
        let (head, stored) = bytes
            .split_first_chunk::<BLOCK_HEADER_LEN>()
            .ok_or_else(|| damaged("the block index gives a length below a header's".to_owned()))?;
        let header = BlockHeader::decode(head).map_err(damaged)?;
        if header.rows != line.rows || header.stored_len as usize != stored.len() {
            return Err(damaged("the block header does not agree with the block index".to_owned()));
        }
        Ok((header, bytes))
    }
}

fn is_header(bytes: &[u8], log_id: &[u8; 16], entry: &SegmentEntry) -> bool {
    let parse = || -> Result<bool, Short> {
        let mut f = Fields::new(checked(bytes).ok_or(Short)?);
        Ok(f.array()? == MAGIC && f.array()? == *log_id && f.u64()? == entry.first && f.u64()? == entry.end)
    };
    parse().unwrap_or(false)
}

struct Footer {
    index_offset: u64,
    blocks: u32,
    index_crc: u32,
    locator_crc: u32,
}

impl Footer {
    fn locator_offset(&self) -> u64 {
        self.index_offset.saturating_add(u64::from(self.blocks) * BLOCK_LINE_LEN as u64)
    }
}

fn footer_fields(bytes: &[u8], entry: &SegmentEntry) -> Option<Footer> {
    let head = checked(bytes)?;
    if bytes.last_chunk::<4>()? != &entry.footer_crc.to_be_bytes() {
        return None;
    }
    let mut f = Fields::new(head);
    let footer = Footer {
        index_offset: f.u64().ok()?,
        blocks: f.u32().ok()?,
        index_crc: f.u32().ok()?,
        locator_crc: f.u32().ok()?,
    };
    (f.array().ok()? == MAGIC).then_some(footer)
}
