//! Signing in: the first set-up, passwords, second factors, waiting, sessions, links; and that no secret stays.

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Answer, Api, Installation, LONG, Server, files_below, python, texts, within};

const PASSWORD: &str = "seven green umbrellas at noon";
const NEXT: &str = "nine blue lanterns by the sea";

pub(crate) fn server(settings: &[(&str, &str)]) -> (Installation, Server, Api) {
    let mut installation = Installation::new();
    for (setting, value) in settings {
        installation.set(setting, value);
    }
    let server = installation.start();
    let admin = server.admin();
    (installation, server, admin)
}

pub(crate) fn sign_in(api: &Api, username: &str, password: &str, code: Option<&str>) -> Answer {
    api.write("POST", "/v1/sign-in", &json!({"username": username, "password": password, "code": code}))
}

/// The secret of the link that the server printed, if it did; it is the first thing after the address.
pub(crate) fn set_up_link(server: &Server) -> Option<String> {
    let find = || {
        let log = server.log();
        let line = log.lines().find(|line| line.starts_with("set up the first administrator"));
        line.map(|line| line.split_once("/set-up#").unwrap().1.to_owned())
    };
    if server.stranger().read("/v1/set-up")["needed"] == true {
        return Some(within(LONG, "the link is printed", find));
    }
    find()
}

pub(crate) fn set_up(api: &Api, link: &str, username: &str, password: &str) -> Answer {
    api.write("POST", "/v1/set-up", &json!({"link": link, "username": username, "password": password}))
}

/// A code of the app with this secret, of the step so far from now, by a program that is not ours.
fn code(secret: &str, steps: i64) -> String {
    let program = "import base64, hashlib, hmac, struct, sys, time\n\
                   key = base64.b32decode(sys.argv[1].replace(' ', ''))\n\
                   step = int(time.time()) // 30 + int(sys.argv[2])\n\
                   mac = hmac.new(key, struct.pack('>Q', step), hashlib.sha1).digest()\n\
                   at = mac[19] & 15\n\
                   print('%06d' % ((struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000))\n";
    let output = Command::new(python()).args(["-c", program, secret, &steps.to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Puts a second factor in force; returns its secret, the first code, and the recovery codes.
pub(crate) fn take_second_factor(session: &Api, password: &str) -> (String, String, Vec<String>) {
    let offer = session.request("POST", "/v1/profile/second-factor", &[], b"").expect(200).json();
    let secret = offer["secret"].as_str().unwrap().to_owned();
    let first = code(&secret, 0);
    let proof = json!({"pending": offer["pending"], "code": first, "current": password});
    let taken = session.write("PUT", "/v1/profile/second-factor", &proof).expect(200).json();
    let codes = taken["recovery_codes"].as_array().unwrap().iter();
    (secret, first, codes.map(|code| code.as_str().unwrap().to_owned()).collect())
}

/// Six digits that are none of the codes around now.
fn wrong_code(secret: &str) -> String {
    let good: Vec<_> = (-2..=2).map(|step| code(secret, step)).collect();
    (0..).map(|number| format!("{number:06}")).find(|code| !good.contains(code)).unwrap()
}

fn change(admin: &Api, id: &str, change: &Value) -> Answer {
    admin.write("PATCH", &format!("/v1/users/{id}"), change)
}

pub(crate) fn link_for(admin: &Api, id: &str) -> String {
    let made = admin.request("POST", &format!("/v1/users/{id}/link"), &[], b"").expect(201).json();
    made["link"].as_str().unwrap().to_owned()
}

pub(crate) fn choose(api: &Api, link: &str, password: &str) -> Answer {
    api.write("POST", "/v1/password", &json!({"link": link, "password": password}))
}

pub(crate) fn is_signed_in(session: &Api) -> bool {
    let answer = session.get("/v1/profile");
    assert!([200, 401].contains(&answer.status), "{}", answer.text());
    answer.status == 200
}

/// Results and reasons of events, oldest first.
fn outcomes(events: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    events
        .iter()
        .map(|event| (text(&event["outcome"]["result"]), text(&event["outcome"]["reason"])))
        .collect()
}

#[test]
fn the_set_up_link_is_good_once_and_printed_only_while_nobody_is_there() {
    let (installation, server, _) = server(&[]);
    let before = set_up_link(&server).unwrap();
    server.kill();
    let server = installation.start();
    let (nobody, link) = (server.stranger(), set_up_link(&server).unwrap());
    assert_eq!(nobody.read("/v1/set-up"), json!({"needed": true}));
    for wrong in ["", "il_x", "x", &before, &format!("{link}0")] {
        set_up(&nobody, wrong, "ada", PASSWORD).refused(404, "not_found");
    }
    for weak in
        ["eleven char", "adalovelace-2026", "indelible-indelible", "passwordpassword", &"x".repeat(129)]
    {
        let problem = set_up(&nobody, &link, "adalovelace", weak).refused(400, "weak_password");
        let words = problem["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("{problem}"));
        assert!(words.len() > 20 && !words.contains(weak), "{problem}");
        assert_eq!(problem["errors"][0]["field"], "/password", "{problem}");
    }
    let described = |more: Value| {
        let mut body = json!({"link": link, "username": "ada", "password": PASSWORD});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        nobody.write("POST", "/v1/set-up", &body)
    };
    described(json!({"email": "nowhere"})).refused(400, "invalid_string");
    described(json!({"first_name": "a\u{202e}b"})).refused(400, "invalid_string");
    described(json!({"username": "a b"})).refused(400, "invalid_string");
    // Of some at one time, one goes on.
    let answers = thread::scope(|scope| {
        let attempts = ["ada", "bob", "cy", "dee"].map(|name| {
            let (nobody, link) = (nobody.clone(), &link);
            scope.spawn(move || set_up(&nobody, link, name, PASSWORD))
        });
        attempts.map(|attempt| attempt.join().unwrap())
    });
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((good.len(), bad.len()), (1, 3));
    for answer in bad {
        answer.refused(404, "not_found");
    }
    let session = nobody.session(good.into_iter().next().unwrap());
    let who = session.read("/v1/session");
    assert_eq!((&who["kind"], &who["complete_user_management"]), (&json!("user"), &json!(true)), "{who}");
    assert_eq!(session.read("/v1/users")["data"].as_array().unwrap().len(), 1);
    set_up(&nobody, &link, "eve", PASSWORD).refused(404, "not_found");
    let told = &server.admin().told("installation.set_up", 1)[0];
    assert_eq!(told["targets"][0]["name"], who["name"], "{told}");
    assert_eq!(told["changes"][0]["new"], json!(["Administrator"]), "{told}");
    assert_eq!(told["tenant"], "_installation", "{told}");
    assert_eq!(server.admin().told("user.create", 1)[0]["targets"], told["targets"]);
    server.kill();
    let server = installation.start();
    assert_eq!(server.stranger().read("/v1/set-up"), json!({"needed": false}));
    server.admin().read("/v1/users");
    assert_eq!(set_up_link(&server), None);
}

#[test]
fn the_set_up_link_is_no_good_once_somebody_was_made_with_a_key() {
    let (_installation, server, admin) = server(&[]);
    let link = set_up_link(&server).unwrap();
    admin.user("ada", None, &json!([{"role": "Administrator"}]), PASSWORD);
    set_up(&server.stranger(), &link, "eve", PASSWORD).refused(404, "not_found");
    assert_eq!(texts(&admin.read("/v1/users")["data"], "username"), ["ada"]);
}

#[test]
fn whoever_can_not_sign_in_is_told_the_same_and_the_trail_says_why() {
    let (_installation, server, admin) = server(&[("TRUSTED_PROXIES", "127.0.0.1")]);
    for tenant in ["acme", "shut"] {
        admin.tenant(tenant);
    }
    let user = |name: &str, tenant| admin.user(name, Some(tenant), &json!([{"role": "Reporter"}]), PASSWORD);
    user("ada", "acme");
    user("sue", "shut");
    let (leo, dan) = (user("leo", "acme"), user("dan", "acme"));
    admin.write("POST", "/v1/users", &json!({"username": "ivy", "tenant": "acme"})).expect(201);
    change(&admin, &leo, &json!({"state": "locked"})).expect(200);
    change(&admin, &dan, &json!({"state": "disabled"})).expect(200);
    admin.write("PATCH", "/v1/tenants/shut", &json!({"state": "suspended"})).expect(200);
    let nobody = server.stranger();
    let cases = [
        ("ada", NEXT, "bad_password"),
        ("eve", PASSWORD, "unknown_user"),
        ("ivy", PASSWORD, "bad_password"),
        ("leo", PASSWORD, "locked"),
        ("dan", PASSWORD, "disabled"),
        ("sue", PASSWORD, "tenant_suspended"),
        ("leo", NEXT, "bad_password"),
    ];
    let mut told = Vec::new();
    for (username, password, _) in cases {
        let answer = sign_in(&nobody, username, password, None);
        assert_eq!(answer.header("set-cookie"), "", "{username}");
        let mut problem = answer.refused(401, "unauthorized");
        problem.as_object_mut().unwrap().retain(|member, _| member != "request_id" && member != "instance");
        told.push(problem);
    }
    assert!(told.iter().all(|problem| *problem == told[0]), "{told:?}");
    sign_in(&nobody, "ADA", PASSWORD, None).expect(200);
    let events = admin.told("session.begin", cases.len() + 1);
    // Whoever reads a tenant's events sees who tries to come in as its people; who is nobody's is the installation's.
    let tenant = |username: &str| {
        if username == "eve" {
            "_installation"
        } else if username == "sue" {
            "shut"
        } else {
            "acme"
        }
    };
    for (event, (username, _, reason)) in events.iter().zip(cases) {
        assert_eq!(event["outcome"], json!({"result": "failure", "reason": reason}), "{event}");
        assert_eq!(event["actor"]["username"], username, "{event}");
        assert_eq!(
            (&event["client"]["ip"], &event["tenant"]),
            (&json!("127.0.0.1"), &json!(tenant(username)))
        );
    }
    let good = &events[cases.len()];
    assert_eq!((&good["outcome"]["result"], &good["actor"]["username"]), (&json!("success"), &json!("ada")));
    assert_eq!(good["parameters"]["method"], "password", "{good}");
    assert!(good["session_id"].is_string(), "{good}");

    // In turns, so that what else the machine does slows each down alike; from as many addresses, so that nobody waits.
    let mut shortest = [Duration::MAX; 3];
    for round in 0..12 {
        let from = nobody.with_header("X-Forwarded-For", &format!("192.0.2.{round}"));
        for (shortest, name) in shortest.iter_mut().zip(["ada", "nobody", "ivy"]) {
            let begin = Instant::now();
            sign_in(&from, name, NEXT, None).refused(401, "unauthorized");
            *shortest = begin.elapsed().min(*shortest);
        }
    }
    let [known, unknown, invited] = shortest;
    assert!(known > Duration::from_millis(3), "argon2 takes longer than {known:?}");
    for (what, time) in [("unknown", unknown), ("invited", invited)] {
        assert!(time * 2 > known && time < known * 2, "{what}: {time:?}, known: {known:?}");
    }
}

#[test]
fn guessing_from_one_address_waits_longer_each_time_and_the_owner_elsewhere_does_not_wait() {
    let (_installation, server, admin) = server(&[("TRUSTED_PROXIES", "127.0.0.1")]);
    for name in ["ada", "bob"] {
        admin.user(name, None, &json!([]), PASSWORD);
    }
    let from = |address: &str| server.stranger().with_header("X-Forwarded-For", address);
    let guesser = from("192.0.2.1");
    for name in ["ada", "nobody"] {
        for _ in 0..5 {
            sign_in(&guesser, name, NEXT, None).refused(401, "unauthorized");
        }
        for seconds in ["1", "2"] {
            let waits = sign_in(&guesser, name, PASSWORD, None);
            assert_eq!(waits.header("retry-after"), seconds, "{name}");
            waits.refused(429, "rate_limited");
            within(LONG, "the wait is over", || {
                let answer = sign_in(&guesser, name, NEXT, None);
                (answer.status != 429).then(|| answer.refused(401, "unauthorized"))
            });
        }
        sign_in(&guesser, name, PASSWORD, None).refused(429, "rate_limited");
    }
    for (name, address) in
        [("ada", "198.51.100.7"), ("ada", "2001:db8::7"), ("bob", "192.0.2.2"), ("bob", "192.0.2.1")]
    {
        let session = from(address).session(sign_in(&from(address), name, PASSWORD, None));
        assert_eq!(session.read("/v1/sessions")["data"][0]["address"], address);
    }
    let told = admin.told("session.begin", 2 * (5 + 2) + 4);
    let there = told.iter().filter(|event| event["client"]["ip"] == "198.51.100.7");
    assert_eq!(there.map(|event| &event["outcome"]["result"]).collect::<Vec<_>>(), ["success"]);
}

/// A name as somebody may spell it.
fn spelt(name: &str, how: char) -> String {
    let (first, rest) = name.split_at(1);
    let wide = |letter: char| char::from_u32(u32::from(letter) + 0xfee0).unwrap();
    match how {
        'a' => name.to_owned(),
        'A' => name.to_uppercase(),
        'F' => format!("{}{rest}", first.to_uppercase()),
        '<' => format!(" {name}"),
        '>' => format!("{name} "),
        '_' => format!("{name}\u{a0}"),
        'w' => name.chars().map(wide).collect(),
        'W' => name.to_uppercase().chars().map(wide).collect(),
        other => panic!("nothing is spelt {other}"),
    }
}

#[test]
fn how_a_name_is_spelt_does_not_tell_by_a_wait_whether_it_is_somebodys() {
    let (_installation, server, admin) = server(&[("TRUSTED_PROXIES", "127.0.0.1")]);
    admin.user("ada", None, &json!([]), PASSWORD);
    admin.write("POST", "/v1/users", &json!({"username": "ivy"})).expect(201);
    let mut networks = 0;
    for (spellings, waiting) in
        [("aAFaAFaA", 3), ("wWwWwWwW", 3), ("<<<<<<<<", 3), ("a<A>wF_a", 0), ("<awAFaaA", 1)]
    {
        let statuses = ["ada", "ivy", "eve"].map(|name| {
            networks += 1;
            let from = server.stranger().with_header("X-Forwarded-For", &format!("192.0.2.{networks}"));
            let tried = spellings.chars().map(|how| sign_in(&from, &spelt(name, how), NEXT, None).status);
            tried.collect::<Vec<_>>()
        });
        assert!(statuses.iter().all(|one| *one == statuses[0]), "{spellings}: {statuses:?}");
        assert_eq!(statuses[0].iter().filter(|status| **status == 429).count(), waiting, "{spellings}");
    }
}

#[test]
fn guessing_at_an_open_page_waits_like_guessing_at_the_sign_in() {
    let (_installation, server, admin) = server(&[]);
    admin.user("ada", None, &json!([]), PASSWORD);
    let session = admin.signed_in("ada", PASSWORD);
    let prove = |current: &str| {
        let json = [("Content-Type", "application/json")];
        let body = json!({"current": current}).to_string();
        session.request("DELETE", "/v1/profile/second-factor", &json, body.as_bytes())
    };
    // What is right is no guess, however often.
    for _ in 0..6 {
        prove(PASSWORD).expect(204);
    }
    for _ in 0..5 {
        prove(NEXT).refused(403, "forbidden");
    }
    let waits = prove(PASSWORD);
    assert_eq!(waits.header("retry-after"), "1");
    waits.refused(429, "rate_limited");
    sign_in(&server.stranger(), "ada", PASSWORD, None).refused(429, "rate_limited");
    within(LONG, "the wait is over", || (prove(PASSWORD).status == 204).then_some(()));
    assert!(outcomes(&admin.told("profile.password", 5)).iter().all(|(_, reason)| reason == "bad_password"));
}

#[test]
fn a_second_factor_is_asked_for_and_each_code_is_good_once() {
    let (_installation, server, admin) = server(&[]);
    let id = admin.user("ada", None, &json!([]), PASSWORD);
    let nobody = server.stranger();
    let session = nobody.session(sign_in(&nobody, "ada", PASSWORD, None));
    let other = nobody.session(sign_in(&nobody, "ada", PASSWORD, None));
    let offer = session.request("POST", "/v1/profile/second-factor", &[], b"").expect(200).json();
    let secret = offer["secret"].as_str().unwrap();
    assert!(
        offer["uri"].as_str().unwrap().starts_with("otpauth://totp/")
            && offer["svg"].as_str().unwrap().contains("<svg")
    );
    let prove = |code: &str, pending: &Value, password: &str| {
        let proof = json!({"pending": pending, "code": code, "current": password});
        session.write("PUT", "/v1/profile/second-factor", &proof)
    };
    let first = code(secret, 0);
    prove(&wrong_code(secret), &offer["pending"], PASSWORD).refused(400, "invalid_string");
    prove(&first, &json!("AAAA"), PASSWORD).refused(400, "invalid_string");
    prove(&first, &offer["pending"], NEXT).refused(403, "forbidden");
    assert_eq!(session.read("/v1/profile")["has_second_factor"], false);
    sign_in(&nobody, "ada", PASSWORD, None).expect(200);

    let (secret, first, recovery) = take_second_factor(&session, PASSWORD);
    assert_eq!(recovery.len(), 10);
    assert!(is_signed_in(&session) && !is_signed_in(&other), "the other sessions end");
    sign_in(&nobody, "ada", PASSWORD, None).refused(401, "second_factor_required");
    sign_in(&nobody, "ada", PASSWORD, Some(" ")).refused(401, "second_factor_required");
    // Without the password a code says nothing, and nothing is asked for.
    let next = code(&secret, 1);
    sign_in(&nobody, "ada", NEXT, Some(&next)).refused(401, "unauthorized");
    sign_in(&nobody, "ada", PASSWORD, Some(&first)).refused(401, "second_factor_required");
    sign_in(&nobody, "ada", PASSWORD, Some(&wrong_code(&secret))).refused(401, "second_factor_required");
    let with_code = nobody.session(sign_in(&nobody, "ada", PASSWORD, Some(&next)));
    sign_in(&nobody, "ada", PASSWORD, Some(&next)).refused(401, "second_factor_required");
    sign_in(&nobody, "ada", PASSWORD, Some(&recovery[0])).expect(200);
    sign_in(&nobody, "ada", PASSWORD, Some(&recovery[0])).refused(401, "second_factor_required");
    let methods = texts(&with_code.read("/v1/sessions")["data"], "method");
    for method in ["password", "password+totp", "password+recovery"] {
        assert!(methods.contains(&method.to_owned()), "{methods:?}");
    }
    let told = outcomes(&admin.told("session.begin", 10));
    let reason = |reason: &str| told.iter().filter(|(_, of_it)| of_it == reason).count();
    assert_eq!((reason("second_factor"), reason("bad_password"), reason("")), (4, 1, 5), "{told:?}");

    // Of two at one time with one code, one is let in.
    let answers = thread::scope(|scope| {
        let attempts =
            [0, 1].map(|_| scope.spawn(|| sign_in(&nobody, "ada", PASSWORD, Some(&recovery[1])).status));
        attempts.map(|attempt| attempt.join().unwrap())
    });
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");

    let remove = |password: &str| {
        let json = [("Content-Type", "application/json")];
        let body = json!({"current": password}).to_string();
        with_code.request("DELETE", "/v1/profile/second-factor", &json, body.as_bytes())
    };
    remove(NEXT).refused(403, "forbidden");
    sign_in(&nobody, "ada", PASSWORD, None).refused(401, "second_factor_required");
    remove(PASSWORD).expect(204);
    assert!(!is_signed_in(&session));
    let session = nobody.session(sign_in(&nobody, "ada", PASSWORD, None));
    take_second_factor(&session, PASSWORD);
    admin.delete(&format!("/v1/users/{id}/second-factor")).expect(204);
    assert!(!is_signed_in(&session), "an administrator's removal ends every session");
    sign_in(&nobody, "ada", PASSWORD, None).expect(200);
    let told = admin.told("profile.second_factor", 3);
    let changes: Vec<_> =
        told.iter().map(|event| (&event["changes"][0]["old"], &event["changes"][0]["new"])).collect();
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(changes, [(&no, &yes), (&yes, &no), (&no, &yes)]);
    let told = &admin.told("user.second_factor", 1)[0];
    assert_eq!((&told["actor"]["id"], &told["targets"][0]["id"]), (&json!("administrator-key"), &json!(id)));
    assert_eq!(outcomes(&admin.told("profile.password", 2))[1].1, "bad_password");
}

#[test]
fn codes_of_one_account_run_out_over_all_addresses() {
    let (_installation, server, admin) = server(&[("TRUSTED_PROXIES", "127.0.0.1")]);
    admin.user("ada", None, &json!([]), PASSWORD);
    admin.user("bob", None, &json!([]), PASSWORD);
    let from = |number: u32| server.stranger().with_header("X-Forwarded-For", &format!("192.0.2.{number}"));
    let session = from(200).session(sign_in(&from(200), "ada", PASSWORD, None));
    let (secret, _, recovery) = take_second_factor(&session, PASSWORD);
    let wrong = wrong_code(&secret);
    for number in 0..19 {
        sign_in(&from(number), "ada", PASSWORD, Some(&wrong)).refused(401, "second_factor_required");
    }
    // A success gives all of them back.
    sign_in(&from(30), "ada", PASSWORD, Some(&recovery[0])).expect(200);
    for number in 40..60 {
        sign_in(&from(number), "ada", PASSWORD, Some(&wrong)).refused(401, "second_factor_required");
    }
    for code in [&wrong, &recovery[1]] {
        let waits = sign_in(&from(70), "ada", PASSWORD, Some(code));
        let seconds: u64 = waits.header("retry-after").parse().unwrap();
        assert!((3_000..=3_600).contains(&seconds), "{seconds}");
        waits.refused(429, "rate_limited");
    }
    sign_in(&from(70), "bob", PASSWORD, None).expect(200);
    assert!(is_signed_in(&session), "who is signed in stays so");
}

#[test]
fn a_session_is_a_cookie_that_no_script_and_no_other_site_can_use() {
    for (public_url, name, secure) in
        [("", "indelible_session", false), ("https://audit.example.com", "__Host-indelible_session", true)]
    {
        let mut settings = vec![("SESSION_HOURS", "1")];
        settings.extend((!public_url.is_empty()).then_some(("PUBLIC_URL", public_url)));
        let (_installation, server, admin) = self::server(&settings);
        admin.user("ada", None, &json!([{"role": "Administrator"}]), PASSWORD);
        let nobody = server.stranger();
        let answer = sign_in(&nobody, "ada", PASSWORD, None);
        let cookie = answer.header("set-cookie").to_owned();
        assert!(cookie.starts_with(&format!("{name}=is_")), "{cookie}");
        for flag in ["; Path=/;", "; Max-Age=3600;", "; HttpOnly", "; SameSite=Lax"] {
            assert!(cookie.contains(flag), "{flag}: {cookie}");
        }
        assert_eq!((cookie.contains("; Secure"), cookie.contains("Domain")), (secure, false), "{cookie}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let session = nobody.session(answer);
        let tenant = |api: &Api, name: &str| api.write("POST", "/v1/tenants", &json!({"name": name}));
        tenant(&session, "one").expect(201);
        let token = session.own_header("X-CSRF-Token").to_owned();
        let mut turned = token.clone().into_bytes();
        let last = turned.len() - 1;
        turned[last] = if turned[last] == b'0' { b'1' } else { b'0' };
        for wrong in ["", "x", &String::from_utf8(turned).unwrap()] {
            tenant(&session.with_header("X-CSRF-Token", wrong), "two").refused(403, "forbidden");
        }
        for site in ["cross-site", "same-site", "none of these"] {
            tenant(&session.with_header("Sec-Fetch-Site", site), "two").refused(403, "forbidden");
            let elsewhere = nobody.with_header("Sec-Fetch-Site", site);
            sign_in(&elsewhere, "ada", PASSWORD, None).refused(403, "forbidden");
            choose(&elsewhere, "il_x", PASSWORD).refused(403, "forbidden");
            set_up(&elsewhere, "il_x", "eve", PASSWORD).refused(403, "forbidden");
        }
        tenant(&session.with_header("Sec-Fetch-Site", "same-origin"), "two").expect(201);
        // Another session's token is no better than none.
        let other = nobody.session(sign_in(&nobody, "ada", PASSWORD, None));
        let swapped = session.with_header("X-CSRF-Token", other.own_header("X-CSRF-Token"));
        tenant(&swapped, "three").refused(403, "forbidden");
        assert!(is_signed_in(&session.with_header("X-CSRF-Token", "")), "reading needs no token");
        let names = texts(&admin.read("/v1/tenants")["data"], "name");
        assert_eq!(names, ["one", "two"]);
        // A person does not send events, whatever the roles say.
        session.send(&crate::support::event("one", "a")).refused(403, "forbidden");
        let out = session.request("POST", "/v1/sign-out", &[], b"").expect(204);
        assert!(out.header("set-cookie").starts_with(&format!("{name}=; Path=/; Max-Age=0")), "{out:?}");
        assert!(!is_signed_in(&session) && is_signed_in(&other));
    }
}

#[test]
fn only_the_cookie_counts_that_no_other_host_can_set_where_there_is_tls() {
    const PLAIN: &str = "indelible_session";
    const SECURE: &str = "__Host-indelible_session";
    for (public_url, counts, other) in [("", PLAIN, SECURE), ("https://audit.example.com", SECURE, PLAIN)] {
        let settings = [("PUBLIC_URL", public_url)];
        let settings = if public_url.is_empty() { &[][..] } else { &settings[..] };
        let (_installation, server, admin) = self::server(settings);
        let nobody = server.stranger();
        let [ada, eve] = ["ada", "eve"].map(|name| {
            admin.user(name, None, &json!([]), PASSWORD);
            let session = admin.signed_in(name, PASSWORD);
            let (name, token) = session.own_header("Cookie").split_once('=').unwrap();
            assert_eq!(name, counts);
            token.to_owned()
        });
        for (cookie, who) in [
            (format!("{counts}={ada}"), Some("ada")),
            (format!("{other}={ada}"), None),
            (format!("{other}={eve}; {counts}={ada}"), Some("ada")),
            (format!("{counts}={ada}; {other}={eve}"), Some("ada")),
            (format!("{other}={eve}; {counts}=x"), None),
        ] {
            let answer = nobody.with_header("Cookie", &cookie).get("/v1/session");
            match who {
                Some(name) => assert_eq!(answer.expect(200).json()["name"], name, "{cookie}"),
                None => drop(answer.refused(401, "unauthorized")),
            }
        }
    }
}

#[test]
fn sessions_end_when_they_are_ended_and_a_restart_keeps_the_others() {
    let (installation, server, admin) = server(&[]);
    let id = admin.user("ada", None, &json!([]), PASSWORD);
    let bob = admin.user("bob", None, &json!([]), PASSWORD);
    let nobody = server.stranger();
    let begin = |name: &str| nobody.session(sign_in(&nobody, name, PASSWORD, None));
    let (first, second, third, others) = (begin("ada"), begin("ada"), begin("ada"), begin("bob"));
    let list = |api: &Api| api.read("/v1/sessions")["data"].as_array().unwrap().clone();
    assert_eq!((list(&first).len(), list(&others).len()), (3, 1));
    let own = |api: &Api| {
        let current: Vec<_> = list(api).into_iter().filter(|session| session["current"] == true).collect();
        assert_eq!(current.len(), 1);
        current[0]["id"].as_str().unwrap().to_owned()
    };
    let ids = [own(&first), own(&second), own(&others)];
    // Nobody ends another's, or learns that it is there.
    first.delete(&format!("/v1/sessions/{}", ids[2])).refused(404, "not_found");
    first.delete("/v1/sessions/x").refused(404, "not_found");
    first.delete(&format!("/v1/sessions/{}", ids[1])).expect(204);
    assert_eq!([&first, &second, &third, &others].map(is_signed_in), [true, false, true, true]);
    third.request("POST", "/v1/sign-out", &[], b"").expect(204);
    assert!(!is_signed_in(&third));
    admin.told("session.end", 1);
    assert_eq!(admin.told("profile.session", 1)[0]["parameters"]["session"], json!(ids[1]));

    server.kill();
    let server = installation.start();
    let again = |session: &Api| {
        let fresh = server.stranger().with_header("Cookie", session.own_header("Cookie"));
        fresh.with_header("X-CSRF-Token", session.own_header("X-CSRF-Token"))
    };
    let (first, second, third, others) = (again(&first), again(&second), again(&third), again(&others));
    assert_eq!([&first, &second, &third, &others].map(is_signed_in), [true, false, false, true]);
    let (admin, nobody) = (server.admin(), server.stranger());
    let begin = |name: &str, password| nobody.session(sign_in(&nobody, name, password, None));

    // A new password keeps the session that chose it.
    let kept = begin("ada", PASSWORD);
    let change_password = |current: &str, password: &str| {
        kept.write("PUT", "/v1/profile/password", &json!({"current": current, "password": password}))
    };
    let old_link = link_for(&admin, &id);
    change_password(NEXT, NEXT).refused(403, "forbidden");
    change_password(PASSWORD, "short").refused(400, "weak_password");
    assert!(is_signed_in(&first));
    change_password(PASSWORD, NEXT).expect(204);
    assert_eq!([&first, &kept, &others].map(is_signed_in), [false, true, true]);
    sign_in(&nobody, "ada", PASSWORD, None).refused(401, "unauthorized");
    choose(&nobody, &old_link, PASSWORD).refused(404, "not_found");

    // One who manages users sees and ends them all.
    let more = begin("ada", NEXT);
    let path = format!("/v1/users/{id}/sessions");
    assert_eq!(admin.read(&path)["data"].as_array().unwrap().len(), 2);
    admin.delete(&path).expect(204);
    assert_eq!([&kept, &more, &others].map(is_signed_in), [false, false, true]);
    assert_eq!(admin.told("user.sessions", 1)[0]["parameters"]["sessions"], 2);
    // Locking ends them for good.
    change(&admin, &bob, &json!({"state": "locked"})).expect(200);
    assert!(!is_signed_in(&others));
    change(&admin, &bob, &json!({"state": "active"})).expect(200);
    assert!(!is_signed_in(&others));
    begin("bob", PASSWORD);
}

#[test]
fn a_link_is_good_once_and_until_there_is_a_newer_one_or_the_account_is_closed() {
    let (_installation, server, admin) = server(&[]);
    let nobody = server.stranger();
    let made = admin.write("POST", "/v1/users", &json!({"username": "ada"})).expect(201).json();
    assert_eq!((&made["state"], &made["has_password"]), (&json!("invited"), &json!(false)));
    let id = made["id"].as_str().unwrap();
    let is_active = || admin.read(&format!("/v1/users/{id}"))["state"] == "active";
    change(&admin, id, &json!({"state": "active"})).refused(400, "invalid_enum");
    let (older, invitation) = (link_for(&admin, id), link_for(&admin, id));
    choose(&nobody, &older, PASSWORD).refused(404, "not_found");
    choose(&nobody, &invitation, "ada").refused(400, "weak_password");
    assert!(!is_active());
    choose(&nobody, &format!(" {invitation}\n"), PASSWORD).expect(204);
    assert!(is_active());
    choose(&nobody, &invitation, NEXT).refused(404, "not_found");
    let session = nobody.session(sign_in(&nobody, "ada", PASSWORD, None));

    let reset = link_for(&admin, id);
    assert!(is_signed_in(&session), "a link that nobody used changes nothing");
    // What is for a password is not for the first set-up.
    set_up(&nobody, &reset, "eve", PASSWORD).refused(404, "not_found");
    let answers = thread::scope(|scope| {
        let attempts =
            [NEXT, PASSWORD].map(|password| scope.spawn(|| choose(&nobody, &reset, password).status));
        attempts.map(|attempt| attempt.join().unwrap())
    });
    assert_eq!(answers.iter().filter(|status| **status == 204).count(), 1, "{answers:?}");
    assert!(!is_signed_in(&session));

    for state in ["locked", "disabled"] {
        let link = link_for(&admin, id);
        change(&admin, id, &json!({"state": state})).expect(200);
        choose(&nobody, &link, PASSWORD).refused(404, "not_found");
        admin.request("POST", &format!("/v1/users/{id}/link"), &[], b"").refused(403, "forbidden");
        change(&admin, id, &json!({"state": "active"})).expect(200);
        choose(&nobody, &link, PASSWORD).refused(404, "not_found");
    }
    let told = admin.told("user.password", 2);
    let by: Vec<_> = told.iter().map(|event| &event["parameters"]["by"]).collect();
    assert_eq!(by, ["invitation", "reset"]);
    let told = admin.told("user.link", 5);
    assert!(told.iter().all(|event| event["targets"][0]["id"] == id && event["actor"]["type"] == "api_key"));
}

#[test]
fn no_secret_stays_in_the_data_directory_the_log_or_the_trail() {
    let (installation, server, admin) = server(&[("LOG", "debug")]);
    let nobody = server.stranger();
    let link = set_up_link(&server).unwrap();
    let printed = format!("set-up#{link}");
    let mut secrets = vec![PASSWORD.to_owned(), NEXT.to_owned(), link.clone()];
    let session = nobody.session(set_up(&nobody, &link, "ada", PASSWORD));
    sign_in(&nobody, "ada", NEXT, None).refused(401, "unauthorized");
    let made = session.write("POST", "/v1/users", &json!({"username": "bob", "roles": [{"role": "Tech"}]}));
    let id = made.expect(201).json()["id"].as_str().unwrap().to_owned();
    let invitation = link_for(&session, &id);
    choose(&nobody, &invitation, NEXT).expect(204);
    secrets.extend([invitation, link_for(&session, &id)]);
    let change = json!({"current": PASSWORD, "password": "eleven yellow boats on the lake"});
    session.write("PUT", "/v1/profile/password", &change).expect(204);
    secrets.push("eleven yellow boats on the lake".to_owned());
    let (totp, first, recovery) = take_second_factor(&session, "eleven yellow boats on the lake");
    secrets.push(totp.replace(' ', ""));
    let next = sign_in(&nobody, "ada", "eleven yellow boats on the lake", Some(&code(&totp, 1)));
    let next = nobody.session(next);
    for code in &recovery[..2] {
        sign_in(&nobody, "ada", "eleven yellow boats on the lake", Some(code));
    }
    secrets.extend(recovery.iter().cloned());
    secrets.extend(recovery.iter().map(|code| code.replace(['-', ' '], "")));
    secrets.push(totp);
    for session in [&session, &next] {
        let (_, cookie) = session.own_header("Cookie").split_once('=').unwrap();
        secrets.extend([cookie.to_owned(), session.own_header("X-CSRF-Token").to_owned()]);
    }
    let key = next.write(
        "POST",
        "/v1/keys",
        &json!({"name": "k", "permissions": ["audit.read"], "reach": "everything"}),
    );
    secrets.push(key.expect(201).json()["key"].as_str().unwrap().to_owned());
    assert!(secrets.iter().all(|secret| secret.len() >= 12), "{secrets:?}");

    // The trail as it is read, since the files are compressed.
    let page = admin.read("/v1/events?limit=1000&total=true");
    assert!(page["total"].as_u64().unwrap() >= 10 && page["next"].is_null(), "{page}");
    let mut trail = page.to_string();
    for id in texts(&page["data"], "id") {
        trail.push_str(&admin.get(&format!("/v1/events/{id}/original")).expect(200).text());
    }
    // Six digits may stand anywhere else by chance.
    assert!(!trail.contains(&format!("\"{first}\"")));
    let log = server.end_with(Signal::TERM).stderr.replace(&printed, "");
    for secret in &secrets {
        assert!(!trail.contains(secret.as_str()), "{secret} is in the trail");
        assert!(!log.contains(secret.as_str()), "{secret} is in the log");
    }
    let files = files_below(&installation.data());
    assert!(files.len() > 3);
    for file in files {
        let bytes = fs::read(&file).unwrap();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {}", file.display());
        }
    }
}

#[test]
fn of_two_passwords_that_are_chosen_at_one_time_with_the_same_proof_one_is() {
    let (_installation, _server, admin) = server(&[]);
    admin.user("ada", None, &json!([]), PASSWORD);
    let session = admin.signed_in("ada", PASSWORD);
    let mut current = PASSWORD.to_owned();
    for round in 0..4 {
        let choose = |which: usize| {
            let wanted = format!("herons number {round} and {which}");
            let body = json!({"current": current, "password": wanted});
            (session.write("PUT", "/v1/profile/password", &body).status, wanted)
        };
        let two: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..2)
                .map(|which| {
                    let choose = &choose;
                    scope.spawn(move || choose(which))
                })
                .collect();
            running.into_iter().map(|choosing| choosing.join().unwrap()).collect()
        });
        let mut statuses: Vec<_> = two.iter().map(|(status, _)| *status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 403], "{round}");
        current = two.into_iter().find(|(status, _)| *status == 204).unwrap().1;
    }
    admin.signed_in("ada", &current);
}
