//! What exports and runs of reports have in common: whose they are, how far they are, their files, links to those.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use indelible_access::{Principal, ScopedReader};
use indelible_control::{Job, JobFilter, JobKind, JobState, Owner, Permission};
use indelible_event::{Code, Timestamp};
use indelible_identity::Purpose;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_http::services::ServeFile;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ask::limit, uncancelled};
use crate::{
    app::App,
    error::ApiError,
    extract::{Caller, Params},
    files::{FileMade, Outcome, tenant_names},
    looking::{address_id, place_of},
    recorder::{Origin, OwnEvent},
    sharing::OwnerView,
};

/// How far it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Progress {
    done: u64,
    /// Null until it is counted.
    total: Option<u64>,
}

/// A link that needs no sign-in.
#[derive(Serialize, ToSchema)]
pub(crate) struct DownloadLink {
    url: String,
    expires_at: String,
}

/// Jobs of a page, unless asked otherwise and at most.
const PAGE: usize = 50;
const PAGE_MAX: usize = 200;

/// What the specifications of all jobs that make a file have.
#[derive(Deserialize)]
struct AnySpec {
    name: String,
    format: String,
    query: String,
    zone: String,
    #[serde(default)]
    columns: Value,
    #[serde(default)]
    definition: Value,
    #[serde(default)]
    as_of_time: Option<String>,
}

/// What the things of a kind are called, and who may have them.
struct Words {
    permission: Permission,
    /// What codes of events begin with, and what targets are.
    code: &'static str,
    none: &'static str,
}

fn words(kind: JobKind) -> Words {
    match kind {
        JobKind::Export | JobKind::Mail => {
            Words { permission: Permission::AuditExport, code: "export", none: "no such export of yours" }
        }
        JobKind::Report => {
            Words { permission: Permission::AuditReports, code: "report", none: "no such run of yours" }
        }
    }
}

/// What somebody does to a job or its file.
#[derive(Clone, Copy)]
enum Act {
    Cancel,
    Delete,
    Download,
    Link,
}

impl Act {
    /// As people read it, the end of the code, the action type.
    fn told(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Cancel => ("Cancel", "cancel", "update"),
            Self::Delete => ("Delete file of", "delete", "delete"),
            Self::Download => ("Download", "download", "download"),
            Self::Link => ("Make download link of", "link", "create"),
        }
    }
}

impl Progress {
    /// Of a job that runs.
    pub(crate) fn of(app: &App, job: &Job) -> Option<Self> {
        (job.state == JobState::Running).then(|| {
            let (done, total) = app.jobs.progress(job.id).unwrap_or((job.done, job.total));
            Self { done, total }
        })
    }
}

/// What came of a job.
pub(crate) fn outcome_of(job: &Job) -> Result<Outcome, ApiError> {
    let outcome = job.outcome.as_deref().map(serde_json::from_str).transpose().map_err(corrupt)?;
    Ok(outcome.unwrap_or_default())
}

/// The same as somebody may see it: where events stand is for those who may read them.
pub(crate) fn outcome_shown(app: &App, caller: &Principal, job: &Job) -> Result<Outcome, ApiError> {
    let mut outcome = outcome_of(job)?;
    let reads = app.reader_of_file(caller, words(job.kind).permission, &outcome).is_ok();
    if let Some(file) = outcome.file.as_mut().filter(|_| !reads) {
        (file.first, file.last, file.checkpoint) = (None, None, None);
    }
    Ok(outcome)
}

pub(crate) fn corrupt(_: serde_json::Error) -> ApiError {
    ApiError::internal("a job's row can't be read")
}

/// The tenant of a number; none for the installation's own.
pub(crate) fn touched(number: u64) -> Option<u64> {
    (number != indelible_access::INSTALLATION_NUMBER).then_some(number)
}

/// The job of this kind and id.
///
/// # Errors
/// `not_found`.
pub(crate) async fn found(app: &App, kind: JobKind, id: Uuid) -> Result<Job, ApiError> {
    let job = app.control.job(id).await?.filter(|job| job.kind == kind);
    job.ok_or_else(|| ApiError::new(Code::NotFound, words(kind).none))
}

/// A job of the caller's own; of anybody's for complete user management.
///
/// # Errors
/// `forbidden`, `not_found`.
pub(crate) async fn of_caller(app: &App, caller: &Caller, kind: JobKind, id: &str) -> Result<Job, ApiError> {
    let words = words(kind);
    caller.needs(words.permission)?;
    let none = || ApiError::new(Code::NotFound, words.none);
    let job = found(app, kind, Uuid::try_parse(id).map_err(|_| none())?).await?;
    if job.owner == caller.owner(&app.control.directory()) || caller.principal.manages_users_completely() {
        Ok(job)
    } else {
        Err(none())
    }
}

/// One's own: what is in a file was found with its owner's reach, and is nobody else's to take out.
async fn of_owner(app: &App, caller: &Caller, kind: JobKind, id: &str) -> Result<Job, ApiError> {
    let job = of_caller(app, caller, kind, id).await?;
    if job.owner == caller.owner(&app.control.directory()) {
        Ok(job)
    } else {
        Err(ApiError::new(Code::Forbidden, "only who asked for it downloads it"))
    }
}

/// A page of jobs, newest first, and the cursor behind it.
///
/// # Errors
/// `invalid_filter`, `invalid_cursor`; `forbidden` for everybody's.
pub(crate) async fn list(
    app: &App,
    caller: &Caller,
    kind: JobKind,
    mut params: Params,
    parent: Option<Uuid>,
) -> Result<(Vec<Job>, Option<String>), ApiError> {
    caller.needs(words(kind).permission)?;
    let owner = params.one("owner")?;
    let limit = limit(&mut params, PAGE, PAGE_MAX)?;
    let after = params.one("after")?;
    params.finish()?;
    let owner = match owner.as_deref() {
        None | Some("me") => Some(caller.owner(&app.control.directory())),
        Some("all") => {
            caller.needs_complete_user_management()?;
            // What others asked for names what is in the trail.
            caller.needs(Permission::AuditRead)?;
            None
        }
        Some(_) => return Err(ApiError::field(Code::InvalidFilter, "owner", "owner is me or all")),
    };
    let before = after.as_deref().map(Uuid::try_parse).transpose().map_err(|_| {
        ApiError::field(Code::InvalidCursor, "after", "after is the text that an answer gave as its next")
    })?;
    let more = u32::try_from(limit).unwrap_or(u32::MAX).saturating_add(1);
    let mut jobs = app.control.jobs(&JobFilter { kind, owner, parent, before, limit: more }).await?;
    let has_more = jobs.len() > limit;
    jobs.truncate(limit);
    let next = jobs.last().filter(|_| has_more).map(|job| job.id.to_string());
    Ok((jobs, next))
}

/// Whether an owner may ask for one more file; the caller holds the turn until it is in the table.
///
/// # Errors
/// `rate_limited`.
pub(crate) async fn check_room(app: &App, kind: JobKind, owner: Owner) -> Result<(), ApiError> {
    if app.control.open_jobs(kind, owner).await? >= OPEN_MAX {
        let message = format!("{OPEN_MAX} of yours wait or run; wait for one, or cancel one");
        return Err(ApiError::rate_limited(message, 10));
    }
    let (bytes, most) = (app.control.file_bytes(owner).await?, app.config.export_bytes_max);
    if bytes >= most {
        let message = format!("your files take {bytes} bytes of the {most} that they may; delete some");
        return Err(ApiError::rate_limited(message, 3_600));
    }
    Ok(())
}

/// Jobs of one owner and kind that wait or run.
const OPEN_MAX: u64 = 20;

/// Ends a job that waits or runs.
///
/// # Errors
/// As [`of_caller`]; `id_conflict` for one that has ended.
pub(crate) async fn cancel(app: Arc<App>, caller: Caller, kind: JobKind, id: &str) -> Result<Job, ApiError> {
    let job = of_caller(&app, &caller, kind, id).await?;
    let told = own_event(&app, &caller, &job, Act::Cancel)?;
    let ended = || ApiError::new(Code::IdConflict, "it has ended already");
    if !matches!(job.state, JobState::Queued | JobState::Running) {
        return Err(ended());
    }
    uncancelled(async move {
        // Told first: what can't be recorded is not done.
        app.record(&told).await?;
        let job = app.control.cancel_job(job.id, app.now()).await?.ok_or_else(ended)?;
        app.jobs.cancel(job.id);
        Ok(job)
    })
    .await
}

/// Removes a job's file; its row stays.
///
/// # Errors
/// As [`of_caller`]; `id_conflict` for one without a file.
pub(crate) async fn delete(app: Arc<App>, caller: Caller, kind: JobKind, id: &str) -> Result<Job, ApiError> {
    let job = of_caller(&app, &caller, kind, id).await?;
    let told = own_event(&app, &caller, &job, Act::Delete)?;
    let none = || ApiError::new(Code::IdConflict, "it has no file");
    if job.state != JobState::Completed {
        return Err(none());
    }
    uncancelled(async move {
        app.record(&told).await?;
        if !app.remove_file_of(job.id).await? {
            return Err(none());
        }
        found(&app, kind, job.id).await
    })
    .await
}

/// An event about a job, told where those see it whose events are in its file.
fn own_event(app: &App, caller: &Caller, job: &Job, act: Act) -> Result<OwnEvent, ApiError> {
    let (words, (action, code, kind)) = (words(job.kind), act.told());
    let event = OwnEvent::new(&format!("{action} {}", words.code), &format!("{}.{code}", words.code), kind);
    event_of(job, event.by(&caller.principal, &caller.origin, &app.control.directory()))
}

/// With the job and its file.
pub(crate) fn event_of(job: &Job, event: OwnEvent) -> Result<OwnEvent, ApiError> {
    let (spec, outcome) = (any_spec(job)?, outcome_of(job)?);
    let event = event.to(words(job.kind).code, &job.id.to_string(), "").parameter("format", spec.format);
    let event = match &outcome.file {
        Some(file) => event
            .parameter("rows", file.rows)
            .parameter("bytes", file.bytes)
            .parameter("sha256", file.sha256.clone()),
        None => event,
    };
    Ok(touching_file(event, &outcome))
}

/// With those whose events are in a file.
pub(crate) fn touching_file(event: OwnEvent, outcome: &Outcome) -> OwnEvent {
    let event = if outcome.tenants.is_empty() { event.touching_installation() } else { event };
    let touching = |event: OwnEvent, tenant: &u64| event.touching_of(touched(*tenant));
    outcome.tenants.iter().fold(event, touching)
}

fn any_spec(job: &Job) -> Result<AnySpec, ApiError> {
    serde_json::from_str(&job.spec).map_err(corrupt)
}

/// The file of a completed job.
///
/// # Errors
/// `not_found` where there is none.
pub(crate) fn file_of(job: &Job) -> Result<(Outcome, FileMade), ApiError> {
    let outcome = outcome_of(job)?;
    let file = outcome.file.clone().filter(|_| job.state == JobState::Completed);
    let file = file.ok_or_else(|| {
        let message = match job.state {
            JobState::Queued | JobState::Running => "it is not completed yet",
            JobState::Expired => GONE,
            _ => "it has no file",
        };
        ApiError::new(Code::NotFound, message)
    })?;
    Ok((outcome, file))
}

const GONE: &str = "its file was removed; make a new one";

/// The file of one of the caller's own jobs, whole or in part.
///
/// # Errors
/// As [`of_caller`]; `forbidden` where not all of it is within the caller's reach any more.
pub(crate) async fn download(
    app: &Arc<App>,
    caller: &Caller,
    kind: JobKind,
    id: &str,
    request: Request,
) -> Result<Response, ApiError> {
    let job = of_owner(app, caller, kind, id).await?;
    let (outcome, file) = file_of(&job)?;
    app.reader_of_file(&caller.principal, words(kind).permission, &outcome)?;
    let told = own_event(app, caller, &job, Act::Download)?;
    let who = place_of(&caller.principal, &caller.origin);
    serve(app, &job, &file, request, who, told).await
}

/// What is in a file, and what proves it.
///
/// # Errors
/// As [`download`].
pub(crate) async fn manifest(
    app: &Arc<App>,
    caller: &Caller,
    kind: JobKind,
    id: &str,
) -> Result<Value, ApiError> {
    let job = of_owner(app, caller, kind, id).await?;
    let (outcome, file) = file_of(&job)?;
    app.reader_of_file(&caller.principal, words(kind).permission, &outcome)?;
    let spec = any_spec(&job)?;
    let vkey =
        file.checkpoint.is_some().then(|| app.trail.log(&caller.principal).map(|log| log.vkey().to_owned()));
    Ok(json!({
        "version": 1,
        words(kind).code: job.id.to_string(),
        "name": spec.name,
        "file": file.name,
        "format": spec.format,
        "columns": spec.columns,
        "definition": spec.definition,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "events": file.rows,
        "left_out": file.left_out,
        "cut_cells": file.cut_cells,
        "query": spec.query,
        "zone": spec.zone,
        "as_of": spec.as_of_time,
        "tenants": tenant_names(&app.control.directory(), &outcome.tenants),
        "first": file.first,
        "last": file.last,
        "owner": OwnerView::named(job.owner, job.owner_name.clone()),
        "created_at": job.created_at.to_rfc3339(),
        "completed_at": job.ended_at.map(Timestamp::to_rfc3339),
        "checkpoint": file.checkpoint,
        "vkey": vkey.transpose()?,
    }))
}

/// Makes a link to the file of one of the caller's own jobs.
///
/// # Errors
/// As [`download`].
pub(crate) async fn link(
    app: Arc<App>,
    caller: Caller,
    kind: JobKind,
    id: &str,
) -> Result<Response, ApiError> {
    let job = of_owner(&app, &caller, kind, id).await?;
    let (outcome, _) = file_of(&job)?;
    app.reader_of_file(&caller.principal, words(kind).permission, &outcome)?;
    let told = own_event(&app, &caller, &job, Act::Link)?;
    uncancelled(async move {
        let (url, expires_at) = app.download_link(&job)?;
        app.record(&told.parameter("expires_at", expires_at.to_rfc3339())).await?;
        let link = DownloadLink { url, expires_at: expires_at.to_rfc3339() };
        Ok((StatusCode::CREATED, Json(link)).into_response())
    })
    .await
}

/// The file that a link is about.
///
/// # Errors
/// `not_found` for whatever is wrong with it: a link is worth what its owner's reach is by now.
pub(crate) async fn by_link(
    app: &Arc<App>,
    origin: &Origin,
    token: &str,
    request: Request,
) -> Result<Response, ApiError> {
    let none = || {
        ApiError::new(Code::NotFound, "this link is not good any more; ask who gave it to you for another")
    };
    let job = app.control.job(app.opened(token).ok_or_else(none)?).await?.ok_or_else(none)?;
    let (outcome, file) = file_of(&job).map_err(|_| none())?;
    app.reader_of_owner(&job, &outcome).map_err(|_| none())?;
    let code = words(job.kind).code;
    let told = OwnEvent::new(&format!("Download {code} by link"), &format!("{code}.download"), "download");
    if !app.downloads.admits(job.id, app.now()) {
        return Err(ApiError::rate_limited("this link is used too often; wait a minute", 60));
    }
    let told = event_of(&job, told.from(origin))?.parameter("owner", job.owner_name.clone());
    serve(app, &job, &file, request, address_id(origin), told).await
}

impl App {
    /// A reader for the owner of a file, if they may still read all of it.
    ///
    /// # Errors
    /// `forbidden`.
    pub(crate) fn reader_of_owner(&self, job: &Job, outcome: &Outcome) -> Result<ScopedReader, ApiError> {
        let owner = self.auth.on_behalf_of(job.owner, self.now()).ok_or_else(|| {
            ApiError::new(Code::Forbidden, "its owner can't sign in any more, or the key has ended")
        })?;
        self.reader_of_file(&owner, words(job.kind).permission, outcome)
    }
}

/// Marks answers that are files: they are given as they are, so that they can be gone on with.
#[derive(Clone, Copy)]
pub(crate) struct IsFile;

/// Answers with the file or a part of it. What was given is told before it goes out: whole files one by one, parts of one
/// download once in a while.
async fn serve(
    app: &Arc<App>,
    job: &Job,
    file: &FileMade,
    request: Request,
    who: [u8; 16],
    told: OwnEvent,
) -> Result<Response, ApiError> {
    let is_head = request.method() == Method::HEAD;
    let response = answer(app, job, file, request).await?;
    let is_told = match response.status() {
        _ if is_head => false,
        StatusCode::OK => true,
        StatusCode::PARTIAL_CONTENT => app.downloads.begins(job.id, who, app.now()),
        _ => false,
    };
    if is_told {
        let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let told = match range {
            Some(range) => told.parameter("range", range),
            None => told,
        };
        app.record(&told).await?;
    }
    Ok(response)
}

async fn answer(app: &Arc<App>, job: &Job, file: &FileMade, request: Request) -> Result<Response, ApiError> {
    let path = app.file_of(job.id);
    let lost = |error: std::io::Error| ApiError::internal(format!("{}: {error}", path.display()));
    let size = match tokio::fs::metadata(&path).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            tracing::warn!(job = %job.id, "the file of a job is gone");
            app.control.expire_job(job.id, app.now()).await?;
            return Err(ApiError::new(Code::NotFound, GONE));
        }
        found => found.map_err(lost)?.len(),
    };
    if size != file.bytes {
        return Err(ApiError::internal("a file has another size than when it was written"));
    }
    // The file never changes, so its hash is its tag; a part is asked for only of the same.
    let tag = format!("\"{}\"", file.sha256);
    let mut request = request;
    let asked = request.headers().get(header::IF_RANGE).map(|value| value.as_bytes() == tag.as_bytes());
    if asked == Some(false) {
        request.headers_mut().remove(header::RANGE);
    }
    request.headers_mut().remove(header::IF_RANGE);
    let mut service = ServeFile::new(&path);
    let response = service.try_call(request).await.map_err(lost)?;
    let mut response = response.map(Body::new);
    let headers = response.headers_mut();
    let mut set = |name, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, file.media_type.clone());
    set(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file.name));
    set(header::ETAG, tag);
    set(header::HeaderName::from_static("x-sha256"), file.sha256.clone());
    response.extensions_mut().insert(IsFile);
    Ok(response)
}

const HOUR_MICROS: i64 = 3_600_000_000;

impl App {
    /// An address of a job's file that needs no sign-in, and until when it is good: never longer than the file is there.
    pub(crate) fn download_link(&self, job: &Job) -> Result<(String, Timestamp), ApiError> {
        let hours = i64::try_from(self.config.export_link_hours).unwrap_or(i64::MAX);
        let ends = self.now().as_micros().saturating_add(hours.saturating_mul(HOUR_MICROS));
        let expires_at = Timestamp::from_micros(job.expires_at.map_or(ends, |at| at.as_micros().min(ends)));
        let seal = &self.authentication.seal;
        let sealed = seal.seal(Purpose::Download, &job.id.to_string(), &expires_at.as_micros().to_be_bytes());
        let sealed = sealed.map_err(|error| ApiError::internal(error.to_string()))?;
        let token = URL_SAFE_NO_PAD.encode([job.id.as_bytes().as_slice(), &sealed].concat());
        Ok((self.link(&format!("/v1/downloads/{token}")), expires_at))
    }

    /// The job whose file a link is about, if it is good.
    fn opened(&self, token: &str) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, sealed) = bytes.split_first_chunk::<16>()?;
        let id = Uuid::from_bytes(*id);
        let plain = self.authentication.seal.open(Purpose::Download, &id.to_string(), sealed).ok()?;
        let expires_at = i64::from_be_bytes(plain.as_slice().try_into().ok()?);
        (self.now().as_micros() < expires_at).then_some(id)
    }
}
