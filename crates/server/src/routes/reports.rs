//! Reports: saved, shared, previewed, run; the files of their runs.

use std::time::Duration;

use axum::{
    Json,
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use indelible_access::{Step, Walked};
use indelible_control::{
    ControlError, Directory, Job, JobFilter, JobKind, JobOwner, JobState, NewJob, Permission, Report, Sharing,
};
use indelible_event::{Code, Timestamp};
use indelible_report::{ChartKind, Format, ReportKind, ReportPlan, preview};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    files::{self, DownloadLink, JobOwnerView, Progress, corrupt, touched},
    input::{checked_text, read_change, read_json},
    uncancelled,
};
use crate::{
    app::App,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
    files::{FileMade, filters_of, zone_named},
    jobs::Failure,
    queries::Kind,
    recorder::OwnEvent,
    reports::{DefinitionGiven, RunSpec, answer_of, format_named, query_with_zone},
    sharing::{SharingRequest, SharingView, saved_by},
};

/// A kind of report.
#[derive(Serialize, ToSchema)]
pub(crate) struct KindView {
    kind: &'static str,
    title: &'static str,
    description: &'static str,
    /// The filters that it begins with, as in an address.
    query: String,
    /// The columns to choose from; none where they are as they are.
    columns: Vec<ReportColumnView>,
    /// What its rows can be counted by.
    groups: Vec<&'static str>,
    /// none, bars or columns.
    chart: &'static str,
    /// Whether it is of people instead of events; it needs users.manage.
    of_people: bool,
}

/// A column of a report.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportColumnView {
    name: &'static str,
    heading: &'static str,
}

/// The kinds of reports.
#[derive(Serialize, ToSchema)]
pub(crate) struct KindList {
    data: Vec<KindView>,
}

/// A saved report.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportView {
    id: String,
    name: String,
    #[serde(flatten)]
    definition: DefinitionGiven,
    /// The filters, as in an address.
    query: String,
    /// IANA zone of its times.
    zone: String,
    owner: JobOwnerView,
    /// Whether it is the caller's own.
    mine: bool,
    shared_with: SharingView,
    created_at: String,
    changed_at: String,
}

/// Saved reports.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportList {
    data: Vec<ReportView>,
}

/// A report to save, or to change into.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportWanted {
    name: String,
    kind: String,
    #[serde(default)]
    columns: Option<Vec<String>>,
    #[serde(default)]
    group_by: Option<crate::reports::GroupsGiven>,
    /// Default true.
    #[serde(default)]
    totals: Option<bool>,
    /// The filters, as in an address; absent: those of the kind.
    #[serde(default)]
    query: Option<String>,
    /// Default: the caller's own, UTC.
    #[serde(default)]
    zone: Option<String>,
    #[serde(default)]
    shared_with: Option<SharingRequest>,
}

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

/// What to show.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewWanted {
    definition: ReportWanted,
}

/// What a report will look like.
#[derive(Serialize, ToSchema)]
pub(crate) struct PreviewView {
    /// A whole page; its first rows.
    html: String,
    /// Whether there is more than it shows.
    more: bool,
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
    owner: JobOwnerView,
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

/// Characters of a name.
pub(crate) const NAME_MAX: usize = 200;
/// Saved reports of one owner.
const REPORTS_MAX: usize = 500;
/// Events that a preview is made of, and how long it may take.
const PREVIEW_EVENTS: usize = 200;
/// Mails of one run that are shown.
const DELIVERIES_MAX: u32 = 200;

/// The kinds of reports that there are.
#[utoipa::path(
    get, path = "/v1/report-kinds", operation_id = "list_report_kinds", tag = "reports",
    responses((status = 200, body = KindList), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn kinds(_: Ready, caller: Caller, params: Params) -> Result<Json<KindList>, ApiError> {
    params.finish()?;
    caller.needs(Permission::AuditReports)?;
    let kind = |kind: ReportKind| KindView {
        kind: kind.as_str(),
        title: kind.title(),
        description: kind.description(),
        query: form_urlencoded::Serializer::new(String::new()).extend_pairs(kind.default_query()).finish(),
        columns: kind
            .columns()
            .iter()
            .map(|column| ReportColumnView { name: column.as_str(), heading: column.heading() })
            .collect(),
        groups: kind.groups().iter().map(|group| group.as_str()).collect(),
        chart: match kind.chart() {
            ChartKind::None => "none",
            ChartKind::Bars => "bars",
            ChartKind::Columns => "columns",
        },
        of_people: kind.is_of_people(),
    };
    Ok(Json(KindList { data: ReportKind::ALL.into_iter().map(kind).collect() }))
}

/// What a report is made of, checked.
struct Checked {
    name: String,
    definition: DefinitionGiven,
    query: String,
    zone: String,
}

impl ReportWanted {
    fn check(&self, app: &App, caller: &Caller, needs_name: bool) -> Result<Checked, ApiError> {
        let name = match self.name.trim() {
            "" if !needs_name => String::new(),
            name => checked_text("/name", name, NAME_MAX)?,
        };
        let definition = DefinitionGiven {
            kind: self.kind.clone(),
            columns: self.columns.clone(),
            group_by: self.group_by.clone(),
            totals: self.totals.unwrap_or(true),
        };
        let kind = definition.read()?.kind;
        if kind.is_of_people() {
            caller.needs(Permission::UsersManage)?;
        }
        let own = match caller.principal.id.owner() {
            JobOwner::User(user) => app.control.directory().user(user).and_then(|user| user.zone.clone()),
            JobOwner::AdminKey | JobOwner::Key(_) => None,
        };
        let zone = self.zone.clone().or(own).unwrap_or_else(|| "UTC".to_owned());
        zone_named(&zone, "/zone")?;
        let query = match &self.query {
            Some(query) => query_with_zone(query, &zone)?,
            None => {
                let own = form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(kind.default_query())
                    .finish();
                query_with_zone(&own, &zone)?
            }
        };
        let reader = app.trail.reader_for(&caller.principal, Permission::AuditReports)?;
        reader.check(&filters_of(&query)?, app.now())?;
        Ok(Checked { name, definition, query, zone })
    }
}

fn view(report: &Report, caller: &Caller, directory: &Directory) -> Result<ReportView, ApiError> {
    Ok(ReportView {
        id: report.id.to_string(),
        name: report.name.clone(),
        definition: serde_json::from_str(&report.definition).map_err(corrupt)?,
        query: report.query.clone(),
        zone: report.zone.clone(),
        owner: JobOwnerView::of(report.owner, &report.owner_name),
        mine: report.owner == caller.principal.id.owner(),
        shared_with: SharingView::shown_to(caller, report.shared_with, directory),
        created_at: report.created_at.to_rfc3339(),
        changed_at: report.changed_at.to_rfc3339(),
    })
}

/// The text of a report, which may name tenants.
pub(crate) fn text_of(name: &str, query: &str) -> Vec<(String, String)> {
    let mut text = vec![("name".to_owned(), name.to_owned())];
    text.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
    text
}

pub(crate) fn is_open(report: &Report, caller: &Caller, directory: &Directory) -> bool {
    report.owner == caller.principal.id.owner()
        || report.shared_with != Sharing::Nobody
            && caller.shares(report.shared_with, &text_of(&report.name, &report.query), directory)
}

/// A report of the caller's own, or one that is shared with the caller.
///
/// # Errors
/// `not_found`.
pub(crate) async fn known(app: &App, caller: &Caller, id: &str) -> Result<Report, ApiError> {
    caller.needs(Permission::AuditReports)?;
    let none = || ApiError::new(Code::NotFound, "no such report is yours or shared with you");
    let report = app.control.report(Uuid::try_parse(id).map_err(|_| none())?).await?;
    let directory = app.control.directory();
    report.filter(|report| is_open(report, caller, &directory)).ok_or_else(none)
}

async fn managed(app: &App, caller: &Caller, id: &str) -> Result<Report, ApiError> {
    let report = known(app, caller, id).await?;
    if report.owner == caller.principal.id.owner() || caller.principal.manages_users_completely() {
        return Ok(report);
    }
    Err(ApiError::new(Code::Forbidden, "only who made a report changes it"))
}

/// What somebody does to a report, told where nobody reads of tenants that they do not know; `old`: what it was before.
fn told(app: &App, caller: &Caller, old: &Report, new: &Report, what: (&str, &str, &str)) -> OwnEvent {
    let directory = app.control.directory();
    let (action, code, kind) = what;
    let text = [text_of(&old.name, &old.query), text_of(&new.name, &new.query)].concat();
    OwnEvent::new(action, code, kind)
        .by(&caller.principal, &caller.origin, &directory)
        .to("report", &new.id.to_string(), &new.name)
        .touching_saved(
            saved_by(new.owner, &directory),
            &[old.shared_with, new.shared_with],
            &text,
            &directory,
        )
}

/// The reports of the caller's own, and those shared with the caller.
#[utoipa::path(
    get, path = "/v1/reports", operation_id = "list_reports", tag = "reports",
    responses((status = 200, body = ReportList), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn list(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<ReportList>, ApiError> {
    params.finish()?;
    caller.needs(Permission::AuditReports)?;
    let directory = app.control.directory();
    let mut reports = app.control.reports().await?;
    reports.retain(|report| is_open(report, &caller, &directory));
    reports.sort_by_key(|report| report.name.to_lowercase());
    let data = reports.iter().map(|report| view(report, &caller, &directory)).collect::<Result<_, _>>()?;
    Ok(Json(ReportList { data }))
}

/// Saves a report.
#[utoipa::path(
    post, path = "/v1/reports", operation_id = "create_report", tag = "reports", request_body = ReportWanted,
    responses((status = 201, body = ReportView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails))
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
    let wanted: ReportWanted = read_json(&app, &headers, body).await?;
    caller.still_valid(&app)?;
    uncancelled(async move {
        let checked = wanted.check(&app, &caller, true)?;
        let shared_with = match &wanted.shared_with {
            Some(sharing) => sharing.check(&app, &caller, &text_of(&checked.name, &checked.query))?,
            None => Sharing::Nobody,
        };
        let owner = caller.principal.id.owner();
        let all = app.control.reports().await?;
        if all.iter().filter(|report| report.owner == owner).count() >= REPORTS_MAX {
            return Err(ApiError::new(
                Code::TooManyItems,
                format!("you have {REPORTS_MAX} reports; delete one first"),
            ));
        }
        let now = app.now();
        let report = Report {
            id: Uuid::now_v7(),
            owner,
            owner_name: caller.principal.name.clone(),
            name: checked.name,
            definition: stored(&checked.definition)?,
            query: checked.query,
            zone: checked.zone,
            shared_with,
            created_at: now,
            changed_at: now,
        };
        let told = told(&app, &caller, &report, &report, ("Create report", "report.create", "create"));
        app.record(&told.parameter("kind", checked.definition.kind).parameter("query", report.query.clone()))
            .await?;
        app.control.put_report(&report).await?;
        let view = view(&report, &caller, &app.control.directory())?;
        Ok((StatusCode::CREATED, Json(view)).into_response())
    })
    .await
}

fn stored(definition: &DefinitionGiven) -> Result<String, ApiError> {
    serde_json::to_string(definition).map_err(|error| ApiError::internal(error.to_string()))
}

/// One report.
#[utoipa::path(
    get, path = "/v1/reports/{id}", operation_id = "get_report", tag = "reports", params(("id" = String, Path)),
    responses((status = 200, body = ReportView), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn one(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<ReportView>, ApiError> {
    params.finish()?;
    let report = known(&app, &caller, &id).await?;
    view(&report, &caller, &app.control.directory()).map(Json)
}

/// Changes a report; what is absent stays.
#[utoipa::path(
    patch, path = "/v1/reports/{id}", operation_id = "change_report", tag = "reports", params(("id" = String, Path)),
    request_body = ReportWanted,
    responses((status = 200, body = ReportView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn change(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ReportView>, ApiError> {
    params.finish()?;
    let old = managed(&app, &caller, &id).await?;
    let mut base: Value = serde_json::from_str(&old.definition).map_err(corrupt)?;
    (base["name"], base["query"], base["zone"]) =
        (old.name.as_str().into(), old.query.as_str().into(), old.zone.as_str().into());
    let wanted: ReportWanted = read_change(&app, &headers, body, base).await?;
    caller.still_valid(&app)?;
    uncancelled(async move {
        let checked = wanted.check(&app, &caller, true)?;
        let text = text_of(&checked.name, &checked.query);
        let shared_with = match &wanted.shared_with {
            Some(sharing) => sharing.check(&app, &caller, &text)?,
            None => {
                crate::sharing::check(&caller, old.shared_with, &text, &app.control.directory())?;
                old.shared_with
            }
        };
        let report = Report {
            name: checked.name,
            definition: stored(&checked.definition)?,
            query: checked.query,
            zone: checked.zone,
            shared_with,
            changed_at: app.now(),
            ..old.clone()
        };
        let told = told(&app, &caller, &old, &report, ("Change report", "report.change", "update"))
            .changed("name", old.name, report.name.clone())
            .changed("definition", old.definition, report.definition.clone())
            .changed("query", old.query, report.query.clone())
            .changed("zone", old.zone, report.zone.clone());
        app.record(&told).await?;
        app.control.put_report(&report).await?;
        view(&report, &caller, &app.control.directory()).map(Json)
    })
    .await
}

/// Deletes a report that no schedule of its owner makes, and others' schedules of it. Its runs stay in the history.
#[utoipa::path(
    delete, path = "/v1/reports/{id}", operation_id = "delete_report", tag = "reports", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails, description = "a schedule of its owner makes it"))
)]
pub(crate) async fn delete(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    let report = managed(&app, &caller, &id).await?;
    uncancelled(async move {
        let schedules = app.control.schedules_of_report(report.id).await?;
        if schedules.iter().any(|schedule| schedule.owner == report.owner) {
            return Err(ControlError::ReportInUse.into());
        }
        let what = ("Delete report", "report.delete", "delete");
        app.record(&told(&app, &caller, &report, &report, what)).await?;
        // Others' schedules hold nobody's report; they go with it.
        for schedule in schedules {
            let what = ("Delete schedule", "schedule.delete", "delete");
            let told = super::schedules::told(&caller, &schedule, what, &app.control.directory());
            app.record(&told.parameter("reason", "its report was deleted")).await?;
        }
        app.control.delete_report(&report).await?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Runs a report in the background.
#[utoipa::path(
    post, path = "/v1/report-runs", operation_id = "run_report", tag = "reports", request_body = RunWanted,
    responses((status = 202, body = RunView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails), (status = 429, body = ProblemDetails))
)]
pub(crate) async fn run(
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
        let (touched, moment) = may_run(&app, &caller, &checked.definition, &checked.query, now).await?;
        let owner = caller.principal.id.owner();
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
            .by(&caller.principal, &caller.origin, &app.control.directory())
            .to("report", &job.id.to_string(), &checked.name)
            .parameter("kind", checked.definition.kind.clone())
            .parameter("format", format.as_str())
            .parameter("query", checked.query);
        app.record(&told).await?;
        app.control.insert_job(&job, now).await?;
        app.jobs.wake();
        let job = files::found(&app, JobKind::Report, job.id).await?;
        Ok((StatusCode::ACCEPTED, Json(run_view(&app, &caller, &job).await?)).into_response())
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
    files::check_room(app, JobKind::Report, caller.principal.id.owner()).await?;
    Ok((touched(reader.touches(&filters, now)), moment))
}

/// A run as its caller sees it.
pub(crate) async fn run_view(app: &App, caller: &Caller, job: &Job) -> Result<RunView, ApiError> {
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
        owner: JobOwnerView::of(job.owner, &job.owner_name),
        mine: job.owner == caller.principal.id.owner(),
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
    let spec: crate::reports::MailSpec = serde_json::from_str(&mail.spec).map_err(corrupt)?;
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
pub(crate) async fn runs(
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
        data.push(run_view(&app, &caller, job).await?);
    }
    Ok(Json(RunList { data, next }))
}

/// One run.
#[utoipa::path(
    get, path = "/v1/report-runs/{id}", operation_id = "get_report_run", tag = "reports", params(("id" = String, Path)),
    responses((status = 200, body = RunView), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn one_run(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<RunView>, ApiError> {
    params.finish()?;
    let job = files::of_caller(&app, &caller, JobKind::Report, &id).await?;
    run_view(&app, &caller, &job).await.map(Json)
}

/// Ends a run that waits or runs.
#[utoipa::path(
    post, path = "/v1/report-runs/{id}/cancel", operation_id = "cancel_report_run", tag = "reports", params(("id" = String, Path)),
    responses((status = 200, body = RunView), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails))
)]
pub(crate) async fn cancel_run(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<RunView>, ApiError> {
    params.finish()?;
    let job = files::cancel(app.clone(), caller.clone(), JobKind::Report, &id).await?;
    run_view(&app, &caller, &job).await.map(Json)
}

/// Removes the file of a run; its row stays.
#[utoipa::path(
    delete, path = "/v1/report-runs/{id}", operation_id = "delete_report_run", tag = "reports", params(("id" = String, Path)),
    responses((status = 200, body = RunView), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails))
)]
pub(crate) async fn delete_run(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<RunView>, ApiError> {
    params.finish()?;
    let job = files::delete(app.clone(), caller.clone(), JobKind::Report, &id).await?;
    run_view(&app, &caller, &job).await.map(Json)
}

/// The file of a run.
#[utoipa::path(
    get, path = "/v1/report-runs/{id}/download", operation_id = "download_report_run", tag = "reports",
    params(("id" = String, Path)),
    responses((status = 200, description = "the file"), (status = 206, description = "a part of it"), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn download_run(
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
pub(crate) async fn manifest_of_run(
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
pub(crate) async fn link_run(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Response, ApiError> {
    params.finish()?;
    files::link(app, caller, JobKind::Report, &id).await
}

/// What a report will look like: its first rows, at once.
#[utoipa::path(
    post, path = "/v1/reports/preview", operation_id = "preview_report", tag = "reports", request_body = PreviewWanted,
    responses((status = 200, body = PreviewView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails), (status = 503, body = ProblemDetails))
)]
pub(crate) async fn preview_report(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PreviewView>, ApiError> {
    params.finish()?;
    caller.needs(Permission::AuditReports)?;
    let wanted: PreviewWanted = read_json(&app, &headers, body).await?;
    caller.still_valid(&app)?;
    let checked = wanted.definition.check(&app, &caller, false);
    let checked = checked.map_err(|error| error.of_part("/definition"))?;
    let definition = checked.definition.read()?;
    let now = app.now();
    let people = if definition.kind.is_of_people() {
        crate::reports::people_of(&app, &caller.principal).await?
    } else {
        Vec::new()
    };
    let reader = app.trail.reader_for(&caller.principal, Permission::AuditReports)?;
    let filters = filters_of(&checked.query)?;
    let looked = (reader.clone(), filters.clone());
    let is_of_people = definition.kind.is_of_people();
    let moment = reader.moment(None, now)?;
    let (events, more) = if is_of_people {
        (Vec::new(), false)
    } else {
        let work = move |budget: &indelible_search::Budget| {
            let mut walk = reader.walk(&filters, &moment, now)?;
            let mut events: Vec<Walked> = Vec::new();
            let mut waited = Duration::ZERO;
            while events.len() <= PREVIEW_EVENTS {
                match reader.walk_on(&mut walk, budget)? {
                    Step::Events(next) => events.extend(next),
                    Step::End => break,
                    // What came a moment ago may be missing in a preview, which says that it is none of the whole.
                    Step::Wait if waited >= PREVIEW_WAIT => break,
                    Step::Wait => {
                        std::thread::sleep(PREVIEW_PAUSE);
                        waited += PREVIEW_PAUSE;
                    }
                }
            }
            let more = events.len() > PREVIEW_EVENTS;
            events.truncate(PREVIEW_EVENTS);
            Ok((events, more))
        };
        let found = app.queries.run(Kind::Page, &looked.1, work).await?.answer;
        app.look(&caller, &looked.0, crate::looking::LookKind::Search, &looked.1).await?;
        found
    };
    let plan =
        ReportPlan { zone: zone_named(&checked.zone, "/zone")?, ..ReportPlan::new(definition, Format::Html) };
    let plan =
        ReportPlan { head: indelible_report::Head { title: checked.name, ..plan.head.clone() }, ..plan };
    let dir = app.files();
    let made = super::blocking(move || {
        let events = events.iter().map(|walked| (&walked.view, std::str::from_utf8(walked.original()).ok()));
        preview(&dir, plan, events, &people).map_err(|error| ApiError::internal(error.to_string()))
    });
    Ok(Json(PreviewView { html: made.await?, more }))
}

/// How long a preview waits for what is not searchable yet.
const PREVIEW_WAIT: Duration = Duration::from_secs(1);
const PREVIEW_PAUSE: Duration = Duration::from_millis(20);
