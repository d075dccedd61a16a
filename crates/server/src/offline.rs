//! Checking a stopped server's data directory: everything against everything.

use std::{fmt::Write, path::Path, sync::Arc};

use indelible_control::Control;
use indelible_ledger::{Ledger, LedgerConfig, SystemClock};
use serde_json::{Value, json};

use crate::{Decoder, RunError, rules::Rules, run::load_mappings};

/// What a check found.
pub struct DirectoryReport {
    ledger: indelible_ledger::CheckReport,
    /// Absent where the ledger has problems: an index can't be judged by a damaged ledger.
    search: Option<indelible_search::CheckReport>,
    /// Chains whose tenant the control database does not have.
    unknown_tenants: usize,
}

/// Checks `data`. `on_progress` gets what is being checked, how much of it is done, and how much there is.
///
/// # Errors
/// [`RunError`] when something can't be read, which says nothing about the trail.
pub async fn verify_directory(
    data: &Path,
    mappings: &Path,
    on_progress: &dyn Fn(&'static str, u64, u64),
) -> Result<DirectoryReport, RunError> {
    let unreadable = |source| RunError::Directory { directory: data.to_owned(), source };
    // Nothing is created by a check: a mistyped directory must not become an empty, good one.
    std::fs::metadata(data.join("ledger")).map_err(unreadable)?;
    let ledger_dir = data.join("ledger");
    let ledger = indelible_ledger::check(&ledger_dir, &|progress| {
        on_progress("ledger", progress.done, progress.size);
    })?;
    if !ledger.problems.is_empty() {
        return Ok(DirectoryReport { ledger, search: None, unknown_tenants: 0 });
    }
    let (writer, reader) =
        Ledger::open(&ledger_dir, LedgerConfig::default(), Arc::new(SystemClock), &|_| {})?;
    let control = Control::open(&data.join("control.sqlite")).await?;
    let directory = control.directory();
    let unknown_tenants = reader
        .chains()
        .iter()
        .filter(|chain| chain.tenant_number != 0 && directory.tenant(chain.tenant_number).is_none())
        .count();
    let decoder = Decoder::new(Rules::load(&control).await?, load_mappings(mappings)?);
    let search = indelible_search::check(&data.join("search"), &reader, &decoder, &|progress| {
        on_progress("index", progress.done, progress.total);
    });
    control.close().await;
    writer.close();
    Ok(DirectoryReport { ledger, search: Some(search?), unknown_tenants })
}

impl DirectoryReport {
    /// Whether nothing is wrong. An index that is behind or absent is not wrong: it is built from the ledger.
    pub fn is_good(&self) -> bool {
        self.problems().is_empty()
    }

    /// Everything that is wrong, each with its place.
    pub fn problems(&self) -> Vec<String> {
        let ledger =
            self.ledger.problems.iter().map(|problem| format!("{}: {}", problem.place, problem.what));
        let findings = self.search.iter().flat_map(|report| &report.findings);
        let search = findings.map(|finding| match finding.index {
            Some(index) => format!("index split {}, leaf {index}: {}", finding.split, finding.what),
            None => format!("index split {}: {}", finding.split, finding.what),
        });
        ledger.chain(search).collect()
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "good": self.is_good(),
            "entries": self.ledger.entries,
            "indexed_events": self.search.as_ref().map(|report| report.events),
            "index": self.search.as_ref().map(|report| match report.unusable {
                Some(why) => why,
                None if report.uncovered.is_empty() => "complete",
                None => "behind",
            }),
            "chains_without_tenant": self.unknown_tenants,
            "problems": self.problems(),
        })
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let mut line = |text: String| writeln!(out, "{text}").expect("writing to a String cannot fail");
        line(format!("ledger   {} entries checked", self.ledger.entries));
        match &self.search {
            None => line("index    not checked, because the ledger has problems".into()),
            Some(report) => {
                line(format!(
                    "index    {} events in {} splits compared with the ledger",
                    report.events, report.splits
                ));
                if let Some(why) = report.unusable {
                    line(format!("index    will be built anew at the next start: {why}"));
                } else if !report.uncovered.is_empty() {
                    line("index    is behind the ledger and catches up at the next start".into());
                }
            }
        }
        if self.unknown_tenants > 0 {
            line(format!(
                "control  {} tenants are in the ledger only; the next start adds them",
                self.unknown_tenants
            ));
        }
        for problem in self.problems() {
            line(format!("PROBLEM  {problem}"));
        }
        if self.is_good() {
            line("good     everything fits together".into());
        }
        out
    }
}
