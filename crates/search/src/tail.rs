//! The tail: the newest events, in memory, in columns that are scanned.
//!
//! It consists of blocks of one zone each. A block keeps every distinct term once and, for each document, the numbers
//! of its terms; a query is resolved to term numbers per block and then compared with those. An event is visible as
//! soon as it is pushed. Blocks become a split later, from what they hold: nothing is decoded twice.
//! Invariant: a block covers the leaf indices `first..end` without a gap, events or not.

use roaring::RoaringTreemap;

use crate::dictionary::Dictionary;
use crate::doc::{Doc, Place};
use crate::field::Field;
use crate::lists::Lists;
use crate::zone::{ZONE_DOCS, Zone};

/// A block that holds more than this many bytes takes no more events.
const BLOCK_BYTES_MAX: usize = 8 << 20;

/// What is counted for a document beside its terms: its columns.
const DOC_BYTES: usize = 64;

/// Stands for a gap among the words of a document.
pub(crate) const GAP: u32 = u32::MAX;

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

    /// The same block without the documents of these entries, and without what only they had.
    pub(crate) fn without(&self, removed: &RoaringTreemap) -> Block {
        let mut rest = Block {
            end: self.end,
            received_through: self.received_through,
            last_leaf: self.last_leaf,
            ..Block::new(self.first)
        };
        let kept = self.places.iter().enumerate().filter(|(_, place)| !removed.contains(place.index));
        for (at, place) in kept {
            rest.zone.add(place.time, place.received);
            rest.places.push(*place);
            let Self { keywords, words, users, domains, .. } = self;
            for (from, to) in [(keywords, &mut rest.keywords), (words, &mut rest.words)] {
                for &number in from.get(at) {
                    to.items.push(match number {
                        GAP => GAP,
                        _ => {
                            let (field, term) = self.dictionary.get(number);
                            rest.dictionary.number(field, term)
                        }
                    });
                }
                to.close();
            }
            for (from, to) in [(users, &mut rest.users), (domains, &mut rest.domains)] {
                to.items.extend(from.get(at));
                to.close();
            }
            rest.count_last();
        }
        rest
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
        self.count_last();
    }

    /// Adds what the last document takes to the bytes.
    fn count_last(&mut self) {
        let last = self.places.len() - 1;
        self.bytes += DOC_BYTES
            + 4 * (self.keywords.get(last).len() + self.words.get(last).len())
            + 8 * (self.users.get(last).len() + self.domains.get(last).len());
    }

    /// Whether it takes no more events.
    pub(crate) fn is_full(&self) -> bool {
        self.places.len() >= ZONE_DOCS || self.bytes() >= BLOCK_BYTES_MAX
    }

    /// Memory in use, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.dictionary.bytes()
    }

    /// The distinct terms of its documents.
    pub(crate) fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// For each document the numbers of its keywords, in the order of their fields and terms.
    pub(crate) fn keyword_numbers(&self) -> &Lists<u32> {
        &self.keywords
    }

    /// For each document the numbers of its words in order, [`GAP`] being a gap.
    pub(crate) fn word_numbers(&self) -> &Lists<u32> {
        &self.words
    }

    pub(crate) fn user_lists(&self) -> &Lists<u64> {
        &self.users
    }

    pub(crate) fn domain_lists(&self) -> &Lists<u64> {
        &self.domains
    }
}
