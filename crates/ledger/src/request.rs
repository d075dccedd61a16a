//! What is asked of the ledger and what it answers.

use std::sync::Arc;

use indelible_event::Timestamp;
use indelible_merkle::Hash;
use indelible_verify::{ChainId, Entry, Envelope, Kind, Salt};

/// Events to be stored in one durable step.
#[derive(Clone, Debug)]
pub struct AppendRequest {
    /// In the order in which they are to be numbered.
    pub events: Vec<NewEvent>,
    /// All or none: one conflict leaves every event out.
    pub atomic: bool,
    /// What becomes of an id that is taken by other bytes.
    pub on_conflict: OnConflict,
    /// The sender's `Idempotency-Key`, if there is one.
    pub replay: Option<ReplayKey>,
    /// Opaque bytes of the caller, given back with a replay.
    pub note: Vec<u8>,
}

/// What becomes of an event whose id is taken by an event with other bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// It is stored as `<id>~<8 hex digits of the SHA-256 of its body>`.
    Store,
    /// It is refused.
    Reject,
}

/// A sender's idempotency key, remembered for 24 hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayKey {
    /// Whose key space it is: the API key's id.
    pub owner: [u8; 16],
    /// The key as sent, at most [`crate::REPLAY_KEY_BYTES_MAX`] bytes.
    pub key: String,
    /// Digest of the request that it belongs to.
    pub digest: [u8; 32],
}

/// One event.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The tenant's chain.
    pub chain: ChainId,
    /// What the server vouches for. Where `time_source` is `Received`, the ledger sets `event_time_us` to the time
    /// received; everything else is stored as given, the id only changed for [`Outcome::Reused`].
    pub envelope: Envelope,
    /// Whether the sender chose the id. An id made by the server must be fresh and random; it is not looked up.
    pub id_given: bool,
    /// The event's bytes as sent.
    pub body: Vec<u8>,
}

/// A new chain.
#[derive(Clone, Debug)]
pub struct ChainOpen {
    /// The tenant's immutable number; 0 is the installation's own and already open.
    pub tenant_number: u64,
    /// The tenant's name.
    pub tenant_name: String,
    /// The tenant's UUID.
    pub tenant_uuid: [u8; 16],
    /// A JSON value kept as `details` in the chain-open body; empty for none.
    pub body: Vec<u8>,
}

/// Where an event is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its id, which differs from the one sent for [`Outcome::Reused`].
    pub id: String,
    /// Its leaf index, `seq` in the API.
    pub index: u64,
    /// Its number in its tenant's chain, from 0.
    pub tenant_seq: u64,
    /// When it was received.
    pub received_at: Timestamp,
}

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored under the id given.
    Stored(Placed),
    /// The id was taken by other bytes; stored under a derived id.
    Reused(Placed),
    /// These bytes were stored under this id before.
    Duplicate(Placed),
    /// The id is taken by other bytes and the request said to refuse that.
    Conflict {
        /// The id sent.
        id: String,
    },
    /// Left out because the request is atomic and another event conflicts.
    Skipped,
}

impl Outcome {
    /// Where the event is, if it is in the ledger.
    pub fn placed(&self) -> Option<&Placed> {
        match self {
            Self::Stored(placed) | Self::Reused(placed) | Self::Duplicate(placed) => Some(placed),
            Self::Conflict { .. } | Self::Skipped => None,
        }
    }
}

/// The answer to a request: everything in it is durable.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// One for each event, in order.
    pub outcomes: Vec<Outcome>,
    /// A checkpoint that covers every event stored or found.
    pub checkpoint: Arc<SignedCheckpoint>,
    /// The first request's note, where this one repeats its idempotency key.
    pub replayed: Option<Vec<u8>>,
}

/// A remembered idempotency key.
#[derive(Clone, Debug)]
pub enum Replay {
    /// The same request: its receipt, with `replayed` set.
    Same(Receipt),
    /// Another request used this key.
    Other,
}

/// A checkpoint with its signed note.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// Number of entries.
    pub size: u64,
    /// Root hash over them.
    pub root: Hash,
    /// The C2SP signed note.
    pub note: String,
}

/// One entry with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Leaf index.
    pub index: u64,
    /// What the leaf hashes.
    pub entry: Entry,
    /// The leaf's hash.
    pub leaf_hash: Hash,
    /// Salt of the commitment.
    pub salt: Salt,
    /// What the server vouches for.
    pub envelope: Envelope,
    /// The bytes as sent.
    pub body: Vec<u8>,
}

/// An entry whose content was removed: its place, its time and its proof stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedEntry {
    /// Leaf index.
    pub index: u64,
    /// What the leaf hashes.
    pub entry: Entry,
    /// The leaf's hash.
    pub leaf_hash: Hash,
    /// Leaf index of the entry that tells why.
    pub by: u64,
}

/// An entry as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// With its content.
    Whole(Arc<Record>),
    /// Without.
    Removed(Arc<RemovedEntry>),
}

impl Stored {
    /// Leaf index.
    pub fn index(&self) -> u64 {
        match self {
            Self::Whole(record) => record.index,
            Self::Removed(removed) => removed.index,
        }
    }

    /// What the leaf hashes.
    pub fn entry(&self) -> &Entry {
        match self {
            Self::Whole(record) => &record.entry,
            Self::Removed(removed) => &removed.entry,
        }
    }

    /// The leaf's hash.
    pub fn leaf_hash(&self) -> Hash {
        match self {
            Self::Whole(record) => record.leaf_hash,
            Self::Removed(removed) => removed.leaf_hash,
        }
    }

    /// Time received.
    pub fn received_at(&self) -> Timestamp {
        received_at(self.entry())
    }

    /// The entry with its content, unless that was removed.
    pub fn whole(self) -> Option<Arc<Record>> {
        match self {
            Self::Whole(record) => Some(record),
            Self::Removed(_) => None,
        }
    }
}

/// Content that is to go, for ever.
#[derive(Clone, Debug)]
pub struct Removal {
    /// Leaf index of the entry that tells why; durable already.
    pub by: u64,
    /// Leaf indices of the events, ascending, each once, all below `by`.
    pub indices: Vec<u64>,
    /// Kind of the entry that tells that it is done.
    pub kind: Kind,
    /// Its chain.
    pub chain: ChainId,
}

/// What a removal did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemovalDone {
    /// Entries that have lost their content by this removal, those of an earlier try included.
    pub removed: u64,
    /// Bytes of envelopes and bodies that went.
    pub content_bytes: u64,
    /// Content segments that were written again.
    pub segments: u64,
    /// Bytes on disk of these segments before.
    pub bytes_before: u64,
    /// And after.
    pub bytes_after: u64,
}

fn received_at(entry: &Entry) -> Timestamp {
    Timestamp::from_micros(i64::try_from(entry.received_at_us).unwrap_or(i64::MAX))
}

impl Record {
    /// Time received.
    pub fn received_at(&self) -> Timestamp {
        received_at(&self.entry)
    }

    /// Roughly the memory that the record takes, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        const FIXED: usize = 512;
        (FIXED + self.body.len() + self.envelope.event_id.len() + self.envelope.people.memory()) as u64
    }
}
