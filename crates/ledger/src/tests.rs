//! Tests of the ledger as a whole, on real files and threads.

use std::sync::Arc;

use indelible_event::{TimeSource, Timestamp};
use indelible_merkle::{VerifierKey, Checkpoint, verify_consistency, verify_inclusion};
use indelible_verify::{ChainId, Envelope, Kind, Protocol};

use crate::*;

/// A small configuration, so that segments and seals happen within a test.
pub(crate) fn config() -> LedgerConfig {
    LedgerConfig {
        wal_segment_bytes: 256 << 10,
        seal_bytes: 64 << 10,
        queue_bytes_max: 16 << 20,
        group_bytes_max: 256 << 10,
        ring_bytes: 64 << 10,
        cache_bytes: 256 << 10,
        min_free_bytes: 0,
        ..LedgerConfig::default()
    }
}

pub(crate) fn envelope(id: &str) -> Envelope {
    Envelope {
        event_time_us: 5,
        time_source: TimeSource::Event,
        protocol: Protocol::JSON,
        rule_version: 1,
        mapping_version: 0,
        tenant_number: 1,
        key_id: [9; 16],
        event_id: id.to_owned(),
        tenant_name: "acme".to_owned(),
        media_type: "application/json".to_owned(),
        mapping_name: String::new(),
    }
}

pub(crate) fn event(chain: ChainId, id: &str, body: &str) -> NewEvent {
    NewEvent { chain, envelope: envelope(id), id_given: true, body: body.as_bytes().to_vec() }
}

pub(crate) fn request(events: Vec<NewEvent>) -> AppendRequest {
    AppendRequest { events, atomic: false, on_conflict: OnConflict::Store, replay: None, note: Vec::new() }
}

pub(crate) fn tenant(number: u64) -> ChainOpen {
    ChainOpen {
        tenant_number: number,
        tenant_name: format!("tenant-{number}"),
        tenant_uuid: [number as u8; 16],
        body: br#"{"parent":null}"#.to_vec(),
    }
}

fn open(dir: &std::path::Path) -> (LedgerWriter, LedgerReader) {
    Ledger::open(dir, config(), Arc::new(SystemClock), &|_| {}).unwrap()
}

#[test]
fn what_was_acknowledged_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (chain, receipt) = {
        let (writer, reader) = open(dir.path());
        let (chain, _) = writer.open_chain_blocking(tenant(1)).unwrap();
        let events = (0..500).map(|n| event(chain, &format!("id-{n}"), &format!("{{\"n\":{n},\"pad\":\"{}\"}}", "x".repeat(n))));
        let receipt = writer.append_blocking(request(events.collect())).unwrap();
        assert_eq!(receipt.outcomes.len(), 500);
        assert!(receipt.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Stored(_))));
        assert_eq!(reader.durable_size(), 502);
        writer.close();
        (chain, receipt)
    };
    let (writer, reader) = open(dir.path());
    assert_eq!(reader.durable_size(), 502);
    let vkey: VerifierKey = reader.vkey().parse().unwrap();
    let old = Checkpoint::open(&receipt.checkpoint.note, &[vkey.clone()]).unwrap();
    let new = Checkpoint::open(&reader.checkpoint().note, &[vkey]).unwrap();
    assert_eq!((old.size(), new.size()), (502, 502));
    for (n, outcome) in receipt.outcomes.iter().enumerate() {
        let placed = outcome.placed().unwrap();
        let record = reader.record(placed.index).unwrap();
        assert_eq!(record.envelope.event_id, format!("id-{n}"));
        assert_eq!((record.entry.tenant_seq, record.entry.chain_id), (placed.tenant_seq, chain));
        let proof = reader.inclusion(placed.index, 502).unwrap();
        verify_inclusion(&record.leaf_hash, placed.index, 502, &proof, new.root()).unwrap();
    }
    let again = writer.append_blocking(request(vec![event(chain, "id-7", "{\"n\":7,\"pad\":\"xxxxxxx\"}")])).unwrap();
    assert_eq!(again.outcomes, [Outcome::Duplicate(receipt.outcomes[7].placed().unwrap().clone())]);
    let other = writer.append_blocking(request(vec![event(chain, "id-7", "{}")])).unwrap();
    assert!(matches!(&other.outcomes[0], Outcome::Reused(placed) if placed.id == "id-7~44136fa3"), "{other:?}");
    let proof = reader.consistency(502, 503).unwrap();
    verify_consistency(502, 503, &proof, old.root(), &other.checkpoint.root).unwrap();
}
