//! A provider as it is.

use super::*;
use browser::Place;

#[tokio::test(flavor = "multi_thread")]
async fn signs_in_with_every_kind_of_client_and_signature() {
    for arguments in [
        &[] as &[&str],
        &["--claims-in", "id_token"],
        &["--alg", "PS256"],
        &["--alg", "ES256"],
        &["--alg", "EdDSA"],
        &["--auth", "client_secret_post"],
        &["--client", "indelible"],
    ] {
        let part = start_as_ada(arguments);
        let mut provider = provider(issuer(&part));
        if arguments.contains(&"--client") {
            provider.client_secret = None;
        }
        let open_id = open_id();
        let signed_in =
            sign_in(&open_id, &provider).await.unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        let claims = signed_in.claims;
        assert_eq!(signed_in.return_to, "/search?q=x");
        assert_eq!((claims.issuer, claims.subject), (issuer(&part), "id-of-ada".into()), "{arguments:?}");
        assert_eq!((claims.username.as_str(), claims.name.as_deref()), ("ada", Some("Ada Lovelace")));
        assert_eq!(
            (claims.first_name.as_deref(), claims.last_name.as_deref()),
            (Some("Ada"), Some("Lovelace"))
        );
        assert_eq!((claims.email.as_deref(), claims.email_verified), (Some("ada@example.com"), true));
        assert_eq!(claims.groups, Some(vec!["staff".into(), "auditors".into()]), "{arguments:?}");
        assert_eq!(
            (claims.locale.as_deref(), claims.zoneinfo.as_deref()),
            (Some("en-GB"), Some("Europe/London"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_in_or_refuses_at_the_providers_form() {
    let part = start(&[]);
    let (open_id, provider) = (open_id(), provider(issuer(&part)));
    let begun = begin(&open_id, &provider).await;
    let mut browser = Browser::default();
    let Place::Page(form, _) = browser.go(&begun.url) else { panic!("no form") };
    let wrong = browser.send(&form, &[("username", "ada"), ("password", "wrong")]);
    assert!(matches!(wrong, Place::Page(_, text) if text.contains("Wrong username or password")));
    let right = browser.send(&form, &[("username", "ada"), ("password", "engine 1843")]);
    let Place::Back(callback) = right else { panic!("not sent back") };
    let signed_in = open_id.finish(&provider, callback, &begun.pending, now()).await.unwrap();
    assert_eq!(signed_in.claims.username, "ada");

    let begun = begin(&open_id, &provider).await;
    let mut browser = Browser::default();
    let Place::Page(form, _) = browser.go(&begun.url) else { panic!("no form") };
    let Place::Back(callback) = browser.send(&form, &[("refuse", "yes")]) else { panic!("not sent back") };
    let refused = refusal(open_id.finish(&provider, callback, &begun.pending, now()).await);
    let description = Some("the user refused".to_owned());
    assert_eq!(refused, OpenIdError::Refused { error: "access_denied".into(), description });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once() {
    let part = start_as_ada(&[]);
    let (open_id, provider) = (open_id(), provider(issuer(&part)));
    let (callback, pending) = answered(&open_id, &provider).await;
    open_id.finish(&provider, callback.clone(), &pending, now()).await.unwrap();
    let again = refusal(open_id.finish(&provider, callback, &pending, now()).await);
    assert!(matches!(&again, OpenIdError::Code { reason } if reason.starts_with("invalid_grant")), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_belongs_to_one_browser_one_provider_and_ten_minutes() {
    let part = start_as_ada(&[]);
    let (open_id, staff) = (open_id(), provider(issuer(&part)));
    let (callback, pending) = answered(&open_id, &staff).await;
    let (other_callback, other_pending) = answered(&open_id, &staff).await;
    let partners = Provider { name: "partners".into(), ..staff.clone() };
    let moved = Provider { issuer: "https://login.example.com".into(), ..staff.clone() };
    let stateless = Callback { state: None, ..callback.clone() };
    let changed = pending.replacen(&pending[40..41], if &pending[40..41] == "A" { "B" } else { "A" }, 1);
    let swapped = Callback { code: other_callback.code.clone(), ..callback.clone() };
    for (what, provider, callback, pending, at, expected) in [
        ("another browser's cookie", &staff, &callback, &other_pending, now(), OpenIdError::State),
        ("another browser's answer", &staff, &other_callback, &pending, now(), OpenIdError::State),
        ("no state", &staff, &stateless, &pending, now(), OpenIdError::State),
        ("no cookie", &staff, &callback, &String::new(), now(), OpenIdError::NotBegun),
        ("a changed cookie", &staff, &callback, &changed, now(), OpenIdError::NotBegun),
        ("another provider", &partners, &callback, &pending, now(), OpenIdError::NotBegun),
        ("another issuer", &moved, &callback, &pending, now(), OpenIdError::NotBegun),
        ("ten minutes later", &staff, &callback, &pending, later(601), OpenIdError::TookTooLong),
        ("an hour before", &staff, &callback, &pending, later(-3600), OpenIdError::TookTooLong),
    ] {
        let outcome = open_id.finish(provider, callback.clone(), pending, at).await;
        assert_eq!(refusal(outcome), expected, "{what}");
    }
    // The code of another sign-in under the right state: PKCE, since its verifier is in the other browser.
    let injected = refusal(open_id.finish(&staff, swapped, &pending, now()).await);
    assert!(
        matches!(&injected, OpenIdError::Code { reason } if reason.starts_with("invalid_grant")),
        "{injected}"
    );
    // None of this used up the sign-in itself.
    open_id.finish(&staff, callback, &pending, now()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_must_name_the_issuer_that_was_asked() {
    let part = start_as_ada(&[]);
    let (open_id, provider) = (open_id(), provider(issuer(&part)));
    let (callback, pending) = answered(&open_id, &provider).await;
    assert_eq!(callback.iss.as_deref(), Some(provider.issuer.as_str()));
    for iss in [None, Some("https://evil.example".to_owned()), Some(format!("{}/", provider.issuer))] {
        let tampered = Callback { iss: iss.clone(), ..callback.clone() };
        let expected = OpenIdError::AnswerIssuer { expected: provider.issuer.clone() };
        let outcome = open_id.finish(&provider, tampered, &pending, now()).await;
        assert_eq!(refusal(outcome), expected, "{iss:?}");
    }
    let empty = Callback { code: None, ..callback };
    assert_eq!(refusal(open_id.finish(&provider, empty, &pending, now()).await), OpenIdError::NoCode);
}

#[tokio::test(flavor = "multi_thread")]
async fn says_what_the_provider_says_of_a_wrong_secret() {
    let part = start_as_ada(&[]);
    let wrong = ClientSecret::new("wrong".into());
    let provider = Provider { client_secret: Some(wrong), ..provider(issuer(&part)) };
    let refused = refusal(sign_in(&open_id(), &provider).await);
    assert_eq!(
        refused.to_string(),
        "the provider did not take the code: invalid_client: client authentication failed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_verified_addresses_of_the_domains_sign_in() {
    let mut part = start_as_ada(&[]);
    let (open_id, provider) = (open_id(), provider(issuer(&part)));
    for (email, verified, taken) in
        [("ada@example.com", true, true), ("ada@example.com", false, false), ("ada@example.org", true, false)]
    {
        let user = json!({"username": "ada", "email": email, "email_verified": verified, "groups": []});
        part.tell(&json!({ "user": user }));
        let outcome = sign_in(&open_id, &provider).await;
        if taken {
            assert_eq!(outcome.unwrap().claims.groups, Some(vec![]), "no group is not the same as no claim");
        } else {
            assert_eq!(refusal(outcome), OpenIdError::EmailDomain, "{email} {verified}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_after_the_provider_changed_its_keys() {
    let part = start_as_ada(&[]);
    let (open_id, provider) = (open_id(), provider(issuer(&part)));
    sign_in(&open_id, &provider).await.unwrap();
    let port = part.ready["port"].to_string();
    drop(part);
    let _restarted = start_as_ada(&["--port", &port]);
    sign_in(&open_id, &provider).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn signs_out_at_the_provider_where_it_offers_that() {
    let part = start_as_ada(&[]);
    let (open_id, provider) = (open_id(), provider(issuer(&part)));
    let begun = begin(&open_id, &provider).await;
    let mut browser = Browser::default();
    let callback = browser.callback(&begun.url);
    let signed_in = open_id.finish(&provider, callback, &begun.pending, now()).await.unwrap();
    let url = open_id.sign_out_url(&provider, Some(&signed_in.id_token), Some(REDIRECT), now()).await;
    let Place::Page(_, page) = browser.go(&url.unwrap().unwrap()) else { panic!("no page") };
    assert!(page.contains("<h1>Sign out</h1>"), "{page}");
    let without = open_id.sign_out_url(&provider, None, None, now()).await.unwrap().unwrap();
    assert!(without.ends_with("?client_id=indelible"), "{without}");

    let part = start(&["--no-logout"]);
    let provider = Provider { issuer: issuer(&part), ..provider };
    assert_eq!(open_id.sign_out_url(&provider, None, None, now()).await, Ok(None));
}
