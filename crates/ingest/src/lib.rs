//! Request bodies and vendors' records to events: JSON, NDJSON, CloudEvents, declarative importers; no sockets.
//!
//! A request goes `parse_media` -> `unpack` -> `text` -> `split` -> `parse_item` or `parse_mapped`; a file goes
//! `Records` -> `Mapping::apply`; a stored body goes `decode_stored`. Everything here is a pure function of its
//! arguments (a reader is one of them), bounded in memory, and total: no input panics.

mod check;
mod cloudevents;
mod item;
mod mapping;
mod media;
mod records;
mod split;
mod stored;
mod unpack;

#[cfg(test)]
mod tests;

pub use item::{media_for_mapping, parse_item, parse_mapped};
pub use mapping::{
    Candidate, DETECT_RECORDS_MAX, Detection, Evidence, Form, LoadError, Mapped, Mapping, MappingError,
    MappingErrors, Registry, Trace, Undecided, Unmatched, detect,
};
pub use media::{Media, Protocol, parse_media};
pub use records::{Record, RecordError, Records, RecordsError, RecordsOptions};
pub use split::{Item, split, text};
pub use stored::decode_stored;
pub use unpack::{BodyLimits, unpack};
