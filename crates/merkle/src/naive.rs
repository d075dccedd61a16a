//! The definitions of RFC 6962 section 2.1 word for word, slow and plain, to test the real code against.

use crate::hash::{Hash, empty_root, leaf_hash, node_hash};
use crate::tile::MemoryTiles;
use crate::tree::Tree;

/// `count` different leaf hashes, the same ones each time.
pub(crate) fn leaves(count: usize) -> Vec<Hash> {
    (0..count as u64).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// A tree of these leaves and its stored levels.
pub(crate) fn build(leaves: &[Hash]) -> (Tree, MemoryTiles) {
    let (mut tree, mut stored) = (Tree::new(), MemoryTiles::default());
    for leaf in leaves {
        tree.append(*leaf, |level, _, hash| stored.push(level, hash));
    }
    (tree, stored)
}

/// The largest power of two smaller than `n`.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// MTH(D).
pub(crate) fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&mth(left), &mth(right))
        }
    }
}

/// PATH(m, D).
pub(crate) fn path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut rest, sibling) =
        if m < k { (path(m, left), mth(right)) } else { (path(m - k, right), mth(left)) };
    rest.push(sibling);
    rest
}

/// SUBPROOF(m, D, b); PROOF(m, D) is `subproof(m, leaves, true)`.
pub(crate) fn subproof(m: usize, leaves: &[Hash], complete: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if complete { Vec::new() } else { vec![mth(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut rest, sibling) = if m <= k {
        (subproof(m, left, complete), mth(right))
    } else {
        (subproof(m - k, right, false), mth(left))
    };
    rest.push(sibling);
    rest
}
