//! The index in memory, for tests on a simulated disk.

use super::{IdBatch, IdEntry, IdStore, Ids, Mark, Tagger};
use crate::StoreError;

#[derive(Default)]
pub(crate) struct MemoryIds {
    inner: parking_lot::Mutex<MemoryInner>,
}

#[derive(Clone, Default)]
struct MemoryInner {
    live: MemoryState,
    durable: MemoryState,
}

#[derive(Clone, Default)]
struct MemoryState {
    ids: std::collections::BTreeMap<Vec<u8>, IdEntry>,
    replays: std::collections::BTreeMap<Vec<u8>, (u64, Vec<u8>)>,
    mark: Option<Mark>,
}

impl MemoryIds {
    /// What a power cut leaves: everything persisted, and the batches after that if `keep_newer`.
    pub(crate) fn after_crash(&self, keep_newer: bool) -> Self {
        let inner = self.inner.lock();
        let state = if keep_newer { inner.live.clone() } else { inner.durable.clone() };
        Self { inner: parking_lot::Mutex::new(MemoryInner { live: state.clone(), durable: state }) }
    }
}

impl Ids for MemoryIds {
    fn tagger(&self) -> Tagger {
        Tagger([7; 32])
    }

    fn mark(&self) -> Option<Mark> {
        self.inner.lock().live.mark
    }

    fn get(&self, key: &[u8]) -> Result<Option<IdEntry>, StoreError> {
        Ok(self.inner.lock().live.ids.get(key).copied())
    }

    fn count(&self) -> u64 {
        self.inner.lock().live.ids.len() as u64
    }
}

impl IdStore for MemoryIds {
    fn replay(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.inner.lock().live.replays.get(key).map(|(_, value)| value.clone()))
    }

    fn apply(&self, batch: &IdBatch) -> Result<(), StoreError> {
        let live = &mut self.inner.lock().live;
        live.ids.extend(batch.ids.iter().cloned());
        live.replays.extend(batch.replays.iter().map(|(key, at, value)| (key.clone(), (*at, value.clone()))));
        live.mark = batch.mark.or(live.mark);
        Ok(())
    }

    fn persist(&self) -> Result<(), StoreError> {
        let mut inner = self.inner.lock();
        inner.durable = inner.live.clone();
        Ok(())
    }

    fn forget_replays(&self, before_us: u64, count_max: usize) -> Result<usize, StoreError> {
        let live = &mut self.inner.lock().live;
        let old = live.replays.iter().filter(|(_, (at, _))| *at < before_us).map(|(key, _)| key.clone());
        let old: Vec<_> = old.take(count_max).collect();
        old.iter().for_each(|key| drop(live.replays.remove(key)));
        Ok(old.len())
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.inner.lock().live = MemoryState::default();
        Ok(())
    }
}
