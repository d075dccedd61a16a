//! Bringing the id index up to the ledger.

use crate::ids::{IdBatch, IdEntry, IdStore, Mark, id_key};
use crate::shared::Shared;
use crate::{OpenProgress, StoreError};

/// Ids put into the index at once while it is filled again.
const REFILL_STEP: u64 = 4096;

/// Brings the id index up to the ledger; from the start where it does not belong to this history.
pub(super) fn fill_ids(
    shared: &Shared,
    ids: &dyn IdStore,
    replays: &[(u64, Vec<u8>, u64, Vec<u8>)],
    next_frame: u64,
    on_progress: &dyn Fn(OpenProgress),
) -> Result<(), StoreError> {
    let size = shared.durable_size();
    let mark = ids.mark();
    let fits = |mark: &Mark| -> Result<bool, StoreError> {
        if mark.size > size || mark.frame > next_frame {
            return Ok(false);
        }
        Ok(mark.size == 0 || shared.tree.leaf(mark.size - 1)? == mark.leaf)
    };
    let mut at = match mark {
        Some(mark) if fits(&mark)? => mark,
        other => {
            if other.is_some() || size > 0 {
                tracing::warn!(size, "the id index is missing or another's, filling it from the ledger");
            }
            ids.clear()?;
            Mark { frame: 0, size: 0, leaf: [0; 32] }
        }
    };
    let tagger = ids.tagger();
    while at.size < size {
        let end = size.min(at.size + REFILL_STEP);
        let mut batch = IdBatch::default();
        for index in at.size..end {
            let stored = shared.record(index)?;
            at.leaf = stored.leaf_hash();
            // Ids of removed events were removed with them: nothing is left to fill in.
            if let Some(record) = stored.whole() {
                let leaf = shared.leaf_record(index)?;
                let entry = IdEntry { index, tag: tagger.tag(&record.body) };
                batch.ids.push((id_key(leaf.chain, &record.envelope.event_id), entry));
            }
        }
        at.size = end;
        batch.mark = Some(at);
        ids.apply(&batch)?;
        on_progress(OpenProgress::FillingIds { done: end, size });
    }
    let replays = replays.iter().filter(|(frame, ..)| *frame >= at.frame);
    let replays = replays.map(|(_, key, at, value)| (key.clone(), *at, value.clone())).collect();
    at.frame = next_frame;
    ids.apply(&IdBatch { ids: Vec::new(), replays, mark: Some(at) })
}
