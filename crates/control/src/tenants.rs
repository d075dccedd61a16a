//! A tenant: whose trail it is. Tenants form a tree; reach over one covers everything below it.

use indelible_event::Timestamp;
use uuid::Uuid;

/// A tenant's immutable number; 0 is the installation itself, which has no row.
pub type TenantNumber = u64;

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
    /// Whether events are taken. Once on it stays on.
    pub auditing: bool,
    /// The ledger chain that its events go to.
    pub chain_id: [u8; 16],
    /// When it was created.
    pub created_at: Timestamp,
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
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@:+".contains(&byte);
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if starts_well && name.len() <= TENANT_NAME_MAX && name.bytes().all(allowed) {
        Ok(())
    } else {
        Err(TenantNameError)
    }
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
