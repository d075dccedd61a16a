//! Signing in through an OpenID provider, a real one: the way there and back, and who somebody is here then.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Api, Installation, Server};

#[path = "../../../../tools/parts/part.rs"]
mod part;

use part::Part;

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
    admin.user("boss", None, &json!([{"role": "Administrator"}]), "four unusual words here");
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
    admin.user("ada", None, &json!([{"role": "Administrator"}]), "four unusual words here");
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
    // Only complete user management sets providers up, and one that is not there is refused.
    let key = admin.key_everywhere(&["tenants.manage", "settings.manage", "audit.read"]);
    key.get("/v1/providers").refused(403, "forbidden");
    let config = json!({"name": "X", "issuer": "http://127.0.0.1:9/", "client_id": "indelible"});
    key.write("PUT", "/v1/providers/x", &config).refused(403, "forbidden");
    admin.write("PUT", "/v1/providers/x", &config).refused(503, "unavailable");
    admin.write("PUT", "/v1/providers/X", &config).refused(400, "invalid_id");
    admin.request("DELETE", "/v1/providers/staff", &[], b"").expect(204);
    assert_eq!(nobody.read("/v1/sign-in/providers")["data"], json!([]));
}
