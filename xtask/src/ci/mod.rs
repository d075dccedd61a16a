//! Everything that CI runs, in one list, fast ones first; ends with `N passed, N failed`.
//!
//! A suite that fails does not keep the next from running, so that one run tells all. A suite that could not run, or
//! ran no test at all, counts as failed. `make test` installs what the suites need.

mod count;
mod suites;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use count::Counts;
use suites::Suite;

/// Runs the suites; returns whether nothing failed.
///
/// # Errors
/// When an option is wrong.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<bool> {
    let mut only = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--only" => only.push(crate::value(argument, &mut arguments)?.to_owned()),
            other => bail!("unknown option {other}"),
        }
    }
    let wanted =
        |suite: &Suite| only.is_empty() || only.iter().any(|part| suite.name.contains(part.as_str()));
    let suites: Vec<_> = suites::all(root).into_iter().filter(wanted).collect();
    if suites.is_empty() {
        bail!("no suite is called that way");
    }
    let results: Vec<_> = suites.iter().map(|suite| (suite.name, run_suite(suite))).collect();
    Ok(report(&results))
}

/// How a suite went.
struct Outcome {
    counts: Counts,
    elapsed: Duration,
    /// Why it counts as failed, where the counts alone don't tell.
    note: Option<String>,
}

fn run_suite(suite: &Suite) -> Outcome {
    println!("\n=== {}: {}", suite.name, suite.command_line());
    let started = Instant::now();
    let (counts, note) = match execute(suite) {
        Ok((true, output)) => match suite.count(true, &output) {
            Some(counts) if counts.passed + counts.failed > 0 => (counts, None),
            _ => (Counts { passed: 0, failed: 1 }, Some("it ran no test".to_owned())),
        },
        // A test process that dies before it can report still is a failure.
        Ok((false, output)) => {
            let counts = suite.count(false, &output).unwrap_or_default();
            (Counts { failed: counts.failed.max(1), ..counts }, None)
        }
        Err(error) => (Counts { passed: 0, failed: 1 }, Some(format!("{error:#}"))),
    };
    if let Some(note) = &note {
        println!("{}: {note}", suite.name);
    }
    Outcome { counts, elapsed: started.elapsed(), note }
}

/// Runs the command, showing its output; returns whether it succeeded, and what it wrote to standard output.
fn execute(suite: &Suite) -> Result<(bool, String)> {
    suite.forget_old_results()?;
    let mut child = Command::new(suite.program)
        .args(&suite.arguments)
        .envs(suite.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&suite.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("can't run {}", suite.program))?;
    let mut output = String::new();
    let mut lines = BufReader::new(child.stdout.take().context("standard output is piped")?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        output.push_str(&text);
        line.clear();
    }
    Ok((child.wait()?.success(), output))
}

fn report(results: &[(&str, Outcome)]) -> bool {
    println!("\n{:<14} {:>7} {:>7} {:>8}", "suite", "passed", "failed", "seconds");
    let mut total = Counts::default();
    for (name, outcome) in results {
        let Counts { passed, failed } = outcome.counts;
        let note = outcome.note.as_deref().unwrap_or_default();
        println!("{name:<14} {passed:>7} {failed:>7} {:>8.1} {note}", outcome.elapsed.as_secs_f64());
        total.passed += passed;
        total.failed += failed;
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    total.failed == 0
}
