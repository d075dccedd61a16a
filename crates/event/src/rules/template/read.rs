//! Templates from text: a hand-written descent whose depth is bounded.
//!
//! Invariant: a template that was read mentions only fields of the event and loops around it.

use super::{Expr, Is, Node, Template, TemplateError};
use crate::json::{Kind, Reader};

/// The longest template, in bytes.
pub(super) const TEMPLATE_BYTES_MAX: usize = 16 << 10;

/// How deep blocks and parentheses may be nested; bounds the recursion below.
const NESTING_MAX: usize = 16;

/// The names at the head of a path that mean something outside loops.
const ROOTS: [&str; 25] = [
    "id",
    "time",
    "tenant",
    "source",
    "actor",
    "on_behalf_of",
    "client",
    "action",
    "action_code",
    "action_type",
    "action_label",
    "object_type",
    "object_label",
    "occurrences",
    "outcome",
    "target",
    "targets",
    "related",
    "severity",
    "parameters",
    "changes",
    "data",
    "session_id",
    "request_id",
    "trace_id",
];

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`] names the first place where it goes wrong.
    pub(crate) fn new(text: &str) -> Result<Self, TemplateError> {
        if text.len() > TEMPLATE_BYTES_MAX {
            let message = format!("expected at most {TEMPLATE_BYTES_MAX} bytes, got {}", text.len());
            return Err(TemplateError { at: TEMPLATE_BYTES_MAX, message });
        }
        let mut source = Source { text, at: 0, scope: Vec::new() };
        let (nodes, end) = source.nodes(0)?;
        match end {
            None => Ok(Self { nodes }),
            Some((word, at)) => {
                Err(TemplateError { at, message: format!("{{% {word} %}} without its beginning") })
            }
        }
    }
}

struct Source<'t> {
    text: &'t str,
    at: usize,
    /// Names of the loops around.
    scope: Vec<String>,
}

/// The word that ended a block, and where its tag began.
type End = Option<(&'static str, usize)>;

impl<'t> Source<'t> {
    fn error<T>(&self, message: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError { at: self.at.min(self.text.len()), message: message.into() })
    }

    fn nodes(&mut self, depth: usize) -> Result<(Vec<Node>, End), TemplateError> {
        if depth > NESTING_MAX {
            return self.error(format!("expected at most {NESTING_MAX} nested blocks"));
        }
        let mut nodes = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            let open = rest.match_indices('{').find(|(at, _)| rest[at + 1..].starts_with(['{', '%']));
            let Some((mut open, _)) = open else {
                push_text(&mut nodes, rest);
                self.at = self.text.len();
                return Ok((nodes, None));
            };
            // Of a run of braces the last two open the tag, so that a value can stand in braces: {{{ x }}}.
            while rest[open + 1..].starts_with("{{") {
                open += 1;
            }
            // `{{%` is a brace before a block, not a value that begins with %.
            if rest[open..].starts_with("{{%") {
                open += 1;
            }
            push_text(&mut nodes, &rest[..open]);
            let tag_at = self.at + open;
            let is_value = rest[open + 1..].starts_with('{');
            self.at = tag_at + 2;
            if is_value {
                nodes.push(Node::Value(self.expr(0)?));
                self.close("}}")?;
                continue;
            }
            match self.word() {
                "if" => nodes.push(self.if_block(depth)?),
                "for" => nodes.push(self.for_block(depth)?),
                word => {
                    let known = ["elif", "else", "between", "end"].into_iter().find(|known| *known == word);
                    let Some(word) = known else {
                        return self.error("expected if, elif, else, for, between or end after {%");
                    };
                    if word != "elif" {
                        self.close("%}")?;
                    }
                    return Ok((nodes, Some((word, tag_at))));
                }
            }
        }
    }

    fn if_block(&mut self, depth: usize) -> Result<Node, TemplateError> {
        let mut arms = Vec::new();
        loop {
            let condition = self.expr(0)?;
            self.close("%}")?;
            let (body, end) = self.nodes(depth + 1)?;
            arms.push((condition, body));
            match end {
                Some(("elif", _)) => {}
                Some(("else", _)) => {
                    let (or_else, end) = self.nodes(depth + 1)?;
                    self.expect_end(end)?;
                    return Ok(Node::If { arms, or_else });
                }
                end => {
                    self.expect_end(end)?;
                    return Ok(Node::If { arms, or_else: Vec::new() });
                }
            }
        }
    }

    fn for_block(&mut self, depth: usize) -> Result<Node, TemplateError> {
        let name = self.word().to_owned();
        if name.is_empty()
            || ROOTS.contains(&name.as_str())
            || is_reserved(&name)
            || self.scope.contains(&name)
        {
            return self.error("expected a name for the loop that means nothing else here");
        }
        if self.word() != "in" {
            return self.error("expected in");
        }
        let list = self.expr(0)?;
        self.close("%}")?;
        self.scope.push(name.clone());
        let (body, end) = self.nodes(depth + 1)?;
        let (between, end) = match end {
            Some(("between", _)) => self.nodes(depth + 1)?,
            end => (Vec::new(), end),
        };
        self.scope.pop();
        self.expect_end(end)?;
        Ok(Node::For { name, list, body, between })
    }

    fn expect_end(&self, end: End) -> Result<(), TemplateError> {
        match end {
            Some(("end", _)) => Ok(()),
            Some((word, at)) => {
                Err(TemplateError { at, message: format!("expected {{% end %}}, got {word}") })
            }
            None => self.error("expected {% end %}"),
        }
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn close(&mut self, tag: &'static str) -> Result<(), TemplateError> {
        self.skip_space();
        if !self.text[self.at..].starts_with(tag) {
            return self.error(format!("expected {tag}"));
        }
        self.at += tag.len();
        Ok(())
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip_space();
        let taken = self.text[self.at..].starts_with(sign);
        if taken {
            self.at += sign.len();
        }
        taken
    }

    /// Takes the name that comes next, or nothing.
    fn word(&mut self) -> &'t str {
        self.skip_space();
        let rest = &self.text[self.at..];
        let len = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    fn take_word(&mut self, expected: &str) -> bool {
        let before = self.at;
        let taken = self.word() == expected;
        if !taken {
            self.at = before;
        }
        taken
    }

    fn expr(&mut self, depth: usize) -> Result<Expr, TemplateError> {
        if depth > NESTING_MAX {
            return self.error(format!("expected at most {NESTING_MAX} nested parentheses"));
        }
        let mut left = self.and(depth)?;
        while self.take_word("or") {
            left = Expr::Or(Box::new(left), Box::new(self.and(depth)?));
        }
        Ok(left)
    }

    fn and(&mut self, depth: usize) -> Result<Expr, TemplateError> {
        let mut left = self.not(depth)?;
        while self.take_word("and") {
            left = Expr::And(Box::new(left), Box::new(self.not(depth)?));
        }
        Ok(left)
    }

    fn not(&mut self, depth: usize) -> Result<Expr, TemplateError> {
        if self.take_word("not") {
            // `not not x` is one `not` deeper each, so that it is bounded too.
            if depth > NESTING_MAX {
                return self.error(format!("expected at most {NESTING_MAX} nested parentheses"));
            }
            return Ok(Expr::Not(Box::new(self.not(depth + 1)?)));
        }
        let left = self.operand(depth)?;
        if self.take("==") {
            return Ok(Expr::Same(Box::new(left), Box::new(self.operand(depth)?)));
        }
        if self.take("!=") {
            let same = Expr::Same(Box::new(left), Box::new(self.operand(depth)?));
            return Ok(Expr::Not(Box::new(same)));
        }
        if self.take_word("is") {
            let not = self.take_word("not");
            let is = match self.word() {
                "missing" => Is::Missing,
                "text" => Is::Of(Kind::String),
                "number" => Is::Of(Kind::Number),
                "bool" => Is::Of(Kind::Bool),
                "null" => Is::Of(Kind::Null),
                "list" => Is::Of(Kind::Array),
                "object" => Is::Of(Kind::Object),
                _ => {
                    return self.error("expected missing, text, number, bool, null, list or object after is");
                }
            };
            let is = Expr::Is(Box::new(left), is);
            return Ok(if not { Expr::Not(Box::new(is)) } else { is });
        }
        Ok(left)
    }

    fn operand(&mut self, depth: usize) -> Result<Expr, TemplateError> {
        if self.take("(") {
            let inside = self.expr(depth + 1)?;
            return self.close_parenthesis(inside);
        }
        if let Some(literal) = self.literal()? {
            return Ok(Expr::Literal(literal));
        }
        let at = self.at;
        let name = self.word().to_owned();
        if (name == "yes_no" || name == "json") && self.take("(") {
            let inside = Box::new(self.expr(depth + 1)?);
            let call = if name == "json" { Expr::Json(inside) } else { Expr::YesNo(inside) };
            return self.close_parenthesis(call);
        }
        if !ROOTS.contains(&name.as_str()) && !self.scope.contains(&name) {
            self.at = at;
            return self.error("expected a field of the event, a loop's name, or a text in double quotes");
        }
        let mut path = Vec::new();
        while self.text[self.at..].starts_with('.') {
            self.at += 1;
            let step = match self.literal()? {
                Some(literal) => literal,
                None => self.word().to_owned(),
            };
            if step.is_empty() && !self.text[..self.at].ends_with('"') {
                return self.error("expected a name or a text in double quotes after the dot");
            }
            path.push(step);
        }
        Ok(Expr::Path(name, path))
    }

    fn close_parenthesis(&mut self, expr: Expr) -> Result<Expr, TemplateError> {
        if self.take(")") { Ok(expr) } else { self.error("expected )") }
    }

    /// Takes a text in double quotes, written as in JSON, if one comes next.
    fn literal(&mut self) -> Result<Option<String>, TemplateError> {
        self.skip_space();
        let rest = &self.text[self.at..];
        if !rest.starts_with('"') {
            return Ok(None);
        }
        let mut reader = Reader::new(rest, 0);
        match reader.string() {
            Ok(text) if !text.lone_surrogate => {
                self.at += reader.offset();
                Ok(Some(text.value.into_owned()))
            }
            _ => self.error("expected a text in double quotes, written as in JSON"),
        }
    }
}

fn push_text(nodes: &mut Vec<Node>, text: &str) {
    if !text.is_empty() {
        nodes.push(Node::Text(text.to_owned()));
    }
}

fn is_reserved(name: &str) -> bool {
    ["or", "and", "not", "is", "in", "yes_no", "json"].contains(&name)
}
