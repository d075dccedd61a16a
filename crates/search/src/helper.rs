//! The follower's second pair of hands while there is much to follow: a thread that derives half of each batch and reads
//! the next one.
//!
//! Reading, checking and decoding a record costs several times what pushing its document into the tail does, and only
//! the latter has to happen in order. Invariant: there is one task at a time, and for each task the documents of its
//! records come back in their order, then what was read ahead.

use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, Scope};

use indelible_ledger::Stored;

use crate::doc::Doc;
use crate::source::Batches;
use crate::state::State;

/// What the helper does for one batch.
struct Task {
    /// To be derived.
    records: Vec<Stored>,
    /// To be read from its beginning, as far as one batch goes.
    ahead: Range<u64>,
    batches: Batches,
}

/// A batch that was read ahead; `None` where that failed: the follower finds out why when it reads itself.
type Ahead = Option<(Vec<Stored>, Batches)>;

/// The thread, as the follower holds it; it ends when this is dropped.
pub(crate) struct Helper {
    tasks: Sender<Task>,
    docs: Receiver<Vec<Option<Doc>>>,
    ahead: Receiver<Ahead>,
    /// The end of what it was told to derive, while it reads ahead from there.
    reads_from: Option<u64>,
}

impl Helper {
    /// Starts the thread. Where that is not possible, the follower does everything alone.
    pub(crate) fn start<'s>(scope: &'s Scope<'s, '_>, state: &'s State) -> Option<Self> {
        let ((tasks, given), (derived, docs), (read, ahead)) = (channel(), channel(), channel());
        let help = move || {
            // The channels end with the follower.
            while let Ok(Task { records, ahead, batches }) = given.recv() {
                let docs = records.iter().map(|record| state.document(record)).collect();
                if derived.send(docs).is_err() || read.send(read_ahead(state, ahead, batches)).is_err() {
                    return;
                }
            }
        };
        let started = Builder::new().name("search-help".to_owned()).spawn_scoped(scope, help);
        started.ok().map(|_| Self { tasks, docs, ahead, reads_from: None })
    }

    /// Has records derived, and what begins with `ahead` read. To be followed by [`Helper::docs`], then by
    /// [`Helper::ahead`].
    pub(crate) fn give(&mut self, records: Vec<Stored>, ahead: Range<u64>, batches: Batches) {
        self.reads_from = Some(ahead.start);
        // A helper that ended is noticed when its answer does not come.
        let _ = self.tasks.send(Task { records, ahead, batches });
    }

    /// The documents of the records that were given last.
    ///
    /// # Panics
    /// If the helper panicked, which is a bug.
    pub(crate) fn docs(&self) -> Vec<Option<Doc>> {
        self.docs.recv().expect("the helper ends after the follower")
    }

    /// What was read ahead, if that begins at `next` and came to anything.
    ///
    /// # Panics
    /// As [`Helper::docs`].
    pub(crate) fn ahead(&mut self, next: u64) -> Ahead {
        let from = self.reads_from.take()?;
        let ahead = self.ahead.recv().expect("the helper ends after the follower");
        ahead.filter(|_| from == next)
    }
}

fn read_ahead(state: &State, range: Range<u64>, mut batches: Batches) -> Ahead {
    if range.is_empty() {
        return None;
    }
    let records = batches.next(&*state.source, range).ok()?;
    Some((records, batches))
}
