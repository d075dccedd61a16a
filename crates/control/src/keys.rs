//! API keys: what they may do, for which tenants, until when. The secret itself is never stored.

use indelible_event::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{PermissionSet, TenantNumber};

/// An API key's id, written into the envelope of every event that it sends.
pub type KeyId = [u8; 16];

/// What a key may see and write to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Every tenant, now and later, and the ledger's global order.
    Everything,
    /// These tenants and everything below them, as the tree stands when asked.
    Tenants(Vec<TenantNumber>),
}

/// An API key as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Random id.
    pub id: KeyId,
    /// A name for people.
    pub name: String,
    /// The first characters of the key, to recognise it by.
    pub prefix: String,
    /// SHA-256 of the whole key.
    pub hash: [u8; 32],
    /// What it may do.
    pub permissions: PermissionSet,
    /// For which tenants.
    pub reach: Reach,
    /// The tenant of events that name none.
    pub default_tenant: Option<TenantNumber>,
    /// Whether an event that names no tenant belongs to its first target's tenant.
    pub tenant_from_target: bool,
    /// Whether it may name tenants that do not exist, which are made then, where the installation allows that.
    pub create_tenants: bool,
    /// The key that it is there to replace.
    pub replaces: Option<KeyId>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, as far as it was written down: within the last minutes.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// A key as it is to be, and its secret, which is nowhere else.
    ///
    /// # Errors
    /// The operating system gave no randomness.
    pub fn make(new: NewKey, now: Timestamp) -> Result<(Self, String), getrandom::Error> {
        let (secret, prefix) = new_secret()?;
        let key = Self {
            id: *Uuid::new_v4().as_bytes(),
            name: new.name,
            prefix,
            hash: hash_secret(&secret),
            permissions: new.permissions,
            reach: new.reach,
            default_tenant: new.default_tenant,
            tenant_from_target: new.tenant_from_target,
            create_tenants: new.create_tenants,
            replaces: new.replaces,
            expires_at: new.expires_at,
            created_at: now,
            revoked_at: None,
            last_used_at: None,
        };
        Ok((key, secret))
    }

    /// Whether a tenant stands in its reach or is its default.
    pub fn names(&self, tenant: TenantNumber) -> bool {
        self.default_tenant == Some(tenant)
            || matches!(&self.reach, Reach::Tenants(roots) if roots.contains(&tenant))
    }

    /// Whether the key is good at `now`.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expiry| now < expiry)
    }
}

/// What a new key is to be.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// See [`ApiKey::name`].
    pub name: String,
    /// See [`ApiKey::permissions`].
    pub permissions: PermissionSet,
    /// See [`ApiKey::reach`].
    pub reach: Reach,
    /// See [`ApiKey::default_tenant`].
    pub default_tenant: Option<TenantNumber>,
    /// See [`ApiKey::tenant_from_target`].
    pub tenant_from_target: bool,
    /// See [`ApiKey::create_tenants`].
    pub create_tenants: bool,
    /// See [`ApiKey::replaces`].
    pub replaces: Option<KeyId>,
    /// See [`ApiKey::expires_at`].
    pub expires_at: Option<Timestamp>,
}

/// A key as it stands in the ledger entry that comes before its row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    id: Uuid,
    name: String,
    prefix: String,
    #[serde(with = "hex")]
    hash: [u8; 32],
    permissions: PermissionSet,
    reach: Reach,
    default_tenant: Option<TenantNumber>,
    tenant_from_target: bool,
    create_tenants: bool,
    replaces: Option<Uuid>,
    /// Microseconds since 1970.
    expires_at: Option<i64>,
    created_at: i64,
}

impl KeyRecord {
    /// The key's id.
    pub fn id(&self) -> &KeyId {
        self.id.as_bytes()
    }

    /// The tenants that it names.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = TenantNumber> {
        let roots = match &self.reach {
            Reach::Everything => &[][..],
            Reach::Tenants(roots) => roots,
        };
        roots.iter().copied().chain(self.default_tenant)
    }

    /// The key that it is there to replace.
    pub(crate) fn replaces(&self) -> Option<&KeyId> {
        self.replaces.as_ref().map(Uuid::as_bytes)
    }
}

impl From<&ApiKey> for KeyRecord {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: Uuid::from_bytes(key.id),
            name: key.name.clone(),
            prefix: key.prefix.clone(),
            hash: key.hash,
            permissions: key.permissions,
            reach: key.reach.clone(),
            default_tenant: key.default_tenant,
            tenant_from_target: key.tenant_from_target,
            create_tenants: key.create_tenants,
            replaces: key.replaces.map(Uuid::from_bytes),
            expires_at: key.expires_at.map(Timestamp::as_micros),
            created_at: key.created_at.as_micros(),
        }
    }
}

impl From<&KeyRecord> for ApiKey {
    fn from(key: &KeyRecord) -> Self {
        Self {
            id: *key.id(),
            name: key.name.clone(),
            prefix: key.prefix.clone(),
            hash: key.hash,
            permissions: key.permissions,
            reach: key.reach.clone(),
            default_tenant: key.default_tenant,
            tenant_from_target: key.tenant_from_target,
            create_tenants: key.create_tenants,
            replaces: key.replaces.map(Uuid::into_bytes),
            expires_at: key.expires_at.map(Timestamp::from_micros),
            created_at: Timestamp::from_micros(key.created_at),
            revoked_at: None,
            last_used_at: None,
        }
    }
}

/// Characters of a key that are shown in lists.
const PREFIX_LEN: usize = 8;

/// A fresh secret `ik_` + 64 hex digits (256 random bits) and its shown prefix.
pub(crate) fn new_secret() -> Result<(String, String), getrandom::Error> {
    let mut random = [0u8; 32];
    getrandom::fill(&mut random)?;
    let secret = format!("ik_{}", hex::encode(random));
    let prefix = secret[..PREFIX_LEN].to_owned();
    Ok((secret, prefix))
}

/// SHA-256 of a presented secret.
pub(crate) fn hash_secret(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_at_its_expiry_and_at_revocation() {
        let at = Timestamp::from_micros;
        let new = NewKey {
            name: "app".into(),
            permissions: PermissionSet::default(),
            reach: Reach::Tenants(vec![1]),
            default_tenant: None,
            tenant_from_target: false,
            create_tenants: false,
            replaces: Some([3; 16]),
            expires_at: Some(at(100)),
        };
        let (mut key, secret) = ApiKey::make(new, at(0)).unwrap();
        assert!(key.hash == hash_secret(&secret) && secret.starts_with(&key.prefix) && key.names(1));
        let stored = serde_json::to_string(&KeyRecord::from(&key)).unwrap();
        assert!(!stored.contains(&secret));
        assert_eq!(ApiKey::from(&serde_json::from_str::<KeyRecord>(&stored).unwrap()), key);
        assert!(key.is_valid_at(at(99)) && !key.is_valid_at(at(100)));
        key.revoked_at = Some(at(5));
        assert!(!key.is_valid_at(at(6)));
    }
}
