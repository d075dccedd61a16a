//! Users' rows: accounts, passwords, second factors, identities elsewhere. What a user may do is a [`crate::Change`].

use std::collections::HashMap;

use indelible_event::Timestamp;
use sqlx::{Row as _, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{
    Control, ControlError, SecretHash, TenantNumber, User, UserState,
    directory::fold_username,
    sessions::{end_links, end_sessions},
    store::to_sql,
};

/// What describes a user; the same for a new one and for one that is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// See [`User::username`].
    pub username: String,
    /// See [`User::first_name`].
    pub first_name: Option<String>,
    /// See [`User::last_name`].
    pub last_name: Option<String>,
    /// See [`User::email`].
    pub email: Option<String>,
    /// See [`User::locale`].
    pub locale: Option<String>,
    /// See [`User::zone`].
    pub zone: Option<String>,
    /// See [`User::tenant`].
    pub tenant: Option<TenantNumber>,
    /// See [`User::groups`].
    pub groups: Vec<String>,
}

/// What a sign-in is compared with.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The password's hash, a PHC string.
    pub password: Option<String>,
    /// The secret of the second factor, sealed.
    pub totp: Option<Vec<u8>>,
    /// The step of the last good code.
    pub totp_last_step: Option<u64>,
    /// The hashes of the recovery codes that are left.
    pub recovery_codes: Vec<SecretHash>,
}

impl From<&User> for Profile {
    fn from(user: &User) -> Self {
        Self {
            username: user.username.clone(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            email: user.email.clone(),
            locale: user.locale.clone(),
            zone: user.zone.clone(),
            tenant: user.tenant,
            groups: user.groups.clone(),
        }
    }
}

impl Control {
    /// When users last signed in, of those who ever did.
    ///
    /// # Errors
    /// The database's.
    pub async fn last_sign_ins(&self) -> Result<HashMap<Uuid, Timestamp>, ControlError> {
        let rows = sqlx::query("SELECT id, last_sign_in_at FROM users WHERE last_sign_in_at IS NOT NULL")
            .fetch_all(self.pool())
            .await?;
        let corrupt = |_| ControlError::Corrupt { what: "user" };
        rows.iter()
            .map(|row| {
                let id = Uuid::from_slice(row.try_get("id")?).map_err(corrupt)?;
                Ok((id, Timestamp::from_micros(row.try_get("last_sign_in_at")?)))
            })
            .collect()
    }

    /// Makes a user, who has no role yet; `id` is new, and given so that it can be told of before.
    ///
    /// # Errors
    /// `UsernameTaken`, `NoSuchTenant`, or the database's, also when there is such a user.
    pub async fn create_user(
        &self,
        id: Uuid,
        profile: &Profile,
        state: UserState,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let _turn = self.turn().await;
        self.check_profile(id, profile)?;
        let groups = groups_json(profile)?;
        sqlx::query(
            "INSERT INTO users (id, username, username_folded, first_name, last_name, email, locale, zone, tenant,
             groups, state, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(id.as_bytes().as_slice())
        .bind(&profile.username)
        .bind(fold_username(&profile.username))
        .bind(&profile.first_name)
        .bind(&profile.last_name)
        .bind(&profile.email)
        .bind(&profile.locale)
        .bind(&profile.zone)
        .bind(profile.tenant.map(to_sql))
        .bind(groups)
        .bind(state.as_str())
        .bind(now.as_micros())
        .execute(self.pool())
        .await?;
        self.refresh().await
    }

    /// Whether a user could be described so.
    ///
    /// # Errors
    /// `UsernameTaken`, `NoSuchTenant`.
    pub fn check_profile(&self, id: Uuid, profile: &Profile) -> Result<(), ControlError> {
        let directory = self.directory();
        if directory.user_named(&profile.username).is_some_and(|other| other.id != id) {
            return Err(ControlError::UsernameTaken);
        }
        if profile.tenant.is_some_and(|number| directory.tenant(number).is_none()) {
            return Err(ControlError::NoSuchTenant);
        }
        Ok(())
    }

    /// Describes a user otherwise. Whoever is locked or disabled loses every session and every link with that.
    ///
    /// # Errors
    /// `NoSuchUser`, as [`Self::check_profile`], or the database's.
    pub async fn change_user(
        &self,
        id: Uuid,
        profile: &Profile,
        state: UserState,
    ) -> Result<(), ControlError> {
        let _turn = self.turn().await;
        self.check_profile(id, profile)?;
        let groups = groups_json(profile)?;
        let mut rows = self.pool().begin().await?;
        let done = sqlx::query(
            "UPDATE users SET username = ?, username_folded = ?, first_name = ?, last_name = ?, email = ?, locale = ?,
             zone = ?, tenant = ?, groups = ?, state = ? WHERE id = ?",
        )
        .bind(&profile.username)
        .bind(fold_username(&profile.username))
        .bind(&profile.first_name)
        .bind(&profile.last_name)
        .bind(&profile.email)
        .bind(&profile.locale)
        .bind(&profile.zone)
        .bind(profile.tenant.map(to_sql))
        .bind(groups)
        .bind(state.as_str())
        .bind(id.as_bytes().as_slice())
        .execute(&mut *rows)
        .await?;
        if done.rows_affected() == 0 {
            return Err(ControlError::NoSuchUser);
        }
        let is_closed = matches!(state, UserState::Locked | UserState::Disabled);
        // Links in a mailbox that is the user's no longer must not stay good.
        let moved = self.directory().user(id).is_some_and(|user| user.email != profile.email);
        if is_closed || moved {
            end_links(&mut rows, id).await?;
        }
        if is_closed {
            end_sessions(&mut rows, id, None).await?;
        }
        rows.commit().await?;
        if is_closed {
            self.forget_sessions_of(id, None);
        }
        self.refresh().await
    }

    /// What a sign-in of this user is compared with.
    ///
    /// # Errors
    /// `NoSuchUser`, or the database's.
    pub async fn credentials(&self, id: Uuid) -> Result<Credentials, ControlError> {
        let row = sqlx::query("SELECT password, totp, totp_last_step FROM users WHERE id = ?")
            .bind(id.as_bytes().as_slice())
            .fetch_optional(self.pool())
            .await?
            .ok_or(ControlError::NoSuchUser)?;
        let codes = sqlx::query("SELECT hash FROM recovery_codes WHERE user = ?")
            .bind(id.as_bytes().as_slice())
            .fetch_all(self.pool())
            .await?;
        let hash = |row: &SqliteRow| {
            let hash: Vec<u8> = row.try_get("hash")?;
            hash.try_into().map_err(|_| ControlError::Corrupt { what: "recovery code" })
        };
        Ok(Credentials {
            password: row.try_get("password")?,
            totp: row.try_get("totp")?,
            totp_last_step: row.try_get::<Option<i64>, _>("totp_last_step")?.map(i64::unsigned_abs),
            recovery_codes: codes.iter().map(hash).collect::<Result<_, _>>()?,
        })
    }

    /// Stores a password's hash. An invited user is active from then on; every session but `keep` ends, and so
    /// does every link.
    ///
    /// # Errors
    /// `NoSuchUser`, or the database's.
    pub async fn set_password(
        &self,
        id: Uuid,
        hash: &str,
        keep: Option<Uuid>,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let _turn = self.turn().await;
        let mut rows = self.pool().begin().await?;
        let done = sqlx::query(
            "UPDATE users SET password = ?, password_set_at = ?,
             state = CASE state WHEN 'invited' THEN 'active' ELSE state END WHERE id = ?",
        )
        .bind(hash)
        .bind(now.as_micros())
        .bind(id.as_bytes().as_slice())
        .execute(&mut *rows)
        .await?;
        if done.rows_affected() == 0 {
            return Err(ControlError::NoSuchUser);
        }
        end_links(&mut rows, id).await?;
        end_sessions(&mut rows, id, keep).await?;
        rows.commit().await?;
        self.forget_sessions_of(id, keep);
        self.refresh().await
    }

    /// Stores the hash of the same password under other parameters; nothing else changes.
    ///
    /// # Errors
    /// The database's.
    pub async fn rehash_password(&self, id: Uuid, old: &str, new: &str) -> Result<(), ControlError> {
        // Not over a password that was chosen meanwhile.
        sqlx::query("UPDATE users SET password = ? WHERE id = ? AND password = ?")
            .bind(new)
            .bind(id.as_bytes().as_slice())
            .bind(old)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Stores a second factor with its recovery codes, or removes both.
    ///
    /// # Errors
    /// `NoSuchUser`, or the database's.
    pub async fn set_second_factor(
        &self,
        id: Uuid,
        factor: Option<(&[u8], &[[u8; 32]])>,
    ) -> Result<(), ControlError> {
        let _turn = self.turn().await;
        let mut rows = self.pool().begin().await?;
        let done = sqlx::query("UPDATE users SET totp = ?, totp_last_step = NULL WHERE id = ?")
            .bind(factor.map(|(sealed, _)| sealed))
            .bind(id.as_bytes().as_slice())
            .execute(&mut *rows)
            .await?;
        if done.rows_affected() == 0 {
            return Err(ControlError::NoSuchUser);
        }
        sqlx::query("DELETE FROM recovery_codes WHERE user = ?")
            .bind(id.as_bytes().as_slice())
            .execute(&mut *rows)
            .await?;
        for hash in factor.into_iter().flat_map(|(_, codes)| codes) {
            sqlx::query("INSERT INTO recovery_codes (user, hash) VALUES (?, ?)")
                .bind(id.as_bytes().as_slice())
                .bind(hash.as_slice())
                .execute(&mut *rows)
                .await?;
        }
        rows.commit().await?;
        self.refresh().await
    }

    /// Takes the step of a code that was right; false if a code of it or of a later one was used before.
    ///
    /// # Errors
    /// The database's.
    pub async fn take_totp_step(&self, id: Uuid, step: u64) -> Result<bool, ControlError> {
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        let done = sqlx::query(
            "UPDATE users SET totp_last_step = ?1 WHERE id = ?2 AND (totp_last_step IS NULL OR totp_last_step < ?1)",
        )
        .bind(step)
        .bind(id.as_bytes().as_slice())
        .execute(self.pool())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Takes a recovery code; false if there is none with this hash.
    ///
    /// # Errors
    /// The database's.
    pub async fn take_recovery_code(&self, id: Uuid, hash: &[u8; 32]) -> Result<bool, ControlError> {
        let done = sqlx::query("DELETE FROM recovery_codes WHERE user = ? AND hash = ?")
            .bind(id.as_bytes().as_slice())
            .bind(hash.as_slice())
            .execute(self.pool())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Who a provider's subject is here.
    ///
    /// # Errors
    /// The database's.
    pub async fn user_of_identity(
        &self,
        provider: &str,
        subject: &str,
    ) -> Result<Option<Uuid>, ControlError> {
        let row = sqlx::query("SELECT user FROM identities WHERE provider = ? AND subject = ?")
            .bind(provider)
            .bind(subject)
            .fetch_optional(self.pool())
            .await?;
        let id = row.map(|row| Uuid::from_slice(row.try_get("user")?).map_err(|_| corrupt_identity()));
        id.transpose()
    }

    /// Remembers who a provider's subject is here. A subject is one user for ever; false if it is another already.
    /// An invited user is active from then on.
    ///
    /// # Errors
    /// The database's.
    pub async fn bind_identity(
        &self,
        provider: &str,
        subject: &str,
        user: Uuid,
    ) -> Result<bool, ControlError> {
        let _turn = self.turn().await;
        if let Some(bound) = self.user_of_identity(provider, subject).await? {
            return Ok(bound == user);
        }
        let mut rows = self.pool().begin().await?;
        sqlx::query("INSERT INTO identities (provider, subject, user) VALUES (?, ?, ?)")
            .bind(provider)
            .bind(subject)
            .bind(user.as_bytes().as_slice())
            .execute(&mut *rows)
            .await?;
        sqlx::query("UPDATE users SET state = 'active' WHERE id = ? AND state = 'invited'")
            .bind(user.as_bytes().as_slice())
            .execute(&mut *rows)
            .await?;
        rows.commit().await?;
        self.refresh().await?;
        Ok(true)
    }
}

fn corrupt_identity() -> ControlError {
    ControlError::Corrupt { what: "identity" }
}

fn groups_json(profile: &Profile) -> Result<String, ControlError> {
    serde_json::to_string(&profile.groups).map_err(|_| ControlError::Corrupt { what: "groups" })
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
