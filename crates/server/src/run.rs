//! From configuration to a running server, and to a graceful end.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::middleware;
use indelible_access::{Authenticator, CursorSeal, Trail};
use indelible_control::{Control, ControlError, LinkPurpose};
use indelible_event::Timestamp;
use indelible_identity::{IdentityError, LinkToken, SealKey};
use indelible_ingest::MappingErrors;
use indelible_ledger::{
    Clock, Ledger, LedgerConfig, LedgerReader, LedgerWriter, OpenError, OpenProgress, SystemClock,
};
use indelible_mail::SettingsProblem;
use indelible_openid::{OpenId, OpenIdSettings};
use indelible_search::{Search, SearchConfig, SearchError};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinHandle,
};

use crate::{
    Config, Decoder, SecondFactorRule,
    app::{App, Gate},
    authentication::Authentication,
    body::{Budget, Pace},
    client::Proxies,
    files::Downloads,
    guard::guard,
    jobs::{self, Jobs},
    looking::Looking,
    mailing::Mailing,
    mappings::{self, Mappings},
    metrics,
    queries::Queries,
    reconcile::{ReconcileError, catch_up},
    routes,
    rules::{Rules, RulesError},
    secrets::{Exposed, exposure},
    serve::{self, Door, Limits},
    streams::Streams,
    tls::{self, CertificateError, Tls},
};

/// Why the server did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The data directory can't be used.
    #[error("can't use the data directory {directory}: {source}")]
    Directory {
        /// Which directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The ledger refused to open.
    #[error("the ledger did not open")]
    Ledger(#[from] OpenError),
    /// The control database failed.
    #[error("the control database did not open")]
    Control(#[from] ControlError),
    /// The key that secrets are sealed with can't be used.
    #[error("the key of sealed secrets can't be used")]
    Seal(#[from] IdentityError),
    /// Authorities of providers' certificates can't be read.
    #[error("sign-ins through providers can't be set up")]
    OpenId(#[source] io::Error),
    /// Mails can't be sent so.
    #[error("mails can't be sent so")]
    Mail(#[source] SettingsProblem),
    /// Who looked at the trail before the last stop can't be read.
    #[error("who looked at the trail before the last stop can't be read: {0}")]
    Looks(String),
    /// The rules could not be loaded.
    #[error("the rules did not load")]
    Rules(#[from] RulesError),
    /// An importer's mapping is not valid.
    #[error("the mappings did not load")]
    Mapping(#[from] MappingErrors),
    /// The ledger knows something that the control database can't take over.
    #[error("ledger and control database could not be reconciled")]
    Reconcile(#[from] ReconcileError),
    /// The index could not be opened at all.
    #[error("the index did not open")]
    Search(#[from] SearchError),
    /// The index could not be compared with the ledger.
    #[error("the index could not be checked")]
    Check(#[from] indelible_search::CheckError),
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(getrandom::Error),
    /// The metrics recorder could not be made.
    #[error("metrics could not be set up: {0}")]
    Metrics(String),
    /// Serving connections failed.
    #[error("serving failed: {0}")]
    Serve(#[source] io::Error),
    /// The TLS certificate can't be used.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] CertificateError),
    /// Others may read a secret of the data directory.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// A task of the server panicked.
    #[error("a task of the server panicked")]
    Panicked,
}

impl RunError {
    /// Whether the cause is what was configured or stored rather than a passing fault.
    pub fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::Mapping(_)
                | Self::Rules(RulesError::Invalid { .. })
                | Self::Listen { .. }
                | Self::Tls(_)
                | Self::Mail(_)
                | Self::Exposed(_)
        )
    }
}

/// A running server.
pub struct Running {
    /// The address that it listens on; of interest where port 0 was asked for.
    pub address: SocketAddr,
    /// The secret of the link by which the first administrator is made, where there is nobody yet.
    pub set_up: Option<String>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<io::Result<bool>>,
    jobs: JoinHandle<()>,
    app: Arc<App>,
    ledger: LedgerWriter,
}

/// Serves until SIGINT or SIGTERM, then ends gracefully. `ready` is called once the stores are open.
///
/// # Errors
/// Any [`RunError`].
pub async fn run(config: Config, ready: impl FnOnce(SocketAddr, Option<&str>)) -> Result<(), RunError> {
    let mut terminate =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(RunError::Serve)?;
    let mut running = tokio::select! {
        started = start(config) => started?,
        _ = tokio::signal::ctrl_c() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    ready(running.address, running.set_up.as_deref());
    tokio::select! {
        _ = tokio::signal::ctrl_c() => tracing::info!("stopping"),
        _ = terminate.recv() => tracing::info!("stopping"),
        ended = &mut running.serving => {
            return ended.map_err(|_| RunError::Panicked)?.map(|_| ()).map_err(RunError::Serve);
        }
    }
    tokio::select! {
        stopped = running.stop() => stopped,
        // Whoever asks twice does not want to wait; what was acknowledged is on disk.
        _ = tokio::signal::ctrl_c() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

/// What has to be done now and then while the server runs.
async fn keep_up(app: Arc<App>, metrics: PrometheusHandle, mut stopped: watch::Receiver<bool>) {
    let mut turn = tokio::time::interval(Duration::from_secs(5));
    let mut last_turn = Timestamp::from_micros(i64::MAX);
    for round in 0u64.. {
        tokio::select! {
            () = serve::stopped(&mut stopped) => return,
            _ = turn.tick() => {}
        }
        // Histograms keep every sample until somebody does this.
        metrics.run_upkeep();
        if let Err(error) = app.roll_up_looks().await {
            tracing::warn!(
                cause = error.cause(),
                "who looked at the trail could not be put into it; it stays written down"
            );
        }
        let now = app.now();
        // Also at the start: nobody knows what the clock showed before.
        if std::mem::replace(&mut last_turn, now) > now
            && let Err(error) = app.call_in_runs().await
        {
            tracing::warn!(cause = error.cause(), "what a wrong clock put off could not be called in");
        }
        if let Err(error) = app.begin_due_runs().await {
            tracing::warn!(cause = error.cause(), "runs of reports that are due could not be begun");
        }
        if round % 12 == 11
            && let Err(error) = app.note_keys_used().await
        {
            tracing::warn!(%error, "when keys were used could not be noted");
        }
        if round % 12 == 11
            && let Err(error) = app.control.forget_expired(app.now(), app.config.session_idle()).await
        {
            tracing::warn!(%error, "sessions that ended could not be removed");
        }
        if round % 12 == 11
            && let Err(error) = app.expire_files().await
        {
            tracing::warn!(cause = error.cause(), "files whose time is over could not be removed");
        }
        if app.behind.load(Ordering::Acquire) {
            let _turn = app.control_turn.lock().await;
            if let Err(error) = app.catch_up_if_behind().await {
                tracing::warn!(
                    cause = error.cause(),
                    "a change of settings that stands in the ledger could not be carried out yet"
                );
            }
        }
        if round % 720 == 719
            && let Err(error) = app.sweep_files().await
        {
            tracing::warn!(cause = error.cause(), "files of jobs could not be looked through");
        }
        if round % 60 == 59 {
            // No settings entry is on its way into a row while this is held.
            let _turn = app.control_turn.lock().await;
            if let Err(error) = app.note_carried_out().await {
                tracing::warn!(%error, "how far the settings are applied could not be noted");
            }
        }
    }
}

/// Bytes of small request bodies at one time.
const SMALL_BYTES_MAX: usize = 8 << 20;

/// Whether a server could start with this configuration, as far as can be told without its stores.
///
/// # Errors
/// [`RunError`] for mappings that are not valid, a certificate that can't be used, and secrets that others may read.
pub fn check_config(config: &Config) -> Result<(), RunError> {
    if let Some(source) = &config.tls {
        tls::check(source)?;
    }
    check_secrets(&config.data)?;
    mappings::installed(&config.mappings).map(|_| ())
}

/// Files of the data directory that hold hashes of keys, contents that are not sealed yet, or keys themselves.
const SECRETS: [&str; 5] =
    ["control.key", "control.sqlite", "control.sqlite-wal", "control.sqlite-shm", "ledger/signing.key"];

fn check_secrets(data: &Path) -> Result<(), RunError> {
    for name in SECRETS {
        let failed = |source| RunError::Directory { directory: data.to_owned(), source };
        if let Some(exposed) = exposure(&data.join(name)).map_err(failed)? {
            return Err(exposed.into());
        }
    }
    Ok(())
}

/// Says what everybody on the way could read.
fn warn_of_clear_text(config: &Config, address: SocketAddr) {
    if config.tls.is_none() && !address.ip().to_canonical().is_loopback() {
        tracing::warn!(
            %address,
            "listening without TLS where other machines can connect: keys and contents of the trail can be read on the \
             way; set tls_certificate or acme_domains, or listen on 127.0.0.1 behind a proxy that speaks TLS"
        );
    }
}

fn door(config: &Config, tls: Option<Tls>) -> Door {
    let limits = Limits {
        head_timeout: Duration::from_secs(config.head_timeout_seconds),
        head_bytes_max: config.head_bytes_max,
        head_fields_max: config.head_fields_max,
        write_timeout: Duration::from_secs(config.write_timeout_seconds),
        per_address_max: config.connections_per_address_max,
    };
    Door::new(tls, Proxies::new(config.trusted_proxies.clone(), config.proxy_header), limits)
}

/// Opens the listener, then the stores; returns when events are taken and can be asked for.
///
/// # Errors
/// Any [`RunError`].
pub async fn start(config: Config) -> Result<Running, RunError> {
    let metrics = metrics::install().map_err(|error| RunError::Metrics(error.to_string()))?;
    check_secrets(&config.data)?;
    let (tls, upkeep) = match &config.tls {
        Some(source) => {
            let patience = Duration::from_secs(config.handshake_timeout_seconds);
            let (tls, upkeep) = Tls::new(source.clone(), patience, Arc::new(SystemClock))?;
            (Some(tls), Some(upkeep))
        }
        None => (None, None),
    };
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|source| RunError::Listen { address: config.listen, source })?;
    let address = listener.local_addr().map_err(RunError::Serve)?;
    let gate = Arc::new(Gate::new(&config.path_prefix, metrics));
    let site = routes::below(&config.path_prefix, routes::router(gate.clone()));
    let site = site.layer(middleware::from_fn(guard));
    let (stop, stopped) = watch::channel(false);
    let drain = Duration::from_secs(config.drain_seconds);
    warn_of_clear_text(&config, address);
    let serving = tokio::spawn(serve::serve(listener, door(&config, tls), site, stopped.clone(), drain));
    if let Some(upkeep) = upkeep {
        tokio::spawn(upkeep.run(stopped.clone()));
    }
    let (app, ledger) = match open(config, address, &gate, stopped.clone()).await {
        Ok(opened) => opened,
        Err(error) => {
            serving.abort();
            return Err(error);
        }
    };
    let set_up = if app.needs_set_up() { Some(set_up_link(&app).await?) } else { None };
    gate.open(app.clone());
    tokio::spawn(keep_up(app.clone(), gate.metrics.clone(), stopped));
    tracing::info!(%address, size = ledger.status().size, "ready");
    let jobs = tokio::spawn(jobs::run_jobs(app.clone()));
    Ok(Running { address, set_up, stop, serving, jobs, app, ledger })
}

impl Running {
    /// Lets running requests finish, persists the index, closes the ledger.
    ///
    /// # Errors
    /// [`RunError`] when a store does not close; acknowledged events are on disk in any case.
    pub async fn stop(self) -> Result<(), RunError> {
        let Self { stop, serving, jobs, app, ledger, .. } = self;
        stop.send_replace(true);
        let in_time = serving.await.map_err(|_| RunError::Panicked)?.map_err(RunError::Serve)?;
        if !in_time {
            tracing::warn!(
                seconds = app.config.drain_seconds,
                "requests were still running and were cut off"
            );
        }
        jobs.await.map_err(|_| RunError::Panicked)?;
        {
            // A change whose request was cut off goes on by itself.
            let _turn = app.control_turn.lock().await;
            app.note_carried_out().await?;
        }
        app.note_keys_used().await?;
        let closing = app.clone();
        let closed = tokio::task::spawn_blocking(move || {
            closing.trail.close();
            ledger.close();
        });
        closed.await.map_err(|_| RunError::Panicked)?;
        app.control.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

async fn open(
    config: Config,
    address: SocketAddr,
    gate: &Arc<Gate>,
    stopped: watch::Receiver<bool>,
) -> Result<(Arc<App>, LedgerWriter), RunError> {
    let directory = |source| RunError::Directory { directory: config.data.clone(), source };
    fs::create_dir_all(&config.data).map_err(directory)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    gate.say("opening the ledger".into());
    // The ledger's lock comes first: it keeps a second server away from every store.
    let (writer, ledger) = open_ledger(&config, clock.clone(), gate.clone()).await?;
    gate.say("opening the control database".into());
    let control = Control::open(&config.data.join("control.sqlite")).await?;
    Rules::store_built_in(&control, clock.now()).await?;
    let rules = Rules::load(&control).await?;
    let mappings = Mappings::load(&config.mappings, &control).await?;
    let decoder = Arc::new(Decoder::new(rules.clone(), mappings));
    gate.say("opening the index".into());
    let search = {
        let (dir, reader, decode) = (config.data.join("search"), Arc::new(ledger.clone()), decoder.clone());
        let opening = move || Search::open(&dir, SearchConfig::default(), reader, decode);
        tokio::task::spawn_blocking(opening).await.map_err(|_| RunError::Panicked)??
    };
    let seal = CursorSeal::new(&stored_key(&control, CURSOR_KEY).await?);
    let catalogue = Arc::new(rules.clone());
    let pace =
        Pace { time_min: Duration::from_secs(config.body_timeout_seconds), rate_min: config.body_rate_min };
    let trail = Trail::new(ledger, search, control.clone(), decoder.clone(), catalogue, seal);
    let seal = seal_key(&control, &config.data.join("control.key")).await?;
    let openid_settings =
        OpenIdSettings { ca_file: config.provider_ca_file.clone(), ..OpenIdSettings::default() };
    let openid =
        OpenId::new(&stored_key(&control, OPENID_KEY).await?, &openid_settings).map_err(RunError::OpenId)?;
    let app = Arc::new(App {
        auth: Authenticator::new(control.clone(), config.admin_key.as_deref(), config.session_idle())
            .with_second_factor(config.second_factor == SecondFactorRule::Required),
        mailing: Mailing::new(config.mail.as_ref()).map_err(RunError::Mail)?,
        body_budget: Budget::new(config.queue_bytes_max, pace),
        small_budget: Budget::new(SMALL_BYTES_MAX, pace),
        authentication: Authentication::new(seal),
        openid,
        address,
        looking: Looking::new(stored_key(&control, LOOKING_KEY).await?),
        keys_used: parking_lot::Mutex::default(),
        prepare_slots: Semaphore::new(std::thread::available_parallelism().map_or(2, Into::into)),
        jobs: Jobs::new(),
        downloads: Downloads::default(),
        asking_turn: tokio::sync::Mutex::default(),
        queries: Queries::new(&config),
        streams: Streams::new(config.streams_max, config.streams_per_key_max),
        stopped,
        clock,
        control,
        trail,
        writer: writer.clone(),
        rules,
        decoder,
        control_turn: tokio::sync::Mutex::default(),
        behind: AtomicBool::new(false),
        installation: OnceLock::new(),
        config,
    });
    gate.say("comparing the settings with the ledger".into());
    let entries = catch_up(&app).await?;
    app.take_up_looks().await.map_err(|error| RunError::Looks(error.cause().to_owned()))?;
    let begun = app.control.release_jobs().await?;
    if begun > 0 {
        tracing::info!(jobs = begun, "jobs that the last process did not end are begun again");
    }
    if let Err(error) = app.sweep_files().await {
        tracing::warn!(cause = error.cause(), "files of jobs could not be looked through");
    }
    if entries > 0 {
        tracing::info!(entries, "went through the settings entries since the last note");
    }
    Ok((app, writer))
}

/// Hours for which the link of the first set-up is good; the next start makes another one.
const SET_UP_HOURS: i64 = 24;

async fn set_up_link(app: &App) -> Result<String, RunError> {
    let token = LinkToken::generate()?;
    let end = Timestamp::from_micros(app.now().as_micros() + SET_UP_HOURS * 3_600_000_000);
    app.control.make_link(*token.digest().as_bytes(), LinkPurpose::Setup, None, end).await?;
    Ok(token.expose().to_owned())
}

async fn open_ledger(
    config: &Config,
    clock: Arc<dyn Clock>,
    gate: Arc<Gate>,
) -> Result<(LedgerWriter, LedgerReader), RunError> {
    let dir = config.data.join("ledger");
    let ledger_config = LedgerConfig {
        origin_name: config.origin.clone(),
        wal_segment_bytes: config.wal_segment_bytes,
        seal_bytes: config.seal_bytes,
        queue_bytes_max: config.queue_bytes_max as u64,
        min_free_bytes: config.free_bytes_min,
        ..LedgerConfig::default()
    };
    let opening = move || {
        let progress = |progress: OpenProgress| {
            tracing::debug!(?progress, "opening the ledger");
            gate.say(words(progress));
        };
        Ledger::open(&dir, ledger_config, clock, &progress)
    };
    Ok(tokio::task::spawn_blocking(opening).await.map_err(|_| RunError::Panicked)??)
}

fn words(progress: OpenProgress) -> String {
    match progress {
        OpenProgress::Replaying { .. } => "replaying the WAL".to_owned(),
        OpenProgress::FillingIds { done, size } => {
            let done = (done * 100).checked_div(size).unwrap_or(100);
            format!("filling the id index: {done} % done")
        }
        OpenProgress::Ready { .. } => "the ledger is open".to_owned(),
    }
}

/// The name of the stored key that seals cursors.
const CURSOR_KEY: &str = "cursor_key";
/// The name of the stored key that seals what browsers keep while their user is at a provider.
const OPENID_KEY: &str = "openid_key";

/// The name of the stored key that ids of roll-ups are made with.
const LOOKING_KEY: &str = "looking_key";

/// The key that secrets are sealed with. It is made at the first start; where something is sealed already a new one would
/// only hide that the old one is lost.
async fn seal_key(control: &Control, file: &Path) -> Result<SealKey, RunError> {
    let sealed = control.directory().users().any(|user| user.has_second_factor)
        || control.providers().await?.iter().any(|provider| provider.secret.is_some());
    Ok(if sealed { SealKey::load(file)? } else { SealKey::load_or_create(file)? })
}

/// A random key that is made at the first start.
async fn stored_key(control: &Control, name: &str) -> Result<[u8; 32], RunError> {
    if let Some(stored) = control.setting(name).await? {
        let corrupt = |_| ControlError::Corrupt { what: "stored key" };
        return Ok(stored.try_into().map_err(corrupt)?);
    }
    let mut key = [0u8; 32];
    getrandom::fill(&mut key).map_err(RunError::Randomness)?;
    control.set_setting(name, &key).await?;
    Ok(key)
}
