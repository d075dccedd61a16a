//! The catalogue: action types, object types and their categories, with what people see of each.
//!
//! Invariant: ids are unique, every object type's category exists, and no id, label or alias, compared without case
//! and separators, belongs to two types.

use std::collections::HashMap;
use std::sync::Arc;

use super::pattern::squash;
use crate::Severity;

/// A colour for badges; what it looks like is the viewer's business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Colour {
    Blue,
    Green,
    Orange,
    Red,
    Purple,
    Cyan,
    #[default]
    Grey,
}

impl Colour {
    /// Every colour.
    pub const ALL: &'static [Self] =
        &[Self::Blue, Self::Green, Self::Orange, Self::Red, Self::Purple, Self::Cyan, Self::Grey];

    /// The name in the API and in rule sets.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
            Self::Orange => "orange",
            Self::Red => "red",
            Self::Purple => "purple",
            Self::Cyan => "cyan",
            Self::Grey => "grey",
        }
    }

    /// The colour with exactly this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|colour| colour.as_str() == name)
    }
}

impl std::fmt::Display for Colour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Colour {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A normalised type of action.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ActionType {
    /// Such as `create`.
    #[serde(serialize_with = "text")]
    pub id: Arc<str>,
    /// As people see it, such as `Add/Create`.
    pub label: String,
    /// The badge's colour where no colour rule says otherwise.
    pub colour: Colour,
    /// The severity where the sender gave none and no severity rule says otherwise.
    pub severity: Severity,
    /// Words for the summary sentence.
    #[serde(skip)]
    pub(crate) words: Words,
}

/// How a type of action is told in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// `deleted`; may hold `{action}` for the source's own name.
    pub(crate) past: String,
    /// `delete`, likewise.
    pub(crate) base: String,
    /// What stands between verb and target: nothing, or `to`, `of`, `on`.
    pub(crate) preposition: String,
    /// Whether the verb makes sense without a target.
    pub(crate) alone: bool,
    /// The single words of id, label, past and base: what an action's name need not repeat.
    pub(crate) said: Vec<String>,
}

/// A category of object types, for filters.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Category {
    /// Such as `users_domains`.
    #[serde(serialize_with = "text")]
    pub id: Arc<str>,
    /// As people see it, such as `Users & Domains`.
    pub label: String,
}

/// A type of object that actions are done to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ObjectType {
    /// Such as `phone_number`.
    #[serde(serialize_with = "text")]
    pub id: Arc<str>,
    /// As people see it, such as `Phone Number`.
    pub label: String,
    /// Id of its category.
    #[serde(serialize_with = "text")]
    pub category: Arc<str>,
    /// The badge's colour.
    pub colour: Colour,
    /// Other names that mean this type.
    pub aliases: Vec<String>,
    /// In a sentence: `phone number`.
    #[serde(skip)]
    pub(crate) noun: String,
    /// The single words of id and label.
    #[serde(skip)]
    pub(crate) said: Vec<String>,
}

// serde implements this for `Arc` only behind a feature that nothing else here needs.
fn text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// Everything in the catalogue, with look-up by any spelling.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogue {
    pub(crate) action_types: Vec<ActionType>,
    pub(crate) categories: Vec<Category>,
    pub(crate) object_types: Vec<ObjectType>,
    actions: HashMap<String, usize>,
    objects: HashMap<String, usize>,
}

impl Catalogue {
    /// Enters an action type; returns the name that another one has already.
    pub(crate) fn add_action_type(&mut self, action_type: ActionType) -> Result<(), String> {
        let at = self.action_types.len();
        let names = [action_type.id.to_string(), action_type.label.clone()];
        self.action_types.push(action_type);
        enter(&mut self.actions, at, names)
    }

    /// Enters an object type; returns the name that another one has already.
    pub(crate) fn add_object_type(&mut self, object_type: ObjectType) -> Result<(), String> {
        let at = self.object_types.len();
        let names = [object_type.id.to_string(), object_type.label.clone()];
        let names: Vec<String> = names.into_iter().chain(object_type.aliases.iter().cloned()).collect();
        self.object_types.push(object_type);
        enter(&mut self.objects, at, names)
    }

    pub(crate) fn action_type(&self, name: &str) -> Option<&ActionType> {
        self.actions.get(&squash(name)).map(|at| &self.action_types[*at])
    }

    /// The object type with this id, label or alias, or whose plural this is.
    pub(crate) fn object_type(&self, name: &str) -> Option<&ObjectType> {
        let key = squash(name);
        let singular = || key.strip_suffix('s').and_then(|singular| self.objects.get(singular));
        self.objects.get(&key).or_else(singular).map(|at| &self.object_types[*at])
    }
}

fn enter(
    index: &mut HashMap<String, usize>,
    at: usize,
    names: impl IntoIterator<Item = String>,
) -> Result<(), String> {
    for name in names {
        if *index.entry(squash(&name)).or_insert(at) != at {
            return Err(name);
        }
    }
    Ok(())
}
