//! What a query sees: the splits and blocks that together hold every indexed event exactly once.
//!
//! A view never changes; a new one takes its place. A query that began on an old view finishes on it.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::split::Split;
use crate::tail::Block;

/// The parts of the index at one moment.
#[derive(Clone, Default)]
pub(crate) struct View {
    /// In the order of their entries; a range between two of them that is missing is being rebuilt.
    pub(crate) splits: Vec<Arc<Split>>,
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
            None => self.splits.last().map_or(0, |split| split.meta.end),
        }
    }

    /// Up to where nothing is missing.
    pub(crate) fn coverage(&self) -> Coverage {
        let mut coverage = Coverage { end: 0, received: i64::MIN };
        for split in &self.splits {
            if split.meta.first != coverage.end {
                return coverage;
            }
            coverage = Coverage { end: split.meta.end, received: split.meta.received_through };
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
    /// The parts of `range` that no split covers.
    pub(crate) fn gaps(&self, range: Range<u64>) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut next = range.start;
        for split in &self.splits {
            let (first, end) =
                (split.meta.first.clamp(range.start, range.end), split.meta.end.min(range.end));
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
