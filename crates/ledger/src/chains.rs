//! Chains: one numbered, linked row of entries for each tenant, and the bodies that open them.

use std::collections::HashMap;

use indelible_merkle::Hash;
use indelible_verify::{ChainId, Entry, Kind};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::leaf::NO_PREVIOUS;

/// What is known about a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainInfo {
    /// Its random name.
    pub chain: ChainId,
    /// The tenant that writes to it; 0 is the installation itself.
    pub tenant_number: u64,
    /// The tenant's name when the chain was opened.
    pub tenant_name: String,
    /// The tenant's UUID.
    pub tenant_uuid: [u8; 16],
    /// Index of the chain-open entry.
    pub opened_index: u64,
    /// `tenant_seq` of the chain's next entry.
    pub next_seq: u64,
    /// Index of the chain's newest entry.
    pub head_index: u64,
    /// Leaf hash of the chain's newest entry.
    pub head: Hash,
    /// Whether a chain-close entry ended it.
    pub closed: bool,
}

/// The body of a chain-open entry.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ChainOpenBody {
    pub(crate) chain: String,
    pub(crate) tenant_number: u64,
    pub(crate) tenant_name: String,
    pub(crate) tenant_uuid: String,
    /// The tenant's chain before this one and its newest leaf hash, in hex.
    pub(crate) previous_chain: Option<String>,
    pub(crate) previous_head: Option<String>,
    pub(crate) details: Option<Box<RawValue>>,
}

/// Every chain, by its number: the order in which they were opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChainTable {
    chains: Vec<ChainInfo>,
    numbers: HashMap<ChainId, u32>,
    /// Number of each tenant's newest chain.
    tenants: HashMap<u64, u32>,
}

impl ChainTable {
    pub(crate) fn len(&self) -> usize {
        self.chains.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &ChainInfo> {
        self.chains.iter()
    }

    pub(crate) fn number(&self, chain: &ChainId) -> Option<u32> {
        self.numbers.get(chain).copied()
    }

    pub(crate) fn get(&self, number: u32) -> Option<&ChainInfo> {
        self.chains.get(number as usize)
    }

    /// The chain that the tenant writes to, or wrote to last.
    pub(crate) fn of_tenant(&self, tenant_number: u64) -> Option<&ChainInfo> {
        self.get(*self.tenants.get(&tenant_number)?)
    }

    /// Adds a chain as it is.
    pub(crate) fn push(&mut self, chain: ChainInfo) {
        let number = u32::try_from(self.chains.len()).expect("chains are counted in u32");
        self.numbers.insert(chain.chain, number);
        self.tenants.insert(chain.tenant_number, number);
        self.chains.push(chain);
    }

    /// Takes over newer states of chains, new chains in the order of their numbers.
    pub(crate) fn update(&mut self, changes: &[(u32, ChainInfo)]) {
        for (number, info) in changes {
            match self.chains.get_mut(*number as usize) {
                Some(chain) => *chain = info.clone(),
                None => self.push(info.clone()),
            }
        }
    }

    /// Index of the chain's newest entry as a leaf record has it.
    pub(crate) fn previous_of(&self, number: u32) -> u64 {
        self.get(number).map_or(NO_PREVIOUS, |chain| chain.head_index)
    }

    /// The chain's id and the hash that its next entry links to. `body` is needed where the entry opens the chain.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn link(&self, number: u32, kind: Kind, body: &[u8]) -> Result<(ChainId, Hash), String> {
        match self.get(number) {
            Some(chain) => Ok((chain.chain, chain.head)),
            None if kind == Kind::CHAIN_OPEN && number as usize == self.len() => {
                Ok((parse_open(body)?.0, [0; 32]))
            }
            None => Err(format!("chain number {number} was not opened, {} chains are known", self.len())),
        }
    }

    /// Follows one more entry.
    ///
    /// # Errors
    /// What does not fit, in words: a gap, a wrong link, a chain opened twice or never.
    pub(crate) fn apply(
        &mut self,
        index: u64,
        number: u32,
        entry: &Entry,
        leaf: Hash,
        body: &[u8],
    ) -> Result<(), String> {
        if entry.kind == Kind::CHAIN_OPEN {
            let (chain, mut info) = parse_open(body)?;
            if number as usize != self.len() || self.numbers.contains_key(&chain) || chain != entry.chain_id {
                return Err(format!("chain-open of {chain} as number {number} does not fit"));
            }
            (info.opened_index, info.head_index, info.head) = (index, index, leaf);
            if entry.tenant_seq != 0 || entry.prev != [0; 32] {
                return Err("a chain-open entry is not the first of its chain".to_owned());
            }
            self.push(info);
            return Ok(());
        }
        let known = self.len();
        let chain = self
            .chains
            .get_mut(number as usize)
            .ok_or_else(|| format!("chain number {number} was not opened, {known} chains are known"))?;
        if chain.chain != entry.chain_id || entry.tenant_seq != chain.next_seq || entry.prev != chain.head {
            return Err(format!(
                "entry {} of chain {} does not follow entry {} of chain {}",
                entry.tenant_seq,
                entry.chain_id,
                chain.next_seq.wrapping_sub(1),
                chain.chain
            ));
        }
        if chain.closed {
            return Err(format!("chain {} goes on after its chain-close entry", chain.chain));
        }
        (chain.next_seq, chain.head, chain.head_index) = (chain.next_seq + 1, leaf, index);
        chain.closed = entry.kind == Kind::CHAIN_CLOSE;
        Ok(())
    }

    /// Moves a chain's end to an entry whose links were checked before; [`ChainTable::set_head`] must follow.
    pub(crate) fn advance(
        &mut self,
        index: u64,
        number: u32,
        kind: Kind,
        tenant_seq: u64,
        body: &[u8],
    ) -> Result<(), String> {
        if kind == Kind::CHAIN_OPEN {
            let (_, mut info) = parse_open(body)?;
            (info.opened_index, info.head_index) = (index, index);
            self.push(info);
        }
        let chain =
            self.chains.get_mut(number as usize).ok_or_else(|| format!("no chain has number {number}"))?;
        (chain.next_seq, chain.head_index) = (tenant_seq + 1, index);
        chain.closed = kind == Kind::CHAIN_CLOSE;
        Ok(())
    }

    /// Reads the head's hash again after [`ChainTable::advance`].
    pub(crate) fn set_head<E>(
        &mut self,
        number: u32,
        leaf: impl Fn(u64) -> Result<Hash, E>,
    ) -> Result<(), E> {
        if let Some(chain) = self.chains.get_mut(number as usize) {
            chain.head = leaf(chain.head_index)?;
        }
        Ok(())
    }
}

/// What a chain-open body says; index and head are the caller's to fill in.
fn parse_open(body: &[u8]) -> Result<(ChainId, ChainInfo), String> {
    let open: ChainOpenBody =
        serde_json::from_slice(body).map_err(|error| format!("chain-open body: {error}"))?;
    let sixteen = |text: &str| {
        let mut out = [0; 16];
        hex::decode_to_slice(text.replace('-', ""), &mut out)
            .map_err(|_| format!("chain-open body: {text:?}"))?;
        Ok::<_, String>(out)
    };
    let chain = ChainId(sixteen(&open.chain)?);
    let info = ChainInfo {
        chain,
        tenant_number: open.tenant_number,
        tenant_name: open.tenant_name,
        tenant_uuid: sixteen(&open.tenant_uuid)?,
        opened_index: 0,
        next_seq: 1,
        head_index: 0,
        head: [0; 32],
        closed: false,
    };
    Ok((chain, info))
}
