//! What every request can reach, and the gate that is closed until the stores are open.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, OnceLock, atomic::AtomicBool},
};

use indelible_access::{Authenticator, Trail};
use indelible_control::{Control, ControlError, KeyId, Reach, UserState};
use indelible_event::{Code, Timestamp};
use indelible_ledger::{Clock, LedgerWriter};
use indelible_openid::OpenId;
use indelible_verify::ChainId;
use metrics_exporter_prometheus::PrometheusHandle;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

use crate::{
    Config, Decoder, authentication::Authentication, body::Budget, error::ApiError, files::Downloads,
    jobs::Jobs, looking::Looking, mailing::Mailing, queries::Queries, recorder::Origin, rules::Rules,
    streams::Streams, web::Web,
};

/// The open server.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) control: Control,
    pub(crate) auth: Authenticator,
    pub(crate) trail: Trail,
    pub(crate) writer: LedgerWriter,
    pub(crate) rules: Rules,
    pub(crate) decoder: Arc<Decoder>,
    /// For request bodies in flight; the rest waits outside with 503.
    pub(crate) body_budget: Budget,
    /// The same for small bodies that change settings, so that a flood of events does not lock administrators out.
    pub(crate) small_budget: Budget,
    /// Bodies that are unpacked and checked at one time: as many as there are processors.
    pub(crate) prepare_slots: Semaphore,
    /// Sign-ins through providers.
    pub(crate) openid: OpenId,
    /// Address that the server listens on.
    pub(crate) address: SocketAddr,
    /// What signing in needs.
    pub(crate) authentication: Authentication,
    /// What sending mails needs.
    pub(crate) mailing: Mailing,
    /// Looks that are not in the trail yet.
    pub(crate) looking: Looking,
    /// When keys were used that is not in their rows yet.
    pub(crate) keys_used: Mutex<HashMap<KeyId, Timestamp>>,
    /// What the server does by itself.
    pub(crate) jobs: Jobs,
    /// Who was given which file of late.
    pub(crate) downloads: Downloads,
    /// Whoever asks for a job is counted before the next one is.
    pub(crate) asking_turn: tokio::sync::Mutex<()>,
    /// Turns of searches.
    pub(crate) queries: Queries,
    /// Places for streams and waiting feeds.
    pub(crate) streams: Arc<Streams>,
    /// Says when the server stops, to whoever waits for events.
    pub(crate) stopped: watch::Receiver<bool>,
    /// What stands in the ledger first and in a row second is changed one at a time.
    pub(crate) control_turn: tokio::sync::Mutex<()>,
    /// Whether an entry may stand in the ledger that was not carried out: the next change begins with that.
    pub(crate) behind: AtomicBool,
    /// The installation's own chain, once it was looked up.
    pub(crate) installation: OnceLock<ChainId>,
}

impl App {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// An address of this server for people and other servers: what a request says of its host is never believed.
    pub(crate) fn link(&self, path: &str) -> String {
        match &self.config.public_url {
            Some(url) => url.link(path),
            None => {
                let scheme = if self.config.tls.is_some() { "https" } else { "http" };
                format!("{scheme}://{}{}", self.address, self.path(path))
            }
        }
    }

    /// A path as browsers reach it.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.config.path_prefix)
    }

    /// Refuses people who come from elsewhere than they may.
    ///
    /// # Errors
    /// `forbidden`.
    pub(crate) fn check_sign_in_network(&self, origin: &Origin) -> Result<(), ApiError> {
        let networks = &self.config.sign_in_networks;
        let is_within = |ip| networks.iter().any(|network| network.contains(&ip));
        if networks.is_empty() || origin.ip.is_some_and(is_within) {
            return Ok(());
        }
        let whence = origin.ip.map_or_else(|| "an unknown address".to_owned(), |ip| ip.to_string());
        let message = format!("people sign in only from certain networks, and {whence} is in none of them");
        Err(ApiError::new(Code::Forbidden, message))
    }

    /// Writes down when keys were used.
    ///
    /// # Errors
    /// The database's; it is tried again with the next ones.
    pub(crate) async fn note_keys_used(&self) -> Result<(), ControlError> {
        let used: Vec<_> = self.keys_used.lock().iter().map(|(key, at)| (*key, *at)).collect();
        if used.is_empty() {
            return Ok(());
        }
        self.control.note_keys_used(&used).await?;
        self.keys_used.lock().retain(|key, at| !used.contains(&(*key, *at)));
        Ok(())
    }

    /// Whether nobody could ever sign in: no account was opened yet.
    pub(crate) fn needs_set_up(&self) -> bool {
        self.control.directory().users().all(|user| user.state == UserState::Invited)
    }

    /// The tenant of a name within a reach, or the answer that hides whether it exists.
    pub(crate) fn tenant_within(
        &self,
        reach: &Reach,
        name: &str,
    ) -> Result<indelible_control::Tenant, ApiError> {
        let directory = self.control.directory();
        directory
            .tenant_named(name)
            .filter(|tenant| directory.is_within(tenant.number, reach))
            .cloned()
            .ok_or_else(|| ApiError::new(Code::NotFound, "no such tenant within your reach"))
    }
}

/// Shared by all routes from the first moment on; `app` is filled when the stores are open.
pub(crate) struct Gate {
    app: OnceLock<Arc<App>>,
    /// What the opening is doing, for `/readyz`.
    opening: Mutex<String>,
    pub(crate) web: Web,
    pub(crate) metrics: PrometheusHandle,
    /// Path under which a proxy serves the whole server; empty for none.
    pub(crate) prefix: Arc<str>,
}

impl Gate {
    pub(crate) fn new(prefix: &str, metrics: PrometheusHandle) -> Self {
        let web = Web::new(prefix);
        Self {
            app: OnceLock::new(),
            opening: Mutex::new("starting".into()),
            web,
            metrics,
            prefix: prefix.into(),
        }
    }

    pub(crate) fn open(&self, app: Arc<App>) {
        // A second opening would be a bug of `start`, which opens once.
        assert!(self.app.set(app).is_ok(), "the gate opens once");
    }

    pub(crate) fn say(&self, progress: String) {
        *self.opening.lock() = progress;
    }

    pub(crate) fn opening(&self) -> String {
        self.opening.lock().clone()
    }

    pub(crate) fn app(&self) -> Option<&Arc<App>> {
        self.app.get()
    }
}
