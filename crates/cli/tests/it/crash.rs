//! kill -9 under load, again and again: nothing acknowledged is missing, nothing is there twice, no history forks.
//!
//! Each cycle starts the server on what the last kill left, checks everything that was ever acknowledged, repeats the
//! requests whose answers were lost, and sends until it is killed after a number of acknowledgements that the seed
//! decides. Some kills fall into the recovery itself. `INDELIBLE_CRASH_CYCLES` (20) and `INDELIBLE_CRASH_SEED` (1)
//! change how long and which; a failure prints both.

use std::{
    collections::BTreeMap,
    env,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use indelible_merkle::{Checkpoint, Hash, Tree, VerifierKey, leaf_hash};
use indelible_verify::{Chains, Entry, Kind};
use serde_json::{Value, json};

use crate::support::{Api, Installation, LONG, Numbers, Server, within};

/// Clients that send at the same time, each waiting for its acknowledgement.
const WRITERS: usize = 3;
/// How soon after `/readyz` says so everything acknowledged must be found.
const FOUND_WITHIN: Duration = Duration::from_secs(1);

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, expected a number"))
    })
}

#[test]
fn kill_minus_nine_under_load_loses_doubles_and_forks_nothing() {
    let (cycles, seed) = (setting("INDELIBLE_CRASH_CYCLES", 20), setting("INDELIBLE_CRASH_SEED", 1));
    // Small segments and early sealing, so that every cycle crosses their borders.
    let mut installation = Installation::new().with("WAL_SEGMENT_BYTES", "1048576").with("LOG", "warn");
    let mut numbers = Numbers::new(seed);
    let mut world = World::set_up(&installation);
    for cycle in 0..cycles {
        let place = Place { seed, cycle, cycles };
        installation.set("SEAL_BYTES", if numbers.within(0..3) == 0 { "67108864" } else { "65536" });
        // One kill in four falls into the start. A server that refuses to start fails the next real start, too.
        while numbers.within(0..4) == 0 {
            drop(installation.start_within(Duration::from_millis(numbers.within(1..120))));
        }
        let server = installation.start();
        world.check(&server, &place);
        world.load(&server, cycle, &mut numbers);
        server.kill();
    }
    let place = Place { seed, cycle: cycles, cycles };
    let server = installation.start();
    world.check(&server, &place);
    world.check_every_event(&server, &place);
    server.stop();
    let verdict = installation.verify();
    assert_eq!(verdict.code, Some(0), "{place}: {}", verdict.stderr);
}

/// Where a failure happened, and how to have it again.
struct Place {
    seed: u64,
    cycle: u64,
    cycles: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, cycle, cycles } = self;
        write!(out, "cycle {cycle} of {cycles}, INDELIBLE_CRASH_SEED={seed}")
    }
}

/// A request, as it was sent and as it is sent again.
struct Batch {
    ids: Vec<String>,
    body: String,
}

/// What a writer knows at the moment of the kill.
#[derive(Default)]
struct Sent {
    acknowledged: Vec<(Batch, Value)>,
    /// Sent, and perhaps stored; the answer never came.
    unanswered: Option<Batch>,
}

/// Everything that clients were told, and what they can hold against the server.
struct World {
    key: String,
    vkey: VerifierKey,
    /// Acknowledged events: id to bytes and place in the chain.
    events: BTreeMap<String, (String, u64)>,
    /// Those of the last cycle, looked at one by one.
    fresh: Vec<String>,
    unanswered: Vec<Batch>,
    /// Signed by the server and handed out.
    checkpoints: Vec<Checkpoint>,
    /// The log so far, as read through tiles.
    log: Log,
}

impl World {
    fn set_up(installation: &Installation) -> Self {
        let server = installation.start();
        let admin = server.admin();
        admin.tenant("acme");
        let key = admin.key(&["events.send", "audit.read"], &["acme"]).key.unwrap();
        let vkey = admin.read("/v1/ledger")["vkey"].as_str().unwrap().parse().unwrap();
        server.kill();
        Self {
            key,
            vkey,
            events: BTreeMap::new(),
            fresh: vec![],
            unanswered: vec![],
            checkpoints: vec![],
            log: Log::default(),
        }
    }

    /// Sends until a number of acknowledgements, then kills in the middle of it.
    fn load(&mut self, server: &Server, cycle: u64, numbers: &mut Numbers) {
        let acknowledgements = numbers.within(1..60);
        let (report, reports) = mpsc::channel();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (api, report) = (server.with_key(&self.key), report.clone());
                let numbers = Numbers::new(numbers.within(0..u64::MAX >> 12));
                thread::spawn(move || write(&api, cycle, writer, numbers, &report))
            })
            .collect();
        drop(report);
        for _ in 0..acknowledgements {
            reports.recv_timeout(LONG).expect("the server acknowledges");
        }
        server.kill_now();
        self.fresh.clear();
        for writer in writers {
            let sent = writer.join().unwrap();
            for (batch, answer) in sent.acknowledged {
                self.acknowledged(batch, &answer);
            }
            self.unanswered.extend(sent.unanswered);
        }
    }

    /// Takes an acknowledgement at its word.
    fn acknowledged(&mut self, batch: Batch, answer: &Value) {
        let places = answer["events"].as_array().unwrap();
        assert_eq!(places.len(), batch.ids.len(), "{answer}");
        let bodies: Vec<Box<serde_json::value::RawValue>> = serde_json::from_str(&batch.body).unwrap();
        for ((id, place), body) in batch.ids.into_iter().zip(places).zip(bodies) {
            assert_eq!(place["id"], id.as_str());
            let known = self
                .events
                .insert(id.clone(), (body.get().to_owned(), place["tenant_seq"].as_u64().unwrap()));
            assert!(known.is_none(), "{id} was acknowledged before");
            self.fresh.push(id);
        }
        let note = answer["checkpoint"].as_str().unwrap();
        self.checkpoints.push(Checkpoint::open(note, std::slice::from_ref(&self.vkey)).unwrap());
    }

    /// Everything that must hold after a restart.
    fn check(&mut self, server: &Server, place: &Place) {
        let api = server.with_key(&self.key);
        within(LONG, "the server is ready for searching too", || {
            (api.get("/readyz").status == 200).then_some(())
        });
        self.all_is_found_soon(&api, place);
        for batch in std::mem::take(&mut self.unanswered) {
            // Stored or not, the repetition is answered as if it were the first.
            let answer = api
                .post("", &[("Content-Type", "application/json")], batch.body.as_bytes())
                .expect(201)
                .json();
            let (accepted, duplicates) =
                (answer["accepted"].as_u64().unwrap(), answer["duplicates"].as_u64().unwrap());
            assert_eq!(accepted + duplicates, batch.ids.len() as u64, "{place}: {answer}");
            assert!(accepted == 0 || duplicates == 0, "{place}: a request was stored in part: {answer}");
            assert_eq!(answer["warnings"], json!([]), "{place}: {answer}");
            self.acknowledged(batch, &answer);
        }
        self.log.follow(&server.admin(), &self.vkey, place);
        self.log.contains(&self.checkpoints, place);
        // Each id once: what the index shows is what was acknowledged, no more and no less.
        api.found("", self.events.len() as u64);
        for id in &self.fresh {
            self.has_its_bytes(&api, id, place);
        }
        let sequences = self.log.acme_sequences();
        // Beside them the server's own lie there: that the events were looked at.
        let mut expected: Vec<_> =
            self.events.values().map(|(_, seq)| *seq).chain(own_sequences(&api)).collect();
        expected.retain(|seq| *seq <= *sequences.last().unwrap_or(&0));
        expected.sort_unstable();
        assert_eq!(sequences.len(), expected.len(), "{place}: events in the chain");
        assert_eq!(sequences, expected, "{place}: places that were acknowledged");
    }

    /// The search knows of everything acknowledged before the kill within a second of readiness.
    fn all_is_found_soon(&self, api: &Api, place: &Place) {
        let ready = Instant::now();
        let known = self.events.len() as u64;
        loop {
            let total =
                api.read("/v1/events?limit=1&total=true&application=!indelible")["total"].as_u64().unwrap();
            if total >= known {
                let unanswered: usize = self.unanswered.iter().map(|batch| batch.ids.len()).sum();
                assert!(total <= known + unanswered as u64, "{place}: {total} found, {known} acknowledged");
                return;
            }
            assert!(
                ready.elapsed() < FOUND_WITHIN,
                "{place}: {total} of {known} found after {:?}",
                ready.elapsed()
            );
        }
    }

    fn has_its_bytes(&self, api: &Api, id: &str, place: &Place) {
        let (body, seq) = &self.events[id];
        let original = api.get(&format!("/v1/events/{id}/original"));
        assert_eq!((original.status, original.text().as_str()), (200, body.as_str()), "{place}: {id}");
        assert_eq!(api.read(&format!("/v1/events/{id}"))["tenant_seq"], *seq, "{place}: {id}");
    }

    /// At the end: every event by its id, and every page.
    fn check_every_event(&self, server: &Server, place: &Place) {
        let api = server.with_key(&self.key);
        for id in self.events.keys() {
            self.has_its_bytes(&api, id, place);
        }
        let mut listed = BTreeMap::new();
        let mut after = String::new();
        loop {
            let page = api.read(&format!("/v1/events?limit=1000&application=!indelible{after}"));
            for event in page["data"].as_array().unwrap() {
                let id = event["id"].as_str().unwrap().to_owned();
                let again = listed.insert(id, event["tenant_seq"].as_u64().unwrap());
                assert!(again.is_none(), "{place}: {event} is listed twice");
            }
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        let expected: BTreeMap<_, _> = self.events.iter().map(|(id, (_, seq))| (id.clone(), *seq)).collect();
        assert_eq!(listed, expected, "{place}");
    }
}

/// The places of the server's own events in the reader's chain, from the ledger.
fn own_sequences(api: &Api) -> Vec<u64> {
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let page = api.read(&format!("/v1/feed?limit=1000{after}"));
        let events = page["data"].as_array().unwrap().iter();
        let own = events.filter(|event| event["source"]["application"] == "indelible");
        found.extend(own.map(|event| event["tenant_seq"].as_u64().unwrap()));
        if page["more"] != true {
            return found;
        }
        after = format!("&after={}", page["next"].as_str().unwrap());
    }
}

/// Unique bodies over all cycles.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Sends batches until the connection breaks.
fn write(api: &Api, cycle: u64, writer: usize, mut numbers: Numbers, report: &mpsc::Sender<()>) -> Sent {
    let mut sent = Sent::default();
    for number in 0.. {
        let events = numbers.within(1..25);
        let ids: Vec<_> = (0..events).map(|event| format!("c{cycle}-w{writer}-{number}-{event}")).collect();
        let bodies = ids.iter().map(|id| {
            let filler = "x".repeat(usize::try_from(numbers.within(0..600)).unwrap());
            let written = WRITTEN.fetch_add(1, Ordering::Relaxed);
            json!({"id": id, "action": "user.update", "details": filler, "parameters": {"n": written}})
                .to_string()
        });
        let body = format!("[{}]", bodies.collect::<Vec<_>>().join(","));
        let batch = Batch { ids, body };
        match api.attempt(
            "POST",
            "/v1/events",
            &[("Content-Type", "application/json")],
            batch.body.as_bytes(),
        ) {
            Ok(answer) => {
                assert_eq!(answer.status, 201, "{}", answer.text());
                sent.acknowledged.push((batch, answer.json()));
                // Nobody counts any more once the kill is decided.
                let _ = report.send(());
            }
            Err(_) => {
                sent.unanswered = Some(batch);
                return sent;
            }
        }
    }
    unreachable!("the server is killed")
}

/// The log as an outsider follows it: only ever growing, its root recomputed from every entry.
#[derive(Default)]
struct Log {
    entries: Vec<Vec<u8>>,
    tree: Tree,
    chains: Chains,
    roots: Vec<Hash>,
}

impl Log {
    /// Reads what is new, and checks it with all that is old against the newest signed checkpoint.
    fn follow(&mut self, admin: &Api, vkey: &VerifierKey, place: &Place) {
        let note = admin.get("/checkpoint").expect(200).text();
        let newest = Checkpoint::open(&note, std::slice::from_ref(vkey)).unwrap();
        let size = newest.size();
        let known = self.entries.len() as u64;
        assert!(size >= known, "{place}: the log shrank from {known} to {size}");
        for bundle in known / 256..size.div_ceil(256) {
            let width = u16::try_from((size - bundle * 256).min(256)).unwrap();
            let path = indelible_merkle::TilePath::entries(bundle, width).unwrap();
            let bytes = admin.get(&format!("/{path}")).expect(200).body;
            let mut rest = bytes.as_slice();
            let mut index = bundle * 256;
            while let Some((len, after)) = rest.split_first_chunk::<2>() {
                let (entry, after) = after.split_at(u16::from_be_bytes(*len).into());
                rest = after;
                match self.entries.get(usize::try_from(index).unwrap()) {
                    Some(known) => assert_eq!(known, entry, "{place}: entry {index} changed"),
                    None => self.append(entry, index, place),
                }
                index += 1;
            }
        }
        assert_eq!(
            (self.entries.len() as u64, self.tree.root()),
            (size, *newest.root()),
            "{place}: the newest checkpoint"
        );
    }

    fn append(&mut self, entry: &[u8], index: u64, place: &Place) {
        let leaf = leaf_hash(entry);
        let decoded = Entry::decode(entry).unwrap();
        // Gapless and linked.
        self.chains.accept(&decoded, leaf).unwrap_or_else(|error| panic!("{place}: entry {index}: {error}"));
        self.tree.append(leaf, |_, _, _| {});
        self.roots.push(self.tree.root());
        self.entries.push(entry.to_vec());
    }

    /// Every checkpoint that was ever handed out is of this history.
    fn contains(&self, checkpoints: &[Checkpoint], place: &Place) {
        for checkpoint in checkpoints {
            let root =
                usize::try_from(checkpoint.size()).unwrap().checked_sub(1).and_then(|at| self.roots.get(at));
            assert_eq!(
                root,
                Some(checkpoint.root()),
                "{place}: the checkpoint of size {}",
                checkpoint.size()
            );
        }
    }

    /// The places of all events in the chain of the one tenant, which was opened after the installation's.
    fn acme_sequences(&self) -> Vec<u64> {
        let entries: Vec<_> = self.entries.iter().map(|entry| Entry::decode(entry).unwrap()).collect();
        let acme = entries.iter().filter(|entry| entry.kind == Kind::CHAIN_OPEN).nth(1).unwrap().chain_id;
        let events = entries.iter().filter(|entry| entry.kind == Kind::EVENT && entry.chain_id == acme);
        events.map(|entry| entry.tenant_seq).collect()
    }
}
