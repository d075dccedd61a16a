//! Ids, duplicates and `Idempotency-Key`: what is sent twice is stored once, and nothing is lost.

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{Api, Installation, Server, event};

fn server() -> (Installation, Server, Api) {
    let (installation, server, api) = Installation::with_acme(&[]);
    server.admin().tenant("other");
    (installation, server, api)
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn the_same_id_and_bytes_are_stored_once_and_get_the_first_receipt() {
    let (installation, server, api) = server();
    let body = br#"{"id":"order-7","action":"order.pay"}"#;
    let first = api.post("", &[JSON], body).expect(201).json();
    api.send(&event("acme", "between")).expect(201);
    let again = api.post("", &[JSON], body).expect(201).json();
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(1)));
    assert_eq!(again["events"], first["events"]);
    // Twice in one request.
    let twice =
        api.post("", &[JSON], br#"[{"id":"t","action":"a"},{"id":"t","action":"a"}]"#).expect(201).json();
    assert_eq!((&twice["accepted"], &twice["duplicates"]), (&json!(1), &json!(1)));
    assert_eq!(twice["events"][0]["tenant_seq"], twice["events"][1]["tenant_seq"]);
    api.found("", 3);
    // And after a restart.
    let key = api.key.clone().unwrap();
    server.kill();
    let server = installation.start();
    let api = server.with_key(&key);
    let later = api.post("", &[JSON], body).expect(201).json();
    assert_eq!((&later["duplicates"], &later["events"]), (&json!(1), &first["events"]));
    api.found("", 3);
}

#[test]
fn the_same_id_with_other_bytes_is_stored_under_its_own_name() {
    let (_installation, _server, api) = server();
    api.send(&json!({"id": "x", "action": "a"})).expect(201);
    let other = br#"{"id":"x","action":"b"}"#;
    let answer = api.post("", &[JSON], other).expect(201).json();
    let id = format!("x~{}", hex::encode(&Sha256::digest(other)[..4]));
    assert_eq!(answer["events"][0]["id"], id);
    assert_eq!(answer["warnings"][0]["code"], "id_reused");
    assert_eq!(answer["warnings"][0]["index"], 0);
    // Again: now a duplicate of the second.
    let again = api.post("", &[JSON], other).expect(201).json();
    assert_eq!((&again["duplicates"], &again["events"][0]["id"]), (&json!(1), &json!(id)));
    api.found("", 2);
    let encoded = id.replace('~', "%7E");
    assert_eq!(api.get(&format!("/v1/events/{encoded}/original")).expect(200).body, other);
    assert_eq!(api.read("/v1/events/x")["action"], "a");
}

#[test]
fn one_request_that_uses_an_id_for_different_events_is_told_by_the_status() {
    let (_installation, _server, api) = server();
    let answer =
        api.send(&json!([{"id": "x", "action": "a"}, {"id": "x", "action": "b"}])).expect(207).json();
    assert_eq!((&answer["accepted"], &answer["warnings"][0]["code"]), (&json!(2), &json!("id_reused")));
    api.found("", 2);
}

#[test]
fn on_conflict_reject_refuses_the_same_id_with_other_bytes() {
    let (_installation, _server, api) = server();
    api.send(&json!({"id": "x", "action": "a"})).expect(201);
    let send = |query: &str, body: &str| api.post(query, &[JSON], body.as_bytes());
    let problem = send("?on_conflict=reject", r#"{"id":"x","action":"b"}"#).refused(409, "id_conflict");
    assert_eq!(problem["errors"][0]["field"], "/id");
    // The same bytes stay a duplicate.
    let same = json!({"id": "x", "action": "a"}).to_string();
    assert_eq!(send("?on_conflict=reject", &same).expect(201).json()["duplicates"], 1);
    let batch = r#"[{"id":"y","action":"b"},{"id":"x","action":"b"}]"#;
    let partial = send("?on_conflict=reject", batch).expect(207).json();
    assert_eq!((&partial["accepted"], &partial["rejected"][0]["code"]), (&json!(1), &json!("id_conflict")));
    let batch = r#"[{"id":"z","action":"b"},{"id":"x","action":"b"}]"#;
    send("?on_conflict=reject&atomic=true", batch).refused(409, "id_conflict");
    api.found("", 2);
    send("?on_conflict=maybe", "{}").refused(400, "invalid_filter");
}

#[test]
fn ids_are_unique_per_tenant_and_compared_byte_for_byte() {
    let (_installation, server, api) = server();
    let other = server.admin().key(&["events.send", "audit.read"], &["other"]);
    for (api, id) in [(&api, "same"), (&other, "same"), (&api, "Same")] {
        let answer = api.send(&json!({"id": id, "action": "a"})).expect(201).json();
        assert_eq!((&answer["accepted"], &answer["warnings"]), (&json!(1), &json!([])), "{id}");
    }
    api.found("id=same", 1);
    other.found("", 1);
    for bad in ["", "a b", "a/b", "a*", "é", &"x".repeat(129)] {
        let problem = api.send(&json!({"id": bad, "action": "a"})).refused(400, "invalid_id");
        assert_eq!(problem["errors"][0]["field"], "/id", "{bad:?}");
    }
    api.send(&json!({"id": "x".repeat(128), "action": "a"})).expect(201);
}

#[test]
fn an_idempotency_key_gives_the_first_answer_again() {
    let (installation, server, api) = server();
    let headers = |key: &'static str| [JSON, ("Idempotency-Key", key)];
    // Events without ids: only the key can tell that they are the same.
    let body = br#"[{"action":"a"},{"action":""},{"action":"b"}]"#;
    let first = api.post("", &headers("k1"), body).expect(207);
    assert_eq!(first.header("idempotent-replayed"), "");
    let without_checkpoint = |answer: &crate::support::Answer| {
        let mut json = answer.json();
        assert!(json.as_object_mut().unwrap().remove("checkpoint").is_some());
        json
    };
    let again = api.post("", &headers("k1"), body).expect(207);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(without_checkpoint(&again), without_checkpoint(&first));
    api.found("", 2);

    for (query, body) in [("", &b"[{\"action\":\"c\"}]"[..]), ("?atomic=true", body)] {
        api.post(query, &headers("k1"), body).refused(409, "idempotency_conflict");
    }
    // The key belongs to one API key.
    let colleague = server.admin().key(&["events.send"], &["acme"]);
    let theirs = colleague.post("", &headers("k1"), br#"{"action":"c"}"#).expect(201);
    assert_eq!(theirs.header("idempotent-replayed"), "");
    // What was rejected whole is not remembered.
    api.post("", &headers("k2"), br#"{"action":""}"#).refused(400, "missing_field");
    api.post("", &headers("k2"), br#"{"action":"now good"}"#).expect(201);
    api.found("", 4);

    let key = api.key.clone().unwrap();
    server.kill();
    let server = installation.start();
    let api = server.with_key(&key);
    let later = api.post("", &headers("k1"), body).expect(207);
    assert_eq!(later.header("idempotent-replayed"), "true");
    assert_eq!(without_checkpoint(&later), without_checkpoint(&first));
    api.found("", 4);
    let long = "k".repeat(256);
    api.post("", &[JSON, ("Idempotency-Key", &long)], body).refused(400, "invalid_id");
    api.post("", &[JSON, ("Idempotency-Key", &long[1..])], body).expect(207);
}
