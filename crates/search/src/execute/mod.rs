//! Running a plan over splits and tail: newest first, in ledger order, counted, added up.
//!
//! | module | |
//! |---|---|
//! | `node`, `split_plan`, `split_leaf`, `block_plan`, `gathered`, `phrase` | an expression as a part of the index evaluates it |
//! | `unit` | a part with its plan, one zone after another |
//! | `page`, `ascending`, `count`, `cache` | which events match, and how many |
//! | `columns`, `ordinals`, `collect`, `distinct`, `stats`, `histogram`, `values` | what they have in common |
//! | `explain` | what would run, in words |
//!
//! Everything is made of the same step: a part, a zone, the set of its documents that match. So page, count and
//! figures can't disagree, and neither can splits and tail.

mod ascending;
mod block_plan;
mod cache;
mod collect;
mod columns;
mod count;
mod distinct;
mod explain;
mod gathered;
mod histogram;
mod node;
mod ordinals;
mod page;
mod phrase;
mod split_leaf;
mod split_plan;
mod stats;
mod unit;
mod values;

use crate::budget::Meter;
use crate::error::SearchError;
use crate::marks::Marks;
use crate::query::Expr;
use crate::view::View;
use crate::zone::Bounds;

pub(crate) use cache::Caches;
pub(crate) use explain::explain;
use unit::Unit;

/// A query that could not be answered, and the split that is to blame, if it is one.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) split: Option<String>,
    pub(crate) error: SearchError,
}

impl From<SearchError> for Failed {
    fn from(error: SearchError) -> Self {
        Failed { split: None, error }
    }
}

/// A plan on the parts of the index that may hold a match.
pub(crate) struct Execution<'v, 'b> {
    units: Vec<Unit<'v>>,
    bounds: Bounds,
    moment: Moment<'v>,
    meter: Meter<'b>,
    /// Most different values of a field that an answer is made of.
    pub(crate) values_max: usize,
    /// Most numbers of a histogram that are added up in one go.
    pub(crate) cells_max: u64,
}

/// Most different values of a field that an answer is made of: about 100 bytes each, so 200 MB for one query.
const VALUES_MAX: usize = 2_000_000;

/// Numbers of a histogram that are added up in one go, at most: 32 MiB. Where there may be more, the values with most
/// events are found first, and only theirs are added up one by one.
const CELLS_MAX: u64 = 4 << 20;

/// What a query sees beside the parts of the index.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'v> {
    pub(crate) marks: &'v Marks,
    pub(crate) caches: &'v Caches,
}

impl<'v, 'b> Execution<'v, 'b> {
    /// Prepares a plan; what it comes to in a part is worked out when that part is looked at.
    pub(crate) fn new(
        view: &'v View,
        plan: &'v Expr,
        moment: Moment<'v>,
        bounds: Bounds,
        meter: Meter<'b>,
    ) -> Self {
        let View { splits, blocks, .. } = view;
        let mut units = Vec::with_capacity(splits.len() + blocks.len());
        if *plan != Expr::None {
            let met =
                splits.iter().filter(|split| split.meta.first < bounds.as_of && bounds.meets(&split.span));
            units.extend(met.map(|split| Unit::split(split, plan, moment)));
            units.extend(blocks.iter().filter_map(|block| Unit::block(block, plan, moment.marks, &bounds)));
        }
        Self { units, bounds, moment, meter, values_max: VALUES_MAX, cells_max: CELLS_MAX }
    }

    /// What it came to so far.
    pub(crate) fn cost(&self) -> crate::Cost {
        self.meter.cost()
    }
}
