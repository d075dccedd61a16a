//! Data on standard output.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::Value;

use crate::exit::{Done, Exit};

/// Maps a failed write to an exit; a reader that went away (`| head`) ends the command quietly.
pub(crate) fn written(result: io::Result<()>) -> Done {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        result => result.map_err(|error| Exit::unknown(format!("can't write the output: {error}"))),
    }
}

pub(crate) fn print_line(line: &str) -> Done {
    written(writeln!(io::stdout().lock(), "{line}"))
}

pub(crate) fn print_json(value: &Value) -> Done {
    print_json_text(&format!("{value:#}"))
}

/// Prints JSON as it is; on a terminal with JSON's own escapes for what would steer it.
pub(crate) fn print_json_text(text: &str) -> Done {
    if io::stdout().is_terminal() { print_line(&harmless_json(text)) } else { print_line(text) }
}

/// Columns of the output where it is no terminal.
const WIDTH: u16 = 160;

/// Prints a table as wide as the terminal.
pub(crate) fn print_table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Done {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !table.is_tty() {
        table.set_width(WIDTH);
    }
    table.set_header(header.iter().copied());
    for row in rows {
        table.add_row(row.iter().map(|cell| harmless(cell)));
    }
    print_line(&table.to_string())
}

/// A number of things, in words.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// Says on a terminal's standard error that something is going on, once it has taken a second.
pub(crate) struct Patience {
    bar: ProgressBar,
    began: Instant,
}

impl Patience {
    pub(crate) fn new(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()).with_message(what);
        if io::stderr().is_terminal() {
            let shown = bar.downgrade();
            std::thread::spawn(move || {
                std::thread::sleep(PATIENCE);
                // Gone where the command has ended meanwhile.
                if let Some(bar) = shown.upgrade().filter(|bar| !bar.is_finished()) {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    bar.enable_steady_tick(Duration::from_millis(100));
                }
            });
        }
        Self { bar, began: Instant::now() }
    }

    /// How far it is.
    pub(crate) fn say(&self, words: String) {
        if self.began.elapsed() >= PATIENCE {
            self.bar.set_message(words);
        }
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Nobody needs to be told that something takes less.
const PATIENCE: Duration = Duration::from_secs(1);

fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text of events, servers and files must not steer the terminal: control and bidirectional characters are shown as
/// escapes, and a new line as a slash, so that it can't be taken for a line of ours.
pub(crate) fn harmless(text: &str) -> String {
    if !text.contains(steers) {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '\n' => out.push_str(" / "),
            c if steers(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
        out
    })
}

/// [`harmless`], line by line.
pub(crate) fn harmless_lines(text: &str) -> String {
    text.split('\n').map(harmless).collect::<Vec<_>>().join("\n")
}

/// JSON that says the same and steers no terminal: such characters stand in strings only, where JSON can escape them.
pub(crate) fn harmless_json(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if steers(c) && !matches!(c, '\n' | '\t') {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
        out
    })
}

/// A CSV cell that a spreadsheet does not take for a formula.
pub(crate) fn csv_cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\0']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_steers_a_terminal() {
        assert_eq!(harmless("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(harmless("abc\u{202e}def"), "abc\\u{202e}def");
        assert_eq!(harmless("two\nlines"), "two / lines");
        assert_eq!(harmless("日本語 é"), "日本語 é");
        assert_eq!(harmless_lines("one\u{7}\n  two\u{9d}x"), "one\\u{7}\n  two\\u{9d}x");
    }

    #[test]
    fn json_on_a_terminal_says_the_same_and_steers_nothing() {
        let value = serde_json::json!({"a\u{9b}31m": ["\u{202e}x\u{7f}", "two\nlines", "é"], "b": {}});
        let shown = harmless_json(&format!("{value:#}"));
        assert!(!shown.contains(|c| steers(c) && c != '\n'), "{shown:?}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }

    #[test]
    fn neutralises_formulas() {
        for (text, cell) in [("=1+1", "'=1+1"), ("-3", "'-3"), ("@x", "'@x"), ("a=b", "a=b"), ("", "")] {
            assert_eq!(csv_cell(text), cell);
        }
    }
}
