//! The strings and numbers inside a JSON value, as text to be found.
//!
//! Walks the text itself instead of parsing it into a tree: numbers keep all their digits, and no depth can overflow a
//! stack. The input has passed the ledger's strict check; on anything else the walk just ends early.
//! Names of members are left out: they say how a vendor writes its records, not what happened.

use std::borrow::Cow;

/// Calls `each` with every string, number and boolean of a valid JSON `text`, in order, unescaped.
pub(crate) fn scalars(text: &str, mut each: impl FnMut(&str)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at);
                let is_name = bytes[end..].iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':');
                if !is_name && let Ok(value) = serde_json::from_str::<TextValue<'_>>(&text[at..end]) {
                    each(&value.0);
                }
                at = end;
            }
            b'{' | b'}' | b'[' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            _ => {
                let end = bytes[at..]
                    .iter()
                    .position(|b| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'))
                    .map_or(bytes.len(), |length| at + length);
                if byte != b'n' {
                    each(&text[at..end]);
                }
                at = end;
            }
        }
    }
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
    }

    #[test]
    fn deep_values_do_not_overflow_the_stack() {
        let json = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let mut found = 0;
        scalars(&json, |_| found += 1);
        assert_eq!(found, 1);
    }
}
