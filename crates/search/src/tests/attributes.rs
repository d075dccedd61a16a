//! Every attribute of the filter language, one by one: what it finds and what it leaves.

use std::collections::HashMap;

use indelible_event::Event;
use indelible_verify::People;

use super::filters::ledger;
use super::oracle::passes;
use super::world::{Engine, config, count, derived, query, raw};
use crate::doc::{Doc, Place};
use crate::filter::attribute::ATTRIBUTES;
use crate::{Decoded, Mark, Reach};

/// Filters over the three events of [`ledger`], each with those that it finds, newest first.
const TABLE: &[(&str, &[u64])] = &[
    ("action eq \"PLAY recording\"", &[0]),
    ("action co rec", &[0]),
    ("action sw play or action ew GIN", &[0, 2]),
    ("action gt l and action lt m", &[2]),
    ("action in (bare, login)", &[1, 2]),
    ("action_code eq play", &[0]),
    ("action_code pr", &[0]),
    ("action_code ne play", &[1, 2]),
    ("action_type eq VIEW", &[0]),
    ("actor eq ada@company.com", &[0]),
    ("actor sw 10", &[0, 2]),
    ("actor pr", &[0, 2]),
    ("actor.aliases eq Ada@company.com", &[0]),
    ("actor.first_name eq ada", &[0]),
    ("actor.groups eq sales", &[0]),
    ("actor.groups eq \"floor 2\"", &[]),
    ("actor.id eq 1041", &[0]),
    ("actor.id eq admin1", &[]),
    ("actor.id in (100, \"1041\")", &[0, 2]),
    ("actor.id gt 500", &[0]),
    ("actor.last_name sw l", &[0]),
    ("actor.roles eq TECH", &[0]),
    ("actor.roles eq owner", &[]),
    ("actor.tenant eq company.com", &[0]),
    ("actor.tenant.below eq company.com", &[0]),
    ("actor.type eq user", &[0]),
    ("actor.type ne service", &[0, 1, 2]),
    ("actor.username eq ADMIN1", &[0]),
    ("actor.username eq 1041", &[]),
    ("actor_tenant eq company.com", &[0]),
    ("affected eq bo", &[0]),
    ("affected_tenant eq customer.com", &[0]),
    ("anomalous eq true", &[2]),
    ("application eq web", &[0]),
    ("changes pr", &[0]),
    ("changes.field eq E-Mail", &[0]),
    ("changes.new co \"b.c\"", &[0]),
    ("changes.new eq New@b.c", &[0]),
    ("changes.old pr", &[]),
    ("changes.e-mail.new eq new@B.c", &[0]),
    ("changes.\"e-mail\".new pr", &[0]),
    ("changes.phone.new pr", &[]),
    ("channel eq adminconsole", &[0]),
    ("client.chain eq 10.0.0.1", &[0]),
    ("client.chain cidr 192.168.0.0/16", &[]),
    ("client.chain pr", &[0]),
    ("client.chained_ip eq 192.168.1.1", &[0]),
    ("client.channel co console", &[0]),
    ("client.host eq pc-7", &[0]),
    ("client.ip eq 192.168.1.1", &[0]),
    ("client.ip eq 10.0.0.1", &[]),
    ("client.ip cidr 10.0.0.0/8", &[]),
    ("client.ip cidr 2001:db8::/32", &[2]),
    ("client.ip ne 192.168.1.1", &[1, 2]),
    ("client.ip pr", &[0, 2]),
    ("client.port eq 50000", &[0]),
    ("client.port ge 1024 and client.port lt 65536", &[0]),
    ("client.port lt 1024", &[]),
    ("client.user_agent co zilla", &[0]),
    ("client.user_agent eq null", &[1, 2]),
    ("client.zone eq EN1", &[2]),
    ("component eq portal", &[0]),
    ("data pr", &[0]),
    ("data_source eq pbx", &[0]),
    ("details pr", &[0]),
    ("erased eq true", &[1]),
    ("field_changed sw e-", &[0]),
    ("group eq \"floor 2\"", &[0]),
    ("group pr", &[0]),
    ("held eq true", &[0, 2]),
    ("held ne true", &[1]),
    ("host pr", &[0]),
    ("id eq Ev-1", &[0, 2]),
    ("id eq EV-1", &[]),
    ("id sw ev", &[1]),
    ("involves_tenant eq customer.com", &[0]),
    ("ip eq 10.0.0.1", &[0]),
    ("ip cidr ::/0", &[0, 2]),
    ("ip eq 2001:db8::5%en1", &[2]),
    ("ip pr", &[0, 2]),
    ("node sw ias", &[0]),
    ("object eq device", &[0]),
    ("object_category eq \"subscriber category\"", &[0]),
    ("object_category pr", &[0]),
    ("occurrences.count gt 11.5", &[0]),
    ("occurrences.count in (1, 12)", &[0]),
    ("occurrences.first lt 2026-02-01T00:00:00.000001Z", &[0]),
    ("occurrences.first eq 2026-02-01T01:00:00+01:00", &[0]),
    ("occurrences.last gt P1D", &[]),
    ("occurrences.last pr", &[0]),
    ("on_behalf_of.aliases eq chief", &[0]),
    ("on_behalf_of.first_name eq bo", &[0]),
    ("on_behalf_of.groups eq board", &[0]),
    ("on_behalf_of.id eq 2002", &[0]),
    ("on_behalf_of.last_name eq ss", &[0]),
    ("on_behalf_of.roles eq chair", &[0]),
    ("on_behalf_of.tenant eq head.office", &[0]),
    ("on_behalf_of.type eq service", &[0]),
    ("on_behalf_of.username eq BOSS", &[0]),
    ("outcome eq denied", &[0]),
    ("outcome.code eq e77", &[0]),
    ("outcome.reason co password", &[0]),
    ("outcome.result in (success, failure)", &[2]),
    ("outcome pr", &[0, 2]),
    ("parameters pr", &[0]),
    ("parameters.\"recording ID\" eq c333d58a-7ba6-4d69-91e4-175816aa5d0b", &[0]),
    ("parameters.\"recording id\" sw c333", &[0]),
    ("parameters.\"recording id\" pr", &[0]),
    ("parameters.recording pr", &[]),
    ("parameters.amount gt 100", &[0]),
    ("parameters.amount eq 150.5", &[0]),
    ("parameters.amount eq 1.505e2", &[0]),
    ("parameters.amount lt 100", &[]),
    ("parameters.\"as text\" lt 100", &[0]),
    ("parameters.\"as text\" eq 99", &[0]),
    ("parameters.http.status eq 403", &[0]),
    ("parameters.\"http.status\" ge 400", &[0]),
    ("parameters.deep.list.on eq true and parameters.deep.list.on eq false", &[0]),
    ("parameters.deep.list.n eq 100", &[0]),
    ("parameters.deep pr and parameters.deep.list.n pr", &[0]),
    ("parameters.deep.a.b.c.d eq 5th", &[0]),
    ("parameters.deep.a.b.c pr", &[]),
    ("parameters.nothing pr or parameters.empty pr", &[]),
    ("parameters.nothing eq null", &[0, 1, 2]),
    ("phrase eq \"play recording\"", &[0]),
    ("phrase sw \"play rec\"", &[0]),
    ("q co \"Play Recording\"", &[0]),
    ("reason eq \"bad password\"", &[0]),
    ("received_at lt 2026-03-01T12:00:00.001Z", &[0, 1]),
    ("related.id eq D67FCACC-617c-4f3e-b507-d3415680bd0b", &[0]),
    ("related.type eq reports", &[0]),
    ("request_id eq req-1", &[0]),
    ("role eq owner", &[0]),
    ("session_id pr", &[0]),
    ("severity eq high", &[0]),
    ("severity le 2", &[0]),
    ("severity gt 2", &[1, 2]),
    ("severity.name in (low, medium)", &[1, 2]),
    ("severity.number eq 4", &[1, 2]),
    ("source.application eq web", &[0]),
    ("source.component eq portal", &[0]),
    ("source.data_source eq pbx", &[0]),
    ("source.node eq ias-01", &[0]),
    ("source.version ge 4", &[0]),
    ("targets pr", &[0]),
    ("targets.aliases eq phone-9", &[0]),
    ("targets.groups eq \"floor 2\"", &[0]),
    ("targets.id eq 100", &[0]),
    ("targets.name eq user100", &[0]),
    ("targets.name eq 100", &[]),
    ("targets.roles eq owner", &[0]),
    ("targets.tenant eq customer.com", &[0]),
    ("targets.tenant.below eq customer.com", &[0]),
    ("targets.type eq device", &[0]),
    ("targets.username eq BO", &[0]),
    ("tenant eq acme", &[0, 1]),
    ("text co \"recording was played\"", &[0]),
    ("text sw \"recording was pl\"", &[0]),
    ("text co emile and not text co login", &[0]),
    ("time ge 2026-03-01T12:00:00Z", &[0]),
    ("time ne 2026-03-01T12:00:00Z", &[1, 2]),
    ("trace_id eq trace-1", &[0]),
    ("user eq 100", &[0, 2]),
    ("user pr", &[0, 2]),
    ("whole eq ada@company.com", &[0]),
    ("whole sw d67fcacc", &[0]),
    ("word eq mozilla", &[0]),
    ("word co ozil", &[0]),
    ("word ew corded", &[]),
    // What the users of the seeds ask.
    ("affected_tenant eq customer.com and object in (dialing, route, subscriber) and time ge P7D", &[0]),
    ("action_type eq login and outcome ne success", &[]),
    ("action_type in (delete, update, view) and not actor.type eq system", &[0]),
    ("(actor eq 100 or affected eq 100) and time ge P1Y", &[0, 2]),
    ("action co login or actor co login or word co login", &[2]),
];

#[test]
fn every_attribute_finds_what_it_says_in_document_tail_and_split() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger();
    let marks = [(Mark::Held, &[0, 2][..]), (Mark::Erased, &[1]), (Mark::Anomalous, &[2])];
    let docs: Vec<Doc> = ledger
        .events()
        .iter()
        .map(|stored| {
            let place = Place {
                index: stored.index,
                time: stored.time,
                received: stored.received,
                tenant: stored.tenant,
            };
            let Decoded { event, derived } = &stored.decoded;
            Doc::new(place, &stored.id, event, derived, &stored.people)
        })
        .collect();
    let tenants = HashMap::from([("acme".to_owned(), vec![1])]);
    let queries: Vec<_> = TABLE.iter().map(|(filter, _)| query(&[("filter", filter)], &tenants)).collect();
    for (query, (filter, expected)) in queries.iter().zip(TABLE) {
        let fits = |doc: &&Doc| {
            let marked: Vec<Mark> = marks
                .iter()
                .filter(|(_, indices)| indices.contains(&doc.place.index))
                .map(|(mark, _)| *mark)
                .collect();
            query.time.contains(doc.place.time)
                && query.received.contains(doc.place.received)
                && passes(&query.matches, doc, &marked)
        };
        let found: Vec<u64> = docs.iter().filter(fits).map(|doc| doc.place.index).collect();
        assert_eq!(found, *expected, "{filter}: {}", query.to_filter());
    }
    let engine = Engine::open(dir.path(), &ledger, config());
    engine.follow();
    for (mark, indices) in marks {
        engine.search.mark(mark, indices.iter().copied(), true).unwrap();
    }
    for place in ["tail", "split"] {
        for (query, (filter, expected)) in queries.iter().zip(TABLE) {
            assert_eq!(engine.all(&Reach::All, query), *expected, "{filter} in {place}");
            assert_eq!(count(&engine.search, &Reach::All, query, None), expected.len() as u64, "{filter}");
        }
        engine.flush();
    }
    let tried =
        |name: &str| TABLE.iter().any(|(filter, _)| filter.split(['(', ' ']).any(|word| word == name));
    let untried: Vec<_> =
        ATTRIBUTES.iter().map(|attribute| attribute.name).filter(|name| !tried(name)).collect();
    assert!(untried.is_empty(), "every attribute has a row: {untried:?}");
}

#[test]
fn names_of_many_parameters_are_found_and_no_term_is_huge() {
    let name = |number: usize| format!("parameter {number} {}", "x".repeat(number % 90));
    let parameters = (0..300).map(|number| (name(number), raw("1"))).collect();
    let event = Event { action: "a".into(), parameters, ..Event::default() };
    let doc = Doc::new(Place::default(), "id", &event, &derived(&event), &People::default());
    for number in [0, 1, 127, 128, 129, 298, 299] {
        let filter = format!("parameters.\"{}\" pr", name(number));
        assert!(passes(&query(&[("filter", &filter)], &HashMap::new()).matches, &doc, &[]), "{filter}");
    }
    let longest = doc.keywords().map(|(_, term)| term.len()).max();
    assert!(longest < Some(1_024), "{longest:?}");
}
