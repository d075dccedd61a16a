//! The worked examples in `docs/protocol` are true: every value in them is computed here and looked for there.

use indelible_merkle::{empty_root, leaf_hash, node_hash};
use indelible_verify::Entry;

use crate::sample::SampleLog;

/// A document's text without any white space, so that wrapped hex is found.
fn document(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol").join(name);
    std::fs::read_to_string(path).unwrap().split_whitespace().collect()
}

fn assert_shows(name: &str, values: &[String]) {
    let text = document(name);
    for value in values {
        let value: String = value.split_whitespace().collect();
        assert!(text.contains(&value), "{name} does not show {value}");
    }
}

/// The fields of fixed bytes, as the documents break them up.
fn cut(bytes: &[u8], widths: &[usize]) -> Vec<String> {
    let mut rest = bytes;
    let mut fields = Vec::new();
    for width in widths {
        let (field, after) = rest.split_at(*width);
        fields.push(hex::encode(field));
        rest = after;
    }
    assert!(rest.is_empty());
    fields
}

#[test]
fn examples_are_true() {
    let log = SampleLog::of_size(20);
    let stored = &log.stored[14];
    let entry = stored.entry.encode();
    let leaf = hex::encode(leaf_hash(&entry));
    let commitment = hex::encode(stored.entry.commitment);

    let fields = cut(&entry, &[1, 1, 1, 16, 8, 8, 32, 32]).concat();
    let shown = document("entry.md");
    let example = shown.split("Example").nth(1).unwrap();
    let mut at = 0;
    for field in cut(&entry, &[1, 1, 1, 16, 8, 8, 32, 32]) {
        at += example[at..].find(&field).unwrap_or_else(|| panic!("entry.md does not show {field}"))
            + field.len();
    }
    assert_eq!(Entry::decode(&hex::decode(fields).unwrap()), Ok(stored.entry.clone()));
    assert_shows("entry.md", &[leaf.clone(), stored.entry.received_at_us.to_string()]);

    let envelope = cut(&stored.envelope, &[1, 8, 1, 1, 4, 4, 8, 16, 2, 36, 2, 4, 2, 16, 2, 14]);
    assert_shows("envelope.md", &envelope);

    let people = SampleLog::with_people(5).stored.remove(4).envelope;
    let (version, rest) = people.split_at(1);
    let (fields, people) = rest.split_at(8 + 1 + 1 + 4 + 4 + 8 + 16 + 2 + 36 + 2 + 4 + 2 + 16 + 2);
    let mut example = vec![hex::encode(version), hex::encode(fields)];
    example.extend(cut(people, &[2, 2, 16, 1, 2, 2, 5, 2, 7, 2, 2, 4, 2, 16, 1, 2, 2, 16, 1]));
    assert_shows("envelope.md", &example);

    let sizes = [stored.envelope.len(), stored.body.len()].map(|len| format!("length{len:016x}"));
    let opening = [&stored.salt.0[..], &stored.envelope, &stored.body].map(hex::encode);
    let body = String::from_utf8(stored.body.clone()).unwrap();
    let tag = hex::encode(b"indelible/commitment/v1\0");
    assert_shows("commitment.md", &[&sizes[..], &opening, &[body, tag, commitment.clone()]].concat());

    let proof = log.proof(14, 20);
    let [a, b, c, d, e] = proof.hashes[..].try_into().unwrap();
    let with_15 = node_hash(&leaf_hash(&entry), &a);
    let with_12 = node_hash(&b, &with_15);
    let with_8 = node_hash(&c, &with_12);
    let with_0 = node_hash(&d, &with_8);
    assert_eq!(node_hash(&with_0, &e), log.tree.root());
    let climb = [a, with_15, b, with_12, c, with_8, d, with_0, e, log.tree.root()].map(hex::encode);
    assert_shows("proof.md", &[&climb[..], &[proof.to_string(), leaf, commitment]].concat());

    // The checkpoint is annotated line by line there, so its lines are looked for.
    let mut lines: Vec<String> = proof.checkpoint.lines().map(str::to_owned).collect();
    lines.extend([log.vkey().to_string(), hex::encode(empty_root())]);
    assert_shows("tree-and-checkpoints.md", &lines);
}
