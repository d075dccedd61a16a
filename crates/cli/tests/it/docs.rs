//! Whether what the documentation tells people to type works: every `sh` block of README and docs is run, a file's
//! blocks one after the other as one script, against a server with the samples in it. A `toml` block whose first line is
//! `# NAME.toml` stands in that file.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use crate::support::{ADMIN_KEY, Installation, project_file, python};

/// Every Markdown file below `directory`, in order.
fn pages(directory: &Path, found: &mut Vec<std::path::PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The `sh` blocks of a page, as one script.
fn script(page: &str) -> Option<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "```sh" {
            blocks.extend(lines.by_ref().take_while(|line| line.trim() != "```"));
        }
    }
    (!blocks.is_empty()).then(|| format!("set -euo pipefail\n{}\n", blocks.join("\n")))
}

/// The `toml` blocks that name their file, and their texts.
fn files(page: &str) -> Vec<(String, String)> {
    let blocks = page.split("\n```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let named = blocks.filter_map(|block| {
        let name = block.lines().next()?.strip_prefix("# ")?;
        let is_name = name.ends_with(".toml") && !name.contains([' ', '/']);
        is_name.then(|| (name.to_owned(), format!("{block}\n")))
    });
    named.collect()
}

#[test]
fn every_command_of_the_documentation_works() {
    let mut files = vec![project_file("README.md")];
    pages(&project_file("docs"), &mut files);
    let scripts: Vec<_> = files
        .into_iter()
        .filter_map(|file| Some((file.clone(), script(&fs::read_to_string(&file).unwrap())?)))
        .collect();
    assert!(scripts.iter().any(|(file, _)| file.ends_with("README.md")), "the README has commands");
    for (file, script) in scripts {
        let texts = self::files(&fs::read_to_string(&file).unwrap());
        let installation = Installation::new();
        let server = installation.start();
        let scratch = installation.path("scratch");
        fs::create_dir(&scratch).unwrap();
        for name in ["tools", "testdata"] {
            symlink(project_file(name), scratch.join(name)).unwrap();
        }
        for (name, text) in texts {
            fs::write(scratch.join(name), text).unwrap();
        }
        let bin = installation.path("bin");
        fs::create_dir(&bin).unwrap();
        symlink(env!("CARGO_BIN_EXE_indelible"), bin.join("indelible")).unwrap();
        // A wrapper, since a virtual environment is found by the program's own place.
        let wrapper = bin.join("python3");
        fs::write(&wrapper, format!("#!/bin/sh\nexec '{}' \"$@\"\n", python().display())).unwrap();
        fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        for (format, sample) in [("aws-cloudtrail", "aws-cloudtrail"), ("wikipedia", "wikipedia-edits")] {
            let sample = format!("testdata/events/{sample}.ndjson");
            let arguments = ["import", "--create-tenants", "--format", format, &sample];
            let imported = installation
                .command(arguments)
                .current_dir(&scratch)
                .env("INDELIBLE_URL", &server.url)
                .env("INDELIBLE_KEY", ADMIN_KEY)
                .output()
                .unwrap();
            assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        }
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        let run = Command::new("bash")
            .args(["-c", &script])
            .current_dir(&scratch)
            .env("PATH", path)
            .env("XDG_STATE_HOME", installation.path("state"))
            .env("INDELIBLE_URL", &server.url)
            .env("INDELIBLE_KEY", ADMIN_KEY)
            .output()
            .unwrap();
        assert!(
            run.status.success(),
            "{}:\n{script}\n--- output\n{}\n--- errors\n{}",
            file.display(),
            String::from_utf8_lossy(&run.stdout),
            String::from_utf8_lossy(&run.stderr)
        );
    }
}

#[test]
fn finds_the_blocks_that_are_to_be_run_and_no_others() {
    let page = "text\n```text\nnot this\n```\n```sh\none\n```\n\n```sh\ntwo\n```\n";
    assert_eq!(script(page).unwrap(), "set -euo pipefail\none\ntwo\n");
    assert_eq!(script("```json\n{}\n```"), None);
    let page = "\n```toml\n# door.toml\na = 1\n```\n\n```toml\n# not one.toml\n```\n\n```toml\nb = 2\n```\n";
    assert_eq!(files(page), [("door.toml".to_owned(), "# door.toml\na = 1\n".to_owned())]);
}
