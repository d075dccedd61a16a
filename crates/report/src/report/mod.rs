//! Reports: what kinds there are, and how one is defined.
//!
//! A definition says which columns a report has and what its rows are counted by. Which events it is of is a query, which
//! is the caller's business.

mod build;
mod chart;
mod column;
mod count;
mod made;
mod person;
mod rows;
mod tally;

pub use build::{ReportBuilder, ReportPlan, preview};
pub use column::{Group, ReportColumn};
pub use person::ReviewedPerson;

use crate::chart::ChartKind;

/// What a report tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReportKind {
    /// Events with the columns of MiaRec's "Audit Trail Details", or how many there are of each sort.
    Details,
    /// Who signed in and who failed to.
    SignIns,
    /// What each administrator changed.
    Changes,
    /// What was deleted.
    Deletions,
    /// Which users came.
    NewUsers,
    /// How much happened in each tenant.
    Activity,
    /// Who may do what, and when they were last there. Of people, not of events.
    AccessReview,
}

impl ReportKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Details,
        Self::SignIns,
        Self::Changes,
        Self::Deletions,
        Self::NewUsers,
        Self::Activity,
        Self::AccessReview,
    ];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Details => "details",
            Self::SignIns => "sign_ins",
            Self::Changes => "changes",
            Self::Deletions => "deletions",
            Self::NewUsers => "new_users",
            Self::Activity => "activity",
            Self::AccessReview => "access_review",
        }
    }

    /// The kind with exactly this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Details => "Audit Trail Details",
            Self::SignIns => "Sign-ins and failures",
            Self::Changes => "Changes by administrator",
            Self::Deletions => "Deletions",
            Self::NewUsers => "New users",
            Self::Activity => "Activity by tenant",
            Self::AccessReview => "Access review",
        }
    }

    /// What it tells, in a sentence.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Details => "Who did what, from where and to what, with columns to choose and to count by.",
            Self::SignIns => {
                "For every person: how often signing in succeeded and failed, when last, and from where."
            }
            Self::Changes => {
                "For every person: what they created, changed, activated and deleted, how often."
            }
            Self::Deletions => "Everything that was deleted, when and by whom.",
            Self::NewUsers => "Users who were added in the last month, when and by whom.",
            Self::Activity => "For every tenant: how many events, successes and failures, from when to when.",
            Self::AccessReview => {
                "Everybody who can sign in here: roles, groups, and when they last signed in."
            }
        }
    }

    /// The filters it begins with, in the syntax of the API's addresses.
    pub const fn default_query(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Details | Self::Activity | Self::AccessReview => &[],
            Self::SignIns => &[("action_type", "login")],
            Self::Changes => &[
                ("action_type", "create"),
                ("action_type", "update"),
                ("action_type", "activate"),
                ("action_type", "deactivate"),
                ("action_type", "delete"),
            ],
            Self::Deletions => &[("action_type", "delete")],
            Self::NewUsers => &[
                ("action_type", "create"),
                ("object", "subscriber"),
                ("object", "admin"),
                ("object", "user"),
                ("since", "P1M"),
            ],
        }
    }

    /// The columns to choose from; none where they are as they are.
    pub const fn columns(self) -> &'static [ReportColumn] {
        match self {
            Self::Details => ReportColumn::OF_DETAILS,
            _ => &[],
        }
    }

    /// What its rows can be counted by.
    pub const fn groups(self) -> &'static [Group] {
        match self {
            Self::Details => &Group::ALL,
            _ => &[],
        }
    }

    /// Its chart; `Details` has one only where rows are counted by something.
    pub const fn chart(self) -> ChartKind {
        match self {
            Self::Details => ChartKind::None,
            Self::SignIns | Self::Changes | Self::Deletions | Self::Activity | Self::AccessReview => {
                ChartKind::Bars
            }
            Self::NewUsers => ChartKind::Columns,
        }
    }

    /// Whether it is of people, whom the caller gives, and not of events.
    pub const fn is_of_people(self) -> bool {
        matches!(self, Self::AccessReview)
    }
}

/// What a report is to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// What it tells.
    pub kind: ReportKind,
    /// Its columns, in this order. `None`: all of the kind; where rows are counted, what they are counted by.
    pub columns: Option<Vec<ReportColumn>>,
    /// What rows are counted by, the outermost first.
    pub group_by: Vec<Group>,
    /// Whether sums stand under groups and at the end.
    pub totals: bool,
}

/// What is wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct DefinitionError {
    /// JSON pointer into the definition: `/columns/2`.
    pub field: String,
    /// What is wrong there.
    pub message: String,
}

impl Definition {
    /// The kind as it comes.
    pub fn new(kind: ReportKind) -> Self {
        Self { kind, columns: None, group_by: Vec::new(), totals: true }
    }

    /// Checks that the kind has these columns and groups, and each of them once.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), DefinitionError> {
        let error = |field: String, message: String| Err(DefinitionError { field, message });
        let (kind, columns) = (self.kind, self.columns.as_deref().unwrap_or_default());
        if self.columns.as_ref().is_some_and(Vec::is_empty) {
            return error("/columns".into(), "a report has at least one column".into());
        }
        for (place, column) in columns.iter().enumerate() {
            let (field, name) = (format!("/columns/{place}"), column.as_str());
            if kind.columns().is_empty() {
                return error(
                    "/columns".into(),
                    format!("the columns of {} can not be chosen", kind.as_str()),
                );
            }
            if !kind.columns().contains(column) {
                return error(field, format!("{} has no column {name}", kind.as_str()));
            }
            if columns[..place].contains(column) {
                return error(field, format!("the column {name} is there twice"));
            }
        }
        for (place, group) in self.group_by.iter().enumerate() {
            let (field, name) = (format!("/group_by/{place}"), group.as_str());
            if !kind.groups().contains(group) {
                return error(field, format!("{} can not be counted by {name}", kind.as_str()));
            }
            if self.group_by[..place].contains(group) {
                return error(field, format!("the group {name} is there twice"));
            }
        }
        Ok(())
    }

    /// Whether rows are counted: one row for all events that are alike in all other columns.
    pub(crate) fn is_counted(&self) -> bool {
        let chosen = self.columns.as_deref().unwrap_or_default();
        !self.group_by.is_empty() || chosen.contains(&ReportColumn::Rows)
    }
}

#[cfg(test)]
mod tests;
