//! What can be wrong with evidence, and the step at which it showed.

use std::fmt;

use crate::entry::ENTRY_LEN;

/// Evidence that does not hold.
///
/// Every variant means "refused"; nothing here reads storage or a network, so none means "could not find out".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An entry that is not 99 bytes long.
    #[error("entry has {got} bytes, expected {ENTRY_LEN}")]
    EntryLength {
        /// Bytes given.
        got: usize,
    },
    /// An entry of a version that this code does not know.
    #[error("entry version {got} is not known")]
    EntryVersion {
        /// The version byte.
        got: u8,
    },
    /// A commitment made by an algorithm that this code does not know.
    #[error("commitment algorithm {got} is not known")]
    CommitmentAlgorithm {
        /// The algorithm byte.
        got: u8,
    },
    /// An envelope that ends too early.
    #[error("envelope ends within {field}")]
    EnvelopeTruncated {
        /// The field that is cut.
        field: &'static str,
    },
    /// An envelope with bytes after its last field.
    #[error("envelope has {extra} bytes too many")]
    EnvelopeTrailing {
        /// Bytes after the last field.
        extra: usize,
    },
    /// An envelope of a version that this code does not know.
    #[error("envelope version {got} is not known")]
    EnvelopeVersion {
        /// The version byte.
        got: u8,
    },
    /// A time source that this code does not know.
    #[error("time source {got} is not known")]
    TimeSource {
        /// The time source byte.
        got: u8,
    },
    /// A string in an envelope that is not UTF-8.
    #[error("{field} of the envelope is not valid utf-8")]
    EnvelopeUtf8 {
        /// The field.
        field: &'static str,
    },
    /// A string too long for an envelope.
    #[error("{field} has {len} bytes, an envelope holds 65535")]
    EnvelopeStringTooLong {
        /// The field.
        field: &'static str,
        /// Its length in bytes.
        len: usize,
    },
    /// A list with more than an envelope has numbers for.
    #[error("{count} {field}, an envelope holds 65535")]
    EnvelopeTooMany {
        /// What there are too many of.
        field: &'static str,
        /// How many.
        count: usize,
    },
    /// An envelope of the version that has people, without any.
    #[error("envelope of version 2 without people")]
    EnvelopeNobody,
    /// What is recorded of a person is more than this code knows.
    #[error("record of a person {got} is not known")]
    EnvelopeRecorded {
        /// The byte that says what is recorded.
        got: u8,
    },
    /// People, groups or roles in an envelope that do not ascend, or repeat.
    #[error("{field} of the envelope are not in order")]
    EnvelopeOrder {
        /// The list.
        field: &'static str,
    },
    /// Salt, envelope and body are not those that the entry commits to.
    #[error("salt, envelope and body do not give the entry's commitment")]
    CommitmentMismatch,
    /// The proof text cannot be read.
    #[error("proof cannot be read")]
    Proof(#[source] indelible_merkle::Error),
    /// The entry's leaf is not where the proof says.
    #[error("entry is not in the checkpoint's tree")]
    Inclusion(#[source] indelible_merkle::Error),
    /// The checkpoint is not signed by a trusted key.
    #[error("checkpoint is not trusted")]
    Checkpoint(#[source] indelible_merkle::Error),
    /// One checkpoint's tree is not a prefix of the other's.
    #[error("checkpoints are not consistent")]
    Consistency(#[source] indelible_merkle::Error),
    /// An entry of a chain that no chain-open entry has opened.
    #[error("entry of a chain that was not opened")]
    ChainNotOpened,
    /// A chain-open entry for a chain that is open already.
    #[error("chain was opened before")]
    ChainReopened,
    /// An entry that is not the chain's next.
    #[error("chain sequence is {got}, expected {expected}")]
    ChainSequence {
        /// The entry's tenant_seq.
        got: u64,
        /// The chain's next tenant_seq.
        expected: u64,
    },
    /// An entry that does not link to the entry of its chain before it.
    #[error("chain sequence {seq} does not link to the entry before it")]
    ChainLink {
        /// The entry's tenant_seq.
        seq: u64,
    },
    /// The extra line of a tlog-proof holds something else than an entry and its opening.
    #[error("extra data of the proof is malformed")]
    MalformedExtra,
    /// A proof bundle that is not the JSON that it should be.
    #[error("proof bundle is malformed: {reason}")]
    MalformedBundle {
        /// What the JSON reader said, or the field that does not hold what it should.
        reason: String,
    },
    /// A proof bundle that says two different things.
    #[error("{field} of the proof bundle differs from what is proven")]
    BundleMismatch {
        /// The field outside the proof.
        field: &'static str,
    },
}

/// The steps of a verification, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Reading the files given.
    Bundle,
    /// Reading the entry.
    Entry,
    /// Body, envelope and salt give the entry's commitment.
    Commitment,
    /// Reading the envelope.
    Envelope,
    /// The entry follows its chain's previous one.
    Chain,
    /// The entry's leaf hash leads to the checkpoint's root.
    Inclusion,
    /// The checkpoint is signed by a trusted key.
    Checkpoint,
    /// The older checkpoint's tree is a prefix of the newer's.
    Consistency,
}

impl Error {
    /// Returns the step that failed; the steps before it held.
    pub fn step(&self) -> Step {
        match self {
            Self::Proof(_)
            | Self::MalformedExtra
            | Self::MalformedBundle { .. }
            | Self::BundleMismatch { .. } => Step::Bundle,
            Self::EntryLength { .. } | Self::EntryVersion { .. } | Self::CommitmentAlgorithm { .. } => {
                Step::Entry
            }
            Self::CommitmentMismatch => Step::Commitment,
            Self::EnvelopeTruncated { .. }
            | Self::EnvelopeTrailing { .. }
            | Self::EnvelopeVersion { .. }
            | Self::TimeSource { .. }
            | Self::EnvelopeUtf8 { .. }
            | Self::EnvelopeStringTooLong { .. }
            | Self::EnvelopeTooMany { .. }
            | Self::EnvelopeNobody
            | Self::EnvelopeRecorded { .. }
            | Self::EnvelopeOrder { .. } => Step::Envelope,
            Self::ChainNotOpened
            | Self::ChainReopened
            | Self::ChainSequence { .. }
            | Self::ChainLink { .. } => Step::Chain,
            Self::Inclusion(_) => Step::Inclusion,
            Self::Checkpoint(_) => Step::Checkpoint,
            Self::Consistency(_) => Step::Consistency,
        }
    }
}

impl Step {
    /// Returns the step's name as the vectors and the command line spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Entry => "entry",
            Self::Commitment => "commitment",
            Self::Envelope => "envelope",
            Self::Chain => "chain",
            Self::Inclusion => "inclusion",
            Self::Checkpoint => "checkpoint",
            Self::Consistency => "consistency",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
