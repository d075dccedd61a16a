//! The formats: every sample goes in whole, files are recognised, mappings of one's own are brought along and checked.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::{Value, json};

use crate::support::{Api, Installation, Server, project_file};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn run(server: &Server, installation: &Installation, arguments: &[&str]) -> Output {
    server.command(installation, &[&["import"], arguments].concat()).output().unwrap()
}

/// Runs an import that must end with `code`; returns its JSON and its words.
#[track_caller]
fn import(server: &Server, installation: &Installation, code: i32, arguments: &[&str]) -> (Value, String) {
    let output = run(server, installation, &[&["--json"], arguments].concat());
    let words = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}{}", text(&output.stdout));
    (serde_json::from_slice(&output.stdout).unwrap_or(Value::Null), words)
}

/// Every sample of `testdata/importers` with its folder's name.
fn samples() -> Vec<(String, PathBuf)> {
    let sorted = |directory: &Path| {
        let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let mut samples = Vec::new();
    for folder in sorted(&project_file("testdata/importers")).into_iter().filter(|path| path.is_dir()) {
        let format = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let is_sample = |path: &PathBuf| path.extension().is_some_and(|end| end == "ndjson" || end == "log");
        samples.extend(sorted(&folder).into_iter().filter(is_sample).map(|path| (format.clone(), path)));
    }
    samples
}

/// The records of a sample as they are stored: a line of text stands in a record of its own.
fn records(sample: &Path) -> Vec<String> {
    let file = fs::read_to_string(sample).unwrap();
    let lines = file.lines().map(str::trim_end).filter(|line| !line.trim().is_empty());
    let record = |line: &str| match line.trim_start().starts_with('{') {
        true => line.to_owned(),
        false => json!({ "message": line }).to_string(),
    };
    lines.map(record).collect()
}

fn counts(items: impl Iterator<Item = String>) -> BTreeMap<String, u64> {
    items.fold(BTreeMap::new(), |mut counts, item| {
        *counts.entry(item).or_default() += 1;
        counts
    })
}

fn encoded(id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    id.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The bytes of every event of a tenant, as they were sent.
fn originals(admin: &Api, tenant: &str, total: u64) -> BTreeMap<String, u64> {
    let page = admin.found(&format!("tenant={tenant}"), total);
    let events = page["data"].as_array().unwrap().clone();
    assert_eq!(events.len() as u64, total, "{tenant}");
    counts(events.iter().map(|event| {
        let id = encoded(event["id"].as_str().unwrap());
        admin.get(&format!("/v1/events/{id}/original?tenant={tenant}")).expect(200).text()
    }))
}

#[test]
fn every_sample_is_recognised_and_imported_without_a_lost_record() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    let samples = samples();
    assert!(samples.len() > 30, "{} samples", samples.len());
    for (number, (format, sample)) in samples.iter().enumerate() {
        // A tenant for each: their ids are the vendors', and must not meet.
        let tenant = format!("t{number}");
        admin.tenant(&tenant);
        let arguments = ["--format", "auto", "--tenant", &tenant, sample.to_str().unwrap()];
        let (report, words) = import(&server, &installation, 0, &arguments);
        let place = sample.display();
        assert!(words.contains(&format!("format: {format} (confidence ")), "{place}: {words}");
        let sent = records(sample);
        assert_eq!(report["records"], sent.len(), "{place}: {report}");
        assert_eq!((&report["rejected"], &report["not_sent"]), (&json!(0), &json!(0)), "{place}: {report}");
        let (accepted, known) =
            (report["accepted"].as_u64().unwrap(), report["duplicates"].as_u64().unwrap());
        assert_eq!(accepted + known, sent.len() as u64, "{place}: {report}");
        // A record that stands in the file twice under the vendor's own id is stored once; nothing else is missing.
        let stored = originals(&admin, &tenant, accepted);
        let sent = counts(sent.into_iter());
        assert_eq!(stored.keys().collect::<Vec<_>>(), sent.keys().collect::<Vec<_>>(), "{place}");
        for (record, count) in &stored {
            assert!(count <= &sent[record], "{place}: stored more often than sent: {record}");
        }
    }
    server.stop();
    assert_eq!(installation.verify().code, Some(0));
}

#[test]
fn a_file_tells_its_format_or_nothing_is_imported() {
    let installation = Installation::new();
    let server = installation.start();
    let okta = project_file("testdata/importers/okta/panther.ndjson");
    let okta = okta.to_str().unwrap();
    let (known, _) = import(&server, &installation, 0, &["--detect", okta]);
    assert_eq!((&known["format"], &known["undecided"]), (&json!("okta"), &Value::Null), "{known}");
    let best = &known["candidates"][0];
    assert!(best["confidence"].as_f64().unwrap() >= 0.5 && best["fitting"].as_u64() > Some(0), "{best}");
    assert!(!best["evidence"].as_array().unwrap().is_empty(), "{best}");
    let said = text(&run(&server, &installation, &["--detect", okta]).stdout);
    assert!(said.contains("  okta (Okta") && said.contains("of their fields are known"), "{said}");

    let odd = installation.path("odd.json");
    fs::write(&odd, "{\"package\":\"x\",\"dependencies\":{}}\n").unwrap();
    let odd = odd.to_str().unwrap();
    let (unknown, words) = import(&server, &installation, 1, &["--detect", odd]);
    assert_eq!((&unknown["format"], &unknown["candidates"]), (&Value::Null, &json!([])), "{unknown}");
    assert!(words.contains("no known format fits the first records"), "{words}");
    let (_, words) = import(&server, &installation, 1, &["--format", "auto", odd]);
    assert!(words.contains("can't be told") && words.contains("nothing was imported"), "{words}");

    // An empty file tells nothing, whoever asks; by a name it is an import of nothing.
    let empty = installation.path("empty.json");
    fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    import(&server, &installation, 1, &["--detect", empty]);
    import(&server, &installation, 1, &["--format", "auto", empty]);
    import(&server, &installation, 0, &["--format", "okta", empty]);

    // One that is possible and not likely is named, and not taken.
    let bare = installation.path("bare.json");
    fs::write(&bare, "{\"action\":\"x\",\"colour\":1}\n").unwrap();
    let (_, words) = import(&server, &installation, 1, &["--format", "auto", bare.to_str().unwrap()]);
    assert!(words.contains("generic (Generic)") && words.contains("not likely enough"), "{words}");
    assert_eq!(server.admin().read("/v1/events?total=true&application=!indelible")["total"], 0);
}

const DOORS: &str = r#"name = "door-log"
version = 1
title = "Door log"

[tables.outcomes]
opened = "success"
refused = "denied"

[event]
id = "entryId"
time = "at | time 'ms'"
action = "'door {kind}'"

[event.actor]
type = "'user'"
id = "badge.holder.id"

[event.outcome]
result = "state | lookup outcomes"
"#;

fn door(n: u64, state: &str) -> String {
    json!({"entryId": format!("d{n}"), "at": 1_772_355_600_000_u64 + n, "kind": "open", "state": state,
           "badge": {"holder": {"id": n % 3}}})
    .to_string()
}

#[test]
fn a_mapping_of_ones_own_is_kept_by_the_server_and_reads_the_records_after_a_restart() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    let (mapping, file) = (installation.path("door-log.toml"), installation.path("doors.ndjson"));
    fs::write(&mapping, DOORS).unwrap();
    let lines: Vec<_> = (0..20).map(|n| door(n, if n % 5 == 0 { "refused" } else { "opened" })).collect();
    fs::write(&file, lines.join("\n")).unwrap();
    let (mapping_name, name) = (mapping.to_str().unwrap(), file.to_str().unwrap());
    let arguments = ["--mapping", mapping_name, "--tenant", "acme", name];

    // A key that may only send can't add it, and can use it once it is there.
    let sender = admin.key(&["events.send"], &["acme"]);
    let as_sender = || {
        let mut command =
            server.command(&installation, &[&["import", "--json"][..], &arguments[..]].concat());
        let output = command.env("INDELIBLE_KEY", sender.key.as_ref().unwrap()).output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let (code, words) = as_sender();
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("may not add mappings"), "{words}");
    admin.found("", 0);
    let (report, words) = import(&server, &installation, 0, &arguments);
    assert_eq!(report["accepted"], 20, "{report}");
    assert!(words.contains("the server has the mapping door-log 1 now"), "{words}");
    let (code, words) = as_sender();
    assert_eq!(code, Some(0), "{words}");
    assert!(!words.contains("has the mapping"), "{words}");
    admin.found("tenant=acme", 20);
    assert_eq!(admin.found("outcome=denied", 4)["data"][0]["action"], "door open");

    let (_, words) = import(&server, &installation, 2, &[&["--format", "okta"], &arguments[..]].concat());
    assert!(words.contains("--format says \"okta\", and the mapping in"), "{words}");
    let (again, _) = import(&server, &installation, 0, &[&["--format", "generic"], &arguments[..]].concat());
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(20)), "{again}");

    // The same version with another text is refused, before anything is sent.
    fs::write(&mapping, DOORS.replace("door {kind}", "DOOR {kind}")).unwrap();
    let (_, words) = import(&server, &installation, 2, &arguments);
    assert!(
        words.contains("another text of door-log version 1") && words.contains("raise `version`"),
        "{words}"
    );
    let put = |path: &str, text: &str| {
        admin.request("PUT", path, &[("Content-Type", "application/toml")], text.as_bytes())
    };
    put("/v1/mappings/door-log", &DOORS.replace("opened", "open")).refused(409, "id_conflict");
    put("/v1/mappings/door-log", DOORS).expect(200);
    put("/v1/mappings/other", DOORS).refused(400, "invalid_event");
    let wrong =
        put("/v1/mappings/door-log", &DOORS.replace("| time 'ms'", "| tiem")).refused(400, "invalid_event");
    assert_eq!(
        (&wrong["errors"][0]["line"], &wrong["errors"][0]["field"]),
        (&json!(11), &json!("event.time")),
        "{wrong}"
    );
    sender.request("PUT", "/v1/mappings/door-log", &[], DOORS.as_bytes()).refused(403, "forbidden");

    // Another version reads what is sent for it; what is stored stays what it was.
    let second = DOORS.replace("version = 1", "version = 2").replace("door {kind}", "gate {kind}");
    fs::write(&mapping, &second).unwrap();
    fs::write(&file, door(100, "opened")).unwrap();
    import(&server, &installation, 0, &arguments);
    // The older one, though the server has a newer.
    fs::write(&mapping, DOORS).unwrap();
    fs::write(&file, door(101, "opened")).unwrap();
    import(&server, &installation, 0, &arguments);
    // By its name alone it is the newest.
    fs::write(&file, door(102, "opened")).unwrap();
    import(&server, &installation, 0, &["--format", "door-log", "--tenant", "acme", name]);
    let actions = |server: &Server| {
        let page = server.admin().found("tenant=acme", 23);
        counts(
            page["data"].as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap().to_owned()),
        )
    };
    let wanted = BTreeMap::from([("door open".to_owned(), 21), ("gate open".to_owned(), 2)]);
    assert_eq!(actions(&server), wanted);
    let told = admin.told("mapping.upload", 2);
    assert!(told.iter().all(|event| event["targets"][0]["id"] == "door-log"), "{told:?}");
    let list = admin.read("/v1/mappings");
    let of = |version: u64| {
        let mut items = list["data"].as_array().unwrap().iter();
        items.find(|item| item["name"] == "door-log" && item["version"] == version).unwrap().clone()
    };
    assert_eq!((&of(1)["origin"], &of(1)["newest"]), (&json!("uploaded"), &json!(false)), "{list}");
    assert_eq!((&of(2)["newest"], &of(2)["title"]), (&json!(true), &json!("Door log")), "{list}");
    assert_eq!(sender.get("/v1/mappings/door-log").expect(200).text(), second);
    assert_eq!(sender.get("/v1/mappings/door-log?version=1").expect(200).text(), DOORS);
    sender.get("/v1/mappings/door-log?version=7").refused(404, "not_found");
    server.stranger().get("/v1/mappings").refused(401, "unauthorized");

    // Killed, so that only what was on disk when it was answered is there; and without its index, which is made anew.
    server.kill();
    fs::remove_dir_all(installation.data().join("search")).unwrap();
    let server = installation.start();
    assert_eq!(actions(&server), wanted);
    server.stop();
    assert_eq!(installation.verify().code, Some(0), "{}", installation.verify().stderr);
}

#[test]
fn lines_of_text_are_records_too() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    let (mapping, file) = (installation.path("sudo.toml"), installation.path("sudo.log"));
    let rules = "name = \"sudo-log\"\nversion = 1\n[input]\nform = \"text\"\n[event]\naction = \"'sudo'\"\n\
                 id = \"'sudo-{hash(message)}'\"\n[event.actor]\nusername = \"message | before ' '\"\n";
    fs::write(&mapping, rules).unwrap();
    let lines = ["ada ran \"ls\"", "grace ran 'a\tb'", "{\"message\":\"eve ran x\"}"];
    fs::write(&file, lines.join("\r\n")).unwrap();
    let arguments = ["--mapping", mapping.to_str().unwrap(), "--tenant", "acme", file.to_str().unwrap()];
    let (report, _) = import(&server, &installation, 0, &arguments);
    assert_eq!((&report["records"], &report["accepted"]), (&json!(3), &json!(3)), "{report}");
    for (name, line) in [("ada", lines[0]), ("grace", lines[1]), ("eve", "eve ran x")] {
        let event = &admin.found(&format!("user={name}"), 1)["data"][0];
        let id = event["id"].as_str().unwrap();
        let original = admin.get(&format!("/v1/events/{id}/original")).expect(200).json();
        assert_eq!(original, json!({ "message": line }), "{name}");
    }
    // The program's own file, from the disk of a Linux machine.
    let audit = project_file("testdata/importers/linux-auditd/go-libaudit.ndjson");
    let lines: Vec<Value> =
        fs::read_to_string(audit).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lines: Vec<_> = lines.iter().take(20).map(|line| line["message"].as_str().unwrap()).collect();
    let log = installation.path("audit.log");
    fs::write(&log, lines.join("\n")).unwrap();
    admin.tenant("linux");
    let (report, words) =
        import(&server, &installation, 0, &["--format", "auto", "--tenant", "linux", log.to_str().unwrap()]);
    assert!(words.contains("format: linux-auditd"), "{words}");
    assert_eq!(report["accepted"], 20, "{report}");
}

#[test]
fn a_check_finds_mistakes_of_the_mapping_and_misfits_of_records_and_sends_nothing() {
    let installation = Installation::new();
    let server = installation.start();
    let (mapping, file) = (installation.path("door-log.toml"), installation.path("doors.ndjson"));
    let (mapping_name, name) = (mapping.to_str().unwrap(), file.to_str().unwrap());
    let arguments = ["--mapping", mapping_name, "--check", name];
    let lines: Vec<_> = (0..5).map(|n| door(n, "opened")).collect();
    fs::write(&file, lines.join("\n")).unwrap();

    // The mapping is none: each mistake with file, line, column and field.
    fs::write(
        &mapping,
        DOORS.replace("| time 'ms'", "| tiem").replace("type = \"'user'\"", "typ = \"'user'\""),
    )
    .unwrap();
    let (report, words) = import(&server, &installation, 2, &arguments);
    let place = format!("{mapping_name}:11:14: event.time: no step is called `tiem`; did you mean `time`?");
    assert!(words.contains(&place), "{words}");
    let place = format!("{mapping_name}:15:1: event.actor.typ: there is no `typ` here; did you mean `type`?");
    assert!(words.contains(&place), "{words}");
    assert_eq!(report["mistakes"][0]["line"], 11, "{report}");

    // A path that no record has, with what was probably meant.
    fs::write(&mapping, DOORS.replace("badge.holder.id", "badge.holer.id")).unwrap();
    let (report, _) = import(&server, &installation, 0, &arguments);
    assert_eq!(
        report["unmatched"],
        json!([{"line": 16, "column": 7, "field": "event.actor.id", "path": "badge.holer.id", "tried": 5, "meant": "holder"}]),
        "{report}"
    );
    assert_eq!(report["not_understood"], json!({"badge.holder.id": 5}), "{report}");
    let said = text(&run(&server, &installation, &arguments).stdout);
    assert!(
        said.contains(&format!(
            "{mapping_name}:16:7: event.actor.id: `badge.holer.id`; did you mean `holder`?"
        )),
        "{said}"
    );

    // Records that don't fit: the line, the field, why.
    fs::write(&mapping, DOORS).unwrap();
    let odd = [
        door(1, "opened"),
        door(2, "opened").replace("1772355600002", "\"soon\""),
        "{\"entryId\": ".to_owned(),
        "[1]".to_owned(),
        door(5, "opened").replace("\"kind\":\"open\",", ""),
    ];
    fs::write(&file, odd.join("\n")).unwrap();
    let (report, words) = import(&server, &installation, 1, &arguments);
    assert!(words.contains("2 records would be refused, 2 values don't fit"), "{words}");
    let found = |list: &str| -> Vec<(u64, String, String)> {
        let items = report[list].as_array().unwrap().iter();
        let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
        items.map(|item| (item["line"].as_u64().unwrap(), text(item, "field"), text(item, "code"))).collect()
    };
    let row = |line, field: &str, code: &str| (line, field.to_owned(), code.to_owned());
    assert_eq!(found("refusals"), [row(3, "", "malformed_json"), row(4, "", "wrong_type")], "{report}");
    assert_eq!(
        found("values"),
        [row(2, "/time", "invalid_time"), row(5, "/action", "missing_field")],
        "{report}"
    );
    let said = text(&run(&server, &installation, &arguments).stdout);
    assert!(said.contains(&format!("{name}:2: /time: \"soon\" is not a time")), "{said}");

    // Built-in formats, told or named; and nothing was sent.
    let github = project_file("testdata/importers/okta/panther.ndjson");
    for format in ["okta", "auto"] {
        let output = run(&server, &installation, &["--format", format, "--check", github.to_str().unwrap()]);
        assert!(text(&output.stdout).contains("filled (records): action "), "{}", text(&output.stderr));
    }
    assert_eq!(server.admin().read("/v1/events?total=true&application=!indelible")["total"], 0);
    assert!(
        server.admin().read("/v1/mappings")["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|item| item["name"] != "door-log")
    );

    // A name that nobody knows.
    let (_, words) = import(&server, &installation, 2, &["--format", "okat", "--check", name]);
    assert!(words.contains("\"okat\" is no format of this program and none of the server's"), "{words}");
}

#[test]
fn a_built_in_format_is_read_by_the_version_that_was_checked_and_its_name_is_nobodys() {
    let installation = Installation::new();
    let own = installation.data().join("mappings");
    fs::create_dir_all(&own).unwrap();
    let text = "name = \"okta\"\nversion = 999\n[event]\naction = \"'other'\"\n";
    fs::write(own.join("okta.toml"), text).unwrap();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    let file = project_file("testdata/importers/okta/panther.ndjson");
    let file = file.to_str().unwrap();
    // It has values that don't fit, hence 1.
    let (check, _) = import(&server, &installation, 1, &["--format", "okta", "--check", file]);
    let (report, _) = import(&server, &installation, 0, &["--format", "okta", "--tenant", "acme", file]);
    assert_eq!((&report["format"], &report["version"]), (&json!("okta"), &check["version"]), "{report}");
    let first = &admin.found("tenant=acme", report["accepted"].as_u64().unwrap())["data"][0];
    assert_ne!(first["action"], "other");

    let put = |name: &str, text: &str| {
        let path = format!("/v1/mappings/{name}");
        admin.request("PUT", &path, &[("Content-Type", "application/toml")], text.as_bytes())
    };
    let refused = put("okta", &text.replace("999", "1000")).refused(409, "id_conflict");
    assert!(refused.to_string().contains("choose another name"), "{refused}");
    let text = text.replace("okta", "door");
    let refused = put("door", &text.replace("999", "4294967295")).refused(400, "invalid_event");
    assert!(refused.to_string().contains("from 1 to 1000000"), "{refused}");
    put("door", &text.replace("999", "1000000")).expect(201);
    let mapping = own.join("okta.toml");
    fs::write(&mapping, "name = \"okta\"\nversion = 7\n[event]\naction = \"'x'\"\n").unwrap();
    let (_, words) = import(&server, &installation, 2, &["--mapping", mapping.to_str().unwrap(), file]);
    assert!(words.contains("the name of a built-in mapping") && words.contains("\"my-okta\""), "{words}");
}
