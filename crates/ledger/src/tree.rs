//! The stored levels of the Merkle tree: one flat file of hashes a level.

use std::path::PathBuf;
use std::sync::Arc;

use indelible_merkle::{Hash, TileSource, level_len};
use parking_lot::RwLock;

use crate::StoreError;
use crate::disk::Disk;
use crate::flat::Flat;

/// All levels that have a hash.
pub(crate) struct TreeFiles {
    dir: PathBuf,
    levels: RwLock<Vec<Arc<Flat>>>,
}

impl TreeFiles {
    /// Opens the levels of a tree of `size` leaves; hashes beyond it are forgotten.
    pub(crate) fn open(disk: &dyn Disk, dir: PathBuf, size: u64) -> Result<Self, StoreError> {
        let files = Self { dir, levels: RwLock::new(Vec::new()) };
        for level in (0..u8::MAX).take_while(|level| *level == 0 || level_len(*level, size) > 0) {
            let flat = Flat::open(disk, files.dir.join(level.to_string()), level_len(level, size))?;
            files.levels.write().push(Arc::new(flat));
        }
        Ok(files)
    }

    /// Adds hashes, lower levels first for each leaf, as [`indelible_merkle::Tree::append`] gives them.
    pub(crate) fn extend(&self, disk: &dyn Disk, nodes: &[(u8, Hash)]) -> Result<(), StoreError> {
        let highest = nodes.iter().map(|(level, _)| *level).max().unwrap_or(0);
        for level in 0..=highest {
            self.level_or_new(disk, level)?
                .extend(nodes.iter().filter(|(at, _)| *at == level).map(|(_, hash)| *hash));
        }
        Ok(())
    }

    fn level_or_new(&self, disk: &dyn Disk, level: u8) -> Result<Arc<Flat>, StoreError> {
        let mut levels = self.levels.write();
        while levels.len() <= usize::from(level) {
            let path = self.dir.join(levels.len().to_string());
            levels.push(Arc::new(Flat::open(disk, path, 0)?));
        }
        Ok(levels[usize::from(level)].clone())
    }

    /// Every level, the lowest first.
    pub(crate) fn levels(&self) -> Vec<Arc<Flat>> {
        self.levels.read().clone()
    }

    /// The hash of one leaf.
    pub(crate) fn leaf(&self, index: u64) -> Result<Hash, StoreError> {
        let mut out = [[0; 32]];
        self.read(0, index, &mut out)?;
        Ok(out[0])
    }
}

impl TileSource for TreeFiles {
    type Error = StoreError;

    fn read(&self, level: u8, start: u64, out: &mut [Hash]) -> Result<(), StoreError> {
        let file = self.levels.read().get(usize::from(level)).cloned();
        match file {
            Some(file) => file.read(start, out),
            None => Err(StoreError::OutOfRange { index: start, size: 0 }),
        }
    }
}
