//! The index as a whole against a brute-force model, in every state that it can be in.

mod asking;
mod attributes;
mod equivalence;
mod figures;
mod filters;
mod formats;
mod grammar;
mod healing;
mod late;
mod model;
mod oracle;
mod paging;
mod people;
mod purging;
mod random;
mod texts;
mod threads;
mod with_ledger;
mod world;
