//! Events that come late or from the future: the same answers as the model's, without going over half of the index.

use std::collections::HashMap;
use std::sync::Arc;

use indelible_event::{Event, Timestamp};

use super::model::matching;
use super::world::{Engine, MemoryLedger, NOW, config, count, query, stored};
use crate::{Budget, Direction, Mark, PageRequest, Reach, SearchConfig, SortKey};

const SECOND: i64 = 1_000_000;
const EVENTS: u64 = 9_000;

/// When event `at` happened.
type Times = fn(u64) -> i64;

/// A second between two events, and one in a hundred late by up to two hours.
fn one_in_a_hundred(at: u64) -> i64 {
    let late = if at.is_multiple_of(100) { (at * 7_919 % 7_200) as i64 * SECOND } else { 0 };
    NOW + at as i64 * SECOND - late
}

const KINDS: [(&str, Times); 7] = [
    ("one in a hundred is late", one_in_a_hundred),
    ("half of them are late", |at| NOW + (at as i64 - (at % 2 * (at * 31 % 7_200)) as i64) * SECOND),
    ("no order at all", |at| NOW + (at * 7_919 % EVENTS) as i64 * SECOND),
    ("all at one instant", |_| NOW + 3_600 * SECOND),
    ("all at one instant but for a few", |at| {
        NOW + 3_600 * SECOND + if at % 300 == 7 { at as i64 - 4_500 } else { 0 }
    }),
    ("one in the far future, one at the beginning of time", |at| match at {
        1_500 => i64::MAX - 1,
        4_500 => i64::MIN,
        _ => NOW + at as i64 * SECOND,
    }),
    ("backwards", |at| NOW + (EVENTS - at) as i64 * SECOND),
];

fn engine(dir: &std::path::Path, times: Times) -> Engine {
    let ledger = MemoryLedger::new();
    let settings = SearchConfig { flush_events: 2_500, merge_factor: 2, ..config() };
    let engine = Engine::open(dir, &ledger, settings);
    for at in 0..EVENTS {
        if at % 997 == 3 {
            ledger.push_other();
        }
        let action = if at % 11 == 0 { "login" } else { "view" };
        let event = Event { action: action.into(), ..Event::default() };
        ledger.push(stored(at % 7, times(at), &format!("e{at}"), event));
    }
    engine.follow();
    engine.build();
    engine
}

/// Pages of ten through everything that matches, from the newest to the oldest.
fn walk(engine: &Engine, reach: &Reach, params: &[(&str, &str)], from: usize, expected: &[SortKey]) {
    let query = query(params, &HashMap::new());
    for at in (from..expected.len()).step_by(expected.len() / 9 + 1) {
        let keys = |direction| -> Vec<SortKey> {
            let page = engine.page(reach, &query, 10, Some((expected[at], direction)), None);
            page.hits.iter().map(|hit| hit.key()).collect()
        };
        let older: Vec<SortKey> = expected[at + 1..].iter().take(10).copied().collect();
        assert_eq!(keys(Direction::Older), older, "{params:?} {reach:?} older than {at}");
        let newer = expected[at.saturating_sub(10)..at].to_vec();
        assert_eq!(keys(Direction::Newer), newer, "{params:?} {reach:?} newer than {at}");
    }
}

#[test]
fn windows_of_time_have_exactly_their_events() {
    let none = HashMap::new();
    for (kind, times) in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(dir.path(), times);
        let ledger = Arc::clone(&engine.ledger);
        for state in ["splits and tail", "merged", "some are hidden", "splits only"] {
            match state {
                "merged" => engine.merge(),
                "some are hidden" => {
                    let hidden = (0..EVENTS).filter(|index| index % 13 == 0);
                    engine.search.mark(Mark::Hidden, hidden, true).unwrap();
                }
                "splits only" => engine.flush(),
                _ => {}
            }
            let mut events = ledger.events();
            if matches!(state, "some are hidden" | "splits only") {
                events.retain(|event| event.index >= EVENTS || event.index % 13 != 0);
            }
            for (since, until) in [(0, 600), (3_599, 3_601), (3_000, 3_020), (-9_000, 200), (8_999, 90_000)] {
                let at = |second: i64| Timestamp::from_micros(NOW + second * SECOND).to_rfc3339();
                let (since, until) = (at(since), at(until));
                for (action, reach) in [(None, Reach::All), (Some("login"), Reach::tenants([2, 3, 4]))] {
                    let mut params = vec![("since", since.as_str()), ("until", until.as_str())];
                    params.extend(action.map(|action| ("action", action)));
                    let expected = matching(&events, &reach, &params, &none, u64::MAX);
                    let query = query(&params, &none);
                    let about = format!("{kind}, {state}, {params:?}");
                    assert_eq!(count(&engine.search, &reach, &query, None), expected.len() as u64, "{about}");
                    let found = engine.page(&reach, &query, EVENTS as usize, None, None);
                    let found: Vec<SortKey> = found.hits.iter().map(|hit| hit.key()).collect();
                    assert_eq!(found, expected, "{about}");
                    walk(&engine, &reach, &params, 0, &expected);
                }
            }
            let expected = matching(&events, &Reach::All, &[], &none, u64::MAX);
            walk(&engine, &Reach::All, &[], 17, &expected);
        }
    }
}

#[test]
fn a_page_of_a_few_minutes_looks_at_few_zones_though_some_events_come_hours_late() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path(), one_in_a_hundred);
    engine.flush();
    engine.merge();
    let at = |second: i64| Timestamp::from_micros(NOW + second * SECOND).to_rfc3339();
    let (since, until) = (at(2_000), at(2_300));
    let query = query(&[("since", &since), ("until", &until)], &HashMap::new());
    let request = PageRequest { reach: &Reach::All, query: &query, limit: 10, cursor: None, as_of: None };
    let (page, cost) = engine.search.page(&request, &Budget::unlimited()).unwrap();
    assert_eq!(page.hits.len(), 10);
    assert!(cost.zones <= 2, "{cost:?}");
}

#[test]
fn a_question_that_has_to_look_at_all_times_first_ends_at_its_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path(), one_in_a_hundred);
    let since = Timestamp::from_micros(NOW + 10 * SECOND).to_rfc3339();
    let query = query(&[("since", &since)], &HashMap::new());
    let cancelled = Budget::unlimited();
    cancelled.cancelled.cancel();
    let request = PageRequest { reach: &Reach::All, query: &query, limit: 10, cursor: None, as_of: None };
    assert!(matches!(engine.search.page(&request, &cancelled), Err(crate::SearchError::Cancelled)));
    let splits = engine.state.view().splits.clone();
    assert!(!splits.is_empty() && splits.iter().all(|split| split.known_lateness().is_none()));
    engine.search.page(&request, &Budget::unlimited()).unwrap();
    let splits = engine.state.view().splits.clone();
    assert!(splits.iter().any(|split| split.known_lateness().is_some()));
}
/// Whoever reads on in the order of the ledger may be the first to ask a split for a window of time.
#[test]
fn a_window_in_the_order_of_the_ledger_has_exactly_its_events() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path(), one_in_a_hundred);
    engine.flush();
    let at = |second: i64| Timestamp::from_micros(NOW + second * SECOND).to_rfc3339();
    let (since, until) = (at(2_010), at(2_300));
    let params = [("since", since.as_str()), ("until", until.as_str())];
    let (none, events) = (HashMap::new(), engine.ledger.events());
    let mut expected: Vec<u64> =
        matching(&events, &Reach::All, &params, &none, u64::MAX).iter().map(|key| key.index).collect();
    expected.sort_unstable();
    assert!(engine.state.view().splits.iter().all(|split| split.known_lateness().is_none()));
    let query = query(&params, &none);
    let budget = Budget::unlimited();
    let size = engine.ledger.size();
    let (found, _) = engine.search.ascending(&Reach::All, &query, 0..size, EVENTS as usize, &budget).unwrap();
    assert_eq!(found.indices, expected);
}
