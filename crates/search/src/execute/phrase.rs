//! Words that follow each other in a split's text: documents that have them all, then their positions.
//!
//! A phrase that ends in the beginning of a word means any of many last words. A few are tried zone by zone; many are
//! gone through once, when the plan is made, and leave the list of documents.

use std::fmt;

use roaring::RoaringBitmap;

use crate::budget::Meter;
use crate::error::SearchError;
use crate::split::{Postings, Split, TermRef};
use crate::zone::{ZONE_DOCS, ZoneSet};

use super::gathered::Gathered;
use super::node::Node;
use super::split_leaf::{SplitLeaf, SplitNode};

/// Most last words that are tried zone by zone.
const LAST_FEW: usize = 16;

/// A phrase in one split.
pub(super) struct Phrase {
    /// With the place of each in the phrase, the rarest first.
    words: Vec<(u32, Postings)>,
    /// Words one of which has to follow; empty if nothing has to.
    last: Vec<Postings>,
    /// The length of the phrase without its last word.
    length: u32,
    /// The most documents that can match.
    most: u32,
    zones: usize,
    /// Places where the phrase begins in a document, and a buffer.
    starts: Vec<u32>,
    positions: Vec<u32>,
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phrase").field("length", &self.length).field("most", &self.most).finish()
    }
}

impl Phrase {
    /// The phrase of these words, at least one.
    ///
    /// # Errors
    /// [`SearchError`] when they can't be read.
    pub(super) fn new(split: &Split, words: &[TermRef]) -> Result<Phrase, SearchError> {
        let mut order: Vec<(u32, TermRef)> = (0..).zip(words.iter().copied()).collect();
        order.sort_by_key(|(_, term)| term.docs);
        let most = order.first().map_or(0, |(_, term)| term.docs);
        let words = order.into_iter().map(|(place, term)| Ok((place, split.postings(term)?)));
        let words: Vec<(u32, Postings)> = words.collect::<Result<_, SearchError>>()?;
        Ok(Phrase {
            length: words.len() as u32,
            words,
            last: Vec::new(),
            most,
            zones: split.zones.len(),
            starts: Vec::new(),
            positions: Vec::new(),
        })
    }

    /// The phrase of these words, at least one, and then any of `last`.
    ///
    /// # Errors
    /// [`SearchError`] when they can't be read, or when the budget is used up.
    pub(super) fn with_last(
        split: &Split,
        words: &[TermRef],
        last: &[TermRef],
        meter: &mut Meter<'_>,
    ) -> Result<SplitNode, SearchError> {
        let mut phrase = Phrase::new(split, words)?;
        let follow: u64 = last.iter().map(|term| u64::from(term.docs)).sum();
        if follow == 0 {
            return Ok(Node::Nothing);
        }
        phrase.most = phrase.most.min(u32::try_from(follow).unwrap_or(u32::MAX));
        if last.len() > LAST_FEW {
            let docs = phrase.gather(split, last, meter)?;
            return Ok(match docs.is_empty() {
                true => Node::Nothing,
                false => Node::Leaf(SplitLeaf::Gathered(Gathered::of_docs(docs))),
            });
        }
        phrase.last = last.iter().map(|term| split.postings(*term)).collect::<Result<_, _>>()?;
        Ok(Node::Leaf(SplitLeaf::Phrase(Box::new(phrase))))
    }

    /// The documents in which the phrase is followed by one of many words.
    fn gather(
        &mut self,
        split: &Split,
        last: &[TermRef],
        meter: &mut Meter<'_>,
    ) -> Result<Vec<u32>, SearchError> {
        // First where the phrase itself is, then who stands behind it: most of the last words are in few documents.
        let zones: Vec<u32> = match self.zones(u32::MAX) {
            Some(zones) => zones.into_iter().collect(),
            None => (0..self.zones as u32).collect(),
        };
        let (mut docs, mut ends, mut follows) = (Vec::new(), Vec::new(), Vec::new());
        let among = Gathered::of_terms(split, last, meter)?;
        for zone in zones {
            meter.zone()?;
            let mut set = ZoneSet::EMPTY;
            among.fill(zone, &mut set);
            self.keep_candidates(zone, &mut set)?;
            let mut here = Vec::new();
            set.for_each(|doc| here.push(doc));
            for doc in here {
                if self.begins(zone, doc)? {
                    docs.push(zone * ZONE_DOCS as u32 + doc as u32);
                    follows.extend(self.starts.iter().map(|start| start.wrapping_add(self.length)));
                    ends.push(follows.len());
                }
            }
        }
        let mut found = vec![false; docs.len()];
        let mut positions = Vec::new();
        for term in last {
            meter.term()?;
            if docs.is_empty() {
                break;
            }
            let mut candidates = Vec::new();
            // Both are ascending, and one of them is mostly short.
            let mut at = 0;
            split.each_doc(*term, &mut |doc| {
                at += docs[at..].partition_point(|candidate| *candidate < doc);
                if docs.get(at) == Some(&doc) && !found[at] {
                    candidates.push(at);
                }
            })?;
            if candidates.is_empty() {
                continue;
            }
            let mut postings = split.postings(*term)?;
            for at in candidates {
                let (zone, doc) = (docs[at] / ZONE_DOCS as u32, docs[at] % ZONE_DOCS as u32);
                let start = at.checked_sub(1).map_or(0, |before| ends[before]);
                found[at] = postings.positions(zone, doc, &mut positions)?
                    && follows[start..ends[at]].iter().any(|next| positions.binary_search(next).is_ok());
            }
        }
        let mut kept = found.into_iter();
        docs.retain(|_| kept.next().unwrap_or(false));
        Ok(docs)
    }

    /// Takes out the documents that lack one of the words.
    fn keep_candidates(&mut self, zone: u32, set: &mut ZoneSet) -> Result<(), SearchError> {
        for (_, postings) in &mut self.words {
            if set.is_empty() {
                break;
            }
            let mut docs = ZoneSet::EMPTY;
            postings.fill(zone, &mut docs)?;
            set.and(&docs);
        }
        Ok(())
    }

    /// Whether the words follow each other in a document that has them all, and where: in `starts`. Damaged positions
    /// may be any number, so sums of them wrap.
    fn begins(&mut self, zone: u32, doc: usize) -> Result<bool, SearchError> {
        let Phrase { words, starts, positions, .. } = self;
        starts.clear();
        for (number, (place, postings)) in words.iter_mut().enumerate() {
            postings.positions(zone, doc as u32, positions)?;
            if number == 0 {
                starts.extend(positions.iter().filter_map(|at| at.checked_sub(*place)));
            } else {
                starts.retain(|start| positions.binary_search(&start.wrapping_add(*place)).is_ok());
            }
            if starts.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes the documents out of `set` that do not have the phrase.
    ///
    /// # Errors
    /// [`SearchError`] when they can't be read.
    pub(super) fn keep(&mut self, zone: u32, set: &mut ZoneSet) -> Result<(), SearchError> {
        self.keep_candidates(zone, set)?;
        let mut last = vec![ZoneSet::EMPTY; self.last.len()];
        if !self.last.is_empty() {
            let mut any = ZoneSet::EMPTY;
            for (postings, docs) in self.last.iter_mut().zip(&mut last) {
                if postings.may_meet(zone) {
                    postings.fill(zone, docs)?;
                    any.or(docs);
                }
            }
            set.and(&any);
        }
        let mut docs = Vec::new();
        set.for_each(|doc| docs.push(doc));
        let mut found = ZoneSet::EMPTY;
        for doc in docs {
            if self.begins(zone, doc)? && (self.last.is_empty() || self.is_followed(zone, doc, &last)?) {
                found.insert(doc);
            }
        }
        *set = found;
        Ok(())
    }

    /// Whether one of the last words stands behind the phrase, wherever it begins.
    fn is_followed(&mut self, zone: u32, doc: usize, last: &[ZoneSet]) -> Result<bool, SearchError> {
        let Phrase { starts, positions, length, .. } = self;
        for (postings, _) in self.last.iter_mut().zip(last).filter(|(_, docs)| docs.contains(doc)) {
            postings.positions(zone, doc as u32, positions)?;
            if starts.iter().any(|start| positions.binary_search(&start.wrapping_add(*length)).is_ok()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The most documents that can match.
    pub(super) fn most(&self) -> u32 {
        self.most
    }

    /// The zones that can have the phrase, unless every word has more than so many documents to a zone.
    pub(super) fn zones(&self, everywhere: u32) -> Option<RoaringBitmap> {
        let limit = u64::from(everywhere) * self.zones as u64;
        let rare = self.words.iter().filter(|(_, postings)| u64::from(postings.docs()) <= limit);
        rare.map(|(_, postings)| postings.zones().into_iter().collect())
            .reduce(|some: RoaringBitmap, other: RoaringBitmap| some & other)
    }
}
