//! What a query sees: the splits and blocks that together hold every indexed event exactly once.
//!
//! A view never changes; a new one takes its place. A query that began on an old view finishes on it.

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
        for block in &self.blocks {
            let block = block.read();
            if block.first != coverage.end {
                return coverage;
            }
            coverage = Coverage { end: block.end, received: coverage.received.max(block.received_through) };
        }
        coverage
    }
}
