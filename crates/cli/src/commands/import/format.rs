//! Which mapping reads the file: a built-in one, one of the server's, a file of one's own, or the one that the records
//! themselves tell.

use std::{path::Path, sync::Arc};

use indelible_ingest::{Candidate, Detection, LoadError, Mapping, MappingErrors, Registry, detect};
use serde_json::{Value, json};

use super::input::Source;
use crate::{
    args::ImportArgs,
    client::{Client, segment},
    exit::{Done, Exit},
    output::{harmless, print_json, print_line},
};

/// Signs that are shown of a candidate.
const SIGNS_SHOWN: usize = 4;

/// The mapping that reads the records.
pub(super) struct Format {
    pub(super) mapping: Arc<Mapping>,
    /// What mistakes in it are told of: a file, or which one of whose it is.
    pub(super) label: String,
    pub(super) origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    BuiltIn,
    Server,
    /// `--mapping FILE`.
    File,
}

impl Format {
    /// What the server knows it by; nothing for events in the API's own shape, which need no mapping unless they are to
    /// belong to another tenant than they name. The version is named always: what `--check` and this side's report say of
    /// the records must be what the server makes of them.
    pub(super) fn parameter(&self, tenant: Option<&str>) -> Option<String> {
        match (self.mapping.name(), self.origin) {
            ("generic", Origin::BuiltIn) if tenant.is_none() => None,
            (name, _) => Some(format!("{name}@{}", self.mapping.version())),
        }
    }
}

/// Finds the mapping that the command line asks for.
///
/// # Errors
/// The mapping has mistakes, there is none of the name, or the records don't tell.
pub(super) fn choose(args: &ImportArgs, source: &mut Source) -> Result<Format, Exit> {
    if let Some(file) = &args.mapping {
        let format = from_file(file, args.json)?;
        // `generic` is what one brings a mapping for; any other name would be a second answer to the same question.
        return match args.format.as_deref() {
            None | Some("generic") => Ok(format),
            Some(name) if name == format.mapping.name() => Ok(format),
            Some(name) => Err(Exit::usage(format!(
                "--format says {name:?}, and the mapping in {} is {:?}",
                format.label,
                format.mapping.name()
            ))),
        };
    }
    match args.format.as_deref() {
        Some("auto") | None => told(args, source),
        Some(name) => named(args, name),
    }
}

fn from_file(file: &Path, json: bool) -> Result<Format, Exit> {
    let label = file.display().to_string();
    match Mapping::load(file) {
        Ok(mapping) => Ok(Format { mapping: Arc::new(mapping), label, origin: Origin::File }),
        Err(LoadError::Mistakes(mistakes)) => {
            if json {
                print_json(&json!({ "mistakes": mistakes_json(&mistakes) }))?;
            }
            let count = mistakes.0.len();
            let noun = if count == 1 { "mistake" } else { "mistakes" };
            Err(Exit::usage(format!("the mapping has {count} {noun}\n{mistakes}")))
        }
        Err(error @ LoadError::Read { .. }) => Err(Exit::unknown(error)),
    }
}

fn mistakes_json(mistakes: &MappingErrors) -> Vec<Value> {
    let mistake = |error: &indelible_ingest::MappingError| {
        json!({"file": error.file, "line": error.line, "column": error.column, "field": error.field,
               "message": error.message})
    };
    mistakes.0.iter().map(mistake).collect()
}

fn named(args: &ImportArgs, name: &str) -> Result<Format, Exit> {
    if let Some(mapping) = Registry::builtin().get(name) {
        let label = format!("{name} (built in)");
        return Ok(Format { mapping: mapping.clone(), label, origin: Origin::BuiltIn });
    }
    let client = Client::new(&args.remote);
    let answer = client.get(&format!("/v1/mappings/{}", segment(name)), "application/toml")?;
    if answer.status == 404 {
        let built_in: Vec<_> =
            Registry::builtin().newest().map(|mapping| mapping.name().to_owned()).collect();
        return Err(Exit::usage(format!("{name:?} is no format of this program and none of the server's"))
            .hint(format!("built in are {}; --mapping FILE brings your own", built_in.join(", "))));
    }
    if !answer.is_success() {
        return Err(answer.failure());
    }
    let label = format!("{name} (of the server)");
    let text = String::from_utf8_lossy(&answer.body);
    let mapping = Mapping::parse(&label, &text)
        .map_err(|error| Exit::unknown(format!("this program can't read the server's mapping: {error}")))?;
    Ok(Format { mapping: Arc::new(mapping), label, origin: Origin::Server })
}

/// Asks the records.
fn told(args: &ImportArgs, source: &mut Source) -> Result<Format, Exit> {
    let (head, whole) = source.head()?;
    let detection = detect(Registry::builtin(), &head, whole);
    match detection.decided() {
        Ok(best) => {
            eprintln!("format: {} (confidence {:.2})", best.name, best.confidence);
            named(args, &best.name)
        }
        Err(why) => {
            let candidates: Vec<_> =
                detection.candidates.iter().map(|one| format!("\n  {}", line(one))).collect();
            Err(Exit::no(format!(
                "the format of {} can't be told: {why}{}",
                args.file.display(),
                candidates.concat()
            ))
            .hint("--format NAME says which it is; nothing was imported"))
        }
    }
}

/// `--detect`: prints what is known about the file's format.
///
/// # Errors
/// Exit code 1 where no format is decided on, 3 where the file can't be read.
pub(super) fn print_detection(args: &ImportArgs) -> Done {
    let (head, whole) = Source::open(&args.file)?.head()?;
    let detection = detect(Registry::builtin(), &head, whole);
    let decided = detection.decided();
    if args.json {
        print_json(&detection_json(&detection))?;
    } else {
        for candidate in &detection.candidates {
            print_line(&line(candidate))?;
            for sign in candidate.evidence.iter().take(SIGNS_SHOWN) {
                let text = harmless(&sign.condition);
                print_line(&format!("      {:+.2}  {text} ({} records)", sign.weight, sign.records))?;
            }
        }
    }
    match decided {
        Ok(_) => Ok(()),
        Err(why) => Err(Exit::no(format!("the format of {} can't be told: {why}", args.file.display()))),
    }
}

/// A candidate and why it is one.
fn line(candidate: &Candidate) -> String {
    format!(
        "{:.2}  {} ({}): {} of {} records have what it needs, {:.0} % of their fields are known",
        candidate.confidence,
        candidate.name,
        candidate.title,
        candidate.fitting,
        candidate.records,
        candidate.understood * 100.0
    )
}

fn detection_json(detection: &Detection) -> Value {
    // Two digits are what the measure is worth.
    let rounded = |share: f64| (share * 1000.0).round() / 1000.0;
    let candidates = detection.candidates.iter().map(|candidate| {
        let evidence = candidate
            .evidence
            .iter()
            .map(|sign| json!({"condition": sign.condition, "weight": sign.weight, "records": sign.records}));
        json!({
            "format": candidate.name,
            "title": candidate.title,
            "confidence": rounded(candidate.confidence),
            "records": candidate.records,
            "fitting": candidate.fitting,
            "understood": rounded(candidate.understood),
            "evidence": evidence.collect::<Vec<_>>(),
        })
    });
    let decided = detection.decided();
    json!({
        "format": decided.map(|best| best.name.as_str()).ok(),
        "undecided": decided.err().map(|why| why.to_string()),
        "candidates": candidates.collect::<Vec<_>>(),
    })
}
