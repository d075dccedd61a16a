//! What can go wrong with the index. None of it ever stops or loses an event: the ledger has them all.

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
        source: std::io::Error,
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
    /// A query names a tenant that was not resolved, so it must not run: the caller has to resolve names first.
    #[error("the query names tenants that were not resolved")]
    UnresolvedTenants,
    /// The query's deadline passed before it was answered.
    #[error("the query took longer than it may")]
    DeadlineExceeded,
    /// The query was cancelled.
    #[error("the query was cancelled")]
    Cancelled,
}

impl SearchError {
    /// Whether the same call may succeed later, once the index is rebuilt or the disk answers.
    pub fn retryable(&self) -> bool {
        !matches!(self, Self::UnresolvedTenants | Self::Cancelled)
    }

    /// For `map_err` on a file operation.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
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
