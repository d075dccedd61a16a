//! `serve` and `config check`.

use std::{
    env::{self, VarError},
    io::{self, IsTerminal},
    path::Path,
};

use clap::{ValueEnum, builder::PossibleValue};
use indelible_server::{Config, LogFormat, RunError, Settings, TlsSource};
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

use crate::{
    args::{ConfigArgs, ConfigCommand, ServeArgs},
    exit::{Done, Exit, chain},
    output::{harmless_lines, print_json, print_line},
};

/// Variables with our prefix that are no settings of the server.
const OTHER_VARIABLES: [&str; 5] =
    ["INDELIBLE_URL", "INDELIBLE_KEY", "INDELIBLE_CONFIG", "INDELIBLE_ADMIN_KEY", "INDELIBLE_BLESS"];

pub(crate) fn run(args: ServeArgs) -> Done {
    let config = resolve(args)?;
    keep_to_ourselves()?;
    start_logging(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Exit::unknown(format!("can't start threads: {error}")))?;
    let prefix = config.path_prefix.clone();
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let ready = move |address, set_up: Option<&str>| {
        eprintln!("indelible is ready at {scheme}://{address}{prefix}/");
        if let Some(link) = set_up {
            eprintln!(
                "set up the first administrator within a day: {scheme}://{address}{prefix}/set-up#{link}"
            );
        }
    };
    runtime.block_on(indelible_server::run(config, ready)).map_err(|error| refused(&error))
}

pub(crate) fn check(args: ConfigArgs) -> Done {
    let ConfigCommand::Check { serve, json } = args.command;
    let mut config = resolve(serve)?;
    log_filter(&config)?;
    indelible_server::check_config(&config).map_err(|error| refused(&error))?;
    // A secret is not for the screen.
    config.admin_key = config.admin_key.map(|_| "(set)".into());
    let settings = to_json(&config);
    if json {
        return print_json(&settings);
    }
    let lines = settings.as_object().into_iter().flatten().map(|(name, value)| format!("{name} = {value}"));
    print_line(&harmless_lines(&lines.collect::<Vec<_>>().join("\n")))
}

fn refused(error: &RunError) -> Exit {
    let message = chain(error);
    if error.is_configuration() { Exit::usage(message) } else { Exit::unknown(message) }
}

fn to_json(config: &Config) -> Value {
    let name = |value: Option<PossibleValue>| value.map(|value| value.get_name().to_owned());
    json!({
        "data": config.data.display().to_string(),
        "listen": config.listen,
        "admin_key": config.admin_key,
        "origin": config.origin,
        "path_prefix": config.path_prefix,
        "public_url": config.public_url.as_ref().map(ToString::to_string),
        "tls": config.tls.as_ref().map(tls_to_json),
        "trusted_proxies": config.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "proxy_header": name(config.proxy_header.to_possible_value()),
        "connections_per_address_max": config.connections_per_address_max,
        "handshake_timeout_seconds": config.handshake_timeout_seconds,
        "head_timeout_seconds": config.head_timeout_seconds,
        "head_bytes_max": config.head_bytes_max,
        "head_fields_max": config.head_fields_max,
        "body_timeout_seconds": config.body_timeout_seconds,
        "body_rate_min": config.body_rate_min,
        "write_timeout_seconds": config.write_timeout_seconds,
        "mappings": config.mappings.display().to_string(),
        "receipts": name(config.receipts.to_possible_value()),
        "event_bytes_max": config.event_bytes_max,
        "request_events_max": config.request_events_max,
        "request_bytes_max": config.request_bytes_max,
        "event_items_max": config.event_items_max,
        "queue_bytes_max": config.queue_bytes_max,
        "wal_segment_bytes": config.wal_segment_bytes,
        "seal_bytes": config.seal_bytes,
        "free_bytes_min": config.free_bytes_min,
        "query_timeout_seconds": config.query_timeout_seconds,
        "queries_max": config.queries_max,
        "queries_waiting_max": config.queries_waiting_max,
        "streams_max": config.streams_max,
        "streams_per_key_max": config.streams_per_key_max,
        "jobs_max": config.jobs_max,
        "export_days": config.export_days,
        "export_rows_max": config.export_rows_max.unwrap_or(0),
        "export_bytes_max": config.export_bytes_max,
        "export_link_hours": config.export_link_hours,
        "mail_attachment_bytes_max": config.mail_attachment_bytes_max,
        "tail_queue_events": config.tail_queue_events,
        "tail_patience_seconds": config.tail_patience_seconds,
        "heartbeat_seconds": config.heartbeat_seconds,
        "provider_ca_file": config.provider_ca_file.as_ref().map(|file| file.display().to_string()),
        "mail": config.mail.as_ref().map(|mail| json!({
            "smtp_host": mail.host,
            "smtp_port": mail.port,
            "smtp_tls": mail.tls.name(),
            "smtp_username": mail.username,
            "smtp_ca_file": mail.ca_file.as_ref().map(|file| file.display().to_string()),
            "smtp_timeout_seconds": mail.timeout.as_secs(),
            "mail_from": mail.from,
        })),
        "second_factor": name(config.second_factor.to_possible_value()),
        "sign_in_networks": config.sign_in_networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "session_idle_minutes": config.session_idle_minutes,
        "session_hours": config.session_hours,
        "looking_window_seconds": config.looking_window_seconds,
        "tenants_on_first_use": config.tenants_on_first_use,
        "log_format": name(config.log_format.to_possible_value()),
        "log": config.log,
        "drain_seconds": config.drain_seconds,
    })
}

fn tls_to_json(source: &TlsSource) -> Value {
    match source {
        TlsSource::Files { certificate, key } => json!({
            "tls_certificate": certificate.display().to_string(),
            "tls_key": key.display().to_string(),
        }),
        TlsSource::Acme(acme) => json!({
            "acme_domains": acme.domains,
            "acme_contact": acme.contact,
            "acme_directory": acme.directory,
            "acme_ca_file": acme.ca_file.as_ref().map(|file| file.display().to_string()),
        }),
    }
}

/// What is written into a data directory is for its own user alone, and a crash leaves no copy of the memory behind:
/// it would hold contents, salts and the signing key.
pub(super) fn keep_to_ourselves() -> Done {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(rustix::process::Resource::Core, none)
        .map_err(|error| Exit::unknown(format!("can't switch core dumps off: {error}")))
}

fn resolve(args: ServeArgs) -> Result<Config, Exit> {
    refuse_unknown_variables()?;
    let file = match &args.config {
        Some(file) => Settings::from_file(file).map_err(|error| Exit::usage(error.to_string().trim_end()))?,
        None => Settings::default(),
    };
    let settings = args.settings.over(file);
    let admin_key = admin_key(env::var("INDELIBLE_ADMIN_KEY"), settings.admin_key_file.as_deref())?;
    settings.resolve(admin_key).map_err(|error| {
        Exit::usage(error).hint("`indelible serve --help` and docs/operate/settings.md list every setting")
    })
}

/// The secret in the environment. It stays there, where root and the server's own user can read it: a file is better.
fn admin_key(variable: Result<String, VarError>, file: Option<&Path>) -> Result<Option<String>, Exit> {
    match (variable, file) {
        (Err(VarError::NotPresent), _) => Ok(None),
        (Err(VarError::NotUnicode(_)), _) => Err(Exit::usage("INDELIBLE_ADMIN_KEY is not UTF-8")),
        (Ok(_), Some(file)) => Err(Exit::usage(format!(
            "the administrator's key is given twice: in INDELIBLE_ADMIN_KEY and in the file {} (admin_key_file, \
             --admin-key-file, INDELIBLE_ADMIN_KEY_FILE)",
            file.display()
        ))
        .hint("unset one of the two")),
        (Ok(key), None) => Ok(Some(key)),
    }
}

/// A misspelt variable must not be a setting that silently is not in force.
fn refuse_unknown_variables() -> Done {
    let known = Settings::environment_names();
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with("INDELIBLE_")) else { continue };
        let expected = known.iter().any(|known| known == name)
            || OTHER_VARIABLES.contains(&name)
            || is_of_kubernetes(name);
        if !expected {
            return Err(Exit::usage(format!("the environment variable {name} is no setting"))
                .hint("docs/operate/settings.md lists them"));
        }
    }
    Ok(())
}

/// Variables that Kubernetes sets in every container beside a service called `indelible`.
fn is_of_kubernetes(name: &str) -> bool {
    let of =
        |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    name == "INDELIBLE_SERVICE_HOST" || of("INDELIBLE_SERVICE_PORT") || of("INDELIBLE_PORT")
}

fn log_filter(config: &Config) -> Result<EnvFilter, Exit> {
    EnvFilter::try_new(&config.log)
        .map_err(|error| Exit::usage(format!("log is {:?}, expected a tracing filter: {error}", config.log)))
}

fn start_logging(config: &Config) -> Done {
    let filter = log_filter(config)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let lines = lines.with_ansi(io::stderr().is_terminal());
    let installed = match config.log_format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => lines.compact().try_init(),
    };
    installed.map_err(|error| Exit::unknown(format!("can't write logs: {error}")))
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    #[test]
    fn variables_of_kubernetes_are_told_from_misspelt_settings() {
        for (name, expected) in [
            ("INDELIBLE_PORT", true),
            ("INDELIBLE_PORT_8080_TCP_ADDR", true),
            ("INDELIBLE_SERVICE_HOST", true),
            ("INDELIBLE_SERVICE_PORT", true),
            ("INDELIBLE_SERVICE_PORT_HTTP", true),
            ("INDELIBLE_PORTS", false),
            ("INDELIBLE_SERVICE", false),
            ("INDELIBLE_SERVICE_HOSTS", false),
            ("INDELIBLE_LISTN", false),
        ] {
            assert_eq!(is_of_kubernetes(name), expected, "{name}");
        }
        for setting in Settings::environment_names() {
            assert!(!is_of_kubernetes(&setting), "{setting}");
        }
    }

    #[test]
    fn the_administrators_key_is_text_and_given_once() {
        let file = Path::new("admin.key");
        let given = || Ok("secret".to_owned());
        let broken = || Err(VarError::NotUnicode(OsStr::from_bytes(b"\xff").to_owned()));
        assert_eq!(admin_key(given(), None).unwrap().as_deref(), Some("secret"));
        assert_eq!(admin_key(Err(VarError::NotPresent), Some(file)).unwrap(), None);
        for (variable, file) in [(broken(), None), (broken(), Some(file)), (given(), Some(file))] {
            assert_eq!(admin_key(variable, file).unwrap_err().code(), 2);
        }
        let both = format!("{:?}", admin_key(given(), Some(file)).unwrap_err());
        assert!(both.contains("INDELIBLE_ADMIN_KEY ") && both.contains("--admin-key-file"), "{both}");
    }

    #[test]
    fn the_configuration_as_json_has_every_setting() {
        let settings = Settings { data: Some("d".into()), ..Settings::default() };
        let config = settings.resolve(None).unwrap();
        let json = to_json(&config);
        let shown = format!("{config:#?}");
        // A line of the form that is indented once is a field.
        let fields = shown.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
        let mut fields: Vec<_> = fields.map(|(name, _)| name).filter(|name| !name.starts_with(' ')).collect();
        let mut members: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        members.sort_unstable();
        assert_eq!(members, fields);
        assert_eq!((&json["receipts"], &json["log_format"]), (&json!("all"), &json!("text")));
    }
}
