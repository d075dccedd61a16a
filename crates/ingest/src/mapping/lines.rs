//! Where a byte of a mapping's file stands, for people: line and column.

/// The lines of a text. Made once for all the places of a file: counting from its start for each of them would take the
/// square of its length.
pub(super) struct Lines<'t> {
    text: &'t str,
    /// Where each line begins, in bytes; the first at 0.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// Line and column of byte `at`, both 1-based, the column in characters; a place beyond the text is its end.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let at = at.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= at);
        let before = self.text.get(self.starts[line - 1]..at).unwrap_or("");
        (line, before.chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_from_1_in_characters() {
        let lines = Lines::of("a\n\näb\n");
        for (at, want) in [
            (0, (1, 1)),
            (1, (1, 2)),
            (2, (2, 1)),
            (3, (3, 1)),
            (5, (3, 2)),
            (6, (3, 3)),
            (7, (4, 1)),
            (99, (4, 1)),
        ] {
            assert_eq!(lines.place(at), want, "byte {at}");
        }
        assert_eq!(Lines::of("").place(0), (1, 1));
    }
}
