//! What happens behind the committer's back: the id index, the released file, spare segments, sealing.
//!
//! None of it delays or fails an append. Trouble here is noted in the status and tried again at the next step.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use indelible_verify::Kind;

use crate::StoreError;
use crate::clock::Clock;
use crate::content::{Block, ContentSegment, SealRow, write_segment};
use crate::disk::remove_if_there;
use crate::files::Manifest;
use crate::ids::IdStore;
use crate::replays::REPLAY_KEPT_US;
use crate::shared::{IdWork, Shared, count};
use crate::wal::{FRAME_ALIGN, FrameAt, Segment, SpareSlot, prepare_spare};
use crate::work::stamp;

/// Records of the tree and the leaf file that may wait in memory.
const UNWRITTEN_MAX: usize = 1 << 16;
/// Idempotency keys forgotten in one step.
const FORGET_STEP: usize = 100_000;
/// Time between two such steps.
const FORGET_EVERY_US: u64 = 60_000_000;
/// Size of the first spare segment after opening; each next one is four times as large, up to the configured
/// size, so that a ledger that is opened often and written little does not write zeros most of the time.
pub(crate) const FIRST_SPARE_BYTES: u64 = 16 << 20;

/// Fills the id index.
pub(crate) struct IdKeeper {
    pub(crate) shared: Arc<Shared>,
    pub(crate) ids: Arc<dyn IdStore>,
}

impl IdKeeper {
    /// Puts everything durable into the index. `false` if that failed; it stays to be done.
    pub(crate) fn step(&self) -> bool {
        let _in_order = self.shared.id_apply.lock();
        let IdWork { batch, .. } = std::mem::take(&mut *self.shared.id_work.lock());
        let Some(mark) = batch.mark else { return true };
        if self.shared.trouble("ids", self.ids.apply(&batch)).is_some() {
            self.shared.ids_size.store(mark.size, Ordering::Release);
            self.shared.ids_frame.store(mark.frame, Ordering::Release);
            return true;
        }
        let mut work = self.shared.id_work.lock();
        let newer = std::mem::replace(&mut work.batch, batch);
        work.batch.ids.extend(newer.ids);
        work.batch.replays.extend(newer.replays);
        work.batch.mark = newer.mark.or(work.batch.mark);
        work.entries = work.batch.ids.len() + work.batch.replays.len();
        false
    }
}

/// Keeps the released file within a second of what was told.
pub(crate) struct ReleaseKeeper {
    pub(crate) shared: Arc<Shared>,
}

impl ReleaseKeeper {
    /// Writes the newest checkpoint down.
    pub(crate) fn step(&self) {
        self.shared.trouble("released", self.shared.release());
    }
}

/// Prepares segments, writes out the tree and seals.
pub(crate) struct Sealer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) ids: Arc<dyn IdStore>,
    pub(crate) spare: SpareSlot,
    pub(crate) manifest: Manifest,
    pub(crate) clock: Arc<dyn Clock>,
    /// Segments that go once all in them is sealed.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Size of the next spare segment.
    pub(crate) spare_bytes: u64,
    /// When idempotency keys were last forgotten.
    pub(crate) forgot_us: u64,
    /// Syncing hashes or leaf records failed once.
    pub(crate) unsynced: bool,
    /// WAL segments that begin before this frame hold nothing that is not sealed.
    pub(crate) sealed_frame: u64,
    /// Content segments that were written again and are still there, or not known to be gone for good.
    pub(crate) replaced: Vec<PathBuf>,
    /// Content segments that were written again and may be named by a manifest of which nobody knows whether it is stored.
    pub(crate) tried: Vec<PathBuf>,
    /// The highest generation that was tried: a number is used once, or a manifest could name another's bytes.
    pub(crate) generation_tried: u32,
}

impl Sealer {
    /// Does what is due. `false` if some of it failed; it stays to be done.
    pub(crate) fn step(&mut self) -> bool {
        let shared = self.shared.clone();
        let mut done = shared.trouble("spare", self.prepare()).is_some();
        if shared.leaves.unwritten() > UNWRITTEN_MAX {
            done &= shared.trouble("tree", self.write_out()).is_some();
        }
        done &= shared.trouble("seal", self.seal_due()).is_some();
        self.remove_due();
        let now_us = stamp(self.clock.now());
        if now_us.abs_diff(self.forgot_us) >= FORGET_EVERY_US {
            self.forgot_us = now_us;
            let before = now_us.saturating_sub(REPLAY_KEPT_US);
            done &= shared.trouble("replays", self.ids.forget_replays(before, FORGET_STEP)).is_some();
        }
        done
    }

    fn prepare(&mut self) -> Result<(), StoreError> {
        let shared = self.shared.clone();
        let bytes = shared.config.wal_segment_bytes.min(self.spare_bytes);
        if self.spare.lock().is_some() {
            return Ok(());
        }
        let root = &shared.paths.root;
        let free = shared.disk.free_bytes(root).map_err(|source| StoreError::io("measure", root, source))?;
        // Zeros must not take the space that events still could.
        if free < bytes.saturating_add(shared.config.min_free_bytes) {
            return Ok(());
        }
        let go_on = || !shared.closing.load(Ordering::Relaxed);
        if let Some(spare) = prepare_spare(&*shared.disk, &shared.paths.wal, bytes, &go_on)? {
            *self.spare.lock() = Some(spare);
            self.spare_bytes = self.spare_bytes.saturating_mul(4);
        }
        Ok(())
    }

    fn write_out(&self) -> Result<(), StoreError> {
        let disk = &*self.shared.disk;
        self.shared.leaves.write_out(disk)?;
        self.shared.tree.levels().iter().try_for_each(|level| level.write_out(disk))
    }

    /// Seals while more than the configured amount waits.
    pub(crate) fn seal_due(&mut self) -> Result<(), StoreError> {
        while self.is_due() {
            self.seal_next()?;
        }
        Ok(())
    }

    /// Enough content waits, or it stands in so many small frames that the WAL takes more than it should.
    fn is_due(&self) -> bool {
        let view = self.shared.view.read();
        let content: u64 = view.frames.iter().map(|frame| u64::from(frame.raw_len)).sum();
        let config = &self.shared.config;
        content >= config.seal_bytes || view.frames.len() as u64 * FRAME_ALIGN >= config.wal_segment_bytes
    }

    /// Seals everything durable, however little.
    #[cfg(test)]
    pub(crate) fn seal_all(&mut self) -> Result<(), StoreError> {
        while !self.shared.view.read().frames.is_empty() {
            self.seal_next()?;
        }
        Ok(())
    }

    /// Seals the oldest frames, up to the configured amount of content.
    pub(crate) fn seal_next(&mut self) -> Result<(), StoreError> {
        let shared = self.shared.clone();
        let frames = self.due();
        let Some(last) = frames.last().cloned() else { return Ok(()) };
        let (first, end) = (self.manifest.sealed, last.size);
        let (mut blocks, mut rows, mut place) = (Vec::new(), Vec::new(), self.manifest.wal);
        let mut chains = self.manifest.chains.clone();
        let mut touched = BTreeSet::new();
        for frame in &frames {
            let (unpacked, after) = frame.read()?;
            place = after;
            let numbers =
                unpacked.rows.iter().map(|row| (row.chain, row.kind, row.tenant_seq, row.received_us));
            rows.extend(numbers);
            blocks.push(Block::of_frame(frame.first, unpacked));
        }
        let contents: Vec<_> = blocks.iter().flat_map(Block::iter).collect();
        for ((chain, kind, tenant_seq, _), (index, content)) in rows.iter().zip(&contents) {
            chains
                .advance(*index, *chain, Kind(*kind), *tenant_seq, content.body)
                .map_err(|what| StoreError::corrupt(&last.segment.path, last.offset, what))?;
            touched.insert(*chain);
        }
        for chain in touched {
            chains.set_head(chain, |index| shared.tree.leaf(index))?;
        }
        let mut manifest = self.manifest.clone();
        if end > first {
            let tenant = |chain: u32| chains.get(chain).map_or(0, |info| info.tenant_number);
            let mut sealed: Vec<SealRow<'_>> = rows
                .iter()
                .zip(&contents)
                .map(|((chain, ..), (index, content))| SealRow {
                    index: *index,
                    expiry_day: 0,
                    tenant_number: tenant(*chain),
                    content: *content,
                })
                .collect();
            let dir = &shared.paths.content;
            let entry = write_segment(&*shared.disk, dir, &shared.log_id, first, &mut sealed)?;
            manifest.segments.push(entry);
        }
        // The manifest vouches for all of these, so they are durable first.
        self.write_out()?;
        self.sync_files()?;
        self.wait_for_ids(last.number + 1)?;
        self.ids.persist()?;
        manifest.generation += 1;
        manifest.sealed = end;
        manifest.root = indelible_merkle::root_at(&shared.tree, end)?;
        manifest.received_us = rows.last().map_or(manifest.received_us, |(.., received_us)| *received_us);
        manifest.wal = place;
        manifest.chains = chains;
        let segment = match manifest.segments.last() {
            Some(entry) if entry.end == end && end > first => {
                Some(ContentSegment::open(&*shared.disk, &shared.paths.content, &shared.log_id, *entry)?)
            }
            _ => None,
        };
        manifest.store(&*shared.disk, &shared.paths.manifest)?;
        self.manifest = manifest;
        let mut view = shared.view.write();
        view.segments.extend(segment.map(Arc::new));
        view.sealed = end;
        view.frames.drain(..frames.len());
        drop(view);
        count(&shared.counters.seals, 1);
        self.segments.extend(frames.into_iter().map(|frame| frame.segment));
        self.sealed_frame = self.sealed_frame.max(last.segment.first_frame);
        self.unlink()
    }

    /// Makes hashes and leaf records durable.
    ///
    /// After a failed sync the system may call the next one good without having written anything. The WAL still
    /// has everything, so sealing waits for the next opening, which derives these files again.
    fn sync_files(&mut self) -> Result<(), StoreError> {
        let shared = &self.shared;
        if self.unsynced {
            let source =
                std::io::Error::other("an earlier sync failed; open the ledger again to go on sealing");
            return Err(StoreError::io("sync", &shared.paths.tree, source));
        }
        let synced = shared
            .leaves
            .sync()
            .and_then(|()| shared.tree.levels().iter().try_for_each(|level| level.sync()));
        self.unsynced = synced.is_err();
        synced
    }

    /// The oldest frames with together at least the configured amount of content, or all there are.
    fn due(&self) -> Vec<FrameAt> {
        let view = self.shared.view.read();
        let mut bytes = 0;
        let frames = view.frames.iter().take_while(|frame| {
            let before = bytes;
            bytes += u64::from(frame.raw_len);
            before < self.shared.config.seal_bytes
        });
        frames.cloned().collect()
    }

    /// Frames are sealed only when the id index has them.
    fn wait_for_ids(&self, frame: u64) -> Result<(), StoreError> {
        let keeper = IdKeeper { shared: self.shared.clone(), ids: self.ids.clone() };
        while self.ids.mark().is_none_or(|mark| mark.frame < frame) {
            keeper.step();
            if let Some(trouble) = self.shared.troubles.lock().get("ids") {
                let source = std::io::Error::other(trouble.clone());
                return Err(StoreError::io("fill", &self.shared.paths.ids, source));
            }
        }
        Ok(())
    }

    /// Removes the segments in which all is sealed, for good. What fails is done by the next call.
    pub(crate) fn unlink(&mut self) -> Result<(), StoreError> {
        let shared = &self.shared;
        self.segments.sort_unstable_by_key(|segment| segment.first_frame);
        self.segments.dedup_by_key(|segment| segment.first_frame);
        let done = self.segments.partition_point(|segment| segment.first_frame < self.sealed_frame);
        if done == 0 {
            return Ok(());
        }
        for segment in &self.segments[..done] {
            remove_if_there(&*shared.disk, &segment.path)
                .map_err(|source| StoreError::io("remove", &segment.path, source))?;
        }
        let dir = &shared.paths.wal;
        shared.disk.sync_dir(dir).map_err(|source| StoreError::io("sync", dir, source))?;
        self.segments.drain(..done);
        Ok(())
    }
}

/// An error of the merkle crate as ours.
pub(crate) fn merkle(error: indelible_merkle::ReadError<StoreError>, shared: &Shared) -> StoreError {
    match error {
        indelible_merkle::ReadError::Source(error) => error,
        other => StoreError::corrupt(&shared.paths.tree, 0, other.to_string()),
    }
}
