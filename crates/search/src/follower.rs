//! The thread that follows the ledger: records in, documents into the tail, blocks on to the builder.
//!
//! Documents are pushed in the order of the ledger by this thread alone; where a batch is large, a [`Helper`] derives
//! half of it meanwhile.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use indelible_ledger::Stored;
use parking_lot::RwLock;
use tokio::sync::watch;

use crate::doc::Doc;
use crate::error::SearchError;
use crate::helper::Helper;
use crate::source::Batches;
use crate::state::{Job, State};
use crate::tail::Block;

/// How long to wait before reading the ledger again after it failed.
const RETRY: Duration = Duration::from_millis(500);

/// Records of a batch that are worth sharing with the helper: waking it takes some ten microseconds, as deriving three
/// documents does, and whoever sends one event wants it found at once.
const SHARED_MIN: usize = 64;

/// Follows the ledger until the index closes, then hands over what is left.
pub(crate) fn follow(state: &State) {
    std::thread::scope(|scope| {
        let helper = Helper::start(scope, state);
        follow_with(state, Follower { helper, ..Follower::new(state) });
    });
    state.work.lock().follower_done = true;
    state.work_changed.notify_all();
}

fn follow_with(state: &State, mut follower: Follower<'_>) {
    let mut durable = state.durable.clone();
    while !state.is_closing() {
        let size = *durable.borrow_and_update();
        let idle = if follower.next >= size || follower.tail_full {
            follower.time_to_flush().unwrap_or(Duration::from_secs(3600))
        } else {
            match follower.read(size) {
                Ok(()) => {
                    // Whoever learns that it went on must not find the error of before.
                    state.note(Job::Following, None);
                    state.announce();
                    Duration::ZERO
                }
                Err(error) => {
                    state.note(Job::Following, Some(&error));
                    RETRY
                }
            }
        };
        follower.flush_if_due();
        if !idle.is_zero() {
            // A full tail gets smaller without notice from the ledger.
            let idle = if follower.tail_full { idle.min(RETRY) } else { idle };
            wait(&mut durable, idle.max(Duration::from_millis(1)));
        }
        if follower.tail_full {
            follower.tail_full = follower.is_tail_full();
        }
    }
    follower.flush();
}

pub(crate) struct Follower<'a> {
    state: &'a State,
    /// The next leaf index to read.
    next: u64,
    batches: Batches,
    helper: Option<Helper>,
    /// Where the blocks begin that were not handed to the builder yet.
    unflushed_first: u64,
    unflushed_events: usize,
    unflushed_bytes: usize,
    /// Whether nothing is read until the builder has caught up.
    tail_full: bool,
    /// When the oldest event that was not handed over came.
    since: Option<Instant>,
}

impl<'a> Follower<'a> {
    /// Goes on where the tail ends.
    pub(crate) fn new(state: &'a State) -> Self {
        let view = state.view();
        let next = view.end();
        Self {
            state,
            next,
            batches: Batches::new(),
            helper: None,
            unflushed_first: view.blocks.last().map_or(next, |block| block.read().first),
            unflushed_events: 0,
            unflushed_bytes: 0,
            tail_full: false,
            since: None,
        }
    }

    /// Reads some of the entries before `size` into the tail.
    pub(crate) fn read(&mut self, size: u64) -> Result<(), SearchError> {
        let mut records = self.next_records(size)?;
        let end = self.next + records.len() as u64;
        let helped = match &mut self.helper {
            Some(helper) if records.len() >= SHARED_MIN => {
                let helped = records.split_off(records.len() / 2);
                helper.give(helped.clone(), end..size, self.batches);
                helped
            }
            _ => Vec::new(),
        };
        for record in &records {
            let doc = self.state.document(record);
            self.push(record, doc.as_ref());
        }
        if let Some(helper) = self.helper.as_ref().filter(|_| !helped.is_empty()) {
            for (record, doc) in helped.iter().zip(helper.docs()) {
                self.push(record, doc.as_ref());
            }
        }
        Ok(())
    }

    /// The next records before `size`; at least one.
    fn next_records(&mut self, size: u64) -> Result<Vec<Stored>, SearchError> {
        if let Some((records, batches)) = self.helper.as_mut().and_then(|helper| helper.ahead(self.next)) {
            self.batches = batches;
            return Ok(records);
        }
        self.batches.next(&*self.state.source, self.next..size)
    }

    /// Puts the next record, with its document if it is an event, at the end of the tail.
    fn push(&mut self, stored: &Stored, doc: Option<&Doc>) {
        let (index, config) = (self.next, &self.state.config);
        let pushed = self.state.growing(|block| {
            // Looked at with the block locked: a purge that found nothing here relies on nothing coming after it.
            let doc = doc.filter(|_| !self.state.is_removed(index));
            block.push(stored.received_at().as_micros(), stored.leaf_hash(), doc);
            let large = self.unflushed_events + block.places.len() >= config.flush_events
                || self.unflushed_bytes + block.bytes() >= config.flush_bytes;
            (block.is_full(), large)
        });
        let (full, large) = pushed.unwrap_or_default();
        self.next += 1;
        if doc.is_some() && self.since.is_none() {
            self.since = Some(Instant::now());
        }
        if large {
            self.flush();
        } else if full {
            self.begin_block();
        }
    }

    /// The next leaf index to read.
    #[cfg(test)]
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Sets the growing block aside, and starts a new one.
    fn begin_block(&mut self) {
        if let Some(active) = self.state.view().blocks.last() {
            let block = active.read();
            self.unflushed_events += block.places.len();
            self.unflushed_bytes += block.bytes();
        }
        let fresh = Arc::new(RwLock::new(Block::new(self.next)));
        self.state.change_view(|view| view.blocks.push(fresh));
        self.tail_full = self.is_tail_full();
    }

    fn is_tail_full(&self) -> bool {
        let bytes: usize = self.state.view().blocks.iter().map(|block| block.read().bytes()).sum();
        bytes >= self.state.config.tail_bytes_max
    }

    fn time_to_flush(&self) -> Option<Duration> {
        Some(self.state.config.flush_after.saturating_sub(self.since?.elapsed()))
    }

    fn flush_if_due(&mut self) {
        // A full tail can only get smaller by becoming splits, however few they are.
        if self.tail_full || self.time_to_flush().is_some_and(|left| left.is_zero()) {
            self.flush();
        }
    }

    /// Hands everything that is in the tail and not handed over yet to the builder.
    pub(crate) fn flush(&mut self) {
        if self.since.take().is_none() {
            return;
        }
        if self.state.view().blocks.last().is_some_and(|block| !block.read().places.is_empty()) {
            self.begin_block();
        }
        let growing = self.state.view().blocks.last().map_or(self.next, |block| block.read().first);
        let range = std::mem::replace(&mut self.unflushed_first, growing)..growing;
        (self.unflushed_events, self.unflushed_bytes) = (0, 0);
        if range.is_empty() {
            return;
        }
        self.state.work.lock().flushes.push_back(range);
        self.state.work_changed.notify_all();
    }
}

/// Waits for the ledger to grow, for the thread to be unparked, or for the time to pass.
fn wait(durable: &mut watch::Receiver<u64>, longest: Duration) {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let changed = pin!(durable.changed());
    if let Poll::Ready(Ok(())) = changed.poll(&mut Context::from_waker(&waker)) {
        return;
    }
    std::thread::park_timeout(longest);
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Asks the threads to finish.
pub(crate) fn begin_close(state: &State, follower: &Thread) {
    state.closing.store(true, Ordering::Release);
    // Taken so that a thread that just looked at the flag is waiting, and not missing this notice.
    drop(state.work.lock());
    state.work_changed.notify_all();
    follower.unpark();
}
