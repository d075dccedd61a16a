//! `send`: events from a file.

use serde_json::Value;

use super::read_input;
use crate::{
    args::SendArgs,
    client::Client,
    exit::{Done, Exit},
    output::{harmless, print_json},
};

pub(crate) fn run(args: SendArgs) -> Done {
    let body = read_input(&args.file)?;
    let path = if args.atomic { "/v1/events?atomic=true" } else { "/v1/events" };
    // One document is JSON whether it stands on one line or on many; several documents are lines.
    let one_document = serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
    let media = if one_document { "application/json" } else { "application/x-ndjson" };
    let answer = Client::new(&args.remote).send("POST", path, &[("Content-Type", media)], &body)?;
    // Events that were all refused are a "no" just as if some had been.
    let answer: Value = match answer.refused_events() {
        Some(problem) => problem,
        None => answer.json()?,
    };
    if args.json {
        print_json(&answer)?;
    }
    let number = |name: &str| answer[name].as_u64().unwrap_or(0);
    let rejected =
        answer["rejected"].as_array().or(answer["errors"].as_array()).map_or(&[][..], Vec::as_slice);
    let errors = rejected.len() as u64 + number("errors_omitted");
    eprintln!("{} stored, {} known already, {errors} errors", number("accepted"), number("duplicates"));
    for error in rejected {
        let text = |name: &str| harmless(error[name].as_str().unwrap_or_default());
        let index = error["index"].as_u64().map(|index| index.to_string()).unwrap_or_default();
        eprintln!("  event {index} {}: {} ({})", text("field"), text("message"), text("code"));
    }
    match number("accepted") + number("duplicates") {
        _ if rejected.is_empty() => Ok(()),
        0 => Err(Exit::no("no event was stored")),
        _ => Err(Exit::no("some events were not stored")),
    }
}
