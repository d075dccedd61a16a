use std::io::Write;

use proptest::prelude::*;

use super::*;

fn options() -> RecordsOptions {
    RecordsOptions {
        wrappers: vec!["Records".to_owned()],
        record_bytes_max: 1000,
        ..RecordsOptions::default()
    }
}

/// The records' texts, and the words of the errors among them.
fn read_with(file: &[u8], options: RecordsOptions) -> Vec<Result<String, String>> {
    // One byte at a time: no record may depend on where a read ends.
    let slow = Slow(file);
    let records = Records::open(slow, options).unwrap();
    records
        .map(|record| match record {
            Ok(record) => {
                let bytes = &unpacked(file)[record.start as usize..record.end as usize];
                assert_eq!(bytes, record.json.as_bytes(), "a record is the file's own bytes");
                Ok(record.json)
            }
            Err(error) => Err(error.to_string()),
        })
        .collect()
}

fn read(file: &str) -> Vec<Result<String, String>> {
    read_with(file.as_bytes(), options())
}

fn good(file: &str) -> Vec<String> {
    read(file).into_iter().map(|record| record.unwrap_or_else(|error| panic!("{error}: {file}"))).collect()
}

struct Slow<'f>(&'f [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.0.len().min(out.len()).min(1);
        out[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

fn unpacked(file: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let _ = Unpacked::new(file).unwrap().read_to_end(&mut out);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn tells_the_form_of_a_file() {
    let two = ["{\"a\":1}", "{\"b\":\"}\"}"];
    for file in [
        "{\"a\":1}\n{\"b\":\"}\"}\n",
        "\u{feff}{\"a\":1}\r\n\r\n \t\r\n{\"b\":\"}\"}",
        "[{\"a\":1},{\"b\":\"}\"}]",
        "\n [ {\"a\":1} ,\n {\"b\":\"}\"} ] \n",
        "{\"Records\":[{\"a\":1},{\"b\":\"}\"}]}",
        "{\n  \"kind\": {\"Records\": []}, \"n\": 1.5e3, \"s\": \"]\\\"}\",\n  \"Records\" : [\n {\"a\":1},\n {\"b\":\"}\"}\n ],\n  \"next\": null\n}\n",
        "{\"Records\":[{\"a\":1}]}\n{\"Records\":[{\"b\":\"}\"}]}\n",
        "{\"Records\":[{\"a\":1}]}{\"Records\":[]}[{\"b\":\"}\"}]",
        "{\"a\":1} {\"b\":\"}\"}",
    ] {
        assert_eq!(good(file), two, "{file}");
        assert_eq!(
            read_with(&gzip(file.as_bytes()), options()),
            two.map(|text| Ok(text.to_owned())),
            "{file}"
        );
        let zstd = zstd::encode_all(file.as_bytes(), 1).unwrap();
        assert_eq!(read_with(&zstd, options()), two.map(|text| Ok(text.to_owned())), "{file}");
    }
    // Laid out over lines, one after the other.
    assert_eq!(good("{\n \"a\": 1\n}\n{\n \"b\": [\n]}\n"), ["{\n \"a\": 1\n}", "{\n \"b\": [\n]}"]);
    for nothing in ["", "\n\n", "[]", "[ ]\n", "{\"Records\":[]}", "\u{feff}"] {
        assert_eq!(good(nothing), [""; 0], "{nothing}");
    }
    // Without a list in it a member of that name wraps nothing.
    assert_eq!(good("{\"Records\":{\"a\":1}}"), ["{\"Records\":{\"a\":1}}"]);
    assert_eq!(good("[1,\"x\",null,[2]]"), ["1", "\"x\"", "null", "[2]"]);
}

#[test]
fn lines_of_text_become_messages() {
    let options = RecordsOptions { form: Form::Text, ..options() };
    let file = "type=A msg=\"x\"\r\n\n[1] {\n {\"a\": 1}\r\n{\"a\": 1\n{\"a\":1,\"a\":2}";
    let records = Records::open(file.as_bytes(), options).unwrap();
    let got: Vec<_> =
        records.map(|record| record.map(|record| (record.line, record.json)).unwrap()).collect();
    let want = [
        (1, r#"{"message":"type=A msg=\"x\""}"#),
        (3, r#"{"message":"[1] {"}"#),
        // A record already.
        (4, " {\"a\": 1}"),
        // Not JSON, and JSON that is no evidence of anything: text.
        (5, r#"{"message":"{\"a\": 1"}"#),
        (6, r#"{"message":"{\"a\":1,\"a\":2}"}"#),
    ];
    assert_eq!(got, want.map(|(line, json)| (line, json.to_owned())));
}

#[test]
fn goes_on_past_a_bad_line_and_ends_where_it_can_not_know() {
    // Broken JSON on a line is the mapping's to refuse; the next line is a record of its own.
    assert_eq!(good("{\"a\":1}\n{\"a\":\n{\"b\":2}\n"), ["{\"a\":1}", "{\"a\":", "{\"b\":2}"]);
    assert_eq!(good("{\"a\":\n{\"b\":2}\n{\"c\":3"), ["{\"a\":", "{\"b\":2}", "{\"c\":3"]);
    assert_eq!(good("oops\n{\"b\":2}"), ["oops", "{\"b\":2}"]);
    let errors = |file: &str| read(file).into_iter().filter_map(Result::err).collect::<Vec<_>>();
    assert_eq!(errors("[{\"a\":1},{\"b\""), ["record 1 at line 1, byte 9: the file ends too early"]);
    assert_eq!(errors("[{\"a\":1}"), ["record 1 at line 1, byte 8: the file ends too early"]);
    assert_eq!(
        errors("[{\"a\":1} {\"b\":2}]"),
        ["record 1 at line 1, byte 8: expected `,` or `]` at byte 9"]
    );
    assert_eq!(errors("[{\"a\":1},]"), ["record 1 at line 1, byte 9: expected a JSON value at byte 9"]);
    assert_eq!(
        errors("{\"Records\":[{\"a\":1}],}"),
        ["record 1 at line 1, byte 19: expected a name in quotes at byte 21"]
    );
    assert_eq!(errors("{\"Records\":[{\"a\":1}]"), ["record 1 at line 1, byte 19: the file ends too early"]);
    assert_eq!(
        errors("[{}] nonsense"),
        ["record 1 at line 1, byte 4: expected a JSON object or a list of them at byte 5"]
    );
}

#[test]
fn a_record_that_is_too_large_or_no_text_is_an_error_of_its_own() {
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1000));
    let exact = format!("{{\"a\":\"{}\"}}", "x".repeat(1000 - 8));
    assert_eq!(exact.len(), 1000);
    for (before, between, after) in [("", "\r\n", "\r\n"), ("[", ",", "]"), ("{\"Records\":[", ",", "]}")] {
        let file = format!("{before}{{}}{between}{large}{between}{exact}{after}");
        let got = read(&file);
        assert_eq!(got.len(), 3, "{file}");
        assert_eq!((got[0].as_deref(), got[2].as_deref()), (Ok("{}"), Ok(exact.as_str())));
        assert!(got[1].as_ref().is_err_and(|error| error.ends_with("it is over 1000 bytes")), "{:?}", got[1]);
    }
    for (before, between, after) in [("", "\n", "\n"), ("[", ",", "]")] {
        let file = [
            before.as_bytes(),
            b"{}",
            between.as_bytes(),
            b"{\"a\":\"\xff\"}",
            between.as_bytes(),
            b"{}",
            after.as_bytes(),
        ]
        .concat();
        let got: Vec<_> = Records::open(&file[..], options())
            .unwrap()
            .map(|record| record.map_err(|e| e.to_string()))
            .collect();
        assert_eq!(got.len(), 3);
        assert!(
            got[1].as_ref().is_err_and(|error| error.ends_with("byte 6 of it is not valid UTF-8")),
            "{:?}",
            got[1]
        );
    }
}

#[test]
fn a_cut_packing_is_told_after_the_records_before_the_cut() {
    let line = |n: u32| format!("{{\"n\":{n},\"x\":\"{:x}\"}}\n", n.wrapping_mul(2_654_435_761));
    let file: String = (0..200_000).map(line).collect();
    for packed in [gzip(file.as_bytes()), zstd::encode_all(file.as_bytes(), 1).unwrap()] {
        for len in [packed.len() - 1, packed.len() / 2, 20] {
            let records = Records::open(&packed[..len], options()).unwrap();
            let (good, bad): (Vec<_>, Vec<_>) = records.partition(Result::is_ok);
            // The last line that could be read may be cut within; all before it are whole.
            let whole = good.len().saturating_sub(1);
            assert!(
                good[..whole]
                    .iter()
                    .zip(0..)
                    .all(|(record, n)| record.as_ref().unwrap().json == line(n).trim())
            );
            assert!(
                bad.len() == 1 && matches!(bad[0].as_ref().unwrap_err().kind, RecordsError::Read(_)),
                "{len}: {bad:?}"
            );
            assert!(len == 20 || good.len() > 1000, "{len}");
        }
    }
}

#[test]
fn resumes_after_any_record() {
    for file in [
        "{\"a\":1}\r\n{\"b\":2}\n\n{\"c\":3}",
        "[{\"a\":1},\n{\"b\":2} , {\"c\":3}]",
        "{\"Records\":[{\"a\":1},{\"b\":2},{\"c\":3}]}",
    ] {
        let all: Vec<_> = Records::open(file.as_bytes(), options()).unwrap().map(Result::unwrap).collect();
        assert_eq!(all.len(), 3);
        for (done, record) in all.iter().enumerate() {
            let options = RecordsOptions { resume_at: record.end, ..options() };
            let rest: Vec<_> = Records::open(file.as_bytes(), options).unwrap().map(Result::unwrap).collect();
            assert_eq!(rest, all[done + 1..], "{file}");
        }
    }
}

proptest! {
    #[test]
    fn values_come_back_from_every_form(values in prop::collection::vec("\\PC{0,20}", 1..8), space in "[ \n\t\r]{0,3}") {
        let records: Vec<String> = values.iter().map(|text| serde_json::json!({ "v": [text], text.clone(): 1 }).to_string()).collect();
        let array = format!("{space}[{space}{}{space}]{space}", records.join(&format!("{space},{space}")));
        let wrapped = format!("{space}{{{space}\"Records\"{space}:{array}}}{space}");
        for file in [records.join("\n"), array, wrapped] {
            prop_assert_eq!(&good(&file), &records, "{}", file);
        }
    }

    #[test]
    fn no_bytes_panic_or_run_forever(bytes in prop::collection::vec(prop::sample::select(b"[]{}\",:a1 \\\n\r\xff\x1f\x8b".to_vec()), 0..80)) {
        for form in [Form::Json, Form::Text] {
            let options = RecordsOptions { form, ..options() };
            let count = Records::open(&bytes[..], options).map_or(0, |records| records.take(1000).count());
            prop_assert!(count <= bytes.len());
        }
    }
}
