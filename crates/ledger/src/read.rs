//! Reading entries back, each checked against its leaf hash before anybody sees it.
//!
//! A record is put together from its leaf record, the hash of its chain's previous leaf and its content, and
//! hashed again. What does not give the stored leaf hash is reported as corrupt, never returned.

use std::ops::Range;
use std::sync::Arc;

use indelible_merkle::{Hash, TileSource};
use indelible_verify::{Entry, Envelope, Kind, Salt, commitment};

use crate::cache::CacheKey;
use crate::content::{Block, Content, ContentSegment, Kept, Removed};
use crate::flat::Record32;
use crate::ids::IdStore;
use crate::leaf::{LeafRecord, NO_PREVIOUS};
use crate::recent::placed;
use crate::replays::{ReplayValue, Run};
use crate::shared::Shared;
use crate::wal::FrameAt;
use crate::{Outcome, Placed, Record, RemovedEntry, StoreError, Stored};

/// Where an entry's content is.
enum Source {
    Memory(Arc<Record>),
    Frame(FrameAt),
    Segment(Arc<ContentSegment>),
}

/// Entries of which leaf records and hashes are read at once: 32 KiB of each.
const NEIGHBOURS: usize = 1_024;

/// What is kept of neighbouring entries beside their contents.
struct Beside {
    /// Index of the first of them.
    first: u64,
    leaves: Vec<Record32>,
    hashes: Vec<Hash>,
}

impl Beside {
    /// The leaf hash of an entry, if it is one of them.
    fn hash(&self, index: u64) -> Option<Hash> {
        self.place(index).and_then(|place| self.hashes.get(place).copied())
    }

    /// The leaf record of an entry, if it is one of them.
    fn leaf(&self, index: u64) -> Option<Record32> {
        self.place(index).and_then(|place| self.leaves.get(place).copied())
    }

    fn place(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.first)?).ok()
    }
}

impl Shared {
    /// The leaf record of a durable entry.
    pub(crate) fn leaf_record(&self, index: u64) -> Result<LeafRecord, StoreError> {
        self.decode_leaf(index, &self.leaves.get(index)?)
    }

    fn decode_leaf(&self, index: u64, bytes: &Record32) -> Result<LeafRecord, StoreError> {
        LeafRecord::decode(bytes).ok_or_else(|| {
            StoreError::corrupt(self.leaves.path(), index * 32, format!("leaf record {index} is damaged"))
        })
    }

    /// One durable entry.
    pub(crate) fn record(&self, index: u64) -> Result<Stored, StoreError> {
        self.in_range(index, 1)?;
        match self.source(index)? {
            Source::Memory(record) => Ok(Stored::Whole(record)),
            source => self.take(&source, index, &self.beside(index..index + 1)?),
        }
    }

    /// The kind of the entry that tells why an entry lost its content, if it did. It need not be durable yet.
    pub(crate) fn removed_as(&self, index: u64) -> Result<Option<Kind>, StoreError> {
        let was_written_again = {
            let view = self.view.read();
            let at = view.segments.partition_point(|segment| segment.entry.end <= index);
            view.segments.get(at).is_some_and(|segment| segment.entry.generation > 0)
        };
        if !was_written_again {
            return Ok(None);
        }
        match self.record(index)? {
            Stored::Whole(_) => Ok(None),
            Stored::Removed(removed) => Ok(Some(Kind(self.leaf_record(removed.by)?.kind))),
        }
    }

    /// Durable entries at neighbouring indexes.
    pub(crate) fn records(&self, range: Range<u64>) -> Result<Vec<Stored>, StoreError> {
        self.in_range(range.start, range.end.saturating_sub(range.start))?;
        if let Some(records) = self.in_memory(&range) {
            return Ok(records);
        }
        let mut records = Vec::new();
        for start in range.clone().step_by(NEIGHBOURS) {
            let neighbours = start..range.end.min(start + NEIGHBOURS as u64);
            let beside = self.beside(neighbours.clone())?;
            for index in neighbours {
                records.push(match self.source(index)? {
                    Source::Memory(record) => Stored::Whole(record),
                    source => self.take(&source, index, &beside)?,
                });
            }
        }
        Ok(records)
    }

    /// Leaf records and hashes of neighbouring durable entries, each read in one go.
    fn beside(&self, range: Range<u64>) -> Result<Beside, StoreError> {
        let count = usize::try_from(range.end - range.start).expect("neighbours are few");
        let (leaves, hashes) = (vec![[0; 32]; count], vec![[0; 32]; count]);
        let mut beside = Beside { first: range.start, leaves, hashes };
        self.leaves.read(range.start, &mut beside.leaves)?;
        self.tree.read(0, range.start, &mut beside.hashes)?;
        Ok(beside)
    }

    fn in_range(&self, index: u64, count: u64) -> Result<(), StoreError> {
        let size = self.durable_size();
        match index.checked_add(count) {
            Some(end) if end <= size => Ok(()),
            _ => Err(StoreError::OutOfRange { index: index.saturating_add(count.saturating_sub(1)), size }),
        }
    }

    fn in_memory(&self, range: &Range<u64>) -> Option<Vec<Stored>> {
        let view = self.view.read();
        let first = view.ring.front()?.index;
        let start = usize::try_from(range.start.checked_sub(first)?).ok()?;
        let end = usize::try_from(range.end.checked_sub(first)?).ok()?;
        let whole = |record: &Arc<Record>| Stored::Whole(record.clone());
        (start <= end && end <= view.ring.len()).then(|| view.ring.range(start..end).map(whole).collect())
    }

    fn source(&self, index: u64) -> Result<Source, StoreError> {
        let view = self.view.read();
        let at = view.ring.front().and_then(|first| usize::try_from(index.checked_sub(first.index)?).ok());
        if let Some(record) = at.and_then(|at| view.ring.get(at)) {
            return Ok(Source::Memory(record.clone()));
        }
        if index < view.sealed {
            let at = view.segments.partition_point(|segment| segment.entry.end <= index);
            return match view.segments.get(at) {
                Some(segment) => Ok(Source::Segment(segment.clone())),
                None => Err(self.lost(index)),
            };
        }
        let at = view.frames.partition_point(|frame| frame.size <= index);
        match view.frames.get(at) {
            Some(frame) if frame.first <= index => Ok(Source::Frame(frame.clone())),
            _ => Err(self.lost(index)),
        }
    }

    fn lost(&self, index: u64) -> StoreError {
        StoreError::corrupt(&self.paths.root, 0, format!("entry {index} is in no segment and no frame"))
    }

    fn block(&self, source: &Source, index: u64) -> Result<Arc<Block>, StoreError> {
        match source {
            Source::Memory(_) => Err(self.lost(index)),
            Source::Frame(frame) => self
                .cache
                .get(CacheKey::Frame(frame.number), || Ok(Block::of_frame(frame.first, frame.read()?.0))),
            Source::Segment(segment) => {
                let number = segment.block_of(index)?;
                let key = CacheKey::Block(segment.entry.first, segment.entry.generation, number);
                self.cache.get(key, || segment.read_block(number))
            }
        }
    }

    fn take(&self, source: &Source, index: u64, beside: &Beside) -> Result<Stored, StoreError> {
        let block = self.block(source, index)?;
        let damaged = |what: String| match source {
            Source::Segment(segment) => StoreError::corrupt(&segment.path, 0, what),
            Source::Frame(frame) => StoreError::corrupt(&frame.segment.path, frame.offset, what),
            Source::Memory(_) => StoreError::corrupt(&self.paths.root, 0, what),
        };
        let kept = block
            .get(index)
            .ok_or_else(|| damaged(format!("entry {index} is not where the locator points")))?;
        let stored = match kept {
            Kept::Content(content) => {
                self.assemble(index, &content, beside)?.map(|record| Stored::Whole(Arc::new(record)))
            }
            Kept::Removed(removed) => {
                self.entry_of_removed(&removed, beside)?.map(|entry| Stored::Removed(Arc::new(entry)))
            }
        };
        stored.map_err(damaged)
    }

    /// What is left of an entry whose content was removed.
    fn entry_of_removed(
        &self,
        removed: &Removed,
        beside: &Beside,
    ) -> Result<Result<RemovedEntry, String>, StoreError> {
        let Removed { index, by, commitment } = *removed;
        let entry = self.entry(index, commitment, beside)?;
        Ok(entry.map(|(entry, leaf_hash)| RemovedEntry { index, entry, leaf_hash, by }))
    }

    /// Puts a record together and compares it with its leaf hash; the inner error says what does not fit.
    fn assemble(
        &self,
        index: u64,
        content: &Content<'_>,
        beside: &Beside,
    ) -> Result<Result<Record, String>, StoreError> {
        let salt = Salt(content.salt);
        let commitment = commitment(&salt, content.envelope, content.body);
        let (entry, leaf_hash) = match self.entry(index, commitment, beside)? {
            Ok(found) => found,
            Err(what) => return Ok(Err(what)),
        };
        Ok(Envelope::decode(content.envelope)
            .map(|envelope| Record { index, entry, leaf_hash, salt, envelope, body: content.body.to_vec() })
            .map_err(|error| format!("envelope of entry {index}: {error}")))
    }

    /// Puts an entry together and compares it with its leaf hash; the inner error says what does not fit.
    fn entry(
        &self,
        index: u64,
        commitment: Hash,
        beside: &Beside,
    ) -> Result<Result<(Entry, Hash), String>, StoreError> {
        let (Some(leaf), Some(stored)) = (beside.leaf(index), beside.hash(index)) else {
            return Err(self.lost(index));
        };
        let leaf = self.decode_leaf(index, &leaf)?;
        let chain = self.view.read().chains.get(leaf.chain).map(|info| info.chain);
        let Some(chain_id) = chain else {
            return Ok(Err(format!(
                "entry {index} names chain number {}, which was never opened",
                leaf.chain
            )));
        };
        let prev = match leaf.previous {
            NO_PREVIOUS => [0; 32],
            // The entry before in a busy chain is mostly a neighbour.
            previous => beside.hash(previous).map_or_else(|| self.tree.leaf(previous), Ok)?,
        };
        let entry = Entry {
            kind: Kind(leaf.kind),
            chain_id,
            tenant_seq: leaf.tenant_seq,
            received_at_us: leaf.received_us,
            prev,
            commitment,
        };
        let leaf_hash = entry.leaf_hash();
        if leaf_hash != stored {
            return Ok(Err(format!("entry {index} does not give its leaf hash")));
        }
        Ok(Ok((entry, leaf_hash)))
    }

    /// A remembered answer in the id index that still counts at `now_us`.
    pub(crate) fn remembered(
        &self,
        ids: &dyn IdStore,
        key: &[u8],
        now_us: u64,
    ) -> Result<Option<(ReplayValue, Vec<Outcome>)>, StoreError> {
        let Some(bytes) = ids.replay(key)? else { return Ok(None) };
        let value = ReplayValue::decode(&bytes).map_err(|_| {
            StoreError::corrupt(&self.paths.ids, 0, "a remembered answer has no valid layout")
        })?;
        if !value.is_fresh(now_us) {
            return Ok(None);
        }
        let mut outcomes = Vec::new();
        for run in &value.runs {
            match run {
                Run::Stored { count, first } => {
                    self.outcomes(&mut outcomes, *first, *count, Outcome::Stored)?
                }
                Run::Reused { count, first } => {
                    self.outcomes(&mut outcomes, *first, *count, Outcome::Reused)?
                }
                Run::Duplicate { count, first } => {
                    self.outcomes(&mut outcomes, *first, *count, Outcome::Duplicate)?;
                }
                Run::Conflict { id } => outcomes.push(Outcome::Conflict { id: id.clone() }),
                Run::Skipped { count } => outcomes.extend((0..*count).map(|_| Outcome::Skipped)),
            }
        }
        Ok(Some((value, outcomes)))
    }

    fn outcomes(
        &self,
        out: &mut Vec<Outcome>,
        first: u64,
        count: u32,
        kind: fn(Placed) -> Outcome,
    ) -> Result<(), StoreError> {
        for stored in self.records(first..first.saturating_add(u64::from(count)))? {
            let entry = stored.entry();
            let (index, tenant_seq, received_us) = (stored.index(), entry.tenant_seq, entry.received_at_us);
            // The id went with the content; whoever sent it has the first answer.
            let id = stored.whole().map_or_else(String::new, |record| record.envelope.event_id.clone());
            out.push(kind(placed(&id, index, tenant_seq, received_us)));
        }
        Ok(())
    }
}
