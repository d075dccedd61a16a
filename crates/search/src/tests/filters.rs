//! Every filter of the API, one by one: what it finds, what it leaves, what it refuses.

use std::collections::HashMap;

use indelible_event::{
    Actor, ActorType, Change, Client, Code, Event, Extra, Occurrences, Outcome, OutcomeResult, Related,
    Severity, Source, Target, Timestamp,
};

use super::world::{Engine, MemoryLedger, NOW, config, count, query, raw, stored};
use crate::{Budget, KNOWN_PARAMETERS, Mark, Query, Reach, nearest_parameter};

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

/// Event 0 has every field, event 1 none but the action, event 2 is another tenant's and differs.
pub(super) fn ledger() -> std::sync::Arc<MemoryLedger> {
    let full = Event {
        action: "Play recording".into(),
        action_code: some("PLAY"),
        action_type: some("view"),
        source: Source {
            application: some("Web"),
            component: some("Portal"),
            node: some("ias-01"),
            data_source: some("PBX"),
            version: some("4.2"),
            ..Source::default()
        },
        actor: Some(Actor {
            kind: Some(ActorType::User),
            id: some("1041"),
            username: some("Admin1"),
            aliases: list("ada@company.com"),
            first_name: some("Ada"),
            last_name: some("Li"),
            tenant: some("Company.com"),
            groups: list("Support,Sales"),
            roles: list("Tech"),
            ..Actor::default()
        }),
        on_behalf_of: Some(Actor {
            kind: Some(ActorType::Service),
            id: some("2002"),
            username: some("boss"),
            aliases: list("chief"),
            first_name: some("Bo"),
            last_name: some("Ss"),
            tenant: some("Head.office"),
            groups: list("Board"),
            roles: list("Chair"),
            ..Actor::default()
        }),
        client: Client {
            port: Some(50_000),
            ip: Some("::ffff:192.168.1.1".parse().unwrap()),
            chain: list("10.0.0.1:8080,fe80::7%eth0,unknown"),
            host: some("PC-7"),
            user_agent: some("Mozilla/5.0"),
            channel: some("AdminConsole"),
            ..Client::default()
        },
        outcome: Outcome {
            result: Some(OutcomeResult::Denied),
            reason: some("Bad password"),
            code: some("E77"),
            ..Outcome::default()
        },
        targets: vec![
            Target {
                kind: some("subscriber"),
                id: some("100"),
                name: some("User100"),
                tenant: some("customer.com"),
                ..Target::default()
            },
            Target {
                kind: some("device"),
                username: some("bo"),
                aliases: list("phone-9"),
                roles: list("Owner"),
                groups: list("Floor 2"),
                ..Target::default()
            },
        ],
        related: vec![Related {
            kind: some("reports"),
            id: some("d67fcacc-617c-4f3e-b507-d3415680bd0b"),
            ..Related::default()
        }],
        severity: Some(Severity::High),
        details: some("The recording was played, Émile said."),
        parameters: vec![
            ("Recording Id".into(), raw(r#""c333d58a-7ba6-4d69-91e4-175816aa5d0b""#)),
            ("amount".into(), raw("150.50")),
            ("as text".into(), raw(r#""99""#)),
            ("http.status".into(), raw("403")),
            (
                "deep".into(),
                raw(r#"{"List":[{"on":true},{"on":false,"n":1e2}],"a":{"b":{"c":{"d":"5th"}}}}"#),
            ),
            ("nothing".into(), raw("null")),
            ("empty".into(), raw("\"\"")),
        ],
        changes: vec![Change {
            field: "e-mail".into(),
            old: Some(raw("null")),
            new: Some(raw(r#""New@b.c""#)),
            extra: Extra::default(),
        }],
        data: Some(raw(
            r#"{"nested":{"text":"from 2001:DB8:0::5 with naïve code"},"count":12345678901234567890}"#,
        )),
        occurrences: Some(Occurrences {
            count: 12,
            first: Some(Timestamp::parse_rfc3339("2026-02-01T00:00:00Z").unwrap()),
            last: Some(Timestamp::parse_rfc3339("2026-02-28T00:00:00.5+01:00").unwrap()),
            extra: Extra::default(),
        }),
        session_id: some("Sess-1"),
        request_id: some("Req-1"),
        trace_id: some("Trace-1"),
        ..Event::default()
    };
    let other = Event {
        action: "Login".into(),
        action_type: some("login"),
        actor: Some(Actor { id: some("100"), ..Actor::default() }),
        client: Client { ip: Some("2001:db8::5".parse().unwrap()), zone: some("en1"), ..Client::default() },
        outcome: Outcome { result: Some(OutcomeResult::Success), ..Outcome::default() },
        ..Event::default()
    };
    let ledger = MemoryLedger::new();
    ledger.push(stored(1, NOW, "Ev-1", full));
    ledger.push(stored(1, NOW - 1, "ev-2", Event { action: "bare".into(), ..Event::default() }));
    ledger.push(stored(2, NOW - 3_600_000_000, "Ev-1", other));
    ledger
}

type Row = (&'static [(&'static str, &'static str)], &'static [u64]);

/// Each filter with the events that it finds, newest first.
const TABLE: &[Row] = &[
    (&[], &[0, 1, 2]),
    (&[("action", "play RECORDING")], &[0]),
    (&[("action", "play")], &[]),
    (&[("action", "login"), ("action", "bare")], &[1, 2]),
    (&[("action", "!login")], &[0, 1]),
    (&[("action", "!login"), ("action", "!bare")], &[0]),
    (&[("action_type", "VIEW")], &[0]),
    (&[("object", "Subscriber")], &[0]),
    (&[("object", "device")], &[0]),
    (&[("object", "!device")], &[1, 2]),
    (&[("object_category", "subscriber category")], &[0]),
    (&[("application", "web")], &[0]),
    (&[("application", "!web")], &[1, 2]),
    (&[("component", "portal")], &[0]),
    (&[("node", "IAS-01")], &[0]),
    (&[("data_source", "pbx")], &[0]),
    (&[("actor", "1041")], &[0]),
    (&[("actor", "ADMIN1")], &[0]),
    (&[("actor", "ADA@company.COM")], &[0]),
    (&[("actor", "Ada")], &[]),
    (&[("actor", "100")], &[2]),
    (&[("affected", "100")], &[0]),
    (&[("affected", "user100")], &[0]),
    (&[("affected", "BO")], &[0]),
    (&[("affected", "phone-9")], &[0]),
    (&[("affected", "device")], &[]),
    (&[("user", "100")], &[0, 2]),
    (&[("user", "!100")], &[1]),
    (&[("user", "boss")], &[]),
    (&[("group", "support")], &[0]),
    (&[("group", "FLOOR 2")], &[0]),
    (&[("role", "tech")], &[0]),
    (&[("role", "owner")], &[0]),
    (&[("role", "!owner")], &[1, 2]),
    (&[("actor_tenant", "company.COM")], &[0]),
    (&[("actor_tenant", "customer.com")], &[]),
    (&[("affected_tenant", "CUSTOMER.com")], &[0]),
    (&[("involves_tenant", "company.com")], &[0]),
    (&[("involves_tenant", "customer.com")], &[0]),
    (&[("involves_tenant", "!customer.com")], &[1, 2]),
    (&[("ip", "192.168.1.1")], &[0]),
    (&[("ip", "::ffff:192.168.1.1")], &[0]),
    (&[("ip", "0:0:0:0:0:ffff:c0a8:0101")], &[0]),
    (&[("ip", "192.168.0.0/16")], &[0]),
    (&[("ip", "192.168.1.77/24")], &[0]),
    (&[("ip", "::ffff:192.168.0.0/112")], &[0]),
    (&[("ip", "10.0.0.1")], &[0]),
    (&[("ip", "fe80::7")], &[0]),
    (&[("ip", "fe80::7%eth0")], &[0]),
    (&[("ip", "fe80::7%eth1")], &[]),
    (&[("ip", "2001:0db8:0000:0000:0000:0000:0000:0005")], &[2]),
    (&[("ip", "2001:db8::5%en1")], &[2]),
    (&[("ip", "2001:db8::/32")], &[2]),
    (&[("ip", "::/0")], &[0, 2]),
    (&[("ip", "0.0.0.0/0")], &[0]),
    (&[("ip", "!0.0.0.0/0")], &[1, 2]),
    (&[("host", "pc-7")], &[0]),
    (&[("channel", "adminconsole")], &[0]),
    (&[("outcome", "denied")], &[0]),
    (&[("outcome", "Denied"), ("outcome", "success")], &[0, 2]),
    (&[("outcome", "!success")], &[0, 1]),
    (&[("outcome", "unknown")], &[]),
    (&[("reason", "bad PASSWORD")], &[0]),
    (&[("severity", "High")], &[0]),
    (&[("severity", "2")], &[0]),
    (&[("severity", "4")], &[1, 2]),
    (&[("session_id", "sess-1")], &[0]),
    (&[("request_id", "REQ-1")], &[0]),
    (&[("trace_id", "trace-1")], &[0]),
    (&[("id", "Ev-1")], &[0, 2]),
    (&[("id", "EV-1")], &[]),
    (&[("id", "!Ev-1")], &[1]),
    (&[("tenant", "acme")], &[0, 1]),
    (&[("tenant", "!acme")], &[2]),
    (&[("tenant", "north")], &[0, 1, 2]),
    (&[("tenant", "nobody")], &[]),
    (&[("tenant", "!nobody")], &[0, 1, 2]),
    (&[("since", "2026-03-01T12:00:00Z")], &[0]),
    (&[("until", "2026-03-01T12:00:00Z")], &[1, 2]),
    (&[("since", "PT1H")], &[0, 1, 2]),
    (&[("since", "-PT59M")], &[0, 1]),
    (&[("since", "PT1H"), ("until", "PT30M")], &[2]),
    (&[("until", "P1D")], &[]),
    (&[("received_since", "2026-03-01T12:00:00.001Z")], &[2]),
    (&[("received_until", "2026-03-01T12:00:00.001Z")], &[0, 1]),
    (&[("q", "recording")], &[0]),
    (&[("q", "EMILE")], &[0]),
    (&[("q", "naive code")], &[0]),
    (&[("q", "\"naive code\"")], &[0]),
    (&[("q", "\"code naive\"")], &[]),
    (&[("q", "record*")], &[0]),
    (&[("q", "-recording")], &[1, 2]),
    (&[("q", "!recording")], &[1, 2]),
    (&[("q", "login"), ("q", "bare")], &[1, 2]),
    (&[("q", "ADA@COMPANY.com")], &[0]),
    (&[("q", "new@b.c")], &[0]),
    (&[("q", "c333d58a-7ba6-4d69-91e4-175816aa5d0b")], &[0]),
    (&[("q", "D67FCACC-617c-4f3e-b507-d3415680bd0b")], &[0]),
    (&[("q", "2001:db8::5")], &[0, 2]),
    (&[("q", "192.168.1.1")], &[0]),
    (&[("q", "12345678901234567890")], &[0]),
    (&[("q", "\"recording id\"")], &[0]),
    (&[("q", "\"ada li\"")], &[0]),
    (&[("q", "boss")], &[0]),
    (&[("q", "PLAY E77")], &[0]),
    (&[("q", "nested")], &[]),
    (&[("q", "list")], &[0]),
    (&[("q", "recording mozilla -login")], &[0]),
    (&[("held", "true")], &[0, 2]),
    (&[("held", "false")], &[1]),
    (&[("held", "!true")], &[1]),
    (&[("erased", "true")], &[1]),
    (&[("anomalous", "true"), ("anomalous", "false")], &[0, 1, 2]),
    (&[("anomalous", "true"), ("held", "true")], &[2]),
    (&[("field_changed", "E-MAIL")], &[0]),
    (&[("field_changed", "!e-mail")], &[1, 2]),
    (&[("filter", "action eq login or action eq bare")], &[1, 2]),
    (&[("filter", "action eq login or action eq bare"), ("filter", "outcome pr")], &[2]),
    (&[("filter", "not (action eq login)"), ("actor", "admin1")], &[0]),
    (&[("filter", "time lt 2026-03-01T12:00:00Z"), ("since", "PT30M")], &[1]),
    (&[("filter", "tenant eq acme or tenant eq nobody")], &[0, 1]),
    (&[("filter", "not tenant eq acme")], &[2]),
    (&[("action", "login"), ("ip", "2001:db8::5"), ("outcome", "success"), ("tenant", "north")], &[2]),
    (&[("action", "login"), ("tenant", "acme")], &[]),
];

#[test]
fn every_filter_finds_what_it_says_in_tail_and_split() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger();
    let tenants = HashMap::from([("acme".to_owned(), vec![1]), ("north".to_owned(), vec![1, 2])]);
    let engine = Engine::open(dir.path(), &ledger, config());
    engine.follow();
    engine.search.mark(Mark::Held, [0, 2], true).unwrap();
    engine.search.mark(Mark::Erased, [1], true).unwrap();
    engine.search.mark(Mark::Anomalous, [2], true).unwrap();
    for place in ["tail", "split"] {
        for (params, expected) in TABLE {
            let query = query(params, &tenants);
            assert_eq!(engine.all(&Reach::All, &query), *expected, "{params:?} in {place}");
            assert_eq!(count(&engine.search, &Reach::All, &query, None), expected.len() as u64, "{params:?}");
        }
        engine.flush();
    }
    let untested =
        KNOWN_PARAMETERS.iter().find(|known| !TABLE.iter().any(|(p, _)| p.iter().any(|(n, _)| n == *known)));
    assert_eq!(untested, None, "every filter has a row");
}

#[test]
fn names_below_a_tenant_count_for_affected_and_involved() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path(), &ledger(), config());
    engine.follow();
    for (name, expected) in [("affected_tenant", &[0][..]), ("involves_tenant", &[0]), ("actor_tenant", &[])]
    {
        let mut query = query(&[(name, "West")], &HashMap::new());
        assert_eq!(engine.all(&Reach::All, &query), [0; 0], "{name}");
        query.widen_tenant_names(
            |name| if name == "West" { list("other.com,Customer.COM") } else { Vec::new() },
        );
        assert_eq!(engine.all(&Reach::All, &query), expected, "{name}");
    }
}

#[test]
fn an_event_is_found_by_its_id_whatever_else() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path(), &ledger(), config());
    engine.follow();
    for _ in ["tail", "split"] {
        for (reach, tenant, id, expected) in [
            (Reach::All, None, "Ev-1", &[0, 2][..]),
            (Reach::All, Some(2), "Ev-1", &[2]),
            (Reach::All, Some(3), "Ev-1", &[]),
            (Reach::tenants([1]), None, "Ev-1", &[0]),
            (Reach::tenants([1]), Some(2), "Ev-1", &[]),
            (Reach::All, None, "ev-1", &[]),
            (Reach::tenants([]), None, "ev-2", &[]),
        ] {
            let hits = engine.search.by_id(&reach, tenant, id, &Budget::unlimited()).unwrap().0;
            assert_eq!(
                hits.iter().map(|hit| hit.index).collect::<Vec<_>>(),
                expected,
                "{reach:?} {tenant:?} {id}"
            );
        }
        engine.flush();
    }
}

#[test]
fn refuses_values_that_it_does_not_understand_by_the_parameters_name() {
    let long_id = "x".repeat(200);
    for (name, value) in [
        ("action", ""),
        ("action", "!"),
        ("since", "yesterday"),
        ("since", "!PT1H"),
        ("until", ""),
        ("received_since", "2026-04-05"),
        ("received_until", "P"),
        ("tz", "Mars/Olympus"),
        ("ip", "10.0.0"),
        ("ip", "10.0.0.0/33"),
        ("ip", "10.0.0.1:80"),
        ("ip", "[::1]:80"),
        ("ip", "fe80::1%eth0/64"),
        ("ip", "host.example"),
        ("outcome", "won"),
        ("severity", "5"),
        ("severity", "!worse"),
        ("id", "a b"),
        ("id", "a/b"),
        ("id", &long_id),
        ("tenant", ""),
        ("q", "..."),
        ("q", "!"),
        ("held", "yes"),
        ("erased", ""),
        ("anomalous", "!1"),
        ("filter", ""),
        ("filter", "!action eq x"),
        ("filter", "action eq"),
    ] {
        let params = [("limit".to_owned(), "5".to_owned()), (name.to_owned(), value.to_owned())];
        let problems = Query::from_params(&params, Timestamp::from_micros(NOW)).unwrap_err();
        assert_eq!(problems.len(), 1, "{name}={value}");
        assert_eq!((problems[0].code, problems[0].field.as_str()), (Code::InvalidFilter, name), "{value}");
        assert!(value.len() < 100 || !problems[0].message.contains(value), "{}", problems[0].message);
    }
    for name in ["since", "until", "received_since", "received_until"] {
        let twice = ["P1D", "PT1H"].map(|value| (name.to_owned(), value.to_owned()));
        let problems = Query::from_params(&twice, Timestamp::from_micros(NOW)).unwrap_err();
        let [problem] = problems.as_slice() else { panic!("{name}: {problems:?}") };
        assert_eq!((problem.code, problem.field.as_str()), (Code::InvalidFilter, name));
        assert!(problem.message.contains("once only"), "{}", problem.message);
    }
    let many: Vec<_> = (0..2_000).map(|n| ("action".to_owned(), n.to_string())).collect();
    assert_eq!(Query::from_params(&many, Timestamp::from_micros(NOW)).unwrap_err().len(), 1);
}

#[test]
fn suggests_the_parameter_that_was_meant() {
    for (name, expected) in [
        ("sinse", Some("since")),
        ("acton", Some("action")),
        ("affected_tenants", Some("affected_tenant")),
        ("Severity", Some("severity")),
        ("sevreity", Some("severity")),
        ("limt", Some("limit")),
        ("colour_of_the_sky", None),
        ("", None),
    ] {
        let known: Vec<&str> = KNOWN_PARAMETERS.into_iter().chain(["limit", "tz"]).collect();
        assert_eq!(nearest_parameter(name, &known), expected, "{name}");
    }
    assert_eq!(nearest_parameter("tenant", &["after", "limit", "wait"]), None, "the caller takes no filters");
    let mut sorted = KNOWN_PARAMETERS;
    sorted.sort_unstable();
    assert_eq!(sorted, KNOWN_PARAMETERS);
}

#[test]
fn a_large_event_is_found_by_its_last_word() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let many: String = (0..120_000).map(|n| format!("w{n} ")).collect();
    let blob = "QUJD".repeat(50_000);
    let data = Some(raw(&format!("[{many:?},\"{blob}\"]")));
    let long = "long ".repeat(20_000);
    let event = Event { action: "large".into(), data, session_id: Some(long.clone()), ..Event::default() };
    ledger.push(stored(1, NOW, "e", event));
    let engine = Engine::open(dir.path(), &ledger, config());
    engine.follow();
    for place in ["tail", "split"] {
        for (name, value, expected) in [
            ("q", "w119999", 1),
            ("q", "\"w119998 w119999\"", 1),
            ("q", "\"w119998 w119990\"", 0),
            ("q", "w11999*", 1),
            ("q", blob.as_str(), 1),
            ("q", &blob[..50_000], 0),
            ("q", "qujdqujd*", 1),
            ("session_id", &long, 1),
            ("session_id", &long[5..], 0),
        ] {
            let query = query(&[(name, value)], &HashMap::new());
            let found = count(&engine.search, &Reach::All, &query, None);
            assert_eq!(found, expected, "{name} {} in {place}", &value[..20.min(value.len())]);
        }
        engine.flush();
    }
    assert!(engine.checked().is_sound());
}

#[test]
fn an_id_that_is_a_uuid_is_text_only_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let event = || Event { action: "a".into(), ..Event::default() };
    ledger.push(stored(1, NOW, "0190c1d2-3e4f-7a5b-8c6d-7e8f9a0b1c2d", event()));
    ledger.push(stored(1, NOW, "order-0190c1d2", event()));
    let engine = Engine::open(dir.path(), &ledger, config());
    engine.follow();
    for (text, expected) in [
        ("0190C1D2-3e4f-7a5b-8c6d-7e8f9a0b1c2d", &[0][..]),
        ("0190c1d2", &[1, 0]),
        ("3e4f", &[]),
        ("order", &[1]),
    ] {
        assert_eq!(engine.all(&Reach::All, &query(&[("q", text)], &HashMap::new())), expected, "{text}");
    }
}
