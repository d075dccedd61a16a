//! The text form of an inclusion proof, checkpoint included: C2SP tlog-proof.
//!
//! Spec: <https://c2sp.org/tlog-proof>. The `extra` line is opaque here; `indelible-verify` says what we put there.
//! Invariant: whatever is read is written back byte for byte. Left out: cosignature policies.

use std::fmt;
use std::str::FromStr;

use crate::check::verify_inclusion;
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::hash::Hash;
use crate::key::VerifierKey;
use crate::note::{NOTE_BYTES_MAX, Note};
use crate::text::{decode_hash, encode_hash, from_base64, parse_decimal, to_base64};

/// A proof that the leaf at an index is in the tree of a checkpoint.
///
/// `Display` writes the text form, `FromStr` reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Opaque data beside the proof, covered by no signature. Empty data cannot be written and reads as none.
    pub extra: Option<Vec<u8>>,
    /// The leaf index.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling up to the root's child.
    pub hashes: Vec<Hash>,
    /// The signed note of the checkpoint, verbatim.
    pub checkpoint: String,
}

/// The first line: format and version.
const HEAD: &str = "c2sp.org/tlog-proof@v1";

/// Most hashes that the proof of a leaf in a tree of 64-bit size can have.
const HASHES_MAX: usize = 64;

/// Base64 characters above which the extra data is refused undecoded.
///
/// The largest that we write is 262,309 bytes (an entry, a salt, and an envelope of four full strings), which are
/// 349,748 characters; this leaves more than twice that.
const EXTRA_CHARS_MAX: usize = 1_000_000;

impl TlogProof {
    /// Checks that the leaf hash is in the tree of the proof's checkpoint and that one of `keys` signed that.
    ///
    /// # Errors
    /// Those of [`crate::verify_inclusion`] and [`Checkpoint::open`].
    pub fn verify(&self, leaf: &Hash, keys: &[VerifierKey]) -> Result<Checkpoint, Error> {
        self.verify_inclusion(leaf)?;
        Checkpoint::open(&self.checkpoint, keys)
    }

    /// Checks the way from the leaf hash to the checkpoint's root, believing the checkpoint.
    ///
    /// # Errors
    /// Those of [`crate::verify_inclusion`]; [`Error::MalformedNote`], [`Error::NoteTooLarge`],
    /// [`Error::MalformedCheckpoint`] or [`Error::EmptyTreeRoot`] where there is no checkpoint to believe.
    pub fn verify_inclusion(&self, leaf: &Hash) -> Result<(), Error> {
        let claimed = Checkpoint::parse(Note::parse(&self.checkpoint)?.text())?;
        verify_inclusion(leaf, self.index, claimed.size(), &self.hashes, claimed.root())
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        if let Some(extra) = self.extra.as_ref().filter(|extra| !extra.is_empty()) {
            writeln!(f, "extra {}", to_base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", encode_hash(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for TlogProof {
    type Err = Error;

    /// Reads the text form. The checkpoint must be a signed note; its signatures are not looked at.
    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = || Error::MalformedTlogProof;
        if text.len() > NOTE_BYTES_MAX + EXTRA_CHARS_MAX + HASHES_MAX * 45 + 100 {
            return Err(malformed());
        }
        let (head, checkpoint) = text.split_once("\n\n").ok_or_else(malformed)?;
        Checkpoint::parse(Note::parse(checkpoint)?.text())?;
        let (extra, index, hashes) = parse_head(head).ok_or_else(malformed)?;
        Ok(Self { extra, index, hashes, checkpoint: checkpoint.to_owned() })
    }
}

type Head = (Option<Vec<u8>>, u64, Vec<Hash>);

fn parse_head(head: &str) -> Option<Head> {
    let mut lines = head.split('\n').peekable();
    if lines.next()? != HEAD {
        return None;
    }
    let extra = match lines.peek()?.strip_prefix("extra ") {
        Some(text) => {
            lines.next();
            if text.is_empty() || text.len() > EXTRA_CHARS_MAX {
                return None;
            }
            Some(from_base64(text)?)
        }
        None => None,
    };
    let index = parse_decimal(lines.next()?.strip_prefix("index ")?)?;
    let mut hashes = Vec::new();
    for line in lines {
        if hashes.len() == HASHES_MAX {
            return None;
        }
        hashes.push(decode_hash(line)?);
    }
    Some((extra, index, hashes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::SigningKey;
    use crate::naive::{build, leaves};
    use crate::prove::inclusion_proof;

    fn log() -> SigningKey {
        SigningKey::from_seed("log", &[3; 32]).unwrap()
    }

    fn proof(index: u64, size: usize, extra: Option<&[u8]>) -> TlogProof {
        let (tree, tiles) = build(&leaves(size));
        let checkpoint = Checkpoint::new("log", tree.size(), tree.root()).unwrap().sign(&log()).unwrap();
        let hashes = inclusion_proof(&tiles, index, tree.size()).unwrap();
        TlogProof { extra: extra.map(<[u8]>::to_vec), index, hashes, checkpoint }
    }

    #[test]
    fn is_written_as_the_spec_has_it() {
        let one = proof(0, 1, None);
        assert_eq!(one.to_string(), format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{}", one.checkpoint));
        let two = proof(1, 2, Some(b"salt"));
        let sibling = encode_hash(&leaves(1)[0]);
        let text =
            format!("c2sp.org/tlog-proof@v1\nextra c2FsdA==\nindex 1\n{sibling}\n\n{}", two.checkpoint);
        assert_eq!(two.to_string(), text);
        assert_eq!(text.parse(), Ok(two));
    }

    #[test]
    fn verifies_its_leaf_under_its_key_only() {
        let keys = [log().verifier().clone()];
        let all = leaves(300);
        let proof = proof(258, 300, None);
        assert_eq!(proof.verify(&all[258], &keys).unwrap().size(), 300);
        assert_eq!(proof.verify(&all[257], &keys), Err(Error::InclusionMismatch));
        assert_eq!(proof.verify(&all[258], &[]), Err(Error::UnknownSigner));
        let moved = TlogProof { index: 257, ..proof.clone() };
        assert_eq!(moved.verify(&all[258], &keys), Err(Error::InclusionMismatch));
        let other = Checkpoint::new("log", 300, [5; 32]).unwrap().to_note_text();
        let signature = proof.checkpoint.rsplit_once("\n\n").unwrap().1;
        let swapped = TlogProof { checkpoint: format!("{other}\n{signature}"), ..proof };
        assert_eq!(swapped.verify(&all[258], &keys), Err(Error::InclusionMismatch));
    }

    #[test]
    fn refuses_malformed_texts() {
        let good = proof(2, 5, Some(b"x")).to_string();
        let hash = good.lines().nth(3).unwrap();
        for bad in [
            "".to_owned(),
            good.replace("@v1", "@v2"),
            good.replace("c2sp.org", " c2sp.org"),
            good.replace("extra eA==", "extra "),
            good.replace("extra eA==", "extra eA"),
            good.replace("extra eA==", "extra eB=="),
            good.replace("extra eA==", "extra  eA=="),
            good.replace("extra eA==", "extra eA==\nextra eA=="),
            good.replace("extra eA==\nindex 2\n", "index 2\nextra eA==\n"),
            good.replace("index 2", "index 02"),
            good.replace("index 2", "index"),
            good.replace("index 2\n", ""),
            good.replace("index 2", "Index 2"),
            good.replace(hash, &hash[4..]),
            good.replace(hash, &format!("{hash} ")),
            good.replace(hash, &[hash; HASHES_MAX].join("\n")),
            good.replacen("\n\n", "\n", 1),
            good.replacen("\n", "\r\n", 3),
        ] {
            assert!(bad.parse::<TlogProof>().is_err(), "{bad:?}");
        }
        assert_eq!(good.replace("\nlog\n", "\n\n").parse::<TlogProof>(), Err(Error::MalformedCheckpoint));
        assert_eq!(good.trim_end().parse::<TlogProof>(), Err(Error::MalformedNote));
        assert!(good.parse::<TlogProof>().is_ok());
    }

    proptest! {
        #[test]
        fn reading_undoes_writing(index: u64, extra in prop::option::of(prop::collection::vec(any::<u8>(), 1..200)), hashes in prop::collection::vec(any::<[u8; 32]>(), 0..=64), size in 1u64..) {
            let checkpoint = Checkpoint::new("log", size, [9; 32]).unwrap().sign(&log()).unwrap();
            let proof = TlogProof { extra, index, hashes, checkpoint };
            prop_assert_eq!(proof.to_string().parse(), Ok(proof));
        }

        #[test]
        fn whatever_is_read_is_written_the_same(head in "(c2sp.org/tlog-proof@v1\n)?(extra [A-Za-z0-9+/]{0,8}={0,2}\n)?(index [0-9]{0,3}\n)?([A-Za-z0-9+/]{43}=\n){0,2}", junk in "\\PC{0,3}") {
            let note = proof(0, 1, None).checkpoint;
            for text in [format!("{head}\n{note}"), format!("{head}{junk}\n{note}"), format!("{head}\n{note}{junk}")] {
                if let Ok(proof) = text.parse::<TlogProof>() {
                    prop_assert_eq!(proof.to_string(), text);
                }
            }
        }
    }
}
