//! A client of the HTTP interface that hides nothing: every status, header and byte can be asserted.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use ureq::{
    http::{HeaderMap, Method, Request},
    tls::{Certificate, RootCerts, TlsConfig},
};

use super::{LONG, within};

/// A client with one key, or none.
#[derive(Clone)]
pub(crate) struct Api {
    agent: ureq::Agent,
    url: String,
    pub(crate) key: Option<String>,
    /// Headers of every request beside the key: the cookie of a session, and the token of its page.
    headers: Vec<(&'static str, String)>,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Api {
    pub(crate) fn new(url: &str, key: Option<&str>) -> Self {
        Self::with_tls(url, key, TlsConfig::default())
    }

    /// A client that trusts one certificate.
    pub(crate) fn trusting(url: &str, key: Option<&str>, pem: &str) -> Self {
        let root = Certificate::from_pem(pem.as_bytes()).unwrap();
        let roots = RootCerts::Specific(Arc::new(vec![root]));
        Self::with_tls(url, key, TlsConfig::builder().root_certs(roots).build())
    }

    fn with_tls(url: &str, key: Option<&str>, tls: TlsConfig) -> Self {
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(LONG))
            .build();
        Self { agent: config.into(), url: url.to_owned(), key: key.map(str::to_owned), headers: Vec::new() }
    }

    /// The same server with another key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    /// The same server as a user who signs in, with a session of its own.
    #[track_caller]
    pub(crate) fn signed_in(&self, username: &str, password: &str) -> Self {
        let nobody = Self { key: None, headers: Vec::new(), ..self.clone() };
        let answer =
            nobody.write("POST", "/v1/sign-in", &json!({"username": username, "password": password}));
        let answer = answer.expect(200);
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let token = answer.json()["csrf"].as_str().unwrap().to_owned();
        Self { headers: vec![("Cookie", cookie), ("X-CSRF-Token", token)], ..nobody }
    }

    /// Makes a user of this tenant with these roles, who chooses this password and can sign in; returns the id.
    #[track_caller]
    pub(crate) fn user(&self, username: &str, tenant: Option<&str>, roles: &Value, password: &str) -> String {
        let new = json!({"username": username, "tenant": tenant, "roles": roles});
        let made = self.write("POST", "/v1/users", &new).expect(201).json();
        let id = made["id"].as_str().unwrap().to_owned();
        let link = self.request("POST", &format!("/v1/users/{id}/link"), &[], b"").expect(201).json();
        let chosen = json!({"link": link["link"], "password": password});
        self.write("POST", "/v1/password", &chosen).expect(204);
        id
    }

    /// The session that an answer began, as its browser would go on.
    #[track_caller]
    pub(crate) fn session(&self, answer: Answer) -> Self {
        let answer = answer.expect(200);
        let cookie = answer.header("set-cookie").split(';').next().unwrap();
        let token = answer.json()["csrf"].as_str().unwrap().to_owned();
        let nobody = Self { key: None, ..self.clone() };
        nobody.with_header("Cookie", cookie).with_header("X-CSRF-Token", &token)
    }

    /// The same with another value of a header; none where it is empty.
    pub(crate) fn with_header(&self, name: &'static str, value: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            headers.push((name, value.to_owned()));
        }
        Self { headers, ..self.clone() }
    }

    /// What a header of every request is.
    #[track_caller]
    pub(crate) fn own_header(&self, name: &str) -> &str {
        &self.headers.iter().find(|(known, _)| *known == name).unwrap().1
    }

    #[track_caller]
    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, &[], b"")
    }

    /// Host and port, and the head of a request with all that every request has, but not the empty line at its end: for
    /// what sends its bytes itself.
    pub(super) fn head(&self, method: &str, path: &str) -> (String, String) {
        let (_, address) = self.url.split_once("://").unwrap();
        let key = self.key.iter().map(|key| ("Authorization", format!("Bearer {key}")));
        let lines = key.chain(self.headers.iter().cloned());
        let lines: String = lines.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        (address.to_owned(), format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{lines}"))
    }

    /// Sends a request; an error is a connection that broke.
    pub(crate) fn attempt(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = match method {
            "DELETE" if !body.is_empty() => {
                let (parts, ()) = request.body(()).unwrap().into_parts();
                let bare = self.agent.delete(parts.uri.to_string());
                let with = parts.headers.iter().fold(bare, |bare, (name, value)| bare.header(name, value));
                with.force_send_body().send(body)?
            }
            "GET" | "DELETE" => self.agent.run(request.body(()).unwrap())?,
            _ => self.agent.run(request.body(body).unwrap())?,
        };
        let body = answer.body_mut().with_config().limit(1 << 30).read_to_vec()?;
        Ok(Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body })
    }

    /// The body of a GET that must succeed and goes on, unread.
    #[track_caller]
    pub(crate) fn open(&self, path: &str, last_event_id: Option<&str>) -> Box<dyn std::io::Read + Send> {
        let mut request = Request::builder().method(Method::GET).uri(format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let answer = self.agent.run(request.body(()).unwrap()).unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        Box::new(answer.into_body().into_reader())
    }

    #[track_caller]
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.attempt(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    /// The JSON of a GET that must succeed.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> Value {
        self.get(path).expect(200).json()
    }

    /// Sends JSON with POST, PATCH or PUT.
    #[track_caller]
    pub(crate) fn write(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.request(method, path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    /// Sends events as one JSON body.
    #[track_caller]
    pub(crate) fn send(&self, events: &Value) -> Answer {
        self.write("POST", "/v1/events", events)
    }

    /// Sends a body to `POST /v1/events` with these headers.
    #[track_caller]
    pub(crate) fn post(&self, query: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.request("POST", &format!("/v1/events{query}"), headers, body)
    }

    /// Makes a tenant with auditing on.
    #[track_caller]
    pub(crate) fn tenant(&self, name: &str) {
        self.write("POST", "/v1/tenants", &json!({"name": name, "auditing": true})).expect(201);
    }

    /// Makes a tenant with auditing on below another.
    #[track_caller]
    pub(crate) fn tenant_below(&self, parent: &str, name: &str) {
        self.write("POST", "/v1/tenants", &json!({"name": name, "parent": parent, "auditing": true}))
            .expect(201);
    }

    /// Makes a key for tenants and returns a client that has it; its default tenant is the first.
    #[track_caller]
    pub(crate) fn key(&self, permissions: &[&str], tenants: &[&str]) -> Self {
        let new = json!({
            "name": "test", "permissions": permissions, "reach": {"tenants": tenants}, "default_tenant": tenants[0],
        });
        let made = self.write("POST", "/v1/keys", &new).expect(201).json();
        self.with_key(made["key"].as_str().unwrap())
    }

    /// Waits until exactly `total` events match beside the server's own, and returns the first page of up to 1,000.
    #[track_caller]
    pub(crate) fn found(&self, query: &str, total: u64) -> Value {
        self.found_within(LONG, query, total)
    }

    #[track_caller]
    pub(crate) fn found_within(&self, limit: Duration, query: &str, total: u64) -> Value {
        let path = format!("/v1/events?total=true&limit=1000&{}", sent(query));
        let mut last = Value::Null;
        let found = || {
            last = self.read(&path);
            (last["total"] == total).then(|| last.clone())
        };
        let what = format!("{total} events match {query:?}");
        within(limit, &what, found)
    }
}

impl Api {
    /// Waits until exactly `count` of the server's own events have this code, and returns them, oldest first.
    #[track_caller]
    pub(crate) fn told(&self, code: &str, count: usize) -> Vec<Value> {
        within(LONG, &format!("{count} events tell of {code}"), || {
            let page = self.read("/v1/events?limit=1000&application=indelible");
            let events = page["data"].as_array().unwrap().iter().rev();
            let found: Vec<_> = events.filter(|event| event["action_code"] == code).cloned().collect();
            (found.len() == count).then_some(found)
        })
    }

    /// Makes a key over the whole installation and returns a client that has it.
    #[track_caller]
    pub(crate) fn key_everywhere(&self, permissions: &[&str]) -> Self {
        let new = json!({"name": "everywhere", "permissions": permissions, "reach": "everything"});
        let made = self.write("POST", "/v1/keys", &new).expect(201).json();
        self.with_key(made["key"].as_str().unwrap())
    }

    /// Waits until at least `least` events match beside the server's own, and returns how many do.
    #[track_caller]
    pub(crate) fn found_at_least(&self, query: &str, least: u64) -> u64 {
        let path = format!("/v1/events?total=true&limit=1&{}", sent(query));
        let found = || self.read(&path)["total"].as_u64().filter(|total| *total >= least);
        within(LONG, &format!("{least} events match {query:?}"), found)
    }
}

/// A query for what was sent, without what the server tells of itself.
pub(crate) fn sent(query: &str) -> String {
    let others = "application=!indelible";
    if query.is_empty() { others.to_owned() } else { format!("{query}&{others}") }
}

impl Answer {
    /// The answer, if it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Asserts that it is a problem with this status and code; returns its JSON.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        problem
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's text, empty where it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
