//! Zones: runs of 1,024 documents that know the span of their times, and sets of documents in one.
//!
//! The executor visits zones by their own latest time and stops when none can win, so one event dated in the future
//! makes one zone come early and spoils nothing else. Conditions are evaluated a zone at a time, into a [`ZoneSet`].

use crate::query::TimeRange;

/// Documents in a zone.
pub(crate) const ZONE_DOCS: usize = 1_024;

/// Words of a zone's bitmap.
const ZONE_WORDS: usize = ZONE_DOCS / 64;

/// The earliest and latest times of a zone's events, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) time_min: i64,
    pub(crate) time_max: i64,
    pub(crate) received_min: i64,
    pub(crate) received_max: i64,
}

impl Zone {
    pub(crate) const EMPTY: Zone =
        Zone { time_min: i64::MAX, time_max: i64::MIN, received_min: i64::MAX, received_max: i64::MIN };

    pub(crate) fn add(&mut self, time: i64, received: i64) {
        self.time_min = self.time_min.min(time);
        self.time_max = self.time_max.max(time);
        self.received_min = self.received_min.min(received);
        self.received_max = self.received_max.max(received);
    }
}

/// Documents of one zone: bit `d` stands for document `zone * 1024 + d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ZoneSet(pub(crate) [u64; ZONE_WORDS]);

impl ZoneSet {
    pub(crate) const EMPTY: ZoneSet = ZoneSet([0; ZONE_WORDS]);

    /// The first `count` documents; at most 1,024.
    pub(crate) fn first(count: usize) -> ZoneSet {
        let mut set = ZoneSet::EMPTY;
        for (at, word) in set.0.iter_mut().enumerate() {
            *word = match count.saturating_sub(at * 64) {
                0 => 0,
                some if some < 64 => (1 << some) - 1,
                _ => u64::MAX,
            };
        }
        set
    }

    pub(crate) fn insert(&mut self, doc: usize) {
        self.0[doc / 64] |= 1 << (doc % 64);
    }

    pub(crate) fn remove(&mut self, doc: usize) {
        self.0[doc / 64] &= !(1 << (doc % 64));
    }

    pub(crate) fn contains(&self, doc: usize) -> bool {
        self.0[doc / 64] >> (doc % 64) & 1 == 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Keeps what is in both.
    pub(crate) fn and(&mut self, other: &ZoneSet) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
    }

    /// Adds what is in the other.
    pub(crate) fn or(&mut self, other: &ZoneSet) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// Takes away what is in the other.
    pub(crate) fn and_not(&mut self, other: &ZoneSet) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= !other);
    }

    /// Whether all of it is in the other.
    pub(crate) fn is_within(&self, other: &ZoneSet) -> bool {
        self.0.iter().zip(&other.0).all(|(word, other)| word & !other == 0)
    }

    /// Calls `each` with its documents, ascending.
    pub(crate) fn for_each(&self, mut each: impl FnMut(usize)) {
        for (at, &word) in self.0.iter().enumerate() {
            let mut rest = word;
            while rest != 0 {
                each(at * 64 + rest.trailing_zeros() as usize);
                rest &= rest - 1;
            }
        }
    }

    /// Keeps the documents for which `wanted` holds.
    pub(crate) fn retain(&mut self, mut wanted: impl FnMut(usize) -> bool) {
        for (at, word) in self.0.iter_mut().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let bit = rest & rest.wrapping_neg();
                if !wanted(at * 64 + rest.trailing_zeros() as usize) {
                    *word &= !bit;
                }
                rest &= rest - 1;
            }
        }
    }
}

/// What a plan is bounded by, beside its conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) time: TimeRange,
    pub(crate) received: TimeRange,
    /// Only entries before this leaf index.
    pub(crate) as_of: u64,
}

impl Bounds {
    /// Whether some event of the zone may be within.
    pub(crate) fn meets(&self, zone: &Zone) -> bool {
        self.time.meets(zone.time_min, zone.time_max)
            && self.received.meets(zone.received_min, zone.received_max)
    }

    /// Whether every event of the zone is within, its leaf index apart.
    pub(crate) fn covers(&self, zone: &Zone) -> bool {
        self.time.covers(zone.time_min, zone.time_max)
            && self.received.covers(zone.received_min, zone.received_max)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    fn set(docs: &BTreeSet<usize>) -> ZoneSet {
        let mut set = ZoneSet::EMPTY;
        docs.iter().for_each(|doc| set.insert(*doc));
        set
    }

    fn docs(set: &ZoneSet) -> BTreeSet<usize> {
        let mut docs = BTreeSet::new();
        set.for_each(|doc| assert!(docs.last().is_none_or(|last| *last < doc) && docs.insert(doc)));
        docs
    }

    proptest! {
        #[test]
        fn behaves_like_a_set_of_numbers(
            a in btree_set(0..ZONE_DOCS, 0..200),
            b in btree_set(0..ZONE_DOCS, 0..200),
            count in 0..=ZONE_DOCS,
        ) {
            let (left, right) = (set(&a), set(&b));
            prop_assert_eq!(docs(&left), a.clone());
            prop_assert_eq!(left.len() as usize, a.len());
            prop_assert_eq!(left.is_empty(), a.is_empty());
            prop_assert_eq!(left.is_within(&right), a.is_subset(&b));
            let mut both = left.clone();
            both.and(&right);
            prop_assert_eq!(docs(&both), a.intersection(&b).copied().collect::<BTreeSet<_>>());
            let mut either = left.clone();
            either.or(&right);
            prop_assert_eq!(docs(&either), a.union(&b).copied().collect::<BTreeSet<_>>());
            let mut rest = left.clone();
            rest.and_not(&right);
            prop_assert_eq!(docs(&rest), a.difference(&b).copied().collect::<BTreeSet<_>>());
            let mut even = left;
            even.retain(|doc| doc % 2 == 0);
            prop_assert_eq!(docs(&even), a.iter().copied().filter(|doc| doc % 2 == 0).collect::<BTreeSet<_>>());
            let first = ZoneSet::first(count);
            prop_assert_eq!(docs(&first), (0..count).collect::<BTreeSet<_>>());
            prop_assert!((0..ZONE_DOCS).all(|doc| first.contains(doc) == (doc < count)));
        }
    }
}
