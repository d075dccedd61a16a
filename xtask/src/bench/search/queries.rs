//! The questions, each as a request of ours and as SQL, so that all systems are asked the same.

use crate::bench::events::Numbers;

use super::sample::{
    DAYS, FIRST_NAMES, FIRST_US, TENANTS_EACH, TERRITORIES, address, rfc3339, tenant_name, user_id, zipf,
};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// One tenant of middling size.
    Tenant,
    /// A territory: itself and its hundred tenants.
    Territory,
    /// The whole installation.
    Everything,
}

impl Reach {
    pub(crate) const ALL: [Self; 3] = [Self::Tenant, Self::Territory, Self::Everything];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tenant => "one tenant",
            Self::Territory => "100 tenants",
            Self::Everything => "everything",
        }
    }

    /// The tenants within it: the busiest and the quietest are not what most people have.
    pub(crate) fn tenants(self) -> std::ops::Range<u64> {
        match self {
            Self::Tenant => 42..43,
            Self::Territory => 0..TENANTS_EACH,
            Self::Everything => 0..TERRITORIES * TENANTS_EACH,
        }
    }

    fn sql(self) -> String {
        match self {
            Self::Tenant => "tenant = 42".to_owned(),
            Self::Territory => {
                let list: Vec<String> = self.tenants().map(|tenant| tenant.to_string()).collect();
                format!("tenant IN ({})", list.join(","))
            }
            Self::Everything => "1=1".to_owned(),
        }
    }
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// The newest 25, with their events.
    Page,
    Count,
    /// Number of events, of distinct users, by outcome.
    Stats,
    /// By day and outcome.
    Histogram,
    /// The ten most frequent users.
    Values,
}

/// A kind of question: its name, what is answered, and its conditions.
struct Kind {
    name: &'static str,
    answer: Answer,
    conditions: fn(&mut Numbers, Reach) -> Conditions,
}

/// Conditions in both languages: parameters of ours, and SQL where `{words}` stands for a text search.
#[derive(Default)]
struct Conditions {
    parameters: Vec<(&'static str, String)>,
    sql: Vec<String>,
    /// Text in the form of `q`, of PostgreSQL's `to_tsquery` and of FTS5.
    text: Option<(String, String, String)>,
}

impl Conditions {
    fn with(mut self, name: &'static str, value: impl Into<String>, sql: impl Into<String>) -> Self {
        self.parameters.push((name, value.into()));
        self.sql.push(sql.into());
        self
    }

    fn text(mut self, ours: &str, postgres: &str, sqlite: &str) -> Self {
        self.text = Some((ours.to_owned(), postgres.to_owned(), sqlite.to_owned()));
        self
    }
}

/// One question, ready to be asked.
pub(crate) struct Question {
    pub(crate) kind: &'static str,
    pub(crate) reach: Reach,
    /// Path and query of ours.
    pub(crate) path: String,
    pub(crate) postgres: String,
    pub(crate) sqlite: String,
}

const KINDS: [Kind; 20] = [
    Kind { name: "page: newest", answer: Answer::Page, conditions: |_, _| Conditions::default() },
    Kind { name: "page: newest of an hour", answer: Answer::Page, conditions: |n, _| hours(n, 1) },
    Kind { name: "page: user", answer: Answer::Page, conditions: user },
    Kind { name: "page: action and outcome", answer: Answer::Page, conditions: |n, _| denied(n) },
    Kind { name: "page: address", answer: Answer::Page, conditions: |n, _| ip(n) },
    Kind { name: "page: network /16", answer: Answer::Page, conditions: |n, _| network(n) },
    Kind { name: "page: id", answer: Answer::Page, conditions: |n, _| id(n) },
    Kind { name: "page: rare word", answer: Answer::Page, conditions: |n, _| rare_word(n) },
    Kind { name: "page: two words", answer: Answer::Page, conditions: |n, _| two_words(n) },
    Kind { name: "page: phrase", answer: Answer::Page, conditions: |_, _| phrase() },
    Kind { name: "page: prefix", answer: Answer::Page, conditions: |n, _| prefix(n) },
    Kind { name: "page: neither view nor login", answer: Answer::Page, conditions: |_, _| neither() },
    Kind { name: "count: user", answer: Answer::Count, conditions: user },
    Kind { name: "count: outcome", answer: Answer::Count, conditions: |n, _| denied(n) },
    Kind { name: "count: five actions of a week", answer: Answer::Count, conditions: |n, _| five_actions(n) },
    Kind { name: "count: two words", answer: Answer::Count, conditions: |n, _| two_words(n) },
    Kind { name: "count: phrase", answer: Answer::Count, conditions: |_, _| phrase() },
    Kind { name: "stats of a week", answer: Answer::Stats, conditions: |n, _| hours(n, 24 * 7) },
    Kind {
        name: "histogram of 30 days by outcome",
        answer: Answer::Histogram,
        conditions: |n, _| hours(n, 24 * 30),
    },
    Kind {
        name: "most frequent users of a week",
        answer: Answer::Values,
        conditions: |n, _| hours(n, 24 * 7),
    },
];

/// The names of all kinds, in order.
pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

fn hours(numbers: &mut Numbers, hours: u64) -> Conditions {
    let length = hours * 3_600_000_000;
    let latest = DAYS * 86_400_000_000 - length;
    let since = FIRST_US + 4 * 86_400_000_000 + numbers.below(latest);
    let until = since + length;
    let conditions = Conditions::default().with("since", rfc3339(since), format!("time >= {since}"));
    conditions.with("until", rfc3339(until), format!("time < {until}"))
}

fn user(numbers: &mut Numbers, reach: Reach) -> Conditions {
    let tenants = reach.tenants();
    let tenant = tenants.start + zipf(numbers, tenants.end - tenants.start);
    let user = user_id(tenant, numbers.below(40));
    Conditions::default().with("actor", user.clone(), format!("actor = '{user}'"))
}

fn denied(numbers: &mut Numbers) -> Conditions {
    let action = pick(numbers, &["Play recording", "Update customer", "Change role", "Export report"]);
    let conditions = Conditions::default().with("action", action, format!("action = '{action}'"));
    conditions.with("outcome", "denied", "outcome = 'denied'")
}

fn ip(numbers: &mut Numbers) -> Conditions {
    let ip = address(20 + numbers.below(2_000));
    Conditions::default().with("ip", ip.clone(), format!("ip = '{ip}'"))
}

fn network(numbers: &mut Numbers) -> Conditions {
    let second = numbers.below(12);
    let sql = format!("ip >= '10.{second}.' AND ip < '10.{second}/'");
    Conditions::default().with("ip", format!("10.{second}.0.0/16"), sql)
}

fn id(numbers: &mut Numbers) -> Conditions {
    let sample = super::sample::Sample::new(numbers.below(1_000_000), super::count());
    Conditions::default().with("id", sample.id.clone(), format!("id = '{}'", sample.id))
}

fn rare_word(numbers: &mut Numbers) -> Conditions {
    let word = (1_000 + numbers.below(400_000)).to_string();
    Conditions::default().text(&word, &word, &word)
}

fn two_words(numbers: &mut Numbers) -> Conditions {
    let name = pick(numbers, &FIRST_NAMES);
    let word = pick(numbers, &["recording", "invoice", "password", "partner"]);
    Conditions::default().text(
        &format!("{name} {word}"),
        &format!("{name} & {word}"),
        &format!("{name} AND {word}"),
    )
}

fn phrase() -> Conditions {
    let sqlite = "\"wrong password\"";
    Conditions::default().text("\"wrong password\"", "wrong <-> password", sqlite)
}

fn prefix(numbers: &mut Numbers) -> Conditions {
    let beginning = pick(numbers, &["quart", "retent", "dialp", "reorder", "outsi"]);
    Conditions::default().text(&format!("{beginning}*"), &format!("{beginning}:*"), &format!("{beginning}*"))
}

fn neither() -> Conditions {
    let conditions = Conditions::default().with("action_type", "!view", "action_type <> 'view'");
    conditions.with("action_type", "!login", "action_type <> 'login'")
}

fn five_actions(numbers: &mut Numbers) -> Conditions {
    let actions = ["Play recording", "Log in", "Create invoice", "Delete file", "Reset password"];
    let mut conditions = hours(numbers, 24 * 7);
    conditions.parameters.extend(actions.map(|action| ("action", action.to_owned())));
    let list: Vec<String> = actions.iter().map(|action| format!("'{action}'")).collect();
    conditions.sql.push(format!("action IN ({})", list.join(",")));
    conditions
}

fn pick<'a>(numbers: &mut Numbers, list: &[&'a str]) -> &'a str {
    numbers.pick(list)
}

impl Question {
    /// `each` questions of every kind under every reach; always the same.
    pub(crate) fn all(each: u64) -> Vec<Question> {
        let mut questions = Vec::new();
        for kind in &KINDS {
            for reach in Reach::ALL {
                let mut numbers = Numbers::new(kind.name.len() as u64 * 31 + reach.tenants().end);
                questions.extend((0..each).map(|_| Question::new(kind, reach, &mut numbers)));
            }
        }
        questions
    }

    fn new(kind: &Kind, reach: Reach, numbers: &mut Numbers) -> Question {
        let conditions = (kind.conditions)(numbers, reach);
        let mut parameters = conditions.parameters;
        if let Some((ours, ..)) = &conditions.text {
            parameters.push(("q", ours.clone()));
        }
        let path = match kind.answer {
            Answer::Page => "/v1/events",
            Answer::Count => "/v1/events",
            Answer::Stats => "/v1/stats",
            Answer::Histogram => "/v1/histogram",
            Answer::Values => "/v1/values/actor",
        };
        match kind.answer {
            Answer::Page => parameters.push(("limit", "25".to_owned())),
            Answer::Count => parameters.extend([("limit", "1".to_owned()), ("total", "true".to_owned())]),
            Answer::Stats => {}
            Answer::Histogram => {
                parameters.extend([("interval", "P1D".to_owned()), ("by", "outcome".to_owned())]);
            }
            Answer::Values => parameters.push(("limit", "10".to_owned())),
        }
        let query: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let path = format!("{path}?{}", query.join("&"));
        let sql = |text: Option<String>| {
            let mut parts = vec![reach.sql()];
            parts.extend(conditions.sql.iter().cloned());
            parts.extend(text);
            let matching = parts.join(" AND ");
            match kind.answer {
                Answer::Page => {
                    format!("SELECT event FROM events WHERE {matching} ORDER BY time DESC, seq DESC LIMIT 25")
                }
                Answer::Count => format!("SELECT count(*) FROM events WHERE {matching}"),
                Answer::Stats => format!(
                    "SELECT outcome, count(*), count(DISTINCT actor) FROM events WHERE {matching} GROUP BY outcome"
                ),
                Answer::Histogram => format!(
                    "SELECT time / 86400000000 AS day, outcome, count(*) FROM events WHERE {matching} GROUP BY 1, 2"
                ),
                Answer::Values => format!(
                    "SELECT actor, count(*) FROM events WHERE {matching} GROUP BY actor ORDER BY 2 DESC, 1 LIMIT 10"
                ),
            }
        };
        let text = conditions.text.as_ref();
        let postgres = sql(text.map(|(_, words, _)| format!("words @@ to_tsquery('simple', '{words}')")));
        let sqlite = sql(text.map(|(.., words)| {
            format!("seq IN (SELECT rowid FROM events_text WHERE events_text MATCH '{words}')")
        }));
        Question { kind: kind.name, reach, path, postgres, sqlite }
    }
}

/// Percent-encoding of everything but letters and digits.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// The tenant that a key of this reach is for.
pub(crate) fn reach_tenant(reach: Reach) -> Option<String> {
    match reach {
        Reach::Tenant => Some(tenant_name(42)),
        Reach::Territory => Some(super::territory_name(0)),
        Reach::Everything => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_the_same_questions_each_time() {
        let (one, other) = (Question::all(3), Question::all(3));
        assert_eq!(one.len(), KINDS.len() * 9);
        assert!(
            one.iter()
                .zip(&other)
                .all(|(a, b)| a.path == b.path && a.postgres == b.postgres && a.sqlite == b.sqlite)
        );
        assert!(one.iter().all(|question| !question.path.contains([' ', '"', '+'])));
    }
}
