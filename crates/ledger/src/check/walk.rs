//! Walking every entry in order, sealed ones first, and comparing each with all that is stored about it.

use std::collections::BTreeSet;
use std::path::Path;

use indelible_merkle::{Hash, Tree, level_len};
use indelible_verify::{ChainId, Entry, Envelope, Kind, Salt, commitment};

use super::files::Sequential;
use super::{CheckProgress, CheckReport, check_released};
use crate::StoreError;
use crate::chains::ChainTable;
use crate::content::{Block, Content, ContentSegment, Kept};
use crate::disk::Disk;
use crate::files::{Manifest, Released};
use crate::follow::Fixed;
use crate::ids::{Ids, Mark, id_key};
use crate::leaf::LeafRecord;
use crate::shared::Paths;
use crate::wal::{FrameHeader, Unpacked, WalkFrom, walk};

/// Entries between two calls of the progress function.
const PROGRESS_EVERY: u64 = 4096;

/// The state of a check.
pub(super) struct Walker<'a> {
    disk: &'a dyn Disk,
    paths: &'a Paths,
    manifest: &'a Manifest,
    released: Option<Released>,
    released_root: Option<Hash>,
    ids: Option<(&'a dyn Ids, Mark)>,
    on_progress: &'a dyn Fn(CheckProgress),
    report: CheckReport,
    levels: Vec<Sequential>,
    leaves: Sequential,
    tree: Tree,
    chains: ChainTable,
    received_us: u64,
    /// Removed entries before the id index's mark: it may have their ids still.
    removed_ids: u64,
    /// Entries that are to tell why contents were removed, and those that can.
    removed_by: BTreeSet<u64>,
    telling: BTreeSet<u64>,
}

/// Where an entry's parts come from.
struct Stored<'a> {
    place: &'a dyn Fn() -> String,
    fixed: Fixed,
    kept: Option<Kept<'a>>,
}

impl<'a> Walker<'a> {
    pub(super) fn new(
        disk: &'a dyn Disk,
        paths: &'a Paths,
        manifest: &'a Manifest,
        released: Option<Released>,
        ids: Option<&'a dyn Ids>,
        on_progress: &'a dyn Fn(CheckProgress),
        mut report: CheckReport,
    ) -> Result<Self, StoreError> {
        let mut levels = Vec::new();
        for level in (0..u8::MAX).take_while(|level| level_len(*level, manifest.sealed) > 0) {
            let expected = level_len(level, manifest.sealed);
            let file = Sequential::open(disk, paths.tree.join(level.to_string()), expected)?;
            missing(&mut report, &file, expected);
            levels.push(file);
        }
        let leaves = Sequential::open(disk, paths.leaves.clone(), manifest.sealed)?;
        missing(&mut report, &leaves, manifest.sealed);
        let ids = match ids {
            Some(ids) => match ids.mark() {
                Some(mark) => Some((ids, mark)),
                None => {
                    report
                        .notes
                        .push("the id index is empty; the next start fills it from the ledger".to_owned());
                    None
                }
            },
            None => None,
        };
        let mut walker = Self {
            disk,
            paths,
            manifest,
            released,
            released_root: None,
            ids,
            on_progress,
            report,
            levels,
            leaves,
            tree: Tree::new(),
            chains: ChainTable::default(),
            received_us: 0,
            removed_ids: 0,
            removed_by: BTreeSet::new(),
            telling: BTreeSet::new(),
        };
        walker.look_at_root();
        Ok(walker)
    }

    /// Checks every entry in content segments, then the manifest's own account of them.
    pub(super) fn sealed(&mut self) -> Result<(), StoreError> {
        for entry in &self.manifest.segments {
            let opened = ContentSegment::open(self.disk, &self.paths.content, &self.manifest.log_id, *entry);
            self.report.content_segments += 1;
            match self.report.note(opened)? {
                Some(segment) => self.segment(&segment)?,
                None => self.rows(entry.first, entry.end, &[], &self.paths.content.clone())?,
            }
        }
        let place = self.paths.manifest.display().to_string();
        if self.tree.root() != self.manifest.root {
            let what =
                format!("the entries do not give the manifest's root at size {}", self.manifest.sealed);
            self.report.problem(place.clone(), what);
        }
        if !self.chains.iter().eq(self.manifest.chains.iter()) {
            self.report.problem(place, "the entries do not give the manifest's chains");
        }
        self.report.sealed_entries = self.tree.size();
        Ok(())
    }

    fn segment(&mut self, segment: &ContentSegment) -> Result<(), StoreError> {
        let (first, end) = (segment.entry.first, segment.entry.end);
        let mut blocks: Vec<Option<Block>> = Vec::new();
        for number in 0..segment.block_count() {
            let block = segment.read_block(number);
            blocks.push(self.report.note(block)?);
            self.report.content_blocks += 1;
        }
        let mut located: Vec<Option<(u16, Kept<'_>)>> =
            vec![None; usize::try_from(end - first).expect("a segment's rows fit memory")];
        for (number, block) in (0u16..).zip(&blocks) {
            let contents = block.iter().flat_map(Block::iter);
            let contents = contents.map(|(index, content)| (index, Kept::Content(content)));
            let removed = block.iter().flat_map(Block::removed);
            let removed = removed.map(|removed| (removed.index, Kept::Removed(*removed)));
            for (index, kept) in contents.chain(removed) {
                let at = index.checked_sub(first).and_then(|at| usize::try_from(at).ok());
                match at.and_then(|at| located.get_mut(at)) {
                    Some(slot) if slot.is_none() => *slot = Some((number, kept)),
                    _ => {
                        let place = format!(
                            "{} at offset {}",
                            segment.path.display(),
                            segment.block_offset(number.into())
                        );
                        self.report
                            .problem(place, format!("entry {index} is here twice or does not belong here"));
                    }
                }
            }
        }
        // With a block missing its rows are unknown, so the locator cannot be compared.
        if blocks.iter().all(Option::is_some) {
            if let Some(numbers) =
                located.iter().map(|slot| slot.map(|(number, _)| number)).collect::<Option<Vec<_>>>()
            {
                let checked = segment.check_locator(&numbers);
                self.report.note(checked)?;
            } else {
                self.report.problem(segment.path.display().to_string(), "entries are missing");
            }
        }
        let kept: Vec<Option<Kept<'_>>> = located.iter().map(|slot| slot.map(|(_, kept)| kept)).collect();
        self.rows(first, end, &kept, &segment.path)
    }

    /// Checks sealed entries, those without content as far as that goes.
    fn rows(
        &mut self,
        first: u64,
        end: u64,
        rows: &[Option<Kept<'_>>],
        path: &Path,
    ) -> Result<(), StoreError> {
        for index in first..end {
            let place = || format!("{} entry {index}", path.display());
            let kept = usize::try_from(index - first).ok().and_then(|at| rows.get(at).copied().flatten());
            let Some(record) = self.leaves.get(index)? else {
                // Said once for the whole file; nothing can be derived without it.
                self.skip(index)?;
                continue;
            };
            let Some(leaf) = LeafRecord::decode(&record) else {
                let place = format!("{} at offset {}", self.leaves.path.display(), index * 32);
                self.report.problem(place, format!("leaf record {index} is damaged"));
                self.skip(index)?;
                continue;
            };
            let previous = self.chains.previous_of(leaf.chain);
            if leaf.previous != previous {
                let what =
                    format!("leaf record {index} names entry {} before it, not {previous}", leaf.previous);
                self.report.problem(format!("{} at offset {}", self.leaves.path.display(), index * 32), what);
            }
            let fixed = Fixed {
                kind: leaf.kind,
                chain: leaf.chain,
                tenant_seq: leaf.tenant_seq,
                received_us: leaf.received_us,
            };
            self.entry(Stored { place: &place, fixed, kept })?;
        }
        Ok(())
    }

    /// Goes over an entry of which nothing but its stored hash is known.
    fn skip(&mut self, index: u64) -> Result<(), StoreError> {
        let hash = match self.levels.first_mut() {
            Some(level) => level.get(index)?,
            None => None,
        };
        self.grow(hash.unwrap_or_default())
    }

    /// Checks one entry against everything stored about it, and goes on from what is stored where it differs.
    fn entry(&mut self, stored: Stored<'_>) -> Result<(), StoreError> {
        let Stored { place, fixed, kept } = stored;
        let index = self.tree.size();
        let kind = Kind(fixed.kind);
        if fixed.received_us < self.received_us {
            self.report.problem(place(), "it was received before the entry in front of it");
        }
        self.received_us = self.received_us.max(fixed.received_us);
        if [Kind::RETENTION, Kind::ERASURE].contains(&kind) {
            self.telling.insert(index);
        }
        let sealed_hash = match self.levels.first_mut() {
            Some(level) => level.get(index)?,
            None => None,
        };
        let link = match kept {
            Some(Kept::Content(content)) => self.chains.link(fixed.chain, kind, content.body),
            Some(Kept::Removed(_)) => self.chains.link(fixed.chain, kind, &[]),
            None => self.known_link(fixed.chain),
        };
        let (chain_id, prev) = match link {
            Ok(link) => link,
            Err(what) => {
                self.report.problem(place(), what);
                return self.grow(sealed_hash.unwrap_or_default());
            }
        };
        let Some(kept) = kept else {
            // The block's own problem is in the report; the chain goes on from the stored hash.
            let hash = sealed_hash.unwrap_or_default();
            self.advance(index, &fixed, chain_id, hash);
            return self.grow(hash);
        };
        let entry = Entry {
            kind,
            chain_id,
            tenant_seq: fixed.tenant_seq,
            received_at_us: fixed.received_us,
            prev,
            commitment: match kept {
                Kept::Content(content) => commitment(&Salt(content.salt), content.envelope, content.body),
                Kept::Removed(removed) => removed.commitment,
            },
        };
        let leaf_hash = entry.leaf_hash();
        let body = if let Kept::Content(content) = kept { content.body } else { &[] };
        if let Err(what) = self.chains.apply(index, fixed.chain, &entry, leaf_hash, body) {
            self.report.problem(place(), what);
            self.advance(index, &fixed, chain_id, sealed_hash.unwrap_or(leaf_hash));
        }
        match kept {
            Kept::Content(content) => match Envelope::decode(content.envelope) {
                Ok(envelope) => self.id(place, index, &fixed, &envelope, content.body)?,
                Err(error) => self.report.problem(place(), format!("envelope: {error}")),
            },
            Kept::Removed(removed) => self.removed(place, &fixed, removed.by),
        }
        self.grow(leaf_hash)
    }

    /// Counts an entry whose content was removed; only events may be, and by an entry behind them.
    fn removed(&mut self, place: &dyn Fn() -> String, fixed: &Fixed, by: u64) {
        self.report.removed += 1;
        if self.ids.is_some_and(|(_, mark)| self.tree.size() < mark.size) {
            self.removed_ids += 1;
        }
        if Kind(fixed.kind) != Kind::EVENT {
            self.report.problem(place(), "its content was removed, and it is no event");
        }
        self.removed_by.insert(by);
    }

    /// Id and link of a chain whose newest entry lost its content.
    fn known_link(&self, number: u32) -> Result<(ChainId, Hash), String> {
        let known = self.chains.get(number).map(|chain| (chain.chain, chain.head));
        let known = known.or_else(|| Some((self.manifest.chains.get(number)?.chain, [0; 32])));
        known.ok_or_else(|| format!("chain number {number} was never opened"))
    }

    fn advance(&mut self, index: u64, fixed: &Fixed, chain: ChainId, head: Hash) {
        if self.chains.get(fixed.chain).is_none() {
            let Some(known) = self.manifest.chains.get(fixed.chain).filter(|known| known.chain == chain)
            else {
                return;
            };
            let mut opened = known.clone();
            opened.opened_index = index;
            self.chains.push(opened);
        }
        let next = self.chains.get(fixed.chain).cloned().map(|mut chain| {
            (chain.next_seq, chain.head_index, chain.head) = (fixed.tenant_seq + 1, index, head);
            chain.closed = fixed.kind == Kind::CHAIN_CLOSE.0;
            chain
        });
        self.chains.update(&next.into_iter().map(|chain| (fixed.chain, chain)).collect::<Vec<_>>());
    }

    fn id(
        &mut self,
        place: &dyn Fn() -> String,
        index: u64,
        fixed: &Fixed,
        envelope: &Envelope,
        body: &[u8],
    ) -> Result<(), StoreError> {
        let Some((ids, mark)) = self.ids.filter(|(_, mark)| index < mark.size) else { return Ok(()) };
        self.report.ids += 1;
        let Some(found) = self.report.note(ids.get(&id_key(fixed.chain, &envelope.event_id)))? else {
            return Ok(());
        };
        match found {
            Some(found) if found.index == index && found.tag == ids.tagger().tag(body) => {}
            Some(found) if found.index == index => {
                self.report.problem(place(), "the id index has another body's tag")
            }
            Some(found) => {
                self.report.problem(place(), format!("the id index has its id at entry {}", found.index));
            }
            None => self.report.problem(place(), "the id index does not have its id"),
        }
        if index + 1 == mark.size && self.chains.get(fixed.chain).is_some_and(|chain| chain.head != mark.leaf)
        {
            self.report
                .problem(self.paths.ids.display().to_string(), "the id index belongs to another history");
        }
        Ok(())
    }

    /// Adds a leaf, comparing every new hash with the stored one.
    fn grow(&mut self, leaf: Hash) -> Result<(), StoreError> {
        let mut nodes = Vec::with_capacity(2);
        self.tree.append(leaf, |level, index, hash| nodes.push((level, index, hash)));
        for (level, index, hash) in nodes {
            let Some(file) = self.levels.get_mut(usize::from(level)) else { continue };
            let Some(stored) = file.get(index)? else { continue };
            self.report.tree_hashes += 1;
            if stored != hash {
                let place = format!("{} at offset {}", file.path.display(), index * 32);
                self.report.problem(
                    place,
                    format!("hash {index} of level {level} is not the one that the entries give"),
                );
            }
        }
        self.report.entries = self.tree.size();
        self.look_at_root();
        if self.tree.size().is_multiple_of(PROGRESS_EVERY) {
            let size = self.released.map_or(0, |released| released.size).max(self.manifest.sealed);
            (self.on_progress)(CheckProgress { done: self.tree.size(), size });
        }
        Ok(())
    }

    fn look_at_root(&mut self) {
        if self.released.is_some_and(|released| released.size == self.tree.size()) {
            self.released_root = Some(self.tree.root());
        }
    }

    /// Checks every frame behind the sealed ones.
    pub(super) fn wal(&mut self, term: u64) -> Result<(), StoreError> {
        let from = WalkFrom {
            log_id: self.manifest.log_id,
            place: self.manifest.wal,
            size: self.manifest.sealed,
            released: self.released.map_or(0, |released| released.size),
            term,
        };
        // Frames beyond the sealed entries say nothing about files that were not synced with them.
        self.levels.clear();
        self.received_us = self.received_us.max(self.manifest.received_us);
        let (disk, dir) = (self.disk, &self.paths.wal);
        let walked = walk(disk, dir, &from, |frame, header, unpacked| {
            let place = || format!("{} at offset {}", frame.segment.path.display(), frame.offset);
            self.frame(&place, header, &unpacked)
        });
        if let Some(walked) = self.report.note(walked)? {
            self.report.wal_frames = walked.frames;
            if let Some(cut) = walked.cut {
                self.report.notes.push(format!(
                    "{} ends in a torn frame at offset {} that was never acknowledged: {}",
                    cut.segment.display(),
                    cut.offset,
                    cut.what
                ));
            }
        }
        Ok(())
    }

    fn frame(
        &mut self,
        place: &dyn Fn() -> String,
        header: &FrameHeader,
        unpacked: &Unpacked,
    ) -> Result<(), StoreError> {
        let mut at = 0;
        for row in &unpacked.rows {
            let middle = at + row.envelope_len as usize;
            let end = middle + row.body_len as usize;
            let content = Content {
                salt: row.salt,
                envelope: &unpacked.raw[at..middle],
                body: &unpacked.raw[middle..end],
            };
            let fixed = Fixed {
                kind: row.kind,
                chain: row.chain,
                tenant_seq: row.tenant_seq,
                received_us: row.received_us,
            };
            self.entry(Stored { place, fixed, kept: Some(Kept::Content(content)) })?;
            at = end;
        }
        if self.tree.root() != header.root {
            self.report
                .problem(place(), format!("the entries do not give the root of frame {}", header.number));
        }
        Ok(())
    }

    /// The verdict, with what could only be seen at the end.
    pub(super) fn finish(mut self) -> Result<CheckReport, StoreError> {
        self.report.root = self.tree.root();
        self.report.chains = self.chains.len() as u64;
        if let Some(released) = &self.released {
            check_released(&mut self.report, self.paths, released, self.released_root);
        }
        for by in self.removed_by.difference(&self.telling) {
            let what = format!("entry {by} is to tell why contents were removed, and does not");
            self.report.problem(self.paths.content.display().to_string(), what);
        }
        if let Some((ids, mark)) = self.ids {
            let (count, expected) = (ids.count(), mark.size);
            let place = self.paths.ids.display().to_string();
            if mark.size > self.tree.size() {
                self.report
                    .problem(place, format!("the id index reaches to {expected}, the ledger is shorter"));
            } else if count > expected || count < expected - self.removed_ids {
                self.report.problem(place, format!("the id index has {count} ids for {expected} entries"));
            } else if expected < self.tree.size() {
                let behind = self.tree.size() - expected;
                self.report
                    .notes
                    .push(format!("the id index is {behind} entries behind; the next start fills it"));
            }
        }
        (self.on_progress)(CheckProgress { done: self.tree.size(), size: self.tree.size() });
        Ok(self.report)
    }
}

fn missing(report: &mut CheckReport, file: &Sequential, expected: u64) {
    if file.count < expected {
        let what = format!("{expected} records were sealed, the file holds {}", file.count);
        report.problem(file.path.display().to_string(), what);
    }
}
