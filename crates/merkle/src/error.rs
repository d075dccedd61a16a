//! What can be wrong with a proof, a note, a key or a path.

/// A proof that does not hold, or text that is not what it should be.
///
/// Every variant means "refused"; none means "could not be read" (see [`ReadError`]).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A leaf index at or above the tree size.
    #[error("leaf index {index} is not below the tree size {size}")]
    IndexOutOfRange {
        /// The leaf index asked for.
        index: u64,
        /// The tree size it must be below.
        size: u64,
    },
    /// A consistency proof from a larger to a smaller tree.
    #[error("tree size {from} is above the tree size {to}")]
    SizesOutOfOrder {
        /// The size that should be the older.
        from: u64,
        /// The size that should be the newer.
        to: u64,
    },
    /// A proof with too few or too many hashes for its index and sizes.
    #[error("proof has {got} hashes, expected {expected}")]
    ProofLength {
        /// Hashes in the proof.
        got: usize,
        /// Hashes that a proof for this index and size has.
        expected: usize,
    },
    /// The inclusion proof leads to another root than the checkpoint's.
    #[error("inclusion proof does not lead to the root")]
    InclusionMismatch,
    /// The consistency proof leads to another root than the older checkpoint's.
    #[error("consistency proof does not lead to the older root")]
    OlderRootMismatch,
    /// The consistency proof leads to another root than the newer checkpoint's.
    #[error("consistency proof does not lead to the newer root")]
    NewerRootMismatch,
    /// Not a C2SP tile path.
    #[error("tile path is malformed")]
    MalformedTilePath,
    /// An empty key name, or one with white space, a plus sign or a control character.
    #[error("key name is empty or has a character that key names must not have")]
    InvalidKeyName,
    /// Not a C2SP verifier key for Ed25519.
    #[error("verifier key is malformed")]
    MalformedVerifierKey,
    /// Not a signing key in its file form.
    #[error("signing key is malformed")]
    MalformedSigningKey,
    /// A key whose id is not the hash of its name and public key.
    #[error("key id does not belong to the key's name and public key")]
    KeyIdMismatch,
    /// Not a C2SP signed note.
    #[error("signed note is malformed")]
    MalformedNote,
    /// A note above [`crate::NOTE_BYTES_MAX`] or [`crate::NOTE_SIGNATURES_MAX`].
    #[error("signed note is too large")]
    NoteTooLarge,
    /// No signature on the note is by a key that we know.
    #[error("note has no signature by a known key")]
    UnknownSigner,
    /// A signature that claims a known key and is not by it.
    #[error("signature by {name} does not verify")]
    BadSignature {
        /// The key name on the signature line.
        name: String,
    },
    /// Not a C2SP checkpoint.
    #[error("checkpoint is malformed")]
    MalformedCheckpoint,
    /// A checkpoint of size 0 whose root is not that of the empty tree.
    #[error("checkpoint of the empty tree has another root than the empty tree's")]
    EmptyTreeRoot,
    /// A checkpoint of another log than the key's.
    #[error("checkpoint origin is not the name of the key that signed it")]
    OriginMismatch,
    /// A proof about a key of a map that is for another key, or leads to another root.
    #[error("map proof does not lead from the key to the root")]
    MapProof,
    /// Not a C2SP tlog-proof.
    #[error("tlog-proof is malformed")]
    MalformedTlogProof,
}

/// A proof could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError<E> {
    /// No such proof exists; nothing was read.
    #[error(transparent)]
    Refused(Error),
    /// A stored hash could not be read. It is never taken for absent or zero.
    #[error("stored hash could not be read")]
    Source(#[source] E),
}
