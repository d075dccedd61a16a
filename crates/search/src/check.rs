//! Index against ledger: every event is in exactly one place of the index, under its right keys, and nothing else is.
//!
//! A split is turned inside out: each posting is added to a fingerprint of its document, and each document's
//! fingerprint is compared with that of the event derived from the ledger anew. To be run while no server runs.
//! Entries after the last split are no fault: they are read from the ledger at every start.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use tantivy::columnar::Column;
use tantivy::postings::Postings;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, TERMINATED};

use crate::doc::Doc;
use crate::error::SearchError;
use crate::field::Field;
use crate::manifest::{Found, Manifest, SplitMeta, verify};
use crate::schema::SplitSchema;
use crate::source::{Batches, Decode, EventSource};
use crate::split::Split;
use crate::state::{document, hex};

/// Findings that are told one by one; the rest are counted.
const FINDINGS_MAX: usize = 100;

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
    /// The split.
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
/// [`CheckError`] when the ledger can't be read. A damaged index is a finding, not an error.
pub fn check(
    dir: &Path,
    source: &dyn EventSource,
    decode: &dyn Decode,
    on_progress: &dyn Fn(CheckProgress),
) -> Result<CheckReport, CheckError> {
    let durable = *source.subscribe().borrow();
    let mut report = CheckReport::default();
    let manifest = match Manifest::read(dir, &hex(&source.log_id())) {
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
    let schema = Arc::new(SplitSchema::new());
    let total = manifest.splits.iter().map(|split| split.end - split.first).sum();
    let mut run = Run { source, decode, on_progress, report, done: 0, total };
    let mut covered = 0;
    for meta in &manifest.splits {
        if covered < meta.first {
            run.report.uncovered.push(covered..meta.first);
        }
        covered = meta.end;
        run.report.splits += 1;
        if meta.end > durable {
            run.report.add(&meta.name, None, "covers entries that the ledger does not have");
            continue;
        }
        let opened = verify(dir, meta).and_then(|()| Split::open(dir, meta.clone(), &schema));
        match opened.and_then(|split| Ok((fingerprints(&split)?, split))) {
            Ok((fingerprints, split)) => run.split(meta, &split, &fingerprints).map_err(CheckError)?,
            Err(SearchError::Damaged { what, .. }) => run.report.add(&meta.name, None, what),
            Err(_) => run.report.add(&meta.name, None, "can't be read"),
        }
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
    fn split(&mut self, meta: &SplitMeta, split: &Split, fingerprints: &[u64]) -> Result<(), SearchError> {
        let fast = split.reader.fast_fields();
        let (users, domains) = (fast.u64("users")?, fast.u64("domains")?);
        let mut next = meta.first;
        let mut batches = Batches::new();
        let mut doc = 0_u32;
        while next < meta.end {
            let records = batches.next(self.source, next..meta.end)?;
            for record in &records {
                next = record.index + 1;
                if next == meta.end && hex(&record.leaf_hash) != meta.last_leaf {
                    self.report.add(&meta.name, Some(record.index), "the ledger has another entry there");
                }
                let Some(expected) = document(self.decode, record) else { continue };
                if doc >= split.docs() {
                    self.report.add(&meta.name, Some(record.index), "an event is missing");
                    continue;
                }
                if let Some(what) = differs(&expected, split, doc, &users, &domains, fingerprints) {
                    self.report.add(&meta.name, Some(record.index), what);
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

fn differs(
    expected: &Doc,
    split: &Split,
    doc: u32,
    users: &Column<u64>,
    domains: &Column<u64>,
    fingerprints: &[u64],
) -> Option<&'static str> {
    let place = split.place(doc);
    if place.index != expected.place.index {
        return Some("an event is missing, or not where it belongs");
    }
    if place != expected.place {
        return Some("time or tenant differ");
    }
    let same = |column: &Column<u64>, values: &[u64]| column.values_for_doc(doc).eq(values.iter().copied());
    if !same(users, &expected.users) || !same(domains, &expected.domains) {
        return Some("users or tenants for distinct counts differ");
    }
    (fingerprints[doc as usize] != fingerprint(expected)).then_some("keys or words differ")
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

/// The fingerprint of every document, from all postings of the split.
fn fingerprints(split: &Split) -> Result<Vec<u64>, SearchError> {
    let mut sums = vec![0_u64; split.docs() as usize];
    let fields = Field::ALL.iter().map(|field| (*field as usize, split.schema.id(*field)));
    for (number, id) in fields.chain([(TENANT, split.schema.tenant)]) {
        let with_positions = number == Field::Word as usize;
        let option =
            if with_positions { IndexRecordOption::WithFreqsAndPositions } else { IndexRecordOption::Basic };
        let inverted = split.reader.inverted_index(id)?;
        let mut terms = inverted.terms().stream().map_err(tantivy::TantivyError::from)?;
        let mut positions = Vec::new();
        while let Some((term, info)) = terms.next() {
            let mut postings =
                inverted.read_postings_from_terminfo(info, option).map_err(tantivy::TantivyError::from)?;
            let mut doc = postings.doc();
            while doc != TERMINATED {
                let Some(sum) = sums.get_mut(doc as usize) else {
                    let what = "a posting names a document that it does not have";
                    return Err(SearchError::Damaged { split: split.meta.name.clone(), what });
                };
                if with_positions {
                    postings.positions(&mut positions);
                    for &position in &positions {
                        *sum = sum.wrapping_add(posting(number, term, position));
                    }
                } else {
                    *sum = sum.wrapping_add(posting(number, term, 0));
                }
                doc = postings.advance();
            }
        }
    }
    Ok(sums)
}
