//! A block of a dictionary: some hundred terms in order, with their documents where these are few.
//!
//! Terms are front-coded: each is kept as the number of leading bytes that it shares with the term before, and the
//! bytes after those; these are packed together. A term of few documents has them in the block; a longer list lies
//! somewhere before the block in the file.
//! Invariant: a block that was read has consistent lengths; walking it can't fail.

use std::cell::RefCell;
use std::cmp::Ordering;

use super::bytes::{Cursor, Packed};
use super::positions::PackedPositions;

/// Most terms in a block.
pub(super) const BLOCK_TERMS_MAX: usize = 4_096;

/// Most documents of a term that are kept in the block itself.
pub(super) const INLINE_DOCS_MAX: usize = 32;

/// Most bytes that the texts of a block can have; no event is that large.
const TEXT_MAX: usize = 64 << 20;

/// How the texts are packed.
pub(super) const CODEC_PLAIN: u8 = 0;
pub(super) const CODEC_ZSTD: u8 = 1;

/// A block as it was read.
#[derive(Debug)]
pub(super) struct TermBlock {
    bytes: Vec<u8>,
    /// What each term does not share with the one before.
    text: Vec<u8>,
    /// Where each term's part ends in `text`.
    ends: Vec<u32>,
    prefixes: Vec<u32>,
    /// Where each term's documents end in `docs`.
    inline_ends: Vec<u32>,
    docs: Packed,
    positions: Option<PackedPositions>,
    outside: Vec<Outside>,
}

/// A list of documents outside its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outside {
    /// The term's place in its block.
    pub(super) term: u32,
    pub(super) docs: u32,
    /// Whether it is kept by zone, and not in runs of 128 documents.
    pub(super) dense: bool,
    pub(super) start: u64,
    pub(super) units_len: usize,
    pub(super) skip_len: usize,
    pub(super) positions_len: usize,
    pub(super) positions_skip_len: usize,
}

impl Outside {
    /// The bytes of all its parts.
    pub(super) fn len(&self) -> u64 {
        [self.units_len, self.skip_len, self.positions_len, self.positions_skip_len]
            .into_iter()
            .map(|len| len as u64)
            .sum()
    }
}

/// Where the documents of a term are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the block, this range of its documents.
    Inline(std::ops::Range<usize>),
    Outside(Outside),
}

impl TermBlock {
    /// Reads a block of a split with `docs` documents; `None` if the bytes contradict themselves.
    pub(super) fn read(bytes: Vec<u8>, docs: u32, with_positions: bool) -> Option<TermBlock> {
        let mut cursor = Cursor::new(&bytes);
        let len = cursor.number(BLOCK_TERMS_MAX)?;
        let (prefixes, suffixes, inline) = (cursor.packed(len)?, cursor.packed(len)?, cursor.packed(len)?);
        let mut block = TermBlock {
            text: Vec::new(),
            ends: Vec::with_capacity(len),
            prefixes: Vec::with_capacity(len),
            inline_ends: Vec::with_capacity(len),
            docs: Packed::default(),
            positions: None,
            outside: Vec::new(),
            bytes: Vec::new(),
        };
        let mut total = 0;
        for term in 0..len {
            let count = inline.get(&bytes, term);
            if count > INLINE_DOCS_MAX as u64 {
                return None;
            }
            total += count as u32;
            block.inline_ends.push(total);
        }
        block.docs = cursor.packed(total as usize)?;
        if with_positions {
            block.positions = Some(PackedPositions::read(&mut cursor, &bytes, total as usize)?);
        }
        let mut start = None;
        for term in 0..len {
            if block.inline(term).is_empty() {
                let at = match start {
                    Some(at) => at,
                    None => cursor.varint()?,
                };
                let list = outside(&mut cursor, term as u32, at, docs, with_positions)?;
                start = Some(at.checked_add(list.len())?);
                block.outside.push(list);
            }
        }
        block.text = text(&mut cursor)?;
        let (mut before, mut end) = (0, 0);
        for term in 0..len {
            let (prefix, suffix) = (prefixes.get(&bytes, term), suffixes.get(&bytes, term));
            if prefix > before || suffix > block.text.len() as u64 {
                return None;
            }
            before = prefix + suffix;
            end += suffix;
            block.prefixes.push(prefix as u32);
            block.ends.push(end as u32);
        }
        block.bytes = bytes;
        (end == block.text.len() as u64).then_some(block)
    }

    /// The number of its terms.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    fn inline(&self, term: usize) -> std::ops::Range<usize> {
        let start = term.checked_sub(1).map_or(0, |before| self.inline_ends[before]);
        start as usize..self.inline_ends[term] as usize
    }

    fn suffix(&self, term: usize) -> &[u8] {
        let start = term.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[term] as usize]
    }

    /// Turns `text`, which is the term before `term` or anything if `term` is the first, into `term`.
    pub(super) fn step(&self, term: usize, text: &mut Vec<u8>) {
        text.truncate(self.prefixes[term] as usize);
        text.extend_from_slice(self.suffix(term));
    }

    /// The first term that is not below `wanted`, and whether it is equal to it; `len()` if all are below.
    pub(super) fn seek(&self, wanted: &[u8]) -> (usize, bool) {
        // How much of `wanted` the term before, which is below it, begins with.
        let mut matched = 0;
        for term in 0..self.len() {
            match (self.prefixes[term] as usize).cmp(&matched) {
                // It differs from `wanted` where the term before does.
                Ordering::Greater => {}
                // It goes above the term before where that one still equals `wanted`.
                Ordering::Less => return (term, false),
                Ordering::Equal => {
                    let (rest, suffix) = (&wanted[matched..], self.suffix(term));
                    let same = rest.iter().zip(suffix).take_while(|(a, b)| a == b).count();
                    matched += same;
                    match suffix[same..].cmp(&rest[same..]) {
                        Ordering::Less => {}
                        order => return (term, order == Ordering::Equal),
                    }
                }
            }
        }
        (self.len(), false)
    }

    /// Where a term's documents are.
    pub(super) fn place(&self, term: usize) -> Place {
        match self.outside.binary_search_by_key(&(term as u32), |list| list.term) {
            Ok(at) => Place::Outside(self.outside[at]),
            Err(_) => Place::Inline(self.inline(term)),
        }
    }

    /// The number of documents of a term.
    pub(super) fn doc_count(&self, term: usize) -> u32 {
        match self.place(term) {
            Place::Inline(range) => range.len() as u32,
            Place::Outside(list) => list.docs,
        }
    }

    /// The document at a place of the block's.
    pub(super) fn doc(&self, at: usize) -> u32 {
        u32::try_from(self.docs.get(&self.bytes, at)).unwrap_or(u32::MAX)
    }

    /// Positions of the documents that are in the block, and the bytes that they are in.
    pub(super) fn positions(&self) -> Option<(&PackedPositions, &[u8])> {
        Some((self.positions.as_ref()?, &self.bytes))
    }
}

fn outside(
    cursor: &mut Cursor<'_>,
    term: u32,
    start: u64,
    docs: u32,
    with_positions: bool,
) -> Option<Outside> {
    let first = cursor.varint()?;
    let mut len = || cursor.number(u32::MAX as usize);
    let mut list = Outside {
        term,
        docs: u32::try_from(first >> 1).ok()?,
        dense: first & 1 == 1,
        start,
        units_len: len()?,
        skip_len: len()?,
        positions_len: 0,
        positions_skip_len: 0,
    };
    if with_positions {
        // Positions of one word may be more than 4 GiB.
        list.positions_len = cursor.number(usize::MAX)?;
        list.positions_skip_len = cursor.number(u32::MAX as usize)?;
    }
    (list.docs > 0 && list.docs <= docs).then_some(list)
}

thread_local! {
    static UNPACKER: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

fn text(cursor: &mut Cursor<'_>) -> Option<Vec<u8>> {
    let codec = cursor.byte()?;
    let len = cursor.number(TEXT_MAX)?;
    match codec {
        CODEC_PLAIN => (cursor.rest().len() == len).then(|| cursor.rest().to_vec()),
        CODEC_ZSTD => UNPACKER.with_borrow_mut(|unpacker| {
            if unpacker.is_none() {
                *unpacker = zstd::bulk::Decompressor::new().ok();
            }
            let mut text = Vec::with_capacity(len);
            unpacker.as_mut()?.decompress_to_buffer(cursor.rest(), &mut text).ok()?;
            (text.len() == len).then_some(text)
        }),
        _ => None,
    }
}
