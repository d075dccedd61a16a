//! Why a file could not be written.

use std::io;

use crate::{DefinitionError, Format};

/// Why a file could not be written. What was written of it is no file yet.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Exports are not made in this format, or reports are not: [`Format::OF_EXPORTS`], [`Format::OF_REPORTS`].
    #[error("{} is no format for this", .0.as_str())]
    Format(Format),
    /// The report is defined in a way that makes none.
    #[error("the definition of the report")]
    Definition(#[from] DefinitionError),
    /// Events were given to a report of people, or people to one of events.
    #[error("events and people do not stand in one report")]
    People,
    /// The disk: full, or broken; of the kind `Interrupted` where whoever was asked whether to go on said no.
    #[error("writing the file")]
    Disk(#[from] io::Error),
    /// The workbook could not be made.
    #[error("making the workbook")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
    /// The Parquet file could not be made.
    #[error("making the Parquet file")]
    Parquet(#[from] parquet::errors::ParquetError),
}

impl From<csv::Error> for ReportError {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Self::Disk(error),
            // Rows are put together here: they have one length, and are bytes of text.
            other => Self::Disk(io::Error::other(format!("{other:?}"))),
        }
    }
}
