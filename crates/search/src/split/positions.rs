//! Where a word stands in its documents: in a dictionary block, or in the units of a list.

use super::bytes::{Cursor, Packed};
use super::file::{Extent, SplitFile, Window};
use super::lists::{CONTRADICTS, checked, sums};
use super::terms::Outside;
use crate::error::SearchError;

/// Positions of some documents, as packed arrays: one item a document, but for `gaps`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PackedPositions {
    /// How often the word occurs after the first time.
    pub(super) more: Packed,
    pub(super) first: Packed,
    /// The distances between occurrences, less one, end to end.
    pub(super) gaps: Packed,
}

impl PackedPositions {
    /// The positions of `count` documents.
    pub(super) fn read(cursor: &mut Cursor<'_>, bytes: &[u8], count: usize) -> Option<PackedPositions> {
        let (more, first) = (cursor.packed(count)?, cursor.packed(count)?);
        let gaps = cursor.packed_wide(more.sum(bytes)?)?;
        Some(PackedPositions { more, first, gaps })
    }

    /// How many gaps belong to the documents before `at`.
    pub(super) fn gaps_before(&self, bytes: &[u8], at: usize) -> usize {
        if self.more.width == 0 {
            return at * self.more.min as usize;
        }
        let mut sum = 0;
        self.more.for_each(bytes, 0..at, |more| sum += more as usize);
        sum
    }

    /// Appends the positions in the document at `at`, whose gaps begin at `gap`, and returns where those of the next do.
    pub(super) fn read_doc(&self, bytes: &[u8], at: usize, gap: usize, out: &mut Vec<u32>) -> usize {
        let mut position = self.first.get(bytes, at) as u32;
        out.push(position);
        let end = (gap + self.more.get(bytes, at) as usize).min(self.gaps.len);
        self.gaps.for_each(bytes, gap.min(end)..end, |distance| {
            position = position.wrapping_add(distance as u32).wrapping_add(1);
            out.push(position);
        });
        end
    }
}

/// Positions by unit, and the unit that was read last.
pub(super) struct PositionUnits {
    ends: Vec<usize>,
    window: Window,
    unit: Option<usize>,
    bytes: Vec<u8>,
    arrays: PackedPositions,
    /// A document of the unit, and where its gaps begin.
    next: (usize, usize),
}

impl PositionUnits {
    pub(super) fn open(
        file: &SplitFile,
        units: usize,
        outside: &Outside,
    ) -> Result<PositionUnits, SearchError> {
        let start = outside.start + outside.units_len as u64 + outside.skip_len as u64;
        let whole = Extent { start, len: outside.positions_len };
        let skip = Extent { start: start + outside.positions_len as u64, len: outside.positions_skip_len };
        let bytes = checked(file, skip)?;
        let mut ends = Vec::with_capacity(units);
        let mut cursor = Cursor::new(&bytes);
        let lens = cursor.packed(units);
        let end = lens.and_then(|lens| sums(&lens, &bytes, |end| ends.push(end as usize)));
        if end != Some(outside.positions_len as u64) || !cursor.is_at_end() {
            return Err(file.damaged(CONTRADICTS));
        }
        Ok(PositionUnits {
            ends,
            window: Window::new(whole),
            unit: None,
            bytes: Vec::new(),
            arrays: PackedPositions::default(),
            next: (0, 0),
        })
    }

    /// Reads the unit, which has `count` documents, unless it is there already.
    pub(super) fn load(&mut self, file: &SplitFile, unit: usize, count: usize) -> Result<(), SearchError> {
        if self.unit == Some(unit) {
            return Ok(());
        }
        self.unit = None;
        let start = unit.checked_sub(1).map_or(0, |before| self.ends[before]);
        let bytes = self.window.get(file, start, self.ends[unit])?;
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        let mut cursor = Cursor::new(&self.bytes);
        let arrays = PackedPositions::read(&mut cursor, &self.bytes, count).filter(|_| cursor.is_at_end());
        self.arrays = arrays.ok_or_else(|| file.damaged(CONTRADICTS))?;
        self.unit = Some(unit);
        self.next = (0, 0);
        Ok(())
    }

    /// Appends the positions in the document at `at` of the unit; cheapest in their order.
    pub(super) fn read_at(&mut self, at: usize, out: &mut Vec<u32>) {
        let gap = match self.next {
            (doc, gap) if doc == at => gap,
            _ => self.arrays.gaps_before(&self.bytes, at),
        };
        self.next = (at + 1, self.arrays.read_doc(&self.bytes, at, gap, out));
    }
}
