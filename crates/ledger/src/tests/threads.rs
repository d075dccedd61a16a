//! Tests of the ledger as a whole, on real files and threads.

use std::sync::Arc;

use indelible_merkle::{Checkpoint, VerifierKey, verify_consistency, verify_inclusion};

use super::rig::{Rig, config, event, events, read_and_verify, request, tenant};
use crate::disk::sim::Failure;
use crate::{
    AppendError, AppendRequest, Ledger, LedgerReader, LedgerWriter, Outcome, Replay, ReplayKey, StoreError,
    Stored, SystemClock, check,
};

fn open(dir: &std::path::Path) -> (LedgerWriter, LedgerReader) {
    Ledger::open(dir, config(), Arc::new(SystemClock), &|_| {}).unwrap()
}

#[test]
fn what_was_acknowledged_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (chain, receipt) = {
        let (writer, reader) = open(dir.path());
        let (chain, _) = writer.open_chain_blocking(tenant(1)).unwrap();
        let events = (0..500).map(|n| {
            event(chain, &format!("id-{n}"), &format!("{{\"n\":{n},\"pad\":\"{}\"}}", "x".repeat(n)))
        });
        let receipt = writer.append_blocking(request(events.collect())).unwrap();
        assert_eq!(receipt.outcomes.len(), 500);
        assert!(receipt.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Stored(_))));
        assert_eq!(reader.durable_size(), 502);
        writer.close();
        assert_eq!(reader.released_checkpoint(), receipt.checkpoint);
        (chain, receipt)
    };
    let (writer, reader) = open(dir.path());
    assert_eq!(reader.durable_size(), 502);
    let vkey: VerifierKey = reader.vkey().parse().unwrap();
    let old = Checkpoint::open(&receipt.checkpoint.note, std::slice::from_ref(&vkey)).unwrap();
    let new = Checkpoint::open(&reader.checkpoint().note, &[vkey]).unwrap();
    assert_eq!((old.size(), new.size()), (502, 502));
    for (n, outcome) in receipt.outcomes.iter().enumerate() {
        let placed = outcome.placed().unwrap();
        let record = reader.record(placed.index).unwrap().whole().unwrap();
        assert_eq!(record.envelope.event_id, format!("id-{n}"));
        assert_eq!((record.entry.tenant_seq, record.entry.chain_id), (placed.tenant_seq, chain));
        let proof = reader.inclusion(placed.index, 502).unwrap();
        verify_inclusion(&record.leaf_hash, placed.index, 502, &proof, new.root()).unwrap();
    }
    let again =
        writer.append_blocking(request(vec![event(chain, "id-7", "{\"n\":7,\"pad\":\"xxxxxxx\"}")])).unwrap();
    assert_eq!(again.outcomes, [Outcome::Duplicate(receipt.outcomes[7].placed().unwrap().clone())]);
    let other = writer.append_blocking(request(vec![event(chain, "id-7", "{}")])).unwrap();
    assert!(
        matches!(&other.outcomes[0], Outcome::Reused(placed) if placed.id == "id-7~44136fa3"),
        "{other:?}"
    );
    let proof = reader.consistency(502, 503).unwrap();
    verify_consistency(502, 503, &proof, old.root(), &other.checkpoint.root).unwrap();
}

#[test]
fn many_threads_get_gapless_order_and_their_own_answers() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, reader) = open(dir.path());
    let chains: Vec<_> = (1..=4).map(|n| writer.open_chain_blocking(tenant(n)).unwrap().0).collect();
    let handles: Vec<_> = (0..8)
        .map(|thread| {
            let (writer, chain) = (writer.clone(), chains[thread % 4]);
            std::thread::spawn(move || {
                let mut shown = Vec::new();
                for round in 0..40 {
                    let ids = (0..5).map(|n| format!("{thread}-{round}-{n}"));
                    let batch = ids.map(|id| event(chain, &id, &format!("{{\"id\":{id:?}}}"))).collect();
                    let receipt = writer.append_blocking(request(batch)).unwrap();
                    let indexes: Vec<_> =
                        receipt.outcomes.iter().map(|o| o.placed().unwrap().index).collect();
                    assert!(indexes.windows(2).all(|pair| pair[1] == pair[0] + 1), "{indexes:?}");
                    assert!(receipt.checkpoint.size > indexes[4]);
                    shown.push(receipt.checkpoint);
                }
                shown
            })
        })
        .collect();
    let shown: Vec<_> = handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect();
    let records = read_and_verify(&reader, &shown);
    assert_eq!(events(&records).len(), 8 * 40 * 5);
    writer.close();
    assert!(writer.append_blocking(request(vec![event(chains[0], "late", "{}")])).is_err());
    assert_eq!(reader.released_checkpoint().size, reader.durable_size());
    let report = check(dir.path(), &|_| {}).unwrap();
    assert_eq!((report.problems.len(), report.entries, report.ids), (0, 1605, 1605));
}

#[test]
fn readers_follow_while_segments_are_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, reader) = open(dir.path());
    let (chain, _) = writer.open_chain_blocking(tenant(1)).unwrap();
    let follower = {
        let reader = reader.clone();
        std::thread::spawn(move || {
            let (mut at, mut size) = (0, reader.subscribe());
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            while at < 2002 {
                let end = *runtime.block_on(size.wait_for(|size| *size > at)).unwrap();
                let records = reader.records(at..end).unwrap();
                assert!(records.iter().map(Stored::index).eq(at..end));
                assert_eq!(reader.record(at / 2).unwrap().index(), at / 2);
                at = end;
            }
        })
    };
    for round in 0..100 {
        let batch = (0..20).map(|n| event(chain, &format!("{round}-{n}"), &"x".repeat(200))).collect();
        writer.append_blocking(request(batch)).unwrap();
    }
    follower.join().unwrap();
    drop(writer);
    let report = check(dir.path(), &|_| {}).unwrap();
    assert_eq!((report.problems.len(), report.entries), (0, 2002));
}

#[test]
fn a_directory_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, reader) = open(dir.path());
    let again = Ledger::open(dir.path(), config(), Arc::new(SystemClock), &|_| {});
    assert!(matches!(again, Err(StoreError::Locked { .. })));
    assert!(matches!(check(dir.path(), &|_| {}), Err(StoreError::Locked { .. })));
    writer.close();
    assert_eq!(reader.record(0).unwrap().index(), 0, "readers go on");
    assert!(check(dir.path(), &|_| {}).unwrap().is_ok());
    open(dir.path());
}

#[test]
fn the_key_is_for_its_owner_only_and_never_made_again() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let vkey = open(dir.path()).1.vkey().to_owned();
    let key = dir.path().join("signing.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(open(dir.path()).1.vkey(), vkey);
    std::fs::remove_file(&key).unwrap();
    let opened = Ledger::open(dir.path(), config(), Arc::new(SystemClock), &|_| {});
    assert!(matches!(opened, Err(StoreError::Corrupt { .. })), "{:?}", opened.err());
    assert!(!key.exists());
}

#[test]
fn a_lost_or_broken_id_index_is_filled_again() {
    let dir = tempfile::tempdir().unwrap();
    let chain = {
        let (writer, _) = open(dir.path());
        let (chain, _) = writer.open_chain_blocking(tenant(1)).unwrap();
        writer.append_blocking(request(vec![event(chain, "a", "{}")])).unwrap();
        chain
    };
    for damage in ["lost", "broken"] {
        let ids = dir.path().join("ids");
        if damage == "lost" {
            std::fs::remove_dir_all(&ids).unwrap();
            let report = check(dir.path(), &|_| {}).unwrap();
            assert!(report.is_ok() && report.notes[0].contains("id index"), "{report:?}");
        } else {
            for entry in std::fs::read_dir(&ids).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    std::fs::write(path, b"rubbish").unwrap();
                }
            }
        }
        let (writer, _) = open(dir.path());
        let receipt = writer.append_blocking(request(vec![event(chain, "a", "{}")])).unwrap();
        assert!(matches!(receipt.outcomes[..], [Outcome::Duplicate(_)]), "{damage}: {receipt:?}");
    }
}

/// What passes by itself, or once a permission is given back, must not cost the remembered idempotency keys.
#[test]
fn idempotency_keys_that_cannot_be_read_now_are_kept_and_waited_for() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let key = ReplayKey { owner: [3; 16], key: "once".to_owned(), digest: [4; 32] };
    {
        let (writer, _) = open(dir.path());
        let (chain, _) = writer.open_chain_blocking(tenant(1)).unwrap();
        let once = AppendRequest { replay: Some(key.clone()), ..request(vec![event(chain, "a", "{}")]) };
        writer.append_blocking(once).unwrap();
    }
    let keys = dir.path().join("replays");
    let (lock, version, aside) = (keys.join("lock"), keys.join("version"), dir.path().join("aside"));
    let refused = |what: &str| {
        let opened = Ledger::open(dir.path(), config(), Arc::new(SystemClock), &|_| {});
        assert!(matches!(opened, Err(StoreError::Replays(_))), "{what}: {:?}", opened.err());
        let checked = check(dir.path(), &|_| {});
        assert!(checked.is_err() || checked.is_ok_and(|report| report.is_ok()), "{what} is no damage");
    };
    std::fs::rename(&lock, &aside).unwrap();
    std::fs::create_dir(&lock).unwrap();
    refused("a directory in the way");
    std::fs::remove_dir(&lock).unwrap();
    std::fs::rename(&aside, &lock).unwrap();
    std::fs::set_permissions(&version, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything, so there is nothing to refuse.
    if std::fs::read(&version).is_err() {
        refused("no permission");
    }
    std::fs::set_permissions(&version, std::fs::Permissions::from_mode(0o640)).unwrap();
    let (writer, _) = open(dir.path());
    assert!(matches!(writer.replayed(&key), Ok(Some(Replay::Same(_)))));
}

#[test]
fn tiles_and_entries_are_served_as_c2sp_has_them() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, reader) = open(dir.path());
    let (chain, _) = writer.open_chain_blocking(tenant(1)).unwrap();
    let batch = (0..300).map(|n| event(chain, &format!("id-{n}"), "{}")).collect();
    writer.append_blocking(request(batch)).unwrap();
    assert_eq!(reader.durable_size(), 302);
    for (level, n, width, len) in [
        (0, 0, 256, Some(8192)),
        (0, 1, 46, Some(46 * 32)),
        (0, 1, 47, None),
        (1, 0, 1, Some(32)),
        (1, 0, 2, None),
        (2, 0, 1, None),
        (0, 0, 257, None),
        (0, u64::MAX, 256, None),
        (63, 0, 1, None),
    ] {
        assert_eq!(
            reader.tile(level, n, width).unwrap().map(|tile| tile.len()),
            len,
            "{level}/{n}.p/{width}"
        );
    }
    let entries = reader.entries_tile(1, 46).unwrap().unwrap();
    assert_eq!(entries.len(), 46 * 101);
    assert_eq!(entries[2..101], reader.record(256).unwrap().entry().encode());
    assert_eq!(reader.entries_tile(1, 47).unwrap(), None);
}

#[test]
fn a_failed_sync_ends_the_ledger_and_everybody_waiting_is_told() {
    // A frame in a segment is a write and a sync.
    for call in 0..2 {
        let mut rig = Rig::new();
        let (chain, _) = rig.open_chain(1);
        let parts = rig.parts.take().unwrap();
        let (writer, reader) = crate::writer::start(parts, None).unwrap();
        writer.append_blocking(request(vec![event(chain, "before", "{}")])).unwrap();
        let size = reader.durable_size();
        rig.disk.fail(Failure::Before(call));
        // The background may use up the failure, but then the disk is gone for the WAL as well.
        let answer = writer.append_blocking(request(vec![event(chain, "a", "{}")]));
        assert!(
            matches!(answer, Err(AppendError::Closed | AppendError::Store(_))),
            "call {call}: {answer:?}"
        );
        let after = writer.append_blocking(request(vec![event(chain, "b", "{}")]));
        assert!(after.is_err(), "call {call}");
        assert_eq!(reader.durable_size(), size);
        writer.close();
        rig.crash(call);
        rig.open().unwrap();
        let found = events(&read_and_verify(&rig.reader(), &[]));
        assert!(found.iter().any(|(_, id, _)| id == "before") && !found.iter().any(|(_, id, _)| id == "b"));
    }
}
