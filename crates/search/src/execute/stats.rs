//! Figures over all matches.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use crate::answers::{Dimension, Stats};
use crate::budget::Meter;
use crate::error::SearchError;
use crate::field::Field;
use crate::split::Facet;
use crate::zone::ZoneSet;

use super::collect::Collect;
use super::columns::{Columns, Part};
use super::distinct::{Distinct, Of};
use super::ordinals::ByOrdinal;
use super::{Execution, Failed};

/// The fields whose values are told with their events.
const FIELDS: [Field; 4] = [Field::ActionType, Field::ObjectCategory, Field::Outcome, Field::Severity];

impl Execution<'_, '_> {
    /// Adds up all matches.
    ///
    /// # Errors
    /// [`Failed`] when something can't be read, or when the budget is used up.
    pub(crate) fn stats(&mut self) -> Result<Stats, Failed> {
        let mut collector = Figures {
            total: 0,
            users: Distinct::new(Of::Users),
            domains: Distinct::new(Of::Domains),
            tenants: BTreeSet::new(),
            first: None,
            last: None,
            by: FIELDS.map(|field| Counts { field, of_part: ByOrdinal::default(), all: HashMap::new() }),
            of_part: ByOrdinal::default(),
            facet: Facet::default(),
            times: Vec::new(),
        };
        self.collect(&mut collector)?;
        let by = collector.by.into_iter().map(|counts| (counts.field.name(), counts.sorted()));
        Ok(Stats {
            total: collector.total,
            users: collector.users.count(),
            domains: collector.domains.count(),
            tenants: collector.tenants.len() as u64,
            first: collector.first,
            last: collector.last,
            by: by.collect::<BTreeMap<_, _>>(),
        })
    }
}

struct Figures {
    total: u64,
    users: Distinct,
    domains: Distinct,
    tenants: BTreeSet<u64>,
    first: Option<i64>,
    last: Option<i64>,
    by: [Counts; FIELDS.len()],
    of_part: ByOrdinal<u32>,
    facet: Facet,
    times: Vec<i64>,
}

/// Events by value of one field.
struct Counts {
    field: Field,
    of_part: ByOrdinal<u32>,
    all: HashMap<String, u64>,
}

impl Counts {
    /// Most events first, then by value.
    fn sorted(self) -> Vec<(String, u64)> {
        let mut list: Vec<(String, u64)> = self.all.into_iter().collect();
        list.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        list
    }
}

impl Collect for Figures {
    fn begin(&mut self, part: Part<'_>) -> Result<(), SearchError> {
        self.users.begin(part);
        self.domains.begin(part);
        self.of_part.begin(part.ordinals(Dimension::Tenant));
        for counts in &mut self.by {
            counts.of_part.begin(part.ordinals(Dimension::Field(counts.field)));
        }
        Ok(())
    }

    fn zone(&mut self, columns: Columns<'_>, set: &ZoneSet) -> Result<(), SearchError> {
        let Self { by, of_part, facet, times, .. } = self;
        self.total += u64::from(set.len());
        self.users.zone(columns, set)?;
        self.domains.zone(columns, set)?;
        for counts in by {
            columns.facet(Dimension::Field(counts.field), set, facet)?;
            count(facet, set, &mut counts.of_part);
        }
        columns.facet(Dimension::Tenant, set, facet)?;
        count(facet, set, of_part);
        // The times themselves are read only where they can make a difference.
        let (earliest, latest) = columns.span();
        let known =
            self.first.is_some_and(|first| first <= earliest) && self.last.is_some_and(|last| last >= latest);
        if !known {
            columns.times(times)?;
            set.for_each(|doc| {
                let time = times[doc];
                self.first = Some(self.first.map_or(time, |first| first.min(time)));
                self.last = Some(self.last.map_or(time, |last| last.max(time)));
            });
        }
        Ok(())
    }

    fn end(&mut self, part: Part<'_>, meter: &mut Meter<'_>) -> Result<(), SearchError> {
        self.users.end(part)?;
        self.domains.end(part)?;
        for (ordinal, _) in self.of_part.take() {
            self.tenants.insert(part.tenant(ordinal));
        }
        for counts in &mut self.by {
            let Counts { field, of_part, all } = counts;
            part.texts(Dimension::Field(*field), of_part.take(), |count, text| {
                meter.term()?;
                *all.entry_ref(text.as_ref()).or_default() += u64::from(count);
                Ok(())
            })?;
        }
        meter.check()
    }
}

/// Counts the values of the documents in `set`.
fn count(facet: &Facet, set: &ZoneSet, counts: &mut ByOrdinal<u32>) {
    set.for_each(|doc| {
        for &ordinal in facet.get(doc) {
            *counts.slot(ordinal) += 1;
        }
    });
}
