//! What the index keeps of one event: terms, words and columns.
//!
//! The tail, the splits and the check against the ledger all start from a [`Doc`], so they can't differ; which terms an
//! event gets is decided in [`crate::derive`]. Invariant: a document's keywords are sorted and distinct.

use crate::field::Field;

/// Where and when an entry stands in the ledger, as far as the index keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) index: u64,
    /// When it happened, in microseconds.
    pub(crate) time: i64,
    /// When it was received, in microseconds.
    pub(crate) received: i64,
    /// The number of the tenant that it belongs to.
    pub(crate) tenant: u64,
}

/// What the index keeps of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doc {
    pub(crate) place: Place,
    /// Hashes of the users named, actor first, for distinct counts.
    pub(crate) users: Vec<u64>,
    /// Hashes of the tenants named by actor and targets, for distinct counts.
    pub(crate) domains: Vec<u64>,
    /// The characters of all terms and words.
    pub(crate) arena: String,
    pub(crate) keywords: Vec<(Field, Span)>,
    /// Words in order; an empty span is a gap over which no phrase reaches.
    pub(crate) words: Vec<Span>,
}

/// A piece of a document's characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// No characters: a gap.
    pub(crate) const GAP: Span = Span { start: 0, end: 0 };

    pub(crate) fn of(self, arena: &str) -> &str {
        &arena[self.start as usize..self.end as usize]
    }
}

impl Doc {
    /// The document of an event that could not be decoded: found by its id, tenant and time alone.
    pub(crate) fn bare(place: Place, id: &str) -> Doc {
        let span = Span { start: 0, end: id.len() as u32 };
        Doc { place, arena: id.to_owned(), keywords: vec![(Field::Id, span)], ..Doc::default() }
    }

    /// Its keywords, sorted and distinct.
    pub(crate) fn keywords(&self) -> impl Iterator<Item = (Field, &str)> {
        self.keywords.iter().map(|(field, span)| (*field, span.of(&self.arena)))
    }

    /// Its words in order, `None` being a gap; the position of a word is its place in this list.
    pub(crate) fn words(&self) -> impl Iterator<Item = Option<&str>> {
        self.words.iter().map(|span| (span.start < span.end).then(|| span.of(&self.arena)))
    }
}
