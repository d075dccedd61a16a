//! The suites themselves.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::count::{self, Counts};

/// One command that tests something.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) program: &'static str,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) directory: PathBuf,
    counted: Counted,
}

/// Where the number of tests is found.
enum Counted {
    /// The exit code is the one result.
    AsOne,
    CargoTest,
    Unittest,
    Report(PathBuf, fn(&str) -> Option<Counts>),
}

impl Suite {
    fn new(name: &'static str, directory: &Path, program: &'static str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self {
            name,
            program,
            arguments,
            environment: vec![],
            directory: directory.into(),
            counted: Counted::AsOne,
        }
    }

    fn counted(self, counted: Counted) -> Self {
        Self { counted, ..self }
    }

    pub(crate) fn command_line(&self) -> String {
        format!("{} {}", self.program, self.arguments.join(" "))
    }

    /// What passed and failed, or `None` where the runner did not get as far as to say it.
    pub(crate) fn count(&self, succeeded: bool, output: &str) -> Option<Counts> {
        match &self.counted {
            Counted::AsOne => Some(Counts { passed: succeeded.into(), failed: (!succeeded).into() }),
            Counted::CargoTest => count::cargo_test(output),
            Counted::Unittest => count::unittest(output),
            Counted::Report(file, parse) => parse(&fs::read_to_string(file).ok()?),
        }
    }

    /// Removes the report of an earlier run, which must not stand for this one.
    pub(crate) fn forget_old_results(&self) -> Result<()> {
        let Counted::Report(file, _) = &self.counted else { return Ok(()) };
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory)?;
        }
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("can't remove {}", file.display()))
            }
            _ => Ok(()),
        }
    }
}

/// Every suite, fast ones first. The page is built before (`make web`), so that the tested binary holds it.
pub(crate) fn all(root: &Path) -> Vec<Suite> {
    let web = root.join("web");
    let report = |name: &str| root.join("target/reports").join(name);
    let (unit, e2e) = (report("web-unit.json"), report("web-e2e.json"));
    let unit_output = format!("--outputFile.json={}", unit.display());
    let python = python(root).display().to_string();
    // unittest reports on standard error.
    let unittest = "exec \"$0\" -m unittest discover --start-directory tools --pattern 'test_*.py' 2>&1";
    let mut browser = Suite::new("web e2e", &web, "npx", &["playwright", "test", "--reporter=list,json"])
        .counted(Counted::Report(e2e.clone(), count::playwright));
    browser.environment.push(("PLAYWRIGHT_JSON_OUTPUT_NAME", e2e.display().to_string()));
    browser.environment.extend(chromium().map(|file| ("CHROMIUM", file.display().to_string())));
    vec![
        Suite::new("format", root, "cargo", &["fmt", "--all", "--check"]),
        Suite::new("layers", root, "cargo", &["xtask", "layers"]),
        Suite::new("verifier", root, "sh", &["-c", unittest, &python]).counted(Counted::Unittest),
        Suite::new("web types", &web, "npm", &["run", "--silent", "check"]),
        Suite::new(
            "web unit",
            &web,
            "npm",
            &["test", "--silent", "--", "--reporter=default", "--reporter=json", &unit_output],
        )
        .counted(Counted::Report(unit.clone(), count::vitest)),
        Suite::new("rust", root, "cargo", &["test", "--workspace", "--locked", "--no-fail-fast"])
            .counted(Counted::CargoTest),
        browser,
        Suite::new(
            "clippy",
            root,
            "cargo",
            &["clippy", "--workspace", "--locked", "--all-targets", "--", "-D", "warnings"],
        ),
    ]
}

/// The interpreter that has `tools/requirements.txt`: that of `scripts/test-setup.sh`, else the system's.
fn python(root: &Path) -> PathBuf {
    let own = root.join(".cache/venv/bin/python");
    if own.exists() { own } else { "python3".into() }
}

/// The browser of the page's tests.
fn chromium() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.iter().find_map(|name| {
        env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.exists())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_has_its_own_name_and_a_directory_that_exists() {
        let suites = all(&crate::root());
        for (at, suite) in suites.iter().enumerate() {
            assert!(suites[..at].iter().all(|other| other.name != suite.name), "{}", suite.name);
            assert!(suite.directory.is_dir(), "{}", suite.name);
        }
    }

    #[test]
    fn the_report_of_an_earlier_run_does_not_stand_for_this_one() {
        let directory = tempfile::tempdir().unwrap();
        let report = directory.path().join("sub/report.json");
        let suite = Suite::new("x", directory.path(), "true", &[])
            .counted(Counted::Report(report.clone(), count::vitest));
        suite.forget_old_results().unwrap();
        fs::write(&report, r#"{"numTotalTests":1,"numPassedTests":1,"testResults":[]}"#).unwrap();
        assert_eq!(suite.count(true, ""), Some(Counts { passed: 1, failed: 0 }));
        suite.forget_old_results().unwrap();
        assert_eq!(suite.count(true, ""), None);
    }
}
