//! The thread that keeps splits few and sound: merges small ones, compares checksums.
//!
//! Merged are neighbours of a like size, so that an event is rewritten once per tier and ledger order stays.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::commit::{Covers, Made};
use crate::error::SearchError;
use crate::manifest::verify;
use crate::split;
use crate::split::{Input, Split};
use crate::state::{Job, State, Work};

const RETRY: Duration = Duration::from_secs(10);

/// Largest number of events of a split in the lowest tier; each further tier is larger by the merge factor.
const TIER: u64 = 1_024;

pub(crate) enum Task {
    Verify(String),
    Merge(Vec<Arc<Split>>),
}

/// Works until the index closes.
pub(crate) fn tend(state: &State) {
    while let Some(task) = next(state) {
        let done = run(state, &task);
        state.note(Job::Merging, done.as_ref().err());
        let failed = done.is_err();
        let mut work = state.work.lock();
        finish(&mut work, task, failed);
        if failed && !state.is_closing() {
            state.work_changed.wait_for(&mut work, RETRY);
        }
    }
}

fn next(state: &State) -> Option<Task> {
    let mut work = state.work.lock();
    while !state.is_closing() {
        if let Some(task) = take(state, &mut work) {
            return Some(task);
        }
        state.work_changed.wait(&mut work);
    }
    None
}

/// The next thing to tend to, if there is any.
pub(crate) fn take(state: &State, work: &mut Work) -> Option<Task> {
    if let Some(name) = work.suspects.pop_front() {
        return Some(Task::Verify(name));
    }
    let merge = if std::mem::take(&mut work.merge_due) { to_merge(state) } else { None };
    merge.map(Task::Merge).or_else(|| work.retries.pop_front().map(Task::Verify))
}

/// Notes what is to be done after a task. What failed lets other work go first: neither must wait for ever.
pub(crate) fn finish(work: &mut Work, task: Task, failed: bool) {
    match task {
        Task::Verify(name) if failed => {
            work.retries.push_back(name);
            work.merge_due = true;
        }
        Task::Verify(_) => {}
        Task::Merge(_) => {
            if failed {
                work.suspects.append(&mut work.retries);
            }
            work.merge_due = true;
        }
    }
}

/// The splits to merge next, if there are any.
fn to_merge(state: &State) -> Option<Vec<Arc<Split>>> {
    let view = state.view();
    // A vacant run adjoins no other, and keeps no splits apart.
    let reaches = |end| match view.vacant.binary_search_by_key(&end, |run| run.first) {
        Ok(at) => view.vacant[at].end,
        Err(_) => end,
    };
    let size = |split: &Arc<Split>| (split.meta.first..reaches(split.meta.end), split.meta.events);
    let sizes: Vec<_> = view.splits.iter().map(size).collect();
    // A document's number has 32 bits.
    let events_max = state.config.split_events_max.min(u64::from(u32::MAX));
    let run = pick(&sizes, state.config.merge_factor.max(2), events_max)?;
    Some(view.splits[run].to_vec())
}

/// Does it.
pub(crate) fn run(state: &State, task: &Task) -> Result<(), SearchError> {
    match task {
        Task::Verify(name) => check(state, name),
        Task::Merge(splits) => merge(state, splits),
    }
}

/// The run of neighbouring splits to merge next, the smallest tier first.
///
/// A run has `factor` splits of one tier, and whatever smaller ones lie between them. So what comes out is of a higher
/// tier, and an event is rewritten at most once per tier.
fn pick(splits: &[(Range<u64>, u64)], factor: usize, events_max: u64) -> Option<Range<usize>> {
    let (mut below, mut tier) = (0, TIER);
    while tier < events_max {
        let (mut start, mut events, mut of_tier) = (0, 0, 0);
        for (at, (range, size)) in splits.iter().enumerate() {
            let adjoins = at == start || splits[at - 1].0.end == range.start;
            if *size > tier || !adjoins || events + size > events_max {
                start = if *size > tier { at + 1 } else { at };
                (events, of_tier) = (0, 0);
            }
            if *size <= tier {
                events += size;
                of_tier += usize::from(*size > below);
                if of_tier >= factor {
                    return Some(start..at + 1);
                }
            }
        }
        (below, tier) = (tier, tier.saturating_mul(factor as u64));
    }
    None
}

fn merge(state: &State, splits: &[Arc<Split>]) -> Result<(), SearchError> {
    let _merging = state.merging.lock();
    let view = state.view();
    if splits.iter().any(|split| !view.splits.iter().any(|other| Arc::ptr_eq(split, other))) {
        // A purge was faster. There will be another run to merge.
        return Ok(());
    }
    drop(view);
    let marks = state.marks.present();
    let mut inputs = Vec::with_capacity(splits.len());
    for split in splits {
        inputs.push(Input { split: Arc::clone(split), left_out: split.docs_of(marks.removed())? });
    }
    replace(state, &inputs, &|| Ok(()))
}

/// Puts one split in the place of these, which follow each other, without the documents that are to be left out; what has
/// none then is vacant. `state.merging` is held meanwhile. `look` is called now and then, and may end it.
///
/// # Errors
/// [`SearchError::Damaged`] with a split that was thrown out; [`SearchError::Io`], or that of `look`, and nothing changed.
pub(crate) fn replace(
    state: &State,
    inputs: &[Input],
    look: &dyn Fn() -> Result<(), SearchError>,
) -> Result<(), SearchError> {
    let (Some(first), Some(last)) = (inputs.first(), inputs.last()) else { return Ok(()) };
    for Input { split, .. } in inputs {
        // A damaged split must not lend its damage to a new one with a good checksum.
        if let Err(error) = verify(&state.root, &split.meta) {
            if error.is_damage() {
                state.discard(&split.meta.name)?;
            }
            return Err(error);
        }
    }
    let covers = Covers {
        first: first.split.meta.first,
        end: last.split.meta.end,
        received_through: last.split.meta.received_through,
        last_leaf: unhex(&last.split.meta.last_leaf),
    };
    let made = match inputs.iter().all(|input| input.docs() == 0) {
        true => Made::Vacant(covers.vacant()),
        false => state.make_split(&covers, |path| split::merge(path, &state.log, inputs, look))?,
    };
    let names: Vec<String> = inputs.iter().map(|input| input.split.meta.name.clone()).collect();
    state.commit(made, &names, &[])?;
    Ok(())
}

fn check(state: &State, name: &str) -> Result<(), SearchError> {
    let view = state.view();
    let Some(split) = view.splits.iter().find(|split| split.meta.name == name) else {
        return state.reopen(name);
    };
    match verify(&state.root, &split.meta) {
        Err(error) if error.is_damage() => {
            tracing::warn!(split = name, error = error.chain(), "split is rebuilt from the ledger");
            state.discard(name)
        }
        compared => compared,
    }
}

/// The bytes of a hash in hex; what is no hash was never written by us and becomes zeros, which match no entry.
fn unhex(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = text.get(2 * at..2 * at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn splits(sizes: &[u64]) -> Vec<(Range<u64>, u64)> {
        let mut first = 0;
        let place = |&size: &u64| {
            first += size;
            (first - size..first, size)
        };
        sizes.iter().map(place).collect()
    }

    #[test]
    fn merges_neighbours_of_a_tier() {
        for (sizes, expected) in [
            (&[][..], None),
            (&[1, 1], None),
            (&[1, 1, 1], Some(0..3)),
            (&[9000, 1, 1, 1], Some(1..4)),
            (&[1, 9000, 1, 1], None),
            (&[1, 1, 5000, 1, 1, 1], Some(3..6)),
            (&[3000, 1, 2000, 1000], None),
            (&[3000, 1, 2000, 1000, 1500], Some(0..5)),
            (&[50_000, 1, 1], None),
            (&[60_000, 60_000, 60_000], None),
        ] {
            assert_eq!(pick(&splits(sizes), 3, 100_000), expected, "{sizes:?}");
        }
    }

    #[test]
    fn never_merges_over_a_hole() {
        let mut list = splits(&[1, 1, 1, 1]);
        list.remove(1);
        assert_eq!(pick(&list, 3, 100_000), None);
        assert_eq!(pick(&list, 2, 100_000), Some(1..3));
    }

    #[test]
    fn ends_with_few_splits() {
        let mut list: Vec<(Range<u64>, u64)> = Vec::new();
        for at in 0..100_000 {
            list.push((at..at + 1, 1));
            while let Some(run) = pick(&list, 8, 1 << 20) {
                let merged = (
                    list[run.start].0.start..list[run.end - 1].0.end,
                    list[run.clone()].iter().map(|s| s.1).sum(),
                );
                list.splice(run, [merged]);
            }
        }
        assert!(list.len() < 60, "{}", list.len());
    }
}
