//! How a command ends when it does not end well.

use std::{fmt::Display, process::ExitCode};

use crate::output::harmless_lines;

/// What to say, and the exit code of the three kinds of failure.
#[derive(Debug)]
pub(crate) struct Exit {
    code: u8,
    message: String,
    hint: Option<String>,
}

/// What a command returns.
pub(crate) type Done = Result<(), Exit>;

impl Exit {
    /// The answer is no.
    pub(crate) fn no(message: impl Display) -> Self {
        Self { code: 1, message: message.to_string(), hint: None }
    }

    /// Wrong usage or configuration.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { code: 2, message: message.to_string(), hint: None }
    }

    /// Could not find out: network, disk.
    pub(crate) fn unknown(message: impl Display) -> Self {
        Self { code: 3, message: message.to_string(), hint: None }
    }

    /// Adds the way out.
    pub(crate) fn hint(self, hint: impl Display) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }

    /// What to say, made harmless.
    pub(crate) fn message(&self) -> String {
        harmless_lines(&self.message)
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    pub(crate) fn report(self) -> ExitCode {
        // A message may quote a server, a file or the command line.
        eprintln!("error: {}", harmless_lines(&self.message));
        if let Some(hint) = self.hint {
            eprintln!("hint: {}", harmless_lines(&hint));
        }
        ExitCode::from(self.code)
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some errors repeat their cause in their own words.
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
