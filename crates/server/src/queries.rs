//! Searches take turns, end in time, and end when nobody waits for them.
//!
//! So many run at one time, and so many wait; the rest is refused at once, so that searches never take all processors
//! from ingest. Figures (totals, histograms, values) have turns of their own: a slow one keeps no page waiting.
//! Invariant: a search holds its turn until it has really ended, also when its client left.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use indelible_access::ReadError;
use indelible_search::{Budget, CancelFlag, Cost};
use metrics::{counter, histogram};
use tokio::sync::Semaphore;

use crate::{config::Config, error::ApiError};

/// What is searched for, as metrics have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A page of events.
    Page,
    /// One event by its id.
    Event,
    /// A page and the total.
    Count,
    /// Totals.
    Stats,
    /// A histogram.
    Histogram,
    /// Values of a field.
    Values,
    /// The next events of a feed.
    Feed,
    /// The next events of a stream.
    Tail,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Event => "event",
            Self::Count => "count",
            Self::Stats => "stats",
            Self::Histogram => "histogram",
            Self::Values => "values",
            Self::Feed => "feed",
            Self::Tail => "tail",
        }
    }
}

/// Searches of one sort.
struct Lane {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
}

/// The turns of all searches.
pub(crate) struct Queries {
    pages: Lane,
    figures: Lane,
    streams: Lane,
    timeout: Duration,
}

/// A search's answer, and how long it waited for its turn.
pub(crate) struct Done<T> {
    pub(crate) answer: T,
    pub(crate) waited: Duration,
}

/// Seconds after which a refused search may be tried again: most take milliseconds.
const RETRY_SECONDS: u64 = 1;

impl Queries {
    pub(crate) fn new(config: &Config) -> Self {
        let lane = |waiting_max| Lane {
            turns: Arc::new(Semaphore::new(config.queries_max)),
            waiting: AtomicUsize::new(0),
            waiting_max,
        };
        Self {
            pages: lane(config.queries_waiting_max),
            figures: lane(config.queries_waiting_max),
            // Each of them waits for its own next events at most.
            streams: lane(config.streams_max),
            timeout: Duration::from_secs(config.query_timeout_seconds),
        }
    }

    /// Runs a search when its turn comes, away from the threads that serve connections. Dropping the future ends it.
    /// `filters` are for words of advice only.
    pub(crate) async fn run<T, F>(
        &self,
        kind: Kind,
        filters: &[(String, String)],
        work: F,
    ) -> Result<Done<T>, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Budget) -> Result<T, ReadError> + Send + 'static,
    {
        let began = Instant::now();
        let flag = CancelOnDrop(CancelFlag::default());
        let deadline = began.checked_add(self.timeout);
        let turn = match tokio::time::timeout(self.timeout, self.lane(kind).turn()).await {
            Ok(turn) => turn.inspect_err(|_| stopped(kind, "refused"))?,
            Err(_) => {
                stopped(kind, "refused");
                return Err(busy());
            }
        };
        let waited = began.elapsed();
        let budget = Budget { deadline, cancelled: flag.0.clone() };
        let ran = tokio::task::spawn_blocking(move || {
            let answer = work(&budget);
            drop(turn);
            if let Err(ReadError::Cancelled) = &answer {
                // Said here: whoever asked is gone.
                stopped(kind, "cancelled");
            }
            answer
        });
        let answer = ran.await.map_err(|error| ApiError::internal(error.to_string()))?;
        if let Err(ReadError::TooSlow) = &answer {
            stopped(kind, "deadline");
            let seconds = self.timeout.as_secs();
            let ways = narrower(kind, filters).join(", or ");
            let detail = format!("the search took longer than {seconds} s and was stopped; {ways}");
            return Err(ApiError::unavailable(detail, RETRY_SECONDS));
        }
        Ok(Done { answer: answer?, waited })
    }

    fn lane(&self, kind: Kind) -> &Lane {
        match kind {
            Kind::Page | Kind::Event => &self.pages,
            Kind::Count | Kind::Stats | Kind::Histogram | Kind::Values => &self.figures,
            Kind::Feed | Kind::Tail => &self.streams,
        }
    }
}

impl Lane {
    async fn turn(&self) -> Result<tokio::sync::OwnedSemaphorePermit, ApiError> {
        if let Ok(turn) = self.turns.clone().try_acquire_owned() {
            return Ok(turn);
        }
        let _waiting = Waiting::enter(self)?;
        self.turns.clone().acquire_owned().await.map_err(|error| ApiError::internal(error.to_string()))
    }
}

/// One that waits for its turn.
struct Waiting<'l>(&'l Lane);

impl<'l> Waiting<'l> {
    fn enter(lane: &'l Lane) -> Result<Self, ApiError> {
        let entered = lane.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |waiting| {
            (waiting < lane.waiting_max).then_some(waiting + 1)
        });
        entered.map(|_| Self(lane)).map_err(|_| busy())
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Ends the search when whoever asked for it is gone.
struct CancelOnDrop(CancelFlag);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn busy() -> ApiError {
    ApiError::unavailable("too many searches are waiting; try again", RETRY_SECONDS)
}

fn stopped(kind: Kind, why: &'static str) {
    counter!("indelible_search_stopped_total", "kind" => kind.name(), "why" => why).increment(1);
}

/// Puts a search's cost into the metrics.
pub(crate) fn note(kind: Kind, cost: &Cost) {
    #[allow(clippy::cast_precision_loss, reason = "histograms are floats; the loss begins at 2^53")]
    let number = |value: u64| value as f64;
    histogram!("indelible_search_seconds", "kind" => kind.name()).record(cost.elapsed.as_secs_f64());
    histogram!("indelible_search_zones", "kind" => kind.name()).record(number(cost.zones));
    histogram!("indelible_search_read_bytes", "kind" => kind.name()).record(number(cost.bytes_read));
}

/// What would make a search cheaper, as far as its parameters tell.
fn narrower(kind: Kind, filters: &[(String, String)]) -> Vec<&'static str> {
    let has = |name: &str| filters.iter().any(|(given, _)| given == name);
    let mut ways = Vec::new();
    if kind == Kind::Count {
        ways.push("leave out total=true");
    }
    if kind != Kind::Event {
        ways.push(match (has("since"), has("until")) {
            (false, _) => "name a time with since=",
            (true, false) => "ask for a shorter time with since= and until=",
            (true, true) => "ask for a shorter time",
        });
    }
    if !has("tenant") {
        ways.push("name a tenant with tenant=");
    }
    if filters.iter().any(|(name, value)| name == "q" && value.contains('*')) {
        ways.push("give more letters before the * in q=");
    }
    if ways.is_empty() {
        ways.push("try again");
    }
    ways
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::Settings;

    fn queries(at_once: usize, waiting: usize, seconds: u64) -> Queries {
        let settings = Settings {
            data: Some("d".into()),
            queries_max: Some(at_once),
            queries_waiting_max: Some(waiting),
            query_timeout_seconds: Some(seconds),
            ..Settings::default()
        };
        Queries::new(&settings.resolve(None).unwrap())
    }

    /// A search that goes on until it is stopped.
    fn endless(budget: &Budget) -> Result<(), ReadError> {
        loop {
            if budget.cancelled.is_cancelled() {
                return Err(ReadError::Cancelled);
            }
            if budget.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(ReadError::TooSlow);
            }
            std::thread::yield_now();
        }
    }

    #[tokio::test]
    async fn a_search_ends_in_time_and_says_how_to_narrow_it() {
        let queries = queries(1, 0, 1);
        for (kind, filters, expected) in [
            (Kind::Page, &[][..], "name a time with since=, or name a tenant with tenant="),
            (
                Kind::Count,
                &[("since", "P7D"), ("tenant", "acme")],
                "leave out total=true, or ask for a shorter time with since= and until=",
            ),
            (
                Kind::Stats,
                &[("since", "P7D"), ("until", "P1D"), ("tenant", "a"), ("q", "a*")],
                "ask for a shorter time, or give more letters before the * in q=",
            ),
            (Kind::Event, &[], "name a tenant with tenant="),
            (Kind::Event, &[("tenant", "acme")], "try again"),
        ] {
            let filters: Vec<_> =
                filters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let error = queries.run(kind, &filters, endless).await.err().unwrap();
            assert_eq!(error.code, indelible_event::Code::Unavailable);
            assert_eq!(error.detail, format!("the search took longer than 1 s and was stopped; {expected}"));
            assert_eq!(error.retry_after_seconds, Some(RETRY_SECONDS));
        }
        // Its turn is free again.
        assert_eq!(queries.run(Kind::Page, &[], |_| Ok(7)).await.unwrap().answer, 7);
    }

    #[tokio::test]
    async fn a_search_whose_client_left_ends_and_gives_its_turn_back() {
        let queries = queries(1, 0, 60);
        let ended = Arc::new(AtomicBool::new(false));
        let began = Arc::new(tokio::sync::Notify::new());
        let work = {
            let (ended, began) = (ended.clone(), began.clone());
            move |budget: &Budget| {
                began.notify_one();
                let answer = endless(budget);
                ended.store(true, Ordering::Release);
                answer
            }
        };
        tokio::select! {
            _ = queries.run(Kind::Page, &[], work) => panic!("it is endless"),
            () = began.notified() => {}
        }
        let _turn = queries.pages.turns.acquire().await.unwrap();
        assert!(ended.load(Ordering::Acquire), "its turn came back before it had ended");
    }

    #[tokio::test]
    async fn so_many_run_so_many_wait_and_the_rest_is_refused_at_once() {
        let queries = Arc::new(queries(2, 1, 60));
        let (begin, running) = (Arc::new(tokio::sync::Barrier::new(3)), Arc::new(tokio::sync::Notify::new()));
        let gate = Arc::new(AtomicBool::new(false));
        let start = || {
            let (queries, gate, begin) = (queries.clone(), gate.clone(), begin.clone());
            let runtime = tokio::runtime::Handle::current();
            tokio::spawn(async move {
                let work = move |_: &Budget| {
                    runtime.spawn(async move { begin.wait().await });
                    while !gate.load(Ordering::Acquire) {
                        std::thread::yield_now();
                    }
                    Ok(())
                };
                queries.run(Kind::Stats, &[], work).await.map(|_| ())
            })
        };
        let first = [start(), start()];
        begin.wait().await;
        let third = {
            let (queries, running) = (queries.clone(), running.clone());
            tokio::spawn(async move {
                let run = queries.run(Kind::Stats, &[], |_| Ok(()));
                running.notify_one();
                run.await.map(|_| ())
            })
        };
        running.notified().await;
        while queries.figures.waiting.load(Ordering::Acquire) == 0 {
            tokio::task::yield_now().await;
        }
        let refused = queries.run(Kind::Stats, &[], |_| Ok(())).await.err().unwrap();
        assert_eq!(
            (refused.code, refused.retry_after_seconds),
            (indelible_event::Code::Unavailable, Some(RETRY_SECONDS))
        );
        // Pages have turns of their own.
        assert!(queries.run(Kind::Page, &[], |_| Ok(())).await.is_ok());
        gate.store(true, Ordering::Release);
        for search in first.into_iter().chain([third]) {
            search.await.unwrap().unwrap();
        }
        assert_eq!(queries.figures.waiting.load(Ordering::Acquire), 0);
    }
}
