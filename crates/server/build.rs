//! Puts the built page into `OUT_DIR/web`, where it is embedded from.
//!
//! In this order: the directory that `INDELIBLE_WEB_DIR` names, a built `web/build` (`make web`), or `npm`. A debug
//! build without npm gets a placeholder and a warning; a release build fails with the command that is missing.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("web");
    let web = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../web");
    let built = web.join("build");
    println!("cargo::rerun-if-env-changed=INDELIBLE_WEB_DIR");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    fs::create_dir_all(&out)?;
    if let Some(dir) = env::var_os("INDELIBLE_WEB_DIR") {
        return copy(Path::new(&dir), &out);
    }
    // Looked for anew by every build until it is there.
    println!("cargo::rerun-if-changed={}", built.join("index.html").display());
    if built.join("index.html").exists() {
        return copy(&built, &out);
    }
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if !release {
        println!(
            "cargo::warning=web/build does not exist; this debug build has a placeholder page (make web)"
        );
        return Ok(());
    }
    let npm = |arguments: &[&str]| {
        let status = Command::new("npm").args(arguments).current_dir(&web).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "the page could not be built; run: cd web && npm ci && npm run build"
        );
    };
    npm(&["ci"]);
    npm(&["run", "build"]);
    copy(&built, &out)
}

/// Copies a folder and has cargo watch each of its parts.
///
/// Cargo asks only what is newer than the last run, and a page that was moved here (`cp -a`, `mv`, an archive) may be
/// older. But its files are named after their content: those of the last run are missing then, which cargo notices too.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", from.display());
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            println!("cargo::rerun-if-changed={}", entry.path().display());
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
