//! The commitment: how an entry holds an event to its content without showing it.
//!
//! Format: `docs/protocol/commitment.md`. The 16 random bytes of salt keep short content from being guessed once
//! content and salt are erased; the lengths keep envelope and body from trading bytes.

use std::fmt;

use indelible_merkle::Hash;
use sha2::{Digest as _, Sha256};

/// Bytes in a salt.
pub const SALT_LEN: usize = 16;

/// Keeps this hash from ever being one of another purpose; the zero byte ends it.
const DOMAIN: &[u8] = b"indelible/commitment/v1\0";

/// The random bytes in one event's commitment. As secret as the content; `Debug` leaves them out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; SALT_LEN]);

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(not shown)")
    }
}

/// Returns the commitment to these bytes of envelope and body under this salt.
pub fn commitment(salt: &Salt, envelope: &[u8], body: &[u8]) -> Hash {
    Sha256::new()
        .chain_update(DOMAIN)
        .chain_update(salt.0)
        .chain_update((envelope.len() as u64).to_be_bytes())
        .chain_update(envelope)
        .chain_update((body.len() as u64).to_be_bytes())
        .chain_update(body)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hashes_the_bytes_of_the_document() {
        let bytes = [
            b"indelible/commitment/v1\0".as_slice(),
            &[9; 16],
            &[0, 0, 0, 0, 0, 0, 0, 2],
            b"en",
            &[0, 0, 0, 0, 0, 0, 0, 3],
            b"bod",
        ];
        let expected: Hash = Sha256::digest(bytes.concat()).into();
        assert_eq!(commitment(&Salt([9; 16]), b"en", b"bod"), expected);
    }

    proptest! {
        #[test]
        fn changes_with_every_part(salt: [u8; 16], bytes in prop::collection::vec(any::<u8>(), 1..60), cut: prop::sample::Index, bit in 0..128usize) {
            let cut = cut.index(bytes.len());
            let (envelope, body) = bytes.split_at(cut);
            let whole = commitment(&Salt(salt), envelope, body);
            let mut other = salt;
            other[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(commitment(&Salt(other), envelope, body), whole);
            for moved in (0..=bytes.len()).filter(|moved| *moved != cut) {
                prop_assert_ne!(commitment(&Salt(salt), &bytes[..moved], &bytes[moved..]), whole);
            }
        }
    }
}
