//! Walking the WAL from the manifest's place to its end, believing nothing.
//!
//! Only the last frame may be torn, and only where nothing valid follows, it is not a segment's first, and nothing
//! at or behind it was released. Everything else that does not fit is corruption and is named with its place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::frame::{FRAME_ALIGN, FrameHeader, Unpacked};
use super::log::{FrameAt, FramePlace};
use super::segment::{Next, Segment, SegmentHeader, segment_number};
use crate::StoreError;
use crate::disk::Disk;

/// Where a walk starts and what it must agree with.
pub(crate) struct WalkFrom {
    pub(crate) log_id: [u8; 16],
    pub(crate) place: FramePlace,
    /// Entries before the first frame walked.
    pub(crate) size: u64,
    /// Entries covered by checkpoints that left this machine.
    pub(crate) released: u64,
    /// The newest writer term.
    pub(crate) term: u64,
}

/// A tail that never was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) segment: PathBuf,
    pub(crate) offset: u64,
    pub(crate) what: String,
}

/// What a walk found.
pub(crate) struct Walked {
    pub(crate) place: FramePlace,
    pub(crate) frames: u64,
    pub(crate) cut: Option<Cut>,
    /// Segments whose frames are all before the start.
    pub(crate) stale: Vec<PathBuf>,
    /// Segments walked.
    pub(crate) segments: Vec<Arc<Segment>>,
}

/// Walks every frame behind `from.place`.
pub(crate) fn walk(
    disk: &dyn Disk,
    dir: &Path,
    from: &WalkFrom,
    mut on_frame: impl FnMut(&FrameAt, &FrameHeader, Unpacked) -> Result<(), StoreError>,
) -> Result<Walked, StoreError> {
    let (stale, readers) = segments(disk, dir, &from.place)?;
    let mut at = Walker { from, place: from.place, size: from.size, term: 0, frames: 0 };
    let mut cut = None;
    for (i, reader) in readers.iter().enumerate() {
        at.enter(reader)?;
        match readers.get(i + 1) {
            Some(next) => at.read_to(reader, next, &mut on_frame)?,
            None => cut = at.read_tail(reader, &mut on_frame)?,
        }
    }
    if at.size < from.released {
        let what =
            format!("the WAL ends at size {}, checkpoints up to {} were released", at.size, from.released);
        return Err(StoreError::corrupt(dir, 0, what));
    }
    let segments = readers.into_iter().map(|reader| reader.segment).collect();
    Ok(Walked { place: at.place, frames: at.frames, cut, stale, segments })
}

/// The segments that matter, in order, and those that do not any more.
fn segments(
    disk: &dyn Disk,
    dir: &Path,
    place: &FramePlace,
) -> Result<(Vec<PathBuf>, Vec<SegmentReader>), StoreError> {
    let names = disk.list(dir).map_err(|source| StoreError::io("list", dir, source))?;
    let mut numbered: Vec<(u64, PathBuf)> =
        names.iter().filter_map(|name| Some((segment_number(name)?, dir.join(name)))).collect();
    numbered.sort_unstable();
    let (mut stale, mut readers) = (Vec::new(), Vec::new());
    let before = numbered.partition_point(|(number, _)| *number < place.number);
    for (i, (number, path)) in numbered.iter().enumerate() {
        // Of those that begin before the place, only the last can hold it.
        if i + 1 < before {
            stale.push(path.clone());
            continue;
        }
        let (segment, header) = Segment::open(disk, path)?;
        let reader = SegmentReader { segment: Arc::new(segment), header };
        if reader.header.first_frame != *number {
            let what =
                format!("the header says first frame {}, the name {number}", reader.header.first_frame);
            return Err(StoreError::corrupt(path, 0, what));
        }
        if i + 1 == before && reader.header.segment_id != place.segment_id {
            stale.push(path.clone());
        } else {
            readers.push(reader);
        }
    }
    let found = readers.first().is_some_and(|reader| reader.header.segment_id == place.segment_id);
    if place.segment_id != [0; 16] && !found {
        let what = format!(
            "the segment with frame {}, the last sealed one, is missing",
            place.number.wrapping_sub(1)
        );
        return Err(StoreError::corrupt(dir, 0, what));
    }
    Ok((stale, readers))
}

struct SegmentReader {
    segment: Arc<Segment>,
    header: SegmentHeader,
}

struct Walker<'a> {
    from: &'a WalkFrom,
    place: FramePlace,
    size: u64,
    term: u64,
    frames: u64,
}

impl Walker<'_> {
    /// Moves to the start of a segment, or stays where the walk starts inside it.
    fn enter(&mut self, reader: &SegmentReader) -> Result<(), StoreError> {
        let header = &reader.header;
        if header.segment_id == self.place.segment_id {
            return Ok(());
        }
        let fits = header.log_id == self.from.log_id
            && header.first_frame == self.place.number
            && header.first_index == self.size
            && header.previous_id == self.place.segment_id
            && header.previous_end == self.place.offset
            && header.previous_crc == self.place.crc;
        if !fits {
            let what = format!(
                "the segment does not follow frame {} at size {}: a segment is missing or another log's",
                self.place.number, self.size
            );
            return Err(StoreError::corrupt(&reader.segment.path, 0, what));
        }
        (self.place.segment_id, self.place.offset) = (header.segment_id, FRAME_ALIGN);
        Ok(())
    }

    /// Reads frames up to where the next segment says that this one ends.
    fn read_to(
        &mut self,
        reader: &SegmentReader,
        next: &SegmentReader,
        on_frame: &mut impl FnMut(&FrameAt, &FrameHeader, Unpacked) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        while self.place.offset < next.header.previous_end {
            match reader.segment.next(self.place.offset)? {
                Next::Frame { header, crc, bytes } => self.accept(reader, &header, crc, &bytes, on_frame)?,
                Next::End => return Err(self.damaged(reader, "zeros before the segment's end")),
                Next::Garbage { what } => return Err(self.damaged(reader, what)),
            }
        }
        Ok(())
    }

    /// Reads the frames of the last segment and judges what stands behind them.
    fn read_tail(
        &mut self,
        reader: &SegmentReader,
        on_frame: &mut impl FnMut(&FrameAt, &FrameHeader, Unpacked) -> Result<(), StoreError>,
    ) -> Result<Option<Cut>, StoreError> {
        loop {
            let offset = self.place.offset;
            let what = match reader.segment.next(offset)? {
                Next::Frame { header, crc, bytes } => {
                    self.accept(reader, &header, crc, &bytes, on_frame)?;
                    continue;
                }
                // A named segment has a first frame, so zeros there are not the end of the log.
                Next::End if offset != FRAME_ALIGN => return Ok(None),
                Next::End => "zeros".to_owned(),
                Next::Garbage { what } => what,
            };
            if offset == FRAME_ALIGN {
                return Err(
                    self.damaged(reader, format!("the segment's first frame, which was synced: {what}"))
                );
            }
            if self.from.released > self.size {
                let what = format!("{what}; checkpoints up to size {} were released", self.from.released);
                return Err(self.damaged(reader, what));
            }
            if let Some(later) = reader.segment.valid_after(offset)? {
                return Err(self.damaged(reader, format!("{what}; a valid frame follows at offset {later}")));
            }
            return Ok(Some(Cut { segment: reader.segment.path.clone(), offset, what }));
        }
    }

    fn accept(
        &mut self,
        reader: &SegmentReader,
        header: &FrameHeader,
        crc: u32,
        bytes: &[u8],
        on_frame: &mut impl FnMut(&FrameAt, &FrameHeader, Unpacked) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let rules = [
            (header.log_id == self.from.log_id, "it belongs to another log"),
            (header.number == self.place.number, "its number does not follow"),
            (header.previous_crc == self.place.crc, "it does not follow the frame before it"),
            (header.first == self.size, "its first index does not follow"),
            (
                header.first.checked_add(u64::from(header.count)) == Some(header.size),
                "its size does not add up",
            ),
            (header.count > 0 || header.replays > 0, "it is empty"),
            (header.durable <= self.size, "it knows of durable entries that are not there"),
            (header.term == reader.header.term, "its writer term is not its segment's"),
            (header.term >= self.term && header.term <= self.from.term, "its writer term is out of order"),
        ];
        if let Some((_, what)) = rules.iter().find(|(holds, _)| !holds) {
            return Err(self.damaged(reader, format!("frame {} is whole but {what}", header.number)));
        }
        let (columns, block) = bytes
            .split_at_checked(header.columns_len as usize)
            .ok_or_else(|| self.damaged(reader, "columns are longer than the frame"))?;
        let unpacked = Unpacked::parse(header, columns, block).map_err(|what| self.damaged(reader, what))?;
        let frame = FrameAt::new(reader.segment.clone(), self.place.offset, header, crc);
        on_frame(&frame, header, unpacked)?;
        self.place = frame.place_after(header.frame_len());
        (self.size, self.term, self.frames) = (header.size, header.term, self.frames + 1);
        Ok(())
    }

    fn damaged(&self, reader: &SegmentReader, what: impl Into<String>) -> StoreError {
        StoreError::corrupt(&reader.segment.path, self.place.offset, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::crc_of;
    use crate::disk::sim::SimDisk;
    use crate::wal::frame::{Draft, HEADER_LEN};
    use crate::wal::{SpareSlot, Wal};

    const DIR: &str = "/wal";
    const LOG: [u8; 16] = [7; 16];

    /// A log of four frames of one entry each, the last two in a segment of the next term.
    fn log() -> (SimDisk, Vec<FrameAt>) {
        let disk = SimDisk::new();
        disk.create_dir(Path::new(DIR)).unwrap();
        let (mut place, mut frames) = (FramePlace::default(), Vec::new());
        for term in 1..=2 {
            let shared = Arc::new(disk.clone());
            let mut wal = Wal::resume(shared, DIR.into(), LOG, term, place, SpareSlot::default(), 1 << 16);
            for _ in 0..2 {
                let n = frames.len() as u64;
                let row = crate::wal::Row {
                    kind: 1,
                    chain: 0,
                    tenant_seq: n,
                    received_us: n,
                    salt: [1; 16],
                    envelope_len: 2,
                    body_len: 1,
                };
                let draft = Draft {
                    number: n,
                    first: n,
                    count: 1,
                    replays: 0,
                    columns: Draft::columns_of(&[row], &[]),
                    block: zstd::bulk::compress(b"enb", 1).unwrap(),
                    raw_len: 3,
                    size: n + 1,
                    root: [n as u8; 32],
                };
                let frame = wal.write(&draft, n, 0).unwrap();
                place = frame.place_after(draft.frame_len());
                frames.push(frame);
            }
        }
        (disk, frames)
    }

    fn walked(disk: &SimDisk, released: u64, term: u64) -> Result<(u64, Option<Cut>), String> {
        let from = WalkFrom { log_id: LOG, place: FramePlace::default(), size: 0, released, term };
        let mut size = 0;
        let walked = walk(disk, Path::new(DIR), &from, |frame, _, _| {
            size = frame.size;
            Ok(())
        });
        walked.map(|walked| (size, walked.cut)).map_err(|error| error.to_string())
    }

    #[test]
    fn walks_every_frame_over_all_segments() {
        let (disk, frames) = log();
        assert_eq!(walked(&disk, 4, 2), Ok((4, None)));
        assert!(walked(&disk, 5, 2).unwrap_err().contains("released"));
        assert!(walked(&disk, 0, 1).unwrap_err().contains("term"));
        let files: Vec<_> = frames.iter().map(|frame| frame.segment.path.clone()).collect();
        disk.remove(&files[0]).unwrap();
        assert!(walked(&disk, 0, 2).unwrap_err().contains("a segment is missing"));
    }

    #[test]
    fn whole_frames_that_do_not_belong_are_refused_by_name() {
        type Bend = fn(&mut FrameHeader);
        let rows: [(&str, Bend); 9] = [
            ("another log", |h| h.log_id = [8; 16]),
            ("number", |h| h.number += 1),
            ("frame before it", |h| h.previous_crc ^= 1),
            ("first index", |h| (h.first, h.size) = (h.first + 1, h.size + 1)),
            ("add up", |h| h.size += 1),
            ("durable", |h| h.durable = h.first + 1),
            ("segment's", |h| h.term -= 1),
            ("columns", |h| h.count += 1),
            ("columns", |h| (h.columns_len, h.block_len) = (h.columns_len - 1, h.block_len + 1)),
        ];
        for (finding, bend) in rows {
            let (disk, frames) = log();
            let frame = &frames[3];
            disk.tamper(&frame.segment.path, |file| {
                let at = frame.offset as usize;
                let head: &[u8; HEADER_LEN] = file[at..at + HEADER_LEN].try_into().unwrap();
                let (mut header, _) = FrameHeader::decode(head, &frame.segment.id).unwrap();
                bend(&mut header);
                header.size =
                    if finding == "columns" { header.first + u64::from(header.count) } else { header.size };
                let end = at + header.frame_len() as usize;
                header.body_crc = crc_of(&frame.segment.id, &[&file[at + HEADER_LEN..end]]);
                file[at..at + HEADER_LEN].copy_from_slice(&header.encode().0);
            });
            let found = walked(&disk, 0, 2);
            assert!(found.as_ref().is_err_and(|found| found.contains(finding)), "{finding}: {found:?}");
        }
    }

    #[test]
    fn only_a_later_frame_of_the_last_segment_can_be_torn() {
        for (frame, released, cut) in
            [(3, 3, true), (3, 4, false), (2, 0, false), (1, 0, false), (0, 0, false)]
        {
            let (disk, frames) = log();
            let at = &frames[frame];
            disk.tamper(&at.segment.path, |file| file[at.offset as usize + 150] ^= 1);
            let found = walked(&disk, released, 2);
            let context = format!("frame {frame}, released {released}: {found:?}");
            match found {
                Ok((size, found)) => {
                    assert_eq!((size, found.map(|f| f.offset)), (3, cut.then_some(at.offset)), "{context}")
                }
                Err(found) => assert!(!cut && found.contains(&format!("offset {}", at.offset)), "{context}"),
            }
        }
        // The same for a segment that lost everything behind its header.
        let (disk, frames) = log();
        let segment = &frames[2].segment.path;
        disk.tamper(segment, |file| file.truncate(FRAME_ALIGN as usize));
        assert!(walked(&disk, 0, 2).unwrap_err().contains("first frame"));
    }
}
