//! Index against ledger: every event is in exactly one place of the index, under its right keys, and nothing else is.
//!
//! A split is turned inside out: each posting is added to a fingerprint of its document, and each document's
//! fingerprint is compared with that of the event derived from the ledger anew. To be run while no server runs.
//! Entries after the last split are no fault: they are read from the ledger at every start.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::{Bound, ControlFlow, Range};
use std::path::Path;

use crate::doc::{Doc, Place};
use crate::error::SearchError;
use crate::field::Field;
use crate::manifest::{Found, Manifest, SplitMeta, Vacant, verify};
use crate::source::{Batches, Decode, EventSource};
use crate::split::{Facet, Split};
use crate::state::{document, hex};
use crate::zone::ZONE_DOCS;

/// Findings that are told one by one; the rest are counted.
const FINDINGS_MAX: usize = 100;

const COLUMNS_LOST: &str = "its columns can't be read";

/// How far a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckProgress {
    /// Entries compared so far.
    pub done: u64,
    /// Entries that the index covers.
    pub total: u64,
}

/// Something that the index says and the ledger does not, or the other way round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The split, or the entries that are said to be vacant.
    pub split: String,
    /// The leaf index that it is about, if it is about one.
    pub index: Option<u64>,
    /// What is wrong.
    pub what: &'static str,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Splits compared.
    pub splits: u64,
    /// Events compared.
    pub events: u64,
    /// Entries that no split covers yet, or not any more; they are indexed from the ledger at the next start.
    pub uncovered: Vec<Range<u64>>,
    /// Why there is no usable index, if there is none; it is built from the ledger at the next start.
    pub unusable: Option<&'static str>,
    /// What is wrong, the first hundred.
    pub findings: Vec<Finding>,
    /// How much is wrong in all.
    pub findings_total: u64,
}

impl CheckReport {
    /// Whether index and ledger say the same as far as the index reaches.
    pub fn is_sound(&self) -> bool {
        self.findings_total == 0
    }

    fn add(&mut self, split: &str, index: Option<u64>, what: &'static str) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { split: split.to_owned(), index, what });
        }
    }
}

/// The check could not find out.
#[derive(Debug, thiserror::Error)]
#[error("cannot compare the search index with the ledger")]
pub struct CheckError(#[source] SearchError);

/// Compares the index in `dir` with the ledger.
///
/// # Errors
/// [`CheckError`] when the ledger or a file of the index can't be read now. A damaged index is a finding, not an error.
pub fn check(
    dir: &Path,
    source: &dyn EventSource,
    decode: &dyn Decode,
    on_progress: &dyn Fn(CheckProgress),
) -> Result<CheckReport, CheckError> {
    let durable = *source.subscribe().borrow();
    let mut report = CheckReport::default();
    let manifest = match Manifest::read(dir, &hex(&source.log_id())).map_err(CheckError)? {
        Found::Ready(manifest) => manifest,
        Found::Absent | Found::Unusable(_) if durable == 0 => return Ok(report),
        Found::Absent => {
            report.unusable = Some("there is no index");
            report.uncovered.push(0..durable);
            return Ok(report);
        }
        Found::Unusable(reason) => {
            report.unusable = Some(reason);
            report.uncovered.push(0..durable);
            return Ok(report);
        }
    };
    let log = source.log_id();
    let total = manifest.covered().map(|range| range.end - range.first).sum();
    let mut run = Run { source, decode, on_progress, report, done: 0, total };
    let mut covered = 0;
    for range in manifest.covered() {
        if covered < range.first {
            run.report.uncovered.push(covered..range.first);
        }
        covered = range.end;
    }
    for meta in &manifest.splits {
        run.report.splits += 1;
        if meta.end > durable {
            run.report.add(&meta.name, None, "covers entries that the ledger does not have");
            continue;
        }
        let opened = verify(dir, meta).and_then(|()| Split::open(dir, meta.clone(), &log));
        match opened.and_then(|split| Ok((Fingerprints::of(&split)?, split))) {
            Ok((fingerprints, split)) => run.split(meta, &split, &fingerprints).map_err(CheckError)?,
            Err(SearchError::Damaged { what, .. }) => run.report.add(&meta.name, None, what),
            Err(error) if error.is_damage() => run.report.add(&meta.name, None, "can't be read"),
            Err(error) => return Err(CheckError(error)),
        }
    }
    for vacant in &manifest.vacant {
        run.vacant(vacant, durable).map_err(CheckError)?;
    }
    if covered < durable {
        run.report.uncovered.push(covered..durable);
    }
    Ok(run.report)
}

struct Run<'a> {
    source: &'a dyn EventSource,
    decode: &'a dyn Decode,
    on_progress: &'a dyn Fn(CheckProgress),
    report: CheckReport,
    done: u64,
    total: u64,
}

impl Run<'_> {
    fn vacant(&mut self, run: &Vacant, durable: u64) -> Result<(), SearchError> {
        let name = format!("vacant {}-{}", run.first, run.end);
        if run.end > durable {
            self.report.add(&name, None, "covers entries that the ledger does not have");
            return Ok(());
        }
        let (mut next, mut batches) = (run.first, Batches::new());
        while next < run.end {
            let records = batches.next(self.source, next..run.end)?;
            for record in &records {
                next = record.index() + 1;
                if next == run.end && hex(&record.leaf_hash()) != run.last_leaf {
                    self.report.add(&name, Some(record.index()), "the ledger has another entry there");
                }
                if document(self.decode, record).is_some() {
                    self.report.add(&name, Some(record.index()), "an event is missing");
                }
            }
            self.done += records.len() as u64;
            (self.on_progress)(CheckProgress { done: self.done, total: self.total });
        }
        Ok(())
    }

    fn split(
        &mut self,
        meta: &SplitMeta,
        split: &Split,
        fingerprints: &Fingerprints,
    ) -> Result<(), SearchError> {
        let mut columns = match Columns::new(split) {
            Ok(columns) => columns,
            Err(error) if error.is_damage() => {
                self.report.add(&meta.name, None, COLUMNS_LOST);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut next = meta.first;
        let mut batches = Batches::new();
        let mut doc = 0_u32;
        while next < meta.end {
            let records = batches.next(self.source, next..meta.end)?;
            for record in &records {
                next = record.index() + 1;
                if next == meta.end && hex(&record.leaf_hash()) != meta.last_leaf {
                    self.report.add(&meta.name, Some(record.index()), "the ledger has another entry there");
                }
                let Some(expected) = document(self.decode, record) else {
                    if doc < split.docs() && columns.is_of(record.index(), doc)? {
                        self.report.add(&meta.name, Some(record.index()), "it has an event that was removed");
                        doc += 1;
                    }
                    continue;
                };
                if doc >= split.docs() {
                    self.report.add(&meta.name, Some(record.index()), "an event is missing");
                    continue;
                }
                let what = columns.differ(&expected, doc)?.or_else(|| fingerprints.differ(&expected, doc));
                if let Some(what) = what {
                    self.report.add(&meta.name, Some(record.index()), what);
                }
                self.report.events += 1;
                doc += 1;
            }
            self.done += records.len() as u64;
            (self.on_progress)(CheckProgress { done: self.done, total: self.total });
        }
        if doc < split.docs() {
            self.report.add(&meta.name, None, "it has events that the ledger does not have");
        }
        Ok(())
    }
}

/// The columns of a split, on their way through its zones.
struct Columns<'s> {
    split: &'s Split,
    /// The zone that was read last.
    zone: Option<u32>,
    times: Vec<i64>,
    received: Vec<i64>,
    leaves: Vec<u64>,
    tenants: Vec<u32>,
    users: Facet,
    domains: Facet,
    user_hashes: Vec<u64>,
    domain_hashes: Vec<u64>,
}

impl<'s> Columns<'s> {
    fn new(split: &'s Split) -> Result<Columns<'s>, SearchError> {
        Ok(Columns {
            split,
            zone: None,
            times: Vec::new(),
            received: Vec::new(),
            leaves: Vec::new(),
            tenants: Vec::new(),
            users: Facet::default(),
            domains: Facet::default(),
            user_hashes: split.user_hashes()?,
            domain_hashes: split.domain_hashes()?,
        })
    }

    fn load(&mut self, zone: u32) -> Result<(), SearchError> {
        if self.zone != Some(zone) {
            self.split.times(zone, &mut self.times)?;
            self.split.received(zone, &mut self.received)?;
            self.split.leaves(zone, &mut self.leaves)?;
            self.split.tenant_ordinals(zone, &mut self.tenants)?;
            self.split.users(zone, &mut self.users)?;
            self.split.domains(zone, &mut self.domains)?;
            self.zone = Some(zone);
        }
        Ok(())
    }

    /// Whether this document is the one of the entry at this leaf index.
    ///
    /// # Errors
    /// As [`Columns::differ`].
    fn is_of(&mut self, index: u64, doc: u32) -> Result<bool, SearchError> {
        match self.load(doc / ZONE_DOCS as u32) {
            // Said of the next event.
            Err(error) if error.is_damage() => Ok(false),
            loaded => loaded.map(|()| self.leaves[doc as usize % ZONE_DOCS] == index),
        }
    }

    /// What the columns say of a document and its event does not.
    ///
    /// # Errors
    /// [`SearchError::Io`] when they can't be read now; damage is a difference.
    fn differ(&mut self, expected: &Doc, doc: u32) -> Result<Option<&'static str>, SearchError> {
        let at = doc as usize % ZONE_DOCS;
        match self.load(doc / ZONE_DOCS as u32) {
            Err(error) if error.is_damage() => return Ok(Some(COLUMNS_LOST)),
            loaded => loaded?,
        }
        let place = Place {
            index: self.leaves[at],
            time: self.times[at],
            received: self.received[at],
            tenant: self.split.tenants[self.tenants[at] as usize].0,
        };
        if place.index != expected.place.index {
            return Ok(Some("an event is missing, or not where it belongs"));
        }
        if place != expected.place {
            return Ok(Some("time or tenant differ"));
        }
        let same = |ordinals: &[u32], table: &[u64], hashes: &[u64]| {
            ordinals.iter().map(|ordinal| &table[*ordinal as usize]).eq(hashes)
        };
        let same = same(self.users.get(at), &self.user_hashes, &expected.users)
            && same(self.domains.get(at), &self.domain_hashes, &expected.domains);
        Ok((!same).then_some("users or tenants for distinct counts differ"))
    }
}

/// What a split's postings say about one document, in any order.
fn posting(field: usize, term: &[u8], position: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    (field, term, position).hash(&mut hasher);
    hasher.finish()
}

/// Stands for the tenant's number, which is a field of its own kind.
const TENANT: usize = Field::ALL.len();

fn fingerprint(doc: &Doc) -> u64 {
    let mut sum = posting(TENANT, &doc.place.tenant.to_be_bytes(), 0);
    for (field, term) in doc.keywords() {
        sum = sum.wrapping_add(posting(field as usize, term.as_bytes(), 0));
    }
    for (position, word) in doc.words().enumerate() {
        if let Some(word) = word {
            sum = sum.wrapping_add(posting(Field::Word as usize, word.as_bytes(), position as u32));
        }
    }
    sum
}

/// The fingerprints of all documents of a split.
struct Fingerprints {
    /// From all its postings.
    sums: Vec<u64>,
    /// From the postings of fields with columns, less what the columns say: zeros.
    rests: Vec<u64>,
}

impl Fingerprints {
    fn of(split: &Split) -> Result<Fingerprints, SearchError> {
        let empty = vec![0; split.docs() as usize];
        let mut fingerprints = Fingerprints { sums: empty.clone(), rests: empty };
        for field in Field::ALL {
            fingerprints.add_field(split, field)?;
        }
        for (number, _) in &split.tenants {
            let posting = posting(TENANT, &number.to_be_bytes(), 0);
            split.tenant_postings(*number)?.for_each(&mut |doc| fingerprints.add(doc, posting))?;
        }
        Ok(fingerprints)
    }

    fn add(&mut self, doc: u32, posting: u64) {
        let sum = &mut self.sums[doc as usize];
        *sum = sum.wrapping_add(posting);
    }

    fn add_field(&mut self, split: &Split, field: Field) -> Result<(), SearchError> {
        let has_facet = Split::has_facet(field);
        let (mut keys, mut read) = (Vec::new(), Ok(()));
        split.terms(field, (Bound::Unbounded, Bound::Unbounded), &mut |text, term| {
            let text = text.as_bytes();
            let key = posting(field as usize, text, 0);
            read = split.postings(term).and_then(|mut postings| {
                if field == Field::Word {
                    postings.for_each_position(&mut |doc, positions| {
                        positions.iter().for_each(|at| self.add(doc, posting(field as usize, text, *at)));
                    })
                } else {
                    postings.for_each(&mut |doc| {
                        self.add(doc, key);
                        let rest = &mut self.rests[doc as usize];
                        *rest = rest.wrapping_add(if has_facet { key } else { 0 });
                    })
                }
            });
            if has_facet {
                keys.push(key);
            }
            if read.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        read?;
        if has_facet { self.take_facet(split, field, &keys) } else { Ok(()) }
    }

    fn take_facet(&mut self, split: &Split, field: Field, keys: &[u64]) -> Result<(), SearchError> {
        let mut facet = Facet::default();
        for (zone, rests) in (0..).zip(self.rests.chunks_mut(ZONE_DOCS)) {
            split.facet(field, zone, &mut facet)?;
            for (at, rest) in rests.iter_mut().enumerate() {
                let keys = facet.get(at).iter().map(|ordinal| keys[*ordinal as usize]);
                *rest = keys.fold(*rest, u64::wrapping_sub);
            }
        }
        Ok(())
    }

    fn differ(&self, expected: &Doc, doc: u32) -> Option<&'static str> {
        if self.sums[doc as usize] != fingerprint(expected) {
            return Some("keys or words differ");
        }
        (self.rests[doc as usize] != 0).then_some("a column of keys differs")
    }
}
