//! The envelope: what the server adds to an event and vouches for, in fixed binary.
//!
//! Format: `docs/protocol/envelope.md`. Version 1 says nothing of people, version 2 ends with those recognised; which of
//! the two is written follows from whether there are any. Invariant: decoding accepts exactly what encoding writes.
//! Protocols that this version does not know are kept, not refused; an unknown version or time source is.

use indelible_event::TimeSource;

use crate::error::Error;
use crate::people::People;

/// Bytes of an envelope before its four strings.
pub const ENVELOPE_FIXED_LEN: usize = 43;

/// Most bytes in one of an envelope's strings.
pub const ENVELOPE_STRING_MAX: usize = u16::MAX as usize;

/// Without people.
const VERSION_1: u8 = 1;
/// With people, at least one.
const VERSION_2: u8 = 2;

/// The way in which an event arrived. Values without a name here are valid: a newer server wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Protocol(pub u8);

impl Protocol {
    /// A JSON event, alone or in an array.
    pub const JSON: Self = Self(1);
    /// A line of NDJSON.
    pub const NDJSON: Self = Self(2);
    /// A CloudEvent in JSON; the body is the whole CloudEvent.
    pub const CLOUDEVENTS: Self = Self(3);
    /// An importer; the body is the vendor's record.
    pub const IMPORT: Self = Self(4);
    /// Written by the server itself.
    pub const SERVER: Self = Self(5);

    /// Returns the protocol's name, or `None` for one that this version does not know.
    pub fn name(self) -> Option<&'static str> {
        const NAMES: [&str; 5] = ["json", "ndjson", "cloudevents", "import", "server"];
        NAMES.get(usize::from(self.0).checked_sub(1)?).copied()
    }
}

/// What the server says about an event, beside the bytes that the sender sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Envelope {
    /// When it happened, in microseconds since 1970-01-01T00:00:00Z; equal to the entry's time of receipt where
    /// the source is [`TimeSource::Received`].
    pub event_time_us: i64,
    /// Whether the sender gave that time.
    pub time_source: TimeSource,
    /// How the event arrived.
    pub protocol: Protocol,
    /// The version of the rules that its type and severity were derived with; 0 where none were.
    pub rule_version: u32,
    /// The version of the importer's mapping; 0 where there was none.
    pub mapping_version: u32,
    /// The tenant's number, which never changes and is never used again.
    pub tenant_number: u64,
    /// The id of the API key that sent it; zeros where there was none.
    pub key_id: [u8; 16],
    /// The event's id, unique in its tenant.
    pub event_id: String,
    /// The tenant's name when it was received.
    pub tenant_name: String,
    /// The media type of the body.
    pub media_type: String,
    /// The importer's mapping; empty where there was none.
    pub mapping_name: String,
    /// Those in the event whom the server recognised as users of the installation.
    pub people: People,
}

impl Envelope {
    /// Returns the envelope's bytes.
    ///
    /// # Errors
    /// [`Error::EnvelopeStringTooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let strings = self.strings();
        let len = strings.iter().map(|(_, string)| 2 + string.len()).sum::<usize>();
        let mut bytes = Vec::with_capacity(ENVELOPE_FIXED_LEN + len + self.people.encoded_len());
        bytes.push(if self.people.is_empty() { VERSION_1 } else { VERSION_2 });
        bytes.extend(self.event_time_us.to_be_bytes());
        bytes.push(match self.time_source {
            TimeSource::Received => 0,
            TimeSource::Event => 1,
        });
        bytes.push(self.protocol.0);
        bytes.extend(self.rule_version.to_be_bytes());
        bytes.extend(self.mapping_version.to_be_bytes());
        bytes.extend(self.tenant_number.to_be_bytes());
        bytes.extend(self.key_id);
        for (field, string) in strings {
            let len = string.len();
            let prefix = u16::try_from(len).map_err(|_| Error::EnvelopeStringTooLong { field, len })?;
            bytes.extend(prefix.to_be_bytes());
            bytes.extend(string.as_bytes());
        }
        if !self.people.is_empty() {
            self.people.encode(&mut bytes);
        }
        Ok(bytes)
    }

    fn strings(&self) -> [(&'static str, &str); 4] {
        [
            ("event_id", &self.event_id),
            ("tenant_name", &self.tenant_name),
            ("media_type", &self.media_type),
            ("mapping_name", &self.mapping_name),
        ]
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// [`Error::EnvelopeTruncated`], [`Error::EnvelopeTrailing`], [`Error::EnvelopeVersion`],
    /// [`Error::TimeSource`] or [`Error::EnvelopeUtf8`]; of people also [`Error::EnvelopeNobody`],
    /// [`Error::EnvelopeRecorded`] or [`Error::EnvelopeOrder`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut rest = Reader(bytes);
        let [version] = rest.take("version")?;
        if !matches!(version, VERSION_1 | VERSION_2) {
            return Err(Error::EnvelopeVersion { got: version });
        }
        let envelope = Self {
            event_time_us: i64::from_be_bytes(rest.take("event_time_us")?),
            time_source: match rest.take("time_source")? {
                [0] => TimeSource::Received,
                [1] => TimeSource::Event,
                [got] => return Err(Error::TimeSource { got }),
            },
            protocol: Protocol(rest.take::<1>("protocol")?[0]),
            rule_version: u32::from_be_bytes(rest.take("rule_version")?),
            mapping_version: u32::from_be_bytes(rest.take("mapping_version")?),
            tenant_number: u64::from_be_bytes(rest.take("tenant_number")?),
            key_id: rest.take("key_id")?,
            event_id: rest.take_string("event_id")?,
            tenant_name: rest.take_string("tenant_name")?,
            media_type: rest.take_string("media_type")?,
            mapping_name: rest.take_string("mapping_name")?,
            people: if version == VERSION_1 { People::default() } else { People::decode(&mut rest)? },
        };
        if rest.0.is_empty() { Ok(envelope) } else { Err(Error::EnvelopeTrailing { extra: rest.0.len() }) }
    }
}

pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl Reader<'_> {
    pub(crate) fn take<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Error> {
        let (head, rest) = self.0.split_first_chunk().ok_or(Error::EnvelopeTruncated { field })?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn take_string(&mut self, field: &'static str) -> Result<String, Error> {
        let len = usize::from(u16::from_be_bytes(self.take(field)?));
        let (head, rest) = self.0.split_at_checked(len).ok_or(Error::EnvelopeTruncated { field })?;
        self.0 = rest;
        let string = str::from_utf8(head).map_err(|_| Error::EnvelopeUtf8 { field })?;
        Ok(string.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::people::tests::{any_people, people};

    fn example() -> Envelope {
        Envelope {
            event_time_us: 1_772_368_496_123_456,
            time_source: TimeSource::Event,
            protocol: Protocol::NDJSON,
            rule_version: 1,
            mapping_version: 0,
            tenant_number: 7,
            key_id: [0x6b; 16],
            event_id: "0195".into(),
            tenant_name: "acme".into(),
            media_type: "application/json".into(),
            mapping_name: String::new(),
            people: People::default(),
        }
    }

    fn with_people() -> Envelope {
        Envelope { people: people(), ..example() }
    }

    fn any_envelope() -> impl Strategy<Value = Envelope> {
        let numbers = any::<(i64, bool, u8, u32, u32, u64, [u8; 16])>();
        (numbers, prop::array::uniform4("\\PC{0,30}"), any_people()).prop_map(
            |(n, [event_id, tenant_name, media_type, mapping_name], people)| Envelope {
                event_time_us: n.0,
                time_source: if n.1 { TimeSource::Event } else { TimeSource::Received },
                protocol: Protocol(n.2),
                rule_version: n.3,
                mapping_version: n.4,
                tenant_number: n.5,
                key_id: n.6,
                event_id,
                tenant_name,
                media_type,
                mapping_name,
                people,
            },
        )
    }

    #[test]
    fn has_the_layout_of_the_document() {
        let common = [
            "00064bf5b29f5e40",
            "01",
            "02",
            "00000001",
            "00000000",
            "0000000000000007",
            &"6b".repeat(16),
            "000430313935",
            "000461636d65",
            "00106170706c69636174696f6e2f6a736f6e",
            "0000",
        ]
        .concat();
        assert_eq!(hex::encode(example().encode().unwrap()), format!("01{common}"));
        let people = [
            "0003",
            // Who did it: in one group and in two roles.
            "0000",
            &"0a".repeat(16),
            "03",
            "00010007537570706f7274",
            "0002000541646d696e000454656368",
            // For whom: groups only, and none.
            "0001",
            &"0b".repeat(16),
            "01",
            "0000",
            // The second target: the event names groups and roles itself.
            "0003",
            &"0a".repeat(16),
            "00",
        ]
        .concat();
        assert_eq!(hex::encode(with_people().encode().unwrap()), format!("02{common}{people}"));
    }

    #[test]
    fn refuses_what_is_cut_padded_or_unknown() {
        for envelope in [example(), with_people()] {
            let good = envelope.encode().unwrap();
            for len in 0..good.len() {
                let got = Envelope::decode(&good[..len]).unwrap_err();
                assert!(matches!(got, Error::EnvelopeTruncated { .. }), "{len} bytes: {got}");
            }
            let padded = [&good[..], &[0, 0]].concat();
            assert_eq!(Envelope::decode(&padded), Err(Error::EnvelopeTrailing { extra: 2 }));
            let with = |at: usize, byte: u8| {
                let mut bytes = good.clone();
                bytes[at] = byte;
                Envelope::decode(&bytes)
            };
            assert_eq!(with(0, 0), Err(Error::EnvelopeVersion { got: 0 }));
            assert_eq!(with(0, 3), Err(Error::EnvelopeVersion { got: 3 }));
            assert_eq!(with(9, 2), Err(Error::TimeSource { got: 2 }));
            assert_eq!(with(10, 99).unwrap().protocol, Protocol(99));
            assert_eq!(with(45, 0xff), Err(Error::EnvelopeUtf8 { field: "event_id" }));
            assert_eq!(with(52, 0xff), Err(Error::EnvelopeUtf8 { field: "tenant_name" }));
        }
    }

    #[test]
    fn each_version_has_one_form() {
        let (without, with) = (example().encode().unwrap(), with_people().encode().unwrap());
        let swapped = |bytes: &[u8], version: u8| Envelope::decode(&[&[version], &bytes[1..]].concat());
        assert_eq!(swapped(&without, 2), Err(Error::EnvelopeTruncated { field: "people" }));
        let extra = with.len() - without.len();
        assert_eq!(swapped(&with, 1), Err(Error::EnvelopeTrailing { extra }));
        let nobody = [&without[..], &[0, 0]].concat();
        assert_eq!(swapped(&nobody, 2), Err(Error::EnvelopeNobody));
    }

    #[test]
    fn refuses_strings_that_do_not_fit() {
        let mut envelope = example();
        envelope.media_type = "x".repeat(ENVELOPE_STRING_MAX);
        assert_eq!(Envelope::decode(&envelope.encode().unwrap()), Ok(envelope.clone()));
        envelope.media_type.push('x');
        let too_long = Error::EnvelopeStringTooLong { field: "media_type", len: 65_536 };
        assert_eq!(envelope.encode(), Err(too_long));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(envelope in any_envelope()) {
            prop_assert_eq!(Envelope::decode(&envelope.encode().unwrap()), Ok(envelope));
        }

        #[test]
        fn whatever_decodes_encodes_the_same(envelope in any_envelope(), bytes in prop::collection::vec(any::<u8>(), 0..90), at: prop::sample::Index, byte: u8) {
            let mut bent = envelope.encode().unwrap();
            let at = at.index(bent.len());
            bent[at] = byte;
            for bytes in [bytes, bent] {
                if let Ok(envelope) = Envelope::decode(&bytes) {
                    prop_assert_eq!(envelope.encode().unwrap(), bytes);
                }
            }
        }
    }
}
