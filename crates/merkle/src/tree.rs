//! The growing edge of a tree: what must be kept in memory to append to it and to name its root.
//!
//! Invariant: the edge has one hash for each bit set in the size, the root of a perfect subtree, largest first.

use crate::hash::{Hash, empty_root, fold_edge, node_hash};
use crate::tile::{TILE_HEIGHT, TileSource, edge_of};

/// A tree that can be appended to; everything but its right edge lies in the stored levels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    edge: Vec<Hash>,
}

impl Tree {
    /// Returns the tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the tree of `size` leaves as it was when the hashes in `source` were stored.
    ///
    /// Reads at most 255 hashes of each stored level. It believes what is stored: compare [`Tree::root`] with a
    /// signed checkpoint.
    ///
    /// # Errors
    /// The source's own, unchanged.
    pub fn restore<S: TileSource>(source: &S, size: u64) -> Result<Self, S::Error> {
        Ok(Self { size, edge: edge_of(source, 0, size)? })
    }

    /// Returns the number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the root hash.
    pub fn root(&self) -> Hash {
        fold_edge(&self.edge).unwrap_or_else(empty_root)
    }

    /// Adds a leaf and returns its index.
    ///
    /// `store(level, index, hash)` is called once for the leaf (level 0) and once for each run of 256^level
    /// leaves that it completes, lower levels first; each level is filled in order without gaps.
    ///
    /// ```
    /// use indelible_merkle::{MemoryTiles, Tree, leaf_hash, root_at};
    ///
    /// let (mut tree, mut tiles) = (Tree::new(), MemoryTiles::default());
    /// for n in 0..300u32 {
    ///     tree.append(leaf_hash(&n.to_be_bytes()), |level, _, hash| tiles.push(level, hash));
    /// }
    /// assert_eq!((tiles.level(0).len(), tiles.level(1).len()), (300, 1));
    /// assert_eq!(root_at(&tiles, 300), Ok(tree.root()));
    /// ```
    pub fn append(&mut self, leaf: Hash, mut store: impl FnMut(u8, u64, Hash)) -> u64 {
        let index = self.size;
        self.size += 1;
        store(0, index, leaf);
        let mut hash = leaf;
        // Each trailing one bit of the old size is a perfect subtree that this leaf lets merge.
        for height in 1..=index.trailing_ones() {
            let left = self.edge.pop().expect("the edge has a hash for each bit set in the size");
            hash = node_hash(&left, &hash);
            if height % TILE_HEIGHT == 0 {
                store((height / TILE_HEIGHT) as u8, index >> height, hash);
            }
        }
        self.edge.push(hash);
        index
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::naive::{build, leaves, mth};
    use crate::tile::{MemoryTiles, TILE_WIDTH, level_len};

    #[test]
    fn has_the_root_of_rfc_6962_at_every_size() {
        let leaves = leaves(600);
        let (mut tree, mut stored) = (Tree::new(), MemoryTiles::default());
        assert_eq!(tree.root(), mth(&[]));
        for (i, leaf) in leaves.iter().enumerate() {
            assert_eq!(tree.append(*leaf, |level, _, hash| stored.push(level, hash)), i as u64);
            assert_eq!(tree.size(), i as u64 + 1);
            assert_eq!(tree.root(), mth(&leaves[..=i]), "size {}", i + 1);
        }
    }

    #[test]
    fn stores_each_level_in_order_and_whole() {
        let size = 2 * TILE_WIDTH * TILE_WIDTH + 300;
        let leaves = leaves(size);
        let mut tree = Tree::new();
        let mut stored: Vec<Vec<Hash>> = vec![Vec::new(); 4];
        for leaf in &leaves {
            tree.append(*leaf, |level, index, hash| {
                assert_eq!(index, stored[usize::from(level)].len() as u64, "level {level}");
                stored[usize::from(level)].push(hash);
            });
        }
        for (level, hashes) in stored.iter().enumerate() {
            assert_eq!(hashes.len() as u64, level_len(level as u8, size as u64), "level {level}");
            let span = TILE_WIDTH.pow(level as u32);
            for (i, hash) in hashes.iter().enumerate().step_by(97) {
                assert_eq!(*hash, mth(&leaves[i * span..(i + 1) * span]), "level {level} hash {i}");
            }
        }
    }

    proptest! {
        // Each case builds trees of up to 140,000 leaves, so that level 2 is reached.
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn restored_trees_go_on_as_if_never_closed(size in 0usize..140_000, more in 0usize..600) {
            let all = leaves(size + more);
            let (tree, mut stored) = build(&all[..size]);
            let mut reopened = Tree::restore(&stored, size as u64).unwrap();
            prop_assert_eq!(&reopened, &tree);
            for leaf in &all[size..] {
                reopened.append(*leaf, |level, _, hash| stored.push(level, hash));
            }
            let (whole, whole_stored) = build(&all);
            prop_assert_eq!(reopened, whole);
            for level in 0..3 {
                prop_assert_eq!(stored.level(level), whole_stored.level(level));
            }
        }
    }

    #[test]
    fn restoring_from_too_few_hashes_fails() {
        let (_, stored) = build(&leaves(1000));
        assert!(Tree::restore(&stored, 1000).is_ok());
        assert!(Tree::restore(&stored, 1001).is_err());
        assert!(Tree::restore(&stored, u64::MAX).is_err());
    }
}
