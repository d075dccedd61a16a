//! The file of a split as it is read: by position, in bounded pieces, counted.
//!
//! No memory map: a disk that fails is an error here and not the end of the process.

use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::error::SearchError;

/// The part of a list that is read at first, and after a jump.
const WINDOW_MIN: usize = 4 << 10;

/// The part of a list that is read at once when it is read from one end to the other.
const WINDOW_MAX: usize = 64 << 10;

thread_local! {
    static READ: Cell<u64> = const { Cell::new(0) };
}

/// Bytes that this thread has read from splits since it began, as they are on disk.
pub(crate) fn bytes_read() -> u64 {
    READ.get()
}

/// An open file, with what errors about it are to say.
#[derive(Debug)]
pub(super) struct SplitFile {
    file: File,
    path: PathBuf,
    len: u64,
    /// The split's name.
    name: String,
}

/// A run of bytes in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) len: usize,
}

impl SplitFile {
    pub(super) fn open(path: PathBuf, name: String) -> Result<SplitFile, SearchError> {
        let opened = || {
            let file = File::open(&path)?;
            let len = file.metadata()?.len();
            Ok((file, len))
        };
        let (file, len) = opened().map_err(SearchError::io("open", &path))?;
        Ok(SplitFile { file, path, len, name })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// The error that says what is wrong with this split.
    pub(super) fn damaged(&self, what: &'static str) -> SearchError {
        SearchError::Damaged { split: self.name.clone(), what }
    }

    /// Reads `extent` into `out`, in the place of what is there.
    ///
    /// # Errors
    /// [`SearchError::Damaged`] if it reaches beyond the file, [`SearchError::Io`] if it can't be read.
    pub(super) fn read_into(&self, extent: Extent, out: &mut Vec<u8>) -> Result<(), SearchError> {
        let end = extent.start.checked_add(extent.len as u64);
        if end.is_none_or(|end| end > self.len) {
            return Err(self.damaged("it points beyond its end"));
        }
        out.resize(extent.len, 0);
        self.file.read_exact_at(out, extent.start).map_err(SearchError::io("read", &self.path))?;
        READ.set(READ.get() + extent.len as u64);
        Ok(())
    }

    /// Reads `extent`.
    ///
    /// # Errors
    /// As [`SplitFile::read_into`].
    pub(super) fn read(&self, extent: Extent) -> Result<Vec<u8>, SearchError> {
        let mut bytes = Vec::new();
        self.read_into(extent, &mut bytes)?;
        Ok(bytes)
    }
}

/// A window on a run of bytes that is larger than what is read of it at once; it moves both ways.
#[derive(Debug)]
pub(super) struct Window {
    whole: Extent,
    /// Where the window begins in the whole.
    at: usize,
    bytes: Vec<u8>,
    /// How much is read next.
    step: usize,
}

impl Window {
    pub(super) fn new(whole: Extent) -> Self {
        Self { whole, at: 0, bytes: Vec::new(), step: WINDOW_MIN }
    }

    /// The bytes `start..end` of the whole.
    ///
    /// # Errors
    /// As [`SplitFile::read_into`].
    pub(super) fn get(&mut self, file: &SplitFile, start: usize, end: usize) -> Result<&[u8], SearchError> {
        if start > end || end > self.whole.len {
            return Err(file.damaged("a list is shorter than it should be"));
        }
        let loaded = self.at..self.at + self.bytes.len();
        if start < loaded.start || end > loaded.end {
            let near = start <= loaded.end + self.step && loaded.start <= end + self.step;
            self.step = if near { (self.step * 4).min(WINDOW_MAX) } else { WINDOW_MIN };
            // Going down, what comes next lies before; going up, behind.
            let (from, to) = if near && start < loaded.start {
                (end.saturating_sub(self.step).min(start), end)
            } else {
                (start, end.max(start + self.step).min(self.whole.len))
            };
            let extent = Extent { start: self.whole.start + from as u64, len: to - from };
            file.read_into(extent, &mut self.bytes).inspect_err(|_| self.bytes.clear())?;
            self.at = from;
        }
        Ok(&self.bytes[start - self.at..end - self.at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_gives_what_lies_there_whichever_way_it_moves() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let bytes: Vec<u8> = (0..400_000_u32).map(|at| (at * 7 / 3) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let file = SplitFile::open(path, "a split".into()).unwrap();
        let whole = &bytes[1_000..390_000];
        let mut window = Window::new(Extent { start: 1_000, len: whole.len() });
        // Pieces of every size upwards, downwards, and in no order.
        for len in [0, 1, 100, 5_000, 20_000, 90_000] {
            let starts: Vec<usize> = (0..whole.len() - len).step_by(len.max(3_000)).collect();
            let order = starts.iter().chain(starts.iter().rev());
            for &start in order.chain(starts.iter().map(|start| &starts[start * 7 % starts.len()])) {
                assert_eq!(window.get(&file, start, start + len).unwrap(), &whole[start..start + len]);
            }
        }
        assert!(window.get(&file, 7, 6).is_err() && window.get(&file, 0, whole.len() + 1).is_err());
    }
}
