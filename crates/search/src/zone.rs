//! Zones: runs of 1,024 documents that know the span of their times.
//!
//! The executor visits zones by their own latest time and stops when none can win, so one event dated in the future
//! makes one zone come early and spoils nothing else.

use crate::doc::Place;
use crate::query::TimeRange;

/// Documents in a zone.
pub(crate) const ZONE_DOCS: usize = 1_024;

/// The earliest and latest times of a zone's events, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) time_min: i64,
    pub(crate) time_max: i64,
    pub(crate) received_min: i64,
    pub(crate) received_max: i64,
}

impl Zone {
    pub(crate) const EMPTY: Zone =
        Zone { time_min: i64::MAX, time_max: i64::MIN, received_min: i64::MAX, received_max: i64::MIN };

    pub(crate) fn add(&mut self, time: i64, received: i64) {
        self.time_min = self.time_min.min(time);
        self.time_max = self.time_max.max(time);
        self.received_min = self.received_min.min(received);
        self.received_max = self.received_max.max(received);
    }
}

/// The columns that a plan is bounded by, beside its conditions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) time: TimeRange,
    pub(crate) received: TimeRange,
    /// Only entries before this leaf index.
    pub(crate) as_of: u64,
}

impl Bounds {
    /// Whether some event of the zone may be within.
    pub(crate) fn meets(&self, zone: &Zone) -> bool {
        self.time.meets(zone.time_min, zone.time_max)
            && self.received.meets(zone.received_min, zone.received_max)
    }

    /// Whether every event of the zone is within, its leaf index apart.
    pub(crate) fn covers(&self, zone: &Zone) -> bool {
        self.time.covers(zone.time_min, zone.time_max)
            && self.received.covers(zone.received_min, zone.received_max)
    }

    pub(crate) fn contains(&self, place: &Place) -> bool {
        self.time.contains(place.time) && self.received.contains(place.received) && place.index < self.as_of
    }
}
