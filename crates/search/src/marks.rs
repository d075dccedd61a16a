//! Marks: sets of events that change after they were indexed, by leaf index.
//!
//! Who sets them (retention, holds, erasure) keeps the truth elsewhere, and sets them again where
//! [`Search::marks_generation`](crate::Search::marks_generation) shows that the index lost them. They are stored in
//! `marks` beside the manifest, replaced as a whole and synced before they count, and count only for the history of the
//! ledger that they were set in: in another one, the same leaf index is another event.
//!
//! Beside them, in memory only, is what is *removed*: entries that are leaving the index for ever (see `purge`). To a
//! query they are hidden like any others; they are a set of their own because marks can be taken away again.
//! Invariant: a query sees the marks of one moment, from beginning to end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

use crate::error::SearchError;
use crate::manifest::replace;
use crate::source::EventSource;

/// What an event can be marked as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// In no answer any more and in no count, because it expired or was erased without a trace.
    Hidden,
    /// Its contents were erased.
    Erased,
    /// A legal hold keeps it.
    Held,
    /// Something about it is out of the ordinary.
    Anomalous,
}

impl Mark {
    /// All of them, in the order of their numbers.
    pub const ALL: [Mark; 4] = [Mark::Hidden, Mark::Erased, Mark::Held, Mark::Anomalous];
}

/// The marks at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Marks {
    /// Raised by every change of what is stored; 0 if there never was one.
    pub(crate) generation: u64,
    /// Raised by every change of what is removed.
    removals: u64,
    /// What is removed is among what is hidden.
    sets: [RoaringTreemap; Mark::ALL.len()],
    removed: Arc<RoaringTreemap>,
}

impl Marks {
    /// The leaf indices that are marked so.
    pub(crate) fn of(&self, mark: Mark) -> &RoaringTreemap {
        &self.sets[mark as usize]
    }

    /// The leaf indices that are removed: no document of theirs may enter the index, and those that it has are going.
    pub(crate) fn removed(&self) -> &Arc<RoaringTreemap> {
        &self.removed
    }

    /// Tells these marks from those of any other moment since the start.
    pub(crate) fn moment(&self) -> [u64; 2] {
        [self.generation, self.removals]
    }
}

/// A ledger up to some moment, by its last entry then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct History {
    /// Entries.
    pub(crate) size: u64,
    /// The leaf hash of the last of them; zeros if there is none.
    pub(crate) last_leaf: [u8; 32],
}

impl History {
    /// The history of the first `size` entries of a ledger that has them.
    ///
    /// # Errors
    /// [`SearchError::Source`].
    pub(crate) fn of(source: &dyn EventSource, size: u64) -> Result<History, SearchError> {
        let Some(last) = size.checked_sub(1) else { return Ok(History { size, last_leaf: [0; 32] }) };
        let records = source.records(last..size).map_err(SearchError::Source)?;
        match records.first() {
            Some(record) => Ok(History { size, last_leaf: record.leaf_hash() }),
            None => Err(SearchError::Source("it gave no records though it has some".into())),
        }
    }

    /// Whether a ledger of `durable` entries goes on from here.
    pub(crate) fn is_of(&self, source: &dyn EventSource, durable: u64) -> bool {
        if self.size > durable {
            return false;
        }
        History::of(source, self.size).map_or_else(
            |error| {
                // A ledger that can't be read now says nothing against the marks.
                tracing::warn!(error = error.chain(), "marks could not be compared with the ledger");
                true
            },
            |found| found == *self,
        )
    }
}

const MARKS: &str = "marks";
/// The first bytes of the file; the last of them is its version.
const MAGIC: [u8; 8] = *b"indmark\x02";

/// The marks in memory and on disk.
#[derive(Debug)]
pub(crate) struct MarkStore {
    root: PathBuf,
    log: [u8; 16],
    present: RwLock<Arc<Marks>>,
    /// The marks as they are stored, nothing removed among them. Held across a change, so that changes follow each other.
    stored: Mutex<Marks>,
}

impl MarkStore {
    /// Reads the marks of the index in `root`; a file that is absent, damaged, of another log, version or history means
    /// none.
    pub(crate) fn open(root: &Path, log: [u8; 16], is_ours: impl FnOnce(&History) -> bool) -> MarkStore {
        let of_ours = |(history, marks): (History, Marks)| match is_ours(&history) {
            true => Ok(marks),
            false => Err("the file belongs to another history of the ledger"),
        };
        let marks = match fs::read(root.join(MARKS)) {
            Ok(bytes) => decode(&bytes, log).and_then(of_ours).unwrap_or_else(|reason| {
                tracing::error!(reason, "marks of the search index are lost until they are set again");
                Marks::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Marks::default(),
            Err(error) => {
                tracing::error!(%error, "marks of the search index are lost until they are set again");
                Marks::default()
            }
        };
        let present = RwLock::new(Arc::new(marks.clone()));
        MarkStore { root: root.to_owned(), log, present, stored: Mutex::new(marks) }
    }

    /// The marks of this moment.
    pub(crate) fn present(&self) -> Arc<Marks> {
        Arc::clone(&self.present.read())
    }

    /// Sets or clears a mark in a ledger of this history; it is durable and counts when this returns, and neither if it
    /// fails.
    pub(crate) fn change(
        &self,
        mark: Mark,
        indices: impl IntoIterator<Item = u64>,
        on: bool,
        history: History,
    ) -> Result<(), SearchError> {
        let mut stored = self.stored.lock();
        let mut next = stored.clone();
        let set = &mut next.sets[mark as usize];
        let mut changed = false;
        for index in indices {
            changed |= if on { set.insert(index) } else { set.remove(index) };
        }
        if changed || next.generation == 0 {
            next.generation += 1;
            self.write(&next, &history)?;
            *stored = next;
            self.publish(&stored);
        }
        Ok(())
    }

    /// Changes what is removed; it counts when this returns.
    pub(crate) fn change_removed(&self, change: impl FnOnce(&mut RoaringTreemap)) {
        let mut stored = self.stored.lock();
        let mut removed = RoaringTreemap::clone(&stored.removed);
        change(&mut removed);
        if removed != *stored.removed {
            stored.removed = Arc::new(removed);
            stored.removals += 1;
            self.publish(&stored);
        }
    }

    /// Has queries that begin from now on see what is stored, and what is removed as hidden.
    fn publish(&self, stored: &Marks) {
        let mut marks = stored.clone();
        marks.sets[Mark::Hidden as usize] |= &*marks.removed;
        *self.present.write() = Arc::new(marks);
    }

    fn write(&self, marks: &Marks, history: &History) -> Result<(), SearchError> {
        let encoded = encode(marks, self.log, history);
        let bytes = encoded.map_err(SearchError::io("encode", self.root.join(MARKS)))?;
        replace(&self.root, MARKS, &bytes)
    }
}

/// Magic and version, log, history, generation, each set with its length before it, CRC-32 of all that; integers
/// little-endian.
fn encode(marks: &Marks, log: [u8; 16], history: &History) -> io::Result<Vec<u8>> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(log);
    bytes.extend(history.size.to_le_bytes());
    bytes.extend(history.last_leaf);
    bytes.extend(marks.generation.to_le_bytes());
    for set in &marks.sets {
        bytes.extend((set.serialized_size() as u64).to_le_bytes());
        set.serialize_into(&mut bytes)?;
    }
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    Ok(bytes)
}

fn decode(bytes: &[u8], log: [u8; 16]) -> Result<(History, Marks), &'static str> {
    let damaged = "the file is damaged";
    let (body, sum) = bytes.split_last_chunk::<4>().ok_or(damaged)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return Err(damaged);
    }
    let (magic, rest) = body.split_first_chunk::<8>().ok_or(damaged)?;
    if *magic != MAGIC {
        return Err("the file has another format version");
    }
    let (of, rest) = rest.split_first_chunk::<16>().ok_or(damaged)?;
    if *of != log {
        return Err("the file belongs to another log");
    }
    let (size, rest) = rest.split_first_chunk::<8>().ok_or(damaged)?;
    let (last_leaf, rest) = rest.split_first_chunk::<32>().ok_or(damaged)?;
    let history = History { size: u64::from_le_bytes(*size), last_leaf: *last_leaf };
    let (generation, mut rest) = rest.split_first_chunk::<8>().ok_or(damaged)?;
    let mut marks = Marks { generation: u64::from_le_bytes(*generation), ..Marks::default() };
    for set in &mut marks.sets {
        let (length, after) = rest.split_first_chunk::<8>().ok_or(damaged)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged)?;
        let (bytes, after) = after.split_at_checked(length).ok_or(damaged)?;
        *set = RoaringTreemap::deserialize_from(bytes).map_err(|_| damaged)?;
        rest = after;
    }
    Ok((history, marks))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HISTORY: History = History { size: 9, last_leaf: [3; 32] };

    fn open(dir: &Path, log: u8) -> MarkStore {
        MarkStore::open(dir, [log; 16], |history| *history == HISTORY)
    }

    #[test]
    fn marks_come_back_after_a_restart_and_can_be_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), 7);
        assert_eq!(store.present().generation, 0);
        let early = store.present();
        store.change(Mark::Held, [5, u64::MAX, 1 << 40], true, HISTORY).unwrap();
        store.change(Mark::Hidden, 100..200, true, HISTORY).unwrap();
        store.change(Mark::Hidden, [150, 7], false, HISTORY).unwrap();
        assert!(early.of(Mark::Held).is_empty(), "a query sees one moment");
        let generation = store.present().generation;
        store.change(Mark::Hidden, [150], false, HISTORY).unwrap();
        assert_eq!(store.present().generation, generation, "nothing changed");
        let again = open(dir.path(), 7).present();
        assert_eq!(*again, *store.present());
        assert_eq!(again.of(Mark::Held).iter().collect::<Vec<_>>(), [5, 1 << 40, u64::MAX]);
        assert_eq!(again.of(Mark::Hidden).len(), 99);
        assert_eq!(open(dir.path(), 8).present().generation, 0, "marks of another log");
        let of_another = MarkStore::open(dir.path(), [7; 16], |_| false).present();
        assert_eq!(*of_another, Marks::default(), "marks of another history");
    }

    #[test]
    fn any_changed_byte_or_cut_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), 7);
        for (at, mark) in Mark::ALL.into_iter().enumerate() {
            assert_eq!(mark as usize, at);
            store.change(mark, (0..50).map(|n| n * n + at as u64), true, HISTORY).unwrap();
        }
        let good = fs::read(dir.path().join(MARKS)).unwrap();
        assert_eq!(decode(&good, [7; 16]).unwrap(), (HISTORY, Marks::clone(&store.present())));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 4;
            assert!(decode(&bad, [7; 16]).is_err(), "byte {at}");
            assert!(decode(&good[..at], [7; 16]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_could_not_be_stored_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), 7);
        fs::create_dir(dir.path().join("marks.new")).unwrap();
        assert!(store.change(Mark::Erased, [1], true, HISTORY).is_err());
        assert!(store.present().of(Mark::Erased).is_empty());
        fs::remove_dir(dir.path().join("marks.new")).unwrap();
        store.change(Mark::Erased, [1], true, HISTORY).unwrap();
        assert!(store.present().of(Mark::Erased).contains(1));
    }
}
