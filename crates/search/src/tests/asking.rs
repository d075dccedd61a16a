//! What holds for every question: it ends when its budget does, it tells nothing of others, it notices damage, and it
//! agrees with the other questions whatever comes in meanwhile.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use indelible_event::{Actor, Client, Event, Timestamp};

use super::world::{Engine, MemoryLedger, NOW, config, query, stored};
use crate::{Budget, FacetField, Histogram, PageRequest, Query, Reach, Search, SearchConfig, SearchError};

fn push(ledger: &MemoryLedger, count: u64) {
    for at in 0..count {
        let actor = Actor { id: Some(format!("user {}", at % 500)), ..Actor::default() };
        let event = Event { action: format!("action {}", at % 7), actor: Some(actor), ..Event::default() };
        ledger.push(stored(at % 9, NOW + at as i64, &format!("id-{at}"), event));
    }
}

/// Every question once; each gives what it found as one number.
fn every(search: &Search, reach: &Reach, query: &Query, budget: &Budget) -> Vec<Result<u64, SearchError>> {
    let as_of = Some(search.end());
    let actor = FacetField::parse("actor").unwrap();
    let edges = [NOW - 10, NOW + 1_000, i64::MAX];
    let request = PageRequest { reach, query, limit: usize::MAX - 1, cursor: None, as_of };
    vec![
        search.count(reach, query, as_of, budget).map(|(count, _)| count),
        search.page(&request, budget).map(|(page, _)| page.hits.len() as u64),
        search.stats(reach, query, as_of, budget).map(|(stats, _)| stats.total),
        search
            .histogram(reach, query, &edges, Some(actor), as_of, budget)
            .map(|(found, _)| found.buckets.iter().sum()),
        search
            .values(reach, query, actor, "", usize::MAX, as_of, budget)
            .map(|(found, _)| found.values.iter().map(|value| value.count).sum()),
        search
            .ascending(reach, query, 0..u64::MAX, usize::MAX, budget)
            .map(|(found, _)| found.indices.len() as u64),
    ]
}

#[test]
fn every_question_ends_with_its_budget_in_tail_and_splits() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let engine = Engine::open(dir.path(), &ledger, config());
    push(&ledger, 3_000);
    engine.follow();
    for place in ["tail", "split"] {
        // A count is not from the memory of the last one.
        let query = query(&[("q", &format!("act* -{place}"))], &HashMap::new());
        let cancelled = Budget::unlimited();
        cancelled.cancelled.cancel();
        for result in every(&engine.search, &Reach::All, &query, &cancelled) {
            assert!(matches!(result, Err(SearchError::Cancelled)), "{place} {result:?}");
        }
        let late = Budget::within(Duration::ZERO);
        for result in every(&engine.search, &Reach::All, &query, &late) {
            assert!(matches!(result, Err(SearchError::DeadlineExceeded)), "{place} {result:?}");
        }
        assert!(engine.state.work.lock().suspects.is_empty(), "a budget is no split's fault");
        for result in every(&engine.search, &Reach::All, &query, &Budget::unlimited()) {
            assert_eq!(result.unwrap(), 3_000, "{place}");
        }
        engine.flush();
    }
}

#[test]
fn the_cost_says_what_was_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let engine = Engine::open(dir.path(), &ledger, config());
    push(&ledger, 3_000);
    engine.flush();
    push(&ledger, 10);
    engine.follow();
    let budget = Budget::unlimited();
    let all = Query::all();
    let request = PageRequest { reach: &Reach::All, query: &all, limit: 5, cursor: None, as_of: None };
    let (_, cost) = engine.search.page(&request, &budget).unwrap();
    assert_eq!((cost.splits, cost.blocks, cost.zones), (1, 0, 1), "a page over everything looks at one zone");
    let one = query(&[("id", "id-17")], &HashMap::new());
    let request = PageRequest { query: &one, ..request };
    let (page, cost) = engine.search.page(&request, &budget).unwrap();
    assert_eq!(page.hits.len(), 1);
    assert_eq!(
        (cost.splits, cost.blocks, cost.zones),
        (1, 1, 1),
        "a rare term decides which zones are looked at"
    );
    assert!(cost.bytes_read > 0 && cost.terms > 0);
    let user = query(&[("user", "user 3")], &HashMap::new());
    let (count, first) = engine.search.count(&Reach::All, &user, None, &budget).unwrap();
    let (again, second) = engine.search.count(&Reach::All, &user, None, &budget).unwrap();
    assert_eq!((count, again), (7, 7));
    assert!(first.splits == 1 && second.splits == 0, "a split is counted once");
    engine.search.mark(crate::Mark::Hidden, [3], true).unwrap();
    assert_eq!(
        engine.search.count(&Reach::All, &user, None, &budget).unwrap().0,
        6,
        "and anew where marks changed"
    );
}

#[test]
fn an_explanation_names_no_tenant_outside_of_the_reach() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let engine = Engine::open(dir.path(), &ledger, config());
    push(&ledger, 50);
    engine.flush();
    let named = HashMap::from([("mine".to_owned(), vec![3, 7777]), ("theirs".to_owned(), vec![4, 8888])]);
    for params in [
        &[("tenant", "mine")][..],
        &[("tenant", "!theirs"), ("action", "action 1")],
        &[("filter", "tenant eq theirs or action eq \"action 1\" and not tenant eq mine")],
    ] {
        let asked = query(params, &named);
        let budget = Budget::unlimited();
        let text = engine.search.explain(&Reach::tenants([3, 5]), &asked, None, &budget).to_string();
        assert!(!text.contains("7777") && !text.contains("8888"), "{text}");
        assert!(text.contains("\"parts\""), "{text}");
        let whole = engine.search.explain(&Reach::All, &asked, None, &budget).to_string();
        assert!(whole.contains("7777") || whole.contains("8888"), "{whole}");
    }
    let asked = query(&[("action", "action 1")], &HashMap::new());
    let explain = |as_of, budget: &Budget| engine.search.explain(&Reach::All, &asked, as_of, budget);
    let plan = explain(None, &Budget::unlimited());
    assert_eq!(plan["matches"], "action eq \"action 1\"");
    assert_eq!(plan["parts"][0]["runs"]["documents_at_most"], 7);
    let earlier = explain(Some(0), &Budget::unlimited());
    assert!(earlier["parts"][0]["runs"].as_str().unwrap().starts_with("passed over"), "{earlier}");
    let cancelled = Budget::unlimited();
    cancelled.cancelled.cancel();
    assert_eq!(explain(None, &cancelled)["parts"][0]["runs"], "the query was cancelled");
}

#[test]
fn an_id_is_looked_up_within_a_budget() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let engine = Engine::open(dir.path(), &ledger, config());
    push(&ledger, 50);
    engine.flush();
    let find = |budget: &Budget| engine.search.by_id(&Reach::All, None, "id-7", budget);
    let (hits, cost) = find(&Budget::unlimited()).unwrap();
    assert_eq!((hits.len() as u64, cost.splits), (cost.documents, 1));
    let cancelled = Budget::unlimited();
    cancelled.cancelled.cancel();
    assert!(matches!(find(&cancelled), Err(SearchError::Cancelled)));
    assert!(matches!(find(&Budget::within(Duration::ZERO)), Err(SearchError::DeadlineExceeded)));
}

#[test]
fn more_values_than_can_be_held_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let engine = Engine::open(dir.path(), &ledger, config());
    push(&ledger, 50);
    engine.follow();
    let asked = Query::all();
    for _ in ["tail", "split"] {
        let held = |max: usize, prefix: &str, histogram: bool| {
            let (present, budget) = (engine.search.present(), Budget::unlimited());
            let plan = engine.search.plan(&asked, &Reach::All).unwrap();
            let bounds = crate::ask::bounds(&asked, present.view.end());
            let dimension = FacetField::parse("action").unwrap().0;
            let answer = engine.search.run(&present, &plan, bounds, &budget, |execution| {
                execution.values_max = max;
                if histogram {
                    let edges = [i64::MIN, i64::MAX];
                    return execution.histogram(&edges, Some(dimension)).map(|found| found.series.len());
                }
                execution.values(dimension, prefix, 1).map(|found| found.distinct as usize)
            });
            answer.map(|(distinct, _)| distinct)
        };
        let all = held(usize::MAX, "", false).unwrap();
        assert!(all > 2, "{all}");
        assert_eq!(held(all, "", false).unwrap(), all);
        assert!(matches!(held(all - 1, "", false), Err(SearchError::TooManyValues { .. })));
        assert_eq!(held(1, "action 1", false).unwrap(), 1, "a prefix helps");
        assert_eq!(held(all, "", true).unwrap(), all);
        assert!(matches!(held(all - 1, "", true), Err(SearchError::TooManyValues { .. })));
        engine.flush();
    }
}

#[test]
fn the_newest_events_of_many_values_are_looked_up_together() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let engine = Engine::open(dir.path(), &ledger, config());
    push(&ledger, 900);
    engine.flush();
    let read = |limit| {
        let (field, budget) = (FacetField::parse("actor").unwrap(), Budget::unlimited());
        let asked = Query::all();
        let (found, cost) =
            engine.search.values(&Reach::All, &asked, field, "", limit, None, &budget).unwrap();
        (found.values.len(), cost.bytes_read)
    };
    // The first one opens lists that stay open.
    read(1);
    let (one, many) = (read(1), read(usize::MAX));
    assert!(one.0 == 1 && many.0 > 5, "{many:?}");
    assert_eq!(one.1, many.1, "all of them lie in one zone");
}

#[test]
fn damage_while_the_index_is_open_gives_errors_and_then_right_answers_again() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    push(&ledger, 2_500);
    let engine = Engine::open(dir.path(), &ledger, SearchConfig { merge_factor: 99, ..config() });
    engine.flush();
    let asked = query(&[("q", "action 3")], &HashMap::new());
    let answers = || every(&engine.search, &Reach::tenants(0..8), &asked, &Budget::unlimited());
    let right: Vec<u64> = answers().into_iter().map(Result::unwrap).collect();
    let splits = dir.path().join("splits");
    let path = || fs::read_dir(&splits).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    let mut noticed = 0;
    for part in 0..40 {
        // Marks change so that counts are made anew.
        engine.search.mark(crate::Mark::Held, [part], true).unwrap();
        let (path, mut bytes) = (path(), fs::read(path()).unwrap());
        let at = bytes.len() * part as usize / 40;
        bytes[at] ^= 0x20;
        fs::write(&path, &bytes).unwrap();
        for (answer, right) in answers().into_iter().zip(&right) {
            match answer {
                Ok(found) => assert_eq!(found, *right, "byte {at}"),
                Err(SearchError::Damaged { .. }) => noticed += 1,
                Err(other) => panic!("byte {at}: {other}"),
            }
        }
        // Whoever met the damage had the split checked; else it is repaired here by hand.
        let suspected = !engine.state.work.lock().suspects.is_empty();
        if suspected {
            engine.merge();
            engine.build();
        } else {
            bytes[at] ^= 0x20;
            fs::write(&path, &bytes).unwrap();
        }
        let healed: Vec<u64> = answers().into_iter().map(Result::unwrap).collect();
        assert_eq!(healed, right, "byte {at}, suspected: {suspected}");
    }
    assert!(noticed > 5, "{noticed}");
    assert!(engine.checked().is_sound());
}

#[test]
fn all_questions_agree_as_of_one_moment_while_events_come_in() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    push(&ledger, 1_500);
    let settings = SearchConfig { flush_events: 400, ..config() };
    let search = Search::open(dir.path(), settings, ledger.clone(), ledger.clone()).unwrap();
    let asked = query(&[("filter", "action sw \"action\" and not actor eq \"user 9\"")], &HashMap::new());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..40).for_each(|_| push(&ledger, 100)));
        while !writer.is_finished() {
            let as_of = search.end();
            let budget = Budget::unlimited();
            let reach = Reach::tenants([1, 2, 3, 5]);
            let (count, _) = search.count(&reach, &asked, Some(as_of), &budget).unwrap();
            let (stats, _) = search.stats(&reach, &asked, Some(as_of), &budget).unwrap();
            let edges = [NOW, NOW + 300, i64::MAX];
            let (histogram, _) =
                search.histogram(&reach, &asked, &edges, None, Some(as_of), &budget).unwrap();
            let request = PageRequest {
                reach: &reach,
                query: &asked,
                limit: 100_000,
                cursor: None,
                as_of: Some(as_of),
            };
            let (page, _) = search.page(&request, &budget).unwrap();
            assert_eq!((stats.total, histogram.buckets.iter().sum::<u64>()), (count, count), "as of {as_of}");
            assert_eq!(page.hits.len() as u64, count);
        }
    });
}

#[test]
fn what_was_counted_before_is_not_taken_for_another_time() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let engine = Engine::open(dir.path(), &ledger, config());
    push(&ledger, 2_000);
    engine.flush();
    let at = |after: i64| Timestamp::from_micros(NOW + after).to_rfc3339();
    // The first event, the last, and what lies beside them; each from anew and again.
    for _ in 0..2 {
        for (name, after, expected) in [
            ("until", 2_000, 2_000),
            ("until", 1_999, 1_999),
            ("until", 0, 0),
            ("until", 1, 1),
            ("since", -1, 2_000),
            ("since", 0, 2_000),
            ("since", 1, 1_999),
            ("since", 1_999, 1),
            ("since", 2_000, 0),
        ] {
            let asked = query(&[(name, &at(after))], &HashMap::new());
            let (count, cost) = engine.search.count(&Reach::All, &asked, None, &Budget::unlimited()).unwrap();
            assert_eq!(count, expected, "{name} {after}");
            assert!(expected > 0 || (cost.splits, cost.zones) == (0, 0), "{name} {after}: {cost:?}");
            assert!(cost.zones <= 2, "{name} {after}: {cost:?}");
        }
    }
}

#[test]
fn values_beyond_those_told_one_by_one_are_told_as_a_sum() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let engine = Engine::open(dir.path(), &ledger, config());
    push(&ledger, 1_300);
    engine.follow();
    let (actor, asked) = (FacetField::parse("actor").unwrap().0, Query::all());
    for place in ["tail", "split"] {
        // All values in all buckets at once, and the most frequent first.
        for cells_max in [u64::MAX, 0] {
            let (present, budget) = (engine.search.present(), Budget::unlimited());
            let plan = engine.search.plan(&asked, &Reach::All).unwrap();
            let bounds = crate::ask::bounds(&asked, present.view.end());
            let answer = engine.search.run(&present, &plan, bounds, &budget, |execution| {
                execution.cells_max = cells_max;
                execution.histogram(&[NOW, NOW + 1_000, NOW + 1_300], Some(actor))
            });
            let (found, _) = answer.unwrap();
            assert_eq!(found.buckets, [1_000, 300], "{place}");
            // Of 500 users, the first 300 have three events and the others two.
            assert_eq!(found.series.len(), Histogram::SERIES_MAX);
            assert!(found.series.iter().all(|(_, row)| *row == [2, 1]), "{place}");
            assert_eq!(found.others, [600, 100], "{place}");
        }
        engine.flush();
    }
}

#[test]
fn a_mark_on_an_entry_that_is_no_event_marks_no_event() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let engine = Engine::open(dir.path(), &ledger, config());
    push(&ledger, 3);
    ledger.push_other();
    push(&ledger, 3);
    ledger.push_other();
    engine.follow();
    engine.search.mark(crate::Mark::Held, [1, 3, 7], true).unwrap();
    for place in ["tail", "split"] {
        let held = query(&[("held", "true")], &HashMap::new());
        assert_eq!(engine.all(&Reach::All, &held), [1], "{place}");
        engine.flush();
    }
}

/// A split has several ways to evaluate a condition, by how many terms and events it means; the tail has one.
#[test]
fn every_way_of_evaluating_finds_what_the_tail_finds() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    for at in 0..3_000_u64 {
        let actor = Actor { id: Some(format!("user {}", at % 500)), ..Actor::default() };
        let ip = std::net::Ipv4Addr::from(0x0a00_0000 + (at * 11 % 700) as u32);
        let client = Client { ip: Some(ip.into()), ..Client::default() };
        let event = Event { action: format!("w{}", at % 40), actor: Some(actor), client, ..Event::default() };
        ledger.push(stored(at % 60, NOW + (at * 7 % 1_000) as i64, &format!("id-{at}"), event));
    }
    let engine = Engine::open(dir.path(), &ledger, config());
    engine.follow();
    engine.search.mark(crate::Mark::Held, (0..3_000).step_by(3), true).unwrap();
    engine.search.mark(crate::Mark::Erased, [5, 1_500, 2_999], true).unwrap();
    type Case = (&'static [(&'static str, &'static str)], Reach, usize);
    let cases: [Case; 12] = [
        (&[("filter", "actor sw \"user\"")], Reach::All, 3_000),
        (&[("filter", "actor sw \"user 1\"")], Reach::All, 6 * 111),
        (&[("filter", "actor eq \"user 1\"")], Reach::All, 6),
        (&[("filter", "actor ew \"99\"")], Reach::All, 6 * 5),
        (&[("ip", "10.0.0.0/8")], Reach::All, 3_000),
        (&[("ip", "10.0.1.0/24")], Reach::All, 1_094),
        (&[("ip", "10.0.1.0/30")], Reach::All, 17),
        (&[("q", "w*")], Reach::All, 3_000),
        (&[("q", "w1*")], Reach::All, 11 * 75),
        (&[("held", "true")], Reach::All, 1_000),
        (&[("erased", "true")], Reach::All, 3),
        (&[("held", "true"), ("q", "-w1")], Reach::tenants([7, 12, 18]), 100),
    ];
    let ask = |params: &[(&str, &str)], reach: &Reach| engine.all(reach, &query(params, &HashMap::new()));
    let in_tail: Vec<_> = cases.iter().map(|(params, reach, _)| ask(params, reach)).collect();
    engine.flush();
    for ((params, reach, count), in_tail) in cases.iter().zip(in_tail) {
        assert_eq!(ask(params, reach), in_tail, "{params:?}");
        assert_eq!(in_tail.len(), *count, "{params:?}");
    }
    for reach in [Reach::tenants([7]), Reach::tenants([7, 59]), Reach::tenants(0..40)] {
        let Reach::Tenants(set) = &reach else { continue };
        let found = ask(&[], &reach);
        assert_eq!(found.len(), set.as_slice().len() * 50);
        assert!(found.iter().all(|index| reach.contains(index % 60)));
    }
}
