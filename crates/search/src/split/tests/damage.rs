//! Damaged bytes give errors or wrong answers, never a panic, an endless loop or memory without bounds.

use std::fs;
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::model::{LOG, Numbers, built, docs};
use crate::field::Field;
use crate::manifest::SplitMeta;
use crate::split::format::{TRAILER_LEN, read_trailer, trailer};
use crate::split::terms::{Place, TermBlock};
use crate::split::{Facet, Input, Split, merge};
use crate::zone::ZoneSet;

/// Reads everything, whatever comes.
fn read_all(split: &Split) -> Result<(), crate::SearchError> {
    let mut refs = Vec::new();
    let mut last = Ok(());
    let mut note = |result: Result<(), crate::SearchError>| {
        if result.is_err() {
            last = result;
        }
    };
    for field in Field::ALL {
        note(split.terms(field, (Bound::Unbounded, Bound::Unbounded), &mut |_, term| {
            refs.push(term);
            ControlFlow::Continue(())
        }));
        note(split.find(field, "customer 7").map(|_| ()));
        note(split.term_texts(
            field,
            (0..split.field_terms(field)).step_by(3).map(|at| (at, ())),
            |(), _| Ok(()),
        ));
    }
    for zone in 0..split.zones.len() as u32 {
        let mut facet = Facet::default();
        note(split.times(zone, &mut Vec::new()));
        note(split.received(zone, &mut Vec::new()));
        note(split.leaves(zone, &mut Vec::new()));
        note(split.tenant_ordinals(zone, &mut Vec::new()));
        note(split.users(zone, &mut facet));
        note(split.domains(zone, &mut facet));
        for field in Field::ALL.into_iter().filter(|field| Split::has_facet(*field)) {
            note(split.facet(field, zone, &mut facet));
        }
    }
    note(split.user_hashes().map(|_| ()));
    note(split.docs_before(100).map(|_| ()));
    for term in refs {
        match split.postings(term) {
            Err(error) => note(Err(error)),
            Ok(mut postings) => {
                for zone in postings.zones().into_iter().take(9) {
                    note(postings.fill(zone, &mut ZoneSet::EMPTY.clone()));
                    note(postings.positions(zone, 5, &mut Vec::new()).map(|_| ()));
                }
                note(postings.for_each(&mut |doc| assert!(doc < split.docs())));
                note(postings.for_each_position(&mut |doc, _| assert!(doc < split.docs())));
            }
        }
    }
    last
}

fn sample(dir: &Path) -> (Vec<u8>, SplitMeta) {
    let path = dir.join("good");
    let split = built(&path, &docs(&mut Numbers::new(11), 0, 2_300));
    read_all(&split).unwrap();
    (fs::read(path).unwrap(), split.meta.clone())
}

fn try_bytes(dir: &Path, bytes: &[u8], meta: &SplitMeta) -> bool {
    let path = dir.join("bad");
    fs::write(&path, bytes).unwrap();
    let Ok(split) = Split::open_file(&path, meta.clone(), &LOG) else { return false };
    let sound = read_all(&split).is_ok();
    let to = dir.join("merged");
    let split = Arc::new(split);
    for left_out in [RoaringBitmap::new(), (0..split.docs()).step_by(3).collect()] {
        let _ = merge(&to, &LOG, &[Input { split: Arc::clone(&split), left_out }], &|| Ok(()));
        let _ = fs::remove_file(&to);
    }
    sound
}

#[test]
fn a_file_that_was_cut_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let (good, meta) = sample(dir.path());
    let ends = (0..good.len()).step_by(good.len() / 50).chain(good.len() - 40..good.len());
    for end in ends {
        fs::write(dir.path().join("bad"), &good[..end]).unwrap();
        assert!(Split::open_file(&dir.path().join("bad"), meta.clone(), &LOG).is_err(), "cut at {end}");
    }
    let mut long = good.clone();
    long.push(0);
    fs::write(dir.path().join("bad"), &long).unwrap();
    assert!(Split::open_file(&dir.path().join("bad"), meta, &LOG).is_err());
}

#[test]
fn changed_bytes_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let (good, meta) = sample(dir.path());
    let mut numbers = Numbers::new(5);
    let mut noticed = 0;
    for _ in 0..120 {
        let mut bad = good.clone();
        for _ in 0..1 + numbers.below(8) {
            let at = numbers.below(bad.len() as u64) as usize;
            bad[at] = numbers.next() as u8;
        }
        noticed += usize::from(!try_bytes(dir.path(), &bad, &meta));
    }
    assert!(noticed > 60, "{noticed}");
}

#[test]
fn a_directory_that_lies_with_a_good_checksum_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let (good, meta) = sample(dir.path());
    let end = good.len() - TRAILER_LEN;
    let (extent, _) = read_trailer(&good[end..]).unwrap();
    let start = extent.start as usize;
    let mut numbers = Numbers::new(6);
    for _ in 0..300 {
        let mut bad = good.clone();
        for _ in 0..1 + numbers.below(3) {
            let at = start + numbers.below((end - start) as u64) as usize;
            bad[at] = numbers.next() as u8;
        }
        let sealed = trailer(extent.start, &bad[start..end]);
        bad[end..].copy_from_slice(&sealed);
        try_bytes(dir.path(), &bad, &meta);
    }
}

proptest! {
    #[test]
    fn a_dictionary_block_that_lies_is_walked_without_a_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        field in 0_usize..Field::ALL.len(),
    ) {
        thread_local! {
            static SPLIT: Split = {
                let dir = tempfile::tempdir().unwrap();
                built(&dir.path().join("split"), &docs(&mut Numbers::new(12), 0, 1_500))
            };
        }
        SPLIT.with(|split| {
            let Some(mut bytes) = split.block_bytes(field, 0) else { return };
            for (at, to) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *to;
            }
            let with_positions = field == Field::Word as usize;
            let Some(block) = TermBlock::read(bytes, split.docs(), with_positions) else { return };
            let mut text = Vec::new();
            for term in 0..block.len() {
                block.step(term, &mut text);
                block.seek(&text);
                if let Place::Inline(range) = block.place(term) {
                    let mut positions = Vec::new();
                    for at in range {
                        block.doc(at);
                        if let Some((arrays, bytes)) = block.positions() {
                            arrays.read_doc(bytes, at, arrays.gaps_before(bytes, at), &mut positions);
                        }
                    }
                }
            }
            block.seek(b"customer 20");
        });
    }
}
