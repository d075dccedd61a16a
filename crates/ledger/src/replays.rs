//! Remembered answers: what an idempotency key's first request was told.
//!
//! Stored in the frame of that request and in the id index. Only indexes are kept; ids, numbers and times are
//! read from the entries again.

use crate::codec::{Fields, Short, put_long};

/// How long an idempotency key is remembered, in microseconds.
pub(crate) const REPLAY_KEPT_US: u64 = 24 * 3_600 * 1_000_000;

/// What became of a run of neighbouring events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// `count` events at neighbouring indexes from `first` on.
    Stored {
        count: u32,
        first: u64,
    },
    Reused {
        count: u32,
        first: u64,
    },
    Duplicate {
        count: u32,
        first: u64,
    },
    Conflict {
        id: String,
    },
    Skipped {
        count: u32,
    },
}

/// A remembered answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReplayValue {
    pub(crate) at_us: u64,
    pub(crate) digest: [u8; 32],
    pub(crate) note: Vec<u8>,
    pub(crate) runs: Vec<Run>,
}

impl ReplayValue {
    /// Whether the answer still counts at `now_us`.
    pub(crate) fn is_fresh(&self, now_us: u64) -> bool {
        now_us < self.at_us.saturating_add(REPLAY_KEPT_US)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = self.at_us.to_be_bytes().to_vec();
        out.extend_from_slice(&self.digest);
        put_long(&mut out, &self.note);
        for run in &self.runs {
            let (tag, count) = match run {
                Run::Stored { count, .. } => (0, *count),
                Run::Reused { count, .. } => (1, *count),
                Run::Duplicate { count, .. } => (2, *count),
                Run::Conflict { .. } => (3, 1),
                Run::Skipped { count } => (4, *count),
            };
            out.push(tag);
            out.extend_from_slice(&u32::to_be_bytes(count));
            match run {
                Run::Stored { first, .. } | Run::Reused { first, .. } | Run::Duplicate { first, .. } => {
                    out.extend_from_slice(&first.to_be_bytes());
                }
                Run::Conflict { id } => put_long(&mut out, id.as_bytes()),
                Run::Skipped { .. } => {}
            }
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Short> {
        let mut f = Fields::new(bytes);
        let (at_us, digest, note) = (f.u64()?, f.array()?, f.long()?.to_vec());
        let mut runs = Vec::new();
        while !f.is_empty() {
            let (tag, count) = (f.u8()?, f.u32()?);
            runs.push(match tag {
                0 => Run::Stored { count, first: f.u64()? },
                1 => Run::Reused { count, first: f.u64()? },
                2 => Run::Duplicate { count, first: f.u64()? },
                3 => Run::Conflict { id: std::str::from_utf8(f.long()?).map_err(|_| Short)?.to_owned() },
                4 => Run::Skipped { count },
                _ => return Err(Short),
            });
        }
        Ok(Self { at_us, digest, note, runs })
    }
}

/// Joins an outcome to the runs so far.
pub(crate) fn push_run(runs: &mut Vec<Run>, next: Run) {
    let joined = match (runs.last_mut(), &next) {
        (Some(Run::Stored { count, first }), Run::Stored { first: at, .. })
        | (Some(Run::Reused { count, first }), Run::Reused { first: at, .. })
        | (Some(Run::Duplicate { count, first }), Run::Duplicate { first: at, .. })
            if *first + u64::from(*count) == *at =>
        {
            *count += 1;
            true
        }
        (Some(Run::Skipped { count }), Run::Skipped { .. }) => {
            *count += 1;
            true
        }
        _ => false,
    };
    if !joined {
        runs.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_joins_neighbours() {
        let mut runs = Vec::new();
        for index in [4, 5, 6, 9] {
            push_run(&mut runs, Run::Stored { count: 1, first: index });
        }
        push_run(&mut runs, Run::Duplicate { count: 1, first: 10 });
        push_run(&mut runs, Run::Skipped { count: 1 });
        push_run(&mut runs, Run::Skipped { count: 1 });
        push_run(&mut runs, Run::Conflict { id: "x".into() });
        push_run(&mut runs, Run::Reused { count: 1, first: 2 });
        assert_eq!(runs.len(), 6);
        assert_eq!(runs[0], Run::Stored { count: 3, first: 4 });
        let value = ReplayValue { at_us: 7, digest: [8; 32], note: b"note".to_vec(), runs };
        let bytes = value.encode();
        assert_eq!(ReplayValue::decode(&bytes), Ok(value));
        for len in 0..44 {
            assert_eq!(ReplayValue::decode(&bytes[..len]), Err(Short), "{len}");
        }
    }
}
