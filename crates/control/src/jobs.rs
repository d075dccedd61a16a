//! Jobs: what the server does by itself, as rows of one table.
//!
//! A job is claimed by one process for as long as its lease lasts; a process that dies lets it run out, and one that
//! starts as the only one takes over at once. A row never goes away: it is the history of what was done for whom.
//! Invariant: whoever ends a job holds its lease, so that of two that believe to run it one is heard.

use indelible_event::Timestamp;
use sqlx::{QueryBuilder, Row as _, Sqlite, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{Control, ControlError, Owner};

macro_rules! names {
    ($(#[$of:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$of])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// The name in the API and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// What has this name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

names! {
    /// What a job does.
    JobKind {
        /// Writes the events that match into a file.
        Export = "export",
        /// Makes a report's file.
        Report = "report",
        /// Sends a mail.
        Mail = "mail",
    }
}

names! {
    /// How far a job is.
    JobState {
        /// It waits for its time, or for a free hand.
        Queued = "queued",
        /// A process is at it.
        Running = "running",
        /// Done.
        Completed = "completed",
        /// It can't be done.
        Failed = "failed",
        /// Somebody ended it.
        Cancelled = "cancelled",
        /// Done, and what it made is gone.
        Expired = "expired",
    }
}

/// A job before it is in the table.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Its id; a second one of the same id is none.
    pub id: Uuid,
    /// What it does.
    pub kind: JobKind,
    /// Whose it is.
    pub owner: Owner,
    /// How people know its owner, at that moment.
    pub owner_name: String,
    /// What set it going.
    pub parent: Option<Uuid>,
    /// What to do, as JSON.
    pub spec: String,
    /// When it may run, at the earliest.
    pub run_at: Timestamp,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: Uuid,
    /// What it does.
    pub kind: JobKind,
    /// Whose it is.
    pub owner: Owner,
    /// How people knew its owner when it was made.
    pub owner_name: String,
    /// What set it going.
    pub parent: Option<Uuid>,
    /// What to do, as JSON.
    pub spec: String,
    /// How far it is.
    pub state: JobState,
    /// How often it was begun.
    pub attempts: u32,
    /// When it may run, at the earliest.
    pub run_at: Timestamp,
    /// Whether somebody wants it to end.
    pub cancelling: bool,
    /// How much is done, as of a few seconds ago.
    pub done: u64,
    /// How much there is to do, once that is known.
    pub total: Option<u64>,
    /// What came of it, as JSON.
    pub outcome: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was begun, the last time.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When what it made is removed.
    pub expires_at: Option<Timestamp>,
}

/// A process's hold on a job.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// The process.
    pub by: Uuid,
    /// Until when it is believed to be at it.
    pub until: Timestamp,
}

/// What a process learns that renews its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Go on.
    Held,
    /// Go on only to end it: somebody cancelled it.
    Cancelling,
    /// It is another's now, or has ended.
    Lost,
}

/// Which jobs to list.
#[derive(Clone, Debug)]
pub struct JobFilter {
    /// Of this kind.
    pub kind: JobKind,
    /// Of this owner.
    pub owner: Option<Owner>,
    /// Set going by this.
    pub parent: Option<Uuid>,
    /// Older than this one; ids are in the order in which jobs were made.
    pub before: Option<Uuid>,
    /// So many.
    pub limit: u32,
}

impl Control {
    /// Puts a job into the table. Where one of its id is there already, nothing happens.
    ///
    /// # Errors
    /// The database's.
    pub async fn insert_job(&self, job: &NewJob, now: Timestamp) -> Result<(), ControlError> {
        insert_job(self.pool(), job, now).await
    }

    /// Takes the job that is due longest, or another process's whose lease ran out; `None` where none is.
    ///
    /// # Errors
    /// The database's.
    pub async fn claim_job(
        &self,
        kinds: &[JobKind],
        lease: Lease,
        now: Timestamp,
    ) -> Result<Option<Job>, ControlError> {
        let mut query = QueryBuilder::<Sqlite>::new("UPDATE jobs SET state = 'running', lease_by = ");
        query.push_bind(lease.by.as_bytes().as_slice());
        query.push(", lease_until = ").push_bind(lease.until.as_micros());
        query.push(", started_at = ").push_bind(now.as_micros());
        query.push(", attempts = attempts + 1, done = 0, total = NULL WHERE id = (SELECT id FROM jobs WHERE kind IN (");
        let mut listed = query.separated(", ");
        for kind in kinds {
            listed.push_bind(kind.as_str());
        }
        query.push(") AND (state = 'queued' AND run_at <= ").push_bind(now.as_micros());
        // Its own ones it never takes from itself, whatever happened to the clock.
        query.push(" OR state = 'running' AND lease_until < ").push_bind(now.as_micros());
        query.push(" AND lease_by <> ").push_bind(lease.by.as_bytes().as_slice());
        // Whoever has least running comes first, so that nobody waits for all that another asked for.
        query.push(
            ") ORDER BY (SELECT count(*) FROM jobs AS other WHERE other.state = 'running' AND other.owner = jobs.owner),
             run_at, id LIMIT 1) RETURNING *",
        );
        let row = query.build().fetch_optional(self.pool()).await?;
        row.as_ref().map(job_from).transpose()
    }

    /// Holds on to a job, and says how far it is.
    ///
    /// # Errors
    /// The database's.
    pub async fn renew_lease(
        &self,
        id: Uuid,
        lease: Lease,
        done: u64,
        total: Option<u64>,
    ) -> Result<Renewal, ControlError> {
        let row = sqlx::query(
            "UPDATE jobs SET lease_until = ?, done = ?, total = ? WHERE id = ? AND state = 'running' AND lease_by = ?
             RETURNING cancelling",
        )
        .bind(lease.until.as_micros())
        .bind(count(done))
        .bind(total.map(count))
        .bind(id.as_bytes().as_slice())
        .bind(lease.by.as_bytes().as_slice())
        .fetch_optional(self.pool())
        .await?;
        Ok(match row {
            None => Renewal::Lost,
            Some(row) if row.try_get("cancelling")? => Renewal::Cancelling,
            Some(_) => Renewal::Held,
        })
    }

    /// Ends a job that this process runs, and puts into the table what follows from one that is completed: both or
    /// neither. What became of it; `None` where this process did not run it any more.
    ///
    /// One that was cancelled meanwhile is cancelled, also when it was done by then; a mail can't be called back.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_job(
        &self,
        id: Uuid,
        by: Uuid,
        ended: &Ended,
        now: Timestamp,
    ) -> Result<Option<JobState>, ControlError> {
        let mut rows = self.pool().begin().await?;
        let row = sqlx::query(
            "UPDATE jobs SET
             state = CASE WHEN ?1 = 'completed' AND cancelling = 1 AND kind <> 'mail' THEN 'cancelled' ELSE ?1 END,
             outcome = CASE WHEN ?1 = 'completed' AND cancelling = 1 AND kind <> 'mail' THEN NULL ELSE ?2 END,
             expires_at = CASE WHEN ?1 = 'completed' AND cancelling = 1 AND kind <> 'mail' THEN NULL ELSE ?3 END,
             done = ?4, total = ?5, ended_at = ?6, lease_by = NULL, lease_until = NULL
             WHERE id = ?7 AND state = 'running' AND lease_by = ?8 RETURNING state",
        )
        .bind(ended.state.as_str())
        .bind(&ended.outcome)
        .bind(ended.expires_at.map(Timestamp::as_micros))
        .bind(count(ended.done))
        .bind(ended.total.map(count))
        .bind(now.as_micros())
        .bind(id.as_bytes().as_slice())
        .bind(by.as_bytes().as_slice())
        .fetch_optional(&mut *rows)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let state = JobState::parse(row.try_get("state")?).ok_or(CORRUPT)?;
        if state == JobState::Completed {
            for job in &ended.then {
                insert_job(&mut *rows, job, now).await?;
            }
        }
        rows.commit().await?;
        Ok(Some(state))
    }

    /// Makes due what waits longer than any job ever does: it was put off while the clock was wrong. How many there were.
    ///
    /// # Errors
    /// The database's.
    pub async fn call_in_jobs(&self, latest: Timestamp, now: Timestamp) -> Result<u64, ControlError> {
        let changed = sqlx::query("UPDATE jobs SET run_at = ? WHERE state = 'queued' AND run_at > ?")
            .bind(now.as_micros())
            .bind(latest.as_micros())
            .execute(self.pool())
            .await?;
        Ok(changed.rows_affected())
    }

    /// Puts a job that this process runs back to wait until `run_at`; `counts`: whether this was an attempt.
    ///
    /// # Errors
    /// The database's.
    pub async fn postpone_job(
        &self,
        id: Uuid,
        by: Uuid,
        run_at: Timestamp,
        counts: bool,
        outcome: Option<&str>,
    ) -> Result<(), ControlError> {
        sqlx::query(
            "UPDATE jobs SET state = 'queued', run_at = ?, attempts = attempts - ?, outcome = ?, lease_by = NULL,
             lease_until = NULL WHERE id = ? AND state = 'running' AND lease_by = ?",
        )
        .bind(run_at.as_micros())
        .bind(i64::from(!counts))
        .bind(outcome)
        .bind(id.as_bytes().as_slice())
        .bind(by.as_bytes().as_slice())
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Lets go of all jobs that another process ran: called by one that is certain to be the only one.
    ///
    /// # Errors
    /// The database's.
    pub async fn release_jobs(&self) -> Result<u64, ControlError> {
        let changed = sqlx::query(
            "UPDATE jobs SET state = 'queued', lease_by = NULL, lease_until = NULL WHERE state = 'running'",
        )
        .execute(self.pool())
        .await?;
        Ok(changed.rows_affected())
    }

    /// Wants a job to end: one that waits has ended at once. The job as it is then.
    ///
    /// # Errors
    /// The database's.
    pub async fn cancel_job(&self, id: Uuid, now: Timestamp) -> Result<Option<Job>, ControlError> {
        let row = sqlx::query(
            "UPDATE jobs SET cancelling = 1, ended_at = CASE state WHEN 'queued' THEN ? ELSE ended_at END,
             state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END
             WHERE id = ? AND state IN ('queued', 'running') RETURNING *",
        )
        .bind(now.as_micros())
        .bind(id.as_bytes().as_slice())
        .fetch_optional(self.pool())
        .await?;
        row.as_ref().map(job_from).transpose()
    }

    /// Notes that what a completed job made is gone; whether it was there before.
    ///
    /// # Errors
    /// The database's.
    pub async fn expire_job(&self, id: Uuid, now: Timestamp) -> Result<bool, ControlError> {
        let changed = sqlx::query(
            "UPDATE jobs SET state = 'expired', expires_at = ? WHERE id = ? AND state = 'completed'",
        )
        .bind(now.as_micros())
        .bind(id.as_bytes().as_slice())
        .execute(self.pool())
        .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// The completed jobs whose time is over.
    ///
    /// # Errors
    /// The database's.
    pub async fn jobs_to_expire(&self, now: Timestamp) -> Result<Vec<Job>, ControlError> {
        let rows = sqlx::query("SELECT * FROM jobs WHERE state = 'completed' AND expires_at <= ?")
            .bind(now.as_micros())
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(job_from).collect()
    }

    /// One job.
    ///
    /// # Errors
    /// The database's.
    pub async fn job(&self, id: Uuid) -> Result<Option<Job>, ControlError> {
        let row = sqlx::query("SELECT * FROM jobs WHERE id = ?")
            .bind(id.as_bytes().as_slice())
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(job_from).transpose()
    }

    /// Jobs, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, ControlError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM jobs WHERE kind = ");
        query.push_bind(filter.kind.as_str());
        if let Some(owner) = filter.owner {
            query.push(" AND owner = ").push_bind(owner.to_text());
        }
        if let Some(parent) = &filter.parent {
            query.push(" AND parent = ").push_bind(parent.as_bytes().as_slice());
        }
        if let Some(before) = &filter.before {
            query.push(" AND id < ").push_bind(before.as_bytes().as_slice());
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(filter.limit);
        let rows = query.build().fetch_all(self.pool()).await?;
        rows.iter().map(job_from).collect()
    }

    /// How many jobs of an owner wait or run.
    ///
    /// # Errors
    /// The database's.
    pub async fn open_jobs(&self, kind: JobKind, owner: Owner) -> Result<u64, ControlError> {
        let row = sqlx::query(
            "SELECT count(*) AS open FROM jobs WHERE kind = ? AND owner = ? AND state IN ('queued', 'running')",
        )
        .bind(kind.as_str())
        .bind(owner.to_text())
        .fetch_one(self.pool())
        .await?;
        let open: i64 = row.try_get("open")?;
        u64::try_from(open).map_err(|_| CORRUPT)
    }

    /// Bytes of the files that an owner's completed jobs made and that are there.
    ///
    /// # Errors
    /// The database's.
    pub async fn file_bytes(&self, owner: Owner) -> Result<u64, ControlError> {
        let row = sqlx::query(
            "SELECT coalesce(sum(json_extract(outcome, '$.file.bytes')), 0) AS bytes FROM jobs
             WHERE owner = ? AND kind IN ('export', 'report') AND state = 'completed'",
        )
        .bind(owner.to_text())
        .fetch_one(self.pool())
        .await?;
        let bytes: i64 = row.try_get("bytes")?;
        u64::try_from(bytes).map_err(|_| CORRUPT)
    }

    /// The files that completed jobs made and that are to stay: by the jobs' ids.
    ///
    /// # Errors
    /// The database's.
    pub async fn jobs_with_files(&self) -> Result<Vec<Uuid>, ControlError> {
        let rows =
            sqlx::query("SELECT id FROM jobs WHERE state = 'completed'").fetch_all(self.pool()).await?;
        rows.iter().map(|row| id_from(row, "id")).collect()
    }
}

/// As [`Control::insert_job`], also within a transaction.
pub(crate) async fn insert_job<'e>(
    rows: impl sqlx::Executor<'e, Database = Sqlite>,
    job: &NewJob,
    now: Timestamp,
) -> Result<(), ControlError> {
    sqlx::query(
        "INSERT INTO jobs (id, kind, owner, owner_name, parent, spec, state, run_at, created_at)
         VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, ?) ON CONFLICT (id) DO NOTHING",
    )
    .bind(job.id.as_bytes().as_slice())
    .bind(job.kind.as_str())
    .bind(job.owner.to_text())
    .bind(&job.owner_name)
    .bind(job.parent.as_ref().map(|id| id.as_bytes().as_slice()))
    .bind(&job.spec)
    .bind(job.run_at.as_micros())
    .bind(now.as_micros())
    .execute(rows)
    .await?;
    Ok(())
}

/// How a job ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Completed, failed or cancelled.
    pub state: JobState,
    /// What came of it, as JSON.
    pub outcome: Option<String>,
    /// How much was done.
    pub done: u64,
    /// How much there was to do.
    pub total: Option<u64>,
    /// When what it made is removed.
    pub expires_at: Option<Timestamp>,
    /// The jobs that follow from one that is completed.
    pub then: Vec<NewJob>,
}

const CORRUPT: ControlError = ControlError::Corrupt { what: "job" };

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn id_from(row: &SqliteRow, column: &str) -> Result<Uuid, ControlError> {
    Uuid::from_slice(row.try_get(column)?).map_err(|_| CORRUPT)
}

fn job_from(row: &SqliteRow) -> Result<Job, ControlError> {
    let time =
        |column| Ok::<_, ControlError>(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_micros));
    let unsigned = |number: i64| u64::try_from(number).map_err(|_| CORRUPT);
    let parent: Option<&[u8]> = row.try_get("parent")?;
    Ok(Job {
        id: id_from(row, "id")?,
        kind: JobKind::parse(row.try_get("kind")?).ok_or(CORRUPT)?,
        owner: Owner::parse(row.try_get("owner")?).ok_or(CORRUPT)?,
        owner_name: row.try_get("owner_name")?,
        parent: parent.map(Uuid::from_slice).transpose().map_err(|_| CORRUPT)?,
        spec: row.try_get("spec")?,
        state: JobState::parse(row.try_get("state")?).ok_or(CORRUPT)?,
        attempts: row.try_get("attempts")?,
        run_at: Timestamp::from_micros(row.try_get("run_at")?),
        cancelling: row.try_get("cancelling")?,
        done: unsigned(row.try_get("done")?)?,
        total: row.try_get::<Option<i64>, _>("total")?.map(unsigned).transpose()?,
        outcome: row.try_get("outcome")?,
        created_at: Timestamp::from_micros(row.try_get("created_at")?),
        started_at: time("started_at")?,
        ended_at: time("ended_at")?,
        expires_at: time("expires_at")?,
    })
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
