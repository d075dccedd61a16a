//! What signing in needs: who guesses too often, hashing without drowning, the key that secrets are sealed with.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use indelible_identity::{Attempt, Bounds, Factor, Password, PasswordHash, SealKey, Throttle, verify_nobody};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::{error::ApiError, recorder::Origin};

/// What signing in needs.
pub(crate) struct Authentication {
    pub(crate) seal: SealKey,
    throttle: Mutex<Throttle>,
    /// Passwords that are hashed at one time: each takes its megabytes, and all of a processor.
    slots: Arc<Semaphore>,
    started: Instant,
    singly: Mutex<Singly>,
}

/// Refusals of people who have not shown who they are that become events of their own within an hour.
const SINGLY_AN_HOUR: u32 = 1_000;

/// Passwords that may wait to be hashed, beside those that are; the rest is refused at once.
const SLOTS: usize = 2;
/// How long a sign-in waits for its turn.
const SLOT_WAIT: Duration = Duration::from_secs(10);

impl Authentication {
    pub(crate) fn new(seal: SealKey) -> Self {
        Self {
            seal,
            throttle: Mutex::new(Throttle::new(Bounds::default())),
            slots: Arc::new(Semaphore::new(SLOTS)),
            started: Instant::now(),
            singly: Mutex::default(),
        }
    }

    /// Whether a refusal of somebody who has not shown who they are becomes an event of its own.
    pub(crate) fn tells_singly(&self) -> bool {
        self.singly.lock().take(self.started.elapsed())
    }

    /// Asks whether an attempt may be looked at; it counts as failed until [`Self::succeeded`].
    ///
    /// # Errors
    /// `rate_limited` with the time to wait.
    pub(crate) fn begin(&self, account: &str, factor: Factor, origin: &Origin) -> Result<(), ApiError> {
        admit(&mut self.throttle.lock(), account, factor, origin, self.started.elapsed())
    }

    /// The attempt failed: its wait begins now.
    pub(crate) fn failed(&self, account: &str, factor: Factor, origin: &Origin) {
        let attempt = Attempt { account, factor, address: address(origin) };
        self.throttle.lock().failed(&attempt, self.started.elapsed());
    }

    /// The attempt was good.
    pub(crate) fn succeeded(&self, account: &str, factor: Factor, origin: &Origin) {
        self.throttle.lock().succeeded(&Attempt { account, factor, address: address(origin) });
    }

    /// Whether `password` is the one with this hash; `None` takes as long and says no.
    ///
    /// # Errors
    /// `unavailable` when too many passwords wait to be hashed; `internal` for a hash that can't be read.
    pub(crate) async fn verify(&self, password: Password, hash: Option<String>) -> Result<bool, ApiError> {
        let work = move || match hash {
            Some(hash) => PasswordHash::from_phc(&hash)?.verify(&password),
            None => verify_nobody(&password),
        };
        self.hashing(work).await
    }

    /// The hash of a password, to be stored.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub(crate) async fn hash(&self, password: Password) -> Result<String, ApiError> {
        self.hashing(move || password.hash().map(|hash| hash.to_phc())).await
    }

    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, indelible_identity::IdentityError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let busy = || ApiError::unavailable("too many people sign in at this moment", 2);
        let slot = tokio::time::timeout(SLOT_WAIT, self.slots.clone().acquire_owned());
        let slot = slot.await.map_err(|_| busy())?.map_err(|_| busy())?;
        let work = move || {
            let done = work();
            drop(slot);
            done.map_err(|error| ApiError::internal(error.to_string()))
        };
        crate::routes::blocking(work).await
    }
}

/// Counts what becomes an event of its own.
#[derive(Default)]
struct Singly {
    /// Since the start.
    hour: u64,
    /// In this hour.
    told: u32,
}

impl Singly {
    /// Whether there is room for one more at this time since the start.
    fn take(&mut self, now: Duration) -> bool {
        let hour = now.as_secs() / 3_600;
        if self.hour != hour {
            *self = Self { hour, told: 0 };
        }
        let has_room = self.told < SINGLY_AN_HOUR;
        self.told += u32::from(has_room);
        has_room
    }
}

/// Asks a throttle whether an attempt may be looked at.
///
/// # Errors
/// `rate_limited` with the time to wait.
pub(crate) fn admit(
    throttle: &mut Throttle,
    account: &str,
    factor: Factor,
    origin: &Origin,
    now: Duration,
) -> Result<(), ApiError> {
    let attempt = Attempt { account, factor, address: address(origin) };
    throttle.check(&attempt, now).map_err(|wait| {
        let message = format!("too many attempts; try again in {} seconds", wait.seconds);
        ApiError::rate_limited(message, wait.seconds)
    })
}

fn address(origin: &Origin) -> IpAddr {
    origin.ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_an_hour_are_told_singly() {
        let mut singly = Singly::default();
        for hour in [0_u64, 1, 5] {
            let at = |second: u64| Duration::from_secs(hour * 3_600 + second);
            assert!((0..SINGLY_AN_HOUR).all(|_| singly.take(at(0))));
            assert!(!singly.take(at(1)) && !singly.take(at(3_599)), "hour {hour}");
        }
    }
}
