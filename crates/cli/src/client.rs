//! Talking to a running server.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{args::Remote, exit::Exit};

/// An HTTP client for one server and key.
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
    key: Option<String>,
}

/// An answer, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

/// Largest answer that is read: an entries tile is 26 kB, a page of 1,000 events of 1 MiB each would be 1 GiB.
const ANSWER_BYTES_MAX: u64 = 2 << 30;

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
        let mut answer = answer.map_err(|error| {
            Exit::unknown(format!("no answer from {}: {error}", self.base))
                .hint("is the server running? --url or INDELIBLE_URL names it")
        })?;
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let status = answer.status().as_u16();
        let body = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec()
            .map_err(|error| Exit::unknown(format!("the answer of {} broke off: {error}", self.base)))?;
        Ok(Answer { status, retry_after: retry_after.map(Duration::from_secs), body })
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
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        let detail = problem["detail"].as_str().unwrap_or("no details");
        let code = problem["code"].as_str().unwrap_or("unknown");
        let mut message = format!("{detail} ({code}, status {})", self.status);
        for error in problem["errors"].as_array().into_iter().flatten().take(10) {
            let field = error["field"].as_str().unwrap_or_default();
            let text = error["message"].as_str().unwrap_or_default();
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
    pairs.iter().map(|(name, value)| format!("{}={}", segment(name), segment(value))).collect::<Vec<_>>().join("&")
}
