//! One item of a body to an event.

use indelible_event::{Code, Limits, Parsed, Problem, Timestamp};

use crate::mapping::{Mapped, Mapping};
use crate::split::Item;
use crate::{Media, cloudevents};

/// Reads one item by the media type that its body was sent with.
///
/// # Errors
/// Every problem of the item; `field` is a JSON pointer into it.
pub fn parse_item(
    media: Media,
    item: &Item<'_>,
    limits: &Limits,
    received_at: Timestamp,
) -> Result<Parsed, Vec<Problem>> {
    match media {
        Media::Json | Media::Ndjson => indelible_event::parse(item.json, limits, received_at),
        Media::CloudEvent | Media::CloudEventBatch => cloudevents::parse(item.json, limits, received_at),
    }
}

/// Reads one item as a vendor's record.
///
/// # Errors
/// As [`Mapping::apply`].
pub fn parse_mapped(
    mapping: &Mapping,
    item: &Item<'_>,
    limits: &Limits,
    received_at: Timestamp,
) -> Result<Mapped, Vec<Problem>> {
    mapping.apply(item.json, limits, received_at)
}

/// Whether a body of this form may hold a vendor's records: JSON and NDJSON may, CloudEvents are what they are.
///
/// # Errors
/// `unsupported_media_type`.
pub fn media_for_mapping(media: Media) -> Result<(), Problem> {
    match media {
        Media::Json | Media::Ndjson => Ok(()),
        Media::CloudEvent | Media::CloudEventBatch => {
            let message = format!("{} can't be read by a mapping; send application/x-ndjson", media.as_str());
            Err(Problem::new(Code::UnsupportedMediaType, "", message))
        }
    }
}
