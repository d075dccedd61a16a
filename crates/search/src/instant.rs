//! Times in query parameters: RFC 3339, or an ISO 8601 duration counted back from now.
//!
//! Years, months, weeks and days are calendar units in the caller's zone, so `P1D` across a clock change is the same
//! time of day; hours and below are exact.

use indelible_event::Timestamp;
use jiff::fmt::temporal::SpanParser;
use jiff::tz::TimeZone;

/// Reads an IANA zone name.
pub(crate) fn parse_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "expected an IANA time zone such as Europe/Rome".to_owned())
}

/// Reads an instant, or a duration back from `now`, whatever its sign.
pub(crate) fn parse_instant(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let expected = || {
        "expected an RFC 3339 time such as 2026-03-01T12:00:00Z, or a duration back from now such as PT24H or P7D"
            .to_owned()
    };
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.starts_with(['P', 'p']) {
        let time = Timestamp::parse_rfc3339(text).map_err(|problem| format!("{problem}; {}", expected()))?;
        return Ok(time.at);
    }
    let span = SpanParser::new().parse_span(unsigned).map_err(|_| expected())?;
    let now = jiff::Timestamp::from_microsecond(now.as_micros()).map_err(|_| expected())?;
    let then = now
        .to_zoned(zone.clone())
        .checked_sub(span)
        .map_err(|_| "the duration reaches back before the year -9999".to_owned())?;
    Ok(Timestamp::from_micros(then.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap().at
    }

    #[test]
    fn reads_instants_and_durations_back_from_now() {
        // Two days after the clocks went forward in Rome, at 10:30 local time.
        let now = at("2026-03-31T08:30:00Z");
        for (text, zone, expected) in [
            ("2026-03-01T12:00:00.5+01:00", "UTC", "2026-03-01T11:00:00.5Z"),
            ("PT24H", "UTC", "2026-03-30T08:30:00Z"),
            ("-PT24H", "UTC", "2026-03-30T08:30:00Z"),
            ("+PT90M", "UTC", "2026-03-31T07:00:00Z"),
            ("P7D", "UTC", "2026-03-24T08:30:00Z"),
            ("P7D", "Europe/Rome", "2026-03-24T09:30:00Z"),
            ("P1M", "UTC", "2026-02-28T08:30:00Z"),
            ("-P12M", "Europe/Rome", "2025-03-31T08:30:00Z"),
            ("P1W", "Europe/Rome", "2026-03-24T09:30:00Z"),
            ("P1Y2M3DT4H5M6S", "UTC", "2025-01-28T04:24:54Z"),
        ] {
            let zone = parse_zone(zone).unwrap();
            assert_eq!(parse_instant(text, now, &zone).unwrap(), at(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_it_would_have_to_guess() {
        for text in [
            "",
            "P",
            "PT",
            "7D",
            "P7",
            "yesterday",
            "2026-03-01",
            "2026-03-01T12:00:00",
            "P-7D",
            "--P7D",
            "P20000Y",
        ] {
            assert!(parse_instant(text, at("2026-03-31T08:30:00Z"), &TimeZone::UTC).is_err(), "{text}");
        }
        assert!(parse_zone("Mars/Olympus").is_err() && parse_zone("").is_err());
    }
}
