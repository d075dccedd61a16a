//! Recovery codes: ten random texts that each stand in once for a lost authenticator app.
//!
//! A code has 80 random bits, so that its plain SHA-256 can be stored (NIST SP 800-63B section 3.1.2.2 asks for 64
//! bits and a slow hash below 112; the codes are throttled like passwords). Alphabet: Crockford's base32, which has no
//! `I`, `L`, `O` and `U`, and reads those that somebody types as what they look like.

use base32::Alphabet;
use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::{Digest, IdentityError, SecretText};

/// How many recovery codes a user gets at a time.
pub const RECOVERY_CODES: usize = 10;

/// 80 bits.
const CODE_LEN: usize = 10;

/// Characters of a code without its hyphens, five bits each.
const PLAIN_LEN: usize = 16;

/// A recovery code; shown once, then only its digest is kept.
#[derive(Debug)]
pub struct RecoveryCode {
    /// The code to show: `2G8K-9ABC-X4YZ-01PQ`.
    pub text: SecretText,
    /// What to store.
    pub digest: Digest,
}

/// Fresh recovery codes, which replace those that the user had.
///
/// # Errors
/// [`IdentityError::Randomness`].
pub fn new_recovery_codes() -> Result<[RecoveryCode; RECOVERY_CODES], IdentityError> {
    let mut random = Zeroizing::new([[0; CODE_LEN]; RECOVERY_CODES]);
    getrandom::fill(random.as_flattened_mut())?;
    Ok(random.each_ref().map(code))
}

/// Returns the place among `stored` of the code that was typed, in any case, with or without hyphens and blanks.
/// Takes the same time wherever it stands.
///
/// The caller deletes it before anybody is let in, and lets in only the one request that did.
pub fn find_recovery_code(typed: &str, stored: &[Digest]) -> Option<usize> {
    let digest = digest_of_typed(typed)?;
    let mut found = u64::MAX;
    for (place, candidate) in (0_u64..).zip(stored) {
        found.conditional_assign(&place, candidate.ct_eq(&digest));
    }
    usize::try_from(found).ok().filter(|place| *place < stored.len())
}

fn code(bytes: &[u8; CODE_LEN]) -> RecoveryCode {
    let plain = Zeroizing::new(base32::encode(Alphabet::Crockford, bytes));
    let groups: Vec<&str> = (0..plain.len()).step_by(4).map(|at| &plain[at..at + 4]).collect();
    RecoveryCode { text: groups.join("-").into(), digest: digest(bytes) }
}

fn digest_of_typed(typed: &str) -> Option<Digest> {
    // Longer than any way to space out a code: not worth copying.
    if typed.len() > 64 {
        return None;
    }
    let plain: Zeroizing<String> =
        Zeroizing::new(typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect());
    if plain.len() != PLAIN_LEN {
        return None;
    }
    let bytes = Zeroizing::new(base32::decode(Alphabet::Crockford, &plain)?);
    Some(digest(bytes.as_slice().try_into().ok()?))
}

fn digest(bytes: &[u8; CODE_LEN]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_code_is_found_at_its_place() {
        let codes = new_recovery_codes().unwrap();
        let mut stored: Vec<_> = codes.iter().map(|code| code.digest).collect();
        for (place, code) in codes.iter().enumerate() {
            assert_eq!(find_recovery_code(code.text.expose(), &stored), Some(place));
        }
        // A used code is deleted, and then it is good no more.
        stored.remove(3);
        assert_eq!(find_recovery_code(codes[3].text.expose(), &stored), None);
        assert_eq!(find_recovery_code(codes[4].text.expose(), &stored), Some(3));
        assert_eq!(find_recovery_code(codes[0].text.expose(), &[]), None);
        let distinct: std::collections::HashSet<_> = codes.iter().map(|code| code.text.expose()).collect();
        assert_eq!(distinct.len(), RECOVERY_CODES);
    }

    #[test]
    fn a_code_is_read_as_it_looks() {
        let code = code(&[0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf]);
        assert_eq!(code.text.expose(), "0123-4567-89AB-CDEF");
        assert_eq!(
            hex::encode(code.digest.as_bytes()),
            "753acb23ddc73c0765ec6569178758dec47432007e6858a1f0a43443242c3037"
        );
        for (typed, good) in [
            ("0123-4567-89AB-CDEF", true),
            ("0123456789abcdef", true),
            (" o123 4567 89ab cdef\n", true),
            ("Ol23-4567-89AB-CDEF", true),
            ("0i23--4567-89AB-CDEF-", true),
            ("0123-4567-89AB-CDEG", false),
            ("0123-4567-89AB-CDE", false),
            ("0123-4567-89AB-CDEF-0", false),
            ("0123-4567-89AB-CDEF-00", false),
            ("U123-4567-89AB-CDEF", false),
            ("0123-4567-89AB-CDE=", false),
            ("0123-4567-89AB-CDEF========", false),
            ("é123-4567-89AB-CDEF", false),
            ("", false),
        ] {
            assert_eq!(find_recovery_code(typed, &[code.digest]).is_some(), good, "{typed:?}");
        }
        let padded = " ".repeat(1_000_000) + "0123-4567-89AB-CDEF";
        assert_eq!(find_recovery_code(&padded, &[code.digest]), None);
    }

    #[test]
    fn nothing_is_printed() {
        let shown = format!("{:?}", code(&[7; CODE_LEN]));
        assert!(shown.starts_with("RecoveryCode { text: (secret), digest: "), "{shown}");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_found(bytes in any::<[u8; CODE_LEN]>(), other in any::<[u8; CODE_LEN]>()) {
            let code = code(&bytes);
            prop_assert_eq!(code.text.expose().len(), 19);
            prop_assert_eq!(find_recovery_code(&code.text.expose().to_lowercase(), &[code.digest]), Some(0));
            prop_assert_eq!(find_recovery_code(code.text.expose(), &[digest(&other)]).is_some(), bytes == other);
        }

        #[test]
        fn any_text_has_an_answer(typed in "\\PC{0,40}") {
            let stored = [digest(&[0; CODE_LEN])];
            let _ = find_recovery_code(&typed, &stored);
        }
    }
}
