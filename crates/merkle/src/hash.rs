//! The three hashes that a tree is made of: RFC 6962 section 2.1 with SHA-256.
//!
//! Invariant: leaves and nodes are hashed under different first bytes, so neither can pass for the other.

use sha2::{Digest, Sha256};

/// Bytes in a hash.
pub const HASH_LEN: usize = 32;

/// A SHA-256 hash: of a leaf, of an inner node, or of a whole tree.
pub type Hash = [u8; HASH_LEN];

/// Returns the hash of the leaf that holds `entry`: `SHA-256(0x00 || entry)`.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0x00]).chain_update(entry).finalize().into()
}

/// Returns the hash of the node above `left` and `right`: `SHA-256(0x01 || left || right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut input = [0x01; 1 + 2 * HASH_LEN];
    input[1..=HASH_LEN].copy_from_slice(left);
    input[1 + HASH_LEN..].copy_from_slice(right);
    Sha256::digest(input).into()
}

/// Returns the root of the tree without leaves: `SHA-256("")`.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// Folds the roots of neighbouring perfect subtrees, largest first, into the root above them all.
///
/// Returns `None` where there are none.
pub(crate) fn fold_edge(edge: &[Hash]) -> Option<Hash> {
    edge.iter().rev().copied().reduce(|right, left| node_hash(&left, &right))
}

/// Returns the root over a power of two of neighbouring hashes, overwriting them.
pub(crate) fn fold_perfect(hashes: &mut [Hash]) -> Hash {
    debug_assert!(hashes.len().is_power_of_two());
    let mut len = hashes.len();
    while len > 1 {
        len /= 2;
        for i in 0..len {
            hashes[i] = node_hash(&hashes[2 * i], &hashes[2 * i + 1]);
        }
    }
    hashes[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::to_hex;

    #[test]
    fn hashes_are_those_of_rfc_6962() {
        // From the test vectors of the certificate-transparency project.
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let empty_leaf = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        let leaf = "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56";
        let node = "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb";
        assert_eq!(to_hex(&empty_root()), empty);
        assert_eq!(to_hex(&leaf_hash(b"")), empty_leaf);
        assert_eq!(to_hex(&leaf_hash(b"L123456")), leaf);
        // The vector joins two strings of four bytes; real nodes only ever join hashes.
        let raw: Hash = Sha256::digest(b"\x01N123N456").into();
        assert_eq!(to_hex(&raw), node);
        let (left, right) = (leaf_hash(b"a"), leaf_hash(b"b"));
        let joined: Hash =
            Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into();
        assert_eq!(node_hash(&left, &right), joined);
    }
}
