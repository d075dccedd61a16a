//! Query parameters to a [`Query`]: the filters of `GET /v1/events`.
//!
//! The same parameter several times means any of the values; `!` before a value means that it must not be there, and
//! an event that lacks the field passes. Anything else combines with "and". A value that can't be understood is a
//! problem with the parameter's name in `field`: a misspelt filter must never widen a result.

use std::net::IpAddr;

use indelible_event::{Code, Problem, Timestamp};
use ipnet::IpNet;
use jiff::tz::TimeZone;

use crate::field::{Field, ip_term, ip_zone_term, keyword, read_address};
use crate::instant::{parse_instant, parse_zone};
use crate::query::{Expr, Query, TimeRange};
use crate::text::parse_text;

/// The filter parameters that [`Query::from_params`] reads.
pub const KNOWN_PARAMETERS: [&str; 32] = [
    "action",
    "action_type",
    "actor",
    "actor_tenant",
    "affected",
    "affected_tenant",
    "application",
    "channel",
    "component",
    "data_source",
    "group",
    "host",
    "id",
    "involves_tenant",
    "ip",
    "node",
    "object",
    "object_category",
    "outcome",
    "q",
    "reason",
    "received_since",
    "received_until",
    "request_id",
    "role",
    "session_id",
    "severity",
    "since",
    "tenant",
    "trace_id",
    "until",
    "user",
];

/// Values taken for one parameter; more is a mistake, or an attempt to make a query expensive.
const VALUES_MAX: usize = 1_000;

/// The known parameter nearest to `name`, if one is near enough to be what was meant.
///
/// `also` are the names that the caller reads itself (`limit`, `tz` ...).
pub fn nearest_parameter<'a>(name: &str, also: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let near = name.chars().count() / 3 + 1;
    let known = KNOWN_PARAMETERS.iter().copied().chain(also.iter().copied());
    let (distance, best) = known.map(|known| (edit_distance(&name, known), known)).min()?;
    // A name that shares nothing with the best is no misspelling of it.
    (distance <= near && distance < best.len()).then_some(best)
}

/// Insertions, deletions, replacements and swaps of neighbours that make `a` into `b`.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut cost = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cost = cost.min(before[j - 2] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

impl Query {
    /// Reads the filters among `params`; other parameters (`limit`, `after` ...) are the caller's and are passed over,
    /// but `tz`, an IANA zone, says in which calendar a duration's days and months are counted (UTC if absent).
    ///
    /// Names in `tenant` wait for [`Query::resolve_tenants`].
    ///
    /// # Errors
    /// One `invalid_filter` for each value that can't be understood, `field` being the parameter's name.
    pub fn from_params(params: &[(String, String)], now: Timestamp) -> Result<Query, Vec<Problem>> {
        let mut reader = Reader { params, now, problems: Vec::new() };
        let query = reader.query();
        if reader.problems.is_empty() { Ok(query) } else { Err(reader.problems) }
    }
}

struct Reader<'a> {
    params: &'a [(String, String)],
    now: Timestamp,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn query(&mut self) -> Query {
        let mut zone = TimeZone::UTC;
        if let Some(name) = self.values("tz").last() {
            match parse_zone(name) {
                Ok(named) => zone = named,
                Err(message) => self.refuse("tz", message),
            }
        }
        let time = self.range("since", "until", &zone);
        let received = self.range("received_since", "received_until", &zone);
        let mut parts = Vec::new();
        for name in KNOWN_PARAMETERS {
            if !matches!(name, "since" | "until" | "received_since" | "received_until") {
                parts.extend(self.filter(name));
            }
        }
        Query { matches: Expr::and(parts), time, received }
    }

    fn values(&self, name: &str) -> Vec<&'a str> {
        self.params.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str()).collect()
    }

    fn refuse(&mut self, name: &str, message: String) {
        self.problems.push(Problem { code: Code::InvalidFilter, field: name.to_owned(), message });
    }

    /// The conditions of one parameter: any of the plain values, none of the negated ones.
    fn filter(&mut self, name: &'static str) -> Vec<Expr> {
        let values = self.values(name);
        if values.len() > VALUES_MAX {
            self.refuse(name, format!("at most {VALUES_MAX} values are taken for one parameter"));
            return Vec::new();
        }
        let (mut any, mut none) = (Vec::new(), Vec::new());
        for value in values {
            let (negated, wanted) = match value.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, value),
            };
            match condition(name, wanted) {
                Ok(expr) if negated => none.push(Expr::Not(Box::new(expr))),
                Ok(expr) => any.push(expr),
                Err(message) => self.refuse(name, message),
            }
        }
        if !any.is_empty() {
            none.push(Expr::or(any));
        }
        none
    }

    /// The widest range that the values allow: repeated bounds mean any of them.
    fn range(&mut self, since: &'static str, until: &'static str, zone: &TimeZone) -> TimeRange {
        let lower = self.instants(since, zone).into_iter().min().unwrap_or(i64::MIN);
        let upper = self.instants(until, zone).into_iter().max().unwrap_or(i64::MAX);
        TimeRange { since: lower, until: upper }
    }

    fn instants(&mut self, name: &'static str, zone: &TimeZone) -> Vec<i64> {
        let mut found = Vec::new();
        for value in self.values(name) {
            match parse_instant(value, self.now, zone) {
                Ok(at) => found.push(at.as_micros()),
                Err(message) => self.refuse(name, message),
            }
        }
        found
    }
}

/// What one value of a parameter demands.
fn condition(name: &'static str, value: &str) -> Result<Expr, String> {
    if value.is_empty() {
        return Err("the value is empty; leave the parameter out to not filter by it".to_owned());
    }
    let term = |field: Field| Expr::Term(field, keyword(value).into_owned());
    let either = |a: Field, b: Field| Expr::Or(vec![term(a), term(b)]);
    Ok(match name {
        "action" => term(Field::Action),
        "action_type" => term(Field::ActionType),
        "actor" => term(Field::Actor),
        "affected" => term(Field::Affected),
        "user" => either(Field::Actor, Field::Affected),
        "group" => term(Field::Group),
        "role" => term(Field::Role),
        "application" => term(Field::Application),
        "component" => term(Field::Component),
        "node" => term(Field::Node),
        "data_source" => term(Field::DataSource),
        "object" => term(Field::Object),
        "object_category" => term(Field::ObjectCategory),
        "host" => term(Field::Host),
        "channel" => term(Field::Channel),
        "reason" => term(Field::Reason),
        "session_id" => term(Field::SessionId),
        "request_id" => term(Field::RequestId),
        "trace_id" => term(Field::TraceId),
        "id" => id(value)?,
        "outcome" => {
            one_of(Field::Outcome, value, &["success", "failure", "denied", "challenge", "unknown"])?
        }
        "severity" => severity(value)?,
        "ip" => ip(value)?,
        "tenant" => Expr::TenantNamed(value.to_owned()),
        "actor_tenant" => term(Field::ActorTenant),
        "affected_tenant" => Expr::TenantText(Field::AffectedTenant, value.to_owned()),
        "involves_tenant" => Expr::Or(vec![
            Expr::TenantText(Field::ActorTenant, value.to_owned()),
            Expr::TenantText(Field::AffectedTenant, value.to_owned()),
        ]),
        "q" => parse_text(value)?,
        other => return Err(format!("the parameter {other} is no filter")),
    })
}

/// Ids are compared byte for byte. What no event can have as its id is a mistake, not an empty result.
fn id(value: &str) -> Result<Expr, String> {
    let printable = value.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b'*');
    // An id that was given twice with other bytes is kept with `~` and 8 hex digits after it.
    if printable && value.len() <= 128 + 9 {
        Ok(Expr::Term(Field::Id, value.to_owned()))
    } else {
        Err("expected an event id: up to 128 printable ASCII characters without space, / or *".to_owned())
    }
}

fn one_of(field: Field, value: &str, names: &[&str]) -> Result<Expr, String> {
    let wanted = keyword(value);
    if names.contains(&wanted.as_ref()) {
        Ok(Expr::Term(field, wanted.into_owned()))
    } else {
        Err(format!("expected one of {}", names.join(", ")))
    }
}

fn severity(value: &str) -> Result<Expr, String> {
    let name = match value {
        "1" => "critical",
        "2" => "high",
        "3" => "medium",
        "4" => "low",
        name => name,
    };
    one_of(Field::Severity, name, &["critical", "high", "medium", "low"])
        .map_err(|_| "expected critical, high, medium, low, or 1 to 4".to_owned())
}

/// An address, with or without a zone, or a network.
fn ip(value: &str) -> Result<Expr, String> {
    let expected = || "expected an IPv4 or IPv6 address, or a network such as 10.0.0.0/8".to_owned();
    if value.contains('/') {
        let net: IpNet = value.parse().map_err(|_| expected())?;
        return Ok(network(net));
    }
    // A port makes sense in a chain, but not in a filter.
    let (ip, zone) = read_address(value).filter(|_| !value.contains("]:")).ok_or_else(expected)?;
    if value.parse::<IpAddr>().is_err() && zone.is_none() && !value.starts_with('[') {
        return Err(expected());
    }
    Ok(match zone {
        Some(zone) => Expr::Term(Field::IpZone, ip_zone_term(ip, zone)),
        None => Expr::Term(Field::Ip, ip_term(ip)),
    })
}

fn network(net: IpNet) -> Expr {
    let range = |lo: String, hi: String| Expr::Range(Field::Ip, lo, hi);
    match net {
        IpNet::V4(v4) => range(ip_term(v4.network().into()), ip_term(v4.broadcast().into())),
        IpNet::V6(v6) => {
            let (first, last) = (v6.network(), v6.broadcast());
            if first.to_ipv4_mapped().is_some() && v6.prefix_len() >= 96 {
                return range(ip_term(first.into()), ip_term(last.into()));
            }
            // Written out, since the terms of mapped addresses are those of IPv4.
            range(format!("6{:032x}", u128::from(first)), format!("6{:032x}", u128::from(last)))
        }
    }
}
