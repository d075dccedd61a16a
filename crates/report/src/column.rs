//! Columns: what of an event stands in a cell.
//!
//! Headings are English in every language: programs read them.

use std::borrow::Cow;

use indelible_access::EventView;
use indelible_event::{Actor, ActorType, Target, Timestamp};
use jiff::tz::TimeZone;
use serde_json::value::RawValue;

macro_rules! columns {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal $heading:literal,)*) => {
        /// A column. The names are the API's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Column {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Column {
            /// Every column.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the API.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What stands above it.
            pub const fn heading(self) -> &'static str {
                match self { $(Self::$variant => $heading,)* }
            }

            /// The column with exactly this name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

columns! {
    /// When it happened, in the file's zone, with the offset.
    Time "time" "Timestamp",
    /// The action type's label.
    ActionType "action_type" "Action",
    /// The source's own name of the action.
    Action "action" "Action Name",
    /// How it ended.
    Outcome "outcome" "Outcome",
    /// The first target's shortest name.
    Affected "affected" "Affected User",
    /// The first target's tenant.
    AffectedTenant "affected_tenant" "Affected Domain",
    /// The first target's type, as sent.
    Object "object" "Object",
    /// The actor's shortest name.
    Actor "actor" "By User",
    /// The actor's tenant.
    ActorTenant "actor_tenant" "By Domain",
    /// The client's address, else what stood in its place.
    Ip "ip" "IP Address",
    /// The event's tenant.
    Tenant "tenant" "Tenant",
    /// What reported it.
    Application "application" "Application",
    /// How grave it is.
    Severity "severity" "Severity",
    /// Why it failed, in the source's words.
    Reason "reason" "Reason",
    /// What happened, in one sentence.
    Summary "summary" "Summary",
    /// The event's id.
    Id "id" "Event Id",
    /// When the server received it, in the file's zone.
    ReceivedAt "received_at" "Received",
    /// The source's own code of the action.
    ActionCode "action_code" "Action Code",
    /// The actor's username.
    Username "username" "Username",
    /// The actor's first name.
    FirstName "first_name" "First name",
    /// The actor's last name.
    LastName "last_name" "Last name",
    /// Where the source ran.
    Node "node" "Node",
    /// The part of the application.
    Component "component" "Component",
    /// The details.
    Details "details" "Details",
    /// The category of the first target's type.
    Category "category" "Category",
    /// The client, as it names itself.
    UserAgent "user_agent" "User Agent",
    /// Session id.
    SessionId "session_id" "Session Id",
    /// Request id.
    RequestId "request_id" "Request Id",
    /// Trace id.
    TraceId "trace_id" "Trace Id",
    /// Position in the tenant's chain.
    TenantSeq "tenant_seq" "Number in Tenant",
    /// All parameters, as one JSON object.
    Parameters "parameters" "Parameters",
    /// Changed fields, as one JSON array.
    Changes "changes" "Changes",
    /// Everything of the event, as JSON.
    Event "event" "Event",
}

/// The columns of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Columns {
    /// All of the viewer's, also hidden ones, then every parameter in a column of its own, in first-seen order.
    Complete,
    /// Application Id, Timestamp (Server Time Zone), Username, First name, Last name, Tenant, Action, Client IP, Node,
    /// Details: the file of "Download audit logs".
    Basic,
    /// These, in this order.
    Chosen(Vec<Column>),
}

/// The viewer's columns, in its order.
const COMPLETE: [Column; 16] = [
    Column::Time,
    Column::ActionType,
    Column::Action,
    Column::Outcome,
    Column::Affected,
    Column::AffectedTenant,
    Column::Object,
    Column::Actor,
    Column::ActorTenant,
    Column::Ip,
    Column::Tenant,
    Column::Application,
    Column::Severity,
    Column::Reason,
    Column::Summary,
    Column::Id,
];

/// Those of [`Columns::Basic`] with headings of their own.
const BASIC: [(Column, &str); 10] = [
    (Column::Application, "Application Id"),
    (Column::Time, "Timestamp (Server Time Zone)"),
    (Column::Username, "Username"),
    (Column::FirstName, "First name"),
    (Column::LastName, "Last name"),
    (Column::ActorTenant, "Tenant"),
    (Column::Action, "Action"),
    (Column::Ip, "Client IP"),
    (Column::Node, "IAS Node"),
    (Column::Details, "Details"),
];

impl Columns {
    /// The fixed ones with their headings.
    pub(crate) fn fixed(&self) -> Vec<(Column, &'static str)> {
        let own = |columns: &[Column]| columns.iter().map(|column| (*column, column.heading())).collect();
        match self {
            Self::Complete => own(&COMPLETE),
            Self::Basic => BASIC.to_vec(),
            Self::Chosen(columns) => own(columns),
        }
    }

    /// Names of the columns that there are whatever the events are.
    pub fn fixed_names(&self) -> Vec<&'static str> {
        self.fixed().iter().map(|(column, _)| column.as_str()).collect()
    }

    /// Whether parameters have columns of their own behind the fixed ones.
    pub(crate) fn with_parameters(&self) -> bool {
        *self == Self::Complete
    }
}

/// How values are shown.
pub(crate) struct Shown<'p> {
    pub(crate) zone: &'p TimeZone,
    /// Digits of a second's fraction.
    pub(crate) fraction: usize,
    /// An action type's label.
    pub(crate) label: &'p dyn Fn(&str) -> String,
}

impl Shown<'_> {
    /// The text of a cell; `None`: not captured.
    pub(crate) fn cell<'e>(&self, column: Column, view: &'e EventView) -> Option<Cow<'e, str>> {
        let (event, added) = (&view.event, &view.added);
        let target = event.targets.first();
        let actor = event.actor.as_ref();
        let text = |text: &'e Option<String>| given(text.as_deref()).map(Cow::Borrowed);
        match column {
            Column::Time => event.time.as_ref().map(|time| self.time(time.at)),
            Column::ReceivedAt => {
                let at = Timestamp::parse_rfc3339(&added.received_at).ok();
                at.map(|time| self.time(time.at))
            }
            Column::ActionType => event.action_type.as_deref().map(|kind| (self.label)(kind).into()),
            Column::Action => Some(event.action.as_str().into()),
            Column::ActionCode => text(&event.action_code),
            Column::Outcome => event.outcome.result.map(|result| capitalised(result.as_str()).into()),
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
            Column::Ip => match (event.client.ip, given(event.client.zone.as_deref())) {
                (Some(ip), Some(zone)) => Some(format!("{ip}%{zone}").into()),
                (Some(ip), None) => Some(ip.to_string().into()),
                (None, _) => text(&event.client.host),
            },
            Column::UserAgent => text(&event.client.user_agent),
            Column::Tenant => text(&event.tenant),
            Column::Application => text(&event.source.application),
            Column::Node => text(&event.source.node),
            Column::Component => text(&event.source.component),
            Column::Severity => event.severity.map(|severity| capitalised(severity.as_str()).into()),
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
                (!event.parameters.is_empty()).then(|| parameters(&event.parameters).into())
            }
            Column::Changes => {
                (!event.changes.is_empty()).then(|| member(&event.to_json(), "changes").into())
            }
            Column::Event => Some(view.to_json().into()),
        }
    }

    /// RFC 3339 in the zone: sorts, and says which instant it is.
    fn time(&self, at: Timestamp) -> Cow<'static, str> {
        let Ok(instant) = jiff::Timestamp::from_microsecond(at.as_micros()) else {
            return at.to_rfc3339().into();
        };
        let local = instant.to_zoned(self.zone.clone());
        let fraction = format!("{:09}", local.subsec_nanosecond());
        let offset = if local.offset().is_zero() && self.fraction == MICROSECONDS {
            "Z".to_owned()
        } else {
            local.strftime("%:z").to_string()
        };
        let second = local.strftime("%Y-%m-%dT%H:%M:%S");
        format!("{second}.{}{offset}", &fraction[..self.fraction]).into()
    }
}

/// Digits of a fraction as the viewer shows it.
pub(crate) const MICROSECONDS: usize = 6;
/// Digits of a fraction in [`Columns::Basic`].
pub(crate) const TENTHS_OF_MICROSECONDS: usize = 7;

/// The value, or none where nothing was captured.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn capitalised(name: &str) -> String {
    let mut rest = name.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

fn actor_name(actor: &Actor) -> Option<Cow<'_, str>> {
    let name = [given(actor.first_name.as_deref()), given(actor.last_name.as_deref())];
    let name: Vec<_> = name.into_iter().flatten().collect();
    let short = given(actor.username.as_deref()).map(Cow::Borrowed);
    let whole = (!name.is_empty()).then(|| Cow::Owned(name.join(" ")));
    let other = given(actor.id.as_deref()).or(actor.aliases.first().map(String::as_str)).map(Cow::Borrowed);
    let system = (actor.kind == Some(ActorType::System)).then_some(Cow::Borrowed("System"));
    short.or(whole).or(other).or(system)
}

fn target_name(target: &Target) -> Option<Cow<'_, str>> {
    let names = [&target.username, &target.name, &target.id].map(|name| given(name.as_deref()));
    let named = names.into_iter().flatten().next();
    named.or(target.aliases.first().map(String::as_str)).map(Cow::Borrowed)
}

fn parameters(all: &[(String, Box<RawValue>)]) -> String {
    let members: Vec<_> = all
        .iter()
        .map(|(name, value)| format!("{}:{}", serde_json::Value::from(name.as_str()), value.get()))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// A member of a JSON object, as text.
fn member(object: &str, name: &str) -> String {
    let members: std::collections::BTreeMap<&str, &RawValue> =
        serde_json::from_str(object).unwrap_or_default();
    members.get(name).map_or_else(String::new, |value| value.get().to_owned())
}

/// A parameter's value as a cell: a string's text, anything else as JSON.
pub(crate) fn parameter_text(value: &RawValue) -> Cow<'_, str> {
    let json = value.get();
    if json.starts_with('"')
        && let Ok(text) = serde_json::from_str::<String>(json)
    {
        return text.into();
    }
    json.into()
}
