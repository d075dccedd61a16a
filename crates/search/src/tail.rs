//! The tail: the newest events, in memory, in columns that are scanned.
//!
//! It consists of blocks of one zone each. A block keeps every distinct term once and, for each document, the numbers
//! of its terms; a query is resolved to term numbers per block and then compared with those. An event is visible as
//! soon as it is pushed. Blocks become a split later, from what they hold: nothing is decoded twice.
//! Invariant: a block covers the leaf indices `first..end` without a gap, events or not.

use crate::dictionary::Dictionary;
use crate::doc::{Doc, Place};
use crate::field::Field;
use crate::query::{Expr, TenantSet};
use crate::zone::{ZONE_DOCS, Zone};

/// A block that holds more than this many bytes takes no more events.
const BLOCK_BYTES_MAX: usize = 8 << 20;

/// What is counted for a document beside its terms: its columns.
const DOC_BYTES: usize = 64;

/// Stands for a gap among the words of a document.
const GAP: u32 = u32::MAX;

/// A run of the newest events.
#[derive(Debug)]
pub(crate) struct Block {
    /// The first leaf index that it covers.
    pub(crate) first: u64,
    /// The leaf index after the last that it covers.
    pub(crate) end: u64,
    /// When the last entry covered was received; the minimum if it covers none.
    pub(crate) received_through: i64,
    /// The leaf hash of the last entry covered.
    pub(crate) last_leaf: [u8; 32],
    pub(crate) places: Vec<Place>,
    pub(crate) zone: Zone,
    dictionary: Dictionary,
    keywords: Lists<u32>,
    words: Lists<u32>,
    users: Lists<u64>,
    domains: Lists<u64>,
    bytes: usize,
}

/// Lists of numbers, one for each document, end to end.
#[derive(Debug)]
struct Lists<T> {
    ends: Vec<u32>,
    items: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { ends: Vec::new(), items: Vec::new() }
    }
}

impl<T: Copy> Lists<T> {
    fn close(&mut self) {
        self.ends.push(self.items.len() as u32);
    }

    fn get(&self, doc: usize) -> &[T] {
        let start = doc.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.items[start..self.ends[doc] as usize]
    }
}

impl Block {
    /// An empty block that begins at leaf `first`.
    pub(crate) fn new(first: u64) -> Self {
        Self {
            first,
            end: first,
            received_through: i64::MIN,
            last_leaf: [0; 32],
            places: Vec::new(),
            zone: Zone::EMPTY,
            dictionary: Dictionary::default(),
            keywords: Lists::default(),
            words: Lists::default(),
            users: Lists::default(),
            domains: Lists::default(),
            bytes: 0,
        }
    }

    /// Covers one more entry, with its document if it is an event.
    pub(crate) fn push(&mut self, received: i64, leaf_hash: [u8; 32], doc: Option<&Doc>) {
        if let Some(doc) = doc {
            self.push_doc(doc);
        }
        self.end += 1;
        self.received_through = received;
        self.last_leaf = leaf_hash;
    }

    fn push_doc(&mut self, doc: &Doc) {
        self.zone.add(doc.place.time, doc.place.received);
        self.places.push(doc.place);
        for (field, term) in doc.keywords() {
            let number = self.dictionary.number(field, term);
            self.keywords.items.push(number);
        }
        self.keywords.close();
        for word in doc.words() {
            let number = word.map_or(GAP, |word| self.dictionary.number(Field::Word, word));
            self.words.items.push(number);
        }
        self.words.close();
        self.users.items.extend(&doc.users);
        self.users.close();
        self.domains.items.extend(&doc.domains);
        self.domains.close();
        self.bytes += DOC_BYTES
            + 4 * (self.keywords.get(self.places.len() - 1).len()
                + self.words.get(self.places.len() - 1).len())
            + 8 * (doc.users.len() + doc.domains.len());
    }

    /// Whether it takes no more events.
    pub(crate) fn is_full(&self) -> bool {
        self.places.len() >= ZONE_DOCS || self.bytes() >= BLOCK_BYTES_MAX
    }

    /// Memory in use, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.dictionary.bytes()
    }

    /// The keywords of a document.
    pub(crate) fn keywords(&self, doc: usize) -> impl Iterator<Item = (Field, &str)> {
        self.keywords.get(doc).iter().map(|&number| self.dictionary.get(number))
    }

    /// The words of a document in order, `None` being a gap.
    pub(crate) fn words(&self, doc: usize) -> impl Iterator<Item = Option<&str>> {
        self.words.get(doc).iter().map(|&number| (number != GAP).then(|| self.dictionary.get(number).1))
    }

    pub(crate) fn users(&self, doc: usize) -> &[u64] {
        self.users.get(doc)
    }

    pub(crate) fn domains(&self, doc: usize) -> &[u64] {
        self.domains.get(doc)
    }

    /// Resolves an expression to this block's term numbers.
    pub(crate) fn compile<'p>(&self, expr: &'p Expr) -> Test<'p> {
        match expr {
            Expr::All => Test::Always,
            // Names that were never resolved match nothing; `Search` refuses such queries before.
            Expr::None | Expr::TenantNamed(_) => Test::Never,
            Expr::Term(field, term) => match self.dictionary.find(*field, term) {
                Some(number) if *field == Field::Word => Test::Word(number),
                Some(number) => Test::Keyword(number),
                None => Test::Never,
            },
            Expr::TenantText(field, name) => {
                self.dictionary.find(*field, &crate::field::keyword(name)).map_or(Test::Never, Test::Keyword)
            }
            Expr::Range(field, first, last) => {
                let found =
                    self.dictionary.numbers(*field, |term| first.as_str() <= term && term <= last.as_str());
                if found.is_empty() { Test::Never } else { Test::Keywords(found) }
            }
            Expr::Prefix(beginning) => {
                let found = self.dictionary.numbers(Field::Word, |term| term.starts_with(beginning));
                if found.is_empty() { Test::Never } else { Test::Words(found) }
            }
            Expr::Phrase(words) => self.phrase(words).map_or(Test::Never, Test::Phrase),
            Expr::PhrasePrefix(words, beginning) => {
                let last = self.dictionary.numbers(Field::Word, |term| term.starts_with(beginning));
                match self.phrase(words) {
                    Some(words) if !last.is_empty() => Test::PhrasePrefix(words, last),
                    _ => Test::Never,
                }
            }
            Expr::Tenants(set) => Test::Tenants(set),
            Expr::And(parts) => self.compile_and(parts),
            Expr::Or(parts) => self.compile_or(parts),
            Expr::Not(part) => match self.compile(part) {
                Test::Never => Test::Always,
                Test::Always => Test::Never,
                test => Test::Not(Box::new(test)),
            },
        }
    }

    fn compile_and<'p>(&self, parts: &'p [Expr]) -> Test<'p> {
        let mut tests = Vec::new();
        for part in parts {
            match self.compile(part) {
                Test::Never => return Test::Never,
                Test::Always => {}
                test => tests.push(test),
            }
        }
        if tests.is_empty() { Test::Always } else { Test::And(tests) }
    }

    fn compile_or<'p>(&self, parts: &'p [Expr]) -> Test<'p> {
        let mut tests = Vec::new();
        for part in parts {
            match self.compile(part) {
                Test::Always => return Test::Always,
                Test::Never => {}
                test => tests.push(test),
            }
        }
        if tests.is_empty() { Test::Never } else { Test::Or(tests) }
    }

    fn phrase(&self, words: &[String]) -> Option<Vec<u32>> {
        words.iter().map(|word| self.dictionary.find(Field::Word, word)).collect()
    }

    /// Whether the document passes a test compiled for this block.
    ///
    /// The block may have grown since: terms that came later can only be in documents that came later, and those are
    /// beyond what the caller asks about.
    pub(crate) fn passes(&self, doc: usize, test: &Test<'_>) -> bool {
        match test {
            Test::Always => true,
            Test::Never => false,
            Test::Keyword(number) => self.keywords.get(doc).contains(number),
            Test::Keywords(set) => {
                self.keywords.get(doc).iter().any(|number| set.binary_search(number).is_ok())
            }
            Test::Word(number) => self.words.get(doc).contains(number),
            Test::Words(set) => self.words.get(doc).iter().any(|number| set.binary_search(number).is_ok()),
            Test::Phrase(words) => self.words.get(doc).windows(words.len()).any(|window| window == words),
            Test::PhrasePrefix(words, last) => self.words.get(doc).windows(words.len() + 1).any(|window| {
                window[..words.len()] == words[..] && last.binary_search(&window[words.len()]).is_ok()
            }),
            Test::Tenants(set) => set.contains(self.places[doc].tenant),
            Test::And(tests) => tests.iter().all(|test| self.passes(doc, test)),
            Test::Or(tests) => tests.iter().any(|test| self.passes(doc, test)),
            Test::Not(test) => !self.passes(doc, test),
        }
    }
}

/// An expression in the term numbers of one block. Sets of numbers are sorted.
#[derive(Debug)]
pub(crate) enum Test<'p> {
    Always,
    Never,
    Keyword(u32),
    Keywords(Vec<u32>),
    Word(u32),
    Words(Vec<u32>),
    Phrase(Vec<u32>),
    PhrasePrefix(Vec<u32>, Vec<u32>),
    Tenants(&'p TenantSet),
    And(Vec<Test<'p>>),
    Or(Vec<Test<'p>>),
    Not(Box<Test<'p>>),
}
