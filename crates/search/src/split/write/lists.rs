//! Writes a list of documents that is too long for its dictionary block.
//!
//! The documents are asked for first, and their positions after: each of the two is written as it comes, so that a list
//! of any length takes no more memory than what its units' lengths need.

use super::sink::Sink;
use crate::error::SearchError;
use crate::split::bytes::{put_packed, put_packed_wide};
use crate::split::format::zone_count;
use crate::split::lists::{DENSE_PART, RUN, ZONE_ABSENT, ZONE_BITS, ZONE_PRESENT, zone_docs};
use crate::split::terms::Outside;
use crate::zone::{ZONE_DOCS, ZoneSet};

/// The documents of one term, and for words where it stands in each.
pub(super) trait Occurrences {
    /// Calls `each` with the documents, ascending.
    ///
    /// # Errors
    /// Those of `each`, and of reading.
    fn docs(&mut self, each: &mut dyn FnMut(u32)) -> Result<(), SearchError>;

    /// Calls `each` with the positions in each of the documents, in their order.
    ///
    /// # Errors
    /// As [`Occurrences::docs`].
    fn positions(&mut self, each: &mut dyn FnMut(&[u32])) -> Result<(), SearchError>;
}

/// Positions of documents that are kept together.
#[derive(Debug, Default)]
pub(super) struct PositionArrays {
    more: Vec<u32>,
    first: Vec<u32>,
    gaps: Vec<u32>,
}

impl PositionArrays {
    /// Adds a document with its positions, at least one.
    pub(super) fn push(&mut self, positions: &[u32]) {
        self.more.push(positions.len() as u32 - 1);
        self.first.push(positions[0]);
        self.gaps.extend(positions.windows(2).map(|pair| pair[1] - pair[0] - 1));
    }

    /// The number of documents.
    pub(super) fn len(&self) -> usize {
        self.first.len()
    }

    /// How much there is to be packed, more or less.
    pub(super) fn items(&self) -> usize {
        self.first.len() + self.gaps.len()
    }

    /// Appends them, and forgets them.
    pub(super) fn put(&mut self, out: &mut Vec<u8>) {
        put_packed(out, &self.more);
        put_packed(out, &self.first);
        // One bit each at least, so that a reader can't be made to believe in more than the bytes allow.
        put_packed_wide(out, &self.gaps, u32::from(!self.gaps.is_empty()));
        self.more.clear();
        self.first.clear();
        self.gaps.clear();
    }
}

/// Writes the `docs` documents of a term, in a split of `split_docs`, and returns where they are.
pub(super) fn write_list(
    sink: &mut Sink,
    split_docs: u32,
    docs: u32,
    list: &mut dyn Occurrences,
    with_positions: bool,
) -> Result<Outside, SearchError> {
    let dense = u64::from(docs) * DENSE_PART >= u64::from(split_docs);
    let start = sink.at();
    let mut units = Units { sink, split_docs, dense, units: Vec::new(), marks: Vec::new(), failed: None };
    if dense {
        units.zones(list)?;
    } else {
        units.runs(list)?;
    }
    units.result()?;
    let Units { units, marks, .. } = units;
    let units_len = (sink.at() - start) as usize;
    let mut skip = Vec::new();
    put_packed(&mut skip, &marks);
    put_packed(&mut skip, &units);
    let skip_len = sink.put_checked(&skip)?.len;
    let mut outside =
        Outside { term: 0, docs, dense, start, units_len, skip_len, positions_len: 0, positions_skip_len: 0 };
    if with_positions {
        let start = sink.at();
        let last_run = docs as usize - (marks.len() - 1) * RUN * usize::from(!dense);
        let count = |unit: usize| match dense {
            true => marks[unit] as usize,
            false if unit + 1 == marks.len() => last_run,
            false => RUN,
        };
        let lens = write_positions(sink, marks.len(), count, list)?;
        outside.positions_len = (sink.at() - start) as usize;
        skip.clear();
        put_packed(&mut skip, &lens);
        outside.positions_skip_len = sink.put_checked(&skip)?.len;
    }
    Ok(outside)
}

fn write_positions(
    sink: &mut Sink,
    units: usize,
    count: impl Fn(usize) -> usize,
    list: &mut dyn Occurrences,
) -> Result<Vec<u32>, SearchError> {
    let mut lens = Vec::with_capacity(units);
    let (mut arrays, mut bytes) = (PositionArrays::default(), Vec::new());
    let mut failed = Ok(());
    list.positions(&mut |positions| {
        while lens.len() < units && count(lens.len()) == 0 {
            lens.push(0);
        }
        arrays.push(positions);
        if failed.is_ok() && arrays.len() == count(lens.len()) {
            bytes.clear();
            arrays.put(&mut bytes);
            lens.push(bytes.len() as u32);
            failed = sink.put(&bytes);
        }
    })?;
    failed?;
    lens.resize(units, 0);
    Ok(lens)
}

/// The units of a list while it is being written.
struct Units<'s> {
    sink: &'s mut Sink,
    split_docs: u32,
    dense: bool,
    /// How long each unit is.
    units: Vec<u32>,
    /// By unit: the last document of a run, or the number of documents in a zone.
    marks: Vec<u32>,
    failed: Option<SearchError>,
}

impl Units<'_> {
    fn put(&mut self, mark: u32, bytes: &[u8]) {
        self.marks.push(mark);
        self.units.push(bytes.len() as u32);
        if self.failed.is_none() {
            self.failed = self.sink.put(bytes).err();
        }
    }

    fn result(&mut self) -> Result<(), SearchError> {
        self.failed.take().map_or(Ok(()), Err)
    }

    fn runs(&mut self, list: &mut dyn Occurrences) -> Result<(), SearchError> {
        debug_assert!(!self.dense, "runs are for sparse lists");
        let (mut next, mut distances, mut bytes) = (0, Vec::with_capacity(RUN), Vec::new());
        list.docs(&mut |doc| {
            distances.push(doc - next);
            next = doc + 1;
            if distances.len() == RUN {
                bytes.clear();
                put_packed(&mut bytes, &distances);
                self.put(doc, &bytes);
                distances.clear();
            }
        })?;
        if !distances.is_empty() {
            bytes.clear();
            put_packed(&mut bytes, &distances);
            self.put(next - 1, &bytes);
        }
        Ok(())
    }

    fn zones(&mut self, list: &mut dyn Occurrences) -> Result<(), SearchError> {
        let (mut zone, mut set, mut bytes) = (0_usize, ZoneSet::EMPTY, Vec::new());
        list.docs(&mut |doc| {
            while doc as usize / ZONE_DOCS != zone {
                self.zone(zone, &set, &mut bytes);
                set = ZoneSet::EMPTY;
                zone += 1;
            }
            set.insert(doc as usize % ZONE_DOCS);
        })?;
        while zone < zone_count(self.split_docs) {
            self.zone(zone, &set, &mut bytes);
            set = ZoneSet::EMPTY;
            zone += 1;
        }
        Ok(())
    }

    fn zone(&mut self, zone: usize, set: &ZoneSet, bytes: &mut Vec<u8>) {
        /// A list of this many places takes as much room as a bitmap.
        const LISTED_MAX: u32 = 96;
        bytes.clear();
        let (count, all) = (set.len(), zone_docs(self.split_docs, zone as u32));
        let mut listed = |kind, set: &ZoneSet| {
            let mut places = Vec::with_capacity(LISTED_MAX as usize);
            set.for_each(|place| places.push(place as u32));
            bytes.push(kind);
            put_packed(bytes, &places);
        };
        if count == 0 || count == all {
            // The number says it all.
        } else if count <= LISTED_MAX {
            listed(ZONE_PRESENT, set);
        } else if all - count <= LISTED_MAX {
            let mut absent = ZoneSet::first(all as usize);
            absent.and_not(set);
            listed(ZONE_ABSENT, &absent);
        } else {
            bytes.push(ZONE_BITS);
            set.0.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        }
        let bytes = std::mem::take(bytes);
        self.put(count, &bytes);
    }
}
