//! What is written is read, directly and after merging.

use std::sync::Arc;

use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::model::{LOG, Made, Numbers, assert_says, built, docs, meta};
use crate::doc::{Doc, Place};
use crate::field::Field;
use crate::split::{Input, Split, merge};

#[test]
fn a_split_without_documents_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let split = built(&dir.path().join("none"), &[]);
    assert_says(&split, &[]);
    assert_eq!(split.tenants, []);
}

#[test]
fn every_length_around_a_run_and_a_zone() {
    let dir = tempfile::tempdir().unwrap();
    let mut numbers = Numbers::new(3);
    for count in [1, 2, 32, 33, 127, 128, 129, 1_023, 1_024, 1_025, 2_048, 2_049] {
        let docs = docs(&mut numbers, 10, count);
        assert_says(&built(&dir.path().join(count.to_string()), &docs), &docs);
    }
}

#[test]
fn one_word_many_times_and_one_term_very_long() {
    let dir = tempfile::tempdir().unwrap();
    let make = |index: u64| {
        let mut doc = Made::new(Place { index, ..Place::default() });
        (0..20_000).for_each(|_| doc.word("again"));
        doc.keyword(Field::Host, &"x".repeat(70_000));
        doc.keyword(Field::Host, &"x".repeat(70_001));
        doc.finish()
    };
    let docs: Vec<Doc> = (0..5).map(make).collect();
    assert_says(&built(&dir.path().join("long"), &docs), &docs);
}

/// Terms that share with the one before, but not with what is looked for.
#[test]
fn a_term_that_is_not_there_is_not_found_beyond_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut doc = Made::new(Place::default());
    ["abc", "b", "bz", "bzd"].into_iter().for_each(|term| doc.keyword(Field::Action, term));
    let docs = [doc.finish()];
    let split = built(&dir.path().join("split"), &docs);
    assert_says(&split, &docs);
    for term in ["abd", "ab", "a", "bzc", "zzd", ""] {
        assert_eq!(split.find(Field::Action, term).unwrap(), None, "{term}");
    }
}

#[test]
fn lists_of_more_than_a_few_thousand_documents() {
    let dir = tempfile::tempdir().unwrap();
    let make = |index: u64| {
        let mut doc = Made::new(Place { index, time: index as i64 * 7_919 % 100_000, ..Place::default() });
        doc.keyword(Field::Id, &index.to_string());
        doc.keyword(Field::Application, if index.is_multiple_of(97) { "erp" } else { "crm" });
        // Dense in one part and sparse in another.
        if index < 6_000 || index.is_multiple_of(500) {
            doc.keyword(Field::Action, "early");
            doc.word("early");
        }
        if index.is_multiple_of(21) {
            doc.keyword(Field::Actor, "one in twenty-one");
            doc.word("seldom");
            doc.words_gap();
            doc.word("seldom");
        }
        doc.finish()
    };
    let docs: Vec<Doc> = (0..100_000).map(make).collect();
    let (head, tail) = docs.split_at(40_500);
    let splits = [("head", head), ("tail", tail)].map(|(name, docs)| {
        let split = built(&dir.path().join(name), docs);
        Arc::new(split)
    });
    let path = dir.path().join("merged");
    let written = merge(&path, &LOG, &splits.map(Input::whole), &|| Ok(())).unwrap();
    let merged = Split::open_file(&path, meta(&docs, &written), &LOG).unwrap();
    for term in ["early", "one in twenty-one"] {
        let field = if term == "early" { Field::Action } else { Field::Actor };
        let found = merged.find(field, term).unwrap().unwrap();
        let mut postings = merged.postings(found).unwrap();
        let mut all = Vec::new();
        postings.for_each(&mut |doc| all.push(doc)).unwrap();
        let has = |doc: &Doc| doc.keywords().any(|keyword| keyword == (field, term));
        let expected: Vec<u32> = (0..).zip(&docs).filter(|(_, doc)| has(doc)).map(|(at, _)| at).collect();
        assert_eq!(all, expected);
        assert!(expected.iter().all(|doc| postings.may_meet(doc / 1_024)));
    }
    assert_says(&merged, &docs);
}

#[test]
fn a_split_is_opened_only_as_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("split");
    let docs = docs(&mut Numbers::new(8), 5, 40);
    let meta = built(&path, &docs).meta.clone();
    let other = |change: &dyn Fn(&mut crate::manifest::SplitMeta)| {
        let mut meta = meta.clone();
        change(&mut meta);
        Split::open_file(&path, meta, &LOG).is_err()
    };
    assert!(!other(&|_| {}));
    assert!(other(&|meta| meta.events += 1));
    assert!(other(&|meta| meta.first += 1), "a document before its first entry");
    assert!(other(&|meta| meta.end -= 1), "a document behind its last entry");
    assert!(Split::open_file(&path, meta.clone(), &[9; 16]).is_err(), "another log");
    assert!(crate::split::build(&path, &LOG, &[]).is_err(), "a file is never written over");
}

/// How many of a hundred documents are left out.
fn left_out_part() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(0_u64), 2 => 1..30_u64, 1 => 30..100_u64, 1 => Just(100_u64)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_written_is_read(seed: u64, count in 0_usize..3_000) {
        let dir = tempfile::tempdir().unwrap();
        let docs = docs(&mut Numbers::new(seed), 0, count);
        assert_says(&built(&dir.path().join("split"), &docs), &docs);
    }

    #[test]
    fn what_is_merged_is_read(seed: u64, counts in prop::collection::vec(0_usize..1_300, 1..6)) {
        let dir = tempfile::tempdir().unwrap();
        let mut numbers = Numbers::new(seed);
        let (mut all, mut splits) = (Vec::new(), Vec::new());
        for (at, count) in counts.into_iter().enumerate() {
            let first = all.last().map_or(0, |doc: &Doc| doc.place.index + 1);
            let docs = docs(&mut numbers, first, count);
            splits.push(Arc::new(built(&dir.path().join(at.to_string()), &docs)));
            all.extend(docs);
        }
        let path = dir.path().join("merged");
        let inputs: Vec<Input> = splits.into_iter().map(Input::whole).collect();
        let written = merge(&path, &LOG, &inputs, &|| Ok(())).unwrap();
        let merged = Split::open_file(&path, meta(&all, &written), &LOG).unwrap();
        assert_says(&merged, &all);
        // Merging is the same as building at once.
        let once = dir.path().join("at once");
        built(&once, &all);
        prop_assert!(std::fs::read(once).unwrap() == std::fs::read(path).unwrap());
    }

    /// The same bytes as if they had never been: so nothing is left of them, whatever it is.
    #[test]
    fn nothing_is_left_of_documents_that_are_left_out(
        seed: u64,
        parts in prop::collection::vec((0_usize..1_300, left_out_part()), 1..4),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut numbers = Numbers::new(seed);
        let (mut first, mut kept, mut inputs) = (0, Vec::new(), Vec::new());
        for (at, (count, part)) in parts.into_iter().enumerate() {
            let docs = docs(&mut numbers, first, count);
            first = docs.last().map_or(first, |doc| doc.place.index + 1);
            let split = Arc::new(built(&dir.path().join(at.to_string()), &docs));
            let goes = |_: &u32| part > 0 && numbers.below(100) < part;
            let left_out: RoaringBitmap = (0..count as u32).filter(goes).collect();
            let stays = (0..).zip(docs).filter(|(doc, _)| !left_out.contains(*doc));
            kept.extend(stays.map(|(_, doc)| doc));
            inputs.push(Input { split, left_out });
        }
        let path = dir.path().join("merged");
        let written = merge(&path, &LOG, &inputs, &|| Ok(())).unwrap();
        let merged = Split::open_file(&path, meta(&kept, &written), &LOG).unwrap();
        assert_says(&merged, &kept);
        let once = dir.path().join("at once");
        built(&once, &kept);
        prop_assert!(std::fs::read(once).unwrap() == std::fs::read(path).unwrap());
    }
}
