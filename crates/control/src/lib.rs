//! Tenants, users, roles, API keys, sessions, jobs, saved views, rule sets, uploaded mappings and settings, kept in SQLite.
//!
//! One file, `control.sqlite`. Everything that is asked for on the way of a request is answered from an immutable
//! snapshot in memory ([`Directory`]), swapped after each committed write; so authentication and reach cost no
//! query, and a reader never sees half a change. Whether a caller may do what it asks is not decided here but in
//! `indelible-access`.

mod accounts;
mod change;
mod directory;
mod jobs;
mod keys;
mod looks;
mod mappings;
mod owner;
mod permission;
mod providers;
mod range;
mod reports;
mod retention;
mod roles;
mod sessions;
mod store;
mod tenants;
#[cfg(test)]
mod testing;
mod users;
mod views;

pub use accounts::{Credentials, Profile};
pub use change::{Change, TenantSet};
pub use directory::{Directory, fold_username};
pub use jobs::{Ended, Job, JobFilter, JobKind, JobState, Lease, NewJob, Renewal};
pub use keys::{ApiKey, KeyId, KeyRecord, NewKey, Reach};
pub use looks::{Look, LookKey};
pub use mappings::StoredMapping;
pub use owner::Owner;
pub use permission::{Permission, PermissionSet, UnknownPermission};
pub use providers::StoredProvider;
pub use range::{CalendarSpan, NoCalendarSpan, RangeLimit};
pub use reports::{Begun, OPEN_RUNS_MAX, Report, Schedule};
pub use retention::{Class, Classes, DAYS_MAX, Judge, Period, Periods, Place, Retention};
pub use roles::{Role, RoleGrant, RoleReach};
pub use sessions::{LinkPurpose, SecretHash, Session};
pub use store::{Control, ControlError, StoredRules};
pub use tenants::{
    INSTALLATION_NUMBER, Tenant, TenantKind, TenantNameError, TenantNumber, TenantState, check_tenant_name,
    is_of_tenant_names,
};
pub use users::{User, UserState};
pub use views::{Sharing, View, new_slug};
