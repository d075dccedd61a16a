//! Imports that are interrupted, lose an answer, or meet records that can't be taken.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::Stdio,
    thread,
};

use serde_json::{Value, json};

use crate::support::{Answers, Installation, Proxy, Server, numbered};

/// `count` events of a tenant, one a line.
fn lines(tenant: &str, numbers: std::ops::Range<u64>) -> String {
    numbers.map(|n| format!("{}\n", numbered(tenant, n))).collect()
}

/// The report of an import that ended with `code`, and what it said.
#[track_caller]
fn import(server: &Server, installation: &Installation, code: i32, arguments: &[&str]) -> (Value, String) {
    let arguments = [&["import", "--json"], arguments].concat();
    let output = server.command(installation, &arguments).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}");
    (serde_json::from_slice(&output.stdout).unwrap_or(Value::Null), words)
}

fn total(server: &Server, query: &str) -> Value {
    server.admin().read(&format!("/v1/events?total=true&limit=1&application=!indelible{query}"))["total"]
        .clone()
}

#[test]
fn a_batch_whose_answer_was_lost_is_stored_once() {
    let installation = Installation::new();
    let server = installation.start();
    server.admin().tenant("acme");
    let proxy = Proxy::before(&server.url);
    let file = installation.path("events.ndjson");
    // Without ids nothing but the repeated key protects them.
    let text = lines("acme", 0..30).replace("\"id\":\"e", "\"request_id\":\"e");
    fs::write(&file, text).unwrap();
    let name = file.to_str().unwrap();
    proxy.answer(Answers::NextLost);
    let (report, words) = import(
        &server,
        &installation,
        0,
        &["--format", "generic", "--batch", "10", "--url", &proxy.url, name],
    );
    assert_eq!(
        (&report["records"], &report["accepted"], &report["replayed"], &report["duplicates"]),
        (&json!(30), &json!(20), &json!(10), &json!(0)),
        "{report} {words}"
    );
    server.admin().found("", 30);
}

#[test]
fn an_import_that_was_killed_goes_on_and_one_of_a_replaced_file_starts_over() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    for tenant in ["acme", "other"] {
        admin.tenant(tenant);
    }
    let proxy = Proxy::before(&server.url);
    let file = installation.path("events.ndjson");
    let name = file.to_str().unwrap();
    let arguments = ["import", "--json", "--format", "generic", "--batch", "10", "--url", &proxy.url, name];
    let kill_at_the_second_batch = || {
        proxy.answer(Answers::HeldAfter(1));
        let mut command = server.command(&installation, &arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        proxy.wait_until_withheld();
        child.kill().unwrap();
        child.wait().unwrap();
        proxy.answer(Answers::Given);
    };
    let run = || {
        let output = server.command(&installation, &arguments).output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{words}");
        (serde_json::from_slice::<Value>(&output.stdout).unwrap(), words)
    };

    let text = lines("acme", 0..40).replace("\"id\":\"e", "\"request_id\":\"e");
    fs::write(&file, &text).unwrap();
    kill_at_the_second_batch();
    let (report, words) = run();
    assert!(words.contains("going on after byte"), "{words}");
    // The first batch was answered, the second stored only; the others are new.
    assert_eq!((&report["accepted"], &report["replayed"]), (&json!(20), &json!(10)), "{report}");
    admin.found("tenant=acme", 40);
    let numbers: std::collections::BTreeSet<_> = admin.found("tenant=acme", 40)["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["request_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(numbers.len(), 40, "each once");

    fs::write(&file, lines("acme", 100..140)).unwrap();
    kill_at_the_second_batch();
    fs::write(&file, lines("other", 0..25)).unwrap();
    let (report, words) = run();
    assert!(words.contains("is not what the interrupted import read of it; starting over"), "{words}");
    assert_eq!((&report["records"], &report["accepted"]), (&json!(25), &json!(25)), "{report}");
    admin.found("tenant=other", 25);
}

#[test]
fn a_broken_line_is_told_with_its_number_and_the_rest_goes_on() {
    let installation = Installation::new();
    let server = installation.start();
    server.admin().tenant("acme");
    let file = installation.path("events.ndjson");
    let good = lines("acme", 0..4);
    let mut text: Vec<&str> = good.lines().collect();
    text.insert(1, "{\"action\": \"half");
    text.insert(3, "{\"action\":\"twice\",\"action\":\"twice\"}");
    text.insert(5, "");
    text.insert(6, "[1]");
    let mut bytes = text.join("\n").into_bytes();
    bytes.extend_from_slice(b"\n{\"action\":\"\xff\"}\n");
    fs::write(&file, bytes).unwrap();
    let (report, words) = import(&server, &installation, 1, &["--format", "generic", file.to_str().unwrap()]);
    assert_eq!(
        (&report["records"], &report["accepted"], &report["not_sent"], &report["rejected"]),
        (&json!(8), &json!(4), &json!(3), &json!(1)),
        "{report}"
    );
    let errors: Vec<_> =
        report["errors"].as_array().unwrap().iter().map(|error| error.as_str().unwrap()).collect();
    for line in ["line 2: not sent: ", "line 4: not sent: ", "line 9: not sent: ", "line 7: "] {
        assert!(errors.iter().any(|error| error.starts_with(line)), "{line}: {errors:?}");
    }
    assert!(errors.iter().any(|error| error.contains("duplicate_key")), "{errors:?}");
    assert!(words.contains("4 records were not stored"), "{words}");
    server.admin().found("", 4);
}

#[test]
fn a_batch_that_is_wholly_refused_is_told_and_the_next_one_goes_on() {
    let installation = Installation::new();
    let server = installation.start();
    server.admin().tenant("acme");
    let file = installation.path("events.ndjson");
    let nameless = "{\"tenant\":\"acme\"}\n".repeat(10);
    let text = [lines("acme", 0..10), nameless, lines("acme", 10..20)].concat();
    fs::write(&file, text).unwrap();
    let (report, words) =
        import(&server, &installation, 1, &["--format", "generic", "--batch", "10", file.to_str().unwrap()]);
    assert_eq!(
        (&report["records"], &report["accepted"], &report["rejected"]),
        (&json!(30), &json!(20), &json!(10)),
        "{report} {words}"
    );
    let first = report["errors"][0].as_str().unwrap();
    assert!(first.starts_with("line 11: ") && first.contains("missing_field"), "{first}");
    server.admin().found("", 20);
    // It came to its end: the same command is a new import, and the ids keep it from being stored twice.
    let (again, _) =
        import(&server, &installation, 1, &["--format", "generic", "--batch", "10", file.to_str().unwrap()]);
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(20)), "{again}");
    assert_eq!(total(&server, ""), 20);
}

#[test]
fn a_record_of_a_tenant_that_cant_be_is_told_and_the_rest_goes_on() {
    let installation = Installation::new();
    let server = installation.start();
    let file = installation.path("events.ndjson");
    fs::write(&file, [lines("acme", 0..2), lines("...", 2..3), lines("other", 3..5)].concat()).unwrap();
    let name = file.to_str().unwrap();
    let (check, _) = import(&server, &installation, 1, &["--format", "generic", "--check", name]);
    assert_eq!((&check["refused"], &check["refusals"][0]["line"]), (&json!(1), &json!(3)), "{check}");
    let (report, _) = import(&server, &installation, 1, &["--format", "generic", "--create-tenants", name]);
    assert_eq!(
        (&report["records"], &report["accepted"], &report["not_sent"], &report["tenants_created"]),
        (&json!(5), &json!(4), &json!(1), &json!(["acme", "other"])),
        "{report}"
    );
    let error = report["errors"][0].as_str().unwrap();
    assert!(error.starts_with("line 3: not sent: \"...\" can't be a tenant"), "{error}");
    server.admin().found("", 4);

    for more in [&["--check"][..], &[]] {
        let arguments = [&["--format", "generic", "--tenant", "a b"], more, &[name]].concat();
        let (_, words) = import(&server, &installation, 2, &arguments);
        assert!(words.contains("--tenant \"a b\": a tenant name has"), "{words}");
    }
}

#[test]
fn a_server_that_gives_no_answer_is_waited_for_aloud_and_its_records_count_as_not_sent() {
    let installation = Installation::new();
    let server = installation.start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(client);
            let mut body = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(length) = line.to_lowercase().strip_prefix("content-length: ") {
                    body = length.trim().parse().unwrap();
                }
                line.clear();
            }
            reader.read_exact(&mut vec![0; body]).unwrap();
            let answer = "HTTP/1.1 503 Unavailable\r\nRetry-After: 0\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    let file = installation.path("events.ndjson");
    fs::write(&file, lines("acme", 0..7)).unwrap();
    let arguments = ["--format", "generic", "--url", &url, file.to_str().unwrap()];
    let (report, words) = import(&server, &installation, 3, &arguments);
    assert_eq!((&report["records"], &report["not_sent"]), (&json!(7), &json!(7)), "{report}");
    assert_eq!(
        words.matches("the server answers 503; waiting, and trying again 6 times").count(),
        1,
        "{words}"
    );
    assert!(report["errors"][0].as_str().unwrap().starts_with("lines 1 to 7: not sent"), "{report}");
}
