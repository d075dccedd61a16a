//! A split from blocks of the tail.
//!
//! The terms of all blocks are sorted once for each field; a block's numbers then lead to ordinals, and one pass over
//! the documents tells which has which. From there on it is counting: nothing is hashed or compared again.

use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;

use super::Written;
use super::columns::{InstantWriter, LeafWriter, ListWriter, write_hashes, zones};
use super::lists::Occurrences;
use super::sink::Sink;
use super::sort::{Source, sort_terms};
use super::terms::TermWriter;
use crate::error::SearchError;
use crate::field::Field;
use crate::lists::Lists;
use crate::split::format::{Column, DICTIONARIES, Directory, HashColumn, TENANT, has_facet, has_positions};
use crate::split::index::Dictionary;
use crate::tail::{Block, GAP};

/// Writes the events of `blocks`, which follow each other and grow no more, as a split of `log` to the new file `path`.
///
/// # Errors
/// [`SearchError::Io`] when it can't be written; a part of it may be there then.
pub(crate) fn build(
    path: &Path,
    log: &[u8; 16],
    blocks: &[Arc<RwLock<Block>>],
) -> Result<Written, SearchError> {
    let guards: Vec<_> = blocks.iter().map(|block| block.read()).collect();
    let blocks: Vec<&Block> = guards.iter().map(|guard| &**guard).collect();
    let mut sink = Sink::create(path, log)?;
    let mut directory = Directory::default();
    columns(&mut sink, &blocks, &mut directory)?;
    let (terms, ordinals) = Terms::sort(&blocks);
    let mut writer = TermWriter::new(directory.docs)?;
    let keywords = keywords(&blocks, &ordinals);
    for (number, pairs) in keywords.into_iter().enumerate() {
        directory.dictionaries.push(if has_positions(number) {
            words(&mut sink, &mut writer, &blocks, &terms, &ordinals)?
        } else {
            keyword(&mut sink, &mut writer, number, &terms.of(&blocks, number), &pairs)?
        });
    }
    let (numbers, pairs) = tenants(&blocks);
    let numbers: Vec<[u8; 8]> = numbers.into_iter().map(u64::to_be_bytes).collect();
    let texts: Vec<&[u8]> = numbers.iter().map(<[u8; 8]>::as_slice).collect();
    directory.dictionaries.push(keyword(&mut sink, &mut writer, TENANT, &texts, &pairs)?);
    sink.finish(&directory)
}

/// A document and the ordinal of a term that it has.
type Pair = (u32, u32);

/// The distinct terms of each field, in order.
struct Terms {
    /// For each field a block and the term's number there.
    places: [Vec<(u32, u32)>; Field::ALL.len()],
}

impl Terms {
    /// Sorts them, and tells for each block the ordinal of each of its terms in the term's field.
    fn sort(blocks: &[&Block]) -> (Terms, Vec<Vec<u32>>) {
        let mut ordinals: Vec<Vec<u32>> =
            blocks.iter().map(|block| vec![0; block.dictionary().len()]).collect();
        let mut sources = Vec::new();
        let places = Field::ALL.map(|field| {
            sources.clear();
            for (at, block) in blocks.iter().enumerate() {
                let numbers = block.dictionary().of_field(field);
                sources.extend(numbers.iter().map(|number| Source::new(at, *number)));
            }
            let mut places = Vec::new();
            let text_of =
                |source: &Source| blocks[source.block as usize].dictionary().get(source.term).1.as_bytes();
            sort_terms(&mut sources, &text_of, &mut |group| {
                for source in group {
                    ordinals[source.block as usize][source.term as usize] = places.len() as u32;
                }
                places.push((group[0].block, group[0].term));
            });
            places
        });
        (Terms { places }, ordinals)
    }

    fn of<'b>(&self, blocks: &[&'b Block], number: usize) -> Vec<&'b [u8]> {
        let text = |(block, term): &(u32, u32)| blocks[*block as usize].dictionary().get(*term).1.as_bytes();
        self.places[number].iter().map(text).collect()
    }
}

/// For each field its pairs, by document and then by ordinal; words are left out.
fn keywords(blocks: &[&Block], ordinals: &[Vec<u32>]) -> Vec<Vec<Pair>> {
    let mut pairs = vec![Vec::new(); Field::ALL.len()];
    let mut doc = 0;
    for (block, ordinals) in blocks.iter().zip(ordinals) {
        let numbers = block.keyword_numbers();
        for at in 0..numbers.len() {
            for &number in numbers.get(at) {
                pairs[block.dictionary().field(number) as usize].push((doc, ordinals[number as usize]));
            }
            doc += 1;
        }
    }
    pairs
}

/// The tenants' numbers, ascending, and which document belongs to which.
fn tenants(blocks: &[&Block]) -> (Vec<u64>, Vec<Pair>) {
    let all = || blocks.iter().flat_map(|block| &block.places).map(|place| place.tenant);
    let mut numbers: Vec<u64> = all().collect();
    numbers.sort_unstable();
    numbers.dedup();
    let ordinal = |tenant: u64| numbers.partition_point(|number| *number < tenant) as u32;
    let pairs = all().zip(0..).map(|(tenant, doc)| (doc, ordinal(tenant))).collect();
    (numbers, pairs)
}

/// Writes a dictionary of `texts`, and its column if it has one.
fn keyword(
    sink: &mut Sink,
    writer: &mut TermWriter,
    number: usize,
    texts: &[&[u8]],
    pairs: &[Pair],
) -> Result<Dictionary, SearchError> {
    if texts.is_empty() {
        return Ok(Dictionary::default());
    }
    let mut ends = starts(texts.len(), pairs.iter().map(|(_, ordinal)| *ordinal));
    let mut docs = vec![0; pairs.len()];
    for (doc, ordinal) in pairs {
        let end = &mut ends[*ordinal as usize];
        docs[*end as usize] = *doc;
        *end += 1;
    }
    writer.begin(false);
    let mut start = 0;
    for (text, end) in texts.iter().zip(ends) {
        let list = &docs[start as usize..end as usize];
        writer.push(sink, text, list.len() as u32, &mut Docs(list))?;
        start = end;
    }
    let (terms, index) = writer.finish(sink)?;
    let facet = if has_facet(number) { Some(facet(sink, writer.split_docs(), pairs)?) } else { None };
    Ok(Dictionary { terms, index, facet })
}

fn facet(sink: &mut Sink, docs: u32, pairs: &[Pair]) -> Result<Column, SearchError> {
    let mut column = ListWriter::new(sink);
    let mut pairs = pairs.iter().peekable();
    for doc in 0..docs {
        while let Some((_, ordinal)) = pairs.next_if(|(of, _)| *of == doc) {
            column.item(*ordinal);
        }
        column.close(sink)?;
    }
    column.finish(sink)
}

/// Writes the dictionary of words.
fn words(
    sink: &mut Sink,
    writer: &mut TermWriter,
    blocks: &[&Block],
    terms: &Terms,
    ordinals: &[Vec<u32>],
) -> Result<Dictionary, SearchError> {
    let texts = terms.of(blocks, Field::Word as usize);
    if texts.is_empty() {
        return Ok(Dictionary::default());
    }
    let numbers = blocks.iter().zip(ordinals).flat_map(|(block, ordinals)| {
        let words = block.word_numbers().items.iter().filter(|number| **number != GAP);
        words.map(|number| ordinals[*number as usize])
    });
    let mut ends = starts(texts.len(), numbers);
    // Document and position of each occurrence, as one number.
    let mut occurrences = vec![0; blocks.iter().map(|block| block.word_numbers().items.len()).sum()];
    let mut doc = 0;
    for (block, ordinals) in blocks.iter().zip(ordinals) {
        let numbers = block.word_numbers();
        for at in 0..numbers.len() {
            for (&number, position) in numbers.get(at).iter().zip(0_u64..) {
                if number != GAP {
                    let end = &mut ends[ordinals[number as usize] as usize];
                    occurrences[*end as usize] = doc << 32 | position;
                    *end += 1;
                }
            }
            doc += 1;
        }
    }
    writer.begin(true);
    let mut start = 0;
    for (text, end) in texts.iter().zip(ends) {
        let list = &occurrences[start as usize..end as usize];
        let docs = list.chunk_by(same_doc).count() as u32;
        writer.push(sink, text, docs, &mut Words(list))?;
        start = end;
    }
    let (terms, index) = writer.finish(sink)?;
    Ok(Dictionary { terms, index, facet: None })
}

/// Where the items of each ordinal begin, if they are put in the order of their ordinals.
fn starts(terms: usize, ordinals: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut counts = vec![0_u32; terms];
    ordinals.for_each(|ordinal| counts[ordinal as usize] += 1);
    let mut start = 0;
    for count in &mut counts {
        start += std::mem::replace(count, start);
    }
    counts
}

/// A keyword's documents.
struct Docs<'d>(&'d [u32]);

impl Occurrences for Docs<'_> {
    fn docs(&mut self, each: &mut dyn FnMut(u32)) -> Result<(), SearchError> {
        self.0.iter().for_each(|doc| each(*doc));
        Ok(())
    }

    fn positions(&mut self, _: &mut dyn FnMut(&[u32])) -> Result<(), SearchError> {
        Ok(())
    }
}

/// A word's documents and positions.
struct Words<'d>(&'d [u64]);

fn same_doc(a: &u64, b: &u64) -> bool {
    a >> 32 == b >> 32
}

impl Occurrences for Words<'_> {
    fn docs(&mut self, each: &mut dyn FnMut(u32)) -> Result<(), SearchError> {
        self.0.chunk_by(same_doc).for_each(|doc| each((doc[0] >> 32) as u32));
        Ok(())
    }

    fn positions(&mut self, each: &mut dyn FnMut(&[u32])) -> Result<(), SearchError> {
        let mut positions = Vec::new();
        for doc in self.0.chunk_by(same_doc) {
            positions.clear();
            positions.extend(doc.iter().map(|occurrence| *occurrence as u32));
            each(&positions);
        }
        Ok(())
    }
}

fn columns(sink: &mut Sink, blocks: &[&Block], directory: &mut Directory) -> Result<(), SearchError> {
    let places = || blocks.iter().flat_map(|block| &block.places);
    directory.docs = places().count() as u32;
    let mut instants = |of: fn(&crate::doc::Place) -> i64| {
        let mut column = InstantWriter::new(sink);
        places().try_for_each(|place| column.push(sink, of(place)))?;
        column.finish(sink)
    };
    let (times, time_spans) = instants(|place| place.time)?;
    let (received, received_spans) = instants(|place| place.received)?;
    directory.zones = zones(&time_spans, &received_spans);
    (directory.times, directory.received) = (times, received);
    let mut leaves = LeafWriter::new(sink);
    places().try_for_each(|place| leaves.push(sink, place.index))?;
    (directory.leaves, directory.first_leaves) = leaves.finish(sink)?;
    directory.users = hashes(sink, blocks, Block::user_lists)?;
    directory.domains = hashes(sink, blocks, Block::domain_lists)?;
    directory.dictionaries = Vec::with_capacity(DICTIONARIES);
    Ok(())
}

fn hashes(
    sink: &mut Sink,
    blocks: &[&Block],
    lists: fn(&Block) -> &Lists<u64>,
) -> Result<HashColumn, SearchError> {
    let mut table: Vec<u64> = blocks.iter().flat_map(|block| &lists(block).items).copied().collect();
    table.sort_unstable();
    table.dedup();
    let mut column = ListWriter::new(sink);
    for lists in blocks.iter().map(|block| lists(block)) {
        for doc in 0..lists.len() {
            for hash in lists.get(doc) {
                column.item(table.partition_point(|known| known < hash) as u32);
            }
            column.close(sink)?;
        }
    }
    let column = column.finish(sink)?;
    write_hashes(sink, &table, column)
}
