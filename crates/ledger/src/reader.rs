//! The reading side: durable entries, proofs about them, and the log's state.

use std::ops::Range;
use std::sync::Arc;

use indelible_merkle::{
    Hash, TILE_WIDTH, consistency_proof, inclusion_proof, level_len, root_at, verify_consistency,
    verify_inclusion,
};
use indelible_verify::{ChainId, ENTRY_LEN};
use tokio::sync::watch;

use crate::chains::ChainInfo;
use crate::disk::DirLock;
use crate::keeper::merkle;
use crate::shared::Shared;
use crate::{LedgerStatus, ReadError, SignedCheckpoint, StoreError, Stored};

/// Reads durable entries. Clones share one ledger and outlive its writer.
#[derive(Clone)]
pub struct LedgerReader {
    shared: Arc<Shared>,
    /// Where there is no writer, readers keep writers out.
    _lock: Option<Arc<DirLock>>,
}

impl LedgerReader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, _lock: None }
    }

    /// A reader without a writer.
    pub(crate) fn alone(shared: Arc<Shared>, lock: Option<DirLock>) -> Self {
        Self { shared, _lock: lock.map(Arc::new) }
    }

    /// Number of durable entries; only these can be read.
    pub fn durable_size(&self) -> u64 {
        self.shared.durable_size()
    }

    /// Follows the durable size. What it shows can be read at once.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.durable.subscribe()
    }

    /// The entry at `index`, checked against its leaf hash.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] from the durable size on, [`StoreError::Corrupt`], [`StoreError::Io`].
    pub fn record(&self, index: u64) -> Result<Stored, ReadError> {
        self.shared.record(index)
    }

    /// The entries of a range, all of them and in order. The newest come from memory.
    ///
    /// # Errors
    /// As [`LedgerReader::record`], for the first entry that cannot be read.
    pub fn records(&self, range: Range<u64>) -> Result<Vec<Stored>, ReadError> {
        self.shared.records(range)
    }

    /// The entries at these indexes, in the order asked for.
    ///
    /// # Errors
    /// As [`LedgerReader::record`], for the first entry that cannot be read.
    pub fn records_at(&self, indexes: &[u64]) -> Result<Vec<Stored>, ReadError> {
        indexes.iter().map(|index| self.shared.record(*index)).collect()
    }

    /// The newest signed checkpoint. It covers every entry that can be read.
    ///
    /// Show it only to those who just got a receipt; to everybody else [`LedgerReader::publish`].
    pub fn checkpoint(&self) -> Arc<SignedCheckpoint> {
        self.shared.view.read().checkpoint.clone()
    }

    /// The newest signed checkpoint, written down as released before it is given, so that it may be shown to
    /// anybody: recovery will never go back behind it. Blocks for a sync of one small file where it is newer than
    /// what was released last.
    ///
    /// # Errors
    /// [`StoreError::Io`] where that cannot be written, as in a ledger opened for reading only; nothing may be
    /// published then.
    pub fn publish(&self) -> Result<Arc<SignedCheckpoint>, ReadError> {
        self.shared.release()
    }

    /// The newest checkpoint that may be published without writing anything. At most a second old.
    pub fn released_checkpoint(&self) -> Arc<SignedCheckpoint> {
        self.shared.released_checkpoint.lock().clone()
    }

    /// The public key as C2SP writes it: `<origin>+<hash>+<key>`.
    pub fn vkey(&self) -> &str {
        &self.shared.vkey
    }

    /// The log's name in checkpoints.
    pub fn origin(&self) -> &str {
        self.shared.key.verifier().name()
    }

    /// The log's random id.
    pub fn log_id(&self) -> [u8; 16] {
        self.shared.log_id
    }

    /// Proves that the entry at `index` is in the tree of `size` entries. The proof has been checked.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] unless `index < size <= durable size`; [`StoreError::Corrupt`] where the stored
    /// hashes do not lead to the newest checkpoint.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, ReadError> {
        self.check_size(size)?;
        if index >= size {
            return Err(StoreError::OutOfRange { index, size });
        }
        let shared = &*self.shared;
        let tree = &shared.tree;
        let proof = inclusion_proof(tree, index, size).map_err(|error| merkle(error, shared))?;
        let root = self.trusted_root(size)?;
        verify_inclusion(&tree.leaf(index)?, index, size, &proof, &root)
            .map_err(|error| self.bad_hash(error))?;
        Ok(proof)
    }

    /// Proves that the tree of `from` entries is a prefix of the tree of `to` entries. The proof has been checked.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] unless `from <= to <= durable size`; [`StoreError::Corrupt`] as for
    /// [`LedgerReader::inclusion`].
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Hash>, ReadError> {
        self.check_size(to)?;
        if from > to {
            return Err(StoreError::OutOfRange { index: from, size: to });
        }
        let shared = &*self.shared;
        let proof = consistency_proof(&shared.tree, from, to).map_err(|error| merkle(error, shared))?;
        let (old, new) = (self.trusted_root(from)?, self.trusted_root(to)?);
        verify_consistency(from, to, &proof, &old, &new).map_err(|error| self.bad_hash(error))?;
        Ok(proof)
    }

    /// The root of the tree of `size` entries, led to the newest checkpoint.
    ///
    /// # Errors
    /// As [`LedgerReader::inclusion`].
    pub fn root(&self, size: u64) -> Result<Hash, ReadError> {
        self.check_size(size)?;
        self.trusted_root(size)
    }

    /// The hashes of tile `n` of `level` that a tree of at least `n * 256 + width` hashes there has, as C2SP
    /// serves them. `None` where the tree is not that large.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where a full tile does not give the hash above it; [`StoreError::Io`].
    pub fn tile(&self, level: u8, n: u64, width: usize) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(start) = self.tile_start(level, n, width) else { return Ok(None) };
        let mut hashes = vec![[0; 32]; width];
        let files = self.shared.tree.levels();
        let Some(file) = files.get(usize::from(level)) else { return Ok(None) };
        file.read(start, &mut hashes)?;
        self.check_tile(level, n, &hashes)?;
        Ok(Some(hashes.into_flattened()))
    }

    /// The entries of bundle `n` as C2SP serves them: each behind its length in two bytes. `None` where the tree
    /// is not that large.
    ///
    /// # Errors
    /// As [`LedgerReader::record`].
    pub fn entries_tile(&self, n: u64, width: usize) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(start) = self.tile_start(0, n, width) else { return Ok(None) };
        let mut out = Vec::with_capacity(width * (2 + ENTRY_LEN));
        for stored in self.shared.records(start..start + width as u64)? {
            let entry = stored.entry().encode();
            let len = u16::try_from(entry.len()).expect("an entry has 99 bytes");
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(&entry);
        }
        Ok(Some(out))
    }

    /// Every chain, in the order in which they were opened; the installation's own first.
    pub fn chains(&self) -> Vec<ChainInfo> {
        self.shared.view.read().chains.iter().cloned().collect()
    }

    /// One chain.
    pub fn chain(&self, chain: &ChainId) -> Option<ChainInfo> {
        let view = self.shared.view.read();
        view.chains.number(chain).and_then(|number| view.chains.get(number)).cloned()
    }

    /// The chain that a tenant writes to, or wrote to last.
    pub fn chain_of_tenant(&self, tenant_number: u64) -> Option<ChainInfo> {
        self.shared.view.read().chains.of_tenant(tenant_number).cloned()
    }

    /// Index of the newest entry in the chains that these tenants write to; cheap, whatever the ledger's size.
    pub fn newest_of_tenants(&self, tenant_numbers: &[u64]) -> Option<u64> {
        let view = self.shared.view.read();
        let chains = tenant_numbers.iter().filter_map(|tenant| view.chains.of_tenant(*tenant));
        chains.map(|chain| chain.head_index).max()
    }

    /// The hash of the leaf at `index`; cheap, whatever its age.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] from the durable size on, [`StoreError::Io`].
    pub fn leaf_hash(&self, index: u64) -> Result<Hash, ReadError> {
        let size = self.durable_size();
        if index >= size {
            return Err(StoreError::OutOfRange { index, size });
        }
        self.shared.tree.leaf(index)
    }

    /// No entry that can't be read yet will be received before this, in microseconds since 1970, unless the clock is set
    /// back; `None` where no request is on its way, so that the time at the call is such a bound.
    ///
    /// Ask first and for the durable size then: what was on its way in between is covered by one of the two.
    pub fn pending_since_us(&self) -> Option<u64> {
        self.shared.pending.oldest_us()
    }

    /// What the ledger is doing; the queue is only known to the writer.
    pub fn status(&self) -> LedgerStatus {
        LedgerStatus::of(&self.shared, 0)
    }

    fn check_size(&self, size: u64) -> Result<(), ReadError> {
        let durable = self.durable_size();
        if size > durable {
            return Err(StoreError::OutOfRange { index: size, size: durable });
        }
        Ok(())
    }

    /// The root at `size` by the stored hashes, if these lead from there to the newest signed root.
    fn trusted_root(&self, size: u64) -> Result<Hash, ReadError> {
        let shared = &*self.shared;
        let newest = self.checkpoint();
        if size == newest.size {
            return Ok(newest.root);
        }
        let old = root_at(&shared.tree, size)?;
        let proof =
            consistency_proof(&shared.tree, size, newest.size).map_err(|error| merkle(error, shared))?;
        verify_consistency(size, newest.size, &proof, &old, &newest.root)
            .map_err(|error| self.bad_hash(error))?;
        Ok(old)
    }

    fn bad_hash(&self, error: indelible_merkle::Error) -> StoreError {
        StoreError::corrupt(&self.shared.paths.tree, 0, format!("the stored hashes do not fit: {error}"))
    }

    fn tile_start(&self, level: u8, n: u64, width: usize) -> Option<u64> {
        if width == 0 || width > TILE_WIDTH {
            return None;
        }
        let start = n.checked_mul(TILE_WIDTH as u64)?;
        let end = start.checked_add(width as u64)?;
        (end <= level_len(level, self.durable_size())).then_some(start)
    }

    /// Compares a full tile with the hash one level above it.
    fn check_tile(&self, level: u8, n: u64, hashes: &[Hash]) -> Result<(), ReadError> {
        if hashes.len() < TILE_WIDTH || level_len(level + 1, self.durable_size()) <= n {
            return Ok(());
        }
        let mut tree = indelible_merkle::Tree::new();
        for hash in hashes {
            tree.append(*hash, |_, _, _| {});
        }
        let files = self.shared.tree.levels();
        let above = match files.get(usize::from(level) + 1) {
            Some(file) => file.get(n)?,
            None => return Ok(()),
        };
        if tree.root() != above {
            let path = files[usize::from(level)].path();
            let what = format!("tile {n} of level {level} does not give the hash above it");
            return Err(StoreError::corrupt(path, n * 256 * 32, what));
        }
        Ok(())
    }
}
