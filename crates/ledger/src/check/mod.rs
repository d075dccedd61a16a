//! The check of everything against everything, for a ledger whose server is stopped.
//!
//! It believes no file: entries are derived again from content, chains followed from their first entry, the tree
//! built again and every stored hash compared with it. It changes nothing, and does not
//! look at idempotency keys, which nothing else can vouch for. A problem is something that does not hold; an error means that nobody can tell.

mod files;
mod walk;

use std::path::Path;
use std::sync::Arc;

use indelible_merkle::{Hash, SigningKey};

use crate::disk::{DirLock, Disk, RealDisk};
use crate::files::{Manifest, Released, ReleasedFile, load_key, load_term};
use crate::ids::{DiskIds, Ids};
use crate::shared::Paths;
use crate::{CheckError, StoreError};
use walk::Walker;

/// Problems kept in a report; the others are only counted.
const PROBLEMS_KEPT: usize = 1000;

/// How far a check has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckProgress {
    /// Entries checked.
    pub done: u64,
    /// Entries that are there at least, by what was released; the end of the WAL may lie behind it.
    pub size: u64,
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckProblem {
    /// The file, with an offset in bytes or an index.
    pub place: String,
    /// What was expected and what was found.
    pub what: String,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// The log's name in checkpoints.
    pub origin: String,
    /// The log's public key as C2SP writes it.
    pub vkey: String,
    /// Entries found and checked.
    pub entries: u64,
    /// Root hash over them, as computed by the check.
    pub root: Hash,
    /// Entries in content segments.
    pub sealed_entries: u64,
    /// Chains.
    pub chains: u64,
    /// Content segments.
    pub content_segments: u64,
    /// Blocks in them.
    pub content_blocks: u64,
    /// WAL frames behind the sealed ones.
    pub wal_frames: u64,
    /// Hashes in the tree files that were compared.
    pub tree_hashes: u64,
    /// Entries whose content was removed.
    pub removed: u64,
    /// Ids that were compared.
    pub ids: u64,
    /// Size of the newest checkpoint known to have left the machine.
    pub released_size: u64,
    /// Worth knowing, but nothing wrong: a torn tail that was never acknowledged, an id index to be filled.
    pub notes: Vec<String>,
    /// The first thousand problems.
    pub problems: Vec<CheckProblem>,
    /// All problems.
    pub problems_total: u64,
}

impl CheckReport {
    /// Whether everything holds.
    pub fn is_ok(&self) -> bool {
        self.problems_total == 0
    }

    fn problem(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.problems_total += 1;
        if self.problems.len() < PROBLEMS_KEPT {
            self.problems.push(CheckProblem { place: place.into(), what: what.into() });
        }
    }

    /// Notes damage as a problem and goes on; whatever else keeps from reading is an error.
    fn note<T>(&mut self, result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::Corrupt { file, offset, what }) => {
                self.problem(format!("{} at offset {offset}", file.display()), what);
                Ok(None)
            }
            Err(StoreError::Io { path, source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                self.problem(path.display().to_string(), "the file is missing");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Checks the ledger in `dir`: entries, chains, content, tree files, roots, frames, released checkpoint, manifest
/// and id index, each against the others.
///
/// `on_progress` is called every few thousand entries.
///
/// # Errors
/// Where no verdict can be found: [`StoreError::Locked`] while a server runs, [`StoreError::Io`],
/// [`StoreError::Version`]; [`StoreError::Corrupt`] only where there is no ledger at all.
pub fn check(dir: &Path, on_progress: &dyn Fn(CheckProgress)) -> Result<CheckReport, CheckError> {
    let paths = Paths::of(dir);
    let _lock = DirLock::share_existing(&paths.lock)?;
    let open_ids =
        |paths: &Paths, log_id: &[u8; 16]| DiskIds::open_read_only(Arc::new(RealDisk), paths, log_id);
    check_on(&RealDisk, &paths, &open_ids, on_progress)
}

/// How the check gets the id index; `None` where there is none.
pub(crate) type OpenIds<'a> = &'a dyn Fn(&Paths, &[u8; 16]) -> Result<Option<Arc<dyn Ids>>, StoreError>;

/// [`check`] on any disk.
pub(crate) fn check_on(
    disk: &dyn Disk,
    paths: &Paths,
    open_ids: OpenIds<'_>,
    on_progress: &dyn Fn(CheckProgress),
) -> Result<CheckReport, CheckError> {
    let mut report = CheckReport::default();
    let loaded = match Manifest::load(disk, &paths.manifest) {
        Ok(None) => {
            return Err(StoreError::no_ledger(&paths.manifest));
        }
        Ok(Some(manifest)) => Ok(manifest),
        Err(error) => Err(error),
    };
    // Without the manifest nothing says what the other files should hold.
    let Some(manifest) = report.note(loaded)? else { return Ok(report) };
    (report.origin, report.vkey) = (manifest.origin.clone(), manifest.vkey.clone());
    if let Some(key) = report.note(load_key(disk, &paths.key))? {
        check_key(&mut report, paths, &manifest, &key);
    }
    let term = report.note(load_term(disk, &paths.term, &manifest.log_id))?;
    let released = report.note(ReleasedFile::load(disk, &paths.released, &manifest.log_id))?;
    report.notes.extend(released.and_then(|floor| floor.damage()));
    let released = released.map(|floor| floor.newest);
    let ids = match report.note(open_ids(paths, &manifest.log_id))? {
        Some(None) => {
            report.notes.push(
                "the id index is missing or another log's; the next start fills it from the ledger"
                    .to_owned(),
            );
            None
        }
        Some(found) => found,
        None => None,
    };
    let mut walker = Walker::new(disk, paths, &manifest, released, ids.as_deref(), on_progress, report)?;
    walker.sealed()?;
    walker.wal(term.unwrap_or(u64::MAX))?;
    walker.finish()
}

fn check_key(report: &mut CheckReport, paths: &Paths, manifest: &Manifest, key: &SigningKey) {
    if key.verifier().to_string() != manifest.vkey {
        let what = format!("the key is {}, the manifest names {}", key.verifier(), manifest.vkey);
        report.problem(paths.key.display().to_string(), what);
    }
    if key.verifier().name() != manifest.origin {
        let what = format!("the key is named {}, the log {}", key.verifier().name(), manifest.origin);
        report.problem(paths.key.display().to_string(), what);
    }
}

/// The released checkpoint against the tree that the entries give.
fn check_released(report: &mut CheckReport, paths: &Paths, released: &Released, root: Option<Hash>) {
    report.released_size = released.size;
    let place = paths.released.display().to_string();
    match root {
        Some(root) if root == released.root => {}
        Some(_) => {
            report.problem(
                place,
                format!("the entries do not give the root released at size {}", released.size),
            );
        }
        None => {
            let what = format!("size {} was released, {} entries are there", released.size, report.entries);
            report.problem(place, what);
        }
    }
}
