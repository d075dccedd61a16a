//! Secrets that have to be read again, encrypted at rest: secrets of authenticator apps, of providers, of the mail
//! server.
//!
//! XChaCha20-Poly1305 under the installation's key. What the secret is for and whose it is are the associated data,
//! so that a row copied to another user does not open. A sealed value is a version byte (1), a nonce of 24 random
//! bytes, and the ciphertext with its tag.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use zeroize::Zeroizing;

use crate::IdentityError;

const KEY_LEN: usize = 32;
const NONCE_LEN: usize = 24;
const VERSION: u8 = 1;

/// Permission bits of everybody but the file's owner.
const OTHERS: u32 = 0o077;

/// What a sealed secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The secret of a user's authenticator app; the owner is the user.
    TotpSecret,
    /// The client secret of an OpenID provider; the owner is the provider.
    ClientSecret,
    /// The password of the mail server; the owner is the installation.
    SmtpPassword,
    /// What a browser keeps while its user signs in elsewhere; the owner is the provider.
    PendingSignIn,
    /// A link to a file; the owner is the job that made it.
    Download,
}

/// The key that this installation's secrets are sealed with. `Debug` shows `(secret)`.
#[derive(Clone)]
pub struct SealKey {
    cipher: XChaCha20Poly1305,
}

impl SealKey {
    /// The key with these bytes.
    pub fn new(key: &[u8; KEY_LEN]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(key.into()) }
    }

    /// Reads the key file, 32 bytes that only its owner may read.
    ///
    /// # Errors
    /// [`IdentityError::KeyFile`], with a source of the kind `NotFound` when there is none;
    /// [`IdentityError::KeyFileOpen`], [`IdentityError::KeyFileLength`].
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let file = File::open(path).map_err(failed(path))?;
        // Asked of the open file, so that nobody can swap it in between.
        let mode = file.metadata().map_err(failed(path))?.permissions().mode() & 0o7777;
        if mode & OTHERS != 0 {
            return Err(IdentityError::KeyFileOpen { path: path.to_owned(), mode });
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_LEN + 1));
        file.take(KEY_LEN as u64 + 1).read_to_end(&mut bytes).map_err(failed(path))?;
        let key = bytes
            .as_slice()
            .try_into()
            .map_err(|_| IdentityError::KeyFileLength { path: path.to_owned(), expected: KEY_LEN })?;
        Ok(Self::new(key))
    }

    /// Reads the key file, or makes one where there is none. A file that is there is never replaced.
    ///
    /// The file is durable, with the right mode from the beginning, before this returns. The caller holds the lock of
    /// the directory. Where sealed secrets exist already, call [`Self::load`]: a new key would not open them.
    ///
    /// # Errors
    /// As [`Self::load`], and [`IdentityError::Randomness`].
    pub fn load_or_create(path: &Path) -> Result<Self, IdentityError> {
        match Self::load(path) {
            Err(IdentityError::KeyFile { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                create(path)?;
                Self::load(path)
            }
            other => other,
        }
    }

    /// Seals a secret of `owner`, such as a user's UUID. Two calls give two results.
    ///
    /// # Errors
    /// [`IdentityError::Randomness`].
    pub fn seal(&self, purpose: Purpose, owner: &str, secret: &[u8]) -> Result<Vec<u8>, IdentityError> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce)?;
        let payload = Payload { msg: secret, aad: &purpose.bound_to(owner) };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a secret is far below the cipher's limit of 256 GiB");
        Ok([&[VERSION][..], &nonce, &sealed].concat())
    }

    /// Opens what [`Self::seal`] made for this purpose and owner.
    ///
    /// # Errors
    /// [`IdentityError::Unsealable`] for everything else.
    pub fn open(
        &self,
        purpose: Purpose,
        owner: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
        let plain = sealed.strip_prefix(&[VERSION]).and_then(|rest| {
            let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
            let payload = Payload { msg: sealed, aad: &purpose.bound_to(owner) };
            self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()
        });
        plain.map(Zeroizing::new).ok_or(IdentityError::Unsealable)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Purpose {
    /// Stored secrets depend on these names.
    const fn as_str(self) -> &'static str {
        match self {
            Self::TotpSecret => "totp_secret",
            Self::ClientSecret => "client_secret",
            Self::SmtpPassword => "smtp_password",
            Self::PendingSignIn => "pending_sign_in",
            Self::Download => "download",
        }
    }

    /// The associated data. No name holds the separator, so that no two pairs give the same.
    fn bound_to(self, owner: &str) -> Vec<u8> {
        [&[VERSION], self.as_str().as_bytes(), &[0], owner.as_bytes()].concat()
    }
}

/// Writes the key beside its place and moves it there, so that a crash leaves no half of a key.
fn create(path: &Path) -> Result<(), IdentityError> {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    getrandom::fill(&mut key[..])?;
    let beside = beside(path);
    write_key(&beside, &key).map_err(failed(&beside))?;
    fs::rename(&beside, path).and_then(|()| sync_parent(path)).map_err(failed(path))
}

fn write_key(path: &Path, key: &[u8; KEY_LEN]) -> io::Result<()> {
    // A crash may have left one; the key in it was never used.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(key)?;
    file.sync_all()
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> IdentityError {
    |source| IdentityError::KeyFile { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Purpose; 5] = [
        Purpose::TotpSecret,
        Purpose::ClientSecret,
        Purpose::SmtpPassword,
        Purpose::PendingSignIn,
        Purpose::Download,
    ];

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let key = SealKey::new(&[1; KEY_LEN]);
        let sealed = key.seal(Purpose::TotpSecret, "ada", b"tulip").unwrap();
        assert_eq!(**key.open(Purpose::TotpSecret, "ada", &sealed).unwrap(), *b"tulip");
        assert_eq!(sealed.len(), 1 + 24 + 5 + 16);
        assert!(!sealed.windows(5).any(|window| window == b"tulip"));
        for purpose in ALL {
            for owner in ["ada", "bob", ""] {
                let same = (purpose, owner) == (Purpose::TotpSecret, "ada");
                assert_eq!(key.open(purpose, owner, &sealed).is_ok(), same, "{purpose:?} {owner}");
            }
        }
        assert!(
            SealKey::new(&[2; KEY_LEN]).open(Purpose::TotpSecret, "ada", &sealed).is_err(),
            "another key"
        );
        for at in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[at] ^= 1;
            assert!(key.open(Purpose::TotpSecret, "ada", &forged).is_err(), "byte {at}");
            assert!(key.open(Purpose::TotpSecret, "ada", &sealed[..at]).is_err(), "cut at {at}");
        }
        assert_ne!(key.seal(Purpose::TotpSecret, "ada", b"tulip").unwrap(), sealed, "the nonce is fresh");
    }

    #[test]
    fn opens_what_this_version_of_the_format_sealed() {
        // Made with libsodium: crypto_aead_xchacha20poly1305_ietf_encrypt, "\x01client_secret\0idp" as the data.
        let key = SealKey::new(&std::array::from_fn(|at| at as u8));
        let sealed = hex::decode(
            "016465666768696a6b6c6d6e6f707172737475767778797a7b080695d98f46c904ab4f474c762446e69b3b74bbd0",
        )
        .unwrap();
        assert_eq!(**key.open(Purpose::ClientSecret, "idp", &sealed).unwrap(), *b"tulip");
    }

    #[test]
    fn the_key_file_is_made_once_and_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.key");
        // What a crash in the middle of making it leaves.
        fs::write(beside(&path), b"half").unwrap();
        let sealed =
            SealKey::load_or_create(&path).unwrap().seal(Purpose::SmtpPassword, "", b"tulip").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let before = fs::read(&path).unwrap();
        assert_eq!(before.len(), KEY_LEN);
        for key in [SealKey::load_or_create(&path).unwrap(), SealKey::load(&path).unwrap()] {
            assert_eq!(**key.open(Purpose::SmtpPassword, "", &sealed).unwrap(), *b"tulip");
        }
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let other = dir.path().join("other.key");
        SealKey::load_or_create(&other).unwrap();
        assert_ne!(fs::read(&other).unwrap(), before, "keys are random");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.key");
        fs::write(&path, [7; KEY_LEN]).unwrap();
        for (mode, good) in [
            (0o600, true),
            (0o400, true),
            (0o700, true),
            (0o640, false),
            (0o604, false),
            (0o601, false),
            (0o610, false),
            (0o620, false),
            (0o602, false),
            (0o666, false),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            for loaded in [SealKey::load(&path), SealKey::load_or_create(&path)] {
                match loaded {
                    Ok(_) => assert!(good, "{mode:o}"),
                    Err(IdentityError::KeyFileOpen { mode: told, .. }) => {
                        assert!(!good && told == mode, "{mode:o}")
                    }
                    Err(other) => panic!("{mode:o}: {other}"),
                }
            }
        }
        assert_eq!(fs::read(&path).unwrap(), [7; KEY_LEN]);
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.key");
        for length in [0, KEY_LEN - 1, KEY_LEN + 1, 1_000_000] {
            fs::write(&path, vec![7; length]).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let refused = SealKey::load_or_create(&path);
            assert!(matches!(refused, Err(IdentityError::KeyFileLength { .. })), "{length}");
            assert_eq!(fs::metadata(&path).unwrap().len(), length as u64);
        }
    }

    #[test]
    fn no_key_is_not_an_empty_key() {
        let dir = tempfile::tempdir().unwrap();
        let missing = SealKey::load(&dir.path().join("control.key"));
        assert!(
            matches!(missing, Err(IdentityError::KeyFile { ref source, .. }) if source.kind() == io::ErrorKind::NotFound)
        );
        let nowhere = SealKey::load_or_create(&dir.path().join("nowhere/control.key"));
        assert!(matches!(nowhere, Err(IdentityError::KeyFile { .. })));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let folder = SealKey::load_or_create(dir.path());
        assert!(folder.is_err());
        assert_eq!(format!("{:?}", SealKey::new(&[1; KEY_LEN])), "(secret)");
    }

    proptest! {
        #[test]
        fn every_secret_comes_back_to_its_owner_only(
            secret in prop::collection::vec(any::<u8>(), 0..200),
            (purpose, owner) in (prop::sample::select(&ALL[..]), "\\PC{0,8}"),
            (other_purpose, other_owner) in (prop::sample::select(&ALL[..]), "\\PC{0,8}"),
        ) {
            let key = SealKey::new(&[3; KEY_LEN]);
            let sealed = key.seal(purpose, &owner, &secret).unwrap();
            prop_assert_eq!(&**key.open(purpose, &owner, &sealed).unwrap(), &secret);
            let same = purpose == other_purpose && owner == other_owner;
            prop_assert_eq!(key.open(other_purpose, &other_owner, &sealed).is_ok(), same);
        }

        #[test]
        fn anything_else_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            prop_assert!(SealKey::new(&[3; KEY_LEN]).open(Purpose::TotpSecret, "ada", &bytes).is_err());
        }
    }
}
