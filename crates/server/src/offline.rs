//! Checking a stopped server's data directory: everything against everything.
//!
//! Invariant: the directory is the same afterwards, byte for byte. What is looked at is evidence.

use std::{fmt::Write, path::Path};

use indelible_control::Control;
use indelible_ledger::{Ledger, LedgerConfig};
use serde_json::{Value, json};

use crate::{Decoder, RunError, mappings::Mappings, rules::Rules};

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
    let reader = Ledger::open_read_only(&ledger_dir, LedgerConfig::default(), &|_| {})?;
    let control = Control::open_read_only(&data.join("control.sqlite")).await?;
    let directory = control.directory();
    let unknown_tenants = reader
        .chains()
        .iter()
        .filter(|chain| chain.tenant_number != 0 && directory.tenant(chain.tenant_number).is_none())
        .count();
    let mappings = Mappings::load(mappings, &control).await?;
    let decoder = Decoder::new(Rules::load(&control).await?, mappings);
    let search = indelible_search::check(&data.join("search"), &reader, &decoder, &|progress| {
        on_progress("index", progress.done, progress.total);
    });
    control.close().await;
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
            "notes": self.ledger.notes,
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
        for note in &self.ledger.notes {
            line(format!("note     {note}"));
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::SystemTime};

    use indelible_event::TimeSource;
    use indelible_ledger::{AppendRequest, ChainOpen, NewEvent, OnConflict, SystemClock};
    use indelible_search::{Search, SearchConfig};
    use indelible_verify::{Envelope, Names, People, Person, Place, Protocol, UserId};

    use super::*;

    /// Time of change and bytes of everything below `dir`.
    fn listing(dir: &Path) -> BTreeMap<PathBuf, (SystemTime, Vec<u8>)> {
        let (mut found, mut open) = (BTreeMap::new(), vec![dir.to_owned()]);
        while let Some(path) = open.pop() {
            let meta = std::fs::symlink_metadata(&path).unwrap();
            let bytes = if meta.is_dir() {
                open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                Vec::new()
            } else {
                std::fs::read(&path).unwrap()
            };
            found.insert(path, (meta.modified().unwrap(), bytes));
        }
        found
    }

    fn copy_dir(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
            if from.is_dir() {
                copy_dir(&from, &to);
            } else {
                std::fs::copy(from, to).unwrap();
            }
        }
    }

    fn event(chain: indelible_verify::ChainId, n: usize) -> NewEvent {
        let mut envelope = Envelope {
            event_time_us: 5,
            time_source: TimeSource::Event,
            protocol: Protocol::JSON,
            rule_version: 1,
            mapping_version: 0,
            tenant_number: 1,
            key_id: [9; 16],
            event_id: format!("id-{n}"),
            tenant_name: "acme".to_owned(),
            media_type: "application/json".to_owned(),
            mapping_name: String::new(),
            people: People::default(),
        };
        if n.is_multiple_of(3) {
            let groups = Names::new(["Support".to_owned()]).ok();
            let actor = Person { place: Place::ACTOR, user: UserId([n as u8; 16]), groups, roles: None };
            envelope.people = People::new(vec![actor]).unwrap();
        }
        let body = format!(r#"{{"action":"user.created","actor":{{"id":"u{n}"}}}}"#).into_bytes();
        NewEvent { chain, envelope, id_given: true, body }
    }

    /// Fills `data` and gives a copy of it as it stood while everything was open, as `kill -9` leaves it.
    async fn fill(data: &Path) -> tempfile::TempDir {
        let (writer, reader) = {
            let config = LedgerConfig { wal_segment_bytes: 1 << 20, ..LedgerConfig::default() };
            Ledger::open(&data.join("ledger"), config, Arc::new(SystemClock), &|_| {}).unwrap()
        };
        let control = Control::open(&data.join("control.sqlite")).await.unwrap();
        let mappings = Mappings::load(data, &control).await.unwrap();
        let decoder = Decoder::new(Rules::load(&control).await.unwrap(), mappings);
        let config = SearchConfig { flush_events: 10, ..SearchConfig::default() };
        let source = Arc::new(reader.clone());
        let search = Search::open(&data.join("search"), config, source, Arc::new(decoder)).unwrap();
        let open = ChainOpen {
            tenant_number: 1,
            tenant_name: "acme".to_owned(),
            tenant_uuid: [1; 16],
            body: b"{}".to_vec(),
        };
        let (chain, _) = writer.open_chain(open).await.unwrap();
        let events = (0..40).map(|n| event(chain, n)).collect();
        let request = AppendRequest {
            events,
            atomic: false,
            on_conflict: OnConflict::Store,
            replay: None,
            note: Vec::new(),
        };
        writer.append(request).await.unwrap();
        while search.progress().indexed_size < reader.durable_size() {
            std::thread::yield_now();
        }
        // The index is at rest, so the copy is of one moment: the ledger's files are only added to.
        search.close();
        let killed = tempfile::tempdir().unwrap();
        copy_dir(data, killed.path());
        control.close().await;
        writer.close();
        killed
    }

    #[tokio::test]
    async fn a_directory_is_checked_and_left_as_it_is() {
        let data = tempfile::tempdir().unwrap();
        let killed = fill(data.path()).await;
        for (what, dir) in [("closed", data.path()), ("killed", killed.path())] {
            let before = listing(dir);
            let report = verify_directory(dir, &dir.join("mappings"), &|_, _, _| {}).await.unwrap();
            assert!(report.is_good(), "{what}: {}", report.to_text());
            let json = report.to_json();
            assert_eq!(
                (&json["entries"], &json["indexed_events"]),
                (&42.into(), &40.into()),
                "{what}: {json}"
            );
            assert_eq!((&json["index"], report.unknown_tenants), (&"complete".into(), 1), "{what}: {json}");
            let after = listing(dir);
            let changed: Vec<_> = before
                .keys()
                .chain(after.keys())
                .filter(|path| before.get(*path) != after.get(*path))
                .collect();
            assert!(changed.is_empty(), "{what}: {changed:?}");
        }
    }

    #[tokio::test]
    async fn a_directory_without_its_parts_is_refused_by_name_and_gets_none() {
        let data = tempfile::tempdir().unwrap();
        drop(fill(data.path()).await);
        for part in ["control.sqlite", "ledger"] {
            let (path, aside) = (data.path().join(part), data.path().with_extension("aside"));
            std::fs::rename(&path, &aside).unwrap();
            let before = listing(data.path());
            let refused = verify_directory(data.path(), data.path(), &|_, _, _| {}).await.err().unwrap();
            let named = match &refused {
                RunError::Control(error) => error.to_string().contains("control.sqlite"),
                RunError::Directory { .. } => part == "ledger",
                _ => false,
            };
            assert!(named, "{part}: {refused:?}");
            assert_eq!(listing(data.path()), before, "{part}");
            std::fs::rename(&aside, &path).unwrap();
        }
    }
}
