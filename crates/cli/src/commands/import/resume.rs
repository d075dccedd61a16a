//! How far an import came and what it was sending, noted outside the imported file's directory, which may be read-only.
//!
//! Invariant: a batch is noted with its key before it is sent, and noted as stored before the next one is sent. So
//! whatever is interrupted, the next run knows the one batch that may be stored, and sends exactly that batch again
//! under the same key, whatever its own batches are like.

use std::{
    env,
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use indelible_ingest::{Record, RecordError, RecordsError};
use indelible_merkle::{Hash, leaf_hash, node_hash};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    args::ImportArgs,
    exit::{Done, Exit},
};

/// A record, or why there is none.
pub(super) type Read = Result<Record, RecordError>;

/// Hash of all records from the file's first on, with their places: a file that was replaced has another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct Passed(Hash);

impl Passed {
    pub(super) fn add(&mut self, record: &Record) {
        let place = [record.start.to_be_bytes(), record.end.to_be_bytes()].concat();
        self.0 = node_hash(&node_hash(&self.0, &leaf_hash(&place)), &leaf_hash(record.json.as_bytes()));
    }
}

impl From<Passed> for String {
    fn from(passed: Passed) -> Self {
        hex::encode(passed.0)
    }
}

impl TryFrom<String> for Passed {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut hash = Hash::default();
        hex::decode_to_slice(text, &mut hash)?;
        Ok(Self(hash))
    }
}

/// What a note says in all versions up to this one. A field that is added is given a default and needs no other version;
/// one that earlier programs must not pass over does.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Note {
    /// Notes without it are of version 1, too.
    #[serde(default = "first_version")]
    version: u32,
    // For people who look into it; the note's name tells which import it belongs to.
    #[serde(default)]
    file: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    format: String,
    #[serde(default)]
    tenant: Option<String>,
    /// Makes the keys of this import its own: after it is complete, the same file can be imported again.
    nonce: String,
    /// Records that end at or before this offset are stored.
    offset: u64,
    /// Of the records up to `offset`.
    passed: Passed,
    #[serde(default)]
    pending: Option<Pending>,
}

fn first_version() -> u32 {
    1
}

/// A batch that may be stored.
#[derive(Clone, Serialize, Deserialize)]
struct Pending {
    start: u64,
    end: u64,
    /// Of the records up to `end`.
    passed: Passed,
    key: String,
}

/// The note of one import; kept in memory only for standard input.
pub(super) struct Resume {
    place: Option<PathBuf>,
    note: Note,
}

impl Resume {
    /// # Errors
    /// The file or the note can't be read. A note that is none is told on standard error, and the import starts over.
    pub(super) fn open(args: &ImportArgs, format: &str) -> Result<Self, Exit> {
        let fresh = |file: &Path| Note {
            version: VERSION,
            file: file.display().to_string(),
            url: args.remote.url.clone(),
            format: format.to_owned(),
            tenant: args.tenant.clone(),
            nonce: Uuid::new_v4().simple().to_string(),
            offset: 0,
            passed: Passed::default(),
            pending: None,
        };
        if args.file == Path::new("-") {
            return Ok(Self { place: None, note: fresh(&args.file) });
        }
        let file = fs::canonicalize(&args.file)
            .map_err(|error| Exit::unknown(format!("can't read {}: {error}", args.file.display())))?;
        let import = format!("\n{}\n{format}\n{:?}", args.remote.url, args.tenant);
        let name = leaf_hash(&[file.as_os_str().as_encoded_bytes(), import.as_bytes()].concat());
        let place = directory()?.join(format!("{}.json", hex::encode(&name[..16])));
        Self::at(place, fresh(&file), args.restart)
    }

    fn at(place: PathBuf, fresh: Note, restart: bool) -> Result<Self, Exit> {
        let known = if restart { None } else { read(&place)? };
        Ok(Self { place: Some(place), note: known.unwrap_or(fresh) })
    }

    /// Whether an earlier run began this import.
    pub(super) fn is_under_way(&self) -> bool {
        self.note.offset > 0 || self.note.pending.is_some()
    }

    /// Records that end at or before this offset were stored by an earlier run.
    pub(super) fn offset(&self) -> u64 {
        self.note.offset
    }

    /// Of the records up to [`Resume::offset`].
    pub(super) fn passed(&self) -> Passed {
        self.note.passed
    }

    /// Where the batch ends that is to be sent again just as it was.
    pub(super) fn repeats_until(&self) -> Option<u64> {
        self.note.pending.as_ref().map(|pending| pending.end)
    }

    /// Passes over what is stored; returns what was read beyond it, or nothing when the file is not the one that the
    /// earlier run read.
    ///
    /// # Errors
    /// The file can't be read as far as the earlier run read it.
    pub(super) fn catch_up(
        &mut self,
        records: &mut impl Iterator<Item = Read>,
    ) -> Result<Option<Vec<Read>>, Exit> {
        let mut passed = Passed::default();
        if !through(records, self.note.offset, &mut passed, |_| {})? || passed != self.note.passed {
            return Ok(None);
        }
        let mut ahead = Vec::new();
        if let Some(pending) = &self.note.pending {
            let ends = through(records, pending.end, &mut passed, |read| ahead.push(read))?;
            if !ends || passed != pending.passed {
                // What is before it is stored and the same: starting over would store that twice for sure.
                eprintln!(
                    "note: the file has changed between bytes {} and {}, which were being sent when the import \
                     stopped; they may be stored as they were",
                    pending.start, pending.end
                );
                self.note.pending = None;
            }
        }
        Ok(Some(ahead))
    }

    /// Makes this a new import.
    pub(super) fn start_over(&mut self) {
        self.note.nonce = Uuid::new_v4().simple().to_string();
        self.note.offset = 0;
        self.note.passed = Passed::default();
        self.note.pending = None;
    }

    /// Notes the batch that is about to be sent; returns its key, and whether an earlier run may have stored it.
    pub(super) fn begin(
        &mut self,
        start: u64,
        end: u64,
        passed: Passed,
        body: &[u8],
    ) -> Result<(String, bool), Exit> {
        if let Some(pending) = &self.note.pending
            && (pending.start, pending.end, pending.passed) == (start, end, passed)
        {
            return Ok((pending.key.clone(), true));
        }
        let key = key(&self.note.nonce, start, body);
        self.note.pending = Some(Pending { start, end, passed, key: key.clone() });
        self.write()?;
        Ok((key, false))
    }

    /// Notes that everything up to the end of the batch is stored, or refused for good.
    pub(super) fn stored(&mut self, end: u64, passed: Passed) -> Done {
        (self.note.offset, self.note.passed, self.note.pending) = (end, passed, None);
        self.write()
    }

    /// Notes that nothing of the batch is stored: the next run may make other batches.
    pub(super) fn not_stored(&mut self) -> Done {
        self.note.pending = None;
        self.write()
    }

    fn write(&self) -> Done {
        let Some(place) = &self.place else { return Ok(()) };
        let unwritable =
            |error: std::io::Error| Exit::unknown(format!("can't write {}: {error}", place.display()));
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).map_err(unwritable)?;
        }
        let bytes = serde_json::to_vec(&self.note).map_err(|error| Exit::unknown(error.to_string()))?;
        // Replaced as a whole and on disk before the batch is sent: half a note would start the import over.
        let fresh = place.with_extension("new");
        let written = File::create(&fresh).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&fresh, place)).map_err(unwritable)
    }

    /// The import is complete: the next one of the same file is a new one.
    pub(super) fn forget(&self) -> Done {
        let Some(place) = &self.place else { return Ok(()) };
        match fs::remove_file(place) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Exit::unknown(format!(
                "the import is complete, but its note {} can't be removed: {error}",
                place.display()
            ))
            .hint("with the note there, the next import of the same file would skip what this one read")),
            _ => Ok(()),
        }
    }
}

fn read(place: &Path) -> Result<Option<Note>, Exit> {
    let bytes = match fs::read(place) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let what =
                format!("can't read {}, which tells how far the import came: {error}", place.display());
            return Err(Exit::unknown(what).hint("--restart starts over without it"));
        }
    };
    match serde_json::from_slice::<Note>(&bytes) {
        Ok(note) if note.version > VERSION => {
            let what = format!("{} was written by a newer version of this program", place.display());
            Err(Exit::unknown(what).hint("go on with that version, or start over with --restart"))
        }
        Ok(note) => Ok(Some(note)),
        Err(error) => {
            eprintln!(
                "note: {} does not tell how far the import came ({error}); starting over",
                place.display()
            );
            Ok(None)
        }
    }
}

/// Reads on until a record ends at `end`; returns whether one does.
fn through(
    records: &mut impl Iterator<Item = Read>,
    end: u64,
    passed: &mut Passed,
    mut keep: impl FnMut(Read),
) -> Result<bool, Exit> {
    if end == 0 {
        return Ok(true);
    }
    for read in records {
        let at = match &read {
            Ok(record) => {
                passed.add(record);
                record.end
            }
            Err(RecordError { kind: RecordsError::Read(_), .. }) => {
                let what = format!("can't read the file up to byte {end}, where the import stopped");
                return Err(Exit::unknown(what).hint("if it is another file now, --restart starts over"));
            }
            // Records that were not sent, and the end of what is well formed.
            Err(_) => 0,
        };
        keep(read);
        if at >= end {
            return Ok(at == end);
        }
    }
    Ok(false)
}

/// The same for the same records of the same import only.
fn key(nonce: &str, start: u64, body: &[u8]) -> String {
    let place = format!("{nonce}\n{start}\n");
    format!("import-{}", hex::encode(leaf_hash(&[place.as_bytes(), body].concat())))
}

fn directory() -> Result<PathBuf, Exit> {
    let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let state = state.or_else(home).ok_or_else(|| {
        Exit::usage("neither XDG_STATE_HOME nor HOME is set, so there is no place for the note of how far the import came")
    })?;
    Ok(state.join("indelible/imports"))
}

#[cfg(test)]
mod tests {
    use indelible_ingest::{Records, RecordsOptions};

    use super::*;

    const FILE: &str = "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n{\"n\":5}\n";

    fn fresh() -> Note {
        Note {
            version: VERSION,
            file: "f".into(),
            url: "u".into(),
            format: "generic".into(),
            tenant: None,
            nonce: Uuid::new_v4().simple().to_string(),
            offset: 0,
            passed: Passed::default(),
            pending: None,
        }
    }

    fn open(place: &Path, restart: bool) -> Resume {
        Resume::at(place.to_owned(), fresh(), restart).unwrap()
    }

    fn records(text: &str) -> Records<&[u8]> {
        Records::open(text.as_bytes(), RecordsOptions::default()).unwrap()
    }

    /// The first `count` records' end and hash.
    fn upto(text: &str, count: usize) -> (u64, Passed) {
        let mut passed = Passed::default();
        let mut end = 0;
        for record in records(text).take(count) {
            let record = record.unwrap();
            passed.add(&record);
            end = record.end;
        }
        (end, passed)
    }

    /// Two records stored, the third and fourth being sent.
    fn interrupted(place: &Path) -> String {
        let mut resume = open(place, false);
        let (two, passed) = upto(FILE, 2);
        resume.begin(0, two, passed, b"first").unwrap();
        resume.stored(two, passed).unwrap();
        let (four, passed) = upto(FILE, 4);
        resume.begin(two + 1, four, passed, b"second").unwrap().0
    }

    #[test]
    fn an_interrupted_batch_is_sent_again_with_its_bounds_and_its_key() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("deep/note.json");
        let key = interrupted(&place);
        let mut resume = open(&place, false);
        assert!(resume.is_under_way());
        assert_eq!((resume.offset(), resume.repeats_until()), (upto(FILE, 2).0, Some(upto(FILE, 4).0)));
        let mut file = records(FILE);
        let ahead = resume.catch_up(&mut file).unwrap().unwrap();
        let ahead: Vec<_> = ahead.into_iter().map(|read| read.unwrap().json).collect();
        assert_eq!(ahead, ["{\"n\":3}", "{\"n\":4}"]);
        assert_eq!(file.next().unwrap().unwrap().json, "{\"n\":5}", "nothing is read twice or lost");
        let (four, passed) = upto(FILE, 4);
        assert_eq!(resume.begin(upto(FILE, 2).0 + 1, four, passed, b"second").unwrap(), (key.clone(), true));
        resume.stored(four, passed).unwrap();
        assert_eq!(resume.repeats_until(), None);
        assert_ne!(resume.begin(four + 1, four + 8, passed, b"second").unwrap().0, key);
    }

    #[test]
    fn a_batch_of_which_nothing_is_stored_is_not_repeated() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("note.json");
        interrupted(&place);
        open(&place, false).not_stored().unwrap();
        let resume = open(&place, false);
        assert_eq!((resume.offset(), resume.repeats_until()), (upto(FILE, 2).0, None));
    }

    #[test]
    fn a_completed_or_restarted_import_has_other_keys() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("note.json");
        let first = open(&place, false).begin(0, 7, Passed::default(), b"x").unwrap().0;
        assert_eq!(open(&place, false).begin(0, 7, Passed::default(), b"x").unwrap(), (first.clone(), true));
        let (restarted, repeated) = open(&place, true).begin(0, 7, Passed::default(), b"x").unwrap();
        assert!(restarted != first && !repeated);
        let mut resume = open(&place, false);
        resume.forget().unwrap();
        resume.forget().unwrap();
        let (anew, repeated) = open(&place, false).begin(0, 7, Passed::default(), b"x").unwrap();
        assert!(anew != restarted && anew != first && !repeated);
        resume.start_over();
        assert!(!resume.is_under_way());
        assert_ne!(resume.begin(0, 7, Passed::default(), b"x").unwrap().0, restarted);
    }

    #[test]
    fn keys_tell_import_place_and_contents_apart_and_fit_the_header() {
        let made = key("n", 1, b"[1]");
        assert_eq!(made, key("n", 1, b"[1]"));
        for other in [key("m", 1, b"[1]"), key("n", 2, b"[1]"), key("n", 1, b"[2]")] {
            assert_ne!(made, other);
        }
        assert!((1..=255).contains(&made.len()));
    }

    #[test]
    fn a_replaced_file_is_noticed_whatever_its_size_and_a_grown_one_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("note.json");
        interrupted(&place);
        let longer = FILE.replace("{\"n\":1}", "{\"n\":1 }");
        for (what, file, goes_on) in [
            ("the same", FILE.to_owned(), true),
            ("grown", format!("{FILE}{{\"n\":6}}\n"), true),
            ("changed after what was stored", FILE.replace("\"n\":5", "\"n\":7"), true),
            ("changed in its first record", FILE.replace("\"n\":1", "\"n\":7"), false),
            ("changed in the last stored one", FILE.replace("\"n\":2", "\"n\":7"), false),
            ("longer at its beginning", longer, false),
            ("cut before the offset", FILE[..8].to_owned(), false),
            ("cut in the middle of a stored record", FILE[..12].to_owned(), false),
            ("a record over the offset", format!("{{\"n\":1}}\n{{\"n\":2{}}}\n", " ".repeat(20)), false),
            ("empty", String::new(), false),
            ("no list of records any more", "[1 2".to_owned(), false),
        ] {
            let caught_up = open(&place, false).catch_up(&mut records(&file)).unwrap();
            assert_eq!(caught_up.is_some(), goes_on, "{what}");
        }
    }

    #[test]
    fn a_changed_batch_is_not_taken_for_the_one_that_was_being_sent() {
        let directory = tempfile::tempdir().unwrap();
        for (what, file, ahead) in [
            ("changed", FILE.replace("\"n\":4", "\"n\":7"), 2),
            ("longer", FILE.replace("{\"n\":3}\n{\"n\":4}", "{\"n\":3}\n{\"n\":40}"), 2),
            ("cut", FILE[..24].to_owned(), 1),
        ] {
            let place = directory.path().join(what);
            let key = interrupted(&place);
            let mut resume = open(&place, false);
            let read = resume.catch_up(&mut records(&file)).unwrap().unwrap();
            assert_eq!(read.len(), ahead, "{what}: what was read is not lost");
            assert_eq!((resume.offset(), resume.repeats_until()), (upto(FILE, 2).0, None), "{what}");
            let (end, passed) = upto(&file, 4);
            assert_ne!(resume.begin(upto(FILE, 2).0 + 1, end, passed, b"other").unwrap().0, key, "{what}");
        }
    }

    #[test]
    fn notes_of_other_versions_are_gone_on_with_or_refused_and_never_started_over() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("note.json");
        let key = interrupted(&place);
        let written: serde_json::Value = serde_json::from_slice(&fs::read(&place).unwrap()).unwrap();
        assert_eq!(written["version"], VERSION);
        let changed = |change: &dyn Fn(&mut serde_json::Map<String, serde_json::Value>)| {
            let mut note = written.clone();
            change(note.as_object_mut().unwrap());
            fs::write(&place, note.to_string()).unwrap();
            Resume::at(place.clone(), fresh(), false)
        };
        let first = |note: &mut serde_json::Map<String, serde_json::Value>| {
            note.remove("version");
        };
        let later = |note: &mut serde_json::Map<String, serde_json::Value>| {
            note.insert("batches".into(), 7.into());
            note["pending"].as_object_mut().unwrap().insert("batch".into(), 7.into());
        };
        for resume in [changed(&first), changed(&later)] {
            let mut resume = resume.unwrap();
            assert_eq!((resume.offset(), resume.repeats_until()), (upto(FILE, 2).0, Some(upto(FILE, 4).0)));
            let (four, passed) = upto(FILE, 4);
            assert_eq!(
                resume.begin(upto(FILE, 2).0 + 1, four, passed, b"second").unwrap(),
                (key.clone(), true)
            );
        }
        let newer = changed(&|note| {
            note.insert("version".into(), (VERSION + 1).into());
        });
        assert_eq!(newer.err().unwrap().code(), 3);
    }

    #[test]
    fn a_note_that_is_none_starts_over_and_one_that_can_not_be_read_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("note.json");
        for text in ["", "{}", "{\"offset\":7", "\u{0}\u{0}"] {
            fs::write(&place, text).unwrap();
            assert!(!open(&place, false).is_under_way(), "{text:?}");
        }
        fs::remove_file(&place).unwrap();
        fs::create_dir(&place).unwrap();
        let failed = Resume::at(place.clone(), fresh(), false).err().unwrap();
        assert_eq!(failed.code(), 3);
        assert!(!Resume::at(place, fresh(), true).unwrap().is_under_way());
    }
}
