//! A request's whole way, on the hostile requests of `testdata/hostile`: what this crate answers must be what the
//! product answers, as far as keys, tenants and earlier requests have no part in it.

use std::path::PathBuf;

use base64::Engine;
use indelible_event::{Code, Limits, Problem, Timestamp};
use serde_json::Value;

use super::*;

/// 2026-11-21T00:00:00Z: after every time that the cases mean to be accepted.
const NOW: Timestamp = Timestamp::from_micros(1_795_219_200_000_000);

/// The runner of the product's own tests repeats parts up to this many bytes; above every limit of ours.
const REPEATED_BYTES_MAX: usize = 80 << 20;

fn cases() -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/hostile/hostile.ndjson");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn generated(parts: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts.as_array().unwrap() {
        let count = part["count"].as_u64().unwrap_or(1) as usize;
        if let Some(text) = part["text"].as_str() {
            out.extend_from_slice(text.as_bytes());
        } else if let Some(unit) = part["repeat"].as_str() {
            out.extend(unit.repeat(count.min(REPEATED_BYTES_MAX / unit.len())).into_bytes());
        } else {
            let template = part["template"].as_str().unwrap();
            (0..count).for_each(|n| out.extend(template.replace("%d", &n.to_string()).into_bytes()));
        }
    }
    out
}

fn body(case: &Value) -> Vec<u8> {
    if let Some(text) = case["body_b64"].as_str() {
        return base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    }
    if let Some(text) = case["body"].as_str() {
        return text.replace("+now+25h", "2026-11-22T01:00:00Z").into_bytes();
    }
    match &case["gen"]["gzip_of"] {
        Value::Null => generated(&case["gen"]["parts"]),
        packed => {
            use std::io::Write;
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&generated(&packed["parts"])).unwrap();
            encoder.finish().unwrap()
        }
    }
}

/// What each event of a request is, or what the request as a whole is.
fn answer(case: &Value, body: &[u8]) -> Result<Vec<Result<(), Problem>>, Problem> {
    let limits = BodyLimits::default();
    let media = parse_media(case["content_type"].as_str())?;
    let unpacked = unpack(case["content_encoding"].as_str(), body, &limits)?;
    let items = split(media, text(&unpacked)?, &limits)?;
    let read = |item: &Item<'_>| match parse_item(media, item, &Limits::default(), NOW) {
        Ok(_) => Ok(()),
        Err(mut problems) => Err(problems.remove(0)),
    };
    Ok(items.iter().map(read).collect())
}

#[test]
fn hostile_requests_get_their_answers() {
    let mut checked = 0;
    for case in cases() {
        let name = format!("{} {}", case["n"], case["title"]);
        let (expect, steps, syslog) = (&case["expect"], case.get("steps"), case.get("transport"));
        let error = expect["error"].as_str();
        // Who may send what to which tenant, and what was sent before, is not known here.
        let of_others = matches!(
            error,
            Some("tenant_forbidden" | "auditing_off" | "id_conflict" | "unauthorized" | "forbidden")
        );
        if steps.is_some() || syslog.is_some() || of_others {
            continue;
        }
        checked += 1;
        let body = body(&case);
        let got = answer(&case, &body);
        match (expect["verdict"].as_str().unwrap(), got) {
            ("accept" | "neutralise", Ok(items)) => {
                assert!(items.iter().all(Result::is_ok), "{name}: {items:?}");
            }
            ("partial", Ok(items)) => assert!(items.iter().any(Result::is_ok), "{name}: {items:?}"),
            ("reject", got) => {
                let problem = match got {
                    Err(problem) => problem,
                    Ok(items) => {
                        assert!(items.iter().all(Result::is_err), "{name}: {items:?}");
                        items[0].clone().unwrap_err()
                    }
                };
                // The one case of which the set says that either answer is good.
                let too_deep = problem.code == Code::TooDeep && case["n"] == "N053";
                assert!(
                    Some(problem.code.as_str()) == error || too_deep,
                    "{name}: {problem}, expected {error:?}"
                );
                assert_eq!(u64::from(problem.code.status()), expect["http"].as_u64().unwrap(), "{name}");
                if let Some(field) = expect["field"].as_str().filter(|field| !field.is_empty()) {
                    assert_eq!(problem.field, field, "{name}");
                }
                assert!(
                    problem.message.len() < 600 && problem.message.is_ascii(),
                    "{name}: {}",
                    problem.message
                );
            }
            (verdict, got) => panic!("{name}: expected {verdict}, got {got:?}"),
        }
    }
    assert!(checked > 150, "{checked} cases checked");
}

#[test]
fn each_event_of_a_mixed_batch_has_its_own_answer() {
    for (n, want) in [
        ("N307", &["-", "wrong_type"][..]),
        ("N308", &["-", "invalid_time", "-"]),
        ("N310", &["-", "-"]),
        ("N311", &["-", "-"]),
        ("N312", &["-"]),
        ("N313", &["-", "malformed_json", "-"]),
        ("N314", &["-", "malformed_json"]),
        ("N316", &["wrong_type", "-"]),
        ("N327", &["-"]),
    ] {
        let case = cases().into_iter().find(|case| case["n"] == n).unwrap();
        let got = answer(&case, &body(&case)).unwrap();
        let got: Vec<_> = got
            .iter()
            .map(|item| item.as_ref().map_or_else(|problem| problem.code.as_str(), |()| "-"))
            .collect();
        assert_eq!(got, want, "{n}");
    }
}

#[test]
fn items_are_the_bytes_as_sent() {
    let case = cases().into_iter().find(|case| case["n"] == "N313").unwrap();
    let body = body(&case);
    let items = split(Media::Ndjson, text(&body).unwrap(), &BodyLimits::default()).unwrap();
    let lines: Vec<_> = items.iter().map(|item| (item.index, item.line)).collect();
    assert_eq!(lines, [(0, Some(1)), (1, Some(2)), (2, Some(3))]);
    let joined = items.iter().map(|item| item.json).collect::<Vec<_>>().join("\n");
    assert_eq!(joined.as_bytes(), body.trim_ascii_end());
}

#[test]
fn a_vendor_s_record_is_read_by_the_mapping_that_the_request_names() {
    let mapping = Registry::builtin().get("aws-cloudtrail").unwrap();
    let item = Item {
        index: 0,
        line: Some(1),
        json: r#"{"eventName":"GetObject","eventTime":"2023-07-10T11:42:18Z","odd":{"a/b":1}}"#,
    };
    let mapped = parse_mapped(mapping, &item, &Limits::default(), NOW).unwrap();
    assert_eq!(
        (mapped.event.action.as_str(), &*mapped.not_understood),
        ("GetObject", &["odd.`a/b`".to_owned()][..])
    );
    let parsed = mapped.into_parsed();
    assert_eq!(
        (parsed.warnings[0].code, parsed.warnings[0].field.as_str()),
        (Code::UnknownField, "/odd/a~1b")
    );
    assert!(media_for_mapping(Media::Ndjson).is_ok() && media_for_mapping(Media::Json).is_ok());
    assert_eq!(media_for_mapping(Media::CloudEvent).unwrap_err().code, Code::UnsupportedMediaType);
}
