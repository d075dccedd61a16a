//! The filter language as a whole: what it compiles to, what it refuses, and that it can be printed and read back.

use indelible_event::Timestamp;
use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::attribute::{ATTRIBUTES, Kind};
use super::operator::Operator;
use super::print::text_of;
use super::{Catalogue, Context, parse};
use crate::normal::normalise;
use crate::query::Expr;

struct Few;

impl Catalogue for Few {
    fn action_type(&self, name: &str) -> Option<String> {
        let known = [("login", "Login"), ("update", "Modify/Update"), ("create", "Add/Create")];
        known
            .iter()
            .find(|(id, label)| name.eq_ignore_ascii_case(id) || name.eq_ignore_ascii_case(label))
            .map(|(id, _)| (*id).to_owned())
    }

    fn object_category(&self, name: &str) -> Option<String> {
        ["users & domains", "users_domains"]
            .contains(&name.to_lowercase().as_str())
            .then(|| "users_domains".to_owned())
    }

    fn object_names(&self, name: &str) -> Vec<String> {
        let names = ["dialing", "Dial Plan", "Dialplan"];
        let known = names.iter().any(|known| name.eq_ignore_ascii_case(known));
        if known { names.map(str::to_owned).to_vec() } else { Vec::new() }
    }
}

/// 2026-03-01T12:00:00Z.
const NOW: Timestamp = Timestamp::from_micros(1_772_366_400_000_000);

fn compiled(text: &str) -> Result<Expr, String> {
    let context = Context { now: NOW, zone: &TimeZone::UTC, catalogue: &Few };
    parse(text, &context).map(normalise)
}

fn shown(text: &str) -> String {
    match compiled(text) {
        Ok(expr) => text_of(&expr),
        Err(message) => message,
    }
}

#[test]
fn compiles_conditions_on_every_type() {
    for (text, expected) in [
        ("action eq \"Play Recording\"", "action eq \"play recording\""),
        ("ACTION EQ play", "action eq \"play\""),
        ("action ne \"x\"", "not action eq \"x\""),
        ("action co \"rec\"", "action co \"rec\""),
        ("action sw \"Play\"", "action sw \"play\""),
        ("action ew \"ING\"", "action ew \"ing\""),
        ("action gt \"m\"", "action gt \"m\""),
        ("action in (\"a\", B, 3)", "action eq \"a\" or action eq \"b\" or action eq \"3\""),
        ("action pr", "id pr"),
        ("action_type eq \"Modify/Update\"", "action_type eq \"update\""),
        ("object_category eq \"users & domains\"", "object_category eq \"users_domains\""),
        (
            "object eq \"Dial plan\"",
            "targets.type eq \"dialing\" or targets.type eq \"dial plan\" or targets.type eq \"dialplan\"",
        ),
        ("object co phone", "targets.type co \"phone\""),
        ("targets.type eq \"Dial plan\"", "targets.type eq \"dial plan\""),
        ("id eq \"Ev-1\"", "id eq \"Ev-1\""),
        ("id sw Ev", "id sw \"Ev\""),
        ("outcome eq Failure", "outcome.result eq \"failure\""),
        ("actor.type eq API_KEY", "actor.type eq \"api_key\""),
        ("severity le 2", "severity eq \"critical\" or severity eq \"high\""),
        ("severity.number gt high", "severity eq \"medium\" or severity eq \"low\""),
        ("severity lt 1", "not id pr"),
        ("client.port eq 443", "client.port eq 443"),
        ("client.port in (1, 2.0)", "client.port eq 1 or client.port eq 2"),
        ("occurrences.count gt 1e2", "occurrences.count gt 100"),
        ("occurrences.first ge P1D", "occurrences.first ge \"2026-02-28T12:00:00.000000Z\""),
        (
            "time ge 2026-01-01T00:00:00Z and time lt -PT1H",
            "time ge \"2026-01-01T00:00:00.000000Z\" and time lt \"2026-03-01T11:00:00.000000Z\"",
        ),
        (
            "time eq \"2026-01-01T00:00:00Z\"",
            "time ge \"2026-01-01T00:00:00.000000Z\" and time lt \"2026-01-01T00:00:00.000001Z\"",
        ),
        (
            "time ne 2026-01-01T00:00:00Z",
            "time lt \"2026-01-01T00:00:00.000000Z\" or time ge \"2026-01-01T00:00:00.000001Z\"",
        ),
        ("received_at gt 2026-01-01T00:00:00Z", "received_at ge \"2026-01-01T00:00:00.000001Z\""),
        ("ip eq ::ffff:10.0.0.1", "ip eq \"10.0.0.1\""),
        ("ip eq 10.1.2.3/8", "ip cidr \"10.0.0.0/8\""),
        ("ip cidr \"2001:db8::/32\"", "ip cidr \"2001:db8::/32\""),
        ("ip cidr 10.0.0.1", "ip cidr \"10.0.0.1/32\""),
        ("ip eq fe80::1%ETH0", "ip eq \"fe80::1%eth0\""),
        (
            "client.ip eq 10.0.0.1",
            "ip eq \"10.0.0.1\" and (not client.chain pr or client.chained_ip eq \"10.0.0.1\")",
        ),
        ("client.chain cidr 10.0.0.0/8", "client.chain cidr \"10.0.0.0/8\""),
        ("tenant eq acme", "tenant eq \"acme\""),
        ("involves_tenant eq acme", "actor.tenant.below eq \"acme\" or targets.tenant.below eq \"acme\""),
        ("actor_tenant eq acme", "actor.tenant eq \"acme\""),
        ("user eq \"Ada\"", "actor eq \"ada\" or affected eq \"ada\""),
        ("user ne \"Ada\"", "not actor eq \"ada\" and not affected eq \"ada\""),
        ("held eq true and erased eq false", "held eq true and not erased eq true"),
        ("details pr", "details pr"),
        ("client.user_agent pr", "client.user_agent pr"),
        ("client.user_agent eq null", "not client.user_agent pr"),
        ("client.user_agent ne null", "client.user_agent pr"),
        ("actor pr", "actor.id pr or actor.username pr or actor.aliases pr"),
        ("text co \"Login failed\"", "phrase eq \"login failed\""),
        ("text sw \"login fai\"", "phrase sw \"login fai\""),
        ("q co Login", "word eq \"login\""),
        ("word co ogi", "word co \"ogi\""),
        ("parameters.amount gt 100", "parameters.amount gt 100"),
        ("parameters.amount eq 1.50", "parameters.amount eq \"1.5\""),
        ("parameters.amount eq \"1.50\"", "parameters.amount eq \"1.50\""),
        ("parameters.\"Recording Id\" eq C333", "parameters.\"recording id\" eq \"c333\""),
        ("parameters.\"a.b\".c eq true", "parameters.a.b.c eq \"true\""),
        ("parameters.\"quo\\\"te\" pr", "parameters.\"quo\\\"te\" pr"),
        ("parameters.größe co \"x\"", "parameters.grösse co \"x\""),
        ("parameters.a.b pr", "parameters.a.b pr"),
        ("changes.email.new eq \"a@b.c\"", "changes.email.new eq \"a@b.c\""),
        ("changes.old co \"x\"", "changes.old co \"x\""),
        ("field_changed eq E-Mail", "changes.field eq \"e-mail\""),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn and_binds_before_or_and_not_before_both() {
    for (text, expected) in [
        (
            "action eq a or action eq b and action eq c",
            "action eq \"a\" or action eq \"b\" and action eq \"c\"",
        ),
        (
            "(action eq a or action eq b) and action eq c",
            "(action eq \"a\" or action eq \"b\") and action eq \"c\"",
        ),
        ("not action eq a and action eq b", "not action eq \"a\" and action eq \"b\""),
        ("not (action eq a and action eq b)", "not action eq \"a\" or not action eq \"b\""),
        ("NOT(action eq a)AND action eq b", "not action eq \"a\" and action eq \"b\""),
        ("not not action eq a", "action eq \"a\""),
        ("((action eq a))", "action eq \"a\""),
        ("action eq a and (action eq a or action eq a)", "action eq \"a\""),
        ("action eq and", "action eq \"and\""),
        ("action\teq\n\"a\"", "action eq \"a\""),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn says_where_it_stumbled_and_what_it_expected() {
    let deep = "(".repeat(100);
    let many = format!("action in ({}1)", "1,".repeat(1_000));
    let long = format!("action eq \"{}\"", "a".repeat(16 << 10));
    for (text, position, part) in [
        ("", 1, "expected an attribute, not or (, found the end"),
        ("   ", 4, "found the end"),
        ("!action eq a", 1, "not negates"),
        ("acton eq a", 1, "did you mean action?"),
        ("username eq a", 1, "did you mean actor.username?"),
        ("action", 7, "expected one of eq ne co"),
        ("action == a", 8, "did you mean eq?"),
        ("action contains a", 8, "did you mean co?"),
        ("action eqq a", 8, "did you mean eq?"),
        ("action eq", 10, "expected a value, found the end"),
        ("action eq )", 11, "expected a value"),
        ("action eq 'a'", 11, "double quotes"),
        ("action eq \u{201c}a\u{201d}", 11, "double quotes"),
        ("action in (\"b\", \u{201e}a b\u{201c})", 17, "double quotes"),
        ("action eq \u{ab}a\u{bb}", 11, "double quotes"),
        ("action eq \"\"", 11, "the value is empty; not action pr"),
        ("action eq \"a", 11, "no other to close it"),
        ("action eq \"a\\q\"", 13, "\\ begins one of"),
        ("action eq \"\\ud800\"", 12, "\\ begins one of"),
        ("action eq Play recording", 16, "a value with blanks stands in double quotes"),
        ("action eq a and", 16, "found the end"),
        ("action eq a or or", 16, "no such attribute"),
        ("action eq a)", 12, "closes nothing"),
        ("(action eq a", 13, "the ) of the ( at 1"),
        ("é eq 1 and (action eq a", 1, "no such attribute"),
        ("action eq \"é日本\" xor action eq b", 17, "expected and, or, or the end, found \"xor\""),
        ("outcome co a", 9, "outcome takes eq ne in pr, not co"),
        ("outcome eq won", 12, "expected one of success, failure"),
        ("action_type eq nonsense", 16, "/v1/actions"),
        ("object_category in (\"users & domains\", x)", 40, "/v1/objects"),
        ("severity eq 5", 13, "critical, high, medium, low, or 1 to 4"),
        ("client.port eq http", 16, "expected a number"),
        ("time ge yesterday", 9, "RFC 3339"),
        ("ip eq 10.0.0", 7, "expected an IPv4"),
        ("ip cidr 10.0.0.0/33", 9, "10.0.0.0/8"),
        ("ip co 10", 4, "ip takes eq ne in cidr pr"),
        ("held eq 1", 9, "expected true or false"),
        ("held pr", 6, "held takes eq ne"),
        ("details co \"x\"", 9, "text co"),
        ("parameters eq 1", 12, "name one of its values"),
        ("data.x eq 1", 1, "text co"),
        ("action gt null", 11, "null goes with eq and ne"),
        ("action in a", 11, "expected ( and values"),
        ("action in ()", 12, "expected a value"),
        ("action in (a b)", 14, "expected , or )"),
        ("actor. eq a", 7, "expected a name after the dot"),
        ("text co \"...\"", 9, "no word in it"),
        ("word eq \"a b\"", 9, "expected one word"),
        ("phrase eq a", 11, "two words or more"),
        ("id eq \"a b\"", 7, "expected an event id"),
        (&deep, 33, "at most 32 times"),
        (&many, 2_012, "at most 1000 values"),
        (&long, 1, "at most 16384 bytes"),
    ] {
        let message = compiled(text).expect_err(text);
        assert!(message.starts_with(&format!("position {position}: ")), "{text:.60}: {message}");
        assert!(message.contains(part), "{text:.60}: {message}");
        assert!(message.len() < 400, "{message}");
    }
}

/// Filters of every kind, as starting points for changed ones and as parts of larger ones.
const VALID: &[&str] = &[
    "action eq \"Play recording\"",
    "action sw p",
    "not (actor.username in (ada, \"bo\", null))",
    "client.ip cidr 10.0.0.0/8 or ip eq fe80::1%eth0",
    "severity le 2 and outcome ne success",
    "time ge PT24H and time lt 2026-03-01T12:00:00.5+01:00",
    "received_at ne 2026-03-01T12:00:00Z",
    "parameters.\"Recording Id\" eq \"c333\\u00e9\" or parameters.a.\"b c\".d pr",
    "parameters.amount gt 99.5 and parameters.amount le 1e6",
    "changes.email.new ew \"@b.c\" or changes.old pr",
    "occurrences.last gt 2026-01-01T00:00:00Z or occurrences.count ge 10",
    "tenant eq acme and involves_tenant ne \"north\"",
    "text co \"login failed\" and not text sw \"web.exa\"",
    "text co \"ada@x.org\" or text co 10.0.0.1 or text co RunInstances",
    "text co \"c333d58a-7ba6-4d69-91e4-175816aa5d0b\" or text co \"+1 (555) 010-9999\"",
    "word ew x or whole sw \"10.\" or phrase eq \"a b\" or phrase sw \"a b c\"",
    "held eq true or anomalous ne true or user pr",
    "action_type eq Login or object eq \"dial plan\" or object co x",
    "client.port lt 1024 or client.chain eq 10.0.0.1 or client.chain cidr ::/0",
    "id eq Ev-1 or id gt \"E\" or details pr or parameters.x eq null",
];

#[test]
fn what_is_printed_reads_back() {
    for text in VALID {
        let expr = compiled(text).unwrap_or_else(|message| panic!("{text}: {message}"));
        let printed = text_of(&expr);
        assert_eq!(compiled(&printed), Ok(expr), "{text}: {printed}");
    }
}

/// A cursor carries its query as JSON, whose reader stops at a depth of its own.
#[test]
fn the_deepest_filter_survives_its_serialized_form() {
    let mut text = "action eq a".to_owned();
    for level in 0..32 {
        let joined = if level % 2 == 0 { "and" } else { "or" };
        text = format!("(action eq b{level} {joined} {text})");
    }
    let expr = compiled(&text).unwrap();
    let sealed = serde_json::to_string(&crate::Query::new(expr.clone())).unwrap();
    assert_eq!(serde_json::from_str::<crate::Query>(&sealed).unwrap().matches, expr);
    assert!(compiled(&format!("({text})")).is_err());
    // What stands beside each other is not deep.
    assert!(compiled(&vec!["(not action eq a)"; 100].join(" and ")).is_ok());
}

#[test]
fn every_attribute_takes_every_operator_that_it_names() {
    for attribute in ATTRIBUTES {
        let value = match attribute.kind {
            Kind::Id => "Ev-1",
            Kind::Choice(..) => "success",
            Kind::ActorType(_) => "user",
            Kind::ActionType => "login",
            Kind::ObjectCategory => "\"users & domains\"",
            Kind::Severity | Kind::Number(_) => "2",
            Kind::Instant(_) | Kind::Time | Kind::Received => "P1D",
            Kind::Ip | Kind::ClientIp | Kind::Address(_) => "10.0.0.1",
            Kind::Mark(_) => "true",
            Kind::Phrase => "\"two words\"",
            _ => "Ünï",
        };
        for operator in Operator::ALL {
            let name = attribute.name;
            let text = match operator {
                Operator::Present => format!("{name} pr"),
                Operator::In => format!("{name} in ({value}, {value})"),
                operator => format!("{name} {} {value}", operator.name()),
            };
            let taken = attribute.kind.operators().contains(&operator);
            match compiled(&text) {
                Ok(expr) => {
                    let printed = text_of(&expr);
                    assert_eq!(compiled(&printed).as_ref(), Ok(&expr), "{text}: {printed}");
                }
                Err(message) => assert!(!taken, "{text}: {message}"),
            }
        }
    }
}

#[test]
fn the_table_of_the_documentation_is_this_one() {
    let docs = include_str!("../../../../docs/search.md");
    let mut rows = String::new();
    for attribute in ATTRIBUTES {
        rows.push_str(&format!(
            "| `{}` | {} | {} |\n",
            attribute.name,
            attribute.kind.label(),
            attribute.about
        ));
    }
    assert!(docs.contains(&rows), "docs/search.md should have:\n{rows}");
    let mut kinds: Vec<(&str, String)> = ATTRIBUTES
        .iter()
        .map(|attribute| {
            let names: Vec<_> = attribute.kind.operators().iter().map(|operator| operator.name()).collect();
            (attribute.kind.label(), names.join(" "))
        })
        .collect();
    kinds.sort();
    kinds.dedup();
    for (label, operators) in kinds {
        let row = docs.lines().find(|line| line.starts_with(&format!("| {label} |"))).unwrap_or_default();
        assert!(row.contains(&operators), "docs/search.md should say that {label} takes {operators}");
    }
}

fn condition() -> impl Strategy<Value = String> {
    let attributes: Vec<&str> = ATTRIBUTES.iter().map(|attribute| attribute.name).collect();
    let operators: Vec<&str> = Operator::ALL.iter().map(|operator| operator.name()).collect();
    let values = vec![
        "a",
        "\"Ünï cödé\"",
        "10.0.0.1",
        "10.0.0.0/8",
        "2",
        "-1.5e3",
        "true",
        "null",
        "PT1H",
        "\"x\\n\\\"y\\\"\"",
        "login",
        "success",
        "2026-01-01T00:00:00Z",
        "\"two words\"",
        "fe80::1%a",
    ];
    prop_oneof![
        3 => select(VALID).prop_map(str::to_owned),
        4 => (select(attributes), select(operators.clone()), select(values.clone()))
            .prop_map(|(attribute, operator, value)| format!("{attribute} {operator} {value}")),
        1 => ("[a-zé .]{1,6}", select(operators), select(values))
            .prop_map(|(name, operator, value)| format!("parameters.{} {operator} {value}", serde_json::Value::from(name))),
    ]
}

fn filter() -> impl Strategy<Value = String> {
    condition().prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(|parts| format!("({})", parts.join(" and "))),
            vec(inner.clone(), 1..4).prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.prop_map(|part| format!("not ({part})")),
        ]
    })
}

/// That a message's position is one of the text.
fn check_position(text: &str, message: &str) {
    let position = message.strip_prefix("position ").and_then(|rest| rest.split_once(':'));
    let position: usize = position.and_then(|(number, _)| number.parse().ok()).expect(message);
    assert!((1..=text.chars().count() + 1).contains(&position), "{text:?}: {message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn filters_print_as_what_they_mean(text in filter()) {
        match compiled(&text) {
            Ok(expr) => {
                let printed = text_of(&expr);
                let sealed = serde_json::to_string(&expr).unwrap();
                prop_assert_eq!(serde_json::from_str::<Expr>(&sealed).unwrap(), expr.clone());
                prop_assert_eq!(compiled(&printed), Ok(expr), "{}", printed);
            }
            Err(message) => check_position(&text, &message),
        }
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,60}") {
        if let Err(message) = compiled(&text) {
            check_position(&text, &message);
        }
    }

    #[test]
    fn changed_filters_are_answered(
        text in filter(),
        changes in vec((any::<prop::sample::Index>(), 0..4_u8, select(vec!['(', ')', '"', '\\', '.', ',', ' ', 'é', '!', '\0', '1', 'n'])), 1..6),
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, change, c) in changes {
            if chars.is_empty() {
                break;
            }
            let at = at.index(chars.len());
            match change {
                0 => chars[at] = c,
                1 => chars.insert(at, c),
                2 => drop(chars.remove(at)),
                _ => chars.truncate(at),
            }
        }
        let text: String = chars.into_iter().collect();
        match compiled(&text) {
            Ok(expr) => {
                let printed = text_of(&expr);
                prop_assert_eq!(compiled(&printed), Ok(expr), "{}", printed);
            }
            Err(message) => check_position(&text, &message),
        }
    }
}
