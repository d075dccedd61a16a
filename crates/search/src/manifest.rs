//! The manifest: which splits make up the index, over which entries, with which checksums.
//!
//! `manifest` holds one line of JSON and one line with its CRC; it is replaced as a whole. Every split lies complete
//! and synced on disk before the manifest names it, and is removed only after the manifest stopped naming it. A
//! manifest that is absent, damaged or of another format version means: build the index from the ledger. One that the
//! system does not let us read now is none of these: the index must not be thrown away for it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{SearchError, is_lost};

/// Version of everything that is stored: manifest, split files, terms, words. A change in any of them raises it, but not
/// a field that no event of before has a term of: a split that lacks its dictionary says just that.
pub(crate) const FORMAT: u32 = 2;

const MANIFEST: &str = "manifest";
const SPLITS: &str = "splits";

/// The splits of the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    /// The log whose events these are.
    pub(crate) log: String,
    /// Raised with every split, so that no name is used twice.
    pub(crate) next_split: u64,
    /// In the order of their entries, without overlap.
    pub(crate) splits: Vec<SplitMeta>,
    /// Beside them the entries that need no split, in order; no two of them adjoin each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) vacant: Vec<Vacant>,
}

/// What the manifest knows of a split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SplitMeta {
    /// Its file.
    pub(crate) name: String,
    /// The first leaf index that it covers.
    pub(crate) first: u64,
    /// The leaf index after the last that it covers.
    pub(crate) end: u64,
    /// The events among them; at least one.
    pub(crate) events: u64,
    /// When the last entry covered was received, in microseconds.
    pub(crate) received_through: i64,
    /// Leaf hash of the last entry covered, in hex.
    pub(crate) last_leaf: String,
    /// The length of its file.
    pub(crate) bytes: u64,
    /// CRC-32 over all of its file.
    pub(crate) crc32: u32,
}

/// A run of entries none of which has a document, so that no split is needed for them: their events were removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vacant {
    /// The first leaf index.
    pub(crate) first: u64,
    /// The leaf index after the last.
    pub(crate) end: u64,
    /// When the last of them was received, in microseconds.
    pub(crate) received_through: i64,
    /// Leaf hash of the last of them, in hex.
    pub(crate) last_leaf: String,
}

/// Entries that need not be read from the ledger, since a split has them or because they are vacant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Covered {
    pub(crate) first: u64,
    pub(crate) end: u64,
    /// When the last of them was received, in microseconds.
    pub(crate) received_through: i64,
}

/// What splits and vacant runs, both in order, cover: in order.
pub(crate) fn covered<'m>(
    splits: impl Iterator<Item = &'m SplitMeta>,
    vacant: &'m [Vacant],
) -> impl Iterator<Item = Covered> {
    let split = |split: &SplitMeta| Covered {
        first: split.first,
        end: split.end,
        received_through: split.received_through,
    };
    let run =
        |run: &Vacant| Covered { first: run.first, end: run.end, received_through: run.received_through };
    let (mut splits, mut vacant) = (splits.map(split).peekable(), vacant.iter().map(run).peekable());
    std::iter::from_fn(move || match (splits.peek(), vacant.peek()) {
        (Some(split), Some(run)) if run.first < split.first => vacant.next(),
        (Some(_), _) => splits.next(),
        (None, _) => vacant.next(),
    })
}

/// What was found where the manifest belongs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Ready(Manifest),
    /// There is none: a new index.
    Absent,
    /// It can't be used, for this reason.
    Unusable(&'static str),
}

impl Manifest {
    pub(crate) fn empty(log: String) -> Self {
        Self { format: FORMAT, log, next_split: 0, splits: Vec::new(), vacant: Vec::new() }
    }

    /// Reads the manifest of the index in `root`, if it is one for `log` that this version can use.
    ///
    /// # Errors
    /// [`SearchError::Io`] when it is there and can't be read now.
    pub(crate) fn read(root: &Path, log: &str) -> Result<Found, SearchError> {
        let path = root.join(MANIFEST);
        match fs::read(&path) {
            Ok(bytes) => Ok(Self::decode(&bytes, log)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Absent),
            Err(error) if is_lost(&error) => Ok(Found::Unusable("the manifest is no file")),
            Err(error) => Err(SearchError::io("read", path)(error)),
        }
    }

    fn decode(bytes: &[u8], log: &str) -> Found {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let parsed = text.split_once('\n').filter(|(json, sum)| *sum == checksum_line(json));
        let Some((json, _)) = parsed else { return Found::Unusable("the manifest is damaged") };
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        match serde_json::from_str::<Version>(json) {
            Ok(version) if version.format == FORMAT => {}
            Ok(version) if version.format < FORMAT => {
                return Found::Unusable("the index has the format of an earlier version");
            }
            Ok(_) => return Found::Unusable("the index has the format of a later version"),
            Err(_) => return Found::Unusable("the manifest is damaged"),
        }
        match serde_json::from_str::<Manifest>(json) {
            Ok(manifest) if !manifest.is_ordered() => Found::Unusable("the manifest contradicts itself"),
            Ok(manifest) if manifest.log == log => Found::Ready(manifest),
            Ok(_) => Found::Unusable("the index belongs to another log"),
            Err(_) => Found::Unusable("the manifest is damaged"),
        }
    }

    fn is_ordered(&self) -> bool {
        let mut next = 0;
        let apart = self.covered().all(|range| {
            let ordered = next <= range.first && range.first < range.end;
            next = range.end;
            ordered
        });
        apart && self.splits.iter().all(|split| split.events > 0)
    }

    /// What it covers, in order.
    pub(crate) fn covered(&self) -> impl Iterator<Item = Covered> {
        covered(self.splits.iter(), &self.vacant)
    }

    /// Adds a split over entries that nothing else covers.
    pub(crate) fn add_split(&mut self, split: SplitMeta) {
        let at = self.splits.partition_point(|other| other.first < split.first);
        self.splits.insert(at, split);
    }

    /// Adds a vacant run of entries that nothing else covers; it becomes one with those that it adjoins.
    pub(crate) fn add_vacant(&mut self, run: Vacant) {
        let at = self.vacant.partition_point(|other| other.first < run.first);
        self.vacant.insert(at, run);
        self.vacant.dedup_by(|later, run| {
            let adjoins = run.end == later.first;
            if adjoins {
                *run = Vacant { first: run.first, ..later.clone() };
            }
            adjoins
        });
    }

    /// Replaces the manifest on disk; it is durable when this returns.
    ///
    /// # Errors
    /// [`SearchError::Io`]; the old one stays then.
    pub(crate) fn write(&self, root: &Path) -> Result<(), SearchError> {
        let json = serde_json::to_string(self).map_err(io::Error::from);
        let json = json.map_err(SearchError::io("encode", root.join(MANIFEST)))?;
        let sum = checksum_line(&json);
        replace(root, MANIFEST, format!("{json}\n{sum}").as_bytes())
    }
}

/// Replaces a file of the index as a whole; it is durable when this returns.
///
/// # Errors
/// [`SearchError::Io`]; the old one stays then.
pub(crate) fn replace(root: &Path, name: &str, bytes: &[u8]) -> Result<(), SearchError> {
    let (path, staged) = (root.join(name), root.join(format!("{name}.new")));
    let write = || {
        let mut file = File::create(&staged)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(SearchError::io("write", &staged))?;
    fs::rename(&staged, &path).map_err(SearchError::io("replace", &path))?;
    sync_dir(root)
}

fn checksum_line(json: &str) -> String {
    format!("crc32 {:08x}\n", crc32fast::hash(json.as_bytes()))
}

/// The directory of all splits' files.
pub(crate) fn splits_dir(root: &Path) -> std::path::PathBuf {
    root.join(SPLITS)
}

/// Makes the splits' directory, if it is not there.
///
/// # Errors
/// [`SearchError::Io`].
pub(crate) fn make_splits_dir(root: &Path) -> Result<(), SearchError> {
    let dir = splits_dir(root);
    fs::create_dir_all(&dir).map_err(SearchError::io("create", &dir))
}

/// Removes everything under the splits' directory that the manifest does not name. So that no file goes before its
/// name, the manifest is to be on disk already.
///
/// # Errors
/// [`SearchError::Io`].
pub(crate) fn sweep(root: &Path, manifest: &Manifest) -> Result<(), SearchError> {
    let dir = splits_dir(root);
    let failed = || SearchError::io("clean up", dir.clone());
    for entry in fs::read_dir(&dir).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let named =
            manifest.splits.iter().any(|split| entry.file_name().to_str() == Some(split.name.as_str()));
        if !named {
            let path = entry.path();
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                // Whoever read a replaced split last removed it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(SearchError::io("remove", path))?,
            }
        }
    }
    Ok(())
}

/// Compares a split's file with the manifest, byte for byte by checksum.
///
/// # Errors
/// [`SearchError::Damaged`] if it differs or is not there; [`SearchError::Io`] when it can't be read now.
pub(crate) fn verify(root: &Path, meta: &SplitMeta) -> Result<(), SearchError> {
    let damaged = |what| SearchError::Damaged { split: meta.name.clone(), what };
    let path = splits_dir(root).join(&meta.name);
    let found = match File::open(&path).and_then(checksum) {
        Ok(found) => found,
        Err(error) if is_lost(&error) => return Err(damaged("its file is not there")),
        Err(error) => return Err(SearchError::io("read", path)(error)),
    };
    if found == (meta.bytes, meta.crc32) {
        Ok(())
    } else {
        Err(damaged("its file has another checksum than the manifest says"))
    }
}

fn checksum(mut file: File) -> io::Result<(u64, u32)> {
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((bytes, hasher.finalize())),
            read => {
                hasher.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), SearchError> {
    File::open(dir).and_then(|file| file.sync_all()).map_err(SearchError::io("sync", dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let split = |first, end| SplitMeta {
            name: format!("{first}"),
            first,
            end,
            events: 1,
            received_through: 7,
            last_leaf: "00".into(),
            bytes: 3,
            crc32: 9,
        };
        let splits = vec![split(0, 4), split(4, 9)];
        Manifest { splits, vacant: vec![vacant(9, 12)], ..Manifest::empty("log".into()) }
    }

    fn vacant(first: u64, end: u64) -> Vacant {
        Vacant { first, end, received_through: end as i64, last_leaf: end.to_string() }
    }

    #[test]
    fn vacant_runs_that_adjoin_each_other_are_one() {
        let mut manifest = sample();
        manifest.add_vacant(vacant(15, 17));
        manifest.add_vacant(vacant(20, 21));
        manifest.add_vacant(vacant(12, 15));
        assert_eq!(manifest.vacant, [Vacant { first: 9, ..vacant(9, 17) }, vacant(20, 21)]);
        let ranges: Vec<_> = manifest.covered().map(|range| range.first..range.end).collect();
        assert_eq!(ranges, [0..4, 4..9, 9..17, 20..21]);
        assert!(manifest.is_ordered());
    }

    #[test]
    fn a_manifest_from_before_there_were_vacant_runs_is_read() {
        let old = Manifest { vacant: Vec::new(), ..sample() };
        let json = serde_json::to_string(&old).unwrap();
        assert!(!json.contains("vacant"), "and one without any is as it was: {json}");
        assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), old);
    }

    #[test]
    fn comes_back_as_written() {
        let dir = tempfile::tempdir().unwrap();
        let read = |log| Manifest::read(dir.path(), log).unwrap();
        assert_eq!(read("log"), Found::Absent);
        sample().write(dir.path()).unwrap();
        assert_eq!(read("log"), Found::Ready(sample()));
        assert!(matches!(read("other"), Found::Unusable(_)));
    }

    #[test]
    fn what_cannot_be_read_now_is_an_error_and_no_damage() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let looped = |path: &Path| std::os::unix::fs::symlink(path, path).unwrap();
        looped(&root.join(MANIFEST));
        assert!(matches!(Manifest::read(root, "log"), Err(SearchError::Io { .. })));
        fs::create_dir_all(splits_dir(root)).unwrap();
        let meta = sample().splits.remove(0);
        looped(&splits_dir(root).join(&meta.name));
        let error = verify(root, &meta).unwrap_err();
        assert!(!error.is_damage(), "{error:?}");
        assert!(SearchError::io("open", root)(io::ErrorKind::NotFound.into()).is_damage());
    }

    #[test]
    fn any_changed_byte_makes_it_unusable() {
        let dir = tempfile::tempdir().unwrap();
        sample().write(dir.path()).unwrap();
        let path = dir.path().join(MANIFEST);
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert!(matches!(Manifest::read(dir.path(), "log"), Ok(Found::Unusable(_))), "byte {at}");
            fs::write(&path, &good[..at]).unwrap();
            assert!(matches!(Manifest::read(dir.path(), "log"), Ok(Found::Unusable(_))), "cut at {at}");
        }
    }

    #[test]
    fn another_format_version_or_overlapping_splits_are_not_used() {
        let dir = tempfile::tempdir().unwrap();
        for change in [
            |m: &mut Manifest| m.format = FORMAT + 1,
            |m: &mut Manifest| m.format = 0,
            |m: &mut Manifest| m.splits[1].first = 3,
            |m: &mut Manifest| m.splits[0].events = 0,
            |m: &mut Manifest| m.vacant[0].first = 8,
            |m: &mut Manifest| m.vacant[0].end = 9,
        ] {
            let mut manifest = sample();
            change(&mut manifest);
            manifest.write(dir.path()).unwrap();
            assert!(matches!(Manifest::read(dir.path(), "log"), Ok(Found::Unusable(_))));
        }
    }

    #[test]
    fn files_are_verified_and_strangers_swept() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let split = splits_dir(root).join("x");
        fs::create_dir_all(splits_dir(root)).unwrap();
        fs::write(&split, b"abc").unwrap();
        let mut meta = sample().splits.remove(0);
        (meta.name, meta.crc32) = ("x".into(), crc32fast::hash(b"abc"));
        verify(root, &meta).unwrap();
        for bad in [&b"abd"[..], b"ab", b"abcd"] {
            fs::write(&split, bad).unwrap();
            assert!(matches!(verify(root, &meta), Err(SearchError::Damaged { .. })), "{bad:?}");
        }
        fs::remove_file(&split).unwrap();
        assert!(matches!(verify(root, &meta), Err(SearchError::Damaged { .. })));
        fs::write(&split, b"abc").unwrap();
        // Splits of format 1 were directories.
        fs::create_dir_all(splits_dir(root).join("stranger/inside")).unwrap();
        fs::write(splits_dir(root).join("new-3"), b"half").unwrap();
        let kept = Manifest { splits: vec![meta], ..Manifest::empty("log".into()) };
        sweep(root, &kept).unwrap();
        let left: Vec<_> =
            fs::read_dir(splits_dir(root)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["x"]);
    }
}
