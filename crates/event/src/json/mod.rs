//! A strict reader of JSON text (RFC 8259) that keeps its place, so that every complaint can name one.
//!
//! Stricter than the RFC where evidence would become ambiguous (RFC 7493, I-JSON): no duplicate keys, no lone
//! surrogates; and bounded in depth. Numbers are never converted, only checked. Input is `&str`, hence valid UTF-8.
//! Invariant: nothing here recurses, so no input can overflow the stack; time is linear in the input.

mod reader;
mod walk;

use std::borrow::Cow;

use crate::problem::{Code, Problem, excerpt};

pub(crate) use reader::Reader;
pub(crate) use walk::{Keys, duplicate_key, lone_surrogate};

/// Most characters of one sender-chosen name that a JSON pointer repeats.
const POINTER_NAME_CHARS_MAX: usize = 128;

/// Checks one JSON value: syntax, no duplicate keys, no lone surrogates, at most `depth_max` nested containers.
///
/// # Errors
/// The first problem: `empty_body`, `malformed_json` (with line and column), `duplicate_key`, `invalid_string` or
/// `too_deep`; `field` is the JSON pointer of the culprit, except for `too_deep` and `malformed_json`.
pub fn parse_json(json: &str, depth_max: usize) -> Result<(), Problem> {
    let mut reader = Reader::new(json, depth_max);
    if reader.kind_at_start().is_none() {
        return Err(Problem::new(Code::EmptyBody, "", "expected a JSON value, got nothing"));
    }
    let mut first = None;
    let walked = reader.walk(&[], &mut |problem| {
        first.get_or_insert(problem);
    });
    match walked.and_then(|_| reader.end()) {
        Err(fatal) => Err(fatal.problem(json, String::new())),
        Ok(()) => first.map_or(Ok(()), Err),
    }
}

/// The kinds of JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

impl Kind {
    /// With article, for messages.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Bool => "a boolean",
            Self::Null => "null",
        }
    }

    /// The kind of a value that is known to be valid JSON without white space around it.
    pub(crate) fn of(json: &str) -> Self {
        match json.as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::String,
            Some(b't' | b'f') => Self::Bool,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }
}

/// What makes reading on pointless.
#[derive(Debug)]
pub(crate) enum Fatal {
    /// The text at `offset` is not JSON.
    Malformed {
        /// Byte offset into the text.
        offset: usize,
        /// What should have stood there.
        expected: &'static str,
    },
    /// More nested containers than allowed.
    TooDeep {
        /// How many are allowed.
        depth_max: usize,
    },
}

impl Fatal {
    /// As a problem with the text that was read; `field` is used where the place is a value's.
    pub(crate) fn problem(&self, text: &str, field: String) -> Problem {
        match *self {
            Self::Malformed { offset, expected } => {
                let before = &text.as_bytes()[..offset];
                let line = memchr::memchr_iter(b'\n', before).count() + 1;
                let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
                // Columns count characters; `offset` is always at a character's first byte.
                let column = text[line_start..offset].chars().count() + 1;
                let got = match text[offset..].chars().next() {
                    None => "the end of the text".to_owned(),
                    Some(_) => excerpt(text[offset..].get(..next_chars(&text[offset..], 12)).unwrap_or("")),
                };
                let message = format!("line {line}, column {column}: expected {expected}, got {got}");
                Problem::new(Code::MalformedJson, "", message)
            }
            Self::TooDeep { depth_max } => {
                let message = format!("nested too deeply, at most {depth_max} levels are taken");
                Problem::new(Code::TooDeep, field, message)
            }
        }
    }
}

fn next_chars(text: &str, chars: usize) -> usize {
    text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at)
}

/// A string as read: unescaped, and whether it held half a surrogate pair (then U+FFFD stands in its place).
#[derive(Debug)]
pub(crate) struct Text<'a> {
    pub(crate) value: Cow<'a, str>,
    pub(crate) lone_surrogate: bool,
}

/// One step of a JSON pointer.
#[derive(Clone, Debug)]
pub(crate) enum Step<'a> {
    Name(Cow<'a, str>),
    Index(usize),
}

/// Writes `steps` as a JSON pointer (RFC 6901).
pub(crate) fn pointer<'s, 'a: 's>(steps: impl IntoIterator<Item = &'s Step<'a>>) -> String {
    let mut out = String::new();
    for step in steps {
        out.push('/');
        match step {
            Step::Index(index) => out.push_str(&index.to_string()),
            Step::Name(name) => {
                for c in name.chars().take(POINTER_NAME_CHARS_MAX) {
                    match c {
                        '~' => out.push_str("~0"),
                        '/' => out.push_str("~1"),
                        c => out.push(c),
                    }
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(json: &str) -> (Code, String) {
        let problem = parse_json(json, 32).expect_err(json);
        (problem.code, problem.field)
    }

    #[test]
    fn takes_exactly_json() {
        for json in [
            "0",
            "-0",
            "-0.0e-0",
            "1E400",
            "12345678901234567890123",
            "\"\"",
            "\"\\u0000\\ud83d\\ude00\\/\"",
            "[]",
            "{}",
            " [ 1 , { \"a\" : [ ] } ] ",
            "{\"\":{\"\":{}}}",
            "null",
            "[true,false,null]",
            "\"\u{7f}\u{2028}\"",
        ] {
            assert_eq!(parse_json(json, 32), Ok(()), "{json}");
        }
        for json in [
            "{",
            "}",
            "[",
            "]",
            "[1,]",
            "[,1]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{1:2}",
            "{'a':1}",
            "01",
            "-",
            "+1",
            ".5",
            "1.",
            "1e",
            "1e+",
            "0x1",
            "NaN",
            "tru",
            "nulll",
            "1 2",
            "\"",
            "\"\\",
            "\"\\x41\"",
            "\"\\u12\"",
            "\"\\u00G0\"",
            "\"a\nb\"",
            "\"\t\"",
            "\"\0\"",
            "\"\\ud83d\\u00\"",
            "[1}",
            "{\"a\":1]",
            "//",
            "[1 2]",
            "\u{feff}1",
            "\"aaaaaaaaaaaaaaaa\u{1f}\"",
            "\u{a0}1",
            "{\"a\":1 \"b\":2}",
        ] {
            assert_eq!(refused(json), (Code::MalformedJson, String::new()), "{json}");
        }
        for json in ["", " \r\n\t "] {
            assert_eq!(refused(json).0, Code::EmptyBody);
        }
    }

    #[test]
    fn malformed_text_is_named_by_line_and_column() {
        for (json, place) in [
            ("{\"a\":1,}", "line 1, column 8:"),
            ("{\n \"\u{fc}\": x}", "line 2, column 7:"),
            ("[1,\r\n2", "line 2, column 2:"),
            ("\"abc", "line 1, column 5:"),
        ] {
            let message = parse_json(json, 32).unwrap_err().message;
            assert!(message.starts_with(place), "{json}: {message}");
        }
    }

    #[test]
    fn points_at_duplicates_and_lone_surrogates() {
        use Code::{DuplicateKey, InvalidString};
        for (json, code, field) in [
            (r#"{"a":1,"b":2,"\u0061":3}"#, DuplicateKey, "/a"),
            (r#"[0,{"a":{"b~/":1,"b~/":2}}]"#, DuplicateKey, "/1/a/b~0~1"),
            (r#"{"":1,"":1}"#, DuplicateKey, "/"),
            (r#"{"a":[[1],["x","\ud800"]]}"#, InvalidString, "/a/1/1"),
            (r#"{"a":{"b":{}},"c":"\udc00\ud800"}"#, InvalidString, "/c"),
            (r#"{"x\ud83d":1}"#, InvalidString, "/x\u{fffd}"),
            (r#""\ud83dx""#, InvalidString, ""),
            (r#"["\ud83d\ud83d\ude00"]"#, InvalidString, "/0"),
        ] {
            assert_eq!(refused(json), (code, field.to_owned()), "{json}");
        }
        assert_eq!(parse_json(r#"[{"a":1},{"a":2,"b":{"a":3}}]"#, 32), Ok(()));
    }

    #[test]
    fn finds_a_duplicate_among_many_names_in_linear_time() {
        let object = |last: &str| {
            let mut json = String::from("{");
            for n in 0..100_000 {
                json.push_str(&format!("\"k{n}\":0,"));
            }
            json + "\"" + last + "\":0}"
        };
        let started = std::time::Instant::now();
        assert_eq!(parse_json(&object("other"), 32), Ok(()));
        for n in [0, 23, 24, 25, 99_999] {
            assert_eq!(refused(&object(&format!("k{n}"))), (Code::DuplicateKey, format!("/k{n}")));
        }
        // One by one it would be 5 billion comparisons a text.
        assert!(started.elapsed().as_secs() < 20, "took {:?}", started.elapsed());
    }

    #[test]
    fn depth_is_bounded_without_a_deep_stack() {
        let nested = |open: &str, close: &str, n: usize| open.repeat(n) + "1" + &close.repeat(n);
        assert_eq!(parse_json(&nested("[", "]", 32), 32), Ok(()));
        assert_eq!(refused(&nested("[", "]", 33)).0, Code::TooDeep);
        assert_eq!(refused(&nested("{\"a\":", "}", 100_000)).0, Code::TooDeep);
        assert_eq!(refused(&"[".repeat(1_000_000)).0, Code::TooDeep);
        // Deep, but allowed: still no recursion.
        assert_eq!(parse_json(&nested("[", "]", 100_000), usize::MAX), Ok(()));
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(json in "[\\[\\]{}\",:0-9eE+.tfnulrsa\\\\ \\n-]{0,24}") {
            let ours = parse_json(&json, 100);
            let theirs = serde_json::from_str::<serde_json::Value>(&json);
            match ours {
                Ok(()) => prop_assert!(theirs.is_ok() || json.contains(['e', 'E']), "{:?}", theirs),
                Err(problem) if problem.code == Code::DuplicateKey => prop_assert!(theirs.is_ok()),
                Err(problem) if problem.code == Code::InvalidString => {}
                Err(_) => prop_assert!(theirs.is_err()),
            }
        }

        #[test]
        fn reads_any_string_back(text in any::<String>()) {
            let json = serde_json::to_string(&text).expect("a string can be written");
            let mut reader = Reader::new(&json, 1);
            let read = reader.string().expect("it is JSON");
            prop_assert_eq!(read.value, text);
            prop_assert!(!read.lone_surrogate);
            prop_assert!(reader.end().is_ok());
        }
    }
}
