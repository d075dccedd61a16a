//! What an operator asks of people who sign in: a second factor, certain networks; and that who guesses is told of.

use serde_json::{Value, json};

use crate::{
    sign_in::{choose, is_signed_in, link_for, server, set_up, set_up_link, sign_in, take_second_factor},
    support::{Answer, Api, Installation, LONG, numbered, within},
};

const PASSWORD: &str = "seven green umbrellas at noon";
const NEXT: &str = "nine blue lanterns by the sea";

/// Method, address and body of what pages ask for, and the status for an administrator.
type Row = (&'static str, &'static str, &'static str, u16);

#[rustfmt::skip]
const ROUTES: [Row; 24] = [
    ("GET", "/v1/events", "", 200),
    ("GET", "/v1/events/e1", "", 200),
    ("GET", "/v1/events/e1/original", "", 200),
    ("GET", "/v1/events/e1/proof", "", 200),
    ("GET", "/v1/stats", "", 200),
    ("GET", "/v1/histogram?by=actor", "", 200),
    ("GET", "/v1/values/actor", "", 200),
    ("GET", "/v1/feed", "", 200),
    ("GET", "/v1/ledger", "", 200),
    ("GET", "/checkpoint", "", 200),
    ("GET", "/metrics", "", 200),
    ("GET", "/v1/users", "", 200),
    ("GET", "/v1/roles", "", 200),
    ("GET", "/v1/keys", "", 200),
    ("GET", "/v1/providers", "", 200),
    ("GET", "/v1/auditing", "", 200),
    ("GET", "/v1/rules", "", 200),
    ("GET", "/v1/mappings", "", 200),
    ("GET", "/v1/mail", "", 200),
    ("PUT", "/v1/rules", "{}", 400),
    ("POST", "/v1/tenants", r#"{"name":"beta"}"#, 201),
    ("POST", "/v1/users", r#"{"username":"eve"}"#, 201),
    ("POST", "/v1/roles", r#"{"name":"Reader","permissions":["audit.read"],"reach":"tenant"}"#, 201),
    ("POST", "/v1/keys", r#"{"name":"k","permissions":["audit.read"],"reach":"everything"}"#, 201),
];

fn asked(api: &Api, (method, path, body, _): Row) -> Answer {
    let json = [("Content-Type", "application/json")];
    let headers = if body.is_empty() { &[][..] } else { &json[..] };
    api.request(method, path, headers, body.as_bytes())
}

fn administrator() -> Value {
    json!([{"role": "Administrator"}])
}

fn is_due(session: &Api) -> bool {
    session.read("/v1/session")["second_factor_due"].as_bool().unwrap()
}

fn remove_own_factor(session: &Api) -> Answer {
    let json = [("Content-Type", "application/json")];
    let body = json!({"current": PASSWORD}).to_string();
    session.request("DELETE", "/v1/profile/second-factor", &json, body.as_bytes())
}

#[test]
fn whoever_has_many_addresses_does_not_fill_the_trail_with_refusals_that_cost_them_nothing() {
    let settings = [
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("SIGN_IN_NETWORKS", "192.0.2.0/24"),
        ("LOOKING_WINDOW_SECONDS", "1"),
    ];
    let (_installation, server, admin) = server(&settings);
    let nobody = server.stranger();
    for n in 0..1_007 {
        let from = nobody.with_header("X-Forwarded-For", &format!("10.{}.{}.1", n / 250, n % 250));
        sign_in(&from, "ada", PASSWORD, None).refused(403, "forbidden");
    }
    let singly = "action=Sign+in&reason=address_not_allowed";
    assert_eq!(admin.read(&format!("/v1/stats?{singly}"))["total"], 1_000);
    let rest = within(LONG, "what is beyond is counted", || {
        let page = admin.read("/v1/events?limit=1000&application=indelible&action=Refused+access");
        let events: Vec<_> = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["actor"].is_null())
            .cloned()
            .collect();
        let questions = events.iter().flat_map(|event| event["parameters"]["questions"].as_array().unwrap());
        let beyond = questions.filter(|asked| asked["question"] == "POST /v1/sign-in address_not_allowed");
        (beyond.map(|asked| asked["count"].as_u64().unwrap()).sum::<u64>() == 7).then_some(events)
    });
    assert!(rest.iter().all(|event| event["client"].is_null()), "{rest:?}");
}

#[test]
fn a_wrong_rule_is_refused_by_name_with_exit_code_2() {
    for (setting, value, expected) in [
        ("SECOND_FACTOR", "always", "--second-factor"),
        ("SIGN_IN_NETWORKS", "10.0.3.1/24", "sign_in_networks is \"10.0.3.1/24\", expected an address"),
        ("SIGN_IN_NETWORKS", "192.0.2.0/24,office", "sign_in_networks is \"office\", expected an address"),
    ] {
        let ended = Installation::new().with(setting, value).refuse();
        assert_eq!(ended.code, Some(2), "{expected}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "expected {expected:?} in: {}", ended.stderr);
    }
}

#[test]
fn who_lacks_a_second_factor_that_is_required_can_do_nothing_but_set_one_up() {
    let (_installation, server, admin) = server(&[("SECOND_FACTOR", "required")]);
    let nobody = server.stranger();
    let link = set_up_link(&server).unwrap();
    let ada = nobody.session(set_up(&nobody, &link, "ada", PASSWORD));
    let boss = admin.user("boss", None, &administrator(), PASSWORD);
    let bosses = nobody.session(sign_in(&nobody, "boss", PASSWORD, None));
    admin.tenant("acme");
    admin.send(&numbered("acme", 1)).expect(201);
    admin.found("", 1);
    let mut recovery = Vec::new();
    for (what, session) in [("set-up", &ada), ("sign-in", &bosses)] {
        let who = session.read("/v1/session");
        assert_eq!(
            (&who["second_factor_due"], &who["permissions"]),
            (&json!(true), &json!([])),
            "{what}: {who}"
        );
        assert_eq!(who["complete_user_management"], false, "{what}: {who}");
        for row in ROUTES {
            let answer = asked(session, row);
            assert_eq!(answer.status, 403, "{what}: {row:?}: {}", answer.text());
            answer.refused(403, "forbidden");
        }
        session.get("/v1/tail").refused(403, "forbidden");
        let tenants = session.get("/v1/tenants").text();
        assert!(!tenants.contains("acme"), "{what}: {tenants}");
        remove_own_factor(session).refused(403, "forbidden");
        session.read("/v1/profile");
        session.write("PATCH", "/v1/profile", &json!({"zone": "UTC"})).expect(200);
        (_, _, recovery) = take_second_factor(session, PASSWORD);
        assert!(!is_due(session), "{what}");
    }
    for row in ROUTES {
        let answer = asked(&ada, row);
        assert_eq!(answer.status, row.3, "{row:?}: {}", answer.text());
    }
    remove_own_factor(&ada).refused(403, "forbidden");
    sign_in(&nobody, "ada", PASSWORD, None).refused(401, "second_factor_required");
    let again = nobody.session(sign_in(&nobody, "boss", PASSWORD, Some(&recovery[0])));
    assert!(!is_due(&again));
    again.read("/v1/users");

    // Who lost it is back at the beginning, once somebody else removed it.
    ada.delete(&format!("/v1/users/{boss}/second-factor")).expect(204);
    assert!(!is_signed_in(&bosses) && !is_signed_in(&again));
    let again = nobody.session(sign_in(&nobody, "boss", PASSWORD, None));
    assert!(is_due(&again));
    again.get("/v1/users").refused(403, "forbidden");
    again.request("POST", "/v1/sign-out", &[], b"").expect(204);
    assert!(!is_signed_in(&again));

    // Keys have no second factor.
    let key = admin.key_everywhere(&["audit.read"]);
    key.read("/v1/events");
    assert!(!is_due(&key) && !is_due(&admin));
}

#[test]
fn a_second_factor_that_is_required_from_now_on_is_asked_of_sessions_that_are_there() {
    let (mut installation, server, admin) = server(&[]);
    admin.user("ada", None, &administrator(), PASSWORD);
    let session = admin.signed_in("ada", PASSWORD);
    assert!(!is_due(&session));
    session.read("/v1/users");
    server.stop();
    installation.set("SECOND_FACTOR", "required");
    let server = installation.start();
    let session = server.stranger().with_header("Cookie", session.own_header("Cookie"));
    assert!(is_due(&session));
    session.get("/v1/users").refused(403, "forbidden");
}

/// Addresses that lie in none of the networks of [`people_come_only_from_the_networks_that_are_set`].
const ELSEWHERE: [&str; 3] = ["203.0.113.9", "192.0.3.0", "2001:db9::1"];

#[test]
fn people_come_only_from_the_networks_that_are_set() {
    let (_installation, server, admin) = server(&[
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("SIGN_IN_NETWORKS", "192.0.2.0/24,2001:db8::/32"),
        ("PUBLIC_URL", "https://audit.example.com"),
        ("MAIL_FROM", "audit@example.com"),
        // Nobody is there, and nobody is asked: no mail goes to somebody who is not known.
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_PORT", "9"),
        ("SMTP_TLS", "none"),
    ]);
    let from = |address: &str| server.stranger().with_header("X-Forwarded-For", address);
    let ask = |api: &Api| api.write("POST", "/v1/password/reset", &json!({"user": "nobody"}));
    let inside = [from("192.0.2.7"), from("2001:db8::7")];
    let link = set_up_link(&server).unwrap();
    let refused = |answer: Answer, address: &str| {
        let problem = answer.refused(403, "forbidden");
        let words = format!("people sign in only from certain networks, and {address} is in none of them");
        assert_eq!(problem["detail"], words);
    };
    for address in ELSEWHERE {
        refused(set_up(&from(address), &link, "ada", PASSWORD), address);
    }
    let session = inside[0].session(set_up(&inside[0], &link, "ada", PASSWORD));
    let id = session.read("/v1/session")["user"].as_str().unwrap().to_owned();
    let link = link_for(&admin, &id);
    for address in ELSEWHERE {
        let api = from(address);
        let right = sign_in(&api, "ada", PASSWORD, None);
        assert_eq!(right.header("set-cookie"), "", "{address}");
        for answer in [right, choose(&api, &link, NEXT), ask(&api)] {
            refused(answer, address);
        }
    }
    // A session is no good elsewhere, like one that ended, and stays what it is.
    let ended = inside[1].session(sign_in(&inside[1], "ada", PASSWORD, None));
    ended.request("POST", "/v1/sign-out", &[], b"").expect(204);
    let ended = ended.get("/v1/profile").refused(401, "unauthorized");
    for address in ELSEWHERE {
        let moved = session.with_header("X-Forwarded-For", address);
        for answer in [moved.get("/v1/profile"), moved.request("POST", "/v1/sign-out", &[], b"")] {
            let problem = answer.refused(401, "unauthorized");
            assert_eq!(problem["detail"], ended["detail"], "{address}");
        }
        assert!(is_signed_in(&session), "{address}");
    }
    assert!(is_signed_in(&session.with_header("X-Forwarded-For", "2001:db8::9")));
    let key = admin.key_everywhere(&["audit.read"]);
    for address in ELSEWHERE {
        key.with_header("X-Forwarded-For", address).read("/v1/events");
    }
    choose(&inside[0], &link, NEXT).expect(204);
    assert!(!is_signed_in(&session));
    for api in &inside {
        assert!(is_signed_in(&api.session(sign_in(api, "ada", NEXT, None))));
        ask(api).expect(202);
    }
    // The set-up, one that ended, and two.
    let told = admin.told("session.begin", 4 + ELSEWHERE.len());
    let refused: Vec<_> = told.iter().filter(|event| event["outcome"]["result"] != "success").collect();
    assert_eq!(refused.len(), ELSEWHERE.len(), "{told:?}");
    for (event, address) in refused.into_iter().zip(ELSEWHERE) {
        assert_eq!(
            event["outcome"],
            json!({"result": "failure", "reason": "address_not_allowed"}),
            "{event}"
        );
        assert_eq!(event["client"]["ip"], address, "{event}");
    }
}

#[test]
fn sign_ins_that_have_to_wait_are_told_of_by_address_and_window() {
    let settings = [("TRUSTED_PROXIES", "127.0.0.1"), ("LOOKING_WINDOW_SECONDS", "1")];
    let (_installation, server, admin) = server(&settings);
    admin.user("ada", None, &json!([]), PASSWORD);
    let mut failed = 0;
    for address in ["192.0.2.1", "192.0.2.2"] {
        let guesser = server.stranger().with_header("X-Forwarded-For", address);
        let mut waits = 0;
        // A machine that is slow enough lets one of them try again.
        for attempt in 0.. {
            match sign_in(&guesser, "ada", NEXT, None).status {
                401 => failed += 1,
                429 => waits += 1,
                status => panic!("{address}: {status}"),
            }
            if attempt >= 8 && waits > 0 {
                break;
            }
        }
        let told = within(LONG, "those that had to wait are told of", || {
            let page = admin.read("/v1/events?limit=1000&application=indelible");
            let events = page["data"].as_array().unwrap().iter();
            let of_address = |event: &&Value| {
                event["action_code"] == "looking.refused" && event["client"]["ip"] == address
            };
            let told: Vec<_> = events.filter(of_address).cloned().collect();
            let count = |event: &Value| event["occurrences"]["count"].as_u64().unwrap();
            (told.iter().map(count).sum::<u64>() == waits).then_some(told)
        });
        for event in told {
            let count = &event["occurrences"]["count"];
            let questions = json!([{"question": "POST /v1/sign-in rate_limited", "count": count}]);
            assert_eq!(event["parameters"]["questions"], questions, "{event}");
            assert_eq!(
                (&event["outcome"]["result"], &event["tenant"]),
                (&json!("denied"), &json!("_installation"))
            );
            assert!(event["actor"].is_null(), "{event}");
        }
    }
    // Each attempt that was looked at is an event of its own, and no other is.
    admin.told("session.begin", failed);
}
