//! Two histories of one log, and hashes that rot behind the newest ones.

use indelible_verify::ChainId;

use super::rig::{Rig, event, read_and_verify, request};
use crate::files::load_term;
use crate::{Outcome, StoreError};

/// A ledger and its copy, each gone on in its own way by as many entries.
fn fork(seal: bool) -> (Rig, Rig, ChainId) {
    let mut ours = Rig::new();
    let (chain, _) = ours.open_chain(1);
    ours.append(request(vec![event(chain, "both", "{}")])).unwrap();
    ours.close();
    let mut theirs = Rig::closed(ours.disk.after_kill());
    theirs.ids = std::sync::Arc::new(ours.ids.after_crash(true));
    for (rig, id) in [(&mut ours, "ours"), (&mut theirs, "theirs")] {
        rig.open().unwrap();
        rig.append(request(vec![event(chain, id, "{}")])).unwrap();
        if seal {
            rig.parts().sealer.seal_all().unwrap();
        }
        rig.close();
    }
    (ours, theirs, chain)
}

/// Puts a file of the one into the other.
fn transplant(from: &Rig, to: &Rig, name: &str) {
    let path = Rig::paths().root.join(name);
    let bytes = from.disk.files().into_iter().find(|(at, _)| *at == path).unwrap().1;
    to.disk.tamper(&path, |file| *file = bytes);
}

#[test]
fn a_checkpoint_released_by_another_history_is_noticed() {
    for seal in [false, true] {
        let (mut ours, theirs, _) = fork(seal);
        transplant(&theirs, &ours, "released");
        let opened = ours.open();
        assert!(
            matches!(&opened, Err(StoreError::Corrupt { file, .. }) if file.ends_with("released")),
            "{opened:?}"
        );
        assert!(!ours.check().unwrap().is_ok());
    }
}

#[test]
fn a_segment_of_another_history_is_noticed() {
    let (mut ours, theirs, _) = fork(false);
    let name = |rig: &Rig| {
        let files = rig.disk.files();
        let names = files.iter().filter(|(path, _)| path.extension().is_some_and(|ext| ext == "wal"));
        let last = names.map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned()).max();
        format!("wal/{}", last.unwrap())
    };
    assert_eq!(name(&ours), name(&theirs));
    transplant(&theirs, &ours, &name(&theirs));
    assert!(matches!(ours.open(), Err(StoreError::Corrupt { .. })));
}

#[test]
fn an_id_index_of_another_history_is_filled_again() {
    let (mut ours, theirs, chain) = fork(false);
    ours.ids = theirs.ids.clone();
    ours.open().unwrap();
    let receipt =
        ours.append(request(vec![event(chain, "ours", "{}"), event(chain, "theirs", "{}")])).unwrap();
    assert!(matches!(receipt.outcomes[..], [Outcome::Duplicate(_), Outcome::Stored(_)]), "{receipt:?}");
    ours.close();
    assert_eq!(ours.check().unwrap().problems, []);
}

#[test]
fn each_opening_has_its_own_term() {
    let mut rig = Rig::new();
    let path = Rig::paths().term;
    let log_id = rig.reader().log_id();
    for term in 1..5 {
        assert_eq!(load_term(&rig.disk, &path, &log_id).unwrap(), term);
        rig.crash(term);
        rig.open().unwrap();
    }
}

/// Entries under one full tile and more, sealed, the newest checkpoint released long ago.
fn large() -> Rig {
    let mut rig = Rig::new();
    let (chain, _) = rig.open_chain(1);
    rig.parts().release_keeper.step();
    let batch = (0..598).map(|n| event(chain, &format!("id-{n}"), "{}")).collect();
    rig.append(request(batch)).unwrap();
    rig.parts().sealer.seal_all().unwrap();
    rig.kill();
    rig
}

#[test]
fn a_rotten_leaf_hash_is_never_believed() {
    let mut rig = large();
    rig.disk.tamper(&Rig::paths().tree.join("0"), |file| file[5 * 32] ^= 1);
    rig.open().unwrap();
    let reader = rig.reader();
    let corrupt = |result: Result<(), StoreError>| matches!(result, Err(StoreError::Corrupt { .. }));
    assert!(corrupt(reader.record(5).map(drop)), "the record itself");
    assert!(corrupt(reader.record(6).map(drop)), "the next of its chain links to it");
    assert!(corrupt(reader.inclusion(4, 600).map(drop)), "a proof through it");
    assert!(corrupt(reader.inclusion(5, 600).map(drop)), "its own proof");
    assert!(corrupt(reader.consistency(5, 600).map(drop)));
    assert!(corrupt(reader.tile(0, 0, 256).map(drop)));
    assert!(corrupt(reader.root(100).map(drop)));
    assert!(reader.record(7).is_ok() && reader.inclusion(300, 600).is_ok() && reader.tile(0, 1, 256).is_ok());
    rig.parts = None;
    let report = rig.check().unwrap();
    assert_eq!(report.problems_total, 1, "{:?}", report.problems);
    assert!(report.problems[0].place.contains("tree/0 at offset 160"), "{:?}", report.problems);
}

#[test]
fn a_rotten_edge_of_the_tree_is_noticed_at_opening() {
    for (level, hash) in [(0, 599), (0, 520), (1, 0), (1, 1)] {
        let mut rig = large();
        rig.disk.tamper(&Rig::paths().tree.join(format!("{level}")), |file| file[hash * 32 + 7] ^= 1);
        let opened = rig.open();
        assert!(matches!(opened, Err(StoreError::Corrupt { .. })), "level {level} hash {hash}: {opened:?}");
    }
}

#[test]
fn the_segment_with_the_last_sealed_frame_must_be_there() {
    let mut rig = large();
    let (path, _) = rig
        .disk
        .files()
        .into_iter()
        .find(|(path, _)| path.extension().is_some_and(|ext| ext == "wal"))
        .unwrap();
    crate::disk::Disk::remove(&rig.disk, &path).unwrap();
    let opened = rig.open();
    assert!(
        matches!(&opened, Err(StoreError::Corrupt { what, .. }) if what.contains("missing")),
        "{opened:?}"
    );
}

#[test]
fn a_frame_that_names_another_root_is_refused() {
    let mut rig = Rig::new();
    let (chain, _) = rig.open_chain(1);
    let mut parts = rig.parts.take().unwrap();
    let work = rig.work(&parts, request(vec![event(chain, "a", "{}")]));
    let mut sequenced = parts.sequencer.sequence(vec![work], None);
    sequenced.draft.as_mut().unwrap().root = [9; 32];
    parts.committer.commit(sequenced);
    drop(parts);
    rig.kill();
    let opened = rig.open();
    assert!(matches!(&opened, Err(StoreError::Corrupt { what, .. }) if what.contains("root")), "{opened:?}");
}

#[test]
fn reading_goes_on_where_nothing_is_rotten() {
    let mut rig = large();
    rig.open().unwrap();
    assert_eq!(read_and_verify(&rig.reader(), &[]).len(), 600);
}
