//! The SQLite file: migrations, writes, and the snapshot that follows each of them.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use indelible_event::Timestamp;
use parking_lot::RwLock;
use sqlx::{
    AssertSqlSafe, Row, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard, watch};
use uuid::Uuid;

use crate::{
    ApiKey, Directory, KeyId, PermissionSet, RangeLimit, Retention, Role, RoleGrant, RoleReach, Tenant,
    TenantKind, TenantNumber, TenantState, User, UserState,
    change::{INSTALLATION_AUDITED_SINCE, audited_since},
    directory::{Loaded, fold_name},
    sessions::{SessionTable, load_sessions},
    tenants::check_tenant_name,
};

/// What can go wrong with the control data.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The database failed.
    #[error("the control database failed")]
    Database(#[from] sqlx::Error),
    /// A migration failed.
    #[error("the control database could not be brought to this version's form")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// There is no database to read.
    #[error("there is no control database at {}", file.display())]
    Missing {
        /// Where it should be.
        file: PathBuf,
    },
    /// The files of the database can't be read.
    #[error("cannot read the control database {}", file.display())]
    Unreadable {
        /// The database.
        file: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The database has another version's form, and reading it must not change that.
    #[error("the control database {} has schema version {found}, this program's is {known}", file.display())]
    OtherSchema {
        /// The database.
        file: PathBuf,
        /// Its version; 0 if it has none.
        found: i64,
        /// The version of this program.
        known: i64,
    },
    /// Stored data does not read back.
    #[error("the control database holds an unreadable {what}")]
    Corrupt {
        /// Which kind of row.
        what: &'static str,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(getrandom::Error),
    /// The name is no tenant name.
    #[error(transparent)]
    TenantName(#[from] crate::TenantNameError),
    /// Another one has the name, or had it.
    #[error("the name is taken")]
    NameTaken,
    /// The tenant does not exist.
    #[error("no such tenant")]
    NoSuchTenant,
    /// The tenant would be its own ancestor.
    #[error("a tenant can't be moved below itself")]
    Cycle,
    /// A tenant with others below it is no domain, and none is put below one.
    #[error("a domain has no tenants below it; make it a territory")]
    BelowDomain,
    /// Auditing is on and stays on.
    #[error("auditing can't be switched off once it is on")]
    AuditingStaysOn,
    /// The trail of an audited tenant stays, and so does the tenant.
    #[error("a tenant whose auditing is on can't be deleted; it can be suspended")]
    AuditedStays,
    /// Something refers to the tenant.
    #[error("tenants, keys or users refer to the tenant")]
    TenantInUse,
    /// The role does not exist.
    #[error("no such role")]
    NoSuchRole,
    /// The role came with the program.
    #[error("a ready-made role can't be changed or deleted; make one of your own")]
    ReadyMadeRole,
    /// The user does not exist.
    #[error("no such user")]
    NoSuchUser,
    /// Another user has the username.
    #[error("the username is taken")]
    UsernameTaken,
    /// A role is given twice, or its territories do not fit it.
    #[error(
        "the role {role} reaches over {reach}; give it once, and territories only with a role that reaches over territories"
    )]
    WrongGrant {
        /// Name of the role.
        role: String,
        /// Its reach.
        reach: &'static str,
    },
    /// A period of retention that can't be.
    #[error("{what}")]
    WrongRetention {
        /// What it may be.
        what: &'static str,
    },
    /// An owner has as many as one may have.
    #[error("there are {max} {what} already; delete some")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many one may have.
        max: i64,
    },
    /// A schedule makes the report.
    #[error("a schedule makes this report; delete that one first")]
    ReportInUse,
    /// The key does not exist or is revoked already.
    #[error("no such key")]
    NoSuchKey,
}

/// The control data. Clones share one pool and one snapshot.
#[derive(Clone)]
pub struct Control {
    pool: SqlitePool,
    directory: watch::Sender<Arc<Directory>>,
    sessions: Arc<RwLock<SessionTable>>,
    /// Writers take turns, so that each sees the snapshot that the one before left.
    turn: Arc<Mutex<()>>,
    /// Where the files are if only a copy of them could be read.
    _copy: Option<Arc<TempDir>>,
}

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

impl Control {
    /// Opens (or creates) the database file and brings it to this version's form.
    ///
    /// # Errors
    /// Any [`ControlError`] about the database or its contents.
    pub async fn open(file: &Path) -> Result<Self, ControlError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An answered change must survive power loss, as an acknowledged event does.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("secure_delete", "ON")
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await?;
        MIGRATIONS.run(&pool).await?;
        Self::over(pool, None).await
    }

    /// Opens the database file of a stopped server to look at it, and leaves it and its directory as they are;
    /// nothing can be written.
    ///
    /// A server that was killed leaves committed changes in the write-ahead log beside the file. Where there are
    /// some, a copy of both files is read: SQLite would have to write to give them, or leave them out.
    ///
    /// # Errors
    /// `Missing`, `Unreadable`, `OtherSchema`, and any [`ControlError`] about the database or its contents.
    pub async fn open_read_only(file: &Path) -> Result<Self, ControlError> {
        let unreadable = |source| ControlError::Unreadable { file: file.to_owned(), source };
        match fs::metadata(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ControlError::Missing { file: file.to_owned() });
            }
            found => found.map_err(unreadable)?,
        };
        let copy = copy_with_log(file).map_err(unreadable)?;
        let options = match &copy {
            Some(copy) => {
                SqliteConnectOptions::new().filename(copy.path().join(COPY_NAME)).pragma("query_only", "ON")
            }
            None => SqliteConnectOptions::new().filename(file).read_only(true).immutable(true),
        };
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        check_schema(&pool, file).await?;
        Self::over(pool, copy).await
    }

    async fn over(pool: SqlitePool, copy: Option<TempDir>) -> Result<Self, ControlError> {
        let directory = load(&pool).await?;
        let directory = watch::channel(Arc::new(directory)).0;
        let sessions = Arc::new(RwLock::new(load_sessions(&pool).await?));
        Ok(Self { pool, directory, sessions, turn: Arc::default(), _copy: copy.map(Arc::new) })
    }

    /// The picture of tenants and keys at this moment.
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.borrow().clone()
    }

    /// Closes the database; later calls fail.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    pub(crate) fn session_table(&self) -> &RwLock<SessionTable> {
        &self.sessions
    }

    /// Writers take turns.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    pub(crate) async fn refresh(&self) -> Result<(), ControlError> {
        self.directory.send_replace(Arc::new(load(&self.pool).await?));
        Ok(())
    }

    /// Checks that a tenant of this name and parent could be created now.
    ///
    /// # Errors
    /// `TenantName`, `NameTaken` or `NoSuchTenant` (the parent).
    pub fn check_new_tenant(&self, name: &str, parent: Option<TenantNumber>) -> Result<(), ControlError> {
        check_tenant_name(name)?;
        let directory = self.directory();
        if directory.tenant_named(name).is_some() {
            return Err(ControlError::NameTaken);
        }
        let above =
            parent.map(|number| directory.tenant(number).ok_or(ControlError::NoSuchTenant)).transpose()?;
        if above.is_some_and(|above| above.kind == Some(TenantKind::Domain)) {
            return Err(ControlError::BelowDomain);
        }
        Ok(())
    }

    /// Stores a tenant whose chain is open in the ledger already (entries first, rows second).
    ///
    /// # Errors
    /// As [`Self::check_new_tenant`], or the database's.
    pub async fn insert_tenant(&self, tenant: &Tenant) -> Result<(), ControlError> {
        let _turn = self.turn.lock().await;
        self.check_new_tenant(&tenant.name, tenant.parent)?;
        sqlx::query(
            "INSERT INTO tenants (number, uuid, name, name_folded, display_name, parent, kind, external_id, zone, state,
             auditing, audited_since, chain_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(to_sql(tenant.number))
        .bind(tenant.uuid.as_bytes().as_slice())
        .bind(&tenant.name)
        .bind(fold_name(&tenant.name))
        .bind(&tenant.display_name)
        .bind(tenant.parent.map(to_sql))
        .bind(tenant.kind.map(TenantKind::as_str))
        .bind(&tenant.external_id)
        .bind(&tenant.zone)
        .bind(tenant.state.as_str())
        .bind(tenant.auditing)
        .bind(tenant.audited_since.map(Timestamp::as_micros))
        .bind(tenant.chain_id.as_slice())
        .bind(tenant.created_at.as_micros())
        .execute(&self.pool)
        .await?;
        self.refresh().await
    }

    /// Notes when keys were last used.
    ///
    /// # Errors
    /// The database's.
    pub async fn note_keys_used(&self, used: &[(KeyId, Timestamp)]) -> Result<(), ControlError> {
        let _turn = self.turn().await;
        let mut rows = self.pool.begin().await?;
        for (key, at) in used {
            sqlx::query("UPDATE keys SET last_used_at = ? WHERE id = ?")
                .bind(at.as_micros())
                .bind(key.as_slice())
                .execute(&mut *rows)
                .await?;
        }
        rows.commit().await?;
        self.refresh().await
    }

    /// Every stored version of the rules, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn rule_sets(&self) -> Result<Vec<StoredRules>, ControlError> {
        let rows = sqlx::query("SELECT version, body, built_in FROM rule_sets ORDER BY version")
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let version: i64 = row.try_get("version")?;
                let version =
                    u32::try_from(version).map_err(|_| ControlError::Corrupt { what: "rule version" })?;
                Ok(StoredRules { version, body: row.try_get("body")?, built_in: row.try_get("built_in")? })
            })
            .collect()
    }

    /// Stores a version of the rules; a version is never changed.
    ///
    /// # Errors
    /// The database's, also when the version exists.
    pub async fn insert_rule_set(&self, rules: &StoredRules, now: Timestamp) -> Result<(), ControlError> {
        sqlx::query("INSERT INTO rule_sets (version, body, built_in, created_at) VALUES (?, ?, ?, ?)")
            .bind(i64::from(rules.version))
            .bind(&rules.body)
            .bind(rules.built_in)
            .bind(now.as_micros())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// A stored setting.
    ///
    /// # Errors
    /// The database's.
    pub async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, ControlError> {
        let row = sqlx::query("SELECT value FROM settings WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| row.try_get("value")).transpose()?)
    }

    /// Stores a setting.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_setting(&self, name: &str, value: &[u8]) -> Result<(), ControlError> {
        sqlx::query("INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            .bind(name)
            .bind(value)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// A stored version of the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRules {
    /// Counted up from 1.
    pub version: u32,
    /// The rules as JSON.
    pub body: String,
    /// Whether they came with a release rather than from an administrator.
    pub built_in: bool,
}

/// Name of the database in a copy.
const COPY_NAME: &str = "control.sqlite";

/// Copies a database whose write-ahead log holds something, for its owner only; `None` where the log is empty.
fn copy_with_log(file: &Path) -> io::Result<Option<TempDir>> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let log = PathBuf::from(log);
    match fs::metadata(&log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(found) if found.len() == 0 => return Ok(None),
        found => found?,
    };
    let owner_only = fs::Permissions::from_mode(0o700);
    let copy = tempfile::Builder::new().prefix("indelible-").permissions(owner_only).tempdir()?;
    for (from, name) in [(file, COPY_NAME.to_owned()), (&log, format!("{COPY_NAME}-wal"))] {
        io::copy(&mut File::open(from)?, &mut File::create(copy.path().join(name))?)?;
    }
    Ok(Some(copy))
}

/// Compares the migrations that made the database with this program's, without running any.
async fn check_schema(pool: &SqlitePool, file: &Path) -> Result<(), ControlError> {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let other = |found| ControlError::OtherSchema { file: file.to_owned(), found, known };
    let table = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'";
    if sqlx::query(table).fetch_optional(pool).await?.is_none() {
        return Err(other(0));
    }
    let rows = sqlx::query("SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version");
    let applied: Vec<(i64, Vec<u8>, bool)> = rows
        .fetch_all(pool)
        .await?
        .iter()
        .map(|row| Ok((row.try_get("version")?, row.try_get("checksum")?, row.try_get("success")?)))
        .collect::<Result<_, sqlx::Error>>()?;
    let found = applied.last().map_or(0, |(version, ..)| *version);
    if found != known {
        return Err(other(found));
    }
    let same = applied.iter().all(|(_, _, success)| *success)
        && MIGRATIONS
            .iter()
            .map(|own| (own.version, &own.checksum[..]))
            .eq(applied.iter().map(|(version, checksum, _)| (*version, &checksum[..])));
    if same { Ok(()) } else { Err(ControlError::Corrupt { what: "record of its migrations" }) }
}

async fn load(pool: &SqlitePool) -> Result<Directory, ControlError> {
    let all = async |table: &str| {
        sqlx::query(AssertSqlSafe(format!("SELECT * FROM {table}"))).fetch_all(pool).await
    };
    let tenants = all("tenants").await?;
    let former = all("former_names").await?;
    let grants = all("grants").await?;
    let mut users: Vec<User> = all("users").await?.iter().map(user_from).collect::<Result<_, _>>()?;
    users.sort_by_key(|user| user.id);
    for row in &grants {
        let (user, grant) = grant_from(row)?;
        // A foreign key says that the user is there.
        if let Ok(at) = users.binary_search_by_key(&user, |user| user.id) {
            users[at].grants.push(grant);
        }
    }
    users.iter_mut().for_each(|user| user.grants.sort());
    let audited = sqlx::query("SELECT value FROM settings WHERE name = ?").bind(INSTALLATION_AUDITED_SINCE);
    let audited = audited.fetch_optional(pool).await?.map(|row| row.try_get("value")).transpose()?;
    let mut retention = Retention::default();
    all("retention").await?.iter().try_for_each(|row| retention.add(row))?;
    for row in &tenants {
        if let Some(placed) = row.try_get("placed_at")? {
            retention.placed_at(from_sql(row.try_get("number")?)?, Timestamp::from_micros(placed));
        }
    }
    Ok(Directory::new(Loaded {
        tenants: tenants.iter().map(tenant_from).collect::<Result<_, _>>()?,
        former_names: former
            .iter()
            .map(|row| Ok((row.try_get("name")?, from_sql(row.try_get("tenant")?)?)))
            .collect::<Result<_, ControlError>>()?,
        keys: all("keys").await?.iter().map(key_from).collect::<Result<_, _>>()?,
        roles: all("roles").await?.iter().map(role_from).collect::<Result<_, _>>()?,
        users,
        installation_audited_since: audited.map(audited_since).transpose()?,
        retention,
    }))
}

fn uuid_from(row: &SqliteRow, column: &str) -> Result<Uuid, ControlError> {
    Uuid::from_slice(row.try_get(column)?).map_err(|_| ControlError::Corrupt { what: "id" })
}

fn permissions_from(row: &SqliteRow) -> Result<PermissionSet, ControlError> {
    let names: String = row.try_get("permissions")?;
    let set: Result<_, _> = names.split_whitespace().map(str::parse).collect();
    set.map_err(|_| ControlError::Corrupt { what: "permission" })
}

fn role_from(row: &SqliteRow) -> Result<Role, ControlError> {
    let reach = RoleReach::parse(row.try_get("reach")?).ok_or(ControlError::Corrupt { what: "role" })?;
    Ok(Role {
        id: uuid_from(row, "id")?,
        name: row.try_get("name")?,
        permissions: permissions_from(row)?,
        reach,
        range: range_from(row)?,
    })
}

/// The limits of a role; none at all is the same as no limits.
fn range_from(row: &SqliteRow) -> Result<Option<RangeLimit>, ControlError> {
    let span = |column| {
        let text: Option<String> = row.try_get(column)?;
        let read = text.map(|text| text.parse().map_err(|_| ControlError::Corrupt { what: "range" }));
        read.transpose()
    };
    let range = RangeLimit { back: span("range_back")?, span: span("range_span")? };
    Ok(Some(range).filter(|range| !range.is_unlimited()))
}

fn grant_from(row: &SqliteRow) -> Result<(Uuid, RoleGrant), ControlError> {
    let territories: String = row.try_get("territories")?;
    let territories =
        serde_json::from_str(&territories).map_err(|_| ControlError::Corrupt { what: "territories" })?;
    Ok((uuid_from(row, "user")?, RoleGrant { role: uuid_from(row, "role")?, territories }))
}

fn user_from(row: &SqliteRow) -> Result<User, ControlError> {
    let corrupt = ControlError::Corrupt { what: "user" };
    let groups: String = row.try_get("groups")?;
    let Ok(groups) = serde_json::from_str(&groups) else { return Err(corrupt) };
    Ok(User {
        id: uuid_from(row, "id")?,
        username: row.try_get("username")?,
        first_name: row.try_get("first_name")?,
        last_name: row.try_get("last_name")?,
        email: row.try_get("email")?,
        locale: row.try_get("locale")?,
        zone: row.try_get("zone")?,
        tenant: row.try_get::<Option<i64>, _>("tenant")?.map(from_sql).transpose()?,
        groups,
        grants: Vec::new(),
        state: UserState::parse(row.try_get("state")?).ok_or(corrupt)?,
        has_password: row.try_get::<Option<&str>, _>("password")?.is_some(),
        has_second_factor: row.try_get::<Option<&[u8]>, _>("totp")?.is_some(),
        created_at: Timestamp::from_micros(row.try_get("created_at")?),
    })
}

fn tenant_from(row: &SqliteRow) -> Result<Tenant, ControlError> {
    let corrupt = |_| ControlError::Corrupt { what: "tenant" };
    Ok(Tenant {
        number: from_sql(row.try_get("number")?)?,
        uuid: Uuid::from_bytes(row.try_get::<Vec<u8>, _>("uuid")?.try_into().map_err(corrupt)?),
        name: row.try_get("name")?,
        display_name: row.try_get("display_name")?,
        parent: row.try_get::<Option<i64>, _>("parent")?.map(from_sql).transpose()?,
        kind: row
            .try_get::<Option<&str>, _>("kind")?
            .map(|kind| TenantKind::parse(kind).ok_or(ControlError::Corrupt { what: "tenant" }))
            .transpose()?,
        external_id: row.try_get("external_id")?,
        zone: row.try_get("zone")?,
        state: TenantState::parse(row.try_get("state")?).ok_or(ControlError::Corrupt { what: "tenant" })?,
        auditing: row.try_get("auditing")?,
        audited_since: row.try_get::<Option<i64>, _>("audited_since")?.map(Timestamp::from_micros),
        chain_id: row.try_get::<Vec<u8>, _>("chain_id")?.try_into().map_err(corrupt)?,
        created_at: Timestamp::from_micros(row.try_get("created_at")?),
    })
}

fn key_from(row: &SqliteRow) -> Result<ApiKey, ControlError> {
    let corrupt = |_| ControlError::Corrupt { what: "key" };
    let reach: String = row.try_get("reach")?;
    Ok(ApiKey {
        id: row.try_get::<Vec<u8>, _>("id")?.try_into().map_err(corrupt)?,
        name: row.try_get("name")?,
        prefix: row.try_get("prefix")?,
        hash: row.try_get::<Vec<u8>, _>("hash")?.try_into().map_err(corrupt)?,
        permissions: permissions_from(row)?,
        reach: serde_json::from_str(&reach).map_err(|_| ControlError::Corrupt { what: "reach" })?,
        default_tenant: row.try_get::<Option<i64>, _>("default_tenant")?.map(from_sql).transpose()?,
        tenant_from_target: row.try_get("tenant_from_target")?,
        create_tenants: row.try_get("create_tenants")?,
        replaces: row
            .try_get::<Option<Vec<u8>>, _>("replaces")?
            .map(KeyId::try_from)
            .transpose()
            .map_err(corrupt)?,
        expires_at: row.try_get::<Option<i64>, _>("expires_at")?.map(Timestamp::from_micros),
        created_at: Timestamp::from_micros(row.try_get("created_at")?),
        revoked_at: row.try_get::<Option<i64>, _>("revoked_at")?.map(Timestamp::from_micros),
        last_used_at: row.try_get::<Option<i64>, _>("last_used_at")?.map(Timestamp::from_micros),
    })
}

/// Tenant numbers are counted up from 1, so they stay far below 2^63.
pub(crate) fn to_sql(number: TenantNumber) -> i64 {
    i64::try_from(number).expect("tenant numbers are counted up from 1")
}

pub(crate) fn from_sql(number: i64) -> Result<TenantNumber, ControlError> {
    u64::try_from(number).map_err(|_| ControlError::Corrupt { what: "tenant number" })
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
