//! Questions to the index: pages, counts, figures, histograms, values, and what would run for them.
//!
//! Every answer is made from one view of the index and the marks of one moment, and within a budget.

use indelible_event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::answers::{FacetField, Histogram, Stats, Values};
use crate::budget::{Budget, Cost, Meter};
use crate::error::SearchError;
use crate::execute::{Execution, Failed, Moment, explain};
use crate::field::Field;
use crate::query::{Expr, Query, Reach};
use crate::search::{Present, Search};
use crate::zone::Bounds;

/// What events are ordered by: the time that they happened, then their place in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SortKey {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// Leaf index.
    pub index: u64,
}

/// Which way a page lies from its cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Events before the cursor's, in time: the next page.
    Older,
    /// Events after the cursor's, in time: the previous page.
    Newer,
}

impl Direction {
    fn opposite(self) -> Direction {
        match self {
            Direction::Older => Direction::Newer,
            Direction::Newer => Direction::Older,
        }
    }
}

/// One page to be found.
#[derive(Clone, Debug)]
pub struct PageRequest<'a> {
    /// What the caller may see, computed anew for whoever asks.
    pub reach: &'a Reach,
    /// What is asked for.
    pub query: &'a Query,
    /// Most hits.
    pub limit: usize,
    /// Where to go on, and which way; the key itself is not in the page.
    pub cursor: Option<(SortKey, Direction)>,
    /// Only entries before this leaf index, so that pages stay the same while events come in.
    pub as_of: Option<u64>,
}

/// An event that was found; it is to be read from the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hit {
    /// Its leaf index.
    pub index: u64,
    /// When it happened.
    pub time: Timestamp,
}

impl Hit {
    /// What a cursor at this hit carries.
    pub fn key(&self) -> SortKey {
        SortKey { time: self.time.as_micros(), index: self.index }
    }
}

/// A page of hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub hits: Vec<Hit>,
    /// Whether older ones match.
    pub has_next: bool,
    /// Whether newer ones match.
    pub has_prev: bool,
    /// When the last entry was received up to which everything is searchable.
    pub complete_through: Timestamp,
    /// The leaf index that the page is bounded by, for the cursors of the pages around it.
    pub as_of: u64,
}

impl Search {
    /// Finds a page, newest first by (time, leaf index).
    ///
    /// # Errors
    /// [`SearchError::UnresolvedTenants`]; [`SearchError::DeadlineExceeded`] or [`SearchError::Cancelled`] when the
    /// budget is used up; else a split that can't be read, which is then being checked and rebuilt.
    pub fn page(&self, request: &PageRequest<'_>, budget: &Budget) -> Result<(Page, Cost), SearchError> {
        let present = self.present();
        let view = &present.view;
        // In this order: the tail goes on growing, and what comes in between must not count as complete in a page that
        // does not look at it.
        let complete_through = instant(view.coverage().received);
        let as_of = request.as_of.unwrap_or_else(|| view.end());
        let plan = self.plan(request.query, request.reach)?;
        self.run(&present, &plan, bounds(request.query, as_of), budget, |execution| {
            let (from, direction) = match request.cursor {
                Some((key, direction)) => (Some(key), direction),
                None => (None, Direction::Older),
            };
            // One more than asked for tells whether there are more.
            let mut keys = execution.nearest(from, direction, request.limit.saturating_add(1))?;
            let more = keys.len() > request.limit;
            keys.truncate(request.limit);
            // What lies behind: beyond the first hit, or from the cursor on where there is none, itself included.
            let behind = match (keys.first(), from) {
                (_, None) => false,
                (Some(first), _) => !execution.nearest(Some(*first), direction.opposite(), 1)?.is_empty(),
                (None, Some(key)) => {
                    !execution.nearest(beside(key, direction), direction.opposite(), 1)?.is_empty()
                }
            };
            let (has_next, has_prev) = match direction {
                Direction::Older => (more, behind),
                Direction::Newer => (behind, more),
            };
            if direction == Direction::Newer {
                keys.reverse();
            }
            let hits = keys.into_iter().map(hit).collect();
            Ok(Page { hits, has_next, has_prev, complete_through, as_of })
        })
    }

    /// The exact number of matching events among the entries before `as_of`, or all.
    ///
    /// # Errors
    /// As [`Search::page`].
    pub fn count(
        &self,
        reach: &Reach,
        query: &Query,
        as_of: Option<u64>,
        budget: &Budget,
    ) -> Result<(u64, Cost), SearchError> {
        let plan = self.plan(query, reach)?;
        let present = self.present();
        let bounds = bounds(query, as_of.unwrap_or_else(|| present.view.end()));
        self.run(&present, &plan, bounds, budget, |execution| execution.count(&plan))
    }

    /// Figures over all matching events among the entries before `as_of`, or all.
    ///
    /// # Errors
    /// As [`Search::page`].
    pub fn stats(
        &self,
        reach: &Reach,
        query: &Query,
        as_of: Option<u64>,
        budget: &Budget,
    ) -> Result<(Stats, Cost), SearchError> {
        self.answer(reach, query, as_of, budget, |execution| execution.stats())
    }

    /// The matching events among the entries before `as_of`, or all, by time: `edges` are the beginnings of the buckets
    /// in microseconds, ascending, and after them the end of the last, excluded. `by` tells each value's share.
    ///
    /// # Errors
    /// As [`Search::page`]; and [`SearchError::TooManyValues`] where `by` has more of them than can be held.
    pub fn histogram(
        &self,
        reach: &Reach,
        query: &Query,
        edges: &[i64],
        by: Option<FacetField>,
        as_of: Option<u64>,
        budget: &Budget,
    ) -> Result<(Histogram, Cost), SearchError> {
        self.answer(reach, query, as_of, budget, |execution| {
            execution.histogram(edges, by.map(|field| field.0))
        })
    }

    /// The values of a field that begin with `prefix`, without case, in the matching events among the entries before
    /// `as_of`, or all; those `limit` of them that most events have.
    ///
    /// # Errors
    /// As [`Search::page`]; and [`SearchError::TooManyValues`] where more of them match than can be held.
    #[expect(clippy::too_many_arguments, reason = "each says something of its own")]
    pub fn values(
        &self,
        reach: &Reach,
        query: &Query,
        field: FacetField,
        prefix: &str,
        limit: usize,
        as_of: Option<u64>,
        budget: &Budget,
    ) -> Result<(Values, Cost), SearchError> {
        let FacetField(dimension) = field;
        let prefix = dimension.folded(prefix);
        self.answer(reach, query, as_of, budget, |execution| execution.values(dimension, &prefix, limit))
    }

    /// The events of this id, newest first; several only if several tenants within the reach use it.
    ///
    /// # Errors
    /// As [`Search::page`].
    pub fn by_id(
        &self,
        reach: &Reach,
        tenant: Option<u64>,
        id: &str,
        budget: &Budget,
    ) -> Result<(Vec<Hit>, Cost), SearchError> {
        let mut conditions = vec![Expr::Term(Field::Id, id.to_owned())];
        conditions.extend(tenant.map(|tenant| Expr::Tenants(crate::TenantSet::new([tenant]))));
        let query = Query { matches: Expr::And(conditions), ..Query::all() };
        let (keys, cost) = self.answer(reach, &query, None, budget, |execution| {
            execution.nearest(None, Direction::Older, usize::MAX)
        })?;
        Ok((keys.into_iter().map(hit).collect(), cost))
    }

    /// What would run for this query on the entries before `as_of`, or all: the conditions in words, and under `parts`,
    /// for each part of the index, how it would be evaluated and on how many events at most. The latter count events of
    /// every tenant, whatever the reach, so they are for callers who may see everything.
    ///
    /// Terms are looked up for it; parts that the budget does not suffice for say so.
    pub fn explain(
        &self,
        reach: &Reach,
        query: &Query,
        as_of: Option<u64>,
        budget: &Budget,
    ) -> serde_json::Value {
        let Present { marks, view } = self.present();
        let moment = Moment { marks: &marks, caches: self.caches() };
        let bounds = bounds(query, as_of.unwrap_or_else(|| view.end()));
        explain(&view, &query.plan(reach), reach, moment, bounds, budget)
    }

    /// Runs a query over everything that the index has at this moment.
    fn answer<T>(
        &self,
        reach: &Reach,
        query: &Query,
        as_of: Option<u64>,
        budget: &Budget,
        find: impl FnOnce(&mut Execution<'_, '_>) -> Result<T, Failed>,
    ) -> Result<(T, Cost), SearchError> {
        let plan = self.plan(query, reach)?;
        let present = self.present();
        let bounds = bounds(query, as_of.unwrap_or_else(|| present.view.end()));
        self.run(&present, &plan, bounds, budget, find)
    }

    /// Runs a plan; a split that fails is checked soon.
    pub(crate) fn run<T>(
        &self,
        present: &Present,
        plan: &Expr,
        bounds: Bounds,
        budget: &Budget,
        find: impl FnOnce(&mut Execution<'_, '_>) -> Result<T, Failed>,
    ) -> Result<(T, Cost), SearchError> {
        let moment = Moment { marks: &present.marks, caches: self.caches() };
        let mut execution = Execution::new(&present.view, plan, moment, bounds, Meter::new(budget));
        match find(&mut execution) {
            Ok(found) => Ok((found, execution.cost())),
            Err(Failed { split, error }) => {
                split.into_iter().for_each(|split| self.suspect(&split));
                Err(error)
            }
        }
    }

    /// The expression that runs for whoever has this reach.
    pub(crate) fn plan(&self, query: &Query, reach: &Reach) -> Result<Expr, SearchError> {
        if query.has_unresolved_tenants() {
            return Err(SearchError::UnresolvedTenants);
        }
        Ok(query.plan(reach))
    }
}

pub(crate) fn bounds(query: &Query, as_of: u64) -> Bounds {
    Bounds { time: query.time, received: query.received, as_of }
}

/// The key next to `key` on the other side of `direction`, so that looking from it includes `key`.
fn beside(key: SortKey, direction: Direction) -> Option<SortKey> {
    match direction {
        Direction::Older if key.index == 0 => {
            Some(SortKey { time: key.time.checked_sub(1)?, index: u64::MAX })
        }
        Direction::Older => Some(SortKey { index: key.index - 1, ..key }),
        Direction::Newer => Some(SortKey { index: key.index.saturating_add(1), ..key }),
    }
}

fn hit(key: SortKey) -> Hit {
    Hit { index: key.index, time: Timestamp::from_micros(key.time) }
}

/// A time of receipt, 1970 standing for none.
pub(crate) fn instant(us: i64) -> Timestamp {
    Timestamp::from_micros(if us == i64::MIN { 0 } else { us })
}
