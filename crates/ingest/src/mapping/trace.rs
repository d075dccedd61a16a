//! Which paths of a mapping ever led to a value, so that a misspelt one is noticed.
//!
//! A path that no record has is silence to the mapping: the field is empty, and nothing is wrong. Over a file of records the
//! silence says something.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use indelible_event::nearest_name;

use super::Mapping;
use super::Shape;
use super::eval::Value;
use super::expr::Segment;
use super::lines::Lines;
use super::record::{Kind, Node};

/// Names that are kept of the places where a path ended.
const NAMES_MAX: usize = 512;

/// How often a path is followed to the place where it ends: the names there are soon known.
const FOLLOWED_MAX: u64 = 1000;

/// Where a path stands in a mapping's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Byte of the file.
    pub(super) at: usize,
    /// Such as `event.actor.id`.
    pub(super) field: Arc<str>,
    /// As written.
    pub(super) text: String,
}

/// What became of a mapping's paths over many records.
#[derive(Debug, Default)]
pub struct Trace {
    seen: RefCell<Vec<Seen>>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    tried: u64,
    matched: u64,
    /// Where the path ended: the names before, and the names that were there instead of the next.
    ended: Option<usize>,
    names: BTreeSet<String>,
}

/// A path that was looked for and never found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// 1-based line in the mapping's file.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
    /// The field of the mapping, such as `event.actor.id`.
    pub field: String,
    /// The path, as written.
    pub path: String,
    /// How often it was looked for.
    pub tried: u64,
    /// The name that was probably meant, where the records have one that is nearly the same.
    pub meant: Option<String>,
}

impl Trace {
    /// Every path that was looked for and never found, in the order of the file. One of several alternatives (`a ?? b`) may
    /// well be in no record.
    pub fn unmatched(&self, mapping: &Mapping) -> Vec<Unmatched> {
        let Shape::Mapped(program) = &mapping.shape else { return Vec::new() };
        let seen = self.seen.borrow();
        let missed = seen.iter().zip(&program.places).filter(|(seen, _)| seen.tried > 0 && seen.matched == 0);
        let lines = Lines::of(mapping.text());
        let mut unmatched: Vec<_> = missed
            .map(|(seen, place)| {
                let (line, column) = lines.place(place.at);
                let (field, path) = (place.field.to_string(), place.text.clone());
                Unmatched { line, column, field, path, tried: seen.tried, meant: seen.meant(&place.text) }
            })
            .collect();
        unmatched.sort_by_key(|unmatched| (unmatched.line, unmatched.column));
        unmatched
    }

    /// Notes that the path of this place was followed from `start` to `end`.
    pub(super) fn note(&self, place: usize, start: &Value<'_>, segments: &[Segment], end: &Value<'_>) {
        let mut all = self.seen.borrow_mut();
        if all.len() <= place {
            all.resize(place + 1, Seen::default());
        }
        let seen = &mut all[place];
        seen.tried += 1;
        let found = match end {
            Value::Nothing => false,
            Value::List(values) => !values.is_empty(),
            _ => true,
        };
        if found || segments.is_empty() {
            seen.matched += 1;
            seen.names = BTreeSet::new();
        } else if seen.matched == 0 && seen.tried <= FOLLOWED_MAX {
            seen.follow(start, segments);
        }
    }
}

impl Seen {
    /// Finds the name at which the path ends, and the names that are there.
    fn follow(&mut self, start: &Value<'_>, segments: &[Segment]) {
        let mut here = vec![start.clone()];
        for (depth, segment) in segments.iter().enumerate() {
            let next: Vec<Value<'_>> = match segment {
                Segment::Key(name) => here.iter().filter_map(|value| member(value, name)).collect(),
                Segment::All | Segment::Where(..) | Segment::At(_) => {
                    here.iter().flat_map(|value| value.clone().into_list()).collect()
                }
            };
            if !next.is_empty() {
                here = next;
                continue;
            }
            // A path that gets further in another record is judged there.
            if self.ended.is_none_or(|ended| depth > ended) {
                self.ended = Some(depth);
                self.names.clear();
            }
            if self.ended == Some(depth) {
                for name in here.iter().flat_map(names) {
                    if self.names.len() < NAMES_MAX {
                        self.names.insert(name);
                    }
                }
            }
            return;
        }
    }

    /// The name in the records that is nearly the one of the path at which it ended.
    fn meant(&self, path: &str) -> Option<String> {
        let path =
            super::grammar::parse_path(path.trim_start_matches(['$', '@']).trim_start_matches('.')).ok()?;
        // The names of a path are few; the one that ended it is the one that has a near name in the records.
        let keys = path.segments.iter().filter_map(|segment| match segment {
            Segment::Key(key) | Segment::Where(key, _) => Some(key.as_str()),
            Segment::All | Segment::At(_) => None,
        });
        let unknown = keys.filter(|key| !self.names.contains(*key));
        let mut meant = unknown.filter_map(|key| nearest_name(key, self.names.iter().map(String::as_str)));
        meant.next_back().map(str::to_owned)
    }
}

fn member<'r>(value: &Value<'r>, name: &str) -> Option<Value<'r>> {
    match value {
        Value::Node(node) => node.get(name).map(Value::Node),
        Value::Map(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
        _ => None,
    }
}

fn names(value: &Value<'_>) -> Vec<String> {
    match value {
        Value::Node(Node { kind: Kind::Map(members), .. }) => {
            members.iter().map(|(key, _)| key.clone().into_owned()).collect()
        }
        Value::Map(members) => members.iter().map(|(key, _)| key.clone().into_owned()).collect(),
        _ => Vec::new(),
    }
}
