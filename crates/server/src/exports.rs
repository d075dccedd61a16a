//! Exports: everything that matches a question, as one file, with what proves that it is whole.
//!
//! What an export is about is frozen when it is asked for; who may see what is not: it is written with its owner's reach
//! of the moment at which it is written, and given only to those who may still read all that is in it.

use std::{collections::HashMap, sync::Arc};

use indelible_control::{Job, Permission};
use indelible_event::{Code, Timestamp};
use indelible_report::{Columns, Exporter, Format, Plan, ROWS_MAX};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::App,
    error::ApiError,
    files::{Made, Seen, Sources, head, in_background, minute, produce, slug, zone_named},
    jobs::{Done, JobError, Work},
};

/// What an export is to be, as its job's row has it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ExportSpec {
    /// As people call it; empty: nobody named it.
    pub(crate) name: String,
    pub(crate) format: String,
    pub(crate) columns: ColumnsGiven,
    /// The filters, as in an address.
    pub(crate) query: String,
    /// IANA name.
    pub(crate) zone: String,
    #[serde(default)]
    pub(crate) byte_order_mark: bool,
    /// The sealed moment that it is about.
    pub(crate) as_of: String,
    /// The same, for people.
    pub(crate) as_of_time: String,
}

/// The columns of a file: a set's name, or columns in their order.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq, ToSchema)]
#[serde(untagged)]
pub(crate) enum ColumnsGiven {
    /// `complete` or `basic`.
    Set(String),
    /// Names of columns.
    Chosen(Vec<String>),
}

impl ColumnsGiven {
    /// # Errors
    /// `invalid_enum` for what names no columns.
    pub(crate) fn read(&self) -> Result<Columns, ApiError> {
        let refuse = |field: &str, message: String| ApiError::field(Code::InvalidEnum, field, message);
        match self {
            Self::Set(name) if name == "complete" => Ok(Columns::Complete),
            Self::Set(name) if name == "basic" => Ok(Columns::Basic),
            Self::Set(_) => {
                Err(refuse("/columns", "columns are \"complete\", \"basic\" or a list of names".into()))
            }
            Self::Chosen(names) if names.is_empty() || names.len() > COLUMNS_MAX => {
                Err(refuse("/columns", format!("choose 1 to {COLUMNS_MAX} columns")))
            }
            Self::Chosen(names) => {
                let column = |(place, name): (usize, &String)| {
                    indelible_report::Column::parse(name).ok_or_else(|| {
                        let known: Vec<_> =
                            indelible_report::Column::ALL.iter().map(|column| column.as_str()).collect();
                        let message = format!("no such column; there are {}", known.join(", "));
                        refuse(&format!("/columns/{place}"), message)
                    })
                };
                names.iter().enumerate().map(column).collect::<Result<_, _>>().map(Columns::Chosen)
            }
        }
    }
}

/// Columns that may be chosen; each may stand there more than once.
const COLUMNS_MAX: usize = 100;

/// Writes an export's file.
pub(crate) async fn perform(app: &Arc<App>, job: &Job, work: &Arc<Work>) -> Result<Done, JobError> {
    in_background(app, job, work, write).await
}

fn write(app: &Arc<App>, job: &Job, work: &Work) -> Result<Done, JobError> {
    let spec: ExportSpec = serde_json::from_str(&job.spec)
        .map_err(|_| JobError::failed(Code::Internal, "the job's row can't be read by this version"))?;
    let format = format_named(&spec.format)?;
    let columns = spec.columns.read()?;
    let zone = zone_named(&spec.zone, "/zone")?;
    let sources = Sources::open(app, job, work, &spec.query, &spec.as_of, Permission::AuditExport)?;
    let checkpoint = sources.checkpoint()?;
    let title = if spec.name.is_empty() { "Audit log" } else { &spec.name };
    let plan = Plan {
        format,
        columns: columns.clone(),
        zone: zone.clone(),
        byte_order_mark: spec.byte_order_mark,
        action_labels: action_labels(app),
        head: head(job, title, &spec.query, &spec.zone, &spec.as_of_time, checkpoint.as_deref()),
        rows_max: ROWS_MAX,
    };
    let outcome = produce(
        app,
        job,
        |part| {
            let mut exporter = Exporter::create(part, plan)?;
            let mut seen = Seen::default();
            let left_out = sources.each(app.config.export_rows_max.unwrap_or(u64::MAX), |events| {
                let before = exporter.rows();
                for walked in events {
                    exporter.add(&walked.view)?;
                }
                // What a format has no room for is not in the file; it comes last.
                let taken = usize::try_from(exporter.rows() - before).unwrap_or(usize::MAX);
                seen.note(&events[..taken.min(events.len())]);
                Ok(())
            })?;
            let written = sources.finish(|goes_on| exporter.finish_while(goes_on))?;
            let name = file_name(&spec.name, &columns, format, &zone, job.created_at);
            Ok(Made { name, format, written, left_out, seen, checkpoint })
        },
        &sources.reader,
    )?;
    outcome.done(app)
}

/// The format of exports with this name.
///
/// # Errors
/// `invalid_enum`.
pub(crate) fn format_named(name: &str) -> Result<Format, ApiError> {
    let found = Format::parse(name).filter(|format| Format::OF_EXPORTS.contains(format));
    found.ok_or_else(|| {
        let known: Vec<_> = Format::OF_EXPORTS.iter().map(|format| format.as_str()).collect();
        ApiError::field(Code::InvalidEnum, "/format", format!("format is one of {}", known.join(", ")))
    })
}

/// Labels of action types by their ids.
pub(crate) fn action_labels(app: &App) -> HashMap<String, String> {
    let rules = app.rules.current();
    rules.action_types().iter().map(|kind| (kind.id.to_string(), kind.label.clone())).collect()
}

/// What a file is called: its name as far as file systems take it, and when it was asked for.
fn file_name(name: &str, columns: &Columns, format: Format, zone: &TimeZone, at: Timestamp) -> String {
    let kind = match columns {
        _ if !format.has_columns() => "audit-log",
        Columns::Complete => "audit-log-complete",
        Columns::Basic => "audit-log-basic",
        Columns::Chosen(_) => "audit-log",
    };
    let stem = slug(name);
    let stem = if stem.is_empty() { kind } else { &stem };
    format!("{stem}-{}.{}", minute(zone, at), format.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_as_its_export_or_after_its_columns() {
        let zone = TimeZone::get("Europe/Rome").unwrap();
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        let name = |name, columns: &Columns, format| file_name(name, columns, format, &zone, at);
        for (given, columns, format, expected) in [
            ("", Columns::Complete, Format::Csv, "audit-log-complete-2023-11-14-2313.csv"),
            ("", Columns::Basic, Format::Csv, "audit-log-basic-2023-11-14-2313.csv"),
            ("", Columns::Complete, Format::Ndjson, "audit-log-2023-11-14-2313.ndjson"),
            ("Deletions in März!", Columns::Complete, Format::Xlsx, "Deletions-in-M-rz-2023-11-14-2313.xlsx"),
            ("../../etc/passwd", Columns::Complete, Format::Csv, "etc-passwd-2023-11-14-2313.csv"),
            ("\"; rm -rf\r\n", Columns::Complete, Format::Csv, "rm-rf-2023-11-14-2313.csv"),
            ("日本", Columns::Complete, Format::Json, "audit-log-2023-11-14-2313.json"),
        ] {
            assert_eq!(name(given, &columns, format), expected, "{given}");
        }
        assert_eq!(slug(&"a ".repeat(500)).len(), 79);
    }
}
