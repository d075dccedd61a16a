//! Importing real records of other products, and looking at them with `search` and `count`.

use std::{collections::BTreeSet, fs, process::Output};

use serde_json::{Value, json};

use crate::support::{Installation, Server, project_file};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Imports a file of `testdata/events` and returns the report.
#[track_caller]
fn import(server: &Server, installation: &Installation, arguments: &[&str], file: &str) -> Value {
    let file = project_file(&format!("testdata/events/{file}"));
    let arguments = [&["import", "--json"], arguments, &[file.to_str().unwrap()]].concat();
    serde_json::from_slice(&server.run(installation, &arguments).stdout).unwrap()
}

/// Lines of a file of `testdata/events`.
fn records(file: &str) -> Vec<String> {
    let text = fs::read_to_string(project_file(&format!("testdata/events/{file}"))).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn cloudtrail_records_are_stored_whole_found_and_not_stored_twice() {
    let installation = Installation::new();
    let server = installation.start();
    let arguments = ["--format", "aws-cloudtrail", "--create-tenants"];
    let report = import(&server, &installation, &arguments, "aws-cloudtrail.ndjson");
    let lines = records("aws-cloudtrail.ndjson");
    assert_eq!(
        (&report["records"], &report["accepted"]),
        (&json!(lines.len()), &json!(lines.len())),
        "{report}"
    );
    assert_eq!(
        (&report["rejected"], &report["not_sent"], &report["duplicates"]),
        (&json!(0), &json!(0), &json!(0)),
        "{report}"
    );
    let admin = server.admin();
    let page = admin.found("", lines.len() as u64);
    assert_eq!(page["data"].as_array().unwrap().len(), 1000);

    // Every record's own bytes, by the vendor's own id.
    for line in lines.iter().step_by(97) {
        let record: Value = serde_json::from_str(line).unwrap();
        let id = record["eventID"].as_str().unwrap();
        assert_eq!(admin.get(&format!("/v1/events/{id}/original")).expect(200).text(), *line);
        let event = admin.read(&format!("/v1/events/{id}"));
        assert_eq!(event["action"], record["eventName"], "{id}");
        let time: jiff::Timestamp = record["eventTime"].as_str().unwrap().parse().unwrap();
        assert_eq!(event["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap(), time, "{id}");
        assert!(!event["summary"].as_str().unwrap().is_empty(), "{id}");
    }
    let failed = lines
        .iter()
        .filter(|line| serde_json::from_str::<Value>(line).unwrap()["errorCode"].is_string())
        .count();
    assert!(failed > 0);
    let refused = &admin.read("/v1/events?total=true&application=!indelible&outcome=!success")["total"];
    assert_eq!(*refused, failed);

    // In other batches, so that no Idempotency-Key recognises them: the vendor's ids do.
    let again = import(
        &server,
        &installation,
        &[&arguments[..], &["--batch", "700"]].concat(),
        "aws-cloudtrail.ndjson",
    );
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(lines.len())), "{again}");
    // In the same ones: the first answers again.
    import(&server, &installation, &arguments, "aws-cloudtrail.ndjson");
    assert_eq!(admin.read("/v1/events?total=true&application=!indelible")["total"], lines.len());
    server.stop();
    assert_eq!(installation.verify().code, Some(0));
}

#[test]
fn wikipedia_edits_go_to_the_tenants_that_they_name() {
    let installation = Installation::new();
    let server = installation.start();
    let arguments = ["--format", "wikipedia", "--create-tenants", "--batch", "500"];
    let report = import(&server, &installation, &arguments, "wikipedia-edits.ndjson");
    let lines = records("wikipedia-edits.ndjson");
    assert_eq!(report["accepted"], lines.len(), "{report}");
    let channels: BTreeSet<String> = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["channel"].as_str().unwrap()[1..].to_owned())
        .collect();
    assert_eq!(report["tenants_created"].as_array().unwrap().len(), channels.len());
    let admin = server.admin();
    admin.found("", lines.len() as u64);
    for channel in &channels {
        let expected =
            lines.iter().filter(|line| line.contains(&format!("\"channel\":\"#{channel}\""))).count();
        let page = admin.read(&format!("/v1/events?total=true&limit=1&tenant={channel}"));
        assert_eq!(page["total"], expected, "{channel}");
    }
}

#[test]
fn an_import_can_be_tried_interrupted_and_aimed_at_one_tenant() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    let sample: Vec<_> = records("wikipedia-edits.ndjson").into_iter().take(300).collect();
    let file = installation.path("edits.ndjson");
    fs::write(&file, sample.join("\n")).unwrap();
    let name = file.to_str().unwrap();
    let run = |arguments: &[&str]| -> Output {
        server
            .command(
                &installation,
                &[&["import", "--format", "wikipedia", "--json"], arguments, &[name]].concat(),
            )
            .output()
            .unwrap()
    };

    // A trial stores nothing.
    let tried = run(&["--check"]);
    assert!(tried.status.success(), "{}", text(&tried.stderr));
    assert_eq!(admin.read("/v1/events?total=true&application=!indelible")["total"], 0);
    // Without the tenants everything is refused, by name, and the exit code says so.
    let refused = run(&[]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    let report: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(report["rejected"], 300, "{report}");
    assert!(report["errors"][0].as_str().unwrap().contains("tenant_forbidden"), "{report}");

    admin.tenant("wiki");
    let aimed = run(&["--tenant", "wiki", "--restart"]);
    assert!(aimed.status.success(), "{}", text(&aimed.stderr));
    admin.found("tenant=wiki", 300);

    // A file that breaks off in the middle: what came before is stored, and the mended file goes on from there.
    let cut = [&sample.join("\n"), "\n{\"time\":\"2015-09-12T00:4"].concat();
    fs::write(&file, cut).unwrap();
    let broken = run(&["--create-tenants", "--batch", "100"]);
    assert!(!broken.status.success());
    let total =
        admin.read("/v1/events?total=true&application=!indelible&tenant=!wiki")["total"].as_u64().unwrap();
    assert!(total <= 300);
    fs::write(&file, sample.join("\n")).unwrap();
    let mended = run(&["--create-tenants", "--restart"]);
    assert!(mended.status.success(), "{}", text(&mended.stderr));
    admin.found("tenant=!wiki", 300);
}

#[test]
fn what_is_not_understood_is_reported_and_kept() {
    let installation = Installation::new();
    let server = installation.start();
    let mut record: Value = serde_json::from_str(&records("aws-cloudtrail.ndjson")[0]).unwrap();
    record["brandNewField"] = json!({"inner": 7});
    let line = record.to_string();
    let file = installation.path("one.ndjson");
    fs::write(&file, &line).unwrap();
    let arguments =
        ["import", "--json", "--format", "aws-cloudtrail", "--create-tenants", file.to_str().unwrap()];
    let report: Value = serde_json::from_slice(&server.run(&installation, &arguments).stdout).unwrap();
    let not_understood = report["not_understood"].as_object().unwrap();
    assert!(not_understood.keys().any(|path| path.contains("brandNewField")), "{report}");
    let admin = server.admin();
    let event = &admin.found("", 1)["data"][0];
    assert_eq!(event["data"]["brandNewField"], json!({"inner": 7}), "{event}");
    let original = format!("/v1/events/{}/original", event["id"].as_str().unwrap());
    assert_eq!(admin.get(&original).expect(200).text(), line);
}

#[test]
fn search_shows_a_table_json_or_csv_and_count_a_number() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    let event = |n: u64, username: &str, details: &str| {
        json!({"id": format!("e{n}"), "tenant": "acme", "time": format!("2026-03-01T00:00:0{n}Z"), "action": "user.update",
               "actor": {"username": username}, "details": details, "outcome": {"result": "success"}})
    };
    let nasty = "a,\"quoted\"\nline";
    admin
        .send(&json!([
            event(1, "ada", "plain"),
            event(2, "=HYPERLINK(1)", nasty),
            event(3, "\u{1b}[31mred", "x")
        ]))
        .expect(201);
    admin.found("", 3);

    let table = text(&server.run(&installation, &["search"]).stdout);
    let lines: Vec<_> = table.lines().filter(|line| line.contains("2026-03-01")).collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(!table.contains('\u{1b}'), "an event steers the terminal: {table:?}");
    assert!(table.find("red").unwrap() < table.find("ada").unwrap(), "newest first: {table}");

    let json = text(
        &server
            .run(&installation, &["search", "--tenant", "acme", "--format", "json", "--limit", "2"])
            .stdout,
    );
    let events: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.iter().map(|event| event["id"].clone()).collect::<Vec<_>>(), ["e3", "e2"]);

    let csv = server.run(&installation, &["search", "--tenant", "acme", "--all", "--format", "csv"]).stdout;
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!((&rows[1][column("Actor")], &rows[1][column("Details")]), ("'=HYPERLINK(1)", nasty));
    assert_eq!(&rows[2][column("Time")], "2026-03-01 00:00:01.000000 +00:00");

    let found = text(&server.run(&installation, &["search", "--json", "plain"]).stdout);
    assert_eq!(found.lines().count(), 1, "{found}");
    assert_eq!(text(&server.run(&installation, &["count", "action=user.update"]).stdout), "3\n");
    let since = server
        .run(&installation, &["count", "--json", "--tenant", "acme", "--since", "2026-03-01T00:00:02Z"])
        .stdout;
    assert_eq!(serde_json::from_slice::<Value>(&since).unwrap()["total"], 2);
    let wrong = server.command(&installation, &["search", "acton=x"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("did you mean action?"), "{}", text(&wrong.stderr));
}
