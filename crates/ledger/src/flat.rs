//! A file of 32-byte records in order, with its newest records still in memory.
//!
//! Records are pushed when they are durable in the WAL, written out in the background, and synced before the
//! manifest counts on them. What stands in the file beyond the manifest's count is not trusted and overwritten.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::StoreError;
use crate::disk::{Access, Disk, DiskFile, parent};

/// Bytes of one record.
pub(crate) const RECORD_LEN: usize = 32;
/// One record.
pub(crate) type Record32 = [u8; RECORD_LEN];
/// Records written at a time.
const WRITE_RECORDS: usize = 1 << 15;

/// The file and its tail.
pub(crate) struct Flat {
    path: PathBuf,
    inner: RwLock<Inner>,
}

struct Inner {
    file: Option<Arc<dyn DiskFile>>,
    /// Records in the file that may be read from it.
    filed: u64,
    tail: Vec<Record32>,
}

impl Flat {
    /// Opens the file, which must hold at least `count` records; later ones are forgotten.
    pub(crate) fn open(disk: &dyn Disk, path: PathBuf, count: u64) -> Result<Self, StoreError> {
        let mut file = None;
        if count > 0 {
            let opened =
                disk.open(&path, Access::Write).map_err(|source| StoreError::io("open", &path, source))?;
            let len = opened.len().map_err(|source| StoreError::io("measure", &path, source))?;
            if len < count * RECORD_LEN as u64 {
                let what = format!("{count} records of {RECORD_LEN} bytes were synced, the file is shorter");
                return Err(StoreError::corrupt(&path, len, what));
            }
            file = Some(opened);
        }
        Ok(Self { path, inner: RwLock::new(Inner { file, filed: count, tail: Vec::new() }) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds records at the end.
    pub(crate) fn extend(&self, records: impl IntoIterator<Item = Record32>) {
        self.inner.write().tail.extend(records);
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        let inner = self.inner.read();
        inner.filed + inner.tail.len() as u64
    }

    /// Records that are only in memory.
    pub(crate) fn unwritten(&self) -> usize {
        self.inner.read().tail.len()
    }

    /// Fills `out` with the records from `start` on.
    pub(crate) fn read(&self, start: u64, out: &mut [Record32]) -> Result<(), StoreError> {
        let inner = self.inner.read();
        let count = inner.filed + inner.tail.len() as u64;
        let end = start.checked_add(out.len() as u64).filter(|end| *end <= count);
        let Some(end) = end else { return Err(StoreError::OutOfRange { index: start, size: count }) };
        let from_file =
            usize::try_from(end.min(inner.filed).saturating_sub(start)).expect("at most out.len()");
        let (front, back) = out.split_at_mut(from_file);
        if !back.is_empty() {
            let at = usize::try_from(start.max(inner.filed) - inner.filed).expect("the tail is in memory");
            back.copy_from_slice(&inner.tail[at..at + back.len()]);
        }
        let file = inner.file.clone();
        // Records in the file never change, so they are read without holding up the writer.
        drop(inner);
        if let (Some(file), false) = (file, front.is_empty()) {
            let offset = start * RECORD_LEN as u64;
            file.read_exact_at(front.as_flattened_mut(), offset).map_err(|source| match source.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    StoreError::corrupt(&self.path, offset, "the file ends early")
                }
                _ => StoreError::io("read", &self.path, source),
            })?;
        }
        Ok(())
    }

    /// The record at `index`.
    pub(crate) fn get(&self, index: u64) -> Result<Record32, StoreError> {
        let mut out = [[0; RECORD_LEN]];
        self.read(index, &mut out)?;
        Ok(out[0])
    }

    /// Writes the tail to the file. Only one thread may call this.
    pub(crate) fn write_out(&self, disk: &dyn Disk) -> Result<(), StoreError> {
        loop {
            let (filed, file, part) = {
                let inner = self.inner.read();
                let part: Vec<Record32> = inner.tail.iter().take(WRITE_RECORDS).copied().collect();
                (inner.filed, inner.file.clone(), part)
            };
            if part.is_empty() {
                return Ok(());
            }
            let fail = |source| StoreError::io("write", &self.path, source);
            let file = match file {
                Some(file) => file,
                None => {
                    let file = disk.open(&self.path, Access::Create).map_err(fail)?;
                    disk.sync_dir(parent(&self.path)).map_err(fail)?;
                    file
                }
            };
            file.write_all_at(part.as_flattened(), filed * RECORD_LEN as u64).map_err(fail)?;
            let mut inner = self.inner.write();
            inner.file = Some(file);
            inner.filed += part.len() as u64;
            inner.tail.drain(..part.len());
        }
    }

    /// Makes everything written out durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let file = self.inner.read().file.clone();
        match file {
            Some(file) => file.sync().map_err(|source| StoreError::io("sync", &self.path, source)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::sim::SimDisk;

    #[test]
    fn reads_across_the_seam_of_file_and_memory() {
        let disk = SimDisk::new();
        disk.create_dir(Path::new("/d")).unwrap();
        let flat = Flat::open(&disk, "/d/0".into(), 0).unwrap();
        let record = |n: u8| [n; RECORD_LEN];
        flat.extend((0..5).map(record));
        flat.write_out(&disk).unwrap();
        flat.extend((5..9).map(record));
        assert_eq!((flat.count(), flat.unwritten()), (9, 4));
        for start in 0..9u64 {
            for end in start..=9 {
                let mut out = vec![[0; RECORD_LEN]; (end - start) as usize];
                flat.read(start, &mut out).unwrap();
                assert_eq!(out, (start as u8..end as u8).map(record).collect::<Vec<_>>(), "{start}..{end}");
            }
        }
        assert!(matches!(flat.get(9), Err(StoreError::OutOfRange { index: 9, size: 9 })));
        flat.write_out(&disk).unwrap();
        let again = Flat::open(&disk, "/d/0".into(), 7).unwrap();
        assert_eq!((again.count(), again.get(6).unwrap()), (7, record(6)));
        assert!(matches!(Flat::open(&disk, "/d/0".into(), 10), Err(StoreError::Corrupt { .. })));
    }
}
