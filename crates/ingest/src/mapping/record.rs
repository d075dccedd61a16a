//! A vendor's record as a tree that keeps every value's own text and remembers what a mapping took.
//!
//! Numbers stay text (big integers are not rounded), objects keep their order. The text has been checked by
//! [`indelible_event::parse_json`] before, so that what this parser assumes holds: valid JSON, no repeated keys,
//! bounded depth. It still never panics and never loops on other text.

use std::borrow::Cow;
use std::cell::Cell;

/// One value of a record.
#[derive(Debug)]
pub(crate) struct Node<'r> {
    /// The value's JSON text.
    pub(crate) raw: Cow<'r, str>,
    pub(crate) kind: Kind<'r>,
    /// Whether the mapping took this value, with all that is in it.
    used: Cell<bool>,
}

#[derive(Debug)]
pub(crate) enum Kind<'r> {
    Null,
    Bool(bool),
    /// Its digits are the node's `raw`.
    Number,
    Text(Cow<'r, str>),
    List(Vec<Node<'r>>),
    Map(Vec<(Cow<'r, str>, Node<'r>)>),
}

impl<'r> Node<'r> {
    /// Reads one value; `None` where the text is not what the caller checked it to be.
    pub(crate) fn parse(json: &'r str) -> Option<Self> {
        let mut reader = Reader { json, at: 0 };
        let node = reader.value(DEPTH_MAX)?;
        reader.space();
        (reader.at == json.len()).then_some(node)
    }

    /// The member of this name, if this is an object that has it.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(members) => members.iter().find(|(key, _)| key == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// Notes that the mapping took this value.
    pub(crate) fn mark_used(&self) {
        self.used.set(true);
    }

    pub(crate) fn is_used(&self) -> bool {
        self.used.get()
    }
}

/// Above every depth that a limit may allow, and far below what a thread's stack holds.
const DEPTH_MAX: usize = 256;

struct Reader<'r> {
    json: &'r str,
    at: usize,
}

impl<'r> Reader<'r> {
    fn value(&mut self, depth: usize) -> Option<Node<'r>> {
        self.space();
        let start = self.at;
        let kind = match self.peek()? {
            b'{' => self.map(depth.checked_sub(1)?)?,
            b'[' => self.list(depth.checked_sub(1)?)?,
            b'"' => Kind::Text(self.text()?),
            b't' => self.word("true", Kind::Bool(true))?,
            b'f' => self.word("false", Kind::Bool(false))?,
            b'n' => self.word("null", Kind::Null)?,
            b'-' | b'0'..=b'9' => {
                while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
                    self.at += 1;
                }
                Kind::Number
            }
            _ => return None,
        };
        Some(Node { raw: Cow::Borrowed(&self.json[start..self.at]), kind, used: Cell::new(false) })
    }

    fn map(&mut self, depth: usize) -> Option<Kind<'r>> {
        let mut members = Vec::new();
        self.at += 1;
        self.space();
        if self.take(b'}') {
            return Some(Kind::Map(members));
        }
        loop {
            self.space();
            let key = if self.peek()? == b'"' { self.text()? } else { return None };
            self.space();
            if !self.take(b':') {
                return None;
            }
            members.push((key, self.value(depth)?));
            self.space();
            if self.take(b'}') {
                return Some(Kind::Map(members));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<Kind<'r>> {
        let mut nodes = Vec::new();
        self.at += 1;
        self.space();
        if self.take(b']') {
            return Some(Kind::List(nodes));
        }
        loop {
            nodes.push(self.value(depth)?);
            self.space();
            if self.take(b']') {
                return Some(Kind::List(nodes));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    /// A string at its opening quote.
    fn text(&mut self) -> Option<Cow<'r, str>> {
        let start = self.at;
        let bytes = self.json.as_bytes();
        self.at += 1;
        let mut escaped = false;
        loop {
            let found = memchr::memchr2(b'"', b'\\', bytes.get(self.at..)?)?;
            self.at += found + 1;
            if bytes[self.at - 1] == b'"' {
                break;
            }
            escaped = true;
            self.at += 1;
        }
        let quoted = self.json.get(start..self.at)?;
        if escaped {
            serde_json::from_str::<String>(quoted).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(&quoted[1..quoted.len() - 1]))
        }
    }

    fn word(&mut self, word: &str, kind: Kind<'r>) -> Option<Kind<'r>> {
        let found = self.json.get(self.at..)?.starts_with(word);
        self.at += word.len();
        found.then_some(kind)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_numbers_order_and_raw_texts() {
        let json = r#" {"b":9007199254740993, "a":[1.50,{}," \u00e9\ud83d\ude00"],"n":null,"t":true} "#;
        let node = Node::parse(json).unwrap();
        assert_eq!(node.raw, json.trim());
        let Kind::Map(members) = &node.kind else { panic!("an object") };
        assert_eq!(members.iter().map(|(key, _)| &**key).collect::<Vec<_>>(), ["b", "a", "n", "t"]);
        assert_eq!(node.get("b").unwrap().raw, "9007199254740993");
        let Kind::List(list) = &node.get("a").unwrap().kind else { panic!("a list") };
        assert_eq!(list[0].raw, "1.50");
        assert!(matches!(&list[2].kind, Kind::Text(text) if text == " \u{e9}\u{1f600}"));
    }

    #[test]
    fn gives_nothing_for_what_is_no_json() {
        for json in ["", "{", "[1,]", "{\"a\"}", "\"a", "\"a\\", "tru", "{} x", "{a:1}", &"[".repeat(100_000)]
        {
            assert!(Node::parse(json).is_none(), "{}", &json[..json.len().min(20)]);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(json in "[\\[\\]{}\",:a1é\\\\ tn-]*") {
            if let Some(node) = Node::parse(&json) {
                prop_assert_eq!(&*node.raw, json.trim_matches([' ', '\t', '\n', '\r']));
            }
        }
    }
}
