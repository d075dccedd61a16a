//! A ledger in memory, and an index over it whose threads' work is done step by step.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indelible_event::{Derived, Event, Severity, TimeSource, Timestamp};
use indelible_ledger::{Record, Stored as InLedger};
use indelible_verify::{ChainId, Entry, Envelope, Kind, People, Protocol, Salt};
use parking_lot::{Mutex, RwLock};
use serde_json::value::RawValue;
use tokio::sync::watch;

use crate::follower::Follower;
use crate::state::State;
use crate::tail::Block;
use crate::{
    Budget, CheckReport, Decode, Decoded, Direction, EventSource, Page, PageRequest, Query, Reach, Search,
    SearchConfig, SortKey, SourceError, builder, check, merger,
};

/// One event and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) index: u64,
    pub(super) time: i64,
    pub(super) received: i64,
    pub(super) tenant: u64,
    pub(super) id: String,
    pub(super) decoded: Decoded,
    pub(super) people: People,
}

/// A ledger in memory. An event's body is its number in the table of decoded events.
pub(super) struct MemoryLedger {
    pub(super) log: [u8; 16],
    entries: RwLock<Vec<Option<Stored>>>,
    /// Events that were removed, which may have been read before.
    removed: RwLock<Vec<Stored>>,
    size: watch::Sender<u64>,
    /// Leaf indices from which reading fails, for tests of trouble.
    pub(super) broken: Mutex<Option<u64>>,
    /// Changes the leaf hashes: another history.
    pub(super) history: Mutex<u8>,
}

impl MemoryLedger {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            log: [1; 16],
            entries: RwLock::default(),
            removed: RwLock::default(),
            size: watch::Sender::new(0),
            broken: Mutex::new(None),
            history: Mutex::new(0),
        })
    }

    pub(super) fn push(&self, mut stored: Stored) -> u64 {
        let mut entries = self.entries.write();
        stored.index = entries.len() as u64;
        stored.received = received(stored.index);
        entries.push(Some(stored));
        self.size.send_replace(entries.len() as u64);
        entries.len() as u64 - 1
    }

    /// An entry that is not an event.
    pub(super) fn push_other(&self) {
        let mut entries = self.entries.write();
        entries.push(None);
        self.size.send_replace(entries.len() as u64);
    }

    pub(super) fn size(&self) -> u64 {
        *self.size.borrow()
    }

    pub(super) fn events(&self) -> Vec<Stored> {
        self.entries.read().iter().flatten().cloned().collect()
    }

    /// Takes an event out of the ledger for ever: its place is that of no event from now on.
    pub(super) fn remove(&self, index: u64) {
        let removed = self.entries.write()[index as usize].take();
        self.removed.write().extend(removed);
    }

    /// Whether there is an event at this place.
    pub(super) fn has_event(&self, index: u64) -> bool {
        self.entries.read()[index as usize].is_some()
    }

    /// Forgets the newest entries, as if they had never been durable.
    pub(super) fn cut(&self, size: usize) {
        let mut entries = self.entries.write();
        entries.truncate(size);
        self.size.send_replace(size as u64);
    }

    pub(super) fn change(&self, index: u64, change: impl FnOnce(&mut Stored)) {
        change(self.entries.write()[index as usize].as_mut().unwrap());
    }
}

/// Two entries share each time of receipt.
pub(super) fn received(index: u64) -> i64 {
    NOW + (index / 2) as i64 * 1_000
}

/// 2026-03-01T12:00:00Z.
pub(super) const NOW: i64 = 1_772_366_400_000_000;

impl EventSource for MemoryLedger {
    fn log_id(&self) -> [u8; 16] {
        self.log
    }

    fn subscribe(&self) -> watch::Receiver<u64> {
        self.size.subscribe()
    }

    fn records(&self, range: Range<u64>) -> Result<Vec<InLedger>, SourceError> {
        if self.broken.lock().is_some_and(|from| range.end > from) {
            return Err("the disk is on fire".into());
        }
        let entries = self.entries.read();
        let history = *self.history.lock();
        // Fewer than asked for, since a source may do that.
        let end = range.end.min(range.start + 700).min(entries.len() as u64);
        let other = stored(0, 0, "", Event::default());
        let record = |index: u64| {
            let stored = entries[index as usize].as_ref();
            let entry = Entry {
                kind: if stored.is_some() { Kind::EVENT } else { Kind::CHAIN_OPEN },
                chain_id: ChainId([0; 16]),
                tenant_seq: 0,
                received_at_us: received(index) as u64,
                prev: [0; 32],
                commitment: [0; 32],
            };
            InLedger::Whole(Arc::new(Record {
                index,
                entry,
                leaf_hash: [index as u8 ^ history; 32],
                salt: Salt([0; 16]),
                envelope: envelope(stored.unwrap_or(&other)),
                body: index.to_string().into_bytes(),
            }))
        };
        Ok((range.start..end).map(record).collect())
    }
}

fn envelope(stored: &Stored) -> Envelope {
    Envelope {
        event_time_us: stored.time,
        time_source: TimeSource::Event,
        protocol: Protocol::JSON,
        rule_version: 1,
        mapping_version: 0,
        tenant_number: stored.tenant,
        key_id: [0; 16],
        event_id: stored.id.clone(),
        tenant_name: format!("tenant {}", stored.tenant),
        media_type: "application/json".into(),
        mapping_name: String::new(),
        people: stored.people.clone(),
    }
}

impl Decode for MemoryLedger {
    fn decode(&self, _: &Envelope, body: &[u8]) -> Decoded {
        let index: usize = std::str::from_utf8(body).unwrap().parse().unwrap();
        let decoded = self.entries.read()[index].as_ref().map(|stored| stored.decoded.clone());
        let decoded = decoded.unwrap_or_else(|| {
            let removed = self.removed.read();
            removed.iter().find(|stored| stored.index == index as u64).unwrap().decoded.clone()
        });
        assert_ne!(decoded.event.action, "panic", "the decoder does not like this event");
        decoded
    }
}

/// An event by what the test cares for.
pub(super) fn stored(tenant: u64, time: i64, id: &str, event: Event) -> Stored {
    let derived = derived(&event);
    let decoded = Decoded { event, derived };
    Stored { index: 0, time, received: 0, tenant, id: id.into(), decoded, people: People::default() }
}

/// What the rules would derive, in miniature.
pub(super) fn derived(event: &Event) -> Derived {
    let kind = event.targets.first().and_then(|target| target.kind.clone());
    Derived {
        action_type: event.action_type.clone().unwrap_or_else(|| "other".into()).into(),
        object_category: kind.as_deref().map(|kind| format!("{kind} category").into()),
        object_type: kind.map(Into::into),
        severity: event.severity.unwrap_or(Severity::Low),
        details: event.details.clone(),
        summary: String::new(),
    }
}

pub(super) fn raw(json: &str) -> Box<RawValue> {
    serde_json::from_str(json).unwrap()
}

/// A configuration in which nothing happens by itself.
pub(super) fn config() -> SearchConfig {
    SearchConfig {
        flush_events: usize::MAX,
        flush_bytes: usize::MAX,
        flush_after: Duration::from_secs(1 << 20),
        tail_bytes_max: usize::MAX,
        merge_factor: 3,
        ..SearchConfig::default()
    }
}

/// An index without threads.
pub(super) struct Engine {
    pub(super) ledger: Arc<MemoryLedger>,
    pub(super) state: Arc<State>,
    pub(super) search: Search,
}

impl Engine {
    pub(super) fn open(dir: &Path, ledger: &Arc<MemoryLedger>, config: SearchConfig) -> Engine {
        let state = State::open(dir.to_owned(), config, ledger.clone(), ledger.clone()).unwrap();
        let state = Arc::new(state);
        let search = Search::without_threads(Arc::clone(&state));
        Engine { ledger: Arc::clone(ledger), state, search }
    }

    /// Follows the ledger to its end.
    pub(super) fn follow(&self) {
        let mut follower = Follower::new(&self.state);
        while follower.next() < self.ledger.size() {
            follower.read(self.ledger.size()).unwrap();
        }
    }

    /// Follows the ledger to its end, and makes splits of all that is in memory, whoever read it: no event stays in the
    /// tail.
    pub(super) fn flush(&self) {
        self.follow();
        self.build();
        self.hand_over();
        self.build();
        assert_eq!(self.search.progress().tail_events, 0);
    }

    /// Hands the tail to the builder, which waits for nothing else: a follower knows only of the blocks that it began.
    pub(super) fn hand_over(&self) {
        let view = self.state.view();
        if view.blocks.iter().any(|block| !block.read().places.is_empty()) {
            let next = Arc::new(RwLock::new(Block::new(view.end())));
            self.state.change_view(|view| view.blocks.push(next));
            self.state.work.lock().flushes.push_back(0..view.end());
        }
    }

    pub(super) fn build(&self) {
        loop {
            let task = builder::take(&mut self.state.work.lock(), false);
            let Some(task) = task else { break };
            builder::run(&self.state, &task).unwrap();
        }
    }

    pub(super) fn merge(&self) {
        loop {
            let task = merger::take(&self.state, &mut self.state.work.lock());
            let Some(task) = task else { break };
            merger::run(&self.state, &task).unwrap();
            self.state.work.lock().merge_due = true;
        }
    }

    pub(super) fn page(
        &self,
        reach: &Reach,
        query: &Query,
        limit: usize,
        cursor: Option<(SortKey, Direction)>,
        as_of: Option<u64>,
    ) -> Page {
        let request = PageRequest { reach, query, limit, cursor, as_of };
        self.search.page(&request, &Budget::unlimited()).unwrap().0
    }

    /// The indices of everything that matches, newest first.
    pub(super) fn all(&self, reach: &Reach, query: &Query) -> Vec<u64> {
        let page = self.page(reach, query, 100_000, None, None);
        assert!(!page.has_next && !page.has_prev);
        page.hits.iter().map(|hit| hit.index).collect()
    }

    pub(super) fn splits(&self) -> usize {
        self.search.progress().splits
    }

    pub(super) fn checked(&self) -> CheckReport {
        check(&self.state.root, &*self.ledger, &*self.ledger, &|_| {}).unwrap()
    }
}

/// The exact number of matches, however long it takes.
pub(super) fn count(search: &Search, reach: &Reach, query: &Query, as_of: Option<u64>) -> u64 {
    search.count(reach, query, as_of, &Budget::unlimited()).unwrap().0
}

/// A query from parameters, tenants resolved by `tenants`.
pub(super) fn query(params: &[(&str, &str)], tenants: &HashMap<String, Vec<u64>>) -> Query {
    let params: Vec<_> = params.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let mut query = Query::from_params(&params, Timestamp::from_micros(NOW)).unwrap();
    query.resolve_tenants(|name| tenants.get(name).cloned());
    query
}
