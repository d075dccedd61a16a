//! One run of the id index: ids that were taken, sorted by fingerprint, in a file that never changes.
//!
//! A file is a header page, pages of records with a CRC each, and a closing part that is kept in memory: the first
//! fingerprint of every page and a filter that says of most fingerprints that they are not there. Looking up an id
//! that is new costs a cache line, one that is taken one page more. Invariant: records ascend by fingerprint,
//! strictly.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::filter::Filter;
use super::{Fingerprint, IdEntry};
use crate::StoreError;
use crate::codec::{Fields, Short, checked};
use crate::disk::{Access, Disk, DiskFile, parent, read_at, remove_if_there};

const MAGIC: [u8; 8] = *b"IDLIDR\0\x01";
const PAGE: usize = 4096;
const RECORD: usize = 30;
const PER_PAGE: usize = (PAGE - 4) / RECORD;
/// Bytes written or read at once while runs are made and merged.
const CHUNK_PAGES: usize = 64;

/// An id that is taken, as a run has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: Fingerprint,
    pub(super) entry: IdEntry,
}

/// An open run.
pub(super) struct Run {
    pub(super) number: u64,
    pub(super) count: u64,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    /// The first 8 bytes of each page's first fingerprint.
    firsts: Vec<u64>,
    filter: Filter,
}

/// The name of a run's file.
pub(super) fn run_name(number: u64) -> String {
    format!("{number:016x}.run")
}

impl Run {
    /// Opens the run `number` of this log in `dir`.
    pub(super) fn open(
        disk: &dyn Disk,
        dir: &Path,
        number: u64,
        log_id: &[u8; 16],
    ) -> Result<Self, StoreError> {
        let path = dir.join(run_name(number));
        let file = disk.open(&path, Access::Read).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => StoreError::corrupt(&path, 0, "the run is missing"),
            _ => StoreError::io("open", &path, source),
        })?;
        let damaged = |offset: usize, what: &str| StoreError::corrupt(&path, offset as u64, what);
        let header = read_at(&*file, &path, 0, PAGE)?;
        let header = checked(&header).ok_or_else(|| damaged(0, "the header's checksum does not match"))?;
        let mut fields = Fields::new(header);
        let mut parse = || {
            let ours = fields.array()? == MAGIC && fields.array()? == *log_id;
            Ok::<_, Short>((ours, fields.u64()?, fields.u64()?))
        };
        let (ours, count, blocks) = parse().map_err(|Short| damaged(0, "the header is short"))?;
        if !ours {
            return Err(damaged(0, "it is another log's, or of another version"));
        }
        // The length decides before anything of that size is allocated.
        let len = file.len().map_err(|source| StoreError::io("measure", &path, source))?;
        let pages = count.div_ceil(PER_PAGE as u64);
        let expected = u128::from(pages) * (PAGE as u128 + 8)
            + u128::from(blocks) * Filter::BLOCK_BYTES as u128
            + PAGE as u128
            + 4;
        if u128::from(len) != expected {
            return Err(damaged(0, &format!("it has {len} bytes where its header means {expected}")));
        }
        let start = PAGE as u64 * (pages + 1);
        let closing = read_at(&*file, &path, start, usize::try_from(len - start).expect("fits memory"))?;
        let closing = checked(&closing)
            .ok_or_else(|| StoreError::corrupt(&path, start, "the closing part's checksum does not match"))?;
        let (firsts, filter) = closing.split_at(usize::try_from(pages).expect("pages fit memory") * 8);
        let firsts = firsts.as_chunks::<8>().0.iter().map(|first| u64::from_be_bytes(*first)).collect();
        let filter = Filter::from_bytes(filter);
        Ok(Self { number, count, path, file, firsts, filter })
    }

    /// The entry of a fingerprint.
    pub(super) fn get(&self, key: &Fingerprint) -> Result<Option<IdEntry>, StoreError> {
        if !self.filter.may_have(key) {
            return Ok(None);
        }
        let first = first_of(key);
        // Pages that begin with the same 8 bytes: the record may be in any of them, or in the one before.
        let mut page = self.firsts.partition_point(|page| *page < first).saturating_sub(1);
        while page < self.firsts.len() && self.firsts[page] <= first {
            let records = self.page(page)?;
            if let Ok(at) = records.binary_search_by(|record| record.key.cmp(key)) {
                return Ok(Some(records[at].entry));
            }
            page += 1;
        }
        Ok(None)
    }

    fn page(&self, page: usize) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::with_capacity(PER_PAGE);
        self.pages(page, 1, &mut records)?;
        Ok(records)
    }

    /// Appends the records of `number` pages from `page` on.
    fn pages(&self, page: usize, number: usize, into: &mut Vec<Record>) -> Result<(), StoreError> {
        let offset = (PAGE * (page + 1)) as u64;
        let bytes = read_at(&*self.file, &self.path, offset, PAGE * number)?;
        for (at, bytes) in (page..).zip(bytes.as_chunks::<PAGE>().0) {
            let body = checked(bytes).ok_or_else(|| {
                let offset = (PAGE * (at + 1)) as u64;
                StoreError::corrupt(&self.path, offset, "the page's checksum does not match")
            })?;
            let left = self.count - (at * PER_PAGE) as u64;
            let held = PER_PAGE.min(usize::try_from(left).unwrap_or(PER_PAGE));
            into.extend(body.as_chunks::<RECORD>().0[..held].iter().map(decode));
        }
        Ok(())
    }

    /// All its records, in order.
    pub(super) fn cursor(&self) -> Cursor<'_> {
        Cursor { run: self, page: 0, records: Vec::new(), at: 0 }
    }
}

/// Goes over the records of a run, a chunk of pages at a time.
pub(super) struct Cursor<'r> {
    run: &'r Run,
    page: usize,
    records: Vec<Record>,
    at: usize,
}

impl Cursor<'_> {
    /// The next record, without taking it.
    pub(super) fn peek(&mut self) -> Result<Option<Record>, StoreError> {
        if self.at == self.records.len() {
            let number = CHUNK_PAGES.min(self.run.firsts.len() - self.page);
            (self.at, self.page) = (0, self.page + number);
            self.records.clear();
            if number > 0 {
                self.run.pages(self.page - number, number, &mut self.records)?;
            }
        }
        Ok(self.records.get(self.at).copied())
    }

    /// Goes on behind the record that was looked at.
    pub(super) fn step(&mut self) {
        self.at += 1;
    }
}

/// Writes a run, record by record.
pub(super) struct RunWriter<'d> {
    disk: &'d dyn Disk,
    path: PathBuf,
    staged: PathBuf,
    file: Arc<dyn DiskFile>,
    log_id: [u8; 16],
    count: u64,
    filter: Filter,
    firsts: Vec<u8>,
    /// Pages that are not written yet, and records of the page that grows.
    buffer: Vec<u8>,
    written: u64,
}

impl<'d> RunWriter<'d> {
    /// Begins the run `number` in `dir`, of about `expected` records.
    pub(super) fn create(
        disk: &'d dyn Disk,
        dir: &Path,
        number: u64,
        log_id: &[u8; 16],
        expected: u64,
    ) -> Result<Self, StoreError> {
        let path = dir.join(run_name(number));
        let staged = path.with_extension("tmp");
        let file = remove_if_there(disk, &staged)
            .and_then(|()| disk.open(&staged, Access::Create))
            .map_err(|source| StoreError::io("create", &staged, source))?;
        let (firsts, buffer) = (Vec::new(), Vec::with_capacity(PAGE * (CHUNK_PAGES + 1)));
        let (filter, written) = (Filter::for_count(expected), PAGE as u64);
        Ok(Self { disk, path, staged, file, log_id: *log_id, count: 0, filter, firsts, buffer, written })
    }

    /// Adds a record whose fingerprint is above all before it.
    pub(super) fn push(&mut self, record: &Record) -> Result<(), StoreError> {
        if self.count.is_multiple_of(PER_PAGE as u64) {
            self.close_page();
            if self.buffer.len() >= PAGE * CHUNK_PAGES {
                self.flush()?;
            }
            self.firsts.extend_from_slice(&first_of(&record.key).to_be_bytes());
        }
        self.filter.add(&record.key);
        self.buffer.extend_from_slice(&record.key);
        self.buffer.extend_from_slice(&record.entry.index.to_be_bytes()[2..]);
        self.buffer.extend_from_slice(&record.entry.tag);
        self.count += 1;
        Ok(())
    }

    fn close_page(&mut self) {
        let begun = self.buffer.len() % PAGE;
        if begun > 0 {
            let start = self.buffer.len() - begun;
            self.buffer.resize(start + PAGE - 4, 0);
            let crc = crc32fast::hash(&self.buffer[start..]);
            self.buffer.extend_from_slice(&crc.to_be_bytes());
        }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.file
            .write_all_at(&self.buffer, self.written)
            .map_err(|source| StoreError::io("write", &self.staged, source))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Closes the run: durable, and by its name, when this returns.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        self.close_page();
        self.flush()?;
        let closing = [std::mem::take(&mut self.firsts), self.filter.to_bytes()].concat();
        let crc = crc32fast::hash(&closing);
        self.buffer = closing;
        self.buffer.extend_from_slice(&crc.to_be_bytes());
        self.flush()?;
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(&self.log_id);
        header.extend_from_slice(&self.count.to_be_bytes());
        header.extend_from_slice(&self.filter.blocks().to_be_bytes());
        header.resize(PAGE - 4, 0);
        let crc = crc32fast::hash(&header);
        header.extend_from_slice(&crc.to_be_bytes());
        let Self { disk, path, staged, file, .. } = self;
        let put = || {
            file.write_all_at(&header, 0)?;
            file.sync()?;
            disk.rename(&staged, &path)?;
            disk.sync_dir(parent(&path))
        };
        put().map_err(|source| StoreError::io("write", &path, source))
    }
}

fn decode(bytes: &[u8; RECORD]) -> Record {
    let mut fields = Fields::new(bytes);
    let mut parse = || {
        let key = fields.array()?;
        let mut index = [0; 8];
        index[2..].copy_from_slice(fields.bytes(6)?);
        Ok::<_, Short>(Record {
            key,
            entry: IdEntry { index: u64::from_be_bytes(index), tag: fields.array()? },
        })
    };
    parse().expect("the fields fill a record exactly")
}

/// The 8 bytes that order pages.
fn first_of(key: &Fingerprint) -> u64 {
    u64::from_be_bytes(*key.first_chunk().expect("a fingerprint has 12 bytes"))
}
