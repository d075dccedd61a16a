//! A flipped bit anywhere in a closed ledger: refused at opening, or every read gives the right data or an error.

use std::path::Path;
use std::sync::Arc;

use super::rig::{Rig, event, read_and_verify, request};
use crate::ids::{IdBatch, IdEntry, IdStore, Ids};
use crate::{LedgerReader, Record, StoreError, Stored};

/// A small closed ledger with sealed and unsealed entries.
fn small() -> (Rig, Vec<Arc<Record>>) {
    let mut rig = Rig::new();
    let (chain, _) = rig.open_chain(1);
    for n in 0..4 {
        rig.append(request(vec![event(chain, &format!("id-{n}"), &format!("{{\"n\":{n}}}"))])).unwrap();
    }
    rig.parts().id_keeper.step();
    rig.parts().sealer.seal_all().unwrap();
    for n in 4..6 {
        rig.append(request(vec![event(chain, &format!("id-{n}"), &format!("{{\"n\":{n}}}"))])).unwrap();
    }
    rig.parts().release_keeper.step();
    let records = read_and_verify(&rig.reader(), &[]);
    rig.close();
    assert_eq!(rig.check().unwrap().problems, []);
    (rig, records)
}

/// Every way of reading gives the right thing or an error. Tells whether there was an error.
fn reads_nothing_wrong(reader: &LedgerReader, expected: &[Arc<Record>], context: &str) -> bool {
    let size = expected.len() as u64;
    let mut failed = false;
    let mut judge = |right: Result<bool, StoreError>, what: &str| match right {
        Ok(right) => assert!(right, "{context}: {what} is wrong"),
        Err(StoreError::Corrupt { .. }) => failed = true,
        Err(error) => panic!("{context}: {what}: {error}"),
    };
    let newest = reader.checkpoint();
    let mut tree = indelible_merkle::Tree::new();
    let mut hashes = Vec::new();
    for record in expected {
        tree.append(record.leaf_hash, |_, _, _| {});
        hashes.extend_from_slice(&record.leaf_hash);
        judge(reader.record(record.index).map(|read| read == Stored::Whole(record.clone())), "record");
    }
    judge(reader.root(size).map(|root| root == tree.root()), "root");
    for record in expected {
        let proof = reader.inclusion(record.index, newest.size);
        let proved = proof.map(|proof| {
            let leaf = &record.leaf_hash;
            indelible_merkle::verify_inclusion(leaf, record.index, newest.size, &proof, &newest.root).is_ok()
        });
        judge(proved, "inclusion");
    }
    for old in 0..size {
        judge(reader.consistency(old, newest.size).map(|_| true), "consistency");
    }
    failed
}

/// Flips one bit in each byte of the files that `which` chooses.
fn flip_everywhere(which: impl Fn(&str) -> bool) {
    let (rig, expected) = small();
    let mut seen = 0;
    for (path, bytes) in rig.disk.files() {
        let name = path.strip_prefix(Path::new("/ledger")).unwrap().display().to_string();
        if !which(&name) {
            continue;
        }
        seen += 1;
        for at in 0..bytes.len() {
            // Of long runs of zeros, which is padding mostly, a sample is enough.
            let zeros =
                bytes[at.saturating_sub(64)..(at + 64).min(bytes.len())].iter().all(|byte| *byte == 0);
            if zeros && !at.is_multiple_of(509) {
                continue;
            }
            let context = format!("{name} byte {at}");
            let disk = rig.disk.after_kill();
            disk.tamper(&path, |file| file[at] ^= 1 << (at % 8));
            let mut bent = Rig::closed(disk);
            bent.ids = rig.ids.clone();
            match bent.open() {
                Err(StoreError::Corrupt { .. } | StoreError::Version { .. }) => {}
                Err(error) => panic!("{context}: {error}"),
                Ok(()) => {
                    assert!(
                        bent.reader().durable_size() >= expected.len() as u64,
                        "{context}: entries are gone"
                    );
                    let failed = reads_nothing_wrong(&bent.reader(), &expected, &context);
                    bent.parts = None;
                    let report = bent.check().unwrap();
                    assert!(!failed || !report.is_ok(), "{context}: a read failed, the check found nothing");
                }
            }
        }
    }
    assert!(seen > 0);
}

#[test]
fn flipped_bits_in_the_wal_are_noticed() {
    flip_everywhere(|name| name.starts_with("wal/"));
}

#[test]
fn flipped_bits_in_content_segments_are_noticed() {
    flip_everywhere(|name| name.starts_with("content/"));
}

#[test]
fn flipped_bits_in_tree_and_leaf_files_are_noticed() {
    flip_everywhere(|name| name.starts_with("tree/") || name == "leaves");
}

#[test]
fn flipped_bits_in_the_small_files_are_noticed() {
    flip_everywhere(|name| !name.contains('/') && name != "leaves");
}

#[test]
fn the_check_names_every_damaged_byte_that_matters() {
    let (rig, _) = small();
    for (path, bytes) in rig.disk.files() {
        let name = path.display().to_string();
        for at in (0..bytes.len()).filter(|at| bytes[*at] != 0).step_by(3) {
            let disk = rig.disk.after_kill();
            disk.tamper(&path, |file| file[at] ^= 0x20);
            let mut bent = Rig::closed(disk);
            bent.ids = rig.ids.clone();
            match bent.check() {
                // One slot of the released file may be a write that a crash interrupted: no fault, but told.
                Ok(report) if name.ends_with("released") => {
                    let told =
                        report.notes.iter().any(|note| note.starts_with("released: the slot at offset"));
                    assert!(told, "{name} byte {at}");
                }
                // Frames before the manifest's place are dead weight.
                Ok(report) if report.is_ok() => assert!(name.contains("/wal/"), "{name} byte {at}"),
                Ok(report) => assert!(!report.problems[0].place.is_empty()),
                Err(StoreError::Version { .. }) => assert!(name.ends_with("manifest")),
                Err(error) => panic!("{name} byte {at}: {error}"),
            }
        }
    }
}

#[test]
fn the_check_names_an_id_index_that_does_not_fit() {
    let (rig, expected) = small();
    let ids = &rig.ids;
    let event = expected.iter().rev().find(|record| record.envelope.event_id == "id-2").unwrap();
    let key = crate::ids::id_key(1, &event.envelope.event_id);
    let right = ids.get(&key).unwrap().unwrap();
    for (entry, told) in [
        (IdEntry { tag: [9; 12], ..right }, "another body's tag"),
        (IdEntry { index: right.index + 1, ..right }, "its id at entry"),
    ] {
        ids.apply(&IdBatch { ids: vec![(key.clone(), entry)], ..IdBatch::default() }).unwrap();
        let report = rig.check().unwrap();
        assert!(report.problems.iter().any(|problem| problem.what.contains(told)), "{told}: {report:?}");
    }
    ids.apply(&IdBatch { ids: vec![(key, right), (b"more".to_vec(), right)], ..IdBatch::default() }).unwrap();
    let report = rig.check().unwrap();
    assert!(report.problems.iter().any(|problem| problem.what.contains("ids for")), "{report:?}");
}

#[test]
fn missing_files_are_not_empty_files() {
    let (rig, expected) = small();
    for (path, _) in rig.disk.files() {
        let disk = rig.disk.after_kill();
        crate::disk::Disk::remove(&disk, &path).unwrap();
        let mut bent = Rig::closed(disk);
        bent.ids = rig.ids.clone();
        let opened = bent.open();
        assert!(
            opened.is_err(),
            "{} is missing, yet it opens with {} entries",
            path.display(),
            expected.len()
        );
        let disk = rig.disk.after_kill();
        crate::disk::Disk::remove(&disk, &path).unwrap();
        let mut bent = Rig::closed(disk);
        bent.ids = rig.ids.clone();
        assert!(bent.check().is_err() || !bent.check().unwrap().is_ok(), "{}", path.display());
    }
}
