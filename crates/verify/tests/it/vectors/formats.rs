//! Vectors of single formats: entries, envelopes, commitments, chains.

use indelible_event::TimeSource;
use indelible_verify::{
    ChainId, Entry, Envelope, Kind, Names, People, Person, Place, Protocol, Salt, UserId, commitment,
};
use serde_json::{Value, json};

use crate::sample::SampleLog;

pub(super) fn entries() -> Value {
    let log = SampleLog::of_size(12);
    let sample = |index: usize| log.stored[index].entry.clone();
    let largest = Entry {
        kind: Kind(255),
        chain_id: ChainId([0xff; 16]),
        tenant_seq: u64::MAX,
        received_at_us: u64::MAX,
        prev: [0xff; 32],
        commitment: [0xff; 32],
    };
    let good = sample(4).encode();
    let with = |at: usize, byte: u8| {
        let mut bytes = good;
        bytes[at] = byte;
        hex::encode(bytes)
    };
    json!({
        "about": "Entries, docs/protocol/entry.md. Bytes are hex, 64-bit numbers are decimal strings.",
        "valid": [
            entry("a chain-open entry", &sample(0)),
            entry("an event", &sample(4)),
            entry("a heads entry", &sample(10)),
            entry("an unknown kind with the largest of all numbers", &largest),
        ],
        "refused": [
            {"why": "empty", "bytes": ""},
            {"why": "one byte short", "bytes": hex::encode(&good[..98])},
            {"why": "one byte long", "bytes": hex::encode([&good[..], &[0]].concat())},
            {"why": "version 0", "bytes": with(0, 0)},
            {"why": "version 2", "bytes": with(0, 2)},
            {"why": "commitment algorithm 0", "bytes": with(2, 0)},
            {"why": "commitment algorithm 2", "bytes": with(2, 2)},
        ],
    })
}

fn entry(name: &str, entry: &Entry) -> Value {
    json!({
        "name": name,
        "bytes": hex::encode(entry.encode()),
        "kind": entry.kind.0,
        "chain_id": hex::encode(entry.chain_id.0),
        "tenant_seq": entry.tenant_seq.to_string(),
        "received_at_us": entry.received_at_us.to_string(),
        "prev": hex::encode(entry.prev),
        "commitment": hex::encode(entry.commitment),
        "leaf_hash": hex::encode(entry.leaf_hash()),
    })
}

pub(super) fn envelopes() -> Value {
    let log = SampleLog::of_size(30);
    let sample = |index: usize| Envelope::decode(&log.stored[index].envelope).unwrap();
    let emptiest = Envelope {
        event_time_us: i64::MIN,
        time_source: TimeSource::Received,
        protocol: Protocol(0),
        rule_version: 0,
        mapping_version: 0,
        tenant_number: 0,
        key_id: [0; 16],
        event_id: String::new(),
        tenant_name: String::new(),
        media_type: String::new(),
        mapping_name: String::new(),
        people: People::default(),
    };
    let fullest = Envelope {
        event_time_us: i64::MAX,
        time_source: TimeSource::Event,
        protocol: Protocol(255),
        rule_version: u32::MAX,
        mapping_version: u32::MAX,
        tenant_number: u64::MAX,
        key_id: [0xff; 16],
        event_id: "~".repeat(300),
        tenant_name: "\u{1f44b}\0\n".into(),
        media_type: "a/b; c=\"d\"".into(),
        mapping_name: "\u{10ffff}".into(),
        people: People::default(),
    };
    let good = log.stored[4].envelope.clone();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        hex::encode(bytes)
    };
    json!({
        "about": "Envelopes, docs/protocol/envelope.md. Bytes are hex, 64-bit numbers are decimal strings.",
        "valid": [
            envelope("an event sent as json", &sample(4)),
            envelope("an imported event", &sample(14)),
            envelope("a name beyond ascii", &sample(25)),
            envelope("smallest numbers, empty strings", &emptiest),
            envelope("largest numbers, odd strings", &fullest),
        ],
        "refused": [
            {"why": "empty", "bytes": ""},
            {"why": "version 0", "bytes": with(0, 0)},
            {"why": "version 2", "bytes": with(0, 2)},
            {"why": "time source 2", "bytes": with(9, 2)},
            {"why": "ends within the key id", "bytes": hex::encode(&good[..42])},
            {"why": "ends within a length", "bytes": hex::encode(&good[..44])},
            {"why": "ends before the last string", "bytes": hex::encode(&good[..good.len() - 2])},
            {"why": "a string longer than the rest", "bytes": with(43, 0x01)},
            {"why": "a last string longer than the rest", "bytes": with(good.len() - 1, 0x01)},
            {"why": "a string that is not utf-8", "bytes": with(45, 0xff)},
            {"why": "one byte after the last string", "bytes": hex::encode([&good[..], &[0]].concat())},
        ],
    })
}

pub(super) fn envelopes_v2() -> Value {
    let log = SampleLog::with_people(30);
    let sample = |index: usize| Envelope::decode(&log.stored[index].envelope).unwrap();
    let with = |people: Vec<Person>| Envelope { people: People::new(people).unwrap(), ..sample(4) };
    let names = |list: &[&str]| Some(Names::new(list.iter().map(|name| (*name).to_owned())).unwrap());
    let last = Person {
        place: Place::target(65_533).unwrap(),
        user: UserId([0xff; 16]),
        groups: names(&["\0", "A", "a", "é", "\u{ff5e}", "\u{10ffff}"]),
        roles: names(&["r".repeat(300).as_str()]),
    };
    let nothing = Person { place: Place::ON_BEHALF_OF, user: UserId([0; 16]), groups: None, roles: None };
    let good = log.stored[4].envelope.clone();
    let without = Envelope { people: People::default(), ..sample(4) }.encode().unwrap();
    // The people: their number, then the actor's place, user and record, two groups and a role, and two targets.
    let at = without.len();
    let (record, groups, roles) = (at + 2 + 18, at + 2 + 19, at + 2 + 19 + 2 + 7 + 9);
    let changed = |offset: usize, bytes: &[u8]| {
        let mut changed = good.clone();
        changed[offset..offset + bytes.len()].copy_from_slice(bytes);
        hex::encode(changed)
    };
    let instead = |range: std::ops::Range<usize>, bytes: &[u8]| {
        let mut changed = good.clone();
        changed.splice(range, bytes.iter().copied());
        hex::encode(changed)
    };
    let version_2 = |rest: &[u8]| hex::encode([&[2], &without[1..], rest].concat());
    assert_eq!(good[groups..groups + 4], [0, 2, 0, 5]);
    assert_eq!(good[roles..roles + 4], [0, 1, 0, 4]);
    json!({
        "about": "Envelopes of version 2, docs/protocol/envelope.md. Bytes are hex, 64-bit numbers are decimal strings. \
                  `groups` and `roles` are null where they are not recorded.",
        "valid": [
            envelope_v2("an actor and two targets", &sample(4)),
            envelope_v2("an actor alone", &sample(6)),
            envelope_v2("the one for whom it was done, nothing recorded", &with(vec![nothing.clone()])),
            envelope_v2("the last target, odd and long names", &with(vec![last, nothing])),
        ],
        "refused": [
            {"why": "version 1 with people", "bytes": changed(0, &[1])},
            {"why": "version 3", "bytes": changed(0, &[3])},
            {"why": "version 2 that ends where version 1 does", "bytes": version_2(&[])},
            {"why": "nobody", "bytes": version_2(&[0, 0])},
            {"why": "nobody, and somebody after that", "bytes": changed(at, &[0, 0])},
            {"why": "ends within the number of people", "bytes": hex::encode(&good[..=at])},
            {"why": "ends within a user", "bytes": hex::encode(&good[..at + 10])},
            {"why": "ends before what is recorded", "bytes": hex::encode(&good[..record])},
            {"why": "ends within a name", "bytes": hex::encode(&good[..groups + 6])},
            {"why": "a person fewer than said", "bytes": changed(at, &[0, 4])},
            {"why": "a person more than said", "bytes": changed(at, &[0, 2])},
            {"why": "a place twice", "bytes": instead(good.len() - 19..good.len() - 17, &[0, 2])},
            {"why": "places that descend", "bytes": instead(good.len() - 19..good.len() - 17, &[0, 1])},
            {"why": "something unknown recorded", "bytes": changed(record, &[7])},
            {"why": "roles that are not said to be recorded", "bytes": changed(record, &[1])},
            {"why": "an empty name", "bytes": instead(groups..roles, &[0, 1, 0, 0])},
            {"why": "a name twice", "bytes": instead(groups..roles, b"\0\x02\0\x01a\0\x01a")},
            {"why": "names that descend", "bytes": instead(groups..roles, b"\0\x02\0\x01b\0\x01a")},
            {"why": "roles that descend", "bytes": instead(roles..roles + 8, b"\0\x02\0\x02ab\0\x01a")},
            {"why": "a name that is not utf-8", "bytes": changed(groups + 4, &[0xff])},
            {"why": "a name longer than the rest", "bytes": changed(groups + 2, &[0xff])},
            {"why": "one byte after the last person", "bytes": hex::encode([&good[..], &[0]].concat())},
        ],
    })
}

fn envelope_v2(name: &str, whole: &Envelope) -> Value {
    let mut value = envelope(name, whole);
    let person = |person: &Person| {
        json!({
            "place": person.place.to_string(), "user": person.user.to_string(),
            "groups": person.groups.as_deref(), "roles": person.roles.as_deref(),
        })
    };
    value["people"] = whole.people.iter().map(person).collect();
    value
}

fn envelope(name: &str, envelope: &Envelope) -> Value {
    json!({
        "name": name,
        "bytes": hex::encode(envelope.encode().unwrap()),
        "event_time_us": envelope.event_time_us.to_string(),
        "time_source": match envelope.time_source { TimeSource::Received => 0, TimeSource::Event => 1 },
        "protocol": envelope.protocol.0,
        "rule_version": envelope.rule_version,
        "mapping_version": envelope.mapping_version,
        "tenant_number": envelope.tenant_number.to_string(),
        "key_id": hex::encode(envelope.key_id),
        "event_id": envelope.event_id,
        "tenant_name": envelope.tenant_name,
        "media_type": envelope.media_type,
        "mapping_name": envelope.mapping_name,
    })
}

pub(super) fn commitments() -> Value {
    let log = SampleLog::of_size(12);
    let case = |name: &str, salt: Salt, envelope: &[u8], body: &[u8]| {
        json!({
            "name": name,
            "salt": hex::encode(salt.0),
            "envelope": hex::encode(envelope),
            "body": hex::encode(body),
            "commitment": hex::encode(commitment(&salt, envelope, body)),
        })
    };
    let stored = &log.stored[4];
    json!({
        "about": "Commitments, docs/protocol/commitment.md. Bytes are hex.",
        "valid": [
            case("an event", stored.salt, &stored.envelope, &stored.body),
            case("an event with another salt", Salt([0; 16]), &stored.envelope, &stored.body),
            case("nothing", Salt([0; 16]), b"", b""),
            case("a byte of envelope", Salt([0; 16]), b"\0", b""),
            case("the same byte of body", Salt([0; 16]), b"", b"\0"),
            case("a body of several hash blocks", Salt([7; 16]), &[1; 100], &[2; 1000]),
        ],
    })
}

pub(super) fn chains() -> Value {
    let log = SampleLog::of_size(12);
    let entries: Vec<Entry> = log.stored.iter().map(|stored| stored.entry.clone()).collect();
    let case =
        |entries: &[Entry]| entries.iter().map(|entry| hex::encode(entry.encode())).collect::<Vec<_>>();
    let without = |at: usize| {
        let mut list = entries.clone();
        list.remove(at);
        list
    };
    let with = |at: usize, change: &dyn Fn(&mut Entry)| {
        let mut list = entries.clone();
        change(&mut list[at]);
        list
    };
    let refused = |why: &str, at: usize, list: &[Entry]| json!({"why": why, "at": at, "entries": case(list)});
    let mut swapped = entries.clone();
    swapped.swap(4, 6);
    json!({
        "about": "All entries of small logs in index order, docs/protocol/entry.md. `at` is the index of the first \
                  entry that does not follow its chain.",
        "valid": [
            {"name": "four interleaved chains", "entries": case(&entries)},
            {"name": "nothing", "entries": []},
        ],
        "refused": [
            refused("a chain's first entry is missing", 0, &without(0)[9..]),
            refused("an entry is missing", 5, &without(4)),
            refused("two entries changed places", 4, &swapped),
            refused("an entry twice", 5, &[&entries[..5], &entries[4..]].concat()),
            refused("a chain opened twice", 12, &[&entries[..], &entries[..1]].concat()),
            refused("a chain that is not opened", 3, &with(3, &|entry| entry.kind = Kind::EVENT)),
            refused("a chain opened in its middle", 4, &with(4, &|entry| entry.kind = Kind::CHAIN_OPEN)),
            refused("a link to another entry", 4, &with(4, &|entry| entry.prev[0] ^= 1)),
            refused("an entry changed under its successor", 4, &with(2, &|entry| entry.commitment[0] ^= 1)),
            refused("a chain-open entry with a link", 3, &with(3, &|entry| entry.prev[0] ^= 1)),
            refused("a chain-open entry that is not number 0", 3, &with(3, &|entry| entry.tenant_seq = 1)),
            refused("a number that jumps", 8, &with(8, &|entry| entry.tenant_seq += 1)),
        ],
    })
}
