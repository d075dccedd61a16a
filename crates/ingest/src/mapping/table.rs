//! Lookup tables of a mapping: a text in, a value out.

use super::budget::Budget;
use super::expr::Const;

/// One table of `[tables]`. Keys are compared byte for byte; a key may begin or end with `*`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// In the file's order; the first that fits wins, exact keys before patterns.
    pub(crate) rows: Vec<(String, Const)>,
    /// The row `"*"`.
    pub(crate) default: Option<Const>,
}

impl Table {
    /// The value for `key`; none where `budget` does not reach for the search.
    pub(crate) fn get(&self, key: &str, budget: &Budget) -> Option<&Const> {
        if !budget.spend_each(self.rows.len(), 8) {
            return None;
        }
        let exact = self.rows.iter().find(|(row, _)| row == key);
        let patterns = || self.rows.iter().find(|(row, _)| budget.spend(search(row, key)) && fits(row, key));
        let found = exact.or_else(patterns);
        found.map(|(_, value)| value).or(self.default.as_ref())
    }
}

/// What looking for a pattern in `key` costs: only one with `*` at both ends is looked for everywhere.
fn search(pattern: &str, key: &str) -> usize {
    if pattern.starts_with('*') && pattern.ends_with('*') { pattern.len() + key.len() } else { 0 }
}

fn fits(pattern: &str, key: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => pattern.len() > 1 && key.contains(&pattern[1..pattern.len() - 1]),
        (Some(end), None) => key.ends_with(end),
        (None, Some(start)) => key.starts_with(start),
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_rows_come_before_patterns_and_the_default_last() {
        let text = |text: &str| Const::Text(text.to_owned());
        let rows = [("Access*", "a"), ("*Denied", "b"), ("AccessDenied", "c"), ("*mid*", "d")];
        let rows = rows.map(|(key, value)| (key.to_owned(), text(value))).to_vec();
        let table = Table { rows, default: Some(text("rest")) };
        for (key, want) in
            [("AccessDenied", "c"), ("AccessDeniedX", "a"), ("XDenied", "b"), ("amidst", "d"), ("", "rest")]
        {
            assert_eq!(table.get(key, &Budget::of_record(0)), Some(&text(want)), "{key}");
        }
    }
}
