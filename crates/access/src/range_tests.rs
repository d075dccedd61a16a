use proptest::prelude::*;

use super::*;

const DAY: i64 = 24 * HOUR;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap().at
}

fn limit(back: &str, span: &str) -> Option<RangeLimit> {
    let span_of = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
    Some(RangeLimit { back: span_of(back), span: span_of(span) })
}

fn asked(since: Option<i64>, until: Option<i64>, zone: &str) -> AskedTimes {
    AskedTimes { since, until, zone: TimeZone::get(zone).unwrap() }
}

#[test]
fn a_range_within_the_limits_is_allowed_and_another_is_offered_for_the_rest() {
    let now = at("2026-11-22T17:30:00Z");
    // Back, span, zone; since and until as asked; the range that is offered, nothing where it is allowed.
    for (back, span, zone, since, until, offered) in [
        ("P1Y", "P3M", "UTC", "2026-11-01T00:00:00Z", "", None),
        ("P1Y", "P3M", "UTC", "2026-08-22T00:00:00Z", "", None),
        (
            "P1Y",
            "P3M",
            "UTC",
            "2026-08-21T23:59:59Z",
            "",
            Some(("2026-08-22T00:00:00Z", "2026-11-22T17:30:00Z")),
        ),
        // What is yet to come is no time that anything is read of.
        ("P1Y", "P3M", "UTC", "2026-08-22T00:00:00Z", "2099-01-01T00:00:00Z", None),
        (
            "P1Y",
            "P3M",
            "UTC",
            "2026-08-01T00:00:00Z",
            "2099-01-01T00:00:00Z",
            Some(("2026-08-22T00:00:00Z", "2099-01-01T00:00:00Z")),
        ),
        ("P1Y", "P3M", "UTC", "2026-12-01T00:00:00Z", "", None),
        ("P1Y", "P3M", "UTC", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z", None),
        (
            "P1Y",
            "P3M",
            "UTC",
            "2026-01-01T00:00:00Z",
            "2026-05-01T00:00:00Z",
            Some(("2026-02-01T00:00:00Z", "2026-05-01T00:00:00Z")),
        ),
        (
            "P1Y",
            "P3M",
            "UTC",
            "2025-11-01T00:00:00Z",
            "2026-01-01T00:00:00Z",
            Some(("2025-11-22T00:00:00Z", "2026-01-01T00:00:00Z")),
        ),
        // All of it is too old: the oldest that is not.
        (
            "P1Y",
            "P3M",
            "UTC",
            "2020-01-01T00:00:00Z",
            "2020-02-01T00:00:00Z",
            Some(("2025-11-22T00:00:00Z", "2026-02-22T00:00:00Z")),
        ),
        // Without a beginning it is everything, and never narrowed in silence.
        ("P1Y", "P3M", "UTC", "", "", Some(("2026-08-22T00:00:00Z", "2026-11-22T17:30:00Z"))),
        ("P1Y", "", "UTC", "", "", Some(("2025-11-22T00:00:00Z", "2026-11-22T17:30:00Z"))),
        (
            "",
            "P3M",
            "UTC",
            "",
            "2026-04-01T00:00:00Z",
            Some(("2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z")),
        ),
        ("", "P3M", "UTC", "1999-01-01T00:00:00Z", "1999-03-01T00:00:00Z", None),
        ("P1Y", "", "UTC", "2025-11-22T00:00:00Z", "", None),
        // Days and months are those of the question's zone, where it is the 23rd already.
        ("P1M", "", "Pacific/Auckland", "2026-10-22T11:00:00Z", "", None),
        (
            "P1M",
            "",
            "Pacific/Auckland",
            "2026-10-22T10:59:59Z",
            "",
            Some(("2026-10-22T11:00:00Z", "2026-11-22T17:30:00Z")),
        ),
        // Hours are exact, but for the leeway.
        ("PT12H", "", "UTC", "2026-11-22T05:25:00Z", "", None),
        (
            "PT12H",
            "",
            "UTC",
            "2026-11-22T05:24:59Z",
            "",
            Some(("2026-11-22T05:30:00Z", "2026-11-22T17:30:00Z")),
        ),
        ("P9999Y", "", "UTC", "0001-01-01T00:00:00Z", "", None),
    ] {
        let limits = RangeLimits::united([limit(back, span)]);
        let time = |text: &str| (!text.is_empty()).then(|| at(text).as_micros());
        let question = asked(time(since), time(until), zone);
        let found = limits.check(&question, now, now).err();
        let found = found.map(|out| (out.since.to_rfc3339(), out.until.to_rfc3339()));
        let whole = |text: &str| text.replace('Z', ".000000Z");
        let offered = offered.map(|(since, until)| (whole(since), whole(until)));
        assert_eq!(found, offered, "{back} {span} {zone} {since} {until}");
    }
}

#[test]
fn several_roles_allow_whatever_one_of_them_does() {
    let shown = |limits: &[Option<RangeLimit>]| {
        let widest = RangeLimits::united(limits.iter().copied()).widest();
        widest.map(|RangeLimit { back, span }| {
            [back, span].map(|span| span.map(|span| span.to_string()).unwrap_or_default())
        })
    };
    for (limits, expected) in [
        (vec![], None),
        (vec![None], None),
        (vec![limit("P1Y", "P3M"), None], None),
        (vec![limit("P1Y", "P3M")], Some(["P1Y", "P3M"])),
        (vec![limit("P1Y", "P1M"), limit("P6M", "P3M")], Some(["P1Y", "P3M"])),
        (vec![limit("P1Y", ""), limit("P6M", "P3M")], Some(["P1Y", ""])),
        (vec![limit("P1Y", ""), limit("", "P3M")], None),
        (vec![limit("P1M", ""), limit("P30D", "")], Some(["P1M", ""])),
    ] {
        assert_eq!(shown(&limits), expected.map(|both| both.map(str::to_owned)), "{limits:?}");
    }
    // In February thirty days are more than a month.
    let now = at("2026-03-15T12:00:00Z");
    let either = RangeLimits::united([limit("P1M", ""), limit("P30D", "")]);
    let since = |text| asked(Some(at(text).as_micros()), None, "UTC");
    assert_eq!(either.check(&since("2026-02-13T00:00:00Z"), now, now), Ok(()));
    assert!(either.check(&since("2026-02-12T23:00:00Z"), now, now).is_err());
}

#[test]
fn nobody_hands_out_longer_ranges_than_their_own() {
    for (own, other, covers) in [
        (vec![None], None, true),
        (vec![None], limit("P9Y", "P9Y"), true),
        (vec![limit("P1Y", "P3M")], None, false),
        (vec![limit("P1Y", "P3M")], limit("P1Y", "P3M"), true),
        (vec![limit("P1Y", "P3M")], limit("P12M", "P2M"), true),
        (vec![limit("P1Y", "P3M")], limit("P13M", "P2M"), false),
        (vec![limit("P1Y", "P3M")], limit("P1Y", ""), false),
        (vec![limit("P1Y", "")], limit("P1Y", ""), true),
        (vec![limit("P1Y", "P3M")], limit("P1Y", "P93D"), false),
        (vec![limit("P1M", ""), limit("P40D", "")], limit("P31D", ""), true),
        // A day begins at midnight, hours do not.
        (vec![limit("PT26H", "")], limit("P1D", ""), false),
        (vec![limit("PT52H", "")], limit("P1D", ""), true),
    ] {
        let limits = RangeLimits::united(own.iter().copied());
        assert_eq!(limits.cover(other.as_ref()), covers, "{own:?} {other:?}");
    }
}

#[test]
fn a_listing_goes_on_for_a_day_and_not_from_a_moment_of_long_ago() {
    let limits = RangeLimits::united([limit("P1Y", "")]);
    let began = at("2026-11-22T23:59:00Z");
    let question = asked(Some(at("2025-11-22T00:00:00Z").as_micros()), None, "UTC");
    for (now, allowed) in [
        ("2026-11-22T23:59:00Z", true),
        ("2026-11-23T12:00:00Z", true),
        ("2026-11-24T00:00:00Z", false),
        ("2036-11-22T00:00:00Z", false),
        // A clock that was set back.
        ("2026-11-22T12:00:00Z", true),
    ] {
        assert_eq!(limits.check(&question, began, at(now)).is_ok(), allowed, "{now}");
    }
    // A moment that is yet to come, which no seal of ours has, moves nothing.
    let later = at("2030-01-01T00:00:00Z");
    assert!(limits.check(&question, later, began).is_ok());
    assert!(limits.check(&asked(Some(0), None, "UTC"), later, began).is_err());
}

#[test]
fn what_has_no_question_is_bounded_by_the_range_that_ends_now() {
    let now = at("2026-11-22T17:30:00Z");
    let unlimited = RangeLimits::default();
    assert_eq!(
        (unlimited.shown_since(now), unlimited.followed_since(now, &TimeZone::UTC)),
        (i64::MIN, i64::MIN)
    );
    let limits = RangeLimits::united([limit("P1Y", "P3M")]);
    assert_eq!(limits.shown_since(now), at("2025-11-21T18:00:00Z").as_micros());
    assert_eq!(limits.followed_since(now, &TimeZone::UTC), at("2026-08-22T00:00:00Z").as_micros());
    let refused = limits.without_a_range(now);
    assert_eq!((refused.since, refused.until), (at("2026-08-22T00:00:00Z"), now));
    assert_eq!(
        refused.words,
        "1 year back, that is since 2025-11-22T00:00:00.000000Z, and 3 months at a time"
    );
}

/// Days since 1970 of a date, and back, by counting; years 1900 to 2100.
fn days_of((year, month, day): (i64, i64, i64)) -> i64 {
    let years: i64 =
        (1970..year).map(days_in_year).sum::<i64>() - (year..1970).map(days_in_year).sum::<i64>();
    years + (1..month).map(|month| days_in(year, month)).sum::<i64>() + day - 1
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let mut year = 1900;
    while days_of((year + 1, 1, 1)) <= days {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days_of((year, month + 1, 1)) <= days {
        month += 1;
    }
    (year, month, days - days_of((year, month, 1)) + 1)
}

fn days_in_year(year: i64) -> i64 {
    (1..=12).map(|month| days_in(year, month)).sum()
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The same limit by counting on fingers: years, months, days, hours; UTC.
fn model_before([years, months, days, hours]: [i64; 4], from: i64) -> i64 {
    let begin = if years + months + days == 0 {
        from
    } else {
        let (year, month, day) = date_of(from.div_euclid(DAY));
        let month = year * 12 + month - 1 - years * 12 - months;
        let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
        (days_of((year, month, day.min(days_in(year, month)))) - days) * DAY
    };
    begin - hours * HOUR
}

fn units() -> impl Strategy<Value = Option<[i64; 4]>> {
    let some = (0..3i64, 0..15i64, 0..40i64, 0..50i64).prop_map(|(y, m, d, h)| [y, m, d, h]);
    let one = (0..4usize, 1..60i64).prop_map(|(at, count)| {
        let mut units = [0; 4];
        units[at] = count;
        units
    });
    prop::option::of(prop_oneof![one, some.prop_filter("none at all", |units| *units != [0; 4])])
}

fn span(units: [i64; 4]) -> CalendarSpan {
    let [years, months, days, hours] = units;
    let time = if hours > 0 { format!("T{hours}H") } else { String::new() };
    format!("P{years}Y{months}M{days}D{time}").parse().unwrap()
}

/// An instant of 2020 to 2030, often at the edge of a day.
fn instant() -> impl Strategy<Value = i64> {
    let first = days_of((2020, 1, 1));
    let within = prop_oneof![Just(0), Just(1), Just(DAY - 1), 0..DAY];
    (first..first + 3_650, within).prop_map(|(day, within)| day * DAY + within)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn the_decision_is_that_of_a_model_and_what_is_offered_is_allowed(
        back in units(),
        length in units(),
        since in prop::option::of(instant()),
        until in prop::option::of(instant()),
        now in instant(),
        later in 0..LEEWAY,
        zone in prop::sample::select(vec!["UTC", "Europe/Rome", "America/New_York", "Pacific/Auckland", "Australia/Lord_Howe"]),
    ) {
        let limit = RangeLimit { back: back.map(span), span: length.map(span) };
        let limits = RangeLimits::united([Some(limit)]);
        let at = Timestamp::from_micros;
        let decided = limits.check(&asked(since, until, "UTC"), at(now), at(now));

        let judged = now - LEEWAY;
        let end = until.unwrap_or(judged).min(judged);
        let reaches_back = back.is_none_or(|back| since.is_some_and(|since| since >= model_before(back, judged)));
        let is_short = length.is_none_or(|length| since.is_some_and(|since| since >= model_before(length, end)));
        prop_assert_eq!(decided.is_ok(), reaches_back && is_short, "{:?}", decided);

        // Whatever the zone, and until a while later, it may be asked what is offered.
        if let Err(offered) = limits.check(&asked(since, until, zone), at(now), at(now)) {
            let (since, until) = (offered.since.as_micros(), offered.until.as_micros());
            prop_assert!(since <= until, "{:?}", offered);
            let again = asked(Some(since), Some(until), zone);
            let later = at(now + later);
            prop_assert_eq!(limits.check(&again, later, later), Ok(()), "{:?}", offered);
        }
    }

    #[test]
    fn one_more_role_takes_nothing_away_and_who_covers_a_range_may_ask_all_of_it(
        first in (units(), units()),
        second in (units(), units()),
        since in instant(),
        until in prop::option::of(instant()),
        now in instant(),
    ) {
        let limit = |(back, length): (Option<[i64; 4]>, Option<[i64; 4]>)| {
            RangeLimit { back: back.map(span), span: length.map(span) }
        };
        let (first, second) = (limit(first), limit(second));
        let question = asked(Some(since), until, "Europe/Rome");
        let may = |limits: &RangeLimits| {
            let now = Timestamp::from_micros(now);
            limits.check(&question, now, now).is_ok()
        };
        let one = RangeLimits::united([Some(first)]);
        let other = RangeLimits::united([Some(second)]);
        prop_assert!(!may(&one) || may(&RangeLimits::united([Some(first), Some(second)])));
        if one.cover(Some(&second)) {
            prop_assert!(may(&one) || !may(&other), "{:?} covers {:?}", first, second);
        }
    }
}
