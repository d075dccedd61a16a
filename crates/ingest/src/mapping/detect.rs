//! Which product's audit log a file is, with a confidence and the reasons for it.
//!
//! Each mapping says in its `[detect]` how its records are recognised. A record that meets all of `needs` begins with
//! `base`, each evidence that holds adds its weight, and the sum (0 to 1) is multiplied with the share of the record's
//! fields that the mapping knows: a record of another product that has the needed names by accident has many others. The
//! confidence of a file is the mean over its first records. Nothing is guessed: where the best candidate is weak, or
//! another is nearly as good, the answer is the list of candidates.

use std::io::Cursor;

use indelible_event::{Limits, Timestamp};

use super::eval::{Scope, Value};
use super::expr::Expr;
use super::program::Program;
use super::record::{Kind, Node};
use super::{Mapping, Registry, Shape, unread};
use crate::{Records, RecordsOptions, records};

/// Records that are looked at.
pub const DETECT_RECORDS_MAX: usize = 100;

/// Bytes of the unpacked file that are looked at: 100 records of 80 KiB. A packed file may be ten thousand times as large
/// as what was read of it, and every mapping looks at it.
const HEAD_BYTES_MAX: u64 = 8 << 20;

/// The least confidence of a decision.
const CONFIDENCE_MIN: f64 = 0.5;

/// The least distance to the second candidate.
const LEAD_MIN: f64 = 0.15;

/// How a mapping's records are recognised.
#[derive(Clone, Debug)]
pub(super) struct Signs {
    /// All must hold.
    pub(super) needs: Vec<Sign>,
    /// What a record is worth that meets `needs`.
    pub(super) base: f64,
    pub(super) evidence: Vec<Sign>,
}

/// A condition on a record.
#[derive(Clone, Debug)]
pub(super) struct Sign {
    /// As written.
    pub(super) text: String,
    pub(super) expr: Expr,
    /// -1 to 1.
    pub(super) weight: f64,
}

impl Signs {
    /// `base` where a mapping does not say it.
    pub(super) const BASE: f64 = 0.5;
}

/// What is known about the format of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Formats that are possible at all, the best first.
    pub candidates: Vec<Candidate>,
}

/// A format that a file may have.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The mapping's name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// 0 to 1, exclusive of 0.
    pub confidence: f64,
    /// Records that were looked at, as this mapping reads the file; at most [`DETECT_RECORDS_MAX`].
    pub records: usize,
    /// How many of them meet everything that the mapping needs.
    pub fitting: usize,
    /// Mean share, 0 to 1, of the fields of those that the mapping knows.
    pub understood: f64,
    /// What else speaks for the format or against it, as far as it was seen, in the mapping's order.
    pub evidence: Vec<Evidence>,
}

/// One sign of a format.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The condition, as the mapping has it.
    pub condition: String,
    /// What it adds, -1 to 1.
    pub weight: f64,
    /// Fitting records in which it holds.
    pub records: usize,
}

/// The format can't be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// No candidate at all.
    #[error("no known format fits the first records")]
    Unknown,
    /// The best candidate's confidence is under the least that a decision takes.
    #[error("the best candidate is not likely enough")]
    TooLow,
    /// The second candidate is nearly as good as the first.
    #[error("two candidates are about as likely")]
    Ambiguous,
}

impl Detection {
    /// The format, if one is likely enough and clearly ahead of all others.
    ///
    /// # Errors
    /// [`Undecided`].
    pub fn decided(&self) -> Result<&Candidate, Undecided> {
        let best = self.candidates.first().ok_or(Undecided::Unknown)?;
        let second = self.candidates.get(1).map_or(0.0, |candidate| candidate.confidence);
        if best.confidence < CONFIDENCE_MIN {
            Err(Undecided::TooLow)
        } else if best.confidence - second < LEAD_MIN {
            Err(Undecided::Ambiguous)
        } else {
            Ok(best)
        }
    }
}

/// Judges the first records of a file by each mapping's newest version. `head` is the file's beginning, packed as it is;
/// where `whole` is false, a record that breaks off at its end is left out.
pub fn detect(registry: &Registry, head: &[u8], whole: bool) -> Detection {
    let (head, unpacked) = records::unpacked_head(head, HEAD_BYTES_MAX);
    let whole = whole && unpacked;
    let mut candidates: Vec<_> =
        registry.newest().filter_map(|mapping| candidate(mapping, &head, whole)).collect();
    candidates.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then_with(|| a.name.cmp(&b.name)));
    Detection { candidates }
}

fn candidate(mapping: &Mapping, head: &[u8], whole: bool) -> Option<Candidate> {
    let signs = mapping.signs.as_ref()?;
    let options = RecordsOptions {
        wrappers: mapping.wrappers.clone(),
        form: mapping.form,
        ..RecordsOptions::default()
    };
    let records = Records::open(Cursor::new(head), options).ok()?;
    let mut texts: Vec<_> =
        records.take(DETECT_RECORDS_MAX + 1).map(|record| record.map(|record| record.json).ok()).collect();
    if !whole && texts.len() <= DETECT_RECORDS_MAX {
        // The last one may be half of a record.
        texts.pop();
    }
    texts.truncate(DETECT_RECORDS_MAX);
    let mut tally = Tally { held: vec![0; signs.evidence.len()], ..Tally::default() };
    texts.iter().flatten().for_each(|text| tally.look(mapping, signs, text));
    let confidence = tally.sum / texts.len().max(1) as f64;
    (confidence > 0.0).then(|| Candidate {
        name: mapping.name.clone(),
        title: mapping.title.clone(),
        confidence,
        records: texts.len(),
        fitting: tally.fitting,
        understood: tally.understood / tally.fitting.max(1) as f64,
        evidence: tally.evidence(signs),
    })
}

#[derive(Default)]
struct Tally {
    sum: f64,
    fitting: usize,
    understood: f64,
    held: Vec<usize>,
}

impl Tally {
    fn look(&mut self, mapping: &Mapping, signs: &Signs, text: &str) {
        let Some(held) = holding(mapping, signs, text) else { return };
        let understood = understood(mapping, text);
        self.fitting += 1;
        self.understood += understood;
        let mut worth = signs.base;
        for ((held, sign), count) in held.iter().zip(&signs.evidence).zip(&mut self.held) {
            worth += if *held { sign.weight } else { 0.0 };
            *count += usize::from(*held);
        }
        self.sum += worth.clamp(0.0, 1.0) * understood;
    }

    fn evidence(&self, signs: &Signs) -> Vec<Evidence> {
        let seen = signs.evidence.iter().zip(&self.held).filter(|(_, records)| **records > 0);
        seen.map(|(sign, records)| Evidence {
            condition: sign.text.clone(),
            weight: sign.weight,
            records: *records,
        })
        .collect()
    }
}

/// Which evidence a record holds; nothing where it lacks what the mapping needs, or is no record at all.
fn holding(mapping: &Mapping, signs: &Signs, text: &str) -> Option<Vec<bool>> {
    crate::check::object(text, &Limits::default()).ok()?;
    let record = Node::parse(text)?;
    let none = Program::default();
    let program = match &mapping.shape {
        Shape::Api => &none,
        Shape::Mapped(program) => program,
    };
    let mut scope = Scope::new(&record, &program.tables, false);
    scope.compute_lets(&program.lets);
    let here = Value::Node(&record);
    if !signs.needs.iter().all(|sign| scope.eval(&sign.expr, &here).holds()) {
        return None;
    }
    Some(signs.evidence.iter().map(|sign| scope.eval(&sign.expr, &here).holds()).collect())
}

/// The share of a record's fields that the mapping knows, 0 to 1.
fn understood(mapping: &Mapping, text: &str) -> f64 {
    let Some(record) = Node::parse(text) else { return 0.0 };
    let received_at = Timestamp::from_micros(i64::MAX);
    let Ok(mapped) = mapping.apply(text, &Limits::default(), received_at) else { return 0.0 };
    let (all, unknown) = match (&mapping.shape, &record.kind) {
        (Shape::Api, Kind::Map(members)) => (members.len(), mapped.event.extra.len()),
        _ => (unread::unread(&record, &[]).len(), mapped.not_understood.len()),
    };
    all.saturating_sub(unknown) as f64 / all.max(1) as f64
}
