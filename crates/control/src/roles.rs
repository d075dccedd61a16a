//! Roles: what somebody may do, and how far it reaches. The ready-made ones can't be changed.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Permission, PermissionSet, RangeLimit, TenantNumber};

/// A set of permissions with a reach, to be given to users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Immutable.
    pub id: Uuid,
    /// Unique without regard to case.
    pub name: String,
    /// What it permits.
    pub permissions: PermissionSet,
    /// For which tenants.
    pub reach: RoleReach,
    /// What of time may be asked about; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<RangeLimit>,
}

/// How far a role reaches; the tenants themselves come with the user who has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleReach {
    /// Every tenant, now and later, and the ledger's global order.
    Everything,
    /// The territories that are given with the role, and all below them.
    Territories,
    /// The user's own tenant, and all below it.
    Tenant,
    /// Events in which the user is the actor or a target.
    Oneself,
}

/// A role given to a user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RoleGrant {
    /// Which role.
    pub role: Uuid,
    /// The territories, for a role that reaches over those given; else none.
    #[serde(default)]
    pub territories: Vec<TenantNumber>,
}

impl RoleReach {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Territories => "territories",
            Self::Tenant => "tenant",
            Self::Oneself => "oneself",
        }
    }

    /// The reach of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Everything, Self::Territories, Self::Tenant, Self::Oneself]
            .into_iter()
            .find(|reach| reach.as_str() == name)
    }
}

/// Ids of the ready-made roles; the last byte counts them.
const fn ready_made_id(number: u8) -> Uuid {
    Uuid::from_bytes([
        b'i', b'n', b'd', b'e', b'l', b'i', b'b', b'l', b'e', b'-', b'r', b'o', b'l', b'e', 0, number,
    ])
}

impl Role {
    /// The id of the role that whoever sets an installation up has.
    pub const ADMINISTRATOR: Uuid = ready_made_id(1);

    /// The roles that every installation has, in the order of the documentation.
    pub fn ready_made() -> [Self; 6] {
        use Permission::{AuditExport, AuditOriginals, AuditRead, AuditReports, AuditVerify};
        let role = |number, name: &str, permissions: PermissionSet, reach| Self {
            id: ready_made_id(number),
            name: name.to_owned(),
            permissions,
            reach,
            range: None,
        };
        let of = |permissions: &[Permission]| permissions.iter().copied().collect::<PermissionSet>();
        let partner = of(&[AuditRead, AuditExport, AuditReports]);
        let tech = of(&[AuditRead, AuditExport, AuditReports, AuditOriginals, AuditVerify]);
        [
            role(1, "Administrator", PermissionSet::all(), RoleReach::Everything),
            role(2, "Tech", tech, RoleReach::Everything),
            role(3, "White Label Partner", partner, RoleReach::Territories),
            role(4, "Channel Partner", partner, RoleReach::Territories),
            role(
                5,
                "Tenant Auditor",
                of(&[AuditRead, AuditExport, AuditReports, AuditVerify]),
                RoleReach::Tenant,
            ),
            role(6, "Reporter", of(&[AuditRead, AuditReports]), RoleReach::Tenant),
        ]
    }

    /// Whether it came with the program.
    pub fn is_ready_made(&self) -> bool {
        self.id.as_bytes().starts_with(b"indelible-role")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_made_roles_are_told_from_others_and_no_two_are_alike() {
        let roles = Role::ready_made();
        assert!(roles.iter().all(Role::is_ready_made));
        assert_eq!(roles[0].id, Role::ADMINISTRATOR);
        for (at, role) in roles.iter().enumerate() {
            assert!(roles[..at].iter().all(|other| other.id != role.id && other.name != role.name));
        }
        assert!(!Role { id: Uuid::new_v4(), ..roles[0].clone() }.is_ready_made());
    }

    #[test]
    fn only_the_administrator_manages_anything() {
        use Permission::{
            HoldsManage, KeysManage, RetentionManage, SettingsManage, TenantsManage, UsersManage,
        };
        let managing = [UsersManage, TenantsManage, SettingsManage, KeysManage, RetentionManage, HoldsManage];
        for role in Role::ready_made() {
            let manages = managing.iter().any(|permission| role.permissions.has(*permission));
            assert_eq!(manages, role.id == Role::ADMINISTRATOR, "{}", role.name);
        }
    }

    #[test]
    fn every_reach_has_a_name_of_its_own() {
        for name in ["everything", "territories", "tenant", "oneself"] {
            assert_eq!(RoleReach::parse(name).map(RoleReach::as_str), Some(name));
        }
        assert_eq!(RoleReach::parse("Everything"), None);
    }
}
