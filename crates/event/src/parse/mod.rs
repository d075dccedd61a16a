//! From one JSON text to an [`Event`]: the rules of `docs/events.md`, in one strict pass.
//!
//! An empty string says as much as `null` or an absent field: not captured. Exceptions: `id` and `time`, where it is an
//! error, `action`, where it is a missing field, `tenant`, where it names no tenant and must not fall back to a default,
//! and free-form parts, which are kept as sent.
//! Invariant: either an event that holds all that was sent, or at least one problem; never a half-read event.

mod client;
mod fields;

use std::borrow::Cow;

use crate::json::{Fatal, Kind, Reader, Step, pointer};
use crate::model::{
    Actor, Change, Event, EventTime, Extra, Occurrences, Outcome, Related, Severity, Source, Target,
};
use crate::problem::{Code, Problem, excerpt};
use crate::{ActorType, OutcomeResult, Timestamp};

/// Problems or warnings beyond this many are counted, not listed, so that an answer stays short.
const LISTED_MAX: usize = 32;

/// How far ahead of its receipt an event's time may be.
const AHEAD_MAX_US: i64 = 24 * 3600 * 1_000_000;

/// The longest `id`, in bytes.
const ID_BYTES_MAX: usize = 128;

/// How much one event may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the JSON text, inclusive.
    pub event_bytes_max: usize,
    /// Targets, parameters, changes, and entries of any other list, inclusive.
    pub items_max: usize,
    /// Nested containers, the event object being the first, inclusive.
    pub depth_max: usize,
}

impl Default for Limits {
    /// 1 MiB, 256 items, depth 32.
    fn default() -> Self {
        Self { event_bytes_max: 1 << 20, items_max: 256, depth_max: 32 }
    }
}

impl Limits {
    /// No limits: for reading again what was accepted once, perhaps under wider limits than today's.
    pub const NONE: Self = Self { event_bytes_max: usize::MAX, items_max: usize::MAX, depth_max: usize::MAX };
}

/// An accepted event and what was noteworthy about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The event.
    pub event: Event,
    /// One `unknown_field` for each field that the API does not know; beyond 32 the last one counts the rest.
    pub warnings: Vec<Problem>,
}

/// Reads one event that was received at `received_at`.
///
/// # Errors
/// Every problem found, at least one, in the order of the text. Where the text is not JSON that is the only one;
/// otherwise reading goes on past a problem as far as it makes sense, and past 32 problems they are only counted.
pub fn parse(json: &str, limits: &Limits, received_at: Timestamp) -> Result<Parsed, Vec<Problem>> {
    if json.len() > limits.event_bytes_max {
        let message =
            format!("the event has {} bytes, at most {} are taken", json.len(), limits.event_bytes_max);
        return Err(vec![Problem::new(Code::EventTooLarge, "", message)]);
    }
    let mut parser = Parser {
        reader: Reader::new(json, limits.depth_max),
        steps: Vec::with_capacity(8),
        items_max: limits.items_max,
        time_max: Timestamp::from_micros(received_at.as_micros().saturating_add(AHEAD_MAX_US)),
        problems: Listed::default(),
        warnings: Listed::default(),
    };
    if parser.reader.kind_at_start().is_none() {
        return Err(vec![Problem::new(Code::EmptyBody, "", "expected an event, got nothing")]);
    }
    let read = parser.event().and_then(|event| parser.reader.end().map(|()| event));
    match read {
        Err(fatal @ Fatal::Malformed { .. }) => Err(vec![fatal.problem(json, String::new())]),
        Err(fatal @ Fatal::TooDeep { .. }) => {
            let field = parser.here();
            parser.problems.list(fatal.problem(json, field));
            Err(parser.problems.finish())
        }
        Ok(_) if parser.problems.count > 0 => Err(parser.problems.finish()),
        Ok(event) => Ok(Parsed { event, warnings: parser.warnings.finish() }),
    }
}

/// A bounded list of problems.
#[derive(Default)]
struct Listed {
    problems: Vec<Problem>,
    count: usize,
}

impl Listed {
    fn list(&mut self, problem: Problem) {
        self.count += 1;
        if self.count <= LISTED_MAX {
            self.problems.push(problem);
        }
    }

    fn finish(mut self) -> Vec<Problem> {
        let more = self.count - self.problems.len();
        if more > 0
            && let Some(last) = self.problems.last_mut()
        {
            last.message = format!("{} (and {more} more)", last.message);
        }
        self.problems
    }
}

struct Parser<'a> {
    reader: Reader<'a>,
    /// Where the reader is, for problems.
    steps: Vec<Step<'a>>,
    items_max: usize,
    time_max: Timestamp,
    problems: Listed,
    warnings: Listed,
}

impl<'a> Parser<'a> {
    /// The JSON pointer of the value being read.
    fn here(&self) -> String {
        pointer(&self.steps)
    }

    fn problem(&mut self, code: Code, message: impl Into<String>) {
        let problem = Problem::new(code, self.here(), message);
        self.problems.list(problem);
    }

    /// A problem with the member `name` of the object being read.
    fn member_problem(&mut self, name: &'static str, code: Code, message: impl Into<String>) {
        self.steps.push(Step::Name(Cow::Borrowed(name)));
        self.problem(code, message);
        self.steps.pop();
    }

    fn event(&mut self) -> Result<Event, Fatal> {
        let mut event = Event::default();
        let mut action_read = false;
        let mut extra = Extra::default();
        let is_object = self.object(&mut extra, |parser, name| {
            match name {
                "id" => event.id = parser.id()?,
                "time" => event.time = parser.time()?,
                "tenant" => event.tenant = parser.text_or_empty()?,
                "source" => event.source = parser.source()?,
                "actor" => event.actor = parser.actor()?,
                "on_behalf_of" => event.on_behalf_of = parser.actor()?,
                "client" => event.client = parser.client()?,
                "action" => {
                    action_read = true;
                    event.action = parser.action()?;
                }
                "action_code" => event.action_code = parser.text()?,
                "action_type" => event.action_type = parser.text()?,
                "occurrences" => event.occurrences = parser.occurrences()?,
                "outcome" => event.outcome = parser.outcome()?,
                "targets" => event.targets = parser.list("objects", Self::target)?,
                "related" => event.related = parser.list("objects", Self::related)?,
                "severity" => event.severity = parser.severity()?,
                "details" => event.details = parser.text()?,
                "parameters" => event.parameters = parser.parameters()?,
                "changes" => event.changes = parser.list("objects", Self::change)?,
                "data" => event.data = parser.raw()?.filter(|data| data.get() != "null"),
                "session_id" => event.session_id = parser.text()?,
                "request_id" => event.request_id = parser.text()?,
                "trace_id" => event.trace_id = parser.text()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if is_object && !action_read {
            self.member_problem("action", Code::MissingField, "expected the name of the action");
        }
        event.extra = extra.0;
        Ok(event)
    }

    fn id(&mut self) -> Result<Option<String>, Fatal> {
        let Some(id) = self.text_or_empty()? else { return Ok(None) };
        let allowed = |byte: u8| (0x21..0x7f).contains(&byte) && byte != b'/' && byte != b'*';
        if id.is_empty() || id.len() > ID_BYTES_MAX || !id.bytes().all(allowed) {
            let got = excerpt(&id);
            let message =
                format!("expected 1-128 printable ASCII characters without space, / or *, got {got}");
            self.problem(Code::InvalidId, message);
        }
        Ok(Some(id))
    }

    fn action(&mut self) -> Result<String, Fatal> {
        let before = self.problems.count;
        let action = self.text_or_empty()?.unwrap_or_default();
        if self.problems.count == before && action.trim().is_empty() {
            self.problem(Code::MissingField, "expected the name of the action, got nothing");
        }
        Ok(action)
    }

    fn time(&mut self) -> Result<Option<EventTime>, Fatal> {
        let Some(text) = self.text_or_empty()? else { return Ok(None) };
        match Timestamp::parse_rfc3339(&text) {
            Err(problem) => {
                self.problem(Code::InvalidTime, format!("{problem}, got {}", excerpt(&text)));
                Ok(None)
            }
            Ok(time) if time.at < Timestamp::from_micros(0) || time.at > self.time_max => {
                let max = self.time_max;
                let got = excerpt(&text);
                let message = format!("expected a time from 1970-01-01T00:00:00Z to {max}, got {got}");
                self.problem(Code::TimeOutOfRange, message);
                Ok(None)
            }
            Ok(time) => Ok(Some(time)),
        }
    }

    fn source(&mut self) -> Result<Source, Fatal> {
        let mut source = Source::default();
        let mut extra = Extra::default();
        self.optional_object(&mut extra, |parser, name| {
            let field = match name {
                "application" => &mut source.application,
                "component" => &mut source.component,
                "node" => &mut source.node,
                "data_source" => &mut source.data_source,
                "version" => &mut source.version,
                _ => return Ok(false),
            };
            *field = parser.text()?;
            Ok(true)
        })?;
        Ok(Source { extra, ..source })
    }

    fn actor(&mut self) -> Result<Option<Actor>, Fatal> {
        let mut actor = Actor::default();
        let mut extra = Extra::default();
        self.optional_object(&mut extra, |parser, name| {
            match name {
                "type" => {
                    actor.kind = parser.choice(ActorType::from_name, ActorType::ALL, ActorType::as_str)?
                }
                "id" => actor.id = parser.text()?,
                "aliases" => actor.aliases = parser.texts()?,
                "username" => actor.username = parser.text()?,
                "first_name" => actor.first_name = parser.text()?,
                "last_name" => actor.last_name = parser.text()?,
                "tenant" => actor.tenant = parser.text()?,
                "groups" => actor.groups = parser.texts()?,
                "roles" => actor.roles = parser.texts()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        actor.extra = extra;
        Ok((!actor.is_empty()).then_some(actor))
    }

    fn target(&mut self) -> Result<Target, Fatal> {
        let mut target = Target::default();
        let mut extra = Extra::default();
        self.object(&mut extra, |parser, name| {
            match name {
                "type" => target.kind = parser.text()?,
                "id" => target.id = parser.text()?,
                "aliases" => target.aliases = parser.texts()?,
                "username" => target.username = parser.text()?,
                "name" => target.name = parser.text()?,
                "tenant" => target.tenant = parser.text()?,
                "groups" => target.groups = parser.texts()?,
                "roles" => target.roles = parser.texts()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Target { extra, ..target })
    }

    fn related(&mut self) -> Result<Related, Fatal> {
        let mut related = Related::default();
        let mut extra = Extra::default();
        self.object(&mut extra, |parser, name| {
            match name {
                "type" => related.kind = parser.text()?,
                "id" => related.id = parser.text()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Related { extra, ..related })
    }

    fn outcome(&mut self) -> Result<Outcome, Fatal> {
        let mut outcome = Outcome::default();
        let mut extra = Extra::default();
        self.optional_object(&mut extra, |parser, name| {
            match name {
                "result" => {
                    outcome.result =
                        parser.choice(OutcomeResult::from_name, OutcomeResult::ALL, OutcomeResult::as_str)?;
                }
                "reason" => outcome.reason = parser.text()?,
                "code" => outcome.code = parser.text()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Outcome { extra, ..outcome })
    }

    fn change(&mut self) -> Result<Change, Fatal> {
        let mut change = Change { field: String::new(), old: None, new: None, extra: Extra::default() };
        let mut extra = Extra::default();
        let before = self.problems.count;
        let is_object = self.object(&mut extra, |parser, name| {
            match name {
                "field" => change.field = parser.text()?.unwrap_or_default(),
                "old" => change.old = parser.raw()?,
                "new" => change.new = parser.raw()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if is_object && change.field.is_empty() && self.problems.count == before {
            self.member_problem("field", Code::MissingField, "expected the name of the changed field");
        }
        Ok(Change { extra, ..change })
    }

    fn occurrences(&mut self) -> Result<Option<Occurrences>, Fatal> {
        let (mut count, mut first, mut last) = (None, None, None);
        let mut extra = Extra::default();
        let before = self.problems.count;
        self.optional_object(&mut extra, |parser, name| {
            match name {
                "count" => count = parser.integer(1, u64::MAX)?,
                "first" => first = parser.time()?,
                "last" => last = parser.time()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if let Some(count) = count {
            return Ok(Some(Occurrences { count, first, last, extra }));
        }
        if (first.is_some() || last.is_some() || !extra.is_empty()) && self.problems.count == before {
            self.member_problem("count", Code::MissingField, "expected the number of occurrences");
        }
        Ok(None)
    }

    fn severity(&mut self) -> Result<Option<Severity>, Fatal> {
        let (mut by_name, mut by_number) = (None, None);
        let mut extra = Extra::default();
        self.optional_object(&mut extra, |parser, name| {
            match name {
                "name" => {
                    by_name =
                        parser.choice(Severity::from_name_without_case, Severity::ALL, Severity::as_str)?;
                }
                "number" => by_number = parser.integer(1, 4)?.and_then(Severity::from_number),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if let (Some(name), Some(number)) = (by_name, by_number)
            && name != number
        {
            let (name, right, wrong) = (name.as_str(), name.number(), number.number());
            let message = format!(
                "expected the number {right} beside the name {name}, or only one of them, got {wrong}"
            );
            self.member_problem("number", Code::NumberOutOfRange, message);
        }
        Ok(by_name.or(by_number))
    }

    fn parameters(&mut self) -> Result<Vec<(String, Box<serde_json::value::RawValue>)>, Fatal> {
        let items_max = self.items_max;
        let mut parameters = Vec::new();
        let mut count = 0_usize;
        self.members("an object of parameters", Kind::Null, |parser, name| {
            count += 1;
            let value = parser.raw()?;
            if count <= items_max
                && let Some(value) = value
            {
                parameters.push((name.into_owned(), value));
            }
            Ok(())
        })?;
        self.check_count(count);
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests;
