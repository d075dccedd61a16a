//! Opening: from whatever the last process left to a ledger whose every byte in use has been looked at.
//!
//! The order matters: believe the manifest, walk the WAL, compare with what was released, and only then write
//! anything: the raised term, the id index, the entry about a tail that was cut.

mod create;
mod ids;
mod load;
mod read_only;
mod replay;

use std::sync::Arc;

use indelible_verify::Kind;
use tokio::sync::oneshot;

use self::create::create;
use self::ids::fill_ids;
use self::load::{Loaded, Rest};
pub(crate) use self::read_only::open_read_only;
use self::replay::Replayed;
use crate::clock::Clock;
use crate::committer::{Committer, Fatal};
use crate::content::segment_name;
use crate::disk::{Disk, random, remove_if_there};
use crate::files::{Manifest, store_term};
use crate::ids::IdStore;
use crate::keeper::{FIRST_SPARE_BYTES, IdKeeper, ReleaseKeeper, Sealer};
use crate::request::ChainOpen;
use crate::sequencer::Sequencer;
use crate::shared::{Paths, Shared};
use crate::wal::{Cut, SpareSlot, Wal, Walked};
use crate::work::{Task, Work, stamp};
use crate::{LedgerConfig, OpenProgress, StoreError};

/// Hashes and leaf records that may gather in memory during replay.
const UNWRITTEN_MAX: usize = 1 << 16;

/// How the id index is made, once the log's id is known.
pub(crate) type OpenIds<'a> = &'a dyn Fn(&Paths, &[u8; 16]) -> Result<Arc<dyn IdStore>, StoreError>;

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
    pub(crate) fatal: Fatal,
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
    let loaded = Loaded::load(&*disk, &paths, manifest, UNWRITTEN_MAX, on_progress)?;
    clean(&*disk, &paths, &loaded.manifest, &loaded.replayed)?;
    let (log_id, term) = (loaded.manifest.log_id, loaded.term + 1);
    store_term(&*disk, &paths.term, &log_id, term)?;
    let ids = open_ids(&paths, &log_id)?;
    let (wal_dir, wal_bytes) = (paths.wal.clone(), config.wal_segment_bytes);
    let (shared, rest) = loaded.share(disk.clone(), paths, config)?;
    let Rest { manifest, follower, replays, walked: Walked { place, cut, segments, .. } } = rest;
    let spare = SpareSlot::default();
    let wal = Wal::resume(disk, wal_dir, log_id, term, place, spare.clone(), wal_bytes);
    let next_frame = wal.next_number();
    fill_ids(&shared, &*ids, &replays, next_frame, on_progress)?;
    let release_keeper = ReleaseKeeper { shared: shared.clone() };
    let sequencer = Sequencer::new(shared.clone(), ids.clone(), clock.clone(), follower, next_frame)
        .map_err(|source| StoreError::io("compress for", &shared.paths.wal, source))?;
    let mut parts = Parts {
        sequencer,
        committer: Committer::new(shared.clone(), wal, clock.clone(), fatal.clone()),
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
            unsynced: false,
            sealed_frame: 0,
            replaced: Vec::new(),
            tried: Vec::new(),
            generation_tried: 0,
        },
        shared,
        ids,
        clock,
        fatal,
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
        let ticket = self.shared.pending.take(&*self.clock);
        let sequenced = self.sequencer.sequence(vec![Work { task, bytes: 0, ticket, answer }], None);
        self.committer.commit(sequenced);
        match answered.try_recv() {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                Err(StoreError::io("write to", &self.shared.paths.wal, std::io::Error::other(error)))
            }
            Err(_) => {
                let source = std::io::Error::other("the first frame could not be written");
                Err(StoreError::io("write to", &self.shared.paths.wal, source))
            }
        }
    }
}

/// Removes what an interrupted process left unnamed.
fn clean(disk: &dyn Disk, paths: &Paths, manifest: &Manifest, replayed: &Replayed) -> Result<(), StoreError> {
    let named: Vec<String> = manifest.segments.iter().map(segment_name).collect();
    for dir in [&paths.wal, &paths.content, &paths.root] {
        let names = disk.list(dir).map_err(|source| StoreError::io("list", dir, source))?;
        let stray = |name: &String| {
            name.ends_with(".tmp")
                || (dir == &paths.content && name.ends_with(".seg") && !named.contains(name))
        };
        for name in names.iter().filter(|name| stray(name)) {
            let path = dir.join(name);
            remove_if_there(disk, &path).map_err(|source| StoreError::io("remove", &path, source))?;
        }
    }
    for path in &replayed.walked.stale {
        remove_if_there(disk, path).map_err(|source| StoreError::io("remove", path, source))?;
    }
    // For good: they may hold contents that were removed. Synced even where nothing was there: an earlier process may have
    // removed them without coming to this.
    for dir in [&paths.wal, &paths.content] {
        disk.sync_dir(dir).map_err(|source| StoreError::io("sync", dir, source))?;
    }
    Ok(())
}
