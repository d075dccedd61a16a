//! Templates to text: values come from the event's own JSON, so that numbers and nested values are inserted verbatim.

use std::borrow::Cow;

use super::{DETAILS_BYTES_MAX, Expr, Is, Node, Template};
use crate::json::{Kind, Reader};

/// How many bytes of JSON one rendering may look at, plus one for each step: a few milliseconds.
const WORK_MAX: usize = 8 << 20;

/// What a template may say about an event beside the event itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'e> {
    /// The event as JSON in the API's shape.
    pub(crate) event: &'e str,
    pub(crate) action_type: &'e str,
    pub(crate) action_label: &'e str,
    pub(crate) object_type: Option<&'e str>,
    pub(crate) object_label: Option<&'e str>,
}

#[derive(Clone, Debug)]
enum Value<'e> {
    Missing,
    Text(Cow<'e, str>),
    Bool(bool),
    Json(&'e str),
    /// One member of an object, in a loop.
    Member(Cow<'e, str>, &'e str),
}

/// The output is full or the work is done.
struct Stop;

struct Rendering<'e> {
    context: Context<'e>,
    loops: Vec<(&'e str, Value<'e>)>,
    out: String,
    work_left: usize,
}

impl Template {
    /// Renders the template; what would be too long or too much work is cut and ends in an ellipsis.
    pub(crate) fn render(&self, context: Context<'_>) -> String {
        let mut rendering =
            Rendering { context, loops: Vec::new(), out: String::with_capacity(128), work_left: WORK_MAX };
        if rendering.nodes(&self.nodes).is_err() {
            let keep = DETAILS_BYTES_MAX - '\u{2026}'.len_utf8();
            let keep =
                (0..=keep.min(rendering.out.len())).rev().find(|at| rendering.out.is_char_boundary(*at));
            rendering.out.truncate(keep.unwrap_or(0));
            rendering.out.push('\u{2026}');
        }
        rendering.out
    }
}

impl<'e> Rendering<'e> {
    fn spend(&mut self, work: usize) -> Result<(), Stop> {
        self.work_left = self.work_left.checked_sub(work).ok_or(Stop)?;
        Ok(())
    }

    fn push(&mut self, text: &str) -> Result<(), Stop> {
        self.spend(1 + text.len())?;
        self.out.push_str(text);
        if self.out.len() > DETAILS_BYTES_MAX { Err(Stop) } else { Ok(()) }
    }

    fn nodes(&mut self, nodes: &'e [Node]) -> Result<(), Stop> {
        for node in nodes {
            match node {
                Node::Text(text) => self.push(text)?,
                Node::Value(expr) => {
                    let value = self.eval(expr)?;
                    self.push(&value.text())?;
                }
                Node::If { arms, or_else } => {
                    let mut chosen = or_else;
                    for (condition, body) in arms {
                        if self.eval(condition)?.holds() {
                            chosen = body;
                            break;
                        }
                    }
                    self.nodes(chosen)?;
                }
                Node::For { name, list, body, between } => {
                    let list = self.eval(list)?;
                    for (n, item) in self.items(&list)?.into_iter().enumerate() {
                        self.spend(1)?;
                        if n > 0 {
                            self.nodes(between)?;
                        }
                        self.loops.push((name, item));
                        self.nodes(body)?;
                        self.loops.pop();
                    }
                }
            }
        }
        Ok(())
    }

    fn eval(&mut self, expr: &'e Expr) -> Result<Value<'e>, Stop> {
        self.spend(1)?;
        Ok(match expr {
            Expr::Literal(text) => Value::Text(Cow::Borrowed(text)),
            Expr::Path(root, path) => {
                let mut value = self.root(root)?;
                for step in path {
                    value = self.member(&value, step)?;
                }
                value
            }
            Expr::Or(left, right) => {
                let left = self.eval(left)?;
                if left.holds() { left } else { self.eval(right)? }
            }
            Expr::And(left, right) => {
                let left = self.eval(left)?;
                if left.holds() { self.eval(right)? } else { left }
            }
            Expr::Not(inside) => Value::Bool(!self.eval(inside)?.holds()),
            Expr::Same(left, right) => {
                let left = self.eval(left)?;
                let right = self.eval(right)?;
                Value::Bool(left.text() == right.text())
            }
            Expr::Is(inside, is) => Value::Bool(self.eval(inside)?.is(*is)),
            Expr::YesNo(inside) => match self.eval(inside)? {
                Value::Bool(true) | Value::Json("true") => Value::Text(Cow::Borrowed("Yes")),
                Value::Bool(false) | Value::Json("false") => Value::Text(Cow::Borrowed("No")),
                other => other,
            },
            Expr::Json(inside) => match self.eval(inside)? {
                Value::Json(json) => Value::Text(Cow::Borrowed(json)),
                other => other,
            },
        })
    }

    fn root(&mut self, name: &str) -> Result<Value<'e>, Stop> {
        if let Some((_, value)) = self.loops.iter().rev().find(|(known, _)| *known == name) {
            return Ok(value.clone());
        }
        let text =
            |text: Option<&'e str>| text.map_or(Value::Missing, |text| Value::Text(Cow::Borrowed(text)));
        let context = self.context;
        Ok(match name {
            "action_type" => text(Some(context.action_type)),
            "action_label" => text(Some(context.action_label)),
            "object_type" => text(context.object_type),
            "object_label" => text(context.object_label),
            "target" => {
                let targets = self.member(&Value::Json(context.event), "targets")?;
                self.items(&targets)?.into_iter().next().unwrap_or(Value::Missing)
            }
            name => self.member(&Value::Json(context.event), name)?,
        })
    }

    fn member(&mut self, value: &Value<'e>, name: &str) -> Result<Value<'e>, Stop> {
        match value {
            Value::Member(member, _) if name == "name" => Ok(Value::Text(member.clone())),
            Value::Member(_, json) if name == "value" => Ok(Value::Json(json)),
            Value::Json(json) => match self.scan(json, Some(name))?.pop() {
                Some(Value::Member(found, json)) if found == name => Ok(Value::Json(json)),
                _ => Ok(Value::Missing),
            },
            _ => Ok(Value::Missing),
        }
    }

    /// What a loop over `value` goes through: items of an array, members of an object.
    fn items(&mut self, value: &Value<'e>) -> Result<Vec<Value<'e>>, Stop> {
        match value {
            Value::Json(json) | Value::Member(_, json) => self.scan(json, None),
            _ => Ok(Vec::new()),
        }
    }

    /// The items or members of `json`, up to and including the one called `until`.
    fn scan(&mut self, json: &'e str, until: Option<&str>) -> Result<Vec<Value<'e>>, Stop> {
        let mut reader = Reader::new(json, usize::MAX);
        let mut found = Vec::new();
        let mut first = true;
        let mut before = 0;
        // The event's JSON is our own or was checked; anything else would simply end the list.
        match reader.kind() {
            Ok(Kind::Object) => {
                if reader.open().is_err() {
                    return Ok(found);
                }
                while let Ok(Some(name)) = reader.next_name(&mut first) {
                    let Ok(value) = reader.walk(&[], &mut |_| ()) else { break };
                    self.spend(1 + reader.offset() - before)?;
                    before = reader.offset();
                    let done = until.is_some_and(|until| until == name.value);
                    // While a name is looked for, only the newest member is of use.
                    if until.is_some() {
                        found.clear();
                    }
                    found.push(Value::Member(name.value, value));
                    if done {
                        break;
                    }
                }
            }
            Ok(Kind::Array) if until.is_none() => {
                if reader.open().is_err() {
                    return Ok(found);
                }
                while let Ok(true) = reader.next_item(&mut first) {
                    let Ok(value) = reader.walk(&[], &mut |_| ()) else { break };
                    self.spend(1 + reader.offset() - before)?;
                    before = reader.offset();
                    found.push(Value::Json(value));
                }
            }
            _ => {}
        }
        Ok(found)
    }
}

impl<'e> Value<'e> {
    /// As it is inserted: texts unquoted, everything else as its JSON, nothing for what is not there.
    fn text(&self) -> Cow<'e, str> {
        match self {
            Self::Missing | Self::Json("null") => Cow::Borrowed(""),
            Self::Text(text) => text.clone(),
            Self::Bool(yes) => Cow::Borrowed(if *yes { "true" } else { "false" }),
            Self::Json(json) if json.starts_with('"') => {
                Reader::new(json, 0).string().map_or(Cow::Borrowed(*json), |text| text.value)
            }
            Self::Json(json) | Self::Member(_, json) => Cow::Borrowed(json),
        }
    }

    /// Whether it says anything: not missing, null, false, "" or without members.
    fn holds(&self) -> bool {
        match self {
            Self::Missing | Self::Bool(false) | Self::Json("null" | "false" | "\"\"") => false,
            Self::Text(text) => !text.is_empty(),
            Self::Json(json) if json.starts_with(['[', '{']) => !json[1..json.len() - 1].trim().is_empty(),
            Self::Bool(true) | Self::Json(_) | Self::Member(..) => true,
        }
    }

    fn is(&self, is: Is) -> bool {
        let kind = match self {
            Self::Missing => return is == Is::Missing,
            Self::Text(_) => Kind::String,
            Self::Bool(_) => Kind::Bool,
            Self::Json(json) => Kind::of(json),
            Self::Member(..) => Kind::Object,
        };
        is == Is::Of(kind)
    }
}
