//! The durable, ordered, provable trail: sequencer, WAL, content segments, checkpoints, recovery.
//!
//! The stored bytes are described in `docs/protocol/storage.md`, the hashed ones in `docs/protocol/entry.md` and
//! its neighbours. [`Ledger::open`] gives a [`LedgerWriter`] and a [`LedgerReader`]. Of a directory whose server is
//! stopped, [`Ledger::open_read_only`] gives a reader and [`check`] looks at everything; both leave it as it is.
//!
//! Invariant: what was answered is on disk and in the tree, and no damaged byte is ever served or cut away.
//!
//! | module | holds |
//! |---|---|
//! | `writer`, `pending`, `queue`, `work`, `threads` | requests on their way in, and the threads |
//! | `sequencer`, `recent`, `replays`, `chains` | order: ids, numbers, links |
//! | `committer`, `wal` | frames, made durable one at a time |
//! | `shared`, `read`, `reader`, `cache`, `status` | the durable state and reading it |
//! | `removing` | contents that go for ever |
//! | `keeper`, `content`, `tree`, `flat`, `leaf`, `ids`, `files` | what is written behind the WAL |
//! | `recover`, `follow`, `check` | opening, and checking everything against everything |

mod cache;
mod chains;
mod check;
mod clock;
mod codec;
mod committer;
mod config;
mod content;
mod disk;
mod error;
mod files;
mod flat;
mod follow;
mod ids;
mod keeper;
mod leaf;
mod pending;
mod queue;
mod read;
mod reader;
mod recent;
mod recover;
mod removing;
mod replays;
mod request;
mod sequencer;
mod shared;
mod status;
#[cfg(test)]
mod tests;
mod threads;
mod tree;
mod wal;
mod work;
mod writer;

pub use chains::ChainInfo;
pub use check::{CheckProblem, CheckProgress, CheckReport, check};
pub use clock::{Clock, ClockStep, SystemClock};
pub use config::LedgerConfig;
pub use error::{AppendError, CheckError, OpenError, ReadError, StoreError};
pub use reader::LedgerReader;
pub use request::{
    AppendRequest, ChainOpen, NewEvent, OnConflict, Outcome, Placed, Receipt, Record, Removal, RemovalDone,
    RemovedEntry, Replay, ReplayKey, SignedCheckpoint, Stored,
};
pub use status::LedgerStatus;
pub use work::{ID_BYTES_MAX, REPLAY_KEY_BYTES_MAX};
pub use writer::{Ledger, LedgerWriter};

/// How far [`Ledger::open`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenProgress {
    /// The WAL is being replayed and has given this many entries so far.
    Replaying {
        /// Entries so far, sealed ones included.
        size: u64,
    },
    /// The id index is being filled from the ledger.
    FillingIds {
        /// Entries done.
        done: u64,
        /// Entries in the ledger.
        size: u64,
    },
    /// Ready for ingest.
    Ready {
        /// Entries in the ledger.
        size: u64,
    },
}
