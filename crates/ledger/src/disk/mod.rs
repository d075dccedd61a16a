//! The few file operations that durability rests on, so that tests can lose, tear and fail each of them.
//!
//! What each promises: data is safe after [`DiskFile::sync`], a name after [`Disk::sync_dir`] of its directory,
//! nothing before. Nothing here retries.

mod read_only;
mod real;
#[cfg(test)]
pub(crate) mod sim;

use std::io;
use std::path::Path;
use std::sync::Arc;

pub(crate) use read_only::ReadOnlyDisk;
pub(crate) use real::{DirLock, RealDisk};

use crate::StoreError;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// The file must exist.
    Read,
    /// The file must exist.
    Write,
    /// Made empty if absent; readable by the group.
    Create,
    /// Must not exist; for its owner only (mode 0600).
    CreateSecret,
}

/// A file system as the ledger needs it.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Opens one file.
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>>;
    /// Makes a directory; an existing one is fine.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Names in a directory, in any order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Removes a file's name. Durable after [`Disk::sync_dir`].
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Moves a name onto another in the same directory, replacing it atomically. Durable after [`Disk::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Bytes free for this process.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
    /// Fills `out` with random bytes.
    fn random(&self, out: &mut [u8]) -> Result<(), getrandom::Error>;
}

/// An open file.
pub(crate) trait DiskFile: Send + Sync {
    /// Fills `buf` from `offset`; the end of the file before that is `UnexpectedEof`.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`, growing the file where needed. Not durable.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes everything written and the length durable.
    fn sync(&self) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
}

/// The whole content of a file, `None` if no file has that name.
pub(crate) fn read_file(disk: &dyn Disk, path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match disk.open(path, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|source| StoreError::io("open", path, source))?,
    };
    let len = file.len().map_err(|source| StoreError::io("measure", path, source))?;
    read_at(&*file, path, 0, usize::try_from(len).expect("a file read whole fits memory")).map(Some)
}

/// `len` bytes at `offset`.
pub(crate) fn read_at(
    file: &dyn DiskFile,
    path: &Path,
    offset: u64,
    len: usize,
) -> Result<Vec<u8>, StoreError> {
    let mut buf = vec![0; len];
    match file.read_exact_at(&mut buf, offset) {
        Ok(()) => Ok(buf),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(StoreError::corrupt(path, offset, format!("the file ends inside these {len} bytes")))
        }
        Err(source) => Err(StoreError::io("read", path, source)),
    }
}

/// Replaces a file by `bytes` so that a crash leaves the old or the new content, never a mixture.
pub(crate) fn replace_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let fresh = path.with_extension("tmp");
    let write = || {
        remove_if_there(disk, &fresh)?;
        let file = disk.open(&fresh, Access::Create)?;
        file.write_all_at(bytes, 0)?;
        file.sync()?;
        disk.rename(&fresh, path)?;
        disk.sync_dir(parent(path))
    };
    write().map_err(|source| StoreError::io("replace", path, source))
}

/// Random bytes.
pub(crate) fn random<const N: usize>(disk: &dyn Disk) -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    disk.random(&mut bytes).map_err(StoreError::Random)?;
    Ok(bytes)
}

/// Removes a name that may be absent.
pub(crate) fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The directory that holds `path`.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().expect("every ledger file sits in a directory")
}
