//! A mapping's TOML to a [`Mapping`], or every mistake in it with file, line and field.
//!
//! Unknown names are mistakes: a misspelt field would otherwise be a field that is silently empty.

mod read;

use indelible_event::{ActorType, OutcomeResult, Severity};
use toml::de::{DeTable, DeValue};

use super::detect::{Sign, Signs};
use super::expr::{Base, Const, Expr, Segment};
use super::grammar::{self, Mistake};
use super::program::{
    ActorRule, ChangeRule, ClientRule, Fields, OccurrencesRule, OutcomeRule, ParameterRule, Program,
    RelatedRule, SourceRule, TargetRule,
};
use super::table::Table;
use super::unread::{Ignored, IgnoredPart};
use super::{Form, Mapping, MappingErrors, Shape};
use read::{Compiler, Section};

type Spanned<T> = toml::Spanned<T>;

/// The highest version: more than anybody writes, and none that no other can follow by a slip of the pen.
const VERSION_MAX: u32 = 1_000_000;

/// Reads the text of a mapping; `file` is what messages call it.
pub(super) fn compile(file: &str, text: &str) -> Result<Mapping, MappingErrors> {
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let mut compiler = Compiler::new(file, text);
            compiler.mistake(error.span().unwrap_or(0..0), "", error.message().to_owned());
            return Err(MappingErrors(compiler.into_mistakes()));
        }
    };
    let mut compiler = Compiler::new(file, text);
    let mapping = compiler.mapping(&table);
    if compiler.errors.is_empty() {
        return Ok(mapping);
    }
    Err(MappingErrors(compiler.into_mistakes()))
}

impl<'t> Compiler<'t> {
    fn mapping(&mut self, root: &'t DeTable<'t>) -> Mapping {
        let mut top = Section::new("", root);
        let name = self.plain(&mut top, "name").unwrap_or_default();
        let name_fits = |name: &str| {
            (1..=64).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        if !name_fits(&name) {
            let span = top.get("name").map_or(0..0, Spanned::span);
            self.mistake(span, "name", "expected a name of a-z, 0-9 and -, at most 64 characters".to_owned());
        }
        let version = self.version(&mut top);
        let title = self.plain(&mut top, "title").unwrap_or_else(|| name.clone());
        let about = self.plain(&mut top, "about").unwrap_or_default();
        let mut wrappers = Vec::new();
        let mut form = Form::Json;
        if let Some(mut input) = self.section(&mut top, "input") {
            wrappers = self.plain_list(&mut input, "wrappers");
            form = match self.plain(&mut input, "form").as_deref() {
                None | Some("json") => Form::Json,
                Some("text") => Form::Text,
                Some(_) => {
                    let span = input.get("form").map_or(0..0, Spanned::span);
                    self.mistake(span, "input.form", "expected \"json\" or \"text\"".to_owned());
                    Form::Json
                }
            };
            self.done(&input);
        }
        let shape = match self.plain(&mut top, "shape").as_deref() {
            Some("api") => Shape::Api,
            None => Shape::Mapped(Box::new(self.program(&mut top))),
            Some(_) => {
                let span = top.get("shape").map_or(0..0, Spanned::span);
                self.mistake(span, "shape", "expected \"api\", or no shape at all".to_owned());
                Shape::Api
            }
        };
        let signs = self.section(&mut top, "detect").map(|detect| self.signs(detect));
        self.done(&top);
        let text = self.text.to_owned();
        Mapping { name, version, title, about, wrappers, form, signs, shape, text }
    }

    fn signs(&mut self, mut detect: Section<'t>) -> Signs {
        let mut signs = Signs { needs: Vec::new(), base: Signs::BASE, evidence: Vec::new() };
        if let Some(value) = detect.get("needs") {
            for (text, span) in self.texts_of("detect.needs", value) {
                if let Some(expr) = self.read("detect.needs", &text, span) {
                    signs.needs.push(Sign { text, expr, weight: 0.0 });
                }
            }
        }
        if signs.needs.is_empty() {
            let span = detect.members.first().map_or(0..0, |(_, span, _)| span.clone());
            self.mistake(span, "detect.needs", "expected at least one condition".to_owned());
        }
        if let Some(value) = detect.get("base") {
            signs.base = self.weight("detect.base", value, 0.0);
        }
        if let Some(evidence) = self.section(&mut detect, "evidence") {
            for (text, span, value) in &evidence.members {
                let weight = self.weight("detect.evidence", value, -1.0);
                if let Some(expr) = self.read("detect.evidence", text, span.clone()) {
                    signs.evidence.push(Sign { text: (*text).to_owned(), expr, weight });
                }
            }
        }
        self.done(&detect);
        signs
    }

    /// A number from `least` to 1.
    fn weight(&mut self, field: &str, value: &'t Spanned<DeValue<'t>>, least: f64) -> f64 {
        let number = match value.get_ref() {
            DeValue::Integer(number) => number.to_string().parse::<f64>().ok(),
            DeValue::Float(number) => number.to_string().parse::<f64>().ok(),
            _ => None,
        };
        number.filter(|number| (least..=1.0).contains(number)).unwrap_or_else(|| {
            self.mistake(value.span(), field, format!("expected a number from {least} to 1"));
            0.0
        })
    }

    fn version(&mut self, top: &mut Section<'t>) -> u32 {
        let value = top.get("version");
        let number = match value.map(Spanned::get_ref) {
            Some(DeValue::Integer(number)) => number.to_string().parse::<u32>().ok(),
            _ => None,
        };
        match number {
            Some(number) if (1..=VERSION_MAX).contains(&number) => number,
            _ => {
                let span = value.map_or(0..0, Spanned::span);
                self.mistake(span, "version", format!("expected a whole number from 1 to {VERSION_MAX}"));
                1
            }
        }
    }

    fn program(&mut self, top: &mut Section<'t>) -> Program {
        let mut program = Program::default();
        if let Some(tables) = self.section(top, "tables") {
            for (name, _, value) in &tables.members {
                let table = self.table(&tables.path(name), value);
                self.tables.push((*name).to_owned());
                program.tables.push(table);
            }
        }
        if let Some(lets) = self.section(top, "let") {
            for (name, span, value) in &lets.members {
                if !name.chars().all(grammar::is_key_char) {
                    self.mistake(
                        span.clone(),
                        &lets.path(name),
                        "expected letters, digits, _ and -".to_owned(),
                    );
                }
                let expr = self.expr_of(&lets.path(name), value).unwrap_or(Expr::Const(Const::Null));
                self.lets.push((*name).to_owned());
                program.lets.push(expr);
            }
        }
        if let Some(value) = top.get("ignore") {
            for (text, span) in self.texts_of("ignore", value) {
                match ignored(&text) {
                    Ok(path) => program.ignored.push(path),
                    Err(mistake) => self.in_text(span, "ignore", mistake),
                }
            }
        }
        match self.section(top, "event") {
            Some(event) => self.event(event, &mut program),
            None => self.mistake(0..0, "event", "the mapping has no [event]".to_owned()),
        }
        program.places = self.places.clone();
        program
    }

    fn event(&mut self, mut event: Section<'t>, program: &mut Program) {
        let e = &mut event;
        program.fields = Fields {
            id: self.expr(e, "id"),
            time: self.expr(e, "time"),
            tenant: self.expr(e, "tenant"),
            action: self.expr(e, "action"),
            action_code: self.expr(e, "action_code"),
            action_type: self.expr(e, "action_type"),
            severity: self.named(e, "severity", &program.tables, &|name| {
                Severity::from_name_without_case(name).is_some() || matches!(name, "1" | "2" | "3" | "4")
            }),
            details: self.expr(e, "details"),
            session_id: self.expr(e, "session_id"),
            request_id: self.expr(e, "request_id"),
            trace_id: self.expr(e, "trace_id"),
        };
        if e.get("action").is_none() {
            self.mistake(0..0, "event.action", "the mapping gives no action".to_owned());
        }
        if let Some(mut source) = self.section(e, "source") {
            let s = &mut source;
            program.source = SourceRule {
                application: self.expr(s, "application"),
                component: self.expr(s, "component"),
                node: self.expr(s, "node"),
                data_source: self.expr(s, "data_source"),
                version: self.expr(s, "version"),
            };
            self.done(&source);
        }
        program.actors = self.actors(e, "actor", &program.tables);
        program.on_behalf_of = self.actors(e, "on_behalf_of", &program.tables);
        if let Some(mut client) = self.section(e, "client") {
            let c = &mut client;
            program.client = ClientRule {
                address: self.exprs(c, "address"),
                chain: self.exprs(c, "chain"),
                port: self.expr(c, "port"),
                host: self.expr(c, "host"),
                user_agent: self.expr(c, "user_agent"),
                channel: self.expr(c, "channel"),
            };
            self.done(&client);
        }
        if let Some(mut outcome) = self.section(e, "outcome") {
            let o = &mut outcome;
            program.outcome = OutcomeRule {
                result: self
                    .named(o, "result", &program.tables, &|name| OutcomeResult::from_name(name).is_some()),
                reason: self.expr(o, "reason"),
                code: self.expr(o, "code"),
            };
            self.done(&outcome);
        }
        if let Some(mut occurrences) = self.section(e, "occurrences") {
            let o = &mut occurrences;
            program.occurrences = OccurrencesRule {
                count: self.expr(o, "count"),
                first: self.expr(o, "first"),
                last: self.expr(o, "last"),
            };
            self.done(&occurrences);
        }
        for mut target in self.sections(e, "targets") {
            let t = &mut target;
            program.targets.push(TargetRule {
                each: self.expr(t, "each"),
                when: self.expr(t, "when"),
                primary: self.expr(t, "primary"),
                kind: self.expr(t, "type"),
                id: self.expr(t, "id"),
                aliases: self.exprs(t, "aliases"),
                username: self.expr(t, "username"),
                name: self.expr(t, "name"),
                tenant: self.expr(t, "tenant"),
                groups: self.exprs(t, "groups"),
                roles: self.exprs(t, "roles"),
            });
            self.done(&target);
        }
        for mut related in self.sections(e, "related") {
            let r = &mut related;
            program.related.push(RelatedRule {
                each: self.expr(r, "each"),
                when: self.expr(r, "when"),
                kind: self.expr(r, "type"),
                id: self.expr(r, "id"),
            });
            self.done(&related);
        }
        if let Some(parameters) = self.section(e, "parameters") {
            for (name, _, value) in &parameters.members {
                let field = parameters.path(name);
                if *name == "*" {
                    program
                        .parameters
                        .extend(self.exprs_of(&field, value).into_iter().map(ParameterRule::Spread));
                } else if let Some(expr) = self.expr_of(&field, value) {
                    program.parameters.push(ParameterRule::Named((*name).to_owned(), expr));
                }
            }
        }
        for mut change in self.sections(e, "changes") {
            program.changes.extend(self.change(&mut change));
            self.done(&change);
        }
        self.done(e);
    }

    fn actors(&mut self, event: &mut Section<'t>, name: &'static str, tables: &[Table]) -> Vec<ActorRule> {
        let mut rules = Vec::new();
        for mut actor in self.sections(event, name) {
            let a = &mut actor;
            rules.push(ActorRule {
                when: self.expr(a, "when"),
                kind: self.named(a, "type", tables, &|name| ActorType::from_name(name).is_some()),
                id: self.expr(a, "id"),
                aliases: self.exprs(a, "aliases"),
                username: self.expr(a, "username"),
                first_name: self.expr(a, "first_name"),
                last_name: self.expr(a, "last_name"),
                tenant: self.expr(a, "tenant"),
                groups: self.exprs(a, "groups"),
                roles: self.exprs(a, "roles"),
            });
            self.done(&actor);
        }
        rules
    }

    fn change(&mut self, change: &mut Section<'t>) -> Option<ChangeRule> {
        let when = self.expr(change, "when");
        let (before, after) = (self.expr(change, "before"), self.expr(change, "after"));
        let each = self.expr(change, "each");
        let (field, old, new) =
            (self.expr(change, "field"), self.expr(change, "old"), self.expr(change, "new"));
        let whole = before.is_some() || after.is_some();
        let fielded = field.is_some() || old.is_some() || new.is_some();
        match field {
            _ if whole && !fielded => Some(ChangeRule::Objects { each, when, before, after }),
            Some(field) if !whole => Some(ChangeRule::Field { each, when, field, old, new }),
            _ => {
                let span = change.members.first().map_or(0..0, |(_, span, _)| span.clone());
                let message = "a change has either field (with old, new) or before and after".to_owned();
                self.mistake(span, &change.field, message);
                None
            }
        }
    }

    fn table(&mut self, field: &str, value: &'t Spanned<DeValue<'t>>) -> Table {
        let mut table = Table::default();
        let DeValue::Table(rows) = value.get_ref() else {
            self.mistake(value.span(), field, "expected a table such as { a = \"b\" }".to_owned());
            return table;
        };
        let rows = Section::new(field, rows);
        for (key, _, value) in &rows.members {
            let constant = match value.get_ref() {
                DeValue::String(text) => Const::Text(text.clone().into_owned()),
                DeValue::Integer(number) => Const::Number(number.to_string()),
                DeValue::Boolean(value) => Const::Bool(*value),
                _ => {
                    self.mistake(
                        value.span(),
                        &rows.path(key),
                        "expected a text, a whole number or true or false".to_owned(),
                    );
                    continue;
                }
            };
            match *key {
                "*" => table.default = Some(constant),
                key => table.rows.push((key.to_owned(), constant)),
            }
        }
        table
    }
}

fn ignored(text: &str) -> Result<Ignored, Mistake> {
    let path = grammar::parse_path(text)?;
    let mut parts = Vec::new();
    if path.base != Base::Here {
        return Err(Mistake { at: 0, message: "expected a path from the record, without $".to_owned() });
    }
    for segment in path.segments {
        parts.push(match segment {
            Segment::Key(key) => IgnoredPart::Key(key),
            Segment::All => IgnoredPart::Elements,
            Segment::At(_) | Segment::Where(..) => {
                return Err(Mistake { at: 0, message: "expected [] for the elements of a list".to_owned() });
            }
        });
    }
    Ok(Ignored(parts))
}
