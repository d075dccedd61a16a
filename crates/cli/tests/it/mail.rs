//! Mail: invitations, links for a new password, the test; taken by a real SMTP server.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    certificate::certificate,
    part::Part,
    sign_in::{choose, is_signed_in, link_for, sign_in},
    support::{Answer, Api, Installation, LONG, Server, files_below, texts, within, write_secret},
};

const PASSWORD: &str = "seven green umbrellas at noon";
const NEXT: &str = "nine blue lanterns by the sea";
/// What links in mails begin with.
const PUBLIC_URL: &str = "https://example.com/audit";
/// The password of the account at the mail server.
const ACCOUNT: &str = "tell-nobody-at-all";

/// A mail server with these options, and an installation that sends its mails there, with these settings beside.
fn world(options: &[&str], settings: &[(&str, &str)]) -> (Part, Installation, Server, Api) {
    let part = Part::start("smtp-server.mjs", options);
    let port = part.ready["port"].to_string();
    let own = [
        ("PUBLIC_URL", PUBLIC_URL),
        ("MAIL_FROM", "Audit trail <audit@example.com>"),
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_PORT", port.as_str()),
        ("SMTP_TLS", "none"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let mut installation = Installation::new();
    for (setting, value) in own.iter().chain(settings) {
        installation.set(setting, value);
    }
    let server = installation.start();
    let admin = server.admin();
    (part, installation, server, admin)
}

/// The oldest mail that was not taken yet; null where there is none.
fn taken(part: &mut Part) -> Value {
    part.tell(&json!({"take": "mail"}))["mail"].take()
}

/// The next mail, as soon as it is there.
#[track_caller]
fn next_mail(part: &mut Part) -> Value {
    within(LONG, "a mail comes", || Some(taken(part)).filter(|mail| !mail.is_null()))
}

/// The secret at the end of a mail's only link.
#[track_caller]
fn secret_in(mail: &Value) -> String {
    let beginning = format!("{PUBLIC_URL}/password#");
    let (text, html) = (mail["text"].as_str().unwrap(), mail["html"].as_str().unwrap());
    let links: Vec<_> = text.lines().filter(|line| line.contains("://")).collect();
    assert_eq!(links.len(), 1, "{text}");
    assert!(html.contains(links[0].trim()), "{html}");
    let secret = links[0].trim().strip_prefix(beginning.as_str());
    secret.unwrap_or_else(|| panic!("{text}")).to_owned()
}

/// An invited user with this address.
fn invited(admin: &Api, username: &str, email: &str) -> String {
    let new = json!({"username": username, "email": email});
    let made = admin.write("POST", "/v1/users", &new).expect(201).json();
    made["id"].as_str().unwrap().to_owned()
}

/// A user with this address, and the password [`PASSWORD`].
fn user(admin: &Api, username: &str, email: &str) -> String {
    let id = invited(admin, username, email);
    choose(admin, &link_for(admin, &id), PASSWORD).expect(204);
    id
}

fn by_mail(api: &Api, id: &str) -> Answer {
    api.write("POST", &format!("/v1/users/{id}/link"), &json!({"by_mail": true}))
}

fn test_mail(api: &Api, to: &str) -> Answer {
    api.write("POST", "/v1/mail/test", &json!({"to": to}))
}

fn ask(api: &Api, user: &str) -> Answer {
    api.write("POST", "/v1/password/reset", &json!({"user": user}))
}

/// The same from a network of its own.
fn from(api: &Api, number: usize) -> Api {
    api.with_header("X-Forwarded-For", &format!("10.{number}.0.1"))
}

/// Everything that the trail says, as it is shown and as it was written.
fn trail(admin: &Api) -> String {
    let page = admin.read("/v1/events?limit=1000");
    assert!(page["next"].is_null(), "{page}");
    let originals = texts(&page["data"], "id").into_iter();
    let originals = originals.map(|id| admin.get(&format!("/v1/events/{id}/original")).expect(200).text());
    originals.fold(page.to_string(), |all, original| all + &original)
}

#[test]
fn a_link_by_mail_goes_to_the_users_address_alone_and_opens_the_account() {
    let directory = tempfile::tempdir().unwrap();
    let files = certificate(directory.path());
    let [authority, own, key] = files.each_ref().map(|file| file.to_str().unwrap());
    let password = directory.path().join("password");
    write_secret(&password, &format!("{ACCOUNT}\n"));
    let account = format!("audit:{ACCOUNT}");
    let starttls = ["--tls", "starttls", "--cert", own, "--key", key, "--user", account.as_str()];
    let with_account = [
        ("SMTP_TLS", "starttls"),
        ("SMTP_CA_FILE", authority),
        ("SMTP_USERNAME", "audit"),
        ("SMTP_PASSWORD_FILE", password.to_str().unwrap()),
    ];
    for (options, settings, secure, name) in
        [(&[][..], &[][..], false, Value::Null), (&starttls[..], &with_account[..], true, json!("audit"))]
    {
        let settings = [settings, &[("LOG", "debug")][..]].concat();
        let (mut part, installation, server, admin) = world(options, &settings);
        let nobody = server.stranger();
        let id = invited(&admin, "ada", "Ada.L@example.com");
        let mut secrets = vec![ACCOUNT.to_owned(), PASSWORD.to_owned(), NEXT.to_owned()];
        for (subject, password) in
            [("Your account at Audit trail", PASSWORD), ("New password for Audit trail", NEXT)]
        {
            let made = by_mail(&admin, &id).expect(201).json();
            assert_eq!(made["sent_to"], "Ada.L@example.com");
            assert!(made["expires_at"].is_string() && made["link"].is_null(), "{made}");
            let mail = taken(&mut part);
            let envelope = json!({"from": "audit@example.com", "to": ["Ada.L@example.com"]});
            assert_eq!((&mail["envelope"], &mail["secure"]), (&envelope, &json!(secure)));
            assert_eq!((&mail["user"], &mail["from"]["name"]), (&name, &json!("Audit trail")));
            assert_eq!(mail["subject"], subject);
            assert!(mail["text"].as_str().unwrap().contains(" ada"), "{mail}");
            assert_eq!(taken(&mut part), Value::Null, "one mail");
            let secret = secret_in(&mail);
            assert!(!made.to_string().contains(&secret), "{made}");
            choose(&nobody, &secret, password).expect(204);
            choose(&nobody, &secret, "another one that is long enough").refused(404, "not_found");
            sign_in(&nobody, "ada", password, None).expect(200);
            secrets.push(secret);
        }
        let (links, mails) = (admin.told("user.link", 2), admin.told("mail.send", 2));
        let kinds = [("invitation", "invitation"), ("password", "password_reset")];
        for ((link, mail), (purpose, kind)) in links.iter().zip(&mails).zip(kinds) {
            let of_link = (&link["parameters"]["for"], &link["parameters"]["delivery"]);
            assert_eq!(of_link, (&json!(purpose), &json!("mail")), "{link}");
            let of_mail = (&mail["parameters"]["mail"], &mail["parameters"]["to"]);
            assert_eq!(of_mail, (&json!(kind), &json!("Ada.L@example.com")), "{mail}");
            assert!(mail["parameters"]["answer"].is_null(), "{mail}");
            for event in [link, mail] {
                assert_eq!(
                    (&event["targets"][0]["id"], &event["tenant"]),
                    (&json!(id), &json!("_installation"))
                );
                assert_eq!(event["outcome"]["result"], "success", "{event}");
            }
        }
        let trail = trail(&admin);
        let log = server.end_with(Signal::TERM).stderr;
        for secret in &secrets {
            assert!(!trail.contains(secret.as_str()), "{secret} is in the trail");
            assert!(!log.contains(secret.as_str()), "{secret} is in the log");
        }
        for file in files_below(&installation.data()) {
            let bytes = fs::read(&file).unwrap();
            for secret in &secrets {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{secret} is in {}", file.display());
            }
        }
    }
}

#[test]
fn where_no_mail_server_is_set_up_nothing_is_mailed_and_everybody_is_told() {
    let installation = Installation::new();
    let server = installation.start();
    let (admin, nobody) = (server.admin(), server.stranger());
    let id = user(&admin, "ada", "ada@example.com");
    let none = json!({
        "configured": false, "host": null, "port": null, "tls": null, "username": null, "from": null,
    });
    assert_eq!(admin.read("/v1/mail"), none);
    assert_eq!(nobody.read("/v1/sign-in/providers"), json!({"data": [], "password_reset": false}));
    for answer in [
        by_mail(&admin, &id),
        ask(&nobody, "ada"),
        ask(&nobody, "somebody else"),
        test_mail(&admin, "ops@example.com"),
    ] {
        answer.refused(409, "mail_not_set_up");
    }
    // Links are handed over by who makes them.
    let path = format!("/v1/users/{id}/link");
    let made = admin.write("POST", &path, &json!({"by_mail": false})).expect(201).json();
    assert!(made["link"].as_str().unwrap().starts_with("il_") && made["sent_to"].is_null(), "{made}");
    let told = admin.told("user.link", 2);
    assert!(told.iter().all(|event| event["parameters"]["delivery"] == "caller"), "{told:?}");
    for code in ["mail.send", "password.reset"] {
        admin.told(code, 0);
    }
}

#[test]
fn a_wrong_setting_of_mail_is_refused_by_name_with_exit_code_2() {
    let directory = tempfile::tempdir().unwrap();
    let open = directory.path().join("password");
    fs::write(&open, ACCOUNT).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o644)).unwrap();
    let open = open.to_str().unwrap();
    let good =
        [("PUBLIC_URL", PUBLIC_URL), ("MAIL_FROM", "audit@example.com"), ("SMTP_HOST", "mail.example.com")];
    for (setting, value, expected) in [
        ("PUBLIC_URL", None, "public_url is not set"),
        ("MAIL_FROM", None, "mail_from is not set"),
        ("MAIL_FROM", Some("audit"), "mail_from"),
        ("SMTP_HOST", Some("mail example com"), "smtp_host"),
        ("SMTP_TLS", Some("ssl"), "--smtp-tls"),
        ("SMTP_TIMEOUT_SECONDS", Some("301"), "smtp_timeout_seconds is 301, expected 1 to 300"),
        ("SMTP_USERNAME", Some("audit"), "username and password belong together"),
        ("SMTP_PASSWORD_FILE", Some(open), "may be read or written by everybody on this machine (mode 0644)"),
        ("SMTP_CA_FILE", Some("/no/such/file.pem"), "/no/such/file.pem"),
    ] {
        let mut installation = Installation::new();
        for (name, value) in good.iter().filter(|(name, _)| *name != setting) {
            installation.set(name, value);
        }
        if let Some(value) = value {
            installation.set(setting, value);
        }
        let ended = installation.refuse();
        assert_eq!(ended.code, Some(2), "{expected}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "expected {expected:?} in: {}", ended.stderr);
        assert!(!ended.stderr.contains(ACCOUNT), "{}", ended.stderr);
    }
}

#[test]
fn a_mail_that_can_not_be_sent_is_refused_and_recorded_with_the_mail_servers_words() {
    let words = "550 5.1.1 no such user here";
    let refuse = format!("no@example.com={words}");
    let (part, _installation, _server, admin) = world(&["--refuse", &refuse], &[]);
    let bob = invited(&admin, "bob", "no@example.com");
    for answer in [by_mail(&admin, &bob), test_mail(&admin, "no@example.com")] {
        let problem = answer.refused(502, "mail_failed");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
    drop(part);
    for answer in [by_mail(&admin, &bob), test_mail(&admin, "ops@example.com")] {
        answer.refused(502, "mail_failed");
    }
    let told = admin.told("mail.send", 4);
    let cases = [
        ("invitation", "no@example.com", "refused"),
        ("test", "no@example.com", "refused"),
        ("invitation", "no@example.com", "unreachable"),
        ("test", "ops@example.com", "unreachable"),
    ];
    for (event, (kind, to, reason)) in told.iter().zip(cases) {
        assert_eq!(event["outcome"], json!({"result": "failure", "reason": reason}), "{event}");
        let given = &event["parameters"];
        assert_eq!((&given["mail"], &given["to"]), (&json!(kind), &json!(to)), "{event}");
        let answer = given["answer"].as_str().unwrap_or_default();
        assert_eq!(answer.contains("5.1.1 no such user here"), reason == "refused", "{event}");
    }
}

#[test]
fn a_request_for_a_mail_that_is_not_good_sends_none() {
    let (mut part, _installation, server, admin) = world(&[], &[]);
    let id = user(&admin, "ada", "ada@example.com");
    let link = format!("/v1/users/{id}/link");
    let link = link.as_str();
    let (reset, test) = ("/v1/password/reset", "/v1/mail/test");
    for (path, body, code, field) in [
        (link, json!({"by_mail": "yes"}), "wrong_type", ""),
        (link, json!({"by_mial": true}), "unknown_parameter", "/by_mial"),
        (link, json!({"by_mail": true, "to": "eve@example.com"}), "unknown_parameter", "/to"),
        (reset, json!({}), "missing_field", "/user"),
        (reset, json!({"user": 5}), "wrong_type", ""),
        (reset, json!({"user": "ada", "email": "eve@example.com"}), "unknown_parameter", "/email"),
        (test, json!({}), "missing_field", "/to"),
        (test, json!({"to": ["ops@example.com"]}), "wrong_type", ""),
        (test, json!({"to": "ops@example.com", "cc": "eve@example.com"}), "unknown_parameter", "/cc"),
        (test, json!({"to": "ops"}), "invalid_string", "/to"),
        (test, json!({"to": "ops@example.com, eve@example.com"}), "invalid_string", "/to"),
        (test, json!({"to": "ops@example.com\r\nBcc: eve@example.com"}), "invalid_string", "/to"),
    ] {
        let answer = admin.write("POST", path, &body);
        assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text());
        let problem = answer.refused(400, code);
        assert_eq!(problem["errors"][0]["field"], field, "{path} {body}: {problem}");
    }
    let nora = admin.user("nora", None, &json!([]), PASSWORD);
    let problem = by_mail(&admin, &nora).refused(400, "missing_field");
    assert_eq!(problem["errors"][0]["field"], "/email");
    let leo = user(&admin, "leo", "leo@example.com");
    admin.write("PATCH", &format!("/v1/users/{leo}"), &json!({"state": "locked"})).expect(200);
    by_mail(&admin, &leo).refused(403, "forbidden");
    let nobody = server.stranger();
    for site in ["cross-site", "same-site", "none of these"] {
        ask(&nobody.with_header("Sec-Fetch-Site", site), "ada").refused(403, "forbidden");
    }
    // The first mail that goes out is the first that was asked for as it should be.
    ask(&nobody.with_header("Sec-Fetch-Site", "same-origin"), "ada").expect(202);
    let mail = next_mail(&mut part);
    assert_eq!(mail["subject"], "New password for Audit trail");
    assert_eq!(mail["envelope"]["to"], json!(["ada@example.com"]));
    admin.told("mail.send", 1);
    admin.told("password.reset", 1);
    assert_eq!(taken(&mut part), Value::Null);
}

#[test]
fn a_new_password_is_asked_for_by_name_or_address_and_one_link_is_good_once() {
    let (mut part, _installation, server, admin) = world(&[], &[]);
    let nobody = server.stranger();
    assert_eq!(nobody.read("/v1/sign-in/providers")["password_reset"], true);
    let id = user(&admin, "ada", "Ada.L@example.com");
    let session = nobody.session(sign_in(&nobody, "ada", PASSWORD, None));
    let typed = ["ADA", "ada.l@EXAMPLE.com"];
    let handed_over = link_for(&admin, &id);
    let mut links = Vec::new();
    for name in typed {
        assert_eq!(ask(&nobody, name).expect(202).text(), "");
        let mail = next_mail(&mut part);
        assert_eq!(mail["subject"], "New password for Audit trail");
        assert_eq!(mail["envelope"]["to"], json!(["Ada.L@example.com"]), "as the account has it");
        links.push(secret_in(&mail));
        assert!(is_signed_in(&session), "a link that nobody used changes nothing");
    }
    // Anybody can ask: that ends no link that an administrator handed over, nor one that is on its way.
    for link in links.iter().chain([&handed_over]) {
        choose(&nobody, link, "ada").refused(400, "weak_password");
    }
    choose(&nobody, &links[0], NEXT).expect(204);
    for link in links.iter().chain([&handed_over]) {
        choose(&nobody, link, PASSWORD).refused(404, "not_found");
    }
    assert!(!is_signed_in(&session));
    sign_in(&nobody, "ada", PASSWORD, None).refused(401, "unauthorized");
    sign_in(&nobody, "ada", NEXT, None).expect(200);

    let (asked, mails) = (admin.told("password.reset", 2), admin.told("mail.send", 2));
    for ((asked, mail), typed) in asked.iter().zip(&mails).zip(typed) {
        assert_eq!(
            (&asked["action"], &asked["actor"]["username"]),
            (&json!("Ask for a new password"), &json!(typed))
        );
        assert_eq!(mail["action"], "Send mail");
        let given = (&mail["parameters"]["mail"], &mail["parameters"]["to"]);
        assert_eq!(given, (&json!("password_reset"), &json!("Ada.L@example.com")), "{mail}");
        for event in [asked, mail] {
            assert_eq!((&event["targets"][0]["id"], &event["tenant"]), (&json!(id), &json!("_installation")));
            assert_eq!(event["outcome"]["result"], "success", "{event}");
        }
    }
    assert_eq!(admin.told("user.password", 2)[1]["parameters"]["by"], "reset");
}

#[test]
fn a_tenants_chain_tells_of_the_link_and_not_what_the_mail_server_said() {
    let (mut part, _installation, server, admin) = world(&[], &[]);
    admin.tenant("acme");
    let id = user(&admin, "ada", "ada@example.com");
    admin.write("PATCH", &format!("/v1/users/{id}"), &json!({"tenant": "acme"})).expect(200);
    by_mail(&admin, &id).expect(201);
    next_mail(&mut part);
    ask(&server.stranger(), "ada").expect(202);
    next_mail(&mut part);
    assert!(admin.told("mail.send", 2).iter().all(|event| event["tenant"] == "_installation"));
    assert_eq!(admin.told("user.link", 2)[1]["tenant"], "acme");
    assert_eq!(admin.told("password.reset", 1)[0]["tenant"], "acme");
}

#[test]
fn another_address_ends_the_links_in_the_mailbox_before_it() {
    let (mut part, _installation, server, admin) = world(&[], &[]);
    let nobody = server.stranger();
    let id = user(&admin, "ada", "ada@example.com");
    let path = format!("/v1/users/{id}");
    ask(&nobody, "ada").expect(202);
    let link = secret_in(&next_mail(&mut part));
    admin.write("PATCH", &path, &json!({"first_name": "Ada"})).expect(200);
    choose(&nobody, &link, "ada").refused(400, "weak_password");
    admin.write("PATCH", &path, &json!({"email": "ada@elsewhere.example"})).expect(200);
    choose(&nobody, &link, NEXT).refused(404, "not_found");
}

#[test]
fn an_address_of_two_accounts_gets_a_mail_for_each() {
    let (mut part, _installation, server, admin) = world(&[], &[]);
    let nobody = server.stranger();
    let names = ["ada", "ada.admin"];
    for name in names {
        user(&admin, name, "ada@example.com");
    }
    ask(&nobody, "ada@example.com").expect(202);
    let mails = [next_mail(&mut part), next_mail(&mut part)];
    for name in names {
        let about = format!("the user {name} of ");
        let mail = mails.iter().find(|mail| mail["text"].as_str().unwrap().contains(&about));
        let mail = mail.unwrap_or_else(|| panic!("{name}: {mails:?}"));
        sign_in(&nobody, name, PASSWORD, None).expect(200);
        choose(&nobody, &secret_in(mail), NEXT).expect(204);
        sign_in(&nobody, name, NEXT, None).expect(200);
    }
    admin.told("mail.send", 2);
}

#[test]
fn whoever_gets_no_mail_is_answered_like_everybody_and_the_trail_says_why() {
    let (mut part, _installation, server, admin) = world(&[], &[]);
    let set = |id: &str, change: Value| {
        admin.write("PATCH", &format!("/v1/users/{id}"), &change).expect(200);
    };
    user(&admin, "ada", "ada@example.com");
    invited(&admin, "ivy", "ivy@example.com");
    for (name, state) in [("leo", "locked"), ("dan", "disabled")] {
        set(&user(&admin, name, &format!("{name}@example.com")), json!({"state": state}));
    }
    admin.tenant("shut");
    set(&user(&admin, "sue", "sue@example.com"), json!({"tenant": "shut"}));
    admin.write("PATCH", "/v1/tenants/shut", &json!({"state": "suspended"})).expect(200);
    admin.user("nora", None, &json!([]), PASSWORD);
    // Locked before it was opened, then opened by an administrator: active without a password, as one is whom only a
    // provider signs in.
    let pat = invited(&admin, "pat", "pat@example.com");
    for state in ["locked", "active"] {
        set(&pat, json!({"state": state}));
    }
    assert_eq!(admin.read(&format!("/v1/users/{pat}"))["has_password"], false);

    let cases = [
        ("nobody", "unknown_user"),
        ("nobody@example.com", "unknown_user"),
        ("ivy", "not_active"),
        ("ivy@example.com", "not_active"),
        ("leo", "not_active"),
        ("LEO@example.com", "not_active"),
        ("dan", "not_active"),
        ("dan@example.com", "not_active"),
        ("sue", "not_active"),
        ("sue@example.com", "not_active"),
        ("pat", "no_password"),
        ("pat@example.com", "no_password"),
        ("nora", "no_address"),
        ("ada", ""),
    ];
    let answers = cases.iter().enumerate().map(|(n, (typed, _))| {
        let Answer { status, mut headers, body } = ask(&from(&server.stranger(), n), typed);
        for own in ["x-request-id", "date"] {
            headers.remove(own);
        }
        (status, headers, body)
    });
    let answers: Vec<_> = answers.collect();
    assert_eq!((answers[0].0, answers[0].2.len()), (202, 0), "{answers:?}");
    for (answer, (typed, _)) in answers.iter().zip(cases) {
        assert_eq!(*answer, answers[0], "{typed}");
    }
    let mail = next_mail(&mut part);
    assert_eq!(mail["envelope"]["to"], json!(["ada@example.com"]), "asked for last");
    let told = admin.told("password.reset", cases.len());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let reasons =
        told.iter().map(|event| (text(&event["actor"]["username"]), text(&event["outcome"]["reason"])));
    let expected = cases.map(|(typed, reason)| (typed.to_owned(), reason.to_owned()));
    assert_eq!(reasons.collect::<BTreeMap<_, _>>(), BTreeMap::from(expected));
    for event in &told {
        let reason = &event["outcome"]["reason"];
        assert_eq!(event["outcome"]["result"] == "success", reason.is_null(), "{event}");
        assert_eq!(event["targets"].is_null(), reason == "unknown_user", "{event}");
    }
    admin.told("mail.send", 1);
    assert_eq!(taken(&mut part), Value::Null);
}

#[test]
fn an_account_gets_three_mails_an_hour_and_who_asks_does_not_learn_when_it_had_them() {
    let (mut part, _installation, server, admin) = world(&[], &[]);
    let nobody = server.stranger();
    let id = user(&admin, "ada", "ada@example.com");
    user(&admin, "bob", "bob@example.com");
    let mut link = String::new();
    for n in 0..3 {
        ask(&from(&nobody, n), "ada").expect(202);
        link = secret_in(&next_mail(&mut part));
    }
    assert_eq!(ask(&from(&nobody, 3), "ada@example.com").expect(202).text(), "");
    ask(&from(&nobody, 4), "bob").expect(202);
    assert_eq!(next_mail(&mut part)["envelope"]["to"], json!(["bob@example.com"]));
    let told = admin.told("password.reset", 5);
    let failed: Vec<_> = told.iter().filter(|event| event["outcome"]["result"] != "success").collect();
    assert_eq!(failed.len(), 1, "{told:?}");
    assert_eq!(failed[0]["outcome"], json!({"result": "failure", "reason": "too_often"}));
    let who = (&failed[0]["actor"]["username"], &failed[0]["targets"][0]["id"]);
    assert_eq!(who, (&json!("ada@example.com"), &json!(id)));
    admin.told("mail.send", 4);
    assert_eq!(taken(&mut part), Value::Null);
    // The link of the last mail that was sent is good still.
    choose(&nobody, &link, NEXT).expect(204);
}

#[test]
fn who_asks_too_often_from_one_network_waits_and_others_do_not() {
    let (mut part, _installation, server, admin) = world(&[], &[]);
    user(&admin, "ada", "ada@example.com");
    let nobody = server.stranger();
    let asker = from(&nobody, 1);
    let mut answers = (0..100).map(|n| (n, ask(&asker, &format!("nobody{n}"))));
    let (asked, waits) = answers.find(|(_, answer)| answer.status != 202).unwrap();
    assert!(asked >= 5, "after {asked} already");
    assert!(waits.header("retry-after").parse::<u64>().unwrap() > 0);
    waits.refused(429, "rate_limited");
    // Whoever asks for somebody who is there waits as well.
    ask(&asker, "ada").refused(429, "rate_limited");
    ask(&from(&nobody, 2), "ada").expect(202);
    assert_eq!(next_mail(&mut part)["envelope"]["to"], json!(["ada@example.com"]));
    let told = admin.told("password.reset", asked + 1);
    let unknown = told.iter().filter(|event| event["outcome"]["reason"] == "unknown_user");
    assert_eq!(unknown.count(), asked);
    admin.told("mail.send", 1);
    assert_eq!(taken(&mut part), Value::Null);
}

#[test]
fn only_who_manages_the_settings_everywhere_sees_how_mail_is_sent_and_tries_it() {
    let directory = tempfile::tempdir().unwrap();
    let password = directory.path().join("password");
    write_secret(&password, ACCOUNT);
    let account = format!("audit:{ACCOUNT}");
    let settings = [("SMTP_USERNAME", "audit"), ("SMTP_PASSWORD_FILE", password.to_str().unwrap())];
    let (mut part, _installation, server, admin) = world(&["--user", &account], &settings);
    admin.tenant("acme");
    let manager = admin.key_everywhere(&["settings.manage"]);
    let expected = json!({
        "configured": true, "host": "127.0.0.1", "port": part.ready["port"], "tls": "none", "username": "audit",
        "from": "Audit trail <audit@example.com>",
    });
    assert_eq!(manager.read("/v1/mail"), expected);
    for (what, api, status, code) in [
        ("nobody", server.stranger(), 401, "unauthorized"),
        ("of one tenant", admin.key(&["settings.manage"], &["acme"]), 403, "forbidden"),
        ("of other things", admin.key_everywhere(&["users.manage", "tenants.manage"]), 403, "forbidden"),
    ] {
        for answer in [api.get("/v1/mail"), test_mail(&api, "ops@example.com")] {
            assert_eq!(answer.status, status, "{what}: {}", answer.text());
            answer.refused(status, code);
        }
    }
    assert_eq!(taken(&mut part), Value::Null);
    assert_eq!(test_mail(&manager, "ops@example.com").expect(204).text(), "");
    let mail = taken(&mut part);
    assert_eq!(mail["envelope"]["to"], json!(["ops@example.com"]));
    assert_eq!((&mail["subject"], &mail["user"]), (&json!("Test mail from Audit trail"), &json!("audit")));
    assert!(mail["text"].as_str().unwrap().contains(PUBLIC_URL), "{mail}");
    let told = admin.told("mail.send", 1).remove(0);
    let given = (&told["parameters"]["mail"], &told["parameters"]["to"]);
    assert_eq!(given, (&json!("test"), &json!("ops@example.com")), "{told}");
    assert_eq!((&told["outcome"]["result"], &told["actor"]["type"]), (&json!("success"), &json!("api_key")));
    assert!(!trail(&admin).contains(ACCOUNT) && !server.log().contains(ACCOUNT));
}
