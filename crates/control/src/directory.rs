//! The snapshot in memory that requests read: tenants by number and name, children, keys by hash.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{ApiKey, KeyId, Reach, Tenant, TenantNumber, keys::hash_secret};

/// An immutable picture of the control data at one moment.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    tenants: BTreeMap<TenantNumber, Tenant>,
    by_name: HashMap<String, TenantNumber>,
    children: HashMap<Option<TenantNumber>, Vec<TenantNumber>>,
    keys: BTreeMap<KeyId, ApiKey>,
    by_hash: HashMap<[u8; 32], KeyId>,
}

impl Directory {
    pub(crate) fn new(tenants: Vec<Tenant>, keys: Vec<ApiKey>) -> Self {
        let mut directory = Self::default();
        for tenant in tenants {
            directory.by_name.insert(fold_name(&tenant.name), tenant.number);
            directory.children.entry(tenant.parent).or_default().push(tenant.number);
            directory.tenants.insert(tenant.number, tenant);
        }
        for key in keys {
            directory.by_hash.insert(key.hash, key.id);
            directory.keys.insert(key.id, key);
        }
        directory
    }

    /// The tenant with this number.
    pub fn tenant(&self, number: TenantNumber) -> Option<&Tenant> {
        self.tenants.get(&number)
    }

    /// The tenant with this name, without regard to ASCII case.
    pub fn tenant_named(&self, name: &str) -> Option<&Tenant> {
        self.by_name.get(&fold_name(name)).and_then(|number| self.tenants.get(number))
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

    /// Whether `tenant` lies within `reach` as the tree stands now.
    pub fn is_within(&self, tenant: TenantNumber, reach: &Reach) -> bool {
        match reach {
            Reach::Everything => true,
            Reach::Tenants(roots) => {
                let mut next = Some(tenant);
                // A tree of n tenants is at most n deep.
                for _ in 0..=self.tenants.len() {
                    match next {
                        Some(number) if roots.contains(&number) => return true,
                        Some(number) => next = self.tenants.get(&number).and_then(|tenant| tenant.parent),
                        None => return false,
                    }
                }
                false
            }
        }
    }
}

/// Names are compared without regard to ASCII case; they have no other letters.
pub(crate) fn fold_name(name: &str) -> String {
    name.to_ascii_lowercase()
}
