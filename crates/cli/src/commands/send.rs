//! `send`: events from a file.

use serde_json::Value;

use super::read_input;
use crate::{
    args::SendArgs,
    client::Client,
    exit::{Done, Exit},
    output::print_json,
};

pub(crate) fn run(args: SendArgs) -> Done {
    let body = read_input(&args.file)?;
    let path = if args.atomic { "/v1/events?atomic=true" } else { "/v1/events" };
    // One document is JSON whether it stands on one line or on many; several documents are lines.
    let one_document = serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
    let media = if one_document { "application/json" } else { "application/x-ndjson" };
    let answer: Value =
        Client::new(&args.remote).send("POST", path, &[("Content-Type", media)], &body)?.json()?;
    if args.json {
        print_json(&answer)?;
    }
    let rejected = answer["rejected"].as_array().map_or(&[][..], Vec::as_slice);
    eprintln!("{} stored, {} known already, {} errors", answer["accepted"], answer["duplicates"], rejected.len());
    for error in rejected {
        let text = |name: &str| error[name].as_str().unwrap_or_default();
        eprintln!("  event {} {}: {} ({})", error["index"], text("field"), text("message"), text("code"));
    }
    if rejected.is_empty() { Ok(()) } else { Err(Exit::no("some events were not stored")) }
}
