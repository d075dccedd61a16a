//! The one owner of order: which id is new, which index, number and time an entry gets, and what its frame holds.
//!
//! Requests are planned without changing anything, so a refused one leaves no trace, and then applied. What is
//! applied here is not durable yet: the committer writes it, or the process ends.

mod own;
mod plan;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use indelible_merkle::Hash;
use indelible_verify::{ChainId, Entry, Kind};

use self::plan::Plan;
use crate::clock::{Clock, StepDetector};
use crate::follow::Follower;
use crate::ids::{BodyTag, IdEntry, IdStore, replay_key};
use crate::leaf::LeafRecord;
use crate::recent::{Recent, RecentId, RecentReplay, placed};
use crate::replays::{ReplayValue, Run, push_run};
use crate::shared::{Group, Shared, count};
use crate::wal::{Draft, ReplayRow, Row};
use crate::work::{Prepared, PreparedEvent, Reply, Task, Work, stamp};
use crate::{AppendError, Outcome, Placed, Record};

/// zstd level of WAL blocks: 3 gains nothing and costs twice as much.
const ZSTD_LEVEL: i32 = 1;
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
    compressor: zstd::bulk::Compressor<'static>,
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
    ) -> std::io::Result<Self> {
        let last = i64::try_from(state.received_us).unwrap_or(i64::MAX);
        let steps = StepDetector::resume(indelible_event::Timestamp::from_micros(last));
        let (recent, compressor) = (Recent::default(), zstd::bulk::Compressor::new(ZSTD_LEVEL)?);
        Ok(Self { shared, ids, clock, steps, state, next_frame, recent, compressor })
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
                    let received_us = work.ticket.stamp_us().min(stamp(now)).max(self.state.received_us);
                    self.run(&mut building, work.task, received_us)
                }
            };
            building.replies.push(Reply { ticket: work.ticket, answer: work.answer, result });
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
        let replay =
            request.replay.as_ref().map(|replay| (replay_key(&replay.owner, &replay.key), replay.clone()));
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
                    Outcome::Duplicate(
                        first.expect("the event at an earlier position is new, and was just placed"),
                    )
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

    /// Number of a chain that can be written to.
    fn writable(&self, chain: &ChainId) -> Result<u32, AppendError> {
        let number = self.state.chains.number(chain).ok_or(AppendError::UnknownChain { chain: *chain })?;
        match self.state.chains.get(number) {
            Some(info) if !info.closed => Ok(number),
            _ => Err(AppendError::ChainClosed { chain: *chain }),
        }
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
        let entry = Entry {
            kind,
            chain_id,
            tenant_seq,
            received_at_us: received_us,
            prev,
            commitment: event.commitment,
        };
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
        let changed =
            building.changed.iter().filter_map(|number| Some((*number, chains.get(*number)?.clone())));
        building.group.chains = changed.collect();
        let (rows, replay_rows) = (&building.rows, &building.replay_rows);
        let mut draft = None;
        if !rows.is_empty() || !replay_rows.is_empty() {
            let block = self.compressor.compress(&building.raw).expect("compressing into memory cannot fail");
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
