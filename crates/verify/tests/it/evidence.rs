//! Whole evidence: what holds, and at which step everything else is refused.

use indelible_merkle::{
    Checkpoint, Error as MerkleError, TlogProof, consistency_proof, encode_hash, root_at,
};
use indelible_verify::{
    Chains, Entry, Envelope, Error, Evidence, Opening, ProofBundle, ProofExtra, Salt, Step, commitment,
    verify_checkpoints, verify_event, verify_tlog_proof,
};
use proptest::prelude::*;

use crate::sample::{ORIGIN, SampleLog};

#[test]
fn every_entry_of_a_log_is_proven() {
    let log = SampleLog::of_size(300);
    let keys = [log.vkey()];
    for (index, stored) in log.stored.iter().enumerate() {
        let bytes = stored.entry.encode();
        let proof = log.proof(index as u64, 300).to_string();
        let verdict = verify_event(&stored.evidence(&bytes, &proof), &keys).unwrap();
        assert_eq!(verdict.index, index as u64);
        assert_eq!(verdict.entry, stored.entry);
        assert_eq!(verdict.leaf_hash, stored.entry.leaf_hash());
        assert_eq!(verdict.envelope, Some(Envelope::decode(&stored.envelope).unwrap()));
        assert_eq!(verdict.checkpoint.size(), 300);
    }
}

#[test]
fn the_chains_of_a_log_follow() {
    let log = SampleLog::of_size(300);
    let mut chains = Chains::default();
    for stored in &log.stored {
        chains.accept(&stored.entry, stored.entry.leaf_hash()).unwrap();
    }
    assert_eq!(chains.len(), 4);
    assert!(chains.iter().all(|(id, end)| log.chains.get(id) == Some(end)));
}

#[test]
fn a_flipped_bit_anywhere_is_refused_at_its_step() {
    let log = SampleLog::of_size(20);
    let keys = [log.vkey()];
    let stored = &log.stored[13];
    let (entry, proof) = (stored.entry.encode(), log.proof(13, 20).to_string());
    let step_of =
        |evidence: &Evidence<'_>| verify_event(evidence, &keys).map(drop).map_err(|error| error.step());
    let flip = |bytes: &[u8], bit: usize| {
        let mut bent = bytes.to_vec();
        bent[bit / 8] ^= 1 << (bit % 8);
        bent
    };
    let good = stored.evidence(&entry, &proof);
    assert_eq!(step_of(&good), Ok(()));
    for bit in 0..8 * stored.body.len() {
        let body = flip(&stored.body, bit);
        let opening = Opening { body: &body, ..stored.opening() };
        assert_eq!(step_of(&Evidence { opening: Some(opening), ..good }), Err(Step::Commitment));
    }
    for bit in 0..8 * stored.envelope.len() {
        let envelope = flip(&stored.envelope, bit);
        let opening = Opening { envelope: &envelope, ..stored.opening() };
        assert_eq!(step_of(&Evidence { opening: Some(opening), ..good }), Err(Step::Commitment));
    }
    for bit in 0..128 {
        let salt = Salt(flip(&stored.salt.0, bit).try_into().unwrap());
        let opening = Opening { salt, ..stored.opening() };
        assert_eq!(step_of(&Evidence { opening: Some(opening), ..good }), Err(Step::Commitment));
    }
    for bit in 0..8 * entry.len() {
        let bent = flip(&entry, bit);
        let expected = match bit / 8 {
            0 | 2 => Step::Entry,
            67.. => Step::Commitment,
            _ => Step::Inclusion,
        };
        assert_eq!(step_of(&Evidence { entry: &bent, ..good }), Err(expected), "bit {bit}");
        let alone = Evidence { entry: &bent, opening: None, ..good };
        assert!(matches!(step_of(&alone), Err(Step::Entry | Step::Inclusion)), "bit {bit}");
    }
    for bit in 0..8 * proof.len() {
        if let Ok(bent) = String::from_utf8(flip(proof.as_bytes(), bit)) {
            // A bent extra line is not looked at.
            let extra_only = bent.parse::<TlogProof>().is_ok_and(|bent| {
                TlogProof { extra: None, ..bent } == TlogProof { extra: None, ..log.proof(13, 20) }
            });
            assert_eq!(step_of(&Evidence { proof: &bent, ..good }).is_ok(), extra_only, "bit {bit}");
        }
    }
}

#[test]
fn the_signature_is_what_makes_a_proof() {
    let log = SampleLog::of_size(20);
    let stored = &log.stored[3];
    let entry = stored.entry.encode();
    let proof = log.proof(3, 20).to_string();
    let refused = verify_event(&stored.evidence(&entry, &proof), &[]).unwrap_err();
    assert_eq!(refused, Error::Checkpoint(MerkleError::UnknownSigner));
    // A tree of the forger's own, with a signature taken from elsewhere.
    let other = log.proof(3, 19);
    let signature = other.checkpoint.rsplit_once("\n\n").unwrap().1;
    let forged = Checkpoint::new(ORIGIN, 20, root_at(&log.tiles, 20).unwrap()).unwrap().to_note_text();
    let forged = TlogProof { checkpoint: format!("{forged}\n{signature}"), ..log.proof(3, 20) }.to_string();
    let refused = verify_event(&stored.evidence(&entry, &forged), &[log.vkey()]).unwrap_err();
    assert_eq!(refused, Error::Checkpoint(MerkleError::BadSignature { name: ORIGIN.into() }));
}

#[test]
fn an_envelope_that_is_committed_to_but_malformed_is_named() {
    let log = SampleLog::of_size(20);
    let stored = &log.stored[13];
    let envelope = [&stored.envelope[..], &[0]].concat();
    let entry =
        Entry { commitment: commitment(&stored.salt, &envelope, &stored.body), ..stored.entry.clone() };
    let opening = Opening { envelope: &envelope, ..stored.opening() };
    let proof = log.proof(13, 20).to_string();
    let evidence = Evidence { entry: &entry.encode(), opening: Some(opening), proof: &proof };
    let refused = verify_event(&evidence, &[log.vkey()]).unwrap_err();
    assert_eq!((refused.step(), refused), (Step::Envelope, Error::EnvelopeTrailing { extra: 1 }));
}

#[test]
fn erased_content_leaves_the_entry_provable() {
    let log = SampleLog::of_size(20);
    let mut bundle = log.bundle(13, 20);
    bundle.opening = None;
    let verdict = bundle.verify(None, &[log.vkey()]).unwrap();
    assert_eq!((verdict.envelope, verdict.index), (None, 13));
    // A body beside it proves nothing about the body, and must not look as if it did.
    let refused = bundle.verify(Some(&log.stored[13].body), &[log.vkey()]).unwrap_err();
    assert_eq!(refused, Error::BundleMismatch { field: "salt" });
}

#[test]
fn bundles_and_extra_lines_carry_all_but_the_body() {
    let log = SampleLog::of_size(20);
    let keys = [log.vkey()];
    let stored = &log.stored[14];
    let bundle = ProofBundle::from_json(&log.bundle(14, 20).to_json()).unwrap();
    assert_eq!(bundle, log.bundle(14, 20));
    assert!(bundle.verify(Some(&stored.body), &keys).unwrap().envelope.is_some());
    assert_eq!(bundle.verify(Some(b"{}"), &keys), Err(Error::CommitmentMismatch));
    for (field, bent) in [
        ("index", ProofBundle { index: 13, ..bundle.clone() }),
        ("tenant_seq", ProofBundle { tenant_seq: 99, ..bundle.clone() }),
    ] {
        assert_eq!(bent.verify(None, &keys), Err(Error::BundleMismatch { field }));
    }
    let proof: TlogProof = bundle.proof.parse().unwrap();
    let extra = ProofExtra::decode(proof.extra.as_ref().unwrap()).unwrap();
    assert_eq!((&extra.entry, &extra.opening), (&bundle.entry, &bundle.opening));

    let whole = verify_tlog_proof(&bundle.proof, Some(&stored.body), &keys);
    assert_eq!(whole, bundle.verify(Some(&stored.body), &keys));
    assert!(verify_tlog_proof(&bundle.proof, None, &keys).unwrap().envelope.is_none());
    assert_eq!(verify_tlog_proof(&bundle.proof, Some(b"{}"), &keys), Err(Error::CommitmentMismatch));
    let bare = TlogProof { extra: None, ..proof.clone() }.to_string();
    assert_eq!(verify_tlog_proof(&bare, None, &keys), Err(Error::MalformedExtra));
    let erased = ProofExtra { opening: None, ..extra }.encode().unwrap();
    let erased = TlogProof { extra: Some(erased), ..proof }.to_string();
    assert!(verify_tlog_proof(&erased, None, &keys).is_ok());
    assert_eq!(verify_tlog_proof(&erased, Some(&stored.body), &keys), Err(Error::MalformedExtra));
}

#[test]
fn refuses_bundles_that_are_no_such_json() {
    let log = SampleLog::of_size(3);
    let good = log.bundle(1, 3).to_json();
    let mut value: serde_json::Value = serde_json::from_str(&good).unwrap();
    value["later"] = "a field of a newer server".into();
    assert!(ProofBundle::from_json(&value.to_string()).is_ok());
    for (field, bad) in [
        ("index", "-1"),
        ("index", "1.5"),
        ("index", "18446744073709551616"),
        ("tenant_seq", "\"1\""),
        ("entry", "\"*\""),
        ("entry", "null"),
        ("salt", "null"),
        ("envelope", "null"),
        ("salt", "\"AAAA\""),
        ("proof", "7"),
        ("vkey", "null"),
    ] {
        let mut value: serde_json::Value = serde_json::from_str(&good).unwrap();
        value[field] = serde_json::from_str(bad).unwrap();
        let got = ProofBundle::from_json(&value.to_string());
        assert!(matches!(got, Err(Error::MalformedBundle { .. })), "{field} = {bad}: {got:?}");
        value.as_object_mut().unwrap().remove(field);
        let optional = matches!(field, "salt" | "envelope");
        assert!(optional || ProofBundle::from_json(&value.to_string()).is_err(), "without {field}");
    }
    let twice = good.replacen("{", "{\"index\":1,", 1);
    assert!(ProofBundle::from_json(&twice).is_err());
}

#[test]
fn checkpoints_of_one_log_are_consistent_and_forks_are_not() {
    let log = SampleLog::of_size(300);
    let keys = [log.vkey()];
    for (from, to) in [(1, 300), (255, 256), (256, 300), (300, 300), (77, 255)] {
        let proof = consistency_proof(&log.tiles, from, to).unwrap();
        let (older, newer) = (log.checkpoint(from), log.checkpoint(to));
        assert!(verify_checkpoints(&older, &newer, &proof, &keys).is_ok(), "{from} to {to}");
        let fork = Checkpoint::new(ORIGIN, to, [9; 32]).unwrap().sign(&log.key).unwrap();
        let refused = verify_checkpoints(&older, &fork, &proof, &keys).unwrap_err();
        assert_eq!(refused, Error::Consistency(MerkleError::NewerRootMismatch), "{from} to {to}");
        let unsigned = newer.replace(&format!("\n{to}\n"), &format!("\n{}\n", to + 1));
        assert_eq!(
            verify_checkpoints(&older, &unsigned, &proof, &keys).unwrap_err().step(),
            Step::Checkpoint
        );
        assert_eq!(
            verify_checkpoints(&unsigned, &newer, &proof, &keys).unwrap_err().step(),
            Step::Checkpoint
        );
        if from < to {
            let refused = verify_checkpoints(&newer, &older, &proof, &keys).unwrap_err();
            let expected = MerkleError::SizesOutOfOrder { from: to, to: from };
            assert_eq!(refused, Error::Consistency(expected));
        }
    }
}

#[test]
fn checkpoints_of_two_logs_are_not_compared() {
    let log = SampleLog::of_size(5);
    let other = indelible_merkle::SigningKey::from_seed("other", &[4; 32]).unwrap();
    let root = root_at(&log.tiles, 5).unwrap();
    let same = Checkpoint::new("other", 5, root).unwrap().sign(&other).unwrap();
    let keys = [log.vkey(), other.verifier().clone()];
    let refused = verify_checkpoints(&log.checkpoint(5), &same, &[], &keys).unwrap_err();
    assert_eq!(refused, Error::Consistency(MerkleError::OriginMismatch));
}

proptest! {
    #[test]
    fn any_evidence_is_answered(entry in prop::collection::vec(any::<u8>(), 0..110), text in "(\\PC|\n)*", body in prop::collection::vec(any::<u8>(), 0..60)) {
        let log = SampleLog::of_size(3);
        let opening = Opening { salt: Salt([1; 16]), envelope: &body, body: &body };
        for proof in [text.as_str(), &log.proof(1, 3).to_string()] {
            let evidence = Evidence { entry: &entry, opening: Some(opening), proof };
            prop_assert!(verify_event(&evidence, &[log.vkey()]).is_err());
        }
        let _ = ProofBundle::from_json(&text);
        let _ = verify_checkpoints(&text, &text, &[[1; 32]], &[log.vkey()]);
        prop_assert!(encode_hash(&[1; 32]).len() == 44);
    }
}
