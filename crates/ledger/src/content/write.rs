//! Writing a content segment: sort, pack, sync, then give it its name.

use std::path::Path;

use super::block::{BlockBuilder, Content};
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
    let path = dir.join(segment_name(first, end));
    let fresh = path.with_extension("tmp");
    let (bytes, footer_crc) = encode(log_id, first, rows).map_err(|e| StoreError::io("pack", &fresh, e))?;
    let write = || {
        remove_if_there(disk, &fresh)?;
        let file = disk.open(&fresh, Access::Create)?;
        file.write_all_at(&bytes, 0)?;
        file.sync()?;
        disk.rename(&fresh, &path)?;
        disk.sync_dir(dir)
    };
    write().map_err(|source| StoreError::io("write", &fresh, source))?;
    Ok(SegmentEntry { first, end, bytes: bytes.len() as u64, footer_crc })
}

/// The whole file and the CRC at its end.
fn encode(log_id: &[u8; 16], first: u64, rows: &mut [SealRow<'_>]) -> std::io::Result<(Vec<u8>, u32)> {
    rows.sort_unstable_by_key(|row| (row.expiry_day, row.tenant_number, row.index));
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(log_id);
    out.extend_from_slice(&first.to_be_bytes());
    out.extend_from_slice(&(first + rows.len() as u64).to_be_bytes());
    seal(&mut out);
    let mut locator = vec![0u8; rows.len() * 2];
    let (mut lines, mut blocks) = (Vec::new(), 0usize);
    let mut builder = BlockBuilder::default();
    let mut rest = &*rows;
    while let Some(head) = rest.first() {
        // A block holds one expiry day only, so that it can go as a whole.
        let mut taken = 0;
        for row in rest.iter().take_while(|row| row.expiry_day == head.expiry_day) {
            if builder.is_full() && blocks + 1 < BLOCKS_MAX {
                break;
            }
            builder.push(row.index, &row.content);
            let at = usize::try_from(row.index - first).expect("rows are in memory") * 2;
            let number = u16::try_from(blocks).expect("blocks are bounded by BLOCKS_MAX");
            locator[at..at + 2].copy_from_slice(&number.to_be_bytes());
            taken += 1;
        }
        let (header, block) = builder.pack(head.expiry_day, head.tenant_number)?;
        debug_assert!(builder.is_empty());
        lines.extend_from_slice(&(out.len() as u64).to_be_bytes());
        lines.extend_from_slice(&u32::try_from(block.len()).expect("far below 4 GiB").to_be_bytes());
        lines.extend_from_slice(&header.rows.to_be_bytes());
        lines.extend_from_slice(&head.tenant_number.to_be_bytes());
        lines.extend_from_slice(&head.expiry_day.to_be_bytes());
        out.extend_from_slice(&block);
        blocks += 1;
        rest = &rest[taken..];
    }
    let index_offset = out.len() as u64;
    out.extend_from_slice(&lines);
    out.extend_from_slice(&locator);
    let mut footer = index_offset.to_be_bytes().to_vec();
    footer.extend_from_slice(&u32::try_from(blocks).expect("bounded").to_be_bytes());
    footer.extend_from_slice(&crc32fast::hash(&lines).to_be_bytes());
    footer.extend_from_slice(&crc32fast::hash(&locator).to_be_bytes());
    footer.extend_from_slice(&MAGIC);
    let crc = seal(&mut footer);
    out.extend_from_slice(&footer);
    Ok((out, crc))
}

/// Appends the CRC of what is there and returns it.
fn seal(bytes: &mut Vec<u8>) -> u32 {
    let crc = crc32fast::hash(bytes);
    bytes.extend_from_slice(&crc.to_be_bytes());
    debug_assert!(checked(bytes).is_some());
    crc
}
