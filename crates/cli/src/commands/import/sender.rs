//! Sending batches of records, with patience.

use std::{collections::BTreeSet, thread, time::Duration};

use indelible_ingest::Record;
use indelible_merkle::leaf_hash;
use serde_json::{Value, json};

use super::report::Report;
use crate::{
    args::ImportArgs,
    client::{Client, query},
    exit::{Done, Exit},
};

/// How often a batch is tried: with doubling pauses, about a minute in all.
const TRIES: u32 = 7;

pub(super) struct Sender {
    client: Client,
    path: String,
    file: String,
    tenants: Option<BTreeSet<String>>,
}

impl Sender {
    pub(super) fn new(args: &ImportArgs) -> Result<Self, Exit> {
        let mut pairs = vec![("events".to_owned(), "false".to_owned())];
        // Events in the API's own shape need no mapping.
        if args.format != "generic" {
            pairs.push(("mapping".into(), args.format.clone()));
        }
        pairs.extend(args.tenant.iter().map(|tenant| ("tenant".to_owned(), tenant.clone())));
        let path = format!("/v1/events?{}", query(&pairs));
        Ok(Self { client: Client::new(&args.remote), path, file: args.file.display().to_string(), tenants: None })
    }

    /// Creates those of the tenants that do not exist, with auditing on.
    pub(super) fn create_tenants(&mut self, wanted: &BTreeSet<String>, report: &mut Report) -> Done {
        if self.tenants.is_none() {
            let list: Value = self.client.get_json("/v1/tenants")?;
            let names = list["data"].as_array().into_iter().flatten().filter_map(|tenant| tenant["name"].as_str());
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

    /// Sends the records as one JSON array, each with its own bytes.
    pub(super) fn send(&self, records: &[Record], report: &mut Report) -> Done {
        let mut body = Vec::with_capacity(records.iter().map(|record| record.json.len() + 1).sum::<usize>() + 2);
        body.push(b'[');
        for (at, record) in records.iter().enumerate() {
            if at > 0 {
                body.push(b',');
            }
            body.extend_from_slice(record.json.as_bytes());
        }
        body.push(b']');
        let place = format!("{}\n{}\n{}\n", self.path, self.file, records.first().map_or(0, |record| record.start));
        let key = format!("import-{}", hex::encode(leaf_hash(&[place.as_bytes(), &body].concat())));
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key.as_str())];
        let answer = self.patiently(&headers, &body)?;
        let line = |error: &Value| {
            let index = error["index"].as_u64().and_then(|index| usize::try_from(index).ok());
            index.and_then(|index| records.get(index)).map_or(0, |record| record.line)
        };
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let number = |name: &str| answer[name].as_u64().unwrap_or(0);
        let (accepted, duplicates) = (number("accepted"), number("duplicates"));
        report.accepted += accepted;
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

    fn patiently(&self, headers: &[(&str, &str)], body: &[u8]) -> Result<Value, Exit> {
        let mut pause = Duration::from_millis(500);
        let mut tries = 1;
        loop {
            let answer = self.client.send("POST", &self.path, headers, body);
            let again = match &answer {
                Ok(answer) => matches!(answer.status, 429 | 500..).then_some(answer.retry_after),
                Err(_) => Some(None),
            };
            let Some(wished) = again.filter(|_| tries < TRIES) else {
                let answer = answer.map_err(|exit| exit.hint("run the same command again: it goes on where it stopped"))?;
                let per_event = answer.status == 400 || answer.status == 403 || answer.status == 409;
                let problem: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
                // Every event of a batch was refused for a reason of its own: the import goes on and reports it.
                if per_event && problem["errors"].as_array().is_some_and(|errors| errors.iter().any(|error| error["index"].is_u64())) {
                    return Ok(problem);
                }
                return answer.json();
            };
            thread::sleep(wished.unwrap_or(pause).min(Duration::from_secs(60)));
            pause *= 2;
            tries += 1;
        }
    }
}
