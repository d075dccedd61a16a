//! Unpacked blocks and frames that were read last, bounded in bytes.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::StoreError;
use crate::content::Block;

/// What a cached block was unpacked from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheKey {
    /// A WAL frame by its number.
    Frame(u64),
    /// A block of the content segment that starts at this index.
    Block(u64, usize),
}

/// So few that walking them is cheap beside unpacking one.
const BLOCKS_MAX: usize = 512;

/// The least recently used blocks go first.
pub(crate) struct Cache {
    bytes_max: u64,
    /// Most recently used last.
    held: Mutex<Vec<(CacheKey, Arc<Block>)>>,
}

impl Cache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, held: Mutex::new(Vec::new()) }
    }

    /// Returns the cached block or loads it.
    pub(crate) fn get(
        &self,
        key: CacheKey,
        load: impl FnOnce() -> Result<Block, StoreError>,
    ) -> Result<Arc<Block>, StoreError> {
        {
            let mut held = self.held.lock();
            if let Some(at) = held.iter().rposition(|(of, _)| *of == key) {
                let found = held.remove(at);
                let block = found.1.clone();
                held.push(found);
                return Ok(block);
            }
        }
        let block = Arc::new(load()?);
        let mut held = self.held.lock();
        held.push((key, block.clone()));
        let mut bytes: u64 = held.iter().map(|(_, block)| block.memory()).sum();
        let mut count = held.len();
        let drop_count = held
            .iter()
            .take_while(|(_, block)| {
                let over = bytes > self.bytes_max || count > BLOCKS_MAX;
                bytes -= block.memory();
                count -= 1;
                over
            })
            .count();
        held.drain(..drop_count);
        Ok(block)
    }
}
