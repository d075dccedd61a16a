//! Sessions of people who signed in, and links that are good once. Of both only the hash of the secret is kept.
//!
//! Every request of a page asks for its session, so all of them are in memory; a row is written when one begins or
//! ends, and now and then for when it was last seen.

use std::{cmp::Reverse, collections::HashMap, time::Duration};

use indelible_event::Timestamp;
use sqlx::{Row as _, SqliteConnection, SqlitePool, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{Control, ControlError};

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// For lists; not the secret.
    pub id: Uuid,
    /// Whose it is.
    pub user: Uuid,
    /// How it began: `password`, `password+totp`, `password+recovery`, or a provider's name.
    pub method: String,
    /// The address that it began from.
    pub address: String,
    /// The browser, as it named itself.
    pub user_agent: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// SHA-256 of a session's or a link's secret.
pub type SecretHash = [u8; 32];

/// Sessions by the hash of their secret.
pub(crate) type SessionTable = HashMap<SecretHash, Session>;

/// Sessions that one user can have; the one that was not used for the longest time ends.
const SESSIONS_MAX: usize = 50;

/// A session that was seen is written down no more often than this.
const SEEN_EVERY: Duration = Duration::from_mins(1);

/// What a link is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Making the first administrator.
    Setup,
    /// Choosing a first password.
    Invitation,
    /// Choosing a new password.
    Password,
}

impl LinkPurpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Invitation => "invitation",
            Self::Password => "password",
        }
    }
}

impl Session {
    /// Whether it is good at `now`: it has not come to its end and was used within `idle`.
    pub fn is_valid_at(&self, now: Timestamp, idle: Duration) -> bool {
        let idle = i64::try_from(idle.as_micros()).unwrap_or(i64::MAX);
        now < self.expires_at && now.as_micros() < self.last_seen_at.as_micros().saturating_add(idle)
    }
}

impl Control {
    /// Begins a session. Where the user has very many, the one that was not used for the longest time ends.
    ///
    /// # Errors
    /// The database's, also when there is no such user.
    pub async fn begin_session(&self, hash: SecretHash, session: Session) -> Result<(), ControlError> {
        let _turn = self.turn().await;
        let mut of_user = self.sessions_of(session.user);
        of_user.sort_by_key(|session| Reverse(session.last_seen_at));
        let ended: Vec<_> = of_user.iter().skip(SESSIONS_MAX - 1).map(|session| session.id).collect();
        let mut rows = self.pool().begin().await?;
        for id in &ended {
            let statement = "DELETE FROM sessions WHERE id = ?";
            sqlx::query(statement).bind(id.as_bytes().as_slice()).execute(&mut *rows).await?;
        }
        sqlx::query(
            "INSERT INTO sessions (hash, id, user, method, address, user_agent, created_at, last_seen_at, expires_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(hash.as_slice())
        .bind(session.id.as_bytes().as_slice())
        .bind(session.user.as_bytes().as_slice())
        .bind(&session.method)
        .bind(&session.address)
        .bind(&session.user_agent)
        .bind(session.created_at.as_micros())
        .bind(session.last_seen_at.as_micros())
        .bind(session.expires_at.as_micros())
        .execute(&mut *rows)
        .await?;
        sqlx::query("UPDATE users SET last_sign_in_at = ? WHERE id = ?")
            .bind(session.created_at.as_micros())
            .bind(session.user.as_bytes().as_slice())
            .execute(&mut *rows)
            .await?;
        rows.commit().await?;
        let mut table = self.session_table().write();
        table.retain(|_, session| !ended.contains(&session.id));
        table.insert(hash, session);
        Ok(())
    }

    /// The session of a secret, good or not.
    pub fn session(&self, hash: &SecretHash) -> Option<Session> {
        self.session_table().read().get(hash).cloned()
    }

    /// The session with this id, good or not.
    pub fn session_by_id(&self, id: Uuid) -> Option<Session> {
        self.session_table().read().values().find(|session| session.id == id).cloned()
    }

    /// The sessions of a user.
    pub fn sessions_of(&self, user: Uuid) -> Vec<Session> {
        self.session_table().read().values().filter(|session| session.user == user).cloned().collect()
    }

    /// Notes that a session was used; on disk when this returns, unless that was noted a moment ago.
    ///
    /// # Errors
    /// The database's.
    pub async fn session_seen(&self, hash: &SecretHash, now: Timestamp) -> Result<(), ControlError> {
        let every = i64::try_from(SEEN_EVERY.as_micros()).unwrap_or(i64::MAX);
        let due = self
            .session(hash)
            .is_some_and(|session| now.as_micros() >= session.last_seen_at.as_micros().saturating_add(every));
        if !due {
            return Ok(());
        }
        if let Some(session) = self.session_table().write().get_mut(hash) {
            session.last_seen_at = now;
        }
        sqlx::query("UPDATE sessions SET last_seen_at = ? WHERE hash = ?")
            .bind(now.as_micros())
            .bind(hash.as_slice())
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Ends a session; false if there is none.
    ///
    /// # Errors
    /// The database's; the session is good no longer even then, until the next start.
    pub async fn end_session(&self, id: Uuid) -> Result<bool, ControlError> {
        let before = self.session_table().read().len();
        self.session_table().write().retain(|_, session| session.id != id);
        let ended = self.session_table().read().len() < before;
        let statement = "DELETE FROM sessions WHERE id = ?";
        sqlx::query(statement).bind(id.as_bytes().as_slice()).execute(self.pool()).await?;
        Ok(ended)
    }

    /// Ends every session of a user but `keep`.
    ///
    /// # Errors
    /// As [`Self::end_session`].
    pub async fn end_sessions_of(&self, user: Uuid, keep: Option<Uuid>) -> Result<(), ControlError> {
        self.forget_sessions_of(user, keep);
        end_sessions(&mut *self.pool().acquire().await?, user, keep).await
    }

    /// The same for those in memory alone.
    pub(crate) fn forget_sessions_of(&self, user: Uuid, keep: Option<Uuid>) {
        let stays = |session: &Session| session.user != user || Some(session.id) == keep;
        self.session_table().write().retain(|_, session| stays(session));
    }

    /// Forgets sessions and links that are good no longer.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_expired(&self, now: Timestamp, idle: Duration) -> Result<(), ControlError> {
        self.session_table().write().retain(|_, session| session.is_valid_at(now, idle));
        let idle = i64::try_from(idle.as_micros()).unwrap_or(i64::MAX);
        sqlx::query("DELETE FROM sessions WHERE expires_at <= ? OR last_seen_at <= ?")
            .bind(now.as_micros())
            .bind(now.as_micros().saturating_sub(idle))
            .execute(self.pool())
            .await?;
        let statement = "DELETE FROM links WHERE expires_at <= ?";
        sqlx::query(statement).bind(now.as_micros()).execute(self.pool()).await?;
        Ok(())
    }

    /// Makes a link. The ones of the same purpose and user before it are good no longer.
    ///
    /// # Errors
    /// The database's.
    pub async fn make_link(
        &self,
        hash: SecretHash,
        purpose: LinkPurpose,
        user: Option<Uuid>,
        expires_at: Timestamp,
    ) -> Result<(), ControlError> {
        let mut rows = self.pool().begin().await?;
        sqlx::query("DELETE FROM links WHERE purpose = ? AND user IS ?")
            .bind(purpose.as_str())
            .bind(user.map(|user| user.as_bytes().to_vec()))
            .execute(&mut *rows)
            .await?;
        insert_link(&mut rows, hash, purpose, user, expires_at).await?;
        Ok(rows.commit().await?)
    }

    /// The same, and the ones before it stay good: for a link that anybody can ask for.
    ///
    /// # Errors
    /// The database's.
    pub async fn make_another_link(
        &self,
        hash: SecretHash,
        purpose: LinkPurpose,
        user: Option<Uuid>,
        expires_at: Timestamp,
    ) -> Result<(), ControlError> {
        let mut rows = self.pool().acquire().await?;
        insert_link(&mut rows, hash, purpose, user, expires_at).await
    }

    /// Whose link this is, if it is good at `now`; the outer `None`: it is not. The link stays.
    ///
    /// # Errors
    /// The database's.
    pub async fn link(
        &self,
        hash: &SecretHash,
        purpose: LinkPurpose,
        now: Timestamp,
    ) -> Result<Option<Option<Uuid>>, ControlError> {
        let row = sqlx::query("SELECT user FROM links WHERE hash = ? AND purpose = ? AND expires_at > ?")
            .bind(hash.as_slice())
            .bind(purpose.as_str())
            .bind(now.as_micros())
            .fetch_optional(self.pool())
            .await?;
        row.map(|row| user_of(&row)).transpose()
    }

    /// As [`Self::link`], and the link is good no longer: of two who use it at one time, one gets it.
    ///
    /// # Errors
    /// The database's.
    pub async fn take_link(
        &self,
        hash: &SecretHash,
        purpose: LinkPurpose,
        now: Timestamp,
    ) -> Result<Option<Option<Uuid>>, ControlError> {
        let row =
            sqlx::query("DELETE FROM links WHERE hash = ? AND purpose = ? AND expires_at > ? RETURNING user")
                .bind(hash.as_slice())
                .bind(purpose.as_str())
                .bind(now.as_micros())
                .fetch_optional(self.pool())
                .await?;
        row.map(|row| user_of(&row)).transpose()
    }
}

async fn insert_link(
    rows: &mut SqliteConnection,
    hash: SecretHash,
    purpose: LinkPurpose,
    user: Option<Uuid>,
    expires_at: Timestamp,
) -> Result<(), ControlError> {
    sqlx::query("INSERT INTO links (hash, purpose, user, expires_at) VALUES (?, ?, ?, ?)")
        .bind(hash.as_slice())
        .bind(purpose.as_str())
        .bind(user.map(|user| user.as_bytes().to_vec()))
        .bind(expires_at.as_micros())
        .execute(rows)
        .await?;
    Ok(())
}

/// Ends every link of a user.
pub(crate) async fn end_links(rows: &mut SqliteConnection, user: Uuid) -> Result<(), ControlError> {
    let statement = "DELETE FROM links WHERE user = ?";
    sqlx::query(statement).bind(user.as_bytes().as_slice()).execute(rows).await?;
    Ok(())
}

/// Ends every session of a user but `keep`, on disk alone.
pub(crate) async fn end_sessions(
    rows: &mut SqliteConnection,
    user: Uuid,
    keep: Option<Uuid>,
) -> Result<(), ControlError> {
    sqlx::query("DELETE FROM sessions WHERE user = ? AND id <> ?")
        .bind(user.as_bytes().as_slice())
        .bind(keep.unwrap_or_default().as_bytes().as_slice())
        .execute(rows)
        .await?;
    Ok(())
}

fn user_of(row: &SqliteRow) -> Result<Option<Uuid>, ControlError> {
    let user: Option<Vec<u8>> = row.try_get("user")?;
    user.map(|user| Uuid::from_slice(&user).map_err(|_| ControlError::Corrupt { what: "link" })).transpose()
}

pub(crate) async fn load_sessions(pool: &SqlitePool) -> Result<SessionTable, ControlError> {
    let rows = sqlx::query("SELECT * FROM sessions").fetch_all(pool).await?;
    rows.iter()
        .map(|row| {
            let corrupt = || ControlError::Corrupt { what: "session" };
            let uuid = |column| Uuid::from_slice(row.try_get(column)?).map_err(|_| corrupt());
            let time = |column| Ok::<_, ControlError>(Timestamp::from_micros(row.try_get(column)?));
            let hash = row.try_get::<Vec<u8>, _>("hash")?.try_into().map_err(|_| corrupt())?;
            let session = Session {
                id: uuid("id")?,
                user: uuid("user")?,
                method: row.try_get("method")?,
                address: row.try_get("address")?,
                user_agent: row.try_get("user_agent")?,
                created_at: time("created_at")?,
                last_seen_at: time("last_seen_at")?,
                expires_at: time("expires_at")?,
            };
            Ok((hash, session))
        })
        .collect()
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
