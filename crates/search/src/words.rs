//! Text to words: how details, names, parameters and data become findable, and how `q` is read the same way.
//!
//! Words are those of UAX #29, split once more at punctuation (`web.example.com` is three words), without case and
//! without accents. E-mail addresses, UUIDs and IP addresses are found as one token too. Left out on purpose:
//! stemming, stop words, and splitting of camelCase.
//! Invariant: a query word goes through the same functions as the text, so both sides always agree.

use std::net::IpAddr;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use crate::field::{canonical_ip, read_address, shorten};

/// Longest word, in bytes; a longer one (a base64 blob, say) is kept as its beginning and a hash.
const WORD_MAX: usize = 128;
/// Bytes of a longer word that stay readable, and findable by prefix.
pub(crate) const WORD_HEAD: usize = 95;

/// Calls `each` with every word of `text`, folded, in order.
pub(crate) fn words(text: &str, mut each: impl FnMut(&str)) {
    if text.is_ascii() {
        for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
            if word.len() <= WORD_MAX && word.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()) {
                each(word);
            } else {
                each(&shorten(&word.to_ascii_lowercase(), WORD_MAX, WORD_HEAD));
            }
        }
        return;
    }
    for word in text.unicode_words() {
        let folded = fold_text(word);
        for part in folded.split(is_separator) {
            // Punctuation and lone marks make no word.
            if part.chars().any(char::is_alphanumeric) {
                each(&shorten(part, WORD_MAX, WORD_HEAD));
            }
        }
    }
}

/// The words of `text` as a list.
pub(crate) fn word_list(text: &str) -> Vec<String> {
    let mut list = Vec::new();
    words(text, |word| list.push(word.to_owned()));
    list
}

/// Without case and accents: compatibility decomposition, diacritics of alphabets dropped, composed again.
fn fold_text(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    for c in word
        .nfkd()
        .filter(|&c| !is_diacritic(c))
        .nfc()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
    {
        match c {
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' => folded.push('d'),
            'ħ' => folded.push('h'),
            'ŧ' => folded.push('t'),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            // Left by folding what could not be decomposed before, such as a dotted capital I.
            c if is_diacritic(c) => {}
            c => folded.push(c),
        }
    }
    folded
}

/// Accents of Latin, Greek and Cyrillic, Arabic harakat, Hebrew points. Not the vowel signs of Indic scripts, nor the
/// voicing marks of Japanese: there the mark makes another word.
fn is_diacritic(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{591}'..='\u{5bd}' | '\u{5bf}'
        | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}' | '\u{640}')
}

fn is_separator(c: char) -> bool {
    (c.is_ascii() && !c.is_ascii_alphanumeric())
        || matches!(c, '\u{b7}' | '\u{2018}' | '\u{2019}' | '\u{2024}' | '\u{2027}' | '\u{203f}' | '\u{2044}')
}

/// Calls `each` with every e-mail address, UUID and IP address of `text`: the piece of the text, and its token.
pub(crate) fn wholes<'t>(text: &'t str, mut each: impl FnMut(&'t str, String)) {
    for run in text.split(|c| !is_whole_char(c)).filter(|run| run.len() > 2) {
        if run.contains('@') {
            emails(run, &mut each);
        } else if let Some((piece, ip)) = address(run) {
            each(piece, canonical_ip(ip).to_string());
        } else if run.len() >= UUID_LEN {
            uuids(run, &mut each);
        }
    }
}

/// The token of a `term` that is, apart from punctuation around it, one e-mail address, UUID or IP address.
pub(crate) fn whole_of(term: &str) -> Option<String> {
    let inner = term.trim_matches(|c: char| !c.is_alphanumeric());
    let mut found = Vec::new();
    wholes(term, |piece, token| found.push((piece, token)));
    match found.as_mut_slice() {
        // An address such as `::1` begins with punctuation, so the piece may be longer than what was trimmed to.
        [(piece, token)] if piece.len() >= inner.len() => Some(std::mem::take(token)),
        _ => None,
    }
}

fn is_whole_char(c: char) -> bool {
    matches!(c, '.' | '_' | '%' | '+' | '-' | ':' | '@') || c.is_alphanumeric()
}

fn emails<'t>(run: &'t str, each: &mut impl FnMut(&'t str, String)) {
    for (at, _) in run.match_indices('@') {
        let local = run[..at].rsplit([':', '@']).next().unwrap_or("").trim_start_matches(['.', '-']);
        let domain = run[at + 1..].split([':', '@', '_', '%', '+']).next().unwrap_or("");
        let domain = domain.trim_end_matches(['.', '-']);
        if !local.is_empty() && domain.starts_with(char::is_alphanumeric) {
            let piece = &run[at - local.len()..at + 1 + domain.len()];
            each(piece, shorten(&fold_text(piece), WORD_MAX, WORD_HEAD).into_owned());
        }
    }
}

/// An address that is the whole run, but for a port after it or a full stop or colon at its end.
fn address(run: &str) -> Option<(&str, IpAddr)> {
    if run.len() > 64 || !(run.contains(':') || run.bytes().filter(|&b| b == b'.').count() >= 3) {
        return None;
    }
    let stop = run.trim_end_matches(['.', '-', '_']);
    let colon = stop.strip_suffix(':').filter(|rest| !rest.ends_with(':'));
    [Some(stop), colon].into_iter().flatten().find_map(|piece| Some((piece, read_address(piece)?.0)))
}

const UUID_LEN: usize = 36;

fn uuids<'t>(run: &'t str, each: &mut impl FnMut(&'t str, String)) {
    let bytes = run.as_bytes();
    let mut at = 0;
    while at + UUID_LEN <= bytes.len() {
        let is_uuid = bytes[at..at + UUID_LEN].iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        });
        let alone = (at == 0 || !bytes[at - 1].is_ascii_alphanumeric())
            && bytes.get(at + UUID_LEN).is_none_or(|b| !b.is_ascii_alphanumeric());
        if is_uuid && alone {
            // All ASCII, so the slice falls on character boundaries.
            let piece = &run[at..at + UUID_LEN];
            each(piece, piece.to_ascii_lowercase());
            at += UUID_LEN;
        } else {
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole_list(text: &str) -> Vec<String> {
        let mut list = Vec::new();
        wholes(text, |_, token| list.push(token));
        list
    }

    #[test]
    fn splits_text_into_folded_words() {
        for (text, expected) in [
            ("Play recording", "play|recording"),
            ("web.Example.com/a_b-c", "web|example|com|a|b|c"),
            ("Émile Zoë naïve", "emile|zoe|naive"),
            ("l'utilisateur d’Été", "l|utilisateur|d|ete"),
            ("STRASSE straße", "strasse|strasse"),
            ("Łódź Øre İstanbul", "lodz|ore|istanbul"),
            ("日本語", "日|本|語"),
            ("ｆｕｌｌ①", "full|1"),
            ("مُحَمَّد", "محمد"),
            ("हिन्दी", "हिन्दी"),
            ("Привет, Ёж", "привет|еж"),
            ("🙂 !!! —", ""),
            ("1.5 GB", "1|5|gb"),
        ] {
            assert_eq!(word_list(text).join("|"), expected, "{text}");
        }
    }

    #[test]
    fn accents_fold_alike_composed_and_decomposed() {
        assert_eq!(word_list("Cafe\u{301}"), word_list("CAFÉ"));
    }

    #[test]
    fn long_words_are_bounded_and_still_told_apart() {
        let (a, b) = ("A".repeat(5000), "A".repeat(5001));
        let (wa, wb) = (word_list(&a), word_list(&b));
        assert!(wa[0].len() <= WORD_MAX && wa != wb && wa[0].starts_with(&"a".repeat(WORD_HEAD)));
    }

    #[test]
    fn finds_addresses_and_ids_whole() {
        for (text, expected) in [
            ("mail Ada@Company.com.", "ada@company.com"),
            ("user=ada@company.com;b@c", "ada@company.com|b@c"),
            ("mailto:x.y+z@ex.org", "x.y+z@ex.org"),
            ("@handle and a@", ""),
            ("id C333D58A-7ba6-4d69-91e4-175816aa5d0b!", "c333d58a-7ba6-4d69-91e4-175816aa5d0b"),
            ("arn:x/c333d58a-7ba6-4d69-91e4-175816aa5d0b", "c333d58a-7ba6-4d69-91e4-175816aa5d0b"),
            ("task-c333d58a-7ba6-4d69-91e4-175816aa5d0b", "c333d58a-7ba6-4d69-91e4-175816aa5d0b"),
            ("fc333d58a-7ba6-4d69-91e4-175816aa5d0b", ""),
            ("from 10.0.0.1:443, 10.0.0.2.", "10.0.0.1|10.0.0.2"),
            ("peer 2001:0DB8:0:0::1 ::ffff:10.1.2.3", "2001:db8::1|10.1.2.3"),
            ("at 12:30:05 mac 00:1a:2b:3c:4d:5e v1.2.3", ""),
            ("loop ::1: refused", "::1"),
        ] {
            assert_eq!(whole_list(text).join("|"), expected, "{text}");
        }
    }

    #[test]
    fn a_query_term_is_whole_only_if_nothing_else_is_in_it() {
        for (term, expected) in [
            ("Ada@company.com", Some("ada@company.com")),
            ("(ada@company.com)", Some("ada@company.com")),
            ("user:ada@company.com", None),
            ("2001:db8:0:0::1", Some("2001:db8::1")),
            ("::1", Some("::1")),
            ("10.0.0.1", Some("10.0.0.1")),
            ("word", None),
        ] {
            assert_eq!(whole_of(term).as_deref(), expected, "{term}");
        }
    }
}
