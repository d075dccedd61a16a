//! The golden vectors: made here, committed, compared, and checked by reading them back.
//!
//! `INDELIBLE_BLESS=1 cargo test -p indelible-verify --test it golden` writes them anew. A change in a file that is already
//! released is a change of the format: it needs a new version byte, not a blessing.

mod check;
mod formats;
mod log;
mod trees;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// File name under `testdata/vectors` and contents.
type Files = BTreeMap<String, Vec<u8>>;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors")
}

/// Reads one committed vector file.
fn read(name: &str) -> Value {
    let text = std::fs::read(directory().join(name)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn made() -> Files {
    let mut files = Files::new();
    for (name, value) in [
        ("entries.json", formats::entries()),
        ("envelopes.json", formats::envelopes()),
        ("envelopes_v2.json", formats::envelopes_v2()),
        ("commitments.json", formats::commitments()),
        ("chains.json", formats::chains()),
        ("trees.json", trees::roots()),
        ("inclusion.json", trees::inclusion()),
        ("consistency.json", trees::consistency()),
        ("maps.json", trees::maps()),
        ("tile_paths.json", trees::tile_paths()),
        ("checkpoints.json", log::checkpoints()),
        ("tlog_proofs.json", log::tlog_proofs()),
        ("evidence.json", log::evidence()),
        ("evidence_v2.json", log::evidence_v2()),
        ("log.json", log::summary()),
    ] {
        let mut text = serde_json::to_string_pretty(&value).unwrap();
        text.push('\n');
        files.insert(name.to_owned(), text.into_bytes());
    }
    files.extend(log::tiles());
    files
}

/// Every file below the directory, except its README.
fn committed() -> Files {
    let mut files = Files::new();
    let mut open = vec![directory()];
    while let Some(at) = open.pop() {
        for item in std::fs::read_dir(at).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(directory()).unwrap().to_str().unwrap().replace('\\', "/");
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files.remove("README.md");
    files
}

#[test]
fn golden_vectors_are_what_this_code_writes() {
    let made = made();
    if std::env::var_os("INDELIBLE_BLESS").is_some_and(|bless| bless == "1") {
        for (name, bytes) in &made {
            let path = directory().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
    let committed = committed();
    let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&committed), names(&made), "files in testdata/vectors");
    for (name, bytes) in &made {
        assert!(committed[name] == *bytes, "testdata/vectors/{name} differs; see the head of vectors/mod.rs");
    }
}
