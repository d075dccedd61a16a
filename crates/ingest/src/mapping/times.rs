//! The ways in which vendors write an instant.
//!
//! Digits beyond the microsecond are cut, not rounded, as everywhere in the product. A count without a unit is
//! never guessed at: the mapping says what it is.

use indelible_event::{EventTime, Timestamp};

use super::expr::TimeForm;

/// Reads `text`; `None` where it is not of this form or beyond what an instant can hold.
pub(crate) fn read(form: &TimeForm, text: &str) -> Option<EventTime> {
    let at = match form {
        TimeForm::Rfc3339 => return Timestamp::parse_rfc3339(text).ok(),
        TimeForm::Epoch(unit) => epoch(text.trim(), *unit)?,
        TimeForm::Pattern(pattern, zone) => {
            let mut parsed = jiff::fmt::strtime::parse(pattern, text.trim()).ok()?;
            if parsed.offset().is_none() && parsed.iana_time_zone().is_none() {
                if let (Some(zone), Ok(datetime)) = (zone, parsed.to_datetime()) {
                    let zoned = zone.to_ambiguous_zoned(datetime).compatible().ok()?;
                    return Some(event_time(micros(zoned.timestamp()), text));
                }
                if zone.is_some() {
                    return None;
                }
                parsed.set_iana_time_zone(Some("UTC".to_owned()));
            }
            micros(parsed.to_timestamp().ok()?)
        }
    };
    Some(event_time(at, text))
}

fn event_time(at: Timestamp, text: &str) -> EventTime {
    EventTime { at, original: text.to_owned() }
}

fn micros(timestamp: jiff::Timestamp) -> Timestamp {
    // Whole nanoseconds cut towards the past, also before 1970.
    let micros = timestamp.as_nanosecond().div_euclid(1_000);
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// A decimal count of `unit` nanoseconds, computed in whole numbers: a float would lose the microseconds.
fn epoch(text: &str, unit: u64) -> Option<Timestamp> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // text = sign * digits * 10^scale
    let scale = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let power = 10_i128.checked_pow(scale.unsigned_abs())?;
    let count = format!("0{}", digits.trim_start_matches('0')).parse::<i128>().ok()?;
    let nanos = count.checked_mul(i128::from(unit))?;
    let nanos = sign * if scale < 0 { nanos / power } else { nanos.checked_mul(power)? };
    i64::try_from(nanos.div_euclid(1_000)).ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(pattern: &str, zone: &str) -> TimeForm {
        TimeForm::Pattern(pattern.to_owned(), jiff::tz::TimeZone::get(zone).ok())
    }

    #[test]
    fn reads_what_vendors_write() {
        const S: u64 = 1_000_000_000;
        for (form, text, want) in [
            (TimeForm::Epoch(S), "1747795144.253623", 1_747_795_144_253_623),
            (TimeForm::Epoch(S), "1747795144", 1_747_795_144_000_000),
            (TimeForm::Epoch(S), "1747795144.2536239", 1_747_795_144_253_623),
            (TimeForm::Epoch(S), "1.747795144253623e9", 1_747_795_144_253_623),
            (TimeForm::Epoch(S), "-1.5", -1_500_000),
            (TimeForm::Epoch(1_000_000), "1691150053123", 1_691_150_053_123_000),
            (TimeForm::Epoch(1_000), "1691150053123456", 1_691_150_053_123_456),
            (TimeForm::Epoch(1), "1691150053123456789", 1_691_150_053_123_456),
            (TimeForm::Epoch(1), "0.0", 0),
            (pattern("%Y-%m-%d %H:%M:%S%.f", "UTC"), "2024-10-08 14:38:46.061000000", 1_728_398_326_061_000),
            (pattern("%Y-%m-%d %H:%M:%S", "UTC"), "2022-07-28 15:22:32", 1_659_021_752_000_000),
            (pattern("%Y-%m-%dT%H:%M:%S", "Europe/Berlin"), "2022-07-28T15:22:32", 1_659_014_552_000_000),
            (pattern("%a %b %e %H:%M:%S %Y UTC", "UTC"), "Thu Jan  1 00:00:01 1970 UTC", 1_000_000),
            (
                TimeForm::Pattern("%d/%b/%Y:%H:%M:%S %z".to_owned(), None),
                "10/Oct/2000:13:55:36 -0700",
                971_211_336_000_000,
            ),
        ] {
            let time = read(&form, text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((time.at.as_micros(), time.original.as_str()), (want, text), "{text}");
        }
        for (form, text) in [
            (TimeForm::Epoch(S), ""),
            (TimeForm::Epoch(S), "-"),
            (TimeForm::Epoch(S), "soon"),
            (TimeForm::Epoch(S), "1e400"),
            (TimeForm::Epoch(S), "99999999999999999999999999999999999999999"),
            (TimeForm::Rfc3339, "2022-07-28"),
            (pattern("%Y-%m-%d", "UTC"), "2022-02-30"),
        ] {
            assert!(read(&form, text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn epochs_of_every_unit_agree(us in -1_000_000_000_000_000_i64..4_000_000_000_000_000) {
            let seconds = format!("{}{}.{:06}", if us < 0 { "-" } else { "" }, us.unsigned_abs() / 1_000_000, us.unsigned_abs() % 1_000_000);
            for (unit, text) in [(1_000_000_000, seconds), (1_000, us.to_string()), (1, (i128::from(us) * 1000).to_string())] {
                prop_assert_eq!(read(&TimeForm::Epoch(unit), &text).unwrap().at.as_micros(), us);
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC*", digits in "[-+0-9.eE]{0,60}") {
            let forms = [TimeForm::Rfc3339, TimeForm::Epoch(1_000_000_000), pattern("%Y-%m-%d %H:%M:%S%.f", "UTC")];
            for form in &forms {
                let _ = read(form, &text);
                let _ = read(form, &digits);
            }
        }
    }
}
