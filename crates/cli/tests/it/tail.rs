//! The tail: what matches, as it comes, over slow clients, restarts of the server and keys that end.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use crate::support::{Api, Installation, LONG, Message, Server, Stream, within};

fn send(api: &Api, ids: std::ops::Range<u64>, outcome: &str) {
    let events = ids.map(|n| json!({"id": format!("e{n}"), "action": "a", "outcome": {"result": outcome}}));
    api.send(&Value::from_iter(events)).expect(201);
}

fn named(ids: std::ops::Range<u64>) -> Vec<String> {
    ids.map(|n| format!("e{n}")).collect()
}

#[test]
fn brings_what_matches_within_the_reach_as_it_comes() {
    let (_installation, server, api) = Installation::with_acme(&[]);
    server.admin().tenant("other");
    send(&api, 0..5, "failure");
    api.found("", 5);
    let mut all = api.tail("", None);
    let mut failures = api.tail("outcome=failure&action=!b", None);
    let mut elsewhere = server.admin().tail("tenant=other", None);
    send(&api, 5..8, "success");
    send(&api, 8..10, "failure");
    server
        .admin()
        .send(&json!({"id": "theirs", "tenant": "other", "action": "a", "outcome": {"result": "failure"}}))
        .expect(201);
    send(&api, 10..11, "failure");
    let sent = Instant::now();
    assert_eq!(all.events(6), named(5..11));
    assert!(sent.elapsed() < Duration::from_secs(5));
    assert_eq!(failures.events(3), named(8..11));
    assert_eq!(elsewhere.events(1), ["theirs"]);
    // Nothing of the others', and nothing twice: what comes next is what is sent next.
    send(&api, 11..12, "failure");
    assert_eq!((all.events(1), failures.events(1)), (named(11..12), named(11..12)));
}

#[test]
fn an_event_is_one_line_however_it_was_sent_and_what_was_not_captured_is_null() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    let mut stream = api.tail("", None);
    let body = b"{\n\"id\": \"e1\", \"action\": \"a\", \"data\": {\r\n  \"x\":\r [1,\n2]\n}\n}";
    api.post("", &[("Content-Type", "application/json")], body).expect(201);
    let event = stream.next_but_heartbeats().unwrap().data;
    assert_eq!((&event["id"], &event["data"]), (&json!("e1"), &json!({"x": [1, 2]})));
    for name in ["actor", "targets", "client", "details", "parameters", "changes", "trace_id"] {
        assert_eq!(event.get(name), Some(&Value::Null), "{name}");
    }
}

#[test]
fn goes_on_behind_the_last_event_over_a_restart() {
    let (installation, server, api) = Installation::with_acme(&[]);
    let key = api.key.clone().unwrap();
    let mut stream = api.tail("outcome=failure", None);
    send(&api, 0..10, "failure");
    let mut seen = stream.events(3);
    let (id, cursor) = stream.event();
    seen.push(id);
    // The rest of it is on the way when the server is killed, and more was sent that nobody followed.
    send(&api, 10..20, "failure");
    send(&api, 20..25, "success");
    server.kill();
    let server = installation.start();
    let api = server.with_key(&key);
    send(&api, 25..30, "failure");
    let mut stream = api.tail("outcome=failure", Some(&cursor));
    seen.extend(stream.events(16));
    send(&api, 30..31, "failure");
    seen.extend(stream.events(6));
    assert_eq!(seen, named(0..20).into_iter().chain(named(25..31)).collect::<Vec<_>>());
    // The parameter does the same, and a cursor of another query is none.
    let mut again = api.tail(&format!("outcome=failure&after={cursor}"), None);
    assert_eq!(again.events(2), named(4..6));
    api.get(&format!("/v1/tail?outcome=success&after={cursor}")).refused(400, "invalid_cursor");
    let list = api.read("/v1/events?limit=1&outcome=failure");
    let page = list["next"].as_str().unwrap();
    api.get(&format!("/v1/tail?outcome=failure&after={page}")).refused(400, "invalid_cursor");
}

#[test]
fn follows_a_list_from_its_own_moment() {
    let (_installation, _server, api) = Installation::with_acme(&[]);
    send(&api, 0..5, "failure");
    let list = api.found("", 5);
    send(&api, 5..8, "failure");
    let as_of = list["as_of"].as_str().unwrap();
    let mut stream = api.tail(&format!("outcome=failure&after={as_of}"), None);
    assert_eq!(stream.events(3), named(5..8));
}

#[test]
fn ends_when_the_server_stops_when_the_range_is_done_and_when_the_key_ends() {
    let (_installation, server, api) = Installation::with_acme(&[]);
    let admin = server.admin();
    let reader = admin.key(&["audit.read"], &["acme"]);
    let mut theirs = reader.tail("", None);
    let mut ours = admin.tail("application=!indelible", None);
    send(&api, 0..3, "failure");
    assert_eq!(theirs.events(3), named(0..3));
    let keys = admin.read("/v1/keys");
    let key = keys["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["permissions"] == json!(["audit.read"]))
        .unwrap();
    admin.request("DELETE", &format!("/v1/keys/{}", key["id"].as_str().unwrap()), &[], b"").expect(204);
    assert_eq!(theirs.end(), "unauthorized");
    let soon = in_seconds(2);
    let short = admin.write(
        "POST",
        "/v1/keys",
        &json!({
            "name": "short", "permissions": ["audit.read"], "reach": {"tenants": ["acme"]}, "expires": soon,
        }),
    );
    let short = short.expect(201).json();
    assert_eq!(server.with_key(short["key"].as_str().unwrap()).tail("", None).end(), "unauthorized");
    let cursors: Vec<_> = (0..3).map(|_| ours.event().1).collect();
    let mut range =
        admin.tail(&format!("application=!indelible&after={}&before={}", cursors[0], cursors[2]), None);
    assert_eq!(range.events(2), named(1..3));
    assert_eq!(range.end(), "complete");
    let stopping = thread::spawn(move || server.stop());
    assert_eq!(ours.end(), "stopping");
    stopping.join().unwrap();
}

/// An instant some seconds from now.
#[expect(clippy::disallowed_methods, reason = "the server's clock is the system's")]
fn in_seconds(seconds: u64) -> String {
    let at = std::time::SystemTime::now() + Duration::from_secs(seconds);
    let at = at.duration_since(std::time::UNIX_EPOCH).unwrap().as_micros();
    indelible_event::Timestamp::from_micros(i64::try_from(at).unwrap()).to_rfc3339()
}

#[test]
fn says_that_it_is_alive_with_the_place_to_come_back_to() {
    let (_installation, server, api) = Installation::with_acme(&[("HEARTBEAT_SECONDS", "1")]);
    server.admin().tenant("other");
    let mut stream = api.tail("", None);
    server.admin().send(&json!({"tenant": "other", "action": "a"})).expect(201);
    send(&api, 0..1, "failure");
    stream.event();
    let heartbeat = stream.next().unwrap();
    assert!(heartbeat.data.is_null() && heartbeat.name.is_empty(), "{heartbeat:?}");
    let mut again = api.tail("", heartbeat.id.as_deref());
    send(&api, 1..2, "failure");
    assert_eq!((stream.events(1), again.events(1)), (named(1..2), named(1..2)));
}

#[test]
fn streams_are_limited_in_all_and_for_each_key() {
    let (_installation, server, api) =
        Installation::with_acme(&[("STREAMS_MAX", "3"), ("STREAMS_PER_KEY_MAX", "2")]);
    let admin = server.admin();
    let open: [Stream; 2] = [api.tail("", None), api.tail("", None)];
    let refused = |api: &Api, path: &str| {
        let answer = api.get(path);
        assert_ne!(answer.header("retry-after"), "");
        answer.refused(429, "rate_limited");
    };
    refused(&api, "/v1/tail");
    refused(&api, "/v1/feed?wait=1");
    api.get("/v1/feed?wait=0").expect(200);
    let last = admin.tail("", None);
    refused(&admin, "/v1/tail");
    // A client that leaves makes room.
    drop(open);
    within(LONG, "room for another stream", || (admin.get("/v1/feed?wait=1").status == 200).then_some(()));
    drop(last);
}

#[test]
fn wrong_questions_are_refused_before_the_stream_begins() {
    let (_installation, server, api) = Installation::with_acme(&[]);
    for (query, code) in [
        ("outcom=failure", "unknown_parameter"),
        ("limit=5", "unknown_parameter"),
        ("outcome=bad", "invalid_filter"),
        ("action_type=nonsense", "invalid_filter"),
        ("ip=300.1.1.1", "invalid_filter"),
        ("after=x", "invalid_cursor"),
        ("before=x", "invalid_cursor"),
    ] {
        api.get(&format!("/v1/tail?{query}")).refused(400, code);
    }
    let sender = server.admin().key(&["events.send"], &["acme"]);
    sender.get("/v1/tail").refused(403, "forbidden");
    server.stranger().get("/v1/tail").refused(401, "unauthorized");
}

/// A stream between the two cursors of a `dropped` has exactly what was passed over; its ids.
fn passed_over(api: &Api, query: &str, dropped: &Message) -> Vec<String> {
    let text = |name: &str| dropped.data[name].as_str().unwrap();
    assert_eq!(dropped.id.as_deref(), Some(text("before")));
    let mut range = api.tail(&format!("{query}&after={}&before={}", text("after"), text("before")), None);
    let missed = range.events(usize::try_from(dropped.data["count"].as_u64().unwrap()).unwrap());
    assert_eq!(range.end(), "complete");
    missed
}

#[test]
fn a_slow_client_is_told_exactly_what_it_missed_and_can_fetch_it() {
    let settings = [("TAIL_QUEUE_EVENTS", "50"), ("TAIL_PATIENCE_SECONDS", "0")];
    let (_installation, server, api) = Installation::with_acme(&settings);
    let query = "outcome=failure";
    let mut slow = api.tail(query, None);
    // More than all buffers between the two hold; every second one matches. Nothing is asked of the stream meanwhile.
    let filler = "x".repeat(100_000);
    let total = 600;
    for n in 0..total {
        let outcome = if n % 2 == 0 { "failure" } else { "success" };
        let event =
            json!({"id": format!("e{n}"), "action": "a", "details": filler, "outcome": {"result": outcome}});
        api.send(&event).expect(201);
    }
    api.found_at_least("", total);
    // How often it falls behind is the machine's matter. What came and what was passed over are everything, in order.
    let matching: Vec<_> = (0..total).step_by(2).map(|n| format!("e{n}")).collect();
    let (mut seen, mut drops, mut dropped) = (Vec::new(), Vec::new(), 0);
    while seen.len() < matching.len() {
        let message = slow.next_but_heartbeats().unwrap();
        if message.name == "dropped" {
            let missed = passed_over(&api, query, &message);
            assert!(missed.len() > 50, "{} are no more than may wait", missed.len());
            dropped += missed.len();
            seen.extend(missed);
            drops.push((message.id.unwrap(), seen.len()));
        } else {
            seen.push(message.data["id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(seen, matching);
    assert!(dropped > 0 && dropped < total as usize / 2, "{dropped}");
    let metrics = server.admin().get("/metrics").text();
    assert!(metrics.contains(&format!("indelible_tail_dropped_total {dropped}\n")), "{metrics}");
    // The stream goes on behind them, and so does one that comes back.
    send(&api, total..total + 1, "failure");
    assert_eq!(slow.events(1), named(total..total + 1));
    for (cursor, before) in drops {
        let rest: Vec<_> = matching[before..].iter().cloned().chain(named(total..total + 1)).collect();
        assert_eq!(api.tail(query, Some(&cursor)).events(rest.len()), rest);
    }
}

#[test]
fn a_burst_does_not_make_a_client_slow() {
    let settings = [("TAIL_QUEUE_EVENTS", "1"), ("TAIL_PATIENCE_SECONDS", "3600")];
    let (_installation, _server, api) = Installation::with_acme(&settings);
    let mut stream = api.tail("", None);
    send(&api, 0..1_000, "failure");
    send(&api, 1_000..2_000, "failure");
    assert_eq!(stream.events(2_000), named(0..2_000));
}

#[test]
fn what_was_there_when_the_client_came_is_never_passed_over() {
    let settings = [("TAIL_QUEUE_EVENTS", "1"), ("TAIL_PATIENCE_SECONDS", "0")];
    let (_installation, _server, api) = Installation::with_acme(&settings);
    let as_of = api.read("/v1/events")["as_of"].as_str().unwrap().to_owned();
    send(&api, 0..1_000, "failure");
    api.found("", 1_000);
    let mut stream = api.tail("", Some(&as_of));
    assert_eq!(stream.events(1_000), named(0..1_000));
}

/// `indelible tail` as a process, its lines read on a thread.
struct Command {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Command {
    fn start(server: &Server, installation: &Installation, arguments: &[&str]) -> Self {
        let mut command = server.command(installation, arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        // It says so once it follows.
        let mut words = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        words.read_line(&mut line).unwrap();
        assert!(line.starts_with("following "), "{line}");
        thread::spawn(move || words.lines().map_while(Result::ok).for_each(drop));
        Self { child, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(LONG).expect("another line")
    }

    fn id(&self) -> String {
        let event: Value = serde_json::from_str(&self.line()).unwrap();
        event["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_command_follows_comes_back_and_ends_well_at_an_interrupt() {
    let (mut installation, server, api) = Installation::with_acme(&[]);
    let key = api.key.clone().unwrap();
    let mut command = Command::start(&server, &installation, &["tail", "--json", "--outcome", "failure"]);
    // The stream itself is open a moment after the words.
    let open = || {
        let metrics = server.admin().get("/metrics").text();
        metrics.lines().any(|line| line == "indelible_streams 1").then_some(())
    };
    within(LONG, "the stream is open", open);
    send(&api, 0..3, "failure");
    assert_eq!([command.id(), command.id(), command.id()], ["e0", "e1", "e2"]);
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    server.kill();
    installation.set("LISTEN", &address);
    let server = installation.start();
    let api = server.with_key(&key);
    send(&api, 3..5, "failure");
    assert_eq!([command.id(), command.id()], ["e3", "e4"]);
    // A graceful stop is no reason to end either.
    server.stop();
    let server = installation.start();
    let api = server.with_key(&key);
    send(&api, 5..6, "success");
    send(&api, 6..7, "failure");
    assert_eq!(command.id(), "e6");
    let pid = Pid::from_raw(i32::try_from(command.child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::INT).unwrap();
    let status = within(LONG, "the command ends", || command.child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    drop(server);
}

#[test]
fn the_command_shows_lines_for_people_and_ends_where_it_is_told_to() {
    let (installation, server, api) = Installation::with_acme(&[]);
    let as_of = api.read("/v1/events")["as_of"].as_str().unwrap().to_owned();
    send(&api, 0..3, "failure");
    api.found("", 3);
    let run = |arguments: &[&str]| server.command(&installation, arguments).output().unwrap();
    let ended = run(&["tail", "--limit", "2", "--after", &as_of, "--tenant", "acme"]);
    assert!(ended.status.success(), "{ended:?}");
    let lines = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(lines.lines().all(|line| line.contains("acme") && line.contains("failure")), "{lines}");
    for (code, arguments) in [
        (2, &["tail", "--outcome", "bad"][..]),
        (2, &["tail", "--after", "nonsense"]),
        (2, &["tail", "--key", "wrong-key-wrong-key"]),
        (3, &["tail", "--url", "http://127.0.0.1:9"]),
    ] {
        let ended = run(arguments);
        assert_eq!(
            ended.status.code(),
            Some(code),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&ended.stderr)
        );
    }
    let words = String::from_utf8(run(&["tail", "--after", "nonsense"]).stderr).unwrap();
    assert!(words.contains("after: ") && !words.contains("Last-Event-ID"), "{words}");
}
