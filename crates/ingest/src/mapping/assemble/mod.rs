//! Values to an event: what the expressions of a mapping gave, made to fit what an event may hold.
//!
//! Invariant: no record is refused for what a mapping made of it. A value that an event can't hold is left out
//! with a warning, and so is what a record's budget does not reach for; it is still in the record, which is the event's
//! body and its `data`.

mod lists;

use std::borrow::Cow;

use indelible_event::{
    Actor, ActorType, Client, Code, Event, EventTime, Occurrences, Outcome, OutcomeResult, Problem, Severity,
    Source, Timestamp, excerpt,
};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::Mapped;
use super::address;
use super::budget::VALUE;
use super::eval::{Scope, Value, hex};
use super::expr::Expr;
use super::program::{ActorRule, Program};
use super::record::Node;
use super::trace::Trace;
use super::unread;

/// What an event is assembled with, beside the record.
pub(super) struct Terms<'m> {
    /// The mapping's name, for ids that are derived.
    pub(super) name: &'m str,
    /// When the record was received, where its time is still to be judged.
    pub(super) received_at: Option<Timestamp>,
    /// Whether to say what was not understood.
    pub(super) tracking: bool,
    pub(super) trace: Option<&'m Trace>,
}

/// The API's bound on times in the future: 24 h.
const AHEAD_MAX_US: i64 = 24 * 3600 * 1_000_000;

/// The most items of any list of an event: the API's limit. It is no setting here, so that a record gives the same
/// event whenever it is read.
const ITEMS_MAX: usize = 256;

/// What stands for an action that the record does not name.
pub(crate) const NO_ACTION: &str = "-";

/// Makes the event of a record.
pub(super) fn assemble<'r>(program: &'r Program, record: &'r Node<'r>, terms: &Terms<'r>) -> Mapped {
    let mut scope = Scope::new(record, &program.tables, terms.tracking);
    scope.trace = terms.trace;
    scope.compute_lets(&program.lets);
    let here = Value::Node(record);
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
        self.cut("/targets", &mut event.targets);
        self.cut("/related", &mut event.related);
        self.cut("/parameters", &mut event.parameters);
        self.cut("/changes", &mut event.changes);
        if self.scope.budget.is_spent() {
            let message = "the mapping makes too much of this record; what it would have given from there on is \
                           left out, and the whole record is in data";
            self.warn(Code::TooManyItems, "", message.to_owned());
        }
        event
    }

    fn warn(&mut self, code: Code, field: &str, message: String) {
        self.warnings.push(Problem::new(code, field, message));
    }

    fn cut<T>(&mut self, field: &str, items: &mut Vec<T>) {
        if items.len() > ITEMS_MAX {
            let message = format!("over {ITEMS_MAX} items; the first are kept here and all of them in data");
            self.warn(Code::TooManyItems, field, message);
            items.truncate(ITEMS_MAX);
        }
    }

    /// A text that says something: an empty one is none.
    fn text(&self, expr: Option<&'r Expr>, here: &Value<'r>) -> Option<String> {
        let text = self.scope.text_of(&self.scope.eval(expr?, here))?;
        (!text.is_empty()).then(|| text.into_owned())
    }

    /// The texts of several expressions, each once, lists joined, as many as a list may have.
    fn texts(&self, exprs: &'r [Expr], here: &Value<'r>) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        let values = exprs.iter().flat_map(|expr| self.scope.list_of(self.scope.eval(expr, here)));
        for value in values {
            // Each is compared with the ones before it.
            if !self.scope.budget.spend_each(texts.len(), 4) {
                break;
            }
            if let Some(text) = self.scope.text_of(&value).filter(|text| !text.is_empty())
                && texts.len() < ITEMS_MAX
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
            Some(each) => self.scope.list_of(self.scope.eval(each, &self.here)),
            None => vec![self.here.clone()],
        }
    }

    fn id(&mut self, expr: Option<&'r Expr>, mapping: &str) -> Option<String> {
        let id = self.text(expr, &self.here)?;
        if is_event_id(&id) {
            return Some(id);
        }
        let derived = derived_id(mapping, &[&id]);
        self.warn(
            Code::InvalidId,
            "/id",
            format!("{} can't be an id; {derived} stands for it", excerpt(&id)),
        );
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
        let message = format!(
            "{} is before 1970 or over 24 h ahead; the time received stands",
            excerpt(&time.original)
        );
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
        self.warn(
            Code::InvalidTime,
            field,
            format!("{} is not a time of the form that the mapping names", excerpt(&text)),
        );
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
        actor
            .aliases
            .retain(|alias| Some(alias) != actor.id.as_ref() && Some(alias) != actor.username.as_ref());
        if let (Some(kind), None) = (&kind, actor.kind) {
            self.warn(
                Code::InvalidEnum,
                &format!("{field}/type"),
                format!("{} is no type of actor", excerpt(kind)),
            );
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
        let mut addresses = self.texts(&rule.address, &here);
        // Every comma may part an address from the next.
        if !self.scope.budget.spend_each(addresses.iter().map(String::len).sum(), VALUE) {
            addresses.clear();
        }
        if let Some(odd) = address::fill(&mut client, &addresses) {
            let message =
                format!("{} is no address and no host name; it is kept in the chain", excerpt(&odd));
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
}

/// The API's rule for ids: 1 to 128 printable ASCII characters without space, `/` and `*`.
pub(crate) fn is_event_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b'*')
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
