//! Values to an event: what the expressions of a mapping gave, made to fit what an event may hold.
//!
//! Invariant: no record is refused for what a mapping made of it. A value that an event can't hold is left out
//! with a warning; it is still in the record, which is the event's body and its `data`.

use std::borrow::Cow;
use std::cell::RefCell;

use indelible_event::{
    Actor, ActorType, Change, Client, Code, Event, EventTime, Occurrences, Outcome, OutcomeResult, Problem, Related,
    Severity, Source, Target, Timestamp, excerpt,
};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::address;
use super::eval::{Scope, Value, hex};
use super::expr::Expr;
use super::program::{ActorRule, ChangeRule, ParameterRule, Program, TargetRule};
use super::record::Node;
use super::unread;
use super::Mapped;

/// What an event is assembled with, beside the record.
pub(super) struct Terms<'m> {
    /// The mapping's name, for ids that are derived.
    pub(super) name: &'m str,
    /// When the record was received, where its time is still to be judged.
    pub(super) received_at: Option<Timestamp>,
    /// The most targets, parameters or changes.
    pub(super) items_max: usize,
    /// Whether to say what was not understood.
    pub(super) tracking: bool,
}

/// The API's bound on times in the future: 24 h.
const AHEAD_MAX_US: i64 = 24 * 3600 * 1_000_000;

/// What stands for an action that the record does not name.
pub(crate) const NO_ACTION: &str = "-";

/// Makes the event of a record.
pub(super) fn assemble<'r>(program: &'r Program, record: &'r Node<'r>, terms: &Terms<'_>) -> Mapped {
    let mut scope = Scope {
        record,
        lets: Vec::with_capacity(program.lets.len()),
        tables: &program.tables,
        tracking: terms.tracking,
        unread_time: RefCell::new(None),
    };
    let here = Value::Node(record);
    for expr in &program.lets {
        let value = scope.eval(expr, &here);
        scope.lets.push(value);
    }
    let mut assembly = Assembly { scope, here, warnings: Vec::new() };
    let event = assembly.event(program, terms);
    let not_understood = if terms.tracking { unread::unread(record, &program.ignored) } else { Vec::new() };
    Mapped { event, warnings: assembly.warnings, not_understood }
}

struct Assembly<'r> {
    scope: Scope<'r>,
    here: Value<'r>,
    warnings: Vec<Problem>,
}

impl<'r> Assembly<'r> {
    fn event(&mut self, program: &'r Program, terms: &Terms<'_>) -> Event {
        let fields = &program.fields;
        let here = self.here.clone();
        let mut event = Event {
            id: self.id(fields.id.as_ref(), terms.name),
            time: self.event_time(fields.time.as_ref(), terms.received_at),
            tenant: self.text(fields.tenant.as_ref(), &here),
            source: self.source(program),
            actor: self.actor(&program.actors, "/actor"),
            on_behalf_of: self.actor(&program.on_behalf_of, "/on_behalf_of"),
            client: self.client(program),
            action: self.action(fields.action.as_ref()),
            action_code: self.text(fields.action_code.as_ref(), &here),
            action_type: self.text(fields.action_type.as_ref(), &here),
            occurrences: self.occurrences(program),
            outcome: self.outcome(program),
            targets: self.targets(&program.targets),
            related: self.related(program),
            severity: self.severity(fields.severity.as_ref()),
            details: self.text(fields.details.as_ref(), &here),
            parameters: self.parameters(&program.parameters),
            changes: self.changes(&program.changes),
            data: RawValue::from_string(self.scope.record.raw.clone().into_owned()).ok(),
            session_id: self.text(fields.session_id.as_ref(), &here),
            request_id: self.text(fields.request_id.as_ref(), &here),
            trace_id: self.text(fields.trace_id.as_ref(), &here),
            extra: Vec::new(),
        };
        self.cut("/targets", &mut event.targets, terms.items_max);
        self.cut("/related", &mut event.related, terms.items_max);
        self.cut("/parameters", &mut event.parameters, terms.items_max);
        self.cut("/changes", &mut event.changes, terms.items_max);
        event
    }

    fn warn(&mut self, code: Code, field: &str, message: String) {
        self.warnings.push(Problem::new(code, field, message));
    }

    fn cut<T>(&mut self, field: &str, items: &mut Vec<T>, items_max: usize) {
        if items.len() > items_max {
            let message = format!("{} items, of which the first {items_max} are kept here and all in data", items.len());
            self.warn(Code::TooManyItems, field, message);
            items.truncate(items_max);
        }
    }

    /// A text that says something: an empty one is none.
    fn text(&self, expr: Option<&'r Expr>, here: &Value<'r>) -> Option<String> {
        let text = self.scope.eval(expr?, here).text()?;
        (!text.is_empty()).then(|| text.into_owned())
    }

    /// The texts of several expressions, each once, lists joined.
    fn texts(&self, exprs: &'r [Expr], here: &Value<'r>) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for value in exprs.iter().flat_map(|expr| self.scope.eval(expr, here).into_list()) {
            if let Some(text) = value.text().filter(|text| !text.is_empty())
                && !texts.iter().any(|known| *known == *text)
            {
                texts.push(text.into_owned());
            }
        }
        texts
    }

    fn holds(&self, when: Option<&'r Expr>, here: &Value<'r>) -> bool {
        when.is_none_or(|when| self.scope.eval(when, here).holds())
    }

    /// The elements that a rule's `each` gives, or the record itself.
    fn elements(&self, each: Option<&'r Expr>) -> Vec<Value<'r>> {
        match each {
            Some(each) => self.scope.eval(each, &self.here).into_list(),
            None => vec![self.here.clone()],
        }
    }

    fn id(&mut self, expr: Option<&'r Expr>, mapping: &str) -> Option<String> {
        let id = self.text(expr, &self.here)?;
        if is_event_id(&id) {
            return Some(id);
        }
        let derived = derived_id(mapping, &[&id]);
        self.warn(Code::InvalidId, "/id", format!("{} can't be an id; {derived} stands for it", excerpt(&id)));
        Some(derived)
    }

    fn action(&mut self, expr: Option<&'r Expr>) -> String {
        match self.text(expr, &self.here).filter(|action| !action.trim().is_empty()) {
            Some(action) => action,
            None => {
                self.warn(Code::MissingField, "/action", "the record names no action".to_owned());
                NO_ACTION.to_owned()
            }
        }
    }

    fn event_time(&mut self, expr: Option<&'r Expr>, received_at: Option<Timestamp>) -> Option<EventTime> {
        let time = self.time(expr, "/time")?;
        let latest = received_at.map_or(i64::MAX, |at| at.as_micros().saturating_add(AHEAD_MAX_US));
        if (0..=latest).contains(&time.at.as_micros()) {
            return Some(time);
        }
        let message = format!("{} is before 1970 or over 24 h ahead; the time received stands", excerpt(&time.original));
        self.warn(Code::TimeOutOfRange, "/time", message);
        None
    }

    fn time(&mut self, expr: Option<&'r Expr>, field: &str) -> Option<EventTime> {
        self.scope.unread_time.take();
        let value = self.scope.eval(expr?, &self.here);
        let unread = self.scope.unread_time.take();
        if let Value::Time(time) = value {
            return Some(time);
        }
        let text = unread.or_else(|| value.text().filter(|text| !text.is_empty()).map(Cow::into_owned))?;
        self.warn(Code::InvalidTime, field, format!("{} is not a time of the form that the mapping names", excerpt(&text)));
        None
    }

    fn source(&self, program: &'r Program) -> Source {
        let rule = &program.source;
        let text = |expr: &'r Option<Expr>| self.text(expr.as_ref(), &self.here);
        Source {
            application: text(&rule.application),
            component: text(&rule.component),
            node: text(&rule.node),
            data_source: text(&rule.data_source),
            version: text(&rule.version),
            ..Source::default()
        }
    }

    fn actor(&mut self, rules: &'r [ActorRule], field: &str) -> Option<Actor> {
        rules.iter().find_map(|rule| self.one_actor(rule, field))
    }

    fn one_actor(&mut self, rule: &'r ActorRule, field: &str) -> Option<Actor> {
        let here = self.here.clone();
        if !self.holds(rule.when.as_ref(), &here) {
            return None;
        }
        let kind = self.text(rule.kind.as_ref(), &here);
        let mut actor = Actor {
            kind: kind.as_deref().and_then(ActorType::from_name),
            id: self.text(rule.id.as_ref(), &here),
            aliases: self.texts(&rule.aliases, &here),
            username: self.text(rule.username.as_ref(), &here),
            first_name: self.text(rule.first_name.as_ref(), &here),
            last_name: self.text(rule.last_name.as_ref(), &here),
            tenant: self.text(rule.tenant.as_ref(), &here),
            groups: self.texts(&rule.groups, &here),
            roles: self.texts(&rule.roles, &here),
            ..Actor::default()
        };
        actor.aliases.retain(|alias| Some(alias) != actor.id.as_ref() && Some(alias) != actor.username.as_ref());
        if let (Some(kind), None) = (&kind, actor.kind) {
            self.warn(Code::InvalidEnum, &format!("{field}/type"), format!("{} is no type of actor", excerpt(kind)));
        }
        // A type alone says who did it only where the type means "nobody in particular".
        let telling = matches!(actor.kind, Some(ActorType::Anonymous | ActorType::System))
            || actor.id.is_some()
            || actor.username.is_some()
            || actor.full_name().is_some()
            || !actor.aliases.is_empty();
        telling.then_some(actor)
    }

    fn client(&mut self, program: &'r Program) -> Client {
        let rule = &program.client;
        let here = self.here.clone();
        let port = self.text(rule.port.as_ref(), &here);
        let mut client = Client {
            port: port.as_deref().and_then(|port| port.parse().ok()),
            chain: self.texts(&rule.chain, &here),
            host: self.text(rule.host.as_ref(), &here),
            user_agent: self.text(rule.user_agent.as_ref(), &here),
            channel: self.text(rule.channel.as_ref(), &here),
            ..Client::default()
        };
        if let (Some(port), None) = (port, client.port) {
            self.warn(Code::NumberOutOfRange, "/client/port", format!("{} is no port", excerpt(&port)));
        }
        let host = client.host.take();
        if let Some(odd) = address::fill(&mut client, &self.texts(&rule.address, &here)) {
            let message = format!("{} is no address and no host name; it is kept in the chain", excerpt(&odd));
            self.warn(Code::InvalidIp, "/client/ip", message);
        }
        client.host = host.or(client.host);
        client
    }

    fn outcome(&mut self, program: &'r Program) -> Outcome {
        let rule = &program.outcome;
        let here = self.here.clone();
        let result = self.text(rule.result.as_ref(), &here);
        let outcome = Outcome {
            result: result.as_deref().and_then(OutcomeResult::from_name),
            reason: self.text(rule.reason.as_ref(), &here),
            code: self.text(rule.code.as_ref(), &here),
            ..Outcome::default()
        };
        if let (Some(result), None) = (result, outcome.result) {
            self.warn(Code::InvalidEnum, "/outcome/result", format!("{} is no outcome", excerpt(&result)));
        }
        outcome
    }

    fn severity(&mut self, expr: Option<&'r Expr>) -> Option<Severity> {
        let text = self.text(expr, &self.here)?;
        let number = text.parse().ok().and_then(Severity::from_number);
        let severity = number.or_else(|| Severity::from_name_without_case(&text));
        if severity.is_none() {
            self.warn(Code::InvalidEnum, "/severity", format!("{} is no severity", excerpt(&text)));
        }
        severity
    }

    fn occurrences(&mut self, program: &'r Program) -> Option<Occurrences> {
        let rule = &program.occurrences;
        let count = self.text(rule.count.as_ref(), &self.here)?;
        let first = self.time(rule.first.as_ref(), "/occurrences/first");
        let last = self.time(rule.last.as_ref(), "/occurrences/last");
        match count.parse() {
            Ok(count) if count > 0 => Some(Occurrences { count, first, last, extra: Default::default() }),
            _ => {
                let message = format!("{} is no count of 1 or more", excerpt(&count));
                self.warn(Code::NumberOutOfRange, "/occurrences/count", message);
                None
            }
        }
    }

    fn targets(&self, rules: &'r [TargetRule]) -> Vec<Target> {
        let mut targets: Vec<Target> = Vec::new();
        let mut primaries = 0;
        for rule in rules {
            for here in self.elements(rule.each.as_ref()) {
                if !self.holds(rule.when.as_ref(), &here) {
                    continue;
                }
                let target = self.target(rule, &here);
                let named = target.id.is_some() || target.name.is_some() || target.username.is_some();
                let wanted = named || (rule.when.is_some() && target.kind.is_some());
                if !wanted || join_same(&mut targets, &target) {
                    continue;
                }
                if rule.primary.is_some() && self.holds(rule.primary.as_ref(), &here) {
                    targets.insert(primaries, target);
                    primaries += 1;
                } else {
                    targets.push(target);
                }
            }
        }
        targets
    }

    fn target(&self, rule: &'r TargetRule, here: &Value<'r>) -> Target {
        let mut target = Target {
            kind: self.text(rule.kind.as_ref(), here),
            id: self.text(rule.id.as_ref(), here),
            aliases: self.texts(&rule.aliases, here),
            username: self.text(rule.username.as_ref(), here),
            name: self.text(rule.name.as_ref(), here),
            tenant: self.text(rule.tenant.as_ref(), here),
            groups: self.texts(&rule.groups, here),
            roles: self.texts(&rule.roles, here),
            ..Target::default()
        };
        target.aliases.retain(|alias| Some(alias) != target.id.as_ref());
        target
    }

    fn related(&self, program: &'r Program) -> Vec<Related> {
        let mut found = Vec::new();
        for rule in &program.related {
            for here in self.elements(rule.each.as_ref()) {
                if !self.holds(rule.when.as_ref(), &here) {
                    continue;
                }
                let (kind, id) = (self.text(rule.kind.as_ref(), &here), self.text(rule.id.as_ref(), &here));
                if id.is_some() {
                    found.push(Related { kind, id, ..Related::default() });
                }
            }
        }
        found
    }

    fn parameters(&self, rules: &'r [ParameterRule]) -> Vec<(String, Box<RawValue>)> {
        let mut parameters: Vec<(String, Box<RawValue>)> = Vec::new();
        let mut add = |name: &str, value: &Value<'r>| {
            // The first of a name wins: duplicate keys have no place in an event.
            if !value.is_nothing()
                && !parameters.iter().any(|(known, _)| known == name)
                && let Some(raw) = value.raw()
            {
                parameters.push((name.to_owned(), raw));
            }
        };
        for rule in rules {
            match rule {
                ParameterRule::Named(name, expr) => add(name, &self.scope.eval(expr, &self.here)),
                ParameterRule::Spread(expr) => {
                    let value = self.scope.eval(expr, &self.here);
                    // What is null or a repeated name is seen too, though there is nothing to keep.
                    value.mark_used();
                    for (name, value) in value.into_members() {
                        add(&name, &value);
                    }
                }
            }
        }
        parameters
    }

    fn changes(&self, rules: &'r [ChangeRule]) -> Vec<Change> {
        let mut changes = Vec::new();
        for rule in rules {
            match rule {
                ChangeRule::Field { each, when, field, old, new } => {
                    for here in self.elements(each.as_ref()) {
                        if !self.holds(when.as_ref(), &here) {
                            continue;
                        }
                        let raw = |expr: &'r Option<Expr>| self.scope.eval(expr.as_ref()?, &here).raw();
                        let (old, new) = (raw(old), raw(new));
                        if let Some(field) = self.text(Some(field), &here).filter(|_| old.is_some() || new.is_some()) {
                            changes.push(Change { field, old, new, extra: Default::default() });
                        }
                    }
                }
                ChangeRule::Objects { when, before, after } => {
                    if self.holds(when.as_ref(), &self.here) {
                        self.compare(before.as_ref(), after.as_ref(), &mut changes);
                    }
                }
            }
        }
        changes
    }

    /// The members that differ between two objects, those of the later one first.
    fn compare(&self, before: Option<&'r Expr>, after: Option<&'r Expr>, changes: &mut Vec<Change>) {
        let members = |expr: Option<&'r Expr>| {
            let value = expr.map_or(Value::Nothing, |expr| self.scope.eval(expr, &self.here));
            value.mark_used();
            value.into_members()
        };
        let (before, after) = (members(before), members(after));
        for (field, new) in &after {
            let old = before.iter().find(|(known, _)| known == field).map(|(_, old)| old);
            if old.is_none_or(|old| old.json() != new.json()) {
                let old = old.and_then(Value::raw);
                changes.push(Change { field: field.to_string(), old, new: new.raw(), extra: Default::default() });
            }
        }
        for (field, old) in before.iter().filter(|(field, _)| !after.iter().any(|(known, _)| known == field)) {
            changes.push(Change { field: field.to_string(), old: old.raw(), new: None, extra: Default::default() });
        }
    }
}

/// Adds what `target` says to a target that is the same thing: of the same type, and its id is the other's id, name
/// or alias, or the other way round. Returns whether there is one.
fn join_same(targets: &mut [Target], target: &Target) -> bool {
    let is_same = |known: &&mut Target| {
        let calls_it = |one: &Target, other: &Target| {
            other.id.as_ref().is_some_and(|id| one.name.as_ref() == Some(id) || one.aliases.contains(id))
        };
        known.kind == target.kind
            && (known.id == target.id && known.name == target.name
                || target.id.is_some() && known.id == target.id
                || calls_it(known, target)
                || calls_it(target, known))
    };
    let Some(known) = targets.iter_mut().find(is_same) else { return false };
    let names = target.id.iter().chain(&target.aliases).chain(&target.name);
    for name in names {
        let is_known = known.id.as_ref() == Some(name) || known.name.as_ref() == Some(name);
        if !is_known && !known.aliases.contains(name) {
            known.aliases.push(name.clone());
        }
    }
    known.username = known.username.take().or_else(|| target.username.clone());
    known.tenant = known.tenant.take().or_else(|| target.tenant.clone());
    for (list, more) in [(&mut known.groups, &target.groups), (&mut known.roles, &target.roles)] {
        let new: Vec<_> = more.iter().filter(|name| !list.contains(name)).cloned().collect();
        list.extend(new);
    }
    true
}

/// The API's rule for ids: 1 to 128 printable ASCII characters without space, `/` and `*`.
pub(crate) fn is_event_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b'*')
}

/// An id made of texts that can't be one: the same texts give the same id.
pub(crate) fn derived_id(prefix: &str, parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    format!("{prefix}-{}", hex(&hasher.finalize()[..16]))
}
