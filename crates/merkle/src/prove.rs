//! Inclusion and consistency proofs, read from the stored levels: RFC 6962 sections 2.1.1 and 2.1.2.
//!
//! Nothing here decides whether a tree may be believed: the proofs of a damaged tree come out and do not verify.

use crate::error::{Error, ReadError};
use crate::hash::Hash;
use crate::tile::{TileSource, range_root};
use crate::tree::Tree;

/// Returns the root of the first `size` leaves.
///
/// # Errors
/// The source's own, unchanged.
pub fn root_at<S: TileSource>(source: &S, size: u64) -> Result<Hash, S::Error> {
    Ok(Tree::restore(source, size)?.root())
}

/// Returns the proof that leaf `index` is in the tree of `size` leaves, from its sibling up to the root's child.
///
/// # Errors
/// [`ReadError::Refused`] with [`Error::IndexOutOfRange`], or [`ReadError::Source`].
pub fn inclusion_proof<S: TileSource>(
    source: &S,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, ReadError<S::Error>> {
    if index >= size {
        return Err(ReadError::Refused(Error::IndexOutOfRange { index, size }));
    }
    let (mut start, mut end) = (0, size);
    let mut proof = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        let sibling = if index < middle { (middle, end) } else { (start, middle) };
        proof.push(range_root(source, sibling.0, sibling.1).map_err(ReadError::Source)?);
        (start, end) = if index < middle { (start, middle) } else { (middle, end) };
    }
    proof.reverse();
    Ok(proof)
}

/// Returns the proof that the tree of `from` leaves is a prefix of the tree of `to` leaves.
///
/// It is empty where the sizes are equal or `from` is 0.
///
/// # Errors
/// [`ReadError::Refused`] with [`Error::SizesOutOfOrder`], or [`ReadError::Source`].
pub fn consistency_proof<S: TileSource>(
    source: &S,
    from: u64,
    to: u64,
) -> Result<Vec<Hash>, ReadError<S::Error>> {
    if from > to {
        return Err(ReadError::Refused(Error::SizesOutOfOrder { from, to }));
    }
    if from == 0 {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, to);
    let mut proof = Vec::new();
    while end != from {
        let middle = start + split(end - start);
        let sibling = if from <= middle { (middle, end) } else { (start, middle) };
        proof.push(range_root(source, sibling.0, sibling.1).map_err(ReadError::Source)?);
        (start, end) = if from <= middle { (start, middle) } else { (middle, end) };
    }
    // Where the older tree is one perfect subtree of the newer, the checker already holds its root.
    if start != 0 {
        proof.push(range_root(source, start, end).map_err(ReadError::Source)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Returns the largest power of two below `len`, which must be at least 2.
fn split(len: u64) -> u64 {
    1 << (u64::BITS - 1 - (len - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::check::{consistency_proof_len, inclusion_proof_len, verify_consistency, verify_inclusion};
    use crate::naive::{build, leaves, mth, path, subproof};
    use crate::tile::MissingHash;

    #[test]
    fn every_proof_of_every_small_tree_is_that_of_rfc_6962_and_verifies() {
        let all = leaves(70);
        let (_, tiles) = build(&all);
        for size in 0..=all.len() {
            let root = root_at(&tiles, size as u64).unwrap();
            assert_eq!(root, mth(&all[..size]));
            for index in 0..size {
                let proof = inclusion_proof(&tiles, index as u64, size as u64).unwrap();
                assert_eq!(proof, path(index, &all[..size]), "leaf {index} of {size}");
                verify_inclusion(&all[index], index as u64, size as u64, &proof, &root).unwrap();
            }
            for from in 0..=size {
                let proof = consistency_proof(&tiles, from as u64, size as u64).unwrap();
                let expected = if from == 0 { vec![] } else { subproof(from, &all[..size], true) };
                assert_eq!(proof, expected, "{from} to {size}");
                verify_consistency(from as u64, size as u64, &proof, &mth(&all[..from]), &root).unwrap();
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn proofs_across_tiles_are_those_of_rfc_6962(size in 1usize..70_000, a: prop::sample::Index, b: prop::sample::Index) {
            let all = leaves(size);
            let (tree, tiles) = build(&all);
            let (index, from) = (a.index(size), b.index(size) + 1);
            let (size64, root) = (size as u64, tree.root());

            let proof = inclusion_proof(&tiles, index as u64, size64).unwrap();
            prop_assert_eq!(&proof, &path(index, &all));
            prop_assert_eq!(proof.len(), inclusion_proof_len(index as u64, size64).unwrap());
            prop_assert_eq!(verify_inclusion(&all[index], index as u64, size64, &proof, &root), Ok(()));

            let proof = consistency_proof(&tiles, from as u64, size64).unwrap();
            prop_assert_eq!(&proof, &subproof(from, &all, true));
            prop_assert_eq!(proof.len(), consistency_proof_len(from as u64, size64).unwrap());
            let older = mth(&all[..from]);
            prop_assert_eq!(root_at(&tiles, from as u64), Ok(older));
            prop_assert_eq!(verify_consistency(from as u64, size64, &proof, &older, &root), Ok(()));
        }
    }

    #[test]
    fn refuses_what_has_no_proof_and_passes_read_errors_on() {
        let (_, tiles) = build(&leaves(5));
        for (index, size) in [(0, 0), (5, 5), (6, 5), (u64::MAX, u64::MAX)] {
            let refused = ReadError::Refused(Error::IndexOutOfRange { index, size });
            assert_eq!(inclusion_proof(&tiles, index, size), Err(refused));
        }
        let refused = ReadError::Refused(Error::SizesOutOfOrder { from: 6, to: 5 });
        assert_eq!(consistency_proof(&tiles, 6, 5), Err(refused));
        let absent = ReadError::Source(MissingHash { level: 0, index: 5 });
        assert_eq!(inclusion_proof(&tiles, 0, 6), Err(absent.clone()));
        assert_eq!(consistency_proof(&tiles, 5, 6), Err(absent));
        assert!(matches!(inclusion_proof(&tiles, 1, u64::MAX), Err(ReadError::Source(_))));
        assert!(matches!(consistency_proof(&tiles, 1, u64::MAX), Err(ReadError::Source(_))));
    }
}
