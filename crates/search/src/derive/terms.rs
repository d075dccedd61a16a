//! The terms of fields and attributes.

use std::net::IpAddr;

use indelible_event::{Actor, ActorType, Change, Derived, Event, Severity, Target};
use indelible_verify::People;
use serde_json::value::RawValue;

use super::{PARAMETER_DEPTH, PATH_MAX, VALUES_MAX, Writer, append, append_keyword};
use crate::decimal::Decimal;
use crate::doc::{Doc, Span};
use crate::field::{
    Field, KEYWORD_HEAD, KEYWORD_MAX, PATH_END, VALUE_HEAD, VALUE_MAX, fold_case, hash64, ip_term,
    ip_zone_term, person_term, read_address,
};
use crate::json::{Leaf, is_nothing, leaves};
use crate::path::{CHANGES, PARAMETER_NAMES, PARAMETERS, Path, fold_name};

/// Bytes of one term with names of parameters.
const NAMES_BYTES: usize = 512;

impl Writer {
    fn keyword(&mut self, field: Field, value: &str) {
        if !value.is_empty() {
            let span = append_keyword(&mut self.doc.arena, value, KEYWORD_MAX, KEYWORD_HEAD);
            self.doc.keywords.push((field, span));
        }
    }

    /// A value that has a field of its own.
    fn own(&mut self, path: Path, field: Field, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.present.add(path);
            self.keyword(field, value);
        }
    }

    fn attribute(&mut self, path: Path, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.present.add(path);
            self.at_path(&[path.name()], value, KEYWORD_MAX, KEYWORD_HEAD);
        }
    }

    fn attributes(&mut self, path: Path, values: &[String]) {
        values.iter().for_each(|value| self.attribute(path, Some(value)));
    }

    fn number(&mut self, path: Path, number: impl std::fmt::Display) {
        self.attribute(path, Some(&number.to_string()));
    }

    fn at_path(&mut self, path: &[&str], value: &str, max: usize, head: usize) {
        let arena = &mut self.doc.arena;
        let start = arena.len() as u32;
        path.iter().for_each(|step| arena.push_str(step));
        arena.push(PATH_END);
        let end = append_keyword(arena, value, max, head).end;
        self.doc.keywords.push((Field::Attribute, Span { start, end }));
    }

    pub(super) fn keywords(&mut self, event: &Event, derived: &Derived) {
        self.keyword(Field::Action, &event.action);
        self.keyword(Field::ActionType, &derived.action_type);
        self.attribute(Path::ActionCode, event.action_code.as_deref());
        if let Some(object) = &derived.object_type {
            self.keyword(Field::Object, object);
        }
        self.own(Path::ObjectCategory, Field::ObjectCategory, derived.object_category.as_deref());
        self.keyword(Field::Severity, severity_name(derived.severity));
        let source = &event.source;
        self.own(Path::SourceApplication, Field::Application, source.application.as_deref());
        self.own(Path::SourceComponent, Field::Component, source.component.as_deref());
        self.own(Path::SourceNode, Field::Node, source.node.as_deref());
        self.own(Path::SourceDataSource, Field::DataSource, source.data_source.as_deref());
        self.attribute(Path::SourceVersion, source.version.as_deref());
        let outcome = &event.outcome;
        self.own(Path::OutcomeResult, Field::Outcome, outcome.result.map(|result| result.as_str()));
        self.own(Path::OutcomeReason, Field::Reason, outcome.reason.as_deref());
        self.attribute(Path::OutcomeCode, outcome.code.as_deref());
        self.own(Path::SessionId, Field::SessionId, event.session_id.as_deref());
        self.own(Path::RequestId, Field::RequestId, event.request_id.as_deref());
        self.own(Path::TraceId, Field::TraceId, event.trace_id.as_deref());
        self.client(event);
        if let Some(actor) = &event.actor {
            for name in [&actor.id, &actor.username].into_iter().flatten().chain(&actor.aliases) {
                self.keyword(Field::Actor, name);
            }
            self.own(Path::ActorTenant, Field::ActorTenant, actor.tenant.as_deref());
            self.members(&actor.groups, &actor.roles);
            self.actor(actor, &ACTOR);
        }
        if let Some(behalf) = &event.on_behalf_of {
            self.attribute(Path::BehalfTenant, behalf.tenant.as_deref());
            self.actor(behalf, &BEHALF);
        }
        for target in &event.targets {
            self.target(target);
        }
        for related in &event.related {
            self.attribute(Path::RelatedType, related.kind.as_deref());
            self.attribute(Path::RelatedId, related.id.as_deref());
        }
        if let Some(occurrences) = &event.occurrences {
            self.number(Path::OccurrencesCount, occurrences.count);
            let times =
                [(Path::OccurrencesFirst, &occurrences.first), (Path::OccurrencesLast, &occurrences.last)];
            for (path, time) in times {
                if let Some(time) = time {
                    self.number(path, time.at.as_micros());
                }
            }
        }
        if derived.details.as_ref().or(event.details.as_ref()).is_some_and(|details| !details.is_empty()) {
            self.present.add(Path::Details);
        }
        if event.data.is_some() {
            self.present.add(Path::Data);
        }
        self.parameters(&event.parameters);
        self.changes(&event.changes);
    }

    fn client(&mut self, event: &Event) {
        let client = &event.client;
        self.own(Path::ClientHost, Field::Host, client.host.as_deref());
        self.own(Path::ClientChannel, Field::Channel, client.channel.as_deref());
        self.attribute(Path::ClientUserAgent, client.user_agent.as_deref());
        self.attribute(Path::ClientZone, client.zone.as_deref());
        if let Some(port) = client.port {
            self.number(Path::ClientPort, port);
        }
        if let Some(ip) = client.ip {
            self.present.add(Path::ClientIp);
            self.address(ip, client.zone.as_deref());
            // Without a chain, the address is the only one in its field.
            if !client.chain.is_empty() {
                self.address_at(Path::ClientChained, ip, client.zone.as_deref());
            }
        }
        for hop in &client.chain {
            self.present.add(Path::ClientChain);
            if let Some((ip, zone)) = read_address(hop) {
                self.address(ip, zone);
                self.address_at(Path::ClientChain, ip, zone);
            }
        }
    }

    fn address(&mut self, ip: IpAddr, zone: Option<&str>) {
        self.term(Field::Ip, &ip_term(ip));
        if let Some(zone) = zone {
            self.term(Field::IpZone, &ip_zone_term(ip, zone));
        }
    }

    fn address_at(&mut self, path: Path, ip: IpAddr, zone: Option<&str>) {
        self.attribute(path, Some(&ip_term(ip)));
        if let Some(zone) = zone {
            self.attribute(path, Some(&ip_zone_term(ip, zone)));
        }
    }

    fn members(&mut self, groups: &[String], roles: &[String]) {
        groups.iter().for_each(|group| self.keyword(Field::Group, group));
        roles.iter().for_each(|role| self.keyword(Field::Role, role));
    }

    /// Those who did it and to whom it was done, and where the event names no groups or roles for them, those that they
    /// had at receipt.
    pub(super) fn people(&mut self, people: &People) {
        for person in people.involved() {
            self.term(Field::Person, &person_term(person.user));
            for (field, names) in [(Field::Group, &person.groups), (Field::Role, &person.roles)] {
                names.iter().flat_map(|names| names.iter()).for_each(|name| self.keyword(field, name));
            }
        }
    }

    fn actor(&mut self, actor: &Actor, paths: &ActorPaths) {
        self.attribute(paths.kind, actor.kind.map(ActorType::as_str));
        self.attribute(paths.id, actor.id.as_deref());
        self.attribute(paths.username, actor.username.as_deref());
        self.attribute(paths.first_name, actor.first_name.as_deref());
        self.attribute(paths.last_name, actor.last_name.as_deref());
        self.attributes(paths.aliases, &actor.aliases);
        self.attributes(paths.groups, &actor.groups);
        self.attributes(paths.roles, &actor.roles);
    }

    fn target(&mut self, target: &Target) {
        self.present.add(Path::Targets);
        self.own(Path::TargetsType, Field::Object, target.kind.as_deref());
        for name in [&target.id, &target.username, &target.name].into_iter().flatten().chain(&target.aliases)
        {
            self.keyword(Field::Affected, name);
        }
        self.own(Path::TargetsTenant, Field::AffectedTenant, target.tenant.as_deref());
        self.members(&target.groups, &target.roles);
        self.attribute(Path::TargetsId, target.id.as_deref());
        self.attribute(Path::TargetsUsername, target.username.as_deref());
        self.attribute(Path::TargetsName, target.name.as_deref());
        self.attributes(Path::TargetsAliases, &target.aliases);
        self.attributes(Path::TargetsGroups, &target.groups);
        self.attributes(Path::TargetsRoles, &target.roles);
    }

    fn parameters(&mut self, parameters: &[(String, Box<RawValue>)]) {
        if parameters.is_empty() {
            return;
        }
        self.present.add(Path::Parameters);
        let (mut path, mut names, mut left) = (String::new(), String::new(), VALUES_MAX);
        for (name, value) in parameters {
            if is_nothing(value.get()) {
                continue;
            }
            let name = fold_name(name);
            if names.len() + name.len() > NAMES_BYTES && !names.is_empty() {
                self.names(&mut names);
            }
            if name.len() <= PATH_MAX {
                names.push(PATH_END);
                names.push_str(&name);
            }
            path.clear();
            path.push_str(PARAMETERS);
            path.push_str(&name);
            leaves(value.get(), &mut path, PARAMETER_DEPTH, &mut |path, leaf| {
                left = self.leaf(&[path], leaf, left);
            });
        }
        self.names(&mut names);
    }

    /// One term for many names: events of a kind have the same parameters.
    fn names(&mut self, names: &mut String) {
        if !names.is_empty() {
            names.push(PATH_END);
            let span = append(&mut self.doc.arena, PARAMETER_NAMES);
            let end = append(&mut self.doc.arena, names).end;
            self.doc.keywords.push((Field::Present, Span { start: span.start, end }));
            names.clear();
        }
    }

    /// One value, if there are some `left`; gives how many are then.
    fn leaf(&mut self, path: &[&str], leaf: Leaf<'_>, left: usize) -> usize {
        let Some(after) = left.checked_sub(1) else { return 0 };
        if path.iter().map(|step| step.len()).sum::<usize>() > PATH_MAX + PARAMETERS.len() {
            return left;
        }
        match leaf {
            Leaf::Text("") => return left,
            Leaf::Text(text) => self.at_path(path, text, VALUE_MAX, VALUE_HEAD),
            Leaf::Number(text) => match Decimal::parse(text) {
                Some(number) => self.at_path(path, &number.to_string(), VALUE_MAX, VALUE_HEAD),
                None => self.at_path(path, text, VALUE_MAX, VALUE_HEAD),
            },
            Leaf::Bool(value) => {
                self.at_path(path, if value { "true" } else { "false" }, VALUE_MAX, VALUE_HEAD)
            }
        }
        after
    }

    fn changes(&mut self, changes: &[Change]) {
        let mut left = 2 * VALUES_MAX;
        for change in changes {
            self.present.add(Path::Changes);
            self.keyword(Field::Changed, &change.field);
            let field = fold_name(&change.field);
            let sides = [(Path::ChangesOld, ".old", &change.old), (Path::ChangesNew, ".new", &change.new)];
            for (path, side, value) in sides {
                let Some(value) = value else { continue };
                leaves(value.get(), &mut String::new(), usize::MAX, &mut |_, leaf| {
                    self.present.add(path);
                    left = self.leaf(&[path.name()], leaf, left);
                    left = self.leaf(&[CHANGES, &field, side], leaf, left);
                });
            }
        }
    }

    /// A user is one within the tenant that is its own, or else within the event's.
    pub(super) fn hashes(&mut self, event: &Event) {
        let number = self.doc.place.tenant.to_string();
        let user = |tenant: &Option<String>, names: [&Option<String>; 3], aliases: &[String]| {
            let name = names.into_iter().flatten().chain(aliases).find(|name| !name.is_empty())?;
            let name = fold_case(name);
            Some(match tenant {
                Some(own) => hash64("user of named tenant", &[&fold_case(own), &name]),
                None => hash64("user of tenant number", &[&number, &name]),
            })
        };
        let domain = |tenant: &Option<String>| Some(hash64("tenant", &[&fold_case(tenant.as_deref()?)]));
        let Doc { users, domains, .. } = &mut self.doc;
        if let Some(actor) = &event.actor {
            users.extend(user(&actor.tenant, [&actor.id, &actor.username, &None], &actor.aliases));
            domains.extend(domain(&actor.tenant));
        }
        for target in &event.targets {
            if is_person(target) {
                let names = [&target.id, &target.username, &target.name];
                users.extend(user(&target.tenant, names, &target.aliases));
            }
            domains.extend(domain(&target.tenant));
        }
        distinct(users);
        distinct(domains);
    }
}

/// The paths of an actor's attributes.
struct ActorPaths {
    kind: Path,
    id: Path,
    username: Path,
    first_name: Path,
    last_name: Path,
    aliases: Path,
    groups: Path,
    roles: Path,
}

const ACTOR: ActorPaths = ActorPaths {
    kind: Path::ActorType,
    id: Path::ActorId,
    username: Path::ActorUsername,
    first_name: Path::ActorFirstName,
    last_name: Path::ActorLastName,
    aliases: Path::ActorAliases,
    groups: Path::ActorGroups,
    roles: Path::ActorRoles,
};

const BEHALF: ActorPaths = ActorPaths {
    kind: Path::BehalfType,
    id: Path::BehalfId,
    username: Path::BehalfUsername,
    first_name: Path::BehalfFirstName,
    last_name: Path::BehalfLastName,
    aliases: Path::BehalfAliases,
    groups: Path::BehalfGroups,
    roles: Path::BehalfRoles,
};

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

/// Keeps the first of each; there are few.
fn distinct(hashes: &mut Vec<u64>) {
    let mut kept = 0;
    for at in 0..hashes.len() {
        if !hashes[..kept].contains(&hashes[at]) {
            hashes[kept] = hashes[at];
            kept += 1;
        }
    }
    hashes.truncate(kept);
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    }
}
