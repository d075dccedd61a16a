//! Every sample is recognised as what it is, and nothing else is recognised at all.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::golden;
use super::*;

/// The mappings as they stand on the disk, and each folder's samples.
fn registry() -> Registry {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("mappings");
    let mut registry = Registry::default();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            // One that is none is told by `golden`.
            Mapping::load(&path).into_iter().for_each(|mapping| registry.add(mapping));
        }
    }
    registry
}

fn samples() -> Vec<(String, PathBuf)> {
    let mut all = Vec::new();
    for folder in golden::folders() {
        let samples = golden::samples(&folder);
        all.extend(samples.into_iter().map(|sample| (golden::name_of(&folder).to_owned(), sample)));
    }
    let events = golden::importers().join("../events");
    all.push(("aws-cloudtrail".to_owned(), events.join("aws-cloudtrail.ndjson")));
    all.push(("wikipedia".to_owned(), events.join("wikipedia-edits.ndjson")));
    all
}

fn confidences(detection: &Detection) -> String {
    let mut out = String::new();
    for candidate in &detection.candidates {
        write!(out, " {} {:.2}", candidate.name, candidate.confidence).unwrap();
    }
    if out.is_empty() { " nothing".to_owned() } else { out }
}

fn head(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn golden_samples_are_detected_as_their_own_format() {
    let registry = registry();
    let mut confused = Vec::new();
    for (format, path) in samples() {
        let detection = detect(&registry, &head(&path), true);
        if detection.decided().map(|best| best.name.as_str()) != Ok(format.as_str()) {
            confused.push(format!("{format}/{}:{}", golden::name_of(&path), confidences(&detection)));
        }
    }
    assert!(confused.is_empty(), "not detected as their own format:\n{}\n", confused.join("\n"));
}

#[test]
fn golden_mappings_all_say_how_they_are_recognised() {
    for mapping in Registry::builtin().newest() {
        assert!(mapping.signs.is_some(), "{} has no [detect]", mapping.name());
    }
}

#[test]
fn a_part_of_a_file_is_detected_too_packed_or_not() {
    let registry = registry();
    let path = golden::importers().join("../events/aws-cloudtrail.ndjson");
    let whole = head(&path);
    let packed = zstd::encode_all(&whole[..], 1).unwrap();
    let array = format!("{{\"Records\":[{}]}}", String::from_utf8_lossy(&whole).trim().replace('\n', ","));
    for (what, file) in [("lines", &whole[..]), ("packed", &packed[..]), ("wrapped", array.as_bytes())] {
        for len in [30_000, file.len()] {
            let detection = detect(&registry, &file[..len], len == file.len());
            let best = detection.decided().unwrap_or_else(|why| panic!("{what} {len}: {why}"));
            assert_eq!((best.name.as_str(), best.records > 10), ("aws-cloudtrail", true), "{what} {len}");
            assert_eq!(best.records, best.fitting, "{what} {len}: half a record is not counted");
        }
    }
}

#[test]
fn no_more_than_the_first_8_mib_of_a_packed_file_are_unpacked() {
    let mut registry = Registry::default();
    let text = "name = \"p\"\nversion = 1\n[detect]\nneeds = \"a\"\n[event]\naction = \"a\"";
    registry.add(Mapping::parse("p.toml", text).unwrap());
    let record = format!("{{\"a\":\"{}\"}}\n", "x".repeat((1 << 20) - 9));
    assert_eq!(record.len(), 1 << 20);
    let packed = zstd::encode_all(record.repeat(20).as_bytes(), 1).unwrap();
    assert!(packed.len() < 20_000, "{}", packed.len());
    let detection = detect(&registry, &packed, true);
    assert_eq!(detection.decided().unwrap().records, 7, "the last of 8 may be half of one");
    assert_eq!(detect(&registry, record.as_bytes(), true).candidates[0].records, 1);
}

#[test]
fn what_is_no_known_log_is_not_guessed() {
    let registry = registry();
    for file in [
        "",
        "\n\n",
        "[]",
        "{}",
        "[1,2,3]",
        "time,user,action\n1,ada,login\n",
        "{\"name\":\"x\",\"version\":\"1.0.0\",\"dependencies\":{\"a\":\"1\"}}",
        "{\"action\":\"x\"}",
        "{\"message\":\"hello\"}",
        "{\"time\":1,\"user\":\"a\",\"event\":\"b\",\"id\":7,\"created_at\":\"2020-01-01\"}",
        "\u{1}\u{2}\u{3}",
    ] {
        let detection = detect(&registry, file.as_bytes(), true);
        assert!(detection.decided().is_err(), "{file}:{}", confidences(&detection));
    }
}

#[test]
fn two_that_are_as_likely_or_one_that_is_weak_are_no_decision() {
    let text = |name: &str, base: &str| {
        format!(
            "name = \"{name}\"\nversion = 1\n[detect]\nneeds = \"a\"\nbase = {base}\n[event]\naction = \"a\""
        )
    };
    let detect_with = |rules: &[(&str, &str)], record: &str| {
        let mut registry = Registry::default();
        rules.iter().for_each(|(name, base)| registry.add(Mapping::parse(name, &text(name, base)).unwrap()));
        detect(&registry, record.as_bytes(), true)
    };
    let own = "{\"a\":\"x\"}";
    assert_eq!(detect_with(&[("p", "0.7"), ("q", "0.8")], own).decided(), Err(Undecided::Ambiguous));
    assert_eq!(detect_with(&[("p", "0.6"), ("q", "0.8")], own).decided().unwrap().name, "q");
    assert_eq!(detect_with(&[("p", "0.4")], own).decided(), Err(Undecided::TooLow));
    assert_eq!(detect_with(&[("p", "1")], "{\"b\":1}").decided(), Err(Undecided::Unknown));
    // What the mapping does not know speaks against it, and so do records that are others'.
    let half = detect_with(&[("p", "1")], "{\"a\":\"x\",\"b\":1}");
    assert_eq!(half.candidates[0].confidence, 0.5);
    assert_eq!(half.candidates[0].understood, 0.5);
    let mixed = detect_with(&[("p", "1")], "{\"a\":\"x\"}\n{\"b\":1}\n{\"a\":1,\"a\":2}\n[]");
    let best = &mixed.candidates[0];
    assert_eq!(
        (best.confidence, best.records, best.fitting),
        (0.25, 4, 1),
        "a name that is there twice is no record"
    );
}

#[test]
fn evidence_adds_and_takes_away_within_0_and_1_and_is_told() {
    let rules = "name = \"p\"\nversion = 1\n[let]\nk = \"a\"\n[detect]\nneeds = [\"a\"]\n[detect.evidence]\n\"$k == 'x'\" = 0.25\n\
                 \"c\" = 1\n\"d\" = -1\n[event]\naction = \"a\"\n[event.parameters]\n\"*\" = \"@\"";
    let mut registry = Registry::default();
    registry.add(Mapping::parse("p.toml", rules).unwrap());
    for (record, confidence, evidence) in [
        ("{\"a\":\"y\"}", Some(0.5), vec![]),
        ("{\"a\":\"x\"}", Some(0.75), vec!["$k == 'x'"]),
        ("{\"a\":\"x\",\"c\":1}", Some(1.0), vec!["$k == 'x'", "c"]),
        ("{\"a\":\"x\",\"d\":1}", None, vec![]),
    ] {
        let detection = detect(&registry, record.as_bytes(), true);
        let best = detection.candidates.first();
        assert_eq!(best.map(|best| best.confidence), confidence, "{record}");
        let told =
            best.map(|best| best.evidence.iter().map(|sign| sign.condition.as_str()).collect::<Vec<_>>());
        assert_eq!(told.unwrap_or_default(), evidence, "{record}");
    }
}

#[test]
fn mistakes_in_detect_are_told_with_their_place() {
    for (rest, want) in [
        ("[detect]\nbase = 1", "t.toml:4:1: detect.needs: expected at least one condition"),
        (
            "[detect]\nneeds = [\"a b\"]",
            "t.toml:4:13: detect.needs: expected nothing more, or an operator, found `b`",
        ),
        ("[detect]\nneeds = \"a\"\nbase = 2", "t.toml:5:8: detect.base: expected a number from 0 to 1"),
        (
            "[detect]\nneeds = \"a\"\n[detect.evidence]\n\"x ==\" = 0.5",
            "t.toml:6:6: detect.evidence: expected a field name, a 'text' or a number, found the end",
        ),
        (
            "[detect]\nneeds = \"a\"\nneed = \"b\"",
            "t.toml:5:1: detect.need: there is no `need` here; did you mean `needs`? there are needs, base, evidence",
        ),
    ] {
        let text = format!("name = \"t\"\nversion = 1\n{rest}\n[event]\naction = \"a\"");
        let errors = Mapping::parse("t.toml", &text).unwrap_err();
        assert!(errors.to_string().contains(want), "{errors}");
    }
}
