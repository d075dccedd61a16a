//! People whom the server recognised: whose reach their events are within, and under which groups they are found.

use std::collections::HashMap;
use std::sync::Arc;

use indelible_event::{Actor, Event, Target};
use indelible_verify::{Names, People, Person, Place, UserId};

use super::world::{Engine, MemoryLedger, NOW, Stored, config, count, query, stored};
use crate::{Budget, FacetField, Query, Reach, TenantSet};

const ADA: UserId = UserId([0xa; 16]);
const BO: UserId = UserId([0xb; 16]);
const CY: UserId = UserId([0xc; 16]);

fn names(list: &[&str]) -> Option<Names> {
    Some(Names::new(list.iter().map(|name| (*name).to_owned())).unwrap())
}

fn person(place: Place, user: UserId, groups: Option<Names>, roles: Option<Names>) -> Person {
    Person { place, user, groups, roles }
}

/// Events of three tenants that name the same people in every place.
fn ledger() -> Arc<MemoryLedger> {
    let ledger = MemoryLedger::new();
    let target = |index| Place::target(index).unwrap();
    let members = |groups: &[&str]| groups.iter().map(|group| (*group).to_owned()).collect();
    let named = Actor { id: Some("ada".into()), groups: members(&["Sales"]), ..Actor::default() };
    let thing = Target { id: Some("1041".into()), groups: members(&["Sales"]), ..Target::default() };
    let events = [
        (1, Event::default(), vec![person(Place::ACTOR, ADA, names(&["Support", "Zoë"]), names(&["Tech"]))]),
        (
            2,
            Event { targets: vec![thing], ..Event::default() },
            vec![person(target(0), ADA, None, names(&[]))],
        ),
        (2, Event::default(), vec![person(Place::ON_BEHALF_OF, ADA, names(&["Ghost"]), names(&["Ghost"]))]),
        (3, Event::default(), vec![person(Place::ACTOR, BO, names(&["support"]), None)]),
        (1, Event { actor: Some(named), ..Event::default() }, vec![]),
        (3, Event::default(), vec![person(Place::ACTOR, ADA, None, None), person(target(1), BO, None, None)]),
    ];
    for (number, (tenant, event, people)) in events.into_iter().enumerate() {
        let event = Event { action: "act".into(), ..event };
        let people = People::new(people).unwrap();
        // Two tenants use one id.
        let event = stored(tenant, NOW + number as i64, ["x", "x", "y", "y", "z", "x"][number], event);
        ledger.push(Stored { people, ..event });
    }
    ledger
}

/// Calls `check` while the events are in memory, in small splits, and in one.
fn in_every_place(check: &dyn Fn(&Engine, &str)) {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger();
    let engine = Engine::open(dir.path(), &ledger, config());
    engine.follow();
    check(&engine, "tail");
    drop(engine);
    let small = crate::SearchConfig { flush_events: 2, ..config() };
    let engine = Engine::open(dir.path(), &ledger, small);
    engine.flush();
    assert_eq!(engine.splits(), 3);
    check(&engine, "small splits");
    engine.merge();
    assert_eq!(engine.splits(), 1);
    check(&engine, "one split");
    assert!(engine.checked().is_sound());
}

fn ask(params: &[(&str, &str)]) -> Query {
    query(params, &HashMap::from([("two".to_owned(), vec![2])]))
}

#[test]
fn ones_own_events_are_those_that_one_did_and_those_that_were_done_to_one() {
    in_every_place(&|engine, place| {
        for (reach, params, expected) in [
            (Reach::oneself(ADA, []), &[][..], &[5, 1, 0][..]),
            (Reach::oneself(BO, []), &[], &[5, 3]),
            (Reach::oneself(CY, []), &[], &[]),
            (Reach::oneself(ADA, [1]), &[], &[5, 4, 1, 0]),
            (Reach::oneself(ADA, [2, 3]), &[], &[5, 3, 2, 1, 0]),
            (Reach::oneself(CY, [2, 99]), &[], &[2, 1]),
            (Reach::oneself(ADA, []), &[("tenant", "two")], &[1]),
            (Reach::oneself(ADA, []), &[("tenant", "!two")], &[5, 0]),
            (Reach::oneself(ADA, [1]), &[("tenant", "unknown")], &[]),
            (Reach::oneself(ADA, []), &[("group", "support")], &[0]),
            (Reach::oneself(ADA, []), &[("group", "!support")], &[5, 1]),
            (Reach::oneself(BO, []), &[("filter", "not role eq tech or group eq sales")], &[5, 3]),
            (Reach::oneself(BO, []), &[("until", "1971-01-01T00:00:00Z")], &[]),
        ] {
            let (asked, search) = (ask(params), &engine.search);
            let about = format!("{reach:?} {params:?} in {place}");
            assert_eq!(engine.all(&reach, &asked), expected, "{about}");
            // Twice: counts of splits are remembered, each for its reach.
            for _ in 0..2 {
                assert_eq!(count(search, &reach, &asked, None), expected.len() as u64, "{about}");
            }
            let budget = Budget::unlimited();
            let (found, _) = search.ascending(&reach, &asked, 0..6, 9, &budget).unwrap();
            let in_order: Vec<u64> = expected.iter().rev().copied().collect();
            assert_eq!((found.indices, found.through), (in_order, 6), "{about}");
            let (stats, _) = search.stats(&reach, &asked, None, &budget).unwrap();
            assert_eq!(stats.total, expected.len() as u64, "{about}");
        }
    });
}

#[test]
fn a_single_event_of_others_is_not_there() {
    in_every_place(&|engine, place| {
        for (reach, tenant, id, expected) in [
            (Reach::oneself(ADA, []), None, "x", &[5, 1, 0][..]),
            (Reach::oneself(ADA, []), Some(2), "x", &[1]),
            (Reach::oneself(BO, []), None, "x", &[5]),
            (Reach::oneself(BO, []), Some(2), "x", &[]),
            (Reach::oneself(ADA, []), None, "y", &[]),
            (Reach::oneself(ADA, [2]), None, "y", &[2]),
            (Reach::oneself(CY, []), None, "z", &[]),
        ] {
            let hits = engine.search.by_id(&reach, tenant, id, &Budget::unlimited()).unwrap().0;
            let found: Vec<u64> = hits.iter().map(|hit| hit.index).collect();
            assert_eq!(found, expected, "{reach:?} {tenant:?} {id} in {place}");
        }
    });
}

#[test]
fn values_and_histograms_tell_nothing_of_others() {
    in_every_place(&|engine, place| {
        let budget = Budget::unlimited();
        let values = |reach: &Reach, query: &Query, field: &str| {
            let field = FacetField::parse(field).unwrap();
            let found = engine.search.values(reach, query, field, "", 9, None, &budget).unwrap().0;
            let list: Vec<_> = found.values.into_iter().map(|value| (value.term, value.count)).collect();
            (list, found.distinct, found.missing)
        };
        let listed = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
            list.iter().map(|(term, count)| ((*term).to_owned(), *count)).collect()
        };
        let own = Reach::oneself(BO, []);
        for (field, expected, missing) in [
            ("tenant", &[("3", 2)][..], 0),
            ("group", &[("support", 1)], 1),
            ("role", &[], 2),
            ("actor", &[], 2),
        ] {
            let (list, distinct, without) = values(&own, &Query::all(), field);
            let expected = (listed(expected), expected.len() as u64, missing);
            assert_eq!((list, distinct, without), expected, "{field} in {place}");
        }
        // Tenants by the beginning of their names: some of those are others'.
        let mut narrowed = Query::all();
        narrowed.narrow(TenantSet::new([1, 2]));
        let found = values(&Reach::oneself(ADA, []), &narrowed, "tenant");
        assert_eq!(found, (listed(&[("1", 1), ("2", 1)]), 2, 0), "{place}");
        assert_eq!(values(&own, &narrowed, "tenant"), (Vec::new(), 0, 0), "{place}");
        let stats = engine.search.stats(&own, &Query::all(), None, &budget).unwrap().0;
        assert_eq!((stats.total, stats.tenants), (2, 1), "{place}");
        let by = FacetField::parse("tenant");
        let edges = [NOW, NOW + 4, NOW + 9];
        let found = engine.search.histogram(&own, &Query::all(), &edges, by, None, &budget).unwrap().0;
        assert_eq!(
            (found.buckets, found.series),
            (vec![1, 1], vec![("3".to_owned(), vec![1, 1])]),
            "{place}"
        );
    });
}

#[test]
fn recorded_groups_and_roles_are_found_like_those_that_events_name() {
    in_every_place(&|engine, place| {
        for (params, expected) in [
            (&[("group", "SUPPORT")][..], &[3, 0][..]),
            (&[("group", "zoë")], &[0]),
            (&[("group", "sales")], &[4, 1]),
            (&[("group", "!support")], &[5, 4, 2, 1]),
            (&[("group", "ghost")], &[]),
            (&[("role", "ghost")], &[]),
            (&[("role", "tech")], &[0]),
            (&[("filter", "group sw sup")], &[3, 0]),
            // What the event itself says.
            (&[("filter", "actor.groups pr")], &[4]),
            (&[("filter", "actor.groups eq support")], &[]),
            (&[("q", "support")], &[]),
        ] {
            assert_eq!(engine.all(&Reach::All, &ask(params)), expected, "{params:?} in {place}");
        }
    });
}

#[test]
fn an_explanation_names_whose_events_are_meant() {
    in_every_place(&|engine, place| {
        let asked = ask(&[("action", "act"), ("tenant", "!two")]);
        let reach = Reach::oneself(ADA, [1]);
        let mut plan = engine.search.explain(&reach, &asked, None, &Budget::unlimited());
        crate::name_tenants(&mut plan, &|number| Some(format!("tenant {number}")));
        let own = r#"person eq "0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a""#;
        // Of tenants outside of the reach nothing is shown, whatever the query has of them.
        let expected =
            format!(r#"(tenant in ("tenant 1") or {own}) and action eq "act" and not tenant in ()"#);
        assert_eq!(plan["matches"], expected, "{place}");
    });
}
