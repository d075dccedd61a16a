//! Event, proof and checkpoint in, verdict out: the formats that are hashed, and their offline check.
//!
//! One codec for the writer and the checker: the ledger writes with what is read here. Pure: no clock, no
//! storage, no network. Documents: `docs/protocol/`; vectors that pin every byte: `testdata/vectors/`.
//!
//! | module | holds |
//! |---|---|
//! | [`entry`](Entry) | the 99 bytes that a leaf hashes |
//! | [`envelope`](Envelope) | what the server adds to an event and vouches for |
//! | [`people`](People) | in it, the users whom the server recognised in the event |
//! | [`commitment`](commitment()) | how an entry commits to envelope and body without showing them |
//! | [`chain`](Chains) | gapless numbering and back links of each tenant's entries |
//! | [`evidence`](verify_event) | body, commitment, entry, leaf, inclusion, signature: step by step |
//! | [`bundle`](ProofBundle), [`extra`](ProofExtra) | the two forms in which a proof travels |

mod bundle;
mod chain;
mod commitment;
mod entry;
mod envelope;
mod error;
mod evidence;
mod extra;
mod people;

pub use bundle::ProofBundle;
pub use chain::{Chain, Chains};
pub use commitment::{SALT_LEN, Salt, commitment};
pub use entry::{ChainId, ENTRY_LEN, Entry, Kind};
pub use envelope::{ENVELOPE_FIXED_LEN, ENVELOPE_STRING_MAX, Envelope, Protocol};
pub use error::{Error, Step};
pub use evidence::{Evidence, Opening, Verdict, verify_checkpoints, verify_event, verify_tlog_proof};
pub use extra::ProofExtra;
pub use people::{Names, People, Person, Place, UserId};
