//! Reading events within the caller's reach.

use std::sync::Arc;

use indelible_control::{Permission, TenantNumber};
use indelible_event::{Code, Problem, Timestamp};
use indelible_ledger::Record;
use indelible_merkle::TlogProof;
use indelible_search::{Direction, Hit, Page, PageRequest, Query, Reach, SearchError, SortKey};
use indelible_verify::{Kind, ProofBundle, ProofExtra};
use sha2::{Digest, Sha256};

use crate::{Cursor, EventView, Principal, Trail};

/// Why a read gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The caller lacks a permission.
    #[error("the permission {0} is needed")]
    Forbidden(Permission),
    /// Nothing like that within the caller's reach.
    #[error("nothing found")]
    NotFound,
    /// The id is used in several tenants within the caller's reach; `tenant=` decides.
    #[error("the id is used by events of several tenants")]
    Ambiguous,
    /// The request itself is wrong.
    #[error("the request has {} problems", .0.len())]
    Invalid(Vec<Problem>),
    /// The ledger could not be read. Not the same as "not found".
    #[error("the ledger could not be read")]
    Ledger(#[from] indelible_ledger::ReadError),
    /// The index could not be asked.
    #[error("the index could not be asked")]
    Search(#[from] SearchError),
    /// A stored record does not encode again.
    #[error("a stored record is not what this version writes")]
    Format(#[from] indelible_verify::Error),
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// What to list.
#[derive(Clone, Debug)]
pub struct ListRequest {
    /// The filter parameters alone, in the caller's order.
    pub filters: Vec<(String, String)>,
    /// Events a page, 1 to 1,000.
    pub limit: usize,
    /// Go on after (older than) this cursor.
    pub after: Option<String>,
    /// Go back before (newer than) this cursor.
    pub before: Option<String>,
    /// Whether to count all that match.
    pub total: bool,
}

/// One page of events, newest first.
#[derive(Debug)]
pub struct EventPage {
    /// The events.
    pub events: Vec<EventView>,
    /// How many match in all, exactly, as of the first page.
    pub total: Option<u64>,
    /// Everything received up to then is searchable.
    pub complete_through: Timestamp,
    /// Whether the index is still being built from the ledger, so that older events may be missing too.
    pub rebuilding: bool,
    /// Cursor of the next (older) page, if there is one.
    pub next: Option<String>,
    /// Cursor of the previous (newer) page, if there is one.
    pub prev: Option<String>,
}

/// Reads events for one caller; made by [`Trail::reader`] only.
#[derive(Clone)]
pub struct ScopedReader {
    trail: Trail,
    reach: indelible_control::Reach,
}

impl ScopedReader {
    pub(crate) fn new(trail: Trail, principal: &Principal) -> Self {
        Self { trail, reach: principal.reach.clone() }
    }

    /// The reach of this moment, as the index understands it.
    fn scope(&self) -> Reach {
        match &self.reach {
            indelible_control::Reach::Everything => Reach::All,
            indelible_control::Reach::Tenants(roots) => {
                Reach::tenants(self.trail.inner.control.directory().subtree(roots))
            }
        }
    }

    /// The log's id for callers that may see the global order.
    fn log(&self) -> Option<String> {
        let everything = self.reach == indelible_control::Reach::Everything;
        everything.then(|| hex(&self.trail.inner.ledger.log_id()))
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

    fn query(&self, filters: &[(String, String)], now: Timestamp) -> Result<Query, ReadError> {
        let mut query = Query::from_params(filters, now).map_err(ReadError::Invalid)?;
        query.resolve_tenants(|name| Some(self.tenants_named(name)));
        query.widen_tenant_names(|name| self.names_below(name));
        Ok(query)
    }

    /// One page of events.
    ///
    /// # Errors
    /// `Invalid` for wrong filters or cursors; `Ledger`, `Search` when a store fails.
    pub fn list(&self, request: &ListRequest, now: Timestamp) -> Result<EventPage, ReadError> {
        let inner = &self.trail.inner;
        let digest = query_digest(&request.filters);
        let cursor = match (&request.after, &request.before) {
            (None, None) => None,
            (Some(text), None) => Some((self.open_cursor(text, &digest, "after")?, Direction::Older)),
            (None, Some(text)) => Some((self.open_cursor(text, &digest, "before")?, Direction::Newer)),
            (Some(_), Some(_)) => {
                return Err(invalid("before", Code::InvalidCursor, "give either after or before, not both"));
            }
        };
        let asked_at = now;
        // Relative ranges stay where they were on the first page.
        let now = cursor.map_or(now, |(cursor, _)| cursor.now);
        let query = self.query(&request.filters, now)?;
        let reach = self.scope();
        let mut page = inner.search.page(&PageRequest {
            reach: &reach,
            query: &query,
            limit: request.limit,
            cursor: cursor.map(|(cursor, direction)| {
                (SortKey { time: cursor.time.as_micros(), index: cursor.index }, direction)
            }),
            as_of: cursor.map(|(cursor, _)| cursor.as_of),
        })?;
        let backward = cursor.is_some_and(|(_, direction)| direction == Direction::Newer);
        let events = self.views(&mut page, backward)?;
        let total =
            if request.total { Some(inner.search.count(&reach, &query, Some(page.as_of))?) } else { None };
        let seal = |hit: Option<&Hit>, wanted: bool, backward: bool| match hit {
            Some(hit) if wanted => {
                let cursor = Cursor { backward, time: hit.time, index: hit.index, as_of: page.as_of, now };
                inner.seal.seal(&cursor, &digest).map(Some).map_err(ReadError::Randomness)
            }
            _ => Ok(None),
        };
        let next = seal(page.hits.last(), page.has_next, false)?;
        let prev = seal(page.hits.first(), page.has_prev, true)?;
        Ok(EventPage {
            events,
            total,
            complete_through: self.complete_through(page.complete_through, asked_at),
            rebuilding: inner.search.progress().rebuilding,
            next,
            prev,
        })
    }

    /// The exact number of events that match.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn count(&self, filters: &[(String, String)], now: Timestamp) -> Result<u64, ReadError> {
        let query = self.query(filters, now)?;
        Ok(self.trail.inner.search.count(&self.scope(), &query, None)?)
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

    fn open_cursor(&self, text: &str, digest: &[u8; 32], parameter: &str) -> Result<Cursor, ReadError> {
        let opened = self.trail.inner.seal.open(text, digest).ok();
        opened.filter(|cursor| cursor.backward == (parameter == "before")).ok_or_else(|| {
            invalid(
                parameter,
                Code::InvalidCursor,
                "the cursor is not one for this query; start again without it",
            )
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

    /// The events of a page. A page of very large events ends early, on the side away from its cursor.
    fn views(&self, page: &mut Page, backward: bool) -> Result<Vec<EventView>, ReadError> {
        let mut views = Vec::with_capacity(page.hits.len());
        let mut bytes = 0;
        let mut order: Vec<usize> = (0..page.hits.len()).collect();
        if backward {
            order.reverse();
        }
        'page: for part in order.chunks(RECORDS_AT_ONCE) {
            let indices: Vec<u64> = part.iter().map(|at| page.hits[*at].index).collect();
            for record in self.trail.inner.ledger.records_at(&indices)? {
                bytes += record.body.len();
                if bytes > PAGE_BYTES_MAX && !views.is_empty() {
                    break 'page;
                }
                views.push(self.view(&record));
            }
        }
        let left_out = page.hits.len() - views.len();
        if backward {
            page.hits.drain(..left_out);
            page.has_prev |= left_out > 0;
            views.reverse();
        } else {
            page.hits.truncate(views.len());
            page.has_next |= left_out > 0;
        }
        Ok(views)
    }

    /// Up to when everything is searchable. The time at which the newest event of all was received would tell a
    /// caller with a smaller reach when others send; while the index keeps up, such a caller gets the second before
    /// now instead, which is just as true for what it may see.
    fn complete_through(&self, through: Timestamp, now: Timestamp) -> Timestamp {
        let progress = self.trail.inner.search.progress();
        let keeps_up = progress.indexed_size >= progress.durable_size;
        if self.reach == indelible_control::Reach::Everything || !keeps_up {
            return through;
        }
        Timestamp::from_micros((now.as_micros().div_euclid(1_000_000) - 1) * 1_000_000)
    }

    fn view(&self, record: &Record) -> EventView {
        let inner = &self.trail.inner;
        debug_assert_eq!(record.entry.kind, Kind::EVENT);
        EventView::new(record, &*inner.decode, &inner.control.directory(), self.log())
    }
}

/// Bytes of bodies on one page, beside its first event.
const PAGE_BYTES_MAX: usize = 16 << 20;
/// Records read from the ledger at once: 16 of the largest allowed by default are 16 MiB.
const RECORDS_AT_ONCE: usize = 16;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a cursor is bound to: the filters, whatever their order. Each text is preceded by its length, so that no two
/// different lists give the same bytes.
fn query_digest(filters: &[(String, String)]) -> [u8; 32] {
    let mut sorted: Vec<_> = filters.iter().collect();
    sorted.sort();
    let mut hash = Sha256::new();
    for text in sorted.into_iter().flat_map(|(name, value)| [name, value]) {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().into()
}

fn invalid(parameter: &str, code: Code, message: &str) -> ReadError {
    ReadError::Invalid(vec![Problem { code, field: parameter.to_owned(), message: message.to_owned() }])
}
