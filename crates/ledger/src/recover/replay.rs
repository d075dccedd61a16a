//! From the manifest and the WAL to the state of the ledger, every entry derived again.

use std::path::Path;
use std::sync::Arc;

use indelible_merkle::{Tree, root_at};

use crate::content::ContentSegment;
use crate::disk::Disk;
use crate::files::{Manifest, Released};
use crate::flat::Flat;
use crate::follow::{Fixed, Follower};
use crate::ids::replay_key;
use crate::shared::Paths;
use crate::tree::TreeFiles;
use crate::wal::{FrameAt, FrameHeader, Unpacked, WalkFrom, Walked, walk};
use crate::{OpenProgress, StoreError};

/// What the stored files gave.
pub(super) struct Replayed {
    pub(super) tree: TreeFiles,
    pub(super) leaves: Flat,
    pub(super) contents: Vec<Arc<ContentSegment>>,
    pub(super) follower: Follower,
    pub(super) frames: Vec<FrameAt>,
    /// Frame number, key, time and value of the idempotency keys in the WAL.
    pub(super) replays: Vec<(u64, Vec<u8>, u64, Vec<u8>)>,
    pub(super) walked: Walked,
}

/// Opens what the manifest names, walks the rest and compares it with what was released. Writes nothing durable.
pub(super) fn replay(
    disk: &dyn Disk,
    paths: &Paths,
    manifest: &Manifest,
    released: Released,
    term: u64,
    unwritten_max: usize,
    on_progress: &dyn Fn(OpenProgress),
) -> Result<Replayed, StoreError> {
    let tree = TreeFiles::open(disk, paths.tree.clone(), manifest.sealed)?;
    let leaves = Flat::open(disk, paths.leaves.clone(), manifest.sealed)?;
    let segment = |entry| ContentSegment::open(disk, &paths.content, &manifest.log_id, entry).map(Arc::new);
    let contents = manifest.segments.iter().map(|entry| segment(*entry)).collect::<Result<_, _>>()?;
    let restored = Tree::restore(&tree, manifest.sealed)?;
    if restored.root() != manifest.root {
        let what = format!("the files' root at size {} is not the manifest's", manifest.sealed);
        return Err(StoreError::corrupt(&paths.tree, 0, what));
    }
    let mut follower =
        Follower { tree: restored, chains: manifest.chains.clone(), received_us: manifest.received_us };
    let mut released_seen = released.size <= manifest.sealed;
    if released_seen && root_at(&tree, released.size)? != released.root {
        return Err(two_histories(&paths.released, &released));
    }
    let from = WalkFrom {
        log_id: manifest.log_id,
        place: manifest.wal,
        size: manifest.sealed,
        released: released.size,
        term,
    };
    let (mut frames, mut replays) = (Vec::new(), Vec::new());
    let walked = walk(disk, &paths.wal, &from, |frame, header, unpacked| {
        follow_frame(disk, frame, header, &unpacked, &mut follower, &tree, &leaves)?;
        if leaves.unwritten() > unwritten_max {
            leaves.write_out(disk)?;
            tree.levels().iter().try_for_each(|level| level.write_out(disk))?;
        }
        if header.size == released.size && header.count > 0 {
            released_seen = true;
            if header.root != released.root {
                return Err(two_histories(&paths.released, &released));
            }
        }
        replays.extend(unpacked.replays.into_iter().filter_map(|row| {
            let at = row.value.first_chunk().map(|at| u64::from_be_bytes(*at))?;
            Some((frame.number, replay_key(&row.owner, &row.key), at, row.value))
        }));
        frames.push(frame.clone());
        on_progress(OpenProgress::Replaying { size: header.size });
        Ok(())
    })?;
    if !released_seen {
        let what = format!("checkpoint {} was released, but no frame ends there", released.size);
        return Err(StoreError::corrupt(&paths.released, 0, what));
    }
    Ok(Replayed { tree, leaves, contents, follower, frames, replays, walked })
}

fn two_histories(path: &Path, released: &Released) -> StoreError {
    let what = format!("the stored entries do not give the root that was released at size {}", released.size);
    StoreError::corrupt(path, 0, what)
}

/// Derives a frame's entries again and compares the root.
fn follow_frame(
    disk: &dyn Disk,
    frame: &FrameAt,
    header: &FrameHeader,
    unpacked: &Unpacked,
    follower: &mut Follower,
    tree: &TreeFiles,
    leaves: &Flat,
) -> Result<(), StoreError> {
    let damaged = |what: String| StoreError::corrupt(&frame.segment.path, frame.offset, what);
    let mut nodes = Vec::new();
    let mut at = 0;
    for row in &unpacked.rows {
        let middle = at + row.envelope_len as usize;
        let end = middle + row.body_len as usize;
        let fixed = Fixed {
            kind: row.kind,
            chain: row.chain,
            tenant_seq: row.tenant_seq,
            received_us: row.received_us,
        };
        let (envelope, body) = (&unpacked.raw[at..middle], &unpacked.raw[middle..end]);
        let leaf = follower
            .follow(&fixed, row.salt, envelope, body, |level, _, hash| nodes.push((level, hash)))
            .map_err(damaged)?;
        leaves.extend([leaf.encode()]);
        at = end;
    }
    if follower.tree.root() != header.root {
        return Err(damaged(format!("frame {} does not give the root that it names", header.number)));
    }
    tree.extend(disk, &nodes)
}
