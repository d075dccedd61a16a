//! A file that is written once, from its first byte to its last, and whose checksum is known at the end.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::Written;
use crate::error::SearchError;
use crate::split::file::Extent;
use crate::split::format::{Directory, header, trailer};

/// Bytes that are written at once.
const BUFFER: usize = 1 << 20;

/// A split's file while it is being written.
#[derive(Debug)]
pub(super) struct Sink {
    file: File,
    path: PathBuf,
    buffer: Vec<u8>,
    /// Bytes that are in the file, the buffer's not among them.
    written: u64,
    crc: crc32fast::Hasher,
}

impl Sink {
    /// Begins the file of a split of `log`; there must be none at `path`.
    ///
    /// # Errors
    /// [`SearchError::Io`], as all of this.
    pub(super) fn create(path: &Path, log: &[u8; 16]) -> Result<Sink, SearchError> {
        let file = File::create_new(path).map_err(SearchError::io("create", path))?;
        let mut sink = Sink {
            file,
            path: path.to_owned(),
            buffer: Vec::with_capacity(BUFFER + (64 << 10)),
            written: 0,
            crc: crc32fast::Hasher::new(),
        };
        sink.put(&header(log))?;
        Ok(sink)
    }

    /// How long the file is.
    pub(super) fn at(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), SearchError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Appends bytes and their CRC-32, and returns where they are.
    pub(super) fn put_checked(&mut self, bytes: &[u8]) -> Result<Extent, SearchError> {
        let start = self.at();
        self.put(bytes)?;
        self.put(&crc32fast::hash(bytes).to_le_bytes())?;
        Ok(Extent { start, len: bytes.len() + 4 })
    }

    fn flush(&mut self) -> Result<(), SearchError> {
        self.file.write_all(&self.buffer).map_err(SearchError::io("write", &self.path))?;
        self.crc.update(&self.buffer);
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Ends the file; it is durable when this returns, its name in the directory apart.
    pub(super) fn finish(mut self, directory: &Directory) -> Result<Written, SearchError> {
        let start = self.at();
        let bytes = directory.to_bytes();
        self.put(&bytes)?;
        self.put(&trailer(start, &bytes))?;
        self.flush()?;
        self.file.sync_all().map_err(SearchError::io("sync", &self.path))?;
        let events = u64::from(directory.docs);
        Ok(Written { events, bytes: self.written, crc32: self.crc.finalize() })
    }
}
