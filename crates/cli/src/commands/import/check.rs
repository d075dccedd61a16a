//! `import --check`: reads and maps everything, sends nothing, and says where mapping and records don't fit.

use std::{collections::BTreeMap, fmt::Write, io::Read};

use indelible_event::{Code, Event, Limits, Timestamp};
use indelible_ingest::{Mapped, RecordError, Records, RecordsError, Trace, Unmatched};
use serde_json::{Value, json};

use super::{
    DEPTH_MAX,
    format::{Format, Origin},
    unusable_tenant,
};
use crate::{
    args::ImportArgs,
    exit::{Done, Exit},
    output::{harmless, print_json, print_line},
};

/// Findings of one kind that are shown one by one.
const SHOWN: usize = 20;

/// Findings of one kind that are kept for `--json`.
const KEPT: usize = 1000;

/// What a check found.
#[derive(Default)]
struct Findings {
    records: u64,
    /// Records that would not be stored.
    refused: Kept,
    /// Values that an event can't hold; the record is stored without them.
    misfits: Kept,
    not_understood: BTreeMap<String, u64>,
    filled: BTreeMap<&'static str, u64>,
    tenants: BTreeMap<String, u64>,
}

#[derive(Default)]
struct Kept {
    count: u64,
    first: Vec<Finding>,
}

/// Something wrong with a record.
struct Finding {
    line: u64,
    /// JSON pointer into the record for what is refused, into the event for its tenant and for a misfit; empty for the
    /// whole.
    field: String,
    code: &'static str,
    message: String,
}

impl Kept {
    fn add(&mut self, line: u64, field: &str, code: &'static str, message: &str) {
        self.count += 1;
        if self.first.len() < KEPT {
            self.first.push(Finding { line, field: field.to_owned(), code, message: message.to_owned() });
        }
    }
}

/// Checks the records and prints what is found.
///
/// # Errors
/// Exit code 1 where a record would be refused or a value does not fit, 3 where the file can't be read to its end.
pub(super) fn run<R: Read>(args: &ImportArgs, format: &Format, records: Records<R>) -> Done {
    let mut findings = Findings::default();
    let trace = Trace::default();
    let mut broken = None;
    for record in records {
        match record {
            Ok(record) => {
                findings.records += 1;
                findings.map(args, format, record.line, &record.json, &trace);
            }
            Err(error) => broken = broken.or(findings.unusable(error)),
        }
    }
    let unmatched = trace.unmatched(&format.mapping);
    if args.json {
        print_json(&findings.to_json(args, format, &unmatched))?;
    } else {
        print_line(findings.to_text(args, format, &unmatched).trim_end())?;
    }
    if let Some(error) = broken {
        return Err(Exit::unknown(error).hint("what comes after that place was not checked"));
    }
    match findings.refused.count + findings.misfits.count {
        0 => Ok(()),
        _ => Err(Exit::no(format!(
            "{} records would be refused, {} values don't fit",
            findings.refused.count, findings.misfits.count
        ))),
    }
}

impl Findings {
    fn map(&mut self, args: &ImportArgs, format: &Format, line: u64, json: &str, trace: &Trace) {
        if let Err(problem) = indelible_event::parse_json(json, DEPTH_MAX) {
            self.refused.add(line, &problem.field, problem.code.as_str(), &problem.message);
            return;
        }
        let now = Timestamp::from_micros(i64::MAX);
        match format.mapping.apply_traced(json, &Limits::default(), now, Some(trace)) {
            Ok(mapped) => {
                if let Some(why) = unusable_tenant(args, mapped.event.tenant.as_deref()) {
                    self.refused.add(line, "/tenant", Code::TenantForbidden.as_str(), &why);
                }
                self.mapped(line, mapped);
            }
            Err(problems) => {
                for problem in problems {
                    self.refused.add(line, &problem.field, problem.code.as_str(), &problem.message);
                }
            }
        }
    }

    fn mapped(&mut self, line: u64, mapped: Mapped) {
        for warning in &mapped.warnings {
            self.misfits.add(line, &warning.field, warning.code.as_str(), &warning.message);
        }
        for path in mapped.not_understood {
            *self.not_understood.entry(path).or_default() += 1;
        }
        for (name, has) in filled(&mapped.event) {
            *self.filled.entry(name).or_default() += u64::from(has);
        }
        *self.tenants.entry(mapped.event.tenant.unwrap_or_default()).or_default() += 1;
    }

    /// A record that can't be read is a finding; a file that can't be read on is the end.
    fn unusable(&mut self, error: RecordError) -> Option<RecordError> {
        match &error.kind {
            RecordsError::NotUtf8 { .. } | RecordsError::TooLarge { .. } => {
                self.records += 1;
                let code = match &error.kind {
                    RecordsError::NotUtf8 { .. } => "invalid_utf8",
                    _ => "event_too_large",
                };
                self.refused.add(error.line, "", code, &error.kind.to_string());
                None
            }
            RecordsError::Read(_) | RecordsError::Malformed { .. } | RecordsError::Cut => Some(error),
        }
    }

    fn to_json(&self, args: &ImportArgs, format: &Format, unmatched: &[Unmatched]) -> Value {
        let list = |kept: &Kept| {
            let finding = |finding: &Finding| json!({"line": finding.line, "field": finding.field, "code": finding.code, "message": finding.message});
            kept.first.iter().map(finding).collect::<Vec<_>>()
        };
        let unmatched = unmatched.iter().map(|path| {
            json!({"line": path.line, "column": path.column, "field": path.field, "path": path.path,
                   "tried": path.tried, "meant": path.meant})
        });
        json!({
            "file": args.file.display().to_string(),
            "format": format.mapping.name(),
            "version": format.mapping.version(),
            "mapping": format.label,
            "mistakes": [],
            "records": self.records,
            "refused": self.refused.count,
            "refusals": list(&self.refused),
            "misfits": self.misfits.count,
            "values": list(&self.misfits),
            "unmatched": unmatched.collect::<Vec<_>>(),
            "not_understood": self.not_understood,
            "filled": self.filled,
            "tenants": self.tenants,
        })
    }

    fn to_text(&self, args: &ImportArgs, format: &Format, unmatched: &[Unmatched]) -> String {
        let mut out = String::new();
        let mut line = |text: String| writeln!(out, "{text}").expect("writing to a String cannot fail");
        let file = harmless(&args.file.display().to_string());
        let (name, version) = (format.mapping.name(), format.mapping.version());
        line(format!(
            "{file}: {} records, {} would be refused, {} values don't fit ({name} {version})",
            self.records, self.refused.count, self.misfits.count
        ));
        for (what, kept) in [("would be refused", &self.refused), ("values that don't fit", &self.misfits)] {
            if kept.count > 0 {
                line(format!("{what}:"));
            }
            for finding in kept.first.iter().take(SHOWN) {
                let colon = if finding.field.is_empty() { "" } else { ": " };
                let text = format!("{}{colon}{} ({})", finding.field, finding.message, finding.code);
                line(format!("  {file}:{}: {}", finding.line, harmless(&text)));
            }
            if kept.count > SHOWN as u64 {
                line(format!("  and {} more", kept.count - SHOWN as u64));
            }
        }
        // A built-in mapping has names for much that one file does not hold.
        let told: Vec<_> = match format.origin {
            Origin::File => unmatched.iter().collect(),
            Origin::BuiltIn | Origin::Server => Vec::new(),
        };
        if !told.is_empty() {
            line("paths of the mapping that no record has:".to_owned());
        }
        for path in told {
            let meant =
                path.meant.as_deref().map_or(String::new(), |name| format!("; did you mean `{name}`?"));
            let place = format!("{}:{}:{}: {}", format.label, path.line, path.column, path.field);
            line(format!("  {}", harmless(&format!("{place}: `{}`{meant}", path.path))));
        }
        if !self.not_understood.is_empty() {
            line("not understood, kept in data (records):".to_owned());
        }
        for (path, count) in &self.not_understood {
            line(format!("  {count:>8}  {}", harmless(path)));
        }
        let filled = self.filled.iter().filter(|(_, count)| **count > 0);
        let filled: Vec<_> = filled.map(|(name, count)| format!("{name} {count}")).collect();
        line(format!("filled (records): {}", filled.join(", ")));
        let named = self.tenants.keys().filter(|name| !name.is_empty()).count();
        line(format!("tenants named: {named}"));
        out
    }
}

/// What an event says.
fn filled(event: &Event) -> [(&'static str, bool); 14] {
    [
        ("id", event.id.is_some()),
        ("time", event.time.is_some()),
        ("tenant", event.tenant.is_some()),
        ("source", event.source != Default::default()),
        ("actor", event.actor.is_some()),
        ("on_behalf_of", event.on_behalf_of.is_some()),
        ("client", event.client != Default::default()),
        ("action", event.action != "-"),
        ("outcome", event.outcome.result.is_some()),
        ("targets", !event.targets.is_empty()),
        ("severity", event.severity.is_some()),
        ("details", event.details.is_some()),
        ("parameters", !event.parameters.is_empty()),
        ("changes", !event.changes.is_empty()),
    ]
}
