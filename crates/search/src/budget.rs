//! What a query may cost, and what it did cost.
//!
//! Whoever asks gives a deadline and a flag to cancel by; the executor looks at both at every zone and every few
//! thousand terms, so a query ends within milliseconds of either. Invariant: a query that was stopped gives an error,
//! never part of an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::SearchError;
use crate::split::bytes_read;

/// Terms of a dictionary that are walked between two looks at the clock.
const TERMS_BETWEEN_LOOKS: u64 = 1_024;

/// How long a query may take.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    /// When it ends with [`SearchError::DeadlineExceeded`], if it has not ended before.
    pub deadline: Option<Instant>,
    /// Ends it with [`SearchError::Cancelled`] once cancelled, because nobody waits for the answer any more, say.
    pub cancelled: CancelFlag,
}

impl Budget {
    /// No deadline, and a flag that nobody else holds.
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// A deadline this far from now, and a flag that nobody else holds.
    pub fn within(time: Duration) -> Self {
        // A deadline that no clock can show is none.
        Self { deadline: Instant::now().checked_add(time), ..Self::default() }
    }

    fn check(&self) -> Result<(), SearchError> {
        if self.cancelled.is_cancelled() {
            return Err(SearchError::Cancelled);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(SearchError::DeadlineExceeded),
            _ => Ok(()),
        }
    }
}

/// A flag that ends queries. Clones are the same flag.
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Ends every query that has this flag, soon; there is no way back.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a query did.
///
/// Figures count what was looked at, whoever may see it: they are for operators, not for callers of a limited reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Splits in which something was looked up.
    pub splits: u32,
    /// Blocks of the tail in which something was looked up.
    pub blocks: u32,
    /// Zones of up to 1,024 events for which the conditions were evaluated.
    pub zones: u64,
    /// Events that matched in them.
    pub documents: u64,
    /// Terms that were looked up or walked over.
    pub terms: u64,
    /// Bytes read from files of splits, from the page cache or the disk.
    pub bytes_read: u64,
    /// From beginning to end.
    pub elapsed: Duration,
}

/// Counts what one query does, and stops it when its budget is used up.
pub(crate) struct Meter<'b> {
    budget: &'b Budget,
    began: Instant,
    bytes_before: u64,
    cost: Cost,
}

impl<'b> Meter<'b> {
    pub(crate) fn new(budget: &'b Budget) -> Self {
        Self { budget, began: Instant::now(), bytes_before: bytes_read(), cost: Cost::default() }
    }

    /// A part of the index is looked at.
    pub(crate) fn part(&mut self, is_split: bool) -> Result<(), SearchError> {
        if is_split {
            self.cost.splits += 1;
        } else {
            self.cost.blocks += 1;
        }
        self.budget.check()
    }

    /// A zone is about to be evaluated.
    pub(crate) fn zone(&mut self) -> Result<(), SearchError> {
        self.cost.zones += 1;
        self.budget.check()
    }

    /// This many events matched.
    pub(crate) fn matched(&mut self, documents: u32) {
        self.cost.documents += u64::from(documents);
    }

    /// A term was looked up or walked over.
    pub(crate) fn term(&mut self) -> Result<(), SearchError> {
        self.cost.terms += 1;
        if self.cost.terms.is_multiple_of(TERMS_BETWEEN_LOOKS) { self.budget.check() } else { Ok(()) }
    }

    /// The terms so far.
    pub(crate) fn terms(&self) -> u64 {
        self.cost.terms
    }

    /// Work that is neither a zone nor a term was done.
    pub(crate) fn check(&self) -> Result<(), SearchError> {
        self.budget.check()
    }

    /// What it came to.
    pub(crate) fn cost(&self) -> Cost {
        Cost {
            bytes_read: bytes_read().wrapping_sub(self.bytes_before),
            elapsed: self.began.elapsed(),
            ..self.cost
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_at_the_deadline_or_when_cancelled_and_else_never() {
        let unlimited = Budget::unlimited();
        let mut meter = Meter::new(&unlimited);
        for _ in 0..5_000 {
            meter.term().unwrap();
        }
        meter.zone().unwrap();
        meter.part(true).unwrap();
        let cost = meter.cost();
        assert_eq!((cost.terms, cost.zones, cost.splits, cost.blocks), (5_000, 1, 1, 0));
        let late = Budget::within(Duration::ZERO);
        assert!(matches!(Meter::new(&late).zone(), Err(SearchError::DeadlineExceeded)));
        let mut meter = Meter::new(&late);
        let walked = (0..5_000).take_while(|_| meter.term().is_ok()).count() as u64;
        assert_eq!(walked + 1, TERMS_BETWEEN_LOOKS);
        let cancelled = Budget::within(Duration::from_secs(3_600));
        let flag = cancelled.cancelled.clone();
        let mut meter = Meter::new(&cancelled);
        meter.zone().unwrap();
        flag.cancel();
        assert!(matches!(meter.zone(), Err(SearchError::Cancelled)));
        assert!(matches!(meter.check(), Err(SearchError::Cancelled)));
    }

    #[test]
    fn a_deadline_beyond_all_clocks_is_none() {
        assert_eq!(Budget::within(Duration::MAX).deadline, None);
    }
}
