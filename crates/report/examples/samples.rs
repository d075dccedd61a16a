//! Writes a file of each format into a folder, of ordinary events and of hostile ones, to be looked at and to be opened
//! by other programs: `cargo run -p indelible-report --example samples FOLDER [events]`.

use std::{error::Error, path::Path};

use indelible_access::{Added, EventView};
use indelible_event::{Limits, Timestamp};
use indelible_report::{
    Columns, Definition, Exporter, Format, Group, Head, Plan, ReportBuilder, ReportColumn, ReportKind,
    ReportPlan, ReviewedPerson,
};
use jiff::tz::TimeZone;

/// 1 November 2026, in microseconds.
const RECEIVED: i64 = 1_793_500_000_000_000;

const PEOPLE: [(&str, &str, &str); 6] = [
    ("ada.lovelace@example.com", "Ada", "Lovelace"),
    ("grace", "Grace", "Hopper"),
    ("björn.ångström@example.se", "Björn", "Ångström"),
    ("maria.kowalska", "Maria", "Kowalska"),
    ("Зоя", "Зоя", "Космодемьянская"),
    ("王小明", "小明", "王"),
];

const ACTIONS: [(&str, &str, &str, &str); 7] = [
    ("Login", "login", "success", "Signed in with a passkey"),
    ("Login", "login", "failure", "Wrong password, third attempt from this address"),
    ("Update employee", "update", "success", "Moved to the department Sales EMEA, cost centre 4711"),
    ("Delete invoice", "delete", "success", "Deleted with its attachments"),
    ("Create account", "create", "success", "Created from the template for contractors"),
    ("Export payroll", "export", "denied", "Not allowed outside office hours"),
    ("Change role", "update", "success", "From viewer to administrator of the whole installation"),
];

/// What should do no harm, in some place of an event each.
const HOSTILE: [&str; 8] = [
    "=HYPERLINK(\\\"http://example.com\\\",\\\"click\\\")",
    "+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "invoice\\u202efdp.exe \\u2066mixed\\u2069",
    "nul\\u0000 bell\\u0007 tab\\t line\\nnext",
    ") Tj ET Q q (injected) \\\\050 endstream endobj",
    "\\\"quoted\\\", with; separators | and 'more'",
];

fn event(number: usize) -> Result<EventView, Box<dyn Error>> {
    let (username, first, last) = PEOPLE[number * 7 % 11 % PEOPLE.len()];
    let (action, kind, outcome, details) = ACTIONS[number * 5 % 17 % ACTIONS.len()];
    let details = if number % 23 == 7 { HOSTILE[number / 23 % HOSTILE.len()] } else { details };
    let json = format!(
        r#"{{"id":"0190b0a2-7a3c-7c3e-9d5e-{number:012x}","time":"2026-10-{:02}T{:02}:{:02}:56.{:06}Z",
        "tenant":"{}","source":{{"application":"payroll","component":"web","node":"node-{}"}},
        "actor":{{"type":"user","id":"u{}","username":"{username}","first_name":"{first}","last_name":"{last}",
        "tenant":"acme","groups":["Staff"]}},"client":{{"ip":"10.1.{}.{}"}},"action":"{action}","action_type":"{kind}",
        "severity":{{"name":"low"}},"outcome":{{"result":"{outcome}"}},
        "targets":[{{"type":"employee","id":"e{}","name":"Employee {}","tenant":"acme"}}],"details":"{details}",
        "parameters":{{"department":"Sales","cost_center":{},"note":"{}"}},
        "changes":[{{"field":"department","old":"Support","new":"Sales"}}]}}"#,
        1 + number * 31 / 5000 % 31,
        number * 13 % 24,
        number * 7 % 60,
        number % 1_000_000,
        ["acme", "globex", "initech"][number % 3],
        number % 4,
        number % 6,
        number / 250 % 250,
        number % 250,
        number % 50,
        number % 50,
        number % 90,
        if number % 40 == 3 { "n".repeat(900) } else { String::new() },
    );
    let event = indelible_event::parse(&json, &Limits::NONE, Timestamp::from_micros(RECEIVED));
    let event = event.map_err(|problems| format!("{problems:?} in {json}"))?.event;
    let added = Added {
        log: None,
        seq: None,
        tenant_seq: number as u64,
        received_at: "2026-11-01T12:34:56.123456Z".into(),
        time_original: None,
        time_source: "event",
        object_category: Some("user".into()),
        object_type: Some("user".into()),
        summary: format!("{first} {last}: {action}"),
        anomaly: None,
        erased: false,
        held: false,
        recognised: vec![],
    };
    Ok(EventView { event, added, is_look: false })
}

fn head(title: &str) -> Result<Head, Box<dyn Error>> {
    let line = |label: &str, text: &str| (label.to_owned(), text.to_owned());
    Ok(Head {
        title: title.to_owned(),
        lines: vec![
            line("Asked for", "all events in the tenants acme, globex and initech"),
            line("Range", "1 October 2026, 00:00 up to 1 November 2026, 00:00"),
            line("Zone", "Europe/Rome"),
            line("Made", "Nov 1, 2026, 1:34 PM by ada.lovelace@example.com"),
            line("Ledger", "tree size 1 204 117, root hash 3pO0uS0kq1i2nGm8y2p0v1aZr3T0s5b7jv8hY0e4b2k="),
        ],
        footer:
            "indelible.example.com/log · tree size 1 204 117 · 3pO0uS0kq1i2nGm8y2p0v1aZr3T0s5b7jv8hY0e4b2k="
                .to_owned(),
        made_at: Some(jiff::Timestamp::from_microsecond(RECEIVED)?),
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder?")?;
    let count: usize = arguments.next().map_or(Ok(300), |count| count.parse())?;
    let events = (0..count).map(event).collect::<Result<Vec<_>, _>>()?;
    let zone = TimeZone::get("Europe/Rome")?;
    for format in Format::OF_EXPORTS {
        for (name, columns) in [("complete", Columns::Complete), ("basic", Columns::Basic)] {
            let path = Path::new(&folder).join(format!("{name}.{}", format.as_str()));
            let plan =
                Plan { columns, zone: zone.clone(), head: head("Events of October")?, ..Plan::new(format) };
            let mut exporter = Exporter::create(&path, plan)?;
            events.iter().try_for_each(|event| exporter.add(event))?;
            let written = exporter.finish()?;
            println!("{}: {} rows, {} bytes", path.display(), written.rows, written.bytes);
        }
    }
    let folder = Path::new(&folder);
    let reports = ReportKind::ALL.map(|kind| (kind.as_str(), Definition::new(kind)));
    let counted = Definition {
        columns: Some(vec![ReportColumn::Initiator, ReportColumn::Action, ReportColumn::Rows]),
        group_by: vec![Group::Tenant, Group::Initiator],
        ..Definition::new(ReportKind::Details)
    };
    let by_day = Definition { group_by: vec![Group::Day], ..Definition::new(ReportKind::Details) };
    for (name, definition) in reports.into_iter().chain([("counted", counted), ("by_day", by_day)]) {
        for format in Format::OF_REPORTS {
            let plan = ReportPlan {
                head: head(definition.kind.title())?,
                zone: zone.clone(),
                ..ReportPlan::new(definition.clone(), format)
            };
            let path = folder.join(format!("report-{name}.{}", format.as_str()));
            let mut report = ReportBuilder::create(&path, plan)?;
            if definition.kind.is_of_people() {
                people().iter().try_for_each(|person| report.add_person(person))?;
            } else {
                let wanted =
                    definition.kind.default_query().iter().filter(|(name, _)| *name == "action_type");
                let wanted: Vec<_> = wanted.map(|(_, kind)| *kind).collect();
                let is_wanted = |event: &&EventView| {
                    let kind = event.event.action_type.as_deref().unwrap_or_default();
                    wanted.is_empty() || wanted.contains(&kind)
                };
                events.iter().filter(is_wanted).try_for_each(|event| report.add(event, None))?;
            }
            let written = report.finish()?;
            println!("{}: {} rows, {} bytes", path.display(), written.rows, written.bytes);
        }
    }
    Ok(())
}

fn people() -> Vec<ReviewedPerson> {
    let person = |(number, (username, first, last)): (usize, &(&str, &str, &str))| ReviewedPerson {
        username: (*username).to_owned(),
        name: format!("{first} {last}"),
        roles: [vec!["Auditor".to_owned()], vec!["Administrator".to_owned(), "Auditor (acme)".to_owned()]]
            [number % 2]
            .clone(),
        groups: vec!["Staff".to_owned()],
        state: "active".to_owned(),
        last_sign_in: (number % 3 != 0).then_some(Timestamp::from_micros(RECEIVED)),
    };
    PEOPLE.iter().enumerate().map(person).collect()
}
