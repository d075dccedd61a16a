//! Runs against a plain map, through crashes at every step and bytes flipped anywhere.

use std::collections::BTreeMap;
use std::io;
use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;
use crate::disk::sim::{Failure, SimDisk};
use crate::disk::{Access, DiskFile};

const LOG: [u8; 16] = [3; 16];

fn dir() -> &'static Path {
    Path::new("/d/ids")
}

fn created(disk: &SimDisk) -> Runs {
    disk.create_dir(Path::new("/d")).unwrap();
    Runs::create(Arc::new(disk.clone()), dir(), &LOG).unwrap()
}

fn reopened(disk: &SimDisk) -> Runs {
    let runs = Runs::open(Arc::new(disk.clone()), dir(), &LOG).unwrap().unwrap();
    runs.sweep().unwrap();
    runs
}

fn ids(range: std::ops::Range<u64>) -> Vec<(Vec<u8>, IdEntry)> {
    range
        .map(|id| (format!("id-{id}").into_bytes(), IdEntry { index: id * 3, tag: [id as u8; 12] }))
        .collect()
}

fn mark(size: u64) -> Option<Mark> {
    Some(Mark { frame: size / 10, size, leaf: [size as u8; 32] })
}

fn assert_has(runs: &Runs, expected: std::ops::Range<u64>) {
    assert_eq!(runs.count(), expected.end - expected.start);
    for (key, entry) in ids(expected.clone()) {
        assert_eq!(runs.get(&key).unwrap(), Some(entry));
    }
    for (key, _) in ids(expected.end..expected.end + 50) {
        assert_eq!(runs.get(&key).unwrap(), None);
    }
}

#[test]
fn merges_runs_and_finds_everything_before_and_after() {
    let disk = SimDisk::new();
    let runs = created(&disk);
    for step in 0..20 {
        runs.apply(&ids(step * 300..(step + 1) * 300), mark((step + 1) * 300));
        runs.persist().unwrap();
        assert_has(&runs, 0..(step + 1) * 300);
    }
    assert!(runs.merge_once().unwrap());
    assert!(!runs.merge_once().unwrap(), "one run is left");
    assert_has(&runs, 0..6_000);
    assert_eq!(runs.view.read().runs.len(), 1);
    let again = reopened(&disk);
    assert_has(&again, 0..6_000);
    assert_eq!(again.mark(), mark(6_000));
    assert_eq!(disk.list(dir()).unwrap().len(), 2, "the manifest and one run");
}

#[test]
fn opening_removes_what_a_crash_left_and_nothing_that_is_known() {
    let disk = SimDisk::new();
    let runs = created(&disk);
    for step in 0..2 {
        runs.apply(&ids(step * 300..(step + 1) * 300), mark((step + 1) * 300));
        runs.persist().unwrap();
    }
    drop(runs);
    let known = disk.list(dir()).unwrap();
    assert_eq!(known.len(), 3, "the manifest and two runs");
    // A run whose manifest was never written, one that was merged away, and one that was not finished.
    let (unnamed, merged) = (run_name(999), run_name(0));
    for name in [unnamed.as_str(), merged.as_str(), "manifest.tmp"] {
        let file = disk.open(&dir().join(name), Access::Create).unwrap();
        file.write_all_at(b"left behind", 0).unwrap();
        file.sync().unwrap();
    }
    disk.sync_dir(dir()).unwrap();
    assert_eq!(disk.list(dir()).unwrap().len(), 6);
    let again = reopened(&disk);
    assert_eq!(disk.list(dir()).unwrap(), known);
    assert_has(&again, 0..600);
}

/// What somebody else does at the moment when a run begins to be written.
type Meanwhile = Box<dyn Fn() + Send + Sync>;

/// A disk that lets somebody act in the middle of writing a run, once.
#[derive(Default)]
struct Interrupted {
    disk: Option<SimDisk>,
    meanwhile: OnceLock<Meanwhile>,
    done: AtomicBool,
}

impl Interrupted {
    fn disk(&self) -> &SimDisk {
        self.disk.as_ref().unwrap()
    }
}

impl Disk for Interrupted {
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let is_run = path.file_stem().is_some_and(|stem| stem != "manifest");
        if access == Access::Create
            && is_run
            && let Some(act) = self.meanwhile.get()
            && !self.done.swap(true, Ordering::Relaxed)
        {
            act();
        }
        self.disk().open(path, access)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk().create_dir(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk().list(dir)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk().remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk().rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk().sync_dir(dir)
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        self.disk().free_bytes(dir)
    }

    fn random(&self, out: &mut [u8]) -> Result<(), getrandom::Error> {
        self.disk().random(out)
    }
}

fn interrupted() -> (Arc<Interrupted>, Arc<Runs>) {
    let sim = SimDisk::new();
    sim.create_dir(Path::new("/d")).unwrap();
    let disk = Arc::new(Interrupted { disk: Some(sim), ..Interrupted::default() });
    let runs = Arc::new(Runs::create(disk.clone(), dir(), &LOG).unwrap());
    (disk, runs)
}

#[test]
fn ids_are_found_while_their_run_is_being_written() {
    let (disk, runs) = interrupted();
    runs.apply(&ids(0..50), mark(50));
    let reader = runs.clone();
    let seen = move || assert_has(&reader, 0..50);
    assert!(disk.meanwhile.set(Box::new(seen)).is_ok());
    runs.persist().unwrap();
    assert!(disk.done.load(Ordering::Relaxed));
    assert_has(&runs, 0..50);
}

#[test]
fn a_merge_over_which_all_is_forgotten_brings_nothing_back() {
    let (disk, runs) = interrupted();
    for step in 0..8 {
        runs.apply(&ids(step * 10..(step + 1) * 10), mark((step + 1) * 10));
        runs.persist().unwrap();
    }
    let other = runs.clone();
    assert!(disk.meanwhile.set(Box::new(move || other.clear().unwrap())).is_ok());
    runs.merge_once().unwrap();
    assert_eq!((runs.count(), runs.mark()), (0, None));
    assert_eq!(runs.get(b"id-5").unwrap(), None);
    let again = Runs::open(disk.clone(), dir(), &LOG).unwrap().unwrap();
    assert_eq!((again.count(), again.mark()), (0, None));
    assert_eq!(disk.list(dir()).unwrap(), ["manifest"]);
}

#[test]
fn what_is_in_memory_only_goes_with_the_mark() {
    let disk = SimDisk::new();
    let runs = created(&disk);
    runs.apply(&ids(0..10), mark(10));
    runs.persist().unwrap();
    runs.apply(&ids(10..20), mark(20));
    assert_has(&runs, 0..20);
    let after = reopened(&disk.after_kill());
    assert_eq!(after.mark(), mark(10));
    assert_has(&after, 0..10);
}

#[test]
fn a_crash_at_any_step_leaves_the_state_before_or_after() {
    let prepared = || {
        let disk = SimDisk::new();
        let runs = created(&disk);
        for at in 0..8 {
            runs.apply(&ids(at * 10..(at + 1) * 10), mark((at + 1) * 10));
            runs.persist().unwrap();
        }
        runs.apply(&ids(80..90), mark(90));
        disk.fail(Failure::Never);
        (disk, runs)
    };
    let (disk, runs) = prepared();
    runs.persist().and_then(|()| runs.merge_once()).unwrap();
    let calls = disk.calls();
    assert!(calls > 10, "{calls}");
    for call in 0..calls {
        for failure in [Failure::Before(call), Failure::After(call), Failure::Once(call)] {
            let (disk, runs) = prepared();
            disk.fail(failure);
            let persisted = runs.persist();
            let merged = persisted.is_ok().then(|| runs.merge_once());
            let once = matches!(failure, Failure::Once(_));
            for seed in 0..8 {
                let after = reopened(&if seed == 0 { disk.after_kill() } else { disk.after_crash(seed) });
                let size = after.mark().unwrap().size;
                assert!(size == 80 || size == 90, "{failure:?}");
                assert!(persisted.is_err() || size == 90, "{failure:?}: persisted, yet lost");
                assert_has(&after, 0..size);
            }
            assert!(
                !once || persisted.is_err() || merged.is_some_and(|merged| merged.is_err()),
                "{failure:?}"
            );
            if once {
                // Whoever failed once goes on in the same process, and the next attempt is whole.
                assert_has(&runs, 0..90);
                runs.persist().unwrap();
                runs.merge_once().unwrap();
                assert_has(&runs, 0..90);
                for seed in 0..8 {
                    assert_has(&reopened(&disk.after_crash(seed)), 0..90);
                }
            }
        }
    }
}

#[test]
fn a_flipped_bit_is_an_error_and_never_another_answer() {
    let disk = SimDisk::new();
    let runs = created(&disk);
    runs.apply(&ids(0..400), mark(400));
    runs.persist().unwrap();
    for (path, bytes) in disk.files() {
        for at in (0..bytes.len()).step_by(7) {
            let bent = disk.after_kill();
            bent.tamper(&path, |file| file[at] ^= 0x10);
            let Ok(Some(runs)) = Runs::open(Arc::new(bent), dir(), &LOG) else { continue };
            for (key, entry) in ids(0..400).into_iter().step_by(13) {
                match runs.get(&key) {
                    Ok(found) => assert_eq!(found, Some(entry), "{} byte {at}", path.display()),
                    Err(error) => assert!(matches!(error, StoreError::Corrupt { .. })),
                }
            }
        }
    }
}

#[test]
fn lengths_that_lie_are_refused_before_memory_is_taken() {
    let disk = SimDisk::new();
    let runs = created(&disk);
    runs.apply(&ids(0..5), mark(5));
    runs.persist().unwrap();
    let (path, _) =
        disk.files().into_iter().find(|(path, _)| path.extension().is_some_and(|e| e == "run")).unwrap();
    disk.tamper(&path, |file| {
        file[24..32].fill(0xff);
        let crc = crc32fast::hash(&file[..4092]);
        file[4092..4096].copy_from_slice(&crc.to_be_bytes());
    });
    let opened = Runs::open(Arc::new(disk.clone()), dir(), &LOG);
    assert!(matches!(opened, Err(StoreError::Corrupt { .. })));
    disk.tamper(&path, |file| file.truncate(100));
    assert!(matches!(Runs::open(Arc::new(disk), dir(), &LOG), Err(StoreError::Corrupt { .. })));
}

/// Format 1 as it was first written: it stays readable for ever, and is still written byte for byte.
#[test]
fn the_first_format_is_read_and_written() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats/v1/ids-1");
    let disk = SimDisk::new();
    let runs = created(&disk);
    let manifest = Manifest { secret: [5; 32], mark: None, next: 1, runs: Vec::new() };
    let runs = Runs::new(runs.disk.clone(), dir(), &LOG, manifest, Vec::new());
    runs.apply(&ids(0..300), mark(300));
    runs.persist().unwrap();
    for (path, bytes) in disk.files() {
        let path = fixture.join(path.file_name().unwrap());
        if std::env::var_os("INDELIBLE_BLESS").is_some() {
            std::fs::create_dir_all(&fixture).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == bytes, "{}", path.display());
    }
    let stored = Runs::open(Arc::new(crate::disk::RealDisk), &fixture, &LOG).unwrap().unwrap();
    assert_eq!(stored.mark(), mark(300));
    assert_has(&stored, 0..300);
}

#[derive(Clone, Debug)]
enum Step {
    Apply(u8),
    Persist,
    Merge,
    Reopen,
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..200_u8).prop_map(Step::Apply),
        4 => Just(Step::Persist),
        1 => Just(Step::Merge),
        1 => Just(Step::Reopen),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn is_a_map(steps in steps()) {
        let disk = SimDisk::new();
        let mut runs = created(&disk);
        let (mut live, mut durable) = (BTreeMap::new(), BTreeMap::new());
        let (mut marked, mut marked_durably) = (None, None);
        let mut next = 0;
        for step in steps {
            match step {
                Step::Apply(count) => {
                    let new = ids(next..next + u64::from(count));
                    next += u64::from(count);
                    runs.apply(&new, mark(next));
                    live.extend(new);
                    marked = mark(next);
                }
                Step::Persist => {
                    runs.persist().unwrap();
                    durable = live.clone();
                    marked_durably = marked;
                }
                Step::Merge => drop(runs.merge_once().unwrap()),
                Step::Reopen => {
                    runs = reopened(&disk);
                    live = durable.clone();
                    marked = marked_durably;
                }
                Step::Clear => {
                    runs.clear().unwrap();
                    live.clear();
                    durable.clear();
                    (marked, marked_durably) = (None, None);
                }
            }
            prop_assert_eq!((runs.count(), runs.mark()), (live.len() as u64, marked));
            for (key, entry) in ids(next.saturating_sub(150)..next + 10) {
                prop_assert_eq!(runs.get(&key).unwrap(), live.get(&key).copied(), "{:?}", entry);
            }
        }
    }
}
