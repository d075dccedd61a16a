//! What the answers must be: every condition tried on every event, without an index.

use std::collections::HashMap;
use std::net::IpAddr;

use indelible_event::{Event, Timestamp};

use super::world::{NOW, Stored};
use crate::instant::parse_instant;
use crate::json::scalars;
use crate::words::{whole_of, wholes, word_list};
use crate::{Reach, SortKey};

/// The keys of the events that match, newest first.
pub(super) fn matching(
    events: &[Stored],
    reach: &Reach,
    params: &[(&str, &str)],
    tenants: &HashMap<String, Vec<u64>>,
    as_of: u64,
) -> Vec<SortKey> {
    let visible = |event: &&Stored| event.index < as_of && reach.contains(event.tenant);
    let mut keys: Vec<SortKey> = events
        .iter()
        .filter(visible)
        .filter(|event| passes(event, params, tenants))
        .map(|event| SortKey { time: event.time, index: event.index })
        .collect();
    keys.sort_unstable_by(|a, b| b.cmp(a));
    keys
}

fn passes(event: &Stored, params: &[(&str, &str)], tenants: &HashMap<String, Vec<u64>>) -> bool {
    let mut names: Vec<&str> = params.iter().map(|(name, _)| *name).collect();
    names.dedup();
    names.iter().all(|name| {
        let values = params.iter().filter(|(given, _)| given == name).map(|(_, value)| *value);
        let (negated, plain): (Vec<_>, Vec<_>) = values.partition(|value| value.starts_with('!'));
        let has = |value: &str| holds(event, name, value, tenants);
        negated.iter().all(|value| !has(&value[1..]))
            && (plain.is_empty() || plain.iter().any(|value| has(value)))
    })
}

fn holds(stored: &Stored, name: &str, value: &str, tenants: &HashMap<String, Vec<u64>>) -> bool {
    let Stored { decoded, .. } = stored;
    let (event, derived) = (&decoded.event, &decoded.derived);
    let instant =
        || parse_instant(value, Timestamp::from_micros(NOW), &jiff::tz::TimeZone::UTC).unwrap().as_micros();
    let is = |text: &str| fold(text) == fold(value);
    let some = |text: Option<&str>| text.is_some_and(is);
    let actor = event.actor.as_ref();
    let targets = &event.targets;
    let acts = || {
        actor.is_some_and(|actor| {
            [&actor.id, &actor.username].into_iter().flatten().chain(&actor.aliases).any(|name| is(name))
        })
    };
    let affected = || {
        targets.iter().any(|target| {
            let names = [&target.id, &target.username, &target.name];
            names.into_iter().flatten().chain(&target.aliases).any(|name| is(name))
        })
    };
    let actor_tenant = || some(actor.and_then(|actor| actor.tenant.as_deref()));
    let affected_tenant = || targets.iter().any(|target| some(target.tenant.as_deref()));
    match name {
        "since" => stored.time >= instant(),
        "until" => stored.time < instant(),
        "received_since" => stored.received >= instant(),
        "received_until" => stored.received < instant(),
        "id" => stored.id == value,
        "tenant" => tenants.get(value).is_some_and(|numbers| numbers.contains(&stored.tenant)),
        "action" => is(&event.action),
        "action_type" => is(&derived.action_type),
        "object" => {
            some(derived.object_type.as_deref()) || targets.iter().any(|target| some(target.kind.as_deref()))
        }
        "object_category" => some(derived.object_category.as_deref()),
        "application" => some(event.source.application.as_deref()),
        "component" => some(event.source.component.as_deref()),
        "node" => some(event.source.node.as_deref()),
        "data_source" => some(event.source.data_source.as_deref()),
        "actor" => acts(),
        "affected" => affected(),
        "user" => acts() || affected(),
        "actor_tenant" => actor_tenant(),
        "affected_tenant" => affected_tenant(),
        "involves_tenant" => actor_tenant() || affected_tenant(),
        "group" => {
            actor.into_iter().flat_map(|actor| &actor.groups).any(|group| is(group))
                || targets.iter().flat_map(|target| &target.groups).any(|group| is(group))
        }
        "role" => {
            actor.into_iter().flat_map(|actor| &actor.roles).any(|role| is(role))
                || targets.iter().flat_map(|target| &target.roles).any(|role| is(role))
        }
        "host" => some(event.client.host.as_deref()),
        "channel" => some(event.client.channel.as_deref()),
        "outcome" => some(event.outcome.result.map(|result| result.as_str())),
        "reason" => some(event.outcome.reason.as_deref()),
        "severity" => (derived.severity as u8).to_string() == value || is(&format!("{:?}", derived.severity)),
        "session_id" => some(event.session_id.as_deref()),
        "request_id" => some(event.request_id.as_deref()),
        "trace_id" => some(event.trace_id.as_deref()),
        "ip" => addresses(event).iter().any(|(ip, zone)| address_fits(*ip, zone.as_deref(), value)),
        "q" => text_fits(&texts(stored), value),
        other => panic!("the model does not know {other}"),
    }
}

/// The test's values have no letters for which this is not enough.
fn fold(text: &str) -> String {
    text.to_lowercase()
}

fn addresses(event: &Event) -> Vec<(IpAddr, Option<String>)> {
    let own = event.client.ip.map(|ip| (ip, event.client.zone.clone()));
    let chain = event.client.chain.iter().filter_map(|hop| {
        let (ip, zone) =
            hop.split_once('%').map_or((hop.as_str(), None), |(ip, zone)| (ip, Some(zone.to_owned())));
        Some((ip.parse().ok()?, zone))
    });
    own.into_iter().chain(chain).map(|(ip, zone)| (ip.to_canonical(), zone)).collect()
}

fn address_fits(ip: IpAddr, zone: Option<&str>, value: &str) -> bool {
    if let Some((net, bits)) = value.split_once('/') {
        let (net, bits): (IpAddr, u32) = (net.parse().unwrap(), bits.parse().unwrap());
        return match (ip, net) {
            (IpAddr::V4(ip), IpAddr::V4(net)) => {
                same_bits(u32::from(ip).into(), u32::from(net).into(), 32, bits)
            }
            (IpAddr::V6(ip), IpAddr::V6(net)) => same_bits(ip.into(), net.into(), 128, bits),
            _ => false,
        };
    }
    let (address, wanted_zone) = value.split_once('%').map_or((value, None), |(ip, zone)| (ip, Some(zone)));
    ip == address.parse::<IpAddr>().unwrap().to_canonical()
        && wanted_zone.is_none_or(|wanted| Some(wanted) == zone)
}

fn same_bits(a: u128, b: u128, width: u32, bits: u32) -> bool {
    (0..bits).all(|bit| (a ^ b) >> (width - 1 - bit) & 1 == 0)
}

/// All texts of an event that words are looked for in, each for itself.
fn texts(stored: &Stored) -> Vec<String> {
    let (event, derived) = (&stored.decoded.event, &stored.decoded.derived);
    let mut texts = vec![stored.id.clone(), event.action.clone()];
    let mut add = |text: &Option<String>| texts.extend(text.clone());
    [&event.action_code, &derived.details, &event.outcome.reason, &event.outcome.code]
        .into_iter()
        .for_each(&mut add);
    [&event.source.application, &event.source.component, &event.source.node, &event.source.data_source]
        .into_iter()
        .for_each(&mut add);
    [&event.client.host, &event.client.user_agent, &event.client.channel].into_iter().for_each(&mut add);
    [&event.session_id, &event.request_id, &event.trace_id].into_iter().for_each(&mut add);
    for actor in [&event.actor, &event.on_behalf_of].into_iter().flatten() {
        [&actor.id, &actor.username, &actor.tenant].into_iter().for_each(&mut add);
        let full = [actor.first_name.as_deref(), actor.last_name.as_deref()].into_iter().flatten();
        add(&Some(full.collect::<Vec<_>>().join(" ")));
        actor
            .aliases
            .iter()
            .chain(&actor.groups)
            .chain(&actor.roles)
            .cloned()
            .map(Some)
            .for_each(|t| add(&t));
    }
    for target in &event.targets {
        [&target.kind, &target.id, &target.username, &target.name, &target.tenant]
            .into_iter()
            .for_each(&mut add);
        target
            .aliases
            .iter()
            .chain(&target.groups)
            .chain(&target.roles)
            .cloned()
            .map(Some)
            .for_each(|t| add(&t));
    }
    event.related.iter().for_each(|related| [&related.kind, &related.id].into_iter().for_each(&mut add));
    add(&event.client.ip.map(|ip| ip.to_canonical().to_string()));
    event.client.chain.iter().cloned().map(Some).for_each(|t| add(&t));
    for (name, value) in &event.parameters {
        texts.push(name.clone());
        scalars(value.get(), |text| texts.push(text.to_owned()));
    }
    for change in &event.changes {
        texts.push(change.field.clone());
        for value in [&change.old, &change.new].into_iter().flatten() {
            scalars(value.get(), |text| texts.push(text.to_owned()));
        }
    }
    if let Some(data) = &event.data {
        scalars(data.get(), |text| texts.push(text.to_owned()));
    }
    texts
}

/// The test's text queries have two blanks between terms, and one within phrases.
fn text_fits(texts: &[String], query: &str) -> bool {
    query.split("  ").all(|term| {
        let (negated, term) = term.strip_prefix('-').map_or((false, term), |term| (true, term));
        negated != term_fits(texts, term)
    })
}

fn term_fits(texts: &[String], term: &str) -> bool {
    let quoted = term.strip_prefix('"').map(|term| term.trim_end_matches('"'));
    let follows = |words: &[String], last_is_prefix: bool| {
        texts.iter().any(|text| {
            word_list(text).windows(words.len()).any(|window| {
                let (last, rest) = window.split_last().unwrap();
                let (wanted, before) = words.split_last().unwrap();
                rest == before && if last_is_prefix { last.starts_with(wanted) } else { last == wanted }
            })
        })
    };
    let has_whole = |token: &str| {
        texts.iter().any(|text| {
            let mut found = false;
            wholes(text, |_, whole| found |= whole == token);
            found
        })
    };
    if let Some(beginning) = term.strip_suffix('*').filter(|_| quoted.is_none()) {
        return follows(&word_list(beginning), true);
    }
    if let Some(token) = whole_of(term).filter(|_| quoted.is_none()) {
        return has_whole(&token);
    }
    let text = quoted.unwrap_or(term);
    let mut inside = Vec::new();
    wholes(text, |_, token| inside.push(token));
    follows(&word_list(text), false) && inside.iter().all(|token| has_whole(token))
}
