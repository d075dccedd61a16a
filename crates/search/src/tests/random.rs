//! Random events and random parameters, drawn from so few values that they meet.

use std::collections::HashMap;

use indelible_event::{
    Actor, Change, Client, Event, Extra, Outcome, OutcomeResult, Severity, Source, Target,
};
use indelible_verify::{Names, People, Person, Place, UserId};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::world::{NOW, Stored, raw, stored};
use crate::Reach;

pub(super) const WORDS: [&str; 12] = [
    "Login failed",
    "play recording",
    "Привет мир",
    "Émile ZOË",
    "日本語",
    "مرحبا بك",
    "web.example.com",
    "a_b-c 1.5",
    "ada@company.com",
    "c333d58a-7ba6-4d69-91e4-175816aa5d0b",
    "from 10.0.0.1:443",
    "recording play play",
];
pub(super) const NAMES: [&str; 8] = ["ada", "ADA", "bo", "Ünal", "1041", "ada@company.com", "李", "x y"];
const IPS: [&str; 8] = [
    "10.0.0.1",
    "10.0.1.1",
    "::ffff:10.0.0.1",
    "2001:db8::1",
    "2001:0db8:0::2",
    "fe80::1",
    "192.168.1.1",
    "0.0.0.0",
];

pub(super) fn tenant_names() -> HashMap<String, Vec<u64>> {
    HashMap::from([
        ("one".into(), vec![1]),
        ("two".into(), vec![2]),
        ("all".into(), (0..40).collect()),
        ("some".into(), vec![1, 3, 5, 7, 99]),
        ("none".into(), vec![]),
    ])
}

fn word() -> impl Strategy<Value = Option<String>> {
    option::weighted(0.3, select(&WORDS[..]).prop_map(str::to_owned))
}

fn name() -> impl Strategy<Value = Option<String>> {
    option::weighted(0.5, select(&NAMES[..]).prop_map(str::to_owned))
}

fn names() -> impl Strategy<Value = Vec<String>> {
    vec(select(&NAMES[..]).prop_map(str::to_owned), 0..3)
}

fn actor() -> impl Strategy<Value = Actor> {
    (name(), name(), names(), name(), names(), names(), word()).prop_map(
        |(id, username, aliases, tenant, groups, roles, first_name)| Actor {
            last_name: id.clone(),
            id,
            username,
            aliases,
            tenant,
            groups,
            roles,
            first_name,
            ..Actor::default()
        },
    )
}

fn target() -> impl Strategy<Value = Target> {
    (name(), name(), name(), names(), name(), names(), word()).prop_map(
        |(id, username, name, aliases, tenant, groups, kind)| Target {
            kind,
            id,
            username,
            name,
            aliases,
            tenant,
            roles: groups.clone(),
            groups,
            ..Target::default()
        },
    )
}

fn client() -> impl Strategy<Value = Client> {
    let ip = || select(&IPS[..]);
    (option::of(ip()), option::of(Just("eth0")), vec(ip(), 0..3), word(), name()).prop_map(
        |(ip, zone, chain, host, channel)| {
            let ip: Option<std::net::IpAddr> = ip.map(|ip| ip.parse().unwrap());
            Client {
                zone: zone.filter(|_| ip.is_some_and(|ip| ip.is_ipv6())).map(str::to_owned),
                ip,
                chain: chain.into_iter().map(str::to_owned).chain(["unknown".to_owned()]).collect(),
                host,
                channel,
                ..Client::default()
            }
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let outcome = option::of(select(OutcomeResult::ALL));
    let severity =
        option::of(select(vec![Severity::Critical, Severity::High, Severity::Medium, Severity::Low]));
    let json = select(vec![
        r#""Login failed""#,
        r#"{"n":[1,{"m":"日本語 text"}],"k":true}"#,
        "12345678901234567890",
        "null",
        r#"["play","recording"]"#,
    ]);
    let people =
        (option::weighted(0.7, actor()), option::weighted(0.2, actor()), vec(target(), 0..3), client());
    let rest = (outcome, severity, word(), word(), json, name());
    (select(&WORDS[..]), people, rest).prop_map(
        |(action, (actor, on_behalf_of, targets, client), (result, severity, details, reason, json, any))| {
            Event {
                action: action.to_owned(),
                action_type: any.clone(),
                source: Source {
                    application: any.clone(),
                    component: reason.clone(),
                    node: any.clone(),
                    ..Source::default()
                },
                session_id: any.clone(),
                request_id: reason.clone(),
                actor,
                on_behalf_of,
                targets,
                client,
                outcome: Outcome { result, reason, ..Outcome::default() },
                severity,
                details,
                parameters: vec![("Login Name".to_owned(), raw(json))],
                changes: vec![Change {
                    field: "e-mail".into(),
                    old: None,
                    new: Some(raw(json)),
                    extra: Extra::default(),
                }],
                data: any.is_some().then(|| raw(json)),
                ..Event::default()
            }
        },
    )
}

/// Times repeat, come late, and lie in the future.
fn time() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => (0..5_i64).prop_map(|step| NOW + step * 1_000_000),
        2 => (0..9_i64).prop_map(|step| NOW - step * 86_400_000_000),
        1 => Just(NOW + 86_400_000_000),
        1 => Just(0),
    ]
}

/// One of three users, whom events of every tenant name.
fn user() -> impl Strategy<Value = UserId> {
    (0..3_u8).prop_map(|number| UserId([number; 16]))
}

/// People in some places, whom the event need not name there: the index takes the envelope's word.
fn people() -> impl Strategy<Value = People> {
    let recorded = || option::of(names());
    let somebody = (0..4_usize, user(), recorded(), recorded());
    let some = vec(somebody, 0..3).prop_map(|list| {
        let places = [Place::ACTOR, Place::ON_BEHALF_OF].map(Some).into_iter();
        let places: Vec<_> = places.chain([0, 1].map(Place::target)).flatten().collect();
        let mut people: Vec<Person> = Vec::new();
        for (at, user, groups, roles) in list {
            if people.iter().all(|person| person.place != places[at]) {
                let names = |list: Option<Vec<String>>| list.map(|list| Names::new(list).unwrap());
                people.push(Person { place: places[at], user, groups: names(groups), roles: names(roles) });
            }
        }
        People::new(people).unwrap()
    });
    prop_oneof![2 => Just(People::default()), 1 => some]
}

pub(super) fn entry() -> impl Strategy<Value = Option<Stored>> {
    let event = (prop_oneof![0..4_u64, 0..40_u64], time(), 0..30_u32, event(), people());
    option::weighted(
        0.9,
        event.prop_map(|(tenant, time, id, event, people)| Stored {
            people,
            ..stored(tenant, time, &format!("id-{id}"), event)
        }),
    )
}

fn filter() -> impl Strategy<Value = (&'static str, String)> {
    let named = select(vec![
        "actor",
        "affected",
        "user",
        "group",
        "role",
        "actor_tenant",
        "affected_tenant",
        "involves_tenant",
        "application",
        "node",
        "channel",
        "session_id",
        "action_type",
    ]);
    let worded = select(vec!["action", "component", "object", "host", "reason", "request_id"]);
    let text = select(vec![
        "login",
        "LOGIN  failed",
        "\"login failed\"",
        "\"failed login\"",
        "play",
        "rec*",
        "-play",
        "\"play recording\"",
        "recording  -\"play recording\"",
        "ada@company.com",
        "ada@comp*",
        "web.exa*",
        "web.*",
        "example",
        "\"日本語\"",
        "日*",
        "привет",
        "emile  zoe",
        "مرحبا",
        "10.0.0.1",
        "10.0.*",
        "c333d58a-7ba6-4d69-91e4-175816aa5d0b",
        "c333d58a",
        "-nothing",
        "nothing",
        "1.5",
        "true",
        "12345678901234567890",
        "\"login name\"",
        "-rec*",
        "eth*",
    ]);
    let instant = select(vec![
        "2026-03-01T12:00:01Z",
        "PT24H",
        "P3D",
        "-P8D",
        "2026-03-01T12:00:02.000001Z",
        "1970-01-01T00:00:00Z",
        "2027-01-01T00:00:00Z",
        "2026-03-01T12:00:00.003Z",
    ]);
    let bound = select(vec!["since", "until", "received_since", "received_until"]);
    let not = prop_oneof![4 => Just(""), 1 => Just("!")];
    let plain = prop_oneof![
        3 => (named, select(&NAMES[..]).prop_map(str::to_uppercase)),
        2 => (worded, select(&WORDS[..]).prop_map(str::to_lowercase)),
        4 => text.prop_map(|text| ("q", text.to_owned())),
        1 => select(vec!["id-1", "id-2", "ID-1"]).prop_map(|id| ("id", id.to_owned())),
        2 => select(vec!["one", "two", "all", "some", "none", "nobody"]).prop_map(|name| ("tenant", name.to_owned())),
        1 => select(vec!["success", "Failure", "denied"]).prop_map(|name| ("outcome", name.to_owned())),
        1 => select(vec!["1", "HIGH", "low"]).prop_map(|name| ("severity", name.to_owned())),
        3 => select(vec![
            "10.0.0.1", "::ffff:10.0.0.1", "10.0.0.0/23", "10.0.0.0/24", "0.0.0.0/0", "::/0", "2001:db8::/32", "fe80::1",
            "fe80::1%eth0", "2001:0DB8:0:0:0:0:0:1", "203.0.113.9",
        ]).prop_map(|ip| ("ip", ip.to_owned())),
    ];
    prop_oneof![
        6 => (plain, not).prop_map(|((name, value), not)| (name, format!("{not}{value}"))),
        2 => (bound, instant).prop_map(|(name, value)| (name, value.to_owned())),
    ]
}

/// Parameters of one name stand together, as the model expects; bounds of time are given once.
pub(super) fn params() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    vec(filter(), 0..4).prop_map(|mut params| {
        params.sort();
        params.dedup_by(|later, first| {
            later.0 == first.0 && (first.0.ends_with("since") || first.0.ends_with("until"))
        });
        params
    })
}

pub(super) fn reach() -> impl Strategy<Value = Reach> {
    prop_oneof![
        2 => Just(Reach::All),
        1 => vec(0..6_u64, 0..3).prop_map(Reach::tenants),
        1 => vec(0..60_u64, 10..40).prop_map(Reach::tenants),
        1 => user().prop_map(|user| Reach::oneself(user, [])),
        1 => (user(), vec(0..9_u64, 0..3)).prop_map(|(user, tenants)| Reach::oneself(user, tenants)),
    ]
}
