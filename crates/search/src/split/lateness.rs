//! How late the events of a split came: for each zone the span of its punctual events, and the stragglers beside it.
//!
//! A zone is a run of documents in the order of arrival. One event in a hundred that comes days late stretches the span
//! of nearly every zone over days, so that an hour would meet hundreds of zones and have events in a few of them. What
//! tells these apart is worked out from the column of times when a question first needs it, and kept while the split is
//! open: 32 bytes a zone and 18 a straggler, of which a zone has one to [`STRAGGLERS_PART`] documents at most.
//! Invariant: an event is one of its zone's stragglers or happened within its zone's punctual span; which of the two is
//! a matter of speed alone.

use std::ops::Range;

use crate::Direction;
use crate::error::SearchError;
use crate::query::TimeRange;
use crate::zone::{Zone, ZoneSet};

/// Documents of a zone to one straggler, at most; a zone with more has none, and its punctual span is its whole span.
/// So the stragglers of a split take hardly more than a byte an event even where everything comes in disorder.
const STRAGGLERS_PART: usize = 16;
/// Times of a zone that are looked at to see where most of them are.
const SAMPLE: usize = 64;
/// How far beyond the middle half of a zone's times its punctual events may lie, in lengths of that half. Where events
/// come steadily, that is the zone's own length to both sides, so that none of them is taken for a straggler.
const PUNCTUAL_HALVES: i64 = 2;

/// The times of a split's events, more exactly than the spans of its zones.
#[derive(Debug, Default)]
pub(crate) struct Lateness {
    zones: Vec<Punctual>,
    /// By zone and document: when the straggler happened, and its place in its zone.
    times: Vec<i64>,
    docs: Vec<u16>,
    /// The stragglers of the whole split with their zones, the earliest first.
    by_time: Vec<(u32, u32)>,
    /// The zones by the end of their punctual span, the latest first.
    latest_first: Vec<u32>,
    /// The zones by the beginning of their punctual span, the earliest first.
    earliest_first: Vec<u32>,
}

/// The earliest and latest time of a zone's punctual events, and where its stragglers end.
#[derive(Clone, Copy, Debug)]
struct Punctual {
    min: i64,
    max: i64,
    end: u32,
}

/// What a range of time means for a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Within {
    /// The documents that are left in the set are those within.
    Decided,
    /// The times of the documents have to be looked at.
    Undecided,
}

impl Lateness {
    /// Works it out for these zones; `read` gives the times of one.
    ///
    /// # Errors
    /// That of `read`.
    pub(super) fn new(
        zones: &[Zone],
        mut read: impl FnMut(u32, &mut Vec<i64>) -> Result<(), SearchError>,
    ) -> Result<Lateness, SearchError> {
        let mut lateness = Lateness::default();
        let (mut times, mut sample) = (Vec::new(), Vec::new());
        for (number, zone) in (0..).zip(zones) {
            read(number, &mut times)?;
            let punctual = punctual(zone, &times, &mut sample);
            lateness.push(number, &times, punctual);
        }
        lateness.by_time.sort_unstable_by_key(|(at, zone)| (lateness.times[*at as usize], *zone));
        let zones = &lateness.zones;
        lateness.latest_first = (0..zones.len() as u32).collect();
        lateness.earliest_first = lateness.latest_first.clone();
        lateness.latest_first.sort_by_key(|zone| std::cmp::Reverse(zones[*zone as usize].max));
        lateness.earliest_first.sort_by_key(|zone| zones[*zone as usize].min);
        Ok(lateness)
    }

    /// Adds a zone whose events outside of `min..=max` are its stragglers.
    fn push(&mut self, zone: u32, times: &[i64], (min, max): (i64, i64)) {
        for (doc, time) in times.iter().enumerate().filter(|(_, time)| !(min..=max).contains(*time)) {
            self.by_time.push((self.times.len() as u32, zone));
            self.times.push(*time);
            self.docs.push(doc as u16);
        }
        self.zones.push(Punctual { min, max, end: self.times.len() as u32 });
    }

    /// The stragglers of a zone, as places in `times` and `docs`.
    fn stragglers(&self, zone: u32) -> Range<usize> {
        let start = zone.checked_sub(1).map_or(0, |before| self.zones[before as usize].end);
        start as usize..self.zones[zone as usize].end as usize
    }

    /// The time of the zone's best event in the range, at most: the latest for [`Direction::Older`], else the earliest;
    /// `None` if no event is in the range.
    pub(crate) fn best(&self, zone: u32, range: TimeRange, direction: Direction) -> Option<i64> {
        let times = self.times[self.stragglers(zone)].iter().copied().filter(|time| range.contains(*time));
        let all = times.chain(self.punctual_best(zone, range, direction));
        match direction {
            Direction::Older => all.max(),
            Direction::Newer => all.min(),
        }
    }

    fn punctual_best(&self, zone: u32, range: TimeRange, direction: Direction) -> Option<i64> {
        let Punctual { min, max, .. } = self.zones[zone as usize];
        range.meets(min, max).then(|| match direction {
            Direction::Older => max.min(range.until.saturating_sub(1)),
            Direction::Newer => min.max(range.since),
        })
    }

    /// Takes documents of the zone out of `set` that are outside of the range, without reading anything.
    pub(crate) fn keep(&self, zone: u32, range: TimeRange, set: &mut ZoneSet) -> Within {
        let Punctual { min, max, .. } = self.zones[zone as usize];
        let stragglers = self.stragglers(zone);
        let docs = self.docs[stragglers.clone()].iter().zip(&self.times[stragglers]);
        if range.covers(min, max) {
            docs.filter(|(_, time)| !range.contains(**time))
                .for_each(|(doc, _)| set.remove(usize::from(*doc)));
            return Within::Decided;
        }
        if range.meets(min, max) {
            return Within::Undecided;
        }
        let mut inside = ZoneSet::EMPTY;
        docs.filter(|(_, time)| range.contains(**time)).for_each(|(doc, _)| inside.insert(usize::from(*doc)));
        set.and(&inside);
        Within::Decided
    }
}

/// The span of a zone's punctual events.
fn punctual(zone: &Zone, times: &[i64], sample: &mut Vec<i64>) -> (i64, i64) {
    sample.clear();
    sample.extend(times.iter().step_by(times.len().div_ceil(SAMPLE).max(1)));
    sample.sort_unstable();
    let whole = (zone.time_min, zone.time_max);
    let (Some(low), Some(high)) = (sample.get(sample.len() / 4), sample.get(sample.len() * 3 / 4)) else {
        return whole;
    };
    let beyond = high.saturating_sub(*low).saturating_mul(PUNCTUAL_HALVES);
    let usual = low.saturating_sub(beyond)..=high.saturating_add(beyond);
    let (mut min, mut max, mut punctual) = (i64::MAX, i64::MIN, 0);
    for time in times.iter().copied().filter(|time| usual.contains(time)) {
        (min, max, punctual) = (min.min(time), max.max(time), punctual + 1);
    }
    if (times.len() - punctual) * STRAGGLERS_PART <= times.len() { (min, max) } else { whole }
}

/// The zones of a split that may have events in a range of time, the best first, each once.
pub(crate) struct Walk<'l> {
    lateness: &'l Lateness,
    range: TimeRange,
    direction: Direction,
    /// Zones passed in the order of their punctual events, and stragglers in that of theirs.
    zones: usize,
    stragglers: usize,
    seen: Vec<bool>,
}

impl<'l> Walk<'l> {
    pub(crate) fn new(lateness: &'l Lateness, range: TimeRange, direction: Direction) -> Self {
        let time = |(at, _): &(u32, u32)| lateness.times[*at as usize];
        // Those beyond the range are passed at once.
        let stragglers = match direction {
            Direction::Older => {
                let before = lateness.by_time.partition_point(|straggler| time(straggler) < range.until);
                lateness.by_time.len() - before
            }
            Direction::Newer => lateness.by_time.partition_point(|straggler| time(straggler) < range.since),
        };
        Self { lateness, range, direction, zones: 0, stragglers, seen: vec![false; lateness.zones.len()] }
    }

    /// The next zone whose punctual events meet the range, and the best time that one can have.
    fn zone(&mut self) -> Option<(i64, u32)> {
        let order = match self.direction {
            Direction::Older => &self.lateness.latest_first,
            Direction::Newer => &self.lateness.earliest_first,
        };
        loop {
            let zone = *order.get(self.zones)?;
            match self.lateness.punctual_best(zone, self.range, self.direction) {
                Some(best) if !self.seen[zone as usize] => return Some((best, zone)),
                _ => self.zones += 1,
            }
        }
    }

    /// The next straggler in the range: when it happened, and its zone.
    fn straggler(&mut self) -> Option<(i64, u32)> {
        let order = &self.lateness.by_time;
        loop {
            let at = match self.direction {
                Direction::Older => order.len().checked_sub(self.stragglers + 1)?,
                Direction::Newer => self.stragglers,
            };
            let (straggler, zone) = *order.get(at)?;
            let time = self.lateness.times[straggler as usize];
            if !self.range.contains(time) {
                return None;
            }
            if !self.seen[zone as usize] {
                return Some((time, zone));
            }
            self.stragglers += 1;
        }
    }
}

impl Iterator for Walk<'_> {
    /// The best time that an event of the zone in the range can have, and the zone.
    type Item = (i64, u32);

    fn next(&mut self) -> Option<(i64, u32)> {
        let (zone, straggler) = (self.zone(), self.straggler());
        let next = match self.direction {
            Direction::Older => zone.max(straggler),
            Direction::Newer => zone.into_iter().chain(straggler).min(),
        };
        next.inspect(|(_, zone)| self.seen[*zone as usize] = true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn lateness(zones: &[Vec<i64>]) -> Lateness {
        let spans: Vec<Zone> = zones
            .iter()
            .map(|times| {
                let mut zone = Zone::EMPTY;
                times.iter().for_each(|time| zone.add(*time, 0));
                zone
            })
            .collect();
        let read = |zone: u32, times: &mut Vec<i64>| {
            times.clone_from(&zones[zone as usize]);
            Ok(())
        };
        Lateness::new(&spans, read).unwrap()
    }

    /// Zones in order, each with a few events that came late or are ahead of their time.
    fn zones() -> impl Strategy<Value = Vec<Vec<i64>>> {
        let odd = prop_oneof![-50..150_i64, select(&[i64::MIN, i64::MAX, 0, 77][..])];
        let zone = (vec(0..10_i64, 1..120), vec((any::<usize>(), odd), 0..4));
        vec(zone, 0..9).prop_map(|zones| {
            let zones = (0..).zip(zones).map(|(number, (steps, odd))| {
                let mut times: Vec<i64> = steps.iter().map(|step| number * 10 + step).collect();
                let len = times.len();
                odd.iter().for_each(|(at, time)| times[at % len] = *time);
                times
            });
            zones.collect()
        })
    }

    fn range() -> impl Strategy<Value = TimeRange> {
        let end = || prop_oneof![8 => -60..160_i64, 1 => select(&[i64::MIN, i64::MAX][..])];
        (end(), end()).prop_map(|(since, until)| TimeRange { since, until })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn tells_the_same_as_the_times_themselves(zones in zones(), range in range(), older: bool) {
            let lateness = lateness(&zones);
            let direction = if older { Direction::Older } else { Direction::Newer };
            for (number, times) in (0..).zip(&zones) {
                let inside: Vec<usize> = (0..times.len()).filter(|doc| range.contains(times[*doc])).collect();
                let best = lateness.best(number, range, direction);
                prop_assert!(best.is_none_or(|best| range.contains(best)));
                for time in inside.iter().map(|doc| times[*doc]) {
                    let admitted = best.is_some_and(|best| if older { best >= time } else { best <= time });
                    prop_assert!(admitted, "{} is better than {:?}", time, best);
                }
                let mut set = ZoneSet::first(times.len());
                if lateness.keep(number, range, &mut set) == Within::Undecided {
                    prop_assert!(best.is_some());
                    set.retain(|doc| range.contains(times[doc]));
                }
                let mut left = Vec::new();
                set.for_each(|doc| left.push(doc));
                prop_assert_eq!(left, inside);
                prop_assert!(lateness.stragglers(number).len() * STRAGGLERS_PART <= times.len());
            }
            let mut walked: Vec<(i64, u32)> = Walk::new(&lateness, range, direction).collect();
            let mut expected: Vec<(i64, u32)> = (0..zones.len() as u32)
                .filter_map(|zone| Some((lateness.best(zone, range, direction)?, zone)))
                .collect();
            let is_ordered = walked.is_sorted_by(|a, b| if older { a.0 >= b.0 } else { a.0 <= b.0 });
            prop_assert!(is_ordered, "{:?}", walked);
            walked.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(walked, expected);
        }
    }

    #[test]
    fn a_steady_zone_has_no_stragglers_and_a_late_event_is_one() {
        let steady: Vec<i64> = (0..1_024).collect();
        let mut late = steady.clone();
        (late[100], late[900]) = (-100_000, 100_000);
        let disorder: Vec<i64> = (0..1_024).map(|at| if at % 8 == 0 { at * 1_000 } else { at }).collect();
        for (times, stragglers) in [(steady, 0), (late, 2), (disorder, 0), (vec![5; 1_024], 0), (vec![], 0)] {
            assert_eq!(
                lateness(std::slice::from_ref(&times)).times.len(),
                stragglers,
                "{:?}",
                times.get(..9)
            );
        }
    }
}
