//! Random filters, each as text and as a plain function of an event, so that neither is derived from the other.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use indelible_event::{Actor, Event, Timestamp};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;

use super::figures::values_of;
use super::random::{NAMES, WORDS};
use super::world::{NOW, Stored};
use crate::Mark;

/// A filter.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    /// Any value of the attribute compares so.
    Text(&'static str, &'static str, String),
    Any(&'static str, Vec<String>),
    Number(&'static str, &'static str, i128),
    Severity(&'static str, u8),
    Instant(&'static str, &'static str, i64),
    Network(u8, u8),
    Tenant(&'static str),
    Mark(&'static str, bool),
    Present(&'static str),
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
}

/// The events that are marked.
pub(super) type Marked = HashMap<Mark, BTreeSet<u64>>;

const TEXTS: [&str; 25] = [
    "action",
    "action_type",
    "actor",
    "actor.aliases",
    "actor.first_name",
    "actor.groups",
    "actor.id",
    "actor.last_name",
    "actor.tenant",
    "actor.username",
    "affected",
    "changes.\"e-mail\".new",
    "changes.new",
    "client.zone",
    "field_changed",
    "host",
    "on_behalf_of.username",
    "parameters.\"Login Name\"",
    "parameters.\"login name\".n.m",
    "reason",
    "session_id",
    "source.node",
    "targets.name",
    "targets.type",
    "user",
];
const OPERATORS: [&str; 7] = ["eq", "ne", "co", "sw", "ew", "gt", "le"];
const PRESENT: [&str; 19] = [
    "actor",
    "actor.aliases",
    "actor.id",
    "changes",
    "client.chain",
    "client.zone",
    "component",
    "data",
    "details",
    "ip",
    "object",
    "object_category",
    "on_behalf_of.username",
    "outcome",
    "parameters",
    "parameters.\"login name\"",
    "reason",
    "session_id",
    "targets",
];

pub(super) fn filter() -> impl Strategy<Value = Filter> {
    let value = || {
        prop_oneof![
            3 => select(&NAMES[..]),
            2 => select(&WORDS[..]),
            2 => select(&["a", "LOGIN", "play", "e-", "日本", "n", "D", "true", "мир"][..]),
        ]
        .prop_map(str::to_owned)
    };
    let instant = || {
        prop_oneof![
            (0..5_i64).prop_map(|step| NOW + step * 1_000_000),
            (0..9_i64).prop_map(|step| NOW - step * 86_400_000_000),
            (0..60_i64).prop_map(|step| NOW + step * 1_000),
        ]
    };
    let text = (select(&TEXTS[..]), select(&OPERATORS[..]), value());
    // What has names of its own, or patterns that make no sense for it, is not compared as text.
    let text = text.prop_filter_map("an operator that goes with it", |(path, operator, value)| {
        let named = path == "action_type" && !["eq", "ne"].contains(&operator);
        let kinds = path == "targets.type" && ["gt", "le"].contains(&operator);
        (!named && !kinds).then_some(Filter::Text(path, operator, value))
    });
    let leaf = prop_oneof![
        8 => text,
        1 => (select(&TEXTS[..]), vec(value(), 1..4)).prop_map(|(path, values)| Filter::Any(path, values)),
        1 => (
            select(&["parameters.\"login name\"", "changes.new", "parameters.\"login name\".n"][..]),
            select(&["eq", "gt", "ge", "lt", "le"][..]),
            select(&[1_i128, 0, 12_345_678_901_234_567_890, 12_345_678_901_234_567_889, -3][..]),
        )
            .prop_map(|(path, operator, number)| Filter::Number(path, operator, number)),
        1 => (select(&["eq", "ne", "gt", "ge", "lt", "le"][..]), 1..5_u8)
            .prop_map(|(operator, number)| Filter::Severity(operator, number)),
        2 => (select(&["time", "received_at"][..]), select(&["eq", "ne", "gt", "ge", "lt", "le"][..]), instant())
            .prop_map(|(path, operator, at)| Filter::Instant(path, operator, at)),
        1 => (0..4_u8, 8..32_u8).prop_map(|(third, bits)| Filter::Network(third, bits)),
        1 => select(&["one", "two", "all", "some", "none", "nobody"][..]).prop_map(Filter::Tenant),
        2 => (select(&["erased", "held", "anomalous"][..]), any::<bool>())
            .prop_map(|(name, on)| Filter::Mark(name, on)),
        3 => select(&PRESENT[..]).prop_map(Filter::Present),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 1..4).prop_map(Filter::And),
            2 => vec(inner.clone(), 1..4).prop_map(Filter::Or),
            1 => inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

/// Marks on some of the first events.
pub(super) fn marks() -> impl Strategy<Value = Marked> {
    let some = || btree_set(0..120_u64, 0..20);
    (btree_set(0..120_u64, 0..6), some(), some(), some()).prop_map(|(hidden, erased, held, anomalous)| {
        HashMap::from([
            (Mark::Hidden, hidden),
            (Mark::Erased, erased),
            (Mark::Held, held),
            (Mark::Anomalous, anomalous),
        ])
    })
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

impl Filter {
    /// As it is sent.
    pub(super) fn text(&self) -> String {
        let list = |parts: &[Filter], by: &str| {
            format!("({})", parts.iter().map(Filter::text).collect::<Vec<_>>().join(by))
        };
        match self {
            Filter::Text(path, operator, value) => format!("{path} {operator} {}", quoted(value)),
            Filter::Any(path, values) => {
                let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
                format!("{path} in ({})", values.join(", "))
            }
            Filter::Number(path, operator, number) => format!("{path} {operator} {number}"),
            Filter::Severity(operator, number) => format!("severity {operator} {number}"),
            Filter::Instant(path, operator, at) => {
                format!("{path} {operator} {}", quoted(&Timestamp::from_micros(*at).to_rfc3339()))
            }
            Filter::Network(third, bits) => format!("ip cidr \"10.0.{third}.0/{bits}\""),
            Filter::Tenant(name) => format!("tenant eq {name}"),
            Filter::Mark(name, on) => format!("{name} eq {on}"),
            Filter::Present(path) => format!("{path} pr"),
            Filter::And(parts) => list(parts, " and "),
            Filter::Or(parts) => list(parts, " OR "),
            Filter::Not(inner) => format!("not ({})", inner.text()),
        }
    }

    /// What it says of an event.
    pub(super) fn holds(
        &self,
        stored: &Stored,
        marked: &Marked,
        tenants: &HashMap<String, Vec<u64>>,
    ) -> bool {
        match self {
            Filter::Text(path, "ne", value) => {
                !Filter::Text(path, "eq", value.clone()).holds(stored, marked, tenants)
            }
            Filter::Text(path, operator, value) => {
                let bound = value.to_lowercase();
                values_at(stored, path).iter().any(|value| match *operator {
                    "eq" => *value == bound,
                    "co" => value.contains(&bound),
                    "sw" => value.starts_with(&bound),
                    "ew" => value.ends_with(&bound),
                    "gt" => *value > bound,
                    "le" => *value <= bound,
                    other => panic!("{other}"),
                })
            }
            Filter::Any(path, values) => {
                let found = values_at(stored, path);
                values.iter().any(|value| found.contains(&value.to_lowercase()))
            }
            Filter::Number(path, operator, number) => {
                let mut numbers =
                    values_at(stored, path).into_iter().filter_map(|text| text.parse::<i128>().ok());
                numbers.any(|value| compares(operator, &value, number))
            }
            Filter::Severity(operator, number) => {
                compares(operator, &(stored.decoded.derived.severity as u8), number)
            }
            Filter::Instant("time", operator, at) => compares(operator, &stored.time, at),
            Filter::Instant(_, operator, at) => compares(operator, &stored.received, at),
            Filter::Network(third, bits) => {
                let net = u32::from_be_bytes([10, 0, *third, 0]) >> (32 - bits);
                addresses(&stored.decoded.event)
                    .into_iter()
                    .any(|ip| matches!(ip, IpAddr::V4(ip) if u32::from(ip) >> (32 - bits) == net))
            }
            Filter::Tenant(name) => tenants.get(*name).is_some_and(|list| list.contains(&stored.tenant)),
            Filter::Mark(name, on) => {
                let mark = match *name {
                    "erased" => Mark::Erased,
                    "held" => Mark::Held,
                    _ => Mark::Anomalous,
                };
                marked[&mark].contains(&stored.index) == *on
            }
            Filter::Present(path) => is_present(stored, path),
            Filter::And(parts) => parts.iter().all(|part| part.holds(stored, marked, tenants)),
            Filter::Or(parts) => parts.iter().any(|part| part.holds(stored, marked, tenants)),
            Filter::Not(inner) => !inner.holds(stored, marked, tenants),
        }
    }
}

fn compares<T: Ord>(operator: &str, value: &T, bound: &T) -> bool {
    match operator {
        "eq" => value == bound,
        "ne" => value != bound,
        "gt" => value > bound,
        "ge" => value >= bound,
        "lt" => value < bound,
        "le" => value <= bound,
        other => panic!("{other}"),
    }
}

fn addresses(event: &Event) -> Vec<IpAddr> {
    let chain = event.client.chain.iter().filter_map(|hop| hop.parse().ok());
    event.client.ip.into_iter().chain(chain).map(|ip: IpAddr| ip.to_canonical()).collect()
}

/// The values of an attribute, without case.
fn values_at(stored: &Stored, path: &str) -> Vec<String> {
    let event = &stored.decoded.event;
    let actor =
        |pick: fn(&Actor) -> Vec<&String>| -> Vec<&String> { event.actor.iter().flat_map(pick).collect() };
    let found: Vec<&String> = match path {
        "actor.aliases" => actor(|actor| actor.aliases.iter().collect()),
        "actor.first_name" => actor(|actor| actor.first_name.iter().collect()),
        "actor.groups" => actor(|actor| actor.groups.iter().collect()),
        "actor.id" => actor(|actor| actor.id.iter().collect()),
        "actor.last_name" => actor(|actor| actor.last_name.iter().collect()),
        "actor.username" => actor(|actor| actor.username.iter().collect()),
        "on_behalf_of.username" => {
            event.on_behalf_of.iter().filter_map(|actor| actor.username.as_ref()).collect()
        }
        "client.zone" => event.client.zone.iter().collect(),
        "session_id" => event.session_id.iter().collect(),
        "targets.name" => event.targets.iter().filter_map(|target| target.name.as_ref()).collect(),
        "parameters.\"Login Name\"" | "parameters.\"login name\"" => {
            return event.parameters.iter().flat_map(|(_, value)| scalars(value.get(), &[])).collect();
        }
        "parameters.\"login name\".n" => {
            return event.parameters.iter().flat_map(|(_, value)| scalars(value.get(), &["n"])).collect();
        }
        "parameters.\"login name\".n.m" => {
            return event
                .parameters
                .iter()
                .flat_map(|(_, value)| scalars(value.get(), &["n", "m"]))
                .collect();
        }
        "changes.new" | "changes.\"e-mail\".new" => {
            let new = event.changes.iter().filter_map(|change| change.new.as_ref());
            return new.flat_map(|value| all_scalars(value.get())).collect();
        }
        "user" => {
            let both = ["actor", "affected"];
            return both.iter().flat_map(|field| values_of(stored, field)).collect();
        }
        "actor.tenant" => return values_of(stored, "actor_tenant").into_iter().collect(),
        "source.node" => return values_of(stored, "node").into_iter().collect(),
        "targets.type" => return values_of(stored, "object").into_iter().collect(),
        field => return values_of(stored, field).into_iter().collect(),
    };
    found.into_iter().map(|value| value.to_lowercase()).collect()
}

/// All scalars in a JSON value, however deep.
fn all_scalars(json: &str) -> Vec<String> {
    let mut found = Vec::new();
    crate::json::scalars(json, |text| found.push(text.to_lowercase()));
    found
}

/// The scalars that lie under these names in a JSON value; arrays add no name.
fn scalars(json: &str, names: &[&str]) -> Vec<String> {
    fn walk(value: &serde_json::Value, names: &[&str], found: &mut Vec<String>) {
        match (value, names) {
            (serde_json::Value::Array(items), _) => items.iter().for_each(|item| walk(item, names, found)),
            (serde_json::Value::Object(members), [name, rest @ ..]) => {
                members.get(*name).into_iter().for_each(|member| walk(member, rest, found));
            }
            (serde_json::Value::String(text), []) => found.push(text.to_lowercase()),
            (serde_json::Value::Number(number), []) => found.push(number.to_string()),
            (serde_json::Value::Bool(value), []) => found.push(value.to_string()),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(&serde_json::from_str(json).unwrap(), names, &mut found);
    found
}

fn is_present(stored: &Stored, path: &str) -> bool {
    let event = &stored.decoded.event;
    match path {
        "changes" => !event.changes.is_empty(),
        "client.chain" => !event.client.chain.is_empty(),
        "data" => event.data.is_some(),
        "details" => stored.decoded.derived.details.is_some(),
        "ip" => event.client.ip.is_some() || !event.client.chain.is_empty(),
        // The type of a target as sent.
        "object" => event.targets.iter().any(|target| target.kind.is_some()),
        "parameters" => !event.parameters.is_empty(),
        "parameters.\"login name\"" => event.parameters.iter().any(|(_, value)| value.get() != "null"),
        "targets" => !event.targets.is_empty(),
        other => !values_at(stored, other).is_empty(),
    }
}
