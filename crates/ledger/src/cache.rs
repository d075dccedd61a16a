//! Unpacked blocks and frames that were read last, bounded in bytes.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::StoreError;
use crate::content::Block;

/// What a cached block was unpacked from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CacheKey {
    /// A WAL frame by its number.
    Frame(u64),
    /// A block of the content segment that starts at this index, and how often that was written again.
    Block(u64, u32, usize),
}

/// Blocks that are kept, however small: each has a slot in the table beside its bytes.
const BLOCKS_MAX: usize = 8_192;

/// The least recently used blocks go first.
pub(crate) struct Cache {
    bytes_max: u64,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// With the moment at which each was last used.
    blocks: HashMap<CacheKey, (Arc<Block>, u64)>,
    bytes: u64,
    /// Uses so far.
    now: u64,
}

impl Cache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, held: Mutex::default() }
    }

    /// Returns the cached block or loads it.
    pub(crate) fn get(
        &self,
        key: CacheKey,
        load: impl FnOnce() -> Result<Block, StoreError>,
    ) -> Result<Arc<Block>, StoreError> {
        if let Some(block) = self.held.lock().used(&key) {
            return Ok(block);
        }
        let block = Arc::new(load()?);
        let mut held = self.held.lock();
        held.put(key, &block);
        if held.bytes > self.bytes_max || held.blocks.len() > BLOCKS_MAX {
            held.forget(self.bytes_max);
        }
        Ok(block)
    }

    /// Whether a block has the content of this entry.
    #[cfg(test)]
    pub(crate) fn has_content(&self, index: u64) -> bool {
        let held = self.held.lock();
        held.blocks
            .values()
            .any(|(block, _)| matches!(block.get(index), Some(crate::content::Kept::Content(_))))
    }

    /// Forgets every block: contents were removed.
    pub(crate) fn clear(&self) {
        *self.held.lock() = Held::default();
    }
}

impl Held {
    fn used(&mut self, key: &CacheKey) -> Option<Arc<Block>> {
        self.now += 1;
        let (block, used) = self.blocks.get_mut(key)?;
        *used = self.now;
        Some(block.clone())
    }

    fn put(&mut self, key: CacheKey, block: &Arc<Block>) {
        self.bytes += block.memory();
        // Two readers may have loaded the same block.
        if let Some((twin, _)) = self.blocks.insert(key, (block.clone(), self.now)) {
            self.bytes -= twin.memory();
        }
    }

    /// Drops the least recently used blocks, an eighth of what is allowed, so that they are looked for rarely.
    fn forget(&mut self, bytes_max: u64) {
        let (bytes_kept, blocks_kept) = (bytes_max / 8 * 7, BLOCKS_MAX / 8 * 7);
        let mut oldest: Vec<(u64, CacheKey)> =
            self.blocks.iter().map(|(key, (_, used))| (*used, *key)).collect();
        oldest.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in oldest {
            if self.bytes <= bytes_kept && self.blocks.len() <= blocks_kept {
                break;
            }
            if let Some((block, _)) = self.blocks.remove(&key) {
                self.bytes -= block.memory();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wal::{Row, Unpacked};

    /// A block of one row with this many bytes.
    fn block(bytes: usize) -> Block {
        let row = Row {
            kind: 0,
            chain: 0,
            tenant_seq: 0,
            received_us: 0,
            salt: [0; 16],
            envelope_len: bytes as u32,
            body_len: 0,
        };
        Block::of_frame(0, Unpacked { rows: vec![row], replays: Vec::new(), raw: vec![0; bytes] })
    }

    /// Whether the block had to be loaded.
    fn is_loaded(cache: &Cache, frame: u64, bytes: usize) -> bool {
        let mut loaded = false;
        let load = || {
            loaded = true;
            Ok(block(bytes))
        };
        cache.get(CacheKey::Frame(frame), load).unwrap();
        loaded
    }

    #[test]
    fn keeps_what_was_used_last_within_its_bytes() {
        let cache = Cache::new(100_000);
        for frame in 0..1_000 {
            assert!(is_loaded(&cache, frame, 1_000));
            assert!(!is_loaded(&cache, frame, 1_000));
            assert!(!is_loaded(&cache, 0, 1_000), "it is used again and again");
            let held = cache.held.lock();
            assert!(held.bytes <= 100_000);
            assert_eq!(held.bytes, held.blocks.values().map(|(block, _)| block.memory()).sum::<u64>());
        }
        assert!((950..1_000).all(|frame| !is_loaded(&cache, frame, 1_000)) && is_loaded(&cache, 500, 1_000));
        assert!(is_loaded(&cache, 2_000, 200_000) && is_loaded(&cache, 2_000, 200_000), "too large to keep");
    }

    #[test]
    fn keeps_no_more_small_blocks_than_it_has_slots_for() {
        let cache = Cache::new(u64::MAX);
        for frame in 0..2 * BLOCKS_MAX as u64 {
            assert!(is_loaded(&cache, frame, 0));
            assert!(cache.held.lock().blocks.len() <= BLOCKS_MAX);
        }
        let last = BLOCKS_MAX as u64..2 * BLOCKS_MAX as u64;
        assert!(last.rev().take(BLOCKS_MAX / 2).all(|frame| !is_loaded(&cache, frame, 0)));
    }

    #[test]
    fn a_block_that_two_have_loaded_counts_once() {
        let cache = Cache::new(100_000);
        let load = || {
            assert!(is_loaded(&cache, 7, 1_000), "the other was faster");
            Ok(block(1_000))
        };
        cache.get(CacheKey::Frame(7), load).unwrap();
        let held = cache.held.lock();
        assert_eq!((held.blocks.len(), held.bytes), (1, block(1_000).memory()));
    }
}
