//! The stored levels of a tree: every eighth level, as C2SP tlog-tiles has them.
//!
//! Level 0 holds the leaf hashes; level L holds one hash for each full run of 256^L leaves. A tile is 256
//! neighbouring hashes of one level. Nothing between the levels is stored; it is folded from the level below.

use crate::hash::{Hash, fold_edge, fold_perfect};

/// Binary levels between two stored levels.
pub const TILE_HEIGHT: u32 = 8;

/// Hashes in a full tile.
pub const TILE_WIDTH: usize = 1 << TILE_HEIGHT;

/// Reads the hashes of the stored levels.
///
/// An implementation answers with exactly the hashes asked for or with an error. It must never answer with a
/// default for a hash that it could not read: the proof made from it would be false.
pub trait TileSource {
    /// Why a hash could not be read.
    type Error;

    /// Fills `out` with the hashes `start..start + out.len()` of `level`.
    ///
    /// One call never asks for more than 128 hashes and never crosses from one tile into the next.
    ///
    /// # Errors
    /// Whatever kept a hash from being read, an absent one included.
    fn read(&self, level: u8, start: u64, out: &mut [Hash]) -> Result<(), Self::Error>;
}

impl<S: TileSource + ?Sized> TileSource for &S {
    type Error = S::Error;

    fn read(&self, level: u8, start: u64, out: &mut [Hash]) -> Result<(), Self::Error> {
        (**self).read(level, start, out)
    }
}

/// Returns how many leaves lie under one hash of `level`, or `None` from level 8 on, where it exceeds a `u64`.
pub fn level_span(level: u8) -> Option<u64> {
    1u64.checked_shl(u32::from(level) * TILE_HEIGHT)
}

/// Returns how many hashes `level` holds in a tree of `size` leaves.
pub fn level_len(level: u8, size: u64) -> u64 {
    level_span(level).map_or(0, |span| size / span)
}

/// Stored levels in memory, for trees that are built to be checked and thrown away.
#[derive(Clone, Debug, Default)]
pub struct MemoryTiles {
    levels: Vec<Vec<Hash>>,
}

/// A hash that [`MemoryTiles`] does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("level {level} has no hash {index}")]
pub struct MissingHash {
    /// The stored level.
    pub level: u8,
    /// The first absent hash of the range asked for.
    pub index: u64,
}

impl MemoryTiles {
    /// Appends the next hash of `level`; fits as the sink of [`crate::Tree::append`].
    pub fn push(&mut self, level: u8, hash: Hash) {
        let level = usize::from(level);
        if self.levels.len() <= level {
            self.levels.resize(level + 1, Vec::new());
        }
        self.levels[level].push(hash);
    }

    /// Returns the hashes of `level` from the first on.
    pub fn level(&self, level: u8) -> &[Hash] {
        self.levels.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }
}

impl TileSource for MemoryTiles {
    type Error = MissingHash;

    fn read(&self, level: u8, start: u64, out: &mut [Hash]) -> Result<(), MissingHash> {
        let held = self.level(level);
        let range =
            usize::try_from(start).ok().and_then(|start| held.get(start..start.checked_add(out.len())?));
        let missing = MissingHash { level, index: start.max(held.len() as u64) };
        out.copy_from_slice(range.ok_or(missing)?);
        Ok(())
    }
}

/// Returns the root of the perfect subtree number `index` of binary height `height`.
pub(crate) fn subtree_root<S: TileSource>(source: &S, height: u32, index: u64) -> Result<Hash, S::Error> {
    let level = (height / TILE_HEIGHT) as u8;
    let above = height % TILE_HEIGHT;
    let mut hashes = [[0; 32]; TILE_WIDTH / 2];
    let hashes = &mut hashes[..1 << above];
    source.read(level, index << above, hashes)?;
    Ok(fold_perfect(hashes))
}

/// Returns the roots of the perfect subtrees that `start..end` falls into, largest first.
///
/// `start` must be a multiple of the largest power of two in `end - start`.
pub(crate) fn edge_of<S: TileSource>(source: &S, start: u64, end: u64) -> Result<Vec<Hash>, S::Error> {
    let mut edge = Vec::new();
    let mut at = start;
    for height in (0..u64::BITS).rev() {
        if (end - start) >> height & 1 == 1 {
            edge.push(subtree_root(source, height, at >> height)?);
            // The last step may reach 2^64 exactly only if end did, which a u64 cannot hold.
            at += 1 << height;
        }
    }
    Ok(edge)
}

/// Returns the hash over the leaves `start..end`, which must not be empty; see [`edge_of`] for their alignment.
pub(crate) fn range_root<S: TileSource>(source: &S, start: u64, end: u64) -> Result<Hash, S::Error> {
    let edge = edge_of(source, start, end)?;
    Ok(fold_edge(&edge).expect("a range that is not empty has an edge"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_hold_only_full_runs() {
        for (level, size, len) in [
            (0, 0, 0),
            (0, 70_000, 70_000),
            (1, 255, 0),
            (1, 256, 1),
            (1, 70_000, 273),
            (2, 70_000, 1),
            (3, 70_000, 0),
            (7, u64::MAX, 255),
            (8, u64::MAX, 0),
            (63, u64::MAX, 0),
        ] {
            assert_eq!(level_len(level, size), len, "level {level} of {size}");
        }
    }

    #[test]
    fn an_absent_hash_is_an_error_and_never_a_zero() {
        let mut tiles = MemoryTiles::default();
        tiles.push(1, [1; 32]);
        let mut out = [[9; 32]; 2];
        assert_eq!(tiles.read(1, 0, &mut out).unwrap_err(), MissingHash { level: 1, index: 1 });
        assert_eq!(tiles.read(0, 5, &mut out).unwrap_err(), MissingHash { level: 0, index: 5 });
        assert_eq!(tiles.read(0, u64::MAX, &mut out).unwrap_err(), MissingHash { level: 0, index: u64::MAX });
        assert_eq!(out, [[9; 32]; 2]);
        assert_eq!(tiles.read(1, 0, &mut out[..1]), Ok(()));
        assert_eq!(out[0], [1; 32]);
    }
}
