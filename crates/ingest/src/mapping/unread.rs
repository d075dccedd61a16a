//! What a mapping did not take from a record.
//!
//! Nothing is lost by it, since the whole record is the event's body and its `data`; the list tells whoever writes
//! a mapping what is still unnamed. A value counts as taken when an expression used it or something it stands in.

use super::record::{Kind, Node};

/// A path of `ignore`: a place that the mapping leaves alone on purpose, with all that is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ignored(pub(crate) Vec<IgnoredPart>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IgnoredPart {
    /// A name; `*` at its end stands for any rest.
    Key(String),
    /// `[]`.
    Elements,
}

/// Returns the paths of values that nothing took, each once, in the record's order, in the language's own form; the first
/// of them where they are too much to say.
pub(crate) fn unread(record: &Node<'_>, ignored: &[Ignored]) -> Vec<String> {
    let mut walk = Walk { ignored, path: Vec::new(), found: Vec::new(), steps: STEPS_MAX };
    walk.visit(record);
    let mut seen = std::collections::HashSet::new();
    walk.found.retain(|path| seen.insert(path.clone()));
    walk.found
}

struct Walk<'w> {
    ignored: &'w [Ignored],
    path: Vec<IgnoredPart>,
    found: Vec<String>,
    /// What may still be looked at.
    steps: usize,
}

/// Names compared and bytes of paths written, for one record: a name of a megabyte may stand before a hundred thousand.
const STEPS_MAX: usize = 16 << 20;

impl IgnoredPart {
    /// Bytes that it is written with, at least.
    fn len(&self) -> usize {
        match self {
            Self::Key(key) => key.len() + 1,
            Self::Elements => 2,
        }
    }
}

impl Walk<'_> {
    fn visit(&mut self, node: &Node<'_>) {
        let here: usize = self.path.iter().map(IgnoredPart::len).sum();
        self.steps = self.steps.saturating_sub(here + self.ignored.len() + 1);
        if self.steps == 0 || node.is_used() || matches!(node.kind, Kind::Null) || self.is_ignored() {
            return;
        }
        match &node.kind {
            Kind::Map(members) if !members.is_empty() => {
                for (key, member) in members {
                    self.path.push(IgnoredPart::Key(key.clone().into_owned()));
                    self.visit(member);
                    self.path.pop();
                }
            }
            Kind::List(nodes) if !nodes.is_empty() => {
                self.path.push(IgnoredPart::Elements);
                nodes.iter().for_each(|node| self.visit(node));
                self.path.pop();
            }
            // Nothing stands in these that could be taken.
            Kind::Map(_) | Kind::List(_) => {}
            Kind::Text(text) if text.is_empty() => {}
            _ => self.found.push(written(&self.path)),
        }
    }

    fn is_ignored(&self) -> bool {
        self.ignored.iter().any(|Ignored(parts)| {
            parts.len() == self.path.len()
                && parts.iter().zip(&self.path).all(|(part, here)| fits(part, here))
        })
    }
}

fn fits(part: &IgnoredPart, here: &IgnoredPart) -> bool {
    match (part, here) {
        (IgnoredPart::Elements, IgnoredPart::Elements) => true,
        (IgnoredPart::Key(part), IgnoredPart::Key(key)) => match part.strip_suffix('*') {
            Some(start) => key.starts_with(start),
            None => part == key,
        },
        _ => false,
    }
}

fn written(path: &[IgnoredPart]) -> String {
    let mut out = String::new();
    for part in path {
        match part {
            IgnoredPart::Elements => out.push_str("[]"),
            IgnoredPart::Key(key) => {
                let plain = !key.is_empty() && key.chars().all(super::grammar::is_key_char);
                out.push_str(if out.is_empty() { "" } else { "." });
                out.push_str(&if plain { key.clone() } else { format!("`{key}`") });
            }
        }
    }
    if out.is_empty() { "@".to_owned() } else { out }
}
