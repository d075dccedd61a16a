//! Reads every committed vector back and checks it through the public API alone.

use std::str::FromStr as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indelible_event::TimeSource;
use indelible_merkle::{
    Checkpoint, Hash, MapKey, MapProof, PathEnd, SigningKey, TilePath, TlogProof, Tree, VerifierKey,
    leaf_hash, verify_consistency, verify_inclusion,
};
use indelible_verify::{
    Chains, Entry, Envelope, Error, ProofBundle, Salt, Step, commitment, verify_checkpoints,
};
use serde_json::{Value, json};

use super::{directory, read};

fn each(file: &Value, list: &str, mut check: impl FnMut(&Value)) {
    let cases = file[list].as_array().unwrap();
    assert!(!cases.is_empty(), "{list}");
    cases.iter().for_each(&mut check);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value)).unwrap()
}

fn hash(value: &Value) -> Hash {
    bytes(value).try_into().unwrap()
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

fn number(value: &Value) -> u64 {
    text(value).parse().unwrap()
}

fn keys(case: &Value) -> Vec<VerifierKey> {
    case["vkeys"].as_array().unwrap().iter().map(|key| text(key).parse().unwrap()).collect()
}

#[test]
fn entries() {
    let file = read("entries.json");
    each(&file, "valid", |case| {
        let entry = Entry::decode(&bytes(&case["bytes"])).unwrap();
        assert_eq!(u64::from(entry.kind.0), case["kind"].as_u64().unwrap());
        assert_eq!(entry.chain_id.to_string(), text(&case["chain_id"]));
        assert_eq!(entry.tenant_seq, number(&case["tenant_seq"]));
        assert_eq!(entry.received_at_us, number(&case["received_at_us"]));
        assert_eq!((entry.prev, entry.commitment), (hash(&case["prev"]), hash(&case["commitment"])));
        assert_eq!(entry.leaf_hash(), hash(&case["leaf_hash"]));
        assert_eq!(entry.encode()[..], bytes(&case["bytes"])[..]);
    });
    each(&file, "refused", |case| assert!(Entry::decode(&bytes(&case["bytes"])).is_err(), "{case}"));
}

#[test]
fn envelopes() {
    for (name, version) in [("envelopes.json", 1), ("envelopes_v2.json", 2)] {
        let file = read(name);
        each(&file, "valid", |case| {
            let bytes = bytes(&case["bytes"]);
            assert_eq!(bytes[0], version, "{name}");
            assert_envelope(case, &Envelope::decode(&bytes).unwrap());
        });
        each(&file, "refused", |case| assert!(Envelope::decode(&bytes(&case["bytes"])).is_err(), "{case}"));
    }
}

fn assert_envelope(case: &Value, envelope: &Envelope) {
    let number = |field: &str| case[field].as_u64().unwrap();
    assert_eq!(envelope.event_time_us.to_string(), text(&case["event_time_us"]));
    assert_eq!(u64::from(envelope.time_source == TimeSource::Event), number("time_source"));
    assert_eq!(u64::from(envelope.protocol.0), number("protocol"));
    assert_eq!(u64::from(envelope.rule_version), number("rule_version"));
    assert_eq!(u64::from(envelope.mapping_version), number("mapping_version"));
    assert_eq!(envelope.tenant_number.to_string(), text(&case["tenant_number"]));
    assert_eq!(envelope.key_id[..], bytes(&case["key_id"])[..]);
    assert_eq!(envelope.event_id, text(&case["event_id"]));
    assert_eq!(envelope.tenant_name, text(&case["tenant_name"]));
    assert_eq!(envelope.media_type, text(&case["media_type"]));
    assert_eq!(envelope.mapping_name, text(&case["mapping_name"]));
    let nobody = Vec::new();
    let people = case.get("people").map_or(&nobody, |people| people.as_array().unwrap());
    assert_eq!(envelope.people.len(), people.len());
    for (person, case) in envelope.people.iter().zip(people) {
        assert_eq!(person.place.to_string(), text(&case["place"]));
        assert_eq!(person.user.to_string(), text(&case["user"]));
        for (names, case) in [(&person.groups, &case["groups"]), (&person.roles, &case["roles"])] {
            assert_eq!(json!(names.as_deref()), *case);
        }
    }
    assert_eq!(envelope.encode().unwrap(), bytes(&case["bytes"]));
}

#[test]
fn commitments() {
    each(&read("commitments.json"), "valid", |case| {
        let salt = Salt(bytes(&case["salt"]).try_into().unwrap());
        let got = commitment(&salt, &bytes(&case["envelope"]), &bytes(&case["body"]));
        assert_eq!(got, hash(&case["commitment"]), "{case}");
    });
}

#[test]
fn chains() {
    let first_refused = |case: &Value| {
        let mut chains = Chains::default();
        let entries = case["entries"].as_array().unwrap();
        entries.iter().position(|entry| {
            let bytes = bytes(entry);
            chains.accept(&Entry::decode(&bytes).unwrap(), leaf_hash(&bytes)).is_err()
        })
    };
    let file = read("chains.json");
    each(&file, "valid", |case| assert_eq!(first_refused(case), None, "{case}"));
    each(&file, "refused", |case| {
        assert_eq!(first_refused(case), case["at"].as_u64().map(|at| at as usize), "{}", case["why"]);
    });
}

#[test]
fn trees() {
    let mut tree = Tree::new();
    each(&read("trees.json"), "valid", |case| {
        while tree.size() < case["size"].as_u64().unwrap() {
            tree.append(leaf_hash(&tree.size().to_be_bytes()), |_, _, _| ());
        }
        assert_eq!(tree.root(), hash(&case["root"]), "{case}");
    });
}

#[test]
fn inclusion() {
    let holds = |case: &Value| {
        let (index, size) = (number(&case["index"]), number(&case["size"]));
        verify_inclusion(&hash(&case["leaf"]), index, size, &hashes(&case["proof"]), &hash(&case["root"]))
            .is_ok()
    };
    let file = read("inclusion.json");
    each(&file, "valid", |case| assert!(holds(case), "{case}"));
    each(&file, "refused", |case| assert!(!holds(case), "{case}"));
}

#[test]
fn consistency() {
    let holds = |case: &Value| {
        let (from, to) = (number(&case["from"]), number(&case["to"]));
        let (older, newer) = (hash(&case["from_root"]), hash(&case["to_root"]));
        verify_consistency(from, to, &hashes(&case["proof"]), &older, &newer).is_ok()
    };
    let file = read("consistency.json");
    each(&file, "valid", |case| assert!(holds(case), "{case}"));
    each(&file, "refused", |case| assert!(!holds(case), "{case}"));
}

#[test]
fn tile_paths() {
    let file = read("tile_paths.json");
    each(&file, "valid", |case| {
        let path = TilePath::from_str(text(&case["path"])).unwrap();
        assert_eq!(path.level().map(u64::from), case["level"].as_u64());
        assert_eq!(path.index(), number(&case["index"]));
        assert_eq!(u64::from(path.width()), case["width"].as_u64().unwrap());
    });
    each(&file, "refused", |case| assert!(TilePath::from_str(text(case)).is_err(), "{case}"));
}

#[test]
fn checkpoints() {
    let file = read("checkpoints.json");
    let key = SigningKey::from_file_text(text(&file["signing_key"])).unwrap();
    assert_eq!(key.verifier().to_string(), text(&file["vkey"]));
    each(&file, "valid", |case| {
        let checkpoint = Checkpoint::open(text(&case["note"]), &keys(case)).unwrap();
        assert_eq!(checkpoint.origin(), text(&case["origin"]));
        assert_eq!(checkpoint.size(), number(&case["size"]));
        assert_eq!(*checkpoint.root(), hash(&case["root"]));
        assert_eq!(checkpoint.extensions().len(), case["extensions"].as_array().unwrap().len());
    });
    each(&file, "refused", |case| {
        assert!(Checkpoint::open(text(&case["note"]), &keys(case)).is_err(), "{}", case["why"]);
    });
}

#[test]
fn tlog_proofs() {
    let file = read("tlog_proofs.json");
    each(&file, "valid", |case| {
        let proof: TlogProof = text(&case["text"]).parse().unwrap();
        assert_eq!(proof.index, number(&case["index"]));
        assert_eq!(proof.extra.map(hex::encode).as_deref(), case["extra"].as_str());
        assert_eq!(proof.hashes, hashes(&case["hashes"]));
        assert_eq!(proof.checkpoint, text(&case["checkpoint"]));
    });
    each(&file, "refused", |case| {
        assert!(text(&case["text"]).parse::<TlogProof>().is_err(), "{}", case["why"])
    });
}

#[test]
fn evidence() {
    let verdict = |case: &Value| {
        let body = case["body"].as_str().map(|body| STANDARD.decode(body).unwrap());
        ProofBundle::from_json(&case["bundle"].to_string())?.verify(body.as_deref(), &keys(case))
    };
    for file in ["evidence.json", "evidence_v2.json"].map(read) {
        each(&file, "valid", |case| {
            let verdict = verdict(case).unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
            assert_eq!(verdict.envelope.is_some(), case["body"].is_string());
        });
        each(&file, "refused", |case| {
            let step = verdict(case).as_ref().map_err(Error::step).unwrap_err();
            assert_eq!(step.as_str(), text(&case["step"]), "{}", case["why"]);
        });
    }
}

#[test]
fn the_served_log() {
    let file = read("log.json");
    let serve = |path: TilePath| std::fs::read(directory().join("log").join(path.to_string())).unwrap();
    let keys = [text(&file["vkey"]).parse().unwrap()];
    let note = std::fs::read_to_string(directory().join("log/checkpoint")).unwrap();
    let checkpoint = Checkpoint::open(&note, &keys).unwrap();
    assert_eq!(*checkpoint.root(), hash(&file["root"]));
    let older = Checkpoint::open(text(&file["older"]), &keys).unwrap();
    let fork = Checkpoint::open(text(&file["fork"]), &keys).unwrap();
    assert_eq!(older.size(), fork.size());
    let other_keys = [keys[0].clone(), text(&file["other_vkey"]).parse().unwrap()];
    let of_two_logs = verify_checkpoints(text(&file["other"]), text(&file["older"]), &[], &other_keys);
    assert_eq!(of_two_logs.unwrap_err().step(), Step::Consistency);

    let (mut tree, mut chains, mut level_one) = (Tree::new(), Chains::default(), Vec::new());
    while tree.size() < checkpoint.size() {
        let width = (checkpoint.size() - tree.size()).min(256) as u16;
        let bundle = serve(TilePath::entries(tree.size() / 256, width).unwrap());
        let tile = serve(TilePath::hashes(0, tree.size() / 256, width).unwrap());
        assert_eq!((bundle.len(), tile.len()), (usize::from(width) * 101, usize::from(width) * 32));
        for (entry, leaf) in bundle.chunks(101).zip(tile.chunks(32)) {
            let entry = Entry::decode(entry.strip_prefix(&[0, 99]).unwrap()).unwrap();
            assert_eq!(entry.leaf_hash(), leaf);
            chains.accept(&entry, entry.leaf_hash()).unwrap();
            tree.append(entry.leaf_hash(), |level, _, hash| {
                if level == 1 {
                    level_one.extend(hash);
                }
            });
            if tree.size() == older.size() {
                assert_eq!(tree.root(), *older.root());
                assert_ne!(tree.root(), *fork.root());
            }
        }
    }
    assert_eq!(tree.root(), *checkpoint.root());
    assert_eq!(serve(TilePath::hashes(1, 0, 2).unwrap()), level_one);
    assert_eq!(chains.len(), file["chains"].as_array().unwrap().len());
    each(&file, "chains", |chain| {
        let end = chains.iter().find(|(id, _)| id.to_string() == text(&chain["chain_id"])).unwrap().1;
        assert_eq!((end.next_seq, end.head), (chain["entries"].as_u64().unwrap(), hash(&chain["head"])));
    });
}

#[test]
fn maps() {
    let file = read("maps.json");
    let verify = |case: &Value| {
        let key = |value: &Value| -> MapKey { bytes(value).try_into().unwrap() };
        let end = &case["end"];
        let end = match (&end["other"], &end["value"]) {
            (Value::Null, Value::Null) => PathEnd::Empty,
            (Value::Null, value) => PathEnd::Value(hash(value)),
            (other, value) => PathEnd::Other(key(other), hash(value)),
        };
        MapProof { end, siblings: hashes(&case["siblings"]) }.verify(&hash(&case["root"]), &key(&case["key"]))
    };
    each(&file, "valid", |case| {
        let value = case["value"].as_str().map(|_| hash(&case["value"]));
        assert_eq!(verify(case), Ok(value), "{case}");
    });
    each(&file, "refused", |case| assert!(verify(case).is_err(), "{case}"));
}
