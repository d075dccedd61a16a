//! The gate: every route as everybody, compared with a brute-force model of what was sent.
//!
//! [`TABLE`] says for each route of the document who gets in; a route that is not in it fails the test. [`attacks`] are
//! requests that name something of another territory, each beside the same request for something that does not exist:
//! the two answers must be the same. Whatever is answered is searched for the marks of what its reader may not see.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{Answer, Api, Installation, LONG, Server, event, ids, sent, within};

const PASSWORD: &str = "Quiet-lantern-93-hills";

/// A territory or a domain, and the one above it. The names are marks that stand nowhere else.
const TREE: [(&str, &str); 6] = [
    ("northmk", ""),
    ("n1domainmk", "northmk"),
    ("n2domainmk", "northmk"),
    ("southmk", ""),
    ("s1domainmk", "southmk"),
    ("s2domainmk", "southmk"),
];

/// Every permission.
pub(crate) const ALL: [&str; 12] = [
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
];

/// An event as it was sent.
struct Sent {
    id: String,
    tenant: &'static str,
    json: Value,
    /// Whether the user `selfie` is in it, as far as the server can know.
    of_selfie: bool,
}

/// What a principal reaches over.
#[derive(Clone, PartialEq)]
enum Reach {
    Everything,
    Tenants(Vec<&'static str>),
    Nothing,
}

/// Somebody who asks.
struct Who {
    name: &'static str,
    api: Api,
    kind: Kind,
    permissions: Vec<&'static str>,
    reach: Reach,
    /// Whether one's own events are within the reach.
    oneself: bool,
    tenant: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Key,
    Person,
    Nobody,
}

/// What a route asks for.
#[derive(Clone, Copy, Debug)]
enum Needs {
    Nothing,
    /// To be somebody.
    Known,
    May(&'static str),
    Either(&'static str, &'static str),
    Everywhere(&'static str),
    /// Every permission over everything.
    Everything,
    /// A session.
    Person,
    /// An API key with this permission.
    Key(&'static str),
}

use Needs::{Either, Everything, Everywhere, Key, Known, May, Nothing, Person};

/// Method, route, address, body; who gets in, and the status for who does. `{event}`, `{tenant}`, `{user}`: one's own,
/// and where there is none the answer is 404. What would change the world is asked for in a form that is refused behind
/// the gate.
type Row = (&'static str, &'static str, &'static str, &'static str, Needs, u16);

const NO_ID: &str = "00000000-0000-4000-8000-000000000000";

#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("GET", "/checkpoint", "/checkpoint", "", May("audit.verify"), 200),
    ("GET", "/healthz", "/healthz", "", Nothing, 200),
    ("GET", "/metrics", "/metrics", "", Everywhere("settings.manage"), 200),
    ("GET", "/readyz", "/readyz", "", Nothing, 200),
    ("GET", "/tile/{*path}", "/tile/0/000.p/1", "", May("audit.verify"), 200),
    ("GET", "/tile/{*path}", "/tile/entries/000.p/1", "", Everywhere("audit.verify"), 200),
    ("GET", "/v1/actions", "/v1/actions", "", Known, 200),
    ("GET", "/v1/auditing", "/v1/auditing", "", Everywhere("users.manage"), 200),
    ("PUT", "/v1/auditing", "/v1/auditing", "{}", Everywhere("users.manage"), 400),
    ("GET", "/v1/events", "/v1/events?limit=1000&total=true", "", May("audit.read"), 200),
    ("POST", "/v1/events", "/v1/events", r#"{"action":5}"#, Key("events.send"), 400),
    ("GET", "/v1/events/{id}", "/v1/events/{event}", "", May("audit.read"), 200),
    ("GET", "/v1/events/{id}/original", "/v1/events/{event}/original", "", May("audit.read"), 200),
    ("GET", "/v1/events/{id}/proof", "/v1/events/{event}/proof", "", May("audit.read"), 200),
    ("GET", "/v1/export-columns", "/v1/export-columns", "", Known, 200),
    ("GET", "/v1/exports", "/v1/exports", "", May("audit.export"), 200),
    ("POST", "/v1/exports", "/v1/exports", "{}", May("audit.export"), 400),
    ("GET", "/v1/exports/{id}", "/v1/exports/{none}", "", May("audit.export"), 404),
    ("DELETE", "/v1/exports/{id}", "/v1/exports/{none}", "", May("audit.export"), 404),
    ("POST", "/v1/exports/{id}/cancel", "/v1/exports/{none}/cancel", "", May("audit.export"), 404),
    ("GET", "/v1/exports/{id}/download", "/v1/exports/{none}/download", "", May("audit.export"), 404),
    ("GET", "/v1/exports/{id}/manifest", "/v1/exports/{none}/manifest", "", May("audit.export"), 404),
    ("POST", "/v1/exports/{id}/link", "/v1/exports/{none}/link", "", May("audit.export"), 404),
    ("GET", "/v1/downloads/{token}", "/v1/downloads/none", "", Nothing, 404),
    ("GET", "/v1/feed", "/v1/feed?limit=1000", "", May("audit.read"), 200),
    ("GET", "/v1/histogram", "/v1/histogram?by=actor", "", May("audit.read"), 200),
    ("GET", "/v1/keys", "/v1/keys", "", May("keys.manage"), 200),
    ("POST", "/v1/keys", "/v1/keys", "{}", May("keys.manage"), 400),
    ("DELETE", "/v1/keys/{id}", "/v1/keys/{none}", "", May("keys.manage"), 404),
    ("POST", "/v1/keys/{id}/rotation", "/v1/keys/{none}/rotation", "{}", May("keys.manage"), 404),
    ("GET", "/v1/ledger", "/v1/ledger", "", May("audit.verify"), 200),
    ("GET", "/v1/ledger/consistency", "/v1/ledger/consistency?from=1", "", May("audit.verify"), 200),
    ("POST", "/v1/links", "/v1/links", "{}", May("audit.read"), 400),
    ("GET", "/v1/links/{slug}", "/v1/links/none", "", May("audit.read"), 404),
    ("GET", "/v1/mail", "/v1/mail", "", Everywhere("settings.manage"), 200),
    ("POST", "/v1/mail/test", "/v1/mail/test", r#"{"to":"ops@example.com"}"#, Everywhere("settings.manage"), 409),
    ("GET", "/v1/mappings", "/v1/mappings", "", Either("settings.manage", "events.send"), 200),
    ("GET", "/v1/mappings/{name}", "/v1/mappings/no-such", "", Either("settings.manage", "events.send"), 404),
    ("PUT", "/v1/mappings/{name}", "/v1/mappings/door", "{}", Everywhere("settings.manage"), 400),
    ("GET", "/v1/objects", "/v1/objects", "", Known, 200),
    ("POST", "/v1/password", "/v1/password", r#"{"link":"il_x","password":"x"}"#, Nothing, 404),
    ("POST", "/v1/password/reset", "/v1/password/reset", r#"{"user":"bare"}"#, Nothing, 409),
    ("GET", "/v1/profile", "/v1/profile", "", Person, 200),
    ("PATCH", "/v1/profile", "/v1/profile", "{}", Person, 200),
    ("PUT", "/v1/profile/password", "/v1/profile/password", "{}", Known, 400),
    ("PUT", "/v1/profile/second-factor", "/v1/profile/second-factor", "{}", Known, 400),
    ("POST", "/v1/profile/second-factor", "/v1/profile/second-factor", "", Person, 200),
    ("DELETE", "/v1/profile/second-factor", "/v1/profile/second-factor", "", Known, 415),
    ("GET", "/v1/providers", "/v1/providers", "", Everywhere("users.manage"), 200),
    ("PUT", "/v1/providers/{id}", "/v1/providers/none", "{}", Everything, 400),
    ("DELETE", "/v1/providers/{id}", "/v1/providers/none", "", Everywhere("users.manage"), 404),
    ("GET", "/v1/report-kinds", "/v1/report-kinds", "", May("audit.reports"), 200),
    ("GET", "/v1/report-runs", "/v1/report-runs", "", May("audit.reports"), 200),
    ("POST", "/v1/report-runs", "/v1/report-runs", "{}", May("audit.reports"), 400),
    ("GET", "/v1/report-runs/{id}", "/v1/report-runs/{none}", "", May("audit.reports"), 404),
    ("DELETE", "/v1/report-runs/{id}", "/v1/report-runs/{none}", "", May("audit.reports"), 404),
    ("POST", "/v1/report-runs/{id}/cancel", "/v1/report-runs/{none}/cancel", "", May("audit.reports"), 404),
    ("GET", "/v1/report-runs/{id}/download", "/v1/report-runs/{none}/download", "", May("audit.reports"), 404),
    ("GET", "/v1/report-runs/{id}/manifest", "/v1/report-runs/{none}/manifest", "", May("audit.reports"), 404),
    ("POST", "/v1/report-runs/{id}/link", "/v1/report-runs/{none}/link", "", May("audit.reports"), 404),
    ("GET", "/v1/reports", "/v1/reports", "", May("audit.reports"), 200),
    ("POST", "/v1/reports", "/v1/reports", "{}", May("audit.reports"), 400),
    ("POST", "/v1/reports/preview", "/v1/reports/preview", r#"{"definition":{"name":"","kind":"details","query":""}}"#, May("audit.reports"), 200),
    ("GET", "/v1/reports/{id}", "/v1/reports/{none}", "", May("audit.reports"), 404),
    ("PATCH", "/v1/reports/{id}", "/v1/reports/{none}", "{}", May("audit.reports"), 404),
    ("DELETE", "/v1/reports/{id}", "/v1/reports/{none}", "", May("audit.reports"), 404),
    ("GET", "/v1/roles", "/v1/roles", "", Everywhere("users.manage"), 200),
    ("POST", "/v1/roles", "/v1/roles", "{}", Everywhere("users.manage"), 400),
    ("PUT", "/v1/roles/{id}", "/v1/roles/{none}", "{}", Everywhere("users.manage"), 400),
    ("DELETE", "/v1/roles/{id}", "/v1/roles/{none}", "", Everywhere("users.manage"), 404),
    ("GET", "/v1/rules", "/v1/rules", "", Everywhere("settings.manage"), 200),
    ("PUT", "/v1/rules", "/v1/rules", "{}", Everywhere("settings.manage"), 400),
    ("GET", "/v1/schedules", "/v1/schedules", "", May("audit.reports"), 200),
    ("POST", "/v1/schedules", "/v1/schedules", "{}", May("audit.reports"), 400),
    ("POST", "/v1/schedules/preview", "/v1/schedules/preview", r#"{"when":"every day"}"#, May("audit.reports"), 200),
    ("GET", "/v1/schedules/{id}", "/v1/schedules/{none}", "", May("audit.reports"), 404),
    ("PATCH", "/v1/schedules/{id}", "/v1/schedules/{none}", "{}", May("audit.reports"), 404),
    ("DELETE", "/v1/schedules/{id}", "/v1/schedules/{none}", "", May("audit.reports"), 404),
    ("POST", "/v1/schedules/{id}/run", "/v1/schedules/{none}/run", "", May("audit.reports"), 404),
    ("GET", "/v1/session", "/v1/session", "", Known, 200),
    ("GET", "/v1/sessions", "/v1/sessions", "", Person, 200),
    ("DELETE", "/v1/sessions/{id}", "/v1/sessions/{none}", "", Person, 404),
    ("GET", "/v1/set-up", "/v1/set-up", "", Nothing, 200),
    ("POST", "/v1/set-up", "/v1/set-up", "{}", Nothing, 400),
    ("POST", "/v1/sign-in", "/v1/sign-in", "{}", Nothing, 400),
    ("GET", "/v1/sign-in/providers", "/v1/sign-in/providers", "", Nothing, 200),
    ("GET", "/v1/sign-in/providers/{id}", "/v1/sign-in/providers/none", "", Nothing, 404),
    ("GET", "/v1/sign-in/providers/{id}/callback", "/v1/sign-in/providers/none/callback", "", Nothing, 404),
    ("POST", "/v1/sign-out", "/v1/sign-out", "", Person, 204),
    ("GET", "/v1/stats", "/v1/stats", "", May("audit.read"), 200),
    ("GET", "/v1/tail", "/v1/tail?after={moment}&before={moment}", "", May("audit.read"), 200),
    ("GET", "/v1/tenants", "/v1/tenants", "", Known, 200),
    ("POST", "/v1/tenants", "/v1/tenants", "{}", May("tenants.manage"), 400),
    ("GET", "/v1/tenants/{name}", "/v1/tenants/{tenant}", "", Known, 200),
    ("PATCH", "/v1/tenants/{name}", "/v1/tenants/{tenant}", r#"{"display_name":null}"#, May("tenants.manage"), 200),
    ("DELETE", "/v1/tenants/{name}", "/v1/tenants/no-such", "", May("tenants.manage"), 404),
    ("GET", "/v1/users", "/v1/users", "", May("users.manage"), 200),
    ("POST", "/v1/users", "/v1/users", "{}", May("users.manage"), 400),
    ("GET", "/v1/users/{id}", "/v1/users/{user}", "", May("users.manage"), 200),
    ("PATCH", "/v1/users/{id}", "/v1/users/{user}", "{}", May("users.manage"), 200),
    ("POST", "/v1/users/{id}/link", "/v1/users/{user}/link", "", May("users.manage"), 201),
    ("POST", "/v1/users/{id}/link", "/v1/users/{user}/link", r#"{"by_mail":true}"#, May("users.manage"), 409),
    ("DELETE", "/v1/users/{id}/second-factor", "/v1/users/{user}/second-factor", "", May("users.manage"), 204),
    ("GET", "/v1/users/{id}/sessions", "/v1/users/{user}/sessions", "", May("users.manage"), 200),
    ("DELETE", "/v1/users/{id}/sessions", "/v1/users/{user}/sessions", "", May("users.manage"), 204),
    ("GET", "/v1/values/{field}", "/v1/values/actor?limit=1000", "", May("audit.read"), 200),
    ("GET", "/v1/views", "/v1/views", "", May("audit.read"), 200),
    ("POST", "/v1/views", "/v1/views", "{}", May("audit.read"), 400),
    ("GET", "/v1/views/{id}", "/v1/views/{none}", "", May("audit.read"), 404),
    ("PATCH", "/v1/views/{id}", "/v1/views/{none}", "{}", May("audit.read"), 404),
    ("DELETE", "/v1/views/{id}", "/v1/views/{none}", "", May("audit.read"), 404),
    ("PUT", "/v1/views/{id}/default", "/v1/views/{none}/default", "", May("audit.read"), 404),
    ("DELETE", "/v1/views/{id}/default", "/v1/views/{none}/default", "", May("audit.read"), 404),
];

/// Fields that values can be asked of.
const FIELDS: [&str; 9] = [
    "tenant",
    "action",
    "actor",
    "actor_tenant",
    "affected",
    "affected_tenant",
    "application",
    "reason",
    "host",
];

/// Who reads a tenant's events reads in them who its users are and which keys it has.
const OF_THE_TRAIL: &str = "audit.read";

struct World {
    _installation: Installation,
    server: Server,
    admin: Api,
    events: Vec<Sent>,
    people: Vec<Who>,
    /// Users without roles whom only some manage, and keys: the mark, the tenant, the id.
    victims: Vec<(String, &'static str, String)>,
    keys: Vec<(String, &'static str, String)>,
    /// A moment before all events, and one behind them.
    moments: [String; 2],
}

fn above(tenant: &str) -> &'static str {
    TREE.iter().find(|(name, _)| *name == tenant).map_or("", |(_, parent)| parent)
}

impl Who {
    fn may(&self, permission: &str) -> bool {
        self.permissions.contains(&permission)
    }

    fn gets_in(&self, needs: Needs) -> bool {
        match needs {
            Nothing => true,
            _ if self.kind == Kind::Nobody => false,
            Known => true,
            May(permission) => self.may(permission),
            Either(one, other) => self.may(one) || self.may(other),
            Everywhere(permission) => self.may(permission) && self.reach == Reach::Everything,
            Everything => {
                ALL.iter().all(|permission| self.may(permission)) && self.reach == Reach::Everything
            }
            Person => self.kind == Kind::Person,
            Key(permission) => self.kind == Kind::Key && self.may(permission),
        }
    }

    fn reaches(&self, tenant: &str) -> bool {
        match &self.reach {
            Reach::Everything => true,
            Reach::Nothing => false,
            Reach::Tenants(roots) => roots.iter().any(|root| *root == tenant || *root == above(tenant)),
        }
    }

    fn reads(&self, event: &Sent) -> bool {
        self.may("audit.read") && (self.reaches(event.tenant) || self.oneself && event.of_selfie)
    }
}

/// Five events of each tenant, in turn, and three in which a user of `s1domainmk` is, of which two are recognised.
fn events() -> Vec<Sent> {
    let of = |n: usize, tenant: &'static str, actor: Option<&str>, target: Option<&str>, of_selfie| {
        let id = format!("evmk{n:02}");
        // Only who is said to be of its own tenant is meant.
        let own = |name: Option<&str>, beginning: &str| match name {
            Some(_) if of_selfie => "s1domainmk".to_owned(),
            _ => format!("{beginning}-{tenant}"),
        };
        let json = json!({
            "id": id, "tenant": tenant, "action": format!("do-{tenant}"), "details": format!("word {id}"),
            "time": format!("2026-05-01T00:{n:02}:00Z"),
            "actor": {"type": "user", "username": actor.unwrap_or(&format!("actor-{id}")), "tenant": own(actor, "own")},
            "targets": [{"type": "user", "id": target.unwrap_or(&format!("target-{id}")), "tenant": own(target, "of")}],
            "source": {"application": format!("app-{id}")}, "client": {"host": format!("host-{id}")},
            "outcome": {"result": "failure", "reason": format!("because-{id}")},
        });
        Sent { id, tenant, json, of_selfie }
    };
    let mut all: Vec<_> = (0..30).map(|n| of(n, TREE[n % 6].0, None, None, false)).collect();
    all.push(of(30, "s1domainmk", Some("selfie"), None, true));
    all.push(of(31, "southmk", None, Some("selfie"), true));
    // Whoever reads the events of the north could not tell one who is only called so.
    all.push(of(32, "n1domainmk", Some("selfie"), None, false));
    all
}

fn world() -> World {
    // No window ends while this goes on, so that nothing is told but what is asked.
    let installation = Installation::new().with("LOOKING_WINDOW_SECONDS", "3600");
    let server = installation.start();
    let admin = server.admin();
    for (name, parent) in TREE {
        let above = (!parent.is_empty()).then_some(parent);
        let tenant =
            json!({"name": name, "parent": above, "auditing": true, "external_id": format!("ext-{name}")});
        admin.write("POST", "/v1/tenants", &tenant).expect(201);
    }
    let own = |name: &str, permission: &str, reach: &str| {
        let role = json!({"name": name, "permissions": [permission], "reach": reach});
        admin.write("POST", "/v1/roles", &role).expect(201);
    };
    own("Oneself", "audit.read", "oneself");
    own("Holder", "holds.manage", "tenant");
    let audit = ["audit.read", "audit.export", "audit.reports"];
    let mut people = Vec::new();
    for (name, tenant, role, permissions, reach) in [
        ("administrator", None, "Administrator", &ALL[..], Reach::Everything),
        ("tech", None, "Tech", &ALL[1..6], Reach::Everything),
        ("white", None, "White Label Partner", &audit, Reach::Tenants(vec!["northmk"])),
        ("channel", None, "Channel Partner", &audit, Reach::Tenants(vec!["southmk"])),
        (
            "auditor",
            Some("n1domainmk"),
            "Tenant Auditor",
            &["audit.read", "audit.export", "audit.reports", "audit.verify"],
            Reach::Tenants(vec!["n1domainmk"]),
        ),
        (
            "reporter",
            Some("s1domainmk"),
            "Reporter",
            &["audit.read", "audit.reports"],
            Reach::Tenants(vec!["s1domainmk"]),
        ),
        ("selfie", Some("s1domainmk"), "Oneself", &["audit.read"], Reach::Nothing),
        ("holder", Some("n2domainmk"), "Holder", &["holds.manage"], Reach::Tenants(vec!["n2domainmk"])),
        ("bare", Some("n2domainmk"), "", &[], Reach::Nothing),
    ] {
        let territories = match (&reach, role) {
            (Reach::Tenants(roots), "White Label Partner" | "Channel Partner") => roots.clone(),
            _ => Vec::new(),
        };
        let roles =
            if role.is_empty() { json!([]) } else { json!([{"role": role, "territories": territories}]) };
        admin.user(name, tenant, &roles, PASSWORD);
        let api = admin.signed_in(name, PASSWORD);
        let (permissions, oneself) = (permissions.to_vec(), name == "selfie");
        people.push(Who { name, api, kind: Kind::Person, permissions, reach, oneself, tenant });
    }
    let mut key = |name, api, permissions: &[&'static str], reach| {
        let permissions = permissions.to_vec();
        people.push(Who { name, api, kind: Kind::Key, permissions, reach, oneself: false, tenant: None });
    };
    let north = || Reach::Tenants(vec!["northmk"]);
    key("key that sends", admin.key(&ALL[..1], &["northmk"]), &ALL[..1], north());
    let reads = admin.key(&ALL[1..2], &["s2domainmk"]);
    key("key that reads", reads, &ALL[1..2], Reach::Tenants(vec!["s2domainmk"]));
    key("key of a partner", admin.key(&ALL, &["northmk"]), &ALL, north());
    let users = &["users.manage"];
    key("key that manages users", admin.key_everywhere(users), users, Reach::Everything);
    key("key over everything", admin.key_everywhere(&ALL), &ALL, Reach::Everything);
    key("administrator's key", admin.clone(), &ALL, Reach::Everything);
    let revoked =
        admin.write("POST", "/v1/keys", &json!({"name": "r", "permissions": ALL, "reach": "everything"}));
    let revoked = revoked.expect(201).json();
    let path = format!("/v1/keys/{}", revoked["id"].as_str().unwrap());
    admin.request("DELETE", &path, &[], b"").expect(204);
    let ended = admin.signed_in("administrator", PASSWORD);
    ended.request("POST", "/v1/sign-out", &[], b"").expect(204);
    for (name, api) in [
        ("nobody", server.stranger()),
        ("revoked key", admin.with_key(revoked["key"].as_str().unwrap())),
        ("ended session", ended),
    ] {
        let (kind, permissions, reach) = (Kind::Nobody, Vec::new(), Reach::Nothing);
        people.push(Who { name, api, kind, permissions, reach, oneself: false, tenant: None });
    }
    let mut victims = Vec::new();
    let mut keys = Vec::new();
    for (n, tenant) in ["n1domainmk", "s1domainmk"].into_iter().enumerate() {
        let mark = format!("usermk{n:02}");
        let new = json!({"username": mark, "tenant": tenant, "email": format!("{mark}@example.com")});
        let made = admin.write("POST", "/v1/users", &new).expect(201).json();
        victims.push((mark, tenant, made["id"].as_str().unwrap().to_owned()));
        let mark = format!("keymk{n:02}");
        let new = json!({"name": mark, "permissions": ["audit.read"], "reach": {"tenants": [tenant]}});
        let made = admin.write("POST", "/v1/keys", &new).expect(201).json();
        keys.push((mark, tenant, made["id"].as_str().unwrap().to_owned()));
    }
    let moment = || admin.read("/v1/stats")["as_of"].as_str().unwrap().to_owned();
    let before = moment();
    let events = events();
    let all = Value::from_iter(events.iter().map(|event| event.json.clone()));
    admin.send(&all).expect(201);
    admin.found("", events.len() as u64);
    let moments = [before, moment()];
    World { _installation: installation, server, admin, events, people, victims, keys, moments }
}

impl World {
    fn seen_by<'w>(&'w self, who: &Who) -> Vec<&'w Sent> {
        self.events.iter().filter(|event| who.reads(event)).collect()
    }

    fn manages(&self, who: &Who, permission: &str, tenant: &str) -> bool {
        who.may(permission) && who.reaches(tenant)
    }

    /// Marks that must not stand in what `who` is answered; those that its own request names can.
    fn hidden_from(&self, who: &Who) -> Vec<String> {
        // Who reads everything reads in the installation's own chain who made whom.
        if who.may("audit.read") && who.reach == Reach::Everything {
            return Vec::new();
        }
        let seen = self.seen_by(who);
        let knows = |tenant: &str| {
            who.reaches(tenant)
                || who.tenant == Some(tenant)
                || seen.iter().any(|event| event.tenant == tenant)
        };
        let tenants = TREE.iter().map(|(name, _)| *name).filter(|name| !knows(name)).map(str::to_owned);
        let events = self.events.iter().filter(|event| !who.reads(event)).map(|event| event.id.clone());
        let users = self.victims.iter().filter(|(_, tenant, _)| !self.manages(who, "users.manage", tenant));
        let keys = self.keys.iter().filter(|(_, tenant, _)| !self.manages(who, "keys.manage", tenant));
        let marks = users.chain(keys).flat_map(|(mark, _, id)| [mark.clone(), id.clone()]);
        tenants.chain(events).chain(marks).collect()
    }

    /// What was asked, answered; counted, and searched for what must not be in it.
    #[track_caller]
    fn ask(&self, count: &mut Count, who: &Who, method: &str, path: &str, body: &str) -> Answer {
        let json = [("Content-Type", "application/json")];
        let headers = if body.is_empty() { &[][..] } else { &json[..] };
        let answer = who.api.request(method, path, headers, body.as_bytes());
        let text = format!("{:?} {}", answer.headers, answer.text());
        let of_the_trail = ["events", "feed", "tail", "stats", "histogram", "values", "reports/preview"];
        let of_the_trail = of_the_trail.iter().any(|route| path.starts_with(&format!("/v1/{route}")));
        for mark in &count.hidden[who.name] {
            if of_the_trail && self.tells_of(who, mark) {
                continue;
            }
            if text.contains(mark.as_str()) && !path.contains(mark.as_str()) && !body.contains(mark.as_str())
            {
                count.leaks.push(format!("{} {method} {path}: {mark} in {text}", who.name));
            }
        }
        count.asked += 1;
        answer
    }

    /// Whether events that `who` may read tell of the user or key of this mark.
    fn tells_of(&self, who: &Who, mark: &str) -> bool {
        let mut things = self.victims.iter().chain(&self.keys);
        things
            .any(|(name, tenant, id)| (name == mark || id == mark) && self.manages(who, OF_THE_TRAIL, tenant))
    }

    fn count(&self) -> Count {
        let hidden = self.people.iter().map(|who| (who.name, self.hidden_from(who))).collect();
        Count { hidden, asked: 0, leaks: Vec::new() }
    }

    /// The address with what is `who`'s own; `None` where something has nothing to stand for.
    fn own(&self, who: &Who, path: &str) -> Option<String> {
        let mut path = path.replace("{none}", NO_ID).replace("{moment}", &self.moments[1]);
        if path.contains("{event}") {
            path = path.replace("{event}", &self.seen_by(who).first()?.id);
        }
        if path.contains("{tenant}") {
            path =
                path.replace("{tenant}", TREE.iter().map(|(name, _)| *name).find(|name| who.reaches(name))?);
        }
        if path.contains("{user}") {
            let managed =
                self.victims.iter().find(|(_, tenant, _)| self.manages(who, "users.manage", tenant));
            path = path.replace("{user}", &managed?.2);
        }
        Some(path)
    }
}

/// Cases, and what came out that must not.
struct Count {
    hidden: BTreeMap<&'static str, Vec<String>>,
    asked: usize,
    leaks: Vec<String>,
}

impl Count {
    fn leak(&mut self, what: String) {
        self.leaks.push(what);
    }

    #[track_caller]
    fn finish(self, what: &str) {
        println!("{what}: {} cases, {} leaks", self.asked, self.leaks.len());
        assert!(self.leaks.is_empty(), "{} leaks:\n{}", self.leaks.len(), self.leaks.join("\n"));
    }
}

#[test]
fn every_route_lets_in_whom_the_table_names_and_shows_them_nothing_else() {
    let world = world();
    let document = world.admin.read("/openapi.json");
    let methods = |(route, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().keys().filter(|name| *name != "parameters");
        methods.map(|method| (method.to_uppercase(), route.clone())).collect::<Vec<_>>()
    };
    let routes: BTreeSet<_> = document["paths"].as_object().unwrap().iter().flat_map(methods).collect();
    let known: BTreeSet<_> =
        TABLE.iter().map(|(method, route, ..)| ((*method).to_owned(), (*route).to_owned())).collect();
    let missing: Vec<_> = routes.difference(&known).collect();
    assert!(
        missing.is_empty(),
        "nobody says who may use {missing:?}: add a row for each to TABLE (who gets in, and the status for who does), and to \
         attacks() whatever of another territory it can be asked for"
    );
    let gone: Vec<_> = known.difference(&routes).collect();
    assert!(gone.is_empty(), "{gone:?} stand in TABLE and not in the document: remove them");

    let mut count = world.count();
    let mut wrong = Vec::new();
    // A session that was ended asks nothing more.
    let (last, rest): (Vec<_>, Vec<_>) =
        TABLE.iter().copied().partition(|(_, route, ..)| *route == "/v1/sign-out");
    for (method, route, path, body, needs, status) in rest.into_iter().chain(last) {
        for who in &world.people {
            let own = world.own(who, path);
            let expected = match (who.gets_in(needs), who.kind, &own) {
                (false, Kind::Nobody, _) => 401,
                (false, ..) => 403,
                (true, _, Some(_)) => status,
                (true, _, None) => 404,
            };
            let path = own.unwrap_or_else(|| {
                path.replace("{event}", "none").replace("{tenant}", "none").replace("{user}", NO_ID)
            });
            let answer = world.ask(&mut count, who, method, &path, body);
            if answer.status != expected {
                let (name, got) = (who.name, answer.status);
                wrong.push(format!(
                    "{name}: {method} {route} is {got}, expected {expected}: {}",
                    answer.text()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    count.finish("routes x principals");
}

#[test]
fn no_route_is_changed_by_what_another_site_makes_a_browser_send() {
    let world = world();
    let is_administrator = |who: &&Who| who.kind == Kind::Person && who.permissions == ALL;
    let administrator = world.people.iter().find(is_administrator).unwrap();
    let wrong_token = administrator.api.with_header("X-CSRF-Token", "0000");
    let cross_site = administrator.api.with_header("Sec-Fetch-Site", "cross-site");
    let headers = [("Content-Type", "application/json")];
    let mut tried = 0;
    for (method, route, path, body, needs, _) in TABLE.iter().copied().filter(|row| row.0 != "GET") {
        let path = path.replace("{event}", "none").replace("{tenant}", "northmk").replace("{user}", NO_ID);
        let path = path.replace("{none}", NO_ID);
        // Where nobody needs to be signed in there is no token.
        let forged = [Some(&cross_site), (!matches!(needs, Nothing)).then_some(&wrong_token)];
        for api in forged.into_iter().flatten() {
            let answer = api.request(method, &path, &headers, body.as_bytes());
            assert_eq!(answer.status, 403, "{method} {route}: {}", answer.text());
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried}");
    assert_eq!(administrator.api.read("/v1/session")["kind"], "user", "nothing was signed out");
}

/// A request for something of another territory: method, address, body, with `{}` where it is named.
type Attack = (&'static str, String, String);

/// What is named in an attack.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Thing {
    Event,
    /// A tenant, by who may read it.
    Tenant,
    /// A tenant, by who may know it.
    Known,
    User,
    Key,
    /// Somebody who is in events.
    Actor,
}

#[rustfmt::skip]
fn attacks() -> Vec<(Thing, Attack)> {
    let get = |path: &str| ("GET", path.to_owned(), String::new());
    let write = |method, path: &str, body: &str| (method, path.to_owned(), body.to_owned());
    let mut all = Vec::new();
    for suffix in ["", "/original", "/proof"] {
        all.push((Thing::Event, get(&format!("/v1/events/{{}}{suffix}"))));
        for (name, _) in TREE {
            all.push((Thing::Event, get(&format!("/v1/events/{{}}{suffix}?tenant={name}"))));
        }
        all.push((Thing::Tenant, get(&format!("/v1/events/evmk00{suffix}?tenant={{}}"))));
        all.push((Thing::Tenant, get(&format!("/v1/events/evmk04{suffix}?tenant={{}}"))));
    }
    let questions = [
        (Thing::Event, vec!["id={}", "q={}", "filter=id+eq+%22{}%22", "filter=id+sw+%22{}%22", "host=host-{}", "reason=because-{}"]),
        (Thing::Actor, vec!["user={}", "actor={}", "affected={}", "actor=!{}", "filter=actor.username+eq+%22{}%22"]),
        (Thing::Tenant, vec![
            "tenant={}", "tenant=!{}", "tenant={}&tenant=northmk", "involves_tenant={}", "actor_tenant={}",
            "affected_tenant={}", "filter=tenant+eq+%22{}%22", "filter=not+(tenant+eq+%22{}%22)", "filter=tenant+sw+%22{}%22",
        ]),
    ];
    for (thing, filters) in questions {
        for filter in filters {
            for explain in ["", "&explain=true"] {
                all.push((thing, get(&format!("/v1/events?limit=1000&total=true&{filter}{explain}"))));
                all.push((thing, get(&format!("/v1/stats?{filter}{explain}"))));
                all.push((thing, get(&format!("/v1/histogram?by=actor&{filter}{explain}"))));
                all.push((thing, get(&format!("/v1/values/actor?{filter}{explain}"))));
                all.push((thing, get(&format!("/v1/values/tenant?{filter}{explain}"))));
            }
        }
    }
    for (thing, query) in [
        (Thing::Event, "id={}"), (Thing::Event, "q={}"), (Thing::Actor, "user={}"), (Thing::Actor, "actor=!{}"),
        (Thing::Tenant, "tenant={}"), (Thing::Tenant, "tenant=!{}"), (Thing::Tenant, "involves_tenant={}"),
    ] {
        for kind in ["details", "activity"] {
            let body = format!(r#"{{"definition":{{"name":"","kind":"{kind}","query":"{query}"}}}}"#);
            all.push((thing, write("POST", "/v1/reports/preview", &body)));
        }
    }
    for field in FIELDS {
        all.push((Thing::Tenant, get(&format!("/v1/values/{field}?prefix={{}}"))));
        all.push((Thing::Tenant, get(&format!("/v1/values/{field}?tenant={{}}"))));
        all.push((Thing::Event, get(&format!("/v1/values/{field}?prefix=actor-{{}}"))));
        all.push((Thing::Event, get(&format!("/v1/values/{field}?prefix=app-{{}}"))));
    }
    all.extend([
        (Thing::Known, get("/v1/tenants/{}")),
        (Thing::Known, get("/v1/tenants?external_id=ext-{}")),
        (Thing::Known, write("PATCH", "/v1/tenants/{}", r#"{"display_name":"ha"}"#)),
        (Thing::Known, write("PATCH", "/v1/tenants/{}", r#"{"auditing":false}"#)),
        (Thing::Known, write("PATCH", "/v1/tenants/{}", r#"{"parent":"northmk"}"#)),
        (Thing::Known, write("PATCH", "/v1/tenants/n1domainmk", r#"{"parent":"{}"}"#)),
        (Thing::Known, write("DELETE", "/v1/tenants/{}", "")),
        (Thing::Known, write("POST", "/v1/tenants", r#"{"name":"new","parent":"{}"}"#)),
        (Thing::Known, write("POST", "/v1/events", r#"{"tenant":"{}","action":"a"}"#)),
        (Thing::Known, write("POST", "/v1/events", r#"[{"tenant":"{}","action":"a"},{"tenant":"{}","action":"b"}]"#)),
        (Thing::Known, write("POST", "/v1/keys", r#"{"name":"n","permissions":["audit.read"],"reach":{"tenants":["{}"]}}"#)),
        (Thing::Known, write("POST", "/v1/keys", r#"{"name":"n","permissions":["audit.read"],"reach":{"tenants":["northmk"]},"default_tenant":"{}"}"#)),
        (Thing::Known, write("POST", "/v1/users", r#"{"username":"new","tenant":"{}"}"#)),
        (Thing::Known, write("POST", "/v1/users", r#"{"username":"new","tenant":"n1domainmk","roles":[{"role":"White Label Partner","territories":["{}"]}]}"#)),
        (Thing::Known, write("POST", "/v1/views", r#"{"name":"n","query":"q=a","shared_with":{"kind":"tenant","name":"{}"}}"#)),
        (Thing::Known, write("POST", "/v1/views", r#"{"name":"n","query":"tenant={}","shared_with":{"kind":"tenant","name":"{}"}}"#)),
        (Thing::Known, write("POST", "/v1/views", r#"{"name":"n","query":"","shared_with":{"kind":"role","name":"{}"}}"#)),
        (Thing::Known, write("POST", "/v1/reports", r#"{"name":"n","kind":"details","query":"","shared_with":{"kind":"tenant","name":"{}"}}"#)),
        (Thing::Known, write("POST", "/v1/reports", r#"{"name":"n","kind":"details","query":"tenant={}","shared_with":{"kind":"tenant","name":"{}"}}"#)),
        (Thing::Known, write("POST", "/v1/links", r#"{"query":"tenant={}&colour=red"}"#)),
        (Thing::Key, write("DELETE", "/v1/keys/{}", "")),
        (Thing::Key, write("POST", "/v1/keys/{}/rotation", "{\"overlap_seconds\":0}")),
        (Thing::User, get("/v1/users/{}")),
        (Thing::User, write("PATCH", "/v1/users/{}", r#"{"state":"disabled"}"#)),
        (Thing::User, write("PATCH", "/v1/users/{}", r#"{"tenant":"n1domainmk"}"#)),
        (Thing::User, write("PATCH", "/v1/users/{}", r#"{"roles":[]}"#)),
        (Thing::User, write("POST", "/v1/users/{}/link", "")),
        (Thing::User, write("POST", "/v1/users/{}/link", r#"{"by_mail":true}"#)),
        (Thing::User, write("DELETE", "/v1/users/{}/second-factor", "")),
        (Thing::User, get("/v1/users/{}/sessions")),
        (Thing::User, write("DELETE", "/v1/users/{}/sessions", "")),
        (Thing::User, write("DELETE", "/v1/sessions/{}", "")),
    ]);
    all
}

/// What an answer says, without what differs between any two answers, and with the name of what was asked for taken out.
fn said(answer: &Answer, named: &str) -> (u16, Vec<String>, Value) {
    const OTHER: [&str; 5] = ["x-request-id", "date", "server-timing", "content-length", "link"];
    let headers = answer.headers.iter().filter(|(name, _)| !OTHER.contains(&name.as_str()));
    let mut headers: Vec<_> =
        headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    headers.sort();
    let mut body: Value = serde_json::from_str(&answer.text().replace(named, "NAMED")).unwrap_or(Value::Null);
    for member in ["instance", "as_of", "complete_through", "next", "prev"] {
        if let Some(value) = body.get_mut(member) {
            *value = Value::from(!value.is_null());
        }
    }
    if let Some(cost) = body.pointer_mut("/cost/elapsed_ms") {
        *cost = Value::Null;
    }
    (answer.status, headers, body)
}

impl World {
    /// Things of this sort with what they are called, and another name of the same length that nothing has.
    fn foreign(&self, who: &Who, thing: Thing) -> Vec<(String, String)> {
        let tenants = |hidden: &dyn Fn(&str) -> bool| {
            let names = TREE.iter().map(|(name, _)| *name).filter(|name| hidden(name));
            names.map(|name| (name.to_owned(), format!("{}xx", &name[..name.len() - 2]))).collect::<Vec<_>>()
        };
        let unmanaged = |list: &[(String, &str, String)], permission: &str| {
            let foreign = list.iter().filter(|(_, tenant, _)| !self.manages(who, permission, tenant));
            foreign.map(|(_, _, id)| (id.clone(), NO_ID.to_owned())).collect()
        };
        match thing {
            Thing::Event => {
                let hidden = self.events.iter().filter(|event| !who.reads(event));
                // One of each tenant is enough.
                hidden.take(7).map(|event| (event.id.clone(), "evmk99".to_owned())).collect()
            }
            Thing::Actor => {
                let hidden = self.events.iter().filter(|event| !who.reads(event)).take(7);
                let names = hidden.map(|event| (format!("actor-{}", event.id), "actor-evmk99".to_owned()));
                let victims =
                    self.victims.iter().filter(|(_, tenant, _)| !self.manages(who, OF_THE_TRAIL, tenant));
                names.chain(victims.map(|(mark, ..)| (mark.clone(), "usermk99".to_owned()))).collect()
            }
            // Of one's own events the tenants' names are known.
            Thing::Tenant => tenants(&|name| {
                let named = |event: &&Sent| event.json.to_string().contains(name);
                !(self.seen_by(who).iter().any(named) || who.may("audit.read") && who.reaches(name))
            }),
            Thing::Known => tenants(&|name| !who.reaches(name)),
            Thing::User => unmanaged(&self.victims, "users.manage"),
            Thing::Key => unmanaged(&self.keys, "keys.manage"),
        }
    }
}

#[test]
fn what_lies_outside_the_reach_is_answered_like_what_does_not_exist() {
    let world = world();
    let mut count = world.count();
    let attacks = attacks();
    for who in world.people.iter().filter(|who| who.reach != Reach::Everything) {
        for (thing, (method, path, body)) in &attacks {
            for (foreign, absent) in world.foreign(who, *thing) {
                // Somebody to whom nothing is open at all is asked once each.
                if who.kind == Kind::Nobody && foreign != "southmk" && *thing == Thing::Tenant {
                    continue;
                }
                let mut asked = |named: &str| {
                    let (path, body) = (path.replace("{}", named), body.replace("{}", named));
                    said(&world.ask(&mut count, who, method, &path, &body), named)
                };
                let (there, nowhere) = (asked(&foreign), asked(&absent));
                if there != nowhere {
                    let (name, path) = (who.name, path.replace("{}", &foreign));
                    count.leak(format!("{name}: {method} {path} {body}\n  {there:?}\n  {nowhere:?}"));
                } else if !(matches!(there.0, 200 | 400 | 401 | 403 | 404) || path.starts_with("/v1/users")) {
                    count.leak(format!("{}: {method} {path} {body} is {}", who.name, there.0));
                }
            }
        }
    }
    // Whatever was tried, it is all there still.
    for (list, path) in [(&world.victims, "/v1/users"), (&world.keys, "/v1/keys")] {
        let shown = world.admin.read(path);
        for (mark, _, id) in list {
            let found = shown["data"].as_array().unwrap().iter().find(|item| item["id"] == id.as_str());
            let found = found.unwrap_or_else(|| panic!("{mark} is gone"));
            assert!(found["revoked_at"].is_null() && found["state"] != "disabled", "{found}");
        }
    }
    for (name, parent) in TREE {
        let tenant = world.admin.read(&format!("/v1/tenants/{name}"));
        assert_eq!(
            (&tenant["display_name"], tenant["parent"].as_str().unwrap_or("")),
            (&Value::Null, parent)
        );
    }
    count.finish("attacks, each beside its twin");
}

/// The value of a field that has one.
fn value_of(event: &Sent, field: &str) -> Option<String> {
    let pointer = match field {
        "tenant" => "/tenant",
        "action" => "/action",
        "actor" => "/actor/username",
        "actor_tenant" => "/actor/tenant",
        "affected" => "/targets/0/id",
        "affected_tenant" => "/targets/0/tenant",
        "application" => "/source/application",
        "reason" => "/outcome/reason",
        "host" => "/client/host",
        _ => return None,
    };
    event.json.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

/// A question and which events it means, beside those of a tenant.
type Means = fn(&Sent) -> bool;

const QUESTIONS: [(&str, Means); 5] = [
    ("", |_| true),
    ("&q=word", |_| true),
    ("&action=!do-southmk", |event| event.tenant != "southmk"),
    ("&user=selfie", |event| ["evmk30", "evmk31", "evmk32"].contains(&event.id.as_str())),
    ("&actor=actor-evmk00&actor=actor-evmk04&actor=actor-evmk03", |event| {
        ["evmk00", "evmk03", "evmk04"].contains(&event.id.as_str())
    }),
];

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

#[test]
fn what_is_found_counted_and_suggested_is_what_a_model_of_the_reach_says() {
    let world = world();
    let mut count = world.count();
    let [before, after] = &world.moments;
    for who in world.people.iter().filter(|who| who.may("audit.read")) {
        let mut tenants = vec![""];
        tenants.extend(TREE.iter().map(|(name, _)| *name));
        for tenant in tenants {
            for (question, means) in QUESTIONS {
                let named = |event: &Sent| {
                    // A name stands for what is below it, and above the reach for nothing.
                    tenant.is_empty()
                        || who.reaches(tenant) && (event.tenant == tenant || above(event.tenant) == tenant)
                };
                let seen: Vec<_> =
                    world.seen_by(who).into_iter().filter(|event| named(event) && means(event)).collect();
                let filter = if tenant.is_empty() { String::new() } else { format!("&tenant={tenant}") };
                let query = sent(format!("{question}{filter}").trim_start_matches('&'));
                let what = format!("{} {query}", who.name);
                let mut read = |path: String| world.ask(&mut count, who, "GET", &path, "").expect(200);
                let mut newest_first: Vec<_> = seen.iter().map(|event| event.id.clone()).collect();
                newest_first.sort_by(|a, b| b.cmp(a));
                for moment in ["".to_owned(), format!("&as_of={after}")] {
                    let page = read(format!("/v1/events?limit=1000&total=true&{query}{moment}")).json();
                    assert_eq!(
                        (ids(&page), &page["total"]),
                        (newest_first.clone(), &json!(seen.len())),
                        "{what}"
                    );
                    let stats = read(format!("/v1/stats?{query}{moment}")).json();
                    let distinct: BTreeSet<_> = seen.iter().map(|event| event.tenant).collect();
                    assert_eq!(
                        (&stats["total"], &stats["tenants"]),
                        (&json!(seen.len()), &json!(distinct.len())),
                        "{what}"
                    );
                    let histogram = read(format!("/v1/histogram?interval=PT1M&{query}{moment}")).json();
                    assert_eq!(histogram["total"], seen.len(), "{what}");
                }
                let none = read(format!("/v1/stats?{query}&as_of={before}")).json();
                assert_eq!(none["total"], 0, "{what}");
                for field in FIELDS {
                    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
                    for value in seen.iter().filter_map(|event| value_of(event, field)) {
                        *expected.entry(value).or_default() += 1;
                    }
                    let values = read(format!("/v1/values/{field}?limit=1000&{query}")).json();
                    let found = values["values"].as_array().unwrap().iter();
                    let found: BTreeMap<_, _> = found
                        .map(|value| {
                            (value["value"].as_str().unwrap().to_owned(), value["count"].as_u64().unwrap())
                        })
                        .collect();
                    assert_eq!(
                        (&found, &values["distinct"]),
                        (&expected, &json!(expected.len())),
                        "{what} {field}"
                    );
                }
                let tail = read(format!("/v1/tail?{query}&after={before}&before={after}")).text();
                assert_eq!(sorted(streamed(&tail)), sorted(newest_first), "{what}");
            }
        }
        let feed = world.ask(&mut count, who, "GET", "/v1/feed?limit=1000", "").expect(200).json();
        assert_eq!(of_model(&ids(&feed)), of_ids(&world.seen_by(who)), "{}", who.name);
    }
    count.finish("questions compared with the model");
}

/// The ids of events in a stream that ended.
fn streamed(text: &str) -> Vec<String> {
    let data = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| data.contains("\"action\""));
    data.map(|data| serde_json::from_str::<Value>(data).unwrap()["id"].as_str().unwrap().to_owned()).collect()
}

fn of_model(ids: &[String]) -> Vec<String> {
    ids.iter().filter(|id| id.starts_with("evmk")).cloned().collect()
}

fn of_ids(events: &[&Sent]) -> Vec<String> {
    events.iter().map(|event| event.id.clone()).collect()
}

#[test]
fn a_cursor_of_whomever_shows_its_presenter_its_own_events_and_no_others() {
    let world = world();
    let mut count = world.count();
    let [before, after] = &world.moments;
    let query = sent("q=word");
    for theirs in world.people.iter().filter(|who| who.may("audit.read")) {
        let owned = world.seen_by(theirs);
        let Some(middle) = owned.get(owned.len() / 2) else { continue };
        // The middle of their pages, feeds and streams; times grow with the numbers of the events.
        let half = owned.iter().filter(|event| event.id >= middle.id).count();
        let page = theirs.api.read(&format!("/v1/events?{query}&limit={half}"));
        let newer = page["next"].as_str().and_then(|next| {
            theirs.api.read(&format!("/v1/events?{query}&limit=1&after={next}"))["prev"]
                .as_str()
                .map(str::to_owned)
        });
        let stream =
            theirs.api.get(&format!("/v1/tail?{query}&after={before}&before={after}")).expect(200).text();
        let cursors: Vec<_> = stream.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
        // The first one is that of the greeting.
        let place = owned.iter().position(|event| event.id == middle.id).unwrap();
        let cursor = cursors[1 + place];
        let mut feed = theirs.api.read("/v1/feed?limit=1");
        while ids(&feed).first() != Some(&middle.id) {
            feed = theirs.api.read(&format!("/v1/feed?limit=1&after={}", feed["next"].as_str().unwrap()));
        }
        let moment = page["as_of"].as_str().unwrap();
        for who in &world.people {
            let (name, of) = (who.name, theirs.name);
            let may = who.may("audit.read");
            let mut read = |path: &str| {
                let answer = world.ask(&mut count, who, "GET", path, "");
                assert_eq!(
                    answer.status == 200,
                    may,
                    "{name} with a cursor of {of}: {path}: {}",
                    answer.text()
                );
                answer
            };
            let seen = world.seen_by(who);
            let expect = |found: Vec<String>, wanted: &dyn Fn(&Sent) -> bool, what: &str| {
                let expected: Vec<_> =
                    seen.iter().filter(|event| wanted(event)).map(|event| event.id.clone()).collect();
                assert_eq!(sorted(of_model(&found)), expected, "{name} with {what} of {of}");
            };
            if let Some(next) = page["next"].as_str() {
                let answer = read(&format!("/v1/events?{query}&limit=1000&after={next}"));
                if may {
                    expect(ids(&answer.json()), &|event| event.id < middle.id, "the next page");
                }
            }
            if let Some(prev) = &newer {
                let answer = read(&format!("/v1/events?{query}&limit=1000&before={prev}"));
                if may {
                    let older = owned[place - 1].id.clone();
                    expect(ids(&answer.json()), &|event| event.id > older, "the page before");
                }
            }
            let answer = read(&format!("/v1/events?{query}&limit=1000&as_of={moment}"));
            if may {
                expect(ids(&answer.json()), &|_| true, "a moment");
            }
            for field in ["actor", "tenant"] {
                read(&format!("/v1/values/{field}?{query}&as_of={moment}"));
            }
            read(&format!("/v1/stats?{query}&as_of={moment}"));
            read(&format!("/v1/histogram?{query}&as_of={moment}"));
            let answer = read(&format!("/v1/feed?limit=1000&after={}", feed["next"].as_str().unwrap()));
            if may {
                expect(ids(&answer.json()), &|event| event.id > middle.id, "the feed");
            }
            let answer = read(&format!("/v1/tail?{query}&after={cursor}&before={after}"));
            if may {
                expect(streamed(&answer.text()), &|event| event.id > middle.id, "the stream");
            }
            let path = format!("/v1/tail?{query}&before={after}");
            let answer = who.api.request("GET", &path, &[("Last-Event-ID", cursor)], b"");
            assert_eq!(answer.status == 200, may, "{name}: {}", answer.text());
            if may {
                expect(streamed(&answer.text()), &|event| event.id > middle.id, "Last-Event-ID");
            }
        }
    }
    count.finish("cursors of everybody, presented by everybody");
}

#[test]
fn the_answer_to_somebody_elses_idempotent_request_is_not_given() {
    let world = world();
    let partner = world.people.iter().find(|who| who.name == "key of a partner").unwrap();
    let sender = world.people.iter().find(|who| who.name == "key that sends").unwrap();
    let south = world.admin.key(&["events.send"], &["southmk"]);
    let send = |api: &Api, tenant: &str| {
        let body = json!({"action": "a", "tenant": tenant, "id": "once"}).to_string();
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "the-same")];
        api.request("POST", "/v1/events", &headers, body.as_bytes())
    };
    let first = send(&partner.api, "northmk").expect(201);
    assert_eq!(first.header("idempotent-replayed"), "");
    assert_eq!(send(&partner.api, "northmk").expect(201).header("idempotent-replayed"), "true");
    // Another key of the same reach is told of the event, which it could see, and not of the request.
    assert_eq!(send(&sender.api, "northmk").header("idempotent-replayed"), "");
    let theirs = said(&send(&south, "northmk"), "northmk");
    assert_eq!(theirs, said(&send(&south, "nowhere"), "nowhere"));
    assert_eq!(theirs.0, 403);
}

#[test]
fn a_domain_that_is_moved_changes_hands_with_the_next_query() {
    let world = world();
    let of = |name: &str| world.people.iter().find(|who| who.name == name).unwrap();
    let (white, channel) = (&of("white").api, &of("channel").api);
    let theirs = |api: &Api| {
        let page = api.read(&format!("/v1/events?limit=1000&total=true&{}", sent("tenant=n1domainmk")));
        assert_eq!(page["total"], ids(&page).len());
        page["total"].as_u64().unwrap()
    };
    let in_n1 = world.events.iter().filter(|event| event.tenant == "n1domainmk").count() as u64;
    let path = format!("/v1/events?limit=1&{}", sent(""));
    let (cursor, feed) = (white.read(&path)["next"].clone(), white.read("/v1/feed?limit=3")["next"].clone());
    let (cursor, feed) = (cursor.as_str().unwrap(), feed.as_str().unwrap());
    let query = sent("");
    let mut streams = [white.tail(&query, None), channel.tail(&query, None)];
    let key = world.admin.key(&["events.send"], &["n1domainmk"]);
    for (owner, other, at, parent) in
        [(white, channel, 0, "northmk"), (channel, white, 1, "southmk"), (white, channel, 0, "northmk")]
    {
        if world.admin.read("/v1/tenants/n1domainmk")["parent"] != parent {
            world.admin.write("PATCH", "/v1/tenants/n1domainmk", &json!({"parent": parent})).expect(200);
        }
        let there = theirs(owner);
        assert!(there >= in_n1, "{parent}: {there}");
        assert_eq!(theirs(other), 0, "{parent}");
        owner.get("/v1/events/evmk01").expect(200);
        other.get("/v1/events/evmk01").refused(404, "not_found");
        owner.get("/v1/tenants/n1domainmk").expect(200);
        other.get("/v1/tenants/n1domainmk").refused(404, "not_found");
        let values = |api: &Api| api.read(&format!("/v1/values/tenant?{query}"))["values"].to_string();
        assert!(values(owner).contains("n1domainmk") && !values(other).contains("n1domainmk"), "{parent}");
        // A cursor from before, and the streams that were open all the time.
        for (api, has) in [(owner, true), (other, false)] {
            let page = api.read(&format!("/v1/events?limit=1000&{query}&after={cursor}"));
            let feed = api.read(&format!("/v1/feed?limit=1000&after={feed}"));
            for list in [page, feed] {
                let found =
                    list["data"].as_array().unwrap().iter().any(|event| event["tenant"] == "n1domainmk");
                assert_eq!(found, has, "{parent}");
            }
        }
        for tenant in ["n1domainmk", "northmk", "southmk"] {
            let sender = if tenant == "n1domainmk" { &key } else { &world.admin };
            sender.send(&event(tenant, "moved")).expect(201);
        }
        let mut next = |stream: usize, count: usize| {
            let next = (0..count).map(|_| streams[stream].next_but_heartbeats().unwrap().data);
            next.map(|event| event["tenant"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let own = if at == 0 { "northmk" } else { "southmk" };
        assert_eq!(next(at, 2), ["n1domainmk", own]);
        assert_eq!(next(1 - at, 1), [if at == 0 { "southmk" } else { "northmk" }]);
        within(LONG, "all is found", || (theirs(owner) == there + 1).then_some(()));
    }
}

#[test]
fn a_partners_session_and_key_end_at_once_in_open_streams_too() {
    let world = world();
    let key = world.admin.write(
        "POST",
        "/v1/keys",
        &json!({"name": "k", "permissions": ["audit.read"], "reach": {"tenants": ["northmk"]}}),
    );
    let key = key.expect(201).json();
    let by_key = world.admin.with_key(key["key"].as_str().unwrap());
    let by_session = world.admin.signed_in("white", PASSWORD);
    // Without the server's own, which tell that the key was revoked.
    let mut streams =
        [by_key.tail("application=!indelible", None), by_session.tail("application=!indelible", None)];
    world.admin.request("DELETE", &format!("/v1/keys/{}", key["id"].as_str().unwrap()), &[], b"").expect(204);
    by_session.request("POST", "/v1/sign-out", &[], b"").expect(204);
    for stream in &mut streams {
        assert_eq!(stream.end(), "unauthorized");
    }
    for api in [by_key, by_session] {
        for path in
            ["/v1/events", "/v1/events/evmk00", "/v1/feed", "/v1/stats", "/v1/values/tenant", "/v1/tenants"]
        {
            api.get(path).refused(401, "unauthorized");
        }
    }
    drop(world.server);
}
