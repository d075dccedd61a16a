//! API keys: what they may do, for which tenants, until when. The secret itself is never stored.

use indelible_event::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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
#[derive(Clone, Debug)]
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
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
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
    /// See [`ApiKey::expires_at`].
    pub expires_at: Option<Timestamp>,
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
        let mut key = ApiKey {
            id: [1; 16],
            name: "app".into(),
            prefix: "ik_12345".into(),
            hash: [0; 32],
            permissions: PermissionSet::default(),
            reach: Reach::Tenants(vec![1]),
            default_tenant: None,
            tenant_from_target: false,
            expires_at: Some(at(100)),
            created_at: at(0),
            revoked_at: None,
        };
        assert!(key.is_valid_at(at(99)) && !key.is_valid_at(at(100)));
        key.revoked_at = Some(at(5));
        assert!(!key.is_valid_at(at(6)));
    }
}
