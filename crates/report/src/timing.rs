//! When something is done again and again: five fields of cron, or simple words that mean them, in a zone.
//!
//! A time of day that a spring day lacks is made up for right behind the gap; one that an autumn day has twice is met
//! once (as Vixie's cron does, <https://docs.rs/croner>). What stands every hour or minute follows the clock.

use croner::{Cron, parser::CronParser};
use indelible_event::Timestamp;
use jiff::tz::TimeZone;

/// When something is done.
#[derive(Clone, Debug)]
pub struct Timing {
    cron: Cron,
    /// The five fields.
    fields: String,
}

/// The text is no timing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; write cron's five fields, such as 0 6 1 * *, or words such as {EXAMPLES}")]
pub struct WrongTiming {
    reason: String,
}

const EXAMPLES: &str = "\"every day at 06:00\", \"every weekday at 8:30\", \"every monday and thursday at 9:00\", \
                        \"every month on the 1st at 06:00\", \"every month on the last day at 18:00\"";

/// Characters of a text.
const LEN_MAX: usize = 200;

const DAYS: [(&str, &str); 7] = [
    ("monday", "1"),
    ("tuesday", "2"),
    ("wednesday", "3"),
    ("thursday", "4"),
    ("friday", "5"),
    ("saturday", "6"),
    ("sunday", "0"),
];

impl Timing {
    /// Reads five fields of cron, or words.
    ///
    /// # Errors
    /// [`WrongTiming`], also for times that never come.
    pub fn parse(text: &str) -> Result<Self, WrongTiming> {
        let refuse = |reason: &str| WrongTiming { reason: reason.to_owned() };
        let text = text.trim();
        if text.is_empty() || text.chars().count() > LEN_MAX {
            return Err(refuse("this says no time"));
        }
        let fields = if text.to_ascii_lowercase().starts_with("every") {
            of_words(&text.to_ascii_lowercase())?
        } else {
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        if fields.split(' ').count() != 5 {
            return Err(refuse(
                "cron has five fields: minute, hour, day of the month, month, day of the week",
            ));
        }
        let cron = CronParser::new()
            .parse(&fields)
            .map_err(|error| WrongTiming { reason: format!("this is no cron text ({error})") })?;
        let timing = Self { cron, fields };
        match timing.next(Timestamp::from_micros(0), &TimeZone::UTC) {
            Some(_) => Ok(timing),
            None => Err(refuse("this time never comes")),
        }
    }

    /// Cron's five fields.
    pub fn fields(&self) -> &str {
        &self.fields
    }

    /// The same in English.
    pub fn words(&self) -> String {
        self.cron.describe()
    }

    /// The first time after `after`; `None` where none comes within the time that clocks know.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let after = jiff::Timestamp::from_microsecond(after.as_micros()).ok()?.to_zoned(zone.clone());
        let next = self.cron.find_next_occurrence(&after, false).ok()?;
        Some(Timestamp::from_micros(next.timestamp().as_microsecond()))
    }
}

/// The fields that words mean.
fn of_words(text: &str) -> Result<String, WrongTiming> {
    let wrong = |what: &str| WrongTiming { reason: format!("{what} is not understood here") };
    let text = text.replace([',', '.'], " ").replace(" and ", " ");
    let mut words = text.split_whitespace().skip(1).peekable();
    let Some(first) = words.next() else { return Err(wrong("every")) };
    let mut day_of_month = "*".to_owned();
    let mut month = "*";
    let mut day_of_week = "*".to_owned();
    let mut hourly = false;
    match first {
        "hour" => hourly = true,
        "day" => {}
        "weekday" => day_of_week = "1-5".to_owned(),
        "week" => day_of_week = "1".to_owned(),
        "month" => day_of_month = "1".to_owned(),
        "quarter" => (day_of_month, month) = ("1".to_owned(), "1,4,7,10"),
        "year" => (day_of_month, month) = ("1".to_owned(), "1"),
        day => {
            let mut days = vec![day_named(day).ok_or_else(|| wrong(first))?];
            while let Some(day) = words.peek().and_then(|word| day_named(word)) {
                days.push(day);
                words.next();
            }
            day_of_week = days.join(",");
        }
    }
    let (mut hour, mut minute) = (0, 0);
    while let Some(word) = words.next() {
        match word {
            "on" | "the" | "of" | "day" => {}
            "at" => {
                let time = words.next().ok_or_else(|| wrong("at"))?;
                (hour, minute) = time_of_day(time, hourly).ok_or_else(|| wrong(time))?;
            }
            "last" if first == "month" => day_of_month = "L".to_owned(),
            word => {
                let number = word.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
                let day: u8 =
                    number.parse().ok().filter(|day| (1..=31).contains(day)).ok_or_else(|| wrong(word))?;
                if !["month", "quarter", "year"].contains(&first) {
                    return Err(wrong(word));
                }
                day_of_month = day.to_string();
            }
        }
    }
    let hour = if hourly { "*".to_owned() } else { hour.to_string() };
    Ok(format!("{minute} {hour} {day_of_month} {month} {day_of_week}"))
}

fn day_named(word: &str) -> Option<&'static str> {
    let is = |name: &str| {
        word == name || word.strip_suffix('s') == Some(name) || word.len() == 3 && name.starts_with(word)
    };
    DAYS.iter().find(|(name, _)| is(name)).map(|(_, number)| *number)
}

/// `6:30`, `18:00`, `6`; of an hour only the minutes: `:15`.
fn time_of_day(text: &str, hourly: bool) -> Option<(u8, u8)> {
    let (hour, minute) = text.split_once(':').unwrap_or((text, "00"));
    let hour = if hour.is_empty() && hourly { 0 } else { hour.parse().ok()? };
    let minute: u8 = (minute.len() == 2).then(|| minute.parse().ok())??;
    (hour < 24 && minute < 60).then_some((hour, minute))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap().at
    }

    fn times(timing: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let (timing, zone) = (Timing::parse(timing).unwrap(), TimeZone::get(zone).unwrap());
        let mut now = at(after);
        (0..count)
            .map(|_| {
                now = timing.next(now, &zone).unwrap();
                now.to_rfc3339().replace(".000000", "")
            })
            .collect()
    }

    #[test]
    fn words_mean_five_fields() {
        for (text, fields) in [
            ("every day at 06:00", "0 6 * * *"),
            ("Every Day", "0 0 * * *"),
            ("every hour at :15", "15 * * * *"),
            ("every hour", "0 * * * *"),
            ("every weekday at 8:30", "30 8 * * 1-5"),
            ("every monday, wednesday and friday at 9", "0 9 * * 1,3,5"),
            ("every Sundays at 23:59", "59 23 * * 0"),
            ("every week at 7:00", "0 7 * * 1"),
            ("every month on the 1st at 06:00", "0 6 1 * *"),
            ("every month on the 15th", "0 0 15 * *"),
            ("every month on the last day at 18:00", "0 18 L * *"),
            ("every quarter at 6:00", "0 6 1 1,4,7,10 *"),
            ("every year at 6:00", "0 6 1 1 *"),
            ("0 6 1 * *", "0 6 1 * *"),
            ("  */15   8-18 * * MON-FRI ", "*/15 8-18 * * MON-FRI"),
        ] {
            assert_eq!(
                Timing::parse(text).map(|timing| timing.fields().to_owned()),
                Ok(fields.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_examples() {
        for text in [
            "",
            "sometimes",
            "every",
            "every blue moon",
            "every day at noon",
            "every day at 24:00",
            "every day at 6:5",
            "every day on the 3rd",
            "every month on the 32nd",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "0 0 31 2 *",
            "0 6 1 * * ; rm",
        ] {
            let error = Timing::parse(text).map(|timing| timing.fields().to_owned()).unwrap_err();
            assert!(error.to_string().contains("every day at 06:00"), "{text}: {error}");
        }
    }

    #[test]
    fn a_time_that_a_day_lacks_is_made_up_for_and_one_that_it_has_twice_is_met_once() {
        // The clocks of Rome go from 02:00 to 03:00 on 29 March 2026, and from 03:00 to 02:00 on 25 October.
        assert_eq!(
            times("30 2 * * *", "Europe/Rome", "2026-03-27T12:00:00Z", 3),
            ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
        );
        assert_eq!(
            times("30 2 * * *", "Europe/Rome", "2026-10-23T12:00:00Z", 3),
            ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
        // The same time of day, whatever the clocks do.
        assert_eq!(
            times("0 6 1 * *", "Europe/Rome", "2026-02-15T00:00:00Z", 3),
            ["2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z", "2026-05-01T04:00:00Z"]
        );
        assert_eq!(
            times("0 18 L * *", "UTC", "2028-02-01T00:00:00Z", 2),
            ["2028-02-29T18:00:00Z", "2028-03-31T18:00:00Z"]
        );
        // A leap day comes.
        assert_eq!(times("0 0 29 2 *", "UTC", "2025-01-01T00:00:00Z", 1), ["2028-02-29T00:00:00Z"]);
    }

    #[test]
    fn the_next_time_is_never_now() {
        assert_eq!(times("0 6 * * *", "UTC", "2026-01-01T06:00:00Z", 1), ["2026-01-02T06:00:00Z"]);
        assert_eq!(times("0 6 * * *", "UTC", "2026-01-01T05:59:59.999999Z", 1), ["2026-01-01T06:00:00Z"]);
    }

    #[test]
    fn fields_are_said_in_words() {
        let words = Timing::parse("0 6 1 * *").unwrap().words();
        assert!(words.contains("06:00") || words.contains("6:00"), "{words}");
    }
}
