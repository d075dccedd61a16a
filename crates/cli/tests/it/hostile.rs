//! The hostile set: malformed and malicious requests, each with the one answer that it must get.

use std::process::Command;

use crate::support::{Installation, project_file, python};

#[test]
fn every_hostile_request_gets_the_answer_that_it_must_get() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    admin.tenant("other");
    let key = admin.key(&["events.send", "audit.read"], &["acme"]);
    let output = Command::new(python())
        .arg(project_file("tools/hostile.py"))
        .args([&server.url, key.key.as_deref().unwrap(), "--verbose"])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let last = words.lines().last().unwrap_or_default();
    assert_eq!(output.status.code(), Some(0), "{words}");
    assert!(last.contains(" passed, 0 failed") && !last.starts_with("0 "), "{words}");

    // What was taken is found, reads back, and has its commitment; nothing went elsewhere.
    let other = admin.key(&["audit.read"], &["other"]);
    other.found("", 0);
    let mut after = String::new();
    let mut read = 0;
    loop {
        let page = key.read(&format!("/v1/events?limit=100{after}"));
        for event in page["data"].as_array().unwrap() {
            let id = event["id"].as_str().unwrap();
            let path = format!(
                "/v1/events/{}/original",
                id.replace('%', "%25").replace('?', "%3F").replace('#', "%23")
            );
            assert_eq!(key.get(&path).status, 200, "{id}");
            read += 1;
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert!(read > 50, "{read} events were taken");
    server.stop();
    let verdict = installation.verify();
    assert_eq!(verdict.code, Some(0), "{}", verdict.stderr);
}
