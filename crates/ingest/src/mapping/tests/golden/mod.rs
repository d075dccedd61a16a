//! Every importer on real records: `testdata/importers/<mapping>/*.ndjson` (or `.log`) against `*.expected.json`.
//!
//! How the folders are laid out is said in `testdata/importers/README.md`. Mappings and samples are read from the disk
//! when the test runs. Beside the comparison each record is checked for what no mapping may do: lose it, refuse it, or
//! read it otherwise when it comes back from the ledger.

mod expected;
mod floors;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use indelible_event::{Limits, Timestamp};

use super::super::*;
use crate::{Records, RecordsOptions};
use floors::{Floors, Share};

/// 2026-11-01T00:00:00Z: after every record of the samples.
const RECEIVED_AT: Timestamp = Timestamp::from_micros(1_793_491_200_000_000);

/// Differences that are shown of one file.
const SHOWN_MAX: usize = 5;

pub(super) fn importers() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/importers")
}

/// The folders, in order of name; `INDELIBLE_GOLDEN=okta,slack` picks some.
pub(super) fn folders() -> Vec<PathBuf> {
    let picked = std::env::var("INDELIBLE_GOLDEN").unwrap_or_default();
    let picked: Vec<_> = picked.split(',').filter(|name| !name.is_empty()).collect();
    let mut folders = entries(&importers());
    folders.retain(|path| path.is_dir() && (picked.is_empty() || picked.contains(&name_of(path))));
    folders
}

/// The files of a folder that hold records.
pub(super) fn samples(folder: &Path) -> Vec<PathBuf> {
    let is_sample = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "ndjson" || extension == "log")
    };
    entries(folder).into_iter().filter(is_sample).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = read.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

pub(super) fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap()
}

/// The mapping of a folder's name, as it stands on the disk.
fn mapping_of(folder: &Path) -> Result<Mapping, String> {
    let name = name_of(folder);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("mappings").join(format!("{name}.toml"));
    let text = fs::read_to_string(&path)
        .map_err(|error| format!("no mapping crates/ingest/mappings/{name}.toml: {error}"))?;
    Mapping::parse(&format!("crates/ingest/mappings/{name}.toml"), &text).map_err(|errors| errors.to_string())
}

/// The records of a sample with their lines.
pub(super) fn records(mapping: &Mapping, sample: &Path) -> Vec<(u64, String)> {
    let options = RecordsOptions {
        wrappers: mapping.wrappers().to_vec(),
        form: mapping.form(),
        ..RecordsOptions::default()
    };
    let file = fs::File::open(sample).unwrap();
    let records = Records::open(file, options).unwrap();
    records.map(|record| record.map(|record| (record.line, record.json)).unwrap()).collect()
}

#[test]
fn golden() {
    let mut failures = Vec::new();
    let folders = folders();
    assert!(!folders.is_empty(), "no folder in testdata/importers");
    for folder in &folders {
        failures
            .extend(folder_failures(folder).into_iter().map(|text| format!("{}: {text}", name_of(folder))));
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

fn folder_failures(folder: &Path) -> Vec<String> {
    let mapping = match mapping_of(folder) {
        Ok(mapping) => mapping,
        Err(error) => return vec![error],
    };
    let floors = match Floors::read(&folder.join("golden.toml")) {
        Ok(floors) => floors,
        Err(error) => return vec![format!("golden.toml: {error}")],
    };
    let samples = samples(folder);
    if samples.is_empty() {
        return vec!["the folder has no *.ndjson and no *.log".to_owned()];
    }
    let mut failures = Vec::new();
    let mut shares = BTreeMap::<&str, Share>::new();
    let mut places = BTreeSet::new();
    for sample in &samples {
        let file = name_of(sample).to_owned();
        let mut blocks = Vec::new();
        for (line, record) in records(&mapping, sample) {
            places.insert((file.clone(), line));
            let mut fail = |text: String| failures.push(format!("{file}:{line}: {text}"));
            let mapped = match mapping.apply(&record, &Limits::default(), RECEIVED_AT) {
                Ok(mapped) => mapped,
                Err(problems) => {
                    fail(format!("refused: {problems:?}"));
                    continue;
                }
            };
            // Events in the API's own shape have data of their own.
            let is_mapped = matches!(mapping.shape, Shape::Mapped(_));
            if is_mapped && mapped.event.data.as_ref().map(|data| data.get()) != Some(record.as_str()) {
                fail("the event's data is not the whole record".to_owned());
            }
            if mapping.decode(&record).as_ref() != Some(&mapped.event) {
                fail("the stored record reads back as another event".to_owned());
            }
            if let Err(problems) =
                indelible_event::parse(&mapped.to_api_json(), &Limits::default(), RECEIVED_AT)
            {
                fail(format!("the API would refuse the event: {problems:?}"));
            }
            if !floors.is_foreign(&file, line) {
                floors.judge(&mapped, &mut fail);
                for (name, has) in floors::has(&mapped.event) {
                    shares.entry(name).or_default().count(has, || format!("{file}:{line}"));
                }
            }
            blocks.push(expected::block(line, &mapped));
        }
        failures.extend(expected::compare(sample, &blocks, SHOWN_MAX));
    }
    println!("{}: {}", name_of(folder), floors::told(&shares));
    failures.extend(floors.failures(&shares));
    failures.extend(floors.unfounded(&places));
    failures
}

#[test]
fn golden_folders_are_listed_with_source_and_licence() {
    let readme = fs::read_to_string(importers().join("README.md")).unwrap();
    for folder in folders() {
        for sample in samples(&folder) {
            let row = format!("| `{}/{}` |", name_of(&folder), name_of(&sample));
            assert!(readme.contains(&row), "testdata/importers/README.md has no row that begins {row:?}");
        }
    }
}
