//! Lists the mapping files, so that a new one needs no line of Rust.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("mappings");
    println!("cargo::rerun-if-changed=mappings");
    let mut files = Vec::new();
    collect(&root, "", &mut files)?;
    files.sort();
    let mut out =
        String::from("/// File name and text of every mapping.\nconst FILES: &[(&str, &str)] = &[\n");
    for name in files {
        // Relative, so that what was made stays true where the checkout is moved. Writing to a String cannot fail.
        let path = format!("/mappings/{name}");
        let _ =
            writeln!(out, "    ({name:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?}))),");
    }
    out.push_str("];\n");
    let to = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("mappings.rs");
    fs::write(to, out)
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let name = format!("{prefix}{name}");
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files)?;
        } else if name.ends_with(".toml") {
            files.push(name);
        }
    }
    Ok(())
}
