//! The index over the real ledger, with events as they are sent.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indelible_event::{Event, Limits, RuleSet, TimeSource, Timestamp, parse};
use indelible_ledger::{
    AppendRequest, ChainOpen, Ledger, LedgerConfig, LedgerReader, LedgerWriter, NewEvent, OnConflict,
    Removal, SystemClock,
};
use indelible_verify::{ChainId, Envelope, Kind, People, Protocol};

use super::world::{self, config};
use crate::{Budget, Decode, Decoded, Query, Reach, Search};

struct JsonDecoder;

impl Decode for JsonDecoder {
    fn decode(&self, _: &Envelope, body: &[u8]) -> Decoded {
        let text = std::str::from_utf8(body).unwrap();
        let far = Timestamp::from_micros(i64::MAX / 4);
        let event: Event = parse(text, &Limits::default(), far).unwrap().event;
        let derived = RuleSet::builtin().derive(&event);
        Decoded { event, derived }
    }
}

fn open(dir: &Path) -> (LedgerWriter, LedgerReader, Search) {
    let small = LedgerConfig { wal_segment_bytes: 1 << 20, min_free_bytes: 0, ..LedgerConfig::default() };
    let (writer, reader) = Ledger::open(&dir.join("ledger"), small, Arc::new(SystemClock), &|_| {}).unwrap();
    let source = Arc::new(reader.clone());
    let search = Search::open(&dir.join("search"), config(), source, Arc::new(JsonDecoder)).unwrap();
    (writer, reader, search)
}

fn send(writer: &LedgerWriter, chain: ChainId, bodies: &[String]) {
    let event = |body: &String| NewEvent {
        chain,
        envelope: Envelope {
            event_time_us: 0,
            time_source: TimeSource::Received,
            protocol: Protocol::JSON,
            rule_version: 1,
            mapping_version: 0,
            tenant_number: 7,
            key_id: [0; 16],
            event_id: format!("id-{}", &body[body.len() - 6..body.len() - 2]),
            tenant_name: "acme".into(),
            media_type: "application/json".into(),
            mapping_name: String::new(),
            people: People::default(),
        },
        id_given: true,
        body: body.clone().into_bytes(),
    };
    let request = AppendRequest {
        events: bodies.iter().map(event).collect(),
        atomic: false,
        on_conflict: OnConflict::Store,
        replay: None,
        note: Vec::new(),
    };
    writer.append_blocking(request).unwrap();
}

fn wait(search: &Search, size: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut indexed = search.indexed();
    let reached = indexed.wait_for(|indexed| *indexed >= size);
    let in_time =
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), reached).await.is_ok() });
    assert!(in_time, "the index did not reach {size}");
}

#[test]
fn what_the_ledger_acknowledged_is_found_before_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (writer, reader, search) = open(dir.path());
    let acme =
        ChainOpen { tenant_number: 7, tenant_name: "acme".into(), tenant_uuid: [7; 16], body: Vec::new() };
    let (chain, _) = writer.open_chain_blocking(acme).unwrap();
    let bodies = |range: std::ops::Range<u32>| -> Vec<String> {
        range
            .map(|n| format!(r#"{{"action":"Login","actor":{{"username":"Ada"}},"details":"try {n:04}"}}"#))
            .collect()
    };
    send(&writer, chain, &bodies(0..100));
    wait(&search, reader.durable_size());
    let query = |name: &str, value: &str| {
        Query::from_params(&[(name.into(), value.into())], Timestamp::from_micros(0)).unwrap()
    };
    let count = |search: &Search, query: &Query| world::count(search, &Reach::tenants([7]), query, None);
    assert_eq!(count(&search, &query("user", "ADA")), 100);
    assert_eq!(count(&search, &query("action_type", "login")), 100);
    assert_eq!(world::count(&search, &Reach::tenants([8]), &Query::all(), None), 0);
    let hit = search.by_id(&Reach::All, Some(7), "id-0042", &Budget::unlimited()).unwrap().0[0];
    let record = reader.record(hit.index).unwrap().whole().unwrap();
    assert_eq!(record.envelope.event_id, "id-0042");
    assert_eq!(
        search.progress().complete_through,
        reader.record(reader.durable_size() - 1).unwrap().received_at()
    );
    // Half of it in a split, the rest only in the ledger.
    search.close();
    send(&writer, chain, &bodies(100..150));
    writer.close();
    drop((writer, reader, search));
    let (writer, reader, search) = open(dir.path());
    wait(&search, reader.durable_size());
    assert_eq!(count(&search, &query("q", "\"try 0042\"")), 1);
    assert_eq!(count(&search, &Query::all()), 150);
    let report = crate::check(&dir.path().join("search"), &reader, &JsonDecoder, &|_| {}).unwrap();
    assert!(report.is_sound() && report.events == 100, "{report:?}");
    search.close();
    writer.close();
}

#[test]
fn what_the_ledger_removed_is_in_no_answer_and_no_index_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("search");
    let (writer, reader, search) = open(dir.path());
    let acme =
        ChainOpen { tenant_number: 7, tenant_name: "acme".into(), tenant_uuid: [7; 16], body: Vec::new() };
    let (chain, receipt) = writer.open_chain_blocking(acme).unwrap();
    let first = receipt.first().placed().unwrap().index + 1;
    let body =
        |n: u32| format!(r#"{{"action":"Login","actor":{{"username":"Ada"}},"details":"try {n:04}"}}"#);
    send(&writer, chain, &(0..100).map(body).collect::<Vec<_>>());
    wait(&search, reader.durable_size());
    search.close();
    drop(search);
    let own = reader.chains()[0].chain;
    let told = writer.append_system_blocking(Kind::RETENTION, own, b"{}".to_vec()).unwrap();
    let by = told.first().placed().unwrap().index;
    let indices: Vec<u64> = (0..100).filter(|n| n % 3 == 0).map(|n| first + n).collect();
    let removal = Removal { by, indices: indices.clone(), kind: Kind::RETENTION, chain: own };
    writer.remove_blocking(removal, |_| b"{}".to_vec()).unwrap();
    // The splits have them still; each is said, and nothing of the events between them.
    let report = crate::check(&root, &reader, &JsonDecoder, &|_| {}).unwrap();
    let found: Vec<_> = report.findings.iter().map(|finding| (finding.index, finding.what)).collect();
    let expected = indices.iter().map(|index| (Some(*index), "it has an event that was removed"));
    assert_eq!((found, report.events), (expected.collect(), 66));
    writer.close();
    drop((writer, reader));
    let (writer, reader, search) = open(dir.path());
    wait(&search, reader.durable_size());
    search.hide(indices.iter().copied());
    let count = |search: &Search| world::count(search, &Reach::All, &Query::all(), None);
    assert_eq!(count(&search), 66);
    search.purge(|_| {}).unwrap();
    assert_eq!(count(&search), 66);
    search.close();
    let report = crate::check(&root, &reader, &JsonDecoder, &|_| {}).unwrap();
    assert!(report.is_sound() && report.events == 66, "{report:?}");
    writer.close();
    drop((writer, reader, search));
    std::fs::remove_dir_all(&root).unwrap();
    let (writer, reader, search) = open(dir.path());
    wait(&search, reader.durable_size());
    assert_eq!(count(&search), 66);
    search.close();
    writer.close();
}
