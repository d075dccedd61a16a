//! Documents of many terms at once, gathered when a plan is made: as a list while they are few, else one bit each.

use roaring::RoaringBitmap;

use crate::budget::Meter;
use crate::error::SearchError;
use crate::split::{Split, TermRef};
use crate::zone::{ZONE_DOCS, ZoneSet};

/// Documents to one in a list, at most: above, a bitmap is smaller.
const LIST_PART: u64 = 32;
/// Documents between two looks at the clock.
const DOCS_BETWEEN_LOOKS: u64 = 65_536;

/// A set of a split's documents.
#[derive(Debug)]
pub(super) enum Gathered {
    /// Ascending, each once.
    List(Vec<u32>),
    Bits {
        words: Vec<u64>,
        len: u32,
    },
}

impl Gathered {
    /// The set of these documents, in any order.
    pub(super) fn of_docs(mut docs: Vec<u32>) -> Gathered {
        docs.sort_unstable();
        docs.dedup();
        Gathered::List(docs)
    }

    /// The documents of these terms.
    ///
    /// # Errors
    /// [`SearchError`] when they can't be read, or when the budget is used up.
    pub(super) fn of_terms(
        split: &Split,
        terms: &[TermRef],
        meter: &mut Meter<'_>,
    ) -> Result<Gathered, SearchError> {
        let total: u64 = terms.iter().map(|term| u64::from(term.docs)).sum();
        let as_list = total * LIST_PART <= u64::from(split.docs());
        let (mut list, mut words) = (Vec::new(), Vec::new());
        if as_list {
            list.reserve_exact(total as usize);
        } else {
            words = vec![0_u64; split.zones.len() * ZONE_DOCS / 64];
        }
        let mut unseen = 0;
        for term in terms {
            if as_list {
                split.each_doc(*term, &mut |doc| list.push(doc))?;
            } else {
                split.each_doc(*term, &mut |doc| words[doc as usize / 64] |= 1 << (doc % 64))?;
            }
            unseen += u64::from(term.docs);
            if unseen >= DOCS_BETWEEN_LOOKS {
                meter.check()?;
                unseen = 0;
            }
        }
        if as_list {
            return Ok(Gathered::of_docs(list));
        }
        let len = words.iter().map(|word| word.count_ones()).sum();
        Ok(Gathered::Bits { words, len })
    }

    /// The number of documents.
    pub(super) fn len(&self) -> u32 {
        match self {
            Gathered::List(docs) => docs.len() as u32,
            Gathered::Bits { len, .. } => *len,
        }
    }

    /// Adds the documents of a zone to `out`.
    pub(super) fn fill(&self, zone: u32, out: &mut ZoneSet) {
        let start = zone as usize * ZONE_DOCS;
        match self {
            Gathered::List(docs) => {
                let from = docs.partition_point(|doc| (*doc as usize) < start);
                let here = docs[from..].iter().map(|doc| *doc as usize - start);
                here.take_while(|doc| *doc < ZONE_DOCS).for_each(|doc| out.insert(doc));
            }
            Gathered::Bits { words, .. } => {
                let words = &words[start / 64..];
                out.0.iter_mut().zip(words).for_each(|(out, word)| *out |= word);
            }
        }
    }

    /// The zones that have documents, where they are few.
    pub(super) fn zones(&self) -> Option<RoaringBitmap> {
        match self {
            Gathered::List(docs) => Some(docs.iter().map(|doc| doc / ZONE_DOCS as u32).collect()),
            Gathered::Bits { .. } => None,
        }
    }
}
