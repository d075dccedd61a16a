//! One WAL segment file: its header, and reading frames out of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::frame::{FRAME_ALIGN, FRAME_RAW_MAX, FrameHeader, HEADER_LEN};
use crate::StoreError;
use crate::codec::{Fields, Short, crc_of};
use crate::disk::{Access, Disk, DiskFile, read_at};

const MAGIC: [u8; 8] = *b"IDLWAL\0\x01";
/// Bytes of the header itself; the first frame stands one page into the file.
const SEGMENT_HEADER_LEN: usize = 104;
/// Columns of a frame take at most this.
const COLUMNS_MAX: u64 = FRAME_RAW_MAX;

/// The head of a segment file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) log_id: [u8; 16],
    /// Random; the CRCs of this segment's frames start with it.
    pub(crate) segment_id: [u8; 16],
    pub(crate) term: u64,
    pub(crate) first_frame: u64,
    pub(crate) first_index: u64,
    /// The segment before this one, zeros for the first of a log.
    pub(crate) previous_id: [u8; 16],
    /// Where the frames of the segment before this one end; what follows there was never acknowledged.
    pub(crate) previous_end: u64,
    /// Header CRC of the last frame before this segment.
    pub(crate) previous_crc: u32,
    pub(crate) created_us: u64,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEADER_LEN);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.log_id);
        out.extend_from_slice(&self.segment_id);
        for field in [self.term, self.first_frame, self.first_index] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        out.extend_from_slice(&self.previous_id);
        out.extend_from_slice(&self.previous_end.to_be_bytes());
        out.extend_from_slice(&self.previous_crc.to_be_bytes());
        out.extend_from_slice(&self.created_us.to_be_bytes());
        let crc = crc_of(&[], &[&out]);
        out.extend_from_slice(&crc.to_be_bytes());
        debug_assert_eq!(out.len(), SEGMENT_HEADER_LEN);
        out
    }

    fn decode(bytes: &[u8]) -> Result<Option<Self>, Short> {
        let Some(head) = crate::codec::checked(bytes) else { return Ok(None) };
        let mut f = Fields::new(head);
        if f.array()? != MAGIC {
            return Ok(None);
        }
        Ok(Some(Self {
            log_id: f.array()?,
            segment_id: f.array()?,
            term: f.u64()?,
            first_frame: f.u64()?,
            first_index: f.u64()?,
            previous_id: f.array()?,
            previous_end: f.u64()?,
            previous_crc: f.u32()?,
            created_us: f.u64()?,
        }))
    }
}

/// The name of the segment whose first frame has this number.
pub(crate) fn segment_name(first_frame: u64) -> String {
    format!("{first_frame:016x}.wal")
}

/// The first frame's number out of a segment's name.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let number = u64::from_str_radix(name.strip_suffix(".wal")?, 16).ok()?;
    (segment_name(number) == name).then_some(number)
}

/// What stands where the next frame should start.
pub(crate) enum Next {
    /// A frame whose two CRCs match; `bytes` are columns and block.
    Frame { header: FrameHeader, crc: u32, bytes: Vec<u8> },
    /// Nothing but zeros up to the end of the file.
    End,
    /// Bytes that are no frame.
    Garbage { what: String },
}

/// A segment file that holds frames.
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) id: [u8; 16],
    pub(crate) first_frame: u64,
    /// Bytes that frames may take, header page included.
    pub(crate) bytes: u64,
    pub(crate) file: Arc<dyn DiskFile>,
}

impl Segment {
    /// Opens a named segment, whose header must be whole.
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<(Self, SegmentHeader), StoreError> {
        let file = disk.open(path, Access::Read).map_err(|source| StoreError::io("open", path, source))?;
        let bytes = file.len().map_err(|source| StoreError::io("measure", path, source))?;
        let head = read_at(&*file, path, 0, SEGMENT_HEADER_LEN)?;
        let header = SegmentHeader::decode(&head)
            .ok()
            .flatten()
            .ok_or_else(|| StoreError::corrupt(path, 0, "the segment header is damaged"))?;
        let segment = Self {
            path: path.to_owned(),
            id: header.segment_id,
            first_frame: header.first_frame,
            bytes,
            file,
        };
        Ok((segment, header))
    }

    /// Reads what stands at `offset`.
    pub(crate) fn next(&self, offset: u64) -> Result<Next, StoreError> {
        let garbage = |what: &str| Ok(Next::Garbage { what: what.to_owned() });
        if offset + HEADER_LEN as u64 > self.bytes {
            return if self.is_zero_from(offset)? {
                Ok(Next::End)
            } else {
                garbage("the file ends in a frame header")
            };
        }
        let Some((header, crc)) = self.header_at(offset)? else {
            return if self.is_zero_from(offset)? { Ok(Next::End) } else { garbage("no valid frame header") };
        };
        let sizes =
            u64::from(header.columns_len) <= COLUMNS_MAX && u64::from(header.raw_len) <= FRAME_RAW_MAX;
        if !sizes || offset + header.frame_len() > self.bytes {
            return garbage("the frame reaches beyond the end of the file");
        }
        let len = usize::try_from(header.frame_len()).expect("bounded above") - HEADER_LEN;
        let bytes = read_at(&*self.file, &self.path, offset + HEADER_LEN as u64, len)?;
        if crc_of(&self.id, &[&bytes]) != header.body_crc {
            return garbage("the frame's content does not match its CRC");
        }
        Ok(Next::Frame { header, crc, bytes })
    }

    /// The offset of a valid frame header after `offset`, if there is one.
    pub(crate) fn valid_after(&self, offset: u64) -> Result<Option<u64>, StoreError> {
        let mut at = (offset / FRAME_ALIGN + 1) * FRAME_ALIGN;
        while at + HEADER_LEN as u64 <= self.bytes {
            if self.header_at(at)?.is_some() {
                return Ok(Some(at));
            }
            at += FRAME_ALIGN;
        }
        Ok(None)
    }

    fn header_at(&self, offset: u64) -> Result<Option<(FrameHeader, u32)>, StoreError> {
        let bytes = read_at(&*self.file, &self.path, offset, HEADER_LEN)?;
        let bytes: [u8; HEADER_LEN] = bytes.try_into().expect("read_at returns the length asked for");
        Ok(FrameHeader::decode(&bytes, &self.id))
    }

    fn is_zero_from(&self, offset: u64) -> Result<bool, StoreError> {
        const CHUNK: u64 = 1 << 20;
        let mut at = offset;
        while at < self.bytes {
            let len = CHUNK.min(self.bytes - at);
            let bytes = read_at(&*self.file, &self.path, at, usize::try_from(len).expect("a chunk fits"))?;
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += len;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back_and_notice_every_flipped_bit() {
        let header = SegmentHeader {
            log_id: [1; 16],
            segment_id: [2; 16],
            term: 3,
            first_frame: 4,
            first_index: 5,
            previous_id: [6; 16],
            previous_end: 7,
            previous_crc: 8,
            created_us: 9,
        };
        let bytes = header.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Ok(Some(header)));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&bad), Ok(None), "bit {bit}");
        }
    }

    #[test]
    fn names_sort_as_their_numbers_do() {
        assert_eq!(segment_name(255), "00000000000000ff.wal");
        for (name, number) in [
            ("00000000000000ff.wal", Some(255)),
            ("ff.wal", None),
            ("spare-1.tmp", None),
            ("+0000000000000ff.wal", None),
        ] {
            assert_eq!(segment_number(name), number, "{name}");
        }
    }
}
