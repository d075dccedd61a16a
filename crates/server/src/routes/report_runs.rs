//! Runs of reports: asked for, followed, downloaded.

use axum::{
    Json,
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use indelible_control::{Job, JobFilter, JobKind, JobState, NewJob, Permission, Report};
use indelible_event::{Code, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    files::{self, DownloadLink, Progress, corrupt, touched},
    input::read_json,
    reports::{Checked, ReportWanted, known},
    uncancelled,
};
use crate::{
    app::App,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
    files::{FileMade, filters_of},
    jobs::Failure,
    recorder::OwnEvent,
    reports::{DefinitionGiven, MailSpec, RunSpec, answer_of, format_named},
    sharing::OwnerView,
};

/// A report that is run or looked at without being saved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunWanted {
    /// A saved report's id.
    #[serde(default)]
    report: Option<String>,
    /// Or what to make.
    #[serde(default)]
    definition: Option<ReportWanted>,
    /// csv, xlsx, pdf or html.
    format: String,
}

/// One mail of a run.
#[derive(Serialize, ToSchema)]
pub(crate) struct Delivery {
    to: String,
    /// waiting, sent or failed.
    state: &'static str,
    attempts: u32,
    /// What the mail server said, where it did not take it.
    answer: Option<String>,
    /// When that was, or when it is tried again.
    at: Option<String>,
}

/// A run of a report, whatever became of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunView {
    id: String,
    report: Option<String>,
    report_name: String,
    kind: String,
    definition: DefinitionGiven,
    format: String,
    query: String,
    zone: String,
    /// The moment that it is about.
    as_of: String,
    schedule: Option<String>,
    schedule_name: Option<String>,
    owner: OwnerView,
    mine: bool,
    /// queued, running, completed, failed, cancelled or expired.
    state: &'static str,
    progress: Option<Progress>,
    attempts: u32,
    created_at: String,
    started_at: Option<String>,
    ended_at: Option<String>,
    expires_at: Option<String>,
    file: Option<FileMade>,
    problem: Option<Failure>,
    /// A mail for each recipient; none where the run was not to be sent.
    deliveries: Vec<Delivery>,
}

/// A page of runs, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunList {
    data: Vec<RunView>,
    next: Option<String>,
}

/// Mails of one run that are shown.
const DELIVERIES_MAX: u32 = 200;

/// Runs a report in the background.
#[utoipa::path(
    post, path = "/v1/report-runs", operation_id = "run_report", tag = "reports", request_body = RunWanted,
    responses((status = 202, body = RunView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails), (status = 429, body = ProblemDetails))
)]
pub(crate) async fn create(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    params.finish()?;
    caller.needs(Permission::AuditReports)?;
    let wanted: RunWanted = read_json(&app, &headers, body).await?;
    caller.still_valid(&app)?;
    uncancelled(async move {
        let format = format_named(&wanted.format)?;
        let (report, checked) = match (&wanted.report, &wanted.definition) {
            (Some(id), None) => {
                let report = known(&app, &caller, id).await?;
                let definition = serde_json::from_str(&report.definition).map_err(corrupt)?;
                let Report { id, name, query, zone, .. } = report;
                (Some(id), Checked { name, definition, query, zone })
            }
            (None, Some(definition)) => {
                let checked = definition.check(&app, &caller, false);
                (None, checked.map_err(|error| error.of_part("/definition"))?)
            }
            _ => {
                return Err(ApiError::field(
                    Code::MissingField,
                    "/report",
                    "name a report, or give a definition",
                ));
            }
        };
        let now = app.now();
        let _turn = app.asking_turn.lock().await;
        let (touched, moment) = may_run(&app, &caller, &checked.definition, &checked.query, now).await?;
        let directory = app.control.directory();
        let owner = caller.owner(&directory);
        let spec = RunSpec {
            name: checked.name.clone(),
            report,
            definition: checked.definition.clone(),
            format: format.as_str().to_owned(),
            query: checked.query.clone(),
            zone: checked.zone,
            at: now.as_micros(),
            as_of_time: now.to_rfc3339(),
            as_of: Some(moment),
            schedule: None,
        };
        let job = NewJob {
            id: Uuid::now_v7(),
            kind: JobKind::Report,
            owner,
            owner_name: caller.principal.name.clone(),
            parent: report,
            spec: serde_json::to_string(&spec).map_err(|error| ApiError::internal(error.to_string()))?,
            run_at: now,
        };
        let told = OwnEvent::new("Run report", "report.run", "export")
            .touching_of(touched)
            .saying(&checked.name, &directory)
            .by(&caller.principal, &caller.origin, &directory)
            .to("report", &job.id.to_string(), &checked.name)
            .parameter("kind", checked.definition.kind.clone())
            .parameter("format", format.as_str())
            .parameter("query", checked.query);
        app.record(&told).await?;
        app.control.insert_job(&job, now).await?;
        app.jobs.wake();
        let job = files::found(&app, JobKind::Report, job.id).await?;
        Ok((StatusCode::ACCEPTED, Json(view(&app, &caller, &job).await?)).into_response())
    })
    .await
}

/// Whether the caller may have this report run now: the one tenant whose events it is of, if it is one, and the sealed
/// moment that it is about.
///
/// # Errors
/// `forbidden`, `range_not_allowed`; `rate_limited` where too many of the caller's runs have not ended.
pub(crate) async fn may_run(
    app: &App,
    caller: &Caller,
    definition: &DefinitionGiven,
    query: &str,
    now: Timestamp,
) -> Result<(Option<u64>, String), ApiError> {
    let reader = app.trail.reader_for(&caller.principal, Permission::AuditReports)?;
    let filters = filters_of(query)?;
    let moment = reader.moment(None, now)?;
    if definition.read()?.kind.is_of_people() {
        caller.needs(Permission::UsersManage)?;
    } else {
        reader.walk(&filters, &moment, now)?;
    }
    files::check_room(app, JobKind::Report, caller.owner(&app.control.directory())).await?;
    Ok((touched(reader.touches(&filters, now)), moment))
}

/// A run as its caller sees it.
pub(crate) async fn view(app: &App, caller: &Caller, job: &Job) -> Result<RunView, ApiError> {
    let spec: RunSpec = serde_json::from_str(&job.spec).map_err(corrupt)?;
    let outcome = files::outcome_shown(app, &caller.principal, job)?;
    let mut deliveries = Vec::new();
    if spec.schedule.is_some() {
        let filter = JobFilter {
            kind: JobKind::Mail,
            owner: None,
            parent: Some(job.id),
            before: None,
            limit: DELIVERIES_MAX,
        };
        for mail in app.control.jobs(&filter).await? {
            deliveries.push(delivery(&mail)?);
        }
        deliveries.sort_by(|one, other| one.to.cmp(&other.to));
    }
    Ok(RunView {
        id: job.id.to_string(),
        report: spec.report.map(|id| id.to_string()),
        report_name: spec.name,
        kind: spec.definition.kind.clone(),
        definition: spec.definition,
        format: spec.format,
        query: spec.query,
        zone: spec.zone,
        as_of: spec.as_of_time,
        schedule: spec.schedule.as_ref().map(|schedule| schedule.id.to_string()),
        schedule_name: spec.schedule.map(|schedule| schedule.name),
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
        deliveries,
    })
}

fn delivery(mail: &Job) -> Result<Delivery, ApiError> {
    let spec: MailSpec = serde_json::from_str(&mail.spec).map_err(corrupt)?;
    Ok(Delivery {
        to: spec.to,
        state: match mail.state {
            JobState::Queued | JobState::Running => "waiting",
            JobState::Completed | JobState::Expired => "sent",
            JobState::Failed | JobState::Cancelled => "failed",
        },
        attempts: mail.attempts,
        answer: answer_of(mail)?,
        at: Some(mail.ended_at.unwrap_or(mail.run_at).to_rfc3339()),
    })
}

/// The runs, newest first: the caller's own, or everybody's; of one report or schedule.
#[utoipa::path(
    get, path = "/v1/report-runs", operation_id = "list_report_runs", tag = "reports",
    params(
        ("owner" = Option<String>, Query, description = "me (default) or all, which needs complete user management"),
        ("report" = Option<String>, Query, description = "of this report, run on demand"),
        ("schedule" = Option<String>, Query, description = "of this schedule"),
        ("limit" = Option<usize>, Query, description = "1 to 200, default 50"),
        ("after" = Option<String>, Query, description = "cursor: older"),
    ),
    responses((status = 200, body = RunList), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn list(
    Ready(app): Ready,
    caller: Caller,
    mut params: Params,
) -> Result<Json<RunList>, ApiError> {
    let (report, schedule) = (params.one("report")?, params.one("schedule")?);
    let parent = match (report, schedule) {
        (Some(_), Some(_)) => {
            let message = "give one of report and schedule";
            return Err(ApiError::field(Code::InvalidFilter, "schedule", message));
        }
        (Some(id), None) | (None, Some(id)) => Some(Uuid::try_parse(&id).map_err(|_| {
            ApiError::field(Code::InvalidFilter, "report", "report and schedule take the id of one")
        })?),
        (None, None) => None,
    };
    let (jobs, next) = files::list(&app, &caller, JobKind::Report, params, parent).await?;
    let mut data = Vec::with_capacity(jobs.len());
    for job in &jobs {
        data.push(view(&app, &caller, job).await?);
    }
    Ok(Json(RunList { data, next }))
}

/// One run.
#[utoipa::path(
    get, path = "/v1/report-runs/{id}", operation_id = "get_report_run", tag = "reports", params(("id" = String, Path)),
    responses((status = 200, body = RunView), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn one(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<RunView>, ApiError> {
    params.finish()?;
    let job = files::of_caller(&app, &caller, JobKind::Report, &id).await?;
    view(&app, &caller, &job).await.map(Json)
}

/// Ends a run that waits or runs.
#[utoipa::path(
    post, path = "/v1/report-runs/{id}/cancel", operation_id = "cancel_report_run", tag = "reports", params(("id" = String, Path)),
    responses((status = 200, body = RunView), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails))
)]
pub(crate) async fn cancel(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<RunView>, ApiError> {
    params.finish()?;
    let job = files::cancel(app.clone(), caller.clone(), JobKind::Report, &id).await?;
    view(&app, &caller, &job).await.map(Json)
}

/// Removes the file of a run; its row stays.
#[utoipa::path(
    delete, path = "/v1/report-runs/{id}", operation_id = "delete_report_run", tag = "reports", params(("id" = String, Path)),
    responses((status = 200, body = RunView), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails))
)]
pub(crate) async fn delete(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<RunView>, ApiError> {
    params.finish()?;
    let job = files::delete(app.clone(), caller.clone(), JobKind::Report, &id).await?;
    view(&app, &caller, &job).await.map(Json)
}

/// The file of a run.
#[utoipa::path(
    get, path = "/v1/report-runs/{id}/download", operation_id = "download_report_run", tag = "reports",
    params(("id" = String, Path)),
    responses((status = 200, description = "the file"), (status = 206, description = "a part of it"), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn download(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
    request: Request,
) -> Result<Response, ApiError> {
    params.finish()?;
    files::download(&app, &caller, JobKind::Report, &id, request).await
}

/// What is in the file of a run, and what proves it.
#[utoipa::path(
    get, path = "/v1/report-runs/{id}/manifest", operation_id = "get_report_run_manifest", tag = "reports",
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
    files::manifest(&app, &caller, JobKind::Report, &id).await.map(Json)
}

/// Makes an address of a run's file that needs no sign-in, for some hours.
#[utoipa::path(
    post, path = "/v1/report-runs/{id}/link", operation_id = "link_report_run", tag = "reports", params(("id" = String, Path)),
    responses((status = 201, body = DownloadLink), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn link(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Response, ApiError> {
    params.finish()?;
    files::link(app, caller, JobKind::Report, &id).await
}
