//! A plan as one part of the index runs it: conditions under "and", "or" and "not", evaluated a zone at a time.
//!
//! Splits and blocks of the tail differ in their conditions only; how these combine is the same code for both.
//! Invariant: in an "and" the condition that leaves fewest documents comes first.

use roaring::RoaringBitmap;

use crate::error::SearchError;
use crate::query::Expr;
use crate::zone::ZoneSet;

/// A condition of one part of the index.
pub(super) trait Leaf {
    /// What is needed to evaluate a zone.
    type Zone<'z>;

    /// Takes the documents out of `set` that do not match.
    fn keep(&mut self, zone: &mut Self::Zone<'_>, set: &mut ZoneSet) -> Result<(), SearchError>;

    /// The most documents of the part that can match.
    fn most(&self) -> u32;

    /// Whether exactly that many match.
    fn is_exact(&self) -> bool;

    /// Whether a zone is expensive to evaluate, however few documents match.
    fn is_costly(&self) -> bool;

    /// The zones that can have matches, where that is known and excludes some.
    fn zones(&self) -> Option<RoaringBitmap>;
}

/// Conditions of one part, combined.
pub(super) enum Node<L> {
    /// Every document matches.
    All,
    /// None matches.
    Nothing,
    /// Those match for which this holds.
    Leaf(L),
    And(Vec<Node<L>>),
    Or(Vec<Node<L>>),
    Not(Box<Node<L>>),
}

/// Compiles `expr`; `leaf` compiles what is no combination of others.
pub(super) fn compile<'p, L: Leaf>(
    expr: &'p Expr,
    docs: u32,
    leaf: &mut dyn FnMut(&'p Expr) -> Result<Node<L>, SearchError>,
) -> Result<Node<L>, SearchError> {
    Ok(match expr {
        Expr::All => Node::All,
        // Names that were never resolved match nothing; `Search` refuses such queries before.
        Expr::None | Expr::TenantNamed(_) => Node::Nothing,
        Expr::Not(inner) => Node::not(compile(inner, docs, leaf)?),
        Expr::And(parts) => {
            // What has to be gathered comes last: the others may show that nothing matches.
            let (costly, cheap): (Vec<&'p Expr>, Vec<&'p Expr>) =
                parts.iter().partition(|part| gathers(part));
            let mut nodes = Vec::with_capacity(parts.len());
            for part in cheap.into_iter().chain(costly) {
                match compile(part, docs, leaf)? {
                    Node::Nothing => return Ok(Node::Nothing),
                    node => nodes.push(node),
                }
            }
            Node::and(nodes, docs)
        }
        Expr::Or(parts) => {
            let mut nodes = Vec::with_capacity(parts.len());
            for part in parts {
                match compile(part, docs, leaf)? {
                    Node::All => return Ok(Node::All),
                    node => nodes.push(node),
                }
            }
            Node::or(nodes, docs)
        }
        other => leaf(other)?,
    })
}

/// Whether the terms that an expression means have to be looked for in a dictionary one by one.
fn gathers(expr: &Expr) -> bool {
    match expr {
        Expr::Range(..) | Expr::Prefix(_) | Expr::PhrasePrefix(..) | Expr::Matching(..) => true,
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(gathers),
        Expr::Not(part) => gathers(part),
        _ => false,
    }
}

impl<L: Leaf> Node<L> {
    /// All of these, in a part of so many documents.
    pub(super) fn and(mut nodes: Vec<Node<L>>, docs: u32) -> Node<L> {
        if nodes.iter().any(|node| matches!(node, Node::Nothing)) {
            return Node::Nothing;
        }
        nodes.retain(|node| !matches!(node, Node::All));
        nodes.sort_by_key(|node| (node.is_costly(), node.most(docs)));
        match nodes.pop() {
            None => Node::All,
            Some(only) if nodes.is_empty() => only,
            Some(last) => {
                nodes.push(last);
                Node::And(nodes)
            }
        }
    }

    /// Any of these, in a part of so many documents.
    pub(super) fn or(mut nodes: Vec<Node<L>>, docs: u32) -> Node<L> {
        if nodes.iter().any(|node| matches!(node, Node::All)) {
            return Node::All;
        }
        nodes.retain(|node| !matches!(node, Node::Nothing));
        // Documents found by an earlier one need not be looked at by those after it.
        nodes.sort_by_key(|node| (node.is_costly(), docs - node.most(docs)));
        match nodes.pop() {
            None => Node::Nothing,
            Some(only) if nodes.is_empty() => only,
            Some(last) => {
                nodes.push(last);
                Node::Or(nodes)
            }
        }
    }

    /// None of this.
    pub(super) fn not(node: Node<L>) -> Node<L> {
        match node {
            Node::All => Node::Nothing,
            Node::Nothing => Node::All,
            Node::Not(inner) => *inner,
            other => Node::Not(Box::new(other)),
        }
    }

    /// Takes the documents out of `set` that do not match.
    pub(super) fn keep(&mut self, zone: &mut L::Zone<'_>, set: &mut ZoneSet) -> Result<(), SearchError> {
        match self {
            Node::All => {}
            Node::Nothing => *set = ZoneSet::EMPTY,
            Node::Leaf(leaf) => leaf.keep(zone, set)?,
            Node::And(nodes) => {
                for node in nodes {
                    if set.is_empty() {
                        break;
                    }
                    node.keep(zone, set)?;
                }
            }
            Node::Or(nodes) => {
                let mut rest = set.clone();
                for node in nodes {
                    let mut found = rest.clone();
                    node.keep(zone, &mut found)?;
                    rest.and_not(&found);
                    if rest.is_empty() {
                        break;
                    }
                }
                set.and_not(&rest);
            }
            Node::Not(node) => {
                let mut found = set.clone();
                node.keep(zone, &mut found)?;
                set.and_not(&found);
            }
        }
        Ok(())
    }

    /// The most documents that can match, in a part of so many.
    pub(super) fn most(&self, docs: u32) -> u32 {
        match self {
            Node::All => docs,
            Node::Nothing => 0,
            Node::Leaf(leaf) => leaf.most().min(docs),
            Node::And(nodes) => nodes.iter().map(|node| node.most(docs)).min().unwrap_or(docs),
            Node::Or(nodes) => {
                nodes.iter().map(|node| node.most(docs)).fold(0, u32::saturating_add).min(docs)
            }
            Node::Not(node) if node.is_exact() => docs - node.most(docs),
            Node::Not(_) => docs,
        }
    }

    /// Whether exactly that many match.
    pub(super) fn is_exact(&self) -> bool {
        match self {
            Node::All | Node::Nothing => true,
            Node::Leaf(leaf) => leaf.is_exact(),
            Node::And(_) | Node::Or(_) => false,
            Node::Not(node) => node.is_exact(),
        }
    }

    /// Whether evaluating a zone is expensive, however few documents match.
    pub(super) fn is_costly(&self) -> bool {
        match self {
            Node::All | Node::Nothing => false,
            Node::Leaf(leaf) => leaf.is_costly(),
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().any(Node::is_costly),
            Node::Not(node) => node.is_costly(),
        }
    }

    /// The zones that can have matches, where that is known and excludes some.
    pub(super) fn zones(&self) -> Option<RoaringBitmap> {
        match self {
            Node::All | Node::Not(_) => None,
            Node::Nothing => Some(RoaringBitmap::new()),
            Node::Leaf(leaf) => leaf.zones(),
            Node::And(nodes) => nodes.iter().filter_map(Node::zones).reduce(|some, other| some & other),
            Node::Or(nodes) => {
                let zones: Option<Vec<RoaringBitmap>> = nodes.iter().map(Node::zones).collect();
                zones?.into_iter().reduce(|some, other| some | other)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Matches the multiples of a number, in a part of 1,000 documents.
    struct Multiples(usize);

    const DOCS: u32 = 1_000;

    impl Leaf for Multiples {
        type Zone<'z> = ();

        fn keep(&mut self, (): &mut (), set: &mut ZoneSet) -> Result<(), SearchError> {
            set.retain(|doc| doc % self.0 == 0);
            Ok(())
        }

        fn most(&self) -> u32 {
            DOCS.div_ceil(self.0 as u32)
        }

        fn is_exact(&self) -> bool {
            true
        }

        fn is_costly(&self) -> bool {
            false
        }

        fn zones(&self) -> Option<RoaringBitmap> {
            (self.0 > 9).then(|| (0..self.0 as u32).collect())
        }
    }

    fn leaf(number: usize) -> Node<Multiples> {
        Node::Leaf(Multiples(number))
    }

    fn found(mut node: Node<Multiples>) -> Vec<usize> {
        let mut set = ZoneSet::first(DOCS as usize);
        node.keep(&mut (), &mut set).unwrap();
        assert!(set.len() <= node.most(DOCS) && (!node.is_exact() || set.len() == node.most(DOCS)));
        let mut list = Vec::new();
        set.for_each(|doc| list.push(doc));
        list
    }

    #[test]
    fn combines_conditions_as_logic_does() {
        type Row = (Node<Multiples>, fn(usize) -> bool);
        let and = |nodes| Node::and(nodes, DOCS);
        let or = |nodes| Node::or(nodes, DOCS);
        let rows: Vec<Row> = vec![
            (and(vec![]), |_| true),
            (or(vec![]), |_| false),
            (leaf(3), |doc| doc % 3 == 0),
            (Node::not(leaf(3)), |doc| doc % 3 != 0),
            (Node::not(Node::not(leaf(3))), |doc| doc % 3 == 0),
            (and(vec![leaf(2), Node::All, leaf(5)]), |doc| doc % 10 == 0),
            (and(vec![leaf(2), Node::Nothing]), |_| false),
            (or(vec![leaf(2), leaf(5), leaf(3)]), |doc| doc % 2 == 0 || doc % 3 == 0 || doc % 5 == 0),
            (or(vec![leaf(2), Node::Nothing]), |doc| doc % 2 == 0),
            (or(vec![leaf(2), Node::All]), |_| true),
            (Node::not(and(vec![leaf(2), leaf(5)])), |doc| doc % 10 != 0),
            (and(vec![Node::not(leaf(2)), or(vec![leaf(3), leaf(7)])]), |doc| {
                doc % 2 != 0 && (doc % 3 == 0 || doc % 7 == 0)
            }),
        ];
        for (number, (node, expected)) in rows.into_iter().enumerate() {
            let expected: Vec<usize> = (0..DOCS as usize).filter(|doc| expected(*doc)).collect();
            assert_eq!(found(node), expected, "row {number}");
        }
    }

    #[test]
    fn the_fewest_come_first_and_limit_the_zones() {
        let node = Node::and(vec![leaf(2), leaf(30), leaf(20)], DOCS);
        let Node::And(nodes) = &node else { panic!("an and") };
        assert!(matches!(nodes[0], Node::Leaf(Multiples(30))));
        assert_eq!(node.zones(), Some((0..20).collect()));
        assert_eq!(Node::or(vec![leaf(30), leaf(20)], DOCS).zones(), Some((0..30).collect()));
        assert_eq!(Node::or(vec![leaf(30), leaf(2)], DOCS).zones(), None);
        assert_eq!(Node::not(leaf(30)).zones(), None);
    }
}
