//! The conditions of a split, evaluated a zone at a time; which of them an expression becomes is in `split_plan`.

use roaring::RoaringBitmap;

use crate::error::SearchError;
use crate::field::Field;
use crate::marks::{Mark, Marks};
use crate::query::TimeRange;
use crate::split::{Facet, Postings, Split};
use crate::zone::ZoneSet;

use super::gathered::Gathered;
use super::node::{Leaf, Node};
use super::ordinals::Ordinals;
use super::phrase::Phrase;

/// What runs on one split.
pub(super) type SplitNode = Node<SplitLeaf>;

/// Documents to a zone, on average, from which it is not worth asking which zones a term has none in.
const EVERYWHERE: u32 = 8;

/// A condition that a split answers.
pub(super) enum SplitLeaf {
    /// Documents of one term or tenant.
    Term(Postings, usize),
    /// Documents of any of these, which may overlap unless exact.
    AnyOf {
        postings: Vec<Postings>,
        rest: Option<Gathered>,
        most: u32,
        exact: bool,
    },
    /// Documents that were gathered when the plan was made.
    Gathered(Gathered),
    /// Documents that have one of these ordinals in the field.
    Values {
        field: Field,
        wanted: Ordinals,
        most: u32,
    },
    Phrase(Box<Phrase>),
    /// Documents of the tenants whose place in the split's list is set.
    Tenants {
        wanted: Vec<bool>,
        docs: u32,
    },
    Time(TimeRange),
    Received(TimeRange),
    Marked {
        mark: Mark,
        docs: u32,
    },
}

/// A split, the marks of the moment, and buffers that are used again from zone to zone.
pub(super) struct SplitZone<'z> {
    pub(super) split: &'z Split,
    pub(super) marks: &'z Marks,
    pub(super) zone: u32,
    pub(super) buffers: &'z mut Buffers,
}

/// Columns of one zone.
#[derive(Default)]
pub(super) struct Buffers {
    pub(super) times: Vec<i64>,
    pub(super) leaves: Vec<u64>,
    pub(super) tenants: Vec<u32>,
    pub(super) facet: Facet,
}

impl Leaf for SplitLeaf {
    type Zone<'z> = SplitZone<'z>;

    fn keep(&mut self, at: &mut SplitZone<'_>, set: &mut ZoneSet) -> Result<(), SearchError> {
        let (split, zone) = (at.split, at.zone);
        let span = &split.zones[zone as usize];
        match self {
            SplitLeaf::Term(postings, _) => {
                let mut docs = ZoneSet::EMPTY;
                postings.fill(zone, &mut docs)?;
                set.and(&docs);
            }
            SplitLeaf::AnyOf { postings, rest, .. } => {
                let mut docs = ZoneSet::EMPTY;
                for postings in postings.iter_mut().filter(|postings| postings.may_meet(zone)) {
                    postings.fill(zone, &mut docs)?;
                }
                if let Some(rest) = rest {
                    rest.fill(zone, &mut docs);
                }
                set.and(&docs);
            }
            SplitLeaf::Gathered(gathered) => {
                let mut docs = ZoneSet::EMPTY;
                gathered.fill(zone, &mut docs);
                set.and(&docs);
            }
            SplitLeaf::Values { field, wanted, .. } => {
                let facet = &mut at.buffers.facet;
                split.facet(*field, zone, facet)?;
                set.retain(|doc| facet.get(doc).iter().any(|ordinal| wanted.contains(*ordinal)));
            }
            SplitLeaf::Phrase(phrase) => phrase.keep(zone, set)?,
            SplitLeaf::Tenants { wanted, .. } => {
                let tenants = &mut at.buffers.tenants;
                split.tenant_ordinals(zone, tenants)?;
                set.retain(|doc| wanted[tenants[doc] as usize]);
            }
            SplitLeaf::Time(range) => {
                if !range.covers(span.time_min, span.time_max) {
                    split.times(zone, &mut at.buffers.times)?;
                    set.retain(|doc| range.contains(at.buffers.times[doc]));
                }
            }
            SplitLeaf::Received(range) => {
                if !range.covers(span.received_min, span.received_max) {
                    split.received(zone, &mut at.buffers.times)?;
                    set.retain(|doc| range.contains(at.buffers.times[doc]));
                }
            }
            SplitLeaf::Marked { mark, .. } => {
                let (marked, leaves) = (at.marks.of(*mark), &mut at.buffers.leaves);
                split.leaves(zone, leaves)?;
                match (leaves.first(), leaves.last()) {
                    (Some(first), Some(last)) if marked.range_cardinality(*first..=*last) > 0 => {
                        set.retain(|doc| marked.contains(leaves[doc]));
                    }
                    _ => *set = ZoneSet::EMPTY,
                }
            }
        }
        Ok(())
    }

    fn most(&self) -> u32 {
        match self {
            SplitLeaf::Term(postings, _) => postings.docs(),
            SplitLeaf::AnyOf { most, .. } | SplitLeaf::Values { most, .. } => *most,
            SplitLeaf::Gathered(gathered) => gathered.len(),
            SplitLeaf::Phrase(phrase) => phrase.most(),
            SplitLeaf::Tenants { docs, .. } | SplitLeaf::Marked { docs, .. } => *docs,
            SplitLeaf::Time(_) | SplitLeaf::Received(_) => u32::MAX,
        }
    }

    fn is_exact(&self) -> bool {
        match self {
            SplitLeaf::Term(..) | SplitLeaf::Gathered(_) | SplitLeaf::Tenants { .. } => true,
            SplitLeaf::AnyOf { exact, .. } => *exact,
            _ => false,
        }
    }

    fn is_costly(&self) -> bool {
        matches!(self, SplitLeaf::Phrase(_))
    }

    fn zones(&self) -> Option<RoaringBitmap> {
        let listed = |postings: &Postings| postings.zones().into_iter().collect::<RoaringBitmap>();
        match self {
            SplitLeaf::Term(postings, zones) => {
                let spread = u64::from(postings.docs()) > u64::from(EVERYWHERE) * *zones as u64;
                (!spread).then(|| listed(postings))
            }
            SplitLeaf::AnyOf { postings, rest: None, exact: true, .. } => {
                postings.iter().map(listed).reduce(|some, other| some | other)
            }
            SplitLeaf::Gathered(gathered) => gathered.zones(),
            SplitLeaf::Phrase(phrase) => phrase.zones(EVERYWHERE),
            _ => None,
        }
    }
}
