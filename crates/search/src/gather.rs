//! Documents of many terms at once: networks, prefixes, and phrases that end in a prefix.
//!
//! They are gathered once for a query, into a list that every later scan starts from for nothing and whose length is an
//! exact count. Tantivy's own queries for these gather anew for every scan, or stop at a number of terms.

use std::sync::Arc;

use tantivy::postings::{Postings, SegmentPostings, TermInfo};
use tantivy::query::{EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::schema::{Field as Id, IndexRecordOption, Term};
use tantivy::{DocId, DocSet, InvertedIndexReader, Score, SegmentReader, TERMINATED, TantivyError};

use crate::error::SearchError;

/// The terms of a field from the first to the last, both included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'t> {
    pub(crate) field: Id,
    pub(crate) first: &'t str,
    pub(crate) last: &'t str,
}

/// A set of documents, as one bit each.
struct Bits(Vec<u64>);

impl Bits {
    fn new(docs: u32) -> Self {
        Self(vec![0; docs as usize / 64 + 1])
    }

    fn insert(&mut self, doc: DocId) {
        self.0[doc as usize / 64] |= 1 << (doc % 64);
    }

    fn contains(&self, doc: DocId) -> bool {
        self.0[doc as usize / 64] >> (doc % 64) & 1 == 1
    }

    fn into_list(self) -> Vec<DocId> {
        let mut list = Vec::with_capacity(self.0.iter().map(|word| word.count_ones() as usize).sum());
        for (at, mut word) in self.0.into_iter().enumerate() {
            while word != 0 {
                list.push(at as u32 * 64 + word.trailing_zeros());
                word &= word - 1;
            }
        }
        list
    }
}

/// The documents that have one of the terms.
///
/// # Errors
/// Tantivy's, when the files can't be read.
pub(crate) fn any_of(reader: &SegmentReader, terms: Terms<'_>) -> Result<Vec<DocId>, SearchError> {
    Ok(bits_of(reader, terms)?.into_list())
}

fn bits_of(reader: &SegmentReader, terms: Terms<'_>) -> Result<Bits, SearchError> {
    let mut bits = Bits::new(reader.max_doc());
    each_term(reader, terms, |inverted, info| {
        let mut block = inverted
            .read_block_postings_from_terminfo(info, IndexRecordOption::Basic)
            .map_err(TantivyError::from)?;
        while !block.docs().is_empty() {
            block.docs().iter().for_each(|&doc| bits.insert(doc));
            block.advance();
        }
        Ok(())
    })?;
    Ok(bits)
}

fn each_term(
    reader: &SegmentReader,
    terms: Terms<'_>,
    mut each: impl FnMut(&InvertedIndexReader, &TermInfo) -> Result<(), SearchError>,
) -> Result<(), SearchError> {
    let inverted = reader.inverted_index(terms.field)?;
    let range = inverted.terms().range().ge(terms.first).le(terms.last);
    let mut stream = range.into_stream().map_err(TantivyError::from)?;
    while let Some((_, info)) = stream.next() {
        each(&inverted, info)?;
    }
    Ok(())
}

/// The documents in which `words`, at least one, follow each other and one of the terms follows them.
///
/// # Errors
/// Tantivy's, when the files can't be read.
pub(crate) fn phrase_then_any_of(
    reader: &SegmentReader,
    words: &[String],
    terms: Terms<'_>,
) -> Result<Vec<DocId>, SearchError> {
    let candidates = phrase_ends(reader, words, terms.field, &bits_of(reader, terms)?)?;
    if candidates.docs.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Bits::new(reader.max_doc());
    let mut positions = Vec::new();
    each_term(reader, terms, |inverted, info| {
        let mut postings = with_positions(inverted, info)?;
        let mut at = 0;
        let mut doc = postings.doc();
        while doc != TERMINATED && at < candidates.docs.len() {
            let candidate = candidates.docs[at];
            if doc < candidate {
                doc = postings.seek(candidate);
                continue;
            }
            at += if doc > candidate {
                candidates.docs[at..].partition_point(|&candidate| candidate < doc)
            } else {
                if !found.contains(doc) {
                    postings.positions(&mut positions);
                    if candidates.next_positions(at).iter().any(|next| positions.binary_search(next).is_ok())
                    {
                        found.insert(doc);
                    }
                }
                1
            };
        }
        Ok(())
    })?;
    Ok(found.into_list())
}

/// Documents with the positions that follow a phrase in them.
#[derive(Default)]
struct Candidates {
    docs: Vec<DocId>,
    ends: Vec<usize>,
    positions: Vec<u32>,
}

impl Candidates {
    fn next_positions(&self, at: usize) -> &[u32] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.positions[start..self.ends[at]]
    }
}

/// Where `words` follow each other, in the documents of `among`.
fn phrase_ends(
    reader: &SegmentReader,
    words: &[String],
    field: Id,
    among: &Bits,
) -> Result<Candidates, SearchError> {
    let inverted = reader.inverted_index(field)?;
    let mut lists: Vec<SegmentPostings> = Vec::with_capacity(words.len());
    for word in words {
        let info = inverted.get_term_info(&Term::from_field_text(field, word)).map_err(TantivyError::from)?;
        let Some(info) = info else { return Ok(Candidates::default()) };
        lists.push(with_positions(&inverted, &info)?);
    }
    let mut candidates = Candidates::default();
    let (mut starts, mut next) = (Vec::new(), Vec::new());
    let Some((lead, rest)) = lists.split_first_mut() else { return Ok(candidates) };
    let mut doc = lead.doc();
    'docs: while doc != TERMINATED {
        for list in rest.iter_mut() {
            let other = if list.doc() < doc { list.seek(doc) } else { list.doc() };
            if other > doc {
                doc = if other == TERMINATED { TERMINATED } else { lead.seek(other) };
                continue 'docs;
            }
        }
        if among.contains(doc) {
            lead.positions(&mut starts);
            for (offset, list) in rest.iter_mut().enumerate() {
                list.positions(&mut next);
                starts.retain(|start| next.binary_search(&(start + offset as u32 + 1)).is_ok());
            }
            if !starts.is_empty() {
                candidates.docs.push(doc);
                candidates.positions.extend(starts.iter().map(|start| start + words.len() as u32));
                candidates.ends.push(candidates.positions.len());
            }
        }
        doc = lead.advance();
    }
    Ok(candidates)
}

fn with_positions(inverted: &InvertedIndexReader, info: &TermInfo) -> Result<SegmentPostings, SearchError> {
    let option = IndexRecordOption::WithFreqsAndPositions;
    Ok(inverted.read_postings_from_terminfo(info, option).map_err(TantivyError::from)?)
}

/// A query that these documents match, and no others.
#[derive(Clone, Debug)]
pub(crate) struct Gathered(pub(crate) Arc<[DocId]>);

impl Query for Gathered {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for Gathered {
    fn scorer(&self, _: &SegmentReader, _: Score) -> tantivy::Result<Box<dyn Scorer>> {
        Ok(Box::new(GatheredScorer { docs: Arc::clone(&self.0), at: 0 }))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Ok(Explanation::new("gathered", 1.0))
    }
}

struct GatheredScorer {
    docs: Arc<[DocId]>,
    at: usize,
}

impl DocSet for GatheredScorer {
    fn advance(&mut self) -> DocId {
        self.at = self.docs.len().min(self.at + 1);
        self.doc()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.at += self.docs[self.at..].partition_point(|&doc| doc < target);
        self.doc()
    }

    fn doc(&self) -> DocId {
        self.docs.get(self.at).copied().unwrap_or(TERMINATED)
    }

    fn size_hint(&self) -> u32 {
        self.docs.len() as u32
    }
}

impl Scorer for GatheredScorer {
    fn score(&mut self) -> Score {
        1.0
    }
}
