//! Whether what the documentation tells people to type works: every `sh` block of README and docs is run, a file's
//! blocks one after the other as one script, against a server with the samples in it. A `toml` block whose first line is
//! `# NAME.toml` stands in that file. What a page of [`SHOWN`] shows in a `text` block behind an `sh` block is compared
//! with what that block printed.

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

/// Pages whose `text` blocks show what was printed, and nothing else.
const SHOWN: [&str; 1] = ["investigating.md"];

/// Commands of a page, and what stands behind them as printed.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    commands: String,
    shown: Option<String>,
}

/// The `sh` blocks of a page, each with the `text` block that is next to it.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = page.lines();
    let mut behind_commands = false;
    while let Some(line) = lines.next() {
        let mut inside = || {
            let inside: Vec<_> = lines.by_ref().take_while(|line| line.trim() != "```").collect();
            inside.join("\n")
        };
        match line.trim() {
            "" => continue,
            "```sh" => {
                blocks.push(Block { commands: inside(), shown: None });
                behind_commands = true;
                continue;
            }
            "```text" => {
                let text = inside();
                if let (true, Some(block)) = (behind_commands, blocks.last_mut()) {
                    block.shown = Some(text);
                }
            }
            _ => {}
        }
        behind_commands = false;
    }
    blocks
}

/// One script of all blocks; what each prints goes into files of `$PRINTED`.
fn script(blocks: &[Block]) -> String {
    let mut script = "set -euo pipefail\n".to_owned();
    for (number, Block { commands, .. }) in blocks.iter().enumerate() {
        script += &format!("exec > \"$PRINTED/{number}.out\" 2> \"$PRINTED/{number}.err\"\n{commands}\n");
    }
    script
}

/// Whether the lines shown are all lines of the output, with lines of words to people (standard error) among them.
fn shows(shown: &str, output: &str, words: &str) -> bool {
    let (mut output, mut words) = (output.lines().peekable(), words.lines());
    for line in shown.lines() {
        if output.peek().is_some_and(|printed| printed.trim_end() == line.trim_end()) {
            output.next();
        } else if !words.by_ref().any(|word| word.trim_end() == line.trim_end()) {
            return false;
        }
    }
    output.next().is_none()
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
        .map(|file| (file.clone(), blocks(&fs::read_to_string(&file).unwrap())))
        .filter(|(_, blocks)| !blocks.is_empty())
        .collect();
    assert!(scripts.iter().any(|(file, _)| file.ends_with("README.md")), "the README has commands");
    for (file, blocks) in scripts {
        let script = script(&blocks);
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
        let printed = installation.path("printed");
        fs::create_dir(&printed).unwrap();
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
            .env("PRINTED", &printed)
            .env("XDG_STATE_HOME", installation.path("state"))
            .env("INDELIBLE_URL", &server.url)
            .env("INDELIBLE_KEY", ADMIN_KEY)
            .output()
            .unwrap();
        // A block that was not reached has printed nothing.
        let text = |name: String| fs::read_to_string(printed.join(name)).unwrap_or_default();
        let is_shown = file.file_name().is_some_and(|name| SHOWN.iter().any(|shown| name == *shown));
        assert!(!is_shown || blocks.iter().any(|block| block.shown.is_some()), "{}", file.display());
        let mut wrong = Vec::new();
        for (number, Block { commands, shown }) in blocks.iter().enumerate() {
            let (output, words) = (text(format!("{number}.out")), text(format!("{number}.err")));
            let as_shown = !is_shown || shown.as_ref().is_none_or(|shown| shows(shown, &output, &words));
            if !run.status.success() || !as_shown {
                wrong.push(format!("{commands}\n--- output\n{output}--- errors\n{words}"));
            }
        }
        assert!(
            run.status.success() && wrong.is_empty(),
            "{}: {}\n{}{}",
            file.display(),
            run.status,
            wrong.join("\n=== "),
            String::from_utf8_lossy(&run.stderr)
        );
    }
}

#[test]
fn finds_the_blocks_that_are_to_be_run_and_no_others() {
    let page = "text\n```text\nnot this\n```\n```sh\none\n```\n\n```sh\ntwo\n```\n\n```text\n2\n```\n\nso\n```text\nno\n```\n";
    let block = |commands: &str, shown: Option<&str>| Block {
        commands: commands.to_owned(),
        shown: shown.map(str::to_owned),
    };
    assert_eq!(blocks(page), [block("one", None), block("two", Some("2"))]);
    assert_eq!(blocks("```json\n{}\n```"), []);
    assert!(script(&blocks(page)).contains("\ntwo\n"));
    let page = "\n```toml\n# door.toml\na = 1\n```\n\n```toml\n# not one.toml\n```\n\n```toml\nb = 2\n```\n";
    assert_eq!(files(page), [("door.toml".to_owned(), "# door.toml\na = 1\n".to_owned())]);
}

#[test]
fn what_is_shown_is_all_that_was_printed_and_words_to_people_may_be_left_out() {
    for (shown, output, words, same) in [
        ("1\n2", "1\n2\n", "", true),
        ("1\n2 values\n3", "1\n3\n", "note: x\n2 values\n", true),
        ("1 ", "1\n", "a word\n", true),
        ("1", "1\n2\n", "", false),
        ("1\n2", "1\n", "", false),
        ("2\n1", "1\n2\n", "", false),
        ("1\nb\na", "1\n", "a\nb\n", false),
        ("1\n2 values", "1\n", "3 values\n", false),
    ] {
        assert_eq!(shows(shown, output, words), same, "{shown:?} {output:?} {words:?}");
    }
}
