//! What somebody may do counts when a request has come to its end, not when it began: its body can take minutes.

use serde_json::{Value, json};

use crate::{
    gate::ALL,
    support::{Api, Half, Installation, sent, texts},
};

const PASSWORD: &str = "seven green umbrellas at noon";

/// Somebody who sends slowly.
struct Sender {
    api: Api,
    /// Of the user, or of the key.
    id: String,
    /// The id of the role that gives everything; of users only.
    role: String,
}

/// A person who may do everything, by a role of their own.
fn person(admin: &Api, name: &str) -> Sender {
    let role = json!({"name": format!("All of {name}"), "permissions": ALL, "reach": "everything"});
    let made = admin.write("POST", "/v1/roles", &role).expect(201).json();
    let id = admin.user(name, None, &json!([{"role": role["name"]}]), PASSWORD);
    Sender { api: admin.signed_in(name, PASSWORD), id, role: text(&made["id"]) }
}

/// A key that may do everything.
fn key(admin: &Api, name: &str) -> Sender {
    let new = json!({"name": name, "permissions": ALL, "reach": "everything"});
    let made = admin.write("POST", "/v1/keys", &new).expect(201).json();
    Sender { api: admin.with_key(made["key"].as_str().unwrap()), id: text(&made["id"]), role: String::new() }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A user, a role and a key that the requests would change.
struct Victims {
    user: String,
    role: String,
    key: String,
}

/// Method, address and body of what a sender with this name asks for, and the status where nothing happens meanwhile.
fn requests(of: &Victims, by: &str) -> Vec<(&'static str, String, Value, u16)> {
    let role = |name: &str| json!({"name": format!("{name} {by}"), "permissions": ["audit.read"], "reach": "tenant"});
    let reads = json!({"name": by, "permissions": ["audit.read"], "reach": {"tenants": ["acme"]}});
    vec![
        ("POST", "/v1/users".into(), json!({"username": format!("by-{by}"), "tenant": "acme"}), 201),
        ("PATCH", format!("/v1/users/{}", of.user), json!({"last_name": by}), 200),
        ("POST", format!("/v1/users/{}/link", of.user), json!({"by_mail": false}), 201),
        ("POST", "/v1/roles".into(), role("New"), 201),
        ("PUT", format!("/v1/roles/{}", of.role), role("Changed"), 200),
        ("POST", "/v1/tenants".into(), json!({"name": format!("by-{by}")}), 201),
        ("PATCH", "/v1/tenants/acme".into(), json!({"display_name": by}), 200),
        ("POST", "/v1/keys".into(), reads, 201),
        ("POST", format!("/v1/keys/{}/rotation", of.key), json!({"overlap_seconds": 3600}), 201),
    ]
}

/// How a sender loses what the requests need.
type Lose = fn(&Api, &Sender);

/// What happens to people meanwhile, and what becomes of their requests.
const OF_PEOPLE: [(&str, Lose, u16, &str); 6] = [
    ("is locked", |admin, it| set(admin, it, &json!({"state": "locked"})), 401, "unauthorized"),
    (
        "is signed out",
        |_, it| drop(it.api.request("POST", "/v1/sign-out", &[], b"").expect(204)),
        401,
        "unauthorized",
    ),
    ("loses the role", |admin, it| set(admin, it, &json!({"roles": []})), 503, "unavailable"),
    (
        "gets another role",
        |admin, it| set(admin, it, &json!({"roles": [{"role": "Tech"}]})),
        503,
        "unavailable",
    ),
    (
        "has a role that permits less",
        |admin, it| {
            let less = json!({"name": "Less", "permissions": ["audit.read"], "reach": "everything"});
            admin.write("PUT", &format!("/v1/roles/{}", it.role), &less).expect(200);
        },
        503,
        "unavailable",
    ),
    (
        "has a role that is gone",
        |admin, it| drop(admin.delete(&format!("/v1/roles/{}", it.role)).expect(204)),
        503,
        "unavailable",
    ),
];

/// The same of keys.
const OF_KEYS: [(&str, Lose, u16, &str); 2] = [
    (
        "is revoked",
        |admin, it| drop(admin.delete(&format!("/v1/keys/{}", it.id)).expect(204)),
        401,
        "unauthorized",
    ),
    (
        "is rotated without an overlap",
        |admin, it| {
            let path = format!("/v1/keys/{}/rotation", it.id);
            admin.write("POST", &path, &json!({"overlap_seconds": 0})).expect(201);
        },
        401,
        "unauthorized",
    ),
];

fn set(admin: &Api, it: &Sender, change: &Value) {
    admin.write("PATCH", &format!("/v1/users/{}", it.id), change).expect(200);
}

/// Everything that the requests would change.
fn everything(admin: &Api) -> [Value; 4] {
    ["/v1/users", "/v1/roles", "/v1/tenants", "/v1/keys"].map(|path| admin.read(path))
}

fn begun(sender: &Api, requests: &[(&'static str, String, Value, u16)]) -> Vec<Half> {
    requests.iter().map(|(method, path, body, _)| sender.begin(method, path, body)).collect()
}

#[test]
fn who_loses_rights_while_a_body_arrives_changes_nothing_with_it() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    let role = json!({"name": "Victim", "permissions": ["audit.read"], "reach": "tenant"});
    let role = admin.write("POST", "/v1/roles", &role).expect(201).json();
    let user = admin.write("POST", "/v1/users", &json!({"username": "victim", "tenant": "acme"})).expect(201);
    let reads = json!({"name": "victim", "permissions": ["audit.read"], "reach": {"tenants": ["acme"]}});
    let of_key = admin.write("POST", "/v1/keys", &reads).expect(201).json();
    let of = Victims { user: text(&user.json()["id"]), role: text(&role["id"]), key: text(&of_key["id"]) };
    let late = json!({"tenant": "acme", "action": "late"});

    let mut refused = Vec::new();
    let people = OF_PEOPLE.iter().map(|row| (true, row));
    for (at, (is_person, (what, lose, status, code))) in
        people.chain(OF_KEYS.iter().map(|row| (false, row))).enumerate()
    {
        let name = format!("sender{at}");
        let sender = if is_person { person(&admin, &name) } else { key(&admin, &name) };
        let requests = requests(&of, &name);
        let halves = begun(&sender.api, &requests);
        let events = (!is_person).then(|| sender.api.begin("POST", "/v1/events", &late));
        lose(&admin, &sender);
        let before = everything(&admin);
        for ((method, path, ..), half) in requests.iter().zip(halves) {
            let answer = half.finish();
            assert_eq!(answer.status, *status, "{what}: {method} {path}: {}", answer.text());
            answer.refused(*status, code);
        }
        if let Some(half) = events {
            half.finish().refused(*status, code);
        }
        assert_eq!(everything(&admin), before, "{what}");
        refused.push(sender.id);
    }

    // The same requests are good where nothing happens meanwhile.
    for (name, sender) in [("ada", person(&admin, "ada")), ("app", key(&admin, "app"))] {
        let requests = requests(&of, name);
        let halves = begun(&sender.api, &requests);
        for ((method, path, _, status), half) in requests.iter().zip(halves) {
            let answer = half.finish();
            assert_eq!(answer.status, *status, "{name}: {method} {path}: {}", answer.text());
        }
        if sender.role.is_empty() {
            sender.api.begin("POST", "/v1/events", &late).finish().expect(201);
        }
    }
    // What came last is found, and what came before with it.
    admin.found("action=late", 1);
    assert_eq!(admin.read(&format!("/v1/events?total=true&{}", sent("")))["total"], 1);
    let page = admin.read("/v1/events?limit=1000&application=indelible");
    let events = page["data"].as_array().unwrap().iter();
    let theirs = events.filter(|event| refused.iter().any(|id| event["actor"]["id"] == id.as_str()));
    let theirs: Value = theirs.cloned().collect();
    let codes = texts(&theirs, "action_code");
    assert!(!codes.is_empty());
    for code in codes {
        assert!(["user.password", "session.begin", "session.end"].contains(&code.as_str()), "{code}");
    }
}
