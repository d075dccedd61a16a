//! The event's lists: targets, references, parameters and changes.

use std::collections::{HashMap, HashSet};

use indelible_event::{Change, Related, Target};
use serde_json::value::RawValue;

use super::super::eval::Value;
use super::super::expr::Expr;
use super::super::program::{ChangeRule, ParameterRule, Program, TargetRule};
use super::{Assembly, ITEMS_MAX};

impl<'r> Assembly<'r> {
    pub(super) fn targets(&self, rules: &'r [TargetRule]) -> Vec<Target> {
        let mut targets: Vec<Target> = Vec::new();
        let mut primaries = 0;
        for rule in rules {
            for here in self.elements(rule.each.as_ref()) {
                if !self.holds(rule.when.as_ref(), &here) {
                    continue;
                }
                let target = self.target(rule, &here);
                let named = target.id.is_some() || target.name.is_some() || target.username.is_some();
                let wanted = named || (rule.when.is_some() && target.kind.is_some());
                if !self.scope.budget.spend(comparing(&targets, &target)) {
                    return targets;
                }
                if !wanted || join_same(&mut targets, &target) {
                    continue;
                }
                if rule.primary.is_some() && self.holds(rule.primary.as_ref(), &here) {
                    targets.insert(primaries.min(targets.len()), target);
                    targets.truncate(ITEMS_MAX + 1);
                    primaries += 1;
                } else {
                    push(&mut targets, target);
                }
            }
        }
        targets
    }

    fn target(&self, rule: &'r TargetRule, here: &Value<'r>) -> Target {
        let mut target = Target {
            kind: self.text(rule.kind.as_ref(), here),
            id: self.text(rule.id.as_ref(), here),
            aliases: self.texts(&rule.aliases, here),
            username: self.text(rule.username.as_ref(), here),
            name: self.text(rule.name.as_ref(), here),
            tenant: self.text(rule.tenant.as_ref(), here),
            groups: self.texts(&rule.groups, here),
            roles: self.texts(&rule.roles, here),
            ..Target::default()
        };
        target.aliases.retain(|alias| Some(alias) != target.id.as_ref());
        target
    }

    pub(super) fn related(&self, program: &'r Program) -> Vec<Related> {
        let mut found = Vec::new();
        for rule in &program.related {
            for here in self.elements(rule.each.as_ref()) {
                if !self.holds(rule.when.as_ref(), &here) {
                    continue;
                }
                let (kind, id) = (self.text(rule.kind.as_ref(), &here), self.text(rule.id.as_ref(), &here));
                if self.scope.budget.is_spent() {
                    return found;
                }
                if id.is_some() {
                    push(&mut found, Related { kind, id, ..Related::default() });
                }
            }
        }
        found
    }

    pub(super) fn parameters(&self, rules: &'r [ParameterRule]) -> Vec<(String, Box<RawValue>)> {
        let mut parameters: Vec<(String, Box<RawValue>)> = Vec::new();
        let mut add = |name: &str, value: &Value<'r>| {
            // The first of a name wins: duplicate keys have no place in an event.
            if !value.is_nothing()
                && parameters.len() <= ITEMS_MAX
                && self.scope.budget.spend_each(parameters.len(), 4)
                && !parameters.iter().any(|(known, _)| known == name)
                && let Some(raw) = self.scope.raw_of(value)
            {
                push(&mut parameters, (name.to_owned(), raw));
            }
        };
        for rule in rules {
            match rule {
                ParameterRule::Named(name, expr) => add(name, &self.scope.eval(expr, &self.here)),
                ParameterRule::Spread(expr) => {
                    let value = self.scope.eval(expr, &self.here);
                    // What is null or a repeated name is seen too, though there is nothing to keep.
                    value.mark_used();
                    for (name, value) in self.scope.members_of(value) {
                        add(&name, &value);
                    }
                }
            }
        }
        parameters
    }

    pub(super) fn changes(&self, rules: &'r [ChangeRule]) -> Vec<Change> {
        let mut changes = Vec::new();
        for rule in rules {
            match rule {
                ChangeRule::Field { each, when, field, old, new } => {
                    let values_unsaid = old.is_none() && new.is_none();
                    for here in self.elements(each.as_ref()) {
                        if !self.holds(when.as_ref(), &here) {
                            continue;
                        }
                        let raw = |expr: &'r Option<Expr>| {
                            self.scope.raw_of(&self.scope.eval(expr.as_ref()?, &here))
                        };
                        let (old, new) = (raw(old), raw(new));
                        // A rule without values is for vendors that say only which fields changed.
                        let tells = values_unsaid || old.is_some() || new.is_some();
                        if let Some(field) = self.text(Some(field), &here).filter(|_| tells) {
                            push(&mut changes, Change { field, old, new, extra: Default::default() });
                        }
                    }
                }
                ChangeRule::Objects { each, when, before, after } => {
                    for here in self.elements(each.as_ref()) {
                        if self.holds(when.as_ref(), &here) {
                            self.compare(before.as_ref(), after.as_ref(), &here, &mut changes);
                        }
                    }
                }
            }
        }
        changes
    }

    /// The members that differ between two objects, those of the later one first.
    fn compare(
        &self,
        before: Option<&'r Expr>,
        after: Option<&'r Expr>,
        here: &Value<'r>,
        changes: &mut Vec<Change>,
    ) {
        let members = |expr: Option<&'r Expr>| {
            let value = expr.map_or(Value::Nothing, |expr| self.scope.eval(expr, here));
            value.mark_used();
            self.scope.members_of(value)
        };
        let (before, after) = (members(before), members(after));
        let json_len =
            |members: &[(_, Value<'r>)]| members.iter().map(|(_, value)| value.json_len()).sum::<usize>();
        // Half of an object would tell changes that there are not.
        if !self.scope.budget.spend_each(json_len(&before).saturating_add(json_len(&after)), 2) {
            return;
        }
        let known: HashMap<_, _> = before.iter().map(|(field, old)| (field, old)).collect();
        for (field, new) in &after {
            let old = known.get(field);
            if old.is_none_or(|old| old.json() != new.json()) {
                let old = old.and_then(|old| old.raw());
                push(
                    changes,
                    Change { field: field.to_string(), old, new: new.raw(), extra: Default::default() },
                );
            }
        }
        let kept: HashSet<_> = after.iter().map(|(field, _)| field).collect();
        for (field, old) in before.iter().filter(|(field, _)| !kept.contains(field)) {
            push(
                changes,
                Change { field: field.to_string(), old: old.raw(), new: None, extra: Default::default() },
            );
        }
    }
}

/// Adds to a list that is to be cut: one more than it may have is enough to tell.
fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() <= ITEMS_MAX {
        list.push(item);
    }
}

/// What [`join_same`] costs: an id is looked for among the aliases of each, and what is new among the names of the one.
fn comparing(targets: &[Target], target: &Target) -> usize {
    let names = |target: &Target| target.aliases.len() + target.groups.len() + target.roles.len() + 2;
    let aliases: usize = targets.iter().map(|known| known.aliases.len() + target.aliases.len() + 1).sum();
    let most = targets.iter().map(names).max().unwrap_or(0);
    aliases + 2 * most * names(target)
}

/// Adds what `target` says to a target that is the same thing: of the same type, and its id is the other's id, name
/// or alias, or the other way round. Returns whether there is one.
fn join_same(targets: &mut [Target], target: &Target) -> bool {
    let is_same = |known: &&mut Target| {
        let calls_it = |one: &Target, other: &Target| {
            other.id.as_ref().is_some_and(|id| one.name.as_ref() == Some(id) || one.aliases.contains(id))
        };
        let same_id = known.id == target.id && (known.id.is_some() || known.name == target.name);
        known.kind == target.kind && (same_id || calls_it(known, target) || calls_it(target, known))
    };
    let Some(known) = targets.iter_mut().find(is_same) else { return false };
    let names = target.id.iter().chain(&target.aliases).chain(&target.name);
    for name in names {
        let is_known = known.id.as_ref() == Some(name) || known.name.as_ref() == Some(name);
        if !is_known && known.aliases.len() < ITEMS_MAX && !known.aliases.contains(name) {
            known.aliases.push(name.clone());
        }
    }
    known.username = known.username.take().or_else(|| target.username.clone());
    known.tenant = known.tenant.take().or_else(|| target.tenant.clone());
    for (list, more) in [(&mut known.groups, &target.groups), (&mut known.roles, &target.roles)] {
        let new: Vec<_> = more.iter().filter(|name| !list.contains(name)).cloned().collect();
        list.extend(new);
        list.truncate(ITEMS_MAX);
    }
    true
}
