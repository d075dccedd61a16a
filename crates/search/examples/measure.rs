//! How long questions take: a ledger of made-up events in memory, an index over it, and each kind of question many
//! times.
//!
//! ```text
//! cargo run --release -p indelible-search --example measure -- 1000000
//! ```

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indelible_event::{
    Actor, Client, Event, Outcome, OutcomeResult, RuleSet, Severity, Source, Target, TimeSource, Timestamp,
};
use indelible_ledger::{Record, Stored};
use indelible_search::{
    Budget, Decode, Decoded, Direction, EventSource, FacetField, PageRequest, Query, Reach, Search,
    SearchConfig, SearchError, SourceError,
};
use indelible_verify::{ChainId, Entry, Envelope, Kind, People, Protocol, Salt};
use tokio::sync::watch;

/// 2026-03-01T12:00:00Z.
const NOW: i64 = 1_772_366_400_000_000;
/// Between two events, in microseconds.
const STEP: i64 = 20_000;

const ACTIONS: [&str; 12] = [
    "Login",
    "Logout",
    "Play recording",
    "Update subscriber",
    "Create subscriber",
    "Delete recording",
    "Export report",
    "View call history",
    "Change password",
    "Update dial rule",
    "Reset voicemail PIN",
    "Grant role",
];
const WORDS: [&str; 16] = [
    "settings",
    "timeframe",
    "queue",
    "agent",
    "trunk",
    "domain",
    "forwarding",
    "conference",
    "voicemail",
    "greeting",
    "schedule",
    "holiday",
    "extension",
    "device",
    "portal",
    "invoice",
];

/// Pseudo-random, the same for the same event and purpose.
fn dice(index: u64, purpose: u64) -> u64 {
    let mut x = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ purpose.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A number below `most`, small ones much more often.
fn skewed(index: u64, purpose: u64, most: u64) -> u64 {
    let part = (dice(index, purpose) >> 11) as f64 / (1_u64 << 53) as f64;
    ((most as f64).powf(part) - 1.0) as u64
}

fn some(text: impl Into<String>) -> Option<String> {
    Some(text.into())
}

fn event(index: u64) -> Event {
    let action = ACTIONS[skewed(index, 1, ACTIONS.len() as u64) as usize];
    let (user, tenant) = (skewed(index, 2, 100_000), tenant(index));
    let target = dice(index, 3) % 1_000_000;
    let word = |purpose| WORDS[dice(index, purpose) as usize % WORDS.len()];
    let uuid = format!(
        "{:08x}-{:04x}-7{:03x}-a{:03x}-{:012x}",
        dice(index, 4) as u32,
        dice(index, 5) as u16,
        dice(index, 6) & 0xfff,
        dice(index, 7) & 0xfff,
        dice(index, 8) & 0xffff_ffff_ffff
    );
    Event {
        action: action.into(),
        source: Source {
            application: some(["web", "api", "mobile"][dice(index, 9) as usize % 3]),
            component: some("portal"),
            node: some(format!("ias-{:02}", dice(index, 10) % 12)),
            ..Source::default()
        },
        actor: Some(Actor {
            id: some(user.to_string()),
            username: some(format!("user{user}@tenant{tenant}.example")),
            tenant: some(format!("tenant{tenant}.example")),
            ..Actor::default()
        }),
        client: Client {
            ip: Some(std::net::Ipv4Addr::from(0x0a00_0000 | (skewed(index, 11, 1 << 18) as u32)).into()),
            user_agent: some("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0"),
            ..Client::default()
        },
        outcome: Outcome {
            result: Some(match dice(index, 12) % 20 {
                0 => OutcomeResult::Failure,
                1 => OutcomeResult::Denied,
                _ => OutcomeResult::Success,
            }),
            ..Outcome::default()
        },
        targets: vec![Target {
            kind: some("subscriber"),
            id: some(target.to_string()),
            name: some(format!("subscriber {target}")),
            tenant: some(format!("tenant{tenant}.example")),
            ..Target::default()
        }],
        severity: dice(index, 13).is_multiple_of(50).then_some(Severity::High),
        details: some(format!("{action}: {} {} of {} by {}", word(14), word(15), word(16), word(17))),
        session_id: some(uuid),
        ..Event::default()
    }
}

fn tenant(index: u64) -> u64 {
    skewed(index, 18, 1_000)
}

/// One event in a hundred comes late, up to a day.
fn time(index: u64) -> i64 {
    let late =
        if dice(index, 19).is_multiple_of(100) { (dice(index, 20) % 86_400_000_000) as i64 } else { 0 };
    NOW + index as i64 * STEP - late
}

struct Made {
    rules: RuleSet,
    size: watch::Sender<u64>,
}

impl EventSource for Made {
    fn log_id(&self) -> [u8; 16] {
        [7; 16]
    }

    fn subscribe(&self) -> watch::Receiver<u64> {
        self.size.subscribe()
    }

    fn records(&self, range: Range<u64>) -> Result<Vec<Stored>, SourceError> {
        let record = |index: u64| {
            let tenant = tenant(index);
            let entry = Entry {
                kind: Kind::EVENT,
                chain_id: ChainId([0; 16]),
                tenant_seq: index,
                received_at_us: (NOW + index as i64 * STEP) as u64,
                prev: [0; 32],
                commitment: [0; 32],
            };
            let envelope = Envelope {
                event_time_us: time(index),
                time_source: TimeSource::Event,
                protocol: Protocol::JSON,
                rule_version: 1,
                mapping_version: 0,
                tenant_number: tenant,
                key_id: [0; 16],
                event_id: format!("e-{index}"),
                tenant_name: format!("tenant{tenant}.example"),
                media_type: "application/json".into(),
                mapping_name: String::new(),
                people: People::default(),
            };
            let (leaf_hash, salt) = ([index as u8; 32], Salt([0; 16]));
            Stored::Whole(Arc::new(Record {
                index,
                entry,
                leaf_hash,
                salt,
                envelope,
                body: index.to_string().into_bytes(),
            }))
        };
        Ok(range.map(record).collect())
    }
}

impl Decode for Made {
    fn decode(&self, _: &Envelope, body: &[u8]) -> Decoded {
        let index = std::str::from_utf8(body).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        let event = event(index);
        let derived = self.rules.derive(&event);
        Decoded { event, derived }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let size: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let made = Arc::new(Made { rules: RuleSet::builtin().clone(), size: watch::Sender::new(size) });
    let began = Instant::now();
    let search = Search::open(dir.path(), SearchConfig::default(), made.clone(), made)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(search.indexed().wait_for(|indexed| *indexed >= size))?;
    println!("searchable after {:.1} s", began.elapsed().as_secs_f64());
    settle(&search);
    let progress = search.progress();
    println!(
        "after {:.1} s: {} splits, {} bytes an event, {} events in the tail",
        began.elapsed().as_secs_f64(),
        progress.splits,
        progress.split_bytes / size,
        progress.tail_events
    );
    match std::env::args().nth(2).as_deref() {
        None => ask(&search, size),
        Some("purge") => purge(&search, size),
        Some(parameter) => repeat(&search, parameter),
    }
}

/// Asks for the figures of one query again and again, to see where the time goes.
fn repeat(search: &Search, parameter: &str) -> Result<(), Box<dyn std::error::Error>> {
    let (name, value) = parameter.split_once('=').ok_or("expected a parameter such as q=portal")?;
    let params = [(name.to_owned(), value.to_owned())];
    let query =
        Query::from_params(&params, Timestamp::from_micros(NOW)).map_err(|_| "the query is refused")?;
    let (reach, budget) = (Reach::All, Budget::unlimited());
    let actors = FacetField::parse("actor").ok_or("a field is unknown")?;
    for _ in 0..20 {
        let ((stats, cost), took) = timed(|| search.stats(&reach, &query, None, &budget))?;
        let ((_, values), listed) = timed(|| search.values(&reach, &query, actors, "", 20, None, &budget))?;
        println!(
            "{} events: stats {} ms {cost:?}, actors {} ms {values:?}",
            stats.total,
            ms(took),
            ms(listed)
        );
    }
    Ok(())
}

/// Removes one event in ten, then all of the first tenth.
fn purge(search: &Search, size: u64) -> Result<(), Box<dyn std::error::Error>> {
    let (query, budget) = (Query::all(), Budget::unlimited());
    for part in ["one in ten", "the first tenth"] {
        let gone = (0..size).filter(|index| match part {
            "one in ten" => dice(*index, 20).is_multiple_of(10),
            _ => *index < size / 10,
        });
        let (_, hidden) = timed(|| {
            search.hide(gone);
            Ok::<_, SearchError>(())
        })?;
        let ((count, _), counted) = timed(|| search.count(&Reach::All, &query, None, &budget))?;
        let before = search.progress();
        let (_, purged) = timed(|| search.purge(|_| {}))?;
        let after = search.progress();
        println!(
            "{part}: hidden in {} ms, {count} left, counted in {} ms, purged in {:.1} s, from {} to {} MB, {} to {} splits",
            ms(hidden),
            ms(counted),
            purged.as_secs_f64(),
            before.split_bytes >> 20,
            after.split_bytes >> 20,
            before.splits,
            after.splits
        );
    }
    Ok(())
}

/// Waits until nothing is merged any more.
fn settle(search: &Search) {
    let (mut last, mut since) = (0, Instant::now());
    while since.elapsed() < Duration::from_secs(3) {
        std::thread::sleep(Duration::from_millis(200));
        let bytes = search.progress().split_bytes;
        if bytes != last {
            (last, since) = (bytes, Instant::now());
        }
    }
}

fn ask(search: &Search, size: u64) -> Result<(), Box<dyn std::error::Error>> {
    let middle = Timestamp::from_micros(NOW + size as i64 / 2 * STEP).to_rfc3339();
    let later = Timestamp::from_micros(NOW + size as i64 * 3 / 5 * STEP).to_rfc3339();
    let queries: Vec<(&str, Vec<(&str, String)>)> = vec![
        ("everything", vec![]),
        ("action", vec![("action", "login".into())]),
        ("action and outcome", vec![("action", "login".into()), ("outcome", "failure".into())]),
        ("rare user", vec![("user", "99990".into())]),
        ("user and action", vec![("user", "500".into()), ("action", "logout".into())]),
        ("session", vec![("session_id", event(size / 3).session_id.unwrap_or_default())]),
        ("nothing", vec![("user", "nobody".into())]),
        ("not success", vec![("outcome", "!success".into())]),
        ("network /16", vec![("ip", "10.0.0.0/16".into())]),
        ("network /24", vec![("ip", "10.0.77.0/24".into())]),
        ("two words", vec![("q", "voicemail greeting".into())]),
        ("phrase", vec![("q", "\"voicemail greeting\"".into())]),
        ("prefix", vec![("q", "sub*".into())]),
        ("e-mail", vec![("q", "user77@tenant3.example".into())]),
        ("a tenth of the time", vec![("since", middle.clone()), ("until", later.clone())]),
        ("filter co", vec![("filter", "actor.username co \"77\" and outcome eq failure".into())]),
        (
            "filter or",
            vec![("filter", format!("action eq \"Grant role\" or time lt \"{middle}\" and severity le 2"))],
        ),
        ("present", vec![("filter", "outcome pr and not session_id pr".into())]),
    ];
    let reaches = [
        ("all", Reach::All),
        ("one tenant", Reach::tenants([3])),
        ("small tenant", Reach::tenants([900])),
        ("100 tenants", Reach::tenants((0..1_000).filter(|number| number % 10 == 3))),
    ];
    println!(
        "{:<22}{:<14}{:>10} {:>9}{:>9}{:>9}{:>9}{:>9}",
        "query", "reach", "matches", "page p50", "p99", "deep", "count", "again"
    );
    for (name, params) in &queries {
        for (within, reach) in &reaches {
            let params: Vec<_> =
                params.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
            let query =
                Query::from_params(&params, Timestamp::from_micros(NOW)).map_err(|_| "a query is refused")?;
            let budget = Budget::unlimited();
            let page = |cursor| {
                let request = PageRequest { reach, query: &query, limit: 25, cursor, as_of: None };
                search.page(&request, &budget).map(|(page, _)| page)
            };
            let ((count, _), counted) = timed(|| search.count(reach, &query, None, &budget))?;
            let (_, again) = timed(|| search.count(reach, &query, None, &budget))?;
            let mut times = Vec::new();
            for _ in 0..50 {
                times.push(timed(|| page(None))?.1);
            }
            times.sort_unstable();
            let mut cursor = None;
            for _ in 0..40 {
                cursor = page(cursor)?.hits.last().map(|hit| (hit.key(), Direction::Older));
            }
            let (_, deep) = timed(|| page(cursor))?;
            println!(
                "{name:<22}{within:<14}{count:>10} {:>9}{:>9}{:>9}{:>9}{:>9}",
                ms(times[25]),
                ms(times[49]),
                ms(deep),
                ms(counted),
                ms(again)
            );
        }
    }
    figures(search, size, &reaches)
}

fn figures(search: &Search, size: u64, reaches: &[(&str, Reach)]) -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "{:<22}{:<14}{:>10} {:>9}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "query", "reach", "matches", "stats", "histogr.", "by action", "actors", "actions", "ips"
    );
    let edges: Vec<i64> = (0..=100).map(|at| NOW + size as i64 * STEP / 100 * at).collect();
    let budget = Budget::unlimited();
    for params in [vec![], vec![("action", "login")], vec![("outcome", "failure")], vec![("q", "voicemail")]]
    {
        for (within, reach) in reaches {
            let params: Vec<_> =
                params.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            let query =
                Query::from_params(&params, Timestamp::from_micros(NOW)).map_err(|_| "a query is refused")?;
            let field = |name| FacetField::parse(name).ok_or("a field is unknown");
            let ((stats, _), t1) = timed(|| search.stats(reach, &query, None, &budget))?;
            let (_, t2) = timed(|| search.histogram(reach, &query, &edges, None, None, &budget))?;
            let by = Some(field("action_type")?);
            let (_, t3) = timed(|| search.histogram(reach, &query, &edges, by, None, &budget))?;
            let values = |name| -> Result<Duration, Box<dyn std::error::Error>> {
                let field = field(name)?;
                Ok(timed(|| search.values(reach, &query, field, "", 20, None, &budget))?.1)
            };
            println!(
                "{:<22}{within:<14}{:>10} {:>9}{:>9}{:>9}{:>9}{:>9}{:>9}",
                params.first().map_or("everything", |(_, value)| value.as_str()),
                stats.total,
                ms(t1),
                ms(t2),
                ms(t3),
                ms(values("actor")?),
                ms(values("action")?),
                ms(values("ip")?)
            );
        }
    }
    Ok(())
}

fn timed<T, E>(run: impl FnOnce() -> Result<T, E>) -> Result<(T, Duration), E> {
    let began = Instant::now();
    let found = run()?;
    Ok((found, began.elapsed()))
}

fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}
