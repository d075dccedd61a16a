//! `export`: everything that matches, as one file of the server's making.
//!
//! The server writes it in the background; here its progress is shown, the file fetched, gone on with where the
//! connection breaks, compared with its SHA-256, and only then put under its name.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal, Read, Seek, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    args::ExportArgs,
    client::{Client, Streaming, query},
    exit::{Done, Exit},
    output::{Patience, counted, harmless},
};

/// Parameters that are no filters, and the flags that set them.
const OWN: [(&str, &str); 0] = [];
/// How often the server is asked how far it is: soon at first, then less often.
const LOOKS: [u64; 6] = [50, 100, 200, 400, 800, 1_500];
/// How often a download that breaks off is gone on with before the command gives up.
const ATTEMPTS: u32 = 5;
/// Seconds before the next attempt.
const PAUSE: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
struct Export {
    id: String,
    state: String,
    progress: Option<Progress>,
    file: Option<Made>,
    problem: Option<Problem>,
}

#[derive(Deserialize)]
struct Progress {
    done: u64,
    total: Option<u64>,
}

#[derive(Deserialize)]
struct Made {
    name: String,
    bytes: u64,
    sha256: String,
    rows: u64,
    left_out: u64,
    cut_cells: u64,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
}

pub(crate) fn run(args: ExportArgs) -> Done {
    let client = Client::new(&args.remote);
    let to_stdout = args.output.as_deref() == Some(Path::new("-"));
    if to_stdout && args.format.is_binary() && io::stdout().is_terminal() {
        return Err(
            Exit::usage("this format is not for a terminal").hint("--output FILE says where to put it")
        );
    }
    if let Some(file) = args.output.as_deref().filter(|file| !to_stdout && !args.force && file.exists()) {
        return Err(exists(file));
    }
    let mut wanted = json!({
        "format": args.format.as_str(),
        "query": query(&args.filters.pairs(&OWN)?),
        "byte_order_mark": args.byte_order_mark,
    });
    for (member, value) in [("name", &args.name), ("zone", &args.zone), ("as_of", &args.as_of)] {
        if let Some(value) = value {
            wanted[member] = value.as_str().into();
        }
    }
    if let Some(columns) = &args.columns {
        wanted["columns"] = match columns.as_str() {
            "complete" | "basic" => columns.as_str().into(),
            names => names.split(',').map(str::trim).collect(),
        };
    }
    let begun: Export = from_value(client.send_json("POST", "/v1/exports", &wanted)?)?;
    let export = follow(&client, &begun.id)?;
    let made = export.file.ok_or_else(|| Exit::unknown("the server completed the export without a file"))?;
    let manifest: Option<Value> = match &args.manifest {
        Some(_) => Some(client.get_json(&format!("/v1/exports/{}/manifest", begun.id))?),
        None => None,
    };
    if to_stdout {
        let mut spooled = tempfile::tempfile().map_err(|error| written(Path::new("-"), &error))?;
        fetch(&client, &begun.id, &made, &mut spooled)?;
        spooled.rewind().map_err(|error| written(Path::new("-"), &error))?;
        io::copy(&mut spooled, &mut io::stdout().lock()).map_err(|error| written(Path::new("-"), &error))?;
    } else {
        let file = args.output.unwrap_or_else(|| PathBuf::from(plain_name(&made.name)));
        if !args.force && file.exists() {
            return Err(exists(&file));
        }
        let part = file.with_extension("part");
        let failed = |error: io::Error| written(&part, &error);
        let mut out = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&part)
            .map_err(failed)?;
        fetch(&client, &begun.id, &made, &mut out)?;
        out.sync_all().map_err(failed)?;
        fs::rename(&part, &file).map_err(failed)?;
        eprintln!("{} in {} ({} bytes)", counted(made.rows, "event"), file.display(), made.bytes);
    }
    if let (Some(file), Some(manifest)) = (&args.manifest, manifest) {
        fs::write(file, format!("{manifest:#}\n")).map_err(|error| written(file, &error))?;
    }
    if made.cut_cells > 0 {
        eprintln!("note: {} cells hold less than their event; what they end with says so", made.cut_cells);
    }
    if made.left_out > 0 {
        let message = format!(
            "{} that match are not in the file: the server has a limit",
            counted(made.left_out, "event")
        );
        return Err(Exit::no(message).hint("ask for a shorter time, or raise the server's export_rows_max"));
    }
    Ok(())
}

fn from_value(value: Value) -> Result<Export, Exit> {
    serde_json::from_value(value)
        .map_err(|error| Exit::unknown(format!("the server's answer is not the expected JSON: {error}")))
}

/// A name of a server's is a name here, and no path.
fn plain_name(name: &str) -> String {
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let name: String = name.chars().filter(is_plain).collect();
    if name.trim_matches('.').is_empty() {
        "export".to_owned()
    } else {
        name.trim_start_matches('.').to_owned()
    }
}

fn exists(file: &Path) -> Exit {
    Exit::usage(format!("{} is there already", file.display())).hint("--force replaces it")
}

fn written(file: &Path, error: &io::Error) -> Exit {
    Exit::unknown(format!("{}: {error}", file.display()))
}

/// Waits until the export has ended, and says how far it is.
fn follow(client: &Client, id: &str) -> Result<Export, Exit> {
    let patience = Patience::new("waiting for the server");
    let mut looks = LOOKS.into_iter();
    let mut pause = LOOKS[0];
    loop {
        let export: Export = client.get_json(&format!("/v1/exports/{id}"))?;
        match export.state.as_str() {
            "queued" => patience.say("waiting for its turn".into()),
            "running" => patience.say(match &export.progress {
                Some(Progress { done, total: Some(total) }) => {
                    let percent = (done * 100).checked_div(*total).unwrap_or(100);
                    format!("{done} of {total} events ({percent} %)")
                }
                _ => "counting".to_owned(),
            }),
            "completed" => return Ok(export),
            state => {
                let reason = export.problem.as_ref().map_or_else(
                    || "somebody ended it".to_owned(),
                    |problem| format!("{} ({})", harmless(&problem.detail), harmless(&problem.code)),
                );
                return Err(Exit::no(format!("the export is {}: {reason}", harmless(state))));
            }
        }
        pause = looks.next().unwrap_or(pause);
        thread::sleep(Duration::from_millis(pause));
    }
}

/// Fetches the file, goes on where it broke off, and compares it with its hash.
fn fetch(client: &Client, id: &str, made: &Made, out: &mut File) -> Done {
    let path = format!("/v1/exports/{}/download", crate::client::segment(id));
    let patience = Patience::new("fetching the file");
    let mut hash = Sha256::new();
    let mut got = 0;
    for attempt in 1.. {
        let range = format!("bytes={got}-");
        let tag = format!("\"{}\"", made.sha256);
        let headers = [("Range", range.as_str()), ("If-Range", tag.as_str())];
        let headers = if got > 0 { &headers[..] } else { &[] };
        let broke = match client.stream(&path, headers) {
            Ok(Streaming::Refused(answer)) => return Err(answer.failure()),
            Ok(Streaming::Open(mut body)) => {
                take(&mut body, out, &mut hash, &mut got, made.bytes, &patience)?
            }
            Err(error) if attempt == ATTEMPTS => return Err(error),
            Err(_) => None,
        };
        if got == made.bytes {
            break;
        }
        if attempt == ATTEMPTS {
            let why = broke.map_or_else(String::new, |error| format!(": {error}"));
            return Err(Exit::unknown(format!("the download broke off {ATTEMPTS} times{why}")));
        }
        thread::sleep(PAUSE);
    }
    if hex::encode(hash.finalize()) != made.sha256 {
        return Err(Exit::no("the file that came is not the one that the server made: its SHA-256 differs"));
    }
    Ok(())
}

/// Takes what comes; where the connection breaks, why.
fn take(
    body: &mut dyn Read,
    out: &mut File,
    hash: &mut Sha256,
    got: &mut u64,
    bytes: u64,
    patience: &Patience,
) -> Result<Option<io::Error>, Exit> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(count) => count,
            Err(error) => return Ok(Some(error)),
        };
        let part = &buffer[..count];
        *got += count as u64;
        if *got > bytes {
            return Err(Exit::no("the server sends more than the file has"));
        }
        hash.update(part);
        out.write_all(part).map_err(|error| written(Path::new("the file"), &error))?;
        let percent = (*got * 100).checked_div(bytes).unwrap_or(100);
        patience.say(format!("fetching the file: {percent} %"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_servers_is_no_path() {
        for (name, expected) in [
            ("audit-log-2026.csv", "audit-log-2026.csv"),
            ("../../etc/passwd", "etcpasswd"),
            (".bashrc", "bashrc"),
            ("\u{202e}..", "export"),
            ("", "export"),
        ] {
            assert_eq!(plain_name(name), expected, "{name:?}");
        }
    }
}
