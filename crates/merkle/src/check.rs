//! Proofs checked with nothing but hashes: RFC 9162 sections 2.1.3.2 and 2.1.4.2, on RFC 6962 trees.
//!
//! Strict: a proof has exactly the length that its index and sizes call for, so there is one proof for each
//! statement and no room for padding. Sizes and indexes may be any `u64`.

use crate::error::Error;
use crate::hash::{Hash, empty_root, node_hash};

/// Returns how many hashes the inclusion proof of leaf `index` in a tree of `size` leaves has.
///
/// # Errors
/// [`Error::IndexOutOfRange`].
pub fn inclusion_proof_len(index: u64, size: u64) -> Result<usize, Error> {
    let shape = Shape::of(index, size)?;
    Ok(shape.inner + shape.border)
}

/// Returns how many hashes the consistency proof between these sizes has.
///
/// # Errors
/// [`Error::SizesOutOfOrder`].
pub fn consistency_proof_len(from: u64, to: u64) -> Result<usize, Error> {
    if from > to {
        return Err(Error::SizesOutOfOrder { from, to });
    }
    if from == 0 || from == to {
        return Ok(0);
    }
    let shape = Shape::of(from - 1, to)?;
    Ok(usize::from(!from.is_power_of_two()) + shape.inner - from.trailing_zeros() as usize + shape.border)
}

/// Checks that `leaf` is at `index` in the tree of `size` leaves with this `root`.
///
/// # Errors
/// [`Error::IndexOutOfRange`], [`Error::ProofLength`] or [`Error::InclusionMismatch`].
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), Error> {
    let shape = Shape::of(index, size)?;
    expect_len(proof, shape.inner + shape.border)?;
    let (inner, border) = proof.split_at(shape.inner);
    let climbed = climb_border(climb(*leaf, inner, index), border);
    if climbed == *root { Ok(()) } else { Err(Error::InclusionMismatch) }
}

/// Checks that the tree of `from` leaves with `from_root` is a prefix of the tree of `to` leaves with `to_root`.
///
/// # Errors
/// [`Error::SizesOutOfOrder`], [`Error::ProofLength`], [`Error::OlderRootMismatch`] or
/// [`Error::NewerRootMismatch`].
pub fn verify_consistency(
    from: u64,
    to: u64,
    proof: &[Hash],
    from_root: &Hash,
    to_root: &Hash,
) -> Result<(), Error> {
    expect_len(proof, consistency_proof_len(from, to)?)?;
    // No tree but the empty one has no leaves, and it is a prefix of any.
    if from == 0 && *from_root != empty_root() {
        return Err(Error::OlderRootMismatch);
    }
    if from == to {
        return if from_root == to_root { Ok(()) } else { Err(Error::NewerRootMismatch) };
    }
    if from == 0 {
        return Ok(());
    }
    let shape = Shape::of(from - 1, to)?;
    let shift = from.trailing_zeros();
    let (seed, rest) = match proof {
        [first, rest @ ..] if !from.is_power_of_two() => (*first, rest),
        all => (*from_root, all),
    };
    let (inner, border) = rest.split_at(shape.inner - shift as usize);
    let index = (from - 1) >> shift;
    if climb_border(climb_right(seed, inner, index), border) != *from_root {
        return Err(Error::OlderRootMismatch);
    }
    if climb_border(climb(seed, inner, index), border) != *to_root {
        return Err(Error::NewerRootMismatch);
    }
    Ok(())
}

/// The way from a leaf to the root: `inner` steps below the tree's right edge, `border` left siblings along it.
struct Shape {
    inner: usize,
    border: usize,
}

impl Shape {
    fn of(index: u64, size: u64) -> Result<Self, Error> {
        if index >= size {
            return Err(Error::IndexOutOfRange { index, size });
        }
        let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
        let border = index.checked_shr(inner).unwrap_or(0).count_ones();
        Ok(Self { inner: inner as usize, border: border as usize })
    }
}

fn expect_len(proof: &[Hash], expected: usize) -> Result<(), Error> {
    if proof.len() == expected { Ok(()) } else { Err(Error::ProofLength { got: proof.len(), expected }) }
}

/// Climbs below the right edge: the bits of `index`, lowest first, say on which side each sibling stands.
fn climb(seed: Hash, siblings: &[Hash], index: u64) -> Hash {
    siblings.iter().enumerate().fold(seed, |hash, (i, sibling)| {
        if index >> i & 1 == 0 { node_hash(&hash, sibling) } else { node_hash(sibling, &hash) }
    })
}

/// Climbs as [`climb`], taking left siblings only: the older tree did not have the right ones.
fn climb_right(seed: Hash, siblings: &[Hash], index: u64) -> Hash {
    siblings.iter().enumerate().fold(
        seed,
        |hash, (i, sibling)| {
            if index >> i & 1 == 0 { hash } else { node_hash(sibling, &hash) }
        },
    )
}

/// Climbs along the right edge, where every sibling stands on the left.
fn climb_border(seed: Hash, siblings: &[Hash]) -> Hash {
    siblings.iter().fold(seed, |hash, sibling| node_hash(sibling, &hash))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::naive::{build, leaves, mth};
    use crate::prove::{consistency_proof, inclusion_proof};

    #[test]
    fn refuses_every_other_leaf_index_size_and_length() {
        let all = leaves(23);
        let (_, tiles) = build(&all);
        for size in 1..=23u64 {
            let root = mth(&all[..size as usize]);
            for index in 0..size {
                let leaf = &all[index as usize];
                let proof = inclusion_proof(&tiles, index, size).unwrap();
                for other in (0..size + 2).filter(|other| *other != index) {
                    assert!(
                        verify_inclusion(leaf, other, size, &proof, &root).is_err(),
                        "{index} as {other}"
                    );
                }
                for at in 0..proof.len() {
                    let mut bent = proof.clone();
                    bent[at][31] ^= 1;
                    let got = verify_inclusion(leaf, index, size, &bent, &root);
                    assert_eq!(got, Err(Error::InclusionMismatch));
                }
                let mut long = proof.clone();
                long.push([0; 32]);
                for wrong in [&long[..], &proof[..proof.len().saturating_sub(1)]] {
                    let got = verify_inclusion(leaf, index, size, wrong, &root);
                    assert!(wrong.len() == proof.len() || matches!(got, Err(Error::ProofLength { .. })));
                }
                let other = leaves(24)[23];
                assert_eq!(
                    verify_inclusion(&other, index, size, &proof, &root),
                    Err(Error::InclusionMismatch)
                );
            }
        }
    }

    #[test]
    fn refuses_consistency_with_another_history() {
        let all = leaves(23);
        let (_, tiles) = build(&all);
        for to in 1..=23u64 {
            let newer = mth(&all[..to as usize]);
            for from in 0..=to {
                let older = mth(&all[..from as usize]);
                let proof = consistency_proof(&tiles, from, to).unwrap();
                let check = |from, to, proof: &[Hash], older: &Hash, newer: &Hash| {
                    verify_consistency(from, to, proof, older, newer)
                };
                assert_eq!(
                    check(from, to, &proof, &[7; 32], &newer).unwrap_err(),
                    match from {
                        // With an equal or perfect older tree its root is itself the seed of the newer.
                        _ if from == to => Error::NewerRootMismatch,
                        _ if from.is_power_of_two() => Error::NewerRootMismatch,
                        _ => Error::OlderRootMismatch,
                    }
                );
                if from > 0 {
                    assert_eq!(
                        check(from, to, &proof, &older, &[7; 32]),
                        Err(Error::NewerRootMismatch),
                        "{from} to {to}"
                    );
                }
                let mut long = proof.clone();
                long.push([0; 32]);
                assert!(matches!(check(from, to, &long, &older, &newer), Err(Error::ProofLength { .. })));
                for at in 0..proof.len() {
                    let mut bent = proof.clone();
                    bent[at][0] ^= 128;
                    assert!(check(from, to, &bent, &older, &newer).is_err());
                    assert!(check(from, to, &proof[1..], &older, &newer).is_err());
                }
                assert!(from == to || check(to, from, &proof, &newer, &older).is_err());
            }
        }
    }

    #[test]
    fn a_forged_empty_tree_is_no_prefix() {
        assert_eq!(verify_consistency(0, 5, &[], &empty_root(), &[1; 32]), Ok(()));
        assert_eq!(verify_consistency(0, 5, &[], &[0; 32], &[1; 32]), Err(Error::OlderRootMismatch));
        assert_eq!(verify_consistency(0, 0, &[], &empty_root(), &empty_root()), Ok(()));
        assert_eq!(verify_consistency(0, 0, &[], &empty_root(), &[1; 32]), Err(Error::NewerRootMismatch));
        assert_eq!(verify_consistency(0, 0, &[], &[1; 32], &[1; 32]), Err(Error::OlderRootMismatch));
        let extra = Err(Error::ProofLength { got: 1, expected: 0 });
        assert_eq!(verify_consistency(0, 5, &[[1; 32]], &empty_root(), &[1; 32]), extra);
    }

    proptest! {
        #[test]
        fn any_numbers_and_hashes_are_answered(a: u64, b: u64, count in 0usize..70, seed: [u8; 32]) {
            let proof = vec![seed; count];
            let _ = verify_inclusion(&seed, a, b, &proof, &seed);
            let _ = verify_consistency(a, b, &proof, &seed, &seed);
            if let Ok(len) = inclusion_proof_len(a, b) {
                prop_assert!(len <= 64);
                prop_assert!(verify_inclusion(&seed, a, b, &vec![seed; len], &seed).is_err() || b == 1);
            }
            if let Ok(len) = consistency_proof_len(a, b) {
                prop_assert!(len <= 65);
                let _ = verify_consistency(a, b, &vec![seed; len], &seed, &seed);
            }
        }
    }
}
