//! A list of documents that lies outside its dictionary block, in units that can be read one by one.
//!
//! A list of few documents is cut into runs of 128; one of many has a unit for each zone. Its parts follow each other:
//! the units, where they end (with a CRC-32), and for words the positions and where theirs end (with a CRC-32).
//! Invariant: documents that are given out are ascending and below the split's number of them, whatever the bytes.

use std::sync::Arc;

use super::bytes::{Cursor, Packed};
use super::file::{Extent, SplitFile, Window};
use super::format::zone_count;
use super::positions::PositionUnits;
use super::terms::Outside;
use crate::error::SearchError;
use crate::zone::{ZONE_DOCS, ZoneSet};

/// Documents in a run.
pub(super) const RUN: usize = 128;

/// A list is kept by zone if it has at least this part of the split's documents.
pub(super) const DENSE_PART: u64 = 16;

/// How the documents of one zone are kept.
pub(super) const ZONE_BITS: u8 = 0;
pub(super) const ZONE_PRESENT: u8 = 1;
pub(super) const ZONE_ABSENT: u8 = 2;

pub(super) const CONTRADICTS: &str = "a list contradicts itself";

/// A list that is open.
pub(super) struct List {
    file: Arc<SplitFile>,
    split_docs: u32,
    outside: Outside,
    /// By unit: the last document of a run, or the number of documents in a zone.
    marks: Vec<u32>,
    /// Where each unit ends.
    ends: Vec<u32>,
    window: Window,
    /// The run that was read last, and its documents.
    run: Option<usize>,
    docs: Vec<u32>,
    positions: Option<PositionUnits>,
}

/// The number of documents in a zone of a split with `docs`.
pub(super) fn zone_docs(docs: u32, zone: u32) -> u32 {
    docs.saturating_sub(zone.saturating_mul(ZONE_DOCS as u32)).min(ZONE_DOCS as u32)
}

impl List {
    pub(super) fn open(
        file: &Arc<SplitFile>,
        split_docs: u32,
        outside: Outside,
    ) -> Result<List, SearchError> {
        let contradicts = || file.damaged(CONTRADICTS);
        let units = Extent { start: outside.start, len: outside.units_len };
        let skip = Extent { start: outside.start + outside.units_len as u64, len: outside.skip_len };
        let bytes = checked(file, skip)?;
        let count = unit_count(split_docs, &outside);
        let read = || {
            let mut cursor = Cursor::new(&bytes);
            let (marks, lens) = (cursor.packed(count)?, cursor.packed(count)?);
            let (mut list, mut ends) = (Vec::new(), Vec::with_capacity(count));
            marks.unpack(&bytes, &mut list);
            let ends_at = sums(&lens, &bytes, |end| ends.push(end as u32))?;
            let counts_fit = if outside.dense {
                let fit = |(zone, docs): (usize, &u32)| *docs <= zone_docs(split_docs, zone as u32);
                let total: u64 = list.iter().map(|docs| u64::from(*docs)).sum();
                total == u64::from(outside.docs) && list.iter().enumerate().all(fit)
            } else {
                list.windows(2).all(|pair| pair[0] < pair[1])
                    && list.last().is_some_and(|last| *last < split_docs)
            };
            (ends_at == outside.units_len as u64 && counts_fit && cursor.is_at_end()).then_some((list, ends))
        };
        let (marks, ends) = read().ok_or_else(contradicts)?;
        Ok(List {
            file: Arc::clone(file),
            split_docs,
            outside,
            marks,
            ends,
            window: Window::new(units),
            run: None,
            docs: Vec::new(),
            positions: None,
        })
    }

    /// The zones that can have documents, ascending.
    pub(super) fn zones(&self) -> Vec<u32> {
        if self.outside.dense {
            return (0..self.marks.len() as u32).filter(|zone| self.marks[*zone as usize] > 0).collect();
        }
        let mut zones: Vec<u32> = Vec::new();
        let mut first = 0;
        for last in self.marks.iter().map(|last| last / ZONE_DOCS as u32) {
            let from = zones.last().map_or(first, |zone| first.max(zone + 1));
            zones.extend(from..=last);
            first = last;
        }
        zones
    }

    pub(super) fn may_meet(&self, zone: u32) -> bool {
        if self.outside.dense {
            return self.marks.get(zone as usize).is_some_and(|docs| *docs > 0);
        }
        self.marks.last().is_some_and(|last| zone <= last / ZONE_DOCS as u32)
    }

    /// Adds the documents of a zone.
    pub(super) fn fill(&mut self, zone: u32, out: &mut ZoneSet) -> Result<(), SearchError> {
        if self.outside.dense {
            out.or(&self.zone_set(zone)?);
            return Ok(());
        }
        let start = zone * ZONE_DOCS as u32;
        let end = start + zone_docs(self.split_docs, zone);
        let mut run = self.marks.partition_point(|last| *last < start);
        while run < self.marks.len() {
            self.load_run(run)?;
            let from = self.docs.partition_point(|doc| *doc < start);
            for doc in self.docs[from..].iter().take_while(|doc| **doc < end) {
                out.insert((doc - start) as usize);
            }
            if self.marks[run] >= end {
                break;
            }
            run += 1;
        }
        Ok(())
    }

    /// Calls `each` with all documents, ascending.
    pub(super) fn for_each(&mut self, each: &mut dyn FnMut(u32)) -> Result<(), SearchError> {
        for unit in 0..self.marks.len() {
            self.unit_docs(unit, each)?;
        }
        Ok(())
    }

    fn unit_docs(&mut self, unit: usize, each: &mut dyn FnMut(u32)) -> Result<(), SearchError> {
        if self.outside.dense {
            let start = (unit * ZONE_DOCS) as u32;
            self.zone_set(unit as u32)?.for_each(|doc| each(start + doc as u32));
        } else {
            self.load_run(unit)?;
            self.docs.iter().for_each(|doc| each(*doc));
        }
        Ok(())
    }

    fn unit_bytes(&mut self, unit: usize) -> Result<&[u8], SearchError> {
        let start = unit.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.window.get(&self.file, start as usize, self.ends[unit] as usize)
    }

    fn load_run(&mut self, run: usize) -> Result<(), SearchError> {
        if self.run == Some(run) {
            return Ok(());
        }
        self.run = None;
        let (before, last) = (run.checked_sub(1).map(|before| self.marks[before]), self.marks[run]);
        let count = RUN.min(self.outside.docs as usize - run * RUN);
        let mut docs = std::mem::take(&mut self.docs);
        docs.clear();
        let bytes = self.unit_bytes(run)?;
        let mut next = before.map_or(0, |before| u64::from(before) + 1);
        let fits = Cursor::new(bytes).packed(count).is_some_and(|distances| {
            distances.for_each(bytes, 0..count, |distance| {
                let doc = next.saturating_add(distance);
                docs.push(u32::try_from(doc).unwrap_or(u32::MAX));
                next = doc.saturating_add(1);
            });
            next == u64::from(last) + 1
        });
        self.docs = docs;
        if !fits {
            return Err(self.file.damaged(CONTRADICTS));
        }
        self.run = Some(run);
        Ok(())
    }

    /// The documents of a zone of a dense list.
    fn zone_set(&mut self, zone: u32) -> Result<ZoneSet, SearchError> {
        let Some(&count) = self.marks.get(zone as usize) else { return Ok(ZoneSet::EMPTY) };
        let all = zone_docs(self.split_docs, zone);
        if count == 0 {
            return Ok(ZoneSet::EMPTY);
        }
        if count == all {
            return Ok(ZoneSet::first(all as usize));
        }
        let bytes = self.unit_bytes(zone as usize)?;
        let set = read_zone(bytes, count, all).filter(|set| set.len() == count);
        set.ok_or_else(|| self.file.damaged(CONTRADICTS))
    }

    /// Whether it tells where the term stands in its documents.
    pub(super) fn has_positions(&self) -> bool {
        self.outside.positions_skip_len > 0
    }

    /// Puts the positions of a document, which is below the split's number of them, into `out`.
    pub(super) fn positions(&mut self, doc: u32, out: &mut Vec<u32>) -> Result<bool, SearchError> {
        let (unit, at) = if self.outside.dense {
            let (zone, inside) = (doc / ZONE_DOCS as u32, doc as usize % ZONE_DOCS);
            let mut set = self.zone_set(zone)?;
            if !set.contains(inside) {
                return Ok(false);
            }
            set.and(&ZoneSet::first(inside));
            (zone as usize, set.len() as usize)
        } else {
            let run = self.marks.partition_point(|last| *last < doc);
            if run == self.marks.len() {
                return Ok(false);
            }
            self.load_run(run)?;
            match self.docs.binary_search(&doc) {
                Ok(at) => (run, at),
                Err(_) => return Ok(false),
            }
        };
        self.load_positions(unit)?.read_at(at, out);
        Ok(true)
    }

    /// Calls `each` with every document and its positions, ascending.
    pub(super) fn for_each_position(&mut self, each: &mut dyn FnMut(u32, &[u32])) -> Result<(), SearchError> {
        let (mut docs, mut out) = (Vec::new(), Vec::new());
        for unit in 0..self.marks.len() {
            docs.clear();
            self.unit_docs(unit, &mut |doc| docs.push(doc))?;
            if docs.is_empty() {
                continue;
            }
            let positions = self.load_positions(unit)?;
            for (at, doc) in docs.iter().enumerate() {
                out.clear();
                positions.read_at(at, &mut out);
                each(*doc, &out);
            }
        }
        Ok(())
    }

    /// The positions in the documents of a unit.
    fn load_positions(&mut self, unit: usize) -> Result<&mut PositionUnits, SearchError> {
        let count = if self.outside.dense {
            self.marks[unit] as usize
        } else {
            RUN.min(self.outside.docs as usize - unit * RUN)
        };
        let positions = match self.positions.take() {
            Some(open) => open,
            None => PositionUnits::open(&self.file, self.marks.len(), &self.outside)?,
        };
        let positions = self.positions.insert(positions);
        positions.load(&self.file, unit, count)?;
        Ok(positions)
    }
}

/// How many units a list has.
pub(super) fn unit_count(split_docs: u32, outside: &Outside) -> usize {
    if outside.dense { zone_count(split_docs) } else { (outside.docs as usize).div_ceil(RUN) }
}

fn read_zone(bytes: &[u8], count: u32, all: u32) -> Option<ZoneSet> {
    let mut cursor = Cursor::new(bytes);
    let listed = |cursor: &mut Cursor<'_>, count: u32| {
        let packed = cursor.packed(count as usize)?;
        let (mut set, mut inside) = (ZoneSet::EMPTY, true);
        packed.for_each(bytes, 0..count as usize, |doc| {
            inside &= doc < u64::from(all);
            set.insert(doc as usize % ZONE_DOCS);
        });
        inside.then_some(set)
    };
    match cursor.byte()? {
        ZONE_BITS => {
            let mut set = ZoneSet::EMPTY;
            let words = cursor.take(ZONE_DOCS / 8)?.chunks_exact(8);
            for (word, bytes) in set.0.iter_mut().zip(words) {
                *word = u64::from_le_bytes(bytes.try_into().ok()?);
            }
            set.is_within(&ZoneSet::first(all as usize)).then_some(set)
        }
        ZONE_PRESENT => listed(&mut cursor, count),
        ZONE_ABSENT => {
            let mut set = ZoneSet::first(all as usize);
            set.and_not(&listed(&mut cursor, all.checked_sub(count)?)?);
            Some(set)
        }
        _ => None,
    }
}

/// Reads bytes that end with their CRC-32.
pub(super) fn checked(file: &SplitFile, extent: Extent) -> Result<Vec<u8>, SearchError> {
    let mut bytes = file.read(extent)?;
    let body = bytes
        .len()
        .checked_sub(4)
        .filter(|body| crc32fast::hash(&bytes[..*body]).to_le_bytes()[..] == bytes[*body..]);
    bytes.truncate(body.ok_or_else(|| file.damaged("a checksum is wrong"))?);
    Ok(bytes)
}

/// Calls `each` with the running sums of lengths, and returns the last; `None` if they go beyond all bounds.
pub(super) fn sums(lens: &Packed, bytes: &[u8], mut each: impl FnMut(u64)) -> Option<u64> {
    let mut end = 0_u64;
    lens.for_each(bytes, 0..lens.len, |len| {
        end = end.saturating_add(len);
        each(end);
    });
    (end < u64::MAX).then_some(end)
}
