//! Measures the release binary on this machine: `cargo xtask bench`.
//!
//! Everything goes over HTTP to a real server process, with the load generator on the same machine. Each run starts
//! with an empty directory. What is compared with the disk is measured on the same file system in the same run.
//! Method and figures: `docs/benchmarks.md`.

mod disk;
mod events;
pub(crate) mod exports;
mod figures;
mod http;
mod load;
pub(crate) mod search;
mod server;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use figures::{Figures, Unit};
use server::Server;

/// Events a request, and connections that send them at the same time.
const LOADS: [(u64, u64); 4] = [(1, 64), (10, 32), (100, 16), (1000, 8)];
/// Light load: one write in each of these.
const LIGHT_LOAD: Duration = Duration::from_millis(5);
/// Event bytes in the WAL before the server is killed.
const WAL_BYTES: u64 = 256 << 20;
/// Sealing as soon as there is anything to seal: the least that can be set.
const SEALING_AT_ONCE: u64 = 64 << 10;
/// Sealing only at the end of the world, so that everything stays in the WAL.
const NO_SEALING: u64 = 1 << 30;

struct Options {
    runs: u32,
    seconds: u64,
    directory: PathBuf,
    binary: PathBuf,
    page: Option<PathBuf>,
}

/// Runs the bench and prints its table.
///
/// # Errors
/// When anything can't be measured.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<bool> {
    let options = parse(root, arguments)?;
    fs::create_dir_all(&options.directory)?;
    let begin = Instant::now();
    let mut figures = Figures::default();
    for run in 1..=options.runs {
        eprintln!("run {run} of {}", options.runs);
        let directory = options.directory.join(format!("run-{run}"));
        clear(&directory)?;
        measure(&options, &directory, &mut figures)?;
        clear(&directory)?;
    }
    let result = format!("{}\n\n{}", machine(), figures.to_markdown());
    print!("{result}");
    if let Some(page) = &options.page {
        publish(page, "bench", &result)?;
    }
    eprintln!("took {:.0} s", begin.elapsed().as_secs_f64());
    Ok(true)
}

fn parse(root: &Path, arguments: &[String]) -> Result<Options> {
    let mut options = Options {
        runs: 3,
        seconds: 4,
        directory: root.join("target/bench"),
        binary: root.join("target/release/indelible"),
        page: None,
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--runs" => options.runs = crate::value(argument, &mut arguments)?.parse()?,
            "--seconds" => options.seconds = crate::value(argument, &mut arguments)?.parse()?,
            "--dir" => options.directory = crate::value(argument, &mut arguments)?.into(),
            "--write" => options.page = Some(crate::value(argument, &mut arguments)?.into()),
            "--binary" => options.binary = crate::value(argument, &mut arguments)?.into(),
            other => bail!("unknown option {other}"),
        }
    }
    if options.runs == 0 || options.seconds == 0 {
        bail!("--runs and --seconds are at least 1");
    }
    if !options.binary.exists() {
        bail!("{} does not exist; run: make release", options.binary.display());
    }
    Ok(options)
}

fn clear(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("can't remove {}", directory.display()))?;
    }
    Ok(())
}

fn measure(options: &Options, directory: &Path, figures: &mut Figures) -> Result<()> {
    fs::create_dir_all(directory)?;
    let mut server = Server::start(&options.binary, &directory.join("data"), None)?;
    let key = server.set_up()?;
    figures.add("memory, idle, empty", Unit::Mebibytes, mebibytes(server.memory("VmRSS")?));

    eprintln!("  light load");
    figures.add_times("the disk's own write and fdatasync of 4 KiB", disk::syncs(directory, LIGHT_LOAD)?);
    figures.add_times("acknowledgement, light load", load::acknowledgements(&server, &key, 800, LIGHT_LOAD)?);
    figures.add_times("from acknowledgement to found", load::until_visible(&server, &key, 200)?);

    let mut events = 1_000;
    for (per_request, connections) in LOADS {
        eprintln!("  {per_request} events a request");
        let duration = Duration::from_secs(options.seconds);
        let load = load::throughput(&server, &key, per_request, connections, duration)?;
        let what = format!("{per_request} events a request, {connections} connections");
        figures.add(format!("{what}: acknowledged"), Unit::PerSecond, load.acked);
        figures.add(format!("{what}: acknowledged and searchable"), Unit::PerSecond, load.searchable);
        if load.refused > 0 {
            figures.add(format!("{what}: requests refused with 503"), Unit::Count, load.refused as f64);
        }
        events += load.events;
    }
    figures.add("memory, highest so far", Unit::Mebibytes, mebibytes(server.memory("VmHWM")?));
    figures.add("events in the trail", Unit::Count, events as f64);
    let data = server.stop()?;
    // What waits in the WAL would be missing from the content: it is sealed first.
    server = Server::start(&options.binary, &data, Some(SEALING_AT_ONCE))?;
    server.wait_until_sealed(SEALING_AT_ONCE)?;
    server.stop()?;
    sizes(&data, events, figures)?;

    eprintln!("  kill -9 and recovery");
    clear(&data)?;
    server = Server::start(&options.binary, &data, Some(NO_SEALING))?;
    let key = server.set_up()?;
    let in_wal = fill_wal(&server, &key)?;
    server.kill()?;
    server = Server::start(&options.binary, &data, Some(NO_SEALING))?;
    let what = format!("after kill -9 with {} MiB of events in the WAL", in_wal >> 20);
    figures.add(format!("{what}: events are taken"), Unit::Seconds, server.ready_for_ingest.as_secs_f64());
    let searchable = server.wait_until_ready()?;
    figures.add(format!("{what}: all are found"), Unit::Seconds, searchable.as_secs_f64());
    server.kill()
}

/// Sends until the WAL holds [`WAL_BYTES`] of events; returns that number, so that all runs say the same.
fn fill_wal(server: &Server, key: &str) -> Result<u64> {
    let mut connection = http::Connection::open(server.address)?;
    while server.gauge(&mut connection, "indelible_ledger_unsealed_bytes")? < WAL_BYTES {
        load::throughput(server, key, 1000, 8, Duration::from_millis(300))?;
    }
    Ok(WAL_BYTES)
}

/// Bytes an event by part, of a stopped server.
fn sizes(data: &Path, events: u64, figures: &mut Figures) -> Result<()> {
    let parts = [
        ("content", "ledger/content"),
        ("tree", "ledger/tree"),
        ("leaf records", "ledger/leaves"),
        ("id index", "ledger/ids"),
        ("search index", "search"),
        ("control database", "control.sqlite"),
    ];
    let mut total = 0;
    for (part, path) in parts {
        let bytes = disk::used(&data.join(path))?;
        total += bytes;
        figures.add(format!("disk an event: {part}"), Unit::Bytes, bytes as f64 / events as f64);
    }
    figures.add("disk an event: all of these", Unit::Bytes, total as f64 / events as f64);
    // Segments are written ahead and go when their events are sealed: a constant, not a share of each event.
    let wal = disk::used(&data.join("ledger/wal"))?;
    figures.add("disk: WAL segments, whatever the number of events", Unit::Mebibytes, mebibytes(wal));
    let mut numbers = events::Numbers::new(1);
    let sent = events::Request::new(1000, "", &mut numbers).event_bytes();
    figures.add("an event as sent", Unit::Bytes, sent as f64);
    Ok(())
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Puts figures into a page, between its two marks of this name.
fn publish(page: &Path, mark: &str, figures: &str) -> Result<()> {
    let text = fs::read_to_string(page).with_context(|| format!("can't read {}", page.display()))?;
    let text = replace_marked(&text, mark, figures)
        .with_context(|| format!("no marks {mark} in {}", page.display()))?;
    fs::write(page, text).with_context(|| format!("can't write {}", page.display()))
}

/// What stands between the marks of a page, replaced.
fn replace_marked(page: &str, mark: &str, figures: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->\n"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{figures}{end}{after}"))
}

/// What was measured on.
fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = Command::new("uname").arg("-r").output().ok();
    let kernel = kernel.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    format!(
        "{cores} cores ({}), Linux {}, load generator on the same machine",
        cpu.as_deref().unwrap_or("unknown processor"),
        kernel.as_deref().unwrap_or("?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_between_the_marks() {
        let page = "a\n<!-- bench -->\nold\n<!-- /bench -->\nb\n";
        let new = replace_marked(page, "bench", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- bench -->\nnew\n<!-- /bench -->\nb\n");
        assert_eq!(replace_marked("no marks\n", "bench", "new\n"), None);
    }

    #[test]
    fn the_page_of_the_figures_has_the_marks() {
        let page = fs::read_to_string(crate::root().join("docs/benchmarks.md")).unwrap();
        assert!(
            ["bench", "bench search", "bench exports"]
                .iter()
                .all(|mark| replace_marked(&page, mark, "").is_some())
        );
    }
}
