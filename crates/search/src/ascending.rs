//! Matches in the order of the ledger: for feeds and streams, which must miss nothing and repeat nothing.
//!
//! Invariant: an entry that is not indexed yet, at the end or in a gap that is being rebuilt, is never stepped over.

use std::ops::Range;

use crate::Search;
use crate::ask::bounds;
use crate::budget::{Budget, Cost};
use crate::error::SearchError;
use crate::query::{Query, Reach};
use crate::view::View;

/// The next matches in the order of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// Leaf indices, ascending.
    pub indices: Vec<u64>,
    /// Every match from the beginning of the range to before this leaf index is among them.
    pub through: u64,
}

impl Search {
    /// The first `limit` matches of a range of leaf indices.
    ///
    /// # Errors
    /// As [`Search::page`].
    pub fn ascending(
        &self,
        reach: &Reach,
        query: &Query,
        range: Range<u64>,
        limit: usize,
        budget: &Budget,
    ) -> Result<(Sequence, Cost), SearchError> {
        let plan = self.plan(query, reach)?;
        let present = self.present();
        let end = covered_from(&present.view, range.start).min(range.end).max(range.start);
        let (indices, cost) = self.run(&present, &plan, bounds(query, end), budget, |execution| {
            execution.ascending(range.start..end, limit)
        })?;
        let through = match indices.last() {
            Some(last) if indices.len() == limit => last + 1,
            None if limit == 0 => range.start,
            _ => end,
        };
        Ok((Sequence { indices, through }, cost))
    }

    /// The leaf index after the last one that is searchable, whatever is missing before it: an `as_of` for answers that
    /// take several calls.
    pub fn end(&self) -> u64 {
        self.present().view.end()
    }
}

/// The end of what is indexed without a gap from `start` on; `start` where it is not.
fn covered_from(view: &View, start: u64) -> u64 {
    let mut end = start;
    for range in view.covered() {
        if range.first <= end {
            end = end.max(range.end);
        }
    }
    // The blocks adjoin each other.
    if let (Some(first), Some(last)) = (view.blocks.first(), view.blocks.last())
        && first.read().first <= end
    {
        end = end.max(last.read().end);
    }
    end
}
