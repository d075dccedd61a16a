//! Exports: whole, named, followed, within the reach at every step, and one correct file whatever happens meanwhile.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Answer, Api, Installation, LONG, Server, numbered, within};

struct World {
    installation: Installation,
    server: Server,
    admin: Api,
}

/// So many events in each of two tenants.
fn world(events: u64) -> World {
    world_in(Installation::new(), events)
}

fn world_in(installation: Installation, events: u64) -> World {
    let server = installation.start();
    let admin = server.admin();
    for tenant in ["acme", "other"] {
        admin.tenant(tenant);
        let mut n = 0;
        while n < events {
            let end = events.min(n + 5_000);
            let batch = (n..end).map(|n| {
                let mut event = numbered(tenant, n);
                event["id"] = format!("{tenant}-{n:06}").into();
                event["time"] = format!("2026-03-01T00:{:02}:{:02}Z", n / 60 % 60, n % 60).into();
                event["parameters"] = json!({ "Number": n, format!("Only {}", n % 3): "=1+1" });
                event
            });
            admin.send(&Value::from_iter(batch)).expect(201);
            n = end;
        }
    }
    World { installation, server, admin }
}

const SENT: &str = "application=!indelible&since=2026-01-01T00:00:00Z";

/// Asks for an export and waits until it has ended.
fn ended(api: &Api, wanted: &Value) -> Value {
    let id = begun(api, wanted);
    end_of(api, &id)
}

fn begun(api: &Api, wanted: &Value) -> String {
    let export = api.write("POST", "/v1/exports", wanted).expect(202).json();
    export["id"].as_str().unwrap().to_owned()
}

fn end_of(api: &Api, id: &str) -> Value {
    within(LONG, "the export's end", || {
        let export = api.read(&format!("/v1/exports/{id}"));
        (!["queued", "running"].contains(&export["state"].as_str().unwrap())).then_some(export)
    })
}

fn file(api: &Api, export: &Value) -> Answer {
    assert_eq!(export["state"], "completed", "{export}");
    let answer = api.get(&format!("/v1/exports/{}/download", export["id"].as_str().unwrap())).expect(200);
    assert_eq!(hex::encode(Sha256::digest(&answer.body)), export["file"]["sha256"], "{export}");
    assert_eq!(answer.body.len() as u64, export["file"]["bytes"].as_u64().unwrap());
    answer
}

fn records(csv: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv);
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn every_event_that_matches_is_in_the_file_once_in_every_format() {
    let world = world(700);
    let query = format!("tenant=acme&{SENT}");
    world.admin.found(&query, 700);
    let expected: Vec<_> = (0..700).map(|n| format!("acme-{n:06}")).collect();
    for format in ["csv", "ndjson", "json"] {
        let export = ended(&world.admin, &json!({"format": format, "query": query}));
        let file = file(&world.admin, &export);
        let ids: Vec<_> = match format {
            "csv" => {
                let rows = records(&file.body);
                let id = rows[0].iter().position(|heading| heading == "Event Id").unwrap();
                rows[1..].iter().map(|row| row[id].clone()).collect()
            }
            "json" => {
                let events: Vec<Value> = serde_json::from_slice(&file.body).unwrap();
                events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
            }
            _ => {
                let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].clone();
                file.text().lines().map(|line| id(line).as_str().unwrap().to_owned()).collect()
            }
        };
        assert_eq!(ids, expected, "{format}: in the order of the ledger");
        assert_eq!((&export["file"]["rows"], &export["file"]["left_out"]), (&json!(700), &json!(0)));
        assert_eq!(export["file"]["first"]["id"], "acme-000000");
        assert_eq!(export["file"]["last"]["id"], "acme-000699");
        assert_eq!(export["progress"], Value::Null);
    }
    // What is in the page's answer is in the file, to the letter.
    let export = ended(&world.admin, &json!({"format": "ndjson", "query": format!("id=acme-000041&{SENT}")}));
    let event: Value = serde_json::from_slice(&file(&world.admin, &export).body).unwrap();
    assert_eq!(event, world.admin.read("/v1/events/acme-000041"));
}

#[test]
fn complete_csv_has_every_column_and_parameter_and_no_formula() {
    let world = world(5);
    let export = ended(
        &world.admin,
        &json!({"format": "csv", "query": format!("tenant=acme&tz=Europe/Rome&{SENT}"), "byte_order_mark": true}),
    );
    let name = export["file"]["name"].as_str().unwrap();
    assert!(name.starts_with("audit-log-complete-") && name.ends_with(".csv") && name.len() == 38, "{name}");
    let file = file(&world.admin, &export);
    assert_eq!(file.header("content-disposition"), format!("attachment; filename=\"{name}\""));
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    let text = file.body.strip_prefix(b"\xef\xbb\xbf").expect("it begins with the mark");
    let rows = records(text);
    let parameters: Vec<_> = rows[0].iter().skip(16).map(String::as_str).collect();
    assert_eq!(
        parameters,
        ["Parameter: Number", "Parameter: Only 0", "Parameter: Only 1", "Parameter: Only 2"]
    );
    assert_eq!(rows[1][0], "2026-03-01T01:00:00.000000+01:00", "in the zone of the question");
    assert_eq!(rows[1][16..], ["0", "'=1+1", "", ""], "a formula is a text");
    assert!(text.ends_with(b"\r\n"), "RFC 4180");
}

#[test]
fn the_file_of_the_audit_logs_has_its_columns_in_its_order_and_forms() {
    let world = world(0);
    world
        .admin
        .send(&json!([{
            "id": "one", "tenant": "acme", "time": "2019-01-07T10:18:16.167Z", "action": "Unpreserve recording",
            "source": {"application": "SSAM", "node": "ias-01"}, "client": {"ip": "192.168.1.1"},
            "actor": {"username": "u205", "first_name": "Utente", "last_name": "Duecentocinque", "tenant": "company.com"},
            "details": "Recording Id {c333d58a}",
        }]))
        .expect(201);
    world.admin.found("id=one", 1);
    let wanted =
        json!({"format": "csv", "columns": "basic", "query": "tenant=acme&application=SSAM&tz=Europe/Rome"});
    let file = file(&world.admin, &ended(&world.admin, &wanted));
    let rows = records(&file.body);
    let headings = [
        "Application Id",
        "Timestamp (Server Time Zone)",
        "Username",
        "First name",
        "Last name",
        "Tenant",
        "Action",
        "Client IP",
        "IAS Node",
        "Details",
    ];
    assert_eq!(rows[0], headings);
    let cells = [
        "SSAM",
        "2019-01-07T11:18:16.1670000+01:00",
        "u205",
        "Utente",
        "Duecentocinque",
        "company.com",
        "Unpreserve recording",
        "192.168.1.1",
        "ias-01",
        "Recording Id {c333d58a}",
    ];
    assert_eq!(rows[1..], [cells.map(str::to_owned)]);
}

#[test]
fn what_an_export_is_about_is_frozen_when_it_is_asked_for() {
    let world = world(20);
    let page = world.admin.found(&format!("tenant=acme&{SENT}"), 20);
    let moment = page["as_of"].as_str().unwrap();
    world
        .admin
        .send(&json!({"id": "late", "tenant": "acme", "time": "2026-03-01T00:00:30Z", "action": "late"}))
        .expect(201);
    // What was acknowledged before is in, whether or not it is searchable by now; what comes behind the moment is not.
    let query = format!("tenant=acme&{SENT}");
    let all = ended(&world.admin, &json!({"format": "ndjson", "query": query}));
    let page = ended(&world.admin, &json!({"format": "ndjson", "query": query, "as_of": moment}));
    assert_eq!((&all["file"]["rows"], &page["file"]["rows"]), (&json!(21), &json!(20)));
    assert_eq!(all["file"]["last"]["id"], "late");
}

#[test]
fn wrong_wishes_are_refused_with_the_field_and_change_nothing() {
    let world = world(1);
    for (wanted, code, field) in [
        (json!({}), "missing_field", "/format"),
        (json!({"format": "doc"}), "invalid_enum", "/format"),
        (json!({"format": "csv", "columns": "all"}), "invalid_enum", "/columns"),
        (json!({"format": "csv", "columns": ["time", "tmie"]}), "invalid_enum", "/columns/1"),
        (json!({"format": "csv", "columns": []}), "invalid_enum", "/columns"),
        (json!({"format": "csv", "zone": "Mars/Olympus"}), "invalid_filter", "/zone"),
        (json!({"format": "csv", "query": "actr=ada"}), "unknown_parameter", "actr"),
        (json!({"format": "csv", "query": "since=yesterday"}), "invalid_filter", "since"),
        (json!({"format": "csv", "query": "tenant=acme#&outcome=failure"}), "invalid_filter", "/query"),
        (json!({"format": "csv", "query": "q=%ff%fe"}), "invalid_filter", "/query"),
        (json!({"format": "csv", "as_of": "x"}), "invalid_cursor", "as_of"),
        (json!({"format": "csv", "name": "a\u{202e}b"}), "invalid_string", "/name"),
        (json!({"format": "json", "byte_order_mark": true}), "invalid_enum", "/byte_order_mark"),
        (json!({"format": "csv", "rows": 5}), "unknown_parameter", "/rows"),
    ] {
        let problem = world.admin.write("POST", "/v1/exports", &wanted).refused(400, code);
        assert_eq!(problem["errors"][0]["field"], field, "{wanted}: {problem}");
    }
    assert_eq!(world.admin.read("/v1/exports")["data"], json!([]));
    world.admin.told("export.create", 0);
}

#[test]
fn nothing_outside_the_reach_is_in_a_file_and_nobody_else_gets_it() {
    let world = world(30);
    let acme = world.admin.key(&["audit.read", "audit.export"], &["acme"]);
    let other = world.admin.key(&["audit.read", "audit.export"], &["other"]);
    let reads_only = world.admin.key(&["audit.read"], &["acme"]);
    let exports_only = world.admin.key(&["audit.export"], &["acme"]);
    for query in
        [SENT.to_owned(), format!("tenant=acme&tenant=other&{SENT}"), format!("tenant=!nowhere&{SENT}")]
    {
        let export = ended(&acme, &json!({"format": "csv", "query": query}));
        assert_eq!(export["file"]["rows"], 30, "{query}");
        let file = file(&acme, &export);
        assert!(!file.text().contains("other-"), "{query}");
    }
    for api in [&reads_only, &exports_only] {
        api.write("POST", "/v1/exports", &json!({"format": "csv"})).refused(403, "forbidden");
    }
    let export = ended(&acme, &json!({"format": "csv", "query": SENT}));
    let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
    let none = other.get("/v1/exports/00000000-0000-4000-8000-000000000000").refused(404, "not_found");
    for (method, path) in [
        ("GET", path.clone()),
        ("DELETE", path.clone()),
        ("POST", format!("{path}/cancel")),
        ("GET", format!("{path}/download")),
        ("GET", format!("{path}/manifest")),
        ("POST", format!("{path}/link")),
    ] {
        let problem = other.request(method, &path, &[], b"").refused(404, "not_found");
        assert_eq!(problem["detail"], none["detail"], "{method} {path}");
    }
    assert_eq!(other.read("/v1/exports")["data"], json!([]));
    other.get("/v1/exports?owner=all").refused(403, "forbidden");
    // Administrators see that there is one, and can end it; what is in it was found with another's reach.
    assert_eq!(world.admin.read("/v1/exports?owner=all")["data"].as_array().unwrap().len(), 4);
    world.admin.get(&format!("{path}/download")).refused(403, "forbidden");
    world.admin.delete(&path).expect(200);
    acme.get(&format!("{path}/download")).refused(404, "not_found");
}

#[test]
fn the_reach_is_asked_again_at_each_download_and_by_each_link() {
    let world = world(10);
    world.admin.tenant("north");
    let id = world.admin.user(
        "ada",
        Some("acme"),
        &json!([{"role": "Tenant Auditor", "territories": []}]),
        PASSWORD,
    );
    let ada = world.admin.signed_in("ada", PASSWORD);
    let export = ended(&ada, &json!({"format": "csv", "query": SENT}));
    assert_eq!(export["file"]["rows"], 10);
    assert_eq!((&export["owner"]["name"], &export["owner"]["type"]), (&json!("ada"), &json!("user")));
    let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
    let link = ada.request("POST", &format!("{path}/link"), &[], b"").expect(201).json();
    let by_link =
        link["url"].as_str().unwrap().split_once("/v1/").map(|(_, rest)| format!("/v1/{rest}")).unwrap();
    let nobody = world.server.stranger();
    let expected = file(&ada, &export).body;
    assert_eq!(nobody.get(&by_link).expect(200).body, expected);
    // A link is good for its file, whole or in part, and nothing else.
    let part = nobody.request("GET", &by_link, &[("range", "bytes=100-199")], b"").expect(206);
    assert_eq!(part.body, expected[100..200]);
    let (head, last) = by_link.split_at(by_link.len() - 1);
    nobody.get(&format!("{head}{}", if last == "A" { "B" } else { "A" })).refused(404, "not_found");
    nobody.get("/v1/downloads/x").refused(404, "not_found");
    nobody.get(&format!("{path}/download")).refused(401, "unauthorized");
    // Another tenant's auditor now.
    world.admin.write("PATCH", &format!("/v1/users/{id}"), &json!({"tenant": "other"})).expect(200);
    ada.get(&format!("{path}/download")).refused(403, "forbidden");
    ada.get(&format!("{path}/manifest")).refused(403, "forbidden");
    nobody.get(&by_link).refused(404, "not_found");
    world.admin.write("PATCH", &format!("/v1/users/{id}"), &json!({"tenant": "acme"})).expect(200);
    nobody.get(&by_link).expect(200);
    world.admin.write("PATCH", &format!("/v1/users/{id}"), &json!({"state": "disabled"})).expect(200);
    nobody.get(&by_link).refused(404, "not_found");
}

const PASSWORD: &str = "seven green umbrellas at noon";

#[test]
fn a_download_that_broke_off_is_gone_on_with() {
    let world = world(200);
    let export = ended(&world.admin, &json!({"format": "ndjson", "query": SENT}));
    let whole = file(&world.admin, &export);
    let path = format!("/v1/exports/{}/download", export["id"].as_str().unwrap());
    let tag = whole.header("etag").to_owned();
    let middle = whole.body.len() / 2;
    let range = format!("bytes={middle}-");
    let rest = world.admin.request("GET", &path, &[("range", &range), ("if-range", &tag)], b"").expect(206);
    assert_eq!([&whole.body[..middle], &rest.body].concat(), whole.body);
    // Not a part of something else.
    let other =
        world.admin.request("GET", &path, &[("range", &range), ("if-range", "\"x\"")], b"").expect(200);
    assert_eq!(other.body, whole.body);
    // Nor of another form of it.
    let packed = world.admin.request("GET", &path, &[("accept-encoding", "gzip")], b"").expect(200);
    assert_eq!((packed.header("content-encoding"), &packed.body), ("", &whole.body));
}

#[test]
fn the_manifest_says_what_is_in_the_file_and_the_checkpoint_covers_it() {
    let world = world(40);
    let auditor = world.admin.key(&["audit.read", "audit.export", "audit.verify"], &["acme"]);
    let plain = world.admin.key(&["audit.read", "audit.export"], &["acme"]);
    let wanted = json!({"name": "March, all of it", "format": "csv", "query": SENT});
    let export = ended(&auditor, &wanted);
    let manifest = auditor.read(&format!("/v1/exports/{}/manifest", export["id"].as_str().unwrap()));
    for (member, expected) in [
        ("name", json!("March, all of it")),
        ("events", json!(40)),
        ("sha256", export["file"]["sha256"].clone()),
        ("tenants", json!(["acme"])),
        ("first", export["file"]["first"].clone()),
        ("left_out", json!(0)),
    ] {
        assert_eq!(manifest[member], expected, "{member}");
    }
    assert_eq!(
        manifest["last"]["tenant_seq"].as_u64().unwrap() - manifest["first"]["tenant_seq"].as_u64().unwrap(),
        39
    );
    let (size, _) = crate::support::their_checkpoint(
        manifest["checkpoint"].as_str().unwrap(),
        manifest["vkey"].as_str().unwrap(),
    );
    assert!(size >= 80, "{size}");
    let name = export["file"]["name"].as_str().unwrap();
    assert!(name.starts_with("March-all-of-it-"), "{name}");
    // A checkpoint tells how much others send.
    let export = ended(&plain, &wanted);
    assert_eq!(export["file"]["checkpoint"], Value::Null);
}

#[test]
fn taking_out_is_told_in_the_trail() {
    let world = world(3);
    let acme = world.admin.key(&["audit.read", "audit.export"], &["acme"]);
    let export = ended(&acme, &json!({"name": "mine", "format": "csv", "query": SENT}));
    file(&acme, &export);
    let id = export["id"].as_str().unwrap();
    acme.delete(&format!("/v1/exports/{id}")).expect(200);
    for (code, kind) in
        [("export.create", "export"), ("export.download", "download"), ("export.delete", "delete")]
    {
        let told = world.admin.told(code, 1);
        assert_eq!((&told[0]["action_type"], &told[0]["tenant"]), (&json!(kind), &json!("acme")), "{code}");
        assert_eq!(told[0]["targets"][0]["id"], id, "{code}");
    }
    let told = world.admin.told("export.download", 1);
    assert_eq!(told[0]["parameters"]["rows"], 3);
    assert_eq!(told[0]["parameters"]["sha256"], export["file"]["sha256"]);
}

#[test]
fn the_history_is_listed_in_pages_newest_first() {
    let world = world(1);
    let all: Vec<_> =
        (0..5).map(|n| begun(&world.admin, &json!({"name": format!("n{n}"), "format": "csv"}))).collect();
    for id in &all {
        end_of(&world.admin, id);
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = world.admin.read(&format!("/v1/exports?limit=2{after}"));
        seen.extend(page["data"].as_array().unwrap().iter().map(|export| export["name"].clone()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["n4", "n3", "n2", "n1", "n0"]);
    world.admin.get("/v1/exports?after=x").refused(400, "invalid_cursor");
}

#[test]
fn a_limit_of_rows_is_said_wherever_one_looks() {
    let world = world_in(Installation::new().with("EXPORT_ROWS_MAX", "7"), 10);
    let export = ended(&world.admin, &json!({"format": "ndjson", "query": format!("tenant=acme&{SENT}")}));
    assert_eq!((&export["file"]["rows"], &export["file"]["left_out"]), (&json!(7), &json!(3)));
    assert_eq!(file(&world.admin, &export).text().lines().count(), 7);
    let manifest = world.admin.read(&format!("/v1/exports/{}/manifest", export["id"].as_str().unwrap()));
    assert_eq!(manifest["left_out"], 3);
}

#[test]
fn one_that_is_cancelled_ends_and_leaves_no_file() {
    let world = world(20_000);
    // So many that some wait.
    let ids: Vec<_> =
        (0..8).map(|_| begun(&world.admin, &json!({"format": "xlsx", "query": SENT}))).collect();
    for id in &ids {
        let answer = world.admin.request("POST", &format!("/v1/exports/{id}/cancel"), &[], b"");
        assert!([200, 409].contains(&answer.status), "{}", answer.text());
    }
    let states: BTreeSet<_> =
        ids.iter().map(|id| end_of(&world.admin, id)["state"].as_str().unwrap().to_owned()).collect();
    assert!(states.contains("cancelled"), "{states:?}");
    let completed = ids.iter().filter(|id| end_of(&world.admin, id)["state"] == "completed").count();
    assert_eq!(files(&world.installation).len(), completed);
    world
        .admin
        .request("POST", &format!("/v1/exports/{}/cancel", ids[7]), &[], b"")
        .refused(409, "id_conflict");
}

fn files(installation: &Installation) -> Vec<std::path::PathBuf> {
    crate::support::files_below(&installation.data().join("exports"))
}

#[test]
fn kill_minus_nine_in_the_middle_ends_in_one_whole_file() {
    let world = world(20_000);
    let World { installation, server, admin } = world;
    let expected =
        file(&admin, &ended(&admin, &json!({"format": "ndjson", "query": format!("tenant=acme&{SENT}")})))
            .body;
    let wanted = json!({"format": "ndjson", "query": format!("tenant=acme&{SENT}")});
    let mut id = begun(&admin, &wanted);
    let mut server = Some(server);
    let mut interrupted = 0;
    for pause in [0, 1, 5, 20, 40, 80] {
        // Not a wait for something: so much later the server is gone, wherever it is then.
        within(LONG, "the moment of the kill", || {
            std::thread::park_timeout(Duration::from_millis(pause));
            Some(())
        });
        server.take().unwrap().kill();
        let again = installation.start();
        let export = end_of(&again.admin(), &id);
        interrupted += u64::from(export["attempts"].as_u64().unwrap() > 1);
        assert_eq!(file(&again.admin(), &export).body, expected, "killed after {pause} ms");
        id = begun(&again.admin(), &wanted);
        server = Some(again);
    }
    let server = server.unwrap();
    end_of(&server.admin(), &id);
    assert!(interrupted > 0, "no kill fell into a job");
    assert_eq!(files(&installation).len(), 8, "nothing is left of what was begun");
    server.stop();
}

#[test]
fn a_stop_puts_it_back_and_it_is_no_attempt() {
    let World { installation, server, admin } = world(20_000);
    let ids: Vec<_> = (0..4).map(|_| begun(&admin, &json!({"format": "xlsx", "query": SENT}))).collect();
    server.stop();
    let server = installation.start();
    for id in &ids {
        let export = end_of(&server.admin(), id);
        assert_eq!((&export["state"], &export["attempts"]), (&json!("completed"), &json!(1)), "{export}");
        assert_eq!(export["file"]["rows"], 40_000);
    }
}

#[test]
fn a_key_that_ended_gets_no_file_and_one_that_replaces_it_does() {
    let World { installation: _installation, server, admin } = world(10);
    let key = admin.key(&["audit.read", "audit.export"], &["acme"]);
    let export = ended(&key, &json!({"format": "csv", "query": SENT}));
    let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
    let by_link = link(&key, &path);
    let keys = admin.read("/v1/keys");
    let of_acme = |key: &&Value| key["reach"]["tenants"] == json!(["acme"]);
    let id =
        keys["data"].as_array().unwrap().iter().find(of_acme).unwrap()["id"].as_str().unwrap().to_owned();
    let rotated = admin.write("POST", &format!("/v1/keys/{id}/rotation"), &json!({})).expect(201).json();
    let newer = key.with_key(rotated["key"].as_str().unwrap());
    admin.delete(&format!("/v1/keys/{id}")).expect(204);
    key.get(&format!("{path}/download")).refused(401, "unauthorized");
    assert_eq!(newer.read("/v1/exports")["data"][0]["mine"], true);
    file(&newer, &export);
    server.stranger().get(&by_link).expect(200);
    let again = ended(&newer, &json!({"format": "csv", "query": SENT}));
    assert_eq!(again["owner"]["id"], id, "one owner, whichever of its keys is used");
    admin.delete(&format!("/v1/keys/{}", rotated["id"].as_str().unwrap())).expect(204);
    server.stranger().get(&by_link).refused(404, "not_found");
}

/// The path of a fresh link.
fn link(api: &Api, export: &str) -> String {
    let link = api.request("POST", &format!("{export}/link"), &[], b"").expect(201).json();
    let (_, path) = link["url"].as_str().unwrap().split_once("/v1/").unwrap();
    format!("/v1/{path}")
}

#[test]
fn what_was_given_is_told_and_nothing_else() {
    let World { installation: _installation, server, admin } = world(40);
    let export = ended(&admin, &json!({"format": "csv", "query": SENT}));
    let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
    let (download, by_link) = (format!("{path}/download"), link(&admin, &path));
    let nobody = server.stranger();
    for (api, path) in [(&admin, &download), (&nobody, &by_link)] {
        api.request("HEAD", path, &[], b"").expect(200);
        api.request("GET", path, &[("range", "bytes=99999999-")], b"").expect(416);
        for part in ["bytes=0-9", "bytes=10-19", "bytes=20-"] {
            api.request("GET", path, &[("range", part)], b"").expect(206);
        }
    }
    // Parts are one download each; of what they gave the first is told.
    for told in admin.told("export.download", 2) {
        let range = told["parameters"]["range"].as_str().unwrap();
        assert!(range.starts_with("bytes 0-9/"), "{told}");
    }
    for _ in 0..2 {
        admin.get(&download).expect(200);
    }
    admin.told("export.download", 4);
    // A link is no way to fill the trail.
    let answers: Vec<u16> = (0..100).map(|_| nobody.get(&by_link).status).collect();
    assert_eq!(BTreeSet::from_iter(&answers), BTreeSet::from([&200, &429]));
    let given = answers.iter().filter(|status| **status == 200).count();
    admin.told("export.download", 4 + given);
    admin.get(&download).expect(200);
}

#[test]
fn a_tenant_that_moves_meanwhile_is_within_or_without_as_it_is_in_the_end() {
    let World { installation: _installation, server: _server, admin } = world(20_000);
    admin.tenant("north");
    admin.write("PATCH", "/v1/tenants/acme", &json!({"parent": "north"})).expect(200);
    let north = admin.key(&["audit.read", "audit.export"], &["north"]);
    // Of all formats the slowest: it takes seconds, and the tenant moves in one of them.
    let id = begun(&north, &json!({"format": "pdf", "query": SENT}));
    within(LONG, "it has begun", || {
        let done = north.read(&format!("/v1/exports/{id}"))["progress"]["done"].as_u64();
        done.filter(|done| *done > 0)
    });
    admin.write("PATCH", "/v1/tenants/acme", &json!({"parent": null})).expect(200);
    let export = end_of(&north, &id);
    assert_eq!(
        (&export["state"], &export["file"]["rows"], &export["attempts"]),
        (&json!("completed"), &json!(0), &json!(1))
    );
    assert!(file(&north, &export).body.starts_with(b"%PDF"));
}

#[test]
fn ones_own_events_are_taken_out_with_their_tenants_knowledge() {
    let World { installation: _installation, server: _server, admin } = world(0);
    let role = json!({"name": "Oneself", "permissions": ["audit.read", "audit.export"], "reach": "oneself"});
    admin.write("POST", "/v1/roles", &role).expect(201);
    admin.user("ada", Some("acme"), &json!([{"role": "Oneself", "territories": []}]), PASSWORD);
    for (n, username) in [(0, "ada"), (1, "bo")] {
        let actor = json!({"type": "user", "username": username, "tenant": "acme"});
        admin
            .send(&json!({"id": format!("e{n}"), "tenant": "acme", "action": "x", "actor": actor}))
            .expect(201);
    }
    let ada = admin.signed_in("ada", PASSWORD);
    let export = ended(&ada, &json!({"format": "csv", "query": "action=x"}));
    assert_eq!(export["file"]["rows"], 1);
    file(&ada, &export);
    let manifest = ada.read(&format!("/v1/exports/{}/manifest", export["id"].as_str().unwrap()));
    assert_eq!(manifest["tenants"], json!(["acme"]));
    assert_eq!(admin.told("export.download", 1)[0]["tenant"], "acme");
}

#[test]
fn no_chain_tells_the_name_of_a_tenant_beside_its_own() {
    let World { installation: _installation, server: _server, admin } = world(2);
    let both = admin.key(&["audit.read", "audit.export"], &["acme", "other"]);
    let names = [("all of March", "acme"), ("acme versus other", "_installation")];
    for (before, (name, chain)) in names.into_iter().enumerate() {
        let export =
            ended(&both, &json!({"name": name, "format": "csv", "query": format!("tenant=acme&{SENT}")}));
        file(&both, &export);
        assert_eq!(admin.told("export.create", before + 1)[before]["tenant"], chain, "{name}");
    }
    let acme = admin.key(&["audit.read"], &["acme"]);
    let all = acme.read("/v1/events?limit=1000").to_string();
    assert!(
        all.contains("all of March") && all.contains("export.download") && !all.contains("versus"),
        "{all}"
    );
}

#[test]
fn whoever_manages_users_sees_that_there_are_exports_and_not_where_events_are() {
    let World { installation: _installation, server: _server, admin } = world(3);
    let everything =
        json!({"name": "Manager", "permissions": ["users.manage", "audit.export"], "reach": "everything"});
    let own = json!({"name": "Reader", "permissions": ["audit.read"], "reach": "tenant"});
    for role in [&everything, &own] {
        admin.write("POST", "/v1/roles", role).expect(201);
    }
    let roles = |names: &[&str]| {
        let role = |name: &&str| json!({"role": name, "territories": []});
        Value::from_iter(names.iter().map(role))
    };
    admin.user("mia", Some("other"), &roles(&["Manager", "Reader"]), PASSWORD);
    admin.user("max", Some("other"), &roles(&["Manager"]), PASSWORD);
    let acme = admin.key(&["audit.read", "audit.export", "audit.verify"], &["acme"]);
    let export = ended(&acme, &json!({"format": "csv", "query": SENT}));
    assert_eq!(export["file"]["first"]["id"], "acme-000000");
    let mia = admin.signed_in("mia", PASSWORD);
    let seen = &mia.read("/v1/exports?owner=all")["data"][0];
    assert_eq!((&seen["id"], &seen["file"]["rows"]), (&export["id"], &json!(3)));
    for member in ["first", "last", "checkpoint"] {
        assert_eq!(seen["file"][member], Value::Null, "{member}");
    }
    admin.signed_in("max", PASSWORD).get("/v1/exports?owner=all").refused(403, "forbidden");
}

#[test]
fn files_have_room_and_whoever_has_none_left_is_told_so() {
    let World { installation, server: _server, admin } =
        world_in(Installation::new().with("EXPORT_BYTES_MAX", "1048576").with("JOBS_MAX", "1"), 4_000);
    let wanted = json!({"format": "ndjson", "query": SENT});
    let export = ended(&admin, &wanted);
    assert!(export["file"]["bytes"].as_u64().unwrap() > 1 << 20);
    let full = admin.write("POST", "/v1/exports", &wanted).refused(429, "rate_limited");
    assert!(full["detail"].as_str().unwrap().contains("1048576"), "{full}");
    // Somebody else has room of their own.
    let acme = admin.key(&["audit.read", "audit.export"], &["acme"]);
    ended(&acme, &json!({"format": "csv", "columns": ["time"], "query": SENT}));
    admin.delete(&format!("/v1/exports/{}", export["id"].as_str().unwrap())).expect(200);
    // Nor do those have more at one time who ask for all of them at once.
    let slow = json!({"format": "xlsx", "query": SENT});
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let ask = |_| scope.spawn(|| admin.write("POST", "/v1/exports", &slow).status);
        let asked: Vec<_> = (0..40).map(ask).collect();
        asked.into_iter().map(|answer| answer.join().unwrap()).collect()
    });
    let begun = answers.iter().filter(|status| **status == 202).count();
    assert!((20..=24).contains(&begun), "{answers:?}");
    drop(installation);
}

#[test]
fn a_file_that_is_gone_is_said_to_be_gone() {
    let World { installation, server, admin } = world(3);
    let wanted = json!({"format": "csv", "query": SENT});
    let [asked, restarted] = [(); 2].map(|()| ended(&admin, &wanted)["id"].as_str().unwrap().to_owned());
    for id in [&asked, &restarted] {
        std::fs::remove_file(installation.data().join("exports").join(id)).unwrap();
    }
    admin.get(&format!("/v1/exports/{asked}/download")).refused(404, "not_found");
    assert_eq!(admin.read(&format!("/v1/exports/{asked}"))["state"], "expired");
    // As after a backup was restored without them; and what nobody knows of is swept away.
    std::fs::write(installation.data().join("exports").join("leftover.part"), "x").unwrap();
    server.stop();
    let server = installation.start();
    assert_eq!(server.admin().read(&format!("/v1/exports/{restarted}"))["state"], "expired");
    assert!(files(&installation).is_empty());
}

#[test]
fn the_command_fetches_a_file_whole_or_says_why_not() {
    let World { installation, server, admin: _admin } =
        world_in(Installation::new().with("EXPORT_ROWS_MAX", "7"), 10);
    let output = installation.path("events.csv");
    let name = output.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let all = [&["export", "--tenant", "acme", "--since", "2026-01-01T00:00:00Z"], arguments].concat();
        let ended = server.command(&installation, &all).output().unwrap();
        (
            ended.status.code(),
            String::from_utf8(ended.stdout).unwrap(),
            String::from_utf8(ended.stderr).unwrap(),
        )
    };
    let whole = run(&["--id", "acme-000003", "--output", name]);
    assert_eq!((whole.0, whole.1.as_str()), (Some(0), ""), "{whole:?}");
    assert_eq!(records(&std::fs::read(&output).unwrap()).len(), 2);
    let there = run(&["--output", name]);
    assert!(there.0 == Some(2) && there.2.contains("--force"), "{there:?}");
    // What a limit left out is said, and the file is there all the same.
    let cut = run(&["--output", name, "--force", "--application", "!indelible"]);
    assert!(cut.0 == Some(1) && cut.2.contains("3 events that match are not in the file"), "{cut:?}");
    assert_eq!(records(&std::fs::read(&output).unwrap()).len(), 8);
    let (code, out, _) = run(&["--id", "acme-000003", "--output", "-", "--format", "ndjson"]);
    assert_eq!(
        (code, serde_json::from_str::<Value>(&out).unwrap()["id"].clone()),
        (Some(0), json!("acme-000003"))
    );
    let wrong = run(&["--columns", "time,tmie", "--output", "-"]);
    assert!(wrong.0 == Some(2) && wrong.2.contains("/columns/1"), "{wrong:?}");
    assert_eq!(files_beside(&output), ["events.csv"], "nothing half is left");
}

/// Names of files that begin like this one.
fn files_beside(file: &std::path::Path) -> Vec<String> {
    let dir = std::fs::read_dir(file.parent().unwrap()).unwrap();
    let names = dir.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("events")).collect()
}
