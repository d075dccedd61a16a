//! Finding events: query plan, in-memory tail, Tantivy splits, newest-first executor; rebuildable from the ledger.
//!
//! The index is derived. It follows the durable entries of the ledger, keeps only terms and columns, and answers with
//! leaf indices; whoever asks reads the events from the ledger. Trouble here never stops or loses an event.
//!
//! | module | |
//! |---|---|
//! | `params`, `text`, `instant`, `query` | parameters to one plan |
//! | `field`, `words`, `json`, `doc` | an event to terms |
//! | `tail`, `dictionary`, `schema`, `split`, `split_plan`, `gather`, `excluded`, `zone` | where documents live |
//! | `view`, `executor` | newest first, exact counts |
//! | `manifest`, `state`, `commit`, `follower`, `builder`, `merger` | how the index grows and heals |
//! | `check` | index against ledger |

mod builder;
mod check;
mod commit;
mod dictionary;
mod doc;
mod error;
mod excluded;
mod executor;
mod field;
mod follower;
mod gather;
mod instant;
mod json;
mod manifest;
mod merger;
mod params;
mod query;
mod schema;
mod search;
mod source;
mod split;
mod split_plan;
mod state;
mod tail;
mod text;
mod view;
mod words;
mod zone;

#[cfg(test)]
mod tests;

pub use check::{CheckError, CheckProgress, CheckReport, Finding, check};
pub use error::SearchError;
pub use params::{KNOWN_PARAMETERS, nearest_parameter};
pub use query::{Query, Reach, TenantSet};
pub use search::{Direction, Hit, Page, PageRequest, Progress, Search, SearchConfig, SortKey};
pub use source::{Decode, Decoded, EventSource, SourceError};
