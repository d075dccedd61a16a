//! One split from several that follow each other.
//!
//! Their dictionaries are read side by side, each from its beginning to its end; documents get the numbers that they
//! have behind those of the splits before. In memory are a block of each dictionary, a piece of each list, and for one
//! field at a time which ordinal became which.

use std::cmp::Ordering;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

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

/// Writes the events of `splits`, which follow each other, as one split of `log` to the new file `path`.
///
/// # Errors
/// [`SearchError::Io`] when something can't be read or written, [`SearchError::Damaged`] with the split whose contents
/// contradict themselves. A part of the new file may be there then.
pub(crate) fn merge(path: &Path, log: &[u8; 16], splits: &[Arc<Split>]) -> Result<Written, SearchError> {
    let mut sink = Sink::create(path, log)?;
    let mut directory = Directory::default();
    columns(&mut sink, splits, &mut directory)?;
    let mut writer = TermWriter::new(directory.docs)?;
    for number in 0..DICTIONARIES {
        directory.dictionaries.push(dictionary(&mut sink, &mut writer, splits, number)?);
    }
    sink.finish(&directory)
}

/// A dictionary on its way from term to term.
struct Cursor<'s> {
    split: &'s Split,
    /// Its place among the splits.
    at: usize,
    /// The number that its first document gets.
    base: u32,
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
    fn new(split: &'s Split, at: usize, base: u32, number: usize) -> Result<Cursor<'s>, SearchError> {
        let block = Arc::new(split.read_block(number, 0)?);
        let mut cursor =
            Cursor { split, at, base, number, block_number: 0, block, term: 0, text: Vec::new(), key: 0 };
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
            if self.block_number == self.split.dictionary(self.number).index.blocks() {
                return Ok(false);
            }
            self.block = Arc::new(self.split.read_block(self.number, self.block_number)?);
            self.term = 0;
        }
        self.read();
        Ok(true)
    }

    fn cmp(&self, other: &Cursor<'_>) -> Ordering {
        self.key.cmp(&other.key).then_with(|| self.text.cmp(&other.text))
    }
}

/// Merges one dictionary, and its column if it has one.
fn dictionary(
    sink: &mut Sink,
    writer: &mut TermWriter,
    splits: &[Arc<Split>],
    number: usize,
) -> Result<Dictionary, SearchError> {
    let (mut base, mut cursors) = (0, Vec::new());
    for (at, split) in splits.iter().enumerate() {
        if split.dictionary(number).terms > 0 {
            cursors.push(Cursor::new(split, at, base, number)?);
        }
        base += split.docs();
    }
    if cursors.is_empty() {
        return Ok(Dictionary::default());
    }
    // Which ordinal became which, by split.
    let mut ordinals: Vec<Vec<u32>> = vec![Vec::new(); splits.len()];
    // The cursors that are not at their end, the one with the lowest term last; of equal ones the first split's.
    let behind = |a: &Cursor<'_>, b: &Cursor<'_>| b.cmp(a).then(b.at.cmp(&a.at));
    let mut order: Vec<usize> = (0..cursors.len()).collect();
    order.sort_by(|a, b| behind(&cursors[*a], &cursors[*b]));
    writer.begin(has_positions(number));
    let (mut lowest, mut next) = (Vec::new(), 0);
    while let Some(first) = order.pop() {
        lowest.clear();
        lowest.push(first);
        while let Some(another) = order.pop_if(|another| cursors[*another].cmp(&cursors[first]).is_eq()) {
            lowest.push(another);
        }
        let mut list = Merged::open(&cursors, &lowest)?;
        writer.push(sink, &cursors[first].text, list.count, &mut list)?;
        for &at in &lowest {
            if has_facet(number) {
                ordinals[cursors[at].at].push(next);
            }
            if cursors[at].advance()? {
                let place = order.partition_point(|other| behind(&cursors[*other], &cursors[at]).is_lt());
                order.insert(place, at);
            }
        }
        next += 1;
    }
    drop(cursors);
    let (terms, index) = writer.finish(sink)?;
    let facet = if has_facet(number) { Some(facet(sink, splits, number, &ordinals)?) } else { None };
    Ok(Dictionary { terms, index, facet })
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
            let list = match cursor.block.place(cursor.term) {
                Place::Inline(range) => {
                    merged.count += range.len() as u32;
                    PartList::Inline(range)
                }
                Place::Outside(outside) => {
                    merged.count += outside.docs;
                    let postings = cursor.split.open_postings(Arc::clone(&cursor.block), cursor.term)?;
                    PartList::Postings(Box::new(postings))
                }
            };
            merged.parts.push(Part { cursor, list });
        }
        Ok(merged)
    }
}

impl Occurrences for Merged<'_> {
    fn docs(&mut self, each: &mut dyn FnMut(u32)) -> Result<(), SearchError> {
        for part in &mut self.parts {
            let base = part.cursor.base;
            match &mut part.list {
                PartList::Inline(range) => {
                    let mut next = 0;
                    for at in range.clone() {
                        let doc = part.cursor.block.doc(at);
                        if doc < next || doc >= part.cursor.split.docs() {
                            return Err(part.cursor.split.damaged("a dictionary contradicts itself"));
                        }
                        next = doc + 1;
                        each(base + doc);
                    }
                }
                PartList::Postings(postings) => postings.for_each(&mut |doc| each(base + doc))?,
            }
        }
        Ok(())
    }

    fn positions(&mut self, each: &mut dyn FnMut(&[u32])) -> Result<(), SearchError> {
        for part in &mut self.parts {
            match &mut part.list {
                PartList::Inline(range) => {
                    let Some((positions, bytes)) = part.cursor.block.positions() else { continue };
                    let (mut gap, mut out) = (positions.gaps_before(bytes, range.start), Vec::new());
                    for at in range.clone() {
                        out.clear();
                        gap = positions.read_doc(bytes, at, gap, &mut out);
                        each(&out);
                    }
                }
                PartList::Postings(postings) => {
                    postings.for_each_position(&mut |_, positions| each(positions))?;
                }
            }
        }
        Ok(())
    }
}

/// Writes the column of a dictionary, in which ordinals became others.
fn facet(
    sink: &mut Sink,
    splits: &[Arc<Split>],
    number: usize,
    ordinals: &[Vec<u32>],
) -> Result<Column, SearchError> {
    lists(sink, splits, ordinals, |split, zone, out| split.dictionary_facet(number, zone, out))
}

/// Writes a column of lists from those of the splits that `read` gives.
fn lists(
    sink: &mut Sink,
    splits: &[Arc<Split>],
    became: &[Vec<u32>],
    read: impl Fn(&Split, u32, &mut Facet) -> Result<(), SearchError>,
) -> Result<Column, SearchError> {
    let mut column = ListWriter::new(sink);
    let mut zone_lists = Lists::default();
    for (split, became) in splits.iter().zip(became) {
        for zone in 0..split.zones.len() as u32 {
            read(split, zone, &mut zone_lists)?;
            for doc in 0..zone_lists.len() {
                for item in zone_lists.get(doc) {
                    column.item(became[*item as usize]);
                }
                column.close(sink)?;
            }
        }
    }
    column.finish(sink)
}

fn columns(sink: &mut Sink, splits: &[Arc<Split>], directory: &mut Directory) -> Result<(), SearchError> {
    directory.docs = splits.iter().map(|split| split.docs()).sum();
    let (times, time_spans) = instants(sink, splits, Split::times)?;
    let (received, received_spans) = instants(sink, splits, Split::received)?;
    directory.zones = zones(&time_spans, &received_spans);
    (directory.times, directory.received) = (times, received);
    let (mut leaves, mut zone_leaves) = (LeafWriter::new(sink), Vec::new());
    for split in splits {
        for zone in 0..split.zones.len() as u32 {
            split.leaves(zone, &mut zone_leaves)?;
            zone_leaves.iter().try_for_each(|leaf| leaves.push(sink, *leaf))?;
        }
    }
    (directory.leaves, directory.first_leaves) = leaves.finish(sink)?;
    directory.users = hashes(sink, splits, Split::user_hashes, Split::users)?;
    directory.domains = hashes(sink, splits, Split::domain_hashes, Split::domains)?;
    directory.dictionaries = Vec::with_capacity(DICTIONARIES);
    Ok(())
}

fn instants(
    sink: &mut Sink,
    splits: &[Arc<Split>],
    read: fn(&Split, u32, &mut Vec<i64>) -> Result<(), SearchError>,
) -> Result<(Column, Vec<(i64, i64)>), SearchError> {
    let (mut column, mut zone_times) = (InstantWriter::new(sink), Vec::new());
    for split in splits {
        for zone in 0..split.zones.len() as u32 {
            read(split, zone, &mut zone_times)?;
            zone_times.iter().try_for_each(|at| column.push(sink, *at))?;
        }
    }
    column.finish(sink)
}

fn hashes(
    sink: &mut Sink,
    splits: &[Arc<Split>],
    table: fn(&Split) -> Result<Vec<u64>, SearchError>,
    read: fn(&Split, u32, &mut Facet) -> Result<(), SearchError>,
) -> Result<HashColumn, SearchError> {
    let mut tables = Vec::with_capacity(splits.len());
    for split in splits {
        tables.push(table(split)?);
    }
    let mut all = tables.concat();
    all.sort_unstable();
    all.dedup();
    let place = |hash: &u64| all.partition_point(|known| known < hash) as u32;
    let became: Vec<Vec<u32>> = tables.iter().map(|table| table.iter().map(place).collect()).collect();
    let column = lists(sink, splits, &became, read)?;
    write_hashes(sink, &all, column)
}
