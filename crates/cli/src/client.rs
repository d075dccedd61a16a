//! Talking to a running server.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::HeaderMap;

use crate::{args::Remote, exit::Exit, output::harmless};

/// An HTTP client for one server and key.
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
    key: Option<String>,
}

/// An answer, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Largest answer that is read: an entries tile is 26 kB, a page of 1,000 events of 1 MiB each would be 1 GiB.
const ANSWER_BYTES_MAX: u64 = 2 << 30;

/// The answer to a request for a stream.
pub(crate) enum Streaming {
    /// It goes on.
    Open(Box<dyn std::io::Read + Send>),
    /// There is none.
    Refused(Answer),
}

impl Client {
    pub(crate) fn new(remote: &Remote) -> Self {
        Self::with(&remote.url, remote.key.clone())
    }

    pub(crate) fn with(url: &str, key: Option<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_global(Some(Duration::from_secs(120)))
            .user_agent(concat!("indelible/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), base: url.trim_end_matches('/').to_owned(), key }
    }

    pub(crate) fn get(&self, path: &str, accept: &str) -> Result<Answer, Exit> {
        let mut request = self.agent.get(format!("{}{path}", self.base)).header("Accept", accept);
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        self.read(request.call())
    }

    /// Opens a stream of Server-Sent Events.
    pub(crate) fn stream(&self, path: &str, headers: &[(&str, &str)]) -> Result<Streaming, Exit> {
        let request = self.agent.get(format!("{}{path}", self.base));
        // The stream itself may last for ever.
        let mut request = request
            .config()
            .timeout_global(None)
            .timeout_recv_response(Some(Duration::from_secs(30)))
            .build()
            .header("Accept", "text/event-stream");
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match request.call() {
            Ok(answer) if answer.status().is_success() => {
                Ok(Streaming::Open(Box::new(answer.into_body().into_reader())))
            }
            answer => Ok(Streaming::Refused(self.read(answer)?)),
        }
    }

    /// The server's address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Sends a body with POST, PUT or PATCH.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, Exit> {
        let url = format!("{}{path}", self.base);
        let mut request = match method {
            "POST" => self.agent.post(url),
            "PUT" => self.agent.put(url),
            _ => self.agent.patch(url),
        };
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.read(request.send(body))
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Answer, Exit> {
        let mut request = self.agent.delete(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        self.read(request.call())
    }

    fn read(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, Exit> {
        let mut answer = answer.map_err(|error| match error {
            // Nothing was sent: what was given makes no request, such as filters longer than any address.
            ureq::Error::Http(error) => Exit::usage(format!("no request can be made of this: {error}")),
            error => Exit::unknown(format!("no answer from {}: {error}", self.base))
                .hint("is the server running? --url or INDELIBLE_URL names it"),
        })?;
        let headers = answer.headers().clone();
        let status = answer.status().as_u16();
        let body = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec()
            .map_err(|error| Exit::unknown(format!("the answer of {} broke off: {error}", self.base)))?;
        Ok(Answer { status, headers, body })
    }

    /// A JSON answer of a GET.
    pub(crate) fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Exit> {
        self.get(path, "application/json")?.json()
    }

    /// Sends JSON and reads JSON.
    pub(crate) fn send_json(&self, method: &str, path: &str, body: &Value) -> Result<Value, Exit> {
        let body = body.to_string();
        self.send(method, path, &[("Content-Type", "application/json")], body.as_bytes())?.json()
    }
}

impl Answer {
    /// A header's value, by its name in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the server wants to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.parse().ok().map(Duration::from_secs)
    }

    /// The problem of a request whose events were all refused, each for a reason of its own; nothing for any other
    /// answer.
    pub(crate) fn refused_events(&self) -> Option<Value> {
        if !(400..500).contains(&self.status) {
            return None;
        }
        let problem: Value = serde_json::from_slice(&self.body).ok()?;
        let of_an_event = |error: &Value| error["index"].is_u64();
        problem["errors"].as_array()?.iter().any(of_an_event).then_some(problem)
    }

    #[cfg(test)]
    pub(crate) fn made(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Self {
        let pairs = headers.iter().map(|(name, value)| {
            let name = name.parse::<ureq::http::HeaderName>().expect("a header's name");
            (name, ureq::http::HeaderValue::from_static(value))
        });
        Self { status, headers: pairs.collect(), body: body.into() }
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body, or what the server says is wrong.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Exit> {
        if !self.is_success() {
            return Err(self.failure());
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Exit::unknown(format!("the server's answer is not the expected JSON: {error}")))
    }

    /// The server's own words for a failure, with the exit code that fits.
    pub(crate) fn failure(&self) -> Exit {
        if self.status == 414 {
            // It comes without a body: nothing behind the address was read.
            return Exit::usage("the filters are too long for the address of a request (status 414)");
        }
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        let detail = harmless(problem["detail"].as_str().unwrap_or("no details"));
        let code = harmless(problem["code"].as_str().unwrap_or("unknown"));
        let mut message = format!("{detail} ({code}, status {})", self.status);
        for error in problem["errors"].as_array().into_iter().flatten().take(10) {
            let field = harmless(error["field"].as_str().unwrap_or_default());
            let text = harmless(error["message"].as_str().unwrap_or_default());
            match error["index"].as_u64() {
                Some(index) => message.push_str(&format!("\n  event {index} {field}: {text}")),
                None if !field.is_empty() => message.push_str(&format!("\n  {field}: {text}")),
                None => {}
            }
        }
        match self.status {
            401 => Exit::usage(message).hint("--key or INDELIBLE_KEY gives the key"),
            500.. | 429 => Exit::unknown(message),
            400 | 404 | 405 | 413 | 415 => Exit::usage(message),
            _ => Exit::no(message),
        }
    }
}

/// Percent-encodes one path segment.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Percent-encodes a query string.
pub(crate) fn query(pairs: &[(String, String)]) -> String {
    pairs
        .iter()
        .map(|(name, value)| format!("{}={}", segment(name), segment(value)))
        .collect::<Vec<_>>()
        .join("&")
}
