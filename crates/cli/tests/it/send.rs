//! Sending events: every form of body, and what the answer says of each event.

use serde_json::{Value, json};

use crate::support::{Installation, event, gzip, zstd};

/// Body by body, the bytes that `/original` must give back for each event.
fn originals(events: &[&str]) -> Vec<String> {
    events.iter().map(ToString::to_string).collect()
}

#[test]
fn every_form_of_body_is_stored_and_given_back_byte_for_byte() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    // Odd spacing, an escape and a number's spelling: what is kept is what was sent.
    let one = r#"{"id":"one", "action" : "user.update","parameters":{"n":1.50e3,"ä":"\u00e4"}}"#;
    let two = r#"{"id":"two","action":"user.delete"}"#;
    let cloud = |id: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/app","type":"user.locked","subject":"u7","data":{{"why":"5 tries"}}}}"#
        )
    };
    let (c1, c2, c3) = (cloud("c1"), cloud("c2"), cloud("c3"));
    let (json, ndjson) = ("application/json", "application/x-ndjson");
    let (cloudevent, batch) = ("application/cloudevents+json", "application/cloudevents-batch+json");
    let with_id = |id: &str| one.replace(r#""one""#, &format!(r#""{id}""#));
    let [g1, z1, l1, l2, i1, three, marked] = ["gz", "zs", "l1", "l2", "idn", "three", "bom"].map(with_id);
    let padded = format!("\u{feff}  {marked}\n ");
    type Row<'a> = (&'a str, &'a str, &'a str, Vec<u8>, Vec<String>);
    let rows: [Row<'_>; 9] = [
        ("one event", json, "", one.into(), originals(&[one])),
        ("an array", json, "", format!("[ {two} ,\n{three}]").into(), originals(&[two, &three])),
        ("lines", ndjson, "", format!("{l1}\r\n\n{l2}").into(), originals(&[&l1, &l2])),
        ("a CloudEvent", cloudevent, "", c1.clone().into(), originals(&[&c1])),
        ("CloudEvents", batch, "", format!("[{c2},{c3}]").into(), originals(&[&c2, &c3])),
        ("gzip", json, "gzip", gzip(g1.as_bytes()), originals(&[&g1])),
        ("zstd", json, "zstd", zstd(z1.as_bytes()), originals(&[&z1])),
        ("identity", json, "identity", i1.clone().into(), originals(&[&i1])),
        (
            "byte order mark and white space",
            "application/json; charset=UTF-8",
            "",
            padded.into(),
            originals(&[&marked]),
        ),
    ];
    let mut sent = 0;
    for (what, media, coding, body, expected) in rows {
        let mut headers = vec![("Content-Type", media)];
        if !coding.is_empty() {
            headers.push(("Content-Encoding", coding));
        }
        let answer = api.post("", &headers, &body).expect(201).json();
        assert_eq!(answer["accepted"], expected.len(), "{what}: {answer}");
        assert_eq!((&answer["duplicates"], &answer["rejected"]), (&json!(0), &json!([])), "{what}");
        sent += expected.len() as u64;
        api.found("", sent);
        for (place, original) in answer["events"].as_array().unwrap().iter().zip(&expected) {
            assert_eq!(place["tenant"], "acme", "{what}");
            let path = format!("/v1/events/{}/original", place["id"].as_str().unwrap());
            assert_eq!(api.get(&path).expect(200).text(), *original, "{what}");
        }
    }
}

#[test]
fn a_cloudevent_is_read_by_its_attributes() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    let body = json!({
        "specversion": "1.0", "id": "ce-1", "source": "/billing", "type": "com.example.invoice.paid", "subject": "inv-7",
        "time": "2026-03-01T12:34:56.5+01:00", "data": {"amount": 12},
    });
    let media = [("Content-Type", "application/cloudevents+json")];
    api.post("", &media, body.to_string().as_bytes()).expect(201);
    let event = &api.found("id=ce-1", 1)["data"][0];
    assert_eq!(event["action"], "com.example.invoice.paid");
    assert_eq!(event["source"]["application"], "/billing");
    assert_eq!(event["targets"][0]["id"], "inv-7");
    assert_eq!(event["time"], "2026-03-01T11:34:56.500000Z");
    assert_eq!(event["time_original"], "2026-03-01T12:34:56.5+01:00");
    assert_eq!(event["data"], json!({"amount": 12}));
}

#[test]
fn the_answer_names_each_event_and_its_place_in_the_tenants_chain() {
    let (_installation, server, api) = Installation::with_acme(&[]);
    let answer = api.send(&json!([event("acme", "a"), event("acme", "b")])).expect(201).json();
    let places = answer["events"].as_array().unwrap();
    // 0 is the entry that opened the chain, 1 tells that the key was made.
    for (ordinal, seq) in [(0, 2), (1, 3)] {
        assert_eq!(
            (&places[ordinal]["index"], &places[ordinal]["tenant_seq"]),
            (&json!(ordinal), &json!(seq))
        );
        assert!(places[ordinal].get("line").is_none());
        assert_eq!(places[ordinal]["id"].as_str().unwrap().len(), 36, "a UUID");
    }
    let lines = [("Content-Type", "application/x-ndjson")];
    let answer = api.post("", &lines, b"\n{\"action\":\"c\"}\n\n{\"action\":\"d\"}").expect(201).json();
    let numbers: Vec<_> =
        answer["events"].as_array().unwrap().iter().map(|place| place["line"].clone()).collect();
    assert_eq!(numbers, [2, 4]);
    let short = api.post("?events=false", &lines, b"{\"action\":\"e\"}").expect(201).json();
    assert!(short.get("events").is_none(), "{short}");
    assert_eq!(short["accepted"], 1);
    let vkey = server.admin().read("/v1/ledger")["vkey"].as_str().unwrap().to_owned();
    let (size, _) = crate::support::their_checkpoint(short["checkpoint"].as_str().unwrap(), &vkey);
    // The installation's chain with acme's event of its creation, the key's entry and event, acme's chain, five events.
    assert_eq!(size, 10);
}

#[test]
fn a_batch_with_bad_events_stores_the_good_ones_unless_it_is_atomic() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    let mut bad = event("acme", "second");
    bad["time"] = "yesterday".into();
    let batch = json!([event("acme", "first"), bad, event("acme", "third"), {"action": ""}]);
    let answer = api.send(&batch).expect(207).json();
    assert_eq!(answer["accepted"], 2);
    let rejected: Vec<_> = answer["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["index"].clone(), error["code"].clone(), error["field"].clone()))
        .collect();
    assert_eq!(
        rejected,
        [
            (json!(1), json!("invalid_time"), json!("/time")),
            (json!(3), json!("missing_field"), json!("/action"))
        ]
    );
    let stored: Vec<_> =
        answer["events"].as_array().unwrap().iter().map(|place| place["index"].clone()).collect();
    assert_eq!(stored, [0, 2]);

    let headers = [("Content-Type", "application/json")];
    let refused =
        api.post("?atomic=true", &headers, batch.to_string().as_bytes()).refused(400, "invalid_time");
    assert_eq!(refused["errors"][0]["index"], 1);
    api.found("", 2);
    let good = json!([event("acme", "fourth"), event("acme", "fifth")]).to_string();
    api.post("?atomic=true", &headers, good.as_bytes()).expect(201);
    api.found("", 4);
}

#[test]
fn when_nothing_was_stored_the_first_error_is_the_answer() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    let batch = json!([{"action": "a", "client": {"ip": "1.2.3"}}, {"time": "2026-03-01T00:00:00Z"}]);
    let problem = api.send(&batch).refused(400, "invalid_ip");
    assert_eq!(problem["errors"][0]["field"], "/client/ip");
    assert_eq!(problem["errors"][1]["code"], "missing_field");
    assert!(problem["instance"].as_str().unwrap().starts_with("urn:uuid:"));
    api.found("", 0);
}

#[test]
fn unknown_fields_are_kept_and_named_and_the_servers_own_are_not_believed() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    let mut sent = event("acme", "user.update");
    sent["id"] = "x".into();
    sent["favourite"] = json!({"colour": "blue"});
    sent["seq"] = 77.into();
    sent["received_at"] = "1999-01-01T00:00:00Z".into();
    let answer = api.send(&sent).expect(201).json();
    let warned: Vec<_> =
        answer["warnings"].as_array().unwrap().iter().map(|warning| warning["field"].clone()).collect();
    assert_eq!(warned, ["/favourite", "/seq", "/received_at"], "{answer}");
    let event = &api.found("id=x", 1)["data"][0];
    assert_eq!(event["favourite"], json!({"colour": "blue"}));
    assert!(event.get("seq").is_none(), "the key's reach is one tenant: {event}");
    assert!(event["received_at"].as_str().unwrap() > "2026");
}

#[test]
fn without_a_time_the_time_received_counts_and_is_marked_so() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    api.send(&json!([{"id": "r", "action": "a"}, {"id": "s", "action": "a", "time": "2026-03-01t14:34:56.1234567+02:00"}])).expect(201);
    api.found("", 2);
    let received = api.read("/v1/events/r");
    assert_eq!(received["time_source"], "received");
    assert_eq!(received["time"], received["received_at"]);
    assert_eq!(received["time_original"], Value::Null);
    let given = api.read("/v1/events/s");
    assert_eq!(
        (&given["time_source"], &given["time"]),
        (&json!("event"), &json!("2026-03-01T12:34:56.123456Z"))
    );
    assert_eq!(given["time_original"], "2026-03-01t14:34:56.1234567+02:00");
}

#[test]
fn the_tenant_is_the_one_named_else_the_keys_default_else_the_first_targets() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    for tenant in ["north", "acme", "south"] {
        admin.tenant(tenant);
    }
    admin.write("POST", "/v1/tenants", &json!({"name": "silent"})).expect(201);
    let made = admin.write("POST", "/v1/keys", &json!({
        "name": "by target", "permissions": ["events.send"], "reach": {"tenants": ["north", "acme", "silent"]}, "tenant_from_target": true,
    }));
    let by_target = server.with_key(made.expect(201).json()["key"].as_str().unwrap());
    let default = admin.key(&["events.send"], &["acme", "north"]);
    let of = |tenant: Option<&str>, target: &str| {
        let mut event = json!({"action": "a", "targets": [{"type": "user", "id": "1", "tenant": target}]});
        if let Some(tenant) = tenant {
            event["tenant"] = tenant.into();
        }
        event
    };
    for (api, sent, expected) in [
        (&default, of(Some("north"), "acme"), "north"),
        (&default, of(Some("NORTH"), "acme"), "north"),
        (&default, of(None, "north"), "acme"),
        (&by_target, of(None, "north"), "north"),
        (&by_target, of(Some("acme"), "north"), "acme"),
    ] {
        let answer = api.send(&sent).expect(201).json();
        assert_eq!(answer["events"][0]["tenant"], expected, "{sent}");
    }
    let mut null = of(None, "north");
    null["tenant"] = Value::Null;
    assert_eq!(default.send(&null).expect(201).json()["events"][0]["tenant"], "acme");

    // Outside the reach and unknown: the same answer, and before anything is said about auditing.
    let mut refusals = ["south", "nowhere"]
        .map(|tenant| by_target.send(&of(Some(tenant), "")).refused(403, "tenant_forbidden"));
    for refusal in &mut refusals {
        refusal["instance"] = Value::Null;
    }
    assert_eq!(refusals[0], refusals[1]);
    by_target.send(&of(None, "south")).refused(403, "tenant_forbidden");
    by_target.send(&of(Some("silent"), "")).refused(403, "auditing_off");
    admin.write("PATCH", "/v1/tenants/silent", &json!({"auditing": true})).expect(200);
    by_target.send(&of(Some("silent"), "")).expect(201);
}

#[test]
fn receipts_can_be_kept_for_those_who_may_verify() {
    let installation = Installation::new().with("RECEIPTS", "verify");
    let server = installation.start();
    server.admin().tenant("acme");
    let sender = server.admin().key(&["events.send"], &["acme"]);
    let verifier = server.admin().key(&["events.send", "audit.verify"], &["acme"]);
    assert!(sender.send(&event("acme", "a")).expect(201).json().get("checkpoint").is_none());
    assert!(verifier.send(&event("acme", "a")).expect(201).json()["checkpoint"].is_string());
}
