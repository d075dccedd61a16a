//! What can go wrong with the index. None of it ever stops or loses an event: the ledger has them all.

use std::io;
use std::path::PathBuf;

use crate::source::SourceError;

/// Opening, reading or writing the index failed.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A split contradicts the manifest; it is rebuilt from the ledger.
    #[error("split {split} is damaged: {what}")]
    Damaged {
        /// The split's name.
        split: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The ledger could not be read.
    #[error("cannot read the ledger")]
    Source(#[source] SourceError),
    /// The index was closed before a purge was done: what is left of it is to be hidden and purged again.
    #[error("the search index is being closed")]
    Closed,
    /// A query names a tenant that was not resolved, so it must not run: the caller has to resolve names first.
    #[error("the query names tenants that were not resolved")]
    UnresolvedTenants,
    /// What matches has more values of a field than can be held at once: a prefix or narrower conditions are needed.
    #[error("the events that match have more than {max} values of this field")]
    TooManyValues {
        /// The most that an answer is made of.
        max: usize,
    },
    /// The query's deadline passed before it was answered.
    #[error("the query took longer than it may")]
    DeadlineExceeded,
    /// The query was cancelled.
    #[error("the query was cancelled")]
    Cancelled,
}

impl SearchError {
    /// Whether a file of the index is lost or spoilt, so that it has to be made again from the ledger. Any other error
    /// says nothing against the file: too many open files, a disk that does not answer now.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Io { source, .. } => is_lost(source),
            _ => false,
        }
    }

    /// For `map_err` on a file operation.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// The whole chain of causes, for a log line or a status page.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

/// Whether what was to be read is not there, or ends too soon.
pub(crate) fn is_lost(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound, UnexpectedEof};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory | UnexpectedEof)
}
