//! Splits: immutable pieces of the index on disk, in a format of our own (index format 2, see `docs/search.md`).
//!
//! | module | |
//! |---|---|
//! | `open`, `lookup`, `zones`, `lateness` | an open split: opening, its dictionaries, its columns, what came late |
//! | `file`, `format`, `index`, `bytes` | the file, what frames it, where things are, and the numbers in it |
//! | `terms`, `lists`, `positions`, `postings` | dictionary blocks, and the documents of a term |
//! | `columns` | what each document has, as bytes |
//! | `write` | splits from the tail, and from smaller splits |

mod bytes;
mod columns;
mod file;
mod format;
mod index;
mod lateness;
mod lists;
mod lookup;
mod open;
mod positions;
mod postings;
mod terms;
mod write;
mod zones;

#[cfg(test)]
mod tests;

pub(crate) use file::bytes_read;
pub(crate) use lateness::{Lateness, Walk, Within};
pub(crate) use lookup::TermRef;
pub(crate) use open::Split;
pub(crate) use postings::Postings;
pub(crate) use write::{Input, Written, build, merge};
pub(crate) use zones::Facet;
