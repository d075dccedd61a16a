//! Limits of ranges: whether a question's times lie within what its caller's roles allow.
//!
//! Lengths are counted back in the question's own zone. One of days or more reaches back to the beginning of a day, so
//! that a later moment never reaches further back than an earlier one, whatever the months' lengths: a range that is
//! offered stays good. Everything is judged as if it had been asked [`LEEWAY`] ago, since a page finds its range by a
//! clock of its own, and before the request is on its way.
//!
//! Invariant: with one more role a caller may ask all that it might ask before.

use indelible_control::{CalendarSpan, RangeLimit};
use indelible_event::Timestamp;
use indelible_search::AskedTimes;
use jiff::{
    Span,
    tz::{Offset, TimeZone},
};

/// What roles allow together: of each kind whichever reaches furthest where it is asked; without any, everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeLimits {
    back: Vec<CalendarSpan>,
    span: Vec<CalendarSpan>,
}

/// A question's range goes beyond what its caller may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    /// The largest range that is allowed, as near as possible to what was asked: from here, included,
    pub since: Timestamp,
    /// to here, excluded.
    pub until: Timestamp,
    /// What is allowed, in words.
    pub words: String,
}

/// Microseconds of difference between clocks, and on the way, that make no difference.
const LEEWAY: i64 = 5 * 60 * 1_000_000;
/// Microseconds for which a listing is gone on with from the moment that it was begun at, and its range with it.
const LISTING: i64 = 24 * 60 * 60 * 1_000_000;
/// Microseconds of an hour.
const HOUR: i64 = 60 * 60 * 1_000_000;

impl RangeLimits {
    /// What several roles allow together; `None` is a role without limits.
    pub fn united(limits: impl IntoIterator<Item = Option<RangeLimit>>) -> Self {
        let limits: Vec<_> = limits.into_iter().map(Option::unwrap_or_default).collect();
        // One that is not limited makes the others of no matter.
        let all = |of: fn(&RangeLimit) -> Option<CalendarSpan>| {
            limits.iter().map(of).collect::<Option<Vec<_>>>().unwrap_or_default()
        };
        Self { back: all(|limit| limit.back), span: all(|limit| limit.span) }
    }

    /// Whether there are none.
    pub fn is_unlimited(&self) -> bool {
        self.back.is_empty() && self.span.is_empty()
    }

    /// The limits as one, to be shown: of several whichever is longest on average. `None`: there are none.
    pub fn widest(&self) -> Option<RangeLimit> {
        let longest =
            |spans: &[CalendarSpan]| spans.iter().copied().max_by_key(CalendarSpan::average_millihours);
        let widest = RangeLimit { back: longest(&self.back), span: longest(&self.span) };
        Some(widest).filter(|widest| !widest.is_unlimited())
    }

    /// Whether they allow all that `other` does, whenever it is asked.
    pub fn cover(&self, other: Option<&RangeLimit>) -> bool {
        let other = other.copied().unwrap_or_default();
        let covers = |own: &[CalendarSpan], other: Option<CalendarSpan>| {
            own.is_empty() || other.is_some_and(|other| own.iter().any(|own| own.reaches_as_far_as(&other)))
        };
        covers(&self.back, other.back) && covers(&self.span, other.span)
    }

    /// Whether a question about these times may be asked. `began` is the instant that its relative times count from,
    /// `now` the one at which it is asked; they differ where it goes on with a listing.
    ///
    /// # Errors
    /// [`OutOfRange`] with what may be asked instead.
    pub(crate) fn check(
        &self,
        asked: &AskedTimes,
        began: Timestamp,
        now: Timestamp,
    ) -> Result<(), OutOfRange> {
        if self.is_unlimited() {
            return Ok(());
        }
        let first = self.first(asked, judged_at(began, now) - LEEWAY);
        if asked.since.is_some_and(|since| since >= first) {
            return Ok(());
        }
        // What is offered is counted from now, so that it stays good for a while.
        let now = now.as_micros();
        let earliest = self.earliest(now, &asked.zone);
        let end = asked.until.unwrap_or(now);
        let (since, until) = if end.min(now) > earliest {
            (self.first(asked, now), end)
        } else {
            // All of it is too old: the oldest that is not.
            (earliest, self.last(earliest, now, &asked.zone))
        };
        let at = Timestamp::from_micros;
        Err(OutOfRange { since: at(since), until: at(until), words: self.in_words(at(earliest)) })
    }

    /// The earliest instant that a question with this end may begin at: how far back one may ask, and from its end, or
    /// from now where it ends later, as far as one may ask at a time.
    fn first(&self, asked: &AskedTimes, now: i64) -> i64 {
        let end = asked.until.map_or(now, |until| until.min(now));
        self.earliest(now, &asked.zone).max(furthest(&self.span, end, &asked.zone))
    }

    /// An end, not after `now`, of a question that begins at this instant: as far on as one may ask at a time.
    fn last(&self, since: i64, now: i64, zone: &TimeZone) -> i64 {
        let ends = self.span.iter().map(|span| after(span, since, zone));
        let mut end = ends.max().unwrap_or(i64::MAX).min(now);
        // A month on and a month back is some days later where the months' lengths differ.
        while furthest(&self.span, end, zone) > since {
            end -= 24 * HOUR;
        }
        end
    }

    /// How far back one may ask, in microseconds; without a limit as far as there is anything.
    fn earliest(&self, now: i64, zone: &TimeZone) -> i64 {
        furthest(&self.back, now, zone)
    }

    /// Since when an event must have happened to be shown by its id, where no question says in which zone: in whichever
    /// reaches furthest back.
    pub(crate) fn shown_since(&self, now: Timestamp) -> i64 {
        if self.back.is_empty() {
            return i64::MIN;
        }
        let now = now.as_micros() - LEEWAY;
        // Where a day is about to end its beginning is longest ago; the world's zones lie between these two.
        let zones = (-12..=14).map(|hours| TimeZone::fixed(Offset::constant(hours)));
        zones.map(|zone| self.earliest(now, &zone)).min().unwrap_or(i64::MIN)
    }

    /// Since when an event must have happened to be shown to somebody who follows what comes in: within a range that ends
    /// now. `i64::MIN` without limits.
    pub(crate) fn followed_since(&self, now: Timestamp, zone: &TimeZone) -> i64 {
        let now = now.as_micros() - LEEWAY;
        self.earliest(now, zone).max(furthest(&self.span, now, zone))
    }

    /// The refusal of what has no range at all, with the one that ends now.
    pub(crate) fn without_a_range(&self, now: Timestamp) -> OutOfRange {
        let everything = AskedTimes { since: None, until: None, zone: TimeZone::UTC };
        let since = Timestamp::from_micros(self.first(&everything, now.as_micros()));
        let earliest = Timestamp::from_micros(self.earliest(now.as_micros(), &TimeZone::UTC));
        OutOfRange { since, until: now, words: self.in_words(earliest) }
    }

    fn in_words(&self, earliest: Timestamp) -> String {
        let Some(RangeLimit { back, span }) = self.widest() else { return String::new() };
        let back =
            back.map(|back| format!("{} back, that is since {}", back.in_words(), earliest.to_rfc3339()));
        let span = span.map(|span| format!("{} at a time", span.in_words()));
        let words: Vec<_> = [back, span].into_iter().flatten().collect();
        words.join(", and ")
    }
}

/// The instant that limits count from.
fn judged_at(began: Timestamp, now: Timestamp) -> i64 {
    let (began, now) = (began.as_micros(), now.as_micros());
    if now.saturating_sub(began) <= LISTING { began.min(now) } else { now }
}

/// The earliest of the instants that lie one of these lengths before `from`; `i64::MIN` where there are none.
fn furthest(spans: &[CalendarSpan], from: i64, zone: &TimeZone) -> i64 {
    spans.iter().map(|span| before(span, from, zone)).min().unwrap_or(i64::MIN)
}

/// The instant that lies a length before another one; `i64::MIN` where that is before the calendar begins.
fn before(span: &CalendarSpan, from: i64, zone: &TimeZone) -> i64 {
    let (months, days) = (span.whole_months(), span.whole_days());
    let day = if months == 0 && days == 0 { Some(from) } else { day_before(months, days, from, zone) };
    day.map_or(i64::MIN, |day| day.saturating_sub(i64::from(span.hours()) * HOUR))
}

/// The instant that lies a length after another one; `i64::MAX` where that is after the calendar ends.
fn after(span: &CalendarSpan, from: i64, zone: &TimeZone) -> i64 {
    let end = || {
        let from = jiff::Timestamp::from_microsecond(from).ok()?.to_zoned(zone.clone());
        let span = Span::new().try_months(span.whole_months()).ok()?.try_days(span.whole_days()).ok()?;
        Some(from.checked_add(span).ok()?.timestamp().as_microsecond())
    };
    end().map_or(i64::MAX, |end| end.saturating_add(i64::from(span.hours()) * HOUR))
}

/// The beginning of the day that lies so many months and days before the day of an instant.
fn day_before(months: u32, days: u32, from: i64, zone: &TimeZone) -> Option<i64> {
    let from = jiff::Timestamp::from_microsecond(from).ok()?;
    let span = Span::new().try_months(months).ok()?.try_days(days).ok()?;
    let day = from.to_zoned(zone.clone()).date().checked_sub(span).ok()?;
    let begin = day.to_zoned(zone.clone()).ok()?.start_of_day().ok()?;
    Some(begin.timestamp().as_microsecond())
}

#[cfg(test)]
#[path = "range_tests.rs"]
mod tests;
