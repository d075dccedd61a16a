//! What people type and what they expect to find by it, in the texts of events.

use std::collections::HashMap;

use indelible_event::{Client, Event};
use indelible_verify::People;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::oracle::passes;
use super::world::{Engine, MemoryLedger, NOW, config, derived, query, stored};
use crate::Reach;
use crate::doc::{Doc, Place};
use crate::text::parse_text;

/// A text, what finds it, and what does not.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

const TABLE: &[Row] = &[
    (
        "RunInstances failed for UpdateHTTPServerConfig",
        &[
            "RunInstances",
            "runinstances",
            "RUNINSTANCES",
            "run",
            "instances",
            "runInst*",
            "inst*",
            "run_instances",
            "\"run instances\"",
            "\"runinstances failed\"",
            "http",
            "\"update http server config\"",
            "updatehttps*",
            "-other",
        ],
        &["runs", "\"instances failed\"", "-run", "unInstances"],
    ),
    (
        "set user_name and max-retry.count=3",
        &["user_name", "user", "name", "\"user name\"", "user_n*", "max-retry.count", "retry", "count=3"],
        &["username", "name_user"],
    ),
    (
        "read /etc/passwd and C:\\Windows\\System32\\drivers",
        &[
            "/etc/passwd",
            "etc/passwd",
            "passwd",
            "/etc/*",
            "/etc/pass*",
            "C:\\Windows\\System32",
            "system32",
            "drivers",
        ],
        &["/etc/shadow", "/passwd/etc"],
    ),
    (
        "by Ada.Li+x@Company.co.uk (cc: bo@b.c)",
        &[
            "ada.li+x@company.co.uk",
            "ADA.LI+X@COMPANY.CO.UK",
            "company.co.uk",
            "ada",
            "ada.li@*",
            "bo@b.c",
            "\"by ada\"",
        ],
        &["li+x@company.co.uk", "ada.li+x@company.co", "b@b.c"],
    ),
    (
        "recording {C333D58A-7ba6-4d69-91e4-175816aa5d0b}, done",
        &[
            "c333d58a-7ba6-4d69-91e4-175816aa5d0b",
            "{c333d58a-7ba6-4d69-91e4-175816aa5d0b}",
            "c333d58a7ba64d6991e4175816aa5d0b",
            "c333d58a",
            "c333d58a-7b*",
            "c333d58a*",
            "\"recording c333d58a-7ba6-4d69-91e4-175816aa5d0b\"",
            "recording done",
        ],
        &["7ba6", "c333", "c333d58b", "\"recording done\""],
    ),
    (
        "called +1 (555) 010-9999 twice",
        &[
            "+1 (555) 010-9999",
            "+15550109999",
            "15550109999",
            "5550109999",
            "(555) 010-9999",
            "555-010-9999",
            "555.010.9999",
            "1-555-010-9999",
            "001 555 010 9999",
            "\"+1 (555) 010-9999\"",
            "555",
            "\"555 010 9999\"",
        ],
        &["+44 555 010 9999", "+1 (555) 010-9998", "010999"],
    ),
    (
        "fax 5550109999",
        &["5550109999", "(555) 010-9999", "+1 555-010-9999", "+15550109999", "555.010.9999"],
        &["555", "15550109999"],
    ),
    (
        "dialled 00442079461111",
        &["+442079461111", "+44 20 7946 1111", "442079461111", "00442079461111"],
        &["2079461111", "+452079461111", "0442079461111"],
    ),
    (
        "Tél. 06 12 34 56 78",
        &["06 12 34 56 78", "0612345678", "+33 6 12 34 56 78", "tel"],
        &["06 12 34 56 79"],
    ),
    ("version 4.2.10-rc1 of v1.2", &["4.2.10", "4.2.10-rc1", "4.2*", "v1.2", "rc1"], &["4.2.1", "2.4"]),
    (
        "arn:aws:iam::123456789012:role/OrganizationAccountAccessRole",
        &[
            "arn:aws:iam::123456789012:role/OrganizationAccountAccessRole",
            "123456789012",
            "role/organization*",
            "account",
            "organizationaccountaccessrole",
            "arn:aws:iam:*",
        ],
        &["arn:aws:s3", "12345678901"],
    ),
    (
        "host web-01.Example.com:8443",
        &["web-01.example.com", "example.com", "web-01", "8443", "web-*"],
        &["web-02"],
    ),
    (
        "mac 00:1A:2B:3C:4D:5E and 0011.2233.4455",
        &[
            "00:1a:2b:3c:4d:5e",
            "00-1A-2B-3C-4D-5E",
            "001a2b3c4d5e",
            "001a.2b3c.4d5e",
            "00:1a:2b*",
            "00:11:22:33:44:55",
        ],
        &["00:1a:2b:3c:4d:5f", "1a"],
    ),
    (
        "from [::ffff:172.16.177.202]:443, then 10.20.30.40.",
        &["172.16.177.202", "::ffff:172.16.177.202", "172.16.*", "172.16.17*", "10.20.30.40", "10.2*"],
        &["172.16.177.20", "172.17.*", "10.20.30.4"],
    ),
    (
        "peer 2001:0DB8:0:0::1 up",
        &["2001:db8::1", "2001:db8:0:0:0:0:0:1", "2001:db8:*"],
        &["2001:db8::2", "2001:db9:*"],
    ),
    (
        "at 2019-01-07T11:18:16.1670000+01:00",
        &["2019-01-07", "2019-01-07T11:18:16.1670000+01:00", "2019-01*", "11:18"],
        &["2019-07-01"],
    ),
    (
        "L’été à Zürich, straße",
        &["l'ete", "ete", "ZURICH", "Zürich", "strasse", "STRASSE", "zur*"],
        &["zuerich"],
    ),
    ("日本語のテキスト", &["日本語", "本語", "テキスト", "キスト", "の", "日本*"], &["語本", "テスト"]),
    ("사용자가 로그인했습니다", &["사용자", "로그인", "사용자가"], &["자용사"]),
    ("ผู้ใช้เข้าสู่ระบบ", &["เข้าสู่ระบบ", "ผู้ใช้", "ระบบ"], &["ออก"]),
    (
        "تم تسجيل دخول أحمد إلى إدارة المُستخدمين",
        &["احمد", "أحمد", "اداره", "إدارة", "المستخدمين", "دخول"],
        &["محمد"],
    ),
    ("उपयोगकर्ता ने लॉगिन किया", &["लॉगिन", "उपयोगकर्ता", "उपयोग*"], &["लॉग"]),
    ("המשתמש התחבר שָׁלוֹם", &["המשתמש", "שלום"], &["משתמש"]),
    ("Пользователь вошёл", &["пользователь", "ВОШЕЛ", "вошёл"], &["вошла"]),
];

#[test]
fn people_find_what_they_type() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    for (text, ..) in TABLE {
        ledger.push(stored(
            1,
            NOW,
            "e",
            Event { action: "a".into(), details: Some((*text).into()), ..Event::default() },
        ));
    }
    let engine = Engine::open(dir.path(), &ledger, config());
    engine.follow();
    let mut wrong = Vec::new();
    for place in ["tail", "split"] {
        for (at, (text, found, missed)) in TABLE.iter().enumerate() {
            for (typed, expected) in
                found.iter().map(|typed| (typed, true)).chain(missed.iter().map(|typed| (typed, false)))
            {
                let query = query(&[("q", typed)], &HashMap::new());
                let hits = engine.all(&Reach::All, &query);
                if hits.contains(&(at as u64)) != expected {
                    wrong.push(format!("{typed} in {text} ({place}): {}", query.to_filter()));
                }
            }
        }
        engine.flush();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Generated ids and addresses of clients are in their own fields only, and found all the same.
#[test]
fn ids_and_addresses_are_found_in_their_fields() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new();
    let event = Event {
        action: "a".into(),
        session_id: Some("0F8FAD5B-D9CB-469F-A165-70867728950E".into()),
        request_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".into()),
        trace_id: Some("short-1".into()),
        client: Client {
            ip: Some("192.168.17.9".parse().unwrap()),
            chain: vec!["10.1.2.3:80".into(), "proxy.example".into()],
            ..Client::default()
        },
        ..Event::default()
    };
    ledger.push(stored(1, NOW, "0190C1D2-3e4f-7a5b-8c6d-7e8f9a0b1c2d", event));
    let engine = Engine::open(dir.path(), &ledger, config());
    engine.follow();
    for place in ["tail", "split"] {
        for (typed, expected) in [
            ("0f8fad5b-d9cb-469f-a165-70867728950e", 1),
            ("0f8fad5bd9cb469fa16570867728950e", 1),
            ("0f8fad5b", 1),
            ("0f8fad5b-d9*", 1),
            ("4BF92F3577B34DA6A3CE929D0E0E4736", 1),
            ("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", 1),
            ("4bf92f3577b3*", 1),
            ("4bf92f3577b34da6a3ce929d0e0e4737", 0),
            ("0190c1d2-3e4f-7a5b-8c6d-7e8f9a0b1c2d", 1),
            ("short", 1),
            ("192.168.17.9", 1),
            ("192.168.*", 1),
            ("192.168.1*", 1),
            ("192.168.17.90", 0),
            ("10.1.2.3", 1),
            ("proxy.example", 1),
            ("-192.168.17.9", 0),
        ] {
            let found = engine.all(&Reach::All, &query(&[("q", typed)], &HashMap::new()));
            assert_eq!(found.len(), expected, "{typed} in {place}");
        }
        engine.flush();
    }
}

fn piece() -> impl Strategy<Value = String> {
    let known: Vec<&str> = TABLE.iter().flat_map(|(text, ..)| text.split(' ')).collect();
    prop_oneof![
        3 => select(known).prop_map(str::to_owned),
        1 => "\\PC{1,12}",
        1 => "[0-9+().-]{1,14}",
        1 => "[a-zA-Z0-9@:._-]{1,24}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Text and query go through the same rules: whatever stands between two blanks of a text finds it, in quotes too.
    #[test]
    fn every_stretch_of_a_text_finds_it(pieces in vec(piece(), 1..8), from in 0..8_usize, len in 1..5_usize) {
        let text = pieces.join(" ");
        let event = Event { action: "a".into(), details: Some(text.clone()), ..Event::default() };
        let doc = Doc::new(Place::default(), "id", &event, &derived(&event), &People::default());
        prop_assert!(doc.keywords().is_sorted() && doc.keywords().all(|(_, term)| !term.is_empty()));
        let pieces: Vec<&str> = text.split_whitespace().collect();
        let stretch = pieces.iter().skip(from.min(pieces.len().saturating_sub(1))).take(len);
        let stretch: Vec<&str> = stretch.copied().collect();
        let quoted = format!("\"{}\"", stretch.join(" ").replace(['"', '\u{201c}', '\u{201d}'], " "));
        for typed in stretch.iter().copied().chain([quoted.as_str()]) {
            // What stands for something in `q` does so here.
            let plain = typed == quoted || !(typed.starts_with(['-', '"', '\u{201c}', '\u{201d}']) || typed.ends_with('*'));
            if plain && let Ok(expr) = parse_text(typed) {
                prop_assert!(passes(&expr, &doc, &[]), "{} in {}: {:?}", typed, text, expr);
            }
        }
    }
}
