//! Waiting for a condition: looked at again and again until a deadline, never a pause instead of a condition.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Long enough for a slow machine; only a test that fails waits this long.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(5);

/// Returns the first `Some` of `condition`.
///
/// # Panics
/// When there is none for `limit`; `what` says what was waited for.
#[track_caller]
pub(crate) fn within<T>(limit: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(begin.elapsed() < limit, "not within {limit:?}: {what}");
        thread::sleep(GLANCE);
    }
}
