//! The snapshot in memory that requests read: tenants by number and name, children, keys by hash, users, roles.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indelible_event::Timestamp;
use uuid::Uuid;

use crate::{
    ApiKey, KeyId, Reach, Retention, Role, Tenant, TenantKind, TenantNumber, TenantState, User, UserState,
    keys::hash_secret,
};

/// An immutable picture of the control data at one moment.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    tenants: BTreeMap<TenantNumber, Tenant>,
    by_name: HashMap<String, TenantNumber>,
    children: HashMap<Option<TenantNumber>, Vec<TenantNumber>>,
    keys: BTreeMap<KeyId, ApiKey>,
    by_hash: HashMap<[u8; 32], KeyId>,
    /// Names that tenants had, by the folded one.
    former_names: HashMap<String, (String, TenantNumber)>,
    roles: Vec<Role>,
    users: BTreeMap<Uuid, User>,
    by_username: HashMap<String, Uuid>,
    by_email: HashMap<String, Vec<Uuid>>,
    installation_audited_since: Option<Timestamp>,
    retention: Retention,
}

/// All that a directory is made of.
#[derive(Default)]
pub(crate) struct Loaded {
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) former_names: Vec<(String, TenantNumber)>,
    pub(crate) keys: Vec<ApiKey>,
    /// The installation's own.
    pub(crate) roles: Vec<Role>,
    pub(crate) users: Vec<User>,
    pub(crate) installation_audited_since: Option<Timestamp>,
    pub(crate) retention: Retention,
}

impl Directory {
    pub(crate) fn new(loaded: Loaded) -> Self {
        let mut directory = Self {
            former_names: loaded
                .former_names
                .into_iter()
                .map(|(name, tenant)| (fold_name(&name), (name, tenant)))
                .collect(),
            roles: Role::ready_made().into_iter().chain(loaded.roles).collect(),
            installation_audited_since: loaded.installation_audited_since,
            retention: loaded.retention,
            ..Self::default()
        };
        for user in loaded.users {
            directory.by_username.insert(fold_username(&user.username), user.id);
            if let Some(email) = &user.email {
                directory.by_email.entry(fold_username(email)).or_default().push(user.id);
            }
            directory.users.insert(user.id, user);
        }
        for tenant in loaded.tenants {
            directory.by_name.insert(fold_name(&tenant.name), tenant.number);
            directory.children.entry(tenant.parent).or_default().push(tenant.number);
            directory.tenants.insert(tenant.number, tenant);
        }
        for key in loaded.keys {
            directory.by_hash.insert(key.hash, key.id);
            directory.keys.insert(key.id, key);
        }
        directory
    }

    /// The tenant with this number.
    pub fn tenant(&self, number: TenantNumber) -> Option<&Tenant> {
        self.tenants.get(&number)
    }

    /// The tenant with this name, or that had it, without regard to ASCII case. No two ever have the same.
    pub fn tenant_named(&self, name: &str) -> Option<&Tenant> {
        self.owner_of_name(name).and_then(|number| self.tenants.get(&number))
    }

    /// Whose name this is or was.
    pub(crate) fn owner_of_name(&self, name: &str) -> Option<TenantNumber> {
        let folded = fold_name(name);
        let former = || self.former_names.get(&folded).map(|(_, tenant)| tenant);
        self.by_name.get(&folded).or_else(former).copied()
    }

    /// The names that a tenant had before.
    pub fn former_names(&self, tenant: TenantNumber) -> Vec<&str> {
        let own = self.former_names.values().filter(|(_, number)| *number == tenant);
        let mut names: Vec<_> = own.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// What a tenant is in the tree: as was said of it, else as it turned out.
    pub fn kind_of(&self, tenant: &Tenant) -> TenantKind {
        let children = self.children.get(&Some(tenant.number)).is_some_and(|children| !children.is_empty());
        tenant.kind.unwrap_or(if children { TenantKind::Territory } else { TenantKind::Domain })
    }

    /// The tenants directly below one.
    pub fn children(&self, tenant: TenantNumber) -> impl Iterator<Item = TenantNumber> {
        self.children.get(&Some(tenant)).into_iter().flatten().copied()
    }

    /// Since when tenants begin with auditing on; `None`: they do not.
    pub fn installation_audited_since(&self) -> Option<Timestamp> {
        self.installation_audited_since
    }

    /// How long events are kept.
    pub fn retention(&self) -> &Retention {
        &self.retention
    }

    /// Every role, the ready-made ones first.
    pub fn roles(&self) -> impl ExactSizeIterator<Item = &Role> {
        self.roles.iter()
    }

    /// The role with this id.
    pub fn role(&self, id: Uuid) -> Option<&Role> {
        self.roles.iter().find(|role| role.id == id)
    }

    /// The role with this name, without regard to case.
    pub fn role_named(&self, name: &str) -> Option<&Role> {
        let name = name.to_lowercase();
        self.roles.iter().find(|role| role.name.to_lowercase() == name)
    }

    /// Every user, by id.
    pub fn users(&self) -> impl ExactSizeIterator<Item = &User> {
        self.users.values()
    }

    /// The administrators who can sign in: without one of them nobody manages everything.
    pub fn administrators(&self) -> impl Iterator<Item = &User> {
        let is_open = |user: &User| {
            user.state == UserState::Active && !user.tenant.is_some_and(|tenant| self.is_suspended(tenant))
        };
        self.users().filter(move |user| user.has_role(Role::ADMINISTRATOR) && is_open(user))
    }

    /// The user with this id.
    pub fn user(&self, id: Uuid) -> Option<&User> {
        self.users.get(&id)
    }

    /// The users with this e-mail address, without regard to case.
    pub fn users_with_email(&self, email: &str) -> impl Iterator<Item = &User> {
        let ids = self.by_email.get(&fold_username(email)).into_iter().flatten();
        ids.filter_map(|id| self.users.get(id))
    }

    /// The user with this username, without regard to case.
    pub fn user_named(&self, username: &str) -> Option<&User> {
        self.by_username.get(&fold_username(username)).and_then(|id| self.users.get(id))
    }

    /// Every tenant, by number.
    pub fn tenants(&self) -> impl ExactSizeIterator<Item = &Tenant> {
        self.tenants.values()
    }

    /// Every key, by id.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &ApiKey> {
        self.keys.values()
    }

    /// The key with this id.
    pub fn key(&self, id: &KeyId) -> Option<&ApiKey> {
        self.keys.get(id)
    }

    /// The key whose secret this is, valid or not.
    pub fn key_for_secret(&self, secret: &str) -> Option<&ApiKey> {
        self.by_hash.get(&hash_secret(secret)).and_then(|id| self.keys.get(id))
    }

    /// The tenants given and everything below them.
    pub fn subtree(&self, roots: &[TenantNumber]) -> BTreeSet<TenantNumber> {
        let mut found = BTreeSet::new();
        let mut open: Vec<_> =
            roots.iter().copied().filter(|number| self.tenants.contains_key(number)).collect();
        while let Some(number) = open.pop() {
            // A cycle cannot be stored, but a set that only grows also ends on one.
            if found.insert(number) {
                open.extend(self.children.get(&Some(number)).into_iter().flatten());
            }
        }
        found
    }

    /// Whether everything in `inner` is in `outer` too, as the tree stands now.
    pub fn covers(&self, outer: &Reach, inner: &Reach) -> bool {
        match (outer, inner) {
            (Reach::Everything, _) => true,
            (Reach::Tenants(_), Reach::Everything) => false,
            (Reach::Tenants(_), Reach::Tenants(roots)) => {
                roots.iter().all(|root| self.is_within(*root, outer))
            }
        }
    }

    /// What is in both, as the tree stands now.
    pub fn common(&self, one: &Reach, other: &Reach) -> Reach {
        match (one, other) {
            (Reach::Everything, reach) | (reach, Reach::Everything) => reach.clone(),
            (Reach::Tenants(ones), Reach::Tenants(others)) => {
                let mut roots: Vec<_> = ones.iter().filter(|root| self.is_within(**root, other)).collect();
                roots.extend(others.iter().filter(|root| self.is_within(**root, one)));
                roots.sort_unstable();
                roots.dedup();
                Reach::Tenants(roots.into_iter().copied().collect())
            }
        }
    }

    /// Whether a tenant or one above it is suspended.
    pub fn is_suspended(&self, tenant: TenantNumber) -> bool {
        self.upwards(tenant).any(|tenant| tenant.state == TenantState::Suspended)
    }

    /// A tenant and those above it.
    pub fn upwards(&self, tenant: TenantNumber) -> impl Iterator<Item = &Tenant> {
        let above = |tenant: &&Tenant| tenant.parent.and_then(|parent| self.tenants.get(&parent));
        // A tree of n tenants is at most n deep; a cycle can't be stored.
        std::iter::successors(self.tenants.get(&tenant), above).take(self.tenants.len())
    }

    /// Whether `tenant` lies within `reach` as the tree stands now.
    pub fn is_within(&self, tenant: TenantNumber, reach: &Reach) -> bool {
        match reach {
            Reach::Everything => true,
            Reach::Tenants(roots) => self.upwards(tenant).any(|above| roots.contains(&above.number)),
        }
    }
}

/// Names are compared without regard to ASCII case; they have no other letters.
pub(crate) fn fold_name(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// A username as it is compared: without regard to case.
pub fn fold_username(username: &str) -> String {
    username.to_lowercase()
}
