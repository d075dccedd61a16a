//! A ledger on a simulated disk, its parts moved by hand: no threads, so every run can be replayed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use indelible_event::{TimeSource, Timestamp};
use indelible_merkle::{Checkpoint, VerifierKey, verify_consistency, verify_inclusion};
use indelible_verify::{ChainId, Chains, Envelope, Kind, People, Protocol};
use tokio::sync::oneshot;

use crate::check::check_on;
use crate::disk::sim::SimDisk;
use crate::disk::{Disk, random};
use crate::ids::{IdStore, Ids, MemoryIds};
use crate::recover::{self, Parts};
use crate::shared::{Paths, RemovalStep, RemovalWork};
use crate::work::{Answer, Prepared, Task, Work, stamp};
use crate::{
    AppendRequest, ChainOpen, CheckReport, Clock, LedgerConfig, LedgerReader, NewEvent, OnConflict, Record,
    RemovalDone, SignedCheckpoint, StoreError, Stored,
};

/// A clock that moves when it is told to.
pub(super) struct TestClock {
    wall_us: AtomicI64,
    monotonic_us: AtomicI64,
}

impl TestClock {
    /// Time passes.
    pub(super) fn pass(&self, us: i64) {
        self.wall_us.fetch_add(us, Ordering::SeqCst);
        self.monotonic_us.fetch_add(us, Ordering::SeqCst);
    }

    /// Somebody sets the clock.
    pub(super) fn set_by(&self, us: i64) {
        self.wall_us.fetch_add(us, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.wall_us.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.monotonic_us.load(Ordering::SeqCst) as u64)
    }
}

/// A small configuration, so that segments and seals happen within a test.
pub(super) fn config() -> LedgerConfig {
    LedgerConfig {
        wal_segment_bytes: 64 << 10,
        seal_bytes: 8 << 10,
        queue_bytes_max: 16 << 20,
        group_bytes_max: 256 << 10,
        ring_bytes: 8 << 10,
        cache_bytes: 64 << 10,
        min_free_bytes: 0,
        ..LedgerConfig::default()
    }
}

pub(super) fn envelope(id: &str) -> Envelope {
    Envelope {
        event_time_us: 5,
        time_source: TimeSource::Event,
        protocol: Protocol::JSON,
        rule_version: 1,
        mapping_version: 0,
        tenant_number: 1,
        key_id: [9; 16],
        event_id: id.to_owned(),
        tenant_name: "acme".to_owned(),
        media_type: "application/json".to_owned(),
        mapping_name: String::new(),
        people: People::default(),
    }
}

pub(super) fn event(chain: ChainId, id: &str, body: &str) -> NewEvent {
    NewEvent { chain, envelope: envelope(id), id_given: true, body: body.as_bytes().to_vec() }
}

pub(super) fn request(events: Vec<NewEvent>) -> AppendRequest {
    AppendRequest { events, atomic: false, on_conflict: OnConflict::Store, replay: None, note: Vec::new() }
}

pub(super) fn tenant(number: u64) -> ChainOpen {
    ChainOpen {
        tenant_number: number,
        tenant_name: format!("tenant-{number}"),
        tenant_uuid: [number as u8; 16],
        body: br#"{"parent":null}"#.to_vec(),
    }
}

/// The ledger and what it stands on.
pub(super) struct Rig {
    pub(super) disk: SimDisk,
    pub(super) ids: Arc<MemoryIds>,
    pub(super) clock: Arc<TestClock>,
    pub(super) config: LedgerConfig,
    pub(super) parts: Option<Parts>,
}

impl Rig {
    /// A new ledger.
    pub(super) fn new() -> Self {
        let mut rig = Self::closed(SimDisk::new());
        rig.open().unwrap();
        rig
    }

    /// A ledger that is not open yet.
    pub(super) fn closed(disk: SimDisk) -> Self {
        let start = 1_700_000_000_000_000;
        let clock = TestClock { wall_us: AtomicI64::new(start), monotonic_us: AtomicI64::new(0) };
        Self { disk, ids: Arc::default(), clock: Arc::new(clock), config: config(), parts: None }
    }

    pub(super) fn paths() -> Paths {
        Paths::of(Path::new("/ledger"))
    }

    pub(super) fn open(&mut self) -> Result<(), StoreError> {
        self.parts = None;
        let paths = Self::paths();
        self.disk.create_dir(&paths.root).unwrap();
        let ids = self.ids.clone();
        let open_ids = |_: &Paths, _: &[u8; 16]| -> Result<Arc<dyn IdStore>, StoreError> { Ok(ids.clone()) };
        let (disk, clock) = (Arc::new(self.disk.clone()), self.clock.clone());
        let parts = recover::open(
            disk,
            paths,
            self.config.clone(),
            clock,
            &open_ids,
            Arc::new(|_: &StoreError| {}),
            &|_| {},
        )?;
        self.parts = Some(parts);
        Ok(())
    }

    pub(super) fn parts(&mut self) -> &mut Parts {
        self.parts.as_mut().expect("the ledger is open")
    }

    pub(super) fn reader(&self) -> LedgerReader {
        LedgerReader::new(self.parts.as_ref().expect("the ledger is open").shared.clone())
    }

    /// Sequences and commits tasks as one group.
    pub(super) fn run(&mut self, tasks: Vec<Task>) -> Vec<Answer> {
        let parts = self.parts();
        let (works, mut answers): (Vec<_>, Vec<_>) = tasks
            .into_iter()
            .map(|task| {
                let (answer, receiver) = oneshot::channel();
                let ticket = parts.shared.pending.take(&*parts.clock);
                (Work { task, bytes: 0, ticket, answer }, receiver)
            })
            .unzip();
        let full = crate::threads::disk_full(&parts.shared, &works);
        let sequenced = parts.sequencer.sequence(works, full.as_ref());
        parts.committer.commit(sequenced);
        answers
            .iter_mut()
            .map(|answer| answer.try_recv().unwrap_or(Err(crate::AppendError::Closed)))
            .collect()
    }

    pub(super) fn prepared(&mut self, request: AppendRequest) -> Task {
        let parts = self.parts();
        let (tagger, stamp_us) = (parts.ids.tagger(), stamp(parts.clock.now()));
        let disk = parts.shared.disk.clone();
        let fill = |salts: &mut [u8]| disk.random(salts).map_err(StoreError::Random);
        Task::Append(Prepared::new(request, &tagger, stamp_us, fill).unwrap())
    }

    /// A request on its way to parts that left the rig; nobody waits for its answer.
    pub(super) fn work(&self, parts: &Parts, request: AppendRequest) -> Work {
        let (tagger, ticket) = (parts.ids.tagger(), parts.shared.pending.take(&*parts.clock));
        let fill = |salts: &mut [u8]| self.disk.random(salts).map_err(StoreError::Random);
        let prepared = Prepared::new(request, &tagger, ticket.stamp_us(), fill).unwrap();
        Work { task: Task::Append(prepared), bytes: 0, ticket, answer: oneshot::channel().0 }
    }

    pub(super) fn append(&mut self, request: AppendRequest) -> Answer {
        let task = self.prepared(request);
        self.run(vec![task]).remove(0)
    }

    pub(super) fn open_chain(&mut self, number: u64) -> (ChainId, Answer) {
        let chain = ChainId(random(&self.disk).unwrap());
        let answer = self.run(vec![Task::OpenChain(tenant(number), chain)]).remove(0);
        (chain, answer)
    }

    /// Everything the background would do, in order, but sealing.
    pub(super) fn background(&mut self) {
        let parts = self.parts();
        parts.id_keeper.step();
        parts.release_keeper.step();
        parts.sealer.step();
    }

    /// Has the background do a step of a removal.
    pub(super) fn removal_step(&mut self, step: RemovalStep) -> Result<RemovalDone, StoreError> {
        let (answer, mut answered) = oneshot::channel();
        let parts = self.parts();
        parts.shared.removals.lock().waiting.push_back(RemovalWork { step, answer });
        parts.sealer.remove_due();
        answered.try_recv().expect("the step was done")
    }

    /// What [`crate::LedgerWriter::remove_blocking`] does.
    pub(super) fn remove(&mut self, by: u64, indices: &[u64]) -> Result<RemovalDone, StoreError> {
        let done = self.removal_step(RemovalStep::Rewrite { by, indices: indices.to_vec() })?;
        self.parts().shared.rotate.store(true, Ordering::SeqCst);
        let chain = self.reader().chains()[0].chain;
        let task = Task::System { kind: Kind::RETENTION, chain, body: b"{\"state\":\"done\"}".to_vec() };
        let told = self.run(vec![task]).remove(0);
        told.map_err(|error| {
            StoreError::io("write to", &Self::paths().wal, std::io::Error::other(error.to_string()))
        })?;
        self.removal_step(RemovalStep::Seal)?;
        Ok(done)
    }

    /// A clean end: what [`crate::LedgerWriter::close`] leaves.
    pub(super) fn close(&mut self) {
        let parts = self.parts();
        parts.id_keeper.step();
        parts.release_keeper.step();
        parts.ids.persist().unwrap();
        self.parts = None;
    }

    /// The process is killed; the system goes on and writes everything back.
    pub(super) fn kill(&mut self) {
        self.parts = None;
        self.disk = self.disk.after_kill();
        self.ids = Arc::new(self.ids.after_crash(true));
    }

    /// The power goes.
    pub(super) fn crash(&mut self, seed: u64) {
        self.parts = None;
        self.disk = self.disk.after_crash(seed);
        self.ids = Arc::new(self.ids.after_crash(seed.is_multiple_of(2)));
    }

    pub(super) fn check(&self) -> Result<CheckReport, StoreError> {
        let ids = self.ids.clone();
        let open_ids =
            |_: &Paths, _: &[u8; 16]| -> Result<Option<Arc<dyn Ids>>, StoreError> { Ok(Some(ids.clone())) };
        check_on(&self.disk, &Self::paths(), &open_ids, &|_| {})
    }
}

/// Reads the whole ledger and verifies it from the outside: links, roots, proofs, and that every checkpoint ever
/// shown is a prefix of the newest. Gives the entries that have their contents.
pub(super) fn read_and_verify(reader: &LedgerReader, shown: &[Arc<SignedCheckpoint>]) -> Vec<Arc<Record>> {
    let vkey: VerifierKey = reader.vkey().parse().unwrap();
    let newest = reader.checkpoint();
    let checkpoint = Checkpoint::open(&newest.note, std::slice::from_ref(&vkey)).unwrap();
    let size = reader.durable_size();
    assert_eq!((checkpoint.size(), *checkpoint.root()), (size, newest.root));
    let stored = reader.records(0..size).unwrap();
    assert_eq!(stored.len() as u64, size);
    let mut chains = Chains::default();
    for (index, stored) in stored.iter().enumerate() {
        assert_eq!(stored.index(), index as u64);
        assert_eq!(stored.entry().leaf_hash(), stored.leaf_hash());
        if let Stored::Whole(record) = stored {
            let envelope = record.envelope.encode().unwrap();
            let commitment = indelible_verify::commitment(&record.salt, &envelope, &record.body);
            assert_eq!(record.entry.commitment, commitment);
        }
        chains.accept(stored.entry(), stored.leaf_hash()).unwrap();
        let proof = reader.inclusion(index as u64, size).unwrap();
        verify_inclusion(&stored.leaf_hash(), index as u64, size, &proof, checkpoint.root()).unwrap();
    }
    let records = stored.into_iter().filter_map(Stored::whole).collect();
    for old in shown {
        let opened = Checkpoint::open(&old.note, std::slice::from_ref(&vkey)).unwrap();
        let proof = reader.consistency(old.size, size).unwrap();
        verify_consistency(old.size, size, &proof, opened.root(), checkpoint.root()).unwrap();
    }
    let known: Vec<_> = reader.chains().iter().map(|info| (info.chain, info.next_seq, info.head)).collect();
    assert_eq!(known.len(), chains.len());
    for (chain, next_seq, head) in known {
        assert_eq!(chains.get(&chain).map(|end| (end.next_seq, end.head)), Some((next_seq, head)));
    }
    records
}

/// Id and body of every event, in order.
pub(super) fn events(records: &[Arc<Record>]) -> Vec<(ChainId, String, String)> {
    let events = records.iter().filter(|record| record.entry.kind == Kind::EVENT);
    events
        .map(|record| {
            let body = String::from_utf8(record.body.clone()).unwrap();
            (record.entry.chain_id, record.envelope.event_id.clone(), body)
        })
        .collect()
}
