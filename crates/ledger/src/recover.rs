//! Opening: from whatever the last process left to a ledger whose every byte in use has been looked at.
//!
//! The order matters: believe the manifest, walk the WAL, compare with what was released, and only then write
//! anything: the raised term, the id index, the entry about a tail that was cut.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use indelible_merkle::{Tree, empty_root, root_at};
use indelible_verify::Kind;
use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::{oneshot, watch};

use crate::cache::Cache;
use crate::chains::ChainTable;
use crate::clock::Clock;
use crate::committer::{Committer, Fatal};
use crate::content::{ContentSegment, segment_name};
use crate::disk::{Disk, random, remove_if_there};
use crate::files::{
    Manifest, Released, ReleasedFile, create_key, create_term, load_key, load_term, store_term,
};
use crate::flat::Flat;
use crate::follow::{Fixed, Follower};
use crate::ids::{IdBatch, IdEntry, IdStore, Mark, id_key, replay_key};
use crate::keeper::{FIRST_SPARE_BYTES, IdKeeper, ReleaseKeeper, Sealer};
use crate::leaf::LeafRecord;
use crate::request::ChainOpen;
use crate::sequencer::Sequencer;
use crate::shared::{Counters, Paths, Shared, View};
use crate::tree::TreeFiles;
use crate::wal::{Cut, FrameAt, FrameHeader, SpareSlot, Unpacked, Wal, WalkFrom, walk};
use crate::work::{Task, Work, stamp};
use crate::{LedgerConfig, OpenProgress, StoreError};

/// Ids put into the index at once while it is filled again.
const REFILL_STEP: u64 = 4096;
/// Hashes and leaf records that may gather in memory during replay.
const UNWRITTEN_MAX: usize = 1 << 16;

/// How the id index is made, once the log's id is known.
pub(crate) type OpenIds<'a> = &'a dyn Fn(&Path, &[u8; 16]) -> Result<Arc<dyn IdStore>, StoreError>;

/// Everything of an open ledger, not yet on threads.
pub(crate) struct Parts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) ids: Arc<dyn IdStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sequencer: Sequencer,
    pub(crate) committer: Committer,
    pub(crate) id_keeper: IdKeeper,
    pub(crate) release_keeper: ReleaseKeeper,
    pub(crate) sealer: Sealer,
}

/// Opens or creates the ledger at `paths`.
pub(crate) fn open(
    disk: Arc<dyn Disk>,
    paths: Paths,
    config: LedgerConfig,
    clock: Arc<dyn Clock>,
    open_ids: OpenIds<'_>,
    fatal: Fatal,
    on_progress: &dyn Fn(OpenProgress),
) -> Result<Parts, StoreError> {
    let manifest = match Manifest::load(&*disk, &paths.manifest)? {
        Some(manifest) => manifest,
        None => create(&*disk, &paths, &config, stamp(clock.now()))?,
    };
    let key = load_key(&*disk, &paths.key)?;
    if key.verifier().to_string() != manifest.vkey {
        return Err(StoreError::corrupt(&paths.key, 0, format!("the manifest names the key {}", manifest.vkey)));
    }
    let log_id = manifest.log_id;
    let term = load_term(&*disk, &paths.term, &log_id)?;
    let (_, released) = ReleasedFile::load(&*disk, &paths.released, &log_id)?;
    let replayed = replay(&*disk, &paths, &manifest, released, term, on_progress)?;
    clean(&*disk, &paths, &manifest, &replayed)?;
    let term = term + 1;
    store_term(&*disk, &paths.term, &log_id, term)?;
    let ids = open_ids(&paths.ids, &log_id)?;
    let spare = SpareSlot::default();
    let wal = Wal::resume(disk.clone(), paths.wal.clone(), log_id, term, replayed.walked.place, spare.clone());
    let next_frame = wal.next_number();
    let (cut, follower, segments) = (replayed.walked.cut, replayed.follower, replayed.walked.segments);
    let shared = Arc::new(Shared {
        view: RwLock::new(View {
            // Replaced below, once there is somebody to sign it.
            checkpoint: Arc::default(),
            chains: follower.chains.clone(),
            sealed: manifest.sealed,
            segments: replayed.contents,
            frames: replayed.frames.into(),
            ring: Default::default(),
            ring_bytes: 0,
            received_us: follower.received_us,
        }),
        durable: watch::Sender::new(follower.tree.size()),
        released: AtomicU64::new(released.size),
        released_checkpoint: Mutex::default(),
        cache: Cache::new(config.cache_bytes),
        id_work: Mutex::default(),
        id_work_arrived: Condvar::new(),
        id_apply: Mutex::default(),
        ids_size: AtomicU64::new(follower.tree.size()),
        ids_frame: AtomicU64::new(next_frame),
        counters: Counters::default(),
        wal_reserved: AtomicU64::new(0),
        clock_step: Mutex::default(),
        troubles: Mutex::default(),
        closing: AtomicBool::new(false),
        dead: AtomicBool::new(false),
        vkey: manifest.vkey.clone(),
        tree: replayed.tree,
        leaves: replayed.leaves,
        disk: disk.clone(),
        log_id,
        key,
        config,
        paths,
    });
    shared.view.write().checkpoint = shared.sign(follower.tree.size(), follower.tree.root());
    *shared.released_checkpoint.lock() = shared.sign(released.size, released.root);
    fill_ids(&shared, &*ids, &replayed.replays, next_frame, on_progress)?;
    let release_keeper = ReleaseKeeper {
        shared: shared.clone(),
        file: ReleasedFile::open(&*disk, &shared.paths.released, &log_id)?,
    };
    let mut parts = Parts {
        sequencer: Sequencer::new(shared.clone(), ids.clone(), clock.clone(), follower, next_frame),
        committer: Committer::new(shared.clone(), wal, clock.clone(), fatal),
        id_keeper: IdKeeper { shared: shared.clone(), ids: ids.clone() },
        release_keeper,
        sealer: Sealer {
            shared: shared.clone(),
            ids: ids.clone(),
            spare,
            manifest,
            clock: clock.clone(),
            segments,
            spare_bytes: FIRST_SPARE_BYTES,
            forgot_us: 0,
        },
        shared,
        ids,
        clock,
    };
    parts.settle(cut)?;
    on_progress(OpenProgress::Ready { size: parts.shared.durable_size() });
    Ok(parts)
}

impl Parts {
    /// Writes the entries that opening itself brings: the installation's chain, and what was cut.
    fn settle(&mut self, cut: Option<Cut>) -> Result<(), StoreError> {
        let own_chain = self.shared.view.read().chains.get(0).map(|info| info.chain);
        let own_chain = match own_chain {
            Some(chain) => chain,
            None => {
                let chain = indelible_verify::ChainId(random(&*self.shared.disk)?);
                let open = ChainOpen {
                    tenant_number: 0,
                    tenant_name: self.shared.key.verifier().name().to_owned(),
                    tenant_uuid: self.shared.log_id,
                    body: Vec::new(),
                };
                self.run(Task::OpenChain(open, chain))?;
                chain
            }
        };
        if let Some(cut) = cut {
            tracing::warn!(segment = %cut.segment.display(), offset = cut.offset, what = cut.what, "cut a torn tail");
            let name = cut.segment.file_name().map(|name| name.to_string_lossy().into_owned());
            let body = serde_json::json!({
                "segment": name, "offset": cut.offset, "size": self.shared.durable_size(), "found": cut.what,
            });
            let body = body.to_string().into_bytes();
            self.run(Task::System { kind: Kind::TAIL_CUT, chain: own_chain, body })?;
        }
        Ok(())
    }

    /// Sequences and commits one task at once.
    fn run(&mut self, task: Task) -> Result<(), StoreError> {
        let (answer, mut answered) = oneshot::channel();
        let stamp_us = stamp(self.clock.now());
        let sequenced = self.sequencer.sequence(vec![Work { task, stamp_us, answer }], None);
        self.committer.commit(sequenced);
        match answered.try_recv() {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(StoreError::io("write to", &self.shared.paths.wal, std::io::Error::other(error))),
            Err(_) => {
                let source = std::io::Error::other("the first frame could not be written");
                Err(StoreError::io("write to", &self.shared.paths.wal, source))
            }
        }
    }
}

/// Makes the files of a new ledger; the manifest last, since a ledger exists from then on.
fn create(disk: &dyn Disk, paths: &Paths, config: &LedgerConfig, now_us: u64) -> Result<Manifest, StoreError> {
    let make = |dir: &Path| disk.create_dir(dir).map_err(|source| StoreError::io("create", dir, source));
    for dir in [&paths.wal, &paths.tree, &paths.content] {
        make(dir)?;
        let names = disk.list(dir).map_err(|source| StoreError::io("list", dir, source))?;
        if let Some(name) = names.iter().find(|name| !name.ends_with(".tmp")) {
            let what = "the manifest is missing, but the ledger holds data";
            return Err(StoreError::corrupt(&dir.join(name), 0, what));
        }
    }
    disk.sync_dir(&paths.root).map_err(|source| StoreError::io("sync", &paths.root, source))?;
    let log_id: [u8; 16] = random(disk)?;
    let origin = format!("{}/{}", config.origin_name, hex::encode(log_id));
    let key = create_key(disk, &paths.key, &origin)?;
    create_term(disk, &paths.term, &log_id)?;
    ReleasedFile::create(disk, &paths.released, &log_id, empty_root())?;
    let manifest = Manifest {
        log_id,
        origin,
        vkey: key.verifier().to_string(),
        created_us: now_us,
        generation: 0,
        sealed: 0,
        root: empty_root(),
        received_us: 0,
        wal: Default::default(),
        segments: Vec::new(),
        chains: ChainTable::default(),
    };
    manifest.store(disk, &paths.manifest)?;
    Ok(manifest)
}

/// What the stored files gave.
pub(crate) struct Replayed {
    pub(crate) tree: TreeFiles,
    pub(crate) leaves: Flat,
    pub(crate) contents: Vec<Arc<ContentSegment>>,
    pub(crate) follower: Follower,
    pub(crate) frames: Vec<FrameAt>,
    /// Frame number, key, time and value of the idempotency keys in the WAL.
    pub(crate) replays: Vec<(u64, Vec<u8>, u64, Vec<u8>)>,
    pub(crate) walked: crate::wal::Walked,
}

/// Opens what the manifest names, walks the rest and compares it with what was released. Writes nothing durable.
fn replay(
    disk: &dyn Disk,
    paths: &Paths,
    manifest: &Manifest,
    released: Released,
    term: u64,
    on_progress: &dyn Fn(OpenProgress),
) -> Result<Replayed, StoreError> {
    let tree = TreeFiles::open(disk, paths.tree.clone(), manifest.sealed)?;
    let leaves = Flat::open(disk, paths.leaves.clone(), manifest.sealed)?;
    let segment = |entry| ContentSegment::open(disk, &paths.content, &manifest.log_id, entry).map(Arc::new);
    let contents = manifest.segments.iter().map(|entry| segment(*entry)).collect::<Result<_, _>>()?;
    let restored = Tree::restore(&tree, manifest.sealed)?;
    if restored.root() != manifest.root {
        let what = format!("the files' root at size {} is not the manifest's", manifest.sealed);
        return Err(StoreError::corrupt(&paths.tree, 0, what));
    }
    let mut follower =
        Follower { tree: restored, chains: manifest.chains.clone(), received_us: manifest.received_us };
    let mut released_seen = released.size <= manifest.sealed;
    if released_seen && root_at(&tree, released.size)? != released.root {
        return Err(two_histories(&paths.released, &released));
    }
    let from = WalkFrom {
        log_id: manifest.log_id,
        place: manifest.wal,
        size: manifest.sealed,
        released: released.size,
        term,
    };
    let (mut frames, mut replays) = (Vec::new(), Vec::new());
    let walked = walk(disk, &paths.wal, &from, |frame, header, unpacked| {
        follow_frame(disk, frame, header, &unpacked, &mut follower, &tree, &leaves)?;
        if header.size == released.size && header.count > 0 {
            released_seen = true;
            if header.root != released.root {
                return Err(two_histories(&paths.released, &released));
            }
        }
        replays.extend(unpacked.replays.into_iter().filter_map(|row| {
            let at = row.value.first_chunk().map(|at| u64::from_be_bytes(*at))?;
            Some((frame.number, replay_key(&row.owner, &row.key), at, row.value))
        }));
        frames.push(frame.clone());
        on_progress(OpenProgress::Replaying { size: header.size });
        Ok(())
    })?;
    if !released_seen {
        let what = format!("checkpoint {} was released, but no frame ends there", released.size);
        return Err(StoreError::corrupt(&paths.released, 0, what));
    }
    Ok(Replayed { tree, leaves, contents, follower, frames, replays, walked })
}

fn two_histories(path: &Path, released: &Released) -> StoreError {
    let what = format!("the stored entries do not give the root that was released at size {}", released.size);
    StoreError::corrupt(path, 0, what)
}

/// Derives a frame's entries again and compares the root.
pub(crate) fn follow_frame(
    disk: &dyn Disk,
    frame: &FrameAt,
    header: &FrameHeader,
    unpacked: &Unpacked,
    follower: &mut Follower,
    tree: &TreeFiles,
    leaves: &Flat,
) -> Result<(), StoreError> {
    let damaged = |what: String| StoreError::corrupt(&frame.segment.path, frame.offset, what);
    let mut nodes = Vec::new();
    let mut at = 0;
    for row in &unpacked.rows {
        let middle = at + row.envelope_len as usize;
        let end = middle + row.body_len as usize;
        let fixed = Fixed {
            kind: row.kind,
            chain: row.chain,
            tenant_seq: row.tenant_seq,
            received_us: row.received_us,
        };
        let (envelope, body) = (&unpacked.raw[at..middle], &unpacked.raw[middle..end]);
        let followed = follower
            .follow(&fixed, row.salt, envelope, body, |level, _, hash| nodes.push((level, hash)))
            .map_err(damaged)?;
        leaves.extend([followed.leaf.encode()]);
        at = end;
    }
    if follower.tree.root() != header.root {
        return Err(damaged(format!("frame {} does not give the root that it names", header.number)));
    }
    tree.extend(disk, &nodes)?;
    if leaves.unwritten() > UNWRITTEN_MAX {
        leaves.write_out(disk)?;
        tree.levels().iter().try_for_each(|level| level.write_out(disk))?;
    }
    Ok(())
}

/// Removes what an interrupted process left unnamed.
fn clean(disk: &dyn Disk, paths: &Paths, manifest: &Manifest, replayed: &Replayed) -> Result<(), StoreError> {
    let named: Vec<String> = manifest.segments.iter().map(|entry| segment_name(entry.first, entry.end)).collect();
    for dir in [&paths.wal, &paths.content, &paths.root] {
        let names = disk.list(dir).map_err(|source| StoreError::io("list", dir, source))?;
        let stray = |name: &String| {
            name.ends_with(".tmp") || (dir == &paths.content && name.ends_with(".seg") && !named.contains(name))
        };
        for name in names.iter().filter(|name| stray(name)) {
            let path = dir.join(name);
            remove_if_there(disk, &path).map_err(|source| StoreError::io("remove", &path, source))?;
        }
    }
    for path in &replayed.walked.stale {
        remove_if_there(disk, path).map_err(|source| StoreError::io("remove", path, source))?;
    }
    Ok(())
}

/// Brings the id index up to the ledger; from the start where it does not belong to this history.
fn fill_ids(
    shared: &Shared,
    ids: &dyn IdStore,
    replays: &[(u64, Vec<u8>, u64, Vec<u8>)],
    next_frame: u64,
    on_progress: &dyn Fn(OpenProgress),
) -> Result<(), StoreError> {
    let size = shared.durable_size();
    let mark = ids.mark()?;
    let fits = |mark: &Mark| -> Result<bool, StoreError> {
        if mark.size > size || mark.frame > next_frame {
            return Ok(false);
        }
        Ok(mark.size == 0 || shared.tree.leaf(mark.size - 1)? == mark.leaf)
    };
    let mut at = match mark {
        Some(mark) if fits(&mark)? => mark,
        other => {
            if other.is_some() || size > 0 {
                tracing::warn!(size, "the id index is missing or another's, filling it from the ledger");
            }
            ids.clear()?;
            Mark { frame: 0, size: 0, leaf: [0; 32] }
        }
    };
    let tagger = ids.tagger();
    while at.size < size {
        let end = size.min(at.size + REFILL_STEP);
        let mut batch = IdBatch::default();
        for index in at.size..end {
            let record = shared.record(index)?;
            let leaf: LeafRecord = shared.leaf_record(index)?;
            let entry = IdEntry { index, tag: tagger.tag(&record.body) };
            batch.ids.push((id_key(leaf.chain, &record.envelope.event_id), entry));
            at.leaf = record.leaf_hash;
        }
        at.size = end;
        batch.mark = Some(at);
        ids.apply(&batch)?;
        on_progress(OpenProgress::FillingIds { done: end, size });
    }
    let replays = replays.iter().filter(|(frame, ..)| *frame >= at.frame);
    let replays = replays.map(|(_, key, at, value)| (key.clone(), *at, value.clone())).collect();
    at.frame = next_frame;
    ids.apply(&IdBatch { ids: Vec::new(), replays, mark: Some(at) })
}
