//! Limits of the ranges that a role may ask about: how far back, and how much at a time.
//!
//! Lengths are calendar units (ISO 8601-1, 5.5.2): what a month is depends on where it is counted from and in which zone,
//! which is not decided here but where somebody asks. Invariant: a length is never zero.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// What a role allows of time; what is `None` is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RangeLimit {
    /// How far back from now a question may reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<CalendarSpan>,
    /// How much time one question may cover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<CalendarSpan>,
}

/// A length of time in calendar units, such as `P1Y` or `P3M`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CalendarSpan {
    /// Each unit is at most 9,999.
    years: u16,
    months: u16,
    weeks: u16,
    days: u16,
    hours: u16,
}

/// The text is no length of years, months, weeks, days and hours that is more than none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a length of years, months, weeks, days or hours, such as P1Y, P3M, P2W, P90D or PT12H")]
pub struct NoCalendarSpan;

/// Digits of one unit.
const DIGITS_MAX: usize = 4;

/// Hours that are surely in a month, and that a month has at most, clocks set back included; the same of days.
const MONTH_HOURS: (u64, u64) = (28 * 24 - 2, 31 * 24 + 2);
const DAY_HOURS: (u64, u64) = (22, 26);

impl RangeLimit {
    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

impl CalendarSpan {
    /// Years and months, as months.
    pub fn whole_months(&self) -> u32 {
        u32::from(self.years) * 12 + u32::from(self.months)
    }

    /// Weeks and days, as days.
    pub fn whole_days(&self) -> u32 {
        u32::from(self.weeks) * 7 + u32::from(self.days)
    }

    /// Hours; they are exact.
    pub fn hours(&self) -> u32 {
        self.hours.into()
    }

    /// Whether it reaches as far back as the other one or further, wherever both are counted from, where what counts in
    /// days reaches back to the beginning of one. Of two for which that depends, neither does.
    pub fn reaches_as_far_as(&self, other: &Self) -> bool {
        let units = |span: &Self| [span.whole_months(), span.whole_days(), span.hours()];
        let in_each_unit = units(self).iter().zip(units(other)).all(|(own, other)| *own >= other);
        // What counts in days reaches back to the beginning of one.
        let to_midnight = if other.whole_months() + other.whole_days() > 0 { DAY_HOURS.1 } else { 0 };
        in_each_unit || self.hours_between().0 >= other.hours_between().1 + to_midnight
    }

    /// Hours that it has at least and at most.
    fn hours_between(&self) -> (u64, u64) {
        let [months, days, hours] = [self.whole_months(), self.whole_days(), self.hours()].map(u64::from);
        let sum = |month, day| month * months + day * days + hours;
        (sum(MONTH_HOURS.0, DAY_HOURS.0), sum(MONTH_HOURS.1, DAY_HOURS.1))
    }

    /// Its hours where years and months are as long as they are on average (Gregorian calendar), in thousandths.
    pub fn average_millihours(&self) -> u64 {
        // 365.2425 days a year.
        let month = 8_765_820 / 12;
        u64::from(self.whole_months()) * month
            + (u64::from(self.whole_days()) * 24 + u64::from(self.hours)) * 1_000
    }

    /// In words, such as `1 year and 3 months`.
    pub fn in_words(&self) -> String {
        let units = [
            (self.years, "year"),
            (self.months, "month"),
            (self.weeks, "week"),
            (self.days, "day"),
            (self.hours, "hour"),
        ];
        let units = units.into_iter().filter(|(count, _)| *count > 0);
        let words = units.map(|(count, unit)| format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
        words.collect::<Vec<_>>().join(" and ")
    }

    /// The units of a date, or those of a time of day, each at most once and in their order.
    fn take<'t>(
        mut text: &'t str,
        units: &mut [(char, &mut u16)],
    ) -> Result<(&'t str, usize), NoCalendarSpan> {
        let mut taken = 0;
        for (unit, value) in units {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let Some(rest) = text[digits..].strip_prefix(*unit) else { continue };
            if digits == 0 || digits > DIGITS_MAX {
                return Err(NoCalendarSpan);
            }
            **value = text[..digits].parse().map_err(|_| NoCalendarSpan)?;
            (text, taken) = (rest, taken + 1);
        }
        Ok((text, taken))
    }
}

impl FromStr for CalendarSpan {
    type Err = NoCalendarSpan;

    fn from_str(text: &str) -> Result<Self, NoCalendarSpan> {
        let mut span = Self::default();
        let rest = text.strip_prefix('P').ok_or(NoCalendarSpan)?;
        let Self { years, months, weeks, days, hours } = &mut span;
        let (rest, _) = Self::take(rest, &mut [('Y', years), ('M', months), ('W', weeks), ('D', days)])?;
        let rest = match rest.strip_prefix('T') {
            None => rest,
            Some(time) => match Self::take(time, &mut [('H', hours)])? {
                (rest, 1) => rest,
                _ => return Err(NoCalendarSpan),
            },
        };
        if rest.is_empty() && span != Self::default() { Ok(span) } else { Err(NoCalendarSpan) }
    }
}

impl fmt::Display for CalendarSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P")?;
        for (count, unit) in [(self.years, 'Y'), (self.months, 'M'), (self.weeks, 'W'), (self.days, 'D')] {
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        if self.hours > 0 { write!(f, "T{}H", self.hours) } else { Ok(()) }
    }
}

impl Serialize for CalendarSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CalendarSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(text: &str) -> CalendarSpan {
        text.parse().unwrap()
    }

    #[test]
    fn reads_calendar_units_and_says_them_again() {
        for (text, shown, words, [months, days, hours]) in [
            ("P1Y", "P1Y", "1 year", [12, 0, 0]),
            ("P3M", "P3M", "3 months", [3, 0, 0]),
            ("P2W", "P2W", "2 weeks", [0, 14, 0]),
            ("P090D", "P90D", "90 days", [0, 90, 0]),
            ("PT12H", "PT12H", "12 hours", [0, 0, 12]),
            ("P0Y1M", "P1M", "1 month", [1, 0, 0]),
            (
                "P1Y2M3W4DT5H",
                "P1Y2M3W4DT5H",
                "1 year and 2 months and 3 weeks and 4 days and 5 hours",
                [14, 25, 5],
            ),
            ("P9999Y", "P9999Y", "9999 years", [119_988, 0, 0]),
        ] {
            let read = span(text);
            assert_eq!((read.to_string().as_str(), read.in_words().as_str()), (shown, words), "{text}");
            assert_eq!(
                [read.whole_months(), read.whole_days(), read.hours()],
                [months, days, hours],
                "{text}"
            );
            assert_eq!(span(shown), read, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_length_or_none() {
        for text in [
            "",
            "P",
            "PT",
            "P0D",
            "P0Y0M",
            "PT0H",
            "p1y",
            "P1",
            "1Y",
            "-P1Y",
            "P-1Y",
            "+P1Y",
            "P1.5Y",
            "P1M1Y",
            "P1Y1Y",
            "PT5M",
            "PT1S",
            "P1DT",
            "P1H",
            "PT1D",
            "P10000D",
            "P1Y ",
            "P1\u{663}D",
        ] {
            assert_eq!(text.parse::<CalendarSpan>(), Err(NoCalendarSpan), "{text}");
        }
    }

    #[test]
    fn one_is_longer_than_another_only_where_it_is_so_everywhere() {
        for (long, short, is) in [
            ("P1Y", "P12M", true),
            ("P12M", "P1Y", true),
            ("P1Y", "P300D", true),
            ("P1M", "P30D", false),
            ("P30D", "P1M", false),
            ("P33D", "P1M", false),
            ("P36D", "P1M", true),
            ("P1D", "PT24H", false),
            ("PT51H", "P1D", false),
            ("PT52H", "P1D", true),
            ("P1D", "PT22H", true),
            ("P1M1D", "P1M", true),
            ("P1D", "P1M", false),
        ] {
            assert_eq!(span(long).reaches_as_far_as(&span(short)), is, "{long} {short}");
        }
        assert!(span("P1M").average_millihours() > span("P30D").average_millihours());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_read_is_written_the_same(units in prop::array::uniform5(0u16..10_000)) {
            let [years, months, weeks, days, hours] = units;
            prop_assume!(units != [0; 5]);
            let made = CalendarSpan { years, months, weeks, days, hours };
            prop_assert_eq!(made.to_string().parse(), Ok(made));
            prop_assert_eq!(serde_json::from_str::<CalendarSpan>(&serde_json::to_string(&made).unwrap()).unwrap(), made);
            prop_assert!(made.reaches_as_far_as(&made));
        }

        #[test]
        fn no_text_is_too_much(text in "\\PC{0,12}|P[0-9YMWDTH]{0,12}") {
            if let Ok(read) = text.parse::<CalendarSpan>() {
                prop_assert_eq!(read.to_string().parse(), Ok(read));
            }
        }
    }
}
