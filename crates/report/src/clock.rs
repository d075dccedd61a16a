//! Times of events in a file's zone.
//!
//! A file has millions of them, most within one span without a change of the clocks: the span is remembered with its
//! offset, and digits are written by hand.

use jiff::{
    SignedDuration, Timestamp as Instant,
    civil::DateTime,
    tz::{Offset, TimeZone},
};

/// Tells what the clocks of a zone show.
pub(crate) struct Clock {
    zone: TimeZone,
    /// Instants in microseconds, the first included, the second not, between which `offset` holds.
    span: std::ops::Range<i64>,
    offset: Offset,
}

/// What follows the seconds of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// Six digits, and `Z` for UTC: as the viewer shows times.
    Microseconds,
    /// Seven digits, and an offset even for UTC: as "Download audit logs" has them.
    TenthsOfMicroseconds,
}

impl Clock {
    pub(crate) fn new(zone: TimeZone) -> Self {
        Self { zone, span: 0..0, offset: Offset::UTC }
    }

    /// What the clocks show at this instant, in microseconds; none outside the years -9999 to 9999.
    pub(crate) fn local(&mut self, at: i64) -> Option<(DateTime, Offset)> {
        let instant = Instant::from_microsecond(at).ok()?;
        if !self.span.contains(&at) {
            self.offset = self.zone.to_offset(instant);
            self.span = span(&self.zone, instant, at);
        }
        Some((self.offset.to_datetime(instant), self.offset))
    }

    /// RFC 3339 in the zone: sorts, and says which instant it is.
    pub(crate) fn rfc3339(&mut self, at: i64, precision: Precision) -> Option<String> {
        let (local, offset) = self.local(at)?;
        let mut text = String::with_capacity("2026-03-01T12:34:56.1234567+01:00".len());
        if local.year() < 0 {
            text.push('-');
        }
        digits(&mut text, i32::from(local.year()).abs(), 4);
        let parts = [local.month(), local.day(), local.hour(), local.minute(), local.second()];
        for (before, part) in ['-', '-', 'T', ':', ':'].into_iter().zip(parts) {
            text.push(before);
            digits(&mut text, part.into(), 2);
        }
        text.push('.');
        digits(&mut text, local.subsec_nanosecond() / 1_000, 6);
        match precision {
            Precision::Microseconds if offset.is_zero() => text.push('Z'),
            Precision::Microseconds => push_offset(&mut text, offset),
            Precision::TenthsOfMicroseconds => {
                text.push('0');
                push_offset(&mut text, offset);
            }
        }
        Some(text)
    }
}

/// Around the instant, up to the changes of the clocks before and after it.
fn span(zone: &TimeZone, instant: Instant, at: i64) -> std::ops::Range<i64> {
    // The search for the one before is exclusive: asked from a moment later, it finds a change at the instant itself.
    let later = instant.checked_add(SignedDuration::from_nanos(1)).unwrap_or(instant);
    let from = zone.preceding(later).next().map_or(i64::MIN, |change| change.timestamp().as_microsecond());
    let until = zone.following(instant).next().map_or(i64::MAX, |change| change.timestamp().as_microsecond());
    if (from..until).contains(&at) { from..until } else { 0..0 }
}

/// `+01:00`; with seconds where the clocks of old had some.
fn push_offset(text: &mut String, offset: Offset) {
    let seconds = offset.seconds();
    text.push(if seconds < 0 { '-' } else { '+' });
    let seconds = seconds.abs();
    digits(text, seconds / 3600, 2);
    text.push(':');
    digits(text, seconds / 60 % 60, 2);
    if seconds % 60 != 0 {
        text.push(':');
        digits(text, seconds % 60, 2);
    }
}

/// The last so many digits of a number, zeros before it.
pub(crate) fn digits(text: &mut String, number: i32, count: u32) {
    for place in (0..count).rev() {
        let digit = number / 10_i32.pow(place) % 10;
        text.push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The library's own way, which is right and slow.
    fn expected(zone: &TimeZone, at: i64, precision: Precision) -> String {
        let local = Instant::from_microsecond(at).unwrap().to_zoned(zone.clone());
        let fraction = format!("{:09}", local.subsec_nanosecond());
        let micro = precision == Precision::Microseconds;
        let offset = if local.offset().is_zero() && micro {
            "Z".to_owned()
        } else {
            local.strftime("%:z").to_string()
        };
        let second = local.strftime("%Y-%m-%dT%H:%M:%S");
        format!("{second}.{}{offset}", &fraction[..if micro { 6 } else { 7 }])
    }

    proptest! {
        #[test]
        fn shows_what_the_clocks_of_the_zone_show(
            steps in prop::collection::vec((-40_000_000_000_000_000_i64..40_000_000_000_000_000, -3..3_i64), 1..60),
            zone in prop::sample::select(vec![
                "UTC", "Europe/Rome", "America/New_York", "Asia/Kathmandu", "Africa/Monrovia", "Australia/Lord_Howe",
                "Europe/Dublin", "Pacific/Apia", "America/Sao_Paulo",
            ]),
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let mut clock = Clock::new(zone.clone());
            for (at, around) in steps {
                let change = zone.following(Instant::from_microsecond(at).unwrap()).next();
                let change = change.map_or(at, |change| change.timestamp().as_microsecond());
                // Somewhere, then around the next change of the clocks.
                for at in [at, change + around, change - 1_000_000, change] {
                    for precision in [Precision::Microseconds, Precision::TenthsOfMicroseconds] {
                        let text = clock.rfc3339(at, precision);
                        prop_assert_eq!(text.unwrap(), expected(&zone, at, precision), "{} {}", at, around);
                    }
                }
            }
        }
    }

    #[test]
    fn an_instant_beyond_the_calendar_has_no_text() {
        assert_eq!(Clock::new(TimeZone::UTC).rfc3339(i64::MAX, Precision::Microseconds), None);
    }
}
