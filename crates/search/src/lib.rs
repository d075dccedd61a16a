//! Finding events: query plan, in-memory tail, splits on disk, newest-first executor; rebuildable from the ledger.
//!
//! The index is derived. It follows the durable entries of the ledger, keeps only terms and columns, and answers with
//! leaf indices; whoever asks reads the events from the ledger. Trouble here never stops or loses an event.
//!
//! | module | |
//! |---|---|
//! | `params`, `filter`, `text`, `prefix`, `instant` | what is asked for, in every form |
//! | `query`, `predicate`, `decimal`, `normal` | the one plan that it becomes |
//! | `derive`, `doc`, `field`, `path`, `words`, `wholes`, `phone`, `fold`, `json` | an event to terms |
//! | `tail`, `dictionary`, `lists`, `split`, `zone` | where documents live |
//! | `view`, `execute`, `ask`, `ascending` | newest first, exact counts, figures |
//! | `manifest`, `state`, `commit`, `follower`, `helper`, `builder`, `merger` | how the index grows and heals |
//! | `marks`, `purge` | what changes after indexing, and what goes for ever |
//! | `check` | index against ledger |

mod answers;
mod ascending;
mod ask;
mod budget;
mod builder;
mod check;
mod commit;
mod decimal;
mod derive;
mod dictionary;
mod doc;
mod error;
mod execute;
mod field;
mod filter;
mod fold;
mod follower;
mod helper;
mod instant;
mod json;
mod lists;
mod manifest;
mod marks;
mod merger;
mod normal;
mod params;
mod path;
mod phone;
mod predicate;
mod prefix;
mod purge;
mod query;
mod search;
mod source;
mod split;
mod state;
mod tail;
mod text;
mod view;
mod wholes;
mod words;
mod zone;

#[cfg(test)]
mod tests;

pub use answers::{FacetField, Histogram, Stats, Value, Values};
pub use ascending::Sequence;
pub use ask::{Direction, Hit, Page, PageRequest, SortKey};
pub use budget::{Budget, CancelFlag, Cost};
pub use check::{CheckError, CheckProgress, CheckReport, Finding, check};
pub use error::SearchError;
pub use field::fold_keyword;
pub use filter::{Catalogue, name_tenants, people_named};
pub use marks::Mark;
pub use params::{AskedTimes, KNOWN_PARAMETERS, nearest_parameter};
pub use purge::PurgeProgress;
pub use query::{Query, Reach, TenantSet};
pub use search::{Progress, Search, SearchConfig};
pub use source::{Decode, Decoded, EventSource, SourceError};
