//! Time as the ledger sees it: read from outside, never going back, and suspicious of jumps.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use indelible_event::Timestamp;

/// Where the ledger gets the time from.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// Time since any fixed moment of this process; not affected by setting the wall clock.
    fn monotonic(&self) -> Duration {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |us| -us),
        };
        Timestamp::from_micros(micros)
    }
}

/// A wall clock that moved against the monotonic one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// What the wall clock should have shown.
    pub expected: Timestamp,
    /// What it showed.
    pub observed: Timestamp,
}

/// Steps back beyond this become an entry.
const BACK_US: i64 = 5_000_000;
/// Steps forward beyond this become an entry.
const FORWARD_US: i64 = 3_600_000_000;

/// Compares each reading of the wall clock with the one before it.
#[derive(Debug)]
pub(crate) struct StepDetector {
    wall_us: i64,
    monotonic: Option<Duration>,
}

impl StepDetector {
    /// Starts from the last received time of the ledger, for which no monotonic time is known.
    pub(crate) fn resume(last: Timestamp) -> Self {
        Self { wall_us: last.as_micros(), monotonic: None }
    }

    /// Takes a reading and tells whether the clock was set since the last one.
    pub(crate) fn observe(&mut self, now: Timestamp, monotonic: Duration) -> Option<ClockStep> {
        let passed = self.monotonic.map(|before| monotonic.saturating_sub(before));
        let passed_us = passed.map(|d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX));
        let expected_us = self.wall_us.saturating_add(passed_us.unwrap_or(0));
        let step_us = now.as_micros().saturating_sub(expected_us);
        self.wall_us = now.as_micros();
        self.monotonic = Some(monotonic);
        // Across a restart any time may have passed, so only a step back can be told.
        let stepped = step_us < -BACK_US || (passed_us.is_some() && step_us > FORWARD_US);
        stepped.then(|| ClockStep { expected: Timestamp::from_micros(expected_us), observed: now })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_steps_from_time_that_passed() {
        let second = 1_000_000;
        let rows = [
            // (wall before, wall after, monotonic seconds between, stepped)
            (100, 101, Some(1), false),
            (100, 100 + 7200, Some(7200), false),
            (100, 95, Some(0), false),
            (100, 94, Some(0), true),
            (100, 96, Some(10), true),
            (100, 100 + 3600, Some(0), false),
            (100, 100 + 3601, Some(0), true),
            (100, 100 + 9000, None, false),
            (100, 94, None, true),
        ];
        for (before, after, passed, stepped) in rows {
            let mut detector = StepDetector::resume(Timestamp::from_micros(before * second));
            let mut start = Duration::ZERO;
            if let Some(seconds) = passed {
                detector.observe(Timestamp::from_micros(before * second), start);
                start += Duration::from_secs(seconds);
            }
            let step = detector.observe(Timestamp::from_micros(after * second), start);
            assert_eq!(step.is_some(), stepped, "{before} -> {after} in {passed:?}");
        }
    }

    #[test]
    fn reports_a_step_once() {
        let mut detector = StepDetector::resume(Timestamp::from_micros(0));
        let at = |s: i64| Timestamp::from_micros(s * 1_000_000);
        assert_eq!(detector.observe(at(100), Duration::ZERO), None);
        let step = detector.observe(at(50), Duration::from_secs(1)).expect("a step back");
        assert_eq!((step.expected, step.observed), (at(101), at(50)));
        assert_eq!(detector.observe(at(51), Duration::from_secs(2)), None);
    }
}
