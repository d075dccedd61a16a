//! Strict text forms shared by notes, checkpoints, proofs and keys: base64, hex, decimal.
//!
//! Each value has exactly one accepted spelling, so text that verifies can be compared byte for byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hash::{HASH_LEN, Hash};

/// Returns a hash as padded standard base64 (RFC 4648 section 4), 44 characters.
pub fn encode_hash(hash: &Hash) -> String {
    to_base64(hash)
}

/// Returns the hash that `text` spells in padded standard base64, or `None` where it spells none.
pub fn decode_hash(text: &str) -> Option<Hash> {
    // Checked first so that a long line is not decoded only to be refused.
    (text.len() == HASH_LEN.div_ceil(3) * 4).then(|| from_base64(text)).flatten()?.try_into().ok()
}

pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes padded standard base64; stray trailing bits, missing padding and line breaks are refused.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Reads a decimal number without sign and without leading zeros.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// Returns bytes in lower-case hex.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|nibble| DIGITS[nibble as usize]).collect()
}

const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

/// Reads the eight lower-case hex digits of a key id.
pub(crate) fn parse_key_id(text: &str) -> Option<[u8; 4]> {
    let digits = text.len() == 8 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if digits { u32::from_str_radix(text, 16).ok().map(u32::to_be_bytes) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_one_spelling() {
        for (text, number) in [
            ("0", Some(0)),
            ("10", Some(10)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("00", None),
            ("01", None),
            ("+1", None),
            ("-1", None),
            (" 1", None),
            ("1_0", None),
            ("\u{661}", None),
        ] {
            assert_eq!(parse_decimal(text), number, "{text:?}");
        }
        for (text, id) in
            [("00ff10aB", None), ("00ff10ab", Some([0, 255, 16, 171])), ("ff10ab", None), ("+0ff10ab", None)]
        {
            assert_eq!(parse_key_id(text), id, "{text:?}");
        }
        let hash = [7; 32];
        let text = encode_hash(&hash);
        assert_eq!(decode_hash(&text), Some(hash));
        let stray_bits = text.replace("c=", "d=");
        assert_ne!(stray_bits, text);
        for bad in [&stray_bits, text.trim_end_matches('='), &text.replace('=', ""), &format!("{text}\n"), ""]
        {
            assert_eq!(decode_hash(bad), None, "{bad:?}");
        }
    }
}
