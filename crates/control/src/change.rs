//! Changes of who may do what, as they stand in the ledger: an entry first, rows second.
//!
//! A crash between the two, or an older copy of the database, leaves the ledger ahead; then the entries are applied
//! again, in order. So applying must be the same whether it is the first time or the second.

use indelible_event::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use sqlx::{Sqlite, Transaction};
use uuid::Uuid;

use crate::{
    ApiKey, Control, ControlError, Directory, KeyRecord, Period, Place, Reach, Role, RoleGrant, RoleReach,
    TenantKind, TenantNumber, TenantState,
    directory::fold_name,
    retention,
    store::{from_sql, to_sql},
    tenants::check_tenant_name,
};

/// One change. The form is stored: members are added, never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Change {
    /// Auditing of the installation is on: tenants that are made from now on begin with it.
    InstallationAuditing,
    /// Auditing of a tenant is on.
    TenantAuditing {
        /// Which tenant.
        tenant: TenantNumber,
    },
    /// A tenant is described or placed otherwise.
    TenantSet {
        /// Which tenant.
        tenant: TenantNumber,
        /// What is other than before.
        #[serde(flatten)]
        set: TenantSet,
    },
    /// A tenant that was never audited is gone.
    TenantRemoved {
        /// Which tenant.
        tenant: TenantNumber,
    },
    /// There is a new key.
    KeyMade {
        /// The key, without its secret.
        key: KeyRecord,
    },
    /// A key ends at a time, or at once.
    KeyEnds {
        /// Which key.
        key: Uuid,
        /// From when on it is refused, in microseconds since 1970.
        at: i64,
        /// Whether it was revoked rather than given an end.
        revoked: bool,
    },
    /// A role of the installation's own is new or changed.
    RoleSet {
        /// The role.
        role: Role,
    },
    /// A role of the installation's own is gone, from everybody who had it too.
    RoleRemoved {
        /// Which role.
        role: Uuid,
    },
    /// Events of a place are kept so long from now on; a shorter period waits until it counts.
    RetentionSet {
        /// Which events.
        #[serde(flatten)]
        place: Place,
        /// How long; `None`: the place has no period of its own.
        period: Option<Period>,
    },
    /// A user has these roles from now on, and no others.
    GrantsSet {
        /// Which user.
        user: Uuid,
        /// The roles.
        grants: Vec<RoleGrant>,
    },
}

/// What is other about a tenant; what is `None` stays, an inner `None` is removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSet {
    /// The name that senders use. The one before stays the tenant's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The tenant above; `Some(None)`: directly below the installation.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub parent: Option<Option<TenantNumber>>,
    /// The name shown.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub display_name: Option<Option<String>>,
    /// The id in another system.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub external_id: Option<Option<String>>,
    /// IANA zone.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub zone: Option<Option<String>>,
    /// Whether it may have others below it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub kind: Option<Option<TenantKind>>,
    /// Whether its people can sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TenantState>,
}

/// Tells a member that is null from one that is absent.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

impl TenantSet {
    /// Whether nothing is other.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Control {
    /// Whether a change can be made as things stand: nothing may be in the ledger that the rows can't follow.
    ///
    /// # Errors
    /// What stands in its way.
    pub fn check(&self, change: &Change) -> Result<(), ControlError> {
        check(&self.directory(), change)
    }

    /// Whether a user of this tenant could have these roles.
    ///
    /// # Errors
    /// `NoSuchRole`, `NoSuchTenant`, or `WrongGrant` for a role given twice or without what its reach needs.
    pub fn check_grants(
        &self,
        tenant: Option<TenantNumber>,
        grants: &[RoleGrant],
    ) -> Result<(), ControlError> {
        check_grants(&self.directory(), tenant, grants)
    }

    /// Makes the rows say what the entry at leaf `index` says, which was received at `at`. Applying an entry again
    /// changes nothing.
    ///
    /// # Errors
    /// The database's; and what stands in the way, which can only be where the ledger and the rows belong to
    /// different installations.
    pub async fn apply(&self, index: u64, at: Timestamp, change: &Change) -> Result<(), ControlError> {
        let _turn = self.turn().await;
        let mut rows = self.pool().begin().await?;
        write(&mut rows, &self.directory(), at, change).await?;
        note_applied(&mut rows, index + 1).await?;
        rows.commit().await?;
        self.refresh().await
    }

    /// The leaf index before which every `settings` entry is in the rows.
    ///
    /// # Errors
    /// The database's.
    pub async fn applied_through(&self) -> Result<u64, ControlError> {
        let Some(stored) = self.setting(APPLIED).await? else { return Ok(0) };
        let stored =
            <[u8; 8]>::try_from(stored).map_err(|_| ControlError::Corrupt { what: "settings position" })?;
        Ok(u64::from_be_bytes(stored))
    }

    /// Notes that every `settings` entry before leaf `size` is in the rows.
    ///
    /// # Errors
    /// The database's.
    pub async fn note_applied(&self, size: u64) -> Result<(), ControlError> {
        let mut rows = self.pool().begin().await?;
        note_applied(&mut rows, size).await?;
        Ok(rows.commit().await?)
    }
}

/// The leaf index up to which `settings` entries are in the rows.
const APPLIED: &str = "settings_applied_through";

/// The setting that is there once the installation's auditing is on; its value is since when, in microseconds.
pub(crate) const INSTALLATION_AUDITED_SINCE: &str = "installation_audited_since";

async fn note_applied(rows: &mut Transaction<'_, Sqlite>, size: u64) -> Result<(), ControlError> {
    set_setting(rows, APPLIED, &size.to_be_bytes()).await
}

async fn set_setting(
    rows: &mut Transaction<'_, Sqlite>,
    name: &str,
    value: &[u8],
) -> Result<(), ControlError> {
    sqlx::query("INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(name)
        .bind(value)
        .execute(&mut **rows)
        .await?;
    Ok(())
}

fn check(directory: &Directory, change: &Change) -> Result<(), ControlError> {
    let tenant = |number| directory.tenant(number).ok_or(ControlError::NoSuchTenant);
    match change {
        Change::InstallationAuditing => Ok(()),
        Change::TenantAuditing { tenant: number } => tenant(*number).map(|_| ()),
        Change::TenantSet { tenant: number, set } => check_tenant_set(directory, *number, set),
        Change::TenantRemoved { tenant: number } => {
            if tenant(*number)?.auditing {
                return Err(ControlError::AuditedStays);
            }
            let children = directory.children(*number).count();
            let named = directory.keys().any(|key| key.names(*number))
                || directory.users().any(|user| {
                    user.tenant == Some(*number)
                        || user.grants.iter().any(|grant| grant.territories.contains(number))
                });
            if children > 0 || named { Err(ControlError::TenantInUse) } else { Ok(()) }
        }
        Change::KeyMade { key } => {
            if directory.key(key.id()).is_some() {
                return Err(ControlError::NameTaken);
            }
            key.tenants().try_for_each(|number| tenant(number).map(|_| ()))?;
            let replaced = key.replaces().is_none_or(|old| directory.key(old).is_some());
            if replaced { Ok(()) } else { Err(ControlError::NoSuchKey) }
        }
        Change::KeyEnds { key, .. } => {
            let good = directory.key(key.as_bytes()).is_some_and(|key| key.revoked_at.is_none());
            if good { Ok(()) } else { Err(ControlError::NoSuchKey) }
        }
        Change::RoleSet { role } => {
            let other = directory.role_named(&role.name).filter(|other| other.id != role.id);
            if role.is_ready_made() {
                Err(ControlError::ReadyMadeRole)
            } else if other.is_some() {
                Err(ControlError::NameTaken)
            } else {
                Ok(())
            }
        }
        Change::RoleRemoved { role } => match directory.role(*role) {
            Some(role) if role.is_ready_made() => Err(ControlError::ReadyMadeRole),
            Some(_) => Ok(()),
            None => Err(ControlError::NoSuchRole),
        },
        Change::RetentionSet { place, period } => retention::check(directory, place, *period),
        Change::GrantsSet { user, grants } => {
            let user = directory.user(*user).ok_or(ControlError::NoSuchUser)?;
            check_grants(directory, user.tenant, grants)
        }
    }
}

fn check_tenant_set(
    directory: &Directory,
    number: TenantNumber,
    set: &TenantSet,
) -> Result<(), ControlError> {
    let tenant = directory.tenant(number).ok_or(ControlError::NoSuchTenant)?;
    if let Some(name) = &set.name {
        check_tenant_name(name)?;
        if directory.owner_of_name(name).is_some_and(|owner| owner != number) {
            return Err(ControlError::NameTaken);
        }
    }
    if let Some(Some(parent)) = set.parent {
        let above = directory.tenant(parent).ok_or(ControlError::NoSuchTenant)?;
        if directory.is_within(parent, &Reach::Tenants(vec![number])) {
            return Err(ControlError::Cycle);
        }
        if above.kind == Some(TenantKind::Domain) {
            return Err(ControlError::BelowDomain);
        }
    }
    let kind = set.kind.unwrap_or(tenant.kind);
    if kind == Some(TenantKind::Domain) && directory.children(number).next().is_some() {
        return Err(ControlError::BelowDomain);
    }
    Ok(())
}

fn check_grants(
    directory: &Directory,
    tenant: Option<TenantNumber>,
    grants: &[RoleGrant],
) -> Result<(), ControlError> {
    for (at, grant) in grants.iter().enumerate() {
        let role = directory.role(grant.role).ok_or(ControlError::NoSuchRole)?;
        let twice = grants[..at].iter().any(|other| other.role == grant.role);
        let placed = match role.reach {
            RoleReach::Everything | RoleReach::Oneself => grant.territories.is_empty(),
            RoleReach::Tenant => grant.territories.is_empty() && tenant.is_some(),
            RoleReach::Territories => !grant.territories.is_empty(),
        };
        if twice || !placed {
            return Err(ControlError::WrongGrant { role: role.name.clone(), reach: role.reach.as_str() });
        }
        if grant.territories.iter().any(|number| directory.tenant(*number).is_none()) {
            return Err(ControlError::NoSuchTenant);
        }
    }
    Ok(())
}

async fn write(
    rows: &mut Transaction<'_, Sqlite>,
    directory: &Directory,
    at: Timestamp,
    change: &Change,
) -> Result<(), ControlError> {
    match change {
        Change::InstallationAuditing => {
            let known = directory.installation_audited_since().unwrap_or(at);
            let since = known.min(at).as_micros().to_be_bytes();
            set_setting(rows, INSTALLATION_AUDITED_SINCE, &since).await
        }
        Change::TenantAuditing { tenant } => {
            sqlx::query("UPDATE tenants SET auditing = 1, audited_since = ? WHERE number = ?")
                .bind(at.as_micros())
                .bind(to_sql(*tenant))
                .execute(&mut **rows)
                .await?;
            Ok(())
        }
        Change::TenantSet { tenant, set } => write_tenant(rows, directory, at, *tenant, set).await,
        Change::TenantRemoved { tenant } => {
            // What is audited stays, whatever an entry says.
            if directory.tenant(*tenant).is_none_or(|tenant| tenant.auditing) {
                return Ok(());
            }
            for statement in [
                // An older copy of the database may place users where nobody is any more; theirs is no matter of the
                // ledger.
                "UPDATE users SET tenant = NULL, state = 'disabled' WHERE tenant = ?",
                "UPDATE views SET shared = 'nobody', shared_tenant = NULL WHERE shared_tenant = ?",
                "DELETE FROM former_names WHERE tenant = ?",
                "DELETE FROM retention WHERE tenant = ?",
                "DELETE FROM tenants WHERE number = ?",
            ] {
                sqlx::query(statement).bind(to_sql(*tenant)).execute(&mut **rows).await?;
            }
            Ok(())
        }
        Change::KeyMade { key } => insert_key(rows, &ApiKey::from(key)).await,
        Change::KeyEnds { key, at, revoked } => {
            let statement = if *revoked {
                "UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"
            } else {
                "UPDATE keys SET expires_at = ? WHERE id = ?"
            };
            sqlx::query(statement).bind(*at).bind(key.as_bytes().as_slice()).execute(&mut **rows).await?;
            Ok(())
        }
        Change::RoleSet { role } => {
            let range = role.range.unwrap_or_default();
            sqlx::query(
                "INSERT INTO roles (id, name, name_folded, permissions, reach, range_back, range_span)
                 VALUES (?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_folded = excluded.name_folded,
                 permissions = excluded.permissions, reach = excluded.reach, range_back = excluded.range_back,
                 range_span = excluded.range_span",
            )
            .bind(role.id.as_bytes().as_slice())
            .bind(&role.name)
            .bind(role.name.to_lowercase())
            .bind(role.permissions.names().join(" "))
            .bind(role.reach.as_str())
            .bind(range.back.map(|back| back.to_string()))
            .bind(range.span.map(|span| span.to_string()))
            .execute(&mut **rows)
            .await?;
            Ok(())
        }
        Change::RoleRemoved { role } => {
            for statement in [
                "DELETE FROM grants WHERE role = ?",
                "UPDATE views SET shared = 'nobody', shared_role = NULL WHERE shared_role = ?",
                "DELETE FROM roles WHERE id = ?",
            ] {
                sqlx::query(statement).bind(role.as_bytes().as_slice()).execute(&mut **rows).await?;
            }
            Ok(())
        }
        Change::RetentionSet { place, period } => retention::write(rows, at, place, *period).await,
        Change::GrantsSet { user, grants } => write_grants(rows, directory, *user, grants).await,
    }
}

async fn write_tenant(
    rows: &mut Transaction<'_, Sqlite>,
    directory: &Directory,
    at: Timestamp,
    number: TenantNumber,
    set: &TenantSet,
) -> Result<(), ControlError> {
    let mut tenant = directory.tenant(number).cloned().ok_or(ControlError::NoSuchTenant)?;
    if let Some(name) = set.name.as_ref().filter(|name| **name != tenant.name) {
        sqlx::query(
            "INSERT INTO former_names (name_folded, name, tenant) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(fold_name(&tenant.name))
        .bind(&tenant.name)
        .bind(to_sql(number))
        .execute(&mut **rows)
        .await?;
        // A name of its own that it takes up again.
        sqlx::query("DELETE FROM former_names WHERE name_folded = ? AND tenant = ?")
            .bind(fold_name(name))
            .bind(to_sql(number))
            .execute(&mut **rows)
            .await?;
        tenant.name.clone_from(name);
    }
    sqlx::query(
        "UPDATE tenants SET name = ?, name_folded = ?, parent = ?, display_name = ?, external_id = ?, zone = ?,
         kind = ?, state = ? WHERE number = ?",
    )
    .bind(&tenant.name)
    .bind(fold_name(&tenant.name))
    .bind(set.parent.unwrap_or(tenant.parent).map(to_sql))
    .bind(set.display_name.clone().unwrap_or(tenant.display_name))
    .bind(set.external_id.clone().unwrap_or(tenant.external_id))
    .bind(set.zone.clone().unwrap_or(tenant.zone))
    .bind(set.kind.unwrap_or(tenant.kind).map(TenantKind::as_str))
    .bind(set.state.unwrap_or(tenant.state).as_str())
    .bind(to_sql(number))
    .execute(&mut **rows)
    .await?;
    if set.parent.is_some_and(|parent| parent != tenant.parent) {
        sqlx::query("UPDATE tenants SET placed_at = ? WHERE number = ?")
            .bind(at.as_micros())
            .bind(to_sql(number))
            .execute(&mut **rows)
            .await?;
    }
    Ok(())
}

async fn insert_key(rows: &mut Transaction<'_, Sqlite>, key: &ApiKey) -> Result<(), ControlError> {
    let reach = serde_json::to_string(&key.reach).map_err(|_| ControlError::Corrupt { what: "reach" })?;
    // A key that is older than entries about keys is missing in a database that is made from them.
    sqlx::query(
        "INSERT INTO keys (id, name, prefix, hash, permissions, reach, default_tenant, tenant_from_target,
         create_tenants, replaces, expires_at, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT id FROM keys WHERE id = ?), ?, ?) ON CONFLICT (id) DO NOTHING",
    )
    .bind(key.id.as_slice())
    .bind(&key.name)
    .bind(&key.prefix)
    .bind(key.hash.as_slice())
    .bind(key.permissions.names().join(" "))
    .bind(reach)
    .bind(key.default_tenant.map(to_sql))
    .bind(key.tenant_from_target)
    .bind(key.create_tenants)
    .bind(key.replaces.map(|id| id.to_vec()))
    .bind(key.expires_at.map(Timestamp::as_micros))
    .bind(key.created_at.as_micros())
    .execute(&mut **rows)
    .await?;
    Ok(())
}

async fn write_grants(
    rows: &mut Transaction<'_, Sqlite>,
    directory: &Directory,
    user: Uuid,
    grants: &[RoleGrant],
) -> Result<(), ControlError> {
    // An older copy of the database may lack the user, whose row is no matter of the ledger: nobody has the roles then.
    if directory.user(user).is_none() {
        return Ok(());
    }
    sqlx::query("DELETE FROM grants WHERE user = ?")
        .bind(user.as_bytes().as_slice())
        .execute(&mut **rows)
        .await?;
    for grant in grants {
        let territories = serde_json::to_string(&grant.territories)
            .map_err(|_| ControlError::Corrupt { what: "territories" })?;
        sqlx::query("INSERT INTO grants (user, role, territories) VALUES (?, ?, ?)")
            .bind(user.as_bytes().as_slice())
            .bind(grant.role.as_bytes().as_slice())
            .bind(territories)
            .execute(&mut **rows)
            .await?;
    }
    Ok(())
}

/// The installation's auditing, as stored.
pub(crate) fn audited_since(stored: Vec<u8>) -> Result<Timestamp, ControlError> {
    let corrupt = |_| ControlError::Corrupt { what: "setting" };
    let micros = i64::from_be_bytes(stored.try_into().map_err(corrupt)?);
    from_sql(micros).map(|_| Timestamp::from_micros(micros))
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
