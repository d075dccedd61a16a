//! Limits of ranges: a role that says how far back one may ask, and how much at a time, says so at every door.

use std::fs;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};

use crate::support::{Answer, Api, Installation, Server, event, ids, sent, sent_ids};

const PASSWORD: &str = "seven green umbrellas at noon";

fn server() -> (Installation, Server, Api) {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    for tenant in ["acme", "elsewhere"] {
        admin.tenant(tenant);
    }
    (installation, server, admin)
}

fn role(api: &Api, name: &str, permissions: &[&str], range: Value) -> Answer {
    let role = json!({"name": name, "permissions": permissions, "reach": "tenant", "range": range});
    api.write("POST", "/v1/roles", &role)
}

/// So many days ago.
fn days_ago(days: i64) -> String {
    #[expect(clippy::disallowed_methods, reason = "the server's own clock is what its limits count from")]
    let now = Timestamp::now();
    let then = now.to_zoned(TimeZone::UTC).checked_sub(days.days()).unwrap();
    then.timestamp().to_string()
}

/// Events of both tenants from 800, 300, 80 and 0 days ago, named by them.
fn sends_old_and_new(admin: &Api) {
    let events = ["acme", "elsewhere"].into_iter().flat_map(|tenant| {
        [800, 300, 80, 0].map(|days| {
            let mut event = event(tenant, "act");
            event["id"] = format!("{tenant}-{days}").into();
            event["time"] = days_ago(days).into();
            event
        })
    });
    admin.send(&Value::from_iter(events)).expect(201);
    admin.found("", 8);
}

#[test]
fn a_role_has_limits_as_they_were_given_and_gets_them_back_from_the_ledger() {
    let (installation, server, admin) = server();
    for (what, range, code, field) in [
        ("nothing", json!({"back": "P0D"}), "invalid_time", "/range/back"),
        ("minutes", json!({"span": "PT5M"}), "invalid_time", "/range/span"),
        ("words", json!({"span": "3 months"}), "invalid_time", "/range/span"),
        ("a sign", json!({"back": "-P1Y"}), "invalid_time", "/range/back"),
        ("a number", json!({"back": 5}), "wrong_type", ""),
        ("another member", json!({"until": "P1D"}), "unknown_parameter", "/until"),
    ] {
        let answer = role(&admin, "x", &["audit.read"], range);
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        let problem = answer.refused(400, code);
        assert_eq!(problem["errors"][0]["field"], field, "{what}: {problem}");
    }
    let whole = json!({"back": "P1Y", "span": "P3M"});
    let mut made = Vec::new();
    for (name, given, shown) in [
        ("none", Value::Null, Value::Null),
        ("neither", json!({"back": null}), Value::Null),
        ("back", json!({"back": "P12M"}), json!({"back": "P12M", "span": null})),
        ("both", whole.clone(), whole.clone()),
    ] {
        let answer = role(&admin, name, &["audit.read"], given).expect(201).json();
        assert_eq!(answer["range"], shown, "{name}");
        made.push(answer);
    }
    let path = format!("/v1/roles/{}", made[3]["id"].as_str().unwrap());
    let other =
        json!({"name": "both", "permissions": ["audit.read"], "reach": "tenant", "range": {"back": "P2W"}});
    assert_eq!(
        admin.write("PUT", &path, &other).expect(200).json()["range"],
        json!({"back": "P2W", "span": null})
    );
    // Whoever does not speak of limits leaves them as they are; null takes them away.
    let silent = json!({"name": "both", "permissions": ["audit.read"], "reach": "tenant"});
    assert_eq!(admin.write("PUT", &path, &silent).expect(200).json()["range"]["back"], "P2W");
    let of_back = format!("/v1/roles/{}", made[2]["id"].as_str().unwrap());
    for (range, shown) in [(Value::Null, Value::Null), (json!({"back": "P12M"}), json!("P12M"))] {
        let other = json!({"name": "back", "permissions": ["audit.read"], "reach": "tenant", "range": range});
        assert_eq!(admin.write("PUT", &of_back, &other).expect(200).json()["range"]["back"], shown);
    }
    let roles = admin.read("/v1/roles");
    let limited = roles["data"].as_array().unwrap().iter().filter(|role| !role["range"].is_null());
    assert!(limited.map(|role| role["name"].as_str().unwrap()).eq(["back", "both"]), "{roles}");
    let told = &admin.told("role.change", 3)[0];
    let change = json!([{"field": "range", "old": whole, "new": {"back": "P2W", "span": null}}]);
    assert_eq!(told["changes"], change);

    // The database is lost; what the ledger knows of comes back.
    server.kill();
    for name in ["control.sqlite", "control.sqlite-wal", "control.sqlite-shm"] {
        let _ = fs::remove_file(installation.data().join(name));
    }
    let server = installation.start();
    assert_eq!(server.admin().read("/v1/roles"), roles);
}

/// A user of acme who may ask a year back, three months at a time.
fn limited(admin: &Api) -> Api {
    let permissions = ["audit.read", "audit.originals", "audit.verify"];
    role(admin, "Limited", &permissions, json!({"back": "P1Y", "span": "P3M"})).expect(201);
    admin.user("ada", Some("acme"), &json!([{"role": "Limited"}]), PASSWORD);
    admin.signed_in("ada", PASSWORD)
}

#[test]
fn every_question_is_within_the_limits_or_refused_with_the_range_that_is() {
    let (_installation, _server, admin) = server();
    sends_old_and_new(&admin);
    let ada = limited(&admin);
    assert_eq!(ada.read("/v1/session")["range"], json!({"back": "P1Y", "span": "P3M"}));
    assert_eq!(admin.read("/v1/session")["range"], Value::Null);
    let doors = [
        "/v1/events?limit=10",
        "/v1/events?total=true&explain=true",
        "/v1/stats?",
        "/v1/histogram?by=actor",
        "/v1/values/actor?",
        "/v1/values/tenant?prefix=a",
    ];
    let (of_300, of_80) = (days_ago(301), days_ago(81));
    for door in doors {
        for (question, allowed) in [
            (String::new(), false),
            ("since=P2Y".to_owned(), false),
            ("since=P4M".to_owned(), false),
            ("until=P1D".to_owned(), false),
            ("since=P2Y&until=P23M".to_owned(), false),
            (format!("since={of_300}"), false),
            // Whatever else bounds it, these two count.
            (format!("filter=time+ge+%22{of_80}%22"), false),
            ("received_since=P1D".to_owned(), false),
            ("id=acme-0".to_owned(), false),
            ("since=P1D&filter=time+ge+%222000-01-01T00:00:00Z%22".to_owned(), true),
            ("since=P3M".to_owned(), true),
            ("since=P1Y&until=P10M".to_owned(), true),
            (format!("since={of_80}&until=2099-01-01T00:00:00Z"), true),
        ] {
            let path = format!("{door}&{question}").replace("?&", "?");
            let answer = ada.get(&path);
            assert_eq!(answer.status, if allowed { 200 } else { 403 }, "{path}: {}", answer.text());
            // Whoever has no limits is asked for none.
            admin.get(&path).expect(200);
            if allowed {
                continue;
            }
            let problem = answer.refused(403, "range_not_allowed");
            let [since, until] =
                ["since", "until"].map(|end| problem["allowed"][end].as_str().unwrap().to_owned());
            let words = problem["detail"].as_str().unwrap();
            assert!(words.contains("1 year back") && words.contains("3 months at a time"), "{words}");
            let other =
                question.split('&').filter(|part| !part.starts_with("since") && !part.starts_with("until"));
            let other = other.collect::<Vec<_>>().join("&");
            ada.get(&format!("{door}&since={since}&until={until}&{other}").replace("?&", "?")).expect(200);
        }
    }
    let found = |question: &str| sent_ids(&ada.read(&format!("/v1/events?{}", sent(question))));
    assert_eq!(found("since=P3M"), ["acme-0", "acme-80"]);
    assert_eq!(found("since=P11M&until=P9M"), ["acme-300"]);
    // A listing goes on from where it was.
    let query = sent("since=P3M&limit=1");
    let first = ada.read(&format!("/v1/events?{query}"));
    let next = first["next"].as_str().unwrap();
    assert_eq!(ids(&ada.read(&format!("/v1/events?{query}&after={next}"))), ["acme-80"]);
    // A moment that somebody else was given moves nothing.
    let moment = admin.read("/v1/stats")["as_of"].clone();
    let moment = moment.as_str().unwrap();
    ada.get(&format!("/v1/events?as_of={moment}")).refused(403, "range_not_allowed");
    ada.get(&format!("/v1/events?since=P3M&as_of={moment}")).expect(200);
    let old = admin.read("/v1/events?since=P3Y&limit=1");
    let cursor = old["next"].as_str().unwrap();
    ada.get(&format!("/v1/events?since=P3Y&limit=1&after={cursor}")).refused(403, "range_not_allowed");
}

#[test]
fn an_event_that_is_too_old_is_refused_only_to_whoever_reaches_it() {
    let (_installation, _server, admin) = server();
    sends_old_and_new(&admin);
    let ada = limited(&admin);
    for suffix in ["", "/original", "/proof"] {
        for (id, status, code) in [
            ("acme-0", 200, ""),
            // One event is no range: how much at a time is of no matter.
            ("acme-300", 200, ""),
            ("acme-800", 403, "range_not_allowed"),
            ("elsewhere-800", 404, "not_found"),
            ("elsewhere-0", 404, "not_found"),
            ("none", 404, "not_found"),
        ] {
            let answer = ada.get(&format!("/v1/events/{id}{suffix}"));
            assert_eq!(answer.status, status, "{id}{suffix}: {}", answer.text());
            if status != 200 {
                answer.refused(status, code);
            }
            let tenant = id.split('-').next().unwrap();
            assert_eq!(
                ada.get(&format!("/v1/events/{id}{suffix}?tenant={tenant}")).status,
                status,
                "{id}{suffix}"
            );
        }
    }
}

#[test]
fn the_feed_is_refused_and_a_stream_shows_what_comes_in_within_the_limits() {
    let (_installation, _server, admin) = server();
    let before = admin.read("/v1/stats")["as_of"].as_str().unwrap().to_owned();
    let feed = admin.read("/v1/feed?limit=1")["next"].as_str().unwrap().to_owned();
    sends_old_and_new(&admin);
    let after = admin.read("/v1/stats")["as_of"].as_str().unwrap().to_owned();
    let ada = limited(&admin);
    for path in ["/v1/feed".to_owned(), format!("/v1/feed?after={feed}"), "/v1/feed?wait=1".to_owned()] {
        let problem = ada.get(&path).refused(403, "range_not_allowed");
        assert!(problem["allowed"]["since"].is_string(), "{problem}");
    }
    ada.get("/v1/tail?since=P2Y").refused(403, "range_not_allowed");
    ada.get("/v1/tail?since=P4M").refused(403, "range_not_allowed");
    // What is passed on from a cursor that lies further back is not what is too old.
    for question in ["", "since=P3M", "until=P1D"] {
        let query = sent(question);
        let stream = ada.get(&format!("/v1/tail?{query}&after={before}&before={after}")).expect(200).text();
        let data = stream
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .filter(|data| data.contains("\"id\""));
        let found: Vec<Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
        let found: Vec<_> = found.iter().map(|event| event["id"].as_str().unwrap()).collect();
        let expected = if question == "until=P1D" { vec!["acme-80"] } else { vec!["acme-80", "acme-0"] };
        assert_eq!(found, expected, "{question}");
    }
    let mut stream = ada.tail(&sent(""), None);
    for (id, days) in [("late", 700), ("now", 0)] {
        let mut event = event("acme", "act");
        (event["id"], event["time"]) = (id.into(), days_ago(days).into());
        admin.send(&event).expect(201);
    }
    assert_eq!(stream.next_but_heartbeats().unwrap().data["id"], "now");
}

#[test]
fn of_several_roles_each_limit_is_that_of_whichever_allows_most() {
    let (_installation, _server, admin) = server();
    let reads = &["audit.read"];
    role(&admin, "Year", reads, json!({"back": "P1Y", "span": "P1M"})).expect(201);
    role(&admin, "Half", reads, json!({"back": "P6M", "span": "P3M"})).expect(201);
    role(&admin, "Ever", reads, json!({"span": "P1W"})).expect(201);
    role(&admin, "Other", &["keys.manage"], Value::Null).expect(201);
    let id = admin.user("ada", Some("acme"), &json!([{"role": "Year"}]), PASSWORD);
    let ada = admin.signed_in("ada", PASSWORD);
    for (roles, range) in [
        (&["Year"][..], json!({"back": "P1Y", "span": "P1M"})),
        (&["Year", "Half"], json!({"back": "P1Y", "span": "P3M"})),
        (&["Half", "Ever"], json!({"back": null, "span": "P3M"})),
        (&["Year", "Tenant Auditor"], Value::Null),
        // A role that lets nobody read says nothing about reading.
        (&["Half", "Other"], json!({"back": "P6M", "span": "P3M"})),
        (&["Other"], Value::Null),
    ] {
        let given: Vec<_> = roles.iter().map(|role| json!({"role": role})).collect();
        admin.write("PATCH", &format!("/v1/users/{id}"), &json!({"roles": given})).expect(200);
        assert_eq!(ada.read("/v1/session")["range"], range, "{roles:?}");
    }
    admin.write("PATCH", &format!("/v1/users/{id}"), &json!({"roles": [{"role": "Half"}]})).expect(200);
    ada.get("/v1/stats?since=P3M").expect(200);
    ada.get("/v1/stats?since=P7M&until=P5M").refused(403, "range_not_allowed");
}

#[test]
fn nobody_hands_out_longer_ranges_than_their_own() {
    let (_installation, _server, admin) = server();
    let permissions = ["audit.read", "keys.manage", "users.manage"];
    let new = json!({"name": "Manager", "permissions": permissions, "reach": "everything", "range": {"back": "P1Y"}});
    let manager = admin.write("POST", "/v1/roles", &new).expect(201).json();
    admin.user("max", None, &json!([{"role": "Manager"}]), PASSWORD);
    let max = admin.signed_in("max", PASSWORD);
    let key = |permissions: &[&str]| {
        max.write(
            "POST",
            "/v1/keys",
            &json!({"name": "k", "permissions": permissions, "reach": "everything"}),
        )
    };
    key(&["audit.read"]).refused(403, "forbidden");
    key(&["keys.manage"]).expect(201);
    let theirs = admin.write(
        "POST",
        "/v1/keys",
        &json!({"name": "r", "permissions": ["audit.read"], "reach": "everything"}),
    );
    let theirs = format!("/v1/keys/{}/rotation", theirs.expect(201).json()["id"].as_str().unwrap());
    max.write("POST", &theirs, &json!({})).refused(403, "forbidden");
    for (range, status) in [
        (Value::Null, 403),
        (json!({"back": "P2Y"}), 403),
        (json!({"span": "P1D"}), 403),
        (json!({"back": "P12M"}), 201),
        (json!({"back": "P6M", "span": "P1M"}), 201),
    ] {
        let answer = role(&max, &format!("of {range}"), &["audit.read"], range.clone());
        assert_eq!(answer.status, status, "{range}: {}", answer.text());
    }
    let own = format!("/v1/roles/{}", manager["id"].as_str().unwrap());
    let wider = json!({"name": "Manager", "permissions": permissions, "reach": "everything"});
    max.write("PUT", &own, &wider).expect(200);
    let wider = json!({"name": "Manager", "permissions": permissions, "reach": "everything", "range": null});
    max.write("PUT", &own, &wider).refused(403, "forbidden");
    let new = |role: &str| json!({"username": "bo", "tenant": "acme", "roles": [{"role": role}]});
    max.write("POST", "/v1/users", &new("Tenant Auditor")).refused(403, "forbidden");
    max.write("POST", "/v1/users", &new("of {\"back\":\"P12M\"}")).expect(201);
}
