//! Everything that matches a question, in the order of the ledger: for files and reports.
//!
//! A walk is about one moment, frozen when it was asked for: what was received later is not in it, and relative ranges
//! count from then. Its reach is that of the reader that walks. It never steps over an entry that is not searchable yet.

use std::{collections::VecDeque, num::NonZero, sync::Arc, thread};

use indelible_control::TenantNumber;
use indelible_event::Timestamp;
use indelible_ledger::Record;
use indelible_search::{Budget, Query, Reach};

use crate::{EventView, Moment, ReadError, ScopedReader, reader::Filters};

/// A way through everything that matches.
pub struct Walk {
    query: Query,
    scope: Reach,
    /// Everything that matches before this leaf index was found.
    index: u64,
    end: u64,
    /// Found and not read.
    found: VecDeque<u64>,
}

/// An event on the way.
#[derive(Debug)]
pub struct Walked {
    /// The event as its reader sees it.
    pub view: EventView,
    /// The number of its tenant.
    pub tenant: TenantNumber,
    /// Whether it is within the reach for its reader's own sake, and not for its tenant's.
    pub as_oneself: bool,
    record: Arc<Record>,
}

impl Walked {
    /// The bytes as sent.
    pub fn original(&self) -> &[u8] {
        &self.record.body
    }
}

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// These events; never none.
    Events(Vec<Walked>),
    /// What follows is not searchable yet.
    Wait,
    /// That was all.
    End,
}

/// Leaf indices that are asked for at once; 512 KiB of them.
const INDICES_AT_ONCE: usize = 1 << 16;
/// Bytes of bodies that are read at once, beside the first one.
const BYTES_AT_ONCE: usize = 2 << 20;
/// Events that are worth a thread.
const EVENTS_OF_THREAD: usize = 64;
/// Threads that events are decoded in; the others are for ingest.
const THREADS_MAX: usize = 4;

impl ScopedReader {
    /// The moment that a walk is to be about, sealed: that of an answer, or this one with everything that is in the ledger.
    ///
    /// # Errors
    /// `Invalid` for a text that is no moment.
    pub fn moment(&self, as_of: Option<&str>, now: Timestamp) -> Result<String, ReadError> {
        if let Some(text) = as_of {
            return self.open_moment(text).map(|_| text.to_owned());
        }
        let as_of = self.trail.inner.ledger.durable_size();
        let moment = Moment { as_of, now, complete_through: now, trail: self.trail_before(as_of)? };
        self.trail.inner.seal.seal_moment(&moment).map_err(ReadError::Randomness)
    }

    /// The instant of a sealed moment: what relative ranges count from.
    ///
    /// # Errors
    /// `Invalid` for a text that is no moment.
    pub fn time_of(&self, as_of: &str) -> Result<Timestamp, ReadError> {
        self.open_moment(as_of).map(|moment| moment.now)
    }

    /// Begins a walk as of a sealed moment.
    ///
    /// # Errors
    /// `Invalid` for wrong filters, and for a text that is no moment of this trail; `RangeNotAllowed`.
    pub fn walk(&self, filters: &Filters, as_of: &str, now: Timestamp) -> Result<Walk, ReadError> {
        let moment = self.open_moment(as_of)?;
        let query = self.query(filters, moment.now, now)?;
        Ok(Walk { query, scope: self.scope(), index: 0, end: moment.as_of, found: VecDeque::new() })
    }

    /// Whether the reach is still what it was when the walk was begun: tenants move.
    pub fn walks_within(&self, walk: &Walk) -> bool {
        walk.scope == self.scope()
    }

    /// How many events a walk comes by, from its beginning to its end; `None` while they are not all searchable.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn walk_total(&self, walk: &Walk, budget: &Budget) -> Result<Option<u64>, ReadError> {
        let search = &self.trail.inner.search;
        if search.progress().indexed_size < walk.end {
            return Ok(None);
        }
        let (total, _) = search.count(&walk.scope, &walk.query, Some(walk.end), budget)?;
        Ok(Some(total))
    }

    /// The next events.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn walk_on(&self, walk: &mut Walk, budget: &Budget) -> Result<Step, ReadError> {
        let inner = &self.trail.inner;
        let (mut records, mut bytes) = (Vec::new(), 0);
        while records.is_empty() {
            while walk.found.is_empty() {
                if walk.index == walk.end {
                    return Ok(Step::End);
                }
                let range = walk.index..walk.end;
                let (found, _) =
                    inner.search.ascending(&walk.scope, &walk.query, range, INDICES_AT_ONCE, budget)?;
                if found.indices.is_empty() && found.through == walk.index {
                    return Ok(Step::Wait);
                }
                walk.index = found.through;
                walk.found = found.indices.into();
            }
            while let Some(index) = walk.found.front() {
                // What was removed since it was found is not there any more.
                if let Some(record) = inner.ledger.record(*index)?.whole() {
                    bytes += record.body.len();
                    if bytes > BYTES_AT_ONCE && !records.is_empty() {
                        break;
                    }
                    records.push(record);
                }
                walk.found.pop_front();
            }
        }
        Ok(Step::Events(self.walked(records, &walk.scope)))
    }

    fn walked(&self, records: Vec<Arc<Record>>, scope: &Reach) -> Vec<Walked> {
        let (directory, log) = (self.trail.inner.control.directory(), self.log());
        let one = |record: Arc<Record>| {
            let tenant = record.envelope.tenant_number;
            let decode = &*self.trail.inner.decode;
            let view = EventView::new(&record, decode, &directory, log.clone());
            Walked { view, tenant, as_oneself: !scope.contains(tenant), record }
        };
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX);
        let part = records.len().div_ceil(threads).max(EVENTS_OF_THREAD);
        let (mut records, mut parts) = (records.into_iter(), Vec::new());
        loop {
            let part: Vec<_> = records.by_ref().take(part).collect();
            if part.is_empty() {
                break;
            }
            parts.push(part);
        }
        let all = |part: Vec<Arc<Record>>| part.into_iter().map(one).collect::<Vec<_>>();
        if parts.len() < 2 {
            return parts.into_iter().flat_map(all).collect();
        }
        thread::scope(|scope| {
            let parts: Vec<_> = parts.into_iter().map(|part| scope.spawn(|| all(part))).collect();
            let join = |part: thread::ScopedJoinHandle<'_, Vec<Walked>>| match part.join() {
                Ok(events) => events,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            parts.into_iter().flat_map(join).collect()
        })
    }
}
