//! Making a new ledger.

use std::path::Path;

use indelible_merkle::empty_root;

use crate::chains::ChainTable;
use crate::disk::{Disk, random};
use crate::files::{Manifest, ReleasedFile, create_key, create_term};
use crate::shared::Paths;
use crate::wal::FramePlace;
use crate::{LedgerConfig, StoreError};

/// Makes the files of a new ledger; the manifest last, since a ledger exists from then on.
pub(super) fn create(
    disk: &dyn Disk,
    paths: &Paths,
    config: &LedgerConfig,
    now_us: u64,
) -> Result<Manifest, StoreError> {
    let make = |dir: &Path| disk.create_dir(dir).map_err(|source| StoreError::io("create", dir, source));
    for dir in [&paths.wal, &paths.tree, &paths.content] {
        make(dir)?;
        let names = disk.list(dir).map_err(|source| StoreError::io("list", dir, source))?;
        if let Some(name) = names.iter().find(|name| !name.ends_with(".tmp")) {
            let what = "the manifest is missing, but the ledger holds data";
            return Err(StoreError::corrupt(&dir.join(name), 0, what));
        }
    }
    disk.sync_dir(&paths.root).map_err(|source| StoreError::io("sync", &paths.root, source))?;
    let log_id: [u8; 16] = random(disk)?;
    let origin = format!("{}/{}", config.origin_name, hex::encode(log_id));
    let key = create_key(disk, &paths.key, &origin)?;
    create_term(disk, &paths.term, &log_id)?;
    ReleasedFile::create(disk, &paths.released, &log_id, empty_root())?;
    let manifest = Manifest {
        log_id,
        origin,
        vkey: key.verifier().to_string(),
        created_us: now_us,
        generation: 0,
        sealed: 0,
        root: empty_root(),
        received_us: 0,
        wal: FramePlace::default(),
        segments: Vec::new(),
        chains: ChainTable::default(),
    };
    manifest.store(disk, &paths.manifest)?;
    Ok(manifest)
}
