//! How far checkpoints have left this machine: a floor under which recovery must never cut.
//!
//! Two slots of one sector each, written in turn. A torn write damages the older one at most, since the newer
//! one is only overwritten after the other was synced.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indelible_merkle::Hash;

use crate::StoreError;
use crate::codec::{Fields, checked};
use crate::disk::{Access, Disk, DiskFile, read_file, replace_file};

const MAGIC: [u8; 8] = *b"IDLREL\0\x01";
/// Distance of the slots, so that they never share a sector or a page.
const SLOT_STRIDE: usize = 4096;
const SLOT_LEN: usize = 8 + 16 + 8 + 8 + 32 + 4;

/// A checkpoint that may have been shown to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Released {
    pub(crate) size: u64,
    pub(crate) root: Hash,
}

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Floor {
    pub(crate) newest: Released,
    /// Where the other slot is, if it is not whole: a write that a crash interrupted, or damage. Had the newest
    /// release stood there, it would be forgotten, so this is always said.
    pub(crate) damaged: Option<u64>,
    counter: u64,
}

impl Floor {
    /// The damaged slot, in words.
    pub(crate) fn damage(&self) -> Option<String> {
        let (offset, size) = (self.damaged?, self.newest.size);
        Some(format!(
            "released: the slot at offset {offset} is not whole (an interrupted write, or damage); checkpoints up to \
             size {size} are known to be released, a newer one may be forgotten"
        ))
    }
}

/// The open file.
pub(crate) struct ReleasedFile {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    log_id: [u8; 16],
    counter: u64,
    newest: Released,
    failed: bool,
}

impl ReleasedFile {
    /// Writes the file of a new log, which has released nothing but its empty tree.
    pub(crate) fn create(
        disk: &dyn Disk,
        path: &Path,
        log_id: &[u8; 16],
        root: Hash,
    ) -> Result<(), StoreError> {
        let mut bytes = vec![0; 2 * SLOT_STRIDE];
        bytes[..SLOT_LEN].copy_from_slice(&slot(log_id, 0, &Released { size: 0, root }));
        replace_file(disk, path, &bytes)
    }

    /// What was released last, by the newer of the slots that are whole.
    pub(crate) fn load(disk: &dyn Disk, path: &Path, log_id: &[u8; 16]) -> Result<Floor, StoreError> {
        let bytes = read_file(disk, path)?
            .ok_or_else(|| StoreError::corrupt(path, 0, "the released file is missing"))?;
        let slots = [0, SLOT_STRIDE].map(|at| bytes.get(at..at + SLOT_LEN).and_then(|b| parse(b, log_id)));
        let (at, (counter, newest)) = slots
            .into_iter()
            .enumerate()
            .filter_map(|(at, slot)| Some((at, slot?)))
            .max_by_key(|(_, (counter, _))| *counter)
            .ok_or_else(|| StoreError::corrupt(path, 0, "neither slot of the released file is whole"))?;
        let other = 1 - at;
        // The second slot of a log that has released nothing yet was never written.
        let written =
            |at: usize| bytes.get(at..at + SLOT_LEN).is_none_or(|slot| slot.iter().any(|b| *b != 0));
        let place = other * SLOT_STRIDE;
        let damaged = (slots[other].is_none() && (counter > 0 || written(place))).then_some(place as u64);
        Ok(Floor { newest, damaged, counter })
    }

    /// Opens the file for writing.
    pub(crate) fn open(disk: &dyn Disk, path: &Path, log_id: &[u8; 16]) -> Result<Self, StoreError> {
        let Floor { newest, counter, .. } = Self::load(disk, path, log_id)?;
        let file = disk.open(path, Access::Write).map_err(|source| StoreError::io("open", path, source))?;
        Ok(Self { path: path.to_owned(), file, log_id: *log_id, counter, newest, failed: false })
    }

    #[cfg(test)]
    pub(crate) fn newest(&self) -> Released {
        self.newest
    }

    /// Writes a newer release, durable when this returns. An older or equal one is already covered.
    ///
    /// After a failed sync the system may call the next one good without having written anything, so from then on
    /// nothing is released until the ledger is opened again.
    pub(crate) fn raise(&mut self, released: Released) -> Result<(), StoreError> {
        if released.size <= self.newest.size {
            return Ok(());
        }
        let counter = self.counter + 1;
        let offset = if counter.is_multiple_of(2) { 0 } else { SLOT_STRIDE as u64 };
        if self.failed {
            let source = std::io::Error::other("an earlier sync failed; open the ledger again");
            return Err(StoreError::io("write", &self.path, source));
        }
        let write = || {
            self.file.write_all_at(&slot(&self.log_id, counter, &released), offset)?;
            self.file.sync()
        };
        let written = write();
        self.failed = written.is_err();
        written.map_err(|source| StoreError::io("write", &self.path, source))?;
        (self.counter, self.newest) = (counter, released);
        Ok(())
    }
}

fn slot(log_id: &[u8; 16], counter: u64, released: &Released) -> [u8; SLOT_LEN] {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(log_id);
    out.extend_from_slice(&counter.to_be_bytes());
    out.extend_from_slice(&released.size.to_be_bytes());
    out.extend_from_slice(&released.root);
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_be_bytes());
    out.try_into().expect("the fields above fill a slot exactly")
}

fn parse(bytes: &[u8], log_id: &[u8; 16]) -> Option<(u64, Released)> {
    let mut f = Fields::new(checked(bytes)?);
    let ours = f.array().ok()? == MAGIC && f.array().ok()? == *log_id;
    let counter = f.u64().ok()?;
    let released = Released { size: f.u64().ok()?, root: f.array().ok()? };
    ours.then_some((counter, released))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::sim::SimDisk;

    #[test]
    fn tells_of_a_damaged_slot_and_mends_it_with_the_next_release() {
        for (releases, torn, left) in [(&[5][..], 0, 5), (&[5], 1, 0), (&[5, 9], 0, 5), (&[5, 9], 1, 9)] {
            let (disk, path, id) = (SimDisk::new(), Path::new("/d/released"), [1; 16]);
            disk.create_dir(Path::new("/d")).unwrap();
            ReleasedFile::create(&disk, path, &id, [0; 32]).unwrap();
            let mut file = ReleasedFile::open(&disk, path, &id).unwrap();
            assert_eq!(ReleasedFile::load(&disk, path, &id).unwrap().damaged, None, "a new log's");
            releases.iter().for_each(|&size| file.raise(Released { size, root: [0; 32] }).unwrap());
            let at = (torn * SLOT_STRIDE) as u64;
            disk.open(path, Access::Write).unwrap().write_all_at(b"x", at + 40).unwrap();
            let floor = ReleasedFile::load(&disk, path, &id).unwrap();
            assert_eq!((floor.newest.size, floor.damaged), (left, Some(at)), "{releases:?} {torn}");
            let mut file = ReleasedFile::open(&disk, path, &id).unwrap();
            file.raise(Released { size: 50, root: [0; 32] }).unwrap();
            let floor = ReleasedFile::load(&disk, path, &id).unwrap();
            assert_eq!((floor.newest.size, floor.damaged), (50, None), "{releases:?} {torn}");
        }
    }

    #[test]
    fn keeps_the_newest_and_survives_one_damaged_slot() {
        let (disk, path, id) = (SimDisk::new(), Path::new("/d/released"), [1; 16]);
        disk.create_dir(Path::new("/d")).unwrap();
        ReleasedFile::create(&disk, path, &id, [0; 32]).unwrap();
        let mut file = ReleasedFile::open(&disk, path, &id).unwrap();
        for size in [5, 9, 7, 12] {
            file.raise(Released { size, root: [size as u8; 32] }).unwrap();
        }
        assert_eq!(file.newest(), Released { size: 12, root: [12; 32] });
        let floor = Floor { newest: file.newest(), damaged: None, counter: 3 };
        assert_eq!(ReleasedFile::load(&disk, path, &id).unwrap(), floor);
        assert!(ReleasedFile::load(&disk, path, &[2; 16]).is_err(), "another log's");
        let raw = disk.open(path, Access::Write).unwrap();
        raw.write_all_at(b"x", SLOT_STRIDE as u64 + 30).unwrap();
        let floor = ReleasedFile::load(&disk, path, &id).unwrap();
        assert_eq!((floor.newest.size, floor.damaged), (9, Some(SLOT_STRIDE as u64)));
        assert!(floor.damage().unwrap().contains("offset 4096"));
        raw.write_all_at(b"x", 30).unwrap();
        assert!(ReleasedFile::load(&disk, path, &id).is_err());
    }
}
