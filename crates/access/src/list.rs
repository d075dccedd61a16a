//! Pages of events, newest first, and exact totals.

use indelible_event::{Code, Timestamp};
use indelible_search::{Budget, Direction, Hit, PageRequest, SortKey};

use crate::{
    Cursor, EventView, ReadError, ScopedReader, Standing,
    error::invalid,
    reader::{PAGE_BYTES_MAX, add, query_digest},
};

/// What to list.
#[derive(Clone, Debug)]
pub struct ListRequest {
    /// The filter parameters alone, in the caller's order.
    pub filters: Vec<(String, String)>,
    /// Events a page, 1 to 1,000.
    pub limit: usize,
    /// Go on after (older than) this cursor.
    pub after: Option<String>,
    /// Go back before (newer than) this cursor.
    pub before: Option<String>,
    /// List as of this sealed moment; cursors carry their own.
    pub as_of: Option<String>,
    /// Whether to count all that match.
    pub total: bool,
}

/// One page of events, newest first.
#[derive(Debug)]
pub struct EventPage {
    /// The events.
    pub events: Vec<EventView>,
    /// How many match in all, exactly, as of the first page.
    pub total: Option<u64>,
    /// Cursor of the next (older) page, if there is one.
    pub next: Option<String>,
    /// Cursor of the previous (newer) page, if there is one.
    pub prev: Option<String>,
    /// As of when, and how complete.
    pub standing: Standing,
}

impl ScopedReader {
    /// One page of events.
    ///
    /// # Errors
    /// `Invalid` for wrong filters or cursors; `RangeNotAllowed`; `TooSlow`, `Cancelled`; `Ledger`, `Search` when a store fails.
    pub fn list(
        &self,
        request: &ListRequest,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<EventPage, ReadError> {
        let inner = &self.trail.inner;
        let digest = query_digest(&request.filters);
        let given = [request.after.is_some(), request.before.is_some(), request.as_of.is_some()];
        if given.into_iter().filter(|given| *given).count() > 1 {
            let message = "give one of after, before and as_of; a cursor carries its own moment";
            return Err(invalid("before", Code::InvalidCursor, message));
        }
        let cursor = match (&request.after, &request.before) {
            (Some(text), _) => Some((self.open_cursor(text, &digest, "after")?, Direction::Older)),
            (None, Some(text)) => Some((self.open_cursor(text, &digest, "before")?, Direction::Newer)),
            (None, None) => None,
        };
        let (moment, mut standing) = match cursor {
            // Relative ranges stay where they were on the first page.
            Some((cursor, _)) => self.begin_at(Some(cursor.moment), now)?,
            None => self.begin(request.as_of.as_deref(), now)?,
        };
        let query = self.query(&request.filters, moment.now, now)?;
        let reach = self.scope();
        let wanted = PageRequest {
            reach: &reach,
            query: &query,
            limit: request.limit,
            cursor: cursor.map(|(cursor, direction)| {
                (SortKey { time: cursor.time.as_micros(), index: cursor.index }, direction)
            }),
            as_of: Some(moment.as_of),
        };
        let (mut page, mut cost) = inner.search.page(&wanted, budget)?;
        let backward = cursor.is_some_and(|(_, direction)| direction == Direction::Newer);
        // A page of very large events ends early, on the side away from its cursor.
        let mut indices: Vec<u64> = page.hits.iter().map(|hit| hit.index).collect();
        if backward {
            indices.reverse();
        }
        let views = self.views(&indices, PAGE_BYTES_MAX)?;
        let left_out = page.hits.len() - views.read;
        let mut events: Vec<_> = views.events.into_iter().map(|(_, event)| event).collect();
        if backward {
            page.hits.drain(..left_out);
            page.has_prev |= left_out > 0;
            events.reverse();
        } else {
            page.hits.truncate(views.read);
            page.has_next |= left_out > 0;
        }
        let total = if request.total {
            let (total, counting) = inner.search.count(&reach, &query, Some(moment.as_of), budget)?;
            add(&mut cost, &counting);
            Some(total)
        } else {
            None
        };
        let seal = |hit: Option<&Hit>, wanted: bool, backward: bool| match hit {
            Some(hit) if wanted => {
                let cursor = Cursor { backward, time: hit.time, index: hit.index, moment };
                inner.seal.seal(&cursor, &digest).map(Some).map_err(ReadError::Randomness)
            }
            _ => Ok(None),
        };
        let next = seal(page.hits.last(), page.has_next, false)?;
        let prev = seal(page.hits.first(), page.has_prev, true)?;
        standing.cost = cost;
        Ok(EventPage { events, total, next, prev, standing })
    }

    fn open_cursor(&self, text: &str, digest: &[u8; 32], parameter: &str) -> Result<Cursor, ReadError> {
        let opened = self.trail.inner.seal.open(text, digest).ok();
        let cursor = opened.filter(|cursor| cursor.backward == (parameter == "before")).ok_or_else(|| {
            invalid(
                parameter,
                Code::InvalidCursor,
                "the cursor is not one for this query; start again without it",
            )
        })?;
        self.check_trail(cursor.moment.as_of, cursor.moment.trail, parameter)?;
        Ok(cursor)
    }
}
