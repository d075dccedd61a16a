//! What the `extra` line of our tlog-proofs holds: the entry and, while it is kept, what opens it but the body.
//!
//! Format: `docs/protocol/proof.md`. With it a tlog-proof and the event's original bytes are all that a verifier
//! needs. Nothing in it is believed: each part is checked against the hash that commits to it.

use crate::commitment::{SALT_LEN, Salt};
use crate::error::Error;

const VERSION: u8 = 1;

/// The contents of an extra line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofExtra {
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// Salt and the envelope's bytes; `None` once they were erased.
    pub opening: Option<(Salt, Vec<u8>)>,
}

impl ProofExtra {
    /// Returns the bytes: version 1, u16 length and bytes of the entry, and salt and envelope where there are.
    ///
    /// # Errors
    /// [`Error::MalformedExtra`] where the entry has more than 65,535 bytes, or an opening an empty envelope.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let len = u16::try_from(self.entry.len()).map_err(|_| Error::MalformedExtra)?;
        let mut bytes = vec![VERSION];
        bytes.extend(len.to_be_bytes());
        bytes.extend(&self.entry);
        if let Some((salt, envelope)) = &self.opening {
            if envelope.is_empty() {
                return Err(Error::MalformedExtra);
            }
            bytes.extend(salt.0);
            bytes.extend(envelope);
        }
        Ok(bytes)
    }

    /// Reads an extra line's bytes.
    ///
    /// # Errors
    /// [`Error::MalformedExtra`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        parse(bytes).ok_or(Error::MalformedExtra)
    }
}

fn parse(bytes: &[u8]) -> Option<ProofExtra> {
    let rest = bytes.strip_prefix(&[VERSION])?;
    let (len, rest) = rest.split_first_chunk()?;
    let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    let opening = match rest.split_first_chunk::<SALT_LEN>() {
        None if rest.is_empty() => None,
        Some((salt, envelope)) if !envelope.is_empty() => Some((Salt(*salt), envelope.to_vec())),
        _ => return None,
    };
    Some(ProofExtra { entry: entry.to_vec(), opening })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_is_cut() {
        let whole = ProofExtra { entry: vec![7; 99], opening: Some((Salt([8; 16]), vec![9])) };
        let bytes = whole.encode().unwrap();
        assert_eq!(bytes.len(), 1 + 2 + 99 + 16 + 1);
        for len in 0..bytes.len() {
            let got = ProofExtra::decode(&bytes[..len]);
            // Cut after the entry it is the form without an opening, and valid.
            assert_eq!(got.is_ok(), len == 102, "{len} bytes");
        }
        assert_eq!(ProofExtra::decode(&[&[2], &bytes[1..]].concat()), Err(Error::MalformedExtra));
        let empty = ProofExtra { entry: vec![7; 99], opening: Some((Salt([8; 16]), vec![])) };
        assert_eq!(empty.encode(), Err(Error::MalformedExtra));
        let long = ProofExtra { entry: vec![7; 65_536], opening: None };
        assert_eq!(long.encode(), Err(Error::MalformedExtra));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(entry in prop::collection::vec(any::<u8>(), 0..120), salt: [u8; 16], envelope in prop::option::of(prop::collection::vec(any::<u8>(), 1..80))) {
            let extra = ProofExtra { entry, opening: envelope.map(|envelope| (Salt(salt), envelope)) };
            prop_assert_eq!(ProofExtra::decode(&extra.encode().unwrap()), Ok(extra));
        }

        #[test]
        fn whatever_decodes_encodes_the_same(mut bytes in prop::collection::vec(any::<u8>(), 0..60), len in 0u8..40) {
            if bytes.len() > 2 {
                bytes[..3].copy_from_slice(&[1, 0, len]);
            }
            if let Ok(extra) = ProofExtra::decode(&bytes) {
                prop_assert_eq!(extra.encode(), Ok(bytes));
            }
        }
    }
}
