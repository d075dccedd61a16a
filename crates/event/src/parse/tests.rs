//! The rules of the event, one table a subject; the hostile set; what must hold for any input.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// 2026-11-21T12:00:00Z
const NOW: Timestamp = Timestamp::from_micros(1_795_262_400_000_000);

/// An event with every field, as in the API reference.
const FULL: &str = r#"{"id":"e-1","time":"2026-03-01T12:34:56.123456+05:30","tenant":"abcplumbing.service",
 "source":{"application":"web","component":"portal","node":"ias-01","data_source":"pbx","version":"4.2"},
 "actor":{"type":"user","id":"1041","aliases":["ada@company.com"],"username":"admin1","first_name":"Ada","last_name":"Li","tenant":"company.com","groups":["Support"],"roles":["Tech"],"department":{"n":1.0}},
 "on_behalf_of":{"type":"user","id":"2002","username":"boss"},
 "client":{"ip":"192.168.1.1","chain":["192.168.1.1","10.0.0.1"],"port":50000,"host":"pc-7","user_agent":"x/1","channel":"AdminConsole"},
 "action":"Play recording","action_code":"PLAY","action_type":"view","occurrences":{"count":2,"first":"2026-03-01T00:00:00Z","last":null},
 "outcome":{"result":"success","reason":"fine","code":"0"},
 "targets":[{"type":"subscriber","id":"100","name":"user100","tenant":"customer.com","groups":["g"],"roles":[]},{}],
 "related":[{"type":"reports","id":"d67fcacc-617c-4f3e-b507-d3415680bd0b"}],
 "severity":{"name":"Low","number":4},
 "details":"a\nb","parameters":{"z":12345678901234567890123,"a":1.50,"":{"b": [1, 2]},"n":null},
 "changes":[{"field":"email","old":null,"new":"a@b.c"},{"field":"x","new":1e2}],
 "data":{"b":1,"a":"\u00fc","deep":[{"k":[]}]},
 "session_id":"s","request_id":"r","trace_id":"t","colour":"blue","seq":7}"#;

fn accept(json: &str) -> Parsed {
    parse(json, &Limits::default(), NOW).unwrap_or_else(|problems| panic!("{json}: {problems:?}"))
}

fn event(member: &str, value: &Value) -> Parsed {
    accept(&with(member, value))
}

/// An event with one more member (whose value may also be raw text in a [`Value::String`] starting with `\u{1}`).
fn with(member: &str, value: &Value) -> String {
    match member {
        "" => value.to_string(),
        "action" => json!({ "action": value }).to_string(),
        _ => json!({ "action": "x", member: value }).to_string(),
    }
}

fn refuse(json: &str) -> Vec<(Code, String)> {
    let problems = parse(json, &Limits::default(), NOW).expect_err(json);
    problems.into_iter().map(|problem| (problem.code, problem.field)).collect()
}

#[test]
fn reads_every_field_of_the_api_reference() {
    let Parsed { event, warnings } = accept(FULL);
    assert_eq!(
        event.time.as_ref().map(|time| time.at.to_rfc3339()).as_deref(),
        Some("2026-03-01T07:04:56.123456Z")
    );
    let actor = event.actor.as_ref().unwrap();
    assert_eq!(actor.kind, Some(ActorType::User));
    assert_eq!(actor.aliases, ["ada@company.com"]);
    assert_eq!(actor.full_name().as_deref(), Some("Ada Li"));
    assert_eq!(actor.extra[0].1.get(), "{\"n\":1.0}");
    assert_eq!(event.client.port, Some(50000));
    assert_eq!(event.occurrences.as_ref().unwrap().count, 2);
    assert_eq!(event.severity, Some(Severity::Low));
    assert_eq!(event.targets.len(), 2);
    let parameters: Vec<_> =
        event.parameters.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
    assert_eq!(
        parameters,
        [("z", "12345678901234567890123"), ("a", "1.50"), ("", "{\"b\": [1, 2]}"), ("n", "null")]
    );
    assert_eq!(event.changes[0].old.as_ref().unwrap().get(), "null");
    assert!(event.changes[1].old.is_none());
    assert_eq!(event.data.as_ref().unwrap().get(), r#"{"b":1,"a":"\u00fc","deep":[{"k":[]}]}"#);
    let warned: Vec<_> = warnings.iter().map(|warning| (warning.code, warning.field.as_str())).collect();
    let unknown = |field| (Code::UnknownField, field);
    assert_eq!(warned, [unknown("/actor/department"), unknown("/colour"), unknown("/seq")]);
}

#[test]
fn writes_what_it_read() {
    let written = accept(FULL).event.to_json();
    // Same members, same texts; only the order of fields and the spelling of the severity are ours.
    let mut sent: Value = serde_json::from_str(FULL).unwrap();
    sent["severity"]["name"] = json!("low");
    sent["occurrences"].as_object_mut().unwrap().remove("last");
    sent["targets"][0].as_object_mut().unwrap().remove("roles");
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), sent);
    for text in ["12345678901234567890123", "1.50", "{\"b\": [1, 2]}", "1e2", r#""\u00fc""#] {
        assert!(written.contains(text), "{text}");
    }
    assert_eq!(accept("{\"action\":\"x\"}").event.to_json(), "{\"action\":\"x\"}");
    assert_eq!(accept(&written).event, accept(FULL).event);
}

#[test]
fn nothing_captured_is_nothing_kept() {
    for json in [
        r#"{"action":"x"}"#,
        r#"{"action":"x","time":null,"tenant":null,"source":null,"actor":null,"on_behalf_of":null,"client":null,"action_code":null,"action_type":null,"occurrences":null,"outcome":null,"targets":null,"related":null,"severity":null,"details":null,"parameters":null,"changes":null,"data":null,"session_id":null,"request_id":null,"trace_id":null,"id":null}"#,
        r#"{"action":"x","source":{},"actor":{},"on_behalf_of":{"id":""},"client":{},"occurrences":{},"outcome":{},"targets":[],"related":[],"severity":{},"parameters":{},"changes":[]}"#,
        r#"{"action":"x","source":{"application":""},"actor":{"type":"","id":"","username":"","aliases":["",""],"groups":[],"roles":null},"client":{"ip":"","host":"","port":null,"zone":""},"occurrences":{"count":null,"first":null,"last":null},"outcome":{"result":"","reason":"","code":null},"severity":{"name":"","number":null},"details":"","session_id":""}"#,
        r#"{"action":"x","client":{"ip":"-"}}"#,
    ] {
        let parsed = accept(json);
        assert_eq!(parsed.event, Event { action: "x".to_owned(), ..Event::default() }, "{json}");
        assert_eq!(parsed.warnings, [], "{json}");
    }
    // An empty tenant names none, and must not become the key's default.
    assert_eq!(event("tenant", &json!("")).event.tenant.as_deref(), Some(""));
    // A type alone is somebody.
    assert_eq!(event("actor", &json!({"type":"system"})).event.actor.unwrap().kind, Some(ActorType::System));
}

#[test]
fn each_rule_has_its_code_and_field() {
    use Code::*;
    let id = |id: &str| json!(id);
    for (member, value, code, field) in [
        ("", json!([{"action":"x"}]), WrongType, ""),
        ("", json!("x"), WrongType, ""),
        ("", json!({}), MissingField, "/action"),
        ("action", json!(null), MissingField, "/action"),
        ("action", json!(" \u{a0}\u{3000}\t"), MissingField, "/action"),
        ("action", json!(["x"]), WrongType, "/action"),
        ("id", id(""), InvalidId, "/id"),
        ("id", id("a b"), InvalidId, "/id"),
        ("id", id("a/b"), InvalidId, "/id"),
        ("id", id("a*"), InvalidId, "/id"),
        ("id", id("\u{fc}"), InvalidId, "/id"),
        ("id", id("a\u{7f}"), InvalidId, "/id"),
        ("id", id(&"a".repeat(129)), InvalidId, "/id"),
        ("id", json!(7), WrongType, "/id"),
        ("time", json!("PT24H"), InvalidTime, "/time"),
        ("time", json!(""), InvalidTime, "/time"),
        ("time", json!(1_772_368_496), WrongType, "/time"),
        ("time", json!("1969-12-31T23:59:59.999999Z"), TimeOutOfRange, "/time"),
        ("time", json!("2026-11-22T12:00:00.000001Z"), TimeOutOfRange, "/time"),
        ("tenant", json!(false), WrongType, "/tenant"),
        ("source", json!("web"), WrongType, "/source"),
        ("source", json!({"node":{}}), WrongType, "/source/node"),
        ("actor", json!({"type":"User"}), InvalidEnum, "/actor/type"),
        ("actor", json!({"roles":["a",7]}), WrongType, "/actor/roles/1"),
        ("on_behalf_of", json!({"aliases":"a"}), WrongType, "/on_behalf_of/aliases"),
        ("client", json!({"port":65536}), NumberOutOfRange, "/client/port"),
        ("client", json!({"port":-1}), NumberOutOfRange, "/client/port"),
        ("client", json!({"port":80.0}), WrongType, "/client/port"),
        ("client", json!({"port":"80"}), WrongType, "/client/port"),
        ("client", json!({"ip":"1.2.3.4%eth0"}), InvalidIp, "/client/ip"),
        ("client", json!({"ip":"fe80::1%"}), InvalidIp, "/client/ip"),
        ("client", json!({"ip":"1.2.3.4","zone":"eth0"}), InvalidIp, "/client/zone"),
        ("client", json!({"ip":"fe80::1%a","zone":"b"}), InvalidIp, "/client/zone"),
        ("client", json!({"ip":"fe80::1","zone":"<b>"}), InvalidIp, "/client/zone"),
        ("client", json!({"ip":"a".repeat(254)}), InvalidIp, "/client/ip"),
        ("occurrences", json!(3), WrongType, "/occurrences"),
        ("occurrences", json!({"count":0}), NumberOutOfRange, "/occurrences/count"),
        ("occurrences", json!({"count":"3"}), WrongType, "/occurrences/count"),
        ("occurrences", json!({"last":"2026-01-01T00:00:00Z"}), MissingField, "/occurrences/count"),
        ("occurrences", json!({"count":1,"first":"never"}), InvalidTime, "/occurrences/first"),
        ("outcome", json!({"result":"Success"}), InvalidEnum, "/outcome/result"),
        ("outcome", json!({"code":13}), WrongType, "/outcome/code"),
        ("targets", json!([{"id":"a"},null]), WrongType, "/targets/1"),
        ("targets", json!([{"groups":[{}]}]), WrongType, "/targets/0/groups/0"),
        ("related", json!([[]]), WrongType, "/related/0"),
        ("severity", json!("low"), WrongType, "/severity"),
        ("severity", json!({"name":"lowest"}), InvalidEnum, "/severity/name"),
        ("severity", json!({"number":0}), NumberOutOfRange, "/severity/number"),
        ("severity", json!({"number":5}), NumberOutOfRange, "/severity/number"),
        ("severity", json!({"name":"High","number":4}), NumberOutOfRange, "/severity/number"),
        ("parameters", json!([{"Name":"a"}]), WrongType, "/parameters"),
        ("changes", json!([{"old":1,"new":2}]), MissingField, "/changes/0/field"),
        ("changes", json!([{"field":""}]), MissingField, "/changes/0/field"),
        ("changes", json!([{"field":1}]), WrongType, "/changes/0/field"),
        ("details", json!(["a"]), WrongType, "/details"),
    ] {
        let json = with(member, &value);
        assert_eq!(refuse(&json), [(code, field.to_owned())], "{json}");
    }
}

#[test]
fn severity_by_name_or_number_or_both() {
    for value in [
        json!({"name":"HIGH"}),
        json!({"number":2}),
        json!({"name":"High","number":2}),
        json!({"name":"high","number":null}),
        json!({"name":"","number":2}),
    ] {
        assert_eq!(event("severity", &value).event.severity, Some(Severity::High), "{value}");
    }
}

#[test]
fn words_in_place_of_an_address_become_the_host() {
    let client = |value: Value| event("client", &value).event.client;
    let aws = client(json!({"ip":"AWS Internal"}));
    assert_eq!((aws.ip, aws.host.as_deref(), aws.chain.len()), (None, Some("AWS Internal"), 0));
    // A host that is named as such stays, and the words stay findable as a place on the way.
    let both = client(json!({"ip":"AWS Internal","host":"pc-7","chain":["10.0.0.1"]}));
    assert_eq!(
        (both.host.as_deref(), both.chain),
        (Some("pc-7"), vec!["AWS Internal".to_owned(), "10.0.0.1".to_owned()])
    );
    let same = client(json!({"ip":"pc-7","host":"pc-7"}));
    assert_eq!((same.host.as_deref(), same.chain.len()), (Some("pc-7"), 0));
    let zoned = client(json!({"ip":"FE80::1%eth0.1"}));
    assert_eq!(
        (zoned.ip.unwrap().to_string(), zoned.zone.as_deref()),
        ("fe80::1".to_owned(), Some("eth0.1"))
    );
    let mapped = client(json!({"ip":"::ffff:192.0.2.7"}));
    assert_eq!(mapped.ip.unwrap().to_string(), "::ffff:192.0.2.7");
    assert_eq!(client(json!({"ip":"fe80::1","zone":"en0"})).zone.as_deref(), Some("en0"));
}

#[test]
fn limits_are_inclusive() {
    let limits = Limits { items_max: 3, depth_max: 4, event_bytes_max: 60 };
    let code = |json: &str| {
        parse(json, &limits, NOW).err().map(|problems| (problems[0].code, problems[0].field.clone()))
    };
    let too_many = |field: &str| Some((Code::TooManyItems, field.to_owned()));
    let items = |n: usize, item: &str| vec![item; n].join(",");
    for (list, item) in [("targets", "{}"), ("related", "{}")] {
        assert_eq!(code(&format!("{{\"action\":\"x\",\"{list}\":[{}]}}", items(3, item))), None);
        assert_eq!(
            code(&format!("{{\"action\":\"x\",\"{list}\":[{}]}}", items(4, item))),
            too_many(&format!("/{list}"))
        );
    }
    assert_eq!(code(r#"{"action":"x","actor":{"groups":["1","2","3","4"]}}"#), too_many("/actor/groups"));
    assert_eq!(code(r#"{"action":"x","parameters":{"a":1,"b":2,"c":3}}"#), None);
    assert_eq!(code(r#"{"action":"x","parameters":{"a":1,"b":2,"c":3,"d":4}}"#), too_many("/parameters"));
    assert_eq!(code(r#"{"action":"x","data":[[[]]]}"#), None);
    assert_eq!(code(r#"{"action":"x","data":[[[[]]]]}"#), Some((Code::TooDeep, "/data".to_owned())));
    assert_eq!(code(r#"{"action":"x","id":[[[[]]]]}"#), Some((Code::TooDeep, "/id".to_owned())));
    let long = format!("{{\"action\":\"{}\"}}", "x".repeat(60 - 13));
    assert_eq!((long.len(), code(&long)), (60, None));
    assert_eq!(code(&(long + " ")), Some((Code::EventTooLarge, String::new())));
}

#[test]
fn several_problems_of_one_event_are_all_reported() {
    let json = r#"{"id":"a b","time":"soon","actor":{"type":"robot","id":5,"id":6},"client":{"ip":"1.2.3"},
        "parameters":{"a":{"b":"\ud800"},"a":1},"targets":[7,{"id":[]}]}"#;
    use Code::*;
    let expected = [
        (InvalidId, "/id"),
        (InvalidTime, "/time"),
        (InvalidEnum, "/actor/type"),
        (WrongType, "/actor/id"),
        (DuplicateKey, "/actor/id"),
        (InvalidIp, "/client/ip"),
        (InvalidString, "/parameters/a/b"),
        (DuplicateKey, "/parameters/a"),
        (WrongType, "/targets/0"),
        (WrongType, "/targets/1/id"),
        (MissingField, "/action"),
    ];
    assert_eq!(refuse(json), expected.map(|(code, field)| (code, field.to_owned())));
}

#[test]
fn answers_stay_short_whatever_is_sent() {
    let bad_groups = vec!["7"; 300].join(",");
    let unknown: String = (0..300).map(|n| format!(",\"{}{n}\":1", "\u{202e}".repeat(2000))).collect();
    let limits = Limits::default();
    let json = format!(
        r#"{{"action":"x","actor":{{"groups":[{bad_groups}]}},"id":"{}"}}"#,
        "\u{1f4a9}".repeat(9999)
    );
    let problems = parse(&json, &limits, NOW).unwrap_err();
    assert_eq!(problems.len(), LISTED_MAX);
    assert!(problems[LISTED_MAX - 1].message.ends_with("(and 226 more)"), "{problems:?}");
    let limits = Limits { event_bytes_max: usize::MAX, ..limits };
    let warnings = parse(&format!("{{\"action\":\"x\"{unknown}}}"), &limits, NOW).unwrap().warnings;
    assert_eq!(warnings.len(), LISTED_MAX);
    for problem in problems.iter().chain(&warnings) {
        assert!(problem.message.len() < 600 && problem.field.chars().count() < 200, "{problem:?}");
        assert!(problem.message.is_ascii(), "{problem:?}");
    }
}

#[test]
fn parse_time_is_linear_in_the_event() {
    // A mebibyte of distinct unknown names, of distinct names in data, of escapes and of brackets.
    let names: String = (0..60_000).map(|n| format!(",\"n{n}\":[]")).collect();
    let texts = [
        format!("{{\"action\":\"x\"{names}}}"),
        format!("{{\"action\":\"x\",\"data\":{{\"a\":1{names}}}}}"),
        format!("{{\"action\":\"{}\"}}", "\\u0041".repeat(170_000)),
        format!("{{\"action\":\"x\",\"data\":[{}1]}}", "[[[[]]]],".repeat(110_000)),
    ];
    let started = std::time::Instant::now();
    for text in &texts {
        parse(text, &Limits::default(), NOW).unwrap();
    }
    assert!(started.elapsed().as_secs() < 10, "took {:?}", started.elapsed());
}

/// The hostile set's cases about one event, except those that need a server (`batch`).
#[test]
fn answers_the_hostile_set() {
    let set = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/hostile/hostile.ndjson");
    let mut ran = 0;
    for line in std::fs::read_to_string(set).unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        if case["class"] == "batch" {
            continue;
        }
        ran += 1;
        let expect = &case["expect"];
        let name = format!("{} {}", case["n"], case["title"]);
        // As the ingest crate does it: bytes to text once, a byte order mark is not part of the event.
        let body = hostile_body(&case);
        let result = match std::str::from_utf8(&body) {
            Err(_) => Err(vec![Problem::new(Code::InvalidUtf8, "", "")]),
            Ok(text) => parse(text.strip_prefix('\u{feff}').unwrap_or(text), &Limits::default(), NOW),
        };
        match (expect["verdict"].as_str().unwrap(), result) {
            ("accept" | "neutralise", Ok(parsed)) => {
                let again = accept(&parsed.event.to_json());
                assert_eq!(again.event, parsed.event, "{name}");
            }
            ("reject", Err(problems)) => {
                let code = expect["error"].as_str().unwrap();
                let deeper =
                    code == "malformed_json" && problems[0].code == Code::TooDeep && case["n"] == "N053";
                assert!(problems[0].code.as_str() == code || deeper, "{name}: {problems:?}");
                assert_eq!(problems[0].field, expect["field"].as_str().unwrap_or(""), "{name}");
                assert_eq!(i64::from(problems[0].code.status()), expect["http"].as_i64().unwrap(), "{name}");
            }
            (verdict, result) => panic!("{name}: expected {verdict}, got {result:?}"),
        }
    }
    assert_eq!(ran, 169);
}

/// What `expand.py` does.
fn hostile_body(case: &Value) -> Vec<u8> {
    if let Some(text) = case["body"].as_str() {
        return text.replace("+now+25h", "2026-11-22T13:00:00Z").into_bytes();
    }
    if let Some(text) = case["body_b64"].as_str() {
        return base64(text);
    }
    let mut body = Vec::new();
    for part in case["gen"]["parts"].as_array().unwrap() {
        if let Some(text) = part["text"].as_str() {
            body.extend(text.bytes());
        } else {
            let unit = part["repeat"].as_str().unwrap();
            body.extend(unit.repeat(part["count"].as_u64().unwrap() as usize).bytes());
        }
    }
    body
}

fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(value).collect();
    let bits = |chunk: &[u8]| {
        chunk.iter().fold(0_u32, |n, digit| n << 6 | u32::from(*digit)) << (6 * (4 - chunk.len()))
    };
    digits.chunks(4).flat_map(|chunk| bits(chunk).to_be_bytes()[1..chunk.len()].to_vec()).collect()
}

/// Any JSON value, of every kind, not too deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|f| json!(f)),
        any::<String>().prop_map(Value::from),
        Just(json!("2026-03-01T12:34:56Z")),
        Just(json!("fe80::1%x")),
        Just(json!("system")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof![
            any::<String>(),
            prop::sample::select(vec![
                "id", "type", "ip", "zone", "host", "chain", "field", "old", "new", "count", "first", "name",
                "number", "result", "username", "groups", "extra",
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

const NAMES: [&str; 24] = [
    "id",
    "time",
    "tenant",
    "source",
    "actor",
    "on_behalf_of",
    "client",
    "action_code",
    "action_type",
    "occurrences",
    "outcome",
    "targets",
    "related",
    "severity",
    "details",
    "parameters",
    "changes",
    "data",
    "session_id",
    "request_id",
    "trace_id",
    "seq",
    "whatever",
    "action",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_accepted_is_written_so_that_it_reads_back_equal(
        members in prop::collection::vec((prop::sample::select(NAMES.to_vec()), any_json()), 0..8),
    ) {
        let mut object = json!({"action": "x"});
        for (name, value) in members {
            object[name] = value;
        }
        match parse(&object.to_string(), &Limits::default(), NOW) {
            Ok(parsed) => {
                let written = parsed.event.to_json();
                let again = parse(&written, &Limits::default(), NOW);
                prop_assert_eq!(&again.as_ref().map(|again| &again.event), &Ok(&parsed.event), "{}", written);
                prop_assert_eq!(again.unwrap().event.to_json(), written);
            }
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                for problem in problems {
                    // The pointer leads somewhere, except to members that are missing or whose names were cut.
                    let there = object.pointer(&problem.field).is_some();
                    prop_assert!(there || problem.code == Code::MissingField || problem.field.len() > 128, "{:?}", problem);
                }
            }
        }
    }

    #[test]
    fn damaged_events_never_panic_and_never_lie(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, any::<Vec<u8>>()), 1..4),
    ) {
        let mut bytes = FULL.as_bytes().to_vec();
        for (at, remove, insert) in cuts {
            let at = at.index(bytes.len() + 1);
            let to = (at + remove).min(bytes.len());
            bytes.splice(at..to, insert.into_iter().take(6));
        }
        let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(()) };
        match parse(text, &Limits::default(), NOW) {
            Ok(parsed) => {
                prop_assert!(serde_json::from_str::<Value>(text).is_ok());
                prop_assert_eq!(accept(&parsed.event.to_json()).event, parsed.event);
            }
            Err(problems) if problems[0].code == Code::MalformedJson => {
                prop_assert!(serde_json::from_str::<Value>(text).is_err(), "{:?}: {}", problems, text);
            }
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }

    #[test]
    fn any_text_has_an_answer(text in any::<String>()) {
        prop_assert!(parse(&text, &Limits::default(), NOW).is_err());
    }
}
