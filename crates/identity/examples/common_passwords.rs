//! Makes `data/common-passwords.bin` from a list of passwords on standard input, most frequent first; see
//! `data/README.md`.

#![allow(clippy::disallowed_methods, reason = "a tool for developers")]

use std::{
    collections::{BTreeSet, HashSet},
    io::{self, BufRead, Write},
};

#[path = "../src/password/common.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "one module of the crate, so that the reduction has one definition"
)]
mod common;

/// How many of the most frequent passwords give their stems.
const FREQUENT: usize = 20_000;

/// The shortest password that may be chosen, see `LENGTH_MIN` of the crate.
const LENGTH_MIN: usize = 12;

fn main() -> io::Result<()> {
    let passwords = read_folded()?;
    let mut kept: BTreeSet<&str> =
        passwords.iter().take(FREQUENT).filter_map(|it| common::stem(it)).collect();
    kept.retain(|stem| stem.chars().count() < LENGTH_MIN);
    let long: Vec<&str> = passwords.iter().map(String::as_str).filter(|it| needs_entry(it, &kept)).collect();
    kept.extend(long);
    let digests: BTreeSet<_> = kept.iter().map(|folded| common::digest(folded)).collect();
    eprintln!("{} passwords, {} digests", passwords.len(), digests.len());
    io::stdout().write_all(&digests.into_iter().flatten().collect::<Vec<_>>())
}

/// The passwords of printable ASCII, folded, each once, in their order.
fn read_folded() -> io::Result<Vec<String>> {
    let mut seen = HashSet::new();
    let mut passwords = Vec::new();
    for line in io::stdin().lock().split(b'\n') {
        let Ok(line) = String::from_utf8(line?) else { continue };
        let folded = common::fold(&line).to_string();
        if !folded.is_empty()
            && folded.bytes().all(|byte| byte.is_ascii_graphic())
            && seen.insert(folded.clone())
        {
            passwords.push(folded);
        }
    }
    Ok(passwords)
}

/// Long enough to be chosen, not refused for another reason, and nobody's e-mail address.
fn needs_entry(folded: &str, stems: &BTreeSet<&str>) -> bool {
    folded.chars().count() >= LENGTH_MIN
        && !folded.contains('@')
        && !common::is_predictable(folded)
        && !common::stem(folded).is_some_and(|stem| stems.contains(stem))
}
