//! The fields of an audit event, as validated from what a sender sent.
//!
//! Invariant: an `Event` has passed validation; free-form parts are kept as the JSON text that was sent, so that
//! big integers, number forms and key order come back exactly.

use std::ops::Deref;

use serde_json::value::RawValue;

use crate::Timestamp;

/// Fields that the API does not know, each as its JSON text, in the sender's order.
///
/// Two are equal if names, order and texts are.
#[derive(Clone, Debug, Default)]
pub struct Extra(pub Vec<(String, Box<RawValue>)>);

impl Deref for Extra {
    type Target = Vec<(String, Box<RawValue>)>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl PartialEq for Extra {
    fn eq(&self, other: &Self) -> bool {
        same_members(&self.0, &other.0)
    }
}

impl Eq for Extra {}

/// When the event happened, and how the sender wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTime {
    /// The instant, cut (not rounded) to microseconds.
    pub at: Timestamp,
    /// The sender's text, offset and digits kept.
    pub original: String,
}

/// One audit event: who did what to whom or what, from where, with what outcome.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// The sender's id (1-128 printable ASCII without space, `/` or `*`), if it gave one.
    pub id: Option<String>,
    /// When it happened; absent means "when it was received".
    pub time: Option<EventTime>,
    /// The tenant that it belongs to, as named by the sender.
    pub tenant: Option<String>,
    /// What reported it.
    pub source: Source,
    /// Who did it; `None` where the sender named nobody (shown as "-", never as "System").
    pub actor: Option<Actor>,
    /// For whom the actor acted.
    pub on_behalf_of: Option<Actor>,
    /// Where it came from.
    pub client: Client,
    /// The source's own name of the action; never blank.
    pub action: String,
    /// The source's own code of the action.
    pub action_code: Option<String>,
    /// The normalised type as the sender gave it (an id of the catalogue).
    pub action_type: Option<String>,
    /// How often, for aggregated events.
    pub occurrences: Option<Occurrences>,
    /// How it ended, as far as the sender said.
    pub outcome: Outcome,
    /// What it was done to; the first is the primary.
    pub targets: Vec<Target>,
    /// References to other records.
    pub related: Vec<Related>,
    /// Severity as the sender gave it.
    pub severity: Option<Severity>,
    /// The sender's own sentence.
    pub details: Option<String>,
    /// Named values in the sender's order, each as its JSON text.
    pub parameters: Vec<(String, Box<RawValue>)>,
    /// Field changes.
    pub changes: Vec<Change>,
    /// The original message, any JSON.
    pub data: Option<Box<RawValue>>,
    /// Session id.
    pub session_id: Option<String>,
    /// Request id.
    pub request_id: Option<String>,
    /// Trace id.
    pub trace_id: Option<String>,
    /// Top-level fields that the API does not know, kept and given back.
    pub extra: Vec<(String, Box<RawValue>)>,
}

/// What reported the event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the field names are the API's and say it all")]
pub struct Source {
    pub application: Option<String>,
    pub component: Option<String>,
    pub node: Option<String>,
    pub data_source: Option<String>,
    pub version: Option<String>,
    /// Fields unknown to the API.
    pub extra: Extra,
}

/// What kind of actor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the API's and say it all")]
pub enum ActorType {
    User,
    Service,
    Role,
    ApiKey,
    System,
    Anonymous,
}

/// Who did it (or for whom it was done).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the field names are the API's and say it all")]
pub struct Actor {
    pub kind: Option<ActorType>,
    pub id: Option<String>,
    pub aliases: Vec<String>,
    pub username: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// The actor's own tenant, a string as sent.
    pub tenant: Option<String>,
    pub groups: Vec<String>,
    pub roles: Vec<String>,
    /// Fields unknown to the API.
    pub extra: Extra,
}

/// Where the event came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The address, IPv4-mapped IPv6 kept as sent (searches match the IPv4 form too).
    pub ip: Option<std::net::IpAddr>,
    /// IPv6 zone id.
    pub zone: Option<String>,
    /// Addresses on the way, as sent; entries that are no address stay text.
    pub chain: Vec<String>,
    /// Port, 0-65535.
    pub port: Option<u16>,
    /// Host name, or the words that stood in place of an address.
    pub host: Option<String>,
    /// User agent.
    pub user_agent: Option<String>,
    /// Channel such as `API` or `AdminConsole`.
    pub channel: Option<String>,
    /// Fields unknown to the API.
    pub extra: Extra,
}

/// How often and between when, for aggregated events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrences {
    /// Number of occurrences, at least 1.
    pub count: u64,
    /// First occurrence.
    pub first: Option<EventTime>,
    /// Last occurrence.
    pub last: Option<EventTime>,
    /// Fields unknown to the API.
    pub extra: Extra,
}

/// How the action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the API's and say it all")]
pub enum OutcomeResult {
    Success,
    Failure,
    Denied,
    Challenge,
    Unknown,
}

/// Outcome with the source's own reason and code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the field names are the API's and say it all")]
pub struct Outcome {
    pub result: Option<OutcomeResult>,
    pub reason: Option<String>,
    pub code: Option<String>,
    /// Fields unknown to the API.
    pub extra: Extra,
}

/// What the action was done to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the field names are the API's and say it all")]
pub struct Target {
    pub kind: Option<String>,
    pub id: Option<String>,
    pub aliases: Vec<String>,
    pub username: Option<String>,
    pub name: Option<String>,
    /// The target's own tenant, a string as sent.
    pub tenant: Option<String>,
    pub groups: Vec<String>,
    pub roles: Vec<String>,
    /// Fields unknown to the API.
    pub extra: Extra,
}

/// A reference to another record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the field names are the API's and say it all")]
pub struct Related {
    pub kind: Option<String>,
    pub id: Option<String>,
    /// Fields unknown to the API.
    pub extra: Extra,
}

/// How grave an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the API's and say it all")]
pub enum Severity {
    Critical = 1,
    High = 2,
    Medium = 3,
    Low = 4,
}

/// One changed field. An absent `old` (`None`) differs from JSON `null` and from `""`.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the field names are the API's and say it all")]
pub struct Change {
    pub field: String,
    pub old: Option<Box<RawValue>>,
    pub new: Option<Box<RawValue>>,
    /// Fields unknown to the API.
    pub extra: Extra,
}

macro_rules! names {
    ($type:ident, $($variant:ident $name:literal,)*) => {
        impl $type {
            /// Every value, in the API's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the API.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The value with exactly this name, if there is one.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

names! { ActorType, User "user", Service "service", Role "role", ApiKey "api_key", System "system", Anonymous "anonymous", }
names! { OutcomeResult, Success "success", Failure "failure", Denied "denied", Challenge "challenge", Unknown "unknown", }
names! { Severity, Critical "critical", High "high", Medium "medium", Low "low", }

impl Severity {
    /// 1 (critical) to 4 (low).
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The severity with this number, if it is 1 to 4.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::Critical),
            2 => Some(Self::High),
            3 => Some(Self::Medium),
            4 => Some(Self::Low),
            _ => None,
        }
    }

    /// The severity with this name, compared without case.
    pub fn from_name_without_case(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|severity| severity.as_str().eq_ignore_ascii_case(name))
    }

    /// As people see it: `Critical`, `High`, `Medium`, `Low`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Critical => "Critical",
            Self::High => "High",
            Self::Medium => "Medium",
            Self::Low => "Low",
        }
    }
}

impl Actor {
    /// Whether nothing was captured: no field has a value.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// First and last name, as far as known, with a space between them.
    pub fn full_name(&self) -> Option<String> {
        let parts = [self.first_name.as_deref(), self.last_name.as_deref()];
        let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        (!name.is_empty()).then_some(name)
    }
}

impl PartialEq for Change {
    fn eq(&self, other: &Self) -> bool {
        self.field == other.field
            && same_text(self.old.as_deref(), other.old.as_deref())
            && same_text(self.new.as_deref(), other.new.as_deref())
            && self.extra == other.extra
    }
}

impl Eq for Change {}

/// Equal if every field is; free-form parts are compared as text, so `1.0` differs from `1`.
impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        // Taken apart, so that a new field cannot be forgotten here.
        let Self {
            id,
            time,
            tenant,
            source,
            actor,
            on_behalf_of,
            client,
            action,
            action_code,
            action_type,
            occurrences,
            outcome,
            targets,
            related,
            severity,
            details,
            parameters,
            changes,
            data,
            session_id,
            request_id,
            trace_id,
            extra,
        } = self;
        *id == other.id
            && *time == other.time
            && *tenant == other.tenant
            && *source == other.source
            && *actor == other.actor
            && *on_behalf_of == other.on_behalf_of
            && *client == other.client
            && *action == other.action
            && *action_code == other.action_code
            && *action_type == other.action_type
            && *occurrences == other.occurrences
            && *outcome == other.outcome
            && *targets == other.targets
            && *related == other.related
            && *severity == other.severity
            && *details == other.details
            && same_members(parameters, &other.parameters)
            && *changes == other.changes
            && same_text(data.as_deref(), other.data.as_deref())
            && *session_id == other.session_id
            && *request_id == other.request_id
            && *trace_id == other.trace_id
            && same_members(extra, &other.extra)
    }
}

impl Eq for Event {}

fn same_text(a: Option<&RawValue>, b: Option<&RawValue>) -> bool {
    a.map(RawValue::get) == b.map(RawValue::get)
}

fn same_members(a: &[(String, Box<RawValue>)], b: &[(String, Box<RawValue>)]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && a.1.get() == b.1.get())
}
