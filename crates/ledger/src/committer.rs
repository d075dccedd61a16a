//! The one writer of the WAL: write, sync, and only then sign and answer.
//!
//! A failed write or sync is final. Nobody knows what reached the disk, so the process ends at once and recovery
//! finds out; nothing is retried and nobody is answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::clock::Clock;
use crate::sequencer::Sequenced;
use crate::shared::{Shared, count};
use crate::wal::Wal;
use crate::work::{Reply, stamp};
use crate::{Receipt, StoreError};

/// Ends the process; in tests, marks the ledger dead.
pub(crate) type Fatal = Arc<dyn Fn(&StoreError) + Send + Sync>;

/// Ends the process without a core dump, which would hold events in the clear.
pub(crate) fn abort_process(error: &StoreError) {
    tracing::error!(%error, "the ledger cannot be written, ending the process");
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = rustix::process::setrlimit(rustix::process::Resource::Core, none) {
        tracing::warn!(%error, "core dumps could not be turned off");
    }
    std::process::abort();
}

/// Writes frames.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    wal: Wal,
    clock: Arc<dyn Clock>,
    fatal: Fatal,
}

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>, wal: Wal, clock: Arc<dyn Clock>, fatal: Fatal) -> Self {
        Self { shared, wal, clock, fatal }
    }

    #[cfg(test)]
    pub(crate) fn set_fatal(&mut self, fatal: Fatal) {
        self.fatal = fatal;
    }

    /// Makes a group durable and answers its requests. `false` when the ledger is dead and nothing must follow.
    pub(crate) fn commit(&mut self, sequenced: Sequenced) -> bool {
        let Sequenced { draft, group, replies } = sequenced;
        if self.shared.dead.load(Ordering::Acquire) {
            return false;
        }
        if let Some(draft) = draft {
            let durable = self.shared.durable_size();
            if self.shared.rotate.swap(false, Ordering::AcqRel) {
                self.wal.rotate();
            }
            let started = Instant::now();
            let published = self.wal.write(&draft, durable, stamp(self.clock.now())).and_then(|frame| {
                let counters = &self.shared.counters;
                count(&counters.sync_us, u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
                count(&counters.frames, 1);
                count(&counters.entries, u64::from(draft.count));
                count(&counters.frame_bytes, draft.frame_len());
                count(&counters.content_bytes, u64::from(draft.raw_len));
                self.shared.publish(frame, group, draft.root)
            });
            self.shared.wal_reserved.store(self.wal.reserved_bytes(), Ordering::Relaxed);
            if let Err(error) = published {
                self.shared.dead.store(true, Ordering::Release);
                (self.fatal)(&error);
                return false;
            }
        }
        let checkpoint = self.shared.view.read().checkpoint.clone();
        for Reply { ticket, answer: to, result } in replies {
            // Before the answer: whoever has it may ask at once how complete the trail is.
            drop(ticket);
            let answer = result.map(|(outcomes, replayed)| Receipt {
                outcomes,
                checkpoint: checkpoint.clone(),
                replayed,
            });
            // A sender that went away does not need its answer.
            let _ = to.send(answer);
        }
        true
    }
}
