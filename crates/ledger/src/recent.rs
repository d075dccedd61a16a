//! Ids and idempotency keys of entries that the id index does not show yet.
//!
//! Invariant: what is dropped from here can be found in the index.

use std::collections::{HashMap, VecDeque};

use crate::ids::IdEntry;
use crate::replays::ReplayValue;
use crate::{Outcome, Placed};

/// A recent id.
#[derive(Clone, Debug)]
pub(crate) struct RecentId {
    pub(crate) entry: IdEntry,
    pub(crate) tenant_seq: u64,
    pub(crate) received_us: u64,
}

/// A recent idempotency key with its whole answer.
#[derive(Clone, Debug)]
pub(crate) struct RecentReplay {
    pub(crate) value: ReplayValue,
    pub(crate) outcomes: Vec<Outcome>,
}

/// The newest ids and keys, in memory.
#[derive(Default)]
pub(crate) struct Recent {
    ids: HashMap<Vec<u8>, RecentId>,
    id_order: VecDeque<(u64, Vec<u8>)>,
    replays: HashMap<Vec<u8>, (u64, RecentReplay)>,
    replay_order: VecDeque<(u64, Vec<u8>)>,
}

impl Recent {
    pub(crate) fn id(&self, key: &[u8]) -> Option<&RecentId> {
        self.ids.get(key)
    }

    pub(crate) fn replay(&self, key: &[u8]) -> Option<&RecentReplay> {
        self.replays.get(key).map(|(_, replay)| replay)
    }

    pub(crate) fn add_id(&mut self, key: Vec<u8>, id: RecentId) {
        self.id_order.push_back((id.entry.index, key.clone()));
        self.ids.insert(key, id);
    }

    pub(crate) fn add_replay(&mut self, frame: u64, key: Vec<u8>, replay: RecentReplay) {
        self.replay_order.push_back((frame, key.clone()));
        self.replays.insert(key, (frame, replay));
    }

    /// Drops ids of entries below `size` and keys of frames below `frame`, which the index shows.
    pub(crate) fn forget(&mut self, size: u64, frame: u64) {
        while let Some((_, key)) = self.id_order.pop_front_if(|(index, _)| *index < size) {
            self.ids.remove(&key);
        }
        while let Some((at, key)) = self.replay_order.pop_front_if(|(at, _)| *at < frame) {
            // A key used again after a day has a newer place in the order.
            if self.replays.get(&key).is_some_and(|(newest, _)| *newest == at) {
                self.replays.remove(&key);
            }
        }
    }
}

/// Builds the place of an event.
pub(crate) fn placed(id: &str, index: u64, tenant_seq: u64, received_us: u64) -> Placed {
    let received_at = indelible_event::Timestamp::from_micros(i64::try_from(received_us).unwrap_or(i64::MAX));
    Placed { id: id.to_owned(), index, tenant_seq, received_at }
}
