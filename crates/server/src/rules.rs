//! The versions of the rules (catalogue, mapping, severity, templates) and which one applies now.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use indelible_control::{Control, ControlError};
use indelible_event::{RuleSet, RuleSetError};

/// Every version that an event may have been received under. Clones share the table.
#[derive(Clone)]
pub(crate) struct Rules {
    versions: Arc<ArcSwap<BTreeMap<u32, Arc<RuleSet>>>>,
}

/// A stored version of the rules can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A stored version does not read back.
    #[error("version {version} of the rules is not valid: {source}")]
    Invalid {
        /// Which version.
        version: u32,
        /// What is wrong with it.
        source: RuleSetError,
    },
}

impl Rules {
    /// The built-in version and every stored one.
    pub(crate) async fn load(control: &Control) -> Result<Self, RulesError> {
        let builtin = RuleSet::builtin();
        let mut versions = BTreeMap::from([(builtin.version(), Arc::new(builtin.clone()))]);
        for (version, body) in control.rule_sets().await? {
            let rules = RuleSet::from_json(&body).map_err(|source| RulesError::Invalid { version, source })?;
            versions.insert(version, Arc::new(rules));
        }
        Ok(Self { versions: Arc::new(ArcSwap::from_pointee(versions)) })
    }

    /// The newest version, which applies to what is received now.
    pub(crate) fn current(&self) -> Arc<RuleSet> {
        let versions = self.versions.load();
        let (_, newest) = versions.last_key_value().expect("the built-in version is always there");
        newest.clone()
    }

    /// The version that an event was received under.
    pub(crate) fn version(&self, version: u32) -> Option<Arc<RuleSet>> {
        self.versions.load().get(&version).cloned()
    }

    /// Adds a version that is stored already.
    pub(crate) fn add(&self, rules: RuleSet) {
        let rules = Arc::new(rules);
        self.versions.rcu(|versions| {
            let mut versions = BTreeMap::clone(versions);
            versions.insert(rules.version(), rules.clone());
            versions
        });
    }
}
