//! One query plan: what a set of parameters compiles to, whatever form it was written in.
//!
//! A [`Query`] says which events match; a [`Reach`] says which events may be looked at. Both become one expression,
//! so the reach is part of what is searched and never a filter applied to results.

use indelible_verify::UserId;
use serde::{Deserialize, Serialize};

use crate::field::{Field, keyword, person_term};
use crate::filter::print::{json_of, text_of};
use crate::marks::Mark;
use crate::normal::normalise;
use crate::predicate::Predicate;

/// The events that a caller may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// Every event of the log.
    All,
    /// Events of these tenant numbers only.
    Tenants(TenantSet),
    /// Events of these tenants, and of any tenant those that this user did or that were done to this user, as the server
    /// recognised it at receipt.
    Oneself {
        /// The user.
        user: UserId,
        /// Tenants all of whose events are within the reach; often none.
        tenants: TenantSet,
    },
}

impl Reach {
    /// The reach over `tenants`, in any order.
    pub fn tenants(tenants: impl IntoIterator<Item = u64>) -> Self {
        Reach::Tenants(TenantSet::new(tenants))
    }

    /// The reach over the events in which `user` is the actor or a target, and over all events of `tenants`.
    pub fn oneself(user: UserId, tenants: impl IntoIterator<Item = u64>) -> Self {
        Reach::Oneself { user, tenants: TenantSet::new(tenants) }
    }

    /// The tenants all of whose events are within it; `None` for all tenants.
    pub fn whole_tenants(&self) -> Option<&TenantSet> {
        match self {
            Reach::All => None,
            Reach::Tenants(tenants) | Reach::Oneself { tenants, .. } => Some(tenants),
        }
    }

    /// Whether all events of `tenant` are within it.
    pub fn contains(&self, tenant: u64) -> bool {
        self.whole_tenants().is_none_or(|tenants| tenants.contains(tenant))
    }
}

/// A set of tenant numbers, kept sorted and without repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<u64>")]
pub struct TenantSet(Vec<u64>);

impl TenantSet {
    /// The set of these numbers.
    pub fn new(tenants: impl IntoIterator<Item = u64>) -> Self {
        let mut list: Vec<u64> = tenants.into_iter().collect();
        list.sort_unstable();
        list.dedup();
        Self(list)
    }

    /// Whether `tenant` is one of them.
    pub fn contains(&self, tenant: u64) -> bool {
        self.0.binary_search(&tenant).is_ok()
    }

    fn intersection(&self, other: &TenantSet) -> TenantSet {
        TenantSet(self.0.iter().copied().filter(|tenant| other.contains(*tenant)).collect())
    }

    /// The numbers, ascending.
    pub fn as_slice(&self) -> &[u64] {
        &self.0
    }
}

impl From<Vec<u64>> for TenantSet {
    fn from(list: Vec<u64>) -> Self {
        Self::new(list)
    }
}

/// A condition on an event. Leaves hold terms as the index has them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Expr {
    All,
    None,
    /// The field has this term.
    Term(Field, String),
    /// The field has a term from the first to the last, both included.
    Range(Field, String, String),
    /// A word of the text begins so.
    Prefix(String),
    /// These words follow each other; at least two.
    Phrase(Vec<String>),
    /// These words follow each other, then one that begins so; at least one before it.
    PhrasePrefix(Vec<String>, String),
    /// The field has a term that begins so, and the predicate holds for the rest of it.
    Matching(Field, String, Predicate),
    /// It happened within this time.
    Time(TimeRange),
    /// It was received within this time.
    Received(TimeRange),
    /// It is marked so.
    Marked(Mark),
    /// The event belongs to one of these tenants.
    Tenants(TenantSet),
    /// The event belongs to the tenant of this name; to be resolved before the query runs.
    TenantNamed(String),
    /// The field, which holds tenants as strings, names this one; may be widened to the tenants below it.
    TenantText(Field, String),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
}

impl Expr {
    pub(crate) fn and(mut parts: Vec<Expr>) -> Expr {
        parts.retain(|part| *part != Expr::All);
        match parts.len() {
            0 => Expr::All,
            1 => parts.remove(0),
            _ => Expr::And(parts),
        }
    }

    pub(crate) fn or(mut parts: Vec<Expr>) -> Expr {
        parts.retain(|part| *part != Expr::None);
        match parts.len() {
            0 => Expr::None,
            1 => parts.remove(0),
            _ => Expr::Or(parts),
        }
    }

    /// Calls `change` with every node, children first.
    fn rewrite(&mut self, change: &mut dyn FnMut(&mut Expr)) {
        match self {
            Expr::And(parts) | Expr::Or(parts) => parts.iter_mut().for_each(|part| part.rewrite(change)),
            Expr::Not(part) => part.rewrite(change),
            _ => {}
        }
        change(self);
    }
}

/// A half-open range of instants in microseconds: `since` is included, `until` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct TimeRange {
    pub(crate) since: i64,
    pub(crate) until: i64,
}

impl TimeRange {
    pub(crate) const ALWAYS: TimeRange = TimeRange { since: i64::MIN, until: i64::MAX };

    /// The instants in both.
    pub(crate) fn intersection(self, other: TimeRange) -> TimeRange {
        TimeRange { since: self.since.max(other.since), until: self.until.min(other.until) }
    }

    pub(crate) fn contains(&self, at: i64) -> bool {
        self.since <= at && at < self.until
    }

    /// Whether all of `min..=max` lies within.
    pub(crate) fn covers(&self, min: i64, max: i64) -> bool {
        self.since <= min && max < self.until
    }

    /// Whether any of `min..=max` may lie within.
    pub(crate) fn meets(&self, min: i64, max: i64) -> bool {
        self.since < self.until && self.since <= max && min < self.until
    }
}

/// Which events are asked for; made by [`Query::from_params`].
///
/// It can be serialized, so that a sealed cursor can carry it with its relative times already resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    pub(crate) matches: Expr,
    pub(crate) time: TimeRange,
    pub(crate) received: TimeRange,
}

impl Default for Query {
    fn default() -> Self {
        Self::all()
    }
}

impl Query {
    /// The query that every event matches.
    pub fn all() -> Self {
        Self { matches: Expr::All, time: TimeRange::ALWAYS, received: TimeRange::ALWAYS }
    }

    /// The query for a condition, in its one form, with the times that bound all of it taken out.
    pub(crate) fn new(matches: Expr) -> Self {
        let mut query = Self { matches, ..Self::all() };
        query.settle();
        query
    }

    /// Brings the condition into its one form again, after a part of it has changed.
    fn settle(&mut self) {
        let mut parts = match normalise(std::mem::replace(&mut self.matches, Expr::All)) {
            Expr::And(parts) => parts,
            one => vec![one],
        };
        parts.retain(|part| match part {
            Expr::Time(range) => {
                self.time = self.time.intersection(*range);
                false
            }
            Expr::Received(range) => {
                self.received = self.received.intersection(*range);
                false
            }
            _ => true,
        });
        self.matches = Expr::and(parts);
    }

    /// All of the query as one expression, as it can be printed.
    fn whole(&self) -> Expr {
        normalise(Expr::And(vec![Expr::Time(self.time), Expr::Received(self.received), self.matches.clone()]))
    }

    /// The whole query in the language of `filter=`, whatever form it was given in.
    pub fn to_filter(&self) -> String {
        text_of(&self.whole())
    }

    /// The same as a tree of `and`, `or` and `not` with conditions as text.
    pub fn to_json(&self) -> serde_json::Value {
        json_of(&self.whole())
    }

    /// Puts tenant numbers in the place of the names of `tenant=`: the tenant of that name and those below it.
    ///
    /// A name for which `resolve` gives `None` (unknown, or outside the caller's reach: the same) matches no event.
    pub fn resolve_tenants(&mut self, mut resolve: impl FnMut(&str) -> Option<Vec<u64>>) {
        self.matches.rewrite(&mut |part| {
            if let Expr::TenantNamed(name) = part {
                *part = Expr::Tenants(TenantSet::new(resolve(name).unwrap_or_default()));
            }
        });
        self.settle();
    }

    /// Widens `affected_tenant=` and `involves_tenant=` from the tenant named to those below it as well.
    ///
    /// `below` gives the names of all tenants below the one named; the name itself always stays.
    pub fn widen_tenant_names(&mut self, mut below: impl FnMut(&str) -> Vec<String>) {
        self.matches.rewrite(&mut |part| {
            if let Expr::TenantText(field, name) = part {
                let term = |name: &String| Expr::Term(*field, keyword(name).into_owned());
                let names = std::iter::once(&*name).chain(&below(name)).map(term).collect();
                *part = Expr::or(names);
            }
        });
        self.settle();
    }

    /// Whether a tenant name still waits for [`Query::resolve_tenants`].
    pub fn has_unresolved_tenants(&self) -> bool {
        fn waits(part: &Expr) -> bool {
            match part {
                Expr::TenantNamed(_) => true,
                Expr::And(parts) | Expr::Or(parts) => parts.iter().any(waits),
                Expr::Not(part) => waits(part),
                _ => false,
            }
        }
        waits(&self.matches)
    }

    /// The range of the events' own times that it names, in microseconds: since (included) and until (excluded).
    pub fn times(&self) -> (Option<i64>, Option<i64>) {
        let TimeRange { since, until } = self.time;
        (Some(since).filter(|since| *since != i64::MIN), Some(until).filter(|until| *until != i64::MAX))
    }

    /// Leaves of the matching events only those that happened at `since`, in microseconds, or later.
    pub fn narrow_times(&mut self, since: i64) {
        self.time = self.time.intersection(TimeRange { since, until: i64::MAX });
    }

    /// Leaves of the matching events only those of `tenants`.
    pub fn narrow(&mut self, tenants: TenantSet) {
        let matches = std::mem::replace(&mut self.matches, Expr::All);
        self.matches = Expr::and(vec![Expr::Tenants(tenants), matches]);
        self.settle();
    }

    /// The tenants whose events alone can match within `reach`; `None` where nothing bounds them, or nothing can match.
    pub fn tenants_within(&self, reach: &Reach) -> Option<TenantSet> {
        let bound = |part: &Expr| match part {
            Expr::Tenants(set) => Some(set.clone()),
            _ => None,
        };
        match self.plan(reach) {
            Expr::And(parts) => parts.iter().find_map(bound),
            one => bound(&one),
        }
    }

    /// The one expression that runs: reach and conditions together, with at most one set of tenants in its "and".
    pub(crate) fn plan(&self, reach: &Reach) -> Expr {
        let mut parts = Vec::new();
        let mut scope = match reach {
            Reach::All => None,
            Reach::Tenants(set) => Some(set.clone()),
            Reach::Oneself { user, tenants } => {
                let own = Expr::Term(Field::Person, person_term(*user));
                let whole = (!tenants.0.is_empty()).then(|| Expr::Tenants(tenants.clone()));
                parts.push(Expr::or(whole.into_iter().chain([own]).collect()));
                None
            }
        };
        let conditions = match &self.matches {
            Expr::And(conditions) => conditions.as_slice(),
            one => std::slice::from_ref(one),
        };
        for condition in conditions {
            match condition {
                Expr::None => return Expr::None,
                Expr::Tenants(set) => {
                    scope = Some(scope.map_or_else(|| set.clone(), |scope| scope.intersection(set)))
                }
                other => parts.push(other.clone()),
            }
        }
        match scope {
            Some(set) if set.0.is_empty() => Expr::None,
            Some(set) => Expr::and(std::iter::once(Expr::Tenants(set)).chain(parts).collect()),
            None => Expr::and(parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reach_is_part_of_the_plan() {
        let query = Query { matches: Expr::Term(Field::Action, "x".into()), ..Query::all() };
        assert_eq!(query.plan(&Reach::All), query.matches);
        assert_eq!(query.plan(&Reach::tenants([])), Expr::None);
        let Expr::And(parts) = query.plan(&Reach::tenants([3, 1, 3])) else { panic!("reach and condition") };
        assert_eq!(parts[0], Expr::Tenants(TenantSet(vec![1, 3])));
    }

    #[test]
    fn oneself_is_a_condition_beside_those_of_the_query() {
        let term = |field, text: &str| Expr::Term(field, text.into());
        let tenants = |list: &[u64]| Expr::Tenants(TenantSet::new(list.iter().copied()));
        let own = || term(Field::Person, "07070707-0707-0707-0707-070707070707");
        let user = UserId([7; 16]);
        let mut query = Query { matches: term(Field::Action, "x"), ..Query::all() };
        assert_eq!(Query::all().plan(&Reach::oneself(user, [])), own());
        let either = || Expr::Or(vec![tenants(&[2, 5]), own()]);
        let plan = query.plan(&Reach::oneself(user, [5, 2]));
        assert_eq!(plan, Expr::And(vec![either(), query.matches.clone()]));
        query.narrow(TenantSet::new([1, 2]));
        let plan = query.plan(&Reach::oneself(user, [5, 2]));
        assert_eq!(plan, Expr::And(vec![tenants(&[1, 2]), either(), term(Field::Action, "x")]));
        assert_eq!(
            query.plan(&Reach::tenants([2])),
            Expr::And(vec![tenants(&[2]), term(Field::Action, "x")])
        );
        query.narrow(TenantSet::default());
        assert_eq!(query.plan(&Reach::oneself(user, [5, 2])), Expr::None);
    }

    #[test]
    fn an_unknown_tenant_matches_nothing_and_its_negation_everything() {
        let named = Expr::TenantNamed("acme".into());
        let mut query = Query { matches: Expr::Not(Box::new(named)), ..Query::all() };
        assert!(query.has_unresolved_tenants());
        query.resolve_tenants(|_| None);
        assert!(!query.has_unresolved_tenants());
        assert_eq!(query.matches, Expr::Not(Box::new(Expr::Tenants(TenantSet::default()))));
    }

    #[test]
    fn a_query_survives_its_serialized_form() {
        let query = Query {
            matches: Expr::And(vec![
                Expr::Phrase(vec!["a".into(), "b".into()]),
                Expr::Tenants(TenantSet(vec![1])),
            ]),
            time: TimeRange { since: 5, until: i64::MAX },
            received: TimeRange::ALWAYS,
        };
        let text = serde_json::to_string(&query).unwrap();
        assert_eq!(serde_json::from_str::<Query>(&text).unwrap(), query);
    }

    #[test]
    fn times_around_everything_bound_the_query() {
        let time = |since, until| Expr::Time(TimeRange { since, until });
        let term = || Expr::Term(Field::Action, "x".into());
        let query =
            Query::new(Expr::And(vec![time(5, i64::MAX), Expr::And(vec![term(), time(i64::MIN, 9)])]));
        assert_eq!(query, Query { matches: term(), time: TimeRange { since: 5, until: 9 }, ..Query::all() });
        let either = Expr::Or(vec![term(), time(5, 9)]);
        assert_eq!(Query::new(either.clone()), Query { matches: either, ..Query::all() });
        assert_eq!(Query::new(Expr::And(vec![time(9, 12), time(5, 9)])).matches, Expr::None);
    }

    #[test]
    fn a_query_is_shown_as_a_filter_whatever_it_was() {
        let params = [
            ("since", "2026-01-01T00:00:00Z"),
            ("action", "!Play"),
            ("q", "login fail*"),
            ("tenant", "acme"),
        ];
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let query = Query::from_params(&params, indelible_event::Timestamp::from_micros(0)).unwrap();
        let shown = "time ge \"2026-01-01T00:00:00.000000Z\" and not action eq \"play\" and word eq \"login\" and \
                     word sw \"fail\" and tenant eq \"acme\"";
        assert_eq!(query.to_filter(), shown);
        assert_eq!(query.to_json()["and"][1], serde_json::json!({ "not": "action eq \"play\"" }));
        let again = [("filter".to_owned(), shown.to_owned())];
        assert_eq!(Query::from_params(&again, indelible_event::Timestamp::from_micros(0)).unwrap(), query);
    }
}
