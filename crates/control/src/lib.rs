//! Tenants, API keys, rule sets, uploaded mappings and settings, kept in SQLite.
//!
//! One file, `control.sqlite`. Everything that is asked for on the way of a request is answered from an immutable
//! snapshot in memory ([`Directory`]), swapped after each committed write; so authentication and reach cost no
//! query, and a reader never sees half a change. Whether a caller may do what it asks is not decided here but in
//! `indelible-access`.

mod directory;
mod keys;
mod mappings;
mod permission;
mod store;
mod tenants;

pub use directory::Directory;
pub use keys::{ApiKey, KeyId, NewKey, Reach};
pub use mappings::StoredMapping;
pub use permission::{Permission, PermissionSet, UnknownPermission};
pub use store::{Control, ControlError, StoredRules, TenantChange};
pub use tenants::{Tenant, TenantNameError, TenantNumber, check_tenant_name};
