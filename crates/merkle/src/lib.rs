//! RFC 6962 hashes, C2SP tiles, proofs and signed notes.
//!
//! Pure: storage comes in as a [`TileSource`], randomness as a seed. Specs: RFC 6962 section 2.1,
//! <https://c2sp.org/tlog-tiles>, <https://c2sp.org/signed-note>, <https://c2sp.org/tlog-checkpoint>,
//! <https://c2sp.org/tlog-proof>. Left out on purpose: cosignatures and every signature type but Ed25519; their
//! lines are carried and ignored. Our own documents: `docs/protocol/`.
//!
//! | module | holds |
//! |---|---|
//! | [`hash`](leaf_hash) | leaf, node and empty-tree hashes |
//! | [`tile`](TileSource) | the stored levels, and C2SP tile paths |
//! | [`tree`](Tree) | the growing edge of the tree |
//! | [`prove`](inclusion_proof) | proofs read from stored levels |
//! | [`check`](verify_inclusion) | proofs checked with nothing but hashes |
//! | [`key`](SigningKey), [`note`](Note), [`checkpoint`](Checkpoint) | signed notes and what they say |
//! | [`map`](SparseMap) | a hash over values by key, with proofs |
//! | [`tlog_proof`](TlogProof) | the text form of an inclusion proof |

mod check;
mod checkpoint;
mod error;
mod hash;
mod key;
mod map;
mod note;
mod path;
mod prove;
mod text;
mod tile;
mod tlog_proof;
mod tree;

#[cfg(test)]
mod cross_check;
#[cfg(test)]
mod naive;

pub use check::{consistency_proof_len, inclusion_proof_len, verify_consistency, verify_inclusion};
pub use checkpoint::Checkpoint;
pub use error::{Error, ReadError};
pub use hash::{HASH_LEN, Hash, empty_root, leaf_hash, node_hash};
pub use key::{SigningKey, VerifierKey};
pub use map::{MapKey, MapProof, PathEnd, SparseMap};
pub use note::{NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX, Note, NoteSignature};
pub use path::TilePath;
pub use prove::{consistency_proof, inclusion_proof, root_at};
pub use text::{decode_hash, encode_hash};
pub use tile::{MemoryTiles, MissingHash, TILE_HEIGHT, TILE_WIDTH, TileSource, level_len, level_span};
pub use tlog_proof::TlogProof;
pub use tree::Tree;
