//! An expression as one split answers it: a Tantivy query, with what the split's own figures already decide taken out.
//!
//! Terms that the split doesn't have, and tenants that it holds alone or not at all, never reach Tantivy. A reach
//! over many tenants is looked up per document instead of as a union of postings where that is cheaper; it is part of
//! the same plan either way.

use std::sync::Arc;

use tantivy::Term;
use tantivy::query::{AllQuery, BooleanQuery, EnableScoring, Occur, PhraseQuery, Query, TermQuery, Weight};
use tantivy::schema::IndexRecordOption;

use crate::error::SearchError;
use crate::excluded::Excluded;
use crate::field::{Field, keyword};
use crate::gather::{self, Gathered, Terms};
use crate::query::{Expr, TenantSet};
use crate::split::Split;

/// Most postings that a reach may cost as a union, as a part of the split's documents.
const UNION_PART: u64 = 8;
/// Most terms in such a union.
const UNION_TERMS: usize = 256;

/// What runs on one split.
pub(crate) struct SplitPlan<'p> {
    /// `None`: every document.
    pub(crate) weight: Option<Box<dyn Weight>>,
    /// Looked up for each document beside the query.
    pub(crate) tenants: Option<&'p TenantSet>,
    /// No more documents than this match.
    pub(crate) most: u32,
    /// Exactly `most` documents match, known without looking.
    pub(crate) exact: bool,
}

/// An expression after this split's figures are applied.
enum Node {
    All,
    None,
    /// A query, the most documents that it can match, and whether exactly as many do.
    Query(Box<dyn Query>, u32, bool),
}

impl<'p> SplitPlan<'p> {
    /// Compiles `expr` for `split`; `None` if nothing in it can match.
    ///
    /// # Errors
    /// Tantivy's, when the files can't be read.
    pub(crate) fn compile(split: &Split, expr: &'p Expr) -> Result<Option<SplitPlan<'p>>, SearchError> {
        let mut tenants = None;
        let node = match expr {
            Expr::And(parts) => {
                let mut nodes = Vec::with_capacity(parts.len());
                for part in parts {
                    match part {
                        Expr::Tenants(set) if tenants.is_none() && too_wide(split, set) => {
                            tenants = Some(set)
                        }
                        other => nodes.push(other),
                    }
                }
                conjunction(split, &nodes)?
            }
            Expr::Tenants(set) if too_wide(split, set) => {
                tenants = Some(set);
                Node::All
            }
            other => node(split, other)?,
        };
        let (weight, most, exact) = match node {
            Node::None => return Ok(None),
            Node::All => (None, split.docs(), true),
            Node::Query(query, most, exact) => {
                let weight = query.weight(EnableScoring::disabled_from_schema(&split.schema.schema))?;
                (Some(weight), most, exact)
            }
        };
        if most == 0 {
            return Ok(None);
        }
        Ok(Some(match tenants {
            Some(set) if weight.is_none() => {
                let most = held(split, set).map(|(_, docs)| docs).sum();
                SplitPlan { weight, tenants, most, exact }
            }
            Some(_) => SplitPlan { weight, tenants, most, exact: false },
            None => SplitPlan { weight, tenants, most, exact },
        }))
    }
}

/// Whether the expression means terms that have to be looked up one by one.
fn gathers(expr: &Expr) -> bool {
    match expr {
        Expr::Range(..) | Expr::Prefix(_) | Expr::PhrasePrefix(..) => true,
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(gathers),
        Expr::Not(part) => gathers(part),
        _ => false,
    }
}

/// The tenants of the set that the split holds events of.
fn held<'s>(split: &'s Split, set: &'s TenantSet) -> impl Iterator<Item = (u64, u32)> + 's {
    let by_set = set.as_slice().len() < split.tenants.len() / 8;
    let from_set = set.as_slice().iter().take(if by_set { usize::MAX } else { 0 }).filter_map(|tenant| {
        let at = split.tenants.binary_search_by_key(tenant, |(number, _)| *number).ok()?;
        Some(split.tenants[at])
    });
    let skip = if by_set { 0 } else { usize::MAX };
    from_set.chain(split.tenants.iter().take(skip).copied().filter(|(tenant, _)| set.contains(*tenant)))
}

/// Whether a union of the tenants' postings costs more than looking at each document's tenant.
fn too_wide(split: &Split, set: &TenantSet) -> bool {
    let (mut terms, mut docs) = (0_usize, 0_u64);
    for (_, held) in held(split, set) {
        terms += 1;
        docs += u64::from(held);
    }
    let all = u64::from(split.docs());
    docs < all && terms > 1 && (terms > UNION_TERMS || docs * UNION_PART > all)
}

fn node(split: &Split, expr: &Expr) -> Result<Node, SearchError> {
    Ok(match expr {
        Expr::All => Node::All,
        Expr::None | Expr::TenantNamed(_) => Node::None,
        Expr::Term(field, term) => term_node(split, *field, term)?,
        Expr::TenantText(field, name) => term_node(split, *field, &keyword(name))?,
        Expr::Range(field, first, last) => {
            gathered(gather::any_of(&split.reader, Terms { field: split.schema.id(*field), first, last })?)
        }
        Expr::Prefix(beginning) => {
            let last = &last_with(beginning);
            let terms = Terms { field: split.schema.id(Field::Word), first: beginning, last };
            gathered(gather::any_of(&split.reader, terms)?)
        }
        Expr::Phrase(words) => match rarest(split, words)? {
            0 => Node::None,
            most => {
                let id = split.schema.id(Field::Word);
                let terms = words.iter().map(|word| Term::from_field_text(id, word)).collect();
                Node::Query(Box::new(PhraseQuery::new(terms)), most, false)
            }
        },
        Expr::PhrasePrefix(words, beginning) => match rarest(split, words)? {
            0 => Node::None,
            _ => {
                let last = &last_with(beginning);
                let terms = Terms { field: split.schema.id(Field::Word), first: beginning, last };
                gathered(gather::phrase_then_any_of(&split.reader, words, terms)?)
            }
        },
        Expr::Tenants(set) => tenants_node(split, set),
        Expr::And(parts) => conjunction(split, &parts.iter().collect::<Vec<_>>())?,
        Expr::Or(parts) => disjunction(split, parts)?,
        Expr::Not(part) => match node(split, part)? {
            Node::All => Node::None,
            Node::None => Node::All,
            Node::Query(query, most, exact) => {
                excluding(split, Vec::new(), vec![query], exact.then_some(most))
            }
        },
    })
}

fn doc_freq(split: &Split, term: &Term) -> Result<u32, SearchError> {
    let inverted = split.reader.inverted_index(term.field())?;
    Ok(inverted.doc_freq(term).map_err(tantivy::TantivyError::from)?)
}

fn term_node(split: &Split, field: Field, term: &str) -> Result<Node, SearchError> {
    let term = Term::from_field_text(split.schema.id(field), term);
    Ok(match doc_freq(split, &term)? {
        0 => Node::None,
        docs => Node::Query(Box::new(TermQuery::new(term, IndexRecordOption::Basic)), docs, true),
    })
}

/// No word contains the last code point, so all words that begin so lie between the beginning and this.
fn last_with(beginning: &str) -> String {
    format!("{beginning}\u{10ffff}")
}

fn gathered(docs: Vec<u32>) -> Node {
    match docs.len() as u32 {
        0 => Node::None,
        most => Node::Query(Box::new(Gathered(Arc::from(docs))), most, true),
    }
}

/// The fewest documents that one of the words has.
fn rarest(split: &Split, words: &[String]) -> Result<u32, SearchError> {
    let mut fewest = split.docs();
    for word in words {
        fewest = fewest.min(doc_freq(split, &Term::from_field_text(split.schema.id(Field::Word), word))?);
    }
    Ok(fewest)
}

fn tenants_node(split: &Split, set: &TenantSet) -> Node {
    let held: Vec<(u64, u32)> = held(split, set).collect();
    let docs: u32 = held.iter().map(|(_, docs)| docs).sum();
    if docs == split.docs() {
        return Node::All;
    }
    let mut terms: Vec<Box<dyn Query>> = Vec::with_capacity(held.len());
    for (tenant, _) in held {
        let term = Term::from_field_u64(split.schema.tenant, tenant);
        terms.push(Box::new(TermQuery::new(term, IndexRecordOption::Basic)));
    }
    match terms.len() {
        0 => Node::None,
        // Every event belongs to one tenant, so the sum is exact.
        1 => Node::Query(terms.remove(0), docs, true),
        _ => Node::Query(Box::new(BooleanQuery::union(terms)), docs, true),
    }
}

fn conjunction(split: &Split, parts: &[&Expr]) -> Result<Node, SearchError> {
    let (mut must, mut must_not) = (Vec::new(), Vec::new());
    let (mut most, mut alone) = (split.docs(), None);
    // What costs most to look up comes last: the others may show that nothing matches.
    let (costly, cheap): (Vec<&Expr>, Vec<&Expr>) = parts.iter().partition(|part| gathers(part));
    for part in cheap.into_iter().chain(costly) {
        let (inner, negated) = match part {
            Expr::Not(inner) => (inner.as_ref(), true),
            other => (other, false),
        };
        match (node(split, inner)?, negated) {
            (Node::None, false) | (Node::All, true) => return Ok(Node::None),
            (Node::All, false) | (Node::None, true) => {}
            (Node::Query(query, docs, exact), false) => {
                most = most.min(docs);
                alone = Some((docs, exact));
                must.push(query);
            }
            (Node::Query(query, docs, exact), true) => {
                alone = Some((docs, exact));
                must_not.push(query);
            }
        }
    }
    let exact = alone.filter(|(_, exact)| *exact).map(|(docs, _)| docs);
    Ok(match (must.len(), must_not.len()) {
        (0, 0) => Node::All,
        (1, 0) => Node::Query(must.remove(0), most, exact.is_some()),
        (0, 1) => excluding(split, must, must_not, exact),
        (_, 0) => Node::Query(Box::new(BooleanQuery::intersection(must)), most, false),
        _ => {
            let Node::Query(query, docs, _) = excluding(split, must, must_not, None) else {
                return Ok(Node::None);
            };
            Node::Query(query, docs.min(most), false)
        }
    })
}

/// All of `must` and none of `must_not`; `excluded` is the number of documents that the latter match, if known.
fn excluding(
    split: &Split,
    must: Vec<Box<dyn Query>>,
    must_not: Vec<Box<dyn Query>>,
    excluded: Option<u32>,
) -> Node {
    let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::with_capacity(must.len() + must_not.len() + 1);
    if must.is_empty() {
        clauses.push((Occur::Must, Box::new(AllQuery)));
    }
    clauses.extend(must.into_iter().map(|query| (Occur::Must, query)));
    for query in must_not {
        clauses.push((Occur::MustNot, Box::new(Excluded(query))));
    }
    let most = split.docs() - excluded.unwrap_or(0);
    Node::Query(Box::new(BooleanQuery::new(clauses)), most, excluded.is_some())
}

fn disjunction(split: &Split, parts: &[Expr]) -> Result<Node, SearchError> {
    let mut queries = Vec::with_capacity(parts.len());
    let (mut most, mut exact) = (0_u32, false);
    for part in parts {
        match node(split, part)? {
            Node::All => return Ok(Node::All),
            Node::None => {}
            Node::Query(query, docs, known) => {
                exact = known && queries.is_empty();
                most = most.saturating_add(docs).min(split.docs());
                queries.push(query);
            }
        }
    }
    Ok(match queries.len() {
        0 => Node::None,
        1 => Node::Query(queries.remove(0), most, exact),
        _ => Node::Query(Box::new(BooleanQuery::union(queries)), most, false),
    })
}
