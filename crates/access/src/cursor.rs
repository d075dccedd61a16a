//! Sealed cursors: where a page ended, encrypted and bound to the query that it belongs to.
//!
//! XChaCha20-Poly1305 under a key of this installation; the digest of the query's filters is the associated data, so
//! a cursor for another query fails to open like one that was tampered with. The reach is not in it: it is computed
//! anew for whoever presents the cursor.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use indelible_event::Timestamp;

/// Where to go on, and as of when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Whether the page before (newer events) is meant.
    pub backward: bool,
    /// Time of the event at the page's end.
    pub time: Timestamp,
    /// Leaf index of the event at the page's end.
    pub index: u64,
    /// The listing ends before this leaf index, so that pages stay put while events arrive.
    pub as_of: u64,
    /// The instant that relative ranges of the query count from.
    pub now: Timestamp,
}

/// The text is not a cursor of this installation for this query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one for this query")]
pub struct InvalidCursor;

/// Seals and opens cursors.
#[derive(Clone)]
pub struct CursorSeal {
    cipher: XChaCha20Poly1305,
}

const VERSION: u8 = 1;
const NONCE_LEN: usize = 24;
/// version, direction, time, index, as_of, now
const PLAIN_LEN: usize = 1 + 1 + 8 + 8 + 8 + 8;

impl CursorSeal {
    /// A seal under the installation's 32-byte key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(&Key::from(*key)) }
    }

    /// Seals `cursor` for the query with this digest.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn seal(&self, cursor: &Cursor, query_digest: &[u8; 32]) -> Result<String, getrandom::Error> {
        let mut plain = [0u8; PLAIN_LEN];
        plain[0] = VERSION;
        plain[1] = u8::from(cursor.backward);
        plain[2..10].copy_from_slice(&cursor.time.as_micros().to_be_bytes());
        plain[10..18].copy_from_slice(&cursor.index.to_be_bytes());
        plain[18..26].copy_from_slice(&cursor.as_of.to_be_bytes());
        plain[26..34].copy_from_slice(&cursor.now.as_micros().to_be_bytes());
        let mut nonce = [0u8; NONCE_LEN];
        getrandom::fill(&mut nonce)?;
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: query_digest })
            .expect("34 bytes are far below the cipher's limit");
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// Opens a cursor for the query with this digest.
    ///
    /// # Errors
    /// [`InvalidCursor`] for anything that [`Self::seal`] did not make for this query.
    pub fn open(&self, text: &str, query_digest: &[u8; 32]) -> Result<Cursor, InvalidCursor> {
        // 24 + 34 + 16 bytes are 99 characters; longer texts are not worth decoding.
        if text.len() > 128 {
            return Err(InvalidCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(InvalidCursor)?;
        let plain = self
            .cipher
            .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: query_digest })
            .map_err(|_| InvalidCursor)?;
        let plain: [u8; PLAIN_LEN] = plain.try_into().map_err(|_| InvalidCursor)?;
        let word = |at: usize| {
            let bytes: [u8; 8] = plain[at..at + 8].try_into().expect("the slice has 8 bytes");
            u64::from_be_bytes(bytes)
        };
        let time = |at: usize| Timestamp::from_micros(word(at).cast_signed());
        match (plain[0], plain[1]) {
            (VERSION, direction @ (0 | 1)) => Ok(Cursor {
                backward: direction == 1,
                time: time(2),
                index: word(10),
                as_of: word(18),
                now: time(26),
            }),
            _ => Err(InvalidCursor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURSOR: Cursor = Cursor {
        backward: true,
        time: Timestamp::from_micros(-5),
        index: 7,
        as_of: 9,
        now: Timestamp::from_micros(11),
    };

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let seal = CursorSeal::new(&[1; 32]);
        let text = seal.seal(&CURSOR, &[2; 32]).unwrap();
        assert_eq!(seal.open(&text, &[2; 32]), Ok(CURSOR));
        assert_eq!(seal.open(&text, &[3; 32]), Err(InvalidCursor), "another query");
        assert_eq!(
            CursorSeal::new(&[4; 32]).open(&text, &[2; 32]),
            Err(InvalidCursor),
            "another installation"
        );
        for at in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                seal.open(std::str::from_utf8(&forged).unwrap(), &[2; 32]),
                Err(InvalidCursor),
                "byte {at}"
            );
            assert_eq!(seal.open(&text[..at], &[2; 32]), Err(InvalidCursor), "cut at {at}");
        }
        assert_eq!(seal.open(&"A".repeat(1_000_000), &[2; 32]), Err(InvalidCursor));
    }
}
