//! The measured server: a process of its own, in a directory of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::http::{Connection, get, post};

/// The administrator's key of every server that is measured.
pub(crate) const ADMIN_KEY: &str = "bench-administrator-key";
/// A server that takes longer to start or to catch up is a failure of the bench.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(2);

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    data: PathBuf,
    /// From the start of the process until events were taken.
    pub(crate) ready_for_ingest: Duration,
    started: Instant,
}

impl Server {
    /// Starts `binary` on `data`, which may hold a trail already; returns when events are taken.
    pub(crate) fn start(binary: &Path, data: &Path, seal_bytes: Option<u64>) -> Result<Self> {
        let started = Instant::now();
        let mut command = Command::new(binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("INDELIBLE_") {
                command.env_remove(name);
            }
        }
        command.env("INDELIBLE_ADMIN_KEY", ADMIN_KEY).env("INDELIBLE_LOG", "warn");
        if let Some(bytes) = seal_bytes {
            command.env("INDELIBLE_SEAL_BYTES", bytes.to_string());
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("can't run {}", binary.display()))?;
        let lines = BufReader::new(child.stderr.take().context("standard error is piped")?);
        let (sender, receiver) = mpsc::channel();
        // Reads on for the server's whole life, so that it never waits for a full pipe.
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                match line.strip_prefix("indelible is ready at http://") {
                    Some(rest) => drop(sender.send(rest.trim_end_matches('/').to_owned())),
                    None => eprintln!("server: {line}"),
                }
            }
        });
        let Ok(address) = receiver.recv_timeout(PATIENCE) else {
            // Whether it has ended already is of no interest: it must not stay behind.
            let _ = child.kill();
            bail!("the server did not get ready");
        };
        let ready_for_ingest = started.elapsed();
        Ok(Self { child, address: address.parse()?, data: data.to_owned(), ready_for_ingest, started })
    }

    /// Makes a tenant with auditing on and a key for it that may send, read and see metrics.
    pub(crate) fn set_up(&self) -> Result<String> {
        let mut connection = Connection::open(self.address)?;
        let mut make = |path: &str, body: &str| -> Result<Value> {
            let answer = connection.exchange(&post(path, ADMIN_KEY, body.as_bytes()))?;
            if answer.status != 201 {
                bail!("{path}: status {}: {}", answer.status, String::from_utf8_lossy(answer.body));
            }
            Ok(serde_json::from_slice(answer.body)?)
        };
        make("/v1/tenants", r#"{"name":"bench","auditing":true}"#)?;
        let key = make(
            "/v1/keys",
            r#"{"name":"bench","permissions":["events.send","audit.read"],"reach":{"tenants":["bench"]},"default_tenant":"bench"}"#,
        )?;
        Ok(key["key"].as_str().context("the answer has a key")?.to_owned())
    }

    /// Makes something as the administrator; returns the answer.
    pub(crate) fn create(&self, path: &str, body: &Value) -> Result<Value> {
        let mut connection = Connection::open(self.address)?;
        let answer = connection.exchange(&post(path, ADMIN_KEY, body.to_string().as_bytes()))?;
        if answer.status != 201 {
            bail!("{path}: status {}: {}", answer.status, String::from_utf8_lossy(answer.body));
        }
        Ok(serde_json::from_slice(answer.body)?)
    }

    /// The value of a gauge.
    pub(crate) fn gauge(&self, connection: &mut Connection, name: &str) -> Result<u64> {
        let answer = connection.exchange(&get("/metrics", ADMIN_KEY))?;
        let text = String::from_utf8_lossy(answer.body);
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value: f64 = line.with_context(|| format!("no gauge {name} in /metrics"))?.trim().parse()?;
        // Gauges of ours are whole numbers far below 2^53.
        Ok(value as u64)
    }

    /// Waits until everything on disk is searchable.
    pub(crate) fn wait_until_searchable(&self) -> Result<()> {
        let mut connection = Connection::open(self.address)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let size = self.gauge(&mut connection, "indelible_ledger_size")?;
            if self.gauge(&mut connection, "indelible_search_size")? >= size {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the index did not catch up");
            }
            thread::sleep(GLANCE);
        }
    }

    /// Waits until fewer than `bytes` of events are in the WAL only.
    pub(crate) fn wait_until_sealed(&self, bytes: u64) -> Result<()> {
        let mut connection = Connection::open(self.address)?;
        let deadline = Instant::now() + PATIENCE;
        while self.gauge(&mut connection, "indelible_ledger_unsealed_bytes")? >= bytes {
            if Instant::now() > deadline {
                bail!("the events were not sealed");
            }
            thread::sleep(GLANCE);
        }
        Ok(())
    }

    /// Waits for `/readyz`; returns the time since the process was started.
    pub(crate) fn wait_until_ready(&self) -> Result<Duration> {
        let mut connection = Connection::open(self.address)?;
        let deadline = Instant::now() + PATIENCE;
        while connection.exchange(&get("/readyz", ADMIN_KEY))?.status != 200 {
            if Instant::now() > deadline {
                bail!("the server did not get ready for searching");
            }
            thread::sleep(GLANCE);
        }
        self.wait_until_searchable()?;
        Ok(self.started.elapsed())
    }

    /// A line of `/proc/PID/status` in bytes, such as `VmHWM`.
    pub(crate) fn memory(&self, name: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes: u64 = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .with_context(|| format!("no {name} in /proc/PID/status"))?
            .parse()?;
        Ok(kibibytes * 1024)
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops it gracefully and returns its data directory.
    pub(crate) fn stop(mut self) -> Result<PathBuf> {
        let sent = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        if !sent.success() {
            bail!("can't signal the server");
        }
        let ended = self.child.wait()?;
        if !ended.success() {
            bail!("the server did not stop gracefully: {ended}");
        }
        Ok(self.data.clone())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only of use when the bench fails half-way; an ended process can't be killed again, and need not.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
