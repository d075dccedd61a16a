//! Signing in through an OpenID provider, a real one: the way there and back, and who somebody is here then.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    gate::ALL,
    looking::asked,
    part::Part,
    support::{Api, Installation, LONG, Server, within},
};

const PASSWORD: &str = "four unusual words here";

/// A provider with these users, who are signed in there already.
fn provider(users: &[Value]) -> Part {
    let users: Vec<_> = users.iter().flat_map(|user| ["--user".to_owned(), user.to_string()]).collect();
    Part::start("openid-provider.mjs", &users)
}

fn at_the_provider(provider: &mut Part, username: &str) {
    provider.tell(&json!({"sign_in": username}));
}

/// Sets the provider up under the id `staff`, with these members beside those that it needs.
fn set_up(admin: &Api, provider: &Part, more: &Value) {
    let mut config = json!({
        "name": "Staff", "issuer": provider.ready["issuer"], "client_id": "indelible", "client_secret": "secret",
        "scopes": ["profile", "email", "groups"], "groups_claim": "groups",
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    admin.write("PUT", "/v1/providers/staff", &config).expect(200);
}

/// As much of a browser as a sign-in needs: redirects and cookies, of each host apart.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<(String, String), String>,
}

impl Browser {
    /// Goes there and on to wherever it is sent; returns the last address.
    fn go(&mut self, url: &str) -> String {
        let mut url = url.to_owned();
        for _ in 0..20 {
            let config = ureq::Agent::config_builder().max_redirects(0).max_redirects_will_error(false);
            let agent: ureq::Agent = config.http_status_as_error(false).build().into();
            let host = origin(&url).to_owned();
            let own = self.cookies.iter().filter(|((of, _), _)| *of == host);
            let own: Vec<_> = own.map(|((_, name), value)| format!("{name}={value}")).collect();
            let answer = agent.get(&url).header("cookie", own.join("; ")).call().unwrap();
            for cookie in answer.headers().get_all("set-cookie") {
                let (name, value) = cookie.to_str().unwrap().split_once('=').unwrap();
                let value = value.split(';').next().unwrap_or_default().to_owned();
                self.cookies.insert((host.clone(), name.to_owned()), value);
            }
            let Some(next) = answer.headers().get("location") else { return url };
            let next = next.to_str().unwrap();
            url = if next.starts_with('/') { format!("{host}{next}") } else { next.to_owned() };
        }
        panic!("redirected in circles, last to {url}");
    }

    /// What the server says of the session that the browser has.
    fn session(&self, server: &Server) -> Option<Value> {
        let secret = self.cookies.get(&(url_of(server), "indelible_session".to_owned()))?;
        let cookie = format!("indelible_session={secret}");
        let answer = server.stranger().request("GET", "/v1/session", &[("Cookie", &cookie)], b"");
        (answer.status == 200).then(|| answer.json())
    }
}

fn url_of(server: &Server) -> String {
    format!("http://{}", server.address())
}

fn origin(url: &str) -> &str {
    let host = url.find("://").unwrap() + 3;
    url[host..].find('/').map_or(url, |end| &url[..host + end])
}

fn ada() -> Value {
    json!({"username": "ada", "password": "x", "email": "ada@example.com", "email_verified": true, "groups": ["auditors", "north"]})
}

/// Somebody whose address the provider vouches for.
fn vouched(username: &str, email: &str) -> Value {
    json!({"username": username, "password": "x", "email": email, "email_verified": true})
}

#[test]
fn groups_give_roles_at_each_sign_in_and_accounts_are_made_where_that_is_wanted() {
    let mut described = ada();
    let more = json!({"given_name": "A\u{202e}da", "family_name": "Lovelace", "locale": "en_GB", "zoneinfo": "Moon"});
    described.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut provider = provider(&[described]);
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    for tenant in ["north", "acme"] {
        admin.tenant(tenant);
    }
    let roles = json!([
        {"group": "auditors", "role": "Reporter"}, {"group": "north", "role": "Channel Partner", "territory": "north"},
    ]);
    set_up(&admin, &provider, &json!({"group_roles": roles, "create_users": true, "tenant": "acme"}));
    assert_eq!(
        server.stranger().read("/v1/sign-in/providers")["data"],
        json!([{"id": "staff", "name": "Staff"}])
    );
    assert!(admin.read("/v1/providers")["data"][0].get("client_secret").is_none());

    at_the_provider(&mut provider, "ada");
    let mut browser = Browser::default();
    let end = browser.go(&format!("{}/v1/sign-in/providers/staff?return_to=/events/x", url_of(&server)));
    assert_eq!(end, format!("{}/events/x", url_of(&server)));
    let session = browser.session(&server).unwrap();
    assert_eq!((&session["name"], &session["kind"]), (&json!("ada"), &json!("user")));
    assert_eq!(session["reach"], json!(["north", "acme"]));
    let user = admin.read("/v1/users")["data"][0].clone();
    assert_eq!((&user["tenant"], &user["has_password"]), (&json!("acme"), &json!(false)));
    // Of what the provider says that is kept which an administrator could set.
    let kept = ["first_name", "last_name", "locale", "zone"].map(|field| user[field].as_str());
    assert_eq!(kept, [None, Some("Lovelace"), Some("en-GB"), None]);
    assert_eq!((&user["email"], &user["groups"]), (&json!("ada@example.com"), &json!(["auditors", "north"])));
    assert_eq!(
        user["roles"],
        json!([{"role": "Channel Partner", "territories": ["north"]}, {"role": "Reporter"}])
    );

    // Fewer groups, fewer roles, at the next sign-in; and the same account.
    let mut fewer = ada();
    fewer["groups"] = json!(["auditors"]);
    provider.tell(&json!({"user": fewer}));
    let mut browser = Browser::default();
    browser.go(&format!("{}/v1/sign-in/providers/staff", url_of(&server)));
    assert_eq!(browser.session(&server).unwrap()["reach"], json!(["acme"]));
    assert_eq!(admin.read("/v1/users")["data"].as_array().unwrap().len(), 1);

    // Whoever is locked here does not come in, whatever the provider says.
    let id = user["id"].as_str().unwrap();
    admin.write("PATCH", &format!("/v1/users/{id}"), &json!({"state": "locked"})).expect(200);
    assert_eq!(browser.session(&server), None);
    let mut browser = Browser::default();
    let end = browser.go(&format!("{}/v1/sign-in/providers/staff", url_of(&server)));
    assert_eq!(end, format!("{}/?sign_in_refused=locked", url_of(&server)));
    assert_eq!(browser.session(&server), None);

    for code in ["provider.create", "user.create"] {
        admin.told(code, 1);
    }
    admin.told("user.roles", 2);
    let refused = admin.told("session.begin", 3);
    assert!(refused.iter().any(|event| event["outcome"]["reason"] == "locked"), "{refused:?}");
}

#[test]
fn who_is_refused_at_the_first_sign_in_is_told_as_the_account_that_it_made() {
    let mut provider = provider(&[ada()]);
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    set_up(&admin, &provider, &json!({"create_users": true, "tenant": "acme"}));
    admin.write("PATCH", "/v1/tenants/acme", &json!({"state": "suspended"})).expect(200);
    at_the_provider(&mut provider, "ada");
    let end = Browser::default().go(&format!("{}/v1/sign-in/providers/staff", url_of(&server)));
    assert_eq!(end, format!("{}/?sign_in_refused=tenant_suspended", url_of(&server)));
    let made = admin.told("user.create", 1).remove(0);
    let refused = admin.told("session.begin", 1).remove(0);
    assert_eq!(refused["outcome"]["reason"], "tenant_suspended");
    assert_eq!((&refused["actor"]["id"], &refused["tenant"]), (&made["targets"][0]["id"], &json!("acme")));
}

#[test]
fn nobody_is_taken_for_a_user_because_of_a_name() {
    let boss =
        json!({"username": "boss", "password": "x", "email": "boss@example.com", "email_verified": true});
    let unverified =
        json!({"username": "carl", "password": "x", "email": "carl@example.com", "email_verified": false});
    let mut provider = provider(&[boss, unverified, ada()]);
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    set_up(&admin, &provider, &json!({"create_users": true}));
    // An account with a password, of the same name.
    admin.user("boss", None, &json!([{"role": "Administrator"}]), PASSWORD);
    for (invited, email) in [("ada.l", "ada@example.com"), ("carl.x", "carl@example.com")] {
        let new =
            json!({"username": invited, "email": email, "tenant": "acme", "roles": [{"role": "Reporter"}]});
        admin.write("POST", "/v1/users", &new).expect(201);
    }
    let url = format!("{}/v1/sign-in/providers/staff", url_of(&server));
    let mut come = |username: &str| {
        at_the_provider(&mut provider, username);
        let mut browser = Browser::default();
        let end = browser.go(&url);
        (end, browser.session(&server).map(|session| session["name"].as_str().unwrap().to_owned()))
    };
    assert_eq!(come("boss"), (format!("{}/?sign_in_refused=username_taken", url_of(&server)), None));
    // Whoever was invited under a verified address is that user; an address that is not verified proves nothing.
    assert_eq!(come("ada").1.as_deref(), Some("ada.l"));
    assert_eq!(come("carl").1.as_deref(), Some("carl"));
    let invited = admin.read("/v1/users")["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|user| user["username"] == "carl.x")
        .cloned();
    assert_eq!(invited.unwrap()["state"], "invited");
    let told = &admin.told("user.change", 1)[0];
    assert_eq!(told["targets"][0]["name"], "ada.l", "{told}");
    assert_eq!(told["changes"], json!([{"field": "state", "old": "invited", "new": "active"}]), "{told}");
}

#[test]
fn groups_do_not_take_away_the_last_administrator() {
    let boss = |groups: Value| json!({"username": "boss", "password": "x", "groups": groups});
    let mut provider = provider(&[boss(json!(["bosses"]))]);
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    let roles = json!([{"group": "bosses", "role": "Administrator"}]);
    set_up(&admin, &provider, &json!({"group_roles": roles, "create_users": true}));
    at_the_provider(&mut provider, "boss");
    let come = || {
        let mut browser = Browser::default();
        let end = browser.go(&format!("{}/v1/sign-in/providers/staff", url_of(&server)));
        (end, browser.session(&server).map(|session| session["complete_user_management"] == true))
    };
    assert_eq!(come().1, Some(true));
    provider.tell(&json!({"user": boss(json!(["others"]))}));
    assert_eq!(come(), (format!("{}/?sign_in_refused=roles_do_not_fit", url_of(&server)), None));
    assert_eq!(admin.read("/v1/users")["data"][0]["roles"], json!([{"role": "Administrator"}]));
    admin.user("ada", None, &json!([{"role": "Administrator"}]), PASSWORD);
    assert_eq!(come().1, Some(false));
}

#[test]
fn a_way_back_that_nobody_began_here_leads_nowhere() {
    let mut provider = provider(&[ada()]);
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    set_up(&admin, &provider, &json!({}));
    let url = |path: &str| format!("{}/v1/sign-in/providers/{path}", url_of(&server));
    at_the_provider(&mut provider, "ada");
    // Nobody is made an account here.
    assert!(Browser::default().go(&url("staff")).ends_with("/?sign_in_refused=unknown_user"));
    for path in
        ["staff/callback", "staff/callback?code=x&state=y", "staff/callback?error=access_denied&state=y"]
    {
        let mut browser = Browser::default();
        assert!(browser.go(&url(path)).contains("/?sign_in_refused="), "{path}");
        assert_eq!(browser.session(&server), None);
    }
    let nobody = server.stranger();
    nobody.get("/v1/sign-in/providers/other").refused(404, "not_found");
    for elsewhere in ["https://evil.example", "//evil.example", "/\\evil.example"] {
        let path = format!("/v1/sign-in/providers/staff?return_to={elsewhere}");
        nobody.get(&path).refused(400, "invalid_filter");
    }
    // One that is not there is refused.
    let config = json!({"name": "X", "issuer": "http://127.0.0.1:9/", "client_id": "indelible"});
    admin.write("PUT", "/v1/providers/x", &config).refused(503, "unavailable");
    admin.request("DELETE", "/v1/providers/staff", &[], b"").expect(204);
    assert_eq!(nobody.read("/v1/sign-in/providers")["data"], json!([]));
}

#[test]
fn a_second_factor_is_for_the_provider_to_ask_for_and_the_networks_hold_here_too() {
    let mut provider = provider(&[ada()]);
    at_the_provider(&mut provider, "ada");
    for (setting, value, path) in [
        ("SECOND_FACTOR", "required", "/"),
        ("SIGN_IN_NETWORKS", "192.0.2.0/24", "/?sign_in_refused=address_not_allowed"),
    ] {
        let installation = Installation::new().with(setting, value);
        let server = installation.start();
        let admin = server.admin();
        let roles = json!([{"group": "auditors", "role": "Administrator"}]);
        set_up(&admin, &provider, &json!({"group_roles": roles, "create_users": true}));
        let mut browser = Browser::default();
        let end = browser.go(&format!("{}/v1/sign-in/providers/staff", url_of(&server)));
        assert_eq!(end, format!("{}{path}", url_of(&server)), "{setting}");
        let session = browser.session(&server);
        let may = session.map(|it| (it["second_factor_due"].clone(), it["complete_user_management"].clone()));
        assert_eq!(may, (path == "/").then_some((json!(false), json!(true))), "{setting}");
        let reason = (path != "/").then_some("address_not_allowed");
        assert_eq!(admin.told("session.begin", 1)[0]["outcome"]["reason"].as_str(), reason, "{setting}");
    }
}

#[test]
fn only_who_may_do_everything_says_who_vouches_for_people() {
    let provider = provider(&[ada()]);
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    set_up(&admin, &provider, &json!({}));
    let before = admin.read("/v1/providers");
    let role = json!({"name": "Manager", "permissions": ["users.manage"], "reach": "everything"});
    admin.write("POST", "/v1/roles", &role).expect(201);
    admin.user("mona", None, &json!([{"role": "Manager"}]), PASSWORD);
    // Whoever comes from there would be administrator.
    let config = json!({
        "name": "Mine", "issuer": provider.ready["issuer"], "client_id": "indelible", "create_users": true,
        "groups_claim": "groups", "group_roles": [{"group": "auditors", "role": "Administrator"}],
    });
    for (who, api, status) in [
        ("managing users", admin.key_everywhere(&["users.manage"]), 200),
        ("managing users, a person", admin.signed_in("mona", PASSWORD), 200),
        ("all but one", admin.key_everywhere(&ALL[..ALL.len() - 1]), 200),
        ("all but managing users", admin.key_everywhere(&["settings.manage", "keys.manage"]), 403),
        ("all in one tenant", admin.key(&ALL, &["acme"]), 403),
    ] {
        assert_eq!(api.get("/v1/providers").status, status, "{who}");
        for id in ["staff", "mine"] {
            let answer = api.write("PUT", &format!("/v1/providers/{id}"), &config);
            assert_eq!(answer.status, 403, "{who}, {id}: {}", answer.text());
            answer.refused(403, "forbidden");
        }
    }
    // Those that stand for other ways to sign in are nobody's.
    for id in ["password", "set-up", "Mine", "mi_ne", &"m".repeat(41)] {
        let answer = admin.write("PUT", &format!("/v1/providers/{id}"), &config);
        assert_eq!(answer.status, 400, "{id}: {}", answer.text());
        answer.refused(400, "invalid_id");
    }
    assert_eq!(admin.read("/v1/providers"), before);
    admin.key_everywhere(&ALL).write("PUT", "/v1/providers/mine", &config).expect(200);
}

#[test]
fn a_tenants_provider_takes_nobody_who_was_invited_above_it_or_beside_it() {
    let mut provider = provider(&[ada()]);
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("north");
    admin.tenant_below("north", "acme");
    admin.tenant_below("acme", "acme-east");
    admin.tenant("other");
    for (at, (of_provider, of_user, taken)) in [
        (Some("acme"), Some("acme"), true),
        (Some("acme"), Some("acme-east"), true),
        (Some("acme"), Some("north"), false),
        (Some("acme"), Some("other"), false),
        (Some("acme"), None, false),
        (None, Some("other"), true),
        (None, None, true),
    ]
    .into_iter()
    .enumerate()
    {
        let what = format!("one of {of_user:?} through a provider of {of_provider:?}");
        let (there, here, email) = (format!("there{at}"), format!("here{at}"), format!("u{at}@example.com"));
        provider.tell(&json!({"user": vouched(&there, &email)}));
        let roles = json!([{"role": "Administrator"}]);
        let new = json!({"username": here, "email": email, "tenant": of_user, "roles": roles});
        let id = admin.write("POST", "/v1/users", &new).expect(201).json()["id"].clone();
        set_up(&admin, &provider, &json!({"tenant": of_provider}));
        at_the_provider(&mut provider, &there);
        let mut browser = Browser::default();
        let end = browser.go(&format!("{}/v1/sign-in/providers/staff", url_of(&server)));
        let path = if taken { "/" } else { "/?sign_in_refused=unknown_user" };
        assert_eq!(end, format!("{}{path}", url_of(&server)), "{what}");
        let session = browser.session(&server).map(|session| session["name"].clone());
        assert_eq!(session, taken.then(|| json!(here)), "{what}");
        let state = || admin.read(&format!("/v1/users/{}", id.as_str().unwrap()))["state"].clone();
        assert_eq!(state(), if taken { "active" } else { "invited" }, "{what}");
        if !taken {
            // Where accounts are made they get one of their own, which may nothing.
            set_up(&admin, &provider, &json!({"tenant": of_provider, "create_users": true}));
            let mut browser = Browser::default();
            browser.go(&format!("{}/v1/sign-in/providers/staff", url_of(&server)));
            let session = browser.session(&server).unwrap();
            assert_eq!((&session["name"], &session["permissions"]), (&json!(there), &json!([])), "{what}");
            assert_eq!(state(), "invited", "{what}");
        }
    }
}

#[test]
fn ways_back_that_no_provider_vouches_for_are_rolled_up_and_are_no_sign_ins() {
    let mut provider = provider(&[ada()]);
    let installation = Installation::new().with("LOOKING_WINDOW_SECONDS", "1");
    let server = installation.start();
    let admin = server.admin();
    set_up(&admin, &provider, &json!({}));
    let mut questions: BTreeMap<String, u64> = BTreeMap::new();
    for _ in 0..4 {
        for query in ["", "?code=x&state=y", "?error=access_denied&state=y"] {
            let path = "/v1/sign-in/providers/staff/callback";
            let end = Browser::default().go(&format!("{}{path}{query}", url_of(&server)));
            let (_, reason) = end.split_once("/?sign_in_refused=").unwrap();
            *questions.entry(format!("GET {path} {reason}")).or_default() += 1;
        }
    }
    let told = within(LONG, "the ways back are told of", || {
        let page = admin.read("/v1/events?limit=1000&application=indelible");
        let events = page["data"].as_array().unwrap().iter();
        let refused = events.filter(|event| event["action_code"] == "looking.refused");
        let refused: Vec<_> = refused.cloned().collect();
        questions.iter().all(|(question, count)| asked(&refused, question) == *count).then_some(refused)
    });
    let mut windows = BTreeSet::new();
    for event in &told {
        let second = event["occurrences"]["first"].as_str().unwrap()[..19].to_owned();
        assert!(windows.insert(second), "a second event of one window: {told:?}");
        assert_eq!(
            (&event["outcome"]["result"], &event["tenant"]),
            (&json!("denied"), &json!("_installation"))
        );
        assert!(event["actor"].is_null() && event["client"]["ip"].is_string(), "{event}");
    }
    // All that came before was to be found as soon as these were.
    admin.told("session.begin", 0);
    // Whom the provider vouches for is told of by name, also where nothing is made of it.
    at_the_provider(&mut provider, "ada");
    Browser::default().go(&format!("{}/v1/sign-in/providers/staff", url_of(&server)));
    let told = &admin.told("session.begin", 1)[0];
    assert_eq!(told["outcome"], json!({"result": "failure", "reason": "unknown_user"}), "{told}");
    assert_eq!(told["actor"]["username"], "ada", "{told}");
}

#[test]
fn what_a_provider_calls_somebody_makes_no_event_a_namesakes_own() {
    let mut provider =
        provider(&[vouched("ada", "somebody@example.com"), vouched("bob", "carl@example.com")]);
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    let role = json!({"name": "Oneself", "permissions": ["audit.read"], "reach": "oneself"});
    admin.write("POST", "/v1/roles", &role).expect(201);
    let names = ["ada", "bob"];
    let namesakes = names.map(|name| admin.user(name, Some("acme"), &json!([{"role": "Oneself"}]), PASSWORD));
    let carl = json!({"username": "carl", "email": "carl@example.com", "tenant": "acme"});
    let carl = admin.write("POST", "/v1/users", &carl).expect(201).json()["id"].clone();
    set_up(&admin, &provider, &json!({"create_users": true}));
    let mut come = |username: &str| {
        at_the_provider(&mut provider, username);
        let mut browser = Browser::default();
        let end = browser.go(&format!("{}/v1/sign-in/providers/staff", url_of(&server)));
        (end, browser.session(&server).map(|session| session["name"].clone()))
    };
    assert_eq!(come("ada"), (format!("{}/?sign_in_refused=username_taken", url_of(&server)), None));
    assert_eq!(come("bob").1, Some(json!("carl")));

    let told = admin.told("session.begin", 2);
    assert_eq!(
        (&told[0]["outcome"]["reason"], &told[0]["actor"]["username"]),
        (&json!("username_taken"), &json!("ada"))
    );
    assert!(told[0]["recognised"].is_null(), "{}", told[0]);
    let taken = &admin.told("user.change", 1)[0];
    assert_eq!((&taken["actor"]["username"], &taken["targets"][0]["id"]), (&json!("bob"), &carl));
    let recognised = taken["recognised"].as_array().unwrap().iter();
    let recognised: Vec<_> = recognised.map(|person| (&person["place"], &person["user"])).collect();
    assert_eq!(recognised, [(&json!("/targets/0"), &carl)], "{taken}");
    for (name, id) in names.into_iter().zip(namesakes) {
        let page = admin.signed_in(name, PASSWORD).read("/v1/events?limit=1000&application=indelible");
        let events = page["data"].as_array().unwrap();
        assert!(!events.is_empty());
        for event in events {
            assert!(event["parameters"]["provider"].is_null(), "{name}: {event}");
            let named = [&event["actor"]["id"], &event["targets"][0]["id"]];
            assert!(named.contains(&&json!(id)), "{name}: {event}");
        }
    }
}
