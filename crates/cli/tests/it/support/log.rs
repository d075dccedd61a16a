//! The log as an outsider reads it, with the crates tlog_tiles and signed_note: nothing of ours checks anything here.

use std::cell::RefCell;

use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{
    checkpoint::Checkpoint,
    tile::{Tile, TileHashReader, TileReader},
    tlog::{self, Hash},
};

use super::Api;

/// Verifies a signed note with a verifier key and returns its text.
///
/// # Panics
/// When the signature is not that key's.
#[track_caller]
fn open_note(note: &str, vkey: &str) -> String {
    let key = StandardVerifier::new(vkey).unwrap();
    let note = Note::from_bytes(note.as_bytes()).unwrap();
    let (verified, _) = note.verify(&VerifierList::new(vec![Box::new(key)])).unwrap();
    assert_eq!(verified.len(), 1);
    String::from_utf8(note.text().to_vec()).unwrap()
}

/// Verifies a signed checkpoint and returns its size and root.
#[track_caller]
pub(crate) fn their_checkpoint(note: &str, vkey: &str) -> (u64, Hash) {
    let checkpoint = Checkpoint::from_bytes(open_note(note, vkey).as_bytes()).unwrap();
    (checkpoint.size(), *checkpoint.hash())
}

/// A server's log.
pub(crate) struct Log {
    api: Api,
    pub(crate) vkey: String,
    failed: RefCell<Option<String>>,
}

impl Log {
    /// Takes the verifier key from the server; good enough for a test that started it.
    #[track_caller]
    pub(crate) fn new(api: &Api) -> Self {
        let vkey = api.read("/v1/ledger")["vkey"].as_str().unwrap().to_owned();
        Self { api: api.clone(), vkey, failed: RefCell::new(None) }
    }

    /// The newest checkpoint's note, size and root.
    #[track_caller]
    pub(crate) fn checkpoint(&self) -> (String, u64, Hash) {
        let note = self.api.get("/checkpoint").expect(200).text();
        let (size, root) = their_checkpoint(&note, &self.vkey);
        (note, size, root)
    }

    /// Recomputes the root at an older size from tiles that are checked against the newest root.
    #[track_caller]
    pub(crate) fn root_at(&self, size: u64, newest: (u64, Hash)) -> Hash {
        let root = tlog::tree_hash(size, &TileHashReader::new(newest.0, newest.1, self));
        root.unwrap_or_else(|error| panic!("{error:?}: {:?}", self.failed.borrow()))
    }

    /// All entries, each checked against its leaf in a tree whose root is the newest checkpoint's.
    #[track_caller]
    pub(crate) fn entries(&self) -> Vec<Vec<u8>> {
        let (_, size, root) = self.checkpoint();
        let mut entries = Vec::new();
        let mut row = Row(Vec::new());
        for index in 0..size.div_ceil(256) {
            let width = (size - index * 256).min(256);
            let bundle = self.api.get(&format!("/{}", path("entries", index, width))).expect(200).body;
            let mut rest = bundle.as_slice();
            while let Some((len, after)) = rest.split_first_chunk::<2>() {
                let (entry, after) = after.split_at(u16::from_be_bytes(*len).into());
                let hashes = tlog::stored_hashes(entries.len() as u64, entry, &row).unwrap();
                row.0.extend(hashes);
                entries.push(entry.to_vec());
                rest = after;
            }
            assert!(rest.is_empty(), "bundle {index} ends within a length");
        }
        assert_eq!(entries.len() as u64, size);
        assert_eq!(tlog::tree_hash(size, &row).unwrap(), root, "the entries do not give the signed root");
        entries
    }
}

/// The C2SP path of a tile; tlog_tiles has the path of another protocol.
fn path(level: &str, index: u64, width: u64) -> String {
    let mut number = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        number = format!("x{:03}/{number}", rest % 1000);
        rest /= 1000;
    }
    if width == 256 { format!("tile/{level}/{number}") } else { format!("tile/{level}/{number}.p/{width}") }
}

impl TileReader for Log {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog::Error> {
        let read = |tile: &Tile| {
            let path = path(&tile.level().to_string(), tile.level_index(), tile.width().into());
            let answer = self.api.get(&format!("/{path}"));
            if answer.status == 200 {
                return Ok(answer.body);
            }
            *self.failed.borrow_mut() = Some(format!("{path}: {}", answer.text()));
            Err(tlog::Error::InvalidTile)
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// All hashes of a tree, as tlog_tiles stores them.
struct Row(Vec<Hash>);

impl tlog::HashReader for Row {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog::Error> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}
