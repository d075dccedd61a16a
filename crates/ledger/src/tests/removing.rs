//! Contents that were removed are in no file any more, whenever the power goes; every proof stays.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use indelible_verify::{ChainId, Kind};
use sha2::{Digest as _, Sha256};

use super::rig::{Rig, config, event, read_and_verify, request, tenant};
use crate::disk::sim::{Failure, SimDisk};
use crate::shared::RemovalStep;
use crate::work::Task;
use crate::{Ledger, Outcome, Removal, SignedCheckpoint, StoreError, Stored, SystemClock, check};

/// A text that nothing else has, and that does not compress.
fn marker(seed: u64, n: u64) -> String {
    hex::encode(Sha256::digest(format!("{seed} {n}")))
}

fn body(seed: u64, n: u64) -> String {
    format!("{{\"n\":{n},\"text\":\"{}\"}}", marker(seed, n))
}

/// Everything that files say: their bytes, and what each zstd frame in them unpacks to.
fn said(files: impl IntoIterator<Item = (PathBuf, Vec<u8>)>) -> Vec<(PathBuf, Vec<u8>)> {
    let mut said = Vec::new();
    for (path, bytes) in files {
        for at in memchr::memmem::find_iter(&bytes, &0xFD2F_B528_u32.to_le_bytes()) {
            let mut frame = zstd::stream::read::Decoder::new(&bytes[at..]).unwrap().single_frame();
            let mut unpacked = Vec::new();
            // What only looks like a frame ends in an error, behind what could be read of it.
            let _ = std::io::Read::read_to_end(&mut frame, &mut unpacked);
            said.push((path.clone(), unpacked));
        }
        said.push((path, bytes));
    }
    said
}

fn holds(said: &[(PathBuf, Vec<u8>)], marker: &str) -> Option<PathBuf> {
    let found = said.iter().find(|(_, bytes)| memchr::memmem::find(bytes, marker.as_bytes()).is_some());
    found.map(|(path, _)| path.clone())
}

fn of_disk(disk: &SimDisk) -> Vec<(PathBuf, Vec<u8>)> {
    said(disk.files())
}

/// A ledger with events in several segments and in the WAL, an entry that tells why some go, and which these are.
struct World {
    chain: ChainId,
    /// Numbers of the events by their leaf indices.
    events: BTreeMap<u64, u64>,
    by: u64,
    goes: Vec<u64>,
    shown: Vec<Arc<SignedCheckpoint>>,
}

const ROUNDS: u64 = 6;
const EACH: u64 = 5;

fn world(rig: &mut Rig, seed: u64) -> World {
    let (chain, answer) = rig.open_chain(1);
    let mut shown = vec![answer.unwrap().checkpoint];
    let mut events = BTreeMap::new();
    for round in 0..ROUNDS {
        let numbers = round * EACH..(round + 1) * EACH;
        let batch = numbers.clone().map(|n| event(chain, &format!("id-{n}"), &body(seed, n))).collect();
        let answer = rig.append(request(batch)).unwrap();
        events.extend(answer.outcomes.iter().map(|outcome| outcome.placed().unwrap().index).zip(numbers));
        shown.push(answer.checkpoint);
        rig.parts().id_keeper.step();
        if round % 2 == 1 && round + 1 < ROUNDS {
            rig.parts().sealer.seal_all().unwrap();
        }
    }
    let own = rig.reader().chains()[0].chain;
    let task = Task::System { kind: Kind::RETENTION, chain: own, body: b"{\"state\":\"begun\"}".to_vec() };
    let answer = rig.run(vec![task]).remove(0).unwrap();
    let by = answer.first().placed().unwrap().index;
    shown.push(answer.checkpoint);
    let goes =
        events.iter().filter(|(_, n)| !(seed + **n * 7).is_multiple_of(3)).map(|(index, _)| *index).collect();
    World { chain, events, by, goes, shown }
}

/// What must hold once a removal was done.
fn is_gone(rig: &mut Rig, world: &World, seed: u64, context: &str) {
    let records = read_and_verify(&rig.reader(), &world.shown);
    let kept: Vec<u64> =
        world.events.keys().copied().filter(|index| world.goes.binary_search(index).is_err()).collect();
    let found = records.iter().filter(|record| record.entry.kind == Kind::EVENT);
    assert_eq!(found.map(|record| record.index).collect::<Vec<_>>(), kept, "{context}");
    for index in &world.goes {
        match rig.reader().record(*index).unwrap() {
            Stored::Removed(removed) => assert_eq!((removed.index, removed.by), (*index, world.by)),
            Stored::Whole(_) => panic!("{context}: entry {index} has its content"),
        }
    }
    // Now, and should the power go now: what was removed but not for good would be back.
    for (when, disk) in [("now", rig.disk.clone()), ("after a power cut", rig.disk.after_crash(seed))] {
        let said = of_disk(&disk);
        for (index, n) in &world.events {
            let found = holds(&said, &marker(seed, *n));
            let goes = world.goes.contains(index);
            assert_eq!(found.is_none(), goes, "{context}, {when}: entry {index} in {found:?}");
        }
    }
}

#[test]
fn what_was_removed_is_in_no_file_and_its_proof_stays() {
    for seed in 0..3 {
        let mut rig = Rig::new();
        let world = world(&mut rig, seed);
        let before = of_disk(&rig.disk);
        assert!(
            world.events.values().all(|n| holds(&before, &marker(seed, *n)).is_some()),
            "the search finds"
        );
        let done = rig.remove(world.by, &world.goes).unwrap();
        assert_eq!(done.removed, world.goes.len() as u64);
        assert!(done.segments > 1 && done.bytes_after < done.bytes_before, "{done:?}");
        let cache = &rig.parts().shared.cache;
        assert!(world.goes.iter().all(|index| !cache.has_content(*index)), "in memory");
        is_gone(&mut rig, &world, seed, "at once");
        let again = rig.remove(world.by, &world.goes).unwrap();
        assert_eq!((again.removed, again.segments), (done.removed, 0), "again changes nothing");
        rig.append(request(vec![event(world.chain, "later", "{}")])).unwrap();
        rig.close();
        let report = rig.check().unwrap();
        assert_eq!((&report.problems[..], report.removed), (&[][..], world.goes.len() as u64));
        rig.open().unwrap();
        assert_eq!(rig.reader().record(world.goes[0]).unwrap().entry().kind, Kind::EVENT);
    }
}

#[test]
fn a_removal_that_the_power_cut_short_ends_the_same_when_it_is_asked_for_again() {
    let mut rig = Rig::new();
    let whole = world(&mut rig, 1);
    rig.disk.fail(Failure::Never);
    rig.remove(whole.by, &whole.goes).unwrap();
    let calls = rig.disk.calls();
    assert!(calls > 30, "{calls}");
    for call in 0..calls {
        for (failure, seed) in [(Failure::Before(call), call), (Failure::After(call), call + calls)] {
            let context = format!("{failure:?}");
            let mut rig = Rig::new();
            let world = world(&mut rig, seed);
            rig.disk.fail(failure);
            // The failure may come behind the last call.
            let _ = rig.remove(world.by, &world.goes);
            rig.crash(seed);
            rig.open().unwrap_or_else(|error| panic!("{context}: {error}"));
            let records = read_and_verify(&rig.reader(), &world.shown);
            let kept = records.iter().filter(|record| record.entry.kind == Kind::EVENT).count();
            assert!(kept >= world.events.len() - world.goes.len(), "{context}: nothing else goes");
            rig.remove(world.by, &world.goes).unwrap_or_else(|error| panic!("{context}: {error}"));
            is_gone(&mut rig, &world, seed, &context);
            rig.close();
            assert_eq!(rig.check().unwrap().problems, [], "{context}");
        }
    }
}

#[test]
fn a_disk_that_fails_once_stops_a_removal_and_the_next_one_ends_it() {
    let mut rig = Rig::new();
    let whole = world(&mut rig, 1);
    rig.disk.fail(Failure::Never);
    rig.removal_step(RemovalStep::Rewrite { by: whole.by, indices: whole.goes.clone() }).unwrap();
    let mut failed = 0;
    for call in 0..rig.disk.calls() {
        let context = format!("call {call}");
        let mut rig = Rig::new();
        let world = world(&mut rig, call);
        rig.disk.fail(Failure::Once(call));
        let step = RemovalStep::Rewrite { by: world.by, indices: world.goes.clone() };
        failed += u32::from(rig.removal_step(step).is_err());
        // Hashes that were not synced once are not called synced again: the next opening derives them.
        if rig.remove(world.by, &world.goes).is_err() {
            rig.kill();
            rig.open().unwrap();
            rig.remove(world.by, &world.goes).unwrap_or_else(|error| panic!("{context}: {error}"));
        }
        // Before an opening, which sweeps.
        is_gone(&mut rig, &world, call, &context);
    }
    assert!(failed > 10, "{failed}");
}

#[test]
fn a_disk_that_fails_once_in_the_last_step_is_not_called_good_before_it_is() {
    let ready = |seed| {
        let mut rig = Rig::new();
        let world = world(&mut rig, seed);
        rig.removal_step(RemovalStep::Rewrite { by: world.by, indices: world.goes.clone() }).unwrap();
        rig.parts().shared.rotate.store(true, std::sync::atomic::Ordering::SeqCst);
        rig.append(request(vec![event(world.chain, "last", "{}")])).unwrap();
        (rig, world)
    };
    let (mut rig, _) = ready(1);
    rig.disk.fail(Failure::Never);
    rig.removal_step(RemovalStep::Seal).unwrap();
    for call in 0..rig.disk.calls() {
        let (mut rig, world) = ready(call);
        rig.disk.fail(Failure::Once(call));
        if rig.removal_step(RemovalStep::Seal).is_ok() || rig.removal_step(RemovalStep::Seal).is_ok() {
            let said = of_disk(&rig.disk.after_crash(call));
            for index in &world.goes {
                let found = holds(&said, &marker(call, world.events[index]));
                assert_eq!(found, None, "call {call}: entry {index}");
            }
        }
    }
}

#[test]
fn a_try_that_failed_leaves_nothing_that_a_later_one_trips_over() {
    let mut rig = Rig::new();
    let whole = world(&mut rig, 1);
    rig.disk.fail(Failure::Never);
    rig.removal_step(RemovalStep::Rewrite { by: whole.by, indices: whole.goes.clone() }).unwrap();
    let calls = rig.disk.calls();
    for failing in 0..calls {
        for cut in 0..calls {
            let context = format!("failed at {failing}, cut at {cut}");
            let mut rig = Rig::new();
            let mut world = world(&mut rig, failing);
            rig.disk.fail(Failure::Once(failing));
            let half: Vec<u64> = world.goes.iter().copied().step_by(2).collect();
            let _ = rig.removal_step(RemovalStep::Rewrite { by: world.by, indices: half });
            rig.disk.fail(Failure::Never);
            // Another removal, of more, that tells of another reason.
            let own = rig.reader().chains()[0].chain;
            let task = Task::System { kind: Kind::ERASURE, chain: own, body: b"{}".to_vec() };
            let by = rig.run(vec![task]).remove(0).unwrap().first().placed().unwrap().index;
            rig.disk.fail(Failure::Before(cut));
            let _ = rig.removal_step(RemovalStep::Rewrite { by, indices: world.goes.clone() });
            rig.crash(cut);
            rig.open().unwrap_or_else(|error| panic!("{context}: {error}"));
            read_and_verify(&rig.reader(), &world.shown);
            rig.remove(world.by, &world.goes).unwrap_or_else(|error| panic!("{context}: {error}"));
            for index in std::mem::take(&mut world.goes) {
                assert!(matches!(rig.reader().record(index).unwrap(), Stored::Removed(_)), "{context}");
            }
        }
    }
}

#[test]
fn a_removal_without_a_reason_is_found() {
    let mut rig = Rig::new();
    let world = world(&mut rig, 3);
    let event = *world.events.keys().last().unwrap();
    rig.removal_step(RemovalStep::Rewrite { by: event, indices: world.goes[..1].to_vec() }).unwrap();
    rig.close();
    let problems = rig.check().unwrap().problems;
    assert!(problems.len() == 1 && problems[0].what.contains("to tell why"), "{problems:?}");
}

#[test]
fn contents_go_bit_by_bit_and_blocks_that_keep_theirs_are_copied() {
    let mut rig = Rig::new();
    rig.config.seal_bytes = 1 << 20;
    let (chain, _) = rig.open_chain(1);
    let (other, _) = rig.open_chain(2);
    let long = |n: u64| format!("{{\"n\":{n},\"text\":\"{}\"}}", marker(7, n).repeat(400));
    let batch = (0..20).map(|n| event([chain, other][n as usize % 2], &format!("id-{n}"), &long(n)));
    let first = rig.append(request(batch.collect())).unwrap().outcomes[0].placed().unwrap().index;
    rig.parts().id_keeper.step();
    let own = rig.reader().chains()[0].chain;
    let mut gone = Vec::new();
    for round in 0..4u64 {
        let task = Task::System { kind: Kind::ERASURE, chain: own, body: b"{}".to_vec() };
        let by = rig.run(vec![task]).remove(0).unwrap().first().placed().unwrap().index;
        // Some of these are gone already.
        let goes: Vec<u64> =
            (0..20).filter(|n| n % 4 <= round && n % 2 == 0 || *n == round).map(|n| first + n).collect();
        rig.remove(by, &goes).unwrap();
        gone.extend(goes);
        gone.sort_unstable();
        gone.dedup();
        let found: Vec<u64> = (0..20)
            .map(|n| first + n)
            .filter(|index| matches!(rig.reader().record(*index).unwrap(), Stored::Removed(_)))
            .collect();
        assert_eq!(found, gone, "round {round}");
        read_and_verify(&rig.reader(), &[]);
    }
    let again = rig.append(request(vec![event(chain, "id-0", "{\"other\":true}")])).unwrap();
    assert_eq!(again.first().placed().map(|placed| placed.index), Some(first));
    assert!(matches!(again.first(), Outcome::Duplicate(_)), "{again:?}: an erased event does not come back");
    rig.close();
    assert_eq!(rig.check().unwrap().problems, []);
}

#[test]
fn what_can_not_be_removed_is_refused_and_stays() {
    let mut rig = Rig::new();
    let world = world(&mut rig, 2);
    let opened = rig.reader().chain(&world.chain).unwrap().opened_index;
    let before = read_and_verify(&rig.reader(), &[]).len();
    let refused = rig.remove(world.by, &[opened, world.goes[0]]);
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    assert_eq!(read_and_verify(&rig.reader(), &[]).len(), before);
}

#[test]
fn a_server_removes_while_events_arrive() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, reader) = Ledger::open(dir.path(), config(), Arc::new(SystemClock), &|_| {}).unwrap();
    let (chain, _) = writer.open_chain_blocking(tenant(1)).unwrap();
    let mut indices = Vec::new();
    for n in 0..200 {
        let receipt =
            writer.append_blocking(request(vec![event(chain, &format!("id-{n}"), &body(9, n))])).unwrap();
        indices.push(receipt.first().placed().unwrap().index);
    }
    let own = reader.chains()[0].chain;
    let other = writer.append_system_blocking(Kind::RETENTION, own, b"{}".to_vec()).unwrap();
    let other = other.first().placed().unwrap().index;
    let told = writer.append_system_blocking(Kind::RETENTION, own, b"{}".to_vec()).unwrap();
    let by = told.first().placed().unwrap().index;
    let removal =
        |indices: &[u64], by| Removal { by, indices: indices.to_vec(), kind: Kind::RETENTION, chain: own };
    let wrong = [
        (&[indices[1], indices[0]][..], by),
        (&[by], by),
        (&indices[..1], indices[2]),
        (&[indices[0], other], by),
    ];
    for (wrong, by) in wrong {
        let refused = writer.remove_blocking(removal(wrong, by), |_| b"{}".to_vec());
        assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    }
    assert!(reader.records_at(&indices).unwrap().iter().all(|stored| matches!(stored, Stored::Whole(_))));
    let arriving = std::thread::scope(|scope| {
        let arriving = scope.spawn(|| {
            let append =
                |n| writer.append_blocking(request(vec![event(chain, &format!("new-{n}"), &body(10, n))]));
            (0..200).map(|n| append(n).unwrap().first().clone()).collect::<Vec<Outcome>>()
        });
        let done = writer
            .remove_blocking(removal(&indices[..150], by), |done| {
                format!("{{\"n\":{}}}", done.removed).into_bytes()
            })
            .unwrap();
        assert_eq!(done.removed, 150);
        arriving.join().unwrap()
    });
    assert!(arriving.iter().all(|outcome| matches!(outcome, Outcome::Stored(_))));
    let again = writer.append_blocking(request(vec![event(chain, "id-3", "{}")])).unwrap();
    assert!(
        matches!(again.first(), Outcome::Stored(placed) if placed.id == "id-3"),
        "{again:?}: its id is free"
    );
    writer.close();
    let removed = writer.remove_blocking(removal(&indices[..1], by), |_| Vec::new());
    assert!(removed.is_err(), "closed");
    drop((writer, reader));
    let mut files = Vec::new();
    for folder in ["wal", "content", "tree", "ids", "."] {
        for file in std::fs::read_dir(dir.path().join(folder)).unwrap() {
            let path = file.unwrap().path();
            if path.is_file() {
                files.push((path.clone(), std::fs::read(&path).unwrap()));
            }
        }
    }
    let said = said(files);
    for n in 0..200 {
        let found = holds(&said, &marker(9, n));
        assert_eq!(found.is_none(), n < 150, "{n} in {found:?}");
    }
    let report = check(dir.path(), &|_| {}).unwrap();
    assert_eq!((&report.problems[..], report.removed), (&[][..], 150));
}
