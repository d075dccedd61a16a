//! The dictionaries of an open split: terms to documents, ordinals to terms, ranges of terms.

use std::collections::VecDeque;
use std::ops::{Bound, ControlFlow, RangeBounds};
use std::sync::Arc;

use parking_lot::Mutex;

use super::format::{TENANT, has_positions};
use super::index::Dictionary;
use super::lists::{List, checked};
use super::open::Split;
use super::postings::Postings;
use super::terms::{Place, TermBlock};
use crate::error::SearchError;
use crate::field::Field;

/// Dictionary blocks that a split keeps unpacked, each some ten KiB.
const CACHED_BLOCKS: usize = 8;

/// A term of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TermRef {
    pub(crate) field: Field,
    /// Its place among the field's terms in byte order.
    pub(crate) ordinal: u32,
    /// The number of documents that have it.
    pub(crate) docs: u32,
}

/// Terms by their bytes.
pub(super) type ByteRange<'r> = (Bound<&'r [u8]>, Bound<&'r [u8]>);

/// Takes a term, its ordinal and its number of documents.
pub(super) type EachTerm<'e> = dyn FnMut(&[u8], u32, u32) -> ControlFlow<()> + 'e;

/// Where a term was found.
struct Found {
    block: Arc<TermBlock>,
    /// Its place in the block.
    at: usize,
    ordinal: u32,
}

/// The dictionary blocks that were used last.
#[derive(Default)]
pub(super) struct BlockCache {
    /// By dictionary and number, the latest first.
    blocks: Mutex<VecDeque<(usize, usize, Arc<TermBlock>)>>,
}

impl BlockCache {
    fn get(&self, number: usize, block: usize) -> Option<Arc<TermBlock>> {
        let mut blocks = self.blocks.lock();
        let at = blocks.iter().position(|(of, at, _)| (*of, *at) == (number, block))?;
        let kept = blocks.remove(at)?;
        let found = Arc::clone(&kept.2);
        blocks.push_front(kept);
        Some(found)
    }

    fn put(&self, number: usize, block: usize, read: &Arc<TermBlock>) {
        let mut blocks = self.blocks.lock();
        blocks.truncate(CACHED_BLOCKS - 1);
        blocks.push_front((number, block, Arc::clone(read)));
    }
}

impl Split {
    /// The number of distinct terms of a field: its ordinals are `0..field_terms`.
    pub(crate) fn field_terms(&self, field: Field) -> u32 {
        self.directory.dictionaries[field as usize].terms
    }

    /// Looks a term up.
    ///
    /// # Errors
    /// [`SearchError::Io`], or [`SearchError::Damaged`] when what is read contradicts itself.
    pub(crate) fn find(&self, field: Field, term: &str) -> Result<Option<TermRef>, SearchError> {
        let found = self.lookup(field as usize, term.as_bytes())?;
        Ok(found.map(|found| TermRef {
            field,
            ordinal: found.ordinal,
            docs: found.block.doc_count(found.at),
        }))
    }

    /// Calls `each` with the terms of a field in a range, in byte order, until it breaks.
    ///
    /// # Errors
    /// As [`Split::find`].
    pub(crate) fn terms(
        &self,
        field: Field,
        range: (Bound<&str>, Bound<&str>),
        each: &mut dyn FnMut(&str, TermRef) -> ControlFlow<()>,
    ) -> Result<(), SearchError> {
        let bytes = |bound: Bound<&'_ str>| bound.map(|text| text.as_bytes().to_vec());
        let (low, high) = (bytes(range.0), bytes(range.1));
        let mut odd = false;
        self.scan(
            field as usize,
            (low.as_ref().map(Vec::as_slice), high.as_ref().map(Vec::as_slice)),
            &mut |term, ordinal, docs| match std::str::from_utf8(term) {
                Ok(text) => each(text, TermRef { field, ordinal, docs }),
                Err(_) => {
                    odd = true;
                    ControlFlow::Break(())
                }
            },
        )?;
        if odd { Err(self.file.damaged("a term is not text")) } else { Ok(()) }
    }

    /// Calls `each` with what comes with every ordinal, and the term; a block of the dictionary is read and walked once,
    /// since the ordinals ascend.
    ///
    /// # Errors
    /// As [`Split::find`], or that of `each`; an ordinal beyond the field's terms is damage too.
    pub(crate) fn term_texts<T>(
        &self,
        field: Field,
        ordinals: impl IntoIterator<Item = (u32, T)>,
        mut each: impl FnMut(T, &str) -> Result<(), SearchError>,
    ) -> Result<(), SearchError> {
        let number = field as usize;
        // The block in which the last one was, the ordinal of its first term, and the term after the last one.
        let mut open: Option<(Arc<TermBlock>, u32, usize)> = None;
        let mut text = Vec::new();
        for (ordinal, with) in ordinals {
            let here = open.take().filter(|(block, first, next)| {
                ordinal.checked_sub(*first).is_some_and(|at| (*next..block.len()).contains(&(at as usize)))
            });
            let (block, first, next) = match here {
                Some(open) => open,
                None => {
                    let (block, at) = self.term_at(number, ordinal)?;
                    (block, ordinal - at as u32, 0)
                }
            };
            let at = (ordinal - first) as usize;
            (next..=at).for_each(|term| block.step(term, &mut text));
            each(with, std::str::from_utf8(&text).map_err(|_| self.file.damaged("a term is not text"))?)?;
            open = Some((block, first, at + 1));
        }
        Ok(())
    }

    /// The documents of a term.
    ///
    /// # Errors
    /// As [`Split::find`].
    pub(crate) fn postings(&self, term: TermRef) -> Result<Postings, SearchError> {
        let (block, at) = self.term_at(term.field as usize, term.ordinal)?;
        self.open_postings(block, at)
    }

    /// Calls `each` with the documents of a term: as [`Split::postings`] and [`Postings::for_each`], but free of memory and
    /// mostly of reading where terms with few documents are asked for in their order.
    ///
    /// # Errors
    /// As [`Split::find`].
    pub(crate) fn each_doc(&self, term: TermRef, each: &mut dyn FnMut(u32)) -> Result<(), SearchError> {
        let (block, at) = self.term_at(term.field as usize, term.ordinal)?;
        let Place::Inline(range) = block.place(at) else {
            return self.open_postings(block, at)?.for_each(each);
        };
        for doc in range.map(|at| block.doc(at)) {
            if doc >= self.docs() {
                return Err(self.file.damaged("a dictionary contradicts itself"));
            }
            each(doc);
        }
        Ok(())
    }

    /// The documents of the tenant with this number; none if it has no events here.
    ///
    /// # Errors
    /// As [`Split::find`].
    pub(crate) fn tenant_postings(&self, number: u64) -> Result<Postings, SearchError> {
        match self.lookup(TENANT, &number.to_be_bytes())? {
            Some(found) => self.open_postings(found.block, found.at),
            None => Ok(Postings::none()),
        }
    }

    fn lookup(&self, number: usize, term: &[u8]) -> Result<Option<Found>, SearchError> {
        let index = &self.directory.dictionaries[number].index;
        let Some(block_number) = index.block_of(term) else { return Ok(None) };
        let block = self.block(number, block_number)?;
        let (at, equal) = block.seek(term);
        Ok(equal.then(|| Found { block, at, ordinal: index.firsts[block_number] + at as u32 }))
    }

    fn term_at(&self, number: usize, ordinal: u32) -> Result<(Arc<TermBlock>, usize), SearchError> {
        let dictionary = &self.directory.dictionaries[number];
        let missing = || self.file.damaged("a term is missing");
        let block = dictionary.index.block_at(ordinal).ok_or_else(missing)?;
        let at = (ordinal - dictionary.index.firsts[block]) as usize;
        let block = self.block(number, block)?;
        if at < block.len() { Ok((block, at)) } else { Err(missing()) }
    }

    /// Calls `each` with term, ordinal and number of documents, until it breaks.
    pub(super) fn scan(
        &self,
        number: usize,
        range: ByteRange<'_>,
        each: &mut EachTerm<'_>,
    ) -> Result<(), SearchError> {
        let index = &self.directory.dictionaries[number].index;
        let low = match range.0 {
            Bound::Included(low) | Bound::Excluded(low) => low,
            Bound::Unbounded => &[],
        };
        let first = index.block_of(low).unwrap_or(0);
        for block_number in first..index.blocks() {
            let block = self.block(number, block_number)?;
            let mut text = Vec::new();
            for at in 0..block.len() {
                block.step(at, &mut text);
                let too_high = match range.1 {
                    Bound::Included(high) => text.as_slice() > high,
                    Bound::Excluded(high) => text.as_slice() >= high,
                    Bound::Unbounded => false,
                };
                if too_high {
                    return Ok(());
                }
                let inside = RangeBounds::<[u8]>::contains(&range, text.as_slice());
                let ordinal = index.firsts[block_number] + at as u32;
                if inside && each(&text, ordinal, block.doc_count(at)).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    pub(super) fn dictionary(&self, number: usize) -> &Dictionary {
        &self.directory.dictionaries[number]
    }

    /// A block of a dictionary, from those used last or from disk.
    fn block(&self, number: usize, block: usize) -> Result<Arc<TermBlock>, SearchError> {
        if let Some(kept) = self.blocks.get(number, block) {
            return Ok(kept);
        }
        let read = Arc::new(self.read_block(number, block)?);
        self.blocks.put(number, block, &read);
        Ok(read)
    }

    /// Reads a block of a dictionary.
    pub(super) fn read_block(&self, number: usize, block: usize) -> Result<TermBlock, SearchError> {
        let contradicts = || self.file.damaged("a dictionary contradicts itself");
        let index = &self.directory.dictionaries[number].index;
        let bytes = checked(&self.file, index.extent(block).ok_or_else(contradicts)?)?;
        let terms = match index.firsts.get(block + 1) {
            Some(next) => next - index.firsts[block],
            None => self.directory.dictionaries[number].terms - index.firsts[block],
        };
        TermBlock::read(bytes, self.docs(), has_positions(number))
            .filter(|read| read.len() == terms as usize)
            .ok_or_else(contradicts)
    }

    /// The bytes of a block, if there is one.
    #[cfg(test)]
    pub(super) fn block_bytes(&self, number: usize, block: usize) -> Option<Vec<u8>> {
        checked(&self.file, self.directory.dictionaries[number].index.extent(block)?).ok()
    }

    /// The documents of the term at `at` in a block of this split.
    pub(super) fn open_postings(&self, block: Arc<TermBlock>, at: usize) -> Result<Postings, SearchError> {
        match block.place(at) {
            Place::Inline(range) => Postings::inline(block, range, self.docs())
                .ok_or_else(|| self.file.damaged("a dictionary contradicts itself")),
            Place::Outside(outside) => {
                Postings::list(List::open(&self.file, self.docs(), outside)?, outside.docs)
            }
        }
    }
}
