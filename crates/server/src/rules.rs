//! The versions of the rules (catalogue, mapping, severity, templates) and which one applies now.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use indelible_control::{Control, ControlError, StoredRules};
use indelible_event::{RuleSet, RuleSetError, Timestamp};
use indelible_search::Catalogue;

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
    /// Every stored version; before any is stored, the built-in one.
    pub(crate) async fn load(control: &Control) -> Result<Self, RulesError> {
        let mut versions = BTreeMap::new();
        for stored in control.rule_sets().await? {
            let version = stored.version;
            let rules =
                RuleSet::from_json(&stored.body).map_err(|source| RulesError::Invalid { version, source })?;
            versions.insert(version, Arc::new(rules));
        }
        if versions.is_empty() {
            let builtin = RuleSet::builtin();
            versions.insert(builtin.version(), Arc::new(builtin.clone()));
        }
        Ok(Self { versions: Arc::new(ArcSwap::from_pointee(versions)) })
    }

    /// Stores this release's built-in rules as the next version, unless they are stored already or an administrator
    /// has edited the rules: edited rules stay in force. Stored versions never change, so what was received under
    /// one derives the same with every later release.
    pub(crate) async fn store_built_in(control: &Control, now: Timestamp) -> Result<(), RulesError> {
        let stored = control.rule_sets().await?;
        let next = stored.last().map_or(1, |newest| newest.version + 1);
        if let Some(newest) = stored.last() {
            let same = RuleSet::builtin().clone().with_version(newest.version).to_json() == newest.body;
            if same || !newest.built_in {
                return Ok(());
            }
        }
        let body = RuleSet::builtin().clone().with_version(next).to_json();
        Ok(control.insert_rule_set(&StoredRules { version: next, body, built_in: true }, now).await?)
    }

    /// The newest version, which applies to what is received now.
    pub(crate) fn current(&self) -> Arc<RuleSet> {
        let versions = self.versions.load();
        let (_, newest) = versions.last_key_value().expect("there is always a version");
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

/// Names in filters are those of the version that applies now.
impl Catalogue for Rules {
    fn action_type(&self, name: &str) -> Option<String> {
        let rules = self.current();
        let is = |text: &str| name.eq_ignore_ascii_case(text);
        let found = rules.action_types().iter().find(|kind| is(&kind.id) || is(&kind.label));
        found.map(|kind| kind.id.to_string())
    }

    fn object_category(&self, name: &str) -> Option<String> {
        let rules = self.current();
        let is = |text: &str| name.eq_ignore_ascii_case(text);
        let found = rules.categories().iter().find(|category| is(&category.id) || is(&category.label));
        found.map(|category| category.id.to_string())
    }

    fn object_names(&self, name: &str) -> Vec<String> {
        let rules = self.current();
        let found = rules.object_type(name).map(|kind| {
            let names = [kind.id.to_string(), kind.label.clone()];
            names.into_iter().chain(kind.aliases.iter().cloned())
        });
        found.into_iter().flatten().collect()
    }
}
