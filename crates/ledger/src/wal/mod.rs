//! The write-ahead log: the place where an entry becomes durable, in the order of the tree.
//!
//! Bytes: `docs/protocol/storage.md`. Segments are pre-written with zeros, used once and unlinked. A frame starts
//! on a page boundary, so writing it never touches a page that holds an acknowledged frame.
//!
//! Invariant: a segment gets its name only after its header and first frame are durable. So only the last frame
//! of the last segment can be torn, and only if it is not the first one in it.

mod frame;
mod log;
mod replay;
mod segment;

pub(crate) use frame::{Draft, FRAME_ALIGN, FrameHeader, ReplayRow, Row, Unpacked, unpack};
pub(crate) use log::{FrameAt, FramePlace, SpareSlot, Wal, prepare_spare};
pub(crate) use replay::{Cut, WalkFrom, Walked, walk};
pub(crate) use segment::Segment;
