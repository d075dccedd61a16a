//! What an installation knows about actions and objects, and what it adds to each event: action type, object type,
//! severity, details and summary.
//!
//! All of it is data with a version (`data/rules-v1.json` is the built-in one; the format is in `docs/events.md`).
//! Rules apply when an event is received and the version is recorded with it, so that later edits change nothing that
//! is stored. Invariant: a rule set that was read gives an answer for every event.

mod catalogue;
mod file;
mod mapping;
mod pattern;
mod summary;
mod template;

use std::sync::{Arc, OnceLock};

use catalogue::Catalogue;
pub use catalogue::{ActionType, Category, Colour, ObjectType};
use mapping::{Condition, Mapping, Names};
use template::{Context, Template};

use crate::model::{Event, Severity};
use crate::problem::Problem;

/// The id of the action type for actions that no rule takes, and of the category for types that no catalogue knows.
const OTHER: &str = "other";

/// The rule set is not one: unknown names, dangling ids, templates that do not parse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rule set has {} problems, the first is {}", problems.len(), problems[0])]
pub struct RuleSetError {
    /// Every problem found, at least one and at most 100; `field` is a JSON pointer into the rule set.
    pub problems: Vec<Problem>,
}

/// Catalogue and rules of one version.
#[derive(Clone, Debug)]
pub struct RuleSet {
    version: u32,
    source: serde_json::Value,
    catalogue: Catalogue,
    mapping: Mapping,
    severities: Vec<SeverityRule>,
    colours: Vec<ColourRule>,
    details: Vec<DetailsRule>,
}

#[derive(Clone, Debug)]
struct SeverityRule {
    condition: Condition,
    severity: Severity,
}

#[derive(Clone, Debug)]
struct ColourRule {
    condition: Condition,
    colour: Colour,
}

#[derive(Clone, Debug)]
struct DetailsRule {
    condition: Condition,
    template: Template,
}

/// What the rules add to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// Id of the normalised action type, such as `delete`: the sender's if the catalogue has it, else by rule.
    pub action_type: Arc<str>,
    /// Type of the first target: the catalogue's id, else the sender's own word.
    pub object_type: Option<Arc<str>>,
    /// Id of the category of that type; `other` for types that the catalogue does not know.
    pub object_category: Option<Arc<str>>,
    /// The sender's severity, else by rule.
    pub severity: Severity,
    /// The sender's details, else by template, if one applies.
    pub details: Option<String>,
    /// Who did what to what, from where, with what outcome: one plain sentence without a full stop.
    pub summary: String,
}

impl RuleSet {
    /// The rules that come with this release, version 1.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<RuleSet> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            Self::from_json(include_str!("../../data/rules-v1.json"))
                .expect("the built-in rules pass their own test")
        })
    }

    /// Reads a rule set and checks all of it.
    ///
    /// # Errors
    /// [`RuleSetError`] with every problem found and where it is.
    pub fn from_json(json: &str) -> Result<Self, RuleSetError> {
        file::read(json).map_err(|problems| RuleSetError { problems })
    }

    /// The rule set as JSON, in the format that [`Self::from_json`] reads.
    pub fn to_json(&self) -> String {
        format!("{:#}", self.source)
    }

    /// The version, at least 1.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The same rules as another version; numbers are given by whoever stores rule sets.
    ///
    /// # Panics
    /// If `version` is 0.
    #[must_use]
    pub fn with_version(mut self, version: u32) -> Self {
        assert!(version > 0, "rule set versions begin at 1");
        self.version = version;
        self.source["version"] = version.into();
        self
    }

    /// The action types, in the catalogue's order.
    pub fn action_types(&self) -> &[ActionType] {
        &self.catalogue.action_types
    }

    /// The categories of object types, in the catalogue's order.
    pub fn categories(&self) -> &[Category] {
        &self.catalogue.categories
    }

    /// The object types, in the catalogue's order.
    pub fn object_types(&self) -> &[ObjectType] {
        &self.catalogue.object_types
    }

    /// The action type with this id or label, compared without case and separators.
    pub fn action_type(&self, name: &str) -> Option<&ActionType> {
        self.catalogue.action_type(name)
    }

    /// The object type with this id, label or alias (or its plural), compared without case and separators.
    pub fn object_type(&self, name: &str) -> Option<&ObjectType> {
        self.catalogue.object_type(name)
    }

    /// Applies the rules to an event.
    pub fn derive(&self, event: &Event) -> Derived {
        let names = Names::new(event);
        let action_type = self.action_type_of(event, &names);
        let sent_type = event.targets.first().and_then(|target| target.kind.as_deref());
        let known_type = sent_type.and_then(|name| self.object_type(name));
        let object_type =
            known_type.map_or_else(|| sent_type.map(Arc::from), |known| Some(Arc::clone(&known.id)));
        let object_category = match known_type {
            Some(known) => Some(Arc::clone(&known.category)),
            None => sent_type.map(|_| Arc::from(OTHER)),
        };
        let takes =
            |condition: &Condition| condition.takes(event, &names, &action_type.id, object_type.as_deref());
        let severity = event.severity.unwrap_or_else(|| {
            let rule = self.severities.iter().find(|rule| takes(&rule.condition));
            rule.map_or(action_type.severity, |rule| rule.severity)
        });
        let details = event.details.clone().or_else(|| {
            let rule = self.details.iter().find(|rule| takes(&rule.condition))?;
            let json = event.to_json();
            let details = rule.template.render(Context {
                event: &json,
                action_type: &action_type.id,
                action_label: &action_type.label,
                object_type: object_type.as_deref(),
                object_label: known_type.map(|known| known.label.as_str()).or(sent_type),
            });
            (!details.trim().is_empty()).then_some(details)
        });
        Derived {
            action_type: Arc::clone(&action_type.id),
            summary: summary::summary(event, &names.action, action_type, &self.catalogue),
            object_type,
            object_category,
            severity,
            details,
        }
    }

    /// The colour of an event's action badge: by colour rule, else its action type's.
    pub fn action_colour(&self, event: &Event) -> Colour {
        let names = Names::new(event);
        let action_type = self.action_type_of(event, &names);
        let sent_type = event.targets.first().and_then(|target| target.kind.as_deref());
        let object_type = sent_type.map(|name| self.object_type(name).map_or(name, |known| &known.id));
        let rule = self
            .colours
            .iter()
            .find(|rule| rule.condition.takes(event, &names, &action_type.id, object_type));
        rule.map_or(action_type.colour, |rule| rule.colour)
    }

    fn action_type_of(&self, event: &Event, names: &Names) -> &ActionType {
        let sent = event.action_type.as_deref().and_then(|name| self.action_type(name));
        let mapped = || self.mapping.action_type(names).and_then(|id| self.action_type(id));
        let other = || self.action_type(OTHER);
        sent.or_else(mapped).or_else(other).expect("a rule set is only read if it has the action type other")
    }

    fn empty() -> Self {
        Self {
            version: 0,
            source: serde_json::Value::Null,
            catalogue: Catalogue::default(),
            mapping: Mapping::default(),
            severities: Vec::new(),
            colours: Vec::new(),
            details: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
