//! An open split.
//!
//! It covers the leaf indices `first..end`; its documents are the events among them, in ledger order. What is read once
//! (zones, tenants, where blocks and columns are) is held in memory, everything else is read when it is asked for.
//! Invariant: leaf indices ascend, so a document number orders like an index.

use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::file::{Extent, SplitFile};
use super::format::{self, Directory, HEADER_LEN, MAGIC, TENANT, TRAILER_LEN, VERSION};
use super::lateness::Lateness;
use super::lists::zone_docs;
use super::lookup::BlockCache;
use crate::error::SearchError;
use crate::manifest::{SplitMeta, splits_dir};
use crate::zone::Zone;

/// An open split.
pub(crate) struct Split {
    pub(crate) meta: SplitMeta,
    pub(crate) zones: Vec<Zone>,
    /// The zones by their latest time, latest first.
    pub(crate) latest_first: Vec<u32>,
    /// The zones by their earliest time, earliest first.
    pub(crate) earliest_first: Vec<u32>,
    /// The zone of all its events.
    pub(crate) span: Zone,
    /// Tenant numbers with their numbers of events, ascending.
    pub(crate) tenants: Vec<(u64, u32)>,
    pub(super) file: Arc<SplitFile>,
    pub(super) directory: Directory,
    pub(super) blocks: BlockCache,
    pub(super) lateness: OnceLock<Lateness>,
    /// Set when it was replaced: its file goes when the last reader lets go of it.
    replaced: AtomicBool,
}

impl Drop for Split {
    fn drop(&mut self) {
        if self.replaced.load(Ordering::Acquire) {
            // What can't be removed now is removed at the next start: the manifest no longer names it.
            if let Err(error) = std::fs::remove_file(self.file.path()) {
                tracing::debug!(%error, split = self.meta.name, "old split not removed yet");
            }
        }
    }
}

impl Split {
    /// Opens the split of `meta`, which is of the log `log`, under `root`.
    ///
    /// # Errors
    /// When the file is missing or its contents contradict the manifest.
    pub(crate) fn open(root: &Path, meta: SplitMeta, log: &[u8; 16]) -> Result<Split, SearchError> {
        let path = splits_dir(root).join(&meta.name);
        Self::open_file(&path, meta, log)
    }

    /// Opens the split of `meta` that lies at `path`.
    pub(super) fn open_file(path: &Path, meta: SplitMeta, log: &[u8; 16]) -> Result<Split, SearchError> {
        let file = Arc::new(SplitFile::open(path.to_owned(), meta.name.clone())?);
        let directory = read_directory(&file, &meta, log)?;
        let zones = directory.zones.clone();
        let mut span = Zone::EMPTY;
        for zone in &zones {
            span.add(zone.time_min, zone.received_min);
            span.add(zone.time_max, zone.received_max);
        }
        let mut latest_first: Vec<u32> = (0..zones.len() as u32).collect();
        let mut earliest_first = latest_first.clone();
        latest_first.sort_by_key(|&zone| std::cmp::Reverse(zones[zone as usize].time_max));
        earliest_first.sort_by_key(|&zone| zones[zone as usize].time_min);
        let mut split = Split {
            meta,
            zones,
            latest_first,
            earliest_first,
            span,
            tenants: Vec::new(),
            file,
            directory,
            blocks: BlockCache::default(),
            lateness: OnceLock::new(),
            replaced: AtomicBool::new(false),
        };
        split.tenants = split.read_tenants()?;
        split.check_range()?;
        Ok(split)
    }

    /// Its documents have to lie among the entries that the manifest says.
    fn check_range(&self) -> Result<(), SearchError> {
        let Some(last_zone) = (self.zones.len() as u32).checked_sub(1) else { return Ok(()) };
        let mut leaves = Vec::new();
        self.leaves(last_zone, &mut leaves)?;
        let first = self.directory.first_leaves.first();
        let inside = first.is_none_or(|first| *first >= self.meta.first)
            && leaves.last().is_none_or(|last| *last < self.meta.end);
        if inside { Ok(()) } else { Err(self.file.damaged("it has other entries than the manifest says")) }
    }

    fn read_tenants(&self) -> Result<Vec<(u64, u32)>, SearchError> {
        let mut tenants = Vec::new();
        let mut odd = false;
        self.scan(TENANT, (Bound::Unbounded, Bound::Unbounded), &mut |term, _, docs| {
            let number = <[u8; 8]>::try_from(term).map(u64::from_be_bytes);
            odd |= number.is_err();
            tenants.extend(number.map(|number| (number, docs)));
            ControlFlow::Continue(())
        })?;
        let total: u64 = tenants.iter().map(|(_, docs)| u64::from(*docs)).sum();
        if odd || total != u64::from(self.docs()) {
            return Err(self.file.damaged("not every event has one tenant"));
        }
        Ok(tenants)
    }

    /// The number of its documents.
    pub(crate) fn docs(&self) -> u32 {
        self.directory.docs
    }

    /// The number of documents in a zone: 1,024, or fewer in the last.
    pub(crate) fn zone_docs(&self, zone: u32) -> u32 {
        zone_docs(self.docs(), zone)
    }

    /// The error that says what is wrong with this split.
    pub(super) fn damaged(&self, what: &'static str) -> SearchError {
        self.file.damaged(what)
    }

    /// Lets its file be removed once nobody reads it any more.
    pub(crate) fn retire(&self) {
        self.replaced.store(true, Ordering::Release);
    }
}

fn read_directory(file: &SplitFile, meta: &SplitMeta, log: &[u8; 16]) -> Result<Directory, SearchError> {
    let docs = u32::try_from(meta.events).map_err(|_| file.damaged("it has more events than it can have"))?;
    let end = file.len().checked_sub(TRAILER_LEN as u64).filter(|end| *end >= HEADER_LEN as u64);
    let end = end.ok_or_else(|| file.damaged("it is too short"))?;
    let header = file.read(Extent { start: 0, len: HEADER_LEN })?;
    if header[..8] != MAGIC || header[8..12] != VERSION.to_le_bytes() {
        return Err(file.damaged("it is no split of this version"));
    }
    if header != format::header(log) {
        return Err(file.damaged("it belongs to another log"));
    }
    let trailer = file.read(Extent { start: end, len: TRAILER_LEN })?;
    let placed = format::read_trailer(&trailer).filter(|(extent, _)| {
        extent.start >= HEADER_LEN as u64 && extent.start.checked_add(extent.len as u64) == Some(end)
    });
    let (extent, crc) = placed.ok_or_else(|| file.damaged("its trailer is not one"))?;
    let bytes = file.read(extent)?;
    if crc32fast::hash(&bytes) != crc {
        return Err(file.damaged("its directory has another checksum"));
    }
    Directory::read(&bytes, docs).ok_or_else(|| file.damaged("its directory contradicts itself"))
}
