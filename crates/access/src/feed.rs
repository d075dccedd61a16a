//! The feed: every event within the reach, in the order of the ledger, none missing and none twice.
//!
//! A position is a place in that order. The reach is computed anew for each request: a tenant that comes within it is
//! delivered from the position on, one that leaves it no longer. So what a tenant had received before it came within
//! the reach is not delivered; [`FeedPage::reach_changed`] says that this may be, so that a collector can fetch it.
//! Leaf indices and the pace of others stay hidden: positions are sealed, and a page's work follows the caller's own
//! events, which the index finds without walking over the rest.

use indelible_event::{Code, Timestamp};
use indelible_search::{Budget, Query, Reach};
use sha2::{Digest, Sha256};

use crate::{
    EventView, Position, ReadError, ScopedReader, Standing,
    error::invalid,
    reader::{PAGE_BYTES_MAX, add},
};

/// Where a feed is.
#[derive(Clone, Copy, Debug)]
pub struct FeedPosition {
    index: u64,
    /// The mark of the reach that what lies before was delivered under; none where nothing was.
    reach: Option<u128>,
    reach_changed: bool,
}

/// The next events of a feed.
#[derive(Debug)]
pub struct FeedPage {
    /// In the order of the ledger.
    pub events: Vec<EventView>,
    /// Sealed position behind them.
    pub next: String,
    /// The same for the next call of this process.
    pub position: FeedPosition,
    /// Whether more is there already.
    pub more: bool,
    /// Whether the cursor was made under another reach: of tenants that came within it, what they had received before is
    /// not in this feed.
    pub reach_changed: bool,
    /// How complete.
    pub standing: Standing,
}

impl ScopedReader {
    /// The beginning of the feed, or the place where `after` was given.
    ///
    /// # Errors
    /// `Invalid` for a text that is no cursor of a feed, and for one of a trail that was longer than this, or other.
    pub fn feed_from(&self, after: Option<&str>) -> Result<FeedPosition, ReadError> {
        let Some(text) = after else {
            return Ok(FeedPosition { index: 0, reach: None, reach_changed: false });
        };
        let position = self.trail.inner.seal.open_position(text, &feed_digest()).map_err(|_| {
            invalid(
                "after",
                Code::InvalidCursor,
                "the cursor is not one of this feed; start again without it",
            )
        })?;
        self.check_trail(position.index, position.trail, "after")?;
        Ok(FeedPosition { index: position.index, reach: Some(position.reach), reach_changed: false })
    }

    /// The next `limit` events, fewer if there are no more yet or they are large.
    ///
    /// # Errors
    /// As [`Self::list`]; `RangeNotAllowed` for whoever may not ask about all times: a feed without what is too old would
    /// not be one in which nothing is missing.
    pub fn feed(
        &self,
        from: FeedPosition,
        limit: usize,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<FeedPage, ReadError> {
        if !self.range.is_unlimited() {
            return Err(ReadError::RangeNotAllowed(self.range.without_a_range(now)));
        }
        let inner = &self.trail.inner;
        let mut standing = self.standing(now);
        // One reach for what is found and for the mark: a change between the two must not go unnoticed.
        let scope = self.scope();
        let mark = |index| self.mark_of_reach(&scope, index);
        let reach_changed = from.reach_changed || from.reach.is_some_and(|reach| reach != mark(from.index));
        let (found, cost) =
            inner.search.ascending(&scope, &Query::all(), from.index..u64::MAX, limit, budget)?;
        add(&mut standing.cost, &cost);
        let views = self.views(&found.indices, PAGE_BYTES_MAX)?;
        let whole = views.read == found.indices.len();
        let index = if whole { found.through } else { found.indices[views.read] };
        let position = Position { index, reach: mark(index), trail: self.trail_before(index)? };
        Ok(FeedPage {
            next: inner.seal.seal_position(&position, &feed_digest()).map_err(ReadError::Randomness)?,
            more: !whole || views.read == limit,
            position: FeedPosition { index, reach: Some(position.reach), reach_changed },
            reach_changed,
            events: views.events.into_iter().map(|(_, event)| event).collect(),
            standing,
        })
    }

    /// Whether something within the reach may have arrived since the position; cheap, and never a wrong "no".
    pub fn may_follow(&self, position: FeedPosition) -> bool {
        self.has_from(position.index)
    }

    /// Whether an entry within the reach may stand at this leaf index or behind it.
    pub(crate) fn has_from(&self, index: u64) -> bool {
        let ledger = &self.trail.inner.ledger;
        match self.scope() {
            // Of a user's own events only the index knows: whoever asks it in vain goes on waiting.
            Reach::All | Reach::Oneself { .. } => ledger.durable_size() > index,
            Reach::Tenants(tenants) => {
                ledger.newest_of_tenants(tenants.as_slice()).is_some_and(|newest| newest >= index)
            }
        }
    }

    /// Tells one reach from another: a digest of the tenants within it that had a chain before `index`. Later ones can't
    /// have events before it. With them the user, where one's own events are within it.
    fn mark_of_reach(&self, scope: &Reach, index: u64) -> u128 {
        let Some(tenants) = scope.whole_tenants() else { return u128::MAX };
        let ledger = &self.trail.inner.ledger;
        let mut hash = Sha256::new();
        if let Reach::Oneself { user, .. } = scope {
            hash.update(user.0);
        }
        for tenant in tenants.as_slice() {
            if ledger.chain_of_tenant(*tenant).is_some_and(|chain| chain.opened_index < index) {
                hash.update(tenant.to_be_bytes());
            }
        }
        let digest: [u8; 32] = hash.finalize().into();
        u128::from_be_bytes(digest[..16].try_into().expect("the slice has 16 bytes"))
    }
}

/// What cursors of the feed are bound to.
fn feed_digest() -> [u8; 32] {
    Sha256::digest(b"indelible feed").into()
}
