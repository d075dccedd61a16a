//! Finding events: order, filters, pages, counts, and that every acknowledged event is found.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Installation, LONG, event, ids, numbered, sent};

#[test]
fn every_acknowledged_event_is_found_soon() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    for n in 0..20 {
        api.send(&json!({"id": format!("e{n}"), "action": "a"})).expect(201);
        // How soon is measured by the bench; a busy machine must not fail a test.
        api.found_within(LONG, &format!("id=e{n}"), 1);
    }
}

#[test]
fn newest_first_by_time_and_then_by_order_of_arrival() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    let at = |id: &str, time: &str| json!({"id": id, "action": "a", "time": time});
    let late = "2026-03-01T00:00:02Z";
    api.send(&json!([
        at("b", late),
        at("old", "2020-01-01T00:00:00Z"),
        at("c", late),
        at("new", "2026-03-01T00:00:03Z")
    ]))
    .expect(201);
    let page = api.found("", 4);
    assert_eq!(ids(&page), ["new", "c", "b", "old"]);
    assert!(page["complete_through"].as_str().unwrap() > "2026");
    assert_eq!((&page["next"], &page["prev"]), (&Value::Null, &Value::Null));
}

/// Events that differ in every field that can be asked for; `ordinary` has almost none of them.
fn varied() -> Value {
    json!([
        {"id": "login", "time": "2026-03-01T10:00:00Z", "action": "user.login", "action_type": "login",
         "source": {"application": "web", "component": "portal", "node": "n1", "data_source": "pbx"},
         "actor": {"type": "user", "id": "1041", "username": "Ada", "aliases": ["ada@company.com"], "tenant": "company.com",
                   "groups": ["Support"], "roles": ["Tech"]},
         "client": {"ip": "192.0.2.7", "host": "pc-7", "channel": "AdminConsole"},
         "outcome": {"result": "failure", "reason": "bad password"}, "session_id": "s1", "request_id": "r1", "trace_id": "t1",
         "details": "Ada could not sign in to the call queue"},
        {"id": "delete", "time": "2026-03-01T11:00:00Z", "action": "user.delete", "action_type": "delete",
         "actor": {"type": "user", "id": "2002", "username": "boss"},
         "client": {"ip": "2001:db8::1", "chain": ["2001:db8::1", "10.0.0.9"]}, "outcome": {"result": "success"},
         "targets": [{"type": "subscriber", "id": "1041", "name": "Ada Lovelace", "tenant": "customer.com", "groups": ["Sales"]}],
         "severity": {"name": "high", "number": 2}, "parameters": {"Ticket": "ABC-123"}},
        {"id": "ordinary", "time": "2026-03-01T12:00:00Z", "action": "report.read"},
    ])
}

#[test]
fn every_filter_finds_what_it_names_and_negated_what_it_does_not() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    api.send(&varied()).expect(201);
    api.found("", 3);
    let all = ["ordinary", "delete", "login"];
    for (query, expected) in [
        ("action=user.login", &["login"][..]),
        ("action=USER.LOGIN", &["login"]),
        ("action=user.login&action=user.delete", &["delete", "login"]),
        ("action=!user.login", &["ordinary", "delete"]),
        ("action_type=delete", &["delete"]),
        ("application=web", &["login"]),
        ("application=!web", &["ordinary", "delete"]),
        ("component=portal", &["login"]),
        ("node=n1", &["login"]),
        ("data_source=pbx", &["login"]),
        ("tenant=acme", &all),
        ("tenant=elsewhere", &[]),
        ("actor=1041", &["login"]),
        ("actor=ada", &["login"]),
        ("actor=ADA%40company.com", &["login"]),
        ("actor_tenant=company.com", &["login"]),
        ("affected=1041", &["delete"]),
        ("affected_tenant=customer.com", &["delete"]),
        ("user=1041", &["delete", "login"]),
        ("user=!1041", &["ordinary"]),
        ("group=support", &["login"]),
        ("group=sales", &["delete"]),
        ("role=tech", &["login"]),
        ("ip=192.0.2.7", &["login"]),
        ("ip=192.0.2.0/24", &["login"]),
        ("ip=10.0.0.0/8", &["delete"]),
        ("ip=2001:db8::/32", &["delete"]),
        ("ip=2001:0DB8:0:0:0:0:0:1", &["delete"]),
        ("ip=0.0.0.0/0", &["delete", "login"]),
        ("ip=!0.0.0.0/0", &["ordinary"]),
        ("host=pc-7", &["login"]),
        ("channel=adminconsole", &["login"]),
        ("outcome=failure", &["login"]),
        ("outcome=!failure", &["ordinary", "delete"]),
        ("reason=bad+password", &["login"]),
        ("severity=high", &["delete"]),
        ("session_id=s1", &["login"]),
        ("request_id=r1", &["login"]),
        ("trace_id=t1", &["login"]),
        ("id=login", &["login"]),
        ("id=LOGIN", &[]),
        ("since=2026-03-01T11:00:00Z", &["ordinary", "delete"]),
        ("until=2026-03-01T11:00:00Z", &["login"]),
        ("since=2026-03-01T11:00:00Z&until=2026-03-01T12:00:00Z", &["delete"]),
        ("since=P3650D", &all),
        ("since=PT1H", &[]),
        ("received_since=PT1H", &all),
        ("received_until=-PT1H", &[]),
        ("q=queue", &["login"]),
        ("q=%22call+queue%22", &["login"]),
        ("q=%22queue+call%22", &[]),
        ("q=que*", &["login"]),
        ("q=lovelace", &["delete"]),
        ("q=abc-123", &["delete"]),
        ("q=ada+-queue", &["delete"]),
        ("q=ada%40company.com", &["login"]),
        ("user=1041&outcome=failure", &["login"]),
        ("user=1041&outcome=denied", &[]),
    ] {
        let page = api.read(&format!("/v1/events?total=true&{}", sent(query)));
        assert_eq!(ids(&page), expected, "{query}");
        assert_eq!(page["total"], expected.len(), "{query}");
    }
}

#[test]
fn a_filter_that_can_not_be_understood_is_refused_by_name() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    for (query, parameter) in [
        ("since=yesterday", "since"),
        ("ip=300.1.1.1", "ip"),
        ("outcome=maybe", "outcome"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("total=yes", "total"),
        ("limit=1&limit=2", "limit"),
        ("since=P1D&since=P7D", "since"),
    ] {
        let problem = api.get(&format!("/v1/events?{query}")).refused(400, "invalid_filter");
        assert_eq!(problem["errors"][0]["field"], parameter, "{query}");
    }
    api.get("/v1/events?q=%FF").expect(400);
}

#[test]
fn pages_cover_everything_once_in_both_directions_while_events_come_in() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    let batch = |range: std::ops::Range<u64>| Value::from_iter(range.map(|n| numbered("acme", n)));
    api.send(&batch(0..100)).expect(201);
    api.found("", 100);
    let mut cursor = String::new();
    let (mut seen, mut pages) = (Vec::new(), Vec::new());
    for page_number in 0.. {
        let page = api.read(&format!("/v1/events?limit=7&action=user.update&total=true{cursor}"));
        assert_eq!(page["total"], 100, "as of the first page");
        seen.extend(ids(&page));
        pages.push(page.clone());
        // Newer than all: they belong to no page of a walk that has begun.
        let newcomer = 1000 + page_number;
        api.send(&batch(newcomer..newcomer + 1)).expect(201);
        match page["next"].as_str() {
            Some(next) => cursor = format!("&after={next}"),
            None => break,
        }
    }
    let expected: Vec<_> = (0..100).rev().map(|n| format!("e{n}")).collect();
    assert_eq!(seen, expected);
    // And back again.
    for (number, page) in pages.iter().enumerate().skip(1).rev() {
        let prev = page["prev"].as_str().expect("every page but the first has newer ones");
        let back = api.read(&format!("/v1/events?limit=7&action=user.update&before={prev}"));
        assert_eq!(ids(&back), ids(&pages[number - 1]), "before page {number}");
    }
}

#[test]
fn cursors_belong_to_their_query_and_can_not_be_made() {
    let (installation, server, api) = Installation::with_acme(&[]);
    api.send(&Value::from_iter((0..10).map(|n| numbered("acme", n)))).expect(201);
    api.found("", 10);
    let page = api.read("/v1/events?limit=3&action=user.update");
    let next = page["next"].as_str().unwrap().to_owned();
    for query in [
        format!("action=user.delete&after={next}"),
        format!("after={next}"),
        "after=AAAA".to_owned(),
        format!("action=user.update&after={}", next.to_lowercase()),
        format!("action=user.update&after={next}&before={next}"),
    ] {
        api.get(&format!("/v1/events?{query}")).refused(400, "invalid_cursor");
    }
    // Links say the same, and a cursor outlives a restart.
    let answer = api.get("/v1/events?limit=3&action=user.update");
    assert!(answer.header("link").contains("rel=\"next\""), "{}", answer.header("link"));
    let key = api.key.clone().unwrap();
    server.stop();
    let server = installation.start();
    let api = server.with_key(&key);
    api.found("", 10);
    assert_eq!(
        ids(&api.read(&format!("/v1/events?limit=3&action=user.update&after={next}"))),
        ["e6", "e5", "e4"]
    );
}

#[test]
fn one_event_is_found_by_its_id_whatever_the_filters() {
    let (_installation, server, api) = Installation::with_acme(&[]);
    let admin = server.admin();
    admin.tenant("other");
    admin
        .send(&json!([
            {"id": "twin", "tenant": "acme", "action": "a"}, {"id": "twin", "tenant": "other", "action": "b"},
            {"id": "a+b:c%20", "tenant": "acme", "action": "odd"},
        ]))
        .expect(201);
    admin.found("", 3);
    assert_eq!(api.read("/v1/events/twin")["action"], "a");
    admin.get("/v1/events/twin").refused(400, "invalid_filter");
    assert_eq!(admin.read("/v1/events/twin?tenant=other")["action"], "b");
    assert_eq!(api.read("/v1/events/a%2Bb%3Ac%2520")["action"], "odd");
    for path in [
        "/v1/events/none",
        "/v1/events/none/original",
        "/v1/events/none/proof",
        "/v1/events/twin?tenant=none",
    ] {
        api.get(path).refused(404, "not_found");
    }
}

#[test]
fn an_original_never_runs_as_a_page() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    let mut nasty = event("acme", "<script>alert(1)</script>");
    nasty["id"] = "nasty".into();
    api.send(&nasty).expect(201);
    api.found("", 1);
    let answer = api.get("/v1/events/nasty/original").expect(200);
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(answer.header("content-disposition").starts_with("attachment"));
}

#[test]
fn the_counts_are_exact_over_several_splits_and_the_tail() {
    let (installation, server, api) = Installation::with_acme(&[]);
    let key = api.key.clone().unwrap();
    let mut server = server;
    for round in 0..3 {
        let events = (0..50).map(|n| {
            let mut event = numbered("acme", round * 50 + n);
            event["outcome"] = json!({"result": if n % 5 == 0 { "failure" } else { "success" }});
            event
        });
        server.with_key(&key).send(&Value::from_iter(events)).expect(201);
        server.with_key(&key).found("", (round + 1) * 50);
        server.stop();
        server = installation.start();
    }
    let api = server.with_key(&key);
    assert_eq!(api.found("outcome=failure", 30)["total"], 30);
    assert_eq!(api.found("outcome=!failure", 120)["total"], 120);
    let all: BTreeSet<_> = ids(&api.found("", 150)).into_iter().collect();
    assert_eq!(all.len(), 150);
}

#[test]
fn a_name_of_the_catalogue_finds_every_target_by_all_its_names() {
    let (_installation, server, api) = Installation::with_acme(&[]);
    let of = |id: &str, kinds: &[&str]| json!({"id": id, "action": "a", "targets": kinds.iter().map(|kind| json!({"type": kind})).collect::<Vec<_>>()});
    api.send(&json!([
        of("first", &["User"]),
        of("second", &["thing", "user"]),
        of("id", &["thing", "subscriber"]),
        of("none", &["thing"])
    ]))
    .expect(201);
    api.found("", 4);
    for query in ["object=subscriber", "object=User", "object=USER", "filter=object%20eq%20%22subscriber%22"]
    {
        let mut found = ids(&api.found(query, 3));
        found.sort();
        assert_eq!(found, ["first", "id", "second"], "{query}");
        assert_eq!(
            ids(&api.found(&query.replace("object=", "object=!").replace("filter=", "filter=not%20"), 1)),
            ["none"],
            "{query}"
        );
    }
    // What the catalogue does not know is taken as sent.
    api.found("object=THING", 3);
    drop(server);
}
