//! The ids that are taken: what is new in memory, the rest in sorted runs, few of them by merging.
//!
//! There is no journal: what is only in memory stands in WAL frames behind the mark, and is put in again at the next
//! opening. Runs are written when the ledger asks for durability, or when memory holds many; runs of a like size are
//! merged on a thread of their own. Invariant: an id is in one place only, since one that is taken is never put in
//! again.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Condvar, Mutex, RwLock};

use super::run::{Record, Run, RunWriter, run_name};
use super::{Fingerprint, IdEntry, Mark, Tagger};
use crate::StoreError;
use crate::codec::{Fields, Short, checked};
use crate::disk::{Disk, parent, random, read_file, remove_if_there, replace_file};

const MAGIC: [u8; 8] = *b"IDLIDM\0\x01";
/// Ids in memory that become a run without being asked for.
const FRESH_MAX: usize = 1 << 20;
/// Runs of a like size that are merged.
const MERGE_FACTOR: usize = 8;
/// Ids in a run of the lowest tier at most; each further tier is larger by the merge factor.
const TIER: u64 = 1 << 17;

type Fresh = HashMap<Fingerprint, IdEntry, BuildHasherDefault<FirstBytes>>;

/// Fingerprints are uniform: their first bytes are as good a hash as any.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// The length of an array says nothing.
    fn write_usize(&mut self, _: usize) {}
}

/// What the manifest file says.
#[derive(Clone)]
struct Manifest {
    secret: [u8; 32],
    mark: Option<Mark>,
    next: u64,
    runs: Vec<u64>,
}

/// The set of runs. Shared with the thread that merges.
pub(super) struct Runs {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    log_id: [u8; 16],
    tagger: Tagger,
    view: RwLock<View>,
    /// The manifest as it is on disk; held while a run is added or merged.
    manifest: Mutex<Manifest>,
    merge_due: Mutex<bool>,
    due_changed: Condvar,
    closing: AtomicBool,
}

/// Everything that is taken, at one moment.
#[derive(Default)]
struct View {
    fresh: Fresh,
    /// What is being written as a run.
    frozen: Arc<Fresh>,
    /// In the order in which they were made.
    runs: Arc<Vec<Arc<Run>>>,
    mark: Option<Mark>,
}

impl Runs {
    /// Opens the runs of this log in `dir`, or `None` if there are none.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if what is there is damaged, another log's or of another version: it can be thrown away
    /// and filled again.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        log_id: &[u8; 16],
    ) -> Result<Option<Self>, StoreError> {
        let path = manifest_path(dir);
        let Some(bytes) = read_file(&*disk, &path)? else { return Ok(None) };
        let manifest = parse(&bytes, log_id).ok_or_else(|| {
            StoreError::corrupt(&path, 0, "it is damaged, another log's or of another version")
        })?;
        let runs: Result<_, _> =
            manifest.runs.iter().map(|run| Run::open(&*disk, dir, *run, log_id).map(Arc::new)).collect();
        Ok(Some(Self::new(disk, dir, log_id, manifest, runs?)))
    }

    /// Makes an empty set with a secret of its own.
    pub(super) fn create(disk: Arc<dyn Disk>, dir: &Path, log_id: &[u8; 16]) -> Result<Self, StoreError> {
        let made = disk.create_dir(dir).and_then(|()| disk.sync_dir(parent(dir)));
        made.map_err(|source| StoreError::io("create", dir, source))?;
        let manifest = Manifest { secret: random(&*disk)?, mark: None, next: 1, runs: Vec::new() };
        replace_file(&*disk, &manifest_path(dir), &encode(&manifest, log_id))?;
        Ok(Self::new(disk, dir, log_id, manifest, Vec::new()))
    }

    fn new(
        disk: Arc<dyn Disk>,
        dir: &Path,
        log_id: &[u8; 16],
        manifest: Manifest,
        runs: Vec<Arc<Run>>,
    ) -> Self {
        Self {
            disk,
            dir: dir.to_owned(),
            log_id: *log_id,
            tagger: Tagger(manifest.secret),
            view: RwLock::new(View { runs: Arc::new(runs), mark: manifest.mark, ..View::default() }),
            manifest: Mutex::new(manifest),
            merge_due: Mutex::new(true),
            due_changed: Condvar::new(),
            closing: AtomicBool::new(false),
        }
    }

    pub(super) fn tagger(&self) -> Tagger {
        self.tagger.clone()
    }

    pub(super) fn mark(&self) -> Option<Mark> {
        self.view.read().mark
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<IdEntry>, StoreError> {
        let key = self.tagger.fingerprint(key);
        let runs = {
            let view = self.view.read();
            if let Some(entry) = view.fresh.get(&key).or_else(|| view.frozen.get(&key)) {
                return Ok(Some(*entry));
            }
            view.runs.clone()
        };
        // An id that was free again after retention is in several; its newest event has it. Where a run does not have it,
        // its filter mostly knows.
        let mut newest: Option<IdEntry> = None;
        for run in runs.iter().rev() {
            newest = newest.into_iter().chain(run.get(&key)?).max_by_key(|entry| entry.index);
        }
        Ok(newest)
    }

    /// Puts ids in, together with the mark that says how far they reach.
    pub(super) fn apply(&self, ids: &[(Vec<u8>, IdEntry)], mark: Option<Mark>) {
        let keyed: Vec<_> = ids.iter().map(|(key, entry)| (self.tagger.fingerprint(key), *entry)).collect();
        let mut view = self.view.write();
        view.fresh.extend(keyed);
        view.mark = mark.or(view.mark);
        let many = view.fresh.len() >= FRESH_MAX;
        drop(view);
        // They are in; that they can't be written now is told by whoever has to make them durable.
        if many && let Err(error) = self.persist() {
            tracing::warn!(%error, "the id index grows in memory, since it can't be written");
        }
    }

    /// Makes everything put in durable.
    pub(super) fn persist(&self) -> Result<(), StoreError> {
        let mut manifest = self.manifest.lock();
        let (frozen, mark) = {
            let mut view = self.view.write();
            view.frozen = Arc::new(std::mem::take(&mut view.fresh));
            (view.frozen.clone(), view.mark)
        };
        let written = self.write(&mut manifest, &frozen, mark);
        let mut view = self.view.write();
        view.frozen = Arc::default();
        match written {
            Ok(run) => Arc::make_mut(&mut view.runs).extend(run.map(Arc::new)),
            Err(error) => {
                view.fresh.extend(frozen.iter().map(|(key, entry)| (*key, *entry)));
                return Err(error);
            }
        }
        drop((view, manifest));
        self.ask_for_merge();
        Ok(())
    }

    fn write(
        &self,
        manifest: &mut Manifest,
        fresh: &Fresh,
        mark: Option<Mark>,
    ) -> Result<Option<Run>, StoreError> {
        if fresh.is_empty() && mark == manifest.mark {
            return Ok(None);
        }
        let number = manifest.next;
        if !fresh.is_empty() {
            // Never used again, even where this fails: half of it may be on disk, manifest and all.
            manifest.next += 1;
        }
        let mut next = Manifest { mark, ..manifest.clone() };
        let mut run = None;
        if !fresh.is_empty() {
            let mut keys: Vec<_> =
                fresh.iter().map(|(key, entry)| Record { key: *key, entry: *entry }).collect();
            keys.sort_unstable_by_key(|record| record.key);
            let mut writer =
                RunWriter::create(&*self.disk, &self.dir, number, &self.log_id, keys.len() as u64)?;
            keys.iter().try_for_each(|record| writer.push(record))?;
            writer.finish()?;
            run = Some(Run::open(&*self.disk, &self.dir, number, &self.log_id)?);
            next.runs.push(number);
        }
        replace_file(&*self.disk, &manifest_path(&self.dir), &encode(&next, &self.log_id))?;
        *manifest = next;
        Ok(run)
    }

    /// Number of ids.
    pub(super) fn count(&self) -> u64 {
        let view = self.view.read();
        view.runs.iter().map(|run| run.count).sum::<u64>() + (view.fresh.len() + view.frozen.len()) as u64
    }

    /// Forgets everything but the secret.
    pub(super) fn clear(&self) -> Result<(), StoreError> {
        let mut manifest = self.manifest.lock();
        let next = Manifest { mark: None, runs: Vec::new(), ..manifest.clone() };
        replace_file(&*self.disk, &manifest_path(&self.dir), &encode(&next, &self.log_id))?;
        let old = std::mem::replace(&mut *manifest, next).runs;
        *self.view.write() = View::default();
        self.remove(&old)
    }

    /// Removes the files in the directory that the manifest does not name.
    pub(super) fn sweep(&self) -> Result<(), StoreError> {
        let manifest = self.manifest.lock();
        let names = self.disk.list(&self.dir).map_err(|source| StoreError::io("list", &self.dir, source))?;
        let known: Vec<String> = manifest.runs.iter().map(|run| run_name(*run)).collect();
        for name in names.iter().filter(|name| name.ends_with(".run") || name.ends_with(".tmp")) {
            if !known.contains(name) {
                let path = self.dir.join(name);
                remove_if_there(&*self.disk, &path)
                    .map_err(|source| StoreError::io("remove", &path, source))?;
            }
        }
        Ok(())
    }

    fn remove(&self, runs: &[u64]) -> Result<(), StoreError> {
        for run in runs {
            let path = self.dir.join(run_name(*run));
            remove_if_there(&*self.disk, &path).map_err(|source| StoreError::io("remove", &path, source))?;
        }
        Ok(())
    }

    /// Merges runs until it is told to end; what fails is tried again when the next run comes.
    pub(super) fn merge_until_closed(&self) {
        while self.wait_for_merge() {
            let merged = loop {
                match self.merge_once() {
                    Ok(true) => {}
                    Ok(false) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            if let Err(error) = merged {
                tracing::warn!(%error, "runs of the id index were not merged; tried again later");
            }
        }
    }

    fn ask_for_merge(&self) {
        *self.merge_due.lock() = true;
        self.due_changed.notify_all();
    }

    fn wait_for_merge(&self) -> bool {
        let mut due = self.merge_due.lock();
        while !*due && !self.closing.load(Ordering::Acquire) {
            self.due_changed.wait(&mut due);
        }
        *due = false;
        !self.closing.load(Ordering::Acquire)
    }

    /// Tells the merging thread to end.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.ask_for_merge();
    }

    /// Merges the smallest tier that has enough runs. `false` if none has.
    pub(super) fn merge_once(&self) -> Result<bool, StoreError> {
        let Some(runs) = pick(&self.view.read().runs) else { return Ok(false) };
        let number = {
            // The number is taken at once, so that a run written meanwhile gets another.
            let mut manifest = self.manifest.lock();
            manifest.next += 1;
            manifest.next - 1
        };
        let expected = runs.iter().map(|run| run.count).sum();
        let mut writer = RunWriter::create(&*self.disk, &self.dir, number, &self.log_id, expected)?;
        let mut cursors: Vec<_> = runs.iter().map(|run| run.cursor()).collect();
        let mut steps = 0_u32;
        let mut held: Option<Record> = None;
        loop {
            let mut least: Option<(usize, Record)> = None;
            for (at, cursor) in cursors.iter_mut().enumerate() {
                if let Some(record) = cursor.peek()?
                    && least.is_none_or(|(_, least)| record.key < least.key)
                {
                    least = Some((at, record));
                }
            }
            let Some((at, record)) = least else { break };
            cursors[at].step();
            // Of an id in several runs its newest event counts.
            held = Some(match held {
                Some(held) if held.key == record.key && held.entry.index >= record.entry.index => held,
                Some(held) if held.key == record.key => record,
                before => {
                    before.iter().try_for_each(|before| writer.push(before))?;
                    record
                }
            });
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(1 << 16) && self.closing.load(Ordering::Acquire) {
                // The half-made file goes at the next opening.
                return Ok(false);
            }
        }
        held.iter().try_for_each(|last| writer.push(last))?;
        writer.finish()?;
        let merged = Arc::new(Run::open(&*self.disk, &self.dir, number, &self.log_id)?);
        self.replace(&runs, merged)?;
        Ok(true)
    }

    fn replace(&self, old: &[Arc<Run>], merged: Arc<Run>) -> Result<(), StoreError> {
        let old: Vec<u64> = old.iter().map(|run| run.number).collect();
        let mut manifest = self.manifest.lock();
        if !old.iter().all(|run| manifest.runs.contains(run)) {
            // Everything was forgotten meanwhile.
            return self.remove(&[merged.number]);
        }
        let mut next = manifest.clone();
        next.runs.retain(|run| !old.contains(run));
        // Merged ids are older than those of runs that came since.
        next.runs.insert(0, merged.number);
        replace_file(&*self.disk, &manifest_path(&self.dir), &encode(&next, &self.log_id))?;
        *manifest = next;
        let mut view = self.view.write();
        let runs = Arc::make_mut(&mut view.runs);
        runs.retain(|run| !old.contains(&run.number));
        runs.insert(0, merged);
        drop((view, manifest));
        self.remove(&old)
    }
}

/// All runs of the smallest tier that has enough of them.
fn pick(runs: &[Arc<Run>]) -> Option<Vec<Arc<Run>>> {
    let tier = |count: u64| {
        let (mut tier, mut limit) = (0, TIER);
        while count > limit {
            (tier, limit) = (tier + 1, limit.saturating_mul(MERGE_FACTOR as u64));
        }
        tier
    };
    let of_tier = |wanted: u32| runs.iter().filter(move |run| tier(run.count) == wanted);
    (0..=tier(u64::MAX))
        .find(|wanted| of_tier(*wanted).count() >= MERGE_FACTOR)
        .map(|wanted| of_tier(wanted).cloned().collect())
}

fn manifest_path(dir: &Path) -> PathBuf {
    dir.join("manifest")
}

fn encode(manifest: &Manifest, log_id: &[u8; 16]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(log_id);
    out.extend_from_slice(&manifest.secret);
    let mark = manifest.mark.unwrap_or(Mark { frame: 0, size: 0, leaf: [0; 32] });
    out.push(u8::from(manifest.mark.is_some()));
    out.extend_from_slice(&mark.frame.to_be_bytes());
    out.extend_from_slice(&mark.size.to_be_bytes());
    out.extend_from_slice(&mark.leaf);
    out.extend_from_slice(&manifest.next.to_be_bytes());
    manifest.runs.iter().for_each(|run| out.extend_from_slice(&run.to_be_bytes()));
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_be_bytes());
    out
}

fn parse(bytes: &[u8], log_id: &[u8; 16]) -> Option<Manifest> {
    let mut fields = Fields::new(checked(bytes)?);
    let mut read = || {
        let ours = fields.array()? == MAGIC && fields.array()? == *log_id;
        let secret = fields.array()?;
        let marked = fields.u8()? == 1;
        let mark = Mark { frame: fields.u64()?, size: fields.u64()?, leaf: fields.array()? };
        let next = fields.u64()?;
        let mut runs = Vec::new();
        while !fields.is_empty() {
            runs.push(fields.u64()?);
        }
        Ok::<_, Short>(ours.then_some(Manifest { secret, mark: marked.then_some(mark), next, runs }))
    };
    read().ok().flatten()
}

#[cfg(test)]
mod tests;
