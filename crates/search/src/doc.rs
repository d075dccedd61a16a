//! An event to what the index keeps of it: terms, words and columns.
//!
//! The one place that decides under which keys an event is found. The tail, the splits and the check against the
//! ledger all start from a [`Doc`], so they can't differ. Invariant: a document's keywords are sorted and distinct.

use std::net::IpAddr;

use indelible_event::{Actor, Derived, Event, Severity, Target};
use serde_json::value::RawValue;

use crate::field::{Field, canonical_ip, fold_case, hash64, ip_term, ip_zone_term, keyword, read_address};
use crate::json::scalars;
use crate::words::{whole_of, wholes, words};

/// Where and when an entry stands in the ledger, as far as the index keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) index: u64,
    /// When it happened, in microseconds.
    pub(crate) time: i64,
    /// When it was received, in microseconds.
    pub(crate) received: i64,
    /// The number of the tenant that it belongs to.
    pub(crate) tenant: u64,
}

/// What the index keeps of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doc {
    pub(crate) place: Place,
    /// Hashes of the users named, actor first, for distinct counts.
    pub(crate) users: Vec<u64>,
    /// Hashes of the tenants named by actor and targets, for distinct counts.
    pub(crate) domains: Vec<u64>,
    arena: String,
    keywords: Vec<(Field, Span)>,
    /// Words in order; an empty span is a gap over which no phrase reaches.
    words: Vec<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

impl Doc {
    /// Derives the document of an event whose id is `id`.
    pub(crate) fn new(place: Place, id: &str, event: &Event, derived: &Derived) -> Doc {
        let mut doc = Doc { place, ..Doc::default() };
        doc.term(Field::Id, id);
        doc.add_keywords(event, derived);
        doc.add_hashes(event);
        doc.add_text(id, event, derived);
        doc.finish();
        doc
    }

    /// The document of an event that could not be decoded: found by its id, tenant and time alone.
    pub(crate) fn bare(place: Place, id: &str) -> Doc {
        let mut doc = Doc { place, ..Doc::default() };
        doc.term(Field::Id, id);
        doc
    }

    /// Its keywords, sorted and distinct.
    pub(crate) fn keywords(&self) -> impl Iterator<Item = (Field, &str)> {
        self.keywords.iter().map(|(field, span)| (*field, self.slice(*span)))
    }

    /// Its words in order, `None` being a gap; the position of a word is its place in this list.
    pub(crate) fn words(&self) -> impl Iterator<Item = Option<&str>> {
        self.words.iter().map(|span| (span.start < span.end).then(|| self.slice(*span)))
    }

    fn slice(&self, span: Span) -> &str {
        &self.arena[span.start as usize..span.end as usize]
    }

    fn push(&mut self, text: &str) -> Span {
        // Terms come from events of bounded size, and all of them together stay far below 4 GiB.
        let start = self.arena.len() as u32;
        self.arena.push_str(text);
        Span { start, end: self.arena.len() as u32 }
    }

    fn term(&mut self, field: Field, term: &str) {
        let span = self.push(term);
        self.keywords.push((field, span));
    }

    fn keyword(&mut self, field: Field, value: &str) {
        if !value.is_empty() {
            self.term(field, &keyword(value));
        }
    }

    fn keyword_if(&mut self, field: Field, value: Option<&str>) {
        if let Some(value) = value {
            self.keyword(field, value);
        }
    }

    fn add_keywords(&mut self, event: &Event, derived: &Derived) {
        self.keyword(Field::Action, &event.action);
        self.keyword(Field::ActionType, &derived.action_type);
        self.keyword_if(Field::Object, derived.object_type.as_deref());
        self.keyword_if(Field::ObjectCategory, derived.object_category.as_deref());
        self.keyword_if(Field::Application, event.source.application.as_deref());
        self.keyword_if(Field::Component, event.source.component.as_deref());
        self.keyword_if(Field::Node, event.source.node.as_deref());
        self.keyword_if(Field::DataSource, event.source.data_source.as_deref());
        self.keyword_if(Field::Outcome, event.outcome.result.map(|result| result.as_str()));
        self.keyword_if(Field::Reason, event.outcome.reason.as_deref());
        self.keyword(Field::Severity, severity_name(derived.severity));
        self.keyword_if(Field::SessionId, event.session_id.as_deref());
        self.keyword_if(Field::RequestId, event.request_id.as_deref());
        self.keyword_if(Field::TraceId, event.trace_id.as_deref());
        self.keyword_if(Field::Host, event.client.host.as_deref());
        self.keyword_if(Field::Channel, event.client.channel.as_deref());
        if let Some(ip) = event.client.ip {
            self.address(ip, event.client.zone.as_deref());
        }
        for hop in &event.client.chain {
            if let Some((ip, zone)) = read_address(hop) {
                self.address(ip, zone);
            }
        }
        if let Some(actor) = &event.actor {
            for name in [&actor.id, &actor.username].into_iter().flatten().chain(&actor.aliases) {
                self.keyword(Field::Actor, name);
            }
            self.keyword_if(Field::ActorTenant, actor.tenant.as_deref());
            self.members(&actor.groups, &actor.roles);
        }
        for target in &event.targets {
            self.keyword_if(Field::Object, target.kind.as_deref());
            for name in
                [&target.id, &target.username, &target.name].into_iter().flatten().chain(&target.aliases)
            {
                self.keyword(Field::Affected, name);
            }
            self.keyword_if(Field::AffectedTenant, target.tenant.as_deref());
            self.members(&target.groups, &target.roles);
        }
    }

    fn members(&mut self, groups: &[String], roles: &[String]) {
        groups.iter().for_each(|group| self.keyword(Field::Group, group));
        roles.iter().for_each(|role| self.keyword(Field::Role, role));
    }

    fn address(&mut self, ip: IpAddr, zone: Option<&str>) {
        self.term(Field::Ip, &ip_term(ip));
        if let Some(zone) = zone {
            self.term(Field::IpZone, &ip_zone_term(ip, zone));
        }
    }

    /// A user is one within the tenant that is its own, or else within the event's.
    fn add_hashes(&mut self, event: &Event) {
        let number = self.place.tenant.to_string();
        let user = |tenant: &Option<String>, names: [&Option<String>; 3], aliases: &[String]| {
            let name = names.into_iter().flatten().chain(aliases).find(|name| !name.is_empty())?;
            let name = fold_case(name);
            Some(match tenant {
                Some(own) => hash64("user of named tenant", &[&fold_case(own), &name]),
                None => hash64("user of tenant number", &[&number, &name]),
            })
        };
        if let Some(actor) = &event.actor {
            self.users.extend(user(&actor.tenant, [&actor.id, &actor.username, &None], &actor.aliases));
            self.domains.extend(actor.tenant.as_deref().map(|name| hash64("tenant", &[&fold_case(name)])));
        }
        for target in &event.targets {
            if is_person(target) {
                let names = [&target.id, &target.username, &target.name];
                self.users.extend(user(&target.tenant, names, &target.aliases));
            }
            self.domains.extend(target.tenant.as_deref().map(|name| hash64("tenant", &[&fold_case(name)])));
        }
        distinct(&mut self.users);
        distinct(&mut self.domains);
    }

    fn add_text(&mut self, id: &str, event: &Event, derived: &Derived) {
        self.id_text(id);
        self.text(&event.action);
        self.texts([&event.action_code, &event.outcome.reason, &event.outcome.code]);
        match &derived.details {
            Some(details) => self.text(details),
            None => self.texts([&event.details]),
        }
        let source = &event.source;
        self.texts([&source.application, &source.component, &source.node, &source.data_source]);
        for actor in [&event.actor, &event.on_behalf_of].into_iter().flatten() {
            self.actor_text(actor);
        }
        for target in &event.targets {
            self.texts([&target.kind, &target.id, &target.username, &target.name, &target.tenant]);
            target.aliases.iter().chain(&target.groups).chain(&target.roles).for_each(|text| self.text(text));
            self.members_text(&target.extra);
        }
        for related in &event.related {
            self.texts([&related.kind, &related.id]);
            self.members_text(&related.extra);
        }
        if let Some(ip) = event.client.ip {
            self.text(&canonical_ip(ip).to_string());
        }
        event.client.chain.iter().for_each(|hop| self.text(hop));
        self.texts([&event.client.host, &event.client.user_agent, &event.client.channel]);
        self.texts([&event.session_id, &event.request_id, &event.trace_id]);
        self.members_text(&event.parameters);
        for change in &event.changes {
            self.text(&change.field);
            self.members_text(&change.extra);
            for value in [&change.old, &change.new].into_iter().flatten() {
                scalars(value.get(), |text| self.text(text));
            }
        }
        if let Some(data) = &event.data {
            scalars(data.get(), |text| self.text(text));
        }
        self.members_text(&event.extra);
        self.members_text(&source.extra);
        self.members_text(&event.client.extra);
        self.members_text(&event.outcome.extra);
    }

    /// The id's words; a UUID, as the server gives them, is only of use whole, and its parts would be five words that no
    /// other event has.
    fn id_text(&mut self, id: &str) {
        match whole_of(id) {
            Some(token) if token.len() == id.len() && !id.contains(['@', ':', '.']) => {
                self.term(Field::Whole, &token)
            }
            _ => self.text(id),
        }
    }

    /// Parameters, and fields that the API does not know: names and values.
    fn members_text(&mut self, members: &[(String, Box<RawValue>)]) {
        for (name, value) in members {
            self.text(name);
            scalars(value.get(), |text| self.text(text));
        }
    }

    fn actor_text(&mut self, actor: &Actor) {
        self.texts([&actor.id, &actor.username, &actor.tenant]);
        // The two names follow each other without a gap, so that a full name is a phrase.
        let names = [actor.first_name.as_deref(), actor.last_name.as_deref()];
        self.text(&names.into_iter().flatten().collect::<Vec<_>>().join(" "));
        actor.aliases.iter().chain(&actor.groups).chain(&actor.roles).for_each(|text| self.text(text));
        self.members_text(&actor.extra);
    }

    fn texts<const N: usize>(&mut self, texts: [&Option<String>; N]) {
        texts.into_iter().flatten().for_each(|text| self.text(text));
    }

    /// Adds the words of one value, and a gap after them.
    fn text(&mut self, text: &str) {
        let before = self.words.len();
        let Doc { arena, words: list, keywords, .. } = self;
        words(text, |word| list.push(append(arena, word)));
        wholes(text, |_, token| keywords.push((Field::Whole, append(arena, &token))));
        if self.words.len() > before {
            self.words.push(Span { start: 0, end: 0 });
        }
    }

    fn finish(&mut self) {
        let arena = &self.arena;
        let slice = |span: &Span| &arena[span.start as usize..span.end as usize];
        self.keywords.sort_unstable_by(|a, b| (a.0, slice(&a.1)).cmp(&(b.0, slice(&b.1))));
        self.keywords.dedup_by(|a, b| a.0 == b.0 && slice(&a.1) == slice(&b.1));
    }
}

fn append(arena: &mut String, text: &str) -> Span {
    let start = arena.len() as u32;
    arena.push_str(text);
    Span { start, end: arena.len() as u32 }
}

/// Whether a target is somebody: things are not counted as users.
fn is_person(target: &Target) -> bool {
    target.username.is_some()
        || target.kind.as_deref().is_some_and(|kind| {
            matches!(
                fold_case(kind).as_ref(),
                "user" | "subscriber" | "person" | "account" | "agent" | "member"
            )
        })
}

fn distinct(hashes: &mut Vec<u64>) {
    let mut seen = std::collections::HashSet::new();
    hashes.retain(|hash| seen.insert(*hash));
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    }
}
