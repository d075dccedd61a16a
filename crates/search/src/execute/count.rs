//! Exact counts: by what a split knows of its terms, from a cache, or by going over its zones.

use crate::budget::Meter;
use crate::query::Expr;
use crate::zone::Bounds;

use super::cache::{CountKey, PlanKey};
use super::collect::split_zones;
use super::unit::{SplitUnit, Unit};
use super::{Execution, Failed};

impl Execution<'_, '_> {
    /// The exact number of matches.
    ///
    /// # Errors
    /// [`Failed`] when something can't be read, or when the budget is used up.
    pub(crate) fn count(&mut self, plan: &Expr) -> Result<u64, Failed> {
        let Self { units, bounds, meter, moment, .. } = self;
        let plan = PlanKey::new(plan, moment.marks.moment());
        let mut total = 0;
        for unit in units {
            total += match unit {
                Unit::Block(unit) => {
                    let block = unit.block.read();
                    let found = unit.matches(&block, bounds, meter)?.len();
                    meter.matched(found);
                    u64::from(found)
                }
                Unit::Split(unit) => {
                    let key = plan.map(|plan| CountKey::new(unit.split, plan, bounds));
                    match key.as_ref().and_then(|key| moment.caches.count(key)) {
                        Some(count) => count,
                        None => {
                            let count = count_split(unit, bounds, meter)?;
                            key.into_iter().for_each(|key| moment.caches.keep_count(key, count));
                            count
                        }
                    }
                }
            };
        }
        Ok(total)
    }
}

fn count_split(unit: &mut SplitUnit<'_>, bounds: &Bounds, meter: &mut Meter<'_>) -> Result<u64, Failed> {
    let split = unit.split;
    let run = unit.run(bounds, meter)?;
    if run.docs == split.docs() && bounds.covers(&split.span) && run.node.is_exact() {
        return Ok(u64::from(run.node.most(split.docs())));
    }
    let mut count = 0;
    for zone in split_zones(unit, bounds, meter)? {
        let found = unit.matches(zone, bounds, meter)?.len();
        meter.matched(found);
        count += u64::from(found);
    }
    Ok(count)
}
