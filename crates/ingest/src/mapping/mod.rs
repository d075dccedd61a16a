//! Mappings: what a vendor's audit record means, said in a TOML file.
//!
//! The language is described in `docs/importing.md`. A mapping fills the fields of an [`Event`] from a record's
//! own; the record itself stays what it was (it is the event's body and its `data`), so that a mapping can be
//! improved later and old records be read again.

mod address;
mod assemble;
mod budget;
mod compile;
mod detect;
mod eval;
mod expr;
mod grammar;
mod lines;
mod program;
mod record;
mod registry;
mod steps;
mod table;
mod times;
mod trace;
mod unread;

use std::fmt;
use std::path::{Path, PathBuf};

use indelible_event::{Code, Event, Limits, Parsed, Problem, Timestamp};
use serde_json::value::RawValue;

#[cfg(test)]
mod tests;

pub(crate) use assemble::{NO_ACTION, derived_id, is_event_id};
pub use detect::{Candidate, DETECT_RECORDS_MAX, Detection, Evidence, Undecided, detect};
pub(crate) use record::{Kind, Node};
pub use registry::Registry;
pub use trace::{Trace, Unmatched};

use assemble::Terms;
use program::Program;

/// The most warnings that one event's answer lists.
const WARNINGS_MAX: usize = 32;

/// How a vendor's records become events.
#[derive(Clone, Debug)]
pub struct Mapping {
    name: String,
    version: u32,
    title: String,
    about: String,
    wrappers: Vec<String>,
    form: Form,
    /// How its records are told from others; without it only a name picks the mapping.
    signs: Option<detect::Signs>,
    shape: Shape,
    text: String,
}

/// What a file for a mapping holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON records.
    Json,
    /// Lines of text; each becomes the record `{"message": line}`, unless it is a JSON object already.
    Text,
}

#[derive(Clone, Debug)]
enum Shape {
    /// Records are events in the API's own shape.
    Api,
    Mapped(Box<Program>),
}

/// One mistake in a mapping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {}{message}", if field.is_empty() { String::new() } else { format!("{field}: ") })]
pub struct MappingError {
    /// The file, as the caller named it.
    pub file: String,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// The field of the mapping, such as `event.actor.id`; empty for the file.
    pub field: String,
    /// What is wrong and what was expected.
    pub message: String,
}

/// The mistakes in a mapping, in the order of the file: the first hundred that were found, the last of them with the
/// number of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingErrors(pub Vec<MappingError>);

impl fmt::Display for MappingErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            let newline = if at > 0 { "\n" } else { "" };
            write!(f, "{newline}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for MappingErrors {}

/// A mapping in a file can't be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file can't be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// The file is no mapping.
    #[error(transparent)]
    Mistakes(#[from] MappingErrors),
}

/// A record as an event.
#[derive(Clone, Debug)]
pub struct Mapped {
    /// The event; `data` is the record.
    pub event: Event,
    /// Values that the event could not take as they were.
    pub warnings: Vec<Problem>,
    /// Paths of the record's fields that the mapping did not take, each once: `a.b[].c`. They are in `data`.
    pub not_understood: Vec<String>,
}

impl Mapping {
    /// Reads a mapping; `file` is what its mistakes call it.
    ///
    /// # Errors
    /// [`MappingErrors`] with every mistake.
    pub fn parse(file: &str, text: &str) -> Result<Self, MappingErrors> {
        compile::compile(file, text)
    }

    /// Reads the mapping in a file.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| LoadError::Read { path: path.to_owned(), error })?;
        Ok(Self::parse(&path.display().to_string(), &text)?)
    }

    /// Makes a mapping of single fields, such as `("actor.id", "user.uuid")`: the field of the event and the
    /// expression that fills it. `parameters.*` takes all members of an object.
    ///
    /// # Errors
    /// [`MappingErrors`]; the line is the ordinal of the field, from 1.
    pub fn from_fields<'f>(
        fields: impl IntoIterator<Item = (&'f str, &'f str)>,
    ) -> Result<Self, MappingErrors> {
        let mut text = String::new();
        for (field, expr) in fields {
            // A parameter's name may have dots.
            let parts = field.splitn(if field.starts_with("parameters.") { 2 } else { usize::MAX }, '.');
            let keys: Vec<_> = parts.map(toml_text).collect();
            text.push_str(&format!("event.{} = {}\n", keys.join("."), toml_text(expr)));
        }
        text.push_str("name = \"custom\"\nversion = 1\n");
        Self::parse("fields", &text)
    }

    /// The name in `?mapping=` and in envelopes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version that envelopes keep; a mapping that reads records otherwise has another.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The vendor's name for people.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// A sentence about what it reads.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Members under which a file may hold its records: `{"Records": [...]}`.
    pub fn wrappers(&self) -> &[String] {
        &self.wrappers
    }

    /// The file that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What its files hold.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Makes the event of one record.
    ///
    /// # Errors
    /// What makes the record no evidence at all: not a JSON object, repeated keys, lone surrogates, too deep, over
    /// the size limit. For a mapping of events in the API's own shape: what [`indelible_event::parse`] refuses.
    pub fn apply(
        &self,
        record: &str,
        limits: &Limits,
        received_at: Timestamp,
    ) -> Result<Mapped, Vec<Problem>> {
        self.apply_traced(record, limits, received_at, None)
    }

    /// As [`Mapping::apply`], and notes in `trace` which of the mapping's paths led to something.
    ///
    /// # Errors
    /// As [`Mapping::apply`].
    pub fn apply_traced(
        &self,
        record: &str,
        limits: &Limits,
        received_at: Timestamp,
        trace: Option<&Trace>,
    ) -> Result<Mapped, Vec<Problem>> {
        let terms = Terms { name: &self.name, received_at: Some(received_at), tracking: true, trace };
        match &self.shape {
            Shape::Api => {
                let Parsed { event, warnings } = indelible_event::parse(record, limits, received_at)?;
                Ok(Mapped { event, warnings, not_understood: Vec::new() })
            }
            Shape::Mapped(program) => {
                crate::check::object(record, limits)?;
                let node = Node::parse(record).ok_or_else(|| vec![crate::check::unreadable()])?;
                Ok(assemble::assemble(program, &node, &terms))
            }
        }
    }

    /// As [`Mapping::apply`] for a record that was accepted before: no warnings, no limits of today.
    pub(crate) fn decode(&self, record: &str) -> Option<Event> {
        match &self.shape {
            Shape::Api => crate::stored::api_event(record),
            Shape::Mapped(program) => {
                let node = Node::parse(record)?;
                let terms = Terms { name: &self.name, received_at: None, tracking: false, trace: None };
                Some(assemble::assemble(program, &node, &terms).event)
            }
        }
    }
}

impl Mapped {
    /// The event with its warnings, what was not understood among them as `unknown_field`; the last of 32 counts the
    /// rest.
    pub fn into_parsed(self) -> Parsed {
        let mut warnings = self.warnings;
        let room = WARNINGS_MAX.saturating_sub(warnings.len());
        for path in self.not_understood.iter().take(room) {
            warnings.push(Problem::new(
                Code::UnknownField,
                pointer(path),
                "not named by the mapping; kept in data",
            ));
        }
        let more = self.not_understood.len().saturating_sub(room);
        if let (true, Some(last)) = (more > 0, warnings.last_mut()) {
            last.message = format!("{} (and {more} more fields of this record)", last.message);
        }
        Parsed { event: self.event, warnings }
    }

    /// The event as a request in the API's own shape, for a mapping that the server doesn't know: times in the
    /// API's form, the record in `data`.
    pub fn to_api_json(&self) -> String {
        let mut event = self.event.clone();
        let in_api_form = |time: &mut indelible_event::EventTime| {
            if Timestamp::parse_rfc3339(&time.original).is_err() {
                time.original = time.at.to_rfc3339();
            }
        };
        event.time.iter_mut().for_each(in_api_form);
        if let Some(occurrences) = &mut event.occurrences {
            occurrences.first.iter_mut().chain(&mut occurrences.last).for_each(in_api_form);
        }
        event.to_json()
    }
}

/// A TOML basic string.
fn toml_text(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\U{:08x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// A path of the language as a JSON pointer; the elements of a list are `/-`.
fn pointer(path: &str) -> String {
    let Ok(path) = grammar::parse_path(path) else { return String::new() };
    let mut pointer = String::new();
    for segment in &path.segments {
        match segment {
            expr::Segment::Key(key) => crate::check::push_pointer(&mut pointer, key),
            _ => pointer.push_str("/-"),
        }
    }
    pointer
}

/// The whole record as `data`.
pub(crate) fn raw(json: &str) -> Option<Box<RawValue>> {
    serde_json::from_str::<Box<RawValue>>(json).ok()
}
