//! The thread that turns blocks into splits, and fills ranges that were lost from the ledger.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{MutexGuard, RwLock};

use crate::commit::{Covers, Made};
use crate::error::SearchError;
use crate::source::Batches;
use crate::split;
use crate::state::{Job, State, Work};
use crate::tail::Block;

/// How long to wait after a failure, for a full disk to be freed, say.
const RETRY: Duration = Duration::from_secs(2);

pub(crate) enum Task {
    /// The blocks of the tail that begin in this range.
    Flush(Range<u64>),
    Fill(Range<u64>),
}

/// Builds until the index closes and everything that was handed over is on disk.
pub(crate) fn build(state: &State) {
    while let Some(task) = next(state) {
        let last_try = state.is_closing();
        let done = run(state, &task);
        state.note(Job::Building, done.as_ref().err());
        if done.is_err() {
            let mut work = state.work.lock();
            match task {
                // The tail has them still, and so has the ledger at the next start.
                Task::Flush(_) if last_try => {}
                Task::Flush(range) => work.flushes.push_front(range),
                Task::Fill(range) => work.holes.push_back(range),
            }
            if !state.is_closing() {
                state.work_changed.wait_for(&mut work, RETRY);
            }
        }
    }
}

fn next(state: &State) -> Option<Task> {
    let mut work = state.work.lock();
    loop {
        if let Some(task) = take(&mut work, state.is_closing()) {
            return Some(task);
        }
        if state.is_closing() && work.follower_done {
            return None;
        }
        state.work_changed.wait(&mut work);
    }
}

/// The next thing to build, if there is any: what is in memory first, what was lost only while there is time.
pub(crate) fn take(work: &mut Work, closing: bool) -> Option<Task> {
    match work.flushes.pop_front() {
        Some(range) => Some(Task::Flush(range)),
        None if closing => None,
        None => work.holes.pop_front().map(Task::Fill),
    }
}

/// Does it.
pub(crate) fn run(state: &State, task: &Task) -> Result<(), SearchError> {
    match task {
        Task::Flush(range) => {
            let _building = state.building.lock();
            flush(state, &state.view().blocks_from(range))
        }
        // A part of it may have been filled before something failed.
        Task::Fill(range) => {
            state.view().gaps(range.clone()).into_iter().try_for_each(|gap| fill(state, &gap))
        }
    }
}

fn flush(state: &State, blocks: &[Arc<RwLock<Block>>]) -> Result<(), SearchError> {
    let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else { return Ok(()) };
    let covers = {
        let last = last.read();
        Covers {
            first: first.read().first,
            end: last.end,
            received_through: last.received_through,
            last_leaf: last.last_leaf,
        }
    };
    let made = match blocks.iter().all(|block| block.read().places.is_empty()) {
        true => Made::Vacant(covers.vacant()),
        false => state.make_split(&covers, |path| split::build(path, &state.log, blocks))?,
    };
    if state.commit(made, &[], blocks)? { Ok(()) } else { make_way(state, &covers, blocks) }
}

/// Ends the double hold on entries that blocks and splits both have: an event must never be found twice.
///
/// # Errors
/// [`SearchError::Damaged`] with a split that had some of the entries; it was thrown out, so that the next try succeeds.
fn make_way(state: &State, covers: &Covers, blocks: &[Arc<RwLock<Block>>]) -> Result<(), SearchError> {
    let view = state.view();
    if view.gaps(covers.first..covers.end).is_empty() {
        state.change_view(|view| {
            view.blocks.retain(|block| !blocks.iter().any(|flushed| Arc::ptr_eq(block, flushed)));
        });
        return Ok(());
    }
    let mut overlapping =
        view.splits.iter().filter(|split| split.meta.first < covers.end && covers.first < split.meta.end);
    let Some(split) = overlapping.next() else { return Ok(()) };
    state.discard(&split.meta.name)?;
    Err(SearchError::Damaged { split: split.meta.name.clone(), what: "it has entries of the tail" })
}

/// Indexes a range of the ledger again, in pieces of a flush's size.
fn fill(state: &State, range: &Range<u64>) -> Result<(), SearchError> {
    let mut next = range.start;
    let mut batches = Batches::new();
    let mut blocks: Vec<Block> = vec![Block::new(next)];
    let mut building = state.building.lock();
    while next < range.end {
        if state.is_closing() {
            // The next start finds the gap in the manifest.
            return Ok(());
        }
        for record in batches.next(&*state.source, next..range.end)? {
            let doc = state.document(&record);
            // A piece is closed only when the next event is there, so that none is vacant without need.
            if doc.is_some() && is_piece(state, &blocks) {
                fill_piece(state, std::mem::take(&mut blocks))?;
                blocks.push(Block::new(next));
                MutexGuard::bump(&mut building);
            } else if blocks.last().is_none_or(Block::is_full) {
                blocks.push(Block::new(next));
            }
            if let Some(block) = blocks.last_mut() {
                let doc = doc.as_ref().filter(|_| !state.is_removed(next));
                block.push(record.received_at().as_micros(), record.leaf_hash(), doc);
            }
            next += 1;
        }
    }
    fill_piece(state, blocks)
}

fn is_piece(state: &State, blocks: &[Block]) -> bool {
    let events: usize = blocks.iter().map(|block| block.places.len()).sum();
    let bytes: usize = blocks.iter().map(Block::bytes).sum();
    events >= state.config.flush_events || bytes >= state.config.flush_bytes
}

fn fill_piece(state: &State, blocks: Vec<Block>) -> Result<(), SearchError> {
    let blocks: Vec<_> = blocks.into_iter().map(|block| Arc::new(RwLock::new(block))).collect();
    flush(state, &blocks)
}
