//! Writes a dictionary: terms in order, in blocks, each with its documents or with where they are.

use super::lists::{Occurrences, PositionArrays, write_list};
use super::sink::Sink;
use crate::error::SearchError;
use crate::split::bytes::{put_packed, put_varint};
use crate::split::index::TermIndex;
use crate::split::terms::{BLOCK_TERMS_MAX, CODEC_PLAIN, CODEC_ZSTD, INLINE_DOCS_MAX, Outside};

/// A block is closed when its texts have this many bytes: small enough to be unpacked for a single term.
const BLOCK_TEXT: usize = 8 << 10;

/// A block is closed when it holds this many documents and positions.
const BLOCK_ITEMS: usize = 8 << 10;

/// A dictionary while it is being written.
pub(super) struct TermWriter {
    split_docs: u32,
    with_positions: bool,
    index: TermIndex,
    /// The terms that were written, those of the open block among them.
    terms: u32,
    /// The ordinal of the open block's first term.
    block_first: u32,
    /// What the open block's first term is found by.
    separator: Vec<u8>,
    last: Vec<u8>,
    prefixes: Vec<u32>,
    suffixes: Vec<u32>,
    text: Vec<u8>,
    inline: Vec<u32>,
    docs: Vec<u32>,
    positions: PositionArrays,
    outside: Vec<Outside>,
    packer: zstd::bulk::Compressor<'static>,
    bytes: Vec<u8>,
}

impl TermWriter {
    pub(super) fn new(split_docs: u32) -> Result<TermWriter, SearchError> {
        let packer =
            zstd::bulk::Compressor::new(1).map_err(SearchError::io("prepare packing for", "split"))?;
        Ok(TermWriter {
            split_docs,
            with_positions: false,
            index: TermIndex::default(),
            terms: 0,
            block_first: 0,
            separator: Vec::new(),
            last: Vec::new(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            text: Vec::new(),
            inline: Vec::new(),
            docs: Vec::new(),
            positions: PositionArrays::default(),
            outside: Vec::new(),
            packer,
            bytes: Vec::new(),
        })
    }

    pub(super) fn split_docs(&self) -> u32 {
        self.split_docs
    }

    /// Begins a dictionary; the one before is finished.
    pub(super) fn begin(&mut self, with_positions: bool) {
        self.with_positions = with_positions;
        (self.terms, self.block_first) = (0, 0);
        self.last.clear();
    }

    /// Adds a term, above all before it, with its `docs` documents, at least one.
    pub(super) fn push(
        &mut self,
        sink: &mut Sink,
        term: &[u8],
        docs: u32,
        list: &mut dyn Occurrences,
    ) -> Result<(), SearchError> {
        let shared = self.last.iter().zip(term).take_while(|(a, b)| a == b).count();
        // In a block the first term stands alone.
        let prefix = if self.prefixes.is_empty() { 0 } else { shared };
        if self.prefixes.is_empty() {
            self.block_first = self.terms;
            self.separator.clear();
            if self.terms > 0 {
                self.separator.extend_from_slice(&term[..term.len().min(shared + 1)]);
            }
        }
        self.prefixes.push(prefix as u32);
        self.suffixes.push((term.len() - prefix) as u32);
        self.text.extend_from_slice(&term[prefix..]);
        self.last.truncate(shared);
        self.last.extend_from_slice(&term[shared..]);
        self.terms += 1;
        if docs as usize <= INLINE_DOCS_MAX {
            self.inline.push(docs);
            list.docs(&mut |doc| self.docs.push(doc))?;
            if self.with_positions {
                list.positions(&mut |positions| self.positions.push(positions))?;
            }
        } else {
            self.inline.push(0);
            let outside = write_list(sink, self.split_docs, docs, list, self.with_positions)?;
            self.outside.push(outside);
        }
        if self.text.len() >= BLOCK_TEXT
            || self.docs.len() + self.positions.items() >= BLOCK_ITEMS
            || self.prefixes.len() >= BLOCK_TERMS_MAX
        {
            self.close_block(sink)?;
        }
        Ok(())
    }

    fn close_block(&mut self, sink: &mut Sink) -> Result<(), SearchError> {
        let bytes = &mut self.bytes;
        bytes.clear();
        put_varint(bytes, self.prefixes.len() as u64);
        put_packed(bytes, &self.prefixes);
        put_packed(bytes, &self.suffixes);
        put_packed(bytes, &self.inline);
        put_packed(bytes, &self.docs);
        if self.with_positions {
            self.positions.put(bytes);
        }
        if let Some(first) = self.outside.first() {
            put_varint(bytes, first.start);
        }
        for list in &self.outside {
            put_varint(bytes, u64::from(list.docs) << 1 | u64::from(list.dense));
            put_varint(bytes, list.units_len as u64);
            put_varint(bytes, list.skip_len as u64);
            if self.with_positions {
                put_varint(bytes, list.positions_len as u64);
                put_varint(bytes, list.positions_skip_len as u64);
            }
        }
        let packed = self.packer.compress(&self.text).map_err(SearchError::io("pack", "terms"))?;
        let (codec, packed) =
            if packed.len() < self.text.len() { (CODEC_ZSTD, &packed) } else { (CODEC_PLAIN, &self.text) };
        bytes.push(codec);
        put_varint(bytes, self.text.len() as u64);
        bytes.extend_from_slice(packed);
        let extent = sink.put_checked(bytes)?;
        self.index.push(extent, self.block_first, &self.separator);
        self.prefixes.clear();
        self.suffixes.clear();
        self.text.clear();
        self.inline.clear();
        self.docs.clear();
        self.outside.clear();
        Ok(())
    }

    /// Ends the dictionary, and returns the number of its terms and where they are.
    pub(super) fn finish(&mut self, sink: &mut Sink) -> Result<(u32, TermIndex), SearchError> {
        if !self.prefixes.is_empty() {
            self.close_block(sink)?;
        }
        Ok((self.terms, std::mem::take(&mut self.index)))
    }
}
