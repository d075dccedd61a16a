//! Exports: asked for, followed, downloaded.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use indelible_access::Principal;
use indelible_control::{Job, JobFilter, JobKind, JobOwner, JobState, NewJob, Permission};
use indelible_event::{Code, Timestamp};
use indelible_identity::Purpose;
use indelible_report::{Column, Columns, Format};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_http::services::ServeFile;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    ask::limit,
    input::{checked_text, read_json},
    uncancelled,
};
use crate::{
    app::App,
    error::{ApiError, ProblemDetails},
    exports::{ColumnsGiven, ExportSpec, FileMade, Outcome, filters_of, tenant_names, zone_named},
    extract::{Caller, Params, PathPart, Ready},
    jobs::Failure,
    recorder::{Origin, OwnEvent},
};

/// What somebody wants to take out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportWanted {
    /// What to call it, up to 200 characters.
    #[serde(default)]
    name: String,
    /// csv, json, ndjson, xlsx, parquet or pdf.
    format: String,
    /// The filters of `GET /v1/events`, as in an address.
    #[serde(default)]
    query: String,
    /// `"complete"` (default), `"basic"`, or names of columns in their order. JSON and NDJSON hold whole events.
    columns: Option<ColumnsGiven>,
    /// IANA zone of times in columns and of calendar units; default: the query's `tz`, the caller's own, UTC.
    zone: Option<String>,
    /// Whether CSV begins with a byte order mark, which some spreadsheets need to read UTF-8.
    #[serde(default)]
    byte_order_mark: bool,
    /// The `as_of` of an answer: what it was about; else everything received so far.
    as_of: Option<String>,
}

/// Who asked for something.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnerView {
    /// `user` or `api_key`.
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    name: String,
}

impl OwnerView {
    pub(crate) fn of(owner: JobOwner, name: &str) -> Self {
        let (kind, id) = match owner {
            JobOwner::AdminKey => ("api_key", "administrator-key".to_owned()),
            JobOwner::Key(id) => ("api_key", Uuid::from_bytes(id).to_string()),
            JobOwner::User(id) => ("user", id.to_string()),
        };
        Self { kind, id, name: name.to_owned() }
    }
}

/// How far it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Progress {
    done: u64,
    /// Null until it is counted.
    total: Option<u64>,
}

/// An export, whatever became of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExportView {
    id: String,
    name: String,
    format: String,
    columns: ColumnsGiven,
    query: String,
    zone: String,
    byte_order_mark: bool,
    /// The moment that it is about.
    as_of: String,
    owner: OwnerView,
    /// Whether it is the caller's own.
    mine: bool,
    /// queued, running, completed, failed, cancelled or expired.
    state: &'static str,
    /// While it runs.
    progress: Option<Progress>,
    attempts: u32,
    created_at: String,
    started_at: Option<String>,
    ended_at: Option<String>,
    /// When its file is, or was, removed.
    expires_at: Option<String>,
    /// What was made.
    file: Option<FileMade>,
    /// Why it failed, or why it is tried again.
    problem: Option<Failure>,
}

/// A page of exports, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExportList {
    data: Vec<ExportView>,
    /// Cursor for `after`.
    next: Option<String>,
}

/// A link that needs no sign-in.
#[derive(Serialize, ToSchema)]
pub(crate) struct DownloadLink {
    url: String,
    expires_at: String,
}

/// A column of a file.
#[derive(Serialize, ToSchema)]
pub(crate) struct ColumnView {
    name: &'static str,
    /// What stands above it.
    heading: &'static str,
}

/// The columns that there are.
#[derive(Serialize, ToSchema)]
pub(crate) struct ColumnList {
    data: Vec<ColumnView>,
    /// Names of the columns of `complete`; a column for each parameter follows them.
    complete: Vec<&'static str>,
    /// Names of the columns of `basic`, which have headings of their own.
    basic: Vec<&'static str>,
}

/// Open exports of one owner.
const OPEN_MAX: u64 = 20;
/// Characters of a name.
const NAME_MAX: usize = 200;
/// Exports of a page, unless asked otherwise and at most.
const PAGE: usize = 50;
const PAGE_MAX: usize = 200;

fn view(app: &App, caller: &Principal, job: &Job) -> Result<ExportView, ApiError> {
    let corrupt = |_| ApiError::internal("a job's row can't be read");
    let spec: ExportSpec = serde_json::from_str(&job.spec).map_err(corrupt)?;
    let outcome: Outcome = match &job.outcome {
        Some(outcome) => serde_json::from_str(outcome).map_err(corrupt)?,
        None => Outcome::default(),
    };
    let progress = (job.state == JobState::Running).then(|| {
        let (done, total) = app.jobs.progress(job.id).unwrap_or((job.done, job.total));
        Progress { done, total }
    });
    Ok(ExportView {
        id: job.id.to_string(),
        name: spec.name,
        format: spec.format,
        columns: spec.columns,
        query: spec.query,
        zone: spec.zone,
        byte_order_mark: spec.byte_order_mark,
        as_of: spec.as_of_time,
        owner: OwnerView::of(job.owner, &job.owner_name),
        mine: job.owner == caller.id.owner(),
        state: job.state.as_str(),
        progress,
        attempts: job.attempts,
        created_at: job.created_at.to_rfc3339(),
        started_at: job.started_at.map(Timestamp::to_rfc3339),
        ended_at: job.ended_at.map(Timestamp::to_rfc3339),
        expires_at: job.expires_at.map(Timestamp::to_rfc3339),
        file: outcome.file,
        problem: outcome.problem,
    })
}

/// Asks for an export. It is written in the background.
#[utoipa::path(
    post, path = "/v1/exports", operation_id = "create_export", tag = "exports", request_body = ExportWanted,
    responses(
        (status = 202, body = ExportView),
        (status = 400, body = ProblemDetails),
        (status = 403, body = ProblemDetails),
        (status = 429, body = ProblemDetails, description = "too many of the caller's exports wait or run"),
    )
)]
pub(crate) async fn create(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    params.finish()?;
    caller.needs(Permission::AuditExport)?;
    let wanted: ExportWanted = read_json(&app, &headers, body).await?;
    caller.still_valid(&app)?;
    uncancelled(async move {
        let now = app.now();
        let reader = app.trail.reader_for(&caller.principal, Permission::AuditExport)?;
        let name = match wanted.name.trim() {
            "" => String::new(),
            name => checked_text("/name", name, NAME_MAX)?,
        };
        let format = Format::parse(&wanted.format).ok_or_else(|| {
            let known: Vec<_> = Format::ALL.iter().map(|format| format.as_str()).collect();
            ApiError::field(Code::InvalidEnum, "/format", format!("format is one of {}", known.join(", ")))
        })?;
        let columns = wanted.columns.unwrap_or_else(|| ColumnsGiven::Set("complete".into()));
        let read = columns.read()?;
        if wanted.byte_order_mark && format != Format::Csv {
            let message = "only CSV may begin with a byte order mark";
            return Err(ApiError::field(Code::InvalidEnum, "/byte_order_mark", message));
        }
        let mut filters = filters_of(&wanted.query)?;
        let given = filters.iter().find(|(name, _)| name == "tz").map(|(_, zone)| zone.clone());
        let own = match caller.principal.id.owner() {
            JobOwner::User(user) => app.control.directory().user(user).and_then(|user| user.zone.clone()),
            JobOwner::AdminKey | JobOwner::Key(_) => None,
        };
        let zone = wanted.zone.or(given.clone()).or(own).unwrap_or_else(|| "UTC".to_owned());
        zone_named(&zone, "/zone")?;
        if given.is_none() {
            filters.push(("tz".to_owned(), zone.clone()));
        }
        let as_of = reader.moment(wanted.as_of.as_deref(), now)?;
        // Whether it may be asked, and understood; what it finds is found later.
        reader.walk(&filters, &as_of, now)?;
        let owner = caller.principal.id.owner();
        if app.control.open_jobs(JobKind::Export, owner).await? >= OPEN_MAX {
            let message = format!("{OPEN_MAX} of your exports wait or run; wait for one, or cancel one");
            return Err(ApiError::rate_limited(message, 10));
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&filters).finish();
        let spec = ExportSpec {
            name: name.clone(),
            format: format.as_str().to_owned(),
            columns: columns.clone(),
            query: query.clone(),
            zone,
            byte_order_mark: wanted.byte_order_mark,
            as_of_time: reader.time_of(&as_of)?.to_rfc3339(),
            as_of,
        };
        let spec = serde_json::to_string(&spec).map_err(|error| ApiError::internal(error.to_string()))?;
        let job = NewJob {
            id: Uuid::now_v7(),
            kind: JobKind::Export,
            owner,
            owner_name: caller.principal.name.clone(),
            parent: None,
            spec,
            run_at: now,
        };
        let told = OwnEvent::new("Create export", "export.create", "export")
            .touching_of(touched(reader.touches(&filters, now)))
            .by(&caller.principal, &caller.origin, &app.control.directory())
            .to("export", &job.id.to_string(), &name)
            .parameter("format", format.as_str())
            .parameter("columns", columns_told(&read))
            .parameter("query", query);
        // Told first: what can't be recorded is not taken out.
        app.record(&told).await?;
        app.control.insert_job(&job, now).await?;
        app.jobs.wake();
        let job = found(&app, job.id).await?;
        Ok((StatusCode::ACCEPTED, Json(view(&app, &caller.principal, &job)?)).into_response())
    })
    .await
}

/// The tenant of a number; none for the installation's own.
fn touched(number: u64) -> Option<u64> {
    (number != indelible_access::INSTALLATION_NUMBER).then_some(number)
}

fn columns_told(columns: &Columns) -> String {
    match columns {
        Columns::Complete => "complete".to_owned(),
        Columns::Basic => "basic".to_owned(),
        Columns::Chosen(columns) => {
            columns.iter().map(|column| column.as_str()).collect::<Vec<_>>().join(",")
        }
    }
}

async fn found(app: &App, id: Uuid) -> Result<Job, ApiError> {
    let job = app.control.job(id).await?.filter(|job| job.kind == JobKind::Export);
    job.ok_or_else(|| ApiError::new(Code::NotFound, "no such export of yours"))
}

/// An export of the caller's own; of anybody's for complete user management.
async fn of_caller(app: &App, caller: &Caller, id: &str) -> Result<Job, ApiError> {
    caller.needs(Permission::AuditExport)?;
    let none = || ApiError::new(Code::NotFound, "no such export of yours");
    let job = found(app, Uuid::try_parse(id).map_err(|_| none())?).await?;
    if job.owner == caller.principal.id.owner() || caller.principal.manages_users_completely() {
        Ok(job)
    } else {
        Err(none())
    }
}

/// The exports, newest first: the caller's own, or everybody's.
#[utoipa::path(
    get, path = "/v1/exports", operation_id = "list_exports", tag = "exports",
    params(
        ("owner" = Option<String>, Query, description = "me (default) or all, which needs complete user management"),
        ("limit" = Option<usize>, Query, description = "1 to 200, default 50"),
        ("after" = Option<String>, Query, description = "cursor: older"),
    ),
    responses((status = 200, body = ExportList), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn list(
    Ready(app): Ready,
    caller: Caller,
    mut params: Params,
) -> Result<Json<ExportList>, ApiError> {
    caller.needs(Permission::AuditExport)?;
    let owner = params.one("owner")?;
    let limit = limit_of(&mut params)?;
    let after = params.one("after")?;
    params.finish()?;
    let owner = match owner.as_deref() {
        None | Some("me") => Some(caller.principal.id.owner()),
        Some("all") => {
            caller.needs_complete_user_management()?;
            None
        }
        Some(_) => return Err(ApiError::field(Code::InvalidFilter, "owner", "owner is me or all")),
    };
    let before = after.as_deref().map(Uuid::try_parse).transpose().map_err(|_| {
        ApiError::field(Code::InvalidCursor, "after", "after is the text that an answer gave as its next")
    })?;
    let more = u32::try_from(limit).unwrap_or(u32::MAX).saturating_add(1);
    let filter = JobFilter { kind: JobKind::Export, owner, parent: None, before, limit: more };
    let mut jobs = app.control.jobs(&filter).await?;
    let has_more = jobs.len() > limit;
    jobs.truncate(limit);
    let next = jobs.last().filter(|_| has_more).map(|job| job.id.to_string());
    let data = jobs.iter().map(|job| view(&app, &caller.principal, job)).collect::<Result<_, _>>()?;
    Ok(Json(ExportList { data, next }))
}

fn limit_of(params: &mut Params) -> Result<usize, ApiError> {
    limit(params, PAGE, PAGE_MAX)
}

/// One export.
#[utoipa::path(
    get, path = "/v1/exports/{id}", operation_id = "get_export", tag = "exports", params(("id" = String, Path)),
    responses((status = 200, body = ExportView), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn one(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<ExportView>, ApiError> {
    params.finish()?;
    let job = of_caller(&app, &caller, &id).await?;
    view(&app, &caller.principal, &job).map(Json)
}

/// Ends an export that waits or runs.
#[utoipa::path(
    post, path = "/v1/exports/{id}/cancel", operation_id = "cancel_export", tag = "exports", params(("id" = String, Path)),
    responses(
        (status = 200, body = ExportView, description = "one that runs ends within a moment"),
        (status = 404, body = ProblemDetails),
        (status = 409, body = ProblemDetails, description = "it has ended"),
    )
)]
pub(crate) async fn cancel(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<ExportView>, ApiError> {
    params.finish()?;
    let job = of_caller(&app, &caller, &id).await?;
    let told = own_event(&app, &caller, &job, "Cancel export", "export.cancel", "update")?;
    uncancelled(async move {
        let Some(job) = app.control.cancel_job(job.id, app.now()).await? else {
            return Err(ApiError::new(Code::IdConflict, "it has ended already"));
        };
        app.jobs.cancel(job.id);
        app.record(&told).await?;
        view(&app, &caller.principal, &job).map(Json)
    })
    .await
}

/// Removes the file of an export; its row stays.
#[utoipa::path(
    delete, path = "/v1/exports/{id}", operation_id = "delete_export", tag = "exports", params(("id" = String, Path)),
    responses(
        (status = 200, body = ExportView),
        (status = 404, body = ProblemDetails),
        (status = 409, body = ProblemDetails, description = "it has no file"),
    )
)]
pub(crate) async fn delete(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<ExportView>, ApiError> {
    params.finish()?;
    let job = of_caller(&app, &caller, &id).await?;
    let told = own_event(&app, &caller, &job, "Delete export file", "export.delete", "delete")?;
    uncancelled(async move {
        if !app.remove_file_of(job.id).await? {
            return Err(ApiError::new(Code::IdConflict, "it has no file"));
        }
        app.record(&told).await?;
        let job = found(&app, job.id).await?;
        view(&app, &caller.principal, &job).map(Json)
    })
    .await
}

/// An event about an export, told where those see it whose events are in it.
fn own_event(
    app: &App,
    caller: &Caller,
    job: &Job,
    action: &str,
    code: &str,
    kind: &str,
) -> Result<OwnEvent, ApiError> {
    let by = |event: OwnEvent| event.by(&caller.principal, &caller.origin, &app.control.directory());
    event_of(job, by(OwnEvent::new(action, code, kind)))
}

fn event_of(job: &Job, event: OwnEvent) -> Result<OwnEvent, ApiError> {
    let (spec, outcome) = read(job)?;
    let event = event.to("export", &job.id.to_string(), &spec.name).parameter("format", spec.format);
    let event = match &outcome.file {
        Some(file) => event
            .parameter("rows", file.rows)
            .parameter("bytes", file.bytes)
            .parameter("sha256", file.sha256.clone()),
        None => event,
    };
    let event = if outcome.tenants.is_empty() { event.touching_installation() } else { event };
    let touching = |event: OwnEvent, tenant: &u64| match touched(*tenant) {
        Some(tenant) => event.touching(tenant),
        None => event.touching_installation(),
    };
    Ok(outcome.tenants.iter().fold(event, touching))
}

fn read(job: &Job) -> Result<(ExportSpec, Outcome), ApiError> {
    let corrupt = |_| ApiError::internal("a job's row can't be read");
    let spec = serde_json::from_str(&job.spec).map_err(corrupt)?;
    let outcome = job.outcome.as_deref().map(serde_json::from_str).transpose().map_err(corrupt)?;
    Ok((spec, outcome.unwrap_or_default()))
}

/// The file of a completed export.
///
/// # Errors
/// `not_found` where there is none.
fn file_of(job: &Job) -> Result<(Outcome, FileMade), ApiError> {
    let (_, outcome) = read(job)?;
    let file = outcome.file.clone().filter(|_| job.state == JobState::Completed);
    let file = file.ok_or_else(|| {
        let message = match job.state {
            JobState::Queued | JobState::Running => "the export is not completed yet",
            JobState::Expired => "the export's file was removed; make a new one",
            _ => "the export has no file",
        };
        ApiError::new(Code::NotFound, message)
    })?;
    Ok((outcome, file))
}

/// The file. It can be asked for in parts (`Range`).
#[utoipa::path(
    get, path = "/v1/exports/{id}/download", operation_id = "download_export", tag = "exports",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the file"),
        (status = 206, description = "a part of it"),
        (status = 403, body = ProblemDetails, description = "not all of it is within the caller's reach any more"),
        (status = 404, body = ProblemDetails),
    )
)]
pub(crate) async fn download(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
    request: Request,
) -> Result<Response, ApiError> {
    params.finish()?;
    let job = of_owner(&app, &caller, &id).await?;
    let (outcome, file) = file_of(&job)?;
    app.reader_of_file(&caller.principal, Permission::AuditExport, &outcome)?;
    let told = own_event(&app, &caller, &job, "Download export", "export.download", "download")?;
    app.record(&told).await?;
    serve(&app, &job, &file, request).await
}

/// One's own: what is in a file was found with its owner's reach, and is nobody else's to take out.
async fn of_owner(app: &App, caller: &Caller, id: &str) -> Result<Job, ApiError> {
    let job = of_caller(app, caller, id).await?;
    if job.owner == caller.principal.id.owner() {
        Ok(job)
    } else {
        Err(ApiError::new(Code::Forbidden, "only who asked for an export downloads it"))
    }
}

/// Marks answers that are files: they are given as they are, so that they can be gone on with.
#[derive(Clone, Copy)]
pub(crate) struct IsFile;

async fn serve(app: &Arc<App>, job: &Job, file: &FileMade, request: Request) -> Result<Response, ApiError> {
    let path = app.file_of(job.id);
    let lost = |error: std::io::Error| ApiError::internal(format!("{}: {error}", path.display()));
    let size = tokio::fs::metadata(&path).await.map_err(lost)?.len();
    if size != file.bytes {
        return Err(ApiError::internal("an export's file has another size than when it was written"));
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

/// What is in the file, and what proves it: hash, number of events, first and last, checkpoint.
#[utoipa::path(
    get, path = "/v1/exports/{id}/manifest", operation_id = "get_export_manifest", tag = "exports",
    params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn manifest(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    params.finish()?;
    let job = of_owner(&app, &caller, &id).await?;
    let (outcome, file) = file_of(&job)?;
    app.reader_of_file(&caller.principal, Permission::AuditExport, &outcome)?;
    let (spec, _) = read(&job)?;
    let vkey =
        file.checkpoint.is_some().then(|| app.trail.log(&caller.principal).map(|log| log.vkey().to_owned()));
    Ok(Json(json!({
        "version": 1,
        "export": job.id.to_string(),
        "name": spec.name,
        "file": file.name,
        "format": spec.format,
        "columns": spec.columns,
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
        "owner": OwnerView::of(job.owner, &job.owner_name),
        "created_at": job.created_at.to_rfc3339(),
        "completed_at": job.ended_at.map(Timestamp::to_rfc3339),
        "checkpoint": file.checkpoint,
        "vkey": vkey.transpose()?,
    })))
}

/// Makes an address of the file that needs no sign-in, for some hours. Whether its owner may read what is in the file is
/// asked again whenever somebody comes by it.
#[utoipa::path(
    post, path = "/v1/exports/{id}/link", operation_id = "link_export", tag = "exports", params(("id" = String, Path)),
    responses((status = 201, body = DownloadLink), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn link(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Response, ApiError> {
    params.finish()?;
    let job = of_owner(&app, &caller, &id).await?;
    let (outcome, _) = file_of(&job)?;
    app.reader_of_file(&caller.principal, Permission::AuditExport, &outcome)?;
    let told = own_event(&app, &caller, &job, "Make download link", "export.link", "create")?;
    uncancelled(async move {
        let (url, expires_at) = app.download_link(&job)?;
        app.record(&told.parameter("expires_at", expires_at.to_rfc3339())).await?;
        let link = DownloadLink { url, expires_at: expires_at.to_rfc3339() };
        Ok((StatusCode::CREATED, Json(link)).into_response())
    })
    .await
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

/// A file by its link. Nobody has to be signed in.
#[utoipa::path(
    get, path = "/v1/downloads/{token}", operation_id = "download_by_link", tag = "exports", security(()),
    params(("token" = String, Path)),
    responses(
        (status = 200, description = "the file"),
        (status = 206, description = "a part of it"),
        (status = 404, body = ProblemDetails, description = "the link is not good, or not any more"),
    )
)]
pub(crate) async fn by_link(
    Ready(app): Ready,
    origin: Origin,
    PathPart(token): PathPart,
    params: Params,
    request: Request,
) -> Result<Response, ApiError> {
    params.finish()?;
    let none = || {
        ApiError::new(Code::NotFound, "this link is not good any more; ask who gave it to you for another")
    };
    let job = app.control.job(app.opened(&token).ok_or_else(none)?).await?.ok_or_else(none)?;
    let (outcome, file) = file_of(&job).map_err(|_| none())?;
    // A link is worth what its owner's reach is by now.
    let permission = permission_of(&job);
    let owner = app.auth.on_behalf_of(job.owner, app.now()).ok_or_else(none)?;
    app.reader_of_file(&owner, permission, &outcome).map_err(|_| none())?;
    let told = OwnEvent::new("Download export by link", "export.download", "download").from(&origin);
    app.record(&event_of(&job, told)?.parameter("owner", job.owner_name.clone())).await?;
    serve(&app, &job, &file, request).await
}

fn permission_of(job: &Job) -> Permission {
    match job.kind {
        JobKind::Export | JobKind::Mail => Permission::AuditExport,
        JobKind::Report => Permission::AuditReports,
    }
}

/// The columns that files may have.
#[utoipa::path(
    get, path = "/v1/export-columns", operation_id = "list_export_columns", tag = "exports",
    responses((status = 200, body = ColumnList))
)]
pub(crate) async fn columns(_: Ready, _: Caller, params: Params) -> Result<Json<ColumnList>, ApiError> {
    params.finish()?;
    let names = |columns: Columns| columns.fixed_names();
    Ok(Json(ColumnList {
        data: Column::ALL
            .iter()
            .map(|column| ColumnView { name: column.as_str(), heading: column.heading() })
            .collect(),
        complete: names(Columns::Complete),
        basic: names(Columns::Basic),
    }))
}
