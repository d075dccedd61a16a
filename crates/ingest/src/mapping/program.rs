//! A mapping, compiled: which expression fills which field of the event.

use super::expr::Expr;
use super::table::Table;
use super::trace::Place;
use super::unread::Ignored;

/// Everything that a mapping says about a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    /// Where the paths stand, by their numbers.
    pub(super) places: Vec<Place>,
    /// `[let]`, in order; each may use those above it.
    pub(crate) lets: Vec<Expr>,
    pub(crate) tables: Vec<Table>,
    pub(crate) ignored: Vec<Ignored>,
    pub(crate) fields: Fields,
    pub(crate) source: SourceRule,
    /// The first that yields an actor is it.
    pub(crate) actors: Vec<ActorRule>,
    pub(crate) on_behalf_of: Vec<ActorRule>,
    pub(crate) client: ClientRule,
    pub(crate) outcome: OutcomeRule,
    pub(crate) occurrences: OccurrencesRule,
    pub(crate) targets: Vec<TargetRule>,
    pub(crate) related: Vec<RelatedRule>,
    pub(crate) parameters: Vec<ParameterRule>,
    pub(crate) changes: Vec<ChangeRule>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    pub(crate) id: Option<Expr>,
    pub(crate) time: Option<Expr>,
    pub(crate) tenant: Option<Expr>,
    pub(crate) action: Option<Expr>,
    pub(crate) action_code: Option<Expr>,
    pub(crate) action_type: Option<Expr>,
    pub(crate) severity: Option<Expr>,
    pub(crate) details: Option<Expr>,
    pub(crate) session_id: Option<Expr>,
    pub(crate) request_id: Option<Expr>,
    pub(crate) trace_id: Option<Expr>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct SourceRule {
    pub(crate) application: Option<Expr>,
    pub(crate) component: Option<Expr>,
    pub(crate) node: Option<Expr>,
    pub(crate) data_source: Option<Expr>,
    pub(crate) version: Option<Expr>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ActorRule {
    pub(crate) when: Option<Expr>,
    pub(crate) kind: Option<Expr>,
    pub(crate) id: Option<Expr>,
    pub(crate) aliases: Vec<Expr>,
    pub(crate) username: Option<Expr>,
    pub(crate) first_name: Option<Expr>,
    pub(crate) last_name: Option<Expr>,
    pub(crate) tenant: Option<Expr>,
    pub(crate) groups: Vec<Expr>,
    pub(crate) roles: Vec<Expr>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ClientRule {
    /// Texts in the many forms of [`super::address`].
    pub(crate) address: Vec<Expr>,
    pub(crate) chain: Vec<Expr>,
    pub(crate) port: Option<Expr>,
    pub(crate) host: Option<Expr>,
    pub(crate) user_agent: Option<Expr>,
    pub(crate) channel: Option<Expr>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct OutcomeRule {
    pub(crate) result: Option<Expr>,
    pub(crate) reason: Option<Expr>,
    pub(crate) code: Option<Expr>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct OccurrencesRule {
    pub(crate) count: Option<Expr>,
    pub(crate) first: Option<Expr>,
    pub(crate) last: Option<Expr>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct TargetRule {
    /// The list whose elements are targets; without it the record gives one.
    pub(crate) each: Option<Expr>,
    pub(crate) when: Option<Expr>,
    /// Where this holds, the target goes before all others.
    pub(crate) primary: Option<Expr>,
    pub(crate) kind: Option<Expr>,
    pub(crate) id: Option<Expr>,
    pub(crate) aliases: Vec<Expr>,
    pub(crate) username: Option<Expr>,
    pub(crate) name: Option<Expr>,
    pub(crate) tenant: Option<Expr>,
    pub(crate) groups: Vec<Expr>,
    pub(crate) roles: Vec<Expr>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct RelatedRule {
    pub(crate) each: Option<Expr>,
    pub(crate) when: Option<Expr>,
    pub(crate) kind: Option<Expr>,
    pub(crate) id: Option<Expr>,
}

#[derive(Clone, Debug)]
pub(crate) enum ParameterRule {
    /// One parameter of this name.
    Named(String, Expr),
    /// `"*"`: every member of an object is a parameter.
    Spread(Expr),
}

#[derive(Clone, Debug)]
pub(crate) enum ChangeRule {
    /// One changed field, or one for each element.
    Field { each: Option<Expr>, when: Option<Expr>, field: Expr, old: Option<Expr>, new: Option<Expr> },
    /// Whole objects before and after; each member that differs is a change.
    Objects { each: Option<Expr>, when: Option<Expr>, before: Option<Expr>, after: Option<Expr> },
}
