//! Taking out at size: `cargo xtask bench exports`, of the trail that `cargo xtask bench search` leaves behind.
//!
//! Each format is asked for twice, of a territory (a tenth of the events) and of everything, so that it shows whether
//! memory grows; then once more of a territory while events are sent as fast as the server takes them.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{
    events::{Numbers, Request},
    figures::thousands,
    http::{Connection, delete, get, post},
    server::{ADMIN_KEY, Server},
};

struct Options {
    data: PathBuf,
    binary: PathBuf,
    page: Option<PathBuf>,
}

/// Format and columns, and whether it is taken of everything too.
const KINDS: [(&str, &str, bool); 6] = [
    ("csv", "basic", true),
    ("csv", "complete", true),
    ("ndjson", "complete", true),
    ("parquet", "complete", true),
    ("xlsx", "basic", true),
    ("json", "complete", false),
];
const TERRITORY: &str = "tenant=territory-0";
/// How often an export is asked how far it is.
const GLANCE: Duration = Duration::from_millis(20);
/// Events a request while exports run.
const BATCH: u64 = 100;

/// One export, measured.
struct Taken {
    rows: u64,
    bytes: u64,
    seconds: f64,
    /// Until the first events were in the file.
    first_seconds: f64,
    /// Highest memory of the server meanwhile, in bytes.
    memory: u64,
}

/// Runs the bench and prints its table.
///
/// # Errors
/// When anything can't be measured.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<bool> {
    let options = parse(root, arguments)?;
    let mut page = format!(
        "{}\n\n| | | events | events/s | MB | first events after | memory |\n|---|---|--:|--:|--:|--:|--:|\n",
        super::machine()
    );
    for (format, columns, everything) in KINDS {
        let sets: &[_] = if everything {
            &[("a territory", TERRITORY), ("everything", "")]
        } else {
            &[("a territory", TERRITORY)]
        };
        for (what, query) in sets {
            eprintln!("{format}, {columns}: {what}");
            // A new process, so that what one format holds on to is not another's.
            let server = Server::start(&options.binary, &options.data, None)?;
            server.wait_until_ready()?;
            let idle = server.memory("VmRSS")?;
            let taken = take(&server, format, columns, query)?;
            row(&mut page, &format!("{format}, {columns}"), what, &taken, idle)?;
            server.stop()?;
        }
    }
    let server = Server::start(&options.binary, &options.data, None)?;
    server.wait_until_ready()?;
    let idle = server.memory("VmRSS")?;
    // A tenant has a thousandth of the events.
    let taken = take(&server, "pdf", "complete", "tenant=t0000.example")?;
    row(&mut page, "pdf, complete", "a tenant", &taken, idle)?;
    server.stop()?;
    let server = Server::start(&options.binary, &options.data, None)?;
    server.wait_until_ready()?;
    let idle = server.memory("VmRSS")?;
    let key = sender(&server)?;
    let alone = sending(&server, &key, None)?;
    let (taken, beside) = {
        let mut taken = None;
        let beside = sending(
            &server,
            &key,
            Some(&mut || {
                taken = Some(take(&server, "csv", "complete", TERRITORY)?);
                Ok(())
            }),
        )?;
        (taken.context("the export ran")?, beside)
    };
    row(&mut page, "csv, complete", "a territory, while events are sent", &taken, idle)?;
    server.stop()?;
    writeln!(
        page,
        "\nEvents acknowledged in requests of {BATCH} over one connection: {}/s alone, {}/s while the export ran.",
        thousands(alone),
        thousands(beside)
    )?;
    print!("{page}");
    if let Some(path) = &options.page {
        super::publish(path, "bench exports", &page)?;
    }
    Ok(true)
}

fn parse(root: &Path, arguments: &[String]) -> Result<Options> {
    let mut options = Options {
        data: root.join("target/bench-search/data"),
        binary: root.join("target/release/indelible"),
        page: None,
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--data" => options.data = crate::value(argument, &mut arguments)?.into(),
            "--binary" => options.binary = crate::value(argument, &mut arguments)?.into(),
            "--write" => options.page = Some(crate::value(argument, &mut arguments)?.into()),
            other => bail!("unknown option {other}"),
        }
    }
    if !fs::exists(options.data.join("ledger"))? {
        bail!("{} holds no trail; run: cargo xtask bench search", options.data.display());
    }
    Ok(options)
}

fn take(server: &Server, format: &str, columns: &str, query: &str) -> Result<Taken> {
    let mut connection = Connection::open(server.address)?;
    let wanted = json!({"format": format, "columns": columns, "query": query}).to_string();
    let started = Instant::now();
    let begun = connection.exchange(&post("/v1/exports", ADMIN_KEY, wanted.as_bytes()))?;
    if begun.status != 202 {
        bail!("status {}: {}", begun.status, String::from_utf8_lossy(begun.body));
    }
    let begun: Value = serde_json::from_slice(begun.body)?;
    let path = format!("/v1/exports/{}", begun["id"].as_str().context("an export has an id")?);
    let mut first_seconds = None;
    let export = loop {
        let export: Value = serde_json::from_slice(connection.exchange(&get(&path, ADMIN_KEY))?.body)?;
        match export["state"].as_str() {
            Some("queued" | "running") => {
                if export["progress"]["done"].as_u64().is_some_and(|done| done > 0) {
                    first_seconds.get_or_insert_with(|| started.elapsed().as_secs_f64());
                }
            }
            Some("completed") => break export,
            _ => bail!("the export did not complete: {export}"),
        }
        thread::sleep(GLANCE);
    };
    let seconds = started.elapsed().as_secs_f64();
    let memory = server.memory("VmHWM")?;
    // Its room is the next one's.
    connection.exchange(&delete(&path, ADMIN_KEY))?;
    let figure = |name: &str| export["file"][name].as_u64().with_context(|| format!("no {name}"));
    Ok(Taken {
        rows: figure("rows")?,
        bytes: figure("bytes")?,
        seconds,
        first_seconds: first_seconds.unwrap_or(seconds),
        memory,
    })
}

fn row(page: &mut String, kind: &str, what: &str, taken: &Taken, idle: u64) -> Result<()> {
    let Taken { rows, bytes, seconds, first_seconds, memory } = taken;
    writeln!(
        page,
        "| {kind} | {what} | {} | {} | {:.0} | {:.2} s | {:.0} MiB, {:.0} of them before |",
        thousands(*rows as f64),
        thousands(*rows as f64 / seconds),
        *bytes as f64 / 1e6,
        first_seconds,
        super::mebibytes(*memory),
        super::mebibytes(idle),
    )?;
    Ok(())
}

/// A key that sends to a tenant of its own, of which there may be some from earlier runs.
fn sender(server: &Server) -> Result<String> {
    let salt = std::collections::hash_map::RandomState::new();
    let tenant = format!("bench-{:016x}", std::hash::BuildHasher::hash_one(&salt, 0));
    server.create("/v1/tenants", &json!({"name": tenant, "auditing": true}))?;
    let wanted = json!({
        "name": "bench", "permissions": ["events.send"], "reach": {"tenants": [tenant]}, "default_tenant": tenant,
    });
    let key = server.create("/v1/keys", &wanted)?;
    Ok(key["key"].as_str().context("the answer has a key")?.to_owned())
}

/// Sends for some seconds, or while something is done; events acknowledged in a second.
fn sending(server: &Server, key: &str, meanwhile: Option<&mut dyn FnMut() -> Result<()>>) -> Result<f64> {
    let stop = AtomicBool::new(false);
    let salt = std::collections::hash_map::RandomState::new();
    let mut numbers = Numbers::new(std::hash::BuildHasher::hash_one(&salt, 1));
    let mut request = Request::new(BATCH, key, &mut numbers);
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut connection = Connection::open(server.address)?;
            let (started, mut sent) = (Instant::now(), 0);
            while !stop.load(Ordering::Relaxed) {
                let answer = connection.exchange(request.fresh(&mut numbers))?;
                if answer.status != 201 {
                    bail!("status {}: {}", answer.status, String::from_utf8_lossy(answer.body));
                }
                sent += BATCH;
            }
            Ok(sent as f64 / started.elapsed().as_secs_f64())
        });
        let done = match meanwhile {
            Some(work) => work(),
            None => {
                thread::sleep(Duration::from_secs(5));
                Ok(())
            }
        };
        stop.store(true, Ordering::Relaxed);
        let rate = sender.join().map_err(|_| anyhow::anyhow!("the sender panicked"))?;
        done?;
        rate
    })
}
