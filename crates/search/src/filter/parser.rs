//! Reads the text of a filter, by recursive descent.
//!
//! ```text
//! filter    = all { "or" all }
//! all       = one { "and" one }
//! one       = "not" one | "(" filter ")" | condition
//! condition = path "pr" | path operator value | path "in" "(" value { "," value } ")"
//! ```
//!
//! Invariant: an error's position is a character of the text, counted from 1, or the one after its last.

use indelible_event::nearest_name;

use crate::field::fold_case;
use crate::filter::Context;
use crate::filter::attribute::Named;
use crate::filter::condition;
use crate::filter::operator::{Operator, Value};
use crate::path::fold_name;
use crate::query::Expr;

/// Longest filter, in bytes. In an address each of them takes up to three characters, and the server reads addresses of
/// nearly 64 KiB: 3 * 16 KiB leave a quarter for everything else.
const BYTES_MAX: usize = 16 << 10;
/// Parentheses and `not`s within each other. A sealed query nests JSON twice as deep, and its reader stops at 128.
const DEPTH_MAX: usize = 32;
/// Values in all conditions together.
const VALUES_MAX: usize = 1_000;
/// Characters of the text that a message repeats.
const SHOWN_MAX: usize = 24;

/// Compiles a filter.
///
/// # Errors
/// Words for people, which begin with the position of the mistake.
pub(crate) fn parse(text: &str, context: &Context<'_>) -> Result<Expr, String> {
    let mut parser = Parser { text, at: 0, depth: 0, values: 0, context };
    parser.whole().map_err(|mistake| {
        let position = text.get(..mistake.at).unwrap_or(text).chars().count() + 1;
        format!("position {position}: {}", mistake.message)
    })
}

/// What is wrong at which byte.
#[derive(Debug)]
struct Mistake {
    at: usize,
    message: String,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    values: usize,
    context: &'a Context<'a>,
}

fn mistake<T>(at: usize, message: impl Into<String>) -> Result<T, Mistake> {
    Err(Mistake { at, message: message.into() })
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(c, '_' | '-' | '$' | '@')
        || unicode_normalization::char::is_combining_mark(c)
}

/// Quotes that stand around no text here. Word processors put some of them where others were typed.
fn is_quote(c: char) -> bool {
    matches!(
        c,
        '\'' | '`' | '\u{ab}' | '\u{b4}' | '\u{bb}' | '\u{2018}'..='\u{201f}' | '\u{2039}' | '\u{203a}'
    )
}

fn is_bare_char(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '(' | ')' | ',' | '"' | '\'' | '[' | ']')
}

impl<'a> Parser<'a> {
    fn whole(&mut self) -> Result<Expr, Mistake> {
        if self.text.len() > BYTES_MAX {
            return mistake(0, format!("a filter has at most {BYTES_MAX} bytes"));
        }
        let expr = self.any()?;
        self.blanks();
        match self.rest().chars().next() {
            None => Ok(expr),
            Some(')') => mistake(self.at, "this ) closes nothing"),
            Some(_) => {
                let hint = if self.rest().starts_with('"') {
                    ""
                } else {
                    "; a value with blanks stands in double quotes"
                };
                mistake(self.at, format!("expected and, or, or the end, found {}{hint}", self.shown()))
            }
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// What comes next, for a message.
    fn shown(&self) -> String {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || c == ')').unwrap_or(rest.len());
        let word = &rest[..end.max(rest.chars().next().map_or(0, char::len_utf8))];
        if word.is_empty() {
            return "the end".to_owned();
        }
        let cut = word.char_indices().nth(SHOWN_MAX).map_or(word.len(), |(at, _)| at);
        indelible_event::excerpt(&word[..cut])
    }

    /// Passes over the word, compared without case, if it comes next and ends there.
    fn keyword(&mut self, word: &str) -> bool {
        self.blanks();
        let rest = self.rest();
        let found = rest.get(..word.len()).is_some_and(|next| next.eq_ignore_ascii_case(word))
            && !rest[word.len()..].starts_with(|c| is_name_char(c) || c == '.');
        if found {
            self.at += word.len();
        }
        found
    }

    fn any(&mut self) -> Result<Expr, Mistake> {
        let mut parts = vec![self.all()?];
        while self.keyword("or") {
            parts.push(self.all()?);
        }
        Ok(Expr::or(parts))
    }

    fn all(&mut self) -> Result<Expr, Mistake> {
        let mut parts = vec![self.one()?];
        while self.keyword("and") {
            parts.push(self.one()?);
        }
        Ok(Expr::and(parts))
    }

    fn one(&mut self) -> Result<Expr, Mistake> {
        self.blanks();
        let start = self.at;
        let negated = self.keyword("not");
        if !negated && !self.rest().starts_with('(') {
            return self.condition();
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return mistake(
                start,
                format!("parentheses and not stand in each other at most {DEPTH_MAX} times"),
            );
        }
        let expr = if negated {
            Expr::Not(Box::new(self.one()?))
        } else {
            self.at += 1;
            let inner = self.any()?;
            self.blanks();
            if !self.rest().starts_with(')') {
                let position = self.text[..start].chars().count() + 1;
                let message =
                    format!("expected and, or, or the ) of the ( at {position}, found {}", self.shown());
                return mistake(self.at, message);
            }
            self.at += 1;
            inner
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn condition(&mut self) -> Result<Expr, Mistake> {
        let start = self.at;
        let steps = self.path()?;
        let named = match Named::of(&steps) {
            Ok(named) => named,
            Err(message) => return mistake(start, message),
        };
        self.blanks();
        let at = self.at;
        let operator = self.operator()?;
        let compiled =
            |expr: Result<Expr, String>, at: usize| expr.map_err(|message| Mistake { at, message });
        if let Err(message) = condition::takes(&named, operator) {
            return mistake(at, message);
        }
        match operator {
            Operator::Present => compiled(condition::present(&named), at),
            Operator::In => {
                let mut any = Vec::new();
                for (at, value) in self.list()? {
                    any.push(compiled(
                        condition::compare(&named, Operator::Equal, &value, self.context),
                        at,
                    )?);
                }
                Ok(Expr::or(any))
            }
            operator => {
                self.blanks();
                let at = self.at;
                let value = self.value()?;
                compiled(condition::compare(&named, operator, &value, self.context), at)
            }
        }
    }

    /// The steps of a path, folded.
    fn path(&mut self) -> Result<Vec<String>, Mistake> {
        let mut steps = Vec::new();
        loop {
            let start = self.at;
            let rest = self.rest();
            if rest.starts_with('"') && !steps.is_empty() {
                steps.push(fold_name(&self.string()?).into_owned());
            } else {
                let end = rest.find(|c| !is_name_char(c)).unwrap_or(rest.len());
                if end == 0 && steps.is_empty() {
                    let hint = if rest.starts_with('!') { "; not negates" } else { "" };
                    return mistake(
                        start,
                        format!("expected an attribute, not or (, found {}{hint}", self.shown()),
                    );
                }
                if end == 0 {
                    return mistake(start, format!("expected a name after the dot, found {}", self.shown()));
                }
                steps.push(fold_case(&rest[..end]).into_owned());
                self.at += end;
            }
            if !self.rest().starts_with('.') {
                return Ok(steps);
            }
            self.at += 1;
        }
    }

    fn operator(&mut self) -> Result<Operator, Mistake> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        if let Some(operator) = Operator::of(&rest[..end]) {
            self.at += end;
            return Ok(operator);
        }
        let symbol = rest.find(|c: char| !matches!(c, '=' | '!' | '<' | '>' | '~')).unwrap_or(rest.len());
        let meant = match &rest[..symbol.max(end)] {
            "=" | "==" | "is" | "equals" | "equal" => Some("eq"),
            "!=" | "<>" => Some("ne"),
            ">" => Some("gt"),
            ">=" => Some("ge"),
            "<" => Some("lt"),
            "<=" => Some("le"),
            "~" | "=~" | "contains" | "like" => Some("co"),
            "startswith" | "starts" => Some("sw"),
            "endswith" | "ends" => Some("ew"),
            "exists" | "present" => Some("pr"),
            "" => None,
            word => nearest_name(word, Operator::ALL.iter().map(|operator| operator.name())),
        };
        let meant = meant.map_or(String::new(), |meant| format!("; did you mean {meant}?"));
        let names: Vec<_> = Operator::ALL.iter().map(|operator| operator.name()).collect();
        mistake(self.at, format!("expected one of {}, found {}{meant}", names.join(" "), self.shown()))
    }

    /// The values in parentheses, each with its place.
    fn list(&mut self) -> Result<Vec<(usize, Value)>, Mistake> {
        self.blanks();
        if !self.rest().starts_with('(') {
            return mistake(
                self.at,
                format!("expected ( and values divided by commas, found {}", self.shown()),
            );
        }
        self.at += 1;
        let mut values = Vec::new();
        loop {
            self.blanks();
            values.push((self.at, self.value()?));
            self.blanks();
            match self.rest().chars().next() {
                Some(',') => self.at += 1,
                Some(')') => {
                    self.at += 1;
                    return Ok(values);
                }
                _ => return mistake(self.at, format!("expected , or ), found {}", self.shown())),
            }
        }
    }

    fn value(&mut self) -> Result<Value, Mistake> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return mistake(self.at, format!("a filter has at most {VALUES_MAX} values"));
        }
        let rest = self.rest();
        if rest.starts_with('"') {
            return Ok(Value::Text(self.string()?));
        }
        let end = rest.find(|c| !is_bare_char(c)).unwrap_or(rest.len());
        let quoted = rest.starts_with(is_quote);
        if end == 0 || quoted {
            let hint = if quoted { "; text stands in double quotes, as in \"text\"" } else { "" };
            return mistake(self.at, format!("expected a value, found {}{hint}", self.shown()));
        }
        self.at += end;
        Ok(Value::bare(&rest[..end]))
    }

    /// A string as in JSON.
    fn string(&mut self) -> Result<String, Mistake> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        loop {
            match bytes.get(end) {
                None => return mistake(start, "this \" has no other to close it"),
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
            }
        }
        self.at = end + 1;
        let quoted = &self.text[start..=end];
        // Blanks of all kinds may stand in a string as they are, although JSON wants them escaped.
        let escaped: String = if quoted.bytes().any(|b| b < 0x20) {
            quoted
                .chars()
                .map(|c| if c < ' ' { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() })
                .collect()
        } else {
            quoted.to_owned()
        };
        match serde_json::from_str(&escaped) {
            Ok(text) => Ok(text),
            Err(_) => {
                let escape = bad_escape(quoted);
                mistake(
                    start + escape,
                    "in quotes, \\ begins one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0000",
                )
            }
        }
    }
}

/// The place of the first escape that JSON does not know, or else of the first at all.
fn bad_escape(quoted: &str) -> usize {
    let mut first = None;
    let mut at = 0;
    while let Some(next) = quoted[at..].find('\\').map(|found| at + found) {
        first = first.or(Some(next));
        match quoted[next + 1..].chars().next() {
            Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u') => at = next + 2,
            _ => return next,
        }
    }
    first.unwrap_or(0)
}
