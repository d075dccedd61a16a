//! A certificate by ACME (RFC 8555), the domain shown to be ours by TLS-ALPN-01 (RFC 8737) on the port that is served.
//!
//! rustls-acme orders, answers and renews after two thirds of the certificate's time; here are its cache, which only
//! the server's user can read, and what the log says. An authority that can't be reached never stops the server: it
//! is asked again after 1, 2, 4 ... seconds, up to 18 hours.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use futures_util::StreamExt;
use indelible_ledger::Clock;
use parking_lot::Mutex;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, pem::PemObject},
    server::ResolvesServerCert,
};
use rustls_acme::{AccountCache, AcmeConfig, AcmeState, CertCache, EventError, EventOk};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{
    certificate::{CertificateError, Validity, certificates},
    provider,
};
use crate::{secrets::exposure, serve::stopped};

/// How to get a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// Names that the certificate is for, at least one.
    pub domains: Vec<String>,
    /// E-mail addresses that the authority writes to.
    pub contact: Vec<String>,
    /// Address of the authority's directory.
    pub directory: String,
    /// Certificates in PEM that the directory is trusted by, instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// Where account and certificate are kept.
    pub cache: PathBuf,
}

impl Acme {
    /// Whom the directory is trusted by; `None` for the public authorities.
    pub(super) fn roots(&self) -> Result<Option<RootCertStore>, CertificateError> {
        let Some(file) = &self.ca_file else { return Ok(None) };
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(certificates(file)?);
        if added == 0 {
            let expected = "certificates of authorities in PEM";
            return Err(CertificateError::Unusable { file: file.clone(), expected });
        }
        Ok(Some(roots))
    }
}

/// Gets certificates and keeps them fresh.
pub(crate) struct Orders {
    state: AcmeState<io::Error, io::Error>,
    domains: String,
    directory: String,
    validity: Arc<Mutex<Option<Validity>>>,
    clock: Arc<dyn Clock>,
}

/// What there is before the first order.
pub(super) struct Prepared {
    pub(super) resolver: Arc<dyn ResolvesServerCert>,
    /// Answers the authority's look.
    pub(super) challenge: Arc<ServerConfig>,
    pub(super) orders: Orders,
}

/// Prepares the cache and takes nothing from the network yet.
///
/// # Errors
/// [`CertificateError`] when the cache or `ca_file` can't be used.
pub(super) fn orders(acme: Acme, clock: Arc<dyn Clock>) -> Result<Prepared, CertificateError> {
    let roots = acme.roots()?;
    prepare(&acme.cache)?;
    let validity = Arc::<Mutex<Option<Validity>>>::default();
    let mut config = AcmeConfig::new_with_provider(&acme.domains, provider())
        .contact(acme.contact.iter().map(|address| format!("mailto:{address}")))
        .directory(&acme.directory)
        .cache(Cache { directory: acme.cache, validity: validity.clone() });
    if let Some(roots) = roots {
        let client = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("ring supports every version that rustls does")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config = config.client_tls_config(Arc::new(client));
    }
    let state = config.state();
    let (resolver, challenge) = (state.resolver(), state.challenge_rustls_config_with_provider(provider()));
    let domains = acme.domains.join(" ");
    let orders = Orders { state, domains, directory: acme.directory, validity, clock };
    Ok(Prepared { resolver, challenge, orders })
}

impl Orders {
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            let event = tokio::select! {
                () = stopped(&mut stop) => return,
                event = self.state.next() => event,
            };
            let Some(event) = event else { return };
            let Self { domains, directory, .. } = &self;
            match event {
                Ok(EventOk::DeployedNewCert) => tracing::info!(domains, "got a TLS certificate by ACME"),
                Ok(EventOk::DeployedCachedCert) => {
                    tracing::info!(domains, "the TLS certificate by ACME is there already")
                }
                Ok(EventOk::AccountCacheStore) => tracing::debug!(directory, "made an ACME account"),
                Ok(EventOk::CertCacheStore) => {}
                Err(EventError::Order(error)) => {
                    tracing::warn!(domains, directory, %error, "no TLS certificate by ACME; it will be tried again");
                }
                Err(error) => tracing::warn!(domains, directory, %error, "trouble with what is kept of ACME"),
            }
            if let Some(validity) = *self.validity.lock() {
                validity.tell(self.clock.now());
            }
        }
    }
}

/// Makes the directory, for the server's user alone.
fn prepare(directory: &Path) -> Result<(), CertificateError> {
    let failed = |source| CertificateError::Read { file: directory.into(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    for entry in fs::read_dir(directory).map_err(failed)? {
        if let Some(exposed) = exposure(&entry.map_err(failed)?.path()).map_err(failed)? {
            return Err(exposed.into());
        }
    }
    Ok(())
}

/// The account's key, and the certificate with its key, as files.
struct Cache {
    directory: PathBuf,
    /// Of the newest certificate that went through here.
    validity: Arc<Mutex<Option<Validity>>>,
}

impl Cache {
    /// A file for these names at this authority: another one for other names, so that changed settings never find
    /// what does not fit.
    fn file(&self, kind: &str, names: &[String], authority: &str) -> PathBuf {
        let mut hash = Sha256::new();
        for name in names.iter().map(String::as_str).chain([authority]) {
            hash.update(name);
            hash.update([0]);
        }
        self.directory.join(format!("{kind}-{}", hex::encode(&hash.finalize()[..16])))
    }

    fn note(&self, pem: &[u8]) {
        // The key stands before the chain.
        let first = CertificateDer::pem_slice_iter(pem).next().and_then(Result::ok);
        *self.validity.lock() = first.and_then(|certificate| Validity::of(&certificate));
    }
}

async fn read(file: PathBuf) -> io::Result<Option<Vec<u8>>> {
    let reading = tokio::task::spawn_blocking(move || match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    });
    reading.await.map_err(io::Error::other)?
}

/// Replaces the file as a whole, on disk before it counts: an account can't be had twice, certificates are rationed.
async fn write(file: PathBuf, bytes: Vec<u8>) -> io::Result<()> {
    let writing = tokio::task::spawn_blocking(move || {
        let new = file.with_extension("new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        written.write_all(&bytes)?;
        written.sync_all()?;
        fs::rename(&new, &file)
    });
    writing.await.map_err(io::Error::other)?
}

#[async_trait]
impl CertCache for Cache {
    type EC = io::Error;

    async fn load_cert(&self, domains: &[String], authority: &str) -> io::Result<Option<Vec<u8>>> {
        let loaded = read(self.file("certificate", domains, authority)).await?;
        if let Some(pem) = &loaded {
            self.note(pem);
        }
        Ok(loaded)
    }

    async fn store_cert(&self, domains: &[String], authority: &str, pem: &[u8]) -> io::Result<()> {
        self.note(pem);
        write(self.file("certificate", domains, authority), pem.to_vec()).await
    }
}

#[async_trait]
impl AccountCache for Cache {
    type EA = io::Error;

    async fn load_account(&self, contact: &[String], authority: &str) -> io::Result<Option<Vec<u8>>> {
        read(self.file("account", contact, authority)).await
    }

    async fn store_account(&self, contact: &[String], authority: &str, key: &[u8]) -> io::Result<()> {
        write(self.file("account", contact, authority), key.to_vec()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_kept_is_for_the_servers_user_alone_and_for_these_names() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("acme");
        prepare(&directory).unwrap();
        let mode = |file: &Path| fs::metadata(file).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&directory), 0o700);
        let cache = Cache { directory: directory.clone(), validity: Arc::default() };
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        cache.store_cert(&names("a.example b.example"), "https://ca", b"one").await.unwrap();
        cache.store_cert(&names("a.example b.example"), "https://ca", b"two").await.unwrap();
        cache.store_account(&names("ada@example.com"), "https://ca", b"key").await.unwrap();
        for (domains, authority, expected) in [
            ("a.example b.example", "https://ca", Some(b"two".to_vec())),
            ("a.example", "https://ca", None),
            ("a.exampleb.example", "https://ca", None),
            ("a.example b.example", "https://other", None),
        ] {
            assert_eq!(
                cache.load_cert(&names(domains), authority).await.unwrap(),
                expected,
                "{domains} {authority}"
            );
        }
        let files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 2, "{files:?}");
        for file in &files {
            assert_eq!(mode(file), 0o600, "{}", file.display());
        }
        fs::set_permissions(&files[0], fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(prepare(&directory), Err(CertificateError::Exposed(_))));
    }
}
