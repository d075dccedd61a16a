//! Columns: what of an event stands in a cell.
//!
//! Headings are English in every language: programs read them.

use crate::document::{Heading, Shape};

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

    /// The columns of a row that has no columns of its own for parameters: they are in one, and all else beside it.
    pub(crate) fn of_events(&self) -> Vec<Column> {
        let mut columns: Vec<_> = self.fixed().into_iter().map(|(column, _)| column).collect();
        if self.with_parameters() {
            columns.extend([Column::Parameters, Column::Event]);
        }
        columns
    }

    /// The columns of a page, with what stands above them. Long texts of a complete one stand under their row.
    pub(crate) fn of_pages(&self) -> Vec<(Column, Heading)> {
        let mut columns = self.fixed();
        if self.with_parameters() {
            columns.push((Column::Parameters, Column::Parameters.heading()));
        }
        let is_below = |column| match column {
            Column::Parameters | Column::Changes | Column::Event => true,
            Column::Summary | Column::Id => self.with_parameters(),
            _ => false,
        };
        let heading = |(column, text): (Column, &str)| {
            let shape = if is_below(column) { Shape::Below } else { Shape::Text };
            (column, Heading { text: text.to_owned(), shape })
        };
        columns.into_iter().map(heading).collect()
    }

    /// Whether parameters have columns of their own behind the fixed ones.
    pub(crate) fn with_parameters(&self) -> bool {
        *self == Self::Complete
    }
}
