//! The formats of files.

use serde::{Deserialize, Serialize};

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Rows of text as of RFC 4180, UTF-8.
    Csv,
    /// One array of events as the API gives them.
    Json,
    /// One event as the API gives it a line.
    Ndjson,
    /// A workbook of Office Open XML, every cell a text.
    Xlsx,
    /// Columns for the tools of analysts.
    Parquet,
    /// Pages to print.
    Pdf,
    /// One page for a browser, whole in itself. Reports only.
    Html,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 7] =
        [Self::Csv, Self::Json, Self::Ndjson, Self::Xlsx, Self::Parquet, Self::Pdf, Self::Html];
    /// Those that events are exported in.
    pub const OF_EXPORTS: [Self; 6] =
        [Self::Csv, Self::Json, Self::Ndjson, Self::Xlsx, Self::Parquet, Self::Pdf];
    /// Those that reports are made in.
    pub const OF_REPORTS: [Self; 4] = [Self::Csv, Self::Xlsx, Self::Pdf, Self::Html];

    /// The name in the API, which is the ending of file names too.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Xlsx => "xlsx",
            Self::Parquet => "parquet",
            Self::Pdf => "pdf",
            Self::Html => "html",
        }
    }

    /// The format with exactly this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Pdf => "application/pdf",
            Self::Html => "text/html; charset=utf-8",
        }
    }

    /// Whether events are rows of columns in it; in the others they are whole.
    pub const fn has_columns(self) -> bool {
        matches!(self, Self::Csv | Self::Xlsx | Self::Parquet | Self::Pdf)
    }
}
