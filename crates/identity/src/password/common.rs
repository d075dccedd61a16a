//! Passwords that many people choose, and how a password is reduced before it is looked up.
//!
//! The list is described in `data/README.md` and made by `examples/common_passwords.rs`. It holds digests, so that
//! neither the source nor the binary carries the names and insults that people choose. Invariant: the digests are
//! sorted and distinct.

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Bytes kept of each SHA-256: among 20,000 digests of 40 bits, one password in 50 million is refused by chance.
pub(crate) const DIGEST_LEN: usize = 5;

/// Stems shorter than this occur by chance.
pub(crate) const STEM_MIN: usize = 4;

static DIGESTS: &[u8] = include_bytes!("../../data/common-passwords.bin");

/// Returns whether the folded password is in the list, as it is or without what stands around its letters.
pub(crate) fn is_common(folded: &str) -> bool {
    is_listed(folded) || stem(folded).is_some_and(is_listed)
}

fn is_listed(folded: &str) -> bool {
    DIGESTS.as_chunks::<DIGEST_LEN>().0.binary_search(&digest(folded)).is_ok()
}

/// The beginning of the SHA-256 of a folded password.
pub(crate) fn digest(folded: &str) -> [u8; DIGEST_LEN] {
    *Sha256::digest(folded).first_chunk().expect("a SHA-256 has 32 bytes")
}

/// The text in normal form KC, in lower case and without blanks: what is the same to somebody who guesses.
pub(crate) fn fold(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.nfkc().flat_map(char::to_lowercase).filter(|c| !c.is_whitespace()).collect())
}

/// From the first letter to the last, if that is [`STEM_MIN`] characters or more: `password` of `12password34!`.
pub(crate) fn stem(folded: &str) -> Option<&str> {
    let stem = folded.trim_matches(|c: char| !c.is_alphabetic());
    (stem.chars().count() >= STEM_MIN).then_some(stem)
}

/// Returns whether the text is one piece over and over (`abcabcabc`), or made of runs such as `aaaa`, `2345` and
/// `dcba` that are four characters long on average.
pub(crate) fn is_predictable(folded: &str) -> bool {
    let chars = Zeroizing::new(folded.chars().collect::<Vec<_>>());
    is_repetition(&chars) || chars.len() >= 4 * count_runs(&chars)
}

fn is_repetition(chars: &[char]) -> bool {
    (1..=chars.len() / 2).any(|period| chars[period..] == chars[..chars.len() - period])
}

/// How many runs the text falls into, each as long as it can be from where the last one ended.
fn count_runs(chars: &[char]) -> usize {
    let mut runs = 1;
    let mut run_step = None;
    for pair in chars.windows(2) {
        let step = step(pair[0], pair[1]);
        if step.is_some() && (run_step.is_none() || run_step == step) {
            run_step = step;
        } else {
            runs += 1;
            run_step = None;
        }
    }
    runs
}

/// By how much a run goes on from one character to the next; `0` follows `9`.
fn step(from: char, to: char) -> Option<i64> {
    match (from, to) {
        ('9', '0') => Some(1),
        ('0', '9') => Some(-1),
        _ => Some(i64::from(u32::from(to)) - i64::from(u32::from(from))).filter(|step| step.abs() <= 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_large_enough() {
        let (digests, rest) = DIGESTS.as_chunks::<DIGEST_LEN>();
        assert!(rest.is_empty());
        assert!(digests.is_sorted_by(|a, b| a < b));
        assert!((20_000..25_000).contains(&digests.len()), "{}", digests.len());
    }

    #[test]
    fn folds_what_looks_or_sounds_the_same() {
        for (text, expected) in [
            ("Pass Word", "password"),
            ("ＰＡＳＳ\u{a0}\tword\n", "password"),
            ("STRAẞE", "straße"),
            ("", ""),
        ] {
            assert_eq!(*fold(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_stem_is_what_stands_between_digits_and_signs() {
        for (folded, expected) in [
            ("12password34!", Some("password")),
            ("p4ssw0rd", Some("p4ssw0rd")),
            ("!!née1née!!", Some("née1née")),
            ("1abc2", None),
            ("1abcd2", Some("abcd")),
            ("1234567890", None),
            ("", None),
        ] {
            assert_eq!(stem(folded), expected, "{folded}");
        }
    }

    #[test]
    fn knows_repetitions_and_runs() {
        for (folded, expected) in [
            ("aaaaaaaaaaaa", true),
            ("abcdabcdabcd", true),
            ("tulip7tulip7", true),
            ("tulip7tulip7tu", true),
            ("tulip7heron7", false),
            ("abcdefghijkl", true),
            ("lkjihgfedcba", true),
            ("901234567890", true),
            ("321098765432", true),
            ("aaaabbbbcccc", true),
            ("abcd1234dcba", true),
            ("abcdefx12345678", true),
            ("abcdxy1234dc", false),
            ("aabbccddeeff", false),
            ("four grey herons", false),
            ("acegikmoqsuw", false),
            ("", false),
        ] {
            assert_eq!(is_predictable(folded), expected, "{folded}");
        }
    }
}
