//! The disk goes away at each of its calls, before it or after it took effect; nothing acknowledged is missing.

use std::sync::Arc;

use indelible_verify::{ChainId, Kind};

use super::rig::{Rig, event, events, read_and_verify, request};
use crate::disk::sim::{Failure, SimDisk};
use crate::{Record, SignedCheckpoint};

/// What was told to somebody before the disk went away.
#[derive(Default)]
struct Told {
    chain: Option<ChainId>,
    events: Vec<(ChainId, String, String)>,
    shown: Vec<Arc<SignedCheckpoint>>,
    /// The batch that got no answer.
    unanswered: Vec<(ChainId, String, String)>,
}

/// A life of a ledger with everything in it. Gives up where the disk is gone.
fn live(rig: &mut Rig, told: &mut Told) -> Option<()> {
    rig.open().ok()?;
    told.shown.push(rig.reader().checkpoint());
    let (chain, answer) = rig.open_chain(1);
    told.shown.push(answer.ok()?.checkpoint);
    told.chain = Some(chain);
    for round in 0..9u64 {
        rig.clock.pass(1000);
        let batch: Vec<_> = (0..3)
            .map(|n| {
                (
                    chain,
                    format!("id-{round}-{n}"),
                    format!("{{\"n\":{n}}}").repeat(1 + 400 * (round == 4) as usize),
                )
            })
            .collect();
        told.unanswered = batch.clone();
        let answer =
            rig.append(request(batch.iter().map(|(chain, id, body)| event(*chain, id, body)).collect()));
        told.shown.push(answer.ok()?.checkpoint);
        told.unanswered.clear();
        told.events.extend(batch);
        match round {
            1 => rig.background(),
            3 => rig.parts().sealer.seal_all().ok()?,
            5 => {
                rig.close();
                rig.open().ok()?;
            }
            6 => rig.parts().release_keeper.step(),
            7 => rig.parts().sealer.seal_next().ok()?,
            _ => {}
        }
    }
    Some(())
}

fn survives(failure: Failure, seed: u64) {
    let mut rig = Rig::closed(SimDisk::new());
    rig.disk.fail(failure);
    let mut told = Told::default();
    let finished = live(&mut rig, &mut told).is_some();
    let context = format!("{failure:?} seed {seed} finished {finished}");
    rig.crash(seed);
    rig.open().unwrap_or_else(|error| panic!("{context}: {error}"));
    let records = read_and_verify(&rig.reader(), &told.shown);
    let found = events(&records);
    let mut possible = vec![told.events.clone()];
    if !told.unanswered.is_empty() {
        possible.push([&told.events[..], &told.unanswered].concat());
    }
    assert!(possible.contains(&found), "{context}: {} told, {} found", told.events.len(), found.len());
    // Whoever got no answer sends again, and everything is there once.
    if let Some(chain) = told.chain {
        let again = [&told.events[..], &told.unanswered].concat();
        if !again.is_empty() {
            let batch = again.iter().map(|(chain, id, body)| event(*chain, id, body)).collect();
            told.shown
                .push(rig.append(request(batch)).unwrap_or_else(|e| panic!("{context}: {e}")).checkpoint);
        }
        rig.append(request(vec![event(chain, "last", "{}")])).unwrap_or_else(|e| panic!("{context}: {e}"));
        let all = [again, vec![(chain, "last".to_owned(), "{}".to_owned())]].concat();
        assert_eq!(events(&read_and_verify(&rig.reader(), &told.shown)), all, "{context}");
    }
    rig.close();
    let report = rig.check().unwrap();
    assert_eq!(report.problems, [], "{context}");
    assert_eq!(report.ids, report.entries, "{context}");
}

#[test]
fn nothing_acknowledged_is_missing_whenever_the_disk_goes_away() {
    let mut rig = Rig::closed(SimDisk::new());
    rig.disk.fail(Failure::Never);
    live(&mut rig, &mut Told::default()).unwrap();
    let calls = rig.disk.calls();
    assert!(calls > 100, "{calls}");
    for call in 0..calls {
        for seed in 0..4 {
            survives(Failure::Before(call), call * 8 + seed);
            survives(Failure::After(call), call * 8 + 4 + seed);
        }
    }
}

/// A ledger with a few frames to seal, and what is in it.
fn unsealed() -> (Rig, Vec<(ChainId, String, String)>) {
    let mut rig = Rig::new();
    let (chain, _) = rig.open_chain(1);
    let mut told = Vec::new();
    for n in 0..6 {
        let one = (chain, format!("id-{n}"), "{}".repeat(100));
        rig.append(request(vec![event(chain, &one.1, &one.2)])).unwrap();
        told.push(one);
        if n == 2 {
            rig.parts().sealer.seal_all().unwrap();
        }
    }
    (rig, told)
}

#[test]
fn a_failed_write_or_sync_in_the_background_loses_nothing() {
    let (mut rig, _) = unsealed();
    rig.disk.fail(Failure::Never);
    rig.parts().sealer.seal_all().unwrap();
    let calls = rig.disk.calls();
    let mut stuck = 0;
    for call in 0..calls {
        for seed in 0..3 {
            let (mut rig, mut told) = unsealed();
            let context = format!("call {call} seed {seed}");
            rig.disk.fail(Failure::Once(call));
            assert!(rig.parts().sealer.seal_all().is_err(), "{context}");
            // Tried again, it either does the whole work again or says that it cannot.
            stuck += u32::from(rig.parts().sealer.seal_all().is_err());
            let chain = told[0].0;
            rig.append(request(vec![event(chain, "later", "{}")])).unwrap();
            told.push((chain, "later".to_owned(), "{}".to_owned()));
            assert_eq!(events(&read_and_verify(&rig.reader(), &[])), told, "{context}");
            rig.crash(seed);
            rig.open().unwrap_or_else(|error| panic!("{context}: {error}"));
            assert_eq!(events(&read_and_verify(&rig.reader(), &[])), told, "{context}");
            rig.parts().sealer.seal_all().unwrap();
            rig.close();
            assert_eq!(rig.check().unwrap().problems, [], "{context}");
        }
    }
    assert!(stuck > 0, "syncs of hashes and leaf records are never called good a second time");
}

#[test]
fn a_failed_sync_of_the_released_file_publishes_nothing_more() {
    for call in 0..2 {
        let (mut rig, _) = unsealed();
        rig.parts().release_keeper.step();
        let before = rig.reader().released_checkpoint();
        let chain = rig.reader().chain_of_tenant(1).unwrap().chain;
        rig.append(request(vec![event(chain, "later", "{}")])).unwrap();
        rig.disk.fail(Failure::Once(call));
        rig.parts().release_keeper.step();
        rig.parts().release_keeper.step();
        assert_eq!(rig.reader().released_checkpoint(), before, "call {call}");
        assert!(rig.reader().status().degraded.contains_key("released"));
        assert!(rig.reader().publish().is_err());
        rig.crash(1);
        rig.open().unwrap();
        rig.parts().release_keeper.step();
        assert_eq!(rig.reader().released_checkpoint(), rig.reader().checkpoint());
    }
}

fn tail_cuts(records: &[Arc<Record>]) -> usize {
    records.iter().filter(|record| record.entry.kind == Kind::TAIL_CUT).count()
}

/// The file that holds the last frame, its bytes, and the place of that frame in it.
fn last_frame(rig: &mut Rig) -> (std::path::PathBuf, Vec<u8>, usize, usize) {
    let frame = rig.parts().shared.view.read().frames.back().cloned().unwrap();
    let bytes = rig.disk.files().into_iter().find(|(path, _)| *path == frame.segment.path).unwrap().1;
    let start = frame.offset as usize;
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    (frame.segment.path.clone(), bytes, start, end)
}

#[test]
fn a_last_frame_cut_at_any_byte_is_cut_away_only_if_it_was_not_released() {
    let mut rig = Rig::new();
    let (chain, _) = rig.open_chain(1);
    rig.append(request(vec![event(chain, "a", "{\"n\":1}")])).unwrap();
    rig.background();
    let before = rig.reader().checkpoint();
    rig.append(request(vec![event(chain, "b", "{\"n\":2}")])).unwrap();
    let (path, bytes, start, end) = last_frame(&mut rig);
    let held = rig.disk.after_kill();
    rig.close();
    let released = rig.disk.after_kill();
    for cut in start..end {
        for zeros in [false, true] {
            let damage = |disk: &SimDisk| {
                let disk = disk.after_kill();
                disk.tamper(&path, |file| {
                    assert_eq!(*file, bytes);
                    file[cut..].fill(0);
                    if !zeros {
                        file.truncate(cut);
                    }
                });
                let mut rig = Rig::closed(disk);
                let opened = rig.open();
                (rig, opened)
            };
            let (rig, opened) = damage(&held);
            opened.unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
            let records = read_and_verify(&rig.reader(), std::slice::from_ref(&before));
            assert_eq!(events(&records).len(), 1, "cut at {cut}");
            // A frame of which not even the first byte is there leaves nothing to cut.
            assert_eq!(tail_cuts(&records), usize::from(cut > start), "cut at {cut}, zeros {zeros}");
            let (_, opened) = damage(&released);
            assert!(matches!(opened, Err(crate::StoreError::Corrupt { .. })), "cut at {cut}: {opened:?}");
        }
    }
}

#[test]
fn damage_before_a_valid_frame_is_never_cut_away() {
    let mut rig = Rig::new();
    let (chain, _) = rig.open_chain(1);
    rig.background();
    for n in 0..3 {
        rig.append(request(vec![event(chain, &format!("id-{n}"), "{}")])).unwrap();
    }
    let frames: Vec<_> = rig.parts().shared.view.read().frames.iter().cloned().collect();
    let damaged = &frames[frames.len() - 2];
    let (_, bytes, last, _) = last_frame(&mut rig);
    let end = bytes[..last].iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for at in 0..end - damaged.offset as usize {
        let disk = rig.disk.after_kill();
        disk.tamper(&damaged.segment.path, |file| file[damaged.offset as usize + at] ^= 0x10);
        let opened = Rig::closed(disk).open();
        assert!(matches!(&opened, Err(crate::StoreError::Corrupt { .. })), "byte {at}: {opened:?}");
    }
}

#[test]
fn a_cut_is_recorded_once_and_the_log_goes_on_in_a_new_segment() {
    let mut rig = Rig::new();
    let (chain, _) = rig.open_chain(1);
    rig.append(request(vec![event(chain, "a", "{}")])).unwrap();
    let (path, _, start, _) = last_frame(&mut rig);
    rig.kill();
    rig.disk.tamper(&path, |file| file[start + 200] ^= 1);
    for round in 0..3 {
        rig.open().unwrap();
        let records = read_and_verify(&rig.reader(), &[]);
        assert_eq!((events(&records).len(), tail_cuts(&records)), (0, 1), "round {round}");
        let cut = records.iter().find(|record| record.entry.kind == Kind::TAIL_CUT).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&cut.body).unwrap();
        assert_eq!(body["offset"], start as u64);
        rig.kill();
    }
    let report = rig.check().unwrap();
    assert_eq!((report.problems.len(), report.entries), (0, 3));
}
