//! One frame: everything that one fdatasync makes durable.
//!
//! Layout in `docs/protocol/storage.md`, "WAL frame". Both CRCs start with the segment id, so that bytes left over
//! from another segment never look valid.

use crate::codec::{Fields, Short, crc_of, put_long};

/// Frames start at multiples of this.
pub(crate) const FRAME_ALIGN: u64 = 4096;
/// Bytes of a frame header.
pub(crate) const HEADER_LEN: usize = 144;
/// First bytes of each frame.
const MAGIC: [u8; 4] = *b"IDLF";
const VERSION: u8 = 1;
/// Bytes of all columns of one row: kind, chain, seq, received, salt, envelope length, body length.
const ROW_LEN: usize = 1 + 4 + 8 + 8 + 16 + 4 + 4;
/// A frame may unpack to this much at most; a request is far below it.
pub(crate) const FRAME_RAW_MAX: u64 = 1 << 30;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) log_id: [u8; 16],
    pub(crate) segment_id: [u8; 16],
    pub(crate) term: u64,
    /// Counts frames from 0 over the life of the log.
    pub(crate) number: u64,
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) replays: u32,
    pub(crate) columns_len: u32,
    pub(crate) block_len: u32,
    pub(crate) raw_len: u32,
    /// Header CRC of the frame before this one; 0 for the first frame of a log.
    pub(crate) previous_crc: u32,
    /// Tree size that was durable when this frame was written.
    pub(crate) durable: u64,
    pub(crate) size: u64,
    pub(crate) root: [u8; 32],
    pub(crate) body_crc: u32,
}

impl FrameHeader {
    /// Bytes of the whole frame, padding not included.
    pub(crate) fn frame_len(&self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.columns_len) + u64::from(self.block_len)
    }

    /// The header's bytes and its CRC, which the next frame repeats.
    pub(crate) fn encode(&self) -> ([u8; HEADER_LEN], u32) {
        let mut out = Vec::with_capacity(HEADER_LEN);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, 0, 0, 0]);
        out.extend_from_slice(&self.log_id);
        out.extend_from_slice(&self.segment_id);
        for field in [self.term, self.number, self.first] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        let lengths =
            [self.count, self.replays, self.columns_len, self.block_len, self.raw_len, self.previous_crc];
        for field in lengths {
            out.extend_from_slice(&field.to_be_bytes());
        }
        out.extend_from_slice(&self.durable.to_be_bytes());
        out.extend_from_slice(&self.size.to_be_bytes());
        out.extend_from_slice(&self.root);
        out.extend_from_slice(&self.body_crc.to_be_bytes());
        let crc = crc_of(&self.segment_id, &[&out]);
        out.extend_from_slice(&crc.to_be_bytes());
        (out.try_into().expect("the fields above fill the header exactly"), crc)
    }

    /// Reads a header of the segment with this id; `None` where the bytes are not one.
    pub(crate) fn decode(bytes: &[u8; HEADER_LEN], segment_id: &[u8; 16]) -> Option<(Self, u32)> {
        let (head, crc) = bytes.split_last_chunk::<4>()?;
        let crc = u32::from_be_bytes(*crc);
        if crc_of(segment_id, &[head]) != crc {
            return None;
        }
        let header = Self::fields(head).ok()??;
        (header.segment_id == *segment_id).then_some((header, crc))
    }

    fn fields(head: &[u8]) -> Result<Option<Self>, Short> {
        let mut f = Fields::new(head);
        if f.array()? != MAGIC || f.array()? != [VERSION, 0, 0, 0] {
            return Ok(None);
        }
        Ok(Some(Self {
            log_id: f.array()?,
            segment_id: f.array()?,
            term: f.u64()?,
            number: f.u64()?,
            first: f.u64()?,
            count: f.u32()?,
            replays: f.u32()?,
            columns_len: f.u32()?,
            block_len: f.u32()?,
            raw_len: f.u32()?,
            previous_crc: f.u32()?,
            durable: f.u64()?,
            size: f.u64()?,
            root: f.array()?,
            body_crc: f.u32()?,
        }))
    }
}

/// What the columns say about one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) kind: u8,
    pub(crate) chain: u32,
    pub(crate) tenant_seq: u64,
    pub(crate) received_us: u64,
    pub(crate) salt: [u8; 16],
    pub(crate) envelope_len: u32,
    pub(crate) body_len: u32,
}

/// An idempotency key and the answer that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReplayRow {
    pub(crate) owner: [u8; 16],
    pub(crate) key: String,
    /// Digest, time, note and outcomes, as the id index keeps them too.
    pub(crate) value: Vec<u8>,
}

/// A frame that has its content but not yet its place in the log.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) number: u64,
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) replays: u32,
    pub(crate) columns: Vec<u8>,
    pub(crate) block: Vec<u8>,
    pub(crate) raw_len: u32,
    pub(crate) size: u64,
    pub(crate) root: [u8; 32],
}

impl Draft {
    /// Bytes of the frame when written, padding not included.
    pub(crate) fn frame_len(&self) -> u64 {
        (HEADER_LEN + self.columns.len() + self.block.len()) as u64
    }

    /// Packs rows, replay records and the raw content into columns.
    pub(crate) fn columns_of(rows: &[Row], replays: &[ReplayRow]) -> Vec<u8> {
        let mut out = Vec::with_capacity(rows.len() * ROW_LEN);
        out.extend(rows.iter().map(|row| row.kind));
        rows.iter().for_each(|row| out.extend_from_slice(&row.chain.to_be_bytes()));
        rows.iter().for_each(|row| out.extend_from_slice(&row.tenant_seq.to_be_bytes()));
        rows.iter().for_each(|row| out.extend_from_slice(&row.received_us.to_be_bytes()));
        rows.iter().for_each(|row| out.extend_from_slice(&row.salt));
        rows.iter().for_each(|row| out.extend_from_slice(&row.envelope_len.to_be_bytes()));
        rows.iter().for_each(|row| out.extend_from_slice(&row.body_len.to_be_bytes()));
        for replay in replays {
            out.extend_from_slice(&replay.owner);
            put_long(&mut out, replay.key.as_bytes());
            put_long(&mut out, &replay.value);
        }
        out
    }
}

/// A frame taken apart again.
#[derive(Debug)]
pub(crate) struct Unpacked {
    pub(crate) rows: Vec<Row>,
    pub(crate) replays: Vec<ReplayRow>,
    /// All envelopes and bodies: envelope and body of the first row, then of the second, and so on.
    pub(crate) raw: Vec<u8>,
}

impl Unpacked {
    /// Takes apart what stands behind a header whose CRCs have been checked.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn parse(header: &FrameHeader, columns: &[u8], block: &[u8]) -> Result<Self, String> {
        let (rows, replays) = Self::columns(header, columns)
            .map_err(|Short| "columns end early".to_owned())?
            .ok_or_else(|| "columns do not end where the header says".to_owned())?;
        let raw = unpack(block, header.raw_len)?;
        let content: u64 = rows.iter().map(|row| u64::from(row.envelope_len) + u64::from(row.body_len)).sum();
        if content != raw.len() as u64 {
            return Err(format!("rows hold {content} bytes of content, the block {}", raw.len()));
        }
        Ok(Self { rows, replays, raw })
    }

    #[expect(clippy::type_complexity, reason = "the pair is taken apart at once")]
    fn columns(header: &FrameHeader, columns: &[u8]) -> Result<Option<(Vec<Row>, Vec<ReplayRow>)>, Short> {
        let n = header.count as usize;
        let mut f = Fields::new(columns);
        let kinds = f.bytes(n)?;
        let mut chains = Fields::new(f.bytes(n * 4)?);
        let mut seqs = Fields::new(f.bytes(n * 8)?);
        let mut times = Fields::new(f.bytes(n * 8)?);
        let mut salts = Fields::new(f.bytes(n * 16)?);
        let mut envelopes = Fields::new(f.bytes(n * 4)?);
        let mut bodies = Fields::new(f.bytes(n * 4)?);
        let mut rows = Vec::with_capacity(n);
        for kind in kinds {
            rows.push(Row {
                kind: *kind,
                chain: chains.u32()?,
                tenant_seq: seqs.u64()?,
                received_us: times.u64()?,
                salt: salts.array()?,
                envelope_len: envelopes.u32()?,
                body_len: bodies.u32()?,
            });
        }
        let mut replays = Vec::new();
        for _ in 0..header.replays {
            let owner = f.array()?;
            let Ok(key) = std::str::from_utf8(f.long()?) else { return Ok(None) };
            replays.push(ReplayRow { owner, key: key.to_owned(), value: f.long()?.to_vec() });
        }
        Ok(f.is_empty().then_some((rows, replays)))
    }
}

/// Unpacks one zstd block that must give exactly `raw_len` bytes.
pub(crate) fn unpack(block: &[u8], raw_len: u32) -> Result<Vec<u8>, String> {
    if u64::from(raw_len) > FRAME_RAW_MAX {
        return Err(format!("block of {raw_len} raw bytes, at most {FRAME_RAW_MAX} are allowed"));
    }
    let raw = zstd::bulk::decompress(block, raw_len as usize).map_err(|error| format!("zstd: {error}"))?;
    if raw.len() != raw_len as usize {
        return Err(format!("block unpacks to {} bytes, the header says {raw_len}", raw.len()));
    }
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> FrameHeader {
        FrameHeader {
            log_id: [1; 16],
            segment_id: [2; 16],
            term: 3,
            number: 4,
            first: 5,
            count: 2,
            replays: 1,
            columns_len: 7,
            block_len: 8,
            raw_len: 9,
            previous_crc: 10,
            durable: 5,
            size: 7,
            root: [11; 32],
            body_crc: 12,
        }
    }

    #[test]
    fn headers_read_back_and_notice_every_flipped_bit() {
        let (bytes, crc) = header().encode();
        assert_eq!(FrameHeader::decode(&bytes, &[2; 16]), Some((header(), crc)));
        assert_eq!(FrameHeader::decode(&bytes, &[3; 16]), None, "of another segment");
        for bit in 0..HEADER_LEN * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(FrameHeader::decode(&bad, &[2; 16]), None, "bit {bit}");
        }
    }

    #[test]
    fn columns_read_back_and_never_panic_when_cut() {
        let row = |n: u8| Row {
            kind: n,
            chain: 1 + u32::from(n),
            tenant_seq: 2,
            received_us: 3,
            salt: [n; 16],
            envelope_len: 3,
            body_len: 1,
        };
        let rows = vec![row(1), row(2)];
        let replays = vec![ReplayRow { owner: [9; 16], key: "k".into(), value: vec![1, 2, 3] }];
        let columns = Draft::columns_of(&rows, &replays);
        let block = zstd::bulk::compress(b"envbenvb", 1).unwrap();
        let mut header = header();
        (header.columns_len, header.raw_len) = (columns.len() as u32, 8);
        let whole = Unpacked::parse(&header, &columns, &block).unwrap();
        assert_eq!((whole.rows, whole.replays, &whole.raw[..]), (rows, replays, &b"envbenvb"[..]));
        for len in 0..columns.len() {
            assert!(Unpacked::parse(&header, &columns[..len], &block).is_err(), "{len}");
        }
        header.raw_len = 7;
        assert!(Unpacked::parse(&header, &columns, &block).is_err());
    }
}
