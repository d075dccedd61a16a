//! What a sign-in needs until the user comes back, sealed for the browser's cookie.
//!
//! XChaCha20-Poly1305 under a key of this installation. The text is the browser's proof that it began the sign-in, so a
//! link with somebody else's code and state does nothing in it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use indelible_event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::OpenIdError;

/// How long a user may take at the provider, in seconds; also the cookie's age.
pub const PENDING_SECONDS: i64 = 600;

/// What is remembered of a sign-in.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) provider: String,
    pub(crate) issuer: String,
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
    pub(crate) redirect_uri: String,
    pub(crate) return_to: String,
    pub(crate) begun_us: i64,
}

impl Pending {
    /// Whether the user took too long. A sign-in from the future is as little of use.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        !(0..=PENDING_SECONDS * 1_000_000).contains(&now.as_micros().saturating_sub(self.begun_us))
    }
}

/// Keeps texts of other purposes under the same key from being taken for one of these.
const PURPOSE: &[u8] = b"indelible openid sign-in v1";
const NONCE_LEN: usize = 24;

/// Seals and opens.
pub(crate) struct PendingSeal {
    cipher: XChaCha20Poly1305,
}

impl PendingSeal {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(&Key::from(*key)) }
    }

    /// # Errors
    /// [`OpenIdError::Randomness`].
    pub(crate) fn seal(&self, pending: &Pending) -> Result<String, OpenIdError> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| OpenIdError::Randomness)?;
        let plain = serde_json::to_vec(pending).expect("texts and a number can be written as JSON");
        let payload = Payload { msg: &plain, aad: PURPOSE };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).expect("a short text can be sealed");
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// # Errors
    /// [`OpenIdError::NotBegun`] for anything that [`Self::seal`] did not make.
    pub(crate) fn open(&self, text: &str) -> Result<Pending, OpenIdError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| OpenIdError::NotBegun)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(OpenIdError::NotBegun)?;
        let payload = Payload { msg: sealed, aad: PURPOSE };
        let plain = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| OpenIdError::NotBegun)?;
        serde_json::from_slice(&plain).map_err(|_| OpenIdError::NotBegun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending() -> Pending {
        let text = |text: &str| text.to_owned();
        Pending {
            provider: text("staff"),
            issuer: text("https://login.example.com"),
            state: text("s"),
            nonce: text("n"),
            verifier: text("v"),
            redirect_uri: text("https://audit.example.com/back"),
            return_to: text("/search?q=ü"),
            begun_us: 1_000_000,
        }
    }

    #[test]
    fn opens_only_what_it_sealed() {
        let seal = PendingSeal::new(&[7; 32]);
        let text = seal.seal(&pending()).unwrap();
        assert_eq!(seal.open(&text).unwrap().return_to, "/search?q=ü");
        assert_ne!(seal.seal(&pending()).unwrap(), text);
        assert!(matches!(PendingSeal::new(&[8; 32]).open(&text), Err(OpenIdError::NotBegun)));
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(seal.open(&changed).is_err(), "{at}");
            assert!(seal.open(&text[..at]).is_err(), "{at}");
        }
        assert!(seal.open("täxt").is_err());
    }

    #[test]
    fn ends_after_ten_minutes() {
        let at = |us| Timestamp::from_micros(us);
        for (us, is_over) in
            [(1_000_000, false), (601_000_000, false), (601_000_001, true), (999_999, true), (i64::MIN, true)]
        {
            assert_eq!(pending().is_over(at(us)), is_over, "{us}");
        }
    }
}
