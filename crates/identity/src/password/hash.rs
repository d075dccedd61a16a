//! Passwords as they are kept: Argon2id in the PHC string format.
//!
//! Specs: RFC 9106, <https://github.com/P-H-C/phc-string-format>; the parameters are those that the OWASP Password
//! Storage Cheat Sheet names first. Left out: a pepper, which would be a second thing to lose. Invariant: a password
//! of a user that does not exist costs what any other does, as long as [`PasswordHash::needs_rehash`] is heeded.

use std::fmt;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash as PhcHash, Salt},
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Password;
use crate::IdentityError;

/// Memory that each hashing of a password takes, in KiB. Callers bound how many run at once.
pub const MEMORY_KIB: u32 = 19 * 1024;

const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_LEN: usize = 16;
const OUTPUT_LEN: usize = 32;

/// What a stored hash may ask for: far above what we write, far below what would take the server's memory or minutes
/// of its time if a stored hash were damaged.
const MEMORY_KIB_MAX: u32 = 256 * 1024;
const PASSES_MAX: u32 = 16;

/// A password's hash, as it is stored. `Debug` shows `(secret)`; [`Self::to_phc`] gives the text to store.
#[derive(Clone)]
pub struct PasswordHash {
    params: Params,
    salt: Salt,
    output: [u8; OUTPUT_LEN],
}

impl Password {
    /// Hashes the password with a fresh salt and today's parameters. Takes tens of milliseconds and [`MEMORY_KIB`]:
    /// not for a thread that serves others.
    ///
    /// # Errors
    /// [`IdentityError::Randomness`], [`IdentityError::Memory`].
    pub fn hash(&self) -> Result<PasswordHash, IdentityError> {
        let mut salt = [0; SALT_LEN];
        getrandom::fill(&mut salt)?;
        let (params, salt) = (current_params(), salt_of(salt));
        let output = *argon2id(self, &params, &salt)?;
        Ok(PasswordHash { params, salt, output })
    }
}

impl PasswordHash {
    /// Reads a stored hash, `$argon2id$v=19$m=..,t=..,p=..$salt$hash`.
    ///
    /// # Errors
    /// [`IdentityError::Damaged`] for every other text, and for parameters that would take the server down.
    pub fn from_phc(text: &str) -> Result<Self, IdentityError> {
        Self::parse(text).ok_or(IdentityError::Damaged { what: "password hash" })
    }

    fn parse(text: &str) -> Option<Self> {
        let phc = PhcHash::new(text).ok()?;
        let known =
            phc.algorithm == Algorithm::Argon2id.ident() && phc.version == Some(Version::V0x13.into());
        let params = Params::try_from(&phc).ok().filter(|_| known)?;
        let bearable = params.m_cost() <= MEMORY_KIB_MAX && params.t_cost() <= PASSES_MAX;
        let plain = params.keyid().is_empty() && params.data().is_empty();
        let output = phc.hash.filter(|_| bearable && plain)?.as_bytes().try_into().ok()?;
        Some(Self { params, salt: phc.salt?, output })
    }

    /// The text to store, at most 128 characters of ASCII.
    pub fn to_phc(&self) -> String {
        let phc = PhcHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&self.params).expect("three numbers fit a parameter string"),
            salt: Some(self.salt),
            hash: Some(Output::new(&self.output).expect("32 bytes are within an output's length")),
        };
        phc.to_string()
    }

    /// Returns whether this is the hash of `password`. Takes as long as [`Password::hash`], and as long for a wrong
    /// password as for the right one.
    ///
    /// # Errors
    /// [`IdentityError::Memory`].
    pub fn verify(&self, password: &Password) -> Result<bool, IdentityError> {
        let output = argon2id(password, &self.params, &self.salt)?;
        Ok(output.ct_eq(&self.output).into())
    }

    /// Returns whether today's parameters are others: then hash the password anew at the next good sign-in.
    pub fn needs_rehash(&self) -> bool {
        self.params != current_params() || self.salt.len() < SALT_LEN
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// [`PasswordHash::verify`] for a user who does not exist, or has no password: it takes the same time and memory and
/// says no, so that nobody learns from the time which users there are.
///
/// # Errors
/// [`IdentityError::Memory`].
pub fn verify_nobody(password: &Password) -> Result<bool, IdentityError> {
    nobody().verify(password)
}

/// A hash that no password has: finding one would mean inverting Argon2.
fn nobody() -> PasswordHash {
    PasswordHash { params: current_params(), salt: salt_of([0; SALT_LEN]), output: [0; OUTPUT_LEN] }
}

fn current_params() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_LEN))
        .expect("these parameters are within the spec's limits")
}

fn salt_of(bytes: [u8; SALT_LEN]) -> Salt {
    Salt::new(&bytes).expect("16 bytes are within a salt's length")
}

fn argon2id(
    password: &Password,
    params: &Params,
    salt: &Salt,
) -> Result<Zeroizing<[u8; OUTPUT_LEN]>, IdentityError> {
    let mut output = Zeroizing::new([0; OUTPUT_LEN]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into(password.0.as_bytes(), salt.as_ref(), &mut output[..])
        // Lengths and parameters were checked where they came from, so that only memory can be missing.
        .map_err(|_| IdentityError::Memory { needed_kib: params.m_cost() })?;
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_reference_implementation() {
        // https://github.com/P-H-C/phc-winner-argon2/blob/master/src/test.c, version 0x13, Argon2id.
        for (memory_kib, passes, lanes, password, salt, expected) in [
            (
                65536,
                2,
                1,
                "password",
                "somesalt",
                "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7",
            ),
            (
                256,
                2,
                1,
                "password",
                "somesalt",
                "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe",
            ),
            (
                256,
                2,
                2,
                "password",
                "somesalt",
                "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037",
            ),
            (
                65536,
                1,
                1,
                "password",
                "somesalt",
                "f6a5adc1ba723dddef9b5ac1d464e180fcd9dffc9d1cbf76cca2fed795d9ca98",
            ),
            (
                65536,
                4,
                1,
                "password",
                "somesalt",
                "9025d48e68ef7395cca9079da4c4ec3affb3c8911fe4f86d1a2520856f63172c",
            ),
            (
                65536,
                2,
                1,
                "differentpassword",
                "somesalt",
                "0b84d652cf6b0c4beaef0dfe278ba6a80df6696281d7e0d2891b817d8c458fde",
            ),
            (
                65536,
                2,
                1,
                "password",
                "diffsalt",
                "bdf32b05ccc42eb15d58fd19b1f856b113da1e9a5874fdcc544308565aa8141c",
            ),
        ] {
            let params = Params::new(memory_kib, passes, lanes, Some(OUTPUT_LEN)).unwrap();
            let salt = Salt::new(salt.as_bytes()).unwrap();
            let output = argon2id(&Password::new(password), &params, &salt).unwrap();
            assert_eq!(hex::encode(*output), expected, "{memory_kib} {passes} {lanes} {password}");
        }
        // With our own parameters, by the same C code behind argon2-cffi.
        let text = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$8xr166b5hQxZ8uyGrL40ecdMzhLbZDnFIIadTdOfaN8";
        let hash = PasswordHash::from_phc(text).unwrap();
        assert!(hash.verify(&Password::new("four grey herons cafe\u{301}")).unwrap() && !hash.needs_rehash());
    }

    #[test]
    fn knows_the_password_that_it_hashed_and_no_other() {
        let password = Password::new("four grey herons");
        let stored = password.hash().unwrap().to_phc();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && stored.len() <= 128, "{stored}");
        let hash = PasswordHash::from_phc(&stored).unwrap();
        assert_eq!(hash.to_phc(), stored);
        assert!(hash.verify(&password).unwrap());
        for wrong in ["four grey heron", "four grey heronS", "four grey herons ", "", "four grey herons\0"] {
            assert!(!hash.verify(&Password::new(wrong)).unwrap(), "{wrong:?}");
        }
        assert_ne!(password.hash().unwrap().to_phc(), stored, "the salt is fresh");
    }

    #[test]
    fn one_password_from_two_keyboards_is_one_password() {
        // A composed and a decomposed é, a wide and a plain A, a ligature and its letters.
        let hash = Password::new("caf\u{e9} \u{ff21}\u{fb01}").hash().unwrap();
        assert!(hash.verify(&Password::new("cafe\u{301} Afi")).unwrap());
        assert!(!hash.verify(&Password::new("cafe Afi")).unwrap());
    }

    #[test]
    fn nobody_is_hashed_with_the_parameters_of_everybody() {
        assert!(!nobody().needs_rehash());
        assert_eq!(nobody().salt.len(), SALT_LEN);
        assert!(!verify_nobody(&Password::new("four grey herons")).unwrap());
    }

    #[test]
    fn other_parameters_are_verified_and_hashed_anew() {
        let password = Password::new("four grey herons");
        let salts = ["c29tZXNhbHQ", "c29tZXNhbHRzb21lc2FsdA"];
        for (memory, passes, lanes, salt, anew) in [
            (MEMORY_KIB, PASSES, LANES, salts[1], false),
            (MEMORY_KIB, PASSES, LANES, salts[0], true),
            (MEMORY_KIB - 8, PASSES, LANES, salts[1], true),
            (MEMORY_KIB + 8, PASSES, LANES, salts[1], true),
            (MEMORY_KIB, PASSES + 1, LANES, salts[1], true),
            (MEMORY_KIB, PASSES, LANES + 1, salts[1], true),
        ] {
            let params = Params::new(memory, passes, lanes, Some(OUTPUT_LEN)).unwrap();
            let salt = Salt::from_b64(salt).unwrap();
            let output = *argon2id(&password, &params, &salt).unwrap();
            let stored = PasswordHash { params, salt, output }.to_phc();
            let hash = PasswordHash::from_phc(&stored).unwrap();
            assert_eq!(hash.needs_rehash(), anew, "{stored}");
            assert!(hash.verify(&password).unwrap(), "{stored}");
        }
    }

    #[test]
    fn refuses_what_it_did_not_write() {
        let good = nobody().to_phc();
        assert!(PasswordHash::from_phc(&good).is_ok());
        for (from, to) in [
            ("argon2id", "argon2i"),
            ("argon2id", "scrypt"),
            ("v=19", "v=16"),
            ("$v=19", ""),
            ("m=19456", "m=4294967295"),
            ("m=19456", "m=262145"),
            ("m=19456", "m=1"),
            ("m=19456", "m=x"),
            ("t=2", "t=0"),
            ("t=2", "t=17"),
            ("p=1", "p=0"),
            ("p=1", "p=1,data=c29tZXNhbHQ"),
            ("p=1", "p=1,keyid=c29tZXNhbHQ"),
            ("$AAAAAAAAAAAAAAAAAAAAAA$", "$"),
            ("$AAAAAAAAAAAAAAAAAAAAAA$", "$AA$"),
            ("A$", "$A$"),
            (good.as_str(), &good[..good.len() - 4]),
            (good.as_str(), &format!("{good}AA")),
            (good.as_str(), &good[1..]),
            (good.as_str(), ""),
        ] {
            let damaged = good.replacen(from, to, 1);
            assert_ne!(damaged, good, "{from} {to}");
            let refused = PasswordHash::from_phc(&damaged);
            assert!(matches!(refused, Err(IdentityError::Damaged { .. })), "{damaged}");
        }
    }

    #[test]
    fn nothing_is_printed() {
        let password = Password::new("four grey herons");
        assert_eq!(format!("{password:?} {:?}", nobody()), "(secret) (secret)");
    }
}
