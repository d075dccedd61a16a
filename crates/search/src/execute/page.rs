//! Pages, newest first: zones in the order of their own best time, from a heap over all parts of the index, until no
//! zone left can win.
//!
//! One event dated in the future makes its zone come early and costs nothing else. A part with matches in few zones
//! goes through those alone. Where time is bounded, as it is for every page but the first, a zone counts for what its
//! punctual events and its stragglers within the bounds come to, so that late events cost a zone each at most.
//! Invariant: the order is (time, leaf index) descending, without ties.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::budget::Meter;
use crate::split::Walk;
use crate::zone::{Bounds, Zone};
use crate::{Direction, SortKey};

use super::unit::Unit;
use super::{Execution, Failed};

/// An order in which larger is wanted first: later for newest first, and everything inverted for oldest first.
type Rank = (i64, u64);

fn rank(key: SortKey, direction: Direction) -> Rank {
    match direction {
        Direction::Older => (key.time, key.index),
        Direction::Newer => (!key.time, !key.index),
    }
}

/// A time in the order of [`Rank`].
fn ranked(time: i64, direction: Direction) -> i64 {
    match direction {
        Direction::Older => time,
        Direction::Newer => !time,
    }
}

fn best_time(zone: &Zone, direction: Direction) -> i64 {
    match direction {
        Direction::Older => zone.time_max,
        Direction::Newer => !zone.time_min,
    }
}

impl Execution<'_, '_> {
    /// The `limit` matches next to `from` (excluded) in the direction, nearest first.
    ///
    /// # Errors
    /// [`Failed`] when something can't be read, or when the budget is used up.
    pub(crate) fn nearest(
        &mut self,
        from: Option<SortKey>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<SortKey>, Failed> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut bounds = self.bounds;
        match (from, direction) {
            (Some(key), Direction::Older) => {
                bounds.time.until = bounds.time.until.min(key.time.saturating_add(1));
            }
            (Some(key), Direction::Newer) => bounds.time.since = bounds.time.since.max(key.time),
            (None, _) => {}
        }
        let below = from.map(|key| rank(key, direction));
        let mut best = Best { limit, below, direction, heap: BinaryHeap::new() };
        let lanes = self.units.iter().map(|unit| Lane::new(unit, &bounds, direction, &self.meter));
        let mut lanes = lanes.collect::<Result<Vec<Lane<'_>>, Failed>>()?;
        let mut queue = BinaryHeap::with_capacity(lanes.len());
        for (number, lane) in lanes.iter_mut().enumerate() {
            let next = lane.next(&self.units[number], &bounds, direction);
            queue.extend(next.map(|(time, zone)| (time, number, zone)));
        }
        let (mut times, mut leaves) = (Vec::new(), Vec::new());
        while let Some((time, number, zone)) = queue.pop() {
            // At an equal time a higher index may still win.
            if best.worst().is_some_and(|worst| time < worst.0) {
                break;
            }
            let (unit, lane) = (&mut self.units[number], &mut lanes[number]);
            let is_first = !lane.started;
            if is_first {
                lane.start(unit, &bounds, direction, &mut self.meter)?;
            }
            // The first zone was chosen before it was known which zones can have matches.
            if !is_first || lane.takes_first() {
                unit.visit(zone, &bounds, &mut self.meter, &mut |columns, set| {
                    columns.times(&mut times)?;
                    leaves.clear();
                    let mut wanted = set.clone();
                    wanted.retain(|doc| best.admits_time(times[doc]));
                    if !wanted.is_empty() {
                        // Leaf indices are read only where the time alone does not decide.
                        columns.leaves(&mut leaves)?;
                        wanted.for_each(|doc| best.offer(SortKey { time: times[doc], index: leaves[doc] }));
                    }
                    Ok(())
                })?;
            }
            let next = lane.next(unit, &bounds, direction);
            queue.extend(next.map(|(time, zone)| (time, number, zone)));
        }
        Ok(best.into_keys())
    }
}

/// A part of the index on its way through its zones, best first.
struct Lane<'v> {
    /// All zones that the bounds meet.
    all: All<'v>,
    /// Whether it is known which zones can have matches.
    started: bool,
    /// These zones with their best times, the best last, if they are few.
    few: Option<Vec<(i64, u32)>>,
    /// The zone that it gave before it started.
    first: Option<u32>,
}

/// All zones of a part, best first.
enum All<'v> {
    /// By the spans of their times.
    Spans(std::slice::Iter<'v, u32>),
    /// By the times of their punctual events and stragglers.
    Walk(Walk<'v>),
}

impl<'v> Lane<'v> {
    /// # Errors
    /// [`Failed`] when it can't be read how late events came, or when the budget is used up.
    fn new(
        unit: &Unit<'v>,
        bounds: &Bounds,
        direction: Direction,
        meter: &Meter<'_>,
    ) -> Result<Self, Failed> {
        let all = match unit.lateness(bounds, meter)? {
            Some(lateness) => All::Walk(Walk::new(lateness, bounds.time, direction)),
            None => All::Spans(unit.all_zones(direction).iter()),
        };
        Ok(Self { all, started: false, few: None, first: None })
    }

    /// The next zone within the bounds, and its best time.
    fn next(&mut self, unit: &Unit<'_>, bounds: &Bounds, direction: Direction) -> Option<(i64, u32)> {
        if let Some(few) = &mut self.few {
            return few.pop();
        }
        let meets = |zone: u32| bounds.meets(unit.zone(zone));
        let next = match &mut self.all {
            All::Spans(zones) => {
                let zone = zones.copied().find(|zone| meets(*zone))?;
                (best_time(unit.zone(zone), direction), zone)
            }
            All::Walk(walk) => {
                let (time, zone) = walk.find(|(_, zone)| meets(*zone))?;
                (ranked(time, direction), zone)
            }
        };
        self.first.get_or_insert(next.1);
        Some(next)
    }

    /// Finds out which zones can have matches, and goes on with those.
    fn start(
        &mut self,
        unit: &mut Unit<'v>,
        bounds: &Bounds,
        direction: Direction,
        meter: &mut Meter<'_>,
    ) -> Result<(), Failed> {
        self.started = true;
        let zones = unit.zones(bounds, meter)?.map(|zones| zones.iter().collect::<Vec<u32>>());
        if let Some(zones) = zones {
            let lateness = unit.lateness(bounds, meter)?;
            let best = |zone| match lateness {
                Some(lateness) => {
                    lateness.best(zone, bounds.time, direction).map(|time| ranked(time, direction))
                }
                None => Some(best_time(unit.zone(zone), direction)),
            };
            let met = zones.into_iter().filter(|zone| bounds.meets(unit.zone(*zone)));
            let mut few: Vec<(i64, u32)> = met.filter_map(|zone| Some((best(zone)?, zone))).collect();
            few.sort_unstable();
            self.few = Some(few);
        }
        Ok(())
    }

    /// Whether the zone that it gave before it started can have matches; it won't come again.
    fn takes_first(&mut self) -> bool {
        let Some(few) = &mut self.few else { return true };
        let at = few.iter().position(|(_, zone)| Some(*zone) == self.first);
        at.map(|at| few.remove(at)).is_some()
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
        let time = ranked(time, self.direction);
        self.worst().is_none_or(|worst| time >= worst.0) && self.below.is_none_or(|below| time <= below.0)
    }

    fn offer(&mut self, key: SortKey) {
        let rank = rank(key, self.direction);
        let admitted =
            self.below.is_none_or(|below| rank < below) && self.worst().is_none_or(|worst| rank > worst);
        if admitted {
            if self.heap.len() >= self.limit {
                self.heap.pop();
            }
            self.heap.push(Reverse((rank, key)));
        }
    }

    fn into_keys(self) -> Vec<SortKey> {
        // Ascending in `Reverse` is descending in rank: best first.
        self.heap.into_sorted_vec().into_iter().map(|Reverse((_, key))| key).collect()
    }
}
