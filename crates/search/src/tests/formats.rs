//! Every index format ever released opens, or is rebuilt, with the same answers.
//!
//! `testdata/formats/v1/search-<version>` holds the events of a ledger and the index that this format version made of
//! them; that of version 2 has lists of every kind, and marks; `search-2-people` is of the same version, with people
//! recognised in its events, and `search-2` from before there were any. To write the fixture of a new version, make its directory with a
//! ledger, and run this test with `INDELIBLE_WRITE_FIXTURES=1`.

use std::collections::HashMap;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indelible_event::{Event, Limits, Timestamp, parse};
use indelible_verify::{Names, People, Person, Place, UserId};

use super::model::matching;
use super::world::{Engine, MemoryLedger, NOW, Stored, config, query, stored};
use crate::manifest::{FORMAT, Found, Manifest};
use crate::{Mark, Reach, SearchConfig};

fn fixture(version: impl Display) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../testdata/formats/v1/search-{version}"))
}

/// The ledger of a fixture: one event to a line, a line `other` for an entry that is none.
fn ledger(dir: &Path) -> Arc<MemoryLedger> {
    let ledger = MemoryLedger::new();
    for (number, line) in fs::read_to_string(dir.join("ledger.ndjson")).unwrap().lines().enumerate() {
        if line == "other" {
            ledger.push_other();
            continue;
        }
        let event = parse(line, &Limits::default(), Timestamp::from_micros(NOW)).unwrap().event;
        let time = event.time.as_ref().map_or(NOW, |time| time.at.as_micros());
        let id = event.id.clone().unwrap_or_else(|| format!("line-{number}"));
        let tenant = event.tenant.as_deref().map_or(0, |name| name.len() as u64);
        let people = people(&event);
        ledger.push(Stored { people, ..stored(tenant, time, &id, event) });
    }
    ledger
}

/// Who was recognised, which a fixture has in its events: place, first byte of the user's number, groups and roles.
fn people(event: &Event) -> People {
    let Some((_, given)) = event.extra.iter().find(|(name, _)| name == "recognised") else {
        return People::default();
    };
    type Given = (String, u8, Option<Vec<String>>, Option<Vec<String>>);
    let given: Vec<Given> = serde_json::from_str(given.get()).unwrap();
    let person = |(place, user, groups, roles): Given| {
        let place = match place.as_str() {
            "actor" => Place::ACTOR,
            "on_behalf_of" => Place::ON_BEHALF_OF,
            target => Place::target(target.parse().unwrap()).unwrap(),
        };
        let names = |names: Option<Vec<String>>| names.map(|names| Names::new(names).unwrap());
        Person { place, user: UserId([user; 16]), groups: names(groups), roles: names(roles) }
    };
    People::new(given.into_iter().map(person).collect()).unwrap()
}

/// Events of a split before it is merged.
const FLUSH_EVENTS: usize = 520;

/// Two splits merged into one, one more, and two entries in none.
fn grow(dir: &Path, ledger: &Arc<MemoryLedger>) {
    let config = SearchConfig { flush_events: FLUSH_EVENTS, merge_factor: 2, ..config() };
    let engine = Engine::open(dir, ledger, config);
    engine.follow();
    engine.build();
    let task = crate::merger::take(&engine.state, &mut engine.state.work.lock()).unwrap();
    crate::merger::run(&engine.state, &task).unwrap();
    assert_eq!(engine.splits(), 2);
    for (mark, indices) in marked() {
        engine.search.mark(mark, indices, true).unwrap();
    }
}

/// The marks of a fixture; what is hidden is no event, so that every event is found.
fn marked() -> [(Mark, Vec<u64>); 4] {
    let far = vec![u64::from(u32::MAX), 1 << 40];
    [
        (Mark::Hidden, far),
        (Mark::Erased, vec![3]),
        (Mark::Held, (10..200).collect()),
        (Mark::Anomalous, (0..1_500).step_by(7).collect()),
    ]
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn opens_the_index_of_every_released_format() {
    if std::env::var_os("INDELIBLE_WRITE_FIXTURES").is_some() {
        let dir = fixture(FORMAT);
        let index = dir.join("index");
        if index.exists() {
            fs::remove_dir_all(&index).unwrap();
        }
        grow(&index, &ledger(&dir));
    }
    for version in 1..=FORMAT {
        let dir = tempfile::tempdir().unwrap();
        copy(&fixture(version), dir.path());
        let (ledger, index) = (ledger(dir.path()), dir.path().join("index"));
        if version == FORMAT {
            let report = crate::check(&index, &*ledger, &*ledger, &|_| {}).unwrap();
            assert!(report.is_sound() && report.unusable.is_none(), "{report:?}");
            assert_eq!(report.events, 3 * FLUSH_EVENTS as u64, "read from the fixture, and not rebuilt");
        }
        let engine = Engine::open(&index, &ledger, config());
        for (mark, indices) in marked() {
            let found: Vec<u64> = engine.search.present().marks.of(mark).iter().collect();
            assert_eq!(found, if version == FORMAT { indices } else { Vec::new() }, "{mark:?}");
        }
        assert_eq!(engine.search.progress().splits, if version == FORMAT { 2 } else { 0 });
        engine.follow();
        for params in [
            &[][..],
            &[("q", "\"sign in\"")],
            &[("q", "zoe")],
            &[("ip", "10.0.0.0/8")],
            &[("user", "ADA")],
            &[("outcome", "!success")],
            &[("q", "東京")],
            &[("since", "2026-02-01T00:00:00Z"), ("action", "delete")],
        ] {
            assert_answers(&engine, &ledger, params);
        }
        if version > 1 {
            for params in [
                &[("action", "poll")][..],
                &[("q", "\"once more round\"")],
                &[("q", "rou*"), ("user", "robot-0"), ("outcome", "success")],
                &[("actor_tenant", "bots.example"), ("group", "!a")],
            ] {
                assert_answers(&engine, &ledger, params);
            }
        }
    }
}

#[test]
fn opens_an_index_with_people() {
    let from = fixture("2-people");
    let small = || SearchConfig { flush_events: 20, merge_factor: 2, ..config() };
    if std::env::var_os("INDELIBLE_WRITE_FIXTURES").is_some() {
        let index = from.join("index");
        if index.exists() {
            fs::remove_dir_all(&index).unwrap();
        }
        let engine = Engine::open(&index, &ledger(&from), small());
        engine.follow();
        engine.build();
        engine.merge();
    }
    let dir = tempfile::tempdir().unwrap();
    copy(&from, dir.path());
    let (ledger, index) = (ledger(dir.path()), dir.path().join("index"));
    let report = crate::check(&index, &*ledger, &*ledger, &|_| {}).unwrap();
    assert!(report.is_sound() && report.unusable.is_none(), "{report:?}");
    assert_eq!((report.splits, report.events), (1, 40), "read from the fixture, and not rebuilt");
    let engine = Engine::open(&index, &ledger, small());
    engine.follow();
    for place in ["one split and the tail", "splits"] {
        for params in [&[][..], &[("group", "support")], &[("role", "!tech")], &[("group", "named")]] {
            assert_answers(&engine, &ledger, params);
        }
        for (user, tenants) in [(1, &[][..]), (2, &[]), (3, &[]), (9, &[]), (1, &[4]), (9, &[5])] {
            let reach = Reach::oneself(UserId([user; 16]), tenants.iter().copied());
            let expected = matching(&ledger.events(), &reach, &[], &HashMap::new(), ledger.size());
            let expected: Vec<u64> = expected.iter().map(|key| key.index).collect();
            assert_eq!(expected.is_empty(), user == 9 && tenants.is_empty());
            assert_eq!(engine.all(&reach, &query(&[], &HashMap::new())), expected, "{reach:?} in {place}");
        }
        engine.flush();
    }
}

#[test]
fn splits_from_before_people_go_on_beside_those_with_them() {
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture(2), dir.path());
    let (ledger, index) = (ledger(dir.path()), dir.path().join("index"));
    let engine = Engine::open(&index, &ledger, SearchConfig { merge_factor: 2, ..config() });
    engine.follow();
    let all = || query(&[], &HashMap::new());
    let (own, also) = (Reach::oneself(UserId([1; 16]), []), Reach::oneself(UserId([1; 16]), [4]));
    assert_eq!(engine.all(&own, &all()), [0; 0]);
    assert_eq!(engine.all(&also, &all()), engine.all(&Reach::tenants([4]), &all()));
    let ada = Person { place: Place::ACTOR, user: UserId([1; 16]), groups: None, roles: None };
    let mut last = 0;
    for number in 0..FLUSH_EVENTS as i64 {
        let event = Event { action: "new".into(), ..Event::default() };
        let people = People::new(if number == 7 { vec![ada.clone()] } else { vec![] }).unwrap();
        let index = ledger.push(Stored { people, ..stored(9, NOW, &format!("new-{number}"), event) });
        last = if number == 7 { index } else { last };
    }
    assert!(engine.splits() == 2);
    engine.flush();
    assert_eq!(engine.all(&own, &all()), [last], "beside the old splits");
    engine.merge();
    assert_eq!(engine.splits(), 1);
    assert_eq!(engine.all(&own, &all()), [last], "merged with them");
    assert!(engine.checked().is_sound());
}

fn assert_answers(engine: &Engine, ledger: &MemoryLedger, params: &[(&str, &str)]) {
    for reach in [Reach::All, Reach::tenants([4])] {
        let none = HashMap::new();
        let expected = matching(&ledger.events(), &reach, params, &none, ledger.size());
        let expected: Vec<u64> = expected.iter().map(|key| key.index).collect();
        assert!(!expected.is_empty() || reach != Reach::All, "{params:?}");
        assert_eq!(engine.all(&reach, &query(params, &none)), expected, "{params:?}");
    }
}

#[test]
fn an_index_of_format_1_is_recognised_and_built_anew_while_it_serves() {
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture(1), dir.path());
    let (ledger, index) = (ledger(dir.path()), dir.path().join("index"));
    let log = crate::state::hex(&ledger.log);
    let found = Manifest::read(&index, &log);
    assert_eq!(found.unwrap(), Found::Unusable("the index has the format of an earlier version"));
    let report = crate::check(&index, &*ledger, &*ledger, &|_| {}).unwrap();
    assert!(report.is_sound(), "an index of another format is no fault: {report:?}");
    let uncovered = (report.uncovered.len(), report.uncovered.first());
    assert!(report.unusable.is_some() && uncovered == (1, Some(&(0..ledger.size()))), "{report:?}");

    let engine = Engine::open(&index, &ledger, SearchConfig { flush_events: 5, ..config() });
    let progress = engine.search.progress();
    assert!(progress.rebuilding && progress.splits == 0 && progress.error.is_none());
    assert!(engine.all(&Reach::All, &query(&[], &HashMap::new())).is_empty());
    engine.follow();
    assert_answers(&engine, &ledger, &[("user", "ada")]);
    assert!(!engine.search.progress().rebuilding);
    engine.build();
    assert_answers(&engine, &ledger, &[("user", "ada")]);
    // Of the first format nothing is left.
    let names = fs::read_dir(index.join("splits")).unwrap().map(|entry| entry.unwrap().path());
    assert!(names.inspect(|path| assert!(path.is_file(), "{path:?}")).count() > 0);
    drop(engine);
    let engine = Engine::open(&index, &ledger, config());
    assert!(engine.splits() > 0 && engine.checked().unusable.is_none());
}
