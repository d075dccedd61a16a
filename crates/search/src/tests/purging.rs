//! What is removed is in no answer at once, and nowhere at all once it is purged.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use indelible_event::{Actor, Event, Target};
use proptest::collection::vec;
use proptest::prelude::*;
use roaring::RoaringTreemap;

use super::equivalence::{Asked, asked, compare, mark, push};
use super::grammar::{Marked, marks};
use super::healing::files;
use super::random::entry;
use super::world::{Engine, MemoryLedger, NOW, Stored, config, count, query, stored};
use crate::doc::Doc;
use crate::field::Field;
use crate::manifest::{Found, Manifest};
use crate::split::Split;
use crate::{
    Budget, EventSource, Mark, PurgeProgress, Query, Reach, Search, SearchConfig, SearchError, builder,
    merger,
};

/// What can happen, in any order.
#[derive(Clone, Debug)]
enum Step {
    Push(Vec<Option<Stored>>),
    Follow,
    HandOver,
    Build,
    Merge,
    /// Events that go, as numbers to be taken modulo those that there are, and how many neighbours go with each.
    Remove(Vec<(u64, u64)>),
    Purge,
    /// A split is damaged, and its range waits to be filled.
    Lose(usize),
    Reopen,
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => vec(entry(), 1..30).prop_map(Step::Push),
        2 => Just(Step::Follow),
        2 => Just(Step::HandOver),
        2 => Just(Step::Build),
        1 => Just(Step::Merge),
        3 => vec((any::<u64>(), prop_oneof![3 => Just(0_u64), 1 => 0..25_u64]), 1..6).prop_map(Step::Remove),
        2 => Just(Step::Purge),
        1 => any::<usize>().prop_map(Step::Lose),
        1 => Just(Step::Reopen),
        3 => Just(Step::Look),
    ]
}

/// Does a step; `pending` are the events that were removed and not purged, as the server notes them.
fn take(
    mut engine: Engine,
    step: Step,
    pending: &mut BTreeSet<u64>,
    asked: &[Asked],
    marked: &Marked,
) -> Result<Engine, TestCaseError> {
    let ledger = Arc::clone(&engine.ledger);
    match step {
        Step::Push(entries) => entries.into_iter().for_each(|entry| push(&ledger, entry)),
        Step::Follow => engine.follow(),
        Step::HandOver => engine.hand_over(),
        Step::Build => engine.build(),
        Step::Merge => engine.merge(),
        Step::Remove(list) => {
            let size = ledger.size().max(1);
            let gone =
                list.iter().flat_map(|(at, more)| at % size..(at % size + more + 1).min(ledger.size()));
            let gone: BTreeSet<u64> = gone.collect();
            gone.iter().for_each(|index| ledger.remove(*index));
            engine.search.hide(gone.iter().copied());
            pending.extend(gone);
        }
        Step::Purge => {
            engine.search.purge(|_| {}).unwrap();
            assert_forgotten(&engine);
            pending.clear();
            let report = engine.checked();
            prop_assert!(report.is_sound(), "{report:?}");
            assert_gone(&engine);
        }
        Step::Lose(at) => {
            let names: Vec<_> =
                engine.state.view().splits.iter().map(|split| split.meta.name.clone()).collect();
            if !names.is_empty() {
                engine.state.discard(&names[at % names.len()]).unwrap();
            }
        }
        Step::Reopen => {
            let (root, settings) = (engine.state.root.clone(), engine.state.config.clone());
            drop(engine);
            engine = Engine::open(&root, &ledger, settings);
            engine.search.hide(pending.iter().copied());
        }
        Step::Look => {
            engine.follow();
            if engine.search.progress().indexed_size < ledger.size() {
                engine.build();
            }
            compare(&engine, asked, marked, "looked at")?;
        }
    }
    Ok(engine)
}

/// What is covered is not hidden any more.
fn assert_forgotten(engine: &Engine) {
    let view = engine.state.view();
    let removed = Arc::clone(engine.state.marks.present().removed());
    for range in view.covered() {
        assert_eq!(removed.range_cardinality(range.first..range.end), 0, "{range:?}");
    }
    let first = view.blocks[0].read().first;
    assert_eq!(removed.range_cardinality(first..view.end()), 0, "the tail");
}

/// Every document of the index is that of an event which the ledger has.
fn assert_gone(engine: &Engine) {
    let events: BTreeSet<u64> = engine.ledger.events().iter().map(|event| event.index).collect();
    let view = engine.state.view();
    let mut leaves = Vec::new();
    for split in &view.splits {
        for zone in 0..split.zones.len() as u32 {
            split.leaves(zone, &mut leaves).unwrap();
            assert!(leaves.iter().all(|leaf| events.contains(leaf)), "{}", split.meta.name);
        }
        assert_eq!(u64::from(split.docs()), split.meta.events);
    }
    for block in &view.blocks {
        assert!(block.read().places.iter().all(|place| events.contains(&place.index)));
    }
    let names: BTreeSet<_> = view.splits.iter().map(|split| split.meta.name.clone()).collect();
    let on_disk = fs::read_dir(engine.state.root.join("splits")).unwrap();
    let on_disk: BTreeSet<_> =
        on_disk.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, on_disk);
}

proptest! {
    #![proptest_config(match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(32),
    })]

    #[test]
    fn what_is_removed_is_in_no_answer_whatever_happens(
        first in vec(entry(), 10..60),
        steps in vec(step(), 10..30),
        piece in 5..30_usize,
        asked in vec(asked(), 5),
        marked in marks(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let ledger = MemoryLedger::new();
        let settings = SearchConfig { flush_events: piece, merge_factor: 2, ..config() };
        let mut engine = Engine::open(dir.path(), &ledger, settings);
        first.into_iter().for_each(|entry| push(&ledger, entry));
        engine.follow();
        mark(&engine, &marked);
        let mut pending = BTreeSet::new();
        let end = [Step::Look, Step::Purge, Step::Look, Step::Reopen, Step::Look, Step::Merge, Step::Purge, Step::Look];
        for step in steps.into_iter().chain(end) {
            engine = take(engine, step, &mut pending, &asked, &marked)?;
        }
    }
}

/// Everything of an event is its own, and some of it is shared with others of its kind.
fn event(at: u64) -> Event {
    let actor = Actor {
        id: Some(format!("user-{at}-only")),
        tenant: Some(format!("domain-{at}.example")),
        username: Some(format!("shared-{}", at % 5)),
        ..Actor::default()
    };
    let target = Target { id: Some(format!("target-{at}-only")), ..Target::default() };
    Event {
        action: format!("action {}", at % 3),
        actor: Some(actor),
        targets: vec![target],
        session_id: Some(format!("session-{at}-only")),
        details: Some(format!("again again particular{at}word again")),
        ..Event::default()
    }
}

/// `count` events in splits of `piece` of them, the rest in the tail.
fn grown(dir: &Path, count: u64, piece: usize) -> Engine {
    let ledger = MemoryLedger::new();
    for at in 0..count {
        ledger.push(stored(at % 4, NOW + at as i64 * 1_003, &format!("event-{at}-only"), event(at)));
    }
    let engine = Engine::open(dir, &ledger, SearchConfig { flush_events: piece, ..config() });
    engine.follow();
    engine.build();
    engine
}

fn remove(engine: &Engine, indices: &[u64]) {
    indices.iter().for_each(|index| engine.ledger.remove(*index));
    engine.search.hide(indices.iter().copied());
}

/// What only these events have: terms, hashes of users and domains, times.
struct Traces {
    terms: BTreeSet<(Field, String)>,
    hashes: BTreeSet<u64>,
    times: BTreeSet<i64>,
}

impl Traces {
    fn of(engine: &Engine, gone: &[u64]) -> Traces {
        let (mut traces, mut others) = (Traces::none(), Traces::none());
        for index in 0..engine.ledger.size() {
            let record = engine.ledger.records(index..index + 1).unwrap().remove(0);
            let Some(doc) = engine.state.document(&record) else { continue };
            if gone.contains(&index) { traces.add(&doc) } else { others.add(&doc) }
        }
        Traces {
            terms: &traces.terms - &others.terms,
            hashes: &traces.hashes - &others.hashes,
            times: &traces.times - &others.times,
        }
    }

    fn none() -> Traces {
        Traces { terms: BTreeSet::new(), hashes: BTreeSet::new(), times: BTreeSet::new() }
    }

    fn add(&mut self, doc: &Doc) {
        self.terms.extend(doc.keywords().map(|(field, term)| (field, term.to_owned())));
        self.terms.extend(doc.words().flatten().map(|word| (Field::Word, word.to_owned())));
        self.hashes.extend(doc.users.iter().chain(&doc.domains));
        self.times.extend([doc.place.time]);
    }

    /// How many of them are in the files of the index in `root`, read as bytes and by its readers.
    fn on_disk(&self, root: &Path, log: [u8; 16]) -> usize {
        let mut wanted: HashMap<[u8; 8], Vec<&[u8]>> = HashMap::new();
        let hashes: Vec<[u8; 8]> = self.hashes.iter().map(|hash| hash.to_le_bytes()).collect();
        let long = self.terms.iter().map(|(_, term)| term.as_bytes()).filter(|term| term.len() >= 8);
        for bytes in long.chain(hashes.iter().map(<[u8; 8]>::as_slice)) {
            wanted.entry(bytes[..8].try_into().unwrap()).or_default().push(bytes);
        }
        let mut found = 0;
        for path in files(root) {
            let bytes = fs::read(&path).unwrap();
            for (at, window) in bytes.windows(8).enumerate() {
                let here = wanted.get(window).into_iter().flatten();
                found += here.filter(|wanted| bytes[at..].starts_with(wanted)).count();
            }
        }
        let Found::Ready(manifest) = Manifest::read(root, &crate::state::hex(&log)).unwrap() else {
            panic!("a manifest")
        };
        for meta in manifest.splits {
            found += self.in_split(&Split::open(root, meta, &log).unwrap());
        }
        found
    }

    fn in_split(&self, split: &Split) -> usize {
        let mut found = 0;
        for field in Field::ALL {
            split
                .terms(field, (Bound::Unbounded, Bound::Unbounded), &mut |term, _| {
                    found += usize::from(self.terms.contains(&(field, term.to_owned())));
                    ControlFlow::Continue(())
                })
                .unwrap();
        }
        let hashes = [split.user_hashes().unwrap(), split.domain_hashes().unwrap()].concat();
        found += hashes.iter().filter(|hash| self.hashes.contains(hash)).count();
        let mut times = Vec::new();
        for zone in 0..split.zones.len() as u32 {
            split.times(zone, &mut times).unwrap();
            found += times.iter().filter(|time| self.times.contains(time)).count();
            let span = &split.zones[zone as usize];
            found += [span.time_min, span.time_max].iter().filter(|time| self.times.contains(time)).count();
        }
        found
    }

    fn in_tail(&self, engine: &Engine) -> usize {
        let in_block = |block: &crate::tail::Block| {
            let terms = (0..block.dictionary().len() as u32).map(|number| block.dictionary().get(number));
            let terms = terms.filter(|(field, term)| self.terms.contains(&(*field, (*term).to_owned())));
            let hashes = block.user_lists().items.iter().chain(&block.domain_lists().items);
            let times = block.places.iter().map(|place| place.time).chain([block.zone.time_max]);
            terms.count()
                + hashes.filter(|hash| self.hashes.contains(hash)).count()
                + times.filter(|time| self.times.contains(time)).count()
        };
        engine.state.view().blocks.iter().map(|block| in_block(&block.read())).sum()
    }
}

#[test]
fn no_file_and_no_block_has_anything_of_what_was_purged() {
    let dir = tempfile::tempdir().unwrap();
    // Splits of several zones, and two blocks and a part in the tail.
    let engine = grown(dir.path(), 8_300, 3_000);
    assert_eq!(engine.splits(), 2);
    let mut gone: Vec<u64> = (0..8_300).filter(|at| at * 7 % 11 == 3).collect();
    gone.extend([0, 8_299]);
    let traces = Traces::of(&engine, &gone);
    assert!(traces.terms.len() > 6 * gone.len() && traces.hashes.len() >= 2 * gone.len());
    assert!(traces.on_disk(dir.path(), engine.ledger.log) > gone.len(), "they are there before");
    assert!(traces.in_tail(&engine) > gone.len() / 6);
    remove(&engine, &gone);
    // Left by an attempt that failed, on a disk that failed too.
    fs::write(dir.path().join("splits/new-99"), "user-3-only").unwrap();
    let mut seen = Vec::new();
    engine.search.purge(|progress| seen.push((progress.splits_done, progress.splits))).unwrap();
    assert_eq!(seen, [(0, 2), (1, 2), (2, 2)]);
    assert_eq!(traces.on_disk(dir.path(), engine.ledger.log), 0);
    assert_eq!(traces.in_tail(&engine), 0);
    assert_gone(&engine);
    assert_forgotten(&engine);
    assert!(engine.checked().is_sound());
    engine.flush();
    assert_eq!(traces.on_disk(dir.path(), engine.ledger.log), 0);
    assert_eq!(count(&engine.search, &Reach::All, &Query::all(), None), engine.ledger.events().len() as u64);
    engine.search.purge(|_| panic!("there is nothing to do")).unwrap();
}

#[test]
fn merges_and_flushes_leave_out_what_is_hidden() {
    let dir = tempfile::tempdir().unwrap();
    let engine = grown(dir.path(), 95, 10);
    let gone: Vec<u64> = (0..95).filter(|at| at % 4 == 1 || (20..30).contains(at)).collect();
    let traces = Traces::of(&engine, &gone);
    remove(&engine, &gone);
    engine.merge();
    assert!(engine.splits() < 9);
    assert_eq!(traces.on_disk(dir.path(), engine.ledger.log), 0, "merged");
    assert!(engine.search.present().marks.removed().contains(21), "the tail still has some");
    assert!(traces.in_tail(&engine) > 0);
    engine.search.purge(|_| {}).unwrap();
    assert_eq!(traces.in_tail(&engine), 0);
    // A range that is read again while something is hidden.
    let dir = tempfile::tempdir().unwrap();
    let engine = grown(dir.path(), 30, 10);
    let traces = Traces::of(&engine, &[11, 12]);
    let name = engine.state.view().splits[1].meta.name.clone();
    engine.state.discard(&name).unwrap();
    // The ledger still has them, as it may have had for what is being read just now.
    engine.search.hide([11, 12]);
    engine.search.purge(|_| {}).unwrap();
    assert!(engine.search.present().marks.removed().contains(11), "not indexed, so not forgotten");
    engine.build();
    assert_eq!(engine.splits(), 3);
    assert_eq!(traces.on_disk(dir.path(), engine.ledger.log), 0, "filled");
}

#[test]
fn cached_counts_and_shortcuts_do_not_count_what_is_hidden() {
    let dir = tempfile::tempdir().unwrap();
    let engine = grown(dir.path(), 3_000, 3_000);
    assert_eq!(engine.search.progress().tail_events, 0);
    let none = Default::default();
    let questions = [
        vec![],
        vec![("action", "action 1")],
        vec![("action", "!action 1")],
        vec![("actor", "user-7-only")],
        vec![("q", "again")],
        vec![("since", "2026-03-01T12:00:01Z")],
    ];
    let counts = || -> Vec<u64> {
        let count = |params: &Vec<_>| count(&engine.search, &Reach::All, &query(params, &none), None);
        questions.iter().map(count).collect()
    };
    let expected = || -> Vec<u64> {
        let matching = |params: &Vec<_>| {
            let events = engine.ledger.events();
            super::model::matching(&events, &Reach::All, params, &none, u64::MAX).len() as u64
        };
        questions.iter().map(matching).collect()
    };
    for round in [&[7_u64, 2_000][..], &[], &[1, 4, 10]] {
        assert_eq!((counts(), counts()), (expected(), expected()), "kept");
        remove(&engine, round);
        assert_eq!((counts(), counts()), (expected(), expected()), "hidden {round:?}");
        engine.search.purge(|_| {}).unwrap();
        assert_eq!((counts(), counts()), (expected(), expected()), "purged {round:?}");
    }
}

#[test]
fn an_explanation_does_not_count_what_is_hidden() {
    let dir = tempfile::tempdir().unwrap();
    let engine = grown(dir.path(), 50, 40);
    let params = [("actor", "user-7-only")];
    let asked = query(&params, &Default::default());
    let parts = || {
        let explained = engine.search.explain(&Reach::All, &asked, None, &Budget::unlimited());
        explained["parts"].clone()
    };
    let before = parts();
    assert_eq!((&before[0]["events"], &before[1]["events"]), (&40.into(), &10.into()));
    assert_eq!(before[0]["runs"]["documents_at_most"], 1);
    remove(&engine, &[7, 45]);
    for state in ["hidden", "purged"] {
        let after = parts();
        assert_eq!((&after[0]["events"], &after[1]["events"]), (&39.into(), &9.into()), "{state}");
        assert_eq!(after[0]["runs"]["documents_at_most"], 0, "{state} {after}");
        let plan = &after[0]["runs"]["plan"];
        let plan = plan.get("and").map_or(plan, |and| &and[0]);
        assert_eq!(
            (&plan["documents_at_most"], &plan["by"]),
            (&0.into(), &"no event has it".into()),
            "{state}"
        );
        engine.search.purge(|_| {}).unwrap();
    }
}

fn manifest(engine: &Engine) -> Manifest {
    let log = crate::state::hex(&engine.ledger.log);
    let Found::Ready(manifest) = Manifest::read(&engine.state.root, &log).unwrap() else {
        panic!("a manifest")
    };
    manifest
}

#[test]
fn a_split_all_of_whose_events_go_leaves_a_vacant_range() {
    let dir = tempfile::tempdir().unwrap();
    let settings = || SearchConfig { flush_events: 10, merge_factor: 2, ..config() };
    let engine = grown(dir.path(), 45, 10);
    let before = (engine.state.view().coverage(), engine.state.view().end());
    remove(&engine, &(10..20).collect::<Vec<_>>());
    engine.search.purge(|_| {}).unwrap();
    let ranges =
        |engine: &Engine| manifest(engine).vacant.iter().map(|run| (run.first, run.end)).collect::<Vec<_>>();
    assert_eq!((engine.splits(), ranges(&engine)), (3, vec![(10, 20)]));
    assert_eq!((engine.state.view().coverage(), engine.state.view().end()), before);
    assert_eq!(engine.state.view().gaps(0..40), []);
    // Neighbours become one.
    remove(&engine, &(20..30).collect::<Vec<_>>());
    engine.search.purge(|_| {}).unwrap();
    assert_eq!((engine.splits(), ranges(&engine)), (2, vec![(10, 30)]));
    let (all, budget) = (0..45, Budget::unlimited());
    let (feed, _) = engine.search.ascending(&Reach::All, &Query::all(), all, 100, &budget).unwrap();
    assert_eq!((feed.indices.len(), feed.through), (25, 45), "a feed does not wait for what does not come");
    let ledger = Arc::clone(&engine.ledger);
    drop(engine);
    let engine = Engine::open(dir.path(), &ledger, settings());
    assert!(engine.state.work.lock().holes.is_empty() && engine.state.view().coverage().end == 40);
    assert!(engine.checked().is_sound());
    // Splits do not stay apart because of it.
    engine.merge();
    assert_eq!((engine.splits(), ranges(&engine)), (1, vec![]));
    engine.follow();
    assert_eq!(engine.all(&Reach::All, &Query::all()).len(), 25);
    assert!(engine.checked().is_sound());
    // Nothing is left at all, and the end of what is covered is known nevertheless.
    remove(&engine, &(0..45).collect::<Vec<_>>());
    engine.search.purge(|_| {}).unwrap();
    assert_eq!((engine.splits(), ranges(&engine)), (0, vec![(0, 40)]));
    assert_eq!(engine.search.progress().tail_events, 0);
    assert_eq!(engine.search.progress().indexed_size, 45);
    assert_eq!(engine.search.progress().complete_through.as_micros(), super::world::received(44));
    drop(engine);
    let engine = Engine::open(dir.path(), &ledger, settings());
    let progress = engine.search.progress();
    assert_eq!(progress.indexed_size, 40, "not read again");
    assert_eq!(progress.complete_through.as_micros(), super::world::received(39));
    ledger.push(stored(1, NOW, "new", event(99)));
    engine.flush();
    assert_eq!(engine.all(&Reach::All, &Query::all()), [45]);
    assert!(engine.checked().is_sound() && engine.checked().uncovered.is_empty());
    drop(engine);
    // In another history there may be events at these places.
    *ledger.history.lock() = 7;
    let engine = Engine::open(dir.path(), &ledger, settings());
    assert_eq!((engine.splits(), engine.state.view().vacant.len()), (0, 0));
    drop(engine);
}

#[test]
fn blocks_that_wait_to_be_a_split_may_become_a_vacant_range() {
    let dir = tempfile::tempdir().unwrap();
    let engine = grown(dir.path(), 12, 1_000);
    engine.hand_over();
    remove(&engine, &(0..12).collect::<Vec<_>>());
    engine.search.purge(|_| {}).unwrap();
    engine.build();
    let vacant = manifest(&engine).vacant;
    assert_eq!(vacant.iter().map(|run| (run.first, run.end)).collect::<Vec<_>>(), [(0, 12)]);
    assert_eq!(engine.state.view().coverage().end, 12);
    assert!(engine.checked().is_sound());
}

#[test]
fn the_check_looks_for_events_in_vacant_ranges() {
    let dir = tempfile::tempdir().unwrap();
    let engine = grown(dir.path(), 20, 10);
    engine.search.hide(0..10);
    engine.search.purge(|_| {}).unwrap();
    let report = engine.checked();
    assert_eq!(report.findings_total, 10, "the ledger still has these events: {report:?}");
    (0..10).for_each(|index| engine.ledger.remove(index));
    assert!(engine.checked().is_sound());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("splits")).unwrap();
    for path in files(from) {
        fs::copy(&path, to.join(path.strip_prefix(from).unwrap())).unwrap();
    }
}

#[test]
fn a_purge_that_a_crash_ended_is_done_again_to_the_same_end() {
    let dir = tempfile::tempdir().unwrap();
    let engine = grown(dir.path(), 58, 10);
    let gone: Vec<u64> = (0..58).filter(|at| at % 3 == 0 || (30..40).contains(at)).collect();
    let traces = Traces::of(&engine, &gone);
    remove(&engine, &gone);
    let crashed = tempfile::tempdir().unwrap();
    let moment = |number: usize| crashed.path().join(number.to_string());
    let mut moments = 0;
    engine
        .search
        .purge(|_| {
            copy(dir.path(), &moment(moments));
            // Before the manifest names it, a new split is one more file; before they are removed, old ones are.
            let named = files(&moment(moments).join("splits"));
            fs::copy(&named[0], moment(moments).join("splits/000000000000-000000000099-77.split")).unwrap();
            fs::copy(&named[0], moment(moments).join("splits/new-3")).unwrap();
            moments += 1;
        })
        .unwrap();
    assert_eq!(moments, 6);
    let answer = engine.all(&Reach::All, &Query::all());
    assert_eq!(answer.len(), 58 - gone.len());
    for number in 0..moments {
        let root = moment(number);
        let engine = Engine::open(&root, &engine.ledger, SearchConfig { flush_events: 10, ..config() });
        engine.search.hide(gone.iter().copied());
        engine.follow();
        assert_eq!(engine.all(&Reach::All, &Query::all()), answer, "hidden again, {number}");
        engine.search.purge(|_| {}).unwrap();
        assert_eq!(engine.all(&Reach::All, &Query::all()), answer, "{number}");
        assert_eq!(traces.on_disk(&root, engine.ledger.log), 0, "{number}");
        assert_gone(&engine);
        assert_forgotten(&engine);
        assert!(engine.checked().is_sound());
    }
}

#[test]
fn what_cannot_be_written_stays_hidden_and_is_purged_later() {
    let dir = tempfile::tempdir().unwrap();
    let engine = grown(dir.path(), 35, 10);
    let gone = [3, 13, 23, 33];
    let traces = Traces::of(&engine, &gone);
    remove(&engine, &gone);
    fs::create_dir(dir.path().join("manifest.new")).unwrap();
    let mut last = PurgeProgress::default();
    assert!(matches!(engine.search.purge(|progress| last = progress), Err(SearchError::Io { .. })));
    assert_eq!(last, PurgeProgress { splits_done: 0, splits: 3 });
    assert_eq!(engine.all(&Reach::All, &Query::all()).len(), 31);
    assert_eq!(fs::read_dir(dir.path().join("splits")).unwrap().count(), 3, "nothing half-made is left");
    fs::remove_dir(dir.path().join("manifest.new")).unwrap();
    // A file that can't be opened now keeps only its own events.
    let ledger = Arc::clone(&engine.ledger);
    drop(engine);
    let victim = files(&dir.path().join("splits")).remove(1);
    let bytes = fs::read(&victim).unwrap();
    fs::remove_file(&victim).unwrap();
    std::os::unix::fs::symlink(&victim, &victim).unwrap();
    let engine = Engine::open(dir.path(), &ledger, SearchConfig { flush_events: 10, ..config() });
    engine.search.hide(gone);
    assert!(matches!(engine.search.purge(|progress| last = progress), Err(SearchError::Io { .. })));
    assert_eq!(last, PurgeProgress { splits_done: 2, splits: 3 });
    assert!(victim.is_symlink() && engine.search.present().marks.removed().contains(13));
    fs::remove_file(&victim).unwrap();
    fs::write(&victim, bytes).unwrap();
    engine.search.purge(|progress| last = progress).unwrap();
    assert_eq!(last, PurgeProgress { splits_done: 3, splits: 3 });
    assert_eq!(traces.on_disk(dir.path(), engine.ledger.log), 0);
    let awaited: Vec<u64> = engine.search.present().marks.removed().iter().collect();
    assert_eq!(awaited, [33], "the tail was not read again yet");
    engine.follow();
    assert_eq!(engine.all(&Reach::All, &Query::all()).len(), 31);
    assert!(engine.checked().is_sound());
}

#[test]
fn what_was_hidden_before_it_is_indexed_never_enters() {
    let dir = tempfile::tempdir().unwrap();
    let engine = grown(dir.path(), 15, 10);
    // The ledger still has them as events, as it had for what was read just before.
    engine.search.hide([15, 16]);
    engine.search.purge(|_| {}).unwrap();
    for at in 15..20 {
        engine.ledger.push(stored(1, NOW, &format!("event-{at}-only"), event(at)));
    }
    let traces = Traces::of(&engine, &[15, 16]);
    engine.follow();
    assert_eq!((engine.all(&Reach::All, &Query::all()).len(), traces.in_tail(&engine)), (18, 0));
    engine.search.purge(|_| {}).unwrap();
    assert_forgotten(&engine);
    engine.flush();
    assert_eq!(engine.all(&Reach::All, &Query::all()).len(), 18);
    assert_eq!(traces.on_disk(dir.path(), engine.ledger.log), 0);
}

#[test]
fn a_damaged_split_is_not_written_again_but_thrown_out() {
    let dir = tempfile::tempdir().unwrap();
    let engine = grown(dir.path(), 35, 10);
    let traces = Traces::of(&engine, &[13, 23]);
    let victim = files(&dir.path().join("splits")).remove(1);
    let mut bytes = fs::read(&victim).unwrap();
    // In the first column, which is not looked at to find out what to leave out.
    bytes[40] ^= 1;
    fs::write(&victim, bytes).unwrap();
    remove(&engine, &[13, 23]);
    engine.search.purge(|_| {}).unwrap();
    assert_eq!(engine.splits(), 2);
    engine.build();
    assert_eq!(engine.splits(), 3);
    assert_eq!(traces.on_disk(dir.path(), engine.ledger.log), 0);
    assert_eq!(engine.all(&Reach::All, &Query::all()).len(), 33);
    assert!(engine.checked().is_sound());
}

#[test]
fn a_purge_ends_when_the_index_closes() {
    let dir = tempfile::tempdir().unwrap();
    let engine = grown(dir.path(), 40, 10);
    remove(&engine, &[3, 13, 23, 33]);
    let mut last = PurgeProgress::default();
    let ended = engine.search.purge(|progress| {
        last = progress;
        engine.state.closing.store(progress.splits_done == 2, Ordering::Release);
    });
    assert!(matches!(ended, Err(SearchError::Closed)));
    assert_eq!(last, PurgeProgress { splits_done: 2, splits: 4 });
    assert_eq!(engine.all(&Reach::All, &Query::all()).len(), 36);
    // In the middle of a split too.
    let splits = engine.state.view().splits.clone();
    let inputs = [crate::split::Input { split: Arc::clone(&splits[3]), left_out: [3].into_iter().collect() }];
    let looks = std::cell::Cell::new(0);
    for stop_at in [1, 3, 9] {
        looks.set(0);
        let look = || {
            looks.set(looks.get() + 1);
            if looks.get() == stop_at { Err(SearchError::Closed) } else { Ok(()) }
        };
        let ended = merger::replace(&engine.state, &inputs, &look);
        assert!(matches!(ended, Err(SearchError::Closed)));
        assert_eq!(looks.get(), stop_at);
    }
    assert_eq!(fs::read_dir(dir.path().join("splits")).unwrap().count(), 4);
}

#[test]
fn a_purge_waits_for_queries_that_began_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let engine = grown(dir.path(), 25, 10);
    let old = files(&dir.path().join("splits"));
    let present = engine.search.present();
    remove(&engine, &[3, 13, 23]);
    std::thread::scope(|scope| {
        let (done, all_done) = std::sync::mpsc::channel();
        let search = &engine.search;
        let purge = scope.spawn(move || {
            search.purge(|progress| done.send(progress.splits_done).unwrap()).unwrap();
        });
        assert_eq!(all_done.iter().find(|done| *done == 2), Some(2));
        let plan = search.plan(&Query::all(), &Reach::All).unwrap();
        let bounds = crate::ask::bounds(&Query::all(), 25);
        let counted =
            search.run(&present, &plan, bounds, &Budget::unlimited(), |execution| execution.count(&plan));
        assert_eq!(counted.unwrap().0, 25, "it finishes on what it began with");
        assert!(!purge.is_finished() && old.iter().all(|path| path.exists()));
        drop(present);
        purge.join().unwrap();
    });
    assert!(!old.iter().any(|path| path.exists()));
}

#[test]
fn purges_flushes_merges_and_questions_go_on_beside_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let settings = || SearchConfig { flush_events: 40, merge_factor: 2, ..config() };
    let open = || Search::open(dir.path(), settings(), ledger.clone(), ledger.clone()).unwrap();
    let mut pending: RoaringTreemap = RoaringTreemap::new();
    let mut gone = 0;
    for round in 0..3_u64 {
        let search = open();
        search.hide(&pending);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for at in 0..1_500 {
                    ledger.push(stored(at % 4, NOW + at as i64, &format!("{round}-{at}"), event(at)));
                }
            });
            let mut purges = 0;
            while !writer.is_finished() || purges < 5 {
                let size = ledger.size();
                let chosen: Vec<u64> = (0..size).rev().take(60).filter(|at| at % 7 == purges % 7).collect();
                for index in &chosen {
                    gone += u64::from(ledger.has_event(*index));
                    ledger.remove(*index);
                }
                search.hide(chosen.iter().copied());
                pending.extend(chosen.iter().copied());
                let (found, _) = search
                    .ascending(&Reach::All, &Query::all(), 0..size, usize::MAX, &Budget::unlimited())
                    .unwrap();
                assert!(found.indices.iter().all(|index| !pending.contains(*index)));
                if purges % 2 == 0 {
                    search.purge(|_| {}).unwrap();
                    // What is forgotten stays away.
                    let (found, _) = search
                        .ascending(&Reach::All, &Query::all(), 0..size, usize::MAX, &Budget::unlimited())
                        .unwrap();
                    assert!(found.indices.iter().all(|index| !pending.contains(*index)));
                }
                purges += 1;
            }
            // Closed while a purge goes on, which then is done after the restart.
            let purge = scope.spawn(|| search.purge(|_| {}));
            search.close();
            let ended = purge.join().unwrap();
            assert!(matches!(ended, Ok(()) | Err(SearchError::Closed)), "{ended:?}");
        });
        assert_eq!(search.progress().error, None);
        drop(search);
        assert_eq!(ledger.events().len() as u64, ledger.size() - gone);
    }
    let search = open();
    search.hide(&pending);
    super::threads::wait(&mut search.indexed(), ledger.size());
    search.purge(|_| {}).unwrap();
    search.close();
    assert_eq!(count(&search, &Reach::All, &Query::all(), None), ledger.events().len() as u64);
    let report = crate::check(dir.path(), &*ledger, &*ledger, &|_| {}).unwrap();
    assert!(report.is_sound() && report.uncovered.is_empty(), "{report:?}");
}

#[test]
fn marks_stay_what_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let engine = grown(dir.path(), 30, 10);
    engine.search.mark(Mark::Hidden, [2, 3], true).unwrap();
    let generation = engine.search.marks_generation();
    remove(&engine, &[3, 4]);
    assert_eq!(engine.search.marks_generation(), generation);
    engine.search.mark(Mark::Held, [9], true).unwrap();
    assert_eq!(engine.all(&Reach::All, &Query::all()).len(), 27, "setting a mark uncovers nothing");
    engine.search.purge(|_| {}).unwrap();
    engine.search.mark(Mark::Hidden, [2], false).unwrap();
    assert_eq!(engine.all(&Reach::All, &Query::all()).len(), 28, "what was only marked is still there");
    let ledger = Arc::clone(&engine.ledger);
    drop(engine);
    let engine = Engine::open(dir.path(), &ledger, config());
    let hidden: Vec<u64> = engine.search.present().marks.of(Mark::Hidden).iter().collect();
    assert_eq!(hidden, [3], "what is removed is never stored");
}

/// The builder finds nothing at its second try of a range that a purge made different blocks of.
#[test]
fn a_flush_that_failed_before_a_purge_takes_the_blocks_of_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let engine = grown(dir.path(), 20, 1_000);
    engine.hand_over();
    let task = builder::take(&mut engine.state.work.lock(), false).unwrap();
    fs::create_dir(dir.path().join("manifest.new")).unwrap();
    assert!(builder::run(&engine.state, &task).is_err());
    fs::remove_dir(dir.path().join("manifest.new")).unwrap();
    let traces = Traces::of(&engine, &[7]);
    remove(&engine, &[7]);
    engine.search.purge(|_| {}).unwrap();
    builder::run(&engine.state, &task).unwrap();
    assert_eq!((engine.splits(), engine.search.progress().tail_events), (1, 0));
    assert_eq!(traces.on_disk(dir.path(), engine.ledger.log), 0);
    assert_eq!(engine.all(&Reach::All, &Query::all()).len(), 19);
}
