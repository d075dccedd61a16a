//! How somebody, or a tenant, did: successes, failures, when first and last, and from where.

use std::collections::HashMap;

use indelible_access::EventView;
use indelible_event::OutcomeResult;

use super::count::{BYTES_MAX, GROUPS_MAX};
use crate::shown::address;

/// Addresses that are named; of more only that there are more.
const ADDRESSES: usize = 8;

/// Counts for everybody.
#[derive(Default)]
pub(super) struct Tallies {
    by_name: HashMap<Box<str>, Tally>,
    /// Bytes of the names.
    bytes: usize,
    others: Tally,
}

/// The counts of one. Times are microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) successes: u64,
    pub(super) failures: u64,
    /// Of events that say neither.
    pub(super) unclear: u64,
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
    pub(super) last_success: Option<i64>,
    pub(super) last_failure: Option<i64>,
    addresses: Vec<Box<str>>,
    more_addresses: bool,
}

impl Tallies {
    pub(super) fn add(&mut self, name: &str, view: &EventView) {
        if let Some(tally) = self.by_name.get_mut(name) {
            return tally.add(view);
        }
        if self.by_name.len() == GROUPS_MAX || self.bytes + name.len() > BYTES_MAX {
            return self.others.add(view);
        }
        self.bytes += name.len();
        let mut tally = Tally::default();
        tally.add(view);
        self.by_name.insert(name.into(), tally);
    }

    /// Those with most events first, and those of all who found no place.
    pub(super) fn into_sorted(self) -> (Vec<(Box<str>, Tally)>, Tally) {
        let mut all: Vec<_> = self.by_name.into_iter().collect();
        all.sort_by(|a, b| b.1.total().cmp(&a.1.total()).then_with(|| a.0.cmp(&b.0)));
        (all, self.others)
    }
}

impl Tally {
    fn add(&mut self, view: &EventView) {
        let at = view.event.time.as_ref().map(|time| time.at.as_micros());
        let latest = |old: &mut Option<i64>| *old = (*old).max(at);
        match view.event.outcome.result {
            Some(OutcomeResult::Success) => {
                self.successes += 1;
                latest(&mut self.last_success);
            }
            Some(OutcomeResult::Failure | OutcomeResult::Denied) => {
                self.failures += 1;
                latest(&mut self.last_failure);
            }
            _ => self.unclear += 1,
        }
        latest(&mut self.last);
        self.first = match (self.first, at) {
            (Some(first), Some(at)) => Some(first.min(at)),
            (first, at) => first.or(at),
        };
        let Some(address) = address(&view.event) else { return };
        if self.addresses.iter().any(|known| **known == *address) {
            return;
        }
        // The host of a client can be a long text that somebody made up.
        if self.addresses.len() == ADDRESSES || address.len() > 255 {
            self.more_addresses = true;
        } else {
            self.addresses.push(Box::from(&*address));
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.successes + self.failures + self.unclear
    }

    pub(super) fn include(&mut self, other: &Self) {
        self.successes += other.successes;
        self.failures += other.failures;
        self.unclear += other.unclear;
    }

    pub(super) fn addresses(&self) -> String {
        let more = if self.more_addresses { ", and more" } else { "" };
        self.addresses.join(", ") + more
    }
}
