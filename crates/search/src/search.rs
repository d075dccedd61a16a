//! The index as others use it: open, ask, watch, close.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indelible_event::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::ask::instant;
use crate::error::SearchError;
use crate::execute::Caches;
use crate::marks::{Mark, Marks};
use crate::purge::{self, PurgeProgress};
use crate::source::{Decode, EventSource};
use crate::state::{Job, State};
use crate::view::View;
use crate::{builder, follower, merger};

/// How the index grows.
#[derive(Clone, Debug)]
pub struct SearchConfig {
    /// Events in memory that become a split together.
    pub flush_events: usize,
    /// Bytes in memory, roughly, that become a split together.
    pub flush_bytes: usize,
    /// Longest time that an event stays in memory only; what is younger is read from the ledger again at start.
    pub flush_after: Duration,
    /// Bytes of events in memory, roughly, at which the index stops reading until splits are written.
    pub tail_bytes_max: usize,
    /// Neighbouring splits of like size that are merged into one; at least 2.
    pub merge_factor: usize,
    /// Largest number of events that splits are merged to.
    pub split_events_max: u64,
    /// Bytes of splits whose checksums are compared before the first answer; those of the rest are compared after.
    pub verify_at_open_bytes: u64,
}

impl Default for SearchConfig {
    fn default() -> Self {
        Self {
            flush_events: 131_072,
            flush_bytes: 128 << 20,
            flush_after: Duration::from_secs(60),
            tail_bytes_max: 512 << 20,
            merge_factor: 8,
            split_events_max: 8 << 20,
            verify_at_open_bytes: 256 << 20,
        }
    }
}

/// How far the index is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Every entry before this leaf index is searchable.
    pub indexed_size: u64,
    /// The number of durable entries of the ledger.
    pub durable_size: u64,
    /// When the last entry was received up to which everything is searchable; 1970 if there is none.
    pub complete_through: Timestamp,
    /// Whether entries that were there before the start, or were indexed once, still have to be indexed.
    pub rebuilding: bool,
    /// The splits on disk.
    pub splits: usize,
    /// Their bytes.
    pub split_bytes: u64,
    /// Events that are in memory only.
    pub tail_events: u64,
    /// What goes wrong at present; the index keeps trying.
    pub error: Option<String>,
}

/// The index. Clones are the same index.
#[derive(Clone)]
pub struct Search {
    inner: Arc<Inner>,
}

/// The index at one moment, as one query sees it.
pub(crate) struct Present {
    pub(crate) marks: Arc<Marks>,
    pub(crate) view: Arc<View>,
}

struct Inner {
    state: Arc<State>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    caches: Caches,
}

impl Search {
    /// Opens the index in `dir`, making it if there is none, and starts to follow the ledger.
    ///
    /// Returns at once: what the index lacks, all of it if need be, is read from the ledger while it answers already.
    ///
    /// # Errors
    /// [`SearchError::Io`] when the directory can't be used at all, or its manifest can't be read now.
    pub fn open(
        dir: &Path,
        config: SearchConfig,
        source: Arc<dyn EventSource>,
        decode: Arc<dyn Decode>,
    ) -> Result<Search, SearchError> {
        let state = Arc::new(State::open(dir.to_owned(), config, source, decode)?);
        // From here on dropping `search` ends the threads that run.
        let search = Search { inner: Arc::new(Inner::new(state)) };
        for job in [Job::Following, Job::Building, Job::Merging] {
            let (name, run): (_, fn(&State)) = match job {
                Job::Following => ("search-follow", follower::follow),
                Job::Building => ("search-build", builder::build),
                Job::Merging => ("search-merge", merger::tend),
            };
            let state = Arc::clone(&search.inner.state);
            let guarded = move || {
                if catch_unwind(AssertUnwindSafe(|| run(&state))).is_err() {
                    state.note_panic(job);
                }
            };
            let thread = thread::Builder::new().name(name.to_owned()).spawn(guarded);
            search.inner.threads.lock().push(thread.map_err(SearchError::io("start a thread for", dir))?);
        }
        Ok(search)
    }

    /// An index whose threads do not run, so that a test does their work step by step.
    #[cfg(test)]
    pub(crate) fn without_threads(state: Arc<State>) -> Search {
        Search { inner: Arc::new(Inner::new(state)) }
    }

    /// The leaf index before which every entry is searchable, and notice of every change.
    pub fn indexed(&self) -> watch::Receiver<u64> {
        self.inner.state.indexed()
    }

    /// Sets a mark on the events at these leaf indices, or takes it away; it is durable when this returns.
    ///
    /// # Errors
    /// [`SearchError::Io`], or [`SearchError::Source`] when the ledger can't tell its last entry, with which marks are
    /// stored; nothing has changed then.
    pub fn mark(
        &self,
        mark: Mark,
        indices: impl IntoIterator<Item = u64>,
        on: bool,
    ) -> Result<(), SearchError> {
        let state = &self.inner.state;
        let history = state.history()?;
        state.marks.change(mark, indices, on, history)
    }

    /// How often marks were changed; 0 where none are known, since the index is new or its marks were lost, or since the
    /// ledger was put back to an earlier state. Whoever set marks before sets them again then.
    pub fn marks_generation(&self) -> u64 {
        self.inner.state.marks.present().generation
    }

    /// Takes the events at these leaf indices out of every answer, for ever: whatever is asked from the moment this returns
    /// neither finds nor counts them. [`Search::purge`] then takes them out of memory and off the disk. Entries that are
    /// not indexed yet, or are just being indexed again, never enter the index.
    ///
    /// The ledger must have given them up before they are purged: what is not hidden any more is in the index again when a
    /// file is lost and made from the ledger. This is kept in memory only. Whoever removes events notes what is still to be
    /// purged, and after a start hides that again before it lets questions in.
    ///
    /// Unlike [`Mark::Hidden`] it can't be taken back.
    pub fn hide(&self, indices: impl IntoIterator<Item = u64>) {
        self.inner.state.marks.change_removed(|removed| removed.extend(indices));
    }

    /// Takes everything that was hidden before this call off the disk and out of memory: when it returns `Ok`, no file of
    /// the index and no part of it in memory has a term, a text, a position, an id, a hash or a time of these events.
    /// What is purged need not be hidden any more, except entries that are not indexed yet, and is not.
    ///
    /// It takes as long as writing each split again that has some of them, and waits for queries that began before. Ingest,
    /// queries, flushes and merges go on meanwhile. `on_progress` is called at the beginning and after each split. Whatever
    /// stops it, a failure, a crash, the end of the server, hiding and purging again ends the same.
    ///
    /// # Errors
    /// [`SearchError::Io`] with the first file that could not be read or written; the other splits are purged, and all stays
    /// hidden. [`SearchError::Closed`] when the index was closed meanwhile.
    pub fn purge(&self, mut on_progress: impl FnMut(PurgeProgress)) -> Result<(), SearchError> {
        purge::purge(&self.inner.state, &mut on_progress)
    }

    /// How far the index is, and what goes wrong.
    pub fn progress(&self) -> Progress {
        let state = &self.inner.state;
        let view = state.view();
        let coverage = view.coverage();
        Progress {
            indexed_size: coverage.end,
            durable_size: *state.durable.borrow(),
            complete_through: instant(coverage.received),
            rebuilding: coverage.end < state.behind_at_start.max(view.end()),
            splits: view.splits.len(),
            split_bytes: view.splits.iter().map(|split| split.meta.bytes).sum(),
            tail_events: view.blocks.iter().map(|block| block.read().places.len() as u64).sum(),
            error: state.error(),
        }
    }

    /// Writes what is in memory only to disk and ends the threads. Queries are answered still, events no longer taken.
    pub fn close(&self) {
        self.inner.close();
    }

    /// What a query that begins now is answered from.
    pub(crate) fn present(&self) -> Present {
        // In this order: what a purge forgets is in no view that comes after it, but still is in those from before.
        let marks = self.inner.state.marks.present();
        Present { marks, view: self.inner.state.view() }
    }

    /// What splits were asked for before.
    pub(crate) fn caches(&self) -> &Caches {
        &self.inner.caches
    }

    /// Has a split checked soon, because reading it failed.
    pub(crate) fn suspect(&self, split: &str) {
        self.inner.state.suspect(split);
    }
}

impl Inner {
    fn new(state: Arc<State>) -> Inner {
        Inner { state, threads: Mutex::default(), caches: Caches::default() }
    }

    fn close(&self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        if let Some(follower) = threads.first() {
            follower::begin_close(&self.state, follower.thread());
        }
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the search index panicked");
            }
        }
        // A purge stops soon; when this returns, the directory may belong to another index.
        drop(self.state.merging.lock());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
