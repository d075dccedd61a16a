//! Exports: asked for, followed, downloaded.

use axum::{
    Json,
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use indelible_access::Principal;
use indelible_control::{Job, JobKind, NewJob, Owner, Permission};
use indelible_event::{Code, Timestamp};
use indelible_report::{Column, Columns, Format};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    files::{self, DownloadLink, Progress, corrupt, touched},
    input::{checked_text, read_json},
    uncancelled,
};
use crate::{
    app::App,
    error::{ApiError, ProblemDetails},
    exports::{ColumnsGiven, ExportSpec, format_named},
    extract::{Caller, Params, PathPart, Ready},
    files::{FileMade, filters_of, zone_named},
    jobs::Failure,
    recorder::{Origin, OwnEvent},
    sharing::OwnerView,
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

/// Characters of a name.
const NAME_MAX: usize = 200;

fn view(app: &App, caller: &Principal, job: &Job) -> Result<ExportView, ApiError> {
    let spec: ExportSpec = serde_json::from_str(&job.spec).map_err(corrupt)?;
    let outcome = files::outcome_shown(app, caller, job)?;
    Ok(ExportView {
        id: job.id.to_string(),
        name: spec.name,
        format: spec.format,
        columns: spec.columns,
        query: spec.query,
        zone: spec.zone,
        byte_order_mark: spec.byte_order_mark,
        as_of: spec.as_of_time,
        owner: OwnerView::named(job.owner, job.owner_name.clone()),
        mine: job.owner == caller.owner(&app.control.directory()),
        state: job.state.as_str(),
        progress: Progress::of(app, job),
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
        let format = format_named(&wanted.format)?;
        let columns = wanted.columns.unwrap_or_else(|| ColumnsGiven::Set("complete".into()));
        let read = columns.read()?;
        if wanted.byte_order_mark && format != Format::Csv {
            let message = "only CSV may begin with a byte order mark";
            return Err(ApiError::field(Code::InvalidEnum, "/byte_order_mark", message));
        }
        let mut filters = filters_of(&wanted.query)?;
        let given = filters.iter().find(|(name, _)| name == "tz").map(|(_, zone)| zone.clone());
        let directory = app.control.directory();
        let owner = caller.owner(&directory);
        let own = match owner {
            Owner::User(user) => directory.user(user).and_then(|user| user.zone.clone()),
            Owner::AdminKey | Owner::Key(_) => None,
        };
        let zone = wanted.zone.or(given.clone()).or(own).unwrap_or_else(|| "UTC".to_owned());
        zone_named(&zone, "/zone")?;
        if given.is_none() {
            filters.push(("tz".to_owned(), zone.clone()));
        }
        let as_of = reader.moment(wanted.as_of.as_deref(), now)?;
        // Whether it may be asked, and understood; what it finds is found later.
        reader.walk(&filters, &as_of, now)?;
        let _turn = app.asking_turn.lock().await;
        files::check_room(&app, JobKind::Export, owner).await?;
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
            .saying(&name, &directory)
            .by(&caller.principal, &caller.origin, &directory)
            .to("export", &job.id.to_string(), &name)
            .parameter("format", format.as_str())
            .parameter("columns", columns_told(&read))
            .parameter("query", query);
        // Told first: what can't be recorded is not taken out.
        app.record(&told).await?;
        app.control.insert_job(&job, now).await?;
        app.jobs.wake();
        let job = files::found(&app, JobKind::Export, job.id).await?;
        Ok((StatusCode::ACCEPTED, Json(view(&app, &caller.principal, &job)?)).into_response())
    })
    .await
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
    params: Params,
) -> Result<Json<ExportList>, ApiError> {
    let (jobs, next) = files::list(&app, &caller, JobKind::Export, params, None).await?;
    let data = jobs.iter().map(|job| view(&app, &caller.principal, job)).collect::<Result<_, _>>()?;
    Ok(Json(ExportList { data, next }))
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
    let job = files::of_caller(&app, &caller, JobKind::Export, &id).await?;
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
    let job = files::cancel(app.clone(), caller.clone(), JobKind::Export, &id).await?;
    view(&app, &caller.principal, &job).map(Json)
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
    let job = files::delete(app.clone(), caller.clone(), JobKind::Export, &id).await?;
    view(&app, &caller.principal, &job).map(Json)
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
    files::download(&app, &caller, JobKind::Export, &id, request).await
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
    files::manifest(&app, &caller, JobKind::Export, &id).await.map(Json)
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
    files::link(app, caller, JobKind::Export, &id).await
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
    files::by_link(&app, &origin, &token, request).await
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
