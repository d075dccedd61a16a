//! A request whose last byte is kept back, so that something can happen while the server waits for it.
//!
//! It asks to be told when its body is wanted (RFC 9110 section 10.1.1): that is when its handler begins to read, and
//! with it the server knows who sends and has let them in.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::Value;
use ureq::http::{HeaderName, HeaderValue};

use super::{Answer, Api, connect, rest};

/// A request that the server has let in and not answered yet.
pub(crate) struct Half {
    stream: TcpStream,
    last: u8,
}

/// What a server says that wants the body.
const WANTED: &str = "HTTP/1.1 100 Continue\r\n\r\n";

impl Api {
    /// Sends a request with JSON but for its last byte; returns when the server waits for that.
    #[track_caller]
    pub(crate) fn begin(&self, method: &str, path: &str, body: &Value) -> Half {
        let body = body.to_string().into_bytes();
        let (last, rest) = body.split_last().unwrap();
        let (address, head) = self.head(method, path);
        let mut stream = connect(&address);
        let of_body = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        write!(stream, "{head}{of_body}Expect: 100-continue\r\nConnection: close\r\n\r\n").unwrap();
        let mut told = vec![0; WANTED.len()];
        stream.read_exact(&mut told).unwrap();
        assert_eq!(String::from_utf8_lossy(&told), WANTED, "{method} {path}");
        stream.write_all(rest).unwrap();
        Half { stream, last: *last }
    }
}

impl Half {
    /// Sends the last byte; returns the answer.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Answer {
        self.stream.write_all(&[self.last]).unwrap();
        let answer = rest(&mut self.stream);
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        });
        Answer { status, headers: headers.collect(), body: answer[end + 4..].to_vec() }
    }
}
