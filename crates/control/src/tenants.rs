//! A tenant: whose trail it is. Tenants form a tree; reach over one covers everything below it.

use indelible_event::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A tenant's immutable number; 0 is the installation itself, which has no row.
pub type TenantNumber = u64;

/// The number of the installation itself, which has no row.
pub const INSTALLATION_NUMBER: TenantNumber = 0;

/// One tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Immutable, never reused, at least 1.
    pub number: TenantNumber,
    /// Immutable, for people and programs outside.
    pub uuid: Uuid,
    /// The name that senders use; unique without regard to case.
    pub name: String,
    /// The name shown, where it differs.
    pub display_name: Option<String>,
    /// The tenant above it; `None` directly below the installation.
    pub parent: Option<TenantNumber>,
    /// Whether it may have others below it; `None`: as it turns out.
    pub kind: Option<TenantKind>,
    /// The id in another system.
    pub external_id: Option<String>,
    /// IANA zone.
    pub zone: Option<String>,
    /// Whether its people can sign in. Events are taken all the same.
    pub state: TenantState,
    /// Whether events are taken. Once on it stays on.
    pub auditing: bool,
    /// Since when events are taken.
    pub audited_since: Option<Timestamp>,
    /// The ledger chain that its events go to.
    pub chain_id: [u8; 16],
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a tenant is in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantKind {
    /// Has others below it.
    Territory,
    /// Has none below it.
    Domain,
}

impl TenantKind {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Territory => "territory",
            Self::Domain => "domain",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Territory, Self::Domain].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Whether a tenant's people can sign in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantState {
    /// They can.
    #[default]
    Active,
    /// They can't, nor can its keys read. What they did before, and what is sent, is kept as before.
    Suspended,
}

impl TenantState {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// The state of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Suspended].into_iter().find(|state| state.as_str() == name)
    }
}

/// The text can't be a tenant's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a tenant name has 1 to {TENANT_NAME_MAX} of the characters A-Z a-z 0-9 . _ - @ : + and begins with a letter or digit"
)]
pub struct TenantNameError;

/// As long as a domain name may be.
const TENANT_NAME_MAX: usize = 253;

/// Checks a tenant's name: ASCII only, so that no two names look alike.
///
/// # Errors
/// [`TenantNameError`] when it has other characters or is too short or long.
pub fn check_tenant_name(name: &str) -> Result<(), TenantNameError> {
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if starts_well && name.len() <= TENANT_NAME_MAX && name.chars().all(is_of_tenant_names) {
        Ok(())
    } else {
        Err(TenantNameError)
    }
}

/// Whether tenants' names can have this character.
pub fn is_of_tenant_names(character: char) -> bool {
    character.is_ascii_alphanumeric() || "._-@:+".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_domains_accounts_and_nothing_that_could_deceive() {
        for (name, good) in [
            ("abcplumbing.service", true),
            ("123837392027", true),
            ("en.wikipedia", true),
            ("a", true),
            ("", false),
            (".hidden", false),
            ("a b", false),
            ("acmе", false), // the last letter is Cyrillic
            ("a/b", false),
        ] {
            assert_eq!(check_tenant_name(name).is_ok(), good, "{name}");
        }
        assert!(check_tenant_name(&"a".repeat(253)).is_ok());
        assert!(check_tenant_name(&"a".repeat(254)).is_err());
    }
}
