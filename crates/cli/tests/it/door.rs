//! The door: what every answer carries, what proxies are believed, how slow and how many clients may be.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
};

use serde_json::{Value, json};

use crate::support::{
    ADMIN_KEY, Api, Installation, LONG, Server, connect, numbered, raw, rest, within, write_secret,
};

/// Header fields that stand in every answer, with what they must say.
const ALWAYS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

#[test]
fn every_answer_carries_what_keeps_browsers_in_check() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    admin.send(&numbered("acme", 1)).expect(201);
    admin.found("", 1);
    let page = admin.get("/").expect(200).text();
    let script = page.split("\"/_app/immutable/").nth(1).and_then(|rest| rest.split('"').next());
    let script = script.map(|name| format!("/_app/immutable/{name}"));
    let json = [("Content-Type", "application/json")];
    let asked = |method: &str, path: &str, body: &[u8]| admin.request(method, path, &json, body);
    let mut answers = vec![
        ("the page", asked("GET", "/", b""), 200),
        ("an address of the page", asked("GET", "/events", b""), 200),
        ("the page of errors", asked("GET", "/docs/errors", b""), 200),
        ("a list", asked("GET", "/v1/events", b""), 200),
        ("an event", asked("GET", "/v1/events/e1", b""), 200),
        ("an original", asked("GET", "/v1/events/e1/original", b""), 200),
        ("a session", asked("GET", "/v1/session", b""), 200),
        ("the document", asked("GET", "/openapi.json", b""), 200),
        ("health", asked("GET", "/healthz", b""), 200),
        ("readiness", asked("GET", "/readyz", b""), 200),
        ("metrics", asked("GET", "/metrics", b""), 200),
        ("a checkpoint", asked("GET", "/checkpoint", b""), 200),
        ("a tile", asked("GET", "/tile/0/000.p/1", b""), 200),
        ("an event sent", asked("POST", "/v1/events", numbered("acme", 2).to_string().as_bytes()), 201),
        ("nonsense sent", asked("POST", "/v1/events", b"["), 400),
        ("nobody", server.stranger().get("/v1/events"), 401),
        ("no such address", asked("GET", "/v1/none", b""), 404),
        ("no such file", asked("GET", "/_app/none.js", b""), 404),
        ("no such method", asked("DELETE", "/v1/session", b""), 405),
    ];
    if let Some(script) = &script {
        answers.push(("a script", asked("GET", script, b""), 200));
    }
    for (what, answer, status) in answers {
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        for (name, expected) in ALWAYS {
            assert_eq!(answer.header(name), expected, "{what}: {name}");
        }
        assert!(answer.header("permissions-policy").contains("camera=()"), "{what}");
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{what}: {policy}"
        );
        let expected = match what {
            "the page" | "an address of the page" => "no-cache",
            "a script" => "public, max-age=31536000, immutable",
            _ => "no-store",
        };
        assert_eq!(answer.header("cache-control"), expected, "{what}");
        assert_eq!(answer.header("strict-transport-security"), "", "{what}: said in clear");
        assert_eq!(answer.header("server"), "", "{what}");
    }
}

#[test]
fn a_connection_whose_request_was_not_read_to_its_end_is_told_to_end() {
    let (_installation, server, api) = Installation::with_acme(&[]);
    let event = numbered("acme", 1);
    let ends = |answer: &crate::support::Answer| {
        answer.headers.get("connection").is_some_and(|value| value.as_bytes() == b"close")
    };
    let read = api.send(&event).expect(201);
    assert!(!ends(&read) && !ends(&api.get("/v1/events")) && !ends(&server.stranger().get("/v1/events")));
    // Refused before anything of the body is looked at, and for its announced length.
    assert!(ends(&server.stranger().send(&event).expect(401)));
    assert!(ends(&api.request("POST", "/v1/none", &[], b"{}").expect(405)));
    // Whoever goes on gets an answer to every request.
    for _ in 0..50 {
        server.stranger().send(&event).refused(401, "unauthorized");
        assert_eq!(api.send(&event).expect(201).json()["duplicates"], 1);
    }
}

#[test]
fn only_trusted_proxies_say_whether_a_request_is_secure() {
    let forwarded = ("Forwarded", "for=192.0.2.7;proto=https");
    let x_forwarded = [("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https")];
    for (trusted, kind, secure) in [
        (None, None, (false, false)),
        (Some("192.0.2.0/24"), None, (false, false)),
        (Some("127.0.0.1"), None, (true, false)),
        (Some("10.0.0.0/8,127.0.0.0/8"), Some("forwarded"), (false, true)),
    ] {
        let mut installation = Installation::new();
        for (setting, value) in [("TRUSTED_PROXIES", trusted), ("PROXY_HEADER", kind)] {
            if let Some(value) = value {
                installation.set(setting, value);
            }
        }
        let server = installation.start();
        let is_secure = |headers: &[(&str, &str)]| {
            let answer = server.admin().request("GET", "/healthz", headers, b"");
            !answer.header("strict-transport-security").is_empty()
        };
        assert_eq!((is_secure(&x_forwarded), is_secure(&[forwarded])), secure, "{trusted:?} {kind:?}");
        server.stop();
    }
}

#[test]
fn heads_have_limits() {
    let installation = Installation::new().with("HEAD_FIELDS_MAX", "16").with("HEAD_BYTES_MAX", "8192");
    let server = installation.start();
    let status = |head: &str| {
        let answer = raw(
            server.address(),
            format!("GET /healthz HTTP/1.1\r\nConnection: close\r\n{head}\r\n").as_bytes(),
        );
        String::from_utf8(answer).unwrap().split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let fields = |count: usize| (0..count).map(|n| format!("X-{n}: x\r\n")).collect::<String>();
    let long = |bytes: usize| format!("X: {}\r\n", "x".repeat(bytes));
    for (what, head, expected) in [
        ("as many fields as may be", fields(15), "200"),
        ("one more", fields(16), "431"),
        ("a long field", long(8_000), "200"),
        ("too long a field", long(9_000), "431"),
        ("no header", "no header\r\n".into(), "400"),
    ] {
        assert_eq!(status(&head), expected, "{what}");
    }
}

#[test]
fn slow_clients_are_let_go_and_others_are_served_meanwhile() {
    let installation =
        Installation::new().with("HEAD_TIMEOUT_SECONDS", "1").with("BODY_TIMEOUT_SECONDS", "1");
    let server = installation.start();
    server.admin().tenant("acme");
    let mut silent = connect(server.address());
    let mut half = connect(server.address());
    half.write_all(b"GET /healthz HTTP/1.1\r\nX: ").unwrap();
    let mut body = connect(server.address());
    write!(
        body,
        "POST /v1/events HTTP/1.1\r\nAuthorization: Bearer {ADMIN_KEY}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000\r\n\r\n[{{\"action\":"
    )
    .unwrap();
    server.admin().send(&numbered("acme", 1)).expect(201);
    let answer = String::from_utf8(rest(&mut body)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("arrives too slowly"), "{answer}");
    assert_eq!(rest(&mut silent), b"");
    rest(&mut half);
    server.admin().found("", 1);
}

/// The value of a metric.
fn metric(api: &Api, name: &str) -> f64 {
    let text = api.get("/metrics").expect(200).text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_default()
}

#[test]
fn a_client_that_takes_nothing_is_let_go() {
    let installation = Installation::new().with("WRITE_TIMEOUT_SECONDS", "1");
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    let mut large = numbered("acme", 1);
    large["details"] = "x".repeat(500_000).into();
    admin.send(&large).expect(201);
    admin.found("", 1);
    let open = || metric(&admin, "indelible_connections");
    let before = open();
    let mut deaf = connect(server.address());
    // More than any buffer holds: 40 answers of half a megabyte.
    let one = format!("GET /v1/events/e1/original HTTP/1.1\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\r\n");
    deaf.write_all(one.repeat(40).as_bytes()).unwrap();
    within(LONG, "the connection is closed", || (open() <= before).then_some(()));
    let got = rest(&mut deaf).len();
    assert!(got < 40 * 500_000, "{got} bytes came all the same");
}

#[test]
fn an_address_has_so_many_connections() {
    let refused = |server: &Server| metric(&server.admin(), "indelible_connections_refused_total");
    let installation = Installation::new().with("CONNECTIONS_PER_ADDRESS_MAX", "3");
    let server = installation.start();
    // One stays open in this client's pool.
    let admin = server.admin();
    admin.get("/healthz").expect(200);
    let first = connect(server.address());
    let second = connect(server.address());
    let mut third = connect(server.address());
    assert_eq!(rest(&mut third), b"", "closed at once");
    assert!(metric(&admin, "indelible_connections_refused_total") >= 1.0);
    within(LONG, "it is told", || server.log().contains("an address has too many").then_some(()));
    drop((first, second));
    within(LONG, "places are given back", || (metric(&admin, "indelible_connections") <= 1.0).then_some(()));
    let mut fourth = connect(server.address());
    fourth.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(fourth.read(&mut [0; 8]).unwrap(), 8);

    // A proxy brings the connections of many.
    let installation =
        Installation::new().with("CONNECTIONS_PER_ADDRESS_MAX", "1").with("TRUSTED_PROXIES", "127.0.0.1");
    let server = installation.start();
    let _open: Vec<_> = (0..10).map(|_| connect(server.address())).collect();
    server.admin().get("/healthz").expect(200);
    assert!(refused(&server) < 1.0);
}

#[test]
fn secrets_that_others_may_read_are_refused_with_the_command_that_mends_it() {
    let installation = Installation::new();
    let server = installation.start();
    server.admin().tenant("acme");
    server.stop();
    for name in ["control.sqlite", "ledger/signing.key"] {
        let file = installation.data().join(name);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let ended = installation.refuse();
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        let expected =
            format!("{} may be read or written by everybody on this machine (mode 0644)", file.display());
        assert!(ended.stderr.contains(&expected), "{expected}: {}", ended.stderr);
        let (_, command) = ended.stderr.split_once("run: ").unwrap();
        let command = command.lines().next().unwrap();
        assert!(
            std::process::Command::new("sh").args(["-c", command]).status().unwrap().success(),
            "{command}"
        );
        installation.start().stop();
    }
    let key = installation.path("admin.key");
    write_secret(&key, ADMIN_KEY);
    let run = |mode: u32| {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let mut command = installation.command(["config", "check", "--json", "--data"]);
        command.arg(installation.data()).arg("--admin-key-file").arg(&key).output().unwrap()
    };
    let refused = run(0o644);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && words.contains("admin.key may be read"), "{words}");
    let taken = run(0o600);
    let config: Value = serde_json::from_slice(&taken.stdout).unwrap();
    assert_eq!((&config["admin_key"], &config["tls"]), (&json!("(set)"), &Value::Null));
}
