//! Chains: each tenant's entries are numbered without gaps and each links to the one before.
//!
//! Format: `docs/protocol/entry.md`. Feed every entry of a log in index order; what is accepted is complete as
//! received, up to the newest entry of each chain. Left out: what chain-open bodies say, and heads.

use std::collections::HashMap;

use indelible_merkle::Hash;

use crate::entry::{ChainId, Entry, Kind};
use crate::error::Error;

/// The end of one chain: what its next entry must follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The tenant_seq that the next entry must have; also the number of entries so far.
    pub next_seq: u64,
    /// The leaf hash of the newest entry, which the next must link to.
    pub head: Hash,
}

/// The ends of all chains of a log.
#[derive(Clone, Debug, Default)]
pub struct Chains {
    ends: HashMap<ChainId, Chain>,
}

impl Chains {
    /// Accepts the log's next entry. `leaf` must be its leaf hash; the caller usually has it already.
    ///
    /// # Errors
    /// [`Error::ChainNotOpened`], [`Error::ChainReopened`], [`Error::ChainSequence`] or [`Error::ChainLink`];
    /// the chains are then as before.
    pub fn accept(&mut self, entry: &Entry, leaf: Hash) -> Result<(), Error> {
        let end = self.ends.get(&entry.chain_id);
        let expected = match (end, entry.kind == Kind::CHAIN_OPEN) {
            (None, true) => Chain { next_seq: 0, head: [0; 32] },
            (Some(end), false) => *end,
            (None, false) => return Err(Error::ChainNotOpened),
            (Some(_), true) => return Err(Error::ChainReopened),
        };
        if entry.tenant_seq != expected.next_seq {
            return Err(Error::ChainSequence { got: entry.tenant_seq, expected: expected.next_seq });
        }
        if entry.prev != expected.head {
            return Err(Error::ChainLink { seq: entry.tenant_seq });
        }
        // 2^64 entries cannot be written; a forged chain that claims so ends here.
        let next_seq = entry.tenant_seq.saturating_add(1);
        self.ends.insert(entry.chain_id, Chain { next_seq, head: leaf });
        Ok(())
    }

    /// Returns the end of this chain, or `None` where it was not opened.
    pub fn get(&self, id: &ChainId) -> Option<&Chain> {
        self.ends.get(id)
    }

    /// Returns the ends of all chains, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&ChainId, &Chain)> {
        self.ends.iter()
    }

    /// Returns the number of chains.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns whether no chain was opened.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: Kind, chain: u8, tenant_seq: u64, prev: Hash) -> Entry {
        let chain_id = ChainId([chain; 16]);
        Entry { kind, chain_id, tenant_seq, received_at_us: 1, prev, commitment: [5; 32] }
    }

    #[test]
    fn follows_interleaved_chains() {
        let mut chains = Chains::default();
        let mut heads = [[0; 32]; 2];
        for seq in 0..5 {
            for chain in [0u8, 1] {
                let kind = if seq == 0 { Kind::CHAIN_OPEN } else { Kind::EVENT };
                let entry = entry(kind, chain, seq, heads[usize::from(chain)]);
                heads[usize::from(chain)] = entry.leaf_hash();
                assert_eq!(chains.accept(&entry, entry.leaf_hash()), Ok(()));
            }
        }
        assert_eq!(chains.len(), 2);
        assert_eq!(chains.get(&ChainId([1; 16])), Some(&Chain { next_seq: 5, head: heads[1] }));
    }

    #[test]
    fn refuses_what_does_not_follow() {
        let open = entry(Kind::CHAIN_OPEN, 1, 0, [0; 32]);
        let mut chains = Chains::default();
        chains.accept(&open, open.leaf_hash()).unwrap();
        let head = open.leaf_hash();
        for (entry, error) in [
            (entry(Kind::EVENT, 2, 0, [0; 32]), Error::ChainNotOpened),
            (entry(Kind::EVENT, 1, 1, [0; 32]), Error::ChainLink { seq: 1 }),
            (entry(Kind::EVENT, 1, 2, head), Error::ChainSequence { got: 2, expected: 1 }),
            (entry(Kind::EVENT, 1, 0, head), Error::ChainSequence { got: 0, expected: 1 }),
            (entry(Kind::CHAIN_OPEN, 1, 0, [0; 32]), Error::ChainReopened),
            (entry(Kind::CHAIN_OPEN, 3, 1, [0; 32]), Error::ChainSequence { got: 1, expected: 0 }),
            (entry(Kind::CHAIN_OPEN, 3, 0, head), Error::ChainLink { seq: 0 }),
        ] {
            assert_eq!(chains.accept(&entry, entry.leaf_hash()), Err(error), "{entry:?}");
        }
        assert_eq!(chains.iter().count(), 1);
        let next = entry(Kind(77), 1, 1, head);
        assert_eq!(chains.accept(&next, next.leaf_hash()), Ok(()));
    }
}
