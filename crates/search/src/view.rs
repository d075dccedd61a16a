//! What a query sees: the splits and blocks that together hold every indexed event exactly once.
//!
//! A view never changes; a new one takes its place. A query that began on an old view finishes on it.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::manifest::{Covered, Vacant, covered};
use crate::split::Split;
use crate::tail::Block;

/// The parts of the index at one moment.
#[derive(Clone, Default)]
pub(crate) struct View {
    /// In the order of their entries; a range between two of them that is missing, and not vacant, is being rebuilt.
    pub(crate) splits: Vec<Arc<Split>>,
    /// As in the manifest.
    pub(crate) vacant: Vec<Vacant>,
    /// The tail, in order, without gaps; only the last one grows.
    pub(crate) blocks: Vec<Arc<RwLock<Block>>>,
}

/// Up to where everything is searchable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// Every entry before this leaf index is covered.
    pub(crate) end: u64,
    /// When the last of them was received, in microseconds; the minimum if there is none.
    pub(crate) received: i64,
}

impl View {
    /// The leaf index after the last one covered, whatever is missing before it.
    pub(crate) fn end(&self) -> u64 {
        match self.blocks.last() {
            Some(block) => block.read().end,
            None => self.covered().last().map_or(0, |range| range.end),
        }
    }

    /// What splits and vacant runs cover, in order.
    pub(crate) fn covered(&self) -> impl Iterator<Item = Covered> {
        covered(self.splits.iter().map(|split| &split.meta), &self.vacant)
    }

    /// The blocks that begin within `range`.
    pub(crate) fn blocks_from(&self, range: &Range<u64>) -> Vec<Arc<RwLock<Block>>> {
        self.blocks.iter().filter(|block| range.contains(&block.read().first)).cloned().collect()
    }

    /// Up to where nothing is missing.
    pub(crate) fn coverage(&self) -> Coverage {
        let mut coverage = Coverage { end: 0, received: i64::MIN };
        for range in self.covered() {
            if range.first != coverage.end {
                return coverage;
            }
            coverage = Coverage { end: range.end, received: range.received_through };
        }
        // The blocks adjoin each other, so the first and the last tell about all of them.
        if let (Some(first), Some(last)) = (self.blocks.first(), self.blocks.last())
            && first.read().first == coverage.end
        {
            coverage.end = last.read().end;
            let mut received = self.blocks.iter().rev().map(|block| block.read().received_through);
            coverage.received = received.find(|at| *at != i64::MIN).unwrap_or(coverage.received);
        }
        coverage
    }
}

impl View {
    /// The parts of `range` that neither a split covers nor are vacant.
    pub(crate) fn gaps(&self, range: Range<u64>) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut next = range.start;
        for covered in self.covered() {
            let (first, end) = (covered.first.clamp(range.start, range.end), covered.end.min(range.end));
            if next < first {
                gaps.push(next..first);
            }
            next = next.max(end);
        }
        if next < range.end {
            gaps.push(next..range.end);
        }
        gaps
    }
}
