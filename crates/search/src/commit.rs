//! Changes to what the index consists of: a split made, put in place of others, or thrown out; a run left vacant.
//!
//! Order that must hold for every change: files synced, then the manifest on disk, then the view. So the manifest
//! never names what is not there, and a query never sees what a restart would not.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::RwLock;

use crate::error::SearchError;
use crate::manifest::{SplitMeta, Vacant, splits_dir, sync_dir};
use crate::split::{Split, Written};
use crate::state::{State, hex};
use crate::tail::Block;

/// The entries that a split covers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Covers {
    pub(crate) first: u64,
    pub(crate) end: u64,
    pub(crate) received_through: i64,
    pub(crate) last_leaf: [u8; 32],
}

impl Covers {
    /// The same entries, if none of them has a document.
    pub(crate) fn vacant(&self) -> Vacant {
        Vacant {
            first: self.first,
            end: self.end,
            received_through: self.received_through,
            last_leaf: hex(&self.last_leaf),
        }
    }
}

/// What stands for a range of entries.
pub(crate) enum Made {
    Split(Arc<Split>),
    /// Nothing but the knowledge that there is nothing.
    Vacant(Vacant),
}

impl Made {
    fn range(&self) -> Range<u64> {
        match self {
            Made::Split(split) => split.meta.first..split.meta.end,
            Made::Vacant(run) => run.first..run.end,
        }
    }

    fn retire(&self) {
        if let Made::Split(split) = self {
            split.retire();
        }
    }
}

impl State {
    /// Makes a split's file by `make`, which syncs it, names it and opens it; the manifest does not know it yet.
    pub(crate) fn make_split(
        &self,
        covers: &Covers,
        make: impl FnOnce(&Path) -> Result<Written, SearchError>,
    ) -> Result<Made, SearchError> {
        let splits = splits_dir(&self.root);
        let staged = splits.join(format!("new-{}", self.build_number.fetch_add(1, Ordering::Relaxed)));
        let mut place = staged.clone();
        let made = || {
            let written = make(&staged)?;
            let name = {
                let mut manifest = self.manifest.lock();
                manifest.next_split += 1;
                format!("{:012}-{:012}-{}.split", covers.first, covers.end, manifest.next_split)
            };
            place = splits.join(&name);
            fs::rename(&staged, &place).map_err(SearchError::io("rename", &staged))?;
            sync_dir(&splits)?;
            let meta = SplitMeta {
                name,
                first: covers.first,
                end: covers.end,
                events: written.events,
                received_through: covers.received_through,
                last_leaf: hex(&covers.last_leaf),
                bytes: written.bytes,
                crc32: written.crc32,
            };
            Ok(Made::Split(Arc::new(Split::open(&self.root, meta, &self.log)?)))
        };
        made().inspect_err(|_| {
            // A half-made file is in the way of a next attempt only by its size; the next start sweeps too.
            let _ = fs::remove_file(&staged);
            let _ = fs::remove_file(&place);
        })
    }

    /// Puts what was made into manifest and view, in the place of the splits named, of what is vacant between them, and of
    /// the blocks given.
    ///
    /// Returns `false`, and removes the new split, if one of those to be replaced is gone, or if some of its entries are
    /// covered by others already: an event must never be found twice.
    pub(crate) fn commit(
        &self,
        made: Made,
        replaced: &[String],
        blocks: &[Arc<RwLock<Block>>],
    ) -> Result<bool, SearchError> {
        let mut manifest = self.manifest.lock();
        let mut next = manifest.clone();
        next.splits.retain(|meta| !replaced.contains(&meta.name));
        let range = made.range();
        if !replaced.is_empty() {
            next.vacant.retain(|run| run.end <= range.start || range.end <= run.first);
        }
        let overlaps = next.covered().any(|other| other.first < range.end && range.start < other.end);
        if next.splits.len() + replaced.len() != manifest.splits.len() || overlaps {
            made.retire();
            return Ok(false);
        }
        match &made {
            Made::Split(split) => next.add_split(split.meta.clone()),
            Made::Vacant(run) => next.add_vacant(run.clone()),
        }
        if let Err(error) = next.write(&self.root) {
            made.retire();
            return Err(error);
        }
        *manifest = next;
        self.change_view(|view| {
            view.splits.retain(|old| {
                let stays = !replaced.contains(&old.meta.name);
                if !stays {
                    old.retire();
                }
                stays
            });
            if let Made::Split(split) = made {
                let at = view.splits.partition_point(|old| old.meta.first < split.meta.first);
                view.splits.insert(at, split);
            }
            view.vacant.clone_from(&manifest.vacant);
            view.blocks.retain(|block| !blocks.iter().any(|flushed| Arc::ptr_eq(block, flushed)));
        });
        drop(manifest);
        self.announce();
        self.work.lock().merge_due = true;
        self.work_changed.notify_all();
        Ok(true)
    }

    /// Puts a split that the manifest names into the view, from which it was missing.
    pub(crate) fn admit(&self, split: Split) {
        let manifest = self.manifest.lock();
        if manifest.splits.iter().any(|meta| meta.name == split.meta.name) {
            self.change_view(|view| {
                // A purge may have tried again too.
                if view.splits.iter().all(|other| other.meta.name != split.meta.name) {
                    let at = view.splits.partition_point(|old| old.meta.first < split.meta.first);
                    view.splits.insert(at, Arc::new(split));
                }
            });
        }
        drop(manifest);
        self.announce();
    }

    /// Takes a damaged split out of manifest and view, and has its range indexed again.
    pub(crate) fn discard(&self, name: &str) -> Result<(), SearchError> {
        let mut manifest = self.manifest.lock();
        let Some(at) = manifest.splits.iter().position(|meta| meta.name == name) else { return Ok(()) };
        let mut next = manifest.clone();
        let meta = next.splits.remove(at);
        next.write(&self.root)?;
        *manifest = next;
        self.change_view(|view| {
            view.splits.retain(|split| {
                let stays = split.meta.name != name;
                if !stays {
                    split.retire();
                }
                stays
            });
        });
        drop(manifest);
        self.announce();
        self.work.lock().holes.push_back(meta.first..meta.end);
        self.work_changed.notify_all();
        Ok(())
    }
}
