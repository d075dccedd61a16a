//! The index as others use it: open, ask, watch, close.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indelible_event::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::error::SearchError;
use crate::executor::Execution;
use crate::field::Field;
use crate::query::{Expr, Query, Reach, TimeRange};
use crate::source::{Decode, EventSource};
use crate::state::{Job, State};
use crate::zone::Bounds;
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

/// What events are ordered by: the time that they happened, then their place in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SortKey {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// Leaf index.
    pub index: u64,
}

/// Which way a page lies from its cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Events before the cursor's, in time: the next page.
    Older,
    /// Events after the cursor's, in time: the previous page.
    Newer,
}

/// One page to be found.
#[derive(Clone, Debug)]
pub struct PageRequest<'a> {
    /// What the caller may see, computed anew for whoever asks.
    pub reach: &'a Reach,
    /// What is asked for.
    pub query: &'a Query,
    /// Most hits.
    pub limit: usize,
    /// Where to go on, and which way; the key itself is not in the page.
    pub cursor: Option<(SortKey, Direction)>,
    /// Only entries before this leaf index, so that pages stay the same while events come in.
    pub as_of: Option<u64>,
}

/// An event that was found; it is to be read from the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hit {
    /// Its leaf index.
    pub index: u64,
    /// When it happened.
    pub time: Timestamp,
}

impl Hit {
    /// What a cursor at this hit carries.
    pub fn key(&self) -> SortKey {
        SortKey { time: self.time.as_micros(), index: self.index }
    }
}

/// A page of hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub hits: Vec<Hit>,
    /// Whether older ones match.
    pub has_next: bool,
    /// Whether newer ones match.
    pub has_prev: bool,
    /// When the last entry was received up to which everything is searchable.
    pub complete_through: Timestamp,
    /// The leaf index that the page is bounded by, for the cursors of the pages around it.
    pub as_of: u64,
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

struct Inner {
    state: Arc<State>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Search {
    /// Opens the index in `dir`, making it if there is none, and starts to follow the ledger.
    ///
    /// Returns at once: what the index lacks, all of it if need be, is read from the ledger while it answers already.
    ///
    /// # Errors
    /// [`SearchError::Io`] when the directory can't be used at all.
    pub fn open(
        dir: &Path,
        config: SearchConfig,
        source: Arc<dyn EventSource>,
        decode: Arc<dyn Decode>,
    ) -> Result<Search, SearchError> {
        let state = Arc::new(State::open(dir.to_owned(), config, source, decode)?);
        // From here on dropping `search` ends the threads that run.
        let search = Search { inner: Arc::new(Inner { state, threads: Mutex::default() }) };
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
        Search { inner: Arc::new(Inner { state, threads: Mutex::default() }) }
    }

    /// The leaf index before which every entry is searchable, and notice of every change.
    pub fn indexed(&self) -> watch::Receiver<u64> {
        self.inner.state.indexed()
    }

    /// Finds a page, newest first by (time, leaf index).
    ///
    /// # Errors
    /// [`SearchError::UnresolvedTenants`], or a split that can't be read; it is then being checked and rebuilt.
    pub fn page(&self, request: &PageRequest<'_>) -> Result<Page, SearchError> {
        let state = &self.inner.state;
        let view = state.view();
        let as_of = request.as_of.unwrap_or_else(|| view.end());
        let complete_through = instant(view.coverage().received);
        let plan = self.plan(request.query, request.reach)?;
        let bounds = Bounds { time: request.query.time, received: request.query.received, as_of };
        let execution = Execution::new(&view, &plan, bounds);
        let near = |from, direction, limit| {
            execution.nearest(from, direction, limit).map_err(|failed| self.failed(failed))
        };
        let (from, direction) = match request.cursor {
            Some((key, direction)) => (Some(key), direction),
            None => (None, Direction::Older),
        };
        // One more than asked for tells whether there are more.
        let mut keys = near(from, direction, request.limit.saturating_add(1))?;
        let more = keys.len() > request.limit;
        keys.truncate(request.limit);
        let opposite = match direction {
            Direction::Older => Direction::Newer,
            Direction::Newer => Direction::Older,
        };
        // What lies behind: beyond the first hit, or from the cursor on where there is none, itself included.
        let behind = match (keys.first(), from) {
            (_, None) => false,
            (Some(first), _) => !near(Some(*first), opposite, 1)?.is_empty(),
            (None, Some(key)) => !near(beside(key, direction), opposite, 1)?.is_empty(),
        };
        let (has_next, has_prev) = match direction {
            Direction::Older => (more, behind),
            Direction::Newer => (behind, more),
        };
        if direction == Direction::Newer {
            keys.reverse();
        }
        let hits = keys.into_iter().map(hit).collect();
        Ok(Page { hits, has_next, has_prev, complete_through, as_of })
    }

    /// The exact number of matching events among the entries before `as_of`, or all.
    ///
    /// # Errors
    /// As [`Search::page`].
    pub fn count(&self, reach: &Reach, query: &Query, as_of: Option<u64>) -> Result<u64, SearchError> {
        let view = self.inner.state.view();
        let plan = self.plan(query, reach)?;
        let as_of = as_of.unwrap_or_else(|| view.end());
        let bounds = Bounds { time: query.time, received: query.received, as_of };
        let execution = Execution::new(&view, &plan, bounds);
        execution.count().map_err(|failed| self.failed(failed))
    }

    /// The events of this id, newest first; several only if several tenants within the reach use it.
    ///
    /// # Errors
    /// As [`Search::page`].
    pub fn by_id(&self, reach: &Reach, tenant: Option<u64>, id: &str) -> Result<Vec<Hit>, SearchError> {
        let view = self.inner.state.view();
        let mut conditions = vec![Expr::Term(Field::Id, id.to_owned())];
        conditions.extend(tenant.map(|tenant| Expr::Tenants(crate::TenantSet::new([tenant]))));
        let query = Query { matches: Expr::And(conditions), ..Query::all() };
        let plan = query.plan(reach);
        let bounds = Bounds { time: TimeRange::ALWAYS, received: TimeRange::ALWAYS, as_of: view.end() };
        let execution = Execution::new(&view, &plan, bounds);
        let keys =
            execution.nearest(None, Direction::Older, usize::MAX).map_err(|failed| self.failed(failed))?;
        Ok(keys.into_iter().map(hit).collect())
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
            split_bytes: view.splits.iter().map(|split| split.meta.bytes()).sum(),
            tail_events: view.blocks.iter().map(|block| block.read().places.len() as u64).sum(),
            error: state.error(),
        }
    }

    /// Writes what is in memory only to disk and ends the threads. Queries are answered still, events no longer taken.
    pub fn close(&self) {
        self.inner.close();
    }

    fn plan(&self, query: &Query, reach: &Reach) -> Result<Expr, SearchError> {
        if query.has_unresolved_tenants() {
            return Err(SearchError::UnresolvedTenants);
        }
        Ok(query.plan(reach))
    }

    fn failed(&self, (split, error): (String, SearchError)) -> SearchError {
        self.inner.state.suspect(&split);
        error
    }
}

impl Inner {
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
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// The key next to `key` on the other side of `direction`, so that looking from it includes `key`.
fn beside(key: SortKey, direction: Direction) -> Option<SortKey> {
    match direction {
        Direction::Older if key.index == 0 => {
            Some(SortKey { time: key.time.checked_sub(1)?, index: u64::MAX })
        }
        Direction::Older => Some(SortKey { index: key.index - 1, ..key }),
        Direction::Newer => Some(SortKey { index: key.index.saturating_add(1), ..key }),
    }
}

fn hit(key: SortKey) -> Hit {
    Hit { index: key.index, time: Timestamp::from_micros(key.time) }
}

fn instant(us: i64) -> Timestamp {
    Timestamp::from_micros(if us == i64::MIN { 0 } else { us })
}
