//! Bodies of the ledger back to events.
//!
//! Invariant: total. Whatever bytes stand there, an event comes out: what was acknowledged stays findable even if
//! today's parser would refuse it or its mapping is gone. Such an event carries its body as `data` and nothing
//! that would be a guess.

use std::borrow::Cow;

use indelible_event::{Event, Limits, Timestamp};

use crate::mapping::{NO_ACTION, Registry, raw};
use crate::{Media, Protocol, cloudevents};

/// Reads a stored body by what its envelope says of it, with the mappings that are built in.
pub fn decode_stored(
    protocol: u8,
    media_type: &str,
    mapping_name: &str,
    mapping_version: u32,
    body: &[u8],
) -> Event {
    Registry::builtin().decode_stored(protocol, media_type, mapping_name, mapping_version, body)
}

impl Registry {
    /// Reads a stored body by what its envelope says of it: `protocol` as [`Protocol::number`], `mapping_name` empty
    /// and `mapping_version` 0 where there was no mapping. What the envelope itself vouches for (id, tenant, time)
    /// is the caller's to put over it.
    pub fn decode_stored(
        &self,
        protocol: u8,
        media_type: &str,
        mapping_name: &str,
        mapping_version: u32,
        body: &[u8],
    ) -> Event {
        // What was accepted is UTF-8, and this way of asking is several times as fast.
        let text = std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed);
        let by_media = || match media_type {
            media if media == Media::CloudEvent.as_str() || media == Media::CloudEventBatch.as_str() => {
                Protocol::CloudEvents
            }
            _ => Protocol::Json,
        };
        let protocol = Protocol::from_number(protocol).unwrap_or_else(by_media);
        let read = match protocol {
            Protocol::Json | Protocol::Ndjson | Protocol::Server => api_event(&text),
            Protocol::CloudEvents => cloudevents::decode(&text),
            Protocol::Import => {
                self.get_version(mapping_name, mapping_version).and_then(|mapping| mapping.decode(&text))
            }
        };
        read.unwrap_or_else(|| bare(&text))
    }
}

/// An event in the API's own shape that was accepted before.
pub(crate) fn api_event(json: &str) -> Option<Event> {
    let received_at = Timestamp::from_micros(i64::MAX);
    indelible_event::parse(json, &Limits::NONE, received_at).ok().map(|parsed| parsed.event)
}

/// All that can be said of a body that nothing reads.
fn bare(text: &str) -> Event {
    let data = raw(text).or_else(|| raw(&serde_json::to_string(text).ok()?));
    Event { action: NO_ACTION.to_owned(), data, ..Event::default() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_each_protocol() {
        let api = br#"{"action":"a","time":"2999-01-01T00:00:00Z"}"#;
        let cloud = br#"{"specversion":"1.0","id":"1","source":"s","type":"t"}"#;
        let trail = br#"{"eventName":"GetObject","eventID":"e-1"}"#;
        for (protocol, media, mapping, body, action) in [
            (1, "application/json", "", &api[..], "a"),
            (2, "application/x-ndjson", "", api, "a"),
            (5, "application/json", "", api, "a"),
            (3, "application/cloudevents+json", "", cloud, "t"),
            (3, "application/cloudevents-batch+json", "", cloud, "t"),
            (4, "application/x-ndjson", "aws-cloudtrail", trail, "GetObject"),
            (4, "application/x-ndjson", "generic", api, "a"),
            // A protocol of a later version: its media type tells enough.
            (77, "application/cloudevents+json", "", cloud, "t"),
            (77, "text/x", "", api, "a"),
        ] {
            let event = decode_stored(protocol, media, mapping, 1, body);
            assert_eq!(event.action, action, "{protocol} {media} {mapping}");
        }
    }

    #[test]
    fn what_nothing_reads_is_still_an_event_with_its_body() {
        for (protocol, mapping, body, data) in [
            (1, "", &b"{\"no\":\"action\"}"[..], "{\"no\":\"action\"}"),
            (1, "", b"{\"a\":", "\"{\\\"a\\\":\""),
            (4, "gone", b"{\"eventName\":\"x\"}", "{\"eventName\":\"x\"}"),
            (3, "", b"[]", "[]"),
            (1, "", b"\xff\x00", "\"\u{fffd}\\u0000\""),
            (1, "", b"", "\"\""),
        ] {
            let event = decode_stored(protocol, "application/json", mapping, 1, body);
            assert_eq!((event.action.as_str(), event.data.unwrap().get()), ("-", data), "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn is_total(protocol in 0..7_u8, mapping in prop::sample::select(vec!["", "generic", "wikipedia", "aws-cloudtrail"]),
                    body in prop::collection::vec(any::<u8>(), 0..60), text in "[\\[\\]{}\",:a1\\\\ n-]*") {
            for body in [&body[..], text.as_bytes()] {
                let event = decode_stored(protocol, "application/json", mapping, 1, body);
                prop_assert!(!event.action.is_empty());
            }
        }
    }
}
