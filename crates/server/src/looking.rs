//! Looking leaves a trace: what a principal asked for within a window becomes one event of the trail.
//!
//! A new question is on disk before its answer is given, so a crash loses only how often it was asked again. Reading
//! nothing but such events is not recorded, or a collector that follows the trail would never come to an end.

use std::collections::{BTreeMap, HashMap};

use indelible_access::{EventView, ScopedReader};
use indelible_control::{Look, LookKey, TenantNumber};
use indelible_event::Timestamp;
use parking_lot::Mutex;
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
#[derive(Default)]
pub(crate) struct Looking {
    pending: Mutex<Looks>,
}

#[derive(Default)]
struct Looks {
    by_key: BTreeMap<LookKey, Pending>,
    /// How many questions each group has.
    questions: HashMap<Group, usize>,
}

/// Window, principal, tenant and kind.
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
/// People named in one event of looking.
const PEOPLE_MAX: usize = 50;

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
        self.note_look(caller.principal.id.bytes(), reader.touches(filters), kind, &question, who).await
    }

    /// Records that somebody asked for what they may not have. `principal` is theirs where they are known.
    pub(crate) async fn note_refusal(
        &self,
        known: Option<&Known>,
        origin: &Origin,
        what: &str,
    ) -> Result<(), ApiError> {
        let (principal, who) = match known {
            Some(Known { principal, origin }) => {
                (principal.id.bytes(), OwnEvent::who(principal, origin, &self.control.directory()))
            }
            None => (address_id(origin), OwnEvent::whence(origin)),
        };
        self.note_look(principal, INSTALLATION_NUMBER, LookKind::Refused, what, who).await
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
        self.note_look(caller.principal.id.bytes(), tenant, LookKind::Proof, id, who).await
    }

    async fn note_look(
        &self,
        principal: [u8; 16],
        tenant: TenantNumber,
        kind: LookKind,
        question: &str,
        who: String,
    ) -> Result<(), ApiError> {
        let now = self.now();
        let key = LookKey {
            window_start: self.window_of(now),
            principal,
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
        for looks in groups.values().flat_map(|looks| looks.chunks(QUESTIONS_OF_EVENT)) {
            // One that can't be told must not keep the others back.
            all = all.and(self.roll_up(looks).await);
        }
        all
    }

    async fn roll_up(&self, looks: &[(LookKey, Look)]) -> Result<(), ApiError> {
        let Some((first, _)) = looks.first() else { return Ok(()) };
        let began = looks.iter().map(|(_, look)| look.first_at).min().unwrap_or_else(|| self.now());
        // The same id for the same looks, so that a crash before the rows are removed makes no second event.
        self.record_as(id_of(first, began), first.tenant, event_of(looks)).await?;
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
fn kept(question: &str) -> String {
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

/// A UUID (version 8) of the window, whose it is, the first question, and when they began to look: a clock that is set
/// back makes a second window of the same beginning.
fn id_of(key: &LookKey, began: Timestamp) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(b"indelible/looking/v1\0");
    hash.update(key.window_start.to_be_bytes());
    hash.update(key.principal);
    hash.update(key.tenant.to_be_bytes());
    hash.update(key.kind.as_bytes());
    hash.update([0]);
    hash.update(key.question.as_bytes());
    hash.update(began.as_micros().to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Stands for an address where nobody is signed in; of IPv6 for its network, since one host has as many addresses as it
/// likes.
fn address_id(origin: &Origin) -> [u8; 16] {
    match origin.ip {
        Some(std::net::IpAddr::V4(ip)) => ip.to_ipv6_mapped().octets(),
        Some(std::net::IpAddr::V6(ip)) => (u128::from(ip) >> 64 << 64).to_be_bytes(),
        None => [0; 16],
    }
}

/// One event of all that was asked within a window.
fn event_of(looks: &[(LookKey, Look)]) -> String {
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
    let questions: Vec<_> =
        looks.iter().map(|(key, look)| json!({"question": key.question, "count": look.count})).collect();
    let result = if key.kind == "refused" { "denied" } else { "success" };
    body.extend([
        ("action".to_owned(), action.into()),
        ("action_code".to_owned(), format!("{CODE}{}", key.kind).into()),
        ("action_type".to_owned(), kind.into()),
        ("source".to_owned(), json!({"application": "indelible"})),
        ("outcome".to_owned(), json!({"result": result})),
        (
            "occurrences".to_owned(),
            json!({"count": count, "first": first.map(|at| at.to_rfc3339()), "last": last.map(|at| at.to_rfc3339())}),
        ),
        ("parameters".to_owned(), json!({"questions": questions})),
    ]);
    let people = people_of(looks);
    if !people.is_empty() {
        body.insert("targets".into(), people.into());
    }
    Value::Object(body).to_string()
}

/// The people whom questions name, so that they are found when somebody's data is to be erased.
fn people_of(looks: &[(LookKey, Look)]) -> Vec<Value> {
    let mut named: Vec<String> = Vec::new();
    // Of the other kinds it is an event's id, or a route.
    let questions = looks.iter().filter(|(key, _)| !["proof", "refused"].contains(&key.kind.as_str()));
    for (key, _) in questions {
        let pairs = form_urlencoded::parse(key.question.as_bytes());
        let pairs: Vec<_> = pairs.collect();
        let of_person =
            pairs.iter().any(|(name, field)| name == "field" && OF_PEOPLE.contains(&field.as_ref()));
        let of_people = pairs
            .iter()
            .filter(|(name, _)| OF_PEOPLE.contains(&name.as_ref()) || of_person && name == "prefix");
        named.extend(of_people.map(|(_, value)| value.trim_start_matches('!').to_owned()));
    }
    named.retain(|name| !name.is_empty());
    named.sort();
    named.dedup();
    named.truncate(PEOPLE_MAX);
    named.into_iter().map(|name| json!({"type": "user", "id": name})).collect()
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

    #[test]
    fn one_event_tells_of_all_questions_and_of_the_people_in_them() {
        let looks = [look("user=ada%40x.org&q=delete", 2), look("actor=!bob", 1), look("q=user", 3)];
        let limits = indelible_event::Limits::default();
        let parsed =
            indelible_event::parse(&event_of(&looks), &limits, Timestamp::from_micros(9_000_000)).unwrap();
        let event = parsed.event;
        assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
        assert_eq!(event.occurrences.unwrap().count, 6);
        let people: Vec<_> = event.targets.iter().map(|target| target.id.clone().unwrap()).collect();
        assert_eq!(people, ["ada@x.org", "bob"]);
        assert!(event.action_code.unwrap().starts_with(CODE));
    }

    #[test]
    fn an_id_is_that_of_the_window_whose_it_is_and_the_first_question() {
        let (one, again) = (look("a", 1).0, look("a", 9).0);
        let began = Timestamp::from_micros(5);
        assert_eq!(id_of(&one, began), id_of(&again, began));
        assert_ne!(id_of(&one, began), id_of(&one, Timestamp::from_micros(6)));
        for other in [
            LookKey { window_start: 1, ..one.clone() },
            LookKey { principal: [2; 16], ..one.clone() },
            LookKey { tenant: 3, ..one.clone() },
            LookKey { kind: "feed".into(), ..one.clone() },
            LookKey { question: "b".into(), ..one.clone() },
        ] {
            assert_ne!(id_of(&other, began), id_of(&one, began));
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
