//! Removing contents: the events stay in the tree with their proofs, what they said is gone from every file.
//!
//! Content segments are written again without the contents, one by one; the manifest names the new file before the old
//! one goes, so a crash leaves either. It is done on the thread that seals, which alone changes manifest and segments.
//! Doing it again changes nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use indelible_verify::Kind;

use crate::content::{ContentSegment, Removed, rewrite_segment, segment_name};
use crate::disk::remove_if_there;
use crate::files::SegmentEntry;
use crate::keeper::Sealer;
use crate::shared::{RemovalStep, RemovalWork, count};
use crate::{RemovalDone, StoreError, Stored};

impl Sealer {
    /// Does what removals ask for.
    pub(crate) fn remove_due(&mut self) {
        let shared = self.shared.clone();
        while let Some(RemovalWork { step, answer }) = { shared.removals.lock().waiting.pop_front() } {
            let done = match step {
                RemovalStep::Rewrite { by, indices } => self.rewrite(by, &indices),
                RemovalStep::Seal => self.seal_through(shared.durable_size()),
            };
            // Whoever asked may be gone; what was done stays done.
            let _ = answer.send(done);
        }
    }

    /// Seals every entry below `size`.
    fn seal_through(&mut self, size: u64) -> Result<RemovalDone, StoreError> {
        while self.manifest.sealed < size && !self.shared.view.read().frames.is_empty() {
            self.seal_next()?;
        }
        // What an earlier call left is done now: only then nothing has the contents any more.
        self.unlink()?;
        self.remove_replaced()?;
        Ok(RemovalDone::default())
    }

    fn rewrite(&mut self, by: u64, indices: &[u64]) -> Result<RemovalDone, StoreError> {
        let shared = self.shared.clone();
        let (Some(first), Some(last)) = (indices.first(), indices.last()) else {
            return Ok(RemovalDone::default());
        };
        // Contents in the WAL go with its segments, once they are sealed and the log went on in another one.
        self.seal_through(last + 1)?;
        self.forget_in_memory(*last);
        let mut done = RemovalDone::default();
        let mut rest = indices;
        let from = self.manifest.segments.partition_point(|segment| segment.end <= *first);
        for at in from..self.manifest.segments.len() {
            if rest.is_empty() {
                break;
            }
            let (here, behind) =
                rest.split_at(rest.partition_point(|index| *index < self.manifest.segments[at].end));
            rest = behind;
            let (removed, before) = self.not_yet_removed(by, here)?;
            done.removed += before;
            if !removed.is_empty() {
                self.rewrite_segment(at, &removed, &mut done)?;
            }
            if self.is_stopping() {
                let source = std::io::Error::other(
                    "the ledger is being closed; the removal goes on when it is asked for again",
                );
                return Err(StoreError::io("rewrite", &shared.paths.content, source));
            }
            // Sealing must not wait until the last one is done: the WAL would grow.
            self.seal_due()?;
        }
        Ok(done)
    }

    fn is_stopping(&self) -> bool {
        self.shared.closing.load(Ordering::Acquire)
    }

    /// What is to stay of these events, without those that have lost their content; and how many have by this removal.
    ///
    /// Each is read and compared with its leaf: a commitment that is written down must be the one that was hashed.
    fn not_yet_removed(&self, by: u64, indices: &[u64]) -> Result<(Vec<Removed>, u64), StoreError> {
        let (mut removed, mut before) = (Vec::with_capacity(indices.len()), 0);
        for index in indices {
            let record = match self.shared.record(*index)? {
                Stored::Whole(record) => record,
                Stored::Removed(entry) => {
                    before += u64::from(entry.by == by);
                    continue;
                }
            };
            if record.entry.kind != Kind::EVENT {
                let what = format!("entry {index} is no event, and only contents of events can be removed");
                return Err(StoreError::Refused { what });
            }
            removed.push(Removed { index: *index, by, commitment: record.entry.commitment });
        }
        Ok((removed, before))
    }

    fn rewrite_segment(
        &mut self,
        at: usize,
        removed: &[Removed],
        done: &mut RemovalDone,
    ) -> Result<(), StoreError> {
        let shared = self.shared.clone();
        let (disk, dir, log_id) = (&*shared.disk, &shared.paths.content, &shared.log_id);
        let old = shared.view.read().segments.get(at).cloned();
        let old = old.filter(|old| old.entry == self.manifest.segments[at]).ok_or_else(|| {
            StoreError::corrupt(&shared.paths.manifest, 0, "the manifest and the open segments differ")
        })?;
        let generation = self.generation_tried.max(old.entry.generation) + 1;
        self.generation_tried = generation;
        let path = dir.join(segment_name(&SegmentEntry { generation, ..old.entry }));
        self.tried.push(path.clone());
        let written = rewrite_segment(disk, dir, log_id, &old, generation, removed)?;
        let mut manifest = self.manifest.clone();
        manifest.generation += 1;
        manifest.segments[at] = written.entry;
        let segment = Arc::new(ContentSegment::open(disk, dir, log_id, written.entry)?);
        manifest.store(disk, &shared.paths.manifest)?;
        self.manifest = manifest;
        shared.view.write().segments[at] = segment;
        shared.cache.clear();
        // Now that a manifest is stored for sure, nothing names what earlier tries have written.
        self.replaced.extend(self.tried.drain(..).filter(|tried| *tried != path));
        self.replaced.push(dir.join(segment_name(&old.entry)));
        self.remove_replaced()?;
        done.removed += removed.len() as u64;
        done.content_bytes += written.content_bytes;
        done.segments += 1;
        done.bytes_before += old.entry.bytes;
        done.bytes_after += written.entry.bytes;
        count(&shared.counters.removed, removed.len() as u64);
        Ok(())
    }

    /// Removes the files of segments that were written again, for good. What fails is done by the next call.
    fn remove_replaced(&mut self) -> Result<(), StoreError> {
        if self.replaced.is_empty() {
            return Ok(());
        }
        let (disk, dir) = (&*self.shared.disk, &self.shared.paths.content);
        for path in &self.replaced {
            remove_if_there(disk, path).map_err(|source| StoreError::io("remove", path, source))?;
        }
        disk.sync_dir(dir).map_err(|source| StoreError::io("sync", dir, source))?;
        self.replaced.clear();
        Ok(())
    }

    /// Lets go of the newest records up to this one: they are read from the segments from now on.
    fn forget_in_memory(&self, last: u64) {
        let mut view = self.shared.view.write();
        while view.ring.front().is_some_and(|record| record.index <= last) {
            if let Some(record) = view.ring.pop_front() {
                view.ring_bytes -= record.memory();
            }
        }
        drop(view);
        self.shared.cache.clear();
    }
}
