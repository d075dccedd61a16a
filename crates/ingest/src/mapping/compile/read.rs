//! The parts of a mapping's file as what they should be: texts, tables, expressions; else a mistake with its place.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::super::MappingError;
use super::super::expr::{Const, Expr, Piece, Step};
use super::super::grammar::{self, Mistake, Names};
use super::super::table::Table;
use super::super::trace::Place;
use super::Spanned;
use crate::nearest::nearest;

/// Reads a mapping's file and collects its mistakes.
pub(super) struct Compiler<'t> {
    pub(super) file: &'t str,
    pub(super) text: &'t str,
    pub(super) errors: Vec<MappingError>,
    /// Names of `[let]` that may be used so far.
    pub(super) lets: Vec<String>,
    pub(super) tables: Vec<String>,
    /// Where the mapping's paths stand.
    pub(super) places: Vec<Place>,
}

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
        Self { file, text, errors: Vec::new(), lets: Vec::new(), tables: Vec::new(), places: Vec::new() }
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
        constants(&expr, tables, &mut |constant| {
            let (Const::Text(text) | Const::Number(text)) = constant else { return };
            if !known(text) {
                unknown.push(text.clone());
            }
        });
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
                for path in paths {
                    let (line, column) = self.line_and_column(self.place_in(&span, path.start));
                    let text = text.get(path).unwrap_or_default().to_owned();
                    self.places.push(Place { line, column, field: field.to_owned(), text });
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

    /// Both 1-based, the column in characters.
    fn line_and_column(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at.min(self.text.len())).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        (line, before.rsplit('\n').next().unwrap_or("").chars().count() + 1)
    }

    /// Complains about every name that nobody asked for.
    pub(super) fn done(&mut self, section: &Section<'t>) {
        for (name, span, _) in &section.members {
            if !section.known.contains(name) {
                let meant = nearest(name, section.known.iter().copied());
                let meant = meant.map_or(String::new(), |meant| format!("did you mean `{meant}`? "));
                let message =
                    format!("there is no `{name}` here; {meant}there are {}", section.known.join(", "));
                self.mistake(span.clone(), &section.path(name), message);
            }
        }
    }

    pub(super) fn mistake(&mut self, span: Range<usize>, field: &str, message: String) {
        let (line, column) = self.line_and_column(span.start);
        self.errors.push(MappingError {
            file: self.file.to_owned(),
            line,
            column,
            field: field.to_owned(),
            message,
        });
    }
}

/// Visits the constants that `expr` can give.
fn constants(expr: &Expr, tables: &[Table], visit: &mut dyn FnMut(&Const)) {
    match expr {
        Expr::Const(constant) => visit(constant),
        Expr::First(choices) => choices.iter().for_each(|choice| constants(choice, tables, visit)),
        Expr::If(_, yes, no) => {
            constants(yes, tables, visit);
            if let Some(no) = no {
                constants(no, tables, visit);
            }
        }
        Expr::Step(_, Step::Lookup(place)) => {
            if let Some(table) = tables.get(*place) {
                table.rows.iter().map(|(_, value)| value).chain(&table.default).for_each(visit);
            }
        }
        Expr::Template(pieces) => {
            if let [Piece::Value(inner, _)] = pieces.as_slice() {
                constants(inner, tables, visit);
            }
        }
        _ => {}
    }
}
