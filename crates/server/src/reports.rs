//! Reports: runs that make their files, schedules that begin runs, mails that carry them.
//!
//! A run reads with its owner's reach of the moment at which it runs. One that a schedule begins is told in the trail once,
//! when the first of its mails was accepted by the mail server, and not at all where none was; its history says why.
//! Invariant: of the mails of a run none is sent before its file is whole, and none to more than one recipient.

use std::{sync::Arc, time::Duration};

use indelible_access::Principal;
use indelible_control::{
    Begun, Job, JobKind, JobState, NewJob, OPEN_RUNS_MAX, Permission, Report, Schedule, TenantNumber,
};
use indelible_event::{Code, Timestamp};
use indelible_mail::{Attachment, MailError, Message, ReportMail};
use indelible_report::{
    Definition, Format, Group, ReportBuilder, ReportColumn, ReportKind, ReportPlan, ReviewedPerson, Timing,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::App,
    error::ApiError,
    files::{
        FileMade, Made, Outcome, Seen, Sources, filters_of, head, in_background, minute, produce, slug,
        zone_named,
    },
    jobs::{Done, Failure, JobError, Work},
    mailing::shown_at,
    recorder::{INSTALLATION_NUMBER, OwnEvent},
    routes::{
        files::{event_of, outcome_of, touching_file},
        reports::text_of,
        users::manages,
    },
    serve,
    sharing::is_shared_with,
};

/// What a report shows.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DefinitionGiven {
    /// details, sign_ins, changes, deletions, new_users, activity or access_review.
    pub(crate) kind: String,
    /// Names of columns in their order; null: all of the kind.
    #[serde(default)]
    pub(crate) columns: Option<Vec<String>>,
    /// What rows are counted by: a name, or names with the outermost first.
    #[serde(default)]
    pub(crate) group_by: Option<GroupsGiven>,
    /// Whether sums stand under groups and at the end.
    #[serde(default = "yes")]
    pub(crate) totals: bool,
}

fn yes() -> bool {
    true
}

/// One group or several.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, ToSchema)]
#[serde(untagged)]
pub(crate) enum GroupsGiven {
    /// One.
    One(String),
    /// Several, the outermost first.
    Several(Vec<String>),
}

impl DefinitionGiven {
    /// # Errors
    /// `invalid_enum` with the field.
    pub(crate) fn read(&self) -> Result<Definition, ApiError> {
        let refuse = |field: &str, known: Vec<&str>| {
            ApiError::field(Code::InvalidEnum, field, format!("expected one of {}", known.join(", ")))
        };
        let kind = ReportKind::parse(&self.kind)
            .ok_or_else(|| refuse("/kind", ReportKind::ALL.iter().map(|kind| kind.as_str()).collect()))?;
        let column = |(place, name): (usize, &String)| {
            ReportColumn::parse(name).ok_or_else(|| {
                let known = ReportColumn::OF_DETAILS.iter().map(|column| column.as_str()).collect();
                refuse(&format!("/columns/{place}"), known)
            })
        };
        let columns = self
            .columns
            .as_ref()
            .map(|names| names.iter().enumerate().map(column).collect::<Result<Vec<_>, _>>())
            .transpose()?;
        let groups: &[String] = match &self.group_by {
            None => &[],
            Some(GroupsGiven::One(name)) => std::slice::from_ref(name),
            Some(GroupsGiven::Several(names)) => names,
        };
        // A single one is a text, with no places in it.
        let single = matches!(self.group_by, Some(GroupsGiven::One(_)));
        let field =
            |field: String| if single && field == "/group_by/0" { "/group_by".to_owned() } else { field };
        let group = |(place, name): (usize, &String)| {
            let known = || Group::ALL.iter().map(|group| group.as_str()).collect();
            Group::parse(name).ok_or_else(|| refuse(&field(format!("/group_by/{place}")), known()))
        };
        let group_by = groups.iter().enumerate().map(group).collect::<Result<Vec<_>, _>>()?;
        let definition = Definition { kind, columns, group_by, totals: self.totals };
        definition
            .check()
            .map_err(|error| ApiError::field(Code::InvalidEnum, &field(error.field), error.message))?;
        Ok(definition)
    }
}

/// The format of reports with this name.
///
/// # Errors
/// `invalid_enum`.
pub(crate) fn format_named(name: &str) -> Result<Format, ApiError> {
    let found = Format::parse(name).filter(|format| Format::OF_REPORTS.contains(format));
    found.ok_or_else(|| {
        let known: Vec<_> = Format::OF_REPORTS.iter().map(|format| format.as_str()).collect();
        ApiError::field(Code::InvalidEnum, "/format", format!("format is one of {}", known.join(", ")))
    })
}

/// What a run is to make, as its job's row has it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct RunSpec {
    /// Of the report.
    pub(crate) name: String,
    pub(crate) report: Option<Uuid>,
    pub(crate) definition: DefinitionGiven,
    pub(crate) format: String,
    pub(crate) query: String,
    pub(crate) zone: String,
    /// The instant that relative ranges count from, in microseconds.
    pub(crate) at: i64,
    /// The same, for people.
    pub(crate) as_of_time: String,
    /// What was in the ledger when somebody asked for it, sealed; of a run by the clock whatever is there when it is made.
    #[serde(default)]
    pub(crate) as_of: Option<String>,
    /// The schedule that began it.
    pub(crate) schedule: Option<ScheduleOfRun>,
}

/// What a run needs to know of its schedule.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ScheduleOfRun {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) recipients: Vec<String>,
    pub(crate) subject: Option<String>,
    /// Whether somebody asked for it, instead of the clock.
    pub(crate) on_demand: bool,
}

/// What a mail's job is to send.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct MailSpec {
    pub(crate) to: String,
    pub(crate) run: Uuid,
}

/// Makes a report's file; from it follow the jobs of its mails.
pub(crate) async fn perform(app: &Arc<App>, job: &Job, work: &Arc<Work>) -> Result<Done, JobError> {
    let spec: RunSpec = serde_json::from_str(&job.spec).map_err(|_| unreadable())?;
    let schedule = spec.schedule.clone();
    let made = make(app, job, work, spec).await;
    let Some(schedule) = schedule else { return made };
    if let Err(JobError::Failed(failure)) = &made {
        let is_one = |code: &Code| failure.code == code.as_str();
        if [Code::Forbidden, Code::RangeNotAllowed].iter().any(is_one) {
            app.stop_schedule(schedule.id, &failure.detail).await?;
        }
    }
    let mails = schedule.recipients.iter().enumerate().map(|(place, to)| {
        let spec = MailSpec { to: to.clone(), run: job.id };
        Ok(NewJob {
            id: mail_id(job.id, place),
            kind: JobKind::Mail,
            owner: job.owner,
            owner_name: job.owner_name.clone(),
            parent: Some(job.id),
            spec: serde_json::to_string(&spec).map_err(|_| unreadable())?,
            run_at: app.now(),
        })
    });
    Ok(Done { then: mails.collect::<Result<_, JobError>>()?, ..made? })
}

async fn make(app: &Arc<App>, job: &Job, work: &Arc<Work>, spec: RunSpec) -> Result<Done, JobError> {
    let people = match spec.definition.read()?.kind {
        ReportKind::AccessReview => Some(reviewed(app, job).await?),
        _ => None,
    };
    in_background(app, job, work, move |app, job, work| write(app, job, work, &spec, people.as_ref())).await
}

fn unreadable() -> JobError {
    JobError::failed(Code::Internal, "the job's row can't be read by this version")
}

/// The same for a run that is made again: no recipient gets two mails of it. In the order of ids beside the run's.
fn mail_id(run: Uuid, place: usize) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(run.as_bytes());
    hash.update(place.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = *run.as_bytes();
    bytes[8..].copy_from_slice(&digest[..8]);
    Uuid::from_bytes(bytes)
}

/// Who is reviewed, and whose tenants they are.
struct Reviewed {
    people: Vec<ReviewedPerson>,
    tenants: Vec<TenantNumber>,
}

/// The people whom somebody manages, for a preview.
///
/// # Errors
/// `forbidden`.
pub(crate) async fn people_of(app: &App, principal: &Principal) -> Result<Vec<ReviewedPerson>, ApiError> {
    review(app, principal).await.map(|reviewed| reviewed.people)
}

/// The people whom the owner manages.
async fn reviewed(app: &App, job: &Job) -> Result<Reviewed, JobError> {
    let principal = app.auth.on_behalf_of(job.owner, app.now()).ok_or_else(gone)?;
    Ok(review(app, &principal).await?)
}

async fn review(app: &App, principal: &Principal) -> Result<Reviewed, ApiError> {
    if !principal.may(Permission::UsersManage) {
        return Err(ApiError::new(Code::Forbidden, "a review of access needs the permission users.manage"));
    }
    let last = app.control.last_sign_ins().await?;
    let directory = app.control.directory();
    // Whoever has more than the reader is not the reader's to manage, and their roles may name tenants elsewhere.
    let mut users: Vec<_> = directory.users().filter(|user| manages(principal, user, &directory)).collect();
    users.sort_by_key(|user| user.username.to_lowercase());
    let mut tenants: Vec<_> = users.iter().map(|user| user.tenant.unwrap_or(INSTALLATION_NUMBER)).collect();
    tenants.sort_unstable();
    tenants.dedup();
    let people = users.into_iter().map(|user| {
        let role = |grant: &indelible_control::RoleGrant| {
            let name = directory
                .role(grant.role)
                .map_or_else(|| "a role that is gone".into(), |role| role.name.clone());
            let of: Vec<_> = grant
                .territories
                .iter()
                .filter_map(|territory| directory.tenant(*territory))
                .map(|tenant| tenant.name.as_str())
                .collect();
            if of.is_empty() { name } else { format!("{name} ({})", of.join(", ")) }
        };
        let names = [user.first_name.as_deref(), user.last_name.as_deref()];
        ReviewedPerson {
            username: user.username.clone(),
            name: names.into_iter().flatten().collect::<Vec<_>>().join(" "),
            roles: user.grants.iter().map(role).collect(),
            groups: user.groups.clone(),
            state: user.state.as_str().to_owned(),
            last_sign_in: last.get(&user.id).copied(),
        }
    });
    Ok(Reviewed { people: people.collect(), tenants })
}

fn gone() -> JobError {
    JobError::failed(Code::Forbidden, "who asked for this can't sign in any more, or the key has ended")
}

fn write(
    app: &Arc<App>,
    job: &Job,
    work: &Work,
    spec: &RunSpec,
    people: Option<&Reviewed>,
) -> Result<Done, JobError> {
    let format = format_named(&spec.format)?;
    let zone = zone_named(&spec.zone, "/zone")?;
    let definition = spec.definition.read()?;
    let principal = app.auth.on_behalf_of(job.owner, app.now()).ok_or_else(gone)?;
    let reader = app.trail.reader_for(&principal, Permission::AuditReports).map_err(ApiError::from)?;
    let at = Timestamp::from_micros(spec.at);
    let as_of = reader.moment(spec.as_of.as_deref(), at).map_err(ApiError::from)?;
    let sources = Sources::open(app, job, work, &spec.query, &as_of, Permission::AuditReports)?;
    let checkpoint = sources.checkpoint()?;
    let title = if spec.name.is_empty() { definition.kind.title() } else { &spec.name };
    let name =
        format!("{}-{}.{}", named(title, definition.kind), minute(&zone, job.created_at), format.as_str());
    let plan = ReportPlan {
        head: head(job, title, &spec.query, &spec.zone, &spec.as_of_time, checkpoint.as_deref()),
        zone,
        ..ReportPlan::new(definition, format)
    };
    let mut outcome = produce(
        app,
        job,
        |part| {
            let mut builder = ReportBuilder::create(part, plan)?;
            let mut seen = Seen::default();
            let left_out = match people {
                Some(reviewed) => {
                    reviewed.people.iter().try_for_each(|person| builder.add_person(person))?;
                    0
                }
                None => sources.each(app.config.export_rows_max.unwrap_or(u64::MAX), |events| {
                    seen.note(events);
                    for walked in events {
                        builder.add(&walked.view, std::str::from_utf8(walked.original()).ok())?;
                    }
                    Ok(())
                })?,
            };
            Ok(Made {
                name,
                format,
                written: sources.finish(|goes_on| builder.finish_while(goes_on))?,
                left_out,
                seen,
                checkpoint,
            })
        },
        &sources.reader,
    )?;
    if let Some(reviewed) = people {
        outcome.tenants.clone_from(&reviewed.tenants);
        outcome.of_people = true;
    }
    if spec.schedule.as_ref().is_some_and(|schedule| !schedule.on_demand) {
        outcome.told_in = Some(touching_file(OwnEvent::default(), &outcome).chain(&app.control.directory()));
    }
    outcome.done(app)
}

/// The name of a file of this report.
fn named(title: &str, kind: ReportKind) -> String {
    let stem = slug(title);
    if stem.is_empty() { kind.as_str().replace('_', "-") } else { stem }
}

impl App {
    /// Begins the runs whose time has come.
    ///
    /// # Errors
    /// The database's; what is due is tried again.
    pub(crate) async fn begin_due_runs(&self) -> Result<(), ApiError> {
        let now = self.now();
        for schedule in self.control.schedules_due(now).await? {
            // One that can't be begun keeps no other waiting.
            if let Err(error) = self.begin_run(&schedule, now).await {
                let cause = error.cause();
                tracing::warn!(schedule = %schedule.id, cause, "a run that is due could not be begun");
            }
        }
        Ok(())
    }

    async fn begin_run(&self, schedule: &Schedule, now: Timestamp) -> Result<(), ApiError> {
        let report = match self.owner_may(schedule) {
            Ok(owner) => self.report_of(schedule, &owner).await?,
            Err(reason) => Err(reason),
        };
        let report = match report {
            Ok(report) => report,
            Err(reason) => return self.stop_schedule(schedule.id, &reason).await,
        };
        // Of several that were missed while the server was down, one is made up for.
        let next = next_run(&schedule.timing, &schedule.zone, now);
        let due = schedule.next_run.unwrap_or(now);
        let job = run_of(&report, schedule, due, None)?;
        let too_many = serde_json::json!({ "problem": Failure {
            code: Code::TooManyItems.as_str().to_owned(),
            detail: format!("{OPEN_RUNS_MAX} runs of the schedule that were begun before have not ended"),
        }});
        match self.control.begin_run(schedule, &job, next, &too_many.to_string(), now).await? {
            Begun::Queued => {
                tracing::info!(schedule = %schedule.id, run = %job.id, "run of a report begun");
                self.jobs.wake();
            }
            Begun::TooMany => {
                tracing::warn!(schedule = %schedule.id, "a run was left out: those before it have not ended");
            }
            Begun::NotDue => {}
        }
        Ok(())
    }

    /// Puts to right what was put off while the clock was ahead: a run would else be missing until then.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn call_in_runs(&self) -> Result<(), ApiError> {
        let now = self.now();
        for schedule in self.control.schedules().await? {
            let next = next_run(&schedule.timing, &schedule.zone, now);
            if schedule.enabled && next.is_some() && schedule.next_run > next {
                self.control.move_run(&schedule, next).await?;
            }
        }
        Ok(self.call_in_jobs().await?)
    }

    /// The owner of a schedule, if they may still have reports; else why not.
    fn owner_may(&self, schedule: &Schedule) -> Result<Principal, String> {
        let principal = self
            .auth
            .on_behalf_of(schedule.owner, self.now())
            .ok_or("its owner can't sign in any more, or the key has ended")?;
        for permission in [Permission::AuditRead, Permission::AuditReports] {
            if !principal.may(permission) {
                return Err(format!("its owner has lost the permission {permission}"));
            }
        }
        Ok(principal)
    }

    /// The report of a schedule, as its owner agreed to it; else why it is not made.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn report_of(
        &self,
        schedule: &Schedule,
        owner: &Principal,
    ) -> Result<Result<Report, String>, ApiError> {
        let Some(report) = self.control.report(schedule.report).await? else {
            return Ok(Err("its report is gone".to_owned()));
        };
        if report.owner == schedule.owner {
            return Ok(Ok(report));
        }
        let text = text_of(&report.name, &report.query);
        if !is_shared_with(owner, report.shared_with, &text, &self.control.directory()) {
            return Ok(Err("its report is not shared with its owner any more".to_owned()));
        }
        // What a schedule sends is found with its owner's reach: nobody else says what that is.
        if report.changed_at > schedule.changed_at {
            let reason = "its report was changed by somebody else; look at it, and save the schedule again";
            return Ok(Err(reason.to_owned()));
        }
        Ok(Ok(report))
    }

    /// Stops a schedule, and says so in the trail.
    pub(crate) async fn stop_schedule(&self, id: Uuid, reason: &str) -> Result<(), ApiError> {
        let Some(schedule) = self.control.schedule(id).await?.filter(|schedule| schedule.enabled) else {
            return Ok(());
        };
        let directory = self.control.directory();
        let told = OwnEvent::new("Stop schedule", "schedule.stop", "deactivate")
            .touching_saved(schedule.owner, &[], &[], &directory)
            .to("schedule", &id.to_string(), &schedule.name)
            .parameter("owner", schedule.owner_name.clone())
            .parameter("reason", reason);
        let chain = told.chain(&directory);
        // Told first, and once: it runs again only after a change.
        let told_as = self.looking.event_id(&format!("stop at {}", schedule.changed_at.as_micros()), id);
        self.record_in(told_as, chain, told.to_json(chain)).await?;
        if self.control.stop_schedule(id, reason, self.now()).await? {
            tracing::warn!(schedule = %id, reason, "schedule stopped");
        }
        Ok(())
    }
}

/// When a schedule runs next; never, where its timing can't be read any more.
pub(crate) fn next_run(timing: &str, zone: &str, now: Timestamp) -> Option<Timestamp> {
    let zone = jiff::tz::TimeZone::get(zone).ok()?;
    Timing::parse(timing).ok()?.next(now, &zone)
}

/// The job of a schedule's run; `asked_for`: the sealed moment at which somebody asked for it, instead of the clock.
pub(crate) fn run_of(
    report: &Report,
    schedule: &Schedule,
    at: Timestamp,
    asked_for: Option<String>,
) -> Result<NewJob, ApiError> {
    let on_demand = asked_for.is_some();
    let query = if on_demand { report.query.clone() } else { until(&report.query, at)? };
    let of = ScheduleOfRun {
        id: schedule.id,
        name: schedule.name.clone(),
        recipients: schedule.recipients.clone(),
        subject: schedule.subject.clone(),
        on_demand,
    };
    let definition = serde_json::from_str(&report.definition).map_err(crate::routes::files::corrupt)?;
    let spec = RunSpec {
        name: report.name.clone(),
        report: Some(report.id),
        definition,
        format: schedule.format.clone(),
        query,
        zone: report.zone.clone(),
        at: at.as_micros(),
        as_of_time: at.to_rfc3339(),
        as_of: asked_for,
        schedule: Some(of),
    };
    Ok(NewJob {
        id: Uuid::now_v7(),
        kind: JobKind::Report,
        owner: schedule.owner,
        owner_name: schedule.owner_name.clone(),
        parent: Some(schedule.id),
        spec: serde_json::to_string(&spec).map_err(|error| ApiError::internal(error.to_string()))?,
        run_at: at,
    })
}

/// A mail's run, as far as the mail is about it.
struct Parcel {
    run: Job,
    spec: RunSpec,
    of: ScheduleOfRun,
    outcome: Outcome,
    file: FileMade,
}

impl Parcel {
    async fn of(app: &App, mail: &MailSpec) -> Result<Self, JobError> {
        let run = app.control.job(mail.run).await.map_err(ApiError::from)?.ok_or_else(unreadable)?;
        let spec: RunSpec = serde_json::from_str(&run.spec).map_err(|_| unreadable())?;
        let of = spec.schedule.clone().ok_or_else(unreadable)?;
        let outcome = outcome_of(&run)?;
        let file = outcome.file.clone().ok_or_else(unreadable)?;
        Ok(Self { run, spec, of, outcome, file })
    }

    /// Whether it is still to be sent: between making and sending there may be hours.
    async fn check(&self, app: &App, to: &str) -> Result<(), JobError> {
        let gone = |detail: &str| Err(JobError::failed(Code::NotFound, detail));
        if self.run.state != JobState::Completed {
            return gone("the report's file is gone");
        }
        let schedule = app.control.schedule(self.of.id).await.map_err(ApiError::from)?;
        let Some(schedule) = schedule else { return gone("the schedule was deleted") };
        if !schedule.recipients.iter().any(|recipient| recipient == to) {
            return gone("the schedule does not name this recipient any more");
        }
        if let Err(error) = app.reader_of_owner(&self.run, &self.outcome) {
            if let Err(reason) = app.owner_may(&schedule) {
                app.stop_schedule(schedule.id, &reason).await?;
            }
            return Err(error.into());
        }
        Ok(())
    }

    /// The mail to this address: with the file, or with a link to one that is too large.
    async fn message(&self, app: &App, to: &str, installation: &str) -> Result<Message, JobError> {
        let Self { run, spec, of, file, .. } = self;
        let too_large = file.bytes > app.config.mail_attachment_bytes_max;
        let attachment = if too_large { None } else { Some(self.attachment(app).await?) };
        let link = if too_large { Some(app.download_link(run)?) } else { None };
        let link = link.map(|(url, until)| (url, shown_at(until, Some(&spec.zone))));
        let mail = ReportMail {
            installation,
            subject: of.subject.as_deref(),
            report: if spec.name.is_empty() { "Report" } else { &spec.name },
            schedule: &of.name,
            as_of: &shown_at(Timestamp::from_micros(spec.at), Some(&spec.zone)),
            rows: file.rows,
            left_out: file.left_out,
            sha256: &file.sha256,
            link: link.as_ref().map(|(url, until)| (url.as_str(), until.as_str())),
            home: &app.link("/"),
        };
        Ok(mail.message(to, attachment))
    }

    async fn attachment(&self, app: &App) -> Result<Attachment, JobError> {
        let bytes = tokio::fs::read(app.file_of(self.run.id))
            .await
            .map_err(|error| JobError::later(Code::Unavailable, format!("the report's file: {error}")))?;
        if hex::encode(Sha256::digest(&bytes)) != self.file.sha256 {
            let detail = "the report's file is not what it was when it was written";
            return Err(JobError::failed(Code::Internal, detail));
        }
        let (name, media_type) = (self.file.name.clone(), self.file.media_type.clone());
        Ok(Attachment { name, media_type, bytes })
    }

    /// Tells that the run was sent: once, whichever of its mails was accepted first.
    async fn tell(&self, app: &App) -> Result<(), ApiError> {
        let told = OwnEvent::new("Send report", "report.send", "send")
            .parameter("schedule", self.of.name.clone())
            .parameter("owner", self.run.owner_name.clone())
            .parameter("recipients", self.of.recipients.len());
        let told = event_of(&self.run, told)?;
        let chain = self.outcome.told_in.unwrap_or_else(|| told.chain(&app.control.directory()));
        app.record_in(app.looking.event_id("report", self.run.id), chain, told.to_json(chain)).await
    }
}

/// How long a mail that is on its way gets when the server stops.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A query that ends where a run was due, unless it says itself where it ends: one that is made up for later is about the
/// same time.
fn until(query: &str, due: Timestamp) -> Result<String, ApiError> {
    let mut filters = filters_of(query)?;
    if !filters.iter().any(|(name, _)| name == "until") {
        filters.push(("until".to_owned(), due.to_rfc3339()));
    }
    Ok(form_urlencoded::Serializer::new(String::new()).extend_pairs(&filters).finish())
}

/// Sends one mail of a run.
pub(crate) async fn send(app: &Arc<App>, job: &Job) -> Result<Done, JobError> {
    let spec: MailSpec = serde_json::from_str(&job.spec).map_err(|_| unreadable())?;
    let parcel = Parcel::of(app, &spec).await?;
    if !outcome_of(job)?.accepted {
        parcel.check(app, &spec.to).await?;
        hand_over(app, job, &parcel, &spec.to).await?;
    }
    if !parcel.of.on_demand {
        // What the mail server took is not sent again because the ledger can't be written at this moment.
        parcel.tell(app).await.map_err(|error| match JobError::from(error) {
            JobError::Later(failure) => JobError::Untold(failure),
            error => error,
        })?;
    }
    Ok(Done { outcome: "{\"sent\":true}".to_owned(), expires_at: None, then: Vec::new() })
}

/// Gives a mail to the mail server.
async fn hand_over(app: &App, job: &Job, parcel: &Parcel, to: &str) -> Result<(), JobError> {
    let not_set_up = |_| JobError::failed(Code::MailNotSetUp, "mail is not set up on this server");
    let mailer = app.mailing.mailer().map_err(not_set_up)?;
    let message = parcel.message(app, to, mailer.installation()).await?;
    let message = Message { id: Some(job.id.as_u128()), ..message };
    let mut stopped = app.stopped.clone();
    let mut sending = std::pin::pin!(mailer.send(&message, app.now()));
    let sent = tokio::select! {
        sent = &mut sending => sent,
        () = serve::stopped(&mut stopped) => {
            tokio::time::timeout(LAST_WORDS, sending).await.map_err(|_| JobError::Interrupted)?
        }
    };
    sent.map_err(|error| {
        let detail = error.to_string();
        if error.retryable() { later(&error, detail) } else { JobError::failed(Code::MailFailed, detail) }
    })
}

fn later(error: &MailError, detail: String) -> JobError {
    tracing::info!(reason = error.reason(), "a mail is tried again");
    JobError::later(Code::MailFailed, detail)
}

/// A query's filters with a zone, checked as far as that can be done without asking.
///
/// # Errors
/// As [`filters_of`].
pub(crate) fn query_with_zone(query: &str, zone: &str) -> Result<String, ApiError> {
    let mut filters = filters_of(query)?;
    if !filters.iter().any(|(name, _)| name == "tz") {
        filters.push(("tz".to_owned(), zone.to_owned()));
    }
    Ok(form_urlencoded::Serializer::new(String::new()).extend_pairs(&filters).finish())
}

/// What came of a mail's job, in words.
pub(crate) fn answer_of(job: &Job) -> Result<Option<String>, ApiError> {
    let outcome: Outcome = match &job.outcome {
        Some(_) if job.state == JobState::Completed => return Ok(None),
        _ => outcome_of(job)?,
    };
    Ok(outcome.problem.map(|problem| problem.detail))
}
