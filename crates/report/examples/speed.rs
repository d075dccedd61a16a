//! How many events a second go into a file of each format:
//! `cargo run --release -p indelible-report --example speed [events]`.

use std::{error::Error, time::Instant};

use indelible_access::{Added, EventView};
use indelible_event::{Limits, Timestamp};
use indelible_report::{Columns, Exporter, Format, Plan};
use jiff::tz::TimeZone;

/// 1 November 2026, in microseconds.
const RECEIVED: i64 = 1_793_500_000_000_000;

/// An event of an ordinary size, its numbers differing from one to the next.
fn event(number: u64) -> Result<EventView, Box<dyn Error>> {
    let json = format!(
        r#"{{"id":"0190b0a2-7a3c-7c3e-9d5e-{number:012x}","time":"2026-0{}-{:02}T{:02}:34:56.{:06}Z","tenant":"acme",
        "source":{{"application":"payroll","component":"web","node":"node-{}"}},
        "actor":{{"type":"user","id":"u{}","username":"user{}@example.com","first_name":"Ada","last_name":"Lovelace"}},
        "client":{{"ip":"10.1.{}.{}","user_agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"}},
        "action":"Update employee","action_type":"update","severity":{{"name":"low"}},"outcome":{{"result":"success"}},
        "targets":[{{"type":"employee","id":"e{}","name":"Employee {}","tenant":"acme"}}],
        "details":"Employee {} was moved to department \"Sales, {}\"",
        "parameters":{{"department":"Sales","cost_center":{},"manager":"m{}"}},
        "changes":[{{"field":"department","old":"Support","new":"Sales"}}],"session_id":"s{}"}}"#,
        1 + number % 9,
        1 + number % 28,
        number % 24,
        number % 1_000_000,
        number % 4,
        number % 1000,
        number % 1000,
        number / 250 % 250,
        number % 250,
        number % 5000,
        number % 5000,
        number % 5000,
        number % 7,
        number % 90,
        number % 50,
        number % 3000,
    );
    let event = indelible_event::parse(&json, &Limits::NONE, Timestamp::from_micros(RECEIVED));
    let event = event.map_err(|problems| format!("{problems:?}"))?.event;
    let added = Added {
        log: None,
        seq: None,
        tenant_seq: number,
        received_at: "2026-11-01T12:34:56.123456Z".into(),
        time_original: None,
        time_source: "event",
        object_category: Some("user".into()),
        object_type: Some("user".into()),
        summary: "Ada Lovelace updated an employee".into(),
        anomaly: None,
        erased: false,
        held: false,
        recognised: vec![],
    };
    Ok(EventView { event, added, is_look: false })
}

fn main() -> Result<(), Box<dyn Error>> {
    let count: usize = std::env::args().nth(1).map_or(Ok(500_000), |count| count.parse())?;
    let events = (0..10_000).map(event).collect::<Result<Vec<_>, _>>()?;
    let dir = tempfile::tempdir()?;
    let plans = [
        (Format::Ndjson, Columns::Complete),
        (Format::Csv, Columns::Basic),
        (Format::Csv, Columns::Complete),
        (Format::Parquet, Columns::Complete),
        (Format::Xlsx, Columns::Basic),
        // Of these no more than 100,000 are in the file.
        (Format::Pdf, Columns::Basic),
    ];
    for (format, columns) in plans {
        let name = format!("{format:?} {columns:?}");
        let plan = Plan { columns, zone: TimeZone::get("Europe/Rome")?, ..Plan::new(format) };
        let begun = Instant::now();
        let path = dir.path().join(name.replace(' ', "-"));
        let mut exporter = Exporter::create(&path, plan)?;
        for event in events.iter().cycle().take(count) {
            exporter.add(event)?;
        }
        let written = exporter.finish()?;
        let (seconds, megabytes) = (begun.elapsed().as_secs_f64(), written.bytes as f64 / 1e6);
        println!("{name}: {:.0} events/s, {megabytes:.0} MB in {seconds:.1} s", count as f64 / seconds);
        std::fs::remove_file(path)?;
    }
    Ok(())
}
