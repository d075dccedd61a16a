//! `rules`: read and replace the rules.

use serde_json::Value;

use super::read_input;
use crate::{
    args::{RulesArgs, RulesCommand},
    client::Client,
    exit::Done,
    output::{harmless, print_json, print_json_text},
};

pub(crate) fn run(args: RulesArgs) -> Done {
    match args.command {
        RulesCommand::Get { remote } => {
            let answer = Client::new(&remote).get("/v1/rules", "application/json")?;
            if !answer.is_success() {
                return Err(answer.failure());
            }
            print_json_text(&String::from_utf8_lossy(&answer.body))
        }
        RulesCommand::Set { remote, json, file } => {
            let body = read_input(&file)?;
            let headers = [("Content-Type", "application/json")];
            let stored: Value = Client::new(&remote).send("PUT", "/v1/rules", &headers, &body)?.json()?;
            if json {
                return print_json(&stored);
            }
            let version = harmless(&stored["version"].to_string());
            eprintln!("version {version} of the rules applies to what is received from now on");
            Ok(())
        }
    }
}
