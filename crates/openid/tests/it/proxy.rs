//! Stands before the provider, calls itself the issuer and signs its ID tokens anew, with whatever a test changed.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::{self, Body, Bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{part::Part, start_as_ada};

/// What is changed, and how.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tamper {
    /// The discovery document.
    pub(crate) discovery: Option<fn(&mut Value)>,
    /// The claims of the ID token before it is signed.
    pub(crate) claims: Option<fn(&mut Value)>,
    /// The header of the ID token before it is signed.
    pub(crate) header: Option<fn(&mut Value)>,
    /// The signed ID token.
    pub(crate) token: Option<fn(String) -> String>,
    /// What the user-info endpoint says.
    pub(crate) user_info: Option<fn(&mut Value)>,
    /// Any answer, by its path.
    pub(crate) answer: Option<fn(&str, Response) -> Response>,
    /// Signs with a key that it does not publish, under the id of the one that it does.
    pub(crate) secret_key: bool,
}

/// The proxy and the provider behind it.
pub(crate) struct Proxy {
    pub(crate) issuer: String,
    shared: Arc<Shared>,
    _part: Part,
}

struct Shared {
    upstream: String,
    tamper: Mutex<Tamper>,
    /// The key that it signs with, which it publishes under its number.
    key: AtomicUsize,
    keys_asked: AtomicUsize,
}

impl Proxy {
    /// Starts both, with Ada signed in.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let part = start_as_ada(&[&["--issuer", &issuer], arguments].concat());
        let shared = Arc::new(Shared {
            upstream: format!("http://127.0.0.1:{}", part.ready["port"]),
            tamper: Mutex::default(),
            key: AtomicUsize::new(1),
            keys_asked: AtomicUsize::new(0),
        });
        let router = Router::new().fallback(pass).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { issuer, shared, _part: part }
    }

    pub(crate) fn tamper(&self, tamper: Tamper) {
        *self.shared.tamper.lock().unwrap() = tamper;
    }

    /// Signs with a new key from now on, and publishes only that.
    pub(crate) fn change_key(&self) {
        self.shared.key.fetch_add(1, Ordering::SeqCst);
    }

    /// How often the keys were asked for.
    pub(crate) fn keys_asked(&self) -> usize {
        self.shared.keys_asked.load(Ordering::SeqCst)
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let tamper = *shared.tamper.lock().unwrap();
    let answer = shared.answer(&path, &tamper, request).await;
    match tamper.answer {
        Some(change) => change(&path, answer),
        None => answer,
    }
}

impl Shared {
    async fn answer(&self, path: &str, tamper: &Tamper, request: Request) -> Response {
        if path == "/jwks" {
            self.keys_asked.fetch_add(1, Ordering::SeqCst);
            let key = self.key();
            let x = URL_SAFE_NO_PAD.encode(key.verifying_key());
            let key = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.kid(), "use": "sig"});
            return json_answer(&json!({ "keys": [key] }));
        }
        let answer = self.forward(request).await;
        match path {
            "/.well-known/openid-configuration" => edit(answer, |found| apply(tamper.discovery, found)).await,
            "/token" => edit(answer, |found| self.sign_anew(found, tamper)).await,
            "/me" => edit(answer, |found| apply(tamper.user_info, found)).await,
            _ => answer,
        }
    }

    async fn forward(&self, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let uri = parts.uri.path_and_query().unwrap();
        parts.uri = format!("{}{uri}", self.upstream).parse().unwrap();
        let body = body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        let config = ureq::Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None);
        let agent = config.build().new_agent();
        let answer = tokio::task::spawn_blocking(move || {
            if body.is_empty() {
                agent.run(Request::from_parts(parts, ()))
            } else {
                agent.run(Request::from_parts(parts, body))
            }
        });
        let (mut parts, body) = answer.await.unwrap().unwrap().into_parts();
        for name in [header::TRANSFER_ENCODING, header::CONNECTION, header::CONTENT_LENGTH] {
            parts.headers.remove(name);
        }
        let body = body.into_with_config().read_to_vec().unwrap();
        Response::from_parts(parts, Body::from(body))
    }

    fn sign_anew(&self, answer: &mut Value, tamper: &Tamper) {
        let Some(token) = answer["id_token"].as_str() else { return };
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let mut claims: Value = serde_json::from_slice(&payload).unwrap();
        // It was made for the algorithm of the provider's own signature.
        claims.as_object_mut().unwrap().remove("at_hash");
        let mut header = json!({"alg": "EdDSA", "kid": self.kid()});
        apply(tamper.claims, &mut claims);
        apply(tamper.header, &mut header);
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let key = if tamper.secret_key { SigningKey::from_bytes(&[255; 32]) } else { self.key() };
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).to_bytes()));
        answer["id_token"] = tamper.token.map_or(token.clone(), |change| change(token)).into();
    }

    fn key(&self) -> SigningKey {
        let number = self.key.load(Ordering::SeqCst);
        SigningKey::from_bytes(&[u8::try_from(number).unwrap(); 32])
    }

    fn kid(&self) -> String {
        format!("key {}", self.key.load(Ordering::SeqCst))
    }
}

fn apply(change: Option<fn(&mut Value)>, value: &mut Value) {
    if let Some(change) = change {
        change(value);
    }
}

fn json_answer(value: &Value) -> Response {
    let mut answer = Response::new(Body::from(value.to_string()));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

async fn edit(answer: Response, change: impl FnOnce(&mut Value)) -> Response {
    let (parts, body) = answer.into_parts();
    let body: Bytes = body::to_bytes(body, usize::MAX).await.unwrap();
    if parts.status != StatusCode::OK {
        return Response::from_parts(parts, Body::from(body));
    }
    let mut value = serde_json::from_slice(&body).unwrap();
    change(&mut value);
    Response::from_parts(parts, Body::from(value.to_string()))
}
