//! Which chain tells of what: one tenant's own what touched it alone, the installation's what touched several or none,
//! and nothing in a tenant's chain names what lies above or beside it.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

use crate::support::{Api, Installation, LONG, event, sent_ids, texts, within};

const PASSWORD: &str = "seven green umbrellas at noon";

/// Codes of the events of the server's own in the chains that a reader sees, with the actor's name.
fn told(reader: &Api) -> BTreeSet<(String, String)> {
    let page = reader.read("/v1/events?limit=1000&application=indelible");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = page["data"].as_array().unwrap().iter();
    events.map(|event| (text(&event["action_code"]), text(&event["actor"]["username"]))).collect()
}

#[test]
fn what_touches_one_tenant_is_told_in_its_chain_and_names_nothing_above_it() {
    let installation = Installation::new().with("LOOKING_WINDOW_SECONDS", "1");
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("northterritory");
    admin.tenant("southterritory");
    admin.tenant_below("northterritory", "acme");
    admin.tenant_below("northterritory", "lab");
    let role = json!({
        "name": "Regional manager", "reach": "territories",
        "permissions": ["users.manage", "tenants.manage", "keys.manage", "audit.read", "audit.reports"],
    });
    admin.write("POST", "/v1/roles", &role).expect(201);
    let roles = json!([{"role": "Regional manager", "territories": ["northterritory"]}]);
    let boss_id = admin.user("boss@north.example", Some("northterritory"), &roles, PASSWORD);
    admin.write("PATCH", &format!("/v1/users/{boss_id}"), &json!({"groups": ["northern staff"]})).expect(200);
    let boss = admin.signed_in("boss@north.example", PASSWORD);
    admin.send(&json!({"id": "e1", "tenant": "acme", "action": "a"})).expect(201);
    admin.found("id=e1", 1);

    // Somebody of acme has the address that somebody above is called by.
    let twin = json!({"username": "twin", "tenant": "acme", "email": "boss@north.example"});
    admin.write("POST", "/v1/users", &twin).expect(201);

    // Of acme alone.
    let ada = boss.user("ada", Some("acme"), &json!([{"role": "Reporter"}]), PASSWORD);
    let path = format!("/v1/users/{ada}");
    boss.write("PATCH", &path, &json!({"first_name": "Ada"})).expect(200);
    server
        .stranger()
        .write("POST", "/v1/sign-in", &json!({"username": "ada", "password": "wrong"}))
        .expect(401);
    let session = admin.signed_in("ada", PASSWORD);
    session.write("PATCH", "/v1/profile", &json!({"zone": "Europe/Rome"})).expect(200);
    session.request("POST", "/v1/sign-out", &[], b"").expect(204);
    boss.delete(&format!("{path}/sessions")).expect(204);
    let key = |name: &str, tenants: &[&str]| {
        let new = json!({"name": name, "permissions": ["audit.read"], "reach": {"tenants": tenants}});
        let made = boss.write("POST", "/v1/keys", &new).expect(201).json();
        made["id"].as_str().unwrap().to_owned()
    };
    boss.delete(&format!("/v1/keys/{}", key("of acme", &["acme"]))).expect(204);
    boss.write("PATCH", "/v1/tenants/acme", &json!({"display_name": "Acme"})).expect(200);
    boss.write("PATCH", "/v1/tenants/acme", &json!({"auditing": false})).refused(403, "forbidden");
    boss.get("/v1/events/e1").expect(200);
    boss.get("/v1/events/e1/original").expect(200);
    boss.get("/v1/events?tenant=acme").expect(200);
    // The parent that it has is no other.
    boss.write("PATCH", "/v1/tenants/acme", &json!({"zone": "Europe/Rome", "parent": "northterritory"}))
        .expect(200);
    admin.tenant_below("acme", "acme-below");
    boss.delete(&format!("/v1/keys/{}", key("of acme and below", &["acme", "acme-below"]))).expect(204);

    // Of several.
    key("of two", &["acme", "lab"]);
    let both = json!([{"role": "Reporter"}, {"role": "Regional manager", "territories": ["lab"]}]);
    boss.write("PATCH", &path, &json!({"roles": both})).expect(200);
    boss.write("PATCH", &path, &json!({"roles": [], "tenant": "lab"})).expect(200);
    boss.write("PATCH", "/v1/tenants/acme", &json!({"parent": "lab"})).expect(200);
    boss.get("/v1/events?tenant=acme&actor_tenant=northterritory").expect(200);
    let administrator = json!({"roles": [{"role": "Administrator"}]});
    let other = admin.user("eve", Some("acme"), &json!([]), PASSWORD);
    admin.write("PATCH", &format!("/v1/users/{other}"), &administrator).expect(200);
    boss.write("POST", "/v1/tenants", &json!({"name": "fresh", "parent": "acme", "auditing": true}))
        .refused(403, "forbidden");

    let reader = admin.key(&["audit.read"], &["acme"]);
    let of = |who: &str, codes: &[&str]| -> Vec<(String, String)> {
        codes.iter().map(|code| ((*code).to_owned(), who.to_owned())).collect()
    };
    let expected: BTreeSet<_> = [
        of(
            "boss@north.example",
            &[
                "user.create",
                "user.roles",
                "user.link",
                "user.change",
                "user.sessions",
                "key.create",
                "key.revoke",
                "tenant.change",
                "tenant.auditing",
                "event.open",
                "event.original",
                "looking.search",
            ],
        ),
        of("ada", &["user.password", "session.begin", "session.end", "profile.change"]),
        // Beside the reader's own key.
        of("administrator key", &["key.create", "user.create", "user.link"]),
        of("eve", &["user.password"]),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut last = BTreeSet::new();
    within(LONG, "what touched acme is told", || {
        // The reader's own looks come when their window ends.
        last = told(&reader).into_iter().filter(|(_, who)| who != "test").collect();
        last.is_superset(&expected).then_some(())
    });
    assert_eq!(last, expected);

    let page = reader.read("/v1/events?limit=1000&application=indelible");
    let events = page["data"].as_array().unwrap();
    for event in events {
        let text = event.to_string();
        for hidden in ["northterritory", "southterritory", "\"lab\"", "northern staff", "Regional manager"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
        assert_eq!(event["client"]["ip"], "127.0.0.1", "from where is no secret: {text}");
    }
    let of_boss = events.iter().filter(|event| event["actor"]["username"] == "boss@north.example");
    for event in of_boss {
        let recognised = event["recognised"].as_array().unwrap();
        let actor = recognised.iter().find(|person| person["place"] == "/actor").unwrap();
        assert_eq!(
            (&actor["user"], &actor["groups"]),
            (&json!(boss_id), &Value::Null),
            "by its id alone: {event}"
        );
    }
    assert!(
        events.iter().any(|event| event["changes"][0]["field"] == "zone"),
        "a parent that stays is no move"
    );
    assert!(events.iter().any(|event| event["targets"][0]["name"] == "of acme and below"));
    let by = |who: &str| events.iter().find(|event| event["actor"]["username"] == who).unwrap();
    assert!(by("boss@north.example")["actor"]["id"].is_string());
    assert_eq!(by("ada")["actor"]["tenant"], "acme", "its own people are told whole");

    // The rest is where everything is seen, and what is the territory's own is the territory's.
    let all = admin.read("/v1/events?limit=1000&application=indelible&tenant=_installation");
    let all = all["data"].as_array().unwrap();
    for (code, target) in [
        ("key.create", "of two"),
        ("user.roles", "ada"),
        ("user.change", "ada"),
        ("tenant.create", "acme"),
        ("user.roles", "eve"),
    ] {
        let is_it = |event: &&Value| {
            (&event["action_code"], &event["targets"][0]["name"]) == (&json!(code), &json!(target))
        };
        assert!(all.iter().any(|event| is_it(&event)), "{code} of {target}");
    }
    assert!(
        all.iter()
            .any(|event| event["action_code"] == "tenant.create" && event["outcome"]["result"] == "denied")
    );
    let north = admin.read("/v1/events?limit=1000&application=indelible&tenant=northterritory");
    let mut north = north["data"].as_array().unwrap().iter();
    // Where it was and where it is: both below north, which has the whole of it.
    let moved = north
        .clone()
        .find(|event| event["changes"][0]["field"] == "parent" && event["action_code"] == "tenant.change");
    assert_eq!(moved.unwrap()["tenant"], "northterritory");
    let mut begun = north.by_ref().filter(|event| {
        (&event["action_code"], &event["actor"]["username"])
            == (&json!("session.begin"), &json!("boss@north.example"))
    });
    assert_eq!(begun.next().unwrap()["actor"]["tenant"], "northterritory");
}

#[test]
fn the_installations_own_chain_is_found_by_its_name_and_by_nobody_whom_it_is_hidden_from() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    admin.send(&json!({"id": "e1", "tenant": "acme", "action": "a"})).expect(201);
    admin.found("id=e1", 1);
    let ada = admin.user("ada", None, &json!([{"role": "Tech"}]), PASSWORD);
    let made = admin.told("user.create", 1).remove(0);
    let id = made["id"].as_str().unwrap();
    for name in ["_installation", "_Installation"] {
        let total = |query: &str| {
            admin.read(&format!("/v1/stats?application=indelible&{query}"))["total"].as_u64().unwrap()
        };
        let (own, rest) = (total(&format!("tenant={name}")), total(&format!("tenant=!{name}")));
        assert!(own > 0 && own + rest == total(""), "{name}: {own} {rest}");
        for path in ["", "/original", "/proof"] {
            admin.get(&format!("/v1/events/{id}{path}?tenant={name}")).expect(200);
            admin.get(&format!("/v1/events/{id}{path}?tenant=acme")).refused(404, "not_found");
        }
    }
    let values = admin.read("/v1/values/tenant");
    assert!(texts(&values["values"], "value").contains(&"_installation".to_owned()), "{values}");
    let explained = admin.read("/v1/events?tenant=_installation&explain=true").to_string();
    assert!(explained.contains("_installation"), "{explained}");

    let reader = admin.key(&["audit.read"], &["acme"]);
    for (own, other) in [("_installation", "_installatixx")] {
        for query in ["tenant={}", "tenant=!{}", "tenant={}&tenant=acme", "filter=tenant+eq+%22{}%22"] {
            let asked = |name: &str| {
                let query = query.replace("{}", name);
                let page = reader.read(&format!("/v1/events?total=true&{query}"));
                (page["total"].clone(), sent_ids(&page))
            };
            assert_eq!(asked(own), asked(other), "{query}");
        }
        for name in [own, other] {
            reader.get(&format!("/v1/events/{id}?tenant={name}")).refused(404, "not_found");
        }
    }
    // Who reads what is their own reads it under that name too.
    let role = json!({"name": "Own events", "permissions": ["audit.read"], "reach": "oneself"});
    admin.write("POST", "/v1/roles", &role).expect(201);
    admin
        .write("PATCH", &format!("/v1/users/{ada}"), &json!({"roles": [{"role": "Own events"}]}))
        .expect(200);
    let own = admin.signed_in("ada", PASSWORD);
    let begun = within(LONG, "ada's own sign-in", || {
        let page = own.read("/v1/events?tenant=_installation&limit=1000");
        let mut events = page["data"].as_array().unwrap().iter();
        events.find(|event| event["action_code"] == "session.begin").map(|event| event["id"].clone())
    });
    let path = format!("/v1/events/{}", begun.as_str().unwrap());
    assert_eq!(own.read(&format!("{path}?tenant=_installation"))["id"], begun);
    own.get(&format!("{path}?tenant=acme")).refused(404, "not_found");
}

#[test]
fn the_switch_of_a_tenant_is_the_first_that_its_chain_tells_and_before_it_the_installation_tells() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.write("POST", "/v1/tenants", &json!({"name": "acme"})).expect(201);
    admin.write("PATCH", "/v1/tenants/acme", &json!({"display_name": "Before"})).expect(200);
    admin.user("ada", Some("acme"), &json!([{"role": "Reporter"}]), PASSWORD);
    server.stop();
    let older = installation.path("older.sqlite");
    fs::copy(installation.data().join("control.sqlite"), &older).unwrap();
    let server = installation.start();
    let admin = server.admin();
    admin.write("PATCH", "/v1/tenants/acme", &json!({"auditing": true})).expect(200);
    admin.send(&event("acme", "a")).expect(201);
    admin.found("", 1);
    let codes = |tenant: &str| -> Vec<String> {
        let page = admin.read(&format!("/v1/events?limit=1000&application=indelible&tenant={tenant}"));
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .rev()
            .map(|event| event["action_code"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(codes("acme"), ["tenant.auditing"]);
    let before: Vec<_> = codes("_installation");
    for code in ["tenant.create", "tenant.change", "user.create", "user.roles", "user.link", "user.password"]
    {
        assert!(before.contains(&code.to_owned()), "{code}: {before:?}");
    }
    let switched = admin.told("tenant.auditing", 1).remove(0);
    assert_eq!(switched["changes"], json!([{"field": "auditing", "old": false, "new": true}]));
    // A database that does not know of it has it carried out again, and it is told once.
    server.kill();
    for name in ["control.sqlite", "control.sqlite-wal", "control.sqlite-shm"] {
        let _ = fs::remove_file(installation.data().join(name));
    }
    fs::copy(&older, installation.data().join("control.sqlite")).unwrap();
    let server = installation.start();
    assert_eq!(server.admin().read("/v1/tenants/acme")["auditing"], true);
    assert_eq!(server.admin().told("tenant.auditing", 1)[0]["id"], switched["id"]);
}
