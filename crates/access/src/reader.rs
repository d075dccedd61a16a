//! Reading events within the caller's reach: the reach itself, single events, and what every other read stands on.

use std::{collections::BTreeSet, sync::Arc};

use indelible_control::{Directory, Permission, TenantNumber, is_of_tenant_names};
use indelible_event::{Code, Timestamp};
use indelible_ledger::Record;
use indelible_merkle::TlogProof;
use indelible_search::{AskedTimes, Budget, Cost, Progress, Query, Reach, TenantSet};
use indelible_verify::{Kind, ProofBundle, ProofExtra, UserId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    EventView, INSTALLATION, INSTALLATION_NUMBER, Moment, Principal, RangeLimits, ReadError, Trail,
    error::invalid,
};

/// What was found of one event, what that cost, and the number of the event's tenant.
pub type Single<T> = (T, Cost, TenantNumber);

/// Filters as parameters, in the caller's order.
pub type Filters = [(String, String)];

/// Reads events for one caller; made by [`Trail::reader`] only.
#[derive(Clone)]
pub struct ScopedReader {
    pub(crate) trail: Trail,
    pub(crate) reach: indelible_control::Reach,
    /// The user whose events are read beside those.
    oneself: Option<Uuid>,
    /// What of time may be asked about.
    pub(crate) range: RangeLimits,
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

/// Events that were read by their leaf indices.
pub(crate) struct Views {
    /// With their indices; those that were removed since they were found are not among them.
    pub(crate) events: Vec<(u64, EventView)>,
    /// Indices that were read, removed ones too; there was no room for the rest.
    pub(crate) read: usize,
}

impl ScopedReader {
    pub(crate) fn new(trail: Trail, principal: &Principal) -> Self {
        Self {
            trail,
            reach: principal.reach(Permission::AuditRead),
            oneself: principal.oneself(),
            range: principal.range(),
        }
    }

    pub(crate) fn new_for(trail: Trail, principal: &Principal, permission: Permission) -> Self {
        let (reach, oneself) = principal.reach_of_both(permission, &trail.inner.control.directory());
        Self { trail, reach, oneself, range: principal.range() }
    }

    /// Whether everything is within the reach that came from these tenants, and, if `as_oneself`, from what this user did
    /// and others did to them.
    pub fn covers(&self, tenants: &[TenantNumber], as_oneself: Option<Uuid>) -> bool {
        let directory = self.trail.inner.control.directory();
        // The installation itself is within the reach of those only who see everything.
        let is_within = |number: &TenantNumber| {
            self.sees_everything()
                || *number != INSTALLATION_NUMBER && directory.is_within(*number, &self.reach)
        };
        tenants.iter().all(is_within)
            && (as_oneself.is_none() || self.oneself == as_oneself || self.sees_everything())
    }

    /// The user whose events are read beside those of the tenants within the reach.
    pub fn oneself(&self) -> Option<Uuid> {
        self.oneself
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
                let tenants = self.trail.inner.control.directory().subtree(roots);
                match self.oneself {
                    Some(user) => Reach::oneself(UserId(user.into_bytes()), tenants),
                    None => Reach::tenants(tenants),
                }
            }
        }
    }

    /// The log's id for callers that may see the global order.
    pub(crate) fn log(&self) -> Option<String> {
        self.sees_everything().then(|| hex(&self.trail.inner.ledger.log_id()))
    }

    /// The tenants that a name in a filter stands for: it and all below it, within the reach. A name outside the
    /// reach stands for nothing, like one that does not exist.
    fn tenants_named(&self, name: &str) -> Vec<TenantNumber> {
        // All that is below a tenant within the reach is within it too. One above the reach is not named by its
        // children: whether it exists, and what is below it, is not this caller's to know.
        match self.number_of(name) {
            None => Vec::new(),
            Some(INSTALLATION_NUMBER) => vec![INSTALLATION_NUMBER],
            Some(number) => self.trail.inner.control.directory().subtree(&[number]).into_iter().collect(),
        }
    }

    /// The number of the tenant of this name within the reach, or of the installation itself for those who read something
    /// in its chain.
    fn number_of(&self, name: &str) -> Option<TenantNumber> {
        if name.eq_ignore_ascii_case(INSTALLATION) {
            let reads = self.sees_everything() || self.oneself.is_some();
            return reads.then_some(INSTALLATION_NUMBER);
        }
        let directory = self.trail.inner.control.directory();
        let tenant = directory.tenant_named(name)?;
        directory.is_within(tenant.number, &self.reach).then_some(tenant.number)
    }

    /// The name of the tenant with this number, or of the installation itself.
    pub(crate) fn name_of(&self, number: TenantNumber) -> Option<String> {
        if number == INSTALLATION_NUMBER {
            return Some(INSTALLATION.to_owned());
        }
        self.trail.inner.control.directory().tenant(number).map(|tenant| tenant.name.clone())
    }

    /// The one tenant whose events a question with these filters can be answered from, however it names it; 0 where there
    /// are several, or none, or where the question names another one: it is told to whoever reads that tenant's events.
    pub fn touches(&self, filters: &Filters, now: Timestamp) -> TenantNumber {
        let query = self.compile(filters, now).ok();
        let tenants = query.and_then(|query| query.tenants_within(&self.scope()));
        match tenants.as_ref().map(TenantSet::as_slice) {
            Some([number]) if !self.names_beside(*number, filters) => *number,
            _ => INSTALLATION_NUMBER,
        }
    }

    /// Whether a value of these filters holds the name of a tenant that is neither this one nor below it.
    fn names_beside(&self, number: TenantNumber, filters: &Filters) -> bool {
        let directory = self.trail.inner.control.directory();
        let own = indelible_control::Reach::Tenants(vec![number]);
        tenants_named_in(&directory, filters).into_iter().any(|named| !directory.is_within(named, &own))
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

    /// The query of a question that may be asked; each answer about the past begins here. `began` is the instant that
    /// its relative times count from, `now` the one at which it is asked.
    ///
    /// # Errors
    /// `Invalid`; `RangeNotAllowed`.
    pub(crate) fn query(
        &self,
        filters: &Filters,
        began: Timestamp,
        now: Timestamp,
    ) -> Result<Query, ReadError> {
        let query = self.compile(filters, began)?;
        if !self.range.is_unlimited() {
            let asked = AskedTimes::from_params(filters, began).map_err(ReadError::Invalid)?;
            self.range.check(&asked, began, now).map_err(ReadError::RangeNotAllowed)?;
        }
        Ok(query)
    }

    /// What filters mean, whether they may be asked or not.
    pub(crate) fn compile(&self, filters: &Filters, now: Timestamp) -> Result<Query, ReadError> {
        let mut query = Query::from_params_with(filters, now, &*self.trail.inner.catalogue)
            .map_err(ReadError::Invalid)?;
        query.resolve_tenants(|name| Some(self.tenants_named(name)));
        query.widen_tenant_names(|name| self.names_below(name));
        Ok(query)
    }

    /// The moment that a question is about: the one that was sealed, else this one; and how complete its answer can be.
    pub(crate) fn begin(&self, as_of: Option<&str>, now: Timestamp) -> Result<(Moment, Standing), ReadError> {
        let given = as_of.map(|text| self.open_moment(text)).transpose()?;
        self.begin_at(given, now)
    }

    /// As [`Self::begin`], of a moment that was opened and checked.
    pub(crate) fn begin_at(
        &self,
        given: Option<Moment>,
        now: Timestamp,
    ) -> Result<(Moment, Standing), ReadError> {
        // Before the moment is taken, so that the answer has all that it says to have.
        let mut standing = self.standing(now);
        let moment = match given {
            Some(moment) => {
                // What came in since is not in the answer, however complete the index is today.
                standing.complete_through =
                    self.rounded(moment.complete_through).min(standing.complete_through);
                moment
            }
            None => {
                let as_of = self.trail.inner.search.end();
                let complete_through = standing.complete_through;
                Moment { as_of, now, complete_through, trail: self.trail_before(as_of)? }
            }
        };
        standing.as_of = self.trail.inner.seal.seal_moment(&moment).map_err(ReadError::Randomness)?;
        Ok((moment, standing))
    }

    pub(crate) fn open_moment(&self, text: &str) -> Result<Moment, ReadError> {
        let moment = self.trail.inner.seal.open_moment(text).map_err(|_| {
            invalid("as_of", Code::InvalidCursor, "as_of is the text that an answer gave as its as_of")
        })?;
        self.check_trail(moment.as_of, moment.trail, "as_of")?;
        Ok(moment)
    }

    /// Tells the trail before a leaf index from another: the beginning of its last leaf's hash, which is linked to all
    /// before it in its chain and bears a random salt.
    pub(crate) fn trail_before(&self, index: u64) -> Result<u64, ReadError> {
        let Some(last) = index.checked_sub(1) else { return Ok(0) };
        let hash = self.trail.inner.ledger.leaf_hash(last)?;
        Ok(u64::from_be_bytes(hash[..8].try_into().expect("a hash has 32 bytes")))
    }

    /// A cursor of a trail that was longer than this one, or went on differently, means that an older copy was restored:
    /// going on from it would pass over what was received instead, and what is until this one is as long.
    pub(crate) fn check_trail(&self, index: u64, trail: u64, parameter: &str) -> Result<(), ReadError> {
        let size = self.trail.inner.ledger.durable_size();
        if index <= size && self.trail_before(index)? == trail {
            return Ok(());
        }
        let message = if index > size {
            "the cursor was made by a longer trail than this one; was an older copy of the data restored?"
        } else {
            "the cursor was made by a trail that went on differently from this one; was an older copy of the data \
             restored?"
        };
        Err(invalid(parameter, Code::InvalidCursor, message))
    }

    /// How complete an answer is that is begun now.
    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        // Before the progress: what is on its way at this point and not at the next one is durable by then.
        let pending = self.trail.inner.ledger.pending_since_us();
        let progress = self.trail.inner.search.progress();
        Standing {
            as_of: String::new(),
            complete_through: self.complete_through(&progress, pending, now),
            rebuilding: progress.rebuilding,
            cost: Cost::default(),
        }
    }

    /// One event by its id, whatever the filters, and its tenant.
    ///
    /// # Errors
    /// `NotFound`, also for an id that exists only outside the reach; `Ambiguous` without `tenant`; `RangeNotAllowed` for
    /// one within the reach that is older than the caller may ask about; `TooSlow`, `Cancelled`.
    pub fn event(
        &self,
        id: &str,
        tenant: Option<&str>,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<Single<EventView>, ReadError> {
        let (record, cost) = self.find(id, tenant, now, budget)?;
        Ok((self.view(&record), cost, record.envelope.tenant_number))
    }

    /// The bytes as sent, and their media type; and the event's tenant.
    ///
    /// # Errors
    /// As [`Self::event`].
    pub fn original(
        &self,
        id: &str,
        tenant: Option<&str>,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<Single<(Vec<u8>, String)>, ReadError> {
        let (record, cost) = self.find(id, tenant, now, budget)?;
        let original = (record.body.clone(), record.envelope.media_type.clone());
        Ok((original, cost, record.envelope.tenant_number))
    }

    /// The proof that the event is in the trail: with the original bytes, all that an outsider needs.
    ///
    /// # Errors
    /// As [`Self::event`].
    pub fn proof(
        &self,
        id: &str,
        tenant: Option<&str>,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<Single<ProofBundle>, ReadError> {
        let (record, cost) = self.find(id, tenant, now, budget)?;
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
        let bundle = ProofBundle {
            index: record.index,
            tenant_seq: record.entry.tenant_seq,
            entry,
            opening,
            proof: proof.to_string(),
            vkey: ledger.vkey().to_owned(),
        };
        Ok((bundle, cost, record.envelope.tenant_number))
    }

    fn find(
        &self,
        id: &str,
        tenant: Option<&str>,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<(Arc<Record>, Cost), ReadError> {
        let inner = &self.trail.inner;
        let only = match tenant {
            Some(name) => Some(self.number_of(name).ok_or(ReadError::NotFound)?),
            None => None,
        };
        let (hits, cost) = inner.search.by_id(&self.scope(), only, id, budget)?;
        let hit = match hits.as_slice() {
            [] => return Err(ReadError::NotFound),
            [hit] => hit,
            _ => return Err(ReadError::Ambiguous),
        };
        if hit.time.as_micros() < self.range.shown_since(now) {
            return Err(ReadError::RangeNotAllowed(self.range.without_a_range(now)));
        }
        // Removed since the search found it: it is not there any more.
        let record = inner.ledger.record(hit.index)?.whole().ok_or(ReadError::NotFound)?;
        Ok((record, cost))
    }

    /// The events at these leaf indices, in this order, until their bodies come to `bytes_max`; at least one is read where
    /// there are any. The caller has found the indices within the reach.
    pub(crate) fn views(&self, indices: &[u64], bytes_max: usize) -> Result<Views, ReadError> {
        let mut views = Views { events: Vec::with_capacity(indices.len()), read: 0 };
        let mut bytes = 0;
        for part in indices.chunks(RECORDS_AT_ONCE) {
            for stored in self.trail.inner.ledger.records_at(part)? {
                if let Some(record) = stored.whole() {
                    bytes += record.body.len();
                    if bytes > bytes_max && !views.events.is_empty() {
                        return Ok(views);
                    }
                    views.events.push((record.index, self.view(&record)));
                }
                views.read += 1;
            }
        }
        Ok(views)
    }

    /// Up to when everything is searchable. The time at which the newest event of all was received would tell a
    /// caller with a smaller reach when others send. Such a caller gets the second before now, or before the first entry
    /// that is on its way (`pending_us`) or not searchable yet where that is older: just as true for what it may see,
    /// and the same whether or not somebody sent something a moment ago.
    fn complete_through(&self, progress: &Progress, pending_us: Option<u64>, now: Timestamp) -> Timestamp {
        let before = |micros: i64| Timestamp::from_micros(micros.saturating_sub(1));
        let pending = pending_us.map(|micros| before(i64::try_from(micros).unwrap_or(i64::MAX)));
        if self.sees_everything() {
            // Several entries may bear one time, and the last of them be on its way. What was taken after `now` is not
            // among the pending.
            let known = pending.map_or(before(now.as_micros()), |at| at.min(before(now.as_micros())));
            return known.min(progress.complete_through);
        }
        let second_ago = Timestamp::from_micros(now.as_micros().saturating_sub(1_000_000));
        let mut through = pending.map_or(second_ago, |at| at.min(second_ago));
        if progress.indexed_size < progress.durable_size {
            let waiting = self.trail.inner.ledger.record(progress.indexed_size);
            let waiting =
                waiting.map_or(progress.complete_through, |stored| before(stored.received_at().as_micros()));
            through = through.min(waiting);
        }
        self.rounded(through)
    }

    /// As exact as the caller may know it: with a smaller reach down to the second.
    fn rounded(&self, at: Timestamp) -> Timestamp {
        if self.sees_everything() {
            return at;
        }
        Timestamp::from_micros(at.as_micros().div_euclid(1_000_000) * 1_000_000)
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
        self.compile(filters, now).map(|_| ())
    }

    /// The plan of a question as of the sealed moment of its answer: its expression and bounds; for reach over everything
    /// also what it comes to in each part of the index, as far as the budget suffices.
    ///
    /// # Errors
    /// `Invalid` for wrong filters and for a text that is no moment; `RangeNotAllowed`.
    pub fn explain(
        &self,
        filters: &Filters,
        as_of: &str,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<Value, ReadError> {
        let moment = self.open_moment(as_of)?;
        let query = self.query(filters, moment.now, now)?;
        let mut plan = self.trail.inner.search.explain(&self.scope(), &query, Some(moment.as_of), budget);
        let directory = self.trail.inner.control.directory();
        indelible_search::name_tenants(&mut plan, &|number| {
            // The installation's number stands in a plan only where its reader named it.
            let may_know = number == INSTALLATION_NUMBER || directory.is_within(number, &self.reach);
            self.name_of(number).filter(|_| may_know)
        });
        if let (false, Some(plan)) = (self.sees_everything(), plan.as_object_mut()) {
            // Sizes and frequencies of the parts count everybody's events.
            plan.remove("parts");
        }
        Ok(plan)
    }
}

/// The tenants whose names, of today or before, stand in the values of these filters, in whatever way.
pub fn tenants_named_in(directory: &Directory, filters: &Filters) -> BTreeSet<TenantNumber> {
    let mut found = BTreeSet::new();
    for (_, value) in filters {
        let mut look = |name: &str| found.extend(directory.tenant_named(name).map(|tenant| tenant.number));
        look(value.trim_start_matches('!').trim());
        for part in value.split(|sign: char| !is_of_tenant_names(sign)) {
            for part in std::iter::once(part).chain(part.split(['@', ':', '+'])) {
                look(part);
                look(part.trim_matches(|sign: char| !sign.is_ascii_alphanumeric()));
            }
        }
    }
    found
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
