//! Ed25519 keys with names, in the text forms of C2SP signed notes.
//!
//! Spec: <https://c2sp.org/signed-note>. A verifier key is `<name>+<key id in hex>+<base64(0x01 || public key)>`;
//! a signing key file holds `PRIVATE+KEY+<name>+<key id in hex>+<base64(0x01 || seed)>` and a newline, the form of
//! the Go note package. Randomness comes in as a seed. Left out: every algorithm but Ed25519.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer as _};
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::text::{from_base64, parse_key_id, to_base64, to_hex};

/// The byte that stands for "Ed25519 signature over the note text".
const ALGORITHM: u8 = 0x01;

const SIGNING_KEY_MARK: &str = "PRIVATE+KEY+";

/// The public half of a log's key, with the log's name.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    public: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    /// Returns the key with this name and these 32 public bytes.
    ///
    /// # Errors
    /// [`Error::InvalidKeyName`], or [`Error::MalformedVerifierKey`] where the bytes are no point, or one of the
    /// few under which a signature says nothing.
    pub fn new(name: &str, public: &[u8; 32]) -> Result<Self, Error> {
        check_name(name)?;
        let public = ed25519_dalek::VerifyingKey::from_bytes(public)
            .ok()
            .filter(|key| !key.is_weak())
            .ok_or(Error::MalformedVerifierKey)?;
        Ok(Self { name: name.to_owned(), id: key_id(name, public.as_bytes()), public })
    }

    /// Returns the key's name, which is the origin of the log's checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the key's id: the first four bytes of `SHA-256(name || "\n" || 0x01 || public key)`.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Returns the 32 public bytes.
    pub fn public_bytes(&self) -> &[u8; 32] {
        self.public.as_bytes()
    }

    /// Returns whether `signature` is this key's over `message`.
    pub fn is_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        // Strict: one that only some verifiers accept is accepted by none of ours.
        Signature::from_slice(signature).is_ok_and(|it| self.public.verify_strict(message, &it).is_ok())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, to_hex(&self.id), encode_key(self.public.as_bytes()))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    /// Reads `<name>+<key id>+<base64>`, without white space around it.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, id, public) = split_key(text).ok_or(Error::MalformedVerifierKey)?;
        let key = Self::new(name, &public)?;
        if key.id == id { Ok(key) } else { Err(Error::KeyIdMismatch) }
    }
}

/// A log's signing key.
///
/// `Debug` leaves the secret out. The secret is wiped from memory when the key is dropped.
#[derive(Clone)]
pub struct SigningKey {
    secret: ed25519_dalek::SigningKey,
    verifier: VerifierKey,
}

impl SigningKey {
    /// Returns the key that `seed` makes; the seed must be 32 random bytes that nobody else knows.
    ///
    /// # Errors
    /// [`Error::InvalidKeyName`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, Error> {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(name, secret.verifying_key().as_bytes())?;
        Ok(Self { secret, verifier })
    }

    /// Reads a key file: one line, with or without its newline.
    ///
    /// # Errors
    /// [`Error::MalformedSigningKey`], [`Error::InvalidKeyName`] or [`Error::KeyIdMismatch`].
    pub fn from_file_text(text: &str) -> Result<Self, Error> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let (name, id, seed) =
            line.strip_prefix(SIGNING_KEY_MARK).and_then(split_key).ok_or(Error::MalformedSigningKey)?;
        let key = Self::from_seed(name, &seed)?;
        if key.verifier.id == id { Ok(key) } else { Err(Error::KeyIdMismatch) }
    }

    /// Returns the text of the key file, secret included: one line with its newline.
    pub fn to_file_text(&self) -> String {
        let VerifierKey { name, id, .. } = &self.verifier;
        format!("{SIGNING_KEY_MARK}{name}+{}+{}\n", to_hex(id), encode_key(self.secret.as_bytes()))
    }

    /// Returns the public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Returns the signature over `message`; the same one each time.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, secret not shown)", self.verifier)
    }
}

/// Checks what the spec asks of a key name, and that it has no control character.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.contains(bad) { Err(Error::InvalidKeyName) } else { Ok(()) }
}

fn key_id(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let digest =
        Sha256::new().chain_update(name).chain_update([b'\n', ALGORITHM]).chain_update(public).finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

fn encode_key(bytes: &[u8; 32]) -> String {
    to_base64(&[&[ALGORITHM], bytes.as_slice()].concat())
}

fn split_key(text: &str) -> Option<(&str, [u8; 4], [u8; 32])> {
    // The name has no plus sign, base64 may: split from the left.
    let mut parts = text.splitn(3, '+');
    let (name, id, key) = (parts.next()?, parse_key_id(parts.next()?)?, from_base64(parts.next()?)?);
    let (algorithm, key) = key.split_first()?;
    if *algorithm == ALGORITHM { Some((name, id, key.try_into().ok()?)) } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The verifier key of the spec's example.
    const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    #[test]
    fn reads_the_key_of_the_spec() {
        let key: VerifierKey = VKEY.parse().unwrap();
        assert_eq!((key.name(), key.id()), ("example.com/foo", [0x53, 0x0d, 0x90, 0x3a]));
        assert_eq!(key.to_string(), VKEY);
    }

    #[test]
    fn refuses_malformed_verifier_keys() {
        use Error::{InvalidKeyName, KeyIdMismatch, MalformedVerifierKey};
        let weak = format!("example.com/foo+00000000+{}", encode_key(&[0; 32]));
        for (text, error) in [
            ("", MalformedVerifierKey),
            ("example.com/foo", MalformedVerifierKey),
            ("example.com/foo+530d903a", MalformedVerifierKey),
            (&VKEY.replace("example.com/foo", ""), InvalidKeyName),
            (&VKEY.replace("example.com/foo", "exam\u{a0}ple"), InvalidKeyName),
            (&VKEY.replace("example.com/foo", "exam\u{0}ple"), InvalidKeyName),
            (&VKEY.replace("530d903a", "530D903A"), MalformedVerifierKey),
            (&VKEY.replace("530d903a", "530d903b"), KeyIdMismatch),
            (&VKEY.replace("foo", "fop"), KeyIdMismatch),
            (&VKEY.replace("+Aeky", "+Aeky\n"), MalformedVerifierKey),
            (&VKEY.replace("+Aek", "+BOk"), MalformedVerifierKey),
            (&VKEY[..VKEY.len() - 4], MalformedVerifierKey),
            (&format!("{VKEY}\n"), MalformedVerifierKey),
            (&weak, MalformedVerifierKey),
        ] {
            assert_eq!(text.parse::<VerifierKey>().unwrap_err(), error, "{text:?}");
        }
    }

    #[test]
    fn key_files_survive_a_round_trip_and_refuse_damage() {
        let key = SigningKey::from_seed("indelible/test", &[7; 32]).unwrap();
        let text = key.to_file_text();
        let again = SigningKey::from_file_text(&text).unwrap();
        assert_eq!(again.verifier(), key.verifier());
        assert_eq!(again.sign(b"x"), key.sign(b"x"));
        assert!(SigningKey::from_file_text(text.trim_end()).is_ok());
        let renamed = text.replace("indelible/test", "indelible/tesu");
        for (bad, error) in [
            (renamed.as_str(), Error::KeyIdMismatch),
            (&key.verifier().to_string(), Error::MalformedSigningKey),
            (&text.replace("PRIVATE+", ""), Error::MalformedSigningKey),
            (&format!("{text}\n"), Error::MalformedSigningKey),
            ("", Error::MalformedSigningKey),
        ] {
            assert_eq!(SigningKey::from_file_text(bad).unwrap_err(), error, "{bad:?}");
        }
        assert!(SigningKey::from_seed("a b", &[7; 32]).is_err());
    }

    #[test]
    fn the_secret_stays_out_of_logs() {
        let key = SigningKey::from_seed("indelible/test", &[7; 32]).unwrap();
        let shown = format!("{key:?}");
        assert!(!shown.contains(&encode_key(&[7; 32])) && !shown.contains("7, 7"), "{shown}");
    }

    #[test]
    fn signatures_hold_for_their_message_and_key_only() {
        let key = SigningKey::from_seed("a", &[1; 32]).unwrap();
        let other = SigningKey::from_seed("a", &[2; 32]).unwrap();
        let signature = key.sign(b"message");
        assert!(key.verifier().is_signed(b"message", &signature));
        assert!(!key.verifier().is_signed(b"massage", &signature));
        assert!(!other.verifier().is_signed(b"message", &signature));
        assert!(!key.verifier().is_signed(b"message", &signature[..63]));
        for at in 0..64 {
            let mut bent = signature;
            bent[at] ^= 1;
            assert!(!key.verifier().is_signed(b"message", &bent), "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn verifier_keys_survive_a_round_trip(name in "[^\\s+\\pC]{1,20}", seed: [u8; 32]) {
            let key = SigningKey::from_seed(&name, &seed).unwrap();
            prop_assert_eq!(&key.verifier().to_string().parse::<VerifierKey>().unwrap(), key.verifier());
        }

        #[test]
        fn any_text_is_answered(text in "\\PC*(\\+[0-9a-f]{8}\\+[A-Za-z0-9+/=]{0,50})?") {
            if let Ok(key) = text.parse::<VerifierKey>() {
                prop_assert_eq!(key.to_string(), text.as_str());
            }
            let file = format!("{SIGNING_KEY_MARK}{text}");
            if let Ok(key) = SigningKey::from_file_text(&file) {
                prop_assert_eq!(key.to_file_text(), format!("{file}\n"));
            }
        }
    }
}
