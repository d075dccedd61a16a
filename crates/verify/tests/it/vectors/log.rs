//! Vectors of a whole log: checkpoints, tlog-proofs, evidence, and its tiles as a server would serve them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indelible_merkle::{
    Checkpoint, SigningKey, TILE_WIDTH, TilePath, TlogProof, empty_root, encode_hash, level_len, root_at,
};
use indelible_verify::{Entry, Envelope, People, ProofBundle, ProofExtra, Step, commitment};
use serde_json::{Value, json};

use super::Files;
use crate::sample::{ORIGIN, SEED, SampleLog};

/// Entries in the log whose tiles are committed: two full tiles and a partial one.
const SIZE: u64 = 600;

/// The size of the older checkpoint, within a tile.
const OLDER: u64 = 300;

fn stranger() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[9; 32]).unwrap()
}

fn other_log() -> SigningKey {
    SigningKey::from_seed("example.com/other", &[8; 32]).unwrap()
}

/// The same 32 bytes in base64 that a sloppy reader also takes: the last digit has two bits that count for nothing.
fn stray_bits(hash: &str) -> String {
    let last = hash.as_bytes()[42];
    format!("{}{}=", &hash[..42], char::from(last + 1))
}

/// The signature lines of a note.
fn signatures(note: &str) -> &str {
    note.rsplit_once("\n\n").unwrap().1
}

pub(super) fn checkpoints() -> Value {
    let log = SampleLog::of_size(5);
    let note = log.checkpoint(5);
    let root = root_at(&log.tiles, 5).unwrap();
    let (vkey, other) = (log.vkey().to_string(), other_log().verifier().to_string());
    let text = format!("{ORIGIN}\n5\n{}\n", encode_hash(&root));
    let own = signatures(&note).to_owned();
    let by = |key: &SigningKey, text: &str| {
        let signature = [&key.verifier().id()[..], &key.sign(text.as_bytes())].concat();
        format!("\u{2014} {} {}\n", key.verifier().name(), STANDARD.encode(signature))
    };
    let signed = |text: &str| format!("{text}\n{}", by(&log.key, text));
    let witness = format!("\u{2014} witness.example/w1 {}\n", STANDARD.encode([5; 76]));
    let extended = signed(&format!("{text}an extension line\n"));
    let empty = signed(&format!("{ORIGIN}\n0\n{}\n", encode_hash(&empty_root())));
    let valid = |name: &str, note: &str, vkeys: &[&str]| {
        let text = format!("{}\n", note.rsplit_once("\n\n").unwrap().0);
        let checkpoint = Checkpoint::parse(&text).unwrap();
        json!({
            "name": name, "note": note, "vkeys": vkeys,
            "origin": checkpoint.origin(), "size": checkpoint.size().to_string(),
            "root": hex::encode(checkpoint.root()), "extensions": checkpoint.extensions(),
        })
    };
    let refused = |why: &str, note: &str| json!({"why": why, "note": note, "vkeys": [vkey]});
    let root_line = encode_hash(&root);
    let mut crowd = witness.repeat(100);
    crowd.insert_str(0, &own);
    json!({
        "about": "Signed checkpoints, c2sp.org/tlog-checkpoint and signed-note. `vkeys` are the keys that the \
                  verifier trusts. The seed is public: no real log may use it.",
        "seed": hex::encode(SEED),
        "signing_key": log.key.to_file_text(),
        "vkey": vkey,
        "valid": [
            valid("a checkpoint", &note, &[&vkey]),
            valid("several trusted keys", &note, &[&other, &vkey]),
            valid("the empty tree", &empty, &[&vkey]),
            valid("an extension line", &extended, &[&vkey]),
            valid("a witness that nobody knows", &format!("{note}{witness}"), &[&vkey]),
            valid("a witness before the log", &format!("{text}\n{witness}{own}"), &[&vkey]),
            valid("another key of the same name", &format!("{text}\n{}{own}", by(&stranger(), &text)), &[&vkey]),
            valid("a hundred signatures", &format!("{text}\n{own}{}", witness.repeat(99)), &[&vkey]),
            valid("the same signature twice", &format!("{note}{own}"), &[&vkey]),
        ],
        "refused": [
            refused("no signature", &text),
            refused("no signature line", &format!("{text}\n")),
            refused("only an unknown key", &format!("{text}\n{}", by(&stranger(), &text))),
            refused("only a witness", &format!("{text}\n{witness}")),
            refused("a signature over another text", &format!("{text}\n{}", by(&log.key, "other\n"))),
            refused("a good and a bad signature", &format!("{note}{}", by(&log.key, "other\n"))),
            refused("a size changed", &note.replace("\n5\n", "\n6\n")),
            refused("a root changed", &note.replace(&root_line, &encode_hash(&[1; 32]))),
            refused("no newline at the end", note.trim_end()),
            refused("a blank line at the end", &format!("{note}\n")),
            refused("a hyphen for the dash", &note.replace('\u{2014}', "-")),
            refused("a signature without padding", note.trim_end_matches(['=', '\n'])),
            refused("carriage returns", &note.replace('\n', "\r\n")),
            refused("a tab in a signature line", &format!("{note}\u{2014} a\tb {}\n", STANDARD.encode([1; 68]))),
            refused("a plus sign in a key name", &format!("{note}\u{2014} a+b {}\n", STANDARD.encode([1; 68]))),
            refused("a signature with nothing but an id", &format!("{note}\u{2014} a AAAAAA==\n")),
            refused("a hundred and one signatures", &format!("{text}\n{crowd}")),
            refused("a control character in the signed text", &signed(&format!("{text}a\tb\n"))),
            refused("a size with a leading zero", &signed(&text.replace("\n5\n", "\n05\n"))),
            refused("a size with a sign", &signed(&text.replace("\n5\n", "\n+5\n"))),
            refused("a size above 64 bits", &signed(&text.replace("\n5\n", "\n18446744073709551616\n"))),
            refused("an empty origin", &signed(&text.replace(ORIGIN, ""))),
            refused("the origin of another log", &signed(&text.replace(ORIGIN, "example.com/other"))),
            refused("a root of 31 bytes", &signed(&text.replace(&root_line, &STANDARD.encode([1; 31])))),
            refused("a root without padding", &signed(&text.replace(&root_line, root_line.trim_end_matches('=')))),
            refused("a root with stray bits in its last digit", &signed(&text.replace(&root_line, &stray_bits(&root_line)))),
            refused("an empty extension line", &signed(&format!("{text}\nx\n"))),
            refused("two lines", &signed(&format!("{ORIGIN}\n5\n"))),
            refused("a root for the empty tree that is not its own", &signed(&text.replace("\n5\n", "\n0\n"))),
        ],
    })
}

pub(super) fn tlog_proofs() -> Value {
    let log = SampleLog::of_size(20);
    let valid = |name: &str, proof: &TlogProof| {
        json!({
            "name": name, "text": proof.to_string(), "index": proof.index.to_string(),
            "extra": proof.extra.as_ref().map(hex::encode),
            "hashes": proof.hashes.iter().map(hex::encode).collect::<Vec<_>>(),
            "checkpoint": proof.checkpoint,
        })
    };
    let good = log.proof(13, 20);
    let text = good.to_string();
    let extra = text.lines().nth(1).unwrap().to_owned();
    let hash = text.lines().nth(3).unwrap().to_owned();
    let refused = |why: &str, text: &str| json!({"why": why, "text": text});
    json!({
        "about": "tlog-proof texts, c2sp.org/tlog-proof: what can and what cannot be read. Nothing is verified.",
        "valid": [
            valid("a proof", &good),
            valid("without extra data", &TlogProof { extra: None, ..good.clone() }),
            valid("the only entry", &log.proof(0, 1)),
            valid("the largest index", &TlogProof { index: u64::MAX, ..good.clone() }),
        ],
        "refused": [
            refused("empty", ""),
            refused("another version", &text.replace("@v1", "@v2")),
            refused("no index", &text.replace("index 13\n", "")),
            refused("an index with a leading zero", &text.replace("index 13", "index 013")),
            refused("an index with a sign", &text.replace("index 13", "index +13")),
            refused("an index above 64 bits", &text.replace("index 13", "index 18446744073709551616")),
            refused("extra data after the index", &text.replace(&format!("{extra}\nindex 13"), &format!("index 13\n{extra}"))),
            refused("extra data twice", &text.replace(&extra, &format!("{extra}\n{extra}"))),
            refused("empty extra data", &text.replace(&extra, "extra ")),
            refused("extra data that is not base64", &text.replace(&extra, "extra *")),
            refused("a hash of 30 bytes", &text.replace(&hash, &hash[4..])),
            refused("a hash with stray bits in its last digit", &text.replace(&hash, &stray_bits(&hash))),
            refused("a hash with a space after it", &text.replace(&hash, &format!("{hash} "))),
            refused("65 hashes", &text.replace(&hash, &[hash.as_str(); 65].join("\n"))),
            refused("no blank line before the checkpoint", &text.replacen("\n\n", "\n", 1)),
            refused("no checkpoint", text.split_once("\n\n").unwrap().0),
            refused("a checkpoint without signatures", text.rsplit_once("\n\n").unwrap().0),
            refused("no newline at the end", text.trim_end()),
            refused("carriage returns", &text.replace('\n', "\r\n")),
        ],
    })
}

pub(super) fn evidence() -> Value {
    let log = SampleLog::of_size(SIZE as usize);
    let vkey = log.vkey().to_string();
    let valid = |name: &str, bundle: &ProofBundle, body: Option<&[u8]>| json!({"name": name, "bundle": json(bundle), "body": body.map(|body| STANDARD.encode(body)), "vkeys": [vkey]});
    let refused = |why: &str, step: Step, bundle: &ProofBundle, body: Option<&[u8]>| {
        json!({
            "why": why, "step": step.as_str(), "bundle": json(bundle),
            "body": body.map(|body| STANDARD.encode(body)), "vkeys": [vkey],
        })
    };
    let whole =
        |index: u64, size: u64| (log.bundle(index, size), Some(log.stored[index as usize].body.as_slice()));
    let named = |name: &str, (bundle, body): (ProofBundle, Option<&[u8]>)| valid(name, &bundle, body);
    let (good, body) = whole(14, 20);
    let (other, other_body) = whole(11, 20);
    let erased = ProofBundle { opening: None, proof: without_opening(&good), ..good.clone() };
    let bad = refused_evidence(&log, &good, &other);
    let mut refusals = vec![
        refused("another body", Step::Commitment, &good, other_body),
        refused("an empty body", Step::Commitment, &good, Some(b"")),
        refused("a body for erased content", Step::Bundle, &erased, body),
    ];
    refusals.extend(bad.iter().map(|(why, step, bundle)| refused(why, *step, bundle, body)));
    let mut stranger_only = refused("a key that nobody trusts", Step::Checkpoint, &good, body);
    stranger_only["vkeys"] = json!([stranger().verifier().to_string(), other_log().verifier().to_string()]);
    refusals.push(stranger_only);
    json!({
        "about": "Proof bundles with the event's own bytes (base64, null where not given), docs/protocol/proof.md. \
                  `step` is the first step that fails.",
        "valid": [
            named("an event", whole(14, 20)),
            named("an imported event", whole(21, 256)),
            named("a chain-open entry, the only one of its log", whole(0, 1)),
            named("an entry of an unknown kind", whole(90, 257)),
            named("the newest entry", whole(599, 600)),
            named("across tiles", whole(255, 600)),
            valid("without the body: the entry alone is proven", &good, None),
            valid("erased content", &erased, None),
        ],
        "refused": refusals,
    })
}

/// Events with people in a log of its own: the other's leaves stay what they are.
pub(super) fn evidence_v2() -> Value {
    let log = SampleLog::with_people(300);
    let vkey = log.vkey().to_string();
    let case = |index: u64, bundle: &ProofBundle| json!({"bundle": json(bundle), "body": STANDARD.encode(&log.stored[index as usize].body), "vkeys": [vkey]});
    let valid = |name: &str, index: u64| {
        let mut value = case(index, &log.bundle(index, 300));
        value["name"] = name.into();
        value
    };
    let good = log.bundle(4, 20);
    let (salt, envelope) = good.opening.clone().unwrap();
    let refused = |why: &str, step: Step, envelope: Vec<u8>, committed: bool| {
        let mut entry = Entry::decode(&good.entry).unwrap();
        if committed {
            entry.commitment = commitment(&salt, &envelope, &log.stored[4].body);
        }
        let bundle =
            ProofBundle { entry: entry.encode().to_vec(), opening: Some((salt, envelope)), ..good.clone() };
        let mut value = case(4, &bundle);
        (value["why"], value["step"]) = (why.into(), step.as_str().into());
        value
    };
    let mut without = Envelope::decode(&envelope).unwrap();
    without.people = People::default();
    let mut another = envelope.clone();
    another[envelope.len() - 5] ^= 1;
    let nobody = [&[2], &without.encode().unwrap()[1..], &[0, 0]].concat();
    json!({
        "about": "As evidence.json, with envelopes of version 2.",
        "valid": [
            valid("an event with an actor and two targets", 4),
            valid("an event with an actor", 18),
            valid("an event with nobody, in version 1", 5),
        ],
        "refused": [
            refused("the people taken away", Step::Commitment, without.encode().unwrap(), false),
            refused("another user", Step::Commitment, another, false),
            refused("nobody, and committed to", Step::Envelope, nobody, true),
            refused("a cut envelope, and committed to", Step::Envelope, envelope[..envelope.len() - 1].to_vec(), true),
        ],
    })
}

fn json(bundle: &ProofBundle) -> Value {
    serde_json::from_str(&bundle.to_json()).unwrap()
}

fn without_opening(bundle: &ProofBundle) -> String {
    let extra = ProofExtra { entry: bundle.entry.clone(), opening: None }.encode().unwrap();
    let proof: TlogProof = bundle.proof.parse().unwrap();
    TlogProof { extra: Some(extra), ..proof }.to_string()
}

fn refused_evidence(
    log: &SampleLog,
    good: &ProofBundle,
    other: &ProofBundle,
) -> Vec<(&'static str, Step, ProofBundle)> {
    let bundle = || good.clone();
    let proof: TlogProof = good.proof.parse().unwrap();
    let with_proof = |proof: TlogProof| ProofBundle { proof: proof.to_string(), ..bundle() };
    let with_entry = |change: &dyn Fn(&mut Entry)| {
        let mut entry = Entry::decode(&good.entry).unwrap();
        change(&mut entry);
        ProofBundle { entry: entry.encode().to_vec(), ..bundle() }
    };
    let (salt, envelope) = good.opening.clone().unwrap();
    let mut bent = proof.hashes.clone();
    bent[1][0] ^= 1;
    let malformed = [&envelope[..], &[0]].concat();
    let committed = commitment(&salt, &malformed, &log.stored[14].body);
    let fork = Checkpoint::new(ORIGIN, 20, *log.proof(3, 20).hashes.last().unwrap()).unwrap();
    vec![
        (
            "the opening of another event",
            Step::Commitment,
            ProofBundle { opening: other.opening.clone(), ..bundle() },
        ),
        (
            "the entry of another event",
            Step::Commitment,
            ProofBundle { entry: other.entry.clone(), ..bundle() },
        ),
        (
            "the proof of another event",
            Step::Inclusion,
            ProofBundle { proof: other.proof.clone(), ..bundle() },
        ),
        (
            "an entry of version 2",
            Step::Entry,
            ProofBundle { entry: [&[2], &good.entry[1..]].concat(), ..bundle() },
        ),
        ("an entry that is cut", Step::Entry, ProofBundle { entry: good.entry[..98].to_vec(), ..bundle() }),
        ("an entry of another chain", Step::Inclusion, with_entry(&|entry| entry.chain_id.0[0] ^= 1)),
        ("an entry with another time", Step::Inclusion, with_entry(&|entry| entry.received_at_us += 1)),
        (
            "an envelope that is committed to and malformed",
            Step::Envelope,
            ProofBundle {
                opening: Some((salt, malformed)),
                ..with_entry(&|entry| entry.commitment = committed)
            },
        ),
        (
            "a proof with a bit flipped",
            Step::Inclusion,
            with_proof(TlogProof { hashes: bent, ..proof.clone() }),
        ),
        (
            "a proof with a hash too few",
            Step::Inclusion,
            with_proof(TlogProof { hashes: proof.hashes[1..].to_vec(), ..proof.clone() }),
        ),
        (
            "the checkpoint of another size",
            Step::Inclusion,
            with_proof(TlogProof { checkpoint: log.checkpoint(21), ..proof.clone() }),
        ),
        (
            "a checkpoint that the log signed for another tree",
            Step::Inclusion,
            with_proof(TlogProof { checkpoint: fork.sign(&log.key).unwrap(), ..proof.clone() }),
        ),
        (
            "a checkpoint signed by a stranger",
            Step::Checkpoint,
            with_proof(TlogProof {
                checkpoint: Checkpoint::new(ORIGIN, 20, root_at(&log.tiles, 20).unwrap())
                    .unwrap()
                    .sign(&stranger())
                    .unwrap(),
                ..proof.clone()
            }),
        ),
        (
            "the signature of another checkpoint",
            Step::Checkpoint,
            with_proof(TlogProof {
                checkpoint: proof
                    .checkpoint
                    .replace(signatures(&proof.checkpoint), signatures(&log.checkpoint(21))),
                ..proof.clone()
            }),
        ),
        (
            "a proof text that cannot be read",
            Step::Bundle,
            ProofBundle { proof: good.proof.replace("index", "place"), ..bundle() },
        ),
        ("another index beside the proof", Step::Bundle, ProofBundle { index: 13, ..bundle() }),
        (
            "another tenant_seq beside the proof",
            Step::Bundle,
            ProofBundle { tenant_seq: good.tenant_seq + 1, ..bundle() },
        ),
    ]
}

pub(super) fn summary() -> Value {
    let log = SampleLog::of_size(SIZE as usize);
    let fork = Checkpoint::new(ORIGIN, OLDER, root_at(&log.tiles, OLDER - 1).unwrap()).unwrap();
    let other_name = other_log().verifier().name().to_owned();
    let other = Checkpoint::new(other_name, OLDER, root_at(&log.tiles, OLDER).unwrap()).unwrap();
    let mut chains: Vec<_> = log.chains.iter().collect();
    chains.sort_by_key(|(id, _)| **id);
    let chain = |(id, end): &(&indelible_verify::ChainId, &indelible_verify::Chain)| json!({"chain_id": hex::encode(id.0), "entries": end.next_seq, "head": hex::encode(end.head)});
    json!({
        "about": "What log/ holds: a log of 600 entries as served at /checkpoint and /tile/..., an older checkpoint, \
                  one of the older's size that the same key signed over another tree (fork), and one that another \
                  log signed over the older's tree (other).",
        "vkey": log.vkey().to_string(),
        "size": SIZE,
        "root": hex::encode(log.tree.root()),
        "chains": chains.iter().map(chain).collect::<Vec<_>>(),
        "older": log.checkpoint(OLDER),
        "other_vkey": other_log().verifier().to_string(),
        "other": other.sign(&other_log()).unwrap(),
        "fork": fork.sign(&log.key).unwrap(),
    })
}

pub(super) fn tiles() -> Files {
    let log = SampleLog::of_size(SIZE as usize);
    let mut files = Files::new();
    files.insert("log/checkpoint".into(), log.checkpoint(SIZE).into_bytes());
    for level in 0..2 {
        for (n, hashes) in log.tiles.level(level).chunks(TILE_WIDTH).enumerate() {
            let path = TilePath::hashes(level, n as u64, hashes.len() as u16).unwrap();
            assert!(path.is_in(SIZE));
            files.insert(format!("log/{path}"), hashes.concat());
        }
        assert_eq!(log.tiles.level(level).len() as u64, level_len(level, SIZE));
    }
    for (n, stored) in log.stored.chunks(TILE_WIDTH).enumerate() {
        let bundle =
            stored.iter().flat_map(|stored| [&[0, 99][..], &stored.entry.encode()].concat()).collect();
        files.insert(format!("log/{}", TilePath::entries(n as u64, stored.len() as u16).unwrap()), bundle);
    }
    files
}
