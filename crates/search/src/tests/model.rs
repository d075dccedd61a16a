//! What the answers must be: every condition tried on every event, without an index.

use std::collections::HashMap;
use std::net::IpAddr;

use indelible_event::{Event, Timestamp};
use indelible_verify::Place;

use super::world::{NOW, Stored};
use crate::field::{Field, ip_term};
use crate::instant::parse_instant;
use crate::json;
use crate::json::scalars;
use crate::phone::Phone;
use crate::query::Expr;
use crate::text::parse_text;
use crate::wholes::{Kind, is_generated_id};
use crate::words::{Sink, analyse, parts};
use crate::{Reach, SortKey};

/// The keys of the events that match, newest first.
pub(super) fn matching(
    events: &[Stored],
    reach: &Reach,
    params: &[(&str, &str)],
    tenants: &HashMap<String, Vec<u64>>,
    as_of: u64,
) -> Vec<SortKey> {
    let visible = |event: &&Stored| event.index < as_of && sees(reach, event);
    let mut keys: Vec<SortKey> = events
        .iter()
        .filter(visible)
        .filter(|event| passes(event, params, tenants))
        .map(|event| SortKey { time: event.time, index: event.index })
        .collect();
    keys.sort_unstable_by(|a, b| b.cmp(a));
    keys
}

/// Whether an event is within the reach.
pub(super) fn sees(reach: &Reach, event: &Stored) -> bool {
    match reach {
        Reach::All => true,
        Reach::Tenants(tenants) => tenants.as_slice().contains(&event.tenant),
        Reach::Oneself { user, tenants } => {
            tenants.as_slice().contains(&event.tenant)
                || event.people.iter().any(|person| {
                    person.user == *user
                        && (person.place == Place::ACTOR || person.place.target_index().is_some())
                })
        }
    }
}

/// The groups, or else the roles, of the actor and of targets: those that the event names, and those recorded.
pub(super) fn memberships(event: &Stored, groups: bool) -> Vec<&String> {
    let Event { actor, targets, .. } = &event.decoded.event;
    let actor = actor.iter().map(|actor| (&actor.groups, &actor.roles));
    let named = actor.chain(targets.iter().map(|target| (&target.groups, &target.roles)));
    let named = named.flat_map(|(in_groups, in_roles)| if groups { in_groups } else { in_roles });
    let people = event.people.iter().filter(|person| person.place != Place::ON_BEHALF_OF);
    let recorded =
        people.filter_map(|person| if groups { person.groups.as_ref() } else { person.roles.as_ref() });
    named.chain(recorded.flat_map(|names| names.iter())).collect()
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
        "group" | "role" => memberships(stored, name == "group").into_iter().any(|name| is(name)),
        "host" => some(event.client.host.as_deref()),
        "channel" => some(event.client.channel.as_deref()),
        "outcome" => some(event.outcome.result.map(|result| result.as_str())),
        "reason" => some(event.outcome.reason.as_deref()),
        "severity" => (derived.severity as u8).to_string() == value || is(&format!("{:?}", derived.severity)),
        "session_id" => some(event.session_id.as_deref()),
        "request_id" => some(event.request_id.as_deref()),
        "trace_id" => some(event.trace_id.as_deref()),
        "ip" => addresses(event).iter().any(|(ip, zone)| address_fits(*ip, zone.as_deref(), value)),
        "q" => value.split("  ").all(|term| Read::new(stored).fits(&parse_text(term).unwrap())),
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
    let mut texts = vec![event.action.clone()];
    texts.extend(Some(stored.id.clone()).filter(|id| !is_generated_id(id) || *id != id.to_lowercase()));
    let mut add = |text: &Option<String>| texts.extend(text.clone());
    [&event.action_code, &derived.details, &event.outcome.reason, &event.outcome.code]
        .into_iter()
        .for_each(&mut add);
    [&event.source.application, &event.source.component, &event.source.node, &event.source.data_source]
        .into_iter()
        .for_each(&mut add);
    [&event.client.host, &event.client.user_agent, &event.client.channel].into_iter().for_each(&mut add);
    let ids = [&event.session_id, &event.request_id, &event.trace_id].into_iter();
    ids.filter(|id| !id.as_deref().is_some_and(is_generated_id)).for_each(&mut add);
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
    let no_address = |hop: &&String| hop.split('%').next().unwrap().parse::<IpAddr>().is_err();
    event.client.chain.iter().filter(no_address).cloned().map(Some).for_each(|t| add(&t));
    for (name, value) in &event.parameters {
        texts.push(name.clone());
        json::texts(value.get(), |text, _| texts.push(text.to_owned()));
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

/// What can be read in an event: its texts as words, and its ids and addresses.
struct Read {
    /// Words that follow each other, with a gap in place of a token.
    lists: Vec<Vec<Option<String>>>,
    wholes: Vec<String>,
    ids: Vec<(Field, String)>,
    addresses: Vec<String>,
}

impl Read {
    fn new(stored: &Stored) -> Read {
        let event = &stored.decoded.event;
        let mut read = Read { lists: Vec::new(), wholes: Vec::new(), ids: Vec::new(), addresses: Vec::new() };
        for text in texts(stored) {
            read.lists.push(Vec::new());
            let mut sink = Words { read, parts: Vec::new() };
            analyse(&text, &mut sink);
            let Words { read: done, parts } = sink;
            read = done;
            read.lists.extend(parts);
        }
        let ids = [
            (Field::SessionId, &event.session_id),
            (Field::RequestId, &event.request_id),
            (Field::TraceId, &event.trace_id),
        ];
        read.ids = ids.into_iter().filter_map(|(field, id)| Some((field, fold(id.as_deref()?)))).collect();
        read.ids.push((Field::Id, stored.id.clone()));
        read.addresses = addresses(event).into_iter().map(|(ip, _)| ip_term(ip)).collect();
        read
    }

    fn fits(&self, expr: &Expr) -> bool {
        let word = |fits: &dyn Fn(&str) -> bool| self.lists.iter().flatten().flatten().any(|word| fits(word));
        let follow = |words: &[String], last: &dyn Fn(&str) -> bool| {
            let (end, before) = words.split_last().unwrap();
            self.lists.iter().any(|list| {
                list.windows(words.len()).any(|window| {
                    let (tail, head) = window.split_last().unwrap();
                    head.iter().zip(before).all(|(word, wanted)| word.as_ref() == Some(wanted))
                        && tail.as_deref().is_some_and(|word| {
                            if last(end) { word.starts_with(end.as_str()) } else { word == end }
                        })
                })
            })
        };
        match expr {
            Expr::And(parts) => parts.iter().all(|part| self.fits(part)),
            Expr::Or(parts) => parts.iter().any(|part| self.fits(part)),
            Expr::Not(part) => !self.fits(part),
            Expr::Term(Field::Word, wanted) => word(&|word| word == wanted),
            Expr::Prefix(beginning) => word(&|word| word.starts_with(beginning.as_str())),
            Expr::Phrase(words) => follow(words, &|_| false),
            Expr::PhrasePrefix(words, last) => {
                let words: Vec<String> = words.iter().chain([last]).cloned().collect();
                follow(&words, &|_| true)
            }
            Expr::Term(Field::Whole, token) => self.wholes.contains(token),
            Expr::Matching(Field::Whole, beginning, _) => {
                self.wholes.iter().any(|token| token.starts_with(beginning.as_str()))
            }
            Expr::Term(Field::Ip, term) => self.addresses.contains(term),
            Expr::Range(Field::Ip, first, last) => {
                self.addresses.iter().any(|term| first <= term && term <= last)
            }
            Expr::Term(field, id) => self.ids.contains(&(*field, id.clone())),
            Expr::Matching(field, beginning, _) => {
                self.ids.iter().any(|(of, id)| of == field && id.starts_with(beginning.as_str()))
            }
            other => panic!("no text compiles to {other:?}"),
        }
    }
}

struct Words {
    read: Read,
    parts: Vec<Vec<Option<String>>>,
}

impl Sink for Words {
    fn word(&mut self, word: &str) {
        self.read.lists.last_mut().unwrap().push(Some(word.to_owned()));
    }

    fn opaque(&mut self, _: Kind, token: &str) {
        self.read.lists.last_mut().unwrap().push(None);
        self.read.wholes.push(token.to_owned());
    }

    fn token(&mut self, _: Kind, token: &str, _: usize) {
        self.read.wholes.push(token.to_owned());
    }

    fn phone(&mut self, phone: &Phone, _: usize) {
        self.read.wholes.extend(phone.tokens());
    }

    fn compound(&mut self, word: &str) {
        let mut list = Vec::new();
        parts(word, |part| list.push(Some(part.to_ascii_lowercase())));
        self.parts.push(list);
    }
}
