//! Schedules: when reports are made by themselves, and to whom they are sent.

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use indelible_control::{Directory, JobFilter, JobKind, Permission, Schedule};
use indelible_event::{Code, Timestamp};
use indelible_report::Timing;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    files,
    input::{checked_text, given, read_json},
    report_runs::{self, RunView, may_run},
    reports::{NAME_MAX, is_open as is_report_open, known},
    uncancelled,
};
use crate::{
    app::App,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
    files::zone_named,
    recorder::OwnEvent,
    reports::{format_named, next_run, run_of},
    sharing::OwnerView,
};

/// When and why the server stopped a schedule.
#[derive(Serialize, ToSchema)]
pub(crate) struct StoppedView {
    at: String,
    reason: String,
}

/// A schedule.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScheduleView {
    id: String,
    name: String,
    report: String,
    report_name: Option<String>,
    format: String,
    /// As it was written.
    when: String,
    /// Cron's five fields.
    cron: Option<String>,
    /// The same in English.
    when_in_words: Option<String>,
    /// IANA zone of those times.
    zone: String,
    recipients: Vec<String>,
    /// Of the mails; null: the report's name.
    subject: Option<String>,
    enabled: bool,
    /// Where the server itself stopped it.
    stopped: Option<StoppedView>,
    next_run_at: Option<String>,
    last_run: Option<RunView>,
    owner: OwnerView,
    mine: bool,
    created_at: String,
    changed_at: String,
}

/// Schedules.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScheduleList {
    data: Vec<ScheduleView>,
}

/// A schedule to make, or to change into.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleWanted {
    name: String,
    /// A report of the caller's own, or one shared with the caller.
    report: String,
    /// csv, xlsx, pdf or html.
    format: String,
    /// Five fields of cron, or words such as "every month on the 1st at 06:00".
    when: String,
    /// Default: the report's.
    #[serde(default)]
    zone: Option<String>,
    /// Up to 50 addresses. Each gets a mail of its own and learns of no other.
    #[serde(default)]
    recipients: Vec<String>,
    #[serde(default)]
    subject: Option<String>,
    /// Default true.
    #[serde(default)]
    enabled: Option<bool>,
}

/// What is to be other about a schedule; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleChange {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    report: Option<String>,
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    when: Option<String>,
    #[serde(default)]
    zone: Option<String>,
    #[serde(default)]
    recipients: Option<Vec<String>>,
    /// Null: the report's name.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    subject: Option<Option<String>>,
    #[serde(default)]
    enabled: Option<bool>,
}

impl ScheduleChange {
    /// The schedule that it makes of this one.
    fn of(self, old: &Schedule) -> ScheduleWanted {
        ScheduleWanted {
            name: self.name.unwrap_or_else(|| old.name.clone()),
            report: self.report.unwrap_or_else(|| old.report.to_string()),
            format: self.format.unwrap_or_else(|| old.format.clone()),
            when: self.when.unwrap_or_else(|| old.timing.clone()),
            zone: Some(self.zone.unwrap_or_else(|| old.zone.clone())),
            recipients: self.recipients.unwrap_or_else(|| old.recipients.clone()),
            subject: self.subject.unwrap_or_else(|| old.subject.clone()),
            enabled: Some(self.enabled.unwrap_or(old.enabled)),
        }
    }
}

/// A timing to look at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimingWanted {
    when: String,
    #[serde(default)]
    zone: Option<String>,
}

/// What a timing means.
#[derive(Serialize, ToSchema)]
pub(crate) struct TimingView {
    cron: String,
    words: String,
    /// The next five times.
    next: Vec<String>,
}

/// Addresses of one schedule.
const RECIPIENTS_MAX: usize = 50;
/// Schedules of one owner.
const SCHEDULES_MAX: usize = 200;
/// Characters of an address, RFC 5321.
const ADDRESS_MAX: usize = 254;

async fn view(app: &App, caller: &Caller, schedule: &Schedule) -> Result<ScheduleView, ApiError> {
    let filter =
        JobFilter { kind: JobKind::Report, owner: None, parent: Some(schedule.id), before: None, limit: 1 };
    let last_run = match app.control.jobs(&filter).await?.first() {
        Some(job) => Some(report_runs::view(app, caller, job).await?),
        None => None,
    };
    let timing = Timing::parse(&schedule.timing).ok();
    let report = app.control.report(schedule.report).await?;
    let report = report.filter(|report| is_report_open(report, caller, &app.control.directory()));
    Ok(ScheduleView {
        id: schedule.id.to_string(),
        name: schedule.name.clone(),
        report: schedule.report.to_string(),
        report_name: report.map(|report| report.name),
        format: schedule.format.clone(),
        when: schedule.timing.clone(),
        cron: timing.as_ref().map(|timing| timing.fields().to_owned()),
        when_in_words: timing.as_ref().map(Timing::words),
        zone: schedule.zone.clone(),
        recipients: schedule.recipients.clone(),
        subject: schedule.subject.clone(),
        enabled: schedule.enabled,
        stopped: schedule.stopped.clone().map(|(at, reason)| StoppedView { at: at.to_rfc3339(), reason }),
        next_run_at: schedule.next_run.map(Timestamp::to_rfc3339),
        last_run,
        owner: OwnerView::named(schedule.owner, schedule.owner_name.clone()),
        mine: schedule.owner == caller.owner(&app.control.directory()),
        created_at: schedule.created_at.to_rfc3339(),
        changed_at: schedule.changed_at.to_rfc3339(),
    })
}

impl ScheduleWanted {
    /// The schedule that it becomes; `base` has what stays.
    async fn check(&self, app: &App, caller: &Caller, base: Schedule) -> Result<Schedule, ApiError> {
        let name = checked_text("/name", &self.name, NAME_MAX)?;
        // Of one that somebody else manages the report stays within reach of its owner, not of whoever changes it.
        let report = if base.report.to_string() == self.report {
            app.control.report(base.report).await?
        } else {
            match known(app, caller, &self.report).await {
                Ok(report) => Some(report),
                Err(error) if error.code == Code::NotFound => None,
                Err(error) => return Err(error),
            }
        };
        let report = report.ok_or_else(|| {
            ApiError::field(Code::NotFound, "/report", "no such report is yours or shared with you")
        })?;
        let format = format_named(&self.format)?;
        checked_timing(&self.when)?;
        let zone = self.zone.clone().unwrap_or_else(|| report.zone.clone());
        zone_named(&zone, "/zone")?;
        let recipients = checked_recipients(&self.recipients)?;
        let subject = match self.subject.as_deref().map(str::trim) {
            None | Some("") => None,
            Some(subject) => Some(checked_text("/subject", subject, NAME_MAX)?),
        };
        let enabled = self.enabled.unwrap_or(true);
        let now = app.now();
        let next_run = enabled.then(|| next_run(&self.when, &zone, now)).flatten();
        Ok(Schedule {
            name,
            report: report.id,
            format: format.as_str().to_owned(),
            timing: self.when.trim().to_owned(),
            zone,
            recipients,
            subject,
            enabled,
            stopped: if enabled { None } else { base.stopped.clone() },
            next_run,
            changed_at: now,
            ..base
        })
    }
}

fn checked_timing(when: &str) -> Result<Timing, ApiError> {
    Timing::parse(when).map_err(|error| ApiError::field(Code::InvalidTime, "/when", error.to_string()))
}

fn checked_recipients(recipients: &[String]) -> Result<Vec<String>, ApiError> {
    if recipients.len() > RECIPIENTS_MAX {
        let message = format!("a schedule has up to {RECIPIENTS_MAX} recipients");
        return Err(ApiError::field(Code::TooManyItems, "/recipients", message));
    }
    let mut checked: Vec<String> = Vec::with_capacity(recipients.len());
    for (place, address) in recipients.iter().enumerate() {
        let address = address.trim();
        if address.len() > ADDRESS_MAX || !indelible_mail::is_address(address) {
            let message = "expected an e-mail address without a name";
            return Err(ApiError::field(Code::InvalidString, &format!("/recipients/{place}"), message));
        }
        if !checked.iter().any(|known| known.eq_ignore_ascii_case(address)) {
            checked.push(address.to_owned());
        }
    }
    Ok(checked)
}

/// A schedule of the caller's own; of anybody's for complete user management.
async fn of_caller(app: &App, caller: &Caller, id: &str) -> Result<Schedule, ApiError> {
    caller.needs(Permission::AuditReports)?;
    let none = || ApiError::new(Code::NotFound, "no such schedule of yours");
    let schedule = app.control.schedule(Uuid::try_parse(id).map_err(|_| none())?).await?.ok_or_else(none)?;
    if is_open(&schedule, caller, &app.control.directory()) { Ok(schedule) } else { Err(none()) }
}

fn is_open(schedule: &Schedule, caller: &Caller, directory: &Directory) -> bool {
    schedule.owner == caller.owner(directory) || caller.principal.manages_users_completely()
}

pub(crate) fn told(
    caller: &Caller,
    schedule: &Schedule,
    what: (&str, &str, &str),
    directory: &Directory,
) -> OwnEvent {
    let (action, code, kind) = what;
    let text = [Some(&schedule.name), schedule.subject.as_ref()];
    let text: Vec<_> = text.into_iter().flatten().map(|text| ("name".to_owned(), text.clone())).collect();
    OwnEvent::new(action, code, kind)
        .by(&caller.principal, &caller.origin, directory)
        .to("schedule", &schedule.id.to_string(), &schedule.name)
        .touching_saved(schedule.owner, &[], &text, directory)
}

/// The schedules of the caller's own; everybody's for complete user management.
#[utoipa::path(
    get, path = "/v1/schedules", operation_id = "list_schedules", tag = "reports",
    responses((status = 200, body = ScheduleList), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn list(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<ScheduleList>, ApiError> {
    params.finish()?;
    caller.needs(Permission::AuditReports)?;
    let mut data = Vec::new();
    let directory = app.control.directory();
    let is_open = |schedule: &&Schedule| is_open(schedule, &caller, &directory);
    for schedule in app.control.schedules().await?.iter().filter(is_open) {
        data.push(view(&app, &caller, schedule).await?);
    }
    Ok(Json(ScheduleList { data }))
}

/// Makes a schedule.
#[utoipa::path(
    post, path = "/v1/schedules", operation_id = "create_schedule", tag = "reports", request_body = ScheduleWanted,
    responses((status = 201, body = ScheduleView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
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
    let wanted: ScheduleWanted = read_json(&app, &headers, body).await?;
    caller.still_valid(&app)?;
    uncancelled(async move {
        let now = app.now();
        let owner = caller.owner(&app.control.directory());
        let all = app.control.schedules().await?;
        if all.iter().filter(|schedule| schedule.owner == owner).count() >= SCHEDULES_MAX {
            let message = format!("you have {SCHEDULES_MAX} schedules; delete one first");
            return Err(ApiError::new(Code::TooManyItems, message));
        }
        let base = Schedule {
            id: Uuid::now_v7(),
            owner,
            owner_name: caller.principal.name.clone(),
            name: String::new(),
            report: Uuid::nil(),
            format: String::new(),
            timing: String::new(),
            zone: String::new(),
            recipients: Vec::new(),
            subject: None,
            enabled: true,
            stopped: None,
            next_run: None,
            created_at: now,
            changed_at: now,
        };
        let schedule = wanted.check(&app, &caller, base).await?;
        let told = told(
            &caller,
            &schedule,
            ("Create schedule", "schedule.create", "create"),
            &app.control.directory(),
        )
        .parameter("when", schedule.timing.clone())
        .parameter("zone", schedule.zone.clone())
        .parameter("recipients", schedule.recipients.clone());
        app.record(&told).await?;
        app.control.put_schedule(&schedule).await?;
        let view = view(&app, &caller, &schedule).await?;
        Ok((StatusCode::CREATED, Json(view)).into_response())
    })
    .await
}

/// One schedule.
#[utoipa::path(
    get, path = "/v1/schedules/{id}", operation_id = "get_schedule", tag = "reports", params(("id" = String, Path)),
    responses((status = 200, body = ScheduleView), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn one(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Json<ScheduleView>, ApiError> {
    params.finish()?;
    let schedule = of_caller(&app, &caller, &id).await?;
    view(&app, &caller, &schedule).await.map(Json)
}

/// Changes a schedule; what is absent stays. It still runs with its owner's reach.
#[utoipa::path(
    patch, path = "/v1/schedules/{id}", operation_id = "change_schedule", tag = "reports", params(("id" = String, Path)),
    request_body = ScheduleChange,
    responses((status = 200, body = ScheduleView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn change(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ScheduleView>, ApiError> {
    params.finish()?;
    let old = of_caller(&app, &caller, &id).await?;
    let change: ScheduleChange = read_json(&app, &headers, body).await?;
    let wanted = change.of(&old);
    caller.still_valid(&app)?;
    uncancelled(async move {
        // Its mails go out with the owner's reach: nobody else turns them to themselves.
        let is_owner = old.owner == caller.owner(&app.control.directory());
        let mut new = wanted.check(&app, &caller, old.clone()).await?;
        if !is_owner {
            if new.recipients != old.recipients || new.report != old.report {
                let message = "only its owner says what a schedule sends, and to whom; make one of your own";
                return Err(ApiError::field(Code::Forbidden, "/recipients", message));
            }
            if new.enabled && !old.enabled {
                let message = "only its owner begins a schedule again";
                return Err(ApiError::field(Code::Forbidden, "/enabled", message));
            }
            // Saving it is how its owner agrees to what others made of its report.
            new.changed_at = old.changed_at;
        }
        let told =
            told(&caller, &new, ("Change schedule", "schedule.change", "update"), &app.control.directory())
                .changed("name", old.name, new.name.clone())
                .changed("report", old.report.to_string(), new.report.to_string())
                .changed("format", old.format, new.format.clone())
                .changed("when", old.timing, new.timing.clone())
                .changed("zone", old.zone, new.zone.clone())
                .changed("recipients", old.recipients, new.recipients.clone())
                .changed("subject", old.subject, new.subject.clone())
                .changed("enabled", old.enabled, new.enabled);
        app.record(&told).await?;
        app.control.put_schedule(&new).await?;
        view(&app, &caller, &new).await.map(Json)
    })
    .await
}

/// Deletes a schedule. Its runs stay in the history.
#[utoipa::path(
    delete, path = "/v1/schedules/{id}", operation_id = "delete_schedule", tag = "reports", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn delete(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    let schedule = of_caller(&app, &caller, &id).await?;
    uncancelled(async move {
        let what = ("Delete schedule", "schedule.delete", "delete");
        app.record(&told(&caller, &schedule, what, &app.control.directory())).await?;
        app.control.delete_schedule(schedule.id).await?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Runs a schedule now, mails and all, whatever its times are.
#[utoipa::path(
    post, path = "/v1/schedules/{id}/run", operation_id = "run_schedule", tag = "reports", params(("id" = String, Path)),
    responses((status = 202, body = RunView), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn run(
    Ready(app): Ready,
    caller: Caller,
    PathPart(id): PathPart,
    params: Params,
) -> Result<Response, ApiError> {
    params.finish()?;
    let schedule = of_caller(&app, &caller, &id).await?;
    if schedule.owner != caller.owner(&app.control.directory()) {
        return Err(ApiError::new(Code::Forbidden, "only its owner runs a schedule by hand"));
    }
    uncancelled(async move {
        let now = app.now();
        let report = app.report_of(&schedule, &caller.principal).await?;
        let report = report.map_err(|reason| ApiError::new(Code::Forbidden, reason))?;
        let definition = serde_json::from_str(&report.definition).map_err(files::corrupt)?;
        let _turn = app.asking_turn.lock().await;
        let (touched, moment) = may_run(&app, &caller, &definition, &report.query, now).await?;
        let job = run_of(&report, &schedule, now, Some(moment))?;
        let directory = app.control.directory();
        let told = OwnEvent::new("Run report", "report.run", "export")
            .touching_of(touched)
            .saying(&report.name, &directory)
            .saying(&schedule.name, &directory)
            .by(&caller.principal, &caller.origin, &directory)
            .to("report", &job.id.to_string(), &report.name)
            .parameter("schedule", schedule.name.clone())
            .parameter("format", schedule.format.clone())
            .parameter("query", report.query.clone());
        app.record(&told).await?;
        app.control.insert_job(&job, now).await?;
        app.jobs.wake();
        let job = files::found(&app, JobKind::Report, job.id).await?;
        Ok((StatusCode::ACCEPTED, Json(report_runs::view(&app, &caller, &job).await?)).into_response())
    })
    .await
}

/// What a timing means, and the next times that it gives.
#[utoipa::path(
    post, path = "/v1/schedules/preview", operation_id = "preview_schedule", tag = "reports", request_body = TimingWanted,
    responses((status = 200, body = TimingView), (status = 400, body = ProblemDetails))
)]
pub(crate) async fn preview(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<TimingView>, ApiError> {
    params.finish()?;
    caller.needs(Permission::AuditReports)?;
    let wanted: TimingWanted = read_json(&app, &headers, body).await?;
    let timing = checked_timing(&wanted.when)?;
    let zone = zone_named(wanted.zone.as_deref().unwrap_or("UTC"), "/zone")?;
    let following = |at: &Timestamp| timing.next(*at, &zone);
    let next = std::iter::successors(timing.next(app.now(), &zone), following).take(TIMES_SHOWN);
    Ok(Json(TimingView {
        cron: timing.fields().to_owned(),
        words: timing.words(),
        next: next.map(Timestamp::to_rfc3339).collect(),
    }))
}

const TIMES_SHOWN: usize = 5;
