//! An expression as one block of the tail answers it: resolved to the block's term numbers, then tried on documents.
//!
//! The block may grow after that: terms that come later can only be in documents that come later, and those are
//! beyond what the query asks about.

use roaring::RoaringBitmap;

use crate::dictionary::Dictionary;
use crate::error::SearchError;
use crate::field::{Field, keyword};
use crate::marks::{Mark, Marks};
use crate::query::{Expr, TenantSet, TimeRange};
use crate::tail::Block;
use crate::zone::{ZONE_DOCS, ZoneSet};

use super::node::{Leaf, Node, compile};

/// What runs on one block.
pub(super) type BlockNode<'p> = Node<BlockLeaf<'p>>;

/// A condition in the term numbers of one block.
#[derive(Debug)]
pub(super) enum BlockLeaf<'p> {
    Keyword(u32),
    Keywords(Numbers),
    Word(u32),
    Words(Numbers),
    Phrase(Vec<u32>),
    PhrasePrefix(Vec<u32>, Numbers),
    Tenants(&'p TenantSet),
    Time(TimeRange),
    Received(TimeRange),
    Marked(Mark),
}

/// A set of term numbers.
#[derive(Debug)]
pub(super) struct Numbers(Vec<u64>);

impl Numbers {
    /// The set of these, which are ascending.
    fn new(list: &[u32]) -> Self {
        let mut words = vec![0; list.last().map_or(0, |last| *last as usize / 64 + 1)];
        list.iter().for_each(|number| words[*number as usize / 64] |= 1 << (number % 64));
        Self(words)
    }

    fn contains(&self, number: u32) -> bool {
        self.0.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

/// Compiles `expr` for a block. A block is in memory, so this never fails; the result is what [`compile`] gives.
pub(super) fn plan<'p>(block: &Block, expr: &'p Expr) -> Result<BlockNode<'p>, SearchError> {
    let docs = block.places.len() as u32;
    compile(expr, docs, &mut |part| Ok(leaf(block.dictionary(), part).map_or(Node::Nothing, Node::Leaf)))
}

/// A condition that is no combination of others; `None` if no document of the block can match.
fn leaf<'p>(terms: &Dictionary, expr: &'p Expr) -> Option<BlockLeaf<'p>> {
    let many = |field, wanted: &dyn Fn(&str) -> bool| {
        let found = terms.numbers(field, wanted);
        (!found.is_empty()).then(|| Numbers::new(&found))
    };
    let phrase = |words: &[String]| -> Option<Vec<u32>> {
        words.iter().map(|word| terms.find(Field::Word, word)).collect()
    };
    let of = |field, numbers| match field {
        Field::Word => BlockLeaf::Words(numbers),
        _ => BlockLeaf::Keywords(numbers),
    };
    Some(match expr {
        Expr::Term(Field::Word, word) => BlockLeaf::Word(terms.find(Field::Word, word)?),
        Expr::Term(field, term) => BlockLeaf::Keyword(terms.find(*field, term)?),
        Expr::TenantText(field, name) => BlockLeaf::Keyword(terms.find(*field, &keyword(name))?),
        Expr::Range(field, first, last) => {
            of(*field, many(*field, &|term| first.as_str() <= term && term <= last.as_str())?)
        }
        Expr::Prefix(beginning) => BlockLeaf::Words(many(Field::Word, &|term| term.starts_with(beginning))?),
        Expr::Matching(field, beginning, predicate) => {
            let wanted =
                |term: &str| term.strip_prefix(beginning.as_str()).is_some_and(|rest| predicate.holds(rest));
            of(*field, many(*field, &wanted)?)
        }
        Expr::Phrase(words) => BlockLeaf::Phrase(phrase(words)?),
        Expr::PhrasePrefix(words, beginning) => {
            let words = phrase(words)?;
            BlockLeaf::PhrasePrefix(words, many(Field::Word, &|term| term.starts_with(beginning))?)
        }
        Expr::Tenants(set) => BlockLeaf::Tenants(set),
        Expr::Time(range) => BlockLeaf::Time(*range),
        Expr::Received(range) => BlockLeaf::Received(*range),
        Expr::Marked(mark) => BlockLeaf::Marked(*mark),
        // Combinations and constants never come here.
        Expr::All | Expr::None | Expr::TenantNamed(_) | Expr::And(_) | Expr::Or(_) | Expr::Not(_) => {
            return None;
        }
    })
}

/// A block, and the marks of the moment.
pub(super) struct BlockZone<'z> {
    pub(super) block: &'z Block,
    pub(super) marks: &'z Marks,
}

impl Leaf for BlockLeaf<'_> {
    type Zone<'z> = BlockZone<'z>;

    fn keep(&mut self, zone: &mut BlockZone<'_>, set: &mut ZoneSet) -> Result<(), SearchError> {
        let BlockZone { block, marks } = zone;
        let (keywords, words) = (block.keyword_numbers(), block.word_numbers());
        match self {
            BlockLeaf::Keyword(number) => set.retain(|doc| keywords.get(doc).contains(number)),
            BlockLeaf::Keywords(wanted) => {
                set.retain(|doc| keywords.get(doc).iter().any(|number| wanted.contains(*number)));
            }
            BlockLeaf::Word(number) => set.retain(|doc| words.get(doc).contains(number)),
            BlockLeaf::Words(wanted) => {
                set.retain(|doc| words.get(doc).iter().any(|number| wanted.contains(*number)));
            }
            BlockLeaf::Phrase(phrase) => {
                set.retain(|doc| words.get(doc).windows(phrase.len()).any(|window| window == phrase));
            }
            BlockLeaf::PhrasePrefix(phrase, last) => set.retain(|doc| {
                words
                    .get(doc)
                    .windows(phrase.len() + 1)
                    .any(|window| window[..phrase.len()] == phrase[..] && last.contains(window[phrase.len()]))
            }),
            BlockLeaf::Tenants(tenants) => set.retain(|doc| tenants.contains(block.places[doc].tenant)),
            BlockLeaf::Time(range) => set.retain(|doc| range.contains(block.places[doc].time)),
            BlockLeaf::Received(range) => set.retain(|doc| range.contains(block.places[doc].received)),
            BlockLeaf::Marked(mark) => {
                let marked = marks.of(*mark);
                if marked.is_empty() {
                    *set = ZoneSet::EMPTY;
                } else {
                    set.retain(|doc| marked.contains(block.places[doc].index));
                }
            }
        }
        Ok(())
    }

    /// A block does not count its terms' documents.
    fn most(&self) -> u32 {
        ZONE_DOCS as u32
    }

    fn is_exact(&self) -> bool {
        false
    }

    /// Texts have many more words than events have keywords.
    fn is_costly(&self) -> bool {
        matches!(
            self,
            BlockLeaf::Word(_) | BlockLeaf::Words(_) | BlockLeaf::Phrase(_) | BlockLeaf::PhrasePrefix(..)
        )
    }

    /// A block is one zone.
    fn zones(&self) -> Option<RoaringBitmap> {
        None
    }
}
