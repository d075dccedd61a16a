//! Reading events within the caller's reach: the reach itself, single events, and what every other read stands on.

use std::sync::Arc;

use indelible_control::TenantNumber;
use indelible_event::{Code, Timestamp};
use indelible_ledger::Record;
use indelible_merkle::TlogProof;
use indelible_search::{Cost, Progress, Query, Reach};
use indelible_verify::{Kind, ProofBundle, ProofExtra};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{EventView, Moment, Principal, ReadError, Trail, error::invalid};

/// Filters as parameters, in the caller's order.
pub type Filters = [(String, String)];

/// Reads events for one caller; made by [`Trail::reader`] only.
#[derive(Clone)]
pub struct ScopedReader {
    pub(crate) trail: Trail,
    pub(crate) reach: indelible_control::Reach,
}

/// What an answer says about itself.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The moment that the answer is about, sealed: other questions can be asked as of the same.
    pub as_of: String,
    /// Everything received up to then was considered.
    pub complete_through: Timestamp,
    /// Whether the index is still being built from the ledger, so that older events may be missing too.
    pub rebuilding: bool,
    /// What it cost; for operators, and for callers with reach over everything.
    pub cost: Cost,
}

impl ScopedReader {
    pub(crate) fn new(trail: Trail, principal: &Principal) -> Self {
        Self { trail, reach: principal.reach.clone() }
    }

    /// Whether the reach is the whole installation.
    pub fn sees_everything(&self) -> bool {
        self.reach == indelible_control::Reach::Everything
    }

    /// The reach of this moment, as the index understands it.
    pub(crate) fn scope(&self) -> Reach {
        match &self.reach {
            indelible_control::Reach::Everything => Reach::All,
            indelible_control::Reach::Tenants(roots) => {
                Reach::tenants(self.trail.inner.control.directory().subtree(roots))
            }
        }
    }

    /// The log's id for callers that may see the global order.
    fn log(&self) -> Option<String> {
        self.sees_everything().then(|| hex(&self.trail.inner.ledger.log_id()))
    }

    /// The tenants that a name in a filter stands for: it and all below it, within the reach. A name outside the
    /// reach stands for nothing, like one that does not exist.
    fn tenants_named(&self, name: &str) -> Vec<TenantNumber> {
        let directory = self.trail.inner.control.directory();
        // All that is below a tenant within the reach is within it too. One above the reach is not named by its
        // children: whether it exists, and what is below it, is not this caller's to know.
        let named =
            directory.tenant_named(name).filter(|tenant| directory.is_within(tenant.number, &self.reach));
        named.map_or_else(Vec::new, |tenant| directory.subtree(&[tenant.number]).into_iter().collect())
    }

    /// Names of the tenants below the one named, within the reach.
    fn names_below(&self, name: &str) -> Vec<String> {
        let directory = self.trail.inner.control.directory();
        let numbers = self.tenants_named(name);
        numbers
            .iter()
            .filter_map(|number| directory.tenant(*number))
            .map(|tenant| tenant.name.clone())
            .collect()
    }

    pub(crate) fn query(&self, filters: &Filters, now: Timestamp) -> Result<Query, ReadError> {
        let mut query = Query::from_params_with(filters, now, &*self.trail.inner.catalogue)
            .map_err(ReadError::Invalid)?;
        query.resolve_tenants(|name| Some(self.tenants_named(name)));
        query.widen_tenant_names(|name| self.names_below(name));
        Ok(query)
    }

    /// The moment that a question is about: the one that was sealed, else this one; and how complete its answer can be.
    pub(crate) fn begin(&self, as_of: Option<&str>, now: Timestamp) -> Result<(Moment, Standing), ReadError> {
        let given = as_of.map(|text| self.trail.inner.seal.open_moment(text)).transpose().map_err(|_| {
            invalid("as_of", Code::InvalidCursor, "as_of is the text that an answer gave as its as_of")
        })?;
        // Before the moment is taken, so that the answer has all that it says to have.
        let mut standing = self.standing(now);
        let moment = given.unwrap_or_else(|| Moment { as_of: self.trail.inner.search.end(), now });
        standing.as_of = self.trail.inner.seal.seal_moment(&moment).map_err(ReadError::Randomness)?;
        Ok((moment, standing))
    }

    /// How complete an answer is that is begun now.
    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        let progress = self.trail.inner.search.progress();
        Standing {
            as_of: String::new(),
            complete_through: self.complete_through(&progress, now),
            rebuilding: progress.rebuilding,
            cost: Cost::default(),
        }
    }

    /// One event by its id, whatever the filters.
    ///
    /// # Errors
    /// `NotFound`, also for an id that exists only outside the reach; `Ambiguous` without `tenant`.
    pub fn event(&self, id: &str, tenant: Option<&str>) -> Result<EventView, ReadError> {
        let record = self.find(id, tenant)?;
        Ok(self.view(&record))
    }

    /// The bytes as sent, and their media type.
    ///
    /// # Errors
    /// As [`Self::event`].
    pub fn original(&self, id: &str, tenant: Option<&str>) -> Result<(Vec<u8>, String), ReadError> {
        let record = self.find(id, tenant)?;
        Ok((record.body.to_vec(), record.envelope.media_type.clone()))
    }

    /// The proof that the event is in the trail: with the original bytes, all that an outsider needs.
    ///
    /// # Errors
    /// As [`Self::event`].
    pub fn proof(&self, id: &str, tenant: Option<&str>) -> Result<ProofBundle, ReadError> {
        let record = self.find(id, tenant)?;
        let ledger = &self.trail.inner.ledger;
        let checkpoint = ledger.publish()?;
        let hashes = ledger.inclusion(record.index, checkpoint.size)?;
        let entry = record.entry.encode().to_vec();
        let opening = Some((record.salt, record.envelope.encode()?));
        let extra = ProofExtra { entry: entry.clone(), opening: opening.clone() };
        let proof = TlogProof {
            extra: Some(extra.encode()?),
            index: record.index,
            hashes,
            checkpoint: checkpoint.note.clone(),
        };
        Ok(ProofBundle {
            index: record.index,
            tenant_seq: record.entry.tenant_seq,
            entry,
            opening,
            proof: proof.to_string(),
            vkey: ledger.vkey().to_owned(),
        })
    }

    fn find(&self, id: &str, tenant: Option<&str>) -> Result<Arc<Record>, ReadError> {
        let inner = &self.trail.inner;
        let only = match tenant {
            Some(name) => {
                let directory = inner.control.directory();
                let found = directory
                    .tenant_named(name)
                    .filter(|tenant| directory.is_within(tenant.number, &self.reach));
                Some(found.ok_or(ReadError::NotFound)?.number)
            }
            None => None,
        };
        let hits = inner.search.by_id(&self.scope(), only, id)?;
        let hit = match hits.as_slice() {
            [] => return Err(ReadError::NotFound),
            [hit] => hit,
            _ => return Err(ReadError::Ambiguous),
        };
        Ok(inner.ledger.record(hit.index)?)
    }

    /// The events at these leaf indices, in this order, until their bodies come to `bytes_max`; at least one where there
    /// are any. The caller has found the indices within the reach.
    pub(crate) fn views(&self, indices: &[u64], bytes_max: usize) -> Result<Vec<EventView>, ReadError> {
        let mut views = Vec::with_capacity(indices.len());
        let mut bytes = 0;
        for part in indices.chunks(RECORDS_AT_ONCE) {
            for record in self.trail.inner.ledger.records_at(part)? {
                bytes += record.body.len();
                if bytes > bytes_max && !views.is_empty() {
                    return Ok(views);
                }
                views.push(self.view(&record));
            }
        }
        Ok(views)
    }

    /// Up to when everything is searchable. The time at which the newest event of all was received would tell a
    /// caller with a smaller reach when others send. Such a caller gets the second before now, or before the first entry
    /// that is not searchable yet where that is older: just as true for what it may see, and the same whether or not
    /// somebody sent something a moment ago.
    fn complete_through(&self, progress: &Progress, now: Timestamp) -> Timestamp {
        if self.sees_everything() {
            return progress.complete_through;
        }
        let seconds = |at: Timestamp| at.as_micros().div_euclid(1_000_000);
        let mut through = seconds(now) - 1;
        if progress.indexed_size < progress.durable_size {
            let waiting = self.trail.inner.ledger.record(progress.indexed_size);
            let before = |record: Arc<Record>| Timestamp::from_micros(record.received_at().as_micros() - 1);
            through = through.min(seconds(waiting.map_or(progress.complete_through, before)));
        }
        Timestamp::from_micros(through * 1_000_000)
    }

    pub(crate) fn view(&self, record: &Record) -> EventView {
        let inner = &self.trail.inner;
        debug_assert_eq!(record.entry.kind, Kind::EVENT);
        EventView::new(record, &*inner.decode, &inner.control.directory(), self.log())
    }

    /// What a question cost, as its caller may see it. How much was looked at grows with what others send, so only the
    /// time, which any caller can measure, and its own events are shown to a smaller reach.
    pub fn cost_shown(&self, cost: &Cost) -> Value {
        let mut shown = json!({
            "elapsed_ms": (cost.elapsed.as_secs_f64() * 1e6).round() / 1e3,
            "documents": cost.documents,
        });
        if self.sees_everything() {
            let all = json!({
                "splits": cost.splits, "blocks": cost.blocks, "zones": cost.zones, "terms": cost.terms,
                "bytes_read": cost.bytes_read,
            });
            if let (Some(shown), Value::Object(all)) = (shown.as_object_mut(), all) {
                shown.extend(all);
            }
        }
        shown
    }

    /// Whether the filters can be understood.
    ///
    /// # Errors
    /// `Invalid` for wrong filters.
    pub fn check(&self, filters: &Filters, now: Timestamp) -> Result<(), ReadError> {
        self.query(filters, now).map(|_| ())
    }

    /// The plan of a question: its expression and bounds; for reach over everything also what it comes to in each part
    /// of the index.
    ///
    /// # Errors
    /// `Invalid` for wrong filters.
    pub fn explain(&self, filters: &Filters, now: Timestamp) -> Result<Value, ReadError> {
        let query = self.query(filters, now)?;
        let mut plan = self.trail.inner.search.explain(&self.scope(), &query);
        if let (false, Some(plan)) = (self.sees_everything(), plan.as_object_mut()) {
            // Sizes and frequencies of the parts count everybody's events.
            plan.remove("parts");
        }
        Ok(plan)
    }
}

/// Adds what one more call did to what the calls before it did.
pub(crate) fn add(total: &mut Cost, more: &Cost) {
    total.splits = total.splits.max(more.splits);
    total.blocks = total.blocks.max(more.blocks);
    total.zones += more.zones;
    total.documents += more.documents;
    total.terms += more.terms;
    total.bytes_read += more.bytes_read;
    total.elapsed += more.elapsed;
}

/// Bytes of bodies in one answer, beside its first event.
pub(crate) const PAGE_BYTES_MAX: usize = 16 << 20;
/// Records read from the ledger at once: 16 of the largest allowed by default are 16 MiB.
const RECORDS_AT_ONCE: usize = 16;

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a cursor is bound to: the filters, whatever their order. Each text is preceded by its length, so that no two
/// different lists give the same bytes.
pub(crate) fn query_digest(filters: &Filters) -> [u8; 32] {
    let mut sorted: Vec<_> = filters.iter().collect();
    sorted.sort();
    let mut hash = Sha256::new();
    for text in sorted.into_iter().flat_map(|(name, value)| [name, value]) {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().into()
}
