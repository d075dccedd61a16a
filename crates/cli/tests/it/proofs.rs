//! Proofs, checked by programs that share no line with ours: tlog_tiles, signed_note, and the Python verifier.

use std::{fs, path::Path, process::Command};

use base64::{Engine, engine::general_purpose::STANDARD};
use indelible_merkle::VerifierKey;
use indelible_verify::ProofBundle;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tlog_tiles::tlog::{self, Hash};

use crate::support::{Api, Installation, Log, Server, numbered, project_file, python, their_checkpoint};

/// More than two full tiles, so that there is a level above.
const EVENTS: u64 = 600;

fn server() -> (Installation, Server, Api) {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    admin.tenant("other");
    let batch =
        |tenant: &str, range: std::ops::Range<u64>| Value::from_iter(range.map(|n| numbered(tenant, n)));
    for from in (0..EVENTS).step_by(100) {
        admin.send(&batch("acme", from..from + 100)).expect(201);
        admin.send(&batch("other", from / 10..from / 10 + 10)).expect(201);
    }
    admin.found("", EVENTS + EVENTS / 10);
    (installation, server, admin)
}

fn decode(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

/// A tlog-proof, read by the letter of its specification.
struct Read {
    extra: Vec<u8>,
    index: u64,
    hashes: Vec<Hash>,
    checkpoint: String,
}

fn read_tlog_proof(text: &str) -> Read {
    let (head, checkpoint) = text.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
    let extra = decode(lines.next().unwrap().strip_prefix("extra ").unwrap());
    let index = lines.next().unwrap().strip_prefix("index ").unwrap().parse().unwrap();
    let hashes = lines.map(|line| Hash(decode(line).try_into().unwrap())).collect();
    Read { extra, index, hashes, checkpoint: checkpoint.to_owned() }
}

#[test]
fn an_events_proof_holds_for_tlog_tiles_and_signed_note() {
    let (_installation, server, admin) = server();
    let vkey = admin.read("/v1/ledger")["vkey"].as_str().unwrap().to_owned();
    let reader = admin.key(&["audit.read"], &["acme"]);
    for id in ["e0", "e255", "e256", "e599"] {
        let answer = server
            .with_key(reader.key.as_deref().unwrap())
            .get(&format!("/v1/events/{id}/proof"))
            .expect(200);
        assert!(answer.header("content-type").starts_with("text/plain"), "{id}");
        let proof = read_tlog_proof(&answer.text());
        let (size, root) = their_checkpoint(&proof.checkpoint, &vkey);
        // The extra line: version, the entry with its length, the salt, the envelope.
        assert_eq!(proof.extra[0], 1);
        let entry_len = usize::from(u16::from_be_bytes([proof.extra[1], proof.extra[2]]));
        let (entry, rest) = proof.extra[3..].split_at(entry_len);
        let (salt, envelope) = rest.split_at(16);
        tlog::check_record(&proof.hashes, size, root, proof.index, tlog::record_hash(entry)).unwrap();
        // And the entry commits to the bytes that were sent.
        let body = reader.get(&format!("/v1/events/{id}/original")).expect(200).body;
        let mut hash = Sha256::new();
        for part in [
            b"indelible/commitment/v1\0",
            salt,
            &(envelope.len() as u64).to_be_bytes(),
            envelope,
            &(body.len() as u64).to_be_bytes(),
            &body,
        ] {
            hash.update(part);
        }
        assert_eq!(&entry[entry.len() - 32..], hash.finalize().as_slice(), "{id}");
        let wrong = tlog::check_record(&proof.hashes, size, root, proof.index + 1, tlog::record_hash(entry));
        assert!(wrong.is_err(), "{id}: a proof for one place must not hold for another");
    }
}

#[test]
fn the_bundle_holds_for_our_own_verifier_and_for_nothing_changed() {
    let (_installation, _server, admin) = server();
    let vkey: VerifierKey = admin.read("/v1/ledger")["vkey"].as_str().unwrap().parse().unwrap();
    let accept = [("Accept", "application/json")];
    let text = admin.request("GET", "/v1/events/e7/proof?tenant=acme", &accept, b"").expect(200).text();
    let body = admin.get("/v1/events/e7/original?tenant=acme").expect(200).body;
    let bundle = ProofBundle::from_json(&text).unwrap();
    let verdict = bundle.verify(Some(&body), std::slice::from_ref(&vkey)).unwrap();
    assert_eq!(verdict.entry.tenant_seq, 8, "the chain's opening is 0");
    let mut other = body.clone();
    other[20] ^= 1;
    assert!(bundle.verify(Some(&other), std::slice::from_ref(&vkey)).is_err());
    let (name, rest) = text.split_once("\"tenant_seq\":").unwrap();
    let forged = format!("{name}\"tenant_seq\":1{rest}");
    assert!(ProofBundle::from_json(&forged).unwrap().verify(Some(&body), &[vkey]).is_err());
}

#[test]
fn every_entry_and_tile_gives_the_signed_root_and_chains_have_no_gaps() {
    let (_installation, _server, admin) = server();
    let log = Log::new(&admin);
    let (_, size, root) = log.checkpoint();
    let entries = log.entries();
    assert_eq!(entries.len() as u64, size);
    assert_eq!(log.root_at(size, (size, root)), root, "tiles of every level");
    let mut chains = indelible_verify::Chains::default();
    for entry in &entries {
        let leaf = indelible_merkle::leaf_hash(entry);
        chains.accept(&indelible_verify::Entry::decode(entry).unwrap(), leaf).unwrap();
    }
    let mut lengths: Vec<_> = chains.iter().map(|(_, chain)| chain.next_seq).collect();
    lengths.sort_unstable();
    // Besides acme's and other's with their openings: the installation's own.
    assert_eq!(lengths[1..], [EVENTS / 10 + 1, EVENTS + 1]);
    for path in
        ["/tile/0/003.p/200", "/tile/0/999", "/tile/9/000", "/tile/0/000.p/0", "/tile/0/0", "/tile/entries/x"]
    {
        admin.get(path).refused(404, "not_found");
    }
}

#[test]
fn every_older_checkpoint_is_a_prefix_of_the_newest() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    let mut notes = Vec::new();
    for n in 0..300 {
        let answer = admin.send(&numbered("acme", n)).expect(201).json();
        notes.push(answer["checkpoint"].as_str().unwrap().to_owned());
    }
    let log = Log::new(&admin);
    let (_, size, root) = log.checkpoint();
    for note in notes.iter().step_by(23).chain(notes.last()) {
        let (older, older_root) = their_checkpoint(note, &log.vkey);
        let path = format!("/v1/ledger/consistency?from={older}&to={size}");
        let proof = admin.read(&path);
        let hashes: Vec<_> = proof["hashes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hash| Hash(decode(hash.as_str().unwrap()).try_into().unwrap()))
            .collect();
        tlog::check_tree(&hashes, size, root, older, older_root).unwrap();
        assert_eq!(log.root_at(older, (size, root)), older_root);
    }
    for query in ["", "from=x", "from=1&to=999999", "from=9&to=3"] {
        admin.get(&format!("/v1/ledger/consistency?{query}")).refused(400, "invalid_filter");
    }
}

/// Runs the independent Python verifier; returns its exit code and words.
fn python_verifier(arguments: &[&str], api: &Api) -> (Option<i32>, String) {
    let output = Command::new(python())
        .arg(project_file("tools/verify.py"))
        .args(arguments)
        .env("INDELIBLE_KEY", api.key.as_deref().unwrap())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn the_python_verifier_agrees_about_a_whole_server_and_one_event() {
    let (installation, server, admin) = server();
    let ledger = admin.read("/v1/ledger");
    let vkey = ledger["vkey"].as_str().unwrap();
    let saved = installation.path("checkpoint");
    let saved = saved.to_str().unwrap();
    let (code, words) =
        python_verifier(&["log", "--url", &server.url, "--vkey", vkey, "--save", saved], &admin);
    assert_eq!(code, Some(0), "{words}");
    let report: Value = serde_json::from_str(&words).unwrap();
    assert_eq!((&report["size"], report["chains"].as_object().unwrap().len()), (&ledger["size"], 3));

    admin.send(&numbered("acme", 1000)).expect(201);
    let (code, words) =
        python_verifier(&["consistency", "--url", &server.url, "--vkey", vkey, "--old", saved], &admin);
    assert_eq!(code, Some(0), "{words}");

    let accept = [("Accept", "application/json")];
    let (proof, body) = (installation.path("proof.json"), installation.path("body"));
    fs::write(&proof, admin.request("GET", "/v1/events/e7/proof?tenant=acme", &accept, b"").expect(200).body)
        .unwrap();
    fs::write(&body, admin.get("/v1/events/e7/original?tenant=acme").expect(200).body).unwrap();
    let check = |body: &Path| {
        let (proof, body) = (proof.to_str().unwrap(), body.to_str().unwrap());
        python_verifier(&["proof", proof, "--vkey", vkey, "--body", body], &admin)
    };
    let (code, words) = check(&body);
    assert_eq!(code, Some(0), "{words}");
    let forged = installation.path("forged");
    fs::write(&forged, fs::read_to_string(&body).unwrap().replace("user.update", "user.delete")).unwrap();
    let (code, words) = check(&forged);
    assert_eq!(code, Some(1), "{words}");
    // Another log's key.
    let stranger = Installation::new();
    let strangers_key = stranger.start().admin().read("/v1/ledger")["vkey"].as_str().unwrap().to_owned();
    let (code, words) = python_verifier(&["log", "--url", &server.url, "--vkey", &strangers_key], &admin);
    assert_eq!(code, Some(1), "{words}");
}

#[test]
fn an_outsider_verifies_a_running_server_from_the_command_line() {
    let (installation, server, admin) = server();
    let vkey = installation.path("log.vkey");
    fs::write(&vkey, admin.read("/v1/ledger")["vkey"].as_str().unwrap()).unwrap();
    let saved = installation.path("checkpoint");
    let (vkey, saved) = (vkey.to_str().unwrap(), saved.to_str().unwrap());
    let output = server.run(
        &installation,
        &["verify", "--url", &server.url, "--vkey-file", vkey, "--save", saved, "--json"],
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["size"], &report["chains"]), (&admin.read("/v1/ledger")["size"], &json!(3)));
    admin.send(&numbered("acme", 1000)).expect(201);
    server.run(&installation, &["verify", "--url", &server.url, "--vkey-file", vkey, "--since", saved]);

    // A checkpoint of another history.
    let stranger = Installation::new();
    let other = stranger.start();
    let forked = installation.path("forked");
    fs::write(&forked, other.admin().get("/checkpoint").expect(200).body).unwrap();
    let arguments =
        ["verify", "--url", &server.url, "--vkey-file", vkey, "--since", forked.to_str().unwrap()];
    let output = server.command(&installation, &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let output = server
        .command(&installation, &["verify", "--url", "http://127.0.0.1:9", "--vkey-file", vkey])
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(3),
        "no answer is not a verdict: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
