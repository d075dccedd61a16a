//! A client of `GET /v1/tail` that takes one message when it is asked to, and none before.

use std::io::{BufRead, BufReader, Read};

use serde_json::Value;

use super::Api;

/// An open stream.
pub(crate) struct Stream {
    lines: BufReader<Box<dyn Read + Send>>,
}

/// What came.
#[derive(Debug)]
pub(crate) struct Message {
    /// Empty for events.
    pub(crate) name: String,
    /// Null for a heartbeat.
    pub(crate) data: Value,
    pub(crate) id: Option<String>,
}

impl Api {
    /// Opens a stream that must be given; `last` is the `Last-Event-ID`.
    #[track_caller]
    pub(crate) fn tail(&self, query: &str, last: Option<&str>) -> Stream {
        let body = self.open(&format!("/v1/tail?{query}"), last);
        let mut stream = Stream { lines: BufReader::with_capacity(512, body) };
        // The first thing that comes is the cursor to come back with.
        let hello = stream.next().unwrap();
        assert!(hello.name.is_empty() && hello.data.is_null() && hello.id.is_some(), "{hello:?}");
        stream
    }
}

impl Stream {
    /// The next message; `None` where the stream ended.
    pub(crate) fn next(&mut self) -> Option<Message> {
        let mut message = Message { name: String::new(), data: Value::Null, id: None };
        let mut any = false;
        loop {
            let mut line = String::new();
            // A server that is killed breaks the connection off.
            if self.lines.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() && any {
                return Some(message);
            }
            match line.split_once(": ") {
                Some(("event", name)) => message.name = name.to_owned(),
                Some(("data", data)) => message.data = serde_json::from_str(data).unwrap(),
                Some(("id", id)) => message.id = Some(id.to_owned()),
                _ => {}
            }
            any |= !line.is_empty();
        }
    }

    /// The next message that is no heartbeat.
    pub(crate) fn next_but_heartbeats(&mut self) -> Option<Message> {
        loop {
            let message = self.next()?;
            if !message.name.is_empty() || !message.data.is_null() {
                return Some(message);
            }
        }
    }

    /// The next event's id and cursor.
    #[track_caller]
    pub(crate) fn event(&mut self) -> (String, String) {
        let message = self.next_but_heartbeats().expect("the stream goes on");
        assert_eq!(message.name, "", "{message:?}");
        (message.data["id"].as_str().unwrap().to_owned(), message.id.unwrap())
    }

    /// The ids of the next events.
    #[track_caller]
    pub(crate) fn events(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.event().0).collect()
    }

    /// The reason that the stream gives for its end, which is next.
    #[track_caller]
    pub(crate) fn end(&mut self) -> String {
        let message = self.next_but_heartbeats().expect("the stream says why it ends");
        assert_eq!(message.name, "end", "{message:?}");
        assert!(self.next().is_none(), "nothing follows the end");
        message.data["reason"].as_str().unwrap().to_owned()
    }
}
