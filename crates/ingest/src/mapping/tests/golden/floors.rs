//! What a folder's `golden.toml` says that its records must give.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use indelible_event::Event;
use serde::Deserialize;

use super::super::super::{Mapped, NO_ACTION};

/// `golden.toml`; a folder without one has the defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Floors {
    /// The least share of the records, 0 to 1, whose event has it.
    floors: BTreeMap<String, f64>,
    /// Paths that the mapping leaves alone and does not list in `ignore`.
    not_understood: Vec<String>,
    /// Warnings that are right: `"code /field"`.
    warnings: Vec<String>,
    /// Records of another product that got into a sample.
    foreign: Vec<Foreign>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Foreign {
    file: String,
    lines: Vec<u64>,
    /// What they are, for people.
    is: String,
}

/// Floors of a folder that says nothing else.
const DEFAULTS: [(&str, f64); 3] = [("time", 1.0), ("actor", 1.0), ("action", 1.0)];

/// How many records have something, and the first that lack it.
#[derive(Debug, Default)]
pub(super) struct Share {
    all: usize,
    with: usize,
    lacking: Vec<String>,
}

impl Share {
    pub(super) fn count(&mut self, has: bool, place: impl FnOnce() -> String) {
        self.all += 1;
        self.with += usize::from(has);
        if !has && self.lacking.len() < 10 {
            self.lacking.push(place());
        }
    }
}

/// What a floor may be about.
pub(super) fn has(event: &Event) -> [(&'static str, bool); 17] {
    [
        ("id", event.id.is_some()),
        ("time", event.time.is_some()),
        ("tenant", event.tenant.is_some()),
        ("application", event.source.application.is_some()),
        ("actor", event.actor.is_some()),
        ("ip", event.client.ip.is_some()),
        ("client", event.client != Default::default()),
        ("user_agent", event.client.user_agent.is_some()),
        ("action", event.action != NO_ACTION),
        ("action_code", event.action_code.is_some()),
        ("outcome", event.outcome.result.is_some()),
        ("target", !event.targets.is_empty()),
        ("severity", event.severity.is_some()),
        ("details", event.details.is_some()),
        ("parameters", !event.parameters.is_empty()),
        ("changes", !event.changes.is_empty()),
        ("on_behalf_of", event.on_behalf_of.is_some()),
    ]
}

/// How many records have what, for `--nocapture`.
pub(super) fn told(shares: &BTreeMap<&str, Share>) -> String {
    let all = shares.values().next().map_or(0, |share| share.all);
    let counts: Vec<_> = shares.iter().map(|(name, share)| format!("{name} {}", share.with)).collect();
    format!("{all} records: {}", counts.join(", "))
}

impl Floors {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.to_string()),
        };
        let mut floors: Self = toml::from_str(&text).map_err(|error| error.to_string())?;
        for (name, least) in DEFAULTS {
            floors.floors.entry(name.to_owned()).or_insert(least);
        }
        let names: Vec<_> = has(&Event::default()).iter().map(|(name, _)| *name).collect();
        match floors.floors.keys().find(|name| !names.contains(&name.as_str())) {
            Some(name) => Err(format!("no floor is called {name}; there are {}", names.join(", "))),
            None => Ok(floors),
        }
    }

    pub(super) fn is_foreign(&self, file: &str, line: u64) -> bool {
        self.foreign.iter().any(|foreign| foreign.file == file && foreign.lines.contains(&line))
    }

    /// What is listed as foreign and is in none of `records` (file and line), or listed without saying what it is: the
    /// floors would pass over records for no reason.
    pub(super) fn unfounded(&self, records: &BTreeSet<(String, u64)>) -> Vec<String> {
        let mut failures = Vec::new();
        for Foreign { file, lines, is } in &self.foreign {
            if is.trim().is_empty() {
                failures.push(format!("golden.toml: {file}: foreign records, and not what they are"));
            }
            for line in lines.iter().filter(|line| !records.contains(&(file.clone(), **line))) {
                failures.push(format!("golden.toml: {file}:{line} ({is}) is no record of the sample"));
            }
        }
        failures
    }

    /// Reports warnings and paths of a record that the folder does not list.
    pub(super) fn judge(&self, mapped: &Mapped, fail: &mut dyn FnMut(String)) {
        for warning in &mapped.warnings {
            let key = format!("{} {}", warning.code, warning.field);
            if !self.warnings.iter().any(|known| known.trim() == key.trim()) {
                fail(format!("warning {key:?}, which golden.toml does not list: {}", warning.message));
            }
        }
        for path in &mapped.not_understood {
            if !self.not_understood.contains(path) {
                fail(format!("not understood: {path}"));
            }
        }
    }

    pub(super) fn failures(&self, shares: &BTreeMap<&str, Share>) -> Vec<String> {
        let below = self.floors.iter().filter_map(|(name, least)| {
            let share = shares.get(name.as_str())?;
            let got = share.with as f64 / share.all.max(1) as f64;
            (got < *least).then(|| {
                format!(
                    "{} of {} records have {name}, the floor is {least}; without: {}",
                    share.with,
                    share.all,
                    share.lacking.join(" ")
                )
            })
        });
        below.collect()
    }
}
