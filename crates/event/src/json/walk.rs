//! Any JSON value, strictly: the containers around the current place are a list on the heap, not the stack.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Fatal, Kind, Reader, Step, pointer};
use crate::problem::{Code, Problem};

/// Above this many keys in one object, duplicates are looked up in a hash set instead of one by one.
const KEYS_COMPARED_MAX: usize = 24;

/// The names of one object so far.
#[derive(Debug, Default)]
pub(crate) struct Keys<'a> {
    hashed: HashSet<Cow<'a, str>>,
}

impl<'a> Keys<'a> {
    /// Returns whether `key` is not among `earlier`, the names that this was asked about before.
    pub(crate) fn is_new(&mut self, earlier: &[Cow<'a, str>], key: Cow<'a, str>) -> bool {
        if earlier.len() < KEYS_COMPARED_MAX {
            return !earlier.contains(&key);
        }
        if self.hashed.is_empty() {
            self.hashed.extend(earlier.iter().cloned());
        }
        self.hashed.insert(key)
    }
}

/// A container that [`Reader::walk`] is inside of.
struct Frame<'a> {
    /// Where this object's names begin among all names; for an array, where they would.
    names_from: usize,
    names: Keys<'a>,
    /// The index of the current item; `None` in an object.
    index: Option<usize>,
}

impl<'a> Reader<'a> {
    /// Reads any value strictly and returns its text; `steps` lead to it. Duplicate keys and lone surrogates go to
    /// `report`, and reading goes on.
    pub(crate) fn walk(
        &mut self,
        steps: &[Step<'a>],
        report: &mut dyn FnMut(Problem),
    ) -> Result<&'a str, Fatal> {
        self.skip_space();
        let start = self.offset();
        let mut frames: Vec<Frame<'a>> = Vec::new();
        let mut names: Vec<Cow<'a, str>> = Vec::new();
        loop {
            // A value is due here.
            let opened = match self.kind()? {
                Kind::String => {
                    if self.string()?.lone_surrogate {
                        report(lone_surrogate(pointer(&place(steps, &frames, &names))));
                    }
                    false
                }
                Kind::Number => self.number().map(|_| false)?,
                Kind::Bool | Kind::Null => self.literal().map(|_| false)?,
                kind @ (Kind::Object | Kind::Array) => {
                    self.open()?;
                    let index = (kind == Kind::Array).then_some(0);
                    frames.push(Frame { names_from: names.len(), names: Keys::default(), index });
                    true
                }
            };
            // Then close what ends here, until another value is due.
            let mut first = opened;
            loop {
                let Some(frame) = frames.last_mut() else { return Ok(self.since(start)) };
                let names_from = frame.names_from;
                let more = match &mut frame.index {
                    Some(index) => {
                        let was_first = first;
                        let more = self.next_item(&mut first)?;
                        if more && !was_first {
                            *index += 1;
                        }
                        more
                    }
                    None => match self.next_name(&mut first)? {
                        None => false,
                        Some(name) => {
                            let new = frame.names.is_new(&names[names_from..], name.value.clone());
                            names.push(name.value);
                            if name.lone_surrogate {
                                report(lone_surrogate(pointer(&place(steps, &frames, &names))));
                            } else if !new {
                                report(duplicate_key(pointer(&place(steps, &frames, &names))));
                            }
                            true
                        }
                    },
                };
                if more {
                    break;
                }
                names.truncate(names_from);
                frames.pop();
                first = false;
            }
        }
    }
}

/// The steps to the value that [`Reader::walk`] is at.
fn place<'a>(steps: &[Step<'a>], frames: &[Frame<'a>], names: &[Cow<'a, str>]) -> Vec<Step<'a>> {
    let inside = frames.iter().enumerate().filter_map(|(n, frame)| match frame.index {
        Some(index) => Some(Step::Index(index)),
        None => {
            // This object's current name is the last before the next container's.
            let names_to = frames.get(n + 1).map_or(names.len(), |next| next.names_from);
            names[frame.names_from..names_to].last().cloned().map(Step::Name)
        }
    });
    steps.iter().cloned().chain(inside).collect()
}

pub(crate) fn lone_surrogate(field: String) -> Problem {
    let message = "half of a surrogate pair, expected \\ud800-\\udbff followed by \\udc00-\\udfff";
    Problem::new(Code::InvalidString, field, message)
}

pub(crate) fn duplicate_key(field: String) -> Problem {
    Problem::new(Code::DuplicateKey, field, "this name occurs twice in its object, expected once")
}
