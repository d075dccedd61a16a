//! A sparse Merkle map: one hash over values by key, with short proofs of what a key has, and that it has nothing.
//!
//! A binary tree along the bits of the key, the highest bit of the first byte first. A subtree without keys is 32 zero
//! bytes, one with a single key is that key's leaf, `SHA-256(0x02 || key || value)`, and any other is
//! `SHA-256(0x03 || left || right)`. The path of a key is given by its bits alone, and ends at the first subtree that is
//! empty or a leaf: so a root says one thing about each key, whoever made it.

use sha2::{Digest, Sha256};

use crate::{Error, Hash};

/// What values are found by: random, so that the tree stays flat.
pub type MapKey = [u8; 16];

/// A key with its value.
type Pair = (MapKey, Hash);

/// The hash of a subtree without keys.
const EMPTY: Hash = [0; 32];
/// Bits of a key: a path is no longer.
const DEPTH_MAX: usize = 128;

/// Values by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SparseMap {
    /// Ascending by key.
    entries: Vec<Pair>,
}

/// What a map has at a key, and the hashes that lead from there to its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapProof {
    /// What the key's path ends at.
    pub end: PathEnd,
    /// Hashes beside the path, the deepest first.
    pub siblings: Vec<Hash>,
}

/// What the path of a key ends at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathEnd {
    /// The key, with this value.
    Value(Hash),
    /// Another key, so that this one has no value.
    Other(MapKey, Hash),
    /// Nothing.
    Empty,
}

impl SparseMap {
    /// A map with these values; of a key that is given twice the last one counts.
    pub fn new(values: impl IntoIterator<Item = (MapKey, Hash)>) -> Self {
        let entries: std::collections::BTreeMap<_, _> = values.into_iter().collect();
        Self { entries: entries.into_iter().collect() }
    }

    /// How many keys have a value.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no key has a value.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The hash over all of it; 32 zero bytes for the empty map.
    pub fn root(&self) -> Hash {
        root(&self.entries, 0)
    }

    /// Proves what a key has.
    pub fn prove(&self, key: &MapKey) -> MapProof {
        let (mut entries, mut siblings) = (&self.entries[..], Vec::new());
        while entries.len() > 1 {
            let depth = siblings.len();
            let (left, right) = halves(entries, depth);
            let (on, beside) = if bit(key, depth) { (right, left) } else { (left, right) };
            siblings.push(root(beside, depth + 1));
            entries = on;
        }
        siblings.reverse();
        let end = match entries {
            [] => PathEnd::Empty,
            [(found, value), ..] if found == key => PathEnd::Value(*value),
            [(other, value), ..] => PathEnd::Other(*other, *value),
        };
        MapProof { end, siblings }
    }
}

impl MapProof {
    /// Checks the proof for this key, and gives the value that it proves; `None`: that the key has none.
    ///
    /// # Errors
    /// [`Error::MapProof`] where it leads to another root, or is no proof for this key.
    pub fn verify(&self, root: &Hash, key: &MapKey) -> Result<Option<Hash>, Error> {
        let depth = self.siblings.len();
        if depth > DEPTH_MAX {
            return Err(Error::MapProof);
        }
        let mut hash = match &self.end {
            PathEnd::Value(value) => leaf(key, value),
            PathEnd::Other(other, _) if other == key || shared_bits(key, other) < depth => {
                return Err(Error::MapProof);
            }
            PathEnd::Other(other, value) => leaf(other, value),
            PathEnd::Empty => EMPTY,
        };
        for (sibling, depth) in self.siblings.iter().zip((0..depth).rev()) {
            hash = if bit(key, depth) { node(sibling, &hash) } else { node(&hash, sibling) };
        }
        match &self.end {
            _ if hash != *root => Err(Error::MapProof),
            PathEnd::Value(value) => Ok(Some(*value)),
            PathEnd::Other(..) | PathEnd::Empty => Ok(None),
        }
    }
}

fn root(entries: &[Pair], depth: usize) -> Hash {
    match entries {
        [] => EMPTY,
        [(key, value)] => leaf(key, value),
        _ => {
            let (left, right) = halves(entries, depth);
            node(&root(left, depth + 1), &root(right, depth + 1))
        }
    }
}

/// The entries whose key has a 0 and those that have a 1 at this depth; all have the same bits before it.
fn halves(entries: &[Pair], depth: usize) -> (&[Pair], &[Pair]) {
    entries.split_at(entries.partition_point(|(key, _)| !bit(key, depth)))
}

fn bit(key: &MapKey, depth: usize) -> bool {
    key[depth / 8] >> (7 - depth % 8) & 1 == 1
}

/// How many bits two keys share from the beginning.
fn shared_bits(one: &MapKey, other: &MapKey) -> usize {
    (u128::from_be_bytes(*one) ^ u128::from_be_bytes(*other)).leading_zeros() as usize
}

fn leaf(key: &MapKey, value: &Hash) -> Hash {
    Sha256::new().chain_update([0x02]).chain_update(key).chain_update(value).finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([0x03]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Keys that share many bits, so that paths are long.
    fn key(seed: u8) -> MapKey {
        let mut key = [0xA5; 16];
        key[15] = seed & 7;
        key[usize::from(seed >> 5)] ^= seed >> 3 & 3;
        key
    }

    /// Straight from the words: the hash of the subtree with these first bits.
    fn naive(entries: &[(MapKey, Hash)], depth: usize) -> Hash {
        if entries.is_empty() {
            return [0; 32];
        }
        if let [(key, value)] = entries {
            return Sha256::digest([&[2][..], key, value].concat()).into();
        }
        let side = |wanted: u8| {
            let has = |(key, _): &&(MapKey, Hash)| (key[depth / 8] >> (7 - depth % 8)) & 1 == wanted;
            naive(&entries.iter().filter(has).copied().collect::<Vec<_>>(), depth + 1)
        };
        Sha256::digest([&[3][..], &side(0), &side(1)].concat()).into()
    }

    proptest! {
        #[test]
        fn proves_what_each_key_has_and_nothing_else(
            seeds in prop::collection::btree_map(any::<u8>(), any::<u8>(), 0..40),
            asked in any::<u8>(),
            flipped in 0_usize..10_000,
        ) {
            let values: Vec<_> = seeds.iter().map(|(seed, value)| (key(*seed), [*value; 32])).collect();
            let map = SparseMap::new(values.iter().rev().copied().chain(values.iter().copied()));
            let root = map.root();
            prop_assert_eq!(root, naive(&map.entries, 0));
            let asked = key(asked);
            let has = map.entries.iter().find(|(key, _)| *key == asked).map(|(_, value)| *value);
            let proof = map.prove(&asked);
            prop_assert_eq!(proof.verify(&root, &asked), Ok(has));
            // No other value of the key, and no other key, goes with it.
            let mut claims = vec![PathEnd::Value([7; 32]), PathEnd::Other(asked, [7; 32]), PathEnd::Empty];
            claims.extend(map.entries.iter().map(|(key, value)| PathEnd::Other(*key, *value)));
            for end in claims.into_iter().filter(|end| *end != proof.end) {
                let other = MapProof { end, ..proof.clone() };
                prop_assert!(other.verify(&root, &asked).is_err(), "{:?}", end);
            }
            for (other, _) in map.entries.iter().filter(|(other, _)| *other != asked) {
                let answer = proof.verify(&root, other);
                // A path that ends at nothing is that of every key that shares it.
                prop_assert!(answer.is_err(), "{:?}", other);
            }
            let mut bits = proof.siblings.concat();
            if !bits.is_empty() {
                let at = flipped % (bits.len() * 8);
                bits[at / 8] ^= 1 << (at % 8);
                let siblings = bits.as_chunks::<32>().0.to_vec();
                let other = MapProof { siblings, ..proof.clone() };
                prop_assert!(other.verify(&root, &asked).is_err());
            }
            let mut longer = proof.clone();
            longer.siblings.insert(0, EMPTY);
            prop_assert!(longer.verify(&root, &asked).is_err());
        }
    }

    #[test]
    fn the_empty_map_has_nothing_and_a_path_has_an_end() {
        let map = SparseMap::default();
        assert_eq!((map.root(), map.prove(&[1; 16]).verify(&EMPTY, &[1; 16])), (EMPTY, Ok(None)));
        let endless = MapProof { end: PathEnd::Empty, siblings: vec![[1; 32]; DEPTH_MAX + 1] };
        assert_eq!(endless.verify(&EMPTY, &[1; 16]), Err(Error::MapProof));
        // Two keys that differ in their last bit.
        let (mut one, two) = ([0; 16], [0; 16]);
        one[15] = 1;
        let map = SparseMap::new([(one, [1; 32]), (two, [2; 32])]);
        assert_eq!(map.prove(&one).siblings.len(), DEPTH_MAX);
        assert_eq!(map.prove(&one).verify(&map.root(), &one), Ok(Some([1; 32])));
    }
}
