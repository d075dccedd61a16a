//! Operating the server: starting, refusing to start, filling disks, stopping, rebuilding.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Installation, LONG, event, ids, numbered, within};

#[test]
fn a_wrong_setting_is_refused_by_name_with_exit_code_2() {
    let file = |text: &str| {
        let installation = Installation::new();
        let path = installation.path("indelible.toml");
        fs::write(&path, text).unwrap();
        installation.with("CONFIG", path.to_str().unwrap())
    };
    let variable = |name: &str, value: &str| Installation::new().with(name, value);
    for (installation, expected) in [
        (variable("REQUEST_EVENTS_MAX", "0"), "request_events_max is 0, expected 1 to 100000"),
        (variable("EVENT_BYTES_MAX", "many"), "--event-bytes-max"),
        (variable("WAL_SEGMENT_BYTES", "100"), "wal_segment_bytes is 100"),
        (variable("LOG_FORMAT", "xml"), "xml"),
        (variable("LOG", "indelible=loud"), "log"),
        (variable("PATH_PREFIX", "audit"), "path_prefix"),
        (variable("ADMIN_KEY", "short"), "at least 16"),
        (variable("LISTN", "127.0.0.1:1"), "INDELIBLE_LISTN is no setting"),
        (file("listn = '127.0.0.1:1'"), "unknown field `listn`"),
        (file("request_events_max = 'ten'"), "request_events_max"),
        (variable("CONFIG", "/no/such/file.toml"), "/no/such/file.toml"),
    ] {
        let ended = installation.refuse();
        assert_eq!(ended.code, Some(2), "{expected}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "expected {expected:?} in: {}", ended.stderr);
        assert!(!installation.data().exists(), "{expected}: nothing is made before the settings are good");
    }
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let installation = Installation::new();
    let server = installation.start();
    server.admin().tenant("acme");
    let ended = installation.refuse();
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("locked by another process"), "{}", ended.stderr);
    // The first one is none the worse for it.
    server.admin().send(&event("acme", "a")).expect(201);
    server.stop();
    installation.start().admin().found("", 1);
}

#[test]
fn sigterm_and_sigint_end_gracefully_and_keep_everything() {
    let installation = Installation::new();
    let mut sent = 0;
    for signal in [Signal::TERM, Signal::INT] {
        let server = installation.start();
        let admin = server.admin();
        if sent == 0 {
            admin.tenant("acme");
        }
        let batch = Value::from_iter((sent..sent + 50).map(|n| numbered("acme", n)));
        admin.send(&batch).expect(201);
        sent += 50;
        let ended = server.end_with(signal);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains("stopped"), "{}", ended.stderr);
    }
    let server = installation.start();
    server.admin().found("", sent);
    server.stop();
    assert_eq!(installation.verify().code, Some(0));
}

#[test]
fn a_request_that_is_running_is_finished_before_the_end() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    // Several senders without pause; each counts what was acknowledged.
    let url = server.url.clone();
    let (acknowledged, first) = std::sync::mpsc::channel();
    let senders: Vec<_> = (0..3)
        .map(|sender| {
            let api = crate::support::Api::new(&url, admin.key.as_deref());
            let acknowledged = acknowledged.clone();
            std::thread::spawn(move || {
                let mut stored = 0;
                for n in 0.. {
                    let mut event = event("acme", "a");
                    event["id"] = format!("{sender}-{n}").into();
                    let body = event.to_string();
                    match api.attempt(
                        "POST",
                        "/v1/events",
                        &[("Content-Type", "application/json")],
                        body.as_bytes(),
                    ) {
                        Ok(answer) if answer.status == 201 => stored += 1,
                        // The server says that it is stopping, or takes no connection any more.
                        Ok(answer) => {
                            assert_eq!(answer.status, 503, "{}", answer.text());
                            return stored;
                        }
                        Err(_) => return stored,
                    }
                    // The test ends with the receiver.
                    let _ = acknowledged.send(());
                }
                unreachable!("the server ends")
            })
        })
        .collect();
    for _ in 0..100 {
        first.recv_timeout(LONG).unwrap();
    }
    server.stop();
    let stored: u64 = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
    let server = installation.start();
    let total = server.admin().found_at_least("", stored);
    // At most one request of each sender was stored and its answer lost.
    assert!(total <= stored + 3, "{total} stored, {stored} acknowledged");
}

#[test]
fn a_disk_nearly_full_refuses_events_before_anything_breaks() {
    let mut installation = Installation::new();
    let server = installation.start();
    server.admin().tenant("acme");
    server.admin().send(&numbered("acme", 1)).expect(201);
    server.stop();

    installation.set("FREE_BYTES_MIN", &(1_u64 << 60).to_string());
    let server = installation.start();
    let admin = server.admin();
    let answer = admin.send(&numbered("acme", 2));
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    let problem = answer.refused(503, "unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("nearly full"), "{problem}");
    let ready = within(LONG, "readyz tells", || {
        let ready = admin.get("/readyz");
        (ready.status == 503).then(|| ready.json())
    });
    assert_eq!((&ready["ingest"], &ready["search"]), (&json!(false), &json!(true)), "{ready}");
    assert!(ready["detail"].is_string(), "{ready}");
    // Reading goes on, and nothing was stored.
    assert_eq!(ids(&admin.found("", 1)), ["e1"]);
    admin.write("POST", "/v1/tenants", &json!({"name": "new", "auditing": true})).refused(503, "unavailable");
    server.stop();

    installation.set("FREE_BYTES_MIN", "1048576");
    let server = installation.start();
    server.admin().get("/v1/tenants/new").refused(404, "not_found");
    server.admin().send(&numbered("acme", 2)).expect(201);
    server.admin().found("", 2);
    server.stop();
    assert_eq!(installation.verify().code, Some(0));
}

#[test]
fn a_deleted_index_is_rebuilt_from_the_ledger() {
    let installation = Installation::new();
    let server = installation.start();
    server.admin().tenant("acme");
    for from in (0..3000).step_by(500) {
        server.admin().send(&Value::from_iter((from..from + 500).map(|n| numbered("acme", n)))).expect(201);
    }
    let before = server.admin().found("q=grace", 3000);
    server.stop();
    fs::remove_dir_all(installation.data().join("search")).unwrap();
    let server = installation.start();
    // Events are taken meanwhile, and readiness comes when all are found.
    server.admin().send(&numbered("acme", 3000)).expect(201);
    within(LONG, "the index is rebuilt", || (server.admin().get("/readyz").status == 200).then_some(()));
    let after = server.admin().found("q=grace", 3001);
    assert_eq!(ids(&after)[1..1000], ids(&before)[..999]);
    server.stop();
    assert_eq!(installation.verify().code, Some(0));
}

#[test]
fn a_deleted_control_database_gets_its_tenants_back_from_the_ledger() {
    let installation = Installation::new();
    let server = installation.start();
    server.admin().tenant("acme");
    server.admin().tenant_below("acme", "acme-east");
    server.admin().send(&numbered("acme-east", 1)).expect(201);
    server.stop();
    for entry in fs::read_dir(installation.data()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("control.sqlite") {
            fs::remove_file(path).unwrap();
        }
    }
    let server = installation.start();
    let admin = server.admin();
    assert_eq!(admin.read("/v1/tenants/acme-east")["parent"], "acme");
    assert_eq!(admin.found("tenant=acme", 1)["data"][0]["tenant"], "acme-east");
    admin.send(&numbered("acme-east", 2)).expect(201);
    admin.tenant("fresh");
    server.stop();
    assert_eq!(installation.verify().code, Some(0));
}

#[test]
fn health_readiness_and_metrics_say_what_goes_on() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    assert_eq!(server.stranger().get("/healthz").expect(200).text(), "ok\n");
    let ready = server.stranger().read("/readyz");
    assert_eq!((&ready["ingest"], &ready["search"]), (&json!(true), &json!(true)));
    admin.send(&json!([event("acme", "a"), event("acme", "b"), {"action": ""}])).expect(207);
    admin.found("", 2);
    let metrics = admin.get("/metrics").expect(200).text();
    for line in [
        "indelible_events_total{outcome=\"accepted\"} 2",
        "indelible_events_total{outcome=\"rejected\"} 1",
        "indelible_search_behind 0",
        "indelible_tenants 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    // Names and contents of events are in no label.
    assert!(!metrics.contains("acme"), "{metrics}");
}

#[test]
fn logs_are_lines_of_json_on_request_and_hold_no_contents() {
    let installation = Installation::new().with("LOG_FORMAT", "json").with("LOG", "debug");
    let server = installation.start();
    server.admin().tenant("acme");
    let mut sent = event("acme", "marmalade-action");
    sent["details"] = "marmalade-details".into();
    server.admin().send(&sent).expect(201);
    server.admin().found("q=marmalade", 1);
    server.admin().get("/v1/events?q=marmalade-query");
    let ended = server.end_with(Signal::TERM);
    let words = ["indelible is ready", "set up the first administrator"];
    for line in ended.stderr.lines().filter(|line| !words.iter().any(|words| line.starts_with(words))) {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    assert!(!ended.stderr.contains("marmalade"), "{}", ended.stderr);
}

#[test]
fn the_whole_site_works_below_a_path_prefix() {
    let installation = Installation::new().with("PATH_PREFIX", "/audit");
    let server = installation.start();
    let below = server.admin();
    assert!(server.url.ends_with("/audit"), "{}", server.url);
    below.tenant("acme");
    below.send(&numbered("acme", 1)).expect(201);
    below.found("", 1);
    let page = below.get("/").expect(200).text();
    assert!(page.contains("<html"), "{page}");
    assert!(!page.contains("\"/_app/"), "an address of the page leaves the prefix out: {page}");
    // A proxy may also strip the prefix before it asks.
    let stripped = crate::support::Api::new(server.url.trim_end_matches("/audit"), below.key.as_deref());
    stripped.found("", 1);
    assert_eq!(stripped.get("/readyz").status, 200);
}
