//! One split from several that follow each other, or from one, without some of their documents.
//!
//! Their dictionaries are read side by side, each from its beginning to its end; documents get the numbers that they
//! have behind those of the splits before. In memory are a block of each dictionary, a piece of each list, and for one
//! field at a time which ordinal became which; of a split that documents are left out of, also two bits for each.
//! Invariant: what is written is what would be if the documents left out had never been: the same bytes.

use std::cmp::Ordering;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::Written;
use super::columns::{InstantWriter, LeafWriter, ListWriter, write_hashes, zones};
use super::lists::Occurrences;
use super::sink::Sink;
use super::terms::TermWriter;
use crate::error::SearchError;
use crate::lists::Lists;
use crate::split::format::{Column, DICTIONARIES, Directory, HashColumn, has_facet, has_positions};
use crate::split::index::Dictionary;
use crate::split::open::Split;
use crate::split::postings::Postings;
use crate::split::terms::{Place, TermBlock};
use crate::split::zones::Facet;
use crate::zone::ZONE_DOCS;

/// A split to be merged.
pub(crate) struct Input {
    pub(crate) split: Arc<Split>,
    /// The documents that do not go along.
    pub(crate) left_out: RoaringBitmap,
}

impl Input {
    /// All of a split.
    #[cfg(test)]
    pub(crate) fn whole(split: Arc<Split>) -> Input {
        Input { split, left_out: RoaringBitmap::new() }
    }

    /// How many documents go along.
    pub(crate) fn docs(&self) -> u32 {
        self.split.docs() - self.left_out.len() as u32
    }
}

/// Writes the events of `inputs`, which follow each other, as one split of `log` to the new file `path`. `look` is called
/// every 1,024 documents or terms, and may end it.
///
/// # Errors
/// [`SearchError::Io`] when something can't be read or written, [`SearchError::Damaged`] with the split whose contents
/// contradict themselves, or that of `look`. A part of the new file may be there then.
pub(crate) fn merge(
    path: &Path,
    log: &[u8; 16],
    inputs: &[Input],
    look: &dyn Fn() -> Result<(), SearchError>,
) -> Result<Written, SearchError> {
    let mut sink = Sink::create(path, log)?;
    let mut directory = Directory::default();
    let merge = Merge { sources: sources(inputs), look };
    merge.columns(&mut sink, &mut directory)?;
    let mut writer = TermWriter::new(directory.docs)?;
    for number in 0..DICTIONARIES {
        directory.dictionaries.push(merge.dictionary(&mut sink, &mut writer, number)?);
    }
    sink.finish(&directory)
}

/// Terms between two looks at whether to go on.
const TERMS_BETWEEN_LOOKS: u32 = 1_024;

/// Stands for the new place of what has none, because only documents that are left out have it.
const NOWHERE: u32 = u32::MAX;

struct Merge<'m> {
    sources: Vec<Source<'m>>,
    look: &'m dyn Fn() -> Result<(), SearchError>,
}

/// A split, and the numbers that its documents get.
struct Source<'m> {
    split: &'m Split,
    /// Its place among the splits.
    at: usize,
    /// The number that its first document gets.
    base: u32,
    /// `None` if that is all of them.
    kept: Option<Kept>,
}

/// Some of a split's documents.
struct Kept {
    /// A bit for each document of the split.
    words: Vec<u64>,
    /// How many there are before each word.
    before: Vec<u32>,
    len: u32,
}

fn sources(inputs: &[Input]) -> Vec<Source<'_>> {
    let mut sources: Vec<Source<'_>> = Vec::with_capacity(inputs.len());
    for (at, Input { split, left_out }) in inputs.iter().enumerate() {
        let base = sources.last().map_or(0, |before| before.base + before.docs());
        let kept = (!left_out.is_empty()).then(|| Kept::without(split.docs(), left_out));
        sources.push(Source { split, at, base, kept });
    }
    sources
}

impl Kept {
    fn without(docs: u32, left_out: &RoaringBitmap) -> Kept {
        let mut words = vec![u64::MAX; docs.div_ceil(64) as usize];
        if let Some(last) = words.last_mut() {
            *last >>= docs.next_multiple_of(64) - docs;
        }
        left_out.iter().for_each(|doc| words[doc as usize / 64] &= !(1 << (doc % 64)));
        let mut len = 0;
        let before = words.iter().map(|word| {
            len += word.count_ones();
            len - word.count_ones()
        });
        Kept { before: before.collect(), words, len }
    }

    /// The document's place among those that are kept, if it is.
    fn place(&self, doc: u32) -> Option<u32> {
        let (word, bit) = (self.words[doc as usize / 64], 1 << (doc % 64));
        (word & bit != 0).then(|| self.before[doc as usize / 64] + (word & (bit - 1)).count_ones())
    }
}

impl Source<'_> {
    /// How many of its documents go along.
    fn docs(&self) -> u32 {
        self.kept.as_ref().map_or(self.split.docs(), |kept| kept.len)
    }

    /// The number that a document gets, if it goes along.
    fn number(&self, doc: u32) -> Option<u32> {
        match &self.kept {
            None => Some(self.base + doc),
            Some(kept) => kept.place(doc).map(|place| self.base + place),
        }
    }

    /// Whether a document of a zone goes along.
    fn keeps(&self, zone: u32, doc: usize) -> bool {
        self.kept.as_ref().is_none_or(|kept| kept.place(zone * ZONE_DOCS as u32 + doc as u32).is_some())
    }
}

/// A dictionary on its way from term to term.
struct Cursor<'s> {
    source: &'s Source<'s>,
    number: usize,
    block_number: usize,
    block: Arc<TermBlock>,
    /// The term's place in the block.
    term: usize,
    text: Vec<u8>,
    /// The first eight bytes of the text, the first highest: most terms differ in them.
    key: u64,
}

impl<'s> Cursor<'s> {
    /// Stands at the first term, of which there is one at least.
    fn new(source: &'s Source<'s>, number: usize) -> Result<Cursor<'s>, SearchError> {
        let block = Arc::new(source.split.read_block(number, 0)?);
        let mut cursor = Cursor { source, number, block_number: 0, block, term: 0, text: Vec::new(), key: 0 };
        cursor.read();
        Ok(cursor)
    }

    fn read(&mut self) {
        self.block.step(self.term, &mut self.text);
        let mut eight = [0; 8];
        let some = self.text.len().min(8);
        eight[..some].copy_from_slice(&self.text[..some]);
        self.key = u64::from_be_bytes(eight);
    }

    /// Goes to the next term, if there is one.
    fn advance(&mut self) -> Result<bool, SearchError> {
        self.term += 1;
        if self.term == self.block.len() {
            self.block_number += 1;
            let split = self.source.split;
            if self.block_number == split.dictionary(self.number).index.blocks() {
                return Ok(false);
            }
            self.block = Arc::new(split.read_block(self.number, self.block_number)?);
            self.term = 0;
        }
        self.read();
        Ok(true)
    }

    fn cmp(&self, other: &Cursor<'_>) -> Ordering {
        self.key.cmp(&other.key).then_with(|| self.text.cmp(&other.text))
    }
}

impl Merge<'_> {
    /// Merges one dictionary, and its column if it has one.
    fn dictionary(
        &self,
        sink: &mut Sink,
        writer: &mut TermWriter,
        number: usize,
    ) -> Result<Dictionary, SearchError> {
        let mut cursors = Vec::new();
        for source in &self.sources {
            if source.split.dictionary(number).terms > 0 {
                cursors.push(Cursor::new(source, number)?);
            }
        }
        // Which ordinal became which, by split.
        let mut ordinals: Vec<Vec<u32>> = vec![Vec::new(); self.sources.len()];
        // The cursors that are not at their end, the one with the lowest term last; of equal ones the first split's.
        let behind = |a: &Cursor<'_>, b: &Cursor<'_>| b.cmp(a).then(b.source.at.cmp(&a.source.at));
        let mut order: Vec<usize> = (0..cursors.len()).collect();
        order.sort_by(|a, b| behind(&cursors[*a], &cursors[*b]));
        writer.begin(has_positions(number));
        let (mut lowest, mut seen, mut next) = (Vec::new(), 0_u32, 0);
        while let Some(first) = order.pop() {
            lowest.clear();
            lowest.push(first);
            while let Some(another) = order.pop_if(|another| cursors[*another].cmp(&cursors[first]).is_eq()) {
                lowest.push(another);
            }
            if seen.is_multiple_of(TERMS_BETWEEN_LOOKS) {
                (self.look)()?;
            }
            seen = seen.wrapping_add(1);
            let mut list = Merged::open(&cursors, &lowest)?;
            // A term that is left with no document is left out too.
            let became = if list.count > 0 { next } else { NOWHERE };
            if list.count > 0 {
                writer.push(sink, &cursors[first].text, list.count, &mut list)?;
                next += 1;
            }
            for &at in &lowest {
                if has_facet(number) {
                    ordinals[cursors[at].source.at].push(became);
                }
                if cursors[at].advance()? {
                    let place = order.partition_point(|other| behind(&cursors[*other], &cursors[at]).is_lt());
                    order.insert(place, at);
                }
            }
        }
        drop(cursors);
        let (terms, index) = writer.finish(sink)?;
        let facet = match terms > 0 && has_facet(number) {
            true => Some(self.facet(sink, number, &ordinals)?),
            false => None,
        };
        Ok(Dictionary { terms, index, facet })
    }

    /// Writes the column of a dictionary, in which ordinals became others.
    fn facet(&self, sink: &mut Sink, number: usize, ordinals: &[Vec<u32>]) -> Result<Column, SearchError> {
        self.lists(sink, ordinals, |split, zone, out| split.dictionary_facet(number, zone, out))
    }

    /// Writes a column of lists from those of the splits that `read` gives.
    fn lists(
        &self,
        sink: &mut Sink,
        became: &[Vec<u32>],
        read: impl Fn(&Split, u32, &mut Facet) -> Result<(), SearchError>,
    ) -> Result<Column, SearchError> {
        let mut column = ListWriter::new(sink);
        let mut zone_lists = Lists::default();
        for (source, became) in self.sources.iter().zip(became) {
            for zone in 0..source.split.zones.len() as u32 {
                (self.look)()?;
                read(source.split, zone, &mut zone_lists)?;
                for doc in (0..zone_lists.len()).filter(|doc| source.keeps(zone, *doc)) {
                    for item in zone_lists.get(doc) {
                        match became[*item as usize] {
                            NOWHERE => {
                                return Err(source.split.damaged("a column contradicts its dictionary"));
                            }
                            item => column.item(item),
                        }
                    }
                    column.close(sink)?;
                }
            }
        }
        column.finish(sink)
    }

    fn columns(&self, sink: &mut Sink, directory: &mut Directory) -> Result<(), SearchError> {
        directory.docs = self.sources.iter().map(Source::docs).sum();
        let (times, time_spans) = self.instants(sink, Split::times)?;
        let (received, received_spans) = self.instants(sink, Split::received)?;
        directory.zones = zones(&time_spans, &received_spans);
        (directory.times, directory.received) = (times, received);
        let mut leaves = LeafWriter::new(sink);
        self.numbers(Split::leaves, |leaf| leaves.push(sink, leaf))?;
        (directory.leaves, directory.first_leaves) = leaves.finish(sink)?;
        directory.users = self.hashes(sink, Split::user_hashes, Split::users)?;
        directory.domains = self.hashes(sink, Split::domain_hashes, Split::domains)?;
        directory.dictionaries = Vec::with_capacity(DICTIONARIES);
        Ok(())
    }

    /// Calls `each` with the number that every document has in a column.
    fn numbers<T: Copy>(
        &self,
        read: fn(&Split, u32, &mut Vec<T>) -> Result<(), SearchError>,
        mut each: impl FnMut(T) -> Result<(), SearchError>,
    ) -> Result<(), SearchError> {
        let mut numbers = Vec::new();
        for source in &self.sources {
            for zone in 0..source.split.zones.len() as u32 {
                (self.look)()?;
                read(source.split, zone, &mut numbers)?;
                let kept = numbers.iter().enumerate().filter(|(doc, _)| source.keeps(zone, *doc));
                kept.map(|(_, number)| *number).try_for_each(&mut each)?;
            }
        }
        Ok(())
    }

    fn instants(
        &self,
        sink: &mut Sink,
        read: fn(&Split, u32, &mut Vec<i64>) -> Result<(), SearchError>,
    ) -> Result<(Column, Vec<(i64, i64)>), SearchError> {
        let mut column = InstantWriter::new(sink);
        self.numbers(read, |at| column.push(sink, at))?;
        column.finish(sink)
    }

    fn hashes(
        &self,
        sink: &mut Sink,
        table: fn(&Split) -> Result<Vec<u64>, SearchError>,
        read: fn(&Split, u32, &mut Facet) -> Result<(), SearchError>,
    ) -> Result<HashColumn, SearchError> {
        let (mut tables, mut all) = (Vec::with_capacity(self.sources.len()), Vec::new());
        for source in &self.sources {
            let table = table(source.split)?;
            match self.used(source, table.len(), read)? {
                None => all.extend_from_slice(&table),
                Some(used) => {
                    all.extend(table.iter().zip(used).filter(|(_, used)| *used).map(|(hash, _)| *hash))
                }
            }
            tables.push(table);
        }
        all.sort_unstable();
        all.dedup();
        // What nobody has any more gets a wrong place, which nobody asks for.
        let place = |hash: &u64| all.partition_point(|known| known < hash) as u32;
        let became: Vec<Vec<u32>> = tables.iter().map(|table| table.iter().map(place).collect()).collect();
        let column = self.lists(sink, &became, read)?;
        write_hashes(sink, &all, column)
    }

    /// Which of a table's hashes a document has that goes along; `None` if all do.
    fn used(
        &self,
        source: &Source<'_>,
        hashes: usize,
        read: fn(&Split, u32, &mut Facet) -> Result<(), SearchError>,
    ) -> Result<Option<Vec<bool>>, SearchError> {
        if source.kept.is_none() {
            return Ok(None);
        }
        let (mut used, mut lists) = (vec![false; hashes], Lists::default());
        for zone in 0..source.split.zones.len() as u32 {
            (self.look)()?;
            read(source.split, zone, &mut lists)?;
            for doc in (0..lists.len()).filter(|doc| source.keeps(zone, *doc)) {
                lists.get(doc).iter().for_each(|item| used[*item as usize] = true);
            }
        }
        Ok(Some(used))
    }
}

/// The documents of one term in several splits.
struct Merged<'c> {
    count: u32,
    parts: Vec<Part<'c>>,
}

struct Part<'c> {
    cursor: &'c Cursor<'c>,
    list: PartList,
}

enum PartList {
    Inline(Range<usize>),
    Postings(Box<Postings>),
}

impl<'c> Merged<'c> {
    fn open(cursors: &'c [Cursor<'c>], which: &[usize]) -> Result<Merged<'c>, SearchError> {
        let mut merged = Merged { count: 0, parts: Vec::with_capacity(which.len()) };
        for &at in which {
            let cursor = &cursors[at];
            let (docs, list) = match cursor.block.place(cursor.term) {
                Place::Inline(range) => (range.len() as u32, PartList::Inline(range)),
                Place::Outside(outside) => {
                    let split = cursor.source.split;
                    let postings = split.open_postings(Arc::clone(&cursor.block), cursor.term)?;
                    (outside.docs, PartList::Postings(Box::new(postings)))
                }
            };
            let mut part = Part { cursor, list };
            match cursor.source.kept {
                None => merged.count += docs,
                Some(_) => part.docs(&mut |_| merged.count += 1)?,
            }
            merged.parts.push(part);
        }
        Ok(merged)
    }
}

impl Part<'_> {
    /// Calls `each` with the numbers that the documents get, of those that go along.
    fn docs(&mut self, each: &mut dyn FnMut(u32)) -> Result<(), SearchError> {
        let Cursor { source, block, .. } = self.cursor;
        match &mut self.list {
            PartList::Inline(range) => {
                let mut next = 0;
                for at in range.clone() {
                    let doc = block.doc(at);
                    if doc < next || doc >= source.split.docs() {
                        return Err(source.split.damaged("a dictionary contradicts itself"));
                    }
                    next = doc + 1;
                    source.number(doc).into_iter().for_each(&mut *each);
                }
                Ok(())
            }
            PartList::Postings(postings) => match &source.kept {
                None => postings.for_each(&mut |doc| each(source.base + doc)),
                Some(_) => postings.for_each(&mut |doc| source.number(doc).into_iter().for_each(&mut *each)),
            },
        }
    }
}

impl Occurrences for Merged<'_> {
    fn docs(&mut self, each: &mut dyn FnMut(u32)) -> Result<(), SearchError> {
        self.parts.iter_mut().try_for_each(|part| part.docs(each))
    }

    fn positions(&mut self, each: &mut dyn FnMut(&[u32])) -> Result<(), SearchError> {
        for part in &mut self.parts {
            let Cursor { source, block, .. } = part.cursor;
            match &mut part.list {
                PartList::Inline(range) => {
                    let Some((positions, bytes)) = block.positions() else { continue };
                    let (mut gap, mut out) = (positions.gaps_before(bytes, range.start), Vec::new());
                    for at in range.clone() {
                        out.clear();
                        gap = positions.read_doc(bytes, at, gap, &mut out);
                        if source.number(block.doc(at)).is_some() {
                            each(&out);
                        }
                    }
                }
                PartList::Postings(postings) => postings.for_each_position(&mut |doc, positions| {
                    if source.number(doc).is_some() {
                        each(positions);
                    }
                })?,
            }
        }
        Ok(())
    }
}
