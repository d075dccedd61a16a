//! Deriving entries again from stored rows: what replay and the check do, row by row.

use indelible_merkle::{Hash, Tree};
use indelible_verify::{Entry, Kind, Salt, commitment};

use crate::chains::ChainTable;
use crate::leaf::LeafRecord;

/// Everything that the next entry depends on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Follower {
    pub(crate) tree: Tree,
    pub(crate) chains: ChainTable,
    pub(crate) received_us: u64,
}

/// The parts of an entry that are stored beside its content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fixed {
    pub(crate) kind: u8,
    pub(crate) chain: u32,
    pub(crate) tenant_seq: u64,
    pub(crate) received_us: u64,
}

impl Follower {
    /// Takes the next entry and gives its leaf record; `store` gets the tree's new hashes.
    ///
    /// # Errors
    /// What does not follow, in words.
    pub(crate) fn follow(
        &mut self,
        fixed: &Fixed,
        salt: [u8; 16],
        envelope: &[u8],
        body: &[u8],
        store: impl FnMut(u8, u64, Hash),
    ) -> Result<LeafRecord, String> {
        let index = self.tree.size();
        let kind = Kind(fixed.kind);
        if fixed.received_us < self.received_us {
            return Err(format!("entry {index} was received before the one in front of it"));
        }
        let (chain_id, prev) = self.chains.link(fixed.chain, kind, body)?;
        let entry = Entry {
            kind,
            chain_id,
            tenant_seq: fixed.tenant_seq,
            received_at_us: fixed.received_us,
            prev,
            commitment: commitment(&Salt(salt), envelope, body),
        };
        let leaf_hash = entry.leaf_hash();
        let leaf = LeafRecord {
            kind: fixed.kind,
            chain: fixed.chain,
            tenant_seq: fixed.tenant_seq,
            previous: self.chains.previous_of(fixed.chain),
            received_us: fixed.received_us,
        };
        self.chains
            .apply(index, fixed.chain, &entry, leaf_hash, body)
            .map_err(|what| format!("entry {index}: {what}"))?;
        self.tree.append(leaf_hash, store);
        self.received_us = fixed.received_us;
        Ok(leaf)
    }
}
