//! Ordinals of a field's terms: which of them are meant, and what is kept for those that are met.

use std::ops::{Bound, ControlFlow, Range};

use hashbrown::HashMap;
use roaring::RoaringBitmap;

use crate::answers::Dimension;
use crate::error::SearchError;
use crate::field::Field;
use crate::split::{Split, TermRef};

use super::columns::Part;

/// Ordinals of a field, as a range where they follow each other.
#[derive(Debug)]
pub(super) enum Ordinals {
    Range(Range<u32>),
    Set(RoaringBitmap),
}

impl Ordinals {
    /// The ordinals of terms that come in their order.
    pub(super) fn of_terms(terms: &[TermRef]) -> Ordinals {
        match (terms.first(), terms.last()) {
            (Some(first), Some(last)) if (last.ordinal - first.ordinal) as usize == terms.len() - 1 => {
                Ordinals::Range(first.ordinal..last.ordinal + 1)
            }
            _ => Ordinals::Set(terms.iter().map(|term| term.ordinal).collect()),
        }
    }

    pub(super) fn contains(&self, ordinal: u32) -> bool {
        match self {
            Ordinals::Range(range) => range.contains(&ordinal),
            Ordinals::Set(set) => set.contains(ordinal),
        }
    }
}

/// The ordinals of a field's terms from `first` to `last`, both included.
///
/// # Errors
/// [`SearchError`] when they can't be read.
pub(super) fn between(
    split: &Split,
    field: Field,
    first: &str,
    last: &str,
) -> Result<Range<u32>, SearchError> {
    let start = first_at(split, field, Bound::Included(first))?;
    Ok(start..first_at(split, field, Bound::Excluded(last))?.max(start))
}

/// The ordinals of a field's terms that begin so.
///
/// # Errors
/// [`SearchError`] when they can't be read.
pub(super) fn beginning(split: &Split, field: Field, prefix: &str) -> Result<Range<u32>, SearchError> {
    if prefix.is_empty() {
        return Ok(0..split.field_terms(field));
    }
    let start = first_at(split, field, Bound::Included(prefix))?;
    let end = match after_prefix(prefix) {
        Some(after) => first_at(split, field, Bound::Included(&after))?,
        None => split.field_terms(field),
    };
    Ok(start..end)
}

/// The ordinal of the first term from a bound on; the number of terms if there is none.
fn first_at(split: &Split, field: Field, from: Bound<&str>) -> Result<u32, SearchError> {
    let mut ordinal = split.field_terms(field);
    split.terms(field, (from, Bound::Unbounded), &mut |_, term| {
        ordinal = term.ordinal;
        ControlFlow::Break(())
    })?;
    Ok(ordinal)
}

/// The least text above all that begin with `prefix`, if there is one.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

/// The ordinals of a part whose values begin so; all of them if that can't be told by their order.
///
/// # Errors
/// [`SearchError`] when they can't be read.
pub(super) fn of_part(part: Part<'_>, dimension: Dimension, prefix: &str) -> Result<Range<u32>, SearchError> {
    match (part, dimension) {
        (Part::Split(split, _), Dimension::Field(field)) if dimension.is_ordered() => {
            beginning(split, field, prefix)
        }
        _ => Ok(0..u32::MAX),
    }
}

/// Something that is kept for an ordinal once it was met.
pub(super) trait Slot: Copy + Default {
    /// Whether its ordinal was not met yet.
    fn is_new(&self) -> bool;
}

impl Slot for u32 {
    fn is_new(&self) -> bool {
        *self == 0
    }
}

/// Ordinals of a part up to which there is a slot for each; above, only for those that are met.
const DENSE_MAX: u32 = 1 << 20;

/// Slots by ordinal, for one part after another.
#[derive(Default)]
pub(super) struct ByOrdinal<S> {
    dense: Vec<S>,
    met: Vec<u32>,
    sparse: HashMap<u32, S>,
    is_sparse: bool,
}

impl<S: Slot> ByOrdinal<S> {
    /// Makes ready for a part whose ordinals are below `bound`.
    pub(super) fn begin(&mut self, bound: u32) {
        self.is_sparse = bound > DENSE_MAX;
        if !self.is_sparse && self.dense.len() < bound as usize {
            self.dense.resize(bound as usize, S::default());
        }
    }

    /// The slot of an ordinal; whoever asks must make it no longer new.
    pub(super) fn slot(&mut self, ordinal: u32) -> &mut S {
        if self.is_sparse {
            return self.sparse.entry(ordinal).or_default();
        }
        let slot = &mut self.dense[ordinal as usize];
        if slot.is_new() {
            self.met.push(ordinal);
        }
        slot
    }

    /// The slot of an ordinal, if it is not new.
    pub(super) fn get(&self, ordinal: u32) -> Option<&S> {
        let slot = if self.is_sparse { self.sparse.get(&ordinal) } else { self.dense.get(ordinal as usize) };
        slot.filter(|slot| !slot.is_new())
    }

    /// The slots that are not new, by ordinal ascending, all of which are new afterwards.
    pub(super) fn take(&mut self) -> Vec<(u32, S)> {
        let mut found: Vec<(u32, S)> = if self.is_sparse {
            self.sparse.drain().collect()
        } else {
            let Self { dense, met, .. } = self;
            met.drain(..).map(|ordinal| (ordinal, std::mem::take(&mut dense[ordinal as usize]))).collect()
        };
        found.sort_unstable_by_key(|(ordinal, _)| *ordinal);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_kept_for_what_was_met_only() {
        let mut slots = ByOrdinal::<u32>::default();
        for bound in [10, 5, DENSE_MAX + 1, 2_000] {
            slots.begin(bound);
            for ordinal in [4, bound - 1, 4] {
                *slots.slot(ordinal) += 1;
            }
            let expected = if bound == 5 { vec![(4, 3)] } else { vec![(4, 2), (bound - 1, 1)] };
            assert_eq!((slots.get(4), slots.get(3)), (Some(&expected[0].1), None));
            assert_eq!(slots.take(), expected);
            assert_eq!(slots.take(), []);
        }
    }

    #[test]
    fn knows_what_comes_after_a_prefix() {
        for (prefix, after) in [
            ("a", Some("b")),
            ("az", Some("a{")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
        ] {
            assert_eq!(after_prefix(prefix).as_deref(), after, "{prefix:?}");
            assert!(after.is_none_or(|after| prefix < after));
        }
    }
}
