//! Sending batches of records, with patience.

use std::{collections::BTreeSet, thread, time::Duration};

use indelible_ingest::{Mapping, Record, Registry};
use serde_json::{Value, json};

use super::report::Report;
use crate::{
    args::ImportArgs,
    client::{Answer, Client, query},
    exit::{Done, Exit},
};

/// How often a batch is tried: with doubling pauses, about a minute in all.
const TRIES: u32 = 7;

pub(super) struct Sender {
    client: Client,
    path: String,
    tenants: Option<BTreeSet<String>>,
}

/// A batch on its way.
pub(super) struct Sending<'a> {
    pub(super) records: &'a [Record],
    /// As [`body`] made it.
    pub(super) body: &'a [u8],
    pub(super) key: &'a str,
    /// An earlier run may have stored it.
    pub(super) repeated: bool,
}

/// A batch that the import can't go on after.
pub(super) struct Failed {
    pub(super) exit: Exit,
    /// Certainly nothing of the batch is stored; otherwise it may be.
    pub(super) nothing_stored: bool,
}

impl Sender {
    /// For the mapping that the server knows as `mapping`; without one, records are events in the API's own shape.
    pub(super) fn new(args: &ImportArgs, mapping: Option<String>) -> Self {
        let mut pairs = vec![("events".to_owned(), "false".to_owned())];
        pairs.extend(mapping.map(|mapping| ("mapping".to_owned(), mapping)));
        pairs.extend(args.tenant.iter().map(|tenant| ("tenant".to_owned(), tenant.clone())));
        let path = format!("/v1/events?{}", query(&pairs));
        Self { client: Client::new(&args.remote), path, tenants: None }
    }

    /// Makes sure that the server has this very version of a mapping, durably.
    ///
    /// # Errors
    /// The key may not add it, the server refuses it, or it has another text under the same name and version.
    pub(super) fn install(&self, mapping: &Mapping, file: &str) -> Done {
        let built_in = Registry::builtin().get(mapping.name()).is_some();
        let (path, version) = (format!("/v1/mappings/{}", mapping.name()), mapping.version());
        let known = self.client.get(&format!("{path}?version={version}"), "application/toml")?;
        if known.is_success() && known.body == mapping.text().as_bytes() {
            return Ok(());
        }
        if built_in {
            let name = mapping.name();
            return Err(Exit::usage(format!(
                "{name} is the name of a built-in mapping, and {file} has another text"
            ))
            .hint(format!("choose another `name` in {file}, such as \"my-{name}\"")));
        }
        if known.is_success() {
            let name = mapping.name();
            return Err(Exit::usage(format!("the server has another text of {name} version {version}"))
                .hint(format!(
                    "raise `version` in {file}: events are read with the version that they name"
                )));
        }
        if known.status != 404 {
            return Err(known.failure());
        }
        let headers = [("Content-Type", "application/toml")];
        let answer = self.client.send("PUT", &path, &headers, mapping.text().as_bytes())?;
        match answer.is_success() {
            true => {
                eprintln!("note: the server has the mapping {} {version} now", mapping.name());
                Ok(())
            }
            false if answer.status == 403 => Err(answer.failure().hint(format!(
                "this key may not add mappings; whoever may can run the same import, or put {file} into the server's directory of mappings"
            ))),
            false => Err(answer.failure()),
        }
    }

    /// Creates those of the tenants that do not exist, with auditing on.
    pub(super) fn create_tenants(&mut self, wanted: &BTreeSet<String>, report: &mut Report) -> Done {
        if self.tenants.is_none() {
            let list: Value = self.client.get_json("/v1/tenants")?;
            let names =
                list["data"].as_array().into_iter().flatten().filter_map(|tenant| tenant["name"].as_str());
            self.tenants = Some(names.map(str::to_lowercase).collect());
        }
        for name in wanted {
            let known = self.tenants.get_or_insert_default();
            if known.insert(name.to_lowercase()) {
                let new = json!({"name": name, "auditing": true});
                self.client.send_json("POST", "/v1/tenants", &new)?;
                report.tenants_created.push(name.clone());
            }
        }
        Ok(())
    }

    /// Sends a batch and reports what became of its records.
    pub(super) fn send(&self, sending: &Sending<'_>, report: &mut Report) -> Result<(), Failed> {
        let (answer, replayed) = self.patiently(sending)?;
        let records = sending.records;
        let line = |error: &Value| {
            let index = error["index"].as_u64().and_then(|index| usize::try_from(index).ok());
            index.and_then(|index| records.get(index)).map_or(0, |record| record.line)
        };
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let number = |name: &str| answer[name].as_u64().unwrap_or(0);
        let (accepted, duplicates) = (number("accepted"), number("duplicates"));
        if replayed {
            report.replayed += accepted;
        } else {
            report.accepted += accepted;
        }
        report.duplicates += duplicates;
        report.rejected += (records.len() as u64).saturating_sub(accepted + duplicates);
        // A request of which nothing was stored is answered as a problem, with its errors under another name.
        for error in list(&answer["rejected"]).iter().chain(&list(&answer["errors"])) {
            report.rejected(line(error), error);
        }
        for warning in list(&answer["warnings"]) {
            report.warning(&warning);
        }
        Ok(())
    }

    /// The answer, and whether it is the one that an earlier try got.
    fn patiently(&self, sending: &Sending<'_>) -> Result<(Value, bool), Failed> {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", sending.key)];
        let mut pause = Duration::from_millis(500);
        let mut tries = 1;
        // Whether a try may have stored the batch without our knowing.
        let mut lost = sending.repeated;
        loop {
            let answer = self.client.send("POST", &self.path, &headers, sending.body);
            let (again, wished) = match &answer {
                Ok(answer) => (matches!(answer.status, 429 | 500..), answer.retry_after()),
                Err(_) => (true, None),
            };
            lost |= answer.as_ref().map_or(true, |answer| !refuses(answer.status) && !answer.is_success());
            if !again || tries == TRIES {
                return judge(answer, lost);
            }
            if tries == 1 {
                let why = match &answer {
                    Ok(answer) => format!("the server answers {}", answer.status),
                    Err(exit) => exit.message(),
                };
                eprintln!("note: {why}; waiting, and trying again {} times", TRIES - 1);
            }
            thread::sleep(wished.unwrap_or(pause).min(Duration::from_secs(60)));
            pause *= 2;
            tries += 1;
        }
    }
}

/// Whether a status says that nothing was stored. A server error or a timeout may come from a proxy that does not know.
fn refuses(status: u16) -> bool {
    (400..500).contains(&status) && status != 408
}

/// The answer of the last try.
fn judge(answer: Result<Answer, Exit>, lost: bool) -> Result<(Value, bool), Failed> {
    let again = "run the same command again: it goes on where it stopped";
    let answer = answer.map_err(|exit| Failed { exit: exit.hint(again), nothing_stored: false })?;
    // Every event of a batch was refused for a reason of its own: the import goes on and reports it.
    if let Some(problem) = answer.refused_events() {
        return Ok((problem, false));
    }
    // A batch that is too large now would be so for ever if it had to be repeated as it is.
    let nothing_stored = refuses(answer.status) && (!lost || answer.status == 413);
    let replayed = answer.header("idempotent-replayed") == Some("true");
    match answer.json() {
        Ok(value) => Ok((value, replayed)),
        Err(exit) => Err(Failed { exit, nothing_stored }),
    }
}

/// The records as one JSON array, each with its own bytes.
pub(super) fn body(records: &[Record]) -> Vec<u8> {
    let mut body = Vec::with_capacity(records.iter().map(|record| record.json.len() + 1).sum::<usize>() + 2);
    body.push(b'[');
    for (at, record) in records.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(record.json.as_bytes());
    }
    body.push(b']');
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Result<Answer, Exit> {
        Ok(Answer::made(status, headers, body))
    }

    #[test]
    fn a_batch_is_only_free_for_other_bounds_when_nothing_of_it_can_be_stored() {
        let problem = "{\"code\":\"x\",\"detail\":\"y\"}";
        for (status, lost, nothing_stored) in [
            (400, false, true),
            (401, false, true),
            (401, true, false),
            (408, false, false),
            (413, false, true),
            (413, true, true),
            (429, false, true),
            (500, false, false),
            (503, true, false),
        ] {
            let failed = judge(answer(status, &[], problem), lost).err().unwrap();
            assert_eq!(failed.nothing_stored, nothing_stored, "{status}, lost {lost}");
        }
        assert!(!judge(Err(Exit::unknown("no answer")), false).err().unwrap().nothing_stored);
        assert!(!judge(answer(201, &[], "<html>"), false).err().unwrap().nothing_stored);
    }

    #[test]
    fn knows_a_first_answer_that_came_again_and_a_batch_that_was_wholly_refused() {
        let stored = "{\"accepted\":2}";
        assert!(!judge(answer(201, &[], stored), false).ok().unwrap().1);
        assert!(judge(answer(201, &[("Idempotent-Replayed", "true")], stored), false).ok().unwrap().1);
        let refused =
            "{\"code\":\"event_too_large\",\"errors\":[{\"index\":0,\"code\":\"event_too_large\"}]}";
        for status in [400, 403, 409, 413] {
            let (problem, replayed) = judge(answer(status, &[], refused), false).ok().unwrap();
            assert!(problem["errors"].is_array() && !replayed, "{status}");
        }
    }
}
