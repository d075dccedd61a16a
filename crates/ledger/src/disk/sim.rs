//! A disk in memory that forgets: writes until they are synced, names until their directory is.
//!
//! Every mutating call is counted. One of them can be told to fail, before or after it took effect; from then on
//! the disk is gone, as after a power cut. [`SimDisk::after_crash`] is what the next process finds.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Access, Disk, DiskFile, parent};

/// Unit in which a write can be torn.
const SECTOR: usize = 512;

/// A small seeded generator (splitmix64), so that a failure can be replayed.
#[derive(Clone, Debug)]
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }
}

/// When the disk goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Never,
    /// Instead of the mutating call with this number, from 0.
    Before(u64),
    /// Right after that call, which still reports an error.
    After(u64),
    /// Not at all, but that call fails. A sync that fails forgets what it should have made durable, and the next
    /// one says that all is well: so does Linux.
    Once(u64),
}

#[derive(Clone, Default)]
struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<(usize, Vec<u8>)>,
}

/// Names that change together.
type NameChange = Vec<(PathBuf, Option<usize>)>;

struct State {
    inodes: Vec<Inode>,
    dirs: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<NameChange>,
    calls: u64,
    failure: Failure,
    gone: bool,
    free_bytes: u64,
    rng: Rng,
}

/// The disk.
#[derive(Clone)]
pub(crate) struct SimDisk {
    state: Arc<Mutex<State>>,
}

fn gone() -> io::Error {
    io::Error::other("the simulated disk is gone")
}

impl State {
    fn call<T>(&mut self, effect: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        if self.gone {
            return Err(gone());
        }
        let number = self.calls;
        self.calls += 1;
        if self.failure == Failure::Before(number) {
            self.gone = true;
            return Err(gone());
        }
        if self.failure == Failure::Once(number) {
            return Err(io::Error::other("the simulated disk failed once"));
        }
        let result = effect(self);
        if self.failure == Failure::After(number) {
            self.gone = true;
            return Err(gone());
        }
        result
    }

    fn change_names(&mut self, change: NameChange) {
        for (path, inode) in &change {
            match inode {
                Some(inode) => self.names.insert(path.clone(), *inode),
                None => self.names.remove(path),
            };
        }
        self.pending_names.push(change);
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, part: &[u8]) {
    if bytes.len() < offset + part.len() {
        bytes.resize(offset + part.len(), 0);
    }
    bytes[offset..offset + part.len()].copy_from_slice(part);
}

impl SimDisk {
    pub(crate) fn new() -> Self {
        let state = State {
            inodes: Vec::new(),
            dirs: BTreeSet::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            calls: 0,
            failure: Failure::Never,
            gone: false,
            free_bytes: u64::MAX,
            rng: Rng(1),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Mutating calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.state.lock().calls
    }

    /// Tells the disk when to go away; calls are counted from now.
    pub(crate) fn fail(&self, failure: Failure) {
        let mut state = self.state.lock();
        state.calls = 0;
        state.failure = failure;
    }

    pub(crate) fn set_free_bytes(&self, free_bytes: u64) {
        self.state.lock().free_bytes = free_bytes;
    }

    /// What a new process finds after a power cut: all that was synced, and of the rest what chance kept.
    pub(crate) fn after_crash(&self, seed: u64) -> Self {
        let state = self.state.lock();
        let mut rng = Rng(seed);
        let mut inodes = state.inodes.clone();
        for inode in &mut inodes {
            for (offset, bytes) in std::mem::take(&mut inode.pending) {
                match rng.below(3) {
                    0 => {}
                    1 => put(&mut inode.durable, offset, &bytes),
                    _ => {
                        // Torn: each sector on its own.
                        for (i, sector) in bytes.chunks(SECTOR).enumerate() {
                            if rng.below(2) == 0 {
                                put(&mut inode.durable, offset + i * SECTOR, sector);
                            }
                        }
                    }
                }
            }
            inode.live = inode.durable.clone();
        }
        let mut names = state.durable_names.clone();
        // Journals keep the order of names: some first ones survive, the others do not.
        let kept = rng.below(state.pending_names.len() as u64 + 1) as usize;
        for (path, inode) in state.pending_names[..kept].iter().flatten() {
            match inode {
                Some(inode) => names.insert(path.clone(), *inode),
                None => names.remove(path),
            };
        }
        let state = State {
            inodes,
            dirs: state.dirs.clone(),
            durable_names: names.clone(),
            names,
            pending_names: Vec::new(),
            calls: 0,
            failure: Failure::Never,
            gone: false,
            free_bytes: state.free_bytes,
            rng: Rng(seed ^ 0xabcd),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The same disk once more, everything on it as a process that was killed leaves it: nothing is lost.
    pub(crate) fn after_kill(&self) -> Self {
        let state = self.state.lock();
        let mut inodes = state.inodes.clone();
        for inode in &mut inodes {
            inode.pending.clear();
            inode.durable = inode.live.clone();
        }
        let copy = State {
            inodes,
            dirs: state.dirs.clone(),
            names: state.names.clone(),
            durable_names: state.names.clone(),
            pending_names: Vec::new(),
            calls: 0,
            failure: Failure::Never,
            gone: false,
            free_bytes: state.free_bytes,
            rng: Rng(state.rng.0 ^ 0x5a5a),
        };
        Self { state: Arc::new(Mutex::new(copy)) }
    }

    /// Every file and its bytes.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let state = self.state.lock();
        state.names.iter().map(|(path, inode)| (path.clone(), state.inodes[*inode].live.clone())).collect()
    }

    /// Changes a file behind everybody's back.
    pub(crate) fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state.lock();
        let inode = state.names[path];
        change(&mut state.inodes[inode].live);
        state.inodes[inode].durable = state.inodes[inode].live.clone();
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        if state.gone {
            return Err(gone());
        }
        let found = state.names.get(path).copied();
        let inode = match (found, access) {
            (Some(_), Access::CreateSecret) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(inode), _) => inode,
            (None, Access::Read | Access::Write) => return Err(io::ErrorKind::NotFound.into()),
            (None, Access::Create | Access::CreateSecret) => state.call(|state| {
                if !state.dirs.contains(parent(path)) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                state.inodes.push(Inode::default());
                let inode = state.inodes.len() - 1;
                state.change_names(vec![(path.to_owned(), Some(inode))]);
                Ok(inode)
            })?,
        };
        Ok(Arc::new(SimFile { disk: self.clone(), inode }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.state.lock().dirs.insert(path.to_owned());
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        if state.gone {
            return Err(gone());
        }
        if !state.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let names = state.names.keys().filter(|path| parent(path) == dir);
        Ok(names.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.state.lock().call(|state| {
            if !state.names.contains_key(path) {
                return Err(io::ErrorKind::NotFound.into());
            }
            state.change_names(vec![(path.to_owned(), None)]);
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state.lock().call(|state| {
            let inode = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
            state.change_names(vec![(from.to_owned(), None), (to.to_owned(), Some(inode))]);
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.state.lock().call(|state| {
            let pending = std::mem::take(&mut state.pending_names);
            for change in pending {
                if change.iter().any(|(path, _)| parent(path) == dir) {
                    for (path, inode) in change {
                        match inode {
                            Some(inode) => state.durable_names.insert(path, inode),
                            None => state.durable_names.remove(&path),
                        };
                    }
                } else {
                    state.pending_names.push(change);
                }
            }
            Ok(())
        })
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        let state = self.state.lock();
        if state.gone { Err(gone()) } else { Ok(state.free_bytes) }
    }

    fn random(&self, out: &mut [u8]) -> Result<(), getrandom::Error> {
        let mut state = self.state.lock();
        out.iter_mut().for_each(|byte| *byte = state.rng.next() as u8);
        Ok(())
    }
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl DiskFile for SimFile {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.state.lock();
        if state.gone {
            return Err(gone());
        }
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = &state.inodes[self.inode].live;
        let end = offset.checked_add(buf.len()).filter(|end| *end <= bytes.len());
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(&bytes[offset..end]);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.disk.state.lock().call(|state| {
            let inode = &mut state.inodes[self.inode];
            put(&mut inode.live, offset, bytes);
            inode.pending.push((offset, bytes.to_vec()));
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        let synced = state.call(|state| {
            let inode = &mut state.inodes[self.inode];
            for (offset, bytes) in std::mem::take(&mut inode.pending) {
                put(&mut inode.durable, offset, &bytes);
            }
            Ok(())
        });
        if synced.is_err() && !state.gone {
            state.inodes[self.inode].pending.clear();
        }
        synced
    }

    fn len(&self) -> io::Result<u64> {
        let state = self.disk.state.lock();
        if state.gone { Err(gone()) } else { Ok(state.inodes[self.inode].live.len() as u64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_was_not_synced() {
        let disk = SimDisk::new();
        disk.create_dir(Path::new("/d")).unwrap();
        let file = disk.open(Path::new("/d/a"), Access::Create).unwrap();
        file.write_all_at(b"one", 0).unwrap();
        file.sync().unwrap();
        let lost = (0..32).filter(|seed| disk.after_crash(*seed).files().is_empty()).count();
        assert!((1..32).contains(&lost), "a name that was not synced may go or stay");
        disk.sync_dir(Path::new("/d")).unwrap();
        file.write_all_at(b"two", 0).unwrap();
        let found: BTreeSet<Vec<u8>> =
            (0..32).map(|seed| disk.after_crash(seed).files()[0].1.clone()).collect();
        assert_eq!(found, BTreeSet::from([b"one".to_vec(), b"two".to_vec()]));
        disk.fail(Failure::Before(1));
        file.sync().unwrap();
        assert!(file.write_all_at(b"x", 0).is_err() && disk.list(Path::new("/d")).is_err());
        assert_eq!(disk.after_crash(7).files()[0].1, b"two");
    }
}
