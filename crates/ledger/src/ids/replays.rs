//! Idempotency keys and their answers, for a day: a database of its own beside the runs.
//!
//! A key-value library does this: values vary in length, keys are forgotten in the order of their use, and there are
//! as many as requests, not as events.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::StoreError;
use crate::shared::Paths;

/// Memory for blocks read back.
const CACHE_BYTES: u64 = 4 << 20;
/// Memory for what is not yet in its tables.
const MEMTABLE_BYTES: u64 = 8 << 20;
/// The version of what is stored here; another one is thrown away.
const VERSION: u8 = 1;

/// The keys that were used.
pub(super) struct Replays {
    db: Database,
    replays: Keyspace,
    /// Time of use and key, for forgetting in order.
    times: Keyspace,
}

impl Replays {
    /// Opens or makes the database of this log. What is damaged, of another log or version is thrown away.
    pub(super) fn open(dir: &Path, log_id: &[u8; 16]) -> Result<Self, StoreError> {
        match Self::open_any(dir, log_id) {
            Err(StoreError::Replays(error)) if is_damage(&error) => {
                tracing::warn!(%error, "the remembered idempotency keys are damaged and forgotten");
                std::fs::remove_dir_all(dir).map_err(|source| StoreError::io("remove", dir, source))?;
                Self::open_any(dir, log_id)
            }
            opened => opened,
        }
    }

    fn open_any(dir: &Path, log_id: &[u8; 16]) -> Result<Self, StoreError> {
        let db = Database::builder(dir).cache_size(CACHE_BYTES).worker_threads(1).open()?;
        let keyspace = |name: &str| {
            db.keyspace(name, || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES))
        };
        let (replays, times, meta) = (keyspace("replays")?, keyspace("replay_times")?, keyspace("meta")?);
        // The first version kept the ids here too.
        if db.list_keyspace_names().iter().any(|name| &**name == "ids") {
            db.delete_keyspace(keyspace("ids")?)?;
        }
        let head = [&[VERSION][..], log_id].concat();
        let this = Self { db, replays, times };
        if meta.get("log")?.as_deref() != Some(&head[..]) {
            this.clear()?;
            meta.insert("log", head)?;
            this.persist()?;
        }
        Ok(this)
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.replays.get(key)?.map(|value| value.to_vec()))
    }

    /// Puts in keys with the time of their use and their answers.
    pub(super) fn apply(&self, replays: &[(Vec<u8>, u64, Vec<u8>)]) -> Result<(), StoreError> {
        if replays.is_empty() {
            return Ok(());
        }
        let mut batch = self.db.batch();
        for (key, at_us, value) in replays {
            batch.insert(&self.times, [&at_us.to_be_bytes()[..], key].concat(), Vec::new());
            batch.insert(&self.replays, &key[..], &value[..]);
        }
        Ok(batch.commit()?)
    }

    pub(super) fn persist(&self) -> Result<(), StoreError> {
        Ok(self.db.persist(PersistMode::SyncAll)?)
    }

    /// Forgets keys used before `before_us`, at most `count_max` of them; gives how many.
    pub(super) fn forget(&self, before_us: u64, count_max: usize) -> Result<usize, StoreError> {
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

    pub(super) fn clear(&self) -> Result<(), StoreError> {
        self.replays.clear()?;
        self.times.clear()?;
        Ok(())
    }
}

/// The first version kept ids and idempotency keys in one database where the runs are now; it becomes the one of
/// the keys.
pub(super) fn move_from_first_version(paths: &Paths) -> Result<(), StoreError> {
    let is_database = paths.ids.is_dir() && !paths.ids.join("manifest").exists();
    if is_database && !paths.replays.exists() {
        std::fs::rename(&paths.ids, &paths.replays)
            .map_err(|source| StoreError::io("move", &paths.ids, source))?;
    }
    Ok(())
}

/// Whether an error says that the database is damaged, and not only that it cannot be read or written now.
fn is_damage(error: &fjall::Error) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn takes_over_the_keys_of_the_first_version() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::of(dir.path());
        {
            let db = Database::builder(&paths.ids).open().unwrap();
            let keyspace = |name: &str| db.keyspace(name, KeyspaceCreateOptions::default).unwrap();
            keyspace("ids").insert("an id", "value").unwrap();
            keyspace("replays").insert("key", "answer").unwrap();
            keyspace("meta").insert("log", [&[1][..], &[9; 16]].concat()).unwrap();
            db.persist(PersistMode::SyncAll).unwrap();
        }
        for _ in 0..2 {
            move_from_first_version(&paths).unwrap();
            assert!(!paths.ids.exists());
            let replays = Replays::open(&paths.replays, &[9; 16]).unwrap();
            assert_eq!(replays.get(b"key").unwrap().as_deref(), Some(&b"answer"[..]));
        }
    }
}
