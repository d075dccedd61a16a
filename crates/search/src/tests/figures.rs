//! Figures as they must be: plain counting over the events that match, without an index.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use indelible_event::{Severity, Timestamp};

use super::model::memberships;
use super::world::Stored;
use crate::{Histogram, Hit, Stats, Value, Values};

/// The values of a field, folded as the test's own values need it.
pub(super) fn values_of(stored: &Stored, field: &str) -> BTreeSet<String> {
    let (event, derived) = (&stored.decoded.event, &stored.decoded.derived);
    let (source, client, outcome) = (&event.source, &event.client, &event.outcome);
    let actor = event.actor.as_ref();
    let targets = || event.targets.iter();
    let mut found: Vec<Option<String>> = Vec::new();
    match field {
        "action" => found.push(Some(event.action.clone())),
        "action_type" => found.push(Some(derived.action_type.to_string())),
        "object" => {
            found.push(derived.object_type.as_deref().map(str::to_owned));
            found.extend(targets().map(|target| target.kind.clone()));
        }
        "object_category" => found.push(derived.object_category.as_deref().map(str::to_owned)),
        "application" => found.push(source.application.clone()),
        "component" => found.push(source.component.clone()),
        "node" => found.push(source.node.clone()),
        "data_source" => found.push(source.data_source.clone()),
        "actor" => {
            if let Some(actor) = actor {
                found.extend([actor.id.clone(), actor.username.clone()]);
                found.extend(actor.aliases.iter().cloned().map(Some));
            }
        }
        "affected" => {
            for target in targets() {
                found.extend([target.id.clone(), target.username.clone(), target.name.clone()]);
                found.extend(target.aliases.iter().cloned().map(Some));
            }
        }
        "actor_tenant" => found.push(actor.and_then(|actor| actor.tenant.clone())),
        "affected_tenant" => found.extend(targets().map(|target| target.tenant.clone())),
        "group" | "role" => {
            found.extend(memberships(stored, field == "group").into_iter().cloned().map(Some));
        }
        "host" => found.push(client.host.clone()),
        "channel" => found.push(client.channel.clone()),
        "outcome" => found.push(outcome.result.map(|result| result.as_str().to_owned())),
        "reason" => found.push(outcome.reason.clone()),
        "severity" => found.push(Some(
            match derived.severity {
                Severity::Critical => "critical",
                Severity::High => "high",
                Severity::Medium => "medium",
                Severity::Low => "low",
            }
            .to_owned(),
        )),
        "ip" => {
            let chain = client.chain.iter().filter_map(|hop| hop.parse().ok());
            let all: Vec<IpAddr> = client.ip.into_iter().chain(chain).collect();
            found.extend(all.into_iter().map(|ip| Some(ip.to_canonical().to_string())));
        }
        "field_changed" => found.extend(event.changes.iter().map(|change| Some(change.field.clone()))),
        "tenant" => found.push(Some(stored.tenant.to_string())),
        other => panic!("the model does not know {other}"),
    }
    found.into_iter().flatten().map(|value| value.to_lowercase()).collect()
}

/// The users that an event names: each is one within its own tenant, else within the event's.
fn users(stored: &Stored) -> Vec<(Result<String, u64>, String)> {
    let event = &stored.decoded.event;
    let user = |tenant: &Option<String>, names: Vec<Option<&String>>| {
        let name = names.into_iter().flatten().find(|name| !name.is_empty())?;
        let within = tenant.as_ref().map_or(Err(stored.tenant), |tenant| Ok(tenant.to_lowercase()));
        Some((within, name.to_lowercase()))
    };
    let somebody = ["user", "subscriber", "person", "account", "agent", "member"];
    let actor = event.actor.iter().filter_map(|actor| {
        let names = [actor.id.as_ref(), actor.username.as_ref()].into_iter();
        user(&actor.tenant, names.chain(actor.aliases.iter().map(Some)).collect())
    });
    let people = event.targets.iter().filter(|target| {
        let kind = target.kind.as_ref().map(|kind| kind.to_lowercase());
        target.username.is_some() || kind.is_some_and(|kind| somebody.contains(&kind.as_str()))
    });
    let people = people.filter_map(|target| {
        let names = [target.id.as_ref(), target.username.as_ref(), target.name.as_ref()].into_iter();
        user(&target.tenant, names.chain(target.aliases.iter().map(Some)).collect())
    });
    actor.chain(people).collect()
}

/// Figures over events.
pub(super) fn stats(events: &[&Stored]) -> Stats {
    let mut users_met = BTreeSet::new();
    let mut domains = BTreeSet::new();
    let mut by: BTreeMap<&'static str, BTreeMap<String, u64>> = BTreeMap::new();
    for event in events {
        users_met.extend(users(event));
        for field in ["actor_tenant", "affected_tenant"] {
            domains.extend(values_of(event, field));
        }
    }
    for field in ["action_type", "object_category", "outcome", "severity"] {
        let counts = by.entry(field).or_default();
        for value in events.iter().flat_map(|event| values_of(event, field)) {
            *counts.entry(value).or_default() += 1;
        }
    }
    let tenants: BTreeSet<u64> = events.iter().map(|event| event.tenant).collect();
    Stats {
        total: events.len() as u64,
        users: users_met.len() as u64,
        domains: domains.len() as u64,
        tenants: tenants.len() as u64,
        first: events.iter().map(|event| event.time).min(),
        last: events.iter().map(|event| event.time).max(),
        by: by.into_iter().map(|(field, counts)| (field, most_first(counts))).collect(),
    }
}

fn most_first(counts: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut list: Vec<(String, u64)> = counts.into_iter().collect();
    list.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    list
}

/// Events by time, and by value of a field.
pub(super) fn histogram(events: &[&Stored], edges: &[i64], by: Option<&str>) -> Histogram {
    let width = edges.len() - 1;
    let bucket = |event: &Stored| (0..width).find(|at| (edges[*at]..edges[at + 1]).contains(&event.time));
    let mut expected = Histogram { buckets: vec![0; width], ..Histogram::default() };
    let mut rows: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    if by.is_some() {
        (expected.others, expected.without) = (vec![0; width], vec![0; width]);
    }
    for event in events {
        let Some(at) = bucket(event) else { continue };
        expected.buckets[at] += 1;
        let Some(field) = by else { continue };
        let values = values_of(event, field);
        expected.without[at] += u64::from(values.is_empty());
        for value in values {
            rows.entry(value).or_insert_with(|| vec![0; width])[at] += 1;
        }
    }
    let mut series: Vec<(String, Vec<u64>)> = rows.into_iter().collect();
    series.sort_by_key(|(_, row)| std::cmp::Reverse(row.iter().sum::<u64>()));
    for (_, row) in series.split_off(series.len().min(Histogram::SERIES_MAX)) {
        (0..width).for_each(|at| expected.others[at] += row[at]);
    }
    expected.series = series;
    expected
}

/// The values of a field in events, which come newest first.
pub(super) fn values(events: &[&Stored], field: &str, prefix: &str, limit: usize) -> Values {
    let mut counts: BTreeMap<String, (u64, Hit)> = BTreeMap::new();
    for event in events {
        for value in values_of(event, field).into_iter().filter(|value| value.starts_with(prefix)) {
            let newest = Hit { index: event.index, time: Timestamp::from_micros(event.time) };
            counts.entry(value).or_insert((0, newest)).0 += 1;
        }
    }
    let distinct = counts.len() as u64;
    let mut list: Vec<Value> =
        counts.into_iter().map(|(term, (count, newest))| Value { term, count, newest }).collect();
    list.sort_by_key(|value| std::cmp::Reverse(value.count));
    list.truncate(limit);
    let missing = events.iter().filter(|event| values_of(event, field).is_empty()).count() as u64;
    Values { values: list, distinct, missing }
}
