//! A request on its way: prepared on the sender's thread, ordered by the sequencer, answered after the sync.

use indelible_event::{TimeSource, Timestamp};
use indelible_merkle::Hash;
use indelible_verify::{ChainId, Envelope, Kind, Salt, commitment};
use tokio::sync::oneshot;

use crate::ids::{BodyTag, Tagger};
use crate::pending::Ticket;
use crate::{
    AppendError, AppendRequest, ChainOpen, NewEvent, OnConflict, Outcome, Receipt, ReplayKey, StoreError,
};

/// The answer to one request.
pub(crate) type Answer = Result<Receipt, AppendError>;

/// Longest id, in bytes.
pub const ID_BYTES_MAX: usize = 128;
/// Longest idempotency key, in bytes: 255 characters of up to four bytes.
pub const REPLAY_KEY_BYTES_MAX: usize = 1020;
/// Content of one request at most, in bytes. One frame holds it, and lengths in a frame have 32 bits.
pub(crate) const REQUEST_BYTES_MAX: u64 = 512 << 20;

/// What is asked of the sequencer.
pub(crate) struct Work {
    pub(crate) task: Task,
    /// Roughly what it takes in memory and in a frame.
    pub(crate) bytes: u64,
    /// When the sender's thread took the request; on its way until it is answered.
    pub(crate) ticket: Ticket,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// What is to be done.
pub(crate) enum Task {
    Append(Prepared),
    /// Opens this chain.
    OpenChain(ChainOpen, ChainId),
    /// An entry of the server's own.
    System {
        kind: Kind,
        chain: ChainId,
        body: Vec<u8>,
    },
}

/// An append request with everything done that needs no order.
pub(crate) struct Prepared {
    pub(crate) events: Vec<PreparedEvent>,
    pub(crate) atomic: bool,
    pub(crate) on_conflict: OnConflict,
    pub(crate) replay: Option<ReplayKey>,
    pub(crate) note: Vec<u8>,
}

/// An event with its commitment, which holds if neither its id nor its time changes.
pub(crate) struct PreparedEvent {
    pub(crate) chain: ChainId,
    pub(crate) envelope: Envelope,
    pub(crate) encoded: Vec<u8>,
    pub(crate) id_given: bool,
    pub(crate) body: Vec<u8>,
    pub(crate) salt: Salt,
    pub(crate) tag: BodyTag,
    pub(crate) commitment: Hash,
}

/// What the committer tells a sender once the frame before it is durable.
pub(crate) struct Reply {
    pub(crate) ticket: Ticket,
    pub(crate) answer: oneshot::Sender<Answer>,
    pub(crate) result: Result<(Vec<Outcome>, Option<Vec<u8>>), AppendError>,
}

/// Microseconds of a time of the clock; times before 1970 count as 1970, since entries have no sign.
pub(crate) fn stamp(now: Timestamp) -> u64 {
    u64::try_from(now.as_micros()).unwrap_or(0)
}

impl Prepared {
    /// Checks a request and computes what needs no order. `salts` gives 16 random bytes for each event.
    pub(crate) fn new(
        request: AppendRequest,
        tagger: &Tagger,
        stamp_us: u64,
        fill: impl FnOnce(&mut [u8]) -> Result<(), StoreError>,
    ) -> Result<Self, AppendError> {
        if let Some(replay) = &request.replay
            && replay.key.len() > REPLAY_KEY_BYTES_MAX
        {
            let what =
                format!("idempotency key of {} bytes, at most {REPLAY_KEY_BYTES_MAX}", replay.key.len());
            return Err(AppendError::Invalid { position: 0, what });
        }
        let mut salts = vec![0; request.events.len() * 16];
        fill(&mut salts)?;
        let (salts, _) = salts.as_chunks::<16>();
        let events = request.events.into_iter().zip(salts).enumerate();
        let events = events.map(|(position, (event, salt))| {
            PreparedEvent::new(event, *salt, tagger, stamp_us)
                .map_err(|what| AppendError::Invalid { position, what })
        });
        Ok(Self {
            events: events.collect::<Result<_, _>>()?,
            atomic: request.atomic,
            on_conflict: request.on_conflict,
            replay: request.replay,
            note: request.note,
        })
    }
}

impl PreparedEvent {
    fn new(event: NewEvent, salt: [u8; 16], tagger: &Tagger, stamp_us: u64) -> Result<Self, String> {
        let NewEvent { chain, mut envelope, id_given, body } = event;
        if envelope.event_id.is_empty() || envelope.event_id.len() > ID_BYTES_MAX {
            return Err(format!("id of {} bytes, expected 1 to {ID_BYTES_MAX}", envelope.event_id.len()));
        }
        if envelope.time_source == TimeSource::Received {
            envelope.event_time_us = time_of(stamp_us);
        }
        let encoded = envelope.encode().map_err(|error| error.to_string())?;
        let salt = Salt(salt);
        let (tag, commitment) = (tagger.tag(&body), commitment(&salt, &encoded, &body));
        Ok(Self { chain, envelope, encoded, id_given, body, salt, tag, commitment })
    }

    /// Settles id and time, and computes the commitment again where one of them changed.
    pub(crate) fn settle(&mut self, id: Option<String>, received_us: u64) {
        let time = time_of(received_us);
        let late = self.envelope.time_source == TimeSource::Received && self.envelope.event_time_us != time;
        if !late && id.is_none() {
            return;
        }
        if late {
            self.envelope.event_time_us = time;
        }
        if let Some(id) = id {
            self.envelope.event_id = id;
        }
        self.encoded = self.envelope.encode().expect("ids are bounded, and the rest was encoded before");
        self.commitment = commitment(&self.salt, &self.encoded, &self.body);
    }
}

fn time_of(received_us: u64) -> i64 {
    i64::try_from(received_us).unwrap_or(i64::MAX)
}
