//! The command line: every command with an example in its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, builder::RangedU64ValueParser};
use indelible_server::Settings;

use crate::filters::Filters;

/// Audit trail: keep what happened, find it, prove it.
#[derive(Parser)]
#[command(name = "indelible", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
#[allow(clippy::large_enum_variant, reason = "one value for the life of the process")]
pub(crate) enum Command {
    /// Run the server.
    #[command(
        after_help = "Example: INDELIBLE_ADMIN_KEY_FILE=admin.key indelible serve --data /var/lib/indelible"
    )]
    Serve(ServeArgs),
    /// Import the audit log of another product.
    #[command(
        after_help = "Examples:\n  indelible import --format aws-cloudtrail --create-tenants trail.ndjson\n  \
                      indelible import --detect unknown.json\n  \
                      indelible import --mapping door-log.toml --check doors.ndjson"
    )]
    Import(ImportArgs),
    /// Find events, newest first.
    #[command(
        after_help = "Examples:\n  indelible search --since PT24H --action-type login --outcome failure\n  \
                      indelible search --q '\"call queue\" -test' --tenant acme --format csv --all > events.csv"
    )]
    Search(SearchArgs),
    /// Take everything that matches out as one file, in the order of the ledger.
    #[command(
        after_help = "Examples:\n  indelible export --since P30D --action-type delete --format xlsx\n  \
                      indelible export --tenant acme --format ndjson --output acme.ndjson --manifest acme.json"
    )]
    Export(ExportArgs),
    /// Follow events as they come, until Ctrl-C; comes back by itself where the connection breaks, missing nothing.
    #[command(after_help = "Example: indelible tail --outcome failure --outcome denied --tenant acme")]
    Tail(TailArgs),
    /// Count events, exactly: in all, by the values of a field, by time.
    #[command(after_help = "Examples:\n  indelible count --since P30D --action-type delete\n  \
                      indelible count --by actor --outcome failure\n  \
                      indelible count --histogram P1D --since P30D --zone Europe/Rome")]
    Count(CountArgs),
    /// Send events from a file or standard input: one JSON event, an array, or one event a line.
    #[command(
        after_help = "Example: echo '{\"tenant\":\"acme\",\"action\":\"user.delete\"}' | indelible send -"
    )]
    Send(SendArgs),
    /// Check the trail: everything against everything, or a running server as an outsider.
    #[command(after_help = "Examples:\n  indelible verify --data /var/lib/indelible\n  \
                      indelible verify --url https://audit.example.com --vkey-file log.vkey --save checkpoint")]
    Verify(VerifyArgs),
    /// Tenants: whose trail it is.
    #[command(after_help = "Example: indelible tenants create acme --audit")]
    Tenants(TenantsArgs),
    /// API keys: who may send and see.
    #[command(
        after_help = "Example: indelible keys create app --permission events.send --tenant acme --default-tenant acme"
    )]
    Keys(KeysArgs),
    /// Rules that map actions to types, severities and sentences.
    #[command(
        after_help = "Example: indelible rules get > rules.json; edit it and raise its version by one; indelible rules set rules.json"
    )]
    Rules(RulesArgs),
    /// Check a configuration without starting.
    #[command(after_help = "Example: indelible config check --config /etc/indelible.toml")]
    Config(ConfigArgs),
    /// Completions for a shell.
    #[command(after_help = "Example: indelible completions bash > /etc/bash_completion.d/indelible")]
    Completions(CompletionsArgs),
}

/// Which server to talk to.
#[derive(Args, Clone, Debug)]
pub(crate) struct Remote {
    /// Address of the server.
    #[arg(long, env = "INDELIBLE_URL", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub(crate) url: String,
    /// API key. Prefer the environment: other users can see command lines.
    #[arg(long, env = "INDELIBLE_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) key: Option<String>,
}

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// File of settings (TOML).
    #[arg(long, env = "INDELIBLE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Subcommand)]
#[allow(clippy::large_enum_variant, reason = "one value for the life of the process")]
pub(crate) enum ConfigCommand {
    /// Say what would be in force, or what is wrong.
    #[command(after_help = "Example: indelible config check --config /etc/indelible.toml")]
    Check {
        #[command(flatten)]
        serve: ServeArgs,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Which product's log: a built-in format (docs/importing.md lists them), a mapping of the server's, or auto:
    /// the records tell, and where they don't, nothing is imported.
    #[arg(long, value_name = "NAME", required_unless_present_any = ["mapping", "detect"])]
    pub(crate) format: Option<String>,
    /// A mapping of your own (TOML). The server keeps it, so that it can read the records later; that needs
    /// settings.manage the first time.
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
    /// Say which format the file has, how likely that is, and why; import nothing.
    #[arg(long, conflicts_with_all = ["format", "mapping", "check"])]
    pub(crate) detect: bool,
    /// The tenant that all events belong to, whatever the records name.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// Create the tenants that the records name, with auditing on.
    #[arg(long)]
    pub(crate) create_tenants: bool,
    /// Start over instead of going on where an interrupted import of this file stopped.
    #[arg(long)]
    pub(crate) restart: bool,
    /// Read and map everything, send nothing, and say where mapping and records don't fit.
    #[arg(long)]
    pub(crate) check: bool,
    /// Records a request. A batch that was interrupted is sent again as it was.
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) batch: u32,
    /// Print the report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// A file of NDJSON, a JSON array, {"Records": [...]} or lines of text, also gzipped; - for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Args)]
pub(crate) struct SearchArgs {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Events to show.
    #[arg(long, default_value_t = 25, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub(crate) limit: usize,
    /// Show every event that matches.
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Time zone of the table and the CSV, and of days and months in durations: an IANA name, or local.
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    pub(crate) zone: String,
    /// Say on standard error how the server understands the filters, and what the search cost.
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Form of the file.
    #[arg(long, value_enum, default_value_t = ExportFormat::Csv)]
    pub(crate) format: ExportFormat,
    /// Columns of CSV, XLSX, Parquet and PDF: complete, basic, or names with commas between them. Default complete.
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) columns: Option<String>,
    /// Where to put the file; - for standard output. Default: under its own name, here.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace a file that is there.
    #[arg(long)]
    pub(crate) force: bool,
    /// Put what is in the file, and what proves it, into this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// What to call the export in the server's history.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Time zone of columns, and of days and months in durations: an IANA name. Default UTC.
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<String>,
    /// As of the moment of an answer: the text that it gave as its as_of.
    #[arg(long, value_name = "MOMENT")]
    pub(crate) as_of: Option<String>,
    /// Begin CSV with a byte order mark, which some spreadsheets need to read UTF-8.
    #[arg(long)]
    pub(crate) byte_order_mark: bool,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A table, RFC 4180; what a spreadsheet would run is made a text.
    Csv,
    /// A list of events as the API gives them.
    Json,
    /// One JSON event a line, as the API gives it.
    Ndjson,
    /// A workbook.
    Xlsx,
    /// A table for programs such as DuckDB.
    Parquet,
    /// Pages to hand over.
    Pdf,
}

impl ExportFormat {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Xlsx => "xlsx",
            Self::Parquet => "parquet",
            Self::Pdf => "pdf",
        }
    }

    pub(crate) fn is_binary(self) -> bool {
        matches!(self, Self::Xlsx | Self::Parquet | Self::Pdf)
    }
}

#[derive(Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Begin behind this cursor instead of now; the command says it when it ends.
    #[arg(long, value_name = "CURSOR", allow_hyphen_values = true)]
    pub(crate) after: Option<String>,
    /// End at this cursor: with --after, the events between the two.
    #[arg(long, value_name = "CURSOR", allow_hyphen_values = true)]
    pub(crate) before: Option<String>,
    /// End after so many events.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// One JSON event a line, as the API gives it.
    #[arg(long)]
    pub(crate) json: bool,
    /// Time zone of the lines: an IANA name, or local.
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    pub(crate) zone: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON event a line, as the API gives it.
    Json,
    /// RFC 4180, formulas made harmless.
    Csv,
}

#[derive(Args)]
pub(crate) struct CountArgs {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Count by the values of this field, such as actor, action, outcome or ip. With --histogram: in each bucket.
    #[arg(long, value_name = "FIELD")]
    pub(crate) by: Option<String>,
    /// Count by time: auto, or the length of a bucket from PT1M to P1Y, such as PT15M, PT1H, P1D, P1W, P1M.
    #[arg(long, value_name = "INTERVAL")]
    pub(crate) histogram: Option<String>,
    /// Totals: users, domains, tenants, first and last, by outcome, severity, type and category.
    #[arg(long, conflicts_with_all = ["by", "histogram"])]
    pub(crate) stats: bool,
    /// With --by: only values that begin so, without case.
    #[arg(long, value_name = "TEXT", requires = "by", conflicts_with = "histogram")]
    pub(crate) prefix: Option<String>,
    /// With --by: so many values.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    pub(crate) limit: usize,
    /// Time zone of the calendar: an IANA name, or local.
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    pub(crate) zone: String,
    /// Say on standard error how the server understands the filters, and what the count cost.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// All or none.
    #[arg(long)]
    pub(crate) atomic: bool,
    /// Print the server's whole answer.
    #[arg(long)]
    pub(crate) json: bool,
    /// The file; - for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// Data directory of a stopped server.
    #[arg(long, value_name = "DIR", conflicts_with = "url", required_unless_present = "url")]
    pub(crate) data: Option<PathBuf>,
    /// Directory of your own importers' mappings. Default DATA/mappings.
    #[arg(long, value_name = "DIR", requires = "data")]
    pub(crate) mappings: Option<PathBuf>,
    /// Address of a running server, to be checked as an outsider.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// API key with audit.verify; with reach over everything the entries are checked too.
    #[arg(long, env = "INDELIBLE_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// File with the log's verifier key as you noted it down; without it the server's own word is taken, and said.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(crate) vkey_file: Option<PathBuf>,
    /// A checkpoint saved earlier: the log must have grown from it.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(crate) since: Option<PathBuf>,
    /// Save the verified checkpoint for next time.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(crate) save: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct TenantsArgs {
    #[command(subcommand)]
    pub(crate) command: TenantsCommand,
}

#[derive(Subcommand)]
pub(crate) enum TenantsCommand {
    /// List the tenants within the key's reach.
    #[command(after_help = "Example: indelible tenants list --json")]
    List {
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Create a tenant.
    #[command(after_help = "Example: indelible tenants create acme --audit --parent north")]
    Create {
        #[command(flatten)]
        remote: Remote,
        /// Switch auditing on. It can't be switched off again.
        #[arg(long)]
        audit: bool,
        /// The tenant above.
        #[arg(long, value_name = "TENANT")]
        parent: Option<String>,
        #[command(flatten)]
        about: TenantAbout,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// The name that senders use.
        name: String,
    },
    /// Describe a tenant otherwise; what is not given stays.
    #[command(
        after_help = "Examples:\n  indelible tenants set acme --display-name 'Acme Inc.' --zone Europe/Rome\n  \
                      indelible tenants set acme --external-id ''"
    )]
    Set {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        about: TenantAbout,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// The tenant.
        name: String,
    },
    /// Give a tenant another name. The one before stays its own: senders and filters may go on using it.
    #[command(after_help = "Example: indelible tenants rename acme acme-west")]
    Rename {
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// The tenant.
        name: String,
        /// Its new name.
        new_name: String,
    },
    /// Move a tenant below another one.
    #[command(after_help = "Example: indelible tenants move acme --parent south")]
    Move {
        #[command(flatten)]
        remote: Remote,
        /// The new tenant above; none: directly below the installation.
        #[arg(long, value_name = "TENANT")]
        parent: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// The tenant.
        name: String,
    },
    /// Switch auditing on. It can't be switched off again.
    #[command(
        after_help = "Example: indelible tenants audit acme\n         indelible tenants audit --installation"
    )]
    Audit {
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// The installation's own switch: tenants that are made from then on begin with auditing on.
        #[arg(long, conflicts_with = "name")]
        installation: bool,
        /// The tenant.
        #[arg(required_unless_present = "installation")]
        name: Option<String>,
    },
    /// Suspend a tenant: its people can't sign in, its keys can't read. Events are taken all the same.
    #[command(after_help = "Example: indelible tenants suspend acme")]
    Suspend {
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// The tenant.
        name: String,
    },
    /// End a suspension.
    #[command(after_help = "Example: indelible tenants activate acme")]
    Activate {
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// The tenant.
        name: String,
    },
    /// Delete a tenant that was never audited and that nothing refers to.
    #[command(after_help = "Example: indelible tenants delete mistyped")]
    Delete {
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// The tenant.
        name: String,
    },
}

/// What describes a tenant.
#[derive(Args)]
pub(crate) struct TenantAbout {
    /// The name shown; empty: none.
    #[arg(long, value_name = "NAME")]
    pub(crate) display_name: Option<String>,
    /// territory or domain; empty: as it turns out.
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// Its id in another system; empty: none.
    #[arg(long, value_name = "ID")]
    pub(crate) external_id: Option<String>,
    /// Time zone of its people (IANA); empty: none.
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<String>,
}

#[derive(Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys within the key's reach.
    #[command(after_help = "Example: indelible keys list")]
    List {
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a key; it is printed once.
    #[command(after_help = "Example: indelible keys create app --permission events.send --tenant acme")]
    Create {
        #[command(flatten)]
        remote: Remote,
        /// What it may do; repeat it.
        #[arg(long = "permission", required = true, value_name = "PERMISSION")]
        permissions: Vec<String>,
        /// A tenant that it is for; repeat it.
        #[arg(long = "tenant", value_name = "TENANT", required_unless_present = "everything")]
        tenants: Vec<String>,
        /// For the whole installation.
        #[arg(long, conflicts_with = "tenants")]
        everything: bool,
        /// The tenant of events that name none.
        #[arg(long, value_name = "TENANT")]
        default_tenant: Option<String>,
        /// An event that names no tenant belongs to its first target's tenant.
        #[arg(long)]
        tenant_from_target: bool,
        /// A tenant that does not exist is made when an event names it, where the server allows that.
        #[arg(long)]
        create_tenants: bool,
        /// From when on it is refused (RFC 3339).
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// A name for people.
        name: String,
    },
    /// Make a key like another one, with a new secret; the other one ends after an overlap. It is printed once.
    #[command(
        after_help = "Example: indelible keys rotate 0190a5b2-7c1e-7000-8000-000000000000 --overlap PT1H"
    )]
    Rotate {
        #[command(flatten)]
        remote: Remote,
        /// How long the old key stays good beside the new one (ISO 8601), up to P30D; PT0S: not at all.
        #[arg(long, default_value = "P1D", value_name = "DURATION", value_parser = seconds)]
        overlap: u64,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// The old key's id.
        id: String,
    },
    /// Revoke a key at once.
    #[command(after_help = "Example: indelible keys revoke 0190a5b2-7c1e-7000-8000-000000000000")]
    Revoke {
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// The key's id.
        id: String,
    },
}

#[derive(Args)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Subcommand)]
pub(crate) enum RulesCommand {
    /// Print the rules in force.
    #[command(after_help = "Example: indelible rules get > rules.json")]
    Get {
        #[command(flatten)]
        remote: Remote,
    },
    /// Put edited rules into force for what is received from now on. Raise `version` in the file by one.
    #[command(after_help = "Example: indelible rules set rules.json")]
    Set {
        #[command(flatten)]
        remote: Remote,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// The file; - for standard input.
        file: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell.
    pub(crate) shell: clap_complete::Shell,
}

/// Whole seconds of an ISO 8601 duration; a day has 24 hours.
fn seconds(text: &str) -> Result<u64, String> {
    let expected = || "expected an ISO 8601 duration in whole seconds, such as PT1H or P1D".to_owned();
    let span: jiff::Span = text.parse().map_err(|_| expected())?;
    let total = span.total((jiff::Unit::Second, jiff::SpanRelativeTo::days_are_24_hours()));
    let total = total
        .ok()
        .filter(|total| total.fract() == 0.0 && (0.0..1e12).contains(total))
        .ok_or_else(expected)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just above")]
    let whole = total as u64;
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_are_durations_in_whole_seconds() {
        for (text, expected) in
            [("PT0S", 0), ("PT90S", 90), ("PT1H", 3_600), ("P1D", 86_400), ("P1W", 604_800)]
        {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in ["", "60", "-PT1H", "PT0.5S", "P1M", "P1Y", "tomorrow"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
