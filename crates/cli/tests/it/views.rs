//! Saved views and short links: whose they are, who sees them, and what their queries may say.

use serde_json::{Value, json};

use crate::support::{Answer, Api, Installation, Server, event, texts};

const PASSWORD: &str = "seven green umbrellas at noon";

/// north with n1 and n2 below it, south with s1; and somebody of each.
struct World {
    installation: Installation,
    server: Server,
    admin: Api,
    /// Complete user management, and signed in.
    root: Api,
    /// A partner over north.
    white: Api,
    n1: Api,
    n2: Api,
    s1: Api,
}

fn world() -> World {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    for tenant in ["north", "south"] {
        admin.tenant(tenant);
    }
    for (parent, tenant) in [("north", "n1.example"), ("north", "n2.example"), ("south", "s1.example")] {
        admin.tenant_below(parent, tenant);
    }
    let auditor = json!([{"role": "Tenant Auditor"}]);
    admin.user("root", None, &json!([{"role": "Administrator"}]), PASSWORD);
    admin.user("white", None, &json!([{"role": "White Label Partner", "territories": ["north"]}]), PASSWORD);
    for (name, tenant) in [("n1", "n1.example"), ("n2", "n2.example"), ("s1", "s1.example")] {
        admin.user(name, Some(tenant), &auditor, PASSWORD);
    }
    let [root, white, n1, n2, s1] =
        ["root", "white", "n1", "n2", "s1"].map(|name| admin.signed_in(name, PASSWORD));
    World { installation, server, admin, root, white, n1, n2, s1 }
}

fn create(api: &Api, name: &str, query: &str, shared_with: Value) -> Answer {
    api.write("POST", "/v1/views", &json!({"name": name, "query": query, "shared_with": shared_with}))
}

fn nobody() -> Value {
    json!({"kind": "nobody"})
}

fn tenant(name: &str) -> Value {
    json!({"kind": "tenant", "name": name})
}

fn path(view: &Value) -> String {
    format!("/v1/views/{}", view["id"].as_str().unwrap())
}

fn names(api: &Api) -> Vec<String> {
    texts(&api.read("/v1/views")["data"], "name")
}

#[test]
fn a_view_is_kept_changed_and_deleted_by_its_owner_and_each_of_it_is_an_event() {
    let World { installation, server, admin, n1, n2, .. } = world();
    let new = json!({"name": " Deletions ", "query": "?action_type=delete&since=-24h&tz=Europe/Rome", "columns": ["time", "by"]});
    let made = n1.write("POST", "/v1/views", &new).expect(201).json();
    for (member, value) in [
        ("name", json!("Deletions")),
        ("query", json!("action_type=delete&since=-24h&tz=Europe/Rome")),
        ("columns", json!(["time", "by"])),
        ("mine", json!(true)),
        ("shared_with", nobody()),
        ("default", json!(false)),
    ] {
        assert_eq!(made[member], value, "{member}: {made}");
    }
    assert_eq!(made["owner"], json!({"type": "user", "id": n1.read("/v1/session")["user"], "name": "n1"}));
    let slug = made["slug"].as_str().unwrap();
    assert!(slug.len() >= 10 && slug.bytes().all(|sign| sign.is_ascii_alphanumeric()), "{slug}");
    assert_eq!(n1.read(&format!("/v1/views/{slug}")), made);
    create(&n1, "DELETIONS", "", nobody()).refused(409, "id_conflict");
    create(&n2, "DELETIONS", "", nobody()).expect(201);
    n2.get(&path(&made)).refused(404, "not_found");

    n1.request("PUT", &format!("{}/default", path(&made)), &[], b"").expect(200);
    let set = json!({"name": "Gone", "columns": null});
    let changed = n1.write("PATCH", &path(&made), &set).expect(200).json();
    assert_eq!(
        (&changed["name"], &changed["columns"], &changed["query"], &changed["default"]),
        (&json!("Gone"), &Value::Null, &made["query"], &json!(true))
    );
    assert!(changed["changed_at"].as_str() > made["changed_at"].as_str());
    // The same again is no change.
    assert_eq!(n1.write("PATCH", &path(&made), &set).expect(200).json(), changed);
    server.kill();
    let server = installation.start();
    let fresh = server.stranger().with_header("Cookie", n1.own_header("Cookie"));
    let n1 = fresh.with_header("X-CSRF-Token", n1.own_header("X-CSRF-Token"));
    assert_eq!(n1.read("/v1/views"), json!({"data": [changed], "next": null}));
    n1.delete(&format!("{}/default", path(&made))).expect(204);
    assert_eq!(n1.read(&path(&made))["default"], false);
    n1.delete(&path(&made)).expect(204);
    n1.get(&path(&made)).refused(404, "not_found");
    n1.delete(&path(&made)).refused(404, "not_found");

    let admin = Api::new(&server.url, admin.key.as_deref());
    for (code, count, field, old, new) in [
        ("view.create", 2, "name", Value::Null, json!("Deletions")),
        ("view.change", 1, "name", json!("Deletions"), json!("Gone")),
        ("view.delete", 1, "name", json!("Gone"), Value::Null),
    ] {
        let told = &admin.told(code, count)[0];
        assert_eq!((&told["tenant"], &told["targets"][0]["type"]), (&json!("n1.example"), &json!("view")));
        let change =
            told["changes"].as_array().unwrap().iter().find(|change| change["field"] == field).unwrap();
        let member = |name: &str| change.get(name).cloned().unwrap_or_default();
        assert_eq!((member("old"), member("new")), (old, new), "{told}");
    }
}

#[test]
fn what_is_shared_is_seen_by_those_it_is_shared_with_and_nobody_else() {
    let world = world();
    let World { admin, root, white, n1, n2, s1, .. } = &world;
    let key = admin.key(&["audit.read"], &["n1.example"]);
    let sends = admin.key(&["events.send"], &["n1.example"]);
    let everybody = [("root", root), ("white", white), ("n1", n1), ("n2", n2), ("s1", s1), ("key", &key)];
    let role = json!({"kind": "role", "name": "Tenant Auditor"});
    let mut made = Vec::new();
    for (owner, name, shared, seen_by) in [
        (root, "a", nobody(), &["root"][..]),
        (root, "b", json!({"kind": "everybody"}), &["root", "white", "n1", "n2", "s1", "key"]),
        (root, "c", role, &["root", "n1", "n2", "s1"]),
        // Its people, those below it, and who reads its events.
        (white, "d", tenant("north"), &["root", "white", "n1", "n2"]),
        (white, "e", tenant("n1.example"), &["root", "white", "n1", "key"]),
        (&key, "f", tenant("n1.example"), &["root", "white", "n1", "key"]),
        (n1, "g", nobody(), &["n1"]),
        (s1, "h", tenant("s1.example"), &["root", "s1"]),
    ] {
        let view = create(owner, name, "action_type=delete", shared).expect(201).json();
        made.push((name, view, seen_by));
    }
    for (who, api) in everybody {
        let expected: Vec<_> =
            made.iter().filter(|(.., seen_by)| seen_by.contains(&who)).map(|(name, ..)| *name).collect();
        assert_eq!(names(api), expected, "{who}");
        for (name, view, seen_by) in &made {
            for address in [path(view), format!("/v1/views/{}", view["slug"].as_str().unwrap())] {
                let answer = api.get(&address);
                // What is shared at all is open to complete user management.
                let sees = seen_by.contains(&who);
                assert_eq!(answer.status, if sees { 200 } else { 404 }, "{who} {name}");
                if sees {
                    assert_eq!(answer.json()["mine"], view["owner"] == mine(api), "{who} {name}");
                }
            }
        }
    }
    sends.get("/v1/views").refused(403, "forbidden");
    sends.write("POST", "/v1/links", &json!({"query": "q=a"})).refused(403, "forbidden");
    // Whoever is below a territory is not told its name.
    let shown = |api: &Api, name: &str| {
        let all = api.read("/v1/views");
        let found = all["data"].as_array().unwrap().iter().find(|view| view["name"] == name).cloned();
        found.unwrap()["shared_with"].clone()
    };
    assert_eq!(shown(n1, "d"), json!({"kind": "tenant", "name": null}));
    assert_eq!(shown(n1, "e"), tenant("n1.example"));
    assert_eq!(shown(white, "d"), tenant("north"));
    assert_eq!(shown(n1, "c")["name"], "Tenant Auditor");

    // Pages of the list, and what is wrong with others.
    let first = root.read("/v1/views?limit=3");
    let next = first["next"].as_str().unwrap();
    let second = root.read(&format!("/v1/views?limit=200&after={next}"));
    let both = [texts(&first["data"], "name"), texts(&second["data"], "name")].concat();
    assert_eq!((both, &second["next"]), (names(root), &Value::Null));
    assert_eq!(texts(&white.read("/v1/views?owner=me")["data"], "name"), ["d", "e"]);
    assert_eq!(texts(&root.read("/v1/views?owner=all")["data"], "name"), ["a", "b", "c", "d", "e", "f", "h"]);
    white.get("/v1/views?owner=all").refused(403, "forbidden");
    for query in ["limit=0", "limit=201", "owner=you"] {
        root.get(&format!("/v1/views?{query}")).refused(400, "invalid_filter");
    }
    root.get("/v1/views?after=x").refused(400, "invalid_cursor");
    root.get("/v1/views?name=x").refused(400, "unknown_parameter");
}

/// The caller as the owner of something.
fn mine(api: &Api) -> Value {
    let all = api.read("/v1/views?owner=me");
    all["data"].as_array().unwrap().first().map_or(Value::Null, |view| view["owner"].clone())
}

#[test]
fn sharing_needs_what_it_reaches_over_and_changing_needs_the_owner_or_complete_user_management() {
    let world = world();
    let World { admin, root, white, n1, n2, .. } = &world;
    let everybody = json!({"kind": "everybody"});
    let auditor = json!({"kind": "role", "name": "Tenant Auditor"});
    for (what, api, shared, status, code) in [
        ("everybody by a partner", white, everybody.clone(), 403, "forbidden"),
        ("a role by a partner", white, auditor.clone(), 403, "forbidden"),
        ("no role by a partner", white, json!({"kind": "role", "name": "None"}), 403, "forbidden"),
        ("a tenant elsewhere", white, tenant("s1.example"), 403, "tenant_forbidden"),
        ("no tenant", white, tenant("no.example"), 403, "tenant_forbidden"),
        ("the tenant above", n1, tenant("north"), 403, "tenant_forbidden"),
        ("no role", root, json!({"kind": "role", "name": "None"}), 404, "not_found"),
        ("no name", root, json!({"kind": "tenant"}), 400, "missing_field"),
        ("neither id nor name", root, json!({"kind": "role"}), 400, "missing_field"),
        ("another kind", root, json!({"kind": "planet"}), 400, "invalid_enum"),
        ("a name too many", root, json!({"kind": "nobody", "name": "x"}), 400, "unknown_parameter"),
        ("an unknown member", root, json!({"kind": "nobody", "colour": 1}), 400, "unknown_parameter"),
    ] {
        let answer = create(api, "x", "", shared);
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        answer.refused(status, code);
    }
    let view = create(white, "theirs", "action_type=delete", tenant("north")).expect(201).json();
    n1.write("PATCH", &path(&view), &json!({"name": "ours"})).refused(403, "forbidden");
    n1.delete(&path(&view)).refused(403, "forbidden");
    n1.request("PUT", &format!("{}/default", path(&view)), &[], b"").expect(200);
    assert_eq!(n1.read(&path(&view))["default"], true);
    assert_eq!(white.read(&path(&view))["default"], false);
    let given =
        root.write("PATCH", &path(&view), &json!({"name": "tidy", "shared_with": auditor})).expect(200);
    assert_eq!(given.json()["owner"]["name"], "white");
    // Its owner could not share it so, and so can't share something else so; but take it back.
    white.write("PATCH", &path(&view), &json!({"query": "action_type=login"})).refused(403, "forbidden");
    white.write("PATCH", &path(&view), &json!({"shared_with": nobody()})).expect(200);
    root.get(&path(&view)).refused(404, "not_found");
    n1.get(&path(&view)).refused(404, "not_found");
    assert_eq!(names(n1), [] as [&str; 0]);
    let told = admin.told("view.change", 2);
    let shared = |event: &Value| {
        let changes = event["changes"].as_array().unwrap();
        changes.iter().find(|change| change["field"] == "shared_with").unwrap()["new"]["kind"].clone()
    };
    assert_eq!(told.iter().map(shared).collect::<Vec<_>>(), ["role", "nobody"]);

    // What is shared stays when its owner is closed, and what is private is nobody's.
    let of_n2 = create(n2, "shared", "", tenant("n2.example")).expect(201).json();
    let private = create(n2, "private", "", nobody()).expect(201).json();
    let users = admin.read("/v1/users");
    let id =
        users["data"].as_array().unwrap().iter().find(|user| user["username"] == "n2").unwrap()["id"].clone();
    let closed = json!({"state": "disabled"});
    admin.write("PATCH", &format!("/v1/users/{}", id.as_str().unwrap()), &closed).expect(200);
    assert_eq!(root.read(&path(&of_n2))["owner"]["name"], "n2");
    for api in [root, admin, white] {
        api.get(&path(&private)).refused(404, "not_found");
    }
    root.delete(&path(&of_n2)).expect(204);
}

#[test]
fn a_key_keeps_its_views_when_it_is_rotated() {
    let world = world();
    let World { admin, .. } = &world;
    let made = admin.write(
        "POST",
        "/v1/keys",
        &json!({"name": "reader", "permissions": ["audit.read"], "reach": {"tenants": ["north"]}}),
    );
    let made = made.expect(201).json();
    let old = admin.with_key(made["key"].as_str().unwrap());
    let view = create(&old, "mine", "q=a", nobody()).expect(201).json();
    assert_eq!(view["owner"], json!({"type": "api_key", "id": made["id"], "name": "reader"}));
    let rotated = format!("/v1/keys/{}/rotation", made["id"].as_str().unwrap());
    let rotated = admin.write("POST", &rotated, &json!({"overlap_seconds": 0})).expect(201).json();
    let new = admin.with_key(rotated["key"].as_str().unwrap());
    assert_eq!(new.read(&path(&view)), view);
    admin.get(&path(&view)).refused(404, "not_found");
    create(admin, "own", "", nobody()).expect(201);
    assert_eq!(admin.read("/v1/views?owner=me")["data"][0]["owner"]["id"], "administrator-key");
}

#[test]
fn a_query_is_one_that_the_page_and_the_filters_understand() {
    let world = world();
    let World { n1, .. } = &world;
    for (at, query) in [
        "",
        "?",
        "since=ever",
        "since=-1y2mo3w4d5h6m7s&until=now&received_since=today&received_until=-1h",
        "since=2026-11-20T09:00:00Z&until=P1D",
        "action_type=login&action_type=delete&outcome=!success&user=ada&tz=Europe/Rome",
        "q=%22call+queue%22&limit=50&view=cards&columns=time,by&live=1&open=evt&in=n1.example",
        "filter=action_code+eq+%22PLAY%22&filter=!severity+ge+2",
        "q=%C3%A4",
    ]
    .into_iter()
    .enumerate()
    {
        let answer = create(n1, &at.to_string(), query, nobody());
        assert_eq!(answer.status, 201, "{query}: {}", answer.text());
    }
    let long = "q=a&".repeat(5_000);
    for (query, code, says) in [
        ("actoin_type=login", "unknown_parameter", "did you mean action_type?"),
        ("colour=red", "unknown_parameter", "colour"),
        ("after=x&page=2", "unknown_parameter", "after"),
        ("as_of=x", "unknown_parameter", "as_of"),
        ("since=yesterday", "invalid_filter", "RFC 3339"),
        ("until=ever", "invalid_filter", "RFC 3339"),
        ("since=-24h&since=-1h", "invalid_filter", "once"),
        ("view=table&view=cards", "invalid_filter", "once"),
        ("tz=Mars/Olympus", "invalid_filter", "IANA"),
        ("ip=300.1.1.1", "invalid_filter", ""),
        ("filter=action+eq", "invalid_filter", ""),
        ("q=%FF", "invalid_string", "UTF-8"),
        ("q=a\u{202e}b", "invalid_string", ""),
        (&long, "invalid_string", "16384"),
    ] {
        let answer = create(n1, "x", query, nobody());
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        let problem = answer.refused(400, code);
        assert!(problem["detail"].as_str().unwrap().contains(says), "{query}: {problem}");
    }
    for (what, body, code) in [
        ("no query", json!({"name": "x"}), "missing_field"),
        ("no name", json!({"name": " ", "query": ""}), "invalid_string"),
        ("a long name", json!({"name": "x".repeat(101), "query": ""}), "invalid_string"),
        ("columns", json!({"name": "x", "query": "", "columns": vec!["time"; 101]}), "too_many_items"),
        ("a column", json!({"name": "x", "query": "", "columns": [""]}), "invalid_string"),
        ("another member", json!({"name": "x", "query": "", "owner": "root"}), "unknown_parameter"),
    ] {
        let answer = n1.write("POST", "/v1/views", &body);
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        answer.refused(400, code);
    }
}

#[test]
fn what_is_shared_with_a_tenant_names_no_other_to_those_who_do_not_know_it() {
    let world = world();
    let World { root, admin, white, n1, n2, .. } = &world;
    for query in ["tenant=s1.example", "user=ada%40s1.example", "q=%22see+s1.example%22", "tenant=!south"] {
        // Whoever knows the tenant is told; for whoever does not, it is a text like any other.
        create(root, "x", query, tenant("north")).refused(403, "tenant_forbidden");
        let view = create(white, "x", query, tenant("north")).expect(201).json();
        assert_eq!(n1.read(&path(&view))["query"], query);
        white.delete(&path(&view)).expect(204);
        create(white, "x", query.replace("s1.", "no.").as_str(), tenant("n1.example")).expect(201);
        white.delete(&path(&white.read("/v1/views")["data"][0])).expect(204);
    }
    create(white, "x", "tenant=n2.example", tenant("n1.example")).refused(403, "tenant_forbidden");
    create(white, "about n2.example", "", tenant("n1.example")).refused(403, "tenant_forbidden");
    // A territory's view of one of its domains is for the territory, and for that domain.
    let view = create(white, "x", "tenant=n2.example", tenant("north")).expect(201).json();
    n1.get(&path(&view)).refused(404, "not_found");
    assert_eq!((names(n1), names(n2)), (vec![], vec!["x".to_owned()]));
    root.get(&path(&view)).expect(200);
    white.write("PATCH", &path(&view), &json!({"query": "tenant=n1.example"})).expect(200);
    assert_eq!((names(n1), names(n2)), (vec!["x".to_owned()], vec![]));
    white
        .write("PATCH", &path(&view), &json!({"shared_with": tenant("n2.example")}))
        .refused(403, "tenant_forbidden");

    // The trail of one tenant tells of no other: what names several is told in the installation's own chain.
    create(n1, "n1's own", "tenant=n2.example", nobody()).expect(201);
    create(n1, "n1's plain", "action_type=login", nobody()).expect(201);
    let told = admin.told("view.create", 11);
    let of =
        |name: &str| told.iter().find(|event| event["targets"][0]["name"] == name).unwrap()["tenant"].clone();
    assert_eq!((of("n1's own"), of("n1's plain")), (json!("_installation"), json!("n1.example")));
    let seen = n1.read("/v1/events?application=indelible&limit=1000").to_string();
    assert!(!seen.contains("n2.example") && !seen.contains("s1.example"), "{seen}");
}

#[test]
fn a_short_link_stands_for_a_whole_query_and_shows_its_reader_what_they_may_see() {
    let world = world();
    let World { server, admin, white, n1, s1, .. } = &world;
    admin.send(&event("n1.example", "a")).expect(201);
    let query = "tenant=n1.example&since=-24h&after=abc&page=2&at=2026-11-22T10:00:00.000Z&open=evt";
    let link = |api: &Api, query: &str| api.write("POST", "/v1/links", &json!({"query": query}));
    let made = link(white, query).expect(201).json();
    let slug = made["slug"].as_str().unwrap();
    assert_eq!(made["url"], format!("{}/s/{slug}", server.url));
    assert!(slug.len() >= 10);
    assert_eq!(link(white, query).expect(201).json(), made);
    assert_ne!(link(n1, query).expect(201).json()["slug"], made["slug"]);
    assert_ne!(link(white, "q=a").expect(201).json()["slug"], made["slug"]);
    for api in [white, n1, s1] {
        assert_eq!(api.read(&format!("/v1/links/{slug}")), json!({"query": query}));
    }
    n1.found("tenant=n1.example", 1);
    s1.found("tenant=n1.example", 0);
    white.get("/v1/links/0000000000").refused(404, "not_found");
    server.stranger().get(&format!("/v1/links/{slug}")).refused(401, "unauthorized");
    link(white, "colour=red").refused(400, "unknown_parameter");
    link(white, &"q=a&".repeat(5_000)).refused(400, "invalid_string");
}
