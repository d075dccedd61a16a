//! The strings and numbers inside a JSON value, as text to be found.
//!
//! Walks the text itself instead of parsing it into a tree: numbers keep all their digits, and no depth can overflow a
//! stack. The input has passed the ledger's strict check; on anything else the walk just ends early.

use std::borrow::Cow;

use crate::path::fold_name;

/// Calls `each` with every string, number and boolean of a valid JSON `text`, in order, unescaped. Names of members are
/// left out: in an original message they say how a vendor writes its records, not what happened.
pub(crate) fn scalars(text: &str, mut each: impl FnMut(&str)) {
    texts(text, |text, is_name| {
        if !is_name {
            each(text);
        }
    });
}

/// As [`scalars`], with the names of members, each before its value; `each` is also told whether it is given a name.
pub(crate) fn texts(text: &str, mut each: impl FnMut(&str, bool)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at);
                let is_name = bytes[end..].iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':');
                each(&unescaped(&text[at..end]), is_name);
                at = end;
            }
            b'{' | b'}' | b'[' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            _ => {
                let end = bare_end(bytes, at);
                if byte != b'n' {
                    each(&text[at..end], false);
                }
                at = end;
            }
        }
    }
}

/// The place after the number or word that begins at `at`.
fn bare_end(bytes: &[u8], at: usize) -> usize {
    let ends = |b: &u8| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
    bytes[at..].iter().position(ends).map_or(bytes.len(), |length| at + length)
}

/// Whether a JSON value says nothing: null, or an empty string, list or object.
pub(crate) fn is_nothing(text: &str) -> bool {
    let text = text.trim_ascii();
    let empty = |open: char, close: char| {
        text.strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close))
            .is_some_and(|inside| inside.trim_ascii().is_empty())
    };
    matches!(text, "null" | "\"\"") || empty('[', ']') || empty('{', '}')
}

/// A value inside a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf<'a> {
    Text(&'a str),
    /// As it was sent.
    Number(&'a str),
    Bool(bool),
}

/// Calls `each` with every string, number and boolean of a valid JSON `text` and its path: `path` as given, and
/// for each object around the value a dot and the folded name of the member. Lists add nothing to the path. What lies
/// within more than `depth_max` objects is left out.
pub(crate) fn leaves(text: &str, path: &mut String, depth_max: usize, each: &mut dyn FnMut(&str, Leaf<'_>)) {
    let bytes = text.as_bytes();
    // For each object around, the length of its own path.
    let mut objects: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'{' => objects.push(path.len()),
            b'}' => path.truncate(objects.pop().unwrap_or(0)),
            b'"' => {
                let start = at - 1;
                at = string_end(bytes, start);
                let is_name = bytes[at..].iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':');
                let inside = objects.len() <= depth_max;
                if is_name && let Some(&own) = objects.last() {
                    path.truncate(own);
                    if inside {
                        path.push('.');
                        path.push_str(&fold_name(&unescaped(&text[start..at])));
                    }
                } else if inside {
                    each(path, Leaf::Text(&unescaped(&text[start..at])));
                }
            }
            b'[' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => {
                let start = at - 1;
                at = bare_end(bytes, start);
                if objects.len() <= depth_max {
                    match byte {
                        b't' => each(path, Leaf::Bool(true)),
                        b'f' => each(path, Leaf::Bool(false)),
                        b'n' => {}
                        _ => each(path, Leaf::Number(&text[start..at])),
                    }
                }
            }
        }
    }
}

/// What a JSON string, given with its quotes, says.
fn unescaped(quoted: &str) -> Cow<'_, str> {
    let inside = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or("");
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    serde_json::from_str::<TextValue<'_>>(quoted).map_or(Cow::Borrowed(""), |value| value.0)
}

/// A string that borrows where nothing in it is escaped.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct TextValue<'a>(#[serde(borrow)] Cow<'a, str>);

/// The place after the closing quote of the string that begins at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while let Some(&byte) = bytes.get(next) {
        match byte {
            b'\\' => next += 2,
            b'"' => return next + 1,
            _ => next += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_strings_and_numbers_in_order_without_names() {
        for (json, expected) in [
            (r#""a \"quoted\" text""#, r#"a "quoted" text"#),
            (
                r#"{"name" : "x", "n": [1, -2.50e3, 123456789012345678901234567890]}"#,
                "x|1|-2.50e3|123456789012345678901234567890",
            ),
            (r#"[true,false,null,[],{}]"#, "true|false"),
            (r#"{"a":{"b":{"c":"\u00e9\n:"}}}"#, "é\n:"),
            (r#"["\\","\"",":"]"#, r#"\|"|:"#),
            ("null", ""),
            ("12", "12"),
        ] {
            let mut found = Vec::new();
            scalars(json, |text| found.push(text.to_owned()));
            assert_eq!(found.join("|"), expected, "{json}");
        }
        let mut found = Vec::new();
        texts(r#"{"a\n" : [{"b":":"}, 1], "c":null}"#, |text, is_name| {
            found.push((text.to_owned(), is_name))
        });
        let expected = [("a\n", true), ("b", true), (":", false), ("1", false), ("c", true)];
        assert_eq!(found, expected.map(|(text, is_name)| (text.to_owned(), is_name)));
    }

    #[test]
    fn gives_values_with_their_paths() {
        for (json, expected) in [
            (r#""A\n""#, "p=A\n"),
            ("1.50", "p=#1.50"),
            (r#"[1,"x",[true],null]"#, "p=#1|p=x|p=true"),
            (
                r#"{"A":{"b c":[{"d":1},{"d":2}],"e":false},"f":"g"}"#,
                "p.a.b c.d=#1|p.a.b c.d=#2|p.a.e=false|p.f=g",
            ),
            (r#"{"a":{"b":{"c":{"deep":1}},"x":2}}"#, "p.a.x=#2"),
            (r#"{"a":{},"b":[],"c":null,"":"e"}"#, "p.=e"),
        ] {
            let mut found = Vec::new();
            let mut path = "p".to_owned();
            leaves(json, &mut path, 3, &mut |path, leaf| {
                found.push(match leaf {
                    Leaf::Text(text) => format!("{path}={text}"),
                    Leaf::Number(text) => format!("{path}=#{text}"),
                    Leaf::Bool(value) => format!("{path}={value}"),
                });
            });
            assert_eq!((found.join("|"), path), (expected.to_owned(), "p".to_owned()), "{json}");
        }
    }

    #[test]
    fn knows_what_says_nothing() {
        for (json, expected) in [
            ("null", true),
            ("\"\"", true),
            ("[ ]", true),
            (" {\n}", true),
            ("\" \"", false),
            ("0", false),
            ("false", false),
            ("[null]", false),
        ] {
            assert_eq!(is_nothing(json), expected, "{json}");
        }
    }

    #[test]
    fn deep_values_do_not_overflow_the_stack() {
        let json = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let mut found = 0;
        scalars(&json, |_| found += 1);
        assert_eq!(found, 1);
        let json = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        leaves(&json, &mut String::new(), 3, &mut |_, _| found += 1);
        assert_eq!(found, 1);
    }
}
