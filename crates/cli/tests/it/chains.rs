//! Which chain tells of what: one tenant's own what touched it alone, the installation's what touched several or none,
//! and nothing in a tenant's chain names what lies above or beside it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Api, Installation, LONG, event, within};

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
    let boss = admin.user("boss", Some("northterritory"), &roles, PASSWORD);
    admin.write("PATCH", &format!("/v1/users/{boss}"), &json!({"groups": ["northern staff"]})).expect(200);
    let boss = admin.signed_in("boss", PASSWORD);
    admin.send(&json!({"id": "e1", "tenant": "acme", "action": "a"})).expect(201);
    admin.found("id=e1", 1);

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

    // Of several.
    key("of two", &["acme", "lab"]);
    let both = json!([{"role": "Reporter"}, {"role": "Regional manager", "territories": ["lab"]}]);
    boss.write("PATCH", &path, &json!({"roles": both})).expect(200);
    boss.write("PATCH", &path, &json!({"roles": [], "tenant": "lab"})).expect(200);
    boss.write("PATCH", "/v1/tenants/acme", &json!({"parent": "lab"})).expect(200);
    boss.write("POST", "/v1/tenants", &json!({"name": "fresh", "parent": "acme", "auditing": true}))
        .refused(403, "forbidden");

    let reader = admin.key(&["audit.read"], &["acme"]);
    let of = |who: &str, codes: &[&str]| -> Vec<(String, String)> {
        codes.iter().map(|code| ((*code).to_owned(), who.to_owned())).collect()
    };
    let expected: BTreeSet<_> = [
        of(
            "boss",
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
        // The switch when the tenant was made, and the reader's own key.
        of("administrator key", &["key.create"]),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut last = BTreeSet::new();
    within(LONG, "what touched acme is told", || {
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
    let by = |who: &str| events.iter().find(|event| event["actor"]["username"] == who).unwrap();
    assert!(by("boss")["actor"]["id"].is_string());
    assert_eq!(by("ada")["actor"]["tenant"], "acme", "its own people are told whole");

    for query in ["tenant=_installation", "tenant=_installatixx"] {
        assert_eq!(reader.read(&format!("/v1/events?total=true&{query}"))["total"], 0, "{query}");
    }

    // The rest is where everything is seen, and what is the territory's own is the territory's.
    let own: Vec<_> = ["key.create", "user.roles", "user.change", "tenant.change", "tenant.create"].into();
    let all = admin.read("/v1/events?limit=1000&application=indelible&tenant=_installation");
    for code in own {
        let found = all["data"].as_array().unwrap().iter().any(|event| event["action_code"] == code);
        assert!(found, "{code} of several");
    }
    let north = admin.read("/v1/events?limit=1000&application=indelible&tenant=northterritory");
    let north = north["data"].as_array().unwrap().iter();
    let mut begun = north.filter(|event| {
        (&event["action_code"], &event["actor"]["username"]) == (&json!("session.begin"), &json!("boss"))
    });
    assert_eq!(begun.next().unwrap()["actor"]["tenant"], "northterritory");
}

#[test]
fn the_switch_of_a_tenant_is_the_first_that_its_chain_tells_and_before_it_the_installation_tells() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.write("POST", "/v1/tenants", &json!({"name": "acme"})).expect(201);
    admin.write("PATCH", "/v1/tenants/acme", &json!({"display_name": "Before"})).expect(200);
    admin.user("ada", Some("acme"), &json!([{"role": "Reporter"}]), PASSWORD);
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
    // A crash carries it out again, and tells it once.
    server.kill();
    let server = installation.start();
    assert_eq!(server.admin().told("tenant.auditing", 1)[0]["id"], switched["id"]);
}
