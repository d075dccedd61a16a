//! A small log, the same one each time: four chains, several kinds, real-looking bodies, a key from a fixed seed.

use std::collections::HashMap;

use indelible_event::TimeSource;
use indelible_merkle::{
    Checkpoint, MemoryTiles, SigningKey, TlogProof, Tree, VerifierKey, inclusion_proof, leaf_hash, root_at,
};
use indelible_verify::{
    Chain, ChainId, Entry, Envelope, Evidence, Kind, Names, Opening, People, Person, Place, ProofBundle,
    ProofExtra, Protocol, Salt, UserId, commitment,
};

/// The origin of the sample log.
pub(crate) const ORIGIN: &str = "indelible/00112233445566778899aabbccddeeff";

/// The origin of the sample log whose events name people that the server knows.
pub(crate) const ORIGIN_OF_PEOPLE: &str = "indelible/ffeeddccbbaa99887766554433221100";

/// The seed of their keys. Known to everybody: no real log may use it.
pub(crate) const SEED: [u8; 32] = *b"indelible test vectors, not safe";

/// Bytes of one event and of what opens it.
pub(crate) struct Stored {
    pub(crate) entry: Entry,
    pub(crate) salt: Salt,
    pub(crate) envelope: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

/// The sample log.
pub(crate) struct SampleLog {
    pub(crate) key: SigningKey,
    pub(crate) tree: Tree,
    pub(crate) tiles: MemoryTiles,
    pub(crate) stored: Vec<Stored>,
    pub(crate) chains: HashMap<ChainId, Chain>,
}

impl SampleLog {
    pub(crate) fn of_size(size: usize) -> Self {
        Self::made(ORIGIN, size)
    }

    /// The same with people recognised in half of the events: envelopes of version 2 among those of version 1.
    pub(crate) fn with_people(size: usize) -> Self {
        Self::made(ORIGIN_OF_PEOPLE, size)
    }

    fn made(origin: &str, size: usize) -> Self {
        let mut log = Self {
            key: SigningKey::from_seed(origin, &SEED).unwrap(),
            tree: Tree::new(),
            tiles: MemoryTiles::default(),
            stored: Vec::new(),
            chains: HashMap::new(),
        };
        for index in 0..size as u64 {
            log.push(index);
        }
        log
    }

    /// Appends what the sample has at `index`.
    fn push(&mut self, index: u64) {
        // Tenant 0 is the installation; tenants 1 to 3 begin when something first happens in them.
        let tenant = [0, 1, 1, 2, 1, 3, 1, 2, 1, 1][index as usize % 10];
        let chain_id = ChainId(digest(&format!("chain {tenant}")));
        let end = self.chains.get(&chain_id).copied().unwrap_or(Chain { next_seq: 0, head: [0; 32] });
        let kind = match (end.next_seq, index % 50) {
            (0, _) => Kind::CHAIN_OPEN,
            (_, 10) => Kind::HEADS,
            (_, 30) => Kind::SETTINGS,
            (_, 40) => Kind(200),
            _ => Kind::EVENT,
        };
        let received_at_us = 1_772_366_400_000_000 + index * 1_000_037;
        let mut envelope = envelope(index, tenant, kind, received_at_us);
        if self.origin() == ORIGIN_OF_PEOPLE && kind == Kind::EVENT && index.is_multiple_of(2) {
            envelope.people = people(index);
        }
        let envelope = envelope.encode().unwrap();
        let body = body(index, tenant, kind);
        let salt = Salt(digest(&format!("salt {index}")));
        let entry = Entry {
            kind,
            chain_id,
            tenant_seq: end.next_seq,
            received_at_us,
            prev: end.head,
            commitment: commitment(&salt, &envelope, &body),
        };
        let leaf = entry.leaf_hash();
        self.tree.append(leaf, |level, _, hash| self.tiles.push(level, hash));
        self.chains.insert(chain_id, Chain { next_seq: end.next_seq + 1, head: leaf });
        self.stored.push(Stored { entry, salt, envelope, body });
    }

    pub(crate) fn vkey(&self) -> VerifierKey {
        self.key.verifier().clone()
    }

    fn origin(&self) -> &str {
        self.key.verifier().name()
    }

    /// The signed checkpoint at `size`.
    pub(crate) fn checkpoint(&self, size: u64) -> String {
        let root = root_at(&self.tiles, size).unwrap();
        Checkpoint::new(self.origin(), size, root).unwrap().sign(&self.key).unwrap()
    }

    /// The proof of an entry in the tree of `size`, with the extra line that the server sends.
    pub(crate) fn proof(&self, index: u64, size: u64) -> TlogProof {
        let stored = &self.stored[index as usize];
        let extra = ProofExtra {
            entry: stored.entry.encode().to_vec(),
            opening: Some((stored.salt, stored.envelope.clone())),
        };
        TlogProof {
            extra: Some(extra.encode().unwrap()),
            index,
            hashes: inclusion_proof(&self.tiles, index, size).unwrap(),
            checkpoint: self.checkpoint(size),
        }
    }

    pub(crate) fn bundle(&self, index: u64, size: u64) -> ProofBundle {
        let stored = &self.stored[index as usize];
        ProofBundle {
            index,
            tenant_seq: stored.entry.tenant_seq,
            entry: stored.entry.encode().to_vec(),
            opening: Some((stored.salt, stored.envelope.clone())),
            proof: self.proof(index, size).to_string(),
            vkey: self.vkey().to_string(),
        }
    }
}

impl Stored {
    pub(crate) fn opening(&self) -> Opening<'_> {
        Opening { salt: self.salt, envelope: &self.envelope, body: &self.body }
    }

    /// Evidence with everything, over an entry encoded by the caller.
    pub(crate) fn evidence<'a>(&'a self, entry: &'a [u8], proof: &'a str) -> Evidence<'a> {
        Evidence { entry, opening: Some(self.opening()), proof }
    }
}

fn envelope(index: u64, tenant: u64, kind: Kind, received_at_us: u64) -> Envelope {
    let by_server = kind != Kind::EVENT;
    let imported = !by_server && index.is_multiple_of(7);
    let sent_time = !by_server && !index.is_multiple_of(3);
    Envelope {
        event_time_us: received_at_us as i64 - if sent_time { 2_500_000 } else { 0 },
        time_source: if sent_time { TimeSource::Event } else { TimeSource::Received },
        protocol: match (by_server, imported) {
            (true, _) => Protocol::SERVER,
            (false, true) => Protocol::IMPORT,
            (false, false) => [Protocol::JSON, Protocol::NDJSON, Protocol::CLOUDEVENTS][index as usize % 3],
        },
        rule_version: u32::from(!by_server),
        mapping_version: if imported { 2 } else { 0 },
        tenant_number: tenant,
        key_id: if by_server { [0; 16] } else { digest("key") },
        event_id: format!("018f{index:04x}-0000-7000-8000-{index:012x}"),
        tenant_name: ["installation", "acme", "abcplumbing.service", "bücher.example"][tenant as usize]
            .into(),
        media_type: "application/json".into(),
        mapping_name: if imported { "aws-cloudtrail".into() } else { String::new() },
        people: People::default(),
    }
}

/// Who is known in an event: its actor, and in some events two targets.
fn people(index: u64) -> People {
    let person = |place, user: &str, groups, roles| {
        let names = |list: &str| Names::new(list.split_terminator(", ").map(str::to_owned)).unwrap();
        let (user, names) = (UserId(digest(user)), |list: Option<&str>| list.map(names));
        Person { place, user, groups: names(groups), roles: names(roles) }
    };
    let target = |index| Place::target(index).unwrap();
    let mut people = vec![person(Place::ACTOR, "ada", Some("Support, Büro"), Some("Tech"))];
    if index.is_multiple_of(4) {
        people.push(person(target(0), "bo", Some(""), None));
        people.push(person(target(2), "ada", None, None));
    }
    People::new(people).unwrap()
}

fn body(index: u64, tenant: u64, kind: Kind) -> Vec<u8> {
    let text = match kind {
        Kind::EVENT if index.is_multiple_of(4) => format!(
            r#"{{"action":"Delete user","actor":{{"id":"{}","username":"admin{tenant}"}},"outcome":{{"result":"failure","reason":"not allowed"}}}}"#,
            1000 + index
        ),
        Kind::EVENT => format!(
            r#"{{"id":"{index}","action":"Play recording","client":{{"ip":"192.168.1.{}"}},"details":"Grüße 👋","parameters":{{"n":{index}}}}}"#,
            index % 256
        ),
        Kind::CHAIN_OPEN => format!(r#"{{"tenant_number":{tenant}}}"#),
        _ => String::new(),
    };
    text.into_bytes()
}

/// Sixteen bytes that depend on `text` and on nothing else.
fn digest(text: &str) -> [u8; 16] {
    *leaf_hash(text.as_bytes()).first_chunk().unwrap()
}
