//! Going over every match, part by part and zone by zone.

use crate::Direction;
use crate::budget::Meter;
use crate::error::SearchError;
use crate::zone::{Bounds, ZONE_DOCS, ZoneSet};

use super::columns::{Columns, Part};
use super::node::Node;
use super::unit::{BlockUnit, SplitUnit, Unit, blame};
use super::{Execution, Failed};

/// Adds up what it is shown.
pub(super) trait Collect {
    /// A part of the index begins.
    fn begin(&mut self, part: Part<'_>) -> Result<(), SearchError>;

    /// The matches of one zone of the part; at least one.
    fn zone(&mut self, columns: Columns<'_>, set: &ZoneSet) -> Result<(), SearchError>;

    /// The part ends. Parts come in the order of the ledger.
    fn end(&mut self, part: Part<'_>, meter: &mut Meter<'_>) -> Result<(), SearchError>;
}

impl Execution<'_, '_> {
    /// Shows all matches to `collector`.
    ///
    /// # Errors
    /// [`Failed`] when something can't be read, or when the budget is used up.
    pub(super) fn collect(&mut self, collector: &mut dyn Collect) -> Result<(), Failed> {
        let Self { units, bounds, meter, .. } = self;
        for (number, unit) in units.iter_mut().enumerate() {
            match unit {
                Unit::Split(unit) => {
                    let zones = split_zones(unit, bounds, meter)?;
                    let part = Part::Split(unit.split, number);
                    collector.begin(part).map_err(|error| blame(unit.split, error))?;
                    for zone in zones {
                        let set = unit.matches(zone, bounds, meter)?;
                        if !set.is_empty() {
                            meter.matched(set.len());
                            let columns = Columns::Split(unit.split, zone);
                            collector.zone(columns, &set).map_err(|error| blame(unit.split, error))?;
                        }
                    }
                    collector.end(part, meter).map_err(|error| blame(unit.split, error))?;
                }
                Unit::Block(unit) => collect_block(unit, number, bounds, meter, collector)?,
            }
        }
        Ok(())
    }

    /// The leaf indices of a zone of the part with this number.
    pub(super) fn leaves_of(&self, part: usize, zone: u32, out: &mut Vec<u64>) -> Result<(), Failed> {
        match &self.units[part] {
            Unit::Split(unit) => {
                Columns::Split(unit.split, zone).leaves(out).map_err(|error| blame(unit.split, error))
            }
            Unit::Block(unit) => Ok(Columns::Block(&unit.block.read()).leaves(out)?),
        }
    }
}

/// The zones of a split that can have matches within the bounds, ascending.
pub(super) fn split_zones(
    unit: &mut SplitUnit<'_>,
    bounds: &Bounds,
    meter: &mut Meter<'_>,
) -> Result<Vec<u32>, Failed> {
    let split = unit.split;
    let run = unit.run(bounds, meter)?;
    if matches!(run.node, Node::Nothing) {
        return Ok(Vec::new());
    }
    let lateness = unit.lateness(bounds, meter)?;
    let run = unit.run(bounds, meter)?;
    let zones = run.docs.div_ceil(ZONE_DOCS as u32);
    let has_some =
        |zone| lateness.is_none_or(|lateness| lateness.best(zone, bounds.time, Direction::Older).is_some());
    let meets = |zone: &u32| *zone < zones && bounds.meets(&split.zones[*zone as usize]) && has_some(*zone);
    Ok(match &run.zones {
        Some(few) => few.iter().filter(meets).collect(),
        None => (0..zones).filter(meets).collect(),
    })
}

fn collect_block(
    unit: &mut BlockUnit<'_>,
    number: usize,
    bounds: &Bounds,
    meter: &mut Meter<'_>,
    collector: &mut dyn Collect,
) -> Result<(), Failed> {
    let block = unit.block.read();
    let set = unit.matches(&block, bounds, meter)?;
    if !set.is_empty() {
        meter.matched(set.len());
        let part = Part::Block(&block, number);
        collector.begin(part)?;
        collector.zone(Columns::Block(&block), &set)?;
        collector.end(part, meter)?;
    }
    Ok(())
}
