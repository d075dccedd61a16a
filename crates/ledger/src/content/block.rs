//! One block: a run of rows packed together, with everything needed to unpack it in its header.

use crate::codec::{Fields, Short, checked};
use crate::wal::{Unpacked, unpack};

/// Bytes of a block header.
pub(crate) const BLOCK_HEADER_LEN: usize = 60;
/// Bytes of content after which a block is closed. A page of 25 events can be in 25 blocks: unpacking so many of 256 KiB
/// takes some 6 ms, of this size a quarter of that, for 8 % more content on disk (140 bytes an event instead of 129).
pub(crate) const BLOCK_RAW_TARGET: usize = 64 << 10;
const MAGIC: [u8; 4] = *b"IDLB";
const VERSION: u8 = 1;
const CODEC_ZSTD: u8 = 1;
const CIPHER_NONE: u8 = 0;
/// Bytes of a row's head inside the block: index, salt, envelope length, body length.
const ROW_HEAD_LEN: usize = 8 + 16 + 4 + 4;
const ZSTD_LEVEL: i32 = 1;

/// The head of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub(crate) rows: u32,
    pub(crate) raw_len: u32,
    pub(crate) stored_len: u32,
    /// Day since 1970-01-01 after which all rows may go; 0 where none may.
    pub(crate) expiry_day: u32,
    /// Tenant of the first row.
    pub(crate) tenant_number: u64,
    pub(crate) data_crc: u32,
}

impl BlockHeader {
    fn encode(&self) -> [u8; BLOCK_HEADER_LEN] {
        let mut out = Vec::with_capacity(BLOCK_HEADER_LEN);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, CODEC_ZSTD, CIPHER_NONE, 0]);
        // Dictionary id and key id: none in version 1.
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&[0; 16]);
        for field in [self.rows, self.raw_len, self.stored_len, self.expiry_day] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        out.extend_from_slice(&self.tenant_number.to_be_bytes());
        out.extend_from_slice(&self.data_crc.to_be_bytes());
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_be_bytes());
        out.try_into().expect("the fields above fill the header exactly")
    }

    /// # Errors
    /// What is wrong or unknown, in words.
    pub(crate) fn decode(bytes: &[u8; BLOCK_HEADER_LEN]) -> Result<Self, String> {
        let head = checked(bytes).ok_or("the block header does not match its CRC")?;
        let mut f = Fields::new(head);
        let mut fields = || {
            let (magic, kind, dictionary, key) =
                (f.array::<4>()?, f.array::<4>()?, f.u32()?, f.array::<16>()?);
            let header = Self {
                rows: f.u32()?,
                raw_len: f.u32()?,
                stored_len: f.u32()?,
                expiry_day: f.u32()?,
                tenant_number: f.u64()?,
                data_crc: f.u32()?,
            };
            Ok((magic, kind, dictionary, key, header))
        };
        let (magic, kind, dictionary, key, header) = fields().map_err(|Short| "the block header is short")?;
        if magic != MAGIC {
            return Err("no block starts here".to_owned());
        }
        if kind != [VERSION, CODEC_ZSTD, CIPHER_NONE, 0] || dictionary != 0 || key != [0; 16] {
            return Err(format!("block of unknown version, codec, cipher or flags {kind:?}"));
        }
        Ok(header)
    }
}

/// One entry's content, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content<'a> {
    pub(crate) salt: [u8; 16],
    pub(crate) envelope: &'a [u8],
    pub(crate) body: &'a [u8],
}

/// Gathers rows and packs them.
#[derive(Default)]
pub(crate) struct BlockBuilder {
    heads: Vec<u8>,
    data: Vec<u8>,
    rows: u32,
}

impl BlockBuilder {
    pub(crate) fn push(&mut self, index: u64, content: &Content<'_>) {
        let len = |bytes: &[u8]| {
            u32::try_from(bytes.len()).expect("bounded by the frame it came from").to_be_bytes()
        };
        self.heads.extend_from_slice(&index.to_be_bytes());
        self.heads.extend_from_slice(&content.salt);
        self.heads.extend_from_slice(&len(content.envelope));
        self.heads.extend_from_slice(&len(content.body));
        self.data.extend_from_slice(content.envelope);
        self.data.extend_from_slice(content.body);
        self.rows += 1;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.heads.len() + self.data.len() >= BLOCK_RAW_TARGET
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The block's bytes, header included; the builder is empty again.
    pub(crate) fn pack(
        &mut self,
        expiry_day: u32,
        tenant_number: u64,
    ) -> std::io::Result<(BlockHeader, Vec<u8>)> {
        let mut raw = std::mem::take(&mut self.heads);
        raw.append(&mut self.data);
        let stored = zstd::bulk::compress(&raw, ZSTD_LEVEL)?;
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a block is far below 4 GiB");
        let header = BlockHeader {
            rows: std::mem::take(&mut self.rows),
            raw_len: len(&raw),
            stored_len: len(&stored),
            expiry_day,
            tenant_number,
            data_crc: crc32fast::hash(&stored),
        };
        Ok((header, [&header.encode()[..], &stored].concat()))
    }
}

/// An unpacked block.
#[derive(Debug)]
pub(crate) struct Block {
    /// Ascending by index.
    rows: Vec<BlockRow>,
    raw: Vec<u8>,
}

#[derive(Debug)]
struct BlockRow {
    index: u64,
    salt: [u8; 16],
    start: usize,
    middle: usize,
    end: usize,
}

impl Block {
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn unpack(header: &BlockHeader, stored: &[u8]) -> Result<Self, String> {
        if crc32fast::hash(stored) != header.data_crc {
            return Err("the block does not match its CRC".to_owned());
        }
        let raw = unpack(stored, header.raw_len)?;
        let mut rows =
            Self::rows(header.rows as usize, &raw).map_err(|Short| "the block's rows do not fit it")?;
        rows.sort_unstable_by_key(|row| row.index);
        Ok(Self { rows, raw })
    }

    /// The content of a WAL frame, which holds its rows in order.
    pub(crate) fn of_frame(first: u64, frame: Unpacked) -> Self {
        let mut at = 0;
        let rows = frame.rows.iter().zip(first..).map(|(row, index)| {
            let (start, middle) = (at, at + row.envelope_len as usize);
            at = middle + row.body_len as usize;
            BlockRow { index, salt: row.salt, start, middle, end: at }
        });
        Self { rows: rows.collect(), raw: frame.raw }
    }

    fn rows(count: usize, raw: &[u8]) -> Result<Vec<BlockRow>, Short> {
        let mut at = count.checked_mul(ROW_HEAD_LEN).filter(|len| *len <= raw.len()).ok_or(Short)?;
        let mut f = Fields::new(&raw[..at]);
        let mut rows = Vec::with_capacity(count);
        for _ in 0..count {
            let (index, salt, envelope, body) = (f.u64()?, f.array()?, f.u32()? as usize, f.u32()? as usize);
            rows.push(BlockRow { index, salt, start: at, middle: at + envelope, end: at + envelope + body });
            at += envelope + body;
        }
        if at == raw.len() { Ok(rows) } else { Err(Short) }
    }

    /// Bytes in memory.
    pub(crate) fn memory(&self) -> u64 {
        (self.raw.len() + self.rows.len() * size_of::<BlockRow>()) as u64
    }

    /// The content of `index`, if this block has it.
    pub(crate) fn get(&self, index: u64) -> Option<Content<'_>> {
        let at = self.rows.binary_search_by_key(&index, |row| row.index).ok()?;
        Some(self.content(&self.rows[at]))
    }

    /// Every row, ascending by index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Content<'_>)> {
        self.rows.iter().map(|row| (row.index, self.content(row)))
    }

    fn content(&self, row: &BlockRow) -> Content<'_> {
        Content {
            salt: row.salt,
            envelope: &self.raw[row.start..row.middle],
            body: &self.raw[row.middle..row.end],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_notices_every_flipped_bit() {
        let mut builder = BlockBuilder::default();
        let content = |n: u8| Content { salt: [n; 16], envelope: b"en", body: b"body" };
        builder.push(9, &content(1));
        builder.push(4, &content(2));
        let (header, bytes) = builder.pack(0, 7).unwrap();
        let parse = |bytes: &[u8]| {
            let (head, stored) = bytes.split_first_chunk().ok_or("short")?;
            let header = BlockHeader::decode(head)?;
            Block::unpack(&header, stored).map(|block| (header, block))
        };
        let (read, block) = parse(&bytes).unwrap();
        assert_eq!((read, read.rows, read.tenant_number), (header, 2, 7));
        assert_eq!((block.get(4), block.get(9), block.get(5)), (Some(content(2)), Some(content(1)), None));
        assert_eq!(block.iter().map(|(index, _)| index).collect::<Vec<_>>(), [4, 9]);
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(parse(&bad).is_err(), "bit {bit}");
        }
    }
}
