//! Words without case, accents and spelling variants, in every script that people search in.
//!
//! What is dropped or made alike is what people leave out or mix up when they type: accents of alphabets, points of
//! Arabic and Hebrew, the forms of alef, yeh and teh marbuta, digits of other scripts. Marks that make another word stay:
//! the vowel signs of Indic scripts and of Thai, the voicing marks of Japanese.

use unicode_normalization::UnicodeNormalization;

/// Without case and accents: compatibility decomposition, diacritics of alphabets dropped, composed again.
pub(crate) fn fold_text(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    let kept = word.nfkd().filter(|&c| !is_dropped(c)).nfc();
    for c in kept.flat_map(char::to_uppercase).flat_map(char::to_lowercase) {
        match c {
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' => folded.push('d'),
            'ħ' => folded.push('h'),
            'ŧ' => folded.push('t'),
            'ı' => folded.push('i'),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            // Left by folding what could not be decomposed before, such as a dotted capital I.
            c if is_dropped(c) => {}
            c => folded.push(variant(c)),
        }
    }
    folded
}

/// Accents of Latin, Greek and Cyrillic, Arabic harakat and tatweel, Hebrew points, the nukta of Devanagari, and what
/// can't be seen at all.
fn is_dropped(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{640}' | '\u{6d6}'..='\u{6dc}'
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}'
        | '\u{93c}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}')
}

/// The one letter or digit for several that are written for each other.
fn variant(c: char) -> char {
    match c {
        // Alef wasla; alef with madda or hamza decompose, and lose the mark.
        '\u{671}' => '\u{627}',
        // Teh marbuta and heh; alef maksura, Farsi yeh and yeh; keheh and kaf.
        '\u{629}' | '\u{6c1}' | '\u{6c3}' | '\u{6d5}' => '\u{647}',
        '\u{649}' | '\u{6cc}' | '\u{6d2}' => '\u{64a}',
        '\u{6a9}' => '\u{643}',
        // Chandrabindu and anusvara.
        '\u{901}' => '\u{902}',
        c if c.is_ascii() => c,
        c => digit(c).unwrap_or(c),
    }
}

/// The code points of zero in the scripts whose digits are read as ours.
const ZEROS: [u32; 17] = [
    0x660, 0x6f0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xf20, 0x1040,
    0x17e0, 0x1810,
];

fn digit(c: char) -> Option<char> {
    let code = u32::from(c);
    let zero = ZEROS.iter().find(|&&zero| (zero..zero + 10).contains(&code))?;
    char::from_digit(code - zero, 10)
}

/// Whether the script is written without blanks (or, as Korean, glues particles to words), so that its text is found
/// character by character.
pub(crate) fn is_sequence(c: char) -> bool {
    matches!(u32::from(c),
        // Thai, Lao, Myanmar, Khmer, without their digits.
        0xe01..=0xe3a | 0xe40..=0xe4e | 0xe81..=0xecf | 0x1000..=0x103f | 0x1050..=0x108f | 0x1780..=0x17d3
        // Jamo, radicals, ideographs.
        | 0x1100..=0x11ff | 0x2e80..=0x2fdf | 0x3005..=0x3007 | 0x3021..=0x3029 | 0x3031..=0x3035 | 0x3038..=0x303c
        // Kana, Bopomofo, more Jamo; not the punctuation among them.
        | 0x3041..=0x309f | 0x30a1..=0x30fa | 0x30fc..=0x30ff | 0x3105..=0x312f | 0x3131..=0x318e | 0x31f0..=0x31ff
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xa960..=0xa97c | 0xac00..=0xd7fb | 0xf900..=0xfaff
        | 0xff66..=0xffdc | 0x1b000..=0x1b16f | 0x20000..=0x3ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_what_people_write_for_each_other() {
        for (a, b) in [
            ("Émile", "EMILE"),
            ("Cafe\u{301}", "CAFÉ"),
            ("straße", "STRASSE"),
            ("Łódź", "lodz"),
            ("İSTANBUL", "istanbul"),
            ("ışık", "isik"),
            ("Ёж", "еж"),
            ("ΟΔΥΣΣΕΎΣ", "οδυσσευσ"),
            ("ｆｕｌｌ①", "full1"),
            ("soft\u{ad}hyphen", "softhyphen"),
            ("أحمد", "احمد"),
            ("إدارة", "اداره"),
            ("آمنة", "امنه"),
            ("مستشفى", "مستشفي"),
            ("محـــمد", "محمد"),
            ("مُحَمَّد", "محمد"),
            ("علی", "علي"),
            ("کتاب", "كتاب"),
            ("می\u{200c}خواهم", "ميخواهم"),
            ("١٢٣۴۵", "12345"),
            ("१२३", "123"),
            ("๑๒๓", "123"),
            ("שָׁלוֹם", "שלום"),
            ("फ़ाइल", "फाइल"),
            ("हँसी", "हंसी"),
            ("ﾃﾞｰﾀ", "データ"),
            ("한국어", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}\u{110b}\u{1165}"),
        ] {
            assert_eq!(fold_text(a), fold_text(b), "{a} {b}");
        }
        for (a, b) in [("हिन्दी", "हन्द"), ("が", "か"), ("ไก่", "ไก"), ("й", "")]
        {
            assert_ne!(fold_text(a), fold_text(b), "{a} {b}");
        }
    }

    #[test]
    fn folding_again_changes_nothing() {
        for text in ["İSTANBUL ŉ ΐ ﬀ ǆ", "إدارة ٣", "ﾃﾞｰﾀ한국어 น้ำ", "Ⅷ ½ ª ſ K Å"]
        {
            let folded = fold_text(text);
            assert_eq!(fold_text(&folded), folded, "{text}");
        }
    }
}
