//! The figures of some runs, and the Markdown table of their medians.

use std::{fmt::Write as _, time::Duration};

/// The unit of a figure, which decides how it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    PerSecond,
    Milliseconds,
    Seconds,
    Bytes,
    Mebibytes,
    Count,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{}/s", thousands(value)),
            Self::Milliseconds => format!("{value:.2} ms"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Bytes => format!("{value:.0} B"),
            Self::Mebibytes => format!("{value:.0} MiB"),
            Self::Count => thousands(value),
        }
    }
}

pub(crate) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// One row: what was measured, and its value in each run.
struct Row {
    what: String,
    unit: Unit,
    values: Vec<f64>,
}

/// All rows, in the order in which the first run measured them.
#[derive(Default)]
pub(crate) struct Figures {
    rows: Vec<Row>,
}

impl Figures {
    pub(crate) fn add(&mut self, what: impl Into<String>, unit: Unit, value: f64) {
        let what = what.into();
        match self.rows.iter_mut().find(|row| row.what == what) {
            Some(row) => row.values.push(value),
            None => self.rows.push(Row { what, unit, values: vec![value] }),
        }
    }

    /// The median and the 99th percentile of some times, in milliseconds.
    pub(crate) fn add_times(&mut self, what: &str, times: Vec<Duration>) {
        let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        self.add(format!("{what}, p50"), Unit::Milliseconds, quantile(&times, 0.50));
        self.add(format!("{what}, p99"), Unit::Milliseconds, quantile(&times, 0.99));
    }

    pub(crate) fn to_markdown(&self) -> String {
        let mut table = String::from("| what | median | lowest | highest |\n|---|--:|--:|--:|\n");
        for row in &self.rows {
            let mut values = row.values.clone();
            values.sort_by(f64::total_cmp);
            let show = |at: f64| row.unit.show(quantile(&values, at));
            writeln!(table, "| {} | {} | {} | {} |", row.what, show(0.5), show(0.0), show(1.0))
                .expect("writing to a String cannot fail");
        }
        table
    }
}

/// The value below which a share of the sorted values lies (nearest rank).
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    // Ranks are small whole numbers.
    let at = (share * last as f64).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_medians_and_extremes() {
        let mut figures = Figures::default();
        for value in [1_234_567.0, 3.0, 900.0] {
            figures.add("events", Unit::PerSecond, value);
        }
        figures.add_times("ack", (1..=101).map(Duration::from_millis).collect());
        let table = figures.to_markdown();
        assert!(table.contains("| events | 900/s | 3/s | 1,234,567/s |"), "{table}");
        assert!(table.contains("| ack, p50 | 51.00 ms | 51.00 ms | 51.00 ms |"), "{table}");
        assert!(table.contains("| ack, p99 | 100.00 ms |"), "{table}");
    }
}
