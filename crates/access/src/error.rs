//! Why a read gave no answer.

use indelible_control::Permission;
use indelible_event::{Code, Problem};
use indelible_search::SearchError;

use crate::OutOfRange;

/// Why a read gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The caller lacks a permission.
    #[error("the permission {0} is needed")]
    Forbidden(Permission),
    /// Nothing like that within the caller's reach.
    #[error("nothing found")]
    NotFound,
    /// The id is used in several tenants within the caller's reach; `tenant=` decides.
    #[error("the id is used by events of several tenants")]
    Ambiguous,
    /// The caller's roles do not allow so long a range, or one that lies so far back.
    #[error("your roles allow {}", .0.words)]
    RangeNotAllowed(OutOfRange),
    /// The request itself is wrong.
    #[error("the request has {} problems", .0.len())]
    Invalid(Vec<Problem>),
    /// The ledger could not be read. Not the same as "not found".
    #[error("the ledger could not be read")]
    Ledger(#[from] indelible_ledger::ReadError),
    /// It took longer than it may; a narrower question may be answered.
    #[error("the search took longer than it may")]
    TooSlow,
    /// What matches has more values of the field than an answer can be made of.
    #[error("the events that match have more than {max} values of this field")]
    TooManyValues {
        /// The most that an answer is made of.
        max: usize,
    },
    /// Nobody waits for the answer any more.
    #[error("the search was cancelled")]
    Cancelled,
    /// The index could not be asked.
    #[error("the index could not be asked")]
    Search(#[source] SearchError),
    /// A stored record does not encode again.
    #[error("a stored record is not what this version writes")]
    Format(#[from] indelible_verify::Error),
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(getrandom::Error),
}

impl From<SearchError> for ReadError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::DeadlineExceeded => Self::TooSlow,
            SearchError::Cancelled => Self::Cancelled,
            SearchError::TooManyValues { max } => Self::TooManyValues { max },
            error => Self::Search(error),
        }
    }
}

/// One problem with a parameter.
pub(crate) fn invalid(parameter: &str, code: Code, message: &str) -> ReadError {
    ReadError::Invalid(vec![Problem { code, field: parameter.to_owned(), message: message.to_owned() }])
}
