use proptest::prelude::*;

use super::*;
use crate::{
    Change,
    testing::{Database, at, moved, tenant},
};

const DAY: i64 = DAY_US;
const TWO_DAYS: Duration = Duration::from_hours(48);

fn days(days: u32) -> Option<Period> {
    Some(Period::Days(NonZeroU32::new(days).unwrap()))
}

fn action_type(value: &str) -> Option<Class> {
    Some(Class::ActionType(value.into()))
}

fn application(value: &str) -> Option<Class> {
    Some(Class::Application(value.into()))
}

fn kept(tenant: TenantNumber, class: Option<Class>, period: Option<Period>) -> Change {
    Change::RetentionSet { place: Place { tenant, class }, period }
}

/// north (1) with acme (2) below it, and south (3).
async fn world() -> Database {
    let base = Database::new().await;
    base.insert([tenant(1, "north", None), tenant(2, "acme", Some(1)), tenant(3, "south", None)]).await;
    base
}

/// Long after everything that the tests set.
const LATER: Timestamp = at(400 * DAY);

#[tokio::test]
async fn the_most_specific_place_decides() {
    let mut base = world().await;
    for change in [
        kept(INSTALLATION_NUMBER, None, days(400)),
        kept(INSTALLATION_NUMBER, action_type("delete"), Some(Period::ForEver)),
        kept(1, None, days(90)),
        kept(1, application("pbx"), days(30)),
        kept(2, action_type("view"), days(7)),
        kept(2, application("billing"), days(3650)),
        kept(2, Some(Class::Category("call_recording".into())), days(14)),
    ] {
        base.make(change).await.unwrap();
    }
    let base = base.reopened().await;
    let directory = base.now();
    let periods = directory.retention().at(LATER);
    let classes = |action_type, application| Classes { action_type, categories: &[], application };
    let recording =
        Classes { action_type: "view", categories: &["user", "call_recording"], application: None };
    for (tenant, classes, expected) in [
        (INSTALLATION_NUMBER, classes("view", None), days(400)),
        (3, classes("view", Some("pbx")), days(400)),
        (3, classes("delete", None), Some(Period::ForEver)),
        (1, classes("delete", None), days(90)),
        (1, classes("delete", Some("pbx")), days(30)),
        (2, classes("view", Some("pbx")), days(7)),
        (2, classes("delete", Some("pbx")), days(30)),
        (2, classes("delete", None), days(90)),
        (2, classes("view", Some("billing")), days(3650)),
        (2, recording, days(14)),
        // Of a tenant that nobody knows nothing goes that the installation keeps.
        (99, classes("view", None), days(400)),
    ] {
        let found = periods.of(&directory, tenant, &classes);
        assert_eq!(Some(found), expected, "{tenant} {classes:?}");
    }
    assert_eq!(periods.iter().count(), 7);
    assert_eq!(Retention::default().at(LATER).of(&directory, 1, &Classes::default()), Period::ForEver);
}

#[tokio::test]
async fn days_count_from_the_later_of_time_and_receipt_and_end_on_the_microsecond() {
    let mut base = world().await;
    base.make(kept(INSTALLATION_NUMBER, None, days(30))).await.unwrap();
    let directory = base.now();
    let judge = |days_min| Judge::new(&directory, LATER, TWO_DAYS, days_min);
    let end = LATER.as_micros() - 30 * DAY;
    for (time, received, days_min, expected) in [
        (end, end, 0, true),
        (end + 1, end, 0, false),
        (end, end + 1, 0, false),
        (0, end, 0, true),
        (end, 0, 0, true),
        (i64::MAX, end, 0, false),
        (i64::MIN, i64::MIN, 0, true),
        (end, end, 30, true),
        (end, end, 31, false),
        (end - DAY, end - DAY, 31, true),
    ] {
        let found = judge(days_min).has_expired(3, &Classes::default(), at(time), at(received));
        assert_eq!(found, expected, "{time} {received} {days_min}");
    }
}

#[tokio::test]
async fn a_shorter_period_waits_and_can_be_undone_and_a_longer_one_counts_at_once() {
    let mut base = world().await;
    base.make(kept(INSTALLATION_NUMBER, None, days(100))).await.unwrap();
    let old = at(150 * DAY);
    let mut index = 10;
    let mut set = async |base: &Database, when: i64, change: Change| {
        index += 1;
        base.control.apply(index, at(when), &change).await.unwrap();
    };
    let expires = |base: &Database, now: i64, tenant| {
        let directory = base.now();
        Judge::new(&directory, at(now), TWO_DAYS, 0).has_expired(tenant, &Classes::default(), old, old)
    };
    // At 180 days it is 30 days old.
    let now = 180 * DAY;
    set(&base, now, kept(INSTALLATION_NUMBER, None, days(10))).await;
    assert!(!expires(&base, now, 3), "at once");
    assert!(!expires(&base, now + 2 * DAY - 1, 3), "not yet");
    assert!(expires(&base, now + 2 * DAY, 3), "after two days");
    set(&base, now + DAY, kept(INSTALLATION_NUMBER, None, days(100))).await;
    assert!(!expires(&base, now + 20 * DAY, 3), "it was undone");
    // Shortened, lengthened for an hour, shortened again: the last one waits.
    let now = 200 * DAY;
    for (hour, period) in [(0, 10), (70, 400), (71, 10)] {
        set(&base, now + hour * DAY / 24, kept(INSTALLATION_NUMBER, None, days(period))).await;
    }
    assert!(!expires(&base, now + 71 * DAY / 24 + 2 * DAY - 1, 3));
    assert!(expires(&base, now + 71 * DAY / 24 + 2 * DAY, 3));
    // A period of its own taken away is a change of what it has.
    set(&base, now, kept(3, None, Some(Period::ForEver))).await;
    set(&base, now + 10 * DAY, kept(3, None, None)).await;
    assert!(!expires(&base, now + 11 * DAY, 3));
    assert!(expires(&base, now + 12 * DAY, 3));
    // What was set by a clock ahead of this one is not passed over.
    set(&base, now + 100 * DAY, kept(INSTALLATION_NUMBER, None, days(400))).await;
    assert!(!expires(&base, now + 20 * DAY, 3));
}

#[tokio::test]
async fn a_tenant_that_was_moved_keeps_what_it_has_for_the_cooling_off_time() {
    let mut base = world().await;
    base.make(kept(3, None, days(1))).await.unwrap();
    base.make(kept(INSTALLATION_NUMBER, None, days(300))).await.unwrap();
    let old = at(150 * DAY);
    base.control.apply(20, at(200 * DAY), &moved(1, Some(3))).await.unwrap();
    let base = base.reopened().await;
    let directory = base.now();
    for (tenant, now, expected) in [
        (1, 201 * DAY, false),
        (2, 201 * DAY, false),
        (3, 201 * DAY, true),
        (1, 202 * DAY, true),
        (2, 202 * DAY, true),
    ] {
        let judge = Judge::new(&directory, at(now), TWO_DAYS, 0);
        assert_eq!(judge.has_expired(tenant, &Classes::default(), old, old), expected, "{tenant} at {now}");
    }
}

#[tokio::test]
async fn what_can_not_be_is_refused() {
    let mut base = world().await;
    for (change, expected) in [
        (kept(99, None, days(1)), "NoSuchTenant"),
        (kept(1, action_type(""), days(1)), "WrongRetention"),
        (kept(1, action_type(&"x".repeat(257)), days(1)), "WrongRetention"),
        (kept(1, None, days(DAYS_MAX + 1)), "WrongRetention"),
        (kept(1, action_type(&"x".repeat(256)), days(DAYS_MAX)), "good"),
        (kept(INSTALLATION_NUMBER, None, None), "good"),
    ] {
        let found = base.make(change.clone()).await.err().map(|error| format!("{error:?}"));
        let found = found.as_deref().unwrap_or("good").split([' ', '{']).next().unwrap().to_owned();
        assert_eq!(found, expected, "{change:?}");
    }
}

#[test]
fn the_form_in_the_ledger_stays() {
    for (change, text) in [
        (kept(2, None, days(30)), r#"{"type":"retention_set","tenant":2,"period":{"days":30}}"#),
        (
            kept(INSTALLATION_NUMBER, application("pbx"), Some(Period::ForEver)),
            r#"{"type":"retention_set","tenant":0,"class":{"application":"pbx"},"period":"for_ever"}"#,
        ),
        (
            kept(2, action_type("view"), None),
            r#"{"type":"retention_set","tenant":2,"class":{"action_type":"view"},"period":null}"#,
        ),
        (
            kept(2, Some(Class::Category("user".into())), days(1)),
            r#"{"type":"retention_set","tenant":2,"class":{"category":"user"},"period":{"days":1}}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&change).unwrap(), text);
        assert_eq!(serde_json::from_str::<Change>(text).unwrap(), change);
    }
}

/// What was set, when, where: in hours, of few places.
fn settings() -> impl Strategy<Value = Vec<(i64, TenantNumber, usize, Option<u32>)>> {
    let one = (0_i64..200, 0_u64..4, 0_usize..3, prop_oneof![Just(None), (0_u32..6).prop_map(Some)]);
    prop::collection::vec(one, 0..12)
}

const CLASSES: [&str; 2] = ["view", "delete"];

/// The period of a tenant's events at a moment, found by going over everything that was set.
fn model(
    settings: &[(i64, TenantNumber, usize, Option<u32>)],
    moment: i64,
    path: &[TenantNumber],
    classes: &[usize],
) -> Option<u32> {
    let own = |tenant: TenantNumber, class: usize| {
        let set = settings.iter().filter(|set| set.0 <= moment && set.1 == tenant && set.2 == class);
        set.max_by_key(|set| set.0).and_then(|set| set.3)
    };
    for tenant in path {
        let of_classes = classes.iter().filter_map(|class| own(*tenant, class + 1));
        // 0 days stand for ever.
        if let Some(longest) = of_classes.max_by_key(|days| if *days == 0 { u32::MAX } else { *days }) {
            return Some(longest);
        }
        if let Some(days) = own(*tenant, 0) {
            return Some(days);
        }
    }
    None
}

proptest! {
    #[test]
    fn an_event_has_expired_only_if_it_has_by_every_hour_of_the_cooling_off_time(
        mut settings in settings(),
        now in 0_i64..260,
        age in 0_i64..200,
        fits in prop::collection::vec(0_usize..2, 0..3),
    ) {
        // One thing is set at one time.
        settings.sort_by_key(|set| set.0);
        settings.dedup_by_key(|set| set.0);
        let hour = DAY / 24;
        let mut retention = Retention::default();
        for (when, tenant, class, days) in &settings {
            // Whichever way the classes go by, of one event.
            let class = class.checked_sub(1).map(|class| match class {
                0 => Class::ActionType(CLASSES[0].into()),
                _ => Class::Application(CLASSES[1].into()),
            });
            let period = days.map(|days| NonZeroU32::new(days).map_or(Period::ForEver, Period::Days));
            let set = Set { since: at(when * hour), period };
            retention.sets.entry(Place { tenant: *tenant, class }).or_default().push(set);
        }
        let tenants = vec![tenant(1, "north", None), tenant(2, "acme", Some(1)), tenant(3, "south", None)];
        let directory = Directory::new(crate::directory::Loaded { tenants, retention, ..Default::default() });
        let judge = Judge::new(&directory, at(now * hour), TWO_DAYS, 0);
        let classes = Classes {
            action_type: if fits.contains(&0) { CLASSES[0] } else { "other" },
            categories: &[],
            application: fits.contains(&1).then_some(CLASSES[1]),
        };
        for (tenant, path) in [(0, &[0][..]), (1, &[1, 0]), (2, &[2, 1, 0]), (3, &[3, 0])] {
            let received = at((now - age) * hour);
            let found = judge.has_expired(tenant, &classes, at(0), received);
            let by = |moment| matches!(model(&settings, moment, path, &fits), Some(days) if days > 0 && i64::from(days) * 24 <= age.min(now));
            let expected = (now - 48..=300).all(by);
            prop_assert_eq!(found, expected, "{}", tenant);
        }
    }
}
