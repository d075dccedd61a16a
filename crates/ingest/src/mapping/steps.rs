//! What `| step` does to a value.
//!
//! A step that can't do its job gives nothing, so that `??` can go on; only `strip` and `strip_end` leave a text
//! without the prefix or suffix as it is. Steps on text work on each element of a list. Each step pays for what it makes
//! or walks over before it does so; the caller makes nothing of a result that could not be paid for.

use std::borrow::Cow;

use super::budget::VALUE;
use super::eval::{Members, Scope, Value, at};
use super::expr::{Const, Step, TimeForm};
use super::record::Node;
use super::times;

/// How deep JSON in a text may nest.
const EMBEDDED_DEPTH_MAX: usize = 32;

/// What a byte costs that becomes values: one of `[1,1,..]` or `a= b=` is half of a number, or a third of a member.
const PARSED: usize = 48;

/// What reading a time costs, beside its pattern.
const TIME: usize = 8 * VALUE;

/// Applies `step` to `value`.
pub(crate) fn apply<'r>(scope: &Scope<'r>, step: &'r Step, value: Value<'r>) -> Value<'r> {
    if value.is_nothing() {
        return match step {
            Step::Starts(_) | Step::Ends(_) | Step::Contains(_) => Value::Bool(false),
            Step::Count => Value::Number(Cow::Borrowed("0")),
            _ => Value::Nothing,
        };
    }
    match step {
        Step::At(index) => at(value, *index),
        Step::Join(separator) => {
            let values = scope.list_of(value);
            let len: usize = values.iter().map(|value| value.text_len() + separator.len()).sum();
            if !scope.budget.spend_each(len, 2) {
                return Value::Nothing;
            }
            let texts: Vec<_> = values.iter().filter_map(Value::text).collect();
            if texts.is_empty() { Value::Nothing } else { Value::Text(Cow::Owned(texts.join(separator))) }
        }
        Step::Flat => {
            Value::List(scope.list_of(value).into_iter().flat_map(|value| scope.list_of(value)).collect())
        }
        Step::Distinct => distinct(scope, value),
        Step::Count => Value::Number(Cow::Owned(scope.list_of(value).len().to_string())),
        Step::Pairs(name, contents) => pairs(scope, value, name, contents),
        Step::Entries => {
            let members = scope.members_of(value);
            // Each becomes an object.
            match scope.budget.spend_each(members.len(), 4 * VALUE) {
                true => Value::List(members.into_iter().map(entry).collect()),
                false => Value::Nothing,
            }
        }
        Step::Keys => {
            Value::List(scope.members_of(value).into_iter().map(|(key, _)| Value::Text(key)).collect())
        }
        Step::Values => Value::List(scope.members_of(value).into_iter().map(|(_, value)| value).collect()),
        Step::Omit(names) => {
            members(scope, names, value, |key| !names.iter().any(|name| names_it(name, key)))
        }
        Step::Keep(names) => members(scope, names, value, |key| names.iter().any(|name| names_it(name, key))),
        Step::Under(prefix) => under(scope, value, prefix),
        _ if value.is_list() => {
            let values = scope.list_of(value).into_iter().map(|value| apply(scope, step, value));
            Value::List(values.filter(|value| !value.is_nothing()).collect())
        }
        _ if !scope.budget.spend(cost(step, value.text_len())) => Value::Nothing,
        Step::Json => json(value),
        Step::Time(form) => value.text().map_or(Value::Nothing, |text| match times::read(form, &text) {
            Some(time) => Value::Time(time),
            None => {
                scope.unread_time.replace(Some(text.into_owned()));
                Value::Nothing
            }
        }),
        _ => value.text().map_or(Value::Nothing, |text| on_text(scope, step, text)),
    }
}

/// What a step on a text of `len` bytes costs; looking into a table is paid for there.
fn cost(step: &Step, len: usize) -> usize {
    // A text that is looked for is prepared before, however short the other is.
    let part = |part: &String| part.len();
    let beside = match step {
        Step::Strip(text) | Step::StripEnd(text) | Step::Before(text) | Step::After(text) => part(text),
        Step::BeforeLast(text) | Step::AfterLast(text) | Step::Split(text) => part(text),
        Step::Starts(text) | Step::Ends(text) | Step::Contains(text) => part(text),
        Step::None(words) => words.len().saturating_mul(4),
        Step::Time(TimeForm::Pattern(pattern, _)) => pattern.len().saturating_mul(8).saturating_add(TIME),
        Step::Time(_) => TIME,
        Step::Pad(..) => 4 * VALUE,
        Step::Json | Step::KeyValues(_) => len.saturating_mul(PARSED),
        _ => 0,
    };
    // Read and made anew; another case has up to three bytes for one.
    len.saturating_mul(4).saturating_add(beside).saturating_add(VALUE)
}

fn on_text<'r>(scope: &Scope<'r>, step: &'r Step, text: Cow<'r, str>) -> Value<'r> {
    let some = |text: Cow<'r, str>| Value::Text(text);
    let part = |found: Option<(usize, usize)>| match found {
        Some((start, end)) => some(slice(text.clone(), start, end)),
        None => Value::Nothing,
    };
    let len = text.len();
    match step {
        Step::Text => some(text),
        Step::Lower => some(Cow::Owned(text.to_lowercase())),
        Step::Upper => some(Cow::Owned(text.to_uppercase())),
        Step::Trim => {
            let start = len - text.trim_start().len();
            part(Some((start, start + text.trim().len())))
        }
        Step::Strip(prefix) => part(Some((if text.starts_with(&**prefix) { prefix.len() } else { 0 }, len))),
        Step::StripEnd(suffix) => {
            part(Some((0, if text.ends_with(&**suffix) { len - suffix.len() } else { len })))
        }
        Step::Before(separator) => part(text.find(&**separator).map(|at| (0, at))),
        Step::After(separator) => part(text.find(&**separator).map(|at| (at + separator.len(), len))),
        Step::BeforeLast(separator) => part(text.rfind(&**separator).map(|at| (0, at))),
        Step::AfterLast(separator) => part(text.rfind(&**separator).map(|at| (at + separator.len(), len))),
        Step::Split(separator) => {
            if !scope.budget.spend_each(text.matches(&**separator).count(), 2 * VALUE) {
                return Value::Nothing;
            }
            Value::List(text.split(&**separator).map(|part| some(Cow::Owned(part.to_owned()))).collect())
        }
        Step::Starts(prefix) => Value::Bool(text.starts_with(&**prefix)),
        Step::Ends(suffix) => Value::Bool(text.ends_with(&**suffix)),
        Step::Contains(part) => Value::Bool(text.contains(&**part)),
        Step::None(words) => {
            if words.iter().any(|word| *word == text) {
                Value::Nothing
            } else {
                some(text)
            }
        }
        Step::Lookup(table) => {
            match scope.tables.get(*table).and_then(|table| table.get(&text, &scope.budget)) {
                Some(Const::Text(text)) => some(Cow::Borrowed(text)),
                Some(Const::Number(digits)) => Value::Number(Cow::Borrowed(digits)),
                Some(Const::Bool(value)) => Value::Bool(*value),
                Some(Const::Null) | None => Value::Nothing,
            }
        }
        Step::Number => match serde_json::from_str::<serde_json::Number>(text.trim()) {
            Ok(_) => Value::Number(Cow::Owned(text.trim().to_owned())),
            Err(_) => Value::Nothing,
        },
        Step::Pad(width, with) => {
            let missing = width.saturating_sub(text.chars().count());
            some(Cow::Owned(with.to_string().repeat(missing) + &text))
        }
        Step::Hex => from_hex(&text).map_or(Value::Nothing, |text| some(Cow::Owned(text))),
        Step::KeyValues(encoded) => key_values(scope, &text, encoded),
        Step::Char(index) => {
            character(&text, *index).map_or(Value::Nothing, |c| some(Cow::Owned(c.to_string())))
        }
        Step::Json
        | Step::Time(_)
        | Step::At(_)
        | Step::Join(_)
        | Step::Flat
        | Step::Distinct
        | Step::Count
        | Step::Pairs(..)
        | Step::Entries
        | Step::Keys
        | Step::Values
        | Step::Omit(_)
        | Step::Keep(_)
        | Step::Under(_) => Value::Nothing,
    }
}

/// The character at `index`, from the end where it is negative.
fn character(text: &str, index: i64) -> Option<char> {
    let place = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 { text.chars().rev().nth(place - 1) } else { text.chars().nth(place) }
}

/// A part of a text, borrowed where the text is.
fn slice(text: Cow<'_, str>, start: usize, end: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[start..end]),
        Cow::Owned(text) => Cow::Owned(text[start..end].to_owned()),
    }
}

fn distinct<'r>(scope: &Scope<'r>, value: Value<'r>) -> Value<'r> {
    let mut seen = std::collections::HashSet::new();
    let mut is_new =
        |value: &Value<'r>| scope.budget.spend(value.json_len() + VALUE) && seen.insert(value.json());
    Value::List(scope.list_of(value).into_iter().filter(|value| is_new(value)).collect())
}

/// A list of `{name, value}` objects to one object. An element without a value is passed over: another list of the same
/// names may have it.
fn pairs<'r>(scope: &Scope<'r>, value: Value<'r>, name: &str, contents: &[String]) -> Value<'r> {
    let mut members = Members::default();
    for element in scope.list_of(value) {
        let (mut key, mut found) = (None, None::<(bool, usize, Value<'r>)>);
        for (member, value) in scope.members_of(element) {
            if !scope.budget.spend_each(contents.len(), 2) {
                return Value::Nothing;
            }
            if member == name {
                key = scope.text_of(&value);
            } else if let Some(place) = contents.iter().position(|content| *content == *member) {
                // What is not null before null, then in the order of the names.
                let rank = (value.is_nothing(), place);
                if found.as_ref().is_none_or(|(nothing, known, _)| rank < (*nothing, *known)) {
                    found = Some((rank.0, rank.1, value));
                }
            }
        }
        if let (Some(key), Some((.., found))) = (key, found) {
            if !scope.budget.spend(Members::cost(&key)) {
                return Value::Nothing;
            }
            members.add(key, found);
        }
    }
    members.into_value()
}

fn entry<'r>((key, value): (Cow<'r, str>, Value<'r>)) -> Value<'r> {
    Value::Map(vec![(Cow::Borrowed("name"), Value::Text(key)), (Cow::Borrowed("value"), value)])
}

/// A name may end in `*` for any rest.
fn names_it(name: &str, key: &str) -> bool {
    name.strip_suffix('*').map_or(name == key, |start| key.starts_with(start))
}

fn members<'r>(
    scope: &Scope<'r>,
    names: &[String],
    value: Value<'r>,
    wanted: impl Fn(&str) -> bool,
) -> Value<'r> {
    let members = scope.members_of(value).into_iter();
    // Each is compared with the names, one after the other.
    let wanted = |key: &str| scope.budget.spend_each(names.len(), 4) && wanted(key);
    Value::Map(members.filter(|(key, _)| wanted(key)).collect())
}

/// The members whose name is `prefix` and more, under the rest of their names.
fn under<'r>(scope: &Scope<'r>, value: Value<'r>, prefix: &str) -> Value<'r> {
    let rest = |key: Cow<'r, str>| {
        let rest = key.strip_prefix(prefix).filter(|rest| !rest.is_empty())?.len();
        Some(slice(key.clone(), key.len() - rest, key.len()))
    };
    let members = scope.members_of(value).into_iter();
    Value::Map(members.filter_map(|(key, value)| Some((rest(key)?, value))).collect())
}

/// JSON in a text, as a value of its own; a value that is no text is left as it is.
fn json(value: Value<'_>) -> Value<'_> {
    if value.is_map() {
        return value;
    }
    let Some(text) = value.text() else { return Value::Nothing };
    if indelible_event::parse_json(&text, EMBEDDED_DEPTH_MAX).is_err() {
        return Value::Nothing;
    }
    Node::parse(&text).map_or(Value::Nothing, |node| owned(&node))
}

/// The value of a node that does not outlive this call.
fn owned<'r>(node: &Node<'_>) -> Value<'r> {
    use super::record::Kind;
    let text = |text: &str| Cow::Owned(text.to_owned());
    match &node.kind {
        Kind::Null => Value::Nothing,
        Kind::Bool(value) => Value::Bool(*value),
        Kind::Number => Value::Number(text(&node.raw)),
        Kind::Text(value) => Value::Text(text(value)),
        Kind::List(nodes) => Value::List(nodes.iter().map(owned).collect()),
        Kind::Map(members) => {
            Value::Map(members.iter().map(|(key, node)| (text(key), owned(node))).collect())
        }
    }
}

/// Text that was written as hex digits, if it is valid UTF-8.
fn from_hex(text: &str) -> Option<String> {
    if text.is_empty() || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> = (0..text.len())
        .step_by(2)
        .map(|at| {
            let digits = &text[at..at + 2];
            digits
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit())
                .then(|| u8::from_str_radix(digits, 16).ok())?
        })
        .collect();
    String::from_utf8(bytes?).ok()
}

/// `a=1 b="two words" c='d=3 e=4'` to an object; words without `=` are passed over. The group separator, which enriched
/// lines of the Linux audit have, parts too. A value without quotes is text in hex digits where its name is in `encoded`
/// and it can be.
fn key_values<'r>(scope: &Scope<'r>, text: &str, encoded: &[String]) -> Value<'r> {
    let parts = |c: char| c.is_whitespace() || c == '\u{1d}';
    let mut members = Members::default();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(parts);
        let Some(end) = rest.find(|c: char| c == '=' || parts(c)) else {
            return members.into_value();
        };
        if !rest[end..].starts_with('=') {
            rest = &rest[end..];
            continue;
        }
        let key = &rest[..end];
        rest = &rest[end + 1..];
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (quoted, value) = match quote.and_then(|quote| rest[1..].find(quote)) {
            Some(len) => {
                let value = &rest[1..=len];
                rest = &rest[len + 2..];
                (true, value)
            }
            None => {
                let len = rest.find(parts).unwrap_or(rest.len());
                let value = &rest[..len];
                rest = &rest[len..];
                (false, value)
            }
        };
        if !scope.budget.spend(encoded.len().saturating_mul(4).saturating_add(key.len())) {
            return Value::Nothing;
        }
        if !key.is_empty() {
            let is_encoded = !quoted && encoded.iter().any(|name| names_it(name, key));
            let decoded = if is_encoded { from_hex(value) } else { None };
            let value = decoded.unwrap_or_else(|| value.to_owned());
            members.add(Cow::Owned(key.to_owned()), Value::Text(Cow::Owned(value)));
        }
    }
}
