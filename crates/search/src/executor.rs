//! Newest first, and exact counts, over splits and tail alike.
//!
//! Zones are visited in the order of their own best time, from a heap over all parts of the index, until no zone left
//! can win. A part with few matches is read in ever larger steps, since Tantivy's postings only go forward and every
//! step starts them anew. Invariant: the order is (time, leaf index) descending, without ties.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use parking_lot::RwLock;

use crate::error::SearchError;
use crate::query::Expr;
use crate::split::Split;
use crate::split_plan::SplitPlan;
use crate::tail::{Block, Test};
use crate::view::View;
use crate::zone::{Bounds, ZONE_DOCS, Zone};
use crate::{Direction, SortKey};

/// A part with no more matches than this is read in one go.
const FEW: u32 = 4_096;

/// How much each further step in one part grows.
const STEP_GROWTH: usize = 4;

/// One part of the index, and the plan on it once it was needed: a page seldom looks at all parts.
enum Unit<'v> {
    Split {
        split: &'v Split,
        /// Documents that belong to the query's moment.
        docs: u32,
        /// `None` inside: nothing in it matches.
        plan: OnceCell<Option<SplitPlan<'v>>>,
    },
    Block {
        block: &'v RwLock<Block>,
        docs: usize,
        zone: Zone,
        test: OnceCell<Test<'v>>,
    },
}

/// A plan on a view.
pub(crate) struct Execution<'v> {
    units: Vec<Unit<'v>>,
    bounds: Bounds,
    plan: &'v Expr,
}

/// An order in which larger is wanted first: later for newest first, and everything inverted for oldest first.
type Rank = (i64, u64);

fn rank(key: SortKey, direction: Direction) -> Rank {
    match direction {
        Direction::Older => (key.time, key.index),
        Direction::Newer => (!key.time, !key.index),
    }
}

fn best_time(zone: &Zone, direction: Direction) -> i64 {
    match direction {
        Direction::Older => zone.time_max,
        Direction::Newer => !zone.time_min,
    }
}

impl<'v> Execution<'v> {
    /// Prepares a plan for every part of the view that may hold a match.
    pub(crate) fn new(view: &'v View, plan: &'v Expr, bounds: Bounds) -> Self {
        let mut units = Vec::with_capacity(view.splits.len() + view.blocks.len());
        if *plan != Expr::None {
            for split in &view.splits {
                if split.meta.first < bounds.as_of && bounds.meets(&split.span) {
                    units.push(Unit::Split {
                        split,
                        docs: split.docs_before(bounds.as_of),
                        plan: OnceCell::new(),
                    });
                }
            }
            for shared in &view.blocks {
                let block = shared.read();
                let docs = block.places.partition_point(|place| place.index < bounds.as_of);
                if docs > 0 && bounds.meets(&block.zone) {
                    units.push(Unit::Block { block: shared, docs, zone: block.zone, test: OnceCell::new() });
                }
            }
        }
        Self { units, bounds, plan }
    }

    /// The `limit` matches next to `from` (excluded) in the direction, nearest first.
    ///
    /// # Errors
    /// [`SearchError`] with the split that can't be read.
    pub(crate) fn nearest(
        &self,
        from: Option<SortKey>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<SortKey>, (String, SearchError)> {
        let mut best =
            Best { limit, below: from.map(|key| rank(key, direction)), direction, heap: BinaryHeap::new() };
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut bounds = self.bounds;
        match (from, direction) {
            (Some(key), Direction::Older) => {
                bounds.time.until = bounds.time.until.min(key.time.saturating_add(1))
            }
            (Some(key), Direction::Newer) => bounds.time.since = bounds.time.since.max(key.time),
            (None, _) => {}
        }
        let mut lanes: Vec<Lane<'_, 'v>> =
            self.units.iter().map(|unit| Lane { unit, plan: self.plan, at: 0, step: 1 }).collect();
        let mut queue = BinaryHeap::with_capacity(lanes.len());
        for (number, lane) in lanes.iter_mut().enumerate() {
            queue.extend(lane.next_time(&bounds, direction).map(|time| (time, number)));
        }
        while let Some((time, number)) = queue.pop() {
            // At an equal time a higher index may still win.
            if best.worst().is_some_and(|worst| time < worst.0) {
                break;
            }
            let lane = &mut lanes[number];
            lane.advance(&bounds, &mut best)?;
            queue.extend(lane.next_time(&bounds, direction).map(|time| (time, number)));
        }
        Ok(best.into_keys())
    }

    /// The exact number of matches.
    ///
    /// # Errors
    /// [`SearchError`] with the split that can't be read.
    pub(crate) fn count(&self) -> Result<u64, (String, SearchError)> {
        let mut total = 0;
        for unit in &self.units {
            total += match unit {
                Unit::Split { split, docs, plan } => match compiled(split, self.plan, plan)? {
                    None => 0,
                    Some(plan) => self
                        .count_split(split, plan, *docs)
                        .map_err(|error| (split.meta.name.clone(), error))?,
                },
                Unit::Block { block, docs, zone, test } => {
                    let (block, inside) = (block.read(), self.bounds.covers(zone));
                    let test = test.get_or_init(|| block.compile(self.plan));
                    let fits = |doc: &usize| inside || self.bounds.contains(&block.places[*doc]);
                    (0..*docs).filter(fits).filter(|doc| block.passes(*doc, test)).count() as u64
                }
            };
        }
        Ok(total)
    }

    fn count_split(&self, split: &Split, plan: &SplitPlan<'_>, docs: u32) -> Result<u64, SearchError> {
        if docs == split.docs() && self.bounds.covers(&split.span) {
            if plan.exact {
                return Ok(u64::from(plan.most));
            }
            if let (Some(weight), None) = (&plan.weight, plan.tenants) {
                return Ok(u64::from(weight.count(&split.reader)?));
            }
        }
        let mut count = 0;
        let wanted = |zone: &u32| self.bounds.meets(&split.zones[*zone as usize]);
        let zones = (0..split.zones.len() as u32).filter(wanted).map(|zone| zone_docs(zone, docs));
        split.scan(plan, zones, |doc| {
            let inside = self.bounds.covers(&split.zones[doc as usize / ZONE_DOCS]);
            count += u64::from(inside || self.bounds.contains(&split.place(doc)));
        })?;
        Ok(count)
    }
}

fn zone_docs(zone: u32, docs: u32) -> std::ops::Range<u32> {
    let start = zone * ZONE_DOCS as u32;
    start.min(docs)..(start + ZONE_DOCS as u32).min(docs)
}

/// The plan for a split, compiled at the first call.
fn compiled<'c, 'v>(
    split: &Split,
    expr: &'v Expr,
    cell: &'c OnceCell<Option<SplitPlan<'v>>>,
) -> Result<Option<&'c SplitPlan<'v>>, (String, SearchError)> {
    if cell.get().is_none() {
        let plan = SplitPlan::compile(split, expr).map_err(|error| (split.meta.name.clone(), error))?;
        return Ok(cell.get_or_init(|| plan).as_ref());
    }
    Ok(cell.get().and_then(Option::as_ref))
}

/// A part of the index on its way through its zones, best first.
struct Lane<'u, 'v> {
    unit: &'u Unit<'v>,
    plan: &'v Expr,
    /// Zones behind it in the part's own order.
    at: usize,
    /// Zones to visit at once.
    step: usize,
}

impl Lane<'_, '_> {
    fn order(split: &Split, direction: Direction) -> &[u32] {
        match direction {
            Direction::Older => &split.latest_first,
            Direction::Newer => &split.earliest_first,
        }
    }

    /// The best time that any zone left has, after passing those that are out of bounds.
    fn next_time(&mut self, bounds: &Bounds, direction: Direction) -> Option<i64> {
        match self.unit {
            Unit::Block { zone, .. } => {
                (self.at == 0 && bounds.meets(zone)).then(|| best_time(zone, direction))
            }
            Unit::Split { split, .. } => {
                let order = Self::order(split, direction);
                while let Some(&zone) = order.get(self.at) {
                    let zone = &split.zones[zone as usize];
                    if bounds.meets(zone) {
                        return Some(best_time(zone, direction));
                    }
                    self.at += 1;
                }
                None
            }
        }
    }

    /// Visits the next zones and offers their matches.
    fn advance(&mut self, bounds: &Bounds, best: &mut Best) -> Result<(), (String, SearchError)> {
        match self.unit {
            Unit::Block { block, docs, test, .. } => {
                self.at = 1;
                let block = block.read();
                let test = test.get_or_init(|| block.compile(self.plan));
                for (doc, place) in block.places[..*docs].iter().enumerate() {
                    let key = SortKey { time: place.time, index: place.index };
                    if bounds.contains(place) && best.admits(key) && block.passes(doc, test) {
                        best.offer(key);
                    }
                }
                Ok(())
            }
            Unit::Split { split, docs, plan } => {
                let order = Self::order(split, best.direction);
                let Some(plan) = compiled(split, self.plan, plan)? else {
                    self.at = order.len();
                    return Ok(());
                };
                if plan.most <= FEW {
                    self.step = usize::MAX;
                }
                let mut zones = Vec::new();
                while let Some(&zone) = order.get(self.at).filter(|_| zones.len() < self.step) {
                    let span = &split.zones[zone as usize];
                    if best.worst().is_some_and(|worst| best_time(span, best.direction) < worst.0) {
                        self.at = order.len();
                        break;
                    }
                    if bounds.meets(span) {
                        zones.push(zone);
                    }
                    self.at += 1;
                }
                self.step = self.step.saturating_mul(STEP_GROWTH);
                zones.sort_unstable();
                let ranges = zones.iter().map(|&zone| zone_docs(zone, *docs));
                let visit = |doc| {
                    // The leaf index is read only where the time alone does not decide.
                    let time = split.time(doc);
                    if best.admits_time(time) {
                        let place = split.place(doc);
                        if bounds.contains(&place) {
                            best.offer(SortKey { time, index: place.index });
                        }
                    }
                };
                split.scan(plan, ranges, visit).map_err(|error| (split.meta.name.clone(), error))
            }
        }
    }
}

/// The best keys so far.
struct Best {
    limit: usize,
    /// Only ranks below this one count.
    below: Option<Rank>,
    direction: Direction,
    heap: BinaryHeap<Reverse<(Rank, SortKey)>>,
}

impl Best {
    /// The worst rank that is kept, once there are enough.
    fn worst(&self) -> Option<Rank> {
        (self.heap.len() >= self.limit).then(|| self.heap.peek().map(|Reverse((rank, _))| *rank)).flatten()
    }

    fn admits_time(&self, time: i64) -> bool {
        let time = match self.direction {
            Direction::Older => time,
            Direction::Newer => !time,
        };
        self.worst().is_none_or(|worst| time >= worst.0) && self.below.is_none_or(|below| time <= below.0)
    }

    fn admits(&self, key: SortKey) -> bool {
        let rank = rank(key, self.direction);
        self.below.is_none_or(|below| rank < below) && self.worst().is_none_or(|worst| rank > worst)
    }

    fn offer(&mut self, key: SortKey) {
        if self.admits(key) {
            if self.heap.len() >= self.limit {
                self.heap.pop();
            }
            self.heap.push(Reverse((rank(key, self.direction), key)));
        }
    }

    fn into_keys(self) -> Vec<SortKey> {
        // Ascending in `Reverse` is descending in rank: best first.
        self.heap.into_sorted_vec().into_iter().map(|Reverse((_, key))| key).collect()
    }
}
