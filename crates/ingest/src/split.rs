//! A body's text to the texts of its events.
//!
//! Each item is the exact bytes that were sent: a JSON value from its first to its last byte, an NDJSON line
//! without its end. No tree is built, and nothing recurses, so that a million brackets cost a million bytes.
//! An array is one document: if it is malformed anywhere, nothing of it is an item. What is inside an item is
//! [`crate::parse_item`]'s business.

use std::fmt;

use indelible_event::{Code, Problem};
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::Media;
use crate::unpack::BodyLimits;

/// One event's place in a body, and its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'t> {
    /// 0-based ordinal among the events of the body.
    pub index: usize,
    /// 1-based line, for NDJSON.
    pub line: Option<u64>,
    /// The bytes as sent: what the ledger keeps.
    pub json: &'t str,
}

/// Returns a body as text, without a byte order mark.
///
/// # Errors
/// `invalid_utf8` naming the offset of the first byte that is not UTF-8.
pub fn text(body: &[u8]) -> Result<&str, Problem> {
    match std::str::from_utf8(body) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let message = format!("byte {} is not valid UTF-8", error.valid_up_to());
            Err(Problem::new(Code::InvalidUtf8, "", message))
        }
    }
}

/// Returns the items of a body in order, at least one.
///
/// # Errors
/// `empty_body` where there is nothing but white space, `empty_batch` for an empty array and for lines that are
/// all blank, `batch_too_large` above `limits.events_max` items, `malformed_json` for an array that is no valid
/// JSON, `wrong_type` where the top level is not what the media type says.
pub fn split<'t>(media: Media, text: &'t str, limits: &BodyLimits) -> Result<Vec<Item<'t>>, Problem> {
    if media == Media::Ndjson {
        return lines(text, limits);
    }
    let trimmed = text.trim_matches([' ', '\t', '\n', '\r']);
    let array_wanted = media != Media::CloudEvent;
    let object_wanted = media != Media::CloudEventBatch;
    match trimmed.as_bytes().first() {
        None => Err(Problem::new(Code::EmptyBody, "", "the body is empty")),
        Some(b'[') if array_wanted => elements(trimmed, limits),
        Some(b'{') if object_wanted => Ok(vec![Item { index: 0, line: None, json: trimmed }]),
        Some(_) => {
            // Tell a wrong type from text that is no JSON at all.
            serde_json::from_str::<&RawValue>(trimmed).map_err(|error| malformed(trimmed, &error))?;
            let wanted = match media {
                Media::CloudEvent => "one CloudEvent object",
                Media::CloudEventBatch => "an array of CloudEvents",
                Media::Json | Media::Ndjson => "an object or an array of objects",
            };
            Err(Problem::new(Code::WrongType, "", format!("the body must be {wanted}")))
        }
    }
}

fn lines<'t>(text: &'t str, limits: &BodyLimits) -> Result<Vec<Item<'t>>, Problem> {
    if text.is_empty() {
        return Err(Problem::new(Code::EmptyBody, "", "the body is empty"));
    }
    let mut items = Vec::new();
    let mut start = 0;
    let mut line = 0;
    let ends = memchr::memchr_iter(b'\n', text.as_bytes()).chain(std::iter::once(text.len()));
    for end in ends {
        line += 1;
        let json = &text[start..end];
        start = end + 1;
        let json = json.strip_suffix('\r').unwrap_or(json);
        if json.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
            continue;
        }
        if items.len() == limits.events_max {
            return Err(too_many(limits));
        }
        items.push(Item { index: items.len(), line: Some(line), json });
    }
    if items.is_empty() {
        return Err(Problem::new(Code::EmptyBatch, "", "every line is blank"));
    }
    Ok(items)
}

fn elements<'t>(text: &'t str, limits: &BodyLimits) -> Result<Vec<Item<'t>>, Problem> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut elements = Elements { items: Vec::new(), events_max: limits.events_max, full: false };
    let result = elements.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match result {
        Err(_) if elements.full => Err(too_many(limits)),
        Err(error) => Err(malformed(text, &error)),
        Ok(()) if elements.items.is_empty() => Err(Problem::new(Code::EmptyBatch, "", "the array is empty")),
        Ok(()) => Ok(elements.items),
    }
}

/// Collects the elements' texts and stops at the first that is too many.
struct Elements<'t> {
    items: Vec<Item<'t>>,
    events_max: usize,
    full: bool,
}

impl<'t> DeserializeSeed<'t> for &mut Elements<'t> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'t> Visitor<'t> for &mut Elements<'t> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(value) = seq.next_element::<&'t RawValue>()? {
            if self.items.len() == self.events_max {
                self.full = true;
                return Err(serde::de::Error::custom("too many"));
            }
            self.items.push(Item { index: self.items.len(), line: None, json: value.get() });
        }
        Ok(())
    }
}

fn too_many(limits: &BodyLimits) -> Problem {
    let message = format!("the body has over {} events; send fewer at a time", limits.events_max);
    Problem::new(Code::BatchTooLarge, "", message)
}

fn malformed(text: &str, error: &serde_json::Error) -> Problem {
    let what = if error.is_eof() { "the JSON ends too early" } else { "the JSON is not well formed" };
    Problem::new(Code::MalformedJson, "", format!("{what} at byte {}", byte_offset(text, error)))
}

/// The byte where serde_json stopped; it counts lines from 1 and columns in bytes.
pub(crate) fn byte_offset(text: &str, error: &serde_json::Error) -> usize {
    let line_start = match error.line().checked_sub(2) {
        None => 0,
        Some(nth) => memchr::memchr_iter(b'\n', text.as_bytes()).nth(nth).map_or(0, |at| at + 1),
    };
    (line_start + error.column().saturating_sub(1)).min(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FEW: BodyLimits = BodyLimits { body_bytes_max: 1 << 20, events_max: 3 };

    fn texts(media: Media, body: &str) -> Vec<&str> {
        split(media, body, &FEW).unwrap().into_iter().map(|item| item.json).collect()
    }

    fn code(media: Media, body: &str) -> Code {
        split(media, body, &FEW).unwrap_err().code
    }

    #[test]
    fn gives_each_element_from_its_first_to_its_last_byte() {
        let body = " [ {\"a\" : [1, \"]\\\"\"]} ,null,\t[{}] ]\n";
        assert_eq!(texts(Media::Json, body), ["{\"a\" : [1, \"]\\\"\"]}", "null", "[{}]"]);
        assert_eq!(texts(Media::CloudEventBatch, "[{}]"), ["{}"]);
        assert_eq!(texts(Media::Json, "\r\n {\"a\":1 } \n"), ["{\"a\":1 }"]);
        assert_eq!(texts(Media::CloudEvent, "{}"), ["{}"]);
    }

    #[test]
    fn keeps_lines_without_their_ends() {
        let items = split(Media::Ndjson, "{}\r\n\r\n \t\n {\"a\":1} \n[]", &FEW).unwrap();
        let got: Vec<_> = items.iter().map(|item| (item.index, item.line.unwrap(), item.json)).collect();
        assert_eq!(got, [(0, 1, "{}"), (1, 4, " {\"a\":1} "), (2, 5, "[]")]);
    }

    #[test]
    fn answers_the_whole_body_where_it_is_at_fault() {
        for (media, body, want) in [
            (Media::Json, "", Code::EmptyBody),
            (Media::Json, " \n\t", Code::EmptyBody),
            (Media::Json, "[]", Code::EmptyBatch),
            (Media::Json, "[ ]", Code::EmptyBatch),
            (Media::Json, "[1,2,3,4]", Code::BatchTooLarge),
            (Media::Json, "[1,2,3,4", Code::BatchTooLarge),
            (Media::Json, "[{},{},{\"a\":", Code::MalformedJson),
            (Media::Json, "[{},{\"a\":tru},{}]", Code::MalformedJson),
            (Media::Json, "[{},]", Code::MalformedJson),
            (Media::Json, "[{}] x", Code::MalformedJson),
            (Media::Json, "[{}][{}]", Code::MalformedJson),
            (Media::Json, "\"just a string\"", Code::WrongType),
            (Media::Json, "42", Code::WrongType),
            (Media::Json, "null", Code::WrongType),
            (Media::Json, "nul", Code::MalformedJson),
            (Media::Json, "NaN", Code::MalformedJson),
            (Media::CloudEvent, "[{}]", Code::WrongType),
            (Media::CloudEventBatch, "{}", Code::WrongType),
            (Media::CloudEventBatch, "[]", Code::EmptyBatch),
            (Media::Ndjson, "", Code::EmptyBody),
            (Media::Ndjson, "\n\n", Code::EmptyBatch),
            (Media::Ndjson, "{}\n{}\n{}\n{}", Code::BatchTooLarge),
        ] {
            assert_eq!(code(media, body), want, "{body}");
        }
        assert_eq!(code(Media::Json, &"[".repeat(1_000_000)), Code::MalformedJson);
    }

    #[test]
    fn names_the_byte_that_is_wrong() {
        assert_eq!(text(b"ab\xffc").unwrap_err().message, "byte 2 is not valid UTF-8");
        assert_eq!(text(b"\xff\xfe{\0").unwrap_err().code, Code::InvalidUtf8);
        assert_eq!(text("\u{feff}{}".as_bytes()).unwrap(), "{}");
        let problem = split(Media::Json, "[{},\n{},\n{x}]", &FEW).unwrap_err();
        assert!(problem.message.ends_with("at byte 10"), "{}", problem.message);
    }

    proptest! {
        #[test]
        fn arrays_split_as_serde_json_reads_them(values in proptest::collection::vec(any_json(), 1..6)) {
            let body = serde_json::to_string(&values).unwrap();
            let limits = BodyLimits { events_max: 5, ..FEW };
            let items = split(Media::Json, &body, &limits).unwrap();
            prop_assert_eq!(items.len(), values.len());
            for (item, value) in items.iter().zip(&values) {
                prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(item.json).unwrap(), value);
            }
            // Any proper prefix of an array is malformed as a whole.
            let cut = body.char_indices().map(|(at, _)| at).rfind(|at| *at > 0).unwrap();
            prop_assert_eq!(split(Media::Json, &body[..cut], &limits).unwrap_err().code, Code::MalformedJson);
        }

        #[test]
        fn no_text_panics(body in "\\PC*", media in 0..4_usize) {
            let _ = split(Media::ALL[media], &body, &FEW);
        }

        #[test]
        fn no_brackets_panic(body in "[\\[\\]{}\",:a1 \\\\\n]*") {
            for media in Media::ALL {
                if let Ok(items) = split(media, &body, &FEW) {
                    for (at, item) in items.iter().enumerate() {
                        prop_assert_eq!(item.index, at);
                        prop_assert!(body.contains(item.json));
                    }
                }
            }
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "\\PC*".prop_map(Into::into),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                proptest::collection::vec(("\\PC*", inner), 0..4)
                    .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
            ]
        })
    }
}
