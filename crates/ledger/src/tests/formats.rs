//! Every stored format ever released opens and checks green.
//!
//! `INDELIBLE_BLESS=1` writes those of the newest version again; older ones stay as they are. The id index is not part of a
//! fixture: it is derived, and filled at opening.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indelible_verify::{Kind, Names, People, Person, Place, UserId};

use super::rig::{Rig, config, event, read_and_verify, request};
use crate::disk::{Disk, RealDisk};
use crate::work::Task;
use crate::{Ledger, OnConflict, Record, ReplayKey, SystemClock, check};

/// One released state of the formats.
struct Fixture {
    name: &'static str,
    /// Whether envelopes of version 2, with people, are among those of version 1.
    people: bool,
    /// Whether contents were removed; there are no such manifests of version 1.
    removed: bool,
}

const RELEASED: &[Fixture] = &[
    Fixture { name: "v1/ledger-1", people: false, removed: false },
    Fixture { name: "v1/ledger-1-people", people: true, removed: false },
    Fixture { name: "v2/ledger-1-removed", people: true, removed: true },
];

/// Those that are written again when they are blessed.
const NEWEST: &str = "v2/";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats")
}

/// What a reader sees of a record, a line each.
fn lines(records: &[Arc<Record>]) -> String {
    let line = |record: &Arc<Record>| {
        let entry = &record.entry;
        let people: Vec<String> = record.envelope.people.iter().map(shown).collect();
        format!(
            "{} kind {} chain {} seq {} received {} id {} leaf {}{} body {}\n",
            record.index,
            entry.kind.0,
            entry.chain_id,
            entry.tenant_seq,
            entry.received_at_us,
            record.envelope.event_id,
            hex::encode(record.leaf_hash),
            people.concat(),
            String::from_utf8_lossy(&record.body),
        )
    };
    records.iter().map(line).collect()
}

fn shown(person: &Person) -> String {
    let names = |names: &Option<Names>| names.as_ref().map_or("-".to_owned(), |names| names.join(","));
    format!(" {} {} in {} as {}", person.place, person.user, names(&person.groups), names(&person.roles))
}

/// Two people in an event.
fn recognised() -> People {
    let names = |list: &[&str]| Some(Names::new(list.iter().map(|name| (*name).to_owned())).unwrap());
    let actor = Person {
        place: Place::ACTOR,
        user: UserId([7; 16]),
        groups: names(&["Support", "Büro"]),
        roles: names(&[]),
    };
    let target =
        Person { place: Place::target(1).unwrap(), user: UserId([8; 16]), groups: None, roles: None };
    People::new(vec![actor, target]).unwrap()
}

/// A ledger with a bit of everything: sealed and unsealed frames, two segments of each, a closed chain, every
/// outcome, an idempotency key, a clock step and a cut tail.
fn build(fixture: &Fixture) -> Rig {
    let event = |chain, id: &str, body: &str| {
        let mut event = event(chain, id, body);
        if fixture.people && id.contains(['0', 'l']) {
            event.envelope.people = recognised();
        }
        event
    };
    let mut rig = Rig::new();
    let (first, _) = rig.open_chain(1);
    let (second, _) = rig.open_chain(2);
    for round in 0..3 {
        let batch = (0..3).map(|n| event(first, &format!("order-{round}-{n}"), &format!("{{\"n\":{n}}}")));
        rig.append(request(
            batch.chain([event(second, &format!("call-{round}"), "{\"é\":\"ü\"}")]).collect(),
        ))
        .unwrap();
        rig.clock.pass(1_000_000);
        rig.parts().id_keeper.step();
        if round < 2 {
            rig.parts().sealer.seal_all().unwrap();
        }
    }
    rig.append(request(vec![event(first, "order-0-0", "{\"n\":0}"), event(first, "order-0-0", "{\"n\":9}")]))
        .unwrap();
    let replay = ReplayKey { owner: [7; 16], key: "retry-1".to_owned(), digest: [8; 32] };
    let keyed = vec![event(second, "call-9", "{}"), event(second, "call-0", "{}")];
    let keyed =
        crate::AppendRequest { replay: Some(replay), on_conflict: OnConflict::Reject, ..request(keyed) };
    rig.append(keyed).unwrap();
    rig.clock.set_by(-600_000_000);
    rig.append(request(vec![event(first, "late", "{}")])).unwrap();
    rig.run(vec![Task::System { kind: Kind::CHAIN_CLOSE, chain: second, body: b"{}".to_vec() }])
        .remove(0)
        .unwrap();
    rig.append(request(vec![event(first, "never acknowledged", "{}")])).unwrap();
    let frame = rig.parts().shared.view.read().frames.back().cloned().unwrap();
    rig.kill();
    rig.disk.tamper(&frame.segment.path, |file| file.truncate(frame.offset as usize + 100));
    rig.open().unwrap();
    rig.append(request(vec![event(first, "after the cut", "{}")])).unwrap();
    if fixture.removed {
        let own = rig.reader().chains()[0].chain;
        let task = Task::System { kind: Kind::RETENTION, chain: own, body: b"{}".to_vec() };
        let by = rig.run(vec![task]).remove(0).unwrap().first().placed().unwrap().index;
        assert_eq!(rig.remove(by, &REMOVED).unwrap().removed, 3);
        rig.append(request(vec![event(first, "after the removal", "{}")])).unwrap();
    }
    rig
}

/// Events of the fixture that lose their contents; of both segments.
const REMOVED: [u64; 3] = [3, 5, 8];

fn bless(dir: &Path, fixture: &Fixture) {
    let mut rig = build(fixture);
    let records = read_and_verify(&rig.reader(), &[]);
    rig.close();
    std::fs::remove_dir_all(dir).ok();
    for (path, bytes) in rig.disk.files() {
        let path = dir.join("data").join(path.strip_prefix("/ledger").unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    std::fs::write(dir.join("records.txt"), lines(&records)).unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in RealDisk.list(from).unwrap() {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}

#[test]
fn every_released_format_opens_and_checks_green() {
    for fixture in RELEASED {
        let name = fixture.name;
        if std::env::var_os("INDELIBLE_BLESS").is_some() && name.starts_with(NEWEST) {
            bless(&fixtures().join(name), fixture);
        }
        // Written again today, it gives the same leaves.
        let committed = std::fs::read_to_string(fixtures().join(name).join("records.txt")).unwrap();
        assert_eq!(lines(&read_and_verify(&build(fixture).reader(), &[])), committed, "{name}");
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        copy(&fixtures().join(name).join("data"), &data);
        let expected = std::fs::read_to_string(fixtures().join(name).join("records.txt")).unwrap();
        let report = check(&data, &|_| {}).unwrap();
        assert_eq!(report.problems, [], "{name}");
        let (segments, removed) = if fixture.removed { (3, 3) } else { (2, 0) };
        let found = (report.content_segments, report.chains, report.removed);
        assert_eq!(found, (segments, 3, removed), "{name}");
        let (writer, reader) = Ledger::open(&data, config(), Arc::new(SystemClock), &|_| {}).unwrap();
        assert_eq!(lines(&read_and_verify(&reader, &[])), expected, "{name}");
        let chain = reader.chain_of_tenant(1).unwrap().chain;
        let old = reader.checkpoint();
        writer.append_blocking(request(vec![event(chain, "today", "{}")])).unwrap();
        read_and_verify(&reader, &[old]);
        let replay = ReplayKey { owner: [7; 16], key: "retry-1".to_owned(), digest: [8; 32] };
        assert!(writer.replayed(&replay).unwrap().is_none(), "its day is long over");
        writer.close();
        let report = check(&data, &|_| {}).unwrap();
        assert_eq!((report.problems.len(), report.ids), (0, report.entries - removed), "{name}");
    }
}
