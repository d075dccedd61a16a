//! The columns of a zone: numbers and lists of numbers for each of its documents, as bytes.
//!
//! Invariant: what is read has one item for each document, and lists whose ordinals are below the number told.

use super::bytes::{Cursor, put_packed, put_varint};
use super::format::{biased, unbiased};
use crate::lists::Lists;

/// Steps in which instants are kept where all of a zone are whole multiples of one: seconds, milliseconds.
const STEPS: [u64; 2] = [1_000_000, 1_000];

/// Appends the instants of a zone: the earliest, the step, and how many steps each is after the earliest.
pub(super) fn put_times(out: &mut Vec<u8>, times: &[i64]) {
    let earliest = times.iter().copied().min().unwrap_or(0);
    let after = |at: &i64| biased(*at) - biased(earliest);
    let whole = |step: &u64| times.iter().all(|at| after(at).is_multiple_of(*step));
    let step = STEPS.into_iter().find(whole).unwrap_or(1);
    put_varint(out, biased(earliest));
    put_varint(out, step);
    let steps: Vec<u64> = times.iter().map(|at| after(at) / step).collect();
    put_packed(out, &steps);
}

/// Reads the instants of a zone with `docs` documents into `out`.
pub(super) fn read_times(bytes: &[u8], docs: usize, out: &mut Vec<i64>) -> Option<()> {
    let mut cursor = Cursor::new(bytes);
    let (earliest, step) = (cursor.varint()?, cursor.varint()?);
    let steps = cursor.packed(docs)?;
    steps.unpack_as(bytes, out, |steps| unbiased(earliest.wrapping_add(step.wrapping_mul(steps))));
    cursor.is_at_end().then_some(())
}

/// Appends the leaf indices of a zone: each less its place in the zone, so that a run without gaps costs nothing.
pub(super) fn put_leaves(out: &mut Vec<u8>, leaves: &[u64]) {
    let first = leaves.first().copied().unwrap_or(0);
    put_varint(out, first);
    let skipped: Vec<u64> = leaves.iter().zip(first..).map(|(leaf, next)| leaf - next).collect();
    put_packed(out, &skipped);
}

/// Reads the leaf indices of a zone, which ascend.
pub(super) fn read_leaves(bytes: &[u8], docs: usize, out: &mut Vec<u64>) -> Option<()> {
    let mut cursor = Cursor::new(bytes);
    let mut next = cursor.varint()?;
    let skipped = cursor.packed(docs)?;
    out.reserve(docs);
    skipped.for_each(bytes, 0..docs, |skipped| {
        out.push(next.wrapping_add(skipped));
        next = next.wrapping_add(1);
    });
    (cursor.is_at_end() && out.windows(2).all(|pair| pair[0] < pair[1])).then_some(())
}

/// Appends the lists of a zone's documents: how long each is, then all items.
pub(super) fn put_lists(out: &mut Vec<u8>, lists: &Lists<u32>) {
    let lens: Vec<u32> = (0..lists.len()).map(|doc| lists.get(doc).len() as u32).collect();
    put_packed(out, &lens);
    put_packed(out, &lists.items);
}

/// Reads the lists of a zone with `docs` documents, of distinct items below `below`.
pub(super) fn read_lists(bytes: &[u8], docs: usize, below: u32, out: &mut Lists<u32>) -> Option<()> {
    let mut cursor = Cursor::new(bytes);
    let lens = cursor.packed(docs)?;
    let total = lens.sum(bytes)?;
    let items = cursor.packed(total)?;
    // Items without width are all the same, and no document has the same one twice.
    if items.width == 0 && total > docs {
        return None;
    }
    let mut end = 0;
    out.ends.reserve(docs);
    lens.for_each(bytes, 0..docs, |len| {
        end += len as u32;
        out.ends.push(end);
    });
    items.unpack(bytes, &mut out.items);
    (cursor.is_at_end() && out.items.iter().all(|item| *item < below)).then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn columns_come_back(
            times in prop::collection::vec(prop_oneof![any::<i64>(), (0_i64..9_000).prop_map(|s| s * 1_000_000)], 1..40),
            skips in prop::collection::vec(0_u64..3, 1..40),
            items in prop::collection::vec(prop::collection::btree_set(0_u32..50, 0..4), 1..40),
        ) {
            let mut bytes = Vec::new();
            put_times(&mut bytes, &times);
            let mut read = Vec::new();
            prop_assert_eq!(read_times(&bytes, times.len(), &mut read), Some(()));
            prop_assert_eq!(read, times);

            let mut next = 7;
            let leaves: Vec<u64> = skips.iter().map(|skip| { next += skip + 1; next }).collect();
            bytes.clear();
            put_leaves(&mut bytes, &leaves);
            let mut read = Vec::new();
            prop_assert_eq!(read_leaves(&bytes, leaves.len(), &mut read), Some(()));
            prop_assert_eq!(read, leaves);

            let mut lists = Lists::default();
            for set in &items {
                lists.items.extend(set);
                lists.close();
            }
            bytes.clear();
            put_lists(&mut bytes, &lists);
            let mut read = Lists::default();
            prop_assert_eq!(read_lists(&bytes, items.len(), 50, &mut read), Some(()));
            prop_assert_eq!(&read, &lists);
            let mut read = Lists::default();
            if let Some(top) = lists.items.iter().max() {
                prop_assert_eq!(read_lists(&bytes, items.len(), *top, &mut read), None);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..30), docs in 0_usize..40) {
            let _ = read_times(&bytes, docs, &mut Vec::new());
            let _ = read_leaves(&bytes, docs, &mut Vec::new());
            let _ = read_lists(&bytes, docs, 9, &mut Lists::default());
        }
    }

    #[test]
    fn lists_that_take_no_room_are_not_believed_to_be_long() {
        let mut bytes = Vec::new();
        put_packed(&mut bytes, &[1_u32 << 20; 40]);
        put_packed(&mut bytes, &[3_u32]);
        let mut read = Lists::default();
        assert_eq!(read_lists(&bytes, 40, 9, &mut read), None);
        assert!(read.items.is_empty());
    }

    #[test]
    fn whole_seconds_and_neighbouring_leaves_are_small() {
        let mut bytes = Vec::new();
        put_times(&mut bytes, &[5_000_000, 6_000_000, 8_000_000]);
        assert_eq!(bytes.len(), 10 + 3 + 2 + 1);
        bytes.clear();
        put_leaves(&mut bytes, &(500..1_500).collect::<Vec<u64>>());
        assert_eq!(bytes.len(), 2 + 2);
    }
}
