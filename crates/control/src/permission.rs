//! What a principal may do: the permissions of the API, as a set.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// One permission. Names are the API's (`docs/api.md`, "Keys").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs, reason = "each is described by its name in docs/api.md")]
pub enum Permission {
    EventsSend,
    AuditRead,
    AuditExport,
    AuditReports,
    AuditOriginals,
    AuditVerify,
    UsersManage,
    TenantsManage,
    SettingsManage,
    KeysManage,
    RetentionManage,
    HoldsManage,
}

/// The text names no permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown permission, expected one of {}", Permission::names())]
pub struct UnknownPermission;

impl Permission {
    /// Every permission, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::EventsSend,
        Self::AuditRead,
        Self::AuditExport,
        Self::AuditReports,
        Self::AuditOriginals,
        Self::AuditVerify,
        Self::UsersManage,
        Self::TenantsManage,
        Self::SettingsManage,
        Self::KeysManage,
        Self::RetentionManage,
        Self::HoldsManage,
    ];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventsSend => "events.send",
            Self::AuditRead => "audit.read",
            Self::AuditExport => "audit.export",
            Self::AuditReports => "audit.reports",
            Self::AuditOriginals => "audit.originals",
            Self::AuditVerify => "audit.verify",
            Self::UsersManage => "users.manage",
            Self::TenantsManage => "tenants.manage",
            Self::SettingsManage => "settings.manage",
            Self::KeysManage => "keys.manage",
            Self::RetentionManage => "retention.manage",
            Self::HoldsManage => "holds.manage",
        }
    }

    fn names() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == text).ok_or(UnknownPermission)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PermissionSet(u16);

impl PermissionSet {
    /// Every permission.
    pub fn all() -> Self {
        Permission::ALL.into_iter().collect()
    }

    /// Whether `permission` is in the set.
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// Whether everything in this set is in `other` too.
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// What is in either set.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The permissions in the order of the documentation.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |permission| self.has(*permission))
    }

    /// The names in the order of the documentation.
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Permission::as_str).collect()
    }
}

/// As the list of its names.
impl Serialize for PermissionSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

impl<'de> Deserialize<'de> for PermissionSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        names.iter().map(|name| name.parse::<Permission>().map_err(D::Error::custom)).collect()
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |bits, permission| bits | (1 << permission as u8)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back_to_its_permission() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(permission));
        }
        assert_eq!("audit.Read".parse::<Permission>(), Err(UnknownPermission));
    }

    #[test]
    fn a_set_is_within_another_only_if_nothing_is_missing() {
        let set = |list: &[Permission]| list.iter().copied().collect::<PermissionSet>();
        let small = set(&[Permission::AuditRead]);
        let large = set(&[Permission::AuditRead, Permission::HoldsManage]);
        assert!(small.is_within(large) && small.is_within(small) && large.is_within(PermissionSet::all()));
        assert!(!large.is_within(small));
        assert!(small.with(large) == large && small.without(small) == set(&[]));
        let json = serde_json::to_string(&large).unwrap();
        assert_eq!(json, r#"["audit.read","holds.manage"]"#);
        assert_eq!(serde_json::from_str::<PermissionSet>(&json).unwrap(), large);
        assert!(serde_json::from_str::<PermissionSet>(r#"["audit.read","all"]"#).is_err());
        assert_eq!(large.names(), ["audit.read", "holds.manage"]);
    }
}
