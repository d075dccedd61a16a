//! Opening to look: the same files, believed under the same conditions, and nothing written.

use std::sync::Arc;

use super::load::Loaded;
use crate::disk::{Disk, ReadOnlyDisk};
use crate::files::Manifest;
use crate::shared::{Paths, Shared};
use crate::{LedgerConfig, OpenProgress, StoreError};

/// Opens the ledger at `paths` for readers. What the WAL holds beyond the last seal stays in memory, and a torn
/// tail is left where it is: no reader sees it.
pub(crate) fn open_read_only(
    disk: Arc<dyn Disk>,
    paths: Paths,
    config: LedgerConfig,
    on_progress: &dyn Fn(OpenProgress),
) -> Result<Arc<Shared>, StoreError> {
    let disk = Arc::new(ReadOnlyDisk(disk));
    let manifest =
        Manifest::load(&*disk, &paths.manifest)?.ok_or_else(|| StoreError::no_ledger(&paths.manifest))?;
    let loaded = Loaded::load(&*disk, &paths, manifest, usize::MAX, on_progress)?;
    let (shared, rest) = loaded.share(disk, paths, config)?;
    if let Some(cut) = rest.walked.cut {
        tracing::warn!(segment = %cut.segment.display(), offset = cut.offset, what = cut.what, "left out a torn tail");
    }
    on_progress(OpenProgress::Ready { size: shared.durable_size() });
    Ok(shared)
}
