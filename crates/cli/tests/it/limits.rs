//! Limits: what is too large, too deep or too much is refused by name, and the server goes on.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::{Value, json};

use crate::support::{Installation, gzip, zstd};

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn sizes_and_counts_have_limits_that_are_settings() {
    let (_installation, _server, api) = Installation::with_acme(&[
        ("EVENT_BYTES_MAX", "2000"),
        ("REQUEST_EVENTS_MAX", "10"),
        ("REQUEST_BYTES_MAX", "8000"),
        ("EVENT_ITEMS_MAX", "5"),
    ]);
    let of_size = |bytes: usize| {
        let empty = json!({"action": "a", "details": ""}).to_string().len();
        json!({"action": "a", "details": "x".repeat(bytes - empty)})
    };
    let targets = |count: usize| json!({"action": "a", "targets": vec![json!({"type": "user"}); count]});
    let many = |count: usize| Value::from(vec![json!({"action": "a"}); count]);
    for (what, body, expected) in [
        ("the largest event", of_size(2000), None),
        ("a byte more", of_size(2001), Some((413, "event_too_large"))),
        ("the most events", many(10), None),
        ("one event more", many(11), Some((413, "batch_too_large"))),
        ("the most targets", targets(5), None),
        ("one target more", targets(6), Some((400, "too_many_items"))),
        ("the largest request", Value::from(vec![of_size(1900); 4]), None),
        ("too large a request", Value::from(vec![of_size(1999); 5]), Some((413, "batch_too_large"))),
    ] {
        let answer = api.send(&body);
        match expected {
            None => assert_eq!(answer.status, 201, "{what}: {}", answer.text()),
            Some((status, code)) => drop(answer.refused(status, code)),
        }
    }
    // Small on the wire, large unpacked.
    let large = Value::from(vec![of_size(1999); 5]).to_string();
    for (coding, body) in [("gzip", gzip(large.as_bytes())), ("zstd", zstd(large.as_bytes()))] {
        assert!(body.len() < 8000);
        api.post("", &[JSON, ("Content-Encoding", coding)], &body).refused(413, "batch_too_large");
    }
    api.found("", 16);
}

#[test]
fn depth_is_counted_from_the_event_and_ends_at_32() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    let nested =
        |depth: usize| format!(r#"{{"action":"a","data":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    api.post("", &[JSON], nested(31).as_bytes()).expect(201);
    api.post("", &[JSON], nested(32).as_bytes()).refused(400, "too_deep");
    api.post("", &[JSON], nested(400_000).as_bytes()).refused(400, "too_deep");
    api.found("", 1);
}

#[test]
fn one_event_too_large_does_not_cost_the_others() {
    let (_installation, _server, api) = Installation::with_acme(&[("EVENT_BYTES_MAX", "2000")]);
    let lines =
        format!("{{\"action\":\"a\"}}\n{{\"action\":\"{}\"}}\n{{\"action\":\"c\"}}\n", "b".repeat(3000));
    let answer =
        api.post("", &[("Content-Type", "application/x-ndjson")], lines.as_bytes()).expect(207).json();
    assert_eq!((&answer["accepted"], &answer["rejected"][0]["code"]), (&json!(2), &json!("event_too_large")));
    assert_eq!(answer["rejected"][0]["line"], 2);
}

#[test]
fn an_error_never_repeats_more_than_a_short_part_of_the_input() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    let long = "<script>alert(1)</script>".repeat(1000);
    for body in [
        json!({"action": "a", "time": long}),
        json!({"action": "a", "client": {"ip": long}}),
        json!({"action": "a", "actor": {"type": long}}),
    ] {
        let answer = api.send(&body).expect(400);
        assert!(answer.body.len() < 2000, "{}", answer.text());
    }
    let batch = Value::from(vec![json!({"action": "a", "time": long}); 500]);
    let answer = api.send(&batch).expect(400);
    assert!(answer.body.len() < 20_000, "{} bytes", answer.body.len());
}

#[test]
fn unknown_parameters_are_refused_with_the_nearest_name() {
    let (_installation, server, api) = Installation::with_acme(&[]);
    for (method, path, parameter, nearest) in [
        ("GET", "/v1/events?acton=login", "acton", Some("action")),
        ("GET", "/v1/events?until=2026-03-01T00:00:00Z&sinse=P1D", "sinse", Some("since")),
        ("GET", "/v1/events?Limit=5", "Limit", Some("limit")),
        ("GET", "/v1/events?zzzzzzzzzz=1", "zzzzzzzzzz", None),
        ("POST", "/v1/events?atomi=true", "atomi", Some("atomic")),
        ("GET", "/v1/events/x?tennant=acme", "tennant", Some("tenant")),
        ("GET", "/v1/tenants?all=true", "all", None),
        ("GET", "/v1/feed?tenant=acme", "tenant", None),
    ] {
        let answer = api.request(method, path, &[JSON], br#"{"action":"a"}"#);
        let problem = answer.refused(400, "unknown_parameter");
        assert_eq!(problem["errors"][0]["field"], parameter, "{path}");
        let message = problem["errors"][0]["message"].as_str().unwrap();
        match nearest {
            Some(nearest) => {
                assert!(message.ends_with(&format!("did you mean {nearest}?")), "{path}: {message}")
            }
            None => assert!(!message.contains("did you mean"), "{path}: {message}"),
        }
    }
    // Nothing was stored along the way.
    server.admin().found("", 0);
}

#[test]
fn the_longest_filter_fits_into_an_address_and_longer_addresses_are_refused() {
    let (installation, server, api) = Installation::with_acme(&[]);
    // With the condition around them 16,384 bytes, of which each takes up three characters.
    let filter =
        |letters: usize| format!("/v1/events?filter=action%20eq%20%22{}%22", "%C3%A9".repeat(letters));
    api.get(&filter(8_186)).expect(200);
    api.get(&filter(8_187)).refused(400, "invalid_filter");
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", filter(11_000)).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 414 "), "{answer}");
    let long = format!("action eq \"{}\"", "\u{e9}".repeat(11_000));
    let ended = server.command(&installation, &["count", "--filter", &long]).output().unwrap();
    let words = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.code() == Some(2) && words.contains("uri too long"), "{words}");
}

#[test]
fn what_can_not_be_unpacked_or_understood_is_refused_by_name() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    let packed = gzip(br#"{"action":"a"}"#);
    for (headers, body, status, code) in [
        (&[("Content-Type", "text/plain")][..], &b"{}"[..], 415, "unsupported_media_type"),
        (&[], b"{}", 415, "unsupported_media_type"),
        (&[JSON, ("Content-Encoding", "br")], b"{}", 415, "unsupported_encoding"),
        (&[JSON, ("Content-Encoding", "gzip")], &packed[..packed.len() - 3], 400, "invalid_encoding"),
        (&[JSON, ("Content-Encoding", "zstd")], &packed, 400, "invalid_encoding"),
        (&[JSON], &packed, 400, "invalid_utf8"),
        (&[JSON], b"", 400, "empty_body"),
        (&[JSON], b"[]", 400, "empty_batch"),
        (&[JSON], b"[{\"action\":\"a\"},", 400, "malformed_json"),
        (&[JSON], b"7", 400, "wrong_type"),
    ] {
        api.post("", headers, body).refused(status, code);
    }
    api.found("", 0);
}
