//! The name that was probably meant.

/// The candidate with the fewest edits to `name`, if they are few for its length; case is no edit.
pub(crate) fn nearest<'n>(name: &str, candidates: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let wanted = name.to_lowercase();
    let allowed = wanted.chars().count() / 3;
    let rated = candidates.into_iter().filter(|candidate| *candidate != name).map(|candidate| {
        let edits = edits(&wanted, &candidate.to_lowercase());
        (edits, candidate)
    });
    rated
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, remove, replace, or swap with their neighbour, to get from one text to the other.
fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
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
        let names = ["time", "lower", "userIdentity", "actor.id", "a", "b"];
        for (name, want) in [
            ("tiem", Some("time")),
            ("tme", Some("time")),
            ("lowr", Some("lower")),
            ("useridentity", Some("userIdentity")),
            ("user_identity", Some("userIdentity")),
            ("actor.ids", Some("actor.id")),
            ("c", None),
            ("A", Some("a")),
            ("eventName", None),
            ("xy", None),
            ("time", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, names), want, "{name}");
        }
    }
}
