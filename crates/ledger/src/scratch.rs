//! A copy of a database's directory to open instead of it, where the directory must stay as it is.
//!
//! Tables are written once and never changed, only removed, so the copy links to them: it takes the room of the
//! journal and a few small files, however large the index is. Invariant: nothing is written through a link.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use tempfile::TempDir;

use crate::StoreError;

/// Directories of files that never change.
const UNCHANGING: [&str; 2] = ["tables", "blobs"];

/// The copy, gone when this is dropped.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    /// Copies `dir` to the system's directory for temporary files, for its owner only. `None` if there is no `dir`.
    pub(crate) fn of(dir: &Path) -> Result<Option<Self>, StoreError> {
        // Links need the whole path, since they stand elsewhere.
        let from = match dir.canonicalize() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            from => from.map_err(|source| StoreError::io("copy", dir, source))?,
        };
        let copy = || {
            let owner_only = fs::Permissions::from_mode(0o700);
            let to = tempfile::Builder::new().prefix("indelible-").permissions(owner_only).tempdir()?;
            copy_dir(&from, to.path())?;
            Ok(Self(to))
        };
        copy().map(Some).map_err(|source| StoreError::io("copy", dir, source))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

fn copy_dir(from: &Path, to: &Path) -> io::Result<()> {
    let link = from.file_name().is_some_and(|name| UNCHANGING.iter().any(|unchanging| name == *unchanging));
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            fs::create_dir(&to)?;
            copy_dir(&from, &to)?;
        } else if link {
            symlink(&from, &to)?;
        } else {
            // Not `fs::copy`, which takes over a mode that may forbid writing.
            io::copy(&mut File::open(&from)?, &mut File::create(&to)?)?;
        }
    }
    Ok(())
}
