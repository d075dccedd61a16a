//! One condition of a filter: attribute, operator and value to an expression.
//!
//! Every comparison asks for any value of the attribute. `ne` is the opposite of `eq`, so it finds events that lack
//! the attribute too; `eq null` is the opposite of `pr`.

use Operator as O;

use crate::decimal::Decimal;
use crate::field::{Field, KEYWORD_HEAD, KEYWORD_MAX, VALUE_HEAD, VALUE_MAX, fold_case, keyword, shorten};
use crate::filter::Context;
use crate::filter::address::{address, address_at, client_ip, network};
use crate::filter::attribute::{ACTOR_TYPES, Attribute, Kind, Named, SEVERITIES};
use crate::filter::operator::{Operator, TEXT, Value};
use crate::fold::fold_text;
use crate::instant::parse_instant;
use crate::path::{PARAMETER_NAMES, PARAMETERS, PROFILE, Path, attribute_term};
use crate::predicate::Predicate;
use crate::query::{Expr, TimeRange};
use crate::text;

/// Refuses an operator that the attribute does not take.
///
/// # Errors
/// Words for people: what it takes.
pub(crate) fn takes(named: &Named, operator: Operator) -> Result<(), String> {
    let operators = match named {
        Named::Fixed(attribute) => attribute.kind.operators(),
        Named::Parameter(_) | Named::Change(_) => TEXT,
    };
    if operators.contains(&operator) {
        return Ok(());
    }
    let names: Vec<_> = operators.iter().map(|operator| operator.name()).collect();
    let hint = match named {
        Named::Fixed(Attribute { name: "details", .. }) => {
            "; its words are found with those of the other texts, by text co \"...\""
        }
        Named::Fixed(Attribute { kind: Kind::Exists(_), .. }) => "; name one of its values",
        _ => "",
    };
    Err(format!("{} takes {}, not {}{hint}", named.name(), names.join(" "), operator.name()))
}

/// Compiles `pr`.
///
/// # Errors
/// None today: every attribute that takes `pr` can be asked for it.
pub(crate) fn present(named: &Named) -> Result<Expr, String> {
    match named {
        Named::Fixed(attribute) => kind_present(attribute.kind),
        Named::Parameter(path) => {
            let name = &path[PARAMETERS.len()..];
            if name.contains('.') {
                return Ok(any_value(path));
            }
            let between = attribute_term("", &attribute_term(name, ""));
            Ok(Expr::Matching(Field::Present, PARAMETER_NAMES.to_owned(), Predicate::Contains(between)))
        }
        Named::Change(path) => Ok(any_value(path)),
    }
}

fn any_value(path: &str) -> Expr {
    Expr::Matching(Field::Attribute, attribute_term(path, ""), Predicate::Any)
}

pub(super) fn has(path: Path) -> Expr {
    Expr::Matching(Field::Present, PROFILE.to_owned(), Predicate::Contains(path.letter().to_string()))
}

fn kind_present(kind: Kind) -> Result<Expr, String> {
    let any = |paths: &[Path]| Expr::or(paths.iter().copied().map(has).collect());
    Ok(match kind {
        Kind::Keyword(_, []) => Expr::All,
        Kind::Keyword(_, paths) => any(paths),
        Kind::Value(path)
        | Kind::ActorType(path)
        | Kind::Number(path)
        | Kind::Instant(path)
        | Kind::Address(path)
        | Kind::Exists(path) => has(path),
        Kind::Choice(..) => has(Path::OutcomeResult),
        Kind::Object => has(Path::TargetsType),
        Kind::ObjectCategory => has(Path::ObjectCategory),
        Kind::Ip => any(&[Path::ClientIp, Path::ClientChain]),
        Kind::ClientIp => has(Path::ClientIp),
        Kind::Below(fields) => {
            let path = |field: &Field| match field {
                Field::ActorTenant => has(Path::ActorTenant),
                _ => has(Path::TargetsTenant),
            };
            Expr::or(fields.iter().map(path).collect())
        }
        Kind::Either(names) => {
            let parts: Result<Vec<Expr>, String> = kinds(names).map(kind_present).collect();
            Expr::or(parts?)
        }
        Kind::Id | Kind::ActionType | Kind::Severity | Kind::Time | Kind::Received | Kind::Tenant => {
            Expr::All
        }
        Kind::Mark(_) | Kind::Text | Kind::Word | Kind::Phrase | Kind::Whole => {
            return Err("pr makes no sense here".to_owned());
        }
    })
}

fn kinds(names: &'static [&'static str]) -> impl Iterator<Item = Kind> {
    names.iter().filter_map(|name| Attribute::of(name)).map(|attribute| attribute.kind)
}

/// Compiles a comparison with an operator that the attribute takes.
///
/// # Errors
/// Words for people: what value was expected.
pub(crate) fn compare(
    named: &Named,
    operator: Operator,
    value: &Value,
    context: &Context<'_>,
) -> Result<Expr, String> {
    if *value == Value::Null {
        return match operator {
            O::Equal => Ok(Expr::Not(Box::new(present(named)?))),
            O::NotEqual => present(named),
            _ => Err(format!("null goes with eq and ne only, not with {}", operator.name())),
        };
    }
    if matches!(value, Value::Text(text) if text.is_empty()) {
        return Err(format!("the value is empty; not {} pr finds events without it", named.name()));
    }
    if operator == O::NotEqual {
        return Ok(Expr::Not(Box::new(compare(named, O::Equal, value, context)?)));
    }
    match named {
        Named::Fixed(attribute) => by_kind(attribute.kind, operator, value, context),
        Named::Parameter(path) | Named::Change(path) => Terms::at(path, VALUES).compare(operator, value),
    }
}

fn by_kind(kind: Kind, operator: Operator, value: &Value, context: &Context<'_>) -> Result<Expr, String> {
    let given = value.text();
    match kind {
        Kind::Id => match operator {
            O::Equal => id(given),
            _ => Terms { exact: true, ..Terms::of(Field::Id) }.compare(operator, value),
        },
        Kind::Keyword(field, _) => Terms::of(field).compare(operator, value),
        Kind::Value(path @ (Path::ChangesOld | Path::ChangesNew)) => {
            Terms::at(path.name(), VALUES).compare(operator, value)
        }
        Kind::Value(path) => Terms::at(path.name(), KEYWORDS).compare(operator, value),
        Kind::Either(names) => {
            let parts: Result<Vec<Expr>, String> =
                kinds(names).map(|kind| by_kind(kind, operator, value, context)).collect();
            Ok(Expr::or(parts?))
        }
        Kind::Choice(field, names) => Ok(Expr::Term(field, one_of(given, names)?)),
        Kind::ActorType(path) => {
            Ok(Expr::Term(Field::Attribute, attribute_term(path.name(), &one_of(given, ACTOR_TYPES)?)))
        }
        Kind::ActionType => known(Field::ActionType, context.catalogue.action_type(given), "/v1/actions"),
        Kind::ObjectCategory => {
            known(Field::ObjectCategory, context.catalogue.object_category(given), "/v1/objects")
        }
        Kind::Object if operator == O::Equal => Ok(object(given, context)),
        Kind::Object => Terms::of(Field::Object).compare(operator, value),
        Kind::Severity => severity(operator, value),
        Kind::Number(path) => match (operator, value) {
            (O::Equal, Value::Number(number, _)) => {
                Ok(Expr::Term(Field::Attribute, attribute_term(path.name(), &number.to_string())))
            }
            (_, Value::Number(..)) => Terms::at(path.name(), KEYWORDS).compare(operator, value),
            _ => Err("expected a number".to_owned()),
        },
        Kind::Instant(path) => {
            let at = Decimal::from(instant(given, context)?);
            let value = Value::Number(at.clone(), at.to_string());
            Terms::at(path.name(), KEYWORDS).compare(operator, &value)
        }
        Kind::Time => Ok(Expr::Time(range(operator, instant(given, context)?))),
        Kind::Received => Ok(Expr::Received(range(operator, instant(given, context)?))),
        Kind::Ip => match operator {
            O::Cidr => network(given, |lo, hi| Expr::Range(Field::Ip, lo, hi)),
            _ => address(given),
        },
        Kind::ClientIp => client_ip(operator, given),
        Kind::Address(path) => address_at(path, operator, given),
        Kind::Tenant => Ok(Expr::TenantNamed(given.to_owned())),
        Kind::Below(fields) => {
            Ok(Expr::or(fields.iter().map(|field| Expr::TenantText(*field, given.to_owned())).collect()))
        }
        Kind::Mark(mark) => match value {
            Value::Bool(true) => Ok(Expr::Marked(mark)),
            Value::Bool(false) => Ok(Expr::Not(Box::new(Expr::Marked(mark)))),
            _ => Err("expected true or false".to_owned()),
        },
        Kind::Text => match operator {
            O::StartsWith => text::beginning(given),
            _ => text::phrase(given),
        }
        .ok_or_else(|| "there is no word in it to look for".to_owned()),
        Kind::Phrase => phrase(operator, given),
        Kind::Word => word(operator, given),
        Kind::Whole => match operator {
            O::Equal => Ok(Expr::Term(Field::Whole, fold_case(given).into_owned())),
            _ => Terms::of(Field::Whole).compare(operator, value),
        },
        Kind::Exists(_) => Err("it can only be asked whether it is there".to_owned()),
    }
}

/// Terms of one field, or of one path in the field of attributes.
struct Terms<'a> {
    field: Field,
    /// The path, or nothing.
    path: &'a str,
    /// Longest value that is kept whole, and what is kept of longer ones.
    bounds: (usize, usize),
    /// Compared byte for byte.
    exact: bool,
    /// Numbers of the value are kept in one form.
    numbers: bool,
}

const KEYWORDS: (usize, usize) = (KEYWORD_MAX, KEYWORD_HEAD);
const VALUES: (usize, usize) = (VALUE_MAX, VALUE_HEAD);

impl<'a> Terms<'a> {
    fn of(field: Field) -> Self {
        Self { field, path: "", bounds: KEYWORDS, exact: false, numbers: false }
    }

    fn at(path: &'a str, bounds: (usize, usize)) -> Self {
        Self { field: Field::Attribute, path, bounds, exact: false, numbers: bounds == VALUES }
    }

    /// The beginning of all terms of a value that begins so.
    fn beginning(&self, value: &str) -> String {
        if self.field == Field::Attribute { attribute_term(self.path, value) } else { value.to_owned() }
    }

    fn compare(&self, operator: Operator, value: &Value) -> Result<Expr, String> {
        let given = value.text();
        let folded = if self.exact { given.into() } else { fold_case(given) };
        if operator == O::Equal {
            let term = match value {
                Value::Number(number, _) if self.numbers => number.to_string().into(),
                _ => shorten(&folded, self.bounds.0, self.bounds.1),
            };
            return Ok(Expr::Term(self.field, self.beginning(&term)));
        }
        let matching = |predicate| Expr::Matching(self.field, self.beginning(""), predicate);
        if let (Some(comparison), Value::Number(number, _)) = (operator.comparison(), value) {
            return Ok(matching(Predicate::Number(comparison, number.clone())));
        }
        if folded.len() > self.bounds.1 {
            return Err(format!("with {}, a value has at most {} bytes", operator.name(), self.bounds.1));
        }
        Ok(match operator {
            O::Contains => matching(Predicate::Contains(folded.into_owned())),
            O::EndsWith => matching(Predicate::EndsWith(folded.into_owned())),
            O::StartsWith => Expr::Matching(self.field, self.beginning(&folded), Predicate::Any),
            _ => match operator.comparison() {
                Some(comparison) => matching(Predicate::Text(comparison, folded.into_owned())),
                None => return Err(format!("{} does not go with text", operator.name())),
            },
        })
    }
}

/// Ids are compared byte for byte. What no event can have as its id is a mistake, not an empty result.
fn id(value: &str) -> Result<Expr, String> {
    let printable = value.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b'*');
    // An id that was given twice with other bytes is kept with `~` and 8 hex digits after it.
    if printable && value.len() <= 128 + 9 {
        Ok(Expr::Term(Field::Id, value.to_owned()))
    } else {
        Err("expected an event id: up to 128 printable ASCII characters without space, / or *".to_owned())
    }
}

fn one_of(value: &str, names: &[&str]) -> Result<String, String> {
    let wanted = fold_case(value);
    if names.contains(&wanted.as_ref()) {
        Ok(wanted.into_owned())
    } else {
        Err(format!("expected one of {}", names.join(", ")))
    }
}

fn known(field: Field, id: Option<String>, list: &str) -> Result<Expr, String> {
    match id {
        Some(id) => Ok(Expr::Term(field, fold_case(&id).into_owned())),
        None => Err(format!("expected an id or a label of the catalogue, which {list} lists")),
    }
}

/// The type as sent, and all names that the catalogue has for it.
fn object(value: &str, context: &Context<'_>) -> Expr {
    let names = context.catalogue.object_names(value);
    let all = names.iter().map(String::as_str).chain([value]);
    Expr::or(all.map(|name| Expr::Term(Field::Object, keyword(name).into_owned())).collect())
}

fn severity(operator: Operator, value: &Value) -> Result<Expr, String> {
    let expected = || "expected critical, high, medium, low, or 1 to 4".to_owned();
    let name = fold_case(value.text());
    let rank = match name.as_ref() {
        "1" | "2" | "3" | "4" => usize::from(name.as_bytes()[0] - b'0'),
        name => 1 + SEVERITIES.iter().position(|known| *known == name).ok_or_else(expected)?,
    };
    let wanted = |at: &usize| match operator {
        O::Greater => *at > rank,
        O::AtLeast => *at >= rank,
        O::Less => *at < rank,
        O::AtMost => *at <= rank,
        _ => *at == rank,
    };
    let term = |at: usize| Expr::Term(Field::Severity, SEVERITIES[at - 1].to_owned());
    Ok(Expr::or((1..=SEVERITIES.len()).filter(wanted).map(term).collect()))
}

fn instant(text: &str, context: &Context<'_>) -> Result<i64, String> {
    parse_instant(text, context.now, context.zone).map(|at| at.as_micros())
}

fn range(operator: Operator, at: i64) -> TimeRange {
    let after = at.saturating_add(1);
    let (since, until) = match operator {
        O::Greater => (after, i64::MAX),
        O::AtLeast => (at, i64::MAX),
        O::Less => (i64::MIN, at),
        O::AtMost => (i64::MIN, after),
        _ => (at, after),
    };
    TimeRange { since, until }
}

/// The words of the index in a filter are those that it shows, but for case.
fn words_of(given: &str) -> String {
    if given.is_ascii() { given.to_ascii_lowercase() } else { fold_text(given) }
}

fn word(operator: Operator, given: &str) -> Result<Expr, String> {
    let word = words_of(given);
    if word.contains(char::is_whitespace) {
        return Err("expected one word; phrase takes several".to_owned());
    }
    Ok(match operator {
        O::Equal => Expr::Term(Field::Word, word),
        O::StartsWith => Expr::Prefix(word),
        O::Contains => Expr::Matching(Field::Word, String::new(), Predicate::Contains(word)),
        _ => Expr::Matching(Field::Word, String::new(), Predicate::EndsWith(word)),
    })
}

fn phrase(operator: Operator, given: &str) -> Result<Expr, String> {
    let mut words: Vec<String> = words_of(given).split(' ').map(str::to_owned).collect();
    if words.len() < 2 || words.iter().any(String::is_empty) {
        return Err("expected two words or more with one blank between them; word takes one".to_owned());
    }
    Ok(match operator {
        O::StartsWith => {
            let last = words.pop().unwrap_or_default();
            Expr::PhrasePrefix(words, last)
        }
        _ => Expr::Phrase(words),
    })
}
