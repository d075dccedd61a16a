//! Reading Server-Sent Events: <https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>.
//!
//! Leaves out `retry`, and a byte order mark, which our server does not send.

use std::io::{self, BufRead};

/// What came.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its name; empty for the usual kind.
    pub(crate) event: String,
    /// Its data; empty for one that only sets the id.
    pub(crate) data: String,
    /// The id to come back with, if it sets one.
    pub(crate) id: Option<String>,
}

/// Reads messages one by one.
pub(crate) struct Messages<R> {
    lines: R,
}

/// Longest line that is read: an event of the largest size a server may be set to, and then some.
const LINE_BYTES_MAX: u64 = 64 << 20;

impl<R: BufRead> Messages<R> {
    pub(crate) fn new(lines: R) -> Self {
        Self { lines }
    }

    /// The next message, or `None` where the stream ended; half a message at the end is none.
    pub(crate) fn next(&mut self) -> io::Result<Option<Message>> {
        let mut message = Message::default();
        let mut any = false;
        loop {
            let mut line = Vec::new();
            io::Read::take(&mut self.lines, LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
            if line.pop() != Some(b'\n') {
                return Ok(None);
            }
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            if line.is_empty() {
                if any {
                    // The last line's end belongs to no data.
                    message.data.pop();
                    return Ok(Some(message));
                }
                continue;
            }
            let line = String::from_utf8_lossy(&line);
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut message.event),
                "data" => {
                    message.data.push_str(value);
                    message.data.push('\n');
                }
                "id" if !value.contains('\0') => message.id = Some(value.to_owned()),
                // Comments have no name, and others are to be passed over.
                _ => {}
            }
            any = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, Option<String>)> {
        let mut messages = Messages::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some(message) = messages.next().unwrap() {
            found.push((message.event, message.data, message.id));
        }
        found
    }

    #[test]
    fn reads_what_the_specification_says() {
        let of = |event: &str, data: &str, id: Option<&str>| {
            (event.to_owned(), data.to_owned(), id.map(str::to_owned))
        };
        for (text, expected) in [
            (": hello\nretry: 1000\nid: a\n\n", vec![of("", "", Some("a"))]),
            ("id: b\ndata: {\"x\":1}\n\n\n\n", vec![of("", "{\"x\":1}", Some("b"))]),
            ("event: dropped\r\ndata:one\r\ndata: two\r\n\r\n", vec![of("dropped", "one\ntwo", None)]),
            ("data: whole\n\ndata: half\n", vec![of("", "whole", None)]),
            ("data\n\nunknown: x\n\n", vec![of("", "", None), of("", "", None)]),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }
}
