//! What proves who somebody is: passwords, second factors, secrets of sessions and links, sealed settings,
//! and the throttling of guesses.
//!
//! Nothing here reads a clock or knows of users, tables or HTTP: callers bring the time and keep what is returned.
//! Randomness is the operating system's; one file is touched, that of the [`SealKey`]. The rules are those of NIST SP 800-63B
//! and OWASP ASVS 5 level 2, as far as they concern this crate. Invariant: no secret appears in a `Debug` output or
//! an error.
//!
//! | module | |
//! |---|---|
//! | `password` | hashing with Argon2id, and which passwords are refused |
//! | `totp`, `recovery` | the second factor, and the codes for when it is lost |
//! | `token` | random secrets of sessions and one-time links; CSRF tokens |
//! | `seal` | secrets that must be read again, encrypted at rest |
//! | `throttle` | how long somebody who guesses has to wait |
//! | `secret`, `error` | text that is not printed; why something failed |

mod error;
mod password;
mod recovery;
mod seal;
mod secret;
mod throttle;
mod token;
mod totp;

pub use error::IdentityError;
pub use password::{
    LENGTH_MAX, LENGTH_MIN, MEMORY_KIB, Password, PasswordHash, PasswordRefused, verify_nobody,
};
pub use recovery::{RECOVERY_CODES, RecoveryCode, find_recovery_code, new_recovery_codes};
pub use seal::{Purpose, SealKey};
pub use secret::SecretText;
pub use throttle::{Attempt, Bounds, Factor, Throttle, Wait};
pub use token::{CsrfToken, Digest, Link, LinkToken, Session, SessionToken, Token, TokenKind};
pub use totp::{TotpSecret, TotpStep};
