//! What the index's threads share: the view, the manifest behind it, the work to be done, and what goes wrong.

use std::collections::VecDeque;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use indelible_ledger::{Record, Stored};
use indelible_verify::Kind;
use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::watch;

use crate::SearchConfig;
use crate::doc::{Doc, Place};
use crate::error::SearchError;
use crate::manifest::{Found, Manifest, SplitMeta, make_splits_dir, sweep, verify};
use crate::marks::{History, MarkStore};
use crate::source::{Decode, EventSource};
use crate::split::Split;
use crate::tail::Block;
use crate::view::View;

pub(crate) struct State {
    pub(crate) root: PathBuf,
    pub(crate) config: SearchConfig,
    /// The log whose events these are.
    pub(crate) log: [u8; 16],
    pub(crate) source: Arc<dyn EventSource>,
    pub(crate) decode: Arc<dyn Decode>,
    pub(crate) durable: watch::Receiver<u64>,
    view: RwLock<Arc<View>>,
    /// Views that were replaced and may still be looked at.
    old_views: Mutex<Vec<Weak<View>>>,
    /// Held while splits become another one. Whoever takes both takes this before `building`.
    pub(crate) merging: Mutex<()>,
    /// Held while blocks become a split, and while blocks are read for one from the ledger.
    pub(crate) building: Mutex<()>,
    /// The manifest as it is on disk. Held across a change of manifest and view, so that they change as one.
    pub(crate) manifest: Mutex<Manifest>,
    pub(crate) marks: MarkStore,
    pub(crate) work: Mutex<Work>,
    pub(crate) work_changed: Condvar,
    pub(crate) closing: AtomicBool,
    /// Entries that were durable at the start: until they are indexed, the index is catching up.
    pub(crate) behind_at_start: u64,
    /// The leaf index before which every entry is searchable.
    indexed: watch::Sender<u64>,
    errors: Mutex<Errors>,
    /// Names the directories of splits that are being made.
    pub(crate) build_number: AtomicU64,
}

/// What waits to be done by the builder and the merger.
#[derive(Default)]
pub(crate) struct Work {
    /// Ranges of the tail whose blocks are to become splits.
    pub(crate) flushes: VecDeque<Range<u64>>,
    /// Ranges to be indexed again from the ledger.
    pub(crate) holes: VecDeque<Range<u64>>,
    /// Splits whose checksums are to be compared, or that could not be opened.
    pub(crate) suspects: VecDeque<String>,
    /// Suspects for which that failed, to be tried again after other work.
    pub(crate) retries: VecDeque<String>,
    /// Raised whenever splits changed: there may be something to merge.
    pub(crate) merge_due: bool,
    /// No flush will follow any more.
    pub(crate) follower_done: bool,
}

/// The last error of each thread; an error that went away is forgotten.
#[derive(Default)]
struct Errors {
    following: Option<String>,
    building: Option<String>,
    merging: Option<String>,
}

impl Errors {
    fn of(&mut self, job: Job) -> &mut Option<String> {
        match job {
            Job::Following => &mut self.following,
            Job::Building => &mut self.building,
            Job::Merging => &mut self.merging,
        }
    }
}

/// The thread that an error belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Job {
    Following,
    Building,
    Merging,
}

impl State {
    /// Opens what is there and usable; the rest becomes holes to be filled, or is left to the follower.
    ///
    /// # Errors
    /// [`SearchError::Io`] when the directory or the manifest can't be read. A split that can't be read now is left to
    /// the merger, and its events are missing until then.
    pub(crate) fn open(
        root: PathBuf,
        config: SearchConfig,
        source: Arc<dyn EventSource>,
        decode: Arc<dyn Decode>,
    ) -> Result<State, SearchError> {
        fs::create_dir_all(&root).map_err(SearchError::io("create", &root))?;
        let log_id = source.log_id();
        let durable = source.subscribe();
        let size = *durable.borrow();
        let log = hex(&log_id);
        let mut manifest = match Manifest::read(&root, &log)? {
            Found::Ready(manifest) => manifest,
            Found::Absent => Manifest::empty(log),
            Found::Unusable(reason) => {
                tracing::warn!(reason, "search index is rebuilt from the ledger");
                Manifest::empty(log)
            }
        };
        let mut work = Work { merge_due: true, ..Work::default() };
        let mut splits = Vec::new();
        let mut unverified = config.verify_at_open_bytes;
        let end = manifest.covered().last().map_or(0, |range| range.end);
        manifest.vacant.retain(|run| {
            belongs(&*source, run.end, &run.last_leaf, size)
                .inspect_err(|reason| tracing::warn!(first = run.first, reason, "range is indexed again"))
                .is_ok()
        });
        manifest.splits.retain(|meta| match open_split(&root, meta, &*source, size, &mut unverified) {
            Ok((split, checked)) => {
                if !checked {
                    work.suspects.push_back(meta.name.clone());
                }
                splits.push(Arc::new(split));
                true
            }
            Err(error) if error.is_damage() => {
                tracing::warn!(split = meta.name, error = error.chain(), "split is rebuilt from the ledger");
                false
            }
            Err(error) => {
                tracing::error!(split = meta.name, error = error.chain(), "split can't be opened yet");
                work.suspects.push_back(meta.name.clone());
                true
            }
        });
        // Where the ledger is shorter than the index was, the index belongs to another history.
        let end = if end <= size { end } else { manifest.covered().last().map_or(0, |range| range.end) };
        let mut covered = 0;
        for range in manifest.covered() {
            if covered < range.first {
                work.holes.push_back(covered..range.first);
            }
            covered = range.end;
        }
        // What is missing at the end is simply followed again from there, as part of the tail.
        let tail_first = if covered < end { covered } else { end };
        // In this order: no file goes while the manifest on disk names it.
        let written = make_splits_dir(&root)
            .and_then(|()| manifest.write(&root))
            .and_then(|()| sweep(&root, &manifest));
        let block = Arc::new(RwLock::new(Block::new(tail_first)));
        let marks = MarkStore::open(&root, log_id, |history| history.is_of(&*source, size));
        let state = State {
            root,
            config,
            log: log_id,
            source,
            decode,
            durable,
            view: RwLock::new(Arc::new(View {
                splits,
                vacant: manifest.vacant.clone(),
                blocks: vec![block],
            })),
            old_views: Mutex::default(),
            merging: Mutex::default(),
            building: Mutex::default(),
            manifest: Mutex::new(manifest),
            marks,
            work: Mutex::new(work),
            work_changed: Condvar::new(),
            closing: AtomicBool::new(false),
            behind_at_start: size,
            indexed: watch::Sender::new(0),
            errors: Mutex::default(),
            build_number: AtomicU64::new(0),
        };
        // Where nothing can be written, the index still answers from memory, and says what is wrong.
        state.note(Job::Building, written.as_ref().err());
        state.announce();
        Ok(state)
    }

    /// Tells those who wait how far the index is.
    pub(crate) fn announce(&self) {
        let end = self.view().coverage().end;
        self.indexed.send_if_modified(|indexed| std::mem::replace(indexed, end) != end);
    }

    pub(crate) fn indexed(&self) -> watch::Receiver<u64> {
        self.indexed.subscribe()
    }

    /// The view of this moment.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read())
    }

    /// Puts a changed view in the place of the present one.
    pub(crate) fn change_view(&self, change: impl FnOnce(&mut View)) {
        let mut view = self.view.write();
        let mut next = View::clone(&view);
        change(&mut next);
        let old = std::mem::replace(&mut *view, Arc::new(next));
        let mut old_views = self.old_views.lock();
        old_views.retain(|view| view.strong_count() > 0);
        old_views.push(Arc::downgrade(&old));
    }

    /// The views that were replaced and that queries may still be looking at, with what only those have.
    pub(crate) fn old_views(&self) -> Vec<Weak<View>> {
        self.old_views.lock().clone()
    }

    /// Calls `each` with the block that grows, which stays in the view meanwhile.
    pub(crate) fn growing<T>(&self, each: impl FnOnce(&mut Block) -> T) -> Option<T> {
        let view = self.view.read();
        view.blocks.last().map(|block| each(&mut block.write()))
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Notes or clears the error of a thread; an error that stays the same is logged once.
    pub(crate) fn note(&self, job: Job, error: Option<&SearchError>) {
        let text = error.map(SearchError::chain);
        let mut errors = self.errors.lock();
        let slot = errors.of(job);
        if *slot != text {
            if let Some(error) = &text {
                tracing::error!(error, "search index has trouble; ingest goes on");
            }
            *slot = text;
        }
    }

    /// Notes that a thread ended by a panic, which is a bug and stays until the restart.
    pub(crate) fn note_panic(&self, job: Job) {
        let text = "a thread of the search index panicked; restart the server".to_owned();
        tracing::error!(error = text, "search index has trouble; ingest goes on");
        *self.errors.lock().of(job) = Some(text);
    }

    /// An error that has not gone away.
    pub(crate) fn error(&self) -> Option<String> {
        let errors = self.errors.lock();
        [&errors.following, &errors.building, &errors.merging].into_iter().flatten().next().cloned()
    }

    /// Derives the document of an entry, or `None` if it is not an event or was removed.
    pub(crate) fn document(&self, stored: &Stored) -> Option<Doc> {
        document(&*self.decode, stored)
    }

    /// Whether the entry was removed, so that it has no document in the index.
    pub(crate) fn is_removed(&self, index: u64) -> bool {
        self.marks.present().removed().contains(index)
    }

    /// Tries again to open a split that could not be read at the start.
    ///
    /// # Errors
    /// When it still can't be read; if it is damaged it is thrown out instead.
    pub(crate) fn reopen(&self, name: &str) -> Result<(), SearchError> {
        let known = self.manifest.lock().splits.iter().find(|meta| meta.name == name).cloned();
        let Some(meta) = known else { return Ok(()) };
        let (durable, mut unverified) = (*self.durable.borrow(), u64::MAX);
        match open_split(&self.root, &meta, &*self.source, durable, &mut unverified) {
            Ok((split, _)) => {
                self.admit(split);
                Ok(())
            }
            Err(error) if error.is_damage() => {
                tracing::warn!(split = name, error = error.chain(), "split is rebuilt from the ledger");
                self.discard(name)
            }
            Err(error) => Err(error),
        }
    }

    /// The history of the ledger as it is now.
    ///
    /// # Errors
    /// [`SearchError::Source`].
    pub(crate) fn history(&self) -> Result<History, SearchError> {
        let durable = *self.durable.borrow();
        History::of(&*self.source, durable)
    }

    /// Has the checksums of a split compared soon, because reading it failed.
    pub(crate) fn suspect(&self, name: &str) {
        let mut work = self.work.lock();
        if !work.suspects.iter().any(|known| known == name) {
            work.suspects.push_back(name.to_owned());
        }
        self.work_changed.notify_all();
    }
}

/// The document of an entry, or `None` if it is not an event or was removed. A decoder that panics on one event must not
/// stop the index for all others.
pub(crate) fn document(decode: &dyn Decode, stored: &Stored) -> Option<Doc> {
    let Stored::Whole(record) = stored else { return None };
    document_of(decode, record)
}

fn document_of(decode: &dyn Decode, record: &Record) -> Option<Doc> {
    if record.entry.kind != Kind::EVENT {
        return None;
    }
    let envelope = &record.envelope;
    let place = Place {
        index: record.index,
        time: envelope.event_time_us,
        received: record.received_at().as_micros(),
        tenant: envelope.tenant_number,
    };
    let derive = || {
        let decoded = decode.decode(envelope, &record.body);
        Doc::new(place, &envelope.event_id, &decoded.event, &decoded.derived, &envelope.people)
    };
    Some(std::panic::catch_unwind(std::panic::AssertUnwindSafe(derive)).unwrap_or_else(|_| {
        tracing::error!(
            index = record.index,
            "event could not be decoded; it is found by id, tenant and time only"
        );
        Doc::bare(place, &envelope.event_id)
    }))
}

/// Opens a split if it belongs to this ledger, and tells whether its checksums were compared.
fn open_split(
    root: &std::path::Path,
    meta: &SplitMeta,
    source: &dyn EventSource,
    durable: u64,
    unverified: &mut u64,
) -> Result<(Split, bool), SearchError> {
    let damaged = |what| SearchError::Damaged { split: meta.name.clone(), what };
    belongs(source, meta.end, &meta.last_leaf, durable).map_err(damaged)?;
    let checked = meta.bytes <= *unverified;
    if checked {
        *unverified -= meta.bytes;
        verify(root, meta)?;
    }
    Ok((Split::open(root, meta.clone(), &source.log_id())?, checked))
}

/// Tells why entries before `end`, the last of which had this leaf hash, are not those of a ledger of `durable` entries.
fn belongs(source: &dyn EventSource, end: u64, last_leaf: &str, durable: u64) -> Result<(), &'static str> {
    if end > durable {
        return Err("it covers entries that the ledger does not have");
    }
    match source.records(end - 1..end) {
        Ok(last) if last.first().is_some_and(|record| hex(&record.leaf_hash()) == last_leaf) => Ok(()),
        Ok(_) => Err("it covers entries of another history"),
        // A ledger that can't be read now says nothing against the index.
        Err(error) => {
            tracing::warn!(end, error, "index could not be compared with the ledger");
            Ok(())
        }
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
