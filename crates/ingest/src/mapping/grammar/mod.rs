//! Reads expressions of the mapping language.
//!
//! ```text
//! expr   = and { "or" and }        and = not { "and" not }        not = "not" not | test
//! test   = first [ ("==" | "!=") first | "in" "(" first { "," first } ")" ]
//! first  = piped { "??" piped }    piped = value { "|" step }
//! value  = "if" expr "then" expr [ "else" expr ] | "(" expr ")" | function "(" [ expr { "," expr } ] ")"
//!        | 'text {expr}' | number | "true" | "false" | "null" | path
//! path   = ( "@" | "$" | "$"name | key ) { "." key | "[" [ int | name "=" 'text' ] "]" }
//! step   = name { 'text' | int | name }
//! ```
//! A key is letters, digits, `_`, `-`, `@`, `:`; any other goes in backquotes. In a text, `''` is a quote, `{{`
//! and `}}` are braces.

mod steps;

use std::ops::Range;

use super::expr::{Base, Const, Expr, Function, Path, Piece, Segment};

/// What names an expression may use.
#[derive(Clone, Copy)]
pub(crate) struct Names<'n> {
    /// Paths of the mapping so far.
    pub(crate) places: usize,
    pub(crate) lets: &'n [String],
    pub(crate) tables: &'n [String],
}

/// Why an expression can't be read, and at which byte of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// Deep enough for every honest mapping, shallow enough for the stack.
const DEPTH_MAX: usize = 64;

/// The most `and`, `or` and steps of one expression: each nests what stands before it. Long choices are `in (...)`.
const LINKS_MAX: usize = 256;

/// The most names and brackets of one path.
const SEGMENTS_MAX: usize = 64;

/// Reads one whole expression; also returns where its paths stand, in the order of their numbers.
pub(crate) fn parse(text: &str, names: Names<'_>) -> Result<(Expr, Vec<Range<usize>>), Mistake> {
    let mut parser = Parser { text, at: 0, names, depth: 0, links: 0, starred: false, paths: Vec::new() };
    let expr = parser.expr()?;
    parser.space();
    match parser.at < text.len() {
        true => Err(parser.mistake("nothing more, or an operator")),
        false => Ok((expr, parser.paths)),
    }
}

/// Reads a bare path, as `ignore` holds them; a name in it may end in `*`.
pub(crate) fn parse_path(text: &str) -> Result<Path, Mistake> {
    let mut parser = Parser {
        text,
        at: 0,
        names: Names { places: 0, lets: &[], tables: &[] },
        depth: 0,
        links: 0,
        starred: true,
        paths: Vec::new(),
    };
    let path = parser.path()?;
    parser.space();
    if parser.at < text.len() { Err(parser.mistake("a path and nothing more")) } else { Ok(path) }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    names: Names<'t>,
    depth: usize,
    links: usize,
    /// Whether `*` is a part of names.
    starred: bool,
    /// Where paths stand.
    paths: Vec<Range<usize>>,
}

impl<'t> Parser<'t> {
    fn expr(&mut self) -> Result<Expr, Mistake> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Mistake { at: self.at, message: "the expression is nested too deeply".to_owned() });
        }
        let expr = self.or();
        self.depth -= 1;
        expr
    }

    /// One more that nests what stands before it.
    fn link(&mut self) -> Result<(), Mistake> {
        self.links += 1;
        if self.links > LINKS_MAX {
            let message =
                format!("the expression has over {LINKS_MAX} steps, `and` and `or`; `[let]` can part it");
            return Err(Mistake { at: self.at, message });
        }
        Ok(())
    }

    /// After `if`; takes as much as it can.
    fn conditional(&mut self) -> Result<Expr, Mistake> {
        let condition = self.expr()?;
        if !self.word("then") {
            return Err(self.mistake("`then`"));
        }
        let yes = self.expr()?;
        let no = if self.word("else") { Some(Box::new(self.expr()?)) } else { None };
        Ok(Expr::If(Box::new(condition), Box::new(yes), no))
    }

    fn or(&mut self) -> Result<Expr, Mistake> {
        let mut left = self.and()?;
        while self.word("or") {
            self.link()?;
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, Mistake> {
        let mut left = self.not()?;
        while self.word("and") {
            self.link()?;
            left = Expr::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr, Mistake> {
        let mut negated = false;
        while self.word("not") {
            negated = !negated;
        }
        let test = self.test()?;
        Ok(if negated { Expr::Not(Box::new(test)) } else { test })
    }

    fn test(&mut self) -> Result<Expr, Mistake> {
        let left = self.first()?;
        if self.symbol("==") {
            return Ok(Expr::Equal(Box::new(left), Box::new(self.first()?), false));
        }
        if self.symbol("!=") {
            return Ok(Expr::Equal(Box::new(left), Box::new(self.first()?), true));
        }
        if self.word("in") {
            if !self.symbol("(") {
                return Err(self.mistake("`(`"));
            }
            return Ok(Expr::In(Box::new(left), self.arguments(Self::first)?));
        }
        Ok(left)
    }

    fn first(&mut self) -> Result<Expr, Mistake> {
        let mut choices = vec![self.piped()?];
        while self.symbol("??") {
            choices.push(self.piped()?);
        }
        Ok(if choices.len() == 1 { choices.remove(0) } else { Expr::First(choices) })
    }

    fn piped(&mut self) -> Result<Expr, Mistake> {
        let mut value = self.value()?;
        while self.symbol("|") {
            self.link()?;
            value = Expr::Step(Box::new(value), self.step()?);
        }
        Ok(value)
    }

    fn value(&mut self) -> Result<Expr, Mistake> {
        self.space();
        if self.symbol("(") {
            let inner = self.expr()?;
            return if self.symbol(")") { Ok(inner) } else { Err(self.mistake("`)`")) };
        }
        match self.peek() {
            Some('\'') => return self.template(),
            Some(c) if c.is_ascii_digit() || c == '-' => {
                if let Some(number) = self.number() {
                    return Ok(Expr::Const(Const::Number(number)));
                }
            }
            _ => {}
        }
        if self.word("if") {
            return self.conditional();
        }
        for (word, value) in
            [("true", Const::Bool(true)), ("false", Const::Bool(false)), ("null", Const::Null)]
        {
            if self.word(word) {
                return Ok(Expr::Const(value));
            }
        }
        let start = self.at;
        let name = self.key_text();
        if !name.is_empty() && self.symbol("(") {
            let function = match name {
                "hash" => Function::Hash,
                "list" => Function::List,
                "merge" => Function::Merge,
                _ => {
                    return Err(Mistake {
                        at: start,
                        message: format!("no function is called `{name}`; there are hash, list, merge"),
                    });
                }
            };
            return Ok(Expr::Call(function, self.arguments(Self::expr)?));
        }
        self.at = start;
        if ["if", "then", "else", "and", "or", "not", "in"].contains(&name) {
            return Err(Mistake {
                at: start,
                message: format!(
                    "`{name}` is a word of the language; a field of that name goes in backquotes"
                ),
            });
        }
        self.path().map(Expr::Path)
    }

    fn arguments(&mut self, one: fn(&mut Self) -> Result<Expr, Mistake>) -> Result<Vec<Expr>, Mistake> {
        let mut arguments = Vec::new();
        if self.symbol(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(one(self)?);
            if self.symbol(")") {
                return Ok(arguments);
            }
            if !self.symbol(",") {
                return Err(self.mistake("`,` or `)`"));
            }
        }
    }

    fn template(&mut self) -> Result<Expr, Mistake> {
        let start = self.at;
        self.at += 1;
        let mut pieces = Vec::new();
        let mut text = String::new();
        loop {
            let Some(c) = self.peek() else {
                return Err(Mistake { at: start, message: "the text has no closing quote".to_owned() });
            };
            let rest = &self.text[self.at..];
            if rest.starts_with("''") || rest.starts_with("{{") || rest.starts_with("}}") {
                text.push(c);
                self.at += 2;
                continue;
            }
            self.at += c.len_utf8();
            match c {
                '\'' => break,
                '{' => {
                    if !text.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                    }
                    let value = self.expr()?;
                    let optional = self.symbol("?");
                    if !self.symbol("}") {
                        return Err(self.mistake("`}`"));
                    }
                    pieces.push(Piece::Value(value, optional));
                }
                '}' => {
                    return Err(Mistake {
                        at: self.at - 1,
                        message: "a brace in a text is written `}}`".to_owned(),
                    });
                }
                c => text.push(c),
            }
        }
        if pieces.is_empty() {
            return Ok(Expr::Const(Const::Text(text)));
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Expr::Template(pieces))
    }

    fn path(&mut self) -> Result<Path, Mistake> {
        self.space();
        let path_start = self.at;
        let mut segments = Vec::new();
        let base = match self.peek() {
            Some('$') => {
                self.at += 1;
                let start = self.at;
                match self.key_text() {
                    "" => Base::Record,
                    name => match self.names.lets.iter().position(|known| known == name) {
                        Some(place) => Base::Let(place),
                        None => {
                            return Err(Mistake {
                                at: start,
                                message: format!("[let] has no `{name}` above"),
                            });
                        }
                    },
                }
            }
            Some('@') if self.text[self.at..].chars().nth(1).is_none_or(|c| !is_key_char(c)) => {
                self.at += 1;
                Base::Here
            }
            Some('[') => Base::Here,
            _ => {
                segments.push(Segment::Key(self.key()?));
                Base::Here
            }
        };
        loop {
            if segments.len() > SEGMENTS_MAX {
                let message = format!("the path has over {SEGMENTS_MAX} names");
                return Err(Mistake { at: self.at, message });
            }
            match self.peek() {
                Some('.') => {
                    self.at += 1;
                    segments.push(Segment::Key(self.key()?));
                }
                Some('[') => {
                    self.at += 1;
                    segments.push(self.bracket()?);
                }
                _ => {
                    let place = self.names.places + self.paths.len();
                    self.paths.push(path_start..self.at);
                    return Ok(Path { place, base, segments });
                }
            }
        }
    }

    fn bracket(&mut self) -> Result<Segment, Mistake> {
        self.space();
        let segment = match self.peek() {
            Some(']') => Segment::All,
            Some(c) if c.is_ascii_digit() || c == '-' => Segment::At(self.int()?),
            _ => {
                let name = self.key()?;
                if !self.symbol("=") {
                    return Err(self.mistake("`=`"));
                }
                Segment::Where(name, self.plain_text()?)
            }
        };
        if self.symbol("]") { Ok(segment) } else { Err(self.mistake("`]`")) }
    }

    fn key(&mut self) -> Result<String, Mistake> {
        if self.peek() == Some('`') {
            let start = self.at + 1;
            let Some(len) = self.text[start..].find('`') else {
                return Err(Mistake { at: self.at, message: "the name has no closing backquote".to_owned() });
            };
            self.at = start + len + 1;
            return Ok(self.text[start..start + len].to_owned());
        }
        match self.key_text() {
            "" => Err(self.mistake("a field name, a 'text' or a number")),
            key => Ok(key.to_owned()),
        }
    }

    fn int(&mut self) -> Result<i64, Mistake> {
        let start = self.at;
        let number = self.number().unwrap_or_default();
        number.parse().map_err(|_| Mistake { at: start, message: "expected a whole number".to_owned() })
    }

    /// A number, unless the digits begin a key such as `2fa_enabled`.
    fn number(&mut self) -> Option<String> {
        let start = self.at;
        let rest = &self.text[start..];
        let len = rest.find(|c: char| !(is_key_char(c) || c == '.')).unwrap_or(rest.len());
        let text = &rest[..len];
        let number = serde_json::from_str::<serde_json::Number>(text).ok().map(|_| text.to_owned());
        if number.is_some() {
            self.at += len;
        }
        number
    }

    fn key_text(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let len = rest.find(|c| !(is_key_char(c) || self.starred && c == '*')).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// Takes a word of the language, if it stands here and is not the beginning of a longer name.
    fn word(&mut self, word: &str) -> bool {
        self.space();
        let rest = &self.text[self.at..];
        let after = rest.strip_prefix(word).map(|rest| rest.chars().next());
        let found =
            matches!(after, Some(next) if next.is_none_or(|c| !is_key_char(c) && c != '.' && c != '['));
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        self.space();
        let rest = &self.text[self.at..];
        // A single `?` or `=` is not the beginning of `??` or `==`.
        let found = rest.starts_with(symbol) && !(symbol == "?" && rest.starts_with("??"));
        self.at += if found { symbol.len() } else { 0 };
        found
    }

    fn space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn mistake(&self, expected: &str) -> Mistake {
        let found = match self.peek() {
            Some(c) if c.is_control() => format!("`{}`", c.escape_default()),
            Some(c) => format!("`{c}`"),
            None => "the end".to_owned(),
        };
        Mistake { at: self.at, message: format!("expected {expected}, found {found}") }
    }
}

pub(crate) fn is_key_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | ':')
}
