//! Phone numbers in text: however their digits are grouped, with or without the country's code, they are one number.
//!
//! A number is only taken for one by its form: with `+` (or `00`) before it, an area code in parentheses, or three and
//! more groups divided alike. What is no phone number but looks like one gets a token that nobody asks for.
//! Plan of country codes: ITU-T E.164.

/// Fewest and most digits of a number, with the country's code.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// A phone number found in text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phone {
    /// All digits, without `+` or `00` before the country's code.
    digits: String,
    /// The digits begin with the country's code.
    international: bool,
}

/// Reads a phone number that begins at byte `start` of an ASCII or other text; gives it and the byte after it.
pub(crate) fn read(text: &[u8], start: usize) -> Option<(Phone, usize)> {
    let plus = text.get(start) == Some(&b'+');
    let mut reader = Reader { text, at: start + usize::from(plus), ..Reader::default() };
    let clear =
        |b: &u8| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'_' | b'@') || !b.is_ascii());
    if start > 0 && !clear(&text[start - 1]) {
        return None;
    }
    let parenthesis = text.get(reader.at) == Some(&b'(');
    if !plus && !parenthesis && !begins_groups(&text[start..]) {
        return None;
    }
    reader.groups(plus || parenthesis);
    if text
        .get(reader.at)
        .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'@' | b'_' | b':' | b'('))
    {
        return None;
    }
    let (end, groups, alike) = (reader.at, &reader.lens[..reader.groups], reader.divider);
    let digits = std::str::from_utf8(&reader.digits[..reader.len]).ok()?;
    let double_zero = !plus && digits.starts_with("00");
    let digits = if double_zero { &digits[2..] } else { digits };
    let formed = if plus || double_zero {
        !digits.starts_with('0') && digits.len() >= 8 && (plus || groups.len() > 1)
    } else if parenthesis {
        groups.len() > 1 && (2..=5).contains(&groups[0])
    } else {
        let first = if digits.starts_with('1') { 1 } else { 2 };
        let dotted_quad = alike == Some(b'.') && groups.len() == 4 && groups.iter().all(|&len| len <= 3);
        groups.len() >= 3
            && alike.is_some()
            && digits.len() >= 9
            && (first..=4).contains(&groups[0])
            && groups[1..].iter().all(|len| (2..=4).contains(len))
            && !dotted_quad
    };
    let international =
        plus || double_zero || (digits.len() == 11 && digits.starts_with('1') && groups.len() > 1);
    let found = formed && DIGITS.contains(&digits.len());
    found.then(|| (Phone { digits: digits.to_owned(), international }, end))
}

/// Whether a first group of digits and one more stand there; most numbers in text end before that.
fn begins_groups(text: &[u8]) -> bool {
    let run = text.iter().take(5).take_while(|b| b.is_ascii_digit()).count();
    (1..=4).contains(&run)
        && matches!(text.get(run), Some(b' ' | b'-' | b'.' | b'/'))
        && text.get(run + 1).is_some_and(u8::is_ascii_digit)
}

/// Most digits that are read: those of a number, and the zeros before it.
const READ_MAX: usize = 18;

#[derive(Default)]
struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    /// Digits in each of the groups.
    lens: [usize; READ_MAX],
    groups: usize,
    digits: [u8; READ_MAX],
    len: usize,
    /// What stands between all groups so far, if it is always the same.
    divider: Option<u8>,
}

impl Reader<'_> {
    /// Reads groups of digits as long as there are some; dividers may differ if `mixed`.
    fn groups(&mut self, mixed: bool) {
        loop {
            let closed = self.text.get(self.at) == Some(&b'(');
            let from = self.at + usize::from(closed);
            let run =
                self.text[from.min(self.text.len())..].iter().take_while(|b| b.is_ascii_digit()).count();
            let to = from + run;
            if run == 0 || self.len + run > READ_MAX || (closed && self.text.get(to) != Some(&b')')) {
                return;
            }
            let group = &self.text[from..to];
            // `+44 (0)20`: the zero is for calls within the country.
            if !(closed && group == b"0" && self.groups > 0) {
                self.lens[self.groups] = run;
                self.groups += 1;
                self.digits[self.len..self.len + run].copy_from_slice(group);
                self.len += run;
            }
            self.at = to + usize::from(closed);
            let next = self.text.get(self.at..).unwrap_or_default();
            let starts = |rest: &[u8]| match rest {
                [b'(', digit, ..] => mixed && digit.is_ascii_digit(),
                [first, ..] => first.is_ascii_digit(),
                [] => false,
            };
            match next {
                [divider @ (b' ' | b'-' | b'.' | b'/'), rest @ ..] if starts(rest) => {
                    if !mixed && self.divider.is_some_and(|before| before != *divider) {
                        return;
                    }
                    self.divider = Some(*divider);
                    self.at += 1;
                }
                rest if (closed || rest.first() == Some(&b'(')) && starts(rest) => {}
                _ => return,
            }
        }
    }
}

impl Phone {
    /// The tokens under which a text that has the number is found.
    pub(crate) fn tokens(&self) -> Vec<String> {
        if self.international {
            vec![format!("+{}", self.digits), format!("*{}", &self.digits[country(&self.digits)..])]
        } else {
            vec![national(&self.digits).to_owned()]
        }
    }

    /// What finds the number in texts: tokens of formatted numbers, and words of plain digits.
    pub(crate) fn wanted(&self) -> Wanted {
        let mut wanted = Wanted::default();
        if self.international {
            let within = &self.digits[country(&self.digits)..];
            wanted.tokens.extend([format!("+{}", self.digits), within.to_owned()]);
            wanted.words.extend([
                self.digits.clone(),
                within.to_owned(),
                format!("0{within}"),
                format!("00{}", self.digits),
            ]);
        } else {
            let within = national(&self.digits);
            wanted.tokens.extend([within.to_owned(), format!("*{within}")]);
            wanted.words.extend([self.digits.clone(), within.to_owned(), format!("0{within}")]);
            if within.len() == 10 {
                wanted.words.push(format!("1{within}"));
            }
        }
        wanted
    }
}

/// The forms of phone numbers that plain `digits` may mean, beside these digits; none if they are too few or too many.
pub(crate) fn wanted_by_digits(digits: &str) -> Wanted {
    let mut wanted = Wanted::default();
    if !(*DIGITS.start()..=*DIGITS.end() + 2).contains(&digits.len())
        || !digits.bytes().all(|b| b.is_ascii_digit())
    {
        return wanted;
    }
    if let Some(rest) = digits.strip_prefix("00") {
        wanted.tokens.extend([format!("+{rest}"), rest[country(rest)..].to_owned()]);
        return wanted;
    }
    let within = national(digits);
    wanted.tokens.extend([within.to_owned(), format!("*{within}")]);
    if !digits.starts_with('0') {
        wanted.tokens.push(format!("+{digits}"));
        // A query string turns a `+` that is not encoded into a blank.
        wanted.words.push(format!("00{digits}"));
    }
    wanted.tokens.extend(digits.strip_prefix('1').filter(|rest| rest.len() == 10).map(str::to_owned));
    wanted
}

/// What a search for a phone number looks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) tokens: Vec<String>,
    pub(crate) words: Vec<String>,
}

/// The number without the zero that stands for "within the country".
fn national(digits: &str) -> &str {
    digits.strip_prefix('0').unwrap_or(digits)
}

/// Digits of the country's code with which an international number begins.
fn country(digits: &str) -> usize {
    const TWO: [&str; 47] = [
        "20", "27", "28", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47",
        "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66",
        "81", "82", "83", "84", "86", "89", "90", "91", "92", "93", "94", "95", "98",
    ];
    match digits.as_bytes().first() {
        Some(b'1' | b'7') => 1,
        _ if digits.get(..2).is_some_and(|code| TWO.contains(&code)) => 2,
        _ => 3.min(digits.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<String> {
        let (phone, end) = read(text.as_bytes(), 0)?;
        Some(format!("{} {}", phone.tokens().join(" "), &text[end..]).trim_end().to_owned())
    }

    #[test]
    fn reads_numbers_by_their_form() {
        for (text, expected) in [
            ("+1 (555) 010-9999", Some("+15550109999 *5550109999")),
            ("+15550109999", Some("+15550109999 *5550109999")),
            ("+1-555-010-9999, x", Some("+15550109999 *5550109999 , x")),
            ("+1.555.010.9999", Some("+15550109999 *5550109999")),
            ("1-555-010-9999", Some("+15550109999 *5550109999")),
            ("001 555 010 9999", Some("+15550109999 *5550109999")),
            ("(555) 010-9999", Some("5550109999")),
            ("(555)010-9999", Some("5550109999")),
            ("555-010-9999", Some("5550109999")),
            ("555.010.9999", Some("5550109999")),
            ("06 12 34 56 78", Some("612345678")),
            ("+33 6 12 34 56 78", Some("+33612345678 *612345678")),
            ("020 7946 0958", Some("2079460958")),
            ("+44 (0)20 7946 0958", Some("+442079460958 *2079460958")),
            ("+353 1 234 5678", Some("+35312345678 *12345678")),
            ("+1", None),
            ("+0100", None),
            ("+0000 12345678", None),
            ("5550109999", None),
            ("010-9999", None),
            ("2024-06-26", None),
            ("2024-06-26 06", None),
            ("192.168.100.200", None),
            ("10.0.0.1", None),
            ("1 2 3 4 5 6 7 8 9 10", None),
            ("4111 1111 1111 1111", None),
            ("555-010-9999x", None),
            ("(555", None),
            ("", None),
            ("+", None),
        ] {
            assert_eq!(found(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn every_form_finds_every_other() {
        let forms = [
            "+1 (555) 010-9999",
            "+15550109999",
            "1-555-010-9999",
            "(555) 010-9999",
            "555-010-9999",
            "555.010.9999",
            "001 555 010 9999",
        ];
        for asked in forms {
            let wanted = read(asked.as_bytes(), 0).unwrap().0.wanted();
            for text in forms {
                let tokens = read(text.as_bytes(), 0).unwrap().0.tokens();
                assert!(tokens.iter().any(|token| wanted.tokens.contains(token)), "{asked} finds {text}");
            }
            for digits in ["15550109999", "5550109999"] {
                assert!(wanted.words.iter().any(|word| word == digits), "{asked} finds {digits}");
                let by_digits = wanted_by_digits(digits).tokens;
                let tokens = read(asked.as_bytes(), 0).unwrap().0.tokens();
                assert!(tokens.iter().any(|token| by_digits.contains(token)), "{digits} finds {asked}");
            }
        }
    }

    #[test]
    fn the_same_number_of_another_country_is_another() {
        let wanted = read(b"+44 555 010 9999", 0).unwrap().0.wanted();
        let tokens = read(b"+1 555 010 9999", 0).unwrap().0.tokens();
        assert!(!tokens.iter().any(|token| wanted.tokens.contains(token)), "{wanted:?} {tokens:?}");
    }
}
