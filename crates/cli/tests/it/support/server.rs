//! The real `indelible` as a process: started, killed, stopped, asked.
//!
//! Every installation has a directory of its own, and every child an environment without this process's settings.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use super::{Api, LONG, within};

/// The administrator's key of every server here.
pub(crate) const ADMIN_KEY: &str = "test-administrator-key";

/// A data directory and the settings to serve it with.
pub(crate) struct Installation {
    directory: TempDir,
    settings: BTreeMap<String, String>,
}

/// A process that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    stderr: Arc<Mutex<String>>,
}

impl Installation {
    /// An empty one, with small WAL segments so that a test costs little disk.
    pub(crate) fn new() -> Self {
        let settings = [
            ("INDELIBLE_ADMIN_KEY", ADMIN_KEY),
            ("INDELIBLE_WAL_SEGMENT_BYTES", "4194304"),
            ("INDELIBLE_FREE_BYTES_MIN", "1048576"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { directory: tempfile::tempdir().unwrap(), settings: settings.into() }
    }

    /// With another setting, by the name of its environment variable without `INDELIBLE_`.
    pub(crate) fn with(mut self, setting: &str, value: &str) -> Self {
        self.set(setting, value);
        self
    }

    /// One with these settings, its server with the tenant `acme`, and a client that sends and reads there.
    pub(crate) fn with_acme(settings: &[(&str, &str)]) -> (Self, Server, Api) {
        let mut installation = Self::new();
        for (setting, value) in settings {
            installation.set(setting, value);
        }
        let server = installation.start();
        server.admin().tenant("acme");
        let api = server.admin().key(&["events.send", "audit.read"], &["acme"]);
        (installation, server, api)
    }

    pub(crate) fn set(&mut self, setting: &str, value: &str) {
        self.settings.insert(format!("INDELIBLE_{setting}"), value.to_owned());
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A path beside the data directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The same settings on a copy of the data directory.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self { directory: tempfile::tempdir().unwrap(), settings: self.settings.clone() };
        super::copy_tree(&self.data(), &copy.data());
        copy
    }

    /// `indelible` with these arguments, this installation's notes, and nothing of this process's settings.
    pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_indelible"));
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("INDELIBLE_")) {
            command.env_remove(name);
        }
        command.args(arguments).env("XDG_STATE_HOME", self.path("state")).stdin(Stdio::null());
        command
    }

    /// `indelible serve` on the data directory and any free port, unless one is set.
    pub(crate) fn serve(&self) -> Command {
        let address = self.settings.get("INDELIBLE_LISTEN").map_or("127.0.0.1:0", String::as_str);
        let mut command = self.command(["serve", "--listen", address, "--data"]);
        command.arg(self.data()).envs(&self.settings).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Starts the server; returns when events are taken.
    #[track_caller]
    pub(crate) fn start(&self) -> Server {
        self.start_within(LONG).unwrap_or_else(|ended| panic!("the server did not start: {ended:?}"))
    }

    /// Starts a server that must refuse.
    #[track_caller]
    pub(crate) fn refuse(&self) -> Ended {
        match self.start_within(LONG) {
            Ok(server) => panic!("the server started at {}", server.url),
            Err(ended) => ended,
        }
    }

    /// Starts the server, or says how it ended.
    pub(crate) fn try_start(&self) -> Result<Server, Ended> {
        self.start_within(LONG)
    }

    /// Starts the server and kills it with -9 if it is not ready after `limit`.
    pub(crate) fn start_within(&self, limit: Duration) -> Result<Server, Ended> {
        let mut child = self.serve().spawn().unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(child.stderr.take().unwrap());
        let (sender, receiver) = mpsc::channel();
        let log = stderr.clone();
        // Reads to the end, so that the server never waits for a full pipe. The sender goes when the server ends.
        let reader = thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("indelible is ready at ") {
                    // Nobody listens any more when the limit was exceeded.
                    let _ = sender.send(url.trim_end_matches('/').to_owned());
                }
                let mut log = log.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        match receiver.recv_timeout(limit) {
            Ok(url) => Ok(Server { child, url, stderr }),
            Err(_) => {
                // Ended by itself already where it refused.
                let _ = child.kill();
                let code = child.wait().unwrap().code();
                reader.join().unwrap();
                let stderr = stderr.lock().unwrap().clone();
                Err(Ended { code, stderr })
            }
        }
    }

    /// `indelible verify --data`, with its words.
    pub(crate) fn verify(&self) -> Ended {
        let data = self.data();
        let output = self.command([Path::new("verify"), Path::new("--data"), &data]).output().unwrap();
        let words = [output.stdout, output.stderr].concat();
        Ended { code: output.status.code(), stderr: String::from_utf8_lossy(&words).into_owned() }
    }
}

impl Server {
    /// A client with the administrator's key.
    pub(crate) fn admin(&self) -> Api {
        self.with_key(ADMIN_KEY)
    }

    /// A client with another key.
    pub(crate) fn with_key(&self, key: &str) -> Api {
        Api::new(&self.url, Some(key))
    }

    /// Host and port that it listens on.
    pub(crate) fn address(&self) -> &str {
        let (_, address) = self.url.split_once("://").unwrap();
        address.split('/').next().unwrap()
    }

    /// A client without a key.
    pub(crate) fn stranger(&self) -> Api {
        Api::new(&self.url, None)
    }

    /// `indelible` against this server, as the administrator.
    pub(crate) fn command(&self, installation: &Installation, arguments: &[&str]) -> Command {
        let mut command = installation.command(arguments);
        command.env("INDELIBLE_URL", &self.url).env("INDELIBLE_KEY", ADMIN_KEY);
        command
    }

    /// Runs `indelible` against this server, which must succeed.
    #[track_caller]
    pub(crate) fn run(&self, installation: &Installation, arguments: &[&str]) -> Output {
        let output = self.command(installation, arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// What it wrote to standard error so far.
    pub(crate) fn log(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// As `kill -9` does; returns at once.
    pub(crate) fn kill_now(&self) {
        rustix::process::kill_process(self.process(), Signal::KILL).unwrap();
    }

    /// As `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.kill_now();
        self.child.wait().unwrap();
    }

    fn process(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap()
    }

    /// Asks it to end with a signal, and waits.
    pub(crate) fn end_with(mut self, signal: Signal) -> Ended {
        rustix::process::kill_process(self.process(), signal).unwrap();
        let status = within(LONG, "the server ends", || self.child.try_wait().unwrap());
        Ended { code: status.code(), stderr: self.log() }
    }

    /// Stops it gracefully.
    #[track_caller]
    pub(crate) fn stop(self) {
        let ended = self.end_with(Signal::TERM);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that ended already can't be killed, and need not.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the server at {} wrote:\n{}---", self.url, self.log());
        }
    }
}
