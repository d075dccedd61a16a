//! Streams and waiting feeds: how many there may be, in all and of one key, and how they wait.

use std::{collections::HashMap, sync::Arc, time::Duration};

use indelible_access::Principal;
use metrics::gauge;
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use crate::{error::ApiError, serve::stopped};

/// Places for streams.
pub(crate) struct Streams {
    max: usize,
    per_key_max: usize,
    /// By principal; the sessions of a user count as one.
    open: Mutex<HashMap<[u8; 16], usize>>,
}

/// A stream's place; free again when dropped.
pub(crate) struct StreamPlace {
    streams: Arc<Streams>,
    key: [u8; 16],
}

/// Pause of a stream between two looks for events while they keep coming: of one of few, and the longest, with which an
/// event still comes within a second.
const GLANCE: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(500)];
/// So many streams look as often as they like; more of them share these looks, about 1,000 a second.
const EAGER: usize = 10;

/// How often whoever waits looks whether its key is still good.
const KEY_EVERY: Duration = Duration::from_secs(1);

/// Seconds after which a refused stream may be tried again.
const RETRY_SECONDS: u64 = 5;

impl Streams {
    pub(crate) fn new(max: usize, per_key_max: usize) -> Arc<Self> {
        Arc::new(Self { max, per_key_max, open: Mutex::default() })
    }

    /// Until something may have become searchable, it is time to look at the key again, the server stops, or `until`.
    pub(crate) async fn wait(
        &self,
        searchable: &mut watch::Receiver<u64>,
        stop: &mut watch::Receiver<bool>,
        until: Instant,
    ) {
        tokio::select! {
            changed = searchable.changed() => match changed {
                Ok(()) => sleep(self.glance()).await,
                // The index is closing; the server is about to say so.
                Err(_) => stopped(stop).await,
            },
            () = sleep_until(until) => {}
            () = sleep(KEY_EVERY) => {}
            () = stopped(stop) => {}
        }
    }

    /// How long a stream lets events come in before it looks again: the longer the more streams there are, so that all of
    /// them together cost ingest little.
    fn glance(&self) -> Duration {
        let all: usize = self.open.lock().values().sum();
        let sharing = u32::try_from(all.div_ceil(EAGER)).unwrap_or(u32::MAX).max(1);
        GLANCE[0].saturating_mul(sharing).min(GLANCE[1])
    }

    /// Takes a place for a stream of this caller.
    pub(crate) fn enter(self: &Arc<Self>, principal: &Principal) -> Result<StreamPlace, ApiError> {
        let mut open = self.open.lock();
        let all: usize = open.values().sum();
        let of_key = open.get(&principal.id.bytes()).copied().unwrap_or(0);
        let full = if of_key >= self.per_key_max {
            Some("this API key has as many streams and waiting feeds as it may")
        } else if all >= self.max {
            Some("there are as many streams and waiting feeds as there may be")
        } else {
            None
        };
        if let Some(detail) = full {
            return Err(ApiError::rate_limited(detail, RETRY_SECONDS));
        }
        open.insert(principal.id.bytes(), of_key + 1);
        show(all + 1);
        Ok(StreamPlace { streams: self.clone(), key: principal.id.bytes() })
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock();
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
        show(open.values().sum());
    }
}

fn show(streams: usize) {
    #[allow(clippy::cast_precision_loss, reason = "there are at most thousands")]
    gauge!("indelible_streams").set(streams as f64);
}
