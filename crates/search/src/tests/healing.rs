//! The index loses something, or tells lies: it is noticed, and made again from the ledger.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indelible_event::Event;

use super::world::{Engine, MemoryLedger, NOW, config, stored};
use crate::manifest::{Found, Manifest};
use crate::{Budget, Mark, Query, Reach, SearchConfig, builder, merger};

fn push(ledger: &MemoryLedger, count: u64) {
    for at in 0..count {
        let event = Event { action: format!("action {}", at % 3), ..Event::default() };
        ledger.push(stored(at % 4, NOW + (at * 7 % 50) as i64, &format!("e{at}"), event));
        if at % 5 == 0 {
            ledger.push_other();
        }
    }
}

fn small() -> SearchConfig {
    SearchConfig { flush_events: 10, ..config() }
}

/// Three splits of ten events, and five events that are in no split.
fn grown(dir: &Path) -> (Arc<MemoryLedger>, Vec<u64>) {
    let ledger = MemoryLedger::new();
    push(&ledger, 35);
    let engine = Engine::open(dir, &ledger, small());
    engine.follow();
    engine.build();
    assert_eq!(engine.splits(), 3);
    let answer = engine.all(&Reach::All, &Query::all());
    assert_eq!(answer.len(), 35);
    (ledger, answer)
}

pub(super) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn a_deleted_index_is_rebuilt_with_progress() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, answer) = grown(dir.path());
    fs::remove_dir_all(dir.path()).unwrap();
    let engine = Engine::open(dir.path(), &ledger, small());
    let progress = engine.search.progress();
    assert!(progress.rebuilding);
    assert_eq!((progress.indexed_size, progress.durable_size), (0, ledger.size()));
    assert_eq!(progress.complete_through.as_micros(), 0);
    engine.follow();
    let progress = engine.search.progress();
    assert!(!progress.rebuilding);
    assert_eq!(progress.indexed_size, ledger.size());
    assert_eq!(progress.complete_through.as_micros(), super::world::received(ledger.size() - 1));
    assert_eq!(engine.all(&Reach::All, &Query::all()), answer);
}

#[test]
fn any_damaged_or_missing_split_is_noticed_and_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, answer) = grown(dir.path());
    // Eighths of the file at which a byte is changed; none: the file goes.
    let damages = [Some(0), Some(1), Some(3), Some(4), Some(7), Some(8), None];
    for (number, damage) in damages.into_iter().enumerate() {
        let list = files(&dir.path().join("splits"));
        assert_eq!(list.len(), 3);
        let victim = &list[number % list.len()];
        match damage {
            None => fs::remove_file(victim).unwrap(),
            Some(eighths) => {
                let mut bytes = fs::read(victim).unwrap();
                let at = (bytes.len() - 1) * eighths / 8;
                bytes[at] ^= 0x10;
                fs::write(victim, bytes).unwrap();
            }
        }
        let report = super::super::check(dir.path(), &*ledger, &*ledger, &|_| {}).unwrap();
        assert_eq!(report.findings.len(), 1, "{damage:?} {report:?}");
        let engine = Engine::open(dir.path(), &ledger, small());
        let progress = engine.search.progress();
        assert!(progress.rebuilding && progress.splits == 2, "{damage:?}");
        engine.follow();
        let missing = engine.search.progress();
        engine.build();
        assert_eq!(engine.all(&Reach::All, &Query::all()), answer, "{damage:?}");
        let progress = engine.search.progress();
        assert!(!progress.rebuilding && progress.indexed_size == ledger.size());
        assert!(missing.indexed_size <= progress.indexed_size);
        assert!(engine.checked().is_sound());
    }
}

#[test]
fn answers_say_that_they_are_incomplete_while_a_split_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, answer) = grown(dir.path());
    let first =
        fs::read_dir(dir.path().join("splits")).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    fs::remove_file(first).unwrap();
    let engine = Engine::open(dir.path(), &ledger, small());
    engine.follow();
    let page = engine.page(&Reach::All, &Query::all(), 100, None, None);
    assert_eq!(page.hits.len(), 25);
    assert_eq!(page.complete_through.as_micros(), 0);
    assert_eq!(engine.search.progress().indexed_size, 0);
    // A feed waits at what is missing, and goes on behind it.
    let ascending = |range| {
        let budget = Budget::unlimited();
        engine.search.ascending(&Reach::All, &Query::all(), range, 100, &budget).unwrap().0
    };
    let end = ledger.size();
    let missing = engine.state.view().splits[0].meta.first;
    assert_eq!((ascending(0..end).indices.len(), ascending(0..end).through), (0, 0));
    assert_eq!((ascending(missing..end).indices.len(), ascending(missing..end).through), (25, end));
    engine.build();
    assert_eq!((ascending(0..end).indices.len(), ascending(0..end).through), (answer.len(), end));
    let page = engine.page(&Reach::All, &Query::all(), 100, None, None);
    assert_eq!(page.hits.len(), answer.len());
    assert_eq!(page.complete_through.as_micros(), super::world::received(ledger.size() - 1));
}

#[test]
fn damage_beyond_what_is_compared_at_start_is_found_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, answer) = grown(dir.path());
    let victim = files(&dir.path().join("splits")).remove(1);
    let mut bytes = fs::read(&victim).unwrap();
    // In the first column, which opening does not read.
    bytes[40] ^= 1;
    fs::write(&victim, bytes).unwrap();
    let engine = Engine::open(
        dir.path(),
        &ledger,
        SearchConfig { verify_at_open_bytes: 0, merge_factor: 99, ..small() },
    );
    assert_eq!(engine.splits(), 3, "not compared yet");
    engine.follow();
    engine.merge();
    assert!(engine.search.progress().rebuilding && engine.splits() == 2);
    engine.build();
    assert_eq!(engine.splits(), 3);
    assert_eq!(engine.all(&Reach::All, &Query::all()), answer);
    assert!(engine.checked().is_sound());
}

#[test]
fn a_merge_does_not_take_damage_along() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, answer) = grown(dir.path());
    let engine = Engine::open(dir.path(), &ledger, small());
    engine.follow();
    let victim = files(&dir.path().join("splits")).remove(2);
    let mut bytes = fs::read(&victim).unwrap();
    // In the first column, which opening does not read.
    bytes[40] ^= 1;
    fs::write(&victim, bytes).unwrap();
    let task = crate::merger::take(&engine.state, &mut engine.state.work.lock()).unwrap();
    assert!(crate::merger::run(&engine.state, &task).is_err());
    engine.build();
    engine.merge();
    assert_eq!(engine.splits(), 1);
    assert_eq!(engine.all(&Reach::All, &Query::all()), answer);
    assert!(engine.checked().is_sound());
}

#[test]
fn the_index_of_another_ledger_or_history_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = grown(dir.path());
    let marked = |engine: &Engine| engine.search.marks_generation() > 0;
    let engine = Engine::open(dir.path(), &ledger, small());
    engine.search.mark(Mark::Hidden, [5, 25], true).unwrap();
    drop(engine);
    *ledger.broken.lock() = Some(0);
    assert!(marked(&Engine::open(dir.path(), &ledger, small())), "a ledger that can't be read says nothing");
    *ledger.broken.lock() = None;
    assert!(marked(&Engine::open(dir.path(), &ledger, small())));
    // The same log restored to an earlier state: what lies beyond is gone.
    ledger.cut(20);
    let engine = Engine::open(dir.path(), &ledger, small());
    assert!(!marked(&engine), "another event may get the place of a marked one");
    assert_eq!(engine.splits(), 1);
    engine.search.mark(Mark::Held, [5], true).unwrap();
    engine.follow();
    assert_eq!(engine.search.progress().indexed_size, 20);
    assert_eq!(engine.all(&Reach::All, &Query::all()).len(), ledger.events().len());
    engine.flush();
    assert!(engine.checked().is_sound());
    drop(engine);
    // The same size, but other entries.
    *ledger.history.lock() = 77;
    let engine = Engine::open(dir.path(), &ledger, small());
    assert_eq!(engine.splits(), 0);
    assert!(!marked(&engine));
    engine.flush();
    drop(engine);
    let mut other = MemoryLedger::new();
    Arc::get_mut(&mut other).unwrap().log = [2; 16];
    push(&other, 3);
    let engine = Engine::open(dir.path(), &other, small());
    assert_eq!(engine.splits(), 0);
    engine.follow();
    assert_eq!(engine.all(&Reach::All, &Query::all()).len(), 3);
}

#[test]
fn leftovers_of_a_crash_are_swept() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, answer) = grown(dir.path());
    let splits = dir.path().join("splits");
    fs::create_dir_all(splits.join("new-0")).unwrap();
    fs::write(splits.join("new-0").join("half"), "x").unwrap();
    fs::create_dir_all(splits.join("000000000000-000000000099-77")).unwrap();
    fs::write(dir.path().join("manifest.new"), "half").unwrap();
    let engine = Engine::open(dir.path(), &ledger, small());
    engine.follow();
    assert_eq!(engine.all(&Reach::All, &Query::all()), answer);
    engine.flush();
    assert_eq!(fs::read_dir(&splits).unwrap().count(), engine.splits());
    engine.merge();
    let named = engine.splits();
    drop(engine);
    assert_eq!(fs::read_dir(&splits).unwrap().count(), named, "merged splits are removed");
}

#[test]
fn an_event_that_cannot_be_decoded_does_not_stop_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    for (id, action) in [("a", "fine"), ("b", "panic"), ("c", "fine")] {
        ledger.push(stored(1, NOW, id, Event { action: action.into(), ..Event::default() }));
    }
    let engine = Engine::open(dir.path(), &ledger, config());
    engine.flush();
    assert_eq!(engine.all(&Reach::All, &Query::all()), [2, 1, 0]);
    let (found, _) = engine.search.by_id(&Reach::All, None, "b", &Budget::unlimited()).unwrap();
    assert_eq!(found.len(), 1);
    assert!(engine.checked().is_sound());
}

#[test]
fn the_check_notices_every_kind_of_lie() {
    type Lie = fn(&MemoryLedger);
    let lies: [(&str, Lie); 7] = [
        ("time or tenant differ", |ledger| ledger.change(1, |stored| stored.time += 1)),
        ("time or tenant differ", |ledger| ledger.change(1, |stored| stored.tenant = 9)),
        ("keys or words differ", |ledger| ledger.change(1, |stored| stored.id = "other".into())),
        ("keys or words differ", |ledger| {
            ledger.change(1, |stored| stored.decoded.event.action = "1 action".into())
        }),
        ("keys or words differ", |ledger| {
            ledger.change(1, |stored| stored.decoded.event.session_id = Some("s".into()));
        }),
        ("users or tenants for distinct counts differ", |ledger| {
            ledger.change(1, |stored| {
                stored.decoded.event.actor =
                    Some(indelible_event::Actor { tenant: Some("t".into()), ..Default::default() });
            });
        }),
        ("covers entries that the ledger does not have", |ledger| ledger.cut(2)),
    ];
    for (what, lie) in lies {
        let dir = tempfile::tempdir().unwrap();
        let ledger = MemoryLedger::new();
        for at in 0..3 {
            ledger.push(stored(
                1,
                NOW,
                &format!("e{at}"),
                Event { action: "action 1".into(), ..Event::default() },
            ));
        }
        let engine = Engine::open(dir.path(), &ledger, config());
        engine.flush();
        let report = engine.checked();
        assert!(report.is_sound() && report.events == 3 && report.uncovered.is_empty());
        lie(&ledger);
        let report = engine.checked();
        assert_eq!((report.findings_total, report.findings[0].what), (1, what));
    }
}

#[test]
fn the_check_tells_what_is_not_indexed_yet_without_calling_it_a_fault() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let empty = super::super::check(dir.path(), &*ledger, &*ledger, &|_| {}).unwrap();
    assert!(empty.is_sound() && empty.uncovered.is_empty() && empty.unusable.is_none());
    push(&ledger, 4);
    let report = super::super::check(dir.path(), &*ledger, &*ledger, &|_| {}).unwrap();
    assert!(report.is_sound() && report.unusable.is_some() && report.uncovered.first() == Some(&(0..5)));
    let engine = Engine::open(dir.path(), &ledger, small());
    push(&ledger, 7);
    engine.follow();
    engine.build();
    let seen = std::cell::Cell::new(0);
    let report =
        super::super::check(dir.path(), &*ledger, &*ledger, &|progress| seen.set(progress.done)).unwrap();
    assert!(report.is_sound() && report.events == 10, "{report:?}");
    assert_eq!(report.uncovered.first(), Some(&(seen.get()..ledger.size())));
    *ledger.broken.lock() = Some(0);
    assert!(super::super::check(dir.path(), &*ledger, &*ledger, &|_| {}).is_err(), "could not find out");
}

#[test]
fn a_range_that_was_filled_in_part_is_not_indexed_twice() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    push(&ledger, 35);
    let engine = Engine::open(dir.path(), &ledger, config());
    engine.flush();
    let answer = engine.all(&Reach::All, &Query::all());
    let name = engine.state.view().splits[0].meta.name.clone();
    drop(engine);
    push(&ledger, 1);
    // One large split is lost; it is filled in pieces of ten, and the ledger fails after the first.
    let engine = Engine::open(dir.path(), &ledger, SearchConfig { flush_events: 10, ..config() });
    engine.state.discard(&name).unwrap();
    *ledger.broken.lock() = Some(20);
    let task = crate::builder::take(&mut engine.state.work.lock(), false).unwrap();
    let range = 0..ledger.size() - 2;
    let first = crate::builder::Task::Fill(0..13);
    crate::builder::run(&engine.state, &first).unwrap();
    assert!(crate::builder::run(&engine.state, &task).is_err());
    *ledger.broken.lock() = None;
    crate::builder::run(&engine.state, &task).unwrap();
    assert_eq!(engine.all(&Reach::All, &Query::all()), answer);
    assert_eq!(engine.state.view().gaps(range), []);
    engine.flush();
    assert!(engine.checked().is_sound());
}

#[test]
fn a_split_that_cannot_be_read_now_is_opened_later_and_not_built_again() {
    for damaged_meanwhile in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, answer) = grown(dir.path());
        let victim = &files(&dir.path().join("splits"))[1];
        let bytes = fs::read(victim).unwrap();
        fs::remove_file(victim).unwrap();
        // A link to itself is there and can't be opened, whoever asks.
        std::os::unix::fs::symlink(victim, victim).unwrap();
        let settings = SearchConfig { merge_factor: 99, ..small() };
        let engine = Engine::open(dir.path(), &ledger, settings);
        engine.follow();
        engine.build();
        assert!(engine.splits() == 2 && engine.search.progress().rebuilding, "told to be incomplete");
        assert!(victim.is_symlink(), "neither swept nor built again");
        let verify = || {
            let mut work = engine.state.work.lock();
            let task = merger::take(&engine.state, &mut work).unwrap();
            drop(work);
            let done = merger::run(&engine.state, &task);
            merger::finish(&mut engine.state.work.lock(), task, done.is_err());
            done
        };
        assert!(verify().is_err());
        fs::remove_file(victim).unwrap();
        fs::write(victim, if damaged_meanwhile { b"rubbish" } else { &bytes[..] }).unwrap();
        verify().unwrap();
        assert_eq!(engine.splits(), if damaged_meanwhile { 2 } else { 3 });
        engine.build();
        assert_eq!(engine.all(&Reach::All, &Query::all()), answer);
        assert!(!engine.search.progress().rebuilding);
        assert!(engine.checked().is_sound());
    }
}

#[test]
fn no_file_goes_before_its_name_and_no_suspect_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, answer) = grown(dir.path());
    let victim = files(&dir.path().join("splits")).remove(1);
    let mut bytes = fs::read(&victim).unwrap();
    bytes[40] ^= 1;
    fs::write(&victim, &bytes).unwrap();
    // The manifest can't be written.
    fs::create_dir(dir.path().join("manifest.new")).unwrap();
    let engine = Engine::open(dir.path(), &ledger, small());
    assert!(engine.search.progress().error.is_some() && engine.splits() == 2);
    assert!(victim.exists(), "the manifest on disk names it still");
    drop(engine);
    let unverified = SearchConfig { verify_at_open_bytes: 0, merge_factor: 99, ..small() };
    let engine = Engine::open(dir.path(), &ledger, unverified);
    engine.follow();
    for _ in 0..9 {
        let task = merger::take(&engine.state, &mut engine.state.work.lock());
        let Some(task) = task else { break };
        let failed = merger::run(&engine.state, &task).is_err();
        merger::finish(&mut engine.state.work.lock(), task, failed);
    }
    assert_eq!(engine.splits(), 3, "it can't be thrown out yet");
    fs::remove_dir(dir.path().join("manifest.new")).unwrap();
    engine.merge();
    assert_eq!(engine.splits(), 2);
    engine.build();
    assert_eq!(engine.all(&Reach::All, &Query::all()), answer);
    assert!(engine.checked().is_sound());
}

#[test]
fn entries_in_a_split_and_in_the_tail_are_found_once_in_the_end() {
    for covered in [0..40, 0..12, 7..23] {
        let dir = tempfile::tempdir().unwrap();
        let ledger = MemoryLedger::new();
        push(&ledger, 33);
        let size = ledger.size();
        let engine = Engine::open(dir.path(), &ledger, config());
        engine.follow();
        let answer = engine.all(&Reach::All, &Query::all());
        let range = covered.start..covered.end.min(size);
        builder::run(&engine.state, &builder::Task::Fill(range.clone())).unwrap();
        let flush = builder::Task::Flush(0..size);
        let done = builder::run(&engine.state, &flush);
        assert_eq!(done.is_ok(), range == (0..size), "{range:?}");
        builder::run(&engine.state, &flush).unwrap();
        engine.build();
        assert!(engine.state.view().blocks.is_empty());
        assert_eq!(engine.all(&Reach::All, &Query::all()), answer, "{range:?}");
        assert!(engine.checked().is_sound());
    }
}

/// Columns have no checksum of their own: a lie in one, with a good checksum of the file, is told by the postings.
#[test]
fn the_check_compares_columns_with_postings() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    push(&ledger, 6);
    let engine = Engine::open(dir.path(), &ledger, config());
    engine.flush();
    drop(engine);
    let (root, log) = (dir.path(), crate::state::hex(&ledger.log));
    let path = files(&root.join("splits")).remove(0);
    let good = fs::read(&path).unwrap();
    let mut told = std::collections::BTreeSet::new();
    for at in 32..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, &bad).unwrap();
        let Found::Ready(mut manifest) = Manifest::read(root, &log).unwrap() else { panic!("a manifest") };
        manifest.splits[0].crc32 = crc32fast::hash(&bad);
        manifest.write(root).unwrap();
        let report = crate::check(root, &*ledger, &*ledger, &|_| {}).unwrap();
        told.extend(report.findings.iter().map(|finding| finding.what));
    }
    for what in ["a column of keys differs", "time or tenant differ"] {
        assert!(told.contains(what), "{what}: {told:?}");
    }
}

#[test]
fn no_piece_is_without_events_when_a_range_is_filled() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let event = || Event { action: "a".into(), ..Event::default() };
    for at in 0..20 {
        ledger.push(stored(1, NOW, &format!("e{at}"), event()));
    }
    ledger.push_other();
    let engine = Engine::open(dir.path(), &ledger, small());
    builder::run(&engine.state, &builder::Task::Fill(0..21)).unwrap();
    drop(engine);
    let engine = Engine::open(dir.path(), &ledger, small());
    assert_eq!((engine.splits(), engine.search.progress().indexed_size), (2, 21), "the manifest is used");
}
