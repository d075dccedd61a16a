//! A certificate from files, taken anew when they change.
//!
//! Files are read, not watched: renewal tools rename, Kubernetes turns symbolic links, and neither is seen reliably by
//! watching one file. A change counts once two looks agree, so that nothing is taken while it is half written.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use indelible_ledger::Clock;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use sha2::{Digest, Sha256};
use tokio::{sync::watch, time::Instant};

use super::certificate::{CertificateError, Loaded, Standing, Validity, load};
use crate::serve::stopped;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often it is said again that a certificate ends.
const TELL_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// The certificate in force.
#[derive(Debug)]
pub(super) struct Served(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Looks at the files.
pub(crate) struct Watch {
    certificate: PathBuf,
    key: PathBuf,
    served: Arc<Served>,
    validity: Validity,
    clock: Arc<dyn Clock>,
    /// Print of what was last tried.
    tried: Print,
    /// Print of the last look.
    seen: Print,
}

/// A hash over contents and modes.
type Print = [u8; 32];

/// Loads the certificate for the first time.
///
/// # Errors
/// Any [`CertificateError`]. One that has expired is served, with a line in the log: events may still be taken from
/// those who don't mind, and a server that does not start helps nobody.
pub(super) fn watch(
    certificate: PathBuf,
    key: PathBuf,
    clock: Arc<dyn Clock>,
) -> Result<(Arc<Served>, Watch), CertificateError> {
    let tried = print(&certificate, &key);
    let Loaded { key: pair, validity } = load(&certificate, &key)?;
    validity.tell(clock.now());
    let served = Arc::new(Served(ArcSwap::new(pair)));
    Ok((served.clone(), Watch { certificate, key, served, validity, clock, tried, seen: tried }))
}

impl Watch {
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut turn = tokio::time::interval(LOOK_EVERY);
        let mut told = Instant::now();
        loop {
            tokio::select! {
                () = stopped(&mut stop) => return,
                _ = turn.tick() => {}
            }
            let looking = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            match looking.await {
                Ok(looked) => self = looked,
                Err(error) => {
                    tracing::error!(%error, "the TLS certificate's files are not looked at any more");
                    return;
                }
            }
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                self.validity.tell(self.clock.now());
            }
        }
    }

    fn look(&mut self) {
        let print = print(&self.certificate, &self.key);
        let is_settled = std::mem::replace(&mut self.seen, print) == print;
        if is_settled && print != self.tried {
            self.tried = print;
            self.take();
        }
    }

    fn take(&mut self) {
        let (now, certificate) = (self.clock.now(), self.certificate.display());
        match load(&self.certificate, &self.key) {
            Ok(loaded) => {
                let standing = loaded.validity.at(now);
                let is_worse = matches!(standing, Standing::Over | Standing::NotYet)
                    && matches!(self.validity.at(now), Standing::Good | Standing::Near(_));
                if is_worse {
                    tracing::warn!(%certificate, ?standing, "the new TLS certificate is not valid now; the old one stays");
                    return;
                }
                self.validity = loaded.validity;
                self.served.0.store(loaded.key);
                tracing::info!(%certificate, until = self.validity.until.to_rfc3339(), "took the new TLS certificate");
                self.validity.tell(now);
            }
            Err(error) => {
                tracing::warn!(%certificate, %error, "the new TLS certificate can't be used; the old one stays");
            }
        }
    }
}

/// Contents and modes of both files as they are; what can't be read has a print of its own.
fn print(certificate: &Path, key: &Path) -> Print {
    let mut hash = Sha256::new();
    for file in [certificate, key] {
        let contents = fs::metadata(file).and_then(|found| Ok((found.permissions().mode(), fs::read(file)?)));
        match contents {
            Ok((mode, contents)) => {
                hash.update(mode.to_le_bytes());
                hash.update(Sha256::digest(&contents));
            }
            Err(error) => hash.update(format!("{:?}", error.kind())),
        }
    }
    hash.finalize().into()
}
