//! Checkpoints: the signed statement "this log has this many entries and this root".
//!
//! Spec: <https://c2sp.org/tlog-checkpoint>. Invariant: a `Checkpoint` can always be written as a note text and
//! read back equal; its origin and extension lines hold no newline and are not empty. Stricter than the spec in
//! two points: a checkpoint of size 0 must have the empty tree's root, and the origin must be the signing key's
//! name, so that one verifier key says both whom to believe and for which log.

use crate::error::Error;
use crate::hash::{Hash, empty_root};
use crate::key::{SigningKey, VerifierKey};
use crate::note::{Note, sign_note};
use crate::text::{decode_hash, encode_hash, parse_decimal};

/// What a log says about itself at one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// Returns the checkpoint of the log `origin` at `size` leaves, without extension lines.
    ///
    /// # Errors
    /// [`Error::MalformedCheckpoint`] for an origin that is empty or has a control character,
    /// [`Error::EmptyTreeRoot`] for a size of 0 with another root than the empty tree's.
    pub fn new(origin: impl Into<String>, size: u64, root: Hash) -> Result<Self, Error> {
        Self { origin: origin.into(), size, root, extensions: Vec::new() }.checked()
    }

    fn checked(self) -> Result<Self, Error> {
        let line = |line: &String| !line.is_empty() && !line.bytes().any(|byte| byte < 0x20);
        if !line(&self.origin) || !self.extensions.iter().all(line) {
            return Err(Error::MalformedCheckpoint);
        }
        if self.size == 0 && self.root != empty_root() {
            return Err(Error::EmptyTreeRoot);
        }
        Ok(self)
    }

    /// Returns the name of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the tree size: the number of entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the root hash.
    pub fn root(&self) -> &Hash {
        &self.root
    }

    /// Returns the extension lines, without their newlines. We write none and give no meaning to any.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Returns the note text: origin, size and root, each on a line.
    pub fn to_note_text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, encode_hash(&self.root));
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Reads a note text. Nobody vouches for it; see [`Checkpoint::open`].
    ///
    /// # Errors
    /// [`Error::MalformedCheckpoint`] or [`Error::EmptyTreeRoot`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let malformed = Error::MalformedCheckpoint;
        let mut lines = text.strip_suffix('\n').ok_or(malformed.clone())?.split('\n');
        let mut next = || lines.next().ok_or(malformed.clone());
        let (origin, size, root) = (next()?.to_owned(), next()?, next()?);
        let size = parse_decimal(size).ok_or(malformed.clone())?;
        let root = decode_hash(root).ok_or(malformed)?;
        Self { origin, size, root, extensions: lines.map(str::to_owned).collect() }.checked()
    }

    /// Returns the signed note of this checkpoint. The same key gives the same note each time.
    ///
    /// # Errors
    /// [`Error::OriginMismatch`] where the key is not named after this log: nobody would believe the note.
    pub fn sign(&self, key: &SigningKey) -> Result<String, Error> {
        if self.origin != key.verifier().name() {
            return Err(Error::OriginMismatch);
        }
        Ok(sign_note(&self.to_note_text(), key))
    }

    /// Reads a signed note and returns its checkpoint if one of `keys`, named after the log, has signed it.
    ///
    /// # Errors
    /// [`Error::MalformedNote`], [`Error::NoteTooLarge`], [`Error::UnknownSigner`], [`Error::BadSignature`],
    /// [`Error::MalformedCheckpoint`], [`Error::EmptyTreeRoot`] or [`Error::OriginMismatch`].
    pub fn open(note: &str, keys: &[VerifierKey]) -> Result<Self, Error> {
        let note = Note::parse(note)?;
        let checkpoint = Self::parse(note.text())?;
        // A known key of another log says nothing about this one, even where it signed.
        let ours = note.verify_by(keys, |key| key.name() == checkpoint.origin);
        if ours == Err(Error::UnknownSigner) && note.verify(keys).is_ok() {
            return Err(Error::OriginMismatch);
        }
        ours?;
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(name: &str) -> SigningKey {
        SigningKey::from_seed(name, &[3; 32]).unwrap()
    }

    #[test]
    fn is_written_as_the_spec_has_it() {
        let root = decode_hash("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=").unwrap();
        let checkpoint = Checkpoint::new("example.com/behind-the-sofa", 20_852_163, root).unwrap();
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        assert_eq!(checkpoint.to_note_text(), text);
        assert_eq!(Checkpoint::parse(text), Ok(checkpoint));
    }

    #[test]
    fn carries_extension_lines() {
        let text = format!("log\n1\n{}\nfirst\n second \n", encode_hash(&[1; 32]));
        let checkpoint = Checkpoint::parse(&text).unwrap();
        assert_eq!(checkpoint.extensions(), ["first", " second "]);
        assert_eq!(checkpoint.to_note_text(), text);
    }

    #[test]
    fn refuses_malformed_texts() {
        let root = encode_hash(&[1; 32]);
        for bad in [
            String::new(),
            "log\n".into(),
            "log\n1\n".into(),
            format!("log\n1\n{root}"),
            format!("\n1\n{root}\n"),
            format!("log\n01\n{root}\n"),
            format!("log\n-1\n{root}\n"),
            format!("log\n1 \n{root}\n"),
            format!("log\n\n{root}\n"),
            format!("log\n18446744073709551616\n{root}\n"),
            format!("log\n1\n{root} \n"),
            format!("log\n1\n{}\n", root.trim_end_matches('=')),
            format!("log\n1\n{}\n", &root[4..]),
            format!("log\n1\n{root}\n\n"),
            format!("log\n1\n{root}\n\nx\n"),
            format!("l\tog\n1\n{root}\n"),
            format!("log\n1\n{root}\nx\ry\n"),
        ] {
            assert_eq!(Checkpoint::parse(&bad), Err(Error::MalformedCheckpoint), "{bad:?}");
        }
        assert_eq!(Checkpoint::parse(&format!("log\n0\n{root}\n")), Err(Error::EmptyTreeRoot));
        assert_eq!(Checkpoint::new("log", 0, [0; 32]), Err(Error::EmptyTreeRoot));
        assert_eq!(Checkpoint::new("", 1, [0; 32]), Err(Error::MalformedCheckpoint));
        assert_eq!(Checkpoint::new("a\nb", 1, [0; 32]), Err(Error::MalformedCheckpoint));
        assert!(Checkpoint::new("log", 0, empty_root()).is_ok());
    }

    #[test]
    fn opens_for_the_key_of_its_log_only() {
        let (ours, theirs) = (key("log-a"), key("log-b"));
        let keys = |list: &[&SigningKey]| list.iter().map(|key| key.verifier().clone()).collect::<Vec<_>>();
        let checkpoint = Checkpoint::new("log-a", 5, [1; 32]).unwrap();
        let note = checkpoint.sign(&ours).unwrap();
        assert_eq!(Checkpoint::open(&note, &keys(&[&ours])), Ok(checkpoint.clone()));
        assert_eq!(Checkpoint::open(&note, &keys(&[&theirs, &ours])), Ok(checkpoint.clone()));
        assert_eq!(Checkpoint::open(&note, &keys(&[&theirs])), Err(Error::UnknownSigner));
        assert_eq!(Checkpoint::open(&note, &[]), Err(Error::UnknownSigner));
        assert_eq!(checkpoint.sign(&theirs), Err(Error::OriginMismatch));
        // Log b's key is known, but may not speak for log a.
        let usurped = sign_note(&checkpoint.to_note_text(), &theirs);
        assert_eq!(Checkpoint::open(&usurped, &keys(&[&theirs])), Err(Error::OriginMismatch));
        assert_eq!(Checkpoint::open(&usurped, &keys(&[&theirs, &ours])), Err(Error::OriginMismatch));
        let bent = note.replace("\n5\n", "\n6\n");
        let bad = Err(Error::BadSignature { name: "log-a".into() });
        assert_eq!(Checkpoint::open(&bent, &keys(&[&ours])), bad);
    }

    proptest! {
        #[test]
        fn reading_undoes_writing(origin in "[^\\pC]{1,30}", size in 1u64.., root: [u8; 32], extensions in prop::collection::vec("[^\\pC]{1,9}", 0..3)) {
            let checkpoint = Checkpoint { origin, size, root, extensions };
            prop_assert_eq!(Checkpoint::parse(&checkpoint.to_note_text()), Ok(checkpoint));
        }

        #[test]
        fn whatever_is_read_is_written_the_same(text in "(\\PC|\n)*|[a-z]{0,3}\n[0-9]{0,3}\n[A-Za-z0-9+/]{43}=\n(\\PC{0,5}\n){0,2}") {
            if let Ok(checkpoint) = Checkpoint::parse(&text) {
                prop_assert_eq!(checkpoint.to_note_text(), text);
            }
        }
    }
}
