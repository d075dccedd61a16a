//! Events to send: about 600 bytes each, with the variety that real ones have.
//!
//! Requests are built before the clock starts. What is unique in each event (id, microseconds, session, request id)
//! is written into its place at each sending, so that no event is a repetition and nothing compresses better than it
//! would in earnest. Fixed seeds: every run sends the same kinds of events in the same order.

use std::{
    fmt::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

use super::http;

/// A stream of pseudo-random numbers (xorshift64*): fast, and the same for the same seed.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[usize::try_from(self.below(list.len() as u64)).expect("an index fits")]
    }
}

/// A place in a request that gets fresh characters at each sending.
struct Slot {
    at: usize,
    len: usize,
    digits: &'static [u8],
}

/// A request that can be sent again and again, each time with other events.
pub(crate) struct Request {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    pub(crate) events: u64,
}

const HEX: &[u8] = b"0123456789abcdef";
const DECIMAL: &[u8] = b"0123456789";

impl Request {
    /// A request of `events` events for the key's default tenant.
    pub(crate) fn new(events: u64, key: &str, numbers: &mut Numbers) -> Self {
        let mut body = Body::default();
        if events > 1 {
            body.text.push('[');
        }
        for ordinal in 0..events {
            if ordinal > 0 {
                body.text.push(',');
            }
            body.event(numbers);
        }
        if events > 1 {
            body.text.push(']');
        }
        let bytes = http::post("/v1/events?events=false", key, body.text.as_bytes());
        let head_len = bytes.len() - body.text.len();
        let slots = body.slots.into_iter().map(|slot| Slot { at: slot.at + head_len, ..slot }).collect();
        Self { bytes, slots, events }
    }

    /// The bytes to send, with what is unique made new.
    pub(crate) fn fresh(&mut self, numbers: &mut Numbers) -> &[u8] {
        for slot in &self.slots {
            let mut left = 0;
            let mut random = 0;
            for byte in &mut self.bytes[slot.at..slot.at + slot.len] {
                if left == 0 {
                    (left, random) = (12, numbers.next());
                }
                *byte = slot.digits[usize::from(random as u8) % slot.digits.len()];
                random >>= 5;
                left -= 1;
            }
        }
        &self.bytes
    }

    /// The id of the first event, as it was last sent.
    pub(crate) fn first_id(&self) -> String {
        let slot = &self.slots[0];
        String::from_utf8_lossy(&self.bytes[slot.at..slot.at + slot.len]).into_owned()
    }

    /// Bytes of an event on average, without the request's head.
    pub(crate) fn event_bytes(&self) -> u64 {
        let body = self.bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
        (self.bytes.len() - body) as u64 / self.events
    }
}

#[derive(Default)]
struct Body {
    text: String,
    slots: Vec<Slot>,
}

const ACTIONS: [&str; 12] = [
    "customer.read",
    "customer.update",
    "customer.create",
    "customer.delete",
    "user.login",
    "user.logout",
    "invoice.send",
    "invoice.read",
    "role.assign",
    "report.export",
    "settings.update",
    "recording.play",
];
const RESULTS: [&str; 6] = ["success", "success", "success", "success", "failure", "denied"];
const NAMES: [&str; 10] = ["ada", "li", "grace", "olu", "marta", "jan", "yuki", "sam", "noor", "pat"];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Firefox/143.0",
    "crm-mobile/7.2 (iOS 19.1)",
];

impl Body {
    fn slot(&mut self, len: usize, digits: &'static [u8]) {
        self.slots.push(Slot { at: self.text.len(), len, digits });
        self.text.extend(std::iter::repeat_n('0', len));
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("writing to a String cannot fail");
    }

    fn event(&mut self, numbers: &mut Numbers) {
        let (user, customer) = (numbers.below(5_000), numbers.below(200_000));
        let (name, action, result) = (numbers.pick(&NAMES), numbers.pick(&ACTIONS), numbers.pick(&RESULTS));
        let (node, agent) = (numbers.below(12), numbers.pick(&AGENTS));
        self.put(format_args!("{{\"id\":\""));
        self.slot(32, HEX);
        self.put(format_args!("\",\"time\":\"{}.", seconds_now()));
        self.slot(6, DECIMAL);
        self.put(format_args!(
            "Z\",\"source\":{{\"application\":\"crm\",\"component\":\"api\",\"node\":\"app-{node:02}\"}},\
             \"actor\":{{\"type\":\"user\",\"id\":\"{user}\",\"username\":\"{name}{user}@example.com\",\"groups\":[\"Support\"]}},\
             \"client\":{{\"ip\":\"10.{}.{}.{}\",\"user_agent\":\"{agent}\"}},\"action\":\"{action}\",\
             \"outcome\":{{\"result\":\"{result}\"}},\
             \"targets\":[{{\"type\":\"customer\",\"id\":\"{customer}\",\"name\":\"Customer {customer}\"}}],\
             \"changes\":[{{\"field\":\"plan\",\"old\":\"team\",\"new\":\"business\"}}],\"session_id\":\"",
            user % 4,
            user % 251,
            user % 241,
        ));
        self.slot(16, HEX);
        self.put(format_args!("\",\"request_id\":\""));
        self.slot(32, HEX);
        self.put(format_args!("\"}}"));
    }
}

/// Now, as RFC 3339 without fraction and zone.
#[expect(clippy::disallowed_methods, reason = "a sender of events has no other clock")]
fn seconds_now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// The date of a day counted from 1970-01-01, after Howard Hinnant's `civil_from_days`.
pub(crate) fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + u64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(request: &[u8]) -> Vec<serde_json::Value> {
        let text = std::str::from_utf8(request).unwrap();
        match serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap() {
            serde_json::Value::Array(list) => list,
            one => vec![one],
        }
    }

    #[test]
    fn no_event_is_sent_twice() {
        let mut numbers = Numbers::new(1);
        let mut request = Request::new(50, "key", &mut numbers);
        let mut ids = std::collections::BTreeSet::new();
        for _ in 0..20 {
            for event in bodies(request.fresh(&mut numbers)) {
                assert!(ids.insert(event["id"].as_str().unwrap().to_owned()), "{event}");
            }
        }
        assert_eq!(ids.len(), 1000);
    }

    #[test]
    fn events_have_the_size_that_the_figures_are_about() {
        let mut numbers = Numbers::new(2);
        let size = Request::new(1000, "key", &mut numbers).event_bytes();
        assert!((560..=640).contains(&size), "{size}");
        let mut one = Request::new(1, "key", &mut numbers);
        let sent = bodies(one.fresh(&mut numbers));
        assert_eq!(sent[0]["id"].as_str().unwrap(), one.first_id());
    }

    #[test]
    fn days_become_dates() {
        assert_eq!(
            [civil(0), civil(59), civil(11_016), civil(20_778)],
            [(1970, 1, 1), (1970, 3, 1), (2000, 2, 29), (2026, 11, 21)]
        );
    }
}
