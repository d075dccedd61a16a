//! The same answers everywhere: random queries over random events, against the model, in every state of the index.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::figures;
use super::grammar::{Filter, Marked, filter, marks};
use super::model::{matching, sees};
use super::random::{NAMES, entry, params, reach, tenant_names};
use super::world::{Engine, MemoryLedger, NOW, Stored, config, count, query};
use crate::follower::Follower;
use crate::{Budget, Direction, FacetField, Mark, Query, Reach, SearchConfig, SortKey};

/// What is asked for: parameters, a filter, within a reach; and what of it in detail.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    params: Vec<(&'static str, String)>,
    filter: Option<Filter>,
    reach: Reach,
    /// A field and the beginning of its values, and how many of them.
    values: (&'static str, String, usize),
    edges: Vec<i64>,
    by: Option<&'static str>,
}

pub(super) fn asked() -> impl Strategy<Value = Asked> {
    let field = || select(&FacetField::NAMES[..]);
    let prefix = prop_oneof![
        2 => Just(String::new()),
        1 => select(&NAMES[..]).prop_map(|name| name.chars().take(1).collect()),
        1 => select(&["10.0.", "2001:", "PLAY", "1", "日", "\u{10ffff}"][..]).prop_map(str::to_owned),
    ];
    let edge = prop_oneof![
        3 => (0..6_i64).prop_map(|step| NOW + step * 1_000_000),
        2 => (0..10_i64).prop_map(|step| NOW - step * 86_400_000_000),
        1 => select(&[0, i64::MIN, i64::MAX, NOW + 1][..]),
    ];
    let edges = proptest::collection::btree_set(edge, 2..9).prop_map(|edges| edges.into_iter().collect());
    let detail = ((field(), prefix, 0..9_usize), edges, option::of(field()));
    // Mostly one of the two, so that enough matches.
    let both = prop_oneof![
        3 => (params(), Just(None)),
        3 => (Just(Vec::new()), filter().prop_map(Some)),
        1 => (params(), filter().prop_map(Some)),
    ];
    (both, reach(), detail).prop_map(|((params, filter), reach, (values, edges, by))| Asked {
        params,
        filter,
        reach,
        values,
        edges,
        by,
    })
}

pub(super) fn compare(
    engine: &Engine,
    asked: &[Asked],
    marked: &Marked,
    state: &str,
) -> Result<(), TestCaseError> {
    let size = engine.ledger.size();
    compare_as_of(engine, asked, marked, [size, size / 2], state)
}

fn compare_as_of(
    engine: &Engine,
    asked: &[Asked],
    marked: &Marked,
    moments: [u64; 2],
    state: &str,
) -> Result<(), TestCaseError> {
    let (mut visible, tenants) = (engine.ledger.events(), tenant_names());
    let latest = moments.into_iter().max().unwrap_or(0);
    visible.retain(|event| event.index < latest && !marked[&Mark::Hidden].contains(&event.index));
    for asked in asked {
        ids(engine, &asked.reach, &visible, latest, state)?;
        let mut params: Vec<(&str, &str)> =
            asked.params.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let text = asked.filter.as_ref().map(Filter::text);
        let fitting: Vec<Stored> = match &asked.filter {
            Some(filter) => {
                visible.iter().filter(|event| filter.holds(event, marked, &tenants)).cloned().collect()
            }
            None => visible.clone(),
        };
        for as_of in moments {
            let expected = matching(&fitting, &asked.reach, &params, &tenants, as_of);
            params.extend(text.as_ref().map(|text| ("filter", text.as_str())));
            let query = query(&params, &tenants);
            let about = format!("{state}, {params:?} {:?} as of {as_of}", asked.reach);
            let count = count(&engine.search, &asked.reach, &query, Some(as_of));
            prop_assert_eq!(count, expected.len() as u64, "count, {}", &about);
            pages(engine, &asked.reach, &query, as_of, &expected, &about)?;
            let found: Vec<&Stored> = expected
                .iter()
                .map(|key| &fitting[fitting.binary_search_by_key(&key.index, |event| event.index).unwrap()])
                .collect();
            figures(engine, asked, &query, as_of, &found, &about)?;
            params.retain(|(name, _)| *name != "filter");
        }
    }
    Ok(())
}

/// Single events, by an id that several may have, and of one tenant.
fn ids(
    engine: &Engine,
    reach: &Reach,
    visible: &[Stored],
    latest: u64,
    state: &str,
) -> Result<(), TestCaseError> {
    for (id, tenant) in visible.iter().take(3).map(|event| (&event.id, event.tenant)) {
        for only in [None, Some(tenant)] {
            let (hits, _) = engine.search.by_id(reach, only, id, &Budget::unlimited()).unwrap();
            let found: BTreeSet<u64> = hits.iter().map(|hit| hit.index).filter(|at| *at < latest).collect();
            let fits = |event: &&Stored| {
                event.id == *id && only.is_none_or(|only| event.tenant == only) && sees(reach, event)
            };
            let expected = visible.iter().filter(fits).map(|event| event.index).collect();
            prop_assert_eq!(found, expected, "{} of {:?}, {} {:?}", id, only, state, reach);
        }
    }
    Ok(())
}

/// More than ever match.
const ALL: usize = 100_000;

/// One page of everything, and from the middle both ways, three at a time.
fn pages(
    engine: &Engine,
    reach: &Reach,
    query: &Query,
    as_of: u64,
    expected: &[SortKey],
    about: &str,
) -> Result<(), TestCaseError> {
    let page = engine.page(reach, query, ALL, None, Some(as_of));
    let found: Vec<SortKey> = page.hits.iter().map(|hit| hit.key()).collect();
    prop_assert_eq!(&found, expected, "page, {}", about);
    if let Some(middle) = expected.get(expected.len() / 2) {
        let at = expected.len() / 2;
        let older = engine.page(reach, query, 3, Some((*middle, Direction::Older)), Some(as_of));
        let wanted: Vec<_> = expected[at + 1..].iter().take(3).copied().collect();
        prop_assert_eq!(older.hits.iter().map(|hit| hit.key()).collect::<Vec<_>>(), wanted);
        prop_assert_eq!(older.has_next, expected.len() - at - 1 > 3);
        prop_assert!(older.has_prev);
        let newer = engine.page(reach, query, 3, Some((*middle, Direction::Newer)), Some(as_of));
        let wanted: Vec<_> = expected[at.saturating_sub(3)..at].to_vec();
        prop_assert_eq!(newer.hits.iter().map(|hit| hit.key()).collect::<Vec<_>>(), wanted);
        prop_assert_eq!(newer.has_prev, at > 3);
        prop_assert!(newer.has_next);
    }
    let mut in_order: Vec<u64> = expected.iter().map(|key| key.index).collect();
    in_order.sort_unstable();
    let (start, budget) = (as_of / 3, Budget::unlimited());
    in_order.retain(|index| *index >= start);
    let (all, _) = engine.search.ascending(reach, query, start..as_of, ALL, &budget).unwrap();
    prop_assert_eq!((&all.indices, all.through), (&in_order, as_of), "in order, {}", about);
    let (none, _) = engine.search.ascending(reach, query, start..as_of, 0, &budget).unwrap();
    prop_assert_eq!((none.indices, none.through), (Vec::new(), start), "nothing was asked for");
    let (some, _) = engine.search.ascending(reach, query, start..as_of, 2, &budget).unwrap();
    in_order.truncate(2);
    let through = in_order.last().filter(|_| in_order.len() == 2).map_or(as_of, |last| last + 1);
    prop_assert_eq!((some.indices, some.through), (in_order, through), "the first in order, {}", about);
    Ok(())
}

fn figures(
    engine: &Engine,
    asked: &Asked,
    query: &Query,
    as_of: u64,
    found: &[&Stored],
    about: &str,
) -> Result<(), TestCaseError> {
    let (search, reach, budget, moment) = (&engine.search, &asked.reach, &Budget::unlimited(), as_of);
    let as_of = Some(moment);
    let (stats, _) = search.stats(reach, query, as_of, budget).unwrap();
    prop_assert_eq!(stats, figures::stats(found), "stats, {}", about);
    let by = asked.by.and_then(FacetField::parse);
    let (histogram, _) = search.histogram(reach, query, &asked.edges, by, as_of, budget).unwrap();
    let expected = figures::histogram(found, &asked.edges, asked.by);
    prop_assert_eq!(&histogram, &expected, "histogram {:?} by {:?}, {}", &asked.edges, asked.by, about);
    // The same by the way that is gone where there may be too many values to count all of them in all buckets.
    let (present, plan) = (search.present(), search.plan(query, reach).unwrap());
    let bounds = crate::ask::bounds(query, moment);
    let (histogram, _) = search
        .run(&present, &plan, bounds, budget, |execution| {
            execution.cells_max = 0;
            execution.histogram(&asked.edges, by.map(|field| field.0))
        })
        .unwrap();
    prop_assert_eq!(histogram, expected, "frugal histogram {:?} by {:?}, {}", &asked.edges, asked.by, about);
    let (name, prefix, limit) = &asked.values;
    let field = FacetField::parse(name).unwrap();
    let (values, _) = search.values(reach, query, field, prefix, *limit, as_of, budget).unwrap();
    let expected = figures::values(found, name, &prefix.to_lowercase(), *limit);
    prop_assert_eq!(values, expected, "values of {} from {:?}, {}", name, prefix, about);
    Ok(())
}

pub(super) fn push(ledger: &MemoryLedger, entry: Option<Stored>) {
    match entry {
        Some(stored) => drop(ledger.push(stored)),
        None => ledger.push_other(),
    }
}

pub(super) fn mark(engine: &Engine, marked: &Marked) {
    for (mark, indices) in marked {
        engine.search.mark(*mark, indices.iter().copied(), true).unwrap();
    }
}

proptest! {
    // Each case opens and rebuilds several indexes; PROPTEST_CASES asks for more than these.
    #![proptest_config(match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(24),
    })]

    #[test]
    fn the_same_answers_in_tail_small_splits_merged_splits_restart_and_rebuild(
        entries in vec(entry(), 1..120),
        later in vec(entry(), 0..20),
        piece in 5..40_usize,
        asked in vec(asked(), 24),
        marked in marks(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let ledger = MemoryLedger::new();
        let small = || SearchConfig { flush_events: piece, ..config() };
        let unmarked = Mark::ALL.into_iter().map(|mark| (mark, Default::default())).collect();
        {
            let engine = Engine::open(dir.path(), &ledger, config());
            entries.into_iter().for_each(|entry| push(&ledger, entry));
            engine.follow();
            compare(&engine, &asked[..6], &unmarked, "tail without marks")?;
            mark(&engine, &marked);
            compare(&engine, &asked, &marked, "tail")?;
        }
        // Nothing was written, so a restart reads everything again; but for the marks.
        let engine = Engine::open(dir.path(), &ledger, small());
        engine.follow();
        engine.build();
        compare(&engine, &asked, &marked, "small splits and tail")?;
        let before = engine.splits();
        engine.merge();
        prop_assert!(before < 3 || engine.splits() < before);
        compare(&engine, &asked, &marked, "merged splits and tail")?;
        later.into_iter().for_each(|entry| push(&ledger, entry));
        engine.follow();
        compare(&engine, &asked, &marked, "merged splits and newer events")?;
        engine.flush();
        compare(&engine, &asked, &marked, "splits only")?;
        for (mark, indices) in &marked {
            engine.search.mark(*mark, indices.iter().copied(), false).unwrap();
        }
        compare(&engine, &asked[..6], &unmarked, "splits, marks taken away")?;
        mark(&engine, &marked);
        prop_assert!(engine.checked().is_sound());
        drop(engine);
        let engine = Engine::open(dir.path(), &ledger, small());
        engine.follow();
        compare(&engine, &asked, &marked, "after a restart")?;
        drop(engine);
        std::fs::write(dir.path().join("manifest"), "rubbish").unwrap();
        let engine = Engine::open(dir.path(), &ledger, small());
        prop_assert!(engine.search.progress().rebuilding);
        engine.flush();
        engine.merge();
        prop_assert!(!engine.search.progress().rebuilding);
        compare(&engine, &asked, &marked, "after a rebuild")?;
        let report = engine.checked();
        prop_assert!(report.is_sound(), "{:?}", report);
        prop_assert_eq!(report.events, ledger.events().len() as u64);
    }
}

/// The same events again and again, each time a little later, until there are `count` entries; cheap to make.
fn repeated(entries: &[Option<Stored>], count: usize) -> Vec<Option<Stored>> {
    let again = |at: usize| {
        let mut entry = entries[at % entries.len()].clone();
        let round = at / entries.len();
        if let Some(stored) = entry.as_mut().filter(|_| !round.is_multiple_of(3)) {
            stored.time += round as i64 * 250_000;
            stored.tenant = (stored.tenant + round as u64) % 41;
        }
        entry
    };
    (0..count).map(again).collect()
}

/// Pushes all of it, and does what the threads of an index would do meanwhile.
fn ingest(engine: &Engine, entries: Vec<Option<Stored>>) {
    engine.hand_over();
    let mut follower = Follower::new(&engine.state);
    let mut entries = entries.into_iter().peekable();
    while entries.peek().is_some() {
        entries.by_ref().take(150).for_each(|entry| push(&engine.ledger, entry));
        while follower.next() < engine.ledger.size() {
            follower.read(engine.ledger.size()).unwrap();
        }
        engine.build();
        engine.merge();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 0, ..ProptestConfig::with_cases(2) })]

    #[test]
    fn the_same_answers_over_many_zones_while_events_come_in(
        entries in vec(entry(), 60..90),
        count in 3_000..5_000_usize,
        asked in vec(asked(), 14),
        marked in marks(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let ledger = MemoryLedger::new();
        // Splits of two zones, merged to some more, and two zones in the tail.
        let settings = SearchConfig { flush_events: 1_300, merge_factor: 2, ..config() };
        let engine = Engine::open(dir.path(), &ledger, settings);
        let mut entries = repeated(&entries, count);
        let later = entries.split_off(count / 2);
        entries.into_iter().for_each(|entry| push(&ledger, entry));
        engine.follow();
        engine.build();
        mark(&engine, &marked);
        let size = ledger.size();
        let begun = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                begun.store(true, Ordering::Release);
                ingest(&engine, later);
            });
            while !begun.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            let compared = compare_as_of(&engine, &asked, &marked, [size, size * 2 / 3], "while events come in");
            writer.join().unwrap();
            compared
        })?;
        prop_assert_eq!(ledger.size(), count as u64);
        compare(&engine, &asked, &marked, "many zones, splits and tail")?;
        engine.flush();
        engine.merge();
        compare(&engine, &asked[..4], &marked, "many zones, splits only")?;
        prop_assert!(engine.checked().is_sound());
    }
}
