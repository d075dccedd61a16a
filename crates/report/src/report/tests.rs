use indelible_access::{EventView, Recognised};
use jiff::tz::TimeZone;
use serde_json::json;

use super::*;
use crate::{Format, Head, Written, testing::view};

/// The event behind the seed's examples.
fn example() -> EventView {
    view(
        r#"{"id":"e-1","time":"2021-11-17T13:07:00Z","tenant":"acme",
        "source":{"application":"MiaRec","component":"web"},"action":"Login",
        "actor":{"username":"ada","tenant":"Customer A","groups":["Agents","QA"]},
        "client":{"ip":"85.223.209.22"},"targets":[{"type":"Reports","id":"r"}],
        "related":[{"id":"d67fcacc-617c-4f3e-b507-d3415680bd0b","type":"reports"}],
        "details":"Action send_email on resource reports",
        "changes":[{"field":"to","old":"a","new":["b"]},{"field":"cc","old":null},{"field":"bcc","new":""}]}"#,
    )
}

fn plan(definition: Definition, format: Format) -> ReportPlan {
    ReportPlan { zone: TimeZone::get("Europe/Rome").unwrap(), ..ReportPlan::new(definition, format) }
}

fn made(plan: ReportPlan, events: &[EventView]) -> (Vec<u8>, Written) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report");
    let mut report = ReportBuilder::create(&path, plan).unwrap();
    events.iter().try_for_each(|event| report.add(event, None)).unwrap();
    let written = report.finish().unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    (std::fs::read(path).unwrap(), written)
}

/// The rows of a report as CSV.
fn rows(definition: Definition, events: &[EventView]) -> Vec<Vec<String>> {
    let (csv, _) = made(plan(definition, Format::Csv), events);
    let reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&csv[..]);
    let row = |row: Result<csv::StringRecord, _>| row.unwrap().iter().map(str::to_owned).collect();
    reader.into_records().map(row).collect()
}

fn with_columns(columns: &[ReportColumn], group_by: &[Group]) -> Definition {
    let columns = (!columns.is_empty()).then(|| columns.to_vec());
    Definition { columns, group_by: group_by.to_vec(), ..Definition::new(ReportKind::Details) }
}

fn event(person: &str, action: &str, day: u8, result: &str) -> EventView {
    view(&format!(
        r#"{{"time":"2026-03-{day:02}T10:00:00Z","tenant":"acme","actor":{{"username":"{person}"}},"action":"{action}",
        "client":{{"ip":"10.0.0.{day}"}},"outcome":{{"result":"{result}"}},"targets":[{{"type":"user","name":"bo"}}]}}"#
    ))
}

#[test]
fn the_details_have_the_headers_and_forms_of_the_seed() {
    let expected = [
        (ReportColumn::Id, "Audit - ID", "e-1"),
        (ReportColumn::DateTime, "Audit - Date/Time", "Nov 17, 2021, 2:07 PM"),
        (ReportColumn::Initiator, "Audit - Initiator (User)", "ada"),
        (ReportColumn::Resource, "Audit - Resource", "Reports"),
        (ReportColumn::Action, "Audit - Action", "Login"),
        (ReportColumn::Details, "Audit - Details", "Action send_email on resource reports"),
        (ReportColumn::Date, "Audit - Date", "Nov 17, 2021"),
        (ReportColumn::Time, "Audit - Time", "2:07 PM"),
        (ReportColumn::Application, "Audit - Application", "web"),
        (ReportColumn::InitiatorIp, "Audit - Initiator IP", "85.223.209.22"),
        (ReportColumn::Tenant, "Audit - Tenant", "Customer A"),
        (ReportColumn::UserGroups, "Audit - User Group(s)", "Agents, QA"),
        (ReportColumn::RelatedTo, "Audit - Related To", "d67fcacc-617c-4f3e-b507-d3415680bd0b (reports)"),
        (ReportColumn::Data, "Audit - Data", ""),
        (ReportColumn::ModifiedData, "Audit - Modified Data", "to: \"a\" → [\"b\"]\ncc: null →\nbcc: → \"\""),
        (ReportColumn::Rows, "# of rows", ""),
    ];
    let columns: Vec<_> = expected.iter().map(|(column, ..)| *column).collect();
    assert_eq!(columns, ReportColumn::OF_DETAILS);
    let mut clock = crate::clock::Clock::new(TimeZone::get("Europe/Rome").unwrap());
    let event = example();
    for (column, heading, cell) in expected {
        let cell = if column == ReportColumn::Data { event.to_json() } else { cell.to_owned() };
        assert_eq!((column.heading(), &*column.cell(&event, None, &mut clock)), (heading, &*cell));
        assert_eq!(ReportColumn::parse(column.as_str()), Some(column));
    }
    assert_eq!(ReportColumn::Data.cell(&event, Some("{ }"), &mut clock), "{ }");
}

#[test]
fn times_are_those_of_clocks_with_two_times_twelve_hours() {
    let mut clock = crate::clock::Clock::new(TimeZone::UTC);
    for (time, shown) in [
        ("2021-01-02T00:00:59Z", "Jan 2, 2021, 12:00 AM"),
        ("2021-01-02T00:09:00Z", "Jan 2, 2021, 12:09 AM"),
        ("2021-12-31T11:59:00Z", "Dec 31, 2021, 11:59 AM"),
        ("2021-12-31T12:00:00Z", "Dec 31, 2021, 12:00 PM"),
        ("2021-12-31T23:59:59.999999Z", "Dec 31, 2021, 11:59 PM"),
    ] {
        let event = view(&format!(r#"{{"action":"a","time":"{time}"}}"#));
        assert_eq!(ReportColumn::DateTime.cell(&event, None, &mut clock), shown);
    }
}

#[test]
fn cells_fall_back_to_what_there_is() {
    let mut clock = crate::clock::Clock::new(TimeZone::UTC);
    let mut of = |column: ReportColumn, json: serde_json::Value| {
        let mut json = json;
        json["action"] = "a".into();
        column.cell(&view(&json.to_string()), None, &mut clock).into_owned()
    };
    for (column, json, cell) in [
        (ReportColumn::Application, json!({"source": {"application": "x"}}), "x"),
        (ReportColumn::Tenant, json!({"tenant": "t"}), "t"),
        (ReportColumn::RelatedTo, json!({"targets": [{"type": "user", "id": "7"}]}), "7 (user)"),
        (ReportColumn::RelatedTo, json!({"targets": [{"type": "user"}]}), ""),
        (
            ReportColumn::RelatedTo,
            json!({"related": [{"id": "1"}, {"type": "call", "id": "2"}]}),
            "1, 2 (call)",
        ),
        (ReportColumn::Initiator, json!({"actor": {"first_name": "Ada", "last_name": "L"}}), "Ada L"),
        (ReportColumn::Initiator, json!({}), ""),
        (ReportColumn::ModifiedData, json!({}), ""),
    ] {
        assert_eq!(of(column, json.clone()), cell, "{json}");
    }
    let mut event = view(r#"{"action":"a","actor":{"id":"ada"}}"#);
    let groups = Some(vec!["Support".to_owned()]);
    event.added.recognised =
        vec![Recognised { place: "/actor".into(), user: "u".into(), groups, roles: None }];
    let mut clock = crate::clock::Clock::new(TimeZone::UTC);
    assert_eq!(ReportColumn::UserGroups.cell(&event, None, &mut clock), "Support");
}

#[test]
fn columns_are_chosen_and_ordered_and_the_rows_counted_at_the_end() {
    let definition = with_columns(&[ReportColumn::Action, ReportColumn::Initiator], &[]);
    let events = [event("ada", "Login", 1, "success"), event("=bo", "Logout", 2, "success")];
    let expected = [
        ["Audit - Action", "Audit - Initiator (User)"],
        ["Login", "ada"],
        ["Logout", "'=bo"],
        ["# of rows", "2"],
    ];
    assert_eq!(rows(definition.clone(), &events), expected);
    let untotalled = Definition { totals: false, ..definition };
    assert_eq!(rows(untotalled, &events), expected[..3]);
    let single = rows(with_columns(&[ReportColumn::Action], &[]), &events);
    assert_eq!(single[3], ["# of rows: 2"]);
}

#[test]
fn the_column_of_rows_counts_alike_events() {
    let events = ["ada", "bo", "ada", "ada"].map(|person| event(person, "Login", 1, "success"));
    let definition = with_columns(&[ReportColumn::Initiator, ReportColumn::Rows], &[]);
    let expected = [["Audit - Initiator (User)", "# of rows"], ["ada", "3"], ["bo", "1"], ["Total", "4"]];
    assert_eq!(rows(definition, &events), expected);
    let before = with_columns(&[ReportColumn::Rows, ReportColumn::Initiator], &[]);
    assert_eq!(rows(before, &events)[1..], [["3", "ada"], ["1", "bo"], ["4", "Total"]]);
    assert_eq!(rows(with_columns(&[ReportColumn::Rows], &[]), &events), [["# of rows"], ["4"]]);
}

#[test]
fn groups_have_sums_and_days_are_in_order() {
    let events = [
        event("ada", "Login", 2, "success"),
        event("ada", "Logout", 1, "success"),
        event("bo", "Login", 2, "failure"),
        event("bo", "Login", 11, "failure"),
    ];
    let definition = with_columns(&[], &[Group::Day, Group::Outcome, Group::Initiator]);
    let expected = [
        ["Audit - Date", "Audit - Outcome", "Audit - Initiator (User)", "# of rows"],
        ["Mar 1, 2026", "Success", "ada", "1"],
        ["Mar 2, 2026", "Failure", "bo", "1"],
        ["Mar 2, 2026", "Success", "ada", "1"],
        ["Subtotal: Mar 2, 2026", "", "", "2"],
        ["Mar 11, 2026", "Failure", "bo", "1"],
        ["Total", "", "", "4"],
    ];
    assert_eq!(rows(definition, &events), expected);
}

#[test]
fn ready_made_reports_count_what_they_say() {
    let events = [
        event("ada", "Login", 2, "success"),
        event("ada", "Login", 3, "failure"),
        event("bo", "Login", 4, "denied"),
        view(r#"{"action":"Login","time":"2026-03-05T10:00:00Z"}"#),
    ];
    let sign_ins = rows(Definition::new(ReportKind::SignIns), &events);
    let expected = [
        ["Person", "Events", "Successes", "Failures", "Neither", "Last success", "Last failure", "Addresses"],
        ["ada", "2", "1", "1", "0", "Mar 2, 2026, 11:00 AM", "Mar 3, 2026, 11:00 AM", "10.0.0.2, 10.0.0.3"],
        ["(none)", "1", "0", "0", "1", "", "", ""],
        ["bo", "1", "0", "1", "0", "", "Mar 4, 2026, 11:00 AM", "10.0.0.4"],
        ["Total", "4", "1", "2", "1", "", "", ""],
    ];
    assert_eq!(sign_ins, expected);
    let changes = rows(Definition::new(ReportKind::Changes), &events[..3]);
    assert_eq!(changes[..2], [["By", "Action", "Resource", "Changes"], ["ada", "Login", "user", "2"]]);
    let activity = rows(Definition::new(ReportKind::Activity), &events[..3]);
    let row = ["acme", "3", "1", "2", "0", "Mar 2, 2026, 11:00 AM", "Mar 4, 2026, 11:00 AM"];
    assert_eq!(activity[1], row);
    let deletions = rows(Definition::new(ReportKind::Deletions), &events[..1]);
    assert_eq!(deletions[1], ["Mar 2, 2026, 11:00 AM", "ada", "Login", "user", "bo", "acme", ""]);
    let users = rows(Definition::new(ReportKind::NewUsers), &events[..1]);
    assert_eq!(users[1], ["Mar 2, 2026, 11:00 AM", "bo", "user", "ada", "acme", ""]);
}

#[test]
fn a_review_of_access_is_of_people_and_other_reports_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r");
    let definition = Definition::new(ReportKind::AccessReview);
    let mut review = ReportBuilder::create(&path, plan(definition, Format::Csv)).unwrap();
    assert!(matches!(review.add(&example(), None), Err(crate::ReportError::People)));
    let person = ReviewedPerson { username: "ada".into(), roles: vec!["A".into()], ..Default::default() };
    review.add_person(&person).unwrap();
    assert_eq!(review.finish().unwrap().rows, 1);
    let csv = std::fs::read_to_string(&path).unwrap();
    assert_eq!(csv, "Username,Name,Roles,Groups,State,Last sign-in\r\nada,,A,,,never\r\n# of rows,1,,,,\r\n");
    let details = ReportPlan::new(Definition::new(ReportKind::Details), Format::Csv);
    let mut details = ReportBuilder::create(&dir.path().join("d"), details).unwrap();
    assert!(matches!(details.add_person(&person), Err(crate::ReportError::People)));
}

#[test]
fn pages_hold_so_many_rows_and_say_what_they_left_out() {
    let events = vec![example(); 5];
    for definition in [Definition::new(ReportKind::Details), with_columns(&[ReportColumn::Id], &[])] {
        let plan = ReportPlan { rows_max: 2, ..plan(definition.clone(), Format::Html) };
        let (html, written) = made(plan, &events);
        let html = String::from_utf8(html).unwrap();
        assert_eq!((written.rows, written.left_out), (2, 3));
        assert!(html.contains("the first 2 rows; 3 more were found and left out"), "{html}");
        let all = ReportPlan { rows_max: 2, ..self::plan(definition, Format::Csv) };
        assert_eq!(made(all, &events).1.rows, 5);
    }
}

#[test]
fn says_what_is_wrong_with_a_definition_and_where() {
    let column = |kind, columns: &[ReportColumn]| Definition {
        columns: Some(columns.to_vec()),
        ..Definition::new(kind)
    };
    let twice = [ReportColumn::Id, ReportColumn::Date, ReportColumn::Id];
    for (definition, wrong) in [
        (column(ReportKind::Details, &[]), Some("/columns")),
        (column(ReportKind::Details, &twice), Some("/columns/2")),
        (column(ReportKind::Details, &[ReportColumn::Target]), Some("/columns/0")),
        (column(ReportKind::SignIns, &[ReportColumn::Id]), Some("/columns")),
        (with_columns(&[], &[Group::Day, Group::Day]), Some("/group_by/1")),
        (
            Definition { group_by: vec![Group::Day], ..Definition::new(ReportKind::Activity) },
            Some("/group_by/0"),
        ),
        (with_columns(&[ReportColumn::Date, ReportColumn::Rows], &[Group::Day]), None),
    ] {
        assert_eq!(definition.check().err().map(|error| error.field).as_deref(), wrong);
        let dir = tempfile::tempdir().unwrap();
        let created = ReportBuilder::create(&dir.path().join("r"), plan(definition, Format::Csv));
        assert_eq!(created.is_err(), wrong.is_some());
    }
}

#[test]
fn every_kind_makes_a_file_of_every_format_from_nothing_and_from_hostile_texts() {
    let hostile = view(
        &json!({
            "action": "=1+1\u{0}<script>alert(1)</script>\u{202e}", "details": "x".repeat(1 << 20),
            "time": "2026-03-01T00:00:00Z", "tenant": "a",
            "actor": {"username": "@\"><img src=x onerror=alert(1)>"},
            "targets": [{"type": "</style><script>", "name": ") Tj endstream", "id": "\r\n"}],
            "parameters": (0..10_000).map(|n| (format!("p{n}"), json!(n))).collect::<serde_json::Map<_, _>>(),
        })
        .to_string(),
    );
    let counted = with_columns(&[ReportColumn::Action, ReportColumn::Rows], &[Group::Resource]);
    for definition in ReportKind::ALL.map(Definition::new).into_iter().chain([counted]) {
        for format in Format::OF_REPORTS {
            for events in [&[][..], &[hostile.clone(), hostile.clone()]] {
                let events = if definition.kind.is_of_people() { &[] } else { events };
                let (file, _) = made(plan(definition.clone(), format), events);
                let begin: &[u8] = match format {
                    Format::Pdf => b"%PDF-1.7",
                    Format::Xlsx => b"PK",
                    Format::Html => b"<!doctype html>",
                    _ => b"",
                };
                assert!(file.starts_with(begin) && !file.is_empty(), "{definition:?} {format:?}");
                if format == Format::Html {
                    let html = String::from_utf8(file).unwrap();
                    assert!(!html.contains("<script") && !html.contains("<img") && !html.contains('\0'));
                    assert_eq!(html.matches("</style>").count(), 1);
                }
            }
        }
    }
}

#[test]
fn a_report_as_html_is_whole_in_itself() {
    let head = Head {
        title: "Sign-ins & more".into(),
        lines: vec![("Zone".into(), "Europe/Rome".into())],
        footer: "tree size 4".into(),
        made_at: None,
    };
    let definition = with_columns(&[ReportColumn::Initiator, ReportColumn::Rows], &[Group::Initiator]);
    let plan = ReportPlan { head, ..plan(definition, Format::Html) };
    let events = [event("ada", "Login", 2, "success"), event("<b>", "Login", 3, "failure")];
    let dir = tempfile::tempdir().unwrap();
    let html = preview(dir.path(), plan, events.iter().map(|event| (event, None)), &[]).unwrap();
    let style = html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let html = html.replace(style, "STYLE").replace(&crate::style_hash(), "HASH");
    let svg = html.split("<svg").nth(1).unwrap().split("</svg>").next().unwrap();
    assert!(svg.contains("aria-label=\"Events by initiator\"") && svg.contains(">&lt;b&gt;</text>"), "{svg}");
    let html = html.replace(svg, "SVG");
    let expected = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'HASH'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Sign-ins &amp; more</title>
<style>STYLE</style>
</head>
<body>
<main>
<h1>Sign-ins &amp; more</h1>
<dl>
<dt>Zone</dt><dd>Europe/Rome</dd>
</dl>
<figure>
<svgSVG</svg>
</figure>
<div class="table">
<table>
<caption>Sign-ins &amp; more</caption>
<thead>
<tr><th scope="col">Audit - Initiator (User)</th><th scope="col" class="number"># of rows</th></tr>
</thead>
<tbody>
<tr class="row"><td>&lt;b&gt;</td><td class="number">1</td></tr>
<tr class="row even"><td>ada</td><td class="number">1</td></tr>
<tr class="row sum total"><th scope="row">Total</th><td class="number">2</td></tr>
</tbody>
</table>
</div>
<footer>tree size 4</footer>
</main>
</body>
</html>
"#;
    assert_eq!(html, expected);
}
