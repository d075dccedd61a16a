//! The reader: one pass from left to right, no recursion, numbers only checked.
//!
//! Invariant: the place is always between two characters when a caller gets control, and `depth` counts the
//! containers around it.

use std::borrow::Cow;

use super::{Fatal, Kind, Text};

/// Reads one JSON text from left to right.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    depth_max: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str, depth_max: usize) -> Self {
        Self { text, at: 0, depth: 0, depth_max }
    }

    /// The text between `start` and here.
    pub(super) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    /// How many bytes have been read.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
    }

    fn malformed<T>(&self, expected: &'static str) -> Result<T, Fatal> {
        // Step back to the start of a character: scanners may stand inside of one.
        let offset =
            (0..=self.at.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        Err(Fatal::Malformed { offset, expected })
    }

    /// Skips white space; returns `None` if the text ends there.
    pub(crate) fn kind_at_start(&mut self) -> Option<u8> {
        self.skip_space();
        self.byte()
    }

    /// The kind of the value that comes next, judged by its first byte.
    pub(crate) fn kind(&mut self) -> Result<Kind, Fatal> {
        self.skip_space();
        match self.byte() {
            Some(b'"') => Ok(Kind::String),
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            _ => self.malformed("a JSON value"),
        }
    }

    /// Checks that only white space is left.
    pub(crate) fn end(&mut self) -> Result<(), Fatal> {
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { self.malformed("the end of the text") }
    }

    /// Enters the object or array whose first byte comes next.
    pub(crate) fn open(&mut self) -> Result<(), Fatal> {
        if self.depth == self.depth_max {
            return Err(Fatal::TooDeep { depth_max: self.depth_max });
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Moves to the next name and over its colon; returns `None` where the object ended.
    pub(crate) fn next_name(&mut self, first: &mut bool) -> Result<Option<Text<'a>>, Fatal> {
        self.skip_space();
        match self.byte() {
            Some(b'}') => {
                self.at += 1;
                self.depth -= 1;
                return Ok(None);
            }
            Some(b',') if !*first => {
                self.at += 1;
                self.skip_space();
            }
            _ if *first => {}
            _ => return self.malformed("a comma or the end of the object"),
        }
        if self.byte() != Some(b'"') {
            return self.malformed(if *first {
                "a name in double quotes or }"
            } else {
                "a name in double quotes"
            });
        }
        *first = false;
        let name = self.string()?;
        self.skip_space();
        if self.byte() != Some(b':') {
            return self.malformed("a colon");
        }
        self.at += 1;
        Ok(Some(name))
    }

    /// Moves to the next item; returns whether there is one, else the array has ended.
    pub(crate) fn next_item(&mut self, first: &mut bool) -> Result<bool, Fatal> {
        self.skip_space();
        match self.byte() {
            Some(b']') => {
                self.at += 1;
                self.depth -= 1;
                return Ok(false);
            }
            Some(b',') if !*first => self.at += 1,
            _ if *first => {}
            _ => return self.malformed("a comma or the end of the array"),
        }
        *first = false;
        Ok(true)
    }

    /// Reads the string that comes next.
    pub(crate) fn string(&mut self) -> Result<Text<'a>, Fatal> {
        self.at += 1;
        let start = self.at;
        self.skip_plain();
        match self.byte() {
            Some(b'"') => {
                let value = Cow::Borrowed(&self.text[start..self.at]);
                self.at += 1;
                Ok(Text { value, lone_surrogate: false })
            }
            Some(b'\\') => self.escaped_string(start),
            Some(_) => self.malformed("no control character in a string"),
            None => self.malformed("a closing quote"),
        }
    }

    /// Moves to the next quote, backslash or control character.
    fn skip_plain(&mut self) {
        const ONES: u64 = u64::from_ne_bytes([1; 8]);
        const HIGHS: u64 = ONES << 7;
        let bytes = self.text.as_bytes();
        // Eight bytes at a time: a byte of `word ^ pattern` is zero where it equals the pattern, and subtracting
        // one from each byte borrows into the high bit exactly at the first zero (or below-0x20) byte.
        while let Some(chunk) = bytes.get(self.at..self.at + 8) {
            let word = u64::from_le_bytes(chunk.try_into().expect("the range is eight bytes long"));
            let quote = word ^ (ONES * u64::from(b'"'));
            let backslash = word ^ (ONES * u64::from(b'\\'));
            let control = word.wrapping_sub(ONES * 0x20) & !word;
            let found =
                (quote.wrapping_sub(ONES) & !quote | backslash.wrapping_sub(ONES) & !backslash | control)
                    & HIGHS;
            if found != 0 {
                // Borrows only run upwards, so the lowest hit is exact.
                self.at += (found.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
        while let Some(byte) = self.byte() {
            if byte == b'"' || byte == b'\\' || byte < 0x20 {
                return;
            }
            self.at += 1;
        }
    }

    fn escaped_string(&mut self, start: usize) -> Result<Text<'a>, Fatal> {
        let mut value = String::with_capacity(self.at - start + 16);
        value.push_str(&self.text[start..self.at]);
        let mut lone_surrogate = false;
        loop {
            let from = self.at;
            self.skip_plain();
            value.push_str(&self.text[from..self.at]);
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Text { value: Cow::Owned(value), lone_surrogate });
                }
                Some(b'\\') => value.push(self.escape(&mut lone_surrogate)?),
                Some(_) => return self.malformed("no control character in a string"),
                None => return self.malformed("a closing quote"),
            }
        }
    }

    fn escape(&mut self, lone_surrogate: &mut bool) -> Result<char, Fatal> {
        self.at += 1;
        let simple = match self.byte() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape(lone_surrogate);
            }
            _ => return self.malformed("one of \" \\ / b f n r t u after a backslash"),
        };
        self.at += 1;
        Ok(simple)
    }

    fn unicode_escape(&mut self, lone_surrogate: &mut bool) -> Result<char, Fatal> {
        let unit = self.hex4()?;
        if (0xd800..0xdc00).contains(&unit) && self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            let after_first = self.at;
            self.at += 2;
            let low = self.hex4()?;
            if (0xdc00..0xe000).contains(&low) {
                let scalar = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            // Not a pair: the second escape stands for itself and is read again.
            self.at = after_first;
        }
        Ok(char::from_u32(unit).unwrap_or_else(|| {
            *lone_surrogate = true;
            char::REPLACEMENT_CHARACTER
        }))
    }

    fn hex4(&mut self) -> Result<u32, Fatal> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else { return self.malformed("four hexadecimal digits") };
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }

    /// Reads the number that comes next and returns its text.
    pub(crate) fn number(&mut self) -> Result<&'a str, Fatal> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.skip_digits(),
            _ => return self.malformed("a digit"),
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn skip_digits(&mut self) {
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), Fatal> {
        if !matches!(self.byte(), Some(b'0'..=b'9')) {
            return self.malformed("a digit");
        }
        self.skip_digits();
        Ok(())
    }

    /// Reads `true`, `false` or `null`.
    pub(crate) fn literal(&mut self) -> Result<&'a str, Fatal> {
        for word in ["true", "false", "null"] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(word);
            }
        }
        self.malformed("a JSON value")
    }
}
