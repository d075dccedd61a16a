//! Which events a rule is about, and the mapping of a source's action names to action types.

use std::collections::HashMap;
use std::sync::Arc;

use super::pattern::{Name, Pattern};
use crate::{Event, OutcomeResult};

/// What an event must be like for a rule to apply; an empty list asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) action: Vec<Pattern>,
    pub(crate) application: Vec<Pattern>,
    pub(crate) action_type: Vec<Arc<str>>,
    pub(crate) object_type: Vec<Arc<str>>,
    pub(crate) outcome: Vec<OutcomeResult>,
    /// Compared with the outcome's reason and code.
    pub(crate) reason: Vec<Pattern>,
}

/// The names of an event that conditions look at, cut into words once.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) action: Name,
    pub(crate) application: Option<Name>,
}

impl Names {
    pub(crate) fn new(event: &Event) -> Self {
        Self {
            action: Name::new(&event.action),
            application: event.source.application.as_deref().map(Name::new),
        }
    }
}

impl Condition {
    pub(crate) fn takes(
        &self,
        event: &Event,
        names: &Names,
        action_type: &str,
        object_type: Option<&str>,
    ) -> bool {
        let listed = |list: &[Arc<str>], id: Option<&str>| {
            list.is_empty() || list.iter().any(|one| Some(&**one) == id)
        };
        any_takes(&self.action, Some(&names.action))
            && any_takes(&self.application, names.application.as_ref())
            && listed(&self.action_type, Some(action_type))
            && listed(&self.object_type, object_type)
            && (self.outcome.is_empty()
                || event.outcome.result.is_some_and(|result| self.outcome.contains(&result)))
            && self.takes_reason(event)
    }

    fn takes_reason(&self, event: &Event) -> bool {
        let texts = [event.outcome.reason.as_deref(), event.outcome.code.as_deref()];
        self.reason.is_empty()
            || texts.into_iter().flatten().any(|text| any_takes(&self.reason, Some(&Name::new(text))))
    }
}

fn any_takes(patterns: &[Pattern], name: Option<&Name>) -> bool {
    patterns.is_empty() || name.is_some_and(|name| patterns.iter().any(|pattern| pattern.takes(name)))
}

/// One mapping rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct MappingRule {
    pub(crate) action: Vec<Pattern>,
    pub(crate) first_word: Vec<String>,
    pub(crate) last_word: Vec<String>,
    pub(crate) any_word: Vec<String>,
    pub(crate) application: Vec<Pattern>,
    pub(crate) action_type: Arc<str>,
}

/// The mapping rules in order; the first that takes a name wins.
///
/// Rules are found by a word that they ask for, so that a long list costs hardly more than a short one; only patterns
/// without a whole word are tried one by one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping {
    rules: Vec<MappingRule>,
    /// Rules for names whose words, run together, are these.
    whole: HashMap<String, Vec<usize>>,
    /// What to try for names that have this word.
    by_word: HashMap<String, Vec<(usize, Try)>>,
    wordless: Vec<(usize, Pattern)>,
}

#[derive(Clone, Debug)]
enum Try {
    First,
    Last,
    Any,
    Pattern(Pattern),
}

impl Mapping {
    pub(crate) fn add(&mut self, rule: MappingRule) {
        let at = self.rules.len();
        for pattern in &rule.action {
            if let Some(squashed) = pattern.squashed() {
                self.whole.entry(squashed.to_owned()).or_default().push(at);
            } else if let Some(word) = pattern.whole_word() {
                self.by_word.entry(word.to_owned()).or_default().push((at, Try::Pattern(pattern.clone())));
            } else {
                self.wordless.push((at, pattern.clone()));
            }
        }
        for (words, how) in
            [(&rule.first_word, Try::First), (&rule.last_word, Try::Last), (&rule.any_word, Try::Any)]
        {
            for word in words {
                self.by_word.entry(word.clone()).or_default().push((at, how.clone()));
            }
        }
        self.rules.push(rule);
    }

    /// The type that the first rule for these names gives.
    pub(crate) fn action_type(&self, names: &Names) -> Option<&Arc<str>> {
        let mut best: Option<usize> = None;
        let mut consider = |at: usize, takes: &dyn Fn() -> bool| {
            if best.is_none_or(|best| at < best)
                && takes()
                && any_takes(&self.rules[at].application, names.application.as_ref())
            {
                best = Some(at);
            }
        };
        let action = &names.action;
        for at in self.whole.get(&action.squashed()).into_iter().flatten() {
            consider(*at, &|| true);
        }
        let mut words = action.words().peekable();
        let mut is_first = true;
        while let Some(word) = words.next() {
            let is_last = words.peek().is_none();
            for (at, how) in self.by_word.get(word).into_iter().flatten() {
                consider(*at, &|| match how {
                    Try::First => is_first,
                    Try::Last => is_last,
                    Try::Any => true,
                    Try::Pattern(pattern) => pattern.takes(action),
                });
            }
            is_first = false;
        }
        for (at, pattern) in &self.wordless {
            consider(*at, &|| pattern.takes(action));
        }
        best.map(|at| &self.rules[at].action_type)
    }
}
