//! The values of a field among all matches, with their numbers of events and the newest of each.

use std::ops::Range;

use hashbrown::HashMap;

use crate::Hit;
use crate::answers::{Dimension, Value, Values};
use crate::budget::Meter;
use crate::error::SearchError;
use crate::split::Facet;
use crate::zone::ZoneSet;

use super::collect::Collect;
use super::columns::{Columns, Part};
use super::ordinals::{ByOrdinal, Slot, of_part};
use super::{Execution, Failed};

impl Execution<'_, '_> {
    /// The `limit` values that most matches have, of those that begin with `prefix`.
    ///
    /// # Errors
    /// [`Failed`] when something can't be read, or when the budget is used up.
    pub(crate) fn values(
        &mut self,
        dimension: Dimension,
        prefix: &str,
        limit: usize,
    ) -> Result<Values, Failed> {
        let mut collector = Tally {
            dimension,
            prefix,
            wanted: 0..0,
            missing: 0,
            of_part: ByOrdinal::default(),
            all: HashMap::new(),
            facet: Facet::default(),
            times: Vec::new(),
        };
        self.collect(&mut collector)?;
        let (distinct, missing) = (collector.all.len() as u64, collector.missing);
        let mut list: Vec<(String, Found)> = collector.all.into_iter().collect();
        let order =
            |a: &(String, Found), b: &(String, Found)| b.1.count.cmp(&a.1.count).then_with(|| a.0.cmp(&b.0));
        if limit < list.len() {
            list.select_nth_unstable_by(limit, order);
            list.truncate(limit);
        }
        list.sort_unstable_by(order);
        let mut values = Vec::with_capacity(list.len());
        for (term, found) in list {
            self.meter.check()?;
            let index = self.leaf_of(found.part, found.doc)?;
            let newest = Hit { index, time: indelible_event::Timestamp::from_micros(found.time) };
            values.push(Value { term, count: found.count, newest });
        }
        Ok(Values { values, distinct, missing })
    }
}

struct Tally<'q> {
    dimension: Dimension,
    prefix: &'q str,
    /// The ordinals of the present part that begin so.
    wanted: Range<u32>,
    missing: u64,
    of_part: ByOrdinal<Newest>,
    all: HashMap<String, Found>,
    facet: Facet,
    times: Vec<i64>,
}

/// Events of a value in one part, and the newest of them.
#[derive(Clone, Copy, Default)]
struct Newest {
    count: u32,
    doc: u32,
    time: i64,
}

impl Slot for Newest {
    fn is_new(&self) -> bool {
        self.count == 0
    }
}

/// The same over all parts.
struct Found {
    count: u64,
    time: i64,
    part: usize,
    doc: u32,
}

impl Collect for Tally<'_> {
    fn begin(&mut self, part: Part<'_>) -> Result<(), SearchError> {
        self.of_part.begin(part.ordinals(self.dimension));
        self.wanted = of_part(part, self.dimension, self.prefix)?;
        Ok(())
    }

    fn zone(&mut self, columns: Columns<'_>, set: &ZoneSet) -> Result<(), SearchError> {
        let Self { facet, times, of_part, wanted, missing, .. } = self;
        columns.facet(self.dimension, set, facet)?;
        columns.times(times)?;
        let first = columns.first_doc();
        set.for_each(|doc| {
            let ordinals = facet.get(doc);
            *missing += u64::from(ordinals.is_empty());
            for ordinal in ordinals.iter().filter(|ordinal| wanted.contains(ordinal)) {
                let slot = of_part.slot(*ordinal);
                // Documents come in the order of the ledger, so of an equal time the later is the newer.
                if slot.is_new() || times[doc] >= slot.time {
                    (slot.time, slot.doc) = (times[doc], first + doc as u32);
                }
                slot.count += 1;
            }
        });
        Ok(())
    }

    fn end(&mut self, part: Part<'_>, meter: &mut Meter<'_>) -> Result<(), SearchError> {
        let Self { dimension, prefix, all, of_part, .. } = self;
        part.texts(*dimension, of_part.take(), |newest, text| {
            meter.term()?;
            if !text.starts_with(*prefix) {
                return Ok(());
            }
            let here = Found { count: 0, time: newest.time, part: part.number(), doc: newest.doc };
            let found = all.entry_ref(text.as_ref()).or_insert(here);
            found.count += u64::from(newest.count);
            // Parts come in the order of the ledger too.
            if newest.time >= found.time {
                (found.time, found.part, found.doc) = (newest.time, part.number(), newest.doc);
            }
            Ok(())
        })
    }
}
