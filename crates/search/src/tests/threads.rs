//! The index with its threads running, as the server has it.

use std::sync::Arc;
use std::time::Duration;

use indelible_event::Event;
use tokio::sync::watch;

use super::world::{MemoryLedger, NOW, config, count, stored};
use crate::{Budget, PageRequest, Query, Reach, Search, SearchConfig};

/// Waits until the index has come this far, without polling.
pub(super) fn wait(indexed: &mut watch::Receiver<u64>, size: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let far_enough = runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), indexed.wait_for(|indexed| *indexed >= size))
            .await
            .is_ok()
    });
    assert!(far_enough, "the index did not reach {size}");
}

fn open(dir: &std::path::Path, ledger: &Arc<MemoryLedger>, config: SearchConfig) -> Search {
    Search::open(dir, config, ledger.clone(), ledger.clone()).unwrap()
}

fn push(ledger: &MemoryLedger, count: u64) {
    for at in 0..count {
        ledger.push(stored(1, NOW + at as i64, "x", Event { action: "a".into(), ..Event::default() }));
    }
}

#[test]
fn follows_flushes_merges_and_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let small = || SearchConfig { flush_events: 50, ..config() };
    let mut size = 0;
    for round in 0..3 {
        let search = open(dir.path(), &ledger, small());
        let mut indexed = search.indexed();
        for _ in 0..10 {
            push(&ledger, 40);
            size += 40;
            wait(&mut indexed, size);
            assert_eq!(count(&search, &Reach::All, &Query::all(), None), size);
        }
        search.close();
        let progress = search.progress();
        assert_eq!(progress.tail_events, 0, "everything is on disk after closing");
        assert_eq!(progress.error, None);
        assert_eq!(count(&search, &Reach::All, &Query::all(), None), size, "round {round}");
        let report = crate::check(dir.path(), &*ledger, &*ledger, &|_| {}).unwrap();
        assert!(report.is_sound() && report.uncovered.is_empty() && report.events == size);
    }
}

/// Batches so large that they are shared, entries that are no events, one that can't be decoded, and trouble in between.
#[test]
fn what_two_threads_derive_is_in_the_order_of_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    for at in 0..6_000 {
        if at % 97 == 5 {
            ledger.push_other();
        }
        let action = if at == 4_321 { "panic" } else { "a" };
        let event = Event { action: action.into(), ..Event::default() };
        ledger.push(stored(at % 9, NOW + at as i64, &format!("e{at}"), event));
    }
    *ledger.broken.lock() = Some(2_500);
    let search = open(dir.path(), &ledger, SearchConfig { flush_events: 700, ..config() });
    while search.progress().error.is_none() {
        std::thread::yield_now();
    }
    *ledger.broken.lock() = None;
    let size = ledger.size();
    wait(&mut search.indexed(), size);
    let budget = Budget::unlimited();
    let (found, _) = search.ascending(&Reach::All, &Query::all(), 0..size, 10_000, &budget).unwrap();
    let expected: Vec<u64> = ledger.events().iter().map(|event| event.index).collect();
    assert_eq!(found.indices, expected);
    search.close();
    let report = crate::check(dir.path(), &*ledger, &*ledger, &|_| {}).unwrap();
    assert!(report.is_sound() && report.uncovered.is_empty(), "{report:?}");
    assert_eq!(report.events, 6_000);
}

#[test]
fn pages_stay_the_same_while_events_come_in() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    push(&ledger, 2_000);
    let search = open(dir.path(), &ledger, SearchConfig { flush_events: 300, ..config() });
    wait(&mut search.indexed(), 2_000);
    let (reach, query) = (Reach::All, Query::all());
    let first = |as_of| {
        let request = PageRequest { reach: &reach, query: &query, limit: 100, cursor: None, as_of };
        search.page(&request, &Budget::unlimited()).unwrap().0
    };
    let before = first(None);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..50).for_each(|_| push(&ledger, 100)));
        while !writer.is_finished() {
            assert_eq!(first(Some(before.as_of)).hits, before.hits);
            assert_eq!(count(&search, &reach, &query, Some(before.as_of)), 2_000);
            let now = first(None);
            let newest = super::world::received(now.as_of - 1);
            assert!(now.complete_through.as_micros() <= newest, "complete only as far as it looks");
            assert_eq!(count(&search, &reach, &query, Some(now.as_of)), now.as_of);
        }
    });
    wait(&mut search.indexed(), 7_000);
    assert_eq!(first(Some(before.as_of)).hits, before.hits);
}

#[test]
fn trouble_with_the_ledger_is_told_and_passes() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let search = open(dir.path(), &ledger, config());
    let mut indexed = search.indexed();
    push(&ledger, 10);
    wait(&mut indexed, 10);
    *ledger.broken.lock() = Some(10);
    push(&ledger, 10);
    // The follower meets the fault, notes it, and tries again by itself.
    while search.progress().error.is_none() {
        std::thread::yield_now();
    }
    assert_eq!(search.progress().indexed_size, 10);
    assert!(search.progress().error.unwrap().contains("on fire"));
    assert_eq!(count(&search, &Reach::All, &Query::all(), None), 10, "what is there is answered");
    *ledger.broken.lock() = None;
    wait(&mut indexed, 20);
    assert_eq!(search.progress().error, None);
}

#[test]
fn a_full_disk_stops_neither_answers_nor_events() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let search = open(dir.path(), &ledger, SearchConfig { flush_events: 10, ..config() });
    // A file where the directory of splits was: nothing can be written.
    let splits = dir.path().join("splits");
    std::fs::remove_dir_all(&splits).unwrap();
    std::fs::write(&splits, "").unwrap();
    push(&ledger, 25);
    wait(&mut search.indexed(), 25);
    while search.progress().error.is_none() {
        std::thread::yield_now();
    }
    assert_eq!(count(&search, &Reach::All, &Query::all(), None), 25);
    std::fs::remove_file(&splits).unwrap();
    std::fs::create_dir(&splits).unwrap();
    search.close();
    assert_eq!(search.progress().tail_events, 0);
    drop(search);
    let search = open(dir.path(), &ledger, config());
    wait(&mut search.indexed(), 25);
    assert_eq!(count(&search, &Reach::All, &Query::all(), None), 25);
}

#[test]
fn a_tail_that_is_full_becomes_splits_and_the_index_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    push(&ledger, 5_000);
    let search = open(dir.path(), &ledger, SearchConfig { tail_bytes_max: 1, ..config() });
    wait(&mut search.indexed(), 5_000);
    assert_eq!(count(&search, &Reach::All, &Query::all(), None), 5_000);
    search.close();
    assert!(search.progress().splits > 1);
}
