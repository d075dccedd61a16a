//! `serve` and `config check`.

use std::{
    env,
    io::{self, IsTerminal},
};

use indelible_server::{Config, LogFormat, Settings};
use tracing_subscriber::EnvFilter;

use crate::{
    args::{ConfigArgs, ConfigCommand, ServeArgs},
    exit::{Done, Exit, chain},
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
    let ready = move |address| eprintln!("indelible is ready at http://{address}{prefix}/");
    runtime.block_on(indelible_server::run(config, ready)).map_err(|error| {
        let message = chain(&error);
        if error.is_configuration() { Exit::usage(message) } else { Exit::unknown(message) }
    })
}

pub(crate) fn check(args: ConfigArgs) -> Done {
    let ConfigCommand::Check(args) = args.command;
    let mut config = resolve(args)?;
    // A secret is not for the screen.
    config.admin_key = config.admin_key.map(|_| "(set)".into());
    println!("{config:#?}");
    Ok(())
}

/// What the server writes is for its own user alone, and a crash leaves no copy of the memory behind: it would hold
/// contents, salts and the signing key.
fn keep_to_ourselves() -> Done {
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
    // Taken out of the environment's reach of any child process as early as can be.
    let admin_key = env::var("INDELIBLE_ADMIN_KEY").ok();
    args.settings.over(file).resolve(admin_key).map_err(|error| {
        Exit::usage(error).hint("`indelible serve --help` and docs/operate/settings.md list every setting")
    })
}

/// A misspelt variable must not be a setting that silently is not in force.
fn refuse_unknown_variables() -> Done {
    let known = Settings::environment_names();
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with("INDELIBLE_")) else { continue };
        let expected = known.iter().any(|known| known == name) || OTHER_VARIABLES.contains(&name);
        if !expected {
            return Err(Exit::usage(format!("the environment variable {name} is no setting"))
                .hint("docs/operate/settings.md lists them"));
        }
    }
    Ok(())
}

fn start_logging(config: &Config) -> Done {
    let filter = EnvFilter::try_new(&config.log)
        .map_err(|error| Exit::usage(format!("log is {:?}, expected a tracing filter: {error}", config.log)))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let lines = lines.with_ansi(io::stderr().is_terminal());
    let installed = match config.log_format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => lines.compact().try_init(),
    };
    installed.map_err(|error| Exit::unknown(format!("can't write logs: {error}")))
}
