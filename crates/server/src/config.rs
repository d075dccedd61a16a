//! Settings: flags before environment before file before default; what is not known is refused.
//!
//! The doc comments of [`Settings`] are the reference: `docs/operate/settings.md` is generated from them.

use std::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use axum::http::{Uri, uri::Scheme};
use clap::{Args, CommandFactory, Parser, ValueEnum};
use indelible_event::Limits;
use indelible_mail::{MailSettings, SettingsProblem};
use ipnet::IpNet;
use serde::Deserialize;

use crate::{
    client::ProxyHeader,
    public_url::PublicUrl,
    secrets::{Exposed, exposure},
    smtp::{Smtp, SmtpTls, mail_settings},
    tls::{Acme, TlsSource},
};

/// Every setting of the server; all are optional here and get their default in [`Config`].
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Directory of everything that is kept. Created if it does not exist. One server at a time.
    #[arg(long, env = "INDELIBLE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address and port to listen on. Default 127.0.0.1:8080. For others than this machine set tls_certificate or
    /// acme_domains, or put a proxy in front that speaks TLS.
    #[arg(long, env = "INDELIBLE_LISTEN", value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// File holding a secret that is accepted as a key with every permission and reach, for automation. At least
    /// 16 characters; refused when others may read it. Default none. `INDELIBLE_ADMIN_KEY` gives the secret itself.
    #[arg(long, env = "INDELIBLE_ADMIN_KEY_FILE", value_name = "FILE")]
    pub admin_key_file: Option<PathBuf>,
    /// First part of the log's origin in checkpoints, such as your host name; only used when the ledger is created.
    /// Default indelible.
    #[arg(long, env = "INDELIBLE_ORIGIN", value_name = "NAME")]
    pub origin: Option<String>,
    /// Path under which a proxy serves the whole server, such as /audit. Default: that of public_url, else none.
    #[arg(long, env = "INDELIBLE_PATH_PREFIX", value_name = "/PATH")]
    pub path_prefix: Option<String>,
    /// Address under which people reach the server, such as https://audit.example.com or https://example.com/audit. Links in
    /// mails and the way back from sign-in at a provider are made from it, never from what a request says; with https://
    /// cookies are for TLS only. Default none.
    #[arg(long, env = "INDELIBLE_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// File with the server's TLS certificate in PEM, then those between it and the root. Needs tls_key. Taken anew when the
    /// files change. Default none: HTTP without TLS.
    #[arg(long, env = "INDELIBLE_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// File with the certificate's private key in PEM; refused when others may read it. Needs tls_certificate.
    #[arg(long, env = "INDELIBLE_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Host names to get a TLS certificate for by ACME, instead of tls_certificate. The authority connects to port 443 of
    /// each, which must lead to this server's own port (TLS-ALPN-01). Kept in DATA/acme. On the command line and in the
    /// environment with commas between them. Default none.
    #[arg(long, env = "INDELIBLE_ACME_DOMAINS", value_name = "NAMES", value_delimiter = ',')]
    pub acme_domains: Option<Vec<String>>,
    /// E-mail addresses that the ACME authority may write to, with commas between them. Default none.
    #[arg(long, env = "INDELIBLE_ACME_CONTACT", value_name = "ADDRESSES", value_delimiter = ',')]
    pub acme_contact: Option<Vec<String>>,
    /// Address of the ACME authority's directory, https:// only. Default https://acme-v02.api.letsencrypt.org/directory.
    #[arg(long, env = "INDELIBLE_ACME_DIRECTORY", value_name = "URL")]
    pub acme_directory: Option<String>,
    /// File with the certificates (PEM) that the ACME authority's own address is trusted by, for one in your own network.
    /// Default: the public authorities.
    #[arg(long, env = "INDELIBLE_ACME_CA_FILE", value_name = "FILE")]
    pub acme_ca_file: Option<PathBuf>,
    /// Addresses and networks of proxies in front, such as 127.0.0.1,10.0.3.0/24: what they say of the client's address and
    /// TLS is believed. List proxies only: whoever else has such an address can claim to be anybody. Default none.
    #[arg(long, env = "INDELIBLE_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',')]
    pub trusted_proxies: Option<Vec<String>>,
    /// Header in which they say it: x-forwarded-for (with X-Forwarded-Proto and X-Forwarded-Host) or forwarded (RFC 7239). The
    /// other kind is not read, since a proxy passes it on as the client sent it. Default x-forwarded-for.
    #[arg(long, env = "INDELIBLE_PROXY_HEADER", value_name = "KIND")]
    pub proxy_header: Option<ProxyHeader>,
    /// Connections of one address at one time; more are closed at once. A network of 64 bits of IPv6 counts as one address,
    /// trusted_proxies are not counted. 1 to 65536. Default 1024.
    #[arg(long, env = "INDELIBLE_CONNECTIONS_PER_ADDRESS_MAX", value_name = "N")]
    pub connections_per_address_max: Option<usize>,
    /// Seconds that a TLS handshake may take. 1 to 300. Default 10.
    #[arg(long, env = "INDELIBLE_HANDSHAKE_TIMEOUT_SECONDS", value_name = "SECONDS")]
    pub handshake_timeout_seconds: Option<u64>,
    /// Seconds in which the head of a request must arrive, and for which a connection may stay open without one. 1 to 3600.
    /// Default 60.
    #[arg(long, env = "INDELIBLE_HEAD_TIMEOUT_SECONDS", value_name = "SECONDS")]
    pub head_timeout_seconds: Option<u64>,
    /// Bytes of a request's head, address and all header fields together; longer ones are refused with 431. 8192 to 1048576.
    /// Default 131072 (128 KiB).
    #[arg(long, env = "INDELIBLE_HEAD_BYTES_MAX", value_name = "BYTES")]
    pub head_bytes_max: Option<usize>,
    /// Header fields of a request; more are refused with 431. 16 to 1000. Default 100.
    #[arg(long, env = "INDELIBLE_HEAD_FIELDS_MAX", value_name = "N")]
    pub head_fields_max: Option<usize>,
    /// Seconds in which the body of a request must arrive, beside what body_rate_min allows for its size; slower ones are
    /// refused with 408. 1 to 3600. Default 30.
    #[arg(long, env = "INDELIBLE_BODY_TIMEOUT_SECONDS", value_name = "SECONDS")]
    pub body_timeout_seconds: Option<u64>,
    /// Bytes a second that a sender must reach on average beyond body_timeout_seconds. 1 to 1073741824. Default 100000: a
    /// request of 64 MiB has about 11 minutes.
    #[arg(long, env = "INDELIBLE_BODY_RATE_MIN", value_name = "BYTES")]
    pub body_rate_min: Option<usize>,
    /// Seconds for which a client may take nothing of an answer before its connection is closed. 1 to 3600. Default 120.
    #[arg(long, env = "INDELIBLE_WRITE_TIMEOUT_SECONDS", value_name = "SECONDS")]
    pub write_timeout_seconds: Option<u64>,
    /// Directory of your own importers' mappings (*.toml). Default DATA/mappings.
    #[arg(long, env = "INDELIBLE_MAPPINGS", value_name = "DIR")]
    pub mappings: Option<PathBuf>,
    /// Who gets a signed checkpoint with the acknowledgement: all, or keys with audit.verify. A checkpoint tells
    /// the number of all events of the installation. Default all.
    #[arg(long, env = "INDELIBLE_RECEIPTS", value_name = "WHO")]
    pub receipts: Option<Receipts>,
    /// Largest event in bytes, 1024 to 16777216. Default 1048576 (1 MiB).
    #[arg(long, env = "INDELIBLE_EVENT_BYTES_MAX", value_name = "BYTES")]
    pub event_bytes_max: Option<usize>,
    /// Most events in one request, 1 to 100000. Default 10000.
    #[arg(long, env = "INDELIBLE_REQUEST_EVENTS_MAX", value_name = "N")]
    pub request_events_max: Option<usize>,
    /// Largest request in bytes, before and after unpacking, 1024 to 1073741824. Default 67108864 (64 MiB).
    #[arg(long, env = "INDELIBLE_REQUEST_BYTES_MAX", value_name = "BYTES")]
    pub request_bytes_max: Option<usize>,
    /// Most targets, parameters, changes, groups and so on of one event, 1 to 65536. Default 256.
    #[arg(long, env = "INDELIBLE_EVENT_ITEMS_MAX", value_name = "N")]
    pub event_items_max: Option<usize>,
    /// Request bytes being received or waiting for the disk at one time; beyond it senders get 503 with
    /// Retry-After. Default 268435456 (256 MiB).
    #[arg(long, env = "INDELIBLE_QUEUE_BYTES_MAX", value_name = "BYTES")]
    pub queue_bytes_max: Option<usize>,
    /// Size of a WAL segment in bytes, written ahead with zeros. Default 268435456 (256 MiB).
    #[arg(long, env = "INDELIBLE_WAL_SEGMENT_BYTES", value_name = "BYTES")]
    pub wal_segment_bytes: Option<u64>,
    /// Event bytes (before compression) that may wait in the WAL before they are sealed. Default 67108864 (64 MiB).
    #[arg(long, env = "INDELIBLE_SEAL_BYTES", value_name = "BYTES")]
    pub seal_bytes: Option<u64>,
    /// Free space of the data directory's file system below which events are refused with 503, before anything
    /// breaks. Default 1073741824 (1 GiB).
    #[arg(long, env = "INDELIBLE_FREE_BYTES_MIN", value_name = "BYTES")]
    pub free_bytes_min: Option<u64>,
    /// Seconds that a search may take, waiting for its turn included; then it is stopped and answered with 503. 1 to 3600.
    /// Default 10.
    #[arg(long, env = "INDELIBLE_QUERY_TIMEOUT_SECONDS", value_name = "SECONDS")]
    pub query_timeout_seconds: Option<u64>,
    /// Searches that run at one time: so many pages, and so many figures (totals, histograms, values) beside them. 1 to
    /// 1024. Default: as many as there are processors, at least 2.
    #[arg(long, env = "INDELIBLE_QUERIES_MAX", value_name = "N")]
    pub queries_max: Option<usize>,
    /// Searches that may wait for their turn; beyond it they are refused with 503 and Retry-After. 0 to 65536. Default 64.
    #[arg(long, env = "INDELIBLE_QUERIES_WAITING_MAX", value_name = "N")]
    pub queries_waiting_max: Option<usize>,
    /// Streams (/v1/tail) and feeds that wait for events (/v1/feed), together; beyond it they are refused with 429.
    /// 1 to 8192. Default 512.
    #[arg(long, env = "INDELIBLE_STREAMS_MAX", value_name = "N")]
    pub streams_max: Option<usize>,
    /// The same for one API key. 1 to 8192. Default 32.
    #[arg(long, env = "INDELIBLE_STREAMS_PER_KEY_MAX", value_name = "N")]
    pub streams_per_key_max: Option<usize>,
    /// Jobs (exports, report runs) that run at one time; the rest waits. 1 to 64. Default 2.
    #[arg(long, env = "INDELIBLE_JOBS_MAX", value_name = "N")]
    pub jobs_max: Option<usize>,
    /// Days that the file of an export or report stays; its row in the history stays for ever. 1 to 3650. Default 7.
    #[arg(long, env = "INDELIBLE_EXPORT_DAYS", value_name = "DAYS")]
    pub export_days: Option<u64>,
    /// Events in one export at most; one that has more leaves the rest out and says so in its file's manifest, in its row
    /// and on its page. 0 to 1000000000000; 0: no limit. Default 0.
    #[arg(long, env = "INDELIBLE_EXPORT_ROWS_MAX", value_name = "N")]
    pub export_rows_max: Option<u64>,
    /// Bytes of files of exports and reports that one user or key may have at one time; beyond it none is made until some
    /// are deleted or expire. 1048576 to 1000000000000000. Default 21474836480 (20 GiB).
    #[arg(long, env = "INDELIBLE_EXPORT_BYTES_MAX", value_name = "BYTES")]
    pub export_bytes_max: Option<u64>,
    /// Hours that a link to an export's file is good for; whoever may read it makes another. 1 to 720. Default 24.
    #[arg(long, env = "INDELIBLE_EXPORT_LINK_HOURS", value_name = "HOURS")]
    pub export_link_hours: Option<u64>,
    /// Bytes of a report that comes with a mail; a larger one is linked to. 0 to 52428800. Default 10485760 (10 MiB).
    #[arg(long, env = "INDELIBLE_MAIL_ATTACHMENT_BYTES_MAX", value_name = "BYTES")]
    pub mail_attachment_bytes_max: Option<u64>,
    /// Events that may wait for a client of /v1/tail; when more wait and the client has been behind for
    /// tail_patience_seconds, they are passed over, and it is told how many and where. 1 to 1000000. Default 10000.
    #[arg(long, env = "INDELIBLE_TAIL_QUEUE_EVENTS", value_name = "N")]
    pub tail_queue_events: Option<usize>,
    /// Seconds that a client of /v1/tail may be behind before events are passed over: a burst does not make it slow. 0 to
    /// 3600; 0 passes over at once what is more than may wait. Default 5.
    #[arg(long, env = "INDELIBLE_TAIL_PATIENCE_SECONDS", value_name = "SECONDS")]
    pub tail_patience_seconds: Option<u64>,
    /// Seconds after which a stream of /v1/tail says that it is alive. 1 to 300. Default 15.
    #[arg(long, env = "INDELIBLE_HEARTBEAT_SECONDS", value_name = "SECONDS")]
    pub heartbeat_seconds: Option<u64>,
    /// File of authorities (PEM) whose certificates OpenID providers may have, beside the system's. Default none.
    #[arg(long, env = "INDELIBLE_PROVIDER_CA_FILE", value_name = "FILE")]
    pub provider_ca_file: Option<PathBuf>,
    /// Name or address of the SMTP server that takes mails: invitations, links for a new password. Needs mail_from and
    /// public_url. Default none: links are handed over by who makes them.
    #[arg(long, env = "INDELIBLE_SMTP_HOST", value_name = "HOST")]
    pub smtp_host: Option<String>,
    /// Its port. 1 to 65535. Default 587, with smtp_tls implicit 465, with none 25.
    #[arg(long, env = "INDELIBLE_SMTP_PORT", value_name = "PORT")]
    pub smtp_port: Option<u16>,
    /// How the connection to it is protected: starttls (the mail is not sent where the server has none), implicit (TLS from
    /// the first byte), or none. Default starttls.
    #[arg(long, env = "INDELIBLE_SMTP_TLS", value_name = "KIND")]
    pub smtp_tls: Option<SmtpTls>,
    /// Name of the account at the SMTP server. Needs smtp_password_file. Default none.
    #[arg(long, env = "INDELIBLE_SMTP_USERNAME", value_name = "NAME")]
    pub smtp_username: Option<String>,
    /// File holding the account's password; refused when others may read it. Needs smtp_username.
    #[arg(long, env = "INDELIBLE_SMTP_PASSWORD_FILE", value_name = "FILE")]
    pub smtp_password_file: Option<PathBuf>,
    /// File of authorities (PEM) whose certificate the SMTP server may have, beside the system's. Default none.
    #[arg(long, env = "INDELIBLE_SMTP_CA_FILE", value_name = "FILE")]
    pub smtp_ca_file: Option<PathBuf>,
    /// Seconds that sending one mail may take. 1 to 300. Default 30.
    #[arg(long, env = "INDELIBLE_SMTP_TIMEOUT_SECONDS", value_name = "SECONDS")]
    pub smtp_timeout_seconds: Option<u64>,
    /// Sender of mails, such as audit@example.com or Audit trail <audit@example.com>; the name is what mails call this
    /// installation, else they call it Indelible.
    #[arg(long, env = "INDELIBLE_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<String>,
    /// Whether everybody who signs in by password needs a second factor: optional, or required, which lets those who have none
    /// do nothing but set one up. Who signs in through a provider is the provider's to ask. Default optional.
    #[arg(long, env = "INDELIBLE_SECOND_FACTOR", value_name = "RULE")]
    pub second_factor: Option<SecondFactorRule>,
    /// Addresses and networks that people sign in and use their sessions from, such as 10.0.0.0/8,2001:db8::/32. API keys are
    /// not concerned. Default none: from everywhere.
    #[arg(long, env = "INDELIBLE_SIGN_IN_NETWORKS", value_name = "NETWORKS", value_delimiter = ',')]
    pub sign_in_networks: Option<Vec<String>>,
    /// Minutes after which a session that is not used ends. 1 to 43200 (30 days). Default 60.
    #[arg(long, env = "INDELIBLE_SESSION_IDLE_MINUTES", value_name = "MINUTES")]
    pub session_idle_minutes: Option<u64>,
    /// Hours after which a session ends however much it is used. 1 to 2160 (90 days). Default 12.
    #[arg(long, env = "INDELIBLE_SESSION_HOURS", value_name = "HOURS")]
    pub session_hours: Option<u64>,
    /// Seconds of looking that become one event of the trail, for each principal and way of looking. 1 to 3600. Default 300.
    #[arg(long, env = "INDELIBLE_LOOKING_WINDOW_SECONDS", value_name = "SECONDS")]
    pub looking_window_seconds: Option<u64>,
    /// Whether keys that may (create_tenants) make tenants by naming them in events. Default false.
    #[arg(long, env = "INDELIBLE_TENANTS_ON_FIRST_USE", value_name = "BOOL")]
    pub tenants_on_first_use: Option<bool>,
    /// Form of the log lines on standard error: text or json. Default text.
    #[arg(long, env = "INDELIBLE_LOG_FORMAT", value_name = "FORM")]
    pub log_format: Option<LogFormat>,
    /// Which log lines: error, warn, info, debug, trace, or a tracing filter such as info,indelible_ledger=debug.
    /// Default info, and warn for the storage library of idempotency keys.
    #[arg(long, env = "INDELIBLE_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// Seconds that running requests get to finish at a graceful stop. Default 20.
    #[arg(long, env = "INDELIBLE_DRAIN_SECONDS", value_name = "SECONDS")]
    pub drain_seconds: Option<u64>,
}

/// Who gets a checkpoint with the acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Receipts {
    /// Every key that may send.
    All,
    /// Only keys that also have `audit.verify`.
    Verify,
}

/// Whether people need a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum SecondFactorRule {
    /// Who wants one has one.
    Optional,
    /// Who signs in by password and has none can only set one up.
    Required,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The settings in force.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each field is described at the setting of the same name")]
pub struct Config {
    pub data: PathBuf,
    pub listen: SocketAddr,
    pub admin_key: Option<String>,
    pub origin: String,
    pub path_prefix: String,
    pub public_url: Option<PublicUrl>,
    pub tls: Option<TlsSource>,
    pub trusted_proxies: Vec<IpNet>,
    pub proxy_header: ProxyHeader,
    pub connections_per_address_max: usize,
    pub handshake_timeout_seconds: u64,
    pub head_timeout_seconds: u64,
    pub head_bytes_max: usize,
    pub head_fields_max: usize,
    pub body_timeout_seconds: u64,
    pub body_rate_min: usize,
    pub write_timeout_seconds: u64,
    pub mappings: PathBuf,
    pub receipts: Receipts,
    pub event_bytes_max: usize,
    pub request_events_max: usize,
    pub request_bytes_max: usize,
    pub event_items_max: usize,
    pub queue_bytes_max: usize,
    pub wal_segment_bytes: u64,
    pub seal_bytes: u64,
    pub free_bytes_min: u64,
    pub query_timeout_seconds: u64,
    pub queries_max: usize,
    pub queries_waiting_max: usize,
    pub streams_max: usize,
    pub streams_per_key_max: usize,
    pub jobs_max: usize,
    pub export_days: u64,
    pub export_rows_max: Option<u64>,
    pub export_bytes_max: u64,
    pub export_link_hours: u64,
    pub mail_attachment_bytes_max: u64,
    pub tail_queue_events: usize,
    pub tail_patience_seconds: u64,
    pub heartbeat_seconds: u64,
    pub provider_ca_file: Option<PathBuf>,
    pub mail: Option<MailSettings>,
    pub second_factor: SecondFactorRule,
    pub sign_in_networks: Vec<IpNet>,
    pub session_idle_minutes: u64,
    pub session_hours: u64,
    pub looking_window_seconds: u64,
    pub tenants_on_first_use: bool,
    pub log_format: LogFormat,
    pub log: String,
    pub drain_seconds: u64,
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read {file}: {source}")]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not valid.
    #[error("{file}: {message}")]
    Invalid {
        /// Which file.
        file: PathBuf,
        /// Line, column and what was expected.
        message: String,
    },
    /// A value is out of its range.
    #[error("{setting} is {given}, expected {expected}")]
    Range {
        /// Which setting.
        setting: &'static str,
        /// What was given.
        given: String,
        /// What would do.
        expected: &'static str,
    },
    /// A setting without default is missing.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// Others may read a secret.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// Mails could not be sent so.
    #[error("{setting}: {source}")]
    Mail {
        /// Which setting.
        setting: &'static str,
        /// What is wrong with it.
        source: SettingsProblem,
    },
}

impl Config {
    /// Time after which a session that is not used ends.
    pub(crate) fn session_idle(&self) -> Duration {
        Duration::from_mins(self.session_idle_minutes)
    }

    /// What an event may have.
    pub(crate) fn event_limits(&self) -> Limits {
        Limits { event_bytes_max: self.event_bytes_max, items_max: self.event_items_max, ..Limits::default() }
    }
}

impl Settings {
    /// Reads a TOML file of settings.
    ///
    /// # Errors
    /// [`ConfigError::Read`], or [`ConfigError::Invalid`] naming line, column and the unknown or wrong setting.
    pub fn from_file(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| ConfigError::Read { file: file.to_owned(), source })?;
        toml::from_str(&text)
            .map_err(|error| ConfigError::Invalid { file: file.to_owned(), message: error.to_string() })
    }

    /// These settings, and `lower`'s where these have none.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        Self {
            data: self.data.or(lower.data),
            listen: self.listen.or(lower.listen),
            admin_key_file: self.admin_key_file.or(lower.admin_key_file),
            origin: self.origin.or(lower.origin),
            path_prefix: self.path_prefix.or(lower.path_prefix),
            public_url: self.public_url.or(lower.public_url),
            tls_certificate: self.tls_certificate.or(lower.tls_certificate),
            tls_key: self.tls_key.or(lower.tls_key),
            acme_domains: self.acme_domains.or(lower.acme_domains),
            acme_contact: self.acme_contact.or(lower.acme_contact),
            acme_directory: self.acme_directory.or(lower.acme_directory),
            acme_ca_file: self.acme_ca_file.or(lower.acme_ca_file),
            trusted_proxies: self.trusted_proxies.or(lower.trusted_proxies),
            proxy_header: self.proxy_header.or(lower.proxy_header),
            connections_per_address_max: self
                .connections_per_address_max
                .or(lower.connections_per_address_max),
            handshake_timeout_seconds: self.handshake_timeout_seconds.or(lower.handshake_timeout_seconds),
            head_timeout_seconds: self.head_timeout_seconds.or(lower.head_timeout_seconds),
            head_bytes_max: self.head_bytes_max.or(lower.head_bytes_max),
            head_fields_max: self.head_fields_max.or(lower.head_fields_max),
            body_timeout_seconds: self.body_timeout_seconds.or(lower.body_timeout_seconds),
            body_rate_min: self.body_rate_min.or(lower.body_rate_min),
            write_timeout_seconds: self.write_timeout_seconds.or(lower.write_timeout_seconds),
            mappings: self.mappings.or(lower.mappings),
            receipts: self.receipts.or(lower.receipts),
            event_bytes_max: self.event_bytes_max.or(lower.event_bytes_max),
            request_events_max: self.request_events_max.or(lower.request_events_max),
            request_bytes_max: self.request_bytes_max.or(lower.request_bytes_max),
            event_items_max: self.event_items_max.or(lower.event_items_max),
            queue_bytes_max: self.queue_bytes_max.or(lower.queue_bytes_max),
            wal_segment_bytes: self.wal_segment_bytes.or(lower.wal_segment_bytes),
            seal_bytes: self.seal_bytes.or(lower.seal_bytes),
            free_bytes_min: self.free_bytes_min.or(lower.free_bytes_min),
            query_timeout_seconds: self.query_timeout_seconds.or(lower.query_timeout_seconds),
            queries_max: self.queries_max.or(lower.queries_max),
            queries_waiting_max: self.queries_waiting_max.or(lower.queries_waiting_max),
            streams_max: self.streams_max.or(lower.streams_max),
            streams_per_key_max: self.streams_per_key_max.or(lower.streams_per_key_max),
            jobs_max: self.jobs_max.or(lower.jobs_max),
            export_days: self.export_days.or(lower.export_days),
            export_rows_max: self.export_rows_max.or(lower.export_rows_max),
            export_bytes_max: self.export_bytes_max.or(lower.export_bytes_max),
            export_link_hours: self.export_link_hours.or(lower.export_link_hours),
            mail_attachment_bytes_max: self.mail_attachment_bytes_max.or(lower.mail_attachment_bytes_max),
            tail_queue_events: self.tail_queue_events.or(lower.tail_queue_events),
            tail_patience_seconds: self.tail_patience_seconds.or(lower.tail_patience_seconds),
            heartbeat_seconds: self.heartbeat_seconds.or(lower.heartbeat_seconds),
            provider_ca_file: self.provider_ca_file.or(lower.provider_ca_file),
            smtp_host: self.smtp_host.or(lower.smtp_host),
            smtp_port: self.smtp_port.or(lower.smtp_port),
            smtp_tls: self.smtp_tls.or(lower.smtp_tls),
            smtp_username: self.smtp_username.or(lower.smtp_username),
            smtp_password_file: self.smtp_password_file.or(lower.smtp_password_file),
            smtp_ca_file: self.smtp_ca_file.or(lower.smtp_ca_file),
            smtp_timeout_seconds: self.smtp_timeout_seconds.or(lower.smtp_timeout_seconds),
            mail_from: self.mail_from.or(lower.mail_from),
            second_factor: self.second_factor.or(lower.second_factor),
            sign_in_networks: self.sign_in_networks.or(lower.sign_in_networks),
            session_idle_minutes: self.session_idle_minutes.or(lower.session_idle_minutes),
            session_hours: self.session_hours.or(lower.session_hours),
            looking_window_seconds: self.looking_window_seconds.or(lower.looking_window_seconds),
            tenants_on_first_use: self.tenants_on_first_use.or(lower.tenants_on_first_use),
            log_format: self.log_format.or(lower.log_format),
            log: self.log.or(lower.log),
            drain_seconds: self.drain_seconds.or(lower.drain_seconds),
        }
    }

    /// Fills in the defaults and checks every range. `admin_key` is the secret from the environment, if any.
    ///
    /// # Errors
    /// The first [`ConfigError`] found.
    pub fn resolve(self, admin_key: Option<String>) -> Result<Config, ConfigError> {
        let data = self.data.ok_or(ConfigError::Missing("data"))?;
        let public_url = self.public_url.map(public_url).transpose()?;
        let public_path = public_url.as_ref().map(PublicUrl::path);
        let path_prefix = self.path_prefix.as_deref().or(public_path).unwrap_or_default();
        let path_prefix = path_prefix.trim_end_matches('/').to_owned();
        let segment_is_good = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
        };
        let prefix_is_good = path_prefix.is_empty()
            || path_prefix.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment_is_good));
        if !prefix_is_good {
            return Err(ConfigError::Range {
                setting: "path_prefix",
                given: format!("{path_prefix:?}"),
                expected: "a path such as /audit of letters, digits and - _ . ~",
            });
        }
        if public_url.as_ref().is_some_and(|public_url| public_url.path() != path_prefix) {
            return Err(ConfigError::Range {
                setting: "path_prefix",
                given: format!("{path_prefix:?}"),
                expected: "the path of public_url",
            });
        }
        let origin = self.origin.unwrap_or_else(|| "indelible".into());
        if origin.is_empty()
            || !origin.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_/".contains(&byte))
        {
            return Err(ConfigError::Range {
                setting: "origin",
                given: format!("{origin:?}"),
                expected: "letters, digits and . - _ /",
            });
        }
        let tls = tls_source(
            (self.tls_certificate, self.tls_key),
            (self.acme_domains, self.acme_contact, self.acme_directory, self.acme_ca_file),
            &data,
        )?;
        let mail = mail_settings(
            Smtp {
                host: self.smtp_host,
                port: self.smtp_port,
                tls: self.smtp_tls,
                username: self.smtp_username,
                password_file: self.smtp_password_file,
                ca_file: self.smtp_ca_file,
                timeout_seconds: self.smtp_timeout_seconds,
                from: self.mail_from,
            },
            public_url.as_ref(),
        )?;
        let config = Config {
            listen: self.listen.unwrap_or_else(|| ([127, 0, 0, 1], 8080).into()),
            admin_key: read_admin_key(admin_key, self.admin_key_file)?,
            mappings: self.mappings.unwrap_or_else(|| data.join("mappings")),
            data,
            origin,
            path_prefix,
            public_url,
            tls,
            trusted_proxies: self
                .trusted_proxies
                .unwrap_or_default()
                .iter()
                .map(|text| network("trusted_proxies", text))
                .collect::<Result<_, _>>()?,
            proxy_header: self.proxy_header.unwrap_or(ProxyHeader::XForwardedFor),
            connections_per_address_max: within(
                "connections_per_address_max",
                self.connections_per_address_max,
                1_024,
                1,
                65_536,
                "1 to 65536",
            )?,
            handshake_timeout_seconds: within(
                "handshake_timeout_seconds",
                self.handshake_timeout_seconds,
                10,
                1,
                300,
                "1 to 300",
            )?,
            head_timeout_seconds: within(
                "head_timeout_seconds",
                self.head_timeout_seconds,
                60,
                1,
                3_600,
                "1 to 3600",
            )?,
            head_bytes_max: within(
                "head_bytes_max",
                self.head_bytes_max,
                128 << 10,
                8 << 10,
                1 << 20,
                "8192 to 1048576",
            )?,
            head_fields_max: within("head_fields_max", self.head_fields_max, 100, 16, 1_000, "16 to 1000")?,
            body_timeout_seconds: within(
                "body_timeout_seconds",
                self.body_timeout_seconds,
                30,
                1,
                3_600,
                "1 to 3600",
            )?,
            body_rate_min: within(
                "body_rate_min",
                self.body_rate_min,
                100_000,
                1,
                1 << 30,
                "1 to 1073741824",
            )?,
            write_timeout_seconds: within(
                "write_timeout_seconds",
                self.write_timeout_seconds,
                120,
                1,
                3_600,
                "1 to 3600",
            )?,
            receipts: self.receipts.unwrap_or(Receipts::All),
            event_bytes_max: within(
                "event_bytes_max",
                self.event_bytes_max,
                1 << 20,
                1 << 10,
                16 << 20,
                "1024 to 16777216",
            )?,
            request_events_max: within(
                "request_events_max",
                self.request_events_max,
                10_000,
                1,
                100_000,
                "1 to 100000",
            )?,
            request_bytes_max: within(
                "request_bytes_max",
                self.request_bytes_max,
                64 << 20,
                1 << 10,
                1 << 30,
                "1024 to 1073741824",
            )?,
            event_items_max: within("event_items_max", self.event_items_max, 256, 1, 65_536, "1 to 65536")?,
            queue_bytes_max: within(
                "queue_bytes_max",
                self.queue_bytes_max,
                256 << 20,
                1 << 20,
                1 << 36,
                "at least 1048576",
            )?,
            wal_segment_bytes: within(
                "wal_segment_bytes",
                self.wal_segment_bytes,
                256 << 20,
                1 << 20,
                1 << 33,
                "1048576 to 8589934592",
            )?,
            seal_bytes: within(
                "seal_bytes",
                self.seal_bytes,
                64 << 20,
                1 << 16,
                1 << 30,
                "65536 to 1073741824",
            )?,
            free_bytes_min: self.free_bytes_min.unwrap_or(1 << 30),
            query_timeout_seconds: within(
                "query_timeout_seconds",
                self.query_timeout_seconds,
                10,
                1,
                3_600,
                "1 to 3600",
            )?,
            queries_max: within("queries_max", self.queries_max, processors(), 1, 1_024, "1 to 1024")?,
            queries_waiting_max: within(
                "queries_waiting_max",
                self.queries_waiting_max,
                64,
                0,
                65_536,
                "0 to 65536",
            )?,
            streams_max: within("streams_max", self.streams_max, 512, 1, 8_192, "1 to 8192")?,
            streams_per_key_max: within(
                "streams_per_key_max",
                self.streams_per_key_max,
                32,
                1,
                8_192,
                "1 to 8192",
            )?,
            jobs_max: within("jobs_max", self.jobs_max, 2, 1, 64, "1 to 64")?,
            export_days: within("export_days", self.export_days, 7, 1, 3_650, "1 to 3650")?,
            export_rows_max: Some(within(
                "export_rows_max",
                self.export_rows_max,
                0,
                0,
                1_000_000_000_000,
                "0 to 1000000000000",
            )?)
            .filter(|rows| *rows > 0),
            mail_attachment_bytes_max: within(
                "mail_attachment_bytes_max",
                self.mail_attachment_bytes_max,
                10 << 20,
                0,
                50 << 20,
                "0 to 52428800",
            )?,
            export_bytes_max: within(
                "export_bytes_max",
                self.export_bytes_max,
                20 << 30,
                1 << 20,
                1_000_000_000_000_000,
                "1048576 to 1000000000000000",
            )?,
            export_link_hours: within("export_link_hours", self.export_link_hours, 24, 1, 720, "1 to 720")?,
            tail_queue_events: within(
                "tail_queue_events",
                self.tail_queue_events,
                10_000,
                1,
                1_000_000,
                "1 to 1000000",
            )?,
            tail_patience_seconds: within(
                "tail_patience_seconds",
                self.tail_patience_seconds,
                5,
                0,
                3_600,
                "0 to 3600",
            )?,
            heartbeat_seconds: within("heartbeat_seconds", self.heartbeat_seconds, 15, 1, 300, "1 to 300")?,
            provider_ca_file: self.provider_ca_file,
            mail,
            second_factor: self.second_factor.unwrap_or(SecondFactorRule::Optional),
            sign_in_networks: self
                .sign_in_networks
                .unwrap_or_default()
                .iter()
                .map(|text| network("sign_in_networks", text))
                .collect::<Result<_, _>>()?,
            session_idle_minutes: within(
                "session_idle_minutes",
                self.session_idle_minutes,
                60,
                1,
                43_200,
                "1 to 43200",
            )?,
            looking_window_seconds: within(
                "looking_window_seconds",
                self.looking_window_seconds,
                300,
                1,
                3_600,
                "1 to 3600",
            )?,
            session_hours: within("session_hours", self.session_hours, 12, 1, 2_160, "1 to 2160")?,
            tenants_on_first_use: self.tenants_on_first_use.unwrap_or(false),
            log_format: self.log_format.unwrap_or(LogFormat::Text),
            log: self.log.unwrap_or_else(|| "info,fjall=warn,lsm_tree=warn".into()),
            drain_seconds: within("drain_seconds", self.drain_seconds, 20, 0, 3600, "0 to 3600")?,
        };
        // A packed request is held packed and, twice, unpacked; less memory than that would refuse it for ever.
        if config.queue_bytes_max / 3 < config.request_bytes_max {
            return Err(ConfigError::Range {
                setting: "queue_bytes_max",
                given: config.queue_bytes_max.to_string(),
                expected: "at least three times request_bytes_max",
            });
        }
        Ok(config)
    }

    /// The reference page of all settings, in Markdown.
    pub fn reference() -> String {
        #[derive(Parser)]
        struct Every {
            #[command(flatten)]
            settings: Settings,
        }
        let mut page = String::from(
            "# Settings\n\nMade from the source; a test keeps it true. A flag wins over the environment, that over the file \
             (`--config FILE`, TOML), that over the default. A setting that is not in this list is refused, in the file \
             and in the environment (`INDELIBLE_...`).\n\n| in the file | flag | environment | what |\n|---|---|---|---|\n",
        );
        for argument in Every::command().get_arguments().filter(|argument| argument.get_id() != "help") {
            let help = argument.get_long_help().or_else(|| argument.get_help()).map(ToString::to_string);
            let environment = argument.get_env().and_then(|name| name.to_str()).unwrap_or_default();
            let flag = argument.get_long().unwrap_or_default();
            let what = help.unwrap_or_default().replace('\n', " ").replace('|', "\\|");
            writeln!(page, "| `{}` | `--{flag}` | `{environment}` | {what} |", argument.get_id())
                .expect("writing to a String cannot fail");
        }
        page
    }

    /// The environment variables that are settings.
    pub fn environment_names() -> Vec<String> {
        #[derive(Parser)]
        struct Every {
            #[command(flatten)]
            settings: Settings,
        }
        let command = Every::command();
        command
            .get_arguments()
            .filter_map(|argument| Some(argument.get_env()?.to_str()?.to_owned()))
            .collect()
    }
}

pub(crate) fn within<N: Copy + PartialOrd + ToString>(
    setting: &'static str,
    given: Option<N>,
    default: N,
    min: N,
    max: N,
    expected: &'static str,
) -> Result<N, ConfigError> {
    let value = given.unwrap_or(default);
    if value < min || value > max {
        return Err(ConfigError::Range { setting, given: value.to_string(), expected });
    }
    Ok(value)
}

fn public_url(text: String) -> Result<PublicUrl, ConfigError> {
    text.parse().map_err(|_| ConfigError::Range {
        setting: "public_url",
        given: format!("{text:?}"),
        expected: "an address such as https://audit.example.com or https://example.com/audit",
    })
}

/// A network, or an address as the network of one.
fn network(setting: &'static str, text: &str) -> Result<IpNet, ConfigError> {
    let address = || text.parse::<IpAddr>().ok().map(|ip| IpNet::from(ip.to_canonical()));
    let network = text.parse::<IpNet>().ok().filter(|network| network.addr() == network.network());
    network.or_else(address).ok_or_else(|| ConfigError::Range {
        setting,
        given: format!("{text:?}"),
        expected: "an address such as 127.0.0.1, or a network such as 10.0.3.0/24 or fd00:3::/32 without bits behind its length",
    })
}

/// The authority that gives certificates to everybody.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

type Files = (Option<PathBuf>, Option<PathBuf>);
type Orders = (Option<Vec<String>>, Option<Vec<String>>, Option<String>, Option<PathBuf>);

fn tls_source(files: Files, orders: Orders, data: &Path) -> Result<Option<TlsSource>, ConfigError> {
    let wrong =
        |setting, given: &str, expected| ConfigError::Range { setting, given: given.to_owned(), expected };
    let (domains, contact, directory, ca_file) = orders;
    let domains = domains.unwrap_or_default();
    match files {
        (None, None) => {}
        (Some(certificate), Some(key)) if domains.is_empty() => {
            return Ok(Some(TlsSource::Files { certificate, key }));
        }
        (Some(_), Some(_)) => {
            return Err(wrong("acme_domains", "set", "either acme_domains, or tls_certificate and tls_key"));
        }
        (Some(_), None) => return Err(wrong("tls_key", "not set", "a file, since tls_certificate is set")),
        (None, Some(_)) => return Err(wrong("tls_certificate", "not set", "a file, since tls_key is set")),
    }
    if domains.is_empty() {
        let given = contact.is_some() || directory.is_some() || ca_file.is_some();
        let expected = "host names, since other acme_ settings are set";
        return if given { Err(wrong("acme_domains", "not set", expected)) } else { Ok(None) };
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_name =
        |name: &str| name.len() <= 253 && name.split('.').all(label) && name.parse::<IpAddr>().is_err();
    if let Some(name) = domains.iter().find(|name| !is_name(name)) {
        return Err(wrong(
            "acme_domains",
            &format!("{name:?}"),
            "host names such as audit.example.com, without *",
        ));
    }
    let contact = contact.unwrap_or_default();
    let is_address = |text: &str| {
        text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && is_name(host))
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
    };
    if let Some(address) = contact.iter().find(|address| !is_address(address)) {
        return Err(wrong(
            "acme_contact",
            &format!("{address:?}"),
            "e-mail addresses such as ops@example.com",
        ));
    }
    let directory = directory.unwrap_or_else(|| LETS_ENCRYPT.into());
    let is_https = directory.parse::<Uri>().is_ok_and(|uri| uri.scheme() == Some(&Scheme::HTTPS));
    if !is_https {
        return Err(wrong(
            "acme_directory",
            &format!("{directory:?}"),
            "an address that begins with https://",
        ));
    }
    let cache = data.join("acme");
    Ok(Some(TlsSource::Acme(Acme { domains, contact, directory, ca_file, cache })))
}

/// Fewer than two would let one slow search stop all others.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).max(2)
}

/// A secret that can be guessed would open everything.
const ADMIN_KEY_LEN_MIN: usize = 16;

fn read_admin_key(given: Option<String>, file: Option<PathBuf>) -> Result<Option<String>, ConfigError> {
    let key = match (given, file) {
        (Some(key), _) => key.trim().to_owned(),
        (None, Some(file)) => read_secret(&file)?,
        (None, None) => return Ok(None),
    };
    if key.len() < ADMIN_KEY_LEN_MIN || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConfigError::Range {
            setting: "the administrator's key",
            given: format!("{} characters", key.chars().count()),
            expected: "at least 16 printable ASCII characters without spaces",
        });
    }
    Ok(Some(key))
}

/// A file's only line, unless others may read it.
pub(crate) fn read_secret(file: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::Read { file: file.to_owned(), source };
    if let Some(exposed) = exposure(file).map_err(failed)? {
        return Err(exposed.into());
    }
    Ok(std::fs::read_to_string(file).map_err(failed)?.trim().to_owned())
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
