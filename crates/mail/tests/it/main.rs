//! Mails to a real server, the npm package `smtp-server`, read by the npm package `postal-mime`.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../../../tools/parts/certificate.rs"]
mod certificate;
#[path = "../../../../tools/parts/part.rs"]
mod part;

use std::{net::TcpListener, time::Duration};

use indelible_event::Timestamp;
use indelible_mail::{
    Invitation, MailError, MailPassword, MailSettings, MailTls, Mailer, Message, SettingsProblem, TestMail,
};
use serde_json::{Value, json};

use certificate::certificate;
use part::Part;

/// 2026-03-01T12:34:56Z
const NOW: Timestamp = Timestamp::from_micros(1_772_368_496_000_000);

fn settings(part: &Part) -> MailSettings {
    MailSettings {
        host: "127.0.0.1".into(),
        port: port(part),
        tls: MailTls::None,
        username: None,
        password: None,
        from: "Indelible <audit@example.com>".into(),
        ca_file: None,
        timeout: Duration::from_secs(20),
    }
}

fn port(part: &Part) -> u16 {
    part.ready["port"].as_u64().unwrap().try_into().unwrap()
}

/// The oldest mail that the server has, as it reads it; `null` where there is none.
fn taken(part: &mut Part) -> Value {
    part.tell(&json!({"take": "mail"}))["mail"].take()
}

fn message(to: &str) -> Message {
    TestMail { installation: "Indelible", link: "https://audit.example.com/" }.message(to)
}

async fn send(settings: &MailSettings, to: &str) -> Result<(), MailError> {
    Mailer::new(settings).unwrap().send(&message(to), NOW).await
}

fn with_account(settings: MailSettings, password: &str) -> MailSettings {
    let password = Some(MailPassword::new(password.into()));
    MailSettings { username: Some("audit".into()), password, ..settings }
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_written() {
    let mut part = Part::start("smtp-server.mjs", &[""; 0]);
    let link = "https://audit.example.com/link#il_0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijkl";
    let invitation = Invitation {
        installation: "Prüfspur der Müller & Söhne, die einen so langen Namen hat, dass er gefaltet werden muss",
        username: "ada",
        invited_by: "Eve",
        link,
        good_until: "2 March 2026, 12:34 UTC",
    };
    let message = invitation.message("ada.lovelace@example.org");
    Mailer::new(&settings(&part)).unwrap().send(&message, NOW).await.unwrap();
    let mail = taken(&mut part);
    assert_eq!(mail["envelope"], json!({"from": "audit@example.com", "to": ["ada.lovelace@example.org"]}));
    assert_eq!(mail["from"]["name"], "Indelible");
    assert_eq!(mail["to"][0]["address"], "ada.lovelace@example.org");
    assert_eq!(mail["subject"], message.subject);
    assert_eq!(mail["date"], "2026-03-01T12:34:56.000Z");
    assert_eq!(mail["text"].as_str().unwrap().trim_end(), message.text.trim_end());
    assert_eq!(mail["html"].as_str().unwrap().trim_end(), message.html.trim_end());
    let id = mail["messageId"].as_str().unwrap();
    assert!(id.ends_with("@example.com>") && id.len() == 46, "{id}");
    let headers = mail["headers"].as_array().unwrap();
    let has = |name: &str, value: &str| {
        headers.iter().any(|header| header["key"] == name && header["value"] == value)
    };
    assert!(has("auto-submitted", "auto-generated") && has("x-auto-response-suppress", "All"), "{headers:?}");
    assert!(
        mail["raw"].as_str().unwrap().lines().all(|line| line.len() <= 998),
        "a line is too long for SMTP"
    );
}

#[tokio::test]
async fn every_mail_has_its_own_id() {
    let mut part = Part::start("smtp-server.mjs", &[""; 0]);
    let mailer = Mailer::new(&settings(&part)).unwrap();
    let mut ids = [Value::Null, Value::Null];
    for id in &mut ids {
        mailer.send(&message("ada@example.com"), NOW).await.unwrap();
        *id = taken(&mut part)["messageId"].take();
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn keeps_what_the_server_says() {
    let mut part = Part::start(
        "smtp-server.mjs",
        &[
            "--refuse",
            "no@example.com=550 5.1.1 no such user here",
            "--greylist",
            "later@example.com=451 4.7.1 greylisted, come back in five minutes",
        ],
    );
    let settings = settings(&part);
    let refused = send(&settings, "no@example.com").await.unwrap_err();
    assert_eq!(refused, MailError::Refused { code: 550, text: "5.1.1 no such user here".into() });
    assert!(!refused.retryable());
    let later = send(&settings, "later@example.com").await.unwrap_err();
    assert_eq!(later.to_string(), "the mail server refused: 451 4.7.1 greylisted, come back in five minutes");
    assert!(later.retryable());
    send(&settings, "later@example.com").await.unwrap();
    assert_eq!(taken(&mut part)["envelope"]["to"], json!(["later@example.com"]));
}

#[tokio::test]
async fn a_mail_that_is_refused_after_its_data_was_not_sent() {
    let mut part = Part::start("smtp-server.mjs", &["--refuse-mail", "554 5.7.1 looks like spam"]);
    let refused = send(&settings(&part), "ada@example.com").await;
    assert_eq!(refused, Err(MailError::Refused { code: 554, text: "5.7.1 looks like spam".into() }));
    assert_eq!(taken(&mut part), Value::Null);
}

#[tokio::test]
async fn refuses_headers_that_somebody_slips_in() {
    let mut part = Part::start("smtp-server.mjs", &[""; 0]);
    let mailer = Mailer::new(&settings(&part)).unwrap();
    for subject in ["a\r\nBcc: eve@example.com", "a\nb", "a\rb", "a\0b", "a\u{85}b"] {
        let message = Message { subject: subject.into(), ..message("ada@example.com") };
        assert_eq!(mailer.send(&message, NOW).await, Err(MailError::Subject), "{subject:?}");
    }
    for to in [
        "",
        "ada",
        "ada@example.com, eve@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com> RCPT TO:<eve@example.com",
        "Ada <ada@example.com>",
        "\"a\r\nb\"@example.com",
    ] {
        let expected = MailError::Recipient { to: to.into() };
        assert_eq!(mailer.send(&message(to), NOW).await, Err(expected), "{to:?}");
    }
    // A dot alone on a line ends a mail, unless it is doubled on its way.
    let text = "before\n.\nRCPT TO:<eve@example.com>\n..after";
    let message = Message { text: text.into(), ..message("ada@example.com") };
    mailer.send(&message, NOW).await.unwrap();
    let mail = taken(&mut part);
    assert_eq!(mail["text"].as_str().unwrap().trim_end(), text);
    assert_eq!(mail["envelope"]["to"], json!(["ada@example.com"]));
    assert_eq!(taken(&mut part), Value::Null, "nothing else went out");
}

#[tokio::test]
async fn speaks_tls_with_an_account() {
    let directory = tempfile::tempdir().unwrap();
    let [authority, own, key] = certificate(directory.path());
    let (own, key) = (own.to_str().unwrap(), key.to_str().unwrap());
    for (name, tls) in [("starttls", MailTls::StartTls), ("implicit", MailTls::Implicit)] {
        let account = ["--user", "audit:right"];
        let arguments = [&["--tls", name, "--cert", own, "--key", key], &account[..]].concat();
        let mut part = Part::start("smtp-server.mjs", &arguments);
        let trusting = MailSettings { tls, ca_file: Some(authority.clone()), ..settings(&part) };
        send(&with_account(trusting.clone(), "right"), "ada@example.com").await.unwrap();
        let mail = taken(&mut part);
        assert_eq!((&mail["secure"], &mail["user"]), (&json!(true), &json!("audit")), "{name}");

        let wrong = send(&with_account(trusting.clone(), "wrong"), "ada@example.com").await.unwrap_err();
        assert_eq!(wrong.to_string(), "the mail server refused: 535 5.7.8 authentication failed", "{name}");
        let nobody = send(&trusting, "ada@example.com").await.unwrap_err();
        assert!(matches!(nobody, MailError::Refused { code: 530, .. }), "{name}: {nobody}");

        let distrusting = MailSettings { ca_file: None, ..trusting.clone() };
        let untrusted = send(&with_account(distrusting, "right"), "ada@example.com").await.unwrap_err();
        assert!(untrusted.to_string().contains("UnknownIssuer"), "{name}: {untrusted}");
        let misnamed = MailSettings { host: "localhost".into(), ..trusting };
        let misnamed = send(&with_account(misnamed, "right"), "ada@example.com").await.unwrap_err();
        assert!(misnamed.to_string().contains("not valid for name"), "{name}: {misnamed}");
    }
}

#[tokio::test]
async fn never_falls_back_to_the_clear() {
    let part = Part::start("smtp-server.mjs", &["--user", "audit:right"]);
    for tls in [MailTls::StartTls, MailTls::Implicit] {
        let settings = with_account(MailSettings { tls, ..settings(&part) }, "right");
        let refused = send(&settings, "ada@example.com").await.unwrap_err();
        assert!(matches!(refused, MailError::Unreachable { .. }), "{tls:?}: {refused}");
    }
}

#[tokio::test]
async fn says_which_file_of_certificates_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let [_, _, key] = certificate(directory.path());
    let part = Part::start("smtp-server.mjs", &[""; 0]);
    for (file, expected) in [(key, "no certificate in it"), (directory.path().join("none"), "No such file")] {
        let settings =
            MailSettings { tls: MailTls::Implicit, ca_file: Some(file.clone()), ..settings(&part) };
        let problem = Mailer::new(&settings).unwrap_err();
        assert!(
            matches!(&problem, SettingsProblem::CaFile { file: found, .. } if *found == file),
            "{problem}"
        );
        assert!(problem.to_string().contains(expected), "{problem}");
    }
}

#[tokio::test]
async fn does_not_wait_for_a_server_that_says_nothing() {
    let part = Part::start("smtp-server.mjs", &[""; 0]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let settings = MailSettings { port, timeout: Duration::from_millis(200), ..settings(&part) };
    assert_eq!(send(&settings, "ada@example.com").await, Err(MailError::TimedOut));
}

#[tokio::test]
async fn a_server_that_is_not_there_may_come_back() {
    let part = Part::start("smtp-server.mjs", &[""; 0]);
    let settings = settings(&part);
    drop(part);
    let gone = send(&settings, "ada@example.com").await.unwrap_err();
    assert!(gone.retryable() && gone.to_string().contains("refused"), "{gone}");
}
