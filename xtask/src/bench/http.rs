//! A minimal HTTP/1.1 client: one connection kept open, `Content-Length` only.
//!
//! It does as little as can be, so that the generator is not what is measured. Left out: chunked answers (the server
//! sends none to a client that accepts no compression), redirects, TLS.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail};

/// A kept-open connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// One answer; the body is in the connection's buffer until the next exchange.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

/// An answer that takes longer is a failure of the bench.
const PATIENCE: Duration = Duration::from_secs(120);

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("can't connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 << 10) })
    }

    /// Sends a whole request, head and body, and reads the whole answer.
    ///
    /// # Errors
    /// When the connection breaks or the answer is not the HTTP that is understood here.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request)?;
        self.buffer.clear();
        let head_len = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            self.fill()?;
        };
        let (status, body_len) = parse_head(&self.buffer[..head_len])?;
        while self.buffer.len() < head_len + body_len {
            self.fill()?;
        }
        Ok(Answer { status, body: &self.buffer[head_len..head_len + body_len] })
    }

    fn fill(&mut self) -> Result<()> {
        let mut chunk = [0; 16 << 10];
        let len = self.stream.read(&mut chunk)?;
        if len == 0 {
            bail!("the server closed the connection");
        }
        self.buffer.extend_from_slice(&chunk[..len]);
        Ok(())
    }
}

/// A GET request.
pub(crate) fn get(path: &str, key: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n").into_bytes()
}

/// A DELETE request.
pub(crate) fn delete(path: &str, key: &str) -> Vec<u8> {
    format!("DELETE {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n").into_bytes()
}

/// A POST request of JSON.
pub(crate) fn post(path: &str, key: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Status and body length.
fn parse_head(head: &[u8]) -> Result<(u16, usize)> {
    let head = std::str::from_utf8(head)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status line")?.parse()?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    Ok((status, length.context("an answer without Content-Length")??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_status_and_length() {
        let head =
            b"HTTP/1.1 207 Multi-Status\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n";
        assert_eq!(parse_head(head).unwrap(), (207, 12));
        assert!(parse_head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn keeps_a_connection_over_answers_that_come_in_pieces() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for body in ["one", "three"] {
                let mut request = [0; 1024];
                assert!(stream.read(&mut request).unwrap() > 0);
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                for byte in answer.bytes() {
                    stream.write_all(&[byte]).unwrap();
                }
            }
        });
        let mut connection = Connection::open(address).unwrap();
        assert_eq!(connection.exchange(&get("/", "k")).unwrap().body, b"one");
        assert_eq!(connection.exchange(&get("/", "k")).unwrap().body, b"three");
        assert!(connection.exchange(&get("/", "k")).is_err());
        server.join().unwrap();
    }
}
