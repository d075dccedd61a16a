//! The disk by itself: how long it takes to make a page durable, and what lies on it afterwards.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

const PAGE: usize = 4096;
/// Samples; the file has a page for each, so that no page is written twice, as in the WAL.
const SYNCS: u32 = 400;

/// Times of writing a page into a pre-zeroed file and `fdatasync`, what an acknowledgement must wait for at least; one
/// write in each `every`, since a disk that rests in between answers later than one that is kept busy.
pub(crate) fn syncs(directory: &Path, every: Duration) -> Result<Vec<Duration>> {
    let path = directory.join("fdatasync");
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
    file.write_all_at(&vec![0; SYNCS as usize * PAGE], 0)?;
    file.sync_all()?;
    File::open(directory)?.sync_all()?;
    let mut times = Vec::new();
    let begin = Instant::now();
    for number in 0..SYNCS {
        thread::sleep((begin + every * number).saturating_duration_since(Instant::now()));
        let page = [number as u8 | 1; PAGE];
        let started = Instant::now();
        file.write_all_at(&page, u64::from(number) * PAGE as u64)?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    drop(file);
    fs::remove_file(path)?;
    Ok(times)
}

/// Bytes that the files below `path` take on the disk.
pub(crate) fn used(path: &Path) -> Result<u64> {
    if !path.exists() {
        return Ok(0);
    }
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        // `st_blocks` counts 512 bytes whatever the file system's block is.
        return Ok(metadata.blocks() * 512);
    }
    fs::read_dir(path)?.map(|entry| used(&entry?.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_files_take_and_not_what_they_claim() {
        let directory = tempfile::tempdir().unwrap();
        let sparse = File::create(directory.path().join("sparse")).unwrap();
        sparse.set_len(1 << 30).unwrap();
        fs::create_dir(directory.path().join("sub")).unwrap();
        fs::write(directory.path().join("sub/file"), vec![1; 10_000]).unwrap();
        File::open(directory.path().join("sub/file")).unwrap().sync_all().unwrap();
        let bytes = used(directory.path()).unwrap();
        assert!((8192..1 << 20).contains(&bytes), "{bytes}");
        assert_eq!(used(&directory.path().join("nothing")).unwrap(), 0);
    }
}
