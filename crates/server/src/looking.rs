//! Looking leaves a trace: what a principal asked for within a window becomes one event of the trail.
//!
//! A new question is on disk before its answer is given, so a crash loses only how often it was asked again. Reading
//! nothing but such events is not recorded, or a collector that follows the trail would never come to an end.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indelible_access::{EventView, Principal, PrincipalId, ScopedReader};
use indelible_control::{Look, LookKey, TenantNumber};
use indelible_event::Timestamp;
use indelible_search::people_named;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    app::App,
    error::{ApiError, Known},
    extract::Caller,
    recorder::{INSTALLATION_NUMBER, Origin, OwnEvent},
};

/// Looks that are not in the trail yet.
pub(crate) struct Looking {
    pending: Mutex<Looks>,
    /// What the ids of their events are made with.
    key: [u8; 32],
}

impl Looking {
    /// `key`: the installation's own, which nobody else knows.
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { pending: Mutex::default(), key }
    }

    /// The id of the one event that tells of this: the same each time, and nobody else can know it.
    pub(crate) fn event_id(&self, what: &str, of: Uuid) -> Uuid {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(what.as_bytes());
        hash.update(of.as_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let bytes: [u8; 16] = digest[..16].try_into().expect("the slice has 16 bytes");
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

#[derive(Default)]
struct Looks {
    by_key: BTreeMap<LookKey, Pending>,
    /// How many questions each group has.
    questions: HashMap<Group, usize>,
}

/// Window, principal in its place, tenant and kind.
type Group = (i64, [u8; 16], TenantNumber, String);

/// A look, and whether it is on disk.
#[derive(Clone)]
struct Pending {
    look: Look,
    stored: bool,
}

/// How somebody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LookKind {
    /// Pages of events.
    Search,
    /// Totals, histograms, values.
    Figures,
    /// Everything in order.
    Feed,
    /// What matches, as it comes.
    Tail,
    /// Proofs of single events.
    Proof,
    /// Asked for what they may not have.
    Refused,
}

impl LookKind {
    fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Figures => "figures",
            Self::Feed => "feed",
            Self::Tail => "tail",
            Self::Proof => "proof",
            Self::Refused => "refused",
        }
    }
}

/// Whether these are events of looking and nothing else: who reads those leaves no new one.
pub(crate) fn only_looks<'e>(events: impl IntoIterator<Item = &'e EventView>) -> bool {
    let mut events = events.into_iter().peekable();
    events.peek().is_some() && events.all(|event| event.is_look)
}

/// Different questions that one event tells of; more become further events.
const QUESTIONS_OF_EVENT: usize = 100;
/// Different questions that a principal may ask in one way within a window: more could be asked than can be kept in mind,
/// and what can't be recorded is not answered.
const QUESTIONS_MAX: usize = 10_000;
/// Characters of a question that are kept; of a longer one fewer, and its digest.
const QUESTION_CHARS_MAX: usize = 1_000;
/// Filters whose values name people.
const OF_PEOPLE: [&str; 3] = ["user", "actor", "affected"];
/// People named in one event of looking; more make a further event, and those of one question several.
const PEOPLE_OF_EVENT: usize = 200;
/// Characters of a name that are kept, so that an event of 200 of them stays far below what an event may have.
const NAME_MAX: usize = 256;

/// The code that events of looking begin with.
pub(crate) const CODE: &str = indelible_access::LOOKING;

impl App {
    /// Records that somebody looks, before they see anything.
    ///
    /// # Errors
    /// The database's: what can't be recorded is not shown.
    pub(crate) async fn look(
        &self,
        caller: &Caller,
        reader: &ScopedReader,
        kind: LookKind,
        filters: &[(String, String)],
    ) -> Result<(), ApiError> {
        let question = form_urlencoded::Serializer::new(String::new()).extend_pairs(filters).finish();
        let who = OwnEvent::who(&caller.principal, &caller.origin, &self.control.directory());
        let who = people_of(filters).iter().fold(who, |who, name| who.to("user", name, name));
        let looker = place_of(&caller.principal, &caller.origin);
        self.note_look(looker, reader.touches(filters, self.now()), kind, &question, who).await
    }

    /// Records that somebody asked for what they may not have. `principal` is theirs where they are known.
    pub(crate) async fn note_refusal(
        &self,
        known: Option<&Known>,
        origin: &Origin,
        what: &str,
    ) -> Result<(), ApiError> {
        let (looker, who) = match known {
            Some(Known { principal, origin }) => {
                (place_of(principal, origin), OwnEvent::who(principal, origin, &self.control.directory()))
            }
            None => (address_id(origin), OwnEvent::whence(origin)),
        };
        self.note_look(looker, INSTALLATION_NUMBER, LookKind::Refused, what, who).await
    }

    /// Records that somebody reads the proof of an event.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub(crate) async fn look_at_proof(
        &self,
        caller: &Caller,
        tenant: TenantNumber,
        id: &str,
    ) -> Result<(), ApiError> {
        let who = OwnEvent::who(&caller.principal, &caller.origin, &self.control.directory());
        self.note_look(place_of(&caller.principal, &caller.origin), tenant, LookKind::Proof, id, who).await
    }

    async fn note_look(
        &self,
        looker: [u8; 16],
        tenant: TenantNumber,
        kind: LookKind,
        question: &str,
        who: OwnEvent,
    ) -> Result<(), ApiError> {
        let now = self.now();
        let tenant = OwnEvent::default().touching(tenant).chain(&self.control.directory());
        let who = who.to_json(tenant);
        let key = LookKey {
            window_start: self.window_of(now),
            principal: looker,
            tenant,
            kind: kind.name().to_owned(),
            question: kept(question),
        };
        let new = {
            let mut pending = self.looking.pending.lock();
            let first = Pending { look: Look { who, count: 0, first_at: now, last_at: now }, stored: false };
            let noted = pending.note(&key, first).ok_or_else(|| self.too_many_questions(now))?;
            noted.look.count += 1;
            noted.look.last_at = now;
            (!noted.stored).then(|| noted.look.clone())
        };
        let Some(look) = new else { return Ok(()) };
        // Of several who ask the same at one time none is answered before it is on disk.
        let stored = self.control.put_look(&key, &look).await;
        let mut pending = self.looking.pending.lock();
        match &stored {
            Ok(()) => {
                if let Some(noted) = pending.by_key.get_mut(&key) {
                    noted.stored = true;
                }
            }
            Err(_) => {
                if pending.by_key.get(&key).is_some_and(|noted| !noted.stored) {
                    pending.forget(&key);
                }
            }
        }
        Ok(stored?)
    }

    fn too_many_questions(&self, now: Timestamp) -> ApiError {
        let window = i64::try_from(self.config.looking_window_seconds).unwrap_or(i64::MAX / 1_000_000);
        let left = self.window_of(now) / 1_000_000 + window - now.as_micros() / 1_000_000;
        ApiError::rate_limited(
            format!(
                "more than {QUESTIONS_MAX} different questions within {window} seconds, which are all recorded"
            ),
            left.max(1).unsigned_abs(),
        )
    }

    fn window_of(&self, at: Timestamp) -> i64 {
        let micros =
            i64::try_from(self.config.looking_window_seconds).unwrap_or(i64::MAX / 1_000_000) * 1_000_000;
        at.as_micros().div_euclid(micros) * micros
    }

    /// Takes up what was written down before the last stop.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn take_up_looks(&self) -> Result<(), ApiError> {
        let stored = self.control.looks().await?;
        let mut pending = self.looking.pending.lock();
        for (key, look) in stored {
            *pending.questions.entry(group(&key)).or_default() += 1;
            pending.by_key.insert(key, Pending { look, stored: true });
        }
        Ok(())
    }

    /// Puts windows that are over into the trail.
    ///
    /// # Errors
    /// The ledger's or the database's; what is not in the trail yet stays written down.
    pub(crate) async fn roll_up_looks(&self) -> Result<(), ApiError> {
        let now = self.window_of(self.now());
        let mut groups: BTreeMap<_, Vec<(LookKey, Look)>> = BTreeMap::new();
        for (key, noted) in &self.looking.pending.lock().by_key {
            // A clock that was set back must not leave a window open for ever. What is not on disk is not answered yet.
            if key.window_start != now && noted.stored {
                groups.entry(group(key)).or_default().push((key.clone(), noted.look.clone()));
            }
        }
        let mut all = Ok(());
        // In the order of their questions, so that after a crash each event has what it had.
        for looks in groups.values().flat_map(|looks| shares(looks)) {
            // One that can't be told must not keep the others back.
            all = all.and(self.roll_up(looks).await);
        }
        all
    }

    async fn roll_up(&self, looks: &[(LookKey, Look)]) -> Result<(), ApiError> {
        let Some((first, _)) = looks.first() else { return Ok(()) };
        let began = looks.iter().map(|(_, look)| look.first_at).min().unwrap_or_else(|| self.now());
        // The same ids for the same looks, so that a crash before the rows are removed makes no second event.
        for (part, event) in events_of(looks).into_iter().enumerate() {
            self.record_in(id_of(&self.looking.key, first, began, part), first.tenant, event).await?;
        }
        let keys: Vec<_> = looks.iter().map(|(key, _)| key).collect();
        self.control.remove_looks(&keys).await?;
        let mut pending = self.looking.pending.lock();
        for (key, told) in looks {
            // What was asked again meanwhile goes into another event.
            match pending.by_key.get_mut(key) {
                Some(noted) if noted.look.count > told.count => {
                    noted.look.count -= told.count;
                    noted.look.first_at = noted.look.last_at;
                }
                _ => pending.forget(key),
            }
        }
        Ok(())
    }
}

impl Looks {
    /// The look with this key, the first one of its kind where there is none; `None` where the group has too many.
    fn note(&mut self, key: &LookKey, first: Pending) -> Option<&mut Pending> {
        if !self.by_key.contains_key(key) {
            let questions = self.questions.entry(group(key)).or_default();
            if *questions >= QUESTIONS_MAX {
                return None;
            }
            *questions += 1;
        }
        Some(self.by_key.entry(key.clone()).or_insert(first))
    }

    fn forget(&mut self, key: &LookKey) {
        if self.by_key.remove(key).is_none() {
            return;
        }
        if let Some(questions) = self.questions.get_mut(&group(key)) {
            *questions -= 1;
            if *questions == 0 {
                self.questions.remove(&group(key));
            }
        }
    }
}

/// A question as it is kept: two that differ stay different, however long they are.
pub(crate) fn kept(question: &str) -> String {
    if question.chars().count() <= QUESTION_CHARS_MAX {
        return question.to_owned();
    }
    let digest = hex::encode(Sha256::digest(question.as_bytes()));
    let beginning: String = question.chars().take(QUESTION_CHARS_MAX - digest.len() - 13).collect();
    format!("{beginning}... (sha256 {digest})")
}

fn group(key: &LookKey) -> Group {
    (key.window_start, key.principal, key.tenant, key.kind.clone())
}

/// As many looks at a time as one event tells of.
fn shares(looks: &[(LookKey, Look)]) -> Vec<&[(LookKey, Look)]> {
    let mut shares = Vec::new();
    let (mut from, mut people) = (0, 0);
    for (at, (_, look)) in looks.iter().enumerate() {
        let more = people_in(look).len();
        if at > from && (at - from == QUESTIONS_OF_EVENT || people + more > PEOPLE_OF_EVENT) {
            shares.push(&looks[from..at]);
            (from, people) = (at, 0);
        }
        people += more;
    }
    if from < looks.len() {
        shares.push(&looks[from..]);
    }
    shares
}

/// Stands for a principal in one place: who looks from two addresses (of IPv6: networks), or in two sessions, is told of
/// twice.
pub(crate) fn place_of(principal: &Principal, origin: &Origin) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(principal.id.bytes());
    hash.update(address_id(origin));
    if let PrincipalId::User { session: Some(session), .. } = principal.id {
        hash.update(session.as_bytes());
    }
    first_half(hash)
}

fn first_half(hash: Sha256) -> [u8; 16] {
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes
}

/// A UUID (version 8) of the window, whose it is, the first question, when they began to look, and which of several events
/// it is: a clock that is set back makes a second window of the same beginning. Whoever looks knows all of that, and may
/// send events: with `secret` in it they can't take the id before it is used.
fn id_of(secret: &[u8; 32], key: &LookKey, began: Timestamp, part: usize) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(b"indelible/looking/v2\0");
    hash.update(secret);
    hash.update(key.window_start.to_be_bytes());
    hash.update(key.principal);
    hash.update(key.tenant.to_be_bytes());
    hash.update(key.kind.as_bytes());
    hash.update([0]);
    hash.update(key.question.as_bytes());
    hash.update(began.as_micros().to_be_bytes());
    if part > 0 {
        hash.update((part as u64).to_be_bytes());
    }
    uuid::Builder::from_custom_bytes(first_half(hash)).into_uuid()
}

/// Stands for an address where nobody is signed in; of IPv6 for its network, since one host has as many addresses as it
/// likes.
pub(crate) fn address_id(origin: &Origin) -> [u8; 16] {
    match origin.ip {
        Some(std::net::IpAddr::V4(ip)) => ip.to_ipv6_mapped().octets(),
        Some(std::net::IpAddr::V6(ip)) => (u128::from(ip) >> 64 << 64).to_be_bytes(),
        None => [0; 16],
    }
}

/// One event of all that was asked within a window; more where one question names more people than an event has room for.
fn events_of(looks: &[(LookKey, Look)]) -> Vec<String> {
    let people: BTreeSet<String> = looks.iter().flat_map(|(_, look)| people_in(look)).collect();
    let people: Vec<_> = people.into_iter().collect();
    if people.is_empty() {
        return vec![event_of(looks, &[], true)];
    }
    let parts = people.chunks(PEOPLE_OF_EVENT).enumerate();
    parts.map(|(part, people)| event_of(looks, people, part == 0)).collect()
}

/// `counts`: of several with the same questions it is the one that says how often they were asked.
fn event_of(looks: &[(LookKey, Look)], people: &[String], counts: bool) -> String {
    let (key, look) = &looks[0];
    let (action, kind) = match key.kind.as_str() {
        "refused" => ("Refused access", "other"),
        "feed" | "tail" => ("Follow events", "view"),
        "proof" => ("Read proofs", "view"),
        _ => ("Search events", "view"),
    };
    let mut body: Map<String, Value> = serde_json::from_str(&look.who).unwrap_or_default();
    let count: u64 = looks.iter().map(|(_, look)| look.count).sum();
    let first = looks.iter().map(|(_, look)| look.first_at).min();
    let last = looks.iter().map(|(_, look)| look.last_at).max();
    let count_of = |look: &Look| if counts { look.count } else { 0 };
    let questions: Vec<_> =
        looks.iter().map(|(key, look)| json!({"question": key.question, "count": count_of(look)})).collect();
    let result = if key.kind == "refused" { "denied" } else { "success" };
    body.extend([
        ("action".to_owned(), action.into()),
        ("action_code".to_owned(), format!("{CODE}{}", key.kind).into()),
        ("action_type".to_owned(), kind.into()),
        ("source".to_owned(), json!({"application": "indelible"})),
        ("outcome".to_owned(), json!({"result": result})),
        ("parameters".to_owned(), json!({"questions": questions})),
    ]);
    if counts {
        let (first, last) = (first.map(|at| at.to_rfc3339()), last.map(|at| at.to_rfc3339()));
        body.insert("occurrences".into(), json!({"count": count, "first": first, "last": last}));
    }
    body.remove("targets");
    if !people.is_empty() {
        let people = people.iter().map(|name| json!({"type": "user", "id": name}));
        body.insert("targets".into(), people.collect());
    }
    Value::Object(body).to_string()
}

/// The people whom a look names, as they were noted with it.
fn people_in(look: &Look) -> Vec<String> {
    #[derive(Deserialize)]
    struct Noted {
        #[serde(default)]
        targets: Vec<Named>,
    }
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    let noted = serde_json::from_str::<Noted>(&look.who);
    noted.map(|noted| noted.targets.into_iter().map(|target| target.id).collect()).unwrap_or_default()
}

/// The people whom a question names, so that they are found when somebody's data is to be erased.
fn people_of(filters: &[(String, String)]) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let of_person =
        filters.iter().any(|(name, field)| name == "field" && OF_PEOPLE.contains(&field.as_str()));
    for (name, value) in filters {
        match name.as_str() {
            "filter" => named.extend(people_named(value)),
            // Any word can be a name; an address is one.
            "q" => named.extend(value.split_whitespace().filter_map(address_in).map(str::to_owned)),
            name if OF_PEOPLE.contains(&name) || of_person && name == "prefix" => {
                named.insert(value.trim_start_matches('!').to_owned());
            }
            _ => {}
        }
    }
    named.remove("");
    named.into_iter().map(|name| name.chars().take(NAME_MAX).collect()).collect()
}

/// The e-mail address in a word of a question.
fn address_in(word: &str) -> Option<&str> {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(question: &str, count: u64) -> (LookKey, Look) {
        let key = LookKey {
            window_start: 0,
            principal: [1; 16],
            tenant: 2,
            kind: "search".into(),
            question: question.into(),
        };
        let at = |micros| Timestamp::from_micros(micros);
        let who = r#"{"actor":{"type":"user","id":"u"}}"#.to_owned();
        (key, Look { who, count, first_at: at(1_000_000), last_at: at(2_000_000) })
    }

    /// A look at `filters`, with the people in them.
    fn asked(filters: &[(&str, &str)], count: u64) -> (LookKey, Look) {
        let filters: Vec<_> =
            filters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let question = form_urlencoded::Serializer::new(String::new()).extend_pairs(&filters).finish();
        let (key, look) = look(&question, count);
        let people: Vec<_> = people_of(&filters).into_iter().map(|name| json!({"id": name})).collect();
        let who = json!({"actor": {"type": "user", "id": "u"}, "targets": people}).to_string();
        (key, Look { who, ..look })
    }

    fn parsed(json: &str) -> indelible_event::Event {
        let limits = indelible_event::Limits::default();
        let parsed = indelible_event::parse(json, &limits, Timestamp::from_micros(9_000_000)).unwrap();
        assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
        parsed.event
    }

    fn people(event: &indelible_event::Event) -> Vec<&str> {
        event.targets.iter().map(|target| target.id.as_deref().unwrap()).collect()
    }

    #[test]
    fn one_event_tells_of_all_questions_and_of_the_people_in_them() {
        let looks = [
            asked(&[("user", "ada@x.org"), ("q", "delete")], 2),
            asked(&[("actor", "!bob"), ("affected", "")], 1),
            asked(&[("q", "user -\"Cy@x.org\" @ a@")], 3),
            asked(&[("filter", "actor.username eq \"dan\" and action eq \"x\"")], 1),
            asked(&[("field", "actor"), ("prefix", "ev")], 1),
            asked(&[("field", "action"), ("prefix", "del")], 1),
        ];
        let events = events_of(&looks);
        let [event] = events.as_slice() else { panic!("{events:?}") };
        let event = parsed(event);
        assert_eq!(event.occurrences.as_ref().unwrap().count, 9);
        assert_eq!(people(&event), ["Cy@x.org", "ada@x.org", "bob", "dan", "ev"]);
        assert!(event.action_code.unwrap().starts_with(CODE));
    }

    #[test]
    fn everybody_is_named_however_many_they_are() {
        let names: Vec<_> = (0..450).map(|number| format!("\"u{number:03}\"")).collect();
        let filter = format!("actor in ({})", names.join(", "));
        let many = asked(&[("filter", &filter)], 1);
        let few = |number: usize| asked(&[("user", &format!("v{number}"))], 1);
        let looks: Vec<_> = [few(0), many, few(1)].into_iter().chain((2..250).map(few)).collect();
        let shared = shares(&looks);
        assert_eq!(shared.iter().map(|share| share.len()).collect::<Vec<_>>(), [1, 1, 100, 100, 49]);
        let (mut told, mut asked) = (BTreeSet::new(), 0);
        for share in shared {
            for event in events_of(share) {
                let event = parsed(&event);
                assert!(event.targets.len() <= PEOPLE_OF_EVENT);
                asked += event.occurrences.as_ref().map_or(0, |occurrences| occurrences.count);
                told.extend(people(&event).into_iter().map(str::to_owned));
            }
        }
        assert_eq!((told.len(), asked), (450 + 250, 251));
    }

    #[test]
    fn who_looks_from_two_addresses_or_in_two_sessions_is_told_of_twice() {
        let principal = |id| Principal {
            id,
            name: String::new(),
            grants: Vec::new(),
            sender: indelible_access::Sender::default(),
            expires_at: None,
        };
        let key = |byte| principal(PrincipalId::Key([byte; 16]));
        let user = |session| {
            principal(PrincipalId::User { user: Uuid::from_u128(1), session: Some(Uuid::from_u128(session)) })
        };
        let from = |last| Origin { ip: Some([10, 0, 0, last].into()), ..Origin::default() };
        let places = [
            place_of(&key(1), &from(1)),
            place_of(&key(2), &from(1)),
            place_of(&key(1), &from(2)),
            place_of(&user(1), &from(1)),
            place_of(&user(2), &from(1)),
        ];
        assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), places.len());
        assert_eq!(place_of(&key(1), &from(1)), places[0]);
    }

    #[test]
    fn an_id_is_that_of_the_window_whose_it_is_and_the_first_question() {
        let (one, again) = (look("a", 1).0, look("a", 9).0);
        let began = Timestamp::from_micros(5);
        assert_eq!(id_of(&[7; 32], &one, began, 0), id_of(&[7; 32], &again, began, 0));
        assert_ne!(id_of(&[7; 32], &one, began, 0), id_of(&[7; 32], &one, began, 1));
        assert_ne!(
            id_of(&[7; 32], &one, began, 0),
            id_of(&[8; 32], &one, began, 0),
            "nobody else can know it"
        );
        assert_ne!(id_of(&[7; 32], &one, began, 0), id_of(&[7; 32], &one, Timestamp::from_micros(6), 0));
        for other in [
            LookKey { window_start: 1, ..one.clone() },
            LookKey { principal: [2; 16], ..one.clone() },
            LookKey { tenant: 3, ..one.clone() },
            LookKey { kind: "feed".into(), ..one.clone() },
            LookKey { question: "b".into(), ..one.clone() },
        ] {
            assert_ne!(id_of(&[7; 32], &other, began, 0), id_of(&[7; 32], &one, began, 0));
        }
    }

    #[test]
    fn questions_that_differ_stay_different_however_long_they_are() {
        let long = "x".repeat(70_000);
        let (one, two) = (kept(&format!("{long}1")), kept(&format!("{long}2")));
        assert_ne!(one, two);
        assert!(one.chars().count() <= QUESTION_CHARS_MAX && one.starts_with("xxx"), "{}", one.len());
        let short = "ä".repeat(QUESTION_CHARS_MAX);
        assert_eq!(kept(&short), short);
    }

    #[test]
    fn a_group_has_so_many_questions_and_room_again_when_they_are_told() {
        let mut looks = Looks::default();
        let first = || Pending { look: look("", 0).1, stored: true };
        let key = |number: usize| look(&number.to_string(), 1).0;
        for number in 0..QUESTIONS_MAX {
            assert!(looks.note(&key(number), first()).is_some());
        }
        assert!(looks.note(&key(QUESTIONS_MAX), first()).is_none());
        assert!(looks.note(&key(0), first()).is_some(), "one that was asked before");
        let other = LookKey { kind: "feed".into(), ..key(QUESTIONS_MAX) };
        assert!(looks.note(&other, first()).is_some());
        looks.forget(&key(1));
        looks.forget(&key(1));
        assert!(looks.note(&key(QUESTIONS_MAX), first()).is_some());
        assert!(looks.note(&key(1), first()).is_none());
        (0..=QUESTIONS_MAX).for_each(|number| looks.forget(&key(number)));
        assert_eq!((looks.by_key.len(), looks.questions.len()), (1, 1));
    }
}
