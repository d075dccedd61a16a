//! Roles: the ready-made ones, the installation's own, and the reach *oneself*.

use serde_json::{Value, json};

use crate::support::{Answer, Api, Installation, LONG, Server, ids, sent, texts, within};

const PASSWORD: &str = "seven green umbrellas at noon";

fn server() -> (Installation, Server, Api) {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    (installation, server, admin)
}

fn create(api: &Api, name: &str, permissions: &[&str], reach: &str) -> Answer {
    api.write("POST", "/v1/roles", &json!({"name": name, "permissions": permissions, "reach": reach}))
}

/// The table of the documentation.
const READY_MADE: [(&str, &[&str], &str); 6] = [
    (
        "Administrator",
        &[
            "events.send",
            "audit.read",
            "audit.export",
            "audit.reports",
            "audit.originals",
            "audit.verify",
            "users.manage",
            "tenants.manage",
            "settings.manage",
            "keys.manage",
            "retention.manage",
            "holds.manage",
        ],
        "everything",
    ),
    (
        "Tech",
        &["audit.read", "audit.export", "audit.reports", "audit.originals", "audit.verify"],
        "everything",
    ),
    ("White Label Partner", &["audit.read", "audit.export", "audit.reports"], "territories"),
    ("Channel Partner", &["audit.read", "audit.export", "audit.reports"], "territories"),
    ("Tenant Auditor", &["audit.read", "audit.export", "audit.reports", "audit.verify"], "tenant"),
    ("Reporter", &["audit.read", "audit.reports"], "tenant"),
];

#[test]
fn the_ready_made_roles_are_those_of_the_table_and_stay_so() {
    let (_installation, _server, admin) = server();
    for (name, parent) in [("north", None), ("south", None), ("acme", Some("north"))] {
        match parent {
            None => admin.tenant(name),
            Some(parent) => admin.tenant_below(parent, name),
        }
    }
    let roles = admin.read("/v1/roles");
    let table: Vec<_> = READY_MADE
        .iter()
        .map(|(name, permissions, reach)| json!([name, permissions, reach, true, 0]))
        .collect();
    let found = roles["data"].as_array().unwrap().iter();
    let found: Vec<_> = found
        .map(|role| {
            json!([role["name"], role["permissions"], role["reach"], role["ready_made"], role["users"]])
        })
        .collect();
    assert_eq!(found, table);
    for role in roles["data"].as_array().unwrap() {
        let path = format!("/v1/roles/{}", role["id"].as_str().unwrap());
        let new = json!({"name": role["name"], "permissions": ["audit.read"], "reach": "oneself"});
        admin.write("PUT", &path, &new).refused(403, "forbidden");
        admin.delete(&path).refused(403, "forbidden");
        create(&admin, &role["name"].as_str().unwrap().to_uppercase(), &["audit.read"], "tenant")
            .refused(409, "id_conflict");
    }
    assert_eq!(admin.read("/v1/roles"), roles);
    // Whoever has one may do what it says, and no more.
    for (name, permissions, reach) in READY_MADE {
        let territories = if reach == "territories" { json!(["north"]) } else { json!([]) };
        let username = name.to_lowercase().replace(' ', "-");
        admin.user(&username, Some("acme"), &json!([{"role": name, "territories": territories}]), PASSWORD);
        let session = admin.signed_in(&username, PASSWORD).read("/v1/session");
        assert_eq!(session["permissions"], json!(permissions), "{name}");
        let (reach, tenants) = match reach {
            "everything" => (json!("everything"), 3),
            "territories" => (json!(["north"]), 2),
            _ => (json!(["acme"]), 1),
        };
        let found =
            if session["reach"].is_object() { &session["reach"]["tenants"] } else { &session["reach"] };
        assert_eq!((found, &session["tenants"]), (&reach, &json!(tenants)), "{name}: {session}");
        assert_eq!(session["complete_user_management"], name == "Administrator");
    }
}

#[test]
fn a_role_of_ones_own_takes_effect_and_loses_it_with_the_next_request() {
    let (installation, server, admin) = server();
    admin.tenant("acme");
    for (what, answer, status, code) in [
        ("no name", create(&admin, " ", &["audit.read"], "tenant"), 400, "invalid_string"),
        ("no permission", create(&admin, "x", &[], "tenant"), 400, "missing_field"),
        ("another permission", create(&admin, "x", &["audit.write"], "tenant"), 400, "invalid_enum"),
        ("another reach", create(&admin, "x", &["audit.read"], "planet"), 400, "invalid_enum"),
    ] {
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        answer.refused(status, code);
    }
    let made = create(&admin, "Helper", &["audit.read"], "tenant").expect(201).json();
    create(&admin, "helper", &["audit.read"], "tenant").refused(409, "id_conflict");
    let path = format!("/v1/roles/{}", made["id"].as_str().unwrap());
    admin.user("ada", Some("acme"), &json!([{"role": "helper"}]), PASSWORD);
    let ada = admin.signed_in("ada", PASSWORD);
    ada.read("/v1/events");
    ada.get("/v1/users").refused(403, "forbidden");
    let put = |api: &Api, permissions: &[&str], reach: &str| {
        api.write("PUT", &path, &json!({"name": "Helpers", "permissions": permissions, "reach": reach}))
    };
    put(&admin, &["users.manage"], "tenant").expect(200);
    ada.get("/v1/events").refused(403, "forbidden");
    assert_eq!(texts(&ada.read("/v1/users")["data"], "username"), ["ada"]);
    put(&ada, &["audit.read"], "everything").refused(403, "forbidden");
    // Who manages all users gives and takes no more than they have.
    let users = admin.key_everywhere(&["users.manage", "audit.read"]);
    create(&users, "More", &["audit.read", "keys.manage"], "oneself").refused(403, "forbidden");
    put(&users, &["audit.read"], "everything").expect(200);
    put(&admin, &["keys.manage"], "everything").expect(200);
    put(&users, &["audit.read"], "tenant").refused(403, "forbidden");
    users.delete(&path).refused(403, "forbidden");
    ada.read("/v1/keys");

    server.kill();
    let server = installation.start();
    let again = |session: &Api| {
        let fresh = server.stranger().with_header("Cookie", session.own_header("Cookie"));
        fresh.with_header("X-CSRF-Token", session.own_header("X-CSRF-Token"))
    };
    let (admin, ada) = (server.admin(), again(&ada));
    ada.read("/v1/keys");
    admin.delete(&path).expect(204);
    ada.get("/v1/keys").refused(403, "forbidden");
    assert_eq!(ada.read("/v1/profile")["roles"], json!([]));
    admin.delete(&path).refused(404, "not_found");
    let told = admin.told("role.change", 3);
    let first = told[0]["changes"].as_array().unwrap();
    assert_eq!(first[0], json!({"field": "name", "old": "Helper", "new": "Helpers"}), "{first:?}");
    assert_eq!(
        first[1],
        json!({"field": "permissions", "old": ["audit.read"], "new": ["users.manage"]}),
        "{first:?}"
    );
    for (code, old, new) in [
        ("role.create", Value::Null, json!(["audit.read"])),
        ("role.delete", json!(["keys.manage"]), Value::Null),
    ] {
        let told = &admin.told(code, 1)[0];
        let changes = told["changes"].as_array().unwrap();
        let found = changes.iter().find(|change| change["field"] == "permissions").unwrap();
        let member = |name: &str| found.get(name).cloned().unwrap_or_default();
        assert_eq!((member("old"), member("new")), (old, new), "{told}");
        assert_eq!(
            (&told["actor"]["type"], &told["targets"][0]["type"]),
            (&json!("api_key"), &json!("role"))
        );
    }
}

/// An event of a tenant with an id, whose details hold a word that no other event has.
fn about(tenant: &str, id: &str, more: Value) -> Value {
    let mut event =
        json!({"tenant": tenant, "id": id, "action": format!("act-{id}"), "details": format!("word{id}")});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

#[test]
fn oneself_reaches_the_events_in_which_one_is_and_no_other_by_any_door() {
    let (_installation, _server, admin) = server();
    for tenant in ["acme", "elsewhere"] {
        admin.tenant(tenant);
    }
    let ada = |username: &str| json!({"actor": {"type": "user", "username": username}});
    admin.send(&about("acme", "before", ada("ada"))).expect(201);
    create(&admin, "Oneself", &["audit.read", "audit.originals", "audit.verify"], "oneself").expect(201);
    let id = admin.user("ada", Some("acme"), &json!([{"role": "Oneself"}]), PASSWORD);
    let bob = admin.user("bob", Some("acme"), &json!([{"role": "Oneself"}]), PASSWORD);
    let set = json!({"email": "ada@example.com"});
    admin.write("PATCH", &format!("/v1/users/{id}"), &set).expect(200);
    let own = [
        about("acme", "own1", ada("ADA")),
        about("acme", "own2", json!({"actor": {"type": "user", "id": "ada@example.com"}})),
        about(
            "acme",
            "own3",
            json!({"actor": {"id": "x"}, "targets": [{"type": "call", "id": "1"}, {"type": "user", "id": id}]}),
        ),
    ];
    let others = [
        about("acme", "not1", ada("bob")),
        about("acme", "not2", ada("ada2")),
        about("acme", "not3", json!({"targets": [{"type": "document", "id": "ada"}]})),
        about("acme", "not4", json!({"actor": {"type": "user", "id": "ada", "username": "bob"}})),
        about("acme", "not5", json!({"actor": {"type": "api_key", "id": "ada"}})),
        about("acme", "not6", json!({"details": "ada", "actor": {"id": "x", "first_name": "ada"}})),
        about("elsewhere", "not7", ada("ada")),
    ];
    admin.send(&Value::from_iter(own.iter().chain(&others).cloned())).expect(201);
    admin.found("", 11);
    let session = admin.signed_in("ada", PASSWORD);
    let seen = |api: &Api, query: &str| {
        let mut ids = ids(&api.read(&format!("/v1/events?limit=1000&{}", sent(query))));
        ids.sort();
        ids
    };
    let expected = ["own1", "own2", "own3"];
    within(LONG, "her events are found", || (seen(&session, "").len() == 3).then_some(()));
    assert_eq!(seen(&session, ""), expected);
    for (query, found) in [
        ("user=ada", &["own1"][..]),
        ("affected=ada", &[]),
        ("tenant=acme", &[]),
        ("tenant=!elsewhere", &expected),
        ("actor=!nobody", &expected),
        ("action=!act-own1", &["own2", "own3"]),
        ("reason=!x", &expected),
    ] {
        assert_eq!(seen(&session, query), found, "{query}");
    }
    assert_eq!(session.read(&format!("/v1/events?total=true&{}", sent("")))["total"], 3);
    for figures in ["stats", "histogram"] {
        assert_eq!(session.read(&format!("/v1/{figures}?{}", sent("")))["total"], 3, "{figures}");
    }
    let values = session.read(&format!("/v1/values/action?{}", sent("")));
    assert!(values.to_string().contains("act-own1"), "{values}");
    let hidden = ["before", "not1", "not2", "not3", "not4", "not5", "not6", "not7"];
    for path in [
        "/v1/events?limit=1000&total=true",
        "/v1/stats",
        "/v1/stats?tenant=elsewhere",
        "/v1/histogram?interval=P1D",
        "/v1/values/action",
        "/v1/values/tenant",
        "/v1/values/actor",
        "/v1/values/action?prefix=act-n",
        "/v1/feed?limit=1000",
        "/v1/events?q=wordnot1&total=true",
        "/v1/events?q=wordbefore&total=true",
        "/v1/events?tenant=elsewhere&total=true",
        "/v1/tenants",
        "/v1/keys",
        "/v1/users",
        "/v1/ledger",
    ] {
        let answer = session.get(path);
        for id in hidden {
            // The words asked for come back in nothing.
            assert!(!answer.text().contains(&format!("act-{id}")), "{path}: {}", answer.text());
            assert!(!answer.text().contains(&format!("\"{id}\"")), "{path}: {}", answer.text());
        }
        assert!(!answer.text().contains("elsewhere") || answer.status != 200, "{path}: {}", answer.text());
    }
    for id in hidden {
        let none = session.get("/v1/events/none-such");
        for rest in ["", "/original", "/proof"] {
            let answer = session.get(&format!("/v1/events/{id}{rest}"));
            let problem = answer.refused(404, "not_found");
            assert_eq!(problem["detail"], none.json()["detail"], "{id}{rest}");
        }
    }
    for id in expected {
        assert_eq!(session.read(&format!("/v1/events/{id}"))["id"], id);
        session.get(&format!("/v1/events/{id}/original")).expect(200);
    }
    // Of the server's own, those in which she is.
    let page = session.read("/v1/events?limit=1000&application=indelible");
    for event in page["data"].as_array().unwrap() {
        let named = [&event["actor"]["id"], &event["targets"][0]["id"]];
        assert!(named.contains(&&json!(id)), "{event}");
    }
    // As they come, hers and nobody else's.
    let mut tail = session.tail(&sent(""), None);
    admin
        .send(&Value::from_iter([about("acme", "not8", ada("bob")), about("acme", "own4", ada("ada"))]))
        .expect(201);
    let message = loop {
        let message = tail.next().unwrap();
        if !message.data.is_null() {
            break message.data;
        }
    };
    assert!(message.to_string().contains("own4") && !message.to_string().contains("not8"), "{message}");

    // To be called otherwise gives nothing of what others did.
    session.write("PATCH", "/v1/profile", &json!({"first_name": "bob", "last_name": "bob"})).expect(200);
    let expected = ["own1", "own2", "own3", "own4"];
    within(LONG, "the fourth is found", || (seen(&session, "").len() == 4).then_some(()));
    admin.write("PATCH", &format!("/v1/users/{bob}"), &json!({"username": "bob2"})).expect(200);
    admin.write("PATCH", &format!("/v1/users/{id}"), &json!({"username": "bob"})).expect(200);
    assert_eq!(seen(&session, ""), expected);
    assert_eq!(seen(&admin.signed_in("bob2", PASSWORD), ""), ["not1", "not8"]);
    // Who moves keeps what is theirs, and is known in the other tenant from then on.
    admin.write("PATCH", &format!("/v1/users/{id}"), &json!({"tenant": "elsewhere"})).expect(200);
    admin
        .send(&Value::from_iter([about("acme", "not9", ada("bob")), about("elsewhere", "own5", ada("bob"))]))
        .expect(201);
    admin.found("", 15);
    let expected = ["own1", "own2", "own3", "own4", "own5"];
    within(LONG, "the fifth is found", || (seen(&session, "").len() == 5).then_some(()));
    assert_eq!(seen(&session, ""), expected);
}
