//! The trail as a whole: ledger, index and control data behind one door.

use std::sync::Arc;

use indelible_control::{Control, Permission};
use indelible_event::Timestamp;
use indelible_ledger::{ChainInfo, LedgerReader, Record, SignedCheckpoint, Stored};
use indelible_merkle::{Hash, TilePath};
use indelible_search::{Catalogue, Decode, Progress, Search};
use indelible_verify::{ChainId, Kind};
use tokio::sync::watch;

use crate::{CursorSeal, Principal, ReadError, ScopedReader};

/// Holds the only handles that can read events. Clones are cheap.
#[derive(Clone)]
pub struct Trail {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) ledger: LedgerReader,
    pub(crate) search: Search,
    pub(crate) control: Control,
    pub(crate) decode: Arc<dyn Decode>,
    pub(crate) catalogue: Arc<dyn Catalogue + Send + Sync>,
    pub(crate) seal: CursorSeal,
}

impl Trail {
    /// Takes the handles over; afterwards events can be read through [`Self::reader`] only.
    pub fn new(
        ledger: LedgerReader,
        search: Search,
        control: Control,
        decode: Arc<dyn Decode>,
        catalogue: Arc<dyn Catalogue + Send + Sync>,
        seal: CursorSeal,
    ) -> Self {
        Self { inner: Arc::new(Inner { ledger, search, control, decode, catalogue, seal }) }
    }

    /// A reader that sees what `principal` may see.
    ///
    /// # Errors
    /// [`ReadError::Forbidden`] without `audit.read`.
    pub fn reader(&self, principal: &Principal) -> Result<ScopedReader, ReadError> {
        if !principal.may(Permission::AuditRead) {
            return Err(ReadError::Forbidden(Permission::AuditRead));
        }
        Ok(ScopedReader::new(self.clone(), principal))
    }

    /// A reader that sees what `principal` may see and do this with, such as taking it out.
    ///
    /// # Errors
    /// [`ReadError::Forbidden`] without `audit.read` or `permission`.
    pub fn reader_for(
        &self,
        principal: &Principal,
        permission: Permission,
    ) -> Result<ScopedReader, ReadError> {
        for needed in [Permission::AuditRead, permission] {
            if !principal.may(needed) {
                return Err(ReadError::Forbidden(needed));
            }
        }
        Ok(ScopedReader::new_for(self.clone(), principal, permission))
    }

    /// The log's hashes: checkpoints, tiles, proofs between sizes. They hold no contents.
    ///
    /// # Errors
    /// [`ReadError::Forbidden`] without `audit.verify`.
    pub fn log(&self, principal: &Principal) -> Result<LogReader<'_>, ReadError> {
        if !principal.may(Permission::AuditVerify) {
            return Err(ReadError::Forbidden(Permission::AuditVerify));
        }
        Ok(LogReader {
            ledger: &self.inner.ledger,
            everything: principal.may_everywhere(Permission::AuditVerify),
        })
    }

    /// How far the index is; no contents.
    pub fn progress(&self) -> Progress {
        self.inner.search.progress()
    }

    /// Notice of every change of what is searchable. The number tells how much is received, so it is for the server's
    /// own use.
    pub fn searchable(&self) -> watch::Receiver<u64> {
        self.inner.search.indexed()
    }

    /// What the server itself wrote into the ledger.
    pub fn own_entries(&self) -> OwnEntries {
        OwnEntries::new(&self.inner.ledger)
    }

    /// Persists the index and stops following the ledger.
    pub fn close(&self) {
        self.inner.search.close();
    }
}

/// Reads the log's hashes for a caller with `audit.verify`; never contents.
pub struct LogReader<'a> {
    ledger: &'a LedgerReader,
    everything: bool,
}

impl LogReader<'_> {
    /// Origin line of the checkpoints.
    pub fn origin(&self) -> &str {
        self.ledger.origin()
    }

    /// The verifier key.
    pub fn vkey(&self) -> &str {
        self.ledger.vkey()
    }

    /// The newest checkpoint, noted as released before it is given: recovery never goes back behind it.
    ///
    /// # Errors
    /// The ledger's.
    pub fn checkpoint(&self) -> Result<Arc<SignedCheckpoint>, ReadError> {
        Ok(self.ledger.publish()?)
    }

    /// Leaves in the tree that are on disk.
    pub fn size(&self) -> u64 {
        self.ledger.durable_size()
    }

    /// Hashes that prove the tree of `from` leaves to be a prefix of that of `to`.
    ///
    /// # Errors
    /// The ledger's.
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Hash>, ReadError> {
        Ok(self.ledger.consistency(from, to)?)
    }

    /// The bytes of a tile; `None` where the tree has no such one. Tiles of entries need reach over everything,
    /// because entries show every chain's activity.
    ///
    /// # Errors
    /// [`ReadError::Forbidden`] for entries with a smaller reach; the ledger's.
    pub fn tile(&self, path: &TilePath) -> Result<Option<Vec<u8>>, ReadError> {
        let width = path.width().into();
        match path.level() {
            Some(level) => Ok(self.ledger.tile(level, path.index(), width)?),
            None if self.everything => Ok(self.ledger.entries_tile(path.index(), width)?),
            None => Err(ReadError::Forbidden(Permission::AuditVerify)),
        }
    }
}

/// Reads what the server itself wrote into the ledger (openings of chains, settings); never an event.
#[derive(Clone)]
pub struct OwnEntries {
    ledger: LedgerReader,
}

/// An entry that the server wrote.
pub struct OwnEntry {
    /// Leaf index.
    pub index: u64,
    /// What it is.
    pub kind: Kind,
    /// The chain that it is in.
    pub chain: ChainId,
    /// When it was written.
    pub received_at: Timestamp,
    /// Its body, JSON.
    pub body: Vec<u8>,
}

/// Entries read at once while looking for the server's own.
const SCANNED_AT_ONCE: u64 = 1_000;

impl OwnEntries {
    /// For the ledger behind `ledger`.
    pub fn new(ledger: &LedgerReader) -> Self {
        Self { ledger: ledger.clone() }
    }

    /// Every chain.
    pub fn chains(&self) -> Vec<ChainInfo> {
        self.ledger.chains()
    }

    /// Entries that are durable.
    pub fn size(&self) -> u64 {
        self.ledger.durable_size()
    }

    /// The entry at `index`, if it is the server's own.
    ///
    /// # Errors
    /// The ledger's.
    pub fn entry(&self, index: u64) -> Result<Option<OwnEntry>, ReadError> {
        Ok(self.ledger.record(index)?.whole().and_then(|record| own(&record)))
    }

    /// Calls `take` with each of the server's own entries from `from` on.
    ///
    /// # Errors
    /// The ledger's.
    pub fn each_from(&self, from: u64, mut take: impl FnMut(OwnEntry)) -> Result<(), ReadError> {
        let size = self.size();
        let mut next = from;
        while next < size {
            let records = self.ledger.records(next..size.min(next + SCANNED_AT_ONCE))?;
            next += records.len() as u64;
            // What was removed was an event, and none of the server's own entries.
            records
                .into_iter()
                .filter_map(Stored::whole)
                .filter_map(|record| own(&record))
                .for_each(&mut take);
        }
        Ok(())
    }
}

fn own(record: &Record) -> Option<OwnEntry> {
    (record.entry.kind != Kind::EVENT).then(|| OwnEntry {
        index: record.index,
        kind: record.entry.kind,
        chain: record.entry.chain_id,
        received_at: record.received_at(),
        body: record.body.clone(),
    })
}
