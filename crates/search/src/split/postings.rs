//! The documents of a term, wherever they are kept, a zone at a time.

use std::sync::Arc;

use super::lists::List;
use super::terms::TermBlock;
use crate::error::SearchError;
use crate::zone::{ZONE_DOCS, ZoneSet};

/// A list of no more documents than this is read in one go.
const FEW: u32 = 4_096;

/// The documents of a term.
pub(crate) struct Postings {
    /// All of them, if they are few.
    few: Option<Vec<u32>>,
    rest: Rest,
}

enum Rest {
    None,
    /// In a dictionary block, from this place on.
    Inline(Arc<TermBlock>, usize),
    List(Box<List>, u32),
}

impl Postings {
    /// No documents.
    pub(super) fn none() -> Postings {
        Postings { few: Some(Vec::new()), rest: Rest::None }
    }

    /// Documents that a dictionary block holds at `range`, checked to be ascending and below `docs`.
    pub(super) fn inline(
        block: Arc<TermBlock>,
        range: std::ops::Range<usize>,
        docs: u32,
    ) -> Option<Postings> {
        let list: Vec<u32> = range.clone().map(|at| block.doc(at)).collect();
        let fits =
            list.windows(2).all(|pair| pair[0] < pair[1]) && list.last().is_some_and(|last| *last < docs);
        fits.then(|| Postings { few: Some(list), rest: Rest::Inline(block, range.start) })
    }

    /// A list of `docs` documents.
    pub(super) fn list(mut list: List, docs: u32) -> Result<Postings, SearchError> {
        let mut few = None;
        if docs <= FEW {
            let mut all = Vec::with_capacity(docs as usize);
            list.for_each(&mut |doc| all.push(doc))?;
            few = Some(all);
        }
        Ok(Postings { few, rest: Rest::List(Box::new(list), docs) })
    }

    /// The number of documents.
    pub(crate) fn docs(&self) -> u32 {
        match (&self.few, &self.rest) {
            (Some(few), _) => few.len() as u32,
            (None, Rest::List(_, docs)) => *docs,
            (None, _) => 0,
        }
    }

    /// The zones that can have documents, ascending; none is missing, some may turn out empty. Nothing is read for it.
    pub(crate) fn zones(&self) -> Vec<u32> {
        match (&self.few, &self.rest) {
            (Some(few), _) => {
                let mut zones: Vec<u32> = few.iter().map(|doc| doc / ZONE_DOCS as u32).collect();
                zones.dedup();
                zones
            }
            (None, Rest::List(list, _)) => list.zones(),
            (None, _) => Vec::new(),
        }
    }

    /// Whether the zone can have documents. Nothing is read for it.
    pub(crate) fn may_meet(&self, zone: u32) -> bool {
        match (&self.few, &self.rest) {
            (Some(few), _) => !in_zone(few, zone).is_empty(),
            (None, Rest::List(list, _)) => list.may_meet(zone),
            (None, _) => false,
        }
    }

    /// Adds the documents of `zone` to `out`; cheapest for neighbouring zones in turn, upwards or downwards.
    ///
    /// # Errors
    /// [`SearchError::Io`], or [`SearchError::Damaged`] when what is read contradicts itself.
    pub(crate) fn fill(&mut self, zone: u32, out: &mut ZoneSet) -> Result<(), SearchError> {
        match (&self.few, &mut self.rest) {
            (Some(few), _) => {
                in_zone(few, zone).iter().for_each(|doc| out.insert(*doc as usize % ZONE_DOCS));
                Ok(())
            }
            (None, Rest::List(list, _)) => list.fill(zone, out),
            (None, _) => Ok(()),
        }
    }

    /// Calls `each` with all documents, ascending: the way to unite many terms into sets of the whole split.
    ///
    /// # Errors
    /// As [`Postings::fill`].
    pub(crate) fn for_each(&mut self, each: &mut dyn FnMut(u32)) -> Result<(), SearchError> {
        match (&self.few, &mut self.rest) {
            (Some(few), _) => {
                few.iter().for_each(|doc| each(*doc));
                Ok(())
            }
            (None, Rest::List(list, _)) => list.for_each(each),
            (None, _) => Ok(()),
        }
    }

    /// Puts the positions of the term in a document (its place in the zone) into `out`, ascending, and returns whether
    /// the document has the term; cheapest for ascending documents of one zone. Only words have positions.
    ///
    /// # Errors
    /// As [`Postings::fill`].
    pub(crate) fn positions(&mut self, zone: u32, doc: u32, out: &mut Vec<u32>) -> Result<bool, SearchError> {
        out.clear();
        let doc = zone * ZONE_DOCS as u32 + doc;
        match (&self.few, &mut self.rest) {
            (Some(few), Rest::Inline(block, start)) => {
                let (Ok(at), Some((positions, bytes))) = (few.binary_search(&doc), block.positions()) else {
                    return Ok(false);
                };
                let at = *start + at;
                positions.read_doc(bytes, at, positions.gaps_before(bytes, at), out);
                Ok(true)
            }
            (_, Rest::List(list, _)) if list.has_positions() => list.positions(doc, out),
            _ => Ok(false),
        }
    }

    /// Calls `each` with every document and the positions of the word in it, ascending.
    ///
    /// # Errors
    /// As [`Postings::fill`].
    pub(crate) fn for_each_position(&mut self, each: &mut dyn FnMut(u32, &[u32])) -> Result<(), SearchError> {
        match (&self.few, &mut self.rest) {
            (Some(few), Rest::Inline(block, start)) => {
                let Some((positions, bytes)) = block.positions() else { return Ok(()) };
                let (mut gap, mut out) = (positions.gaps_before(bytes, *start), Vec::new());
                for (at, doc) in few.iter().enumerate() {
                    out.clear();
                    gap = positions.read_doc(bytes, *start + at, gap, &mut out);
                    each(*doc, &out);
                }
                Ok(())
            }
            (_, Rest::List(list, _)) if list.has_positions() => list.for_each_position(each),
            _ => Ok(()),
        }
    }
}

/// Those of ascending documents that lie in a zone.
fn in_zone(docs: &[u32], zone: u32) -> &[u32] {
    let zone_of = |doc: &u32| doc / ZONE_DOCS as u32;
    let start = docs.partition_point(|doc| zone_of(doc) < zone);
    let len = docs[start..].partition_point(|doc| zone_of(doc) == zone);
    &docs[start..start + len]
}
