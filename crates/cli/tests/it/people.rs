//! Users: who manages whom, what is recorded of it, and that nobody gets hold of more than they have.

use serde_json::{Value, json};

use crate::{
    sign_in::{is_signed_in, take_second_factor},
    support::{Answer, Api, Installation, LONG, Server, event, texts, within},
};

const PASSWORD: &str = "seven green umbrellas at noon";

/// Two territories with a tenant each, and a role that manages the people of territories.
fn world() -> (Installation, Server, Api) {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    for (name, parent) in [("north", None), ("south", None), ("acme", Some("north")), ("lab", Some("south"))]
    {
        match parent {
            None => admin.tenant(name),
            Some(parent) => admin.tenant_below(parent, name),
        }
    }
    let role = json!({
        "name": "Manager", "permissions": ["users.manage", "audit.read", "audit.reports"], "reach": "territories",
    });
    admin.write("POST", "/v1/roles", &role).expect(201);
    (installation, server, admin)
}

fn change(api: &Api, id: &str, change: &Value) -> Answer {
    api.write("PATCH", &format!("/v1/users/{id}"), change)
}

fn create(api: &Api, user: &Value) -> Answer {
    api.write("POST", "/v1/users", user)
}

fn manager_of(territory: &str) -> Value {
    json!([{"role": "Manager", "territories": [territory]}])
}

fn role(name: &str) -> Value {
    json!([{"role": name}])
}

/// Everything that can be done to an account.
fn everything_done_to(api: &Api, id: &str) -> Vec<Answer> {
    let path = |rest: &str| format!("/v1/users/{id}{rest}");
    vec![
        api.get(&path("")),
        change(api, id, &json!({"first_name": "Mallory"})),
        change(api, id, &json!({"email": "mallory@example.com"})),
        change(api, id, &json!({"state": "locked"})),
        change(api, id, &json!({"roles": []})),
        change(api, id, &json!({"tenant": "acme"})),
        api.request("POST", &path("/link"), &[], b""),
        api.delete(&path("/second-factor")),
        api.get(&path("/sessions")),
        api.delete(&path("/sessions")),
    ]
}

#[test]
fn who_manages_a_territory_manages_its_people_and_nobody_above_or_beside_them() {
    let (_installation, _server, admin) = world();
    let user = |name: &str, tenant, roles: Value| admin.user(name, tenant, &roles, PASSWORD);
    let mona = user("mona", Some("north"), manager_of("north"));
    let nina = user("nina", Some("acme"), role("Reporter"));
    let above = [
        ("an administrator within", user("boss", Some("acme"), role("Administrator"))),
        ("one who may more", user("tess", Some("acme"), role("Tenant Auditor"))),
        ("one who reaches further", user("wide", Some("north"), manager_of("south"))),
        ("one beside", user("sid", Some("lab"), role("Reporter"))),
        ("one of the installation", user("root", None, json!([]))),
    ];
    let session = admin.signed_in("mona", PASSWORD);
    let names = texts(&session.read("/v1/users")["data"], "username");
    assert_eq!(names, ["mona", "nina"]);
    let before: Vec<_> = above.iter().map(|(_, id)| admin.read(&format!("/v1/users/{id}"))).collect();
    let nobody = everything_done_to(&session, "0190f1e0-0000-7000-8000-000000000000");
    for (what, id) in &above {
        for (answer, nobody) in everything_done_to(&session, id).into_iter().zip(&nobody) {
            let (problem, nobody) = (answer.refused(404, "not_found"), nobody.json());
            assert_eq!(problem["detail"], nobody["detail"], "{what}");
        }
    }
    let after: Vec<_> = above.iter().map(|(_, id)| admin.read(&format!("/v1/users/{id}"))).collect();
    assert_eq!(before, after);

    // Whom she manages she can't move out, nor give more than she has; and neither herself.
    for id in [&nina, &mona] {
        let before = admin.read(&format!("/v1/users/{id}"));
        for (what, set, status, code) in [
            ("into another territory", json!({"tenant": "lab"}), 404, "not_found"),
            ("into a tenant that is none", json!({"tenant": "nowhere"}), 404, "not_found"),
            ("out of every tenant", json!({"tenant": null}), 403, "tenant_forbidden"),
            ("Administrator", json!({"roles": role("Administrator")}), 403, "forbidden"),
            ("Tech", json!({"roles": role("Tech")}), 403, "forbidden"),
            ("Tenant Auditor", json!({"roles": role("Tenant Auditor")}), 403, "forbidden"),
            (
                "a partner",
                json!({"roles": [{"role": "Channel Partner", "territories": ["north"]}]}),
                403,
                "forbidden",
            ),
            ("manager elsewhere", json!({"roles": manager_of("south")}), 404, "not_found"),
            ("no role", json!({"roles": role("Nobody")}), 400, "invalid_enum"),
            (
                "a good change and a bad one",
                json!({"first_name": "Eve", "state": "locked", "roles": role("Tech")}),
                403,
                "forbidden",
            ),
        ] {
            let answer = change(&session, id, &set);
            assert_eq!(answer.status, status, "{what}: {}", answer.text());
            answer.refused(status, code);
        }
        assert_eq!(admin.read(&format!("/v1/users/{id}")), before, "all or nothing");
    }
    for (what, new, status, code) in [
        ("beside", json!({"username": "new", "tenant": "lab"}), 404, "not_found"),
        ("of the installation", json!({"username": "new"}), 403, "tenant_forbidden"),
        ("more", json!({"username": "new", "tenant": "acme", "roles": role("Tech")}), 403, "forbidden"),
        ("active", json!({"username": "new", "tenant": "acme", "state": "active"}), 400, "unknown_field"),
    ] {
        let answer = create(&session, &new);
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        answer.refused(status, code);
    }
    create(&session, &json!({"username": "new", "tenant": "acme", "roles": manager_of("acme")})).expect(201);
    change(&session, &nina, &json!({"tenant": "north", "state": "locked"})).expect(200);
    change(&session, &nina, &json!({"state": "active", "tenant": "acme", "roles": []})).expect(200);
    session.request("POST", &format!("/v1/users/{nina}/link"), &[], b"").expect(201);
    // Roles are the whole installation's.
    for answer in [
        session.get("/v1/roles"),
        session.write(
            "POST",
            "/v1/roles",
            &json!({"name": "x", "permissions": ["audit.read"], "reach": "tenant"}),
        ),
    ] {
        answer.refused(403, "forbidden");
    }
    // Who has other permissions manages nobody.
    let sid = admin.signed_in("sid", PASSWORD);
    sid.get("/v1/users").refused(403, "forbidden");
    for answer in everything_done_to(&sid, &nina) {
        answer.refused(403, "forbidden");
    }
    // A territory that changes hands takes its people along with the next request.
    admin.write("PATCH", "/v1/tenants/acme", &json!({"parent": "south"})).expect(200);
    assert_eq!(texts(&session.read("/v1/users")["data"], "username"), ["mona"]);
    session.get(&format!("/v1/users/{nina}")).refused(404, "not_found");
}

#[test]
fn the_last_administrator_stays() {
    let (_installation, _server, admin) = world();
    let ada = admin.user("ada", None, &role("Administrator"), PASSWORD);
    let session = admin.signed_in("ada", PASSWORD);
    let losses = [
        json!({"state": "locked"}),
        json!({"state": "disabled"}),
        json!({"roles": []}),
        json!({"roles": role("Tech")}),
    ];
    let stays = |what: &str| {
        for loss in &losses {
            for api in [&session, &admin] {
                let answer = change(api, &ada, loss);
                assert_eq!(answer.status, 403, "{what}, {loss}: {}", answer.text());
            }
        }
        assert!(session.read("/v1/session")["complete_user_management"] == true, "{what}");
    };
    stays("nobody else");
    create(&admin, &json!({"username": "ivy", "roles": role("Administrator")})).expect(201);
    stays("another one is invited");
    let leo = admin.user("leo", None, &role("Administrator"), PASSWORD);
    change(&admin, &leo, &json!({"state": "locked"})).expect(200);
    stays("another one is locked");
    admin.user("sue", Some("lab"), &role("Administrator"), PASSWORD);
    admin.write("PATCH", "/v1/tenants/lab", &json!({"state": "suspended"})).expect(200);
    stays("another one's tenant is suspended");
    change(&admin, &leo, &json!({"state": "active"})).expect(200);
    change(&session, &ada, &json!({"roles": []})).expect(200);
    session.get("/v1/users").refused(403, "forbidden");
}

#[test]
fn the_last_administrators_tenant_is_not_closed_over_them() {
    let (_installation, _server, admin) = world();
    for tenant in ["closed", "hall"] {
        admin.tenant(tenant);
    }
    admin.user("sue", Some("hall"), &role("Administrator"), PASSWORD);
    let set = |tenant: &str, change: &Value| admin.write("PATCH", &format!("/v1/tenants/{tenant}"), change);
    set("closed", &json!({"state": "suspended"})).expect(200);
    for closing in [json!({"state": "suspended"}), json!({"parent": "closed"})] {
        set("hall", &closing).refused(403, "forbidden");
    }
    admin.user("ada", None, &role("Administrator"), PASSWORD);
    set("hall", &json!({"state": "suspended"})).expect(200);
}

#[test]
fn a_user_is_made_or_changed_as_a_whole_and_the_trail_tells_old_and_new() {
    let (_installation, _server, admin) = world();
    let boss = admin.user("boss", None, &role("Administrator"), PASSWORD);
    let session = admin.signed_in("boss", PASSWORD);
    for (what, new, status, code, field) in [
        (
            "no tenant for its role",
            json!({"username": "ada", "roles": role("Reporter")}),
            400,
            "invalid_filter",
            "/roles",
        ),
        (
            "no territory",
            json!({"username": "ada", "roles": role("Channel Partner")}),
            400,
            "invalid_filter",
            "/roles",
        ),
        (
            "a territory too many",
            json!({"username": "ada", "roles": [{"role": "Tech", "territories": ["north"]}]}),
            400,
            "invalid_filter",
            "/roles",
        ),
        (
            "a role twice",
            json!({"username": "ada", "tenant": "acme", "roles": [{"role": "Tech"}, {"role": "tech"}]}),
            400,
            "invalid_filter",
            "/roles",
        ),
        ("no username", json!({"first_name": "Ada"}), 400, "missing_field", "/username"),
        ("a blank", json!({"username": "ada l"}), 400, "invalid_string", "/username"),
        ("no address", json!({"username": "ada", "email": "ada"}), 400, "invalid_string", "/email"),
        ("no zone", json!({"username": "ada", "zone": "Moon"}), 400, "invalid_enum", "/zone"),
        ("no tag", json!({"username": "ada", "locale": "en_GB"}), 400, "invalid_string", "/locale"),
        ("one that is there", json!({"username": "BOSS"}), 409, "id_conflict", "/username"),
    ] {
        let answer = create(&session, &new);
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        let problem = answer.refused(status, code);
        assert_eq!(problem["errors"][0]["field"], field, "{what}: {problem}");
    }
    assert_eq!(texts(&admin.read("/v1/users")["data"], "username"), ["boss"]);
    let made = create(
        &session,
        &json!({
            "username": "ada", "first_name": "Ada", "email": "ada@example.com", "tenant": "acme", "zone": "europe/rome",
            "groups": ["b", "a", "b"], "roles": role("Reporter"),
        }),
    );
    let made = made.expect(201).json();
    assert_eq!((&made["zone"], &made["groups"]), (&json!("Europe/Rome"), &json!(["a", "b"])));
    let id = made["id"].as_str().unwrap();
    let before = admin.read(&format!("/v1/users/{id}"));
    // Her role reaches over her tenant, so that she can't be without one; nothing else of the change is made either.
    change(&session, id, &json!({"first_name": "Eve", "tenant": null})).refused(400, "invalid_filter");
    assert_eq!(admin.read(&format!("/v1/users/{id}")), before);
    let set = json!({
        "username": "ada.l", "first_name": null, "last_name": "Lovelace", "tenant": "lab", "groups": [],
        "roles": [{"role": "Channel Partner", "territories": ["south", "north"]}], "state": "locked",
    });
    change(&session, id, &set).expect(200);
    change(&session, id, &set).expect(200);
    let fields = |event: &Value| -> Vec<(String, Value, Value)> {
        let changes = event["changes"].as_array().unwrap().iter();
        changes
            .map(|it| (it["field"].as_str().unwrap().to_owned(), it["old"].clone(), it["new"].clone()))
            .collect()
    };
    let told = admin.told("user.create", 2).remove(1);
    assert_eq!((&told["actor"]["id"], &told["targets"][0]["id"]), (&json!(boss), &json!(id)), "{told}");
    assert_eq!(told["tenant"], "acme");
    assert!(fields(&told).contains(&("email".into(), Value::Null, json!("ada@example.com"))), "{told}");
    let told = admin.told("user.change", 1).remove(0);
    assert_eq!(told["tenant"], "_installation", "of two tenants");
    for change in [
        ("username".to_owned(), json!("ada"), json!("ada.l")),
        ("first_name".to_owned(), json!("Ada"), Value::Null),
        ("last_name".to_owned(), Value::Null, json!("Lovelace")),
        ("tenant".to_owned(), json!("acme"), json!("lab")),
        ("groups".to_owned(), json!(["a", "b"]), json!([])),
        ("state".to_owned(), json!("invited"), json!("locked")),
    ] {
        assert!(fields(&told).contains(&change), "{change:?}: {told}");
    }
    // The old role goes before she is in the other tenant, the new one comes after it.
    let told = admin.told("user.roles", 4);
    let (old, none) = (json!([{"role": "Reporter"}]), json!([]));
    let new = json!([{"role": "Channel Partner", "territories": ["north", "south"]}]);
    assert_eq!(fields(&told[2]), [("roles".into(), old, none.clone())]);
    assert_eq!(fields(&told[3]), [("roles".into(), none, new)]);

    // What people may change about themselves is little, and recorded.
    let profile = |set: &Value| session.write("PATCH", "/v1/profile", set);
    for member in ["username", "email", "tenant", "groups", "roles", "state"] {
        let problem = profile(&json!({member: "x"})).refused(400, "unknown_parameter");
        assert_eq!(problem["errors"][0]["field"], format!("/{member}"));
    }
    profile(&json!({"last_name": "B.", "locale": "Welsh!"})).refused(400, "invalid_string");
    profile(&json!({"last_name": "B.", "locale": "de-AT", "zone": "UTC"})).expect(200);
    let told = fields(&admin.told("profile.change", 1)[0]);
    let told: Vec<_> = told.iter().map(|(field, _, new)| (field.as_str(), new.as_str().unwrap())).collect();
    assert_eq!(told, [("last_name", "B."), ("locale", "de-AT"), ("zone", "UTC")]);
    // A key has no account, and a person sends no events.
    for path in ["/v1/profile", "/v1/sessions"] {
        admin.get(path).refused(403, "forbidden");
    }
    session.send(&event("acme", "a")).refused(403, "forbidden");
}

#[test]
fn whoever_is_signed_in_can_not_give_the_own_account_away_and_others_can() {
    let (_installation, _server, admin) = world();
    admin.user("boss", None, &role("Administrator"), PASSWORD);
    let boss = admin.signed_in("boss", PASSWORD);
    for (name, tenant, roles) in
        [("ada", None, role("Administrator")), ("mona", Some("north"), manager_of("north"))]
    {
        let id = admin.user(name, tenant, &roles, PASSWORD);
        let path = |rest: &str| format!("/v1/users/{id}{rest}");
        let email = json!(format!("{name}@example.com"));
        change(&admin, &id, &json!({"email": email})).expect(200);
        let session = admin.signed_in(name, PASSWORD);
        take_second_factor(&session, PASSWORD);
        let before = admin.read(&path(""));
        assert_eq!(before["has_second_factor"], true, "{before}");
        let elsewhere = json!("mallory@example.com");
        for (what, answer) in [
            ("a link", session.request("POST", &path("/link"), &[], b"")),
            ("a link by mail", session.write("POST", &path("/link"), &json!({"by_mail": true}))),
            ("no second factor", session.delete(&path("/second-factor"))),
            ("another address", change(&session, &id, &json!({"email": elsewhere}))),
            ("no address", change(&session, &id, &json!({"email": null}))),
            (
                "another name and address",
                change(&session, &id, &json!({"last_name": "M.", "email": elsewhere})),
            ),
        ] {
            assert_eq!(answer.status, 403, "{name}, {what}: {}", answer.text());
            answer.refused(403, "forbidden");
        }
        assert_eq!(admin.read(&path("")), before);
        // The address as it is opens nothing.
        change(&session, &id, &json!({"last_name": "L.", "email": email})).expect(200);
        // Somebody else can, and a key, which is no page that was left open.
        for (api, email) in [(&boss, "first@example.com"), (&admin, "second@example.com")] {
            api.request("POST", &path("/link"), &[], b"").expect(201);
            change(api, &id, &json!({"email": email})).expect(200);
            api.delete(&path("/second-factor")).expect(204);
            let after = admin.read(&path(""));
            assert_eq!((&after["email"], &after["has_second_factor"]), (&json!(email), &json!(false)));
        }
        assert!(!is_signed_in(&session), "{name}");
    }
}

/// The roles on one side of a change of roles, by name.
fn roles_of(change: &Value, side: &str) -> Vec<String> {
    let mut names = texts(&change["changes"][0][side], "role");
    names.sort();
    names
}

#[test]
fn who_moves_with_other_roles_loses_them_before_and_gets_them_after() {
    let (_installation, _server, admin) = world();
    let (both, lab) = (["Reporter", "Tenant Auditor"], "lab");
    let given = |names: &[&str]| Value::from_iter(names.iter().map(|name| json!({"role": name})));
    for (at, (what, before, after, set, codes)) in [
        ("moves", &both[..1], &both[..1], json!({"tenant": lab}), &["user.change"][..]),
        (
            "moves for another",
            &both[..1],
            &both[1..],
            json!({"tenant": lab}),
            &["user.roles", "user.change", "user.roles"],
        ),
        ("moves and loses one", &both, &both[1..], json!({"tenant": lab}), &["user.roles", "user.change"]),
        ("moves and gets one", &both[..1], &both, json!({"tenant": lab}), &["user.change", "user.roles"]),
        ("leaves", &both, &[], json!({"tenant": null}), &["user.roles", "user.change"]),
        ("is locked", &both, &both[..1], json!({"state": "locked"}), &["user.roles", "user.change"]),
        ("stays", &both[..1], &both[1..], json!({"zone": null}), &["user.roles"]),
    ]
    .into_iter()
    .enumerate()
    {
        let new = json!({"username": format!("user{at}"), "tenant": "acme", "roles": given(before)});
        let id = create(&admin, &new).expect(201).json()["id"].as_str().unwrap().to_owned();
        let mut all = set.clone();
        all["roles"] = given(after);
        let now = change(&admin, &id, &all).expect(200).json();
        let mut roles = texts(&now["roles"], "role");
        roles.sort();
        assert_eq!(roles, after, "{what}");
        for (member, value) in set.as_object().unwrap() {
            assert_eq!(now[member], *value, "{what}: {now}");
        }
        // The first one is of the roles that the account was made with.
        let told = within(LONG, what, || {
            let page = admin.read("/v1/events?limit=1000&application=indelible");
            let events = page["data"].as_array().unwrap().iter().rev();
            let told = events.filter(|event| {
                ["user.change", "user.roles"].map(Value::from).contains(&event["action_code"])
                    && event["targets"][0]["id"] == id.as_str()
            });
            let told: Vec<_> = told.cloned().collect();
            (told.len() > codes.len()).then_some(told)
        });
        let steps = &told[1..];
        let found: Vec<_> = steps.iter().map(|step| step["action_code"].as_str().unwrap()).collect();
        assert_eq!(found, codes, "{what}");
        let Some(moved) = codes.iter().position(|code| *code == "user.change") else { continue };
        let mut held: Vec<_> = before.iter().map(|name| (*name).to_owned()).collect();
        for (place, step) in steps.iter().enumerate().filter(|(place, _)| *place != moved) {
            let (old, new) = (roles_of(step, "old"), roles_of(step, "new"));
            assert_eq!(old, held, "{what}: {step}");
            let (fewer, more) = if place < moved { (&new, &old) } else { (&old, &new) };
            assert!(fewer.iter().all(|role| more.contains(role)), "{what}: {step}");
            held = new;
        }
        assert_eq!(held, after, "{what}");
    }
}
