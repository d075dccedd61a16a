//! Our tree, tiles, notes and proofs against independent implementations: the crates tlog_tiles and signed_note.
//!
//! Both ways: what we write they accept, what they write we accept, and what one refuses the other refuses too.

use proptest::prelude::*;
use signed_note::{Note as TheirNote, StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::tile::{Tile, TileHashReader, TileReader};
use tlog_tiles::tlog::{self, HashReader};

use crate::naive::{build, leaves};
use crate::*;

fn theirs(hash: &Hash) -> tlog::Hash {
    tlog::Hash(*hash)
}

/// Their tree: all hashes of all binary levels in one row.
struct Row(Vec<tlog::Hash>);

impl HashReader for Row {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

fn row(leaves: &[Hash]) -> Row {
    let mut row = Row(Vec::new());
    for (n, leaf) in leaves.iter().enumerate() {
        let hashes = tlog::stored_hashes_for_record_hash(n as u64, theirs(leaf), &row).unwrap();
        row.0.extend(hashes);
    }
    row
}

/// Serves our stored levels as tiles to their reader, which checks each against the root.
struct Served<'a>(&'a MemoryTiles);

impl TileReader for Served<'_> {
    fn height(&self) -> u8 {
        TILE_HEIGHT as u8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog::Error> {
        let read = |tile: &Tile| {
            let start = tile.level_index() as usize * TILE_WIDTH;
            self.0.level(tile.level())[start..start + tile.width() as usize].concat()
        };
        Ok(tiles.iter().map(read).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

#[test]
fn leaf_hashes_agree() {
    assert_eq!(tlog::record_hash(b"entry").0, leaf_hash(b"entry"));
    assert_eq!(tlog::EMPTY_HASH.0, empty_root());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn roots_and_proofs_agree_with_tlog_tiles(size in 1usize..3000, a: prop::sample::Index, b: prop::sample::Index) {
        let all = leaves(size);
        let (tree, tiles) = build(&all);
        let row = row(&all);
        let (index, from, size) = (a.index(size) as u64, b.index(size) as u64 + 1, size as u64);
        let root = theirs(&tree.root());
        prop_assert_eq!(tlog::tree_hash(size, &row).unwrap(), root);

        let ours = inclusion_proof(&tiles, index, size).unwrap();
        let their_proof = tlog::prove_record(size, index, &row).unwrap();
        prop_assert_eq!(ours.iter().map(theirs).collect::<Vec<_>>(), their_proof.clone());
        tlog::check_record(&their_proof, size, root, index, theirs(&all[index as usize])).unwrap();

        let ours = consistency_proof(&tiles, from, size).unwrap();
        let their_proof = tlog::prove_tree(size, from, &row).unwrap();
        prop_assert_eq!(ours.iter().map(theirs).collect::<Vec<_>>(), their_proof.clone());
        let older = tlog::tree_hash(from, &row).unwrap();
        tlog::check_tree(&their_proof, size, root, from, older).unwrap();
    }

    #[test]
    fn their_client_reads_our_tiles(size in 1usize..70_000, a: prop::sample::Index, b: prop::sample::Index) {
        let all = leaves(size);
        let (tree, tiles) = build(&all);
        let (index, from, size) = (a.index(size) as u64, b.index(size) as u64 + 1, size as u64);
        let served = Served(&tiles);
        let reader = TileHashReader::new(size, theirs(&tree.root()), &served);
        let proof = tlog::prove_record(size, index, &reader).unwrap();
        let ours = inclusion_proof(&tiles, index, size).unwrap();
        prop_assert_eq!(proof.iter().map(|hash| hash.0).collect::<Vec<_>>(), ours);
        prop_assert_eq!(tlog::tree_hash(from, &reader).unwrap().0, root_at(&tiles, from).unwrap());
    }

    #[test]
    fn notes_agree_with_signed_note(seed: [u8; 32], name in "[a-z./0-9]{1,20}", size in 1u64.., root: [u8; 32]) {
        let key = SigningKey::from_seed(&name, &seed).unwrap();
        let checkpoint = Checkpoint::new(name, size, root).unwrap();
        let ours = checkpoint.sign(&key).unwrap();

        // Ours, read by them.
        let vkey = StandardVerifier::new(&key.verifier().to_string()).unwrap();
        let known = VerifierList::new(vec![Box::new(vkey)]);
        let note = TheirNote::from_bytes(ours.as_bytes()).unwrap();
        let (verified, unknown) = note.verify(&known).unwrap();
        prop_assert_eq!((verified.len(), unknown.len()), (1, 0));
        let read = tlog_tiles::checkpoint::Checkpoint::from_bytes(note.text()).unwrap();
        prop_assert_eq!((read.origin(), read.size(), &read.hash().0), (checkpoint.origin(), size, &root));

        // Theirs, read by us: the same key file gives the same bytes.
        let signer = StandardSigner::new(key.to_file_text().trim_end()).unwrap();
        let mut note = TheirNote::new(checkpoint.to_note_text().as_bytes(), &[]).unwrap();
        note.add_sigs(&[&signer]).unwrap();
        let text = String::from_utf8(note.to_bytes()).unwrap();
        prop_assert_eq!(&text, &ours);
        prop_assert_eq!(Checkpoint::open(&text, &[key.verifier().clone()]), Ok(checkpoint));
    }

    #[test]
    fn what_one_bent_note_parser_accepts_the_other_does_too(seed: [u8; 32], at: prop::sample::Index, byte: u8) {
        let key = SigningKey::from_seed("log", &seed).unwrap();
        let mut bytes = Checkpoint::new("log", 7, seed).unwrap().sign(&key).unwrap().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            prop_assert_eq!(Note::parse(&text).is_ok(), TheirNote::from_bytes(text.as_bytes()).is_ok(), "{:?}", text);
        }
    }
}

#[test]
fn keys_made_elsewhere_are_read() {
    let skey = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let key = SigningKey::from_file_text(skey).unwrap();
    assert_eq!(key.verifier().to_string(), vkey);
    let note = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n\n\
                \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n\
                \u{2014} EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";
    assert!(Note::parse(note).unwrap().verify(&[vkey.parse().unwrap()]).is_ok());
}
