//! What a mapping makes of a sample, in a form that is written, compared and reviewed as text.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use indelible_event::RuleSet;
use serde_json::json;

use super::super::super::{Kind, Mapped, Node};

/// One record: its event, a member a line, and what the built-in rules add.
pub(super) fn block(line: u64, mapped: &Mapped) -> String {
    let mut event = mapped.event.clone();
    let derived = RuleSet::builtin().derive(&event);
    // The test compares it with the record; here it would only be in the way.
    event.data = None;
    let json = event.to_json();
    let node = Node::parse(&json).unwrap();
    let Kind::Map(members) = &node.kind else { unreachable!("an event is an object") };
    let members: Vec<_> =
        members.iter().map(|(name, member)| format!("      {}: {}", json!(name), member.raw)).collect();
    let at = event.time.as_ref().map(|time| time.at.to_rfc3339());
    let mut out = format!("  {{\n    \"line\": {line},\n    \"at\": {},\n", json!(at));
    write!(
        out,
        "    \"derived\": {{\"action_type\": {}, \"severity\": {}, \"object_category\": {}}},\n    \"summary\": {},\n",
        json!(&*derived.action_type),
        json!(derived.severity.as_str()),
        json!(derived.object_category.as_deref()),
        json!(derived.summary)
    )
    .unwrap();
    if !mapped.warnings.is_empty() {
        let warnings: Vec<_> = mapped.warnings.iter().map(|warning| json!(warning).to_string()).collect();
        write!(out, "    \"warnings\": [\n      {}\n    ],\n", warnings.join(",\n      ")).unwrap();
    }
    if !mapped.not_understood.is_empty() {
        writeln!(out, "    \"not_understood\": {},", json!(mapped.not_understood)).unwrap();
    }
    write!(out, "    \"event\": {{\n{}\n    }}\n  }}", members.join(",\n")).unwrap();
    out
}

/// Compares with `NAME.expected.json`, or writes it where `INDELIBLE_BLESS=1`; returns at most `shown_max` differences.
pub(super) fn compare(sample: &Path, blocks: &[String], shown_max: usize) -> Vec<String> {
    let path = sample.with_extension("expected.json");
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    if std::env::var("INDELIBLE_BLESS").is_ok_and(|value| value == "1") {
        fs::write(&path, format!("[\n{}\n]\n", blocks.join(",\n"))).unwrap();
        return Vec::new();
    }
    let Ok(expected) = fs::read_to_string(&path) else {
        return vec![format!("{name} is missing; INDELIBLE_BLESS=1 writes it")];
    };
    let body = expected.strip_prefix("[\n").and_then(|text| text.strip_suffix("\n]\n")).unwrap_or(&expected);
    let wanted: Vec<_> =
        body.split_inclusive("\n  },\n").map(|block| block.trim_end_matches(",\n")).collect();
    let mut failures = Vec::new();
    if wanted.len() != blocks.len() {
        failures.push(format!("{name} has {} records, the sample gives {}", wanted.len(), blocks.len()));
    }
    let different = wanted.iter().zip(blocks).filter(|(wanted, got)| *wanted != got);
    for (at, (wanted, got)) in different.enumerate() {
        match at {
            at if at < shown_max => failures.push(format!("{name}: {}", difference(wanted, got))),
            at if at == shown_max => failures.push(format!("{name}: ... (INDELIBLE_BLESS=1 rewrites it)")),
            _ => break,
        }
    }
    failures
}

/// The lines that differ, `-` as expected and `+` as it is.
fn difference(wanted: &str, got: &str) -> String {
    let (wanted, got): (Vec<_>, Vec<_>) = (wanted.lines().collect(), got.lines().collect());
    let mut out = got.get(1).map_or("", |line| line.trim().trim_end_matches(',')).to_owned();
    for (sign, these, those) in [('-', &wanted, &got), ('+', &got, &wanted)] {
        for line in these.iter().filter(|line| !those.contains(line)) {
            write!(out, "\n    {sign} {}", line.trim()).unwrap();
        }
    }
    out
}
