//! Events and files to test with.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

/// A plain event of a tenant.
pub(crate) fn event(tenant: &str, action: &str) -> Value {
    json!({
        "tenant": tenant,
        "actor": {"type": "user", "id": "1041", "username": "ada"},
        "action": action,
        "targets": [{"type": "user", "id": "100", "name": "Grace Hopper"}],
    })
}

/// The event number `n` of a tenant, with the id `e<n>` and a time that grows with it.
pub(crate) fn numbered(tenant: &str, n: u64) -> Value {
    let mut event = event(tenant, "user.update");
    event["id"] = format!("e{n}").into();
    event["time"] = format!("2026-03-01T{:02}:{:02}:{:02}Z", n / 3600, n / 60 % 60, n % 60).into();
    event
}

/// The ids of a page's events, in its order.
pub(crate) fn ids(page: &Value) -> Vec<String> {
    texts(&page["data"], "id")
}

/// The same without the events of the server's own.
pub(crate) fn sent_ids(page: &Value) -> Vec<String> {
    let mut page = page.clone();
    page["data"].as_array_mut().unwrap().retain(|event| event["source"]["application"] != "indelible");
    ids(&page)
}

/// A member of each item of a list, in its order.
pub(crate) fn texts(list: &Value, member: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// A file of the project.
pub(crate) fn project_file(path: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    file.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The Python that has `tools/requirements.txt`: that of `make test`, else the system's. An absolute path, since a test
/// may put its own `python3` before it.
pub(crate) fn python() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/venv/bin/python");
    if own.exists() {
        return own;
    }
    let directories = env::var_os("PATH").unwrap_or_default();
    let mut found = env::split_paths(&directories)
        .map(|directory| directory.join("python3"))
        .filter(|file| file.is_file());
    found.next().expect("the tests need Python 3")
}
