//! Every index format ever released opens, or is rebuilt, with the same answers.
//!
//! `testdata/formats/v1/search-1` holds the events of a ledger and the index that format version 1 made of them. To
//! write the fixture of a new version, run this test with `INDELIBLE_WRITE_FIXTURES=1` and a new directory name.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indelible_event::{Limits, Timestamp, parse};

use super::model::matching;
use super::world::{Engine, MemoryLedger, NOW, config, query, stored};
use crate::manifest::FORMAT;
use crate::{Reach, SearchConfig};

fn fixture(version: u32) -> PathBuf {
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
        ledger.push(stored(tenant, time, &id, event));
    }
    ledger
}

/// Two splits in one merged, one more, and two entries in none.
fn grow(dir: &Path, ledger: &Arc<MemoryLedger>) {
    let engine = Engine::open(dir, ledger, SearchConfig { flush_events: 4, merge_factor: 2, ..config() });
    engine.follow();
    engine.build();
    let task = crate::merger::take(&engine.state, &mut engine.state.work.lock()).unwrap();
    crate::merger::run(&engine.state, &task).unwrap();
    assert_eq!(engine.splits(), 2);
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
            assert_eq!(report.events, 12, "read from the fixture, and not rebuilt");
        }
        let engine = Engine::open(&index, &ledger, config());
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
            for reach in [Reach::All, Reach::tenants([4])] {
                let none = HashMap::new();
                let expected = matching(&ledger.events(), &reach, params, &none, ledger.size());
                let expected: Vec<u64> = expected.iter().map(|key| key.index).collect();
                assert!(!expected.is_empty() || reach != Reach::All, "{params:?}");
                assert_eq!(engine.all(&reach, &query(params, &none)), expected, "{params:?}");
            }
        }
    }
}
