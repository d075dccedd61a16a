//! Who is asking, and what they may do.

use std::{sync::Arc, time::Duration};

use indelible_control::{
    ApiKey, Control, Directory, KeyId, Owner, Permission, PermissionSet, RangeLimit, Reach, RoleReach,
    Session, TenantNumber, User, UserState,
};
use indelible_event::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::RangeLimits;

/// An authenticated caller: the only thing that readers are made from.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Who it is.
    pub id: PrincipalId,
    /// The key's name, or the username.
    pub name: String,
    /// What it may do, and how far each of that reaches.
    pub grants: Vec<Grant>,
    /// How its events find their tenant; of keys only.
    pub sender: Sender,
    /// From when on it is refused; a key made by it ends no later.
    pub expires_at: Option<Timestamp>,
}

/// Who a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalId {
    /// The administrator's key from the environment.
    AdminKey,
    /// An API key.
    Key(KeyId),
    /// A user who signed in.
    User {
        /// Who.
        user: Uuid,
        /// In which session; none for what goes on by itself on their behalf.
        session: Option<Uuid>,
    },
}

impl PrincipalId {
    /// 16 bytes that stand for the principal: in the envelopes of what a key sends, and wherever its things are counted.
    pub fn bytes(&self) -> [u8; 16] {
        match self {
            Self::AdminKey => ADMIN_KEY_ID,
            Self::Key(id) => *id,
            Self::User { user, .. } => *user.as_bytes(),
        }
    }
}

/// Permissions, and how far they reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What is permitted.
    pub permissions: PermissionSet,
    /// For which tenants.
    pub reach: Reach,
    /// Whose events beside those: the ones in which this user is the actor or a target.
    pub oneself: Option<Uuid>,
    /// What of time may be asked about; `None`: all.
    pub range: Option<RangeLimit>,
}

/// How the events of a key find their tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// The tenant of events that name none.
    pub default_tenant: Option<TenantNumber>,
    /// Whether an event that names no tenant belongs to its first target's tenant.
    pub tenant_from_target: bool,
    /// Whether a tenant that does not exist is made when an event names it, where the installation allows that.
    pub create_tenants: bool,
}

impl Principal {
    /// Whose it is what this principal makes and sets going.
    pub fn owner(&self, directory: &Directory) -> Owner {
        match self.id {
            PrincipalId::AdminKey => Owner::AdminKey,
            PrincipalId::Key(id) => Owner::of_key(id, directory),
            PrincipalId::User { user, .. } => Owner::User(user),
        }
    }

    /// Whether it has `permission`, however far.
    pub fn may(&self, permission: Permission) -> bool {
        self.grants.iter().any(|grant| grant.permissions.has(permission))
    }

    /// Everything that it may do somewhere.
    pub fn permissions(&self) -> PermissionSet {
        self.grants.iter().fold(PermissionSet::default(), |all, grant| all.with(grant.permissions))
    }

    /// The tenants for which it has `permission`; none where it has not.
    pub fn reach(&self, permission: Permission) -> Reach {
        united(self.grants.iter().filter(|grant| grant.permissions.has(permission)))
    }

    /// The tenants for which it may do anything at all: whose names it may know.
    pub fn reach_of_any(&self) -> Reach {
        united(self.grants.iter())
    }

    /// The user whose events it may read beside those of its reach.
    pub fn oneself(&self) -> Option<Uuid> {
        self.oneself_with(Permission::AuditRead)
    }

    /// What it may read and do this other thing with.
    pub(crate) fn reach_of_both(
        &self,
        permission: Permission,
        directory: &Directory,
    ) -> (Reach, Option<Uuid>) {
        let reach = directory.common(&self.reach(Permission::AuditRead), &self.reach(permission));
        (reach, self.oneself().and(self.oneself_with(permission)))
    }

    /// The user whose events it may read beside those of its reach, and do this with.
    fn oneself_with(&self, permission: Permission) -> Option<Uuid> {
        let granted = self.grants.iter().filter(|grant| grant.permissions.has(permission));
        granted.filter_map(|grant| grant.oneself).next()
    }

    /// What of time it may ask about: what those of its grants allow together that let it read, over all that it reads.
    pub fn range(&self) -> RangeLimits {
        let reading = self.grants.iter().filter(|grant| grant.permissions.has(Permission::AuditRead));
        RangeLimits::united(reading.map(|grant| grant.range))
    }

    /// Whether `permission` reaches over the whole installation.
    pub fn may_everywhere(&self, permission: Permission) -> bool {
        self.reach(permission) == Reach::Everything
    }

    /// Whether it is complete user management: what the Audit Trail's administration needs.
    pub fn manages_users_completely(&self) -> bool {
        self.may_everywhere(Permission::UsersManage)
    }

    /// Whether it could hand out `permissions` over `reach`, and reading within `range` if that is among them: nobody
    /// gives more than they have.
    pub fn covers(
        &self,
        permissions: PermissionSet,
        reach: &Reach,
        range: Option<&RangeLimit>,
        directory: &Directory,
    ) -> bool {
        self.covers_range(permissions, range)
            && permissions.iter().all(|permission| directory.covers(&self.reach(permission), reach))
    }

    /// Whether `permissions` let nobody read what this principal could not ask about.
    pub fn covers_range(&self, permissions: PermissionSet, range: Option<&RangeLimit>) -> bool {
        !permissions.has(Permission::AuditRead) || self.range().cover(range)
    }
}

/// Reach over all that these grants reach over.
fn united<'g>(grants: impl Iterator<Item = &'g Grant>) -> Reach {
    let mut all = Vec::new();
    for grant in grants {
        match &grant.reach {
            Reach::Everything => return Reach::Everything,
            Reach::Tenants(roots) => all.extend(roots),
        }
    }
    all.sort_unstable();
    all.dedup();
    Reach::Tenants(all)
}

/// The principal of a key. A suspended tenant's events are taken, but nobody reads them with its keys.
fn of_key(key: &ApiKey, directory: &Directory) -> Principal {
    let sending: PermissionSet = [Permission::EventsSend].into_iter().collect();
    let whole = Grant { permissions: key.permissions, reach: key.reach.clone(), oneself: None, range: None };
    let grants = match &key.reach {
        Reach::Tenants(roots) if roots.iter().any(|root| directory.is_suspended(*root)) => {
            let active = roots.iter().copied().filter(|root| !directory.is_suspended(*root)).collect();
            let rest = key.permissions.without(sending);
            vec![
                Grant { permissions: key.permissions.without(rest), ..whole },
                Grant { permissions: rest, reach: Reach::Tenants(active), oneself: None, range: None },
            ]
        }
        _ => vec![whole],
    };
    Principal {
        id: PrincipalId::Key(key.id),
        name: key.name.clone(),
        grants,
        sender: Sender {
            default_tenant: key.default_tenant,
            tenant_from_target: key.tenant_from_target,
            create_tenants: key.create_tenants,
        },
        expires_at: key.expires_at,
    }
}

/// The principal of a user, or none if the account can't be used. `may_nothing`: all but what belongs to the account.
fn of_user(
    user: &User,
    session: Option<Uuid>,
    may_nothing: bool,
    directory: &Directory,
) -> Option<Principal> {
    let suspended = user.tenant.is_some_and(|tenant| directory.is_suspended(tenant));
    if user.state != UserState::Active || suspended {
        return None;
    }
    let grants = user.grants.iter().filter(|_| !may_nothing).filter_map(|grant| {
        let role = directory.role(grant.role)?;
        let (reach, oneself) = match role.reach {
            RoleReach::Everything => (Reach::Everything, None),
            RoleReach::Territories => (Reach::Tenants(grant.territories.clone()), None),
            RoleReach::Tenant => (Reach::Tenants(user.tenant.into_iter().collect()), None),
            RoleReach::Oneself => (Reach::Tenants(Vec::new()), Some(user.id)),
        };
        Some(Grant { permissions: role.permissions, reach, oneself, range: role.range })
    });
    Some(Principal {
        id: PrincipalId::User { user: user.id, session },
        name: user.username.clone(),
        grants: grants.collect(),
        sender: Sender::default(),
        expires_at: None,
    })
}

/// The id under which the administrator's key from the environment appears in envelopes.
const ADMIN_KEY_ID: KeyId = *b"admin-key-of-env";

/// Turns a presented secret into a principal.
#[derive(Clone)]
pub struct Authenticator {
    control: Control,
    /// Hashed, so that the comparison takes the same time for every guess.
    admin_key_hash: Option<Arc<[u8; 32]>>,
    /// Time after which a session that is not used ends.
    session_idle: Duration,
    second_factor_required: bool,
}

/// How sessions begin without anything but a password, see [`Session::method`].
const BY_PASSWORD: [&str; 2] = ["password", "set-up"];

impl Authenticator {
    /// `admin_key`: a secret accepted as a key with everything, for automation.
    pub fn new(control: Control, admin_key: Option<&str>, session_idle: Duration) -> Self {
        let admin_key_hash = admin_key.map(|key| Arc::new(hash(key)));
        Self { control, admin_key_hash, session_idle, second_factor_required: false }
    }

    /// The same, and whoever signs in by password needs a second factor if `required`.
    #[must_use]
    pub fn with_second_factor(self, required: bool) -> Self {
        Self { second_factor_required: required, ..self }
    }

    /// Whether somebody may do nothing but set up a second factor: one is required, they have none, and signed in by
    /// password.
    pub fn second_factor_due(&self, user: &User, session: &Session) -> bool {
        self.second_factor_required
            && !user.has_second_factor
            && BY_PASSWORD.contains(&session.method.as_str())
    }

    /// Whether what `principal` came with is still good at `now`.
    pub fn is_valid(&self, principal: &Principal, now: Timestamp) -> bool {
        self.renew(principal, now).is_some()
    }

    /// What the key or session that `principal` came with may do at `now`; `None` once it is good no longer.
    pub fn renew(&self, principal: &Principal, now: Timestamp) -> Option<Principal> {
        let directory = self.control.directory();
        match principal.id {
            PrincipalId::AdminKey => self.admin_key_hash.is_some().then(|| principal.clone()),
            PrincipalId::Key(id) => {
                let key = directory.key(&id).filter(|key| key.is_valid_at(now))?;
                Some(of_key(key, &directory))
            }
            PrincipalId::User { user, session: None } => self.on_behalf_of(Owner::User(user), now),
            PrincipalId::User { user, session: Some(session) } => {
                let session = self.control.session_by_id(session)?;
                let good = session.user == user && session.is_valid_at(now, self.session_idle);
                let user = directory.user(user).filter(|_| good)?;
                of_user(user, Some(session.id), self.second_factor_due(user, &session), &directory)
            }
        }
    }

    /// What somebody may do at `now` whose things go on without them; `None` once their key or account is good no longer.
    pub fn on_behalf_of(&self, owner: Owner, now: Timestamp) -> Option<Principal> {
        let directory = self.control.directory();
        match owner {
            Owner::AdminKey => self.admin_key_hash.is_some().then(administrator),
            Owner::Key(_) => {
                // Of the key and those that replace it, the newest that is good.
                let is_one =
                    |key: &&ApiKey| key.is_valid_at(now) && Owner::of_key(key.id, &directory) == owner;
                let newest = directory.keys().filter(is_one).max_by_key(|key| key.created_at)?;
                Some(of_key(newest, &directory))
            }
            Owner::User(user) => of_user(directory.user(user)?, None, false, &directory),
        }
    }

    /// The principal of a key that is good at `now`.
    pub fn authenticate(&self, secret: &str, now: Timestamp) -> Option<Principal> {
        if let Some(admin) = &self.admin_key_hash
            && bool::from(admin.ct_eq(&hash(secret)))
        {
            return Some(administrator());
        }
        let directory = self.control.directory();
        let key = directory.key_for_secret(secret).filter(|key| key.is_valid_at(now))?;
        Some(of_key(key, &directory))
    }

    /// The principal of a session that is good at `now`.
    pub fn authenticate_session(&self, secret: &str, now: Timestamp) -> Option<(Principal, Session)> {
        let session = self.control.session(&hash(secret))?;
        let directory = self.control.directory();
        let good = session.is_valid_at(now, self.session_idle);
        let user = directory.user(session.user).filter(|_| good)?;
        let principal = of_user(user, Some(session.id), self.second_factor_due(user, &session), &directory)?;
        Some((principal, session))
    }
}

/// The principal of the administrator's key.
fn administrator() -> Principal {
    let everything =
        Grant { permissions: PermissionSet::all(), reach: Reach::Everything, oneself: None, range: None };
    Principal {
        id: PrincipalId::AdminKey,
        name: "administrator key".into(),
        grants: vec![everything],
        sender: Sender::default(),
        expires_at: None,
    }
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
#[path = "principal_tests.rs"]
mod tests;
