//! Following: events that match, as they become searchable, in the order of the ledger.
//!
//! Whoever follows holds a [`FollowPosition`] and asks for the next events again and again, so nothing waits in memory
//! for a slow reader. Where it is too slow to keep up, [`ScopedReader::skip`] goes to the end and counts exactly what
//! was passed over, between two cursors by which it can be fetched.

use indelible_event::{Code, Timestamp};
use indelible_search::{AskedTimes, Budget, Cost, Query};

use crate::{
    EventView, Position, ReadError, ScopedReader,
    error::invalid,
    reader::{Filters, add, query_digest},
};

/// Where a follower is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FollowPosition(u64);

/// What a stream's times count from.
#[derive(Clone, Copy, Debug)]
pub struct FollowTime {
    /// When it began: relative ranges stay where they were then.
    pub started: Timestamp,
    /// Now: what is older than the caller may ask about grows older with it.
    pub now: Timestamp,
}

/// An event, and the cursor behind it.
#[derive(Debug)]
pub struct Followed {
    /// The event.
    pub event: EventView,
    /// Where to go on after it.
    pub cursor: String,
}

/// The next events.
#[derive(Debug)]
pub struct FollowBatch {
    /// In the order of the ledger.
    pub events: Vec<Followed>,
    /// Behind them, and behind everything looked at.
    pub position: FollowPosition,
    /// Whether more may be there already.
    pub more: bool,
    /// What it cost.
    pub cost: Cost,
}

/// What was passed over.
#[derive(Debug)]
pub struct Skipped {
    /// Exactly so many events that match.
    pub count: u64,
    /// Cursor in front of them.
    pub after: String,
    /// Cursor behind them.
    pub before: String,
    /// Where to go on.
    pub position: FollowPosition,
    /// What it cost.
    pub cost: Cost,
}

/// Bytes of bodies in one batch, beside its first event: what one slow reader holds in memory.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// Events passed over that are counted at once: half a megabyte of indices.
const COUNTED_AT_ONCE: usize = 1 << 16;

impl ScopedReader {
    /// Everything that is acknowledged from now on lies behind this position.
    pub fn follow_from_now(&self) -> FollowPosition {
        FollowPosition(self.trail.inner.ledger.durable_size())
    }

    /// The position of a cursor of this query's stream, or of any answer's `as_of`. `parameter` names it in errors.
    ///
    /// # Errors
    /// `Invalid` for another text, and for a cursor of a trail that was longer than this, or other.
    pub fn follow_from(
        &self,
        filters: &Filters,
        text: &str,
        parameter: &str,
    ) -> Result<FollowPosition, ReadError> {
        let seal = &self.trail.inner.seal;
        let (index, trail) = seal
            .open_position(text, &query_digest(filters))
            .map(|position| (position.index, position.trail))
            .or_else(|_| seal.open_moment(text).map(|moment| (moment.as_of, moment.trail)))
            .map_err(|_| {
                let message = "the cursor is not one of this query's stream; start again without it";
                invalid(parameter, Code::InvalidCursor, message)
            })?;
        self.check_trail(index, trail, parameter)?;
        Ok(FollowPosition(index))
    }

    /// Whether something within the reach may have arrived since the position; cheap, and never a wrong "no".
    pub fn may_go_on(&self, position: FollowPosition) -> bool {
        self.has_from(position.0)
    }

    /// A cursor at `position`.
    ///
    /// # Errors
    /// `Randomness`; `Ledger` when it can't be read.
    pub fn follow_cursor(&self, filters: &Filters, position: FollowPosition) -> Result<String, ReadError> {
        let position = Position { index: position.0, reach: 0, trail: self.trail_before(position.0)? };
        let seal = &self.trail.inner.seal;
        seal.seal_position(&position, &query_digest(filters)).map_err(ReadError::Randomness)
    }

    /// Whether a stream of these filters may begin.
    ///
    /// # Errors
    /// `Invalid` for wrong filters; `RangeNotAllowed` where they name times that the caller may not ask about.
    pub fn check_follow(&self, filters: &Filters, now: Timestamp) -> Result<(), ReadError> {
        // What only comes in needs no beginning.
        let begins = filters.iter().any(|(name, _)| name == "since");
        let query = if begins { self.query(filters, now, now) } else { self.compile(filters, now) };
        query.map(|_| ())
    }

    /// What a stream shows: of what comes in, only what happened within a range that ends now and that the caller may ask
    /// about. A cursor may lie far back, and events may come in late.
    fn follow_query(&self, filters: &Filters, at: FollowTime) -> Result<Query, ReadError> {
        let mut query = self.compile(filters, at.started)?;
        if !self.range.is_unlimited() {
            let asked = AskedTimes::from_params(filters, at.started).map_err(ReadError::Invalid)?;
            query.narrow_times(self.range.followed_since(at.now, &asked.zone));
        }
        Ok(query)
    }

    /// The next events that match between two positions, at most `limit`.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn follow(
        &self,
        filters: &Filters,
        at: FollowTime,
        from: FollowPosition,
        until: Option<FollowPosition>,
        limit: usize,
        budget: &Budget,
    ) -> Result<FollowBatch, ReadError> {
        let query = self.follow_query(filters, at)?;
        let end = until.map_or(u64::MAX, |until| until.0);
        let range = from.0..end.max(from.0);
        let (found, cost) = self.trail.inner.search.ascending(&self.scope(), &query, range, limit, budget)?;
        let views = self.views(&found.indices, BATCH_BYTES_MAX)?;
        let whole = views.read == found.indices.len();
        let through = if whole { found.through } else { found.indices[views.read] };
        let more = !whole || views.read == limit;
        let cursor = |(index, event): (u64, EventView)| {
            let cursor = self.follow_cursor(filters, FollowPosition(index + 1))?;
            Ok::<_, ReadError>(Followed { event, cursor })
        };
        let events = views.events.into_iter().map(cursor).collect::<Result<_, _>>()?;
        Ok(FollowBatch { events, position: FollowPosition(through), more, cost })
    }

    /// Goes to the end, and counts what is passed over; the work follows what lies between.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn skip(
        &self,
        filters: &Filters,
        at: FollowTime,
        from: FollowPosition,
        budget: &Budget,
    ) -> Result<Skipped, ReadError> {
        let search = &self.trail.inner.search;
        let query = self.follow_query(filters, at)?;
        // One reach from the first event to the last: a change on the way must not make the count wrong.
        let scope = self.scope();
        let end = search.progress().indexed_size.max(from.0);
        let (mut count, mut through, mut cost) = (0, from.0, Cost::default());
        loop {
            let (found, counting) =
                search.ascending(&scope, &query, through..end, COUNTED_AT_ONCE, budget)?;
            add(&mut cost, &counting);
            count += found.indices.len() as u64;
            // Not further than the index has everything, so that none is passed over uncounted.
            through = found.through;
            if found.indices.len() < COUNTED_AT_ONCE {
                break;
            }
        }
        let position = FollowPosition(through);
        Ok(Skipped {
            count,
            after: self.follow_cursor(filters, from)?,
            before: self.follow_cursor(filters, position)?,
            position,
            cost,
        })
    }
}
