//! Keys: handed out by those who have as much, rotated with an overlap, told of in the trail.

use serde_json::{Value, json};

use crate::{
    looking::Lock,
    support::{Answer, Api, Installation, LONG, Server, event, files_below, sent, within},
};

fn server() -> (Installation, Server, Api) {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("north");
    admin.tenant_below("north", "acme");
    admin.tenant("south");
    (installation, server, admin)
}

fn new(permissions: &[&str], reach: Value) -> Value {
    json!({"name": "app", "permissions": permissions, "reach": reach})
}

fn in_tenant(permissions: &[&str], tenant: &str) -> Value {
    new(permissions, json!({"tenants": [tenant]}))
}

fn create(api: &Api, key: &Value) -> Answer {
    api.write("POST", "/v1/keys", key)
}

fn rotate(api: &Api, id: &Value, overlap: Option<u64>) -> Answer {
    let body = overlap.map_or_else(|| json!({}), |seconds| json!({"overlap_seconds": seconds}));
    api.write("POST", &format!("/v1/keys/{}/rotation", id.as_str().unwrap()), &body)
}

fn revoke(api: &Api, id: &Value) -> Answer {
    api.request("DELETE", &format!("/v1/keys/{}", id.as_str().unwrap()), &[], b"")
}

fn shown(api: &Api, id: &Value) -> Value {
    let list = api.read("/v1/keys");
    list["data"].as_array().unwrap().iter().find(|key| key["id"] == *id).unwrap().clone()
}

fn with(api: &Api, made: &Value) -> Api {
    api.with_key(made["key"].as_str().unwrap())
}

fn seconds_between(from: &Value, to: &Value) -> f64 {
    let at = |time: &Value| time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    at(to).duration_since(at(from)).as_secs_f64()
}

#[test]
fn a_rotated_key_is_the_same_with_another_secret_and_the_old_one_ends_after_the_overlap() {
    let (installation, server, admin) = server();
    let mut first = in_tenant(&["events.send", "audit.read"], "acme");
    first["default_tenant"] = "acme".into();
    first["tenant_from_target"] = true.into();
    let old = create(&admin, &first).expect(201).json();
    for (overlap, seconds) in [(Some(3_600), 3_600.0), (None, 86_400.0)] {
        let before = shown(&admin, &old["id"]);
        let made = rotate(&admin, &old["id"], overlap).expect(201).json();
        let (now, successor) = (shown(&admin, &old["id"]), shown(&admin, &made["id"]));
        for member in
            ["name", "permissions", "reach", "default_tenant", "tenant_from_target", "create_tenants"]
        {
            assert_eq!(successor[member], before[member], "{member}");
        }
        // A key that ends has successors that end then too, also where its end is that of an overlap.
        assert_eq!((&successor["replaces"], &successor["expires"]), (&old["id"], &before["expires"]));
        assert_ne!(made["key"], old["key"]);
        assert!(made["key"].as_str().unwrap().starts_with(successor["prefix"].as_str().unwrap()));
        assert_eq!((&now["valid"], &now["revoked_at"]), (&json!(true), &Value::Null));
        // An end that was set before is not put off.
        let took = seconds_between(&successor["created_at"], &now["expires"]);
        assert!(took <= seconds + 5.0 && (took >= 3_600.0 || overlap.is_none()), "{took}: {now}");
        for api in [with(&admin, &old), with(&admin, &made)] {
            api.send(&json!({"action": "a"})).expect(201);
            api.read("/v1/events");
        }
    }
    let last = rotate(&admin, &old["id"], Some(0)).expect(201).json();
    with(&admin, &old).get("/v1/events").refused(401, "unauthorized");
    with(&admin, &last).read("/v1/events");
    assert_eq!(shown(&admin, &old["id"])["valid"], false);
    // What has ended is not rotated, nor what is not.
    rotate(&admin, &old["id"], None).refused(404, "not_found");
    revoke(&admin, &last["id"]).expect(204);
    rotate(&admin, &last["id"], None).refused(404, "not_found");
    rotate(&admin, &json!("no-id"), None).refused(404, "not_found");
    let other = create(&admin, &first).expect(201).json();
    rotate(&admin, &other["id"], Some(2_592_001)).refused(400, "number_out_of_range");
    rotate(&admin, &other["id"], Some(2_592_000)).expect(201);
    server.kill();
    let server = installation.start();
    with(&server.admin(), &old).get("/v1/events").refused(401, "unauthorized");
    with(&server.admin(), &last).get("/v1/events").refused(401, "unauthorized");
    with(&server.admin(), &other).read("/v1/events");
}

#[test]
fn nobody_rotates_revokes_or_makes_more_than_they_have() {
    let (_installation, _server, admin) = server();
    let manager = admin.key(&["keys.manage", "audit.read", "tenants.manage"], &["north"]);
    let sender = create(&admin, &in_tenant(&["events.send"], "acme")).expect(201).json();
    let reader = create(&admin, &in_tenant(&["audit.read"], "acme")).expect(201).json();
    let theirs = create(&admin, &in_tenant(&["audit.read"], "south")).expect(201).json();
    let everywhere = create(&admin, &new(&["audit.read"], json!("everything"))).expect(201).json();
    rotate(&manager, &sender["id"], None).refused(403, "forbidden");
    for outside in [&theirs, &everywhere] {
        rotate(&manager, &outside["id"], None).refused(404, "not_found");
        revoke(&manager, &outside["id"]).refused(404, "not_found");
        with(&admin, outside).read("/v1/events");
    }
    let made = rotate(&manager, &reader["id"], Some(0)).expect(201).json();
    with(&admin, &made).read("/v1/events");
    // To close is not to hand out.
    revoke(&manager, &sender["id"]).expect(204);
    with(&admin, &sender).send(&event("acme", "a")).refused(401, "unauthorized");
    for (method, path) in [("GET", "/v1/keys"), ("POST", "/v1/keys")] {
        with(&admin, &made).write(method, path, &json!({})).refused(403, "forbidden");
    }
    rotate(&with(&admin, &made), &made["id"], None).refused(403, "forbidden");

    // Making tenants is for those who manage them, in the reach of the key.
    let mut making = in_tenant(&["audit.read"], "acme");
    making["create_tenants"] = true.into();
    let kept = create(&manager, &making).expect(201).json();
    let keeper = admin.key(&["keys.manage", "audit.read"], &["north"]);
    create(&keeper, &making).refused(403, "forbidden");
    rotate(&keeper, &kept["id"], None).refused(403, "forbidden");
}

#[expect(clippy::disallowed_methods, reason = "the server's clock decides, and it runs on this machine")]
#[test]
fn what_a_key_that_ends_makes_ends_with_it() {
    let (_installation, _server, admin) = server();
    let hour = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string();
    let mut brief = in_tenant(&["keys.manage", "audit.read"], "north");
    brief["expires"] = hour.into();
    let brief = create(&admin, &brief).expect(201).json();
    let end = shown(&admin, &brief["id"])["expires"].clone();
    let for_ever = create(&admin, &in_tenant(&["audit.read"], "acme")).expect(201).json();
    let brief = with(&admin, &brief);
    let mut long = in_tenant(&["audit.read"], "acme");
    long["expires"] = "2999-01-01T00:00:00Z".into();
    for made in [
        create(&brief, &in_tenant(&["audit.read"], "acme")),
        create(&brief, &long),
        rotate(&brief, &for_ever["id"], None),
    ] {
        let made = made.expect(201).json();
        assert_eq!(shown(&admin, &made["id"])["expires"], end);
    }
}

#[test]
fn a_suspended_tenants_keys_send_and_read_nothing() {
    let (_installation, _server, admin) = server();
    let all = ["events.send", "audit.read", "keys.manage", "tenants.manage"];
    let acme = admin.key(&all, &["acme"]);
    let north = admin.key(&all, &["north"]);
    acme.send(&event("acme", "before")).expect(201);
    acme.found("", 1);
    let suspend = |tenant: &str, state: &str| {
        admin.write("PATCH", &format!("/v1/tenants/{tenant}"), &json!({"state": state})).expect(200)
    };
    for tenant in ["acme", "north"] {
        suspend(tenant, "suspended");
        acme.send(&event("acme", "meanwhile")).expect(201);
        let page = acme.read("/v1/events?total=true");
        assert_eq!((&page["total"], &page["data"]), (&json!(0), &json!([])), "{tenant}");
        assert_eq!(acme.read("/v1/keys")["data"], json!([]), "{tenant}");
        create(&acme, &in_tenant(&["audit.read"], "acme")).expect(403);
        let renaming = acme.write("PATCH", "/v1/tenants/acme", &json!({"display_name": "x"}));
        renaming.refused(404, "not_found");
        suspend(tenant, "active");
    }
    acme.found("", 3);
    suspend("acme", "suspended");
    // Whoever is above reads on.
    assert_eq!(north.read(&format!("/v1/events?total=true&{}", sent("")))["total"], 3);
}

#[test]
fn every_change_of_a_key_is_an_event_and_its_secret_is_nowhere() {
    let (installation, server, admin) = server();
    let mut wanted = in_tenant(&["events.send", "audit.read"], "acme");
    wanted["default_tenant"] = "acme".into();
    let manager = admin.key(&["keys.manage", "events.send", "audit.read"], &["north"]);
    let made = create(&manager, &wanted).expect(201).json();
    let rotated = rotate(&manager, &made["id"], Some(60)).expect(201).json();
    revoke(&manager, &made["id"]).expect(204);
    let changed = |event: &Value, field: &str| {
        let changes = event["changes"].as_array().unwrap();
        let change = changes.iter().find(|change| change["field"] == field).unwrap().clone();
        (change["old"].clone(), change["new"].clone())
    };
    // The manager's own, the key, its successor.
    let told = admin.told("key.create", 3);
    for (event, key) in [(&told[1], &made), (&told[2], &rotated)] {
        assert_eq!(event["targets"][0]["id"], key["id"], "{event}");
        assert_eq!(
            (&event["targets"][0]["type"], &event["actor"]["username"]),
            (&json!("api_key"), &json!("test"))
        );
        assert_eq!(
            changed(event, "permissions"),
            (Value::Null, json!(["events.send", "audit.read"])),
            "{event}"
        );
        assert_eq!(changed(event, "reach"), (Value::Null, json!(["acme"])), "{event}");
        assert!(event["request_id"].is_string(), "{event}");
    }
    assert_eq!(told[2]["parameters"]["replaces"], made["id"]);
    let told = admin.told("key.rotate", 1);
    assert_eq!(
        (&told[0]["targets"][0]["id"], &told[0]["parameters"]["replaced_by"]),
        (&made["id"], &rotated["id"])
    );
    let (old, new) = changed(&told[0], "expires");
    assert!(old.is_null() && new.is_string(), "{}", told[0]);
    assert_eq!(admin.told("key.revoke", 1)[0]["targets"][0]["id"], made["id"]);
    server.stop();
    let secrets = [&made, &rotated].map(|made| made["key"].as_str().unwrap().as_bytes());
    for file in files_below(&installation.data()) {
        let bytes = std::fs::read(&file).unwrap();
        for secret in secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", file.display());
        }
    }
}

#[test]
fn a_revocation_that_is_recorded_only_says_so_and_takes_effect_by_itself() {
    let (installation, _server, admin) = server();
    let [first, second] =
        ["acme", "acme"].map(|tenant| create(&admin, &in_tenant(&["audit.read"], tenant)).expect(201).json());
    let lock = Lock::hold(&installation);
    let problem = revoke(&admin, &first["id"]).refused(500, "internal");
    assert!(problem["detail"].as_str().unwrap().contains("the change is recorded"), "{problem}");
    // What comes after it is not begun, and says nothing of the kind.
    let problem = revoke(&admin, &second["id"]).refused(500, "internal");
    assert!(!problem["detail"].as_str().unwrap().contains("recorded"), "{problem}");
    lock.release();
    let session = |made: &Value| with(&admin, made).get("/v1/session");
    within(LONG, "the first key is refused", || (session(&first).status == 401).then_some(()));
    session(&first).refused(401, "unauthorized");
    session(&second).expect(200);
    assert!(shown(&admin, &first["id"])["revoked_at"].is_string());
    assert_eq!(admin.told("key.revoke", 1)[0]["targets"][0]["id"], first["id"]);
    // Nor was there anything left that the next change would carry out.
    revoke(&admin, &second["id"]).expect(204);
    let told = admin.told("key.revoke", 2);
    assert_eq!(told[1]["targets"][0]["id"], second["id"], "{told:?}");
}

#[test]
fn the_command_line_rotates_keys() {
    let (installation, server, admin) = server();
    let run = |arguments: &[&str]| server.run(&installation, &[&["keys"], arguments].concat());
    let made = run(&["create", "app", "--permission", "audit.read", "--tenant", "acme", "--json"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let id = made["id"].as_str().unwrap();
    let output = run(&["rotate", id, "--overlap", "PT1H"]);
    let secret = String::from_utf8(output.stdout).unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(words, "the old key ends in 3600 s at the latest; the new one is shown this once:\n");
    for api in [with(&admin, &made), admin.with_key(secret.trim())] {
        api.read("/v1/events");
    }
    let last: Value =
        serde_json::from_slice(&run(&["rotate", id, "--overlap", "PT0S", "--json"]).stdout).unwrap();
    with(&admin, &made).get("/v1/events").refused(401, "unauthorized");
    with(&admin, &last).read("/v1/events");
    for (arguments, code) in [
        (&["rotate", id][..], 2),
        (&["rotate", "no-id"], 2),
        (&["rotate", id, "--overlap", "soon"], 2),
        (&["rotate", last["id"].as_str().unwrap(), "--overlap", "P31D"], 2),
    ] {
        let output = server.command(&installation, &[&["keys"], arguments].concat()).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}");
        assert!(words.starts_with("error: "), "{words}");
    }
}

#[test]
fn a_key_says_when_it_was_last_used_also_after_a_restart() {
    let (installation, server, admin) = server();
    let made = create(&admin, &in_tenant(&["audit.read"], "acme")).expect(201).json();
    assert_eq!(shown(&admin, &made["id"])["last_used_at"], Value::Null);
    with(&admin, &made).read("/v1/session");
    let used = shown(&admin, &made["id"])["last_used_at"].clone();
    assert!(used.is_string(), "{used}");
    server.stop();
    let server = installation.start();
    assert_eq!(shown(&server.admin(), &made["id"])["last_used_at"], used);
}
