//! The log's signing key: made once, for its owner only, never replaced by the program.

use std::path::Path;

use indelible_merkle::SigningKey;

use crate::StoreError;
use crate::disk::{Access, Disk, parent, random, read_file, remove_if_there};

/// Makes the key of a new log named `origin`.
pub(crate) fn create_key(disk: &dyn Disk, path: &Path, origin: &str) -> Result<SigningKey, StoreError> {
    let key = SigningKey::from_seed(origin, &random(disk)?)
        .map_err(|error| StoreError::corrupt(path, 0, format!("origin {origin:?}: {error}")))?;
    // Nothing was signed before the manifest exists, so a key without one can go.
    let write = || {
        remove_if_there(disk, path)?;
        let file = disk.open(path, Access::CreateSecret)?;
        file.write_all_at(key.to_file_text().as_bytes(), 0)?;
        file.sync()?;
        disk.sync_dir(parent(path))
    };
    write().map_err(|source| StoreError::io("create", path, source))?;
    Ok(key)
}

/// Reads the key of an existing log.
pub(crate) fn load_key(disk: &dyn Disk, path: &Path) -> Result<SigningKey, StoreError> {
    let bytes = read_file(disk, path)?.ok_or_else(|| {
        StoreError::corrupt(path, 0, "the signing key is missing; restore it from a backup")
    })?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| StoreError::corrupt(path, 0, "the key is not text"))?;
    SigningKey::from_file_text(text).map_err(|error| StoreError::corrupt(path, 0, error.to_string()))
}
