//! Processes that end in the middle: killed under load, and ended by their own hand when the disk fails.
//!
//! The child is this test binary again, told what to be by a variable.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use super::rig::{Rig, config, event, events, read_and_verify, request, tenant};
use crate::committer::abort_process;
use crate::disk::sim::Failure;
use crate::{Ledger, SystemClock, check};

const ROLE: &str = "INDELIBLE_LEDGER_TEST_CHILD";

/// What this process was told to be.
pub(super) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

pub(super) fn child(role: &str, test: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Appends until it is killed, telling each batch once it is acknowledged.
pub(super) fn append_forever(dir: &Path) {
    let (writer, reader) = Ledger::open(dir, config(), Arc::new(SystemClock), &|_| {}).unwrap();
    let chain = match reader.chain_of_tenant(1) {
        Some(info) => info.chain,
        None => writer.open_chain_blocking(tenant(1)).unwrap().0,
    };
    let start = reader.durable_size();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let writer = writer.clone();
            scope.spawn(move || {
                for round in 0.. {
                    let ids: Vec<_> = (0..5).map(|n| format!("{start}-{thread}-{round}-{n}")).collect();
                    let batch = ids.iter().map(|id| event(chain, id, &id.repeat(9))).collect();
                    let receipt = writer.append_blocking(request(batch)).unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "acked {} {}", receipt.checkpoint.size, ids.join(" ")).unwrap();
                }
            });
        }
    });
}

#[test]
fn nothing_acknowledged_is_missing_after_kill_9() {
    if let Some(dir) = role() {
        return append_forever(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut acked = std::collections::BTreeSet::new();
    for cycle in 0..6u64 {
        let mut child = child(
            dir.path().to_str().unwrap(),
            "tests::process::nothing_acknowledged_is_missing_after_kill_9",
        );
        let mut size = 0;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        for (seen, line) in lines.filter(|line| line.starts_with("acked ")).enumerate() {
            let mut words = line.split(' ').skip(1);
            size = size.max(words.next().unwrap().parse().unwrap());
            acked.extend(words.map(str::to_owned));
            if seen as u64 == 20 + 37 * cycle {
                child.kill().unwrap();
            }
        }
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        let (writer, reader) = Ledger::open(dir.path(), config(), Arc::new(SystemClock), &|_| {}).unwrap();
        assert!(reader.durable_size() >= size);
        let found: std::collections::BTreeSet<_> =
            events(&read_and_verify(&reader, &[])).into_iter().map(|(_, id, _)| id).collect();
        assert!(acked.is_subset(&found), "cycle {cycle}: {:?}", acked.difference(&found));
        writer.close();
        assert_eq!(check(dir.path(), &|_| {}).unwrap().problems, [], "cycle {cycle}");
    }
}

#[test]
fn a_failed_write_or_sync_aborts_the_process_and_answers_nobody() {
    if let Some(call) = role() {
        let mut rig = Rig::new();
        let (chain, _) = rig.open_chain(1);
        let mut parts = rig.parts.take().unwrap();
        // The committer was made before the hook that ends the process is put in.
        parts.committer.set_fatal(Arc::new(abort_process));
        rig.disk.fail(Failure::Before(call.parse().unwrap()));
        let sequenced =
            parts.sequencer.sequence(vec![rig.work(&parts, request(vec![event(chain, "a", "{}")]))], None);
        parts.committer.commit(sequenced);
        println!("went on");
        return;
    }
    // A frame in a segment is a write and a sync.
    for call in 0..2 {
        let test = "tests::process::a_failed_write_or_sync_aborts_the_process_and_answers_nobody";
        let output = child(&call.to_string(), test).wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(6), "call {call}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("went on"));
    }
}
