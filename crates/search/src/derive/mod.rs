//! An event to its document: the one place that decides under which terms an event is found.
//!
//! Every value gets the term of its field, or one of [`Field::Attribute`] under its path; every text its words. Limits
//! keep one event from filling the index: values of parameters below [`PARAMETER_DEPTH`] objects, or after the first
//! [`VALUES_MAX`], are found as words only. Part of the index format.

mod terms;
mod texts;

use indelible_event::{Derived, Event};
use indelible_verify::People;

use crate::doc::{Doc, Place, Span};
use crate::field::{Field, fold_case, shorten};
use crate::path::{PROFILE, Paths};

/// Objects within each other in a parameter's value that have paths.
const PARAMETER_DEPTH: usize = 4;
/// Values of parameters, and values of changes, that an event has as attributes.
const VALUES_MAX: usize = 128;
/// Longest path with an attribute, in bytes.
pub(crate) const PATH_MAX: usize = 256;

impl Doc {
    /// Derives the document of an event whose id is `id`, and in which the server recognised `people`.
    pub(crate) fn new(place: Place, id: &str, event: &Event, derived: &Derived, people: &People) -> Doc {
        let mut writer = Writer {
            doc: Doc {
                place,
                arena: String::with_capacity(2048),
                keywords: Vec::with_capacity(64),
                words: Vec::with_capacity(128),
                ..Doc::default()
            },
            present: Paths::default(),
            compounds: Vec::new(),
            fresh: 0,
        };
        writer.term(Field::Id, id);
        writer.keywords(event, derived);
        writer.people(people);
        writer.hashes(event);
        writer.text_of(id, event, derived);
        writer.finish()
    }
}

struct Writer {
    doc: Doc,
    present: Paths,
    /// Compound words, as they were written, whose parts are among the words or will be.
    compounds: Vec<Span>,
    /// The first of them whose parts are not written yet.
    fresh: usize,
}

#[inline]
fn append(arena: &mut String, text: &str) -> Span {
    // Terms come from events of bounded size, and all of them together stay far below 4 GiB.
    let start = arena.len() as u32;
    arena.push_str(text);
    Span { start, end: arena.len() as u32 }
}

/// Appends `text`, which is ASCII, without capitals.
#[inline]
fn append_lower(arena: &mut String, text: &str) -> Span {
    let start = arena.len();
    arena.push_str(text);
    arena[start..].make_ascii_lowercase();
    Span { start: start as u32, end: arena.len() as u32 }
}

/// Appends `value` as a keyword: what [`shorten`] leaves of it, without case.
fn append_keyword(arena: &mut String, value: &str, max: usize, head: usize) -> Span {
    if value.is_ascii() && value.len() <= max {
        append_lower(arena, value)
    } else {
        append(arena, &shorten(&fold_case(value), max, head))
    }
}

impl Writer {
    fn term(&mut self, field: Field, term: &str) {
        let span = append(&mut self.doc.arena, term);
        self.doc.keywords.push((field, span));
    }

    /// No phrase reaches over this point.
    fn gap(&mut self) {
        if self.doc.words.last().is_some_and(|last| *last != Span::GAP) {
            self.doc.words.push(Span::GAP);
        }
    }

    fn finish(mut self) -> Doc {
        let Doc { arena, keywords, .. } = &mut self.doc;
        let start = append(arena, PROFILE).start;
        self.present.write_letters(arena);
        keywords.push((Field::Present, Span { start, end: arena.len() as u32 }));
        let arena = &*arena;
        keywords.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.of(arena).cmp(b.1.of(arena))));
        keywords.dedup_by(|a, b| a.0 == b.0 && a.1.of(arena) == b.1.of(arena));
        self.doc
    }
}
