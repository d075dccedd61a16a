//! What every opening begins with: the stored files, believed only once they fit together. Writes nothing durable.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use indelible_merkle::SigningKey;
use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::watch;

use super::replay::{Replayed, replay};
use crate::cache::Cache;
use crate::disk::Disk;
use crate::files::{Manifest, Released, ReleasedFile, load_key, load_term};
use crate::follow::Follower;
use crate::shared::{Counters, Paths, Shared, View};
use crate::wal::Walked;
use crate::{LedgerConfig, OpenProgress, StoreError};

/// What the stored files say, and say without contradiction.
pub(super) struct Loaded {
    pub(super) manifest: Manifest,
    pub(super) key: SigningKey,
    pub(super) term: u64,
    pub(super) released: Released,
    pub(super) replayed: Replayed,
}

/// What the writer goes on with once the readers have theirs.
pub(super) struct Rest {
    pub(super) manifest: Manifest,
    pub(super) follower: Follower,
    pub(super) replays: Vec<(u64, Vec<u8>, u64, Vec<u8>)>,
    pub(super) walked: Walked,
}

impl Loaded {
    /// Reads the files of the manifest's ledger. Hashes and leaf records beyond `unwritten_max` are written to
    /// their files meanwhile, where they count for nothing until a manifest says so.
    pub(super) fn load(
        disk: &dyn Disk,
        paths: &Paths,
        manifest: Manifest,
        unwritten_max: usize,
        on_progress: &dyn Fn(OpenProgress),
    ) -> Result<Self, StoreError> {
        let key = key_of(disk, &paths.key, &manifest)?;
        let term = load_term(disk, &paths.term, &manifest.log_id)?;
        let floor = ReleasedFile::load(disk, &paths.released, &manifest.log_id)?;
        if let Some(damage) = floor.damage() {
            tracing::warn!("{damage}");
        }
        let released = floor.newest;
        let replayed = replay(disk, paths, &manifest, released, term, unwritten_max, on_progress)?;
        Ok(Self { manifest, key, term, released, replayed })
    }

    /// Puts up the state that readers use.
    pub(super) fn share(
        self,
        disk: Arc<dyn Disk>,
        paths: Paths,
        config: LedgerConfig,
    ) -> Result<(Arc<Shared>, Rest), StoreError> {
        let Self { manifest, key, released, replayed, .. } = self;
        let Replayed { tree, leaves, contents, follower, frames, replays, walked } = replayed;
        let size = follower.tree.size();
        let shared = Arc::new(Shared {
            view: RwLock::new(View {
                // Replaced below, once there is somebody to sign it.
                checkpoint: Arc::default(),
                chains: follower.chains.clone(),
                sealed: manifest.sealed,
                segments: contents,
                frames: frames.into(),
                ring: Default::default(),
                ring_bytes: 0,
                received_us: follower.received_us,
            }),
            durable: watch::Sender::new(size),
            released: AtomicU64::new(released.size),
            released_file: Mutex::new(ReleasedFile::open(&*disk, &paths.released, &manifest.log_id)?),
            released_checkpoint: Mutex::default(),
            cache: Cache::new(config.cache_bytes),
            id_work: Mutex::default(),
            id_work_arrived: Condvar::new(),
            id_apply: Mutex::default(),
            ids_size: AtomicU64::new(size),
            ids_frame: AtomicU64::new(walked.place.number),
            counters: Counters::default(),
            pending: Arc::default(),
            wal_reserved: AtomicU64::new(0),
            clock_step: Mutex::default(),
            troubles: Mutex::default(),
            removals: Mutex::default(),
            rotate: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            vkey: manifest.vkey.clone(),
            log_id: manifest.log_id,
            tree,
            leaves,
            disk,
            key,
            config,
            paths,
        });
        shared.view.write().checkpoint = shared.sign(size, follower.tree.root());
        *shared.released_checkpoint.lock() = shared.sign(released.size, released.root);
        Ok((shared, Rest { manifest, follower, replays, walked }))
    }
}

/// The signing key, which must be the one that the manifest names.
fn key_of(disk: &dyn Disk, path: &Path, manifest: &Manifest) -> Result<SigningKey, StoreError> {
    let key = load_key(disk, path)?;
    if key.verifier().to_string() != manifest.vkey {
        return Err(StoreError::corrupt(path, 0, format!("the manifest names the key {}", manifest.vkey)));
    }
    Ok(key)
}
