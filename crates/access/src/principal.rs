//! Who is asking, and what they may do.

use std::sync::Arc;

use indelible_control::{ApiKey, Control, Directory, KeyId, Permission, PermissionSet, Reach, TenantNumber};
use indelible_event::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// An authenticated caller.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The key's id, as written into the envelopes of what it sends.
    pub key_id: KeyId,
    /// The key's name.
    pub name: String,
    /// What it may do.
    pub permissions: PermissionSet,
    /// For which tenants.
    pub reach: Reach,
    /// The tenant of events that name none.
    pub default_tenant: Option<TenantNumber>,
    /// Whether an event that names no tenant belongs to its first target's tenant.
    pub tenant_from_target: bool,
    /// From when on the key is refused; a key made by it ends no later.
    pub expires_at: Option<Timestamp>,
}

impl Principal {
    /// Whether it has `permission`.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.has(permission)
    }

    /// Whether its reach is the whole installation.
    pub fn sees_everything(&self) -> bool {
        self.reach == Reach::Everything
    }

    /// Whether it could hand out `permissions` and `reach`: nobody gives more than they have.
    pub fn covers(&self, permissions: PermissionSet, reach: &Reach, directory: &Directory) -> bool {
        permissions.is_within(self.permissions)
            && match reach {
                Reach::Everything => self.sees_everything(),
                Reach::Tenants(roots) => roots.iter().all(|root| directory.is_within(*root, &self.reach)),
            }
    }
}

impl From<&ApiKey> for Principal {
    fn from(key: &ApiKey) -> Self {
        Self {
            key_id: key.id,
            name: key.name.clone(),
            permissions: key.permissions,
            reach: key.reach.clone(),
            default_tenant: key.default_tenant,
            tenant_from_target: key.tenant_from_target,
            expires_at: key.expires_at,
        }
    }
}

/// The id under which the administrator's key from the environment appears in envelopes.
const ADMIN_KEY_ID: KeyId = *b"admin-key-of-env";

/// Turns a presented secret into a principal.
#[derive(Clone)]
pub struct Authenticator {
    control: Control,
    /// Hashed, so that the comparison takes the same time for every guess.
    admin_key_hash: Option<Arc<[u8; 32]>>,
}

impl Authenticator {
    /// `admin_key`: a secret accepted as a key with everything, for automation.
    pub fn new(control: Control, admin_key: Option<&str>) -> Self {
        let admin_key_hash = admin_key.map(|key| Arc::new(Sha256::digest(key.as_bytes()).into()));
        Self { control, admin_key_hash }
    }

    /// Whether the key that `principal` came with is still good at `now`.
    pub fn is_valid(&self, principal: &Principal, now: Timestamp) -> bool {
        if principal.key_id == ADMIN_KEY_ID {
            return self.admin_key_hash.is_some();
        }
        self.control.directory().key(&principal.key_id).is_some_and(|key| key.is_valid_at(now))
    }

    /// What the key that `principal` came with may do at `now`; `None` once it is good no longer.
    pub fn renew(&self, principal: &Principal, now: Timestamp) -> Option<Principal> {
        if principal.key_id == ADMIN_KEY_ID {
            return self.admin_key_hash.is_some().then(|| principal.clone());
        }
        let directory = self.control.directory();
        directory.key(&principal.key_id).filter(|key| key.is_valid_at(now)).map(Principal::from)
    }

    /// The principal of a key that is good at `now`.
    pub fn authenticate(&self, secret: &str, now: Timestamp) -> Option<Principal> {
        let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        if let Some(admin) = &self.admin_key_hash
            && bool::from(admin.ct_eq(&hash))
        {
            return Some(Principal {
                key_id: ADMIN_KEY_ID,
                name: "administrator key".into(),
                permissions: PermissionSet::all(),
                reach: Reach::Everything,
                default_tenant: None,
                tenant_from_target: false,
                expires_at: None,
            });
        }
        let directory = self.control.directory();
        directory.key_for_secret(secret).filter(|key| key.is_valid_at(now)).map(Principal::from)
    }
}
