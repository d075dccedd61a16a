//! Sorts the terms of many blocks by their bytes and finds those that are equal, without comparing texts in pairs.
//!
//! Eight bytes of each term are a number; terms are sorted by it, and those that have it in common by the next eight.
//! So each text is looked at once for every eight bytes that it shares with others.

/// A term of a tail block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    /// The next eight bytes, the first highest, zeros after the end.
    key: u64,
    /// How many of them there are, 9 if there are more.
    rest: u8,
    pub(super) block: u32,
    /// The term's number in the block.
    pub(super) term: u32,
}

impl Source {
    pub(super) fn new(block: usize, term: u32) -> Source {
        Source { key: 0, rest: 0, block: block as u32, term }
    }
}

/// Sorts `sources` by the texts that `text_of` gives, and calls `each` with every group of equal texts, ascending.
pub(super) fn sort_terms<'t>(
    sources: &mut [Source],
    text_of: &impl Fn(&Source) -> &'t [u8],
    each: &mut impl FnMut(&[Source]),
) {
    // What is still to be told, the first on top: runs to be sorted by the bytes from a depth on, or settled groups.
    let mut todo = vec![(0..sources.len(), Some(0))];
    while let Some((range, depth)) = todo.pop() {
        let run = &mut sources[range.clone()];
        let Some(depth) = depth.filter(|_| run.len() > 1) else {
            if !run.is_empty() {
                each(run);
            }
            continue;
        };
        run.iter_mut().for_each(|source| source.look(text_of(source), depth));
        run.sort_unstable_by_key(|source| (source.key, source.rest));
        let settled = |group: &[Source]| group.len() == 1 || group[0].rest <= 8;
        // Most often all groups are settled, and need not wait for each other.
        let (mut at, mut waiting) = (range.start, Vec::new());
        for group in run.chunk_by(|a, b| (a.key, a.rest) == (b.key, b.rest)) {
            if settled(group) && waiting.is_empty() {
                each(group);
            } else {
                waiting.push((at..at + group.len(), (!settled(group)).then_some(depth + 8)));
            }
            at += group.len();
        }
        todo.extend(waiting.into_iter().rev());
    }
}

impl Source {
    fn look(&mut self, text: &[u8], depth: usize) {
        let rest = &text[depth.min(text.len())..];
        self.rest = rest.len().min(9) as u8;
        self.key = match rest.first_chunk::<8>() {
            Some(eight) => u64::from_be_bytes(*eight),
            None => {
                let mut eight = [0; 8];
                eight[..rest.len()].copy_from_slice(rest);
                u64::from_be_bytes(eight)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[ab\x00]{0,20}", "customer [0-9]{1,3}", "[a-z]{7,9}", ".{0,5}"]
    }

    proptest! {
        #[test]
        fn sorts_like_a_map_and_finds_equal_texts(texts in prop::collection::vec(text(), 0..200)) {
            let mut expected: BTreeMap<&[u8], Vec<u32>> = BTreeMap::new();
            for (at, text) in texts.iter().enumerate() {
                expected.entry(text.as_bytes()).or_default().push(at as u32);
            }
            let mut sources: Vec<Source> = (0..texts.len()).map(|at| Source::new(0, at as u32)).collect();
            let mut found = Vec::new();
            sort_terms(&mut sources, &|source| texts[source.term as usize].as_bytes(), &mut |group| {
                let mut terms: Vec<u32> = group.iter().map(|source| source.term).collect();
                terms.sort_unstable();
                found.push((texts[terms[0] as usize].as_bytes(), terms));
            });
            prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
