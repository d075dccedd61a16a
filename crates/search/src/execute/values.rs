//! The values of a field among all matches, with their numbers of events and the newest of each.

use std::ops::Range;

use hashbrown::HashMap;

use crate::Hit;
use crate::answers::{Dimension, Value, Values};
use crate::budget::Meter;
use crate::error::SearchError;
use crate::split::Facet;
use crate::zone::{ZONE_DOCS, ZoneSet};

use super::collect::Collect;
use super::columns::{Columns, Part};
use super::ordinals::{ByOrdinal, Slot, of_part};
use super::{Execution, Failed};

impl Execution<'_, '_> {
    /// The `limit` values that most matches have, of those that begin with `prefix`.
    ///
    /// # Errors
    /// [`Failed`] when something can't be read, when the budget is used up, or with
    /// [`SearchError::TooManyValues`].
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
            most: self.values_max,
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
        let leaves = self.newest(&list)?;
        let value = |((term, found), index): ((String, Found), u64)| {
            let newest = Hit { index, time: indelible_event::Timestamp::from_micros(found.time) };
            Value { term, count: found.count, newest }
        };
        Ok(Values { values: list.into_iter().zip(leaves).map(value).collect(), distinct, missing })
    }

    /// The leaf index of the newest event of each; those of one zone are read together.
    fn newest(&self, list: &[(String, Found)]) -> Result<Vec<u64>, Failed> {
        let mut order: Vec<(usize, u32, usize)> =
            list.iter().enumerate().map(|(at, (_, found))| (found.part, found.doc, at)).collect();
        order.sort_unstable();
        let mut leaves = vec![0; list.len()];
        let mut of_zone = Vec::new();
        let same_zone = |a: &(usize, u32, usize), b: &(usize, u32, usize)| {
            (a.0, a.1 / ZONE_DOCS as u32) == (b.0, b.1 / ZONE_DOCS as u32)
        };
        for run in order.chunk_by(same_zone) {
            self.meter.check()?;
            let (part, doc, _) = run[0];
            self.leaves_of(part, doc / ZONE_DOCS as u32, &mut of_zone)?;
            run.iter().for_each(|(_, doc, at)| leaves[*at] = of_zone[*doc as usize % ZONE_DOCS]);
        }
        Ok(leaves)
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
    /// Values that are held at most.
    most: usize,
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
        let Self { dimension, prefix, all, of_part, most, .. } = self;
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
            at_most(*most, all.len())
        })
    }
}

/// Refuses to hold more values than are allowed.
///
/// # Errors
/// [`SearchError::TooManyValues`].
pub(super) fn at_most(max: usize, held: usize) -> Result<(), SearchError> {
    if held > max { Err(SearchError::TooManyValues { max }) } else { Ok(()) }
}
