//! How long somebody who guesses passwords or codes has to wait; in memory, of bounded size, with a clock that is
//! given.
//!
//! Failures count for a *pair*, an account from one network, and for a *network* over all accounts. A network is an
//! IPv4 address, or the first 64 bits of an IPv6 address. No password counts for an account alone: whoever wants to
//! lock somebody out would only have to fail often enough. A second factor does count for its account over all
//! networks: only who knows the password gets that far, and six digits must not be guessed from many addresses. So who
//! knows a password can keep its owner waiting; the owner then needs another password, and the other has nothing.
//! Restarting forgets everything, which costs an attacker more than it gives.
//!
//! An attempt counts as failed as soon as it is let through, so that a thousand at once are not all let through
//! before the first has failed; success takes it back. Invariants: at most so many pairs, networks and accounts are
//! held as [`Bounds`] says; where one has to be given up, one that has to wait goes only when all have to.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    net::IpAddr,
    time::Duration,
};

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

/// Failures of a pair before it has to wait.
const FREE_FAILURES: u32 = 5;

/// What a pair waits after that many failures; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// What a pair waits at most, after 15 failures and more.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// When a pair's failures are forgotten: far beyond the longest wait, so that a day gives about 100 guesses.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// Failures of a network, over all accounts.
const OF_NETWORK: Limit = Limit { failures: 50, window: Duration::from_secs(15 * 60) };

/// Failures of an account at the second factor, over all networks: of a million codes three are good at any time, so
/// a month of guessing without a pause has a chance of 4 %, and every guess needs the password and is recorded.
const OF_ACCOUNT: Limit = Limit { failures: 20, window: Duration::from_secs(60 * 60) };

/// Failures within a window before there is to be waited for the oldest of them to leave it.
#[derive(Clone, Copy, Debug)]
struct Limit {
    failures: usize,
    window: Duration,
}

/// What is being proved. Failures count for each apart, so that the right password does not give new tries at the
/// second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// A password.
    Password,
    /// A code of an authenticator app, or a recovery code.
    Second,
}

/// Somebody's attempt to prove who they are.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The user's UUID where the user is known, otherwise the name as typed; case makes no difference. One user under
    /// two names would have twice the tries.
    pub account: &'a str,
    /// What is being proved.
    pub factor: Factor,
    /// Where the attempt comes from; behind trusted proxies, the address that they tell.
    pub address: IpAddr,
}

/// How much a [`Throttle`] holds at most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Pairs of account and network, of about 100 bytes each.
    pub pairs: usize,
    /// Networks, of about 1,200 bytes each where they failed 50 times.
    pub networks: usize,
    /// Accounts that failed at the second factor, of about 600 bytes each where they did 20 times.
    pub accounts: usize,
}

impl Default for Bounds {
    /// About 21 MB at most.
    fn default() -> Self {
        Self { pairs: 65_536, networks: 8_192, accounts: 8_192 }
    }
}

/// The attempt is not to be looked at: come back later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failed attempts, expected the next one in {seconds} seconds")]
pub struct Wait {
    /// In how many seconds, rounded up; 1 to 900 for a password, to 3,600 for a second factor.
    pub seconds: u64,
}

/// The failures of late. All times are those of one clock that never goes back, counted from any fixed moment.
#[derive(Debug)]
pub struct Throttle {
    pairs: HashMap<PairKey, Pair>,
    networks: HashMap<Network, Failures>,
    accounts: HashMap<Account, Failures>,
    bounds: Bounds,
}

/// A digest of account and factor, so that a long name takes no more memory than a short one.
type Account = [u8; 16];

type PairKey = (Account, Network);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Network {
    V4([u8; 4]),
    V6([u8; 8]),
}

/// A pair's failures since the last success, one or more.
#[derive(Clone, Copy, Debug)]
struct Pair {
    failures: u32,
    last: Duration,
}

/// When a network or an account failed, oldest first; once, to as often as its [`Limit`] says.
#[derive(Debug, Default)]
struct Failures(VecDeque<Duration>);

/// How much it matters to hold something; the least is given up first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Weight {
    waits: bool,
    failures: usize,
    last: Duration,
}

impl Throttle {
    /// A throttle that has seen no failure.
    pub fn new(bounds: Bounds) -> Self {
        Self { pairs: HashMap::new(), networks: HashMap::new(), accounts: HashMap::new(), bounds }
    }

    /// Asks whether an attempt may be looked at, and if so counts it as failed until [`Self::succeeded`] says
    /// otherwise. Call it before the password is hashed, and then one of the two others.
    ///
    /// # Errors
    /// [`Wait`] where it has to wait; then nothing is counted.
    pub fn check(&mut self, attempt: &Attempt<'_>, now: Duration) -> Result<(), Wait> {
        let (network, pair) = keys(attempt);
        let pair_until = self.pairs.get(&pair).map_or(Duration::ZERO, Pair::waits_until);
        let until =
            |failures: Option<&Failures>, limit| failures.map_or(Duration::ZERO, |it| it.waits_until(limit));
        let network_until = until(self.networks.get(&network), OF_NETWORK);
        let account_until = until(self.accounts.get(&pair.0), OF_ACCOUNT);
        let left = pair_until.max(network_until).max(account_until).saturating_sub(now);
        if !left.is_zero() {
            return Err(Wait { seconds: left.as_secs() + u64::from(left.subsec_nanos() > 0) });
        }
        self.count_pair(pair, now);
        count(&mut self.networks, network, OF_NETWORK, self.bounds.networks, now);
        if attempt.factor == Factor::Second {
            count(&mut self.accounts, pair.0, OF_ACCOUNT, self.bounds.accounts, now);
        }
        Ok(())
    }

    /// The attempt that [`Self::check`] let through failed: its wait begins now.
    pub fn failed(&mut self, attempt: &Attempt<'_>, now: Duration) {
        if let Some(pair) = self.pairs.get_mut(&keys(attempt).1) {
            pair.last = pair.last.max(now);
        }
    }

    /// The attempt that [`Self::check`] let through was good: the failures of its pair are forgotten, those of its
    /// account at the second factor too, and it no longer counts for its network. What others failed there stays.
    pub fn succeeded(&mut self, attempt: &Attempt<'_>) {
        let (network, pair) = keys(attempt);
        self.pairs.remove(&pair);
        self.accounts.remove(&pair.0);
        if let Some(failures) = self.networks.get_mut(&network) {
            failures.0.pop_back();
            if failures.0.is_empty() {
                self.networks.remove(&network);
            }
        }
    }

    fn count_pair(&mut self, key: PairKey, now: Duration) {
        if !self.pairs.contains_key(&key) {
            make_room(&mut self.pairs, self.bounds.pairs, |pair| pair.weight(now));
        }
        let pair = self.pairs.entry(key).or_insert(Pair { failures: 0, last: now });
        *pair = Pair { failures: pair.failures_at(now).saturating_add(1), last: now };
    }
}

/// Counts a failure, and makes room for it.
fn count<K: Copy + Ord + Hash>(
    held: &mut HashMap<K, Failures>,
    key: K,
    limit: Limit,
    max: usize,
    now: Duration,
) {
    if !held.contains_key(&key) {
        make_room(held, max, |failures| failures.weight(limit, now));
    }
    let failures = held.entry(key).or_default();
    failures.forget(limit, now);
    failures.0.push_back(now);
}

impl Pair {
    fn failures_at(&self, now: Duration) -> u32 {
        if now.saturating_sub(self.last) < REMEMBERED { self.failures } else { 0 }
    }

    fn waits_until(&self) -> Duration {
        self.last + wait_after(self.failures)
    }

    fn weight(&self, now: Duration) -> Weight {
        Weight { waits: self.waits_until() > now, failures: self.failures_at(now) as usize, last: self.last }
    }
}

impl Failures {
    fn forget(&mut self, limit: Limit, now: Duration) {
        while self.0.front().is_some_and(|at| *at + limit.window <= now) {
            self.0.pop_front();
        }
    }

    /// When the oldest of too many leaves the window.
    fn waits_until(&self, limit: Limit) -> Duration {
        if self.0.len() < limit.failures { Duration::ZERO } else { self.0[0] + limit.window }
    }

    fn weight(&self, limit: Limit, now: Duration) -> Weight {
        let recent = self.0.iter().filter(|at| **at + limit.window > now).count();
        let last = self.0.back().copied().unwrap_or_default();
        Weight { waits: self.waits_until(limit) > now, failures: recent, last }
    }
}

/// What a pair waits after its `failures`-th failure.
fn wait_after(failures: u32) -> Duration {
    match failures.checked_sub(FREE_FAILURES) {
        None => Duration::ZERO,
        // Ten doublings are beyond the longest wait.
        Some(doublings) => (FIRST_WAIT * (1 << doublings.min(10))).min(WAIT_MAX),
    }
}

fn keys(attempt: &Attempt<'_>) -> (Network, PairKey) {
    let network = match attempt.address.to_canonical() {
        IpAddr::V4(address) => Network::V4(address.octets()),
        IpAddr::V6(address) => Network::V6(*address.octets().first_chunk().expect("an address has 16 bytes")),
    };
    let mut digest = Sha256::new();
    digest.update([match attempt.factor {
        Factor::Password => 1,
        Factor::Second => 2,
    }]);
    digest.update(attempt.account.trim().nfkc().flat_map(char::to_lowercase).collect::<String>());
    let account = *digest.finalize().first_chunk().expect("a SHA-256 has 32 bytes");
    (network, (account, network))
}

/// Makes room for one more where `max` are held: gives up a sixteenth at once of those that matter least and don't
/// wait, so that looking at all of them is paid for; or where all wait, the one that matters least.
fn make_room<K: Copy + Ord + Hash, V>(held: &mut HashMap<K, V>, max: usize, weight: impl Fn(&V) -> Weight) {
    if held.len() < max {
        return;
    }
    let mut all: Vec<(Weight, K)> = held.iter().map(|(key, value)| (weight(value), *key)).collect();
    let batch = (all.len() / 16).max(1);
    // The keys decide between equals, so that the same attempts always end the same.
    all.select_nth_unstable(batch - 1);
    let least = &mut all[..batch];
    least.sort_unstable();
    let idle = least.partition_point(|(weight, _)| !weight.waits);
    for (_, key) in &least[..idle.max(1)] {
        held.remove(key);
    }
}

#[cfg(test)]
#[path = "throttle_tests.rs"]
mod tests;
