//! Principals, permissions and reach; `ScopedReader`, the only way to read events.
//!
//! The ledger's reader and the search index are handed to [`Trail`] at start and never leave it. What comes out of
//! a [`ScopedReader`] has passed the caller's reach, resolved from the tenant tree of that moment; an event outside
//! it is answered exactly like one that does not exist.

mod cursor;
mod principal;
mod reader;
mod trail;
mod view;

pub use cursor::{Cursor, CursorSeal, InvalidCursor};
pub use principal::{Authenticator, Principal};
pub use reader::{EventPage, ListRequest, ReadError, ScopedReader};
pub use trail::{LogReader, OwnEntries, OwnEntry, Trail};
pub use view::EventView;
