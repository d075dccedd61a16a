//! Events for tests.

use indelible_access::{Added, EventView};
use indelible_event::{Limits, Timestamp};

/// The event of this JSON, received on 1 March 2026 as number 3 of its tenant.
pub(crate) fn view(json: &str) -> EventView {
    let received = "2026-03-01T12:34:56.123456Z";
    let at = Timestamp::parse_rfc3339(received).unwrap().at;
    // Times of tests may be later than that.
    let later = Timestamp::from_micros(at.as_micros() + 365 * 86_400_000_000);
    let event = indelible_event::parse(json, &Limits::NONE, later).unwrap().event;
    let added = Added {
        log: None,
        seq: None,
        tenant_seq: 3,
        received_at: received.into(),
        time_original: None,
        time_source: "event",
        object_category: None,
        object_type: None,
        summary: String::new(),
        anomaly: None,
        erased: false,
        held: false,
        recognised: vec![],
    };
    EventView { event, added, is_look: false }
}
