//! What the threads of one open ledger share: the durable state, and what was told to whom.
//!
//! Invariant: an entry is readable in every way (content, leaf record, hash, chain) before the durable size covers
//! it, and the durable size covers it before anybody is told.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use indelible_merkle::{Checkpoint, Hash, SigningKey};
use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::{oneshot, watch};

use crate::cache::Cache;
use crate::chains::{ChainInfo, ChainTable};
use crate::clock::ClockStep;
use crate::content::ContentSegment;
use crate::disk::Disk;
use crate::files::{Released, ReleasedFile};
use crate::flat::Flat;
use crate::ids::{IdBatch, IdEntry, Mark};
use crate::leaf::LeafRecord;
use crate::pending::Pending;
use crate::tree::TreeFiles;
use crate::wal::FrameAt;
use crate::{LedgerConfig, Record, RemovalDone, SignedCheckpoint, StoreError};

/// Names of everything in the data directory.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    pub(crate) root: PathBuf,
    pub(crate) lock: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) term: PathBuf,
    pub(crate) released: PathBuf,
    pub(crate) manifest: PathBuf,
    pub(crate) wal: PathBuf,
    pub(crate) tree: PathBuf,
    pub(crate) leaves: PathBuf,
    pub(crate) content: PathBuf,
    pub(crate) ids: PathBuf,
    pub(crate) replays: PathBuf,
}

impl Paths {
    pub(crate) fn of(root: &std::path::Path) -> Self {
        Self {
            root: root.to_owned(),
            lock: root.join("LOCK"),
            key: root.join("signing.key"),
            term: root.join("term"),
            released: root.join("released"),
            manifest: root.join("manifest"),
            wal: root.join("wal"),
            tree: root.join("tree"),
            leaves: root.join("leaves"),
            content: root.join("content"),
            ids: root.join("ids"),
            replays: root.join("replays"),
        }
    }
}

/// One durable group of entries, as the committer hands it on.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) records: Vec<Arc<Record>>,
    pub(crate) leaves: Vec<LeafRecord>,
    pub(crate) nodes: Vec<(u8, Hash)>,
    pub(crate) chains: Vec<(u32, ChainInfo)>,
    pub(crate) ids: Vec<(Vec<u8>, IdEntry)>,
    pub(crate) replays: Vec<(Vec<u8>, u64, Vec<u8>)>,
}

/// The durable state that changes as a whole.
pub(crate) struct View {
    pub(crate) checkpoint: Arc<SignedCheckpoint>,
    pub(crate) chains: ChainTable,
    /// Entries in content segments.
    pub(crate) sealed: u64,
    pub(crate) segments: Vec<Arc<ContentSegment>>,
    /// Frames that hold entries not yet sealed, in order.
    pub(crate) frames: VecDeque<FrameAt>,
    /// The newest records, contiguous up to the durable size.
    pub(crate) ring: VecDeque<Arc<Record>>,
    pub(crate) ring_bytes: u64,
    pub(crate) received_us: u64,
}

/// Work for the id index, in frame order.
#[derive(Default)]
pub(crate) struct IdWork {
    pub(crate) batch: IdBatch,
    pub(crate) entries: usize,
}

/// What waits for the thread that seals.
#[derive(Default)]
pub(crate) struct Removals {
    pub(crate) waiting: VecDeque<RemovalWork>,
    /// That thread has ended, however it did.
    pub(crate) over: bool,
}

/// A step of a removal, and whom to answer.
pub(crate) struct RemovalWork {
    pub(crate) step: RemovalStep,
    pub(crate) answer: oneshot::Sender<Result<RemovalDone, StoreError>>,
}

/// What the thread that seals does for a removal.
pub(crate) enum RemovalStep {
    /// Writes the content segments of these events again without them.
    Rewrite { by: u64, indices: Vec<u64> },
    /// Seals everything, so that no WAL segment but the one that is written to has contents.
    Seal,
}

/// Numbers that only ever grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) frames: AtomicU64,
    pub(crate) entries: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) frame_bytes: AtomicU64,
    pub(crate) content_bytes: AtomicU64,
    pub(crate) sync_us: AtomicU64,
    pub(crate) seals: AtomicU64,
    pub(crate) refused_busy: AtomicU64,
    pub(crate) refused_full: AtomicU64,
    pub(crate) removed: AtomicU64,
}

/// Adds to a counter.
pub(crate) fn count(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

/// The shared state of one open ledger.
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) paths: Paths,
    pub(crate) config: LedgerConfig,
    pub(crate) log_id: [u8; 16],
    pub(crate) key: SigningKey,
    pub(crate) vkey: String,
    pub(crate) tree: TreeFiles,
    pub(crate) leaves: Flat,
    pub(crate) view: RwLock<View>,
    pub(crate) durable: watch::Sender<u64>,
    pub(crate) released: AtomicU64,
    pub(crate) released_file: Mutex<ReleasedFile>,
    /// The newest checkpoint that the released file covers.
    pub(crate) released_checkpoint: Mutex<Arc<SignedCheckpoint>>,
    pub(crate) cache: Cache,
    pub(crate) id_work: Mutex<IdWork>,
    pub(crate) id_work_arrived: Condvar,
    /// Held while a batch is put into the index, so that batches go in in order.
    pub(crate) id_apply: Mutex<()>,
    /// Entries and frames below these are in the id index.
    pub(crate) ids_size: AtomicU64,
    pub(crate) ids_frame: AtomicU64,
    pub(crate) counters: Counters,
    /// Requests whose entries can't be read yet.
    pub(crate) pending: Arc<Pending>,
    /// Bytes that the WAL can take without asking the file system for more.
    pub(crate) wal_reserved: AtomicU64,
    pub(crate) clock_step: Mutex<Option<ClockStep>>,
    /// What does not work although the ledger goes on, by the part that has the trouble.
    pub(crate) troubles: Mutex<BTreeMap<&'static str, String>>,
    /// Contents that are to be removed, for the thread that seals.
    pub(crate) removals: Mutex<Removals>,
    /// The next frame begins a new segment, so that the one before it can go.
    pub(crate) rotate: AtomicBool,
    pub(crate) closing: AtomicBool,
    pub(crate) dead: AtomicBool,
}

impl Shared {
    /// Entries that are durable.
    pub(crate) fn durable_size(&self) -> u64 {
        *self.durable.borrow()
    }

    /// Signs a checkpoint.
    pub(crate) fn sign(&self, size: u64, root: Hash) -> Arc<SignedCheckpoint> {
        let note = Checkpoint::new(self.key.verifier().name(), size, root)
            .and_then(|checkpoint| checkpoint.sign(&self.key))
            .expect("the key is named after this log, and its origin was accepted when it was made");
        Arc::new(SignedCheckpoint { size, root, note })
    }

    /// Makes a durable frame visible. The caller has synced it.
    pub(crate) fn publish(&self, frame: FrameAt, group: Group, root: Hash) -> Result<(), StoreError> {
        self.tree.extend(&*self.disk, &group.nodes)?;
        self.leaves.extend(group.leaves.iter().map(LeafRecord::encode));
        let checkpoint = self.sign(frame.size, root);
        let mark = Mark {
            frame: frame.number + 1,
            size: frame.size,
            leaf: match group.records.last() {
                Some(record) => record.leaf_hash,
                None if frame.size == 0 => [0; 32],
                None => self.tree.leaf(frame.size - 1)?,
            },
        };
        let mut view = self.view.write();
        view.received_us = group.leaves.last().map_or(view.received_us, |leaf| leaf.received_us);
        view.chains.update(&group.chains);
        view.frames.push_back(frame);
        view.ring_bytes += group.records.iter().map(|record| record.memory()).sum::<u64>();
        view.ring.extend(group.records);
        while view.ring_bytes > self.config.ring_bytes {
            let Some(oldest) = view.ring.pop_front() else { break };
            view.ring_bytes -= oldest.memory();
        }
        view.checkpoint = checkpoint.clone();
        drop(view);
        self.add_id_work(group.ids, group.replays, mark);
        self.durable.send_replace(checkpoint.size);
        Ok(())
    }

    /// Writes the newest checkpoint down as released, unless it is, and gives it.
    pub(crate) fn release(&self) -> Result<Arc<SignedCheckpoint>, StoreError> {
        let mut file = self.released_file.lock();
        let checkpoint = self.view.read().checkpoint.clone();
        file.raise(Released { size: checkpoint.size, root: checkpoint.root })?;
        self.released.store(checkpoint.size, Ordering::Release);
        *self.released_checkpoint.lock() = checkpoint.clone();
        Ok(checkpoint)
    }

    /// Queues changes for the id index.
    pub(crate) fn add_id_work(
        &self,
        ids: Vec<(Vec<u8>, IdEntry)>,
        replays: Vec<(Vec<u8>, u64, Vec<u8>)>,
        mark: Mark,
    ) {
        let mut work = self.id_work.lock();
        work.entries += ids.len() + replays.len();
        work.batch.ids.extend(ids);
        work.batch.replays.extend(replays);
        work.batch.mark = Some(mark);
        drop(work);
        self.id_work_arrived.notify_one();
    }

    /// Notes or clears the trouble of one part.
    pub(crate) fn trouble<T>(&self, part: &'static str, result: Result<T, StoreError>) -> Option<T> {
        let mut troubles = self.troubles.lock();
        match result {
            Ok(value) => {
                if troubles.remove(part).is_some() {
                    tracing::info!(part, "ledger part works again");
                }
                Some(value)
            }
            Err(error) => {
                let text = error.to_string();
                if troubles.get(part) != Some(&text) {
                    tracing::error!(part, error = %text, "ledger part has trouble");
                }
                troubles.insert(part, text);
                None
            }
        }
    }
}
