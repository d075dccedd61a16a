//! No record, no mapping and no expression panics, and what comes out is an event.

use proptest::prelude::*;

use super::language::RECORD;
use super::*;

proptest! {
    #[test]
    fn no_record_and_no_mapping_panics(record in any_record(), text in "\\PC{0,200}") {
        for mapping in Registry::builtin().newest() {
            if let Ok(mapped) = mapping.apply(&record, &Limits::default(), NOW) {
                prop_assert!(!mapped.event.action.is_empty());
                prop_assert!(mapped.event.id.as_deref().is_none_or(is_event_id));
                // An event that a mapping made is one that the API takes.
                let json = mapped.to_api_json();
                prop_assert!(indelible_event::parse(&json, &Limits { event_bytes_max: usize::MAX, depth_max: 64, ..Limits::default() }, NOW).is_ok(), "{}", json);
            }
        }
        let _ = Mapping::parse("x.toml", &text);
        let _ = grammar::parse(&text, grammar::Names { places: 0, lets: &[], tables: &[] });
    }

    #[test]
    fn no_expression_panics(expr in "([a-c@$]|\\.|'|\\{|\\}|\\[|\\]|\\||\\?\\?|\\?| |if|then|else|and|not|in|==|\\(|\\)|,|`|split|time|at|0|-1|lower|entries|json|é){0,40}") {
        let names = grammar::Names { places: 0, lets: &[], tables: &[] };
        match grammar::parse(&expr, names) {
            Ok(_) if !expr.contains("'''") => {
                let text = format!("name = \"t\"\nversion = 1\n[event]\naction = '''{expr}'''");
                if let Ok(mapping) = Mapping::parse("t.toml", &text) {
                    let _ = mapping.apply(RECORD, &Limits::default(), NOW);
                }
            }
            Ok(_) => {}
            Err(mistake) => prop_assert!(mistake.at <= expr.len() && expr.is_char_boundary(mistake.at)),
        }
    }
}

/// Objects with the vendors' own names and values of every kind in odd places.
fn any_record() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec![
        "eventID",
        "eventTime",
        "eventName",
        "eventSource",
        "userIdentity",
        "type",
        "arn",
        "sessionContext",
        "sessionIssuer",
        "requestParameters",
        "responseElements",
        "bucketName",
        "resources",
        "ARN",
        "errorCode",
        "sourceIPAddress",
        "recipientAccountId",
        "time",
        "channel",
        "user",
        "isAnonymous",
        "isNew",
        "isRobot",
        "page",
        "comment",
        "delta",
        "id",
        "action",
        "tenant",
        "actor",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "\\PC{0,12}".prop_map(Into::into),
        prop::sample::select(vec![
            "2015-09-12T00:49:12.942Z",
            "#en.wikipedia",
            "1.2.3.4",
            "AssumedRole",
            "-",
            ""
        ])
        .prop_map(Into::into),
    ];
    let value = leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((names.clone(), inner), 0..6).prop_map(|members| {
                serde_json::Value::Object(
                    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                )
            }),
        ]
    });
    value.prop_map(|value| match value {
        serde_json::Value::Object(_) => value.to_string(),
        value => {
            serde_json::json!({ "eventName": value.clone(), "userIdentity": value.clone(), "time": value })
                .to_string()
        }
    })
}
