//! The threads of an open ledger, and how they end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::committer::Fatal;
use crate::disk::DirLock;
use crate::ids::IdStore;
use crate::keeper::{IdKeeper, ReleaseKeeper, Sealer};
use crate::queue::Queue;
use crate::recover::Parts;
use crate::shared::{Shared, count};
use crate::work::Work;
use crate::{AppendError, StoreError};

/// How often the released file is brought up to date; half of what was promised.
const RELEASE_EVERY: Duration = Duration::from_millis(500);
/// How often the background looks for something to seal.
const SEAL_EVERY: Duration = Duration::from_millis(250);
/// How long the background waits after something failed.
const AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// What ends with [`crate::LedgerWriter::close`].
pub(crate) struct Running {
    pub(crate) ids: Arc<dyn IdStore>,
    committing: Vec<JoinHandle<()>>,
    sealer: JoinHandle<()>,
    ids_thread: JoinHandle<()>,
    release: JoinHandle<()>,
    _lock: Option<DirLock>,
}

/// Puts an open ledger on its threads. Requests go into `queue` from then on.
pub(crate) fn start(
    parts: Parts,
    queue: &Arc<Queue<Work>>,
    lock: Option<DirLock>,
) -> Result<Running, StoreError> {
    let shared = parts.shared.clone();
    spawn_all(parts, queue, lock).inspect_err(|_| {
        queue.close();
        shared.closing.store(true, Ordering::Release);
    })
}

fn spawn_all(parts: Parts, queue: &Arc<Queue<Work>>, lock: Option<DirLock>) -> Result<Running, StoreError> {
    let Parts { shared, ids, mut sequencer, mut committer, id_keeper, release_keeper, sealer, fatal, .. } =
        parts;
    // Without a buffer the sequencer works on one group while the one before it is synced, and no further ahead.
    let (to_committer, sequenced) = sync_channel(0);
    let guard = || EndOnPanic { shared: shared.clone(), queue: queue.clone(), fatal: fatal.clone() };
    let sequence = {
        let (shared, queue, guard) = (shared.clone(), queue.clone(), guard());
        move || {
            let _guard = guard;
            while let Some(works) = queue.pop_group(shared.config.group_bytes_max) {
                let full = disk_full(&shared, &works);
                if to_committer.send(sequencer.sequence(works, full.as_ref())).is_err() {
                    break;
                }
            }
        }
    };
    let commit = {
        let (queue, guard) = (queue.clone(), guard());
        move || {
            let _guard = guard;
            while let Ok(group) = sequenced.recv() {
                if !committer.commit(group) {
                    queue.abandon();
                    break;
                }
            }
        }
    };
    let committing =
        vec![spawn(&shared, "ledger-sequence", sequence)?, spawn(&shared, "ledger-sync", commit)?];
    let watch = |part| NoteOnPanic { shared: shared.clone(), part };
    let (ids_watch, release_watch, seal_watch) =
        (watch("ids thread"), watch("release thread"), watch("seal thread"));
    let ids_thread = spawn(&shared, "ledger-ids", move || ids_watch.over(|| run_ids(&id_keeper)))?;
    let release =
        spawn(&shared, "ledger-release", move || release_watch.over(|| run_release(&release_keeper)))?;
    let sealer = spawn(&shared, "ledger-seal", move || seal_watch.over(|| run_sealer(sealer)))?;
    Ok(Running { ids, committing, sealer, ids_thread, release, _lock: lock })
}

impl Running {
    /// Has the background look for work at once.
    pub(crate) fn wake_sealer(&self) {
        self.sealer.thread().unpark();
    }

    /// Stores what is queued and ends every thread, the ones that others wait for last.
    pub(crate) fn close(self, shared: &Shared, queue: &Queue<Work>) {
        queue.close();
        let mut joined = self.committing.into_iter().all(|thread| thread.join().is_ok());
        // Only now: the last frame's ids are queued, and the id index takes them in before it ends.
        shared.closing.store(true, Ordering::Release);
        shared.id_work_arrived.notify_all();
        self.sealer.thread().unpark();
        self.release.thread().unpark();
        joined &= self.ids_thread.join().is_ok();
        joined &= self.sealer.join().is_ok();
        joined &= self.release.join().is_ok();
        if !shared.dead.load(Ordering::Acquire) {
            shared.trouble("released", shared.release());
        }
        if !joined {
            tracing::error!("a thread of the ledger ended with a panic");
        }
        shared.trouble("ids", self.ids.persist());
    }
}

/// A panic while entries are ordered or written leaves nobody who knows the order, so it ends the process like a
/// failed write does.
struct EndOnPanic {
    shared: Arc<Shared>,
    queue: Arc<Queue<Work>>,
    fatal: Fatal,
}

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.dead.store(true, Ordering::Release);
            self.queue.abandon();
            let source = std::io::Error::other("the thread that orders or writes entries panicked");
            (self.fatal)(&StoreError::io("go on with", &self.shared.paths.root, source));
        }
    }
}

/// A panic in the background is trouble that lasts until the next start; nothing acknowledged depends on it.
struct NoteOnPanic {
    shared: Arc<Shared>,
    part: &'static str,
}

impl NoteOnPanic {
    fn over<T>(self, run: impl FnOnce() -> T) -> T {
        run()
    }
}

impl Drop for NoteOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let text = "it panicked; start the ledger again".to_owned();
            self.shared.troubles.lock().insert(self.part, text);
        }
    }
}

fn spawn<T: Send + 'static>(
    shared: &Shared,
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, StoreError> {
    let fail = |source| StoreError::io("start a thread for", &shared.paths.root, source);
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(fail)
}

/// Why nothing more may be written, if the disk is too full for it.
pub(crate) fn disk_full(shared: &Shared, works: &[Work]) -> Option<AppendError> {
    let root = &shared.paths.root;
    let min_free_bytes = shared.config.min_free_bytes;
    let free = shared.disk.free_bytes(root).map_err(|source| StoreError::io("measure", root, source));
    let free_bytes = match free {
        Ok(free) => free,
        Err(error) => return Some(error.into()),
    };
    // What the WAL has reserved is not free any more, yet it can still be written.
    let group: u64 = works.iter().map(|work| work.bytes).sum();
    let group = group.max(shared.config.group_bytes_max);
    let needed = group.saturating_sub(shared.wal_reserved.load(Ordering::Relaxed));
    if free_bytes >= min_free_bytes.saturating_add(needed) {
        return None;
    }
    count(&shared.counters.refused_full, works.len() as u64);
    Some(AppendError::Full { free_bytes, min_free_bytes })
}

fn run_ids(keeper: &IdKeeper) {
    loop {
        {
            let mut work = keeper.shared.id_work.lock();
            if work.batch.mark.is_none() {
                if keeper.shared.closing.load(Ordering::Acquire) {
                    return;
                }
                // The time limit only matters when closing begins between the check and the wait.
                keeper.shared.id_work_arrived.wait_for(&mut work, RELEASE_EVERY);
            }
        }
        if !keeper.step() {
            if keeper.shared.closing.load(Ordering::Acquire) {
                return;
            }
            std::thread::sleep(RELEASE_EVERY);
        }
    }
}

fn run_release(keeper: &ReleaseKeeper) {
    while !keeper.shared.closing.load(Ordering::Acquire) {
        keeper.step();
        std::thread::park_timeout(RELEASE_EVERY);
    }
}

/// Whoever waits for the thread that seals learns that it has ended, also by a panic.
struct EndRemovals(Arc<Shared>);

impl Drop for EndRemovals {
    fn drop(&mut self) {
        let mut removals = self.0.removals.lock();
        removals.over = true;
        removals.waiting.clear();
    }
}

fn run_sealer(mut sealer: Sealer) {
    let _ending = EndRemovals(sealer.shared.clone());
    while !sealer.shared.closing.load(Ordering::Acquire) {
        // What failed is likely to fail again at once, and a seal is a lot of work to throw away.
        let pause = if sealer.step() { SEAL_EVERY } else { AFTER_TROUBLE };
        std::thread::park_timeout(pause);
    }
}
