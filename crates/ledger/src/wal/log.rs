//! The writing end of the WAL: one frame at a time, durable when [`Wal::write`] returns.
//!
//! Any error is final: the caller must end the process, since nobody knows what reached the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::frame::{Draft, FRAME_ALIGN, FrameHeader, HEADER_LEN, Unpacked};
use super::segment::{Next, Segment, SegmentHeader, segment_name};
use crate::StoreError;
use crate::codec::crc_of;
use crate::disk::{Access, Disk, DiskFile, parent, random, remove_if_there};

/// Largest size of a segment that is made on the spot because no prepared one is ready; not pre-written.
const PLAIN_SEGMENT_BYTES: u64 = 4 << 20;
/// Zeros written at a time while a segment is prepared.
const ZERO_CHUNK: u64 = 1 << 20;

/// Where the log ends: what the next frame and the next segment must refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct FramePlace {
    /// The segment that holds the last frame; zeros if there was none yet.
    pub(crate) segment_id: [u8; 16],
    /// Where the next frame would start in it.
    pub(crate) offset: u64,
    /// Header CRC of the last frame.
    pub(crate) crc: u32,
    /// Number of the next frame.
    pub(crate) number: u64,
}

/// A durable frame that can be read again.
#[derive(Clone)]
pub(crate) struct FrameAt {
    pub(crate) first: u64,
    /// Tree size after this frame.
    pub(crate) size: u64,
    pub(crate) number: u64,
    /// Bytes of envelopes and bodies.
    pub(crate) raw_len: u32,
    pub(crate) offset: u64,
    pub(crate) crc: u32,
    pub(crate) segment: Arc<Segment>,
}

impl FrameAt {
    pub(crate) fn new(segment: Arc<Segment>, offset: u64, header: &FrameHeader, crc: u32) -> Self {
        Self {
            first: header.first,
            size: header.size,
            number: header.number,
            raw_len: header.raw_len,
            offset,
            crc,
            segment,
        }
    }

    /// Where the log stands behind this frame.
    pub(crate) fn place_after(&self, frame_len: u64) -> FramePlace {
        FramePlace {
            segment_id: self.segment.id,
            offset: align(self.offset + frame_len),
            crc: self.crc,
            number: self.number + 1,
        }
    }

    /// Reads the frame back, checking both CRCs, and gives where the log stands behind it.
    pub(crate) fn read(&self) -> Result<(Unpacked, FramePlace), StoreError> {
        let damaged = |what: String| StoreError::corrupt(&self.segment.path, self.offset, what);
        match self.segment.next(self.offset)? {
            Next::Frame { header, crc, bytes } if crc == self.crc => {
                let (columns, block) = bytes.split_at(header.columns_len as usize);
                let unpacked = Unpacked::parse(&header, columns, block).map_err(damaged)?;
                Ok((unpacked, self.place_after(header.frame_len())))
            }
            Next::Frame { .. } => Err(damaged("another frame stands here".to_owned())),
            Next::End => Err(damaged("zeros where a frame was".to_owned())),
            Next::Garbage { what } => Err(damaged(what)),
        }
    }
}

/// A file of zeros, waiting to become a segment.
pub(crate) struct Spare {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    bytes: u64,
}

/// The place where the background leaves the next segment. At most one waits there.
pub(crate) type SpareSlot = Arc<Mutex<Option<Spare>>>;

/// Prepares a segment: a synced file of zeros under a name that nobody reads.
///
/// Between chunks it asks `go_on`, so that closing does not wait for the disk.
pub(crate) fn prepare_spare(
    disk: &dyn Disk,
    dir: &Path,
    bytes: u64,
    go_on: &dyn Fn() -> bool,
) -> Result<Option<Spare>, StoreError> {
    let path = dir.join(format!("spare-{}.tmp", hex::encode(random::<8>(disk)?)));
    let zeros = vec![0; usize::try_from(ZERO_CHUNK.min(bytes)).expect("a chunk fits")];
    let write = || {
        let file = disk.open(&path, Access::Create)?;
        let mut at = 0;
        while at < bytes {
            if !go_on() {
                disk.remove(&path)?;
                return Ok(None);
            }
            let len = ZERO_CHUNK.min(bytes - at);
            file.write_all_at(&zeros[..usize::try_from(len).expect("a chunk fits")], at)?;
            at += len;
            // Often, so that a frame's own sync never waits behind a whole segment of zeros.
            file.sync()?;
        }
        Ok(Some(file))
    };
    let file = write().map_err(|source| StoreError::io("prepare", &path, source));
    if !matches!(file, Ok(Some(_))) {
        // It is only zeros; what cannot be removed now goes at the next opening.
        let _ = remove_if_there(disk, &path);
    }
    Ok(file?.map(|file| Spare { path, file, bytes }))
}

/// The WAL as its only writer has it.
pub(crate) struct Wal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    log_id: [u8; 16],
    term: u64,
    /// Size of a segment that is made on the spot.
    plain_bytes: u64,
    spare: SpareSlot,
    segment: Option<Arc<Segment>>,
    place: FramePlace,
}

impl Wal {
    /// Goes on behind `place`, in a new segment.
    pub(crate) fn resume(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        log_id: [u8; 16],
        term: u64,
        place: FramePlace,
        spare: SpareSlot,
        segment_bytes: u64,
    ) -> Self {
        let plain_bytes = segment_bytes.min(PLAIN_SEGMENT_BYTES);
        Self { disk, dir, log_id, term, plain_bytes, spare, segment: None, place }
    }

    /// Number of the next frame.
    pub(crate) fn next_number(&self) -> u64 {
        self.place.number
    }

    /// The next frame begins a new segment.
    pub(crate) fn rotate(&mut self) {
        self.segment = None;
    }

    /// Bytes that can be written without asking the file system for more.
    pub(crate) fn reserved_bytes(&self) -> u64 {
        let left = self.segment.as_ref().map_or(0, |segment| segment.bytes.saturating_sub(self.place.offset));
        left + self.spare.lock().as_ref().map_or(0, |spare| spare.bytes)
    }

    /// Writes one frame and makes it durable. `durable` is the tree size known durable, `now_us` the time.
    ///
    /// # Errors
    /// The frame may or may not be on disk; the caller must not go on.
    pub(crate) fn write(&mut self, draft: &Draft, durable: u64, now_us: u64) -> Result<FrameAt, StoreError> {
        debug_assert_eq!(draft.number, self.place.number);
        let (segment, offset, fresh) = match &self.segment {
            Some(segment) if self.place.offset + draft.frame_len() <= segment.bytes => {
                (segment.clone(), self.place.offset, None)
            }
            _ => {
                let (spare, id) = (self.take_spare(draft.frame_len())?, random(&*self.disk)?);
                let path = self.dir.join(segment_name(draft.number));
                let segment = Segment {
                    path,
                    id,
                    first_frame: draft.number,
                    bytes: spare.bytes,
                    file: spare.file.clone(),
                };
                (Arc::new(segment), FRAME_ALIGN, Some(spare))
            }
        };
        let header = self.header(draft, &segment.id, durable);
        let (head, crc) = header.encode();
        let mut frame = Vec::with_capacity(usize::try_from(draft.frame_len()).expect("a frame fits memory"));
        frame.extend_from_slice(&head);
        frame.extend_from_slice(&draft.columns);
        frame.extend_from_slice(&draft.block);
        let fail = |source| StoreError::io("write", &segment.path, source);
        if let Some(spare) = &fresh {
            segment
                .file
                .write_all_at(&self.segment_header(draft, &segment.id, now_us).encode(), 0)
                .map_err(fail)?;
            segment.file.write_all_at(&frame, offset).map_err(fail)?;
            segment.file.sync().map_err(fail)?;
            // Only now the name: a segment that can be found has a durable header and first frame.
            self.disk.rename(&spare.path, &segment.path).map_err(fail)?;
            self.disk.sync_dir(parent(&segment.path)).map_err(fail)?;
            self.segment = Some(segment.clone());
        } else {
            segment.file.write_all_at(&frame, offset).map_err(fail)?;
            segment.file.sync().map_err(fail)?;
        }
        let at = FrameAt::new(segment, offset, &header, crc);
        self.place = at.place_after(header.frame_len());
        Ok(at)
    }

    fn take_spare(&self, frame_len: u64) -> Result<Spare, StoreError> {
        let needed = FRAME_ALIGN + frame_len;
        let mut slot = self.spare.lock();
        if let Some(spare) = slot.take_if(|spare| spare.bytes >= needed) {
            return Ok(spare);
        }
        drop(slot);
        let path = self.dir.join(format!("plain-{}.tmp", hex::encode(random::<8>(&*self.disk)?)));
        let file = self
            .disk
            .open(&path, Access::Create)
            .map_err(|source| StoreError::io("create", &path, source))?;
        Ok(Spare { path, file, bytes: needed.max(self.plain_bytes) })
    }

    fn header(&self, draft: &Draft, segment_id: &[u8; 16], durable: u64) -> FrameHeader {
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).expect("requests are bounded far below 4 GiB");
        FrameHeader {
            log_id: self.log_id,
            segment_id: *segment_id,
            term: self.term,
            number: draft.number,
            first: draft.first,
            count: draft.count,
            replays: draft.replays,
            columns_len: len(&draft.columns),
            block_len: len(&draft.block),
            raw_len: draft.raw_len,
            previous_crc: self.place.crc,
            durable,
            size: draft.size,
            root: draft.root,
            body_crc: crc_of(segment_id, &[&draft.columns, &draft.block]),
        }
    }

    fn segment_header(&self, draft: &Draft, segment_id: &[u8; 16], now_us: u64) -> SegmentHeader {
        SegmentHeader {
            log_id: self.log_id,
            segment_id: *segment_id,
            term: self.term,
            first_frame: draft.number,
            first_index: draft.first,
            previous_id: self.place.segment_id,
            previous_end: self.place.offset,
            previous_crc: self.place.crc,
            created_us: now_us,
        }
    }
}

fn align(offset: u64) -> u64 {
    offset.div_ceil(FRAME_ALIGN) * FRAME_ALIGN
}

const _: () = assert!(HEADER_LEN as u64 <= FRAME_ALIGN);
