//! Vectors of trees: roots, inclusion and consistency proofs, tile paths. Leaf i hashes the eight bytes of i.

use indelible_merkle::{
    Hash, MapKey, MapProof, MemoryTiles, PathEnd, SparseMap, TilePath, Tree, consistency_proof, empty_root,
    inclusion_proof, leaf_hash, node_hash, root_at,
};
use serde_json::{Value, json};

const LARGEST: u64 = 66_000;

fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

fn tiles(size: u64) -> MemoryTiles {
    let (mut tree, mut tiles) = (Tree::new(), MemoryTiles::default());
    for index in 0..size {
        tree.append(leaf(index), |level, _, hash| tiles.push(level, hash));
    }
    tiles
}

fn hashes(list: &[Hash]) -> Vec<String> {
    list.iter().map(hex::encode).collect()
}

pub(super) fn roots() -> Value {
    let tiles = tiles(LARGEST);
    let sizes = (0..=300).chain([511, 512, 513, 65_535, 65_536, 65_537, LARGEST]);
    let root = |size: u64| json!({"size": size, "root": hex::encode(root_at(&tiles, size).unwrap())});
    json!({
        "about": "Roots of the trees whose leaf i is SHA-256(0x00 || i as eight bytes, big-endian), RFC 6962.",
        "valid": sizes.map(root).collect::<Vec<_>>(),
    })
}

pub(super) fn inclusion() -> Value {
    let tiles = tiles(LARGEST);
    let mut valid = Vec::new();
    for size in [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 255, 256, 257, 300, 65_536, 65_537, LARGEST] {
        let mut indexes = vec![0, 1, size / 2, size.saturating_sub(2), size - 1];
        indexes.retain(|index| *index < size);
        indexes.sort_unstable();
        indexes.dedup();
        for index in indexes {
            let proof = inclusion_proof(&tiles, index, size).unwrap();
            valid.push(inclusion_case(index, size, leaf(index), &proof, root_at(&tiles, size).unwrap()));
        }
    }
    // Numbers that a double cannot hold; the siblings are made up and the root is folded from them.
    for (index, size) in [((1 << 62) + 77, (1 << 63) + 12_345), (u64::MAX - 1, u64::MAX), (0, u64::MAX)] {
        let count = indelible_merkle::inclusion_proof_len(index, size).unwrap() as u64;
        let proof: Vec<Hash> = (0..count).map(leaf).collect();
        valid.push(inclusion_case(index, size, leaf(99), &proof, climb(index, size, leaf(99), &proof)));
    }
    json!({
        "about": "Inclusion proofs in the trees of trees.json, from the leaf's sibling up. 64-bit numbers are \
                  decimal strings, hashes are hex.",
        "valid": valid,
        "refused": refused_inclusion(&tiles),
    })
}

fn inclusion_case(index: u64, size: u64, leaf: Hash, proof: &[Hash], root: Hash) -> Value {
    json!({
        "index": index.to_string(),
        "size": size.to_string(),
        "leaf": hex::encode(leaf),
        "proof": hashes(proof),
        "root": hex::encode(root),
    })
}

/// The root above a leaf, top down as RFC 6962 defines it.
fn climb(index: u64, size: u64, leaf: Hash, proof: &[Hash]) -> Hash {
    let Some((top, rest)) = proof.split_last() else { return leaf };
    let middle = 1 << (size - 1).ilog2();
    if index < middle {
        node_hash(&climb(index, middle, leaf, rest), top)
    } else {
        node_hash(top, &climb(index - middle, size - middle, leaf, rest))
    }
}

fn refused_inclusion(tiles: &MemoryTiles) -> Vec<Value> {
    let (index, size) = (5, 11);
    let root = root_at(tiles, size).unwrap();
    let proof = inclusion_proof(tiles, index, size).unwrap();
    let mut swapped = proof.clone();
    swapped.swap(0, 1);
    let mut bent = proof.clone();
    bent[2][31] ^= 1;
    let long = [&proof[..], &[leaf(0)]].concat();
    let case = |why: &str, index: u64, size: u64, leaf: Hash, proof: &[Hash], root: Hash| {
        let mut case = inclusion_case(index, size, leaf, proof, root);
        case["why"] = why.into();
        case
    };
    vec![
        case("another leaf", index, size, leaf(6), &proof, root),
        case("another index", index - 1, size, leaf(index), &proof, root),
        case("a size that asks for another length", index, 17, leaf(index), &proof, root),
        case("another root", index, size, leaf(index), &proof, empty_root()),
        case("a hash too few", index, size, leaf(index), &proof[..3], root),
        case("a hash too many", index, size, leaf(index), &long, root),
        case("no hashes", index, size, leaf(index), &[], root),
        case("hashes in another order", index, size, leaf(index), &swapped, root),
        case("a bit flipped in a hash", index, size, leaf(index), &bent, root),
        case("an index equal to the size", 1, 1, leaf(0), &[], leaf(0)),
        case("an index above the size", size + index, size, leaf(index), &proof, root),
        case("a leaf of the empty tree", 0, 0, empty_root(), &[], empty_root()),
        case("the root itself as a leaf", 0, 2, root_at(tiles, 2).unwrap(), &[], root_at(tiles, 2).unwrap()),
        case("the largest index", u64::MAX, u64::MAX, leaf(0), &[], leaf(0)),
    ]
}

pub(super) fn consistency() -> Value {
    let tiles = tiles(LARGEST);
    let mut valid = Vec::new();
    for to in [0, 1, 2, 3, 5, 8, 9, 255, 256, 257, 300, 65_537, LARGEST] {
        let mut sizes = vec![0, 1, 2, 3, 4, 6, 7, 128, 255, 256, 257, to / 2 + 1, to.saturating_sub(1), to];
        sizes.retain(|from| *from <= to);
        sizes.sort_unstable();
        sizes.dedup();
        for from in sizes {
            let proof = consistency_proof(&tiles, from, to).unwrap();
            let root = |size| root_at(&tiles, size).unwrap();
            valid.push(consistency_case(from, to, &proof, root(from), root(to)));
        }
    }
    json!({
        "about": "Consistency proofs between the trees of trees.json. 64-bit numbers are decimal strings, hashes \
                  are hex.",
        "valid": valid,
        "refused": refused_consistency(&tiles),
    })
}

fn consistency_case(from: u64, to: u64, proof: &[Hash], from_root: Hash, to_root: Hash) -> Value {
    json!({
        "from": from.to_string(),
        "to": to.to_string(),
        "proof": hashes(proof),
        "from_root": hex::encode(from_root),
        "to_root": hex::encode(to_root),
    })
}

fn refused_consistency(tiles: &MemoryTiles) -> Vec<Value> {
    let root = |size| root_at(tiles, size).unwrap();
    let proof = |from, to| consistency_proof(tiles, from, to).unwrap();
    let case = |why: &str, from: u64, to: u64, proof: &[Hash], from_root: Hash, to_root: Hash| {
        let mut case = consistency_case(from, to, proof, from_root, to_root);
        case["why"] = why.into();
        case
    };
    let good = proof(6, 11);
    let mut swapped = good.clone();
    swapped.swap(0, 1);
    vec![
        case("another older root", 6, 11, &good, root(5), root(11)),
        case("another newer root", 6, 11, &good, root(6), root(12)),
        case("another older size", 5, 11, &good, root(6), root(11)),
        case("a newer size that asks for another length", 6, 17, &good, root(6), root(11)),
        case("a hash too few", 6, 11, &good[1..], root(6), root(11)),
        case("a hash too many", 6, 11, &[&good[..], &[leaf(0)]].concat(), root(6), root(11)),
        case("no hashes", 6, 11, &[], root(6), root(11)),
        case("hashes in another order", 6, 11, &swapped, root(6), root(11)),
        case("sizes the wrong way round", 11, 6, &good, root(11), root(6)),
        case("equal sizes, different roots", 6, 6, &[], root(6), root(7)),
        case("equal sizes with a hash", 6, 6, &[root(6)], root(6), root(6)),
        case("an empty tree with another root", 0, 6, &[], root(6), root(6)),
        case("an empty tree that became another empty one", 0, 0, &[], root(0), root(6)),
        case("an empty tree with a hash", 0, 6, &[root(6)], root(0), root(6)),
        case(
            "a perfect older tree with its root repeated",
            4,
            6,
            &[&[root(4)], &proof(4, 6)[..]].concat(),
            root(4),
            root(6),
        ),
        case("a perfect older tree with another root", 4, 6, &proof(4, 6), root(3), root(6)),
    ]
}

pub(super) fn tile_paths() -> Value {
    let valid = [
        TilePath::hashes(0, 0, 256),
        TilePath::hashes(0, 0, 1),
        TilePath::hashes(0, 999, 256),
        TilePath::hashes(1, 1000, 17),
        TilePath::hashes(2, 1_234_067, 255),
        TilePath::hashes(63, u64::MAX, 256),
        TilePath::entries(0, 256),
        TilePath::entries(1_000_000, 112),
    ];
    let path = |path: TilePath| {
        json!({
            "path": path.to_string(),
            "level": path.level(),
            "index": path.index().to_string(),
            "width": path.width(),
        })
    };
    json!({
        "about": "Tile paths, c2sp.org/tlog-tiles. A level of null is a bundle of entries. 64-bit numbers are decimal strings.",
        "valid": valid.map(|it| path(it.unwrap())),
        "refused": [
            "tile/0/0", "tile/0/0000", "tile/00/000", "tile/64/000", "tile/data/000", "/tile/0/000", "tile/0/000/",
            "tile/0/x000/001", "tile/0/001/001", "tile/0/x001", "tile/0/X001/001", "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/", "tile/0/000.p", "tile/8/0/000",
        ],
    })
}

/// Keys that share their first bits with many others, and one that shares all but the last.
fn map_key(n: u64) -> MapKey {
    let mut key: MapKey = leaf(n / 2)[..16].try_into().unwrap();
    key[15] = key[15] & !1 | (n % 2) as u8;
    key
}

pub(super) fn maps() -> Value {
    let (mut valid, mut refused) = (Vec::new(), Vec::new());
    for keys in [0, 1, 2, 3, 40] {
        let map = SparseMap::new((0..keys).map(|n| (map_key(n), leaf(n))));
        let root = map.root();
        for asked in [0, 1, 2, 17, 1_000, 1_001] {
            let (key, proof) = (map_key(asked), map.prove(&map_key(asked)));
            let value = proof.verify(&root, &key).unwrap();
            valid.push(map_case(&key, &proof, root, value, None));
            let other = MapProof { end: PathEnd::Value(leaf(99)), ..proof.clone() };
            refused.push(map_case(&key, &other, root, Some(leaf(99)), Some("another value")));
            if value.is_some() {
                let none = MapProof { end: PathEnd::Empty, ..proof.clone() };
                refused.push(map_case(&key, &none, root, None, Some("it has a value")));
                let itself = MapProof { end: PathEnd::Other(key, leaf(asked)), ..proof };
                refused.push(map_case(&key, &itself, root, None, Some("the other key is the key itself")));
            }
        }
    }
    let map = SparseMap::new((0..40).map(|n| (map_key(n), leaf(n))));
    let (key, beside, root) = (map_key(5), map_key(8), map.root());
    let proof = map.prove(&beside);
    let astray = MapProof { end: PathEnd::Other(beside, leaf(8)), siblings: proof.siblings };
    refused.push(map_case(&key, &astray, root, None, Some("the other key does not share the path")));
    let endless = MapProof { end: PathEnd::Empty, siblings: vec![leaf(1); 129] };
    refused.push(map_case(&key, &endless, root, None, Some("a path has 128 steps at most")));
    json!({
        "about": "Sparse Merkle maps: what the path of a key ends at (a value, another key with its value, or nothing), \
                  and the hashes beside the path, the deepest first.",
        "valid": valid,
        "refused": refused,
    })
}

fn map_case(key: &MapKey, proof: &MapProof, root: Hash, value: Option<Hash>, why: Option<&str>) -> Value {
    let end = match proof.end {
        PathEnd::Value(value) => json!({"value": hex::encode(value)}),
        PathEnd::Other(key, value) => json!({"other": hex::encode(key), "value": hex::encode(value)}),
        PathEnd::Empty => json!({}),
    };
    let mut case = json!({
        "key": hex::encode(key),
        "end": end,
        "siblings": hashes(&proof.siblings),
        "root": hex::encode(root),
    });
    match why {
        Some(why) => case["why"] = json!(why),
        None => case["value"] = json!(value.map(hex::encode)),
    }
    case
}
