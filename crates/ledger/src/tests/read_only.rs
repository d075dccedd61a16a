//! Looking at a ledger: everything can be read and verified, and no file is any different afterwards.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::process;
use super::rig::{Rig, config, event, events, read_and_verify, request, tenant};
use crate::disk::Disk;
use crate::{Ledger, LedgerReader, OpenError, OpenProgress, StoreError, Stored, SystemClock, check, recover};

fn look(dir: &Path) -> Result<LedgerReader, OpenError> {
    Ledger::open_read_only(dir, config(), &|_| {})
}

/// Mode, length, time of change and hash of everything below `dir`.
fn listing(dir: &Path) -> BTreeMap<PathBuf, (u32, u64, SystemTime, Vec<u8>)> {
    use std::os::unix::fs::PermissionsExt as _;
    let (mut found, mut open) = (BTreeMap::new(), vec![dir.to_owned()]);
    while let Some(path) = open.pop() {
        let meta = std::fs::symlink_metadata(&path).unwrap();
        let hash = if meta.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else {
            Sha256::digest(std::fs::read(&path).unwrap()).to_vec()
        };
        let len = if meta.is_dir() { 0 } else { meta.len() };
        found.insert(path, (meta.permissions().mode(), len, meta.modified().unwrap(), hash));
    }
    found
}

/// Checks and reads everything there is, by every way of reading, and compares the directory.
fn changes_nothing(dir: &Path) -> Vec<String> {
    let before = listing(dir);
    assert_eq!(check(dir, &|_| {}).unwrap().problems, []);
    assert_eq!(listing(dir), before, "the check changed something");
    let reader = look(dir).unwrap();
    let records = read_and_verify(&reader, &[reader.released_checkpoint()]);
    let size = records.len() as u64;
    assert_eq!(*reader.subscribe().borrow(), size);
    assert_eq!(reader.status().size, size);
    for index in 0..size {
        assert_eq!(reader.record(index).unwrap(), Stored::Whole(records[index as usize].clone()));
    }
    assert_eq!(reader.tile(0, 0, 2).unwrap().unwrap()[..32], records[0].leaf_hash);
    if reader.released_checkpoint().size < size {
        let published = reader.publish();
        assert!(matches!(published, Err(StoreError::Io { .. })), "{published:?}");
    } else {
        assert_eq!(reader.publish().unwrap(), reader.checkpoint());
    }
    drop(reader);
    assert_eq!(listing(dir), before, "looking changed something");
    events(&records).into_iter().map(|(_, id, _)| id).collect()
}

#[test]
fn a_closed_ledger_is_read_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    // Twice, so that there are segments of two terms, and enough for sealed and unsealed entries.
    for round in 0..2 {
        let (writer, reader) = Ledger::open(dir.path(), config(), Arc::new(SystemClock), &|_| {}).unwrap();
        let chain = match reader.chain_of_tenant(1) {
            Some(info) => info.chain,
            None => writer.open_chain_blocking(tenant(1)).unwrap().0,
        };
        for n in 0..30 {
            let batch = (0..10).map(|m| event(chain, &format!("{round}-{n}-{m}"), &"x".repeat(200)));
            writer.append_blocking(request(batch.collect())).unwrap();
        }
        writer.close();
    }
    assert_eq!(changes_nothing(dir.path()).len(), 600);
    let reader = look(dir.path()).unwrap();
    let log_id = reader.log_id();
    let chains = reader.chains();
    assert_eq!((chains.len(), reader.chain_of_tenant(1).as_ref()), (2, chains.get(1)));
    drop(reader);
    // What only looked did not take part: the next opening is the third, not the fourth or fifth.
    let term = crate::files::load_term(&crate::disk::RealDisk, &dir.path().join("term"), &log_id).unwrap();
    assert_eq!(term, 2);
}

#[test]
fn a_killed_ledger_is_read_and_left_as_it_is() {
    let name = "tests::read_only::a_killed_ledger_is_read_and_left_as_it_is";
    if let Some(dir) = process::role() {
        return process::append_forever(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    for acked in [3, 150] {
        let mut child = process::child(dir.path().to_str().unwrap(), name);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut ids = Vec::new();
        for line in lines.filter(|line| line.starts_with("acked ")) {
            ids.extend(line.split(' ').skip(2).map(str::to_owned));
            if ids.len() >= acked * 5 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let found = changes_nothing(dir.path());
        assert!(ids.iter().all(|id| found.contains(id)), "{acked}");
    }
}

#[test]
fn a_torn_tail_is_left_out_and_left_alone() {
    let mut rig = Rig::new();
    let (chain, _) = rig.open_chain(1);
    for id in ["a", "b", "torn"] {
        rig.append(request(vec![event(chain, id, "{}")])).unwrap();
    }
    let frame = rig.parts().shared.view.read().frames.back().cloned().unwrap();
    rig.kill();
    rig.disk.tamper(&frame.segment.path, |file| file[frame.offset as usize + 150] ^= 1);
    let (files, calls) = (rig.disk.files(), rig.disk.calls());
    let open = || {
        let disk: Arc<dyn Disk> = Arc::new(rig.disk.clone());
        recover::open_read_only(disk, Rig::paths(), config(), &|_| {}).map(LedgerReader::new)
    };
    let ids = |reader: &LedgerReader| -> Vec<String> {
        events(&read_and_verify(reader, &[])).into_iter().map(|(_, id, _)| id).collect()
    };
    assert_eq!(ids(&open().unwrap()), ["a", "b"]);
    assert!(open().unwrap().publish().is_err());
    assert!(rig.disk.files().into_iter().eq(files), "looking changed something");
    assert_eq!(rig.disk.calls(), calls, "looking asked the disk for a change");
    // It was looked at without being cut, so the next opening still cuts it and says so.
    rig.open().unwrap();
    let records = read_and_verify(&rig.reader(), &[]);
    assert_eq!(records.last().unwrap().entry.kind, indelible_verify::Kind::TAIL_CUT);
}

#[test]
fn one_writer_or_many_readers_have_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Ledger::open(dir.path(), config(), Arc::new(SystemClock), &|_| {});
    let (writer, _) = open().unwrap();
    assert!(matches!(look(dir.path()), Err(StoreError::Locked { .. })));
    writer.close();
    let (first, second) = (look(dir.path()).unwrap(), look(dir.path()).unwrap());
    assert!(check(dir.path(), &|_| {}).unwrap().is_ok());
    let clone = first.clone();
    for reader in [first, second, clone] {
        assert!(matches!(open(), Err(StoreError::Locked { .. })));
        assert_eq!(reader.record(0).unwrap().index(), 0);
    }
    open().unwrap();
}

#[test]
fn where_there_is_no_ledger_none_is_made() {
    let dir = tempfile::tempdir().unwrap();
    for place in [dir.path().to_owned(), dir.path().join("absent")] {
        let opened = look(&place);
        let found = opened.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(found.contains("there is no ledger here"), "{}: {found}", place.display());
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_ledger_that_lost_a_file_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    drop(Ledger::open(dir.path(), config(), Arc::new(SystemClock), &|_| {}).unwrap());
    for name in ["manifest", "signing.key", "term", "released", "wal"] {
        let (path, aside) = (dir.path().join(name), dir.path().join("aside"));
        std::fs::rename(&path, &aside).unwrap();
        let before = listing(dir.path());
        assert!(look(dir.path()).is_err(), "{name}");
        assert_eq!(listing(dir.path()), before, "{name}");
        std::fs::rename(&aside, &path).unwrap();
    }
    // A copy without the lock file can be looked at as well; none is made for it.
    std::fs::remove_file(dir.path().join("LOCK")).unwrap();
    let mut last = None;
    let progress = std::cell::RefCell::new(&mut last);
    Ledger::open_read_only(dir.path(), config(), &|at| **progress.borrow_mut() = Some(at)).unwrap();
    assert_eq!(last, Some(OpenProgress::Ready { size: 1 }));
    assert!(!dir.path().join("LOCK").exists());
}
