//! An event as the API gives it back: the fields as sent, and what the server adds.

use indelible_control::Directory;
use indelible_event::{Client, Event, EventTime, Outcome, Source, TimeSource, Timestamp};
use indelible_ledger::Record;
use indelible_search::Decode;
use indelible_verify::{Person, Protocol};
use serde::Serialize;

/// One event, ready to be written as JSON.
#[derive(Clone, Debug)]
pub struct EventView {
    /// The event; server-owned values stand in place of the sender's.
    pub event: Event,
    /// What the server adds.
    pub added: Added,
    /// Whether it tells that somebody looked at the trail.
    pub is_look: bool,
}

/// The name under which the installation's own chain is found and shown; no tenant can have it.
pub const INSTALLATION: &str = "_installation";

/// What the codes of events begin with that tell of looking, which the server itself writes.
pub const LOOKING: &str = "looking.";

/// The fields that the server adds to an event.
#[derive(Clone, Debug, Serialize)]
pub struct Added {
    /// The log's id; only with reach over everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Leaf index; only with reach over everything, since it tells how much others send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Position in the tenant's chain.
    pub tenant_seq: u64,
    /// When the server received it.
    pub received_at: String,
    /// The sender's own text of the time.
    pub time_original: Option<String>,
    /// `event` or `received`.
    pub time_source: &'static str,
    /// The filter category of the first target's type.
    pub object_category: Option<String>,
    /// The canonical type of the first target.
    pub object_type: Option<String>,
    /// What happened, in one plain sentence.
    pub summary: String,
    /// Unusual frequency found, none so far.
    pub anomaly: Option<()>,
    /// Whether its content was erased.
    pub erased: bool,
    /// Whether a legal hold covers it.
    pub held: bool,
    /// Those in it whom the server recognised as users.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recognised: Vec<Recognised>,
}

/// Somebody in an event who was a user of the installation when it was received.
#[derive(Clone, Debug, Serialize)]
pub struct Recognised {
    /// JSON pointer into the event: `/actor`, `/on_behalf_of`, `/targets/0`.
    pub place: String,
    /// The user's UUID.
    pub user: String,
    /// All groups of the user at receipt; `None` where the event names some itself.
    pub groups: Option<Vec<String>>,
    /// All roles of the user at receipt, the same way.
    pub roles: Option<Vec<String>>,
}

impl From<&Person> for Recognised {
    fn from(person: &Person) -> Self {
        Self {
            place: person.place.to_string(),
            user: person.user.to_string(),
            groups: person.groups.as_ref().map(|names| names.to_vec()),
            roles: person.roles.as_ref().map(|names| names.to_vec()),
        }
    }
}

/// Top-level names that the server owns; a sender's fields of these names are found in the original only.
const OWNED: [&str; 14] = [
    "log",
    "seq",
    "tenant_seq",
    "received_at",
    "time_original",
    "time_source",
    "object_category",
    "object_type",
    "summary",
    "anomaly",
    "erased",
    "held",
    "recognised",
    "checkpoint",
];

/// Fields that are answered as null where they were not captured.
const CAPTURED: [&str; 16] = [
    "source",
    "actor",
    "on_behalf_of",
    "client",
    "action_code",
    "occurrences",
    "outcome",
    "targets",
    "related",
    "details",
    "parameters",
    "changes",
    "data",
    "session_id",
    "request_id",
    "trace_id",
];

impl EventView {
    pub(crate) fn new(
        record: &Record,
        decode: &dyn Decode,
        directory: &Directory,
        log: Option<String>,
    ) -> Self {
        let decoded = decode.decode(&record.envelope, &record.body);
        let mut event = decoded.event;
        let derived = decoded.derived;
        let envelope = &record.envelope;
        let at = Timestamp::from_micros(envelope.event_time_us);
        let time_source = envelope.time_source;
        let time_original = match time_source {
            TimeSource::Event => event.time.as_ref().map(|time| time.original.clone()),
            TimeSource::Received => None,
        };
        event.id = Some(envelope.event_id.clone());
        // The name of today, so that a renamed tenant is shown under one name.
        let tenant = directory.tenant(envelope.tenant_number);
        event.tenant =
            Some(tenant.map_or_else(|| envelope.tenant_name.clone(), |tenant| tenant.name.clone()));
        event.time = Some(EventTime { at, original: at.to_rfc3339() });
        if let Some(occurrences) = &mut event.occurrences {
            for time in [&mut occurrences.first, &mut occurrences.last].into_iter().flatten() {
                time.original = time.at.to_rfc3339();
            }
        }
        event.action_type = Some(derived.action_type.to_string());
        event.severity = Some(derived.severity);
        event.details = derived.details;
        event.extra.retain(|(name, _)| !OWNED.contains(&name.as_str()));
        let seq = log.is_some().then_some(record.index);
        let added = Added {
            log,
            seq,
            tenant_seq: record.entry.tenant_seq,
            received_at: record.received_at().to_rfc3339(),
            time_original,
            time_source: match time_source {
                TimeSource::Event => "event",
                TimeSource::Received => "received",
            },
            object_category: derived.object_category.map(|category| category.to_string()),
            object_type: derived.object_type.map(|kind| kind.to_string()),
            summary: derived.summary,
            anomaly: None,
            erased: false,
            held: false,
            recognised: envelope.people.iter().map(Recognised::from).collect(),
        };
        let code = event.action_code.as_deref().unwrap_or_default();
        let is_look = envelope.protocol == Protocol::SERVER && code.starts_with(LOOKING);
        Self { event, added, is_look }
    }

    /// The event as one JSON object on one line.
    pub fn to_json(&self) -> String {
        let mut json = Vec::with_capacity(JSON_BYTES);
        self.write_json(&mut json);
        String::from_utf8(json).expect("JSON is text")
    }

    /// Puts the event as one JSON object on one line behind what the buffer holds.
    pub fn write_json(&self, json: &mut Vec<u8>) {
        let start = json.len();
        serde_json::to_writer(&mut *json, &self.event)
            .expect("maps with string keys and raw values that were checked can be written");
        // Both the event and what is added are objects with at least one field, so the second's fields follow the
        // first's: the brace between them becomes a comma.
        json.pop();
        for name in CAPTURED.iter().filter(|name| !is_captured(&self.event, name)) {
            json.extend_from_slice(b",\"");
            json.extend_from_slice(name.as_bytes());
            json.extend_from_slice(b"\":null");
        }
        let brace = json.len();
        serde_json::to_writer(&mut *json, &self.added)
            .expect("strings, numbers and booleans always serialise");
        json[brace] = b',';
        // Free-form parts are kept as sent. Inside a string JSON escapes these characters, so what is left of them
        // stands between values and means nothing.
        for byte in &mut json[start..] {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}

/// Room for most events as JSON.
const JSON_BYTES: usize = 1 << 10;

/// Whether the event has this one of [`CAPTURED`], by the rules of its serialisation.
fn is_captured(event: &Event, name: &str) -> bool {
    let is_field = match name {
        "source" => event.source != Source::default(),
        "actor" => event.actor.is_some(),
        "on_behalf_of" => event.on_behalf_of.is_some(),
        "client" => event.client != Client::default(),
        "action_code" => event.action_code.is_some(),
        "occurrences" => event.occurrences.is_some(),
        "outcome" => event.outcome != Outcome::default(),
        "targets" => !event.targets.is_empty(),
        "related" => !event.related.is_empty(),
        "details" => event.details.is_some(),
        "parameters" => !event.parameters.is_empty(),
        "changes" => !event.changes.is_empty(),
        "data" => event.data.is_some(),
        "session_id" => event.session_id.is_some(),
        "request_id" => event.request_id.is_some(),
        "trace_id" => event.trace_id.is_some(),
        _ => false,
    };
    is_field || event.extra.iter().any(|(extra, _)| extra == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use indelible_event::{Derived, Severity};
    use indelible_search::Decoded;
    use indelible_verify::{ChainId, Entry, Envelope, Kind, Names, People, Place, Protocol, Salt, UserId};
    use serde_json::{Value, json, value::RawValue};

    use super::*;

    struct Json;

    impl Decode for Json {
        fn decode(&self, _: &Envelope, body: &[u8]) -> Decoded {
            let (text, limits) = (std::str::from_utf8(body).unwrap(), indelible_event::Limits::NONE);
            let event = indelible_event::parse(text, &limits, Timestamp::from_micros(0)).unwrap().event;
            let derived = Derived {
                action_type: "other".into(),
                object_category: None,
                object_type: None,
                severity: Severity::Low,
                details: None,
                summary: String::new(),
            };
            Decoded { event, derived }
        }
    }

    fn shown(people: Vec<Person>) -> Value {
        let entry = Entry {
            kind: Kind::EVENT,
            chain_id: ChainId([0; 16]),
            tenant_seq: 4,
            received_at_us: 5,
            prev: [0; 32],
            commitment: [0; 32],
        };
        let envelope = Envelope {
            event_time_us: 5,
            time_source: TimeSource::Received,
            protocol: Protocol::JSON,
            rule_version: 1,
            mapping_version: 0,
            tenant_number: 1,
            key_id: [0; 16],
            event_id: "e".into(),
            tenant_name: "acme".into(),
            media_type: "application/json".into(),
            mapping_name: String::new(),
            people: People::new(people).unwrap(),
        };
        let body = br#"{"action":"a","actor":{"id":"ada"},"recognised":[{"place":"/actor","user":"me"}]}"#;
        let record = Record {
            index: 0,
            entry,
            leaf_hash: [0; 32],
            salt: Salt([0; 16]),
            envelope,
            body: body.to_vec(),
        };
        let view = EventView::new(&record, &Json, &Directory::default(), None);
        serde_json::from_str(&view.to_json()).unwrap()
    }

    #[test]
    fn shows_whom_the_server_recognised_and_not_whom_a_sender_did() {
        assert_eq!(shown(vec![]).get("recognised"), None);
        let names = Names::new(["Support".to_owned()]).unwrap();
        let user = UserId([0xab; 16]);
        let people = vec![
            Person { place: Place::target(2).unwrap(), user, groups: Some(Names::default()), roles: None },
            Person { place: Place::ACTOR, user, groups: Some(names.clone()), roles: Some(names) },
        ];
        let user = "abababab-abab-abab-abab-abababababab";
        let expected = json!([
            {"place": "/actor", "user": user, "groups": ["Support"], "roles": ["Support"]},
            {"place": "/targets/2", "user": user, "groups": [], "roles": null},
        ]);
        assert_eq!(shown(people)["recognised"], expected);
    }

    /// The same text by way of reading what was written, which tells what is absent without knowing the fields.
    fn by_reading(view: &EventView) -> String {
        let (mut json, added) = (view.event.to_json(), serde_json::to_string(&view.added).unwrap());
        let present: BTreeMap<String, &RawValue> = serde_json::from_str(&json).unwrap();
        let absent = CAPTURED.iter().filter(|name| !present.contains_key(**name));
        let absent: String = absent.map(|name| format!("\"{name}\":null,")).collect();
        json.pop();
        format!("{json},{absent}{}", &added[1..]).replace(['\n', '\r'], " ")
    }

    fn view(body: &str) -> EventView {
        let event = indelible_event::parse(body, &indelible_event::Limits::NONE, Timestamp::from_micros(0));
        let added = Added {
            log: None,
            seq: Some(7),
            tenant_seq: 3,
            received_at: "2026-03-01T00:00:00.000000Z".into(),
            time_original: None,
            time_source: "received",
            object_category: None,
            object_type: Some("user".into()),
            summary: "line\nline".into(),
            anomaly: None,
            erased: false,
            held: false,
            recognised: vec![],
        };
        EventView { event: event.unwrap().event, added, is_look: false }
    }

    #[test]
    fn names_what_was_not_captured_as_a_reader_of_the_json_would() {
        let parts = [
            r#""source":{"node":"n"}"#,
            r#""source":{}"#,
            r#""source":{"x":1}"#,
            r#""actor":{"id":"a"}"#,
            r#""actor":{}"#,
            r#""on_behalf_of":{"id":"b"}"#,
            r#""client":{"ip":"::1"}"#,
            r#""client":{"port":null}"#,
            r#""action_code":"c""#,
            r#""occurrences":{"count":2}"#,
            r#""outcome":{"result":"failure"}"#,
            r#""outcome":{}"#,
            r#""targets":[{"id":"t"}]"#,
            r#""targets":[]"#,
            r#""related":[{"id":"r"}]"#,
            r#""details":"d""#,
            r#""details":"""#,
            r#""parameters":{"p":{"q":
[1,
2]}}"#,
            r#""parameters":{}"#,
            r#""changes":[{"field":"f","old":null}]"#,
            r#""data":{"d":1.0}"#,
            r#""data":null"#,
            r#""session_id":"s""#,
            r#""request_id":"r","trace_id":"t""#,
            r#""unknown":{"a":1},"checkpoint":2"#,
        ];
        let alone = parts.iter().map(|part| format!(r#"{{"action":"a",{part}}}"#));
        let samples = ["aws-cloudtrail.ndjson", "wikipedia-edits.ndjson"].into_iter().flat_map(|name| {
            let path = format!("{}/../../testdata/events/{name}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            let lines: Vec<_> = text.lines().step_by(7).map(str::to_owned).collect();
            lines.into_iter().flat_map(|line| {
                let whole =
                    format!(r#"{{"action":"a","actor":{{"id":"ada"}},"data":{line},"parameters":{line}}}"#);
                [format!(r#"{{"action":"a",{}"#, &line[1..]), whole]
            })
        });
        for body in alone.chain(samples) {
            // Some of the records have fields of our names and other meanings.
            let body = body.replace("\"requestID\"", "\"request_id\"");
            if indelible_event::parse(&body, &indelible_event::Limits::NONE, Timestamp::from_micros(0))
                .is_err()
            {
                continue;
            }
            let view = view(&body);
            assert_eq!(view.to_json(), by_reading(&view), "{body}");
        }
    }
}
