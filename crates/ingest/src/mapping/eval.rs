//! Computes expressions over one record.
//!
//! Invariant: an expression never fails. What it can't give is [`Value::Nothing`], so that one odd field of a
//! record costs that field and not the record; a time that can't be read is noted for a warning. Once the record's
//! [`Budget`] is spent, every expression gives nothing.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use indelible_event::EventTime;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::budget::{Budget, VALUE};
use super::expr::{Base, Const, Expr, Function, Path, Piece, Segment};
use super::record::{Kind, Node};
use super::steps;
use super::table::Table;
use super::trace::Trace;

/// What a byte costs to be hashed.
const HASH: usize = 4;

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
    /// What a member costs, with its place in the table of names.
    pub(crate) fn cost(key: &str) -> usize {
        2 * VALUE + key.len()
    }

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
    pub(crate) budget: Budget,
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

    /// Bytes of [`Value::text`].
    pub(crate) fn text_len(&self) -> usize {
        match self {
            Self::Time(time) => time.original.len(),
            value => value.peek_scalar().map_or(0, str::len),
        }
    }

    /// About the bytes of [`Value::json`], never fewer than an eighth of them.
    pub(crate) fn json_len(&self) -> usize {
        match self {
            Self::Node(node) => node.raw.len(),
            Self::List(values) => values.iter().map(|value| value.json_len() + 1).sum(),
            Self::Map(members) => {
                members.iter().map(|(key, value)| key.len() + value.json_len() + VALUE).sum()
            }
            value => value.text_len() + VALUE,
        }
    }

    /// What a copy of this costs.
    fn weight(&self) -> usize {
        let owned = |text: &Cow<'_, str>| match text {
            Cow::Owned(text) => text.len(),
            Cow::Borrowed(_) => 0,
        };
        VALUE
            + match self {
                Self::Nothing | Self::Node(_) | Self::Bool(_) => 0,
                Self::Text(text) | Self::Number(text) => owned(text),
                Self::Time(time) => time.original.len(),
                Self::List(values) => values.iter().map(Value::weight).sum(),
                Self::Map(members) => {
                    members.iter().map(|(key, value)| VALUE + owned(key) + value.weight()).sum()
                }
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
        let budget = Budget::of_record(record.raw.len());
        Self {
            record,
            lets: Vec::new(),
            tables,
            tracking,
            trace: None,
            budget,
            unread_time: RefCell::new(None),
        }
    }

    /// Computes `[let]`, in order.
    pub(crate) fn compute_lets(&mut self, lets: &'r [Expr]) {
        let here = Value::Node(self.record);
        for expr in lets {
            let value = self.eval(expr, &here);
            self.lets.push(value);
        }
    }

    /// Computes `expr`; paths start at `here`. Nothing where the budget does not reach for it.
    pub(crate) fn eval(&self, expr: &'r Expr, here: &Value<'r>) -> Value<'r> {
        if !self.budget.spend(VALUE) {
            return Value::Nothing;
        }
        let value = self.compute(expr, here);
        // Half of a value would be a wrong one.
        if self.budget.is_spent() { Value::Nothing } else { value }
    }

    /// As [`Value::text`], paid for.
    pub(crate) fn text_of(&self, value: &Value<'r>) -> Option<Cow<'r, str>> {
        if self.budget.spend(value.text_len()) { value.text() } else { None }
    }

    /// As [`Value::raw`], paid for.
    pub(crate) fn raw_of(&self, value: &Value<'r>) -> Option<Box<RawValue>> {
        if self.budget.spend(value.json_len()) { value.raw() } else { None }
    }

    /// As [`Value::into_list`], paid for.
    pub(crate) fn list_of(&self, value: Value<'r>) -> Vec<Value<'r>> {
        let count = match &value {
            Value::List(values) => values.len(),
            Value::Node(Node { kind: Kind::List(nodes), .. }) => nodes.len(),
            _ => 1,
        };
        if self.budget.spend_each(count, VALUE) { value.into_list() } else { Vec::new() }
    }

    /// As [`Value::into_members`], paid for.
    pub(crate) fn members_of(&self, value: Value<'r>) -> Vec<(Cow<'r, str>, Value<'r>)> {
        let count = match &value {
            Value::Map(members) => members.len(),
            Value::Node(Node { kind: Kind::Map(members), .. }) => members.len(),
            _ => 0,
        };
        if self.budget.spend_each(count, VALUE) { value.into_members() } else { Vec::new() }
    }

    fn equal(&self, left: &Value<'r>, right: &Value<'r>) -> bool {
        self.budget.spend(left.json_len().saturating_add(right.json_len())) && left.equals(right)
    }

    fn compute(&self, expr: &'r Expr, here: &Value<'r>) -> Value<'r> {
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
                Value::Bool(self.equal(&self.eval(left, here), &self.eval(right, here)) != *negated)
            }
            Expr::In(value, choices) => {
                let value = self.eval(value, here);
                Value::Bool(choices.iter().any(|choice| self.equal(&value, &self.eval(choice, here))))
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
                Piece::Text(text) if self.budget.spend(text.len()) => out.push_str(text),
                Piece::Text(_) => return Value::Nothing,
                Piece::Value(expr, optional) => match self.text_of(&self.eval(expr, here)) {
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
        let mut choices = choices.iter();
        for choice in choices.by_ref() {
            let value = self.eval(choice, here);
            if !value.is_nothing() {
                found = value;
            }
            if !found.is_blank() {
                break;
            }
        }
        if self.tracking {
            // Known to the mapping, though another said it first.
            self.budget.aside(|| choices.for_each(|choice| self.eval(choice, here).mark_used()));
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
                    if !self.budget.spend_each(value.json_len(), HASH) {
                        return Value::Nothing;
                    }
                    let mut json = String::new();
                    value.write_json(&mut json);
                    // Lengths keep ("ab", "c") apart from ("a", "bc").
                    hasher.update((json.len() as u64).to_be_bytes());
                    hasher.update(json.as_bytes());
                }
                Value::Text(Cow::Owned(hex(&hasher.finalize()[..16])))
            }
            Function::List => Value::List(values.flat_map(|value| self.list_of(value)).collect()),
            Function::Merge => {
                let mut members = Members::default();
                for (key, value) in values.flat_map(|value| self.members_of(value)) {
                    if !self.budget.spend(Members::cost(&key)) {
                        return Value::Nothing;
                    }
                    members.add_first(key, value);
                }
                members.into_value()
            }
        }
    }

    fn path(&self, path: &'r Path, here: &Value<'r>) -> Value<'r> {
        let other;
        let start = match path.base {
            Base::Here => here,
            Base::Record => {
                other = Value::Node(self.record);
                &other
            }
            Base::Let(place) => match self.lets.get(place) {
                Some(value) => value,
                None => return Value::Nothing,
            },
        };
        let end = self.walk(start, &path.segments);
        if let Some(trace) = self.trace {
            trace.note(path.place, start, &path.segments, &end);
        }
        end
    }

    /// Follows a path; only what stands at its end is copied.
    fn walk(&self, value: &Value<'r>, segments: &'r [Segment]) -> Value<'r> {
        let Some((segment, rest)) = segments.split_first() else {
            return if self.budget.spend(value.weight()) { value.clone() } else { Value::Nothing };
        };
        match segment {
            Segment::Key(name) => self.with_member(value, name, |found| {
                found.map_or(Value::Nothing, |found| self.walk(found, rest))
            }),
            Segment::At(index) => match value {
                Value::List(values) => match place(*index, values.len()) {
                    Some(place) => self.walk(&values[place], rest),
                    None => self.walk(&Value::Nothing, rest),
                },
                Value::Node(Node { kind: Kind::List(nodes), .. }) => match place(*index, nodes.len()) {
                    Some(place) => self.walk(&Value::Node(&nodes[place]), rest),
                    None => self.walk(&Value::Nothing, rest),
                },
                _ => self.walk(&Value::Nothing, rest),
            },
            Segment::All => {
                // Elements that are lists themselves, or further `[]`, give one flat list.
                let nested = rest.iter().any(|segment| matches!(segment, Segment::All | Segment::Where(..)));
                let mut found = Vec::new();
                self.each(value, |element| match self.walk(element, rest) {
                    end if end.is_nothing() => {}
                    end if nested => found.extend(self.list_of(end)),
                    end => found.push(end),
                });
                Value::List(found)
            }
            Segment::Where(name, wanted) => {
                let mut found = Vec::new();
                self.each(value, |element| {
                    let fits = self.with_member(element, name, |member| {
                        // A list is no name, and not walked over: every element may have a long one.
                        member.filter(|member| member.peek_scalar().is_some()).is_some_and(|member| {
                            member.mark_used();
                            member.peek_scalar().is_some_and(|text| text == wanted)
                        })
                    });
                    if fits {
                        found.push(self.walk(element, rest));
                    }
                });
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

    /// Calls `then` with the member of this name.
    fn with_member<T>(&self, value: &Value<'r>, name: &str, then: impl FnOnce(Option<&Value<'r>>) -> T) -> T {
        let members = match value {
            Value::Node(Node { kind: Kind::Map(members), .. }) => members.len(),
            Value::Map(members) => members.len(),
            _ => 0,
        };
        // Names are looked for one after the other.
        match value {
            _ if !self.budget.spend_each(members, 2) => then(None),
            Value::Node(node) => then(node.get(name).map(Value::Node).as_ref()),
            Value::Map(members) => then(members.iter().find(|(key, _)| key == name).map(|(_, value)| value)),
            _ => then(None),
        }
    }

    /// Calls `then` with each element of a list; any other present value is a list of one.
    fn each(&self, value: &Value<'r>, mut then: impl FnMut(&Value<'r>)) {
        let mut paid = |value: &Value<'r>| {
            if self.budget.spend(VALUE) {
                then(value);
            }
        };
        match value {
            Value::List(values) => values.iter().for_each(paid),
            Value::Node(Node { kind: Kind::List(nodes), .. }) => {
                nodes.iter().for_each(|node| paid(&Value::Node(node)));
            }
            value if value.is_nothing() => {}
            value => paid(value),
        }
    }
}

/// The place of the element at `index`, from the end where it is negative.
fn place(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(i64::try_from(len).ok()?)? } else { index };
    usize::try_from(index).ok().filter(|place| *place < len)
}

/// The element at `index`, from the end where it is negative.
pub(crate) fn at(value: Value<'_>, index: i64) -> Value<'_> {
    match value {
        Value::List(mut values) => match place(index, values.len()) {
            Some(place) => values.swap_remove(place),
            None => Value::Nothing,
        },
        Value::Node(Node { kind: Kind::List(nodes), .. }) => {
            place(index, nodes.len()).map_or(Value::Nothing, |place| Value::Node(&nodes[place]))
        }
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
