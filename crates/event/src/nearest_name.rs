//! What a misspelt name was probably meant to be: parameters, attributes, operators, members of a mapping.
//!
//! A wrong suggestion misleads more than none helps, so only slips of the pen count as near. Names come from
//! outside and may be huge: the work is bounded by [`NAME_CHARS_MAX`], not by what was sent.

/// Longer than any name we know (attributes have paths of 30 letters); past it, 64 * 64 steps a candidate would grow.
const NAME_CHARS_MAX: usize = 64;

/// The candidate that `name` becomes with the fewest edits, if a third of its letters or fewer need one.
///
/// An edit inserts, removes or replaces a letter, or swaps it with its neighbour; case is no edit. Of equally near
/// candidates the first is taken; `name` itself is never one, as it can't be what was misspelt.
pub fn nearest_name<'n>(name: &str, candidates: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let wanted = letters(name)?;
    let allowed = wanted.len() / 3;
    let near = candidates.into_iter().filter(|candidate| *candidate != name).filter_map(|candidate| {
        let known = letters(candidate)?;
        (known.len().abs_diff(wanted.len()) <= allowed).then(|| (edits(&wanted, &known), candidate))
    });
    near.filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// The letters without their case; none when there are too many for a name.
fn letters(name: &str) -> Option<Vec<char>> {
    let letters: Vec<char> = name.chars().take(NAME_CHARS_MAX + 1).flat_map(char::to_lowercase).collect();
    (letters.len() <= NAME_CHARS_MAX).then_some(letters)
}

/// Letters to insert, remove, replace, or swap with their neighbour, to get from one to the other.
fn edits(from: &[char], to: &[char]) -> usize {
    let mut before = vec![0; to.len() + 1];
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut next = vec![i + 1; to.len() + 1];
        for (j, b) in to.iter().enumerate() {
            next[j + 1] = (row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                next[j + 1] = next[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_nothing_far_fetched() {
        let most = "ä".repeat(NAME_CHARS_MAX);
        let names =
            ["time", "lower", "userIdentity", "actor.id", "a", "b", "eq", "ew", "severity", "since", &most];
        for (name, want) in [
            ("tiem", Some("time")),
            ("tme", Some("time")),
            ("lowr", Some("lower")),
            ("lwoer", Some("lower")),
            ("useridentity", Some("userIdentity")),
            ("user_identity", Some("userIdentity")),
            ("actor.ids", Some("actor.id")),
            ("sinse", Some("since")),
            ("Sevreity", Some("severity")),
            ("svrty", None),
            ("swevrity", Some("severity")),
            ("eqq", Some("eq")),
            ("A", Some("a")),
            // One letter of two is half a name; the caller lists what there is.
            ("e", None),
            ("em", None),
            ("c", None),
            ("eventName", None),
            ("xy", None),
            ("time", None),
            ("", None),
            (&most.replacen('ä', "Ö", 1), Some(&*most)),
            (&format!("{most}e"), None),
            (&"time".repeat(1 << 20), None),
        ] {
            assert_eq!(nearest_name(name, names), want, "{name:.80}");
        }
        assert_eq!(nearest_name("bab", ["bob", "bib"]), Some("bob"), "the first of two as near");
        assert_eq!(nearest_name("time", ["x".repeat(1 << 20).as_str(), "times"]), Some("times"));
    }
}
