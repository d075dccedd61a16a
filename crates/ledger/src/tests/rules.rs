//! Rules of the sequencer that need the whole ledger to be seen.

use std::sync::Arc;

use indelible_event::{TimeSource, Timestamp};
use indelible_verify::{ChainId, Kind};

use super::rig::{Rig, config, event, events, read_and_verify, request, tenant};
use crate::work::Task;
use crate::{AppendError, AppendRequest, Clock, NewEvent, OnConflict, Outcome, ReplayKey, StoreError};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;

fn rig_with_chain() -> (Rig, ChainId) {
    let mut rig = Rig::new();
    let (chain, answer) = rig.open_chain(1);
    answer.unwrap();
    (rig, chain)
}

#[test]
fn a_duplicate_waits_for_the_frame_of_its_original() {
    let (mut rig, chain) = rig_with_chain();
    let tasks = (0..2).map(|_| rig.prepared(request(vec![event(chain, "a", "{}")]))).collect();
    let answers: Vec<_> = rig.run(tasks).into_iter().map(Result::unwrap).collect();
    let Outcome::Stored(placed) = &answers[0].outcomes[0] else { panic!("{answers:?}") };
    assert_eq!(answers[1].outcomes, [Outcome::Duplicate(placed.clone())]);
    assert!(answers[1].checkpoint.size > placed.index);
}

#[test]
fn what_is_on_its_way_is_known_by_its_oldest_stamp_until_it_can_be_read() {
    let (mut rig, chain) = rig_with_chain();
    let reader = rig.reader();
    assert_eq!(reader.pending_since_us(), None);
    let mut parts = rig.parts.take().unwrap();
    let taken_us = rig.clock.now().as_micros().cast_unsigned();
    let first = rig.work(&parts, request(vec![event(chain, "a", "{}")]));
    rig.clock.pass(2 * SECOND);
    let second = rig.work(&parts, request(vec![event(chain, "b", "{}")]));
    let sequenced = parts.sequencer.sequence(vec![first], None);
    assert_eq!(reader.pending_since_us(), Some(taken_us), "sequenced, and not on disk");
    assert!(parts.committer.commit(sequenced));
    let newest = reader.record(reader.durable_size() - 1).unwrap().whole().unwrap();
    assert_eq!(newest.entry.received_at_us, taken_us, "it bears the time at which it was taken");
    assert_eq!(reader.pending_since_us(), Some(taken_us + 2 * SECOND.cast_unsigned()));
    drop(second);
    assert_eq!(reader.pending_since_us(), None, "one that was dropped in the queue");
    assert_eq!(reader.leaf_hash(newest.index).unwrap(), newest.leaf_hash);
    assert!(matches!(reader.leaf_hash(newest.index + 1), Err(StoreError::OutOfRange { .. })));
}

#[test]
fn the_same_id_of_two_tenants_is_two_events() {
    let (mut rig, first) = rig_with_chain();
    let (second, _) = rig.open_chain(2);
    let receipt = rig.append(request(vec![event(first, "a", "1"), event(second, "a", "2")])).unwrap();
    assert!(receipt.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Stored(_))), "{receipt:?}");
}

#[test]
fn crafted_collisions_of_the_short_digest_lose_nothing() {
    let (mut rig, chain) = rig_with_chain();
    let body = "{\"n\":1}";
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(body));
    // Somebody took the derived ids before.
    let taken = [8, 16].map(|digits| event(chain, &format!("a~{}", &digest[..digits]), "other"));
    rig.append(request([vec![event(chain, "a", "first")], taken.to_vec()].concat())).unwrap();
    let receipt = rig.append(request(vec![event(chain, "a", body)])).unwrap();
    let Outcome::Reused(placed) = &receipt.outcomes[0] else { panic!("{receipt:?}") };
    assert_eq!(placed.id, format!("a~{}", &digest[..32]));
    let again = rig.append(request(vec![event(chain, "a", body)])).unwrap();
    assert_eq!(again.outcomes, [Outcome::Duplicate(placed.clone())]);
}

#[test]
fn reused_and_late_events_are_committed_to_as_stored() {
    let (mut rig, chain) = rig_with_chain();
    let mut late = event(chain, "t", "{}");
    late.envelope.time_source = TimeSource::Received;
    let task = rig.prepared(request(vec![late]));
    // Sequenced later than prepared, behind an event with a later time.
    rig.clock.pass(SECOND);
    rig.append(request(vec![event(chain, "u", "{}")])).unwrap();
    let receipt = rig.run(vec![task]).remove(0).unwrap();
    let placed = receipt.outcomes[0].placed().unwrap().clone();
    let record = rig.reader().record(placed.index).unwrap().whole().unwrap();
    assert_eq!(record.envelope.event_time_us, placed.received_at.as_micros());
    read_and_verify(&rig.reader(), &[]);
}

#[test]
fn atomic_requests_are_stored_whole_or_not_at_all() {
    let (mut rig, chain) = rig_with_chain();
    rig.append(request(vec![event(chain, "a", "1")])).unwrap();
    let size = rig.reader().durable_size();
    let batch = vec![event(chain, "b", "2"), event(chain, "a", "other"), event(chain, "a", "1")];
    let atomic = AppendRequest { atomic: true, on_conflict: OnConflict::Reject, ..request(batch.clone()) };
    let receipt = rig.append(atomic).unwrap();
    let conflict = Outcome::Conflict { id: "a".into() };
    assert_eq!(receipt.outcomes, [Outcome::Skipped, conflict, Outcome::Skipped]);
    assert_eq!(rig.reader().durable_size(), size);
    let receipt = rig.append(AppendRequest { on_conflict: OnConflict::Reject, ..request(batch) }).unwrap();
    assert!(matches!(
        &receipt.outcomes[..],
        [Outcome::Stored(_), Outcome::Conflict { .. }, Outcome::Duplicate(_)]
    ));
    assert_eq!(rig.reader().durable_size(), size + 1);
}

fn keyed(events: Vec<NewEvent>, key: &str, digest: u8) -> AppendRequest {
    let replay = ReplayKey { owner: [1; 16], key: key.to_owned(), digest: [digest; 32] };
    AppendRequest { replay: Some(replay), note: b"note".to_vec(), ..request(events) }
}

#[test]
fn an_idempotency_key_gives_the_first_answer_again_for_a_day() {
    let (mut rig, chain) = rig_with_chain();
    let mut fresh = event(chain, "x", "{}");
    fresh.id_given = false;
    let first = rig.append(keyed(vec![fresh.clone(), event(chain, "a", "1")], "k", 1)).unwrap();
    assert_eq!(first.replayed, None);
    let size = rig.reader().durable_size();
    let look = |rig: &mut Rig, context: &str| {
        let again = rig.append(keyed(vec![fresh.clone(), event(chain, "a", "1")], "k", 1)).unwrap();
        assert_eq!(
            (again.outcomes, again.replayed),
            (first.outcomes.clone(), Some(b"note".to_vec())),
            "{context}"
        );
        let other = rig.append(keyed(vec![event(chain, "z", "1")], "k", 2));
        assert!(matches!(other, Err(AppendError::ReplayConflict)), "{context}: {other:?}");
        assert_eq!(rig.reader().durable_size(), size, "{context}");
    };
    look(&mut rig, "from memory");
    rig.parts().id_keeper.step();
    look(&mut rig, "from the index");
    rig.crash(3);
    rig.open().unwrap();
    look(&mut rig, "after a crash");
    rig.parts().sealer.seal_all().unwrap();
    rig.crash(5);
    rig.open().unwrap();
    look(&mut rig, "after sealing and a crash");
    // Sealed before the background put it into the index.
    let size = rig.reader().durable_size();
    let late = rig.append(keyed(vec![event(chain, "b", "1")], "late", 3)).unwrap();
    rig.parts().sealer.seal_all().unwrap();
    rig.crash(7);
    rig.open().unwrap();
    let again = rig.append(keyed(vec![event(chain, "b", "1")], "late", 3)).unwrap();
    assert_eq!((again.outcomes, again.replayed), (late.outcomes, Some(b"note".to_vec())));
    assert_eq!(rig.reader().durable_size(), size + 1);
    rig.clock.pass(24 * HOUR);
    let later = rig.append(keyed(vec![event(chain, "a", "1")], "k", 2)).unwrap();
    assert!(later.replayed.is_none() && matches!(later.outcomes[..], [Outcome::Duplicate(_)]));
    rig.background();
    let again = rig.append(keyed(vec![event(chain, "a", "1")], "k", 2)).unwrap();
    assert_eq!(again.replayed, Some(b"note".to_vec()), "the newer use outlives the older one");
}

#[test]
fn a_request_refused_whole_is_not_remembered() {
    let (mut rig, chain) = rig_with_chain();
    rig.append(request(vec![event(chain, "a", "1")])).unwrap();
    let refused =
        AppendRequest { on_conflict: OnConflict::Reject, ..keyed(vec![event(chain, "a", "2")], "k", 1) };
    assert!(matches!(rig.append(refused).unwrap().outcomes[..], [Outcome::Conflict { .. }]));
    let receipt = rig.append(keyed(vec![event(chain, "b", "1")], "k", 2)).unwrap();
    assert!(matches!(receipt.outcomes[..], [Outcome::Stored(_)]));
    // A request of duplicates only has no entry to be remembered with, but is remembered all the same.
    rig.append(keyed(vec![event(chain, "b", "1")], "l", 3)).unwrap();
    rig.crash(2);
    rig.open().unwrap();
    let again = rig.append(keyed(vec![event(chain, "b", "1")], "l", 3)).unwrap();
    assert_eq!(again.replayed, Some(b"note".to_vec()));
    rig.close();
    assert_eq!(rig.check().unwrap().problems, []);
}

#[test]
fn received_at_never_goes_back_and_steps_are_recorded() {
    let (mut rig, chain) = rig_with_chain();
    let mut times = Vec::new();
    // (seconds the clock is set by, whether that becomes an entry)
    for (set_by, recorded) in
        [(0, false), (-5, false), (-60, true), (0, false), (3_500, false), (3_601, true)]
    {
        rig.clock.pass(SECOND);
        rig.clock.set_by(set_by * SECOND);
        let before = rig.reader().durable_size();
        let receipt = rig.append(request(vec![event(chain, &format!("id{}", times.len()), "{}")])).unwrap();
        times.push(receipt.outcomes[0].placed().unwrap().received_at);
        let added = rig.reader().durable_size() - before;
        assert_eq!(added, 1 + u64::from(recorded), "set by {set_by} s");
        assert_eq!(rig.reader().status().clock_step.is_some(), times.len() >= 3);
    }
    assert!(times.is_sorted(), "{times:?}");
    let records = read_and_verify(&rig.reader(), &[]);
    let steps: Vec<_> = records.iter().filter(|record| record.entry.kind == Kind::CLOCK_STEP).collect();
    assert_eq!(steps.len(), 2);
    let body: serde_json::Value = serde_json::from_slice(&steps[0].body).unwrap();
    assert_eq!(body["step_us"], -60 * SECOND);
    // A restart is no step, unless the clock went back meanwhile.
    rig.close();
    rig.clock.set_by(10 * HOUR);
    rig.open().unwrap();
    rig.append(request(vec![event(chain, "later", "{}")])).unwrap();
    rig.close();
    rig.clock.set_by(-HOUR);
    rig.open().unwrap();
    let receipt = rig.append(request(vec![event(chain, "back", "{}")])).unwrap();
    let records = read_and_verify(&rig.reader(), &[]);
    assert_eq!(records.iter().filter(|record| record.entry.kind == Kind::CLOCK_STEP).count(), 3);
    assert!(receipt.outcomes[0].placed().unwrap().received_at >= *times.last().unwrap());
}

#[test]
fn times_before_1970_are_1970() {
    let mut rig = Rig::closed(crate::disk::sim::SimDisk::new());
    rig.clock.set_by(-2_000_000_000 * SECOND);
    rig.open().unwrap();
    let (chain, _) = rig.open_chain(1);
    let receipt = rig.append(request(vec![event(chain, "a", "{}")])).unwrap();
    assert_eq!(receipt.outcomes[0].placed().unwrap().received_at, Timestamp::from_micros(0));
}

#[test]
fn a_tenant_has_one_open_chain_and_the_next_names_the_last() {
    let (mut rig, first) = rig_with_chain();
    let (_, answer) = rig.open_chain(1);
    assert!(matches!(answer, Err(AppendError::ChainExists { tenant_number: 1, chain }) if chain == first));
    let close = Task::System { kind: Kind::CHAIN_CLOSE, chain: first, body: b"{}".to_vec() };
    rig.run(vec![close]).remove(0).unwrap();
    let refused = rig.append(request(vec![event(first, "a", "{}")]));
    assert!(matches!(refused, Err(AppendError::ChainClosed { chain }) if chain == first), "{refused:?}");
    let (second, answer) = rig.open_chain(1);
    let opened = answer.unwrap().first().placed().unwrap().index;
    let head = rig.reader().chain(&first).unwrap().head;
    let record = rig.reader().record(opened).unwrap().whole().unwrap();
    let body: serde_json::Value = serde_json::from_slice(&record.body).unwrap();
    assert_eq!(body["previous_head"], hex::encode(head));
    assert_eq!(body["previous_chain"], first.to_string());
    assert_eq!(body["details"]["parent"], serde_json::Value::Null);
    assert_eq!(rig.reader().chain_of_tenant(1).unwrap().chain, second);
    let unknown = rig.append(request(vec![event(ChainId([3; 16]), "a", "{}")]));
    assert!(matches!(unknown, Err(AppendError::UnknownChain { .. })));
    rig.crash(1);
    rig.open().unwrap();
    let info = rig.reader().chain(&second).unwrap();
    assert_eq!((info.tenant_number, info.tenant_name, info.tenant_uuid), (1, tenant(1).tenant_name, [1; 16]));
    read_and_verify(&rig.reader(), &[]);
}

#[test]
fn a_disk_that_is_nearly_full_refuses_before_anything_is_written() {
    let (mut rig, chain) = rig_with_chain();
    rig.close();
    (rig.config.min_free_bytes, rig.config.wal_segment_bytes) = (1 << 20, 1 << 20);
    rig.open().unwrap();
    let size = rig.reader().durable_size();
    rig.disk.set_free_bytes((1 << 20) - 1);
    let calls = rig.disk.calls();
    let refused = rig.append(request(vec![event(chain, "a", "{}")]));
    assert!(
        matches!(refused, Err(AppendError::Full { free_bytes: 1_048_575, min_free_bytes: 1_048_576 })),
        "{refused:?}"
    );
    assert_eq!((rig.disk.calls(), rig.reader().durable_size()), (calls, size));
    assert_eq!(rig.reader().status().refused_full_total, 1);
    // Space for a group is asked for on top, until the WAL has reserved it.
    rig.disk.set_free_bytes((1 << 20) + config().group_bytes_max - 1);
    assert!(matches!(rig.append(request(vec![event(chain, "a", "{}")])), Err(AppendError::Full { .. })));
    rig.disk.set_free_bytes(1 << 30);
    rig.append(request(vec![event(chain, "a", "{}")])).unwrap();
    rig.disk.set_free_bytes(1 << 20);
    rig.append(request(vec![event(chain, "b", "{}")])).unwrap();
    assert_eq!(events(&read_and_verify(&rig.reader(), &[])).len(), 2);
}

#[test]
fn invalid_ids_are_refused() {
    let (mut rig, chain) = rig_with_chain();
    for (id, fits) in [("", false), (&*"x".repeat(128), true), (&*"x".repeat(129), false)] {
        let parts = rig.parts();
        let prepared =
            crate::work::Prepared::new(request(vec![event(chain, id, "{}")]), &parts.ids.tagger(), 0, |_| {
                Ok(())
            });
        assert_eq!(prepared.is_ok(), fits, "{} bytes", id.len());
    }
}

#[test]
fn spare_segments_are_used_once_and_unlinked() {
    let (mut rig, chain) = rig_with_chain();
    rig.background();
    let wal = Rig::paths().wal;
    let mut names = std::collections::BTreeSet::new();
    for round in 0..60 {
        let body = format!("\"{}\"", hex::encode(<sha2::Sha256 as sha2::Digest>::digest([round])).repeat(20));
        rig.append(request(vec![event(chain, &format!("id-{round}"), &body)])).unwrap();
        rig.background();
        let list = crate::disk::Disk::list(&rig.disk, &wal).unwrap();
        let (spares, named): (Vec<_>, Vec<_>) = list.into_iter().partition(|name| name.ends_with(".tmp"));
        assert!(spares.len() <= 1 && named.len() <= 3, "{spares:?} {named:?}");
        names.extend(named);
    }
    assert!(names.len() > 3, "{names:?}");
    assert!(rig.reader().status().seals_total > 2);
    assert_eq!(events(&read_and_verify(&rig.reader(), &[])).len(), 60);
    rig.close();
    assert_eq!(rig.check().unwrap().problems, []);
    rig.open().unwrap();
    assert_eq!(events(&read_and_verify(&rig.reader(), &[])).len(), 60);
}

#[test]
fn what_is_published_is_written_down_first() {
    let (mut rig, chain) = rig_with_chain();
    rig.append(request(vec![event(chain, "a", "{}")])).unwrap();
    assert!(rig.reader().released_checkpoint().size < rig.reader().durable_size());
    let published = rig.reader().publish().unwrap();
    assert_eq!(published, rig.reader().checkpoint());
    assert_eq!(rig.reader().released_checkpoint(), published);
    let log_id = rig.reader().log_id();
    let calls = rig.disk.calls();
    rig.reader().publish().unwrap();
    assert_eq!(rig.disk.calls(), calls, "what is written down is not written again");
    rig.crash(4);
    let released =
        crate::files::ReleasedFile::load(&rig.disk, &Rig::paths().released, &log_id).unwrap().newest;
    assert_eq!((released.size, released.root), (published.size, published.root));
}

#[test]
fn losing_the_id_index_loses_no_id() {
    let (mut rig, chain) = rig_with_chain();
    let batch: Vec<_> = (0..50).map(|n| event(chain, &format!("id-{n}"), "{}")).collect();
    rig.append(request(batch.clone())).unwrap();
    rig.parts().sealer.seal_all().unwrap();
    rig.kill();
    rig.ids = Arc::default();
    rig.open().unwrap();
    let receipt = rig.append(request(batch)).unwrap();
    assert!(receipt.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Duplicate(_))));
    assert_eq!(rig.check().unwrap().ids, 52);
}
