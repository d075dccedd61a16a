//! The entry: the 99 bytes that a leaf of the tree hashes.
//!
//! Format: `docs/protocol/entry.md`. Invariant: decoding accepts exactly what encoding writes, so two entries are
//! equal if and only if their bytes are. Kinds that this version does not know are kept, not refused.

use std::fmt;

use indelible_merkle::{Hash, leaf_hash};

use crate::error::Error;

/// Bytes in an entry of version 1.
pub const ENTRY_LEN: usize = 99;

const VERSION: u8 = 1;

/// The one commitment algorithm of version 1: see [`crate::commitment()`].
const COMMITMENT_ALGORITHM: u8 = 1;

/// The random name of one tenant's chain of entries. It tells an outsider nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainId(pub [u8; 16]);

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainId({self})")
    }
}

/// What an entry records. Values without a name here are valid: a newer server wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub u8);

impl Kind {
    /// An audit event.
    pub const EVENT: Self = Self(1);
    /// The first entry of a chain; its body names the tenant.
    pub const CHAIN_OPEN: Self = Self(2);
    /// The last entry of a chain.
    pub const CHAIN_CLOSE: Self = Self(3);
    /// The newest entry of every chain at this moment.
    pub const HEADS: Self = Self(4);
    /// Expired content was deleted.
    pub const RETENTION: Self = Self(5);
    /// Content was erased on demand.
    pub const ERASURE: Self = Self(6);
    /// A legal hold was placed or lifted.
    pub const HOLD: Self = Self(7);
    /// A setting of the trail was changed.
    pub const SETTINGS: Self = Self(8);
    /// The log's signing key was replaced.
    pub const KEY_ROTATION: Self = Self(9);
    /// The server's clock jumped.
    pub const CLOCK_STEP: Self = Self(10);
    /// A torn end of the write-ahead log, never acknowledged, was cut.
    pub const TAIL_CUT: Self = Self(11);
    /// The log was continued from another one.
    pub const SUCCESSION: Self = Self(12);

    /// Returns the kind's name, or `None` for one that this version does not know.
    pub fn name(self) -> Option<&'static str> {
        const NAMES: [&str; 12] = [
            "event",
            "chain-open",
            "chain-close",
            "heads",
            "retention",
            "erasure",
            "hold",
            "settings",
            "key-rotation",
            "clock-step",
            "tail-cut",
            "succession",
        ];
        NAMES.get(usize::from(self.0).checked_sub(1)?).copied()
    }
}

/// What the tree holds of an event: its place in its tenant's chain, and a commitment to its content.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// What is recorded.
    pub kind: Kind,
    /// The chain that the entry belongs to.
    pub chain_id: ChainId,
    /// The entry's number in its chain; 0 is the chain-open entry.
    pub tenant_seq: u64,
    /// When the server took it, by its own clock, in microseconds since 1970-01-01T00:00:00Z.
    pub received_at_us: u64,
    /// The leaf hash of the chain's previous entry; zeros in a chain-open entry.
    pub prev: Hash,
    /// [`crate::commitment()`] over salt, envelope and body.
    pub commitment: Hash,
}

impl Entry {
    /// Returns the entry's bytes.
    pub fn encode(&self) -> [u8; ENTRY_LEN] {
        let mut bytes = [0; ENTRY_LEN];
        bytes[0] = VERSION;
        bytes[1] = self.kind.0;
        bytes[2] = COMMITMENT_ALGORITHM;
        bytes[3..19].copy_from_slice(&self.chain_id.0);
        bytes[19..27].copy_from_slice(&self.tenant_seq.to_be_bytes());
        bytes[27..35].copy_from_slice(&self.received_at_us.to_be_bytes());
        bytes[35..67].copy_from_slice(&self.prev);
        bytes[67..].copy_from_slice(&self.commitment);
        bytes
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// [`Error::EntryLength`], [`Error::EntryVersion`] or [`Error::CommitmentAlgorithm`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        // The version is looked at first: a later one may have another length.
        let version = *bytes.first().ok_or(Error::EntryLength { got: 0 })?;
        if version != VERSION {
            return Err(Error::EntryVersion { got: version });
        }
        let bytes: &[u8; ENTRY_LEN] =
            bytes.try_into().map_err(|_| Error::EntryLength { got: bytes.len() })?;
        if bytes[2] != COMMITMENT_ALGORITHM {
            return Err(Error::CommitmentAlgorithm { got: bytes[2] });
        }
        Ok(Self {
            kind: Kind(bytes[1]),
            chain_id: ChainId(part(bytes, 3)),
            tenant_seq: u64::from_be_bytes(part(bytes, 19)),
            received_at_us: u64::from_be_bytes(part(bytes, 27)),
            prev: part(bytes, 35),
            commitment: part(bytes, 67),
        })
    }

    /// Returns the hash of the leaf that holds this entry.
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.encode())
    }
}

/// Copies `N` bytes out of an entry; every offset above is within it.
fn part<const N: usize>(bytes: &[u8; ENTRY_LEN], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn any_entry() -> impl Strategy<Value = Entry> {
        (any::<(u8, [u8; 16], u64, u64)>(), any::<([u8; 32], [u8; 32])>()).prop_map(
            |((kind, chain, tenant_seq, received_at_us), (prev, commitment))| Entry {
                kind: Kind(kind),
                chain_id: ChainId(chain),
                tenant_seq,
                received_at_us,
                prev,
                commitment,
            },
        )
    }

    #[test]
    fn has_the_layout_of_the_document() {
        let entry = Entry {
            kind: Kind::ERASURE,
            chain_id: ChainId([0xcc; 16]),
            tenant_seq: 0x0102_0304_0506_0708,
            received_at_us: 0x1112_1314_1516_1718,
            prev: [0xaa; 32],
            commitment: [0xbb; 32],
        };
        let expected = format!(
            "010601{}01020304050607081112131415161718{}{}",
            "cc".repeat(16),
            "aa".repeat(32),
            "bb".repeat(32)
        );
        assert_eq!(hex::encode(entry.encode()), expected);
    }

    #[test]
    fn kinds_have_the_names_of_the_document() {
        for (kind, name) in [
            (Kind::EVENT, Some("event")),
            (Kind::HEADS, Some("heads")),
            (Kind::SUCCESSION, Some("succession")),
            (Kind(0), None),
            (Kind(13), None),
            (Kind(255), None),
        ] {
            assert_eq!(kind.name(), name, "{kind:?}");
        }
    }

    #[test]
    fn refuses_other_versions_lengths_and_algorithms() {
        let entry = Entry {
            kind: Kind::EVENT,
            chain_id: ChainId([1; 16]),
            tenant_seq: 1,
            received_at_us: 2,
            prev: [3; 32],
            commitment: [4; 32],
        };
        let good = entry.encode();
        assert_eq!(Entry::decode(&[]), Err(Error::EntryLength { got: 0 }));
        assert_eq!(Entry::decode(&good[..98]), Err(Error::EntryLength { got: 98 }));
        assert_eq!(Entry::decode(&[&good[..], &[0]].concat()), Err(Error::EntryLength { got: 100 }));
        let with = |at: usize, byte: u8| {
            let mut bytes = good;
            bytes[at] = byte;
            Entry::decode(&bytes)
        };
        assert_eq!(with(0, 0), Err(Error::EntryVersion { got: 0 }));
        assert_eq!(with(0, 2), Err(Error::EntryVersion { got: 2 }));
        assert_eq!(with(2, 0), Err(Error::CommitmentAlgorithm { got: 0 }));
        assert_eq!(with(1, 200).unwrap().kind, Kind(200));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(entry in any_entry()) {
            prop_assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
        }

        #[test]
        fn whatever_decodes_encodes_the_same(mut bytes in prop::collection::vec(any::<u8>(), 0..120), head: bool) {
            if head && bytes.len() > 2 {
                bytes.resize(ENTRY_LEN, 7);
                (bytes[0], bytes[2]) = (1, 1);
            }
            if let Ok(entry) = Entry::decode(&bytes) {
                prop_assert_eq!(&entry.encode()[..], &bytes[..]);
            } else {
                prop_assert!(!head || bytes.len() != ENTRY_LEN || bytes[0] != 1 || bytes[2] != 1);
            }
        }
    }
}
