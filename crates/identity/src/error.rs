//! Why something failed that has nothing to do with what a person typed.

use std::{io, path::PathBuf};

/// What a caller of this crate can run into; none of it names a secret.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The operating system gave no randomness; another try may succeed.
    #[error("the operating system gives no randomness")]
    Randomness(#[from] getrandom::Error),
    /// There was no memory to hash a password in; another try may succeed.
    #[error("no memory for hashing a password, {needed_kib} KiB are needed")]
    Memory {
        /// What the hash needs, in KiB.
        needed_kib: u32,
    },
    /// Something stored is not what this crate made.
    #[error("the stored {what} is damaged")]
    Damaged {
        /// What it should have been.
        what: &'static str,
    },
    /// A sealed value does not open: another key sealed it, or for another purpose or owner, or it was changed.
    #[error("the sealed value does not open with this key for this purpose and owner")]
    Unsealable,
    /// The key file can't be read, or not be made.
    #[error("can't use the key file {path}")]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What the operating system said; `NotFound` when there is no such file.
        #[source]
        source: io::Error,
    },
    /// Others than its owner may use the key file.
    #[error("the key file {path} has the mode {mode:04o}, expected 0600: others must not read it")]
    KeyFileOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file does not hold a key.
    #[error("the key file {path} does not hold exactly {expected} bytes")]
    KeyFileLength {
        /// The file.
        path: PathBuf,
        /// Length of a key in bytes.
        expected: usize,
    },
}
