//! Buckets of a histogram: calendar units in a time zone, with days of 23 and 25 hours as they are.
//!
//! A bucket begins where a clock on the wall shows a multiple of its length: `PT15M` at :00, :15, :30, :45; `PT6H` at
//! midnight, six, noon and eighteen; `P1D` at midnight; weeks on Monday; months and years on the first. Up to an hour
//! all buckets of a day have their full length, so a day of 25 hours has 25 of `PT1H`; only where the clocks are set by
//! less than a bucket (Lord Howe: half an hour) one bucket begins when they are set, and ends at the next multiple.
//! Longer ones of a day are as much longer or shorter as the day is. Invariant: edges ascend strictly, and every instant
//! of the range lies in exactly one bucket.

use std::fmt;

use jiff::{
    Span, Timestamp,
    civil::{Date, date},
    tz::TimeZone,
};

/// Most buckets of one histogram: more than a screen has columns, and 8 kB a series.
const BUCKETS_MAX: usize = 1_000;

/// A bucket's length. Minutes divide the day and months the year, so that buckets begin at the same place in each; days
/// are counted on from a Monday over months and years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval(Unit);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// A divisor of 1,440.
    Minutes(i32),
    /// 1 to 28, counted from a Monday, so that 7 are a week.
    Days(i32),
    /// A divisor of 12.
    Months(i32),
}

/// Lengths that `auto` chooses from, ascending, with their usual length in seconds. Neighbours differ by a factor of at
/// most 5, so that up to [`AUTO_MAX`] buckets are at least a quarter as many.
const LADDER: [(Interval, i64); 15] = [
    (Interval(Unit::Minutes(1)), 60),
    (Interval(Unit::Minutes(2)), 120),
    (Interval(Unit::Minutes(5)), 300),
    (Interval(Unit::Minutes(10)), 600),
    (Interval(Unit::Minutes(30)), 1_800),
    (Interval(Unit::Minutes(60)), 3_600),
    (Interval(Unit::Minutes(180)), 3 * 3_600),
    (Interval(Unit::Minutes(360)), 6 * 3_600),
    (Interval(Unit::Minutes(720)), 12 * 3_600),
    (Interval(Unit::Days(1)), DAY),
    (Interval(Unit::Days(2)), 2 * DAY),
    (Interval(Unit::Days(7)), 7 * DAY),
    (Interval(Unit::Months(1)), 30 * DAY),
    (Interval(Unit::Months(3)), 91 * DAY),
    (Interval(Unit::Months(12)), 365 * DAY),
];

const DAY: i64 = 86_400;
/// Most buckets that `auto` makes, as long as a year is not too short.
const AUTO_MAX: i64 = 120;
/// A Monday.
const MONDAY: Date = date(1970, 1, 5);

/// The range has more than [`BUCKETS_MAX`] buckets of this length, or lies outside the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the range has more than {BUCKETS_MAX} buckets")]
pub struct TooManyBuckets;

impl Interval {
    /// Reads an ISO 8601 duration of one unit, `PT1M` to `P1Y`; `None` for what is no length of a bucket.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(['P', 'p'])?;
        let (rest, of_time) = match rest.strip_prefix(['T', 't']) {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let unit = rest.chars().last()?.to_ascii_uppercase();
        let number = &rest[..rest.len() - unit.len_utf8()];
        let digits = (1..=4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: i32 = number.parse().ok().filter(|number| digits && *number > 0)?;
        let unit = match (of_time, unit) {
            (true, 'M') => Unit::Minutes(number),
            (true, 'H') => Unit::Minutes(number * 60),
            (false, 'D') => Unit::Days(number),
            (false, 'W') => Unit::Days(number * 7),
            (false, 'M') => Unit::Months(number),
            (false, 'Y') => Unit::Months(number * 12),
            _ => return None,
        };
        let fits = match unit {
            Unit::Minutes(n) => n < 1_440 && 1_440 % n == 0,
            Unit::Days(n) => n <= 28,
            Unit::Months(n) => n <= 12 && 12 % n == 0,
        };
        fits.then_some(Self(unit))
    }

    /// The length that gives about 30 to 120 buckets between two instants in microseconds.
    pub fn auto(since: i64, until: i64) -> Self {
        let seconds = until.saturating_sub(since) / 1_000_000;
        // The first and the last may lie in the range in part only.
        let fits = |(_, length): &&(Interval, i64)| seconds / length + 2 <= AUTO_MAX;
        LADDER.iter().find(fits).map_or(Self(Unit::Months(12)), |(interval, _)| *interval)
    }

    /// The beginnings of the buckets that cover `since` (included) to `until` (excluded), and after them the end of the
    /// last, all in microseconds; at least one bucket.
    ///
    /// # Errors
    /// [`TooManyBuckets`].
    pub fn edges(self, since: i64, until: i64, zone: &TimeZone) -> Result<Vec<i64>, TooManyBuckets> {
        let first = Timestamp::from_microsecond(since).map_err(|_| TooManyBuckets)?;
        let mut edges = Edges { since, until: until.max(since.saturating_add(1)), found: Vec::new() };
        let mut day = self.first_day(first.to_zoned(zone.clone()).date())?;
        loop {
            let begin = start_of(day, zone)?;
            let next = self.next_day(day)?;
            let done = match self.0 {
                Unit::Minutes(n) if n <= 60 => {
                    let end = start_of(next, zone)?;
                    let step = i64::from(n) * 60_000_000;
                    let shown = |at: i64| -> Result<i64, TooManyBuckets> {
                        let instant = Timestamp::from_microsecond(at).map_err(|_| TooManyBuckets)?;
                        Ok(at + i64::from(zone.to_offset(instant).seconds()) * 1_000_000)
                    };
                    let mut at = begin;
                    loop {
                        if edges.push(at)? {
                            break true;
                        }
                        // To where the clock shows the next multiple, unless it is set in between.
                        at += step - shown(at)?.rem_euclid(step);
                        if at >= end {
                            break false;
                        }
                    }
                }
                Unit::Minutes(n) => {
                    let end = start_of(next, zone)?;
                    let mut done = edges.push(begin)?;
                    for minutes in (n..1_440).step_by(n as usize) {
                        let wall = day.at((minutes / 60) as i8, (minutes % 60) as i8, 0, 0);
                        // In a gap the clock shows the time after it; of an hour that comes twice the first is meant.
                        let at =
                            zone.to_ambiguous_timestamp(wall).compatible().map_err(|_| TooManyBuckets)?;
                        done = done || (at.as_microsecond() < end && edges.push(at.as_microsecond())?);
                    }
                    done
                }
                Unit::Days(_) | Unit::Months(_) => edges.push(begin)?,
            };
            if done {
                return Ok(edges.found);
            }
            day = next;
        }
    }

    /// The day that the bucket of `day` begins on.
    fn first_day(self, day: Date) -> Result<Date, TooManyBuckets> {
        match self.0 {
            Unit::Minutes(_) => Ok(day),
            Unit::Days(n) => {
                let days = day.since((jiff::Unit::Day, MONDAY)).map_err(|_| TooManyBuckets)?.get_days();
                day.checked_sub(Span::new().days(days.rem_euclid(n))).map_err(|_| TooManyBuckets)
            }
            Unit::Months(n) => {
                let month = i32::from(day.month()) - 1;
                Ok(date(day.year(), (month - month % n + 1) as i8, 1))
            }
        }
    }

    fn next_day(self, day: Date) -> Result<Date, TooManyBuckets> {
        let span = match self.0 {
            Unit::Minutes(_) => Span::new().days(1),
            Unit::Days(n) => Span::new().days(n),
            Unit::Months(n) => Span::new().months(n),
        };
        day.checked_add(span).map_err(|_| TooManyBuckets)
    }
}

/// As it is written in a request.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unit::Minutes(n) if n % 60 == 0 => write!(f, "PT{}H", n / 60),
            Unit::Minutes(n) => write!(f, "PT{n}M"),
            Unit::Days(n) if n % 7 == 0 => write!(f, "P{}W", n / 7),
            Unit::Days(n) => write!(f, "P{n}D"),
            Unit::Months(12) => write!(f, "P1Y"),
            Unit::Months(n) => write!(f, "P{n}M"),
        }
    }
}

/// The first instant of a day; where the zone left the day out, the one after it.
fn start_of(day: Date, zone: &TimeZone) -> Result<i64, TooManyBuckets> {
    let start = day.to_zoned(zone.clone()).and_then(|zoned| zoned.start_of_day());
    start.map(|start| start.timestamp().as_microsecond()).map_err(|_| TooManyBuckets)
}

/// Edges as they are found, in order.
struct Edges {
    since: i64,
    until: i64,
    found: Vec<i64>,
}

impl Edges {
    /// Takes the next edge; whether it is the last.
    fn push(&mut self, at: i64) -> Result<bool, TooManyBuckets> {
        if at <= self.since {
            // Only the last one at or before the range begins a bucket of it.
            self.found.clear();
        } else if self.found.last() == Some(&at) {
            return Ok(false);
        }
        self.found.push(at);
        if self.found.len() > BUCKETS_MAX + 1 {
            return Err(TooManyBuckets);
        }
        Ok(at >= self.until && self.found.len() > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn local(edges: &[i64], zone: &TimeZone) -> Vec<String> {
        let show = |at: &i64| {
            let at = Timestamp::from_microsecond(*at).unwrap().to_zoned(zone.clone());
            at.strftime("%m-%d %H:%M%:z").to_string()
        };
        edges.iter().map(show).collect()
    }

    fn edges(interval: &str, since: &str, until: &str, name: &str) -> Vec<String> {
        let zone = zone(name);
        let edges = Interval::parse(interval).unwrap().edges(at(since), at(until), &zone).unwrap();
        local(&edges, &zone)
    }

    #[test]
    fn reads_lengths_that_divide_the_unit_above_and_no_others() {
        for text in
            ["PT1M", "PT15M", "PT1H", "PT6H", "PT12H", "P1D", "P2D", "P1W", "P2W", "P1M", "P3M", "P1Y"]
        {
            assert_eq!(Interval::parse(text).map(|interval| interval.to_string()).as_deref(), Some(text));
        }
        for (text, same) in [("PT60M", "PT1H"), ("P7D", "P1W"), ("P12M", "P1Y"), ("pt5m", "PT5M")] {
            assert_eq!(Interval::parse(text).map(|interval| interval.to_string()).as_deref(), Some(same));
        }
        for text in [
            "", "P", "PT", "1H", "PT0M", "PT7M", "PT24H", "PT1S", "P5M", "P2Y", "P29D", "P1D1D", "PT-5M",
            "P+1D", "PT1H30M", "-P1D", "PT99999M", "P1é", "auto",
        ] {
            assert_eq!(Interval::parse(text), None, "{text}");
        }
    }

    #[test]
    fn days_of_23_and_25_hours_are_one_bucket_of_days_and_as_many_of_hours() {
        // In Berlin the clocks went forward on 2026-03-29 and go back on 2026-10-25.
        for (day, next, hours) in [
            ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23),
            ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 25),
            ("2026-06-01T22:00:00Z", "2026-06-02T22:00:00Z", 24),
        ] {
            assert_eq!(edges("PT1H", day, next, "Europe/Berlin").len(), hours + 1, "{day}");
            let days =
                Interval::parse("P1D").unwrap().edges(at(day), at(next), &zone("Europe/Berlin")).unwrap();
            assert_eq!(days, [at(day), at(next)], "{day}");
        }
        assert_eq!(
            edges("PT6H", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "Europe/Berlin"),
            [
                "10-25 00:00+02:00",
                "10-25 06:00+01:00",
                "10-25 12:00+01:00",
                "10-25 18:00+01:00",
                "10-26 00:00+01:00"
            ]
        );
        assert_eq!(
            edges("PT1H", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z", "Europe/Berlin"),
            ["10-25 02:00+02:00", "10-25 02:00+01:00", "10-25 03:00+01:00"]
        );
    }

    #[test]
    fn where_the_clocks_are_set_by_half_an_hour_one_bucket_is_short_and_the_next_begins_at_a_multiple() {
        assert_eq!(
            edges("PT1H", "2026-10-03T13:30:00Z", "2026-10-03T17:00:00Z", "Australia/Lord_Howe"),
            [
                "10-04 00:00+10:30",
                "10-04 01:00+10:30",
                "10-04 02:30+11:00",
                "10-04 03:00+11:00",
                "10-04 04:00+11:00"
            ]
        );
        assert_eq!(
            edges("PT1H", "2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z", "Australia/Lord_Howe"),
            ["04-05 01:00+11:00", "04-05 01:30+10:30", "04-05 02:00+10:30", "04-05 03:00+10:30"]
        );
    }

    #[test]
    fn begins_where_the_clock_on_the_wall_shows_a_multiple() {
        for (interval, since, until, name, expected) in [
            (
                "PT15M",
                "2026-03-01T12:07:00Z",
                "2026-03-01T12:20:00Z",
                "UTC",
                &["03-01 12:00", "03-01 12:15", "03-01 12:30"][..],
            ),
            // A zone of 45 minutes.
            (
                "PT1H",
                "2026-03-01T00:00:00Z",
                "2026-03-01T01:00:00Z",
                "Asia/Kathmandu",
                &["03-01 05:00", "03-01 06:00", "03-01 07:00"],
            ),
            // 2026-03-01 is a Sunday.
            (
                "P1W",
                "2026-03-01T12:00:00Z",
                "2026-03-02T12:00:00Z",
                "UTC",
                &["02-23 00:00", "03-02 00:00", "03-09 00:00"],
            ),
            ("P1M", "2026-01-31T12:00:00Z", "2026-02-01T00:00:00Z", "UTC", &["01-01 00:00", "02-01 00:00"]),
            (
                "P3M",
                "2026-05-31T12:00:00Z",
                "2026-07-01T00:00:01Z",
                "UTC",
                &["04-01 00:00", "07-01 00:00", "10-01 00:00"],
            ),
            ("P1Y", "2026-05-31T12:00:00Z", "2026-05-31T12:00:00Z", "UTC", &["01-01 00:00", "01-01 00:00"]),
            // Samoa left out 2011-12-30.
            (
                "P1D",
                "2011-12-29T12:00:00Z",
                "2012-01-01T00:00:00Z",
                "Pacific/Apia",
                &["12-29 00:00", "12-31 00:00", "01-01 00:00", "01-02 00:00"],
            ),
            // The day begins at one o'clock.
            (
                "PT6H",
                "2018-11-04T04:00:00Z",
                "2018-11-04T08:00:00Z",
                "America/Sao_Paulo",
                &["11-04 01:00", "11-04 06:00"],
            ),
        ] {
            let found = edges(interval, since, until, name);
            let found: Vec<_> = found.iter().map(|edge| &edge[..11]).collect();
            assert_eq!(found, expected, "{interval} {since} {name}");
        }
    }

    #[test]
    fn edges_ascend_and_cover_the_range_in_every_zone() {
        for name in [
            "UTC",
            "Europe/Berlin",
            "Australia/Lord_Howe",
            "America/St_Johns",
            "Asia/Kathmandu",
            "Pacific/Apia",
        ] {
            for interval in ["PT5M", "PT30M", "PT1H", "PT2H", "PT12H", "P1D", "P2D", "P1W", "P1M"] {
                for start in [
                    "2026-03-28T13:37:00Z",
                    "2026-04-04T10:00:00Z",
                    "2026-10-03T12:00:00Z",
                    "2011-12-29T00:00:00Z",
                ] {
                    let (since, until) = (at(start), at(start) + 3 * DAY * 1_000_000 + 17);
                    let edges = Interval::parse(interval).unwrap().edges(since, until, &zone(name)).unwrap();
                    let what = format!("{name} {interval} {start}");
                    assert!(edges.is_sorted_by(|a, b| a < b), "{what}: {edges:?}");
                    assert!(edges[0] <= since && since < edges[1], "{what}");
                    let (last, end) = (edges[edges.len() - 2], edges[edges.len() - 1]);
                    assert!(last < until && until <= end, "{what}");
                }
            }
        }
    }

    #[test]
    fn auto_gives_a_readable_number_of_buckets_and_too_many_are_refused() {
        let since = at("2024-01-01T00:00:00Z");
        for minutes in [1, 30, 119, 121, 500, 1_440, 5_000, 43_200, 100_000, 300_000, 1_000_000, 5_000_000] {
            let until = since + minutes * 60_000_000;
            let count = Interval::auto(since, until).edges(since, until, &TimeZone::UTC).unwrap().len() - 1;
            let least = if minutes < 30 { 1 } else { 24 };
            assert!((least..=120).contains(&count), "{minutes} minutes: {count} buckets");
        }
        let year =
            Interval::parse("PT1M").unwrap().edges(since, since + 365 * DAY * 1_000_000, &TimeZone::UTC);
        assert_eq!(year, Err(TooManyBuckets));
        assert_eq!(
            Interval::auto(i64::MIN, i64::MAX).edges(i64::MIN, i64::MAX, &TimeZone::UTC),
            Err(TooManyBuckets)
        );
    }
}
