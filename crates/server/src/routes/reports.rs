//! Reports: their kinds, saved, shared, previewed. Their runs: `report_runs`.

use std::time::Duration;

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use indelible_access::{Step, Walked};
use indelible_control::{ControlError, Directory, Owner, Permission, Report, Sharing};
use indelible_event::Code;
use indelible_report::{ChartKind, Format, ReportKind, ReportPlan, preview};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    files::corrupt,
    input::{checked_text, given, read_json},
    uncancelled,
};
use crate::{
    app::App,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
    files::{filters_of, zone_named},
    queries::Kind,
    recorder::OwnEvent,
    reports::{DefinitionGiven, query_with_zone},
    sharing::{OwnerView, SharingRequest, SharingView},
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
    owner: OwnerView,
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

/// What is to be other about a report; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportChange {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    /// Null: all of the kind.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    columns: Option<Option<Vec<String>>>,
    /// Null: nothing.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<crate::reports::GroupsGiven>)]
    group_by: Option<Option<crate::reports::GroupsGiven>>,
    #[serde(default)]
    totals: Option<bool>,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    zone: Option<String>,
    #[serde(default)]
    shared_with: Option<SharingRequest>,
}

impl ReportChange {
    /// The report that it makes of this one.
    fn of(self, old: &Report) -> Result<ReportWanted, ApiError> {
        let definition: DefinitionGiven = serde_json::from_str(&old.definition).map_err(corrupt)?;
        Ok(ReportWanted {
            name: self.name.unwrap_or_else(|| old.name.clone()),
            kind: self.kind.unwrap_or(definition.kind),
            columns: self.columns.unwrap_or(definition.columns),
            group_by: self.group_by.unwrap_or(definition.group_by),
            totals: Some(self.totals.unwrap_or(definition.totals)),
            query: Some(self.query.unwrap_or_else(|| without_zone(&old.query, &old.zone))),
            zone: Some(self.zone.unwrap_or_else(|| old.zone.clone())),
            shared_with: self.shared_with,
        })
    }
}

/// A query without the zone that it has only from its report: another zone of the report is another one of the query.
fn without_zone(query: &str, zone: &str) -> String {
    let pairs =
        form_urlencoded::parse(query.as_bytes()).filter(|(name, value)| name != "tz" || value != zone);
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
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

/// Characters of a name.
pub(crate) const NAME_MAX: usize = 200;
/// Saved reports of one owner.
const REPORTS_MAX: usize = 500;
/// Events that a preview is made of, and how long it may take.
const PREVIEW_EVENTS: usize = 200;

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
pub(super) struct Checked {
    pub(super) name: String,
    pub(super) definition: DefinitionGiven,
    pub(super) query: String,
    pub(super) zone: String,
}

impl ReportWanted {
    pub(super) fn check(&self, app: &App, caller: &Caller, needs_name: bool) -> Result<Checked, ApiError> {
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
        let own = match caller.owner(&app.control.directory()) {
            Owner::User(user) => app.control.directory().user(user).and_then(|user| user.zone.clone()),
            Owner::AdminKey | Owner::Key(_) => None,
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
        owner: OwnerView::named(report.owner, report.owner_name.clone()),
        mine: report.owner == caller.owner(directory),
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
    report.owner == caller.owner(directory)
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
    if report.owner == caller.owner(&app.control.directory()) || caller.principal.manages_users_completely() {
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
        .touching_saved(new.owner, &[old.shared_with, new.shared_with], &text, &directory)
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
        let owner = caller.owner(&app.control.directory());
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
    request_body = ReportChange,
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
    let change: ReportChange = read_json(&app, &headers, body).await?;
    let wanted = change.of(&old)?;
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
