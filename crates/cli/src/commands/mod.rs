//! One module a command.

pub(crate) mod count;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod rules;
pub(crate) mod search;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod tail;
pub(crate) mod tenants;
pub(crate) mod verify;

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use clap::CommandFactory;

use crate::{
    args::{Cli, CompletionsArgs},
    exit::{Done, Exit},
};

/// Prints completions.
#[allow(clippy::unnecessary_wraps, reason = "the shape of every command")]
pub(crate) fn completions(args: CompletionsArgs) -> Done {
    clap_complete::generate(args.shell, &mut Cli::command(), "indelible", &mut io::stdout());
    Ok(())
}

/// The bytes of a file, or of standard input for `-`.
pub(crate) fn read_input(file: &Path) -> Result<Vec<u8>, Exit> {
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin()
            .read_to_end(&mut bytes)
            .map_err(|error| Exit::unknown(format!("can't read standard input: {error}")))?;
        return Ok(bytes);
    }
    fs::read(file).map_err(|error| Exit::unknown(format!("can't read {}: {error}", file.display())))
}
