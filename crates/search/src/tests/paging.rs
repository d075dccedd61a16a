//! Pages: all of them, forward and backward, cover the model's order once, whatever comes in meanwhile.

use std::collections::HashMap;

use indelible_event::Event;

use super::model::matching;
use super::world::{Engine, MemoryLedger, NOW, config, query, stored};
use crate::{Budget, Direction, Query, Reach, SearchConfig, SortKey};

/// Pseudo-random but the same in every run.
fn dice(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Several zones' worth of events: mostly in order, some late, a few far in the future, many at the same instant.
fn fill(ledger: &MemoryLedger, count: u64, seed: &mut u64) {
    for at in 0..count {
        let time = match dice(seed) % 50 {
            0 => NOW + 86_400_000_000 + (dice(seed) % 5) as i64,
            1..6 => NOW - (dice(seed) % 1_000_000_000) as i64,
            _ => NOW + (at / 7) as i64 * 1_000,
        };
        let action = ["view", "login", "rare"][match dice(seed) % 500 {
            0 => 2,
            1..100 => 1,
            _ => 0,
        }];
        let event = Event { action: action.into(), ..Event::default() };
        ledger.push(stored(dice(seed) % 20, time, &format!("e{at}"), event));
    }
}

#[test]
fn pages_cover_everything_once_in_both_directions_while_events_come_in() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let engine = Engine::open(dir.path(), &ledger, SearchConfig { flush_events: 3_000, ..config() });
    let mut seed = 7;
    fill(&ledger, 7_500, &mut seed);
    engine.follow();
    engine.build();
    assert_eq!(engine.splits(), 2);
    let none = HashMap::new();
    type Case = (&'static [(&'static str, &'static str)], Reach, usize);
    let cases: [Case; 5] = [
        (&[], Reach::All, 97),
        (&[], Reach::tenants(0..12), 97),
        (&[("action", "login")], Reach::tenants([3]), 10),
        (&[("action", "rare")], Reach::All, 4),
        (&[("until", "2026-03-01T12:00:00.5Z")], Reach::All, 250),
    ];
    for (params, reach, limit) in cases {
        let query = query(params, &none);
        let as_of = ledger.size();
        let expected = matching(&ledger.events(), &reach, params, &none, as_of);
        assert!(expected.len() > limit, "{params:?}");
        let (mut found, mut cursor): (Vec<SortKey>, _) = (Vec::new(), None);
        loop {
            let page = engine.page(&reach, &query, limit, cursor, Some(as_of));
            assert_eq!(page.as_of, as_of);
            assert_eq!(page.has_prev, !found.is_empty());
            found.extend(page.hits.iter().map(|hit| hit.key()));
            if !page.has_next {
                break;
            }
            assert_eq!(page.hits.len(), limit);
            cursor = Some((*found.last().unwrap(), Direction::Older));
            // Newer, older and equal times come in between; none of it may show.
            fill(&ledger, 40, &mut seed);
            engine.follow();
        }
        assert_eq!(found, expected, "{params:?} forward");
        let mut back: Vec<SortKey> = vec![*found.last().unwrap()];
        loop {
            let page = engine.page(&reach, &query, limit, Some((back[0], Direction::Newer)), Some(as_of));
            back.splice(0..0, page.hits.iter().map(|hit| hit.key()));
            assert!(page.has_next);
            if !page.has_prev {
                break;
            }
            fill(&ledger, 40, &mut seed);
            engine.follow();
        }
        assert_eq!(back, expected, "{params:?} backward");
        engine.build();
    }
    engine.flush();
    engine.merge();
    let newest = engine.page(&Reach::All, &Query::all(), 5, None, None);
    let expected = matching(&ledger.events(), &Reach::All, &[], &none, ledger.size());
    assert_eq!(newest.hits.iter().map(|hit| hit.key()).collect::<Vec<_>>(), expected[..5]);
}

#[test]
fn a_cursor_works_where_its_own_event_is_out_of_reach() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let engine = Engine::open(dir.path(), &ledger, config());
    for tenant in [1, 2, 1, 2, 1] {
        ledger.push(stored(tenant, NOW, "x", Event { action: "a".into(), ..Event::default() }));
    }
    engine.follow();
    let cursor = Some((SortKey { time: NOW, index: 2 }, Direction::Older));
    let page = engine.page(&Reach::tenants([2]), &Query::all(), 10, cursor, None);
    assert_eq!(page.hits.iter().map(|hit| hit.index).collect::<Vec<_>>(), [1]);
    assert!(page.has_prev && !page.has_next);
    // Beyond the last: nothing there, but a way back, which includes the cursor's own event.
    let last = SortKey { time: NOW, index: 0 };
    let page = engine.page(&Reach::All, &Query::all(), 10, Some((last, Direction::Older)), None);
    assert!(page.hits.is_empty() && page.has_prev && !page.has_next);
    let first = SortKey { time: NOW, index: 4 };
    let page = engine.page(&Reach::tenants([1]), &Query::all(), 10, Some((first, Direction::Newer)), None);
    assert!(page.hits.is_empty() && page.has_next && !page.has_prev);
    let page = engine.page(&Reach::tenants([]), &Query::all(), 10, Some((first, Direction::Newer)), None);
    assert!(page.hits.is_empty() && !page.has_next && !page.has_prev);
}

#[test]
fn a_page_of_nothing_is_empty_and_a_query_with_open_names_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path(), &MemoryLedger::new(), config());
    let page = engine.page(&Reach::All, &Query::all(), 10, None, None);
    assert!(page.hits.is_empty() && !page.has_next && !page.has_prev && page.as_of == 0);
    let open = Query::from_params(&[("tenant".into(), "!x".into())], page.complete_through).unwrap();
    assert!(matches!(
        engine.search.count(&Reach::All, &open, None, &Budget::unlimited()),
        Err(crate::SearchError::UnresolvedTenants)
    ));
}

#[test]
fn of_one_instant_the_last_in_the_ledger_come_first_wherever_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let engine = Engine::open(dir.path(), &ledger, config());
    for at in 0..3_500 {
        ledger.push(stored(1, NOW, &format!("e{at}"), Event { action: "a".into(), ..Event::default() }));
        if at == 2_500 {
            engine.flush();
        }
    }
    engine.follow();
    for _ in ["splits and tail", "splits"] {
        let page = engine.page(&Reach::All, &Query::all(), 3, None, None);
        assert_eq!(page.hits.iter().map(|hit| hit.index).collect::<Vec<_>>(), [3_499, 3_498, 3_497]);
        let oldest = SortKey { time: NOW - 1, index: 0 };
        let page = engine.page(&Reach::All, &Query::all(), 3, Some((oldest, Direction::Newer)), None);
        assert_eq!(page.hits.iter().map(|hit| hit.index).collect::<Vec<_>>(), [2, 1, 0]);
        engine.flush();
    }
}
