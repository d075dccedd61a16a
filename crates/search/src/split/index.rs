//! Where the blocks of a dictionary are, and which of them holds a term. Held in memory while the split is open.

use super::bytes::{Cursor, put_packed, put_packed_wide, put_varint};
use super::file::Extent;
use super::format::Column;

/// Which block of a dictionary a term or an ordinal is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TermIndex {
    /// Where each block begins in the file.
    pub(super) starts: Vec<u64>,
    pub(super) lens: Vec<u32>,
    /// The ordinal of each block's first term.
    pub(super) firsts: Vec<u32>,
    /// For each block the end, in `text`, of what stands above every term before it and not above its first.
    pub(super) ends: Vec<u32>,
    pub(super) text: Vec<u8>,
}

impl TermIndex {
    pub(super) fn blocks(&self) -> usize {
        self.starts.len()
    }

    /// Adds a block.
    pub(super) fn push(&mut self, block: Extent, first: u32, separator: &[u8]) {
        self.starts.push(block.start);
        // A block is closed long before it reaches 4 GiB.
        self.lens.push(block.len as u32);
        self.firsts.push(first);
        self.text.extend_from_slice(separator);
        self.ends.push(self.text.len() as u32);
    }

    pub(super) fn extent(&self, block: usize) -> Option<Extent> {
        Some(Extent { start: *self.starts.get(block)?, len: *self.lens.get(block)? as usize })
    }

    fn separator(&self, block: usize) -> &[u8] {
        let start = block.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[block] as usize]
    }

    /// The one block that can hold `term`; `None` if there are no blocks.
    pub(super) fn block_of(&self, term: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.blocks());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.separator(middle) <= term { low = middle + 1 } else { high = middle }
        }
        // Nothing stands before the first block, whose separator is empty.
        low.checked_sub(1)
    }

    /// The block that holds this ordinal.
    pub(super) fn block_at(&self, ordinal: u32) -> Option<usize> {
        self.firsts.partition_point(|first| *first <= ordinal).checked_sub(1)
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.blocks() as u64);
        // One bit each at least, so that their number can't be larger than the file allows.
        put_packed_wide(out, &self.starts, 1);
        put_packed(out, &self.lens);
        put_packed(out, &self.firsts);
        let lens: Vec<u32> = (0..self.blocks()).map(|block| self.separator(block).len() as u32).collect();
        put_packed(out, &lens);
        out.extend_from_slice(&self.text);
    }

    /// Reads the index of a dictionary of `terms`, in which every ordinal is in one block.
    pub(super) fn read(cursor: &mut Cursor<'_>, bytes: &[u8], terms: u32) -> Option<TermIndex> {
        let blocks = cursor.number(terms as usize)?;
        let (starts, lens) = (cursor.packed_wide(blocks)?, cursor.packed(blocks)?);
        let (firsts, separators) = (cursor.packed(blocks)?, cursor.packed(blocks)?);
        let mut index = TermIndex::default();
        starts.for_each(bytes, 0..blocks, |start| index.starts.push(start));
        lens.unpack(bytes, &mut index.lens);
        firsts.unpack(bytes, &mut index.firsts);
        index.text = cursor.take(separators.sum(bytes)?)?.to_vec();
        let mut end = 0;
        separators.for_each(bytes, 0..blocks, |len| {
            end += len as u32;
            index.ends.push(end);
        });
        let starts_with_first = index.firsts.first().is_none_or(|first| *first == 0);
        let ordered = index.firsts.windows(2).all(|pair| pair[0] < pair[1])
            && index.firsts.last().is_none_or(|last| *last < terms);
        ((terms == 0) == (blocks == 0) && starts_with_first && ordered).then_some(index)
    }
}

/// A dictionary of a split.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Dictionary {
    /// Distinct terms.
    pub(super) terms: u32,
    pub(super) index: TermIndex,
    /// The ordinals of each document's terms; for fields that have it, and have terms.
    pub(super) facet: Option<Column>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_in_one_block() {
        let mut index = TermIndex::default();
        index.push(Extent { start: 90, len: 40 }, 0, b"");
        index.push(Extent { start: 130, len: 9 }, 7, b"m");
        for (term, block) in [("", 0), ("lzz", 0), ("m", 1), ("zz", 1)] {
            assert_eq!(index.block_of(term.as_bytes()), Some(block), "{term}");
        }
        assert_eq!([0, 6, 7, 8].map(|ordinal| index.block_at(ordinal)), [Some(0), Some(0), Some(1), Some(1)]);
        assert_eq!(TermIndex::default().block_of(b"a"), None);
    }
}
