//! Removing documents for ever: hidden at once, then written out of every split and out of the tail.
//!
//! What is removed is a set of leaf indices in memory ([`crate::marks`]). From the moment it is in there, queries do not
//! find it, and whatever becomes part of the index, from the ledger, from blocks or from other splits, leaves it out. So a
//! purge has to deal only with what was there, or on its way, when it began: it waits for the builder and the merger to
//! finish what they are at, takes the documents out of the tail's blocks, and writes each split again that has some. The
//! ledger is not asked: nothing is decoded again.
//! Invariant: an entry is forgotten from the set only when nothing in memory or on disk has its document, and when the
//! index covers it, so that it is not read again.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use roaring::RoaringTreemap;

use crate::error::SearchError;
use crate::manifest::{splits_dir, sweep, sync_dir};
use crate::merger::replace;
use crate::split::Input;
use crate::state::State;
use crate::tail::Block;

/// How often a purge looks whether the queries have ended that began before it.
const LOOK: Duration = Duration::from_millis(20);

/// How far a purge is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PurgeProgress {
    /// Splits that have no removed event any more.
    pub splits_done: usize,
    /// Splits that were to be looked at in all.
    pub splits: usize,
}

/// Writes everything that is removed out of the index. See [`crate::Search::purge`].
pub(crate) fn purge(state: &State, on_progress: &mut dyn FnMut(PurgeProgress)) -> Result<(), SearchError> {
    let removed = Arc::clone(state.marks.present().removed());
    if removed.is_empty() {
        return Ok(());
    }
    let names = begin(state, &removed)?;
    let mut progress = PurgeProgress { splits_done: 0, splits: names.len() };
    on_progress(progress);
    let mut failed = None;
    for name in names {
        match write_again(state, &name, &removed) {
            Ok(()) => progress.splits_done += 1,
            Err(SearchError::Closed) => return Err(SearchError::Closed),
            // One file that can't be read or written must not keep the events of all others.
            Err(error) => failed = failed.or(Some(error)),
        }
        on_progress(progress);
    }
    match failed {
        Some(error) => Err(error),
        None => end(state, &removed),
    }
}

/// Takes the documents out of the tail, and names the splits that may have some.
fn begin(state: &State, removed: &RoaringTreemap) -> Result<Vec<String>, SearchError> {
    // What becomes a split while these are held was begun before, and may have documents that it should not have.
    let _merging = state.merging.lock();
    let _building = state.building.lock();
    check(state)?;
    thin_tail(state, removed);
    let manifest = state.manifest.lock();
    let met = manifest.splits.iter().filter(|split| removed.range_cardinality(split.first..split.end) > 0);
    Ok(met.map(|split| split.name.clone()).collect())
}

fn check(state: &State) -> Result<(), SearchError> {
    if state.is_closing() { Err(SearchError::Closed) } else { Ok(()) }
}

/// Puts blocks without the documents in the place of those that have some; queries that began go on with the old ones.
fn thin_tail(state: &State, removed: &RoaringTreemap) {
    let thinned = |block: &Arc<RwLock<Block>>| {
        let block = block.read();
        let met = block.places.iter().any(|place| removed.contains(place.index));
        met.then(|| Arc::new(RwLock::new(block.without(removed))))
    };
    let view = state.view();
    // Full blocks stay as they are while nothing is built; only the last one is to be seen to while nothing is pushed.
    let full = &view.blocks[..view.blocks.len().saturating_sub(1)];
    let full: Vec<_> = full.iter().map(|block| (block, thinned(block))).collect();
    state.change_view(|view| {
        for block in &mut view.blocks {
            let known = full.iter().find(|(known, _)| Arc::ptr_eq(known, block));
            let rest = known.map_or_else(|| thinned(block), |(_, rest)| rest.clone());
            *block = rest.unwrap_or_else(|| Arc::clone(block));
        }
    });
}

/// Puts a split without the documents in the place of this one, if it has some and is still there.
fn write_again(state: &State, name: &str, removed: &RoaringTreemap) -> Result<(), SearchError> {
    let _merging = state.merging.lock();
    check(state)?;
    let find = || state.view().splits.iter().find(|split| split.meta.name == name).cloned();
    let split = match find() {
        Some(split) => split,
        None => {
            // It was replaced or thrown out meanwhile, or could not be opened yet.
            state.reopen(name)?;
            let Some(split) = find() else { return Ok(()) };
            split
        }
    };
    let rewrite = || {
        let left_out = split.docs_of(removed)?;
        if left_out.is_empty() {
            return Ok(());
        }
        replace(state, &[Input { split: Arc::clone(&split), left_out }], &|| check(state))
    };
    match rewrite() {
        Err(error) if error.is_damage() => {
            tracing::warn!(split = name, error = error.chain(), "split is rebuilt from the ledger");
            state.discard(name)
        }
        done => done,
    }
}

/// Waits until nobody has what was replaced, removes what may be left of it, and forgets the entries.
fn end(state: &State, removed: &RoaringTreemap) -> Result<(), SearchError> {
    let old_views = state.old_views();
    {
        let mut work = state.work.lock();
        while old_views.iter().any(|view| view.strong_count() > 0) {
            check(state)?;
            state.work_changed.wait_for(&mut work, LOOK);
        }
    }
    {
        // No file is being made that the manifest does not name yet.
        let _merging = state.merging.lock();
        let _building = state.building.lock();
        check(state)?;
        sweep(&state.root, &state.manifest.lock())?;
        sync_dir(&splits_dir(&state.root))?;
    }
    let view = state.view();
    let mut awaited = removed.clone();
    for range in view.covered() {
        awaited.remove_range(range.first..range.end);
    }
    if let Some(first) = view.blocks.first().map(|block| block.read().first) {
        awaited.remove_range(first..view.end());
    }
    let gone = removed - &awaited;
    state.marks.change_removed(|removed| *removed -= &gone);
    Ok(())
}
