//! Random operations on the ledger and on a list; after each, everything is read and proved again.

use std::collections::HashMap;
use std::sync::Arc;

use indelible_verify::ChainId;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::rig::{Rig, event, events, read_and_verify, request};
use crate::{AppendRequest, OnConflict, Outcome, SignedCheckpoint};

#[derive(Clone, Debug)]
enum Op {
    OpenChain,
    /// Chain, and for each event an id and a body, both from a few.
    Append {
        chain: usize,
        events: Vec<(u8, u8)>,
        atomic: bool,
        reject: bool,
    },
    Ids,
    Release,
    Prepare,
    Seal,
    Close,
    Kill,
    Crash(u64),
    LoseIds,
}

fn any_op() -> impl Strategy<Value = Op> {
    let events = prop::collection::vec((0u8..20, 0u8..4), 1..12);
    prop_oneof![
        1 => Just(Op::OpenChain),
        8 => (0usize..3, events, any::<bool>(), any::<bool>())
            .prop_map(|(chain, events, atomic, reject)| Op::Append { chain, events, atomic, reject }),
        1 => Just(Op::Ids),
        1 => Just(Op::Release),
        1 => Just(Op::Prepare),
        2 => Just(Op::Seal),
        1 => Just(Op::Close),
        1 => Just(Op::Kill),
        2 => any::<u64>().prop_map(Op::Crash),
        1 => Just(Op::LoseIds),
    ]
}

/// What the ledger should hold.
#[derive(Default)]
struct Model {
    chains: Vec<ChainId>,
    events: Vec<(ChainId, String, String)>,
    /// Index and body by chain and id.
    taken: HashMap<(ChainId, String), (u64, String)>,
    shown: Vec<Arc<SignedCheckpoint>>,
}

impl Model {
    /// The outcome that one event should have, by name, with the id it should be stored under.
    fn expect(
        &self,
        taken: &HashMap<(ChainId, String), String>,
        chain: ChainId,
        id: &str,
        body: &str,
        reject: bool,
    ) -> (&'static str, String) {
        let look = |id: &str| {
            let key = (chain, id.to_owned());
            taken.get(&key).cloned().or_else(|| self.taken.get(&key).map(|(_, body)| body.clone()))
        };
        match look(id) {
            None => ("stored", id.to_owned()),
            Some(known) if known == body => ("duplicate", id.to_owned()),
            Some(_) if reject => ("conflict", id.to_owned()),
            Some(_) => {
                let derived = format!("{id}~{}", &hex::encode(Sha256::digest(body))[..8]);
                (if look(&derived).is_some() { "duplicate" } else { "reused" }, derived)
            }
        }
    }

    fn append(&mut self, rig: &mut Rig, chain: ChainId, batch: &[(u8, u8)], atomic: bool, reject: bool) {
        let on_conflict = if reject { OnConflict::Reject } else { OnConflict::Store };
        let named: Vec<_> = batch
            .iter()
            .map(|(id, body)| (format!("id-{id}"), format!("{{\"body\":{body}}}").repeat(20)))
            .collect();
        let events = named.iter().map(|(id, body)| event(chain, id, body)).collect();
        let receipt = rig.append(AppendRequest { atomic, on_conflict, ..request(events) }).unwrap();
        let (mut taken, mut expected) = (HashMap::new(), Vec::new());
        for (id, body) in &named {
            let (what, id) = self.expect(&taken, chain, id, body, reject);
            if matches!(what, "stored" | "reused") {
                taken.insert((chain, id.clone()), body.clone());
            }
            expected.push((what, id, body.clone()));
        }
        if atomic && expected.iter().any(|(what, ..)| *what == "conflict") {
            expected
                .iter_mut()
                .filter(|(what, ..)| *what != "conflict")
                .for_each(|(what, ..)| *what = "skipped");
        }
        let size = rig.reader().durable_size();
        assert_eq!(receipt.checkpoint.size, size);
        for (outcome, (what, id, body)) in receipt.outcomes.iter().zip(expected) {
            let got = match outcome {
                Outcome::Stored(_) => "stored",
                Outcome::Reused(_) => "reused",
                Outcome::Duplicate(_) => "duplicate",
                Outcome::Conflict { .. } => "conflict",
                Outcome::Skipped => "skipped",
            };
            assert_eq!(got, what, "{id} {body}");
            let Some(placed) = outcome.placed() else { continue };
            assert_eq!(placed.id, id);
            if what == "duplicate" {
                assert_eq!(self.taken[&(chain, id)].0, placed.index);
            } else {
                self.taken.insert((chain, id.clone()), (placed.index, body.clone()));
                self.events.push((chain, id, body));
            }
        }
        self.shown.push(receipt.checkpoint);
    }

    fn step(&mut self, rig: &mut Rig, op: &Op) {
        match op {
            Op::OpenChain => {
                let (chain, answer) = rig.open_chain(self.chains.len() as u64 + 1);
                self.shown.push(answer.unwrap().checkpoint);
                self.chains.push(chain);
            }
            Op::Append { chain, events, atomic, reject } => {
                if let Some(chain) = self.chains.get(*chain).copied() {
                    self.append(rig, chain, events, *atomic, *reject);
                }
            }
            Op::Ids => assert!(rig.parts().id_keeper.step()),
            Op::Release => rig.parts().release_keeper.step(),
            Op::Prepare => rig.background(),
            Op::Seal => rig.parts().sealer.seal_all().unwrap(),
            Op::Close => {
                rig.close();
                assert_eq!(rig.check().unwrap().problems, []);
                rig.open().unwrap();
            }
            Op::Kill => {
                rig.kill();
                rig.open().unwrap();
            }
            Op::Crash(seed) => {
                rig.crash(*seed);
                rig.open().unwrap();
            }
            Op::LoseIds => {
                rig.kill();
                rig.ids = Arc::default();
                rig.open().unwrap();
            }
        }
        rig.clock.pass(1000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn the_ledger_is_a_list_with_proofs(ops in prop::collection::vec(any_op(), 1..40)) {
        let (mut rig, mut model) = (Rig::new(), Model::default());
        for op in [Op::OpenChain, Op::OpenChain].iter().chain(&ops) {
            model.step(&mut rig, op);
            let records = read_and_verify(&rig.reader(), &model.shown);
            prop_assert_eq!(events(&records), model.events.clone());
        }
        rig.close();
        let report = rig.check().unwrap();
        prop_assert_eq!(&report.problems, &[]);
        prop_assert_eq!(report.ids, report.entries);
    }
}
