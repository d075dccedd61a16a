//! Documents as plain collections, and everything that a split says about them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::doc::{Doc, Place, Span};
use crate::field::Field;
use crate::manifest::SplitMeta;
use crate::split::{Facet, Split, Written, build};
use crate::tail::Block;
use crate::zone::{ZONE_DOCS, Zone, ZoneSet};

pub(super) const LOG: [u8; 16] = *b"the log's own id";

/// Pseudo-random numbers (xorshift64*), the same for the same seed.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Numbers {
        Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(super) fn one_in(&mut self, part: u64) -> bool {
        self.below(part) == 0
    }
}

/// Documents of all kinds: dense, sparse and unique terms, in several scripts, long ones, several values, none.
pub(super) fn docs(numbers: &mut Numbers, first_leaf: u64, count: usize) -> Vec<Doc> {
    let mut leaf = first_leaf;
    let gaps = numbers.one_in(2);
    let tenants = 1 + numbers.below(40);
    let coarse = numbers.one_in(2);
    (0..count)
        .map(|_| {
            leaf += 1 + if gaps { numbers.below(3) } else { 0 };
            let micros = 1_700_000_000_000_000 + numbers.below(1 << 42) as i64;
            let place = Place {
                index: leaf,
                time: if numbers.one_in(900) {
                    i64::MAX
                } else if coarse {
                    micros / 1_000_000 * 1_000_000
                } else {
                    micros
                },
                received: 1_700_000_000_000_000 + (leaf / 7) as i64,
                tenant: numbers.below(tenants) * 3,
            };
            let mut doc = Made::new(place);
            if numbers.one_in(30) {
                return doc.finish();
            }
            fill(&mut doc, numbers);
            doc.finish()
        })
        .collect()
}

fn fill(doc: &mut Made, numbers: &mut Numbers) {
    doc.keyword(Field::Id, &format!("{:016x}", numbers.next()));
    doc.keyword(Field::Application, "crm");
    if !numbers.one_in(50) {
        doc.keyword(Field::Outcome, "success");
    }
    doc.keyword(Field::Action, &format!("action {}", numbers.below(12)));
    doc.keyword(Field::Actor, &format!("customer {}", numbers.below(300)));
    for _ in 0..numbers.below(4) {
        doc.keyword(Field::Group, &format!("gruppe ß {}", numbers.below(20)));
    }
    if numbers.one_in(40) {
        doc.keyword(Field::Reason, ["東京", "é", "🦀", "", "a\0", "a"][numbers.below(6) as usize]);
    }
    if numbers.one_in(200) {
        doc.keyword(Field::Host, &"länge".repeat(1 + numbers.below(400) as usize));
    }
    let words = numbers.below(12);
    for _ in 0..words {
        match numbers.below(9) {
            0 => doc.words.push(None),
            1 => doc.word(&format!("{:08x}", numbers.next())),
            2 => doc.word(&format!("rare{}", numbers.below(400))),
            3 => doc.word("東"),
            _ => doc.word(["the", "user", "did", "it"][numbers.below(4) as usize]),
        }
    }
    let user = numbers.below(90);
    doc.doc.users = [user, 1 << 60 | user, 5].into_iter().take(numbers.below(4) as usize).collect();
    doc.doc.domains = if numbers.one_in(3) { vec![numbers.next()] } else { Vec::new() };
}

/// A document in the making.
pub(super) struct Made {
    doc: Doc,
    keywords: BTreeSet<(Field, String)>,
    words: Vec<Option<String>>,
}

impl Made {
    pub(super) fn new(place: Place) -> Made {
        Made { doc: Doc { place, ..Doc::default() }, keywords: BTreeSet::new(), words: Vec::new() }
    }

    pub(super) fn keyword(&mut self, field: Field, term: &str) {
        self.keywords.insert((field, term.to_owned()));
    }

    pub(super) fn word(&mut self, word: &str) {
        self.words.push(Some(word.to_owned()));
    }

    pub(super) fn words_gap(&mut self) {
        self.words.push(None);
    }

    pub(super) fn finish(mut self) -> Doc {
        let mut push = |text: &str| {
            let start = self.doc.arena.len() as u32;
            self.doc.arena.push_str(text);
            Span { start, end: self.doc.arena.len() as u32 }
        };
        self.doc.keywords = self.keywords.iter().map(|(field, text)| (*field, push(text))).collect();
        let span = |word: &Option<String>| word.as_deref().map_or(Span::GAP, &mut push);
        self.doc.words = self.words.iter().map(span).collect();
        self.doc
    }
}

/// Blocks of the tail that hold the documents.
pub(super) fn blocks(docs: &[Doc]) -> Vec<Arc<RwLock<Block>>> {
    let mut blocks = vec![Block::new(docs.first().map_or(0, |doc| doc.place.index))];
    for doc in docs {
        if blocks.last().unwrap().is_full() {
            blocks.push(Block::new(doc.place.index));
        }
        blocks.last_mut().unwrap().push(doc.place.received, [0; 32], Some(doc));
    }
    blocks.into_iter().map(|block| Arc::new(RwLock::new(block))).collect()
}

pub(super) fn meta(docs: &[Doc], written: &Written) -> SplitMeta {
    SplitMeta {
        name: "a split".into(),
        first: docs.first().map_or(0, |doc| doc.place.index),
        end: docs.last().map_or(1, |doc| doc.place.index + 1),
        events: written.events,
        received_through: 0,
        last_leaf: String::new(),
        bytes: written.bytes,
        crc32: written.crc32,
    }
}

/// Writes the documents and opens what was written.
pub(super) fn built(path: &Path, docs: &[Doc]) -> Split {
    let written = build(path, &LOG, &blocks(docs)).unwrap();
    let bytes = std::fs::read(path).unwrap();
    assert_eq!((written.bytes, written.crc32), (bytes.len() as u64, crc32fast::hash(&bytes)));
    Split::open_file(path, meta(docs, &written), &LOG).unwrap()
}

/// Compares everything that a split says with the documents.
pub(super) fn assert_says(split: &Split, docs: &[Doc]) {
    assert_eq!(split.docs() as usize, docs.len());
    assert_columns(split, docs);
    for field in Field::ALL {
        let mut expected: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (number, doc) in (0..).zip(docs) {
            if field == Field::Word {
                let words: BTreeSet<&str> = doc.words().flatten().collect();
                words.into_iter().for_each(|word| expected.entry(word.into()).or_default().push(number));
            }
            for (_, term) in doc.keywords().filter(|(of, _)| *of == field) {
                expected.entry(term.into()).or_default().push(number);
            }
        }
        assert_terms(split, field, &expected);
        if field == Field::Word {
            assert_positions(split, docs, &expected);
        }
        if Split::has_facet(field) {
            assert_facet(split, docs, field, &expected);
        }
    }
    for missing in 0..3 {
        let mut postings = split.tenant_postings(missing * 3 + 1).unwrap();
        assert_eq!((postings.docs(), postings.zones()), (0, vec![]));
        postings.for_each(&mut |_| panic!("no document")).unwrap();
    }
    for (number, count) in &split.tenants {
        let mut found = Vec::new();
        split.tenant_postings(*number).unwrap().for_each(&mut |doc| found.push(doc)).unwrap();
        let of_tenant = |doc: &u32| docs[*doc as usize].place.tenant == *number;
        let expected: Vec<u32> = (0..docs.len() as u32).filter(of_tenant).collect();
        assert_eq!((found.len(), found), (*count as usize, expected), "tenant {number}");
    }
}

fn assert_columns(split: &Split, docs: &[Doc]) {
    let (mut times, mut received, mut leaves, mut tenants) = (vec![1], vec![1], vec![1], vec![1]);
    let (mut users, mut domains) = (Facet::default(), Facet::default());
    let (user_hashes, domain_hashes) = (split.user_hashes().unwrap(), split.domain_hashes().unwrap());
    assert_eq!(user_hashes.len(), split.user_count() as usize);
    assert!(user_hashes.is_sorted() && domain_hashes.len() == split.domain_count() as usize);
    assert_eq!(split.zones.len(), docs.len().div_ceil(ZONE_DOCS));
    for (zone, docs) in (0..).zip(docs.chunks(ZONE_DOCS)) {
        let mut span = Zone::EMPTY;
        docs.iter().for_each(|doc| span.add(doc.place.time, doc.place.received));
        assert_eq!(split.zones[zone as usize], span);
        assert_eq!(split.zone_docs(zone) as usize, docs.len());
        split.times(zone, &mut times).unwrap();
        split.received(zone, &mut received).unwrap();
        split.leaves(zone, &mut leaves).unwrap();
        split.tenant_ordinals(zone, &mut tenants).unwrap();
        split.users(zone, &mut users).unwrap();
        split.domains(zone, &mut domains).unwrap();
        assert_eq!([times.len(), received.len(), leaves.len(), tenants.len()], [docs.len(); 4]);
        for (at, doc) in docs.iter().enumerate() {
            let tenant = split.tenants[tenants[at] as usize].0;
            let place = Place { index: leaves[at], time: times[at], received: received[at], tenant };
            assert_eq!(place, doc.place);
            let hashes = |ordinals: &[u32], table: &[u64]| -> Vec<u64> {
                ordinals.iter().map(|ordinal| table[*ordinal as usize]).collect()
            };
            assert_eq!(hashes(users.get(at), &user_hashes), doc.users);
            assert_eq!(hashes(domains.get(at), &domain_hashes), doc.domains);
        }
    }
    let mut moments: Vec<u64> = docs.iter().map(|doc| doc.place.index).step_by(97).collect();
    moments.extend(docs.last().map(|doc| doc.place.index + 1));
    for as_of in moments.into_iter().chain([0, u64::MAX]) {
        let expected = docs.iter().filter(|doc| doc.place.index < as_of).count();
        assert_eq!(split.docs_before(as_of).unwrap() as usize, expected, "as of {as_of}");
    }
}

fn assert_terms(split: &Split, field: Field, expected: &BTreeMap<String, Vec<u32>>) {
    assert_eq!(split.field_terms(field) as usize, expected.len(), "{field:?}");
    let mut listed = Vec::new();
    let everything = (Bound::Unbounded, Bound::Unbounded);
    split
        .terms(field, everything, &mut |text, term| {
            listed.push((text.to_owned(), term));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(listed.iter().map(|(text, _)| text).eq(expected.keys()), "{field:?}");
    let zones = split.zones.len() as u32;
    for (ordinal, (text, term)) in listed.iter().enumerate() {
        let docs = &expected[text];
        assert_eq!((term.field, term.ordinal, term.docs), (field, ordinal as u32, docs.len() as u32));
        assert_eq!(split.find(field, text).unwrap(), Some(*term), "{text}");
        assert_eq!(split.find(field, &format!("{text}\u{1}")).unwrap(), None);
        let mut postings = split.postings(*term).unwrap();
        assert_eq!(postings.docs() as usize, docs.len());
        let met = postings.zones();
        assert!(met.is_sorted() && met.iter().all(|zone| *zone < zones));
        // Upwards, downwards, and in no order.
        let order = (0..zones).chain((0..zones).rev()).chain((0..zones).map(|zone| zone * 7 % zones.max(1)));
        for zone in order {
            let (mut found, mut wanted) = (ZoneSet::EMPTY, ZoneSet::EMPTY);
            postings.fill(zone, &mut found).unwrap();
            let here = docs.iter().filter(|doc| **doc / ZONE_DOCS as u32 == zone);
            here.for_each(|doc| wanted.insert(*doc as usize % ZONE_DOCS));
            assert_eq!(found, wanted, "{field:?} {text} zone {zone}");
            let empty = wanted.is_empty();
            assert!(
                empty || (met.contains(&zone) && postings.may_meet(zone)),
                "{field:?} {text} zone {zone}"
            );
        }
        let mut all = Vec::new();
        postings.for_each(&mut |doc| all.push(doc)).unwrap();
        assert_eq!(&all, docs);
        all.clear();
        split.each_doc(*term, &mut |doc| all.push(doc)).unwrap();
        assert_eq!(&all, docs);
    }
    let some = || listed.iter().enumerate().filter(|(at, _)| at % 5 < 2);
    let mut texts = Vec::new();
    let ordinals = some().map(|(at, (text, _))| (at as u32, text));
    split
        .term_texts(field, ordinals, |expected, text| {
            assert_eq!(expected, text);
            texts.push(text.to_owned());
            Ok(())
        })
        .unwrap();
    assert_eq!(texts.len(), some().count());
    if let (Some(low), Some(high)) = (listed.get(listed.len() / 3), listed.get(listed.len() * 2 / 3)) {
        let (low, high) = (low.0.as_str(), high.0.as_str());
        for range in [
            (Bound::Included(low), Bound::Excluded(high)),
            (Bound::Excluded(low), Bound::Included(high)),
            (Bound::Unbounded, Bound::Included(low)),
            (Bound::Included(high), Bound::Unbounded),
        ] {
            let mut found = Vec::new();
            split
                .terms(field, range, &mut |text, _| {
                    found.push(text.to_owned());
                    ControlFlow::Continue(())
                })
                .unwrap();
            let inside =
                expected.keys().filter(|text| std::ops::RangeBounds::<str>::contains(&range, text.as_str()));
            assert!(found.iter().eq(inside), "{field:?} {range:?}");
        }
    }
    assert!(split.term_texts(field, [(expected.len() as u32, ())], |(), _| Ok(())).is_err());
}

fn assert_positions(split: &Split, docs: &[Doc], expected: &BTreeMap<String, Vec<u32>>) {
    let mut places: BTreeMap<(&str, u32), Vec<u32>> = BTreeMap::new();
    for (number, doc) in (0..).zip(docs) {
        for (position, word) in (0..).zip(doc.words()) {
            word.into_iter().for_each(|word| places.entry((word, number)).or_default().push(position));
        }
    }
    for (word, having) in expected {
        let term = split.find(Field::Word, word).unwrap().unwrap();
        let mut postings = split.postings(term).unwrap();
        let mut told = Vec::new();
        postings
            .for_each_position(&mut |doc, positions| {
                assert_eq!(positions, places[&(word.as_str(), doc)], "{word} in {doc}");
                told.push(doc);
            })
            .unwrap();
        assert_eq!(&told, having);
        let mut found = vec![9];
        let mut ask = |doc: u32| {
            let (zone, inside) = (doc / ZONE_DOCS as u32, doc % ZONE_DOCS as u32);
            let has = postings.positions(zone, inside, &mut found).unwrap();
            let wanted = places.get(&(word.as_str(), doc)).cloned().unwrap_or_default();
            assert_eq!((has, &found), (!wanted.is_empty(), &wanted), "{word} in {doc}");
        };
        having.iter().for_each(|doc| ask(*doc));
        having.iter().rev().step_by(3).for_each(|doc| ask(*doc));
        (0..docs.len() as u32).step_by(31).for_each(ask);
    }
}

fn assert_facet(split: &Split, docs: &[Doc], field: Field, expected: &BTreeMap<String, Vec<u32>>) {
    let ordinals: BTreeMap<&str, u32> = expected.keys().map(String::as_str).zip(0..).collect();
    let mut facet = Facet::default();
    for (zone, docs) in (0..).zip(docs.chunks(ZONE_DOCS)) {
        split.facet(field, zone, &mut facet).unwrap();
        assert_eq!(facet.len(), docs.len());
        for (at, doc) in docs.iter().enumerate() {
            let terms = doc.keywords().filter(|(of, _)| *of == field);
            assert!(terms.map(|(_, term)| &ordinals[term]).eq(facet.get(at)), "{field:?} {at}");
        }
    }
}
