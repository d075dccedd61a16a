//! The writing side: requests in, receipts out, and the threads in between.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indelible_verify::{ChainId, ENVELOPE_STRING_MAX, Kind};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::committer::{Fatal, abort_process};
use crate::disk::{DirLock, Disk, RealDisk, random};
use crate::ids::{DiskIds, IdStore, Tagger, replay_key};
use crate::pending::Ticket;
use crate::queue::Queue;
use crate::reader::LedgerReader;
use crate::recover::{self, Parts};
use crate::shared::{Paths, RemovalStep, RemovalWork, Shared, count};
use crate::threads::{self, Running};
use crate::work::{Answer, Prepared, REQUEST_BYTES_MAX, Task, Work, stamp};
use crate::{
    AppendError, AppendRequest, ChainOpen, LedgerConfig, LedgerStatus, NewEvent, OpenError, OpenProgress,
    Outcome, ReadError, Receipt, Removal, RemovalDone, Replay, ReplayKey, StoreError,
};

/// Entries that may wait for the id index before senders are told to come back.
const ID_BACKLOG_MAX: usize = 2_000_000;
/// What one event takes in the queue beside its own bytes.
const EVENT_OVERHEAD_BYTES: u64 = 512;

/// The door to a ledger.
pub struct Ledger;

impl Ledger {
    /// Opens the ledger in `dir`, or makes one there.
    ///
    /// Nothing is written before every stored byte that matters was checked: a damaged ledger is left as it is.
    /// `on_progress` is called from this thread while the WAL is replayed or an index filled.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process has it; [`StoreError::Corrupt`] with file, offset and finding;
    /// [`StoreError::Io`].
    pub fn open(
        dir: &Path,
        config: LedgerConfig,
        clock: Arc<dyn Clock>,
        on_progress: &dyn Fn(OpenProgress),
    ) -> Result<(LedgerWriter, LedgerReader), OpenError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        disk.create_dir(dir).map_err(|source| StoreError::io("create", dir, source))?;
        if let Some(above) = dir.canonicalize().ok().as_deref().and_then(Path::parent) {
            disk.sync_dir(above).map_err(|source| StoreError::io("sync", above, source))?;
        }
        let paths = Paths::of(dir);
        let lock = DirLock::take(&paths.lock)?;
        let ids = |paths: &Paths, log_id: &[u8; 16]| -> Result<Arc<dyn IdStore>, StoreError> {
            Ok(Arc::new(DiskIds::open(disk.clone(), paths, log_id)?))
        };
        let fatal: Fatal = Arc::new(abort_process);
        let parts = recover::open(disk.clone(), paths, config, clock, &ids, fatal, on_progress)?;
        start(parts, Some(lock))
    }

    /// Opens the ledger in `dir` to look at it: replays the WAL as [`Ledger::open`] does, and leaves every file as
    /// it is. No writer can open it until the last clone of the reader is gone.
    ///
    /// A torn tail, which was never acknowledged, is left out of the reader's view. The durable size never changes,
    /// and [`LedgerReader::publish`] gives only what is written down as released already.
    ///
    /// # Errors
    /// As [`Ledger::open`]; [`StoreError::Corrupt`] also where there is no ledger, and none is made.
    pub fn open_read_only(
        dir: &Path,
        config: LedgerConfig,
        on_progress: &dyn Fn(OpenProgress),
    ) -> Result<LedgerReader, OpenError> {
        let paths = Paths::of(dir);
        let lock = DirLock::share_existing(&paths.lock)?;
        let shared = recover::open_read_only(Arc::new(RealDisk), paths, config, on_progress)?;
        Ok(LedgerReader::alone(shared, lock))
    }
}

/// Puts an open ledger on its threads.
pub(crate) fn start(parts: Parts, lock: Option<DirLock>) -> Result<(LedgerWriter, LedgerReader), StoreError> {
    let (shared, clock, tagger) = (parts.shared.clone(), parts.clock.clone(), parts.ids.tagger());
    let queue = Arc::new(Queue::new(shared.config.queue_bytes_max));
    let running = Mutex::new(Some(threads::start(parts, &queue, lock)?));
    let reader = LedgerReader::new(shared.clone());
    Ok((LedgerWriter { inner: Arc::new(Inner { shared, queue, clock, tagger, running }) }, reader))
}

/// Appends to the ledger. Clones share one ledger; the last one dropped closes it.
#[derive(Clone)]
pub struct LedgerWriter {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    queue: Arc<Queue<Work>>,
    clock: Arc<dyn Clock>,
    tagger: Tagger,
    running: Mutex<Option<Running>>,
}

impl LedgerWriter {
    /// Stores events and answers once they are durable and in the tree.
    ///
    /// Salts and commitments are computed before this returns its future; await it from any runtime.
    ///
    /// # Errors
    /// Nothing of the request was stored: see [`AppendError`]. Dropping the future does not take a request back.
    pub fn append(
        &self,
        request: AppendRequest,
    ) -> impl Future<Output = Result<Receipt, AppendError>> + Send + 'static + use<> {
        let sent = self.send_append(request);
        async move { sent?.await.unwrap_or(Err(AppendError::Closed)) }
    }

    /// [`LedgerWriter::append`] for threads without a runtime.
    ///
    /// # Errors
    /// As [`LedgerWriter::append`].
    ///
    /// # Panics
    /// When called from within an asynchronous task.
    pub fn append_blocking(&self, request: AppendRequest) -> Result<Receipt, AppendError> {
        self.send_append(request)?.blocking_recv().unwrap_or(Err(AppendError::Closed))
    }

    /// Opens a tenant's chain; durable when it answers. A tenant whose last chain was closed gets a new one, which
    /// names the old one's head.
    ///
    /// # Errors
    /// [`AppendError::ChainExists`] where the tenant has an open chain, and the others of [`AppendError`].
    pub fn open_chain(
        &self,
        open: ChainOpen,
    ) -> impl Future<Output = Result<(ChainId, Receipt), AppendError>> + Send + 'static + use<> {
        let sent = self.send_open(open);
        async move {
            let (chain, answer) = sent?;
            Ok((chain, answer.await.unwrap_or(Err(AppendError::Closed))?))
        }
    }

    /// [`LedgerWriter::open_chain`] for threads without a runtime.
    ///
    /// # Errors
    /// As [`LedgerWriter::open_chain`].
    ///
    /// # Panics
    /// When called from within an asynchronous task.
    pub fn open_chain_blocking(&self, open: ChainOpen) -> Result<(ChainId, Receipt), AppendError> {
        let (chain, answer) = self.send_open(open)?;
        Ok((chain, answer.blocking_recv().unwrap_or(Err(AppendError::Closed))?))
    }

    /// Stores an entry of the server's own, such as a changed setting. `body` should be JSON. A
    /// [`Kind::CHAIN_CLOSE`] ends the chain.
    ///
    /// # Errors
    /// [`AppendError::Invalid`] for events and chain-opens, which have calls of their own; the others of
    /// [`AppendError`].
    pub fn append_system(
        &self,
        kind: Kind,
        chain: ChainId,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<Receipt, AppendError>> + Send + 'static + use<> {
        let sent = self.send_system(kind, chain, body);
        async move { sent?.await.unwrap_or(Err(AppendError::Closed)) }
    }

    /// [`LedgerWriter::append_system`] for threads without a runtime.
    ///
    /// # Errors
    /// As [`LedgerWriter::append_system`].
    ///
    /// # Panics
    /// When called from within an asynchronous task.
    pub fn append_system_blocking(
        &self,
        kind: Kind,
        chain: ChainId,
        body: Vec<u8>,
    ) -> Result<Receipt, AppendError> {
        self.send_system(kind, chain, body)?.blocking_recv().unwrap_or(Err(AppendError::Closed))
    }

    /// Removes the contents of events for ever: envelope, body and salt. Their entries, links and proofs stay.
    ///
    /// When this returns, no file of the ledger has the contents any more, and an entry of the kind and chain given tells
    /// so: `told` gives its body. Interrupted, by a crash say, it is called again with the same removal. Blocks until done,
    /// which takes about as long as writing the segments that the events are in; appends and reads go on.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where an index is no event's, or not below the entry that tells why; nothing is removed then. [`StoreError::Io`], [`StoreError::Corrupt`]: call it again once that is mended.
    ///
    /// # Panics
    /// When called from within an asynchronous task.
    pub fn remove_blocking(
        &self,
        removal: Removal,
        told: impl FnOnce(&RemovalDone) -> Vec<u8>,
    ) -> Result<RemovalDone, StoreError> {
        let Removal { by, indices, kind, chain } = removal;
        self.may_remove(by, &indices)?;
        let done = self.seal_thread(RemovalStep::Rewrite { by, indices })?;
        self.inner.shared.rotate.store(true, Ordering::Release);
        let refused = |error: AppendError| {
            let source = std::io::Error::other(error);
            StoreError::io("write to", &self.inner.shared.paths.wal, source)
        };
        // It begins a new segment of the WAL, so that the ones with the contents can go.
        self.append_system_blocking(kind, chain, told(&done)).map_err(refused)?;
        self.seal_thread(RemovalStep::Seal)?;
        Ok(done)
    }

    fn may_remove(&self, by: u64, indices: &[u64]) -> Result<(), StoreError> {
        let refused = |what: &str| Err(StoreError::Refused { what: what.to_owned() });
        if indices.windows(2).any(|pair| pair[0] >= pair[1]) {
            return refused("indices must ascend");
        }
        if indices.last().is_some_and(|last| *last >= by) {
            return refused("the entry that tells why must come behind the events");
        }
        let telling = self.inner.shared.leaf_record(by).map(|leaf| Kind(leaf.kind))?;
        if ![Kind::RETENTION, Kind::ERASURE].contains(&telling) {
            return refused("the entry that tells why is neither of retention nor of erasure");
        }
        for index in indices {
            if Kind(self.inner.shared.leaf_record(*index)?.kind) != Kind::EVENT {
                return refused("only contents of events can be removed");
            }
        }
        Ok(())
    }

    fn seal_thread(&self, step: RemovalStep) -> Result<RemovalDone, StoreError> {
        let (answer, answered) = oneshot::channel();
        {
            let mut removals = self.inner.shared.removals.lock();
            if removals.over {
                drop(answer);
            } else {
                removals.waiting.push_back(RemovalWork { step, answer });
            }
        }
        if let Some(running) = &*self.inner.running.lock() {
            running.wake_sealer();
        }
        answered.blocking_recv().unwrap_or_else(|_| {
            let source = std::io::Error::other("the ledger is closed");
            Err(StoreError::io("rewrite", &self.inner.shared.paths.content, source))
        })
    }

    /// The remembered answer to an idempotency key that was used within the last 24 hours, if its request has been
    /// stored long enough to be in the index. [`LedgerWriter::append`] looks again, in order, so this only saves
    /// work.
    ///
    /// # Errors
    /// [`StoreError`] where index or entries cannot be read.
    pub fn replayed(&self, key: &ReplayKey) -> Result<Option<Replay>, ReadError> {
        let ids = match &*self.inner.running.lock() {
            Some(running) => running.ids.clone(),
            None => return Ok(None),
        };
        let now_us = stamp(self.inner.clock.now());
        let found = self.inner.shared.remembered(&*ids, &replay_key(&key.owner, &key.key), now_us)?;
        Ok(found.map(|(value, outcomes)| {
            if value.digest != key.digest {
                return Replay::Other;
            }
            let checkpoint = self.inner.shared.view.read().checkpoint.clone();
            Replay::Same(Receipt { outcomes, checkpoint, replayed: Some(value.note) })
        }))
    }

    /// What the ledger is doing.
    pub fn status(&self) -> LedgerStatus {
        LedgerStatus::of(&self.inner.shared, self.inner.queue.bytes())
    }

    /// Stores what is queued, writes down what was released, and lets go of the directory. Blocks until done.
    ///
    /// Readers go on. A second call does nothing.
    pub fn close(&self) {
        self.inner.close();
    }

    fn send_append(&self, request: AppendRequest) -> Result<oneshot::Receiver<Answer>, AppendError> {
        let inner = &self.inner;
        let content = |event: &NewEvent| event.body.len() + event.envelope.people.encoded_len();
        let bytes: u64 =
            request.events.iter().map(|event| content(event) as u64 + EVENT_OVERHEAD_BYTES).sum();
        let bytes = bytes + request.note.len() as u64 + EVENT_OVERHEAD_BYTES;
        if bytes > REQUEST_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes, bytes_max: REQUEST_BYTES_MAX });
        }
        let Some(lane) = request.events.first().map(|event| event.chain) else {
            let what = "a request needs an event".to_owned();
            return Err(AppendError::Invalid { position: 0, what });
        };
        if inner.shared.id_work.lock().entries > ID_BACKLOG_MAX {
            count(&inner.shared.counters.refused_busy, 1);
            return Err(AppendError::Busy { retry_after: Duration::from_secs(1) });
        }
        let ticket = inner.shared.pending.take(&*inner.clock);
        let fill = |salts: &mut [u8]| inner.shared.disk.random(salts).map_err(StoreError::Random);
        let prepared = Prepared::new(request, &inner.tagger, ticket.stamp_us(), fill)?;
        inner.send(lane, bytes, Task::Append(prepared), ticket)
    }

    fn send_open(&self, open: ChainOpen) -> Result<(ChainId, oneshot::Receiver<Answer>), AppendError> {
        if open.tenant_name.len() > ENVELOPE_STRING_MAX {
            let what =
                format!("tenant name of {} bytes, at most {ENVELOPE_STRING_MAX}", open.tenant_name.len());
            return Err(AppendError::Invalid { position: 0, what });
        }
        let chain = ChainId(random(&*self.inner.shared.disk)?);
        let bytes = open.body.len() as u64 + EVENT_OVERHEAD_BYTES;
        let ticket = self.inner.shared.pending.take(&*self.inner.clock);
        Ok((chain, self.inner.send(chain, bytes, Task::OpenChain(open, chain), ticket)?))
    }

    fn send_system(
        &self,
        kind: Kind,
        chain: ChainId,
        body: Vec<u8>,
    ) -> Result<oneshot::Receiver<Answer>, AppendError> {
        if kind == Kind::EVENT || kind == Kind::CHAIN_OPEN {
            let what = format!("entries of kind {} are not the server's own", kind.0);
            return Err(AppendError::Invalid { position: 0, what });
        }
        let bytes = body.len() as u64 + EVENT_OVERHEAD_BYTES;
        let ticket = self.inner.shared.pending.take(&*self.inner.clock);
        self.inner.send(chain, bytes, Task::System { kind, chain, body }, ticket)
    }
}

impl Inner {
    fn send(
        &self,
        lane: ChainId,
        bytes: u64,
        task: Task,
        ticket: Ticket,
    ) -> Result<oneshot::Receiver<Answer>, AppendError> {
        let (answer, receiver) = oneshot::channel();
        let pushed = self.queue.push(lane, bytes, Work { task, bytes, ticket, answer });
        if matches!(pushed, Err(AppendError::Busy { .. })) {
            count(&self.shared.counters.refused_busy, 1);
        }
        pushed.map(|()| receiver)
    }

    fn close(&self) {
        if let Some(running) = self.running.lock().take() {
            running.close(&self.shared, &self.queue);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl Receipt {
    /// The outcome of the first event; a receipt of [`LedgerWriter::open_chain`] or
    /// [`LedgerWriter::append_system`] has exactly one.
    pub fn first(&self) -> &Outcome {
        self.outcomes.first().expect("every receipt has an outcome for each event, and requests have one")
    }
}
