//! The index as a whole against a brute-force model, in every state that it can be in.

mod equivalence;
mod filters;
mod formats;
mod healing;
mod model;
mod paging;
mod threads;
mod with_ledger;
mod world;
