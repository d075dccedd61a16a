//! Sealed cursors: where a page, a feed or a stream ended, encrypted and bound to the query that it belongs to.
//!
//! XChaCha20-Poly1305 under a key of this installation; the digest of the query's filters is the associated data, so
//! a cursor for another query fails to open like one that was tampered with. The reach is computed anew for whoever
//! presents the cursor. All kinds have one length, and sealing the same place twice gives two texts, so that nobody
//! learns from them how far the log has grown.

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
    /// What the listing is about, so that pages stay put while events arrive.
    pub moment: Moment,
}

/// Where a feed or a stream ended, in the order of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Everything before this leaf index was delivered.
    pub index: u64,
    /// What the reach was, see [`crate::ScopedReader::feed`].
    pub reach: u128,
    /// The trail before `index`, see [`crate::ScopedReader::feed_from`].
    pub trail: u64,
}

/// A moment of the log: what had arrived, and what time it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Only entries before this leaf index.
    pub as_of: u64,
    /// The instant that relative ranges count from.
    pub now: Timestamp,
    /// Everything received up to then was searchable.
    pub complete_through: Timestamp,
    /// The trail before `as_of`, see [`crate::ScopedReader::feed_from`].
    pub trail: u64,
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

const PAGE: u8 = 1;
const POSITION: u8 = 2;
const MOMENT: u8 = 3;
const NONCE_LEN: usize = 24;
/// Numbers of a cursor; those that a kind does not need are 0.
const NUMBERS: usize = 6;
/// kind, direction, numbers
const PLAIN_LEN: usize = 1 + 1 + NUMBERS * 8;

/// What a cursor holds: its kind, a direction, and numbers.
type Plain = (u8, u8, [u64; NUMBERS]);

impl CursorSeal {
    /// A seal under the installation's 32-byte key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(&Key::from(*key)) }
    }

    /// Seals the end of a page of the query with this digest.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn seal(&self, cursor: &Cursor, query_digest: &[u8; 32]) -> Result<String, getrandom::Error> {
        let [as_of, now, through, trail] = cursor.moment.numbers();
        let numbers = [cursor.time.as_micros().cast_unsigned(), cursor.index, as_of, now, through, trail];
        self.seal_plain((PAGE, u8::from(cursor.backward), numbers), query_digest)
    }

    /// Opens the end of a page of the query with this digest.
    ///
    /// # Errors
    /// [`InvalidCursor`] for anything that [`Self::seal`] did not make for this query.
    pub fn open(&self, text: &str, query_digest: &[u8; 32]) -> Result<Cursor, InvalidCursor> {
        match self.open_plain(text, query_digest)? {
            (PAGE, direction @ (0 | 1), [time, index, as_of, now, through, trail]) => {
                let moment = Moment::of([as_of, now, through, trail]);
                Ok(Cursor { backward: direction == 1, time: instant(time), index, moment })
            }
            _ => Err(InvalidCursor),
        }
    }

    /// Seals a place in the feed or stream with this digest.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn seal_position(&self, position: &Position, digest: &[u8; 32]) -> Result<String, getrandom::Error> {
        let (high, low) = ((position.reach >> 64) as u64, position.reach as u64);
        let numbers = [position.index, high, low, position.trail, 0, 0];
        self.seal_plain((POSITION, 0, numbers), digest)
    }

    /// Opens a place in the feed or stream with this digest.
    ///
    /// # Errors
    /// [`InvalidCursor`] for anything that [`Self::seal_position`] did not make for it.
    pub fn open_position(&self, text: &str, digest: &[u8; 32]) -> Result<Position, InvalidCursor> {
        match self.open_plain(text, digest)? {
            (POSITION, 0, [index, high, low, trail, 0, 0]) => {
                Ok(Position { index, reach: u128::from(high) << 64 | u128::from(low), trail })
            }
            _ => Err(InvalidCursor),
        }
    }

    /// Seals a moment; it belongs to no query.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn seal_moment(&self, moment: &Moment) -> Result<String, getrandom::Error> {
        let [as_of, now, through, trail] = moment.numbers();
        self.seal_plain((MOMENT, 0, [as_of, now, through, trail, 0, 0]), &[0; 32])
    }

    /// Opens a moment.
    ///
    /// # Errors
    /// [`InvalidCursor`] for anything that [`Self::seal_moment`] did not make.
    pub fn open_moment(&self, text: &str) -> Result<Moment, InvalidCursor> {
        match self.open_plain(text, &[0; 32])? {
            (MOMENT, 0, [as_of, now, through, trail, 0, 0]) => Ok(Moment::of([as_of, now, through, trail])),
            _ => Err(InvalidCursor),
        }
    }

    fn seal_plain(
        &self,
        (kind, direction, numbers): Plain,
        bound_to: &[u8; 32],
    ) -> Result<String, getrandom::Error> {
        let mut plain = [0u8; PLAIN_LEN];
        (plain[0], plain[1]) = (kind, direction);
        for (at, number) in plain[2..].chunks_exact_mut(8).zip(numbers) {
            at.copy_from_slice(&number.to_be_bytes());
        }
        let mut nonce = [0u8; NONCE_LEN];
        getrandom::fill(&mut nonce)?;
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: bound_to })
            .expect("50 bytes are far below the cipher's limit");
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    fn open_plain(&self, text: &str, bound_to: &[u8; 32]) -> Result<Plain, InvalidCursor> {
        // 24 + 50 + 16 bytes are 120 characters; longer texts are not worth decoding.
        if text.len() > 128 {
            return Err(InvalidCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(InvalidCursor)?;
        let plain = self
            .cipher
            .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: bound_to })
            .map_err(|_| InvalidCursor)?;
        let plain: [u8; PLAIN_LEN] = plain.try_into().map_err(|_| InvalidCursor)?;
        let mut numbers = [0; NUMBERS];
        for (number, bytes) in numbers.iter_mut().zip(plain[2..].chunks_exact(8)) {
            *number = u64::from_be_bytes(bytes.try_into().expect("the chunk has 8 bytes"));
        }
        Ok((plain[0], plain[1], numbers))
    }
}

impl Moment {
    fn numbers(&self) -> [u64; 4] {
        let micros = |at: Timestamp| at.as_micros().cast_unsigned();
        [self.as_of, micros(self.now), micros(self.complete_through), self.trail]
    }

    fn of([as_of, now, through, trail]: [u64; 4]) -> Self {
        Self { as_of, now: instant(now), complete_through: instant(through), trail }
    }
}

fn instant(micros: u64) -> Timestamp {
    Timestamp::from_micros(micros.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURSOR: Cursor =
        Cursor { backward: true, time: Timestamp::from_micros(-5), index: 7, moment: MOMENT_9 };
    const MOMENT_9: Moment = Moment {
        as_of: 9,
        now: Timestamp::from_micros(11),
        complete_through: Timestamp::from_micros(-10),
        trail: u64::MAX,
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

    #[test]
    fn one_kind_is_never_taken_for_another_and_all_look_alike() {
        let seal = CursorSeal::new(&[1; 32]);
        let position = Position { index: 3, reach: u128::MAX - 7, trail: 13 };
        let moment = Moment { now: Timestamp::from_micros(-1), ..MOMENT_9 };
        let page = seal.seal(&CURSOR, &[0; 32]).unwrap();
        let place = seal.seal_position(&position, &[0; 32]).unwrap();
        let then = seal.seal_moment(&moment).unwrap();
        assert_eq!(seal.open_position(&place, &[0; 32]), Ok(position));
        assert_eq!(seal.open_moment(&then), Ok(moment));
        for text in [&place, &then] {
            assert_eq!(seal.open(text, &[0; 32]), Err(InvalidCursor));
        }
        for text in [&page, &then] {
            assert_eq!(seal.open_position(text, &[0; 32]), Err(InvalidCursor));
        }
        for text in [&page, &place] {
            assert_eq!(seal.open_moment(text), Err(InvalidCursor));
        }
        assert_eq!((page.len(), place.len()), (then.len(), then.len()));
        assert_ne!(then, seal.seal_moment(&moment).unwrap());
    }
}
