//! Reach: a key of one tenant never learns anything of another, by whatever door it tries.

use serde_json::{Value, json};

use crate::support::{Api, Installation, Server, event, ids, numbered};

struct World {
    _installation: Installation,
    _server: Server,
    admin: Api,
    acme: Api,
    other: Api,
}

/// Two tenants with events of their own; `acme` also has one below it.
fn world() -> World {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    admin.tenant_below("acme", "acme-east");
    admin.tenant("other");
    let everything = ["events.send", "audit.read", "audit.verify", "tenants.manage", "keys.manage"];
    let acme = admin.key(&everything, &["acme"]);
    let other = admin.key(&everything, &["other"]);
    let events = |tenant: &'static str| {
        (0..10).map(move |n| {
            let mut event = numbered(tenant, n);
            event["id"] = format!("{tenant}-{n}").into();
            event["details"] = "the word marmalade".into();
            event
        })
    };
    admin.send(&Value::from_iter(["acme", "acme-east", "other"].into_iter().flat_map(events))).expect(201);
    admin.found("", 30);
    World { _installation: installation, _server: server, admin, acme, other }
}

#[test]
fn lists_counts_and_filters_show_the_own_tenant_and_what_is_below_it() {
    let world = world();
    for query in [
        "",
        "&q=marmalade",
        "&user=1041",
        "&actor=ada",
        "&action=user.update",
        "&action=!nothing",
        "&ip=!10.0.0.1",
        "&since=P3650D",
    ] {
        let page = world.acme.read(&format!("/v1/events?limit=1000&total=true{query}"));
        assert_eq!(page["total"], 20, "{query}");
        for event in page["data"].as_array().unwrap() {
            assert!(event["tenant"].as_str().unwrap().starts_with("acme"), "{query}: {event}");
            assert!(event.get("seq").is_none() && event.get("log").is_none(), "{query}: {event}");
        }
    }
    assert_eq!(world.acme.read("/v1/events?total=true&tenant=acme-east")["total"], 10);
    assert_eq!(world.acme.read("/v1/events?total=true&tenant=!acme-east")["total"], 10);
    // A tenant outside the reach is like one that does not exist.
    for query in ["tenant=other", "tenant=nowhere", "id=other-3", "id=none", "tenant=other&tenant=nowhere"] {
        let page = world.acme.read(&format!("/v1/events?total=true&{query}"));
        assert_eq!(
            (&page["total"], &page["data"], &page["next"]),
            (&json!(0), &json!([]), &Value::Null),
            "{query}"
        );
    }
    assert_eq!(world.acme.read("/v1/events?total=true&tenant=!other")["total"], 20);
    assert_eq!(world.other.read("/v1/events?total=true&q=marmalade")["total"], 10);
    let all = world.admin.read("/v1/events?limit=1");
    assert!(all["data"][0]["seq"].is_u64() && all["data"][0]["log"].is_string(), "{all}");
}

/// What an answer says, without what differs at each request anyway.
fn same(answer: crate::support::Answer) -> (u16, Value) {
    let mut json = answer.json();
    json["instance"] = Value::Null;
    (answer.status, json)
}

#[test]
fn another_tenants_event_is_answered_like_one_that_does_not_exist() {
    let world = world();
    for suffix in
        ["", "/original", "/proof", "?tenant=other", "/original?tenant=other", "/proof?tenant=other"]
    {
        let (id, query) = suffix
            .split_once('?')
            .map_or((suffix, String::new()), |(path, query)| (path, format!("?{query}")));
        let theirs = same(world.acme.get(&format!("/v1/events/other-3{id}{query}")));
        let none = same(world.acme.get(&format!("/v1/events/no-such{id}{query}")));
        assert_eq!(theirs, none, "{suffix}");
        assert_eq!(theirs.0, 404, "{suffix}");
    }
    assert_eq!(world.acme.get("/v1/events/acme-3/original").status, 200);
    assert_eq!(world.acme.get("/v1/events/acme-east-3/original").status, 200);
}

#[test]
fn the_same_id_in_another_tenant_changes_nothing() {
    let world = world();
    world.admin.send(&json!({"id": "acme-3", "tenant": "other", "action": "theirs"})).expect(201);
    world.other.found("id=acme-3", 1);
    assert_eq!(world.acme.read("/v1/events/acme-3")["action"], "user.update");
    assert_eq!(world.other.read("/v1/events/acme-3")["action"], "theirs");
    // Nor does one that was there first: no warning tells of it.
    world.other.send(&json!({"id": "early", "action": "theirs"})).expect(201);
    let answer = world.acme.send(&json!({"id": "early", "action": "ours"})).expect(201).json();
    assert_eq!((&answer["warnings"], &answer["events"][0]["id"]), (&json!([]), &json!("early")));
}

#[test]
fn a_cursor_of_someone_else_shows_only_what_its_presenter_may_see() {
    let world = world();
    for theirs in [&world.admin, &world.other] {
        let mut next = theirs.read("/v1/events?limit=2&q=marmalade")["next"].as_str().unwrap().to_owned();
        let mut seen = Vec::new();
        loop {
            let page = world.acme.read(&format!("/v1/events?limit=2&q=marmalade&after={next}"));
            for id in ids(&page) {
                assert!(id.starts_with("acme"), "{id}");
                seen.push(id);
            }
            match page["next"].as_str() {
                Some(cursor) => next = cursor.to_owned(),
                None => break,
            }
        }
        assert!(!seen.is_empty());
    }
}

#[test]
fn sending_into_another_tenant_is_refused_like_into_one_that_does_not_exist() {
    let world = world();
    let refused = |tenant: &str| same(world.acme.send(&event(tenant, "a")));
    assert_eq!(refused("other"), refused("nowhere"));
    assert_eq!(refused("other").0, 403);
    world.acme.send(&event("acme-east", "a")).expect(201);
    assert_eq!(world.other.read("/v1/events?total=true")["total"], 10);
}

#[test]
fn moving_a_tenant_moves_what_its_partners_see() {
    let world = world();
    world.admin.write("PATCH", "/v1/tenants/acme-east", &json!({"parent": "other"})).expect(200);
    assert_eq!(world.acme.read("/v1/events?total=true")["total"], 10);
    assert_eq!(world.other.read("/v1/events?total=true")["total"], 20);
    world.acme.get("/v1/events/acme-east-3").refused(404, "not_found");
    assert_eq!(world.other.read("/v1/events/acme-east-3")["tenant"], "acme-east");
    world.acme.send(&event("acme-east", "a")).refused(403, "tenant_forbidden");
}

#[test]
fn tenants_and_keys_of_others_are_not_shown() {
    let world = world();
    let names = |api: &Api| {
        let list = api.read("/v1/tenants");
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tenant| tenant["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&world.acme), ["acme", "acme-east"]);
    assert_eq!(names(&world.admin), ["acme", "acme-east", "other"]);
    for name in ["other", "nowhere"] {
        assert_eq!(same(world.acme.get(&format!("/v1/tenants/{name}"))).0, 404);
        let change =
            world.acme.write("PATCH", &format!("/v1/tenants/{name}"), &json!({"display_name": "ha"}));
        change.refused(404, "not_found");
    }
    assert_eq!(world.acme.read("/v1/keys")["data"].as_array().unwrap().len(), 1);
    let all = world.admin.read("/v1/keys");
    let theirs =
        all["data"].as_array().unwrap().iter().find(|key| key["reach"]["tenants"][0] == "other").unwrap();
    let path = format!("/v1/keys/{}", theirs["id"].as_str().unwrap());
    world.acme.request("DELETE", &path, &[], b"").refused(404, "not_found");
    assert_eq!(world.other.get("/v1/events").status, 200);
}

#[test]
fn hashes_need_the_permission_and_entries_reach_over_everything() {
    let world = world();
    let reader = world.admin.key(&["audit.read"], &["acme"]);
    for path in [
        "/checkpoint",
        "/v1/ledger",
        "/v1/ledger/consistency?from=1",
        "/tile/0/000.p/1",
        "/tile/entries/000.p/1",
    ] {
        reader.get(path).refused(403, "forbidden");
        let expected = if path.starts_with("/tile/entries") { 403 } else { 200 };
        assert_eq!(world.acme.get(path).status, expected, "{path}");
        assert_eq!(world.admin.get(path).status, 200, "{path}");
    }
    let sender = world.admin.key(&["events.send"], &["acme"]);
    for path in ["/v1/events", "/v1/events/acme-3", "/v1/events/acme-3/original", "/v1/events/acme-3/proof"] {
        sender.get(path).refused(403, "forbidden");
    }
    reader.send(&event("acme", "a")).refused(403, "forbidden");
    for api in [&reader, &sender, &world.acme] {
        api.get("/metrics").refused(403, "forbidden");
    }
}
