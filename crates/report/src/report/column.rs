//! What of an event stands in the columns of a report, in MiaRec's words and forms.

use std::borrow::Cow;

use indelible_access::EventView;
use indelible_event::{Change, Event};
use jiff::civil::DateTime;

use crate::{
    clock::{Clock, digits},
    document::Shape,
    shown::{actor_name, address, given, outcome, target_name, text},
};

macro_rules! report_columns {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal $heading:literal,)*) => {
        /// A column of a report. The names are the API's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ReportColumn {
            $($(#[doc = $doc])* $variant,)*
        }

        impl ReportColumn {
            /// Those of "Audit Trail Details", in its order.
            pub const OF_DETAILS: &'static [Self] = {
                let all: &'static [Self] = &[$(Self::$variant,)*];
                // The last two stand in other reports only.
                all.split_at(all.len() - 2).0
            };

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

report_columns! {
    /// The event's id.
    Id "id" "Audit - ID",
    /// `Nov 17, 2021, 2:07 PM`.
    DateTime "date_time" "Audit - Date/Time",
    /// Who did it.
    Initiator "initiator" "Audit - Initiator (User)",
    /// The first target's type.
    Resource "resource" "Audit - Resource",
    /// The source's own name of the action.
    Action "action" "Audit - Action",
    /// What happened, in words.
    Details "details" "Audit - Details",
    /// `Nov 17, 2021`.
    Date "date" "Audit - Date",
    /// `2:07 PM`.
    Time "time" "Audit - Time",
    /// The component that reported it, else the application.
    Application "application" "Audit - Application",
    /// The client's address.
    InitiatorIp "initiator_ip" "Audit - Initiator IP",
    /// The actor's tenant, else the event's.
    Tenant "tenant" "Audit - Tenant",
    /// The actor's groups.
    UserGroups "user_groups" "Audit - User Group(s)",
    /// What it has to do with: `<id> (<type>)`.
    RelatedTo "related_to" "Audit - Related To",
    /// The full message as it came.
    Data "data" "Audit - Data",
    /// Changed fields with what they were and are.
    ModifiedData "modified_data" "Audit - Modified Data",
    /// Number of events that are alike in the other columns.
    Rows "rows" "# of rows",
    /// The first target's shortest name.
    Target "target" "Audit - Target",
    /// How it ended.
    Outcome "outcome" "Audit - Outcome",
}

/// What rows of a report can be counted by. The names are the API's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Who did it.
    Initiator,
    /// The action.
    Action,
    /// The first target's type.
    Resource,
    /// The application, or its component.
    Application,
    /// The tenant.
    Tenant,
    /// How it ended.
    Outcome,
    /// The day in the report's zone.
    Day,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 7] = [
        Self::Initiator,
        Self::Action,
        Self::Resource,
        Self::Application,
        Self::Tenant,
        Self::Outcome,
        Self::Day,
    ];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            group => group.column().as_str(),
        }
    }

    /// The group with exactly this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.as_str() == name)
    }

    /// The column that shows it.
    pub const fn column(self) -> ReportColumn {
        match self {
            Self::Initiator => ReportColumn::Initiator,
            Self::Action => ReportColumn::Action,
            Self::Resource => ReportColumn::Resource,
            Self::Application => ReportColumn::Application,
            Self::Tenant => ReportColumn::Tenant,
            Self::Outcome => ReportColumn::Outcome,
            Self::Day => ReportColumn::Date,
        }
    }
}

impl ReportColumn {
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::Rows => Shape::Number,
            Self::Data | Self::ModifiedData => Shape::Below,
            _ => Shape::Text,
        }
    }

    /// The text of a cell; empty where nothing was captured. `original`: the event's bytes as they came.
    pub(crate) fn cell<'e>(
        self,
        view: &'e EventView,
        original: Option<&'e str>,
        clock: &mut Clock,
    ) -> Cow<'e, str> {
        let event = &view.event;
        let actor = event.actor.as_ref();
        let target = event.targets.first();
        let cell = match self {
            Self::Id => text(&event.id),
            Self::DateTime => local(event, clock).map(|at| date_time(at).into()),
            Self::Date => local(event, clock).map(|at| date(at).into()),
            Self::Time => local(event, clock).map(|at| time(at).into()),
            Self::Initiator => actor.and_then(actor_name),
            Self::Resource => target.and_then(|target| text(&target.kind)),
            Self::Action => Some(event.action.as_str().into()),
            Self::Details => text(&event.details).or(given(Some(&view.added.summary)).map(Cow::Borrowed)),
            Self::Application => text(&event.source.component).or(text(&event.source.application)),
            Self::InitiatorIp => address(event),
            Self::Tenant => actor.and_then(|actor| text(&actor.tenant)).or(text(&event.tenant)),
            Self::UserGroups => groups(view),
            Self::RelatedTo => related(event),
            Self::Data => Some(original.map_or_else(|| view.to_json().into(), Cow::Borrowed)),
            Self::ModifiedData => {
                let changes: Vec<_> = event.changes.iter().map(change).collect();
                Some(changes.join("\n").into())
            }
            Self::Rows => None,
            Self::Target => target.and_then(target_name),
            Self::Outcome => event.outcome.result.map(|result| outcome(result).into()),
        };
        cell.unwrap_or_default()
    }
}

/// What the clocks of the report's zone showed when it happened.
pub(super) fn local(event: &Event, clock: &mut Clock) -> Option<DateTime> {
    let at = event.time.as_ref()?.at;
    clock.local(at.as_micros()).map(|(local, _)| local)
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Nov 17, 2021, 2:07 PM`.
pub(crate) fn date_time(at: DateTime) -> String {
    format!("{}, {}", date(at), time(at))
}

/// `Nov 17, 2021`.
pub(crate) fn date(at: DateTime) -> String {
    let month = usize::from(at.month().unsigned_abs()) - 1;
    format!("{} {}, {}", MONTHS[month], at.day(), at.year())
}

/// `2:07 PM`.
pub(crate) fn time(at: DateTime) -> String {
    let hour = if at.hour() % 12 == 0 { 12 } else { at.hour() % 12 };
    let mut text = format!("{hour}:");
    digits(&mut text, at.minute().into(), 2);
    text + if at.hour() < 12 { " AM" } else { " PM" }
}

/// The groups that the event names; where it names none, those that the server knew the actor in at receipt.
fn groups(view: &EventView) -> Option<Cow<'_, str>> {
    let named = view.event.actor.as_ref().map(|actor| &actor.groups).filter(|groups| !groups.is_empty());
    let mut recognised = view.added.recognised.iter().filter(|person| person.place == "/actor");
    let groups = named.or_else(|| recognised.find_map(|person| person.groups.as_ref()))?;
    Some(groups.join(", ").into())
}

/// References, or where there are none the first target.
fn related(event: &Event) -> Option<Cow<'_, str>> {
    let reference = |id: &Option<String>, kind: &Option<String>| match (text(id), text(kind)) {
        (Some(id), Some(kind)) => Some(format!("{id} ({kind})")),
        (Some(id), None) => Some(id.into_owned()),
        (None, kind) => kind.map(|kind| format!("({kind})")),
    };
    let references: Vec<_> =
        event.related.iter().filter_map(|related| reference(&related.id, &related.kind)).collect();
    if references.is_empty() {
        let target = event.targets.first().filter(|target| target.id.is_some())?;
        return reference(&target.id, &target.kind).map(Cow::Owned);
    }
    Some(references.join(", ").into())
}

/// `field: old → new`, values as their JSON; a side that was not sent is left out.
fn change(change: &Change) -> String {
    let old = change.old.as_deref().map_or(String::new(), |old| format!("{} ", old.get()));
    let new = change.new.as_deref().map_or(String::new(), |new| format!(" {}", new.get()));
    format!("{}: {old}→{new}", change.field)
}
