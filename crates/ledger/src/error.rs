//! What can go wrong, split by what a caller can do about it.
//!
//! [`StoreError`] is the answer of everything that touches the disk. It never turns a failed read into an
//! absent value: either the bytes are there and check, or the place and the reason are named here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indelible_verify::ChainId;

/// Opening, reading or checking a ledger failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory belongs to a running process.
    #[error("{} is locked by another process", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The operating system refused; trying again may help.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// Stored bytes contradict each other. The ledger does not start with, serve or repair such bytes.
    #[error("corrupt: {} at offset {offset}: {what}", file.display())]
    Corrupt {
        /// The damaged file.
        file: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What was expected and what was found.
        what: String,
    },
    /// A file was written by a newer program.
    #[error("{} has format version {found}, this program reads {known}", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The index asked for is not in the ledger.
    #[error("index {index} is not below the durable size {size}")]
    OutOfRange {
        /// The index or size asked for.
        index: u64,
        /// Entries that are durable.
        size: u64,
    },
    /// What was asked for can't be, whatever the disk does.
    #[error("{what}")]
    Refused {
        /// Why, in words.
        what: String,
    },
    /// The database of idempotency keys answered with an error.
    #[error("idempotency keys: {0}")]
    Replays(#[from] fjall::Error),
    /// The system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
}

/// Why [`crate::Ledger::open`] refused.
pub type OpenError = StoreError;
/// Why a read failed.
pub type ReadError = StoreError;
/// Why [`crate::check`] could not come to a verdict.
pub type CheckError = StoreError;

impl StoreError {
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    pub(crate) fn corrupt(file: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self::Corrupt { file: file.to_owned(), offset, what: what.into() }
    }

    /// The directory holds no ledger.
    pub(crate) fn no_ledger(manifest: &Path) -> Self {
        Self::corrupt(manifest, 0, "there is no manifest, so there is no ledger here")
    }

    /// Whether trying again later can succeed without anybody repairing anything.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Locked { .. } | Self::Io { .. } | Self::Random(_))
    }
}

/// Why nothing of a request was stored.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// The queue is full, or this tenant already holds its share of it.
    #[error("the queue is full, try again in {} ms", retry_after.as_millis())]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The disk is nearly full.
    #[error("{free_bytes} bytes are free on the ledger's disk, {min_free_bytes} are kept free")]
    Full {
        /// Bytes free now.
        free_bytes: u64,
        /// The configured floor.
        min_free_bytes: u64,
    },
    /// The request alone is larger than a queue or a frame may be.
    #[error("request of {bytes} bytes, at most {bytes_max} fit")]
    TooLarge {
        /// Bytes of the request.
        bytes: u64,
        /// The most that fits.
        bytes_max: u64,
    },
    /// No chain has this id.
    #[error("no chain {chain}")]
    UnknownChain {
        /// The id asked for.
        chain: ChainId,
    },
    /// The chain was closed by a chain-close entry.
    #[error("chain {chain} is closed")]
    ChainClosed {
        /// The closed chain.
        chain: ChainId,
    },
    /// The tenant already has an open chain.
    #[error("tenant {tenant_number} already writes to chain {chain}")]
    ChainExists {
        /// The tenant.
        tenant_number: u64,
        /// Its open chain.
        chain: ChainId,
    },
    /// An event breaks a rule of the stored format.
    #[error("event {position}: {what}")]
    Invalid {
        /// 0-based position in the request.
        position: usize,
        /// The rule, in words.
        what: String,
    },
    /// The same idempotency key came with another body before.
    #[error("the idempotency key was used with another body")]
    ReplayConflict,
    /// The ledger is closing or has failed; nothing further is stored.
    #[error("the ledger is closed")]
    Closed,
    /// Something that had to be read could not be read.
    #[error("{0}")]
    Store(#[source] Arc<StoreError>),
}

impl AppendError {
    /// Whether the same request can succeed later.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Full { .. } | Self::Closed)
    }
}

impl From<StoreError> for AppendError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}
