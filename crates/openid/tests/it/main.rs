//! Sign-ins with a real provider, the npm package `oidc-provider`, and with one whose answers are tampered with.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod browser;
#[path = "../../../../tools/parts/certificate.rs"]
mod certificate;
mod honest;
mod hostile;
mod network;
#[path = "../../../../tools/parts/part.rs"]
mod part;
mod proxy;

use std::time::{SystemTime, UNIX_EPOCH};

use indelible_event::Timestamp;
use indelible_openid::{
    Begun, Callback, ClientSecret, OpenId, OpenIdError, OpenIdSettings, Provider, SignedIn,
};
use serde_json::{Value, json};

use browser::Browser;
use part::Part;

/// Where users come back to; nobody listens there.
const REDIRECT: &str = "http://127.0.0.1:1/sign-in/staff";

/// The part's time is the machine's.
#[expect(clippy::disallowed_methods, reason = "tokens of a real provider carry the real time")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_micros(now().as_micros() + seconds * 1_000_000)
}

fn ada() -> Value {
    json!({
        "username": "ada", "password": "engine 1843", "name": "Ada Lovelace", "given_name": "Ada",
        "family_name": "Lovelace", "email": "ada@example.com", "email_verified": true,
        "groups": ["staff", "auditors"], "locale": "en-GB", "zoneinfo": "Europe/London",
    })
}

/// Starts the provider with Ada and these arguments.
fn start(arguments: &[&str]) -> Part {
    let ada = ada().to_string();
    Part::start("openid-provider.mjs", &[&["--user", &ada], arguments].concat())
}

/// Where Ada is signed in without a form.
fn start_as_ada(arguments: &[&str]) -> Part {
    start(&[&["--sign-in", "ada"], arguments].concat())
}

fn issuer(part: &Part) -> String {
    part.ready["issuer"].as_str().unwrap().to_owned()
}

fn provider(issuer: String) -> Provider {
    Provider {
        name: "staff".into(),
        issuer,
        client_id: "indelible".into(),
        client_secret: Some(ClientSecret::new("secret".into())),
        scopes: ["profile", "email", "groups"].map(Into::into).into(),
        username_claim: "preferred_username".into(),
        groups_claim: Some("groups".into()),
        email_claim: "email".into(),
        group_roles: vec![],
        create_users: true,
        email_domains: vec!["example.com".into()],
        trust_emails: false,
    }
}

fn open_id() -> OpenId {
    OpenId::new(&[7; 32], &OpenIdSettings::default()).unwrap()
}

async fn begin(open_id: &OpenId, provider: &Provider) -> Begun {
    open_id.begin(provider, REDIRECT, "/search?q=x", now()).await.unwrap()
}

/// The whole way, as a browser that is signed in at once goes it.
async fn sign_in(open_id: &OpenId, provider: &Provider) -> Result<SignedIn, OpenIdError> {
    let (callback, pending) = answered(open_id, provider).await;
    open_id.finish(provider, callback, &pending, now()).await
}

/// The provider's answer, and the cookie that belongs to it.
async fn answered(open_id: &OpenId, provider: &Provider) -> (Callback, String) {
    let begun = begin(open_id, provider).await;
    (Browser::default().callback(&begun.url), begun.pending)
}

fn refusal(outcome: Result<SignedIn, OpenIdError>) -> OpenIdError {
    match outcome {
        Ok(signed_in) => panic!("{} was signed in", signed_in.claims.username),
        Err(error) => error,
    }
}
