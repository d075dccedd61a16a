//! Events as JSON in the API's shape: only what is present, free-form parts exactly as they were sent.
//!
//! Invariant: `parse(event.to_json())` gives an equal event.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::model::{
    Actor, Change, Client, Event, EventTime, Extra, Occurrences, Outcome, Related, Severity, Source, Target,
};
impl Event {
    /// The event as JSON text in the API's shape, fields in the order of the API reference, unknown ones last.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self)
            .expect("maps with string keys and raw values that were checked can be written")
    }
}

/// Writes members that are present.
struct Members<M>(M);

impl<M: SerializeMap> Members<M> {
    fn text(&mut self, name: &str, value: Option<&String>) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.0.serialize_entry(name, value))
    }

    fn list<T: Serialize>(&mut self, name: &str, list: &[T]) -> Result<(), M::Error> {
        if list.is_empty() { Ok(()) } else { self.0.serialize_entry(name, list) }
    }

    fn value<T: Serialize>(&mut self, name: &str, value: Option<T>) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.0.serialize_entry(name, &value))
    }

    fn extra(mut self, extra: &[(String, Box<RawValue>)]) -> Result<M::Ok, M::Error> {
        for (name, value) in extra {
            self.0.serialize_entry(name, value)?;
        }
        self.0.end()
    }
}

macro_rules! members {
    ($type:ident, |$value:ident, $out:ident| $body:block) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $value = self;
                let mut $out = Members(serializer.serialize_map(None)?);
                $body
                $out.extra(&self.extra)
            }
        }
    };
}

members!(Event, |event, out| {
    out.text("id", event.id.as_ref())?;
    out.value("time", event.time.as_ref())?;
    out.text("tenant", event.tenant.as_ref())?;
    out.value("source", Some(&event.source).filter(|source| **source != Source::default()))?;
    out.value("actor", event.actor.as_ref())?;
    out.value("on_behalf_of", event.on_behalf_of.as_ref())?;
    out.value("client", Some(&event.client).filter(|client| **client != Client::default()))?;
    out.text("action", Some(&event.action))?;
    out.text("action_code", event.action_code.as_ref())?;
    out.text("action_type", event.action_type.as_ref())?;
    out.value("occurrences", event.occurrences.as_ref())?;
    out.value("outcome", Some(&event.outcome).filter(|outcome| **outcome != Outcome::default()))?;
    out.list("targets", &event.targets)?;
    out.list("related", &event.related)?;
    out.value("severity", event.severity)?;
    out.text("details", event.details.as_ref())?;
    out.value(
        "parameters",
        Some(Parameters(&event.parameters)).filter(|parameters| !parameters.0.is_empty()),
    )?;
    out.list("changes", &event.changes)?;
    out.value("data", event.data.as_ref())?;
    out.text("session_id", event.session_id.as_ref())?;
    out.text("request_id", event.request_id.as_ref())?;
    out.text("trace_id", event.trace_id.as_ref())?;
});

members!(Source, |source, out| {
    out.text("application", source.application.as_ref())?;
    out.text("component", source.component.as_ref())?;
    out.text("node", source.node.as_ref())?;
    out.text("data_source", source.data_source.as_ref())?;
    out.text("version", source.version.as_ref())?;
});

members!(Actor, |actor, out| {
    out.value("type", actor.kind.map(|kind| kind.as_str()))?;
    out.text("id", actor.id.as_ref())?;
    out.list("aliases", &actor.aliases)?;
    out.text("username", actor.username.as_ref())?;
    out.text("first_name", actor.first_name.as_ref())?;
    out.text("last_name", actor.last_name.as_ref())?;
    out.text("tenant", actor.tenant.as_ref())?;
    out.list("groups", &actor.groups)?;
    out.list("roles", &actor.roles)?;
});

members!(Client, |client, out| {
    // Not serde's form of an address, which is binary in some formats.
    out.value("ip", client.ip.map(|ip| ip.to_string()))?;
    out.text("zone", client.zone.as_ref())?;
    out.list("chain", &client.chain)?;
    out.value("port", client.port)?;
    out.text("host", client.host.as_ref())?;
    out.text("user_agent", client.user_agent.as_ref())?;
    out.text("channel", client.channel.as_ref())?;
});

members!(Occurrences, |occurrences, out| {
    out.value("count", Some(occurrences.count))?;
    out.value("first", occurrences.first.as_ref())?;
    out.value("last", occurrences.last.as_ref())?;
});

members!(Outcome, |outcome, out| {
    out.value("result", outcome.result.map(|result| result.as_str()))?;
    out.text("reason", outcome.reason.as_ref())?;
    out.text("code", outcome.code.as_ref())?;
});

members!(Target, |target, out| {
    out.text("type", target.kind.as_ref())?;
    out.text("id", target.id.as_ref())?;
    out.list("aliases", &target.aliases)?;
    out.text("username", target.username.as_ref())?;
    out.text("name", target.name.as_ref())?;
    out.text("tenant", target.tenant.as_ref())?;
    out.list("groups", &target.groups)?;
    out.list("roles", &target.roles)?;
});

members!(Related, |related, out| {
    out.text("type", related.kind.as_ref())?;
    out.text("id", related.id.as_ref())?;
});

members!(Change, |change, out| {
    out.text("field", Some(&change.field))?;
    out.value("old", change.old.as_ref())?;
    out.value("new", change.new.as_ref())?;
});

/// As the sender wrote it, offset and digits kept.
impl Serialize for EventTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.original)
    }
}

/// Both name and number, whichever of them was sent.
impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("name", self.as_str())?;
        map.serialize_entry("number", &self.number())?;
        map.end()
    }
}

impl Serialize for Extra {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Parameters(&self.0).serialize(serializer)
    }
}

struct Parameters<'a>(&'a [(String, Box<RawValue>)]);

impl Serialize for Parameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
