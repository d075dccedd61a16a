//! Users: people with an account. Their secrets are not part of the picture that requests read.

use indelible_event::Timestamp;
use uuid::Uuid;

use crate::{RoleGrant, TenantNumber};

/// A user as every request may see it: no secret is in here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Immutable; what events are bound to.
    pub id: Uuid,
    /// Unique without regard to case.
    pub username: String,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Where invitations and links go.
    pub email: Option<String>,
    /// BCP 47 tag.
    pub locale: Option<String>,
    /// IANA zone.
    pub zone: Option<String>,
    /// The tenant that the user belongs to; `None`: the installation's own people.
    pub tenant: Option<TenantNumber>,
    /// Names of groups.
    pub groups: Vec<String>,
    /// What the user may do.
    pub grants: Vec<RoleGrant>,
    /// Whether the account can be used.
    pub state: UserState,
    /// Whether there is a password.
    pub has_password: bool,
    /// Whether a second factor is asked for.
    pub has_second_factor: bool,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Whether an account can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    /// Has not chosen a password yet, nor signed in through a provider.
    Invited,
    /// Can sign in.
    Active,
    /// Closed for the time being by an administrator.
    Locked,
    /// Closed for good; kept because events name it.
    Disabled,
}

impl UserState {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Disabled => "disabled",
        }
    }

    /// The state of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Invited, Self::Active, Self::Locked, Self::Disabled]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

impl User {
    /// Whether the user was given a role.
    pub fn has_role(&self, role: Uuid) -> bool {
        self.grants.iter().any(|grant| grant.role == role)
    }

    /// The name that people read: given and family name, or the username.
    pub fn shown_name(&self) -> String {
        let parts = [self.first_name.as_deref(), self.last_name.as_deref()];
        let names: Vec<_> = parts.into_iter().flatten().collect();
        if names.is_empty() { self.username.clone() } else { names.join(" ") }
    }
}
