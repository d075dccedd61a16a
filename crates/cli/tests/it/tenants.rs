//! Tenants: the tree, names, the auditing switch that stays on, and entries that come before their rows.

use std::{fs, sync::Arc};

use indelible_ledger::{Ledger, LedgerConfig, SystemClock};
use indelible_verify::{ChainId, Kind};
use serde_json::{Value, json};

use crate::support::{Answer, Api, Installation, Server, event, ids, sent, texts};

fn server() -> (Installation, Server, Api) {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    (installation, server, admin)
}

fn create(api: &Api, tenant: &Value) -> Answer {
    api.write("POST", "/v1/tenants", tenant)
}

fn change(api: &Api, name: &str, change: &Value) -> Answer {
    api.write("PATCH", &format!("/v1/tenants/{name}"), change)
}

fn delete(api: &Api, name: &str) -> Answer {
    api.request("DELETE", &format!("/v1/tenants/{name}"), &[], b"")
}

/// The last of an event's changes, as field, old and new.
fn changes(event: &Value) -> Vec<(String, Value, Value)> {
    let changes = event["changes"].as_array().into_iter().flatten();
    changes
        .map(|change| {
            (change["field"].as_str().unwrap().to_owned(), change["old"].clone(), change["new"].clone())
        })
        .collect()
}

#[test]
fn a_tenant_is_as_it_was_described_and_every_change_is_an_event_with_old_and_new() {
    let (installation, server, admin) = server();
    create(&admin, &json!({"name": "north", "kind": "territory"})).expect(201);
    let made = create(
        &admin,
        &json!({"name": "Acme", "parent": "north", "display_name": "Acme Inc.", "external_id": "crm-7", "zone": "europe/rome"}),
    );
    let made = made.expect(201).json();
    for (member, value) in [
        ("name", json!("Acme")),
        ("parent", json!("north")),
        ("kind", json!("domain")),
        ("external_id", json!("crm-7")),
        ("zone", json!("Europe/Rome")),
        ("state", json!("active")),
        ("auditing", json!(false)),
        ("audited_since", Value::Null),
        ("former_names", json!([])),
    ] {
        assert_eq!(made[member], value, "{member}: {made}");
    }
    for (what, set, status, code, field) in [
        ("a kind", json!({"kind": "planet"}), 400, "invalid_enum", "/kind"),
        ("a zone", json!({"zone": "Mars/Olympus"}), 400, "invalid_enum", "/zone"),
        ("a state", json!({"state": "asleep"}), 400, "invalid_enum", "/state"),
        ("a name shown", json!({"display_name": "a\u{202e}b"}), 400, "invalid_string", "/display_name"),
        ("a name", json!({"name": "a b"}), 400, "invalid_id", "/name"),
        ("no territory", json!({"parent": "nowhere"}), 404, "not_found", ""),
        ("an unknown member", json!({"colour": "red"}), 400, "unknown_parameter", "/colour"),
    ] {
        let problem = change(&admin, "Acme", &set);
        assert_eq!(problem.status, status, "{what}: {}", problem.text());
        let problem = problem.refused(status, code);
        assert_eq!(problem["errors"][0]["field"].as_str().unwrap_or_default(), field, "{what}: {problem}");
    }
    change(&admin, "north", &json!({"kind": "domain"})).refused(400, "invalid_filter");
    change(&admin, "Acme", &json!({"kind": "domain"})).expect(200);
    create(&admin, &json!({"name": "below", "parent": "acme"})).refused(400, "invalid_filter");
    let set = json!({"kind": null, "external_id": null, "display_name": "Acme Ltd.", "zone": "UTC", "state": "suspended"});
    let changed = change(&admin, "acme", &set).expect(200).json();
    assert_eq!((&changed["external_id"], &changed["kind"]), (&Value::Null, &json!("domain")), "{changed}");
    change(&admin, "acme", &set).expect(200);

    let told = admin.told("tenant.create", 2);
    assert_eq!(told[1]["targets"][0]["id"], made["uuid"]);
    let wanted = [("parent", json!("north")), ("auditing", json!(false)), ("zone", json!("Europe/Rome"))];
    for (field, new) in wanted {
        assert!(changes(&told[1]).contains(&(field.into(), Value::Null, new)), "{field}: {}", told[1]);
    }
    // The same again was no change.
    let told = admin.told("tenant.change", 2);
    assert_eq!(changes(&told[0]), [("kind".into(), Value::Null, json!("domain"))]);
    let mut found = changes(&told[1]);
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("display_name", json!("Acme Inc."), json!("Acme Ltd.")),
        ("external_id", json!("crm-7"), Value::Null),
        ("kind", json!("domain"), Value::Null),
        ("state", json!("active"), json!("suspended")),
        ("zone", json!("Europe/Rome"), json!("UTC")),
    ];
    assert_eq!(found, expected.map(|(field, old, new)| (field.to_owned(), old, new)));
    assert_eq!(
        (&told[1]["actor"]["type"], &told[1]["targets"][0]["type"]),
        (&json!("api_key"), &json!("tenant"))
    );
    assert_eq!(told[1]["outcome"]["result"], "success");

    let before = admin.read("/v1/tenants");
    server.kill();
    let server = installation.start();
    assert_eq!(server.admin().read("/v1/tenants"), before);
}

#[test]
fn an_external_id_finds_its_tenants_within_the_reach() {
    let (_installation, _server, admin) = server();
    for name in ["north", "south"] {
        create(&admin, &json!({"name": name, "external_id": "crm-7"})).expect(201);
    }
    create(&admin, &json!({"name": "west"})).expect(201);
    let names = |api: &Api, query: &str| texts(&api.read(&format!("/v1/tenants{query}"))["data"], "name");
    assert_eq!(names(&admin, "?external_id=crm-7"), ["north", "south"]);
    assert_eq!(names(&admin, "?external_id=crm-8"), [""; 0]);
    let reader = admin.key(&["audit.read"], &["south"]);
    assert_eq!(names(&reader, "?external_id=crm-7"), ["south"]);
    admin.get("/v1/tenants?external=crm-7").refused(400, "unknown_parameter");
}

#[test]
fn a_renamed_tenants_history_has_the_new_name_with_the_next_query_and_the_old_one_stays_its_own() {
    let (installation, server, admin) = server();
    for name in ["acme", "other"] {
        admin.tenant(name);
    }
    let api = admin.key(&["events.send", "audit.read"], &["acme"]);
    let mut first = event("acme", "before");
    first["id"] = "e1".into();
    api.send(&first).expect(201);
    api.found("tenant=acme", 1);
    change(&admin, "acme", &json!({"name": "acme-west"})).expect(200);
    let named = |api: &Api, name: &str, expected: &[&str]| {
        let page = api.read(&format!("/v1/events?total=true&{}", sent(&format!("tenant={name}"))));
        assert_eq!(
            (ids(&page), &page["total"]),
            (expected.iter().map(|id| (*id).to_owned()).collect(), &json!(expected.len())),
            "{name}"
        );
        for event in page["data"].as_array().unwrap() {
            assert_eq!(event["tenant"], "acme-west", "{name}: {event}");
        }
    };
    for name in ["acme-west", "acme", "ACME", "Acme-West"] {
        named(&api, name, &["e1"]);
    }
    let values = api.read(&format!("/v1/values/tenant?{}", sent("")));
    assert_eq!(texts(&values["values"], "value"), ["acme-west"], "{values}");
    assert_eq!(api.read("/v1/tenants/acme")["former_names"], json!(["acme"]));
    // Whoever sends under the old name goes on.
    for (id, name) in [("e2", "acme"), ("e3", "acme-west")] {
        let mut next = event(name, "after");
        next["id"] = id.into();
        let answer = api.send(&next).expect(201).json();
        assert_eq!(answer["events"][0]["tenant"], "acme-west", "{answer}");
    }
    api.found("tenant=acme", 3);
    // Nobody else gets a name under which events live.
    for name in ["acme", "ACME", "acme-west"] {
        create(&admin, &json!({"name": name})).refused(409, "id_conflict");
        change(&admin, "other", &json!({"name": name})).refused(409, "id_conflict");
    }
    server.kill();
    let server = installation.start();
    let api = server.with_key(api.key.as_deref().unwrap());
    api.found("tenant=acme", 3);
    // It takes its own name up again.
    let back = change(&server.admin(), "acme", &json!({"name": "Acme"})).expect(200).json();
    assert_eq!((&back["name"], &back["former_names"]), (&json!("Acme"), &json!(["acme-west"])));
    assert_eq!(api.read(&format!("/v1/events?{}", sent("tenant=acme-west")))["data"][0]["tenant"], "Acme");
    let told = server.admin().told("tenant.change", 2);
    assert_eq!(changes(&told[0]), [("name".into(), json!("acme"), json!("acme-west"))]);
}

#[test]
fn names_that_look_alike_are_told_of_only_where_the_other_may_be_known() {
    let (_installation, _server, admin) = server();
    for (name, parent) in [("north", Value::Null), ("paypal", Value::Null), ("office", json!("north"))] {
        create(&admin, &json!({"name": name, "parent": parent})).expect(201);
    }
    let manager = admin.key(&["tenants.manage"], &["north"]);
    let made = create(&manager, &json!({"name": "paypa1", "parent": "north"})).expect(201).json();
    assert_eq!(made.get("warnings"), None, "{made}");
    let warned = |answer: Answer, other: &str| {
        let answer = answer.json();
        assert!(answer["warnings"].to_string().contains(other), "{answer}");
    };
    warned(create(&manager, &json!({"name": "0ffice", "parent": "north"})).expect(201), "office");
    warned(change(&admin, "paypa1", &json!({"zone": "UTC"})).expect(200), "paypal");
    assert_eq!(
        change(&manager, "paypa1", &json!({"zone": "Europe/Rome"})).expect(200).json().get("warnings"),
        None
    );
    warned(change(&manager, "paypa1", &json!({"display_name": "Office"})).expect(200), "office");
}

#[test]
fn auditing_once_on_stays_on_by_whatever_way_and_each_attempt_is_an_event() {
    let (installation, server, admin) = server();
    for name in ["north", "south"] {
        create(&admin, &json!({"name": name})).expect(201);
    }
    create(&admin, &json!({"name": "acme", "parent": "north", "auditing": true})).expect(201);
    change(&admin, "acme", &json!({"name": "acme-2"})).expect(200);
    let since = admin.read("/v1/tenants/acme-2")["audited_since"].clone();
    admin.write("PUT", "/v1/auditing", &json!({"auditing": true})).expect(200);
    let off = json!({"auditing": false});
    let new = |name: &str, auditing: Value| json!({"name": name, "parent": "north", "auditing": auditing});
    // What is refused, with the code of the event that tells of it and its reason.
    let mut told = std::collections::BTreeMap::new();
    for (what, answer, status, code, reason) in [
        ("switch it off", change(&admin, "acme-2", &off), 403, "tenant.auditing", "auditing_stays_on"),
        ("by the old name", change(&admin, "acme", &off), 403, "tenant.auditing", "auditing_stays_on"),
        (
            "with something else",
            change(&admin, "acme-2", &json!({"auditing": false, "display_name": "x", "state": "suspended"})),
            403,
            "tenant.auditing",
            "auditing_stays_on",
        ),
        ("delete it", delete(&admin, "acme-2"), 403, "tenant.delete", "auditing_stays_on"),
        ("delete it by the old name", delete(&admin, "acme"), 403, "tenant.delete", "auditing_stays_on"),
        ("make it again", create(&admin, &new("acme-2", Value::Null)), 409, "tenant.create", "name_taken"),
        (
            "make it again, off",
            create(&admin, &new("acme-2", json!(false))),
            403,
            "tenant.create",
            "auditing_stays_on",
        ),
        (
            "make it under the old name",
            create(&admin, &new("ACME", json!(true))),
            409,
            "tenant.create",
            "name_taken",
        ),
        (
            "make another one, off",
            create(&admin, &new("fresh", json!(false))),
            403,
            "tenant.create",
            "auditing_stays_on",
        ),
        (
            "switch the installation off",
            admin.write("PUT", "/v1/auditing", &off),
            403,
            "installation.auditing",
            "auditing_stays_on",
        ),
    ] {
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        told.entry(code).or_insert_with(Vec::new).push(reason);
    }
    for (code, reasons) in told {
        // Beside the attempts there are the events of what was done: the tenants, the installation's switch.
        let done = match code {
            "tenant.create" => 3,
            "installation.auditing" => 1,
            _ => 0,
        };
        let events = admin.told(code, reasons.len() + done);
        let denied: Vec<_> = events.iter().filter(|event| event["outcome"]["result"] == "denied").collect();
        let found: Vec<_> = denied.iter().map(|event| event["outcome"]["reason"].as_str().unwrap()).collect();
        assert_eq!(found, reasons, "{code}");
        assert!(denied.iter().all(|event| event["actor"]["id"] == "administrator-key"), "{code}");
    }
    // What is allowed leaves it on, and its events are taken.
    for (what, set) in [
        ("suspended", json!({"state": "suspended"})),
        ("moved", json!({"parent": "south"})),
        ("moved to the top", json!({"parent": null})),
        ("described", json!({"display_name": "x", "kind": "domain"})),
        ("renamed", json!({"name": "acme-3"})),
    ] {
        let now = change(&admin, "acme", &set).expect(200).json();
        assert_eq!((&now["auditing"], &now["audited_since"]), (&json!(true), &since), "{what}");
        admin.send(&event("acme", what)).expect(201);
    }
    // A tenant begins with what the installation has, without a word of it.
    let fresh = create(&admin, &json!({"name": "fresh"})).expect(201).json();
    assert_eq!(
        (&fresh["auditing"], fresh["audited_since"] == fresh["created_at"]),
        (&json!(true), true),
        "{fresh}"
    );
    // Tenants that were there are switched one by one.
    admin.send(&event("south", "a")).refused(403, "auditing_off");
    let auditing = admin.read("/v1/auditing");
    assert_eq!((&auditing["tenants"], &auditing["audited_tenants"]), (&json!(4), &json!(2)), "{auditing}");
    server.kill();
    let server = installation.start();
    assert_eq!(server.admin().read("/v1/auditing"), auditing);
    assert_eq!(server.admin().read("/v1/tenants/acme-3")["audited_since"], since);
}

#[test]
fn the_switch_needs_complete_user_management_and_nothing_less() {
    let (_installation, _server, admin) = server();
    for name in ["north", "south"] {
        create(&admin, &json!({"name": name})).expect(201);
    }
    let on = json!({"auditing": true});
    let all_but = [
        "tenants.manage",
        "settings.manage",
        "keys.manage",
        "retention.manage",
        "holds.manage",
        "audit.read",
    ];
    let managers = [
        ("tenants", admin.key(&["tenants.manage"], &["north"])),
        ("tenants everywhere", admin.key_everywhere(&["tenants.manage"])),
        ("everything but users", admin.key_everywhere(&all_but)),
        ("users and tenants of one", admin.key(&["users.manage", "tenants.manage"], &["north"])),
    ];
    for (what, api) in &managers {
        let answer = change(api, "north", &on);
        assert_eq!(answer.status, 403, "{what}: {}", answer.text());
        let answer = create(api, &json!({"name": "x", "parent": "north", "auditing": true}));
        assert_eq!(answer.status, 403, "{what}: {}", answer.text());
        for answer in [api.get("/v1/auditing"), api.write("PUT", "/v1/auditing", &on)] {
            assert_eq!(answer.status, 403, "{what}: {}", answer.text());
        }
    }
    assert_eq!(admin.read("/v1/tenants/north")["auditing"], false);
    let told = admin.told("tenant.auditing", managers.len());
    let denied = |event: &Value| {
        event["outcome"] == json!({"result": "denied", "reason": "not_permitted"})
            && event["targets"][0]["name"] == "north"
    };
    assert!(told.iter().all(denied), "{told:?}");

    // It alone is enough for the switch, and for the switch alone.
    let users = admin.key_everywhere(&["users.manage"]);
    change(&users, "north", &json!({"auditing": true, "display_name": "x"})).refused(403, "forbidden");
    assert_eq!(admin.read("/v1/tenants/north")["auditing"], false, "all or nothing");
    assert_eq!(change(&users, "north", &on).expect(200).json()["auditing"], true);
    change(&users, "north", &json!({"state": "suspended"})).refused(403, "forbidden");
    create(&users, &json!({"name": "x"})).refused(403, "forbidden");
    delete(&users, "south").refused(403, "forbidden");
}

#[test]
fn an_event_is_taken_by_what_the_switch_was_when_it_came_and_older_ones_may_follow() {
    let (_installation, _server, admin) = server();
    create(&admin, &json!({"name": "acme"})).expect(201);
    admin.send(&event("acme", "a")).refused(403, "auditing_off");
    change(&admin, "acme", &json!({"auditing": true})).expect(200);
    let tenant = admin.read("/v1/tenants/acme");
    let (since, made) = (tenant["audited_since"].as_str().unwrap(), tenant["created_at"].as_str().unwrap());
    assert!(since > made, "{tenant}");
    let mut old = event("acme", "long ago");
    old["time"] = "2019-01-01T00:00:00Z".into();
    admin.send(&old).expect(201);
    admin.found("tenant=acme", 1);
    // On already: nothing changes, and nothing is told.
    change(&admin, "acme", &json!({"auditing": true})).expect(200);
    assert_eq!(admin.read("/v1/tenants/acme"), tenant);
    let told = admin.told("tenant.auditing", 1);
    assert_eq!(changes(&told[0]), [("auditing".into(), json!(false), json!(true))]);
}

#[test]
fn nobody_describes_moves_or_deletes_what_lies_outside_their_reach() {
    let (_installation, _server, admin) = server();
    for (name, parent) in
        [("north", Value::Null), ("south", Value::Null), ("acme", json!("north")), ("lab", json!("south"))]
    {
        create(&admin, &json!({"name": name, "parent": parent})).expect(201);
    }
    let north = admin.key(&["tenants.manage"], &["north"]);
    let acme = admin.key(&["tenants.manage"], &["acme"]);
    change(&north, "acme", &json!({"parent": "south"})).refused(404, "not_found");
    change(&north, "acme", &json!({"parent": null})).refused(403, "forbidden");
    // Whoever reaches a tenant but not the one above it can't take it away from there.
    create(&acme, &json!({"name": "acme-east", "parent": "acme"})).expect(201);
    change(&acme, "acme", &json!({"parent": "acme-east"})).refused(403, "forbidden");
    for name in ["lab", "south", "nowhere"] {
        change(&north, name, &json!({"display_name": "ha"})).refused(404, "not_found");
        delete(&north, name).refused(404, "not_found");
    }
    delete(&north, "acme").refused(409, "id_conflict");
}

#[test]
fn a_deleted_tenant_stays_deleted_and_its_name_is_free() {
    let (installation, server, admin) = server();
    for name in ["gone", "kept"] {
        create(&admin, &json!({"name": name})).expect(201);
    }
    let used = admin.key(&["audit.read"], &["kept"]);
    delete(&admin, "kept").refused(409, "id_conflict");
    used.read("/v1/events");
    delete(&admin, "gone").expect(204);
    admin.get("/v1/tenants/gone").refused(404, "not_found");
    delete(&admin, "gone").refused(404, "not_found");
    let names = |api: &Api| texts(&api.read("/v1/tenants")["data"], "name");
    create(&admin, &json!({"name": "next"})).expect(201);
    assert_eq!(names(&admin), ["kept", "next"], "another one's creation does not bring it back");
    server.kill();
    let server = installation.start();
    assert_eq!(names(&server.admin()), ["kept", "next"], "nor does a restart");
    let again = create(&server.admin(), &json!({"name": "gone", "auditing": true})).expect(201).json();
    server.admin().send(&event("gone", "a")).expect(201);
    server.stop();
    lose_rows(&installation);
    let server = installation.start();
    assert_eq!(names(&server.admin()), ["gone", "kept", "next"], "nor does a lost database");
    assert_eq!(server.admin().read("/v1/tenants/gone"), again);
    server.admin().found("tenant=gone", 1);
    assert_eq!(server.admin().told("tenant.delete", 1)[0]["targets"][0]["name"], "gone");
    server.stop();
    assert_eq!(installation.verify().code, Some(0), "{}", installation.verify().stderr);
}

/// Takes the control database away.
fn lose_rows(installation: &Installation) {
    for name in ["control.sqlite", "control.sqlite-wal", "control.sqlite-shm"] {
        let file = installation.data().join(name);
        if file.exists() {
            fs::remove_file(file).unwrap();
        }
    }
}

/// What the ledger is the source of: tenants, and keys without when they were last used.
fn rows(api: &Api) -> (Value, Value, Value) {
    let mut keys = api.read("/v1/keys");
    for key in keys["data"].as_array_mut().unwrap() {
        key["last_used_at"] = Value::Null;
    }
    (api.read("/v1/tenants"), keys, api.read("/v1/auditing"))
}

/// Changes of every kind; returns the secret of a key that is good before the second half and revoked in it.
fn first_half(admin: &Api) -> Api {
    for (name, parent) in
        [("north", Value::Null), ("south", Value::Null), ("acme", json!("north")), ("spare", Value::Null)]
    {
        create(admin, &json!({"name": name, "parent": parent, "zone": "UTC"})).expect(201);
    }
    change(admin, "acme", &json!({"auditing": true, "external_id": "7"})).expect(200);
    admin.key(&["audit.read"], &["acme"])
}

fn second_half(admin: &Api, revoked: &Api) {
    let keys = admin.read("/v1/keys");
    let id = keys["data"][0]["id"].as_str().unwrap();
    let rotated = admin.write("POST", &format!("/v1/keys/{id}/rotation"), &json!({"overlap_seconds": 3600}));
    let rotated = rotated.expect(201).json();
    admin.request("DELETE", &format!("/v1/keys/{id}"), &[], b"").expect(204);
    revoked.get("/v1/events").refused(401, "unauthorized");
    admin.with_key(rotated["key"].as_str().unwrap()).read("/v1/events");
    change(admin, "acme", &json!({"name": "acme-west"})).expect(200);
    change(admin, "acme", &json!({"parent": "south", "external_id": null, "kind": "domain"})).expect(200);
    change(admin, "south", &json!({"auditing": true})).expect(200);
    change(admin, "north", &json!({"state": "suspended"})).expect(200);
    delete(admin, "spare").expect(204);
    admin.write("PUT", "/v1/auditing", &json!({"auditing": true})).expect(200);
    create(admin, &json!({"name": "spare", "parent": "acme"})).refused(400, "invalid_filter");
    create(admin, &json!({"name": "spare", "parent": "north"})).expect(201);
}

#[test]
fn what_the_ledger_knows_comes_back_whatever_copy_of_the_database_there_is() {
    let (installation, server, admin) = server();
    let revoked = first_half(&admin);
    let secret = revoked.key.clone().unwrap();
    server.stop();
    let older = installation.path("older.sqlite");
    fs::copy(installation.data().join("control.sqlite"), &older).unwrap();
    let server = installation.start();
    let admin = server.admin();
    second_half(&admin, &server.with_key(&secret));
    let expected = rows(&admin);
    let told = admin.told("tenant.change", 4).len();
    // Killed, so that nothing but what was answered is on disk.
    server.kill();
    for (what, copy) in [("as it was", None), ("an older copy", Some(true)), ("none", Some(false))] {
        if let Some(older_there) = copy {
            lose_rows(&installation);
            if older_there {
                fs::copy(&older, installation.data().join("control.sqlite")).unwrap();
            }
        }
        let server = installation.start();
        let admin = server.admin();
        assert_eq!(rows(&admin), expected, "{what}");
        server.with_key(&secret).get("/v1/events").refused(401, "unauthorized");
        // Each event once, however often its entry was followed.
        assert_eq!(admin.told("tenant.change", 4).len(), told, "{what}");
        for (code, count) in [
            ("tenant.create", 5),
            ("tenant.delete", 1),
            ("key.create", 2),
            ("key.revoke", 1),
            ("key.rotate", 1),
        ] {
            admin.told(code, count);
        }
        server.kill();
    }
    assert_eq!(installation.verify().code, Some(0), "{}", installation.verify().stderr);
}

/// The older version told of the switch in an entry of another form.
#[test]
fn a_switch_that_the_first_version_wrote_says_since_when() {
    let (installation, server, admin) = server();
    for name in ["acme", "other"] {
        create(&admin, &json!({"name": name})).expect(201);
    }
    let made = admin.read("/v1/tenants/acme")["created_at"].as_str().unwrap().to_owned();
    server.stop();
    let config =
        LedgerConfig { wal_segment_bytes: 4 << 20, min_free_bytes: 1 << 20, ..LedgerConfig::default() };
    let ledger = installation.data().join("ledger");
    let (writer, reader) = Ledger::open(&ledger, config, Arc::new(SystemClock), &|_| {}).unwrap();
    let chain = reader.chains().into_iter().find(|chain| chain.tenant_name == "acme").unwrap().chain;
    let body = br#"{"setting":"auditing","tenant":1,"old":false,"new":true}"#;
    let receipt = writer.append_system_blocking(Kind::SETTINGS, ChainId(chain.0), body.to_vec()).unwrap();
    let written = receipt.outcomes[0].placed().unwrap().received_at.to_rfc3339();
    writer.close();
    drop((writer, reader));
    for lost in [false, true] {
        if lost {
            lose_rows(&installation);
        }
        let server = installation.start();
        let tenant = server.admin().read("/v1/tenants/acme");
        assert_eq!(
            (&tenant["auditing"], &tenant["audited_since"]),
            (&json!(true), &json!(written)),
            "lost {lost}"
        );
        assert!(written > made);
        assert_eq!(server.admin().read("/v1/tenants/other")["auditing"], false);
        server.stop();
    }
}

#[test]
fn the_command_line_does_with_tenants_what_the_interface_does() {
    let (installation, server, admin) = server();
    let run = |arguments: &[&str]| {
        let output = server.run(&installation, &[&["tenants"], arguments].concat());
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let json_of = |arguments: &[&str]| serde_json::from_str::<Value>(&run(arguments).0).unwrap();
    let made = json_of(&[
        "create",
        "north",
        "--kind",
        "territory",
        "--zone",
        "Europe/Rome",
        "--external-id",
        "7",
        "--json",
    ]);
    assert_eq!(
        (&made["kind"], &made["zone"], &made["external_id"]),
        (&json!("territory"), &json!("Europe/Rome"), &json!("7"))
    );
    let (_, words) = run(&["create", "acme", "--parent", "north"]);
    assert_eq!(words, "created tenant acme (auditing off: events are refused until it is on)\n");
    let (_, words) = run(&["create", "acrne", "--parent", "north"]);
    assert!(words.contains("warning: its name can be taken for that of acme"), "{words}");
    run(&["delete", "acrne"]);
    let set = json_of(&[
        "set",
        "north",
        "--display-name",
        "The North",
        "--external-id",
        "",
        "--kind",
        "",
        "--json",
    ]);
    assert_eq!(
        (&set["display_name"], &set["external_id"], &set["zone"]),
        (&json!("The North"), &Value::Null, &json!("Europe/Rome"))
    );
    assert_eq!(json_of(&["rename", "acme", "acme-west", "--json"])["former_names"], json!(["acme"]));
    assert_eq!(json_of(&["suspend", "acme", "--json"])["state"], "suspended");
    assert_eq!(json_of(&["activate", "acme", "--json"])["state"], "active");
    assert_eq!(json_of(&["audit", "acme", "--json"])["auditing"], true);
    for (arguments, code) in [
        (&["delete", "acme"][..], 1),
        (&["delete", "nobody"], 2),
        (&["set", "acme"], 2),
        (&["rename", "acme"], 2),
    ] {
        let output = server.command(&installation, &[&["tenants"], arguments].concat()).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let (list, _) = run(&["list"]);
    for word in ["acme-west", "The North", "active", "domain", "since 20"] {
        assert!(list.contains(word), "{word}: {list}");
    }
    // Without --audit a tenant begins as the installation has it.
    admin.write("PUT", "/v1/auditing", &json!({"auditing": true})).expect(200);
    let (_, words) = run(&["create", "fresh"]);
    assert_eq!(words, "created tenant fresh (auditing on)\n");
}

#[test]
fn a_tenant_is_made_when_a_key_that_may_first_names_it() {
    let installation = Installation::new().with("TENANTS_ON_FIRST_USE", "true");
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("north");
    let key = |create: bool| {
        let new = json!({"name": "app", "permissions": ["events.send", "audit.read"], "reach": {"tenants": ["north"]}, "create_tenants": create});
        let made = admin.write("POST", "/v1/keys", &new).expect(201).json();
        server.with_key(made["key"].as_str().unwrap())
    };
    let (may, may_not) = (key(true), key(false));
    let event = |tenant: &str| json!({"action": "a", "tenant": tenant});
    // Where the installation takes no events by itself, a tenant that is made would take none either.
    may.send(&event("new.example")).refused(403, "tenant_forbidden");
    admin.write("PUT", "/v1/auditing", &json!({"auditing": true})).expect(200);
    may_not.send(&event("new.example")).refused(403, "tenant_forbidden");
    may.send(&json!([event("new.example"), event("New.Example"), event("other.example")])).expect(201);
    may.send(&event("no name")).refused(403, "tenant_forbidden");
    let made = admin.read("/v1/tenants/new.example");
    assert_eq!((&made["parent"], &made["auditing"]), (&json!("north"), &json!(true)));
    may_not.found("tenant=new.example", 2);
    let told = admin.told("tenant.create", 3);
    assert!(told[1..].iter().all(|event| event["parameters"]["by"] == "first_use"), "{told:?}");
    // A request whose names are all wrong makes nothing.
    let many = Value::from_iter((0..101).map(|n| event(&format!("n{n}.example"))));
    may.send(&many).refused(400, "too_many_items");
    assert_eq!(admin.read("/v1/tenants")["data"].as_array().unwrap().len(), 3);
}

#[test]
fn events_that_are_refused_make_no_tenant() {
    let installation = Installation::new()
        .with("TENANTS_ON_FIRST_USE", "true")
        .with("EVENT_BYTES_MAX", "2000")
        .with("EVENT_ITEMS_MAX", "5");
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("north");
    admin.write("PUT", "/v1/auditing", &json!({"auditing": true})).expect(200);
    let new = json!({
        "name": "app", "permissions": ["events.send"], "reach": {"tenants": ["north"]}, "create_tenants": true,
    });
    let made = admin.write("POST", "/v1/keys", &new).expect(201).json();
    let may = server.with_key(made["key"].as_str().unwrap());
    let good = |tenant: &str| json!({"action": "a", "tenant": tenant});
    let bad = |tenant: &str| json!({"action": 5, "tenant": tenant});
    let with = |member: &str, value: Value| {
        let mut event = good("bad.example");
        event[member] = value;
        event.to_string()
    };
    let cloud =
        json!({"specversion": "1.0", "id": "c", "source": "/app", "type": "a", "tenant": "bad.example"});
    let (json, lines) = ("application/json", "application/x-ndjson");
    let (one_cloud, clouds) = ("application/cloudevents+json", "application/cloudevents-batch+json");
    let mut names = vec!["north"];
    for (what, query, media, body, accepted, makes) in [
        ("no action", "", json, json!({"tenant": "bad.example"}).to_string(), 0, &[][..]),
        ("a wrong action", "", json, bad("bad.example").to_string(), 0, &[]),
        ("a wrong time", "", json, with("time", json!("soon")), 0, &[]),
        ("too many targets", "", json, with("targets", json!(vec![json!({"type": "user"}); 6])), 0, &[]),
        ("too large", "", json, with("details", json!("x".repeat(3_000))), 0, &[]),
        ("no JSON", "", json, r#"{"tenant":"bad.example","action":"a""#.into(), 0, &[]),
        ("named for one that is refused", "?tenant=bad.example", json, r#"{"action":5}"#.into(), 0, &[]),
        ("named for none", "?tenant=bad.example", json, good("north").to_string(), 1, &[]),
        (
            "all or none, the first one bad",
            "?atomic=true",
            json,
            json!([bad("north"), good("bad.example")]).to_string(),
            0,
            &[],
        ),
        (
            "all or none, one in between bad",
            "?atomic=true",
            json,
            json!([good("bad.example"), bad("north"), good("worse.example")]).to_string(),
            0,
            &[],
        ),
        (
            "all or none of lines",
            "?atomic=true",
            lines,
            format!("{}\n{}\n", good("bad.example"), bad("bad.example")),
            0,
            &[],
        ),
        ("a CloudEvent", "", one_cloud, cloud.to_string(), 0, &[]),
        ("CloudEvents", "", clouds, json!([cloud]).to_string(), 0, &[]),
        (
            "one of two",
            "",
            json,
            json!([bad("bad.example"), good("one.example")]).to_string(),
            1,
            &["one.example"],
        ),
        (
            "all of two",
            "?atomic=true",
            lines,
            format!("{}\n{}\n", good("two.example"), good("three.example")),
            2,
            &["two.example", "three.example"],
        ),
        (
            "named for one that is good",
            "?tenant=four.example",
            json,
            r#"{"action":"a"}"#.into(),
            1,
            &["four.example"],
        ),
    ] {
        let answer = may.post(query, &[("Content-Type", media)], body.as_bytes());
        if accepted == 0 {
            assert!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        } else {
            assert_eq!(answer.json()["accepted"], accepted, "{what}: {}", answer.text());
        }
        names.extend(makes);
        names.sort_unstable();
        let mut found = texts(&admin.read("/v1/tenants")["data"], "name");
        found.sort();
        assert_eq!(found, names, "{what}");
    }
    admin.told("tenant.create", names.len());
}

#[test]
fn a_tenant_that_gets_no_event_is_not_made_by_a_request_that_names_it() {
    let installation = Installation::new().with("TENANTS_ON_FIRST_USE", "true");
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("north");
    admin.tenant("south");
    create(&admin, &json!({"name": "mute", "parent": "north", "auditing": false})).expect(201);
    admin.write("PUT", "/v1/auditing", &json!({"auditing": true})).expect(200);
    let key = |more: Value| {
        let mut new = json!({
            "name": "app", "permissions": ["events.send"], "reach": {"tenants": ["north"]}, "create_tenants": true,
        });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = admin.write("POST", "/v1/keys", &new).expect(201).json();
        server.with_key(made["key"].as_str().unwrap())
    };
    let names = || texts(&admin.read("/v1/tenants")["data"], "name");
    let before = names();
    let json = [("Content-Type", "application/json")];
    let all_or_none = |api: &Api, other: &str| {
        let events = ["new.example", other].map(|tenant| json!({"action": "a", "tenant": tenant}));
        api.post("?atomic=true", &json, Value::from_iter(events).to_string().as_bytes())
    };
    let may = key(json!({}));
    for (what, other, code) in [
        ("outside the reach", "south", "tenant_forbidden"),
        ("no name", "no name", "tenant_forbidden"),
        ("not audited", "mute", "auditing_off"),
    ] {
        let answer = all_or_none(&may, other);
        assert!(answer.status == 403 && answer.text().contains(code), "{what}: {}", answer.text());
        assert_eq!(names(), before, "{what}");
    }
    // What an event names elsewhere is not its tenant where it, its key or the request says another.
    let targeting = json!({"action": "a", "targets": [{"type": "user", "id": "1", "tenant": "new.example"}]});
    let by_default = key(json!({"tenant_from_target": true, "default_tenant": "north"}));
    let by_target = key(json!({"tenant_from_target": true}));
    for (what, api, query) in [("the key's", &by_default, ""), ("the request's", &by_target, "?tenant=north")]
    {
        let answer = api.post(query, &json, targeting.to_string().as_bytes());
        assert_eq!(answer.expect(201).json()["events"][0]["tenant"], "north", "{what}");
        assert_eq!(names(), before, "{what}");
    }
    by_target.send(&targeting).expect(201);
    admin.get("/v1/tenants/new.example").expect(200);
}
