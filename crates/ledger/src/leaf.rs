//! The fixed-width half of an entry: what stays when its content is packed away or erased.
//!
//! With the hash of the chain's previous leaf (level 0 of the tree, at `previous`) and the commitment (over the
//! content), a record gives back the exact entry that was hashed. Layout: `docs/protocol/storage.md`, "Leaf file".

use crate::codec::checked;
use crate::flat::{RECORD_LEN, Record32};

/// No entry of this chain came before.
pub(crate) const NO_PREVIOUS: u64 = (1 << 48) - 1;

/// One leaf record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeafRecord {
    pub(crate) kind: u8,
    /// Number of the chain, in the order in which chains were opened.
    pub(crate) chain: u32,
    pub(crate) tenant_seq: u64,
    /// Index of the chain's entry before this one, or [`NO_PREVIOUS`].
    pub(crate) previous: u64,
    pub(crate) received_us: u64,
}

impl LeafRecord {
    pub(crate) fn encode(&self) -> Record32 {
        debug_assert!(self.tenant_seq <= NO_PREVIOUS && self.previous <= NO_PREVIOUS);
        let mut out = [0; RECORD_LEN];
        out[0] = self.kind;
        // out[1]: flags, all zero in version 1; out[26..28]: zero.
        out[2..6].copy_from_slice(&self.chain.to_be_bytes());
        out[6..12].copy_from_slice(&self.tenant_seq.to_be_bytes()[2..]);
        out[12..18].copy_from_slice(&self.previous.to_be_bytes()[2..]);
        out[18..26].copy_from_slice(&self.received_us.to_be_bytes());
        let crc = crc32fast::hash(&out[..28]);
        out[28..].copy_from_slice(&crc.to_be_bytes());
        out
    }

    /// `None` where the record does not match its CRC or has a flag that this program does not know.
    pub(crate) fn decode(record: &Record32) -> Option<Self> {
        let head = checked(record)?;
        if head[1] != 0 || head[26..28] != [0, 0] {
            return None;
        }
        let six = |at: usize| head[at..at + 6].iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        Some(Self {
            kind: head[0],
            chain: u32::from_be_bytes(head[2..6].try_into().ok()?),
            tenant_seq: six(6),
            previous: six(12),
            received_us: u64::from_be_bytes(head[18..26].try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_notices_every_flipped_bit() {
        let record =
            LeafRecord { kind: 1, chain: 7, tenant_seq: 1 << 40, previous: NO_PREVIOUS, received_us: 5 };
        let bytes = record.encode();
        assert_eq!(LeafRecord::decode(&bytes), Some(record));
        for bit in 0..RECORD_LEN * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(LeafRecord::decode(&bad), None, "bit {bit}");
        }
    }
}
