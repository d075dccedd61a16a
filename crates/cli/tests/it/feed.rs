//! The feed: every event within the reach once and in order, however the server ends and whoever else sends.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{Api, Installation, event, ids, numbered, sent_ids, texts};

/// A collector: what it has, and where it goes on.
struct Collector {
    path: String,
    ids: Vec<String>,
}

impl Collector {
    fn new(limit: usize) -> Self {
        Self { path: format!("/v1/feed?limit={limit}"), ids: vec![] }
    }

    /// Takes one page; whether more is there.
    fn take(&mut self, api: &Api) -> Option<bool> {
        let answer = api.attempt("GET", &self.path, &[], b"").ok().filter(|answer| answer.status == 200)?;
        let page = answer.json();
        self.ids.extend(sent_ids(&page));
        let next = page["next"].as_str().unwrap();
        let link = answer.header("link");
        assert!(link.ends_with("; rel=\"next\"") && link.contains(next), "{link}");
        self.path = format!("/v1/feed{}", link.strip_prefix('<').unwrap().split('>').next().unwrap());
        Some(page["more"] == true)
    }

    /// Takes what is there.
    fn catch_up(&mut self, api: &Api) -> Vec<String> {
        let before = self.ids.len();
        while self.take(api).unwrap() {}
        self.ids[before..].to_vec()
    }
}

#[test]
fn gives_every_event_once_in_the_order_of_the_ledger() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    let api = admin.key(&["events.send", "audit.read"], &["acme"]);
    // Times that run backwards: the order is that of arrival.
    let sent: Vec<_> = (0..250).map(|n| numbered("acme", 250 - n)).collect();
    for part in sent.chunks(60) {
        api.send(&Value::from(part.to_vec())).expect(201);
    }
    api.found("", 250);
    let expected: Vec<_> = (0..250).map(|n| format!("e{}", 250 - n)).collect();
    for limit in [1000, 100, 7] {
        let mut collector = Collector::new(limit);
        assert_eq!(collector.catch_up(&api), expected, "limit {limit}");
        assert_eq!(collector.catch_up(&api), [""; 0], "nothing twice");
    }
    let mut collector = Collector::new(100);
    collector.catch_up(&api);
    api.send(&json!({"id": "later", "action": "a"})).expect(201);
    api.found("id=later", 1);
    assert_eq!(collector.catch_up(&api), ["later"]);
    // The server's own among them: that the key was made.
    assert_eq!(api.read("/v1/feed?limit=1")["data"][0]["action_code"], "key.create");
    let page = admin.read("/v1/feed?limit=1");
    assert!(page["data"][0]["seq"].is_u64(), "{page}");
    assert!(api.read("/v1/feed?limit=1")["data"][0].get("seq").is_none());
}

#[test]
fn pages_of_large_events_end_early_and_nothing_is_missing() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    // Together more than the 16 MiB of a page.
    let filler = "x".repeat(1_000_000);
    for n in 0..20 {
        let mut event = numbered("acme", n);
        event["details"] = filler.clone().into();
        api.send(&event).expect(201);
    }
    api.found_at_least("", 20);
    let all: Vec<_> = (0..20).map(|n| format!("e{n}")).collect();
    let mut collector = Collector::new(1000);
    assert_eq!(collector.take(&api), Some(true));
    assert!(collector.ids.len() < 20);
    collector.catch_up(&api);
    assert_eq!(collector.ids, all);
    // Newest first, on both sides of a cursor.
    let newest: Vec<_> = all.iter().rev().cloned().collect();
    let page = |query: &str| api.read(&format!("/v1/events?limit=1000&application=!indelible{query}"));
    let cursor = |page: &Value, name: &str| page[name].as_str().unwrap().to_owned();
    let first = page("");
    let second = page(&format!("&after={}", cursor(&first, "next")));
    assert_eq!([ids(&first), ids(&second)].concat(), newest);
    assert_eq!(second["next"], Value::Null);
    // Back from the oldest: the page ends early on the far side, and says that there is more.
    let few = "/v1/events?limit=19&application=!indelible";
    let mut oldest = api.read(few);
    while let Some(next) = oldest["next"].as_str() {
        oldest = api.read(&format!("{few}&after={next}"));
    }
    let mut back = Vec::new();
    while let Some(prev) = oldest["prev"].as_str() {
        oldest = page(&format!("&before={prev}"));
        back.splice(0..0, ids(&oldest));
    }
    assert_eq!(back, newest[..back.len()]);
    assert!(back.len() >= 15);
}

#[test]
fn waits_for_the_callers_own_events_and_for_nothing_else() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    admin.tenant("other");
    let acme = admin.key(&["events.send", "audit.read"], &["acme"]);
    let next = |page: &Value| page["next"].as_str().unwrap().to_owned();
    admin.told("key.create", 1);
    let empty = acme.read("/v1/feed");
    assert_eq!(sent_ids(&empty), [""; 0]);
    // Somebody else sends all the time.
    let done = Arc::new(AtomicBool::new(false));
    let busy = {
        let (admin, done) = (admin.clone(), done.clone());
        thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                admin.send(&event("other", "a")).expect(201);
            }
        })
    };
    let began = Instant::now();
    let page = acme.read(&format!("/v1/feed?wait=2&after={}", next(&empty)));
    assert_eq!(page["data"], json!([]));
    assert!(began.elapsed() >= Duration::from_secs(2), "others' events ended the wait");
    let waiting = {
        let (acme, path) = (acme.clone(), format!("/v1/feed?wait=60&after={}", next(&page)));
        thread::spawn(move || (acme.read(&path), Instant::now()))
    };
    let sent = Instant::now();
    acme.send(&json!({"id": "mine", "action": "a"})).expect(201);
    let (page, arrived) = waiting.join().unwrap();
    done.store(true, Ordering::Relaxed);
    busy.join().unwrap();
    // The request may have come after the event; in either case it has it, long before the wait is over.
    assert_eq!(ids(&page), ["mine"]);
    assert!(arrived.duration_since(sent) < Duration::from_secs(10));
}

#[test]
fn a_reach_that_changes_shows_from_then_on_and_is_said() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    for name in ["acme", "other"] {
        admin.tenant(name);
    }
    admin.tenant_below("other", "moving");
    let send = |tenant: &str, id: &str| {
        admin.send(&json!({"id": id, "tenant": tenant, "action": "a"})).expect(201);
        admin.found(&format!("id={id}"), 1);
    };
    let acme = admin.key(&["audit.read"], &["acme"]);
    let read = |cursor: &Value| {
        let page = acme.read(&format!("/v1/feed?after={}", cursor.as_str().unwrap()));
        (sent_ids(&page), page["reach_changed"] == true, page["next"].clone())
    };
    send("acme", "a1");
    send("moving", "m1");
    let first = acme.read("/v1/feed");
    assert_eq!(sent_ids(&first), ["a1"]);
    // A tenant that is new has nothing that could be missing.
    admin.tenant_below("acme", "fresh");
    send("fresh", "f1");
    let (found, changed, cursor) = read(&first["next"]);
    assert_eq!((found.as_slice(), changed), (&["f1".to_owned()][..], false));
    // One that moves in brings what it receives from now on; what it had is said to be missing.
    admin.write("PATCH", "/v1/tenants/moving", &json!({"parent": "acme"})).expect(200);
    send("moving", "m2");
    let (found, changed, cursor) = read(&cursor);
    assert_eq!((found.as_slice(), changed), (&["m2".to_owned()][..], true));
    let (found, changed, _) = read(&cursor);
    assert_eq!((found.len(), changed), (0, false), "said once");
    // A new feed has all of it.
    assert_eq!(sent_ids(&acme.read("/v1/feed")), ["a1", "m1", "f1", "m2"]);
    admin.write("PATCH", "/v1/tenants/moving", &json!({"parent": "other"})).expect(200);
    send("moving", "m3");
    send("acme", "a2");
    let (found, changed, _) = read(&cursor);
    assert_eq!((found.as_slice(), changed), (&["a2".to_owned()][..], true));
    // Somebody else's cursor shows what its presenter may see, and says that it was made for another reach.
    let all = ids(&admin.read("/v1/feed"));
    let first = 1 + all.iter().position(|id| id == "a1").unwrap();
    let theirs = admin.read(&format!("/v1/feed?limit={first}"));
    let (found, changed, _) = read(&theirs["next"]);
    assert_eq!((found.as_slice(), changed), (&["f1".to_owned(), "a2".to_owned()][..], true));
}

#[test]
fn takes_nothing_but_cursor_limit_and_wait() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    admin.send(&json!([numbered("acme", 1), numbered("acme", 2)])).expect(201);
    admin.found("", 2);
    for (query, code) in [
        ("action=a", "unknown_parameter"),
        ("tenant=acme", "unknown_parameter"),
        ("since=P1D", "unknown_parameter"),
        ("before=x", "unknown_parameter"),
        ("limit=0", "invalid_filter"),
        ("limit=1001", "invalid_filter"),
        ("wait=61", "invalid_filter"),
        ("wait=-1", "invalid_filter"),
        ("wait=1&wait=2", "invalid_filter"),
        ("after=", "invalid_cursor"),
        ("after=bm9uc2Vuc2U", "invalid_cursor"),
    ] {
        admin.get(&format!("/v1/feed?{query}")).refused(400, code);
    }
    // The address of the next page asks in the same way.
    let answer = admin.get("/v1/feed?limit=1&wait=5").expect(200);
    assert!(answer.header("link").ends_with("&limit=1&wait=5>; rel=\"next\""), "{}", answer.header("link"));
    // Cursors of lists and of feeds are not each other's.
    let list = admin.read("/v1/events?limit=1");
    let feed = admin.read("/v1/feed?limit=1");
    let cursor = |page: &Value| page["next"].as_str().unwrap().to_owned();
    admin.get(&format!("/v1/feed?after={}", cursor(&list))).refused(400, "invalid_cursor");
    admin.get(&format!("/v1/events?after={}", cursor(&feed))).refused(400, "invalid_cursor");
    admin.key(&["events.send"], &["acme"]).get("/v1/feed").refused(403, "forbidden");
    server.stranger().get("/v1/feed").refused(401, "unauthorized");
}

#[test]
fn a_cursor_of_a_trail_that_was_longer_than_this_one_or_went_on_differently_is_refused() {
    let installation = Installation::new();
    let server = installation.start();
    server.admin().tenant("acme");
    server.admin().send(&event("acme", "a")).expect(201);
    server.admin().found("", 1);
    let common = server.admin().read("/v1/feed")["next"].as_str().unwrap().to_owned();
    server.stop();
    let older = installation.copy();
    let server = installation.start();
    let admin = server.admin();
    admin.send(&Value::from(vec![event("acme", "a"), event("acme", "a")])).expect(201);
    admin.found("", 3);
    let member = |path: &str, name: &str| admin.read(path)[name].as_str().unwrap().to_owned();
    let (next, page) = (member("/v1/feed", "next"), member("/v1/events?limit=1", "next"));
    let as_of = member("/v1/stats", "as_of");
    let given = [
        format!("/v1/feed?after={next}"),
        format!("/v1/tail?after={as_of}"),
        format!("/v1/events?limit=1&after={page}"),
        format!("/v1/events?as_of={as_of}"),
        format!("/v1/stats?as_of={as_of}"),
        format!("/v1/stats?as_of={as_of}&explain=true"),
    ];
    let server = older.start();
    let older = server.admin();
    let refused = |words: &str| {
        for path in &given {
            let problem = older.get(path).refused(400, "invalid_cursor");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("older copy") && detail.contains(words), "{path}: {problem}");
        }
    };
    refused("a longer trail");
    older.send(&Value::from(vec![event("acme", "b"); 5])).expect(201);
    older.found("", 6);
    refused("went on differently");
    // One of before the copy was made is good on both sides.
    for (api, count) in [(&admin, 2), (&older, 5)] {
        let page = api.read(&format!("/v1/feed?after={common}"));
        assert_eq!(page["data"].as_array().unwrap().len(), count);
    }
}

#[test]
fn a_wait_ends_when_the_server_stops_and_when_the_key_is_revoked() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    let acme = admin.key(&["audit.read"], &["acme"]);
    let stays = admin.key(&["audit.read"], &["acme"]);
    admin.told("key.create", 2);
    let after = |page: &Value| format!("/v1/feed?wait=60&after={}", page["next"].as_str().unwrap());
    let wait = |api: &Api| {
        let (api, path) = (api.clone(), after(&api.read("/v1/feed")));
        thread::spawn(move || api.get(&path))
    };
    let (theirs, ours) = (wait(&acme), wait(&stays));
    streams(&admin, 2);
    let keys = admin.read("/v1/keys");
    let id = keys["data"][0]["id"].as_str().unwrap();
    admin.request("DELETE", &format!("/v1/keys/{id}"), &[], b"").expect(204);
    theirs.join().unwrap().refused(401, "unauthorized");
    // Whose key stays learns that the other one went.
    let page = ours.join().unwrap().expect(200).json();
    assert_eq!(texts(&page["data"], "action_code"), ["key.revoke"]);
    let ours = wait(&stays);
    streams(&admin, 1);
    let began = Instant::now();
    server.stop();
    let page = ours.join().unwrap().expect(200).json();
    assert_eq!(page["data"], json!([]));
    assert!(page["next"].is_string());
    assert!(began.elapsed() < Duration::from_secs(15), "stopping waited for the feed");
}

#[test]
fn a_client_that_leaves_ends_its_wait() {
    use std::io::Write;
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    let address = server.url.strip_prefix("http://").unwrap();
    let mut connection = std::net::TcpStream::connect(address).unwrap();
    let request = format!(
        "GET /v1/feed?wait=60 HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\r\n",
        crate::support::ADMIN_KEY
    );
    connection.write_all(request.as_bytes()).unwrap();
    streams(&admin, 1);
    let left = Instant::now();
    drop(connection);
    streams(&admin, 0);
    assert!(left.elapsed() < Duration::from_secs(30), "the wait went on without its client");
}

/// Waits until so many streams and waiting feeds are open.
fn streams(admin: &Api, count: u64) {
    let line = format!("indelible_streams {count}");
    let open = || admin.get("/metrics").expect(200).text().lines().any(|found| found == line).then_some(());
    crate::support::within(crate::support::LONG, &line, open);
}

/// Sends until the server is gone; the ids that were acknowledged, and those that may have been stored.
fn write(api: &Api, name: &str) -> (Vec<String>, Vec<String>) {
    let mut acknowledged = Vec::new();
    for batch in 0.. {
        let ids: Vec<_> = (0..20).map(|n| format!("{name}-{batch}-{n}")).collect();
        let events = Value::from_iter(ids.iter().map(|id| json!({"id": id, "action": "a"})));
        let body = events.to_string();
        match api.attempt("POST", "/v1/events", &[("Content-Type", "application/json")], body.as_bytes()) {
            Ok(answer) if answer.status == 201 => acknowledged.extend(ids),
            _ => return (acknowledged, ids),
        }
    }
    unreachable!("the server is killed")
}

#[test]
fn kill_9_under_ingest_loses_and_repeats_nothing() {
    let installation = Installation::new();
    let mut server = installation.start();
    server.admin().tenant("acme");
    server.admin().tenant("other");
    let key = server.admin().key(&["events.send", "audit.read"], &["acme"]).key.unwrap();
    let mut collector = Collector::new(37);
    let (mut acknowledged, mut perhaps) = (BTreeSet::new(), BTreeSet::new());
    for cycle in 0..4 {
        let api = server.with_key(&key);
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let api = api.clone();
                thread::spawn(move || write(&api, &format!("c{cycle}-w{writer}")))
            })
            .collect();
        let noise = {
            let admin = server.admin();
            thread::spawn(move || {
                while admin
                    .attempt(
                        "POST",
                        "/v1/events",
                        &[("Content-Type", "application/json")],
                        br#"{"tenant":"other","action":"noise"}"#,
                    )
                    .is_ok()
                {}
            })
        };
        let wanted = collector.ids.len() + 400;
        // Collects while they write, with a page under way when the server is killed.
        while collector.ids.len() < wanted {
            collector.take(&api).unwrap();
        }
        let broken = {
            let (api, path) = (api.clone(), collector.path.clone());
            thread::spawn(move || api.attempt("GET", &format!("{path}&wait=30"), &[], b"").is_ok())
        };
        server.kill();
        broken.join().unwrap();
        noise.join().unwrap();
        for writer in writers {
            let (stored, unanswered) = writer.join().unwrap();
            acknowledged.extend(stored);
            perhaps.extend(unanswered);
        }
        server = installation.start();
    }
    let api = server.with_key(&key);
    // What was stored and never answered for comes before this one, and may take longer to be found than to be stored.
    api.send(&json!({"id": "last", "action": "a"})).expect(201);
    acknowledged.insert("last".to_owned());
    while collector.ids.last().is_none_or(|id| id != "last") {
        collector.take(&api).unwrap();
    }
    assert_eq!(collector.catch_up(&api), [""; 0]);
    let collected: BTreeSet<_> = collector.ids.iter().cloned().collect();
    assert_eq!(collected.len(), collector.ids.len(), "an event came twice");
    assert!(collected.is_superset(&acknowledged), "missing: {:?}", acknowledged.difference(&collected));
    let known: BTreeSet<_> = acknowledged.union(&perhaps).cloned().collect();
    assert!(collected.is_subset(&known), "nobody sent: {:?}", collected.difference(&known));
    // What is in the trail and what was collected are the same, in the same order.
    let mut anew = Collector::new(1000);
    anew.catch_up(&api);
    assert_eq!(anew.ids, collector.ids);
}
