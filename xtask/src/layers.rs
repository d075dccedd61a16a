//! The order of the crates: a crate uses only crates that stand below it.
//!
//! The order is that of `docs/STYLE.md`. Test and build dependencies count too: a test that needs a higher crate
//! belongs to that crate. Invariant: every directory in `crates/` is named here.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result};
use toml::Table;

/// From the bottom to the top.
const ORDER: [&str; 14] = [
    "event", "merkle", "verify", "ledger", "search", "identity", "openid", "mail", "control", "access",
    "ingest", "report", "server", "cli",
];

/// Prints what crosses a layer; returns whether nothing does.
///
/// # Errors
/// When a manifest can't be read.
pub(crate) fn run(root: &Path) -> Result<bool> {
    let problems = problems(&root.join("crates"))?;
    for problem in &problems {
        eprintln!("layers: {problem}");
    }
    if problems.is_empty() {
        eprintln!("layers: good");
    }
    Ok(problems.is_empty())
}

/// What is wrong with the crates in this directory.
///
/// # Errors
/// When a manifest can't be read.
pub(crate) fn problems(crates: &Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for entry in fs::read_dir(crates).with_context(|| format!("can't list {}", crates.display()))? {
        let entry = entry?;
        let manifest = entry.path().join("Cargo.toml");
        let folder = entry.file_name().to_string_lossy().into_owned();
        let text =
            fs::read_to_string(&manifest).with_context(|| format!("can't read {}", manifest.display()))?;
        let manifest: Table = text.parse().with_context(|| format!("{} is not valid", manifest.display()))?;
        problems.extend(check(&folder, &manifest));
    }
    problems.sort();
    Ok(problems)
}

fn check(folder: &str, manifest: &Table) -> Vec<String> {
    let Some(own) = rank(folder) else {
        return vec![format!("crates/{folder} has no place in the order of xtask/src/layers.rs")];
    };
    let mut problems = Vec::new();
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(|name| name.as_str());
    if name != Some(&format!("indelible-{folder}")) {
        problems.push(format!(
            "crates/{folder} holds {}, expected indelible-{folder}",
            name.unwrap_or("no package")
        ));
    }
    for used in ours(manifest) {
        match rank(&used) {
            Some(rank) if rank < own => {}
            Some(_) => problems.push(format!("{folder} uses {used}, which is not below it")),
            None => problems.push(format!("{folder} uses {used}, which has no place in the order")),
        }
    }
    problems
}

fn rank(folder: &str) -> Option<usize> {
    ORDER.iter().position(|name| *name == folder)
}

/// The folders of our crates that a manifest names, in any of its dependency tables.
fn ours(manifest: &Table) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (key, value) in manifest {
        let Some(table) = value.as_table() else { continue };
        if key.ends_with("dependencies") {
            // A renamed dependency says in `package` what it is.
            let names = table
                .iter()
                .map(|(name, spec)| spec.get("package").and_then(|name| name.as_str()).unwrap_or(name));
            found.extend(names.filter_map(|name| name.strip_prefix("indelible-")).map(str::to_owned));
        } else if key == "target" {
            found.extend(table.values().filter_map(toml::Value::as_table).flat_map(ours));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_uses_only_crates_below_it() {
        assert_eq!(problems(&crate::root().join("crates")).unwrap(), [""; 0]);
    }

    #[test]
    fn finds_what_crosses_a_layer() {
        for (folder, dependencies, expected) in [
            ("ledger", "[dependencies]\nindelible-verify.workspace = true", ""),
            (
                "ledger",
                "[dependencies]\nindelible-search.workspace = true",
                "ledger uses search, which is not below it",
            ),
            (
                "ledger",
                "[dev-dependencies]\nindelible-server = { path = '../server' }",
                "ledger uses server, which is not below it",
            ),
            (
                "ledger",
                "[dependencies]\nhigher = { package = 'indelible-cli', path = '../cli' }",
                "ledger uses cli, which is not below it",
            ),
            (
                "ledger",
                "[target.'cfg(unix)'.dependencies]\nindelible-ingest = '1'",
                "ledger uses ingest, which is not below it",
            ),
            (
                "ledger",
                "[build-dependencies]\nindelible-ledger = '1'",
                "ledger uses ledger, which is not below it",
            ),
            (
                "ledger",
                "[dependencies]\nindelible-extra = '1'",
                "ledger uses extra, which has no place in the order",
            ),
            ("attic", "", "crates/attic has no place in the order of xtask/src/layers.rs"),
        ] {
            let manifest = format!("[package]\nname = 'indelible-{folder}'\n{dependencies}");
            let found = check(folder, &manifest.parse().unwrap());
            assert_eq!(found.join("; "), expected, "{dependencies}");
        }
        let misnamed = "[package]\nname = 'ledger'".parse().unwrap();
        assert_eq!(check("ledger", &misnamed), ["crates/ledger holds ledger, expected indelible-ledger"]);
    }
}
