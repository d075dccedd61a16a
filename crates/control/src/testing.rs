//! What the tests share: a database in a directory of its own, and changes that are applied in their order.

use std::{
    fs,
    path::{Path, PathBuf},
};

use indelible_event::Timestamp;
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    ApiKey, Change, Control, ControlError, Directory, KeyRecord, NewKey, Permission, PermissionSet, Profile,
    Reach, Tenant, TenantNumber, TenantSet, TenantState, UserState,
};

pub(crate) const fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

pub(crate) fn permissions(list: &[Permission]) -> PermissionSet {
    list.iter().copied().collect()
}

/// A tenant without auditing; its ids follow from its number.
pub(crate) fn tenant(number: TenantNumber, name: &str, parent: Option<TenantNumber>) -> Tenant {
    Tenant {
        number,
        uuid: Uuid::from_u128(number.into()),
        name: name.into(),
        display_name: None,
        parent,
        kind: None,
        external_id: None,
        zone: None,
        state: TenantState::Active,
        auditing: false,
        audited_since: None,
        chain_id: *Uuid::from_u128((number << 8).into()).as_bytes(),
        created_at: at(7),
    }
}

pub(crate) fn audited(tenant: Tenant) -> Tenant {
    Tenant { auditing: true, audited_since: Some(tenant.created_at), ..tenant }
}

pub(crate) fn new_key(reach: Reach, default_tenant: Option<TenantNumber>) -> NewKey {
    NewKey {
        name: "app".into(),
        permissions: permissions(&[Permission::EventsSend, Permission::AuditRead]),
        reach,
        default_tenant,
        tenant_from_target: false,
        create_tenants: false,
        replaces: None,
        expires_at: None,
    }
}

pub(crate) fn made(key: &ApiKey) -> Change {
    Change::KeyMade { key: KeyRecord::from(key) }
}

pub(crate) fn set(tenant: TenantNumber, set: TenantSet) -> Change {
    Change::TenantSet { tenant, set }
}

pub(crate) fn renamed(tenant: TenantNumber, name: &str) -> Change {
    set(tenant, TenantSet { name: Some(name.into()), ..TenantSet::default() })
}

pub(crate) fn moved(tenant: TenantNumber, parent: Option<TenantNumber>) -> Change {
    set(tenant, TenantSet { parent: Some(parent), ..TenantSet::default() })
}

/// A database, and the leaf index of the next change.
pub(crate) struct Database {
    directory: TempDir,
    pub(crate) control: Control,
    next: u64,
}

impl Database {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let control = Control::open(&directory.path().join("control.sqlite")).await.unwrap();
        Self { directory, control, next: 0 }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.path().join("control.sqlite")
    }

    pub(crate) fn now(&self) -> std::sync::Arc<Directory> {
        self.control.directory()
    }

    /// Closed and opened again, as by a restart.
    pub(crate) async fn reopened(self) -> Self {
        self.control.close().await;
        let control = Control::open(&self.file()).await.unwrap();
        Self { control, ..self }
    }

    pub(crate) async fn insert(&self, tenants: impl IntoIterator<Item = Tenant>) {
        for tenant in tenants {
            self.control.insert_tenant(&tenant).await.unwrap();
        }
    }

    /// Checks a change and applies it.
    pub(crate) async fn make(&mut self, change: Change) -> Result<(), ControlError> {
        self.control.check(&change)?;
        self.next += 1;
        self.control.apply(self.next, at(100 + self.next.cast_signed()), &change).await
    }

    /// A key, and its secret.
    pub(crate) async fn key(&mut self, new: NewKey) -> (ApiKey, String) {
        let (key, secret) = ApiKey::make(new, at(8)).unwrap();
        self.make(made(&key)).await.unwrap();
        (key, secret)
    }

    pub(crate) async fn user(&self, username: &str, tenant: Option<TenantNumber>) -> Uuid {
        let profile = Profile { username: username.into(), tenant, ..Profile::default() };
        let id = Uuid::new_v4();
        self.control.create_user(id, &profile, UserState::Active, at(9)).await.unwrap();
        id
    }

    /// Whether these bytes stand in any file of the database.
    pub(crate) fn holds(&self, bytes: &[u8]) -> bool {
        fs::read_dir(self.path()).unwrap().any(|entry| {
            let file = fs::read(entry.unwrap().path()).unwrap();
            file.windows(bytes.len()).any(|window| window == bytes)
        })
    }
}
