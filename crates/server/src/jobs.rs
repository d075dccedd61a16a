//! Runs the jobs of the table: claims them, keeps their leases, says how far they are, ends them.
//!
//! A job runs with what its owner may do at that moment, never with what they could do when they asked. A server that is
//! killed leaves rows that say `running`; the next one, alone by the ledger's lock, begins those again.
//! Invariant: what a job makes stands under its final name before its row says that it is completed.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use indelible_control::{ControlError, Ended, Job, JobKind, JobState, Lease, NewJob, Renewal};
use indelible_event::{Code, Timestamp};
use indelible_search::{Budget, CancelFlag};
use metrics::{counter, gauge};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, Semaphore, watch};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{app::App, error::ApiError, exports, reports, serve};

/// What runs at this moment, and who runs it.
pub(crate) struct Jobs {
    /// This process, in leases.
    process: Uuid,
    woken: Notify,
    running: Mutex<HashMap<Uuid, Arc<Work>>>,
}

/// A job that runs: how far it is, and whether it is to end.
pub(crate) struct Work {
    done: AtomicU64,
    /// [`UNKNOWN`] until it is counted.
    total: AtomicU64,
    flag: CancelFlag,
    why: Mutex<Option<Interruption>>,
}

const UNKNOWN: u64 = u64::MAX;

/// Why a job is to end before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interruption {
    /// Somebody cancelled it.
    Cancelled,
    /// Another process runs it now.
    Lost,
    /// The server stops.
    Stopping,
}

/// Why a job was not done.
#[derive(Debug)]
pub(crate) enum JobError {
    /// It was told to end.
    Interrupted,
    /// It may be done later.
    Later(Failure),
    /// It is done, and only the trail does not tell so yet: that is left for later.
    Untold(Failure),
    /// What its owner may do changed while it ran: it begins again, and that is no attempt.
    Changed,
    /// It can't be done.
    Failed(Failure),
}

/// Why a job failed, for its owner.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, ToSchema)]
pub(crate) struct Failure {
    /// For programs, as in problem details.
    pub(crate) code: String,
    /// In words.
    pub(crate) detail: String,
}

/// How a lease is kept: written so often, and believed in for so long without that.
const LEASE: Duration = Duration::from_secs(30);
const RENEWAL: Duration = Duration::from_secs(2);
/// How often the table is asked for what has become due, when nobody calls.
const LOOK: Duration = Duration::from_secs(5);
/// How long a job that ended for a reason that may pass waits before it is begun again.
const WAITS: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(20)];
/// The same of a mail: servers that say "later" mean minutes, and some of them hours.
const MAIL_WAITS: [Duration; 6] = [
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(6),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(6),
];

fn waits(kind: JobKind) -> &'static [Duration] {
    match kind {
        JobKind::Export | JobKind::Report => &WAITS,
        JobKind::Mail => &MAIL_WAITS,
    }
}

/// How often a job is begun at most.
fn attempts_max(kind: JobKind) -> u32 {
    u32::try_from(waits(kind).len()).unwrap_or(u32::MAX).saturating_add(1)
}

impl Jobs {
    pub(crate) fn new() -> Self {
        Self { process: Uuid::now_v7(), woken: Notify::new(), running: Mutex::default() }
    }

    /// Tells the runners that there may be something to do.
    pub(crate) fn wake(&self) {
        self.woken.notify_waiters();
    }

    /// How far a job is that runs here: what is done, and of how much once that is known.
    pub(crate) fn progress(&self, id: Uuid) -> Option<(u64, Option<u64>)> {
        self.running.lock().get(&id).map(|work| work.progress())
    }

    /// The jobs that run here.
    pub(crate) fn running(&self) -> HashSet<Uuid> {
        self.running.lock().keys().copied().collect()
    }

    /// Ends a job that runs here, because somebody wants that.
    pub(crate) fn cancel(&self, id: Uuid) {
        if let Some(work) = self.running.lock().get(&id) {
            work.interrupt(Interruption::Cancelled);
        }
    }
}

impl Work {
    fn new() -> Self {
        Self {
            done: AtomicU64::new(0),
            total: AtomicU64::new(UNKNOWN),
            flag: CancelFlag::default(),
            why: Mutex::new(None),
        }
    }

    /// So much is done.
    pub(crate) fn set_done(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
    }

    /// So much there is to do.
    pub(crate) fn set_total(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
    }

    fn progress(&self) -> (u64, Option<u64>) {
        let total = self.total.load(Ordering::Relaxed);
        (self.done.load(Ordering::Relaxed), (total != UNKNOWN).then_some(total))
    }

    /// For searches: without a deadline, and at its end when the job is.
    pub(crate) fn budget(&self) -> Budget {
        Budget { deadline: None, cancelled: self.flag.clone() }
    }

    /// # Errors
    /// [`JobError::Interrupted`] where the job is to end.
    pub(crate) fn check(&self) -> Result<(), JobError> {
        if self.flag.is_cancelled() { Err(JobError::Interrupted) } else { Ok(()) }
    }

    fn why(&self) -> Option<Interruption> {
        *self.why.lock()
    }

    /// The first reason is the one that counts.
    fn interrupt(&self, why: Interruption) {
        self.why.lock().get_or_insert(why);
        self.flag.cancel();
    }
}

impl JobError {
    /// It can't be done, for this reason.
    pub(crate) fn failed(code: Code, detail: impl Into<String>) -> Self {
        Self::Failed(Failure { code: code.as_str().to_owned(), detail: detail.into() })
    }

    /// It may be done later.
    pub(crate) fn later(code: Code, detail: impl Into<String>) -> Self {
        Self::Later(Failure { code: code.as_str().to_owned(), detail: detail.into() })
    }
}

impl From<ApiError> for JobError {
    fn from(error: ApiError) -> Self {
        let failure = Failure { code: error.code.as_str().to_owned(), detail: error.detail.clone() };
        match error.code {
            Code::Unavailable | Code::RateLimited => Self::Later(failure),
            Code::Internal => {
                tracing::error!(cause = error.cause(), "a job met an error");
                Self::Later(failure)
            }
            _ => Self::Failed(failure),
        }
    }
}

/// What a job that was done leaves.
pub(crate) struct Done {
    /// What came of it, as JSON.
    pub(crate) outcome: String,
    /// When what it made is removed.
    pub(crate) expires_at: Option<Timestamp>,
    /// The jobs that follow from it.
    pub(crate) then: Vec<NewJob>,
}

/// Jobs of these kinds share their hands: a long export keeps no mail waiting.
const LANES: [&[JobKind]; 2] = [&[JobKind::Export, JobKind::Report], &[JobKind::Mail]];

/// Runs jobs until the server stops; returns when the last of them has ended or was put back.
pub(crate) async fn run_jobs(app: Arc<App>) {
    let lanes = LANES.map(|kinds| tokio::spawn(run_lane(app.clone(), kinds)));
    for lane in lanes {
        if lane.await.is_err() {
            tracing::error!("a runner of jobs panicked");
        }
    }
}

async fn run_lane(app: Arc<App>, kinds: &'static [JobKind]) {
    let hands = app.config.jobs_max;
    let slots = Arc::new(Semaphore::new(hands));
    let mut stopped = app.stopped.clone();
    loop {
        // Before the table is asked, so that what comes in meanwhile is not missed.
        let woken = app.jobs.woken.notified();
        let slot = tokio::select! {
            () = serve::stopped(&mut stopped) => break,
            slot = slots.clone().acquire_owned() => slot,
        };
        let Ok(slot) = slot else { break };
        let now = app.now();
        match app.control.claim_job(kinds, app.lease(now), now).await {
            Ok(Some(job)) => {
                let app = app.clone();
                tokio::spawn(async move {
                    run_one(app, job).await;
                    drop(slot);
                });
                continue;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the table of jobs could not be asked"),
        }
        drop(slot);
        tokio::select! {
            () = serve::stopped(&mut stopped) => break,
            () = woken => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    // All hands are free when nothing runs any more.
    let all = u32::try_from(hands).unwrap_or(u32::MAX);
    let _ended = slots.acquire_many(all).await;
}

async fn run_one(app: Arc<App>, job: Job) {
    let mut stopped = app.stopped.clone();
    let work = Arc::new(Work::new());
    app.jobs.running.lock().insert(job.id, work.clone());
    if job.cancelling {
        work.interrupt(Interruption::Cancelled);
    }
    gauge!("indelible_jobs_running", "kind" => job.kind.as_str()).increment(1.0);
    let renewing = tokio::spawn(keep_lease(app.clone(), job.id, work.clone(), app.stopped.clone()));
    let most = attempts_max(job.kind);
    let result = if job.cancelling {
        Err(JobError::Interrupted)
    } else if job.attempts > most {
        let detail = format!("the server ended {most} times while the job ran");
        Err(JobError::failed(Code::Internal, detail))
    } else {
        let (app, job, work) = (app.clone(), job.clone(), work.clone());
        let performed = tokio::spawn(async move { perform(&app, &job, &work).await });
        performed.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a job panicked");
            Err(JobError::failed(Code::Internal, "the server met an error; its log says more"))
        })
    };
    renewing.abort();
    let ending = ending(&app, &job, &work, result);
    let how = loop {
        match write_down(&app, &job, &ending).await {
            Ok(how) => break Some(how),
            Err(error) => {
                tracing::error!(%error, job = %job.id, "how a job ended could not be written down yet")
            }
        }
        tokio::select! {
            // The next process begins it again.
            () = serve::stopped(&mut stopped) => break None,
            () = tokio::time::sleep(LOOK) => {}
        }
    };
    gauge!("indelible_jobs_running", "kind" => job.kind.as_str()).decrement(1.0);
    app.jobs.running.lock().remove(&job.id);
    app.jobs.wake();
    if let Some(how) = how {
        counter!("indelible_jobs_total", "kind" => job.kind.as_str(), "outcome" => how).increment(1);
        tracing::info!(job = %job.id, kind = job.kind.as_str(), outcome = how, attempt = job.attempts, "job ended");
    }
}

async fn perform(app: &Arc<App>, job: &Job, work: &Arc<Work>) -> Result<Done, JobError> {
    match job.kind {
        JobKind::Export => exports::perform(app, job, work).await,
        JobKind::Report => reports::perform(app, job, work).await,
        JobKind::Mail => reports::send(app, job).await,
    }
}

/// Writes down that the job goes on and how far it is, until somebody wants it to end.
async fn keep_lease(app: Arc<App>, id: Uuid, work: Arc<Work>, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = serve::stopped(&mut stopped) => return work.interrupt(Interruption::Stopping),
            () = tokio::time::sleep(RENEWAL) => {}
        }
        let (done, total) = work.progress();
        match app.control.renew_lease(id, app.lease(app.now()), done, total).await {
            Ok(Renewal::Held) => {}
            Ok(Renewal::Cancelling) => return work.interrupt(Interruption::Cancelled),
            Ok(Renewal::Lost) => return work.interrupt(Interruption::Lost),
            Err(error) => tracing::warn!(%error, "a job's lease could not be renewed"),
        }
    }
}

/// What becomes of a job's row.
enum Ending {
    Ended(Ended),
    /// It waits again; `counts`: whether this was an attempt.
    Back {
        run_at: Timestamp,
        counts: bool,
        outcome: Option<String>,
        how: &'static str,
    },
    /// The row is another process's.
    Lost,
}

fn ending(app: &App, job: &Job, work: &Work, result: Result<Done, JobError>) -> Ending {
    let now = app.now();
    let (done, total) = work.progress();
    let ended = |state, outcome| Ended { state, outcome, done, total, expires_at: None, then: Vec::new() };
    let again = |how| Ending::Back { run_at: now, counts: false, outcome: None, how };
    match result {
        Ok(made) => {
            let ended = ended(JobState::Completed, Some(made.outcome));
            Ending::Ended(Ended { expires_at: made.expires_at, then: made.then, ..ended })
        }
        Err(JobError::Interrupted) => match work.why() {
            Some(Interruption::Cancelled) | None => Ending::Ended(ended(JobState::Cancelled, None)),
            Some(Interruption::Lost) => Ending::Lost,
            Some(Interruption::Stopping) => again("interrupted"),
        },
        Err(JobError::Changed) => again("begun again"),
        Err(JobError::Later(failure)) if job.attempts < attempts_max(job.kind) => {
            postponed(job, now, problem(&failure, false))
        }
        Err(JobError::Untold(failure)) if job.attempts < attempts_max(job.kind) => {
            postponed(job, now, problem(&failure, true))
        }
        Err(JobError::Later(failure) | JobError::Untold(failure) | JobError::Failed(failure)) => {
            Ending::Ended(ended(JobState::Failed, problem(&failure, false)))
        }
    }
}

/// To be begun again after the wait that its attempt has.
fn postponed(job: &Job, now: Timestamp, outcome: Option<String>) -> Ending {
    let attempt = usize::try_from(job.attempts.max(1) - 1).unwrap_or(usize::MAX);
    let wait = waits(job.kind).get(attempt).copied().unwrap_or_default();
    let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
    let run_at = Timestamp::from_micros(now.as_micros().saturating_add(micros));
    Ending::Back { run_at, counts: true, outcome, how: "postponed" }
}

/// Why it was not done, as a row has it; `accepted`: a mail that was, and is only not told yet.
fn problem(failure: &Failure, accepted: bool) -> Option<String> {
    serde_json::to_string(&serde_json::json!({ "problem": failure, "accepted": accepted })).ok()
}

/// What became of it, as metrics have it.
async fn write_down(app: &App, job: &Job, ending: &Ending) -> Result<&'static str, ControlError> {
    let process = app.jobs.process;
    match ending {
        Ending::Lost => Ok("lost"),
        Ending::Back { run_at, counts, outcome, how } => {
            app.control.postpone_job(job.id, process, *run_at, *counts, outcome.as_deref()).await?;
            Ok(how)
        }
        Ending::Ended(ended) => {
            let Some(state) = app.control.end_job(job.id, process, ended, app.now()).await? else {
                return Ok("lost");
            };
            if ended.state == JobState::Completed && state == JobState::Cancelled {
                // Somebody was told that it ends. What is left of a file is swept away later.
                let _gone = std::fs::remove_file(app.file_of(job.id));
            }
            Ok(state.as_str())
        }
    }
}

impl App {
    /// Makes due what was put off while the clock was ahead.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn call_in_jobs(&self) -> Result<(), ControlError> {
        let now = self.now();
        let longest = MAIL_WAITS.iter().chain(&WAITS).max().copied().unwrap_or_default();
        let micros = i64::try_from(longest.as_micros()).unwrap_or(i64::MAX);
        let latest = Timestamp::from_micros(now.as_micros().saturating_add(micros));
        if self.control.call_in_jobs(latest, now).await? > 0 {
            self.jobs.wake();
        }
        Ok(())
    }

    fn lease(&self, now: Timestamp) -> Lease {
        let micros = i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX);
        let until = Timestamp::from_micros(now.as_micros().saturating_add(micros));
        Lease { by: self.jobs.process, until }
    }
}
