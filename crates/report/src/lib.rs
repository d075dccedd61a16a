//! What people take out of a trail: events as files, and reports of them.
//!
//! | modules | what |
//! |---|---|
//! | `export`, `column`, `shown`, `clock`, `format` | an [`Exporter`] takes events one by one into one file |
//! | `table`, `cell`, `spool`, `xlsx`, `parquet` | rows in the formats of tables |
//! | `report` | a [`ReportBuilder`] makes a [`Definition`] and events into a document |
//! | `document`, `chart`, `render`, `pdf`, `html` | documents that people read |
//!
//! It knows nothing of who may see what: it is given what its reader found. Memory does not grow with the events.
//!
//! Invariant: nothing is left out in silence. What a format can't hold is counted in [`Written`] and said in the file.

mod cell;
mod chart;
mod clock;
mod column;
mod document;
mod error;
mod export;
mod format;
mod html;
mod parquet;
mod pdf;
mod render;
mod report;
mod shown;
mod spool;
mod table;
#[cfg(test)]
mod testing;
mod timing;
mod xlsx;

pub use chart::ChartKind;
pub use column::{Column, Columns};
pub use document::Head;
pub use error::ReportError;
pub use export::{Exporter, Plan, ROWS_MAX, Written};
pub use format::Format;
pub use html::style_hash;
pub use report::{
    Definition, DefinitionError, Group, ReportBuilder, ReportColumn, ReportKind, ReportPlan, ReviewedPerson,
    preview,
};
pub use timing::{Timing, WrongTiming};
