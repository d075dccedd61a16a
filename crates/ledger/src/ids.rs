//! Which ids and idempotency keys are taken: a key-value index beside the ledger, filled from durable frames.
//!
//! It is derived: lost, it is filled again from the ledger (but for idempotency keys whose frames are sealed).
//! A mark in the same batch says how far it reaches. It never holds a body or a plain hash of one: sameness is
//! told by a keyed tag, so that erased content cannot be guessed from it.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use indelible_merkle::Hash;
use sha2::{Digest as _, Sha256};

use crate::StoreError;
use crate::codec::{Fields, Short};
use crate::scratch::Scratch;

/// Memory for blocks read back from the index.
const CACHE_BYTES: u64 = 16 << 20;
/// Memory for what is not yet in its tables.
const MEMTABLE_BYTES: u64 = 16 << 20;
/// The version of what is stored here; another one is thrown away and filled again.
const VERSION: u8 = 1;

/// Tells bodies apart without storing or hashing them in the open.
pub(crate) type BodyTag = [u8; 16];

/// Makes [`BodyTag`]s under a secret that never leaves the index.
#[derive(Clone)]
pub(crate) struct Tagger([u8; 32]);

impl Tagger {
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

/// The index as the ledger needs it. Batches are atomic; they are durable after [`IdStore::persist`].
pub(crate) trait IdStore: Send + Sync {
    fn tagger(&self) -> Tagger;
    fn mark(&self) -> Result<Option<Mark>, StoreError>;
    fn get(&self, key: &[u8]) -> Result<Option<IdEntry>, StoreError>;
    fn replay(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    fn apply(&self, batch: &IdBatch) -> Result<(), StoreError>;
    fn persist(&self) -> Result<(), StoreError>;
    /// Forgets idempotency keys used before `before_us`, at most `count_max` of them; gives how many.
    fn forget_replays(&self, before_us: u64, count_max: usize) -> Result<usize, StoreError>;
    /// Forgets everything.
    fn clear(&self) -> Result<(), StoreError>;
    /// Number of ids. Walks all of them.
    fn count(&self) -> Result<u64, StoreError>;
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

/// The index on disk.
pub(crate) struct FjallIds {
    db: Database,
    ids: Keyspace,
    replays: Keyspace,
    /// Time of use and key, for forgetting in order.
    times: Keyspace,
    meta: Keyspace,
    tagger: Tagger,
    /// Where the files are if this is a copy. The last field, so that the database is closed before they go.
    _scratch: Option<Scratch>,
}

impl FjallIds {
    /// Opens or makes the index of this log. What another log or version left there is thrown away.
    pub(crate) fn open(dir: &Path, log_id: &[u8; 16]) -> Result<Self, StoreError> {
        let (mut this, ours) = Self::open_any(dir, log_id)?;
        if !ours {
            getrandom::fill(&mut this.tagger.0).map_err(StoreError::Random)?;
            this.clear()?;
            let mut batch = this.db.batch().durability(Some(PersistMode::SyncAll));
            batch.insert(&this.meta, "secret", this.tagger.0.to_vec());
            batch.insert(&this.meta, "log", head_of(log_id));
            batch.commit()?;
        }
        Ok(this)
    }

    /// Opens a copy of the index if there is one and it is this log's. Opening writes: it replays the journal,
    /// removes files that nothing names, and may rewrite tables.
    pub(crate) fn open_copy(dir: &Path, log_id: &[u8; 16]) -> Result<Option<Self>, StoreError> {
        let Some(scratch) = Scratch::of(dir)? else { return Ok(None) };
        let (this, ours) = Self::open_any(scratch.path(), log_id)?;
        Ok(ours.then_some(Self { _scratch: Some(scratch), ..this }))
    }

    /// The index, and whether it belongs to this log.
    fn open_any(dir: &Path, log_id: &[u8; 16]) -> Result<(Self, bool), StoreError> {
        let db = Database::builder(dir).cache_size(CACHE_BYTES).worker_threads(1).open()?;
        let keyspace = |name: &str| {
            db.keyspace(name, || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES))
        };
        let (ids, replays) = (keyspace("ids")?, keyspace("replays")?);
        let (times, meta) = (keyspace("replay_times")?, keyspace("meta")?);
        let secret = match meta.get("secret")? {
            Some(secret) if meta.get("log")?.as_deref() == Some(&head_of(log_id)[..]) => {
                secret.as_ref().try_into().ok()
            }
            _ => None,
        };
        let tagger = Tagger(secret.unwrap_or_default());
        Ok((Self { db, ids, replays, times, meta, tagger, _scratch: None }, secret.is_some()))
    }
}

/// Whether an error says that the index is damaged, and not only that it cannot be read or written now.
pub(crate) fn is_damage(error: &fjall::Error) -> bool {
    use std::io::ErrorKind;
    // A file that is gone, cut short or beside what should have replaced it. All else may pass: a permission, a
    // full disk, too many open files, a failing device.
    let damaged = |error: &std::io::Error| {
        let kinds =
            [ErrorKind::NotFound, ErrorKind::UnexpectedEof, ErrorKind::InvalidData, ErrorKind::AlreadyExists];
        kinds.contains(&error.kind())
    };
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => damaged(error),
        fjall::Error::Storage(_)
        | fjall::Error::JournalRecovery(_)
        | fjall::Error::InvalidVersion(None)
        | fjall::Error::Decompress(_)
        | fjall::Error::InvalidTrailer
        | fjall::Error::InvalidTag(_)
        | fjall::Error::Unrecoverable => true,
        // Locked, poisoned, the whole file of another release, and what a later fjall may add.
        _ => false,
    }
}

/// What the index keeps to tell whose it is.
fn head_of(log_id: &[u8; 16]) -> Vec<u8> {
    [&[VERSION][..], log_id].concat()
}

impl IdStore for FjallIds {
    fn tagger(&self) -> Tagger {
        self.tagger.clone()
    }

    fn mark(&self) -> Result<Option<Mark>, StoreError> {
        let Some(bytes) = self.meta.get("mark")? else { return Ok(None) };
        let mut f = Fields::new(&bytes);
        let mut fields = || Ok::<_, Short>(Mark { frame: f.u64()?, size: f.u64()?, leaf: f.array()? });
        // A mark of another form is as good as none: the index is filled again.
        Ok(fields().ok())
    }

    fn get(&self, key: &[u8]) -> Result<Option<IdEntry>, StoreError> {
        let Some(bytes) = self.ids.get(key)? else { return Ok(None) };
        let mut f = Fields::new(&bytes);
        let mut fields = || Ok::<_, Short>(IdEntry { index: f.u64()?, tag: f.array()? });
        fields().map(Some).map_err(|Short| StoreError::corrupt(self.ids.path(), 0, "an id's value is short"))
    }

    fn replay(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.replays.get(key)?.map(|value| value.to_vec()))
    }

    fn apply(&self, changes: &IdBatch) -> Result<(), StoreError> {
        let mut batch = self.db.batch();
        for (key, entry) in &changes.ids {
            let mut value = [0; 24];
            value[..8].copy_from_slice(&entry.index.to_be_bytes());
            value[8..].copy_from_slice(&entry.tag);
            batch.insert(&self.ids, &key[..], &value[..]);
        }
        for (key, at_us, value) in &changes.replays {
            batch.insert(&self.times, [&at_us.to_be_bytes()[..], key].concat(), Vec::new());
            batch.insert(&self.replays, &key[..], &value[..]);
        }
        if let Some(mark) = changes.mark {
            let mut value = mark.frame.to_be_bytes().to_vec();
            value.extend_from_slice(&mark.size.to_be_bytes());
            value.extend_from_slice(&mark.leaf);
            batch.insert(&self.meta, "mark", value);
        }
        Ok(batch.commit()?)
    }

    fn persist(&self) -> Result<(), StoreError> {
        Ok(self.db.persist(PersistMode::SyncAll)?)
    }

    fn forget_replays(&self, before_us: u64, count_max: usize) -> Result<usize, StoreError> {
        let mut batch = self.db.batch();
        let mut count = 0;
        for item in self.times.range(..before_us.to_be_bytes().to_vec()).take(count_max) {
            let (key, _) = item.into_inner()?;
            if let Some((at, replay)) = key.split_first_chunk::<8>() {
                // A key used again later has a newer value, which starts with its own time.
                let value = self.replays.get(replay)?;
                if value.is_some_and(|value| value.starts_with(at)) {
                    batch.remove(&self.replays, replay);
                }
            }
            batch.remove(&self.times, key);
            count += 1;
        }
        batch.commit()?;
        Ok(count)
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.meta.remove("mark")?;
        self.ids.clear()?;
        self.replays.clear()?;
        self.times.clear()?;
        Ok(())
    }

    fn count(&self) -> Result<u64, StoreError> {
        Ok(self.ids.len()? as u64)
    }
}

/// The index in memory, for tests on a simulated disk.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct MemoryIds {
    inner: parking_lot::Mutex<MemoryInner>,
}

#[cfg(test)]
#[derive(Clone, Default)]
struct MemoryInner {
    live: MemoryState,
    durable: MemoryState,
}

#[cfg(test)]
#[derive(Clone, Default)]
struct MemoryState {
    ids: std::collections::BTreeMap<Vec<u8>, IdEntry>,
    replays: std::collections::BTreeMap<Vec<u8>, (u64, Vec<u8>)>,
    mark: Option<Mark>,
}

#[cfg(test)]
impl MemoryIds {
    /// What a power cut leaves: everything persisted, and the batches after that if `keep_newer`.
    pub(crate) fn after_crash(&self, keep_newer: bool) -> Self {
        let inner = self.inner.lock();
        let state = if keep_newer { inner.live.clone() } else { inner.durable.clone() };
        Self { inner: parking_lot::Mutex::new(MemoryInner { live: state.clone(), durable: state }) }
    }
}

#[cfg(test)]
impl IdStore for MemoryIds {
    fn tagger(&self) -> Tagger {
        Tagger([7; 32])
    }

    fn mark(&self) -> Result<Option<Mark>, StoreError> {
        Ok(self.inner.lock().live.mark)
    }

    fn get(&self, key: &[u8]) -> Result<Option<IdEntry>, StoreError> {
        Ok(self.inner.lock().live.ids.get(key).copied())
    }

    fn replay(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.inner.lock().live.replays.get(key).map(|(_, value)| value.clone()))
    }

    fn apply(&self, batch: &IdBatch) -> Result<(), StoreError> {
        let live = &mut self.inner.lock().live;
        live.ids.extend(batch.ids.iter().cloned());
        live.replays.extend(batch.replays.iter().map(|(key, at, value)| (key.clone(), (*at, value.clone()))));
        live.mark = batch.mark.or(live.mark);
        Ok(())
    }

    fn persist(&self) -> Result<(), StoreError> {
        let mut inner = self.inner.lock();
        inner.durable = inner.live.clone();
        Ok(())
    }

    fn forget_replays(&self, before_us: u64, count_max: usize) -> Result<usize, StoreError> {
        let live = &mut self.inner.lock().live;
        let old = live.replays.iter().filter(|(_, (at, _))| *at < before_us).map(|(key, _)| key.clone());
        let old: Vec<_> = old.take(count_max).collect();
        old.iter().for_each(|key| drop(live.replays.remove(key)));
        Ok(old.len())
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.inner.lock().live = MemoryState::default();
        Ok(())
    }

    fn count(&self) -> Result<u64, StoreError> {
        Ok(self.inner.lock().live.ids.len() as u64)
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
    fn only_damage_is_called_damage() {
        use fjall::{Error, LsmError};
        use std::io::ErrorKind;
        let io = |kind: ErrorKind| Error::Io(kind.into());
        let stored = |kind: ErrorKind| Error::Storage(LsmError::Io(kind.into()));
        for (error, damage) in [
            (io(ErrorKind::UnexpectedEof), true),
            (stored(ErrorKind::NotFound), true),
            (Error::Storage(LsmError::Unrecoverable), true),
            (Error::InvalidVersion(None), true),
            (Error::InvalidTrailer, true),
            (io(ErrorKind::PermissionDenied), false),
            (stored(ErrorKind::PermissionDenied), false),
            (io(ErrorKind::StorageFull), false),
            (Error::Io(std::io::Error::from_raw_os_error(5)), false),
            (Error::Io(std::io::Error::from_raw_os_error(24)), false),
            (Error::Locked, false),
            (Error::Poisoned, false),
        ] {
            assert_eq!(is_damage(&error), damage, "{error}");
        }
    }

    #[test]
    fn keeps_what_was_applied_and_belongs_to_one_log() {
        let dir = tempfile::tempdir().unwrap();
        let entry = IdEntry { index: 5, tag: [6; 16] };
        let mark = Mark { frame: 1, size: 6, leaf: [7; 32] };
        let tag = {
            let ids = FjallIds::open(dir.path(), &[1; 16]).unwrap();
            assert_eq!(ids.mark().unwrap(), None);
            let value = |at: u64| [&at.to_be_bytes()[..], b"v"].concat();
            let replays = vec![(b"a".to_vec(), 10, value(10)), (b"b".to_vec(), 20, value(20))];
            ids.apply(&IdBatch { ids: vec![(b"k".to_vec(), entry)], replays, mark: Some(mark) }).unwrap();
            ids.persist().unwrap();
            ids.tagger().tag(b"body")
        };
        {
            let ids = FjallIds::open(dir.path(), &[1; 16]).unwrap();
            assert_eq!((ids.get(b"k").unwrap(), ids.get(b"l").unwrap()), (Some(entry), None));
            assert_eq!((ids.mark().unwrap(), ids.tagger().tag(b"body")), (Some(mark), tag));
            assert_eq!(ids.forget_replays(20, 10).unwrap(), 1);
            assert_eq!(ids.replay(b"a").unwrap(), None);
            assert!(ids.replay(b"b").unwrap().is_some_and(|value| value.ends_with(b"v")));
        }
        let ids = FjallIds::open(dir.path(), &[2; 16]).unwrap();
        assert_eq!((ids.get(b"k").unwrap(), ids.mark().unwrap(), ids.count().unwrap()), (None, None, 0));
        assert_ne!(ids.tagger().tag(b"body"), tag);
    }
}
