//! Schedules: runs by themselves, the mails that carry them, what the trail and the history say of both.
//!
//! Where a test needs another time it ends the server and moves the times in its rows instead: the clock stays.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    net::TcpListener,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    part::Part,
    reports::{PASSWORD, end_of, file},
    support::{Answer, Api, Installation, LONG, Server, event, files_below, python, within},
};

const PUBLIC_URL: &str = "https://example.com/audit";
/// A mail server that says "later", and one that says no.
const LATER: &str = "451 4.7.1 greylisted, come back";
const NO: &str = "550 5.1.1 no such user here";

struct World {
    part: Part,
    installation: Installation,
    server: Option<Server>,
    admin: Api,
}

/// A mail server with these options, and an installation with three events of `acme` and two of `other` that sends there.
fn world(options: &[&str], settings: &[(&str, &str)]) -> World {
    let part = Part::start("smtp-server.mjs", options);
    let port = part.ready["port"].to_string();
    let mut installation = Installation::new();
    let own = [
        ("PUBLIC_URL", PUBLIC_URL),
        ("MAIL_FROM", "Audit trail <audit@example.com>"),
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_PORT", port.as_str()),
        ("SMTP_TLS", "none"),
    ];
    for (setting, value) in own.iter().chain(settings) {
        installation.set(setting, value);
    }
    let server = installation.start();
    let admin = server.admin();
    for (tenant, count) in [("acme", 3), ("other", 2)] {
        admin.tenant(tenant);
        let events = (0..count).map(|n| {
            let mut event = event(tenant, "change");
            event["id"] = format!("{tenant}-{n}").into();
            event
        });
        admin.send(&Value::from_iter(events)).expect(201);
    }
    admin.found("", 5);
    World { part, installation, server: Some(server), admin }
}

impl World {
    /// Ends the server, changes rows while it is down, and starts it again.
    fn again(&mut self, sql: &str) {
        self.server.take().unwrap().stop();
        alter(&self.installation, sql);
        self.start();
    }

    fn start(&mut self) {
        let server = self.installation.start();
        self.admin = server.admin();
        self.server = Some(server);
    }

    fn taken(&mut self) -> Option<Value> {
        Some(self.part.tell(&json!({"take": "mail"}))["mail"].take()).filter(|mail| !mail.is_null())
    }

    /// All mails that were taken so far, in any order.
    fn all_taken(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.taken()).collect()
    }
}

/// Changes rows of a server that is down.
fn alter(installation: &Installation, sql: &str) {
    let script =
        "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as base: base.executescript(sys.argv[2])";
    let base = installation.data().join("control.sqlite");
    let altered = Command::new(python()).args(["-c", script]).arg(base).arg(sql).status().unwrap();
    assert!(altered.success());
}

/// Makes every schedule that is enabled due in a moment, as if its time had come.
const DUE: &str =
    "UPDATE schedules SET next_run = (strftime('%s', 'now') + 1) * 1000000 WHERE next_run IS NOT NULL";
/// Makes every mail that waits due.
const MAILS_DUE: &str = "UPDATE jobs SET run_at = 1 WHERE kind = 'mail' AND state = 'queued'";

#[track_caller]
fn report(api: &Api, report: &Value) -> String {
    api.write("POST", "/v1/reports", report).expect(201).json()["id"].as_str().unwrap().to_owned()
}

fn details(name: &str) -> Value {
    json!({"name": name, "kind": "details", "query": "action=change", "columns": ["id"]})
}

fn wanted(report: &str, recipients: &[&str]) -> Value {
    // A time that never comes while a test runs.
    json!({"name": "monthly", "report": report, "format": "csv", "when": "0 6 1 1 *", "recipients": recipients})
}

#[track_caller]
fn schedule(api: &Api, wanted: &Value) -> String {
    api.write("POST", "/v1/schedules", wanted).expect(201).json()["id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn run(api: &Api, schedule: &str) -> String {
    let run = api.request("POST", &format!("/v1/schedules/{schedule}/run"), &[], b"").expect(202).json();
    assert_eq!(run["schedule"], schedule, "{run}");
    run["id"].as_str().unwrap().to_owned()
}

fn runs(api: &Api, schedule: &str) -> Vec<Value> {
    let page = api.read(&format!("/v1/report-runs?owner=all&schedule={schedule}"));
    page["data"].as_array().unwrap().clone()
}

/// The run, once none of its mails is on its way; such as wait for another attempt are `waiting` with an answer.
#[track_caller]
fn delivered(api: &Api, run: &str) -> Value {
    end_of(api, run);
    within(LONG, "every mail has an answer", || {
        let run = api.read(&format!("/v1/report-runs/{run}"));
        let on_its_way =
            |mail: &Value| mail["state"] == "waiting" && (mail["answer"].is_null() || mail["attempts"] == 0);
        (!run["deliveries"].as_array().unwrap().iter().any(on_its_way)).then_some(run)
    })
}

/// By address: how it stands, how often it was tried, and the answer.
fn deliveries(run: &Value) -> BTreeMap<&str, (&str, u64, &str)> {
    let mails = run["deliveries"].as_array().unwrap();
    let by_address: BTreeMap<_, _> = mails
        .iter()
        .map(|mail| {
            let (state, answer) = (mail["state"].as_str().unwrap(), mail["answer"].as_str().unwrap_or(""));
            (mail["to"].as_str().unwrap(), (state, mail["attempts"].as_u64().unwrap(), answer))
        })
        .collect();
    assert_eq!(by_address.len(), mails.len(), "one mail for each: {run}");
    by_address
}

/// The attachments of a mail as another program reads them: name, media type, SHA-256.
fn attachments(mail: &Value) -> Value {
    let script = "import email, email.policy, hashlib, json, sys\n\
        mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)\n\
        body = lambda part: part.get_payload(decode=True)\n\
        print(json.dumps([[part.get_filename(), part.get_content_type(), hashlib.sha256(body(part)).hexdigest()]\n\
        for part in mail.iter_attachments()]))";
    let raw: Vec<u8> =
        mail["raw"].as_str().unwrap().chars().map(|byte| u8::try_from(byte).unwrap()).collect();
    let mut read = Command::new(python())
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    read.stdin.take().unwrap().write_all(&raw).unwrap();
    serde_json::from_slice(&read.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn a_run_by_the_clock_is_told_once_and_only_if_the_mail_server_took_one() {
    let greylist = format!("later@example.com={LATER}");
    let refuse = format!("no@example.com={NO}");
    let mut world = world(&["--refuse", &refuse, "--greylist", &greylist], &[]);
    let id = report(&world.admin, &details("all changes"));
    let every_minute = |recipients: &[&str]| {
        let mut wanted = wanted(&id, recipients);
        wanted["when"] = "* * * * *".into();
        (schedule(&world.admin, &wanted), wanted)
    };
    let (ada, bo, no, later) = ("ada@example.com", "bo@example.com", "no@example.com", "later@example.com");
    let several = every_minute(&[ada, no, bo]);
    let refused = every_minute(&[no]);
    let greylisted = every_minute(&[later]);
    let nobody = every_minute(&[]);
    let all = [&several, &refused, &greylisted, &nobody];
    let shown = world.admin.read(&format!("/v1/schedules/{}", several.0));
    assert_eq!(
        (&shown["enabled"], &shown["stopped"], &shown["cron"]),
        (&json!(true), &Value::Null, &json!("* * * * *"))
    );
    let begun = world.admin.clone();
    within(LONG * 2, "the minute is over", || {
        all.iter().all(|(id, _)| !runs(&begun, id).is_empty()).then_some(())
    });
    for (id, wanted) in all {
        let mut paused = wanted.clone();
        paused["enabled"] = false.into();
        world.admin.write("PATCH", &format!("/v1/schedules/{id}"), &paused).expect(200);
    }
    let mut sent = 0;
    for ((schedule, _), expected) in [
        (&several, vec![(ada, "sent", ""), (bo, "sent", ""), (no, "failed", &NO[4..])]),
        (&refused, vec![(no, "failed", &NO[4..])]),
        (&greylisted, vec![(later, "waiting", &LATER[4..])]),
        (&nobody, vec![]),
    ] {
        // One a minute, if another minute ended meanwhile.
        for (n, run) in runs(&world.admin, schedule).into_iter().rev().enumerate() {
            let id = run["id"].as_str().unwrap();
            let run = delivered(&world.admin, id);
            assert_eq!((&run["state"], &run["file"]["rows"]), (&json!("completed"), &json!(5)), "{run}");
            let found = deliveries(&run);
            for (to, state, answer) in &expected {
                let (is, attempts, said) = found[to];
                // Who was greylisted once is known by then.
                assert!(n > 0 || is == *state && attempts == 1 && said.contains(answer), "{to}: {run}");
            }
            assert_eq!(found.len(), expected.len(), "{run}");
            let told = world.admin.read("/v1/events?application=indelible&limit=1000");
            let told = told["data"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|told| told["action_code"] == "report.send" && told["targets"][0]["id"] == id);
            let expected = usize::from(found.values().any(|(state, ..)| *state == "sent"));
            assert_eq!(told.count(), expected, "{run}");
            sent += expected;
        }
    }
    assert!(sent > 0);
    let told = world.admin.told("report.send", sent);
    assert_eq!(told[0]["parameters"]["recipients"], 3, "{}", told[0]);
    assert_eq!(told[0]["tenant"], "_installation", "it is of two tenants");
    world.admin.told("report.run", 0);
    world.admin.told("report.download", 0);
    assert!(world.all_taken().len() >= 2);
}

#[test]
fn each_recipient_gets_a_mail_of_its_own_with_the_file_and_nothing_of_the_others() {
    let mut world = world(&[], &[]);
    let name = "Changes <b onmouseover=x>&</b> \"März\"";
    let id = report(&world.admin, &details(name));
    let mut wanted = wanted(&id, &["ada@example.com", "BO@example.com", "ada@EXAMPLE.com"]);
    wanted["name"] = "every <i>month</i>".into();
    for (format, media) in [
        ("csv", "text/csv"),
        ("html", "text/html"),
        ("pdf", "application/pdf"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ] {
        wanted["format"] = format.into();
        let schedule = schedule(&world.admin, &wanted);
        let run = run(&world.admin, &schedule);
        let run = delivered(&world.admin, &run);
        let states: Vec<_> = deliveries(&run).into_iter().collect();
        assert_eq!(states, [("BO@example.com", ("sent", 1, "")), ("ada@example.com", ("sent", 1, ""))]);
        let sha256 = run["file"]["sha256"].as_str().unwrap();
        file(&world.admin, &run);
        let mails = world.all_taken();
        assert_eq!(mails.len(), 2);
        let mut to = BTreeSet::new();
        for mail in &mails {
            let envelope = mail["envelope"]["to"].as_array().unwrap();
            assert_eq!(envelope.len(), 1, "{envelope:?}");
            let address = envelope[0].as_str().unwrap();
            to.insert(address.to_owned());
            let raw = mail["raw"].as_str().unwrap();
            let other = if address.starts_with("BO") { "ada@" } else { "BO@" };
            assert!(!raw.contains(other), "{raw}");
            assert_eq!(mail["subject"], format!("{name} - Audit trail"));
            assert_eq!(mail["from"]["address"], "audit@example.com");
            let (text, html) = (mail["text"].as_str().unwrap(), mail["html"].as_str().unwrap());
            assert!(
                text.contains(name) && text.contains("It has 5 rows.") && text.contains(sha256),
                "{text}"
            );
            assert!(text.contains("every <i>month</i>") && text.contains(PUBLIC_URL), "{text}");
            assert!(html.contains("&lt;b onmouseover=x&gt;") && html.contains("&lt;i&gt;month"), "{html}");
            assert!(!html.contains("<b ") && !html.contains("<i>") && html.contains(sha256), "{html}");
            let expected = json!([[run["file"]["name"], media, sha256]]);
            assert_eq!(attachments(mail), expected, "{format}");
        }
        assert_eq!(to, ["BO@example.com".to_owned(), "ada@example.com".to_owned()].into());
        // Asked for by hand: that is told, and the sending is not.
        world.admin.delete(&format!("/v1/schedules/{schedule}")).expect(204);
    }
    world.admin.told("report.run", 4);
    world.admin.told("report.send", 0);
    world.admin.told("report.download", 4);
    wanted["subject"] = "Für den Prüfer: Änderungen".into();
    let schedule = schedule(&world.admin, &wanted);
    delivered(&world.admin, &run(&world.admin, &schedule));
    assert_eq!(world.taken().unwrap()["subject"], "Für den Prüfer: Änderungen");
}

#[test]
fn a_file_that_is_too_large_for_a_mail_is_behind_a_link_as_long_as_its_owner_may_have_it() {
    let mut world = world(&[], &[("MAIL_ATTACHMENT_BYTES_MAX", "0")]);
    let auditor = json!([{"role": "Tenant Auditor", "territories": []}]);
    let ada = world.admin.user("ada", Some("acme"), &auditor, PASSWORD);
    let owner = world.admin.signed_in("ada", PASSWORD);
    let schedule = schedule(&owner, &wanted(&report(&owner, &details("changes")), &["x@example.com"]));
    let run = delivered(&owner, &run(&owner, &schedule));
    let mail = world.taken().unwrap();
    assert_eq!(attachments(&mail), json!([]));
    let text = mail["text"].as_str().unwrap();
    let link = text.lines().find_map(|line| line.strip_prefix(PUBLIC_URL)).unwrap();
    assert!(mail["html"].as_str().unwrap().contains(link), "{mail}");
    let nobody = world.server.as_ref().unwrap().stranger();
    let found = nobody.get(link).expect(200);
    assert_eq!(found.header("x-sha256"), run["file"]["sha256"].as_str().unwrap());
    assert!(found.text().contains("acme-0") && !found.text().contains("other"), "{}", found.text());
    world.admin.told("report.download", 1);
    world.admin.write("PATCH", &format!("/v1/users/{ada}"), &json!({"state": "disabled"})).expect(200);
    nobody.get(link).refused(404, "not_found");
    world.admin.write("PATCH", &format!("/v1/users/{ada}"), &json!({"state": "active"})).expect(200);
    nobody.get(link).expect(200);
    world.admin.write("PATCH", &format!("/v1/users/{ada}"), &json!({"roles": []})).expect(200);
    nobody.get(link).refused(404, "not_found");
}

#[test]
fn without_mail_a_run_by_the_clock_is_made_and_told_by_nobody() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    let id = report(&admin, &details("changes"));
    let schedule = schedule(&admin, &wanted(&id, &["ada@example.com", "bo@example.com"]));
    server.stop();
    alter(&installation, DUE);
    let server = installation.start();
    let admin = server.admin();
    let begun = within(LONG, "a run", || runs(&admin, &schedule).first().cloned());
    let run = delivered(&admin, begun["id"].as_str().unwrap());
    let answer = ("failed", 1, "mail is not set up on this server");
    let states: Vec<_> = deliveries(&run).into_values().collect();
    assert_eq!(states, [answer, answer], "{run}");
    assert_eq!(run["state"], "completed");
    admin.told("schedule.create", 1);
    for code in ["report.send", "report.run", "schedule.stop"] {
        admin.told(code, 0);
    }
}

#[test]
fn what_was_missed_is_made_up_for_once_and_a_clock_that_was_wrong_is_forgotten() {
    let mut world = world(&[], &[]);
    let id = report(&world.admin, &details("changes"));
    let mut minutely = wanted(&id, &["ada@example.com"]);
    minutely["when"] = "* * * * *".into();
    let minutely = schedule(&world.admin, &minutely);
    let yearly = schedule(&world.admin, &wanted(&id, &[]));
    let expected = world.admin.read(&format!("/v1/schedules/{yearly}"))["next_run_at"].clone();
    // Four days without a server: 5,760 runs that were not made.
    world.again(
        "UPDATE schedules SET next_run = next_run - 4 * 86400000000 WHERE timing = '* * * * *';
         UPDATE schedules SET next_run = next_run + 366 * 86400000000 WHERE timing <> '* * * * *'",
    );
    let run = within(LONG, "a run", || runs(&world.admin, &minutely).last().cloned());
    let run = delivered(&world.admin, run["id"].as_str().unwrap());
    assert!(
        runs(&world.admin, &minutely).len() <= 2,
        "one, and perhaps that of a minute that ended meanwhile"
    );
    world.admin.told("report.send", runs(&world.admin, &minutely).len());
    // It is about the moment at which it was due.
    assert_eq!(run["file"]["rows"], 0, "nothing had happened by then: {run}");
    // A next time that was reckoned with a clock a year ahead.
    within(LONG, "the times are right again", || {
        (world.admin.read(&format!("/v1/schedules/{yearly}"))["next_run_at"] == expected).then_some(())
    });
    assert!(runs(&world.admin, &yearly).is_empty());
}

#[test]
fn a_mail_that_waits_survives_the_server_and_is_sent_once() {
    let greylist = format!("later@example.com={LATER}");
    let mut world = world(&["--greylist", &greylist], &[]);
    let id = report(&world.admin, &details("changes"));
    let schedule = schedule(&world.admin, &wanted(&id, &["later@example.com", "ada@example.com"]));
    world.again(DUE);
    let begun = within(LONG, "a run", || runs(&world.admin, &schedule).first().cloned());
    let id = begun["id"].as_str().unwrap();
    let run = delivered(&world.admin, id);
    let waiting = deliveries(&run)["later@example.com"];
    assert_eq!((waiting.0, waiting.1), ("waiting", 1), "{run}");
    assert!(waiting.2.contains(&LATER[4..]), "{run}");
    world.admin.told("report.send", 1);
    // Not before its time, and not for a clock that was a year ahead.
    world.again(
        "UPDATE jobs SET run_at = run_at + 366 * 86400000000 WHERE kind = 'mail' AND state = 'queued'",
    );
    let run = within(LONG, "the mail is sent", || {
        let run = world.admin.read(&format!("/v1/report-runs/{id}"));
        run["deliveries"].as_array().unwrap().iter().all(|mail| mail["state"] == "sent").then_some(run)
    });
    assert_eq!(deliveries(&run)["later@example.com"], ("sent", 2, ""), "{run}");
    assert_eq!(world.all_taken().len(), 2);
    world.admin.told("report.send", 1);
    assert_eq!(runs(&world.admin, &schedule).len(), 1);
}

#[test]
fn mails_that_wait_do_not_go_to_whom_the_schedule_no_longer_names() {
    let lists = ["a@example.com", "b@example.com", "c@example.com"].map(|to| format!("{to}={LATER}"));
    let options: Vec<_> = lists.iter().flat_map(|list| ["--greylist", list.as_str()]).collect();
    let mut world = world(&options, &[]);
    let id = report(&world.admin, &details("changes"));
    let kept = wanted(&id, &["a@example.com", "b@example.com"]);
    let (changed, deleted) =
        (schedule(&world.admin, &kept), schedule(&world.admin, &wanted(&id, &["c@example.com"])));
    let first = run(&world.admin, &changed);
    let second = run(&world.admin, &deleted);
    for run in [&first, &second] {
        assert!(deliveries(&delivered(&world.admin, run)).values().all(|(state, ..)| *state == "waiting"));
    }
    world
        .admin
        .write("PATCH", &format!("/v1/schedules/{changed}"), &wanted(&id, &["a@example.com"]))
        .expect(200);
    world.admin.delete(&format!("/v1/schedules/{deleted}")).expect(204);
    world.again(MAILS_DUE);
    let run = within(LONG, "every mail has ended", || {
        let runs = [&first, &second].map(|id| world.admin.read(&format!("/v1/report-runs/{id}")));
        let ended =
            |run: &Value| run["deliveries"].as_array().unwrap().iter().all(|mail| mail["state"] != "waiting");
        runs.iter().all(ended).then_some(runs)
    });
    let found = deliveries(&run[0]);
    assert_eq!(found["a@example.com"], ("sent", 2, ""));
    assert_eq!(found["b@example.com"], ("failed", 2, "the schedule does not name this recipient any more"));
    assert_eq!(deliveries(&run[1])["c@example.com"], ("failed", 2, "the schedule was deleted"));
    assert_eq!(world.all_taken().len(), 1);
}

#[test]
fn a_schedule_whose_owner_may_not_have_it_any_more_stops_and_says_so() {
    let mut world = world(&[], &[]);
    let roles =
        |names: &[&str]| Value::from_iter(names.iter().map(|name| json!({"role": name, "territories": []})));
    let admin = world.admin.clone();
    let role = json!({"name": "Manager", "permissions": ["audit.read", "audit.reports", "users.manage"], "reach": "tenant"});
    admin.write("POST", "/v1/roles", &role).expect(201);
    let shared = json!({"kind": "role", "name": "Tenant Auditor"});
    let mut offered = details("shared");
    offered["shared_with"] = shared.clone();
    let (unshared, changed) = (report(&admin, &offered), report(&admin, &offered));
    let mut schedules = Vec::new();
    for (name, role, of) in [
        ("disabled", "Tenant Auditor", None),
        ("lesser", "Tenant Auditor", None),
        ("reviewer", "Manager", Some(json!({"name": "who", "kind": "access_review"}))),
        ("unshared", "Tenant Auditor", None),
        ("changed", "Tenant Auditor", None),
        ("good", "Tenant Auditor", None),
    ] {
        let user = admin.user(name, Some("acme"), &roles(&[role]), PASSWORD);
        let api = admin.signed_in(name, PASSWORD);
        let report = match name {
            "unshared" => unshared.clone(),
            "changed" => changed.clone(),
            _ => report(&api, &of.unwrap_or_else(|| details("mine"))),
        };
        let mut wanted = wanted(&report, &[&format!("{name}@example.com")]);
        wanted["name"] = name.into();
        schedules.push((name, user, schedule(&api, &wanted), wanted));
    }
    let user = |n: usize| format!("/v1/users/{}", schedules[n].1);
    admin.write("PATCH", &user(0), &json!({"state": "disabled"})).expect(200);
    admin.write("PATCH", &user(1), &json!({"roles": []})).expect(200);
    admin.write("PATCH", &user(2), &json!({"roles": roles(&["Tenant Auditor"])})).expect(200);
    let put =
        |id: &str, report: &Value| admin.write("PATCH", &format!("/v1/reports/{id}"), report).expect(200);
    put(
        &unshared,
        &json!({"name": "secret", "kind": "details", "query": "", "shared_with": {"kind": "nobody"}}),
    );
    // Whoever changes a report that others send says what they send, found with their reach.
    put(&changed, &json!({"name": "more", "kind": "details", "query": "", "shared_with": shared}));
    world.again(DUE);
    let shown = |name: &str| {
        let (_, _, id, _) = schedules.iter().find(|(known, ..)| *known == name).unwrap();
        world.admin.read(&format!("/v1/schedules/{id}"))
    };
    for (name, reason) in [
        ("disabled", "can't sign in any more"),
        ("lesser", "lost the permission audit.re"),
        ("reviewer", "needs the permission users.manage"),
        ("unshared", "not shared with its owner any more"),
        ("changed", "changed by somebody else"),
    ] {
        let stopped = within(LONG, "it is stopped", || {
            // What ran says so a moment later than its schedule.
            let runs = |shown: &Value| {
                ["queued", "running"].iter().any(|state| shown["last_run"]["state"] == *state)
            };
            Some(shown(name)).filter(|shown| !shown["stopped"].is_null() && !runs(shown))
        });
        assert!(stopped["stopped"]["reason"].as_str().unwrap().contains(reason), "{stopped}");
        assert_eq!((&stopped["enabled"], &stopped["next_run_at"]), (&json!(false), &Value::Null));
        let ran = stopped["last_run"]["state"].as_str();
        assert_eq!(ran, (name == "reviewer").then_some("failed"), "{stopped}");
    }
    let ran = within(LONG, "the good one runs", || runs(&world.admin, &schedules[5].2).first().cloned());
    let ran = delivered(&world.admin, ran["id"].as_str().unwrap());
    assert_eq!((&ran["file"]["rows"], &shown("good")["stopped"]), (&json!(3), &Value::Null), "{ran}");
    let told = world.admin.told("schedule.stop", 5);
    for event in &told {
        assert_eq!(
            (&event["tenant"], &event["action_type"]),
            (&json!("acme"), &json!("deactivate")),
            "{event}"
        );
        assert!(event["parameters"]["reason"].is_string(), "{event}");
    }
    assert_eq!(world.all_taken().len(), 1, "nobody else's");
    // Its owner looks at it and begins it again; nobody else does.
    let (_, _, id, wanted) = &schedules[4];
    let mut wanted = wanted.clone();
    wanted["enabled"] = true.into();
    let wanted = &wanted;
    let owner = world.admin.signed_in("changed", PASSWORD);
    let path = format!("/v1/schedules/{id}");
    owner.request("POST", &format!("{path}/run"), &[], b"").refused(403, "forbidden");
    let problem = world.admin.write("PATCH", &path, wanted).refused(403, "forbidden");
    assert_eq!(problem["errors"][0]["field"], "/enabled");
    let again = owner.write("PATCH", &path, wanted).expect(200).json();
    assert_eq!((&again["enabled"], &again["stopped"]), (&json!(true), &Value::Null));
    let ran = delivered(&owner, &run(&owner, id));
    assert_eq!(ran["report_name"], "more");
    // Of a report that is not shared any more nobody learns what it is called by now.
    let owner = world.admin.signed_in("unshared", PASSWORD);
    assert_eq!(owner.read(&format!("/v1/schedules/{}", schedules[3].2))["report_name"], Value::Null);
}

#[test]
fn nobody_else_says_to_whom_a_schedule_sends() {
    let world = world(&[], &[]);
    let admin = &world.admin;
    let auditor = json!([{"role": "Tenant Auditor", "territories": []}]);
    admin.user("ada", Some("acme"), &auditor, PASSWORD);
    admin.user("otto", Some("other"), &auditor, PASSWORD);
    let (ada, otto) = (admin.signed_in("ada", PASSWORD), admin.signed_in("otto", PASSWORD));
    let id = report(&ada, &details("changes"));
    let given = wanted(&id, &["ada@example.com"]);
    let kept = schedule(&ada, &given);
    let path = format!("/v1/schedules/{kept}");
    // Somebody else's report is as if it were none, and so is somebody else's schedule.
    let problem = otto.write("POST", "/v1/schedules", &given).refused(404, "not_found");
    assert_eq!(problem["errors"][0]["field"], "/report");
    for (method, path) in [("GET", path.clone()), ("DELETE", path.clone()), ("POST", format!("{path}/run"))] {
        otto.request(method, &path, &[], b"").refused(404, "not_found");
    }
    otto.write("PATCH", &path, &given).refused(404, "not_found");
    assert_eq!(otto.read("/v1/schedules")["data"], json!([]));
    // Administrators see it, end it, give it another time; what it sends, and to whom, is its owner's to say.
    let mut turned = given.clone();
    turned["recipients"] = json!(["eve@example.com"]);
    admin.write("PATCH", &path, &turned).refused(403, "forbidden");
    let mut another = given.clone();
    another["report"] = report(admin, &details("everything")).into();
    admin.write("PATCH", &path, &another).refused(403, "forbidden");
    admin.request("POST", &format!("{path}/run"), &[], b"").refused(403, "forbidden");
    let mut paused = given.clone();
    (paused["enabled"], paused["when"]) = (false.into(), "every day at 6:30".into());
    let shown = admin.write("PATCH", &path, &paused).expect(200).json();
    assert_eq!(
        (&shown["enabled"], &shown["next_run_at"], &shown["mine"]),
        (&json!(false), &Value::Null, &json!(false))
    );
    assert_eq!((&shown["cron"], &shown["owner"]["name"]), (&json!("30 6 * * *"), &json!("ada")));
    for (code, count) in [("schedule.create", 1), ("schedule.change", 1)] {
        let told = admin.told(code, count);
        assert_eq!(
            (&told[0]["tenant"], &told[0]["targets"][0]["id"]),
            (&json!("acme"), &json!(kept)),
            "{told:?}"
        );
    }
    // A report that its owner's schedule makes stays; others' schedules of it do not hold it.
    ada.delete(&format!("/v1/reports/{id}")).refused(409, "id_conflict");
    let mut offered = details("offered");
    offered["shared_with"] = json!({"kind": "tenant", "name": "acme"});
    let offered = report(admin, &offered);
    let of_ada = schedule(&ada, &wanted(&offered, &[]));
    admin.delete(&format!("/v1/reports/{offered}")).expect(204);
    ada.get(&format!("/v1/schedules/{of_ada}")).refused(404, "not_found");
    let told = admin.told("schedule.delete", 1);
    assert_eq!((&told[0]["targets"][0]["id"], &told[0]["tenant"]), (&json!(of_ada), &json!("acme")));
    assert_eq!(told[0]["parameters"]["reason"], "its report was deleted");
    world.server.as_ref().unwrap().stranger().get("/v1/schedules").refused(401, "unauthorized");
}

#[test]
fn wrong_wishes_are_refused_with_the_field() {
    let world = world(&[], &[]);
    let id = report(&world.admin, &details("changes"));
    let long = format!("{}@example.com", "a".repeat(250));
    let many = Value::from_iter((0..51).map(|n| format!("n{n}@example.com")));
    for (change, status, code, field) in [
        (json!({"name": ""}), 400, "invalid_string", "/name"),
        (json!({"name": "a\r\nBcc: eve@example.com"}), 400, "invalid_string", "/name"),
        (json!({"subject": "a\r\nBcc: eve@example.com"}), 400, "invalid_string", "/subject"),
        (json!({"subject": "a\u{0}b"}), 400, "invalid_string", "/subject"),
        (json!({"report": "x"}), 404, "not_found", "/report"),
        (json!({"format": "json"}), 400, "invalid_enum", "/format"),
        (json!({"when": "sometimes"}), 400, "invalid_time", "/when"),
        (json!({"when": "* * * * * *"}), 400, "invalid_time", "/when"),
        (json!({"when": "0 0 31 2 *"}), 400, "invalid_time", "/when"),
        (json!({"zone": "Mars/Olympus"}), 400, "invalid_filter", "/zone"),
        (json!({"recipients": ["ada"]}), 400, "invalid_string", "/recipients/0"),
        (
            json!({"recipients": ["a@example.com", "Eve <eve@example.com>"]}),
            400,
            "invalid_string",
            "/recipients/1",
        ),
        (json!({"recipients": ["a@example.com, eve@example.com"]}), 400, "invalid_string", "/recipients/0"),
        (
            json!({"recipients": ["a@example.com\r\nRCPT TO:<eve@example.com>"]}),
            400,
            "invalid_string",
            "/recipients/0",
        ),
        (json!({"recipients": ["a@example.com>\r\n"]}), 400, "invalid_string", "/recipients/0"),
        (json!({"recipients": [long]}), 400, "invalid_string", "/recipients/0"),
        (json!({"recipients": many}), 400, "too_many_items", "/recipients"),
        (json!({"owner": "eve"}), 400, "unknown_parameter", "/owner"),
    ] {
        let mut given = wanted(&id, &["ada@example.com"]);
        for (member, value) in change.as_object().unwrap() {
            given[member] = value.clone();
        }
        let problem = world.admin.write("POST", "/v1/schedules", &given).refused(status, code);
        assert_eq!(problem["errors"][0]["field"], field, "{given}: {problem}");
    }
    assert_eq!(world.admin.read("/v1/schedules")["data"], json!([]));
    world.admin.told("schedule.create", 0);
    let preview = json!({"when": "every month on the last day at 18:00", "zone": "Europe/Rome"});
    let shown = world.admin.write("POST", "/v1/schedules/preview", &preview).expect(200).json();
    assert_eq!((&shown["cron"], shown["next"].as_array().unwrap().len()), (&json!("0 18 L * *"), 5));
    let problem = world
        .admin
        .write("POST", "/v1/schedules/preview", &json!({"when": "soon"}))
        .refused(400, "invalid_time");
    assert_eq!(problem["errors"][0]["field"], "/when");
    // Nobody is buried in mails by hand either.
    let schedule = schedule(&world.admin, &wanted(&id, &[]));
    let press =
        |_| -> Answer { world.admin.request("POST", &format!("/v1/schedules/{schedule}/run"), &[], b"") };
    let refused = (0..200).map(press).find(|answer| answer.status != 202);
    if let Some(refused) = refused {
        refused.refused(429, "rate_limited");
    }
}

#[test]
fn kill_minus_nine_in_the_middle_loses_no_run_and_no_mail() {
    let mut world = world(&[], &[]);
    let recipients = ["a@example.com", "b@example.com", "c@example.com", "d@example.com"];
    let id = report(&world.admin, &details("changes"));
    let schedules: Vec<_> = (0..4)
        .map(|n| {
            let mut wanted = wanted(&id, &recipients);
            wanted["subject"] = format!("s{n}").into();
            schedule(&world.admin, &wanted)
        })
        .collect();
    let mut expected: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut got: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut by_hand = 0;
    for (round, pause) in [0, 10, 30, 60, 120].into_iter().enumerate() {
        for (n, schedule) in schedules.iter().enumerate() {
            run(&world.admin, schedule);
            by_hand += 1;
            for to in recipients {
                *expected.entry((format!("s{n}"), to.to_owned())).or_default() += 1;
            }
        }
        // Not a wait for something: so much later the server is gone, wherever it is then.
        std::thread::park_timeout(Duration::from_millis(pause));
        world.server.take().unwrap().kill();
        // The clock's own, begun in the middle of it all.
        let due = if round == 2 { DUE } else { "" };
        alter(&world.installation, due);
        world.start();
        if round == 2 {
            for (n, schedule) in schedules.iter().enumerate() {
                within(LONG, "the run that was due", || {
                    (runs(&world.admin, schedule).len() > round + 1).then_some(())
                });
                for to in recipients {
                    *expected.entry((format!("s{n}"), to.to_owned())).or_default() += 1;
                }
            }
        }
    }
    let mut all = BTreeSet::new();
    for schedule in &schedules {
        let found = runs(&world.admin, schedule);
        assert_eq!(found.len(), 6, "five by hand and one by the clock, none twice");
        for run in found {
            let run = delivered(&world.admin, run["id"].as_str().unwrap());
            assert_eq!(run["state"], "completed", "{run}");
            let states = deliveries(&run);
            assert_eq!(states.keys().copied().collect::<Vec<_>>(), recipients, "{run}");
            assert!(states.values().all(|(state, ..)| *state == "sent"), "{run}");
            file(&world.admin, &run);
            all.insert(run["id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(files_below(&world.installation.data().join("exports")).len(), all.len());
    let mut ids = BTreeSet::new();
    for mail in world.all_taken() {
        ids.insert(mail["messageId"].as_str().unwrap().to_owned());
        let to = mail["envelope"]["to"][0].as_str().unwrap().to_owned();
        *got.entry((mail["subject"].as_str().unwrap().to_owned(), to)).or_default() += 1;
    }
    for (mail, count) in &expected {
        assert!(got.get(mail) >= Some(count), "{mail:?}: {count} expected, {got:?}");
    }
    // What was sent again is known by its id.
    assert_eq!(ids.len(), expected.values().sum::<usize>());
    world.admin.told("report.run", by_hand);
    world.admin.told("report.send", 4);
}

#[test]
fn a_mail_server_that_says_nothing_keeps_no_server_from_stopping() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let mut world = world(&[], &[("SMTP_TIMEOUT_SECONDS", "120")]);
    world.server.take().unwrap().stop();
    world.installation.set("SMTP_PORT", &port);
    world.start();
    let id = report(&world.admin, &details("changes"));
    let schedule = schedule(&world.admin, &wanted(&id, &["ada@example.com"]));
    let id = run(&world.admin, &schedule);
    end_of(&world.admin, &id);
    // The mail is on its way.
    let (_connection, _) = silent.accept().unwrap();
    let begin = Instant::now();
    world.server.take().unwrap().stop();
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    world.installation.set("SMTP_PORT", &world.part.ready["port"].to_string());
    world.start();
    let run = delivered(&world.admin, &id);
    assert_eq!(deliveries(&run)["ada@example.com"], ("sent", 1, ""), "to be stopped is no attempt: {run}");
    assert_eq!(world.all_taken().len(), 1);
}
