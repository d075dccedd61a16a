//! The trail as a whole: ledger, index and control data behind one door.

use std::sync::Arc;

use indelible_control::{Control, Permission};
use indelible_ledger::LedgerReader;
use indelible_search::{Decode, Progress, Search};

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
    pub(crate) seal: CursorSeal,
}

impl Trail {
    /// Takes the handles over; afterwards events can be read through [`Self::reader`] only.
    pub fn new(
        ledger: LedgerReader,
        search: Search,
        control: Control,
        decode: Arc<dyn Decode>,
        seal: CursorSeal,
    ) -> Self {
        Self { inner: Arc::new(Inner { ledger, search, control, decode, seal }) }
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

    /// The log's hashes: checkpoints, tiles, proofs between sizes. They hold no contents.
    ///
    /// # Errors
    /// [`ReadError::Forbidden`] without `audit.verify`.
    pub fn log(&self, principal: &Principal) -> Result<LogReader<'_>, ReadError> {
        if !principal.may(Permission::AuditVerify) {
            return Err(ReadError::Forbidden(Permission::AuditVerify));
        }
        Ok(LogReader { ledger: &self.inner.ledger, everything: principal.sees_everything() })
    }

    /// How far the index is; no contents.
    pub fn progress(&self) -> Progress {
        self.inner.search.progress()
    }

    /// The highest tenant number that the ledger knows: a number is never used twice, even after a lost database.
    pub fn tenant_number_max(&self) -> u64 {
        self.inner.ledger.chains().iter().map(|chain| chain.tenant_number).max().unwrap_or(0)
    }

    /// Persists the index and stops following the ledger.
    pub fn close(&self) {
        self.inner.search.close();
    }
}

/// Reads the log's hashes for a caller with `audit.verify`.
pub struct LogReader<'a> {
    ledger: &'a LedgerReader,
    everything: bool,
}

impl LogReader<'_> {
    /// The ledger's hashes: checkpoint, tiles, consistency proofs.
    pub fn hashes(&self) -> &LedgerReader {
        // Entries and contents are reachable from here too; the server's routes use it for hashes alone, and
        // `entries` below is the one door to entries.
        self.ledger
    }

    /// The entries' reader, for callers with reach over everything: entries show every chain's activity.
    ///
    /// # Errors
    /// [`ReadError::Forbidden`] with a smaller reach.
    pub fn entries(&self) -> Result<&LedgerReader, ReadError> {
        if self.everything { Ok(self.ledger) } else { Err(ReadError::Forbidden(Permission::AuditVerify)) }
    }
}
