//! Requests that were taken and whose entries can't be read yet, by the times that these will bear.
//!
//! An entry's time of receipt is the stamp of its request, taken before the request waits for its turn and for the
//! disk. So whoever says that everything received up to some time was considered has to know the oldest stamp that is
//! still on its way. Invariant: a stamp is listed from the reading of the clock on, under one lock with it, until its
//! entries can be read or will never be.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::work::stamp;

/// The stamps on their way, and how many requests bear each.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    stamps: Mutex<BTreeMap<u64, usize>>,
}

/// A request's stamp; no longer on its way when dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    pending: Arc<Pending>,
    stamp_us: u64,
}

impl Pending {
    /// Stamps a request that is taken now.
    pub(crate) fn take(self: &Arc<Self>, clock: &dyn Clock) -> Ticket {
        let mut stamps = self.stamps.lock();
        // Under the lock: whoever looks later than this finds the stamp, and whoever looked before had an earlier time.
        let stamp_us = stamp(clock.now());
        *stamps.entry(stamp_us).or_default() += 1;
        Ticket { pending: Arc::clone(self), stamp_us }
    }

    /// The oldest stamp on its way, in microseconds since 1970.
    pub(crate) fn oldest_us(&self) -> Option<u64> {
        self.stamps.lock().first_key_value().map(|(stamp_us, _)| *stamp_us)
    }
}

impl Ticket {
    /// When the request was taken, in microseconds since 1970.
    pub(crate) fn stamp_us(&self) -> u64 {
        self.stamp_us
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut stamps = self.pending.stamps.lock();
        if let Some(count) = stamps.get_mut(&self.stamp_us) {
            *count -= 1;
            if *count == 0 {
                stamps.remove(&self.stamp_us);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> indelible_event::Timestamp {
            indelible_event::Timestamp::from_micros(7)
        }
    }

    #[test]
    fn a_stamp_is_listed_until_all_who_bear_it_are_done() {
        let pending = Arc::new(Pending::default());
        let (one, other) = (pending.take(&Stopped), pending.take(&Stopped));
        assert_eq!((one.stamp_us(), pending.oldest_us()), (7, Some(7)));
        drop(one);
        assert_eq!(pending.oldest_us(), Some(7));
        drop(other);
        assert_eq!(pending.oldest_us(), None);
    }
}
