//! Starts a part that tests need: a script of this directory, in Node.js, with an npm package behind it.
//!
//! A test names this file with `#[path]`. The part says in its first line where it is and ends with its owner.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

/// A running part; it ends when this is dropped.
pub(crate) struct Part {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// What it said of itself when it was ready.
    pub(crate) ready: Value,
}

impl Part {
    /// Starts a script with these arguments and waits until it is ready.
    ///
    /// # Panics
    /// When the npm packages are not installed, or the script ends before it is ready.
    pub(crate) fn start(script: &str, arguments: &[impl AsRef<str>]) -> Self {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/parts");
        assert!(
            directory.join("node_modules/.package-lock.json").exists(),
            "the npm packages of the tests are missing; run: npm --prefix tools/parts ci"
        );
        let mut child = Command::new("node")
            .arg(directory.join(script))
            .args(arguments.iter().map(AsRef::as_ref))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("these tests need node, Node.js 20.19 or newer");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut part = Self { child, input, output, ready: Value::Null };
        part.ready = part.line();
        part
    }

    /// Gives it a command and waits for its answer.
    ///
    /// # Panics
    /// When it ended.
    pub(crate) fn tell(&mut self, command: &Value) -> Value {
        let input = self.input.as_mut().expect("standard input is open until the end");
        writeln!(input, "{command}").expect("the part reads its input");
        self.line()
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the part's output can be read");
        assert!(!line.is_empty(), "the part ended; what it wrote to standard error says why");
        serde_json::from_str(&line).expect("a part writes lines of JSON")
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.input.take();
        // It ends by itself; a test that fails must not wait for one that does not.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
