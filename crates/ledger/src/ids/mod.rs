//! Which ids and idempotency keys are taken: an index beside the ledger, filled from durable frames.
//!
//! It is derived: lost, it is filled again from the ledger (but for idempotency keys whose frames are sealed).
//! A mark says how far it reaches. It never holds an id, a body or a plain hash of one: ids are found by a keyed
//! fingerprint, sameness is told by a keyed tag, so that erased content cannot be guessed from it.

mod filter;
#[cfg(test)]
mod memory;
mod replays;
mod run;
mod runs;

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use indelible_merkle::Hash;
use sha2::{Digest as _, Sha256};

#[cfg(test)]
pub(crate) use self::memory::MemoryIds;
use self::replays::Replays;
use self::runs::Runs;
use crate::StoreError;
use crate::disk::{Disk, ReadOnlyDisk};
use crate::shared::Paths;

/// What an id is found by: 96 bits, so that among a billion ids no two agree by chance (1 in 10^11).
pub(crate) type Fingerprint = [u8; 12];

/// Tells bodies apart without storing or hashing them in the open.
pub(crate) type BodyTag = [u8; 12];

/// Makes [`BodyTag`]s and [`Fingerprint`]s under a secret that never leaves the index.
#[derive(Clone)]
pub(crate) struct Tagger([u8; 32]);

impl Tagger {
    fn fingerprint(&self, key: &[u8]) -> Fingerprint {
        let hash = Sha256::new()
            .chain_update(b"indelible/id-key/v1\0")
            .chain_update(self.0)
            .chain_update(key)
            .finalize();
        *hash.first_chunk().expect("a hash has 32 bytes")
    }

    pub(crate) fn tag(&self, body: &[u8]) -> BodyTag {
        let hash = Sha256::new()
            .chain_update(b"indelible/id-tag/v1\0")
            .chain_update(self.0)
            .chain_update(body)
            .finalize();
        *hash.first_chunk().expect("a hash has 32 bytes")
    }
}

/// Where the entry with an id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdEntry {
    pub(crate) index: u64,
    pub(crate) tag: BodyTag,
}

/// How far the index reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Number of the first frame that is not in it.
    pub(crate) frame: u64,
    /// Index of the first entry that is not in it.
    pub(crate) size: u64,
    /// Hash of the last leaf that is in it, zeros if none is.
    pub(crate) leaf: Hash,
}

/// Changes that become visible together.
#[derive(Default)]
pub(crate) struct IdBatch {
    pub(crate) ids: Vec<(Vec<u8>, IdEntry)>,
    /// Key, time of use in microseconds, value, which starts with that time.
    pub(crate) replays: Vec<(Vec<u8>, u64, Vec<u8>)>,
    pub(crate) mark: Option<Mark>,
}

/// The ids that are taken, to be looked at.
pub(crate) trait Ids: Send + Sync {
    fn tagger(&self) -> Tagger;
    fn mark(&self) -> Option<Mark>;
    fn get(&self, key: &[u8]) -> Result<Option<IdEntry>, StoreError>;
    /// Number of ids.
    fn count(&self) -> u64;
}

/// The index as the ledger needs it. It is durable up to the mark that was last in it at [`IdStore::persist`].
pub(crate) trait IdStore: Ids {
    fn replay(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    fn apply(&self, batch: &IdBatch) -> Result<(), StoreError>;
    fn persist(&self) -> Result<(), StoreError>;
    /// Forgets idempotency keys used before `before_us`, at most `count_max` of them; gives how many.
    fn forget_replays(&self, before_us: u64, count_max: usize) -> Result<usize, StoreError>;
    /// Forgets everything.
    fn clear(&self) -> Result<(), StoreError>;
}

/// Key of an id: the chain's number and the id, a canonical UUID as its 16 bytes.
pub(crate) fn id_key(chain: u32, id: &str) -> Vec<u8> {
    let mut key = chain.to_be_bytes().to_vec();
    match uuid::Uuid::try_parse(id) {
        Ok(uuid) if uuid.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()) == id => {
            key.push(1);
            key.extend_from_slice(uuid.as_bytes());
        }
        _ => {
            key.push(0);
            key.extend_from_slice(id.as_bytes());
        }
    }
    key
}

/// Key of an idempotency key.
pub(crate) fn replay_key(owner: &[u8; 16], key: &str) -> Vec<u8> {
    [owner, key.as_bytes()].concat()
}

/// The index on disk: ids in runs of our own, idempotency keys in a database.
pub(crate) struct DiskIds {
    runs: MergingRuns,
    replays: Replays,
}

/// Runs and the thread that merges them, which ends with this.
struct MergingRuns {
    runs: Arc<Runs>,
    thread: Option<JoinHandle<()>>,
}

impl DiskIds {
    /// Opens or makes the index of this log. What is damaged, another log's or of another version is made anew, since
    /// the ledger can fill it again.
    ///
    /// Only damage justifies that: what merely cannot be read now is an error.
    pub(crate) fn open(disk: Arc<dyn Disk>, paths: &Paths, log_id: &[u8; 16]) -> Result<Self, StoreError> {
        replays::move_from_first_version(paths)?;
        let runs = match Runs::open(disk.clone(), &paths.ids, log_id) {
            Ok(Some(runs)) => runs,
            Ok(None) => Runs::create(disk, &paths.ids, log_id)?,
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::warn!(%error, "the id index is damaged, making it anew");
                Runs::create(disk, &paths.ids, log_id)?
            }
            Err(error) => return Err(error),
        };
        runs.sweep()?;
        Ok(Self {
            runs: MergingRuns::start(runs, &paths.ids)?,
            replays: Replays::open(&paths.replays, log_id)?,
        })
    }

    /// Opens the ids to look at them, and writes nothing; `None` where there are none.
    pub(crate) fn open_read_only(
        disk: Arc<dyn Disk>,
        paths: &Paths,
        log_id: &[u8; 16],
    ) -> Result<Option<Arc<dyn Ids>>, StoreError> {
        let runs = Runs::open(Arc::new(ReadOnlyDisk(disk)), &paths.ids, log_id)?;
        Ok(runs.map(|runs| Arc::new(runs) as Arc<dyn Ids>))
    }
}

impl MergingRuns {
    fn start(runs: Runs, dir: &Path) -> Result<Self, StoreError> {
        let runs = Arc::new(runs);
        let merging = runs.clone();
        let spawned = thread::Builder::new()
            .name("ledger-ids-merge".to_owned())
            .spawn(move || merging.merge_until_closed());
        let thread = spawned.map_err(|source| StoreError::io("start a thread for", dir, source))?;
        Ok(Self { runs, thread: Some(thread) })
    }
}

impl Drop for MergingRuns {
    fn drop(&mut self) {
        self.runs.close();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that merges the id index panicked");
        }
    }
}

impl Ids for Runs {
    fn tagger(&self) -> Tagger {
        Runs::tagger(self)
    }

    fn mark(&self) -> Option<Mark> {
        Runs::mark(self)
    }

    fn get(&self, key: &[u8]) -> Result<Option<IdEntry>, StoreError> {
        Runs::get(self, key)
    }

    fn count(&self) -> u64 {
        Runs::count(self)
    }
}

impl Ids for DiskIds {
    fn tagger(&self) -> Tagger {
        self.runs.runs.tagger()
    }

    fn mark(&self) -> Option<Mark> {
        self.runs.runs.mark()
    }

    fn get(&self, key: &[u8]) -> Result<Option<IdEntry>, StoreError> {
        self.runs.runs.get(key)
    }

    fn count(&self) -> u64 {
        self.runs.runs.count()
    }
}

impl IdStore for DiskIds {
    fn replay(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.replays.get(key)
    }

    fn apply(&self, batch: &IdBatch) -> Result<(), StoreError> {
        // Whoever sees the mark must find the keys.
        self.replays.apply(&batch.replays)?;
        self.runs.runs.apply(&batch.ids, batch.mark);
        Ok(())
    }

    fn persist(&self) -> Result<(), StoreError> {
        // The mark is durable with the runs, and speaks for both.
        self.replays.persist()?;
        self.runs.runs.persist()
    }

    fn forget_replays(&self, before_us: u64, count_max: usize) -> Result<usize, StoreError> {
        self.replays.forget(before_us, count_max)
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.replays.clear()?;
        self.runs.runs.clear()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_every_two_ids_apart() {
        let uuid = "0195a3c4-7b1e-7c3d-8e9f-0123456789ab";
        let ids = [
            uuid,
            "0195A3C4-7b1e-7c3d-8e9f-0123456789ab",
            "0195a3c47b1e7c3d8e9f0123456789ab",
            "x",
            "x~1",
            "",
        ];
        let keys: std::collections::BTreeSet<_> =
            ids.iter().flat_map(|id| [id_key(1, id), id_key(2, id)]).collect();
        assert_eq!(keys.len(), 2 * ids.len());
        assert_eq!(id_key(1, uuid).len(), 4 + 1 + 16);
    }

    #[test]
    fn of_an_id_that_was_free_again_the_newest_event_counts_whatever_is_merged() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::of(dir.path());
        let ids = DiskIds::open(Arc::new(crate::disk::RealDisk), &paths, &[1; 16]).unwrap();
        let entry = |index: u64| IdEntry { index, tag: [6; 12] };
        let mut index = 0;
        let mut put = |keys: &[Vec<u8>]| {
            let entries = keys.iter().map(|key| {
                index += 1;
                (key.clone(), entry(index))
            });
            let ids_of = entries.collect();
            let mark = Mark { frame: index, size: index, leaf: [7; 32] };
            ids.apply(&IdBatch { ids: ids_of, replays: Vec::new(), mark: Some(mark) }).unwrap();
            ids.persist().unwrap();
            index
        };
        let others: Vec<Vec<u8>> = (0..140_000).map(|n| format!("other {n}").into_bytes()).collect();
        // The oldest is in a run of a high tier, the next ones in small runs that are merged with each other.
        put(&[&[b"k".to_vec()][..], &others].concat());
        for round in 0..40 {
            let newest = put(&[b"k".to_vec()]);
            assert_eq!(ids.get(b"k").unwrap(), Some(entry(newest)), "round {round}");
            put(&[format!("between {round}").into_bytes()]);
            while ids.runs.runs.merge_once().unwrap() {}
            assert_eq!(ids.get(b"k").unwrap(), Some(entry(newest)), "round {round}, merged");
        }
        assert_eq!(ids.get(b"other 7").unwrap(), Some(entry(9)));
    }

    #[test]
    fn keeps_what_was_applied_and_belongs_to_one_log() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::of(dir.path());
        let open = |log: u8| DiskIds::open(Arc::new(crate::disk::RealDisk), &paths, &[log; 16]).unwrap();
        let entry = IdEntry { index: 5, tag: [6; 12] };
        let mark = Mark { frame: 1, size: 6, leaf: [7; 32] };
        let tag = {
            let ids = open(1);
            assert_eq!(ids.mark(), None);
            let value = |at: u64| [&at.to_be_bytes()[..], b"v"].concat();
            let replays = vec![(b"a".to_vec(), 10, value(10)), (b"b".to_vec(), 20, value(20))];
            ids.apply(&IdBatch { ids: vec![(b"k".to_vec(), entry)], replays, mark: Some(mark) }).unwrap();
            ids.persist().unwrap();
            ids.tagger().tag(b"body")
        };
        {
            let ids = open(1);
            assert_eq!((ids.get(b"k").unwrap(), ids.get(b"l").unwrap()), (Some(entry), None));
            assert_eq!((ids.mark(), ids.tagger().tag(b"body")), (Some(mark), tag));
            assert_eq!(ids.forget_replays(20, 10).unwrap(), 1);
            assert_eq!(ids.replay(b"a").unwrap(), None);
            assert!(ids.replay(b"b").unwrap().is_some_and(|value| value.ends_with(b"v")));
            let disk = Arc::new(crate::disk::RealDisk);
            let looked = DiskIds::open_read_only(disk, &paths, &[1; 16]).unwrap().unwrap();
            assert_eq!(
                (looked.get(b"k").unwrap(), looked.count(), looked.mark()),
                (Some(entry), 1, Some(mark))
            );
        }
        {
            // A key that was used again later is kept when the first use is forgotten.
            let ids = open(1);
            let value = |at: u64| [&at.to_be_bytes()[..], b"again"].concat();
            let replays = vec![(b"b".to_vec(), 60, value(60))];
            ids.apply(&IdBatch { replays, ..IdBatch::default() }).unwrap();
            assert_eq!(ids.forget_replays(50, 10).unwrap(), 1);
            assert!(ids.replay(b"b").unwrap().is_some_and(|value| value.ends_with(b"again")));
            ids.clear().unwrap();
            assert_eq!((ids.replay(b"b").unwrap(), ids.get(b"k").unwrap(), ids.mark()), (None, None, None));
        }
        let ids = open(2);
        assert_eq!((ids.get(b"k").unwrap(), ids.mark(), ids.count()), (None, None, 0));
        assert_eq!(ids.replay(b"b").unwrap(), None);
        assert_ne!(ids.tagger().tag(b"body"), tag);
    }
}
