//! Looking leaves a trace: whoever searches, follows or opens events is found in the trail.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::{Api, Installation, LONG, Server, event, numbered, python, texts, within};

const PASSWORD: &str = "seven green umbrellas at noon";

/// Windows of a second, two tenants with events, and a key that reads one of them.
fn world(window_seconds: &str) -> (Installation, Server, Api, Api, String) {
    let installation = Installation::new().with("LOOKING_WINDOW_SECONDS", window_seconds);
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    admin.tenant("beta");
    admin
        .send(&Value::from_iter([numbered("acme", 1), numbered("acme", 2), numbered("beta", 3)]))
        .expect(201);
    admin.found("", 3);
    let (reader, id) = reader(&admin, json!({"tenants": ["acme"]}));
    (installation, server, admin, reader, id)
}

/// A key that reads, and its id.
fn reader(admin: &Api, reach: Value) -> (Api, String) {
    let new = json!({"name": "reader", "permissions": ["audit.read"], "reach": reach});
    let made = admin.write("POST", "/v1/keys", &new).expect(201).json();
    (admin.with_key(made["key"].as_str().unwrap()), made["id"].as_str().unwrap().to_owned())
}

/// The events of looking of one kind by one actor.
fn looks(admin: &Api, kind: &str, actor: &str) -> Vec<Value> {
    let page = admin.read("/v1/events?limit=1000&application=indelible");
    let code = format!("looking.{kind}");
    let events = page["data"].as_array().unwrap().iter();
    events.filter(|event| event["action_code"] == code && event["actor"]["id"] == actor).cloned().collect()
}

/// How often something was asked for, in all events together.
pub(crate) fn asked(looks: &[Value], question: &str) -> u64 {
    let questions = looks.iter().flat_map(|look| look["parameters"]["questions"].as_array().unwrap());
    questions
        .filter(|asked| asked["question"] == question)
        .map(|asked| asked["count"].as_u64().unwrap())
        .sum()
}

/// Waits until the events of looking tell that this was asked so often, and asserts that each is of a window of its own.
#[track_caller]
fn told(admin: &Api, kind: &str, actor: &str, tenant: &str, questions: &[(&str, u64)]) -> Vec<Value> {
    let what = format!("looking.{kind} of {questions:?}");
    let found = within(LONG, &what, || {
        let looks = looks(admin, kind, actor);
        questions.iter().all(|(question, count)| asked(&looks, question) >= *count).then_some(looks)
    });
    for (question, count) in questions {
        assert_eq!(asked(&found, question), *count, "{what}: {found:?}");
    }
    let mut windows = BTreeSet::new();
    for look in &found {
        let times = &look["occurrences"];
        let second = |name: &str| times[name].as_str().unwrap()[..19].to_owned();
        assert_eq!(second("first"), second("last"), "one window: {look}");
        assert!(windows.insert(second("first")), "a second event of one window: {found:?}");
        let counts = look["parameters"]["questions"].as_array().unwrap().iter();
        let sum: u64 = counts.map(|asked| asked["count"].as_u64().unwrap()).sum();
        assert_eq!((&times["count"], &look["tenant"]), (&json!(sum), &json!(tenant)), "{look}");
    }
    found
}

#[test]
fn what_is_asked_within_a_window_is_one_event_in_the_chain_of_the_tenant_that_it_touches() {
    let (_installation, _server, admin, reader, id) = world("1");
    for _ in 0..3 {
        reader.read("/v1/events?q=one");
    }
    reader.read("/v1/events?actor=ada&total=true");
    for path in
        ["/v1/stats?user=ada&user=!bob", "/v1/histogram?by=actor&affected=100", "/v1/values/actor?prefix=gr"]
    {
        reader.read(path);
    }
    reader.read("/v1/feed");
    let mut stream = reader.tail("outcome=!failure", None);
    admin.send(&event("acme", "a")).expect(201);
    stream.event();
    told(&admin, "search", &id, "acme", &[("q=one", 3), ("actor=ada", 1)]);
    let questions = [("user=ada&user=%21bob", 1), ("affected=100&by=actor", 1), ("field=actor&prefix=gr", 1)];
    let figures = told(&admin, "figures", &id, "acme", &questions);
    told(&admin, "feed", &id, "acme", &[("", 1)]);
    told(&admin, "tail", &id, "acme", &[("outcome=%21failure", 1)]);
    // Whoever is named is a target, so that erasure finds it.
    let targets = figures.iter().flat_map(|look| look["targets"].as_array().unwrap());
    let people: BTreeSet<_> =
        targets.map(|target| (target["type"].as_str().unwrap(), target["id"].as_str().unwrap())).collect();
    assert_eq!(people, ["100", "ada", "bob", "gr"].map(|id| ("user", id)).into());
    for look in figures {
        assert_eq!(
            (&look["actor"]["type"], &look["actor"]["username"]),
            (&json!("api_key"), &json!("reader"))
        );
        assert!(look["client"]["ip"].is_string() && look["outcome"]["result"] == "success", "{look}");
    }
    // The tenant's own readers see who looked, and those of the other nothing of it.
    let seen = reader.read("/v1/events?limit=1000&filter=action_code+sw+%22looking.%22");
    assert!(seen["data"].as_array().unwrap().iter().any(|look| look["actor"]["id"] == id.as_str()), "{seen}");
    let beta = admin.key(&["audit.read"], &["beta"]);
    let seen = beta.read("/v1/events?limit=1000&application=indelible");
    assert!(seen["data"].as_array().unwrap().iter().all(|look| look["actor"]["id"] != id.as_str()), "{seen}");
}

#[test]
fn looking_at_several_tenants_at_none_or_at_one_without_auditing_is_told_in_the_installations_own_chain() {
    let (_installation, _server, admin, one, of_one) = world("1");
    admin.write("POST", "/v1/tenants", &json!({"name": "quiet", "auditing": false})).expect(201);
    let (both, of_both) = reader(&admin, json!({"tenants": ["acme", "beta"]}));
    let (all, of_all) = reader(&admin, json!("everything"));
    let (quiet, of_quiet) = reader(&admin, json!({"tenants": ["quiet"]}));
    let rows = [
        (&both, &of_both, "events", "q=all", "_installation"),
        (&both, &of_both, "stats", "tenant=%21beta", "_installation"),
        (&both, &of_both, "events", "tenant=beta", "beta"),
        // One tenant is one, however it is named.
        (&all, &of_all, "events", "tenant=acme", "acme"),
        (&all, &of_all, "stats", "tenant=ACME", "acme"),
        (&all, &of_all, "events", "tenant=acme&tenant=acme", "acme"),
        // Whoever reads acme's events must not learn of others from it.
        (&all, &of_all, "events", "tenant=acme&tenant=%21beta", "_installation"),
        (&all, &of_all, "events", "tenant=acme&actor_tenant=Beta", "_installation"),
        (&all, &of_all, "stats", "tenant=acme&involves_tenant=beta", "_installation"),
        (&all, &of_all, "events", "tenant=acme&q=what+about+beta.", "_installation"),
        (&all, &of_all, "events", "tenant=acme&user=ada%40beta", "_installation"),
        (&all, &of_all, "events", "tenant=acme&q=betamax", "acme"),
        (
            &all,
            &of_all,
            "events",
            "filter=tenant+eq+%22acme%22+and+not+%28actor.tenant+eq+%22beta%22%29",
            "_installation",
        ),
        (&all, &of_all, "events", "filter=tenant+eq+%22acme%22", "acme"),
        (&all, &of_all, "stats", "filter=tenant+eq+%22acme%22+and+action+eq+%22b%22", "acme"),
        (&all, &of_all, "events", "filter=tenant+eq+%22acme%22+or+action+eq+%22b%22", "_installation"),
        (&all, &of_all, "events", "filter=not+%28tenant+eq+%22acme%22%29", "_installation"),
        (&all, &of_all, "events", "tenant=acme&tenant=beta", "_installation"),
        (&all, &of_all, "events", "filter=tenant+eq+%22beta%22&tenant=acme", "_installation"),
        // Outside the reach is like what does not exist: nothing was touched.
        (&one, &of_one, "events", "tenant=beta", "_installation"),
        (&one, &of_one, "events", "tenant=nowhere", "_installation"),
        (&one, &of_one, "events", "filter=tenant+eq+%22beta%22", "_installation"),
        // The name of one that is not audited may be another's tomorrow.
        (&quiet, &of_quiet, "events", "q=all", "_installation"),
        (&all, &of_all, "events", "tenant=quiet", "_installation"),
    ];
    for (api, _, route, question, _) in rows {
        api.read(&format!("/v1/{route}?{question}"));
    }
    for (_, actor, route, question, tenant) in rows {
        let kind = if route == "stats" { "figures" } else { "search" };
        let told = within(LONG, question, || {
            let looks = looks(&admin, kind, actor);
            looks.into_iter().find(|look| asked(std::slice::from_ref(look), question) > 0)
        });
        assert_eq!(told["tenant"], tenant, "{question}: {told}");
    }
}

#[test]
fn who_looks_from_two_addresses_or_in_two_sessions_is_told_of_with_each() {
    let installation =
        Installation::new().with("LOOKING_WINDOW_SECONDS", "1").with("TRUSTED_PROXIES", "127.0.0.1");
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    let (reader, id) = reader(&admin, json!({"tenants": ["acme"]}));
    let addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1"];
    for address in addresses.into_iter().chain(addresses) {
        reader.with_header("X-Forwarded-For", address).read("/v1/events?q=one");
    }
    let ada = admin.user("ada", Some("acme"), &json!([{"role": "Reporter"}]), PASSWORD);
    let sessions = [admin.signed_in("ada", PASSWORD), admin.signed_in("ada", PASSWORD)];
    for session in sessions.iter().chain(&sessions) {
        session.read("/v1/events?q=one");
    }
    // How often it was asked, as the events say that have this member.
    let asked_by = |actor: &str, member: &str, value: &str| {
        within(LONG, &format!("looks of {value}"), || {
            let mut looks = looks(&admin, "search", actor);
            looks.retain(|look| look.pointer(member).and_then(Value::as_str) == Some(value));
            Some(asked(&looks, "q=one")).filter(|count| *count >= 2)
        })
    };
    for address in addresses {
        assert_eq!(asked_by(&id, "/client/ip", address), 2, "{address}");
    }
    for session in &sessions {
        let list = session.read("/v1/sessions")["data"].clone();
        let own = list.as_array().unwrap().iter().find(|listed| listed["current"] == true).unwrap();
        assert_eq!(asked_by(&ada, "/session_id", own["id"].as_str().unwrap()), 2, "{own}");
    }
}

#[test]
fn whoever_is_named_in_a_question_is_a_target_of_the_event() {
    let (_installation, _server, admin, _, _) = world("1");
    let rows = [
        ("events", "user=Ada&actor=%21bob", &["Ada", "bob"][..]),
        ("stats", "filter=actor.username+eq+%22Eve%22", &["eve"]),
        (
            "events",
            "filter=actor+in+%28%22bob%22%2C+%22cy%22%29+and+not+%28affected+eq+%221041%22%29",
            &["1041", "bob", "cy"],
        ),
        ("events", "filter=targets.name+co+%22love%22", &["love"]),
        ("events", "filter=user+eq+%22dan%22&filter=actor.id+sw+%22e%22", &["dan", "e"]),
        ("stats", "q=delete+Dee%40x.org+user", &["Dee@x.org"]),
        ("events", "filter=action+eq+%22ada%22", &[]),
    ];
    for (route, question, people) in rows {
        let (reader, id) = reader(&admin, json!({"tenants": ["acme"]}));
        reader.read(&format!("/v1/{route}?{question}"));
        let kind = if route == "stats" { "figures" } else { "search" };
        let told = told(&admin, kind, &id, "acme", &[(question, 1)]);
        let targets = told[0]["targets"].as_array().into_iter().flatten();
        let targets: Vec<_> = targets
            .map(|target| (target["type"].as_str().unwrap(), target["id"].as_str().unwrap()))
            .collect();
        let people: Vec<_> = people.iter().map(|name| ("user", *name)).collect();
        assert_eq!(targets, people, "{question}");
    }
}

#[test]
fn however_long_the_names_are_that_are_asked_for_all_questions_are_told_of() {
    let (mut installation, server, _, reader, id) = world("3600");
    // One event of all of them would be larger than events may be.
    for n in 0..40 {
        reader.read(&format!("/v1/events?user={n}{}", "x".repeat(30_000)));
    }
    server.stop();
    installation.set("LOOKING_WINDOW_SECONDS", "1");
    let server = installation.start();
    let admin = server.admin();
    within(LONG, "every question is told of", || {
        let looks = looks(&admin, "search", &id);
        let told = looks.iter().flat_map(|look| look["parameters"]["questions"].as_array().unwrap());
        let told: BTreeSet<_> = told.map(|asked| asked["question"].as_str().unwrap()).collect();
        (told.len() == 40).then_some(())
    });
}

/// The server's own events that this caller sees, and those of looking among them.
fn own_events(api: &Api) -> (Vec<Value>, Vec<Value>) {
    let page = api.read("/v1/events?limit=1000&application=indelible");
    let all = page["data"].as_array().unwrap().clone();
    let is_look = |event: &&Value| event["action_code"].as_str().unwrap().starts_with("looking.");
    let looks = all.iter().filter(is_look).cloned().collect();
    (all, looks)
}

#[test]
fn who_is_asked_about_does_not_see_who_asked_and_sees_the_own_looks() {
    let (_installation, _server, admin, reader, of_reader) = world("1");
    let (all, of_all) = self::reader(&admin, json!("everything"));
    let role = json!({"name": "Oneself", "permissions": ["audit.read"], "reach": "oneself"});
    admin.write("POST", "/v1/roles", &role).expect(201);
    let ada = admin.user("ada", Some("acme"), &json!([{"role": "Oneself"}]), PASSWORD);
    let set = json!({"email": "ada@example.com"});
    admin.write("PATCH", &format!("/v1/users/{ada}"), &set).expect(200);
    let session = admin.signed_in("ada", PASSWORD);
    let by_id = format!("affected={ada}");
    let questions = [
        "user=ada",
        "actor=ada%40example.com",
        by_id.as_str(),
        "filter=actor.username+eq+%22ada%22",
        "q=ada%40example.com",
    ];
    for api in [&reader, &all] {
        for question in questions {
            for route in ["events", "stats"] {
                api.read(&format!("/v1/{route}?{question}"));
            }
        }
        api.read("/v1/values/actor?prefix=ada");
    }
    let each_once = questions.map(|question| (question, 1_u64));
    for (actor, tenant) in [(&of_reader, "acme"), (&of_all, "_installation")] {
        for kind in ["search", "figures"] {
            let told = told(&admin, kind, actor, tenant, &each_once);
            let targets = told.iter().flat_map(|look| look["targets"].as_array().into_iter().flatten());
            let named: BTreeSet<_> = targets.map(|target| target["id"].as_str().unwrap()).collect();
            assert!(named.is_superset(&["ada", "ada@example.com", &ada].into()), "{named:?}");
            assert!(told.iter().all(|look| look["recognised"].is_null()), "{told:?}");
        }
    }
    let (events, looks) = own_events(&session);
    assert!(!events.is_empty() && looks.is_empty(), "{looks:?}");
    session.read("/v1/events?user=ada");
    let own = within(LONG, "her own looks", || {
        let (_, looks) = own_events(&session);
        (asked(&looks, "user=ada") == 1).then_some(looks)
    });
    let page = session.read("/v1/feed?limit=1000");
    let feed = page["data"].as_array().unwrap().iter();
    let feed =
        feed.filter(|event| event["action_code"].as_str().is_some_and(|it| it.starts_with("looking.")));
    for look in own.iter().chain(feed) {
        assert_eq!((&look["actor"]["id"], &look["tenant"]), (&json!(ada), &json!("_installation")), "{look}");
    }
}

#[test]
fn a_collector_that_follows_everything_comes_to_rest() {
    let (_installation, server, admin, _, _) = world("1");
    let (collector, id) = reader(&admin, json!("everything"));
    let mut next = String::new();
    let mut own = 0;
    let mut refused = 0;
    let mut seen = 0;
    // A refusal of somebody else is told when its window is over, and with it every window before.
    for round in 0..4 {
        server.stranger().get("/v1/events").refused(401, "unauthorized");
        let told = refused;
        while refused == told {
            let page = collector.read(&format!("/v1/feed?wait=60&limit=1000{next}"));
            next = format!("&after={}", page["next"].as_str().unwrap());
            for event in page["data"].as_array().unwrap() {
                seen += 1;
                own +=
                    u64::from(event["action_code"] == "looking.feed" && event["actor"]["id"] == id.as_str());
                refused += u64::from(event["action_code"] == "looking.refused");
            }
        }
        // What the collector read at first is told within the next round; from then on it reads of looking only.
        if round == 1 {
            assert!((1..=2).contains(&own), "{own} of {seen}");
            seen = 0;
            own = 0;
        }
    }
    assert_eq!(own, 0, "reading of looking was itself told of");
    assert_eq!(seen, refused.min(2), "nothing but the refusals came");
}

#[test]
fn a_page_of_looks_hides_no_count_of_other_events() {
    let (_installation, server, admin, reader, id) = world("1");
    reader.read("/v1/events?q=first");
    told(&admin, "search", &id, "acme", &[("q=first", 1)]);
    let newest = reader.read("/v1/events?limit=1");
    assert_eq!(newest["data"][0]["action_code"], "looking.search", "{newest}");
    reader.read("/v1/events?limit=1&total=true&q=user+OR+search");
    reader.read("/v1/events?limit=1&total=true");
    told(&admin, "search", &id, "acme", &[("q=first", 1), ("", 1)]);
    drop(server);
}

#[test]
fn a_look_is_there_after_kill_9_right_behind_its_answer() {
    let (mut installation, server, _, reader, id) = world("3600");
    reader.read("/v1/events?q=last");
    server.kill();
    installation.set("LOOKING_WINDOW_SECONDS", "1");
    for _ in 0..2 {
        let server = installation.start();
        let found = within(LONG, "the look from before the end", || {
            let looks = looks(&server.admin(), "search", &id);
            (!looks.is_empty()).then_some(looks)
        });
        assert_eq!((found.len(), asked(&found, "q=last")), (1, 1), "{found:?}");
        assert_eq!(found[0]["tenant"], "acme");
        server.kill();
    }
}

#[test]
fn an_event_that_is_opened_and_an_original_are_told_at_once_in_the_tenants_chain() {
    let (_installation, _server, admin, reader, id) = world("3600");
    let (all, other) = self::reader(&admin, json!("everything"));
    for (api, actor) in [(&reader, &id), (&all, &other)] {
        api.get("/v1/events/e1").expect(200);
        api.get("/v1/events/e1/original").expect(200);
        api.get("/v1/events/none").refused(404, "not_found");
        for code in ["event.open", "event.original"] {
            let told = within(LONG, code, || {
                let page = reader.read("/v1/events?limit=1000&application=indelible");
                let mut events = page["data"].as_array().unwrap().iter();
                events
                    .find(|event| event["action_code"] == code && event["actor"]["id"] == actor.as_str())
                    .cloned()
            });
            assert_eq!(
                (&told["tenant"], &told["targets"][0]["id"]),
                (&json!("acme"), &json!("e1")),
                "{told}"
            );
            assert_eq!(told["targets"][0]["type"], "event");
        }
    }
    reader.get("/v1/events/e3").refused(404, "not_found");
    let beta = admin.key(&["audit.read"], &["beta"]).read("/v1/events?limit=1000&application=indelible");
    assert!(!texts(&beta["data"], "action_code").iter().any(|code| code.starts_with("event.")), "{beta}");
}

#[test]
fn who_is_refused_is_told_by_route_and_code_and_not_by_what_was_asked() {
    let (_installation, server, admin, _, _) = world("1");
    let new = json!({"name": "sender", "permissions": ["events.send"], "reach": {"tenants": ["acme"]}});
    let made = admin.write("POST", "/v1/keys", &new).expect(201).json();
    let sender = admin.with_key(made["key"].as_str().unwrap());
    for _ in 0..2 {
        sender.get("/v1/stats?user=secretword").refused(403, "forbidden");
        server.stranger().get("/v1/events/secretword?tenant=secretword").refused(401, "unauthorized");
    }
    admin.with_key("ik_secretword").get("/v1/events?q=secretword").refused(401, "unauthorized");
    let key = made["id"].as_str().unwrap();
    let refusals = told(&admin, "refused", key, "_installation", &[("GET /v1/stats forbidden", 2)]);
    let questions = [("GET /v1/events/{id} unauthorized", 2), ("GET /v1/events unauthorized", 1)];
    let strangers = within(LONG, "refusals of strangers", || {
        let page = admin.read("/v1/events?limit=1000&application=indelible");
        let events = page["data"].as_array().unwrap().iter();
        let of_nobody =
            |event: &&Value| event["action_code"] == "looking.refused" && event["actor"].is_null();
        let looks: Vec<_> = events.filter(of_nobody).cloned().collect();
        questions.iter().all(|(question, count)| asked(&looks, question) == *count).then_some(looks)
    });
    for refusal in refusals.iter().chain(&strangers) {
        assert!(!refusal.to_string().contains("secretword"), "{refusal}");
        assert!(refusal["outcome"]["result"] == "denied" && refusal["client"]["ip"].is_string(), "{refusal}");
        assert!(refusal["targets"].is_null(), "{refusal}");
    }
}

#[test]
fn addresses_that_somebody_tries_are_told_by_route() {
    let (_installation, server, admin, reader, id) = world("1");
    // Nobody in particular may ask for what is not there.
    server.stranger().get("/v1/sign-in/providers/secretword").refused(404, "not_found");
    for path in [
        "/v1/events/secretword",
        "/v1/events/e3",
        "/v1/events/secretword/original",
        "/v1/tenants/beta",
        "/v1/tenants/secretword",
    ] {
        reader.get(path).refused(404, "not_found");
    }
    let questions = [
        ("GET /v1/events/{id} not_found", 2),
        ("GET /v1/events/{id}/original not_found", 1),
        ("GET /v1/tenants/{name} not_found", 2),
    ];
    let refusals = told(&admin, "refused", &id, "_installation", &questions);
    for refusal in &refusals {
        assert!(!refusal.to_string().contains("secretword"), "{refusal}");
        assert!(refusal["outcome"]["result"] == "denied" && refusal["targets"].is_null(), "{refusal}");
    }
    // The windows up to there are all in the trail as soon as a later one is.
    reader.get("/v1/events/secretword/proof").refused(404, "not_found");
    told(&admin, "refused", &id, "_installation", &[("GET /v1/events/{id}/proof not_found", 1)]);
    for look in own_events(&admin).1 {
        assert!(!look["parameters"].to_string().contains("/v1/sign-in"), "{look}");
    }
}

/// Somebody else's program that has the database of a running server locked, so that it can't be written.
pub(crate) struct Lock(Child);

impl Lock {
    pub(crate) fn hold(installation: &Installation) -> Self {
        let program = "import sqlite3, sys\n\
                       database = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)\n\
                       database.execute('BEGIN IMMEDIATE')\n\
                       print('locked', flush=True)\n\
                       sys.stdin.read()\n";
        let mut command = Command::new(python());
        command.args(["-c", program]).arg(installation.data().join("control.sqlite"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "locked\n");
        Self(child)
    }

    pub(crate) fn release(mut self) {
        self.0.stdin.take().unwrap().flush().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_look_that_cant_be_written_down_is_refused_and_reading_goes_on_when_it_can_be_again() {
    let (installation, _server, admin, reader, id) = world("3600");
    let mut stream = reader.tail("action=b", None);
    let lock = Lock::hold(&installation);
    admin.send(&event("acme", "b")).expect(201);
    let paths = ["/v1/events", "/v1/stats", "/v1/values/actor", "/v1/feed"];
    std::thread::scope(|scope| {
        // Of several at one time that ask the same, none is answered before it is written.
        let asking = paths.into_iter().chain(paths).map(|path| {
            scope.spawn({
                let reader = &reader;
                move || (path, reader.get(path))
            })
        });
        let asking: Vec<_> = asking.collect();
        for asked in asking {
            let (path, answer) = asked.join().unwrap();
            assert!(answer.status >= 500, "{path}: {} {}", answer.status, answer.text());
            assert!(!answer.text().contains("user.update"), "{path}: {}", answer.text());
        }
    });
    assert_eq!(stream.end(), "unavailable");
    lock.release();
    for path in paths {
        reader.read(path);
    }
    drop((admin, id));
}
