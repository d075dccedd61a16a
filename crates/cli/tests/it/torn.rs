//! A torn tail, made by hand: what a power loss may leave of the last frame, and what it may not.
//!
//! A frame that was never acknowledged may be cut away; one that may have been acknowledged must not.

use std::{
    fs,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::support::{Installation, ids, numbered};

/// A WAL file before and after its last frame was written.
struct LastFrame {
    file: PathBuf,
    place: Range<usize>,
    after: Vec<u8>,
}

impl LastFrame {
    /// Finds the frame that `after` has and `before` has not.
    fn find(before: &Path, after: &Path) -> Self {
        let changed = |name: &PathBuf| {
            let (old, new) =
                (fs::read(before.join(name)).unwrap_or_default(), fs::read(after.join(name)).unwrap());
            // A file that was not yet as long held nothing there, like one of zeros.
            let differs = |at: &usize| old.get(*at).copied().unwrap_or(0) != new[*at];
            let (first, last) = ((0..new.len()).find(differs)?, (0..new.len()).rfind(differs)?);
            Some((first..last + 1, new))
        };
        let wal = Path::new("ledger/wal");
        let names = fs::read_dir(after.join(wal)).unwrap().map(|entry| wal.join(entry.unwrap().file_name()));
        // A segment that is only being prepared has no name of its own yet.
        let mut found: Vec<_> = names
            .filter(|name| name.extension().is_some_and(|extension| extension == "wal"))
            .filter_map(|name| changed(&name).map(|(place, after)| Self { file: name, place, after }))
            .collect();
        assert_eq!(found.len(), 1, "one segment grew by one frame");
        found.pop().unwrap()
    }

    /// Leaves only some of the frame's bytes in a copy from before it.
    fn put(&self, data: &Path, kept: Range<usize>) {
        let file = fs::OpenOptions::new().write(true).open(data.join(&self.file)).unwrap();
        file.write_all_at(&self.after[kept.clone()], kept.start as u64).unwrap();
    }
}

#[test]
fn a_frame_that_was_never_acknowledged_is_cut_wherever_it_is_torn() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    for n in 0..5 {
        admin.send(&numbered("acme", n)).expect(201);
    }
    admin.found("", 5);
    // The disk at this moment; what comes now is what the power loss tears.
    let before = installation.copy();
    admin.send(&Value::from_iter((5..9).map(|n| numbered("acme", n)))).expect(201);
    server.kill();
    let frame = LastFrame::find(&before.data(), &installation.data());
    let Range { start, end } = frame.place;
    let middle = usize::midpoint(start, end);
    // A disk writes sectors of 512 bytes, in any order.
    let sector = start + 512;
    for (what, kept) in [
        ("nothing", start..start),
        ("one byte", start..start + 1),
        ("part of the header", start..start + 40),
        ("half", start..middle),
        ("all but the last byte", start..end - 1),
        ("all but the first sector", sector.min(end)..end),
    ] {
        eprintln!("of the frame there is: {what}");
        let torn = before.copy();
        frame.put(&torn.data(), kept);
        let server = torn.start();
        let admin = server.admin();
        assert_eq!(ids(&admin.found("", 5)), ["e4", "e3", "e2", "e1", "e0"], "{what}");
        // The sender never got an answer and sends again.
        let answer = admin.send(&Value::from_iter((5..9).map(|n| numbered("acme", n)))).expect(201).json();
        assert_eq!(
            (&answer["accepted"], &answer["events"][0]["tenant_seq"]),
            (&4.into(), &6.into()),
            "{what}: {answer}"
        );
        admin.found("", 9);
        server.stop();
        let verdict = torn.verify();
        assert_eq!(verdict.code, Some(0), "{what}: {}", verdict.stderr);
    }
    // Whole, though nobody heard of it: it stays.
    let whole = before.copy();
    frame.put(&whole.data(), start..end);
    let server = whole.start();
    server.admin().found("", 9);
    let again =
        server.admin().send(&Value::from_iter((5..9).map(|n| numbered("acme", n)))).expect(201).json();
    assert_eq!(again["duplicates"], 4);
}

#[test]
fn a_frame_that_was_acknowledged_is_never_cut() {
    let installation = Installation::new();
    let server = installation.start();
    let admin = server.admin();
    admin.tenant("acme");
    admin.send(&numbered("acme", 1)).expect(201);
    let before = installation.copy();
    admin.send(&numbered("acme", 2)).expect(201);
    // A graceful stop writes down what was released.
    server.stop();
    let frame = LastFrame::find(&before.data(), &installation.data());
    let Range { start, end } = frame.place;
    for (what, lost) in
        [("whole", start..end), ("the last byte", end - 1..end), ("the first sector", start..start + 512)]
    {
        let damaged = installation.copy();
        let path = damaged.data().join(&frame.file);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&vec![0; lost.len()], lost.start as u64).unwrap();
        let bytes = fs::read(&path).unwrap();
        let ended = damaged.refuse();
        assert_eq!(ended.code, Some(3), "{what}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("corrupt") && ended.stderr.contains("ledger/wal"),
            "{what}: {}",
            ended.stderr
        );
        assert!(fs::read(&path).unwrap() == bytes, "{what}: a refused ledger is left as it is");
        let verdict = damaged.verify();
        assert_eq!(verdict.code, Some(1), "{what}: {}", verdict.stderr);
        assert!(verdict.stderr.contains("ledger/wal"), "{what}: {}", verdict.stderr);
    }
}
