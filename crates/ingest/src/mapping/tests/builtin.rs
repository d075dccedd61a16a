//! The built-in mappings on real records.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use indelible_event::{ActorType, OutcomeResult};

use super::*;

fn sample(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/events").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every record of a sample as an event, with what was not understood and how often.
fn read_sample(mapping: &str, name: &str) -> (Vec<Event>, BTreeMap<String, usize>) {
    let mapping = Registry::builtin().get(mapping).unwrap();
    let (mut events, mut unknown) = (Vec::new(), BTreeMap::new());
    for (line, record) in sample(name).lines().enumerate() {
        let mapped = apply(mapping, record);
        assert_eq!(mapped.warnings, [], "line {}", line + 1);
        assert_eq!(mapped.event.data.as_ref().unwrap().get(), record);
        for path in mapped.not_understood {
            *unknown.entry(path).or_default() += 1;
        }
        // What is stored reads back as the same event.
        let again = Registry::builtin().decode_stored(4, "application/x-ndjson", mapping.name(), mapping.version(), record.as_bytes());
        assert_eq!(again, mapped.event, "line {}", line + 1);
        events.push(mapped.event);
    }
    (events, unknown)
}

fn counts<T: Ord>(items: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    items.fold(Default::default(), |mut counts, item| {
        *counts.entry(item).or_default() += 1;
        counts
    })
}

#[test]
fn cloudtrail_is_understood() {
    let (events, unknown) = read_sample("aws-cloudtrail", "aws-cloudtrail.ndjson");
    assert_eq!(events.len(), 2900);
    assert_eq!(unknown, Default::default());
    let ids: HashSet<_> = events.iter().map(|event| event.id.as_deref().unwrap()).collect();
    assert_eq!(ids.len(), 2900, "ids repeat");
    assert!(events.iter().all(|event| event.time.is_some() && event.tenant.as_deref() == Some("123837392027")));
    let outcomes = counts(events.iter().map(|event| event.outcome.result.map_or("-", OutcomeResult::as_str)));
    assert_eq!(outcomes, [("denied", 60), ("failure", 240), ("success", 2600)].into());
    let actors = counts(events.iter().map(|event| event.actor.as_ref().and_then(|actor| actor.kind).map_or("-", ActorType::as_str)));
    assert_eq!(actors, [("role", 76), ("service", 76), ("user", 2748)].into());
    let named = events.iter().filter(|event| !event.targets.is_empty()).count();
    assert!(named > 1200, "{named} with a target");
}

#[test]
fn wikipedia_is_understood() {
    let (events, unknown) = read_sample("wikipedia", "wikipedia-edits.ndjson");
    assert_eq!(events.len(), 6048);
    assert_eq!(unknown, Default::default());
    assert_eq!(counts(events.iter().filter_map(|event| event.tenant.as_deref())).len(), 50);
    let actions = counts(events.iter().map(|event| event.action.as_str()));
    assert_eq!(actions, [("create page", 362), ("edit", 5686)].into());
    let actors = counts(events.iter().map(|event| event.actor.as_ref().and_then(|actor| actor.kind).map_or("-", ActorType::as_str)));
    assert_eq!(actors, [("anonymous", 539), ("service", 2505), ("user", 3004)].into());
    let with_address = events.iter().filter(|event| event.client.ip.is_some()).count();
    assert_eq!(with_address, 539);
    let ids: HashSet<_> = events.iter().map(|event| event.id.as_deref().unwrap()).collect();
    assert_eq!(ids.len(), 6048, "ids repeat");
}

#[test]
fn events_come_out_as_a_reader_of_the_vendor_s_documentation_expects() {
    for (name, file, part, want) in GOLDEN {
        let sample = sample(file);
        let record = sample.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("no line has {part}"));
        let got = without_data(apply(Registry::builtin().get(name).unwrap(), record).event);
        let want: serde_json::Value = serde_json::from_str(want).unwrap();
        assert_eq!(got, want, "{part}: {got}");
    }
}

/// Mapping, sample, what the record's line holds, and its event without `data`.
const GOLDEN: [(&str, &str, &str, &str); 0] = [
];
