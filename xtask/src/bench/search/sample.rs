//! A deterministic stream of events: event `n` is always the same, whoever asks for it and in whatever order.
//!
//! A few tenants are busy and most are quiet, and so with their users, actions and addresses (Zipf). One event in a hundred
//! happened up to three days before it is sent. The same events go to every system that is compared.

use std::fmt::Write as _;

use crate::bench::events::Numbers;

/// Territories, each with as many tenants.
pub(crate) const TERRITORIES: u64 = 10;
/// Tenants of a territory.
pub(crate) const TENANTS_EACH: u64 = 100;
const TENANTS: u64 = TERRITORIES * TENANTS_EACH;
/// Users of a tenant.
const USERS_EACH: u64 = 200;
/// Addresses that people come from.
const ADDRESSES: u64 = 50_000;
/// 2026-06-01T00:00:00Z.
pub(crate) const FIRST_US: u64 = 1_780_272_000_000_000;
/// The events are spread over this many days.
pub(crate) const DAYS: u64 = 90;
const DAY_US: u64 = 86_400_000_000;

/// Type of action, action, kind of target, and a sentence about it.
const ACTIONS: [(&str, &str, &str, &str); 24] = [
    ("view", "Play recording", "recording", "played recording"),
    ("login", "Log in", "session", "signed in to the portal"),
    ("view", "Read customer", "customer", "opened the record of customer"),
    ("update", "Update customer", "customer", "changed the billing plan of customer"),
    ("logout", "Log out", "session", "signed out of session"),
    ("view", "List invoices", "invoice", "listed open invoices of"),
    ("create", "Create invoice", "invoice", "issued invoice"),
    ("update", "Update phone settings", "device", "changed the ring group of phone"),
    ("create", "Create user", "user", "added user"),
    ("delete", "Delete recording", "recording", "removed recording"),
    ("login", "Log in failed", "session", "was refused, wrong password for"),
    ("update", "Change role", "role", "granted the role of manager to"),
    ("view", "Export report", "report", "exported the quarterly report"),
    ("update", "Update dial plan", "dialplan", "reordered the rules of dial plan"),
    ("create", "Create API key", "api_key", "made an API key for"),
    ("delete", "Delete user", "user", "removed user"),
    ("update", "Reset password", "user", "reset the password of"),
    ("view", "Search contacts", "contact", "searched the contacts for"),
    ("create", "Upload file", "file", "uploaded file"),
    ("view", "Download file", "file", "downloaded file"),
    ("update", "Share file", "file", "shared with an outside partner the file"),
    ("delete", "Delete file", "file", "moved to the bin the file"),
    ("update", "Change retention", "settings", "shortened the retention of"),
    ("delete", "Revoke API key", "api_key", "revoked an API key of"),
];
const RESULTS: [&str; 4] = ["success", "failure", "denied", "challenge"];
pub(crate) const FIRST_NAMES: [&str; 24] = [
    "ada", "grace", "olu", "marta", "jan", "yuki", "sam", "noor", "pat", "lena", "ravi", "chen", "zoe",
    "ivan", "amir", "tess", "hugo", "maya", "omar", "nina", "karl", "ruth", "theo", "vera",
];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Firefox/143.0",
    "crm-mobile/7.2 (iOS 19.1)",
];

/// One event, in the parts that the systems store.
pub(crate) struct Sample {
    pub(crate) id: String,
    pub(crate) time_us: u64,
    /// Number of the tenant, from 0.
    pub(crate) tenant: u64,
    pub(crate) user: String,
    pub(crate) email: String,
    pub(crate) action: &'static str,
    pub(crate) action_type: &'static str,
    pub(crate) outcome: &'static str,
    pub(crate) ip: String,
    agent: &'static str,
    node: u64,
    target_type: &'static str,
    target_id: String,
    details: String,
    session: u64,
    request: [u64; 2],
    amount: u64,
}

/// A number below `end` of which small ones are much likelier: about Zipf with exponent 1.
pub(crate) fn zipf(numbers: &mut Numbers, end: u64) -> u64 {
    // 2^53 values between 0 and 1, exactly.
    let share = (numbers.next() >> 11) as f64 / (1_u64 << 53) as f64;
    // The inverse of ln(1 + n) / ln(1 + end).
    ((share * (1.0 + end as f64).ln()).exp() - 1.0).min(end as f64 - 1.0) as u64
}

/// The name of a tenant.
pub(crate) fn tenant_name(tenant: u64) -> String {
    format!("t{tenant:04}.example")
}

/// The id of a user of a tenant.
pub(crate) fn user_id(tenant: u64, user: u64) -> String {
    format!("u{tenant}-{user}")
}

/// The address with this number.
pub(crate) fn address(number: u64) -> String {
    format!("10.{}.{}.{}", number / 2_500 % 256, number / 10 % 250, 1 + number % 10 * 25)
}

impl Sample {
    /// Event `n` of `all`.
    pub(crate) fn new(n: u64, all: u64) -> Self {
        let mut numbers = Numbers::new(n + 1);
        numbers.next();
        let tenant = zipf(&mut numbers, TENANTS);
        let user = zipf(&mut numbers, USERS_EACH);
        let (action_type, action, target_type, phrase) =
            ACTIONS[zipf(&mut numbers, ACTIONS.len() as u64) as usize];
        let outcome = if action.ends_with("failed") {
            "failure"
        } else {
            RESULTS[zipf(&mut numbers, 40).min(43) as usize / 11]
        };
        let first = FIRST_NAMES[(tenant * 7 + user) as usize % FIRST_NAMES.len()];
        let late = if numbers.below(100) == 0 { numbers.below(3 * DAY_US) } else { numbers.below(2_000_000) };
        let time_us = FIRST_US + 4 * DAY_US + n * (DAYS * DAY_US / all) - late;
        let target = zipf(&mut numbers, 500_000);
        Self {
            id: format!(
                "{:012x}{:020x}",
                time_us / 1000,
                u128::from(numbers.next()) << 16 | u128::from(n & 0xffff)
            ),
            time_us,
            tenant,
            user: user_id(tenant, user),
            email: format!("{first}.{user}@t{tenant:04}.example"),
            action,
            action_type,
            outcome,
            ip: address(zipf(&mut numbers, ADDRESSES)),
            agent: AGENTS[zipf(&mut numbers, 4) as usize],
            node: numbers.below(12),
            target_type,
            target_id: target.to_string(),
            details: format!("{first} {user} {phrase} {target_type} {target}"),
            session: numbers.next(),
            request: [numbers.next(), numbers.next()],
            amount: numbers.below(10_000),
        }
    }

    /// The event as it is sent to Indelible.
    pub(crate) fn put_json(&self, out: &mut String) {
        let Self { id, tenant, user, email, action, action_type, outcome, ip, agent, node, .. } = self;
        let Self { target_type, target_id, details, session, request: [high, low], amount, .. } = self;
        let (time, name) = (rfc3339(self.time_us), tenant_name(*tenant));
        write!(
            out,
            "{{\"id\":\"{id}\",\"time\":\"{time}\",\"tenant\":\"{name}\",\"source\":{{\"application\":\"crm\",\"component\":\"api\",\
             \"node\":\"app-{node:02}\"}},\"actor\":{{\"type\":\"user\",\"id\":\"{user}\",\"username\":\"{email}\"}},\
             \"client\":{{\"ip\":\"{ip}\",\"user_agent\":\"{agent}\"}},\"action\":\"{action}\",\"action_type\":\"{action_type}\",\
             \"outcome\":{{\"result\":\"{outcome}\"}},\"targets\":[{{\"type\":\"{target_type}\",\"id\":\"{target_id}\"}}],\
             \"details\":\"{details}\",\"parameters\":{{\"amount\":{amount}}},\"session_id\":\"{session:016x}\",\
             \"request_id\":\"{high:016x}{low:016x}\"}}"
        )
        .expect("writing to a String cannot fail");
    }

    /// The event as a row of columns, separated by tabs: what a table would have, the whole event last.
    pub(crate) fn put_row(&self, out: &mut String) {
        let Self {
            id, tenant, user, email, action, action_type, outcome, ip, target_type, target_id, ..
        } = self;
        let Self { details, session, request: [high, low], agent, node, amount, .. } = self;
        let micros = self.time_us;
        let text = format!(
            "{id} {action} {details} crm api app-{node:02} {user} {email} {target_type} {target_id} {ip} {agent} \
             amount {amount} {session:016x} {high:016x}{low:016x}"
        );
        write!(
            out,
            "{id}\t{micros}\t{tenant}\t{user}\t{email}\t{action}\t{action_type}\t{outcome}\t{ip}\t{target_type}\t{target_id}\t\
             {session:016x}\t{high:016x}{low:016x}\t{text}\t"
        )
        .expect("writing to a String cannot fail");
        self.put_json(out);
        out.push('\n');
    }
}

/// A time as RFC 3339 with microseconds.
pub(crate) fn rfc3339(us: u64) -> String {
    let (seconds, micros) = (us / 1_000_000, us % 1_000_000);
    let (year, month, day) = crate::bench::events::civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn events_are_the_same_each_time_and_all_different() {
        let mut ids = BTreeSet::new();
        let mut tenants: BTreeMap<u64, u64> = BTreeMap::new();
        for n in 0..20_000 {
            let (mut one, mut other) = (String::new(), String::new());
            let sample = Sample::new(n, 20_000);
            sample.put_json(&mut one);
            Sample::new(n, 20_000).put_json(&mut other);
            assert_eq!(one, other);
            let event: serde_json::Value = serde_json::from_str(&one).unwrap();
            assert!(ids.insert(event["id"].as_str().unwrap().to_owned()));
            assert_eq!(event["id"].as_str().unwrap().len(), 32);
            *tenants.entry(sample.tenant).or_default() += 1;
        }
        assert!(tenants.len() > 800 && tenants[&0] > 1_000, "{} tenants", tenants.len());
    }

    #[test]
    fn a_row_has_a_value_for_each_column_and_ends_with_the_event() {
        let mut row = String::new();
        Sample::new(5, 100).put_row(&mut row);
        let columns: Vec<_> = row.trim_end().split('\t').collect();
        assert_eq!(columns.len(), 15);
        assert!(serde_json::from_str::<serde_json::Value>(columns[14]).is_ok());
    }
}
