//! Instants in microseconds, and the one text form that the API takes for them: RFC 3339 with an offset.
//!
//! Accepted beyond its strict grammar: lower-case `t` and `z`, a space for `T` (both allowed by the RFC's notes), any
//! number of fraction digits (cut, not rounded, to microseconds), offsets up to ±23:59. A second of 60 is accepted
//! only where UTC really had one (<https://hpiers.obspm.fr/iers/bul/bulc/Leap_Second.dat>). Nothing else: no local
//! times, no basic format, no commas, no digits outside ASCII, because a guess would be a guess about evidence.

use std::fmt;

use crate::EventTime;

const US_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// The days that ended in a leap second, as year * 10,000 + month * 100 + day. There are 27 up to 2026, and the
/// IERS has announced none since.
const LEAP_SECOND_DAYS: [i64; 27] = [
    19720630, 19721231, 19731231, 19741231, 19751231, 19761231, 19771231, 19781231, 19791231, 19810630,
    19820630, 19830630, 19850630, 19871231, 19891231, 19901231, 19920630, 19930630, 19940630, 19951231,
    19970630, 19981231, 20051231, 20081231, 20120630, 20150630, 20161231,
];

/// An instant in microseconds since 1970-01-01T00:00:00Z (no leap seconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// Where an event's time came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeSource {
    /// The sender gave it.
    Event,
    /// The sender gave none; it is the time received.
    Received,
}

impl TimeSource {
    /// The name in the API: `event` or `received`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Received => "received",
        }
    }
}

/// Why a text is not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeProblem {
    /// It has not the form `2026-03-01T12:34:56.123456Z`.
    #[error("not of the form 2026-03-01T12:34:56.123456Z or ...+01:00")]
    Form,
    /// It has the form, but no zone; the API does not guess one.
    #[error("no offset from UTC, expected Z or +hh:mm at the end")]
    NoOffset,
    /// There is no such day, as 30 February.
    #[error("no such day in the calendar")]
    NoSuchDay,
    /// There is no such time of day.
    #[error("no such time of day, expected 00:00:00 to 23:59:59")]
    NoSuchTime,
    /// A second of 60 where UTC had none.
    #[error("there was no leap second at that time")]
    NoLeapSecond,
    /// The offset is beyond ±23:59.
    #[error("no such offset, expected -23:59 to +23:59")]
    Offset,
}

impl Timestamp {
    /// The instant `us` microseconds after 1970-01-01T00:00:00Z.
    pub const fn from_micros(us: i64) -> Self {
        Self(us)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 time with offset; the text is kept beside the instant.
    ///
    /// A leap second `23:59:60.f` becomes the instant `00:00:00.f` of the next day, so that it sorts after all of
    /// `23:59:59` and never after the next `:01`. Years 0000 to 9999 are read; what range is acceptable is the
    /// caller's business.
    ///
    /// # Errors
    /// [`TimeProblem`] says what is wrong with the text.
    pub fn parse_rfc3339(text: &str) -> Result<EventTime, TimeProblem> {
        let at = Self(micros(text.as_bytes())?);
        Ok(EventTime { at, original: text.to_owned() })
    }

    /// The instant in UTC with six fraction digits: `2026-03-01T12:34:56.123456Z`.
    ///
    /// Years outside 0000 to 9999, which no accepted event has, get a sign and more digits.
    pub fn to_rfc3339(self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, us) = (self.0.div_euclid(US_PER_SECOND), self.0.rem_euclid(US_PER_SECOND));
        let (days, second) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
        let (year, month, day) = civil_from_days(days);
        if (0..=9999).contains(&year) {
            write!(f, "{year:04}")?;
        } else {
            write!(f, "{year:+07}")?;
        }
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{us:06}Z")
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn micros(text: &[u8]) -> Result<i64, TimeProblem> {
    // The shortest form, with Z, has 20 bytes; one without any offset has 19.
    if text.len() < 19 || !has_form(text) {
        return Err(TimeProblem::Form);
    }
    let number =
        |from: usize, to: usize| text[from..to].iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0'));
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    let (us, rest) = fraction(&text[19..])?;
    let offset = offset_seconds(rest)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return Err(TimeProblem::NoSuchDay);
    }
    if hour > 23 || minute > 59 || second > 60 {
        return Err(TimeProblem::NoSuchTime);
    }
    let days = days_from_civil(year, month, day);
    let at = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset;
    if second == 60 {
        // `at` is the first second of the next UTC day exactly if this was 23:59:60 UTC.
        let (year, month, day) = civil_from_days(at.div_euclid(SECONDS_PER_DAY) - 1);
        let ended = year * 10_000 + month * 100 + day;
        if at.rem_euclid(SECONDS_PER_DAY) != 0 || !LEAP_SECOND_DAYS.contains(&ended) {
            return Err(TimeProblem::NoLeapSecond);
        }
    }
    Ok(at * US_PER_SECOND + us)
}

fn has_form(text: &[u8]) -> bool {
    b"dddd-dd-ddTdd:dd:dd".iter().zip(text).all(|(form, byte)| match form {
        b'd' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        form => form == byte,
    })
}

/// Reads an optional fraction; returns its microseconds and what follows it.
fn fraction(text: &[u8]) -> Result<(i64, &[u8]), TimeProblem> {
    let Some(after) = text.strip_prefix(b".") else { return Ok((0, text)) };
    let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return Err(TimeProblem::Form);
    }
    let us = (0..6).fold(0, |us, n| us * 10 + if n < digits { i64::from(after[n] - b'0') } else { 0 });
    Ok((us, &after[digits..]))
}

fn offset_seconds(text: &[u8]) -> Result<i64, TimeProblem> {
    let (sign, digits) = match text {
        [b'Z' | b'z'] => return Ok(0),
        [] => return Err(TimeProblem::NoOffset),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return Err(TimeProblem::Form),
    };
    let [h1, h2, b':', m1, m2] = digits else { return Err(TimeProblem::Form) };
    if ![h1, h2, m1, m2].into_iter().all(u8::is_ascii_digit) {
        return Err(TimeProblem::Form);
    }
    let number = |tens: &u8, ones: &u8| i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
    let (hours, minutes) = (number(h1, h2), number(m1, m2));
    if hours > 23 || minutes > 59 {
        return Err(TimeProblem::Offset);
    }
    Ok(sign * (hours * 3600 + minutes * 60))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
///
/// <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>: years begin in March, so that the leap day
/// is the last; an era is the 146,097 days after which the calendar repeats.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn us(text: &str) -> i64 {
        Timestamp::parse_rfc3339(text).unwrap_or_else(|e| panic!("{text}: {e}")).at.as_micros()
    }

    #[test]
    fn reads_every_accepted_form_as_the_same_instant() {
        let at = us("2026-03-01T12:34:56.123456Z");
        for text in [
            "2026-03-01t12:34:56.123456z",
            "2026-03-01 12:34:56.123456Z",
            "2026-03-01T12:34:56.123456999999999999Z",
            "2026-03-01T18:04:56.123456+05:30",
            "2026-03-01T12:34:56.123456-00:00",
            "2026-03-02T12:33:56.123456+23:59",
            "2026-02-28T12:35:56.123456-23:59",
        ] {
            assert_eq!(us(text), at, "{text}");
        }
        assert_eq!(us("2026-03-01T12:34:56.1Z"), us("2026-03-01T12:34:56.100000Z"));
        assert_eq!(us("2026-03-01T12:34:56Z") + 123_456, at);
    }

    #[test]
    fn refuses_what_is_not_rfc_3339() {
        use TimeProblem::*;
        for (text, problem) in [
            ("", Form),
            ("2026-03-01", Form),
            ("2026-03-01T12:34:56", NoOffset),
            ("2026-03-01T12:34:56.5", NoOffset),
            ("2026-03-01T12:34:56.Z", Form),
            ("2026-03-01T12:34:56,123Z", Form),
            ("2026-03-01T12:34:56+0530", Form),
            ("2026-03-01T12:34:56+05", Form),
            ("2026-03-01T12:34:56Z ", Form),
            (" 2026-03-01T12:34:56Z", Form),
            ("2026-03-01T12:34:56ZZ", Form),
            ("2026-03-01T12:34:56+25:00", Offset),
            ("2026-03-01T12:34:56+24:00", Offset),
            ("2026-03-01T12:34:56+23:60", Offset),
            ("2026-02-30T00:00:00Z", NoSuchDay),
            ("2100-02-29T00:00:00Z", NoSuchDay),
            ("2026-00-01T00:00:00Z", NoSuchDay),
            ("2026-01-00T00:00:00Z", NoSuchDay),
            ("2026-03-01T24:00:00Z", NoSuchTime),
            ("2026-03-01T12:60:00Z", NoSuchTime),
            ("2026-03-01T12:34:61Z", NoSuchTime),
            ("2016-12-31T12:34:60Z", NoLeapSecond),
            ("2017-12-31T23:59:60Z", NoLeapSecond),
            ("2016-12-31T23:59:60+01:00", NoLeapSecond),
            ("\u{ff12}026-03-01T12:34:56Z", Form),
            ("+10000-01-01T00:00:00Z", Form),
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text).unwrap_err(), problem, "{text}");
        }
    }

    #[test]
    fn a_leap_second_sorts_between_its_neighbours() {
        let leap = us("2016-12-31T23:59:60Z");
        assert!(leap > us("2016-12-31T23:59:59.999999Z"));
        assert!(us("2016-12-31T23:59:60.999999Z") < us("2017-01-01T00:00:01Z"));
        assert_eq!(us("2017-01-01T05:29:60+05:30"), leap);
        assert_eq!(us("2016-12-31T13:59:60-10:00"), leap);
        for day in LEAP_SECOND_DAYS {
            us(&format!("{:04}-{:02}-{:02}T23:59:60Z", day / 10_000, day / 100 % 100, day % 100));
        }
    }

    #[test]
    fn writes_any_instant() {
        for (at, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_772_368_496_123_456, "2026-03-01T12:34:56.123456Z"),
            (i64::MAX, "+294247-01-10T04:00:54.775807Z"),
            (i64::MIN, "-290308-12-21T19:59:05.224192Z"),
        ] {
            assert_eq!(Timestamp::from_micros(at).to_rfc3339(), text);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_jiff(at in -62_135_596_800_000_000_i64..253_402_300_799_999_999) {
            let text = Timestamp::from_micros(at).to_rfc3339();
            let jiff: jiff::Timestamp = text.parse().expect("jiff reads what we write");
            prop_assert_eq!(jiff.as_microsecond(), at);
            prop_assert_eq!(us(&text), at);
        }

        #[test]
        fn what_is_read_is_also_a_time_to_jiff(text in "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,12})?([Zz]|[+-][0-2][0-9]:[0-5][0-9])") {
            if let Ok(time) = Timestamp::parse_rfc3339(&text)
                && let Ok(jiff) = text.parse::<jiff::Timestamp>()
            {
                // jiff cuts to nanoseconds, we to microseconds; both towards the past.
                prop_assert_eq!(jiff.as_nanosecond().div_euclid(1000), i128::from(time.at.as_micros()));
            }
        }
    }
}
