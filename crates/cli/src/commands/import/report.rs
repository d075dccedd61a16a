//! What became of an import, and what its mapping did not take.

use std::{collections::BTreeMap, fmt::Write};

use indelible_ingest::Mapping;
use serde_json::{Value, json};

use crate::output::harmless;

/// Errors that are shown one by one.
const ERRORS_SHOWN: usize = 20;

#[derive(Default)]
pub(super) struct Report {
    /// The mapping that reads the records, and its version.
    mapping: (String, u32),
    pub(super) records: u64,
    pub(super) accepted: u64,
    /// Stored by an earlier try of the same batch, whose answer did not arrive.
    pub(super) replayed: u64,
    pub(super) duplicates: u64,
    pub(super) rejected: u64,
    pub(super) unusable: u64,
    pub(super) tenants_created: Vec<String>,
    warnings: BTreeMap<String, u64>,
    not_understood: BTreeMap<String, u64>,
    errors: Vec<String>,
}

impl Report {
    pub(super) fn new(mapping: &Mapping) -> Self {
        Self { mapping: (mapping.name().to_owned(), mapping.version()), ..Self::default() }
    }

    pub(super) fn failed(&self) -> u64 {
        self.rejected + self.unusable
    }

    pub(super) fn not_understood(&mut self, paths: &[String]) {
        for path in paths {
            *self.not_understood.entry(path.clone()).or_default() += 1;
        }
    }

    pub(super) fn not_sent(&mut self, line: u64, why: String) {
        self.unusable += 1;
        self.error(format!("line {line}: not sent: {why}"));
    }

    /// A batch that the import ended at: it was not sent, or nobody knows what became of it.
    pub(super) fn unanswered(&mut self, first: u64, last: u64, records: usize) {
        self.unusable += records as u64;
        self.error(format!("lines {first} to {last}: not sent, as far as is known: the import ended here"));
    }

    pub(super) fn rejected(&mut self, line: u64, error: &Value) {
        let text = |name: &str| error[name].as_str().unwrap_or_default();
        self.error(format!("line {line}: {} {} ({})", text("field"), text("message"), text("code")));
    }

    pub(super) fn warning(&mut self, warning: &Value) {
        let text = |name: &str| warning[name].as_str().unwrap_or_default();
        *self.warnings.entry(format!("{} {}", text("code"), text("field")).trim().to_owned()).or_default() +=
            1;
    }

    fn error(&mut self, text: String) {
        if self.errors.len() < ERRORS_SHOWN {
            self.errors.push(text);
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "format": self.mapping.0,
            "version": self.mapping.1,
            "records": self.records,
            "accepted": self.accepted,
            "replayed": self.replayed,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "not_sent": self.unusable,
            "tenants_created": self.tenants_created,
            "warnings": self.warnings,
            "not_understood": self.not_understood,
            "errors": self.errors,
        })
    }

    pub(super) fn to_text(&self) -> String {
        let mut out = String::new();
        let mut line = |text: String| writeln!(out, "{text}").expect("writing to a String cannot fail");
        line(format!(
            "{} records: {} stored, {} known already, {} rejected, {} not sent ({} {})",
            self.records,
            self.accepted,
            self.duplicates,
            self.rejected,
            self.unusable,
            self.mapping.0,
            self.mapping.1
        ));
        if self.replayed > 0 {
            line(format!("{} stored by an earlier try, whose answer did not arrive", self.replayed));
        }
        if !self.tenants_created.is_empty() {
            line(format!("{} tenants created", self.tenants_created.len()));
        }
        for error in &self.errors {
            line(format!("  {}", harmless(error)));
        }
        if !self.warnings.is_empty() {
            line("warnings (records):".into());
        }
        for (warning, count) in &self.warnings {
            line(format!("  {count:>8}  {}", harmless(warning)));
        }
        if !self.not_understood.is_empty() {
            line("not understood, kept in data (records):".into());
        }
        for (path, count) in &self.not_understood {
            line(format!("  {count:>8}  {}", harmless(path)));
        }
        out
    }
}
