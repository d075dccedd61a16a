//! Computes expressions over one record.
//!
//! Invariant: an expression never fails. What it can't give is [`Value::Nothing`], so that one odd field of a
//! record costs that field and not the record; a time that can't be read is noted for a warning.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use indelible_event::EventTime;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::expr::{Base, Const, Expr, Function, Path, Piece, Segment};
use super::record::{Kind, Node};
use super::steps;
use super::table::Table;
use super::trace::Trace;

/// What an expression gives.
#[derive(Clone, Debug)]
pub(crate) enum Value<'r> {
    Nothing,
    /// A value of the record.
    Node(&'r Node<'r>),
    Text(Cow<'r, str>),
    Bool(bool),
    /// JSON digits.
    Number(Cow<'r, str>),
    List(Vec<Value<'r>>),
    Map(Vec<(Cow<'r, str>, Value<'r>)>),
    Time(EventTime),
}

/// An object in the making. Names are looked up by hash: a record may have very many.
#[derive(Default)]
pub(crate) struct Members<'r> {
    members: Vec<(Cow<'r, str>, Value<'r>)>,
    places: HashMap<Cow<'r, str>, usize>,
}

impl<'r> Members<'r> {
    /// Adds a member; one of the same name before it hides it.
    pub(crate) fn add_first(&mut self, key: Cow<'r, str>, value: Value<'r>) {
        if let Entry::Vacant(place) = self.places.entry(key.clone()) {
            place.insert(self.members.len());
            self.members.push((key, value));
        }
    }

    /// Adds a member; several of one name become a list, so that none hides another.
    pub(crate) fn add(&mut self, key: Cow<'r, str>, value: Value<'r>) {
        match self.places.get(&key).map(|place| &mut self.members[*place].1) {
            Some(Value::List(values)) => values.push(value),
            Some(first) => *first = Value::List(vec![std::mem::replace(first, Value::Nothing), value]),
            None => self.add_first(key, value),
        }
    }

    pub(crate) fn into_value(self) -> Value<'r> {
        Value::Map(self.members)
    }
}

/// What the expressions of one record are computed with.
pub(crate) struct Scope<'r> {
    pub(crate) record: &'r Node<'r>,
    pub(crate) lets: Vec<Value<'r>>,
    pub(crate) tables: &'r [Table],
    /// Whether the values taken matter to the caller (they cost the untaken alternatives of `??`).
    pub(crate) tracking: bool,
    /// Where it is noted which paths lead to something.
    pub(crate) trace: Option<&'r Trace>,
    /// Whether a time could not be read since this was last cleared.
    pub(crate) unread_time: RefCell<Option<String>>,
}

impl<'r> Value<'r> {
    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Node(node) => matches!(node.kind, Kind::Null),
            _ => false,
        }
    }

    /// Nothing, null, an empty text: what `??` passes over.
    pub(crate) fn is_blank(&self) -> bool {
        self.is_nothing() || self.peek_text().is_some_and(str::is_empty)
    }

    /// Whether a condition made of this holds.
    pub(crate) fn holds(&self) -> bool {
        self.mark_used();
        match self {
            Self::Nothing => false,
            Self::Bool(value) => *value,
            Self::Text(text) => !text.is_empty(),
            Self::List(values) => !values.is_empty(),
            Self::Map(members) => !members.is_empty(),
            Self::Number(_) | Self::Time(_) => true,
            Self::Node(node) => match &node.kind {
                Kind::Null => false,
                Kind::Bool(value) => *value,
                Kind::Number => true,
                Kind::Text(text) => !text.is_empty(),
                Kind::List(nodes) => !nodes.is_empty(),
                Kind::Map(members) => !members.is_empty(),
            },
        }
    }

    /// Notes that the mapping took every part of the record in this.
    pub(crate) fn mark_used(&self) {
        match self {
            Self::Node(node) => node.mark_used(),
            Self::List(values) => values.iter().for_each(Value::mark_used),
            Self::Map(members) => members.iter().for_each(|(_, value)| value.mark_used()),
            Self::Nothing | Self::Text(_) | Self::Bool(_) | Self::Number(_) | Self::Time(_) => {}
        }
    }

    fn peek_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Node(Node { kind: Kind::Text(text), .. }) => Some(text),
            _ => None,
        }
    }

    /// As [`Value::text`], but takes nothing.
    fn peek_scalar(&self) -> Option<&str> {
        match self {
            Self::Number(digits) => Some(digits),
            Self::Node(Node { kind: Kind::Number | Kind::Bool(_), raw, .. }) => Some(raw),
            value => value.peek_text(),
        }
    }

    /// The value as text, if it is a text, a number or a truth value; takes it.
    pub(crate) fn text(&self) -> Option<Cow<'r, str>> {
        self.mark_used();
        match self {
            Self::Text(text) | Self::Number(text) => Some(text.clone()),
            Self::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            Self::Time(time) => Some(Cow::Owned(time.original.clone())),
            Self::Node(node) => match &node.kind {
                Kind::Text(text) => Some(Cow::Borrowed(text)),
                Kind::Number | Kind::Bool(_) => Some(Cow::Borrowed(&node.raw)),
                Kind::Null | Kind::List(_) | Kind::Map(_) => None,
            },
            Self::Nothing | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The elements of a list; any other present value is a list of one.
    pub(crate) fn into_list(self) -> Vec<Value<'r>> {
        match self {
            Self::List(values) => values,
            Self::Node(Node { kind: Kind::List(nodes), .. }) => nodes.iter().map(Value::Node).collect(),
            value if value.is_nothing() => Vec::new(),
            value => vec![value],
        }
    }

    /// The members of an object, in order; none for any other value.
    pub(crate) fn into_members(self) -> Vec<(Cow<'r, str>, Value<'r>)> {
        match self {
            Self::Map(members) => members,
            Self::Node(Node { kind: Kind::Map(members), .. }) => {
                members.iter().map(|(key, node)| (Cow::Borrowed(&**key), Value::Node(node))).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self, Self::List(_) | Self::Node(Node { kind: Kind::List(_), .. }))
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self, Self::Map(_) | Self::Node(Node { kind: Kind::Map(_), .. }))
    }

    /// The value's JSON text, the vendor's own where it is a part of the record; takes it.
    pub(crate) fn json(&self) -> String {
        self.mark_used();
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    /// As [`Value::json`], for the event's free-form parts; nothing where there is no value at all.
    pub(crate) fn raw(&self) -> Option<Box<RawValue>> {
        if matches!(self, Self::Nothing) {
            return None;
        }
        RawValue::from_string(self.json()).ok()
    }

    fn write_json(&self, out: &mut String) {
        match self {
            Self::Nothing => out.push_str("null"),
            Self::Node(node) => out.push_str(&node.raw),
            Self::Text(text) => write_text(text, out),
            Self::Time(time) => write_text(&time.original, out),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(digits) => out.push_str(digits),
            Self::List(values) => {
                out.push('[');
                for (at, value) in values.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    value.write_json(out);
                }
                out.push(']');
            }
            Self::Map(members) => {
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    write_text(key, out);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }

    fn equals(&self, other: &Self) -> bool {
        match (self.text(), other.text()) {
            (Some(left), Some(right)) => left == right,
            (None, None) if self.is_nothing() || other.is_nothing() => {
                self.is_nothing() && other.is_nothing()
            }
            (None, None) => self.json() == other.json(),
            _ => false,
        }
    }
}

impl<'r> Scope<'r> {
    /// Without the values of `[let]`.
    pub(crate) fn new(record: &'r Node<'r>, tables: &'r [Table], tracking: bool) -> Self {
        Self { record, lets: Vec::new(), tables, tracking, trace: None, unread_time: RefCell::new(None) }
    }

    /// Computes `[let]`, in order.
    pub(crate) fn compute_lets(&mut self, lets: &'r [Expr]) {
        let here = Value::Node(self.record);
        for expr in lets {
            let value = self.eval(expr, &here);
            self.lets.push(value);
        }
    }

    /// Computes `expr`; paths start at `here`.
    pub(crate) fn eval(&self, expr: &'r Expr, here: &Value<'r>) -> Value<'r> {
        match expr {
            Expr::Path(path) => self.path(path, here),
            Expr::Const(constant) => match constant {
                Const::Null => Value::Nothing,
                Const::Bool(value) => Value::Bool(*value),
                Const::Number(digits) => Value::Number(Cow::Borrowed(digits)),
                Const::Text(text) => Value::Text(Cow::Borrowed(text)),
            },
            Expr::Template(pieces) => self.template(pieces, here),
            Expr::First(choices) => self.first(choices, here),
            Expr::Step(inner, step) => steps::apply(self, step, self.eval(inner, here)),
            Expr::Call(function, arguments) => self.call(*function, arguments, here),
            Expr::If(condition, yes, no) => match (self.eval(condition, here).holds(), no) {
                (true, _) => self.eval(yes, here),
                (false, Some(no)) => self.eval(no, here),
                (false, None) => Value::Nothing,
            },
            Expr::Equal(left, right, negated) => {
                Value::Bool(self.eval(left, here).equals(&self.eval(right, here)) != *negated)
            }
            Expr::In(value, choices) => {
                let value = self.eval(value, here);
                Value::Bool(choices.iter().any(|choice| value.equals(&self.eval(choice, here))))
            }
            Expr::And(left, right) => {
                Value::Bool(self.eval(left, here).holds() && self.eval(right, here).holds())
            }
            Expr::Or(left, right) => {
                Value::Bool(self.eval(left, here).holds() || self.eval(right, here).holds())
            }
            Expr::Not(inner) => Value::Bool(!self.eval(inner, here).holds()),
        }
    }

    fn template(&self, pieces: &'r [Piece], here: &Value<'r>) -> Value<'r> {
        let mut out = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Value(expr, optional) => match self.eval(expr, here).text() {
                    Some(text) if !text.is_empty() => out.push_str(&text),
                    _ if *optional => {}
                    _ => return Value::Nothing,
                },
            }
        }
        Value::Text(Cow::Owned(out))
    }

    fn first(&self, choices: &'r [Expr], here: &Value<'r>) -> Value<'r> {
        let mut found = Value::Nothing;
        for choice in choices {
            let value = self.eval(choice, here);
            if found.is_blank() {
                if !value.is_nothing() {
                    found = value;
                }
                if !found.is_blank() && !self.tracking {
                    break;
                }
            } else {
                // Known to the mapping, though another said it first.
                value.mark_used();
            }
        }
        found
    }

    fn call(&self, function: Function, arguments: &'r [Expr], here: &Value<'r>) -> Value<'r> {
        let values = arguments.iter().map(|argument| self.eval(argument, here));
        match function {
            Function::Hash => {
                let mut hasher = Sha256::new();
                for value in values {
                    // An id of what stands there is no understanding of it: nothing is taken.
                    let mut json = String::new();
                    value.write_json(&mut json);
                    // Lengths keep ("ab", "c") apart from ("a", "bc").
                    hasher.update((json.len() as u64).to_be_bytes());
                    hasher.update(json.as_bytes());
                }
                Value::Text(Cow::Owned(hex(&hasher.finalize()[..16])))
            }
            Function::List => Value::List(values.flat_map(Value::into_list).collect()),
            Function::Merge => {
                let mut members = Members::default();
                values.flat_map(Value::into_members).for_each(|(key, value)| members.add_first(key, value));
                members.into_value()
            }
        }
    }

    fn path(&self, path: &'r Path, here: &Value<'r>) -> Value<'r> {
        let start = match path.base {
            Base::Here => here.clone(),
            Base::Record => Value::Node(self.record),
            Base::Let(place) => self.lets.get(place).cloned().unwrap_or(Value::Nothing),
        };
        let Some(trace) = self.trace else { return walk(start, &path.segments) };
        let end = walk(start.clone(), &path.segments);
        trace.note(path.place, &start, &path.segments, &end);
        end
    }
}

fn walk<'r>(value: Value<'r>, segments: &'r [Segment]) -> Value<'r> {
    let Some((segment, rest)) = segments.split_first() else { return value };
    match segment {
        Segment::Key(name) => match value {
            Value::Node(node) => node.get(name).map_or(Value::Nothing, |node| walk(Value::Node(node), rest)),
            Value::Map(members) => {
                let found = members.into_iter().find(|(key, _)| key == name);
                found.map_or(Value::Nothing, |(_, value)| walk(value, rest))
            }
            _ => Value::Nothing,
        },
        Segment::At(index) => walk(at(value, *index), rest),
        Segment::All => {
            let values = value.into_list().into_iter().map(|value| walk(value, rest));
            // Elements that are lists themselves, or further `[]`, give one flat list.
            let nested = rest.iter().any(|segment| matches!(segment, Segment::All | Segment::Where(..)));
            let values = values.filter(|value| !value.is_nothing());
            Value::List(if nested { values.flat_map(Value::into_list).collect() } else { values.collect() })
        }
        Segment::Where(name, wanted) => {
            let found = value.into_list().into_iter().filter(|element| {
                let member = match element {
                    Value::Node(node) => node.get(name).map_or(Value::Nothing, Value::Node),
                    Value::Map(members) => members
                        .iter()
                        .find(|(key, _)| key == name)
                        .map_or(Value::Nothing, |(_, value)| value.clone()),
                    _ => Value::Nothing,
                };
                member.mark_used();
                member.peek_scalar().is_some_and(|text| text == wanted)
            });
            let mut found: Vec<_> = found.map(|element| walk(element, rest)).collect();
            found.retain(|value| !value.is_nothing());
            if found.len() == 1 {
                found.remove(0)
            } else if found.is_empty() {
                Value::Nothing
            } else {
                Value::List(found)
            }
        }
    }
}

/// The element at `index`, from the end where it is negative.
pub(crate) fn at(value: Value<'_>, index: i64) -> Value<'_> {
    if !value.is_list() {
        return Value::Nothing;
    }
    let mut values = value.into_list();
    let index = if index < 0 { index + values.len() as i64 } else { index };
    match usize::try_from(index) {
        Ok(index) if index < values.len() => values.swap_remove(index),
        _ => Value::Nothing,
    }
}

fn write_text(text: &str, out: &mut String) {
    // A str always serialises.
    out.push_str(&serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned()));
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
