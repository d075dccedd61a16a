//! Text to words: how details, names, parameters and data become findable, and how `q` is read the same way.
//!
//! Words are those of UAX #29, split once more at punctuation (`web.example.com` is three words), without case and
//! accents, see [`crate::fold`]. Scripts without blanks are taken character by character: every piece of such a text is
//! then a phrase, of any length, which pairs of characters would not give. An address or UUID is one token in one place.
//! Left out on purpose: stemming, stop words.
//! Invariant: a query goes through the same function as the text, so both sides always agree; what a word is depends
//! on nothing but the run between blanks that it stands in (phone numbers, which have blanks, are found beside words).

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use crate::field::shorten;
use crate::fold::{fold_text, is_sequence};
use crate::phone;
use crate::wholes::{Kind, UUID_LEN, address, emails, uuids};

/// Longest word, in bytes; a longer one (a base64 blob, say) is kept as its beginning and a hash.
pub(crate) const WORD_MAX: usize = 128;
/// Bytes of a longer word that stay readable, and findable by prefix.
pub(crate) const WORD_HEAD: usize = 95;

/// Longest word that is looked at for parts, and the fewest letters that its parts have on average, times two.
const COMPOUND_MAX: usize = 64;
const PART_LETTERS_TWICE: usize = 5;

/// What a text consists of, in order.
pub(crate) trait Sink {
    /// The next word, folded.
    fn word(&mut self, word: &str);

    /// The next word, of ASCII letters and digits with capitals among them.
    fn capitals(&mut self, word: &str) {
        self.word(&word.to_ascii_lowercase());
    }

    /// In place of the next word: a token that is no words.
    fn opaque(&mut self, kind: Kind, token: &str);

    /// A token beside the words that it consists of, which take up `len` bytes of the text.
    fn token(&mut self, kind: Kind, token: &str, len: usize);

    /// A phone number beside its words.
    fn phone(&mut self, phone: &phone::Phone, len: usize);

    /// The last word, as written, has parts: see [`parts`].
    fn compound(&mut self, word: &str);
}

/// Gives the words and tokens of `text` to `sink`.
pub(crate) fn analyse(text: &str, sink: &mut impl Sink) {
    if text.is_ascii() {
        return ascii(text, sink);
    }
    // Runs of ASCII with blanks between them stay together, so that phone numbers do.
    let mut plain = 0;
    let mut at = 0;
    for run in text.split_inclusive(|c: char| c.is_whitespace()) {
        if !run.is_ascii() {
            ascii(&text[plain..at], sink);
            foreign(run, sink);
            plain = at + run.len();
        }
        at += run.len();
    }
    ascii(&text[plain..], sink);
}

/// A run with characters beyond ASCII.
fn foreign(run: &str, sink: &mut impl Sink) {
    let parted = |c: char| (c.is_ascii() && class(c as u8) == 0) || is_quote(c);
    for piece in run.split(parted).filter(|piece| !piece.is_empty()) {
        if piece.is_ascii() {
            ascii(piece, sink);
            continue;
        }
        if piece.contains('@') {
            emails(piece, |place, token| sink.token(Kind::Email, token, place.len()));
        }
        let mut rest = piece;
        while let Some(first) = rest.chars().next() {
            let sequence = is_sequence(first);
            // A mark belongs to what stands before it, whatever that is.
            let end =
                rest.find(|c| is_sequence(c) != sequence && !is_combining_mark(c)).unwrap_or(rest.len());
            let (stretch, after) = rest.split_at(end);
            rest = after;
            match (stretch.is_ascii(), sequence) {
                (true, _) => ascii(stretch, sink),
                (false, true) => characters(stretch, sink),
                (false, false) => unicode(stretch, sink),
            }
        }
    }
}

/// Text of a script without blanks: each character with its marks is a word.
fn characters(text: &str, sink: &mut impl Sink) {
    let folded = fold_text(text);
    let mut start = 0;
    let starts = folded.char_indices().skip(1).filter(|(_, c)| !is_combining_mark(*c)).map(|(at, _)| at);
    for end in starts.chain([folded.len()]) {
        let character = &folded[start..end];
        if character.chars().any(char::is_alphanumeric) {
            sink.word(&shorten(character, WORD_MAX, WORD_HEAD));
        }
        start = end;
    }
}

/// Text of a script with blanks.
fn unicode(text: &str, sink: &mut impl Sink) {
    for word in text.unicode_words() {
        let folded = fold_text(word);
        for part in folded.split(is_separator) {
            // Punctuation and lone marks make no word.
            if part.chars().any(char::is_alphanumeric) {
                sink.word(&shorten(part, WORD_MAX, WORD_HEAD));
            }
        }
    }
}

fn is_separator(c: char) -> bool {
    (c.is_ascii() && !c.is_ascii_alphanumeric())
        || is_quote(c)
        || matches!(c, '\u{b7}' | '\u{2024}' | '\u{2027}' | '\u{203f}' | '\u{2044}' | '\u{5f3}' | '\u{5f4}')
}

/// Quotation marks and brackets of many scripts: they part what stands around them.
fn is_quote(c: char) -> bool {
    matches!(c, '\u{ab}' | '\u{bb}' | '\u{2010}'..='\u{201f}' | '\u{2039}' | '\u{203a}' | '\u{2026}'
        | '\u{3001}' | '\u{3002}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301b}' | '\u{60c}' | '\u{61b}' | '\u{ff08}'
        | '\u{ff09}' | '\u{ff0c}' | '\u{ff1a}' | '\u{ff1b}' | '\u{a0}')
}

// What a byte can be within a run; 0 for what ends it.
const LOWER: u8 = 1;
const UPPER: u8 = 2;
const DIGIT: u8 = 4;
const POINT: u8 = 8;
const COLON: u8 = 16;
const DASH: u8 = 32;
const AT: u8 = 64;
const OTHER: u8 = 128;

const CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        table[byte] = match b {
            b'a'..=b'z' => LOWER,
            b'A'..=b'Z' => UPPER,
            b'0'..=b'9' => DIGIT,
            b'.' => POINT,
            b':' => COLON,
            b'-' => DASH,
            b'@' => AT,
            b'_' | b'%' | b'+' => OTHER,
            _ => 0,
        };
        byte += 1;
    }
    table
};

const WORD_CLASSES: u8 = LOWER | UPPER | DIGIT;

fn class(byte: u8) -> u8 {
    CLASSES[byte as usize]
}

/// ASCII text, run by run; a run is what can be one address, id or name.
fn ascii(text: &str, sink: &mut impl Sink) {
    let bytes = text.as_bytes();
    let (mut at, mut phone_end) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        if class(byte) == 0 {
            if byte == b'(' && at >= phone_end && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
                phone_end = phone_at(bytes, at, phone_end, sink);
            }
            at += 1;
            continue;
        }
        let (start, mut seen) = (at, 0);
        while let Some(class) = bytes.get(at).map(|&b| class(b)).filter(|&class| class != 0) {
            seen |= class;
            at += 1;
        }
        if seen & (DIGIT | LOWER | UPPER | AT) == DIGIT
            && start >= phone_end
            && matches!(byte, b'+' | b'0'..=b'9')
            || (byte == b'+' && bytes.get(at) == Some(&b'(') && at == start + 1)
        {
            phone_end = phone_at(bytes, start, phone_end, sink);
        }
        run(&text[start..at], seen, sink);
    }
}

fn phone_at(bytes: &[u8], start: usize, before: usize, sink: &mut impl Sink) -> usize {
    match phone::read(bytes, start) {
        Some((phone, end)) => {
            sink.phone(&phone, end - start);
            end
        }
        None => before,
    }
}

fn run(run: &str, seen: u8, sink: &mut impl Sink) {
    if seen & !WORD_CLASSES == 0 {
        return word(run, seen, sink);
    }
    if seen & AT != 0 {
        plain(run, sink);
        return emails(run, |place, token| sink.token(Kind::Email, token, place.len()));
    }
    let count = |wanted: u8| run.bytes().filter(|&b| b == wanted).count();
    let maybe_address = (seen & COLON != 0 && count(b':') >= 2)
        || (seen & POINT != 0 && seen & DIGIT != 0 && count(b'.') >= 2)
        || (seen & DASH != 0 && count(b'-') == 5);
    if maybe_address && let Some((place, kind, token)) = address(run) {
        plain(&run[..place.start], sink);
        sink.opaque(kind, &token);
        return plain(&run[place.end..], sink);
    }
    let mut start = 0;
    if seen & DASH != 0 && run.len() >= UUID_LEN {
        for at in uuids(run) {
            plain(&run[start..at], sink);
            start = at + UUID_LEN;
            sink.opaque(Kind::Uuid, &run[at..start].to_ascii_lowercase());
        }
    }
    plain(&run[start..], sink);
}

/// The words of a run without addresses.
fn plain(run: &str, sink: &mut impl Sink) {
    let bytes = run.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let (start, mut seen) = (at, 0);
        while let Some(class) = bytes.get(at).map(|&b| class(b) & WORD_CLASSES).filter(|&class| class != 0) {
            seen |= class;
            at += 1;
        }
        if at > start {
            word(&run[start..at], seen, sink);
        } else {
            at += 1;
        }
    }
}

/// One run of ASCII letters and digits.
fn word(word: &str, seen: u8, sink: &mut impl Sink) {
    let bytes = word.as_bytes();
    if seen & DIGIT != 0 && seen & (LOWER | UPPER) != 0 {
        // Within a time, as in 2026-03-01T12:34:56Z: the letters are punctuation.
        let digits = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_digit);
        match bytes {
            [day @ .., b'T' | b't', h1, h2] if day.len() == 2 && digits(day) && digits(&[*h1, *h2]) => {
                sink.word(&word[..2]);
                return sink.word(&word[3..]);
            }
            [second @ .., b'Z' | b'z'] if second.len() > 1 && digits(second) => {
                return sink.word(&shorten(&word[..second.len()], WORD_MAX, WORD_HEAD));
            }
            _ => {}
        }
    }
    if bytes.len() > WORD_MAX {
        return sink.word(&shorten(&word.to_ascii_lowercase(), WORD_MAX, WORD_HEAD));
    }
    if seen & UPPER == 0 {
        return sink.word(word);
    }
    sink.capitals(word);
    if seen & LOWER != 0 && bytes.len() <= COMPOUND_MAX && is_compound(bytes) {
        sink.compound(word);
    }
}

/// Whether a part begins at `at`: `runInstances`, `HTTPServer`, `S3Bucket`.
fn begins_part(word: &[u8], at: usize) -> bool {
    let lower = |at: usize| word.get(at).is_some_and(u8::is_ascii_lowercase);
    word[at].is_ascii_uppercase() && (lower(at - 1) || lower(at + 1))
}

/// Whether a word with capitals consists of several; ids of mixed letters and digits do not.
fn is_compound(word: &[u8]) -> bool {
    let starts = (1..word.len()).filter(|&at| begins_part(word, at)).count();
    let digit_runs = (0..word.len())
        .filter(|&at| word[at].is_ascii_digit() && (at == 0 || !word[at - 1].is_ascii_digit()));
    starts > 0 && 2 * word.len() >= PART_LETTERS_TWICE * (starts + 1) && digit_runs.count() < 2
}

/// Calls `each` with the parts of a compound word: `Run`, `Instances`.
pub(crate) fn parts<'w>(word: &'w str, mut each: impl FnMut(&'w str)) {
    let mut start = 0;
    for at in 1..word.len() {
        if begins_part(word.as_bytes(), at) {
            each(&word[start..at]);
            start = at;
        }
    }
    each(&word[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words as they are, tokens in brackets, parts of compounds in braces.
    struct Shown(Vec<String>);

    impl Sink for Shown {
        fn word(&mut self, word: &str) {
            self.0.push(word.to_owned());
        }

        fn opaque(&mut self, _: Kind, token: &str) {
            self.0.push(format!("<{token}>"));
        }

        fn token(&mut self, _: Kind, token: &str, _: usize) {
            self.0.push(format!("[{token}]"));
        }

        fn phone(&mut self, phone: &phone::Phone, _: usize) {
            self.0.push(format!("[{}]", phone.tokens().join(" ")));
        }

        fn compound(&mut self, word: &str) {
            let mut list = Vec::new();
            parts(word, |part| list.push(part));
            self.0.push(format!("{{{}}}", list.join(" ")));
        }
    }

    fn shown(text: &str) -> String {
        let mut sink = Shown(Vec::new());
        analyse(text, &mut sink);
        sink.0.join("|")
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
            ("データ・ベース", "テ\u{3099}|ー|タ|へ\u{3099}|ー|ス"),
            ("사용자가", "사|용|자|가"),
            ("ｆｕｌｌ①", "full|1"),
            ("مُحَمَّد", "محمد"),
            ("هيئة الأمن", "هييه|الامن"),
            ("हिन्दी में", "हिन्दी|में"),
            ("สวัสดี", "ส|วั|ส|ดี"),
            ("שָׁלוֹם עולם", "שלום|עולם"),
            ("צה״ל צה\"ל", "צה|ל|צה|ל"),
            ("Привет, Ёж", "привет|еж"),
            ("🙂 !!! —", ""),
            ("1.5 GB", "1|5|gb"),
            ("v1.2.3-rc1", "v1|2|3|rc1"),
            ("/etc/passwd C:\\Windows\\x.dll", "etc|passwd|c|windows|x|dll"),
            ("arn:aws:iam::123456789012:user/Ada", "arn|aws|iam|123456789012|user|ada"),
            ("2019-01-07T11:18:16.1670000Z", "2019|01|07|11|18|16|1670000"),
            ("snake_case-and.dots", "snake|case|and|dots"),
        ] {
            assert_eq!(
                shown(text),
                expected.replace("テ\u{3099}", "デ").replace("へ\u{3099}", "ベ"),
                "{text}"
            );
        }
    }

    #[test]
    fn long_words_are_bounded_and_still_told_apart() {
        let (a, b) = ("A".repeat(5000), "A".repeat(5001));
        let (wa, wb) = (shown(&a), shown(&b));
        assert!(wa.len() <= WORD_MAX && wa != wb && wa.starts_with(&"a".repeat(WORD_HEAD)));
    }

    /// An event of the largest size that is one run of labels, and ends in punctuation.
    #[test]
    fn a_long_run_takes_neither_a_deep_stack_nor_long() {
        let labels = "x:".repeat(300_000);
        for end in ["", "10.0.0.1", &"-".repeat(400_000), &":".repeat(400_000)] {
            let words = shown(&format!("{labels}{end}"));
            assert!(words.starts_with("x|x|x") && words.ends_with("10.0.0.1>") == (end == "10.0.0.1"));
        }
    }

    #[test]
    fn takes_compounds_apart_and_keeps_them_whole() {
        for (text, expected) in [
            ("RunInstances", "runinstances|{Run Instances}"),
            ("getHTTPServerName2", "gethttpservername2|{get HTTP Server Name2}"),
            ("S3Bucket", "s3bucket|{S3 Bucket}"),
            ("orgId", "orgid|{org Id}"),
            ("iPhone", "iphone|{i Phone}"),
            ("eBay", "ebay"),
            ("Login LOGIN login", "login|login|login"),
            ("aB3dE9fG", "ab3de9fg"),
            ("UTF8ToUTF16Converter", "utf8toutf16converter"),
            ("Привет RunInstances", "привет|runinstances|{Run Instances}"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn finds_addresses_and_ids_whole() {
        for (text, expected) in [
            ("mail Ada@Company.com.", "mail|ada|company|com|[ada@company.com]"),
            ("b@c;mailto:x.y+z@ex.org", "b|c|[b@c]|mailto|x|y|z|ex|org|[x.y+z@ex.org]"),
            ("„ada@firma.de“", "ada|firma|de|[ada@firma.de]"),
            ("@handle and a@", "handle|and|a"),
            ("id C333D58A-7ba6-4d69-91e4-175816aa5d0b!", "id|<c333d58a-7ba6-4d69-91e4-175816aa5d0b>"),
            ("task-c333d58a-7ba6-4d69-91e4-175816aa5d0b_x", "task|<c333d58a-7ba6-4d69-91e4-175816aa5d0b>|x"),
            ("fc333d58a-7ba6-4d69-91e4-175816aa5d0b", "fc333d58a|7ba6|4d69|91e4|175816aa5d0b"),
            ("from 10.0.0.1:443, 10.0.0.2.", "from|<10.0.0.1>|443|<10.0.0.2>"),
            ("ip:10.0.0.1 peer:2001:DB8::1", "ip|<10.0.0.1>|peer|<2001:db8::1>"),
            ("host/ device:[::ffff:172.16.177.202]", "host|device|<172.16.177.202>"),
            ("peer 2001:0DB8:0:0::1 ::ffff:10.1.2.3", "peer|<2001:db8::1>|<10.1.2.3>"),
            ("日本10.0.0.1日", "日|本|<10.0.0.1>|日"),
            ("at 12:30:05 v1.2.3", "at|12|30|05|v1|2|3"),
            ("loop ::1: refused", "loop|<::1>|refused"),
            ("00:1A:2b:3c:4d:5e 00-1a-2b-3c-4d-5e", "<00:1a:2b:3c:4d:5e>|<00:1a:2b:3c:4d:5e>"),
            ("mac:001a.2b3c.4d5e", "mac|<00:1a:2b:3c:4d:5e>"),
            ("call +1 (555) 010-9999.", "call|[+15550109999 *5550109999]|1|555|010|9999"),
            ("(555) 010-9999", "[5550109999]|555|010|9999"),
            ("тел. 555-010-9999", "тел|[5550109999]|555|010|9999"),
            ("on 2024-06-26 06:43:56", "on|2024|06|26|06|43|56"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
