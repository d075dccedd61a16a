//! Looking leaves a trace: whoever searches, follows or opens events is found in the trail.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::{Api, Installation, LONG, Server, event, ids, numbered, python, within};

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
fn asked(looks: &[Value], question: &str) -> u64 {
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
fn looking_at_several_tenants_or_at_none_is_told_in_the_installations_own_chain() {
    let (_installation, _server, admin, one, id) = world("1");
    let (both, of_both) = reader(&admin, json!({"tenants": ["acme", "beta"]}));
    both.read("/v1/events?q=all");
    both.read("/v1/stats?tenant=!beta");
    both.read("/v1/events?tenant=beta");
    one.read("/v1/events?tenant=beta");
    one.read("/v1/events?tenant=nowhere");
    let of = |actor: &str, kind: &str, question: &str| {
        within(LONG, question, || {
            let looks = looks(&admin, kind, actor);
            looks.into_iter().find(|look| asked(std::slice::from_ref(look), question) > 0)
        })["tenant"]
            .clone()
    };
    for (actor, kind, question, tenant) in [
        (&of_both, "search", "q=all", "_installation"),
        (&of_both, "figures", "tenant=%21beta", "_installation"),
        (&of_both, "search", "tenant=beta", "beta"),
        // Outside the reach is like what does not exist: nothing was touched.
        (&id, "search", "tenant=beta", "_installation"),
        (&id, "search", "tenant=nowhere", "_installation"),
    ] {
        assert_eq!(of(actor, kind, question), tenant, "{question}");
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
    assert_eq!(ids(&beta), Vec::<String>::new());
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

/// Somebody else's program that has the database of a running server locked, so that it can't be written.
struct Lock(Child);

impl Lock {
    fn hold(installation: &Installation) -> Self {
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

    fn release(mut self) {
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
