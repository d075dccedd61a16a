//! Figures about the events that match: totals, histograms, the values of a field. All exact, within the reach.

use std::collections::HashMap;

use indelible_event::{Code, Timestamp};
use indelible_search::{
    Budget, Cost, Direction, FacetField, PageRequest, Query, Reach, SortKey, Stats, TenantSet,
};
use jiff::tz::TimeZone;

use crate::{
    Interval, Moment, ReadError, ScopedReader, Standing,
    error::invalid,
    reader::add,
    spelling::{is_spelt_as_it_is, is_tenant, spelling},
};

/// What figures are asked about.
#[derive(Clone, Debug)]
pub struct Question {
    /// The filter parameters, in the caller's order.
    pub filters: Vec<(String, String)>,
    /// As of this sealed moment; now, if absent.
    pub as_of: Option<String>,
}

/// How a histogram is cut.
#[derive(Clone, Debug)]
pub struct Cut {
    /// The buckets' length; chosen by the range where absent.
    pub interval: Option<Interval>,
    /// The field whose values are told apart.
    pub by: Option<FacetField>,
    /// The calendar's zone.
    pub zone: TimeZone,
}

/// Events by time.
#[derive(Debug)]
pub struct HistogramView {
    /// The buckets' length.
    pub interval: Interval,
    /// Where each bucket begins, and after them the end of the last, in microseconds; empty where nothing matches and
    /// the question has no range.
    pub edges: Vec<i64>,
    /// Events in each bucket.
    pub buckets: Vec<u64>,
    /// Events of each value in each bucket, the value with most first; at most [`SERIES_MAX`].
    pub series: Vec<(String, Vec<u64>)>,
    /// The same of all other values together; of an event with several of them, each counts.
    pub others: Vec<u64>,
    /// Events without the field.
    pub without: Vec<u64>,
}

/// The values of a field.
#[derive(Debug)]
pub struct ValuesView {
    /// Spelt as in the newest event that has it, and how many events have it; most first.
    pub values: Vec<(String, u64)>,
    /// How many there are in all.
    pub distinct: u64,
    /// Matching events that lack the field.
    pub missing: u64,
}

/// Values of a histogram that are told one by one: as many as a chart has colours for, and some.
pub const SERIES_MAX: usize = 25;
/// Records read at once while looking for spellings.
const RECORDS_AT_ONCE: usize = 16;

impl ScopedReader {
    /// Totals over all events that match.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn stats(
        &self,
        question: &Question,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<(Stats, Standing), ReadError> {
        let (moment, mut standing) = self.begin(question.as_of.as_deref(), now)?;
        let query = self.query(&question.filters, moment.now, now)?;
        let search = &self.trail.inner.search;
        let (stats, cost) = search.stats(&self.scope(), &query, Some(moment.as_of), budget)?;
        standing.cost = cost;
        Ok((stats, standing))
    }

    /// Events by time: from the question's range, else from the first event that matches to the last.
    ///
    /// # Errors
    /// As [`Self::list`]; `Invalid` too where the range has too many buckets.
    pub fn histogram(
        &self,
        question: &Question,
        cut: &Cut,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<(HistogramView, Standing), ReadError> {
        let (moment, mut standing) = self.begin(question.as_of.as_deref(), now)?;
        let query = self.query(&question.filters, moment.now, now)?;
        let scope = self.scope();
        let range = self.range(&query, &scope, &moment, budget, &mut standing.cost)?;
        let Some((since, until)) = range else {
            let view = HistogramView {
                interval: cut.interval.unwrap_or_else(|| Interval::auto(0, 0)),
                edges: Vec::new(),
                buckets: Vec::new(),
                series: Vec::new(),
                others: Vec::new(),
                without: Vec::new(),
            };
            return Ok((view, standing));
        };
        let interval = cut.interval.unwrap_or_else(|| Interval::auto(since, until));
        let edges = interval.edges(since, until, &cut.zone).map_err(|error| {
            let longer = Interval::auto(since, until);
            // A longer one need not suffice, and where it was chosen here there is none.
            let suffices = longer != interval && longer.edges(since, until, &cut.zone).is_ok();
            let longer = if suffices { format!("for {longer} or ") } else { String::new() };
            let message = format!("{error} of {interval}; ask {longer}for a shorter time");
            invalid("interval", Code::InvalidFilter, &message)
        })?;
        let search = &self.trail.inner.search;
        let (found, cost) = search.histogram(&scope, &query, &edges, cut.by, Some(moment.as_of), budget)?;
        add(&mut standing.cost, &cost);
        let (mut series, mut others) = (found.series, found.others);
        for (_, counts) in series.drain(SERIES_MAX.min(series.len())..) {
            others.resize(counts.len(), 0);
            others.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        if cut.by.is_some_and(is_tenant) {
            for (number, _) in &mut series {
                *number = self.tenant_name(number);
            }
        } else if let Some(by) = cut.by.filter(|by| !is_spelt_as_it_is(*by)) {
            let (values, cost) =
                search.values(&scope, &query, by, "", series.len(), Some(moment.as_of), budget)?;
            add(&mut standing.cost, &cost);
            let spelt = self.spelt(by, &values.values, budget)?;
            for (term, _) in &mut series {
                if let Some(spelling) = spelt.get(term) {
                    term.clone_from(spelling);
                }
            }
        }
        let (buckets, without) = (found.buckets, found.without);
        Ok((HistogramView { interval, edges, buckets, series, others, without }, standing))
    }

    /// The range that the buckets cover, in microseconds: what the question says; else from the first match, and to the
    /// last, or to the question's now where it says since when. `None` where nothing says.
    fn range(
        &self,
        query: &Query,
        reach: &Reach,
        moment: &Moment,
        budget: &Budget,
        cost: &mut Cost,
    ) -> Result<Option<(i64, i64)>, ReadError> {
        let mut end = |direction, time, index| {
            let cursor = Some((SortKey { time, index }, direction));
            let wanted = PageRequest { reach, query, limit: 1, cursor, as_of: Some(moment.as_of) };
            let (page, looking) = self.trail.inner.search.page(&wanted, budget)?;
            add(cost, &looking);
            Ok::<_, ReadError>(page.hits.first().map(|hit| hit.time.as_micros()))
        };
        let range = match query.times() {
            (Some(since), Some(until)) => Some((since, until)),
            (since, until) => {
                let newest = end(Direction::Older, i64::MAX, u64::MAX)?;
                let first = match since {
                    Some(since) => Some(since),
                    None => end(Direction::Newer, i64::MIN, 0)?,
                };
                let past = newest.map(|newest| newest.saturating_add(1));
                let last = match (until, since) {
                    (Some(until), _) => Some(until),
                    (None, Some(_)) => past.max(Some(moment.now.as_micros())),
                    (None, None) => past,
                };
                first.zip(last)
            }
        };
        Ok(range.filter(|(since, until)| since < until))
    }

    /// The values of a field that begin with `prefix`, without case: the `limit` that most events have.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn values(
        &self,
        question: &Question,
        field: FacetField,
        prefix: &str,
        limit: usize,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<(ValuesView, Standing), ReadError> {
        let (moment, mut standing) = self.begin(question.as_of.as_deref(), now)?;
        let mut query = self.query(&question.filters, moment.now, now)?;
        let search = &self.trail.inner.search;
        let ask = |query: &Query, prefix| {
            search.values(&self.scope(), query, field, prefix, limit, Some(moment.as_of), budget)
        };
        if is_tenant(field) {
            if !prefix.is_empty() {
                query.narrow(self.tenants_beginning(prefix));
            }
            let (found, cost) = ask(&query, "")?;
            standing.cost = cost;
            return Ok((self.tenant_values(&found), standing));
        }
        let (found, cost) = ask(&query, prefix)?;
        standing.cost = cost;
        let mut spelt = self.spelt(field, &found.values, budget)?;
        let values = found.values.into_iter().map(|value| {
            let spelling = spelt.remove(&value.term).unwrap_or(value.term);
            (spelling, value.count)
        });
        let view = ValuesView { values: values.collect(), distinct: found.distinct, missing: found.missing };
        Ok((view, standing))
    }

    /// The tenants whose names of today begin with `prefix`, without case, since the index has numbers only. Some may be
    /// outside the reach, which is part of the plan all the same.
    fn tenants_beginning(&self, prefix: &str) -> TenantSet {
        let directory = self.trail.inner.control.directory();
        let named = directory.tenants().filter(|tenant| {
            let beginning = tenant.name.as_bytes().get(..prefix.len());
            beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(prefix.as_bytes()))
        });
        TenantSet::new(named.map(|tenant| tenant.number))
    }

    /// Values of the field that has numbers in the index, under the names of today.
    fn tenant_values(&self, found: &indelible_search::Values) -> ValuesView {
        let named = found.values.iter().map(|value| (self.tenant_name(&value.term), value.count));
        let mut values: Vec<_> = named.collect();
        values.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        ValuesView { values, distinct: found.distinct, missing: found.missing }
    }

    /// The name of the tenant with this number; the index has told numbers within the reach only.
    fn tenant_name(&self, number: &str) -> String {
        number.parse().ok().and_then(|number| self.name_of(number)).unwrap_or_else(|| number.to_owned())
    }

    /// Terms as their newest events spell them.
    fn spelt(
        &self,
        field: FacetField,
        values: &[indelible_search::Value],
        budget: &Budget,
    ) -> Result<HashMap<String, String>, ReadError> {
        let mut spelt = HashMap::new();
        if is_spelt_as_it_is(field) {
            return Ok(spelt);
        }
        // Neighbours in the ledger are packed together.
        let mut wanted: Vec<_> = values.iter().collect();
        wanted.sort_unstable_by_key(|value| value.newest.index);
        for part in wanted.chunks(RECORDS_AT_ONCE) {
            if budget.cancelled.is_cancelled() {
                return Err(ReadError::Cancelled);
            }
            if budget.deadline.is_some_and(|deadline| std::time::Instant::now() >= deadline) {
                return Err(ReadError::TooSlow);
            }
            let indices: Vec<u64> = part.iter().map(|value| value.newest.index).collect();
            for (value, stored) in part.iter().zip(self.trail.inner.ledger.records_at(&indices)?) {
                // Removed since the search found it: nobody spells it so any more.
                let Some(record) = stored.whole() else { continue };
                let found = spelling(field, &value.term, &self.view(&record));
                spelt.extend(found.map(|spelling| (value.term.clone(), spelling)));
            }
        }
        Ok(spelt)
    }
}
