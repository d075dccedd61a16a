//! A disk that refuses every change, so that whatever runs on it leaves each file as it found it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{Access, Disk, DiskFile};

/// Another disk without its writes.
pub(crate) struct ReadOnlyDisk(pub(crate) Arc<dyn Disk>);

impl Disk for ReadOnlyDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        match access {
            // Who opens a file for writing reads it as well; the write itself is what is refused.
            Access::Read | Access::Write => Ok(Arc::new(ReadOnlyFile(self.0.open(path, Access::Read)?))),
            Access::Create | Access::CreateSecret => Err(refused()),
        }
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.0.list(dir)
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        self.0.free_bytes(dir)
    }

    fn random(&self, out: &mut [u8]) -> Result<(), getrandom::Error> {
        self.0.random(out)
    }
}

struct ReadOnlyFile(Arc<dyn DiskFile>);

impl DiskFile for ReadOnlyFile {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buf, offset)
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(refused())
    }

    fn sync(&self) -> io::Result<()> {
        Err(refused())
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "the ledger was opened for reading only")
}
