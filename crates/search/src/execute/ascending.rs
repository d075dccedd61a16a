//! Matches in the order of the ledger, which is that of parts, zones and documents.

use std::ops::Range;

use crate::zone::ZONE_DOCS;

use super::collect::split_zones;
use super::unit::{Unit, blame};
use super::{Execution, Failed};

impl Execution<'_, '_> {
    /// The leaf indices of the first `limit` matches in `range`, ascending.
    ///
    /// # Errors
    /// [`Failed`] when something can't be read, or when the budget is used up.
    pub(crate) fn ascending(&mut self, range: Range<u64>, limit: usize) -> Result<Vec<u64>, Failed> {
        let Self { units, bounds, meter, .. } = self;
        let mut found = Vec::new();
        let mut leaves = Vec::new();
        for unit in units {
            let zones = match unit {
                Unit::Split(unit) if unit.split.meta.end <= range.start => continue,
                Unit::Split(unit) => {
                    let before =
                        unit.split.docs_before(range.start).map_err(|error| blame(unit.split, error))?;
                    let first = before / ZONE_DOCS as u32;
                    let mut zones = split_zones(unit, bounds, meter)?;
                    zones.drain(..zones.partition_point(|zone| *zone < first));
                    zones
                }
                Unit::Block(unit) if unit.block.read().end <= range.start => continue,
                Unit::Block(_) => vec![0],
            };
            for zone in zones {
                unit.visit(zone, bounds, meter, &mut |columns, set| {
                    columns.leaves(&mut leaves)?;
                    set.for_each(|doc| {
                        if range.contains(&leaves[doc]) {
                            found.push(leaves[doc]);
                        }
                    });
                    Ok(())
                })?;
                if found.len() >= limit {
                    found.truncate(limit);
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }
}
