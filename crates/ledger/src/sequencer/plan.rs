//! Deciding about the ids of a request without changing anything.
//!
//! An id is unique within its chain for as long as its event is kept. The same bytes again are a duplicate; other
//! bytes are stored under a derived id, or refused where the sender asked for that.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use indelible_verify::Kind;

use super::Sequencer;
use crate::ids::{BodyTag, id_key};
use crate::recent::{RecentId, placed};
use crate::replays::ReplayValue;
use crate::work::{ID_BYTES_MAX, Prepared, PreparedEvent};
use crate::{AppendError, OnConflict, Outcome, Placed};

/// What becomes of one event, before anything is changed.
pub(super) enum Plan {
    New {
        id: Option<String>,
        key: Vec<u8>,
    },
    Duplicate(Placed),
    /// Of the event at this position of the same request.
    DuplicateOf(usize),
    Conflict,
}

impl Sequencer {
    /// A remembered answer that still counts.
    pub(super) fn remembered(
        &self,
        key: &[u8],
        now_us: u64,
    ) -> Result<Option<(ReplayValue, Vec<Outcome>)>, AppendError> {
        if let Some(recent) = self.recent.replay(key) {
            let fresh = recent.value.is_fresh(now_us);
            return Ok(fresh.then(|| (recent.value.clone(), recent.outcomes.clone())));
        }
        self.shared.remembered(&*self.ids, key, now_us).map_err(AppendError::from)
    }

    /// Decides about each event without changing anything.
    pub(super) fn plan(&self, request: &Prepared) -> Result<Vec<(u32, Plan)>, AppendError> {
        let mut within: HashMap<Vec<u8>, (BodyTag, usize)> = HashMap::new();
        let mut plans = Vec::with_capacity(request.events.len());
        for (position, event) in request.events.iter().enumerate() {
            let number = self.writable(&event.chain)?;
            let plan = self.plan_event(&within, number, event, request.on_conflict)?;
            if let Plan::New { key, .. } = &plan {
                within.insert(key.clone(), (event.tag, position));
            }
            plans.push((number, plan));
        }
        Ok(plans)
    }

    fn plan_event(
        &self,
        within: &HashMap<Vec<u8>, (BodyTag, usize)>,
        number: u32,
        event: &PreparedEvent,
        on_conflict: OnConflict,
    ) -> Result<Plan, AppendError> {
        let id = &event.envelope.event_id;
        let key = id_key(number, id);
        let look = |key: &[u8], id: &str, fresh: bool| -> Result<Option<(bool, Plan)>, AppendError> {
            if let Some((tag, position)) = within.get(key) {
                return Ok(Some((*tag == event.tag, Plan::DuplicateOf(*position))));
            }
            let found = if fresh { None } else { self.find(key)? };
            let Some(found) = found else { return Ok(None) };
            let at = placed(id, found.entry.index, found.tenant_seq, found.received_us);
            Ok(match self.shared.removed_as(found.entry.index)? {
                // An id is taken for as long as its event is kept.
                Some(Kind::RETENTION) => None,
                // What was erased doesn't come back by a sender's retry, whatever it says now.
                Some(_) => Some((true, Plan::Duplicate(at))),
                None => Some((found.entry.tag == event.tag, Plan::Duplicate(at))),
            })
        };
        match look(&key, id, !event.id_given)? {
            None => return Ok(Plan::New { id: None, key }),
            Some((true, duplicate)) => return Ok(duplicate),
            Some((false, _)) if on_conflict == OnConflict::Reject => return Ok(Plan::Conflict),
            Some((false, _)) => {}
        }
        let digest = hex::encode(Sha256::digest(&event.body));
        // Eight digits are enough unless somebody searched for bodies that share them; then more are taken.
        for digits in [8, 16, 32, 64] {
            let derived = derived_id(id, &digest[..digits]);
            let key = id_key(number, &derived);
            match look(&key, &derived, false)? {
                None => return Ok(Plan::New { id: Some(derived), key }),
                Some((true, duplicate)) => return Ok(duplicate),
                Some((false, _)) => {}
            }
        }
        Ok(Plan::Conflict)
    }

    fn find(&self, key: &[u8]) -> Result<Option<RecentId>, AppendError> {
        if let Some(recent) = self.recent.id(key) {
            return Ok(Some(recent.clone()));
        }
        let Some(entry) = self.ids.get(key)? else { return Ok(None) };
        let leaf = self.shared.leaf_record(entry.index)?;
        Ok(Some(RecentId { entry, tenant_seq: leaf.tenant_seq, received_us: leaf.received_us }))
    }
}

/// `<id>~<digits>`, the front cut where the whole would be too long. Ids are ASCII; should one not be, it is cut
/// at a character.
fn derived_id(id: &str, digits: &str) -> String {
    let keep = id.floor_char_boundary(ID_BYTES_MAX - 1 - digits.len());
    format!("{}~{digits}", &id[..keep])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_ids_fit_and_keep_their_front() {
        let long = "x".repeat(ID_BYTES_MAX);
        for (id, digits, derived) in [
            ("order-1", "0a1b2c3d", "order-1~0a1b2c3d".to_owned()),
            (&long, "0a1b2c3d", format!("{}~0a1b2c3d", "x".repeat(119))),
            (&"é".repeat(64), "0a1b2c3d", format!("{}~0a1b2c3d", "é".repeat(59))),
        ] {
            assert_eq!(derived_id(id, digits), derived);
            assert!(derived.len() <= ID_BYTES_MAX);
        }
    }
}
