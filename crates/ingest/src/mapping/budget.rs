//! How much one record's mapping may compute.
//!
//! A mapping is uploaded by people and run over records of others: ten lists of ten lists are a few lines of it. The
//! measure is counted, never taken from a clock or an allocator, so that a record gives the same event whenever it is
//! read. Left out on purpose: what the record costs to be read at all, which its size bounds.
//!
//! Invariant: whatever makes or walks over something of a size pays for that size before, so that memory and time are at
//! most proportional to the budget.

use std::cell::Cell;

/// Units of every record: 16 Mi. A unit is about a byte made, or a nanosecond. Stored records are read with the same
/// budget again: another number means that records over it may read otherwise.
const UNITS_MIN: u64 = 16 << 20;

/// Units beside them for a byte of the record: at 1 MiB, the API's limit of an event, 112 Mi in all.
const UNITS_PER_BYTE: u64 = 96;

/// What a value costs, or a step of the computation: about the memory of a value with its place in a list.
pub(crate) const VALUE: usize = 64;

/// The units that are left of a record's budget.
#[derive(Debug)]
pub(crate) struct Budget {
    left: Cell<Option<u64>>,
    /// For what does not make the event.
    aside: Cell<Option<u64>>,
    is_aside: Cell<bool>,
}

impl Budget {
    /// For a record of this many bytes.
    pub(crate) fn of_record(bytes: usize) -> Self {
        let units = UNITS_MIN + UNITS_PER_BYTE.saturating_mul(bytes as u64);
        Self { left: Cell::new(Some(units)), aside: Cell::new(Some(units)), is_aside: Cell::new(false) }
    }

    /// Takes `units`; false where they are not there, now or before: then nothing may be made.
    pub(crate) fn spend(&self, units: usize) -> bool {
        let account = if self.is_aside.get() { &self.aside } else { &self.left };
        account.set(account.get().and_then(|left| left.checked_sub(units as u64)));
        account.get().is_some()
    }

    /// As [`Budget::spend`] for `count` things of `units` each.
    pub(crate) fn spend_each(&self, count: usize, units: usize) -> bool {
        self.spend(count.saturating_mul(units))
    }

    /// Whether something could not be paid for.
    pub(crate) fn is_spent(&self) -> bool {
        if self.is_aside.get() { self.aside.get().is_none() } else { self.left.get().is_none() }
    }

    /// Does what is only for telling which parts of the record are known. It has an account of its own: reading a stored
    /// record does without it, and must give the same event.
    pub(crate) fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.is_aside.replace(true);
        let result = work();
        self.is_aside.set(before);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_stays_over_and_what_is_aside_costs_the_event_nothing() {
        let budget = Budget::of_record(2);
        budget.aside(|| {
            assert!(budget.spend((16 << 20) + 192) && !budget.is_spent());
            assert!(!budget.spend(1) && budget.is_spent());
            budget.aside(|| assert!(budget.is_spent()));
            assert!(budget.is_spent());
        });
        assert!(!budget.is_spent());
        assert!(budget.spend(16 << 20) && budget.spend(192) && budget.spend(0));
        assert!(!budget.spend_each(usize::MAX, 2));
        assert!(!budget.spend(0) && budget.is_spent());
    }
}
