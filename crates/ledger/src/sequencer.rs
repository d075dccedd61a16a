//! The one owner of order: which id is new, which index, number and time an entry gets, and what its frame holds.
//!
//! Requests are planned without changing anything, so a refused one leaves no trace, and then applied. What is
//! applied here is not durable yet: the committer writes it, or the process ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use indelible_event::TimeSource;
use indelible_merkle::Hash;
use indelible_verify::{ChainId, Entry, Envelope, Kind, Protocol, Salt, commitment};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::chains::ChainOpenBody;
use crate::clock::{Clock, ClockStep, StepDetector};
use crate::disk::random;
use crate::follow::Follower;
use crate::ids::{BodyTag, IdEntry, IdStore, id_key, replay_key};
use crate::leaf::LeafRecord;
use crate::recent::{Recent, RecentId, RecentReplay, placed};
use crate::replays::{ReplayValue, Run, push_run};
use crate::shared::{Group, Shared, count};
use crate::wal::{Draft, ReplayRow, Row};
use crate::work::{ID_BYTES_MAX, Prepared, PreparedEvent, Reply, Task, Work, stamp};
use crate::{AppendError, ChainOpen, OnConflict, Outcome, Placed, Record};

/// zstd level of WAL blocks: 3 gains nothing and costs twice as much.
const ZSTD_LEVEL: i32 = 1;
/// Media type of bodies that the ledger writes itself.
const OWN_MEDIA_TYPE: &str = "application/json";

/// A sequenced group on its way to the disk.
pub(crate) struct Sequenced {
    /// `None` where nothing new has to be stored; the replies still wait for what was sequenced before.
    pub(crate) draft: Option<Draft>,
    pub(crate) group: Group,
    pub(crate) replies: Vec<Reply>,
}

/// Orders requests.
pub(crate) struct Sequencer {
    shared: Arc<Shared>,
    ids: Arc<dyn IdStore>,
    clock: Arc<dyn Clock>,
    steps: StepDetector,
    state: Follower,
    next_frame: u64,
    recent: Recent,
}

/// What becomes of one event, before anything is changed.
enum Plan {
    New { id: Option<String>, key: Vec<u8> },
    Duplicate(Placed),
    /// Of the event at this position of the same request.
    DuplicateOf(usize),
    Conflict,
}

/// A group as it is put together.
#[derive(Default)]
struct Building {
    group: Group,
    rows: Vec<Row>,
    raw: Vec<u8>,
    replay_rows: Vec<ReplayRow>,
    changed: std::collections::BTreeSet<u32>,
    replies: Vec<Reply>,
}

impl Sequencer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        ids: Arc<dyn IdStore>,
        clock: Arc<dyn Clock>,
        state: Follower,
        next_frame: u64,
    ) -> Self {
        let last = i64::try_from(state.received_us).unwrap_or(i64::MAX);
        let steps = StepDetector::resume(indelible_event::Timestamp::from_micros(last));
        Self { shared, ids, clock, steps, state, next_frame, recent: Recent::default() }
    }

    /// Orders a group. Every request gets its reply in the result, whatever became of it.
    pub(crate) fn sequence(&mut self, works: Vec<Work>, disk_full: Option<&AppendError>) -> Sequenced {
        let done = (&self.shared.ids_size, &self.shared.ids_frame);
        self.recent.forget(done.0.load(Ordering::Acquire), done.1.load(Ordering::Acquire));
        let mut building = Building::default();
        let now = self.clock.now();
        if disk_full.is_none()
            && let Some(step) = self.steps.observe(now, self.clock.monotonic())
        {
            self.record_step(&mut building, step, stamp(now));
        }
        for work in works {
            let result = match disk_full {
                Some(error) => Err(error.clone()),
                None => {
                    // A stamp from before a step back must not carry the old time forward.
                    let received_us = work.stamp_us.min(stamp(now)).max(self.state.received_us);
                    self.run(&mut building, work.task, received_us)
                }
            };
            building.replies.push(Reply { answer: work.answer, result });
        }
        self.finish(building)
    }

    fn run(
        &mut self,
        building: &mut Building,
        task: Task,
        received_us: u64,
    ) -> Result<(Vec<Outcome>, Option<Vec<u8>>), AppendError> {
        match task {
            Task::Append(request) => self.append(building, request, received_us),
            Task::OpenChain(open, chain) => {
                let placed = self.open_chain(building, open, chain, received_us)?;
                Ok((vec![Outcome::Stored(placed)], None))
            }
            Task::System { kind, chain, body } => {
                let number = self.writable(&chain)?;
                let placed = self.system(building, kind, number, chain, body, received_us)?;
                Ok((vec![Outcome::Stored(placed)], None))
            }
        }
    }

    fn append(
        &mut self,
        building: &mut Building,
        request: Prepared,
        received_us: u64,
    ) -> Result<(Vec<Outcome>, Option<Vec<u8>>), AppendError> {
        let replay = request.replay.as_ref().map(|replay| (replay_key(&replay.owner, &replay.key), replay.clone()));
        if let Some((key, replay)) = &replay
            && let Some((value, outcomes)) = self.remembered(key, received_us)?
        {
            if value.digest != replay.digest {
                return Err(AppendError::ReplayConflict);
            }
            return Ok((outcomes, Some(value.note)));
        }
        let plans = self.plan(&request)?;
        let refused = request.atomic && plans.iter().any(|(_, plan)| matches!(plan, Plan::Conflict));
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(plans.len());
        for (mut event, (number, plan)) in request.events.into_iter().zip(plans) {
            let outcome = match plan {
                Plan::Conflict => Outcome::Conflict { id: event.envelope.event_id },
                Plan::New { .. } | Plan::DuplicateOf(_) if refused => Outcome::Skipped,
                Plan::Duplicate(_) if refused => Outcome::Skipped,
                Plan::New { id, key } => {
                    let reused = id.is_some();
                    event.settle(id, received_us);
                    let tag = event.tag;
                    let placed = self.place(building, Kind::EVENT, number, event, received_us);
                    self.take_id(building, key, tag, &placed, received_us);
                    if reused { Outcome::Reused(placed) } else { Outcome::Stored(placed) }
                }
                Plan::Duplicate(placed) => Outcome::Duplicate(placed),
                Plan::DuplicateOf(position) => {
                    let first = outcomes[position].placed().cloned();
                    Outcome::Duplicate(first.expect("the event at an earlier position is new, and was just placed"))
                }
            };
            outcomes.push(outcome);
        }
        let duplicates = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Duplicate(_))).count();
        count(&self.shared.counters.duplicates, duplicates as u64);
        if let Some((key, replay)) = replay
            && outcomes.iter().any(|outcome| outcome.placed().is_some())
        {
            let value = ReplayValue {
                at_us: received_us,
                digest: replay.digest,
                note: request.note,
                runs: runs_of(&outcomes),
            };
            let encoded = value.encode();
            building.group.replays.push((key.clone(), value.at_us, encoded.clone()));
            building.replay_rows.push(ReplayRow { owner: replay.owner, key: replay.key, value: encoded });
            let recent = RecentReplay { value, outcomes: outcomes.clone() };
            self.recent.add_replay(self.next_frame, key, recent);
        }
        Ok((outcomes, None))
    }

    /// A remembered answer that still counts.
    fn remembered(&self, key: &[u8], now_us: u64) -> Result<Option<(ReplayValue, Vec<Outcome>)>, AppendError> {
        if let Some(recent) = self.recent.replay(key) {
            let fresh = recent.value.is_fresh(now_us);
            return Ok(fresh.then(|| (recent.value.clone(), recent.outcomes.clone())));
        }
        self.shared.remembered(&*self.ids, key, now_us).map_err(AppendError::from)
    }

    /// Decides about each event without changing anything.
    fn plan(&self, request: &Prepared) -> Result<Vec<(u32, Plan)>, AppendError> {
        let mut within: HashMap<Vec<u8>, (BodyTag, usize)> = HashMap::new();
        let mut plans = Vec::with_capacity(request.events.len());
        for (position, event) in request.events.iter().enumerate() {
            let number = self.writable(&event.chain)?;
            let plan = self.plan_event(&within, number, event, request.on_conflict)?;
            if let Plan::New { key, .. } = &plan {
                within.insert(key.clone(), (event.tag, position));
            }
            plans.push((number, plan));
        }
        Ok(plans)
    }

    fn plan_event(
        &self,
        within: &HashMap<Vec<u8>, (BodyTag, usize)>,
        number: u32,
        event: &PreparedEvent,
        on_conflict: OnConflict,
    ) -> Result<Plan, AppendError> {
        let id = &event.envelope.event_id;
        let key = id_key(number, id);
        let look = |key: &[u8], id: &str, fresh: bool| -> Result<Option<(bool, Plan)>, AppendError> {
            if let Some((tag, position)) = within.get(key) {
                return Ok(Some((*tag == event.tag, Plan::DuplicateOf(*position))));
            }
            let found = if fresh { None } else { self.find(key)? };
            Ok(found.map(|found| {
                let at = placed(id, found.entry.index, found.tenant_seq, found.received_us);
                (found.entry.tag == event.tag, Plan::Duplicate(at))
            }))
        };
        match look(&key, id, !event.id_given)? {
            None => return Ok(Plan::New { id: None, key }),
            Some((true, duplicate)) => return Ok(duplicate),
            Some((false, _)) if on_conflict == OnConflict::Reject => return Ok(Plan::Conflict),
            Some((false, _)) => {}
        }
        let digest = hex::encode(Sha256::digest(&event.body));
        // Eight digits are enough unless somebody searched for bodies that share them; then more are taken.
        for digits in [8, 16, 32, 64] {
            let derived = derived_id(id, &digest[..digits]);
            let key = id_key(number, &derived);
            match look(&key, &derived, false)? {
                None => return Ok(Plan::New { id: Some(derived), key }),
                Some((true, duplicate)) => return Ok(duplicate),
                Some((false, _)) => {}
            }
        }
        Ok(Plan::Conflict)
    }

    fn find(&self, key: &[u8]) -> Result<Option<RecentId>, AppendError> {
        if let Some(recent) = self.recent.id(key) {
            return Ok(Some(recent.clone()));
        }
        let Some(entry) = self.ids.get(key)? else { return Ok(None) };
        let leaf = self.shared.leaf_record(entry.index)?;
        Ok(Some(RecentId { entry, tenant_seq: leaf.tenant_seq, received_us: leaf.received_us }))
    }

    /// Number of a chain that can be written to.
    fn writable(&self, chain: &ChainId) -> Result<u32, AppendError> {
        let number = self.state.chains.number(chain).ok_or(AppendError::UnknownChain { chain: *chain })?;
        match self.state.chains.get(number) {
            Some(info) if !info.closed => Ok(number),
            _ => Err(AppendError::ChainClosed { chain: *chain }),
        }
    }

    fn open_chain(
        &mut self,
        building: &mut Building,
        open: ChainOpen,
        chain: ChainId,
        received_us: u64,
    ) -> Result<Placed, AppendError> {
        let before = self.state.chains.of_tenant(open.tenant_number);
        if let Some(before) = before.filter(|before| !before.closed) {
            return Err(AppendError::ChainExists { tenant_number: open.tenant_number, chain: before.chain });
        }
        let invalid = |what: String| AppendError::Invalid { position: 0, what };
        let details = if open.body.is_empty() {
            None
        } else {
            let text = String::from_utf8(open.body).map_err(|error| invalid(error.to_string()))?;
            Some(RawValue::from_string(text).map_err(|error| invalid(error.to_string()))?)
        };
        let body = ChainOpenBody {
            chain: chain.to_string(),
            tenant_number: open.tenant_number,
            tenant_name: open.tenant_name,
            tenant_uuid: uuid::Uuid::from_bytes(open.tenant_uuid).to_string(),
            previous_chain: before.map(|before| before.chain.to_string()),
            previous_head: before.map(|before| hex::encode(before.head)),
            details,
        };
        let (tenant_number, tenant_name) = (body.tenant_number, body.tenant_name.clone());
        let body = serde_json::to_vec(&body).map_err(|error| invalid(error.to_string()))?;
        let number = u32::try_from(self.state.chains.len()).map_err(|error| invalid(error.to_string()))?;
        let event = self.own_event(chain, tenant_number, tenant_name, body, received_us)?;
        Ok(self.place_own(building, Kind::CHAIN_OPEN, number, event, received_us))
    }

    fn system(
        &mut self,
        building: &mut Building,
        kind: Kind,
        number: u32,
        chain: ChainId,
        body: Vec<u8>,
        received_us: u64,
    ) -> Result<Placed, AppendError> {
        let info = self.state.chains.get(number).ok_or(AppendError::UnknownChain { chain })?;
        let event = self.own_event(chain, info.tenant_number, info.tenant_name.clone(), body, received_us)?;
        Ok(self.place_own(building, kind, number, event, received_us))
    }

    /// An event of the server's own, such as a chain-open entry.
    fn own_event(
        &self,
        chain: ChainId,
        tenant_number: u64,
        tenant_name: String,
        body: Vec<u8>,
        received_us: u64,
    ) -> Result<PreparedEvent, AppendError> {
        let id = uuid::Builder::from_unix_timestamp_millis(received_us / 1000, &random(&*self.shared.disk)?).into_uuid();
        let envelope = Envelope {
            event_time_us: i64::try_from(received_us).unwrap_or(i64::MAX),
            time_source: TimeSource::Received,
            protocol: Protocol::SERVER,
            rule_version: 0,
            mapping_version: 0,
            tenant_number,
            key_id: [0; 16],
            event_id: id.to_string(),
            tenant_name,
            media_type: OWN_MEDIA_TYPE.to_owned(),
            mapping_name: String::new(),
        };
        let encoded =
            envelope.encode().map_err(|error| AppendError::Invalid { position: 0, what: error.to_string() })?;
        let salt = Salt(random(&*self.shared.disk)?);
        let (tag, commitment) = (self.ids.tagger().tag(&body), commitment(&salt, &encoded, &body));
        Ok(PreparedEvent { chain, envelope, encoded, id_given: false, body, salt, tag, commitment })
    }

    /// A step of the clock becomes an entry of the installation's chain.
    fn record_step(&mut self, building: &mut Building, step: ClockStep, now_us: u64) {
        let (expected_us, observed_us) = (step.expected.as_micros(), step.observed.as_micros());
        tracing::warn!(expected_us, observed_us, "the clock was set");
        *self.shared.clock_step.lock() = Some(step);
        let Some(chain) = self.state.chains.get(0).map(|info| info.chain) else { return };
        let body = serde_json::json!({
            "expected_us": expected_us, "observed_us": observed_us, "step_us": observed_us - expected_us,
        });
        let received_us = now_us.max(self.state.received_us);
        let body = body.to_string().into_bytes();
        // Only random bytes can be missing here, and the alarm stands in the status all the same.
        if let Err(error) = self.system(building, Kind::CLOCK_STEP, 0, chain, body, received_us) {
            tracing::error!(%error, "the step of the clock could not be recorded");
        }
    }

    fn place_own(
        &mut self,
        building: &mut Building,
        kind: Kind,
        number: u32,
        event: PreparedEvent,
        received_us: u64,
    ) -> Placed {
        let (key, tag) = (id_key(number, &event.envelope.event_id), event.tag);
        let placed = self.place(building, kind, number, event, received_us);
        self.take_id(building, key, tag, &placed, received_us);
        placed
    }

    /// Gives an event its place: index, number, links, leaf.
    fn place(
        &mut self,
        building: &mut Building,
        kind: Kind,
        number: u32,
        event: PreparedEvent,
        received_us: u64,
    ) -> Placed {
        let index = self.state.tree.size();
        let (chain_id, prev, tenant_seq) = match self.state.chains.get(number) {
            Some(info) => (info.chain, info.head, info.next_seq),
            None => (event.chain, [0; 32], 0),
        };
        let entry = Entry { kind, chain_id, tenant_seq, received_at_us: received_us, prev, commitment: event.commitment };
        let leaf_hash: Hash = entry.leaf_hash();
        building.group.leaves.push(LeafRecord {
            kind: kind.0,
            chain: number,
            tenant_seq,
            previous: self.state.chains.previous_of(number),
            received_us,
        });
        self.state
            .chains
            .apply(index, number, &entry, leaf_hash, &event.body)
            .expect("the entry was made to follow its chain's head");
        let nodes = &mut building.group.nodes;
        self.state.tree.append(leaf_hash, |level, _, hash| nodes.push((level, hash)));
        self.state.received_us = received_us;
        building.changed.insert(number);
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).expect("requests are bounded far below 4 GiB");
        building.rows.push(Row {
            kind: kind.0,
            chain: number,
            tenant_seq,
            received_us,
            salt: event.salt.0,
            envelope_len: len(&event.encoded),
            body_len: len(&event.body),
        });
        building.raw.extend_from_slice(&event.encoded);
        building.raw.extend_from_slice(&event.body);
        let at = placed(&event.envelope.event_id, index, tenant_seq, received_us);
        let record =
            Record { index, entry, leaf_hash, salt: event.salt, envelope: event.envelope, body: event.body };
        building.group.records.push(Arc::new(record));
        at
    }

    fn take_id(
        &mut self,
        building: &mut Building,
        key: Vec<u8>,
        tag: BodyTag,
        placed: &Placed,
        received_us: u64,
    ) {
        let entry = IdEntry { index: placed.index, tag };
        building.group.ids.push((key.clone(), entry));
        self.recent.add_id(key, RecentId { entry, tenant_seq: placed.tenant_seq, received_us });
    }

    /// Packs the frame.
    fn finish(&mut self, mut building: Building) -> Sequenced {
        let chains = &self.state.chains;
        let changed = building.changed.iter().filter_map(|number| Some((*number, chains.get(*number)?.clone())));
        building.group.chains = changed.collect();
        let (rows, replay_rows) = (&building.rows, &building.replay_rows);
        let mut draft = None;
        if !rows.is_empty() || !replay_rows.is_empty() {
            let block = zstd::bulk::compress(&building.raw, ZSTD_LEVEL).expect("compressing into memory cannot fail");
            let size = self.state.tree.size();
            let n = |len: usize| u32::try_from(len).expect("requests are bounded far below 4 GiB");
            draft = Some(Draft {
                number: self.next_frame,
                first: size - rows.len() as u64,
                count: n(rows.len()),
                replays: n(replay_rows.len()),
                columns: Draft::columns_of(rows, replay_rows),
                block,
                raw_len: n(building.raw.len()),
                size,
                root: self.state.tree.root(),
            });
            self.next_frame += 1;
        }
        Sequenced { draft, group: building.group, replies: building.replies }
    }
}

/// `<id>~<digits>`, the front cut where the whole would be too long. Ids are ASCII; should one not be, it is cut
/// at a character.
fn derived_id(id: &str, digits: &str) -> String {
    let keep = id.floor_char_boundary(ID_BYTES_MAX - 1 - digits.len());
    format!("{}~{digits}", &id[..keep])
}

fn runs_of(outcomes: &[Outcome]) -> Vec<Run> {
    let mut runs = Vec::new();
    for outcome in outcomes {
        push_run(
            &mut runs,
            match outcome {
                Outcome::Stored(placed) => Run::Stored { count: 1, first: placed.index },
                Outcome::Reused(placed) => Run::Reused { count: 1, first: placed.index },
                Outcome::Duplicate(placed) => Run::Duplicate { count: 1, first: placed.index },
                Outcome::Conflict { id } => Run::Conflict { id: id.clone() },
                Outcome::Skipped => Run::Skipped { count: 1 },
            },
        );
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_ids_fit_and_keep_their_front() {
        let long = "x".repeat(ID_BYTES_MAX);
        for (id, digits, derived) in [
            ("order-1", "0a1b2c3d", "order-1~0a1b2c3d".to_owned()),
            (&long, "0a1b2c3d", format!("{}~0a1b2c3d", "x".repeat(119))),
            (&"é".repeat(64), "0a1b2c3d", format!("{}~0a1b2c3d", "é".repeat(59))),
        ] {
            assert_eq!(derived_id(id, digits), derived);
            assert!(derived.len() <= ID_BYTES_MAX);
        }
    }
}
