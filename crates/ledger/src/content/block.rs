//! One block: a run of rows packed together, with everything needed to unpack it in its header.

use indelible_merkle::Hash;

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
/// Bytes of a row whose content was removed: index, entry that tells why, commitment.
const REMOVED_ROW_LEN: usize = 8 + 8 + 32;
/// Rows of removed content after which a block is closed.
pub(crate) const REMOVED_ROWS_TARGET: usize = BLOCK_RAW_TARGET / REMOVED_ROW_LEN;
const ZSTD_LEVEL: i32 = 1;

/// What the rows of a block are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Contents.
    Content,
    /// What stays where contents were removed.
    Removed,
}

/// The head of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub(crate) holds: Holds,
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
        out.extend_from_slice(&[VERSION, CODEC_ZSTD, CIPHER_NONE, self.holds.byte()]);
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
                holds: Holds::Content,
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
        let holds = [Holds::Content, Holds::Removed].into_iter().find(|holds| holds.byte() == kind[3]);
        match holds {
            Some(holds)
                if kind[..3] == [VERSION, CODEC_ZSTD, CIPHER_NONE] && dictionary == 0 && key == [0; 16] =>
            {
                Ok(Self { holds, ..header })
            }
            _ => Err(format!("block of unknown version, codec, cipher or rows {kind:?}")),
        }
    }
}

impl Holds {
    fn byte(self) -> u8 {
        match self {
            Self::Content => 0,
            Self::Removed => 1,
        }
    }
}

/// One entry's content, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content<'a> {
    pub(crate) salt: [u8; 16],
    pub(crate) envelope: &'a [u8],
    pub(crate) body: &'a [u8],
}

/// What stays of an entry whose content was removed, beside its leaf record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) index: u64,
    /// Leaf index of the entry that tells why.
    pub(crate) by: u64,
    pub(crate) commitment: Hash,
}

/// What a block has of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept<'a> {
    Content(Content<'a>),
    Removed(Removed),
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
        pack(Holds::Content, std::mem::take(&mut self.rows), &raw, expiry_day, tenant_number)
    }
}

/// The bytes of a block of rows without content, header included: all indices, then all entries that tell why, then
/// all commitments.
pub(crate) fn pack_removed(rows: &[Removed], tenant_number: u64) -> std::io::Result<(BlockHeader, Vec<u8>)> {
    let mut raw = Vec::with_capacity(rows.len() * REMOVED_ROW_LEN);
    rows.iter().for_each(|row| raw.extend_from_slice(&row.index.to_be_bytes()));
    rows.iter().for_each(|row| raw.extend_from_slice(&row.by.to_be_bytes()));
    rows.iter().for_each(|row| raw.extend_from_slice(&row.commitment));
    let count = u32::try_from(rows.len()).expect("a block is far below 4 GiB");
    pack(Holds::Removed, count, &raw, 0, tenant_number)
}

fn pack(
    holds: Holds,
    rows: u32,
    raw: &[u8],
    expiry_day: u32,
    tenant_number: u64,
) -> std::io::Result<(BlockHeader, Vec<u8>)> {
    let stored = zstd::bulk::compress(raw, ZSTD_LEVEL)?;
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a block is far below 4 GiB");
    let header = BlockHeader {
        holds,
        rows,
        raw_len: len(raw),
        stored_len: len(&stored),
        expiry_day,
        tenant_number,
        data_crc: crc32fast::hash(&stored),
    };
    Ok((header, [&header.encode()[..], &stored].concat()))
}

/// An unpacked block.
#[derive(Debug)]
pub(crate) struct Block {
    /// Ascending by index.
    rows: Vec<BlockRow>,
    raw: Vec<u8>,
    /// Ascending by index; a block has either contents or these.
    removed: Vec<Removed>,
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
        let (count, short) = (header.rows as usize, |Short| "the block's rows do not fit it");
        if header.holds == Holds::Removed {
            let mut removed = Self::removed_rows(count, &raw).map_err(short)?;
            removed.sort_unstable_by_key(|row| row.index);
            return Ok(Self { rows: Vec::new(), raw: Vec::new(), removed });
        }
        let mut rows = Self::rows(count, &raw).map_err(short)?;
        rows.sort_unstable_by_key(|row| row.index);
        Ok(Self { rows, raw, removed: Vec::new() })
    }

    fn removed_rows(count: usize, raw: &[u8]) -> Result<Vec<Removed>, Short> {
        if count.checked_mul(REMOVED_ROW_LEN) != Some(raw.len()) {
            return Err(Short);
        }
        let (indices, rest) = raw.split_at(count * 8);
        let (bys, commitments) = rest.split_at(count * 8);
        let (mut indices, mut bys, mut commitments) =
            (Fields::new(indices), Fields::new(bys), Fields::new(commitments));
        let row = |_| {
            let (index, by) = (indices.u64()?, bys.u64()?);
            Ok(Removed { index, by, commitment: commitments.array()? })
        };
        (0..count).map(row).collect()
    }

    /// The content of a WAL frame, which holds its rows in order.
    pub(crate) fn of_frame(first: u64, frame: Unpacked) -> Self {
        let mut at = 0;
        let rows = frame.rows.iter().zip(first..).map(|(row, index)| {
            let (start, middle) = (at, at + row.envelope_len as usize);
            at = middle + row.body_len as usize;
            BlockRow { index, salt: row.salt, start, middle, end: at }
        });
        Self { rows: rows.collect(), raw: frame.raw, removed: Vec::new() }
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
        let rows = self.rows.len() * size_of::<BlockRow>() + self.removed.len() * size_of::<Removed>();
        (self.raw.len() + rows) as u64
    }

    /// What this block has of `index`.
    pub(crate) fn get(&self, index: u64) -> Option<Kept<'_>> {
        if let Ok(at) = self.rows.binary_search_by_key(&index, |row| row.index) {
            return Some(Kept::Content(self.content(&self.rows[at])));
        }
        let at = self.removed.binary_search_by_key(&index, |row| row.index).ok()?;
        Some(Kept::Removed(self.removed[at]))
    }

    /// Every row without content, ascending by index.
    pub(crate) fn removed(&self) -> &[Removed] {
        &self.removed
    }

    /// Every row with content, ascending by index.
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
        let kept = |n| Some(Kept::Content(content(n)));
        assert_eq!((block.get(4), block.get(9), block.get(5)), (kept(2), kept(1), None));
        assert_eq!(block.iter().map(|(index, _)| index).collect::<Vec<_>>(), [4, 9]);
        notices_every_flipped_bit(&bytes, parse);
        let removed = [4u64, 9].map(|index| Removed { index, by: 70 + index, commitment: [index as u8; 32] });
        let (header, bytes) = pack_removed(&removed, 7).unwrap();
        let (read, block) = parse(&bytes).unwrap();
        assert_eq!((read, read.rows, read.holds), (header, 2, Holds::Removed));
        assert_eq!((block.get(4), block.get(5)), (Some(Kept::Removed(removed[0])), None));
        assert_eq!((block.removed(), block.iter().count()), (&removed[..], 0));
        notices_every_flipped_bit(&bytes, parse);
    }

    fn notices_every_flipped_bit(
        bytes: &[u8],
        parse: impl Fn(&[u8]) -> Result<(BlockHeader, Block), String>,
    ) {
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.to_owned();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(parse(&bad).is_err(), "bit {bit}");
        }
    }
}
