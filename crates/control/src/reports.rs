//! Saved reports, and when they are made by themselves.
//!
//! A schedule's next run and the job of the one that is due are written in one transaction: no run is missing and none is
//! there twice, wherever the server ends.

use indelible_event::Timestamp;
use sqlx::{Row as _, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{Control, ControlError, NewJob, Owner, Sharing, jobs::insert_job, store::to_sql};

/// A saved report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Immutable.
    pub id: Uuid,
    /// Whose it is.
    pub owner: Owner,
    /// How people knew its owner when it was made.
    pub owner_name: String,
    /// As people call it.
    pub name: String,
    /// What it shows, as JSON.
    pub definition: String,
    /// The filters, as in an address.
    pub query: String,
    /// IANA zone of its times.
    pub zone: String,
    /// Who else sees it.
    pub shared_with: Sharing,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// When a report is made by itself, and to whom it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Immutable.
    pub id: Uuid,
    /// Whose reach it runs with.
    pub owner: Owner,
    /// How people knew its owner when it was made.
    pub owner_name: String,
    /// As people call it.
    pub name: String,
    /// Which report.
    pub report: Uuid,
    /// The file's format.
    pub format: String,
    /// When: five fields of cron, or words.
    pub timing: String,
    /// IANA zone of those times.
    pub zone: String,
    /// Addresses, each of which gets a mail of its own.
    pub recipients: Vec<String>,
    /// Of the mails; `None`: the report's name.
    pub subject: Option<String>,
    /// Whether it runs.
    pub enabled: bool,
    /// When and why the server itself stopped it.
    pub stopped: Option<(Timestamp, String)>,
    /// `None` while it is not enabled.
    pub next_run: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// What became of a run that was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Its job waits for a free hand.
    Queued,
    /// It failed at once: too many runs of the schedule have not ended.
    TooMany,
    /// It is not due any more: somebody changed the schedule.
    NotDue,
}

/// Runs of one schedule that wait or run: one every minute that takes longer than that would fill the table.
pub const OPEN_RUNS_MAX: i64 = 3;

impl Control {
    /// Every saved report.
    ///
    /// # Errors
    /// The database's.
    pub async fn reports(&self) -> Result<Vec<Report>, ControlError> {
        let rows = sqlx::query("SELECT * FROM reports ORDER BY id").fetch_all(self.pool()).await?;
        rows.iter().map(report_from).collect()
    }

    /// One report.
    ///
    /// # Errors
    /// The database's.
    pub async fn report(&self, id: Uuid) -> Result<Option<Report>, ControlError> {
        let row = sqlx::query("SELECT * FROM reports WHERE id = ?")
            .bind(id.as_bytes().as_slice())
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(report_from).transpose()
    }

    /// Stores a report, new or changed.
    ///
    /// # Errors
    /// The database's.
    pub async fn put_report(&self, report: &Report) -> Result<(), ControlError> {
        let (shared, role, tenant) = report.shared_with.columns();
        sqlx::query(
            "INSERT INTO reports (id, owner, owner_name, name, definition, query, zone, shared, shared_role,
             shared_tenant, created_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, definition = excluded.definition,
             query = excluded.query, zone = excluded.zone, shared = excluded.shared,
             shared_role = excluded.shared_role, shared_tenant = excluded.shared_tenant,
             changed_at = excluded.changed_at",
        )
        .bind(report.id.as_bytes().as_slice())
        .bind(report.owner.to_text())
        .bind(&report.owner_name)
        .bind(&report.name)
        .bind(&report.definition)
        .bind(&report.query)
        .bind(&report.zone)
        .bind(shared)
        .bind(role.map(|role| role.into_bytes().to_vec()))
        .bind(tenant.map(to_sql))
        .bind(report.created_at.as_micros())
        .bind(report.changed_at.as_micros())
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Removes a report, and with it the schedules that others have of it; whether it was there.
    ///
    /// # Errors
    /// [`ControlError::ReportInUse`] while a schedule of its owner makes it, or the database's.
    pub async fn delete_report(&self, report: &Report) -> Result<bool, ControlError> {
        let mut rows = self.pool().begin().await?;
        sqlx::query("DELETE FROM schedules WHERE report = ? AND owner <> ?")
            .bind(report.id.as_bytes().as_slice())
            .bind(report.owner.to_text())
            .execute(&mut *rows)
            .await?;
        let used = sqlx::query("SELECT 1 FROM schedules WHERE report = ?")
            .bind(report.id.as_bytes().as_slice())
            .fetch_optional(&mut *rows)
            .await?;
        if used.is_some() {
            return Err(ControlError::ReportInUse);
        }
        let gone = sqlx::query("DELETE FROM reports WHERE id = ?")
            .bind(report.id.as_bytes().as_slice())
            .execute(&mut *rows)
            .await?;
        rows.commit().await?;
        Ok(gone.rows_affected() > 0)
    }

    /// The schedules of a report, whosever they are.
    ///
    /// # Errors
    /// The database's.
    pub async fn schedules_of_report(&self, report: Uuid) -> Result<Vec<Schedule>, ControlError> {
        let rows = sqlx::query("SELECT * FROM schedules WHERE report = ? ORDER BY id")
            .bind(report.as_bytes().as_slice())
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(schedule_from).collect()
    }

    /// Every schedule.
    ///
    /// # Errors
    /// The database's.
    pub async fn schedules(&self) -> Result<Vec<Schedule>, ControlError> {
        let rows = sqlx::query("SELECT * FROM schedules ORDER BY id").fetch_all(self.pool()).await?;
        rows.iter().map(schedule_from).collect()
    }

    /// One schedule.
    ///
    /// # Errors
    /// The database's.
    pub async fn schedule(&self, id: Uuid) -> Result<Option<Schedule>, ControlError> {
        let row = sqlx::query("SELECT * FROM schedules WHERE id = ?")
            .bind(id.as_bytes().as_slice())
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(schedule_from).transpose()
    }

    /// The schedules whose time has come.
    ///
    /// # Errors
    /// The database's.
    pub async fn schedules_due(&self, now: Timestamp) -> Result<Vec<Schedule>, ControlError> {
        let rows = sqlx::query("SELECT * FROM schedules WHERE next_run <= ? ORDER BY next_run, id")
            .bind(now.as_micros())
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(schedule_from).collect()
    }

    /// Stores a schedule, new or changed.
    ///
    /// # Errors
    /// The database's, also where its report is not there.
    pub async fn put_schedule(&self, schedule: &Schedule) -> Result<(), ControlError> {
        let recipients = serde_json::to_string(&schedule.recipients)
            .map_err(|_| ControlError::Corrupt { what: "schedule" })?;
        let (stopped_at, reason) = schedule.stopped.clone().unzip();
        sqlx::query(
            "INSERT INTO schedules (id, owner, owner_name, name, report, format, timing, zone, recipients, subject,
             enabled, stopped_at, stopped_reason, next_run, created_at, changed_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, report = excluded.report, format = excluded.format,
             timing = excluded.timing, zone = excluded.zone, recipients = excluded.recipients,
             subject = excluded.subject, enabled = excluded.enabled, stopped_at = excluded.stopped_at,
             stopped_reason = excluded.stopped_reason, next_run = excluded.next_run,
             changed_at = excluded.changed_at",
        )
        .bind(schedule.id.as_bytes().as_slice())
        .bind(schedule.owner.to_text())
        .bind(&schedule.owner_name)
        .bind(&schedule.name)
        .bind(schedule.report.as_bytes().as_slice())
        .bind(&schedule.format)
        .bind(&schedule.timing)
        .bind(&schedule.zone)
        .bind(recipients)
        .bind(&schedule.subject)
        .bind(schedule.enabled)
        .bind(stopped_at.map(Timestamp::as_micros))
        .bind(reason)
        .bind(schedule.next_run.map(Timestamp::as_micros))
        .bind(schedule.created_at.as_micros())
        .bind(schedule.changed_at.as_micros())
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Puts the job of a schedule's run that is due into the table, and the schedule to its next run: both or neither.
    /// Where [`OPEN_RUNS_MAX`] of its runs have not ended, the job has failed from the beginning, with this outcome.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin_run(
        &self,
        schedule: &Schedule,
        job: &NewJob,
        next_run: Option<Timestamp>,
        too_many: &str,
        now: Timestamp,
    ) -> Result<Begun, ControlError> {
        let mut rows = self.pool().begin().await?;
        let moved =
            sqlx::query("UPDATE schedules SET next_run = ? WHERE id = ? AND next_run = ? AND enabled = 1")
                .bind(next_run.map(Timestamp::as_micros))
                .bind(schedule.id.as_bytes().as_slice())
                .bind(schedule.next_run.map(Timestamp::as_micros))
                .execute(&mut *rows)
                .await?;
        if moved.rows_affected() == 0 {
            return Ok(Begun::NotDue);
        }
        let open: i64 = sqlx::query(
            "SELECT count(*) AS open FROM jobs WHERE parent = ? AND kind = 'report' AND state IN ('queued', 'running')",
        )
        .bind(schedule.id.as_bytes().as_slice())
        .fetch_one(&mut *rows)
        .await?
        .try_get("open")?;
        insert_job(&mut *rows, job, now).await?;
        if open >= OPEN_RUNS_MAX {
            sqlx::query("UPDATE jobs SET state = 'failed', outcome = ?, ended_at = ? WHERE id = ?")
                .bind(too_many)
                .bind(now.as_micros())
                .bind(job.id.as_bytes().as_slice())
                .execute(&mut *rows)
                .await?;
        }
        rows.commit().await?;
        Ok(if open >= OPEN_RUNS_MAX { Begun::TooMany } else { Begun::Queued })
    }

    /// Puts a schedule that runs to another next time, unless somebody changed it by then.
    ///
    /// # Errors
    /// The database's.
    pub async fn move_run(
        &self,
        schedule: &Schedule,
        next_run: Option<Timestamp>,
    ) -> Result<(), ControlError> {
        sqlx::query("UPDATE schedules SET next_run = ? WHERE id = ? AND next_run = ? AND enabled = 1")
            .bind(next_run.map(Timestamp::as_micros))
            .bind(schedule.id.as_bytes().as_slice())
            .bind(schedule.next_run.map(Timestamp::as_micros))
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Stops a schedule, because of what the server found; whether it ran until now.
    ///
    /// # Errors
    /// The database's.
    pub async fn stop_schedule(&self, id: Uuid, reason: &str, now: Timestamp) -> Result<bool, ControlError> {
        let stopped = sqlx::query(
            "UPDATE schedules SET enabled = 0, next_run = NULL, stopped_at = ?, stopped_reason = ?
             WHERE id = ? AND enabled = 1",
        )
        .bind(now.as_micros())
        .bind(reason)
        .bind(id.as_bytes().as_slice())
        .execute(self.pool())
        .await?;
        Ok(stopped.rows_affected() > 0)
    }

    /// Removes a schedule; whether it was there. Its runs stay in the history.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_schedule(&self, id: Uuid) -> Result<bool, ControlError> {
        let gone = sqlx::query("DELETE FROM schedules WHERE id = ?")
            .bind(id.as_bytes().as_slice())
            .execute(self.pool())
            .await?;
        Ok(gone.rows_affected() > 0)
    }
}

const REPORT: ControlError = ControlError::Corrupt { what: "report" };
const SCHEDULE: ControlError = ControlError::Corrupt { what: "schedule" };

fn report_from(row: &SqliteRow) -> Result<Report, ControlError> {
    let shared_with = Sharing::from_row(row)?.ok_or(REPORT)?;
    Ok(Report {
        id: Uuid::from_slice(row.try_get("id")?).map_err(|_| REPORT)?,
        owner: Owner::parse(row.try_get("owner")?).ok_or(REPORT)?,
        owner_name: row.try_get("owner_name")?,
        name: row.try_get("name")?,
        definition: row.try_get("definition")?,
        query: row.try_get("query")?,
        zone: row.try_get("zone")?,
        shared_with,
        created_at: Timestamp::from_micros(row.try_get("created_at")?),
        changed_at: Timestamp::from_micros(row.try_get("changed_at")?),
    })
}

fn schedule_from(row: &SqliteRow) -> Result<Schedule, ControlError> {
    let time =
        |column| Ok::<_, ControlError>(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_micros));
    let recipients: &str = row.try_get("recipients")?;
    let reason: Option<String> = row.try_get("stopped_reason")?;
    Ok(Schedule {
        id: Uuid::from_slice(row.try_get("id")?).map_err(|_| SCHEDULE)?,
        owner: Owner::parse(row.try_get("owner")?).ok_or(SCHEDULE)?,
        owner_name: row.try_get("owner_name")?,
        name: row.try_get("name")?,
        report: Uuid::from_slice(row.try_get("report")?).map_err(|_| SCHEDULE)?,
        format: row.try_get("format")?,
        timing: row.try_get("timing")?,
        zone: row.try_get("zone")?,
        recipients: serde_json::from_str(recipients).map_err(|_| SCHEDULE)?,
        subject: row.try_get("subject")?,
        enabled: row.try_get("enabled")?,
        stopped: time("stopped_at")?.zip(reason),
        next_run: time("next_run")?,
        created_at: Timestamp::from_micros(row.try_get("created_at")?),
        changed_at: Timestamp::from_micros(row.try_get("changed_at")?),
    })
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
