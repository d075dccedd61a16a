//! The queue in front of the sequencer: bounded in bytes, fair between tenants.
//!
//! Each chain has its own lane; lanes are served in turn, a request each. A lane may hold as much as is still
//! free, so whoever floods it leaves half to everybody else, and two who flood it leave a third.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use indelible_verify::ChainId;
use parking_lot::{Condvar, Mutex};

use crate::AppendError;

/// When a refused sender should come back.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A bounded queue of `T`s.
pub(crate) struct Queue<T> {
    bytes_max: u64,
    inner: Mutex<Inner<T>>,
    arrived: Condvar,
}

struct Inner<T> {
    lanes: HashMap<ChainId, Lane<T>>,
    /// Lanes with something in them, the next to be served first.
    turns: VecDeque<ChainId>,
    bytes: u64,
    closed: bool,
}

struct Lane<T> {
    waiting: VecDeque<(u64, T)>,
    bytes: u64,
}

impl<T> Queue<T> {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let inner = Inner { lanes: HashMap::new(), turns: VecDeque::new(), bytes: 0, closed: false };
        Self { bytes_max, inner: Mutex::new(inner), arrived: Condvar::new() }
    }

    /// Adds an item of `bytes` to a lane.
    ///
    /// # Errors
    /// [`AppendError::TooLarge`] if it can never fit, [`AppendError::Busy`] if it does not fit now,
    /// [`AppendError::Closed`] after [`Queue::close`].
    pub(crate) fn push(&self, lane: ChainId, bytes: u64, item: T) -> Result<(), AppendError> {
        if bytes > self.bytes_max {
            return Err(AppendError::TooLarge { bytes, bytes_max: self.bytes_max });
        }
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(AppendError::Closed);
        }
        let free = self.bytes_max - inner.bytes.min(self.bytes_max);
        let held = inner.lanes.get(&lane).map_or(0, |lane| lane.bytes);
        if bytes > free || (held > 0 && held + bytes > free) {
            return Err(AppendError::Busy { retry_after: RETRY_AFTER });
        }
        inner.bytes += bytes;
        let entry = inner.lanes.entry(lane).or_insert_with(|| Lane { waiting: VecDeque::new(), bytes: 0 });
        entry.bytes += bytes;
        entry.waiting.push_back((bytes, item));
        if entry.waiting.len() == 1 {
            inner.turns.push_back(lane);
        }
        drop(inner);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for items and takes up to `bytes_max` of them, at least one. `None` when closed and empty.
    pub(crate) fn pop_group(&self, bytes_max: u64) -> Option<Vec<T>> {
        let mut inner = self.inner.lock();
        while inner.turns.is_empty() {
            if inner.closed {
                return None;
            }
            self.arrived.wait(&mut inner);
        }
        Some(inner.take(bytes_max))
    }

    /// As [`Queue::pop_group`], without waiting; empty if nothing is there.
    #[cfg(test)]
    pub(crate) fn try_pop_group(&self, bytes_max: u64) -> Vec<T> {
        self.inner.lock().take(bytes_max)
    }

    /// Refuses further items; what is in the queue is still served.
    pub(crate) fn close(&self) {
        self.inner.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Drops everything that waits and refuses further items.
    pub(crate) fn abandon(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        let dropped = (std::mem::take(&mut inner.lanes), std::mem::take(&mut inner.turns));
        inner.bytes = 0;
        drop(inner);
        drop(dropped);
        self.arrived.notify_all();
    }

    /// Bytes waiting.
    pub(crate) fn bytes(&self) -> u64 {
        self.inner.lock().bytes
    }
}

impl<T> Inner<T> {
    fn take(&mut self, bytes_max: u64) -> Vec<T> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some(id) = self.turns.pop_front() {
            let lane = self.lanes.get_mut(&id).expect("a lane with a turn exists");
            let next = lane.waiting.front().map_or(0, |(bytes, _)| *bytes);
            if !taken.is_empty() && bytes + next > bytes_max {
                self.turns.push_front(id);
                break;
            }
            let (size, item) = lane.waiting.pop_front().expect("a lane with a turn has something waiting");
            lane.bytes -= size;
            self.bytes -= size;
            bytes += size;
            taken.push(item);
            if lane.waiting.is_empty() {
                self.lanes.remove(&id);
            } else {
                self.turns.push_back(id);
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ChainId = ChainId([1; 16]);
    const B: ChainId = ChainId([2; 16]);

    #[test]
    fn serves_lanes_in_turn_and_keeps_order_within_one() {
        let queue = Queue::new(100);
        for n in 0..4 {
            queue.push(A, 1, ("a", n)).unwrap();
        }
        queue.push(B, 1, ("b", 0)).unwrap();
        queue.push(B, 1, ("b", 1)).unwrap();
        assert_eq!(queue.try_pop_group(3), [("a", 0), ("b", 0), ("a", 1)]);
        assert_eq!(queue.try_pop_group(100), [("b", 1), ("a", 2), ("a", 3)]);
        assert!(queue.try_pop_group(100).is_empty());
        assert_eq!(queue.bytes(), 0);
    }

    #[test]
    fn a_flood_leaves_room_for_others() {
        let queue = Queue::new(100);
        let flooded = (0..200).filter(|_| queue.push(A, 1, ()).is_ok()).count();
        assert_eq!(flooded, 50);
        assert!(matches!(queue.push(A, 1, ()), Err(AppendError::Busy { .. })));
        assert!(queue.push(B, 20, ()).is_ok());
        assert!(matches!(queue.push(B, 31, ()), Err(AppendError::Busy { .. })));
        assert!(matches!(queue.push(B, 101, ()), Err(AppendError::TooLarge { bytes: 101, bytes_max: 100 })));
    }

    #[test]
    fn takes_one_large_item_alone() {
        let queue = Queue::new(100);
        queue.push(A, 60, 1).unwrap();
        queue.push(B, 5, 2).unwrap();
        assert_eq!(queue.try_pop_group(10), [1]);
        assert_eq!(queue.try_pop_group(10), [2]);
    }

    #[test]
    fn closing_serves_what_waits() {
        let queue = Queue::new(100);
        queue.push(A, 1, 1).unwrap();
        queue.close();
        assert!(matches!(queue.push(A, 1, 2), Err(AppendError::Closed)));
        assert_eq!(queue.pop_group(10), Some(vec![1]));
        assert_eq!(queue.pop_group(10), None);
    }
}
