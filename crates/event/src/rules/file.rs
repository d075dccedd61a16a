//! A rule set as JSON: reading it with a JSON pointer for everything that is wrong, so that an editor can show where.
//!
//! Unknown names are refused: a misspelt condition would make a rule apply to everything.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::catalogue::{ActionType, Category, Colour, ObjectType, Words};
use super::mapping::{Condition, MappingRule};
use super::pattern::{Name, Pattern};
use super::template::Template;
use super::{ColourRule, DetailsRule, RuleSet, SeverityRule};
use crate::problem::{Code, Problem, excerpt};
use crate::{OutcomeResult, Severity};

/// The largest rule set, in bytes of JSON.
const RULE_SET_BYTES_MAX: usize = 1 << 20;

/// How deep a rule set's JSON is nested at most; the format needs four.
const DEPTH_MAX: usize = 8;

/// Most problems that are listed.
const PROBLEMS_MAX: usize = 100;

pub(super) fn read(json: &str) -> Result<RuleSet, Vec<Problem>> {
    if json.len() > RULE_SET_BYTES_MAX {
        let message =
            format!("the rule set has {} bytes, at most {RULE_SET_BYTES_MAX} are taken", json.len());
        return Err(vec![Problem::new(Code::EventTooLarge, "", message)]);
    }
    crate::parse_json(json, DEPTH_MAX).map_err(|problem| vec![problem])?;
    let source: Value = serde_json::from_str(json)
        .map_err(|error| vec![Problem::new(Code::MalformedJson, "", format!("not a rule set: {error}"))])?;
    let mut reading = Reading { problems: Vec::new(), set: RuleSet::empty() };
    if let Some(mut set) = reading.object(&source, String::new()) {
        reading.rule_set(&mut set);
        reading.finish(set);
    }
    if reading.problems.is_empty() {
        Ok(RuleSet { source, ..reading.set })
    } else {
        reading.problems.truncate(PROBLEMS_MAX);
        Err(reading.problems)
    }
}

struct Reading {
    problems: Vec<Problem>,
    set: RuleSet,
}

/// An object of the rule set, and which of its members have been asked for.
struct Object<'v> {
    members: &'v Map<String, Value>,
    at: String,
    known: Vec<&'static str>,
}

impl<'v> Object<'v> {
    /// The member called `name`; null is none.
    fn get(&mut self, name: &'static str) -> Option<(&'v Value, String)> {
        self.known.push(name);
        let value = self.members.get(name).filter(|value| !value.is_null())?;
        Some((value, format!("{}/{name}", self.at)))
    }
}

impl Reading {
    fn problem(&mut self, code: Code, at: String, message: impl Into<String>) {
        self.problems.push(Problem::new(code, at, message));
    }

    fn wrong_type(&mut self, at: String, expected: &str) {
        self.problem(Code::WrongType, at, format!("expected {expected}"));
    }

    fn object<'v>(&mut self, value: &'v Value, at: String) -> Option<Object<'v>> {
        match value {
            Value::Object(members) => Some(Object { members, at, known: Vec::new() }),
            _ => {
                self.wrong_type(at, "an object");
                None
            }
        }
    }

    /// Complains about the members that nobody asked for.
    fn finish(&mut self, object: Object<'_>) {
        for name in object.members.keys().filter(|name| !object.known.contains(&name.as_str())) {
            let escaped = name.replace('~', "~0").replace('/', "~1");
            let known = object.known.join(", ");
            self.problem(
                Code::UnknownField,
                format!("{}/{escaped}", object.at),
                format!("expected one of {known}"),
            );
        }
    }

    fn missing(&mut self, object: &Object<'_>, name: &str, expected: &str) {
        self.problem(Code::MissingField, format!("{}/{name}", object.at), format!("expected {expected}"));
    }

    fn optional_text<'v>(&mut self, object: &mut Object<'v>, name: &'static str) -> Option<&'v str> {
        let (value, at) = object.get(name)?;
        let text = value.as_str();
        if text.is_none() {
            self.wrong_type(at, "a string");
        }
        text
    }

    fn text<'v>(&mut self, object: &mut Object<'v>, name: &'static str) -> Option<&'v str> {
        if object.members.get(name).is_none_or(Value::is_null) {
            object.known.push(name);
            self.missing(object, name, "a string");
            return None;
        }
        let text = self.optional_text(object, name)?;
        if text.trim().is_empty() {
            self.problem(
                Code::MissingField,
                format!("{}/{name}", object.at),
                "expected a text that is not blank",
            );
            return None;
        }
        Some(text)
    }

    fn id(&mut self, object: &mut Object<'_>) -> Option<Arc<str>> {
        let id = self.text(object, "id")?;
        let sound = id.len() <= 64
            && id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !sound {
            let at = format!("{}/id", object.at);
            self.problem(
                Code::InvalidId,
                at,
                "expected a lower-case letter, then up to 63 lower-case letters, digits and _",
            );
            return None;
        }
        Some(Arc::from(id))
    }

    fn colour(&mut self, object: &mut Object<'_>) -> Option<Colour> {
        let name = self.text(object, "colour")?;
        self.choice(
            name,
            object,
            "colour",
            Colour::from_name(name),
            Colour::ALL.iter().map(|colour| colour.as_str()),
        )
    }

    fn severity(&mut self, object: &mut Object<'_>) -> Option<Severity> {
        let name = self.text(object, "severity")?;
        let severity = Severity::from_name(name);
        self.choice(
            name,
            object,
            "severity",
            severity,
            Severity::ALL.iter().map(|severity| severity.as_str()),
        )
    }

    fn choice<T>(
        &mut self,
        got: &str,
        object: &Object<'_>,
        name: &str,
        chosen: Option<T>,
        names: impl Iterator<Item = &'static str>,
    ) -> Option<T> {
        if chosen.is_none() {
            let names = names.collect::<Vec<_>>().join(", ");
            let message = format!("expected one of {names}, got {}", excerpt(got));
            self.problem(Code::InvalidEnum, format!("{}/{name}", object.at), message);
        }
        chosen
    }

    /// The objects of an array.
    fn objects<'v>(
        &mut self,
        object: &mut Object<'v>,
        name: &'static str,
        required: bool,
    ) -> Vec<Object<'v>> {
        match object.get(name) {
            None if required => {
                self.missing(object, name, "an array of objects");
                Vec::new()
            }
            None => Vec::new(),
            Some((Value::Array(items), at)) => items
                .iter()
                .enumerate()
                .filter_map(|(n, item)| self.object(item, format!("{at}/{n}")))
                .collect(),
            Some((_, at)) => {
                self.wrong_type(at, "an array of objects");
                Vec::new()
            }
        }
    }

    /// A list of strings; one string stands for a list of one. An empty list is refused, since it would ask for nothing.
    fn texts<'v>(&mut self, object: &mut Object<'v>, name: &'static str) -> Vec<(&'v str, String)> {
        let Some((value, at)) = object.get(name) else { return Vec::new() };
        let items = match value {
            Value::String(text) => return vec![(text, at)],
            Value::Array(items) if !items.is_empty() => items,
            _ => {
                self.wrong_type(at, "a string or an array of at least one");
                return Vec::new();
            }
        };
        let mut texts = Vec::with_capacity(items.len());
        for (n, item) in items.iter().enumerate() {
            match item.as_str() {
                Some(text) => texts.push((text, format!("{at}/{n}"))),
                None => self.wrong_type(format!("{at}/{n}"), "a string"),
            }
        }
        texts
    }

    fn patterns(&mut self, object: &mut Object<'_>, name: &'static str) -> Vec<Pattern> {
        let mut patterns = Vec::new();
        for (text, at) in self.texts(object, name) {
            match Pattern::new(text) {
                Some(pattern) => patterns.push(pattern),
                None => self.problem(Code::InvalidString, at, "expected words, * or both"),
            }
        }
        patterns
    }

    fn words(&mut self, object: &mut Object<'_>, name: &'static str) -> Vec<String> {
        let mut words = Vec::new();
        for (text, at) in self.texts(object, name) {
            let cut = Name::new(text);
            let mut cut = cut.words();
            match (cut.next(), cut.next()) {
                (Some(word), None) => words.push(word.to_owned()),
                _ => self.problem(Code::InvalidString, at, "expected one word"),
            }
        }
        words
    }

    fn action_type_ids(&mut self, object: &mut Object<'_>, name: &'static str) -> Vec<Arc<str>> {
        let mut ids = Vec::new();
        for (text, at) in self.texts(object, name) {
            match self.set.catalogue.action_types.iter().find(|known| &*known.id == text) {
                Some(known) => ids.push(Arc::clone(&known.id)),
                None => self.unknown_id(text, at, "the id of an action type"),
            }
        }
        ids
    }

    fn object_type_ids(&mut self, object: &mut Object<'_>, name: &'static str) -> Vec<Arc<str>> {
        let mut ids = Vec::new();
        for (text, at) in self.texts(object, name) {
            match self.set.catalogue.object_types.iter().find(|known| &*known.id == text) {
                Some(known) => ids.push(Arc::clone(&known.id)),
                None => self.unknown_id(text, at, "the id of an object type"),
            }
        }
        ids
    }

    fn unknown_id(&mut self, got: &str, at: String, expected: &str) {
        self.problem(
            Code::InvalidEnum,
            at,
            format!("expected {expected} of this rule set, got {}", excerpt(got)),
        );
    }

    fn condition(&mut self, object: &mut Object<'_>) -> Condition {
        let mut outcome = Vec::new();
        for (text, at) in self.texts(object, "outcome") {
            match OutcomeResult::from_name(text) {
                Some(result) => outcome.push(result),
                None => self.unknown_id(text, at, "success, failure, denied, challenge or unknown"),
            }
        }
        Condition {
            action: self.patterns(object, "action"),
            application: self.patterns(object, "application"),
            action_type: self.action_type_ids(object, "action_type"),
            object_type: self.object_type_ids(object, "object_type"),
            outcome,
            reason: self.patterns(object, "reason"),
        }
    }

    fn rule_set(&mut self, set: &mut Object<'_>) {
        self.optional_text(set, "description");
        match set.get("version") {
            Some((value, at)) => match value.as_u64().and_then(|version| u32::try_from(version).ok()) {
                Some(version) if version > 0 => self.set.version = version,
                _ => self.problem(Code::NumberOutOfRange, at, "expected an integer from 1 to 4294967295"),
            },
            None => self.missing(set, "version", "an integer"),
        }
        for object in self.objects(set, "action_types", true) {
            self.action_type(object);
        }
        if self.set.catalogue.action_types.iter().all(|known| &*known.id != super::OTHER) {
            let message = "expected an action type with the id other, for actions that no rule takes";
            self.problem(Code::MissingField, "/action_types".to_owned(), message);
        }
        for object in self.objects(set, "categories", true) {
            self.category(object);
        }
        for object in self.objects(set, "object_types", true) {
            self.object_type(object);
        }
        for object in self.objects(set, "mapping", true) {
            self.mapping(object);
        }
        for mut object in self.objects(set, "severities", false) {
            let condition = self.condition(&mut object);
            if let Some(severity) = self.severity(&mut object) {
                self.set.severities.push(SeverityRule { condition, severity });
            }
            self.finish(object);
        }
        for mut object in self.objects(set, "colours", false) {
            let condition = self.condition(&mut object);
            if let Some(colour) = self.colour(&mut object) {
                self.set.colours.push(ColourRule { condition, colour });
            }
            self.finish(object);
        }
        for mut object in self.objects(set, "details", false) {
            let condition = self.condition(&mut object);
            if let Some(text) = self.text(&mut object, "template") {
                match Template::new(text) {
                    Ok(template) => self.set.details.push(DetailsRule { condition, template }),
                    Err(error) => {
                        let message = format!("at byte {}: {}", error.at, error.message);
                        self.problem(Code::InvalidString, format!("{}/template", object.at), message);
                    }
                }
            }
            self.finish(object);
        }
    }

    fn action_type(&mut self, mut object: Object<'_>) {
        let id = self.id(&mut object);
        let label = self.text(&mut object, "label");
        let colour = self.colour(&mut object);
        let severity = self.severity(&mut object);
        let past = self.text(&mut object, "past");
        let base = self.text(&mut object, "base");
        let preposition = self.optional_text(&mut object, "preposition").unwrap_or_default().to_owned();
        let alone = match object.get("alone") {
            None => false,
            Some((Value::Bool(alone), _)) => *alone,
            Some((_, at)) => {
                self.wrong_type(at, "a boolean");
                false
            }
        };
        if let (Some(id), Some(label), Some(colour), Some(severity), Some(past), Some(base)) =
            (id, label, colour, severity, past, base)
        {
            let said = said(&[&id, label, past, base]);
            let words = Words { past: past.to_owned(), base: base.to_owned(), preposition, alone, said };
            let action_type = ActionType { id, label: label.to_owned(), colour, severity, words };
            if let Err(name) = self.set.catalogue.add_action_type(action_type) {
                self.taken(&object, &name);
            }
        }
        self.finish(object);
    }

    fn taken(&mut self, object: &Object<'_>, name: &str) {
        let message = format!("expected names that no other type has, got {}", excerpt(name));
        self.problem(Code::DuplicateKey, object.at.clone(), message);
    }

    fn category(&mut self, mut object: Object<'_>) {
        let id = self.id(&mut object);
        let label = self.text(&mut object, "label");
        if let (Some(id), Some(label)) = (id, label) {
            if self.set.catalogue.categories.iter().any(|known| known.id == id) {
                self.taken(&object, &id);
            } else {
                self.set.catalogue.categories.push(Category { id, label: label.to_owned() });
            }
        }
        self.finish(object);
    }

    fn object_type(&mut self, mut object: Object<'_>) {
        let id = self.id(&mut object);
        let label = self.text(&mut object, "label");
        let category = self.text(&mut object, "category").and_then(|text| {
            let known = self.set.catalogue.categories.iter().find(|known| &*known.id == text);
            let id = known.map(|known| Arc::clone(&known.id));
            if id.is_none() {
                self.unknown_id(text, format!("{}/category", object.at), "the id of a category");
            }
            id
        });
        let colour = self.colour(&mut object);
        let noun = self.optional_text(&mut object, "noun").map(str::to_owned);
        let aliases =
            self.texts(&mut object, "aliases").into_iter().map(|(alias, _)| alias.to_owned()).collect();
        if let (Some(id), Some(label), Some(category), Some(colour)) = (id, label, category, colour) {
            let noun = noun.unwrap_or_else(|| label.to_lowercase());
            let said = said(&[&id, label]);
            let object_type =
                ObjectType { id, label: label.to_owned(), category, colour, aliases, noun, said };
            if let Err(name) = self.set.catalogue.add_object_type(object_type) {
                self.taken(&object, &name);
            }
        }
        self.finish(object);
    }

    fn mapping(&mut self, mut object: Object<'_>) {
        let rule = MappingRule {
            action: self.patterns(&mut object, "action"),
            first_word: self.words(&mut object, "first_word"),
            last_word: self.words(&mut object, "last_word"),
            any_word: self.words(&mut object, "any_word"),
            application: self.patterns(&mut object, "application"),
            action_type: Arc::from(super::OTHER),
        };
        let asks = [rule.first_word.len(), rule.last_word.len(), rule.any_word.len(), rule.action.len()];
        if asks.iter().sum::<usize>() == 0 {
            self.missing(&object, "action", "at least one of action, first_word, last_word and any_word");
        }
        if self.text(&mut object, "type").is_some()
            && let Some(action_type) = self.action_type_ids(&mut object, "type").pop()
        {
            self.set.mapping.add(MappingRule { action_type, ..rule });
        }
        self.finish(object);
    }
}

fn said(texts: &[&str]) -> Vec<String> {
    texts.iter().flat_map(|text| Name::new(text).words().map(str::to_owned).collect::<Vec<_>>()).collect()
}
