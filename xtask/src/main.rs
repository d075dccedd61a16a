//! The project's own chores: `cargo xtask layers`, `cargo xtask ci`, `cargo xtask bench`.
//!
//! Exit codes: 0 done, 1 the answer is no (a test failed, a layer is crossed), 2 wrong usage, 3 could not find out.

mod bench;
mod ci;
mod layers;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  layers         checks that each crate uses only crates below it
  ci             runs every test, fast ones first, and ends with `N passed, N failed`
                 --only NAME      only the suites whose name contains NAME; repeat it
  bench          measures the release binary on this machine; Markdown on standard output
                 --runs N         medians of N runs (default 3)
                 --seconds N      seconds of load for each batch size (default 4)
                 --dir DIR        where the data goes (default target/bench); decides which disk is measured
                 --binary FILE    another binary than target/release/indelible
                 --write FILE     put the figures into this page, between its two `bench` marks
  bench search   many events in, then the same questions again and again
                 --events N       events (default 10,000,000)
                 --questions N    questions of each kind under each reach (default 100)
                 --beside         ask PostgreSQL and SQLite the same (Python 3, npm and pip fetch them)
                 --dir DIR, --binary FILE, --write FILE as above; the marks are `bench search`
  bench exports  the same trail taken out in each format
                 --data DIR       where `bench search` left it (default target/bench-search/data)
                 --binary FILE, --write FILE as above; the marks are `bench exports`
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let done = match command.as_str() {
        "layers" => layers::run(&root()),
        "ci" => ci::run(&root(), rest),
        "bench" => match rest.split_first() {
            Some((what, rest)) if what == "search" => bench::search::run(&root(), rest),
            Some((what, rest)) if what == "exports" => bench::exports::run(&root(), rest),
            _ => bench::run(&root(), rest),
        },
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(true)
        }
        _ => {
            eprintln!("error: unknown command {command:?}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(3)
        }
    }
}

/// The project's directory.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask is a directory in the project").to_owned()
}

/// The value after an option.
///
/// # Errors
/// When there is none.
fn value<'a>(option: &str, arguments: &mut impl Iterator<Item = &'a String>) -> anyhow::Result<&'a str> {
    arguments.next().map(String::as_str).ok_or_else(|| anyhow::anyhow!("{option} needs a value"))
}
