//! Keys and tenants: nobody gives more than they have, and no one comes in without a key.

use serde_json::{Value, json};

use crate::support::{Api, Installation, LONG, Server, event, within};

fn server() -> (Installation, Server, Api) {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("north");
    admin.tenant_below("north", "acme");
    admin.tenant("south");
    (installation, server, admin)
}

/// What is there to become somebody, or tells nothing.
const OPEN: [(&str, &str); 11] = [
    ("GET", "/v1/downloads/x"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/v1/sign-in"),
    ("GET", "/v1/set-up"),
    ("POST", "/v1/set-up"),
    ("POST", "/v1/password"),
    ("POST", "/v1/password/reset"),
    ("GET", "/v1/sign-in/providers"),
    ("GET", "/v1/sign-in/providers/x"),
    ("GET", "/v1/sign-in/providers/x/callback"),
];

#[test]
fn without_a_valid_key_there_is_no_answer() {
    let (_installation, server, admin) = server();
    let made = admin.write(
        "POST",
        "/v1/keys",
        &json!({"name": "k", "permissions": ["audit.read"], "reach": {"tenants": ["acme"]}}),
    );
    let made = made.expect(201).json();
    let key = made["key"].as_str().unwrap();
    let almost = format!("{}x", &key[..key.len() - 1]);
    let document = server.stranger().read("/openapi.json");
    let documented = document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        let named: Vec<_> =
            path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        methods.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), named.join("/")))
    });
    let routes: Vec<_> = documented
        .filter(|(method, path)| !OPEN.contains(&(method.as_str(), path.as_str())))
        .chain(["/tile/0/000.p/1", "/tile/entries/000.p/1"].map(|path| ("GET".to_owned(), path.to_owned())))
        .collect();
    assert!(routes.len() > 50, "{routes:?}");
    for (method, path) in &routes {
        for api in [server.stranger(), server.with_key(&almost), server.with_key("")] {
            let answer = api.request(method, path, &[("Content-Type", "application/json")], b"{}");
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{method} {path}");
            answer.refused(401, "unauthorized");
        }
    }
    // What is open: liveness, readiness, the page, the documents.
    for path in ["/healthz", "/readyz", "/openapi.json", "/docs/errors", "/"] {
        assert_eq!(server.stranger().get(path).status, 200, "{path}");
    }
}

#[test]
fn changed_rules_are_an_event_and_two_who_change_them_do_not_overwrite_each_other() {
    let (_installation, server, admin) = server();
    let mut rules = admin.read("/v1/rules");
    let before = rules["version"].as_u64().unwrap();
    rules["version"] = (before + 1).into();
    let two: Vec<_> = std::thread::scope(|scope| {
        let put = || admin.write("PUT", "/v1/rules", &rules).status;
        let running: Vec<_> = (0..2).map(|_| scope.spawn(put)).collect();
        running.into_iter().map(|put| put.join().unwrap()).collect()
    });
    assert!(two == [200, 409] || two == [409, 200], "{two:?}");
    let told = server.admin().told("rules.change", 1);
    let changes = told[0]["changes"].as_array().unwrap();
    let version = changes.iter().find(|change| change["field"] == "version").unwrap();
    assert_eq!((&version["old"], &version["new"]), (&json!(before), &json!(before + 1)));
}

#[test]
fn a_key_can_not_be_used_to_make_a_stronger_one() {
    let (_installation, _server, admin) = server();
    let manager = admin.key(&["keys.manage", "audit.read"], &["north"]);
    let new =
        |permissions: &[&str], reach: Value| json!({"name": "k", "permissions": permissions, "reach": reach});
    let tenants = |names: &[&str]| json!({"tenants": names});
    for (what, request, status, code) in [
        ("all the installation", new(&["audit.read"], json!("everything")), 403, "forbidden"),
        ("a permission it lacks", new(&["audit.read", "events.send"], tenants(&["acme"])), 403, "forbidden"),
        ("another tenant", new(&["audit.read"], tenants(&["south"])), 403, "tenant_forbidden"),
        ("a tenant that is not", new(&["audit.read"], tenants(&["nowhere"])), 403, "tenant_forbidden"),
        ("one of two", new(&["audit.read"], tenants(&["acme", "south"])), 403, "tenant_forbidden"),
        ("no tenant", new(&["audit.read"], tenants(&[])), 400, "missing_field"),
        ("no permission", new(&[], tenants(&["acme"])), 400, "missing_field"),
        ("an unknown permission", new(&["audit.Read"], tenants(&["acme"])), 400, "invalid_enum"),
    ] {
        let answer = manager.write("POST", "/v1/keys", &request);
        assert_eq!(
            (answer.status, answer.json()["code"].as_str().unwrap()),
            (status, code),
            "{what}: {}",
            answer.text()
        );
    }
    let mut outside = new(&["audit.read"], tenants(&["acme"]));
    outside["default_tenant"] = "south".into();
    manager.write("POST", "/v1/keys", &outside).refused(403, "tenant_forbidden");
    // A default tenant within the maker's reach but outside the key's own.
    outside["default_tenant"] = "north".into();
    manager.write("POST", "/v1/keys", &outside).refused(403, "tenant_forbidden");

    let weaker =
        manager.write("POST", "/v1/keys", &new(&["audit.read"], tenants(&["acme"]))).expect(201).json();
    let weaker = manager.with_key(weaker["key"].as_str().unwrap());
    weaker.read("/v1/events");
    for (method, path) in [("POST", "/v1/keys"), ("GET", "/v1/keys")] {
        weaker.write(method, path, &new(&["audit.read"], tenants(&["acme"]))).refused(403, "forbidden");
    }
    let unknown =
        json!({"name": "k", "permissions": ["audit.read"], "reach": {"tenants": ["acme"]}, "admin": true});
    manager.write("POST", "/v1/keys", &unknown).expect(400);
}

#[expect(clippy::disallowed_methods, reason = "the server's clock decides, and it runs on this machine")]
#[test]
fn a_revoked_or_expired_key_is_refused_at_once_and_after_a_restart() {
    let (installation, server, admin) = server();
    let new = |expires: Value| json!({"name": "k", "permissions": ["audit.read"], "reach": {"tenants": ["acme"]}, "expires": expires});
    let good = admin.write("POST", "/v1/keys", &new(json!("2999-01-01T00:00:00Z"))).expect(201).json();
    admin.write("POST", "/v1/keys", &new(json!("2001-01-01T00:00:00Z"))).refused(400, "time_out_of_range");
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    let brief = admin.write("POST", "/v1/keys", &new(soon.to_string().into())).expect(201).json();
    let brief = server.with_key(brief["key"].as_str().unwrap());
    within(LONG, "the key expires", || (brief.get("/v1/events").status == 401).then_some(()));
    assert!(jiff::Timestamp::now() >= soon);
    let secret = good["key"].as_str().unwrap();
    server.with_key(secret).read("/v1/events");
    // The list never shows the secret, only how it begins.
    let list = admin.get("/v1/keys").expect(200);
    assert!(!list.text().contains(secret));
    let shown =
        list.json()["data"].as_array().unwrap().iter().find(|key| key["id"] == good["id"]).unwrap().clone();
    assert!(secret.starts_with(shown["prefix"].as_str().unwrap()) && shown["valid"] == true, "{shown}");
    admin.request("DELETE", &format!("/v1/keys/{}", good["id"].as_str().unwrap()), &[], b"").expect(204);
    server.with_key(secret).get("/v1/events").refused(401, "unauthorized");
    server.kill();
    let server = installation.start();
    server.with_key(secret).get("/v1/events").refused(401, "unauthorized");
}

#[test]
fn a_key_survives_kill_minus_nine_as_soon_as_it_was_shown() {
    let (installation, server, admin) = server();
    let reader = admin.key(&["audit.read"], &["acme"]);
    server.kill();
    let server = installation.start();
    server.with_key(reader.key.as_deref().unwrap()).read("/v1/events");
}

#[test]
fn tenants_are_made_below_what_the_key_reaches() {
    let (_installation, server, admin) = server();
    let manager = admin.key(&["tenants.manage", "events.send"], &["north"]);
    let new = |name: &str, parent: Value| json!({"name": name, "parent": parent});
    for (what, request, status, code) in [
        ("at the top", new("top", Value::Null), 403, "forbidden"),
        ("below another", new("x", json!("south")), 404, "not_found"),
        ("below none", new("x", json!("nowhere")), 404, "not_found"),
        ("a name with a space", new("a b", json!("north")), 400, "invalid_id"),
        ("a taken name in other letters", new("ACME", json!("north")), 409, "id_conflict"),
    ] {
        let answer = manager.write("POST", "/v1/tenants", &request);
        assert_eq!(
            (answer.status, answer.json()["code"].as_str().unwrap()),
            (status, code),
            "{what}: {}",
            answer.text()
        );
    }
    manager.write("POST", "/v1/tenants", &new("fresh", json!("acme"))).expect(201);
    // The switch is not theirs.
    manager.send(&event("fresh", "a")).refused(403, "auditing_off");
    admin.write("PATCH", "/v1/tenants/fresh", &json!({"auditing": true})).expect(200);
    manager.send(&event("fresh", "a")).expect(201);
    assert_eq!(server.admin().read("/v1/tenants/fresh")["parent"], "acme");
    let sender = admin.key(&["events.send"], &["north"]);
    sender.write("POST", "/v1/tenants", &new("y", json!("north"))).refused(403, "forbidden");
}

#[test]
fn a_tenant_moves_but_never_below_itself_and_auditing_stays_on() {
    let (_installation, _server, admin) = server();
    let change = |name: &str, change: Value| admin.write("PATCH", &format!("/v1/tenants/{name}"), &change);
    change("north", json!({"parent": "acme"})).refused(400, "invalid_filter");
    change("north", json!({"parent": "north"})).refused(400, "invalid_filter");
    change("acme", json!({"auditing": false})).refused(403, "forbidden");
    assert_eq!(
        change("acme", json!({"parent": "south", "display_name": "Acme Inc."})).expect(200).json()["parent"],
        "south"
    );
    assert_eq!(change("acme", json!({"parent": null})).expect(200).json()["parent"], Value::Null);
    assert_eq!(change("acme", json!({"display_name": null})).expect(200).json()["display_name"], Value::Null);
    let manager = admin.key(&["tenants.manage"], &["north"]);
    manager.write("PATCH", "/v1/tenants/north", &json!({"parent": null})).refused(403, "forbidden");
    assert_eq!(admin.read("/v1/tenants/acme")["auditing"], true);
}

#[test]
fn the_session_says_what_the_key_may_do() {
    let (_installation, _server, admin) = server();
    let api = admin.key(&["events.send", "audit.read"], &["north"]);
    let session = api.read("/v1/session");
    assert_eq!(session["permissions"], json!(["events.send", "audit.read"]));
    assert_eq!((&session["reach"], &session["tenants"]), (&json!(["north"]), &json!(2)));
    assert_eq!(admin.read("/v1/session")["reach"], "everything");
}
