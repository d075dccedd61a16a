//! Searching at size: many events in, then the same questions again and again, beside other systems if wished.
//!
//! `cargo xtask bench search` measures ours. With `--beside` it writes events and questions down and has
//! `tools/compare_search.py` ask PostgreSQL and SQLite the same, on the same machine, one after the other.

mod queries;
mod sample;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File},
    io::{BufWriter, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use self::{
    queries::{Question, Reach, kinds, reach_tenant},
    sample::{Sample, TENANTS_EACH, TERRITORIES, tenant_name},
};
use super::{
    http::{Connection, get, post},
    server::Server,
};

/// Events a request while they are sent, and connections.
const BATCH: u64 = 1000;
const CONNECTIONS: u64 = 4;
/// A kind of question takes no longer than this; what it asked until then counts.
const KIND_TIME: Duration = Duration::from_secs(5);
/// Questions asked before the clock starts.
const WARM: usize = 5;

struct Options {
    events: u64,
    each: u64,
    directory: PathBuf,
    binary: PathBuf,
    beside: bool,
    page: Option<PathBuf>,
}

/// Events that the running bench is about; questions for an id pick one of them.
static COUNT: AtomicU64 = AtomicU64::new(1_000_000);

fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

fn territory_name(territory: u64) -> String {
    format!("territory-{territory}")
}

/// Runs the bench and prints its tables.
///
/// # Errors
/// When anything can't be measured.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<bool> {
    let options = parse(root, arguments)?;
    COUNT.store(options.events, Ordering::Relaxed);
    fs::create_dir_all(&options.directory)?;
    let data = options.directory.join("data");
    super::clear(&data)?;
    let mut facts = Vec::new();
    let (times, counts) = ours(&options, &data, &mut facts)?;
    let mut systems = vec![("Indelible".to_owned(), times)];
    if options.beside {
        systems.extend(beside(root, &options, &counts, &mut facts)?);
    }
    let page = markdown(&options, &facts, &systems);
    print!("{page}");
    if let Some(path) = &options.page {
        super::publish(path, "bench search", &page)?;
    }
    Ok(true)
}

fn parse(root: &Path, arguments: &[String]) -> Result<Options> {
    let mut options = Options {
        events: 10_000_000,
        each: 100,
        directory: root.join("target/bench-search"),
        binary: root.join("target/release/indelible"),
        beside: false,
        page: None,
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--events" => options.events = crate::value(argument, &mut arguments)?.parse()?,
            "--questions" => options.each = crate::value(argument, &mut arguments)?.parse()?,
            "--dir" => options.directory = crate::value(argument, &mut arguments)?.into(),
            "--binary" => options.binary = crate::value(argument, &mut arguments)?.into(),
            "--beside" => options.beside = true,
            "--write" => options.page = Some(crate::value(argument, &mut arguments)?.into()),
            other => bail!("unknown option {other}"),
        }
    }
    if options.events < BATCH || options.each == 0 {
        bail!("--events is at least {BATCH}, --questions at least 1");
    }
    if !options.binary.exists() {
        bail!("{} does not exist; run: make release", options.binary.display());
    }
    Ok(options)
}

/// Times in milliseconds by kind and reach, in the order in which they were asked.
type Times = BTreeMap<(String, String), Vec<f64>>;

/// What some questions for a count were answered, by reach and path.
type Counts = BTreeMap<(&'static str, String), u64>;

fn ours(options: &Options, data: &Path, facts: &mut Vec<(String, String)>) -> Result<(Times, Counts)> {
    let mut server = Server::start(&options.binary, data, None)?;
    let keys = set_up(&server)?;
    eprintln!("sending {} events", options.events);
    let (acknowledged, searchable) = send_all(&server, options.events)?;
    let rate = |time: Duration| super::figures::thousands(options.events as f64 / time.as_secs_f64());
    facts.push(("events sent and acknowledged".into(), format!("{}/s", rate(acknowledged))));
    facts.push(("... and searchable".into(), format!("{}/s", rate(searchable))));
    let mebibytes = |bytes: u64| format!("{:.0} MiB", super::mebibytes(bytes));
    facts.push(("memory while sending, highest".into(), mebibytes(server.memory("VmHWM")?)));
    let stopped = server.stop()?;
    let started = Instant::now();
    server = Server::start(&options.binary, &stopped, None)?;
    server.wait_until_ready()?;
    facts.push((
        "restart until everything is found".into(),
        format!("{:.1} s", started.elapsed().as_secs_f64()),
    ));
    eprintln!("asking");
    let (mut times, mut counts) = (Times::new(), Counts::new());
    let questions = Question::all(options.each);
    for asked in questions.chunk_by(|a, b| a.kind == b.kind && a.reach == b.reach) {
        let mut connection = Connection::open(server.address)?;
        let key = &keys[asked[0].reach as usize];
        let begin = Instant::now();
        let mut list = Vec::new();
        for question in asked.iter().take(WARM) {
            let answer: Value = serde_json::from_slice(ask(&mut connection, key, question)?)?;
            // Counts that the other systems have to come to as well.
            if let Some(total) = answer["total"].as_u64().filter(|_| question.path.contains("total=true")) {
                counts.insert((question.reach.name(), question.path.clone()), total);
            }
        }
        for question in asked {
            let started = Instant::now();
            ask(&mut connection, key, question)?;
            list.push(started.elapsed().as_secs_f64() * 1000.0);
            if begin.elapsed() > KIND_TIME {
                break;
            }
        }
        times.insert((asked[0].kind.to_owned(), asked[0].reach.name().to_owned()), list);
    }
    facts.push(("memory while asking, highest".into(), mebibytes(server.memory("VmHWM")?)));
    server.stop()?;
    let parts = [
        ("content", "ledger/content"),
        ("tree", "ledger/tree"),
        ("leaf records", "ledger/leaves"),
        ("id index", "ledger/ids"),
        ("search index", "search"),
    ];
    let mut total = 0;
    for (part, path) in parts {
        let bytes = super::disk::used(&data.join(path))?;
        total += bytes;
        facts.push((
            format!("disk an event: {part}"),
            format!("{:.0} B", bytes as f64 / options.events as f64),
        ));
    }
    facts.push((
        "disk an event: all of these".into(),
        format!("{:.0} B", total as f64 / options.events as f64),
    ));
    Ok((times, counts))
}

/// Asks, and gives the answer as it came.
fn ask<'c>(connection: &'c mut Connection, key: &str, question: &Question) -> Result<&'c [u8]> {
    let answer = connection.exchange(&get(&question.path, key))?;
    if answer.status != 200 {
        bail!("{}: status {}: {}", question.path, answer.status, String::from_utf8_lossy(answer.body));
    }
    Ok(answer.body)
}

/// Makes tenants and a key for each reach.
fn set_up(server: &Server) -> Result<Vec<String>> {
    for territory in 0..TERRITORIES {
        server.create("/v1/tenants", &json!({"name": territory_name(territory), "auditing": true}))?;
        for number in 0..TENANTS_EACH {
            let name = tenant_name(territory * TENANTS_EACH + number);
            let tenant = json!({"name": name, "parent": territory_name(territory), "auditing": true});
            server.create("/v1/tenants", &tenant)?;
        }
    }
    let key = |reach: Reach| -> Result<String> {
        let over = reach_tenant(reach).map_or(json!("everything"), |tenant| json!({"tenants": [tenant]}));
        let key = json!({"name": reach.name(), "permissions": ["audit.read"], "reach": over});
        let made = server.create("/v1/keys", &key)?;
        Ok(made["key"].as_str().context("the answer has a key")?.to_owned())
    };
    Reach::ALL.into_iter().map(key).collect()
}

/// Sends all events; returns how long until all were acknowledged, and until all were found.
fn send_all(server: &Server, events: u64) -> Result<(Duration, Duration)> {
    let next = AtomicU64::new(0);
    let started = Instant::now();
    thread::scope(|scope| {
        let sender = || send(server.address, &next, events);
        let senders: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(sender)).collect();
        let mut shown = Instant::now();
        while senders.iter().any(|sender| !sender.is_finished()) {
            thread::sleep(Duration::from_millis(50));
            if shown.elapsed() > Duration::from_secs(10) {
                shown = Instant::now();
                eprintln!("  {} of {events}", next.load(Ordering::Relaxed).min(events));
            }
        }
        senders
            .into_iter()
            .try_for_each(|sender| sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))?)
    })?;
    let acknowledged = started.elapsed();
    server.wait_until_searchable()?;
    Ok((acknowledged, started.elapsed()))
}

fn send(address: SocketAddr, next: &AtomicU64, events: u64) -> Result<()> {
    let mut connection = Connection::open(address)?;
    let mut body = String::new();
    loop {
        let first = next.fetch_add(BATCH, Ordering::Relaxed);
        if first >= events {
            return Ok(());
        }
        body.clear();
        body.push('[');
        for n in first..events.min(first + BATCH) {
            if n > first {
                body.push(',');
            }
            Sample::new(n, events).put_json(&mut body);
        }
        body.push(']');
        let request = post("/v1/events?events=false", super::server::ADMIN_KEY, body.as_bytes());
        loop {
            let answer = connection.exchange(&request)?;
            match answer.status {
                201 => break,
                503 => thread::sleep(Duration::from_millis(50)),
                status => bail!("status {status}: {}", String::from_utf8_lossy(answer.body)),
            }
        }
    }
}

/// Has the other systems take the same events and answer the same questions.
fn beside(
    root: &Path,
    options: &Options,
    counts: &Counts,
    facts: &mut Vec<(String, String)>,
) -> Result<Vec<(String, Times)>> {
    let rows = options.directory.join("events.tsv");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&rows)?);
    let mut row = String::new();
    for n in 0..options.events {
        row.clear();
        Sample::new(n, options.events).put_row(&mut row);
        file.write_all(row.as_bytes())?;
    }
    file.flush()?;
    let questions = options.directory.join("questions.ndjson");
    let mut file = BufWriter::new(File::create(&questions)?);
    for question in Question::all(options.each) {
        let Question { kind, reach, path, postgres, sqlite } = question;
        let reach = reach.name();
        let count = counts.get(&(reach, path));
        let line =
            json!({"kind": kind, "reach": reach, "postgres": postgres, "sqlite": sqlite, "count": count});
        writeln!(file, "{line}")?;
    }
    file.flush()?;
    let answers = options.directory.join("beside.json");
    let script = root.join("tools/compare_search.py");
    let status = Command::new("python3")
        .arg(&script)
        .arg(&options.directory)
        .arg(KIND_TIME.as_secs().to_string())
        .status()
        .with_context(|| format!("can't run {}", script.display()))?;
    if !status.success() {
        bail!("{} failed: {status}", script.display());
    }
    let answers: Value = serde_json::from_str(&fs::read_to_string(answers)?)?;
    let mut systems = Vec::new();
    for system in answers.as_array().context("a list of systems")? {
        let name = system["name"].as_str().context("a name")?;
        for (what, value) in system["facts"].as_object().context("facts")? {
            facts.push((format!("{name}: {what}"), value.as_str().unwrap_or_default().to_owned()));
        }
        let mut times = Times::new();
        for answer in system["times"].as_array().context("times")? {
            let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
            let list = answer["ms"].as_array().context("milliseconds")?;
            times.insert((text("kind"), text("reach")), list.iter().filter_map(Value::as_f64).collect());
        }
        systems.push((name.to_owned(), times));
    }
    Ok(systems)
}

fn markdown(options: &Options, facts: &[(String, String)], systems: &[(String, Times)]) -> String {
    let mut page = format!(
        "{} events. {}\n\n| what | |\n|---|--:|\n",
        super::figures::thousands(options.events as f64),
        super::machine()
    );
    for (what, value) in facts {
        writeln!(page, "| {what} | {value} |").expect("writing to a String cannot fail");
    }
    let names: Vec<String> = systems.iter().map(|(name, _)| format!("{name} p50 / p99 ms")).collect();
    write!(page, "\n| question | reach | {} |\n|---|---|{}\n", names.join(" | "), "--:|".repeat(names.len()))
        .expect("writing to a String cannot fail");
    for kind in kinds() {
        for reach in Reach::ALL {
            let cells: Vec<String> = systems
                .iter()
                .map(|(_, times)| match times.get(&(kind.to_owned(), reach.name().to_owned())) {
                    Some(list) if !list.is_empty() => {
                        let mut sorted = list.clone();
                        sorted.sort_by(f64::total_cmp);
                        let at = |share| super::figures::quantile(&sorted, share);
                        format!("{} / {}", milliseconds(at(0.5)), milliseconds(at(0.99)))
                    }
                    _ => "-".to_owned(),
                })
                .collect();
            writeln!(page, "| {kind} | {} | {} |", reach.name(), cells.join(" | "))
                .expect("writing to a String cannot fail");
        }
    }
    page
}

fn milliseconds(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { super::figures::thousands(value) }
}
