//! An expression as one split answers it: terms looked up, with what the split's own figures decide taken out.
//!
//! Terms that the split does not have, and tenants that it holds alone or not at all, cost nothing. A reach over many
//! tenants is looked up per document where that is cheaper than a union of postings; conditions that mean many terms
//! are looked up per document, or gathered into one set of documents, whichever reads less.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use crate::budget::Meter;
use crate::error::SearchError;
use crate::field::{Field, keyword};
use crate::marks::Mark;
use crate::predicate::{Comparison, Predicate};
use crate::query::{Expr, TenantSet, TimeRange};
use crate::split::{Split, TermRef};

use super::Moment;
use super::cache::TermsKey;
use super::gathered::Gathered;
use super::node::{Node, compile};
use super::ordinals::{self, Ordinals};
use super::phrase::Phrase;
use super::split_leaf::{SplitLeaf, SplitNode};

/// Most postings that are united zone by zone; what is more is gathered or looked up per document.
const UNION_TERMS: usize = 16;
/// Most postings that a reach may cost as a union, as a part of the split's documents.
const UNION_PART: u64 = 8;
/// Documents to a zone, on average, from which looking up each document's terms is cheaper than gathering postings.
const DENSE: u64 = 64;
/// Terms that follow each other up to which each is looked at, to know how many documents they have.
const LOOKED_UP: usize = 256;
/// Terms gone through for one condition from which what was found is remembered.
const REMEMBERED: u64 = 1_024;
/// Marked documents that are looked up one by one when a plan is made.
const MARKED_FEW: u64 = 256;

/// Compiles `expr` for a split.
///
/// # Errors
/// [`SearchError`] when it can't be read, or when the budget is used up.
pub(super) fn plan(
    split: &Split,
    expr: &Expr,
    moment: Moment<'_>,
    meter: &mut Meter<'_>,
) -> Result<SplitNode, SearchError> {
    let compiled = bare(split, expr, moment, meter)?;
    if matches!(compiled, Node::Nothing) {
        return Ok(compiled);
    }
    // What is hidden is part of the plan, so that no shortcut can count it.
    let hidden = Compiler { split, moment, meter }.marked(Mark::Hidden)?;
    Ok(Node::and(vec![compiled, Node::not(hidden)], split.docs()))
}

/// Compiles `expr` for a split, without taking out what is hidden.
///
/// # Errors
/// As [`plan`].
pub(super) fn bare(
    split: &Split,
    expr: &Expr,
    moment: Moment<'_>,
    meter: &mut Meter<'_>,
) -> Result<SplitNode, SearchError> {
    compile(expr, split.docs(), &mut |part| Compiler { split, moment, meter: &mut *meter }.leaf(part))
}

struct Compiler<'c, 'b> {
    split: &'c Split,
    moment: Moment<'c>,
    meter: &'c mut Meter<'b>,
}

impl Compiler<'_, '_> {
    fn leaf(&mut self, expr: &Expr) -> Result<SplitNode, SearchError> {
        Ok(match expr {
            Expr::Term(field, term) => self.term(*field, term)?,
            Expr::TenantText(field, name) => self.term(*field, &keyword(name))?,
            Expr::Range(field, first, last) => {
                if Split::has_facet(*field) {
                    let range = ordinals::between(self.split, *field, first, last)?;
                    if range.len() > LOOKED_UP {
                        return Ok(self.values(*field, range));
                    }
                }
                let found = self.looked_for(expr, |compiler| {
                    let within = |term: &str| (term <= last.as_str()).then_some(true);
                    compiler.terms(*field, Bound::Included(first), within)
                })?;
                self.any_of(*field, &found)?
            }
            Expr::Prefix(beginning) => {
                let found = self.looked_for(expr, |compiler| compiler.words_from(beginning))?;
                self.any_of(Field::Word, &found)?
            }
            Expr::Matching(field, beginning, Predicate::Any) if Split::has_facet(*field) => {
                let range = ordinals::beginning(self.split, *field, beginning)?;
                if range.len() > LOOKED_UP {
                    return Ok(self.values(*field, range));
                }
                let found = self.matching(*field, beginning, &Predicate::Any)?;
                self.any_of(*field, &found)?
            }
            Expr::Matching(field, beginning, predicate) => {
                let found =
                    self.looked_for(expr, |compiler| compiler.matching(*field, beginning, predicate))?;
                self.any_of(*field, &found)?
            }
            Expr::Phrase(words) => match self.words(words)? {
                None => Node::Nothing,
                Some(words) => Node::Leaf(SplitLeaf::Phrase(Box::new(Phrase::new(self.split, &words)?))),
            },
            Expr::PhrasePrefix(words, beginning) => match self.words(words)? {
                None => Node::Nothing,
                Some(words) => {
                    let same = Expr::Prefix(beginning.clone());
                    let last = self.looked_for(&same, |compiler| compiler.words_from(beginning))?;
                    Phrase::with_last(self.split, &words, &last, self.meter)?
                }
            },
            Expr::Tenants(set) => self.tenants(set)?,
            Expr::Time(range) => self.bounded(*range, |zone| (zone.time_min, zone.time_max), SplitLeaf::Time),
            Expr::Received(range) => {
                self.bounded(*range, |zone| (zone.received_min, zone.received_max), SplitLeaf::Received)
            }
            Expr::Marked(mark) => self.marked(*mark)?,
            // Combinations and constants never come here.
            Expr::All | Expr::None | Expr::TenantNamed(_) | Expr::And(_) | Expr::Or(_) | Expr::Not(_) => {
                Node::Nothing
            }
        })
    }

    /// Documents that have a term of a range of ordinals, however many of either there are.
    fn values(&self, field: Field, range: std::ops::Range<u32>) -> SplitNode {
        let (wanted, most) = (Ordinals::Range(range), self.split.docs());
        Node::Leaf(SplitLeaf::Values { field, wanted, most })
    }

    fn term(&mut self, field: Field, term: &str) -> Result<SplitNode, SearchError> {
        self.meter.term()?;
        match self.split.find(field, term)? {
            None => Ok(Node::Nothing),
            Some(found) => self.postings(found),
        }
    }

    fn postings(&self, term: TermRef) -> Result<SplitNode, SearchError> {
        if term.docs == self.split.docs() {
            return Ok(Node::All);
        }
        Ok(Node::Leaf(SplitLeaf::Term(self.split.postings(term)?, self.split.zones.len())))
    }

    /// All of the words, or `None` if the split lacks one.
    fn words(&mut self, words: &[String]) -> Result<Option<Vec<TermRef>>, SearchError> {
        let mut found = Vec::with_capacity(words.len());
        for word in words {
            self.meter.term()?;
            match self.split.find(Field::Word, word)? {
                None => return Ok(None),
                Some(term) => found.push(term),
            }
        }
        Ok(Some(found))
    }

    fn words_from(&mut self, beginning: &str) -> Result<Vec<TermRef>, SearchError> {
        self.terms(Field::Word, Bound::Included(beginning), |term| {
            term.starts_with(beginning).then_some(true)
        })
    }

    /// The terms that a condition means, remembered from the last time if they were many to go through.
    fn looked_for(
        &mut self,
        condition: &Expr,
        find: impl FnOnce(&mut Self) -> Result<Vec<TermRef>, SearchError>,
    ) -> Result<Arc<[TermRef]>, SearchError> {
        let (key, caches) = (TermsKey::new(self.split, condition), self.moment.caches);
        if let Some(found) = key.as_ref().and_then(|key| caches.terms(key)) {
            return Ok(found);
        }
        let before = self.meter.terms();
        let found: Arc<[TermRef]> = find(self)?.into();
        if self.meter.terms() - before > REMEMBERED {
            key.into_iter().for_each(|key| caches.keep_terms(key, &found));
        }
        Ok(found)
    }

    /// The field's terms from a bound on for which `wanted` says so, until it says `None`.
    fn terms(
        &mut self,
        field: Field,
        from: Bound<&str>,
        mut wanted: impl FnMut(&str) -> Option<bool>,
    ) -> Result<Vec<TermRef>, SearchError> {
        let (mut found, mut stopped) = (Vec::new(), None);
        let meter = &mut *self.meter;
        self.split.terms(field, (from, Bound::Unbounded), &mut |text, term| {
            if let Err(error) = meter.term() {
                stopped = Some(error);
                return ControlFlow::Break(());
            }
            match wanted(text) {
                Some(true) => found.push(term),
                Some(false) => {}
                None => return ControlFlow::Break(()),
            }
            ControlFlow::Continue(())
        })?;
        match stopped {
            Some(error) => Err(error),
            None => Ok(found),
        }
    }

    fn matching(
        &mut self,
        field: Field,
        beginning: &str,
        predicate: &Predicate,
    ) -> Result<Vec<TermRef>, SearchError> {
        // Text is compared in the order of the dictionary, so a bound is a place in it.
        let (from, until) = match predicate {
            Predicate::Text(Comparison::Greater | Comparison::AtLeast, bound) => {
                (format!("{beginning}{bound}"), None)
            }
            Predicate::Text(Comparison::Less | Comparison::AtMost, bound) => {
                (beginning.to_owned(), Some(bound.as_str()))
            }
            _ => (beginning.to_owned(), None),
        };
        self.terms(field, Bound::Included(&from), |term| {
            let rest = term.strip_prefix(beginning)?;
            if until.is_some_and(|bound| rest > bound) {
                return None;
            }
            Some(predicate.holds(rest))
        })
    }

    /// The documents that have any of the terms of one field.
    fn any_of(&mut self, field: Field, terms: &[TermRef]) -> Result<SplitNode, SearchError> {
        if terms.len() < 2 {
            return terms.first().map_or(Ok(Node::Nothing), |term| self.postings(*term));
        }
        let total: u64 = terms.iter().map(|term| u64::from(term.docs)).sum();
        let most = u32::try_from(total).unwrap_or(u32::MAX).min(self.split.docs());
        let is_dense = total > DENSE * self.split.zones.len() as u64;
        if is_dense && Split::has_facet(field) {
            let wanted = Ordinals::of_terms(terms);
            return Ok(Node::Leaf(SplitLeaf::Values { field, wanted, most }));
        }
        if !is_dense {
            return Ok(Node::Leaf(SplitLeaf::Gathered(Gathered::of_terms(self.split, terms, self.meter)?)));
        }
        // The most frequent are united zone by zone, since a page looks at few zones; the others in one go.
        let mut order = terms.to_vec();
        order.sort_unstable_by_key(|term| std::cmp::Reverse(term.docs));
        let mut rest = order.split_off(UNION_TERMS.min(order.len()));
        rest.sort_unstable_by_key(|term| term.ordinal);
        let rest = match rest.is_empty() {
            true => None,
            false => Some(Gathered::of_terms(self.split, &rest, self.meter)?),
        };
        let postings = order.into_iter().map(|term| self.split.postings(term)).collect::<Result<_, _>>()?;
        Ok(Node::Leaf(SplitLeaf::AnyOf { postings, rest, most, exact: false }))
    }

    fn tenants(&mut self, set: &TenantSet) -> Result<SplitNode, SearchError> {
        let split = self.split;
        let held = held(split, set);
        let docs: u32 = held.iter().map(|at| split.tenants[*at].1).sum();
        if docs == split.docs() {
            return Ok(Node::All);
        }
        let cheap = u64::from(docs) * UNION_PART <= u64::from(split.docs());
        match held.as_slice() {
            [] => Ok(Node::Nothing),
            [only] => {
                let postings = split.tenant_postings(split.tenants[*only].0)?;
                Ok(Node::Leaf(SplitLeaf::Term(postings, split.zones.len())))
            }
            some if some.len() <= UNION_TERMS && cheap => {
                let postings = some.iter().map(|at| split.tenant_postings(split.tenants[*at].0));
                let postings = postings.collect::<Result<_, _>>()?;
                // Every event belongs to one tenant, so the sum is exact.
                Ok(Node::Leaf(SplitLeaf::AnyOf { postings, rest: None, most: docs, exact: true }))
            }
            many => {
                let mut wanted = vec![false; split.tenants.len()];
                many.iter().for_each(|at| wanted[*at] = true);
                Ok(Node::Leaf(SplitLeaf::Tenants { wanted, docs }))
            }
        }
    }

    fn bounded(
        &self,
        range: TimeRange,
        span: impl Fn(&crate::zone::Zone) -> (i64, i64),
        leaf: impl Fn(TimeRange) -> SplitLeaf,
    ) -> SplitNode {
        let (min, max) = span(&self.split.span);
        match () {
            () if range.covers(min, max) => Node::All,
            () if !range.meets(min, max) => Node::Nothing,
            () => Node::Leaf(leaf(range)),
        }
    }

    fn marked(&mut self, mark: Mark) -> Result<SplitNode, SearchError> {
        let (marked, meta) = (self.moment.marks.of(mark), &self.split.meta);
        let leaves = marked.range_cardinality(meta.first..meta.end);
        if leaves == 0 {
            return Ok(Node::Nothing);
        }
        if leaves > MARKED_FEW {
            let docs = u32::try_from(leaves).unwrap_or(u32::MAX).min(self.split.docs());
            return Ok(Node::Leaf(SplitLeaf::Marked { mark, docs }));
        }
        let mut docs = Vec::with_capacity(leaves as usize);
        let mut each = marked.iter();
        each.advance_to(meta.first);
        for leaf in each.take_while(|leaf| *leaf < meta.end) {
            let doc = self.split.docs_before(leaf)?;
            // An entry that is no event can be marked too, and has no document.
            if doc < self.split.docs_before(leaf + 1)? {
                docs.push(doc);
            }
        }
        Ok(match docs.is_empty() {
            true => Node::Nothing,
            false => Node::Leaf(SplitLeaf::Gathered(Gathered::of_docs(docs))),
        })
    }
}

/// The places in the split's list of the tenants of `set` that it holds events of.
fn held(split: &Split, set: &TenantSet) -> Vec<usize> {
    if set.as_slice().len() < split.tenants.len() / 8 {
        let place = |tenant| split.tenants.binary_search_by_key(tenant, |(number, _)| *number).ok();
        return set.as_slice().iter().filter_map(place).collect();
    }
    let tenants = split.tenants.iter().enumerate();
    tenants.filter(|(_, (tenant, _))| set.contains(*tenant)).map(|(at, _)| at).collect()
}
