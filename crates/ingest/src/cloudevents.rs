//! CloudEvents 1.0 in the JSON format to events.
//!
//! Specs: CloudEvents 1.0.2, its JSON format, its extensions "Auth Context" and "Distributed Tracing". The whole
//! CloudEvent is the event's body. Where `data` has the API's own shape, it is the event and the attributes fill
//! what it leaves open; otherwise the attributes are the event and `data` is its `data`.
//!
//! A CloudEvent is unique by source and id, an event of ours by tenant and id. The CloudEvent's id is taken as it
//! is: a second source that uses it sends other bytes (they name the source), which the ledger stores beside the
//! first with the warning `id_reused`, so nothing is lost, and a repeated CloudEvent is the duplicate that it is.
//! An id that ours can't be (spaces, `/`, `*`, over 128 characters) is replaced by one derived from source and id.

use indelible_event::{
    Actor, ActorType, Code, Event, EventTime, Limits, Parsed, Problem, Source, Target, Timestamp, excerpt,
};
use serde_json::value::RawValue;

use crate::check;
use crate::mapping::{Kind, Node, derived_id, is_event_id, raw};

/// The names of the API's events, which `data` may have to be one.
const EVENT_FIELDS: [&str; 22] = [
    "id",
    "time",
    "tenant",
    "source",
    "actor",
    "on_behalf_of",
    "client",
    "action",
    "action_code",
    "action_type",
    "occurrences",
    "outcome",
    "targets",
    "related",
    "severity",
    "details",
    "parameters",
    "changes",
    "data",
    "session_id",
    "request_id",
    "trace_id",
];

/// How far ahead of its receipt a time may be: the API's 24 h.
const AHEAD_MAX_US: i64 = 24 * 3600 * 1_000_000;

/// Reads one CloudEvent.
pub(crate) fn parse(json: &str, limits: &Limits, received_at: Timestamp) -> Result<Parsed, Vec<Problem>> {
    check::object(json, limits)?;
    let node = Node::parse(json).ok_or_else(|| vec![check::unreadable()])?;
    let mut reader = Reader { node: &node, problems: Vec::new(), warnings: Vec::new(), received_at };
    let event = reader.event(limits);
    match event {
        Some(event) if reader.problems.is_empty() => Ok(Parsed { event, warnings: reader.warnings }),
        _ => Err(reader.problems),
    }
}

struct Reader<'c> {
    node: &'c Node<'c>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    received_at: Timestamp,
}

impl<'c> Reader<'c> {
    fn event(&mut self, limits: &Limits) -> Option<Event> {
        let spec = self.required("specversion");
        if let Some(spec) = spec.filter(|spec| *spec != "1.0") {
            self.problem(
                Code::InvalidEnum,
                "/specversion",
                format!("expected \"1.0\", got {}", excerpt(spec)),
            );
        }
        let (id, source, kind) = (self.required("id"), self.required("source"), self.required("type"));
        let subject = self.optional("subject").filter(|subject| !subject.is_empty());
        let tenant = self.optional("tenant").map(str::to_owned);
        let time = self.time();
        let data = self.data();
        let (id, source, kind) = (id?, source?, kind?);
        let mut event = match self.own_shape(&data) {
            Some(inner) => self.inner_event(inner, limits)?,
            None => Event { action: kind.to_owned(), data: self.payload(&data), ..Event::default() },
        };
        if event.id.is_none() {
            event.id = Some(self.id(source, id));
        }
        event.time = event.time.or(time);
        event.tenant = event.tenant.or(tenant);
        event.actor = event.actor.or_else(|| self.actor());
        if event.source.application.is_none() {
            event.source = Source { application: Some(source.to_owned()), ..event.source };
        }
        if let (true, Some(subject)) = (event.targets.is_empty(), subject) {
            event.targets.push(Target { id: Some(subject.to_owned()), ..Target::default() });
        }
        event.trace_id = event.trace_id.or_else(|| self.trace_id());
        self.extensions(&mut event, limits.items_max);
        if event.parameters.len() > limits.items_max {
            let message = format!("over {} extension attributes and parameters", limits.items_max);
            self.problem(Code::TooManyItems, "", message);
        }
        Some(event)
    }

    /// The members that say something: null is as if it were not there.
    fn member(&self, name: &str) -> Option<&'c Node<'c>> {
        self.node.get(name).filter(|node| !matches!(node.kind, Kind::Null))
    }

    fn required(&mut self, name: &str) -> Option<&'c str> {
        let text = self.optional(name);
        let wrong_type = text.is_none() && self.member(name).is_some();
        if !wrong_type && text.is_none_or(|text| text.trim().is_empty()) {
            self.problem(Code::MissingField, &format!("/{name}"), format!("a CloudEvent needs a {name}"));
            return None;
        }
        text
    }

    fn optional(&mut self, name: &str) -> Option<&'c str> {
        match &self.member(name)?.kind {
            Kind::Text(text) => Some(text),
            _ => {
                self.problem(Code::WrongType, &format!("/{name}"), "expected a string".to_owned());
                None
            }
        }
    }

    fn time(&mut self) -> Option<EventTime> {
        let text = self.optional("time")?;
        match Timestamp::parse_rfc3339(text) {
            Err(error) => {
                self.problem(Code::InvalidTime, "/time", format!("{} is {error}", excerpt(text)));
                None
            }
            Ok(time) => {
                let latest = self.received_at.as_micros().saturating_add(AHEAD_MAX_US);
                if !(0..=latest).contains(&time.at.as_micros()) {
                    let message = format!("{} is before 1970 or over 24 h ahead", excerpt(text));
                    self.problem(Code::TimeOutOfRange, "/time", message);
                }
                Some(time)
            }
        }
    }

    fn data(&mut self) -> Data<'c> {
        // An explicit null is a payload, unlike a null attribute.
        match (self.node.get("data"), self.member("data_base64")) {
            (Some(_), Some(_)) => {
                let message = "data and data_base64 exclude each other".to_owned();
                self.problem(Code::InvalidEvent, "/data_base64", message);
                Data::None
            }
            (Some(data), None) => Data::Json(data),
            (None, Some(_)) => match self.optional("data_base64") {
                Some(text) if is_base64(text) => Data::Base64(text),
                Some(_) => {
                    self.problem(Code::InvalidString, "/data_base64", "expected base64".to_owned());
                    Data::None
                }
                None => Data::None,
            },
            (None, None) => Data::None,
        }
    }

    /// `data`, if it is an event in the API's own shape: an object with a text `action` and none but its fields.
    fn own_shape(&mut self, data: &Data<'c>) -> Option<&'c Node<'c>> {
        let Data::Json(node) = data else { return None };
        if self.optional("datacontenttype").is_some_and(|media| !is_json(media)) {
            return None;
        }
        let Kind::Map(members) = &node.kind else { return None };
        let known = members.iter().all(|(name, _)| EVENT_FIELDS.contains(&&**name));
        let acts = node.get("action").is_some_and(|action| matches!(action.kind, Kind::Text(_)));
        (known && acts).then_some(node)
    }

    fn inner_event(&mut self, inner: &Node<'_>, limits: &Limits) -> Option<Event> {
        let limits = Limits { depth_max: limits.depth_max.saturating_sub(1), ..limits.clone() };
        let under_data = |mut problem: Problem| {
            problem.field = format!("/data{}", problem.field);
            problem
        };
        match indelible_event::parse(&inner.raw, &limits, self.received_at) {
            Ok(parsed) => {
                self.warnings.extend(parsed.warnings.into_iter().map(under_data));
                Some(parsed.event)
            }
            Err(problems) => {
                self.problems.extend(problems.into_iter().map(under_data));
                None
            }
        }
    }

    fn payload(&self, data: &Data<'c>) -> Option<Box<RawValue>> {
        match data {
            Data::None => None,
            Data::Json(node) => raw(&node.raw),
            Data::Base64(text) => raw(&format!("{{\"data_base64\":\"{text}\"}}")),
        }
    }

    fn id(&mut self, source: &str, id: &str) -> String {
        if is_event_id(id) {
            return id.to_owned();
        }
        let derived = derived_id("ce", &[source, id]);
        let message = format!("{} can't be an id here; {derived} stands for it", excerpt(id));
        self.warnings.push(Problem::new(Code::InvalidId, "/id", message));
        derived
    }

    /// The principal of the extension "Auth Context".
    fn actor(&self) -> Option<Actor> {
        let text = |name: &str| match &self.member(name)?.kind {
            Kind::Text(text) if !text.is_empty() => Some(text.clone().into_owned()),
            _ => None,
        };
        let kind = match text("authtype").as_deref() {
            Some("user" | "app_user") => Some(ActorType::User),
            Some("service_account") => Some(ActorType::Service),
            Some("api_key") => Some(ActorType::ApiKey),
            Some("system") => Some(ActorType::System),
            Some("unauthenticated") => Some(ActorType::Anonymous),
            _ => None,
        };
        let actor = Actor { kind, id: text("authid"), ..Actor::default() };
        let telling = actor.id.is_some() || matches!(kind, Some(ActorType::System | ActorType::Anonymous));
        telling.then_some(actor)
    }

    /// The trace of the extension "Distributed Tracing": the second part of a W3C `traceparent`.
    fn trace_id(&self) -> Option<String> {
        let Kind::Text(parent) = &self.member("traceparent")?.kind else { return None };
        let trace = parent.split('-').nth(1)?;
        (trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| trace.to_owned())
    }

    /// Every attribute that has no field of its own becomes a parameter.
    fn extensions(&mut self, event: &mut Event, items_max: usize) {
        let Kind::Map(members) = &self.node.kind else { return };
        for (name, node) in members {
            if event.parameters.len() > items_max {
                return;
            }
            let placed = matches!(
                &**name,
                "specversion"
                    | "id"
                    | "source"
                    | "type"
                    | "subject"
                    | "time"
                    | "tenant"
                    | "data"
                    | "data_base64"
            );
            let implied =
                name == "datacontenttype" && matches!(&node.kind, Kind::Text(text) if is_json(text));
            if placed || implied || matches!(node.kind, Kind::Null) {
                continue;
            }
            let named =
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            if !named || matches!(node.kind, Kind::List(_) | Kind::Map(_)) {
                let mut field = String::new();
                check::push_pointer(&mut field, name);
                let message = "no CloudEvents attribute (a-z and 0-9, a simple value); kept as a parameter";
                self.warnings.push(Problem::new(Code::UnknownField, field, message));
            }
            if !event.parameters.iter().any(|(known, _)| *known == **name)
                && let Some(raw) = raw(&node.raw)
            {
                event.parameters.push((name.clone().into_owned(), raw));
            }
        }
    }

    fn problem(&mut self, code: Code, field: &str, message: String) {
        let problem = Problem::new(code, field, message);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

enum Data<'c> {
    None,
    Json(&'c Node<'c>),
    Base64(&'c str),
}

/// Whether a media type declares JSON: `*/json` or `*/*+json`.
fn is_json(media: &str) -> bool {
    let essence = media.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    essence.ends_with("/json") || (essence.contains('/') && essence.ends_with("+json"))
}

/// RFC 4648 section 4, padded.
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// The event of a CloudEvent that was accepted before.
pub(crate) fn decode(json: &str) -> Option<Event> {
    parse(json, &Limits::NONE, Timestamp::from_micros(i64::MAX)).ok().map(|parsed| parsed.event)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// 2026-01-01T00:00:00Z.
    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    fn base(more: Value) -> Value {
        let mut event = json!({"specversion": "1.0", "id": "A234-1234", "source": "/mycontext", "type": "com.example.made"});
        for (name, value) in more.as_object().unwrap() {
            event[name] = value.clone();
        }
        event
    }

    fn read(event: &Value) -> Parsed {
        parse(&event.to_string(), &Limits::default(), NOW)
            .unwrap_or_else(|problems| panic!("{problems:?}: {event}"))
    }

    fn event_of(event: &Value) -> Value {
        serde_json::from_str(&read(event).event.to_json()).unwrap()
    }

    fn problems(event: &Value) -> Vec<(Code, String)> {
        let problems = parse(&event.to_string(), &Limits::default(), NOW).unwrap_err();
        problems.into_iter().map(|problem| (problem.code, problem.field)).collect()
    }

    #[test]
    fn attributes_are_the_event_where_data_is_not_one() {
        let event = base(json!({
            "subject": "order/7", "time": "2025-04-05T17:31:00+02:00", "tenant": "acme", "datacontenttype": "application/json",
            "dataschema": "https://x.example/s", "comexampleextension1": "value", "comexampleothervalue": 5, "unset": null,
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "authtype": "service_account", "authid": "builder@x.example", "data": {"appinfoA": "abc", "n": [1.0]},
        }));
        assert_eq!(
            event_of(&event),
            json!({
                "id": "A234-1234", "time": "2025-04-05T17:31:00+02:00", "tenant": "acme", "source": {"application": "/mycontext"},
                "actor": {"type": "service", "id": "builder@x.example"}, "action": "com.example.made",
                "targets": [{"id": "order/7"}],
                "parameters": {"dataschema": "https://x.example/s", "comexampleextension1": "value", "comexampleothervalue": 5,
                    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                    "authtype": "service_account", "authid": "builder@x.example"},
                "data": {"appinfoA": "abc", "n": [1.0]}, "trace_id": "0af7651916cd43dd8448eb211c80319c",
            })
        );
        // Least of all, and null attributes that are as if they were not there.
        let least = base(json!({"subject": null, "time": null, "tenant": null, "datacontenttype": null}));
        assert_eq!(
            event_of(&least),
            json!({"id": "A234-1234", "source": {"application": "/mycontext"}, "action": "com.example.made"})
        );
    }

    #[test]
    fn payloads_are_kept_as_they_are() {
        for (more, want) in [
            (json!({"data": null}), json!(null)),
            (json!({"data": "{\"action\":\"x\"}"}), json!("{\"action\":\"x\"}")),
            (
                json!({"data": "<much wow=\"xml\"/>", "datacontenttype": "application/xml"}),
                json!("<much wow=\"xml\"/>"),
            ),
            (
                json!({"data_base64": "AAEC/+8=", "datacontenttype": "image/png"}),
                json!({"data_base64": "AAEC/+8="}),
            ),
            (json!({"data_base64": ""}), json!({"data_base64": ""})),
            (json!({"data": {"action": 7}}), json!({"action": 7})),
            (json!({"data": {"action": "x", "foreign": 1}}), json!({"action": "x", "foreign": 1})),
            (json!({"data": {"action": "x"}, "datacontenttype": "text/plain"}), json!({"action": "x"})),
        ] {
            let parsed = read(&base(more.clone()));
            assert_eq!(parsed.event.action, "com.example.made", "{more}");
            let data: Value = serde_json::from_str(parsed.event.data.unwrap().get()).unwrap();
            assert_eq!(data, want, "{more}");
        }
        let exact = r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":{ "n":12345678901234567890.10 }}"#;
        let event = parse(exact, &Limits::default(), NOW).unwrap().event;
        assert_eq!(event.data.unwrap().get(), "{ \"n\":12345678901234567890.10 }");
    }

    #[test]
    fn data_in_the_api_s_shape_is_the_event() {
        let own = json!({"action": "Play recording", "targets": [{"id": "1"}], "parameters": {"x": 1}, "data": {"deep": true}});
        let event = base(
            json!({"data": own, "subject": "s", "time": "2025-01-01T00:00:00Z", "tenant": "acme", "x": 2, "y": 3,
            "datacontenttype": "application/vnd.x+json; charset=utf-8"}),
        );
        assert_eq!(
            event_of(&event),
            json!({"id": "A234-1234", "time": "2025-01-01T00:00:00Z", "tenant": "acme", "source": {"application": "/mycontext"},
                "action": "Play recording", "targets": [{"id": "1"}], "parameters": {"x": 1, "y": 3}, "data": {"deep": true}})
        );
        // What the event says itself stands.
        let own = json!({"id": "mine", "time": "2024-01-01T00:00:00Z", "tenant": "other", "source": {"application": "web"}, "action": "a"});
        let event = event_of(&base(json!({"data": own, "time": "2025-01-01T00:00:00Z", "tenant": "acme"})));
        assert_eq!(event, own);
        // Its mistakes are named where they are.
        let own = json!({"action": "a", "client": {"ip": "256.1.1.1"}, "time": "soon"});
        let mut found = problems(&base(json!({"data": own})));
        found.sort_by_key(|(_, field)| field.clone());
        assert_eq!(
            found,
            [(Code::InvalidIp, "/data/client/ip".to_owned()), (Code::InvalidTime, "/data/time".to_owned())]
        );
    }

    #[test]
    fn refuses_what_is_no_cloud_event() {
        for (more, code, field) in [
            (json!({"id": null}), Code::MissingField, "/id"),
            (json!({"id": ""}), Code::MissingField, "/id"),
            (json!({"id": 7}), Code::WrongType, "/id"),
            (json!({"source": null}), Code::MissingField, "/source"),
            (json!({"type": " "}), Code::MissingField, "/type"),
            (json!({"specversion": null}), Code::MissingField, "/specversion"),
            (json!({"specversion": "0.3"}), Code::InvalidEnum, "/specversion"),
            (json!({"specversion": 1.0}), Code::WrongType, "/specversion"),
            (json!({"subject": 1}), Code::WrongType, "/subject"),
            (json!({"tenant": ["acme"]}), Code::WrongType, "/tenant"),
            (json!({"time": "2018-04-05"}), Code::InvalidTime, "/time"),
            (json!({"time": 1}), Code::WrongType, "/time"),
            (json!({"time": "2026-01-02T00:00:01Z"}), Code::TimeOutOfRange, "/time"),
            (json!({"time": "1969-12-31T00:00:00Z"}), Code::TimeOutOfRange, "/time"),
            (json!({"data": 1, "data_base64": "AA=="}), Code::InvalidEvent, "/data_base64"),
            (json!({"data_base64": "no base64"}), Code::InvalidString, "/data_base64"),
            (json!({"data_base64": 1}), Code::WrongType, "/data_base64"),
        ] {
            assert_eq!(problems(&base(more.clone())), [(code, field.to_owned())], "{more}");
        }
        assert_eq!(problems(&json!({})).len(), 4, "each missing attribute is named");
        assert_eq!(problems(&json!([]))[0].0, Code::WrongType);
        let many: serde_json::Map<_, _> = (0..300).map(|n| (format!("x{n}"), json!(n))).collect();
        assert_eq!(problems(&base(Value::Object(many)))[0].0, Code::TooManyItems);
    }

    #[test]
    fn an_id_that_can_not_be_ours_is_derived_from_source_and_id() {
        let id = |source: &str, id: &str| {
            let parsed = read(&base(json!({"id": id, "source": source})));
            (parsed.event.id.unwrap(), parsed.warnings.len())
        };
        assert_eq!(id("/a", "7"), ("7".to_owned(), 0));
        let (derived, warnings) = id("/a", "order 7/1");
        assert!(is_event_id(&derived) && derived.starts_with("ce-") && warnings == 1, "{derived}");
        assert_eq!(id("/a", "order 7/1").0, derived);
        assert_ne!(id("/b", "order 7/1").0, derived);
        assert_ne!(id("/a", &"x".repeat(129)).0, id("/a", &"x".repeat(130)).0);

        // Names that the specification doesn't allow are kept and told.
        let parsed = read(&base(json!({"myExt": 1, "list": [1]})));
        let fields: Vec<_> =
            parsed.warnings.iter().map(|warning| (warning.code, warning.field.as_str())).collect();
        assert_eq!(fields, [(Code::UnknownField, "/myExt"), (Code::UnknownField, "/list")]);
        assert_eq!(parsed.event.parameters.len(), 2);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = parse(&text, &Limits::default(), NOW);
        }

        #[test]
        fn whatever_is_taken_reads_back_and_is_an_event(
            members in prop::collection::vec((prop::sample::select(vec!["id", "source", "type", "subject", "time", "tenant", "data",
                "data_base64", "datacontenttype", "authtype", "authid", "traceparent", "x", "a/b~"]),
                prop::sample::select(vec![json!(null), json!(1), json!(""), json!("x y"), json!("AAAA"), json!("2020-01-01T00:00:00Z"),
                json!({"action": "a"}), json!([{"a": null}]), json!("application/json"), json!("user"), json!("-"), json!(true)])), 0..8)
        ) {
            let event = base(Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()));
            let json = event.to_string();
            match parse(&json, &Limits::default(), NOW) {
                Ok(parsed) => {
                    let again = decode(&json);
                    prop_assert_eq!(again.as_ref(), Some(&parsed.event));
                    prop_assert!(indelible_event::parse(&parsed.event.to_json(), &Limits::default(), NOW).is_ok());
                }
                Err(problems) => prop_assert!(!problems.is_empty()),
            }
        }
    }
}
