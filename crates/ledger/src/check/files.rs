//! Comparing stored fixed-width files with what the entries give, a chunk at a time.

use std::path::PathBuf;
use std::sync::Arc;

use crate::StoreError;
use crate::disk::{Access, Disk, DiskFile, read_at};
use crate::flat::{RECORD_LEN, Record32};

/// Records read at a time.
const CHUNK: u64 = 4096;

/// A file of 32-byte records, read in order. Records from `count` on are not there.
pub(super) struct Sequential {
    pub(super) path: PathBuf,
    file: Option<Arc<dyn DiskFile>>,
    pub(super) count: u64,
    chunk: Vec<u8>,
    chunk_start: u64,
}

impl Sequential {
    /// Opens the file, of which the manifest vouches for `count` records. A file that is missing or shorter gives
    /// fewer; the caller sees that by [`Sequential::count`].
    pub(super) fn open(disk: &dyn Disk, path: PathBuf, count: u64) -> Result<Self, StoreError> {
        let (mut file, mut len) = (None, 0);
        if count > 0 {
            match disk.open(&path, Access::Read) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                opened => {
                    let opened = opened.map_err(|source| StoreError::io("open", &path, source))?;
                    len = opened.len().map_err(|source| StoreError::io("measure", &path, source))?;
                    file = Some(opened);
                }
            }
        }
        let count = count.min(len / RECORD_LEN as u64);
        Ok(Self { path, file, count, chunk: Vec::new(), chunk_start: 0 })
    }

    /// The record at `index`, or `None` beyond the end.
    pub(super) fn get(&mut self, index: u64) -> Result<Option<Record32>, StoreError> {
        let Some(file) = self.file.as_ref().filter(|_| index < self.count) else { return Ok(None) };
        let held = self.chunk.len() as u64 / RECORD_LEN as u64;
        if index < self.chunk_start || index >= self.chunk_start + held {
            let len = CHUNK.min(self.count - index) * RECORD_LEN as u64;
            let len = usize::try_from(len).expect("a chunk fits memory");
            self.chunk = read_at(&**file, &self.path, index * RECORD_LEN as u64, len)?;
            self.chunk_start = index;
        }
        let at = usize::try_from(index - self.chunk_start).expect("within the chunk") * RECORD_LEN;
        Ok(self.chunk.get(at..at + RECORD_LEN).and_then(|bytes| bytes.try_into().ok()))
    }
}
