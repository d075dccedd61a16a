//! Principals, permissions and reach; `ScopedReader`, the only way to read events.
//!
//! The ledger's reader and the search index are handed to [`Trail`] at start and never leave it. What comes out of
//! a [`ScopedReader`] has passed the caller's reach, resolved from the tenant tree of that moment; an event outside
//! it is answered exactly like one that does not exist.
//!
//! | module | |
//! |---|---|
//! | `principal`, `trail` | who asks, and the one door |
//! | `range` | how far back, and how much at a time |
//! | `reader` | the reach, single events |
//! | `list`, `analysis`, `calendar`, `spelling` | pages; figures, by calendar, as they were spelt |
//! | `feed`, `follow`, `walk` | everything in order; what matches as it comes; what matches as of one moment, for files |
//! | `cursor`, `view`, `error` | sealed cursors, events as JSON, why there is no answer |

mod analysis;
mod calendar;
mod cursor;
mod error;
mod feed;
mod follow;
mod list;
mod principal;
mod range;
mod reader;
mod spelling;
mod trail;
mod view;
mod walk;

pub use analysis::{Cut, HistogramView, Question, SERIES_MAX, ValuesView};
pub use calendar::Interval;
pub use cursor::{Cursor, CursorSeal, InvalidCursor, Moment, Position};
pub use error::ReadError;
pub use feed::{FeedPage, FeedPosition};
pub use follow::{FollowBatch, FollowPosition, FollowTime, Followed, Skipped};
pub use indelible_control::INSTALLATION_NUMBER;
pub use list::{EventPage, ListRequest};
pub use principal::{Authenticator, Grant, Principal, PrincipalId, Sender};
pub use range::{OutOfRange, RangeLimits};
pub use reader::{Filters, ScopedReader, Single, Standing, tenants_named_in};
pub use trail::{LogReader, OwnEntries, OwnEntry, Trail};
pub use view::{Added, EventView, INSTALLATION, LOOKING, Recognised};
pub use walk::{Step, Walk, Walked};
