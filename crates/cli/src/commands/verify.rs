//! `verify`: a stopped server's data directory, or a running server as an outsider.

use std::{fs, io::IsTerminal, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use indelible_merkle::{Checkpoint, Hash, TILE_WIDTH, TilePath, Tree, VerifierKey, leaf_hash};
use indelible_verify::{Chains, Entry, verify_checkpoints};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::json;

use super::serve::keep_to_ourselves;
use crate::{
    args::VerifyArgs,
    client::Client,
    exit::{Done, Exit, chain},
    output::{harmless, harmless_lines, print_json},
};

pub(crate) fn run(args: VerifyArgs) -> Done {
    match (&args.data, &args.url) {
        (Some(data), _) => directory(data, &args),
        (None, Some(url)) => outsider(url, &args),
        (None, None) => Err(Exit::usage("give --data or --url")),
    }
}

/// A progress bar on a terminal, nothing elsewhere.
pub(crate) fn bar(total: u64, what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {per_sec} eta {eta}")
        .expect("the template is valid");
    ProgressBar::new(total).with_style(style).with_message(what)
}

fn directory(data: &Path, args: &VerifyArgs) -> Done {
    // The same files as the server's, the same secrets in memory.
    keep_to_ourselves()?;
    let mappings = args.mappings.clone().unwrap_or_else(|| data.join("mappings"));
    let bar = bar(0, "checking");
    let progress = |step: &'static str, done: u64, total: u64| {
        bar.set_message(step);
        bar.set_length(total);
        bar.set_position(done);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Exit::unknown(format!("can't start: {error}")))?;
    let report = runtime.block_on(indelible_server::verify_directory(data, &mappings, &progress)).map_err(
        |error| Exit::unknown(chain(&error)).hint("verify needs a data directory whose server is stopped"),
    )?;
    bar.finish_and_clear();
    if args.json {
        print_json(&report.to_json())?;
    } else {
        eprint!("{}", harmless_lines(&report.to_text()));
    }
    if report.is_good() {
        Ok(())
    } else {
        Err(Exit::no(format!("{} problems found", report.problems().len())))
    }
}

#[derive(Deserialize)]
struct Ledger {
    vkey: String,
}

fn outsider(url: &str, args: &VerifyArgs) -> Done {
    let client = Client::with(url, args.key.clone());
    let key = match &args.vkey_file {
        Some(file) => {
            let text = fs::read_to_string(file)
                .map_err(|error| Exit::unknown(format!("can't read {}: {error}", file.display())))?;
            parse_key(text.trim())?
        }
        None => {
            let ledger: Ledger = client.get_json("/v1/ledger")?;
            eprintln!("note: taking the server's own word for its key: {}", harmless(&ledger.vkey));
            eprintln!("      keep it in a file and give it with --vkey-file next time");
            parse_key(&ledger.vkey)?
        }
    };
    let keys = [key];
    let answer = client.get("/checkpoint", "text/plain")?;
    if !answer.is_success() {
        return Err(answer.failure());
    }
    let note = String::from_utf8(answer.body).map_err(|_| Exit::no("the checkpoint is not text"))?;
    let checkpoint = Checkpoint::open(&note, &keys)
        .map_err(|error| Exit::no(format!("the checkpoint does not verify: {}", chain(&error))))?;
    let size = checkpoint.size();

    let since = match &args.since {
        Some(file) => Some(read_older(&client, file, &note, size, &keys)?),
        None => None,
    };
    let leaves = download(&client, size, false)?;
    let mut tree = Tree::new();
    for leaf in leaves.chunks_exact(32) {
        tree.append(leaf.try_into().expect("chunks of 32 bytes"), |_, _, _| {});
    }
    if tree.root() != *checkpoint.root() {
        return Err(Exit::no("the tiles' hashes do not give the checkpoint's root"));
    }
    let chains = check_entries(&client, size, &leaves)?;
    if let Some(file) = &args.save {
        fs::write(file, &note)
            .map_err(|error| Exit::unknown(format!("can't write {}: {error}", file.display())))?;
    }
    let root = STANDARD.encode(checkpoint.root());
    if args.json {
        return print_json(&json!({
            "size": size, "root": root, "origin": checkpoint.origin(), "since": since, "chains": chains,
        }));
    }
    eprintln!("checkpoint   {size} leaves, root {root}, signature good");
    if let Some(since) = since {
        eprintln!("consistency  the {since} leaves of the saved checkpoint are a prefix");
    }
    eprintln!("hashes       {size} leaf hashes give the root");
    match chains {
        Some(chains) => eprintln!("entries      {size} entries in {chains} chains, gapless and linked"),
        None => eprintln!("entries      not checked: the key's reach is not the whole installation"),
    }
    Ok(())
}

fn parse_key(text: &str) -> Result<VerifierKey, Exit> {
    text.parse().map_err(|error| Exit::usage(format!("that is no verifier key: {error}")))
}

#[derive(Deserialize)]
struct Consistency {
    hashes: Vec<String>,
}

/// Checks that the log grew from a saved checkpoint; returns the saved size.
fn read_older(
    client: &Client,
    file: &Path,
    newer: &str,
    size: u64,
    keys: &[VerifierKey],
) -> Result<u64, Exit> {
    let older = fs::read_to_string(file)
        .map_err(|error| Exit::unknown(format!("can't read {}: {error}", file.display())))?;
    let from = Checkpoint::open(&older, keys)
        .map_err(|error| Exit::no(format!("the saved checkpoint does not verify: {}", chain(&error))))?
        .size();
    if from > size {
        return Err(Exit::no(format!(
            "the log has shrunk: {from} leaves in the saved checkpoint, {size} now"
        )));
    }
    let proof: Consistency = client.get_json(&format!("/v1/ledger/consistency?from={from}&to={size}"))?;
    let hashes = proof.hashes.iter().map(|text| {
        let bytes = STANDARD.decode(text).ok()?;
        Hash::try_from(bytes).ok()
    });
    let hashes: Vec<Hash> = hashes
        .collect::<Option<_>>()
        .ok_or_else(|| Exit::no("the consistency proof holds something else than hashes"))?;
    verify_checkpoints(&older, newer, &hashes, keys).map_err(|error| {
        Exit::no(format!("history was changed since the saved checkpoint: {}", chain(&error)))
    })?;
    Ok(from)
}

/// Every hash, or every entry bundle, of the tree's lowest level.
fn download(client: &Client, size: u64, entries: bool) -> Result<Vec<u8>, Exit> {
    let width = TILE_WIDTH as u64;
    let bar = bar(size, if entries { "entries" } else { "hashes" });
    let mut bytes = Vec::new();
    for index in 0..size.div_ceil(width) {
        let wide = u16::try_from((size - index * width).min(width)).expect("at most 256");
        let path = if entries { TilePath::entries(index, wide) } else { TilePath::hashes(0, index, wide) };
        let path = path.map_err(|error| Exit::unknown(error.to_string()))?;
        let answer = client.get(&format!("/{path}"), "application/octet-stream")?;
        if !answer.is_success() {
            return Err(answer.failure());
        }
        bytes.extend(answer.body);
        bar.set_position((index + 1) * width);
    }
    bar.finish_and_clear();
    Ok(bytes)
}

/// Checks every entry against its leaf hash, and every chain; `None` where the key may not see entries.
fn check_entries(client: &Client, size: u64, leaves: &[u8]) -> Result<Option<usize>, Exit> {
    let session: serde_json::Value = client.get_json("/v1/session")?;
    if session["reach"] != "everything" {
        return Ok(None);
    }
    let bundles = download(client, size, true)?;
    let mut rest = bundles.as_slice();
    let mut chains = Chains::default();
    for (index, leaf) in leaves.chunks_exact(32).enumerate() {
        let cut = || Exit::no(format!("the entries end before leaf {index}"));
        let (len, after) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        let (entry, after) = after.split_at_checked(u16::from_be_bytes(*len).into()).ok_or_else(cut)?;
        rest = after;
        if leaf_hash(entry) != *leaf {
            return Err(Exit::no(format!("entry {index} is not the one that the tree holds")));
        }
        let decoded =
            Entry::decode(entry).map_err(|error| Exit::no(format!("entry {index}: {}", chain(&error))))?;
        chains
            .accept(&decoded, leaf_hash(entry))
            .map_err(|error| Exit::no(format!("entry {index}: {}", chain(&error))))?;
    }
    if rest.is_empty() { Ok(Some(chains.len())) } else { Err(Exit::no("there are more entries than leaves")) }
}
