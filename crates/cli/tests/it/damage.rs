//! Rot and tampering: a flipped bit anywhere in the ledger is refused or named, and never served.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::support::{Installation, LONG, files_below, flip_byte, numbered, within};

/// A stopped server's directory with some events, and what they are. At most `seal_bytes` of them are in the WAL only.
fn filled(seal_bytes: u64, events: u64) -> (Installation, BTreeMap<String, String>) {
    let installation = Installation::new().with("SEAL_BYTES", &seal_bytes.to_string());
    let server = installation.start();
    server.admin().tenant("acme");
    let mut sent = BTreeMap::new();
    for from in (0..events).step_by(50) {
        let batch: Vec<_> = (from..from + 50).map(|n| numbered("acme", n)).collect();
        for event in &batch {
            sent.insert(event["id"].as_str().unwrap().to_owned(), event.to_string());
        }
        server.admin().send(&Value::from(batch)).expect(201);
    }
    server.admin().found("", events);
    within(LONG, "content is sealed", || {
        let metrics = server.admin().get("/metrics").expect(200).text();
        let unsealed = metrics.lines().find_map(|line| line.strip_prefix("indelible_ledger_unsealed_bytes "));
        (unsealed.unwrap().parse::<u64>().unwrap() < seal_bytes).then_some(())
    });
    server.stop();
    let verdict = installation.verify();
    assert_eq!(verdict.code, Some(0), "{}", verdict.stderr);
    (installation, sent)
}

/// Where to flip: among the bytes that hold something. Zeros between frames and behind the last one hold nothing.
fn places(file: &Path) -> Vec<u64> {
    let bytes = fs::read(file).unwrap();
    let held: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let Some(last) = held.len().checked_sub(1) else { return vec![] };
    let mut places =
        [0, 9, last / 4, last / 2, last * 3 / 4, last].map(|nth| held[nth.min(last)] as u64).to_vec();
    places.dedup();
    places
}

/// Everything that can be read is as it was sent, or an error.
fn serves_nothing_damaged(server: &crate::support::Server, sent: &BTreeMap<String, String>, what: &str) {
    let admin = server.admin();
    for (id, body) in sent {
        let original = admin.get(&format!("/v1/events/{id}/original"));
        match original.status {
            200 => assert_eq!(original.text(), *body, "{what}: {id}"),
            status => assert_eq!(status, 500, "{what}: {id}: {}", original.text()),
        }
    }
}

/// Flips bits of the files in one directory of the ledger, one at a time; `must_refuse`: the server must not start.
#[track_caller]
fn try_all(installation: &Installation, sent: &BTreeMap<String, String>, directory: &str, must_refuse: bool) {
    let below = installation.data().join(directory);
    let files: Vec<PathBuf> = if below.is_dir() { files_below(&below) } else { vec![below] };
    let mut tried = 0;
    for file in files {
        let relative = file.strip_prefix(installation.data()).unwrap();
        let name = relative.file_name().unwrap().to_str().unwrap();
        for at in places(&file) {
            let what = format!("bit of byte {at} of {}", relative.display());
            let damaged = installation.copy();
            flip_byte(&damaged.data().join(relative), at);
            let verdict = damaged.verify();
            assert_eq!(verdict.code, Some(1), "{what}: {}", verdict.stderr);
            assert!(verdict.stderr.contains(name), "{what} is not named: {}", verdict.stderr);
            match damaged.try_start() {
                Err(ended) => {
                    assert_eq!(ended.code, Some(3), "{what}: {}", ended.stderr);
                    assert!(ended.stderr.contains(name), "{what} is not named: {}", ended.stderr);
                }
                Ok(server) => {
                    assert!(!must_refuse, "{what}: the server started");
                    serves_nothing_damaged(&server, sent, &what);
                }
            }
            tried += 1;
        }
    }
    assert!(tried >= 5, "{directory}: only {tried} places to damage");
}

#[test]
fn a_flipped_bit_in_the_wal_is_refused() {
    let (installation, sent) = filled(67_108_864, 200);
    try_all(&installation, &sent, "ledger/wal", true);
}

#[test]
fn a_flipped_bit_in_content_is_named_and_never_served() {
    let (installation, sent) = filled(65_536, 1500);
    try_all(&installation, &sent, "ledger/content", false);
}

#[test]
fn a_flipped_bit_in_tree_or_leaves_is_named() {
    let (installation, sent) = filled(65_536, 1500);
    try_all(&installation, &sent, "ledger/tree", false);
    try_all(&installation, &sent, "ledger/leaves", false);
}

#[test]
fn a_flipped_bit_in_a_small_file_is_refused() {
    let (installation, sent) = filled(65_536, 1500);
    for file in ["ledger/manifest", "ledger/signing.key", "ledger/term"] {
        try_all(&installation, &sent, file, true);
    }
}

#[test]
fn a_damaged_index_costs_time_and_no_event() {
    let (installation, sent) = filled(65_536, 1500);
    let files = files_below(&installation.data().join("search"));
    let largest = files.iter().max_by_key(|file| fs::metadata(file).unwrap().len()).unwrap();
    for at in places(largest) {
        let damaged = installation.copy();
        flip_byte(&damaged.data().join(largest.strip_prefix(installation.data()).unwrap()), at);
        let server = damaged.start();
        server.admin().found("", sent.len() as u64);
        assert_eq!(server.admin().read("/v1/events?limit=1&total=true&q=grace")["total"], sent.len());
        server.stop();
        let verdict = damaged.verify();
        assert_eq!(verdict.code, Some(0), "byte {at}: {}", verdict.stderr);
    }
}
