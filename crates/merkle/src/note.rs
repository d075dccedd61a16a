//! Signed notes: a text, a blank line, and one line for each signature.
//!
//! Spec: <https://c2sp.org/signed-note>. Signatures by keys that we do not know are ignored, whatever their
//! algorithm; a malformed line, or a known key's signature that does not verify, refuses the whole note.

use crate::error::Error;
use crate::key::{SigningKey, VerifierKey, check_name};
use crate::text::{from_base64, to_base64};

/// Bytes above which a note is refused unread.
///
/// 16 signatures must be accepted and a post-quantum one takes up to 5 kB; this leaves ten times that.
pub const NOTE_BYTES_MAX: usize = 1_000_000;

/// Signatures above which a note is refused.
pub const NOTE_SIGNATURES_MAX: usize = 100;

/// A note that was read, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    text: &'a str,
    signatures: Vec<NoteSignature<'a>>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature<'a> {
    /// The name of the key.
    pub name: &'a str,
    /// The id of the key.
    pub key_id: [u8; 4],
    /// The signature; its form depends on the key's algorithm.
    pub signature: Vec<u8>,
}

impl<'a> Note<'a> {
    /// Reads a signed note.
    ///
    /// # Errors
    /// [`Error::MalformedNote`] or [`Error::NoteTooLarge`].
    pub fn parse(note: &'a str) -> Result<Self, Error> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(Error::NoteTooLarge);
        }
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(Error::MalformedNote);
        }
        // The last empty line separates: a text may have empty lines, signatures have none.
        let blank = note.rfind("\n\n").ok_or(Error::MalformedNote)?;
        let (text, lines) = (&note[..=blank], &note[blank + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(Error::MalformedNote)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == NOTE_SIGNATURES_MAX {
                return Err(Error::NoteTooLarge);
            }
            signatures.push(parse_signature(line).ok_or(Error::MalformedNote)?);
        }
        Ok(Self { text, signatures })
    }

    /// Returns the signed text, its final newline included. Nobody vouches for it until [`Note::verify`] has.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Returns the signatures, unknown ones included, in the order of their lines.
    pub fn signatures(&self) -> &[NoteSignature<'a>] {
        &self.signatures
    }

    /// Checks every signature by one of `keys`, and returns the first key that signed.
    ///
    /// # Errors
    /// [`Error::UnknownSigner`] where none of `keys` signed, [`Error::BadSignature`] where one of them seems to
    /// have signed and has not.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<&'k VerifierKey, Error> {
        self.verify_by(keys, |_| true)
    }

    /// Verifies with those of `keys` that `may_sign`; the others count as unknown.
    pub(crate) fn verify_by<'k>(
        &self,
        keys: &'k [VerifierKey],
        may_sign: impl Fn(&VerifierKey) -> bool,
    ) -> Result<&'k VerifierKey, Error> {
        let known = |line: &NoteSignature<'_>| {
            keys.iter().find(|key| key.name() == line.name && key.id() == line.key_id && may_sign(key))
        };
        let mut signer = None;
        for line in &self.signatures {
            let Some(key) = known(line) else { continue };
            if !key.is_signed(self.text.as_bytes(), &line.signature) {
                return Err(Error::BadSignature { name: line.name.to_owned() });
            }
            signer = signer.or(Some(key));
        }
        signer.ok_or(Error::UnknownSigner)
    }
}

/// Returns the note of `text`, which must end in a newline, with this key's signature.
pub(crate) fn sign_note(text: &str, key: &SigningKey) -> String {
    debug_assert!(text.ends_with('\n'));
    let verifier = key.verifier();
    let signature = [verifier.id().as_slice(), &key.sign(text.as_bytes())].concat();
    format!("{text}\n\u{2014} {} {}\n", verifier.name(), to_base64(&signature))
}

fn parse_signature(line: &str) -> Option<NoteSignature<'_>> {
    let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    check_name(name).ok()?;
    let bytes = from_base64(signature)?;
    let (key_id, signature) = bytes.split_first_chunk::<4>()?;
    // An id alone signs nothing, under any algorithm.
    if signature.is_empty() {
        return None;
    }
    Some(NoteSignature { name, key_id: *key_id, signature: signature.to_vec() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "This is an example message.\n\n\
        \u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    fn key(name: &str, seed: u8) -> SigningKey {
        SigningKey::from_seed(name, &[seed; 32]).unwrap()
    }

    #[test]
    fn verifies_the_note_of_the_spec() {
        let vkey = [VKEY.parse().unwrap()];
        let note = Note::parse(EXAMPLE).unwrap();
        assert_eq!(note.text(), "This is an example message.\n");
        assert_eq!(note.verify(&vkey), Ok(&vkey[0]));
        let bent = EXAMPLE.replace("example message", "exemplar mess");
        let bad = Error::BadSignature { name: "example.com/foo".into() };
        assert_eq!(Note::parse(&bent).unwrap().verify(&vkey), Err(bad));
        assert_eq!(note.verify(&[]), Err(Error::UnknownSigner));
    }

    #[test]
    fn unknown_signatures_are_ignored_and_known_ones_must_hold() {
        let (log, other) = (key("log", 1), key("log", 2));
        let text = "hello\n\nworld\n";
        let line =
            |key: &SigningKey, text: &str| sign_note(text, key).rsplit_once("\n\n").unwrap().1.to_owned();
        let keys = [log.verifier().clone()];
        let check = |lines: &[&str]| {
            let note = format!("{text}\n{}", lines.concat());
            let note = Note::parse(&note).unwrap();
            assert_eq!((note.text(), note.signatures().len()), (text, lines.len()));
            note.verify(&keys).map(drop)
        };
        let good = line(&log, text);
        // Same name, another id: another key. The same bytes under another name: another key too.
        let stranger = line(&other, text);
        let renamed = good.replace(" log ", " lug ");
        let cosignature = format!("\u{2014} witness.example {}\n", to_base64(&[5; 76]));
        let forged = line(&log, "other\n");
        assert_eq!(check(&[&good]), Ok(()));
        assert_eq!(check(&[&cosignature, &stranger, &good, &renamed]), Ok(()));
        assert_eq!(check(&[&good, &good]), Ok(()));
        assert_eq!(check(&[&stranger, &renamed, &cosignature]), Err(Error::UnknownSigner));
        assert_eq!(check(&[&good, &forged]), Err(Error::BadSignature { name: "log".into() }));
        let short = format!("\u{2014} log {}\n", to_base64(&[&keys[0].id()[..], &[1; 63]].concat()));
        assert_eq!(check(&[&good, &short]), Err(Error::BadSignature { name: "log".into() }));
    }

    #[test]
    fn refuses_malformed_notes() {
        let good = sign_note("text\n", &key("log", 1));
        let signature = good.rsplit(' ').next().unwrap().trim_end();
        for bad in [
            String::new(),
            "\n\n".into(),
            "text\n".into(),
            "text\n\n".into(),
            good.trim_end().into(),
            format!("{good}\n"),
            format!("{good}junk\n"),
            format!("{good}\u{2014} log\n"),
            good.replace("\n\n", "\n"),
            good.replace("\n\n", "\r\n\r\n"),
            good.replace("text", "te\txt"),
            good.replace("text", "te\u{0}xt"),
            good.replace('\u{2014}', "-"),
            good.replace("\u{2014} ", "\u{2014}"),
            good.replace(" log ", " "),
            good.replace(" log ", "  "),
            good.replace(" log ", " l+g "),
            good.replace(" log ", " l\u{2003}g "),
            good.replace(" log ", " log  "),
            good.replace(signature, signature.trim_end_matches('=')),
            good.replace(signature, "AAAAAA=="),
            good.replace(signature, ""),
        ] {
            assert_eq!(Note::parse(&bad), Err(Error::MalformedNote), "{bad:?}");
        }
        // 0x7f and beyond are not the control characters that the spec refuses.
        assert!(Note::parse(&good.replace("text", "te\u{7f}xt")).is_ok());
    }

    #[test]
    fn accepts_many_signatures_but_not_any_number() {
        let text = "text\n";
        let line = sign_note(text, &key("log", 1)).rsplit_once("\n\n").unwrap().1.to_owned();
        let note = |count| format!("{text}\n{}", line.repeat(count));
        assert!(Note::parse(&note(NOTE_SIGNATURES_MAX)).is_ok());
        assert_eq!(Note::parse(&note(NOTE_SIGNATURES_MAX + 1)), Err(Error::NoteTooLarge));
        let long = format!("{}\n\n{line}", "x".repeat(NOTE_BYTES_MAX));
        assert_eq!(Note::parse(&long), Err(Error::NoteTooLarge));
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies_and_nothing_else(text in "[^\\pC]{0,40}(\n[^\\pC]{0,9}){0,3}\n", at: prop::sample::Index) {
            let log = key("log", 1);
            let keys = [log.verifier().clone()];
            let note = sign_note(&text, &log);
            let read = Note::parse(&note).unwrap();
            prop_assert_eq!(read.text(), &text);
            prop_assert!(read.verify(&keys).is_ok());

            let mut bytes = note.clone().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1;
            if let Ok(bent) = String::from_utf8(bytes) {
                let verdict = Note::parse(&bent).and_then(|note| note.verify(&keys).map(drop));
                prop_assert!(verdict.is_err(), "{:?}", bent);
            }
        }

        #[test]
        fn any_text_is_answered(text in "(\\PC|\n|\u{2014} log )*") {
            let _ = Note::parse(&text);
        }
    }
}
