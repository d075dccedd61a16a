//! The `indelible` command: serve, import, search, verify, keys, tenants.
//!
//! Data goes to standard output, words to standard error. Exit codes: 0 done; 1 the answer is no (a proof does not
//! verify, an event was refused); 2 wrong usage or configuration; 3 could not find out (network, disk).

// The settings as one `json!` have more members than the default allows.
#![recursion_limit = "256"]

mod args;
mod client;
mod commands;
mod exit;
mod filters;
mod output;
mod rows;
mod sse;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Serve(args) => commands::serve::run(args),
        Command::Import(args) => commands::import::run(args),
        Command::Export(args) => commands::export::run(args),
        Command::Search(args) => commands::search::run(args),
        Command::Tail(args) => commands::tail::run(args),
        Command::Count(args) => commands::count::run(args),
        Command::Send(args) => commands::send::run(args),
        Command::Verify(args) => commands::verify::run(args),
        Command::Tenants(args) => commands::tenants::run(args),
        Command::Keys(args) => commands::keys::run(args),
        Command::Rules(args) => commands::rules::run(args),
        Command::Config(args) => commands::serve::check(args),
        Command::Completions(args) => commands::completions(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit.report(),
    }
}
