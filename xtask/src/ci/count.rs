//! How many tests passed and failed, read from what each kind of runner writes.

use serde_json::Value;

/// Tests that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

/// Sums the `test result:` lines of `cargo test`. A test that is ignored counts as failed: we have none.
pub(crate) fn cargo_test(output: &str) -> Option<Counts> {
    let mut total = None;
    for line in output.lines() {
        let Some(results) = line.trim_start().strip_prefix("test result: ") else { continue };
        let number = |word: &str| {
            let before = results.split(';').find_map(|part| part.trim_end().strip_suffix(word))?;
            before.split_whitespace().next_back()?.parse::<u64>().ok()
        };
        let counts: &mut Counts = total.get_or_insert_default();
        counts.passed += number("passed")?;
        counts.failed += number("failed")? + number("ignored")?;
    }
    total
}

/// Reads the last lines of Python's unittest. Skipped tests count as failed.
pub(crate) fn unittest(output: &str) -> Option<Counts> {
    let ran: u64 =
        output.lines().rev().find_map(|line| line.strip_prefix("Ran ")?.split(' ').next()?.parse().ok())?;
    let verdict = output.lines().rev().find(|line| line.starts_with("OK") || line.starts_with("FAILED"))?;
    // `FAILED (failures=1, errors=2)`; every number in it is of tests that did not pass.
    let failed =
        verdict.split(['=', ',', ')']).filter_map(|part| part.parse::<u64>().ok()).sum::<u64>().min(ran);
    Some(Counts { passed: ran - failed, failed })
}

/// Reads the JSON report of Vitest. Skipped tests count as failed.
pub(crate) fn vitest(report: &str) -> Option<Counts> {
    let report: Value = serde_json::from_str(report).ok()?;
    let passed = report["numPassedTests"].as_u64()?;
    let total = report["numTotalTests"].as_u64()?;
    // A file that does not compile has no tests to count.
    let broken_files = report["testResults"].as_array()?.iter().filter(|file| {
        file["status"] != "passed" && file["assertionResults"].as_array().is_none_or(Vec::is_empty)
    });
    Some(Counts { passed, failed: total.checked_sub(passed)? + broken_files.count() as u64 })
}

/// Reads the JSON report of Playwright. Skipped and flaky tests count as failed: there are no retries.
pub(crate) fn playwright(report: &str) -> Option<Counts> {
    let report: Value = serde_json::from_str(report).ok()?;
    let stats = &report["stats"];
    let failed: Option<u64> =
        ["unexpected", "flaky", "skipped"].iter().map(|name| stats[*name].as_u64()).sum();
    let errors = report["errors"].as_array().map_or(0, Vec::len) as u64;
    Some(Counts { passed: stats["expected"].as_u64()?, failed: failed? + errors })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64) -> Option<Counts> {
        Some(Counts { passed, failed })
    }

    #[test]
    fn sums_the_results_of_all_test_binaries() {
        let output = "running 2 tests\ntest a ... ok\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered \
                      out; finished in 0.00s\n\n   Doc-tests x\ntest result: FAILED. 3 passed; 1 failed; 1 ignored; 0 \
                      measured; 0 filtered out; finished in 0.10s\n";
        assert_eq!(cargo_test(output), counts(5, 2));
        assert_eq!(cargo_test("error: could not compile"), None);
    }

    #[test]
    fn reads_the_verdict_of_unittest() {
        assert_eq!(unittest("..\n---\nRan 7 tests in 1.234s\n\nOK\n"), counts(7, 0));
        assert_eq!(unittest("Ran 7 tests in 1s\n\nFAILED (failures=1, errors=2)\n"), counts(4, 3));
        assert_eq!(unittest("Ran 1 test in 1s\n\nOK (skipped=1)\n"), counts(0, 1));
        assert_eq!(unittest("Traceback (most recent call last):\n"), None);
    }

    #[test]
    fn a_skipped_test_and_a_broken_file_are_failures() {
        let report = r#"{"numTotalTests":5,"numPassedTests":4,"numFailedTests":0,"numPendingTests":1,
            "testResults":[{"status":"passed","assertionResults":[{}]},{"status":"failed","assertionResults":[]}]}"#;
        assert_eq!(vitest(report), counts(4, 2));
        let report = r#"{"stats":{"expected":7,"unexpected":1,"flaky":1,"skipped":0},"errors":[]}"#;
        assert_eq!(playwright(report), counts(7, 2));
        let report = r#"{"stats":{"expected":0,"unexpected":0,"flaky":0,"skipped":0},"errors":[{"message":"no server"}]}"#;
        assert_eq!(playwright(report), counts(0, 1));
        assert_eq!(playwright("not json"), None);
    }
}
