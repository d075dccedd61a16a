//! The parts of a mapping's file as what they should be: texts, tables, expressions; else a mistake with its place.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use indelible_event::nearest_name;
use toml::de::{DeTable, DeValue};

use super::super::MappingError;
use super::super::expr::{Const, Expr, Piece, Step};
use super::super::grammar::{self, Mistake, Names};
use super::super::lines::Lines;
use super::super::table::Table;
use super::super::trace::Place;
use super::Spanned;

/// Reads a mapping's file and collects its mistakes.
pub(super) struct Compiler<'t> {
    pub(super) file: &'t str,
    pub(super) text: &'t str,
    lines: Lines<'t>,
    /// At most [`MISTAKES_MAX`].
    pub(super) errors: Vec<MappingError>,
    /// Mistakes beside them.
    untold: usize,
    /// Names of `[let]` that may be used so far.
    pub(super) lets: Vec<String>,
    pub(super) tables: Vec<String>,
    /// Where the mapping's paths stand.
    pub(super) places: Vec<Place>,
    /// The fields that have names of the API, with the tables that were checked for them.
    checked: BTreeSet<(&'static str, usize)>,
}

/// Mistakes that are told; a file of 1 MiB has room for half a million.
pub(super) const MISTAKES_MAX: usize = 100;

/// A table of the file, its members in the file's order.
pub(super) struct Section<'t> {
    /// Where it stands, such as `event.actor`.
    pub(super) field: String,
    pub(super) members: Vec<(&'t str, Range<usize>, &'t Spanned<DeValue<'t>>)>,
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    pub(super) fn new(field: &str, table: &'t DeTable<'t>) -> Self {
        let mut members: Vec<_> =
            table.iter().map(|(key, value)| (&**key.get_ref(), key.span(), value)).collect();
        members.sort_by_key(|(_, span, _)| span.start);
        Self { field: field.to_owned(), members, known: Vec::new() }
    }

    pub(super) fn get(&mut self, name: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.members.iter().find(|(key, ..)| *key == name).map(|(_, _, value)| *value)
    }

    pub(super) fn path(&self, name: &str) -> String {
        if self.field.is_empty() { name.to_owned() } else { format!("{}.{name}", self.field) }
    }
}

impl<'t> Compiler<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self {
            file,
            text,
            lines: Lines::of(text),
            errors: Vec::new(),
            untold: 0,
            lets: Vec::new(),
            tables: Vec::new(),
            places: Vec::new(),
            checked: BTreeSet::new(),
        }
    }

    pub(super) fn section(&mut self, parent: &mut Section<'t>, name: &'static str) -> Option<Section<'t>> {
        let value = parent.get(name)?;
        let field = parent.path(name);
        if let DeValue::Table(table) = value.get_ref() {
            return Some(Section::new(&field, table));
        }
        self.mistake(value.span(), &field, "expected a table".to_owned());
        None
    }

    /// One table, or an array of them.
    pub(super) fn sections(&mut self, parent: &mut Section<'t>, name: &'static str) -> Vec<Section<'t>> {
        let Some(value) = parent.get(name) else { return Vec::new() };
        let field = parent.path(name);
        match value.get_ref() {
            DeValue::Table(table) => vec![Section::new(&field, table)],
            DeValue::Array(values) => {
                let mut sections = Vec::new();
                for (at, value) in values.iter().enumerate() {
                    let field = format!("{field}[{at}]");
                    match value.get_ref() {
                        DeValue::Table(table) => sections.push(Section::new(&field, table)),
                        _ => self.mistake(value.span(), &field, "expected a table".to_owned()),
                    }
                }
                sections
            }
            _ => {
                self.mistake(value.span(), &field, "expected a table or an array of tables".to_owned());
                Vec::new()
            }
        }
    }

    pub(super) fn plain(&mut self, section: &mut Section<'t>, name: &'static str) -> Option<String> {
        let value = section.get(name)?;
        if let DeValue::String(text) = value.get_ref() {
            return Some(text.clone().into_owned());
        }
        self.mistake(value.span(), &section.path(name), "expected a text".to_owned());
        None
    }

    pub(super) fn plain_list(&mut self, section: &mut Section<'t>, name: &'static str) -> Vec<String> {
        let Some(value) = section.get(name) else { return Vec::new() };
        self.texts_of(&section.path(name), value).into_iter().map(|(text, _)| text).collect()
    }

    pub(super) fn texts_of(
        &mut self,
        field: &str,
        value: &'t Spanned<DeValue<'t>>,
    ) -> Vec<(String, Range<usize>)> {
        match value.get_ref() {
            DeValue::String(text) => vec![(text.clone().into_owned(), value.span())],
            DeValue::Array(values) => {
                let mut texts = Vec::new();
                for (at, value) in values.iter().enumerate() {
                    match value.get_ref() {
                        DeValue::String(text) => texts.push((text.clone().into_owned(), value.span())),
                        _ => self.mistake(
                            value.span(),
                            &format!("{field}[{at}]"),
                            "expected a text".to_owned(),
                        ),
                    }
                }
                texts
            }
            _ => {
                self.mistake(value.span(), field, "expected a text or an array of texts".to_owned());
                Vec::new()
            }
        }
    }

    pub(super) fn expr(&mut self, section: &mut Section<'t>, name: &'static str) -> Option<Expr> {
        let value = section.get(name)?;
        self.expr_of(&section.path(name), value)
    }

    /// Several expressions whose values are joined to one list.
    pub(super) fn exprs(&mut self, section: &mut Section<'t>, name: &'static str) -> Vec<Expr> {
        let Some(value) = section.get(name) else { return Vec::new() };
        self.exprs_of(&section.path(name), value)
    }

    pub(super) fn exprs_of(&mut self, field: &str, value: &'t Spanned<DeValue<'t>>) -> Vec<Expr> {
        let texts = self.texts_of(field, value);
        texts.into_iter().filter_map(|(text, span)| self.read(field, &text, span)).collect()
    }

    /// An expression whose constants must be among the names that the API knows.
    pub(super) fn named(
        &mut self,
        section: &mut Section<'t>,
        name: &'static str,
        tables: &[Table],
        known: &dyn Fn(&str) -> bool,
    ) -> Option<Expr> {
        let expr = self.expr(section, name)?;
        let mut unknown = Vec::new();
        let mut judge = |constant: &Const| {
            let (Const::Text(text) | Const::Number(text)) = constant else { return };
            if !known(text) {
                unknown.push(text.clone());
            }
        };
        let mut looked_up = BTreeSet::new();
        constants(&expr, &mut looked_up, &mut judge);
        for place in looked_up {
            // Once: ten thousand actors may all look into a table of ten thousand rows.
            if let Some(table) = tables.get(place).filter(|_| self.checked.insert((name, place))) {
                table.rows.iter().map(|(_, value)| value).chain(&table.default).for_each(&mut judge);
            }
        }
        let span = section.get(name).map_or(0..0, Spanned::span);
        for text in unknown {
            self.mistake(
                span.clone(),
                &section.path(name),
                format!("`{text}` is not a value that this field can have"),
            );
        }
        Some(expr)
    }

    pub(super) fn expr_of(&mut self, field: &str, value: &'t Spanned<DeValue<'t>>) -> Option<Expr> {
        let DeValue::String(text) = value.get_ref() else {
            self.mistake(value.span(), field, "expected an expression in quotes".to_owned());
            return None;
        };
        self.read(field, text, value.span())
    }

    pub(super) fn read(&mut self, field: &str, text: &str, span: Range<usize>) -> Option<Expr> {
        let names = Names { places: self.places.len(), lets: &self.lets, tables: &self.tables };
        match grammar::parse(text, names) {
            Ok((expr, paths)) => {
                // Shared: a parameter may have a long name, and its expression very many paths.
                let field: Arc<str> = field.into();
                for path in paths {
                    let at = self.place_in(&span, path.start);
                    let text = text.get(path).unwrap_or_default().to_owned();
                    self.places.push(Place { at, field: field.clone(), text });
                }
                Some(expr)
            }
            Err(mistake) => {
                self.in_text(span, field, mistake);
                None
            }
        }
    }

    pub(super) fn in_text(&mut self, span: Range<usize>, field: &str, mistake: Mistake) {
        let start = self.place_in(&span, mistake.at);
        self.mistake(start..span.end, field, mistake.message);
    }

    /// The place in the file of byte `at` of the text that `span` quotes: exact where the TOML text has no escapes.
    fn place_in(&self, span: &Range<usize>, at: usize) -> usize {
        let quoted = self.text.get(span.clone()).unwrap_or("");
        let triple = quoted.starts_with("\"\"\"") || quoted.starts_with("'''");
        let quotes = match quoted.as_bytes() {
            // A new line after the opening quotes is no part of the text.
            [_, _, _, b'\n', ..] if triple => 4,
            _ if triple => 3,
            [b'"' | b'\'', ..] => 1,
            _ => 0,
        };
        (span.start + quotes + at).min(span.end)
    }

    /// Complains about every name that nobody asked for.
    pub(super) fn done(&mut self, section: &Section<'t>) {
        for (name, span, _) in &section.members {
            if !section.known.contains(name) {
                let meant = nearest_name(name, section.known.iter().copied());
                let meant = meant.map_or(String::new(), |meant| format!("did you mean `{meant}`? "));
                let message =
                    format!("there is no `{name}` here; {meant}there are {}", section.known.join(", "));
                self.mistake(span.clone(), &section.path(name), message);
            }
        }
    }

    pub(super) fn mistake(&mut self, span: Range<usize>, field: &str, message: String) {
        if self.errors.len() == MISTAKES_MAX {
            self.untold += 1;
            return;
        }
        let (line, column) = self.lines.place(span.start);
        self.errors.push(MappingError {
            file: self.file.to_owned(),
            line,
            column,
            field: field.to_owned(),
            message,
        });
    }

    /// The mistakes, in the order of the file.
    pub(super) fn into_mistakes(mut self) -> Vec<MappingError> {
        self.errors.sort_by_key(|error| (error.line, error.column));
        if let (Some(last), 1..) = (self.errors.last_mut(), self.untold) {
            last.message = format!("{} (and {} more mistakes)", last.message, self.untold);
        }
        self.errors
    }
}

/// Visits the constants that `expr` can give, and collects the tables whose values it can give.
fn constants(expr: &Expr, looked_up: &mut BTreeSet<usize>, visit: &mut dyn FnMut(&Const)) {
    match expr {
        Expr::Const(constant) => visit(constant),
        Expr::First(choices) => choices.iter().for_each(|choice| constants(choice, looked_up, visit)),
        Expr::If(_, yes, no) => {
            constants(yes, looked_up, visit);
            if let Some(no) = no {
                constants(no, looked_up, visit);
            }
        }
        Expr::Step(_, Step::Lookup(place)) => {
            looked_up.insert(*place);
        }
        Expr::Template(pieces) => {
            if let [Piece::Value(inner, _)] = pieces.as_slice() {
                constants(inner, looked_up, visit);
            }
        }
        _ => {}
    }
}
