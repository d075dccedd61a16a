//! What an expression means, tried on one document after the other: what every way of evaluating it must agree with.

use crate::doc::Doc;
use crate::field::{Field, keyword};
use crate::marks::Mark;
use crate::query::Expr;

/// Whether the document matches, `marks` being those of its event.
pub(crate) fn passes(expr: &Expr, doc: &Doc, marks: &[Mark]) -> bool {
    let words: Vec<Option<&str>> = doc.words().collect();
    let any = |field: Field, fits: &dyn Fn(&str) -> bool| match field {
        Field::Word => words.iter().flatten().any(|word| fits(word)),
        field => doc.keywords().any(|(of, term)| of == field && fits(term)),
    };
    let follow = |wanted: &[String], last: Option<&str>| {
        words.windows(wanted.len() + usize::from(last.is_some())).any(|window| {
            let (head, tail) = window.split_at(wanted.len());
            head.iter().zip(wanted).all(|(word, wanted)| *word == Some(wanted.as_str()))
                && tail.iter().all(|word| word.is_some_and(|word| word.starts_with(last.unwrap_or(""))))
        })
    };
    match expr {
        Expr::All => true,
        Expr::None => false,
        Expr::Term(field, wanted) => any(*field, &|term| term == wanted),
        Expr::Range(field, first, last) => {
            any(*field, &|term| first.as_str() <= term && term <= last.as_str())
        }
        Expr::Prefix(beginning) => any(Field::Word, &|word| word.starts_with(beginning.as_str())),
        Expr::Phrase(wanted) => follow(wanted, None),
        Expr::PhrasePrefix(wanted, last) => follow(wanted, Some(last)),
        Expr::Matching(field, prefix, predicate) => {
            any(*field, &|term| term.strip_prefix(prefix.as_str()).is_some_and(|rest| predicate.holds(rest)))
        }
        Expr::Time(range) => range.contains(doc.place.time),
        Expr::Received(range) => range.contains(doc.place.received),
        Expr::Marked(mark) => marks.contains(mark),
        Expr::Tenants(set) => set.contains(doc.place.tenant),
        Expr::TenantNamed(_) => panic!("names of tenants are resolved before"),
        Expr::TenantText(field, name) => any(*field, &|term| term == keyword(name)),
        Expr::And(parts) => parts.iter().all(|part| passes(part, doc, marks)),
        Expr::Or(parts) => parts.iter().any(|part| passes(part, doc, marks)),
        Expr::Not(part) => !passes(part, doc, marks),
    }
}
