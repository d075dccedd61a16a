//! Reach: a key of one tenant never learns anything of another, by whatever door it tries.

use serde_json::{Value, json};

use crate::support::{Api, Installation, Server, event, ids, numbered, sent, texts};

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
        let page = world.acme.read(&format!("/v1/events?limit=1000&total=true&{}{query}", sent("")));
        assert_eq!(page["total"], 20, "{query}");
        for event in page["data"].as_array().unwrap() {
            assert!(event["tenant"].as_str().unwrap().starts_with("acme"), "{query}: {event}");
            assert!(event.get("seq").is_none() && event.get("log").is_none(), "{query}: {event}");
        }
    }
    world.acme.found("tenant=acme-east", 10);
    world.acme.found("tenant=!acme-east", 10);
    // A tenant outside the reach is like one that does not exist.
    for query in ["tenant=other", "tenant=nowhere", "id=other-3", "id=none", "tenant=other&tenant=nowhere"] {
        let page = world.acme.read(&format!("/v1/events?total=true&{query}"));
        assert_eq!(
            (&page["total"], &page["data"], &page["next"]),
            (&json!(0), &json!([]), &Value::Null),
            "{query}"
        );
    }
    world.acme.found("tenant=!other", 20);
    assert_eq!(world.other.read("/v1/events?total=true&q=marmalade")["total"], 10);
    let all = world.admin.read("/v1/events?limit=1");
    assert!(all["data"][0]["seq"].is_u64() && all["data"][0]["log"].is_string(), "{all}");
}

/// The values of a list of figures, whatever their order.
fn values_in(list: &Value) -> Vec<String> {
    let mut values = texts(list, "value");
    values.sort();
    values
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
    world.other.found("", 10);
}

#[test]
fn moving_a_tenant_moves_what_its_partners_see() {
    let world = world();
    world.admin.write("PATCH", "/v1/tenants/acme-east", &json!({"parent": "other"})).expect(200);
    world.acme.found("", 10);
    world.other.found("", 20);
    world.acme.get("/v1/events/acme-east-3").refused(404, "not_found");
    assert_eq!(world.other.read("/v1/events/acme-east-3")["tenant"], "acme-east");
    world.acme.send(&event("acme-east", "a")).refused(403, "tenant_forbidden");
}

#[test]
fn tenants_and_keys_of_others_are_not_shown() {
    let world = world();
    let names = |api: &Api| texts(&api.read("/v1/tenants")["data"], "name");
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

#[test]
fn a_mapping_is_added_by_reach_over_everything_only() {
    let world = world();
    let text = b"name = \"door\"\nversion = 1\n[event]\naction = \"a\"\n";
    let put =
        |api: &Api| api.request("PUT", "/v1/mappings/door", &[("Content-Type", "application/toml")], text);
    for permission in ["settings.manage", "events.send"] {
        put(&world.admin.key(&[permission], &["acme"])).refused(403, "forbidden");
    }
    world.admin.get("/v1/mappings/door").refused(404, "not_found");
    put(&world.admin).expect(201);
}

/// Events with names that tell whose they are, sent by the administrator, and what each key may see of them.
struct Model {
    events: Vec<Value>,
    keys: Vec<(Api, &'static [&'static str])>,
    /// Cursors of the administrator's around all of them.
    range: [String; 2],
}

fn model(world: &World) -> Model {
    let as_of = || world.admin.read("/v1/events?limit=1")["as_of"].as_str().unwrap().to_owned();
    let before = as_of();
    let tenants = ["acme", "acme-east", "other"];
    let events: Vec<_> = (0..90)
        .map(|n| {
            let tenant = tenants[n % 3];
            json!({
                "id": format!("model-{n}"), "tenant": tenant, "action": format!("do-{tenant}-{}", n % 4),
                "actor": {"username": format!("{tenant}-user{}", n % 5), "tenant": format!("{tenant}.example")},
                "targets": [{"type": "subscriber", "id": format!("{tenant}-{}", n % 7), "tenant": "shared.example"}],
                "client": {"ip": format!("10.{}.0.1", n % 3)},
                "outcome": {"result": if n % 2 == 0 { "failure" } else { "success" }},
                "time": format!("2026-05-{:02}T12:00:00Z", 1 + n % 20),
            })
        })
        .collect();
    world.admin.send(&Value::from(events.clone())).expect(201);
    world.admin.found("id=!none&since=2026-05-01T00:00:00Z", 90);
    let reader = |tenants: &[&str]| world.admin.key(&["audit.read"], tenants);
    let keys: Vec<(Api, &'static [&'static str])> = vec![
        (world.admin.clone(), &["acme", "acme-east", "other"]),
        (reader(&["acme"]), &["acme", "acme-east"]),
        (reader(&["acme-east"]), &["acme-east"]),
        (reader(&["other", "acme-east"]), &["acme-east", "other"]),
    ];
    Model { events, keys, range: [before, as_of()] }
}

#[test]
fn every_way_of_reading_sees_what_a_model_of_the_reach_sees() {
    let world = world();
    let model = model(&world);
    type Wanted = fn(&Value) -> bool;
    let questions: [(&str, Wanted); 5] = [
        ("", |_| true),
        ("&outcome=failure", |event| event["outcome"]["result"] == "failure"),
        ("&affected_tenant=shared.example", |_| true),
        ("&tenant=acme&outcome=!success", |event| {
            event["tenant"] != "other" && event["outcome"]["result"] == "failure"
        }),
        ("&actor=other-user1&actor=acme-user1", |event| {
            ["other-user1", "acme-user1"].iter().any(|user| event["actor"]["username"] == *user)
        }),
    ];
    for (api, reach) in &model.keys {
        for (question, wanted) in questions {
            // A tenant above the reach is named by nobody below it.
            let named = !question.contains("tenant=acme&") || reach.contains(&"acme");
            let of = |event: &&Value| {
                named && wanted(event) && reach.iter().any(|tenant| event["tenant"] == *tenant)
            };
            let seen: Vec<_> = model.events.iter().filter(of).collect();
            let distinct = |pointer: &str| {
                let found: std::collections::BTreeSet<_> =
                    seen.iter().map(|event| event.pointer(pointer).unwrap().as_str()).collect();
                found.into_iter().flatten().map(str::to_owned).collect::<Vec<_>>()
            };
            let what = format!("{reach:?} {question}");
            let question = format!("since=2026-05-01T00:00:00Z&until=2026-05-31T00:00:00Z{question}");
            let [after, before] = &model.range;
            let stats = api.read(&format!("/v1/stats?{question}"));
            // The target is a person of its own tenant, the same for all.
            let users = distinct("/actor/username").len() + distinct("/targets/0/id").len();
            assert_eq!(
                (&stats["total"], &stats["users"], &stats["tenants"]),
                (&json!(seen.len()), &json!(users), &json!(distinct("/tenant").len())),
                "{what}"
            );
            let histogram = api.read(&format!("/v1/histogram?interval=P1D&by=actor&{question}"));
            assert_eq!(histogram["total"], seen.len(), "{what}");
            let series = values_in(&histogram["series"]);
            assert_eq!(series, distinct("/actor/username"), "{what}");
            for (field, pointer) in [
                ("actor", "/actor/username"),
                ("actor_tenant", "/actor/tenant"),
                ("action", "/action"),
                ("affected", "/targets/0/id"),
                ("ip", "/client/ip"),
            ] {
                let values = api.read(&format!("/v1/values/{field}?limit=1000&{question}"));
                let found = values_in(&values["values"]);
                assert_eq!(
                    (found, &values["distinct"]),
                    (distinct(pointer), &json!(distinct(pointer).len())),
                    "{what} {field}"
                );
                let sum: u64 = values["values"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|value| value["count"].as_u64().unwrap())
                    .sum();
                assert_eq!(sum, seen.len() as u64, "{what} {field}");
            }
            // Tenants by name, as they are called today, and the same in a histogram.
            let tenants = api.read(&format!("/v1/values/tenant?{question}"));
            let names = values_in(&tenants["values"]);
            assert_eq!((&names, &tenants["distinct"]), (&distinct("/tenant"), &json!(names.len())), "{what}");
            for prefix in ["acme-", "acme", "oth"] {
                let typed =
                    api.read(&format!("/v1/values/tenant?prefix={}&{question}", prefix.to_uppercase()));
                let expected: Vec<_> =
                    names.iter().filter(|name| name.starts_with(prefix)).cloned().collect();
                assert_eq!(values_in(&typed["values"]), expected, "{what} {prefix}");
                assert_eq!(typed["distinct"], expected.len(), "{what} {prefix}");
            }
            let histogram = api.read(&format!("/v1/histogram?interval=P1M&by=tenant&{question}"));
            let series = values_in(&histogram["series"]);
            assert_eq!(series, names, "{what}");
            // Nothing is completed that others typed first.
            let typed = api.read(&format!("/v1/values/actor?prefix=other-&{question}"));
            let theirs = distinct("/actor/username").iter().filter(|name| name.starts_with("other-")).count();
            assert_eq!(typed["distinct"], theirs, "{what}");
            let in_order: Vec<_> =
                seen.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
            let mut stream = api.tail(&format!("{question}&after={after}&before={before}"), None);
            assert_eq!(stream.events(in_order.len()), in_order, "{what}");
            assert_eq!(stream.end(), "complete", "{what}");
        }
        let mut path = "/v1/feed?limit=11".to_owned();
        let mut fed = Vec::new();
        loop {
            let page = api.read(&path);
            fed.extend(ids(&page));
            if page["data"].as_array().unwrap().is_empty() {
                break;
            }
            path = format!("/v1/feed?limit=11&after={}", page["next"].as_str().unwrap());
        }
        let expected: Vec<_> = model
            .events
            .iter()
            .filter(|event| reach.iter().any(|tenant| event["tenant"] == *tenant))
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect();
        let fed: Vec<_> = fed.into_iter().filter(|id| id.starts_with("model-")).collect();
        assert_eq!(fed, expected, "{reach:?}");
    }
}

#[test]
fn text_form_filters_name_nothing_outside_the_reach() {
    let world = world();
    let model = model(&world);
    for (api, reach) in &model.keys {
        for (filter, of_all) in [
            ("tenant eq \"other\" and id sw \"model-\"", 30),
            ("not (tenant eq \"acme\") and id sw \"model-\"", 30),
            ("actor.username sw \"other-\"", 30),
            ("tenant eq \"nowhere\"", 0),
        ] {
            let total = api.read(&format!("/v1/stats?since=2026-05-01T00:00:00Z&filter={}", encoded(filter)))
                ["total"]
                .as_u64()
                .unwrap();
            if reach.len() == 3 {
                assert_eq!(total, of_all, "{filter}");
            } else {
                let page = api.read(&format!(
                    "/v1/events?limit=1000&since=2026-05-01T00:00:00Z&filter={}",
                    encoded(filter)
                ));
                assert_eq!(page["data"].as_array().unwrap().len() as u64, total, "{reach:?} {filter}");
                for event in page["data"].as_array().unwrap() {
                    assert!(
                        reach.iter().any(|tenant| event["tenant"] == *tenant),
                        "{reach:?} {filter}: {event}"
                    );
                }
            }
        }
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn how_complete_an_answer_is_does_not_tell_when_others_send() {
    let world = world();
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let busy = {
        let (other, done) = (world.other.clone(), done.clone());
        std::thread::spawn(move || {
            let events = Value::from(vec![event("other", "busy"); 500]);
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                other.send(&events).expect(201);
            }
        })
    };
    for _ in 0..50 {
        for path in ["/v1/events?limit=1", "/v1/stats", "/v1/feed?limit=1"] {
            let through = world.acme.read(path)["complete_through"].clone();
            assert!(through.as_str().unwrap().ends_with(".000000Z"), "{path}: {through}");
        }
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    busy.join().unwrap();
}
