//! Random secrets that stand for a session or a one-time link, and the CSRF token of a session.
//!
//! A token is its prefix and 256 random bits in hexadecimal, like an API key. Its SHA-256 is stored: a slow hash would
//! only slow every request. The CSRF token follows from the session's secret, so nothing more is stored for it.

use std::{fmt, marker::PhantomData};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::{IdentityError, SecretText};

const RANDOM_LEN: usize = 32;

/// What a [`Token`] stands for. Only [`Session`] and [`Link`] are kinds.
pub trait TokenKind: sealed::Sealed {
    /// What the token's text begins with.
    const PREFIX: &'static str;
}

/// The kind of a session's token, `is_`.
#[derive(Clone, Copy, Debug)]
pub enum Session {}

/// The kind of a one-time link's token, `il_`: invitation, reset, first set-up.
#[derive(Clone, Copy, Debug)]
pub enum Link {}

/// A session's token, which its cookie holds.
pub type SessionToken = Token<Session>;

/// A one-time link's token, which its address holds.
pub type LinkToken = Token<Link>;

/// A secret of 256 random bits: prefix and 64 hexadecimal digits. `Debug` shows `(secret)`.
#[derive(Clone)]
pub struct Token<K> {
    text: SecretText,
    kind: PhantomData<K>,
}

/// SHA-256 of a secret with enough random bits: what is stored in its place. Comparing takes constant time.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

/// What a page sends back with every change to show that the request is its own. `Debug` shows `(secret)`.
#[derive(Clone, Debug)]
pub struct CsrfToken(SecretText);

impl TokenKind for Session {
    const PREFIX: &'static str = "is_";
}

impl TokenKind for Link {
    const PREFIX: &'static str = "il_";
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Session {}
    impl Sealed for super::Link {}
}

impl<K: TokenKind> Token<K> {
    /// A fresh token.
    ///
    /// # Errors
    /// [`IdentityError::Randomness`].
    pub fn generate() -> Result<Self, IdentityError> {
        let mut random = zeroize::Zeroizing::new([0; RANDOM_LEN]);
        getrandom::fill(&mut random[..])?;
        Ok(Self::of(&random))
    }

    /// The token that was presented as this text; `None` when it has not the form of this kind.
    pub fn parse(presented: &str) -> Option<Self> {
        let random = presented.strip_prefix(K::PREFIX)?.as_bytes();
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (random.len() == 2 * RANDOM_LEN && random.iter().all(is_digit))
            .then(|| Self { text: presented.to_owned().into(), kind: PhantomData })
    }

    /// The token's text, to be handed to whoever it is for, and to nobody else.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// What to store, and to look the token up by.
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.expose()).into())
    }

    fn of(random: &[u8; RANDOM_LEN]) -> Self {
        let mut text = String::with_capacity(K::PREFIX.len() + 2 * RANDOM_LEN);
        text.push_str(K::PREFIX);
        text.push_str(&zeroize::Zeroizing::new(hex::encode(random)));
        Self { text: text.into(), kind: PhantomData }
    }
}

impl SessionToken {
    /// The session's CSRF token: HMAC-SHA256 of `csrf` under the session token's text, in hexadecimal.
    pub fn csrf(&self) -> CsrfToken {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.expose().as_bytes()).expect("HMAC takes keys of any length");
        mac.update(b"csrf");
        CsrfToken(hex::encode(mac.finalize().into_bytes()).into())
    }
}

impl CsrfToken {
    /// The token's text, for the session's own page.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Returns whether `presented` is this token, in constant time.
    pub fn matches(&self, presented: &str) -> bool {
        self.expose().as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

impl Digest {
    /// The digest with these bytes, as stored.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, to be stored.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl ConstantTimeEq for Digest {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl<K> fmt::Debug for Token<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_are_random_and_say_their_kind() {
        let (session, link) = (SessionToken::generate().unwrap(), LinkToken::generate().unwrap());
        assert!(session.expose().starts_with("is_") && link.expose().starts_with("il_"));
        assert_eq!((session.expose().len(), link.expose().len()), (67, 67));
        assert_ne!(session.digest(), SessionToken::generate().unwrap().digest());
        assert_eq!(SessionToken::parse(session.expose()).unwrap().digest(), session.digest());
        assert!(LinkToken::parse(session.expose()).is_none() && SessionToken::parse(link.expose()).is_none());
        assert_eq!(
            format!("{session:?} {link:?} {:?}", session.csrf()),
            "(secret) (secret) CsrfToken((secret))"
        );
    }

    #[test]
    fn reads_only_what_it_writes() {
        let good = Token::<Session>::of(&[0xab; 32]).expose().to_owned();
        assert!(SessionToken::parse(&good).is_some());
        for presented in [
            "".to_owned(),
            "is_".to_owned(),
            good[3..].to_owned(),
            good[..66].to_owned(),
            format!("{good}0"),
            format!(" {good}"),
            good.to_uppercase(),
            good.replacen("ab", "AB", 1),
            good.replacen("ab", "g0", 1),
            good.replacen("ab", "é", 1),
            good.replacen("is_", "ik_", 1),
        ] {
            assert!(SessionToken::parse(&presented).is_none(), "{presented}");
        }
    }

    #[test]
    fn digests_and_csrf_tokens_are_what_the_docs_say() {
        // Made with `printf %s TOKEN | openssl dgst -sha256` and `printf csrf | openssl dgst -sha256 -hmac TOKEN`.
        let session = Token::<Session>::of(&[0; 32]);
        assert_eq!(
            hex::encode(session.digest().as_bytes()),
            "3bde859be96ff842983eec94b02b64c87f77877333c6409f9a58f2e8b2c9e025"
        );
        let csrf = session.csrf();
        assert_eq!(csrf.expose(), "15318ef95a36b8d8bdf8dd61eac771898285cd1376668828d7683084e48ee7dc");
        assert_eq!(format!("{:?}", session.digest()), hex::encode(session.digest().as_bytes()));
        assert!(csrf.matches(csrf.expose()));
        assert!(!csrf.matches("") && !csrf.matches(&csrf.expose()[1..]) && !csrf.matches(session.expose()));
        assert!(!csrf.matches(Token::<Session>::of(&[1; 32]).csrf().expose()));
    }

    proptest! {
        #[test]
        fn digests_are_equal_when_their_bytes_are(a in any::<[u8; 32]>(), place in 0_usize..32, by in 0_u8..=255) {
            let mut b = a;
            b[place] ^= by;
            prop_assert_eq!(Digest::from_bytes(a) == Digest::from_bytes(b), a == b);
        }

        #[test]
        fn every_token_is_read_again(random in any::<[u8; 32]>()) {
            let token = Token::<Link>::of(&random);
            prop_assert_eq!(LinkToken::parse(token.expose()).unwrap().digest(), token.digest());
        }
    }
}
