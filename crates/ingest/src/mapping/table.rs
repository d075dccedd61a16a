//! Lookup tables of a mapping: a text in, a value out.

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
    /// The value for `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&Const> {
        let exact = self.rows.iter().find(|(row, _)| row == key);
        let found = exact.or_else(|| self.rows.iter().find(|(row, _)| fits(row, key)));
        found.map(|(_, value)| value).or(self.default.as_ref())
    }
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
            assert_eq!(table.get(key), Some(&text(want)), "{key}");
        }
    }
}
