//! Reports: columns and forms of the seed, every kind in every format, whose they are, and what is left when something ends.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Answer, Api, Installation, LONG, Server, files_below, numbered, within};

pub(crate) const PASSWORD: &str = "seven green umbrellas at noon";

/// What was sent, without what the server tells of itself.
const SENT: &str = "application=!indelible&since=2026-01-01T00:00:00Z";

struct World {
    installation: Installation,
    server: Server,
    admin: Api,
}

/// So many events in each of two tenants: every third is a sign-in that fails, every third a deletion, the rest changes.
fn world(events: u64) -> World {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    for tenant in ["acme", "other"] {
        admin.tenant(tenant);
        let batch = (0..events).map(|n| {
            let mut event = numbered(tenant, n);
            event["id"] = format!("{tenant}-{n:06}").into();
            event["time"] = format!("2026-03-01T00:{:02}:{:02}Z", n / 60 % 60, n % 60).into();
            event["actor"] = json!({"type": "user", "username": format!("{tenant}-user-{}", n % 4)});
            let (action, kind, result) = match n % 3 {
                0 => ("Sign in", "login", "failure"),
                1 => ("Delete user", "delete", "success"),
                _ => ("Change user", "update", "success"),
            };
            event["action"] = action.into();
            event["action_type"] = kind.into();
            event["outcome"] = json!({ "result": result });
            event
        });
        for batch in batch.collect::<Vec<_>>().chunks(5_000) {
            admin.send(&Value::from(batch.to_vec())).expect(201);
        }
    }
    World { installation, server, admin }
}

fn definition(kind: &str, query: &str) -> Value {
    json!({"name": "", "kind": kind, "query": query})
}

/// Asks for a run; its id.
#[track_caller]
pub(crate) fn begun(api: &Api, wanted: &Value) -> String {
    let run = api.write("POST", "/v1/report-runs", wanted).expect(202).json();
    assert_eq!((&run["deliveries"], &run["mine"]), (&json!([]), &json!(true)), "{run}");
    run["id"].as_str().unwrap().to_owned()
}

/// The run, once it has ended.
#[track_caller]
pub(crate) fn end_of(api: &Api, id: &str) -> Value {
    within(LONG, "the run's end", || {
        let run = api.read(&format!("/v1/report-runs/{id}"));
        (!["queued", "running"].contains(&run["state"].as_str().unwrap())).then_some(run)
    })
}

#[track_caller]
fn ended(api: &Api, definition: &Value, format: &str) -> Value {
    let id = begun(api, &json!({"definition": definition, "format": format}));
    end_of(api, &id)
}

fn path_of(run: &Value) -> String {
    format!("/v1/report-runs/{}", run["id"].as_str().unwrap())
}

/// The file of a run, which is what the run says.
#[track_caller]
pub(crate) fn file(api: &Api, run: &Value) -> Answer {
    assert_eq!(run["state"], "completed", "{run}");
    let answer = api.get(&format!("{}/download", path_of(run))).expect(200);
    assert_eq!(hex::encode(Sha256::digest(&answer.body)), run["file"]["sha256"], "{run}");
    assert_eq!(answer.body.len() as u64, run["file"]["bytes"].as_u64().unwrap());
    assert_eq!(answer.header("x-sha256"), run["file"]["sha256"].as_str().unwrap());
    let name = run["file"]["name"].as_str().unwrap();
    assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"{name}\""));
    answer
}

fn records(csv: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(csv);
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[track_caller]
fn rows_of(api: &Api, definition: &Value) -> Vec<Vec<String>> {
    let run = ended(api, definition, "csv");
    records(&file(api, &run).body)
}

#[track_caller]
fn saved(api: &Api, report: &Value) -> String {
    api.write("POST", "/v1/reports", report).expect(201).json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_details_report_has_the_seeds_headers_and_forms_in_the_order_that_was_chosen() {
    let World { installation: _installation, server: _server, admin } = world(0);
    let original = r#"{ "id": "e-1", "tenant":"acme", "time":"2021-11-17T13:07:00Z",
      "source":{"application":"MiaRec","component":"web"}, "action":"Login", "actor":{"username":"ada","tenant":"Customer A",
      "groups":["Agents","QA"]}, "client":{"ip":"85.223.209.22"}, "targets":[{"type":"Reports","id":"r"}],
      "related":[{"id":"d67fcacc-617c-4f3e-b507-d3415680bd0b","type":"reports"}], "details":"Action send_email on resource reports",
      "changes":[{"field":"to","old":"a","new":["b"]}], "kept":"caf\u00e9,  \"as it came\" " }"#;
    admin.post("", &[("Content-Type", "application/json")], original.as_bytes()).expect(201);
    let query = "id=e-1";
    let cells = [
        ("id", "Audit - ID", "e-1"),
        ("date_time", "Audit - Date/Time", "Nov 17, 2021, 2:07 PM"),
        ("initiator", "Audit - Initiator (User)", "ada"),
        ("resource", "Audit - Resource", "Reports"),
        ("action", "Audit - Action", "Login"),
        ("details", "Audit - Details", "Action send_email on resource reports"),
        ("date", "Audit - Date", "Nov 17, 2021"),
        ("time", "Audit - Time", "2:07 PM"),
        ("application", "Audit - Application", "web"),
        ("initiator_ip", "Audit - Initiator IP", "85.223.209.22"),
        ("tenant", "Audit - Tenant", "Customer A"),
        ("user_groups", "Audit - User Group(s)", "Agents, QA"),
        ("related_to", "Audit - Related To", "d67fcacc-617c-4f3e-b507-d3415680bd0b (reports)"),
        ("data", "Audit - Data", original),
        ("modified_data", "Audit - Modified Data", "to: \"a\" → [\"b\"]"),
        ("rows", "# of rows", "1"),
    ];
    let kinds = admin.read("/v1/report-kinds");
    let details = kinds["data"].as_array().unwrap().iter().find(|kind| kind["kind"] == "details").unwrap();
    let columns = details["columns"].as_array().unwrap().iter();
    let columns: Vec<_> = columns
        .map(|column| (column["name"].as_str().unwrap(), column["heading"].as_str().unwrap()))
        .collect();
    assert_eq!(columns, cells.map(|(name, heading, _)| (name, heading)));
    let mut backwards = cells;
    backwards.reverse();
    let chosen = [cells[6], cells[13], cells[0]];
    for expected in [&cells[..], &backwards[..], &chosen[..]] {
        let names: Vec<_> = expected.iter().map(|(name, ..)| *name).collect();
        let rows = rows_of(
            &admin,
            &json!({"name": "", "kind": "details", "query": query, "columns": names, "zone": "Europe/Rome",
                "totals": false}),
        );
        assert_eq!(rows[0], expected.iter().map(|(_, heading, _)| *heading).collect::<Vec<_>>());
        assert_eq!(rows[1], expected.iter().map(|(.., cell)| *cell).collect::<Vec<_>>());
        assert_eq!(rows.len(), 2, "{rows:?}");
    }
    // Another zone, another day.
    let rows = rows_of(
        &admin,
        &json!({"name": "", "kind": "details", "query": query, "columns": ["date", "time"],
            "zone": "Pacific/Auckland", "totals": false}),
    );
    assert_eq!(rows[1], ["Nov 18, 2021", "2:07 AM"]);
}

#[test]
fn rows_are_counted_by_what_was_chosen_and_the_sums_are_right() {
    let World { installation: _installation, server: _server, admin } = world(30);
    let query = format!("tenant=acme&{SENT}");
    let rows = rows_of(
        &admin,
        &json!({"name": "", "kind": "details", "query": query, "group_by": "action", "totals": true}),
    );
    assert_eq!(rows[0], ["Audit - Action", "# of rows"]);
    let mut counted: Vec<_> = rows[1..4].to_vec();
    counted.sort();
    assert_eq!(counted, [["Change user", "10"], ["Delete user", "10"], ["Sign in", "10"]]);
    assert_eq!(rows[4].last().unwrap(), "30", "{rows:?}");
    // Of two groups the sums of the outer one stand between.
    let rows = rows_of(
        &admin,
        &json!({"name": "", "kind": "details", "query": query, "group_by": ["action", "initiator"]}),
    );
    assert_eq!(rows[0], ["Audit - Action", "Audit - Initiator (User)", "# of rows"]);
    let number = |row: &Vec<String>| row[2].parse::<u64>().unwrap();
    let plain = rows[1..].iter().filter(|row| row[1].starts_with("acme-user-"));
    assert_eq!(plain.map(number).sum::<u64>(), 30);
    let sums = rows[1..].iter().filter(|row| !row[1].starts_with("acme-user-"));
    assert_eq!(sums.map(number).collect::<BTreeSet<_>>(), [10, 30].into(), "{rows:?}");
}

#[test]
fn a_user_a_group_a_tenant_and_a_role_give_what_they_did_and_what_was_done_to_them() {
    let World { installation: _installation, server: _server, admin } = world(0);
    let event = |id: &str, actor: Value, target: Value| json!({"id": id, "tenant": "acme", "action": "a", "actor": actor, "targets": [target]});
    let (ada, bo, cy) = (
        json!({"type": "user", "username": "ada", "groups": ["Agents"], "roles": ["Chief"], "tenant": "north"}),
        json!({"type": "user", "username": "bo"}),
        json!({"type": "user", "username": "cy"}),
    );
    let sent = json!([
        event("ada-did", ada.clone(), cy.clone()),
        event("ada-met", bo.clone(), ada.clone()),
        event("neither", bo, cy)
    ]);
    admin.send(&sent).expect(201);
    for query in ["user=ada", "group=Agents", "involves_tenant=north", "role=Chief"] {
        let rows = rows_of(
            &admin,
            &json!({"name": "", "kind": "details", "query": query, "columns": ["id"], "totals": false}),
        );
        assert_eq!(rows.concat(), ["Audit - ID", "ada-did", "ada-met"], "{query}");
    }
}

#[test]
fn every_kind_is_made_in_every_format_with_the_right_figures() {
    let World { installation: _installation, server: _server, admin } = world(30);
    let query = format!("tenant=acme&{SENT}");
    admin.user("ada", Some("acme"), &json!([]), PASSWORD);
    let of = |kind: &str| match kind {
        "sign_ins" => format!("{query}&action_type=login"),
        "deletions" => format!("{query}&action_type=delete"),
        "changes" => format!("{query}&action_type=delete&action_type=update"),
        // What it begins with.
        "new_users" => "action_type=create&object=user&since=P1M".to_owned(),
        "access_review" => String::new(),
        _ => query.clone(),
    };
    let kinds = admin.read("/v1/report-kinds");
    let kinds: Vec<_> =
        kinds["data"].as_array().unwrap().iter().map(|kind| kind["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["details", "sign_ins", "changes", "deletions", "new_users", "activity", "access_review"]
    );
    for kind in kinds {
        for (format, media, begins) in [
            ("csv", "text/csv; charset=utf-8", &b""[..]),
            ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK\x03\x04"),
            ("pdf", "application/pdf", b"%PDF-"),
            ("html", "text/html; charset=utf-8", b"<!doctype html>"),
        ] {
            let run = ended(&admin, &definition(kind, &of(kind)), format);
            let file = file(&admin, &run);
            assert!(file.body.len() > 40, "{kind} {format}");
            assert!(
                file.body.to_ascii_lowercase().starts_with(&begins.to_ascii_lowercase()),
                "{kind} {format}"
            );
            assert_eq!(file.header("content-type"), media, "{kind}");
            let name = run["file"]["name"].as_str().unwrap();
            assert!(name.ends_with(&format!(".{format}")), "{name}");
            assert_eq!(run["kind"], kind);
            if format == "html" {
                assert!(!file.text().contains("<script"), "{kind}");
            }
            if format == "csv" {
                let rows = records(&file.body);
                // Who did what how often: four people in turn.
                let text = rows.iter().map(|row| row.join("|")).collect::<Vec<_>>().join("\n");
                let people = ["acme-user-0", "acme-user-1", "acme-user-2", "acme-user-3"];
                match kind {
                    "details" => {
                        assert_eq!(rows.iter().filter(|row| row[0].starts_with("acme-0")).count(), 30)
                    }
                    "sign_ins" | "changes" => {
                        for person in people {
                            assert!(rows.iter().any(|row| row[0] == person), "{kind}: {text}");
                        }
                        let sum: u64 = rows
                            .iter()
                            .filter(|row| row[0].starts_with("acme-user-"))
                            .map(|row| {
                                row[1..].iter().filter_map(|cell| cell.parse::<u64>().ok()).max().unwrap_or(0)
                            })
                            .sum();
                        assert_eq!(sum, if kind == "changes" { 20 } else { 10 }, "{kind}: {text}");
                    }
                    "deletions" => assert_eq!(text.matches("Delete user").count(), 10, "{text}"),
                    "new_users" => assert!(text.contains("ada"), "{text}"),
                    "activity" => {
                        let acme = rows.iter().find(|row| row[0] == "acme").unwrap();
                        assert!(
                            ["30", "20", "10"].iter().all(|figure| acme.contains(&(*figure).to_owned())),
                            "{text}"
                        );
                        assert!(rows.iter().all(|row| row[0] != "other"), "{text}");
                    }
                    _ => assert!(rows.iter().any(|row| row[0] == "ada"), "{text}"),
                }
            }
        }
    }
    // A saved one begins with the filters of its kind, and its file is called as it is.
    let id = saved(&admin, &json!({"name": "Who came in? März", "kind": "sign_ins"}));
    assert!(
        admin.read(&format!("/v1/reports/{id}"))["query"].as_str().unwrap().contains("action_type=login")
    );
    let run = end_of(&admin, &begun(&admin, &json!({"report": id, "format": "csv"})));
    assert!(run["file"]["name"].as_str().unwrap().starts_with("Who-came-in-M-rz-"), "{run}");
    assert_eq!((&run["report"], &run["report_name"]), (&json!(id), &json!("Who came in? März")));
}

#[test]
fn a_review_of_access_is_for_who_manages_people_and_of_whom_they_manage() {
    let World { installation: _installation, server: _server, admin } = world(0);
    let role = |name: &str, permissions: Value| {
        let role = json!({"name": name, "permissions": permissions, "reach": "territories"});
        admin.write("POST", "/v1/roles", &role).expect(201);
    };
    role("Manager", json!(["audit.read", "audit.reports", "users.manage"]));
    role("Reader", json!(["audit.read"]));
    let over = |role: &str, territories: Value| json!([{"role": role, "territories": territories}]);
    let id = admin.user("mona", Some("acme"), &over("Manager", json!(["acme"])), PASSWORD);
    admin.user("ada", Some("acme"), &over("Reader", json!(["acme"])), PASSWORD);
    admin.user("zelda", Some("other"), &over("Reader", json!(["other"])), PASSWORD);
    // Of the tenant, but with more than its managers have: of another tenant, whose name is not theirs to know.
    admin.user("quentin", Some("acme"), &over("Reader", json!(["other"])), PASSWORD);
    let mona = admin.signed_in("mona", PASSWORD);
    let review = definition("access_review", "");
    for format in ["csv", "html"] {
        let run = ended(&mona, &review, format);
        let text = file(&mona, &run).text();
        assert!(text.contains("ada") && text.contains("mona"), "{text}");
        assert!(!text.contains("zelda") && !text.contains("quentin") && !text.contains("other)"), "{text}");
    }
    let html = mona.write("POST", "/v1/reports/preview", &json!({"definition": review})).expect(200).json();
    let html = html["html"].as_str().unwrap();
    assert!(html.contains("ada") && !html.contains("quentin") && !html.contains("zelda"), "{html}");
    let all = file(&admin, &ended(&admin, &review, "csv")).text();
    assert!(["mona", "ada", "zelda", "quentin"].iter().all(|name| all.contains(name)), "{all}");

    let run = ended(&mona, &review, "csv");
    let link = mona.request("POST", &format!("{}/link", path_of(&run)), &[], b"").expect(201).json();
    let link = by_link(&link);
    mona.get(&link).expect(200);
    let kept = saved(&mona, &json!({"name": "who may what", "kind": "access_review"}));
    // From now on she only reads.
    role("Reporter below", json!(["audit.read", "audit.reports"]));
    let change = json!({"roles": over("Reporter below", json!(["acme"]))});
    admin.write("PATCH", &format!("/v1/users/{id}"), &change).expect(200);
    for path in ["download", "manifest"] {
        mona.get(&format!("{}/{path}", path_of(&run))).refused(403, "forbidden");
    }
    admin.get(&link).refused(404, "not_found");
    let wanted = json!({"definition": review, "format": "csv"});
    mona.write("POST", "/v1/report-runs", &wanted).refused(403, "forbidden");
    mona.write("POST", "/v1/report-runs", &json!({"report": kept, "format": "csv"}))
        .refused(403, "forbidden");
    mona.write("POST", "/v1/reports/preview", &json!({"definition": review})).refused(403, "forbidden");
    mona.write("POST", "/v1/reports", &json!({"name": "n", "kind": "access_review"}))
        .refused(403, "forbidden");
}

/// The path of a link.
#[track_caller]
pub(crate) fn by_link(link: &Value) -> String {
    let (_, rest) = link["url"].as_str().unwrap().split_once("/v1/").unwrap();
    format!("/v1/{rest}")
}

#[test]
fn nothing_outside_the_reach_is_in_a_report_and_nobody_else_gets_it() {
    let World { installation: _installation, server: _server, admin } = world(30);
    let reads = ["audit.read", "audit.reports"];
    let (acme, other) = (admin.key(&reads, &["acme"]), admin.key(&reads, &["other"]));
    for query in
        [SENT.to_owned(), format!("tenant=acme&tenant=other&{SENT}"), format!("tenant=!nowhere&{SENT}")]
    {
        for kind in ["details", "activity", "changes"] {
            let run = ended(&acme, &definition(kind, &query), "csv");
            let text = file(&acme, &run).text();
            assert!(text.contains("acme") && !text.contains("other"), "{kind} {query}: {text}");
        }
        let wanted = json!({"definition": definition("details", &query)});
        let html = acme.write("POST", "/v1/reports/preview", &wanted).expect(200).json();
        let html = html["html"].as_str().unwrap();
        assert!(html.contains("acme-000001") && !html.contains("other-0"), "{query}");
    }
    for permissions in [&["audit.read", "audit.export"][..], &["audit.reports"]] {
        let lesser = admin.key(permissions, &["acme"]);
        let wanted = json!({"definition": definition("details", ""), "format": "csv"});
        lesser.write("POST", "/v1/report-runs", &wanted).refused(403, "forbidden");
    }
    let run = ended(&acme, &definition("details", SENT), "csv");
    let path = path_of(&run);
    let none = other.get("/v1/report-runs/00000000-0000-4000-8000-000000000000").refused(404, "not_found");
    for (method, path) in [
        ("GET", path.clone()),
        ("DELETE", path.clone()),
        ("POST", format!("{path}/cancel")),
        ("GET", format!("{path}/download")),
        ("GET", format!("{path}/manifest")),
        ("POST", format!("{path}/link")),
    ] {
        let problem = other.request(method, &path, &[], b"").refused(404, "not_found");
        assert_eq!(problem["detail"], none["detail"], "{method} {path}");
    }
    // An export's routes know nothing of it, and the other way round.
    admin.get(&path.replace("report-runs", "exports")).refused(404, "not_found");
    assert_eq!(other.read("/v1/report-runs")["data"], json!([]));
    other.get("/v1/report-runs?owner=all").refused(403, "forbidden");
    admin.get(&format!("{path}/download")).refused(403, "forbidden");
    let manifest = acme.read(&format!("{path}/manifest"));
    assert_eq!((&manifest["events"], &manifest["tenants"]), (&json!(30), &json!(["acme"])), "{manifest}");
    assert_eq!((&manifest["checkpoint"], &manifest["sha256"]), (&Value::Null, &run["file"]["sha256"]));
}

#[test]
fn a_shared_report_is_run_with_the_reach_of_whoever_runs_it() {
    let World { installation: _installation, server: _server, admin } = world(6);
    let auditor = json!([{"role": "Tenant Auditor", "territories": []}]);
    for (name, tenant) in [("ada", "acme"), ("otto", "other")] {
        admin.user(name, Some(tenant), &auditor, PASSWORD);
    }
    let (ada, otto) = (admin.signed_in("ada", PASSWORD), admin.signed_in("otto", PASSWORD));
    let mut report = json!({"name": "all of it", "kind": "details", "query": SENT, "columns": ["id"]});
    let id = saved(&admin, &report);
    let path = format!("/v1/reports/{id}");
    let run = json!({"report": id, "format": "csv"});
    let sees = |api: &Api| {
        let listed =
            api.read("/v1/reports")["data"].as_array().unwrap().iter().any(|one| one["id"] == id.as_str());
        assert_eq!(api.get(&path).status == 200, listed);
        assert_eq!(api.write("POST", "/v1/report-runs", &run).status == 202, listed);
        listed
    };
    for (shared, ada_sees, otto_sees) in [
        (json!({"kind": "nobody"}), false, false),
        (json!({"kind": "role", "name": "Tenant Auditor"}), true, true),
        (json!({"kind": "tenant", "name": "acme"}), true, false),
        (json!({"kind": "everybody"}), true, true),
    ] {
        report["shared_with"] = shared.clone();
        admin.write("PATCH", &path, &report).expect(200);
        assert_eq!((sees(&ada), sees(&otto)), (ada_sees, otto_sees), "{shared}");
    }
    for (api, own, not) in [(&ada, "acme-", "other-"), (&otto, "other-", "acme-")] {
        let run = end_of(api, &begun(api, &run));
        let text = file(api, &run).text();
        assert!(text.contains(own) && !text.contains(not), "{text}");
        assert_eq!(run["file"]["rows"], 6);
    }
    // It is its owner's to change.
    ada.write("PATCH", &path, &report).refused(403, "forbidden");
    ada.delete(&path).refused(403, "forbidden");
    // Sharing is for who answers for the text.
    let mine = json!({"name": "mine", "kind": "details", "query": "", "shared_with": {"kind": "everybody"}});
    ada.write("POST", "/v1/reports", &mine).refused(403, "forbidden");
    let mine = json!({"name": "mine", "kind": "details", "query": "", "shared_with": {"kind": "tenant", "name": "other"}});
    ada.write("POST", "/v1/reports", &mine).refused(403, "tenant_forbidden");
    // What ran stays, of a report that is gone too.
    let ran = end_of(&ada, &begun(&ada, &run));
    admin.delete(&path).expect(204);
    assert!(!sees(&ada));
    file(&ada, &ran);
    assert_eq!(ada.read(&path_of(&ran))["report_name"], "all of it");
}

#[test]
fn a_report_is_told_where_nobody_reads_of_tenants_that_they_do_not_know() {
    let World { installation: _installation, server: _server, admin } = world(0);
    let everywhere =
        json!({"name": "Wide", "permissions": ["audit.read", "audit.reports"], "reach": "everything"});
    admin.write("POST", "/v1/roles", &everywhere).expect(201);
    admin.user("ada", Some("acme"), &json!([{"role": "Wide"}]), PASSWORD);
    let ada = admin.signed_in("ada", PASSWORD);
    let report = |query: &str| json!({"name": "r", "kind": "details", "query": query});
    let id = saved(&ada, &report("q=a"));
    let path = format!("/v1/reports/{id}");
    ada.write("PATCH", &path, &report("tenant=other")).expect(200);
    ada.write("PATCH", &path, &report("q=b")).expect(200);
    ada.delete(&path).expect(204);
    let chains = |code, count| {
        let told = admin.told(code, count);
        told.iter().map(|event| event["tenant"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(chains("report.create", 1), ["acme"]);
    assert_eq!(chains("report.change", 2), ["_installation", "_installation"], "what it was is told too");
    assert_eq!(chains("report.delete", 1), ["acme"]);
}

#[test]
fn wrong_definitions_are_refused_with_the_field_and_change_nothing() {
    let World { installation: _installation, server: _server, admin } = world(1);
    for (change, code, field) in [
        (json!({"kind": "all"}), "invalid_enum", "/kind"),
        (json!({"columns": ["id", "Id"]}), "invalid_enum", "/columns/1"),
        (json!({"columns": []}), "invalid_enum", "/columns"),
        (json!({"columns": ["id", "id"]}), "invalid_enum", "/columns/1"),
        (json!({"group_by": "weather"}), "invalid_enum", "/group_by"),
        (json!({"group_by": ["action", "action"]}), "invalid_enum", "/group_by/1"),
        (json!({"group_by": ["action", "weather"]}), "invalid_enum", "/group_by/1"),
        (json!({"kind": "sign_ins", "group_by": "action"}), "invalid_enum", "/group_by"),
        (json!({"kind": "sign_ins", "columns": ["id"]}), "invalid_enum", "/columns"),
        (json!({"zone": "Mars/Olympus"}), "invalid_filter", "/zone"),
        (json!({"query": "actr=ada"}), "unknown_parameter", "actr"),
        (json!({"query": "limit=5"}), "unknown_parameter", "limit"),
        (json!({"query": "since=yesterday"}), "invalid_filter", "since"),
        (json!({"name": "a\u{202e}b"}), "invalid_string", "/name"),
        (json!({"name": "a\r\nBcc: x@example.com"}), "invalid_string", "/name"),
        (json!({"rows": 5}), "unknown_parameter", "/rows"),
    ] {
        let mut wanted = json!({"name": "n", "kind": "details", "query": ""});
        for (member, value) in change.as_object().unwrap() {
            wanted[member] = value.clone();
        }
        // A member that is not known is named by itself, wherever it stands.
        let is_pointer = field.starts_with('/') && code != "unknown_parameter";
        let nested = if is_pointer { format!("/definition{field}") } else { field.to_owned() };
        for (path, body, field) in [
            ("/v1/reports", wanted.clone(), field),
            ("/v1/report-runs", json!({"definition": wanted, "format": "csv"}), &nested),
            ("/v1/reports/preview", json!({"definition": wanted}), &nested),
        ] {
            let problem = admin.write("POST", path, &body).refused(400, code);
            assert_eq!(problem["errors"][0]["field"], field, "{path} {body}: {problem}");
        }
    }
    for (wanted, code, field) in [
        (json!({"format": "csv"}), "missing_field", "/report"),
        (json!({"definition": definition("details", "")}), "missing_field", "/format"),
        (json!({"definition": definition("details", ""), "format": "parquet"}), "invalid_enum", "/format"),
        (
            json!({"definition": definition("details", ""), "format": "csv", "report": "x"}),
            "missing_field",
            "/report",
        ),
    ] {
        let problem = admin.write("POST", "/v1/report-runs", &wanted).refused(400, code);
        assert_eq!(problem["errors"][0]["field"], field, "{wanted}: {problem}");
    }
    admin
        .write("POST", "/v1/reports", &json!({"name": "", "kind": "details"}))
        .refused(400, "invalid_string");
    admin
        .write("POST", "/v1/report-runs", &json!({"report": "x", "format": "csv"}))
        .refused(404, "not_found");
    assert_eq!(admin.read("/v1/report-runs")["data"], json!([]));
    assert_eq!(admin.read("/v1/reports")["data"], json!([]));
    for code in ["report.run", "report.create"] {
        admin.told(code, 0);
    }
}

#[test]
fn on_demand_each_run_and_each_download_is_told_once() {
    let World { installation: _installation, server, admin } = world(3);
    let acme = admin.key(&["audit.read", "audit.reports"], &["acme"]);
    let run = ended(&acme, &definition("details", SENT), "csv");
    let id = run["id"].as_str().unwrap();
    file(&acme, &run);
    file(&acme, &run);
    let link = acme.request("POST", &format!("{}/link", path_of(&run)), &[], b"").expect(201).json();
    server.stranger().get(&by_link(&link)).expect(200);
    acme.delete(&path_of(&run)).expect(200);
    acme.delete(&path_of(&run)).refused(409, "id_conflict");
    server.stranger().get(&by_link(&link)).refused(404, "not_found");
    acme.get(&format!("{}/download", path_of(&run))).refused(404, "not_found");
    for (code, count, kind) in [
        ("report.run", 1, "export"),
        ("report.download", 3, "download"),
        ("report.link", 1, "create"),
        ("report.delete", 1, "delete"),
    ] {
        for told in admin.told(code, count) {
            assert_eq!((&told["action_type"], &told["tenant"]), (&json!(kind), &json!("acme")), "{told}");
            assert_eq!(told["targets"][0]["id"], id, "{told}");
        }
    }
    admin.told("report.send", 0);
    assert_eq!(acme.read(&path_of(&run))["state"], "expired");
}

#[test]
fn the_history_is_listed_in_pages_and_by_report() {
    let World { installation: _installation, server: _server, admin } = world(1);
    let one = saved(&admin, &json!({"name": "one", "kind": "details"}));
    let two = saved(&admin, &json!({"name": "two", "kind": "details"}));
    let all: Vec<_> = [&one, &two, &one, &two, &one]
        .iter()
        .map(|report| begun(&admin, &json!({"report": report, "format": "csv"})))
        .collect();
    for id in &all {
        end_of(&admin, id);
    }
    for (filter, expected) in [
        (String::new(), vec![4, 3, 2, 1, 0]),
        (format!("&report={one}"), vec![4, 2, 0]),
        (format!("&report={two}"), vec![3, 1]),
    ] {
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let page = admin.read(&format!("/v1/report-runs?limit=2{filter}{after}"));
            seen.extend(
                page["data"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()),
            );
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        let expected: Vec<_> = expected.iter().map(|n: &usize| all[*n].clone()).collect();
        assert_eq!(seen, expected, "{filter}");
    }
    for (query, code) in [
        ("after=x", "invalid_cursor"),
        ("report=x", "invalid_filter"),
        ("report=x&schedule=y", "invalid_filter"),
        ("owner=you", "invalid_filter"),
        ("colour=red", "unknown_parameter"),
    ] {
        admin.get(&format!("/v1/report-runs?{query}")).refused(400, code);
    }
}

#[test]
fn what_a_run_is_about_is_frozen_when_it_is_asked_for() {
    let World { installation: _installation, server: _server, admin } = world(20_000);
    // So many that the last ones wait.
    let wanted = json!({"definition": definition("activity", SENT), "format": "csv"});
    let ids: Vec<_> = (0..6).map(|_| begun(&admin, &wanted)).collect();
    let late = json!({"id": "late", "tenant": "acme", "time": "2026-03-01T00:00:30Z", "action": "late"});
    admin.send(&late).expect(201);
    for id in &ids {
        let run = end_of(&admin, id);
        let acme = records(&file(&admin, &run).body).into_iter().find(|row| row[0] == "acme").unwrap();
        assert!(acme.contains(&"20000".to_owned()), "{acme:?}");
    }
}

#[test]
fn one_that_is_cancelled_is_cancelled_and_leaves_no_file() {
    let World { installation, server: _server, admin } = world(20_000);
    let wanted = json!({"definition": definition("details", SENT), "format": "xlsx"});
    let ids: Vec<_> = (0..8).map(|_| begun(&admin, &wanted)).collect();
    let cancelled: Vec<_> = ids
        .iter()
        .map(|id| admin.request("POST", &format!("/v1/report-runs/{id}/cancel"), &[], b"").status)
        .collect();
    for (id, status) in ids.iter().zip(&cancelled) {
        let run = end_of(&admin, id);
        // Whoever was told that it ends finds it ended so, also where it was nearly done.
        let expected = if *status == 200 { "cancelled" } else { "completed" };
        assert_eq!(run["state"], expected, "{status}: {run}");
    }
    let completed = cancelled.iter().filter(|status| **status == 409).count();
    assert_eq!(files_below(&installation.data().join("exports")).len(), completed);
    assert!(completed < 8);
    // Each owner has so many that wait or run.
    let refused =
        (0..40).map(|_| admin.write("POST", "/v1/report-runs", &wanted)).find(|answer| answer.status != 202);
    refused.expect("there is a limit").refused(429, "rate_limited");
}

#[test]
fn kill_minus_nine_in_the_middle_ends_in_one_whole_file() {
    let World { installation, server, admin } = world(20_000);
    let query = format!("tenant=acme&{SENT}");
    let wanted = json!({"definition": {"name": "", "kind": "details", "query": query, "columns": ["id"]}, "format": "csv"});
    let expected = file(&admin, &end_of(&admin, &begun(&admin, &wanted))).body;
    let mut server = Some(server);
    let mut interrupted = 0;
    let mut all = 1;
    for pause in [0, 5, 20, 60] {
        let admin = server.as_ref().unwrap().admin();
        let ids: Vec<_> = (0..3).map(|_| begun(&admin, &wanted)).collect();
        all += ids.len();
        // Not a wait for something: so much later the server is gone, wherever it is then.
        std::thread::park_timeout(std::time::Duration::from_millis(pause));
        server.take().unwrap().kill();
        let again = installation.start();
        let admin = again.admin();
        for id in &ids {
            let run = end_of(&admin, id);
            interrupted += u64::from(run["attempts"].as_u64().unwrap() > 1);
            assert_eq!(file(&admin, &run).body, expected, "killed after {pause} ms");
        }
        server = Some(again);
    }
    assert!(interrupted > 0, "no kill fell into a run");
    let admin = server.as_ref().unwrap().admin();
    assert_eq!(admin.read("/v1/report-runs?limit=200")["data"].as_array().unwrap().len(), all);
    assert_eq!(
        files_below(&installation.data().join("exports")).len(),
        all,
        "nothing is left of what was begun"
    );
    server.unwrap().stop();
}
