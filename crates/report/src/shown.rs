//! What of an event a column shows.

use std::{borrow::Cow, collections::HashMap};

use indelible_access::EventView;
use indelible_event::{Actor, ActorType, Event, OutcomeResult, Target, Timestamp};
use serde_json::value::RawValue;

use crate::{
    Column,
    clock::{Clock, Precision},
};

/// How values are shown.
pub(crate) struct Shown {
    clock: Clock,
    precision: Precision,
    /// Labels of action types by their ids.
    labels: HashMap<String, String>,
}

impl Shown {
    pub(crate) fn new(clock: Clock, precision: Precision, labels: HashMap<String, String>) -> Self {
        Self { clock, precision, labels }
    }

    /// The text of a cell; `None`: not captured.
    pub(crate) fn cell<'e>(&'e mut self, column: Column, view: &'e EventView) -> Option<Cow<'e, str>> {
        let (event, added) = (&view.event, &view.added);
        let target = event.targets.first();
        let actor = event.actor.as_ref();
        match column {
            Column::Time | Column::ReceivedAt => Some(self.time(time(column, view)?).into()),
            Column::ActionType => event.action_type.as_deref().map(|kind| self.label(kind)),
            Column::Action => Some(event.action.as_str().into()),
            Column::ActionCode => text(&event.action_code),
            Column::Outcome => event.outcome.result.map(|result| outcome(result).into()),
            Column::Reason => text(&event.outcome.reason),
            Column::Affected => target.and_then(target_name),
            Column::AffectedTenant => target.and_then(|target| text(&target.tenant)),
            Column::Object => target.and_then(|target| text(&target.kind)),
            Column::Category => text(&added.object_category),
            Column::Actor => actor.and_then(actor_name),
            Column::ActorTenant => actor.and_then(|actor| text(&actor.tenant)),
            Column::Username => actor.and_then(|actor| text(&actor.username)),
            Column::FirstName => actor.and_then(|actor| text(&actor.first_name)),
            Column::LastName => actor.and_then(|actor| text(&actor.last_name)),
            Column::Ip => address(event),
            Column::UserAgent => text(&event.client.user_agent),
            Column::Tenant => text(&event.tenant),
            Column::Application => text(&event.source.application),
            Column::Node => text(&event.source.node),
            Column::Component => text(&event.source.component),
            Column::Severity => event.severity.map(|severity| severity.label().into()),
            Column::Summary => {
                let summary = given(Some(&added.summary)).or(given(event.details.as_deref()));
                Some(summary.unwrap_or(&event.action).into())
            }
            Column::Details => text(&event.details),
            Column::Id => text(&event.id),
            Column::SessionId => text(&event.session_id),
            Column::RequestId => text(&event.request_id),
            Column::TraceId => text(&event.trace_id),
            Column::TenantSeq => Some(added.tenant_seq.to_string().into()),
            Column::Parameters => {
                (!event.parameters.is_empty()).then(|| object(event.parameters.iter()).into())
            }
            Column::Changes => (!event.changes.is_empty()).then(|| changes(event).into()),
            Column::Event => Some(view.to_json().into()),
        }
    }

    /// The label of an action type.
    pub(crate) fn label<'t>(&'t self, kind: &'t str) -> Cow<'t, str> {
        match self.labels.get(kind) {
            Some(label) => label.as_str().into(),
            None if kind.contains('_') => kind.replace('_', " ").into(),
            None => kind.into(),
        }
    }

    fn time(&mut self, at: Timestamp) -> String {
        self.clock.rfc3339(at.as_micros(), self.precision).unwrap_or_else(|| at.to_rfc3339())
    }
}

/// The instant that a column of times holds; none in other columns.
pub(crate) fn time(column: Column, view: &EventView) -> Option<Timestamp> {
    match column {
        Column::Time => view.event.time.as_ref().map(|time| time.at),
        Column::ReceivedAt => Timestamp::parse_rfc3339(&view.added.received_at).ok().map(|time| time.at),
        _ => None,
    }
}

/// As people see it.
pub(crate) const fn outcome(result: OutcomeResult) -> &'static str {
    match result {
        OutcomeResult::Success => "Success",
        OutcomeResult::Failure => "Failure",
        OutcomeResult::Denied => "Denied",
        OutcomeResult::Challenge => "Challenge",
        OutcomeResult::Unknown => "Unknown",
    }
}

/// The value, or none where nothing was captured.
pub(crate) fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

pub(crate) fn text(text: &Option<String>) -> Option<Cow<'_, str>> {
    given(text.as_deref()).map(Cow::Borrowed)
}

/// The client's address, else what stood in its place.
pub(crate) fn address(event: &Event) -> Option<Cow<'_, str>> {
    match (event.client.ip, given(event.client.zone.as_deref())) {
        (Some(ip), Some(zone)) => Some(format!("{ip}%{zone}").into()),
        (Some(ip), None) => Some(ip.to_string().into()),
        (None, _) => text(&event.client.host),
    }
}

/// The shortest name of an actor.
pub(crate) fn actor_name(actor: &Actor) -> Option<Cow<'_, str>> {
    let short = || given(actor.username.as_deref()).map(Cow::Borrowed);
    let whole = || {
        let name = [given(actor.first_name.as_deref()), given(actor.last_name.as_deref())];
        let name: Vec<_> = name.into_iter().flatten().collect();
        (!name.is_empty()).then(|| Cow::Owned(name.join(" ")))
    };
    let other =
        || given(actor.id.as_deref()).or(actor.aliases.first().map(String::as_str)).map(Cow::Borrowed);
    let system = || (actor.kind == Some(ActorType::System)).then_some(Cow::Borrowed("System"));
    short().or_else(whole).or_else(other).or_else(system)
}

pub(crate) fn target_name(target: &Target) -> Option<Cow<'_, str>> {
    let names = [&target.username, &target.name, &target.id].map(|name| given(name.as_deref()));
    let named = names.into_iter().flatten().next();
    named.or(target.aliases.first().map(String::as_str)).map(Cow::Borrowed)
}

/// Members as one JSON object.
pub(crate) fn object<'m>(members: impl Iterator<Item = &'m (String, Box<RawValue>)>) -> String {
    let mut json = b"{".to_vec();
    for (name, value) in members {
        if json.len() > 1 {
            json.push(b',');
        }
        serde_json::to_writer(&mut json, name).expect("a string always serialises");
        json.push(b':');
        json.extend_from_slice(value.get().as_bytes());
    }
    json.push(b'}');
    String::from_utf8(json).expect("put together of texts")
}

/// Changed fields as one JSON array.
pub(crate) fn changes(event: &Event) -> String {
    serde_json::to_string(&event.changes).expect("strings and raw values that were checked always serialise")
}

/// A parameter's value as a cell: a string's text, anything else as JSON.
pub(crate) fn parameter_text(value: &RawValue) -> Cow<'_, str> {
    let json = value.get();
    let Some(inner) = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return json.into();
    };
    if !inner.contains('\\') {
        return inner.into();
    }
    match serde_json::from_str::<String>(json) {
        Ok(text) => text.into(),
        Err(_) => json.into(),
    }
}
