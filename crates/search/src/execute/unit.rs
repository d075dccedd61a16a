//! One part of the index with the plan as it runs there, and the sets of matching documents, zone by zone.

use parking_lot::RwLock;
use roaring::RoaringBitmap;

use crate::Direction;
use crate::budget::Meter;
use crate::error::SearchError;
use crate::marks::{Mark, Marks};
use crate::query::Expr;
use crate::split::{Lateness, Split, Within};
use crate::tail::Block;
use crate::zone::{Bounds, ZONE_DOCS, Zone, ZoneSet};

use super::block_plan::{self, BlockNode, BlockZone};
use super::columns::Columns;
use super::node::Node;
use super::split_leaf::{Buffers, SplitNode, SplitZone};
use super::split_plan;
use super::{Failed, Moment};

/// One zone of the tail: a block. It is locked while it is looked at and not longer, since the newest one grows.
pub(super) struct BlockUnit<'v> {
    pub(super) block: &'v RwLock<Block>,
    /// Its documents that belong to the query's moment.
    docs: usize,
    zone: Zone,
    plan: &'v Expr,
    marks: &'v Marks,
    node: Option<BlockNode<'v>>,
}

/// A split.
pub(super) struct SplitUnit<'v> {
    pub(super) split: &'v Split,
    plan: &'v Expr,
    moment: Moment<'v>,
    run: Option<SplitRun>,
}

/// A plan on a split.
pub(super) struct SplitRun {
    pub(super) node: SplitNode,
    /// The split's documents that belong to the query's moment.
    pub(super) docs: u32,
    /// The zones that can have matches, if not all.
    pub(super) zones: Option<RoaringBitmap>,
    buffers: Buffers,
}

pub(super) enum Unit<'v> {
    Split(SplitUnit<'v>),
    Block(BlockUnit<'v>),
}

impl<'v> Unit<'v> {
    pub(super) fn split(split: &'v Split, plan: &'v Expr, moment: Moment<'v>) -> Self {
        Unit::Split(SplitUnit { split, plan, moment, run: None })
    }

    /// The block, if it may hold a match.
    pub(super) fn block(
        block: &'v RwLock<Block>,
        plan: &'v Expr,
        marks: &'v Marks,
        bounds: &Bounds,
    ) -> Option<Self> {
        let (docs, zone) = {
            let block = block.read();
            (block.places.partition_point(|place| place.index < bounds.as_of), block.zone)
        };
        let meets = docs > 0 && bounds.meets(&zone);
        meets.then_some(Unit::Block(BlockUnit { block, docs, zone, plan, marks, node: None }))
    }

    /// The span of a zone's times.
    pub(super) fn zone(&self, zone: u32) -> &Zone {
        match self {
            Unit::Split(unit) => &unit.split.zones[zone as usize],
            Unit::Block(unit) => &unit.zone,
        }
    }

    /// All zones in the order of their best time.
    pub(super) fn all_zones(&self, direction: Direction) -> &'v [u32] {
        match (self, direction) {
            (Unit::Split(unit), Direction::Older) => &unit.split.latest_first,
            (Unit::Split(unit), Direction::Newer) => &unit.split.earliest_first,
            (Unit::Block(_), _) => &[0],
        }
    }

    /// How late the events of a split came, where the bounds take some of its time and leave some.
    ///
    /// # Errors
    /// [`Failed`] when times can't be read, or when the budget is used up.
    pub(super) fn lateness(
        &self,
        bounds: &Bounds,
        meter: &Meter<'_>,
    ) -> Result<Option<&'v Lateness>, Failed> {
        match self {
            Unit::Split(unit) => unit.lateness(bounds, meter),
            Unit::Block(_) => Ok(None),
        }
    }

    /// The zones that can have matches, ascending; `None` if that may be all.
    ///
    /// # Errors
    /// [`Failed`] when the plan can't be made.
    pub(super) fn zones(
        &mut self,
        bounds: &Bounds,
        meter: &mut Meter<'_>,
    ) -> Result<Option<&RoaringBitmap>, Failed> {
        match self {
            Unit::Split(unit) => Ok(unit.run(bounds, meter)?.zones.as_ref()),
            Unit::Block(_) => Ok(None),
        }
    }

    /// Calls `each` with the zone's matching documents within the bounds, if there are any.
    ///
    /// # Errors
    /// [`Failed`] when they can't be read, when the budget is used up, or when `each` fails.
    pub(super) fn visit(
        &mut self,
        zone: u32,
        bounds: &Bounds,
        meter: &mut Meter<'_>,
        each: &mut dyn FnMut(Columns<'_>, &ZoneSet) -> Result<(), SearchError>,
    ) -> Result<(), Failed> {
        match self {
            Unit::Split(unit) => {
                let split = unit.split;
                let set = unit.matches(zone, bounds, meter)?;
                if set.is_empty() {
                    return Ok(());
                }
                meter.matched(set.len());
                each(Columns::Split(split, zone), &set).map_err(|error| blame(split, error))
            }
            Unit::Block(unit) => {
                let block = unit.block.read();
                let set = unit.matches(&block, bounds, meter)?;
                if set.is_empty() {
                    return Ok(());
                }
                meter.matched(set.len());
                Ok(each(Columns::Block(&block), &set)?)
            }
        }
    }
}

/// Says which split an error came from; a budget that is used up is no split's fault.
pub(super) fn blame(split: &Split, error: SearchError) -> Failed {
    let innocent = matches!(error, SearchError::DeadlineExceeded | SearchError::Cancelled);
    Failed { split: (!innocent).then(|| split.meta.name.clone()), error }
}

impl<'v> SplitUnit<'v> {
    /// How late the split's events came, where the bounds take some of its time and leave some.
    ///
    /// # Errors
    /// [`Failed`] when times can't be read, or when the budget is used up.
    pub(super) fn lateness(
        &self,
        bounds: &Bounds,
        meter: &Meter<'_>,
    ) -> Result<Option<&'v Lateness>, Failed> {
        let (split, span) = (self.split, &self.split.span);
        if bounds.time.covers(span.time_min, span.time_max) {
            return Ok(None);
        }
        split.lateness(|| meter.check()).map(Some).map_err(|error| blame(split, error))
    }

    /// The plan, made at the first call.
    ///
    /// # Errors
    /// [`Failed`] when terms can't be looked up.
    pub(super) fn run(&mut self, bounds: &Bounds, meter: &mut Meter<'_>) -> Result<&mut SplitRun, Failed> {
        let run = match self.run.take() {
            Some(run) => run,
            None => self.start(bounds, meter).map_err(|error| blame(self.split, error))?,
        };
        Ok(self.run.insert(run))
    }

    fn start(&self, bounds: &Bounds, meter: &mut Meter<'_>) -> Result<SplitRun, SearchError> {
        meter.part(true)?;
        let node = split_plan::plan(self.split, self.plan, self.moment, meter)?;
        let docs = self.split.docs_before(bounds.as_of)?;
        Ok(SplitRun { zones: node.zones(), node, docs, buffers: Buffers::default() })
    }

    /// The documents of a zone that match and are within the bounds.
    pub(super) fn matches(
        &mut self,
        zone: u32,
        bounds: &Bounds,
        meter: &mut Meter<'_>,
    ) -> Result<ZoneSet, Failed> {
        let (split, marks) = (self.split, self.moment.marks);
        let run = self.run(bounds, meter)?;
        meter.zone()?;
        run.matches(split, marks, zone, bounds).map_err(|error| blame(split, error))
    }
}

impl SplitRun {
    fn matches(
        &mut self,
        split: &Split,
        marks: &Marks,
        zone: u32,
        bounds: &Bounds,
    ) -> Result<ZoneSet, SearchError> {
        let before = (self.docs as usize).saturating_sub(zone as usize * ZONE_DOCS);
        let mut set = ZoneSet::first(before.min(split.zone_docs(zone) as usize));
        let span = &split.zones[zone as usize];
        let mut within = Within::Decided;
        if !bounds.time.covers(span.time_min, span.time_max) {
            // Few documents are left of a zone that only stragglers bring into the bounds, and no time is read.
            within = split
                .known_lateness()
                .map_or(Within::Undecided, |lateness| lateness.keep(zone, bounds.time, &mut set));
        }
        if !set.is_empty() {
            let mut at = SplitZone { split, marks, zone, buffers: &mut self.buffers };
            self.node.keep(&mut at, &mut set)?;
        }
        let times = &mut self.buffers.times;
        if within == Within::Undecided && !set.is_empty() {
            split.times(zone, times)?;
            set.retain(|doc| bounds.time.contains(times[doc]));
        }
        if !bounds.received.covers(span.received_min, span.received_max) && !set.is_empty() {
            split.received(zone, times)?;
            set.retain(|doc| bounds.received.contains(times[doc]));
        }
        Ok(set)
    }
}

impl BlockUnit<'_> {
    /// The documents of the block, which is locked by the caller, that match and are within the bounds.
    ///
    /// # Errors
    /// When the budget is used up.
    pub(super) fn matches(
        &mut self,
        block: &Block,
        bounds: &Bounds,
        meter: &mut Meter<'_>,
    ) -> Result<ZoneSet, SearchError> {
        if self.node.is_none() {
            meter.part(false)?;
            let hidden = Node::Leaf(block_plan::BlockLeaf::Marked(Mark::Hidden));
            let plan = block_plan::plan(block, self.plan)?;
            let docs = block.places.len() as u32;
            self.node = Some(match self.marks.of(Mark::Hidden).is_empty() {
                true => plan,
                false => Node::and(vec![plan, Node::not(hidden)], docs),
            });
        }
        let mut set = ZoneSet::first(self.docs);
        if let Some(node) = &mut self.node
            && !matches!(node, Node::Nothing)
        {
            meter.zone()?;
            if !bounds.covers(&self.zone) {
                set.retain(|doc| {
                    let place = &block.places[doc];
                    bounds.time.contains(place.time) && bounds.received.contains(place.received)
                });
            }
            node.keep(&mut BlockZone { block, marks: self.marks }, &mut set)?;
            return Ok(set);
        }
        Ok(ZoneSet::EMPTY)
    }
}
