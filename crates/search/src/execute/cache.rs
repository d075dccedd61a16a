//! What a split answered before and will answer again: counts, and terms that had to be looked for one by one.
//!
//! A split never changes, so nothing here is ever wrong; of what is not asked for any more, half goes at a time.

use std::hash::Hash;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::query::{Expr, TimeRange};
use crate::split::{Split, TermRef};
use crate::zone::Bounds;

/// Half of the counts that are kept: about 150 bytes each.
const COUNTS: usize = 8_192;
/// Half of the terms that are kept: 16 bytes each.
const TERMS: usize = 512 << 10;
/// What a list of terms counts for beside its terms.
const LIST: usize = 16;

/// Answers of splits.
#[derive(Debug)]
pub(crate) struct Caches {
    counts: Mutex<Halves<CountKey, u64>>,
    terms: Mutex<Halves<TermsKey, Arc<[TermRef]>>>,
}

impl Default for Caches {
    fn default() -> Self {
        Self { counts: Mutex::new(Halves::new(COUNTS)), terms: Mutex::new(Halves::new(TERMS)) }
    }
}

impl Caches {
    pub(super) fn count(&self, key: &CountKey) -> Option<u64> {
        self.counts.lock().get(key)
    }

    pub(super) fn keep_count(&self, key: CountKey, count: u64) {
        self.counts.lock().keep(key, count, 1);
    }

    pub(super) fn terms(&self, key: &TermsKey) -> Option<Arc<[TermRef]>> {
        self.terms.lock().get(key)
    }

    pub(super) fn keep_terms(&self, key: TermsKey, terms: &Arc<[TermRef]>) {
        self.terms.lock().keep(key, Arc::clone(terms), terms.len() + LIST);
    }
}

/// Stands for an expression, with its reach and the marks of the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PlanKey([u8; 32]);

impl PlanKey {
    /// `marks` is their [`Marks::moment`](crate::marks::Marks::moment). `None` if the expression can't be written down, so
    /// that its answers can't be kept.
    pub(crate) fn new(plan: &Expr, marks: [u64; 2]) -> Option<Self> {
        let mut sha = Sha256::new();
        marks.iter().for_each(|number| sha.update(number.to_le_bytes()));
        sha.update(serde_json::to_vec(plan).ok()?);
        Some(PlanKey(sha.finalize().into()))
    }
}

/// A plan on a split within bounds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct CountKey {
    split: String,
    plan: PlanKey,
    /// What the split's own events leave of the bounds.
    bounds: [i64; 4],
    as_of: u64,
}

impl CountKey {
    pub(super) fn new(split: &Split, plan: PlanKey, bounds: &Bounds) -> Self {
        let (meta, span) = (&split.meta, &split.span);
        let clamp = |range: TimeRange, min: i64, max: i64| {
            // Bounds beyond the split's events are all the same to it.
            let since = if range.since <= min { i64::MIN } else { range.since };
            let until = if range.until > max { i64::MAX } else { range.until };
            [since, until]
        };
        let [a, b] = clamp(bounds.time, span.time_min, span.time_max);
        let [c, d] = clamp(bounds.received, span.received_min, span.received_max);
        CountKey { split: meta.name.clone(), plan, bounds: [a, b, c, d], as_of: bounds.as_of.min(meta.end) }
    }
}

/// A condition on a split's terms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TermsKey {
    split: String,
    condition: PlanKey,
}

impl TermsKey {
    pub(super) fn new(split: &Split, condition: &Expr) -> Option<Self> {
        Some(TermsKey { split: split.meta.name.clone(), condition: PlanKey::new(condition, [0; 2])? })
    }
}

/// What was asked for lately, and what was asked for before that.
#[derive(Debug)]
struct Halves<K, V> {
    /// With what each weighs.
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    /// What the young ones weigh together, and how much they may.
    weight: usize,
    most: usize,
}

impl<K: Eq + Hash, V: Clone> Halves<K, V> {
    fn new(most: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), weight: 0, most }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        if let Some((value, _)) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, (value, weight)) = self.old.remove_entry(key)?;
        self.keep(key, value.clone(), weight);
        Some(value)
    }

    fn keep(&mut self, key: K, value: V, weight: usize) {
        if weight > self.most {
            return;
        }
        if self.weight + weight > self.most {
            (self.old, self.weight) = (std::mem::take(&mut self.young), 0);
        }
        self.weight += weight;
        if let Some((_, before)) = self.young.insert(key, (value, weight)) {
            self.weight -= before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let mut halves = Halves::new(100);
        for number in 0..1_000 {
            halves.keep(number, number * 2, 1 + number % 7);
            assert_eq!(halves.get(&0), Some(0), "asked for again and again");
            assert_eq!(halves.get(&number), Some(number * 2));
            let weight: usize = halves.young.values().map(|(_, weight)| weight).sum();
            assert!(weight == halves.weight && weight <= 100);
            assert!(halves.old.values().map(|(_, weight)| weight).sum::<usize>() <= 100);
        }
        assert_eq!(halves.get(&1), None);
        halves.keep(5_000, 1, 101);
        assert_eq!(halves.get(&5_000), None, "too heavy to be kept");
    }

    #[test]
    fn a_plan_is_told_from_others_and_from_itself_with_other_marks() {
        let keys = [
            PlanKey::new(&Expr::All, [0, 0]),
            PlanKey::new(&Expr::All, [1, 0]),
            PlanKey::new(&Expr::All, [0, 1]),
            PlanKey::new(&Expr::None, [0, 0]),
            PlanKey::new(&Expr::Not(Box::new(Expr::All)), [0, 0]),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(key.is_some() && !keys[..at].contains(key), "{at}");
        }
        assert_eq!(PlanKey::new(&Expr::All, [1, 0]), keys[1]);
    }
}
