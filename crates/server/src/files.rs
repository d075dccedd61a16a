//! Files that jobs make: what they are made of, where they are, who may have them, when they go.
//!
//! A job reads with its owner's reach, asked again with every batch. A file is given only to those who may still read all
//! that is in it.
//! Invariant: a file stands under its final name, whole and durable, before its job's row says that it is completed.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use indelible_access::{EventView, Principal, ReadError, ScopedReader, Step, Walk, Walked};
use indelible_control::{Directory, Job, JobKind, Permission, Reach, TenantNumber};
use indelible_event::{Code, Timestamp};
use indelible_report::{Format, Head, ReportError, Written};
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::App,
    error::ApiError,
    extract::Params,
    jobs::{Done, Failure, JobError, Work},
    routes::ask::filters,
};

/// What came of a job that makes a file, as its row has it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Outcome {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<FileMade>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<Failure>,
    /// Whose events are in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tenants: Vec<TenantNumber>,
    /// Those that a reader needs to have within reach; the others' events are in it for one user's own sake.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) whole: Vec<TenantNumber>,
    /// The user for whose own sake others are in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) oneself: Option<Uuid>,
    /// Whether it is of the people of these tenants, whom only those see who manage them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) of_people: bool,
    /// Of a mail: whether the mail server took it, and only the trail does not tell so yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) accepted: bool,
    /// Of a scheduled run: the chain that tells that it was sent. Chosen once, so that it is told once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) told_in: Option<TenantNumber>,
}

/// A file that was made.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct FileMade {
    /// What it is called when it is downloaded.
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub(crate) sha256: String,
    /// Events in it.
    pub(crate) rows: u64,
    /// The first event in it, in the order of the ledger.
    pub(crate) first: Option<EventPlace>,
    /// The last.
    pub(crate) last: Option<EventPlace>,
    /// Events that match and are not in it, because of a limit of this installation.
    pub(crate) left_out: u64,
    /// Cells that the format can't hold whole; what they end with says so.
    pub(crate) cut_cells: u64,
    /// A signed checkpoint of the ledger that covers all of them, where the owner may have one.
    pub(crate) checkpoint: Option<String>,
}

/// Where an event is.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, ToSchema)]
pub(crate) struct EventPlace {
    pub(crate) id: String,
    pub(crate) tenant: String,
    /// Position in the tenant's chain.
    pub(crate) tenant_seq: u64,
    pub(crate) time: String,
}

impl EventPlace {
    fn of(view: &EventView) -> Self {
        let event = &view.event;
        Self {
            id: event.id.clone().unwrap_or_default(),
            tenant: event.tenant.clone().unwrap_or_default(),
            tenant_seq: view.added.tenant_seq,
            time: event.time.as_ref().map(|time| time.at.to_rfc3339()).unwrap_or_default(),
        }
    }
}

/// Reads filters from the text of an address, as `GET /v1/events` would.
///
/// # Errors
/// `unknown_parameter` for what is no filter, `invalid_filter` for a zone given twice.
pub(crate) fn filters_of(query: &str) -> Result<Vec<(String, String)>, ApiError> {
    let mut params = Params::of_text(query)?;
    let filters = filters(&mut params)?;
    params.finish()?;
    Ok(filters)
}

/// The zone of this name.
///
/// # Errors
/// `invalid_filter` for a name that is none.
pub(crate) fn zone_named(name: &str, field: &str) -> Result<TimeZone, ApiError> {
    TimeZone::get(name).map_err(|_| {
        ApiError::field(
            Code::InvalidFilter,
            field,
            "zone is the IANA name of a time zone, such as Europe/Rome",
        )
    })
}

impl App {
    /// Where files of jobs are.
    pub(crate) fn files(&self) -> PathBuf {
        self.config.data.join("exports")
    }

    /// The file that a completed job made.
    pub(crate) fn file_of(&self, job: Uuid) -> PathBuf {
        self.files().join(job.to_string())
    }

    /// Removes what no job stands for, neither one that runs nor one that is completed: what a process left that was
    /// killed, and what could not be removed when its time was over. A row whose file is gone says so from then on.
    ///
    /// # Errors
    /// The database's or the disk's; what is left is tried again.
    pub(crate) async fn sweep_files(&self) -> Result<(), ApiError> {
        let dir = self.files();
        let failed = |error: io::Error| ApiError::internal(format!("{}: {error}", dir.display()));
        fs::create_dir_all(&dir).map_err(failed)?;
        let files = fs::read_dir(&dir).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        // In this order: a job that ends meanwhile was running when that was asked, or is completed by now.
        let running = self.jobs.running();
        let completed = self.control.jobs_with_files().await?;
        let mut stubborn = None;
        for entry in files.iter().filter(|entry| entry.path().is_file()) {
            let path = entry.path();
            let id = path.file_stem().and_then(|name| Uuid::try_parse(name.to_str()?).ok());
            let is_whole = path.extension().is_none();
            let stays = id.is_some_and(|id| running.contains(&id) || is_whole && completed.contains(&id));
            if !stays && let Err(error) = fs::remove_file(&path) {
                stubborn = Some(failed(error));
            }
        }
        for job in completed {
            if !fs::exists(self.file_of(job)).map_err(failed)? {
                tracing::warn!(%job, "the file of a job is gone");
                self.control.expire_job(job, self.now()).await?;
            }
        }
        stubborn.map_or(Ok(()), Err)
    }

    /// Removes the files whose time is over.
    ///
    /// # Errors
    /// The database's or the disk's; what is left is tried again.
    pub(crate) async fn expire_files(&self) -> Result<(), ApiError> {
        let mut failed = None;
        for job in self.control.jobs_to_expire(self.now()).await? {
            failed = self.remove_file_of(job.id).await.err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Removes the file of a completed job; its row says so. Whether there was one.
    ///
    /// # Errors
    /// As [`Self::expire_files`].
    pub(crate) async fn remove_file_of(&self, job: Uuid) -> Result<bool, ApiError> {
        // The row first: a file that is left over is swept away, one that is missing would be an error to whoever asks.
        let expired = self.control.expire_job(job, self.now()).await?;
        match fs::remove_file(self.file_of(job)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ApiError::internal(error.to_string()))
            }
            _ => Ok(expired),
        }
    }

    /// A reader for whoever takes out what is in a file, if they may read all of it by now.
    ///
    /// # Errors
    /// `forbidden`.
    pub(crate) fn reader_of_file(
        &self,
        principal: &Principal,
        permission: Permission,
        outcome: &Outcome,
    ) -> Result<ScopedReader, ApiError> {
        let reader = self.trail.reader_for(principal, permission)?;
        let managed = principal.reach(Permission::UsersManage);
        let directory = self.control.directory();
        let manages = |tenant: &TenantNumber| {
            managed == Reach::Everything || *tenant != 0 && directory.is_within(*tenant, &managed)
        };
        let covered = if outcome.of_people {
            principal.may(Permission::UsersManage) && outcome.tenants.iter().all(manages)
        } else {
            reader.covers(&outcome.whole, outcome.oneself)
        };
        if covered {
            return Ok(reader);
        }
        let message = "the file has events that are not within your reach any more; make a new one";
        Err(ApiError::new(Code::Forbidden, message))
    }
}

/// Who was given parts of which file of late, and how often links are used.
#[derive(Default)]
pub(crate) struct Downloads {
    /// When a download in parts was last told.
    parts: Mutex<HashMap<(Uuid, [u8; 16]), i64>>,
    /// The minute, and requests in it.
    links: Mutex<HashMap<Uuid, (i64, u32)>>,
}

/// A download in parts is told again after this time, in microseconds.
const PARTS_MICROS: i64 = 5 * MINUTE_MICROS;
const MINUTE_MICROS: i64 = 60_000_000;
/// Requests by links to one file within a minute.
const LINK_REQUESTS_MAX: u32 = 60;

impl Downloads {
    /// Whether this part begins a download that was not told of late.
    pub(crate) fn begins(&self, job: Uuid, who: [u8; 16], now: Timestamp) -> bool {
        let now = now.as_micros();
        let mut parts = self.parts.lock();
        parts.retain(|_, told| now.abs_diff(*told) < PARTS_MICROS.unsigned_abs());
        match parts.entry((job, who)) {
            Entry::Occupied(_) => false,
            Entry::Vacant(free) => {
                free.insert(now);
                true
            }
        }
    }

    /// Whether a link to this file may be used once more within the minute.
    pub(crate) fn admits(&self, job: Uuid, now: Timestamp) -> bool {
        let minute = now.as_micros().div_euclid(MINUTE_MICROS);
        let mut links = self.links.lock();
        links.retain(|_, (of, _)| *of == minute);
        let (_, requests) = links.entry(job).or_insert((minute, 0));
        *requests += 1;
        *requests <= LINK_REQUESTS_MAX
    }
}

/// What a job that makes a file reads: its owner's events, as long as they are its owner's.
pub(crate) struct Sources<'j> {
    app: &'j Arc<App>,
    job: &'j Job,
    work: &'j Work,
    principal: Principal,
    pub(crate) reader: ScopedReader,
    filters: Vec<(String, String)>,
    as_of: &'j str,
}

/// Batches of events that wait to be written; each is at most 2 MiB of bodies.
const BATCHES_WAITING: usize = 2;
/// How long the index gets to take in what came just before.
const NOT_YET: Duration = Duration::from_millis(20);

impl<'j> Sources<'j> {
    /// # Errors
    /// `Failed` where the owner may not read, or not do this, any more.
    pub(crate) fn open(
        app: &'j Arc<App>,
        job: &'j Job,
        work: &'j Work,
        query: &str,
        as_of: &'j str,
        permission: Permission,
    ) -> Result<Self, JobError> {
        let gone = || {
            let detail = "who asked for this can't sign in any more, or the key has ended";
            JobError::failed(Code::Forbidden, detail)
        };
        let principal = app.auth.on_behalf_of(job.owner, app.now()).ok_or_else(gone)?;
        let reader = app.trail.reader_for(&principal, permission).map_err(ApiError::from)?;
        Ok(Self { app, job, work, principal, reader, filters: filters_of(query)?, as_of })
    }

    /// Gives every event to `take`, in the order of the ledger and some at a time, at most `rows_max`; how many were left
    /// out.
    ///
    /// # Errors
    /// `Interrupted`, `Changed` where the owner's rights changed meanwhile, what `take` met, the disk's and the stores'.
    pub(crate) fn each(
        &self,
        rows_max: u64,
        mut take: impl FnMut(&[Walked]) -> Result<(), JobError>,
    ) -> Result<u64, JobError> {
        let budget = self.work.budget();
        let mut walk = self.reader.walk(&self.filters, self.as_of, self.app.now()).map_err(refused)?;
        let total = loop {
            self.check()?;
            match self.reader.walk_total(&walk, &budget).map_err(refused)? {
                Some(total) => break total,
                None => thread::sleep(NOT_YET),
            }
        };
        self.work.set_total(total.min(rows_max));
        let (sender, batches) = mpsc::sync_channel::<Vec<Walked>>(BATCHES_WAITING);
        thread::scope(|scope| {
            let reading = scope.spawn(move || self.read(&mut walk, &sender));
            let mut done = 0;
            // Taken by value, so that the reader notices when nobody listens any more.
            for batch in batches {
                self.check()?;
                let room = usize::try_from(rows_max - done).unwrap_or(usize::MAX);
                if room == 0 {
                    return Ok(total.saturating_sub(rows_max));
                }
                let taken = &batch[..batch.len().min(room)];
                take(taken)?;
                done += taken.len() as u64;
                self.work.set_done(done);
            }
            match reading.join() {
                Ok(read) => read?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
            self.check()?;
            Ok(total.saturating_sub(done))
        })
    }

    fn read(&self, walk: &mut Walk, sender: &mpsc::SyncSender<Vec<Walked>>) -> Result<(), JobError> {
        let budget = self.work.budget();
        loop {
            self.work.check()?;
            match self.reader.walk_on(walk, &budget).map_err(refused)? {
                Step::Events(_) | Step::End if !self.reader.walks_within(walk) => {
                    return Err(JobError::Changed);
                }
                Step::Events(events) => {
                    if sender.send(events).is_err() {
                        return Ok(());
                    }
                }
                Step::Wait => thread::sleep(NOT_YET),
                Step::End => return Ok(()),
            }
        }
    }

    /// Whether to go on: nobody ended the job, its owner may do what they could at its beginning, and there is room.
    fn check(&self) -> Result<(), JobError> {
        self.work.check()?;
        let now = self.app.auth.on_behalf_of(self.job.owner, self.app.now());
        if now.is_none_or(|now| now.grants != self.principal.grants) {
            return Err(JobError::Changed);
        }
        let disk = rustix::fs::statvfs(&self.app.config.data)
            .map_err(|error| JobError::later(Code::Unavailable, error.to_string()))?;
        // Events come first: long before they are refused, exports are.
        let needed = self.app.config.free_bytes_min.saturating_mul(2);
        if disk.f_bavail.saturating_mul(disk.f_frsize) < needed {
            let detail = format!("the server's disk is nearly full: files need {needed} bytes free");
            return Err(JobError::later(Code::Unavailable, detail));
        }
        Ok(())
    }

    /// Puts a file together whose events are all read, asking now and then whether to go on.
    ///
    /// # Errors
    /// As [`Self::each`].
    pub(crate) fn finish<T>(
        &self,
        finish: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<T, ReportError>,
    ) -> Result<T, JobError> {
        let mut stopped = None;
        let mut goes_on = || match self.check() {
            Ok(()) => true,
            Err(error) => {
                stopped = Some(error);
                false
            }
        };
        let finished = finish(&mut goes_on);
        finished.map_err(|error| stopped.unwrap_or_else(|| error.into()))
    }

    /// A signed checkpoint that covers all that was read, if the owner may have one.
    pub(crate) fn checkpoint(&self) -> Result<Option<String>, JobError> {
        if !self.principal.may(Permission::AuditVerify) {
            return Ok(None);
        }
        let log = self.app.trail.log(&self.principal).map_err(ApiError::from)?;
        Ok(Some(log.checkpoint().map_err(ApiError::from)?.note.clone()))
    }
}

/// What was seen on the way.
#[derive(Default)]
pub(crate) struct Seen {
    tenants: BTreeSet<TenantNumber>,
    /// Those of them that are within the reach themselves.
    whole: BTreeSet<TenantNumber>,
    /// What was put there last.
    newest: Option<(TenantNumber, bool)>,
    as_oneself: bool,
    first: Option<EventPlace>,
    last: Option<EventPlace>,
}

impl Seen {
    pub(crate) fn note(&mut self, events: &[Walked]) {
        for walked in events {
            self.as_oneself |= walked.as_oneself;
            let place = (walked.tenant, walked.as_oneself);
            if self.newest != Some(place) {
                self.newest = Some(place);
                self.tenants.insert(walked.tenant);
                if !walked.as_oneself {
                    self.whole.insert(walked.tenant);
                }
            }
        }
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return };
        self.first.get_or_insert_with(|| EventPlace::of(&first.view));
        self.last = Some(EventPlace::of(&last.view));
    }
}

/// A read that failed, as a job has it: a store that can't be read may be readable later.
fn refused(error: ReadError) -> JobError {
    match error {
        ReadError::Cancelled => JobError::Interrupted,
        error => ApiError::from(error).into(),
    }
}

impl From<ReportError> for JobError {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Disk(error) => disk(&error),
            ReportError::Definition(error) => {
                ApiError::field(Code::InvalidEnum, &error.field, error.message.clone()).into()
            }
            error => Self::failed(Code::Internal, format!("the file could not be written: {error}")),
        }
    }
}

fn disk(error: &io::Error) -> JobError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            JobError::failed(Code::Unavailable, "the server's disk is full")
        }
        _ => {
            tracing::error!(%error, "a job's file could not be written");
            JobError::later(Code::Unavailable, "the server's disk could not be written")
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Gives a file that is whole its final name; both are durable when this returns.
pub(crate) fn keep(part: &Path, file: &Path) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    fs::rename(part, file)?;
    if let Some(dir) = file.parent() {
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

const DAY_MICROS: i64 = 86_400_000_000;

/// The minute as file names have it.
pub(crate) fn minute(zone: &TimeZone, at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.as_micros())
        .map(|at| at.to_zoned(zone.clone()).strftime("%Y-%m-%d-%H%M").to_string())
        .unwrap_or_default()
}

/// A name as every file system and every header takes it: letters, digits and single hyphens.
pub(crate) fn slug(name: &str) -> String {
    let letters = name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { ' ' });
    let words: String = letters.collect();
    let words: Vec<_> = words.split_whitespace().collect();
    words.join("-").chars().take(SLUG_MAX).collect::<String>().trim_end_matches('-').to_owned()
}

const SLUG_MAX: usize = 80;

/// Names of tenants, for a manifest.
pub(crate) fn tenant_names(directory: &Directory, tenants: &[TenantNumber]) -> Vec<String> {
    let name = |number: &TenantNumber| match directory.tenant(*number) {
        Some(tenant) => tenant.name.clone(),
        None => indelible_access::INSTALLATION.to_owned(),
    };
    tenants.iter().map(name).collect()
}

/// Runs what waits for disk and index away from the threads that serve connections.
pub(crate) async fn in_background(
    app: &Arc<App>,
    job: &Job,
    work: &Arc<Work>,
    run: impl FnOnce(&Arc<App>, &Job, &Work) -> Result<Done, JobError> + Send + 'static,
) -> Result<Done, JobError> {
    let (app, job, work) = (app.clone(), job.clone(), work.clone());
    let written = tokio::task::spawn_blocking(move || run(&app, &job, &work)).await;
    written.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => Err(JobError::later(Code::Internal, error.to_string())),
    })
}

/// A file that was written, and what is in it.
pub(crate) struct Made {
    pub(crate) name: String,
    pub(crate) format: Format,
    pub(crate) written: Written,
    /// Events that match and were not even read.
    pub(crate) left_out: u64,
    pub(crate) seen: Seen,
    pub(crate) checkpoint: Option<String>,
}

/// Makes a job's file: `write` puts it where it is told to, and it gets its final name when it is whole.
pub(crate) fn produce(
    app: &App,
    job: &Job,
    write: impl FnOnce(&Path) -> Result<Made, JobError>,
    reader: &ScopedReader,
) -> Result<Outcome, JobError> {
    let file = app.file_of(job.id);
    let part = file.with_extension("part");
    fs::create_dir_all(app.files()).map_err(|error| disk(&error))?;
    remove(&part).map_err(|error| disk(&error))?;
    match write(&part) {
        Ok(made) => {
            keep(&part, &file).map_err(|error| disk(&error))?;
            Ok(made.outcome(reader))
        }
        Err(error) => {
            // What was begun is nothing; a disk that is full needs its room back.
            let _ = remove(&part);
            Err(error)
        }
    }
}

impl Made {
    fn outcome(self, reader: &ScopedReader) -> Outcome {
        let Self { name, format, written, left_out, seen, checkpoint } = self;
        let file = FileMade {
            name,
            media_type: format.media_type().to_owned(),
            bytes: written.bytes,
            sha256: hex::encode(written.sha256),
            rows: written.rows,
            first: seen.first,
            last: seen.last,
            left_out: left_out.saturating_add(written.left_out),
            cut_cells: written.cut_cells,
            checkpoint,
        };
        let oneself = reader.oneself().filter(|_| seen.as_oneself);
        Outcome {
            file: Some(file),
            problem: None,
            tenants: seen.tenants.into_iter().collect(),
            whole: seen.whole.into_iter().collect(),
            oneself,
            of_people: false,
            accepted: false,
            told_in: None,
        }
    }
}

impl Outcome {
    /// As the job's row has it; the file stays for as long as files of this installation do.
    pub(crate) fn done(&self, app: &App) -> Result<Done, JobError> {
        let outcome = serde_json::to_string(self)
            .map_err(|_| JobError::failed(Code::Internal, "the outcome can't be written down"))?;
        let days = i64::try_from(app.config.export_days).unwrap_or(i64::MAX);
        let stays = days.saturating_mul(DAY_MICROS);
        let expires_at = Timestamp::from_micros(app.now().as_micros().saturating_add(stays));
        Ok(Done { outcome, expires_at: Some(expires_at), then: Vec::new() })
    }
}

/// What stands at the head of a document for people.
pub(crate) fn head(
    job: &Job,
    title: &str,
    query: &str,
    zone: &str,
    as_of: &str,
    checkpoint: Option<&str>,
) -> Head {
    let asked: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name != "tz")
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    let asked = if asked.is_empty() { "everything within reach".to_owned() } else { asked.join("; ") };
    let mut lines = vec![
        ("Asked for".to_owned(), asked),
        ("As of".to_owned(), as_of.to_owned()),
        ("Time zone".to_owned(), zone.to_owned()),
        ("Made for".to_owned(), job.owner_name.clone()),
    ];
    // A signed note: the origin, the size, the root.
    let parts: Vec<_> = checkpoint.unwrap_or_default().lines().take(3).collect();
    let footer = match parts[..] {
        [origin, size, root] => {
            lines.push(("Ledger".to_owned(), format!("{origin}, {size} entries, root {root}")));
            format!("{origin} · {size} entries · {root}")
        }
        _ => format!("{} {}", if job.kind == JobKind::Report { "Run" } else { "Export" }, job.id),
    };
    let made_at = jiff::Timestamp::from_microsecond(job.created_at.as_micros()).ok();
    Head { title: title.to_owned(), lines, footer, made_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_of_a_text_are_those_of_an_address() {
        let pairs = filters_of("?action_type=delete&since=-24h&q=a%20b&tz=UTC").unwrap();
        let expected = [("action_type", "delete"), ("since", "-24h"), ("q", "a b"), ("tz", "UTC")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(filters_of("q=a b+c&action=%23").unwrap()[0].1, "a b c");
        // Somebody may look for the sign that stands for what is no text.
        assert_eq!(filters_of("q=%ef%bf%bd\u{fffd}").unwrap()[0].1, "\u{fffd}\u{fffd}");
        for (query, field) in [
            ("actr=ada", "actr"),
            ("limit=5", "limit"),
            ("tz=UTC&tz=UTC", "tz"),
            // Nothing is dropped in silence.
            ("action=a#&outcome=failure", "/query"),
            ("#tenant=acme", "/query"),
            ("q=%ff", "/query"),
        ] {
            assert_eq!(filters_of(query).unwrap_err().errors[0].field, field, "{query}");
        }
    }
}
