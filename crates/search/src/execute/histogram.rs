//! Matches by time, and by value of a field within that.

use hashbrown::{HashMap, HashSet};

use crate::answers::{Dimension, Histogram};
use crate::budget::Meter;
use crate::error::SearchError;
use crate::split::Facet;
use crate::zone::{ZONE_DOCS, ZoneSet};

use super::collect::Collect;
use super::columns::{Columns, Part};
use super::ordinals::{ByOrdinal, Slot};
use super::unit::Unit;
use super::values::at_most;
use super::{Execution, Failed};

impl Execution<'_, '_> {
    /// All matches by time, and by value of `by`.
    ///
    /// # Errors
    /// [`Failed`] when something can't be read, when the budget is used up, or with
    /// [`SearchError::TooManyValues`].
    pub(crate) fn histogram(&mut self, edges: &[i64], by: Option<Dimension>) -> Result<Histogram, Failed> {
        let [first, .., last] = edges else { return Ok(Histogram::default()) };
        // What lies in no bucket is not looked at.
        let time = &mut self.bounds.time;
        (time.since, time.until) = (time.since.max(*first), time.until.min(*last));
        let width = edges.len() - 1;
        let Some(dimension) = by else {
            let mut collector = Buckets::new(edges);
            self.collect(&mut collector)?;
            return Ok(Histogram { buckets: collector.counts, ..Histogram::default() });
        };
        let mut chosen = None;
        if self.values_at_most(dimension).saturating_mul(width as u64) > self.cells_max {
            let most = self.values(dimension, "", Histogram::SERIES_MAX)?;
            chosen = Some(most.values.into_iter().map(|value| value.term).collect());
        }
        let mut collector = Series {
            dimension,
            buckets: Buckets::new(edges),
            chosen,
            rows: ByOrdinal::default(),
            cells: Vec::new(),
            all: HashMap::new(),
            others: vec![0; width],
            without: vec![0; width],
            facet: Facet::default(),
            most: self.values_max,
        };
        self.collect(&mut collector)?;
        Ok(collector.finish())
    }

    /// No more values than this are in the parts that may match, even if none is in two of them.
    fn values_at_most(&self, dimension: Dimension) -> u64 {
        let of_unit = |unit: &Unit<'_>| match (unit, dimension) {
            (Unit::Split(unit), _) => u64::from(Part::Split(unit.split, 0).ordinals(dimension)),
            (Unit::Block(unit), Dimension::Field(field)) => {
                unit.block.read().dictionary().numbers(field, |_| true).len() as u64
            }
            (Unit::Block(unit), Dimension::Tenant) => unit.block.read().places.len() as u64,
        };
        self.units.iter().map(of_unit).sum()
    }
}

/// Counts by time.
struct Buckets<'q> {
    edges: &'q [i64],
    counts: Vec<u64>,
    times: Vec<i64>,
    /// The bucket of each document of the zone.
    of_doc: Vec<u32>,
}

impl<'q> Buckets<'q> {
    fn new(edges: &'q [i64]) -> Self {
        Self { edges, counts: vec![0; edges.len() - 1], times: Vec::new(), of_doc: Vec::new() }
    }

    /// The bucket of a time that lies in one.
    fn bucket(&self, time: i64) -> usize {
        self.edges.partition_point(|edge| *edge <= time).clamp(1, self.counts.len()) - 1
    }

    /// Finds the bucket of every document of the set.
    fn place(&mut self, columns: Columns<'_>, set: &ZoneSet) -> Result<(), SearchError> {
        let (first, last) = columns.span();
        let inside = self.edges.first() <= Some(&first) && Some(&last) < self.edges.last();
        let mut bucket = self.bucket(first);
        self.of_doc.clear();
        self.of_doc.resize(ZONE_DOCS, bucket as u32);
        if inside && bucket == self.bucket(last) {
            return Ok(());
        }
        let mut times = std::mem::take(&mut self.times);
        columns.times(&mut times)?;
        set.for_each(|doc| {
            // Neighbours mostly fall into the same one.
            if !(self.edges[bucket]..self.edges[bucket + 1]).contains(&times[doc]) {
                bucket = self.bucket(times[doc]);
            }
            self.of_doc[doc] = bucket as u32;
        });
        self.times = times;
        Ok(())
    }
}

impl Collect for Buckets<'_> {
    fn begin(&mut self, _: Part<'_>) -> Result<(), SearchError> {
        Ok(())
    }

    fn zone(&mut self, columns: Columns<'_>, set: &ZoneSet) -> Result<(), SearchError> {
        self.place(columns, set)?;
        let Self { counts, of_doc, .. } = self;
        set.for_each(|doc| counts[of_doc[doc] as usize] += 1);
        Ok(())
    }

    fn end(&mut self, _: Part<'_>, _: &mut Meter<'_>) -> Result<(), SearchError> {
        Ok(())
    }
}

/// Counts by time and value.
struct Series<'q> {
    dimension: Dimension,
    buckets: Buckets<'q>,
    /// The values that are told one by one, if that is known already.
    chosen: Option<HashSet<String>>,
    /// The row of each value met in the present part.
    rows: ByOrdinal<Row>,
    /// Rows of the present part, end to end.
    cells: Vec<u32>,
    all: HashMap<String, Vec<u64>>,
    others: Vec<u64>,
    without: Vec<u64>,
    facet: Facet,
    /// Values that are held at most.
    most: usize,
}

/// The number of a row, plus one.
#[derive(Clone, Copy, Default)]
struct Row(u32);

impl Slot for Row {
    fn is_new(&self) -> bool {
        self.0 == 0
    }
}

impl Series<'_> {
    /// The cells of the ordinal's row, which it gets now if it has none.
    fn row(&mut self, ordinal: u32) -> usize {
        let width = self.without.len();
        let row = self.rows.slot(ordinal);
        if row.is_new() {
            self.cells.resize(self.cells.len() + width, 0);
            row.0 = (self.cells.len() / width) as u32;
        }
        (row.0 as usize - 1) * width
    }
}

impl Collect for Series<'_> {
    fn begin(&mut self, part: Part<'_>) -> Result<(), SearchError> {
        self.rows.begin(part.ordinals(self.dimension));
        self.cells.clear();
        let mut known = Vec::new();
        for value in self.chosen.iter().flatten() {
            known.extend(part.find(self.dimension, value)?);
        }
        for ordinal in known {
            self.row(ordinal);
        }
        Ok(())
    }

    fn zone(&mut self, columns: Columns<'_>, set: &ZoneSet) -> Result<(), SearchError> {
        self.buckets.zone(columns, set)?;
        let mut facet = std::mem::take(&mut self.facet);
        columns.facet(self.dimension, set, &mut facet)?;
        set.for_each(|doc| {
            let bucket = self.buckets.of_doc[doc] as usize;
            let ordinals = facet.get(doc);
            self.without[bucket] += u64::from(ordinals.is_empty());
            for &ordinal in ordinals {
                if self.chosen.is_some() && self.rows.get(ordinal).is_none() {
                    self.others[bucket] += 1;
                } else {
                    let row = self.row(ordinal);
                    self.cells[row + bucket] += 1;
                }
            }
        });
        self.facet = facet;
        Ok(())
    }

    fn end(&mut self, part: Part<'_>, meter: &mut Meter<'_>) -> Result<(), SearchError> {
        let width = self.without.len();
        let Self { dimension, rows, cells, all, most, .. } = self;
        let met = rows
            .take()
            .into_iter()
            .map(|(ordinal, row)| (ordinal, &cells[(row.0 as usize - 1) * width..][..width]));
        // A chosen value may be in the part and in none of its matches.
        let met = met.filter(|(_, cells)| cells.iter().any(|cell| *cell != 0));
        part.texts(*dimension, met, |cells, text| {
            meter.term()?;
            let sums = all.entry_ref(text.as_ref()).or_insert_with(|| vec![0; width]);
            sums.iter_mut().zip(cells).for_each(|(sum, cell)| *sum += u64::from(*cell));
            at_most(*most, all.len())
        })?;
        meter.check()
    }
}

impl Series<'_> {
    fn finish(self) -> Histogram {
        let Self { all, mut others, without, buckets, .. } = self;
        let mut series: Vec<(u64, String, Vec<u64>)> =
            all.into_iter().map(|(text, sums)| (sums.iter().sum(), text, sums)).collect();
        series.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        for (_, _, sums) in series.drain(Histogram::SERIES_MAX.min(series.len())..) {
            others.iter_mut().zip(sums).for_each(|(other, sum)| *other += sum);
        }
        let series = series.into_iter().map(|(_, text, sums)| (text, sums)).collect();
        Histogram { buckets: buckets.counts, series, others, without }
    }
}
