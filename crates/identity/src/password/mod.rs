//! Passwords: how they are kept, and which ones are refused.

mod common;
mod hash;
mod policy;

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

pub use hash::{MEMORY_KIB, PasswordHash, verify_nobody};
pub use policy::{LENGTH_MAX, LENGTH_MIN, PasswordRefused};

/// A password as somebody typed it, in Unicode's normal form KC, so that it is the same from every keyboard.
///
/// Any text is one: whether it may be chosen is [`Self::check`]'s question. `Debug` shows `(secret)`. The time that
/// normalising and hashing take grows with the text, so callers bound its length with the body of the request.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The password that was typed as `typed`; nothing is trimmed.
    pub fn new(typed: &str) -> Self {
        // Reserve first: a string that grows leaves copies behind, which nothing wipes.
        let length = typed.nfkc().map(char::len_utf8).sum();
        let mut normal = Zeroizing::new(String::with_capacity(length));
        normal.extend(typed.nfkc());
        Self(normal)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
