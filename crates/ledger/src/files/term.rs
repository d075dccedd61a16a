//! The writer term: raised and synced each time the ledger is opened, so that two openings never share one.

use std::path::Path;

use crate::StoreError;
use crate::codec::{Fields, checked};
use crate::disk::{Disk, read_file, replace_file};

const MAGIC: [u8; 8] = *b"IDLTRM\0\x01";

/// Writes term 0 where there is no term file yet.
pub(crate) fn create_term(disk: &dyn Disk, path: &Path, log_id: &[u8; 16]) -> Result<(), StoreError> {
    store_term(disk, path, log_id, 0)
}

/// Reads the term of this log.
pub(crate) fn load_term(disk: &dyn Disk, path: &Path, log_id: &[u8; 16]) -> Result<u64, StoreError> {
    let bytes =
        read_file(disk, path)?.ok_or_else(|| StoreError::corrupt(path, 0, "the term file is missing"))?;
    let term = checked(&bytes).and_then(|head| {
        let mut f = Fields::new(head);
        let ours = f.array().ok()? == MAGIC && f.array().ok()? == *log_id;
        let term = f.u64().ok()?;
        (ours && f.is_empty()).then_some(term)
    });
    term.ok_or_else(|| StoreError::corrupt(path, 0, "the term file is damaged or belongs to another log"))
}

/// Writes the term, durable when this returns.
pub(crate) fn store_term(
    disk: &dyn Disk,
    path: &Path,
    log_id: &[u8; 16],
    term: u64,
) -> Result<(), StoreError> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(log_id);
    out.extend_from_slice(&term.to_be_bytes());
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_be_bytes());
    replace_file(disk, path, &out)
}
