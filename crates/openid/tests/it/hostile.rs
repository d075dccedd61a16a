//! A provider, or somebody before it, that lies.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openidconnect::{
    PrivateSigningKey,
    core::{CoreHmacKey, CoreJwsSigningAlgorithm},
};

use super::*;
use proxy::{Proxy, Tamper};

/// Signs the same header and claims under another algorithm.
fn with_header(token: &str, header: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let claims = token.split('.').nth(1).unwrap();
    let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header.to_string()));
    let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn hmac(key: &str, message: &[u8]) -> Vec<u8> {
    CoreHmacKey::new(key).sign(&CoreJwsSigningAlgorithm::HmacSha256, message).unwrap()
}

fn change_last_letter(token: String) -> String {
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    format!("{rest}.{other}{}", &signature[1..])
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_every_token_that_is_not_for_this_sign_in() {
    let proxy = Proxy::start(&["--claims-in", "id_token"]).await;
    let (open_id, provider) = (open_id(), provider(proxy.issuer.clone()));
    // Signed anew and otherwise unchanged it is good, so each of the others fails for its own reason.
    sign_in(&open_id, &provider).await.unwrap();
    let none = Tamper::default;
    let claims = |change: fn(&mut Value)| Tamper { claims: Some(change), ..none() };
    let header = |change: fn(&mut Value)| Tamper { header: Some(change), ..none() };
    let token = |change: fn(String) -> String| Tamper { token: Some(change), ..none() };
    for (what, tamper, expected) in [
        ("another nonce", claims(|c| c["nonce"] = "other".into()), "nonce mismatch"),
        ("no nonce", claims(|c| c["nonce"] = Value::Null), "missing nonce"),
        ("another audience", claims(|c| c["aud"] = "other".into()), "must contain `indelible`"),
        ("no audience", claims(|c| c["aud"] = json!([])), "must contain `indelible`"),
        ("one more audience", claims(|c| c["aud"] = json!(["indelible", "x"])), "not a trusted audience"),
        ("another client", claims(|c| c["azp"] = "other".into()), "(azp)"),
        ("another issuer", claims(|c| c["iss"] = "https://evil.example".into()), "Invalid issuer"),
        ("expired", claims(|c| c["exp"] = json!(c["iat"].as_i64().unwrap() - 1)), "Expired"),
        ("from the future", claims(|c| c["iat"] = json!(c["iat"].as_i64().unwrap() + 900)), "in the future"),
        ("another access token", claims(|c| c["at_hash"] = "AAAA".into()), "(at_hash)"),
        ("no signature", token(|t| with_header(&t, &json!({"alg": "none"}), |_| vec![])), "No signature"),
        (
            "signed with the client's secret",
            token(|t| with_header(&t, &json!({"alg": "HS256"}), |text| hmac("secret", text))),
            "Disallowed signature algorithm",
        ),
        ("a changed signature", token(change_last_letter), "Crypto error"),
        ("an unpublished key", Tamper { secret_key: true, ..none() }, "Crypto error"),
        ("an unknown key", header(|h| h["kid"] = "other".into()), "No matching key"),
        ("another algorithm", header(|h| h["alg"] = "RS256".into()), "No matching key"),
        ("another type", header(|h| h["typ"] = "at+jwt".into()), "JWT type"),
        ("a critical header", header(|h| h["crit"] = json!(["b64"])), "critical"),
    ] {
        proxy.tamper(tamper);
        match refusal(sign_in(&open_id, &provider).await) {
            OpenIdError::IdToken { reason } => assert!(reason.contains(expected), "{what}: {reason}"),
            error => panic!("{what}: {error}"),
        }
    }
    for (what, tamper) in [
        ("no subject", claims(|c| c["sub"] = Value::Null)),
        ("no token", token(|_| "a.b.c".into())),
        ("no dots", token(|_| String::new())),
    ] {
        proxy.tamper(tamper);
        let refused = refusal(sign_in(&open_id, &provider).await);
        assert!(matches!(refused, OpenIdError::Unavailable { .. }), "{what}: {refused}");
    }
    proxy.tamper(none());
    sign_in(&open_id, &provider).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn asks_for_keys_again_only_when_one_is_unknown() {
    let proxy = Proxy::start(&["--claims-in", "id_token"]).await;
    let (open_id, provider) = (open_id(), provider(proxy.issuer.clone()));
    sign_in(&open_id, &provider).await.unwrap();
    sign_in(&open_id, &provider).await.unwrap();
    assert_eq!(proxy.keys_asked(), 1);
    proxy.change_key();
    sign_in(&open_id, &provider).await.unwrap();
    sign_in(&open_id, &provider).await.unwrap();
    assert_eq!(proxy.keys_asked(), 2);
    let (callback, pending) = answered(&open_id, &provider).await;
    open_id.begin(&provider, REDIRECT, "/", later(3601)).await.unwrap();
    assert_eq!(proxy.keys_asked(), 3, "what is kept is an hour old");
    open_id.finish(&provider, callback, &pending, now()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn user_info_must_be_of_the_same_subject() {
    let proxy = Proxy::start(&[]).await;
    let (open_id, provider) = (open_id(), provider(proxy.issuer.clone()));
    sign_in(&open_id, &provider).await.unwrap();
    proxy.tamper(Tamper { user_info: Some(|u| u["sub"] = "eve".into()), ..Tamper::default() });
    let refused = refusal(sign_in(&open_id, &provider).await);
    assert!(
        matches!(&refused, OpenIdError::UserInfo { reason } if reason.contains("Invalid subject")),
        "{refused}"
    );
    proxy.tamper(Tamper {
        answer: Some(|path, answer| if path == "/me" { status(StatusCode::BAD_GATEWAY) } else { answer }),
        ..Tamper::default()
    });
    let refused = refusal(sign_in(&open_id, &provider).await);
    assert!(matches!(&refused, OpenIdError::UserInfo { reason } if reason.contains("502")), "{refused}");
    assert!(refused.retryable());
}

fn status(status: StatusCode) -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

fn redirect_to_itself(path: &str, answer: Response) -> Response {
    if path != "/.well-known/openid-configuration" {
        return answer;
    }
    let mut answer = status(StatusCode::TEMPORARY_REDIRECT);
    answer.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/elsewhere"));
    answer
}

fn two_mebibytes(_path: &str, answer: Response) -> Response {
    let (parts, _) = answer.into_parts();
    Response::from_parts(parts, Body::from(" ".repeat(2 * 1024 * 1024)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discovery_document_sends_nobody_where_it_must_not() {
    let proxy = Proxy::start(&[]).await;
    let provider = provider(proxy.issuer.clone());
    let discovery = |change: fn(&mut Value)| Tamper { discovery: Some(change), ..Tamper::default() };
    let answer =
        |change: fn(&str, Response) -> Response| Tamper { answer: Some(change), ..Tamper::default() };
    for (what, tamper, expected) in [
        ("another issuer", discovery(|d| d["issuer"] = "https://evil.example".into()), "unexpected issuer"),
        (
            "a page that runs",
            discovery(|d| d["authorization_endpoint"] = "javascript:alert(1)".into()),
            "names the address javascript:",
        ),
        (
            "a token endpoint in the clear",
            discovery(|d| d["token_endpoint"] = "http://192.0.2.1/token".into()),
            "names the address http://192.0.2.1/token",
        ),
        (
            "user info in the clear",
            discovery(|d| d["userinfo_endpoint"] = "http://169.254.169.254/".into()),
            "names the address http://169.254.169.254/",
        ),
        (
            "a sign-out in the clear",
            discovery(|d| d["end_session_endpoint"] = "http://192.0.2.1/".into()),
            "names the address http://192.0.2.1/",
        ),
        (
            "keys in the clear",
            discovery(|d| d["jwks_uri"] = "http://192.0.2.1/keys".into()),
            "http://192.0.2.1/keys must not be asked",
        ),
        (
            "keys in a file",
            discovery(|d| d["jwks_uri"] = "file:///etc/passwd".into()),
            "failed to prepare request",
        ),
        ("a redirect", answer(redirect_to_itself), "307"),
        ("too much", answer(two_mebibytes), "larger than request limit"),
        ("no JSON", answer(|_, answer| answer.map(|_| Body::from("<html>"))), "parse"),
        ("an error", answer(|_, _| status(StatusCode::SERVICE_UNAVAILABLE)), "503"),
    ] {
        proxy.tamper(tamper);
        // Each begins anew, since a failure stands for some seconds.
        match open_id().check(&provider, now()).await.unwrap_err() {
            OpenIdError::Unavailable { reason, .. } => {
                assert!(reason.to_lowercase().contains(&expected.to_lowercase()), "{what}: {reason}");
            }
            error => panic!("{what}: {error}"),
        }
    }
    proxy.tamper(Tamper::default());
    open_id().check(&provider, now()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_tokens_out_of_its_errors() {
    let proxy = Proxy::start(&[]).await;
    let (open_id, provider) = (open_id(), provider(proxy.issuer.clone()));
    let spoil = |path: &str, answer: Response| {
        let spoilt = "{\"access_token\": \"geheim\", \"token_type\": 7}";
        if path == "/token" { answer.map(|_| Body::from(spoilt)) } else { answer }
    };
    proxy.tamper(Tamper { answer: Some(spoil), ..Tamper::default() });
    let refused = refusal(sign_in(&open_id, &provider).await);
    assert_eq!(refused.reason(), "provider_unavailable");
    assert!(!format!("{refused} {refused:?}").contains("geheim"), "{refused:?}");
}
