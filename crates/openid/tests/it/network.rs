//! Providers that can't be reached, are slow, or are behind a certificate of their own.

use std::{net::TcpListener, time::Duration};

use super::*;
use certificate::certificate;

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_stands_for_three_seconds() {
    let part = start_as_ada(&[]);
    let provider = provider(issuer(&part));
    let port = part.ready["port"].to_string();
    drop(part);
    let (open_id, at) = (open_id(), now());
    let failed = open_id.check(&provider, at).await.unwrap_err();
    assert!(failed.retryable() && failed.to_string().contains(&provider.issuer), "{failed}");
    let _restarted = start_as_ada(&["--port", &port]);
    let after = |seconds: i64| Timestamp::from_micros(at.as_micros() + seconds * 1_000_000);
    assert_eq!(open_id.check(&provider, after(2)).await, Err(failed));
    assert_eq!(open_id.check(&provider, after(3)).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn does_not_wait_for_a_provider_that_says_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let provider = provider(format!("http://{}", silent.local_addr().unwrap()));
    let settings = OpenIdSettings { timeout: Duration::from_millis(200), ..OpenIdSettings::default() };
    let open_id = OpenId::new(&[7; 32], &settings).unwrap();
    let failed = open_id.check(&provider, now()).await.unwrap_err().to_string();
    assert!(failed.contains("timeout"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trusts_the_certificates_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let [authority, own, key] = certificate(directory.path());
    let part = start(&["--cert", own.to_str().unwrap(), "--key", key.to_str().unwrap()]);
    let provider = provider(issuer(&part));
    assert!(provider.issuer.starts_with("https://127.0.0.1:"), "{}", provider.issuer);
    let failed = open_id().check(&provider, now()).await.unwrap_err().to_string();
    assert!(failed.contains("UnknownIssuer"), "{failed}");
    let settings = OpenIdSettings { ca_file: Some(authority), ..OpenIdSettings::default() };
    assert_eq!(OpenId::new(&[7; 32], &settings).unwrap().check(&provider, now()).await, Ok(()));
    for (file, expected) in [(key, "no certificate in it"), (directory.path().join("none"), "No such file")] {
        let settings = OpenIdSettings { ca_file: Some(file), ..OpenIdSettings::default() };
        let error = OpenId::new(&[7; 32], &settings).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
