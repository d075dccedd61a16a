//! How many different ones there are, exactly: a bit each within a split, hashes across parts.

use crate::error::SearchError;
use crate::split::{Facet, Split};
use crate::tail::Block;
use crate::zone::ZoneSet;

use super::columns::{Columns, Part};

/// What is counted.
#[derive(Clone, Copy)]
pub(super) enum Of {
    Users,
    Domains,
}

/// Hashes that were met.
pub(super) struct Distinct {
    of: Of,
    /// In runs that are ascending, one for each part.
    hashes: Vec<u64>,
    /// The ordinals met in the present split.
    met: Vec<u64>,
    lists: Facet,
    /// Hashes that are kept before those that repeat are taken out.
    limit: usize,
}

/// The least number of hashes before those that repeat are taken out.
const RUNS_MAX: usize = 1 << 22;

impl Distinct {
    pub(super) fn new(of: Of) -> Self {
        Self { of, hashes: Vec::new(), met: Vec::new(), lists: Facet::default(), limit: RUNS_MAX }
    }

    pub(super) fn begin(&mut self, part: Part<'_>) {
        if let Part::Split(split, _) = part {
            let count = match self.of {
                Of::Users => split.user_count(),
                Of::Domains => split.domain_count(),
            };
            self.met.clear();
            self.met.resize(count.div_ceil(64) as usize, 0);
        }
    }

    pub(super) fn zone(&mut self, columns: Columns<'_>, set: &ZoneSet) -> Result<(), SearchError> {
        match columns {
            Columns::Split(split, zone) => {
                match self.of {
                    Of::Users => split.users(zone, &mut self.lists)?,
                    Of::Domains => split.domains(zone, &mut self.lists)?,
                }
                let Self { lists, met, .. } = self;
                set.for_each(|doc| {
                    for &ordinal in lists.get(doc) {
                        met[ordinal as usize / 64] |= 1 << (ordinal % 64);
                    }
                });
            }
            Columns::Block(block) => {
                let before = self.hashes.len();
                let lists = of_block(block, self.of);
                set.for_each(|doc| self.hashes.extend(lists.get(doc)));
                self.hashes[before..].sort_unstable();
            }
        }
        Ok(())
    }

    pub(super) fn end(&mut self, part: Part<'_>) -> Result<(), SearchError> {
        if let Part::Split(split, _) = part
            && self.met.iter().any(|word| *word != 0)
        {
            let hashes = of_split(split, self.of)?;
            for (at, word) in self.met.iter().enumerate() {
                let mut rest = *word;
                while rest != 0 {
                    self.hashes.push(hashes[at * 64 + rest.trailing_zeros() as usize]);
                    rest &= rest - 1;
                }
            }
        }
        self.thin();
        Ok(())
    }

    /// Takes out hashes that repeat, when they have doubled since the last time: so each is sorted a few times at most,
    /// however many parts there are.
    fn thin(&mut self) {
        if self.hashes.len() > self.limit {
            self.count();
            self.limit = RUNS_MAX.max(2 * self.hashes.len());
        }
    }

    /// The number of different ones.
    pub(super) fn count(&mut self) -> u64 {
        // A stable sort finds the ascending runs and merges them.
        self.hashes.sort();
        self.hashes.dedup();
        self.hashes.len() as u64
    }
}

fn of_block(block: &Block, of: Of) -> &crate::lists::Lists<u64> {
    match of {
        Of::Users => block.user_lists(),
        Of::Domains => block.domain_lists(),
    }
}

fn of_split(split: &Split, of: Of) -> Result<Vec<u64>, SearchError> {
    match of {
        Of::Users => split.user_hashes(),
        Of::Domains => split.domain_hashes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_different_ones_are_not_sorted_again_with_every_part() {
        let mut distinct = Distinct::new(Of::Users);
        distinct.hashes = (0..=RUNS_MAX as u64).rev().collect();
        distinct.thin();
        assert!(distinct.hashes.is_sorted());
        distinct.hashes.extend([0, 7]);
        distinct.thin();
        assert_eq!(distinct.hashes.last(), Some(&7), "left as it came");
        assert_eq!(distinct.count(), RUNS_MAX as u64 + 1);
    }
}
